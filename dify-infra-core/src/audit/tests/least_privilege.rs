//! What an app has beyond what it uses.

use serde_json::{Value, json};

use super::super::*;
use super::samples::{over_compose, over_template};
use super::{compose, template};
use crate::diagnostic::Severity;

/// What `SEC104` says of an app with the secrets `used`, `pulled`, `scaled` and `left`.
fn said(image: &str, volumes: &Value, more: &Value) -> Vec<String> {
    let mut app = json!({"type": "Microsoft.App/containerApps", "name": "app", "properties": {
        "configuration": {
            "secrets": [{"name": "used", "value": "1"}, {"name": "pulled", "value": "2"},
                {"name": "scaled", "value": "3"}, {"name": "left", "value": "4"},
                {"name": "microsoft-provider-authentication-secret", "value": "5"}],
            "registries": [{"server": "r.azurecr.io", "username": "u", "passwordSecretRef": "pulled"}]},
        "template": {
            "volumes": volumes,
            "scale": {"rules": [{"name": "r", "custom": {"type": "redis", "metadata": {},
                "auth": [{"secretRef": "scaled", "triggerParameter": "password"}]}}]},
            "containers": [{"name": "c", "image": image, "env": [{"name": "A", "secretRef": "used"}],
                "volumeMounts": [{"volumeName": "v", "mountPath": "/v"}]}]}}});
    app["properties"]["template"]["initContainers"] = more.clone();
    let report =
        template(&json!({"parameters": {"p": {"type": "array"}}, "resources": [app]}).to_string());
    let findings = report.under("SEC104");
    findings
        .map(|it| format!("{} {}", it.severity, it.place.pointer()))
        .collect()
}

#[test]
fn secrets_that_nothing_uses_and_volumes_of_all_secrets_are_told() {
    const WEB: &str = "langgenius/dify-web:1.16.0";
    const SANDBOX: &str = "langgenius/dify-sandbox:0.2.15";
    let unused = "warning /resources/0/properties/configuration/secrets/3";
    let whole = |severity: &str| format!("{severity} /resources/0/properties/template/volumes/0");
    let volume = |secrets: Value| {
        let mut volume = json!({"name": "v", "storageType": "Secret"});
        if !secrets.is_null() {
            volume["secrets"] = secrets;
        }
        json!([volume])
    };
    let left = json!([{"secretRef": "left", "path": "x"}]);
    let init = json!([{"name": "i", "env": [{"name": "B", "secretRef": "left"}]}]);
    let none = json!([]);
    for (image, volumes, more, expected) in [
        (WEB, none.clone(), &none, vec![unused.to_owned()]),
        (WEB, none.clone(), &init, vec![]),
        (WEB, none.clone(), &json!("[parameters('p')]"), vec![]),
        (WEB, volume(left), &none, vec![]),
        (WEB, volume(Value::Null), &none, vec![whole("warning")]),
        (SANDBOX, volume(json!([])), &none, vec![whole("error")]),
    ] {
        assert_eq!(
            said(image, &volumes, more),
            expected,
            "{image} {volumes} {more}"
        );
    }
}

/// Every secret of Dify's containers.
const SECRETS: &str = "SECRET_KEY DB_PASSWORD PGVECTOR_PASSWORD REDIS_PASSWORD CELERY_BROKER_URL \
    AZURE_BLOB_ACCOUNT_KEY AZURE_BLOB_STORAGE_CONNECTION_STRING INIT_PASSWORD SERVER_KEY PLUGIN_DAEMON_KEY \
    DIFY_INNER_API_KEY INNER_API_KEY_FOR_PLUGIN CODE_EXECUTION_API_KEY API_KEY SMTP_PASSWORD";

