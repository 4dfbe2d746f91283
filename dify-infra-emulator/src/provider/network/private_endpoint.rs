//! `Microsoft.Network/privateEndpoints` and their zone groups.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::virtual_network::differs;
use super::{
    ENDPOINT_FIXED, ENDPOINT_FULL, ENDPOINT_POSTGRES, ENDPOINT_REGISTRY, ENDPOINT_SUBNET,
    ENDPOINT_TARGET, NETWORK, ZONE_GROUP, dns_zone, etag, long_name, referred, subnet, usual_name,
};
use crate::arm::error::ArmError;
use crate::arm::id::ResourceId;
use crate::arm::merge::{at, default_at, list_at, set_at, text_at};
use crate::engine::world::{World, text_of};
use crate::provider::{Definition, Draft, Effects, Provider, Seconds};
use crate::store::model::Resource;
use crate::types;

/// The type of private endpoints.
pub(super) const TYPE: &str = "Microsoft.Network/privateEndpoints";

static DEFINITION: Definition = Definition {
    name: TYPE,
    table: Some(types::private_endpoint),
    check_name: long_name,
    seconds: Seconds {
        create: 45.0,
        update: 20.0,
        delete: 20.0,
    },
    tracked: true,
    shares_lane: true,
    ..NETWORK
};

/// What a type offers through private endpoints: type, group id, where its name is in the body,
/// and whether that is a URL.
const OFFERS: [(&str, &str, &str); 5] = [
    (
        "Microsoft.DBforPostgreSQL/flexibleServers",
        "postgresqlServer",
        "properties.fullyQualifiedDomainName",
    ),
    (
        "Microsoft.Cache/redisEnterprise",
        "redisEnterprise",
        "properties.hostName",
    ),
    (
        "Microsoft.Storage/storageAccounts",
        "blob",
        "properties.primaryEndpoints.blob",
    ),
    ("Microsoft.KeyVault/vaults", "vault", "properties.vaultUri"),
    (
        "Microsoft.ContainerRegistry/registries",
        "registry",
        "properties.loginServer",
    ),
];

/// Private endpoints.
pub(crate) struct PrivateEndpoint;

fn connection(body: &Value) -> Option<&Value> {
    let connections = list_at(body, "properties.privateLinkServiceConnections");
    let manual = list_at(body, "properties.manualPrivateLinkServiceConnections");
    connections.iter().chain(manual).next()
}

/// The resource that an endpoint leads to.
pub(super) fn target_of(endpoint: &Resource) -> Option<ResourceId> {
    let connection = connection(&endpoint.desired)?;
    ResourceId::parse(text_at(connection, "properties.privateLinkServiceId")?)
}

/// The name under which clients know what an endpoint leads to.
fn host_of(world: World<'_>, endpoint: &Resource) -> Option<String> {
    let target = target_of(endpoint)?;
    let kind = target.type_name();
    let (_, _, path) = OFFERS
        .iter()
        .find(|(name, _, _)| name.eq_ignore_ascii_case(&kind))?;
    let text = text_of(world.store.resource(&target)?, path)?;
    let host = text.trim_start_matches("https://").trim_end_matches('/');
    Some(host.to_owned())
}

