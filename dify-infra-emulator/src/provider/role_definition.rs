//! `Microsoft.Authorization/roleDefinitions`: built-in roles, by name or id, at every scope.

use serde_json::{Value, json};

use crate::arm::answer::Answer;
use crate::arm::call::Call;
use crate::arm::error::ArmError;
use crate::engine::{Cloud, read};

/// A built-in role: id, name, actions, actions that are not included, and actions on data.
struct Role(
    &'static str,
    &'static str,
    &'static [&'static str],
    &'static [&'static str],
    &'static [&'static str],
);

/// The roles that a deployment of containers and data services is given
/// (learn.microsoft.com role-based-access-control/built-in-roles; actions shortened to what the types
/// here know).
const ROLES: &[Role] = &[
    Role(
        "8e3af657-a8ff-443c-a75c-2fe8c4bcb635",
        "Owner",
        &["*"],
        &[],
        &[],
    ),
    Role(
        "b24988ac-6180-42a0-ab88-20f7382dd24c",
        "Contributor",
        &["*"],
        &[
            "Microsoft.Authorization/*/Delete",
            "Microsoft.Authorization/*/Write",
        ],
        &[],
    ),
    Role(
        "acdd72a7-3385-48ef-bd42-f606fba81ae7",
        "Reader",
        &["*/read"],
        &[],
        &[],
    ),
    Role(
        "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9",
        "User Access Administrator",
        &["*/read", "Microsoft.Authorization/*"],
        &[],
        &[],
    ),
    Role(
        "f58310d9-a9f6-439a-9e8d-f62e7b41a168",
        "Role Based Access Control Administrator",
        &[
            "Microsoft.Authorization/roleAssignments/write",
            "Microsoft.Authorization/roleAssignments/delete",
            "*/read",
        ],
        &[],
        &[],
    ),
    Role(
        "4d97b98b-1d4f-4787-a291-c67834d212e7",
        "Network Contributor",
        &["Microsoft.Network/*", "Microsoft.Authorization/*/read"],
        &[],
        &[],
    ),
    Role(
        "f1a07417-d97a-45cb-824c-7a7467783830",
        "Managed Identity Operator",
        &["Microsoft.ManagedIdentity/userAssignedIdentities/*/read"],
        &[],
        &[],
    ),
    Role(
        "00482a5a-887f-4fb3-b363-3b7fe8e74483",
        "Key Vault Administrator",
        &["Microsoft.KeyVault/vaults/read"],
        &[],
        &["Microsoft.KeyVault/vaults/*"],
    ),
    Role(
        "b86a8fe4-44ce-4948-aee5-eccb2c155cd7",
        "Key Vault Secrets Officer",
        &["Microsoft.KeyVault/vaults/read"],
        &[],
        &["Microsoft.KeyVault/vaults/secrets/*"],
    ),
    Role(
        "4633458b-17de-408a-b874-0445c86b69e6",
        "Key Vault Secrets User",
        &[],
        &[],
        &[
            "Microsoft.KeyVault/vaults/secrets/getSecret/action",
            "Microsoft.KeyVault/vaults/secrets/readMetadata/action",
        ],
    ),
    Role(
        "7f951dda-4ed3-4680-a7ca-43fe172d538d",
        "AcrPull",
        &["Microsoft.ContainerRegistry/registries/pull/read"],
        &[],
        &[],
    ),
    Role(
        "8311e382-0749-4cb8-b61a-304f252e45ec",
        "AcrPush",
        &[
            "Microsoft.ContainerRegistry/registries/pull/read",
            "Microsoft.ContainerRegistry/registries/push/write",
        ],
        &[],
        &[],
    ),
    Role(
        "ba92f5b4-2d11-453d-a403-e96b0029c9fe",
        "Storage Blob Data Contributor",
        &["Microsoft.Storage/storageAccounts/blobServices/containers/*"],
        &[],
        &["Microsoft.Storage/storageAccounts/blobServices/containers/blobs/*"],
    ),
    Role(
        "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1",
        "Storage Blob Data Reader",
        &["Microsoft.Storage/storageAccounts/blobServices/containers/read"],
        &[],
        &["Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read"],
    ),
];

/// Answers one role, or those that the filter `roleName eq '…'` asks for; all without a filter.
pub(crate) fn answer(
    cloud: &Cloud,
    call: &Call,
    scope: &str,
    name: Option<&str>,
) -> Result<Answer, ArmError> {
    if let Some(name) = name {
        let role = ROLES.iter().find(|role| role.0.eq_ignore_ascii_case(name));
        return role
            .map(|role| Answer::ok(shown(cloud, call, role)))
            .ok_or_else(|| not_found(name, scope));
    }
    let filter = call.query("$filter").unwrap_or_default();
    let wanted = filter
        .split_once("roleName eq '")
        .and_then(|(_, rest)| rest.split_once('\''))
        .map(|(name, _)| name);
    let items = ROLES
        .iter()
        .filter(|role| wanted.is_none_or(|name| role.1.eq_ignore_ascii_case(name)))
        .map(|role| shown(cloud, call, role))
        .collect();
    read::page(cloud, call, items)
}

fn not_found(name: &str, scope: &str) -> ArmError {
    ArmError::not_found(
        "RoleDefinitionDoesNotExist",
        format!("The specified role definition with ID '{name}' does not exist at '{scope}'."),
    )
}

fn shown(cloud: &Cloud, call: &Call, role: &Role) -> Value {
    let Role(id, name, actions, not_actions, data_actions) = role;
    json!({
        "id": format!(
            "/subscriptions/{}/providers/Microsoft.Authorization/roleDefinitions/{id}",
            cloud.settings.subscription_of(call).id
        ),
        "type": "Microsoft.Authorization/roleDefinitions",
        "name": id,
        "properties": {
            "roleName": name,
            "type": "BuiltInRole",
            "description": "",
            "assignableScopes": ["/"],
            "permissions": [{
                "actions": actions,
                "notActions": not_actions,
                "dataActions": data_actions,
                "notDataActions": [],
            }],
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::authorization::SECRET_READERS;

    #[test]
    fn roles_that_read_secrets_are_among_them() {
        for reader in SECRET_READERS {
            assert!(ROLES.iter().any(|role| role.0 == *reader), "{reader}");
        }
    }
}
