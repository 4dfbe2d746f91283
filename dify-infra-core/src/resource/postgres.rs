//! `Microsoft.DBforPostgreSQL`: a flexible server with its databases and settings.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{ResourceId, Text};

/// A PostgreSQL flexible server.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Server {
    /// The server's id.
    #[serde(skip)]
    pub id: ResourceId,
    /// Azure region.
    pub location: String,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// Compute size.
    pub sku: ServerSku,
    /// What is managed of its properties.
    pub properties: ServerProperties,
}

/// The compute size of a [`Server`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ServerSku {
    /// Azure's name, as `Standard_B1ms`.
    pub name: String,
    /// `Burstable`, `GeneralPurpose` or `MemoryOptimized`.
    pub tier: String,
}

/// The managed properties of a [`Server`].
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ServerProperties {
    /// Major version.
    pub version: String,
    /// Login of the administrator, fixed at creation.
    pub administrator_login: String,
    /// Password of the administrator. Azure never answers it, and every PUT that carries it sets
    /// it: it is sent at creation alone.
    pub administrator_login_password: Text,
    /// Disk.
    pub storage: ServerStorage,
    /// Backups.
    pub backup: ServerBackup,
    /// Reachability.
    pub network: ServerNetwork,
    /// Standby.
    pub high_availability: ServerHighAvailability,
}

/// The disk of a [`Server`].
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ServerStorage {
    /// Size in GiB; it can grow, never shrink.
    #[serde(rename = "storageSizeGB")]
    pub storage_size_gib: u32,
    /// `Enabled` lets Azure grow the disk before it is full.
    pub auto_grow: String,
}

/// The backups of a [`Server`].
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ServerBackup {
    /// Days for which backups are kept, 7 to 35.
    pub backup_retention_days: u32,
    /// `Enabled` or `Disabled`.
    pub geo_redundant_backup: String,
}

/// From where a [`Server`] can be reached.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ServerNetwork {
    /// `Enabled` (with firewall rules) or `Disabled` (private endpoints alone).
    pub public_network_access: String,
}

/// The standby of a [`Server`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ServerHighAvailability {
    /// `Disabled`, `SameZone` or `ZoneRedundant`.
    pub mode: String,
}

/// A database of a [`Server`].
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
pub struct DatabaseProperties {
    /// Character set, fixed at creation.
    pub charset: String,
    /// Sort order, fixed at creation.
    pub collation: String,
}

/// A server parameter of a [`Server`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Configuration {
    /// The parameter's id; its name is the parameter's.
    #[serde(skip)]
    pub id: ResourceId,
    /// What is managed of its properties.
    pub properties: ConfigurationProperties,
}

/// The managed properties of a [`Configuration`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ConfigurationProperties {
    /// The value; lists are joined by commas without spaces.
    pub value: String,
    /// `user-override`: a value that a person chose.
    pub source: String,
}

/// A range of client addresses that may reach a [`Server`] over its public endpoint.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FirewallRule {
    /// The rule's id.
    #[serde(skip)]
    pub id: ResourceId,
    /// What is managed of its properties.
    pub properties: FirewallRuleProperties,
}

/// The managed properties of a [`FirewallRule`].
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FirewallRuleProperties {
    /// First address; `0.0.0.0` as first and last means "any resource deployed within Azure"
    /// (Azure CLI, `postgres flexible-server firewall-rule`).
    pub start_ip_address: String,
    /// Last address.
    pub end_ip_address: String,
}

resource!(Server, PostgresServer);
resource!(Database, PostgresDatabase);
resource!(Configuration, PostgresConfiguration);
resource!(FirewallRule, PostgresFirewallRule);
