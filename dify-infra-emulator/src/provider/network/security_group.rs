//! `Microsoft.Network/networkSecurityGroups`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{
    SECURITY_CONFLICT, SECURITY_IN_USE, SECURITY_NAME, SECURITY_PRIORITY, TAGGED, etag, same_id,
    usual_name,
};
use crate::arm::error::ArmError;
use crate::arm::merge::{at, default_at, list_at, set_at, text_at};
use crate::engine::world::World;
use crate::provider::{Definition, Draft, Provider, Seconds};
use crate::store::model::Resource;
use crate::types;

static DEFINITION: Definition = Definition {
    name: "Microsoft.Network/networkSecurityGroups",
    table: Some(types::network_security_group),
    check_name: usual_name,
    seconds: Seconds {
        create: 4.0,
        update: 4.0,
        delete: 11.0,
    },
    ..TAGGED
};

/// Network security groups.
pub(crate) struct NetworkSecurityGroup;

/// The rules that every group ends with: name, priority, direction, access, source, destination.
const DEFAULTS: [(&str, u32, &str, &str, &str, &str); 6] = [
    (
        "AllowVnetInBound",
        65000,
        "Inbound",
        "Allow",
        "VirtualNetwork",
        "VirtualNetwork",
    ),
    (
        "AllowAzureLoadBalancerInBound",
        65001,
        "Inbound",
        "Allow",
        "AzureLoadBalancer",
        "*",
    ),
    ("DenyAllInBound", 65500, "Inbound", "Deny", "*", "*"),
    (
        "AllowVnetOutBound",
        65000,
        "Outbound",
        "Allow",
        "VirtualNetwork",
        "VirtualNetwork",
    ),
    (
        "AllowInternetOutBound",
        65001,
        "Outbound",
        "Allow",
        "*",
        "Internet",
    ),
    ("DenyAllOutBound", 65500, "Outbound", "Deny", "*", "*"),
];

impl Provider for NetworkSecurityGroup {
    fn definition(&self) -> &'static Definition {
        &DEFINITION
    }

    fn check(&self, _world: World<'_>, draft: &mut Draft<'_>) -> Result<(), ArmError> {
        default_at(&mut draft.body, "properties.securityRules", json!([]));
        let mut seen: BTreeMap<(String, i64), String> = BTreeMap::new();
        let mut names = BTreeSet::new();
        for rule in list_at(&draft.body, "properties.securityRules") {
            let name = text_at(rule, "name").unwrap_or_default().to_owned();
            if name.is_empty() || !names.insert(name.to_ascii_lowercase()) {
                let message =
                    format!("Cannot parse the request: the security rule '{name}' is there twice.");
                return Err(SECURITY_NAME.refuse("InvalidRequestFormat", message));
            }
            let priority = at(rule, "properties.priority").and_then(Value::as_i64);
            let priority = priority.unwrap_or_default();
            if !(100..=4096).contains(&priority) {
                let message = format!(
                    "Security rule {name} has invalid Priority: {priority}. {}",
                    SECURITY_PRIORITY.text
                );
                return Err(SECURITY_PRIORITY.refuse("SecurityRuleInvalidPriority", message));
            }
            let direction = text_at(rule, "properties.direction").unwrap_or_default();
            let place = (direction.to_ascii_lowercase(), priority);
            if let Some(other) = seen.insert(place, name.clone()) {
                let message = format!(
                    "Security rule {name} conflicts with rule {other}. Rules cannot have the same \
                     Priority and Direction."
                );
                return Err(SECURITY_CONFLICT.refuse("SecurityRuleConflict", message));
            }
        }
        Ok(())
    }

    fn started(&self, world: World<'_>, resource: &mut Resource) {
        let guid = world.dice().guid(&format!("rules/{}", resource.id.key()));
        set_at(
            &mut resource.outputs,
            "properties.resourceGuid",
            json!(guid),
        );
        let rules = DEFAULTS.map(|(name, priority, direction, access, source, destination)| {
            json!({
                "id": resource.id.child("defaultSecurityRules", name).to_string(),
                "name": name,
                "type": "Microsoft.Network/networkSecurityGroups/defaultSecurityRules",
                "properties": {
                    "provisioningState": "Succeeded",
                    "protocol": "*", "sourcePortRange": "*", "destinationPortRange": "*",
                    "sourceAddressPrefix": source, "destinationAddressPrefix": destination,
                    "access": access, "priority": priority, "direction": direction,
                },
            })
        });
        set_at(
            &mut resource.outputs,
            "properties.defaultSecurityRules",
            json!(rules),
        );
    }

    fn check_delete(&self, world: World<'_>, resource: &Resource) -> Result<(), ArmError> {
        let Some(subnet) = subnets_with(world, resource).next() else {
            return Ok(());
        };
        Err(SECURITY_IN_USE.refuse(
            "InUseNetworkSecurityGroupCannotBeDeleted",
            format!(
                "Network security group {} cannot be deleted because it is in use by the \
                 following resources: {}.",
                resource.id, subnet.id
            ),
        ))
    }

    fn decorate(&self, world: World<'_>, resource: &Resource, body: &mut Value) {
        if let Some(Value::Array(rules)) = body.pointer_mut("/properties/securityRules") {
            for rule in rules {
                decorate_rule(world, resource, rule);
            }
        }
        let subnets: Vec<Value> = subnets_with(world, resource)
            .map(|subnet| json!({ "id": subnet.id.to_string() }))
            .collect();
        if !subnets.is_empty() {
            set_at(body, "properties.subnets", json!(subnets));
        }
        body["etag"] = json!(etag(world, resource));
    }
}

/// Adds to a rule what Azure answers of it.
pub(super) fn decorate_rule(world: World<'_>, group: &Resource, rule: &mut Value) {
    let name = text_at(rule, "name").unwrap_or_default().to_owned();
    rule["id"] = json!(group.id.child("securityRules", &name).to_string());
    rule["type"] = json!(super::security_rule::TYPE);
    rule["etag"] = json!(etag(world, group));
    set_at(rule, "properties.provisioningState", json!("Succeeded"));
    // Azure answers the forms that were not used as empty lists.
    for list in [
        "sourcePortRanges",
        "destinationPortRanges",
        "sourceAddressPrefixes",
        "destinationAddressPrefixes",
    ] {
        default_at(rule, &format!("properties.{list}"), json!([]));
    }
}

fn subnets_with<'a>(world: World<'a>, group: &'a Resource) -> impl Iterator<Item = &'a Resource> {
    world.store.resources().filter(|other| {
        other.id.type_name() == "Microsoft.Network/virtualNetworks/subnets"
            && text_at(&other.desired, "properties.networkSecurityGroup.id")
                .is_some_and(|id| same_id(id, &group.id))
    })
}
