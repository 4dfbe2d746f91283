//! `Microsoft.Network`: virtual networks, security groups, private endpoints and private DNS.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::deployment::SubnetUse;

use super::{ResourceId, Text};

/// A reference to another resource by its id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reference {
    /// The other resource's id.
    pub id: Text,
}

impl From<&ResourceId> for Reference {
    fn from(id: &ResourceId) -> Self {
        Self {
            id: Text::from(id.as_str()),
        }
    }
}

/// A virtual network. Its subnets are resources of their own: a PUT without them leaves them as
/// they are (<https://techcommunity.microsoft.com/blog/azurenetworkingblog/azure-virtual-network-now-supports-updates-without-subnet-property/4067952>).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct VirtualNetwork {
    /// The network's id.
    #[serde(skip)]
    pub id: ResourceId,
    /// Azure region.
    pub location: String,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// What is managed of its properties; nothing of a network that someone else made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub properties: Option<VirtualNetworkProperties>,
}

/// The managed properties of a [`VirtualNetwork`].
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VirtualNetworkProperties {
    /// Addresses of the network.
    pub address_space: AddressSpace,
}

/// The addresses of a [`VirtualNetwork`].
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AddressSpace {
    /// Ranges, as `10.0.0.0/16`.
    pub address_prefixes: Vec<String>,
}

/// A subnet of a [`VirtualNetwork`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Subnet {
    /// The subnet's id.
    #[serde(skip)]
    pub id: ResourceId,
    /// What is put into it.
    #[serde(skip)]
    pub holds: SubnetUse,
    /// The longest prefix that leaves enough addresses for what is put into it; an existing subnet
    /// is compared with it.
    #[serde(skip)]
    pub longest_prefix: u8,
    /// The range that the file says an existing subnet has.
    #[serde(skip)]
    pub expected_range: Option<String>,
    /// What is managed of its properties.
    pub properties: SubnetProperties,
}

/// The managed properties of a [`Subnet`].
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SubnetProperties {
    /// The range; nothing for a subnet that someone else made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address_prefix: Option<String>,
    /// The services that may put their own things into it.
    pub delegations: Vec<Delegation>,
    /// The rules for what goes in and out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network_security_group: Option<Reference>,
    /// Whether the rules hold for private endpoints too: `NetworkSecurityGroupEnabled`; Azure's
    /// default is that they don't.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub private_endpoint_network_policies: Option<String>,
}

/// A service to which a [`Subnet`] is delegated.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Delegation {
    /// A name of our own.
    pub name: String,
    /// The service.
    pub properties: DelegationProperties,
}

/// The service of a [`Delegation`].
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DelegationProperties {
    /// As `Microsoft.App/environments`.
    pub service_name: String,
}

/// A network security group: what may go into a subnet and out of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NetworkSecurityGroup {
    /// The group's id.
    #[serde(skip)]
    pub id: ResourceId,
    /// Azure region.
    pub location: String,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// What is managed of its properties.
    pub properties: NetworkSecurityGroupProperties,
}

/// The managed properties of a [`NetworkSecurityGroup`].
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NetworkSecurityGroupProperties {
    /// The rules, before those that every group ends with.
    pub security_rules: Vec<SecurityRule>,
}

/// A rule of a [`NetworkSecurityGroup`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SecurityRule {
    /// The rule's name.
    pub name: String,
    /// What it says.
    pub properties: SecurityRuleProperties,
}

/// What a [`SecurityRule`] says.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SecurityRuleProperties {
    /// Why it is there, for whoever reads the group; 140 characters at most.
    pub description: String,
    /// `Tcp` or `*`.
    pub protocol: String,
    /// `*`.
    pub source_port_range: String,
    /// Range or service tag of the clients; one of this and the list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_address_prefix: Option<String>,
    /// Ranges of the clients.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub source_address_prefixes: Vec<String>,
    /// Range or service tag of the servers; one of this and the list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub destination_address_prefix: Option<String>,
    /// Ranges of the servers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub destination_address_prefixes: Vec<String>,
    /// Port or range of the servers; one of this and the list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub destination_port_range: Option<String>,
    /// Ports and ranges of the servers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub destination_port_ranges: Vec<String>,
    /// `Allow` or `Deny`.
    pub access: String,
    /// The place among the rules of its direction, 100 to 4096.
    pub priority: u16,
    /// `Inbound` or `Outbound`.
    pub direction: String,
}

