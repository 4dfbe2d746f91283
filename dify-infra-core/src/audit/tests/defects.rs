//! The twenty-two defects of one public deployment, in each form of input in which they can exist.

use std::fmt::Write as _;

use super::super::*;
use super::{compose, pressing, template};
use crate::diagnostic::Severity;

const TEMPLATE: &str = include_str!("defects.json");
const COMPOSE: &str = include_str!("defects.yaml");

/// A defect, the rules that find it in a template, and those that find it in a compose file.
const DEFECTS: &[(u8, &str, &[&str], &[&str])] = &[
    (
        1,
        "api and worker lack PLUGIN_DAEMON_KEY",
        &["KEY101"],
        &["KEY101"],
    ),
    (2, "DB_SSL_MODE unset", &["DBX101"], &["DBX101"]),
    (
        3,
        "no broker for a TLS-only Redis",
        &["RED101"],
        &["RED101"],
    ),
    (4, "URLs omit .internal", &["NET106"], &[]),
    (5, "custom ports on an http ingress", &["NET102"], &[]),
    (6, "squid behind an http ingress", &["SSR102"], &[]),
    (7, "stock squid without a file", &["SSR103"], &["SSR103"]),
    (9, "dify_plugin is not created", &["DBX102"], &[]),
    (10, "port 5003 is not exposed", &["NET118"], &[]),
    (11, "nginx forwards to plugin_daemon", &["NET111"], &[]),
    (12, "no probes", &["LIM110"], &[]),
    (
        13,
        "vault by roles without roles, and unused",
        &["SEC111"],
        &[],
    ),
    (
        15,
        "secrets committed in parameters",
        &["SEC103"],
        &["SEC101"],
    ),
    (
        16,
        "0.6.13 with daemon 0.4.0; latest elsewhere",
        &["VER102", "VER105", "VER106"],
        &["VER105", "VER106"],
    ),
    (17, "configurations in parallel", &["DBX105"], &[]),
    (18, "keys in outputs", &["SEC102"], &[]),
    (
        19,
        "FILES_URL and TRIGGER_URL missing, http public URLs",
        &["URL102", "URL104"],
        &["URL102"],
    ),
    (
        20,
        "a worker without ingress may have no replica",
        &["LIM107"],
        &[],
    ),
    (
        21,
        "beat lacks plugin and sandbox variables",
        &["VER101"],
        &["VER101"],
    ),
];

/// The defects that no template, compose file or live answer shows.
const BEYOND: &[(u8, &str, &str)] = &[
    (
        14,
        "a script that is referred to does not exist",
        "the script is in a guide, and no input that is audited names it",
    ),
    (
        22,
        "what-if runs after two phases were applied",
        "the order of a pipeline's steps is in none of the inputs",
    ),
];

/// Defect 8: squid allows its local networks before it denies private destinations, misses
/// 100.64.0.0/10 and 169.254.0.0/16. The file is not used in the defective deployment (defect 7), so
/// here it is.
const ALLOWS_FIRST: &str = "http_port 3128\nacl localnet src 10.0.0.0/8\nacl localnet src 172.16.0.0/12\n\
    acl localnet src 192.168.0.0/16\nacl private dst 10.0.0.0/8 172.16.0.0/12 192.168.0.0/16\n\
    http_access allow localnet\nhttp_access deny private\nhttp_access deny all\n";

#[test]
fn a_proxy_that_allows_before_it_denies_is_found_in_every_form() {
    let compose = compose(&[
        (
            "docker-compose.yaml",
            "services:\n  ssrf_proxy:\n    image: ubuntu/squid:6.6-24.04_edge\n    volumes:\n      \
             - ./squid.conf:/etc/squid/squid.conf\n",
        ),
        ("squid.conf", ALLOWS_FIRST),
    ]);
    let app = serde_json::json!({
        "type": "Microsoft.App/containerApps", "name": "squid", "properties": {
            "configuration": {"secrets": [{"name": "squid-conf", "value": ALLOWS_FIRST}]},
            "template": {
                "volumes": [{"name": "conf", "storageType": "Secret",
                    "secrets": [{"secretRef": "squid-conf", "path": "squid.conf"}]}],
                "containers": [{"name": "squid", "image": "ubuntu/squid:6.6-24.04_edge",
                    "volumeMounts": [{"volumeName": "conf", "mountPath": "/etc/squid"}]}]}}});
    let template = template(&serde_json::json!({"resources": [app]}).to_string());
    for (form, report) in [("compose", compose), ("template", template)] {
        let finding = report.under("SSR104").next();
        let finding = finding.unwrap_or_else(|| panic!("{form}: {report}"));
        println!(
            " 8 squid allows before it denies {form:<9} SSR104 {}",
            finding.place
        );
        assert_eq!(finding.severity, Severity::Error, "{finding}");
    }
}

