//! `audit` with the rights of a reader: what it asks, what it finds, and what it says that it could not see.

use std::sync::Arc;

use bytes::Bytes;
use dify_infra_emulator::server::{Running, Server};
use dify_infra_emulator::{DEFAULT_SUBSCRIPTION, Emulator, RequestRecord};
use http::{Method, Request, StatusCode};
use serde_json::{Value, json};

use crate::azure::Azure;
use crate::place::{INFRA, Place, Ran};

const FILE: &str = include_str!("../../../examples/minimal.toml");

/// What the role Reader allows (learn.microsoft.com role-based-access-control/built-in-roles).
const READER: [&str; 1] = ["*/read"];

/// Words of paths that answer secrets.
const TELLING: [&str; 5] = [
    "listsecrets",
    "listkeys",
    "sharedkeys",
    "/secrets",
    "listconnectionstrings",
];

/// The Azure that a deployment was made in, for a caller with few rights.
async fn watched(place: &Place, denied: &[&str]) -> Running {
    let rights: [(&[&str], &[&str]); 1] = [(&READER, denied)];
    let emulator = Emulator::builder()
        .state_directory(place.path().join(".dify-infra/azure"))
        .permissions(&rights)
        .enforce_permissions()
        .build()
        .unwrap();
    let server = Server::bind(Arc::new(emulator), ([127, 0, 0, 1], 0).into());
    server.await.unwrap().start()
}

/// An audit of the group as a reader, and everything that it asked.
async fn audit(place: &Place, denied: &[&str], more: &[&str]) -> (Ran, Vec<RequestRecord>) {
    let server = watched(place, denied).await;
    let mut command = place.command(INFRA);
    command
        .args(["audit", "--resource-group", "dify-dev-rg"])
        .args(["--auth", "token"])
        .args(["--endpoint", server.endpoint()])
        .args(["--subscription", DEFAULT_SUBSCRIPTION])
        .args(more)
        .env("DIFY_INFRA_TOKEN", "any");
    let output = tokio::task::spawn_blocking(move || command.output().unwrap());
    let ran = Ran::of(output.await.unwrap());
    let asked = server.emulator().request_log();
    server.stop().await;
    (ran, asked)
}

/// That nothing was written and no secret asked for.
#[track_caller]
fn assert_reads_alone(asked: &[RequestRecord]) {
    assert!(asked.len() > 20, "{}", asked.len());
    for one in asked {
        let path = one.path.to_lowercase();
        assert_eq!(one.method, Method::GET, "{path}");
        assert!(TELLING.iter().all(|word| !path.contains(word)), "{path}");
    }
}

/// A template whose deployment leaves a key in the group's history.
fn leave_a_key(place: &Place) {
    let template = json!({
        "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
        "contentVersion": "1.0.0.0",
        "resources": [],
        "parameters": {"location": {"type": "string", "defaultValue": "japaneast"}},
        "outputs": {"redisKey": {"type": "string", "value": "canary-4711-Qz8"}}});
    let emulator = Emulator::builder()
        .state_directory(place.path().join(".dify-infra/azure"))
        .build()
        .unwrap();
    let path = format!(
        "/subscriptions/{DEFAULT_SUBSCRIPTION}/resourceGroups/dify-dev-rg/providers/\
         Microsoft.Resources/deployments/main?api-version=2021-04-01"
    );
    let body = json!({"properties": {"mode": "Incremental", "template": template}});
    let request = Request::put(&path).header("authorization", "Bearer any");
    let response = emulator.handle(
        jiff::Timestamp::now(),
        request.body(Bytes::from(body.to_string())).unwrap(),
    );
    assert_eq!(
        response.status(),
        StatusCode::CREATED,
        "{:?}",
        response.body()
    );
    let end = emulator.idle_at().unwrap_or_else(jiff::Timestamp::now);
    let look = Request::get(&path).header("authorization", "Bearer any");
    let answer = emulator.handle(end, look.body(Bytes::new()).unwrap());
    let answer: Value = serde_json::from_slice(answer.body()).unwrap();
    assert_eq!(
        answer["properties"]["provisioningState"], "Succeeded",
        "{answer}"
    );
}

#[tokio::test]
async fn a_reader_finds_what_can_be_seen_and_is_told_the_rest() {
    let place = Place::new(FILE);
    place.infra(&["apply", "--yes", "--quiet"]).exits(0);

    // As it was made: nothing to say, and nothing hidden from a reader that a rule would need.
    let (ran, asked) = audit(&place, &[], &["--json"]).await;
    let report = ran.exits(0).json();
    assert_reads_alone(&asked);
    assert!(
        asked.iter().all(|one| one.status.is_success()),
        "{asked:#?}"
    );
    assert_eq!(report["summary"]["error"], 0, "{report}");
    assert_eq!(report["summary"]["warning"], 0, "{report}");
    assert_eq!(report["not_seen"], json!([]), "{report}");

    // Somebody changes the deployment, and leaves a key in an output.
    Azure::of(&place).patch(
        "Microsoft.App/containerApps",
        "dify-dev-plugin-daemon",
        &json!({"properties": {"template": {
            "revisionSuffix": "somebody", "scale": {"minReplicas": 1, "maxReplicas": 3}}}}),
    );
    leave_a_key(&place);
    let (ran, asked) = audit(&place, &[], &["--json"]).await;
    assert_reads_alone(&asked);
    assert!(!ran.stdout.contains("canary"), "{}", ran.stdout);
    let report = ran.exits(3).json();
    let errors: Vec<(&str, &str)> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|it| it["severity"] == "error")
        .map(|it| (it["code"].as_str().unwrap(), it["path"].as_str().unwrap()))
        .collect();
    let expected = [
        ("LIM102", "$.properties.template.scale.maxReplicas"),
        // More daemons open more connections than the server has.
        ("LIM104", "$.sku.name"),
        ("SEC102", "$.properties.outputs.redisKey"),
    ];
    assert_eq!(errors, expected, "{report}");

    // A reader from whom the database is kept too: it is said, and nothing is made of it.
    let denied = ["Microsoft.DBforPostgreSQL/flexibleServers/*"];
    let (ran, asked) = audit(&place, &denied, &[]).await;
    assert_reads_alone(&asked);
    let refused = asked
        .iter()
        .filter(|one| one.status == StatusCode::FORBIDDEN);
    assert!(refused.count() >= 2, "{asked:#?}");
    let ran = ran.exits(3);
    assert!(ran.stdout.contains("error[LIM102]"), "{}", ran.stdout);
    assert!(ran.stdout.contains("not seen at"), "{}", ran.stdout);
    assert!(ran.stdout.contains("flexibleServers"), "{}", ran.stdout);
    assert!(!ran.stdout.contains("error[DBX"), "{}", ran.stdout);
}
