//! PostgreSQL flexible servers.

use serde_json::{Value, json};

use super::support::{Client, group, server_body, server_path};

fn with_server() -> Client {
    let client = Client::with_group();
    client.create(&server_path(), server_body());
    client.settle();
    client
}

fn child(kind: &str, name: &str) -> String {
    format!("{}/{kind}/{name}", server_path())
}

#[test]
fn a_creation_answers_202_without_a_body_and_both_headers() {
    let client = Client::with_group();
    let reply = client.put(&server_path(), server_body());
    assert_eq!((reply.status.as_u16(), &reply.body), (202, &Value::Null));
    let operation = reply.header("azure-asyncoperation").unwrap();
    assert!(operation.contains("/locations/japaneast/azureAsyncOperation/"));
    assert!(operation.contains("api-version=2025-06-01-preview"));
    assert!(
        reply
            .header("location")
            .unwrap()
            .contains("/operationResults/")
    );
    client.wait(1.0);
    assert_eq!(
        client.get(&server_path()).body["properties"]["state"],
        "Provisioning"
    );
    client.settle();
    let result = client.get(reply.header("location").unwrap());
    assert_eq!(
        (result.status.as_u16(), &result.body["name"]),
        (200, &json!("pg-one"))
    );
}

#[test]
fn a_complete_server_has_its_outputs_and_defaults_and_no_password() {
    let client = with_server();
    let body = client.get(&server_path()).body;
    let properties = &body["properties"];
    assert_eq!(properties["state"], "Ready");
    assert_eq!(
        properties["fullyQualifiedDomainName"],
        "pg-one.postgres.database.azure.com"
    );
    assert_eq!(properties["backup"]["backupRetentionDays"], 7);
    assert_eq!(
        properties["highAvailability"],
        json!({"mode": "Disabled", "state": "NotEnabled"})
    );
    assert_eq!(properties["storage"]["tier"], "P4");
    assert_eq!(properties["network"]["publicNetworkAccess"], "Enabled");
    assert!(!body.to_string().contains("Canary"));
}

#[test]
fn one_write_at_a_time_runs_on_a_server() {
    let client = Client::with_group();
    client.put(&server_path(), server_body());
    client.wait_for_the_end();
    let database = || client.put(&child("databases", "dify"), json!({}));
    let reply = database();
    assert_eq!(
        (reply.status.as_u16(), reply.code()),
        (409, "ServerIsBusy"),
        "right after its creation"
    );
    client.settle();
    assert_eq!(database().status, 202);
    let rule = json!({"properties": {"startIpAddress": "0.0.0.0", "endIpAddress": "0.0.0.0"}});
    assert_eq!(
        client
            .put(&child("firewallRules", "azure"), rule.clone())
            .code(),
        "ServerIsBusy"
    );
    assert_eq!(
        client.put(&server_path(), server_body()).code(),
        "ServerIsBusy"
    );
    client.settle();
    assert_eq!(
        client.put(&child("firewallRules", "azure"), rule).status,
        202
    );
}

#[test]
fn a_database_appears_when_it_is_complete() {
    let client = with_server();
    let reply = client.put(
        &child("databases", "dify_plugin"),
        json!({"properties": {}}),
    );
    assert_eq!(client.get(&child("databases", "dify_plugin")).status, 404);
    client.follow("", &reply);
    let body = client.get(&child("databases", "dify_plugin")).body;
    assert_eq!(
        body["properties"],
        json!({"charset": "UTF8", "collation": "en_US.utf8"})
    );
    let list = client.get(&format!("{}/databases", server_path())).body;
    let mut names: Vec<&str> = list["value"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|item| item["name"].as_str())
        .collect();
    names.sort_unstable();
    assert_eq!(
        names,
        ["azure_maintenance", "azure_sys", "dify_plugin", "postgres"]
    );
    assert_eq!(client.delete(&child("databases", "postgres")).status, 405);
}

#[test]
fn every_parameter_can_be_read_and_some_can_be_written() {
    let client = with_server();
    let extensions = child("configurations", "azure.extensions");
    let properties = client.get(&extensions).body["properties"].clone();
    assert_eq!(
        (&properties["value"], &properties["source"]),
        (&json!(""), &json!("system-default"))
    );
    assert!(
        properties["allowedValues"]
            .as_str()
            .unwrap()
            .contains("uuid-ossp")
    );
    let reply = client.put(
        &extensions,
        json!({"properties": {"value": "VECTOR,UUID-OSSP", "source": "user-override"}}),
    );
    assert_eq!(
        client.get(&extensions).body["properties"]["value"],
        "",
        "not before it is done"
    );
    client.follow("", &reply);
    let properties = client.get(&extensions).body["properties"].clone();
    assert_eq!(properties["value"], "VECTOR,UUID-OSSP");
    assert_eq!(properties["source"], "user-override");
    assert_eq!(properties["isConfigPendingRestart"], false);
    assert_eq!(
        client.get(&child("configurations", "max_connections")).body["properties"]["value"],
        "50"
    );
    let list = client
        .get(&format!("{}/configurations", server_path()))
        .body;
    assert!(list["value"].as_array().unwrap().len() >= 30);
}

#[test]
fn a_parameter_returns_to_its_default() {
    let client = with_server();
    let path = child("configurations", "statement_timeout");
    client.create(&path, json!({"properties": {"value": "5000"}}));
    client.settle();
    let body = client.create(&path, json!({"properties": {"source": "system-default"}}));
    assert_eq!(
        (&body["properties"]["value"], &body["properties"]["source"]),
        (&json!("0"), &json!("system-default"))
    );
}

