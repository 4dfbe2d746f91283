//! Several subscriptions of one tenant: what is apart, and what is one.

use serde_json::{Value, json};

use super::support::{Client, account_body, group};
use crate::{DEFAULT_SUBSCRIPTION, DEFAULT_TENANT, Emulator, EmulatorError, Registered};

const OTHER: &str = "11111111-1111-4111-8111-111111111111";

/// The same path in the other subscription.
fn other(path: &str) -> String {
    path.replace(DEFAULT_SUBSCRIPTION, OTHER)
}

fn subscription(rest: &str) -> String {
    format!("/subscriptions/{DEFAULT_SUBSCRIPTION}{rest}")
}

fn two() -> Client {
    let emulator = Emulator::builder()
        .another_subscription(OTHER, "Hub")
        .providers_registered(Registered::from_iter(["Microsoft.KeyVault"]))
        .build();
    Client::new(emulator.unwrap())
}

/// The ids of a list.
fn ids(client: &Client, path: &str) -> Vec<String> {
    let reply = client.get(path);
    assert_eq!(reply.status, 200, "{path}: {:?}", reply.body);
    let items = reply.body["value"].as_array().unwrap().iter();
    items
        .map(|one| one["id"].as_str().unwrap().to_owned())
        .collect()
}

fn vault_body() -> Value {
    json!({ "location": "japaneast", "properties": {
        "tenantId": DEFAULT_TENANT,
        "sku": { "family": "A", "name": "standard" },
    }})
}

#[test]
fn both_are_listed_and_no_third_is_there() {
    let client = two();
    let listed = ids(&client, "/subscriptions");
    let wanted = [DEFAULT_SUBSCRIPTION, OTHER].map(|id| format!("/subscriptions/{id}"));
    assert_eq!(listed, wanted);
    let hub = client.get(&other(&subscription("")));
    assert_eq!(hub.body["displayName"], "Hub");
    let third = client.get("/subscriptions/22222222-2222-4222-8222-222222222222");
    assert_eq!(third.code(), "SubscriptionNotFound");
}

#[test]
fn groups_resources_and_registrations_are_apart() {
    let client = two();
    client.make_group();
    let vault = group("/providers/Microsoft.KeyVault/vaults/vault-one");
    assert_eq!(
        client.get(&other(&group(""))).code(),
        "ResourceGroupNotFound"
    );
    let made = client.put(&other(&group("")), json!({ "location": "westeurope" }));
    assert_eq!(made.status, 201, "{:?}", made.body);
    client.create(&other(&vault), vault_body());
    client.settle();

    assert_eq!(client.get(&vault).code(), "ResourceNotFound");
    for list in [
        subscription("/resources"),
        subscription("/providers/Microsoft.KeyVault/vaults"),
        group("/resources"),
    ] {
        assert_eq!(ids(&client, &list), Vec::<String>::new(), "{list}");
        assert_eq!(ids(&client, &other(&list)), [other(&vault)], "{list}");
    }
    let groups = subscription("/resourcegroups");
    assert_eq!(ids(&client, &groups), [group("")]);
    assert_eq!(ids(&client, &other(&groups)), [other(&group(""))]);

    // names that are unique in all of Azure are so over both
    let taken = client.put(&vault, vault_body());
    assert_eq!(taken.status, 409, "{:?}", taken.body);

    // a deleted vault is one of its own subscription
    client.delete(&other(&vault));
    client.settle();
    let deleted = subscription("/providers/Microsoft.KeyVault/deletedVaults");
    assert_eq!(ids(&client, &deleted), Vec::<String>::new());
    let kept = ids(&client, &other(&deleted));
    assert!(kept.len() == 1 && kept[0].contains(OTHER), "{kept:?}");
    let one = "/providers/Microsoft.KeyVault/locations/japaneast/deletedVaults/vault-one";
    assert_eq!(client.get(&subscription(one)).status, 404);
    assert_eq!(client.get(&other(&subscription(one))).status, 200);
    let purge = subscription(&format!("{one}/purge"));
    assert_eq!(client.post(&purge, json!({})).status, 404);
    assert_eq!(client.post(&other(&purge), json!({})).status, 200);

    let storage = "/providers/Microsoft.Storage";
    client.post(
        &other(&subscription(&format!("{storage}/register"))),
        json!({}),
    );
    client.settle();
    let state = |path: &str| client.get(path).body["registrationState"].clone();
    assert_eq!(state(&subscription(storage)), "NotRegistered");
    assert_eq!(state(&other(&subscription(storage))), "Registered");
    let account = group(&format!("{storage}/storageAccounts/accountone"));
    let refused = client.put(&account, account_body());
    assert_eq!(refused.code(), "MissingSubscriptionRegistration");
    client.create(&other(&account), account_body());
}

#[test]
fn a_group_goes_with_what_is_in_it_and_not_with_what_has_its_name_elsewhere() {
    let client = two();
    client.make_group();
    client.put(&other(&group("")), json!({ "location": "japaneast" }));
    let logs = group("/providers/Microsoft.KeyVault/vaults/vault-one");
    client.create(&logs, vault_body());
    client.delete(&other(&group("")));
    client.settle();
    assert_eq!(client.get(&other(&group(""))).status, 404);
    assert_eq!(client.get(&logs).status, 200);
}

#[test]
fn one_id_is_not_given_to_two() {
    let twice = Emulator::builder().another_subscription(DEFAULT_SUBSCRIPTION, "Again");
    let error = twice.build().unwrap_err();
    assert!(matches!(error, EmulatorError::Option { .. }), "{error}");
}
