//! Whether a subnet that somebody else made can take what is put into it.

use ipnet::IpNet;
use serde_json::Value;

use super::{Observed, Snapshot};
use crate::deployment::{SubnetUse, touched_reserved_range};
use crate::graph::ResourceGraph;
use crate::resource::network::Subnet;
use crate::resource::{Kind, ResourceId};

/// The service that an environment's subnet is delegated to.
const ENVIRONMENTS: &str = "Microsoft.App/environments";

/// The service that the subnet of a gateway may be delegated to; with a public address it need not
/// (<https://learn.microsoft.com/azure/application-gateway/application-gateway-private-deployment>).
const GATEWAYS: &str = "Microsoft.Network/applicationGateways";

/// Why an existing subnet can't take what the file puts into it, when it can't.
pub(super) fn unfit_subnet(
    graph: &ResourceGraph,
    subnet: &Subnet,
    snapshot: &Snapshot,
    live: &Value,
) -> Option<String> {
    let problem = reserved(live)
        .or_else(|| small(subnet.longest_prefix, live))
        .or_else(|| elsewhere(subnet, live))
        .or_else(|| wrongly_delegated(subnet.holds, live))
        .or_else(|| taken(graph, subnet.holds, snapshot, live))?;
    Some(format!("this existing subnet does not fit: {problem}"))
}

/// The ranges of a subnet; Azure answers with one or with a list.
fn ranges(live: &Value) -> impl Iterator<Item = &str> {
    let one = live.pointer("/properties/addressPrefix");
    let list = live.pointer("/properties/addressPrefixes");
    let list = list.and_then(Value::as_array).into_iter().flatten();
    one.into_iter().chain(list).filter_map(Value::as_str)
}

/// The services that a subnet is delegated to.
fn delegations(live: &Value) -> impl Iterator<Item = &str> {
    let list = live.pointer("/properties/delegations");
    let list = list.and_then(Value::as_array).into_iter().flatten();
    list.filter_map(|one| one.pointer("/properties/serviceName")?.as_str())
}

/// What rule NET012 says of a network of our own.
fn reserved(live: &Value) -> Option<String> {
    ranges(live).find_map(|text| {
        let range: IpNet = text.parse().ok()?;
        let one = touched_reserved_range(&range)?;
        let (network, owner) = (one.network, one.owner);
        Some(format!(
            "its range {text} touches {network}: {owner}; name a subnet with other addresses"
        ))
    })
}

fn small(longest: u8, live: &Value) -> Option<String> {
    let range = ranges(live).next()?;
    let length: u8 = range.rsplit_once('/')?.1.parse().ok()?;
    (length > longest).then(|| {
        format!(
            "{range} has too few addresses for what is put into it; it must be a /{longest} or larger"
        )
    })
}

/// Whether it has another range than the file says of it.
fn elsewhere(subnet: &Subnet, live: &Value) -> Option<String> {
    let wanted = subnet.expected_range.as_deref()?;
    let range = ranges(live).next()?;
    (range != wanted)
        .then(|| format!("its range is {range}, and `gateway.subnet_range` is {wanted}"))
}

/// Sources: <https://learn.microsoft.com/azure/container-apps/custom-virtual-networks>;
/// <https://github.com/MicrosoftDocs/azure-docs/issues/47048> (private endpoints).
fn wrongly_delegated(holds: SubnetUse, live: &Value) -> Option<String> {
    let is = |service: &str, wanted: &str| service.eq_ignore_ascii_case(wanted);
    match holds {
        // What a delegation is called is its owner's choice.
        SubnetUse::Apps if delegations(live).any(|service| is(service, ENVIRONMENTS)) => None,
        SubnetUse::Apps => Some(format!(
            "an environment takes a subnet that is delegated to {ENVIRONMENTS}; delegate it with \
             `az network vnet subnet update --delegations`"
        )),
        SubnetUse::Endpoints => delegations(live).next().map(|service| {
            format!(
                "it is delegated to {service}, and private endpoints take no delegated subnet; name \
                 another one"
            )
        }),
        SubnetUse::Gateway => {
            let mut others = delegations(live).filter(|service| !is(service, GATEWAYS));
            let service = others.next()?;
            Some(format!(
                "it is delegated to {service}, and a gateway takes a subnet for itself"
            ))
        }
    }
}

/// Whether an environment would share its subnet with something that is there already
/// (<https://learn.microsoft.com/azure/container-apps/custom-virtual-networks>).
///
/// Once our own environment is there, what is in the subnet may be part of it, so that is looked at
/// before alone. Azure gives a subnet free some minutes after the environment in it is gone.
fn taken(
    graph: &ResourceGraph,
    holds: SubnetUse,
    snapshot: &Snapshot,
    live: &Value,
) -> Option<String> {
    let mut nodes = graph.nodes();
    let environment = nodes.find(|node| node.kind() == Kind::ManagedEnvironment)?;
    let is_absent = matches!(snapshot.get(environment.id()), Some(Observed::Absent));
    if holds != SubnetUse::Apps || !is_absent {
        return None;
    }
    let users = [
        ("serviceAssociationLinks", "/properties/link"),
        ("serviceAssociationLinks", "/properties/linkedResourceType"),
        ("privateEndpoints", "/id"),
        ("ipConfigurations", "/id"),
    ];
    let user = users.into_iter().find_map(|(list, pointer)| {
        let items = live.pointer("/properties")?.get(list)?.as_array()?;
        items
            .iter()
            .find_map(|item| item.pointer(pointer)?.as_str())
    })?;
    let label = ResourceId::parse(user).map_or_else(
        |_| user.to_owned(),
        |id| format!("{} ({})", id.label(), id.resource_type()),
    );
    Some(format!(
        "an environment takes a subnet for itself, and {label} is in this one; name another one, or \
         wait some minutes if that was deleted just now"
    ))
}
