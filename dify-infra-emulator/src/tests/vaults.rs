//! Key vaults, identities, roles, and what apps read with them.

use serde_json::{Value, json};

use super::support::{Client, app_body, app_path, group, with_environment};
use crate::{DEFAULT_TENANT, Emulator};

const GUID: &str = "11111111-2222-4333-8444-555555555555";
const SECRETS_USER: &str = "4633458b-17de-408a-b874-0445c86b69e6";

fn vault_path() -> String {
    group("/providers/Microsoft.KeyVault/vaults/vault-one")
}

fn secret_path() -> String {
    format!("{}/secrets/key", vault_path())
}

fn identity_path() -> String {
    group("/providers/Microsoft.ManagedIdentity/userAssignedIdentities/reader")
}

fn role_path(name: &str) -> String {
    format!(
        "{}/providers/Microsoft.Authorization/roleAssignments/{name}",
        vault_path()
    )
}

fn vault_body() -> Value {
    json!({ "location": "japaneast", "tags": { "of": "one" }, "properties": {
        "tenantId": DEFAULT_TENANT,
        "sku": { "family": "A", "name": "standard" },
        "softDeleteRetentionInDays": 7,
    }})
}

fn secret_body(value: &str) -> Value {
    json!({ "properties": { "value": value } })
}

/// An identity, and the body that gives it the role.
fn role_body(client: &Client) -> Value {
    let identity = client.create(&identity_path(), json!({ "location": "japaneast" }));
    json!({ "properties": {
        "roleDefinitionId": format!(
            "/subscriptions/s/providers/Microsoft.Authorization/roleDefinitions/{SECRETS_USER}"
        ),
        "principalId": identity["properties"]["principalId"],
        "principalType": "ServicePrincipal",
    }})
}

/// A vault with a secret, and an identity that may read it; the secret's versioned address.
fn with_vault(client: &Client) -> String {
    client.create(&vault_path(), vault_body());
    client.settle();
    let secret = client.create(&secret_path(), secret_body("canary-one"));
    let role = role_body(client);
    client.create(&role_path(GUID), role);
    address(&secret)
}

fn address(secret: &Value) -> String {
    let uri = &secret["properties"]["secretUriWithVersion"];
    uri.as_str().unwrap().to_owned()
}

/// An app that reads a secret from an address.
fn reader(address: &str) -> Value {
    let mut body = app_body();
    body["identity"] = json!({ "type": "UserAssigned", "userAssignedIdentities": {
        identity_path(): {},
    }});
    body["properties"]["configuration"]["secrets"] = json!([
        { "name": "key", "keyVaultUrl": address, "identity": identity_path() },
    ]);
    body
}

#[test]
fn every_value_is_a_version_and_none_is_answered() {
    let client = Client::with_group();
    let one = with_vault(&client);
    assert!(one.starts_with("https://vault-one.vault.azure.net/secrets/key/"));
    let reply = client.put(&secret_path(), secret_body("canary-two"));
    assert_eq!(reply.status, 200);
    assert_ne!(address(&reply.body), one);
    let patch = json!({ "tags": { "a": "b" } });
    let patched = client.patch(&secret_path(), patch).body;
    assert_eq!(address(&patched), address(&reply.body));
    let all = format!(
        "{:?}",
        client.get(&format!("{}/secrets", vault_path())).body
    );
    assert!(!all.contains("canary"), "{all}");
    assert_eq!(client.delete(&secret_path()).status, 405);
}

#[test]
fn an_app_reads_a_secret_once_its_role_works() {
    let client = with_environment();
    let address = with_vault(&client);
    let refused = client.put(&app_path("api"), reader(&address));
    assert_eq!(refused.code(), "InvalidParameterValueInContainerTemplate");
    let message = refused.body["error"]["message"].as_str().unwrap();
    assert!(message.contains("Unable to get value using Managed identity"));
    client.wait(600.0);
    client.create(&app_path("api"), reader(&address));
    let list = format!("{}/listSecrets", app_path("api"));
    assert!(
        !client
            .post(&list, json!({}))
            .body
            .to_string()
            .contains("canary")
    );
    // an older version stays readable
    client.put(&secret_path(), secret_body("canary-two"));
    client.create(&app_path("old"), reader(&address));
}

#[test]
fn what_can_not_be_read_is_refused() {
    let client = with_environment();
    let address = with_vault(&client);
    client.wait(600.0);
    let refused = |body: &Value| {
        let reply = client.put(&app_path("api"), body);
        assert_eq!(reply.status, 400, "{}", reply.body);
        reply.code().to_owned()
    };
    let unreadable = "InvalidParameterValueInContainerTemplate";
    assert_eq!(
        refused(&reader("https://example.com/secrets/key")),
        "ContainerAppSecretKeyVaultUrlInvalid"
    );
    let other = address.replace("/key/", "/other/");
    assert_eq!(refused(&reader(&other)), unreadable);
    let version = address.rsplit_once('/').unwrap().0.to_owned() + "/0000";
    assert_eq!(refused(&reader(&version)), unreadable);
    let mut stranger = reader(&address);
    stranger["identity"] = json!({ "type": "None" });
    assert_eq!(refused(&stranger), unreadable);
    let disabled = json!({ "properties": { "attributes": { "enabled": false } } });
    client.patch(&secret_path(), disabled);
    assert_eq!(refused(&reader(&address)), unreadable);
    let enabled = json!({ "properties": { "attributes": { "enabled": true } } });
    client.patch(&secret_path(), enabled);
    let mut closed = vault_body();
    closed["properties"]["publicNetworkAccess"] = json!("Disabled");
    client.create(&vault_path(), closed);
    assert_eq!(refused(&reader(&address)), unreadable);
}

