//! `Microsoft.Network/virtualNetworks/subnets`.

use serde_json::{Value, json};

use super::gateway;
use super::range::Range;
use super::virtual_network::{in_use, ranges_of};
use super::{
    DELEGATION_IN_USE, NETWORK, PREFIX_IN_USE, SUBNET_OUTSIDE, SUBNET_OVERLAP, SUBNET_RANGE,
    SUBNET_SIZE, etag, private_endpoint, referred, users_of, usual_name,
};
use crate::arm::error::ArmError;
use crate::arm::id::ResourceId;
use crate::arm::merge::{default_at, list_at, remove_at, set_at, text_at};
use crate::engine::world::World;
use crate::provider::{Definition, Draft, Provider, Seconds};
use crate::store::model::Resource;
use crate::types;

static DEFINITION: Definition = Definition {
    name: "Microsoft.Network/virtualNetworks/subnets",
    table: Some(types::subnet),
    check_name: usual_name,
    seconds: Seconds {
        create: 5.0,
        update: 5.0,
        delete: 11.0,
    },
    shares_lane: true,
    ..NETWORK
};

/// Subnets.
pub(crate) struct Subnet;

/// The range of a subnet, under either of its names.
pub(super) fn range_of(body: &Value) -> Option<Range> {
    let listed = list_at(body, "properties.addressPrefixes").first();
    let text =
        text_at(body, "properties.addressPrefix").or_else(|| listed.and_then(Value::as_str))?;
    Range::parse(text)
}

/// Whether a subnet is delegated to a service.
pub(super) fn is_delegated_to(subnet: &Resource, service: &str) -> bool {
    list_at(&subnet.desired, "properties.delegations")
        .iter()
        .any(|one| {
            text_at(one, "properties.serviceName")
                .is_some_and(|name| name.eq_ignore_ascii_case(service))
        })
}

/// The range of a body, which must be one.
pub(super) fn check_range(body: &Value) -> Result<Range, ArmError> {
    let path = "properties.addressPrefix";
    let range = range_of(body).ok_or_else(|| {
        SUBNET_RANGE
            .refuse("InvalidAddressPrefixFormat", SUBNET_RANGE.text)
            .at(path)
    })?;
    if range.length > 29 {
        let message = format!(
            "Subnet with range {range} is too small. {}",
            SUBNET_SIZE.text
        );
        return Err(SUBNET_SIZE.refuse("NetcfgInvalidSubnet", message).at(path));
    }
    Ok(range)
}

pub(super) fn overlap(range: Range) -> ArmError {
    SUBNET_OVERLAP
        .refuse(
            "NetcfgSubnetRangesOverlap",
            format!("Subnet with range {range} overlaps with another subnet of the network."),
        )
        .at("properties.addressPrefix")
}

/// Refuses changes that what is in a subnet does not survive.
pub(super) fn check_change(
    world: World<'_>,
    id: &ResourceId,
    old: Option<&Value>,
    new: &Value,
) -> Result<(), ArmError> {
    let Some(old) = old.filter(|_| users_of(world, id).next().is_some()) else {
        return Ok(());
    };
    let mut gateways = users_of(world, id).filter(|user| user.id.type_name() == gateway::TYPE);
    if let Some(user) = gateways.next() {
        gateway::check_management(world, (id, new), &user.id)?;
    }
    if range_of(old) != range_of(new) {
        return Err(PREFIX_IN_USE
            .refuse("InUsePrefixCannotBeDeleted", PREFIX_IN_USE.text)
            .at("properties.addressPrefix"));
    }
    let services = |body: &Value| -> Vec<String> {
        let all = list_at(body, "properties.delegations").iter();
        all.filter_map(|one| text_at(one, "properties.serviceName"))
            .map(str::to_ascii_lowercase)
            .collect()
    };
    if services(old) != services(new) {
        return Err(DELEGATION_IN_USE
            .refuse(
                "SubnetDelegationsCannotChangeWhenSubnetUsedByResource",
                DELEGATION_IN_USE.text,
            )
            .at("properties.delegations"));
    }
    Ok(())
}

/// Refuses the deletion of a subnet that something is in.
pub(super) fn refuse_in_use(world: World<'_>, id: &ResourceId) -> Result<(), ArmError> {
    in_use(world, id).map_or(Ok(()), Err)
}

