//! The databases of a server.

use http::StatusCode;
use serde_json::json;

use crate::arm::error::ArmError;
use crate::arm::id::ResourceId;
use crate::arm::merge::{at, default_at};
use crate::engine::world::World;
use crate::provider::postgres::{
    DATABASE_FIXED, DATABASE_NAME, POLLING, PREDEFINED, VERSIONS, busy,
};
use crate::provider::{Definition, Draft, Provider, Seconds, Style};
use crate::store::model::{Phase, Resource};
use crate::types;

static DEFINITION: Definition = Definition {
    name: "Microsoft.DBforPostgreSQL/flexibleServers/databases",
    api_versions: VERSIONS,
    table: Some(types::postgres_database),
    check_name,
    create: Some(Style::ACCEPTED_BOTH),
    update: Some(Style::ACCEPTED_BOTH),
    delete: Some(Style::ACCEPTED_BOTH),
    seconds: Seconds {
        create: 20.0,
        update: 20.0,
        delete: 20.0,
    },
    polling: POLLING,
    hidden_until_done: true,
    shares_lane: true,
    busy,
    ..Definition::READ_ONLY
};

/// Databases that every server has from the start.
const PREDEFINED_NAMES: [&str; 3] = ["postgres", "azure_maintenance", "azure_sys"];

/// Databases.
pub(crate) struct Database;

fn check_name(name: &str) -> Result<(), ArmError> {
    let first = |c: char| c.is_ascii_alphabetic() || c == '_';
    let inside = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if (1..=63).contains(&name.len()) && name.starts_with(first) && name.chars().all(inside) {
        return Ok(());
    }
    let message = format!(
        "The database name '{name}' is not valid. {}",
        DATABASE_NAME.text
    );
    Err(DATABASE_NAME.refuse("InvalidParameterValue", message))
}

impl Provider for Database {
    fn definition(&self) -> &'static Definition {
        &DEFINITION
    }

    fn check(&self, _world: World<'_>, draft: &mut Draft<'_>) -> Result<(), ArmError> {
        if PREDEFINED_NAMES.contains(&draft.id.name()) {
            let code = "DatabaseAlreadyExists";
            return Err(PREDEFINED.refuse_with(StatusCode::CONFLICT, code, PREDEFINED.text));
        }
        default_at(&mut draft.body, "properties.charset", json!("UTF8"));
        default_at(&mut draft.body, "properties.collation", json!("en_US.utf8"));
        for path in ["properties.charset", "properties.collation"] {
            let new = at(&draft.body, path).and_then(|value| value.as_str());
            let old = draft.old(path).and_then(|value| value.as_str());
            if old.is_some_and(|old| new.is_none_or(|new| !new.eq_ignore_ascii_case(old))) {
                return Err(DATABASE_FIXED
                    .refuse("InvalidParameterValue", DATABASE_FIXED.text)
                    .at(path));
            }
        }
        Ok(())
    }

    fn implied(&self, world: World<'_>, id: &ResourceId) -> Option<Resource> {
        let key = id.key();
        self.implied_children(world, &id.parent()?)
            .into_iter()
            .find(|database| database.id.key() == key)
    }

    fn implied_children(&self, world: World<'_>, parent: &ResourceId) -> Vec<Resource> {
        let Some(server) = world.store.resource(parent) else {
            return Vec::new();
        };
        if server.phase == Phase::Creating {
            return Vec::new();
        }
        let database = |name: &&str| {
            let body = json!({ "properties": { "charset": "UTF8", "collation": "en_US.utf8" } });
            Resource::complete(server.id.child("databases", name), body, server.created)
        };
        PREDEFINED_NAMES.iter().map(database).collect()
    }
}
