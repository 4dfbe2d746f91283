//! A tree of values as YAML that people read.
//!
//! A word stands bare only where every reader of YAML 1.1 and 1.2 takes it for a text; everything
//! else is in double quotes, where YAML has an escape for every character (YAML 1.2.2, 5.7 and 7.3.1).

use std::fmt::Write as _;

use super::text::comment_lines;

/// A value of a YAML file; fields keep the order in which they are added.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Yaml {
    /// A text.
    Text(String),
    /// A whole number.
    Number(u64),
    /// `true` or `false`.
    Flag(bool),
    /// A list.
    List(Vec<Self>),
    /// Named values.
    Fields(Vec<(String, Self)>),
}

impl Yaml {
    /// Named values, none yet.
    pub(super) fn fields() -> Self {
        Self::Fields(Vec::new())
    }

    /// Adds a named value.
    pub(super) fn with(mut self, name: &str, value: impl Into<Self>) -> Self {
        if let Self::Fields(fields) = &mut self {
            fields.push((name.to_owned(), value.into()));
        }
        self
    }

    /// Adds a named value, if there is one.
    pub(super) fn with_some(self, name: &str, value: Option<impl Into<Self>>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// Adds a named list or fields, unless empty.
    pub(super) fn with_any(self, name: &str, value: impl Into<Self>) -> Self {
        let value = value.into();
        if value.is_empty() {
            self
        } else {
            self.with(name, value)
        }
    }

    fn is_empty(&self) -> bool {
        match self {
            Self::List(items) => items.is_empty(),
            Self::Fields(fields) => fields.is_empty(),
            Self::Text(_) | Self::Number(_) | Self::Flag(_) => false,
        }
    }
}

impl From<&str> for Yaml {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Yaml {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<bool> for Yaml {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

impl From<u32> for Yaml {
    fn from(number: u32) -> Self {
        Self::Number(number.into())
    }
}

impl<T: Into<Self>> From<Vec<T>> for Yaml {
    fn from(items: Vec<T>) -> Self {
        Self::List(items.into_iter().map(Into::into).collect())
    }
}

impl<T: Into<Self>> FromIterator<(String, T)> for Yaml {
    fn from_iter<I: IntoIterator<Item = (String, T)>>(fields: I) -> Self {
        let fields = fields.into_iter();
        Self::Fields(fields.map(|(name, value)| (name, value.into())).collect())
    }
}

/// Writes a file: a remark at the top, then the value.
pub(super) fn to_text(remark: &str, value: &Yaml) -> String {
    let mut text = String::new();
    for line in remark.lines().flat_map(comment_lines) {
        let _ = writeln!(text, "# {line}");
    }
    text.push('\n');
    if value.is_empty() || matches!(value, Yaml::Text(_) | Yaml::Number(_) | Yaml::Flag(_)) {
        text.push_str(&flow(value));
        text.push('\n');
    } else {
        write_block(&mut text, value, 0);
    }
    text
}

/// A list or fields on lines of their own, each line indented by `depth` steps.
fn write_block(text: &mut String, value: &Yaml, depth: usize) {
    let indent = "  ".repeat(depth);
    match value {
        Yaml::Fields(fields) => {
            for (name, value) in fields {
                let _ = write!(text, "{indent}{}:", scalar(name));
                write_after(text, value, depth + 1);
            }
        }
        Yaml::List(items) => {
            for item in items {
                let _ = write!(text, "{indent}-");
                write_after(text, item, depth + 1);
            }
        }
        scalar => text.push_str(&flow(scalar)),
    }
}

/// What follows a name or a dash: on the same line where it fits, else below.
fn write_after(text: &mut String, value: &Yaml, depth: usize) {
    if is_short(value) {
        text.push(' ');
        text.push_str(&flow(value));
        text.push('\n');
    } else {
        text.push('\n');
        write_block(text, value, depth);
    }
}

/// Whether a value stands on one line: scalars, empty collections, short lists of scalars.
fn is_short(value: &Yaml) -> bool {
    match value {
        Yaml::List(items) => {
            let scalars = items
                .iter()
                .all(|item| !matches!(item, Yaml::List(_) | Yaml::Fields(_)));
            items.is_empty() || (scalars && flow(value).len() <= 60)
        }
        Yaml::Fields(fields) => fields.is_empty(),
        Yaml::Text(_) | Yaml::Number(_) | Yaml::Flag(_) => true,
    }
}

fn flow(value: &Yaml) -> String {
    match value {
        Yaml::Text(text) => scalar(text),
        Yaml::Number(number) => number.to_string(),
        Yaml::Flag(flag) => flag.to_string(),
        Yaml::List(items) => {
            let items: Vec<String> = items.iter().map(flow).collect();
            format!("[{}]", items.join(", "))
        }
        Yaml::Fields(fields) => {
            let field =
                |(name, value): &(String, Yaml)| format!("{}: {}", scalar(name), flow(value));
            let fields: Vec<String> = fields.iter().map(field).collect();
            format!("{{{}}}", fields.join(", "))
        }
    }
}

/// A text, bare or quoted.
fn scalar(text: &str) -> String {
    if is_bare(text) {
        text.to_owned()
    } else {
        quoted(text)
    }
}

/// Whether every reader takes the bare word for this very text.
///
/// It begins with a letter, `/` or `./`, so it is no number, date or base-60 number; holds nothing
/// that YAML gives a meaning to; and is no word for a truth value or nothing in YAML 1.1.
fn is_bare(text: &str) -> bool {
    const WORDS: [&str; 11] = [
        "y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf",
    ];
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./".contains(&byte);
    let colons_inside = |(index, byte): (usize, u8)| {
        byte != b':'
            || text
                .as_bytes()
                .get(index + 1)
                .copied()
                .is_some_and(is_plain)
    };
    let starts = text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '/');
    (starts || text.starts_with("./"))
        && text.bytes().all(|byte| is_plain(byte) || byte == b':')
        && text.bytes().enumerate().all(colons_inside)
        && !WORDS.iter().any(|word| word.eq_ignore_ascii_case(text))
}

/// A text in double quotes, on one line.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => {
                quoted.push('\\');
                quoted.push(character);
            }
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            ' '..='~' => quoted.push(character),
            // What YAML calls printable, less the line breaks and marks among it.
            '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fefe}' | '\u{ff00}'..='\u{fffd}'
                if !matches!(character, '\u{2028}' | '\u{2029}') =>
            {
                quoted.push(character);
            }
            other => {
                let _ = write!(quoted, "\\U{:08X}", u32::from(other));
            }
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use yaml_rust2::{Yaml as Read, YamlLoader};