#[test]
fn each_container_is_told_the_secrets_that_it_has_no_use_for() {
    let needed_by_sandbox = ["API_KEY", "CODE_EXECUTION_API_KEY"];
    let of_sandbox = SECRETS
        .split(' ')
        .filter(|it| !needed_by_sandbox.contains(it));
    let of_sandbox = of_sandbox.collect::<Vec<_>>().join(" ");
    let of_daemon =
        "SECRET_KEY PGVECTOR_PASSWORD INIT_PASSWORD CODE_EXECUTION_API_KEY API_KEY SMTP_PASSWORD";
    for (image, expected) in [
        ("langgenius/dify-web:1.16.0", SECRETS),
        ("nginx:1.30.4", SECRETS),
        ("ubuntu/squid:6.6-24.04_edge", SECRETS),
        ("langgenius/dify-sandbox:0.2.15", &of_sandbox),
        ("langgenius/dify-plugin-daemon:0.6.3-local", of_daemon),
        ("langgenius/dify-api:1.16.0", ""),
        ("postgres:16", ""),
    ] {
        let secrets = SECRETS.split(' ').enumerate();
        let secrets: Vec<Value> = secrets
            .map(|(index, _)| json!({"name": format!("s{index}"), "value": "x"}))
            .collect();
        let names = SECRETS.split(' ').enumerate();
        let variables: Vec<Value> = names
            .map(|(index, name)| json!({"name": name, "secretRef": format!("s{index}")}))
            .collect();
        let app = json!({"type": "Microsoft.App/containerApps", "name": "app", "properties": {
            "configuration": {"secrets": secrets},
            "template": {"containers": [{"name": "app", "image": image, "env": variables}]}}});
        let report = template(&json!({ "resources": [app] }).to_string());
        let found = report.under("SEC104").map(|it| {
            assert_eq!(it.severity, Severity::Error, "{it}");
            it.message.split('`').nth(3).unwrap_or_default().to_owned()
        });
        assert_eq!(found.collect::<Vec<_>>().join(" "), expected, "{image}");
    }
}

/// What `SEC113` says of a service over the whole compose file.
fn published(service: &str) -> Vec<String> {
    let report = over_compose(&format!("services:\n{service}"));
    let found = report.under("SEC113");
    found
        .map(|it| format!("{} {}", it.severity, it.message))
        .collect()
}

#[test]
fn no_port_of_an_inner_service_is_published() {
    for (service, expected) in [
        ("  plugin_daemon:\n    ports: [\"5002:5002\"]", "5002"),
        (
            "  w:\n    image: semitechnologies/weaviate:1.27.0\n    ports: [\"8080:8080\"]",
            "8080",
        ),
        (
            "  m:\n    image: mysql:8.0\n    ports: [\"3306:3306\"]",
            "3306",
        ),
        (
            "  m:\n    image: milvusdb/milvus:v2.6.3\n    ports: [\"19530:19530\"]",
            "19530",
        ),
        (
            "  o:\n    image: oceanbase/oceanbase-ce:4.3.5\n    ports: [\"2881:2881\"]",
            "2881",
        ),
        (
            "  agent:\n    image: langgenius/dify-agent-backend:1.17.1\n    ports: [\"5050:5050\"]",
            "5050",
        ),
        ("  redis:\n    ports: [\"6379:6379\"]", "6379"),
        ("  db:\n    ports: [\"5432:5432\"]", "5432"),
        ("  db:\n    ports: [\"0.0.0.0:15432:5432\"]", "5432"),
        ("  sandbox:\n    ports: [\"8194:8194\"]", "8194"),
        ("  ssrf_proxy:\n    ports: [\"3128:3128\"]", "3128"),
        ("  api:\n    ports: [\"5001:5001\"]", "5001"),
        ("  redis:\n    ports: [\"127.0.0.1:6379:6379\"]", ""),
        ("  redis:\n    ports: [\"[::1]:6379:6379\"]", ""),
        ("  nginx:\n    ports: [\"80:80\"]", ""),
        (
            "  certbot:\n    image: certbot/certbot:v3.0.0\n    ports: [\"8080:8080\"]",
            "",
        ),
        // That is for the rule about debugging.
        ("  plugin_daemon:\n    ports: [\"5003:5003\"]", ""),
    ] {
        let said = published(service);
        let expected: Vec<bool> = if expected.is_empty() {
            Vec::new()
        } else {
            vec![said.iter().all(|it| {
                it.starts_with("error ") && it.contains(&format!("publishes port {expected} "))
            })]
        };
        assert_eq!(vec![true; said.len()], expected, "{service}: {said:?}");
    }
}

