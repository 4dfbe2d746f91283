//! The names and ids of a deployment's resources.

use super::{Context, Target};
use crate::catalogue::ServiceKind;
use crate::deployment::{
    AzureRegistry, Deployment, IdentityOrigin, KeyVault, NetworkPlace, Origin, StorageAccess,
    SubnetUse,
};
use crate::resource::{Kind, ResourceId};

/// The names of a deployment's resources.
///
/// Names that only have to be unique in the resource group derive from name and environment; names
/// that are unique in all of Azure end in the suffix as well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceNames {
    prefix: String,
    suffix: String,
    /// PostgreSQL server.
    pub postgres: String,
    /// Redis instance.
    pub redis: String,
    /// Storage account.
    pub storage: String,
    /// Key vault, when there is one.
    pub vault: String,
}

impl ResourceNames {
    /// The names of a deployment in a subscription.
    pub fn new(deployment: &Deployment, target: &Target) -> Self {
        let prefix = deployment.prefix().as_str().to_owned();
        let suffix = target.suffix();
        let global = |part: &str| format!("{prefix}-{part}-{suffix}");
        Self {
            postgres: existing_or(&deployment.postgres().origin, || global("postgres")),
            redis: existing_or(&deployment.redis().origin, || global("redis")),
            storage: existing_or(&deployment.storage().origin, || {
                storage_account(&prefix, suffix)
            }),
            vault: match deployment.key_vault().map(|vault| &vault.origin) {
                Some(Origin::Existing(name)) => name.to_string(),
                _ => vault(&prefix, suffix),
            },
            suffix: suffix.to_owned(),
            prefix,
        }
    }

    /// The app of a service: `dify-dev-plugin-daemon`.
    pub fn app(&self, kind: ServiceKind) -> String {
        format!("{}-{}", self.prefix, kind.app_suffix())
    }

    /// The migration job: `dify-dev-migration`.
    pub fn migration(&self) -> String {
        format!("{}-migration", self.prefix)
    }

    /// The managed environment: `dify-dev-environment`.
    pub fn environment(&self) -> String {
        format!("{}-environment", self.prefix)
    }

    /// The virtual network: `dify-prod-network`.
    pub fn network(&self) -> String {
        format!("{}-network", self.prefix)
    }

    /// The link that lets the virtual network see a private DNS zone: `dify-prod-network`. In a zone that
    /// other deployments use too, the suffix tells it from theirs, which may have the same name in another
    /// resource group: `dify-prod-network-k3x9qa`.
    pub fn zone_link(&self, is_shared: bool) -> String {
        if is_shared {
            format!("{}-{}", self.network(), self.suffix)
        } else {
            self.network()
        }
    }

    /// The rules of a subnet: `dify-prod-apps-rules`.
    pub fn security_group(&self, subnet: SubnetUse) -> String {
        format!("{}-{}-rules", self.prefix, subnet.as_str())
    }

    /// The private endpoint of a service: `dify-prod-postgres-endpoint`.
    pub fn private_endpoint(&self, part: &str) -> String {
        format!("{}-{part}-endpoint", self.prefix)
    }

    /// The Log Analytics workspace: `dify-dev-logs`.
    pub fn workspace(&self) -> String {
        format!("{}-logs", self.prefix)
    }

    /// The application gateway: `dify-prod-gateway`.
    pub fn gateway(&self) -> String {
        format!("{}-gateway", self.prefix)
    }

    /// The public address of the gateway: `dify-prod-gateway-address`.
    pub fn gateway_address(&self) -> String {
        format!("{}-gateway-address", self.prefix)
    }

    /// The policy of the gateway's firewall: `dify-prod-gateway-firewall`.
    pub fn gateway_firewall(&self) -> String {
        format!("{}-gateway-firewall", self.prefix)
    }

    /// The identity that reads the gateway's certificate: `dify-prod-gateway-identity`.
    pub fn gateway_identity(&self) -> String {
        format!("{}-gateway-identity", self.prefix)
    }

    /// The identity that reads the vault and pulls images: `dify-dev-identity`.
    pub fn identity(&self) -> String {
        format!("{}-identity", self.prefix)
    }

