//! Log Analytics.

use serde_json::json;

use super::support::{Client, group};

fn path() -> String {
    group("/providers/Microsoft.OperationalInsights/workspaces/logs")
}

#[test]
fn a_creation_answers_200_while_it_is_still_creating() {
    let client = Client::with_group();
    let reply = client.put(
        &path(),
        json!({"location": "japaneast", "properties": {"retentionInDays": 90}}),
    );
    assert_eq!((reply.status.as_u16(), reply.state()), (200, "Creating"));
    assert!(reply.header("azure-asyncoperation").is_none() && reply.header("location").is_none());
    client.settle();
    let body = client.get(&path()).body;
    assert_eq!(body["properties"]["provisioningState"], "Succeeded");
    assert_eq!(
        body["properties"]["customerId"].as_str().map(str::len),
        Some(36)
    );
    assert_eq!(body["properties"]["retentionInDays"], 90);
    assert_eq!(body["properties"]["sku"]["name"], "PerGB2018");
}

#[test]
fn keys_come_from_an_action_alone() {
    let client = Client::with_group();
    let body = client.create(&path(), json!({"location": "japaneast"}));
    let keys = client
        .post(&format!("{}/sharedKeys", path()), json!({}))
        .body;
    let primary = keys["primarySharedKey"].as_str().unwrap();
    assert_eq!(primary.len(), 88);
    assert!(!body.to_string().contains(primary));
    client.create(&path(), json!({"location": "japaneast"}));
    assert_eq!(
        client
            .post(&format!("{}/sharedKeys", path()), json!({}))
            .body,
        keys
    );
}

#[test]
fn a_deleted_workspace_comes_back_with_its_name() {
    let client = Client::with_group();
    let first = client.create(&path(), json!({"location": "japaneast"}));
    let keys = client
        .post(&format!("{}/sharedKeys", path()), json!({}))
        .body;
    assert_eq!(client.delete(&path()).status, 200);
    assert_eq!(client.get(&path()).status, 404);
    client.wait(3600.0);
    let again = client.create(&path(), json!({"location": "japaneast"}));
    assert_eq!(
        again["properties"]["customerId"],
        first["properties"]["customerId"]
    );
    assert_eq!(
        client
            .post(&format!("{}/sharedKeys", path()), json!({}))
            .body,
        keys
    );
}

#[test]
fn a_forced_deletion_or_14_days_forget_a_workspace() {
    let client = Client::with_group();
    let customer = || {
        client.create(&path(), json!({"location": "japaneast"}))["properties"]["customerId"].clone()
    };
    let first = customer();
    client.delete(&format!("{}?force=true", path()));
    let second = customer();
    assert_ne!(first, second);
    client.delete(&path());
    client.wait(15.0 * 86_400.0);
    assert_ne!(customer(), second);
}

#[test]
fn retention_and_name_have_limits() {
    let client = Client::with_group();
    let reply = client.put(
        &path(),
        json!({"location": "japaneast", "properties": {"retentionInDays": 7}}),
    );
    assert_eq!(reply.body["error"]["target"], "properties.retentionInDays");
    let short = group("/providers/Microsoft.OperationalInsights/workspaces/abc");
    assert_eq!(
        client.put(&short, json!({"location": "japaneast"})).status,
        400
    );
}
