//! A client for tests: it sends requests at a virtual time and follows operations to their end.

use std::cell::Cell;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::{DEFAULT_SUBSCRIPTION, Emulator};

/// What came back.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Value,
    pub(super) extensions: http::Extensions,
}

impl Reply {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The error code, with or without the envelope.
    pub(super) fn code(&self) -> &str {
        let error = self.body.get("error").unwrap_or(&self.body);
        error["code"].as_str().unwrap_or_default()
    }

    pub(super) fn state(&self) -> &str {
        self.body["properties"]["provisioningState"]
            .as_str()
            .unwrap_or_default()
    }
}

/// A client with a clock of its own.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) emulator: Emulator,
    now: Cell<Timestamp>,
}

/// The versions in which tests speak to each namespace.
fn version_of(path: &str) -> &'static str {
    let lower = path.to_ascii_lowercase();
    let versions = [
        ("/register", "2025-04-01"),
        ("/providers/microsoft.authorization/", "2022-04-01"),
        ("/providers/microsoft.keyvault", "2026-02-01"),
        ("/providers/microsoft.managedidentity/", "2024-11-30"),
        ("/providers/microsoft.app/", "2026-01-01"),
        ("/providers/microsoft.dbforpostgresql/", "2025-08-01"),
        ("/providers/microsoft.cache/redisenterprise", "2025-07-01"),
        ("/providers/microsoft.cache/redis", "2024-11-01"),
        ("/providers/microsoft.network/privatednszones", "2024-06-01"),
        ("/providers/microsoft.network/", "2025-09-01"),
        ("/providers/microsoft.storage/", "2026-04-01"),
        ("/providers/microsoft.operationalinsights/", "2026-03-01"),
        ("/providers/microsoft.containerregistry/", "2025-11-01"),
    ];
    let found = versions.iter().find(|(part, _)| lower.contains(part));
    found.map_or("2025-04-01", |(_, version)| version)
}

impl Client {
    pub(super) fn new(emulator: Emulator) -> Self {
        let start = "2026-11-22T00:00:00Z".parse().unwrap();
        Self {
            emulator,
            now: Cell::new(start),
        }
    }

    /// A client of a fresh emulator that has the group `g`.
    pub(super) fn with_group() -> Self {
        let client = Self::new(Emulator::new());
        client.make_group();
        client
    }

    pub(super) fn make_group(&self) {
        let reply = self.put(&group(""), json!({"location": "japaneast"}));
        assert_eq!(reply.status, 201, "{:?}", reply.body);
    }

    pub(super) fn now(&self) -> Timestamp {
        self.now.get()
    }

    pub(super) fn wait(&self, seconds: f64) {
        let step = SignedDuration::try_from_secs_f64(seconds).unwrap();
        self.now.set(self.now.get() + step);
    }

    /// Waits until the operation that runs ends, and not a moment longer.
    pub(super) fn wait_for_the_end(&self) {
        self.now.set(self.emulator.idle_at().unwrap());
    }

    /// Waits until nothing runs any more.
    pub(super) fn settle(&self) {
        while let Some(end) = self.emulator.idle_at() {
            self.now.set(end.max(self.now.get()));
            self.emulator.resources(self.now.get());
        }
    }

    /// Sends a request as it is.
    pub(super) fn raw(&self, request: Request<Bytes>) -> Reply {
        let response = self.emulator.handle(self.now.get(), request);
        let (parts, bytes) = response.into_parts();
        let body = if bytes.is_empty() {
            Value::Null
        } else {
            serde_json::from_slice(&bytes).unwrap()
        };
        Reply {
            status: parts.status,
            headers: parts.headers,
            body,
            extensions: parts.extensions,
        }
    }

    /// Sends a request; a path without a version gets the one of its namespace.
    pub(super) fn send(&self, method: &Method, path: &str, body: Option<&Value>) -> Reply {
        let mut address = if path.starts_with("http") {
            path.to_owned()
        } else {
            format!("https://management.azure.com{path}")
        };
        if !address.contains("api-version=") {
            let separator = if address.contains('?') { '&' } else { '?' };
            address = format!("{address}{separator}api-version={}", version_of(path));
        }
        let body = body.map_or_else(Bytes::new, |body| Bytes::from(body.to_string()));
        let request = Request::builder()
            .method(method)
            .uri(address.replace(' ', "%20"))
            .header("authorization", "Bearer any");
        self.raw(request.body(body).unwrap())
    }

