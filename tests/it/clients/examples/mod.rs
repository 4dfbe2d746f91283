//! Microsoft's own examples: their requests are taken, and the answers have the members of theirs.

mod table;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use dify_infra_emulator::{DEFAULT_SUBSCRIPTION, Emulator};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::answers::Answers;
use table::{EXAMPLES, Example, LEFT_OUT, REFUSED};

const GROUP: &str = "/resourceGroups/examples/providers";
const ENVIRONMENT: &str = "/Microsoft.App/managedEnvironments/environment";

/// The environment that an example makes, and the subnet that it is in.
const ENVIRONMENT_OF_EXAMPLE: &str = "/Microsoft.App/managedEnvironments/demokube";
const SUBNET: &str = "/Microsoft.Network/virtualNetworks/network/subnets/apps";

fn folder() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/arm-examples");
    if folder.is_dir() {
        return Some(folder);
    }
    let required = std::env::var("DIFY_INFRA_REQUIRE_REAL").is_ok_and(|value| value == "1");
    assert!(!required, "arm-examples are required");
    #[expect(clippy::print_stdout, reason = "a skipped test says so")]
    {
        println!("skipped: arm-examples not found");
    }
    None
}

/// A client that follows what it began by the clock alone.
struct Client {
    emulator: Emulator,
    /// What it answered, for the judgement of the published types.
    answers: Arc<Answers>,
    now: std::cell::Cell<Timestamp>,
    /// Where the result of the last request is found, below the subscription.
    location: std::cell::Cell<Option<String>>,
}

impl Client {
    fn send(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let body = if body.is_null() {
            bytes::Bytes::new()
        } else {
            body.to_string().into()
        };
        let request = http::Request::builder()
            .method(method)
            .uri(format!(
                "https://management.azure.com/subscriptions/{DEFAULT_SUBSCRIPTION}{path}"
            ))
            .header("authorization", "Bearer any")
            .body(body)
            .unwrap();
        let response = self.emulator.handle(self.now.get(), request);
        let location = response.headers().get("location");
        self.location.set(location.and_then(|location| {
            let (_, path) = location.to_str().ok()?.split_once(DEFAULT_SUBSCRIPTION)?;
            Some(path.to_owned())
        }));
        while let Some(end) = self.emulator.idle_at() {
            self.now.set(end + SignedDuration::from_secs(1));
            self.emulator.resources(self.now.get());
        }
        let body = serde_json::from_slice(response.body()).unwrap_or(Value::Null);
        (response.status().as_u16(), body)
    }

    fn make(&self, path: &str, version: &str, body: &Value) {
        let (status, answer) =
            self.send("PUT", &format!("{GROUP}{path}?api-version={version}"), body);
        assert!(status < 300, "PUT {path}: {status} {answer}");
    }
}

