//! A Dify deployment that has been proven right: total, typed, with every default filled in.
//!
//! A [`Deployment`] is made from a [`Spec`](crate::spec::Spec), which is either read from a file or
//! put together with [`DeploymentBuilder`]; both lead through the same checks. Everything else is
//! made from it: the [resource graph](crate::graph), rendered files, expectations.

mod budget;
mod builder;
mod certificate;
mod connections;
mod environment;
pub(crate) mod gateway;
mod images;
mod network;
mod profiles;
mod resolve;
mod route_report;
mod routes;
pub(crate) mod sku;

use std::collections::{BTreeMap, BTreeSet};

pub use budget::{ConnectionBudget, ConnectionUser};
pub(crate) use budget::{looks_up_vectors, processes};
pub use builder::{
    DeploymentBuilder, PostgresBuilder, RedisBuilder, RouteBuilder, ServiceBuilder, StorageBuilder,
};
pub use certificate::{Certificate, CertificateVault, VaultCertificate};
pub use connections::ConnectionPools;
pub use environment::{
    AppSecret, DataAccess, EnvironmentInputs, Role, ServiceEnvironment, environment_of,
};
pub use gateway::{
    CertificateReader, FirewallMode, Gateway, GatewayCertificate, GatewayCertificateError,
    INGRESS_REQUEST_SECONDS, InstanceRange,
};
pub use images::{AzureRegistry, DeployedImage, Registry, RegistryLogin};
pub(crate) use network::touched_reserved_range;
pub use network::{
    AddressPlan, ExistingNetwork, FrontDoor, Network, NetworkPlace, PrivateEndpoints, SubnetUse,
};
pub use profiles::WorkloadProfile;
pub use resolve::Resolved;
pub(crate) use resolve::has_zones;
pub use route_report::{
    Host, HostVerdict, InvalidUrl, RouteAnswer, RouteLimits, RouteLoser, RouteReport,
};
pub use routes::PUBLIC_SERVICES;

use crate::catalogue::{Release, ServiceKind};
use crate::egress::EgressPolicy;
use crate::names::{
    AppSecretName, BlobContainerName, DeploymentName, DeploymentPrefix, EnvironmentLabel,
    EnvironmentVariableName, KeyVaultName, Location, PostgresDatabaseName, PostgresServerName,
    RedisEnterpriseName, ResourceGroupName, StorageAccountName, SubscriptionId, Suffix, TagName,
    TagValue,
};
use crate::resource::ResourceId;
use crate::routes::RouteTable;
use crate::secrets::SecretName;
use crate::values::{ConsumptionSize, ImageReference, PublicOrigin, ReplicaRange};

/// Which set of defaults holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Profile {
    /// Small, public endpoints, 30 days of logs.
    Dev,
    /// Private network, redundancy, 90 days of logs.
    Prod,
}

impl Profile {
    /// The word of the file: `dev` or `prod`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dev => "dev",
            Self::Prod => "prod",
        }
    }
}

/// A proven description of a Dify deployment.
#[derive(Debug, Clone, PartialEq)]
pub struct Deployment {
    pub(crate) name: DeploymentName,
    pub(crate) environment: EnvironmentLabel,
    pub(crate) prefix: DeploymentPrefix,
    pub(crate) profile: Profile,
    pub(crate) location: Location,
    pub(crate) release: &'static Release,
    pub(crate) azure: Azure,
    pub(crate) public: Public,
    pub(crate) registry: Option<Registry>,
    pub(crate) network: Option<Network>,
    pub(crate) gateway: Option<Gateway>,
    pub(crate) secret_store: SecretStore,
    pub(crate) workload_profiles: BTreeMap<String, WorkloadProfile>,
    pub(crate) postgres: Postgres,
    pub(crate) redis: Redis,
    pub(crate) storage: Storage,
    pub(crate) logs: Logs,
    pub(crate) services: BTreeMap<ServiceKind, Service>,
    pub(crate) migration: Migration,
    pub(crate) routes: RouteTable,
    pub(crate) custom_routes: Vec<crate::routes::Location>,
    /// Where each of them stands in the file's list, which may have wrong ones between them.
    pub(crate) route_positions: Vec<usize>,
    pub(crate) egress: EgressPolicy,
    pub(crate) allowed: Vec<AllowedRule>,
}

/// Where in Azure the deployment lives.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Azure {
    /// The subscription, when the file names it.
    pub subscription: Option<SubscriptionId>,
    /// The resource group.
    pub resource_group: ResourceGroupName,
    /// The suffix of global names, when the file names it.
    pub suffix: Option<Suffix>,
    /// Tags that every taggable resource gets beside ours.
    pub tags: BTreeMap<TagName, TagValue>,
}

/// How people reach Dify.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Public {
    /// The origin of every public URL; without one the front door's own name is used, which is
    /// known after apply.
    pub origin: Option<PublicOrigin>,
    /// The certificate with which the front door answers under the origin's name. Without one
    /// somebody else puts the name on it, or stands in front of it.
    pub certificate: Option<Certificate>,
}

