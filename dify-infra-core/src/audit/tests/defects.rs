//! The twenty-two defects of one public deployment, in each form of input in which they can exist.

use std::fmt::Write as _;

use super::super::*;
use super::{compose, template};
use crate::diagnostic::Severity;

const TEMPLATE: &str = include_str!("defects.json");
const COMPOSE: &str = include_str!("defects.yaml");
/// The squid file of the deployment, which allows its local networks before it denies private destinations. Its
/// proxy does not use it (defect 7); a second one does.
const SQUID: &str = include_str!("defects-squid.conf");

/// The defective deployment in its three forms. Live, a file that is a secret can't be seen; one that a command
/// writes, or that stands in a variable, can.
fn whole() -> [Report; 3] {
    [
        template(TEMPLATE),
        compose(&[("docker-compose.yaml", COMPOSE), ("squid.conf", SQUID)]),
        audit(&from_resources(&live_resources())),
    ]
}

/// How a defect shows in one form of input: under these rules, or not at all for this reason.
enum In {
    Found(&'static [&'static str]),
    Not(&'static str),
}

use In::{Found, Not};

/// A defect in a template, in a compose folder and in a live group that is read with the rights of a reader.
struct Defect {
    number: u8,
    what: &'static str,
    template: In,
    compose: In,
    live: In,
}

const fn defect(number: u8, what: &'static str, template: In, compose: In, live: In) -> Defect {
    Defect {
        number,
        what,
        template,
        compose,
        live,
    }
}

const NO_INGRESS: &str = "compose has no ingress: a service is called on its own port";
const NO_SERVER: &str =
    "compose makes no server of Azure, and what is made on one elsewhere it does not say";

const DEFECTS: [Defect; 22] = [
    defect(
        1,
        "api and worker lack PLUGIN_DAEMON_KEY",
        Found(&["KEY101"]),
        Found(&["KEY101"]),
        Found(&["KEY101"]),
    ),
    defect(
        2,
        "DB_SSL_MODE unset",
        Found(&["DBX101"]),
        Found(&["DBX101"]),
        Found(&["DBX101"]),
    ),
    defect(
        3,
        "no broker for a TLS-only Redis",
        Found(&["RED101"]),
        Found(&["RED101"]),
        Found(&["RED101"]),
    ),
    defect(
        4,
        "URLs omit .internal",
        Found(&["NET106"]),
        Not("names of compose have no domain"),
        Found(&["NET106"]),
    ),
    defect(
        5,
        "custom ports on an http ingress",
        Found(&["NET102"]),
        Not(NO_INGRESS),
        Found(&["NET102"]),
    ),
    defect(
        6,
        "squid behind an http ingress",
        Found(&["SSR102"]),
        Not(NO_INGRESS),
        Found(&["SSR102"]),
    ),
    defect(
        7,
        "stock squid without a file",
        Found(&["SSR103"]),
        Found(&["SSR103"]),
        Found(&["SSR103"]),
    ),
    defect(
        8,
        "squid allows before it denies",
        Found(&["SSR104"]),
        Found(&["SSR104"]),
        Found(&["SSR104"]),
    ),
    defect(
        9,
        "dify_plugin is not created",
        Found(&["DBX102"]),
        Not(NO_SERVER),
        Found(&["DBX102"]),
    ),
    defect(
        10,
        "port 5003 is not exposed",
        Found(&["NET118"]),
        Found(&["NET118"]),
        Found(&["NET118"]),
    ),
    defect(
        11,
        "nginx forwards to plugin_daemon",
        Found(&["NET111"]),
        Not("names of compose may have underscores"),
        Found(&["NET111"]),
    ),
    defect(
        12,
        "no probes",
        Found(&["LIM110"]),
        Not("compose sends no traffic by health: a service without a check is no failure"),
        Found(&["LIM110"]),
    ),
    defect(
        13,
        "vault by roles without roles, and unused",
        Found(&["SEC111"]),
        Not("compose makes no vault"),
        Found(&["SEC111"]),
    ),
    defect(
        14,
        "a script that is referred to does not exist",
        Not("a guide names it, the template does not"),
        Not("a guide names it, the compose file does not"),
        Not("a guide names it, no resource does"),
    ),
    defect(
        15,
        "secrets committed in parameters",
        Found(&["SEC103"]),
        Found(&["SEC101"]),
        Found(&["SEC103"]),
    ),
    defect(
        16,
        "0.6.13 with daemon 0.4.0; latest elsewhere",
        Found(&["VER102", "VER105", "VER106"]),
        Found(&["VER102", "VER105", "VER106"]),
        Found(&["VER102", "VER105", "VER106"]),
    ),
    defect(
        17,
        "configurations in parallel",
        Found(&["DBX105"]),
        Not(NO_SERVER),
        Found(&["DBX105"]),
    ),
    defect(
        18,
        "keys in outputs",
        Found(&["SEC102"]),
        Not("compose has no outputs"),
        Found(&["SEC102"]),
    ),
    defect(
        19,
        "FILES_URL and INTERNAL_FILES_URL missing, public URLs are http",
        Found(&["URL102", "URL104", "URL105"]),
        Found(&["URL102", "URL104", "URL105"]),
        Found(&["URL102", "URL104", "URL105"]),
    ),
    defect(
        20,
        "a worker without ingress may have no replica",
        Found(&["LIM107"]),
        Not("compose stops nothing that is idle"),
        Found(&["LIM107"]),
    ),
    defect(
        21,
        "beat lacks plugin and sandbox variables",
        Found(&["VER101"]),
        Found(&["VER101"]),
        Found(&["VER101"]),
    ),
    defect(
        22,
        "what-if runs after two phases were applied",
        Not("the order of a pipeline's steps is in no template"),
        Not("the order of a pipeline's steps is in no compose file"),
        Not("what-if leaves nothing in a group"),
    ),
];

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
fn every_defect_is_found_in_every_form_in_which_it_can_exist() {
    let numbers: Vec<u8> = DEFECTS.iter().map(|it| it.number).collect();
    assert_eq!(numbers, (1..=22).collect::<Vec<u8>>());
    let whole = whole();
    let mut table = String::new();
    let mut missed = Vec::new();
    for defect in &DEFECTS {
        let forms = [
            ("template", &defect.template),
            ("compose", &defect.compose),
            ("live", &defect.live),
        ];
        for ((form, expected), report) in forms.into_iter().zip(&whole) {
            let mut row = |rule: &str, said: &str| {
                let (number, what) = (defect.number, defect.what);
                let _ = writeln!(table, "{number:>2} {what:<64} {form:<9} {rule:<7} {said}");
            };
            match expected {
                Not(why) => row("-", why),
                Found(ids) => {
                    for id in *ids {
                        let mut of_id = report.under(id);
                        let found = of_id.find(|it| it.severity != Severity::Note);
                        row(
                            id,
                            &found.map_or("NOT FOUND".to_owned(), |it| it.place.to_string()),
                        );
                        // A live resource has an id and a path in its body, a document its lines.
                        let is_placed = found.is_some_and(|it| match form {
                            "live" => it.place.document_name().starts_with(GROUP),
                            _ => it.place.line().is_some(),
                        });
                        if !is_placed {
                            missed.push((defect.number, form, *id));
                        }
                    }
                }
            }
        }
    }
    println!("{table}");
    assert!(missed.is_empty(), "{missed:?}\n{table}");
}

