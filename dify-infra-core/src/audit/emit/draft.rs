//! A deployment file that is being written: keys with comments, and what was left out.

use std::borrow::Cow;
use std::fmt::Write as _;

use crate::diagnostic::{KeyPath, Segment};

/// Lines about what was left out at most.
const MOST_NOTES: usize = 120;

/// A file that is being written.
#[derive(Debug, Clone, Default)]
pub(super) struct Draft {
    items: Vec<Item>,
    notes: Vec<String>,
    left: usize,
}

/// One key with its value.
#[derive(Debug, Clone)]
struct Item {
    /// The table's name, empty for the top of the file.
    table: String,
    key: String,
    /// The value as TOML.
    value: String,
    comment: Option<String>,
}

impl Draft {
    /// Sets a key to a value that is TOML already; tables appear in the order of their first keys.
    pub(super) fn set(&mut self, table: &str, key: &str, value: String) -> &mut Self {
        self.items.push(Item {
            table: table.to_owned(),
            key: key.to_owned(),
            value,
            comment: None,
        });
        self
    }

    /// Sets a key to a text.
    pub(super) fn text(&mut self, table: &str, key: &str, text: &str) -> &mut Self {
        self.set(table, key, quoted(text))
    }

    /// Says something behind the key that was set last.
    pub(super) fn because(&mut self, comment: &str) {
        if let Some(item) = self.items.last_mut() {
            item.comment = Some(one_line(comment));
        }
    }

    /// Says what could not be carried.
    pub(super) fn note(&mut self, note: &str) {
        if self.notes.len() < MOST_NOTES {
            self.notes.push(one_line(note));
        } else {
            self.left += 1;
        }
    }

    /// Removes what stands at a path, with the reason; whether there was something.
    pub(super) fn remove(&mut self, path: &KeyPath, why: &str) -> bool {
        let keys: Vec<&str> = path
            .segments()
            .iter()
            .filter_map(|segment| match segment {
                Segment::Key(key) => Some(key.as_str()),
                Segment::Index(_) => None,
            })
            .collect();
        let matches = |item: &Item| {
            let table = item.table.split('.').filter(|part| !part.is_empty());
            let own: Vec<&str> = table.chain([item.key.as_str()]).collect();
            let shared = own.len().min(keys.len());
            // The top of the file is what every deployment must have.
            !item.table.is_empty() && shared > 0 && own[..shared] == keys[..shared]
        };
        let before = self.items.len();
        let gone: Vec<String> = self
            .items
            .iter()
            .filter(|item| matches(item))
            .map(|item| format!("{}.{}", item.table, item.key))
            .collect();
        self.items.retain(|item| !matches(item));
        for name in gone {
            self.note(&format!("{name}: {why}"));
        }
        self.items.len() < before
    }

    /// The places of all that may be removed, by table and key.
    pub(super) fn removable(&self) -> Vec<(String, String)> {
        let items = self.items.iter().filter(|it| !it.table.is_empty());
        items
            .filter(|it| it.table != "azure")
            .map(|it| (it.table.clone(), it.key.clone()))
            .collect()
    }

    /// Whether a key is set, and to what as TOML.
    pub(super) fn value(&self, table: &str, key: &str) -> Option<&str> {
        let item = self
            .items
            .iter()
            .find(|it| it.table == table && it.key == key);
        item.map(|it| it.value.as_str())
    }

    /// Removes a table, or one key of it.
    pub(super) fn take(&mut self, table: &str, key: Option<&str>) {
        self.items
            .retain(|it| it.table != table || key.is_some_and(|key| it.key != key));
    }

    /// Removes all but what every deployment must have.
    pub(super) fn strip(&mut self) {
        self.items
            .retain(|item| item.table.is_empty() || item.table == "azure");
    }

    /// The file, behind lines that say where it is from.
    pub(super) fn render(&self, head: &[String]) -> String {
        let mut text = String::new();
        for line in head {
            let _ = writeln!(text, "# {}", one_line(line));
        }
        if !self.notes.is_empty() {
            text.push_str("#\n# Not carried, or repaired:\n");
        }
        for note in &self.notes {
            let _ = writeln!(text, "# - {note}");
        }
        if self.left > 0 {
            let _ = writeln!(text, "# - and {} more", self.left);
        }
        let mut tables: Vec<&str> = vec![""];
        for item in &self.items {
            if !tables.contains(&item.table.as_str()) {
                tables.push(&item.table);
            }
        }
        for table in tables {
            text.push('\n');
            if !table.is_empty() {
                let _ = writeln!(text, "[{table}]");
            }
            for item in self.items.iter().filter(|it| it.table == table) {
                let _ = write!(text, "{} = {}", key(&item.key), item.value);
                if let Some(comment) = &item.comment {
                    let _ = write!(text, "  # {comment}");
                }
                text.push('\n');
            }
        }
        text
    }
}

/// A key as it is, or in quotes where it has more than letters, digits, `_` and `-`.
fn key(key: &str) -> Cow<'_, str> {
    let is_plain = |it: u8| it.is_ascii_alphanumeric() || b"_-".contains(&it);
    if !key.is_empty() && key.bytes().all(is_plain) {
        Cow::Borrowed(key)
    } else {
        Cow::Owned(quoted(key))
    }
}

/// A text of TOML.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            it if it.is_control() => {
                let _ = write!(quoted, "\\u{:04X}", u32::from(it));
            }
            it => quoted.push(it),
        }
    }
    quoted.push('"');
    quoted
}

/// A comment is one line, whatever a foreign file put into it.
fn one_line(text: &str) -> String {
    let plain = |it: char| if it.is_control() { ' ' } else { it };
    text.chars().map(plain).take(400).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_can_not_end_its_line() {
        let mut draft = Draft::default();
        draft.note("a\nname = \"evil\"");
        draft.text("", "name", "dify\"\\\u{7f}\n").because("b\r\nc");
        let text = draft.render(&["head\nline".to_owned()]);
        let lines: Vec<&str> = text.lines().filter(|it| !it.starts_with('#')).collect();
        assert_eq!(lines, ["", "name = \"dify\\\"\\\\\\u007F\\n\"  # b  c"]);
        assert!(crate::spec::Document::parse(&text).is_ok(), "{text}");
    }

    #[test]
    fn removes_what_a_finding_is_about_but_not_what_must_be_there() {
        let mut draft = Draft::default();
        draft.text("", "name", "x");
        draft
            .text("services.api.env", "A", "1")
            .text("services.api.env", "B", "2");
        assert!(draft.remove(&KeyPath::of("services.api.env.A"), "wrong"));
        assert!(!draft.remove(&KeyPath::of("name"), "wrong"));
        assert!(!draft.remove(&KeyPath::of("services.api.env.A"), "wrong"));
        let text = draft.render(&[]);
        assert!(
            text.contains("B = \"2\"") && text.contains("services.api.env.A: wrong"),
            "{text}"
        );
    }
}
