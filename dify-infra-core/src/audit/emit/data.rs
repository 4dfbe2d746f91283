//! Images, network and data services.

use std::collections::BTreeMap;

use super::super::inventory::{Inventory, Platform, RedisOffer, Settings};
use super::super::recognise::Role;
use super::super::seen::Seen;
use super::draft::{Draft, quoted};
use super::version_of;
use crate::catalogue::{ImageKind, Release, ServiceKind};
use crate::names::{PostgresServerName, RedisEnterpriseName, StorageAccountName};
use crate::values::ImageReference;

/// Where images come from: one registry for all, or single images of one's own.
pub(super) fn images(inventory: &Inventory, release: &Release, draft: &mut Draft) {
    let mut found: BTreeMap<ImageKind, ImageReference> = BTreeMap::new();
    for kind in ServiceKind::ALL {
        let image = inventory
            .of(Role::Service(kind))
            .find_map(|(_, it)| it.image.known()?.literal()?.parse().ok());
        if let Some(image) = image {
            found.entry(kind.image()).or_insert(image);
        }
    }
    let prefix_of = |kind: ImageKind, image: &ImageReference| {
        let repository = &release.image(kind).repository;
        let path = image.repository().strip_suffix(repository.as_str())?;
        let is_whole = path.is_empty() || path.ends_with('/');
        let prefix = format!("{}/{path}", image.registry());
        (is_whole && !image.is_on_docker_hub()).then(|| prefix.trim_end_matches('/').to_owned())
    };
    let prefixes: Vec<_> = found
        .iter()
        .map(|(kind, it)| prefix_of(*kind, it))
        .collect();
    let shared = match prefixes.first() {
        Some(Some(first)) if prefixes.iter().all(|it| it.as_ref() == Some(first)) => Some(first),
        _ => None,
    };
    if let Some(registry) = shared {
        draft.text("images", "registry", registry);
        let logs_in = inventory
            .workloads
            .iter()
            .any(|it| !it.registries.is_empty());
        if logs_in {
            draft.because("add `username` and `password = { secret = \"registry-password\" }`");
        }
    }
    for (kind, image) in &found {
        let ours = release.image(*kind);
        let tag = image.tag().unwrap_or("latest");
        let is_own = !image.is_on_docker_hub() && shared.is_none();
        let is_moving = ["latest", "main", "edge", "stable"].contains(&tag);
        let is_version = version_of(tag).is_some();
        if tag != ours.tag && image.digest().is_none() {
            draft.note(&format!(
                "`{image}`: Dify {} ships `{}`",
                release.version(),
                ours.tag
            ));
        }
        if is_own {
            let tag = if is_version || is_moving {
                ours.tag.as_str()
            } else {
                tag
            };
            let name = format!("{}/{}:{tag}", image.registry(), image.repository());
            let whole = if image.digest().is_some() {
                image.to_string()
            } else {
                name
            };
            draft.text("images.overrides", kind.key(), &whole);
        }
    }
}

/// The network of the environment, as far as the file can make one.
pub(super) fn network(inventory: &Inventory, draft: &mut Draft) {
    let has_network = inventory
        .environments
        .iter()
        .any(|it| !it.subnet.is_absent());
    if !has_network {
        return;
    }
    let settings = |kind: &str| inventory.settings_of(kind);
    match settings("Microsoft.Network/virtualNetworks") {
        Some(network) => {
            if let Some(space) = network.values.get("properties/addressSpace/addressPrefixes/0") {
                draft.text("network", "address_space", space);
            }
        }
        None => draft.note(
            "the network is someone else's: name it under `[network]` by `existing`, or dify-infra makes one",
        ),
    }
    let Some(environment) = settings("Microsoft.App/managedEnvironments") else {
        return;
    };
    let is_true = |path: &str| environment.values.get(path).map(|it| it == "true");
    // An environment with a network is of the profile prod, whose front door is internal.
    if is_true("properties/vnetConfiguration/internal") == Some(false) {
        draft.text("network", "front_door", "public");
    }
    if let Some(redundant) = is_true("properties/zoneRedundant") {
        draft.set("network", "zone_redundant", redundant.to_string());
    }
    let is_private = inventory
        .postgres
        .iter()
        .any(|it| it.public_access.is(&"disabled".to_owned()));
    draft.set("network", "private_endpoints", is_private.to_string());
}

