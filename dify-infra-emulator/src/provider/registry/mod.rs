//! `Microsoft.ContainerRegistry/registries`, pulls from them by an identity, and imports into them.

mod import;
mod pull;

use serde_json::json;

use crate::arm::error::ArmError;
use crate::arm::merge::{default_at, set_at};
use crate::engine::world::World;
use crate::provider::{
    Action, ActionOutcome, Definition, Draft, Polling, Provider, Seconds, StateWords, Style,
};
use crate::rules::Rule;
use crate::settings::NameKind;
use crate::store::model::Resource;
use crate::types;

pub(crate) use pull::check_pulls;

/// The rules of registries.
pub(crate) const RULES: &[Rule] = &[
    NAME,
    pull::PULL,
    pull::MANIFEST,
    import::SOURCE,
    import::TARGET,
    import::EXISTS,
];

const NAME: Rule = Rule::known(
    "ACR-NAME",
    "A registry's name has 5-50 letters and digits.",
    "Azure/bicep-types-az Microsoft.ContainerRegistry/registries name pattern",
);
/// The full type.
const TYPE: &str = "Microsoft.ContainerRegistry/registries";

static DEFINITION: Definition = Definition {
    name: TYPE,
    api_versions: &["2025-11-01"],
    table: Some(types::registry),
    check_name,
    create: Some(Style::TRACKED),
    update: Some(Style::TRACKED),
    patch: Some(Style::TRACKED),
    delete: Some(Style::SYNC),
    seconds: Seconds {
        create: 10.0,
        update: 5.0,
        delete: 0.0,
    },
    states: Some(&StateWords::USUAL),
    // Azure/azure-cli acr recordings/test_acr_create_with_managed_registry.yaml: the status is `Creating`
    polling: Polling {
        api_version: "2025-11-01",
        names_work: true,
        ..Polling::USUAL
    },
    tracked: true,
    global_name: Some(NameKind::ContainerRegistry),
    ..Definition::READ_ONLY
};

/// What is said of a name that another registry has.
pub(crate) fn name_taken(name: &str) -> String {
    format!("The registry DNS name {name}.azurecr.io is already in use.")
}

/// Registries.
pub(crate) struct Registry;

fn check_name(name: &str) -> Result<(), ArmError> {
    if (5..=50).contains(&name.len()) && name.chars().all(|c| c.is_ascii_alphanumeric()) {
        return Ok(());
    }
    let message = format!("The registry name '{name}' is not valid. {}", NAME.text);
    Err(NAME.refuse("InvalidResourceName", message))
}

impl Provider for Registry {
    fn definition(&self) -> &'static Definition {
        &DEFINITION
    }

    fn check(&self, _world: World<'_>, draft: &mut Draft<'_>) -> Result<(), ArmError> {
        for (path, value) in [
            ("properties.adminUserEnabled", json!(false)),
            ("properties.publicNetworkAccess", json!("Enabled")),
        ] {
            default_at(&mut draft.body, path, value);
        }
        Ok(())
    }

    fn started(&self, _world: World<'_>, resource: &mut Resource) {
        let server = format!("{}.azurecr.io", resource.id.name().to_ascii_lowercase());
        let created = resource.created.to_string();
        let outputs = &mut resource.outputs;
        set_at(outputs, "properties.loginServer", json!(server));
        set_at(outputs, "properties.creationDate", json!(created));
    }

    fn act(
        &self,
        world: World<'_>,
        action: &Action<'_>,
    ) -> Option<Result<ActionOutcome, ArmError>> {
        (action.name == "importimage").then(|| import::import(world, action))
    }
}
