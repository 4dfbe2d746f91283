//! Every rule that is listed is enforced: for each, a request that breaks it, and what is answered.

mod apps;
mod data;
mod domains;
mod environments;
mod gateways;
mod general;
mod networks;
mod registries;
mod vaults;

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::support::{Client, Reply, app_body, app_path, group, with_environment};

/// A rule with the answer to the request that breaks it. The client has the group `g`; a request that
/// needs another emulator puts it there.
struct Broken {
    rule: &'static str,
    status: u16,
    code: &'static str,
    by: fn(&mut Client) -> Reply,
}

const fn broken(
    rule: &'static str,
    status: u16,
    code: &'static str,
    by: fn(&mut Client) -> Reply,
) -> Broken {
    Broken {
        rule,
        status,
        code,
        by,
    }
}

const ALL: &[&[Broken]] = &[
    general::BROKEN,
    environments::BROKEN,
    apps::BROKEN,
    networks::BROKEN,
    gateways::BROKEN,
    data::BROKEN,
    registries::BROKEN,
    domains::BROKEN,
    vaults::BROKEN,
];

/// A body with one value set otherwise; objects on the way are made.
fn with(mut body: Value, pointer: &str, value: Value) -> Value {
    let mut place = &mut body;
    for name in pointer.split('/').skip(1) {
        place = match name.parse::<usize>() {
            Ok(index) => {
                let list = place
                    .as_array_mut()
                    .expect("a number stands for an item of a list");
                if index == list.len() {
                    list.push(Value::Null);
                }
                &mut list[index]
            }
            Err(_) => &mut place[name],
        };
    }
    *place = value;
    body
}

/// Puts an app that differs in one value from one that is right, into an environment.
fn app_with(client: &mut Client, pointer: &str, value: Value) -> Reply {
    *client = with_environment();
    client.put(&app_path("api"), with(app_body(), pointer, value))
}

/// The path of a resource in the group `g`.
fn path(rest: &str) -> String {
    group(&format!("/providers/{rest}"))
}

/// Creates a resource and waits until nothing runs.
fn make(client: &Client, rest: &str, body: Value) -> Value {
    let made = client.create(&path(rest), body);
    client.settle();
    made
}

#[test]
fn a_request_that_breaks_a_rule_is_refused_because_of_it() {
    let mut wrong = Vec::new();
    for one in ALL.iter().copied().flatten() {
        let mut client = Client::with_group();
        let reply = (one.by)(&mut client);
        let log = client.emulator.request_log();
        let found = (
            log.last().and_then(|record| record.rule),
            reply.status.as_u16(),
            reply.code(),
        );
        if found != (Some(one.rule), one.status, one.code) {
            wrong.push(format!("{}: {found:?} {}", one.rule, reply.body));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Rules that refuse nothing by themselves, with the test that shows their effect.
const WITHOUT_REFUSAL: &[(&str, &str)] = &[
    (
        "RBAC-PROPAGATION",
        "vaults::an_app_reads_a_secret_once_its_role_works",
    ),
    (
        "AGW-CERTIFICATE-READABLE",
        "gateways::a_certificate_that_cant_be_read_fails_the_operation_and_not_the_request",
    ),
    (
        "LOG-SOFT-DELETE",
        "workspaces::a_deleted_workspace_comes_back_with_its_name",
    ),
];

#[test]
fn every_rule_has_a_request_that_breaks_it() {
    let shown: BTreeSet<&str> = ALL.iter().copied().flatten().map(|one| one.rule).collect();
    let listed: BTreeSet<&str> = crate::rules().iter().map(|rule| rule.id).collect();
    let quiet = |rule: &str| WITHOUT_REFUSAL.iter().any(|(one, _)| *one == rule);
    let missing: Vec<&&str> = listed
        .difference(&shown)
        .filter(|rule| !quiet(rule))
        .collect();
    let unknown: Vec<&&str> = shown.difference(&listed).collect();
    assert!(
        missing.is_empty() && unknown.is_empty(),
        "give each rule a request that breaks it in src/tests/rules/: none for {missing:?}, and no rule \
         named {unknown:?}"
    );
}

/// A list with one text.
fn one(text: &str) -> Value {
    json!([text])
}
