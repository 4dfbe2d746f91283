//! `Microsoft.KeyVault`: the vault and its secrets, written through Resource Manager.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{ResourceId, Text};

/// A key vault.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Vault {
    /// The vault's id.
    #[serde(skip)]
    pub id: ResourceId,
    /// Azure region.
    pub location: String,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// What is managed of its properties.
    pub properties: VaultProperties,
}

/// The managed properties of a [`Vault`].
///
/// `enableRbacAuthorization` is always sent: its default changed with 2026-02-01
/// (<https://learn.microsoft.com/azure/key-vault/general/access-control-default>).
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VaultProperties {
    /// The tenant whose tokens the vault takes; that of the identity that reads it.
    pub tenant_id: Text,
    /// Size class.
    pub sku: VaultSku,
    /// Whether roles say who may read, instead of a list inside the vault.
    pub enable_rbac_authorization: bool,
    /// `Enabled` or `Disabled`. The apps read the vault over it, unless it has a private endpoint;
    /// writes through Resource Manager need neither.
    pub public_network_access: String,
    /// Days for which a deleted vault can be brought back, 7 to 90; fixed at creation.
    pub soft_delete_retention_in_days: u32,
    /// Whether nobody can remove a deleted vault before that time. It can be turned on and never
    /// off again, so it is sent only when it is on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enable_purge_protection: Option<bool>,
}

/// The size class of a [`Vault`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct VaultSku {
    /// `A`, the only one.
    pub family: String,
    /// `standard`: keys are not kept in hardware of their own, and there are none here.
    pub name: String,
}

/// A secret of a [`Vault`]. Every write with a value makes a new version; the value is never
/// answered.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct VaultSecret {
    /// The secret's id.
    #[serde(skip)]
    pub id: ResourceId,
    /// Tags; the fingerprint of the value is among them.
    pub tags: BTreeMap<String, String>,
    /// What is managed of its properties.
    pub properties: VaultSecretProperties,
}

/// The managed properties of a [`VaultSecret`].
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VaultSecretProperties {
    /// The value.
    pub value: Text,
    /// What the value is, for people: `text/plain`.
    pub content_type: String,
    /// Whether the secret can be read.
    pub attributes: VaultSecretAttributes,
}

/// The managed attributes of a [`VaultSecret`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct VaultSecretAttributes {
    /// Whether the secret can be read.
    pub enabled: bool,
}

/// Where a GET answer of a [`VaultSecret`] has the address of its newest version.
pub const VERSIONED_URI: &str = "/properties/secretUriWithVersion";

resource!(Vault, Vault);
resource!(VaultSecret, VaultSecret);
