//! The tables about the data layer: PostgreSQL, Redis, Blob storage, logs.

use super::define::section;

section! {
    /// PostgreSQL, Redis and Blob storage.
    pub struct DataSpec {
        /// The PostgreSQL server.
        postgres: PostgresSpec,
        /// The Redis instance.
        redis: RedisSpec,
        /// The storage account.
        storage: StorageSpec,
    }
}

section! {
    /// The PostgreSQL server.
    pub struct PostgresSpec {
        /// Compute size, such as `Standard_B1ms`. It decides how many connections there are.
        sku: Option<String>,
        /// Major version: 14 to 18.
        #[cfg_attr(feature = "schema", schemars(range(min = 14, max = 18)))]
        version: Option<u32>,
        /// Disk, in GiB. It can grow later, never shrink.
        #[cfg_attr(feature = "schema", schemars(range(min = 32, max = 32767)))]
        storage: Option<u32>,
        /// Days for which backups are kept.
        #[cfg_attr(feature = "schema", schemars(range(min = 7, max = 35)))]
        backup_days: Option<u32>,
        /// Whether backups are kept in the paired region too. Fixed when the server is made.
        geo_redundant_backup: Option<bool>,
        /// Standby server: "off", "same-zone" or "zone-redundant"; not on burstable sizes.
        #[cfg_attr(
            feature = "schema",
            schemars(extend("enum" = ["off", "same-zone", "zone-redundant"]))
        )]
        high_availability: Option<String>,
        /// Name of a server in the same resource group that exists. Its administrator's password
        /// must be in the secrets file.
        #[cfg_attr(feature = "schema", schemars(with = "Option<crate::names::PostgresServerName>"))]
        existing: Option<String>,
        /// Login of the administrator.
        administrator: Option<String>,
        /// Dify's database: `dify`. Deployments that share a server need names of their own.
        #[cfg_attr(feature = "schema", schemars(with = "Option<crate::names::PostgresDatabaseName>"))]
        database: Option<String>,
        /// The plugin daemon's database: `dify_plugin`.
        #[cfg_attr(feature = "schema", schemars(with = "Option<crate::names::PostgresDatabaseName>"))]
        plugin_database: Option<String>,
    }
}

section! {
    /// The Azure Managed Redis instance.
    pub struct RedisSpec {
        /// Size, such as `Balanced_B0`: one that can do without sharding.
        #[cfg_attr(
            feature = "schema",
            schemars(extend("enum" = crate::deployment::sku::REDIS_UNSHARDED))
        )]
        sku: Option<String>,
        /// Whether there is a replica. It can be turned on later, never off.
        high_availability: Option<bool>,
        /// Name of an Azure Managed Redis in the same resource group that exists.
        #[cfg_attr(feature = "schema", schemars(with = "Option<crate::names::RedisEnterpriseName>"))]
        existing: Option<String>,
    }
}

section! {
    /// The storage account.
    pub struct StorageSpec {
        /// Redundancy, such as `Standard_LRS`.
        #[cfg_attr(feature = "schema", schemars(extend("enum" = crate::deployment::sku::STORAGE)))]
        sku: Option<String>,
        /// Days for which deleted files can be brought back.
        #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 365)))]
        retention_days: Option<u32>,
        /// Name of a storage account in the same resource group that exists.
        #[cfg_attr(feature = "schema", schemars(with = "Option<crate::names::StorageAccountName>"))]
        existing: Option<String>,
        /// Container of files: `dify-app-storage`. Deployments that share an account need names of
        /// their own.
        #[cfg_attr(feature = "schema", schemars(with = "Option<crate::names::BlobContainerName>"))]
        app_container: Option<String>,
        /// Container of plugins: `dify-plugins`.
        #[cfg_attr(feature = "schema", schemars(with = "Option<crate::names::BlobContainerName>"))]
        plugin_container: Option<String>,
        /// How containers sign in: "key" with the account's key, "identity" with a user-assigned
        /// identity that has the role "Storage Blob Data Contributor" on both containers.
        #[cfg_attr(feature = "schema", schemars(extend("enum" = ["key", "identity"])))]
        access: Option<String>,
        /// Id of a user-assigned identity that already has that role, for `access = "identity"`.
        /// Without it one is made and given the role.
        identity: Option<String>,
    }
}

section! {
    /// Logs of all containers.
    pub struct LogsSpec {
        /// Days for which they are kept.
        #[cfg_attr(feature = "schema", schemars(range(min = 30, max = 730)))]
        retention_days: Option<u32>,
    }
}
