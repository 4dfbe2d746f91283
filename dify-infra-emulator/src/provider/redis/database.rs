//! `Microsoft.Cache/redisEnterprise/databases`: the one database of a cache.

use http::StatusCode;
use serde_json::{Value, json};

use crate::arm::answer::Answer;
use crate::arm::error::ArmError;
use crate::arm::merge::{at, default_at, list_at, set_at, text_at};
use crate::engine::world::World;
use crate::provider::redis::cluster::resource_state;
use crate::provider::redis::{
    CLUSTER_READY, CLUSTERING, DATABASE_NAME, FIXED, KEYS, NO_CLUSTER, POLLING, VERSIONS, is_small,
};
use crate::provider::{
    Action, ActionOutcome, Definition, Draft, Provider, Seconds, StateWords, Style,
};
use crate::store::model::{Phase, Resource, SecretValue};
use crate::types;

static DEFINITION: Definition = Definition {
    name: "Microsoft.Cache/redisEnterprise/databases",
    api_versions: VERSIONS,
    table: Some(types::redis_enterprise_database),
    check_name,
    // Azure/azure-cli-extensions redisenterprise recordings/test_redisenterprise_access_string.yaml
    create: Some(Style::TRACKED_BOTH),
    update: Some(Style::TRACKED_BOTH),
    patch: Some(Style::ACCEPTED_TRACKED),
    delete: Some(Style::ACCEPTED_TRACKED),
    seconds: Seconds {
        create: 60.0,
        update: 30.0,
        delete: 30.0,
    },
    states: Some(&StateWords::USUAL),
    polling: POLLING,
    shares_lane: true,
    ..Definition::READ_ONLY
};

/// Databases.
pub(crate) struct RedisDatabase;

fn check_name(name: &str) -> Result<(), ArmError> {
    if name.eq_ignore_ascii_case("default") {
        return Ok(());
    }
    let message = format!(
        "The database name '{name}' is not valid. {}",
        DATABASE_NAME.text
    );
    Err(DATABASE_NAME.refuse("BadRequest", message))
}

impl Provider for RedisDatabase {
    fn definition(&self) -> &'static Definition {
        &DEFINITION
    }

    fn check(&self, world: World<'_>, draft: &mut Draft<'_>) -> Result<(), ArmError> {
        let cluster = draft.id.parent().and_then(|id| world.store.resource(&id));
        if cluster.is_none_or(|cluster| cluster.phase != Phase::Succeeded) {
            let code = "ClusterNotReady";
            return Err(CLUSTER_READY.refuse_with(StatusCode::CONFLICT, code, CLUSTER_READY.text));
        }
        for (path, value) in [
            ("properties.clientProtocol", "Encrypted"),
            ("properties.clusteringPolicy", "OSSCluster"),
            ("properties.evictionPolicy", "VolatileLRU"),
            ("properties.accessKeysAuthentication", "Disabled"),
            ("properties.deferUpgrade", "NotDeferred"),
        ] {
            default_at(&mut draft.body, path, json!(value));
        }
        default_at(&mut draft.body, "properties.port", json!(10_000));
        let sku = cluster
            .and_then(|cluster| text_at(&cluster.desired, "sku.name"))
            .unwrap_or_default();
        check_policy(draft, sku)?;
        check_fixed(draft)?;
        if draft.existing.is_none() {
            for place in ["generated.primary", "generated.secondary"] {
                let purpose = format!("{place}/{}/{}", draft.id.key(), draft.unique);
                let key = world.dice().key(&purpose, 32);
                draft
                    .secrets
                    .insert(place.to_owned(), SecretValue::new(key));
            }
        }
        Ok(())
    }

    fn started(&self, _world: World<'_>, resource: &mut Resource) {
        resource.outputs = json!({ "properties": { "redisVersion": "7.4" } });
        let modules = list_at(&resource.desired, "properties.modules").to_vec();
        if !modules.is_empty() {
            let with_version = |mut module: Value| {
                module["version"] = json!("1.0.0");
                default_at(&mut module, "args", json!(""));
                module
            };
            let modules: Vec<Value> = modules.into_iter().map(with_version).collect();
            set_at(&mut resource.outputs, "properties.modules", json!(modules));
        }
    }

    fn decorate(&self, _world: World<'_>, resource: &Resource, body: &mut Value) {
        set_at(
            body,
            "properties.resourceState",
            json!(resource_state(resource)),
        );
    }

    fn act(
        &self,
        world: World<'_>,
        action: &Action<'_>,
    ) -> Option<Result<ActionOutcome, ArmError>> {
        match action.name {
            "listkeys" => Some(list_keys(world, action.resource)),
            "regeneratekey" => Some(regenerate(world, action)),
            _ => None,
        }
    }
}