/// PostgreSQL, Redis, storage, logs and the vault.
pub(super) fn services(inventory: &Inventory, draft: &mut Draft) {
    if inventory.platform == Platform::Compose {
        draft.note("data of containers stays where it is: databases and files have to be moved into Azure's services");
    }
    postgres(inventory, draft);
    redis(inventory, draft);
    storage(inventory, draft);
    if let Some(days) = inventory
        .settings_of("Microsoft.OperationalInsights/workspaces")
        .and_then(|it| it.values.get("properties/retentionInDays"))
    {
        draft.set("logs", "retention_days", days.clone());
    }
    vault(inventory, draft);
}

/// Whether a name is one that dify-infra derives, so that the file need not say it.
fn is_derived(name: &str, part: &str) -> bool {
    name.contains(part)
        && (name.contains('<')
            || name.contains('{')
            || name.rsplit('-').next().is_some_and(|it| it.len() == 6))
}

fn number(draft: &mut Draft, settings: &Settings, path: &str, key: (&str, &str)) {
    let value = settings
        .values
        .get(path)
        .filter(|it| it.parse::<u32>().is_ok());
    if let Some(value) = value {
        draft.set(key.0, key.1, value.clone());
    }
}

fn postgres(inventory: &Inventory, draft: &mut Draft) {
    const TABLE: &str = "data.postgres";
    if let (Some(server), Some(settings)) = (
        inventory.postgres.first(),
        inventory.settings_of("Microsoft.DBforPostgreSQL/flexibleServers"),
    ) {
        let name = server.name.shown();
        let value = |path: &str| settings.values.get(path).map(String::as_str);
        let is_existing = !is_derived(&name, "-postgres-")
            && server
                .name
                .literal()
                .is_some_and(|it| PostgresServerName::parse(it).is_ok());
        if is_existing {
            draft.text(TABLE, "existing", &name);
            draft.because(
                "its administrator's password belongs into the secrets file, as POSTGRES_PASSWORD",
            );
        } else {
            if let Some(sku) = value("sku/name") {
                draft.text(TABLE, "sku", sku);
            }
            number(draft, settings, "properties/version", (TABLE, "version"));
            number(
                draft,
                settings,
                "properties/storage/storageSizeGB",
                (TABLE, "storage"),
            );
            number(
                draft,
                settings,
                "properties/backup/backupRetentionDays",
                (TABLE, "backup_days"),
            );
            if let Some(word) = value("properties/backup/geoRedundantBackup") {
                let is_on = word.eq_ignore_ascii_case("enabled");
                draft.set(TABLE, "geo_redundant_backup", is_on.to_string());
            }
            let standby = match value("properties/highAvailability/mode") {
                Some("ZoneRedundant") => Some("zone-redundant"),
                Some("SameZone") => Some("same-zone"),
                Some("Disabled") => Some("off"),
                _ => None,
            };
            if let Some(standby) = standby {
                draft.text(TABLE, "high_availability", standby);
            }
        }
        if let Some(login) = value("properties/administratorLogin") {
            draft.text(TABLE, "administrator", login);
        }
    }
    let databases = [
        (
            Role::Service(ServiceKind::Api),
            "DB_DATABASE",
            "database",
            "dify",
        ),
        (
            Role::Service(ServiceKind::PluginDaemon),
            "DB_DATABASE",
            "plugin_database",
            "dify_plugin",
        ),
    ];
    for (role, variable, key, default) in databases {
        let name = literal(inventory, role, variable);
        if let Some(name) = name.filter(|it| *it != default) {
            draft.text(TABLE, key, name);
        }
    }
}

