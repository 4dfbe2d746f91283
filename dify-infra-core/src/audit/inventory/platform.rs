//! What apps stand on: environments, data services, vaults, networks, registries and roles.

use super::Fact;
use crate::audit::place::Place;
use crate::audit::seen::Seen;

/// A managed environment.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Environment {
    /// Its name.
    pub name: Seen,
    /// The subnet's id, when it has a network of its own.
    pub subnet: Fact<Seen>,
    /// Whether only its network reaches it: no app has a public address.
    pub internal: Fact<bool>,
    /// Whether it has workload profiles.
    pub workload_profiles: bool,
    /// Whether the names of all of them can be seen.
    pub profiles_seen: bool,
    /// Names of its workload profiles with their types, as `D4`.
    pub profile_types: Vec<(String, String)>,
    /// Where its apps' logs go, in lower case.
    pub logs: Fact<String>,
    /// Where it stands.
    pub place: Place,
}

/// How a compose service is connected; an app of Azure is in the network of its environment.
#[derive(Debug, Clone, Default)]
pub struct ServiceNetwork {
    /// `network_mode`, where it is written: `host`, `none`, `service:name`.
    pub mode: Option<String>,
    /// The networks that it is in; `default` where it names none.
    pub names: Vec<String>,
    /// Whether `container_name` replaces the name that compose makes of project, service and number.
    pub has_own_name: bool,
}

/// A PostgreSQL server.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct PostgresServer {
    /// Its name.
    pub name: Seen,
    /// Compute size.
    pub sku: Fact<String>,
    /// `Enabled` or `Disabled`, in lower case.
    pub public_access: Fact<String>,
    /// Whether it stands in a subnet of its own.
    pub injected: bool,
    /// Whether a private endpoint leads to it.
    pub private_endpoint: bool,
    /// The login that Azure makes with it.
    pub administrator: Fact<Seen>,
    /// That login's password.
    pub password: Fact<Seen>,
    /// Databases, with their places.
    pub databases: Vec<(Seen, Place)>,
    /// Settings: name, value, place and what each waits for.
    pub configurations: Vec<Configuration>,
    /// Firewall rules: first address, last address, place.
    pub firewall: Vec<(Seen, Seen, Place)>,
    /// Whether all of them were handed over: those of a server that somebody else made are not.
    pub firewall_seen: bool,
    /// Whether its children were handed over too.
    pub children_seen: bool,
    /// Whether it can be seen what waits for what: Azure's answers tell nothing of it.
    pub order_seen: bool,
    /// Where it stands.
    pub place: Place,
}

/// A setting of a PostgreSQL server.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Configuration {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: Option<Seen>,
    /// Ids and names that it waits for.
    pub depends_on: Vec<Seen>,
    /// What it is called in the template, for others that wait for it.
    pub id: Seen,
    /// Whether it is a database, not a setting.
    pub is_database: bool,
    /// Where it stands.
    pub place: Place,
}

/// What offers Redis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RedisOffer {
    /// Azure Managed Redis.
    Managed,
    /// Azure Cache for Redis.
    Cache,
}

/// A Redis instance.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RedisInstance {
    /// Its name.
    pub name: Seen,
    /// What offers it.
    pub offer: RedisOffer,
    /// Size, as `Balanced_B0`; nothing for the older offer.
    pub sku: Fact<String>,
    /// Whether keys are taken: `enabled` or `disabled`, in lower case.
    pub access_keys: Fact<String>,
    /// The version of Azure's interface that the instance is written with, and its database.
    pub api_versions: (Option<String>, Option<String>),
    /// Whether a private endpoint leads to it.
    pub private_endpoint: bool,
    /// Where the instance itself stands; its database, which has the settings, stands at `place`.
    pub cluster: Place,
    /// Clustering policy, in lower case.
    pub clustering: Fact<String>,
    /// Eviction policy, in lower case.
    pub eviction: Fact<String>,
    /// Port of TLS.
    pub port: Fact<f64>,
    /// Whether plain connections are answered.
    pub plain: Fact<bool>,
    /// `Enabled` or `Disabled`, in lower case.
    pub public_access: Fact<String>,
    /// Whether its database was handed over too.
    pub children_seen: bool,
    /// Where it stands.
    pub place: Place,
}

/// A storage account.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct StorageAccount {
    /// Its name.
    pub name: Seen,
    /// Blob containers.
    pub containers: Vec<(Seen, Place)>,
    /// Whether the account's keys are taken; they are unless it says otherwise.
    pub shared_keys: Fact<bool>,
    /// Whether a private endpoint leads to it.
    pub private_endpoint: bool,
    /// Whether blobs may be public.
    pub public_blobs: Fact<bool>,
    /// `Enabled` or `Disabled`, in lower case.
    pub public_access: Fact<String>,
    /// Whether the firewall denies what it does not name.
    pub default_deny: bool,
    /// Whether its children were handed over too.
    pub children_seen: bool,
    /// Where it stands.
    pub place: Place,
}

/// A key vault.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Vault {
    /// Its name.
    pub name: Seen,
    /// Whether rights are role assignments.
    pub rbac: Fact<bool>,
    /// `Enabled` or `Disabled`, in lower case.
    pub public_access: Fact<String>,
    /// Whether access policies are there.
    pub access_policies: bool,
    /// Where it stands.
    pub place: Place,
}

/// A secret of a key vault, without its value.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct StoredSecret {
    /// Its name, behind that of its vault.
    pub name: Seen,
    /// When its current version was written, in seconds since 1970.
    pub written: i64,
    /// Where it stands.
    pub place: Place,
}

/// A subnet.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Subnet {
    /// Its id, as far as seen.
    pub id: Seen,
    /// Its name.
    pub name: Seen,
    /// The network it belongs to.
    pub network: Seen,
    /// Its range.
    pub prefix: Fact<Seen>,
    /// Services that it is delegated to.
    pub delegations: Vec<String>,
    /// Where it stands.
    pub place: Place,
}

/// A container registry.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RegistryAccount {
    /// Whether the admin user is on.
    pub admin_user: Fact<bool>,
    /// Where it stands.
    pub place: Place,
}

/// An application gateway, or a firewall policy of one.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Gateway {
    /// Seconds that it waits for an answer, for each of its settings.
    pub timeouts: Vec<(f64, Place)>,
    /// Megabytes of a file at most.
    pub upload: Fact<f64>,
    /// Whether it takes its certificates from a vault, or may do so.
    pub reads_vault: bool,
    /// Where it stands.
    pub place: Place,
}

/// A role assignment.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RoleAssignment {
    /// The role's id, as far as seen.
    pub role: Seen,
    /// Where it stands.
    pub place: Place,
}
