//! Every answer has the shape that Microsoft publishes.

use std::path::PathBuf;

use serde_json::Value;

use super::support::{Client, deploy};

/// The published schemas, or none when this checkout has none beside it.
pub(super) fn schemas() -> Option<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/arm-schemas");
    if folder.is_dir() {
        return Some(folder);
    }
    let required = std::env::var("DIFY_INFRA_REQUIRE_REAL").is_ok_and(|value| value == "1");
    assert!(
        !required,
        "arm-schemas are required and not at {}",
        folder.display()
    );
    println!("skipped: arm-schemas not found");
    None
}

fn validator(folder: &std::path::Path, kind: &str) -> jsonschema::Validator {
    let index: Value =
        serde_json::from_str(&std::fs::read_to_string(folder.join("index.json")).unwrap()).unwrap();
    let entry = index
        .as_array()
        .unwrap()
        .iter()
        .find(|entry| entry["type"] == kind);
    let file = entry.unwrap_or_else(|| panic!("no schema for {kind}"))["file"]
        .as_str()
        .unwrap();
    let schema: Value =
        serde_json::from_str(&std::fs::read_to_string(folder.join(file)).unwrap()).unwrap();
    jsonschema::validator_for(&schema).unwrap_or_else(|error| panic!("{file}: {error}"))
}

pub(super) fn check(folder: &std::path::Path, body: &Value) {
    let kind = body["type"].as_str().unwrap();
    let errors: Vec<String> = validator(folder, kind)
        .iter_errors(body)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{kind}: {errors:#?}\n{body:#}");
}

#[test]
fn complete_resources_are_valid_against_the_published_schemas() {
    let Some(folder) = schemas() else { return };
    let client = Client::with_group();
    let paths = deploy(&client);
    assert_eq!(paths.len(), 16);
    for path in paths {
        check(&folder, &client.get(&path).body);
    }
    check(&folder, &client.get(&super::support::group("")).body);
}

#[test]
fn every_body_that_is_answered_on_the_way_is_valid() {
    let Some(folder) = schemas() else { return };
    let client = Client::with_group();
    let mut checked = 0;
    for path in deploy(&client) {
        client.settle();
        let mut body = client.get(&path).body;
        // writing back what was read is an update; app secrets have to be given again
        if path.contains("/containerApps/") || path.contains("/jobs/") {
            body["properties"]["configuration"]["secrets"] =
                serde_json::json!([{"name": "key", "value": "v"}]);
        }
        let reply = client.put(&path, body);
        assert!(reply.status.is_success(), "{path}: {}", reply.body);
        for body in [reply.body, client.get(&path).body] {
            if !body.is_null() {
                check(&folder, &body);
                checked += 1;
            }
        }
    }
    assert!(checked > 13, "{checked}");
}

#[test]
fn resources_on_their_way_out_are_valid() {
    let Some(folder) = schemas() else { return };
    let client = Client::with_group();
    for path in deploy(&client) {
        client.settle();
        let reply = client.delete(&path);
        let body = client.get(&path).body;
        if reply.status.is_success() && body.get("type").is_some() {
            check(&folder, &body);
        }
    }
}
