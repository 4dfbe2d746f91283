//! How each provider answers a write, and how its operations are followed.

use std::collections::BTreeSet;

use http::Method;
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::super::support::{Client, Reply};
use super::samples::{Sample, described, make_all, patch_of, state_of, walk};

/// What a type answers: `201 body operation Creating` is the status, whether there is a body, the
/// headers `Azure-AsyncOperation` (operation) and `Location` (location), and the state in the body.
struct Answers {
    kind: &'static str,
    create: &'static str,
    /// The words for its state that a reader sees, from the creation to its end.
    states: &'static str,
    update: &'static str,
    patch: &'static str,
    delete: &'static str,
    /// Where it is known from; `Microsoft.*` are operations of Azure/azure-rest-api-specs.
    source: &'static str,
}

const NO: &str = "405 body HttpMethodNotAllowed";

const CLI: &str = "Azure/azure-cli recordings";

const ANSWERS: &[Answers] = &[
    Answers {
        kind: "Microsoft.OperationalInsights/workspaces",
        create: "200 body Creating",
        states: "Creating > ProvisioningAccount > Succeeded",
        update: "200 body Updating",
        patch: "200 body Succeeded",
        delete: "200 empty",
        source: "Microsoft.OperationalInsights WorkspacesCreate example; its recording in azure-cli has 201",
    },
    Answers {
        kind: "Microsoft.Network/virtualNetworks",
        create: "201 body operation Updating",
        states: "Updating > Succeeded",
        update: "200 body operation Updating",
        patch: "200 body Succeeded",
        delete: "202 empty location",
        source: CLI,
    },
    Answers {
        kind: "Microsoft.Network/networkSecurityGroups",
        create: "201 body operation Updating",
        states: "Updating > Succeeded",
        update: "200 body operation Updating",
        patch: "200 body Succeeded",
        delete: "202 empty location",
        source: CLI,
    },
    Answers {
        kind: "Microsoft.Network/virtualNetworks/subnets",
        create: "201 body operation Updating",
        states: "Updating > Succeeded",
        update: "200 body operation Updating",
        patch: NO,
        delete: "202 empty location",
        source: CLI,
    },
    Answers {
        kind: "Microsoft.App/managedEnvironments",
        create: "201 body operation Waiting",
        states: "Waiting > InitializationInProgress > InfrastructureSetupInProgress > \
                 InfrastructureSetupComplete > Succeeded",
        update: "200 body operation Waiting",
        patch: "202 empty location",
        delete: "202 empty location",
        source: "Azure/azure-cli containerapp recordings/test_containerapp_env_e2e.yaml",
    },
    Answers {
        kind: "Microsoft.App/managedEnvironments/storages",
        create: "200 body",
        states: "",
        update: "200 body",
        patch: NO,
        delete: "200 empty",
        source: "Microsoft.App ManagedEnvironmentsStorages_CreateOrUpdate",
    },
    Answers {
        kind: "Microsoft.App/managedEnvironments/certificates",
        create: "200 body Succeeded",
        states: "Succeeded",
        update: "200 body Succeeded",
        patch: "200 body Succeeded",
        delete: "200 empty",
        source: "Microsoft.App Certificates_CreateOrUpdate",
    },
    Answers {
        kind: "Microsoft.App/containerApps",
        create: "201 body operation InProgress",
        states: "InProgress > Succeeded",
        update: "200 body operation InProgress",
        patch: "202 empty location",
        delete: "202 empty location",
        source: "Microsoft.App ContainerApps_CreateOrUpdate",
    },
    Answers {
        kind: "Microsoft.App/managedEnvironments/managedCertificates",
        create: "201 body operation Pending",
        states: "Pending > Succeeded",
        update: "200 body operation Pending",
        patch: "200 body Succeeded",
        delete: "200 empty",
        source: "Microsoft.App ManagedCertificates_CreateOrUpdate",
    },
    Answers {
        kind: "Microsoft.App/jobs",
        create: "201 body operation InProgress",
        states: "InProgress > Succeeded",
        update: "200 body operation InProgress",
        patch: "202 empty location",
        delete: "202 empty location",
        source: "Microsoft.App Jobs_CreateOrUpdate",
    },
    Answers {
        kind: "Microsoft.DBforPostgreSQL/flexibleServers",
        create: "202 empty operation location",
        states: "Provisioning > Ready",
        update: "202 empty operation location",
        patch: "202 empty operation location",
        delete: "202 empty operation location",
        source: "Microsoft.DBforPostgreSQL Servers_CreateOrUpdate",
    },
    Answers {
        kind: "Microsoft.DBforPostgreSQL/flexibleServers/databases",
        create: "202 empty operation location",
        states: "404 > ",
        update: "202 empty operation location",
        patch: NO,
        delete: "202 empty operation location",
        source: "Microsoft.DBforPostgreSQL Databases_Create",
    },
    Answers {
        kind: "Microsoft.DBforPostgreSQL/flexibleServers/configurations",
        create: "202 empty operation location",
        states: "",
        update: "202 empty operation location",
        patch: "202 empty operation location",
        delete: NO,
        source: "Microsoft.DBforPostgreSQL Configurations_Put, Configurations_Update",
    },
    Answers {
        kind: "Microsoft.DBforPostgreSQL/flexibleServers/firewallRules",
        create: "202 empty operation location",
        states: "404 > ",
        update: "202 empty operation location",
        patch: NO,
        delete: "202 empty operation location",
        source: "Microsoft.DBforPostgreSQL FirewallRules_CreateOrUpdate",
    },
    Answers {
        kind: "Microsoft.Cache/redisEnterprise",
        create: "201 body operation location Creating",
        states: "Creating > Succeeded",
        update: "200 body operation location Updating",
        patch: "202 empty operation",
        delete: "202 empty operation",
        source: "Azure/azure-cli-extensions recordings/test_redisenterprise_access_string.yaml",
    },
    Answers {
        kind: "Microsoft.Cache/redisEnterprise/databases",
        create: "201 body operation location Creating",
        states: "Creating > Succeeded",
        update: "200 body operation location Updating",
        patch: "202 empty operation",
        delete: "202 empty operation",
        source: "Azure/azure-cli-extensions recordings/test_redisenterprise_access_string.yaml",
    },
    Answers {
        kind: "Microsoft.Storage/storageAccounts",
        create: "202 empty location",
        states: "Creating > ResolvingDNS > Succeeded",
        update: "200 body Succeeded",
        patch: "200 body Succeeded",
        delete: "200 empty",
        source: "Microsoft.Storage StorageAccounts_Create",
    },
    Answers {
        kind: "Microsoft.Storage/storageAccounts/blobServices",
        create: "200 body",
        states: "",
        update: "200 body",
        patch: NO,
        delete: NO,
        source: "Microsoft.Storage BlobServices_SetServiceProperties",
    },
    Answers {
        kind: "Microsoft.Storage/storageAccounts/blobServices/containers",
        create: "201 body",
        states: "",
        update: "200 body",
        patch: "200 body",
        delete: "200 empty",
        source: "Microsoft.Storage BlobContainers_Create",
    },
    Answers {
        kind: "Microsoft.Network/privateEndpoints",
        create: "201 body operation Updating",
        states: "Updating > Succeeded",
        update: "200 body operation Updating",
        patch: NO,
        delete: "202 empty location",
        source: CLI,
    },
    Answers {
        kind: "Microsoft.Network/privateDnsZones",
        create: "202 empty operation location",
        states: "Creating > Succeeded",
        update: "202 empty operation location",
        patch: "202 empty operation location",
        delete: "202 empty location",
        source: "Microsoft.Network privatedns PrivateZones_CreateOrUpdate",
    },
    Answers {
        kind: "Microsoft.Network/privateDnsZones/virtualNetworkLinks",
        create: "202 empty operation location",
        states: "Creating > Succeeded",
        update: "202 empty operation location",
        patch: "202 empty operation location",
        delete: "202 empty location",
        source: "Microsoft.Network privatedns VirtualNetworkLinks_CreateOrUpdate",
    },
    Answers {
        kind: "Microsoft.Network/privateEndpoints/privateDnsZoneGroups",
        create: "201 body operation Updating",
        states: "Updating > Succeeded",
        update: "200 body operation Updating",
        patch: NO,
        delete: "202 empty location",
        source: CLI,
    },
    Answers {
        kind: "Microsoft.Network/publicIPAddresses",
        create: "201 body operation Updating",
        states: "Updating > Succeeded",
        update: "200 body operation Updating",
        patch: "200 body Succeeded",
        delete: "202 empty location",
        source: CLI,
    },
    Answers {
        kind: "Microsoft.Network/ApplicationGatewayWebApplicationFirewallPolicies",
        create: "201 body Succeeded",
        states: "Succeeded",
        update: "200 body Succeeded",
        patch: NO,
        delete: "202 empty location",
        source: "Microsoft.Network WebApplicationFirewallPolicies_CreateOrUpdate",
    },
    Answers {
        kind: "Microsoft.Network/applicationGateways",
        create: "201 body operation Updating",
        states: "Updating > Succeeded",
        update: "200 body operation Updating",
        patch: "200 body Succeeded",
        delete: "202 empty location",
        source: CLI,
    },
    Answers {
        kind: "Microsoft.ManagedIdentity/userAssignedIdentities",
        create: "201 body",
        states: "",
        update: "200 body",
        patch: "200 body",
        delete: "200 empty",
        source: "Microsoft.ManagedIdentity UserAssignedIdentities_CreateOrUpdate",
    },
    Answers {
        kind: "Microsoft.KeyVault/vaults",
        create: "201 body RegisteringDns",
        states: "RegisteringDns > Succeeded",
        update: "200 body RegisteringDns",
        patch: "200 body Succeeded",
        delete: "200 empty",
        source: "Microsoft.KeyVault Vaults_CreateOrUpdate",
    },
    Answers {
        kind: "Microsoft.KeyVault/vaults/secrets",
        create: "201 body",
        states: "",
        update: "200 body",
        patch: "200 body",
        delete: NO,
        source: "Microsoft.KeyVault Secrets_CreateOrUpdate",
    },
    Answers {
        kind: "Microsoft.Authorization/roleAssignments",
        create: "201 body",
        states: "",
        update: "200 body",
        patch: NO,
        delete: "200 body",
        source: "Microsoft.Authorization RoleAssignments_Create, RoleAssignments_Delete",
    },
    Answers {
        kind: "Microsoft.ContainerRegistry/registries",
        create: "201 body operation Creating",
        states: "Creating > Succeeded",
        update: "200 body operation Updating",
        patch: "200 body operation Updating",
        delete: "200 empty",
        source: "Azure/azure-cli acr recordings/test_acr_create_with_managed_registry.yaml",
    },
];

