//! `[network]`: whose network it is, its address plan, who reaches the front door.

use super::Resolver;
use crate::check::{net, spc};
use crate::deployment::{
    AddressPlan, ExistingNetwork, FrontDoor, Network, NetworkPlace, PrivateEndpoints, Profile,
    SubnetUse,
};
use crate::diagnostic::KeyPath;
use crate::names::Location;
use crate::resource::{Kind, ResourceId};
use crate::spec::{in_words, missing_key, nearest};
use crate::values::Cidr;

/// The address space of a network for which the file names none.
const DEFAULT_SPACE: &str = "10.0.0.0/16";

/// Regions of public Azure without availability zones
/// (<https://learn.microsoft.com/azure/reliability/regions-list>, read in 2026).
const WITHOUT_ZONES: [&str; 23] = [
    "australiacentral",
    "australiacentral2",
    "australiasoutheast",
    "brazilsoutheast",
    "canadaeast",
    "francesouth",
    "germanynorth",
    "jioindiacentral",
    "jioindiawest",
    "koreasouth",
    "northcentralus",
    "norwaywest",
    "southafricawest",
    "southindia",
    "swedensouth",
    "switzerlandwest",
    "uaecentral",
    "ukwest",
    "westcentralus",
    "westindia",
    "westus",
    "chinaeast",
    "chinanorth",
];

/// Whether a region has availability zones; an unknown one is taken to have them.
pub(crate) fn has_zones(location: &Location) -> bool {
    !WITHOUT_ZONES.contains(&location.as_str())
}

