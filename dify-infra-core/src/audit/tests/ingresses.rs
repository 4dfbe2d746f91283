//! Ports, names and subnets: what is just right, and what just is not.

use serde_json::{Value, json};

use super::template;

const SANDBOX: &str = "langgenius/dify-sandbox:0.2.15";

fn app(name: &str, environment: &str, ingress: &Value) -> Value {
    json!({"type": "Microsoft.App/containerApps", "name": name, "properties": {
        "environmentId": format!("[resourceId('Microsoft.App/managedEnvironments', '{environment}')]"),
        "configuration": {"ingress": ingress},
        "template": {"containers": [{"name": "c", "image": SANDBOX}]}}})
}

fn said(resources: &[Value], id: &str) -> Vec<String> {
    let report = template(&json!({ "resources": resources }).to_string());
    report.under(id).map(|it| it.message.clone()).collect()
}

#[test]
fn an_exposed_port_is_that_of_a_tcp_ingress_and_not_of_the_http_entry() {
    for (transport, port, expected) in [
        ("tcp", 8194, None),
        ("tcp", 81, None),
        ("tcp", 442, None),
        ("tcp", 65_535, None),
        ("tcp", 80, Some("can't expose the port 80")),
        ("tcp", 443, Some("can't expose the port 443")),
        ("tcp", 65_536, Some("can't expose the port 65536")),
        ("http", 8194, Some("no tcp ingress")),
        ("auto", 8194, Some("no tcp ingress")),
    ] {
        let ingress = json!({"transport": transport, "targetPort": 8194, "exposedPort": port});
        let found = said(&[app("a", "e", &ingress)], "NET108");
        assert_eq!(
            found.len(),
            usize::from(expected.is_some()),
            "{transport} {port}"
        );
        let fits = found
            .iter()
            .zip(expected)
            .all(|(it, text)| it.contains(text));
        assert!(fits, "{transport} {port} {found:?}");
    }
}

#[test]
fn settings_of_http_are_an_http_ingress_own() {
    let judged = |transport: &str| {
        let ingress = json!({"transport": transport, "targetPort": 8194, "allowInsecure": true,
            "stickySessions": {"affinity": "none"}, "corsPolicy": {}, "traffic": [{"label": "l"}]});
        said(&[app("a", "e", &ingress)], "NET107").len()
    };
    assert_eq!((judged("tcp"), judged("http")), (4, 0));
}

#[test]
fn an_external_port_is_taken_once_in_an_environment() {
    let tcp = |external: bool, port: u16, more: &[(bool, u16)]| {
        let more: Vec<_> = more
            .iter()
            .map(|(external, port)| json!({"external": external, "targetPort": port}))
            .collect();
        json!({"transport": "tcp", "external": external, "targetPort": port, "exposedPort": port,
            "additionalPortMappings": more})
    };
    let first = app("a", "e", &tcp(true, 7000, &[(true, 7001), (false, 7002)]));
    for (environment, ingress, expected) in [
        ("e", tcp(true, 7003, &[]), 0),
        ("e", tcp(true, 7000, &[]), 1),
        ("e", tcp(false, 7000, &[]), 0),
        ("e", tcp(true, 7001, &[]), 1),
        ("e", tcp(true, 7002, &[]), 0),
        ("e", tcp(false, 7003, &[(true, 7000)]), 1),
        ("e", tcp(false, 7003, &[(false, 7000)]), 0),
        ("other", tcp(true, 7000, &[(true, 7001)]), 0),
    ] {
        let second = app("b", environment, &ingress);
        let found = said(&[first.clone(), second], "NET110");
        assert_eq!(found.len(), expected, "{environment} {ingress} {found:?}");
    }
}

