//! Single settings that stop Azure, what the platform refuses, and secrets under other names.

use super::super::*;
use super::template;
use crate::check::Sample;
use crate::diagnostic::Severity;

/// What a rule says of what lies over a clean deployment.
fn said(sample: Sample, rule: &str) -> Vec<(Severity, String)> {
    let report = sample::report(&sample).unwrap();
    let found = report.under(rule);
    found.map(|it| (it.severity, it.message.clone())).collect()
}

/// One finding, and nothing else under the rule.
#[track_caller]
fn one(sample: &'static str, rule: &str, severity: Severity, words: &str) {
    let found = said(Sample::resources(sample), rule);
    let [(how, message)] = found.as_slice() else {
        panic!("{rule}: {found:#?}");
    };
    assert_eq!(*how, severity, "{message}");
    assert!(message.contains(words), "{message}");
}

#[track_caller]
fn none(sample: &'static str, rule: &str) {
    assert_eq!(said(Sample::resources(sample), rule), [], "{rule}");
}

#[test]
fn data_services_that_nobody_reaches_are_told() {
    one(
        r#"[{"type": "Microsoft.DBforPostgreSQL/flexibleServers", "properties": {"network": {"publicNetworkAccess": "Disabled"}}}]"#,
        "DBX117",
        Severity::Warning,
        "no private endpoint",
    );
    one(
        r#"[{"type": "Microsoft.Storage/storageAccounts", "properties": {"publicNetworkAccess": "Disabled"}}]"#,
        "DBX117",
        Severity::Warning,
        "the storage account",
    );
    // In a subnet of its own, or behind a private endpoint, it is reached.
    none(
        r#"[{"type": "Microsoft.DBforPostgreSQL/flexibleServers", "properties": {"network": {"publicNetworkAccess": "Disabled", "delegatedSubnetResourceId": "/subscriptions/s/x"}}}]"#,
        "DBX117",
    );
    let found = |target: &str| {
        let text = format!(
            r#"{{"resources": [
                {{"type": "Microsoft.Storage/storageAccounts", "name": "data", "properties": {{"publicNetworkAccess": "Disabled"}}}},
                {{"type": "Microsoft.Network/privateEndpoints", "name": "e", "properties": {{"privateLinkServiceConnections": [
                    {{"properties": {{"privateLinkServiceId": "[resourceId('Microsoft.Storage/storageAccounts', '{target}')]"}}}}]}}}},
                {{"type": "Microsoft.App/containerApps", "name": "api", "properties": {{"template": {{"containers": [
                    {{"name": "api", "image": "langgenius/dify-api:1.16.0"}}]}}}}}}]}}"#
        );
        template(&text).under("DBX117").count()
    };
    assert_eq!((found("data"), found("other")), (0, 1));
}

#[test]
fn a_public_database_without_a_firewall_rule_lets_nobody_in() {
    let found = |rule: &str| {
        let text = format!(
            r#"{{"resources": [{{"type": "Microsoft.DBforPostgreSQL/flexibleServers", "name": "pg", "properties": {{"administratorLogin": "dify"}}}}{rule},
                {{"type": "Microsoft.App/containerApps", "name": "api", "properties": {{"template": {{"containers": [
                {{"name": "api", "image": "langgenius/dify-api:1.16.0"}}]}}}}}}]}}"#
        );
        template(&text).under("DBX117").count()
    };
    assert_eq!(found(""), 1);
    assert_eq!(
        found(
            r#", {"type": "Microsoft.DBforPostgreSQL/flexibleServers/firewallRules", "name": "pg/azure", "properties": {"startIpAddress": "0.0.0.0", "endIpAddress": "0.0.0.0"}}"#
        ),
        0
    );
}

#[test]
fn keys_that_a_service_does_not_take_are_told_on_both_sides() {
    one(
        r#"[{"type": "Microsoft.Cache/redisEnterprise/databases", "properties": {"accessKeysAuthentication": "Disabled"}}]"#,
        "RED112",
        Severity::Error,
        "turned off",
    );
    // Before 2025-07-01 keys were on unless something turned them off.
    none(
        r#"[{"type": "Microsoft.Cache/redisEnterprise/databases", "apiVersion": "2025-04-01", "properties": {"accessKeysAuthentication": null}}]"#,
        "RED112",
    );
    none(
        r#"[{"type": "Microsoft.Cache/redisEnterprise", "apiVersion": "2025-04-01", "properties": {"publicNetworkAccess": null}}]"#,
        "AZR108",
    );
    let found = said(
        Sample::resources(
            r#"[{"type": "Microsoft.Storage/storageAccounts", "properties": {"allowSharedKeyAccess": false}}]"#,
        ),
        "BLB109",
    );
    assert!(
        found.iter().any(|it| it.1.contains("CONNECTION_STRING")),
        "{found:#?}"
    );
    assert!(
        found
            .iter()
            .any(|it| it.1.contains("`AZURE_BLOB_ACCOUNT_KEY`")),
        "{found:#?}"
    );
}

