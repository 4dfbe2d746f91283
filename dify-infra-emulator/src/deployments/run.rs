//! Deployments at work: each resource is written when what it depends on is there, through the same
//! door as any client's request.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::arm::answer::Answer;
use crate::arm::call::Call;
use crate::arm::error::ArmError;
use crate::arm::id::ResourceId;
use crate::arm::merge::text_at;
use crate::deployments::evaluate::{Problem, Question, Scope};
use crate::deployments::nested;
use crate::deployments::template::NOT_BODY;
use crate::engine::Cloud;
use crate::front;
use crate::store::deployment::{Deployment, Given, Item, ItemState, Progress};
use crate::store::model::{Change, Operation, Outcome, SecretValue};

/// Goes on with every deployment that runs, at a moment.
pub(crate) fn drive(cloud: &mut Cloud, at: Timestamp) {
    // One may begin another, or wait for another's end: as long as any gets on, all are looked at.
    let mut gets_on = true;
    while gets_on {
        gets_on = false;
        for key in cloud.store.running_deployments() {
            let Some(before) = cloud.store.deployment(&key).cloned() else {
                continue;
            };
            let after = step(cloud, before.clone(), at);
            if after != before {
                gets_on = true;
                let change = Change::Deployment(key, Some(Box::new(after)));
                cloud.store.apply(change);
            }
        }
    }
}

/// Looks at what runs, begins what may begin, and ends when nothing is left.
fn step(cloud: &mut Cloud, mut deployment: Deployment, at: Timestamp) -> Deployment {
    loop {
        for item in &mut deployment.items {
            look_at(cloud, item, at);
        }
        let Some(place) = next(&deployment) else {
            break;
        };
        let state = begin(cloud, &deployment, place, at);
        let item = &mut deployment.items[place];
        item.started = Some(at);
        if !matches!(state, ItemState::Running(_)) {
            item.ended = Some(at);
        }
        item.state = state;
    }
    let runs = |item: &Item| matches!(item.state, ItemState::Running(_));
    if !deployment.items.iter().any(runs) {
        end(cloud, &mut deployment, at);
    }
    deployment
}

/// Takes in how the operation of a resource ended. Azure polls: by the time it looks again, a
/// provider that rests for a moment after its success has rested.
fn look_at(cloud: &Cloud, item: &mut Item, at: Timestamp) {
    let ItemState::Running(operation) = &item.state else {
        return;
    };
    if nested::is_one(&item.id.type_name()) {
        if let Some(state) = nested::ended(cloud, &item.id) {
            item.ended = Some(at);
            item.state = state;
        }
        return;
    }
    let key = item.id.key();
    let busy = cloud.store.running().any(|running| running.target == key);
    if busy {
        return;
    }
    item.ended = Some(at);
    item.state = match cloud.store.operation(operation).map(|found| &found.outcome) {
        Some(Outcome::Failed { code, message }) => failed_later(&item.id, code, message),
        _ => ItemState::Succeeded,
    };
}

/// What Azure reports of a write that was accepted and failed.
fn failed_later(id: &ResourceId, code: &str, message: &str) -> ItemState {
    let error = json!({
        "code": "ResourceDeploymentFailure",
        "target": id.to_string(),
        "message": "The resource write operation failed to complete successfully, because it reached \
                    terminal provisioning state 'Failed'.",
        "details": [{ "code": code, "message": message }],
    });
    ItemState::Failed(StatusCode::CONFLICT.as_u16(), error)
}

/// The first resource that waits for nothing any more.
fn next(deployment: &Deployment) -> Option<usize> {
    let is_done = |key: &String| {
        deployment
            .items
            .iter()
            .any(|item| item.state == ItemState::Succeeded && item.id.key() == *key)
    };
    deployment
        .items
        .iter()
        .position(|item| item.state == ItemState::Waiting && item.needs.iter().all(is_done))
}

