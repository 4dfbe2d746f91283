//! The same said otherwise: ids in another case, nulls, read-only values.

use std::collections::BTreeMap;

use serde_json::Value;

use super::super::support::Client;
use super::samples::{make_all, walk};
use crate::provider;

/// Every resource, with ids in lower case.
fn resources(client: &Client) -> BTreeMap<String, Value> {
    let all = client.emulator.resources(client.now());
    all.into_iter()
        .map(|(id, body)| {
            let lower = body.to_string().to_ascii_lowercase();
            (id, serde_json::from_str(&lower).unwrap())
        })
        .collect()
}

/// Makes every sample with another body that says the same.
fn make_otherwise(reword: impl Fn(&str, &mut Value)) -> Client {
    let client = Client::with_group();
    walk(&client, |sample| {
        let mut body = sample.body.clone();
        reword(sample.kind, &mut body);
        client.create(&sample.path, body);
    });
    client
}

fn plain() -> Client {
    let client = Client::with_group();
    make_all(&client);
    client
}

fn assert_same(otherwise: &Client) {
    let (expected, found) = (resources(&plain()), resources(otherwise));
    assert_eq!(
        expected.keys().collect::<Vec<_>>(),
        found.keys().collect::<Vec<_>>()
    );
    for (id, body) in expected {
        assert_eq!(found[&id], body, "{id}");
    }
}

/// A path in capitals, but for the names of resources: types may have rules about those.
fn shouted(path: &str) -> String {
    let mut parts = path.split("/providers/");
    let mut shouted = parts.next().unwrap_or_default().to_ascii_uppercase();
    for part in parts {
        shouted.push_str("/PROVIDERS");
        for (index, segment) in part.split('/').enumerate() {
            // namespace, then types and names in turn
            let is_name = index > 0 && index % 2 == 0;
            shouted.push('/');
            shouted.push_str(&if is_name {
                segment.to_owned()
            } else {
                segment.to_ascii_uppercase()
            });
        }
    }
    shouted
}

#[test]
fn each_type_is_found_and_written_in_any_case_and_keeps_its_first_spelling() {
    let client = Client::with_group();
    let samples = make_all(&client);
    let count = client.emulator.resources(client.now()).len();
    for sample in samples {
        let whole = client.get(&sample.path.to_ascii_uppercase());
        assert_eq!(whole.status, 200, "{}: {}", sample.path, whole.body);
        assert_eq!(whole.body["id"], sample.path.as_str());
        let reply = client.put(&shouted(&sample.path), &sample.body);
        assert!(reply.status.is_success(), "{}: {}", sample.path, reply.body);
        assert_ne!(reply.status, 201, "{} was there", sample.path);
        client.settle();
        assert_eq!(client.get(&sample.path).body["id"], sample.path.as_str());
    }
    assert_eq!(client.emulator.resources(client.now()).len(), count);
}

fn lower_ids(value: &mut Value) {
    match value {
        Value::String(text) if text.starts_with("/subscriptions/") => text.make_ascii_lowercase(),
        Value::Array(items) => items.iter_mut().for_each(lower_ids),
        Value::Object(members) => members.values_mut().for_each(lower_ids),
        _ => {}
    }
}

#[test]
fn ids_in_bodies_are_understood_in_another_case() {
    assert_same(&make_otherwise(|_, body| lower_ids(body)));
}

/// Adds null for what is not set, wherever the type of the body has an optional member.
fn add_nulls(kind: &str, path: &str, value: &mut Value) {
    let table = provider::find(kind).unwrap().definition().table.unwrap()();
    let Value::Object(members) = value else {
        return;
    };
    for (name, inner) in members.iter_mut() {
        let below = if path.is_empty() {
            name.clone()
        } else {
            format!("{path}.{name}")
        };
        add_nulls(kind, &below, inner);
    }
    for name in table.optional_members(path) {
        members.entry(name).or_insert(Value::Null);
    }
}

#[test]
fn nulls_in_bodies_are_as_if_nothing_was_said() {
    assert_same(&make_otherwise(|kind, body| add_nulls(kind, "", body)));
}

/// What only Azure sets, by its place in a body.
fn read_only_members(kind: &str) -> Vec<String> {
    let table = provider::find(kind).unwrap().definition().table.unwrap()();
    ["", "properties"]
        .iter()
        .flat_map(|path| {
            let join = |name: &str| match *path {
                "" => name.to_owned(),
                path => format!("{path}.{name}"),
            };
            table
                .read_only_members(path)
                .into_iter()
                .map(join)
                .collect::<Vec<_>>()
        })
        // a name or an id of another resource is refused
        .filter(|path| !["id", "name", "type"].contains(&path.as_str()))
        .collect()
}

#[test]
fn what_a_client_says_of_read_only_values_changes_nothing() {
    let counted = std::cell::Cell::new(0);
    let otherwise = make_otherwise(|kind, body| {
        for path in read_only_members(kind) {
            crate::arm::merge::set_at(body, &path, "forged".into());
            counted.set(counted.get() + 1);
        }
    });
    let forged = counted.get();
    assert!(forged > 60, "only {forged} read-only values are known");
    assert_same(&otherwise);
}
