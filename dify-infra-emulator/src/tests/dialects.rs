//! The noisy dialect says the same in other words.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::support::{Client, app_body, app_path, deploy, environment_path, group};
use crate::{Dialect, Emulator};

fn noisy() -> Client {
    let emulator = Emulator::builder()
        .dialect(Dialect::Noisy)
        .seed(5)
        .build()
        .unwrap();
    let client = Client::new(emulator);
    client.make_group();
    client
}

#[test]
fn a_whole_deployment_works_in_it() {
    let client = noisy();
    let paths = deploy(&client);
    for path in paths {
        let body = client.get(&path).body;
        assert!(
            body["id"].as_str().unwrap().eq_ignore_ascii_case(&path),
            "{path}"
        );
    }
}

#[test]
fn repeated_reads_differ_in_case_order_and_nulls() {
    let client = noisy();
    deploy(&client);
    let bodies: BTreeSet<String> = (0..12)
        .map(|_| client.get(&app_path("api")).body.to_string())
        .collect();
    assert!(bodies.len() > 4, "{}", bodies.len());
    assert!(bodies.iter().any(|body| body.contains(":null")));
    assert!(bodies.iter().any(|body| body.contains("microsoft.app")));
    let orders: BTreeSet<String> = (0..12)
        .map(|_| {
            let list = client.get(&group("/resources")).body;
            let names = list["value"]
                .as_array()
                .unwrap()
                .iter()
                .map(|item| item["name"].to_string());
            names.collect::<String>()
        })
        .collect();
    assert!(orders.len() > 2);
}

#[test]
fn what_was_read_can_be_written_back() {
    let client = noisy();
    deploy(&client);
    for _ in 0..10 {
        client.settle();
        let mut body = client.get(&app_path("api")).body;
        body["properties"]["configuration"]["secrets"] =
            app_body()["properties"]["configuration"]["secrets"].clone();
        let reply = client.put(&app_path("api"), body);
        assert_eq!(reply.status, 200, "{}", reply.body);
        client.settle();
        let environment = client.get(&environment_path()).body;
        assert_eq!(client.put(&environment_path(), environment).status, 200);
    }
}

#[test]
fn pages_of_one_list_share_an_order() {
    let emulator = Emulator::builder()
        .dialect(Dialect::Noisy)
        .page_size(2)
        .build()
        .unwrap();
    let client = Client::new(emulator);
    client.make_group();
    deploy(&client);
    for _ in 0..10 {
        let mut next = Some(group("/resources"));
        let mut ids = Vec::new();
        while let Some(address) = next {
            let page: Value = client.get(&address).body;
            let items = page["value"].as_array().unwrap().clone();
            ids.extend(
                items
                    .iter()
                    .map(|item| item["id"].as_str().unwrap().to_ascii_lowercase()),
            );
            next = page["nextLink"].as_str().map(str::to_owned);
        }
        let distinct: BTreeSet<&String> = ids.iter().collect();
        assert_eq!((ids.len(), distinct.len()), (9, 9));
    }
}

#[test]
fn a_location_may_be_relative_and_an_error_nested() {
    let client = noisy();
    deploy(&client);
    client.settle();
    let locations: BTreeSet<bool> = (0..10)
        .map(|n| {
            let reply = client.patch(&environment_path(), json!({"tags": {"n": n.to_string()}}));
            let relative = reply.header("location").unwrap().starts_with('/');
            client.settle();
            client.get(&group(""));
            relative
        })
        .collect();
    assert_eq!(locations.len(), 2);
    let nested: BTreeSet<bool> = (0..10)
        .map(|_| client.get(&app_path("nobody")).body["error"]["details"].is_array())
        .collect();
    assert_eq!(nested.len(), 2);
}
