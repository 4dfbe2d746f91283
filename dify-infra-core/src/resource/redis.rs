//! `Microsoft.Cache`: Azure Managed Redis, which Azure calls `redisEnterprise`.

use std::collections::BTreeMap;

use serde::Serialize;

use super::ResourceId;

/// An Azure Managed Redis instance.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RedisEnterprise {
    /// The instance's id.
    #[serde(skip)]
    pub id: ResourceId,
    /// Azure region.
    pub location: String,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// Size; a Managed Redis size takes no capacity beside its name.
    pub sku: RedisSku,
    /// What is managed of its properties.
    pub properties: RedisEnterpriseProperties,
}

/// The size of a [`RedisEnterprise`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RedisSku {
    /// Azure's name, as `Balanced_B0`.
    pub name: String,
}

/// The managed properties of a [`RedisEnterprise`].
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RedisEnterpriseProperties {
    /// `Enabled` or `Disabled`; required since api-version 2025-07-01
    /// (hashicorp/terraform#37842).
    pub public_network_access: String,
    /// `Enabled` or `Disabled`; it can be turned on later, never off.
    pub high_availability: String,
    /// Lowest TLS version.
    pub minimum_tls_version: String,
}

/// The one database of a [`RedisEnterprise`]; its name is always `default`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Database {
    /// The database's id.
    #[serde(skip)]
    pub id: ResourceId,
    /// What is managed of its properties.
    pub properties: DatabaseProperties,
}

/// The managed properties of a [`Database`].
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DatabaseProperties {
    /// `Encrypted`: TLS alone; fixed at creation.
    pub client_protocol: String,
    /// Port, 10000.
    pub port: u16,
    /// `NoCluster`: Celery's multi-key commands fail under every sharded policy (`CROSSSLOT`,
    /// langgenius/dify#4472).
    pub clustering_policy: String,
    /// `NoEviction`: a broker must never drop a message.
    pub eviction_policy: String,
    /// `Enabled`: Dify's API signs in with an access key; the default is `Disabled` since
    /// api-version 2025-07-01.
    pub access_keys_authentication: String,
}

resource!(RedisEnterprise, RedisEnterprise);
resource!(Database, RedisEnterpriseDatabase);