    /// The identity with which containers sign in to the storage account:
    /// `dify-dev-storage-identity`. They get its tokens, so it may do nothing else.
    pub fn storage_identity(&self) -> String {
        format!("{}-storage-identity", self.prefix)
    }
}

/// The id of the Azure registry that a deployment's images come from; nothing when they come from
/// elsewhere.
pub fn registry_id(deployment: &Deployment, target: &Target) -> Option<ResourceId> {
    let registry = deployment.registry()?.azure.as_ref()?;
    let group = deployment.azure().resource_group.as_str();
    let group = ResourceId::resource_group(target.subscription(), group);
    Some(registry_in(&group, registry))
}

fn registry_in(group: &ResourceId, registry: &AzureRegistry) -> ResourceId {
    let subscription = registry.subscription.as_ref();
    let subscription = subscription.map_or(group.subscription(), |id| id.as_str());
    let other = registry.resource_group.as_ref();
    let other = other.map(|name| ResourceId::resource_group(subscription, name.as_str()));
    let group = other.as_ref().unwrap_or(group);
    group.provider(Kind::Registry.resource_type(), registry.name.as_str())
}

/// A storage account's name takes letters and digits alone, 24 at most: 18 before the suffix.
pub(crate) fn storage_account(prefix: &str, suffix: &str) -> String {
    let letters = prefix.chars().filter(char::is_ascii_alphanumeric);
    letters.take(18).chain(suffix.chars()).collect()
}

/// A vault's name takes 24 characters: 17 before the hyphen and the suffix.
pub(crate) fn vault(prefix: &str, suffix: &str) -> String {
    let short: String = prefix.chars().take(17).collect();
    format!("{}-{suffix}", short.trim_end_matches('-'))
}

fn existing_or<Name: ToString>(origin: &Origin<Name>, derived: impl FnOnce() -> String) -> String {
    match origin {
        Origin::Managed => derived(),
        Origin::Existing(name) => name.to_string(),
    }
}

