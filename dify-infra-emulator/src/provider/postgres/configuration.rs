//! The parameters of a server: all of them can be read, and a write overrides the default.

use std::sync::LazyLock;

use serde_json::{Value, json};

use crate::arm::error::ArmError;
use crate::arm::id::ResourceId;
use crate::arm::merge::{at, set_at, text_at};
use crate::engine::world::World;
use crate::provider::postgres::{CONFIGURATION, EXTENSIONS, POLLING, VERSIONS, busy};
use crate::provider::{Definition, Draft, Effects, Provider, Seconds, Style};
use crate::store::model::{Phase, Resource};
use crate::types;

static DEFINITION: Definition = Definition {
    name: "Microsoft.DBforPostgreSQL/flexibleServers/configurations",
    api_versions: VERSIONS,
    table: Some(types::postgres_configuration),
    create: Some(Style::ACCEPTED_BOTH),
    update: Some(Style::ACCEPTED_BOTH),
    patch: Some(Style::ACCEPTED_BOTH),
    seconds: Seconds {
        create: 30.0,
        update: 30.0,
        delete: 0.0,
    },
    polling: POLLING,
    hidden_until_done: true,
    shares_lane: true,
    busy,
    ..Definition::READ_ONLY
};

/// Server parameters with their defaults
/// (learn.microsoft.com postgresql/flexible-server/server-parameters-table).
static PARAMETERS: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("parameters.json")).unwrap_or_default());

/// Server parameters.
pub(crate) struct Configuration;

impl Provider for Configuration {
    fn definition(&self) -> &'static Definition {
        &DEFINITION
    }

    fn check(&self, world: World<'_>, draft: &mut Draft<'_>) -> Result<(), ArmError> {
        let name = draft.id.name().to_ascii_lowercase();
        let Some(parameter) = PARAMETERS.get(&name) else {
            let message = format!("The server parameter '{name}' does not exist.");
            return Err(CONFIGURATION.refuse("ConfigurationNotExists", message));
        };
        if at(parameter, "isReadOnly") == Some(&json!(true)) {
            let message = format!("The server parameter '{name}' can't be written.");
            return Err(CONFIGURATION.refuse("ReadOnlyConfiguration", message));
        }
        let default = default_of(world, draft.id, &name);
        let source = text_at(&draft.body, "properties.source").unwrap_or("user-override");
        let reset = source.eq_ignore_ascii_case("system-default");
        let given = text_at(&draft.body, "properties.value").filter(|_| !reset);
        let value = given.unwrap_or(&default).to_owned();
        check_value(&name, parameter, &value)?;
        let source = if reset || given.is_none() {
            "system-default"
        } else {
            "user-override"
        };
        draft.body = json!({ "properties": { "value": value, "source": source } });
        Ok(())
    }

    fn finished(&self, world: World<'_>, resource: &mut Resource) -> Effects {
        let name = resource.id.name().to_ascii_lowercase();
        let mut outputs = json!({ "properties": description(world, &resource.id, &name) });
        let dynamic = at(&outputs, "properties.isDynamicConfig") == Some(&json!(true));
        set_at(
            &mut outputs,
            "properties.isConfigPendingRestart",
            json!(!dynamic),
        );
        resource.outputs = outputs;
        Effects::default()
    }

    fn implied(&self, world: World<'_>, id: &ResourceId) -> Option<Resource> {
        let server = world.store.resource(&id.parent()?)?;
        (server.phase != Phase::Creating).then_some(())?;
        let name = id.name().to_ascii_lowercase();
        PARAMETERS.get(&name).map(|_| implied(world, server, &name))
    }

    fn implied_children(&self, world: World<'_>, parent: &ResourceId) -> Vec<Resource> {
        let Some(server) = world.store.resource(parent) else {
            return Vec::new();
        };
        if server.phase == Phase::Creating {
            return Vec::new();
        }
        let names = PARAMETERS
            .as_object()
            .into_iter()
            .flat_map(serde_json::Map::keys);
        names.map(|name| implied(world, server, name)).collect()
    }
}

fn implied(world: World<'_>, server: &Resource, name: &str) -> Resource {
    let id = server.id.child("configurations", name);
    let mut properties = description(world, &id, name);
    properties["value"] = properties["defaultValue"].clone();
    properties["source"] = json!("system-default");
    Resource::complete(id, json!({ "properties": properties }), server.created)
}

/// What is said about a parameter besides its value.
fn description(world: World<'_>, id: &ResourceId, name: &str) -> Value {
    let mut properties = PARAMETERS.get(name).cloned().unwrap_or_default();
    properties["defaultValue"] = json!(default_of(world, id, name));
    properties["isConfigPendingRestart"] = json!(false);
    if properties.get("isReadOnly").is_none() {
        properties["isReadOnly"] = json!(false);
    }
    properties
}

