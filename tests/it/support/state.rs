//! What an Azure holds, without what differs between two runs that did the same.

use std::collections::{BTreeMap, BTreeSet};

use dify_infra_core::resource::Kind;
use dify_infra_core::secrets::percent_encode;
use serde_json::{Map, Value};

use super::Scene;

/// What is different in every run: times, and the names that follow from how often something was
/// written.
const VOLATILE: [&str; 21] = [
    "issueDate",
    "expirationDate",
    "systemData",
    "created",
    "updated",
    "createdOn",
    "updatedOn",
    "etag",
    "lastModifiedTime",
    "createdDate",
    "modifiedDate",
    "creationTime",
    "earliestRestoreDate",
    "latestRevisionName",
    "latestReadyRevisionName",
    "latestRevisionFqdn",
    "revisionSuffix",
    "lastSkuUpdate",
    "outboundIpAddresses",
    "staticIp",
    // Private endpoints get theirs in the order in which they are made.
    "ipAddresses",
];

/// What only the history of an Azure tells.
const HISTORY: [&str; 3] = ["/revisions/", "/executions/", "/replicas/"];

/// Everything an Azure holds, by id, and the values of all secrets of the deployment's apps. What
/// Azure makes up differs from run to run: where the right one stands, a word stands for it.
pub(crate) async fn state(scene: &Scene) -> BTreeMap<String, Value> {
    let resources = scene.azure.resources().into_iter();
    let lasting = resources.filter(|(id, _)| !HISTORY.iter().any(|part| id.contains(part)));
    let mut state: BTreeMap<String, Value> = lasting
        .map(|(id, body)| (id, without_volatile(body)))
        .collect();
    for node in scene.graph.nodes() {
        if matches!(node.kind(), Kind::ContainerApp | Kind::Job) {
            let id = format!("{}/secrets", node.id().as_str().to_ascii_lowercase());
            state.insert(id, scene.secrets_of(node.id()).await);
        }
    }
    let words = made_up(scene).await;
    for body in state.values_mut() {
        let text = body.to_string();
        let text = words
            .iter()
            .fold(text, |text, (value, word)| text.replace(value, word));
        *body = serde_json::from_str(&text).unwrap();
    }
    state
}

/// What Azure has made up for the deployment, each with the word that stands for it.
async fn made_up(scene: &Scene) -> Vec<(String, String)> {
    let mut words = Vec::new();
    for (kind, pointer, word) in [
        (
            Kind::RedisEnterpriseDatabase,
            "/primaryKey",
            "<the key of Redis>",
        ),
        (
            Kind::StorageAccount,
            "/keys/0/value",
            "<the key of the account>",
        ),
    ] {
        let id = scene.only(kind);
        let version = kind.api_version();
        let answer = scene
            .client
            .post_action(id.as_str(), "listKeys", version, None)
            .await
            .unwrap();
        let key = answer.pointer(pointer).and_then(Value::as_str).unwrap();
        words.push((percent_encode(key), word.to_owned()));
        words.push((key.to_owned(), word.to_owned()));
    }
    let snapshot = scene.observe().await;
    for (kind, pointer, word) in [
        (Kind::Workspace, "/properties/customerId", "<the workspace>"),
        (
            Kind::ManagedEnvironment,
            "/properties/defaultDomain",
            "<the domain>",
        ),
    ] {
        let value = snapshot.output(&scene.only(kind), pointer).unwrap();
        words.push((value, word.to_owned()));
    }
    for node in scene.graph.nodes() {
        let pointers: &[&str] = match node.kind() {
            Kind::VaultSecret => &["/properties/secretUriWithVersion"],
            Kind::UserAssignedIdentity => &["/properties/principalId", "/properties/clientId"],
            _ => &[],
        };
        for pointer in pointers {
            let value = snapshot.output(node.id(), pointer).unwrap();
            words.push((value, format!("<{} of {}>", pointer, node.id().name())));
        }
    }
    words
}

fn without_volatile(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let kept = fields.into_iter().filter(|(name, _)| {
                let time = name.ends_with("Time") || name.ends_with("At");
                !time && !VOLATILE.contains(&name.as_str())
            });
            let kept = kept.map(|(name, value)| (name, without_volatile(value)));
            Value::Object(kept.collect::<Map<_, _>>())
        }
        Value::Array(items) => items.into_iter().map(without_volatile).collect(),
        other => other,
    }
}

/// What differs between two states: a line for each value, with its place.
pub(crate) fn differences(
    expected: &BTreeMap<String, Value>,
    actual: &BTreeMap<String, Value>,
) -> Vec<String> {
    let mut lines = Vec::new();
    for id in expected
        .keys()
        .chain(actual.keys())
        .collect::<BTreeSet<_>>()
    {
        let of = |state: &BTreeMap<String, Value>| state.get(id).cloned().unwrap_or_default();
        collect(id, &of(expected), &of(actual), &mut lines);
    }
    lines
}

fn collect(path: &str, expected: &Value, actual: &Value, lines: &mut Vec<String>) {
    match (expected, actual) {
        (Value::Object(one), Value::Object(other)) => {
            for name in one.keys().chain(other.keys()).collect::<BTreeSet<_>>() {
                let of =
                    |fields: &Map<String, Value>| fields.get(name).cloned().unwrap_or_default();
                collect(&format!("{path} {name}"), &of(one), &of(other), lines);
            }
        }
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
            for (place, (one, other)) in one.iter().zip(other).enumerate() {
                collect(&format!("{path}[{place}]"), one, other, lines);
            }
        }
        _ if expected == actual => {}
        _ => lines.push(format!("{path}: expected {expected}, is {actual}")),
    }
}
