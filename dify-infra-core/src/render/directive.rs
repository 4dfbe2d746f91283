//! nginx directives as a tree, quoted when written.
//!
//! A value from outside is an [`Argument::text`], which can be any word but never a second one, a
//! directive or a variable. What nginx shall evaluate is an expression of the program's own
//! (`&'static str`) or a checked variable name.

use std::fmt::Write as _;

use super::text::comment_lines;

/// Longest argument: nginx refuses tokens that exceed its buffer of 4096 bytes.
const MAX_ARGUMENT: usize = 1024;

/// A value that the syntax of a file has no way to write literally.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{}` {problem}", .text.escape_debug())]
pub struct UnquotableText {
    /// The value.
    pub text: String,
    /// What is wrong with it, as the predicate of a sentence.
    pub problem: &'static str,
}

impl UnquotableText {
    /// Describes why `text` cannot be written.
    pub(super) fn new(text: &str, problem: &'static str) -> Self {
        Self {
            text: text.to_owned(),
            problem,
        }
    }
}

/// A piece of an argument.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    /// Means itself.
    Text(String),
    /// Is replaced by nginx for each request; the name without `$`.
    Variable(String),
    /// Written by this program; nginx reads what it will.
    Verbatim(&'static str),
}

/// One argument of a directive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Argument(Vec<Part>);

impl Argument {
    /// An argument that means itself.
    pub(super) fn text(text: &str) -> Result<Self, UnquotableText> {
        let problem = if text.contains('$') {
            Some("holds a `$`, which nginx has no way to write literally")
        } else if text.contains(char::is_control) {
            Some("holds a control character")
        } else if text.len() > MAX_ARGUMENT {
            Some("is longer than nginx reads")
        } else {
            None
        };
        match problem {
            Some(problem) => Err(UnquotableText::new(text, problem)),
            None => Ok(Self(vec![Part::Text(text.to_owned())])),
        }
    }

    /// The value of a variable.
    pub(super) fn variable(name: &str) -> Result<Self, UnquotableText> {
        let is_name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        if name.is_empty() || !name.bytes().all(is_name) {
            return Err(UnquotableText::new(
                name,
                "is not the name of an nginx variable",
            ));
        }
        Ok(Self(vec![Part::Variable(name.to_owned())]))
    }

    /// A number, with its unit.
    pub(super) fn number(value: u64, unit: &'static str) -> Self {
        Self(vec![Part::Text(format!("{value}{unit}"))])
    }

    /// Puts `other` behind this argument, as one word.
    pub(super) fn then(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// The word as nginx shall see it after unquoting.
    fn word(&self) -> String {
        let mut word = String::new();
        for (index, part) in self.0.iter().enumerate() {
            match part {
                Part::Text(text) => word.push_str(text),
                Part::Verbatim(text) => word.push_str(text),
                Part::Variable(name) if self.continues_a_name(index + 1) => {
                    word.push_str("${");
                    word.push_str(name);
                    word.push('}');
                }
                Part::Variable(name) => {
                    word.push('$');
                    word.push_str(name);
                }
            }
        }
        word
    }

    /// Whether the part at `index` starts with a character that would extend a variable's name.
    fn continues_a_name(&self, index: usize) -> bool {
        match self.0.get(index) {
            Some(Part::Text(text)) => {
                text.starts_with(|next: char| next.is_ascii_alphanumeric() || next == '_')
            }
            _ => false,
        }
    }
}

impl From<&'static str> for Argument {
    /// Takes words of the program's own; values from outside are not `'static`.
    fn from(text: &'static str) -> Self {
        Self(vec![Part::Verbatim(text)])
    }
}

/// What stands in a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Entry {
    /// A directive.
    Directive(Directive),
    /// A remark for the reader.
    Comment(String),
    /// An empty line.
    Blank,
}

impl From<Directive> for Entry {
    fn from(directive: Directive) -> Self {
        Self::Directive(directive)
    }
}

/// A directive with its arguments, and a block where it opens one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Directive {
    name: Argument,
    arguments: Vec<Argument>,
    block: Option<Vec<Entry>>,
}

impl Directive {
    /// A directive without arguments.
    pub(super) fn new(name: impl Into<Argument>) -> Self {
        Self {
            name: name.into(),
            arguments: Vec::new(),
            block: None,
        }
    }

