//! `Microsoft.Network/virtualNetworks`.

use serde_json::{Value, json};

use super::range::Range;
use super::{
    LINK_ONCE, PREFIX_IN_USE, SPACE, SUBNET_IN_USE, SUBNET_OUTSIDE, TAGGED, etag, long_name,
    subnet, users_of,
};
use crate::arm::error::ArmError;
use crate::arm::id::ResourceId;
use crate::arm::merge::{at, default_at, list_at, remove_at, set_at, text_at};
use crate::engine::view::view;
use crate::engine::world::World;
use crate::provider::{Definition, Draft, Effects, Provider, Seconds};
use crate::store::model::Resource;
use crate::types;

pub(super) static DEFINITION: Definition = Definition {
    name: "Microsoft.Network/virtualNetworks",
    table: Some(types::virtual_network),
    check_name: long_name,
    seconds: Seconds {
        create: 5.0,
        update: 5.0,
        delete: 11.0,
    },
    shares_lane: true,
    ..TAGGED
};

const SPACE_PATH: &str = "properties.addressSpace.addressPrefixes";

/// Virtual networks.
pub(crate) struct VirtualNetwork;

/// The address ranges of a network.
pub(super) fn ranges_of(body: &Value) -> Vec<Range> {
    let texts = list_at(body, SPACE_PATH).iter().filter_map(Value::as_str);
    texts.filter_map(Range::parse).collect()
}