impl Resolver<'_> {
    /// The network; nothing when the file asks for none and the profile needs none.
    pub(super) fn network(&mut self, profile: Profile, location: &Location) -> Option<Network> {
        let spec = &self.spec.network;
        let is_prod = profile == Profile::Prod;
        let is_asked_for = spec.address_space.is_some()
            || spec.existing.is_some()
            || !spec.subnets.is_empty()
            || spec.private_endpoints == Some(true)
            || spec.private_dns_zones.is_some()
            || spec.zone_redundant == Some(true)
            || spec.front_door.as_deref() == Some("internal")
            || self.spec.gateway.is_some();
        self.refuse_unknown_subnets();
        let front_door = self.front_door(profile);
        if !is_prod && !is_asked_for {
            return None;
        }
        let zones = self.zones();
        let has_endpoints = spec.private_endpoints.unwrap_or(is_prod || zones.is_some());
        if zones.is_some() && !has_endpoints {
            let message = "`network.private_dns_zones` has no effect without private endpoints";
            let path = KeyPath::of("network.private_dns_zones");
            self.report(spc::NO_EFFECT.finding(path, message));
        }
        let place = self.place(has_endpoints)?;
        self.tell_unused_subnets(has_endpoints);
        Some(Network {
            place,
            front_door,
            front_door_is_stated: spec.front_door.is_some(),
            zone_redundant: spec
                .zone_redundant
                .unwrap_or(is_prod && has_zones(location)),
            private_endpoints: has_endpoints.then_some(PrivateEndpoints { zones }),
        })
    }

    fn front_door(&mut self, profile: Profile) -> FrontDoor {
        let word = self.spec.network.front_door.as_deref();
        let word = self.word("network.front_door", word, &["public", "internal"]);
        match (word, profile) {
            (Some("internal"), _) | (None, Profile::Prod) => FrontDoor::Internal,
            // Whoever reached the environment itself would pass by the firewall.
            (None, _) if self.spec.gateway.is_some() => FrontDoor::Internal,
            _ => FrontDoor::Public,
        }
    }

    fn refuse_unknown_subnets(&mut self) {
        let uses = SubnetUse::ALL.map(SubnetUse::as_str);
        for key in self.spec.network.subnets.keys() {
            if uses.contains(&key.as_str()) {
                continue;
            }
            let help = match nearest(key, uses) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("the subnets are {}", in_words(&uses, "and")),
            };
            let message = format!("there is no subnet `{key}`");
            let path = KeyPath::of("network.subnets").key(key);
            self.report(
                spc::UNKNOWN_KEY
                    .finding(path, message)
                    .about_key()
                    .with_help(help),
            );
        }
    }

    fn zones(&mut self) -> Option<ResourceId> {
        let text = self.spec.network.private_dns_zones.as_deref()?;
        self.id("network.private_dns_zones", text, Kind::ResourceGroup)
    }

    /// The id of a resource of a kind; anything else is reported.
    pub(super) fn id(&mut self, path: &str, text: &str, kind: Kind) -> Option<ResourceId> {
        let what = kind.resource_type();
        let problem = match ResourceId::parse(text) {
            Ok(id) if id.resource_type().eq_ignore_ascii_case(what) => return Some(id),
            Ok(id) => format!(
                "`{path}` is the id of a {}, not of a {what}",
                id.resource_type()
            ),
            Err(error) => error.to_string(),
        };
        let help = format!("copy the id of the {what} from `az resource list` or the portal");
        let finding = net::EXISTING.finding(KeyPath::of(path), problem);
        self.report(finding.with_help(help));
        None
    }

    fn place(&mut self, has_endpoints: bool) -> Option<NetworkPlace> {
        let spec = &self.spec.network;
        let Some(existing) = spec.existing.as_deref() else {
            return self.plan().map(NetworkPlace::Own);
        };
        if spec.address_space.is_some() {
            let message =
                "`network.address_space` has no effect: the network exists and is not changed";
            let path = KeyPath::of("network.address_space");
            self.report(spc::NO_EFFECT.finding(path, message));
        }
        let id = self.id("network.existing", existing, Kind::VirtualNetwork);
        let has_gateway = self.spec.gateway.is_some();
        let mut subnet = |subnet: SubnetUse, is_needed: bool| {
            let path = format!("network.subnets.{}", subnet.as_str());
            let text = self.spec.network.subnets.get(subnet.as_str());
            if let Some(text) = text {
                return self.id(&path, text, Kind::Subnet);
            }
            if is_needed {
                let help = format!("name the subnet: `{} = \"<its id>\"`", subnet.as_str());
                self.report(missing_key(KeyPath::of(&path)).with_help(help));
            }
            None
        };
        let apps = subnet(SubnetUse::Apps, true);
        let endpoints = subnet(SubnetUse::Endpoints, has_endpoints);
        let gateway = subnet(SubnetUse::Gateway, has_gateway);
        let (id, apps) = (id?, apps?);
        let all = [Some(&apps), endpoints.as_ref(), gateway.as_ref()];
        self.refuse_strangers(&id, all);
        self.refuse_shared(all);
        Some(NetworkPlace::Existing(ExistingNetwork {
            id,
            apps,
            endpoints,
            gateway,
        }))
    }

    /// Every subnet is one of the network that is named.
    fn refuse_strangers(&mut self, network: &ResourceId, subnets: [Option<&ResourceId>; 3]) {
        for (subnet, id) in SubnetUse::ALL.into_iter().zip(subnets) {
            if let Some(id) = id.filter(|id| !id.is_below(network)) {
                let message = format!("{} is not a subnet of {}", id.label(), network.name());
                let path = KeyPath::of("network.subnets").key(subnet.as_str());
                self.report(net::EXISTING.finding(path, message));
            }
        }
    }

    /// Neither an environment nor an application gateway shares its subnet.
    fn refuse_shared(&mut self, subnets: [Option<&ResourceId>; 3]) {
        for (position, (subnet, id)) in SubnetUse::ALL.into_iter().zip(subnets).enumerate() {
            let earlier = SubnetUse::ALL.into_iter().zip(subnets).take(position);
            let same = earlier
                .filter(|(_, other)| id.is_some() && *other == id)
                .map(|(other, _)| other)
                .next();
            if let Some(other) = same {
                let (one, two) = (other.as_str(), subnet.as_str());
                let message = format!("`{one}` and `{two}` are the same subnet");
                let path = KeyPath::of("network.subnets").key(two);
                let help = "name a subnet of its own for each: an environment shares its subnet with \
                            nothing, and neither does a gateway";
                self.report(net::EXISTING.finding(path, message).with_help(help));
            }
        }
    }

    /// A subnet that nothing is put into is not made, so nothing of it is looked at either.
    fn tell_unused_subnets(&mut self, has_endpoints: bool) {
        let has_gateway = self.spec.gateway.is_some();
        for (subnet, is_used, reason) in [
            (
                SubnetUse::Endpoints,
                has_endpoints,
                "the file asks for no private endpoints",
            ),
            (
                SubnetUse::Gateway,
                has_gateway,
                "the file has no `[gateway]`",
            ),
        ] {
            if !is_used && self.spec.network.subnets.contains_key(subnet.as_str()) {
                let path = KeyPath::of("network.subnets").key(subnet.as_str());
                let message = format!("`{path}` has no effect: {reason}");
                self.report(spc::NO_EFFECT.finding(path, message));
            }
        }
    }

    fn plan(&mut self) -> Option<AddressPlan> {
        let path = "network.address_space";
        let text = self.spec.network.address_space.as_deref();
        let space: Option<Cidr> = self.parse(&spc::INVALID_VALUE, KeyPath::of(path), text);
        let default = AddressPlan::of(DEFAULT_SPACE.parse().ok()?)?;
        let plan = space.map_or(Some(default), AddressPlan::of);
        if plan.is_none() {
            let message = format!(
                "`{}` has no room for the subnets of a deployment",
                text.unwrap_or_default()
            );
            let help = "give an IPv4 range of /25 or larger; a /16 is usual";
            let finding = net::ADDRESS_PLAN.finding(KeyPath::of(path), message);
            self.report(finding.with_help(help));
        }
        let mut plan = plan.unwrap_or(default);
        for subnet in SubnetUse::ALL {
            let path = KeyPath::of("network.subnets").key(subnet.as_str());
            let text = self.spec.network.subnets.get(subnet.as_str());
            let range = self.parse::<Cidr>(&spc::INVALID_VALUE, path, text.map(String::as_str));
            let place = match subnet {
                SubnetUse::Apps => &mut plan.apps,
                SubnetUse::Endpoints => &mut plan.endpoints,
                SubnetUse::Gateway => &mut plan.gateway,
            };
            *place = range.unwrap_or(*place);
        }
        Some(plan)
    }
}
