//! Secrets in a key vault: versions, references, roles that take their time, vaults that come back.

use std::sync::{Mutex, PoisonError};

use dify_infra_azure::apply::{Cancellation, Event};
use dify_infra_azure::secrets::held_in_vault;
use dify_infra_core::plan::Action;
use dify_infra_core::resource::authorization::Role;
use dify_infra_core::resource::{Kind, ResourceId};
use dify_infra_core::secrets::{SecretKind, SecretName, Secrets};
use dify_infra_emulator::{Emulator, NameKind};
use dify_infra_examples::{KEY_VAULT, MINIMAL};
use http::Method;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::support::{Azure, Scene, edit};

/// What returns secrets: a caller may be refused all of it.
const SECRET_ACTIONS: [&str; 4] = [
    "*/listSecrets/action",
    "*/listKeys/action",
    "*/sharedKeys/action",
    "*/listCredentials/action",
];

async fn deployed() -> Scene {
    let scene = Scene::new(KEY_VAULT);
    scene.apply().await;
    scene
}

/// The address of the version of a secret that an app reads.
async fn address(scene: &Scene, app: &str, secret: &str) -> String {
    let snapshot = scene.observe().await;
    let body = snapshot.body(&scene.app(app)).unwrap();
    let secrets = body["properties"]["configuration"]["secrets"].as_array();
    let mut found = secrets.unwrap().iter().filter(|one| one["name"] == secret);
    let found = found
        .next()
        .unwrap_or_else(|| panic!("{app} has no {secret}"));
    found["keyVaultUrl"].as_str().unwrap_or_default().to_owned()
}

fn replace(scene: &mut Scene, kind: SecretKind, value: &str) {
    scene.secrets.insert(kind, value.to_owned().into());
}

