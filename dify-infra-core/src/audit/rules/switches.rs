//! Single settings that keep Azure's data services from answering.

use super::super::inventory::{Container, Fact, Inventory, RedisInstance, RedisOffer, Workload};
use super::super::place::Place;
use super::super::report::Findings;
use super::blb::account_of;
use super::dbx::{is_azure, server_of};
use super::logins::users;
use super::red::{instance_of, offer_of};
use super::{DAEMON, filled, is_true, label, lacks, on_azure};
use crate::check::rule::{Family, Rule, Sample};
use crate::diagnostic::Severity;

const REDIS: Rule = Rule::of(Family::Red, Severity::Error);

pub(super) const PLAIN_DATABASE: Rule = Rule {
    id: "DBX116",
    title: "The application does not turn TLS off for Azure's PostgreSQL",
    why: "Azure's servers refuse plain connections (`require_secure_transport`): with `sslmode=disable` API, worker and \
          migration end with \"no pg_hba.conf entry ... no encryption\".",
    source: "learn.microsoft.com postgresql/flexible-server/security-tls; langgenius/dify-plugin-daemon#28; \
             langgenius/dify 1.16.0 api/configs/middleware (DB_EXTRAS)",
    fix: "Write `DB_EXTRAS=sslmode=require`.",
    bad: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-worker", "properties": {"template": {"containers": [{"name": "worker", "env": [{"name": "DB_EXTRAS", "value": "sslmode=disable"}]}]}}}]"#,
    ),
    good: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-worker", "properties": {"template": {"containers": [{"name": "worker", "env": [{"name": "DB_EXTRAS", "value": "sslmode=require"}]}]}}}]"#,
    ),
    audit: Some(plain_database),
    ..Rule::of(Family::Dbx, Severity::Error)
};

pub(super) const UNREACHABLE: Rule = Rule {
    id: "DBX117",
    title: "Data services let the apps in",
    why: "A server whose public access is off answers a private endpoint or its own subnet alone, and PostgreSQL with \
          public access lets in what a firewall rule names: with neither every connection times out.",
    source: "learn.microsoft.com postgresql/flexible-server/concepts-networking-public, redis/private-link, \
             storage/common/storage-network-security",
    fix: "Add a private endpoint in the apps' network, or open the public endpoint for them with a firewall rule.",
    bad: Sample::resources(
        r#"[{"type": "Microsoft.DBforPostgreSQL/flexibleServers", "properties": {"network": {"publicNetworkAccess": "Disabled"}}}]"#,
    ),
    good: Sample::resources(
        r#"[{"type": "Microsoft.DBforPostgreSQL/flexibleServers", "properties": {"network": {"publicNetworkAccess": "Enabled"}}}]"#,
    ),
    audit: Some(unreachable),
    ..Rule::of(Family::Dbx, Severity::Warning)
};

pub(super) const CERTIFICATES: Rule = Rule {
    id: "RED111",
    title: "The plugin daemon has the certificates that it is told to ask for",
    why: "With `REDIS_SSL_CERT_REQS=CERT_REQUIRED` the daemon insists on a file of certificates, and stops without \
          one; left empty it checks against those of the system, which know Azure's.",
    source: "langgenius/dify-plugin-daemon 0.6.3 internal/types/app/config.go, internal/utils/cache",
    fix: "Remove `REDIS_SSL_CERT_REQS` from the daemon, or name the file in `REDIS_SSL_CA_CERTS`.",
    bad: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-plugin-daemon", "properties": {"template": {"containers": [{"name": "plugin-daemon", "env": [{"name": "REDIS_SSL_CERT_REQS", "value": "CERT_REQUIRED"}]}]}}}]"#,
    ),
    good: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-plugin-daemon", "properties": {"template": {"containers": [{"name": "plugin-daemon", "env": [{"name": "REDIS_SSL_CERT_REQS", "value": "CERT_REQUIRED"}, {"name": "REDIS_SSL_CA_CERTS", "value": "/etc/ssl/certs/ca-certificates.crt"}]}]}}}]"#,
    ),
    audit: Some(certificates),
    ..REDIS
};

pub(super) const ACCESS_KEYS: Rule = Rule {
    id: "RED112",
    title: "Managed Redis takes the keys that are used",
    why: "From API 2025-07-01 `accessKeysAuthentication` is Disabled unless it is turned on, and Dify has nothing but \
          the key to sign in with: every connection is answered with WRONGPASS.",
    source: "hashicorp/terraform#37842; learn.microsoft.com redis/entra-for-authentication",
    fix: "Set `accessKeysAuthentication: Enabled` on the database `default`.",
    bad: Sample::resources(
        r#"[{"type": "Microsoft.Cache/redisEnterprise/databases", "properties": {"accessKeysAuthentication": null}}]"#,
    ),
    good: Sample::resources(
        r#"[{"type": "Microsoft.Cache/redisEnterprise/databases", "properties": {"accessKeysAuthentication": "Enabled"}}]"#,
    ),
    audit: Some(access_keys),
    ..REDIS
};

