//! Network and data services.

use super::super::inventory::{Inventory, Platform, RedisOffer, Settings};
use super::super::recognise::Role;
use super::super::seen::Seen;
use super::draft::{Draft, quoted};
use super::names::Names;
use crate::catalogue::ServiceKind;
use crate::names::{PostgresServerName, RedisEnterpriseName, StorageAccountName};

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
pub(super) fn services(inventory: &Inventory, names: &Names, draft: &mut Draft) {
    if inventory.platform == Platform::Compose {
        draft.note("data of containers stays where it is: databases and files have to be moved into Azure's services");
    }
    postgres(inventory, names, draft);
    redis(inventory, names, draft);
    storage(inventory, names, draft);
    if let Some(days) = inventory
        .settings_of("Microsoft.OperationalInsights/workspaces")
        .and_then(|it| it.values.get("properties/retentionInDays"))
    {
        draft.set("logs", "retention_days", days.clone());
    }
    vault(inventory, names, draft);
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

fn postgres(inventory: &Inventory, names: &Names, draft: &mut Draft) {
    const TABLE: &str = "data.postgres";
    if let (Some(server), Some(settings)) = (
        inventory.postgres.first(),
        inventory.settings_of("Microsoft.DBforPostgreSQL/flexibleServers"),
    ) {
        let value = |path: &str| settings.values.get(path).map(String::as_str);
        let existing = server
            .name
            .literal()
            .filter(|it| PostgresServerName::parse(it).is_ok() && !names.is_server(it));
        if let Some(name) = existing {
            draft.text(TABLE, "existing", name);
            draft.because(
                "its administrator's password belongs into the secrets file, as POSTGRES_PASSWORD",
            );
        }
        // Of an existing server the size tells how many connections there are.
        if let Some(sku) = value("sku/name") {
            draft.text(TABLE, "sku", sku);
        }
        if existing.is_none() {
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

fn redis(inventory: &Inventory, names: &Names, draft: &mut Draft) {
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
    let existing = instance
        .name
        .literal()
        .filter(|it| RedisEnterpriseName::parse(it).is_ok() && !names.is_redis(it));
    if let Some(name) = existing {
        draft.text(TABLE, "existing", name);
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

fn storage(inventory: &Inventory, names: &Names, draft: &mut Draft) {
    const TABLE: &str = "data.storage";
    if let (Some(account), Some(settings)) = (
        inventory.storage.first(),
        inventory.settings_of("Microsoft.Storage/storageAccounts"),
    ) {
        let existing = account
            .name
            .literal()
            .filter(|it| StorageAccountName::parse(it).is_ok() && !names.is_storage(it));
        if let Some(name) = existing {
            draft.text(TABLE, "existing", name);
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

fn vault(inventory: &Inventory, names: &Names, draft: &mut Draft) {
    let urls = inventory.workloads.iter().flat_map(|it| &it.secrets);
    if !urls.into_iter().any(|it| it.vault_url.is_some()) {
        return;
    }
    draft.set("secrets", "store", quoted("key-vault"));
    let Some(settings) = inventory.settings_of("Microsoft.KeyVault/vaults") else {
        return;
    };
    // A name with a brace in it is seen in part alone, and the file needs the whole.
    let is_ours = settings.name.contains(['<', '{']) || names.is_vault(&settings.name);
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