    pub(super) fn get(&self, path: &str) -> Reply {
        self.send(&Method::GET, path, None)
    }

    pub(super) fn put(&self, path: &str, body: impl std::borrow::Borrow<Value>) -> Reply {
        self.send(&Method::PUT, path, Some(body.borrow()))
    }

    pub(super) fn patch(&self, path: &str, body: impl std::borrow::Borrow<Value>) -> Reply {
        self.send(&Method::PATCH, path, Some(body.borrow()))
    }

    pub(super) fn post(&self, path: &str, body: impl std::borrow::Borrow<Value>) -> Reply {
        self.send(&Method::POST, path, Some(body.borrow()))
    }

    pub(super) fn delete(&self, path: &str) -> Reply {
        self.send(&Method::DELETE, path, None)
    }

    /// Puts a resource and follows the operation; the answer is a GET of the resource.
    pub(super) fn create(&self, path: &str, body: Value) -> Value {
        let reply = self.put(path, body);
        assert!(
            reply.status.is_success(),
            "PUT {path}: {} {}",
            reply.status,
            reply.body
        );
        self.follow(path, &reply);
        let reply = self.get(path);
        assert_eq!(reply.status, 200, "GET {path}: {}", reply.body);
        reply.body
    }

    /// Follows an operation as a client must: by its headers, else by the state of the resource.
    pub(super) fn follow(&self, path: &str, reply: &Reply) -> Reply {
        for _ in 0..100 {
            if let Some(address) = reply.header("azure-asyncoperation") {
                let poll = self.get(address);
                assert_eq!(poll.status, 200, "{}", poll.body);
                let status = poll.body["status"].as_str();
                if ["Succeeded", "Failed", "Canceled"].contains(&status.unwrap_or_default()) {
                    return poll;
                }
                self.wait_as_told(&poll);
            } else if let Some(address) = reply.header("location") {
                let poll = self.get(address);
                if poll.status != StatusCode::ACCEPTED {
                    return poll;
                }
                self.wait_as_told(&poll);
            } else {
                let poll = self.get(path);
                if ["", "Succeeded", "Failed"].contains(&poll.state()) {
                    return poll;
                }
                self.wait(10.0);
            }
        }
        panic!("{path} did not come to an end");
    }

    fn wait_as_told(&self, reply: &Reply) {
        let millis = reply
            .header("retry-after-ms")
            .map(|text| text.parse::<f64>().unwrap() / 1000.0);
        let seconds = reply
            .header("retry-after")
            .map(|text| text.parse::<f64>().unwrap());
        self.wait(millis.or(seconds).expect("a poll says when to come again"));
    }
}

/// A path in the group `g`; an empty one is the group itself.
pub(super) fn group(rest: &str) -> String {
    format!("/subscriptions/{DEFAULT_SUBSCRIPTION}/resourceGroups/g{rest}")
}

pub(super) fn environment_path() -> String {
    group("/providers/Microsoft.App/managedEnvironments/env")
}

pub(super) fn app_path(name: &str) -> String {
    group(&format!("/providers/Microsoft.App/containerApps/{name}"))
}

pub(super) fn server_path() -> String {
    group("/providers/Microsoft.DBforPostgreSQL/flexibleServers/pg-one")
}

pub(super) fn environment_body() -> Value {
    json!({
        "location": "japaneast",
        "properties": {"workloadProfiles": [{"name": "Consumption", "workloadProfileType": "Consumption"}]},
    })
}

pub(super) fn app_body() -> Value {
    json!({
        "location": "japaneast",
        "properties": {
            "environmentId": environment_path(),
            "configuration": {
                "secrets": [{"name": "key", "value": "canary-secret"}],
                "ingress": {"external": false, "targetPort": 5001, "transport": "tcp", "exposedPort": 5001},
            },
            "template": {
                "revisionSuffix": "one",
                "containers": [{
                    "name": "api",
                    "image": "langgenius/dify-api:1.16.0",
                    "resources": {"cpu": 0.5, "memory": "1Gi"},
                    "env": [{"name": "MODE", "value": "api"}, {"name": "SECRET_KEY", "secretRef": "key"}],
                }],
                "scale": {"minReplicas": 1, "maxReplicas": 2},
            },
        },
    })
}