impl Provider for PrivateEndpoint {
    fn definition(&self) -> &'static Definition {
        &DEFINITION
    }

    fn check(&self, world: World<'_>, draft: &mut Draft<'_>) -> Result<(), ArmError> {
        for (path, value) in [
            ("properties.ipVersionType", json!("IPv4")),
            ("properties.manualPrivateLinkServiceConnections", json!([])),
            ("properties.customNetworkInterfaceName", json!("")),
            ("properties.ipConfigurations", json!([])),
        ] {
            default_at(&mut draft.body, path, value);
        }
        // A value that only the provider has: what a client writes back is not kept.
        set_at(&mut draft.body, "properties.customDnsConfigs", json!([]));
        check_subnet(world, draft)?;
        check_target(world, draft)?;
        let old = draft.existing.map(|old| &old.desired);
        let moved = differs(old, &draft.body, "properties.subnet.id");
        let target = |body: &Value| {
            let id =
                connection(body).and_then(|one| text_at(one, "properties.privateLinkServiceId"));
            id.map(str::to_ascii_lowercase)
        };
        if moved || old.is_some_and(|old| target(old) != target(&draft.body)) {
            return Err(
                ENDPOINT_FIXED.refuse("PrivateEndpointCannotBeUpdated", ENDPOINT_FIXED.text)
            );
        }
        Ok(())
    }

    fn finished(&self, world: World<'_>, resource: &mut Resource) -> Effects {
        if resource.facts.get("address").is_none()
            && let Some(address) = free_address(world, &resource.desired)
        {
            resource.facts = json!({ "address": address });
        }
        let nic = world.dice().guid(&format!("nic/{}", resource.id.key()));
        let name = format!("{}.nic.{nic}", resource.id.name());
        let id = ResourceId::new(
            &resource.id.subscription,
            &resource.id.group,
            "Microsoft.Network",
            vec![("networkInterfaces".to_owned(), name)],
        );
        let interfaces = json!([{ "id": id.to_string() }]);
        set_at(
            &mut resource.outputs,
            "properties.networkInterfaces",
            interfaces,
        );
        Effects::default()
    }

    fn decorate(&self, world: World<'_>, resource: &Resource, body: &mut Value) {
        if let Some(Value::Array(items)) =
            body.pointer_mut("/properties/privateLinkServiceConnections")
        {
            for item in items {
                let name = text_at(item, "name").unwrap_or_default().to_owned();
                let id = resource.id.child("privateLinkServiceConnections", &name);
                item["id"] = json!(id.to_string());
                item["type"] = json!(format!("{TYPE}/privateLinkServiceConnections"));
                item["etag"] = json!(etag(world, resource));
                set_at(item, "properties.provisioningState", json!("Succeeded"));
                let state = json!({ "status": "Approved", "description": "Auto-approved",
                    "actionsRequired": "None" });
                set_at(item, "properties.privateLinkServiceConnectionState", state);
            }
        }
        body["etag"] = json!(etag(world, resource));
        // With a zone group, the zones have the names.
        let has_group = world
            .store
            .children(&resource.id, "privateDnsZoneGroups")
            .next()
            .is_some();
        if let (false, Some(host), Some(address)) = (
            has_group,
            host_of(world, resource),
            resource.facts.get("address"),
        ) {
            let names = json!([{ "fqdn": host, "ipAddresses": [address] }]);
            set_at(body, "properties.customDnsConfigs", names);
        }
    }
}

fn check_subnet(world: World<'_>, draft: &Draft<'_>) -> Result<(), ArmError> {
    let path = "properties.subnet.id";
    let id = text_at(&draft.body, path).unwrap_or_default();
    let subnet = referred(world, draft.id, path, id)?;
    let network = subnet.id.parent().and_then(|id| world.store.resource(&id));
    let here = text_at(&draft.body, "location");
    let is_near = network.is_some_and(|one| text_at(&one.desired, "location") == here);
    let delegated = !list_at(&subnet.desired, "properties.delegations").is_empty();
    if !is_near || delegated {
        let code = "PrivateEndpointCreationNotAllowedAsSubnetIsDelegated";
        return Err(ENDPOINT_SUBNET.refuse(code, ENDPOINT_SUBNET.text).at(path));
    }
    if draft.existing.is_none() && free_address(world, &draft.body).is_none() {
        return Err(ENDPOINT_FULL
            .refuse(
                "SubnetIsFull",
                format!(
                    "Subnet {} with address prefix does not have enough capacity for 1 IP \
                     addresses.",
                    subnet.id.name()
                ),
            )
            .at(path));
    }
    Ok(())
}

