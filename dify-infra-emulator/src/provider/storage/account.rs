//! The accounts: 202 with an empty body, then a `Location`.

use http::StatusCode;
use serde_json::{Map, Value, json};

use crate::arm::answer::Answer;
use crate::arm::error::ArmError;
use crate::arm::id::ResourceId;
use crate::arm::merge::{at, default_at, set_at, text_at};
use crate::engine::world::World;
use crate::provider::container_app::add_identity;
use crate::provider::storage::{ACCOUNT_NAME, BUSY, FIXED, TIER, VERSIONS};
use crate::provider::{
    Action, ActionOutcome, Definition, Draft, Polling, Provider, Seconds, StateWords, Style,
};
use crate::settings::NameKind;
use crate::store::model::{Phase, Resource, SecretValue};
use crate::types;

static DEFINITION: Definition = Definition {
    name: "Microsoft.Storage/storageAccounts",
    api_versions: VERSIONS,
    table: Some(types::storage_account),
    check_name,
    create: Some(Style::ACCEPTED_LOCATION),
    update: Some(Style::SYNC),
    patch: Some(Style::SYNC),
    delete: Some(Style::SYNC),
    seconds: Seconds {
        create: 25.0,
        update: 0.0,
        delete: 0.0,
    },
    states: Some(&StateWords {
        creating: &["Creating", "ResolvingDNS"],
        ..StateWords::USUAL
    }),
    polling: Polling {
        status: "operations",
        result: "asyncoperations",
        api_version: "2026-04-01",
        ..Polling::USUAL
    },
    tracked: true,
    gone_on_failure: true,
    busy,
    global_name: Some(NameKind::StorageAccount),
    ..Definition::READ_ONLY
};

/// Names of the two keys and where their values are kept.
pub(crate) const KEYS: [(&str, &str); 2] = [("key1", "generated.key1"), ("key2", "generated.key2")];

/// Storage accounts.
pub(crate) struct StorageAccount;

fn check_name(name: &str) -> Result<(), ArmError> {
    let inside = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    if (3..=24).contains(&name.len()) && name.chars().all(inside) {
        return Ok(());
    }
    Err(ACCOUNT_NAME.refuse(
        "AccountNameInvalid",
        format!(
            "{name} is not a valid storage account name. Storage account name must be between 3 and 24 \
             characters in length and use numbers and lower-case letters only."
        ),
    ))
}

fn busy(id: &ResourceId) -> ArmError {
    BUSY.refuse_with(
        StatusCode::CONFLICT,
        "StorageAccountOperationInProgress",
        format!(
            "An operation is currently performing on the storage account '{}'.",
            id.root_name()
        ),
    )
}

