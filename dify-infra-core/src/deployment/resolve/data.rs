//! PostgreSQL, Redis, Blob storage and logs.

use std::collections::{BTreeMap, BTreeSet};

use super::Resolver;
use crate::catalogue::ServiceKind;
use crate::check::{Rule, dbx, red, spc};
use crate::deployment::sku::{self, PostgresSku};
use crate::deployment::{
    Logs, Origin, Postgres, Profile, Redis, Service, Standby, Storage, StorageAccess, has_zones,
};
use crate::diagnostic::KeyPath;
use crate::names::Location;
use crate::spec::missing_key;

/// Logins that Azure keeps for itself (learn.microsoft.com quickstart-create-server).
const RESERVED_LOGINS: [&str; 7] = [
    "admin",
    "administrator",
    "azure_pg_admin",
    "azure_superuser",
    "guest",
    "public",
    "root",
];

const DEFAULT_LOGIN: &str = "difyadmin";

/// What holds for the data services unless the file says otherwise.
pub(super) struct Defaults {
    postgres_sku: &'static str,
    postgres_disk: u32,
    backup_days: u32,
    standby: Standby,
    redis_sku: &'static str,
    redis_replica: bool,
    storage_sku: &'static str,
    retention_days: u32,
    log_days: u32,
}

impl Defaults {
    /// The defaults of a profile, in a region with zones or without. Those of production are the
    /// origin's table (docs/seed-corrections.md): a general purpose server of 128 GB with a
    /// standby, a Redis of 1 GB with a replica, files in three zones, 90 days of logs.
    pub(super) fn of(profile: Profile, location: &Location) -> Self {
        let zones = has_zones(location);
        match profile {
            Profile::Dev => Self {
                postgres_sku: "Standard_B1ms",
                postgres_disk: 32,
                backup_days: 7,
                standby: Standby::Off,
                redis_sku: "Balanced_B0",
                redis_replica: false,
                storage_sku: "Standard_LRS",
                retention_days: 7,
                log_days: 30,
            },
            Profile::Prod => Self {
                postgres_sku: "Standard_D2ds_v5",
                postgres_disk: 128,
                backup_days: 14,
                standby: if zones {
                    Standby::ZoneRedundant
                } else {
                    Standby::SameZone
                },
                redis_sku: "Balanced_B1",
                redis_replica: true,
                storage_sku: if zones {
                    "Standard_ZRS"
                } else {
                    "Standard_LRS"
                },
                retention_days: 30,
                log_days: 90,
            },
        }
    }
}

/// A compute size of PostgreSQL: name and tier, empty where an existing server's is not known.
struct Size {
    name: String,
    tier: &'static str,
}