fn expected(kind: &str) -> &'static Answers {
    let found = ANSWERS.iter().find(|answers| answers.kind == kind);
    found.unwrap_or_else(|| panic!("no row for {kind}"))
}

/// Looks at a resource until nothing runs any more, and writes down each new word for its state.
fn watch(client: &Client, path: &str) -> String {
    let mut words: Vec<String> = Vec::new();
    let steps = 16;
    let Some(end) = client.emulator.idle_at() else {
        return state_of(&client.get(path).body)
            .unwrap_or_default()
            .to_owned();
    };
    let length = end.duration_since(client.now()).as_secs_f64() / f64::from(steps);
    for _ in 0..=steps {
        let reply = client.get(path);
        let word = match reply.status.as_u16() {
            404 => "404".to_owned(),
            _ => state_of(&reply.body).unwrap_or_default().to_owned(),
        };
        if words.last() != Some(&word) {
            words.push(word);
        }
        client.wait(length);
    }
    words.join(" > ")
}

#[test]
fn each_type_answers_writes_in_its_providers_style() {
    let client = Client::with_group();
    let mut wrong = Vec::new();
    let mut compare = |kind: &str, what: &str, expected: &str, found: &str| {
        if expected != found {
            wrong.push(format!("{kind} {what}: {found} instead of {expected}"));
        }
    };
    walk(&client, |sample| {
        let Sample { kind, path, body } = sample;
        let row = expected(kind);
        let send = |method: &Method, body: &Value| described(&client, method, path, Some(body));
        compare(kind, "create", row.create, &send(&Method::PUT, body));
        compare(kind, "states", row.states, &watch(&client, path));
        client.settle();
        compare(kind, "update", row.update, &send(&Method::PUT, body));
        client.settle();
        let patch = patch_of(kind).unwrap_or_else(|| json!({}));
        compare(kind, "patch", row.patch, &send(&Method::PATCH, &patch));
    });
    let client = Client::with_group();
    for Sample { kind, path, .. } in make_all(&client).iter().rev() {
        let found = described(&client, &Method::DELETE, path, None);
        compare(kind, "delete", expected(kind).delete, &found);
        client.settle();
    }
    let kinds: BTreeSet<&str> = ANSWERS.iter().map(|row| row.kind).collect();
    assert_eq!(kinds.len(), ANSWERS.len(), "a type has two rows");
    assert!(ANSWERS.iter().all(|row| !row.source.is_empty()));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Follows a header of an answer, with what it says while the operation runs and at its end.
fn followed(client: &Client, kind: &str, reply: &Reply, header: &str) {
    let Some(address) = reply.header(header) else {
        return;
    };
    let tells_status = header == "azure-asyncoperation";
    let running = client.get(address);
    let names_work = kind == "Microsoft.ContainerRegistry/registries";
    if tells_status {
        assert_eq!(running.status, 200, "{kind} {header}: {}", running.body);
        let word = running.body["status"].as_str().unwrap();
        assert_eq!(word != "InProgress", names_work, "{kind}: {word}");
        assert!(running.body["startTime"].is_string() && running.body.get("endTime").is_none());
        let id = running.body["id"].as_str().unwrap();
        assert!(address.contains(id), "{kind}: {id} is not {address}");
    } else {
        assert_eq!(running.status, 202, "{kind} {header}: {}", running.body);
        assert!(running.body.is_null());
        assert_eq!(running.header("location"), Some(address), "{kind}");
    }
    assert!(running.header("retry-after").is_some(), "{kind} {header}");
}

/// Checks what a header answers once its operation has succeeded.
fn followed_to_the_end(client: &Client, sample: &Sample, reply: &Reply, deleted: bool) {
    let kind = sample.kind;
    if let Some(address) = reply.header("azure-asyncoperation") {
        let end = client.get(address);
        assert_eq!(end.body["status"], "Succeeded", "{kind}: {}", end.body);
        assert!(end.body["endTime"].is_string(), "{kind}");
    }
    let Some(address) = reply.header("location") else {
        return;
    };
    let end = client.get(address);
    if deleted {
        assert_eq!(end.status, 204, "{kind}: {}", end.body);
    } else {
        assert_eq!(end.status, 200, "{kind}: {}", end.body);
        let id = end.body["id"].as_str().unwrap();
        assert!(id.eq_ignore_ascii_case(&sample.path), "{kind}: {id}");
    }
}

#[test]
fn the_headers_of_each_type_lead_through_its_operation_to_the_end() {
    let client = Client::with_group();
    let follow = |sample: &Sample, reply: &Reply, deleted: bool| {
        assert!(reply.status.is_success(), "{}: {}", sample.path, reply.body);
        followed(&client, sample.kind, reply, "azure-asyncoperation");
        followed(&client, sample.kind, reply, "location");
        client.settle();
        followed_to_the_end(&client, sample, reply, deleted);
    };
    let mut samples = Vec::new();
    walk(&client, |sample| {
        follow(sample, &client.put(&sample.path, &sample.body), false);
        follow(sample, &client.put(&sample.path, &sample.body), false);
        if let Some(patch) = patch_of(sample.kind) {
            follow(sample, &client.patch(&sample.path, patch), false);
        }
        samples.push((sample.kind, sample.path.clone()));
    });
    for (kind, path) in samples.into_iter().rev() {
        if expected(kind).delete == NO {
            continue;
        }
        let reply = client.delete(&path);
        let sample = Sample {
            kind,
            path,
            body: Value::Null,
        };
        follow(&sample, &reply, true);
    }
}

#[test]
fn an_operation_that_fails_says_so_in_the_style_of_its_type() {
    let client = Client::with_group();
    walk(&client, |sample| {
        let Sample { kind, path, body } = sample;
        client.emulator.fail_next(
            crate::RequestMatcher::any().method(Method::PUT),
            crate::FaultKind::FailedOperation {
                code: "InternalServerError".to_owned(),
                message: "It broke.".to_owned(),
            },
            1,
        );
        let reply = client.put(path, body);
        let runs = client.emulator.idle_at().is_some();
        client.settle();
        if let Some(address) = reply.header("azure-asyncoperation") {
            let end = client.get(address);
            assert_eq!(
                (end.status.as_u16(), end.body["status"].as_str()),
                (200, Some("Failed")),
                "{kind}"
            );
            assert_eq!(end.body["error"]["code"], "InternalServerError", "{kind}");
        }
        if let Some(address) = reply.header("location") {
            let end = client.get(address);
            assert_eq!(
                (end.status.as_u16(), end.code()),
                (400, "InternalServerError"),
                "{kind}"
            );
        }
        if runs {
            let left = client.get(path);
            let word = state_of(&left.body).unwrap_or("404");
            let expected: &[&str] = match *kind {
                "Microsoft.DBforPostgreSQL/flexibleServers" => &["Inaccessible"],
                // what was not visible yet, and what has no word for it, is gone or as it was
                "Microsoft.DBforPostgreSQL/flexibleServers/databases"
                | "Microsoft.DBforPostgreSQL/flexibleServers/firewallRules"
                | "Microsoft.DBforPostgreSQL/flexibleServers/configurations"
                | "Microsoft.Storage/storageAccounts" => &["404"],
                _ => &["Failed"],
            };
            assert!(expected.contains(&word), "{kind}: {word} {}", left.body);
        }
        client.emulator.forget_faults();
        // the same request, repeated, makes it whole
        client.wait(SignedDuration::from_secs(60).as_secs_f64());
        client.create(path, body.clone());
    });
}
