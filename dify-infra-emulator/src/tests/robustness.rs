//! Nothing that a client sends makes the emulator fail, and a restart at any moment changes nothing.

use bytes::Bytes;
use http::Request;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::support::{
    Client, account_body, app_body, app_path, environment_body, environment_path, group,
    server_body, server_path, with_environment,
};
use crate::{DEFAULT_SUBSCRIPTION, Emulator};

/// Segments that lead somewhere, and some that do not.
const SEGMENTS: &[&str] = &[
    "subscriptions",
    DEFAULT_SUBSCRIPTION,
    "resourceGroups",
    "g",
    "providers",
    "Microsoft.App",
    "containerApps",
    "api",
    "revisions",
    "jobs",
    "managedEnvironments",
    "env",
    "Microsoft.Storage",
    "storageAccounts",
    "locations",
    "japaneast",
    "operationResults",
    "x%2Fy",
    "%zz",
    "%C3%A9",
    "%FF",
    "register",
    "checkNameAvailability",
    "usages",
    "permissions",
    "Microsoft.Authorization",
    "listSecrets",
];

const NAMES: &[&str] = &[
    "location",
    "properties",
    "tags",
    "sku",
    "name",
    "configuration",
    "template",
    "containers",
    "secrets",
    "ingress",
    "scale",
    "resources",
    "cpu",
    "memory",
    "value",
];

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(|value| json!(value)),
        any::<i64>().prop_map(|value| json!(value)),
        "[a-zé$]{0,6}".prop_map(|value| json!(value)),
    ];
    leaf.prop_recursive(5, 40, 4, |inner| {
        let name = prop::sample::select(NAMES.to_vec());
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::vec((name, inner), 0..5).prop_map(|pairs| {
                pairs
                    .into_iter()
                    .map(|(name, value)| (name.to_owned(), value))
                    .collect()
            }),
        ]
    })
}

fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

const METHODS: &[&str] = &["GET", "PUT", "POST", "PATCH", "DELETE", "HEAD", "OPTIONS"];

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn any_request_gets_an_answer(
        method in prop::sample::select(METHODS.to_vec()),
        segments in prop::collection::vec(prop::sample::select(SEGMENTS.to_vec()), 0..12),
        inside in any::<bool>(),
        body in json_value(),
    ) {
        let client = Client::with_group();
        let start = if inside { group("/providers") } else { String::new() };
        let path = segments.join("/");
        let query = "api-version=2026-01-01&$filter=%ff&$skiptoken=1-2";
        let request = Request::builder()
            .method(method)
            .uri(format!("https://arm{start}/{path}?{query}"))
            .header("authorization", "Bearer x");
        let status = client.raw(request.body(Bytes::from(body.to_string())).unwrap()).status;
        prop_assert!(!status.is_server_error(), "{}", status);
    }

    #[test]
    fn any_properties_get_an_answer(properties in json_value()) {
        let client = Client::with_group();
        let body = json!({"location": "japaneast", "properties": properties});
        for path in [app_path("api"), environment_path(), server_path()] {
            let status = client.put(&path, &body).status;
            prop_assert!(!status.is_server_error(), "{}", status);
        }
    }
}

/// One step of a client.
fn step(client: &Client, number: u8) {
    let account = group("/providers/Microsoft.Storage/storageAccounts/accountone");
    match number {
        0 => drop(client.put(&environment_path(), environment_body())),
        1 => drop(client.put(&app_path("api"), app_body())),
        2 => drop(client.put(&account, account_body())),
        3 => drop(client.put(&server_path(), server_body())),
        4 => drop(client.delete(&app_path("api"))),
        5 => drop(client.delete(&account)),
        6 => drop(client.put(&format!("{}/databases/dify", server_path()), json!({}))),
        7 => drop(client.delete(&environment_path())),
        8 => client.wait(30.0),
        _ => client.wait(400.0),
    }
}

proptest! {
    #![proptest_config(cases(24))]

    #[test]
    fn restarts_at_any_moment_change_nothing(
        steps in prop::collection::vec((0_u8..10, any::<bool>()), 1..25),
    ) {
        let directory = tempfile::tempdir().unwrap();
        let open = || Emulator::builder().state_directory(directory.path()).build().unwrap();
        let steady = Client::with_group();
        let mut restarted = Client::new(open());
        restarted.make_group();
        for (number, restart) in steps {
            step(&steady, number);
            step(&restarted, number);
            if restart {
                drop(std::mem::take(&mut restarted.emulator));
                restarted.emulator = open();
            }
            let now = steady.now();
            prop_assert_eq!(
                steady.emulator.resources(now),
                restarted.emulator.resources(now)
            );
        }
    }
}

/// What a late request begins doesn't lie in the past of what was answered before.
#[test]
fn time_does_not_go_back() {
    let client = with_environment();
    client.wait(3600.0);
    client.get(&environment_path());
    let latest = client.now();
    client.wait(-3600.0);
    client.put(&app_path("api"), app_body());
    assert!(client.emulator.idle_at().unwrap() > latest);
}
