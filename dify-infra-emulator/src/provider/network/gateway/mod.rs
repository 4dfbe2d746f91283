//! `Microsoft.Network/applicationGateways`.

mod parts;
pub(crate) mod rules;

use serde_json::{Value, json};

use self::rules::{
    GATEWAY_ADDRESS, GATEWAY_CAPACITY, GATEWAY_CERTIFICATE, GATEWAY_DELEGATION, GATEWAY_FIREWALL,
    GATEWAY_FIREWALL_KEPT, GATEWAY_IDENTITY, GATEWAY_MANAGED, GATEWAY_NO_FIREWALL, GATEWAY_RETIRED,
    GATEWAY_SKU, GATEWAY_SUBNET, GATEWAY_SUBNET_FULL,
};
use super::{TAGGED, etag, firewall_policy, public_ip, referred, subnet, users_of, usual_name};
use crate::arm::error::ArmError;
use crate::arm::id::ResourceId;
use crate::arm::merge::{at, default_at, list_at, set_at, text_at};
use crate::engine::world::World;
use crate::provider::container_app::add_identity;
use crate::provider::vault::reference;
use crate::provider::{Definition, Draft, Provider, Seconds, identity};
use crate::store::model::Resource;
use crate::types;

/// The type of application gateways.
pub(super) const TYPE: &str = "Microsoft.Network/applicationGateways";

static DEFINITION: Definition = Definition {
    name: TYPE,
    table: Some(types::application_gateway),
    check_name: usual_name,
    seconds: Seconds {
        create: 360.0,
        update: 60.0,
        delete: 300.0,
    },
    ..TAGGED
};

/// Application gateways.
pub(crate) struct ApplicationGateway;

impl Provider for ApplicationGateway {
    fn definition(&self) -> &'static Definition {
        &DEFINITION
    }

    fn check(&self, world: World<'_>, draft: &mut Draft<'_>) -> Result<(), ArmError> {
        default_at(&mut draft.body, "properties.enableHttp2", json!(false));
        parts::fill_in(&mut draft.body);
        check_sku(&draft.body)?;
        check_capacity(&draft.body)?;
        parts::check(draft.id, &draft.body)?;
        check_subnet(world, draft)?;
        check_addresses(world, draft)?;
        check_firewall(world, draft)?;
        check_identity(world, draft)?;
        let zones = |body: &Value| at(body, "zones").cloned();
        let old = draft.existing.map(|old| &old.desired);
        if old.is_some_and(|old| zones(old) != zones(&draft.body)) {
            return Err(public_ip::zones_fixed(&draft.id.to_string()));
        }
        Ok(())
    }

    fn started(&self, world: World<'_>, resource: &mut Resource) {
        let guid = world.dice().guid(&format!("gateway/{}", resource.id.key()));
        let mut outputs = json!({ "properties": {
            "resourceGuid": guid,
            "defaultPredefinedSslPolicy": "AppGwSslPolicy20220101",
        }});
        add_identity(world, resource, &mut outputs);
        resource.outputs = outputs;
    }

    /// The certificate is read after the write was taken: what is wrong with it fails the operation.
    fn late_failure(&self, world: World<'_>, resource: &Resource) -> Option<(String, String)> {
        let readers = at(&resource.desired, "identity.userAssignedIdentities");
        let readers = readers.and_then(Value::as_object)?;
        let mut principals = readers
            .keys()
            .filter_map(|id| identity::principal_of(world, id));
        let principal = principals.next().unwrap_or_default();
        let certificates = list_at(&resource.desired, "properties.sslCertificates").iter();
        let mut ids = certificates.filter_map(|one| text_at(one, "properties.keyVaultSecretId"));
        let unreadable = ids.find(|id| !reference::can_read(world, id, &principal))?;
        Some((
            "ApplicationGatewayKeyVaultSecretException".to_owned(),
            format!(
                "Problem occured while accessing and validating KeyVault Secrets associated with \
                 Application Gateway '{}'. See details below: Access denied for KeyVault Secret \
                 '{unreadable}' for Application Gateway '{}'. Make sure that Identity assigned to \
                 Application Gateway has access to the KeyVault associated with secret.",
                resource.id, resource.id
            ),
        ))
    }

    fn decorate(&self, world: World<'_>, resource: &Resource, body: &mut Value) {
        let state = if text_at(body, "properties.provisioningState") == Some("Succeeded") {
            "Running"
        } else {
            "Starting"
        };
        set_at(body, "properties.operationalState", json!(state));
        let tag = etag(world, resource);
        parts::decorate(&resource.id, &tag, body);
        body["etag"] = json!(tag);
    }
}

