//! Which external apps are errors, which are a choice, in a template and in a live group.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::super::*;
use super::template;
use crate::diagnostic::Severity;

/// Apps that are all external: name, image, port, transport.
const APPS: [(&str, &str, u16, &str); 9] = [
    ("api", "langgenius/dify-api:1.16.0", 5001, "http"),
    ("worker", "langgenius/dify-api:1.16.0", 5001, "http"),
    ("web", "langgenius/dify-web:1.16.0", 3000, "http"),
    ("sandbox", "langgenius/dify-sandbox:0.2.15", 8194, "http"),
    ("proxy", "ubuntu/squid:6.6-24.04_edge", 3128, "tcp"),
    (
        "daemon",
        "langgenius/dify-plugin-daemon:0.6.3-local",
        5002,
        "http",
    ),
    ("db", "postgres:15-alpine", 5432, "tcp"),
    ("cache", "redis:6-alpine", 6379, "tcp"),
    ("vectors", "semitechnologies/weaviate:1.27.0", 8080, "http"),
];

fn app(name: &str, image: &str, port: u16, transport: &str) -> Value {
    let mode = if name == "worker" { "worker" } else { "api" };
    json!({
        "type": "Microsoft.App/containerApps", "name": name,
        "properties": {
            "environmentId": "[resourceId('Microsoft.App/managedEnvironments', 'env')]",
            "configuration": {"ingress": {"external": true, "targetPort": port, "transport": transport}},
            "template": {"containers": [{
                "name": name, "image": image, "env": [{"name": "MODE", "value": mode}]}]}}})
}

fn environment(network: &Value) -> Value {
    json!({"type": "Microsoft.App/managedEnvironments", "name": "env",
           "properties": {"vnetConfiguration": network}})
}

fn resources(network: &Value) -> Vec<Value> {
    let apps = APPS
        .iter()
        .map(|(name, image, port, transport)| app(name, image, *port, transport));
    std::iter::once(environment(network)).chain(apps).collect()
}

fn judged(resources: &[Value]) -> Report {
    template(&json!({ "resources": resources }).to_string())
}

/// What the rule says, one line each: severity and the app's name.
fn said(report: &Report) -> String {
    let mut said = String::new();
    for finding in report.under("SEC114") {
        let name = finding.message.split('`').nth(1).unwrap();
        let _ = writeln!(said, "{} {name}", finding.severity);
    }
    said
}

const INNER: &str =
    "error sandbox\nerror proxy\nerror daemon\nerror db\nerror cache\nerror vectors\n";

#[test]
fn every_service_but_the_front_door_is_an_error_when_it_is_external() {
    let all = resources(&json!({"internal": false, "infrastructureSubnetId": "s"}));
    assert_eq!(said(&judged(&all)), format!("{INNER}warning worker\n"));
}

#[test]
fn beside_nginx_api_and_web_are_no_front_door() {
    let mut all = resources(&json!({"internal": false}));
    all.push(app("nginx", "nginx:1.30.4", 80, "http"));
    assert_eq!(
        said(&judged(&all)),
        format!("{INNER}warning api\nwarning worker\nwarning web\n")
    );
}

#[test]
fn an_internal_environment_answers_its_network_alone() {
    let report = judged(&resources(&json!({"internal": true})));
    assert!(
        report
            .under("SEC114")
            .all(|it| it.severity == Severity::Note)
    );
    assert_eq!(report.under("SEC114").count(), 6, "{report}");
}

#[test]
fn allowed_addresses_make_a_warning_of_it() {
    let mut all = resources(&json!({"internal": false}));
    all.truncate(5);
    for (range, expected) in [("203.0.113.0/24", "warning"), ("0.0.0.0/0", "error")] {
        all[4]["properties"]["configuration"]["ingress"]["ipSecurityRestrictions"] =
            json!([{"name": "office", "action": "Allow", "ipAddressRange": range}]);
        let said = said(&judged(&all));
        assert!(
            said.contains(&format!("{expected} sandbox")),
            "{range}: {said}"
        );
    }
}