#[test]
fn debugging_is_told_where_it_can_be_reached() {
    const NAME: &str = "PLUGIN_REMOTE_INSTALLING_ENABLED";
    let of_compose = |value: &str, ports: &str| {
        let report = over_compose(&format!(
            "services:\n  plugin_daemon:\n    environment:\n      {NAME}: {value}\n    ports: {ports}\n"
        ));
        let found = report.under("SEC107");
        let lines = found.map(|it| (it.severity, it.place.line()));
        lines.collect::<Vec<_>>()
    };
    let told = [(Severity::Warning, Some(5))];
    assert_eq!(of_compose("\"true\"", "[\"5003:5003\"]"), told);
    // It is on by default.
    assert_eq!(of_compose("!reset null", "[\"5003:5003\"]"), told);
    assert_eq!(of_compose("\"false\"", "[\"5003:5003\"]"), []);
    assert_eq!(of_compose("\"true\"", "[\"127.0.0.1:5003:5003\"]"), []);
    assert_eq!(of_compose("\"true\"", "[]"), []);
    let of_azure = |value: &str, external: bool| {
        let report = over_template(&json!([{"type": "Microsoft.App/containerApps",
            "name": "dify-dev-plugin-daemon", "properties": {
                "configuration": {"ingress": {"additionalPortMappings": [
                    {"external": external, "targetPort": 5003, "exposedPort": 5003}]}},
                "template": {"containers": [{"name": "plugin-daemon",
                    "env": [{"name": NAME, "value": value}]}]}}}]));
        let found = report.under("SEC107").map(|it| {
            assert!(it.place.pointer().contains("/env/"), "{it}");
            it.message.contains("to the internet")
        });
        found.collect::<Vec<_>>()
    };
    assert_eq!(of_azure("true", true), [true]);
    assert_eq!(of_azure("true", false), [false]);
    assert_eq!(of_azure("false", true), Vec::<bool>::new());
    assert_eq!(of_azure("false", false), Vec::<bool>::new());
}

#[test]
fn a_profiler_is_told_of_the_daemon_that_answers_it() {
    for (service, value, expected) in [
        ("plugin_daemon", "\"true\"", 1),
        ("plugin_daemon", "\"1\"", 1),
        ("plugin_daemon", "\"off\"", 0),
        ("plugin_daemon", "\"\"", 0),
        ("plugin_daemon", "!reset null", 0),
        ("api", "\"true\"", 0),
    ] {
        let text =
            format!("services:\n  {service}:\n    environment:\n      PPROF_ENABLED: {value}\n");
        let report = over_compose(&text);
        let found: Vec<_> = report.under("SEC108").collect();
        assert_eq!(found.len(), expected, "{text}{report}");
        let is_placed =
            |it: &&Finding| it.severity == Severity::Error && it.place.line() == Some(4);
        assert!(found.iter().all(is_placed), "{found:?}");
    }
}

#[test]
fn the_admin_user_of_a_registry_is_told_in_templates_and_live() {
    let kind = "Microsoft.ContainerRegistry/registries";
    for (properties, expected) in [
        (json!({"adminUserEnabled": true}), 1),
        (json!({"adminUserEnabled": false}), 0),
        (json!({}), 0),
        (json!({"adminUserEnabled": "[parameters('admin')]"}), 0),
    ] {
        let resource = json!({"type": kind, "name": "images", "properties": properties});
        let all = json!({"parameters": {"admin": {"type": "bool"}}, "resources": [resource]});
        let report = template(&all.to_string());
        let places: Vec<_> = report.under("SEC110").map(|it| it.place.path()).collect();
        assert_eq!(places.len(), expected, "{properties}: {report}");
        assert!(
            places.iter().all(|it| it.ends_with(".adminUserEnabled")),
            "{places:?}"
        );
        let id = format!("/subscriptions/s/resourceGroups/rg/providers/{kind}/images");
        let body = Ok(resource);
        let live = audit(&from_resources(&[LiveResource { id, body }]));
        assert_eq!(live.under("SEC110").count(), expected, "{live}");
    }
}

#[test]
fn two_schedulers_are_told_though_each_has_one_replica() {
    let beat = |name: &str| {
        json!({"type": "Microsoft.App/containerApps", "name": name, "properties": {"template": {
            "scale": {"minReplicas": 1, "maxReplicas": 1},
            "containers": [{"name": name, "image": "langgenius/dify-api:1.16.0",
                "env": [{"name": "MODE", "value": "beat"}]}]}}})
    };
    let judged = |apps: &[Value]| {
        let report = template(&json!({ "resources": apps }).to_string());
        let found = report
            .under("LIM101")
            .filter(|it| it.severity == Severity::Error);
        found.map(|it| it.place.pointer()).collect::<Vec<_>>()
    };
    assert_eq!(judged(&[beat("beat")]), Vec::<String>::new());
    let two = judged(&[beat("beat"), beat("scheduler")]);
    assert_eq!(two.len(), 1, "{two:?}");
    assert!(two[0].starts_with("/resources/1"), "{two:?}");
    let text = "services:\n  beat:\n    image: langgenius/dify-api:1.16.0\n    environment: {MODE: beat}\n  \
        scheduler:\n    image: langgenius/dify-api:1.16.0\n    environment: {MODE: beat}\n";
    let report = compose(&[("docker-compose.yaml", text)]);
    assert_eq!(report.under("LIM101").count(), 1, "{report}");
}
