//! `Microsoft.Authorization`: who may do what, as assignments of roles.

use serde::Serialize;

use super::{Kind, ResourceId, Text};

/// A built-in role of Azure that the deployment's identities get
/// (<https://learn.microsoft.com/azure/role-based-access-control/built-in-roles>).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Role {
    /// Reads the values of secrets in a vault.
    KeyVaultSecretsUser,
    /// Pulls images from a registry.
    AcrPull,
    /// Reads, writes and deletes blobs.
    StorageBlobDataContributor,
}

impl Role {
    /// The role's GUID, the same in every tenant.
    pub fn guid(self) -> &'static str {
        match self {
            Self::KeyVaultSecretsUser => "4633458b-17de-408a-b874-0445c86b69e6",
            Self::AcrPull => "7f951dda-4ed3-4680-a7ca-43fe172d538d",
            Self::StorageBlobDataContributor => "ba92f5b4-2d11-453d-a403-e96b0029c9fe",
        }
    }

    /// The role's name, as `az role assignment create --role` takes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::KeyVaultSecretsUser => "Key Vault Secrets User",
            Self::AcrPull => "AcrPull",
            Self::StorageBlobDataContributor => "Storage Blob Data Contributor",
        }
    }

    /// The role that a definition's id names, in any subscription.
    pub fn from_definition(id: &str) -> Option<Self> {
        let guid = id.rsplit('/').next().unwrap_or_default();
        let all = [
            Self::KeyVaultSecretsUser,
            Self::AcrPull,
            Self::StorageBlobDataContributor,
        ];
        all.into_iter()
            .find(|role| role.guid().eq_ignore_ascii_case(guid))
    }

    /// The id of the role's definition, as a subscription spells it.
    pub fn definition(self, subscription: &str) -> String {
        format!(
            "/subscriptions/{subscription}/providers/Microsoft.Authorization/roleDefinitions/{}",
            self.guid()
        )
    }
}

/// The assignment of a role to an identity, on one resource.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RoleAssignment {
    /// The assignment's id: below the resource it is about, with a GUID as its name.
    #[serde(skip)]
    pub id: ResourceId,
    /// What is managed of its properties: everything.
    pub properties: RoleAssignmentProperties,
}

/// What a [`RoleAssignment`] says; nothing of it can be changed later.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RoleAssignmentProperties {
    /// The role's definition.
    pub role_definition_id: String,
    /// The account that gets the role.
    pub principal_id: Text,
    /// `ServicePrincipal`. Without it a new identity is not found for a while
    /// (<https://learn.microsoft.com/azure/role-based-access-control/troubleshooting>).
    pub principal_type: String,
}

impl RoleAssignment {
    /// Gives `identity` a role on `scope`.
    ///
    /// The assignment's name follows from the three, so that writing it again is the same
    /// assignment: a GUID of version 8 ([RFC 9562]) from a SHA-256.
    ///
    /// [RFC 9562]: https://www.rfc-editor.org/rfc/rfc9562#name-uuid-version-8
    ///
    /// ```
    /// use dify_infra_core::resource::ResourceId;
    /// use dify_infra_core::resource::authorization::{Role, RoleAssignment};
    ///
    /// let group = ResourceId::resource_group("s", "g");
    /// let vault = group.provider("Microsoft.KeyVault/vaults", "v");
    /// let identity = group.provider("Microsoft.ManagedIdentity/userAssignedIdentities", "i");
    /// let assignment = RoleAssignment::new(&vault, &identity, Role::KeyVaultSecretsUser);
    /// assert_eq!(assignment.id.parent(), Some(vault.clone()));
    /// assert_eq!(assignment.id.resource_type(), "Microsoft.Authorization/roleAssignments");
    /// let again = RoleAssignment::new(&vault, &identity, Role::KeyVaultSecretsUser);
    /// assert_eq!(assignment, again);
    /// ```
    pub fn new(scope: &ResourceId, identity: &ResourceId, role: Role) -> Self {
        let name = guid_of(&[scope.as_str(), identity.as_str(), role.guid()]);
        Self {
            id: scope.provider(Kind::RoleAssignment.resource_type(), &name),
            properties: RoleAssignmentProperties {
                role_definition_id: role.definition(scope.subscription()),
                principal_id: Text::property(identity, "/properties/principalId"),
                principal_type: "ServicePrincipal".to_owned(),
            },
        }
    }
}

/// A GUID that follows from some words, whose letter case does not count.
fn guid_of(words: &[&str]) -> String {
    let text = words.join("\n").to_ascii_lowercase();
    let mut bytes: Vec<u8> = hmac_sha256::Hash::hash(text.as_bytes())[..16].to_vec();
    bytes[6] = (bytes[6] & 0x0f) | 0x80;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let digits = data_encoding::HEXLOWER.encode(&bytes);
    let parts = [
        &digits[..8],
        &digits[8..12],
        &digits[12..16],
        &digits[16..20],
        &digits[20..],
    ];
    parts.join("-")
}

resource!(RoleAssignment, RoleAssignment);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guid_has_its_version_and_variant() {
        let guid = guid_of(&["a", "b"]);
        assert_eq!(guid.len(), 36);
        assert_eq!(guid.as_bytes()[14], b'8');
        assert!(b"89ab".contains(&guid.as_bytes()[19]), "{guid}");
        assert_eq!(guid, guid_of(&["A", "B"]));
        assert_ne!(guid, guid_of(&["ab", ""]));
    }

    #[test]
    fn a_role_is_known_by_its_definition_in_any_subscription() {
        let id = Role::AcrPull.definition("other").to_uppercase();
        assert_eq!(Role::from_definition(&id), Some(Role::AcrPull));
        assert_eq!(Role::from_definition("x"), None);
    }
}
