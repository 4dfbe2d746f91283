//! One case for each failure that people met and that can be seen before anything is created.

use std::fmt::Write as _;

use super::super::*;
use super::pressing;
use super::samples::{JUDGED, Judged};
use crate::check::{Sample, rule};

/// A failure of the collection, in a few words, the rule that stops it, and where it finds it: a line of a compose
/// folder, or the path of a template without its numbers. A failure of several kinds has a row for each.
const PAINS: &[(u8, &str, &str, &str)] = &[
    (
        1,
        "plugin daemon answers 401: keys differ",
        "KEY101",
        "docker-compose.override.yaml:4:7",
    ),
    (
        2,
        "daemon calls back with another inner key",
        "KEY102",
        "docker-compose.override.yaml:2:3",
    ),
    (
        3,
        "worker lacks plugin and sandbox settings",
        "VER101",
        "docker-compose.override.yaml:2:3",
    ),
    (
        4,
        "sandbox answers 401: keys differ",
        "KEY103",
        "docker-compose.override.yaml:4:7",
    ),
    (
        5,
        "daemon speaks no TLS to PostgreSQL",
        "DBX101",
        "$.resources[].properties.template.containers[].env[].value",
    ),
    (
        6,
        "Celery's broker is plain or missing",
        "RED102",
        "$.resources[].properties.template.containers[].env[]",
    ),
    (
        7,
        "Redis password breaks URLs",
        "KEY108",
        "docker-compose.override.yaml:3:19",
    ),
    (
        8,
        "sharded Redis: CROSSSLOT",
        "RED104",
        "$.resources[].properties.clusteringPolicy",
    ),
    (
        8,
        "and an index that it does not have",
        "RED105",
        "$.resources[].properties.template.containers[].env[].value",
    ),
    (
        9,
        "blob settings under wrong names",
        "BLB101",
        "$.resources[].properties.template.containers[]",
    ),
    (
        10,
        "managed identity for blobs without identity",
        "BLB104",
        "$.resources[].properties.template.containers[].env[].value",
    ),
    (
        11,
        "FILES_URL without scheme or empty",
        "URL101",
        "docker-compose.override.yaml:4:7",
    ),
    (
        12,
        "console and API of two origins: login loop",
        "URL103",
        "docker-compose.override.yaml:4:7",
    ),
    (
        13,
        "known default keys",
        "KEY105",
        "docker-compose.override.yaml:6:19",
    ),
    (
        14,
        "SECRET_KEY lost or different",
        "KEY104",
        "docker-compose.override.yaml:2:3",
    ),
    (
        15,
        "tables missing, migration off",
        "VER107",
        "docker-compose.override.yaml:4:7",
    ),
    (
        16,
        "two beats",
        "LIM101",
        "$.resources[].properties.template.scale.maxReplicas",
    ),
    (
        17,
        "missing variable after an upgrade",
        "VER104",
        "docker-compose.override.yaml:2:3",
    ),
    (
        18,
        "images that were never shipped together",
        "VER102",
        "docker-compose.override.yaml:3:5",
    ),
    (
        19,
        "1.x without plugin daemon; names with underscores",
        "VER108",
        "docker-compose.yaml:43:3",
    ),
    (
        20,
        "plugins disappear after a redeploy",
        "BLB106",
        "$.resources[].properties.template.containers[].env[].value",
    ),
    (
        21,
        "plugins run from a share",
        "BLB107",
        "$.resources[].properties.template.containers[].volumeMounts[]",
    ),
    (
        22,
        "packages at every start",
        "NET119",
        "docker-compose.override.yaml:2:3",
    ),
    (
        23,
        "proxy behind an http ingress",
        "SSR102",
        "$.resources[].properties.configuration.ingress",
    ),
    (
        24,
        "squid lets private destinations through",
        "SSR104",
        "open-squid.conf:6:1",
    ),
    (
        26,
        "two-minute proxy timeout",
        "LIM106",
        "docker-compose.override.yaml:4:7",
    ),
    (
        26,
        "a node waits longer than the front door",
        "LIM116",
        "$.resources[].properties.template.containers[].env[].value",
    ),
    (
        27,
        "sandbox: operation not permitted",
        "VER110",
        "docker-compose.override.yaml:3:5",
    ),
    (
        28,
        "http settings on a tcp ingress",
        "NET107",
        "$.resources[].properties.configuration.ingress.allowInsecure",
    ),
    (
        28,
        "a port that belongs to the http entry",
        "NET108",
        "$.resources[].properties.configuration.ingress.exposedPort",
    ),
    (
        29,
        "wrong Host: 404 of the environment",
        "NET114",
        "$.resources[].properties.configuration.secrets[].value",
    ),
    (
        30,
        "app without ingress scales to nothing",
        "LIM107",
        "$.resources[].properties.template.scale.minReplicas",
    ),
    (
        30,
        "app without ingress is called",
        "NET103",
        "$.resources[].properties.template.containers[].env[].value",
    ),
    (
        31,
        "nginx keeps an old address",
        "NET115",
        "old-nginx.conf:7:1",
    ),
    (32, "413 on upload", "LIM105", "small-nginx.conf:7:1"),
    (
        32,
        "a package is too large for one side",
        "LIM111",
        "docker-compose.yaml:32:3",
    ),
    (
        32,
        "413 of a gateway",
        "LIM115",
        "$.resources[].properties.policySettings.fileUploadLimitInMb",
    ),
    (
        33,
        "240 seconds of the front door",
        "LIM112",
        "$.resources[].properties.template.containers[].env[].value",
    ),
    (
        34,
        "subnet too small",
        "NET112",
        "$.resources[].properties.subnets[].properties.addressPrefix",
    ),
    (
        35,
        "names too long or illegal",
        "NET111",
        "$.resources[].name",
    ),
    (
        36,
        "Docker Hub 429",
        "NET116",
        "$.resources[].properties.template.containers[].image",
    ),
    (
        37,
        "CPU and memory refused",
        "LIM103",
        "$.resources[].properties.template.containers[].resources.cpu",
    ),
    (38, "extension not allow-listed", "DBX104", "$.resources[]"),
    (38, "or the list is overwritten", "DBX107", "$.resources[]"),
    (
        39,
        "settings written at once: ServerIsBusy",
        "DBX105",
        "$.resources[]",
    ),
    (
        40,
        "no connection slots left",
        "LIM104",
        "$.resources[].sku.name",
    ),
    (
        42,
        "secret that does not exist",
        "AZR103",
        "$.resources[].properties.template.containers[].env[]",
    ),
    (
        44,
        "empty secret",
        "AZR102",
        "$.resources[].properties.configuration.secrets[].value",
    ),
    (
        43,
        "a changed secret reaches one side alone",
        "AZR105",
        "$.resources[].properties.configuration.secrets[]",
    ),
    (
        47,
        "what one sets another takes away",
        "AZR106",
        "$.resources[]",
    ),
    (48, "secret in outputs", "SEC102", "$.outputs.redisKey"),
    (
        51,
        "a health check fails",
        "LIM113",
        "$.resources[].properties.template.containers[].probes[].httpGet",
    ),
    (51, "and nobody sees why", "AZR107", "$.resources[]"),
    (
        52,
        "an image falls back to the sample",
        "VER111",
        "$.resources[].properties.template.containers[].image",
    ),
];