/// A private endpoint: an address of a subnet that leads to one resource.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PrivateEndpoint {
    /// The endpoint's id.
    #[serde(skip)]
    pub id: ResourceId,
    /// Azure region.
    pub location: String,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// What is managed of its properties.
    pub properties: PrivateEndpointProperties,
}

/// The managed properties of a [`PrivateEndpoint`].
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PrivateEndpointProperties {
    /// The subnet that its address is of.
    pub subnet: Reference,
    /// Where it leads; approved at once when the caller may approve at the target.
    pub private_link_service_connections: Vec<PrivateLinkConnection>,
}

/// Where a [`PrivateEndpoint`] leads.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PrivateLinkConnection {
    /// A name of our own.
    pub name: String,
    /// The target.
    pub properties: PrivateLinkConnectionProperties,
}

/// The target of a [`PrivateLinkConnection`].
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PrivateLinkConnectionProperties {
    /// The resource's id.
    pub private_link_service_id: String,
    /// Which of its services: `postgresqlServer`, `redisEnterprise`, `blob`.
    pub group_ids: Vec<String>,
}

/// The zones into which Azure writes the address of a [`PrivateEndpoint`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PrivateDnsZoneGroup {
    /// The group's id; it is a child of the endpoint.
    #[serde(skip)]
    pub id: ResourceId,
    /// What is managed of its properties.
    pub properties: PrivateDnsZoneGroupProperties,
}

/// The managed properties of a [`PrivateDnsZoneGroup`].
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PrivateDnsZoneGroupProperties {
    /// The zones.
    pub private_dns_zone_configs: Vec<PrivateDnsZoneConfig>,
}

/// One zone of a [`PrivateDnsZoneGroup`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PrivateDnsZoneConfig {
    /// A name of our own.
    pub name: String,
    /// The zone.
    pub properties: PrivateDnsZoneConfigProperties,
}

/// The zone of a [`PrivateDnsZoneConfig`].
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PrivateDnsZoneConfigProperties {
    /// The zone's id.
    pub private_dns_zone_id: String,
}

/// A private DNS zone.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PrivateDnsZone {
    /// The zone's id; its name is the domain.
    #[serde(skip)]
    pub id: ResourceId,
    /// Always `global`.
    pub location: String,
    /// Tags: 15 at most on this type.
    pub tags: BTreeMap<String, String>,
}

/// The link that lets the machines of a [`VirtualNetwork`] look names up in a [`PrivateDnsZone`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct VirtualNetworkLink {
    /// The link's id; it is a child of the zone.
    #[serde(skip)]
    pub id: ResourceId,
    /// Always `global`.
    pub location: String,
    /// Tags: 15 at most on this type.
    pub tags: BTreeMap<String, String>,
    /// What is managed of its properties.
    pub properties: VirtualNetworkLinkProperties,
}

/// The managed properties of a [`VirtualNetworkLink`].
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VirtualNetworkLinkProperties {
    /// The network.
    pub virtual_network: Reference,
    /// Whether machines of the network get names in the zone: never.
    pub registration_enabled: bool,
}

resource!(VirtualNetwork, VirtualNetwork);
resource!(Subnet, Subnet);
resource!(NetworkSecurityGroup, NetworkSecurityGroup);
resource!(PrivateEndpoint, PrivateEndpoint);
resource!(PrivateDnsZoneGroup, PrivateDnsZoneGroup);
resource!(PrivateDnsZone, PrivateDnsZone);
resource!(VirtualNetworkLink, VirtualNetworkLink);
