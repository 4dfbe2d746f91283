//! Rules of vaults, identities and roles.

use serde_json::{Value, json};

use super::super::support::{Client, Reply, app_body, app_path, group, with_environment};
use super::{Broken, broken, make, path, with};
use crate::DEFAULT_TENANT;

const VAULT: &str = "Microsoft.KeyVault/vaults/vault-one";
const IDENTITY: &str = "Microsoft.ManagedIdentity/userAssignedIdentities/reader";
const ROLES: &str = "Microsoft.Authorization/roleAssignments";
const FIRST: &str = "11111111-2222-4333-8444-555555555555";
const SECOND: &str = "22222222-2222-4333-8444-555555555555";

fn vault_body() -> Value {
    json!({"location": "japaneast", "properties": {
        "tenantId": DEFAULT_TENANT, "sku": {"family": "A", "name": "standard"}}})
}

fn vault_with(client: &Client, pointer: &str, value: Value) -> Reply {
    client.put(&path(VAULT), with(vault_body(), pointer, value))
}

fn role_body(role: &str, principal: &Value) -> Value {
    json!({"properties": {
        "roleDefinitionId": format!("/subscriptions/s/providers/Microsoft.Authorization/roleDefinitions/{role}"),
        "principalId": principal,
        "principalType": "ServicePrincipal",
    }})
}

/// Makes an identity and gives it a role in the group; the identity's principal.
fn with_role(client: &Client) -> Value {
    let identity = make(client, IDENTITY, json!({"location": "japaneast"}));
    let principal = identity["properties"]["principalId"].clone();
    make(
        client,
        &format!("{ROLES}/{FIRST}"),
        role_body(FIRST, &principal),
    );
    principal
}

pub(super) const BROKEN: &[Broken] = &[
    broken("MSI-NAME", 400, "InvalidResourceName", |client| {
        let name = "Microsoft.ManagedIdentity/userAssignedIdentities/id";
        client.put(&path(name), json!({"location": "japaneast"}))
    }),
    broken("RBAC-NAME", 400, "InvalidRoleAssignmentId", |client| {
        client.put(
            &path(&format!("{ROLES}/name")),
            role_body(FIRST, &json!(FIRST)),
        )
    }),
    broken("RBAC-PRINCIPAL", 400, "PrincipalNotFound", |client| {
        client.put(
            &path(&format!("{ROLES}/{FIRST}")),
            role_body(FIRST, &json!(FIRST)),
        )
    }),
    broken("RBAC-EXISTS", 409, "RoleAssignmentExists", |client| {
        let principal = with_role(client);
        client.put(
            &path(&format!("{ROLES}/{SECOND}")),
            role_body(FIRST, &principal),
        )
    }),
    broken(
        "RBAC-FIXED",
        400,
        "RoleAssignmentUpdateNotPermitted",
        |client| {
            let principal = with_role(client);
            client.put(
                &path(&format!("{ROLES}/{FIRST}")),
                role_body(SECOND, &principal),
            )
        },
    ),
    broken("RBAC-RIGHT", 403, "AuthorizationFailed", |client| {
        client.emulator.set_permissions(&[(&["*/read"], &[])]);
        client.put(&path(VAULT), vault_body())
    }),
    broken("RBAC-LINKED", 403, "LinkedAuthorizationFailed", |client| {
        *client = with_environment();
        client
            .emulator
            .set_permissions(&[(&["Microsoft.App/containerApps/*"], &[])]);
        client.put(&app_path("api"), app_body())
    }),
    broken("KV-NAME", 400, "VaultNameNotValid", |client| {
        client.put(&path("Microsoft.KeyVault/vaults/1vault"), vault_body())
    }),
    broken("KV-SECRET-NAME", 400, "InvalidResourceName", |client| {
        make(client, VAULT, vault_body());
        client.put(
            &path(&format!("{VAULT}/secrets/a_b")),
            json!({"properties": {"value": "v"}}),
        )
    }),
    broken("KV-SECRET-VALUE", 400, "BadParameter", |client| {
        make(client, VAULT, vault_body());
        client.put(
            &path(&format!("{VAULT}/secrets/key")),
            json!({"properties": {"value": ""}}),
        )
    }),
    broken("KV-SOFT-DELETED", 409, "ConflictError", |client| {
        make(client, VAULT, vault_body());
        client.delete(&path(VAULT));
        client.put(&path(VAULT), vault_body())
    }),
    broken("KV-RETENTION", 400, "BadRequest", |client| {
        vault_with(client, "/properties/softDeleteRetentionInDays", json!(6))
    }),
    broken("KV-PURGE-PROTECTION", 400, "BadRequest", |client| {
        vault_with(client, "/properties/enablePurgeProtection", json!(false))
    }),
    broken("KV-PURGE-PROTECTION", 403, "Forbidden", |client| {
        make(
            client,
            VAULT,
            with(
                vault_body(),
                "/properties/enablePurgeProtection",
                json!(true),
            ),
        );
        client.delete(&path(VAULT));
        let subscription = group("").replace("/resourceGroups/g", "");
        let purge =
            "/providers/Microsoft.KeyVault/locations/japaneast/deletedVaults/vault-one/purge";
        client.post(&format!("{subscription}{purge}"), json!({}))
    }),
];