fn redis(inventory: &Inventory, draft: &mut Draft) {
    const TABLE: &str = "data.redis";
    let Some(instance) = inventory.redis.first() else {
        return;
    };
    let name = instance.name.shown();
    if instance.offer == RedisOffer::Cache {
        draft.note(&format!(
            "`{name}` is an Azure Cache for Redis; the file makes an Azure Managed Redis instead, and what \
             is queued at that moment is lost"
        ));
        return;
    }
    let Some(settings) = inventory.settings_of("Microsoft.Cache/redisEnterprise") else {
        return;
    };
    let is_existing = !is_derived(&name, "-redis-")
        && instance
            .name
            .literal()
            .is_some_and(|it| RedisEnterpriseName::parse(it).is_ok());
    if is_existing {
        draft.text(TABLE, "existing", &name);
        return;
    }
    if let Some(sku) = settings.values.get("sku/name") {
        draft.text(TABLE, "sku", sku);
    }
    if let Some(word) = settings.values.get("properties/highAvailability") {
        let is_on = word.eq_ignore_ascii_case("enabled");
        draft.set(TABLE, "high_availability", is_on.to_string());
    }
}

fn storage(inventory: &Inventory, draft: &mut Draft) {
    const TABLE: &str = "data.storage";
    if let (Some(account), Some(settings)) = (
        inventory.storage.first(),
        inventory.settings_of("Microsoft.Storage/storageAccounts"),
    ) {
        let name = account.name.shown();
        let prefix = inventory.postgres.first().map(|it| it.name.shown());
        // An account's name has no hyphens, so the server's tells whether the names are ours.
        let is_ours =
            prefix.is_some_and(|it| is_derived(&it, "-postgres-")) || name.contains(['<', '{']);
        let is_existing = !is_ours
            && account
                .name
                .literal()
                .is_some_and(|it| StorageAccountName::parse(it).is_ok());
        if is_existing {
            draft.text(TABLE, "existing", &name);
        } else if let Some(sku) = settings.values.get("sku/name") {
            draft.text(TABLE, "sku", sku);
            if let Some(blobs) =
                inventory.settings_of("Microsoft.Storage/storageAccounts/blobServices")
            {
                let path = "properties/deleteRetentionPolicy/days";
                number(draft, blobs, path, (TABLE, "retention_days"));
            }
        }
    }
    let containers = [
        (
            Role::Service(ServiceKind::Api),
            "AZURE_BLOB_CONTAINER_NAME",
            "app_container",
            "dify-app-storage",
        ),
        (
            Role::Service(ServiceKind::PluginDaemon),
            "PLUGIN_STORAGE_OSS_BUCKET",
            "plugin_container",
            "dify-plugins",
        ),
    ];
    for (role, variable, key, default) in containers {
        let name = literal(inventory, role, variable);
        if let Some(name) = name.filter(|it| *it != default) {
            draft.text(TABLE, key, name);
        }
    }
}

fn vault(inventory: &Inventory, draft: &mut Draft) {
    let urls = inventory.workloads.iter().flat_map(|it| &it.secrets);
    if !urls.into_iter().any(|it| it.vault_url.is_some()) {
        return;
    }
    draft.set("secrets", "store", quoted("key-vault"));
    let Some(settings) = inventory.settings_of("Microsoft.KeyVault/vaults") else {
        return;
    };
    let is_ours = settings.name.contains(['<', '{'])
        || settings
            .name
            .rsplit('-')
            .next()
            .is_some_and(|it| it.len() == 6);
    if !is_ours {
        draft.text("secrets", "existing", &settings.name);
        return;
    }
    let path = "properties/softDeleteRetentionInDays";
    number(draft, settings, path, ("secrets", "retention_days"));
    if settings
        .values
        .get("properties/enablePurgeProtection")
        .is_some_and(|it| it == "true")
    {
        draft.set("secrets", "purge_protection", "true".to_owned());
    }
}

/// A variable of the first container of a role that is wholly seen and not empty.
fn literal<'a>(inventory: &'a Inventory, role: Role, name: &str) -> Option<&'a str> {
    let value = inventory.of(role).find_map(|(_, it)| {
        let variable = it.variable(name)?;
        Seen::literal(&variable.value)
    });
    value.filter(|it| !it.is_empty())
}
