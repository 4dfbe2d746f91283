//! `Microsoft.Storage`: the account and the blob containers that hold files and plugins.

use std::collections::BTreeMap;

use serde::Serialize;

use super::ResourceId;

/// A storage account.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StorageAccount {
    /// The account's id.
    #[serde(skip)]
    pub id: ResourceId,
    /// Azure region.
    pub location: String,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// `StorageV2`, fixed at creation.
    pub kind: String,
    /// Redundancy.
    pub sku: StorageSku,
    /// What is managed of its properties.
    pub properties: StorageAccountProperties,
}

/// The redundancy of a [`StorageAccount`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StorageSku {
    /// Azure's name, as `Standard_LRS`.
    pub name: String,
}

/// The managed properties of a [`StorageAccount`]. All of these are sent although some equal the
/// defaults: the defaults changed over api-versions and policies may force others.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StorageAccountProperties {
    /// Whether a blob container may be made readable by anyone.
    pub allow_blob_public_access: bool,
    /// Whether the account key opens the account: the plugin daemon and the API sign in with it.
    /// Left to the account's owner where they don't.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow_shared_key_access: Option<bool>,
    /// Lowest TLS version.
    pub minimum_tls_version: String,
    /// `Enabled` or `Disabled`.
    pub public_network_access: String,
    /// Whether plain http is refused.
    pub supports_https_traffic_only: bool,
}

/// The blob service of a [`StorageAccount`]; its name is always `default`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BlobService {
    /// The service's id.
    #[serde(skip)]
    pub id: ResourceId,
    /// What is managed of its properties.
    pub properties: BlobServiceProperties,
}

/// The managed properties of a [`BlobService`].
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BlobServiceProperties {
    /// How long deleted blobs can be brought back.
    pub delete_retention_policy: RetentionPolicy,
    /// How long deleted containers can be brought back.
    pub container_delete_retention_policy: RetentionPolicy,
}

/// How long something deleted can be brought back.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RetentionPolicy {
    /// Whether anything is kept.
    pub enabled: bool,
    /// Days, 1 to 365.
    pub days: u32,
}

/// A blob container.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BlobContainer {
    /// The container's id.
    #[serde(skip)]
    pub id: ResourceId,
    /// What is managed of its properties.
    pub properties: BlobContainerProperties,
}

/// The managed properties of a [`BlobContainer`].
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BlobContainerProperties {
    /// `None`: readable with a key alone.
    pub public_access: String,
}

resource!(StorageAccount, StorageAccount);
resource!(BlobService, BlobService);
resource!(BlobContainer, BlobContainer);