#[test]
fn every_defect_has_a_rule_or_a_reason_why_none_can_see_it() {
    let found = DEFECTS.iter().map(|it| it.0).chain([8]);
    let mut numbers: Vec<u8> = found.chain(BEYOND.iter().map(|it| it.0)).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=22).collect::<Vec<u8>>());
    for (number, what, why) in BEYOND {
        println!("{number:>2} {what:<52} no rule: {why}");
    }
}

#[test]
fn what_a_reader_may_not_see_is_said_and_nothing_is_made_of_it() {
    let mut resources = live_resources();
    // Reader sees the apps; databases and blob containers are refused by one provider each.
    for resource in &mut resources {
        let kind = resource.id.clone();
        if kind.contains("DBforPostgreSQL") || kind.contains("Microsoft.Storage") {
            resource.body = Err("403 AuthorizationFailed".to_owned());
        }
    }
    let refused = resources.iter().filter(|it| it.body.is_err()).count();
    assert!(refused >= 2, "{refused}");
    let report = audit(&from_resources(&resources));
    let said = report
        .not_seen
        .iter()
        .filter(|it| it.why.contains("403 AuthorizationFailed"));
    assert_eq!(said.count(), refused, "{report}");
    // A database that can't be seen may be there.
    for id in ["DBX102", "DBX104", "BLB103"] {
        assert_eq!(
            report
                .under(id)
                .filter(|it| it.severity == Severity::Error)
                .count(),
            0,
            "{report}"
        );
    }
    // What the apps show is found all the same.
    for id in ["NET102", "SSR102", "LIM110"] {
        assert!(report.under(id).next().is_some(), "{id}\n{report}");
    }
}

#[test]
fn every_defect_that_can_be_seen_is_found_in_every_form() {
    let forms = [
        ("template", template(TEMPLATE)),
        ("compose", compose(&[("docker-compose.yaml", COMPOSE)])),
    ];
    let mut table = String::new();
    let mut missed = Vec::new();
    for (number, what, in_template, in_compose) in DEFECTS {
        for ((form, report), ids) in forms.iter().zip([in_template, in_compose]) {
            let codes = pressing(report);
            for id in *ids {
                let place = report.under(id).next().map(|it| it.place.to_string());
                if !codes.contains(id) {
                    missed.push((*number, *form, *id));
                }
                let place = place.unwrap_or_else(|| "NOT FOUND".to_owned());
                let _ = writeln!(table, "{number:>2} {what:<52} {form:<9} {id} {place}");
            }
        }
    }
    println!("{table}");
    assert!(
        missed.is_empty(),
        "{missed:?}\n{table}\n{}\n{}",
        forms[0].1,
        forms[1].1
    );
}

#[test]
fn live_answers_show_the_same_defects() {
    // What Azure answers has no expressions, no outputs, no parameters and no values of secrets.
    let inventory = from_template(TemplateInput {
        template: ("main.json", TEMPLATE),
        parameters: None,
    });
    let offline = audit(&inventory.unwrap());
    let live = audit(&from_resources(&live_resources()));
    let invisible = ["SEC102", "SEC103", "DBX105", "KEY101", "SEC112", "NET111"];
    for (number, what, ids, _) in DEFECTS {
        for id in ids.iter().filter(|id| !invisible.contains(id)) {
            assert!(offline.under(id).next().is_some(), "{number} {what}");
            assert!(
                live.under(id).next().is_some(),
                "{number} {what}: {id} is not in\n{live}"
            );
        }
    }
}

/// The resources of the template as Azure would answer them: names filled in, secrets without values.
fn live_resources() -> Vec<LiveResource> {
    let template: serde_json::Value = serde_json::from_str(TEMPLATE).unwrap();
    let group = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg/providers";
    let mut live = Vec::new();
    for resource in template["resources"].as_array().unwrap() {
        let kind = resource["type"].as_str().unwrap();
        let name = resource["name"].as_str().unwrap();
        let (namespace, types) = kind.split_once('/').unwrap();
        let path: Vec<String> = types
            .split('/')
            .zip(name.split('/'))
            .map(|(kind, name)| format!("{kind}/{name}"))
            .collect();
        let mut body = resource.clone();
        if let Some(secrets) = body.pointer_mut("/properties/configuration/secrets") {
            for secret in secrets.as_array_mut().unwrap() {
                secret.as_object_mut().unwrap().remove("value");
            }
        }
        live.push(LiveResource {
            id: format!("{group}/{namespace}/{}", path.join("/")),
            body: Ok(body),
        });
    }
    live
}