fn begin(cloud: &mut Cloud, deployment: &Deployment, place: usize, at: Timestamp) -> ItemState {
    let item = &deployment.items[place];
    let resource = &deployment.template["resources"][item.place];
    let version = resource["apiVersion"].as_str().unwrap_or_default();
    let body = body_of(cloud, deployment, resource, at);
    if nested::is_one(&item.id.type_name()) {
        return match body {
            Ok(body) => nested::begin(cloud, &item.id, body, at),
            Err(error) => {
                let answer = error.into_answer();
                ItemState::Failed(answer.status.as_u16(), error_of(&answer, &item.id))
            }
        };
    }
    let answer = body.and_then(|body| {
        send(
            cloud,
            &Method::PUT,
            &item.id.to_string(),
            version,
            &body,
            at,
        )
    });
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => error.into_answer(),
    };
    if !answer.status.is_success() {
        return ItemState::Failed(answer.status.as_u16(), error_of(&answer, &item.id));
    }
    let operation = cloud
        .store
        .resource(&item.id)
        .and_then(|resource| resource.operation.as_ref())
        .and_then(|operation| cloud.store.operation(operation))
        .filter(|operation| operation.is_running());
    operation.map_or(ItemState::Succeeded, |operation: &Operation| {
        ItemState::Running(operation.id.clone())
    })
}

/// The error object of an answer, with the resource that it is about.
fn error_of(answer: &Answer, id: &ResourceId) -> Value {
    let body = answer.body.clone().unwrap_or(Value::Null);
    let mut error = body.get("error").cloned().unwrap_or(body);
    if error.is_object() {
        error["target"] = json!(id.to_string());
    }
    error
}

/// The values of a deployment's parameters, by lower-case name.
fn values(cloud: &Cloud, deployment: &Deployment) -> BTreeMap<String, Value> {
    let value = |given: &Given| match given {
        Given::Plain(value) => value.clone(),
        Given::Secret(number) => cloud
            .store
            .secret(*number)
            .and_then(|value| serde_json::from_str(value.expose()).ok())
            .unwrap_or(Value::Null),
    };
    deployment
        .parameters
        .iter()
        .map(|(name, given)| (name.to_ascii_lowercase(), value(given)))
        .collect()
}

fn body_of(
    cloud: &mut Cloud,
    deployment: &Deployment,
    resource: &Value,
    at: Timestamp,
) -> Result<Value, ArmError> {
    let mut body: Map<String, Value> = resource.as_object().cloned().unwrap_or_default();
    body.retain(|name, _| !NOT_BODY.contains(&name.as_str()));
    if !nested::is_one(text_at(resource, "type").unwrap_or_default()) {
        return evaluated(cloud, deployment, &Value::Object(body), at);
    }
    let (body, template) = nested::apart(body);
    let mut body = evaluated(cloud, deployment, &Value::Object(body), at)?;
    body["properties"]["template"] = template;
    Ok(body)
}

/// A part of the template with all its expressions evaluated as they are at a moment.
fn evaluated(
    cloud: &mut Cloud,
    deployment: &Deployment,
    value: &Value,
    at: Timestamp,
) -> Result<Value, ArmError> {
    let parameters = values(cloud, deployment);
    let group = cloud.store.group(&deployment.id.group_key()).cloned();
    let group = group.ok_or_else(|| crate::engine::read::group_not_found(&deployment.id.group))?;
    let tenant = cloud.settings.tenant.clone();
    let mut answerer = |question: Question<'_>| ask(cloud, question, at);
    let mut scope = Scope {
        template: &deployment.template,
        parameters: &parameters,
        deployment: deployment.id.name(),
        group: &group,
        tenant: &tenant,
        answerer: Some(&mut answerer),
    };
    scope.value(value).map_err(|problem| match problem {
        Problem::Refused(error) => error,
        Problem::Language(reason) => ArmError::bad_request(
            "InvalidTemplate",
            format!("Unable to process template language expressions: '{reason}'"),
        ),
    })
}

/// Asks what `reference` and `list*` stand for.
pub(super) fn ask(
    cloud: &mut Cloud,
    question: Question<'_>,
    at: Timestamp,
) -> Result<Value, ArmError> {
    let answer = match question {
        Question::Reference(id, version) => {
            let version = version.unwrap_or_else(|| newest_version(id));
            send(
                cloud,
                &Method::GET,
                &id.to_string(),
                version,
                &Value::Null,
                at,
            )?
        }
        Question::List(action, id, version, body) => send(
            cloud,
            &Method::POST,
            &format!("{id}/{action}"),
            version,
            body,
            at,
        )?,
    };
    Ok(answer.body.unwrap_or(Value::Null))
}

