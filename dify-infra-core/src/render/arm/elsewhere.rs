//! What a template writes into a group that is not its own.
//!
//! `scope` of a resource does not reach beyond the group that is deployed into
//! (<https://learn.microsoft.com/azure/azure-resource-manager/bicep/bicep-error-bcp139>): a deployment inside
//! does (<https://learn.microsoft.com/azure/azure-resource-manager/templates/deploy-to-resource-group>). Its
//! template is evaluated by itself (`expressionEvaluationOptions`), since one that is evaluated outside would
//! write secrets into the list of deployments
//! (<https://learn.microsoft.com/azure/azure-resource-manager/templates/linked-templates>). So every expression
//! of a body becomes a parameter of the inner template, and the outer one says its value.

use data_encoding::HEXLOWER;
use serde_json::{Map, Value, json};

use super::{SCHEMA, quoted};
use crate::graph::ResourceGraph;
use crate::resource::ResourceId;

/// The type of deployments, and the api-version under which they are written.
const DEPLOYMENT: (&str, &str) = ("Microsoft.Resources/deployments", "2025-04-01");

/// Azure's longest name of a deployment.
const LONGEST_NAME: usize = 64;

/// What of a resource is known before anything is deployed, and is evaluated where the resource is.
const IN_PLACE: [&str; 4] = ["type", "apiVersion", "name", "scope"];

/// The name of the deployment that a resource is in: one for each, so that each waits for its own needs
/// alone.
fn name(graph: &ResourceGraph, id: &ResourceId) -> String {
    let kind = id.resource_type();
    let kind = kind.rsplit('/').next().unwrap_or_default();
    let digest = hmac_sha256::Hash::hash(id.as_str().to_ascii_lowercase().as_bytes());
    let digest = HEXLOWER.encode(&digest[..4]);
    let end = format!("{kind}-{digest}");
    let room = LONGEST_NAME.saturating_sub(end.len() + 1);
    let owner: String = graph.owner().chars().take(room).collect();
    format!("{owner}-{end}")
}

/// An expression for the id of the deployment that a resource is in.
pub(super) fn id(graph: &ResourceGraph, id: &ResourceId) -> String {
    format!(
        "resourceId({}, {}, {}, {})",
        quoted(id.subscription()),
        quoted(id.group_name()),
        quoted(DEPLOYMENT.0),
        quoted(&name(graph, id))
    )
}

/// Puts a resource into a deployment of its group.
pub(super) fn deployment(
    graph: &ResourceGraph,
    id: &ResourceId,
    mut resource: Map<String, Value>,
) -> Map<String, Value> {
    let mut parameters = Parameters::default();
    for (name, value) in &mut resource {
        if !IN_PLACE.contains(&name.as_str()) {
            parameters.take_out(name, value);
        }
    }
    let mut deployment = Map::new();
    let mut set = |name: &str, value: Value| deployment.insert(name.to_owned(), value);
    set("type", Value::from(DEPLOYMENT.0));
    set("apiVersion", Value::from(DEPLOYMENT.1));
    set("name", Value::from(name(graph, id)));
    set("subscriptionId", Value::from(id.subscription()));
    set("resourceGroup", Value::from(id.group_name()));
    set(
        "properties",
        json!({
            "mode": "Incremental",
            "expressionEvaluationOptions": { "scope": "inner" },
            "parameters": parameters.given,
            "template": {
                "$schema": SCHEMA,
                "contentVersion": "1.0.0.0",
                "parameters": parameters.defined,
                "resources": [resource],
            },
        }),
    );
    deployment
}

/// The parameters of an inner template: what they are inside, and what they get from outside.
#[derive(Default)]
struct Parameters {
    defined: Map<String, Value>,
    given: Map<String, Value>,
}

impl Parameters {
    /// Makes a parameter of every expression in a value, named after the field that has it.
    fn take_out(&mut self, field: &str, value: &mut Value) {
        match value {
            Value::String(text) if is_expression(text) => {
                let name = self.add(field, text);
                *text = format!("[parameters({})]", quoted(&name));
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.take_out(field, item)),
            Value::Object(fields) => {
                for (name, value) in fields {
                    self.take_out(name, value);
                }
            }
            _ => {}
        }
    }

    fn add(&mut self, field: &str, expression: &str) -> String {
        let mut name = field.to_owned();
        let mut count = 1;
        let is_other = |given: Option<&Value>| given.is_some_and(|one| one["value"] != expression);
        while is_other(self.given.get(&name)) {
            count += 1;
            name = format!("{field}{count}");
        }
        // Whatever comes from a parameter or a list of keys is taken for a secret.
        let is_secret = expression.contains("parameters('") || expression.contains("list");
        let kind = if is_secret { "secureString" } else { "string" };
        self.defined.insert(name.clone(), json!({ "type": kind }));
        self.given
            .insert(name.clone(), json!({ "value": expression }));
        name
    }
}

/// Whether a string of a template is evaluated: it is in brackets, of which the first is not doubled.
fn is_expression(text: &str) -> bool {
    text.starts_with('[') && !text.starts_with("[[") && text.ends_with(']')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_become_parameters_named_after_their_field() {
        let mut body = json!({
            "a": { "value": "[parameters('apiKey')]" },
            "b": [{ "value": "[reference('x').y]" }, { "value": "[reference('x').y]" }],
            "c": { "text": "[[not one]", "plain": "text" },
        });
        let mut parameters = Parameters::default();
        parameters.take_out("", &mut body);
        assert_eq!(
            body,
            json!({
                "a": { "value": "[parameters('value')]" },
                "b": [{ "value": "[parameters('value2')]" }, { "value": "[parameters('value2')]" }],
                "c": { "text": "[[not one]", "plain": "text" },
            })
        );
        assert_eq!(
            Value::Object(parameters.defined),
            json!({ "value": { "type": "secureString" }, "value2": { "type": "string" } })
        );
        assert_eq!(parameters.given["value2"]["value"], "[reference('x').y]");
    }
}
