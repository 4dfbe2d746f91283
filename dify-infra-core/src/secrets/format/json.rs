//! JSON: one object of strings.

use std::collections::BTreeMap;
use std::fmt;

use secrecy::ExposeSecret;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::secrets::name::SecretName;
use crate::secrets::set::Secrets;

use super::Reader;

pub(super) fn render(secrets: &Secrets) -> String {
    let entries: BTreeMap<String, &str> = secrets
        .iter()
        .map(|(name, value)| (name.env_key(), value.expose_secret()))
        .collect();
    // A map of strings always serialises; an empty text would fail the reader at once.
    let mut text = serde_json::to_string_pretty(&entries).unwrap_or_default();
    text.push('\n');
    text
}

/// The members of an object in order, a repeated name included; `None` for what is no string.
struct Members(Vec<(String, Option<String>)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object of strings")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some((name, value)) = map.next_entry::<String, Value>()? {
            let text = if let Value::String(text) = value {
                Some(text)
            } else {
                None
            };
            members.push((name, text));
        }
        Ok(Members(members))
    }
}

pub(super) fn read(text: &str, reader: &mut Reader) {
    match serde_json::from_str::<Members>(text) {
        Ok(Members(members)) => {
            let mut from = 0;
            for (name, value) in members {
                from = position(text, &name, from);
                let line = line_of(text, from);
                match value {
                    Some(value) => reader.secret(line, SecretName::from_any(&name), &value),
                    None => reader.problem(line, "has a value that is not a string"),
                }
            }
        }
        // The parser's own message is not repeated: it can quote a value.
        Err(error) if error.is_data() => reader.problem(error.line(), "is not a JSON object"),
        Err(error) => reader.problem(
            error.line(),
            format!("is not valid JSON at column {}", error.column()),
        ),
    }
}

/// Where a member's name stands, searched from the end of the one before; quotes inside strings are
/// escaped, so the quoted name before a colon is that name.
fn position(text: &str, name: &str, from: usize) -> usize {
    let quoted = Value::from(name).to_string();
    let is_name = |end: usize| text[end..].trim_start().starts_with(':');
    let mut starts = text[from..]
        .match_indices(&quoted)
        .map(|(start, _)| from + start);
    starts
        .find(|start| is_name(start + quoted.len()))
        .map_or(from, |start| start + quoted.len())
}

fn line_of(text: &str, position: usize) -> usize {
    1 + text[..position].matches('\n').count()
}
