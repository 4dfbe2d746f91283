//! Deployments as clients read them.

use http::StatusCode;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use crate::arm::call::Call;
use crate::arm::id::ResourceId;
use crate::deployments::run::spelled;
use crate::deployments::template::Judged;
use crate::engine::Cloud;
use crate::store::deployment::{Deployment, Given, Item, ItemState, Progress};

/// Azure's word for how far a deployment is.
pub(crate) fn state(progress: Progress) -> &'static str {
    match progress {
        Progress::Running => "Running",
        Progress::Succeeded => "Succeeded",
        Progress::Failed => "Failed",
        Progress::Canceled => "Canceled",
    }
}

/// A deployment, without the values of secure parameters.
pub(crate) fn deployment(cloud: &Cloud, deployment: &Deployment) -> Value {
    let ended = deployment.ended.unwrap_or(deployment.started);
    let mut parameters = Map::new();
    for (name, given) in &deployment.parameters {
        let kind = deployment.template["parameters"][name]["type"].as_str();
        let mut shown = json!({ "type": spelled(kind.unwrap_or_default()) });
        if let Given::Plain(value) = given {
            shown["value"] = value.clone();
        }
        parameters.insert(name.clone(), shown);
    }
    let mut properties = json!({
        "templateHash": hash(&deployment.template),
        "parameters": parameters,
        "mode": "Incremental",
        "provisioningState": state(deployment.progress),
        "timestamp": ended.to_string(),
        "duration": ended.duration_since(deployment.started).to_string(),
        "correlationId": deployment.correlation,
        "providers": providers(cloud, &deployment.items),
        "dependencies": dependencies(&deployment.items),
    });
    if deployment.progress == Progress::Succeeded {
        properties["outputs"] = deployment.outputs.clone();
        let resources = deployment.items.iter();
        properties["outputResources"] = resources
            .map(|item| json!({ "id": item.id.to_string() }))
            .collect();
    }
    if let Some(error) = &deployment.error {
        properties["error"] = error.clone();
    }
    let mut body = json!({
        "id": deployment.id.to_string(),
        "name": deployment.id.name(),
        "type": super::TYPE,
        "properties": properties,
    });
    if !deployment.tags.is_empty() {
        body["tags"] = json!(deployment.tags);
    }
    body
}

/// What a template that is right would do.
pub(crate) fn validated(
    cloud: &Cloud,
    call: &Call,
    id: &ResourceId,
    body: &Value,
    judged: &Judged,
) -> Value {
    let mut parameters = Map::new();
    for (name, parameter) in &judged.parameters {
        let kind = body["properties"]["template"]["parameters"][name]["type"].as_str();
        let mut shown = json!({ "type": spelled(kind.unwrap_or_default()) });
        if !parameter.secure {
            shown["value"] = parameter.value.clone();
        }
        parameters.insert(name.clone(), shown);
    }
    let resources: Vec<Value> = judged
        .items
        .iter()
        .map(|item| json!({ "id": item.id.to_string() }))
        .collect();
    json!({
        "id": id.to_string(),
        "name": id.name(),
        "type": super::TYPE,
        "properties": {
            "templateHash": hash(&body["properties"]["template"]),
            "parameters": parameters,
            "mode": "Incremental",
            "provisioningState": "Succeeded",
            "timestamp": call.now.to_string(),
            "duration": "PT0S",
            "correlationId": cloud.settings.dice.guid(&format!("validate/{}", call.number)),
            "providers": providers(cloud, &judged.items),
            "dependencies": dependencies(&judged.items),
            "validatedResources": resources,
        },
    })
}

fn hash(template: &Value) -> String {
    let digest = Sha256::digest(template.to_string());
    let number = digest[..8]
        .iter()
        .fold(0_u64, |sum, byte| (sum << 8) | u64::from(*byte));
    number.to_string()
}