#[test]
fn sizes_of_managed_redis_that_may_be_without_shards_are_known() {
    let found = |sku: &str| {
        let text = format!(
            r#"{{"resources": [{{"type": "Microsoft.Cache/redisEnterprise", "name": "r", "sku": {{"name": "{sku}"}}, "properties": {{}}}},
                {{"type": "Microsoft.Cache/redisEnterprise/databases", "name": "r/default", "properties": {{"clusteringPolicy": "NoCluster"}}}}]}}"#
        );
        template(&text).under("RED114").count()
    };
    for (sku, expected) in [
        ("Balanced_B0", 0),
        ("Balanced_B20", 0),
        ("Balanced_B50", 1),
        ("MemoryOptimized_M20", 0),
        ("ComputeOptimized_X50", 1),
        ("FlashOptimized_A250", 1),
        ("Enterprise_E5", 0),
    ] {
        assert_eq!(found(sku), expected, "{sku}");
    }
}

#[test]
fn every_app_that_is_called_by_tcp_inside_must_keep_a_replica() {
    const SLEEPY: &str = r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-api", "properties": {"template": {"scale": {"minReplicas": 0}}}},
        {"type": "Microsoft.App/containerApps", "name": "dify-dev-web", "properties": {"template": {"scale": {"minReplicas": null}}}},
        {"type": "Microsoft.App/containerApps", "name": "dify-dev-api-websocket", "properties": {"template": {"scale": {"minReplicas": 0}}}}]"#;
    let found = said(Sample::resources(SLEEPY), "LIM120");
    assert_eq!(found.len(), 3, "{found:#?}");
    // What is called by http wakes up.
    none(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-nginx", "properties": {"template": {"scale": {"minReplicas": 0}}}}]"#,
        "LIM120",
    );
}

#[test]
fn what_the_platform_refuses_is_told() {
    one(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-web", "properties": {"template": {"scale": {"minReplicas": 11, "maxReplicas": null}}}}]"#,
        "LIM117",
        Severity::Error,
        "at most 10",
    );
    one(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-nginx", "properties": {"template": {"scale": {"rules": [{"name": "requests", "tcp": {"metadata": {"concurrentConnections": "10"}}, "http": null}]}}}}]"#,
        "LIM118",
        Severity::Warning,
        "counts tcp",
    );
    one(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-web", "properties": {"workloadProfileName": "nope"}}]"#,
        "AZR109",
        Severity::Error,
        "`nope`",
    );
}

#[test]
fn a_profile_of_an_environment_that_is_elsewhere_is_not_judged() {
    none(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-web", "properties": {"workloadProfileName": "nope", "environmentId": "/subscriptions/s/resourceGroups/g/providers/Microsoft.App/managedEnvironments/shared"}}]"#,
        "AZR109",
    );
}

#[test]
fn a_secret_is_known_by_its_value_whatever_its_variable_is_called() {
    // The sandbox gets the password of the database, nginx the signing key: each by the parameter that both name.
    let renamed = Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-sandbox", "properties": {"configuration": {"secrets": [{"name": "p", "value": "[parameters('postgresPassword')]"}]}, "template": {"containers": [{"name": "sandbox", "env": [{"name": "MY_PASSWORD", "secretRef": "p"}]}]}}},
            {"type": "Microsoft.App/containerApps", "name": "dify-dev-nginx", "properties": {"configuration": {"secrets": [{"name": "k", "value": "[parameters('secretKey')]"}]}, "template": {"containers": [{"name": "nginx", "env": [{"name": "MY_KEY", "secretRef": "k"}]}]}}}]"#,
    );
    let found = said(renamed, "SEC116");
    let messages: String = found.iter().map(|it| it.1.as_str()).collect();
    assert_eq!(found.len(), 2, "{found:#?}");
    for words in ["`MY_PASSWORD`", "`DB_PASSWORD`", "`MY_KEY`", "`SECRET_KEY`"] {
        assert!(messages.contains(words), "{messages}");
    }
    assert!(found.iter().all(|it| it.0 == Severity::Error), "{found:#?}");
}

#[test]
fn keys_that_anybody_can_compute_are_told() {
    let of = |value: &'static str| match value {
        "guid" => Sample::resources(
            r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-sandbox", "properties": {"configuration": {"secrets": [{"name": "sandbox-api-key", "value": "[guid(resourceGroup().id, 'secret')]"}]}}}]"#,
        ),
        "concat" => Sample::resources(
            r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-sandbox", "properties": {"configuration": {"secrets": [{"name": "sandbox-api-key", "value": "[concat('key-', uniqueString(resourceGroup().id))]"}]}}}]"#,
        ),
        _ => Sample::resources(
            r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-sandbox", "properties": {"configuration": {"secrets": [{"name": "sandbox-api-key", "value": "[concat(uniqueString(resourceGroup().id), parameters('sandboxApiKey'))]"}]}}}]"#,
        ),
    };
    assert_eq!(said(of("guid"), "KEY111").len(), 1);
    assert_eq!(said(of("concat"), "KEY111").len(), 1);
    // A secret stays one with something public before it.
    assert_eq!(said(of("mixed"), "KEY111"), []);
}

#[test]
fn the_password_of_a_registrys_admin_user_is_told_without_the_registry() {
    one(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-web", "properties": {"configuration": {"secrets": [{"name": "acr", "value": "[listCredentials(resourceId('Microsoft.ContainerRegistry/registries','acr1'),'2023-07-01').passwords[0].value]"}], "registries": [{"server": "acr1.azurecr.io", "username": "acr1", "passwordSecretRef": "acr"}]}}}]"#,
        "SEC110",
        Severity::Warning,
        "admin user",
    );
}
