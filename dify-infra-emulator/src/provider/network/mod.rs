//! `Microsoft.Network`: virtual networks, security groups, private endpoints, private DNS,
//! application gateways.

pub(crate) mod dns_zone;
pub(crate) mod firewall_policy;
pub(crate) mod gateway;
pub(crate) mod private_endpoint;
pub(crate) mod public_ip;
mod range;
pub(crate) mod security_group;
pub(crate) mod security_rule;
pub(crate) mod subnet;
pub(crate) mod virtual_network;

use http::StatusCode;
use serde_json::{Value, json};

use crate::arm::error::ArmError;
use crate::arm::id::ResourceId;
use crate::arm::merge::{list_at, text_at};
use crate::engine::world::World;
use crate::provider::{Definition, Polling, StateWords, Style};
use crate::rules::Rule;
use crate::store::model::Resource;

/// The version of everything but private DNS.
const VERSIONS: &[&str] = &["2025-09-01"];

const POLLING: Polling = Polling {
    status: "operations",
    result: "operationResults",
    api_version: "2025-09-01",
    ..Polling::USUAL
};

/// This provider says `Updating` for creations too.
const STATES: StateWords = StateWords {
    creating: &["Updating"],
    ..StateWords::USUAL
};

/// What the types of `Microsoft.Network` have in common.
const NETWORK: Definition = Definition {
    api_versions: VERSIONS,
    create: Some(Style::TRACKED),
    update: Some(Style::TRACKED),
    delete: Some(Style::ACCEPTED_LOCATION),
    states: Some(&STATES),
    polling: POLLING,
    busy,
    merges_tags: true,
    ..Definition::READ_ONLY
};

/// Types whose tags can be changed by themselves, at once (Azure/azure-rest-api-specs
/// Microsoft.Network, `UpdateTags`).
const TAGGED: Definition = Definition {
    tracked: true,
    patch: Some(Style::SYNC),
    patches_tags_alone: true,
    ..NETWORK
};

/// The rules of networks.
pub(crate) const RULES: &[Rule] = &[
    BUSY,
    NAME,
    REFERENCE,
    SPACE,
    SUBNET_RANGE,
    SUBNET_OUTSIDE,
    SUBNET_OVERLAP,
    SUBNET_SIZE,
    SUBNET_IN_USE,
    PREFIX_IN_USE,
    DELEGATION_IN_USE,
    SECURITY_NAME,
    SECURITY_PRIORITY,
    SECURITY_CONFLICT,
    SECURITY_IN_USE,
    ENDPOINT_SUBNET,
    ENDPOINT_TARGET,
    ENDPOINT_FIXED,
    ENDPOINT_POSTGRES,
    ENDPOINT_REGISTRY,
    ENDPOINT_FULL,
    ZONE_GROUP,
    ZONE_GLOBAL,
    ZONE_NOT_EMPTY,
    LINK_ONCE,
    ENVIRONMENT_SUBNET,
    ENVIRONMENT_DELEGATION,
    ENVIRONMENT_SUBNET_SIZE,
    ENVIRONMENT_SUBNET_ALONE,
    ENVIRONMENT_ZONES,
    PUBLIC_IP_STATIC,
    PUBLIC_IP_FIXED,
    PUBLIC_IP_IN_USE,
];