    /// Adds an argument.
    pub(super) fn with(mut self, argument: impl Into<Argument>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Opens a block.
    pub(super) fn block(mut self, entries: Vec<Entry>) -> Self {
        self.block = Some(entries);
        self
    }
}

/// Writes entries as an nginx file.
pub(super) fn to_text(entries: &[Entry]) -> String {
    let mut text = String::new();
    write_entries(&mut text, entries, 0);
    text
}

fn write_entries(text: &mut String, entries: &[Entry], depth: usize) {
    let indent = "    ".repeat(depth);
    for entry in entries {
        match entry {
            Entry::Blank => text.push('\n'),
            Entry::Comment(comment) => {
                for line in comment_lines(comment) {
                    write_to(text, format_args!("{indent}# {line}\n"));
                }
            }
            Entry::Directive(directive) => {
                text.push_str(&indent);
                write_directive(text, directive, depth);
            }
        }
    }
}

fn write_directive(text: &mut String, directive: &Directive, depth: usize) {
    text.push_str(&quoted(&directive.name.word()));
    for argument in &directive.arguments {
        text.push(' ');
        text.push_str(&quoted(&argument.word()));
    }
    match &directive.block {
        None => text.push_str(";\n"),
        Some(entries) => {
            text.push_str(" {\n");
            write_entries(text, entries, depth + 1);
            text.push_str(&"    ".repeat(depth));
            text.push_str("}\n");
        }
    }
}

/// Formats into a string, which cannot fail.
fn write_to(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    let written = text.write_fmt(arguments);
    debug_assert!(written.is_ok(), "a string takes every text");
}

/// Writes one word so that nginx reads exactly it.
///
/// In double quotes a backslash escapes `"`, `'`, `\`, `t`, `r` and `n` and stands for itself
/// before anything else (nginx, `ngx_conf_read_token`).
fn quoted(word: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_./:=+-,@$~".contains(&byte);
    if !word.is_empty() && word.bytes().all(is_plain) {
        return word.to_owned();
    }
    let mut quoted = String::from("\"");
    for character in word.chars() {
        match character {
            '"' | '\\' => {
                quoted.push('\\');
                quoted.push(character);
            }
            '\n' => quoted.push_str("\\n"),
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Argument, Directive, Entry, to_text};

    /// Reads a file as nginx's `ngx_conf_read_token` does: words, `;`, `{` and `}`.
    fn tokens(text: &str) -> Vec<String> {
        let mut tokens = Vec::new();
        let mut rest = text.chars().peekable();
        while let Some(first) = rest.next() {
            match first {
                c if c.is_ascii_whitespace() => {}
                '#' => {
                    rest.by_ref().find(|&c| c == '\n');
                }
                ';' | '{' | '}' => tokens.push(first.to_string()),
                '"' => {
                    let mut word = String::from("\"");
                    while let Some(c) = rest.next() {
                        match (c, rest.peek()) {
                            ('\\', Some(&next)) if "\"'\\".contains(next) => {
                                word.push(next);
                                rest.next();
                            }
                            ('\\', Some('n')) => {
                                word.push('\n');
                                rest.next();
                            }
                            ('\\', Some('t' | 'r')) => panic!("never written"),
                            ('"', next) => {
                                assert!(matches!(next, Some(' ' | ';')), "unexpected {next:?}");
                                break;
                            }
                            _ => word.push(c),
                        }
                    }
                    tokens.push(word);
                }
                _ => {
                    let mut word = first.to_string();
                    while let Some(&c) = rest.peek() {
                        if c.is_ascii_whitespace() || ";{".contains(c) {
                            break;
                        }
                        word.push(c);
                        rest.next();
                    }
                    tokens.push(word);
                }
            }
        }
        tokens
    }

    fn value_of(token: &str) -> &str {
        token.strip_prefix('"').unwrap_or(token)
    }

    proptest! {
        #[test]
        fn a_text_is_one_word_whatever_it_holds(
            one in "[ -#%-~é]{0,40}",
            two in r#"[;{}#"'\\ a]{0,20}"#,
        ) {
            let directive = Directive::new("set")
                .with(Argument::text(&one).unwrap())
                .with(Argument::text(&two).unwrap());
            let text = to_text(&[Entry::Comment(format!("{two}\n{one}")), directive.into()]);
            let tokens = tokens(&text);
            let values: Vec<&str> = tokens.iter().map(|token| value_of(token)).collect();
            prop_assert_eq!(values, vec!["set", one.as_str(), two.as_str(), ";"]);
        }

        #[test]
        fn a_text_with_a_variable_or_line_break_is_refused(
            before in ".{0,10}",
            trap in "[$\n\r\t\0\u{7f}]",
            after in ".{0,10}",
        ) {
            let text = [before, trap, after].concat();
            prop_assert!(Argument::text(&text).is_err());
        }

        #[test]
        fn a_variable_is_named_by_a_name_alone(name in "[a-z0-9_]{0,5}[^a-z0-9_][a-z]{0,5}") {
            prop_assert!(Argument::variable(&name).is_err());
        }
    }

    #[test]
    fn a_variable_is_set_apart_from_the_letters_after_it() {
        let url = |tail| {
            let variable = Argument::variable("upstream").unwrap();
            Argument::from("http://")
                .then(variable)
                .then(Argument::text(tail).unwrap())
                .word()
        };
        assert_eq!(url(":80"), "http://$upstream:80");
        assert_eq!(url("x"), "http://${upstream}x");
    }

    #[test]
    fn writes_blocks_with_their_indentation() {
        let inner = Directive::new("return").with("200").with("ok\n");
        let outer = Directive::new("location")
            .with("=")
            .with("/x")
            .block(vec![inner.into()]);
        assert_eq!(
            to_text(&[outer.into(), Entry::Blank]),
            "location = /x {\n    return 200 \"ok\\n\";\n}\n\n"
        );
    }

    #[test]
    fn a_text_too_long_for_nginx_is_refused() {
        assert!(Argument::text(&"x".repeat(1024)).is_ok());
        assert!(Argument::text(&"x".repeat(1025)).is_err());
    }
}
