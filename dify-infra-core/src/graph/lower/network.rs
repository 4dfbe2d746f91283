//! The virtual network, its rules, private endpoints and the zones of their names.

use std::collections::{BTreeMap, BTreeSet};

use super::super::Management;
use super::Context;
use crate::deployment::{AddressPlan, ExistingNetwork, NetworkPlace, Origin, SubnetUse};
use crate::resource::network::{
    AddressSpace, Delegation, DelegationProperties, NetworkSecurityGroup,
    NetworkSecurityGroupProperties, PrivateDnsZone, PrivateDnsZoneConfig,
    PrivateDnsZoneConfigProperties, PrivateDnsZoneGroup, PrivateDnsZoneGroupProperties,
    PrivateEndpoint, PrivateEndpointProperties, PrivateLinkConnection,
    PrivateLinkConnectionProperties, Reference, Subnet, SubnetProperties, VirtualNetwork,
    VirtualNetworkLink, VirtualNetworkLinkProperties, VirtualNetworkProperties,
};
use crate::resource::{AnyResource, OWNER_TAG, ResourceId};
use crate::values::AzureCloud;

use super::rules;

type Managed = (AnyResource, Management);

/// The service that the environment's subnet belongs to.
const ENVIRONMENTS: &str = "Microsoft.App/environments";

/// Tags that private DNS zones and their links take
/// (<https://learn.microsoft.com/azure/azure-resource-manager/management/tag-resources>).
const MOST_ZONE_TAGS: usize = 15;

/// A service that is reached through a private endpoint.
pub(super) struct PrivateService {
    /// The part of the endpoint's name that tells what it leads to: `postgres`.
    pub(super) part: &'static str,
    /// The resource.
    pub(super) target: ResourceId,
    /// Azure's name of the part of the resource that is meant: `postgresqlServer`.
    pub(super) group_id: &'static str,
    /// The zone of its name: `privatelink.postgres.database.azure.com`.
    pub(super) zone: &'static str,
}

/// The services of this deployment that private endpoints are made for. Data services that somebody
/// else made are theirs to open.
///
/// Group ids and zones: MicrosoftDocs/azure-docs#119728 (PostgreSQL),
/// <https://learn.microsoft.com/azure/redis/private-link> (Managed Redis) and
/// <https://learn.microsoft.com/azure/private-link/private-endpoint-dns> (storage, registry).
pub(super) fn private_services(context: &Context<'_>) -> Vec<PrivateService> {
    let deployment = context.deployment;
    if deployment.private_endpoints().is_none() {
        return Vec::new();
    }
    let cloud = AzureCloud::of(deployment.location());
    let mut services = Vec::new();
    if deployment.postgres().origin == Origin::Managed {
        services.push(PrivateService {
            part: "postgres",
            target: context.postgres(),
            group_id: "postgresqlServer",
            zone: cloud.postgres_zone(),
        });
    }
    if deployment.redis().origin == Origin::Managed {
        services.push(PrivateService {
            part: "redis",
            target: context.redis(),
            group_id: "redisEnterprise",
            zone: cloud.redis_zone(),
        });
    }
    if deployment.storage().origin == Origin::Managed {
        services.push(PrivateService {
            part: "storage",
            target: context.storage(),
            group_id: "blob",
            zone: cloud.blob_zone(),
        });
    }
    let vault = deployment.key_vault();
    if vault.is_some_and(|vault| vault.origin == Origin::Managed) {
        services.push(PrivateService {
            part: "vault",
            target: context.vault(),
            group_id: "vault",
            zone: cloud.vault_zone(),
        });
    }
    // A registry is never made here, but the file asks for its endpoint. One zone has the names of
    // both of its endpoints, `<name>` and `<name>.<region>.data`
    // (<https://learn.microsoft.com/azure/container-registry/container-registry-private-link>).
    let registry = deployment.registry().and_then(|one| one.azure.as_ref());
    if let Some(registry) = registry.filter(|one| one.has_private_endpoint) {
        services.push(PrivateService {
            part: "registry",
            target: context.registry(registry),
            group_id: "registry",
            zone: cloud.registry_zone(),
        });
    }
    services
}

