//! Rules about the virtual network: its address plan, what it makes private, its zones.

use super::rule::{Family, Rule, Sample};
use crate::deployment::{
    AddressPlan, Deployment, FrontDoor, NetworkPlace, Profile, SubnetUse, has_zones,
    touched_reserved_range,
};
use crate::diagnostic::{Diagnostics, KeyPath, Severity};

const ERROR: Rule = Rule::of(Family::Net, Severity::Error);

pub(crate) const ADDRESS_PLAN: Rule = Rule {
    id: "NET010",
    title: "Subnets lie apart in their network",
    why: "Azure refuses a subnet outside of the address space or across another one, with the \
          first write of a run; and the range of a subnet can't be changed any more once something \
          is in it.",
    source: "hashicorp/terraform-provider-azurerm#5040; Azure/bicep#2579",
    fix: "Give each subnet a range of its own inside of `network.address_space`.",
    bad: Sample::part(
        "[network]\nprivate_endpoints = true\naddress_space = \"10.0.0.0/16\"\nsubnets = { apps = \"10.0.2.0/24\", \
         endpoints = \"10.0.2.128/25\" }",
    ),
    good: Sample::part(
        "[network]\nprivate_endpoints = true\naddress_space = \"10.0.0.0/16\"\nsubnets = { apps = \"10.0.4.0/23\", \
         endpoints = \"10.0.2.0/25\" }",
    ),
    check: Some(address_plan),
    ..ERROR
};

const SUBNET_SIZE: Rule = Rule {
    id: "NET011",
    title: "Subnets have enough addresses",
    why: "Azure keeps five addresses of every subnet, and Container Apps nine more of its own. Ten \
          replicas share an address, and an update starts the new ones beside the old ones. A \
          subnet that is too small stops the scaling, and can't grow while the environment is in it.",
    source: "learn.microsoft.com container-apps/custom-virtual-networks, virtual-network/virtual-networks-faq",
    fix: "Give a larger range, such as a /24.",
    bad: Sample::part("[network]\nsubnets = { apps = \"10.0.1.0/28\" }"),
    good: Sample::part("[network]\nsubnets = { apps = \"10.0.1.0/26\" }"),
    check: Some(subnet_size),
    ..ERROR
};

const RESERVED_RANGE: Rule = Rule {
    id: "NET012",
    title: "The network stays out of reserved ranges",
    why: "Container Apps routes some ranges inside of its own cluster: an app in a network with \
          such addresses starts, and never reaches its neighbours.",
    source: "learn.microsoft.com container-apps/custom-virtual-networks",
    fix: "Use a range of 10.0.0.0/8, 192.168.0.0/16 or 172.16.0.0 to 172.29.255.255.",
    bad: Sample::part("[network]\naddress_space = \"172.30.0.0/16\""),
    good: Sample::part("[network]\naddress_space = \"172.20.0.0/16\""),
    check: Some(reserved_range),
    ..ERROR
};

pub(crate) const EXISTING: Rule = Rule {
    id: "NET013",
    title: "An existing network is named with its subnets",
    why: "Nothing of a network that somebody else made is written, so the file must say which of \
          its subnets are meant: one for the apps alone, one for private endpoints.",
    source: "learn.microsoft.com container-apps/custom-virtual-networks",
    fix: "Give the ids of the network and of its subnets.",
    bad: Sample::part(
        "[network]\nexisting = \"my-network\"\nsubnets = { apps = \"/subscriptions/\
         00000000-0000-0000-0000-000000000000/resourceGroups/hub/providers/Microsoft.Network/\
         virtualNetworks/spoke/subnets/apps\" }",
    ),
    good: Sample::part(
        "[network]\nexisting = \"/subscriptions/00000000-0000-0000-0000-000000000000/\
         resourceGroups/hub/providers/Microsoft.Network/virtualNetworks/spoke\"\n\
         subnets = { apps = \"/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/\
         hub/providers/Microsoft.Network/virtualNetworks/spoke/subnets/apps\" }",
    ),
    ..ERROR
};