fn check_sku(body: &Value) -> Result<(), ArmError> {
    let tier = text_at(body, "properties.sku.tier").unwrap_or_default();
    let name = text_at(body, "properties.sku.name").unwrap_or_default();
    if !["Standard_v2", "WAF_v2", "Basic"].contains(&tier) {
        let message = format!(
            "Application Gateway SKU tier {tier} has been deprecated. Supported SKU tiers are \
             Standard_v2,WAF_v2. Refer https://aka.ms/V1retirement."
        );
        return Err(GATEWAY_RETIRED
            .refuse("AppGatewayV1SkuDeprecated", message)
            .at("properties.sku.tier"));
    }
    if name == tier {
        return Ok(());
    }
    let message =
        format!("Application Gateway SKU name {name} is not valid for the SKU tier {tier}");
    Err(GATEWAY_SKU
        .refuse("ApplicationGatewaySkuNameInvalidForSkuTier", message)
        .at("properties.sku.name"))
}

/// The most instances that a body asks for.
fn most_instances(body: &Value) -> Option<i64> {
    let most = at(body, "properties.autoscaleConfiguration.maxCapacity");
    let fixed = at(body, "properties.sku.capacity");
    most.or(fixed).and_then(Value::as_i64)
}

fn check_capacity(body: &Value) -> Result<(), ArmError> {
    let number = |path: &str| at(body, path).and_then(Value::as_i64);
    let scale = at(body, "properties.autoscaleConfiguration");
    let fixed = number("properties.sku.capacity");
    let least = number("properties.autoscaleConfiguration.minCapacity").unwrap_or(0);
    let is_right = match (scale, fixed) {
        (Some(_), None) => {
            let most = most_instances(body).unwrap_or(125);
            (0..=125).contains(&least) && (2..=125).contains(&most) && least <= most
        }
        (None, Some(fixed)) => (1..=125).contains(&fixed),
        _ => false,
    };
    if is_right {
        return Ok(());
    }
    Err(GATEWAY_CAPACITY
        .refuse("ApplicationGatewayInvalidCapacity", GATEWAY_CAPACITY.text)
        .at("properties.autoscaleConfiguration"))
}

fn check_subnet(world: World<'_>, draft: &Draft<'_>) -> Result<(), ArmError> {
    const PATH: &str = "properties.gatewayIPConfigurations";
    let [configuration] = list_at(&draft.body, PATH) else {
        return Err(GATEWAY_SUBNET
            .refuse("ApplicationGatewaySubnetNotSpecified", GATEWAY_SUBNET.text)
            .at(PATH));
    };
    let id = text_at(configuration, "properties.subnet.id").unwrap_or_default();
    let subnet = referred(world, draft.id, PATH, id)?;
    let network = subnet.id.parent().and_then(|id| world.store.resource(&id));
    let here = text_at(&draft.body, "location");
    let is_near = network.is_some_and(|one| text_at(&one.desired, "location") == here);
    let delegations = list_at(&subnet.desired, "properties.delegations");
    if !delegations.is_empty() && !subnet::is_delegated_to(subnet, TYPE) {
        let message = format!(
            "Subnet '{}' is delegated to a different service and can't be used by Application Gateway",
            subnet.id
        );
        return Err(GATEWAY_DELEGATION.refuse("InvalidSubnet", message).at(PATH));
    }
    check_management(world, (&subnet.id, &subnet.desired), draft.id)?;
    let is_alone = users_of(world, &subnet.id).all(|user| user.id.type_name() == TYPE);
    if !is_near || !is_alone {
        let message = format!(
            "Subnet {} can't be used for application gateway {}. {}",
            subnet.id, draft.id, GATEWAY_SUBNET.text
        );
        let code = "ApplicationGatewaySubnetCannotHaveOtherResources";
        return Err(GATEWAY_SUBNET.refuse(code, message).at(PATH));
    }
    let addresses = subnet::range_of(&subnet.desired).map_or(0, |range| range.usable().count());
    let wanted = usize::try_from(most_instances(&draft.body).unwrap_or(1)).unwrap_or(usize::MAX);
    if addresses < wanted {
        let message = format!(
            "Subnet {} has {addresses} addresses, and the gateway takes up to {wanted}.",
            subnet.id
        );
        return Err(GATEWAY_SUBNET_FULL
            .refuse("SubnetTooSmall", message)
            .at(PATH));
    }
    Ok(())
}