fn check_policy(draft: &Draft<'_>, sku: &str) -> Result<(), ArmError> {
    let path = "properties.clusteringPolicy";
    let policy = text_at(&draft.body, path).unwrap_or_default();
    let old = draft.old(path).and_then(Value::as_str);
    if old.is_some_and(|old| old != "NoCluster" && old != policy) {
        return Err(CLUSTERING.refuse("BadRequest", CLUSTERING.text).at(path));
    }
    if policy == "NoCluster" && !is_small(sku) {
        return Err(NO_CLUSTER.refuse("BadRequest", NO_CLUSTER.text).at(path));
    }
    Ok(())
}

fn check_fixed(draft: &Draft<'_>) -> Result<(), ArmError> {
    if draft.existing.is_none() {
        return Ok(());
    }
    for path in [
        "properties.clientProtocol",
        "properties.port",
        "properties.modules",
    ] {
        if draft.old(path) != at(&draft.body, path) {
            return Err(FIXED.refuse("BadRequest", FIXED.text).at(path));
        }
    }
    Ok(())
}

fn require_keys(database: &Resource) -> Result<(), ArmError> {
    let enabled =
        text_at(&database.desired, "properties.accessKeysAuthentication") == Some("Enabled");
    if !enabled {
        return Err(KEYS.refuse(
            "BadRequest",
            "Access keys authentication is disabled on this database.",
        ));
    }
    if database.phase == Phase::Creating {
        let code = "DatabaseNotReady";
        return Err(CLUSTER_READY.refuse_with(
            StatusCode::CONFLICT,
            code,
            "The database is being created.",
        ));
    }
    Ok(())
}

fn keys_body(world: World<'_>, database: &Resource) -> Value {
    let key = |place: &str| world.secret(database, place).unwrap_or_default();
    json!({ "primaryKey": key("generated.primary"), "secondaryKey": key("generated.secondary") })
}

fn list_keys(world: World<'_>, database: &Resource) -> Result<ActionOutcome, ArmError> {
    require_keys(database)?;
    Ok(ActionOutcome::done(Answer::ok(keys_body(world, database))))
}

fn regenerate(world: World<'_>, action: &Action<'_>) -> Result<ActionOutcome, ArmError> {
    require_keys(action.resource)?;
    let body = action.call.json()?;
    let (place, member) = match text_at(&body, "keyType").unwrap_or_default() {
        "Primary" => ("generated.primary", "primaryKey"),
        "Secondary" => ("generated.secondary", "secondaryKey"),
        _ => {
            return Err(KEYS
                .refuse("BadRequest", "keyType is Primary or Secondary.")
                .at("keyType"));
        }
    };
    let purpose = format!("{place}/{}/{}", action.resource.id.key(), action.unique);
    let key = world.dice().key(&purpose, 32);
    let mut answer = keys_body(world, action.resource);
    answer[member] = json!(key);
    let done = ActionOutcome::done(Answer::ok(answer));
    Ok(ActionOutcome {
        secrets: vec![(place.to_owned(), SecretValue::new(key))],
        ..done
    })
}