/// Everything that the examples stand in.
fn world() -> Client {
    let answers = Arc::new(Answers::default());
    let client = Client {
        emulator: answers.listen(Emulator::builder()).build().unwrap(),
        answers,
        now: std::cell::Cell::new("2026-11-22T00:00:00Z".parse().unwrap()),
        location: std::cell::Cell::default(),
    };
    let region = json!({"location": "eastus"});
    let group = "/resourcegroups/examples?api-version=2025-04-01";
    assert_eq!(client.send("PUT", group, &region).0, 201);
    let environment = json!({"location": "eastus", "properties": {}});
    client.make(ENVIRONMENT, "2026-01-01", &environment);
    let id = format!("/subscriptions/{DEFAULT_SUBSCRIPTION}{GROUP}{ENVIRONMENT}");
    let template = json!({"containers": [{"name": "main", "image": "example.com/a:1"}]});
    client.make(
        "/Microsoft.App/containerApps/app",
        "2026-01-01",
        &json!({"location": "eastus", "properties": {"environmentId": id, "template": template}}),
    );
    client.make(
        "/Microsoft.App/jobs/job",
        "2026-01-01",
        &json!({"location": "eastus", "properties": {"environmentId": id, "template": template,
            "configuration": {"triggerType": "Manual", "replicaTimeout": 10}}}),
    );
    client.make(
        "/Microsoft.Cache/redisEnterprise/cache1",
        "2025-07-01",
        &json!({"location": "eastus", "sku": {"name": "Balanced_B5"},
            "properties": {"publicNetworkAccess": "Enabled"}}),
    );
    client.make(
        "/Microsoft.DBforPostgreSQL/flexibleServers/exampleserver",
        "2025-08-01",
        &json!({"location": "eastus", "sku": {"name": "Standard_B1ms", "tier": "Burstable"},
            "properties": {"administratorLogin": "dify", "administratorLoginPassword": "Example-1234",
                "version": "16", "storage": {"storageSizeGB": 32}}}),
    );
    client.make(
        "/Microsoft.Storage/storageAccounts/exampleaccount",
        "2026-04-01",
        &json!({"location": "eastus", "kind": "StorageV2", "sku": {"name": "Standard_LRS"},
            "properties": {}}),
    );
    client.make(
        "/Microsoft.Network/virtualNetworks/network",
        "2025-09-01",
        &json!({"location": "eastus", "properties": {
            "addressSpace": {"addressPrefixes": ["10.0.0.0/16"]},
            "subnets": [{"name": "apps", "properties": {"addressPrefix": "10.0.0.0/23", "delegations": [
                {"name": "apps", "properties": {"serviceName": "Microsoft.App/environments"}}]}}],
        }}),
    );
    client.make(
        "/Microsoft.DBforPostgreSQL/flexibleServers/vnetserver",
        "2025-08-01",
        &json!({"location": "eastus", "sku": {"name": "Standard_D4ds_v5", "tier": "GeneralPurpose"},
        "tags": {"VnetServer": "1"},
        "properties": {"administratorLogin": "dify", "administratorLoginPassword": "Example-1234",
            "version": "17", "storage": {"storageSizeGB": 512},
            "backup": {"geoRedundantBackup": "Enabled"},
            "highAvailability": {"mode": "ZoneRedundant", "standbyAvailabilityZone": "2"},
            "network": {
                "delegatedSubnetResourceId": format!("{id}/subnet"),
                "privateDnsZoneArmResourceId": format!("{id}/zone"),
            }}}),
    );
    client
}

/// Makes the file shares that the app of an example mounts, once its environment is there.
fn make_storages(client: &Client) {
    let share =
        json!({"accountName": "a", "accountKey": "k", "shareName": "s", "accessMode": "ReadOnly"});
    let nfs = json!({"server": "s", "shareName": "/a/b", "accessMode": "ReadOnly"});
    for (name, properties) in [
        ("storage", json!({"azureFile": share})),
        ("nfsStorage", json!({"nfsAzureFile": nfs})),
    ] {
        let path = format!("{ENVIRONMENT_OF_EXAMPLE}/storages/{name}");
        client.make(&path, "2026-01-01", &json!({"properties": properties}));
    }
}