impl Provider for VirtualNetwork {
    fn definition(&self) -> &'static Definition {
        &DEFINITION
    }

    fn check(&self, world: World<'_>, draft: &mut Draft<'_>) -> Result<(), ArmError> {
        let given = list_at(&draft.body, SPACE_PATH);
        let ranges = ranges_of(&draft.body);
        if given.is_empty() || ranges.len() != given.len() {
            return Err(SPACE
                .refuse("InvalidAddressPrefixFormat", SPACE.text)
                .at(SPACE_PATH));
        }
        let live: Vec<&Resource> = world.store.children(draft.id, "subnets").collect();
        for one in &live {
            let inside = subnet::range_of(&one.desired)
                .is_none_or(|range| ranges.iter().any(|space| space.contains(range)));
            if !inside {
                return Err(PREFIX_IN_USE
                    .refuse("InUsePrefixCannotBeDeleted", PREFIX_IN_USE.text)
                    .at(SPACE_PATH));
            }
        }
        for (path, value) in [
            ("properties.enableDdosProtection", json!(false)),
            ("properties.privateEndpointVNetPolicies", json!("Disabled")),
            ("properties.virtualNetworkPeerings", json!([])),
        ] {
            default_at(&mut draft.body, path, value);
        }
        inline_subnets(world, draft, &ranges, &live)
    }

    fn started(&self, world: World<'_>, resource: &mut Resource) {
        let guid = world.dice().guid(&format!("network/{}", resource.id.key()));
        set_at(
            &mut resource.outputs,
            "properties.resourceGuid",
            json!(guid),
        );
    }

    fn finished(&self, world: World<'_>, resource: &mut Resource) -> Effects {
        let inline = resource.facts["inline"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        resource.facts["inline"] = Value::Null;
        let made = inline.iter().filter_map(|item| {
            let id = resource.id.child("subnets", text_at(item, "name")?);
            let mut body = json!({ "properties": item["properties"] });
            subnet::fill_in(&mut body);
            let live = world.store.resource(&id).cloned();
            let mut subnet =
                live.unwrap_or_else(|| Resource::complete(id, json!({}), resource.modified));
            subnet.desired = body;
            subnet.modified = resource.modified;
            Some(subnet)
        });
        let resources: Vec<Resource> = made.collect();
        let gone = resource.facts["gone"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        resource.facts["gone"] = Value::Null;
        Effects {
            resources,
            removed: gone
                .iter()
                .filter_map(|key| key.as_str().map(str::to_owned))
                .collect(),
            ..Effects::default()
        }
    }

    fn check_delete(&self, world: World<'_>, resource: &Resource) -> Result<(), ArmError> {
        let subnets: Vec<ResourceId> = world
            .store
            .children(&resource.id, "subnets")
            .map(|subnet| subnet.id.clone())
            .collect();
        for id in &subnets {
            subnet::refuse_in_use(world, id)?;
        }
        Ok(())
    }

    fn deleted(&self, world: World<'_>, resource: &Resource) -> Effects {
        // Links to a network that is gone do not stay.
        let links = world.store.resources().filter(|other| {
            other.id.type_name() == super::dns_zone::LINK_TYPE
                && text_at(&other.desired, "properties.virtualNetwork.id")
                    .is_some_and(|id| super::same_id(id, &resource.id))
        });
        Effects {
            removed: links.map(|link| link.id.key()).collect(),
            ..Effects::default()
        }
    }

    fn decorate(&self, world: World<'_>, resource: &Resource, body: &mut Value) {
        let children = world.store.children(&resource.id, "subnets");
        let subnets: Vec<Value> = children.map(|child| view(world, child)).collect();
        set_at(body, "properties.subnets", json!(subnets));
        body["etag"] = json!(etag(world, resource));
    }
}

/// Takes the subnets out of a network's body: each is a resource of its own. A list leaves no
/// others; a body without one leaves them as they are.
fn inline_subnets(
    world: World<'_>,
    draft: &mut Draft<'_>,
    ranges: &[Range],
    live: &[&Resource],
) -> Result<(), ArmError> {
    let inline = remove_at(&mut draft.body, "properties.subnets");
    draft.facts = json!({});
    let Some(Value::Array(items)) = inline else {
        return Ok(());
    };
    let mut taken: Vec<Range> = Vec::new();
    for item in &items {
        let range = subnet::check_range(item)?;
        if !ranges.iter().any(|space| space.contains(range)) {
            return Err(SUBNET_OUTSIDE
                .refuse("NetcfgSubnetRangeOutsideVnet", SUBNET_OUTSIDE.text)
                .at("properties.subnets"));
        }
        if taken.iter().any(|other| other.overlaps(range)) {
            return Err(subnet::overlap(range));
        }
        taken.push(range);
        let name = text_at(item, "name").unwrap_or_default();
        let id = draft.id.child("subnets", name);
        let old = world.store.resource(&id);
        subnet::check_change(world, &id, old.map(|old| &old.desired), item)?;
    }
    let is_listed = |subnet: &Resource| {
        items.iter().any(|item| {
            text_at(item, "name").is_some_and(|n| n.eq_ignore_ascii_case(subnet.id.name()))
        })
    };
    let gone: Vec<String> = live
        .iter()
        .filter(|subnet| !is_listed(subnet))
        .map(|subnet| {
            subnet::refuse_in_use(world, &subnet.id)?;
            Ok(subnet.id.key())
        })
        .collect::<Result<_, ArmError>>()?;
    draft.facts = json!({ "inline": items, "gone": gone });
    Ok(())
}

/// Refuses a second link of a network to a zone of a name.
pub(super) fn refuse_second_link(
    world: World<'_>,
    link: &ResourceId,
    network: &str,
) -> Result<(), ArmError> {
    let zone = link.parent().map(|zone| zone.name().to_ascii_lowercase());
    let second = world.store.resources().any(|other| {
        other.id.type_name() == super::dns_zone::LINK_TYPE
            && other.id.key() != link.key()
            && other
                .id
                .parent()
                .map(|zone| zone.name().to_ascii_lowercase())
                == zone
            && text_at(&other.desired, "properties.virtualNetwork.id")
                .is_some_and(|id| id.eq_ignore_ascii_case(network))
    });
    if second {
        return Err(LINK_ONCE.refuse_with(
            http::StatusCode::CONFLICT,
            "Conflict",
            "A virtual network cannot be linked to multiple zones with overlapping namespaces.",
        ));
    }
    Ok(())
}

/// What stands in the way of a subnet's deletion.
pub(super) fn in_use(world: World<'_>, id: &ResourceId) -> Option<ArmError> {
    let user = users_of(world, id).next()?;
    Some(SUBNET_IN_USE.refuse(
        "InUseSubnetCannotBeDeleted",
        format!(
            "Subnet {} is in use by {} and cannot be deleted. In order to delete the subnet, \
             delete all the resources within the subnet.",
            id.name(),
            user.id
        ),
    ))
}

/// Whether a body says something at a path that differs from before.
pub(super) fn differs(old: Option<&Value>, new: &Value, path: &str) -> bool {
    old.is_some_and(|old| at(old, path) != at(new, path))
}