const FRONT_DOOR: Rule = Rule {
    id: "NET014",
    title: "It is said from where production is reached",
    why: "Whether an environment has a public address is fixed when it is made. In production the \
          front door is internal unless the file says otherwise, and whoever reads the file should \
          not have to know that.",
    source: "Azure/azure-rest-api-specs ManagedEnvironments.json, x-ms-mutability",
    fix: "Write `front_door = \"internal\"` or `front_door = \"public\"` under `[network]`.",
    bad: Sample::file(PROD),
    good: Sample::file(PROD_INTERNAL),
    check: Some(front_door),
    ..Rule::of(Family::Net, Severity::Note)
};

const PUBLIC_FRONT_DOOR: Rule = Rule {
    id: "NET015",
    title: "Production is not open to the internet by itself",
    why: "A public front door answers everybody: sign-in pages, the API and every published web \
          app. A web application firewall in front filters what arrives, and an internal \
          environment is reached through your own network alone.",
    source: "learn.microsoft.com container-apps/waf-app-gateway",
    fix: "Write `front_door = \"internal\"`, or allow this rule with the reason.",
    bad: Sample::file(PROD_PUBLIC),
    good: Sample::file(PROD_INTERNAL),
    check: Some(public_front_door),
    ..Rule::of(Family::Net, Severity::Note)
};

const ZONES: Rule = Rule {
    id: "NET016",
    title: "Zones are asked for where there are some",
    why: "A region without availability zones refuses zone redundancy, and it can't be turned on \
          later where there are some.",
    source: "learn.microsoft.com reliability/regions-list",
    fix: "Choose a region with zones, or leave zone redundancy out.",
    bad: Sample::file(
        "name = \"dify\"\nenvironment = \"dev\"\nlocation = \"westus\"\n\n[azure]\n\
         resource_group = \"dify-dev-rg\"\n\n[network]\nzone_redundant = true\n",
    ),
    good: Sample::file(
        "name = \"dify\"\nenvironment = \"dev\"\nlocation = \"westus2\"\n\n[azure]\n\
         resource_group = \"dify-dev-rg\"\n\n[network]\nzone_redundant = true\n",
    ),
    check: Some(zones),
    ..ERROR
};

const PROD: &str = "name = \"dify\"\nenvironment = \"prod\"\nlocation = \"japaneast\"\n\n[azure]\n\
    resource_group = \"dify-prod-rg\"\n";

const PROD_INTERNAL: &str = "name = \"dify\"\nenvironment = \"prod\"\nlocation = \"japaneast\"\n\n\
    [azure]\nresource_group = \"dify-prod-rg\"\n\n[network]\nfront_door = \"internal\"\n";

const PROD_PUBLIC: &str = "name = \"dify\"\nenvironment = \"prod\"\nlocation = \"japaneast\"\n\n\
    [azure]\nresource_group = \"dify-prod-rg\"\n\n[network]\nfront_door = \"public\"\n";

/// All of them.
pub(super) const RULES: [&Rule; 7] = [
    &ADDRESS_PLAN,
    &SUBNET_SIZE,
    &RESERVED_RANGE,
    &EXISTING,
    &FRONT_DOOR,
    &PUBLIC_FRONT_DOOR,
    &ZONES,
];

fn plan_of(deployment: &Deployment) -> Option<&AddressPlan> {
    match &deployment.network()?.place {
        NetworkPlace::Own(plan) => Some(plan),
        NetworkPlace::Existing(_) => None,
    }
}

/// Where the range of a subnet stands in the file.
fn path_of(subnet: SubnetUse) -> KeyPath {
    KeyPath::of("network.subnets").key(subnet.as_str())
}