fn read(folder: &Path, file: &str) -> Value {
    let text = std::fs::read_to_string(folder.join(file)).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// The members of Microsoft's answer that ours lacks or has as another kind of value.
fn lacking(theirs: &Value, ours: &Value, path: &str, found: &mut Vec<String>) {
    match (theirs, ours) {
        (Value::Null, _) => {}
        (Value::Object(theirs), Value::Object(ours)) => {
            for (name, value) in theirs {
                let inner = format!("{path}/{name}");
                match ours.get(name) {
                    Some(other) => lacking(value, other, &inner, found),
                    None if value.is_null() => {}
                    None => found.push(inner),
                }
            }
        }
        (Value::Array(theirs), Value::Array(ours)) => {
            if let (Some(theirs), Some(ours)) = (theirs.first(), ours.first()) {
                lacking(theirs, ours, &format!("{path}/0"), found);
            }
        }
        (theirs, ours) => {
            if std::mem::discriminant(theirs) != std::mem::discriminant(ours) {
                found.push(format!("{path} (another kind of value)"));
            }
        }
    }
}

fn address(path: &str, version: &str) -> String {
    match path.strip_prefix('/') {
        Some(of_subscription) if of_subscription.starts_with('/') => {
            format!("{of_subscription}?api-version={version}")
        }
        _ => format!("{GROUP}{path}?api-version={version}"),
    }
}

fn check(client: &Client, folder: &Path, example: &Example) -> Result<(), String> {
    let theirs = read(folder, example.file);
    let version = theirs["parameters"]["api-version"].as_str().unwrap();
    let mut body = theirs["parameters"]
        .get(example.body)
        .cloned()
        .unwrap_or(Value::Null);
    for (pointer, value, _) in example.changed {
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        let place = body.pointer_mut(parent);
        let place = place.ok_or_else(|| format!("{}: no {pointer}", example.file))?;
        if value.is_empty() {
            place.as_object_mut().unwrap().remove(name);
            continue;
        }
        let group = format!("/subscriptions/{DEFAULT_SUBSCRIPTION}{GROUP}");
        let value = value
            .replace("ENVIRONMENT", &format!("{group}{ENVIRONMENT_OF_EXAMPLE}"))
            .replace("SUBNET", &format!("{group}{SUBNET}"));
        place[name] = serde_json::from_str(&value).unwrap();
    }
    if example.path.contains("testcontainerapp0") {
        make_storages(client);
    }
    let address = address(example.path, version);
    let (status, mut ours) = client.send(example.method, &address, &body);
    let responses = theirs["responses"].as_object().unwrap();
    if !responses.contains_key(&status.to_string()) {
        return Err(format!("{}: {status} {ours}", example.file));
    }
    let wanted = responses.values().find_map(|response| response.get("body"));
    if let (201 | 202, Some(_)) = (status, wanted) {
        let location = client.location.take();
        let result = location.filter(|_| example.method == "POST");
        ours = client
            .send("GET", &result.unwrap_or(address), &Value::Null)
            .1;
    }
    let mut found = Vec::new();
    if let Some(wanted) = wanted {
        lacking(wanted, &ours, "", &mut found);
    }
    found.retain(|path| !example.missing.iter().any(|(known, _)| path == known));
    if found.is_empty() {
        Ok(())
    } else {
        Err(format!("{}: lacking {found:?} in {ours}", example.file))
    }
}

#[test]
fn the_examples_of_microsoft_are_taken_and_answered() {
    let Some(folder) = folder() else {
        return;
    };
    let client = world();
    // what is deleted by one example is the last that is looked at
    let (deletes, others): (Vec<_>, Vec<_>) = EXAMPLES
        .iter()
        .partition(|example| example.method == "DELETE");
    let problems: Vec<String> = others
        .into_iter()
        .chain(deletes)
        .filter_map(|example| check(&client, &folder, example).err())
        .collect();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    for (file, path, parameter, code) in REFUSED {
        let theirs = read(&folder, file);
        let version = theirs["parameters"]["api-version"].as_str().unwrap();
        let body = &theirs["parameters"][parameter];
        let (status, answer) = client.send("PUT", &address(path, version), body);
        assert_eq!(
            (status, answer["error"]["code"].as_str()),
            (400, Some(*code))
        );
    }
    client.answers.assert_valid(20);
    println!(
        "{} examples taken, {} refused, {} of what is not emulated",
        EXAMPLES.len(),
        REFUSED.len(),
        LEFT_OUT.len()
    );
}

#[test]
fn every_example_of_microsoft_is_looked_at_or_left_out_for_a_reason() {
    let Some(folder) = folder() else {
        return;
    };
    let known: BTreeSet<&str> = EXAMPLES
        .iter()
        .map(|example| example.file)
        .chain(REFUSED.iter().map(|(file, ..)| *file))
        .chain(LEFT_OUT.iter().map(|(file, _)| *file))
        .collect();
    let mut found = BTreeSet::new();
    let mut waiting = vec![folder.clone()];
    while let Some(one) = waiting.pop() {
        if one.is_dir() {
            let inside = std::fs::read_dir(one).unwrap();
            waiting.extend(inside.map(|entry| entry.unwrap().path()));
        } else if one.extension().is_some_and(|kind| kind == "json") {
            found.insert(one.strip_prefix(&folder).unwrap().display().to_string());
        }
    }
    let found: BTreeSet<&str> = found.iter().map(String::as_str).collect();
    assert_eq!(found, known);
}
