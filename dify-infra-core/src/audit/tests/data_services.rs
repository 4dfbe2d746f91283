//! What PostgreSQL, Redis, storage and vaults are judged by: the values on both sides of each decision.

use serde_json::{Value, json};

use super::super::*;
use super::samples::over_template;
use super::template;
use crate::diagnostic::Severity;

/// A patch of an app's variables; a value of null removes one.
fn variables(app: &str, variables: &[(&str, Option<&str>)]) -> Value {
    let variables = variables.iter().map(|(name, value)| match value {
        Some(value) => json!({"name": name, "value": value}),
        None => json!({"name": name, "$remove": true}),
    });
    json!({"type": "Microsoft.App/containerApps", "name": format!("dify-dev-{app}"),
        "properties": {"template": {"containers": [
            {"name": app, "env": variables.collect::<Vec<_>>()}]}}})
}

/// Severity and place of what is found under a rule.
fn found(report: &Report, id: &str) -> Vec<(Severity, String)> {
    let of_rule = report.under(id);
    of_rule
        .map(|it| (it.severity, it.place.pointer()))
        .collect()
}

fn errors(report: &Report, id: &str) -> usize {
    report
        .under(id)
        .filter(|it| it.severity == Severity::Error)
        .count()
}

#[test]
fn pgvector_is_called_on_a_port_of_azures_postgresql() {
    for (port, expected) in [
        (Some("5432"), 0),
        (Some("6432"), 0),
        (Some("5433"), 1),
        (Some(""), 1),
        (None, 1),
    ] {
        let report = over_template(&json!([variables("worker", &[("PGVECTOR_PORT", port)])]));
        assert_eq!(errors(&report, "DBX106"), expected, "{port:?}: {report}");
    }
}

#[test]
fn managed_redis_is_called_on_its_port_alone() {
    for (port, expected) in [
        (Some("10000"), 0),
        (Some("6379"), 1),
        (Some("6380"), 1),
        (None, 1),
    ] {
        let daemon = variables("plugin-daemon", &[("REDIS_PORT", port)]);
        let report = over_template(&json!([daemon]));
        assert_eq!(errors(&report, "RED103"), expected, "{port:?}: {report}");
    }
}

#[test]
fn a_cache_that_answers_without_tls_may_be_called_so() {
    let judged = |plain: bool, ssl: &str, port: &str| {
        let report = template(
            &json!({"resources": [
                {"type": "Microsoft.Cache/redis", "name": "c",
                    "properties": {"enableNonSslPort": plain}},
                {"type": "Microsoft.App/containerApps", "name": "api", "properties": {"template": {
                    "containers": [{"name": "api", "image": "langgenius/dify-api:1.16.0", "env": [
                        {"name": "REDIS_HOST", "value": "c.redis.cache.windows.net"},
                        {"name": "REDIS_USE_SSL", "value": ssl},
                        {"name": "REDIS_PORT", "value": port}]}]}}}]})
            .to_string(),
        );
        errors(&report, "RED103")
    };
    assert_eq!(judged(false, "true", "6380"), 0);
    assert_eq!(judged(false, "true", "10000"), 1);
    assert_eq!(judged(false, "true", "6379"), 1);
    assert_eq!(judged(false, "false", "6380"), 1);
    assert_eq!(judged(true, "false", "6379"), 0);
    assert_eq!(judged(true, "true", "6379"), 0);
}

#[test]
fn the_brokers_database_is_0_on_managed_redis() {
    for (path, expected) in [
        ("/0", 0),
        ("", 0),
        ("/", 0),
        ("/0?health_check_interval=30", 0),
        ("/1", 1),
        ("/1?health_check_interval=30", 1),
    ] {
        let broker = format!("rediss://:key@c.japaneast.redis.azure.net:10000{path}");
        let report = template(
            &json!({"resources": [
                {"type": "Microsoft.App/containerApps", "name": "api", "properties": {"template": {
                    "containers": [{"name": "api", "image": "langgenius/dify-api:1.16.0", "env": [
                        {"name": "REDIS_HOST", "value": "c.japaneast.redis.azure.net"},
                        {"name": "REDIS_DB", "value": "0"},
                        {"name": "CELERY_BROKER_URL", "value": broker}]}]}}}]})
            .to_string(),
        );
        let found = found(&report, "RED105");
        assert_eq!(found.len(), expected, "{path}: {report}");
        assert!(
            found
                .iter()
                .all(|(_, place)| place.ends_with("/env/2/value")),
            "{found:?}"
        );
    }
}