/// Where Azure keeps the secrets of the containers.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum SecretStore {
    /// In the container apps themselves.
    App,
    /// In a key vault, which the apps read.
    KeyVault(KeyVault),
}

/// The key vault that holds the secrets.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct KeyVault {
    /// Ours or existing.
    pub origin: Origin<KeyVaultName>,
    /// The id of an existing one, when the file gives it: it may be of another group or subscription.
    pub id: Option<ResourceId>,
    /// The identity that reads it: one that already may, or one that is made and given the role.
    pub identity: IdentityOrigin,
    /// Days for which a deleted vault can be brought back.
    pub retention_days: u32,
    /// Whether nobody can remove a deleted vault before that time.
    pub purge_protection: bool,
}

/// An identity: made by us with the roles it needs, or one that has them.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum IdentityOrigin {
    /// Made and kept by this deployment.
    Managed,
    /// Made by someone else, who has given it its roles.
    Existing(ResourceId),
}

/// A data service: made by us, or existing in the same resource group under a name.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Origin<Name> {
    /// Made and kept by this deployment, under a derived name.
    Managed,
    /// Made by someone else; never written, its children are.
    Existing(Name),
}

/// The PostgreSQL server.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Postgres {
    /// Ours or existing.
    pub origin: Origin<PostgresServerName>,
    /// Azure's compute name, as `Standard_B1ms`; empty for an existing server whose size the file does not say.
    pub sku: String,
    /// `Burstable`, `GeneralPurpose` or `MemoryOptimized`; follows from the sku, and is empty where that is not listed.
    pub tier: String,
    /// Major version.
    pub version: String,
    /// Disk, in GiB.
    pub storage_gib: u32,
    /// Days for which backups are kept, 7 to 35.
    pub backup_days: u32,
    /// Whether backups are kept in the paired region too; fixed at creation.
    pub geo_redundant_backup: bool,
    /// The standby server.
    pub high_availability: Standby,
    /// Login of the administrator.
    pub administrator: String,
    /// Dify's database.
    pub database: PostgresDatabaseName,
    /// The plugin daemon's database.
    pub plugin_database: PostgresDatabaseName,
    /// Extensions that must be allow-listed, in upper case.
    pub extensions: BTreeSet<String>,
}

/// The standby of a PostgreSQL server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Standby {
    /// None.
    Off,
    /// In the zone of the server.
    SameZone,
    /// In another zone.
    ZoneRedundant,
}

impl Standby {
    /// Every kind, by the words of the file: `off`, `same-zone`, `zone-redundant`.
    pub const WORDS: [(&str, Self); 3] = [
        ("off", Self::Off),
        ("same-zone", Self::SameZone),
        ("zone-redundant", Self::ZoneRedundant),
    ];

    /// Azure's word: `Disabled`, `SameZone`, `ZoneRedundant`.
    pub fn mode(self) -> &'static str {
        match self {
            Self::Off => "Disabled",
            Self::SameZone => "SameZone",
            Self::ZoneRedundant => "ZoneRedundant",
        }
    }
}

/// The Redis instance.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Redis {
    /// Ours or existing.
    pub origin: Origin<RedisEnterpriseName>,
    /// Azure's size, as `Balanced_B0`.
    pub sku: String,
    /// Whether there is a replica.
    pub high_availability: bool,
}

/// The storage account.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Storage {
    /// Ours or existing.
    pub origin: Origin<StorageAccountName>,
    /// Azure's redundancy, as `Standard_LRS`.
    pub sku: String,
    /// Container of files: `dify-app-storage`.
    pub app_container: BlobContainerName,
    /// Container of plugins: `dify-plugins`.
    pub plugin_container: BlobContainerName,
    /// Days for which deleted blobs and containers can be brought back.
    pub retention_days: u32,
    /// How containers sign in.
    pub access: StorageAccess,
}

/// How containers sign in to the storage account.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum StorageAccess {
    /// With the account's key.
    Key,
    /// With tokens of an identity that has a role on the blob containers.
    Identity(IdentityOrigin),
}

/// Logs of all containers.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Logs {
    /// Days for which they are kept.
    pub retention_days: u32,
}

/// One service of Dify.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Service {
    /// Which.
    pub kind: ServiceKind,
    /// Image.
    pub image: ImageReference,
    /// CPU and memory of a replica.
    pub size: ConsumptionSize,
    /// Replicas.
    pub replicas: ReplicaRange,
    /// The machines it runs on, by the name of their profile; the shared ones without.
    pub workload_profile: Option<String>,
    /// Variables that the file adds or overrides.
    pub variables: BTreeMap<EnvironmentVariableName, VariableValue>,
}

/// The value of a variable that the file adds.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum VariableValue {
    /// A value that anyone who reads the app may see.
    Plain(String),
    /// A secret of the secrets file, by name.
    Secret(SecretName),
}

