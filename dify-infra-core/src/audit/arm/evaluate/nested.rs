//! Deployments inside of a template, and references to what they and others give.

use serde_json::{Map, Value};

use super::super::expression::Expression;
use super::super::scope::{Nested, Scope};
use super::super::{DEPLOYMENTS, derive, limits};
use super::Evaluator;
use super::unknown::unseen;
use crate::audit::node::{Node, Tree};
use crate::audit::place::Place;
use crate::audit::seen::{Seen, Unseen};

impl<'a> Evaluator<'a> {
    /// `reference(...)` and the members below it.
    pub(super) fn reference(
        &mut self,
        scope: usize,
        arguments: &[Expression],
        path: &[String],
        place: &Place,
        depth: usize,
    ) -> Node {
        let Some(first) = arguments.first() else {
            return unseen("an expression that is not understood", place);
        };
        let target = self.expression(scope, first, place, depth + 1);
        let Some(target) = target.seen() else {
            return unseen("a reference that can't be told", place);
        };
        if path
            .first()
            .is_some_and(|first| first.eq_ignore_ascii_case("outputs"))
            && let Some(node) = self.output_of_nested(scope, &target, &path[1..], place, depth)
        {
            return node;
        }
        let (kind, name) = match derive::type_and_name(&target) {
            Some(found) => found,
            None => match self.symbolic(scope, &target, place, depth) {
                Some(found) => found,
                None => (String::new(), target),
            },
        };
        Node::new(derive::reference(&kind, &name, path), place.clone())
    }

    /// Type and name of the resource with a symbolic name.
    fn symbolic(
        &mut self,
        scope: usize,
        symbol: &Seen,
        place: &Place,
        depth: usize,
    ) -> Option<(String, Seen)> {
        let symbol = symbol.literal()?;
        let resources = self.scopes[scope].template.get("resources")?.as_object()?;
        let resource = resources.get(symbol)?.as_object()?;
        let kind = resource.get("type")?.as_str()?.to_owned();
        let name = self.value(scope, resource.get("name")?, place, depth + 1);
        Some((kind, name.seen()?))
    }

    fn output_of_nested(
        &mut self,
        scope: usize,
        target: &Seen,
        path: &[String],
        place: &Place,
        depth: usize,
    ) -> Option<Node> {
        let name = match derive::type_and_name(target) {
            Some((kind, name)) if kind.eq_ignore_ascii_case(DEPLOYMENTS) => name.canonical(),
            Some(_) => return None,
            None => Vec::new(),
        };
        let position = self.position_of_nested(scope, depth, |it| {
            it.name == name || it.symbol.is_some() && it.symbol.as_deref() == target.literal()
        })?;
        let inner = self.enter(scope, position, depth)?;
        let (output, below) = path.split_first()?;
        let (own, definition) = self.scopes[inner].member("outputs", output)?;
        let key = format!("outputs:{}", own.to_ascii_lowercase());
        if !self.scopes[inner].busy.insert(key.clone()) {
            return Some(unseen("an output that refers to itself", place));
        }
        let place_of = self.scopes[inner]
            .place
            .key("outputs")
            .key(own)
            .key("value");
        let value = definition
            .get("value")
            .map(|value| self.value(inner, value, &place_of, depth + 1));
        self.scopes[inner].busy.remove(&key);
        let mut value = value?;
        for step in below.iter().skip(1) {
            value = value.get(step)?.clone();
        }
        Some(value)
    }

    /// Which of the deployments inside of a template is meant.
    pub(in super::super) fn position_of_nested(
        &mut self,
        scope: usize,
        depth: usize,
        is_meant: impl Fn(&Nested<'a>) -> bool,
    ) -> Option<usize> {
        self.find_nested(scope, depth);
        let nested = self.scopes[scope].nested.as_ref()?;
        nested.iter().position(is_meant)
    }

    /// Finds the deployments inside of a template, once.
    fn find_nested(&mut self, scope: usize, depth: usize) {
        if self.scopes[scope].nested.is_some() {
            return;
        }
        let mut found = Vec::new();
        for (symbol, resource, place) in self.scopes[scope].resources() {
            let kind = resource
                .get("type")
                .and_then(Value::as_str)
                .unwrap_or_default();
            if !kind.eq_ignore_ascii_case(DEPLOYMENTS) || resource.contains_key("copy") {
                continue;
            }
            let name = resource
                .get("name")
                .map(|name| self.value(scope, name, &place, depth + 1));
            let name = name.and_then(|name| name.seen()).unwrap_or_default();
            found.push(Nested {
                name: name.canonical(),
                symbol: symbol.map(str::to_owned),
                resource,
                place,
                scope: None,
            });
        }
        self.scopes[scope].nested = Some(found);
    }

    /// The scope of a deployment inside of a template: made once.
    pub(in super::super) fn enter(
        &mut self,
        scope: usize,
        position: usize,
        depth: usize,
    ) -> Option<usize> {
        self.find_nested(scope, depth);
        let nested = self.scopes[scope].nested.as_ref()?.get(position)?.clone();
        if let Some(inner) = nested.scope {
            return Some(inner);
        }
        let inner = self.open(scope, nested.resource, &nested.place, depth)?;
        if let Some(all) = &mut self.scopes[scope].nested {
            all[position].scope = Some(inner);
        }
        Some(inner)
    }

    /// A new scope for the template in a deployment resource; nothing when it is not inline.
    pub(in super::super) fn open(
        &mut self,
        scope: usize,
        resource: &'a Map<String, Value>,
        place: &Place,
        depth: usize,
    ) -> Option<usize> {
        let properties = resource.get("properties")?.as_object()?;
        let template = properties.get("template")?.as_object()?;
        let level = self.scopes[scope].depth + 1;
        if level > limits::MOST_NESTED || self.scopes.len() > 10_000 {
            self.exhausted = true;
            return None;
        }
        let place = place.key("properties");
        let is_inner = properties
            .get("expressionEvaluationOptions")
            .and_then(|options| options.get("scope"))
            .and_then(Value::as_str)
            .is_some_and(|scope| scope.eq_ignore_ascii_case("inner"));
        let mut inner = Scope::new(template, place.key("template"), level);
        if is_inner {
            let parameters = properties.get("parameters").and_then(Value::as_object);
            for (name, parameter) in parameters.into_iter().flatten() {
                let place = place.key("parameters").key(name);
                let given = match parameter.get("value") {
                    Some(value) => self.value(scope, value, &place.key("value"), depth + 1),
                    None => Node::new(
                        Tree::Unseen(
                            Unseen::with_identity(
                                &format!("a vault's secret for the parameter {name}"),
                                parameter.to_string().as_bytes(),
                            )
                            .secret(),
                        ),
                        place,
                    ),
                };
                inner.given.insert(name.to_ascii_lowercase(), given);
            }
        } else {
            inner.declared_in = Some(self.scopes[scope].declared_in.unwrap_or(scope));
        }
        self.scopes.push(inner);
        Some(self.scopes.len() - 1)
    }
}

/// The arguments of the `reference` at the bottom of a chain of members, and the chain.
pub(super) fn reference_path<'e>(
    of: &'e Expression,
    last: &str,
) -> Option<(&'e [Expression], Vec<String>)> {
    let mut path = vec![last.to_owned()];
    let mut at = of;
    loop {
        match at {
            Expression::Member(inner, name) => {
                path.push(name.clone());
                at = inner;
            }
            Expression::Call { name, arguments } if name.eq_ignore_ascii_case("reference") => {
                path.reverse();
                return Some((arguments, path));
            }
            _ => return None,
        }
    }
}
