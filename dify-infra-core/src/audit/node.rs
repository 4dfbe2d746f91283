//! A tree of values with the place of each: what every foreign document is turned into first.

use std::collections::HashMap;

use super::place::Place;
use super::seen::{Seen, Unseen};

/// A value of a document and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) tree: Tree,
    pub(crate) place: Place,
}

/// What a value is.
#[derive(Debug, Clone)]
pub(crate) enum Tree {
    Null,
    Bool(bool),
    Number(f64),
    Text(Seen),
    List(Vec<Node>),
    Object(Vec<(String, Node)>),
    /// Something of which neither kind nor content is known.
    Unseen(Unseen),
}

/// The members of an object while it is made: in the order in which they came first, the newest of each key.
#[derive(Default)]
pub(crate) struct Members {
    /// Nothing for a key that was taken away again.
    all: Vec<(String, Option<Node>)>,
    places: HashMap<String, usize>,
}

impl Members {
    /// Sets the value of a key, and gives what it was.
    pub(crate) fn set(&mut self, key: &str, value: Node) -> Option<Node> {
        if let Some(&place) = self.places.get(key) {
            return self.all[place].1.replace(value);
        }
        self.places.insert(key.to_owned(), self.all.len());
        self.all.push((key.to_owned(), Some(value)));
        None
    }

    /// Takes a key away, and gives what it was.
    pub(crate) fn take(&mut self, key: &str) -> Option<Node> {
        let place = self.places.get(key)?;
        self.all[*place].1.take()
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        let place = self.places.get(key);
        place.is_some_and(|&place| self.all[place].1.is_some())
    }

    /// All that are there.
    pub(crate) fn into_list(self) -> Vec<(String, Node)> {
        let all = self.all.into_iter();
        all.filter_map(|(key, value)| Some((key, value?))).collect()
    }
}

impl FromIterator<(String, Node)> for Members {
    fn from_iter<I: IntoIterator<Item = (String, Node)>>(all: I) -> Self {
        let mut members = Self::default();
        for (key, value) in all {
            members.set(&key, value);
        }
        members
    }
}

impl Node {
    pub(crate) fn new(tree: Tree, place: Place) -> Self {
        Self { tree, place }
    }

    pub(crate) fn text(text: &str, place: Place) -> Self {
        Self::new(Tree::Text(Seen::from(text)), place)
    }

    /// The member of an object; Azure does not mind the case of names. What is below something unseen is unseen too,
    /// and not absent: it is given itself.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        let members = match &self.tree {
            Tree::Object(members) => members,
            Tree::Unseen(_) => return Some(self),
            _ => return None,
        };
        let exact = members.iter().find(|(name, _)| name == key);
        let found = exact.or_else(|| {
            members
                .iter()
                .find(|(name, _)| name.eq_ignore_ascii_case(key))
        });
        found.map(|(_, node)| node).filter(|node| !node.is_null())
    }

    /// A value below: keys joined by `/`.
    pub(crate) fn at(&self, path: &str) -> Option<&Self> {
        path.split('/').try_fold(self, |node, key| node.get(key))
    }

    /// The items of a list; none for anything else.
    pub(crate) fn items(&self) -> &[Self] {
        match &self.tree {
            Tree::List(items) => items,
            _ => &[],
        }
    }

    /// The items of the list below.
    pub(crate) fn items_at(&self, path: &str) -> &[Self] {
        self.at(path).map(Self::items).unwrap_or_default()
    }

    /// The members of an object; none for anything else.
    pub(crate) fn members(&self) -> &[(String, Self)] {
        match &self.tree {
            Tree::Object(members) => members,
            _ => &[],
        }
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(self.tree, Tree::Null)
    }

    /// The unseen value that stands here instead of a list or an object.
    pub(crate) fn whole_unseen(&self) -> Option<&Unseen> {
        match &self.tree {
            Tree::Unseen(unseen) => Some(unseen),
            _ => None,
        }
    }

    /// The value as a text, as a variable gets it: numbers and yes or no are spelled out.
    pub(crate) fn seen(&self) -> Option<Seen> {
        match &self.tree {
            Tree::Text(text) => Some(text.clone()),
            Tree::Unseen(unseen) => Some(Seen::unseen(unseen.clone())),
            Tree::Number(number) => Some(Seen::from(number.to_string().as_str())),
            Tree::Bool(value) => Some(Seen::from(if *value { "true" } else { "false" })),
            Tree::Null | Tree::List(_) | Tree::Object(_) => None,
        }
    }

    pub(crate) fn literal(&self) -> Option<&str> {
        match &self.tree {
            Tree::Text(text) => text.literal(),
            _ => None,
        }
    }

    pub(crate) fn literal_at(&self, path: &str) -> Option<&str> {
        self.at(path)?.literal()
    }

    pub(crate) fn number(&self) -> Option<f64> {
        match &self.tree {
            Tree::Number(number) => Some(*number),
            Tree::Text(text) => text.literal()?.parse().ok(),
            _ => None,
        }
    }

    pub(crate) fn boolean(&self) -> Option<bool> {
        match &self.tree {
            Tree::Bool(value) => Some(*value),
            Tree::Text(text) => match text.literal()? {
                "true" | "True" => Some(true),
                "false" | "False" => Some(false),
                _ => None,
            },
            _ => None,
        }
    }

    /// Turns JSON into a tree; `$text` markers of our own bodies become what they stand for.
    pub(crate) fn from_json(value: &serde_json::Value, place: &Place) -> Self {
        use serde_json::Value;
        let tree = match value {
            Value::Null => Tree::Null,
            Value::Bool(value) => Tree::Bool(*value),
            Value::Number(number) => Tree::Number(number.as_f64().unwrap_or_default()),
            Value::String(text) => Tree::Text(Seen::from(text.as_str())),
            Value::Array(items) => Tree::List(
                items
                    .iter()
                    .enumerate()
                    .map(|(index, item)| Self::from_json(item, &place.index(index)))
                    .collect(),
            ),
            Value::Object(members) => match super::own::marker(value) {
                Some(text) => Tree::Text(text),
                None => Tree::Object(
                    members
                        .iter()
                        .map(|(key, item)| (key.clone(), Self::from_json(item, &place.key(key))))
                        .collect(),
                ),
            },
        };
        Self::new(tree, place.clone())
    }
}
