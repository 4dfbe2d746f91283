//! Reads an Azure Resource Manager template: which resources it makes, with the values that can be
//! told without deploying it.
//!
//! Compiled Bicep is such a template; its modules are deployments inside. Everything that is not
//! understood becomes an unseen value with its origin, never a guess.

mod derive;
mod evaluate;
mod expression;
mod functions;
mod limits;
mod scope;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use serde_json::{Map, Value};

use self::evaluate::{Evaluator, copies};
use super::comments::without_comments;
use super::inventory::{Inventory, Output, Parameter};
use super::lift::{self, Resource};
use super::node::{Node, Tree};
use super::place::Place;
use super::seen::Seen;

pub(crate) use derive::{reference, type_and_name};
pub(crate) use evaluate::unseen as unseen_node;

/// The type of a deployment inside of a template.
const DEPLOYMENTS: &str = "Microsoft.Resources/deployments";

/// Why a text is no template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidTemplate {
    /// It is longer than any template.
    #[error("{document} has more than {} MB, more than any template", limits::MOST_BYTES / 1_048_576)]
    TooLarge {
        /// The document.
        document: String,
    },
    /// It is no JSON.
    #[error("{document} is not valid JSON: {reason}")]
    NoJson {
        /// The document.
        document: String,
        /// What the parser says.
        reason: String,
    },
    /// It is JSON, and no template.
    #[error("{document} is not an ARM template: {reason}")]
    NoTemplate {
        /// The document.
        document: String,
        /// What is missing.
        reason: &'static str,
    },
}

/// A template and, if there is one, its parameters file; each with the name that findings call it.
#[derive(Debug, Clone, Copy)]
pub struct TemplateInput<'a> {
    /// The template's name and text.
    pub template: (&'a str, &'a str),
    /// The name and text of the parameters file.
    pub parameters: Option<(&'a str, &'a str)>,
}

/// Makes an inventory of what a template deploys.
///
/// # Errors
///
/// When a text is no JSON, no template, or too large.
///
/// ```
/// use dify_infra_core::audit::{TemplateInput, from_template};
///
/// let template = r#"{
///   "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
///   "variables": { "name": "[concat('dify', '-api')]" },
///   "resources": [{ "type": "Microsoft.App/containerApps", "name": "[variables('name')]" }]
/// }"#;
/// let inventory = from_template(TemplateInput {
///     template: ("main.json", template),
///     parameters: None,
/// })?;
/// assert_eq!(inventory.workloads[0].name.literal(), Some("dify-api"));
/// # Ok::<(), dify_infra_core::audit::InvalidTemplate>(())
/// ```
pub fn from_template(input: TemplateInput<'_>) -> Result<Inventory, InvalidTemplate> {
    let (document, text) = input.template;
    let text = without_comments(text);
    let json = parse(document, &text)?;
    let (template, wrapper) = template_of(document, &json)?;
    let place = wrapper
        .iter()
        .fold(Place::document(document), |place, key| place.key(key));
    let mut evaluator = Evaluator::new(template, place.clone());
    let given = match input.parameters {
        Some((document, text)) => {
            let text = without_comments(text);
            let json = parse(document, &text)?;
            Some((document, text, json))
        }
        None => None,
    };
    if let Some((document, _, json)) = &given {
        let values = parameters_file(json, &Place::document(document));
        evaluator.scopes[0].given = values;
    }
    let mut resources = Vec::new();
    evaluator.collect(0, &mut resources, 0);
    let mut inventory = lift::inventory(&resources);
    evaluator.declarations(&mut inventory, 0);
    for scope in 1..evaluator.scopes.len() {
        evaluator.declarations(&mut inventory, scope);
    }
    let texts = std::iter::once((document, text));
    inventory.texts = texts
        .chain(given.map(|(name, text, _)| (name, text)))
        .map(|(name, text)| (name.to_owned(), text.into_owned()))
        .collect();
    for (place, why) in evaluator.granted {
        inventory.not_seen(&place, why);
    }
    if evaluator.exhausted {
        inventory.complete = false;
        inventory.not_seen(&place, "a part that goes beyond the limits of an audit");
    }
    Ok(inventory)
}

fn parse(document: &str, text: &str) -> Result<Value, InvalidTemplate> {
    if text.len() > limits::MOST_BYTES {
        let document = document.to_owned();
        return Err(InvalidTemplate::TooLarge { document });
    }
    // serde_json refuses more than 128 levels by itself.
    serde_json::from_str(text.trim_start_matches('\u{feff}')).map_err(|error| {
        InvalidTemplate::NoJson {
            document: document.to_owned(),
            reason: error.to_string(),
        }
    })
}

