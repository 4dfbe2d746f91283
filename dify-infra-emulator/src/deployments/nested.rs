//! Deployments inside of a template: the way into another resource group or subscription
//! (learn.microsoft.com azure-resource-manager/templates/deploy-to-resource-group).
//!
//! A template inside is evaluated by itself, with the parameters that the outer one gives it; one that is
//! evaluated outside, which is what Azure does without `expressionEvaluationOptions`, is refused.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

use crate::arm::error::ArmError;
use crate::arm::id::ResourceId;
use crate::arm::merge::text_at;
use crate::deployments::evaluate::Scope;
use crate::deployments::template::{check_outline, not_emulated, static_text};
use crate::deployments::{TYPE, accept};
use crate::engine::Cloud;
use crate::front;
use crate::store::deployment::{ItemState, Progress};

/// Whether a type is that of deployments.
pub(super) fn is_one(kind: &str) -> bool {
    kind.eq_ignore_ascii_case(TYPE)
}

/// The subscription and the group that a resource of a template is written into.
pub(super) fn group_of(
    scope: &mut Scope<'_>,
    resource: &Value,
) -> Result<(String, String), ArmError> {
    let mut place = [scope.group.subscription.clone(), scope.group.name.clone()];
    for (name, place) in ["subscriptionId", "resourceGroup"]
        .into_iter()
        .zip(&mut place)
    {
        let Some(value) = resource.get(name) else {
            continue;
        };
        if !is_one(text_at(resource, "type").unwrap_or_default()) {
            return Err(not_emulated(&format!("{name} of a resource")));
        }
        *place = static_text(scope, value)?;
    }
    if resource.get("subscriptionId").is_some() && resource.get("resourceGroup").is_none() {
        return Err(not_emulated("a deployment inside into a subscription"));
    }
    let [subscription, group] = place;
    Ok((subscription, group))
}

/// Judges what of a deployment inside is known before anything is deployed.
pub(super) fn check(resource: &Value, version: &str) -> Result<(), ArmError> {
    front::check_front_version(version)?;
    let properties = &resource["properties"];
    let options = &properties["expressionEvaluationOptions"];
    let is_inner = |word: &str| word.eq_ignore_ascii_case("inner");
    if !text_at(options, "scope").is_some_and(is_inner) {
        return Err(not_emulated(
            "a deployment inside whose expressionEvaluationOptions do not have the scope Inner",
        ));
    }
    check_outline(&properties["template"])
}

/// Resources without the templates of deployments inside.
pub(super) fn without_templates(resources: &Value) -> Cow<'_, Value> {
    let has_any = |resource: &Value| is_one(text_at(resource, "type").unwrap_or_default());
    let list = resources.as_array();
    if !list.is_some_and(|list| list.iter().any(has_any)) {
        return Cow::Borrowed(resources);
    }
    let mut resources = resources.clone();
    for resource in resources.as_array_mut().into_iter().flatten() {
        if has_any(resource)
            && let Some(properties) = resource["properties"].as_object_mut()
        {
            properties.remove("template");
        }
    }
    Cow::Owned(resources)
}

/// What of a deployment inside is evaluated outside, and the template that is not.
pub(super) fn apart(mut body: Map<String, Value>) -> (Map<String, Value>, Value) {
    let properties = body.get_mut("properties").and_then(Value::as_object_mut);
    let template = properties.and_then(|properties| {
        properties.remove("expressionEvaluationOptions");
        properties.remove("template")
    });
    (body, template.unwrap_or_default())
}

/// Begins a deployment inside.
pub(super) fn begin(
    cloud: &mut Cloud,
    id: &ResourceId,
    body: Value,
    at: jiff::Timestamp,
) -> ItemState {
    match accept(cloud, id, body, at) {
        Ok(_) => ItemState::Running(id.key()),
        Err(error) => {
            let status = error.status.as_u16();
            let mut error = error.object();
            error["target"] = json!(id.to_string());
            ItemState::Failed(status, error)
        }
    }
}

/// How a deployment inside stands; nothing while it runs.
pub(super) fn ended(cloud: &Cloud, id: &ResourceId) -> Option<ItemState> {
    let found = cloud.store.deployment(&id.key());
    match found.map(|found| (found.progress, found.error.clone())) {
        Some((Progress::Running, _)) => None,
        Some((Progress::Succeeded, _)) => Some(ItemState::Succeeded),
        Some((Progress::Failed | Progress::Canceled, error)) => {
            let cancelled = || {
                json!({
                    "code": "DeploymentCanceled",
                    "target": id.to_string(),
                    "message": "The deployment was canceled.",
                })
            };
            Some(ItemState::Failed(409, error.unwrap_or_else(cancelled)))
        }
        None => Some(ItemState::Failed(
            404,
            json!({
                "code": "DeploymentNotFound",
                "target": id.to_string(),
                "message": format!("Deployment '{}' could not be found.", id.name()),
            }),
        )),
    }
}
