//! The servers.

use serde_json::{Map, Value, json};

use crate::arm::answer::Answer;
use crate::arm::error::ArmError;
use crate::arm::merge::{at, default_at, set_at, text_at};
use crate::engine::world::World;
use crate::provider::container_app::add_identity;
use crate::provider::postgres::{
    BACKUP, FIXED, HIGH_AVAILABILITY, LOGIN, NETWORK, PASSWORD, POLLING, REST_SECONDS, SERVER_NAME,
    SKU, STORAGE, VERSION, VERSIONS, busy,
};
use crate::provider::{
    Action, ActionOutcome, Definition, Draft, Effects, Provider, Seconds, StateWords, Style,
};
use crate::settings::NameKind;
use crate::store::model::Resource;
use crate::types;

static DEFINITION: Definition = Definition {
    name: "Microsoft.DBforPostgreSQL/flexibleServers",
    api_versions: VERSIONS,
    table: Some(types::postgres_server),
    check_name,
    create: Some(Style::ACCEPTED_BOTH),
    update: Some(Style::ACCEPTED_BOTH),
    patch: Some(Style::ACCEPTED_BOTH),
    delete: Some(Style::ACCEPTED_BOTH),
    seconds: Seconds {
        create: 300.0,
        update: 90.0,
        delete: 60.0,
    },
    states: Some(&StateWords {
        paths: &["properties.state"],
        creating: &["Provisioning"],
        updating: &["Updating"],
        deleting: &["Dropping"],
        done: &["Ready"],
        failed: &["Inaccessible"],
    }),
    polling: POLLING,
    tracked: true,
    system_data: true,
    shares_lane: true,
    rest_after_create: REST_SECONDS,
    busy,
    sticky_secrets: &[PASSWORD_PLACE],
    global_name: Some(NameKind::PostgresServer),
    ..Definition::READ_ONLY
};

const PASSWORD_PLACE: &str = "properties.administratorLoginPassword";

/// Sizes of storage in GiB with the performance tier and the IOPS that come with each
/// (learn.microsoft.com postgresql/flexible-server/concepts-storage).
pub(crate) const SIZES: &[(i64, &str, i64)] = &[
    (32, "P4", 120),
    (64, "P6", 240),
    (128, "P10", 500),
    (256, "P15", 1100),
    (512, "P20", 2300),
    (1024, "P30", 5000),
    (2048, "P40", 7500),
    (4095, "P50", 7500),
    (4096, "P50", 7500),
    (8192, "P60", 16_000),
    (16_384, "P70", 18_000),
    (32_767, "P80", 20_000),
];

const RESERVED_LOGINS: &[&str] = &[
    "azure_superuser",
    "azure_pg_admin",
    "admin",
    "administrator",
    "root",
    "guest",
    "public",
];

/// Flexible servers.
pub(crate) struct Server;

fn check_name(name: &str) -> Result<(), ArmError> {
    let inside = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if (3..=63).contains(&name.len())
        && name.chars().all(inside)
        && !name.starts_with('-')
        && !name.ends_with('-')
    {
        return Ok(());
    }
    Err(SERVER_NAME.refuse(
        "InvalidParameterValue",
        format!(
            "Invalid value given for parameter serverName '{name}'. {}",
            SERVER_NAME.text
        ),
    ))
}

impl Provider for Server {
    fn definition(&self) -> &'static Definition {
        &DEFINITION
    }

    fn check(&self, _world: World<'_>, draft: &mut Draft<'_>) -> Result<(), ArmError> {
        // how it is to be made is not part of what it is
        crate::arm::merge::remove_at(&mut draft.body, "properties.createMode");
        keep_fixed(draft);
        check_login(draft)?;
        check_version(draft)?;
        check_sku(&draft.body)?;
        fill_in(&mut draft.body);
        check_storage(draft)?;
        check_rest(draft)
    }

    fn started(&self, world: World<'_>, resource: &mut Resource) {
        let mut outputs = Value::Object(Map::new());
        add_identity(world, resource, &mut outputs);
        let mut set = |path: &str, value: Value| set_at(&mut outputs, path, value);
        let domain = format!("{}.postgres.database.azure.com", resource.id.name());
        let in_network = at(
            &resource.desired,
            "properties.network.delegatedSubnetResourceId",
        )
        .is_some();
        set("properties.fullyQualifiedDomainName", json!(domain));
        set("properties.minorVersion", json!("10"));
        let burstable = text_at(&resource.desired, "sku.tier") == Some("Burstable");
        let capacity = if burstable { 0 } else { 5 };
        set("properties.replicaCapacity", json!(capacity));
        set("properties.replica.capacity", json!(capacity));
        set("properties.replica.role", json!("Primary"));
        let mode =
            text_at(&resource.desired, "properties.highAvailability.mode").unwrap_or("Disabled");
        let state = if mode == "Disabled" {
            "NotEnabled"
        } else {
            "Healthy"
        };
        set("properties.highAvailability.state", json!(state));
        set(
            "properties.backup.earliestRestoreDate",
            json!(resource.created.to_string()),
        );
        if in_network {
            set("properties.network.publicNetworkAccess", json!("Disabled"));
        }
        resource.outputs = outputs;
    }

    fn decorate(&self, world: World<'_>, resource: &Resource, body: &mut Value) {
        let subnet = "properties.network.delegatedSubnetResourceId";
        if at(&resource.desired, subnet).is_none() {
            let connections = crate::provider::network::connections_to(world, &resource.id);
            set_at(body, "properties.privateEndpointConnections", connections);
        }
    }

    fn finished(&self, _world: World<'_>, resource: &mut Resource) -> Effects {
        if resource.facts.get("createdSku").is_none() {
            // the default of max_connections is fixed by the SKU of the creation
            let sku = text_at(&resource.desired, "sku.name").unwrap_or_default();
            resource.facts = json!({ "createdSku": sku });
        }
        Effects::default()
    }

    fn act(
        &self,
        world: World<'_>,
        action: &Action<'_>,
    ) -> Option<Result<ActionOutcome, ArmError>> {
        (action.name == "restart").then(|| restart(world, action))
    }
}