#[tokio::test(start_paused = true)]
async fn no_app_holds_a_value_and_no_container_gets_a_token() {
    let scene = deployed().await;
    let identity = scene.only(Kind::UserAssignedIdentity).to_string();
    let snapshot = scene.observe().await;
    let readers = scene
        .graph
        .nodes()
        .filter(|node| matches!(node.kind(), Kind::ContainerApp | Kind::Job));
    let mut references = 0;
    for node in readers {
        let configuration = &snapshot.body(node.id()).unwrap()["properties"]["configuration"];
        let secrets = configuration["secrets"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        for secret in &secrets {
            let name = secret["name"].as_str().unwrap();
            assert_eq!(
                secret.get("keyVaultUrl").is_some(),
                !name.starts_with("file-"),
                "{secret}"
            );
            references += usize::from(secret.get("keyVaultUrl").is_some());
        }
        if secrets
            .iter()
            .any(|secret| secret.get("keyVaultUrl").is_some())
        {
            let expected = json!([{ "identity": identity, "lifecycle": "None" }]);
            assert_eq!(configuration["identitySettings"], expected, "{}", node.id());
        }
    }
    assert!(references > 20, "{references}");
    let seen = format!("{:?}", scene.azure.resources());
    for (name, value) in scene.secrets.iter() {
        assert!(!seen.contains(value.expose_secret()), "{name} can be read");
    }
}

#[tokio::test(start_paused = true)]
async fn both_sides_of_a_pair_change_together() {
    let mut scene = deployed().await;
    let (caller, target) = ("api", "sandbox");
    let before = address(&scene, caller, "sandbox-api-key").await;
    assert_eq!(before, address(&scene, target, "sandbox-api-key").await);
    replace(
        &mut scene,
        SecretKind::SandboxApiKey,
        "another-key-of-the-sandbox-0123456789",
    );
    let plan = scene.plan().await;
    let action = |id: &ResourceId| plan.change(id).unwrap().action;
    assert_eq!(action(&scene.app(caller)), Action::Update);
    assert_eq!(action(&scene.app(target)), Action::Update);
    assert_eq!(action(&scene.app("web")), Action::NoChange);
    scene.azure.forget();
    scene.apply().await;
    let written: Vec<String> = scene.azure.headlines();
    let place = |line: &str| written.iter().position(|one| one == line).unwrap();
    assert!(place("PUT sandbox-api-key") < place("PUT dify-dev-sandbox"));
    assert!(place("PUT dify-dev-sandbox") < place("PUT dify-dev-api"));
    let after = address(&scene, caller, "sandbox-api-key").await;
    assert_ne!(before, after);
    assert_eq!(after, address(&scene, target, "sandbox-api-key").await);
    scene.assert_settled().await;
    assert!(scene.verify().await.is_success());
}

#[tokio::test(start_paused = true)]
async fn a_tag_makes_no_new_version() {
    let scene = deployed().await;
    let before = address(&scene, "api", "secret-key").await;
    let tagged = edit(
        KEY_VAULT,
        "[azure]\n",
        "[azure]\ntags = { team = \"ai\" }\n",
    );
    let tagged = scene.with_file(&tagged);
    tagged.azure.forget();
    tagged.apply().await;
    let patched = tagged.azure.writes().into_iter();
    let patched = patched.filter(|one| one.kind() == Some(Kind::VaultSecret));
    for exchange in patched {
        assert_eq!(exchange.method, Method::PATCH, "{}", exchange.path);
        assert_eq!(exchange.body.unwrap()["properties"].get("value"), None);
    }
    assert_eq!(before, address(&tagged, "api", "secret-key").await);
    tagged.assert_settled().await;
}

/// A deployment whose role is gone, and an app: what is made again has to wait for the role, which
/// a first apply does not notice, since Redis takes longer.
async fn without_role() -> Scene {
    let scene = deployed().await;
    scene.delete(&scene.only(Kind::RoleAssignment)).await;
    scene.delete(&scene.app("api")).await;
    scene
}

#[tokio::test(start_paused = true)]
async fn a_role_is_waited_for_and_said_so() {
    let scene = without_role().await;
    let told = Mutex::new(Vec::new());
    let sink = |event: &Event| {
        if let Event::Progress { id, state } = event {
            let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
            told.push(format!("{}: {state}", id.name()));
        }
    };
    let report = scene.try_apply(&sink, Cancellation::never()).await.unwrap();
    crate::support::scene::assert_done(&report);
    let told = told.into_inner().unwrap_or_else(PoisonError::into_inner);
    let line = "dify-dev-api: waiting for a role assignment to take effect";
    assert!(told.iter().any(|one| one == line), "{told:?}");
    assert!(refusals(&scene) > 0);
}

/// How often Azure refused to read a secret.
fn refusals(scene: &Scene) -> usize {
    let log = scene.azure.emulator().request_log();
    let refused = log
        .iter()
        .filter(|one| one.rule == Some("ACA-VAULT-SECRET"));
    refused.count()
}

#[tokio::test(start_paused = true)]
async fn a_role_that_never_works_ends_with_what_to_look_at() {
    let mut scene = without_role().await;
    scene.options = scene
        .options
        .with_role_budget(std::time::Duration::from_secs(20));
    let report = scene.attempt().await;
    let sentences: Vec<String> = report
        .failures()
        .map(|(_, error)| error.sentence())
        .collect();
    assert!(!sentences.is_empty());
    for sentence in &sentences {
        assert!(
            sentence.contains("Unable to get value using Managed identity"),
            "{sentence}"
        );
        assert!(sentence.contains("Key Vault Secrets User"), "{sentence}");
    }
    // A later run goes on.
    scene.options = Scene::new(MINIMAL).options;
    scene.apply().await;
    scene.assert_settled().await;
}

#[tokio::test(start_paused = true)]
async fn a_plan_needs_no_right_to_secrets() {
    let scene = deployed().await;
    let rights: [(&[&str], &[&str]); 1] = [(&["*"], &SECRET_ACTIONS)];
    scene.azure.emulator().set_permissions(&rights);
    scene.assert_settled().await;
    let reader: [(&[&str], &[&str]); 1] = [(&["*/read"], &[])];
    scene.azure.emulator().set_permissions(&reader);
    scene.azure.forget();
    scene.assert_settled().await;
    let changed = scene.with_file(&edit(KEY_VAULT, "dify = \"1.16.0\"", "dify = \"1.14.2\""));
    let plan = changed.plan_without_secrets().await;
    assert!(plan.is_complete() && !plan.is_empty());
    let asked: Vec<_> = scene.azure.exchanges();
    assert!(
        asked
            .iter()
            .all(|one| one.method == Method::GET || one.status == Some(403))
    );
}

#[tokio::test(start_paused = true)]
async fn without_the_right_to_assign_roles_nothing_is_written() {
    let contributor: [(&[&str], &[&str]); 1] = [(&["*"], &["Microsoft.Authorization/*/write"])];
    let scene = Scene::on(
        Azure::with(
            Emulator::builder()
                .permissions(&contributor)
                .enforce_permissions(),
        ),
        KEY_VAULT,
    );
    let problems = scene.preflight().await;
    assert_eq!(scene.azure.headlines(), Vec::<String>::new());
    let [problem] = problems.as_slice() else {
        panic!("{problems:#?}")
    };
    assert!(
        problem.what.contains("Key Vault Secrets User"),
        "{problem:?}"
    );
    assert!(
        problem.remedy.contains("az role assignment create"),
        "{problem:?}"
    );
    assert!(
        problem.remedy.contains("[secrets] identity = "),
        "{problem:?}"
    );
    insta::assert_snapshot!(problem.remedy);
}

/// The id of an identity that an owner made, and the file that names it.
fn with_identity() -> (ResourceId, String) {
    let id = ResourceId::resource_group(dify_infra_emulator::DEFAULT_SUBSCRIPTION, "dify-dev-rg")
        .provider(Kind::UserAssignedIdentity.resource_type(), "dify-reader");
    let file = edit(
        KEY_VAULT,
        "store = \"key-vault\"\n",
        &format!("store = \"key-vault\"\nidentity = \"{id}\"\n"),
    );
    (id, file)
}

#[tokio::test(start_paused = true)]
async fn an_identity_with_its_role_needs_no_right_to_assign() {
    let (id, file) = with_identity();
    let scene = Scene::new(&file);
    scene.make_existing().await;
    let principal = scene
        .observe()
        .await
        .output(&id, "/properties/principalId")
        .unwrap();
    let subscription = dify_infra_emulator::DEFAULT_SUBSCRIPTION;
    // What the printed command does: the role at the group, under a name of Azure's own choice.
    let assignment = scene.graph.group().provider(
        Kind::RoleAssignment.resource_type(),
        "0d6b4b0e-4d0c-4f4f-9f55-3a7f0f8f9a11",
    );
    let body = json!({ "properties": {
        "roleDefinitionId": Role::KeyVaultSecretsUser.definition(subscription),
        "principalId": principal,
        "principalType": "ServicePrincipal",
    }});
    scene.put(&assignment, Kind::RoleAssignment, &body).await;
    let contributor: [(&[&str], &[&str]); 1] = [(&["*"], &["Microsoft.Authorization/*/write"])];
    scene.azure.emulator().set_permissions(&contributor);
    assert_eq!(scene.preflight().await, []);
    scene.apply().await;
    scene.assert_settled().await;
    assert!(scene.verify().await.is_success());
}

#[tokio::test(start_paused = true)]
async fn a_role_that_somebody_assigned_counts() {
    let scene = deployed().await;
    let role = scene.only(Kind::RoleAssignment);
    let snapshot = scene.observe().await;
    let mut body = json!({ "properties": snapshot.body(&role).unwrap()["properties"] });
    scene.delete(&role).await;
    for name in ["scope", "createdOn", "updatedOn", "createdBy", "updatedBy"] {
        body["properties"].as_object_mut().unwrap().remove(name);
    }
    let other = role.parent().unwrap().provider(
        Kind::RoleAssignment.resource_type(),
        "11111111-2222-4333-8444-555555555555",
    );
    scene.put(&other, Kind::RoleAssignment, &body).await;
    scene.assert_settled().await;
}

#[tokio::test(start_paused = true)]
async fn an_identity_made_anew_gets_its_role_again() {
    let scene = deployed().await;
    scene.delete(&scene.only(Kind::UserAssignedIdentity)).await;
    let plan = scene.plan().await;
    let role = plan.change(&scene.only(Kind::RoleAssignment)).unwrap();
    assert_eq!(role.action, Action::Replace, "{plan}");
    assert_eq!(plan.blocked(), Vec::<String>::new());
    scene.apply().await;
    scene.assert_settled().await;
}

#[tokio::test(start_paused = true)]
async fn a_deleted_vault_comes_back_with_its_secrets() {
    let scene = deployed().await;
    let before = address(&scene, "api", "secret-key").await;
    scene.delete(&scene.only(Kind::Vault)).await;
    let plan = scene.plan().await;
    let vault = plan.change(&scene.only(Kind::Vault)).unwrap();
    assert!(vault.reason.contains("is brought back"), "{}", vault.reason);
    assert_eq!(scene.preflight().await, []);
    scene.apply().await;
    scene.assert_settled().await;
    assert_eq!(before, address(&scene, "api", "secret-key").await);
}

#[tokio::test(start_paused = true)]
async fn with_its_data_the_vault_is_deleted_softly_and_comes_back() {
    let scene = deployed().await;
    scene.destroy(true).await;
    assert_eq!(scene.azure.resources().len(), 0);
    scene.apply().await;
    scene.assert_settled().await;
    assert!(scene.verify().await.is_success());
}

#[tokio::test(start_paused = true)]
async fn a_name_that_another_deleted_vault_holds_is_named() {
    let scene = Scene::new(KEY_VAULT);
    let vault = scene.only(Kind::Vault);
    let group = ResourceId::resource_group(vault.subscription(), "other-rg");
    let theirs = group.provider(Kind::Vault.resource_type(), vault.name());
    let location = json!({ "location": "japaneast" });
    scene.put(&group, Kind::ResourceGroup, &location).await;
    let tenant = dify_infra_emulator::DEFAULT_TENANT;
    let body = json!({ "location": "japaneast", "properties": {
        "tenantId": tenant, "sku": { "family": "A", "name": "standard" },
    }});
    scene.put(&theirs, Kind::Vault, &body).await;
    scene.delete(&theirs).await;
    let plan = scene.plan().await;
    assert!(!plan.is_applyable());
    let reason = &plan.change(&vault).unwrap().reason;
    assert!(
        reason.contains("other-rg") && reason.contains("azure.suffix"),
        "{reason}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_taken_name_is_found_before_the_first_write() {
    let file = edit(
        KEY_VAULT,
        "resource_group = \"dify-dev-rg\"",
        "resource_group = \"dify-dev-rg\"\nsuffix = \"abc234\"",
    );
    let options = Emulator::builder().taken_name(NameKind::KeyVault, "dify-dev-abc234");
    let scene = Scene::on(Azure::with(options), &file);
    let problems = scene.preflight().await;
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].what.contains("dify-dev-abc234 is not free"));
}

