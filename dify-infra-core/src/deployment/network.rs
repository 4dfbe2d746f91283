//! The virtual network: whose it is, how its addresses are shared out, what is private in it.

use std::net::Ipv4Addr;

use ipnet::{IpNet, Ipv4Net};

use super::Deployment;
use crate::resource::ResourceId;
use crate::values::Cidr;

/// Addresses of every subnet that Azure keeps: the first four and the last
/// (<https://learn.microsoft.com/azure/virtual-network/virtual-networks-faq>).
const KEPT_BY_AZURE: u32 = 5;

/// Addresses of an environment's subnet that are gone before the first replica, Azure's five
/// included (<https://learn.microsoft.com/azure/container-apps/custom-virtual-networks>).
const KEPT_BY_ENVIRONMENT: u32 = 14;

/// Replicas of the Consumption profile that share an address.
const REPLICAS_PER_ADDRESS: u32 = 10;

/// The longest prefix of a subnet for an environment with workload profiles.
const LONGEST_FOR_APPS: u8 = 27;

/// The longest prefix of any subnet.
const LONGEST: u8 = 29;

/// The virtual network that the environment is in.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Network {
    /// Ours or somebody else's, with its subnets.
    pub place: NetworkPlace,
    /// From where the front door is reached.
    pub front_door: FrontDoor,
    /// Whether the file says so itself, or a default holds.
    pub front_door_is_stated: bool,
    /// Whether replicas are spread over the zones of the region; fixed at creation.
    pub zone_redundant: bool,
    /// Private endpoints of the data services, when they have some.
    pub private_endpoints: Option<PrivateEndpoints>,
}

/// Whose a network is.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum NetworkPlace {
    /// Made by this deployment.
    Own(AddressPlan),
    /// Made by somebody else, with its subnets; nothing of it is written.
    Existing(ExistingNetwork),
}

/// The addresses of our own network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct AddressPlan {
    /// The whole network.
    pub address_space: Cidr,
    /// The subnet of the environment, which shares it with nothing.
    pub apps: Cidr,
    /// The subnet of the private endpoints.
    pub endpoints: Cidr,
    /// The subnet of the application gateway; kept free without one.
    pub gateway: Cidr,
}

/// A network that somebody else made.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ExistingNetwork {
    /// The network.
    pub id: ResourceId,
    /// The subnet of the environment, delegated to `Microsoft.App/environments`.
    pub apps: ResourceId,
    /// The subnet of the private endpoints.
    pub endpoints: Option<ResourceId>,
    /// The subnet of the application gateway.
    pub gateway: Option<ResourceId>,
}

/// From where the front door is reached; fixed when the environment is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum FrontDoor {
    /// From the internet.
    Public,
    /// From the network and from what is connected with it.
    Internal,
}

impl FrontDoor {
    /// The word of the file: `public` or `internal`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Internal => "internal",
        }
    }
}

/// Private endpoints, and where the zones are that their names stand in.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct PrivateEndpoints {
    /// The resource group of zones that somebody else made; without one they are made here.
    pub zones: Option<ResourceId>,
}

/// What a subnet is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum SubnetUse {
    /// The environment.
    Apps,
    /// Private endpoints.
    Endpoints,
    /// The application gateway.
    Gateway,
}

impl SubnetUse {
    /// Every use.
    pub const ALL: [Self; 3] = [Self::Apps, Self::Endpoints, Self::Gateway];

    /// The key of the file, which is also the name of a subnet that is made: `apps`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Apps => "apps",
            Self::Endpoints => "endpoints",
            Self::Gateway => "gateway",
        }
    }
}