/// The default of a parameter; that of `max_connections` depends on the SKU at the server's creation
/// (learn.microsoft.com postgresql/flexible-server/concepts-limits).
fn default_of(world: World<'_>, id: &ResourceId, name: &str) -> String {
    let server = id.parent().and_then(|id| world.store.resource(&id));
    let sku = server
        .and_then(|server| server.facts["createdSku"].as_str())
        .unwrap_or_default();
    if name == "max_connections"
        && let Some(connections) = connections_of(sku)
    {
        return connections.to_owned();
    }
    let parameter = PARAMETERS.get(name);
    parameter
        .and_then(|parameter| text_at(parameter, "defaultValue"))
        .unwrap_or_default()
        .to_owned()
}

fn connections_of(sku: &str) -> Option<&'static str> {
    let lower = sku.to_ascii_lowercase();
    let size = lower.strip_prefix("standard_")?;
    let cores: String = size
        .chars()
        .skip(1)
        .take_while(char::is_ascii_digit)
        .collect();
    Some(match (size, cores.as_str()) {
        ("b1ms", _) => "50",
        ("b2s", _) => "429",
        ("b4ms", _) | (_, "4") => "1718",
        (_, "2") => "859",
        (_, "8") => "3437",
        _ => "5000",
    })
}

fn check_value(name: &str, parameter: &Value, value: &str) -> Result<(), ArmError> {
    let allowed = text_at(parameter, "allowedValues").unwrap_or_default();
    let right = match text_at(parameter, "dataType").unwrap_or_default() {
        "Set" => return check_set(name, allowed, value),
        "Boolean" | "Enumeration" => allowed
            .split(',')
            .any(|one| one.eq_ignore_ascii_case(value)),
        "Integer" | "Numeric" => in_range(allowed, value),
        _ => true,
    };
    if right {
        return Ok(());
    }
    let message = format!("The value '{value}' of '{name}' is not valid. Allowed: {allowed}.");
    Err(CONFIGURATION
        .refuse("InvalidParameterValue", message)
        .at("properties.value"))
}

fn check_set(name: &str, allowed: &str, value: &str) -> Result<(), ArmError> {
    let known = |item: &str| allowed.split(',').any(|one| one.eq_ignore_ascii_case(item));
    let wrong = value
        .split(',')
        .filter(|_| !value.is_empty())
        .find(|item| !known(item));
    match wrong {
        None => Ok(()),
        Some(item) => {
            let message =
                format!("The value '{item}' of '{name}' is not valid. Allowed: {allowed}.");
            Err(EXTENSIONS
                .refuse("InvalidParameterValue", message)
                .at("properties.value"))
        }
    }
}

/// Whether a number is in a range written `least-most`.
fn in_range(allowed: &str, value: &str) -> bool {
    let Ok(number) = value.parse::<f64>() else {
        return false;
    };
    let separator = allowed
        .char_indices()
        .skip(1)
        .find(|(_, c)| *c == '-')
        .map(|(index, _)| index);
    let Some(separator) = separator else {
        return true;
    };
    let least: Option<f64> = allowed[..separator].parse().ok();
    let most: Option<f64> = allowed[separator + 1..].parse().ok();
    least.is_none_or(|least| number >= least) && most.is_none_or(|most| number <= most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_is_a_value_that_may_be_written() {
        let parameters = PARAMETERS.as_object().unwrap();
        assert!(parameters.len() >= 30);
        for (name, parameter) in parameters {
            let default = text_at(parameter, "defaultValue").unwrap();
            check_value(name, parameter, default).unwrap_or_else(|error| panic!("{error:?}"));
        }
    }

    #[test]
    fn extensions_are_a_set_in_any_case() {
        let parameter = &PARAMETERS["azure.extensions"];
        assert!(check_value("azure.extensions", parameter, "VECTOR,uuid-ossp").is_ok());
        assert!(check_value("azure.extensions", parameter, "").is_ok());
        assert!(check_value("azure.extensions", parameter, "vector, uuid-ossp").is_err());
        assert!(check_value("azure.extensions", parameter, "no_such_thing").is_err());
    }

    #[test]
    fn ranges_may_begin_below_zero() {
        assert!(in_range("-1-2147483647", "-1"));
        assert!(!in_range("-1-2147483647", "-2"));
        assert!(!in_range("1-10", "x"));
    }

    #[test]
    fn connections_follow_the_size() {
        assert_eq!(connections_of("Standard_B1ms"), Some("50"));
        assert_eq!(connections_of("Standard_B2ms"), Some("859"));
        assert_eq!(connections_of("Standard_D4ds_v5"), Some("1718"));
    }
}