/// Restarts a server: static parameters take effect.
fn restart(world: World<'_>, action: &Action<'_>) -> Result<ActionOutcome, ArmError> {
    let id = &action.resource.id;
    let lane = DEFINITION.lane_of(id);
    if world
        .store
        .running()
        .any(|operation| operation.lane == lane)
    {
        return Err(busy(id));
    }
    let parameters = world.store.children(id, "configurations").map(|parameter| {
        let mut parameter = parameter.clone();
        set_at(
            &mut parameter.outputs,
            "properties.isConfigPendingRestart",
            json!(false),
        );
        parameter
    });
    let answer = Answer::empty(http::StatusCode::ACCEPTED);
    Ok(ActionOutcome {
        seconds: Some(30.0),
        lane: Some(lane),
        resources: parameters.collect(),
        ..ActionOutcome::done(answer)
    })
}

/// What a PUT leaves out stays as it was, where the service can't do without it.
fn keep_fixed(draft: &mut Draft<'_>) {
    for path in ["properties.administratorLogin", "properties.version", "sku"] {
        if let (None, Some(old)) = (at(&draft.body, path), draft.old(path).cloned()) {
            set_at(&mut draft.body, path, old);
        }
    }
}

fn check_login(draft: &Draft<'_>) -> Result<(), ArmError> {
    let login = text_at(&draft.body, "properties.administratorLogin").unwrap_or_default();
    let path = "properties.administratorLogin";
    if let Some(old) = draft.old(path)
        && old.as_str() != Some(login)
    {
        return Err(FIXED.refuse("InvalidParameterValue", FIXED.text).at(path));
    }
    let without_password =
        text_at(&draft.body, "properties.authConfig.passwordAuth") == Some("Disabled");
    if draft.existing.is_none() && !without_password {
        let lower = login.to_ascii_lowercase();
        let right = (1..=63).contains(&login.len())
            && login.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            && !login.starts_with(|c: char| c.is_ascii_digit())
            && !RESERVED_LOGINS.contains(&lower.as_str())
            && !lower.starts_with("pg_");
        if !right {
            return Err(LOGIN.refuse("InvalidParameterValue", LOGIN.text).at(path));
        }
        if !draft.secrets.contains_key(PASSWORD_PLACE) {
            return Err(PASSWORD
                .refuse("InvalidParameterValue", PASSWORD.text)
                .at(PASSWORD_PLACE));
        }
    }
    match draft.secrets.get(PASSWORD_PLACE) {
        Some(password) if !is_strong(password.expose()) => Err(PASSWORD
            .refuse("InvalidParameterValue", PASSWORD.text)
            .at(PASSWORD_PLACE)),
        _ => Ok(()),
    }
}

fn is_strong(password: &str) -> bool {
    let kinds = [
        password.contains(|c: char| c.is_ascii_uppercase()),
        password.contains(|c: char| c.is_ascii_lowercase()),
        password.contains(|c: char| c.is_ascii_digit()),
        password.contains(|c: char| !c.is_ascii_alphanumeric()),
    ];
    (8..=128).contains(&password.chars().count()) && kinds.iter().filter(|kind| **kind).count() >= 3
}

fn check_version(draft: &Draft<'_>) -> Result<(), ArmError> {
    let path = "properties.version";
    let number = |value: Option<&Value>| {
        value
            .and_then(Value::as_str)
            .and_then(|v| v.parse::<u32>().ok())
    };
    let new = number(at(&draft.body, path));
    let backwards = number(draft.old(path)).is_some_and(|old| new.is_some_and(|new| new < old));
    if new.is_none() || backwards {
        return Err(VERSION
            .refuse("InvalidParameterValue", VERSION.text)
            .at(path));
    }
    Ok(())
}