impl AddressPlan {
    /// Shares an address space out as the origin of the project did: the first subnet for a
    /// gateway, the second for the apps, the third for endpoints; each a /24, or a quarter of a
    /// space that is smaller than four of them. Nothing for a space that is too small.
    ///
    /// ```
    /// use dify_infra_core::deployment::AddressPlan;
    ///
    /// let plan = AddressPlan::of("10.20.0.0/16".parse()?).expect("large enough");
    /// assert_eq!(plan.apps.to_string(), "10.20.1.0/24");
    /// assert_eq!(plan.endpoints.to_string(), "10.20.2.0/24");
    /// let small = AddressPlan::of("10.20.0.0/24".parse()?).expect("large enough");
    /// assert_eq!(small.apps.to_string(), "10.20.0.64/26");
    /// assert!(AddressPlan::of("10.20.0.0/26".parse()?).is_none());
    /// # Ok::<(), dify_infra_core::values::InvalidValue>(())
    /// ```
    pub fn of(address_space: Cidr) -> Option<Self> {
        let IpNet::V4(space) = address_space.network() else {
            return None;
        };
        let length = (space.prefix_len() + 2).max(24);
        if length > LONGEST_FOR_APPS {
            return None;
        }
        let mut subnets = space.subnets(length).ok()?.map(cidr);
        Some(Self {
            address_space,
            gateway: subnets.next()??,
            apps: subnets.next()??,
            endpoints: subnets.next()??,
        })
    }

    /// The range of a subnet.
    pub fn range(&self, subnet: SubnetUse) -> Cidr {
        match subnet {
            SubnetUse::Apps => self.apps,
            SubnetUse::Endpoints => self.endpoints,
            SubnetUse::Gateway => self.gateway,
        }
    }
}

/// The range that nothing of an environment's network may touch, when a range touches one.
pub(crate) fn touched_reserved_range(range: &IpNet) -> Option<&'static ReservedRange> {
    let IpNet::V4(range) = range else {
        return None;
    };
    RESERVED
        .iter()
        .find(|one| one.network.contains(range) || range.contains(&one.network))
}

fn cidr(network: Ipv4Net) -> Option<Cidr> {
    network.to_string().parse().ok()
}

/// A range that nothing of a network may touch, and why.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ReservedRange {
    /// First address and prefix length.
    pub(crate) network: Ipv4Net,
    /// Who has it, as a phrase.
    pub(crate) owner: &'static str,
}

const fn reserved(octets: [u8; 4], length: u8, owner: &'static str) -> ReservedRange {
    let [a, b, c, d] = octets;
    ReservedRange {
        network: Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), length),
        owner,
    }
}

const CLUSTER: &str = "Container Apps keeps it for itself";

/// Ranges that the subnet of an environment must not touch
/// (<https://learn.microsoft.com/azure/container-apps/custom-virtual-networks>), and those that no
/// network takes (<https://learn.microsoft.com/azure/virtual-network/virtual-networks-faq>).
const RESERVED: [ReservedRange; 12] = [
    reserved([169, 254, 0, 0], 16, "it is link-local"),
    reserved([172, 30, 0, 0], 16, CLUSTER),
    reserved([172, 31, 0, 0], 16, CLUSTER),
    reserved([192, 0, 2, 0], 24, CLUSTER),
    reserved([100, 100, 0, 0], 17, CLUSTER),
    reserved([100, 100, 128, 0], 19, CLUSTER),
    reserved([100, 100, 160, 0], 19, CLUSTER),
    reserved([100, 100, 192, 0], 19, CLUSTER),
    reserved([127, 0, 0, 0], 8, "it is loopback"),
    reserved([168, 63, 129, 16], 32, "it is Azure's DNS"),
    reserved([224, 0, 0, 0], 4, "it is multicast"),
    reserved([255, 255, 255, 255], 32, "it is broadcast"),
];

impl Deployment {
    /// The network, when the environment is in one of its own.
    pub fn network(&self) -> Option<&Network> {
        self.network.as_ref()
    }

    /// The private endpoints, when the data services have some.
    pub fn private_endpoints(&self) -> Option<&PrivateEndpoints> {
        self.network.as_ref()?.private_endpoints.as_ref()
    }

