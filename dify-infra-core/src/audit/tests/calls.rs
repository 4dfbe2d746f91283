//! Where calls lead: from nginx, and from one environment to another.

use serde_json::{Value, json};

use super::super::*;
use super::template;

const IDS: [&str; 5] = ["NET101", "NET102", "NET114", "NET117", "NET121"];

/// What the rules about calls say: ids and what stands in backticks last.
fn said(report: &Report) -> Vec<&'static str> {
    let findings = report.findings.iter().filter(|it| IDS.contains(&it.code));
    findings.map(|it| it.code).collect()
}

fn app(name: &str, image: &str, ingress: &Value) -> Value {
    json!({"type": "Microsoft.App/containerApps", "name": name, "properties": {
        "environmentId": "[resourceId('Microsoft.App/managedEnvironments', 'one')]",
        "configuration": {"ingress": ingress},
        "template": {"containers": [{"name": "c", "image": image, "env": [{"name": "MODE", "value": "api"}]}]}}})
}

fn tcp(port: u16) -> Value {
    json!({"transport": "tcp", "targetPort": port, "exposedPort": port})
}

/// An API and a web app behind nginx with this file.
fn behind(nginx: &str) -> Report {
    let mut front = app(
        "dify-nginx",
        "nginx:1.30.4",
        &json!({"external": true, "targetPort": 80}),
    );
    front["properties"]["configuration"]["secrets"] = json!([{"name": "file", "value": nginx}]);
    front["properties"]["template"]["volumes"] = json!([{"name": "v", "storageType": "Secret",
        "secrets": [{"secretRef": "file", "path": "nginx.conf"}]}]);
    let web = json!({"transport": "http", "targetPort": 3000, "allowInsecure": true});
    let resources = [
        app("dify-api", "langgenius/dify-api:1.16.0", &tcp(5001)),
        app("dify-web", "langgenius/dify-web:1.16.0", &web),
        app("dify-sandbox", "langgenius/dify-sandbox:0.2.15", &tcp(8194)),
        front,
    ];
    template(&json!({ "resources": resources }).to_string())
}

#[test]
fn what_nginx_forwards_to_is_followed() {
    let table: &[(&str, &[&str])] = &[
        ("proxy_pass http://dify-api:5001;", &[]),
        ("proxy_pass http://dify-web;", &[]),
        ("proxy_pass http://dify-apii:5001;", &["NET101"]),
        ("proxy_pass http://dify-api:5002;", &["NET102"]),
        ("proxy_pass http://dify-web:3000;", &["NET102"]),
        ("proxy_pass https://dify-api:5001;", &["NET121"]),
        ("proxy_pass http://dify-sandbox:8194;", &["NET117"]),
        ("set $x http://dify-apii:5001; proxy_pass $x;", &["NET101"]),
        ("set $x dify-api; proxy_pass http://$x:5002;", &["NET102"]),
        ("set $x dify-api$suffix; proxy_pass http://$x:5002;", &[]),
        (
            "} upstream x { server dify-api:5002; } server { proxy_pass http://x;",
            &["NET102"],
        ),
        (
            "proxy_set_header Host $host; proxy_pass http://dify-web;",
            &["NET114"],
        ),
        (
            "proxy_set_header Host $host; set $up dify-web; proxy_pass http://$up;",
            &["NET114"],
        ),
        (
            "proxy_set_header Host $host; set $up dify-api:5001; proxy_pass http://$up;",
            &[],
        ),
        (
            "# proxy_pass http://nobody;\n proxy_pass http://dify-api:5001;",
            &[],
        ),
    ];
    for (statements, expected) in table {
        let report = behind(&format!("resolver 1.1.1.1;\nserver {{ {statements} }}"));
        assert_eq!(said(&report), *expected, "{statements}\n{report}");
    }
}

#[test]
fn an_app_of_another_environment_is_not_reached_by_its_name() {
    let judged = |environment: &str, external: bool, url: &str, own: bool| {
        let mut api = app("api", "langgenius/dify-api:1.16.0", &tcp(5001));
        api["properties"]["template"]["containers"][0]["env"] =
            json!([{"name": "CODE_EXECUTION_ENDPOINT", "value": url}]);
        let ingress = json!({"transport": "http", "external": external, "targetPort": 8194, "allowInsecure": true});
        let mut sandbox = app("sandbox", "langgenius/dify-sandbox:0.2.15", &ingress);
        let mut resources = vec![api];
        if own {
            resources.push(sandbox.clone());
        }
        sandbox["properties"]["environmentId"] = Value::from(environment);
        resources.insert(0, sandbox);
        template(&json!({ "resources": resources }).to_string())
    };
    let id = |name: &str| format!("[resourceId('Microsoft.App/managedEnvironments', '{name}')]");
    let (one, other) = (id("one"), id("two"));
    let short = "http://sandbox";
    let answered = "[concat('https://', reference(resourceId('Microsoft.App/containerApps', 'sandbox')).configuration.ingress.fqdn)]";
    let quiet: &[&str] = &[];
    for (environment, external, url, own, expected) in [
        (&one, false, short, false, quiet),
        (&other, false, short, false, &["NET101"]),
        (&other, true, short, false, &["NET101"]),
        (&other, false, answered, false, &["NET101"]),
        (&other, true, answered, false, quiet),
        // One of the same name in the caller's own environment is the one that answers.
        (&other, false, short, true, quiet),
        (
            &"[parameters('environment')]".to_owned(),
            false,
            short,
            false,
            quiet,
        ),
    ] {
        let report = judged(environment, external, url, own);
        assert_eq!(
            said(&report),
            expected,
            "{environment} {external} {url}\n{report}"
        );
    }
    let report = judged(&other, false, short, false);
    let finding = report.under("NET101").next().unwrap();
    assert_eq!(finding.related.len(), 1, "{finding}");
    assert!(finding.message.contains("another environment"), "{finding}");
}