#[test]
fn a_deleted_vault_holds_its_name_and_comes_back_whole() {
    let client = Client::with_group();
    let before = with_vault(&client);
    assert_eq!(client.delete(&vault_path()).status, 200);
    assert_eq!(client.get(&vault_path()).status, 404);
    let subscription = crate::DEFAULT_SUBSCRIPTION;
    let deleted = format!(
        "/subscriptions/{subscription}/providers/Microsoft.KeyVault/locations/japaneast/\
         deletedVaults/vault-one"
    );
    let body = client.get(&deleted).body;
    assert_eq!(body["properties"]["vaultId"], json!(vault_path()));
    assert_eq!(body["properties"]["tags"]["of"], "one");
    let all = format!("/subscriptions/{subscription}/providers/Microsoft.KeyVault/deletedVaults");
    assert_eq!(client.get(&all).body["value"].as_array().unwrap().len(), 1);
    let plain = client.put(&vault_path(), vault_body());
    assert_eq!(
        (plain.status.as_u16(), plain.code()),
        (409, "ConflictError")
    );
    let mut recover = vault_body();
    recover["properties"]["createMode"] = json!("recover");
    let vault = client.create(&vault_path(), recover);
    assert_eq!(vault["properties"].get("createMode"), None);
    assert_eq!(address(&client.get(&secret_path()).body), before);
    assert_eq!(client.get(&deleted).status, 404);
    // role assignments do not come back
    assert_eq!(client.get(&role_path(GUID)).status, 404);
}

#[test]
fn a_name_is_free_after_the_retention_or_a_purge() {
    let client = Client::with_group();
    let purge = format!(
        "/subscriptions/{}/providers/Microsoft.KeyVault/locations/japaneast/deletedVaults/\
         vault-one/purge",
        crate::DEFAULT_SUBSCRIPTION
    );
    client.create(&vault_path(), vault_body());
    client.delete(&vault_path());
    assert_eq!(client.post(&purge, json!({})).status, 200);
    let mut protected = vault_body();
    protected["properties"]["enablePurgeProtection"] = json!(true);
    client.create(&vault_path(), protected);
    let unprotected = client.put(&vault_path(), vault_body());
    assert_eq!(unprotected.status, 400, "{}", unprotected.body);
    client.delete(&vault_path());
    assert_eq!(client.post(&purge, json!({})).status, 403);
    client.wait(8.0 * 24.0 * 3600.0);
    assert_eq!(client.put(&vault_path(), vault_body()).status, 201);
}

#[test]
fn a_role_is_assigned_once_and_never_changed() {
    let client = Client::with_group();
    client.create(&vault_path(), vault_body());
    let body = role_body(&client);
    let mut untyped = body.clone();
    untyped["properties"]
        .as_object_mut()
        .unwrap()
        .remove("principalType");
    assert_eq!(
        client.put(&role_path(GUID), untyped).code(),
        "PrincipalNotFound"
    );
    assert_eq!(client.put(&role_path(GUID), &body).status, 201);
    assert_eq!(client.put(&role_path(GUID), &body).status, 200);
    let other = "99999999-2222-4333-8444-555555555555";
    let twice = client.put(&role_path(other), &body);
    assert_eq!(
        (twice.status.as_u16(), twice.code()),
        (409, "RoleAssignmentExists")
    );
    let mut changed = body.clone();
    changed["properties"]["roleDefinitionId"] = json!("/roleDefinitions/other");
    assert_eq!(
        client.put(&role_path(GUID), changed).code(),
        "RoleAssignmentUpdateNotPermitted"
    );
    assert_eq!(
        client.put(&role_path("x"), &body).code(),
        "InvalidRoleAssignmentId"
    );
    let list = format!(
        "{}/providers/Microsoft.Authorization/roleAssignments?$filter=atScope()",
        vault_path()
    );
    let found = client.get(&list).body;
    assert_eq!(
        found["value"][0]["properties"]["scope"],
        json!(vault_path())
    );
    assert_eq!(client.delete(&role_path(GUID)).status, 200);
    assert_eq!(client.delete(&role_path(GUID)).status, 204);
}

#[test]
fn an_identity_made_anew_is_another_account() {
    let client = Client::with_group();
    let principal = || {
        let identity = client.create(&identity_path(), json!({ "location": "japaneast" }));
        identity["properties"]["principalId"].clone()
    };
    let first = principal();
    assert_eq!(first, principal());
    client.delete(&identity_path());
    assert_ne!(first, principal());
}

#[test]
fn rights_are_enforced_when_they_are_to_be() {
    let rights: [(&[&str], &[&str]); 1] = [(&["*"], &["*/listSecrets/action", "*/delete"])];
    let client = Client::new(Emulator::new());
    client.make_group();
    client.create(&vault_path(), vault_body());
    client.emulator.set_permissions(&rights);
    assert_eq!(client.get(&vault_path()).status, 200);
    let refused = client.delete(&vault_path());
    assert_eq!(
        (refused.status.as_u16(), refused.code()),
        (403, "AuthorizationFailed")
    );
    let refused = client.post(&format!("{}/listSecrets", app_path("api")), json!({}));
    assert_eq!(refused.code(), "AuthorizationFailed");
}

#[test]
fn a_deleted_vault_survives_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let open = || {
        let options = Emulator::builder().state_directory(directory.path());
        Client::new(options.build().unwrap())
    };
    let client = open();
    client.make_group();
    let before = with_vault(&client);
    client.delete(&vault_path());
    drop(client);
    let client = open();
    let mut recover = vault_body();
    recover["properties"]["createMode"] = json!("recover");
    client.create(&vault_path(), recover);
    assert_eq!(address(&client.get(&secret_path()).body), before);
}