pub(super) const PROTOCOL: Rule = Rule {
    id: "RED113",
    title: "Managed Redis and its clients speak the same",
    why: "A database with `clientProtocol: Plaintext` speaks no TLS at all, on the one port that it has: `rediss://` \
          and `REDIS_USE_SSL=true` end in a handshake that nobody answers.",
    source: "learn.microsoft.com redis/migrate-basic-standard-premium-understand; \
             azure-rest-api-specs redisenterprise 2025-07-01 (clientProtocol)",
    fix: "Set `clientProtocol: Encrypted`, which is the default.",
    bad: Sample::resources(
        r#"[{"type": "Microsoft.Cache/redisEnterprise/databases", "properties": {"clientProtocol": "Plaintext"}}]"#,
    ),
    good: Sample::resources(
        r#"[{"type": "Microsoft.Cache/redisEnterprise/databases", "properties": {"clientProtocol": "Encrypted"}}]"#,
    ),
    audit: Some(protocol),
    ..REDIS
};

pub(super) const ONE_SHARD: Rule = Rule {
    id: "RED114",
    title: "A Redis that is not sharded is small enough for it",
    why: "Azure makes `NoCluster` databases up to 25 GB, and none on Flash: the deployment is refused.",
    source: "learn.microsoft.com redis/architecture; hashicorp/terraform-provider-azurerm#30940",
    fix: "Choose a size up to Balanced_B20, MemoryOptimized_M20 or ComputeOptimized_X20.",
    bad: Sample::resources(
        r#"[{"type": "Microsoft.Cache/redisEnterprise", "sku": {"name": "Balanced_B50"}}]"#,
    ),
    good: Sample::resources(
        r#"[{"type": "Microsoft.Cache/redisEnterprise", "sku": {"name": "Balanced_B20"}}]"#,
    ),
    audit: Some(one_shard),
    ..REDIS
};

pub(super) const CLIENTS: Rule = Rule {
    id: "RED115",
    title: "Nobody calls Azure's Redis as a cluster or through sentinels",
    why: "Dify's paths for clusters and sentinels pass neither TLS nor a user: Azure's Redis, which takes TLS alone, \
          never answers them.",
    source: "langgenius/dify 1.16.0 api/extensions/ext_redis.py; langgenius/dify#4472",
    fix: "Remove `REDIS_USE_CLUSTERS` and `REDIS_USE_SENTINEL`.",
    bad: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-api", "properties": {"template": {"containers": [{"name": "api", "env": [{"name": "REDIS_USE_CLUSTERS", "value": "true"}]}]}}}]"#,
    ),
    good: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-api", "properties": {"template": {"containers": [{"name": "api", "env": [{"name": "REDIS_USE_CLUSTERS", "value": "false"}]}]}}}]"#,
    ),
    audit: Some(clients),
    ..REDIS
};

pub(super) const ACCOUNT_KEYS: Rule = Rule {
    id: "BLB109",
    title: "The storage account takes the key that is used",
    why: "With `allowSharedKeyAccess: false` an account refuses its keys, and every upload ends with \
          KeyBasedAuthenticationNotPermitted.",
    source: "learn.microsoft.com storage/common/shared-key-authorization-prevent",
    fix: "Let the apps sign in with an identity (`AZURE_BLOB_ACCOUNT_KEY=managedidentity`), or allow shared keys.",
    bad: Sample::resources(
        r#"[{"type": "Microsoft.Storage/storageAccounts", "properties": {"allowSharedKeyAccess": false}}]"#,
    ),
    good: Sample::resources(
        r#"[{"type": "Microsoft.Storage/storageAccounts", "properties": {"allowSharedKeyAccess": true}}]"#,
    ),
    audit: Some(account_keys),
    ..Rule::of(Family::Blb, Severity::Error)
};

pub(super) const PUBLIC_ACCESS: Rule = Rule {
    id: "AZR108",
    title: "Managed Redis says whether it is public",
    why: "From API 2025-07-01 `publicNetworkAccess` is required: without it the deployment is refused before it starts.",
    source: "azure-rest-api-specs redisenterprise 2025-07-01; learn.microsoft.com redis/private-link",
    fix: "Set `publicNetworkAccess` to `Disabled` with a private endpoint, or to `Enabled`.",
    bad: Sample::resources(
        r#"[{"type": "Microsoft.Cache/redisEnterprise", "properties": {"publicNetworkAccess": null}}]"#,
    ),
    good: Sample::resources(
        r#"[{"type": "Microsoft.Cache/redisEnterprise", "properties": {"publicNetworkAccess": "Enabled"}}]"#,
    ),
    audit: Some(public_access),
    ..Rule::of(Family::Azr, Severity::Error)
};