fn providers(cloud: &Cloud, items: &[Item]) -> Value {
    let mut namespaces: Vec<&str> = items
        .iter()
        .map(|item| item.id.namespace.as_str())
        .collect();
    namespaces.sort_unstable();
    namespaces.dedup();
    namespaces
        .into_iter()
        .map(|namespace| {
            let own = items.iter().filter(|item| item.id.namespace == namespace);
            let mut types: Vec<Value> = Vec::new();
            for item in own {
                let kind = item.id.type_name();
                let kind = kind.split_once('/').map_or("", |(_, kind)| kind);
                let root = cloud.store.resource(&item.id.root());
                let location =
                    root.and_then(|root| root.desired["location"].as_str().map(str::to_owned));
                let locations: Vec<String> = location.into_iter().collect();
                let shown = json!({ "resourceType": kind, "locations": locations });
                if !types.contains(&shown) {
                    types.push(shown);
                }
            }
            json!({ "namespace": namespace, "resourceTypes": types })
        })
        .collect()
}

fn dependencies(items: &[Item]) -> Value {
    let reference = |id: &ResourceId| {
        let path = id.to_string();
        json!({
            "id": path,
            "resourceType": id.type_name(),
            "resourceName": names(id),
        })
    };
    items
        .iter()
        .filter(|item| !item.needs.is_empty())
        .map(|item| {
            let mut shown = reference(&item.id);
            let needed = items
                .iter()
                .filter(|other| item.needs.contains(&other.id.key()));
            shown["dependsOn"] = needed.map(|other| reference(&other.id)).collect();
            shown
        })
        .collect()
}

/// The names along an id: `server/database`.
fn names(id: &ResourceId) -> String {
    let mut names = vec![id.name().to_owned()];
    let mut parent = id.parent();
    while let Some(outer) = parent {
        names.insert(0, outer.name().to_owned());
        parent = outer.parent();
    }
    names.join("/")
}

/// The operations of a deployment: one for each resource that was begun, and at last its own.
pub(crate) fn operations(deployment: &Deployment) -> Vec<Value> {
    let begun = deployment.items.iter().filter_map(|item| {
        let started = item.started?;
        let (state, code, error) = match &item.state {
            ItemState::Waiting => return None,
            ItemState::Running(_) => ("Running", None, None),
            ItemState::Succeeded => ("Succeeded", Some(StatusCode::OK), None),
            ItemState::Failed(code, error) => {
                ("Failed", StatusCode::from_u16(*code).ok(), Some(error))
            }
        };
        let ended = item.ended.unwrap_or(started);
        let mut properties = json!({
            "provisioningOperation": "Create",
            "provisioningState": state,
            "timestamp": ended.to_string(),
            "duration": ended.duration_since(started).to_string(),
            "trackingId": deployment.correlation,
            "targetResource": {
                "id": item.id.to_string(),
                "resourceType": item.id.type_name(),
                "resourceName": names(&item.id),
            },
        });
        if let Some(code) = code {
            properties["statusCode"] =
                json!(code.canonical_reason().unwrap_or("OK").replace(' ', ""));
        }
        if let Some(error) = error {
            properties["statusMessage"] = json!({ "error": error });
        }
        Some((item.id.key(), properties))
    });
    let mut operations: Vec<Value> = begun
        .map(|(key, properties)| operation(deployment, &key, &properties))
        .collect();
    if deployment.progress == Progress::Succeeded {
        let ended = deployment.ended.unwrap_or(deployment.started);
        let properties = json!({
            "provisioningOperation": "EvaluateDeploymentOutput",
            "provisioningState": "Succeeded",
            "timestamp": ended.to_string(),
            "duration": "PT0S",
            "trackingId": deployment.correlation,
            "statusCode": "OK",
        });
        operations.push(operation(deployment, "output", &properties));
    }
    operations
}

fn operation(deployment: &Deployment, of: &str, properties: &Value) -> Value {
    let digest = Sha256::digest(format!("{}/{of}", deployment.operation));
    let number = digest[..8]
        .iter()
        .fold(0_u64, |sum, byte| (sum << 8) | u64::from(*byte));
    let id = format!("{number:016X}");
    json!({
        "id": format!("{}/operations/{id}", deployment.id),
        "operationId": id,
        "properties": properties,
    })
}