/// The same deployment without its secrets file.
fn without_file(scene: &Scene) -> Scene {
    let mut other = Scene::on(std::sync::Arc::clone(&scene.azure), KEY_VAULT);
    other.secrets = Secrets::new();
    other
}

#[tokio::test(start_paused = true)]
async fn an_apply_needs_no_value_that_the_vault_has() {
    let scene = deployed().await;
    let before = address(&scene, "api", "secret-key").await;
    let mut other = without_file(&scene);
    scene.delete(&scene.app("web")).await;
    scene.delete(&scene.app("api")).await;
    other.apply().await;
    other.assert_settled().await;
    assert_eq!(before, address(&other, "api", "secret-key").await);
    // A secret that is not there yet is written, and nothing else is needed.
    let file = edit(
        KEY_VAULT,
        "[services.api.env]",
        "[services.api.env]\nNOTION_CLIENT_SECRET = { secret = \"notion\" }",
    );
    let deployment = Scene::on(std::sync::Arc::clone(&scene.azure), &file);
    other = deployment;
    other.secrets = Secrets::new();
    let notion: SecretName = "notion".parse().unwrap();
    other
        .secrets
        .insert(notion.clone(), "a-value-of-notion".to_owned().into());
    let snapshot = other.observe().await;
    let held = held_in_vault(&other.graph, &snapshot);
    assert!(!held.contains(&notion) && held.contains(&SecretName::from(SecretKind::SecretKey)));
    other.apply().await;
    other.assert_settled().await;
}