fn check_target(world: World<'_>, draft: &Draft<'_>) -> Result<(), ArmError> {
    let path = "properties.privateLinkServiceConnections";
    let refuse = || {
        Err(ENDPOINT_TARGET
            .refuse("InvalidPrivateLinkServiceConnection", ENDPOINT_TARGET.text)
            .at(path))
    };
    let Some(connection) = connection(&draft.body) else {
        return refuse();
    };
    let id = text_at(connection, "properties.privateLinkServiceId").unwrap_or_default();
    let target = referred(world, draft.id, path, id)?;
    let kind = target.id.type_name();
    let groups = list_at(connection, "properties.groupIds");
    let offered = |group: &Value| {
        OFFERS.iter().any(|(name, offer, _)| {
            name.eq_ignore_ascii_case(&kind)
                && group
                    .as_str()
                    .is_some_and(|g| g.eq_ignore_ascii_case(offer))
        })
    };
    if groups.len() != 1 || !groups.iter().all(offered) {
        return refuse();
    }
    let is_registry = kind.eq_ignore_ascii_case("Microsoft.ContainerRegistry/registries");
    if is_registry && text_at(&target.desired, "sku.name") != Some("Premium") {
        let code = "PrivateEndpointNotSupportedForSku";
        return Err(ENDPOINT_REGISTRY
            .refuse(code, ENDPOINT_REGISTRY.text)
            .at(path));
    }
    let injected = at(
        &target.desired,
        "properties.network.delegatedSubnetResourceId",
    )
    .is_some();
    if injected {
        return Err(ENDPOINT_POSTGRES
            .refuse(
                "PrivateEndpointFeatureNotSupportedOnServer",
                ENDPOINT_POSTGRES.text,
            )
            .at(path));
    }
    Ok(())
}

/// The first address of an endpoint's subnet that no other endpoint has.
fn free_address(world: World<'_>, body: &Value) -> Option<String> {
    let subnet = ResourceId::parse(text_at(body, "properties.subnet.id")?)?;
    let subnet = world.store.resource(&subnet)?;
    let taken: BTreeSet<&str> = super::users_of(world, &subnet.id)
        .filter_map(|user| user.facts.get("address")?.as_str())
        .collect();
    let mut free = subnet::range_of(&subnet.desired)?
        .usable()
        .map(|one| one.to_string());
    free.find(|address| !taken.contains(address.as_str()))
}

static GROUP_DEFINITION: Definition = Definition {
    name: "Microsoft.Network/privateEndpoints/privateDnsZoneGroups",
    table: Some(types::private_dns_zone_group),
    check_name: usual_name,
    seconds: Seconds {
        create: 8.0,
        update: 8.0,
        delete: 8.0,
    },
    shares_lane: true,
    ..NETWORK
};

/// The groups that write an endpoint's address into zones.
pub(crate) struct ZoneGroup;

impl Provider for ZoneGroup {
    fn definition(&self) -> &'static Definition {
        &GROUP_DEFINITION
    }

    fn check(&self, world: World<'_>, draft: &mut Draft<'_>) -> Result<(), ArmError> {
        let path = "properties.privateDnsZoneConfigs";
        let configs = list_at(&draft.body, path);
        let parent = draft.id.root();
        let alone = world
            .store
            .children(&parent, "privateDnsZoneGroups")
            .all(|other| other.id.key() == draft.id.key());
        if configs.is_empty() || configs.len() > 5 || !alone {
            return Err(ZONE_GROUP
                .refuse("InvalidPrivateDnsZoneGroup", ZONE_GROUP.text)
                .at(path));
        }
        for config in configs {
            let id = text_at(config, "properties.privateDnsZoneId").unwrap_or_default();
            let zone = referred(world, draft.id, path, id)?;
            if zone.id.type_name() != dns_zone::TYPE {
                return Err(ZONE_GROUP
                    .refuse("InvalidPrivateDnsZoneIds", ZONE_GROUP.text)
                    .at(path));
            }
        }
        Ok(())
    }

    fn decorate(&self, world: World<'_>, resource: &Resource, body: &mut Value) {
        let endpoint = resource
            .id
            .parent()
            .and_then(|id| world.store.resource(&id));
        let host = endpoint
            .and_then(|endpoint| host_of(world, endpoint))
            .unwrap_or_default();
        let address = endpoint
            .and_then(|one| one.facts.get("address"))
            .cloned()
            .unwrap_or_default();
        let name = host.split('.').next().unwrap_or_default();
        if let Some(Value::Array(items)) = body.pointer_mut("/properties/privateDnsZoneConfigs") {
            for item in items {
                let zone = text_at(item, "properties.privateDnsZoneId")
                    .and_then(ResourceId::parse)
                    .map(|zone| zone.name().to_owned())
                    .unwrap_or_default();
                let records = json!([{
                    "recordType": "A", "recordSetName": name, "fqdn": format!("{name}.{zone}"),
                    "ttl": 10, "provisioningState": "Succeeded", "ipAddresses": [address],
                }]);
                set_at(item, "properties.recordSets", records);
            }
        }
        body["etag"] = json!(etag(world, resource));
    }
}