fn plain_database(inventory: &Inventory, found: &mut Findings) {
    for (workload, container) in inventory.application() {
        let Some(host) = filled(container, "DB_HOST") else {
            continue;
        };
        let server = server_of(inventory, &host.value);
        if server.is_none() && !is_azure(&host.value) {
            continue;
        }
        let extras = container.literal("DB_EXTRAS").unwrap_or_default();
        let name = if extras.split('&').any(|it| it.trim() == "sslmode=disable") {
            "DB_EXTRAS"
        } else if container.literal("PGSSLMODE") == Some("disable") {
            "PGSSLMODE"
        } else {
            continue;
        };
        let message = format!(
            "`{name}` of `{}` turns TLS off, and the server takes nothing else",
            label(workload, container)
        );
        let finding = found.push(container.place_of(name), message);
        match server {
            Some(server) => finding.see(&server.place, "the server"),
            None => finding.see(&host.place, "`DB_HOST`, a server of Azure"),
        };
    }
}

fn certificates(inventory: &Inventory, found: &mut Findings) {
    for (workload, container) in inventory.of(DAEMON) {
        let asks = container.literal("REDIS_SSL_CERT_REQS") == Some("CERT_REQUIRED");
        let speaks_tls = is_true(container, "REDIS_USE_SSL") == Some(true);
        if asks && speaks_tls && lacks(container, "REDIS_SSL_CA_CERTS") {
            let message = format!(
                "`{}` asks for certificates and has no `REDIS_SSL_CA_CERTS`",
                label(workload, container)
            );
            found.push(container.place_of("REDIS_SSL_CERT_REQS"), message);
        }
    }
}

/// The first of those who use a Redis of Azure; when hosts can't be seen, the first of all.
fn user_of<'a>(
    inventory: &'a Inventory,
    redis: &RedisInstance,
) -> Option<(&'a Workload, &'a Container)> {
    users(inventory).find(|(_, it)| {
        filled(it, "REDIS_HOST").is_some_and(|host| match instance_of(inventory, &host.value) {
            Some(instance) => std::ptr::eq(instance, redis),
            None => host.value.literal().is_none() && offer_of(inventory, &host.value).is_some(),
        })
    })
}

/// Since when Azure's interface has the defaults and duties that rules speak of; versions are dates.
const SINCE: &str = "2025-07-01";

fn is_since(version: Option<&String>) -> bool {
    version.is_some_and(|it| it.as_str() >= SINCE)
}

fn access_keys(inventory: &Inventory, found: &mut Findings) {
    for redis in &inventory.redis {
        let (place, message): (&Place, _) = match &redis.access_keys {
            Fact::Known(word, place) if word == "disabled" => (place, "its keys are turned off"),
            Fact::Absent
                if redis.offer == RedisOffer::Managed
                    && redis.children_seen
                    && is_since(redis.api_versions.1.as_ref()) =>
            {
                (&redis.place, "its keys are off, as nothing turns them on")
            }
            _ => continue,
        };
        let Some((workload, container)) = user_of(inventory, redis) else {
            continue;
        };
        let name = label(workload, container);
        let message = format!("`{name}` signs in to Redis with a key, and {message}");
        found.push(place, message).see(
            container.place_of("REDIS_PASSWORD"),
            format!("`REDIS_PASSWORD` of `{name}`"),
        );
    }
}

fn public_access(inventory: &Inventory, found: &mut Findings) {
    let managed = inventory
        .redis
        .iter()
        .filter(|it| it.offer == RedisOffer::Managed);
    for redis in managed {
        if redis.public_access.is_absent() && is_since(redis.api_versions.0.as_ref()) {
            found.push(&redis.cluster, "it has no `publicNetworkAccess`");
        }
    }
}