/// Refuses a subnet whose security group keeps out who manages the gateway.
pub(super) fn check_management(
    world: World<'_>,
    (subnet, body): (&ResourceId, &Value),
    gateway: &ResourceId,
) -> Result<(), ArmError> {
    let group = text_at(body, "properties.networkSecurityGroup.id");
    let group = group.and_then(ResourceId::parse);
    let Some(group) = group.and_then(|id| world.store.resource(&id)) else {
        return Ok(());
    };
    if admits_management(&group.desired) {
        return Ok(());
    }
    let code = "ApplicationGatewaySubnetInboundTrafficBlockedByNetworkSecurityGroup";
    let message = format!(
        "Network security group {} blocks incoming internet traffic on ports 65200 - 65535 to subnet \
         {subnet}, associated with Application Gateway {gateway}. This is not permitted for \
         Application Gateways that have V2 Sku.",
        group.id
    );
    Err(GATEWAY_MANAGED.refuse(code, message))
}

/// Whether a security group lets the service `GatewayManager` in: the first rule about it decides,
/// and without one the group's last rule denies.
fn admits_management(group: &Value) -> bool {
    let all = |rule: &Value, one: &str, many: &str| {
        let mut texts: Vec<String> = list_at(rule, &format!("properties.{many}"))
            .iter()
            .filter_map(|text| text.as_str().map(str::to_ascii_lowercase))
            .collect();
        texts.extend(text_at(rule, &format!("properties.{one}")).map(str::to_ascii_lowercase));
        texts
    };
    let sources = ["gatewaymanager", "internet", "*", "any", "0.0.0.0/0"];
    let about = |rule: &&Value| {
        let inbound = text_at(rule, "properties.direction");
        let from = all(rule, "sourceAddressPrefix", "sourceAddressPrefixes");
        let to = all(rule, "destinationPortRange", "destinationPortRanges");
        inbound.is_some_and(|word| word.eq_ignore_ascii_case("Inbound"))
            && from.iter().any(|source| sources.contains(&source.as_str()))
            && to.iter().any(|range| covers_management(range))
    };
    let rules = list_at(group, "properties.securityRules").iter();
    let first = rules
        .filter(about)
        .min_by_key(|rule| at(rule, "properties.priority").and_then(Value::as_i64));
    first
        .and_then(|rule| text_at(rule, "properties.access"))
        .is_some_and(|access| access.eq_ignore_ascii_case("Allow"))
}

fn covers_management(range: &str) -> bool {
    let (from, to) = range.split_once('-').unwrap_or((range, range));
    let number = |text: &str| text.trim().parse::<u32>().ok();
    range == "*"
        || number(from).is_some_and(|from| from <= 65_200)
            && number(to).is_some_and(|to| to >= 65_535)
}

