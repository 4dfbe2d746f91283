//! What is right although it looks wrong at first sight.

use serde_json::json;

use super::{compose, template};
use crate::audit::Report;

fn api(version: &str, variables: &str) -> Report {
    let text = format!(
        "services:\n  api:\n    image: langgenius/dify-api:{version}\n    environment:\n      MODE: api\n{variables}"
    );
    compose(&[("docker-compose.yaml", &text)])
}

fn has(report: &Report, code: &str, text: &str) -> bool {
    report.under(code).any(|it| it.message.contains(text))
}

#[test]
fn the_examples_of_backends_that_are_not_used_are_nobodys_keys() {
    let example = "      QDRANT_API_KEY: difyai123456\n";
    for (selected, is_used) in [
        ("      VECTOR_STORE: qdrant\n", true),
        ("      VECTOR_STORE: pgvector\n", false),
        ("      VECTOR_STORE: ${ANY:?}\n", true),
        ("", true),
    ] {
        let report = api("1.16.0", &format!("{selected}{example}"));
        for code in ["KEY105", "SEC101"] {
            assert_eq!(
                has(&report, code, "QDRANT_API_KEY"),
                is_used,
                "{code} {selected}"
            );
        }
    }
    // A secret of one's own stands there all the same.
    let own =
        "      VECTOR_STORE: pgvector\n      QDRANT_API_KEY: Hq7mZ2vX9cR4tY8wB3nK6pL1sD5fG0jA\n";
    assert!(has(&api("1.16.0", own), "SEC101", "QDRANT_API_KEY"));
    // The volume of a storage is not the vector store of the same maker.
    let volume = "      VECTOR_STORE: pgvector\n      STORAGE_TYPE: clickzetta-volume\n      \
                  CLICKZETTA_VOLUME_PASSWORD: difyai123456\n";
    assert!(has(
        &api("1.16.0", volume),
        "KEY105",
        "CLICKZETTA_VOLUME_PASSWORD"
    ));
}

#[test]
fn old_releases_lack_nothing_that_came_later() {
    let lacks = |version: &str| {
        let report = api(version, "");
        let all = report.findings.iter();
        all.map(|it| format!("{} {}", it.code, it.message))
            .filter(|it| {
                [
                    "PLUGIN_DAEMON_URL",
                    "CODE_EXECUTION_ENDPOINT",
                    "SSRF_PROXY_HTTP_URL",
                    "no sandbox",
                ]
                .iter()
                .any(|part| it.contains(part))
            })
            .count()
    };
    assert_eq!(lacks("0.3.11"), 0);
    assert_eq!(lacks("0.6.6"), 2);
    assert_eq!(lacks("0.15.3"), 3);
    assert_eq!(lacks("1.16.0"), 4);
}

#[test]
fn who_serves_no_api_needs_no_key_of_the_daemon() {
    let text = "services:\n  api:\n    image: langgenius/dify-api:1.16.0\n    environment:\n      MODE: api\n      \
                INNER_API_KEY_FOR_PLUGIN: ${KEY:?}\n  worker_beat:\n    image: langgenius/dify-api:1.16.0\n    \
                environment:\n      MODE: beat\n  plugin_daemon:\n    \
                image: langgenius/dify-plugin-daemon:0.6.3-local\n    environment:\n      \
                DIFY_INNER_API_KEY: ${KEY:?}\n";
    let report = compose(&[("docker-compose.yaml", text)]);
    for code in ["KEY102", "VER101"] {
        assert!(!has(&report, code, "INNER_API_KEY"), "{report}");
    }
    let without = text.replace("INNER_API_KEY_FOR_PLUGIN: ${KEY:?}", "A: b");
    let report = compose(&[("docker-compose.yaml", &without)]);
    assert!(has(&report, "KEY102", "`api` has no"), "{report}");
}

#[test]
fn the_connection_string_of_application_insights_is_no_secret() {
    let value = "InstrumentationKey=00000000-0000-0000-0000-000000000000;IngestionEndpoint=https://x.in.applicationinsights.azure.com/";
    let line = format!("      APPLICATIONINSIGHTS_CONNECTION_STRING: {value}\n");
    let report = api("1.16.0", &line);
    assert!(!has(&report, "SEC101", "APPLICATIONINSIGHTS"), "{report}");
}

fn cache(broker: &str, plain: bool) -> Report {
    let text = json!({"resources": [
        {"type": "Microsoft.Cache/redis", "name": "cache", "properties": {"enableNonSslPort": plain}},
        {"type": "Microsoft.App/containerApps", "name": "worker", "properties": {"template": {"containers": [
            {"name": "worker", "image": "langgenius/dify-api:1.16.0", "env": [
                {"name": "MODE", "value": "worker"}, {"name": "CELERY_BROKER_URL", "value": broker}]}]}}}]});
    template(&text.to_string())
}

#[test]
fn a_cache_that_opens_its_plain_port_answers_there() {
    let plain = "redis://:x@cache.redis.cache.windows.net:6379/0";
    assert_eq!(cache(plain, true).under("RED102").count(), 0);
    assert_eq!(cache(plain, false).under("RED102").count(), 1);
    let to_tls = "redis://:x@cache.redis.cache.windows.net:6380/0";
    assert_eq!(cache(to_tls, true).under("RED102").count(), 1);
    let tls_to_plain = "rediss://:x@cache.redis.cache.windows.net:6379/0";
    assert_eq!(cache(tls_to_plain, true).under("RED102").count(), 1);
}

#[test]
fn a_vault_may_be_there_for_the_gateways_certificate() {
    let of = |certificates: serde_json::Value| {
        let text = json!({"resources": [
            {"type": "Microsoft.KeyVault/vaults", "name": "v", "properties": {"enableRbacAuthorization": false,
                "accessPolicies": [{"tenantId": "t"}]}},
            {"type": "Microsoft.Network/applicationGateways", "name": "g",
                "properties": {"sslCertificates": certificates}}]});
        template(&text.to_string()).under("SEC111").count()
    };
    assert_eq!(
        of(json!([{"properties": {"keyVaultSecretId": "https://v.vault.azure.net/secrets/c"}}])),
        0
    );
    assert_eq!(
        of(json!([{"properties": {"data": "[parameters('pfx')]"}}])),
        1
    );
}
