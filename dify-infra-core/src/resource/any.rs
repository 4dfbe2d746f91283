//! The closed set of resources, and what all of them can do.

use serde::Serialize;
use serde_json::Value;

use super::{
    Kind, ResourceId, authorization, container_apps, domain, gateway, identity, monitor, network,
    postgres, redis, registry, resources, storage, vault,
};

/// A typed Azure resource: an id and the body that is sent for it.
///
/// `Serialize` writes the body alone, with [`Text`](super::Text) markers where a value is not known
/// yet; the id goes into the path of the request.
pub trait Resource: Serialize {
    /// The kind, which carries the type and the api-version.
    const KIND: Kind;

    /// The full id.
    fn id(&self) -> &ResourceId;

    /// Resources that must be finished first although the body names nothing of them: the
    /// migration run before the apps that read the tables it makes.
    fn after(&self) -> &[ResourceId] {
        &[]
    }
}

macro_rules! resources {
    ($($variant:ident($module:ident::$name:ident)),+ $(,)?) => {
        /// Any resource that dify-infra manages: the border between typed structs and the graph.
        #[derive(Debug, Clone, PartialEq)]
        #[non_exhaustive]
        pub enum AnyResource {
            $(
                #[doc = concat!("A [`", stringify!($module), "::", stringify!($name), "`].")]
                $variant(Box<$module::$name>),
            )+
        }

        impl AnyResource {
            /// The kind of the resource.
            pub fn kind(&self) -> Kind {
                match self {
                    $(Self::$variant(_) => $module::$name::KIND,)+
                }
            }

            /// The id of the resource.
            pub fn id(&self) -> &ResourceId {
                match self {
                    $(Self::$variant(resource) => resource.id(),)+
                }
            }

            /// What must be finished first although the body names nothing of it.
            pub fn after(&self) -> &[ResourceId] {
                match self {
                    $(Self::$variant(resource) => resource.after(),)+
                }
            }

            /// The body as JSON, with markers where a value is not known yet.
            pub fn body(&self) -> Value {
                match self {
                    $(Self::$variant(resource) => to_value(resource),)+
                }
            }
        }

        $(
            impl From<$module::$name> for AnyResource {
                fn from(resource: $module::$name) -> Self {
                    Self::$variant(Box::new(resource))
                }
            }
        )+
    };
}

resources! {
    ResourceGroup(resources::ResourceGroup),
    Workspace(monitor::Workspace),
    ManagedEnvironment(container_apps::ManagedEnvironment),
    ContainerApp(container_apps::ContainerApp),
    Job(container_apps::Job),
    JobExecution(container_apps::JobExecution),
    Certificate(domain::Certificate),
    ManagedCertificate(domain::ManagedCertificate),
    CustomDomain(domain::CustomDomain),
    PostgresServer(postgres::Server),
    PostgresDatabase(postgres::Database),
    PostgresConfiguration(postgres::Configuration),
    PostgresFirewallRule(postgres::FirewallRule),
    RedisEnterprise(redis::RedisEnterprise),
    RedisEnterpriseDatabase(redis::Database),
    StorageAccount(storage::StorageAccount),
    BlobService(storage::BlobService),
    BlobContainer(storage::BlobContainer),
    VirtualNetwork(network::VirtualNetwork),
    Subnet(network::Subnet),
    NetworkSecurityGroup(network::NetworkSecurityGroup),
    PrivateEndpoint(network::PrivateEndpoint),
    PrivateDnsZoneGroup(network::PrivateDnsZoneGroup),
    PrivateDnsZone(network::PrivateDnsZone),
    VirtualNetworkLink(network::VirtualNetworkLink),
    PublicIpAddress(gateway::PublicIpAddress),
    FirewallPolicy(gateway::FirewallPolicy),
    ApplicationGateway(gateway::ApplicationGateway),
    UserAssignedIdentity(identity::UserAssignedIdentity),
    RoleAssignment(authorization::RoleAssignment),
    Vault(vault::Vault),
    VaultSecret(vault::VaultSecret),
    Registry(registry::Registry),
}

/// Serialises a resource struct; they hold strings, numbers, lists and maps with string keys
/// alone, for which JSON serialisation has no failure.
fn to_value(resource: &impl Serialize) -> Value {
    serde_json::to_value(resource).unwrap_or_default()
}