#[test]
fn the_vault_is_without_roles_as_well_as_unused() {
    for report in [
        template(TEMPLATE),
        audit(&from_resources(&live_resources())),
    ] {
        let said: Vec<&str> = report
            .under("SEC111")
            .map(|it| it.message.as_str())
            .collect();
        let expected = "no app reads a secret from the vault, and nobody has a role at the vault";
        assert_eq!(said, [expected], "{report}");
    }
}

#[test]
fn of_two_proxies_each_is_judged_by_its_own_file() {
    for report in whole() {
        let places = |id: &'static str| {
            let found = report.under(id).filter(|it| it.severity == Severity::Error);
            found.map(|it| it.place.to_string()).collect::<Vec<_>>()
        };
        let stock = places("SSR103");
        assert_eq!(stock.len(), 1, "{report}");
        let judged = places("SSR104");
        assert!(
            !judged.is_empty() && !judged.contains(&stock[0]),
            "{report}"
        );
    }
}

#[test]
fn no_value_of_the_history_is_repeated() {
    let report = audit(&from_resources(&live_resources()));
    let shown = format!("{report} {report:?}");
    assert!(report.under("SEC102").next().is_some(), "{report}");
    assert!(!shown.contains("canary"), "{shown}");
}

/// The group of live resources.
const GROUP: &str =
    "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg/providers";

/// The resources of the template as Azure answers them: names filled in, what it adds by itself, no values of
/// secrets; and the deployment that made them, as the group's history keeps it.
fn live_resources() -> Vec<LiveResource> {
    let template: serde_json::Value = serde_json::from_str(TEMPLATE).unwrap();
    let mut live = Vec::new();
    let mut made = Vec::new();
    for resource in template["resources"].as_array().unwrap() {
        let kind = resource["type"].as_str().unwrap();
        let name = resource["name"].as_str().unwrap();
        let (namespace, types) = kind.split_once('/').unwrap();
        let path: Vec<String> = types
            .split('/')
            .zip(name.split('/'))
            .map(|(kind, name)| format!("{kind}/{name}"))
            .collect();
        let id = format!("{GROUP}/{namespace}/{}", path.join("/"));
        let mut body = resource.clone();
        let members = body.as_object_mut().unwrap();
        members.remove("apiVersion");
        members.remove("dependsOn");
        members.insert("id".to_owned(), id.as_str().into());
        members.insert("name".to_owned(), name.rsplit('/').next().into());
        if let Some(secrets) = body.pointer_mut("/properties/configuration/secrets") {
            for secret in secrets.as_array_mut().unwrap() {
                secret.as_object_mut().unwrap().remove("value");
            }
        }
        if let Some(ingress) = body.pointer_mut("/properties/configuration/ingress") {
            let ingress = ingress.as_object_mut().unwrap();
            ingress.insert("exposedPort".to_owned(), 0.into());
            ingress.insert("allowInsecure".to_owned(), false.into());
            ingress.insert("customDomains".to_owned(), serde_json::Value::Null);
            ingress.insert(
                "traffic".to_owned(),
                serde_json::json!([{"weight": 100, "latestRevision": true}]),
            );
        }
        if kind == "Microsoft.App/containerApps" {
            body["properties"]["provisioningState"] = "Succeeded".into();
            body["properties"]["workloadProfileName"] = "Consumption".into();
        }
        made.push(serde_json::json!({ "id": id }));
        live.push(LiveResource { id, body: Ok(body) });
    }
    live.push(LiveResource {
        id: format!("{GROUP}/Microsoft.Resources/deployments/main"),
        body: Ok(serde_json::json!({"name": "main", "properties": {
            "provisioningState": "Succeeded",
            "parameters": {
                "databasePassword": {"type": "SecureString"},
                "registryPassword": {"type": "String", "value": "canary-4711-Zk"},
                "location": {"type": "String", "value": "japaneast"}},
            "outputs": {
                "redisKey": {"type": "String", "value": "canary-0815-Qm"},
                "keyVaultName": {"type": "String", "value": "dify-kv"}},
            "dependencies": [],
            "outputResources": made}})),
    });
    live
}