fn protocol(inventory: &Inventory, found: &mut Findings) {
    for (workload, container) in users(inventory) {
        let Some(host) = filled(container, "REDIS_HOST") else {
            continue;
        };
        let Some(redis) = instance_of(inventory, &host.value) else {
            continue;
        };
        let Some(place) = redis
            .plain
            .place()
            .filter(|_| redis.offer == RedisOffer::Managed && redis.plain.is(&true))
        else {
            continue;
        };
        let name = label(workload, container);
        let broker = filled(container, "CELERY_BROKER_URL");
        let broker = broker.filter(|it| it.value.url().is_some_and(|it| it.scheme == "rediss"));
        let (mine, message) = if is_true(container, "REDIS_USE_SSL") == Some(true) {
            let place = container.place_of("REDIS_USE_SSL");
            (
                place,
                format!("`{name}` speaks TLS to a Redis that speaks none"),
            )
        } else if let Some(broker) = broker {
            let message = format!("the broker of `{name}` is `rediss://`, and Redis speaks no TLS");
            (&broker.place, message)
        } else {
            continue;
        };
        found.push(mine, message).see(place, "`clientProtocol`");
    }
}

/// Whether a size of Managed Redis may be without shards: up to 25 GB, and not on Flash.
fn may_be_one(sku: &str) -> Option<bool> {
    let (series, size) = sku.split_once('_')?;
    let size: u32 = size.get(1..)?.parse().ok()?;
    match series {
        "Balanced" | "MemoryOptimized" | "ComputeOptimized" => Some(size <= 20),
        "FlashOptimized" => Some(false),
        _ => None,
    }
}

fn one_shard(inventory: &Inventory, found: &mut Findings) {
    for redis in &inventory.redis {
        let (Fact::Known(policy, place), Fact::Known(sku, size)) = (&redis.clustering, &redis.sku)
        else {
            continue;
        };
        if policy == "nocluster" && may_be_one(sku) == Some(false) {
            let message = format!("`{sku}` is too large for a database without shards");
            found.push(size, message).see(place, "`clusteringPolicy`");
        }
    }
}

fn clients(inventory: &Inventory, found: &mut Findings) {
    for (workload, container) in users(inventory) {
        let Some(host) = filled(container, "REDIS_HOST") else {
            continue;
        };
        if offer_of(inventory, &host.value).is_none() {
            continue;
        }
        for name in ["REDIS_USE_CLUSTERS", "REDIS_USE_SENTINEL"] {
            if is_true(container, name) == Some(true) {
                let message = format!("`{name}` of `{}` is on", label(workload, container));
                let place = container.place_of(name);
                found
                    .push(place, message)
                    .see(&host.place, "`REDIS_HOST`, a Redis of Azure");
            }
        }
    }
}

fn account_keys(inventory: &Inventory, found: &mut Findings) {
    for (workload, container) in inventory.containers() {
        let name = if container.role == DAEMON {
            "AZURE_BLOB_STORAGE_CONNECTION_STRING"
        } else if container.role.is_application() {
            "AZURE_BLOB_ACCOUNT_KEY"
        } else {
            continue;
        };
        let is_identity = is_true(container, "AZURE_BLOB_STORAGE_USE_MANAGED_IDENTITY")
            == Some(true)
            || container.literal(name) == Some("managedidentity");
        let Some(key) = filled(container, name).filter(|_| !is_identity) else {
            continue;
        };
        let Some(account) = account_of(inventory, container) else {
            continue;
        };
        if let Fact::Known(false, place) = &account.shared_keys {
            let message = format!(
                "`{name}` of `{}` is a key, and the account takes none",
                label(workload, container)
            );
            found
                .push(&key.place, message)
                .see(place, "`allowSharedKeyAccess` of the account");
        }
    }
}

/// What is wrong with a data service that is closed to all.
const CLOSED: &str = "its public access is off, and no private endpoint leads to it";

fn unreachable(inventory: &Inventory, found: &mut Findings) {
    if !on_azure(inventory) || !inventory.complete || users(inventory).next().is_none() {
        return;
    }
    let closed = |fact: &Fact<String>| fact.is(&"disabled".to_owned());
    for server in &inventory.postgres {
        let place = server.public_access.place().unwrap_or(&server.place);
        if server.injected || server.private_endpoint {
            continue;
        }
        if closed(&server.public_access) {
            found.push(place, format!("nobody reaches PostgreSQL: {CLOSED}"));
        } else if !server.public_access.is_unseen()
            && server.firewall_seen
            && server.children_seen
            && server.firewall.is_empty()
        {
            found.push(place, "nobody reaches PostgreSQL: it has no firewall rule");
        }
    }
    let redis = inventory.redis.iter();
    let redis = redis.map(|it| ("Redis", &it.public_access, it.private_endpoint));
    let storage = inventory.storage.iter();
    let storage = storage.map(|it| {
        (
            "the storage account",
            &it.public_access,
            it.private_endpoint,
        )
    });
    for (what, access, has_endpoint) in redis.chain(storage) {
        if let Some(place) = access.place().filter(|_| closed(access) && !has_endpoint) {
            found.push(place, format!("nobody reaches {what}: {CLOSED}"));
        }
    }
}
