//! Several deployments in one template: each is judged by itself, by what it has.

use serde_json::{Value, json};

use super::super::*;
use super::template;

/// What differs between two deployments.
struct One {
    name: &'static str,
    /// `client_max_body_size` of its nginx.
    body: &'static str,
    /// The timeout of its nginx.
    patience: &'static str,
    /// The blob container that its API names.
    blobs: &'static str,
    /// The scheme of its broker.
    broker: &'static str,
    /// How long its nodes wait, and its squid.
    node: &'static str,
    squid: &'static str,
}

const GOOD: One = One {
    name: "a",
    body: "100M",
    patience: "240s",
    blobs: "files",
    broker: "rediss",
    node: "60",
    squid: "5 minutes",
};

/// A small deployment: an API, nginx and squid with files of their own, its data services.
fn deployment(it: &One) -> Vec<Value> {
    let name = it.name;
    let app = |role: &str, image: &str, env: Value, file: Option<(&str, String)>| {
        let mut app = json!({
            "type": "Microsoft.App/containerApps", "name": format!("{name}-{role}"),
            "properties": {
                "environmentId": format!("[resourceId('Microsoft.App/managedEnvironments', '{name}-env')]"),
                "template": {"containers": [{"name": role, "image": image, "env": env}]}}});
        if let Some((path, text)) = file {
            app["properties"]["configuration"] =
                json!({"secrets": [{"name": "file", "value": text}]});
            app["properties"]["template"]["volumes"] = json!([{"name": "v", "storageType": "Secret",
                "secrets": [{"secretRef": "file", "path": path}]}]);
        }
        app
    };
    let env = json!([
        {"name": "MODE", "value": "api"},
        {"name": "DB_HOST", "value": format!("{name}-pg.postgres.database.azure.com")},
        {"name": "STORAGE_TYPE", "value": "azure-blob"},
        {"name": "AZURE_BLOB_ACCOUNT_URL", "value": format!("https://{name}blobs.blob.core.windows.net")},
        {"name": "AZURE_BLOB_CONTAINER_NAME", "value": it.blobs},
        {"name": "HTTP_REQUEST_MAX_READ_TIMEOUT", "value": it.node},
        {"name": "CELERY_BROKER_URL", "value": format!(
            "[concat('{}://:', uriComponent(parameters('key')), '@', reference('{name}-cache').hostName, ':10000/0')]",
            it.broker)},
    ]);
    let nginx = format!(
        "server {{ client_max_body_size {}; proxy_read_timeout {}; location / {{ proxy_pass http://{name}-api:5001; }} }}",
        it.body, it.patience
    );
    let squid = format!(
        "http_port 3128\nread_timeout {}\nhttp_access deny all\n",
        it.squid
    );
    vec![
        json!({"type": "Microsoft.App/managedEnvironments", "name": format!("{name}-env")}),
        json!({"type": "Microsoft.DBforPostgreSQL/flexibleServers", "name": format!("{name}-pg")}),
        json!({"type": "Microsoft.Cache/redisEnterprise", "name": format!("{name}-cache")}),
        json!({"type": "Microsoft.Storage/storageAccounts", "name": format!("{name}blobs")}),
        json!({"type": "Microsoft.Storage/storageAccounts/blobServices/containers",
               "name": format!("{name}blobs/default/files")}),
        app("api", "langgenius/dify-api:1.16.0", env, None),
        app(
            "nginx",
            "nginx:1.30.4",
            json!([]),
            Some(("nginx.conf", nginx)),
        ),
        app(
            "squid",
            "ubuntu/squid:6.6-24.04_edge",
            json!([]),
            Some(("squid.conf", squid)),
        ),
    ]
}

fn judged(deployments: &[&One]) -> Report {
    let resources: Vec<Value> = deployments.iter().flat_map(|it| deployment(it)).collect();
    template(
        &json!({"parameters": {"key": {"type": "securestring"}}, "resources": resources})
            .to_string(),
    )
}

/// What is said under rules that a deployment beside could hide, one line each.
fn said(report: &Report) -> Vec<String> {
    const RULES: [&str; 5] = ["LIM105", "LIM106", "LIM114", "BLB103", "RED102"];
    let findings = report.findings.iter().filter(|it| RULES.contains(&it.code));
    findings
        .map(|it| format!("{} {}", it.code, it.place.pointer()))
        .collect()
}

#[test]
fn a_deployment_hides_nothing_of_the_one_beside_it() {
    assert_eq!(said(&judged(&[&GOOD])), Vec::<String>::new());
    let bad = One {
        name: "b",
        body: "1M",
        patience: "30s",
        blobs: "missing",
        broker: "redis",
        node: "600",
        squid: "1 minute",
    };
    let alone = said(&judged(&[&bad]));
    assert_eq!(alone.len(), 5, "{alone:#?}");
    // The same findings, as many resources further down.
    let moved = said(&judged(&[&GOOD, &bad]));
    let further = |it: &String| {
        let (before, rest) = it.split_once("/resources/").unwrap();
        let (index, after) = rest.split_once('/').unwrap();
        let index = index.parse::<usize>().unwrap() + deployment(&GOOD).len();
        format!("{before}/resources/{index}/{after}")
    };
    assert_eq!(moved, alone.iter().map(further).collect::<Vec<_>>());
    assert_eq!(said(&judged(&[&bad, &GOOD])), alone);
}