#[test]
fn a_name_is_one_that_azure_takes() {
    let long = "a".repeat(32);
    let longer = "a".repeat(33);
    for (name, expected) in [
        ("a1", None),
        ("dify-web", None),
        (long.as_str(), None),
        (longer.as_str(), Some("has 33 characters")),
        ("dify_web", Some("has `_` in it")),
        ("Dify", Some("has `D` in it")),
        ("1dify", Some("must begin with a letter")),
        ("-dify", Some("must begin with a letter")),
        ("dify-", Some("not end with a hyphen")),
        ("dify--web", Some("two hyphens in a row")),
    ] {
        let found = said(&[app(name, "e", &Value::Null)], "NET111");
        assert_eq!(
            found.len(),
            usize::from(expected.is_some()),
            "{name} {found:?}"
        );
        let fits = found
            .iter()
            .zip(expected)
            .all(|(it, text)| it.contains(text));
        assert!(fits, "{name} {found:?}");
    }
}

#[test]
fn a_subnet_is_as_large_and_delegated_as_its_environment_wants() {
    let judged = |profiles: bool, prefix: u8, is_delegated: bool| {
        let delegations = if is_delegated {
            json!([{"name": "d", "properties": {"serviceName": "Microsoft.App/environments"}}])
        } else {
            json!([])
        };
        let network = json!({"type": "Microsoft.Network/virtualNetworks", "name": "vnet", "properties": {
            "subnets": [{"name": "apps", "properties": {
                "addressPrefix": format!("10.0.0.0/{prefix}"), "delegations": delegations}}]}});
        let mut environment = json!({"type": "Microsoft.App/managedEnvironments", "name": "e", "properties": {
            "vnetConfiguration": {"infrastructureSubnetId":
                "[resourceId('Microsoft.Network/virtualNetworks/subnets', 'vnet', 'apps')]"}}});
        if profiles {
            environment["properties"]["workloadProfiles"] =
                json!([{"name": "Consumption", "workloadProfileType": "Consumption"}]);
        }
        said(&[network, environment], "NET112").len()
    };
    for (profiles, prefix, is_delegated, expected) in [
        (true, 27, true, 0),
        (true, 28, true, 1),
        (true, 27, false, 1),
        (true, 28, false, 2),
        (false, 23, false, 0),
        (false, 24, false, 1),
        (false, 23, true, 1),
        (false, 27, true, 2),
    ] {
        let found = judged(profiles, prefix, is_delegated);
        assert_eq!(found, expected, "{profiles} {prefix} {is_delegated}");
    }
}

#[test]
fn neighbours_in_one_network_alone_can_overlap() {
    let subnet =
        |name: &str, prefix: &str| json!({"name": name, "properties": {"addressPrefix": prefix}});
    let network = |name: &str, subnets: &[Value]| json!({"type": "Microsoft.Network/virtualNetworks", "name": name, "properties": {"subnets": subnets}});
    let (one, inside, beside) = (
        subnet("one", "10.0.0.0/24"),
        subnet("two", "10.0.0.128/25"),
        subnet("two", "10.0.1.0/24"),
    );
    let overlapping = said(&[network("a", &[one.clone(), inside.clone()])], "NET112");
    assert_eq!(overlapping, ["the subnets `one` and `two` overlap"]);
    assert!(said(&[network("a", &[one.clone(), beside])], "NET112").is_empty());
    assert!(said(&[network("a", &[one]), network("b", &[inside])], "NET112").is_empty());
}

#[test]
fn external_tcp_needs_a_network() {
    let ingress =
        |external: bool| json!({"transport": "tcp", "external": external, "targetPort": 8194});
    let environment = |properties: Value| json!({"type": "Microsoft.App/managedEnvironments", "name": "e", "properties": properties});
    let network = json!({"vnetConfiguration": {"infrastructureSubnetId": "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/v/subnets/s"}});
    let judged = |properties: Value, external: bool| {
        said(
            &[environment(properties), app("a", "e", &ingress(external))],
            "NET109",
        )
        .len()
    };
    assert_eq!(judged(json!({}), true), 1);
    assert_eq!(judged(json!({}), false), 0);
    assert_eq!(judged(network, true), 0);
}