#[test]
fn a_static_parameter_waits_for_a_restart() {
    let client = with_server();
    let path = child("configurations", "max_connections");
    let body = client.create(&path, json!({"properties": {"value": "40"}}));
    assert_eq!(body["properties"]["isConfigPendingRestart"], true);
    let reply = client.post(&format!("{}/restart", server_path()), json!({}));
    assert_eq!(reply.status, 202);
    client.settle();
    assert_eq!(
        client.get(&path).body["properties"]["isConfigPendingRestart"],
        false
    );
}

#[test]
fn wrong_parameters_are_refused() {
    let client = with_server();
    let put = |name: &str, value: &str| {
        client.put(
            &child("configurations", name),
            json!({"properties": {"value": value}}),
        )
    };
    assert_eq!(put("azure.extensions", "vector,nonsense").status, 400);
    assert_eq!(
        put("no_such_parameter", "1").code(),
        "ConfigurationNotExists"
    );
    assert_eq!(put("server_version", "1").code(), "ReadOnlyConfiguration");
    assert_eq!(put("max_connections", "1").status, 400);
    assert_eq!(
        client
            .get(&child("configurations", "no_such_parameter"))
            .status,
        404
    );
}

#[test]
fn a_new_server_needs_login_password_version_and_sku() {
    let client = Client::with_group();
    let changed = |pointer: &str, value: Value| {
        let mut body = server_body();
        *body.pointer_mut(pointer).unwrap() = value;
        client.put(&server_path(), body)
    };
    for (pointer, value) in [
        ("/properties/administratorLogin", Value::Null),
        ("/properties/administratorLogin", json!("admin")),
        ("/properties/administratorLogin", json!("pg_me")),
        ("/properties/administratorLoginPassword", Value::Null),
        ("/properties/administratorLoginPassword", json!("short")),
        (
            "/properties/administratorLoginPassword",
            json!("alllowercase"),
        ),
        ("/properties/version", Value::Null),
        ("/properties/version", json!("9")),
        ("/sku", Value::Null),
        ("/sku/name", json!("Standard_D2ds_v5")),
        ("/sku/name", json!("Standard_B3ms")),
        ("/properties/storage/storageSizeGB", json!(33)),
    ] {
        let reply = changed(pointer, value.clone());
        assert_eq!(reply.status, 400, "{pointer} {value}");
        assert!(!reply.body.to_string().contains("alllowercase"));
    }
    let larger = changed(
        "/sku",
        json!({"name": "Standard_D2ds_v5", "tier": "GeneralPurpose"}),
    );
    assert_eq!(larger.status, 202);
}

#[test]
fn what_is_fixed_stays() {
    let client = with_server();
    let mut body = server_body();
    body["properties"]["administratorLogin"] = json!("other");
    assert_eq!(client.put(&server_path(), body).status, 400);
    let mut body = server_body();
    body["properties"]["version"] = json!("15");
    assert_eq!(client.put(&server_path(), body).status, 400);
    let mut body = server_body();
    body["properties"]
        .as_object_mut()
        .unwrap()
        .remove("administratorLoginPassword");
    assert_eq!(
        client.put(&server_path(), body).status,
        202,
        "the password may stay away"
    );
}

#[test]
fn burstable_servers_have_no_high_availability() {
    let client = Client::with_group();
    let mut body = server_body();
    body["properties"]["highAvailability"] = json!({"mode": "ZoneRedundant"});
    assert_eq!(client.put(&server_path(), body).status, 400);
}

#[test]
fn names_are_lower_case_and_unique() {
    let client = with_server();
    let upper = group("/providers/Microsoft.DBforPostgreSQL/flexibleServers/Upper");
    assert_eq!(client.put(&upper, server_body()).status, 400);
    let groups = group("").replace("/g", "/h");
    client.put(&groups, json!({"location": "japaneast"}));
    let same = server_path().replace("resourceGroups/g", "resourceGroups/h");
    let reply = client.put(&same, server_body());
    assert_eq!(
        (reply.status.as_u16(), reply.code()),
        (409, "ServerNameAlreadyExists")
    );
    let gone = client.delete(&server_path());
    client.follow("", &gone);
    assert_eq!(
        client.put(&same, server_body()).status,
        202,
        "a deleted name is free"
    );
}

#[test]
fn firewall_rules_are_ranges() {
    let client = with_server();
    let put = |start: &str, end: &str| {
        let body = json!({"properties": {"startIpAddress": start, "endIpAddress": end}});
        client.put(&child("firewallRules", "r"), body).status
    };
    assert_eq!(put("10.0.0.2", "10.0.0.1"), 400);
    assert_eq!(put("10.0.0", "10.0.0.1"), 400);
    assert_eq!(put("10.0.0.1", "10.0.0.1"), 202);
}

#[test]
fn a_patch_changes_what_it_names() {
    let client = with_server();
    let reply = client.patch(
        &server_path(),
        json!({"tags": {"a": "b"}, "properties": {"backup": {"backupRetentionDays": 14}}}),
    );
    assert_eq!(reply.status, 202);
    client.follow("", &reply);
    let body = client.get(&server_path()).body;
    assert_eq!(body["properties"]["backup"]["backupRetentionDays"], 14);
    assert_eq!(body["properties"]["administratorLogin"], "dify");
    assert_eq!(body["tags"], json!({"a": "b"}));
}