fn check_sku(body: &Value) -> Result<(), ArmError> {
    let name = text_at(body, "sku.name").unwrap_or_default();
    let tier = text_at(body, "sku.tier").unwrap_or_default();
    let letter = match tier.to_ascii_lowercase().as_str() {
        "burstable" => 'b',
        "generalpurpose" => 'd',
        "memoryoptimized" => 'e',
        _ => ' ',
    };
    let lower = name.to_ascii_lowercase();
    let rest = lower
        .strip_prefix("standard_")
        .and_then(|rest| rest.strip_prefix(letter));
    let cores: String = rest
        .unwrap_or_default()
        .chars()
        .take_while(char::is_ascii_digit)
        .collect();
    let known = match letter {
        'b' => matches!(
            rest,
            Some("1ms" | "2s" | "2ms" | "4ms" | "8ms" | "12ms" | "16ms" | "20ms")
        ),
        _ => ["2", "4", "8", "16", "20", "32", "48", "64", "96"].contains(&cores.as_str()),
    };
    if known {
        return Ok(());
    }
    let message = format!(
        "The SKU '{name}' of tier '{tier}' is not available. {}",
        SKU.text
    );
    Err(SKU.refuse("InvalidParameterValue", message).at("sku"))
}

fn fill_in(body: &mut Value) {
    for (path, value) in [
        ("properties.storage.storageSizeGB", json!(32)),
        ("properties.storage.autoGrow", json!("Disabled")),
        ("properties.storage.type", json!("Premium_LRS")),
        (
            "properties.authConfig.activeDirectoryAuth",
            json!("Disabled"),
        ),
        ("properties.authConfig.passwordAuth", json!("Enabled")),
        ("properties.backup.backupRetentionDays", json!(7)),
        ("properties.backup.geoRedundantBackup", json!("Disabled")),
        ("properties.highAvailability.mode", json!("Disabled")),
        (
            "properties.maintenanceWindow.customWindow",
            json!("Disabled"),
        ),
        ("properties.maintenanceWindow.dayOfWeek", json!(0)),
        ("properties.maintenanceWindow.startHour", json!(0)),
        ("properties.maintenanceWindow.startMinute", json!(0)),
        ("properties.dataEncryption.type", json!("SystemManaged")),
        ("properties.availabilityZone", json!("1")),
        ("properties.replicationRole", json!("Primary")),
        ("properties.replica.role", json!("Primary")),
    ] {
        default_at(body, path, value);
    }
    let in_network = at(body, "properties.network.delegatedSubnetResourceId").is_some();
    let access = if in_network { "Disabled" } else { "Enabled" };
    default_at(
        body,
        "properties.network.publicNetworkAccess",
        json!(access),
    );
    let size = at(body, "properties.storage.storageSizeGB").and_then(Value::as_i64);
    if let Some((_, tier, iops)) = SIZES.iter().find(|(gib, _, _)| Some(*gib) == size) {
        default_at(body, "properties.storage.tier", json!(tier));
        default_at(body, "properties.storage.iops", json!(iops));
    }
}

fn check_storage(draft: &Draft<'_>) -> Result<(), ArmError> {
    let path = "properties.storage.storageSizeGB";
    let size = at(&draft.body, path).and_then(Value::as_i64).unwrap_or(0);
    let shrinks = draft
        .old(path)
        .and_then(Value::as_i64)
        .is_some_and(|old| size < old);
    if shrinks || !SIZES.iter().any(|(gib, _, _)| *gib == size) {
        return Err(STORAGE
            .refuse("InvalidParameterValue", STORAGE.text)
            .at(path));
    }
    Ok(())
}

fn check_rest(draft: &Draft<'_>) -> Result<(), ArmError> {
    let body = &draft.body;
    let path = "properties.backup.backupRetentionDays";
    if !at(body, path)
        .and_then(Value::as_i64)
        .is_some_and(|days| (7..=35).contains(&days))
    {
        return Err(BACKUP.refuse("InvalidParameterValue", BACKUP.text).at(path));
    }
    let burstable =
        text_at(body, "sku.tier").is_some_and(|tier| tier.eq_ignore_ascii_case("Burstable"));
    let path = "properties.highAvailability.mode";
    if burstable && text_at(body, path) != Some("Disabled") {
        return Err(HIGH_AVAILABILITY
            .refuse(
                "HANotSupportedForBurstableSkuWithMoreInfo",
                HIGH_AVAILABILITY.text,
            )
            .at(path));
    }
    let path = "properties.network";
    let subnet = at(body, "properties.network.delegatedSubnetResourceId");
    let zone = at(body, "properties.network.privateDnsZoneArmResourceId");
    if subnet.is_some() != zone.is_some() {
        return Err(NETWORK
            .refuse("InvalidParameterValue", NETWORK.text)
            .at(path));
    }
    let old = draft.old("properties.network.delegatedSubnetResourceId");
    if draft.existing.is_some() && old != subnet {
        return Err(FIXED.refuse("InvalidParameterValue", FIXED.text).at(path));
    }
    Ok(())
}