#[test]
fn an_additional_port_opens_an_app_too() {
    let mut sandbox = app("sandbox", "langgenius/dify-sandbox:0.2.15", 8194, "tcp");
    sandbox["properties"]["configuration"]["ingress"] = json!({
        "external": false, "targetPort": 8194, "transport": "tcp",
        "additionalPortMappings": [{"external": true, "targetPort": 9000}]});
    let all = [environment(&json!({"internal": false})), sandbox];
    assert_eq!(said(&judged(&all)), "error sandbox\n");
}

#[test]
fn a_live_group_is_judged_alike() {
    let group = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg/providers";
    let live: Vec<LiveResource> =
        resources(&json!({"internal": false, "infrastructureSubnetId": "s"}))
            .into_iter()
            .map(|mut body| {
                let id = format!(
                    "{group}/{}/{}",
                    body["type"].as_str().unwrap(),
                    body["name"].as_str().unwrap()
                );
                if body["properties"].get("environmentId").is_some() {
                    let environment = format!("{group}/Microsoft.App/managedEnvironments/env");
                    body["properties"]["environmentId"] = environment.into();
                }
                LiveResource { id, body: Ok(body) }
            })
            .collect();
    let report = audit(&from_resources(&live));
    assert_eq!(
        said(&report),
        format!("{INNER}warning worker\n"),
        "{report}"
    );
}

#[test]
fn a_secret_from_a_parameter_stands_in_the_parameter_alone() {
    let text = |value: &str| {
        json!({
            "parameters": {"pgPassword": {"type": "securestring", "defaultValue": "Vf3kQ8zLm2Xw"}},
            "resources": [{
                "type": "Microsoft.App/containerApps", "name": "api",
                "properties": {
                    "configuration": {"secrets": [{"name": "pg", "value": value}]},
                    "template": {"containers": [{
                        "name": "api", "image": "langgenius/dify-api:1.16.0",
                        "env": [{"name": "DB_PASSWORD", "secretRef": "pg"}]}]}}}]})
        .to_string()
    };
    let places = |value: &str| -> Vec<String> {
        let report = template(&text(value));
        report.under("SEC103").map(|it| it.place.path()).collect()
    };
    let parameter = "$.parameters.pgPassword";
    let once = places("[parameters('pgPassword')]");
    assert_eq!(once.len(), 1, "{once:?}");
    assert!(once[0].starts_with(parameter), "{once:?}");
    assert_eq!(places("Another4711x").len(), 2);
}

#[test]
fn a_small_subnet_is_told_what_its_environment_needs() {
    let said = |profiles: Value| {
        let all = [
            json!({"type": "Microsoft.Network/virtualNetworks", "name": "vnet", "properties": {"subnets": [
                {"name": "apps", "properties": {"addressPrefix": "10.0.0.0/28", "delegations": []}}]}}),
            json!({"type": "Microsoft.App/managedEnvironments", "name": "env", "properties": {
                "workloadProfiles": profiles,
                "vnetConfiguration": {"infrastructureSubnetId":
                    "[resourceId('Microsoft.Network/virtualNetworks/subnets', 'vnet', 'apps')]"}}}),
        ];
        let report = judged(&all);
        let finding = report.under("NET112").find(|it| it.message.contains("/28"));
        let finding = finding.unwrap_or_else(|| panic!("{report}"));
        (finding.message.clone(), finding.help.clone())
    };
    for (profiles, needed) in [
        (json!([]), "/23"),
        (
            json!([{"name": "Consumption", "workloadProfileType": "Consumption"}]),
            "/27",
        ),
    ] {
        let (message, help) = said(profiles);
        assert!(
            message.contains(&format!("needs a {needed} or larger")),
            "{message}"
        );
        assert!(
            help.starts_with(&format!("use a {needed} or larger")),
            "{help}"
        );
    }
}
