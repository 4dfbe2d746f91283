//! What a deployment would change (learn.microsoft.com azure-resource-manager/templates/deploy-what-if;
//! Azure/azure-rest-api-specs Microsoft.Resources deployments.json, `Deployments_WhatIf`).
//!
//! Wanted values that can't be known before the deployment stay expressions and are compared with
//! nothing; neither are those that come from secure parameters, which are masked.

use std::collections::BTreeMap;

use http::StatusCode;
use serde_json::{Map, Value, json};

use crate::arm::answer::Answer;
use crate::arm::call::Call;
use crate::arm::error::ArmError;
use crate::arm::id::{ResourceId, group_key};
use crate::arm::merge::{lay_over, text_at};
use crate::deployments::evaluate::{Question, Scope};
use crate::deployments::nested;
use crate::deployments::run;
use crate::deployments::template::{Judged, NOT_BODY};
use crate::engine::Cloud;
use crate::engine::operations::{Begin, with_retry_after};
use crate::engine::view::view;
use crate::provider;
use crate::regions;
use crate::store::model::{Group, Work};

/// Seconds that a look ahead takes.
const SECONDS: f64 = 10.0;

/// What stands for the value of a secure parameter.
const MASK: &str = "*******";

/// Begins a look ahead: 202, and the changes at its `Location`.
pub(super) fn answer(
    cloud: &mut Cloud,
    call: &Call,
    (id, group): (&ResourceId, &Group),
    properties: &Value,
    judged: Judged,
) -> Answer {
    let changes = changes(cloud, call, (id, group), properties, judged);
    let purpose = format!("what-if/{}/{}", id.key(), cloud.store.next_number());
    let begin = Begin {
        work: Work::Act,
        target: purpose.clone(),
        resource: None,
        lane: purpose,
        seconds: SECONDS,
        result: Some(json!({ "status": "Succeeded", "properties": { "changes": changes } })),
    };
    let operation = cloud.begin(call.now, begin);
    let address = format!(
        "{}/subscriptions/{}/providers/Microsoft.Resources/locations/{}/operationResults/{}?api-version={}",
        call.base,
        group.subscription,
        group.location,
        operation.id,
        call.query("api-version").unwrap_or_default()
    );
    let answer = Answer::empty(StatusCode::ACCEPTED).header("location", address);
    with_retry_after(answer, operation.ends.duration_since(operation.started))
}

/// One change for each resource of the template, and one for each other resource of the group.
fn changes(
    cloud: &mut Cloud,
    call: &Call,
    (id, group): (&ResourceId, &Group),
    properties: &Value,
    judged: Judged,
) -> Vec<Value> {
    let template = &properties["template"];
    let values: BTreeMap<String, Value> = judged
        .parameters
        .into_iter()
        .map(|(name, given)| {
            let shown = if given.secure {
                json!(MASK)
            } else {
                given.value
            };
            (name.to_ascii_lowercase(), shown)
        })
        .collect();
    let tenant = cloud.settings.tenant.clone();
    let is_short = text_at(properties, "whatIfSettings.resultFormat")
        .is_some_and(|format| format.eq_ignore_ascii_case("ResourceIdOnly"));
    let mut changes = Vec::new();
    for item in &judged.items {
        if nested::is_one(&item.id.type_name()) {
            changes.push(json!({
                "resourceId": item.id.to_string(),
                "changeType": "Unsupported",
                "unsupportedReason": "What is inside of a deployment is not looked at here.",
            }));
            continue;
        }
        let resource = &template["resources"][item.place];
        let mut body: Map<String, Value> = resource.as_object().cloned().unwrap_or_default();
        body.retain(|name, _| !NOT_BODY.contains(&name.as_str()));
        let mut answerer = |question: Question<'_>| match question {
            Question::Reference(..) => run::ask(cloud, question, call.now),
            // keys are nobody's to see before the deployment needs them
            Question::List(..) => Err(ArmError::bad_request("NotEvaluated", "a list of keys")),
        };
        let mut scope = Scope {
            template,
            parameters: &values,
            deployment: id.name(),
            group,
            tenant: &tenant,
            answerer: Some(&mut answerer),
        };
        let wanted = known(&mut scope, &Value::Object(body));
        let world = cloud.world(call.now);
        let before = world.find(&item.id).map(|found| view(world, &found));
        changes.push(change(&item.id, resource, &wanted, before));
    }
    let key = group_key(&group.subscription, &group.name);
    let world = cloud.world(call.now);
    let others = world.store.resources().filter(|other| {
        let is_tracked =
            provider::find(&other.id.type_name()).is_some_and(|one| one.definition().tracked);
        is_tracked
            && other.id.group_key() == key
            && judged
                .items
                .iter()
                .all(|item| item.id.key() != other.id.key())
    });
    changes.extend(others.map(|other| {
        json!({ "resourceId": other.id.to_string(), "changeType": "Ignore", "before": view(world, other),
            "after": view(world, other) })
    }));
    if is_short {
        for change in changes.iter_mut().filter_map(Value::as_object_mut) {
            change.retain(|name, _| !["before", "after", "delta"].contains(&name.as_str()));
        }
    }
    changes
}