pub(super) fn resources(context: &Context<'_>) -> Vec<Managed> {
    let Some(network) = context.deployment.network() else {
        return Vec::new();
    };
    let mut all = match &network.place {
        NetworkPlace::Own(plan) => own(context, plan),
        NetworkPlace::Existing(existing) => somebody_elses(context, existing),
    };
    let services = private_services(context);
    all.extend(zones(context, &services));
    for service in &services {
        all.extend(private_endpoint(context, service));
    }
    all
}

fn managed(resource: impl Into<AnyResource>) -> Managed {
    (resource.into(), Management::Managed)
}

fn own(context: &Context<'_>, plan: &AddressPlan) -> Vec<Managed> {
    let mut all = vec![managed(VirtualNetwork {
        id: context.network(),
        location: context.location(),
        tags: context.tags.clone(),
        properties: Some(VirtualNetworkProperties {
            address_space: AddressSpace {
                address_prefixes: vec![plan.address_space.to_string()],
            },
        }),
    })];
    for subnet in context.deployment.used_subnets() {
        let rules = context.security_group(subnet);
        all.push(managed(NetworkSecurityGroup {
            id: rules.clone(),
            location: context.location(),
            tags: context.tags.clone(),
            properties: NetworkSecurityGroupProperties {
                security_rules: rules::of(context.deployment, plan, subnet),
            },
        }));
        all.push(managed(Subnet {
            id: context.network().child("subnets", subnet.as_str()),
            holds: subnet,
            longest_prefix: context.deployment.longest_prefix(subnet),
            expected_range: None,
            properties: SubnetProperties {
                address_prefix: Some(plan.range(subnet).to_string()),
                delegations: delegations(subnet),
                network_security_group: Some(Reference::from(&rules)),
                private_endpoint_network_policies: (subnet == SubnetUse::Endpoints)
                    .then(|| "NetworkSecurityGroupEnabled".to_owned()),
            },
        }));
    }
    all
}

fn delegations(subnet: SubnetUse) -> Vec<Delegation> {
    if subnet != SubnetUse::Apps {
        return Vec::new();
    }
    vec![Delegation {
        name: "container-apps".to_owned(),
        properties: DelegationProperties {
            service_name: ENVIRONMENTS.to_owned(),
        },
    }]
}

fn somebody_elses(context: &Context<'_>, existing: &ExistingNetwork) -> Vec<Managed> {
    let network = VirtualNetwork {
        id: existing.id.clone(),
        location: context.location(),
        tags: BTreeMap::new(),
        properties: None,
    };
    let mut all = vec![(network.into(), Management::Existing)];
    for subnet in context.deployment.used_subnets() {
        let Some(id) = context.subnet(subnet) else {
            continue;
        };
        let subnet = Subnet {
            id,
            holds: subnet,
            longest_prefix: context.deployment.longest_prefix(subnet),
            expected_range: context
                .deployment
                .gateway()
                .filter(|_| subnet == SubnetUse::Gateway)
                .map(|gateway| gateway.subnet.to_string()),
            properties: SubnetProperties {
                address_prefix: None,
                delegations: delegations(subnet),
                network_security_group: None,
                private_endpoint_network_policies: None,
            },
        };
        all.push((subnet.into(), Management::Existing));
    }
    all
}

