//! Secrets of a vault: every write with a value is a new version, and no answer has the value.

use http::StatusCode;
use serde_json::{Value, json};

use super::{SECRET_NAME, SECRET_VALUE, VERSIONS};
use crate::arm::error::ArmError;
use crate::arm::merge::default_at;
use crate::engine::world::World;
use crate::provider::{Definition, Draft, Provider, Style};
use crate::store::model::Resource;
use crate::types;

static DEFINITION: Definition = Definition {
    name: "Microsoft.KeyVault/vaults/secrets",
    api_versions: VERSIONS,
    table: Some(types::vault_secret),
    check_name,
    create: Some(Style::SYNC),
    update: Some(Style::SYNC),
    patch: Some(Style::SYNC),
    created_status: StatusCode::CREATED,
    ..Definition::READ_ONLY
};

/// Bytes of a value at most.
const LARGEST: usize = 25 * 1024;

/// Where a value is given.
const VALUE: &str = "properties.value";

/// Secrets.
pub(crate) struct Secret;

fn check_name(name: &str) -> Result<(), ArmError> {
    let inside = |c: char| c.is_ascii_alphanumeric() || c == '-';
    if (1..=127).contains(&name.len()) && name.chars().all(inside) {
        return Ok(());
    }
    let message = format!(
        "The secret name '{name}' is not valid. {}",
        SECRET_NAME.text
    );
    Err(SECRET_NAME.refuse("InvalidResourceName", message))
}

/// Where the value of a version is kept.
pub(super) fn place(version: &str) -> String {
    format!("generated.{version}")
}

impl Provider for Secret {
    fn definition(&self) -> &'static Definition {
        &DEFINITION
    }

    fn check(&self, world: World<'_>, draft: &mut Draft<'_>) -> Result<(), ArmError> {
        let value = draft.secrets.remove(VALUE);
        let fits = |length: usize| (1..=LARGEST).contains(&length);
        let right = match &value {
            Some(value) => fits(value.expose().len()),
            None => draft.existing.is_some(),
        };
        if !right {
            return Err(SECRET_VALUE
                .refuse("BadParameter", SECRET_VALUE.text)
                .at(VALUE));
        }
        default_at(
            &mut draft.body,
            "properties.attributes.enabled",
            json!(true),
        );
        if let Some(value) = value {
            let purpose = format!("version/{}/{}", draft.id.key(), draft.unique);
            let version = world.dice().hex(&purpose, 32);
            draft.secrets.insert(place(&version), value);
            draft.facts = json!({ "version": version, "since": world.now.to_string() });
        }
        Ok(())
    }

    fn started(&self, world: World<'_>, resource: &mut Resource) {
        let vault = resource.id.root_name().to_ascii_lowercase();
        let uri = format!(
            "https://{vault}.vault.azure.net/secrets/{}",
            resource.id.name()
        );
        let version = resource.facts["version"].as_str().unwrap_or_default();
        let since = resource.facts["since"].as_str().unwrap_or_default();
        let since = since.parse().unwrap_or(world.now);
        resource.outputs = json!({ "properties": {
            "secretUri": uri,
            "secretUriWithVersion": format!("{uri}/{version}"),
            "attributes": {
                "created": since.as_second(),
                "updated": world.now.as_second(),
            },
        }});
    }

    fn decorate(&self, world: World<'_>, resource: &Resource, body: &mut Value) {
        if let Some(vault) = world.store.resource(&resource.id.root()) {
            body["location"] = vault.desired["location"].clone();
        }
    }
}