fn template_of<'a>(
    document: &str,
    json: &'a Value,
) -> Result<(&'a Map<String, Value>, &'static [&'static str]), InvalidTemplate> {
    let refuse = |reason| InvalidTemplate::NoTemplate {
        document: document.to_owned(),
        reason,
    };
    let object = json
        .as_object()
        .ok_or_else(|| refuse("it is not an object"))?;
    // What `az deployment group export` and the request body of a deployment wrap around it.
    let wrappers: [&'static [&'static str]; 2] = [&["template"], &["properties", "template"]];
    let (template, wrapper) = wrappers
        .into_iter()
        .find_map(|wrapper| {
            let mut keys = wrapper.iter();
            let inner = keys.try_fold(&*json, |it, key| it.get(key))?;
            Some((inner.as_object()?, wrapper))
        })
        .unwrap_or((object, &[]));
    match template.get("resources") {
        Some(Value::Array(_) | Value::Object(_)) => Ok((template, wrapper)),
        _ => Err(refuse("it has no `resources`")),
    }
}

/// The values of a parameters file, by name in lower case.
fn parameters_file(json: &Value, place: &Place) -> HashMap<String, Node> {
    let members = json.get("parameters").unwrap_or(json).as_object();
    let place = place.key("parameters");
    let mut values = HashMap::new();
    for (name, parameter) in members.into_iter().flatten() {
        let place = place.key(name);
        if let Some(value) = parameter.get("value") {
            values.insert(
                name.to_ascii_lowercase(),
                Node::from_json(value, &place.key("value")),
            );
        } else if let Some(reference) = parameter.get("reference") {
            let identity = reference.to_string();
            let value = super::seen::Unseen::with_identity(
                &format!("a vault's secret for the parameter {name}"),
                identity.as_bytes(),
            );
            let node = Node::new(Tree::Unseen(value.secret()), place);
            values.insert(name.to_ascii_lowercase(), node);
        }
    }
    values
}

/// Whether a parameter or output declares itself a secret.
fn is_secure(definition: &Value) -> bool {
    let kind = definition.get("type").and_then(Value::as_str);
    kind.is_some_and(|kind| kind.to_ascii_lowercase().starts_with("secure"))
}