impl Resolver<'_> {
    pub(super) fn postgres(
        &mut self,
        services: &BTreeMap<ServiceKind, Service>,
        defaults: &Defaults,
    ) -> Option<Postgres> {
        let spec = &self.spec.data.postgres;
        let origin = self.origin("data.postgres.existing", spec.existing.as_deref());
        if spec.existing.is_some() {
            let unused = [
                ("data.postgres.version", spec.version.is_some()),
                ("data.postgres.storage", spec.storage.is_some()),
                ("data.postgres.backup_days", spec.backup_days.is_some()),
                (
                    "data.postgres.geo_redundant_backup",
                    spec.geo_redundant_backup.is_some(),
                ),
                (
                    "data.postgres.high_availability",
                    spec.high_availability.is_some(),
                ),
            ];
            self.warn_without_effect("server", &unused);
        }
        let sku = self.postgres_sku(defaults)?;
        let days = defaults.backup_days;
        Some(Postgres {
            origin,
            sku: sku.name,
            tier: sku.tier.to_owned(),
            version: self.postgres_version(),
            storage_gib: self.postgres_disk(defaults),
            backup_days: self.number("data.postgres.backup_days", spec.backup_days, days, 7..=35),
            geo_redundant_backup: spec.geo_redundant_backup.unwrap_or(false),
            high_availability: self.standby(sku.tier, defaults),
            administrator: self.administrator(),
            database: self.named("data.postgres.database", spec.database.as_deref(), "dify")?,
            plugin_database: self.named(
                "data.postgres.plugin_database",
                spec.plugin_database.as_deref(),
                "dify_plugin",
            )?,
            extensions: extensions(services),
        })
    }

    /// The standby; none on sizes that can't have one, where nobody asked for it.
    fn standby(&mut self, tier: &str, defaults: &Defaults) -> Standby {
        let spec = &self.spec.data.postgres;
        let words = Standby::WORDS.map(|(word, _)| word);
        let path = "data.postgres.high_availability";
        let word = self.word(path, spec.high_availability.as_deref(), &words);
        let asked = Standby::WORDS
            .into_iter()
            .find_map(|(known, standby)| (word == Some(known)).then_some(standby));
        let is_possible = spec.existing.is_none() && tier != "Burstable";
        match asked {
            Some(standby) => standby,
            None if is_possible => defaults.standby,
            None => Standby::Off,
        }
    }

    fn postgres_sku(&mut self, defaults: &Defaults) -> Option<Size> {
        let spec = &self.spec.data.postgres;
        let known = spec.sku.as_deref().map(PostgresSku::find);
        if spec.existing.is_some() && !matches!(known, Some(Some(_))) {
            // A server that exists may have any size; nothing follows from one that is not listed.
            return Some(Size {
                name: spec.sku.clone().unwrap_or_default(),
                tier: "",
            });
        }
        if let (Some(None), Some(name)) = (known, &spec.sku) {
            let names: Vec<_> = PostgresSku::all()
                .iter()
                .map(|sku| sku.name.as_str())
                .collect();
            self.unknown_word("data.postgres.sku", name, &names);
        }
        let default = || PostgresSku::find(defaults.postgres_sku);
        let sku = known.flatten().or_else(default)?;
        Some(Size {
            name: sku.name.clone(),
            tier: sku.tier,
        })
    }

    fn postgres_version(&mut self) -> String {
        let version = self.spec.data.postgres.version.unwrap_or(16);
        if !(14..=18).contains(&version) {
            let message = format!("PostgreSQL {version} can't be deployed");
            self.report(dbx::VERSION.finding(KeyPath::of("data.postgres.version"), message));
        }
        version.to_string()
    }

    fn postgres_disk(&mut self, defaults: &Defaults) -> u32 {
        let Some(size) = self.spec.data.postgres.storage else {
            return defaults.postgres_disk;
        };
        if !sku::POSTGRES_DISKS.contains(&size) {
            let larger = sku::POSTGRES_DISKS.into_iter().find(|disk| *disk > size);
            let larger = larger.unwrap_or(sku::POSTGRES_DISKS[sku::POSTGRES_DISKS.len() - 1]);
            let message = format!("there is no disk of {size} GiB for PostgreSQL");
            let finding = spc::INVALID_VALUE.finding(KeyPath::of("data.postgres.storage"), message);
            self.report(finding.with_help(format!("write `storage = {larger}`")));
        }
        size
    }

    fn administrator(&mut self) -> String {
        let spec = &self.spec.data.postgres;
        let path = KeyPath::of("data.postgres.administrator");
        let Some(login) = spec.administrator.as_deref() else {
            if spec.existing.is_some() {
                let help = "name the login of the existing server whose password is in the \
                            secrets file";
                self.report(missing_key(path).with_help(help));
            }
            return DEFAULT_LOGIN.to_owned();
        };
        if let Some(problem) = login_problem(login) {
            let message = format!("{login:?} can't be the administrator's login: {problem}");
            self.report(dbx::ADMINISTRATOR.finding(path, message));
            return DEFAULT_LOGIN.to_owned();
        }
        login.to_owned()
    }

    pub(super) fn redis(&mut self, defaults: &Defaults) -> Redis {
        let spec = &self.spec.data.redis;
        let origin = self.origin("data.redis.existing", spec.existing.as_deref());
        if spec.existing.is_some() {
            let unused = [
                ("data.redis.sku", spec.sku.is_some()),
                (
                    "data.redis.high_availability",
                    spec.high_availability.is_some(),
                ),
            ];
            self.warn_without_effect("Redis", &unused);
        }
        Redis {
            origin,
            sku: self.redis_sku(defaults).to_owned(),
            high_availability: spec.high_availability.unwrap_or(defaults.redis_replica),
        }
    }

    fn redis_sku(&mut self, defaults: &Defaults) -> &'static str {
        let path = "data.redis.sku";
        let default = defaults.redis_sku;
        let name = self.spec.data.redis.sku.as_deref();
        let unsharded = |name: &&str| sku::REDIS_UNSHARDED.contains(name);
        if let Some(name) = name.filter(|name| sku::is_redis_size(name) && !unsharded(name)) {
            let message = format!("`{name}` can't do without sharding, which breaks Celery");
            self.report(red::SHARDED.finding(KeyPath::of(path), message));
            return default;
        }
        self.word(path, name, &sku::REDIS_UNSHARDED)
            .unwrap_or(default)
    }

    pub(super) fn storage(&mut self, defaults: &Defaults) -> Option<Storage> {
        let spec = &self.spec.data.storage;
        let origin = self.origin("data.storage.existing", spec.existing.as_deref());
        if spec.existing.is_some() {
            let unused = [
                ("data.storage.sku", spec.sku.is_some()),
                ("data.storage.retention_days", spec.retention_days.is_some()),
            ];
            self.warn_without_effect("account", &unused);
        }
        let sku = self.word("data.storage.sku", spec.sku.as_deref(), &sku::STORAGE);
        let access = self.storage_access();
        Some(Storage {
            access,
            origin,
            sku: sku.unwrap_or(defaults.storage_sku).to_owned(),
            app_container: self.named(
                "data.storage.app_container",
                spec.app_container.as_deref(),
                "dify-app-storage",
            )?,
            plugin_container: self.named(
                "data.storage.plugin_container",
                spec.plugin_container.as_deref(),
                "dify-plugins",
            )?,
            retention_days: self.number(
                "data.storage.retention_days",
                spec.retention_days,
                defaults.retention_days,
                1..=365,
            ),
        })
    }

    fn storage_access(&mut self) -> StorageAccess {
        let spec = &self.spec.data.storage;
        let path = "data.storage.access";
        let word = self.word(path, spec.access.as_deref(), &["key", "identity"]);
        if word == Some("identity") {
            let path = "data.storage.identity";
            return StorageAccess::Identity(self.identity_origin(path, spec.identity.as_deref()));
        }
        if spec.identity.is_some() {
            let path = KeyPath::of("data.storage.identity");
            let message = format!("`{path}` has no effect without access by identity");
            let finding = spc::NO_EFFECT.finding(path, message);
            self.report(finding.with_help("write `access = \"identity\"`, or remove it"));
        }
        StorageAccess::Key
    }

    pub(super) fn logs(&mut self, defaults: &Defaults) -> Logs {
        let days = self.spec.logs.retention_days;
        Logs {
            retention_days: self.number("logs.retention_days", days, defaults.log_days, 30..=730),
        }
    }

    /// A name of the file, or its default.
    fn named<Name>(&mut self, path: &str, given: Option<&str>, default: &str) -> Option<Name>
    where
        Name: crate::names::Name,
    {
        let name = self.parse::<Name>(&spc::INVALID_VALUE, KeyPath::of(path), given);
        name.or_else(|| default.parse().ok())
    }

    pub(super) fn origin<Name>(&mut self, path: &str, existing: Option<&str>) -> Origin<Name>
    where
        Name: crate::names::Name,
    {
        let name = self.parse::<Name>(&spc::INVALID_VALUE, KeyPath::of(path), existing);
        name.map_or(Origin::Managed, Origin::Existing)
    }

    pub(super) fn warn_without_effect(&mut self, what: &str, settings: &[(&str, bool)]) {
        const RULE: &Rule = &spc::NO_EFFECT;
        for (path, _) in settings.iter().filter(|(_, is_given)| *is_given) {
            let message = format!("`{path}` has no effect: the {what} exists and is not changed");
            self.report(RULE.finding(KeyPath::of(path), message));
        }
    }
}

/// The extensions that the migration and the vector store create, as Azure's allow-list has them.
fn extensions(services: &BTreeMap<ServiceKind, Service>) -> BTreeSet<String> {
    let api = services.get(&ServiceKind::Api);
    let store = api.and_then(|api| api.plain_variable("VECTOR_STORE"));
    let vector = store
        .is_none_or(|store| store == "pgvector")
        .then_some("VECTOR");
    // The first migration creates uuid-ossp, whatever the vector store is.
    ["UUID-OSSP"]
        .into_iter()
        .chain(vector)
        .map(str::to_owned)
        .collect()
}

/// What keeps a login from being an administrator's, or nothing.
fn login_problem(login: &str) -> Option<&'static str> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let lower = login.to_ascii_lowercase();
    if RESERVED_LOGINS.contains(&lower.as_str()) || lower.starts_with("pg_") {
        return Some("Azure keeps it for itself");
    }
    if !login.starts_with(|first: char| first.is_ascii_alphabetic()) || !login.bytes().all(allowed)
    {
        return Some("it is not made of letters, digits and `_`, beginning with a letter");
    }
    (login.len() > 63).then_some("it has more than 63 characters")
}