const BUSY: Rule = Rule::known(
    "NET-BUSY",
    "One write at a time runs on a virtual network and its subnets.",
    "pulumi/pulumi-azure-native#699; Azure/bicep#5132",
)
.with_known_code();
const NAME: Rule = Rule::known(
    "NET-NAME",
    "Names have letters, digits, '.', '_' and '-', begin with a letter or digit and end with one \
     or '_'; networks and endpoints have 2-64 characters, the others 1-80.",
    "learn.microsoft.com azure-resource-manager/management/resource-name-rules",
);
const REFERENCE: Rule = Rule::known(
    "NET-REFERENCE",
    "A resource that a body refers to exists.",
    "learn.microsoft.com azure-resource-manager/troubleshooting/error-not-found",
)
.with_known_code();
const SPACE: Rule = Rule::known(
    "NET-SPACE",
    "A virtual network has at least one address range, without host bits.",
    "learn.microsoft.com virtual-network/manage-virtual-network; Azure/azure-cli#2119",
)
.with_known_code();
const SUBNET_RANGE: Rule = Rule::known(
    "NET-SUBNET-RANGE",
    "A subnet has one IPv4 range without host bits.",
    "learn.microsoft.com virtual-network/virtual-network-manage-subnet; Azure/azure-cli#2119",
)
.with_known_code();
const SUBNET_OUTSIDE: Rule = Rule::known(
    "NET-SUBNET-OUTSIDE",
    "A subnet lies in the address space of its network.",
    "hashicorp/terraform-provider-azurerm#5040",
)
.with_known_code();
const SUBNET_OVERLAP: Rule = Rule::known(
    "NET-SUBNET-OVERLAP",
    "Subnets of a network do not overlap.",
    "Azure/bicep#2579",
)
.with_known_code();
const SUBNET_SIZE: Rule = Rule::guessed(
    "NET-SUBNET-SIZE",
    "The smallest subnet is a /29: Azure keeps five addresses.",
    "learn.microsoft.com virtual-network/virtual-networks-faq",
);
const SUBNET_IN_USE: Rule = Rule::known(
    "NET-SUBNET-IN-USE",
    "A subnet and its network can't be deleted while something is in it.",
    "hashicorp/terraform-provider-azurerm#9953",
)
.with_known_code();
const PREFIX_IN_USE: Rule = Rule::known(
    "NET-PREFIX-IN-USE",
    "The range of a subnet can't change while something is in it.",
    "learn.microsoft.com virtual-network/virtual-network-manage-subnet",
)
.with_known_code();
const DELEGATION_IN_USE: Rule = Rule::known(
    "NET-DELEGATION-IN-USE",
    "The delegation of a subnet can't change while something is in it.",
    "learn.microsoft.com virtual-network/manage-subnet-delegation; public deployment logs",
)
.with_known_code();
const SECURITY_NAME: Rule = Rule::known(
    "NET-SECURITY-NAME",
    "Each security rule of a group has a name of its own, whatever its direction.",
    "learn.microsoft.com virtual-network/network-security-groups-overview",
);
const SECURITY_PRIORITY: Rule = Rule::known(
    "NET-SECURITY-PRIORITY",
    "The priority of a security rule is 100-4096.",
    "learn.microsoft.com virtual-network/network-security-groups-overview; public deployment logs",
)
.with_known_code();
const SECURITY_CONFLICT: Rule = Rule::known(
    "NET-SECURITY-CONFLICT",
    "Two security rules of one direction have different priorities.",
    "hashicorp/terraform-provider-azurerm#9006",
)
.with_known_code();
const SECURITY_IN_USE: Rule = Rule::known(
    "NET-SECURITY-IN-USE",
    "A network security group can't be deleted while a subnet has it.",
    "hashicorp/terraform-provider-azurerm#2489",
)
.with_known_code();
const ENDPOINT_SUBNET: Rule = Rule::known(
    "NET-ENDPOINT-SUBNET",
    "A private endpoint is in a subnet of its own region that is not delegated.",
    "learn.microsoft.com private-link/private-endpoint-overview; learn.microsoft.com troubleshoot azure private-link",
)
.with_known_code();
const ENDPOINT_TARGET: Rule = Rule::known(
    "NET-ENDPOINT-TARGET",
    "A private endpoint names an existing resource and a group id that its type has.",
    "learn.microsoft.com private-link/private-endpoint-overview; MicrosoftDocs/azure-docs#119728",
);
const ENDPOINT_FIXED: Rule = Rule::guessed(
    "NET-ENDPOINT-FIXED",
    "Subnet and target of a private endpoint can't change.",
    "learn.microsoft.com private-link/manage-private-endpoint",
);
const ENDPOINT_POSTGRES: Rule = Rule::known(
    "NET-ENDPOINT-POSTGRES",
    "Only a PostgreSQL server that is not injected into a network takes private endpoints.",
    "learn.microsoft.com postgresql/network/concepts-networking-private-link; \
     hashicorp/terraform-provider-azurerm#27732",
)
.with_known_code();
const ENDPOINT_REGISTRY: Rule = Rule::known(
    "NET-ENDPOINT-REGISTRY",
    "Only a container registry of the size Premium takes private endpoints.",
    "learn.microsoft.com container-registry/container-registry-private-link",
);
const ENDPOINT_FULL: Rule = Rule::known(
    "NET-SUBNET-FULL",
    "A subnet has an address for each private endpoint.",
    "learn.microsoft.com virtual-network/virtual-networks-faq",
)
.with_known_code();
const ZONE_GROUP: Rule = Rule::known(
    "NET-ZONE-GROUP",
    "A private endpoint has one zone group, of up to five zones that exist.",
    "learn.microsoft.com private-link/private-endpoint-dns-integration",
);
const ZONE_GLOBAL: Rule = Rule::known(
    "NET-ZONE-GLOBAL",
    "Private DNS zones and their links have the location global.",
    "Azure/azure-rest-api-specs privatedns 2024-06-01 examples",
);
const ZONE_NOT_EMPTY: Rule = Rule::known(
    "NET-ZONE-NOT-EMPTY",
    "A private DNS zone can't be deleted while virtual networks are linked to it.",
    "hashicorp/terraform-provider-azurerm#14033; the code is ARM's for nested resources",
)
.with_known_code();
const LINK_ONCE: Rule = Rule::known(
    "NET-LINK-ONCE",
    "A virtual network is linked to one zone of a name, and once.",
    "learn.microsoft.com dns/private-dns-virtual-network-links; Azure/bicep#6340",
);
const ENVIRONMENT_SUBNET: Rule = Rule::known(
    "ACA-ENVIRONMENT-SUBNET",
    "An environment's subnet exists and is in the environment's region.",
    "learn.microsoft.com container-apps/custom-virtual-networks; public deployment logs",
)
.with_known_code();
const ENVIRONMENT_DELEGATION: Rule = Rule::known(
    "ACA-ENVIRONMENT-SUBNET-DELEGATED",
    "An environment's subnet is delegated to Microsoft.App/environments.",
    "learn.microsoft.com container-apps/custom-virtual-networks; public deployment logs",
)
.with_known_code();
const ENVIRONMENT_SUBNET_SIZE: Rule = Rule::known(
    "ACA-ENVIRONMENT-SUBNET-SIZE",
    "An environment with workload profiles needs a subnet of /27 or larger, one without of /23.",
    "learn.microsoft.com container-apps/custom-virtual-networks; public deployment logs",
)
.with_known_code();
const ENVIRONMENT_SUBNET_ALONE: Rule = Rule::known(
    "ACA-ENVIRONMENT-SUBNET-ALONE",
    "An environment shares its subnet with nothing.",
    "learn.microsoft.com container-apps/custom-virtual-networks; public deployment logs",
)
.with_known_code();
const ENVIRONMENT_ZONES: Rule = Rule::known(
    "ACA-ENVIRONMENT-ZONES",
    "A zone-redundant environment has a subnet of its own network.",
    "learn.microsoft.com reliability/reliability-azure-container-apps; public deployment logs",
)
.with_known_code();