fn address_plan(deployment: &Deployment, diagnostics: &mut Diagnostics) {
    let Some(plan) = plan_of(deployment) else {
        return;
    };
    let used: Vec<SubnetUse> = deployment.used_subnets().collect();
    for (position, subnet) in used.iter().copied().enumerate() {
        let range = plan.range(subnet);
        let name = subnet.as_str();
        if !plan.address_space.contains(&range) {
            let message = format!(
                "the subnet `{name}` ({range}) is outside of the network's {}",
                plan.address_space
            );
            diagnostics.push(ADDRESS_PLAN.finding(path_of(subnet), message));
        }
        for other in used.iter().copied().skip(position + 1) {
            let theirs = plan.range(other);
            if range.overlaps(&theirs) {
                let message = format!(
                    "the subnets `{name}` ({range}) and `{}` ({theirs}) overlap",
                    other.as_str()
                );
                diagnostics.push(ADDRESS_PLAN.finding(path_of(other), message));
            }
        }
    }
}

fn subnet_size(deployment: &Deployment, diagnostics: &mut Diagnostics) {
    let Some(plan) = plan_of(deployment) else {
        return;
    };
    for subnet in deployment.used_subnets() {
        let range = plan.range(subnet);
        let longest = deployment.longest_prefix(subnet);
        if range.prefix_length() <= longest {
            continue;
        }
        let message = format!(
            "the subnet `{}` ({range}) is too small for what is put into it: it needs a /{longest}",
            subnet.as_str()
        );
        let help = format!("give it a range of /{longest} or larger");
        diagnostics.push(
            SUBNET_SIZE
                .finding(path_of(subnet), message)
                .with_help(help),
        );
    }
}

fn reserved_range(deployment: &Deployment, diagnostics: &mut Diagnostics) {
    let Some(plan) = plan_of(deployment) else {
        return;
    };
    // The space may be wide; what counts is where the subnets are.
    let found = deployment.used_subnets().find_map(|subnet| {
        let range = plan.range(subnet).network();
        Some((subnet, touched_reserved_range(&range)?))
    });
    if let Some((subnet, one)) = found {
        let message = format!(
            "the subnet `{}` ({}) touches {}: {}",
            subnet.as_str(),
            plan.range(subnet),
            one.network,
            one.owner
        );
        diagnostics.push(RESERVED_RANGE.finding(KeyPath::of("network.address_space"), message));
    }
}

fn front_door(deployment: &Deployment, diagnostics: &mut Diagnostics) {
    let Some(network) = deployment.network() else {
        return;
    };
    // With a gateway there is no choice.
    let is_chosen = network.front_door_is_stated || deployment.gateway().is_some();
    if deployment.profile() == Profile::Prod && !is_chosen {
        let message = "the front door is internal, which is production's default: it is reached \
                       from the network alone";
        diagnostics.push(FRONT_DOOR.finding(KeyPath::of("network.front_door"), message));
    }
}

fn public_front_door(deployment: &Deployment, diagnostics: &mut Diagnostics) {
    let is_public = deployment
        .network()
        .is_some_and(|network| network.front_door == FrontDoor::Public);
    if deployment.profile() == Profile::Prod && is_public {
        let message = "the front door of production answers the whole internet";
        diagnostics.push(PUBLIC_FRONT_DOOR.finding(KeyPath::of("network.front_door"), message));
    }
}

fn zones(deployment: &Deployment, diagnostics: &mut Diagnostics) {
    let location = deployment.location();
    if has_zones(location) {
        return;
    }
    let redundant = deployment
        .network()
        .is_some_and(|network| network.zone_redundant);
    let asked = [
        ("network.zone_redundant", redundant),
        (
            "gateway.zones",
            deployment
                .gateway()
                .is_some_and(|gateway| !gateway.zones.is_empty()),
        ),
        (
            "data.postgres.high_availability",
            deployment.postgres().high_availability == crate::deployment::Standby::ZoneRedundant,
        ),
        (
            "data.storage.sku",
            deployment
                .storage()
                .sku
                .to_ascii_uppercase()
                .contains("ZRS"),
        ),
    ];
    for (path, _) in asked.into_iter().filter(|(_, is_asked)| *is_asked) {
        let message = format!("`{}` has no availability zones", location.as_str());
        diagnostics.push(ZONES.finding(KeyPath::of(path), message));
    }
}