#[tokio::test(start_paused = true)]
async fn a_server_made_after_the_vault_gets_a_new_version_of_its_password() {
    // As after a run that ended between the vault and the server, with the secrets file gone.
    let scene = deployed().await;
    scene.delete(&scene.only(Kind::PostgresServer)).await;
    let there = scene.observe().await;
    assert!(there.body(&scene.id("postgres-password")).is_some());
    let mut other = without_file(&scene);
    let held = held_in_vault(&other.graph, &there);
    assert!(!held.contains(&SecretName::from(SecretKind::PostgresPassword)));
    replace(
        &mut other,
        SecretKind::PostgresPassword,
        "A-New-Password-Of-The-Server-01",
    );
    let plan = other.plan().await;
    let change = plan.change(&other.id("postgres-password")).unwrap();
    assert_eq!(change.action, Action::Update, "{plan}");
    other.apply().await;
    other.assert_settled().await;
    let sent = scene.azure.writes().into_iter().rev();
    let value = |one: &Value| one["properties"]["value"].as_str().map(str::to_owned);
    let mut sent = sent.filter(|one| one.name() == "postgres-password");
    let written = value(sent.next().unwrap().body.as_ref().unwrap());
    assert_eq!(written.as_deref(), Some("A-New-Password-Of-The-Server-01"));
}

