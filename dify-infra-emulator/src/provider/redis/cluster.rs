//! `Microsoft.Cache/redisEnterprise`: the cache itself.

use serde_json::{Map, Value, json};

use crate::arm::error::ArmError;
use crate::arm::merge::{at, default_at, list_at, set_at, text_at};
use crate::engine::world::World;
use crate::provider::container_app::add_identity;
use crate::provider::redis::{
    ENTERPRISE_RETIRED, HIGH_AVAILABILITY, NAME, POLLING, PUBLIC_ACCESS, SCALING, SKU, VERSIONS,
    ZONES, is_small,
};
use crate::provider::{Definition, Draft, Provider, Seconds, StateWords, Style};
use crate::settings::NameKind;
use crate::store::model::{Phase, Resource};
use crate::types;

static DEFINITION: Definition = Definition {
    name: "Microsoft.Cache/redisEnterprise",
    api_versions: VERSIONS,
    table: Some(types::redis_enterprise),
    check_name,
    // Azure/azure-cli-extensions redisenterprise recordings/test_redisenterprise_access_string.yaml
    create: Some(Style::TRACKED_BOTH),
    update: Some(Style::TRACKED_BOTH),
    patch: Some(Style::ACCEPTED_TRACKED),
    delete: Some(Style::ACCEPTED_TRACKED),
    seconds: Seconds {
        create: 420.0,
        update: 120.0,
        delete: 120.0,
    },
    states: Some(&StateWords::USUAL),
    polling: POLLING,
    tracked: true,
    shares_lane: true,
    global_name: Some(NameKind::ManagedRedis),
    ..Definition::READ_ONLY
};

/// Caches.
pub(crate) struct RedisEnterprise;

fn check_name(name: &str) -> Result<(), ArmError> {
    let inside = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let right = (1..=60).contains(&name.len())
        && name.chars().all(inside)
        && !name.starts_with('-')
        && !name.ends_with('-')
        && !name.contains("--");
    if right {
        return Ok(());
    }
    let message = format!("The cache name '{name}' is not valid. {}", NAME.text);
    Err(NAME.refuse("InvalidParameterValue", message))
}

impl Provider for RedisEnterprise {
    fn definition(&self) -> &'static Definition {
        &DEFINITION
    }

    fn check(&self, world: World<'_>, draft: &mut Draft<'_>) -> Result<(), ArmError> {
        let sku = text_at(&draft.body, "sku.name")
            .unwrap_or_default()
            .to_owned();
        if sku.to_ascii_lowercase().starts_with("enterprise") {
            return Err(ENTERPRISE_RETIRED
                .refuse(
                    "BadRequest",
                    "Creation of new Azure Cache for Redis Enterprise resources is no longer supported. Azure \
                     Cache for Redis Enterprise is retiring, please create Azure Managed Redis instead.",
                )
                .at("sku.name"));
        }
        if at(&draft.body, "sku.capacity").is_some() {
            return Err(SKU.refuse("BadRequest", SKU.text).at("sku.capacity"));
        }
        if !list_at(&draft.body, "zones").is_empty() {
            return Err(ZONES.refuse("BadRequest", ZONES.text).at("zones"));
        }
        let path = "properties.publicNetworkAccess";
        if at(&draft.body, path).is_none() {
            return Err(PUBLIC_ACCESS
                .refuse("BadRequest", PUBLIC_ACCESS.text)
                .at(path));
        }
        default_at(
            &mut draft.body,
            "properties.highAvailability",
            json!("Enabled"),
        );
        default_at(
            &mut draft.body,
            "properties.minimumTlsVersion",
            json!("1.2"),
        );
        check_high_availability(draft)?;
        check_scaling(world, draft, &sku)
    }

    fn started(&self, world: World<'_>, resource: &mut Resource) {
        let mut outputs = Value::Object(Map::new());
        add_identity(world, resource, &mut outputs);
        let region = text_at(&resource.desired, "location").unwrap_or_default();
        let host = format!(
            "{}.{region}.redis.azure.net",
            resource.id.name().to_ascii_lowercase()
        );
        let available =
            text_at(&resource.desired, "properties.highAvailability") != Some("Disabled");
        let mode = if available { "ZR" } else { "None" };
        for (path, value) in [
            ("kind", json!("v2")),
            ("properties.hostName", json!(host)),
            ("properties.redundancyMode", json!(mode)),
            ("properties.redisVersion", json!("7.4")),
        ] {
            set_at(&mut outputs, path, value);
        }
        resource.outputs = outputs;
    }

    fn decorate(&self, world: World<'_>, resource: &Resource, body: &mut Value) {
        let connections = crate::provider::network::connections_to(world, &resource.id);
        set_at(body, "properties.privateEndpointConnections", connections);
        set_at(
            body,
            "properties.resourceState",
            json!(resource_state(resource)),
        );
    }
}

/// The second word that this provider has for a state.
pub(super) fn resource_state(resource: &Resource) -> &'static str {
    match resource.phase {
        Phase::Succeeded => "Running",
        Phase::Creating => "Creating",
        Phase::Updating => "Updating",
        Phase::Deleting => "Deleting",
        Phase::Failed => "CreateFailed",
    }
}

fn check_high_availability(draft: &Draft<'_>) -> Result<(), ArmError> {
    let path = "properties.highAvailability";
    let disabled = |value: Option<&Value>| value.and_then(Value::as_str) == Some("Disabled");
    let was_on = draft.existing.is_some() && !disabled(draft.old(path));
    if was_on && disabled(at(&draft.body, path)) {
        return Err(HIGH_AVAILABILITY
            .refuse("BadRequest", HIGH_AVAILABILITY.text)
            .at(path));
    }
    Ok(())
}

fn check_scaling(world: World<'_>, draft: &Draft<'_>, sku: &str) -> Result<(), ArmError> {
    let no_cluster = world.store.children(draft.id, "databases").any(|database| {
        text_at(&database.desired, "properties.clusteringPolicy") == Some("NoCluster")
    });
    if no_cluster && !is_small(sku) {
        return Err(SCALING.refuse("BadRequest", SCALING.text).at("sku.name"));
    }
    Ok(())
}
