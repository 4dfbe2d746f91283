//! What is true of every resource of a type: its lane, its layer, its expected duration.

use std::time::Duration;

use super::ResourceId;

/// Writes that must happen one after the other: one lane per PostgreSQL server, per managed
/// environment, per storage account.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lane(ResourceId);

impl Lane {
    /// The lane of everything that writes to `resource`.
    pub fn of(resource: &ResourceId) -> Self {
        Self(resource.clone())
    }

    /// The resource that takes one write at a time.
    pub fn resource(&self) -> &ResourceId {
        &self.0
    }
}

/// What a resource holds, which decides whether it may ever be deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Layer {
    /// Things that can be made again from the file: apps, jobs, environments, logs.
    Application,
    /// Things that hold what users made: databases, caches, blobs, and what keeps them reachable.
    Data,
}

/// A resource type that dify-infra manages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// `Microsoft.Resources/resourceGroups`
    ResourceGroup,
    /// `Microsoft.OperationalInsights/workspaces`
    Workspace,
    /// `Microsoft.App/managedEnvironments`
    ManagedEnvironment,
    /// `Microsoft.App/containerApps`
    ContainerApp,
    /// `Microsoft.App/jobs`
    Job,
    /// `Microsoft.App/jobs/executions`: one run of a job, started by a POST.
    JobExecution,
    /// `Microsoft.App/managedEnvironments/certificates`
    Certificate,
    /// `Microsoft.App/managedEnvironments/managedCertificates`
    ManagedCertificate,
    /// A name of one's own on an app: an item of its `customDomains`, written with the app.
    CustomDomain,
    /// `Microsoft.DBforPostgreSQL/flexibleServers`
    PostgresServer,
    /// `Microsoft.DBforPostgreSQL/flexibleServers/databases`
    PostgresDatabase,
    /// `Microsoft.DBforPostgreSQL/flexibleServers/configurations`
    PostgresConfiguration,
    /// `Microsoft.DBforPostgreSQL/flexibleServers/firewallRules`
    PostgresFirewallRule,
    /// `Microsoft.Cache/redisEnterprise`
    RedisEnterprise,
    /// `Microsoft.Cache/redisEnterprise/databases`
    RedisEnterpriseDatabase,
    /// `Microsoft.Storage/storageAccounts`
    StorageAccount,
    /// `Microsoft.Storage/storageAccounts/blobServices`
    BlobService,
    /// `Microsoft.Storage/storageAccounts/blobServices/containers`
    BlobContainer,
    /// `Microsoft.Network/virtualNetworks`
    VirtualNetwork,
    /// `Microsoft.Network/virtualNetworks/subnets`
    Subnet,
    /// `Microsoft.Network/networkSecurityGroups`
    NetworkSecurityGroup,
    /// `Microsoft.Network/privateEndpoints`
    PrivateEndpoint,
    /// `Microsoft.Network/privateEndpoints/privateDnsZoneGroups`
    PrivateDnsZoneGroup,
    /// `Microsoft.Network/privateDnsZones`
    PrivateDnsZone,
    /// `Microsoft.Network/privateDnsZones/virtualNetworkLinks`
    VirtualNetworkLink,
    /// `Microsoft.Network/publicIPAddresses`
    PublicIpAddress,
    /// `Microsoft.Network/ApplicationGatewayWebApplicationFirewallPolicies`
    FirewallPolicy,
    /// `Microsoft.Network/applicationGateways`
    ApplicationGateway,
    /// `Microsoft.ManagedIdentity/userAssignedIdentities`
    UserAssignedIdentity,
    /// `Microsoft.Authorization/roleAssignments`, below the resource that it is about.
    RoleAssignment,
    /// `Microsoft.KeyVault/vaults`
    Vault,
    /// `Microsoft.KeyVault/vaults/secrets`
    VaultSecret,
    /// `Microsoft.ContainerRegistry/registries`, which is read and never written.
    Registry,
}