/// A value with the expressions evaluated that can be; the others stay as they are written.
fn known(scope: &mut Scope<'_>, value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(|item| known(scope, item)).collect(),
        Value::Object(fields) => {
            let fields = fields.iter().map(|(name, value)| {
                let name = match scope.value(&json!(name)) {
                    Ok(Value::String(name)) => name,
                    _ => name.clone(),
                };
                (name, known(scope, value))
            });
            Value::Object(fields.collect())
        }
        leaf => scope.value(leaf).unwrap_or_else(|_| leaf.clone()),
    }
}

fn change(id: &ResourceId, resource: &Value, wanted: &Value, before: Option<Value>) -> Value {
    let Some(before) = before else {
        let mut after = json!({
            "id": id.to_string(),
            "name": id.name(),
            "type": id.type_name(),
            "apiVersion": resource["apiVersion"],
        });
        lay_over(&mut after, wanted);
        return json!({ "resourceId": id.to_string(), "changeType": "Create", "after": after });
    };
    let mut delta = Vec::new();
    compare(wanted, &before, "", &mut delta);
    let mut after = before.clone();
    if !delta.is_empty() {
        lay_over(&mut after, wanted);
    }
    json!({
        "resourceId": id.to_string(),
        "changeType": if delta.is_empty() { "NoChange" } else { "Modify" },
        "before": before,
        "after": after,
        "delta": delta,
    })
}

/// Whether a wanted value is one that only the deployment knows.
fn is_unknown(wanted: &Value) -> bool {
    let Some(text) = wanted.as_str() else {
        return false;
    };
    text.contains(MASK) || (text.starts_with('[') && text.ends_with(']') && !text.starts_with("[["))
}

/// Adds what of the wanted values the resource doesn't have. What is not wanted is a default of its
/// provider's, and no change.
fn compare(wanted: &Value, found: &Value, path: &str, delta: &mut Vec<Value>) {
    match (wanted, found) {
        _ if is_unknown(wanted) => {}
        (Value::Object(wanted), Value::Object(found)) => {
            for (name, value) in wanted.iter().filter(|(_, value)| !value.is_null()) {
                let path = if path.is_empty() {
                    name.clone()
                } else {
                    format!("{path}.{name}")
                };
                let same = |one: &&String| one.eq_ignore_ascii_case(name);
                match found
                    .get(name)
                    .or_else(|| found.get(found.keys().find(same)?))
                {
                    Some(found) => compare(value, found, &path, delta),
                    None if is_shown(value) => delta.push(json!({
                        "path": path, "propertyChangeType": "Create", "after": value,
                    })),
                    None => {}
                }
            }
        }
        (Value::Array(wanted), Value::Array(found)) if wanted.len() == found.len() => {
            let mut children = Vec::new();
            for (place, (wanted, found)) in wanted.iter().zip(found).enumerate() {
                compare(wanted, found, &place.to_string(), &mut children);
            }
            if !children.is_empty() {
                delta.push(json!({
                    "path": path, "propertyChangeType": "Array", "children": children,
                }));
            }
        }
        (Value::String(wanted), Value::String(found)) if wanted.eq_ignore_ascii_case(found) => {}
        (Value::String(wanted), Value::String(found))
            if path == "location" && is_one_region(wanted, found) => {}
        (Value::Number(one), Value::Number(other)) if one.as_f64() == other.as_f64() => {}
        (wanted, found) if wanted == found => {}
        (wanted, found) => delta.push(json!({
            "path": path, "propertyChangeType": "Modify", "before": found, "after": wanted,
        })),
    }
}

/// Container Apps answer a region's display name.
fn is_one_region(one: &str, other: &str) -> bool {
    let name = |text| regions::find(text).map(|region| region.name);
    name(one).is_some() && name(one) == name(other)
}

/// Whether a value that the resource lacks is a difference: not if it is unknown, since Azure never
/// shows secrets again, nor if it is empty.
fn is_shown(wanted: &Value) -> bool {
    match wanted {
        Value::Null => false,
        Value::Array(items) => items.iter().any(is_shown),
        Value::Object(fields) => fields.values().any(is_shown),
        leaf => !is_unknown(leaf),
    }
}
