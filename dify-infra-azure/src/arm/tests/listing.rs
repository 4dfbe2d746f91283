//! Lists, providers, subscriptions.

use serde_json::json;

use super::{GROUP, HOST, Script, answer, client, refusal};
use crate::ErrorKind;
use crate::arm::RegistrationState;

const LIST: &str = "/subscriptions/s/resourceGroups/rg/resources?$filter=x";

#[tokio::test]
async fn follows_next_links_as_they_are() {
    let next = format!("{HOST}/opaque?%24skiptoken=a%2Bb&api-version=0");
    let script = Script::new([
        answer(200, &json!({"value": [1, 2], "nextLink": next})),
        answer(200, &json!({"value": null, "nextLink": "/relative?x=1"})),
        answer(200, &json!({"value": [3], "nextLink": ""})),
    ]);
    let items = client(&script).list(LIST, "2025-04-01").await.unwrap();
    assert_eq!(items, [json!(1), json!(2), json!(3)]);
    assert_eq!(
        script.requests()[1..],
        [
            "GET /opaque?%24skiptoken=a%2Bb&api-version=0",
            "GET /relative?x=1"
        ]
    );
    assert!(script.requests()[0].ends_with("$filter=x&api-version=2025-04-01"));
}

#[tokio::test]
async fn a_circle_of_pages_is_an_error() {
    let (a, b) = (format!("{HOST}/a"), format!("{HOST}/b"));
    let script = Script::new([
        answer(200, &json!({"value": [], "nextLink": a})),
        answer(200, &json!({"value": [], "nextLink": b})),
        answer(200, &json!({"value": [], "nextLink": a})),
    ]);
    let error = client(&script).list(LIST, "1").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Protocol);
    assert!(error.to_string().contains("read already"), "{error}");
}

#[tokio::test]
async fn a_next_link_to_another_host_is_an_error() {
    let evil = json!({"value": [1], "nextLink": "https://evil.example/?sig=canary"});
    let script = Script::new([answer(200, &evil)]);
    let error = client(&script).list(LIST, "1").await.unwrap_err();
    assert!(
        error.to_string().contains("`https://evil.example`"),
        "{error}"
    );
    assert_eq!(script.seen().len(), 1);
}

#[tokio::test]
async fn a_list_of_a_missing_group_is_not_found() {
    let script = Script::new([refusal(404, "ResourceGroupNotFound")]);
    assert!(
        client(&script)
            .list(LIST, "1")
            .await
            .unwrap_err()
            .is_not_found()
    );
}

#[tokio::test]
async fn a_value_that_is_no_list_is_an_error() {
    let script = Script::new([answer(200, &json!({"value": {"a": 1}}))]);
    let error = client(&script).list(GROUP, "1").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Protocol);
}

#[tokio::test]
async fn a_provider_says_where_its_types_are_served() {
    let script = Script::new([answer(
        200,
        &json!({"namespace": "Microsoft.App", "registrationState": "Registered",
            "resourceTypes": [
                {"resourceType": "containerApps", "locations": ["Japan East"],
                 "apiVersions": ["2026-01-01"], "capabilities": "x"},
                {"resourceType": "operations", "locations": null, "apiVersions": null}]}),
    )]);
    let provider = client(&script)
        .provider("s", "Microsoft.App")
        .await
        .unwrap();
    assert_eq!(provider.registration_state, RegistrationState::Registered);
    let apps = provider.resource_type("ContainerApps").unwrap();
    assert!(apps.is_served_in("japaneast") && apps.is_served_in("Japan East"));
    assert!(!apps.is_served_in("japanwest"));
    assert_eq!(apps.api_versions, ["2026-01-01"]);
    assert!(
        provider
            .resource_type("operations")
            .unwrap()
            .is_served_in("anywhere")
    );
}

#[tokio::test]
async fn a_provider_is_registered_by_a_post() {
    let script = Script::new([answer(200, &json!({"registrationState": "Registering"}))]);
    let status = client(&script)
        .register_provider("s", "Microsoft.App")
        .await
        .unwrap();
    assert_eq!(status.registration_state, RegistrationState::Registering);
    assert_eq!(status.namespace, "Microsoft.App");
    assert!(
        script.requests()[0].starts_with("POST /subscriptions/s/providers/Microsoft.App/register?")
    );
}

#[tokio::test]
async fn subscriptions_are_listed() {
    let script = Script::new([answer(
        200,
        &json!({"value": [{"subscriptionId": "s-1", "displayName": "Dev", "state": "Enabled",
            "tenantId": "t-1"}, {"subscriptionId": "s-2", "displayName": null}]}),
    )]);
    let all = client(&script).subscriptions().await.unwrap();
    assert_eq!(
        (all[0].id.as_str(), all[0].tenant_id.as_str()),
        ("s-1", "t-1")
    );
    assert_eq!((all[1].id.as_str(), all[1].name.as_str()), ("s-2", ""));
}
