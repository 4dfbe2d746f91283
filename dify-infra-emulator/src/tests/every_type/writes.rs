//! Changes, deletions, and two writes at once.

use http::Method;
use serde_json::{Value, json};

use super::super::support::{Client, Reply, group};
use super::samples::{Sample, make_all, patch_of, walk};
use crate::arm::id::ResourceId;
use crate::arm::merge::merge_patch;

/// Types whose PATCH merges tags; with the others the new tags are all that is left.
const MERGES_TAGS: &[&str] = &["Microsoft.App/", "Microsoft.Network/"];
const ZONES: &str = "Microsoft.Network/privateDnsZones";

fn merges(kind: &str) -> bool {
    MERGES_TAGS.iter().any(|begin| kind.starts_with(begin))
        && !kind.starts_with(ZONES)
        && !kind.ends_with("ertificates")
}

/// A body without what every write changes: versions, times, and tags, which are looked at apart.
fn lasting(mut body: Value) -> Value {
    body.as_object_mut().unwrap().remove("tags");
    forget(
        &mut body,
        &[
            "systemData",
            "etag",
            "updated",
            "modifiedDate",
            "lastModifiedTime",
        ],
    );
    body
}

fn forget(value: &mut Value, names: &[&str]) {
    match value {
        Value::Object(members) => {
            members.retain(|name, _| !names.contains(&name.as_str()));
            members.values_mut().for_each(|inner| forget(inner, names));
        }
        Value::Array(items) => items.iter_mut().for_each(|inner| forget(inner, names)),
        _ => {}
    }
}

#[test]
fn a_patch_changes_what_it_names_and_nothing_else() {
    let client = Client::with_group();
    for Sample { kind, path, .. } in make_all(&client) {
        let before = client.get(&path).body;
        let send = |body: &Value| {
            let reply = client.patch(&path, body);
            client.settle();
            reply
        };
        let Some(patch) = patch_of(kind) else {
            let reply = send(&json!({ "tags": { "stage": "dev" } }));
            assert_eq!(
                (reply.status.as_u16(), reply.code()),
                (405, "HttpMethodNotAllowed"),
                "{kind}"
            );
            assert_eq!(client.get(&path).body, before, "{kind}");
            continue;
        };
        let reply = send(&patch);
        assert!(reply.status.is_success(), "{kind}: {}", reply.body);
        let after = client.get(&path).body;
        if patch.get("tags").is_none() {
            let mut expected = lasting(before);
            merge_patch(&mut expected, &patch);
            assert_eq!(lasting(after), expected, "{kind}");
            continue;
        }
        assert_eq!(after["tags"]["stage"], "dev", "{kind}");
        send(&json!({ "tags": { "cost": "42" } }));
        let again = client.get(&path).body;
        let expected = if merges(kind) {
            json!({ "stage": "dev", "cost": "42" })
        } else {
            json!({ "cost": "42" })
        };
        assert_eq!(again["tags"], expected, "{kind}");
        // versions of a resource differ, and so do the times of a change
        assert_eq!(lasting(again), lasting(before), "{kind}");
    }
}

#[test]
fn what_is_deleted_is_gone_with_its_children_and_can_be_deleted_again() {
    let client = Client::with_group();
    let samples = make_all(&client);
    for Sample { kind, path, .. } in samples.iter().rev() {
        let reply = client.delete(path);
        client.settle();
        if reply.status == 405 {
            assert_eq!(reply.code(), "HttpMethodNotAllowed", "{kind}");
            assert_eq!(client.get(path).status, 200, "{kind} is still there");
            continue;
        }
        assert!(reply.status.is_success(), "{path}: {}", reply.body);
        let gone = client.get(path);
        assert_eq!(gone.status, 404, "{path}");
        assert_eq!(gone.code(), "ResourceNotFound", "{path}");
        assert_eq!(client.delete(path).status, 204, "{path} a second time");
        let below = format!("{}/", path.to_ascii_lowercase());
        let left = client.emulator.resources(client.now());
        let mut children = left.keys().filter(|id| id.starts_with(&below));
        assert_eq!(children.next(), None, "of {path}");
    }
    let nowhere = samples[0]
        .path
        .replace("/resourceGroups/g/", "/resourceGroups/none/");
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        let reply = client.send(&method, &nowhere, Some(&json!({ "location": "japaneast" })));
        assert_eq!(
            (reply.status.as_u16(), reply.code()),
            (404, "ResourceGroupNotFound")
        );
    }
}

#[test]
fn children_go_with_their_parent() {
    for (parent, child) in [
        (
            super::super::support::server_path(),
            format!(
                "{}/databases/dify_plugin",
                super::super::support::server_path()
            ),
        ),
        (
            super::samples::cache_path(),
            format!("{}/databases/default", super::samples::cache_path()),
        ),
        (
            super::samples::account_path(),
            format!(
                "{}/blobServices/default/containers/dify-plugins",
                super::samples::account_path()
            ),
        ),
        (
            super::samples::vault_path(),
            format!("{}/secrets/key", super::samples::vault_path()),
        ),
    ] {
        let client = Client::with_group();
        make_all(&client);
        assert_eq!(client.get(&child).status, 200, "{child}");
        assert!(client.delete(&parent).status.is_success(), "{parent}");
        client.settle();
        assert_eq!(client.get(&child).status, 404, "{child}");
    }
}