/// The zones, and the link of each to our network.
///
/// A network that somebody else made is linked by whoever keeps its zones: often it resolves
/// through a hub, and a second link would be refused. Our own network is known to nobody else, so
/// it is linked to their zones too.
fn zones(context: &Context<'_>, services: &[PrivateService]) -> Vec<Managed> {
    let existing = context
        .deployment
        .private_endpoints()
        .is_some_and(|endpoints| endpoints.zones.is_some());
    let own_network = context
        .deployment
        .network()
        .is_some_and(|network| matches!(network.place, NetworkPlace::Own(_)));
    let management = if existing {
        Management::Existing
    } else {
        Management::Managed
    };
    let names: BTreeSet<&str> = services.iter().map(|service| service.zone).collect();
    let mut all = Vec::new();
    for name in names {
        let id = context.zone(name);
        let zone = PrivateDnsZone {
            id: id.clone(),
            location: "global".to_owned(),
            tags: zone_tags(context),
        };
        all.push((zone.into(), management));
        if own_network || !existing {
            all.push(managed(VirtualNetworkLink {
                id: id.child("virtualNetworkLinks", &zone_link(context)),
                location: "global".to_owned(),
                tags: zone_tags(context),
                properties: VirtualNetworkLinkProperties {
                    virtual_network: Reference::from(&context.network()),
                    registration_enabled: false,
                },
            }));
        }
    }
    all
}

/// The tags of a zone: ours, and as many of the file's as a zone takes.
fn zone_tags(context: &Context<'_>) -> BTreeMap<String, String> {
    let is_ours = |name: &str| name == OWNER_TAG;
    let is_possible =
        |name: &str| !name.contains(' ') && !name.starts_with(|c: char| c.is_ascii_digit());
    let ours = context.tags.iter().filter(|(name, _)| is_ours(name));
    let others = context
        .tags
        .iter()
        .filter(|(name, _)| !is_ours(name) && is_possible(name));
    ours.chain(others)
        .take(MOST_ZONE_TAGS)
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// A private endpoint with the group that writes its address into the service's zone.
fn private_endpoint(context: &Context<'_>, service: &PrivateService) -> Vec<Managed> {
    let Some(subnet) = context.subnet(SubnetUse::Endpoints) else {
        return Vec::new();
    };
    let id = context.private_endpoint(service.part);
    let endpoint = PrivateEndpoint {
        id: id.clone(),
        location: context.location(),
        tags: context.tags.clone(),
        properties: PrivateEndpointProperties {
            subnet: Reference::from(&subnet),
            private_link_service_connections: vec![PrivateLinkConnection {
                name: service.part.to_owned(),
                properties: PrivateLinkConnectionProperties {
                    private_link_service_id: service.target.to_string(),
                    group_ids: vec![service.group_id.to_owned()],
                },
            }],
        },
    };
    let group = PrivateDnsZoneGroup {
        id: zone_group(&id),
        properties: PrivateDnsZoneGroupProperties {
            private_dns_zone_configs: vec![PrivateDnsZoneConfig {
                name: service.part.to_owned(),
                properties: PrivateDnsZoneConfigProperties {
                    private_dns_zone_id: context.zone(service.zone).to_string(),
                },
            }],
        },
    };
    vec![managed(endpoint), managed(group)]
}

fn zone_group(endpoint: &ResourceId) -> ResourceId {
    endpoint.child("privateDnsZoneGroups", "default")
}

/// The name of the links to the zones, which other deployments may use too when they are existing ones.
fn zone_link(context: &Context<'_>) -> String {
    let endpoints = context.deployment.private_endpoints();
    context
        .names
        .zone_link(endpoints.is_some_and(|endpoints| endpoints.zones.is_some()))
}

/// What must be there before an app finds and reaches the data services: the names of the private
/// endpoints in their zones, and the zones linked to the network.
pub(super) fn reach(context: &Context<'_>) -> Vec<ResourceId> {
    let services = private_services(context);
    let groups = services
        .iter()
        .map(|service| zone_group(&context.private_endpoint(service.part)));
    let link = zone_link(context);
    let links = services.iter().map(|service| {
        context
            .zone(service.zone)
            .child("virtualNetworkLinks", &link)
    });
    groups.chain(links).collect()
}
