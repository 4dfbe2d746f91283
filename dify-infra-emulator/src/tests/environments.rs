//! Managed environments.

use serde_json::json;

use super::support::{
    Client, app_body, app_path, environment_body, environment_path, group, job_body,
    with_environment,
};

#[test]
fn a_creation_is_followed_by_its_header_or_by_the_state_of_the_resource() {
    let client = Client::with_group();
    let reply = client.put(&environment_path(), environment_body());
    assert_eq!((reply.status.as_u16(), reply.state()), (201, "Waiting"));
    assert!(reply.header("azure-asyncoperation").is_some());
    assert!(reply.body["properties"].get("defaultDomain").is_none());
    let mut words = vec![];
    for _ in 0..60 {
        client.wait(5.0);
        let state = client.get(&environment_path()).state().to_owned();
        if words.last() != Some(&state) {
            words.push(state);
        }
    }
    let expected = [
        "Waiting",
        "InitializationInProgress",
        "InfrastructureSetupInProgress",
        "InfrastructureSetupComplete",
        "Succeeded",
    ];
    assert_eq!(words, expected);
}

#[test]
fn a_complete_environment_has_its_outputs_and_defaults() {
    let client = with_environment();
    let properties = client.get(&environment_path()).body["properties"].clone();
    let domain = properties["defaultDomain"].as_str().unwrap();
    let (name, rest) = domain.split_once('.').unwrap();
    assert_eq!(rest, "japaneast.azurecontainerapps.io");
    assert_eq!(name.rsplit_once('-').unwrap().1.len(), 8);
    assert!(
        properties["staticIp"]
            .as_str()
            .unwrap()
            .parse::<std::net::Ipv4Addr>()
            .is_ok()
    );
    assert_eq!(
        properties["customDomainConfiguration"]["customDomainVerificationId"]
            .as_str()
            .map(str::len),
        Some(64)
    );
    assert_eq!(properties["zoneRedundant"], false);
    assert_eq!(properties["peerAuthentication"]["mtls"]["enabled"], false);
}

#[test]
fn an_update_keeps_the_domain_and_a_new_environment_gets_another() {
    let client = with_environment();
    let domain = || client.get(&environment_path()).body["properties"]["defaultDomain"].clone();
    let first = domain();
    client.create(&environment_path(), environment_body());
    assert_eq!(domain(), first);
    let reply = client.delete(&environment_path());
    assert_eq!(reply.status, 202);
    assert_eq!(client.follow(&environment_path(), &reply).status, 204);
    client.create(&environment_path(), environment_body());
    assert_ne!(domain(), first);
}

#[test]
fn an_environment_with_apps_is_not_deleted() {
    let client = with_environment();
    client.create(&app_path("api"), app_body());
    let reply = client.delete(&environment_path());
    assert_eq!(
        (reply.status.as_u16(), reply.code()),
        (409, "ManagedEnvironmentHasContainerApps")
    );
    let gone = client.delete(&app_path("api"));
    client.follow(&app_path("api"), &gone);
    let job = group("/providers/Microsoft.App/jobs/migrate");
    client.create(&job, job_body());
    let reply = client.delete(&environment_path());
    assert_eq!(
        (reply.status.as_u16(), reply.code()),
        (409, "ManagedEnvironmentHasContainerAppsJobs")
    );
    client.delete(&job);
    client.settle();
    assert_eq!(client.delete(&environment_path()).status, 202);
}

#[test]
fn one_operation_runs_at_a_time() {
    let client = Client::with_group();
    client.put(&environment_path(), environment_body());
    let reply = client.put(&environment_path(), environment_body());
    assert_eq!(
        (reply.status.as_u16(), reply.code()),
        (409, "ManagedEnvironmentOperationInProgress")
    );
    assert!(reply.body.get("error").is_some());
}

#[test]
fn the_log_key_is_needed_and_never_comes_back() {
    let client = Client::with_group();
    let mut body = environment_body();
    body["properties"]["appLogsConfiguration"] =
        json!({"destination": "log-analytics", "logAnalyticsConfiguration": {"customerId": "c"}});
    assert_eq!(client.put(&environment_path(), body.clone()).status, 400);
    let mut whole = body.clone();
    whole["properties"]["appLogsConfiguration"]["logAnalyticsConfiguration"]["sharedKey"] =
        json!("canary-key");
    let reply = client.put(&environment_path(), whole);
    assert_eq!(reply.status, 201);
    assert!(!reply.body.to_string().contains("canary-key"));
    client.settle();
    // the key that is there already stays
    assert_eq!(client.put(&environment_path(), body).status, 200);
}

#[test]
fn network_and_zones_are_chosen_at_creation() {
    let client = with_environment();
    let mut body = environment_body();
    body["properties"]["zoneRedundant"] = json!(true);
    let reply = client.put(&environment_path(), body);
    assert_eq!(reply.body["error"]["target"], "properties.zoneRedundant");
}

#[test]
fn a_patch_merges_and_is_followed_by_its_location() {
    let client = with_environment();
    let reply = client.patch(&environment_path(), json!({"tags": {"a": "b"}}));
    assert_eq!((reply.status.as_u16(), &reply.body), (202, &json!(null)));
    let done = client.follow(&environment_path(), &reply);
    assert_eq!(
        (done.status.as_u16(), &done.body["tags"]),
        (200, &json!({"a": "b"}))
    );
    assert_eq!(
        done.body["properties"]["workloadProfiles"]
            .as_array()
            .map(Vec::len),
        Some(1)
    );
}

#[test]
fn names_follow_the_services_own_rule() {
    let client = Client::with_group();
    for name in ["Env", "a_b", "-a", "x"] {
        let path = group(&format!(
            "/providers/Microsoft.App/managedEnvironments/{name}"
        ));
        let reply = client.put(&path, environment_body());
        assert_eq!(reply.code(), "ManagedEnvironmentInvalidName", "{name}");
    }
}

#[test]
fn file_shares_are_written_at_once_and_hide_their_key() {
    let client = with_environment();
    let path = format!("{}/storages/files", environment_path());
    let body = json!({"properties": {"azureFile": {
        "accountName": "a", "accountKey": "canary-key", "shareName": "s", "accessMode": "ReadWrite"}}});
    let reply = client.put(&path, body);
    assert_eq!(reply.status, 200);
    assert!(!client.get(&path).body.to_string().contains("canary-key"));
}

#[test]
fn a_region_has_room_for_so_many_environments() {
    let client = Client::with_group();
    let path = |number: usize| {
        group(&format!(
            "/providers/Microsoft.App/managedEnvironments/room-{number}"
        ))
    };
    for number in 0..15 {
        assert_eq!(client.put(&path(number), environment_body()).status, 201);
    }
    let refused = client.put(&path(15), environment_body());
    assert_eq!(
        (refused.status.as_u16(), refused.code()),
        (400, "MaxNumberOfRegionalEnvironmentsInSubExceeded")
    );
    client.settle();
    assert_eq!(client.put(&path(3), environment_body()).status, 200);
}