/// What a second write is answered while the first one still runs; types that are not named finish a
/// write with its answer, or take the second one.
const BUSY: &[(&str, u16, &str)] = &[
    (
        "Microsoft.App/managedEnvironments",
        409,
        "ManagedEnvironmentOperationInProgress",
    ),
    (
        "Microsoft.App/managedEnvironments/managedCertificates",
        409,
        "Conflict",
    ),
    (
        "Microsoft.App/containerApps",
        409,
        "ContainerAppOperationInProgress",
    ),
    (
        "Microsoft.App/jobs",
        409,
        "ContainerAppsJobOperationInProgress",
    ),
    (
        "Microsoft.DBforPostgreSQL/flexibleServers",
        409,
        "ServerIsBusy",
    ),
    (
        "Microsoft.DBforPostgreSQL/flexibleServers/databases",
        409,
        "ServerIsBusy",
    ),
    (
        "Microsoft.DBforPostgreSQL/flexibleServers/configurations",
        409,
        "ServerIsBusy",
    ),
    (
        "Microsoft.DBforPostgreSQL/flexibleServers/firewallRules",
        409,
        "ServerIsBusy",
    ),
    ("Microsoft.Cache/redisEnterprise", 409, "Conflict"),
    ("Microsoft.Cache/redisEnterprise/databases", 409, "Conflict"),
    (
        "Microsoft.Storage/storageAccounts",
        409,
        "StorageAccountOperationInProgress",
    ),
    (
        "Microsoft.Network/virtualNetworks",
        429,
        "AnotherOperationInProgress",
    ),
    (
        "Microsoft.Network/virtualNetworks/subnets",
        429,
        "AnotherOperationInProgress",
    ),
    (
        "Microsoft.Network/networkSecurityGroups",
        429,
        "AnotherOperationInProgress",
    ),
    (
        "Microsoft.Network/privateEndpoints",
        429,
        "AnotherOperationInProgress",
    ),
    (
        "Microsoft.Network/privateEndpoints/privateDnsZoneGroups",
        429,
        "AnotherOperationInProgress",
    ),
    (
        "Microsoft.Network/publicIPAddresses",
        429,
        "AnotherOperationInProgress",
    ),
    (
        "Microsoft.Network/applicationGateways",
        429,
        "AnotherOperationInProgress",
    ),
    ("Microsoft.Network/privateDnsZones", 409, "Conflict"),
    (
        "Microsoft.Network/privateDnsZones/virtualNetworkLinks",
        409,
        "Conflict",
    ),
    ("Microsoft.KeyVault/vaults", 409, "Conflict"),
    ("Microsoft.OperationalInsights/workspaces", 409, "Conflict"),
    ("Microsoft.ContainerRegistry/registries", 409, "Conflict"),
];

#[test]
fn one_write_at_a_time_runs_on_each_type_with_its_providers_code() {
    let client = Client::with_group();
    let mut wrong = Vec::new();
    walk(&client, |Sample { kind, path, body }| {
        let first = client.put(path, body);
        assert!(first.status.is_success(), "{path}: {}", first.body);
        let runs = client.emulator.idle_at().is_some();
        let second = client.put(path, body);
        let found = (second.status.as_u16(), second.code().to_owned());
        let row = BUSY.iter().find(|(busy, ..)| busy == kind);
        let expected = row.map(|(_, status, code)| (*status, (*code).to_owned()));
        let is_right = match &expected {
            Some(expected) => runs && found == *expected,
            None => !runs && second.status.is_success(),
        };
        if !is_right {
            wrong.push(format!(
                "{kind}: {found:?}, expected {expected:?}, runs: {runs}"
            ));
        }
        client.settle();
        let after: Reply = client.put(path, body);
        assert!(after.status.is_success(), "{path} later: {}", after.body);
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_shares_a_lane_with_a_busy_resource_waits_and_the_rest_does_not() {
    let client = Client::with_group();
    let samples = make_all(&client);
    let of = |kind: &str| samples.iter().find(|sample| sample.kind == kind).unwrap();
    for (busy, waits) in [
        (
            "Microsoft.DBforPostgreSQL/flexibleServers",
            "Microsoft.DBforPostgreSQL/flexibleServers/databases",
        ),
        (
            "Microsoft.DBforPostgreSQL/flexibleServers/firewallRules",
            "Microsoft.DBforPostgreSQL/flexibleServers/configurations",
        ),
        (
            "Microsoft.Network/virtualNetworks",
            "Microsoft.Network/virtualNetworks/subnets",
        ),
        (
            "Microsoft.Cache/redisEnterprise",
            "Microsoft.Cache/redisEnterprise/databases",
        ),
        (
            "Microsoft.Network/privateEndpoints",
            "Microsoft.Network/privateEndpoints/privateDnsZoneGroups",
        ),
    ] {
        let (first, second) = (of(busy), of(waits));
        assert!(client.put(&first.path, &first.body).status.is_success());
        let refused = client.put(&second.path, &second.body);
        assert!(
            [409, 429].contains(&refused.status.as_u16()),
            "{waits} beside {busy}: {}",
            refused.status
        );
        for other in &samples {
            let lane = |path: &str| ResourceId::parse(path).unwrap().root().key();
            if lane(&other.path) != lane(&first.path)
                && other.kind == "Microsoft.Storage/storageAccounts"
            {
                assert!(client.put(&other.path, &other.body).status.is_success());
            }
        }
        client.settle();
    }
    assert_eq!(client.get(&group("")).status, 200);
}