#[tokio::test(start_paused = true)]
async fn moving_into_the_vault_and_back() {
    let app = edit(
        KEY_VAULT,
        "store = \"key-vault\"\nretention_days = 30     # how long a deleted vault can be brought back, 7 to 90\npurge_protection = true # nobody can remove it sooner; never to be turned off again\n",
        "",
    );
    let scene = Scene::new(&app);
    scene.apply().await;
    let vault = scene.with_file(KEY_VAULT);
    vault.apply().await;
    vault.assert_settled().await;
    assert!(vault.verify().await.is_success());
    let back = vault.with_file(&app);
    back.apply().await;
    back.assert_settled().await;
    assert_eq!(address(&back, "api", "secret-key").await, "");
    let kept = back.azure.resources();
    assert!(
        kept.keys().any(|id| id.contains("/vaults/")),
        "the vault holds data"
    );
    assert!(!kept.keys().any(|id| id.contains("userassignedidentities")));
}

#[tokio::test(start_paused = true)]
async fn a_vault_that_somebody_else_made_holds_our_secrets_beside_theirs() {
    let file = edit(
        KEY_VAULT,
        "store = \"key-vault\"\nretention_days = 30     # how long a deleted vault can be brought back, 7 to 90\npurge_protection = true # nobody can remove it sooner; never to be turned off again\n",
        "store = \"key-vault\"\nexisting = \"contoso-vault\"\n",
    );
    let scene = Scene::new(&file);
    let vault = scene.only(Kind::Vault);
    let location = json!({ "location": "japaneast" });
    scene
        .put(scene.graph.group(), Kind::ResourceGroup, &location)
        .await;
    let body = json!({ "location": "japaneast", "properties": {
        "tenantId": dify_infra_emulator::DEFAULT_TENANT,
        "sku": { "family": "A", "name": "standard" },
    }});
    scene.put(&vault, Kind::Vault, &body).await;
    scene.apply().await;
    scene.assert_settled().await;
    let names: Vec<String> = scene.azure.resources().into_keys().collect();
    assert!(
        names
            .iter()
            .any(|id| id.ends_with("/secrets/dify-dev-secret-key"))
    );
    scene.destroy(true).await;
    let left = scene.azure.resources();
    assert!(left.keys().any(|id| id.ends_with("/vaults/contoso-vault")));
    assert!(
        !left.keys().any(|id| id.contains("roleassignments")),
        "{left:#?}"
    );
}

#[tokio::test(start_paused = true)]
async fn verify_finds_a_disabled_secret_and_a_newer_version() {
    let scene = deployed().await;
    let secret = scene.id("secret-key");
    let version = Kind::VaultSecret.api_version();
    let disabled = json!({ "properties": { "attributes": { "enabled": false } } });
    let operation = scene
        .client
        .begin_patch(secret.as_str(), version, &disabled)
        .await
        .unwrap();
    operation.wait().await.unwrap();
    let failed = failed_checks(&scene).await;
    assert!(
        failed
            .iter()
            .any(|one| one.contains("is disabled in the vault")),
        "{failed:?}"
    );
    let rotated = json!({ "properties": { "value": "somebody-else's-value" } });
    scene.put(&secret, Kind::VaultSecret, &rotated).await;
    let failed = failed_checks(&scene).await;
    assert!(
        failed.iter().any(|one| one.contains("newer version")),
        "{failed:?}"
    );
}

async fn failed_checks(scene: &Scene) -> Vec<String> {
    let report = scene.verify().await;
    let failed = report.checks.into_iter();
    let failed = failed.filter(|one| one.status == dify_infra_azure::verify::Status::Failed);
    failed
        .map(|one| format!("{}: {}", one.subject, one.detail))
        .collect()
}