impl Kind {
    /// Every kind, in the order in which a person would list them.
    pub const ALL: [Self; 33] = [
        Self::ResourceGroup,
        Self::UserAssignedIdentity,
        Self::Vault,
        Self::VaultSecret,
        Self::Registry,
        Self::RoleAssignment,
        Self::Workspace,
        Self::NetworkSecurityGroup,
        Self::VirtualNetwork,
        Self::Subnet,
        Self::PrivateDnsZone,
        Self::VirtualNetworkLink,
        Self::PrivateEndpoint,
        Self::PrivateDnsZoneGroup,
        Self::ManagedEnvironment,
        Self::PostgresServer,
        Self::PostgresConfiguration,
        Self::PostgresFirewallRule,
        Self::PostgresDatabase,
        Self::RedisEnterprise,
        Self::RedisEnterpriseDatabase,
        Self::StorageAccount,
        Self::BlobService,
        Self::BlobContainer,
        Self::Job,
        Self::JobExecution,
        Self::ContainerApp,
        Self::Certificate,
        Self::ManagedCertificate,
        Self::CustomDomain,
        Self::PublicIpAddress,
        Self::FirewallPolicy,
        Self::ApplicationGateway,
    ];

    /// The resource type in Azure's spelling.
    pub fn resource_type(self) -> &'static str {
        match self {
            Self::ResourceGroup => "Microsoft.Resources/resourceGroups",
            Self::Workspace => "Microsoft.OperationalInsights/workspaces",
            Self::ManagedEnvironment => "Microsoft.App/managedEnvironments",
            Self::ContainerApp => "Microsoft.App/containerApps",
            Self::Job => "Microsoft.App/jobs",
            Self::JobExecution => "Microsoft.App/jobs/executions",
            Self::Certificate => "Microsoft.App/managedEnvironments/certificates",
            Self::ManagedCertificate => "Microsoft.App/managedEnvironments/managedCertificates",
            Self::CustomDomain => "Microsoft.App/containerApps/customDomains",
            Self::PostgresServer => "Microsoft.DBforPostgreSQL/flexibleServers",
            Self::PostgresDatabase => "Microsoft.DBforPostgreSQL/flexibleServers/databases",
            Self::PostgresConfiguration => {
                "Microsoft.DBforPostgreSQL/flexibleServers/configurations"
            }
            Self::PostgresFirewallRule => "Microsoft.DBforPostgreSQL/flexibleServers/firewallRules",
            Self::RedisEnterprise => "Microsoft.Cache/redisEnterprise",
            Self::RedisEnterpriseDatabase => "Microsoft.Cache/redisEnterprise/databases",
            Self::StorageAccount => "Microsoft.Storage/storageAccounts",
            Self::BlobService => "Microsoft.Storage/storageAccounts/blobServices",
            Self::BlobContainer => "Microsoft.Storage/storageAccounts/blobServices/containers",
            Self::VirtualNetwork => "Microsoft.Network/virtualNetworks",
            Self::Subnet => "Microsoft.Network/virtualNetworks/subnets",
            Self::NetworkSecurityGroup => "Microsoft.Network/networkSecurityGroups",
            Self::PrivateEndpoint => "Microsoft.Network/privateEndpoints",
            Self::PrivateDnsZoneGroup => "Microsoft.Network/privateEndpoints/privateDnsZoneGroups",
            Self::PrivateDnsZone => "Microsoft.Network/privateDnsZones",
            Self::VirtualNetworkLink => "Microsoft.Network/privateDnsZones/virtualNetworkLinks",
            Self::PublicIpAddress => "Microsoft.Network/publicIPAddresses",
            Self::FirewallPolicy => {
                "Microsoft.Network/ApplicationGatewayWebApplicationFirewallPolicies"
            }
            Self::ApplicationGateway => "Microsoft.Network/applicationGateways",
            Self::UserAssignedIdentity => "Microsoft.ManagedIdentity/userAssignedIdentities",
            Self::RoleAssignment => "Microsoft.Authorization/roleAssignments",
            Self::Vault => "Microsoft.KeyVault/vaults",
            Self::VaultSecret => "Microsoft.KeyVault/vaults/secrets",
            Self::Registry => "Microsoft.ContainerRegistry/registries",
        }
    }

    /// The api-version that every request about this type carries: the newest stable one in
    /// Azure/bicep-types-az of 2026-08-20.
    pub fn api_version(self) -> &'static str {
        match self {
            Self::ResourceGroup => "2025-04-01",
            Self::Workspace => "2026-03-01",
            Self::ManagedEnvironment
            | Self::ContainerApp
            | Self::Job
            | Self::JobExecution
            | Self::Certificate
            | Self::ManagedCertificate
            | Self::CustomDomain => "2026-01-01",
            Self::PostgresServer
            | Self::PostgresDatabase
            | Self::PostgresConfiguration
            | Self::PostgresFirewallRule => "2025-08-01",
            Self::RedisEnterprise | Self::RedisEnterpriseDatabase => "2025-07-01",
            Self::StorageAccount | Self::BlobService | Self::BlobContainer => "2026-04-01",
            Self::VirtualNetwork
            | Self::Subnet
            | Self::NetworkSecurityGroup
            | Self::PrivateEndpoint
            | Self::PrivateDnsZoneGroup
            | Self::PublicIpAddress
            | Self::FirewallPolicy
            | Self::ApplicationGateway => "2025-09-01",
            Self::PrivateDnsZone | Self::VirtualNetworkLink => "2024-06-01",
            Self::UserAssignedIdentity => "2024-11-30",
            Self::RoleAssignment => "2022-04-01",
            Self::Vault | Self::VaultSecret => "2026-02-01",
            Self::Registry => "2025-11-01",
        }
    }

    /// The kind of a resource type, in any letter case.
    pub fn from_type(resource_type: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.resource_type().eq_ignore_ascii_case(resource_type))
    }

    /// What a resource of this kind holds.
    pub fn layer(self) -> Layer {
        match self {
            Self::PostgresServer
            | Self::PostgresDatabase
            | Self::PostgresConfiguration
            | Self::PostgresFirewallRule
            | Self::RedisEnterprise
            | Self::RedisEnterpriseDatabase
            | Self::StorageAccount
            | Self::BlobService
            | Self::BlobContainer
            | Self::VirtualNetwork
            | Self::Subnet
            | Self::NetworkSecurityGroup
            | Self::PrivateEndpoint
            | Self::PrivateDnsZoneGroup
            | Self::PrivateDnsZone
            | Self::VirtualNetworkLink
            | Self::Vault
            | Self::VaultSecret
            | Self::Registry
            | Self::ResourceGroup => Layer::Data,
            Self::Workspace
            | Self::UserAssignedIdentity
            | Self::RoleAssignment
            | Self::ManagedEnvironment
            | Self::ContainerApp
            | Self::Job
            | Self::JobExecution
            | Self::Certificate
            | Self::ManagedCertificate
            | Self::CustomDomain
            | Self::PublicIpAddress
            | Self::FirewallPolicy
            | Self::ApplicationGateway => Layer::Application,
        }
    }

    /// Whether Azure keeps tags on this kind (tfitzmac/resource-capabilities `tag-support.csv`).
    /// What has none follows its parent.
    pub fn is_taggable(self) -> bool {
        matches!(
            self,
            Self::ResourceGroup
                | Self::Workspace
                | Self::ManagedEnvironment
                | Self::ContainerApp
                | Self::Job
                | Self::Certificate
                | Self::ManagedCertificate
                | Self::PostgresServer
                | Self::RedisEnterprise
                | Self::StorageAccount
                | Self::VirtualNetwork
                | Self::NetworkSecurityGroup
                | Self::PrivateEndpoint
                | Self::PrivateDnsZone
                | Self::VirtualNetworkLink
                | Self::PublicIpAddress
                | Self::FirewallPolicy
                | Self::ApplicationGateway
                | Self::UserAssignedIdentity
                | Self::Vault
                | Self::VaultSecret
                | Self::Registry
        )
    }

    /// How long a creation usually takes, for the order of work and for progress; never a limit.
    /// Rough figures of public deployment logs.
    pub fn usual_duration(self) -> Duration {
        Duration::from_secs(match self {
            Self::ResourceGroup
            | Self::BlobService
            | Self::BlobContainer
            | Self::VaultSecret
            | Self::Registry => 2,
            Self::VirtualNetwork
            | Self::Subnet
            | Self::NetworkSecurityGroup
            | Self::UserAssignedIdentity
            | Self::PublicIpAddress
            | Self::FirewallPolicy
            | Self::RoleAssignment => 5,
            Self::PrivateDnsZoneGroup | Self::Certificate => 8,
            Self::Workspace
            | Self::Vault
            | Self::StorageAccount
            | Self::PostgresConfiguration
            | Self::PrivateDnsZone
            | Self::VirtualNetworkLink => 30,
            Self::PostgresFirewallRule | Self::PostgresDatabase | Self::Job => 25,
            Self::ContainerApp | Self::PrivateEndpoint | Self::CustomDomain => 45,
            Self::JobExecution | Self::RedisEnterpriseDatabase => 60,
            Self::ManagedEnvironment => 180,
            Self::PostgresServer | Self::ManagedCertificate => 300,
            Self::ApplicationGateway => 360,
            Self::RedisEnterprise => 420,
        })
    }

    /// The lane of writes to `id`, when writes around it collide.
    ///
    /// A PostgreSQL server takes one write at a time, children included (`ServerIsBusy`:
    /// Azure/bicep-registry-modules#4451, hashicorp/terraform-provider-azurerm#28298). So does a
    /// virtual network with its subnets (`AnotherOperationInProgress`: Azure/bicep#5132).
    pub fn lane(self, id: &ResourceId) -> Option<Lane> {
        match self {
            Self::PostgresServer | Self::ManagedEnvironment | Self::VirtualNetwork => {
                Some(Lane::of(id))
            }
            Self::PostgresDatabase
            | Self::PostgresConfiguration
            | Self::PostgresFirewallRule
            | Self::Subnet => id.parent().as_ref().map(Lane::of),
            _ => None,
        }
    }

    /// Properties (JSON pointers) that Azure fixes at creation: a different value means
    /// replacing the resource. Microsoft's types lose this mark; it is in the descriptions and the
    /// OpenAPI `x-ms-mutability` of Azure/azure-rest-api-specs.
    pub fn immutable(self) -> &'static [&'static str] {
        match self {
            Self::ResourceGroup
            | Self::Workspace
            | Self::RedisEnterprise
            | Self::VirtualNetwork
            | Self::NetworkSecurityGroup
            | Self::UserAssignedIdentity
            | Self::Registry
            | Self::FirewallPolicy
            | Self::PrivateDnsZone => &["/location"],
            Self::PublicIpAddress => &["/location", "/sku", "/zones"],
            Self::ApplicationGateway => {
                &["/location", "/zones", "/properties/gatewayIPConfigurations"]
            }
            Self::PrivateEndpoint => &[
                "/location",
                "/properties/subnet",
                "/properties/privateLinkServiceConnections",
            ],
            Self::VirtualNetworkLink => &["/properties/virtualNetwork"],
            Self::Vault => &["/location", "/properties/softDeleteRetentionInDays"],
            Self::RoleAssignment => &["/properties/principalId", "/properties/roleDefinitionId"],
            Self::ManagedEnvironment => &[
                "/location",
                "/properties/vnetConfiguration",
                "/properties/zoneRedundant",
            ],
            Self::ContainerApp | Self::Job => &["/location", "/properties/environmentId"],
            Self::PostgresServer => &[
                "/location",
                "/properties/administratorLogin",
                "/properties/network/delegatedSubnetResourceId",
                "/properties/backup/geoRedundantBackup",
            ],
            Self::PostgresDatabase => &["/properties/charset", "/properties/collation"],
            Self::RedisEnterpriseDatabase => &["/properties/clientProtocol", "/properties/port"],
            Self::StorageAccount => &["/location", "/kind"],
            // A second PUT with other properties is `ManagedCertNoUpdate`.
            Self::ManagedCertificate => &[
                "/location",
                "/properties/subjectName",
                "/properties/domainControlValidation",
            ],
            Self::JobExecution
            | Self::Certificate
            | Self::CustomDomain
            | Self::PostgresConfiguration
            | Self::PostgresFirewallRule
            | Self::BlobService
            | Self::BlobContainer
            | Self::Subnet
            | Self::VaultSecret
            | Self::PrivateDnsZoneGroup => &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_found_by_its_type_in_any_case() {
        for kind in Kind::ALL {
            assert_eq!(
                Kind::from_type(&kind.resource_type().to_uppercase()),
                Some(kind)
            );
        }
        assert_eq!(Kind::from_type("Microsoft.Compute/virtualMachines"), None);
    }

    #[test]
    fn writes_to_a_server_and_its_children_share_a_lane() {
        let group = ResourceId::resource_group("s", "g");
        let server = group.provider(Kind::PostgresServer.resource_type(), "pg");
        let database = server.child("databases", "dify");
        assert_eq!(
            Kind::PostgresServer.lane(&server),
            Kind::PostgresDatabase.lane(&database)
        );
    }
}