impl Context<'_> {
    fn top(&self, kind: Kind, name: &str) -> ResourceId {
        self.group.provider(kind.resource_type(), name)
    }

    pub(super) fn workspace(&self) -> ResourceId {
        self.top(Kind::Workspace, &self.names.workspace())
    }

    pub(super) fn vault(&self) -> ResourceId {
        let given = self
            .deployment
            .key_vault()
            .and_then(|vault| vault.id.clone());
        given.unwrap_or_else(|| self.top(Kind::Vault, &self.names.vault))
    }

    /// A secret of the vault. In a vault that others use too it begins with the deployment's name.
    pub(super) fn vault_secret(&self, vault: &KeyVault, name: &str) -> ResourceId {
        let name = match vault.origin {
            Origin::Managed => name.to_owned(),
            Origin::Existing(_) => format!("{}-{name}", self.deployment.prefix()),
        };
        self.vault().child("secrets", &name)
    }

    /// The registry that images come from, which exists.
    pub(super) fn registry(&self, registry: &AzureRegistry) -> ResourceId {
        registry_in(&self.group, registry)
    }

    /// The identity that is made, or the one that the file names.
    pub(super) fn identity(&self, origin: &IdentityOrigin) -> ResourceId {
        match origin {
            IdentityOrigin::Managed => self.top(Kind::UserAssignedIdentity, &self.names.identity()),
            IdentityOrigin::Existing(id) => id.clone(),
        }
    }

    /// The identity with which containers sign in to the storage account, when they do.
    pub(super) fn storage_identity(&self) -> Option<ResourceId> {
        let StorageAccess::Identity(origin) = &self.deployment.storage().access else {
            return None;
        };
        Some(match origin {
            IdentityOrigin::Managed => {
                let name = self.names.storage_identity();
                self.top(Kind::UserAssignedIdentity, &name)
            }
            IdentityOrigin::Existing(id) => id.clone(),
        })
    }

    pub(super) fn environment(&self) -> ResourceId {
        self.top(Kind::ManagedEnvironment, &self.names.environment())
    }

    pub(super) fn app(&self, kind: ServiceKind) -> ResourceId {
        self.top(Kind::ContainerApp, &self.names.app(kind))
    }

    pub(super) fn migration(&self) -> ResourceId {
        self.top(Kind::Job, &self.names.migration())
    }

    /// The run of the migration job that the current image needs.
    pub(super) fn migration_run(&self) -> ResourceId {
        self.migration().child("executions", "migration")
    }

    /// The network, ours or somebody else's.
    pub(super) fn network(&self) -> ResourceId {
        match self.deployment.network().map(|network| &network.place) {
            Some(NetworkPlace::Existing(existing)) => existing.id.clone(),
            _ => self.top(Kind::VirtualNetwork, &self.names.network()),
        }
    }

    /// A subnet, ours or somebody else's; nothing when the environment has no network of its own,
    /// or the file names none for this use.
    pub(super) fn subnet(&self, subnet: SubnetUse) -> Option<ResourceId> {
        match &self.deployment.network()?.place {
            NetworkPlace::Own(_) => Some(self.network().child("subnets", subnet.as_str())),
            NetworkPlace::Existing(existing) => match subnet {
                SubnetUse::Apps => Some(existing.apps.clone()),
                SubnetUse::Endpoints => existing.endpoints.clone(),
                SubnetUse::Gateway => existing.gateway.clone(),
            },
        }
    }

    pub(super) fn security_group(&self, subnet: SubnetUse) -> ResourceId {
        let name = self.names.security_group(subnet);
        self.top(Kind::NetworkSecurityGroup, &name)
    }

    pub(super) fn private_endpoint(&self, part: &str) -> ResourceId {
        self.top(Kind::PrivateEndpoint, &self.names.private_endpoint(part))
    }

    /// A private DNS zone, in our group or where the file says that the zones are.
    pub(super) fn zone(&self, name: &str) -> ResourceId {
        let endpoints = self.deployment.private_endpoints();
        let group = endpoints.and_then(|endpoints| endpoints.zones.as_ref());
        group
            .unwrap_or(&self.group)
            .provider(Kind::PrivateDnsZone.resource_type(), name)
    }

    pub(super) fn gateway(&self) -> ResourceId {
        self.top(Kind::ApplicationGateway, &self.names.gateway())
    }

    pub(super) fn gateway_address(&self) -> ResourceId {
        self.top(Kind::PublicIpAddress, &self.names.gateway_address())
    }

    pub(super) fn gateway_firewall(&self) -> ResourceId {
        self.top(Kind::FirewallPolicy, &self.names.gateway_firewall())
    }

    /// The identity that reads the gateway's certificate, made or named by the file.
    pub(super) fn gateway_identity(&self, origin: &IdentityOrigin) -> ResourceId {
        match origin {
            IdentityOrigin::Managed => {
                self.top(Kind::UserAssignedIdentity, &self.names.gateway_identity())
            }
            IdentityOrigin::Existing(id) => id.clone(),
        }
    }

    pub(super) fn postgres(&self) -> ResourceId {
        self.top(Kind::PostgresServer, &self.names.postgres)
    }

    pub(super) fn database(&self) -> ResourceId {
        self.postgres()
            .child("databases", self.deployment.postgres().database.as_str())
    }

    pub(super) fn plugin_database(&self) -> ResourceId {
        self.postgres().child(
            "databases",
            self.deployment.postgres().plugin_database.as_str(),
        )
    }

    pub(super) fn extensions(&self) -> ResourceId {
        self.postgres().child("configurations", "azure.extensions")
    }

    pub(super) fn firewall_rule(&self) -> ResourceId {
        self.postgres()
            .child("firewallRules", "AllowAllAzureServices")
    }

    pub(super) fn redis(&self) -> ResourceId {
        self.top(Kind::RedisEnterprise, &self.names.redis)
    }

    pub(super) fn redis_database(&self) -> ResourceId {
        self.redis().child("databases", "default")
    }

    pub(super) fn storage(&self) -> ResourceId {
        self.top(Kind::StorageAccount, &self.names.storage)
    }

    pub(super) fn blob_service(&self) -> ResourceId {
        self.storage().child("blobServices", "default")
    }

    pub(super) fn container(&self, name: &str) -> ResourceId {
        self.blob_service().child("containers", name)
    }
}