/// A `reference` to a resource of the same template may leave its version out.
fn newest_version(id: &ResourceId) -> &'static str {
    crate::provider::find(&id.type_name())
        .and_then(|provider| provider.definition().api_versions.iter().max().copied())
        .unwrap_or_default()
}

/// Makes a request as the deployment engine does: through the front door.
fn send(
    cloud: &mut Cloud,
    method: &Method,
    path: &str,
    version: &str,
    body: &Value,
    at: Timestamp,
) -> Result<Answer, ArmError> {
    let bytes = if body.is_null() {
        Bytes::new()
    } else {
        Bytes::from(body.to_string())
    };
    let request = Request::builder()
        .method(method)
        .uri(format!(
            "https://management.azure.com{path}?api-version={version}"
        ))
        .header("authorization", "Bearer deployment")
        .body(bytes);
    let request = request.map_err(|_| {
        ArmError::bad_request(
            "InvalidTemplate",
            "A name in the template can't be in an address.",
        )
    })?;
    let number = cloud.store.next_number();
    front::answer(cloud, &Call::new(at, number, request))
}

/// Ends a deployment of which nothing runs any more.
fn end(cloud: &mut Cloud, deployment: &mut Deployment, at: Timestamp) {
    let mut details: Vec<Value> = Vec::new();
    for item in &deployment.items {
        if let ItemState::Failed(_, error) = &item.state {
            details.push(error.clone());
        }
    }
    if details.is_empty() {
        match outputs(cloud, deployment, at) {
            Ok(outputs) => deployment.outputs = outputs,
            Err(error) => details.push(error.object()),
        }
    }
    deployment.ended = Some(at);
    deployment.progress = if details.is_empty() {
        Progress::Succeeded
    } else {
        deployment.error = Some(json!({
            "code": "DeploymentFailed",
            "target": deployment.id.to_string(),
            "message": "At least one resource deployment operation failed. Please list deployment \
                        operations for details. Please see https://aka.ms/arm-deployment-operations for \
                        usage details.",
            "details": details,
        }));
        Progress::Failed
    };
    forget_secrets(deployment);
}

/// What is over needs no secret any more; the names of its parameters stay.
pub(crate) fn forget_secrets(deployment: &mut Deployment) {
    for given in deployment.parameters.values_mut() {
        if matches!(given, Given::Secret(_)) {
            *given = Given::Secret(0);
        }
    }
}

/// The outputs of a template; secure ones have no value.
fn outputs(cloud: &mut Cloud, deployment: &Deployment, at: Timestamp) -> Result<Value, ArmError> {
    let wanted = deployment
        .template
        .get("outputs")
        .and_then(Value::as_object);
    let mut outputs = Map::new();
    for (name, output) in wanted.into_iter().flatten() {
        let kind = output["type"].as_str().unwrap_or_default();
        let mut shown = json!({ "type": spelled(kind) });
        if !kind.to_ascii_lowercase().starts_with("secure") {
            shown["value"] = evaluated(cloud, deployment, &output["value"], at)?;
        }
        outputs.insert(name.clone(), shown);
    }
    Ok(Value::Object(outputs))
}

/// Azure's spelling of the type of a parameter or an output: `String`, `SecureString`.
pub(crate) fn spelled(kind: &str) -> String {
    let lower = kind.to_ascii_lowercase();
    let (first, rest) = match lower.strip_prefix("secure") {
        Some(rest) => ("Secure", rest),
        None => ("", lower.as_str()),
    };
    let mut signs = rest.chars();
    let capital = signs.next().map(|sign| sign.to_ascii_uppercase());
    format!(
        "{first}{}{}",
        capital.map(String::from).unwrap_or_default(),
        signs.as_str()
    )
}

/// Keeps the value of a secure parameter with the secret values.
pub(crate) fn kept(cloud: &mut Cloud, value: &Value) -> Given {
    Given::Secret(cloud.store.keep_secret(SecretValue::new(value.to_string())))
}