#[test]
fn policies_of_redis_that_are_not_set_are_the_ones_that_azure_sets() {
    for (policy, id) in [("clusteringPolicy", "RED104"), ("evictionPolicy", "RED106")] {
        let kind = "Microsoft.Cache/redisEnterprise/databases";
        let report = over_template(&json!([{"type": kind, "properties": {policy: null}}]));
        let found = found(&report, id);
        assert_eq!(
            found,
            [(Severity::Error, "/resources/5".to_owned())],
            "{id}"
        );
    }
    // A cache of the other offer has one shard, and no policy of clustering to set.
    let cache =
        json!({"resources": [{"type": "Microsoft.Cache/redis", "name": "c", "properties": {}}]});
    let report = template(&cache.to_string());
    assert_eq!(found(&report, "RED104"), []);
    assert_eq!(errors(&report, "RED106"), 1, "{report}");
}

/// A server of PostgreSQL with one rule of its firewall.
fn with_firewall(first: &str, last: &str, network: &Value) -> Report {
    let kind = "Microsoft.DBforPostgreSQL/flexibleServers";
    template(
        &json!({"resources": [
            {"type": kind, "name": "s", "properties": {"network": network}},
            {"type": format!("{kind}/firewallRules"), "name": "s/r",
                "properties": {"startIpAddress": first, "endIpAddress": last}}]})
        .to_string(),
    )
}

#[test]
fn a_firewall_that_lets_in_more_than_anybody_owns_is_open_to_the_internet() {
    let open = json!({"publicNetworkAccess": "Enabled"});
    for (first, last, expected) in [
        ("0.0.0.0", "255.255.255.255", 1),
        ("0.0.0.1", "255.255.255.255", 1),
        ("0.0.0.1", "255.255.255.254", 1),
        ("0.0.0.0", "127.255.255.255", 1),
        ("128.0.0.0", "255.255.255.255", 1),
        ("12.0.0.0", "13.0.0.0", 1),
        ("12.0.0.0", "12.255.255.255", 0),
        // Every service of Azure.
        ("0.0.0.0", "0.0.0.0", 0),
        ("203.0.113.0", "203.0.113.255", 0),
        ("255.255.255.255", "0.0.0.0", 0),
        ("[parameters('first')]", "255.255.255.255", 0),
    ] {
        let report = with_firewall(first, last, &open);
        assert_eq!(
            errors(&report, "SEC106"),
            expected,
            "{first} {last}: {report}"
        );
    }
    let all = |network: Value| {
        let report = with_firewall("0.0.0.0", "255.255.255.255", &network);
        found(&report, "SEC106")
    };
    let rule = "/resources/1".to_owned();
    assert_eq!(all(json!({}))[0], (Severity::Error, rule));
    assert_eq!(all(json!({"publicNetworkAccess": "Disabled"})), []);
    assert_eq!(all(json!({"delegatedSubnetResourceId": "/s"})), []);
}

#[test]
fn public_endpoints_are_named_unless_they_are_closed() {
    let judged = |kind: &str, properties: Value| {
        let resource = json!({"type": kind, "name": "r", "properties": properties});
        let report = template(&json!({ "resources": [resource] }).to_string());
        let found = found(&report, "SEC106");
        found.into_iter().map(|it| it.0).collect::<Vec<_>>()
    };
    let closed = || json!({"publicNetworkAccess": "Disabled"});
    for kind in [
        "Microsoft.DBforPostgreSQL/flexibleServers",
        "Microsoft.Cache/redis",
        "Microsoft.Cache/redisEnterprise",
        "Microsoft.Storage/storageAccounts",
        "Microsoft.KeyVault/vaults",
    ] {
        assert_eq!(judged(kind, json!({})), [Severity::Note], "{kind}");
        let closed = match kind {
            "Microsoft.DBforPostgreSQL/flexibleServers" => json!({"network": closed()}),
            _ => closed(),
        };
        assert_eq!(judged(kind, closed), [], "{kind}");
    }
    let storage = "Microsoft.Storage/storageAccounts";
    let denies = json!({"networkAcls": {"defaultAction": "Deny"}});
    assert_eq!(judged(storage, denies), []);
    let allows = json!({"networkAcls": {"defaultAction": "Allow"}});
    assert_eq!(judged(storage, allows), [Severity::Note]);
    let blobs = json!({"allowBlobPublicAccess": true, "publicNetworkAccess": "Disabled"});
    assert_eq!(judged(storage, blobs), [Severity::Error]);
    let no_blobs = json!({"allowBlobPublicAccess": false});
    assert_eq!(judged(storage, no_blobs), [Severity::Note]);
}

