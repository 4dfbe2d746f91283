//! YAML as a tree whose values know their lines, within limits.
//!
//! Anchors, aliases and merge keys are followed here; `!reset` and `!override` of compose are kept for
//! whoever merges files. Everything else is a text: compose itself decides what is a number.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, Tag};

use super::super::node::{Members, Node, Tree};
use super::super::place::Place;
use super::super::seen::Unseen;

/// Bytes of a file at most.
pub(super) const MOST_BYTES: usize = 8 * 1024 * 1024;

/// Values inside of values at most.
const DEEPEST: usize = 64;

/// Values of a file at most, aliases followed: a small file can name a billion of them.
const MOST_VALUES: usize = 200_000;

/// What stands for `!reset`: the merged file has no such key.
pub(super) const RESET: &str = "!reset";

/// What stands before the name of a key whose value replaces instead of being merged.
pub(super) const OVERRIDE: &str = "!override ";

/// Reads the first document of a text.
///
/// # Errors
///
/// What is wrong with it and where, as a sentence without the file's name.
pub(super) fn read(document: &str, text: &str) -> Result<Node, String> {
    if text.len() > MOST_BYTES {
        return Err(format!("it has more than {} MB", MOST_BYTES / 1_048_576));
    }
    let mut reader = Reader {
        parser: Parser::new_from_str(text),
        anchors: HashMap::new(),
        values: 0,
    };
    let place = Place::document(document);
    loop {
        match reader.next()? {
            (Event::StreamStart | Event::DocumentStart(_), _) => {}
            (Event::StreamEnd, _) => return Ok(Node::new(Tree::Null, place)),
            (event, at) => return reader.value(event, at, &place, 0),
        }
    }
}

struct Reader<'a> {
    parser: Parser<'a, saphyr_parser::StrInput<'a>>,
    anchors: HashMap<usize, Node>,
    values: usize,
}

type At = (usize, usize);

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<(Event<'a>, At), String> {
        match self.parser.next_event() {
            Some(Ok((event, span))) => Ok((event, (span.start.line(), span.start.col() + 1))),
            Some(Err(error)) => {
                let marker = error.marker();
                Err(format!(
                    "line {}, column {}: {}",
                    marker.line(),
                    marker.col() + 1,
                    error.info()
                ))
            }
            None => Ok((Event::StreamEnd, (0, 0))),
        }
    }

    fn count(&mut self, values: usize) -> Result<(), String> {
        self.values = self.values.saturating_add(values);
        if self.values > MOST_VALUES {
            return Err(format!("it has more than {MOST_VALUES} values"));
        }
        Ok(())
    }

    fn value(
        &mut self,
        event: Event<'a>,
        at: At,
        place: &Place,
        depth: usize,
    ) -> Result<Node, String> {
        if depth > DEEPEST {
            return Err(format!(
                "line {}: values stand deeper than {DEEPEST} levels",
                at.0
            ));
        }
        self.count(1)?;
        let place = place.clone().at_line(at.0, at.1);
        let (tree, anchor) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                (scalar(&text, style, tag.as_deref()), anchor)
            }
            Event::SequenceStart(anchor, _) => (self.sequence(&place, depth)?, anchor),
            Event::MappingStart(anchor, _) => (self.mapping(&place, depth)?, anchor),
            Event::Alias(anchor) => {
                let Some(node) = self.anchors.get(&anchor).cloned() else {
                    return Err(format!(
                        "line {}: an alias of something that holds it",
                        at.0
                    ));
                };
                self.count(size(&node))?;
                return Ok(node);
            }
            _ => return Err(format!("line {}: something that is not a value", at.0)),
        };
        let node = Node::new(tree, place);
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn sequence(&mut self, place: &Place, depth: usize) -> Result<Tree, String> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(Tree::List(items)),
                (event, at) => {
                    let place = place.index(items.len());
                    items.push(self.value(event, at, &place, depth + 1)?);
                }
            }
        }
    }

    fn mapping(&mut self, place: &Place, depth: usize) -> Result<Tree, String> {
        let mut members = Members::default();
        let mut merged: Vec<Node> = Vec::new();
        loop {
            let (event, at) = self.next()?;
            let key = match event {
                Event::MappingEnd => break,
                Event::Scalar(key, ..) => key.into_owned(),
                _ => return Err(format!("line {}: a key that is not text", at.0)),
            };
            let (event, value_at) = self.next()?;
            let is_override = is_override(&event);
            let value = self.value(event, value_at, &place.key(&key), depth + 1)?;
            if key == "<<" {
                merged.push(value);
                continue;
            }
            // A finding points at the line of the key, where people look for it.
            let value = Node::new(value.tree, value.place.at_line(at.0, at.1));
            let key = if is_override {
                format!("{OVERRIDE}{key}")
            } else {
                key
            };
            members.set(&key, value);
        }
        for node in merged {
            let sources = match &node.tree {
                Tree::List(items) => items.clone(),
                _ => vec![node],
            };
            for source in sources {
                for (key, value) in source.members() {
                    if !members.has(key) {
                        members.set(key, value.clone());
                    }
                }
            }
        }
        Ok(Tree::Object(members.into_list()))
    }
}

fn tag_of(tag: Option<&Tag>) -> Option<&str> {
    tag.filter(|tag| !tag.is_yaml_core_schema())
        .map(|tag| tag.suffix.as_str())
}

fn is_override(event: &Event<'_>) -> bool {
    let (Event::Scalar(_, _, _, tag) | Event::SequenceStart(_, tag) | Event::MappingStart(_, tag)) =
        event
    else {
        return false;
    };
    tag_of(tag.as_deref()) == Some("override")
}

fn scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Tree {
    if tag_of(tag) == Some("reset") {
        return Tree::Unseen(Unseen::new(RESET));
    }
    let plain = style == ScalarStyle::Plain;
    if plain && matches!(text, "" | "~" | "null" | "Null" | "NULL") {
        return Tree::Null;
    }
    Tree::Text(text.into())
}

fn size(node: &Node) -> usize {
    match &node.tree {
        Tree::List(items) => items.iter().map(size).sum::<usize>() + 1,
        Tree::Object(members) => members.iter().map(|(_, value)| size(value)).sum::<usize>() + 1,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    #[test]
    fn values_know_the_line_of_their_key() {
        let node = read("c.yaml", "services:\n  api:\n    image: x\n").unwrap();
        let image = node.at("services/api/image").unwrap();
        assert_eq!(image.place.to_string(), "c.yaml:3:5");
        assert_eq!(image.place.path(), "$.services.api.image");
    }

    #[test]
    fn anchors_and_merge_keys_are_followed() {
        let text = "x: &shared\n  A: 1\n  B: 2\ny:\n  <<: *shared\n  B: 3\n";
        let node = read("c.yaml", text).unwrap();
        assert_eq!(node.literal_at("y/A"), Some("1"));
        assert_eq!(node.literal_at("y/B"), Some("3"));
    }

    #[test]
    fn a_billion_laughs_are_refused() {
        let mut text = String::from("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
        for level in 1..12 {
            let above = level - 1;
            let items = vec![format!("*a{above}"); 10].join(",");
            let _ = writeln!(text, "a{level}: &a{level} [{items}]");
        }
        assert!(read("c.yaml", &text).unwrap_err().contains("more than"));
        let deep = "[".repeat(5000);
        assert!(read("c.yaml", &deep).is_err());
        assert!(read("c.yaml", "a: &a\n  b: *a\n").is_err());
    }
}
