//! The syntax of template expressions: `[concat(parameters('name'), '-api')]`.
//!
//! Grammar as in learn.microsoft.com azure-resource-manager/templates/template-expressions: calls,
//! single-quoted texts with `''` for a quote, whole numbers, `.member` and `[index]`.

/// Characters of one expression at most; Azure's own limit.
const LONGEST: usize = 24_576;

/// Calls inside of calls at most.
const DEEPEST: usize = 64;

/// A parsed expression.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Expression {
    Text(String),
    Number(f64),
    Call { name: String, arguments: Vec<Self> },
    Member(Box<Self>, String),
    Index(Box<Self>, Box<Self>),
}

/// The expression in a string of a template; nothing when the string is no expression.
pub(crate) fn inside(text: &str) -> Option<&str> {
    let inner = text.strip_prefix('[')?.strip_suffix(']')?;
    (!inner.starts_with('[')).then_some(inner)
}

/// Parses an expression without its outer brackets; nothing when it is none.
pub(crate) fn parse(text: &str) -> Option<Expression> {
    if text.len() > LONGEST {
        return None;
    }
    let mut parser = Parser {
        text: text.as_bytes(),
        source: text,
        at: 0,
    };
    let expression = parser.expression(0)?;
    parser.space();
    (parser.at == parser.text.len()).then_some(expression)
}

struct Parser<'a> {
    text: &'a [u8],
    source: &'a str,
    at: usize,
}

impl Parser<'_> {
    fn space(&mut self) {
        while self.peek().is_some_and(|byte| byte.is_ascii_whitespace()) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> Option<()> {
        self.space();
        (self.peek() == Some(byte)).then(|| self.at += 1)
    }

    fn expression(&mut self, depth: usize) -> Option<Expression> {
        if depth > DEEPEST {
            return None;
        }
        self.space();
        let mut expression = match self.peek()? {
            b'\'' => Expression::Text(self.quoted()?),
            b'-' | b'+' | b'0'..=b'9' => Expression::Number(self.number()?),
            _ => self.call(depth)?,
        };
        let mut steps = 0;
        loop {
            self.space();
            steps += 1;
            if steps > DEEPEST {
                return None;
            }
            match self.peek() {
                Some(b'.') => {
                    self.at += 1;
                    let name = self.name()?;
                    expression = Expression::Member(Box::new(expression), name);
                }
                Some(b'[') => {
                    self.at += 1;
                    let index = self.expression(depth + 1)?;
                    self.take(b']')?;
                    expression = Expression::Index(Box::new(expression), Box::new(index));
                }
                _ => return Some(expression),
            }
        }
    }

    fn quoted(&mut self) -> Option<String> {
        self.at += 1;
        let mut text = String::new();
        loop {
            let rest = &self.source[self.at..];
            let end = rest.find('\'')?;
            text.push_str(&rest[..end]);
            self.at += end + 1;
            if self.peek() != Some(b'\'') {
                return Some(text);
            }
            text.push('\'');
            self.at += 1;
        }
    }

    fn number(&mut self) -> Option<f64> {
        let start = self.at;
        self.at += 1;
        while self
            .peek()
            .is_some_and(|byte| byte.is_ascii_digit() || byte == b'.')
        {
            self.at += 1;
        }
        self.source[start..self.at].parse().ok()
    }

    fn name(&mut self) -> Option<String> {
        self.space();
        let start = self.at;
        while self
            .peek()
            .is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | b'-'))
        {
            self.at += 1;
        }
        (self.at > start).then(|| self.source[start..self.at].to_owned())
    }

    fn call(&mut self, depth: usize) -> Option<Expression> {
        let mut name = self.name()?;
        // Functions of a template's own stand in a namespace.
        while self.peek() == Some(b'.') {
            self.at += 1;
            name = format!("{name}.{}", self.name()?);
        }
        self.take(b'(')?;
        let mut arguments = Vec::new();
        self.space();
        if self.peek() == Some(b')') {
            self.at += 1;
            return Some(Expression::Call { name, arguments });
        }
        loop {
            arguments.push(self.expression(depth + 1)?);
            self.space();
            match self.peek()? {
                b',' => self.at += 1,
                b')' => {
                    self.at += 1;
                    return Some(Expression::Call { name, arguments });
                }
                _ => return None,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_calls_texts_members_and_indexes() {
        let expression = parse("concat('it''s ', parameters('a').b[0], 3)").unwrap();
        let Expression::Call { name, arguments } = expression else {
            panic!("no call")
        };
        assert_eq!((name.as_str(), arguments.len()), ("concat", 3));
        assert_eq!(arguments[0], Expression::Text("it's ".to_owned()));
        assert!(matches!(&arguments[1], Expression::Index(inner, _)
            if matches!(&**inner, Expression::Member(_, member) if member == "b")));
    }

    #[test]
    fn only_brackets_around_everything_make_an_expression() {
        assert_eq!(inside("[variables('x')]"), Some("variables('x')"));
        assert_eq!(inside("[[literal]"), None);
        assert_eq!(inside("text [x]"), None);
    }

    #[test]
    fn refuses_what_is_none_without_panicking() {
        for text in [
            "", "f(", "f('", "f(1", "f(1 2)", "'é", "a.b", "f()x", "-", "f(]",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
        assert_eq!(parse(&"f(".repeat(5000)), None);
        assert_eq!(parse(&format!("f(){}", "[f()]".repeat(500))), None);
    }
}