/// The database migration.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Migration {
    /// Image: always the API's.
    pub image: ImageReference,
    /// CPU and memory.
    pub size: ConsumptionSize,
    /// Seconds that a run may take.
    pub timeout_seconds: u32,
}

/// A rule that the file allows to be broken, and why.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct AllowedRule {
    /// The rule's id.
    pub rule: String,
    /// The reason, for the next person.
    pub reason: String,
    /// Where it stands in the file's list, from 0.
    #[serde(skip)]
    pub(crate) position: usize,
}

impl Deployment {
    /// The deployment's name.
    pub fn name(&self) -> &DeploymentName {
        &self.name
    }

    /// The environment's label.
    pub fn environment(&self) -> &EnvironmentLabel {
        &self.environment
    }

    /// `<name>-<environment>`: the start of every name and the value of the ownership tag.
    pub fn prefix(&self) -> &DeploymentPrefix {
        &self.prefix
    }

    /// Which set of defaults holds.
    pub fn profile(&self) -> Profile {
        self.profile
    }

    /// Azure region.
    pub fn location(&self) -> &Location {
        &self.location
    }

    /// The release of Dify.
    pub fn release(&self) -> &'static Release {
        self.release
    }

    /// Where in Azure it lives.
    pub fn azure(&self) -> &Azure {
        &self.azure
    }

    /// How people reach it.
    pub fn public(&self) -> &Public {
        &self.public
    }

    /// Where images come from, when not from Docker Hub.
    pub fn registry(&self) -> Option<&Registry> {
        self.registry.as_ref()
    }

    /// Where Azure keeps the secrets of the containers.
    pub fn secret_store(&self) -> &SecretStore {
        &self.secret_store
    }

    /// The key vault, when it holds the secrets.
    pub fn key_vault(&self) -> Option<&KeyVault> {
        match &self.secret_store {
            SecretStore::App => None,
            SecretStore::KeyVault(vault) => Some(vault),
        }
    }

    /// The PostgreSQL server.
    pub fn postgres(&self) -> &Postgres {
        &self.postgres
    }

    /// The Redis instance.
    pub fn redis(&self) -> &Redis {
        &self.redis
    }

    /// The storage account.
    pub fn storage(&self) -> &Storage {
        &self.storage
    }

    /// Logs of all containers.
    pub fn logs(&self) -> &Logs {
        &self.logs
    }

    /// The services, in the catalogue's order.
    pub fn services(&self) -> impl Iterator<Item = &Service> {
        self.services.values()
    }

    /// A service, when the release has it.
    pub fn service(&self, kind: ServiceKind) -> Option<&Service> {
        self.services.get(&kind)
    }

    /// The database migration.
    pub fn migration(&self) -> &Migration {
        &self.migration
    }

    /// Which path goes to which service.
    pub fn routes(&self) -> &RouteTable {
        &self.routes
    }

    /// The locations that the file adds to those of the release, in its order.
    pub fn custom_routes(&self) -> &[crate::routes::Location] {
        &self.custom_routes
    }

    /// The same, each with its position in the file's list.
    pub(crate) fn placed_routes(&self) -> impl Iterator<Item = (usize, &crate::routes::Location)> {
        self.route_positions
            .iter()
            .copied()
            .zip(&self.custom_routes)
    }

    /// What the proxy lets through.
    pub fn egress(&self) -> &EgressPolicy {
        &self.egress
    }

    /// Rules that may be broken, with reasons.
    pub fn allowed_rules(&self) -> &[AllowedRule] {
        &self.allowed
    }

    /// The suffix of global names: the file's, or derived from the subscription; nothing when
    /// neither is known.
    pub fn suffix(&self, subscription: Option<&SubscriptionId>) -> Option<Suffix> {
        let subscription = self.azure.subscription.as_ref().or(subscription);
        self.azure.suffix.clone().or_else(|| {
            let group = &self.azure.resource_group;
            Some(Suffix::derive(
                subscription?,
                group,
                &self.name,
                &self.environment,
            ))
        })
    }

    /// The secrets that must be in the secrets file: the generated ones and those the file names.
    pub fn secret_names(&self) -> BTreeSet<SecretName> {
        let generated = crate::secrets::SecretKind::ALL
            .iter()
            .copied()
            .map(SecretName::from);
        let named = self
            .services
            .values()
            .flat_map(|service| service.variables.values());
        let named = named.filter_map(|value| match value {
            VariableValue::Secret(name) => Some(name.clone()),
            VariableValue::Plain(_) => None,
        });
        let registry = self
            .registry
            .iter()
            .filter_map(|registry| registry.credentials.as_ref());
        generated
            .chain(named)
            .chain(registry.map(|login| login.password.clone()))
            .collect()
    }

    /// The app secret under which a secret of the deployment is stored in Azure.
    pub fn app_secret(name: &SecretName) -> Option<AppSecretName> {
        AppSecretName::parse(name.as_str()).ok()
    }
}