const PUBLIC_IP_STATIC: Rule = Rule::known(
    "NET-PUBLIC-IP-STATIC",
    "A public address of the size Standard is static.",
    "learn.microsoft.com virtual-network/ip-services/public-ip-addresses",
);
const PUBLIC_IP_FIXED: Rule = Rule::known(
    "NET-PUBLIC-IP-FIXED",
    "Zones of addresses and gateways, and the size of an address, can't change.",
    "learn.microsoft.com reliability/reliability-application-gateway-v2, \
     virtual-network/ip-services/public-ip-upgrade; Azure/azure-sdk-for-java PublicIpAddress.withAvailabilityZone",
)
.with_known_code();
const PUBLIC_IP_IN_USE: Rule = Rule::known(
    "NET-PUBLIC-IP-IN-USE",
    "A public address can't be deleted while something has it.",
    "hashicorp/terraform-provider-azurerm#13484; \
     learn.microsoft.com virtual-network/ip-services/virtual-network-public-ip-address",
)
.with_known_code();
fn busy(id: &ResourceId) -> ArmError {
    BUSY.refuse_with(
        StatusCode::TOO_MANY_REQUESTS,
        "AnotherOperationInProgress",
        format!("Another operation on this or dependent resource is in progress: '{id}'."),
    )
}

fn check_name(name: &str, most: usize, least: usize) -> Result<(), ArmError> {
    let inside = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let begins = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    let ends = name.ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
    if (least..=most).contains(&name.len()) && name.chars().all(inside) && begins && ends {
        return Ok(());
    }
    Err(NAME.refuse(
        "InvalidResourceName",
        format!("Resource name {name} is invalid. {}", NAME.text),
    ))
}

fn long_name(name: &str) -> Result<(), ArmError> {
    check_name(name, 64, 2)
}

fn usual_name(name: &str) -> Result<(), ArmError> {
    check_name(name, 80, 1)
}

/// The resource that a body refers to; it must exist.
fn referred<'a>(
    world: World<'a>,
    from: &ResourceId,
    path: &str,
    id: &str,
) -> Result<&'a Resource, ArmError> {
    let found = ResourceId::parse(id).and_then(|id| world.store.resource(&id));
    found.ok_or_else(|| {
        REFERENCE
            .refuse(
                "InvalidResourceReference",
                format!(
                    "Resource {id} referenced by resource {from} was not found. Please make sure \
                     that the referenced resource exists, and that both resources are in the same \
                     region."
                ),
            )
            .at(path)
    })
}

/// Whether two texts are the same id.
fn same_id(one: &str, other: &ResourceId) -> bool {
    one.trim_end_matches('/')
        .eq_ignore_ascii_case(&other.to_string())
}

/// The tag of a version of a resource; it differs after each write.
fn etag(world: World<'_>, resource: &Resource) -> String {
    let purpose = format!("etag/{}/{}", resource.id.key(), resource.modified);
    format!("W/\"{}\"", world.dice().guid(&purpose))
}

