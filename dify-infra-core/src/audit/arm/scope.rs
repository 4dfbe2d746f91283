//! One template while it is evaluated: its parameters, variables and resources.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};

use super::super::node::Node;
use super::super::place::Place;

/// A template and what was found out about it.
pub(super) struct Scope<'a> {
    pub(super) template: &'a Map<String, Value>,
    pub(super) place: Place,
    /// Values of parameters, by name in lower case.
    pub(super) given: HashMap<String, Node>,
    /// What was evaluated already: `p:name`, `v:name`.
    pub(super) cache: HashMap<String, Node>,
    /// What is being evaluated, to notice circles.
    pub(super) busy: HashSet<String>,
    /// Indexes of the loops around, by name; the innermost last.
    pub(super) loops: Vec<(String, usize)>,
    /// Deployments inside: canonical name, symbolic name, scope once it is made.
    pub(super) nested: Option<Vec<Nested<'a>>>,
    /// How deep templates are inside of templates.
    pub(super) depth: usize,
    /// The scope whose parameters and variables expressions see, when it is not this one.
    pub(super) declared_in: Option<usize>,
}

/// A deployment inside of a template.
#[derive(Clone)]
pub(super) struct Nested<'a> {
    pub(super) name: Vec<u8>,
    pub(super) symbol: Option<String>,
    pub(super) resource: &'a Map<String, Value>,
    pub(super) place: Place,
    pub(super) scope: Option<usize>,
}

impl<'a> Scope<'a> {
    pub(super) fn new(template: &'a Map<String, Value>, place: Place, depth: usize) -> Self {
        Self {
            template,
            place,
            given: HashMap::new(),
            cache: HashMap::new(),
            busy: HashSet::new(),
            loops: Vec::new(),
            nested: None,
            depth,
            declared_in: None,
        }
    }

    /// An object of the template: `parameters`, `variables`, `outputs`.
    pub(super) fn section(&self, name: &str) -> Option<&'a Map<String, Value>> {
        self.template.get(name)?.as_object()
    }

    /// A member of a section, whose case does not matter, with its own spelling.
    pub(super) fn member(&self, section: &str, name: &str) -> Option<(&'a str, &'a Value)> {
        let members = self.section(section)?;
        let exact = members.get_key_value(name);
        exact
            .or_else(|| {
                members
                    .iter()
                    .find(|(key, _)| key.eq_ignore_ascii_case(name))
            })
            .map(|(key, value)| (key.as_str(), value))
    }

    /// The resources, with the symbolic name of each where there are any.
    pub(super) fn resources(&self) -> Vec<(Option<&'a str>, &'a Map<String, Value>, Place)> {
        let place = self.place.key("resources");
        match self.template.get("resources") {
            Some(Value::Array(items)) => items
                .iter()
                .enumerate()
                .filter_map(|(index, item)| Some((None, item.as_object()?, place.index(index))))
                .collect(),
            Some(Value::Object(members)) => members
                .iter()
                .filter_map(|(key, item)| {
                    Some((Some(key.as_str()), item.as_object()?, place.key(key)))
                })
                .collect(),
            _ => Vec::new(),
        }
    }
}