pub(super) fn job_body() -> Value {
    json!({
        "location": "japaneast",
        "properties": {
            "environmentId": environment_path(),
            "configuration": {
                "triggerType": "Manual",
                "replicaTimeout": 600,
                "manualTriggerConfig": {"parallelism": 1, "replicaCompletionCount": 1},
                "secrets": [{"name": "key", "value": "canary-secret"}],
            },
            "template": {"containers": [{
                "name": "migrate",
                "image": "langgenius/dify-api:1.16.0",
                "resources": {"cpu": 0.5, "memory": "1Gi"},
                "env": [{"name": "SECRET_KEY", "secretRef": "key"}],
            }]},
        },
    })
}

pub(super) fn server_body() -> Value {
    json!({
        "location": "japaneast",
        "sku": {"name": "Standard_B1ms", "tier": "Burstable"},
        "properties": {
            "version": "16",
            "administratorLogin": "dify",
            "administratorLoginPassword": "Canary-Passw0rd",
            "storage": {"storageSizeGB": 32},
            "network": {"publicNetworkAccess": "Enabled"},
        },
    })
}

pub(super) fn cache_body() -> Value {
    json!({
        "location": "japaneast",
        "sku": {"name": "Balanced_B0"},
        "properties": {"publicNetworkAccess": "Enabled", "minimumTlsVersion": "1.2"},
    })
}

pub(super) fn account_body() -> Value {
    json!({
        "location": "japaneast",
        "kind": "StorageV2",
        "sku": {"name": "Standard_LRS"},
        "properties": {"minimumTlsVersion": "TLS1_2", "allowBlobPublicAccess": false},
    })
}

/// A client with a complete environment.
pub(super) fn with_environment() -> Client {
    let client = Client::with_group();
    client.create(&environment_path(), environment_body());
    client
}

/// Creates one resource of each type and returns their paths.
pub(super) fn deploy(client: &Client) -> Vec<String> {
    let server = server_path();
    let cache = group("/providers/Microsoft.Cache/redisEnterprise/cache-one");
    let account = group("/providers/Microsoft.Storage/storageAccounts/accountone");
    let resources = [
        (
            group("/providers/Microsoft.OperationalInsights/workspaces/logs"),
            json!({"location": "japaneast"}),
        ),
        (environment_path(), environment_body()),
        (app_path("api"), app_body()),
        (group("/providers/Microsoft.App/jobs/migrate"), job_body()),
        (server.clone(), server_body()),
        (
            format!("{server}/databases/dify_plugin"),
            json!({"properties": {}}),
        ),
        (
            format!("{server}/configurations/azure.extensions"),
            json!({"properties": {"value": "VECTOR", "source": "user-override"}}),
        ),
        (
            format!("{server}/firewallRules/azure"),
            json!({"properties": {"startIpAddress": "0.0.0.0", "endIpAddress": "0.0.0.0"}}),
        ),
        (cache.clone(), cache_body()),
        (
            format!("{cache}/databases/default"),
            json!({"properties": {
            "clusteringPolicy": "NoCluster", "evictionPolicy": "NoEviction", "accessKeysAuthentication": "Enabled"}}),
        ),
        (account.clone(), account_body()),
        (
            format!("{account}/blobServices/default"),
            json!({"properties": {"deleteRetentionPolicy": {"enabled": true, "days": 7}}}),
        ),
        (
            format!("{account}/blobServices/default/containers/dify-plugins"),
            json!({"properties": {"publicAccess": "None"}}),
        ),
        (
            group("/providers/Microsoft.ManagedIdentity/userAssignedIdentities/reader"),
            json!({"location": "japaneast"}),
        ),
        (
            group("/providers/Microsoft.KeyVault/vaults/vault-one"),
            json!({"location": "japaneast", "properties": {
                "tenantId": crate::DEFAULT_TENANT, "sku": {"family": "A", "name": "standard"}}}),
        ),
        (
            group("/providers/Microsoft.KeyVault/vaults/vault-one/secrets/key"),
            json!({"properties": {"value": "canary-secret"}}),
        ),
    ];
    resources
        .into_iter()
        .map(|(path, body)| {
            client.settle();
            client.create(&path, body);
            path
        })
        .collect()
}
