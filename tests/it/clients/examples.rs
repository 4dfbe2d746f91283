//! Microsoft's own examples: their requests are taken, and the answers have the members of theirs.

use std::path::{Path, PathBuf};

use dify_infra_emulator::{DEFAULT_SUBSCRIPTION, Emulator};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

/// What is looked at: an example, the type that its path names, and where its request may not be sent as
/// it is, with the reason.
struct Example {
    file: &'static str,
    method: &'static str,
    path: &'static str,
    /// The parameter that is the body.
    body: &'static str,
    /// JSON pointers that are set otherwise, with the reason.
    changed: &'static [(&'static str, &'static str, &'static str)],
    /// Members of Microsoft's answer that this one does not have, with the reason.
    missing: &'static [(&'static str, &'static str)],
}

const GROUP: &str = "/resourceGroups/examples/providers";
const ENVIRONMENT: &str = "/Microsoft.App/managedEnvironments/environment";

const EXAMPLES: &[Example] = &[
    Example {
        file: "Microsoft.App/2026-01-01/ManagedEnvironmentsStorages_CreateOrUpdate.json",
        method: "PUT",
        path: "/Microsoft.App/managedEnvironments/environment/storages/jlaw-demo1",
        body: "storageEnvelope",
        changed: &[],
        missing: &[],
    },
    Example {
        file: "Microsoft.App/2026-01-01/Job_Start.json",
        method: "POST",
        path: "/Microsoft.App/jobs/job/start",
        body: "template",
        changed: &[(
            "/initContainers/0/name",
            "\"testinitcontainer0\"",
            "the service refuses capitals in the name of a container",
        )],
        missing: &[],
    },
    Example {
        file: "Microsoft.Cache/2025-07-01/RedisEnterpriseDatabasesCreate.json",
        method: "PUT",
        path: "/Microsoft.Cache/redisEnterprise/cache1/databases/default",
        body: "parameters",
        changed: &[],
        missing: &[],
    },
    Example {
        file: "Microsoft.Cache/2025-07-01/RedisEnterpriseDatabasesListKeys.json",
        method: "POST",
        path: "/Microsoft.Cache/redisEnterprise/cache1/databases/default/listKeys",
        body: "",
        changed: &[],
        missing: &[],
    },
    Example {
        file: "Microsoft.DBforPostgreSQL/2025-08-01/DatabasesCreate.json",
        method: "PUT",
        path: "/Microsoft.DBforPostgreSQL/flexibleServers/exampleserver/databases/exampledatabase",
        body: "parameters",
        changed: &[],
        missing: &[],
    },
    Example {
        file: "Microsoft.DBforPostgreSQL/2025-08-01/ConfigurationsUpdateUsingPut.json",
        method: "PUT",
        path: "/Microsoft.DBforPostgreSQL/flexibleServers/exampleserver/configurations/constraint_exclusion",
        body: "parameters",
        changed: &[],
        missing: &[],
    },
    Example {
        file: "Microsoft.DBforPostgreSQL/2025-08-01/ConfigurationsGet.json",
        method: "GET",
        path: "/Microsoft.DBforPostgreSQL/flexibleServers/exampleserver/configurations/array_nulls",
        body: "",
        changed: &[],
        missing: &[(
            "/properties/documentationLink",
            "addresses of pages are not made up",
        )],
    },
    Example {
        file: "Microsoft.DBforPostgreSQL/2025-08-01/ServersDelete.json",
        method: "DELETE",
        path: "/Microsoft.DBforPostgreSQL/flexibleServers/exampleserver",
        body: "",
        changed: &[],
        missing: &[],
    },
    Example {
        file: "Microsoft.Storage/2026-04-01/StorageAccountCheckNameAvailability.json",
        method: "POST",
        path: "//providers/Microsoft.Storage/checkNameAvailability",
        body: "accountName",
        changed: &[],
        missing: &[],
    },
    Example {
        file: "Microsoft.Storage/2026-04-01/BlobContainersPut.json",
        method: "PUT",
        path: "/Microsoft.Storage/storageAccounts/exampleaccount/blobServices/default/containers/container6185",
        body: "blobContainer",
        changed: &[],
        missing: &[],
    },
    Example {
        file: "Microsoft.Storage/2026-04-01/BlobServicesPutAllowPermanentDelete.json",
        method: "PUT",
        path: "/Microsoft.Storage/storageAccounts/exampleaccount/blobServices/default",
        body: "parameters",
        changed: &[],
        missing: &[],
    },
    Example {
        file: "Microsoft.App/2026-01-01/ContainerApps_Delete.json",
        method: "DELETE",
        path: "/Microsoft.App/containerApps/app",
        body: "",
        changed: &[],
        missing: &[],
    },
];

/// Requests that are refused as Azure itself refuses them today, with the code.
const REFUSED: &[(&str, &str, &str, &str)] = &[(
    "Microsoft.Cache/2024-11-01/RedisCacheCreate.json",
    "/Microsoft.Cache/redis/cache1",
    "parameters",
    "BadRequest",
)];

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
    let client = Client {
        emulator: Emulator::new(),
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
    client
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
        let place = body.pointer_mut(pointer);
        *place.ok_or_else(|| format!("{}: no {pointer}", example.file))? =
            serde_json::from_str(value).unwrap();
    }
    let address = address(example.path, version);
    let (status, mut ours) = client.send(example.method, &address, &body);
    let responses = theirs["responses"].as_object().unwrap();
    if !responses.contains_key(&status.to_string()) {
        return Err(format!("{}: {status} {ours}", example.file));
    }
    let wanted = responses.values().find_map(|response| response.get("body"));
    if let (202, Some(_)) = (status, wanted) {
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
    println!(
        "{} examples taken, {} refused as today's Azure does",
        EXAMPLES.len(),
        REFUSED.len()
    );
}
