//! `Microsoft.Network/publicIPAddresses`.

use serde_json::{Value, json};

use super::virtual_network::differs;
use super::{
    PUBLIC_IP_FIXED, PUBLIC_IP_IN_USE, PUBLIC_IP_STATIC, TAGGED, etag, gateway, same_id, usual_name,
};
use crate::arm::error::ArmError;
use crate::arm::merge::{at, default_at, list_at, remove_at, set_at, text_at};
use crate::engine::world::World;
use crate::provider::{Definition, Draft, Provider, Seconds};
use crate::store::model::Resource;
use crate::types;

/// The type of public addresses.
pub(super) const TYPE: &str = "Microsoft.Network/publicIPAddresses";

static DEFINITION: Definition = Definition {
    name: TYPE,
    table: Some(types::public_ip_address),
    check_name: usual_name,
    seconds: Seconds {
        create: 4.0,
        update: 4.0,
        delete: 11.0,
    },
    ..TAGGED
};

/// Public addresses.
pub(crate) struct PublicIpAddress;

impl Provider for PublicIpAddress {
    fn definition(&self) -> &'static Definition {
        &DEFINITION
    }

    fn check(&self, _world: World<'_>, draft: &mut Draft<'_>) -> Result<(), ArmError> {
        // The address is Azure's choice: what a client writes back is not kept.
        remove_at(&mut draft.body, "properties.ipAddress");
        for (path, value) in [
            ("sku.name", json!("Basic")),
            ("sku.tier", json!("Regional")),
            ("properties.publicIPAddressVersion", json!("IPv4")),
            ("properties.publicIPAllocationMethod", json!("Dynamic")),
            ("properties.idleTimeoutInMinutes", json!(4)),
            ("properties.ipTags", json!([])),
            (
                "properties.ddosSettings",
                json!({ "protectionMode": "VirtualNetworkInherited" }),
            ),
        ] {
            default_at(&mut draft.body, path, value);
        }
        let is_standard = text_at(&draft.body, "sku.name") == Some("Standard");
        let is_static =
            text_at(&draft.body, "properties.publicIPAllocationMethod") == Some("Static");
        if is_standard && !is_static {
            let code = "StandardSkuPublicIPAddressesMustBeStatic";
            return Err(PUBLIC_IP_STATIC.refuse(code, PUBLIC_IP_STATIC.text));
        }
        let old = draft.existing.map(|old| &old.desired);
        if differs(old, &draft.body, "sku.name") {
            let code = "PublicIPAddressSkuCannotBeChanged";
            return Err(PUBLIC_IP_FIXED.refuse(code, PUBLIC_IP_FIXED.text));
        }
        let zones = |body: &Value| at(body, "zones").cloned();
        if old.is_some_and(|old| zones(old) != zones(&draft.body)) {
            return Err(zones_fixed(&draft.id.to_string()));
        }
        Ok(())
    }

    fn started(&self, world: World<'_>, resource: &mut Resource) {
        let key = resource.id.key();
        let guid = world.dice().guid(&format!("address/{key}"));
        // Of the addresses that are kept for documents (RFC 5737).
        let last = guid.bytes().fold(0_u32, |sum, byte| sum + u32::from(byte)) % 254 + 1;
        resource.outputs = json!({ "properties": {
            "resourceGuid": guid,
            "ipAddress": format!("203.0.113.{last}"),
        }});
    }

    fn check_delete(&self, world: World<'_>, resource: &Resource) -> Result<(), ArmError> {
        let Some(user) = configuration_with(world, resource) else {
            return Ok(());
        };
        Err(PUBLIC_IP_IN_USE.refuse(
            "PublicIPAddressCannotBeDeleted",
            format!(
                "Public IP address {} can not be deleted since it is still allocated to resource \
                 {user}. In order to delete the public IP, disassociate/detach the Public IP \
                 address from the resource.",
                resource.id
            ),
        ))
    }

    fn decorate(&self, world: World<'_>, resource: &Resource, body: &mut Value) {
        if let Some(user) = configuration_with(world, resource) {
            set_at(body, "properties.ipConfiguration", json!({ "id": user }));
        }
        body["etag"] = json!(etag(world, resource));
    }
}

/// What Azure says when zones of something that exists would change.
pub(super) fn zones_fixed(id: &str) -> ArmError {
    PUBLIC_IP_FIXED.refuse(
        "ResourceAvailabilityZonesCannotBeModified",
        format!(
            "Resource {id} has an existing availability zone constraint, which can't be modified."
        ),
    )
}

/// The id of the part of a gateway that has an address.
fn configuration_with(world: World<'_>, address: &Resource) -> Option<String> {
    let mut gateways = world
        .store
        .resources()
        .filter(|resource| resource.id.type_name() == gateway::TYPE);
    gateways.find_map(|gateway| {
        let parts = list_at(&gateway.desired, "properties.frontendIPConfigurations");
        let part = parts.iter().find(|part| {
            text_at(part, "properties.publicIPAddress.id")
                .is_some_and(|id| same_id(id, &address.id))
        })?;
        let id = gateway
            .id
            .child("frontendIPConfigurations", text_at(part, "name")?);
        Some(id.to_string())
    })
}
