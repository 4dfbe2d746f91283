//! TOML: one basic string per line.

use std::fmt::Write as _;

use toml::de::{DeTable, DeValue};

use crate::secrets::name::SecretName;

use super::Reader;

pub(super) fn line(name: &SecretName, value: &str) -> String {
    let mut line = format!("{} = \"", name.env_key());
    for character in value.chars() {
        match character {
            '"' | '\\' => line.extend(['\\', character]),
            '\n' => line.push_str("\\n"),
            '\r' => line.push_str("\\r"),
            '\t' => line.push_str("\\t"),
            control if control.is_control() => {
                // Writing to a String cannot fail.
                let _ = write!(line, "\\u{:04X}", u32::from(control));
            }
            other => line.push(other),
        }
    }
    line.push('"');
    line
}

pub(super) fn read(text: &str, reader: &mut Reader) {
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        // The parser's own message and excerpt are not repeated: they quote the line.
        let start = error.span().map_or(0, |span| span.start);
        reader.problem(line_of(text, start), "is not valid TOML, or repeats a name");
    }
    for (key, value) in table.get_ref() {
        let line = line_of(text, key.span().start);
        match value.get_ref() {
            DeValue::String(value) => {
                reader.secret(line, SecretName::from_any(key.get_ref()), value);
            }
            _ => reader.problem(line, "has a value that is not a string"),
        }
    }
}

fn line_of(text: &str, position: usize) -> usize {
    1 + text.get(..position).unwrap_or(text).matches('\n').count()
}