/// Parts of failures that a rule's own sample does not show: the number, in a few words, the rule, where it finds it,
/// and what lies over the template of a deployment, bad and mended.
const PARTS: &[Part] = &[
    Part {
        number: 26,
        what: "nginx gives up before node and proxy do",
        id: "LIM114",
        place: "$.resources[].properties.configuration.secrets[].value",
        bad: Sample::resources(
            r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-nginx", "properties": {"configuration": {"secrets": [{"name": "file-nginx-conf", "value": "resolver 1.1.1.1; client_max_body_size 100M; set $api dify-dev-api; location /v1 { proxy_read_timeout 239s; proxy_pass http://$api:5001; }"}]}}}]"#,
        ),
        good: Sample::resources(
            r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-nginx", "properties": {"configuration": {"secrets": [{"name": "file-nginx-conf", "value": "resolver 1.1.1.1; client_max_body_size 100M; set $api dify-dev-api; location /v1 { proxy_read_timeout 240s; proxy_pass http://$api:5001; }"}]}}}]"#,
        ),
    },
    Part {
        number: 32,
        what: "413 of one location",
        id: "LIM105",
        place: "$.resources[].properties.configuration.secrets[].value",
        bad: Sample::resources(
            r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-nginx", "properties": {"configuration": {"secrets": [{"name": "file-nginx-conf", "value": "resolver 1.1.1.1; client_max_body_size 100M; proxy_read_timeout 240s; set $api dify-dev-api; location /v1 { client_max_body_size 49m; proxy_pass http://$api:5001; }"}]}}}]"#,
        ),
        good: Sample::resources(
            r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-nginx", "properties": {"configuration": {"secrets": [{"name": "file-nginx-conf", "value": "resolver 1.1.1.1; client_max_body_size 100M; proxy_read_timeout 240s; set $api dify-dev-api; location /v1 { client_max_body_size 50m; proxy_pass http://$api:5001; }"}]}}}]"#,
        ),
    },
    Part {
        number: 32,
        what: "413 of a gateway before an nginx that takes more",
        id: "LIM115",
        place: "$.resources[].properties.policySettings.fileUploadLimitInMb",
        bad: Sample::resources(
            r#"[{"$add": true, "type": "Microsoft.Network/ApplicationGatewayWebApplicationFirewallPolicies", "name": "waf", "properties": {"policySettings": {"fileUploadLimitInMb": 99}}}]"#,
        ),
        good: Sample::resources(
            r#"[{"$add": true, "type": "Microsoft.Network/ApplicationGatewayWebApplicationFirewallPolicies", "name": "waf", "properties": {"policySettings": {"fileUploadLimitInMb": 100}}}]"#,
        ),
    },
    Part {
        number: 33,
        what: "a gateway cuts before the front door does",
        id: "LIM115",
        place: "$.resources[].properties.backendHttpSettingsCollection[].properties.requestTimeout",
        bad: Sample::resources(
            r#"[{"$add": true, "type": "Microsoft.Network/applicationGateways", "name": "gateway", "properties": {"backendHttpSettingsCollection": [{"name": "dify", "properties": {"requestTimeout": 239}}]}}]"#,
        ),
        good: Sample::resources(
            r#"[{"$add": true, "type": "Microsoft.Network/applicationGateways", "name": "gateway", "properties": {"backendHttpSettingsCollection": [{"name": "dify", "properties": {"requestTimeout": 240}}]}}]"#,
        ),
    },
    Part {
        number: 34,
        what: "subnet without its delegation",
        id: "NET112",
        place: "$.resources[].properties.subnets[]",
        bad: Sample::resources(
            r#"[{"$add": true, "type": "Microsoft.Network/virtualNetworks", "name": "vnet", "properties": {"subnets": [{"name": "apps", "properties": {"addressPrefix": "10.0.0.0/27"}}]}}, {"type": "Microsoft.App/managedEnvironments", "properties": {"vnetConfiguration": {"infrastructureSubnetId": "[resourceId('Microsoft.Network/virtualNetworks/subnets', 'vnet', 'apps')]"}}}]"#,
        ),
        good: Sample::resources(
            r#"[{"$add": true, "type": "Microsoft.Network/virtualNetworks", "name": "vnet", "properties": {"subnets": [{"name": "apps", "properties": {"addressPrefix": "10.0.0.0/27", "delegations": [{"name": "d", "properties": {"serviceName": "Microsoft.App/environments"}}]}}]}}, {"type": "Microsoft.App/managedEnvironments", "properties": {"vnetConfiguration": {"infrastructureSubnetId": "[resourceId('Microsoft.Network/virtualNetworks/subnets', 'vnet', 'apps')]"}}}]"#,
        ),
    },
    Part {
        number: 34,
        what: "delegation without workload profiles",
        id: "NET112",
        place: "$.resources[].properties.subnets[]",
        bad: Sample::resources(
            r#"[{"$add": true, "type": "Microsoft.Network/virtualNetworks", "name": "vnet", "properties": {"subnets": [{"name": "apps", "properties": {"addressPrefix": "10.0.0.0/23", "delegations": [{"name": "d", "properties": {"serviceName": "Microsoft.App/environments"}}]}}]}}, {"type": "Microsoft.App/managedEnvironments", "properties": {"workloadProfiles": null, "vnetConfiguration": {"infrastructureSubnetId": "[resourceId('Microsoft.Network/virtualNetworks/subnets', 'vnet', 'apps')]"}}}]"#,
        ),
        good: Sample::resources(
            r#"[{"$add": true, "type": "Microsoft.Network/virtualNetworks", "name": "vnet", "properties": {"subnets": [{"name": "apps", "properties": {"addressPrefix": "10.0.0.0/23"}}]}}, {"type": "Microsoft.App/managedEnvironments", "properties": {"workloadProfiles": null, "vnetConfiguration": {"infrastructureSubnetId": "[resourceId('Microsoft.Network/virtualNetworks/subnets', 'vnet', 'apps')]"}}}]"#,
        ),
    },
    Part {
        number: 34,
        what: "subnets overlap",
        id: "NET112",
        place: "$.resources[].properties.subnets[]",
        bad: Sample::resources(
            r#"[{"$add": true, "type": "Microsoft.Network/virtualNetworks", "name": "vnet", "properties": {"subnets": [{"name": "one", "properties": {"addressPrefix": "10.0.0.0/24"}}, {"name": "two", "properties": {"addressPrefix": "10.0.0.128/25"}}]}}]"#,
        ),
        good: Sample::resources(
            r#"[{"$add": true, "type": "Microsoft.Network/virtualNetworks", "name": "vnet", "properties": {"subnets": [{"name": "one", "properties": {"addressPrefix": "10.0.0.0/24"}}, {"name": "two", "properties": {"addressPrefix": "10.0.1.128/25"}}]}}]"#,
        ),
    },
];

/// A part of a failure, with samples of its own.
struct Part {
    number: u8,
    what: &'static str,
    id: &'static str,
    place: &'static str,
    bad: Sample,
    good: Sample,
}

/// The failures that no template, compose file or answer of Azure shows before they happen, each with
/// what meets it instead.
const BEYOND: &[(u8, &str, &str)] = &[
    (
        25,
        "the proxy of 1.15 blocks private hosts that are needed",
        "which hosts workflows ask for stands in the database; `upgrade` tells it of the release, SSR002 and \
         `check --squid` judge the hosts that are named",
    ),
    (
        41,
        "name of a deleted vault",
        "deleted vaults are known to Azure alone; plan looks for them (`Snapshot::deleted`)",
    ),
    (
        45,
        "an error without a reason, a half-built group",
        "it happens while things are made; apply unwraps inner errors and keeps a journal",
    ),
    (
        46,
        "noise hides the real change",
        "of previews, not of deployments; plan compares desired with live",
    ),
    (
        49,
        "destroy hangs or leaves something",
        "it happens while things are deleted; destroy has its own order",
    ),
    (
        50,
        "CI can't tell whether there are changes",
        "of tools, not of deployments; `plan --detailed-exitcode`",
    ),
    (
        53,
        "a chart's upgrade is blocked by a renamed value",
        "of charts' values; our own file has a schema version, `upgrade` names renamed settings",
    ),
];

#[test]
fn every_failure_has_a_rule_or_a_reason_why_none_can_see_it() {
    let known = PAINS.iter().map(|it| it.0);
    let mut numbers: Vec<u8> = known.chain(BEYOND.iter().map(|it| it.0)).collect();
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers, (1..=53).collect::<Vec<u8>>());
    for (number, what, why) in BEYOND {
        assert!(PAINS.iter().all(|it| it.0 != *number), "{number}");
        println!("{number:>2}  {what:<52} no rule: {why}");
    }
}

#[test]
fn every_failure_that_can_be_seen_is_found_at_its_place_and_nothing_when_it_is_mended() {
    let mut table = String::new();
    let mut wrong = Vec::new();
    let own = PAINS.iter().map(|(number, what, id, place)| {
        let Judged { bad, good, .. } = &JUDGED[id];
        (*number, *what, *id, *place, bad.clone(), good.clone())
    });
    let parts = PARTS.iter().map(|it| {
        let report = |sample| sample::report(sample).unwrap();
        let (bad, good) = (report(&it.bad), report(&it.good));
        (it.number, it.what, it.id, it.place, bad, good)
    });
    let mut all: Vec<_> = own.chain(parts).collect();
    all.sort_by_key(|it| it.0);
    for (number, what, id, expected, bad, good) in &all {
        let rule = rule(id).unwrap_or_else(|| panic!("no rule {id}"));
        let found = bad.under(id).find(|it| it.severity == rule.severity);
        let place = found.map_or("NOT FOUND".to_owned(), |it| it.place.to_string());
        if !found.is_some_and(|one| shown(&one.place) == *expected && one.place.line().is_some()) {
            wrong.push(format!("{number} {id}: {place}"));
        }
        // What is only to be known stays: a rule of that kind is quiet itself.
        let loud = pressing(good);
        let own = good.under(id).any(|it| it.severity == rule.severity);
        if !loud.is_empty() || own {
            wrong.push(format!("{number} {id}: mended it has {loud:?}"));
        }
        let _ = writeln!(table, "{number:>2}  {what:<52} {id}  {place}");
    }
    println!("{table}");
    assert!(wrong.is_empty(), "{wrong:#?}\n{table}");
}

/// A place as the table has it.
fn shown(place: &Place) -> String {
    if place.document_name() != "template.json" {
        return place.to_string();
    }
    let path = place.path();
    let pieces = path.split('[').map(|piece| match piece.split_once(']') {
        Some((index, rest)) if index.bytes().all(|it| it.is_ascii_digit()) => format!("]{rest}"),
        _ => piece.to_owned(),
    });
    pieces.collect::<Vec<_>>().join("[")
}
