//! The data layer: PostgreSQL, Redis, Blob storage.

use super::super::Management;
use super::Context;
use crate::deployment::{Origin, StorageAccess};
use crate::resource::postgres::{
    Configuration, ConfigurationProperties, Database, DatabaseProperties, FirewallRule,
    FirewallRuleProperties, Server, ServerBackup, ServerHighAvailability, ServerNetwork,
    ServerProperties, ServerSku, ServerStorage,
};
use crate::resource::redis::{self, RedisEnterprise, RedisEnterpriseProperties, RedisSku};
use crate::resource::storage::{
    BlobContainer, BlobContainerProperties, BlobService, BlobServiceProperties, RetentionPolicy,
    StorageAccount, StorageAccountProperties, StorageSku,
};
use crate::resource::{AnyResource, ResourceId, Text};
use crate::secrets::{SecretKind, SecretName};

type Managed = (AnyResource, Management);

pub(super) fn resources(context: &Context<'_>) -> Vec<Managed> {
    let mut all = postgres(context);
    all.extend(redis(context));
    all.extend(storage(context));
    all
}

pub(super) fn management<Name>(origin: &Origin<Name>) -> Management {
    match origin {
        Origin::Managed => Management::Managed,
        Origin::Existing(_) => Management::Existing,
    }
}

fn managed(resource: impl Into<AnyResource>) -> Managed {
    (resource.into(), Management::Managed)
}

/// Whether the public endpoints of the data services answer: `Enabled` or `Disabled`.
pub(super) fn public_access(context: &Context<'_>) -> String {
    match context.deployment.private_endpoints() {
        Some(_) => "Disabled".to_owned(),
        None => "Enabled".to_owned(),
    }
}

fn postgres(context: &Context<'_>) -> Vec<Managed> {
    let postgres = context.deployment.postgres();
    let extensions: Vec<&str> = postgres.extensions.iter().map(String::as_str).collect();
    let database = |id: ResourceId| Database {
        id,
        properties: DatabaseProperties {
            charset: "UTF8".to_owned(),
            collation: "en_US.utf8".to_owned(),
        },
    };
    let allow_list = Configuration {
        id: context.extensions(),
        properties: ConfigurationProperties {
            value: extensions.join(","),
            source: "user-override".to_owned(),
        },
    };
    // Start and end 0.0.0.0: any resource deployed within Azure, which the apps of an environment
    // without a network of its own are.
    let azure_services = FirewallRule {
        id: context.firewall_rule(),
        properties: FirewallRuleProperties {
            start_ip_address: "0.0.0.0".to_owned(),
            end_ip_address: "0.0.0.0".to_owned(),
        },
    };
    let mut all = vec![
        (server(context).into(), management(&postgres.origin)),
        managed(allow_list),
        managed(database(context.database())),
        managed(database(context.plugin_database())),
    ];
    // Who may reach a server that someone else made is theirs to say.
    let is_private = context.deployment.private_endpoints().is_some();
    if postgres.origin == Origin::Managed && !is_private {
        all.push(managed(azure_services));
    }
    all
}

fn server(context: &Context<'_>) -> Server {
    let postgres = context.deployment.postgres();
    let words = |word: &str| word.to_owned();
    Server {
        id: context.postgres(),
        location: context.location(),
        tags: context.tags.clone(),
        sku: ServerSku {
            name: postgres.sku.clone(),
            tier: postgres.tier.clone(),
        },
        properties: ServerProperties {
            version: postgres.version.clone(),
            administrator_login: postgres.administrator.clone(),
            administrator_login_password: Text::secret(&SecretName::from(
                SecretKind::PostgresPassword,
            )),
            storage: ServerStorage {
                storage_size_gib: postgres.storage_gib,
                auto_grow: words("Enabled"),
            },
            backup: ServerBackup {
                backup_retention_days: postgres.backup_days,
                geo_redundant_backup: words(if postgres.geo_redundant_backup {
                    "Enabled"
                } else {
                    "Disabled"
                }),
            },
            network: ServerNetwork {
                public_network_access: public_access(context),
            },
            high_availability: ServerHighAvailability {
                mode: words(postgres.high_availability.mode()),
            },
        },
    }
}

fn redis(context: &Context<'_>) -> Vec<Managed> {
    let redis = context.deployment.redis();
    let words = |word: &str| word.to_owned();
    let availability = if redis.high_availability {
        "Enabled"
    } else {
        "Disabled"
    };
    let instance = RedisEnterprise {
        id: context.redis(),
        location: context.location(),
        tags: context.tags.clone(),
        sku: RedisSku {
            name: redis.sku.clone(),
        },
        properties: RedisEnterpriseProperties {
            public_network_access: public_access(context),
            high_availability: words(availability),
            minimum_tls_version: words("1.2"),
        },
    };
    let database = redis::Database {
        id: context.redis_database(),
        properties: redis::DatabaseProperties {
            client_protocol: words("Encrypted"),
            port: 10000,
            clustering_policy: words("NoCluster"),
            eviction_policy: words("NoEviction"),
            access_keys_authentication: words("Enabled"),
        },
    };
    // The database of an existing instance is its owner's: policy and port can't be changed later.
    let management = management(&redis.origin);
    vec![(instance.into(), management), (database.into(), management)]
}

fn storage(context: &Context<'_>) -> Vec<Managed> {
    let storage = context.deployment.storage();
    let account = StorageAccount {
        id: context.storage(),
        location: context.location(),
        tags: context.tags.clone(),
        kind: "StorageV2".to_owned(),
        sku: StorageSku {
            name: storage.sku.clone(),
        },
        properties: StorageAccountProperties {
            allow_blob_public_access: false,
            allow_shared_key_access: (storage.access == StorageAccess::Key).then_some(true),
            minimum_tls_version: "TLS1_2".to_owned(),
            public_network_access: public_access(context),
            supports_https_traffic_only: true,
        },
    };
    let retention = || RetentionPolicy {
        enabled: true,
        days: storage.retention_days,
    };
    let service = BlobService {
        id: context.blob_service(),
        properties: BlobServiceProperties {
            delete_retention_policy: retention(),
            container_delete_retention_policy: retention(),
        },
    };
    let container = |name: &str| BlobContainer {
        id: context.container(name),
        properties: BlobContainerProperties {
            public_access: "None".to_owned(),
        },
    };
    let management = management(&storage.origin);
    vec![
        (account.into(), management),
        (service.into(), management),
        managed(container(storage.app_container.as_str())),
        managed(container(storage.plugin_container.as_str())),
    ]
}