/// What private endpoints tell of themselves at the resource that they lead to.
pub(crate) fn connections_to(world: World<'_>, target: &ResourceId) -> Value {
    let endpoints = world.store.resources().filter(|resource| {
        resource.id.type_name() == private_endpoint::TYPE
            && private_endpoint::target_of(resource).is_some_and(|id| id.key() == target.key())
    });
    // Storage spells this member in a way of its own.
    let actions = if target.namespace.eq_ignore_ascii_case("Microsoft.Storage") {
        "actionRequired"
    } else {
        "actionsRequired"
    };
    let connections = endpoints.map(|endpoint| {
        let name = format!(
            "{}.{}",
            endpoint.id.name(),
            world
                .dice()
                .guid(&format!("connection/{}", endpoint.id.key()))
        );
        json!({
            "id": target.child("privateEndpointConnections", &name).to_string(),
            "name": name,
            "type": format!("{}/privateEndpointConnections", target.type_name()),
            "properties": {
                "provisioningState": "Succeeded",
                "privateEndpoint": { "id": endpoint.id.to_string() },
                "privateLinkServiceConnectionState": {
                    "status": "Approved", "description": "Auto-approved", actions: "None",
                },
            },
        })
    });
    connections.collect()
}

/// The resources that have addresses in a subnet.
pub(crate) fn users_of<'a>(
    world: World<'a>,
    subnet: &'a ResourceId,
) -> impl Iterator<Item = &'a Resource> {
    world.store.resources().filter(move |resource| {
        subnets_of(resource)
            .into_iter()
            .any(|id| same_id(id, subnet))
    })
}

fn subnets_of(resource: &Resource) -> Vec<&str> {
    let body = &resource.desired;
    let texts = match resource.id.type_name().as_str() {
        "Microsoft.App/managedEnvironments" => {
            vec![text_at(
                body,
                "properties.vnetConfiguration.infrastructureSubnetId",
            )]
        }
        private_endpoint::TYPE => vec![text_at(body, "properties.subnet.id")],
        "Microsoft.Network/applicationGateways" => {
            let configurations = list_at(body, "properties.gatewayIPConfigurations").iter();
            configurations
                .map(|one| text_at(one, "properties.subnet.id"))
                .collect()
        }
        _ => Vec::new(),
    };
    texts.into_iter().flatten().collect()
}

/// What an environment asks of its subnet.
pub(crate) fn check_environment_subnet(
    world: World<'_>,
    environment: &ResourceId,
    body: &Value,
) -> Result<(), ArmError> {
    const PATH: &str = "properties.vnetConfiguration.infrastructureSubnetId";
    const CODE: &str = "ManagedEnvironmentInvalidNetworkConfiguration";
    let refuse = |rule: &Rule| {
        Err(rule
            .refuse(
                CODE,
                format!(
                    "The environment network configuration is invalid: {}",
                    rule.text
                ),
            )
            .at(PATH))
    };
    let zones = crate::arm::merge::at(body, "properties.zoneRedundant") == Some(&json!(true));
    let Some(id) = text_at(body, PATH).filter(|id| !id.is_empty()) else {
        return if zones {
            refuse(&ENVIRONMENT_ZONES)
        } else {
            Ok(())
        };
    };
    let subnet = ResourceId::parse(id).and_then(|id| world.store.resource(&id));
    let Some(subnet) = subnet else {
        return refuse(&ENVIRONMENT_SUBNET);
    };
    let network = subnet.id.parent().and_then(|id| world.store.resource(&id));
    let same_region = network
        .is_some_and(|network| text_at(&network.desired, "location") == text_at(body, "location"));
    if !same_region {
        return refuse(&ENVIRONMENT_SUBNET);
    }
    if !subnet::is_delegated_to(subnet, "Microsoft.App/environments") {
        let message = "The subnet of the environment must be delegated to the service \
                       'Microsoft.App/environments'.";
        let code = "ManagedEnvironmentSubnetDelegationError";
        return Err(ENVIRONMENT_DELEGATION.refuse(code, message).at(PATH));
    }
    let most = if list_at(body, "properties.workloadProfiles").is_empty() {
        23
    } else {
        27
    };
    if subnet::range_of(&subnet.desired).is_none_or(|range| range.length > most) {
        return refuse(&ENVIRONMENT_SUBNET_SIZE);
    }
    if users_of(world, &subnet.id).any(|user| user.id.key() != environment.key()) {
        return refuse(&ENVIRONMENT_SUBNET_ALONE);
    }
    Ok(())
}

/// The first addresses of an environment's subnet, for its own.
pub(crate) fn first_address(world: World<'_>, subnet: &str) -> Option<String> {
    let subnet = world.store.resource(&ResourceId::parse(subnet)?)?;
    let range = subnet::range_of(&subnet.desired)?;
    range.usable().nth(6).map(|address| address.to_string())
}
