//! What an Azure holds, without what differs between two runs that did the same.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::Scene;

/// What is different in every run: times, and the names that follow from how often something was
/// written.
const VOLATILE: [&str; 12] = [
    "systemData",
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
    "quotaNextResetTime",
];

/// What only the history of an Azure tells.
const HISTORY: [&str; 3] = ["/revisions/", "/executions/", "/replicas/"];

/// Everything an Azure holds, by id, and the values of all secrets of the deployment's apps.
pub(crate) async fn state(scene: &Scene) -> BTreeMap<String, Value> {
    let resources = scene.azure.resources().into_iter();
    let lasting = resources.filter(|(id, _)| !HISTORY.iter().any(|part| id.contains(part)));
    let mut state: BTreeMap<String, Value> =
        lasting.map(|(id, body)| (id, without_volatile(body))).collect();
    for node in scene.graph.nodes() {
        let kind = node.id().resource_type();
        if matches!(kind.as_str(), "Microsoft.App/containerApps" | "Microsoft.App/jobs") {
            let key = format!("{}/secrets", node.id().as_str().to_ascii_lowercase());
            state.insert(key, scene.secrets_of(node.id()).await);
        }
    }
    state
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

/// What differs between two states, a line for each resource.
pub(crate) fn differences(
    expected: &BTreeMap<String, Value>,
    actual: &BTreeMap<String, Value>,
) -> Vec<String> {
    let ids = expected.keys().chain(actual.keys()).collect::<std::collections::BTreeSet<_>>();
    let differing = ids.into_iter().filter(|id| expected.get(*id) != actual.get(*id));
    differing
        .map(|id| {
            let show = |state: &BTreeMap<String, Value>| {
                state.get(id).map_or_else(|| "nothing".to_owned(), Value::to_string)
            };
            format!("{id}\n  expected {}\n  actual   {}", show(expected), show(actual))
        })
        .collect()
}