    /// Whether something is put into a subnet; without, it is not made.
    ///
    /// ```
    /// use dify_infra_core::check::{Sample, check_file};
    /// use dify_infra_core::deployment::SubnetUse;
    ///
    /// let dev = check_file(Sample::BASE)?.deployment;
    /// assert!(dev.uses_subnet(SubnetUse::Apps) && !dev.uses_subnet(SubnetUse::Gateway));
    /// # Ok::<(), dify_infra_core::diagnostic::Diagnostics>(())
    /// ```
    pub fn uses_subnet(&self, subnet: SubnetUse) -> bool {
        match subnet {
            SubnetUse::Apps => true,
            SubnetUse::Endpoints => self.private_endpoints().is_some(),
            SubnetUse::Gateway => self.gateway().is_some(),
        }
    }

    /// The subnets that something is put into.
    pub(crate) fn used_subnets(&self) -> impl Iterator<Item = SubnetUse> {
        let all = SubnetUse::ALL.into_iter();
        all.filter(|subnet| self.uses_subnet(*subnet))
    }

    /// Addresses that the environment's subnet must have: what the platform keeps, and those of all
    /// replicas twice, since an update starts the new ones beside the old ones.
    pub fn addresses_for_apps(&self) -> u32 {
        let replicas: u32 = self
            .services()
            .map(|service| u32::from(service.replicas.max()))
            .sum();
        // The migration job is one more. A machine of the environment's own has an address, and so
        // has the one that replaces it.
        KEPT_BY_ENVIRONMENT
            + (2 * (replicas + 1)).div_ceil(REPLICAS_PER_ADDRESS)
            + 2 * self.most_machines()
    }

    /// The longest prefix, that is the smallest size, of a subnet for its use.
    pub fn longest_prefix(&self, subnet: SubnetUse) -> u8 {
        match subnet {
            SubnetUse::Apps => longest_for(self.addresses_for_apps()).min(LONGEST_FOR_APPS),
            // One address for each endpoint: PostgreSQL, Redis, storage, a vault, a registry.
            SubnetUse::Endpoints => longest_for(KEPT_BY_AZURE + 5).min(LONGEST),
            // One address for each instance (learn.microsoft.com application-gateway/
            // configuration-infrastructure).
            SubnetUse::Gateway => self.gateway().map_or(LONGEST, |gateway| {
                longest_for(KEPT_BY_AZURE + gateway.instances.max).min(LONGEST)
            }),
        }
    }
}

/// The longest prefix of a range with so many addresses.
fn longest_for(addresses: u32) -> u8 {
    let bits = addresses.next_power_of_two().trailing_zeros();
    32_u8.saturating_sub(u8::try_from(bits).unwrap_or(32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_range_has_enough_addresses() {
        for (addresses, prefix) in [(1, 32), (8, 29), (9, 28), (32, 27), (33, 26), (256, 24)] {
            assert_eq!(longest_for(addresses), prefix, "{addresses}");
        }
    }

    #[test]
    fn subnets_of_a_plan_lie_apart_in_their_space() {
        for space in [
            "10.0.0.0/8",
            "10.0.0.0/16",
            "192.168.4.0/22",
            "10.1.2.0/23",
            "10.1.2.128/25",
        ] {
            let plan = AddressPlan::of(space.parse().unwrap()).unwrap();
            let ranges = SubnetUse::ALL.map(|subnet| plan.range(subnet));
            for (position, range) in ranges.iter().enumerate() {
                assert!(plan.address_space.contains(range), "{space}: {range}");
                let others = ranges.iter().skip(position + 1);
                assert!(
                    others.into_iter().all(|other| !other.overlaps(range)),
                    "{space}"
                );
            }
        }
        assert_eq!(AddressPlan::of("fd00::/48".parse().unwrap()), None);
    }
}
