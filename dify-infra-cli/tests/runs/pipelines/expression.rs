//! As much of the expressions of both systems as the examples use: operators and contexts of GitHub
//! (<https://docs.github.com/actions/reference/workflows-and-actions/expressions>), functions of Azure Pipelines
//! (<https://learn.microsoft.com/azure/devops/pipelines/process/expressions>).

/// What names stand for. A name that is not known is a mistake of the pipeline.
pub(super) type Names<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Whether a condition holds, after steps or jobs of which one has failed or none.
pub(super) fn holds(text: &str, has_failed: bool, names: Names<'_>) -> bool {
    is_true(&evaluate(text, has_failed, names))
}

/// The value of an expression.
pub(super) fn evaluate(text: &str, has_failed: bool, names: Names<'_>) -> String {
    let mut reader = Reader {
        rest: text,
        has_failed,
        names,
    };
    let value = reader.either();
    assert_eq!(reader.rest.trim(), "", "not understood in {text:?}");
    value
}

fn is_true(value: &str) -> bool {
    !value.is_empty() && value != "false"
}

struct Reader<'a> {
    rest: &'a str,
    has_failed: bool,
    names: Names<'a>,
}

impl Reader<'_> {
    fn takes(&mut self, mark: &str) -> bool {
        let rest = self.rest.trim_start().strip_prefix(mark);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn either(&mut self) -> String {
        let mut value = self.both();
        while self.takes("||") {
            let other = self.both();
            value = if is_true(&value) { value } else { other };
        }
        value
    }

    fn both(&mut self) -> String {
        let mut value = self.compared();
        while self.takes("&&") {
            let other = self.compared();
            value = if is_true(&value) { other } else { value };
        }
        value
    }

    fn compared(&mut self) -> String {
        let value = self.single();
        if self.takes("==") {
            return (value == self.single()).to_string();
        }
        if self.takes("!=") {
            return (value != self.single()).to_string();
        }
        value
    }

    fn single(&mut self) -> String {
        if self.takes("'") {
            return self.until('\'');
        }
        if self.takes("(") {
            let value = self.either();
            assert!(
                self.takes(")"),
                "an open parenthesis before {:?}",
                self.rest
            );
            return value;
        }
        let mut name = self.word();
        if self.takes("(") {
            return self.call(&name);
        }
        while self.takes("['") {
            name = format!("{name}.{}", self.until('\''));
            assert!(self.takes("]"), "{name}");
        }
        let value = (self.names)(&name);
        value.unwrap_or_else(|| panic!("nothing is called {name}"))
    }

    fn until(&mut self, end: char) -> String {
        let (text, rest) = self.rest.split_once(end).unwrap();
        self.rest = rest;
        text.to_owned()
    }

    fn word(&mut self) -> String {
        let text = self.rest.trim_start();
        let is_end = |one: char| !(one.is_ascii_alphanumeric() || "._-".contains(one));
        let (word, rest) = text.split_at(text.find(is_end).unwrap_or(text.len()));
        assert!(!word.is_empty(), "no name before {text:?}");
        self.rest = rest;
        word.to_owned()
    }

    fn call(&mut self, function: &str) -> String {
        let mut given = Vec::new();
        while !self.takes(")") {
            given.push(self.either());
            self.takes(",");
        }
        let given: Vec<&str> = given.iter().map(String::as_str).collect();
        let value = match (function, given.as_slice()) {
            ("always" | "succeededOrFailed", []) => true,
            ("success" | "succeeded", []) => !self.has_failed,
            ("eq", [one, other]) => one.eq_ignore_ascii_case(other),
            ("ne", [one, other]) => !one.eq_ignore_ascii_case(other),
            ("and", all) => all.iter().all(|one| is_true(one)),
            _ => panic!("{function} is no function that is known here"),
        };
        value.to_string()
    }
}