impl Provider for StorageAccount {
    fn definition(&self) -> &'static Definition {
        &DEFINITION
    }

    fn check(&self, world: World<'_>, draft: &mut Draft<'_>) -> Result<(), ArmError> {
        let kind = text_at(&draft.body, "kind").unwrap_or_default().to_owned();
        if kind == "BlobStorage" && at(&draft.body, "properties.accessTier").is_none() {
            return Err(TIER
                .refuse("AccessTierRequired", TIER.text)
                .at("properties.accessTier"));
        }
        check_fixed(draft)?;
        fill_in(&mut draft.body, &kind);
        if draft.existing.is_none() {
            for (_, place) in KEYS {
                let purpose = format!("{place}/{}/{}", draft.id.key(), draft.unique);
                let key = world.dice().key(&purpose, 64);
                draft
                    .secrets
                    .insert(place.to_owned(), SecretValue::new(key));
            }
        }
        Ok(())
    }

    fn started(&self, world: World<'_>, resource: &mut Resource) {
        let created = at(&resource.outputs, "properties.creationTime").cloned();
        let created = created.unwrap_or_else(|| json!(world.now.to_string()));
        let mut outputs = Value::Object(Map::new());
        add_identity(world, resource, &mut outputs);
        let sku = text_at(&resource.desired, "sku.name").unwrap_or_default();
        let tier = if sku.starts_with("Premium") {
            "Premium"
        } else {
            "Standard"
        };
        let location = at(&resource.desired, "location")
            .cloned()
            .unwrap_or_default();
        for (path, value) in [
            ("sku.tier", json!(tier)),
            ("properties.creationTime", created.clone()),
            (
                "properties.keyCreationTime",
                json!({ "key1": created, "key2": created }),
            ),
            ("properties.primaryLocation", location),
            ("properties.statusOfPrimary", json!("available")),
            ("properties.primaryEndpoints", endpoints(resource)),
        ] {
            set_at(&mut outputs, path, value);
        }
        resource.outputs = outputs;
    }

    fn decorate(&self, world: World<'_>, resource: &Resource, body: &mut Value) {
        let connections = crate::provider::network::connections_to(world, &resource.id);
        set_at(body, "properties.privateEndpointConnections", connections);
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

fn check_fixed(draft: &Draft<'_>) -> Result<(), ArmError> {
    if draft.existing.is_none() {
        return Ok(());
    }
    for path in [
        "kind",
        "properties.isHnsEnabled",
        "properties.encryption.requireInfrastructureEncryption",
    ] {
        let new = at(&draft.body, path);
        if new.is_some() && new != draft.old(path) {
            let message = format!("'{path}' can't change. {}", FIXED.text);
            return Err(FIXED.refuse("PropertyCannotBeUpdated", message).at(path));
        }
    }
    Ok(())
}

fn fill_in(body: &mut Value, kind: &str) {
    let service = || json!({ "enabled": true, "keyType": "Account" });
    for (path, value) in [
        ("properties.supportsHttpsTrafficOnly", json!(true)),
        ("properties.allowBlobPublicAccess", json!(false)),
        ("properties.allowCrossTenantReplication", json!(false)),
        // the service's own default is still the oldest one
        ("properties.minimumTlsVersion", json!("TLS1_0")),
        ("properties.networkAcls.bypass", json!("AzureServices")),
        ("properties.networkAcls.virtualNetworkRules", json!([])),
        ("properties.networkAcls.ipRules", json!([])),
        ("properties.networkAcls.defaultAction", json!("Allow")),
        ("properties.encryption.services.blob", service()),
        ("properties.encryption.services.file", service()),
        (
            "properties.encryption.keySource",
            json!("Microsoft.Storage"),
        ),
    ] {
        default_at(body, path, value);
    }
    if kind == "StorageV2" {
        default_at(body, "properties.accessTier", json!("Hot"));
    }
}

fn endpoints(account: &Resource) -> Value {
    let mut endpoints = Map::new();
    for service in ["blob", "dfs", "file", "queue", "table"] {
        let address = format!("https://{}.{service}.core.windows.net/", account.id.name());
        endpoints.insert(service.to_owned(), json!(address));
    }
    // the real host has a zone number that differs by region
    let web = format!("https://{}.z11.web.core.windows.net/", account.id.name());
    endpoints.insert("web".to_owned(), json!(web));
    Value::Object(endpoints)
}

fn list_keys(world: World<'_>, account: &Resource) -> Result<ActionOutcome, ArmError> {
    if account.phase == Phase::Creating {
        return Err(busy(&account.id));
    }
    let keys = KEYS.map(|(name, place)| {
        json!({
            "keyName": name,
            "value": world.secret(account, place).unwrap_or_default(),
            "permissions": "FULL",
            "creationTime": at(&account.outputs, "properties.creationTime"),
        })
    });
    Ok(ActionOutcome::done(Answer::ok(json!({ "keys": keys }))))
}

fn regenerate(world: World<'_>, action: &Action<'_>) -> Result<ActionOutcome, ArmError> {
    let body = action.call.json()?;
    let wanted = text_at(&body, "keyName").unwrap_or_default();
    let Some((_, place)) = KEYS.iter().find(|(name, _)| *name == wanted) else {
        return Err(ArmError::bad_request(
            "InvalidValuesForRequestParameters",
            "keyName is key1 or key2.",
        )
        .at("keyName"));
    };
    let purpose = format!("{place}/{}/{}", action.resource.id.key(), action.unique);
    let key = world.dice().key(&purpose, 64);
    let mut listed = list_keys(world, action.resource)?;
    let keys = listed
        .answer
        .body
        .as_mut()
        .and_then(|body| body["keys"].as_array_mut());
    for item in keys
        .into_iter()
        .flatten()
        .filter(|item| item["keyName"] == wanted)
    {
        item["value"] = json!(key);
    }
    Ok(ActionOutcome {
        secrets: vec![((*place).to_owned(), SecretValue::new(key))],
        ..listed
    })
}