#[test]
fn files_of_a_disk_outlive_nothing() {
    for (variables_of_api, expected) in [
        (&[("STORAGE_TYPE", Some("opendal"))][..], 1),
        (
            &[
                ("STORAGE_TYPE", Some("opendal")),
                ("OPENDAL_SCHEME", Some("fs")),
            ],
            1,
        ),
        (
            &[
                ("STORAGE_TYPE", Some("opendal")),
                ("OPENDAL_SCHEME", Some("s3")),
            ],
            0,
        ),
        (&[("STORAGE_TYPE", Some("local"))], 1),
        (&[("STORAGE_TYPE", Some(""))], 1),
        (&[("STORAGE_TYPE", None)], 1),
        (&[("STORAGE_TYPE", Some("s3"))], 0),
    ] {
        let report = over_template(&json!([variables("api", variables_of_api)]));
        assert_eq!(
            errors(&report, "BLB106"),
            expected,
            "{variables_of_api:?}: {report}"
        );
    }
}

#[test]
fn a_share_holds_what_is_below_its_path_and_not_what_begins_alike() {
    let judged = |mounted: &str, working: Option<&str>| {
        let mut app = variables("plugin-daemon", &[("PLUGIN_WORKING_PATH", working)]);
        let template = &mut app["properties"]["template"];
        template["volumes"] =
            json!([{"name": "v", "storageType": "AzureFile", "storageName": "v"}]);
        template["containers"][0]["volumeMounts"] =
            json!([{"volumeName": "v", "mountPath": mounted}]);
        errors(&over_template(&json!([app])), "BLB107")
    };
    let working = Some("/app/storage/cwd");
    assert_eq!(judged("/app/storage/cwd", working), 1);
    assert_eq!(judged("/app/storage", working), 1);
    assert_eq!(judged("/app/storage/", working), 1);
    assert_eq!(judged("/", working), 1);
    assert_eq!(judged("/app/sto", working), 0);
    assert_eq!(judged("/app/storage/cw", working), 0);
    assert_eq!(judged("/app/storage/cwd/plugins", working), 0);
    // The daemon's own default.
    assert_eq!(judged("/app/storage", None), 1);
    assert_eq!(judged("/data", None), 0);
    // What can't be seen is not guessed.
    assert_eq!(judged("/app/storage", Some("[uniqueString('a')]")), 0);
}

#[test]
fn a_vault_is_read_by_somebody_who_may() {
    let judged = |properties: Value, is_read: bool, has_role: bool| {
        let mut resources = vec![
            json!({"type": "Microsoft.KeyVault/vaults", "name": "v", "properties": properties}),
        ];
        if is_read {
            resources.push(json!({"type": "Microsoft.App/containerApps", "name": "api",
                "identity": {"type": "SystemAssigned"}, "properties": {
                    "configuration": {"secrets": [{"name": "k", "identity": "system",
                        "keyVaultUrl": "https://v.vault.azure.net/secrets/k/1"}]},
                    "template": {"containers": [{"name": "api", "image": "langgenius/dify-api:1.16.0"}]}}}));
        }
        if has_role {
            resources.push(
                json!({"type": "Microsoft.Authorization/roleAssignments", "name": "r",
                "properties": {"roleDefinitionId": "x", "principalId": "y"}}),
            );
        }
        let report = template(&json!({ "resources": resources }).to_string());
        let said: Vec<String> = report
            .under("SEC111")
            .map(|it| it.message.clone())
            .collect();
        said.join(", ")
    };
    let roles = || json!({"enableRbacAuthorization": true});
    assert_eq!(judged(roles(), true, true), "");
    assert_eq!(
        judged(roles(), true, false),
        "nobody has a role at the vault"
    );
    assert_eq!(
        judged(json!({}), true, false),
        "nobody has a role at the vault"
    );
    assert_eq!(
        judged(roles(), false, true),
        "no app reads a secret from the vault"
    );
    let policies = json!({"enableRbacAuthorization": false,
        "accessPolicies": [{"objectId": "o", "permissions": {"secrets": ["get"]}}]});
    assert_eq!(judged(policies, true, false), "");
}

#[test]
fn a_gateway_waits_as_long_as_the_entry_of_the_environment() {
    for (seconds, expected) in [(30, 1), (239, 1), (240, 0), (600, 0)] {
        let gateway = json!({"$add": true, "type": "Microsoft.Network/applicationGateways", "name": "g",
            "properties": {"backendHttpSettingsCollection": [
                {"name": "b", "properties": {"requestTimeout": seconds}}]}});
        let report = over_template(&json!([gateway]));
        let found: Vec<_> = report
            .under("LIM115")
            .map(|it| it.place.pointer())
            .collect();
        assert_eq!(found.len(), expected, "{seconds}: {report}");
        assert!(
            found.iter().all(|it| it.ends_with("/requestTimeout")),
            "{found:?}"
        );
    }
}