impl<'a> Evaluator<'a> {
    /// The resources of a template and of the deployments inside.
    fn collect(&mut self, scope: usize, into: &mut Vec<Resource>, depth: usize) {
        for (symbol, resource, place) in self.scopes[scope].resources() {
            self.resource(scope, symbol, resource, &place, None, into, depth + 1);
        }
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "a resource is where all of these meet"
    )]
    fn resource(
        &mut self,
        scope: usize,
        symbol: Option<&'a str>,
        resource: &'a Map<String, Value>,
        place: &Place,
        parent: Option<(&str, &Seen)>,
        into: &mut Vec<Resource>,
        depth: usize,
    ) {
        if resource.get("existing") == Some(&Value::Bool(true)) || depth > limits::DEEPEST {
            return;
        }
        let Some(copy) = resource.get("copy").and_then(Value::as_object) else {
            return self.one(scope, symbol, resource, place, parent, into, depth);
        };
        let name = copy.get("name").and_then(Value::as_str).unwrap_or_default();
        let count = copy
            .get("count")
            .map(|count| self.value(scope, count, &place.key("copy"), depth + 1));
        // A loop whose count can't be seen makes one of its kind, so that its body is judged.
        let count = count.as_ref().and_then(copies).unwrap_or_else(|| {
            let why = "a count of copies that can't be told: one of them is judged";
            self.granted.push((place.key("copy"), why.to_owned()));
            1
        });
        for index in 0..count.min(limits::MOST_COPIES) {
            self.scopes[scope].loops.push((name.to_owned(), index));
            self.one(scope, symbol, resource, place, parent, into, depth);
            self.scopes[scope].loops.pop();
        }
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "a resource is where all of these meet"
    )]
    fn one(
        &mut self,
        scope: usize,
        symbol: Option<&'a str>,
        resource: &'a Map<String, Value>,
        place: &Place,
        parent: Option<(&str, &Seen)>,
        into: &mut Vec<Resource>,
        depth: usize,
    ) {
        if let Some(condition) = resource.get("condition") {
            let condition = self.value(scope, condition, &place.key("condition"), depth + 1);
            match condition.boolean() {
                Some(false) => return,
                Some(true) => {}
                None => {
                    let why = "a condition that can't be told: it is judged as if it held";
                    self.granted.push((place.key("condition"), why.to_owned()));
                }
            }
        }
        let kind = resource
            .get("type")
            .and_then(Value::as_str)
            .unwrap_or_default();
        if kind.eq_ignore_ascii_case(DEPLOYMENTS) {
            return self.deployment(scope, resource, place, into, depth);
        }
        let mut body = Vec::new();
        for (key, value) in resource {
            if !matches!(key.as_str(), "resources" | "copy" | "condition") {
                body.push((
                    key.clone(),
                    self.value(scope, value, &place.key(key), depth + 1),
                ));
            }
        }
        let body = Node::new(Tree::Object(body), place.clone());
        let name = body.get("name").and_then(Node::seen).unwrap_or_default();
        let (kind, name) = match parent {
            Some((above, parent)) => (
                format!("{above}/{kind}"),
                parent.clone().and(&Seen::from("/")).and(&name),
            ),
            None => (kind.to_owned(), name),
        };
        if let Some(Value::Array(children)) = resource.get("resources") {
            let below = place.key("resources");
            for (index, child) in children.iter().enumerate() {
                if let Value::Object(child) = child {
                    let place = below.index(index);
                    let parent = Some((kind.as_str(), &name));
                    self.resource(scope, None, child, &place, parent, into, depth + 1);
                }
            }
        }
        into.push(Resource {
            kind,
            name,
            symbol: symbol.map(str::to_owned),
            body,
        });
    }

    /// The resources of a deployment inside of a template.
    fn deployment(
        &mut self,
        scope: usize,
        resource: &'a Map<String, Value>,
        place: &Place,
        into: &mut Vec<Resource>,
        depth: usize,
    ) {
        let known = self.position_of_nested(scope, depth, |it| std::ptr::eq(it.resource, resource));
        let inner = match known {
            Some(position) => self.enter(scope, position, depth + 1),
            // Copies get a scope each: their parameters differ.
            None => self.open(scope, resource, place, depth + 1),
        };
        if let Some(inner) = inner {
            self.collect(inner, into, depth + 1);
        } else {
            let why = "a template that is linked, not inlined";
            into.push(Resource::unseen(why, place));
        }
    }

    /// Outputs and parameters, for the rules about them.
    fn declarations(&mut self, inventory: &mut Inventory, scope: usize) {
        let place = self.scopes[scope].place.clone();
        if let Some(outputs) = self.scopes[scope].section("outputs") {
            for (name, definition) in outputs {
                let place = place.key("outputs").key(name);
                let value = definition
                    .get("value")
                    .map(|value| self.value(scope, value, &place.key("value"), 0));
                inventory.outputs.push(Output {
                    name: name.clone(),
                    secure: is_secure(definition),
                    has_secret: value.is_some_and(|value| holds_secret(&value)),
                    place,
                });
            }
        }
        let Some(parameters) = self.scopes[scope].section("parameters") else {
            return;
        };
        for (name, definition) in parameters {
            let given = self.scopes[scope]
                .given
                .get(&name.to_ascii_lowercase())
                .cloned();
            // What a template hands to one inside is judged where it comes from.
            let value = match given {
                Some(_) if scope > 0 => None,
                Some(given) => Some((given.seen(), given.place)),
                None => definition.get("defaultValue").map(|default| {
                    let place = place.key("parameters").key(name).key("defaultValue");
                    let text = default
                        .as_str()
                        .filter(|text| expression::inside(text).is_none());
                    (text.map(Seen::from), place)
                }),
            };
            let own = place.key("parameters").key(name);
            let (value, place) = value.unwrap_or((None, own));
            inventory.parameters.push(Parameter {
                name: name.clone(),
                secure: is_secure(definition),
                value,
                place,
            });
        }
    }
}

/// Whether a secret is anywhere in a value.
fn holds_secret(node: &Node) -> bool {
    match &node.tree {
        Tree::Text(text) => text.has_secret(),
        Tree::Unseen(unseen) => unseen.is_secret(),
        Tree::List(items) => items.iter().any(holds_secret),
        Tree::Object(members) => members.iter().any(|(_, value)| holds_secret(value)),
        _ => false,
    }
}