    use super::*;

    fn read(text: &str) -> Read {
        let mut documents = YamlLoader::load_from_str(text).unwrap_or_else(|error| {
            panic!("{error}\n{text}");
        });
        assert_eq!(documents.len(), 1, "{text}");
        documents.remove(0)
    }

    fn value() -> impl Strategy<Value = Yaml> {
        let hostile = prop_oneof![
            any::<String>(),
            "[-?:,\\[\\]{}#&*!|>'\"%@`~ \\n\\r\\t$a]{0,12}",
            "(?i)(y|n|yes|no|on|off|true|false|null|~|\\.nan|\\.inf|0x1f|0o7|1e3|1_000|12:30|2001-01-01|=|<<)",
            "[a-zA-Z0-9_./:-]{0,20}",
            "(\u{feff}|\u{2028}|\u{85}|\u{a0}|\u{1f600}|\0|\u{7f}|é){1,4}",
        ];
        let leaf = prop_oneof![
            4 => hostile.prop_map(Yaml::Text),
            1 => (0..u64::from(u32::MAX)).prop_map(Yaml::Number),
            1 => any::<bool>().prop_map(Yaml::Flag),
        ];
        leaf.prop_recursive(4, 40, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Yaml::List),
                prop::collection::btree_map(any::<String>(), inner, 0..5)
                    .prop_map(|fields| fields.into_iter().collect()),
            ]
        })
    }

    /// Compares with what an independent reader of YAML 1.2 made of the text.
    fn is_same(written: &Yaml, read: &Read) -> bool {
        match (written, read) {
            (Yaml::Text(written), Read::String(read)) => written == read,
            (Yaml::Number(written), Read::Integer(read)) => i64::try_from(*written) == Ok(*read),
            (Yaml::Flag(written), Read::Boolean(read)) => written == read,
            (Yaml::List(written), Read::Array(read)) => {
                written.len() == read.len()
                    && written
                        .iter()
                        .zip(read)
                        .all(|(one, other)| is_same(one, other))
            }
            (Yaml::Fields(written), Read::Hash(read)) => {
                written.len() == read.len()
                    && written
                        .iter()
                        .zip(read)
                        .all(|((name, value), (key, read))| {
                            key.as_str() == Some(name) && is_same(value, read)
                        })
            }
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn whatever_is_written_reads_back(value in value(), remark in any::<String>()) {
            let text = to_text(&remark, &value);
            let read = read(&text);
            prop_assert!(is_same(&value, &read), "{:?}\n{}\n{:?}", value, text, read);
        }
    }

    #[test]
    fn words_with_a_meaning_are_quoted_and_plain_ones_are_not() {
        for text in [
            "no", "On", "1.0", "0644", "", "a: b", "a #b", "12:30", "x:", "-a", "~", "*a", "a\n",
        ] {
            assert!(scalar(text).starts_with('"'), "{text}");
        }
        for text in [
            "nginx",
            "./nginx.conf:/etc/nginx.conf:ro",
            "docker.io/library/nginx:1.30.4",
            "/data",
        ] {
            assert_eq!(scalar(text), text);
        }
    }

    #[test]
    fn short_lists_stand_on_one_line_and_long_ones_below() {
        let value = Yaml::fields()
            .with("command", vec!["sh", "start.sh"])
            .with("volumes", vec!["x".repeat(40), "y".repeat(40)])
            .with_any("networks", Vec::<String>::new());
        let (x, y) = ("x".repeat(40), "y".repeat(40));
        assert_eq!(
            to_text("A remark.", &value),
            format!("# A remark.\n\ncommand: [sh, start.sh]\nvolumes:\n  - {x}\n  - {y}\n")
        );
    }
}