fn check_addresses(world: World<'_>, draft: &Draft<'_>) -> Result<(), ArmError> {
    const PATH: &str = "properties.frontendIPConfigurations";
    for configuration in list_at(&draft.body, PATH) {
        let Some(id) = text_at(configuration, "properties.publicIPAddress.id") else {
            continue;
        };
        let address = referred(world, draft.id, PATH, id)?;
        let is_standard = address.id.type_name() == public_ip::TYPE
            && text_at(&address.desired, "sku.name") == Some("Standard");
        if !is_standard {
            let tier = text_at(&draft.body, "properties.sku.name").unwrap_or_default();
            let message = format!(
                "Application gateway {} with SKU {tier} can only reference public ip with Standard SKU.",
                draft.id
            );
            let code = "ApplicationGatewayInvalidPublicIpSku";
            return Err(GATEWAY_ADDRESS.refuse(code, message).at(PATH));
        }
    }
    Ok(())
}

fn check_firewall(world: World<'_>, draft: &Draft<'_>) -> Result<(), ArmError> {
    const PATH: &str = "properties.firewallPolicy.id";
    let is_firewall = text_at(&draft.body, "properties.sku.tier") == Some("WAF_v2");
    let policy = text_at(&draft.body, PATH);
    if let Some(id) = policy {
        let policy = referred(world, draft.id, PATH, id)?;
        if policy.id.type_name() == firewall_policy::TYPE && is_firewall {
            return Ok(());
        }
    }
    let inline = at(
        &draft.body,
        "properties.webApplicationFirewallConfiguration",
    );
    let has_one = policy.is_some() || inline.is_some();
    let lost = draft.old(PATH).filter(|_| policy.is_none());
    let (rule, code, message) = match (is_firewall, has_one, lost) {
        (true, _, Some(old)) => (
            GATEWAY_FIREWALL_KEPT,
            "ApplicationGatewayFirewallPolicyCannotBeRemoved",
            format!(
                "Firewall policy {} cannot be removed from Application Gateway, changing from one \
                 firewall policy to another is permitted.",
                old.as_str().unwrap_or_default()
            ),
        ),
        (true, false, None) => (
            GATEWAY_FIREWALL,
            "ApplicationGatewayFirewallNotConfiguredForSelectedSku",
            GATEWAY_FIREWALL.text.to_owned(),
        ),
        (false, true, _) => (
            GATEWAY_NO_FIREWALL,
            "ApplicationGatewayFirewallCannotBeEnabledForSelectedSku",
            format!(
                "Application Gateway {} does not support WebApplicationFirewall with the selected SKU \
                 tier.",
                draft.id
            ),
        ),
        _ => return Ok(()),
    };
    Err(rule.refuse(code, message).at(PATH))
}

/// Who reads certificates of a vault.
fn check_identity(world: World<'_>, draft: &Draft<'_>) -> Result<(), ArmError> {
    let certificates = list_at(&draft.body, "properties.sslCertificates").iter();
    let mut ids = certificates.filter_map(|one| text_at(one, "properties.keyVaultSecretId"));
    let readers = at(&draft.body, "identity.userAssignedIdentities").and_then(Value::as_object);
    let readers: Vec<&str> = readers
        .into_iter()
        .flatten()
        .map(|(id, _)| id.as_str())
        .collect();
    for id in &readers {
        referred(world, draft.id, "identity", id)?;
    }
    let Some(first) = ids.next() else {
        return Ok(());
    };
    if readers.len() != 1 {
        let code = "ApplicationGatewayKeyVaultSecretRequiresUserAssignedIdentity";
        return Err(GATEWAY_IDENTITY
            .refuse(code, GATEWAY_IDENTITY.text)
            .at("identity"));
    }
    if std::iter::once(first).chain(ids).all(reference::is_address) {
        return Ok(());
    }
    Err(GATEWAY_CERTIFICATE
        .refuse(
            "ApplicationGatewayKeyVaultSecretIdInvalid",
            GATEWAY_CERTIFICATE.text,
        )
        .at("properties.sslCertificates"))
}
