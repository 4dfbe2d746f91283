//! The expression language of templates: texts in brackets, as `[concat('a', parameters('b').c[0])]`
//! (learn.microsoft.com azure-resource-manager/templates/template-expressions).

/// An expression, taken apart.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Expression {
    Text(String),
    Number(i64),
    /// A function with its arguments; the name as it was written.
    Call(String, Vec<Self>),
    /// `.name`, or an index in brackets.
    Member(Box<Self>, Box<Self>),
}

/// What a text of a template is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Reading {
    /// A text that means itself, with a doubled bracket undone.
    Literal(String),
    Expression(Expression),
}

/// How deep expressions may be nested; deeper ones are refused rather than exhausting the stack.
const DEPTH: usize = 64;

/// Reads a text of a template.
///
/// # Errors
///
/// When it is in brackets and no expression; the error is a part of a sentence.
pub(crate) fn read(text: &str) -> Result<Reading, String> {
    let Some(inside) = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
    else {
        return Ok(Reading::Literal(text.to_owned()));
    };
    if inside.starts_with('[') {
        return Ok(Reading::Literal(text[1..].to_owned()));
    }
    let mut parser = Parser { rest: inside };
    let expression = parser.expression(0)?;
    parser.skip_space();
    if parser.rest.is_empty() {
        Ok(Reading::Expression(expression))
    } else {
        Err(format!("the end is expected before '{}'", parser.rest))
    }
}

struct Parser<'a> {
    rest: &'a str,
}

impl Parser<'_> {
    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn take(&mut self, sign: char) -> bool {
        self.skip_space();
        match self.rest.strip_prefix(sign) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn expect(&mut self, sign: char) -> Result<(), String> {
        if self.take(sign) {
            return Ok(());
        }
        Err(format!("'{sign}' is expected before '{}'", self.rest))
    }

    fn expression(&mut self, depth: usize) -> Result<Expression, String> {
        if depth > DEPTH {
            return Err("it is nested too deeply".to_owned());
        }
        let mut found = self.primary(depth)?;
        for _ in 0..DEPTH {
            let step = if self.take('.') {
                Expression::Text(self.word()?)
            } else if self.take('[') {
                let index = self.expression(depth + 1)?;
                self.expect(']')?;
                index
            } else {
                return Ok(found);
            };
            found = Expression::Member(Box::new(found), Box::new(step));
        }
        Err("it has too many steps".to_owned())
    }

    fn primary(&mut self, depth: usize) -> Result<Expression, String> {
        self.skip_space();
        if self.rest.starts_with('\'') {
            return self.text().map(Expression::Text);
        }
        if self
            .rest
            .starts_with(|c: char| c.is_ascii_digit() || c == '-')
        {
            return self.number();
        }
        let name = self.word()?;
        self.expect('(')?;
        let mut arguments = Vec::new();
        if !self.take(')') {
            loop {
                arguments.push(self.expression(depth + 1)?);
                if !self.take(',') {
                    break;
                }
            }
            self.expect(')')?;
        }
        Ok(Expression::Call(name, arguments))
    }

    /// A text in single quotes, in which a doubled quote stands for one.
    fn text(&mut self) -> Result<String, String> {
        let mut text = String::new();
        let mut signs = self.rest.char_indices().skip(1).peekable();
        while let Some((index, sign)) = signs.next() {
            if sign != '\'' {
                text.push(sign);
            } else if signs.peek().is_some_and(|(_, next)| *next == '\'') {
                text.push('\'');
                signs.next();
            } else {
                self.rest = &self.rest[index + 1..];
                return Ok(text);
            }
        }
        Err("a text in quotes has no end".to_owned())
    }

    fn number(&mut self) -> Result<Expression, String> {
        let end = self.rest[1..]
            .find(|c: char| !c.is_ascii_digit())
            .map_or(self.rest.len(), |end| end + 1);
        let (digits, rest) = self.rest.split_at(end);
        let number = digits
            .parse()
            .map_err(|_| format!("'{digits}' is not a number"))?;
        self.rest = rest;
        Ok(Expression::Number(number))
    }

    fn word(&mut self) -> Result<String, String> {
        self.skip_space();
        let end = self
            .rest
            .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '$'))
            .unwrap_or(self.rest.len());
        if end == 0 {
            return Err(format!("a name is expected before '{}'", self.rest));
        }
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        Ok(word.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expression(text: &str) -> Expression {
        match read(text).unwrap() {
            Reading::Expression(expression) => expression,
            Reading::Literal(text) => panic!("{text} is a literal"),
        }
    }

    #[test]
    fn a_call_has_its_arguments_and_members() {
        let Expression::Member(list, index) = expression("[ f('a''b', g(), -3).keys[0] ]") else {
            panic!("no member");
        };
        assert_eq!(*index, Expression::Number(0));
        let Expression::Member(call, name) = *list else {
            panic!("no member");
        };
        assert_eq!(*name, Expression::Text("keys".to_owned()));
        let arguments = vec![
            Expression::Text("a'b".to_owned()),
            Expression::Call("g".to_owned(), Vec::new()),
            Expression::Number(-3),
        ];
        assert_eq!(*call, Expression::Call("f".to_owned(), arguments));
    }

    #[test]
    fn texts_without_brackets_and_with_doubled_ones_mean_themselves() {
        for (text, meant) in [
            ("plain", "plain"),
            ("[[a]", "[a]"),
            ("[a] b", "[a] b"),
            ("", ""),
        ] {
            assert_eq!(read(text), Ok(Reading::Literal(meant.to_owned())), "{text}");
        }
    }

    #[test]
    fn what_is_no_expression_is_refused_with_the_place() {
        for (text, part) in [
            ("[]", "a name is expected"),
            ("[f(]", "a name is expected"),
            ("[f('a]", "no end"),
            ("[f() g]", "the end is expected before 'g'"),
            ("[f('a' 'b')]", "')' is expected before ''b')'"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
        assert!(read(&format!("[{}", "f(".repeat(5000) + "]")).is_err());
    }
}