/// The defaults of a subnet.
pub(super) fn fill_in(body: &mut Value) {
    for (path, value) in [
        ("properties.delegations", json!([])),
        (
            "properties.privateEndpointNetworkPolicies",
            json!("Disabled"),
        ),
        (
            "properties.privateLinkServiceNetworkPolicies",
            json!("Enabled"),
        ),
        ("properties.defaultOutboundAccess", json!(false)),
    ] {
        default_at(body, path, value);
    }
}

impl Provider for Subnet {
    fn definition(&self) -> &'static Definition {
        &DEFINITION
    }

    fn check(&self, world: World<'_>, draft: &mut Draft<'_>) -> Result<(), ArmError> {
        remove_at(&mut draft.body, "name");
        let range = check_range(&draft.body)?;
        let network = draft.id.parent().and_then(|id| world.store.resource(&id));
        let spaces = network
            .map(|network| ranges_of(&network.desired))
            .unwrap_or_default();
        if !spaces.iter().any(|space| space.contains(range)) {
            return Err(SUBNET_OUTSIDE
                .refuse(
                    "NetcfgSubnetRangeOutsideVnet",
                    format!(
                        "Subnet '{}' is not valid because its IP address range is outside the IP \
                         address range of virtual network '{}'.",
                        draft.id.name(),
                        draft.id.root_name()
                    ),
                )
                .at("properties.addressPrefix"));
        }
        let parent = draft.id.root();
        let mut others = world
            .store
            .children(&parent, "subnets")
            .filter(|other| other.id.key() != draft.id.key());
        if others.any(|other| range_of(&other.desired).is_some_and(|one| one.overlaps(range))) {
            return Err(overlap(range));
        }
        let group = "properties.networkSecurityGroup.id";
        if let Some(id) = text_at(&draft.body, group) {
            referred(world, draft.id, group, id)?;
        }
        check_change(
            world,
            draft.id,
            draft.existing.map(|old| &old.desired),
            &draft.body,
        )?;
        fill_in(&mut draft.body);
        Ok(())
    }

    fn check_delete(&self, world: World<'_>, resource: &Resource) -> Result<(), ArmError> {
        refuse_in_use(world, &resource.id)
    }

    fn decorate(&self, world: World<'_>, resource: &Resource, body: &mut Value) {
        let id = resource.id.to_string();
        if let Some(Value::Array(items)) = body.pointer_mut("/properties/delegations") {
            for item in items {
                let name = text_at(item, "name").unwrap_or("delegation").to_owned();
                item["id"] = json!(format!("{id}/delegations/{name}"));
                item["type"] = json!("Microsoft.Network/virtualNetworks/subnets/delegations");
                set_at(item, "properties.provisioningState", json!("Succeeded"));
                let action = "Microsoft.Network/virtualNetworks/subnets/join/action";
                set_at(item, "properties.actions", json!([action]));
            }
        }
        let users: Vec<&Resource> = users_of(world, &resource.id).collect();
        let endpoints = users
            .iter()
            .filter(|user| user.id.type_name() == private_endpoint::TYPE);
        let endpoints: Vec<Value> = endpoints
            .map(|one| json!({ "id": one.id.to_string() }))
            .collect();
        if !endpoints.is_empty() {
            set_at(body, "properties.privateEndpoints", json!(endpoints));
            set_at(body, "properties.purpose", json!("PrivateEndpoints"));
        }
        let linked = |user: &&&Resource| user.id.type_name() == "Microsoft.App/managedEnvironments";
        let links: Vec<Value> = users
            .iter()
            .filter(linked)
            .map(|user| {
                json!({
                    "id": format!("{id}/serviceAssociationLinks/legionservicelink"),
                    "name": "legionservicelink",
                    "type": "Microsoft.Network/virtualNetworks/subnets/serviceAssociationLinks",
                    "properties": {
                        "provisioningState": "Succeeded",
                        "linkedResourceType": "Microsoft.App/environments",
                        "link": user.id.to_string(),
                        "allowDelete": false,
                    },
                })
            })
            .collect();
        if !links.is_empty() {
            set_at(body, "properties.serviceAssociationLinks", json!(links));
        }
        body["etag"] = json!(etag(world, resource));
    }
}
