//! The twenty-two defects of one public deployment, in each form of input in which they can exist.

use std::fmt::Write as _;

use super::super::*;
use super::{compose, pressing, template};

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
