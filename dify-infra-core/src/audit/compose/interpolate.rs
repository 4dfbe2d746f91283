//! Variables in compose files: `${NAME:-default}` and its relatives,.
//!
//! As in docs.docker.com compose/how-tos/environment-variables/variable-interpolation. A variable that
//! is set nowhere may come from the shell of whoever runs compose: it is unseen, unless it has a
//! default.

use std::collections::{BTreeMap, HashMap};

use super::super::inventory::Inventory;
use super::super::node::{Node, Tree};
use super::super::place::Place;
use super::super::seen::{Seen, Unseen};

/// Defaults inside of defaults at most.
const DEEPEST: usize = 16;

/// A variable of a `.env` file.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) value: Seen,
    pub(super) place: Place,
}

/// Variables by name.
pub(super) type Entries = BTreeMap<String, Entry>;

/// A text with its variables replaced; whether any came from a file.
pub(super) fn interpolate(text: &str, entries: &Entries) -> (Seen, bool) {
    let mut filled = Filled {
        entries,
        from_file: false,
        missing: Vec::new(),
    };
    let seen = filled.text(text, 0);
    (seen, filled.from_file)
}

/// Whether a text refers to a variable.
pub(super) fn refers(text: &str) -> bool {
    let plain = text.replace("$$", "");
    let starts =
        |it: &str| it.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_' || c == '{');
    plain.split('$').skip(1).any(starts)
}

/// Notes the variables that compose insists on (`${NAME:?why}`) and that no file sets: without them in
/// the shell compose starts nothing.
pub(super) fn note_missing(node: &Node, entries: &Entries, inventory: &mut Inventory) {
    match &node.tree {
        Tree::Text(text) => {
            let Some(text) = text.literal().filter(|it| it.contains('$')) else {
                return;
            };
            let mut filled = Filled {
                entries,
                from_file: false,
                missing: Vec::new(),
            };
            filled.text(text, 0);
            for name in filled.missing {
                inventory.not_seen(
                    &node.place,
                    format!("`{name}`, without which compose refuses to start, is set by no file"),
                );
            }
        }
        Tree::List(items) => {
            for item in items {
                note_missing(item, entries, inventory);
            }
        }
        Tree::Object(members) => {
            for (_, member) in members {
                note_missing(member, entries, inventory);
            }
        }
        _ => {}
    }
}

struct Filled<'a> {
    entries: &'a Entries,
    from_file: bool,
    /// Variables that must be set and are not.
    missing: Vec<String>,
}

impl Filled<'_> {
    fn text(&mut self, text: &str, depth: usize) -> Seen {
        let mut seen = Seen::default();
        let closings = closings(text);
        let mut rest = text;
        while let Some(at) = rest.find('$') {
            seen = seen.and(&Seen::from(&rest[..at]));
            let after = &rest[at + 1..];
            let opening = text.len() - after.len();
            if let Some(tail) = after.strip_prefix('$') {
                seen = seen.and(&Seen::from("$"));
                rest = tail;
            } else if let Some(closing) = closings.get(&opening) {
                let inner = &text[opening + 1..*closing];
                seen = seen.and(&self.expression(inner, depth + 1));
                rest = &text[closing + 1..];
            } else {
                let end = after
                    .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
                    .unwrap_or(after.len());
                let (name, tail) = after.split_at(end);
                let starts = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
                if starts {
                    seen = seen.and(&self.value(name));
                    rest = tail;
                } else {
                    seen = seen.and(&Seen::from("$"));
                    rest = after;
                }
            }
        }
        seen.and(&Seen::from(rest))
    }

    /// What stands between `${` and `}`.
    fn expression(&mut self, inner: &str, depth: usize) -> Seen {
        if depth > DEEPEST {
            return Seen::unseen(Unseen::new("a default inside of too many defaults"));
        }
        let end = inner
            .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
            .unwrap_or(inner.len());
        let (name, operation) = inner.split_at(end);
        let entry = self.entries.get(name);
        let is_set = entry.is_some();
        let is_filled = entry.is_some_and(|entry| !entry.value.is_empty());
        for (operator, empty_counts) in [(":-", false), ("-", true)] {
            if let Some(default) = operation.strip_prefix(operator) {
                let use_it = if empty_counts { is_set } else { is_filled };
                return if use_it {
                    self.value(name)
                } else {
                    self.text(default, depth + 1)
                };
            }
        }
        for (operator, empty_counts) in [(":+", false), ("+", true)] {
            if let Some(other) = operation.strip_prefix(operator) {
                let use_it = if empty_counts { is_set } else { is_filled };
                return if use_it {
                    self.text(other, depth + 1)
                } else {
                    Seen::default()
                };
            }
        }
        let is_there = match operation.strip_prefix(":?") {
            Some(_) => is_filled,
            None => is_set || !operation.starts_with('?'),
        };
        if !is_there {
            self.missing.push(name.to_owned());
        }
        self.value(name)
    }

    fn value(&mut self, name: &str) -> Seen {
        self.from_file = true;
        match self.entries.get(name) {
            Some(entry) => entry.value.clone(),
            None => Seen::unseen(Unseen::new(&format!("${{{name}}}, which no file sets"))),
        }
    }
}

/// The place of the brace that closes each opening one, found in one pass: a text may have thousands that
/// nothing closes.
fn closings(text: &str) -> HashMap<usize, usize> {
    let mut open = Vec::new();
    let mut closings = HashMap::new();
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'{' => open.push(at),
            b'}' => {
                if let Some(opening) = open.pop() {
                    closings.insert(opening, at);
                }
            }
            _ => {}
        }
    }
    closings
}

#[cfg(test)]
mod tests {
    use super::super::dotenv::dotenv;
    use super::*;

    fn filled(text: &str) -> String {
        let entries = dotenv(
            ".env",
            "A=one\nEMPTY=\nB=\"x ${A}\"\nC='$A' # no\n",
            &Entries::new(),
        )
        .unwrap();
        interpolate(text, &entries).0.shown()
    }

    #[test]
    fn every_form_of_a_variable_is_understood() {
        assert_eq!(filled("$A-${A}"), "one-one");
        assert_eq!(filled("${NONE:-d}${EMPTY:-e}${EMPTY-f}"), "de");
        assert_eq!(filled("${A:+yes}${EMPTY:+no}${EMPTY+set}"), "yesset");
        assert_eq!(filled("${NONE:-${ALSO:-deep}}"), "deep");
        assert_eq!(filled("$$A ${B} ${C}"), "$A x one $A");
        assert_eq!(filled("a$"), "a$");
        assert_eq!(filled("${A"), "${A");
        assert_eq!(filled("${NONE:-${A}} ${B"), "one ${B");
        assert_eq!(filled("} ${B} {${A}"), "} x one {one");
    }

    #[test]
    fn what_no_file_sets_is_unseen() {
        let (seen, _) = interpolate("${SHELL_ONLY}", &Entries::new());
        assert_eq!(seen.literal(), None);
        let (required, _) = interpolate("${NAME:?must be set}", &Entries::new());
        assert_eq!(required.literal(), None);
    }
}
