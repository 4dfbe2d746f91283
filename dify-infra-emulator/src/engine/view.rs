//! Resources as clients read them.

use serde_json::{Value, json};

use crate::arm::merge::{set_at, text_at};
use crate::engine::world::World;
use crate::provider::{self, Definition, StateWords};
use crate::regions;
use crate::store::model::{Phase, Resource};

/// The body that a GET of a resource answers. Secret values are never part of a resource's body:
/// they were set apart when it was written.
pub(crate) fn view(world: World<'_>, resource: &Resource) -> Value {
    let mut body = resource.body();
    body["id"] = json!(resource.id.to_string());
    body["name"] = json!(resource.id.name());
    body["type"] = json!(resource.id.type_name());
    let Some(provider) = provider::find(&resource.id.type_name()) else {
        return body;
    };
    let definition = provider.definition();
    if let Some(states) = definition.states {
        for path in states.paths {
            set_at(&mut body, path, json!(state_word(world, states, resource)));
        }
    }
    if definition.system_data {
        body["systemData"] = system_data(resource);
    }
    spell_location(definition, &mut body);
    provider.decorate(world, resource, &mut body);
    body
}

/// The provider's own word for the state of a resource.
fn state_word(world: World<'_>, states: &StateWords, resource: &Resource) -> &'static str {
    let progress = world
        .operation_of(resource)
        .map_or(0.0, |operation| operation.progress(world.now));
    let words = match resource.phase {
        Phase::Succeeded => states.done,
        Phase::Failed => states.failed,
        Phase::Creating => states.creating,
        Phase::Updating => states.updating,
        Phase::Deleting => states.deleting,
    };
    let steps = words.len();
    // the first word whose share of the time is not over yet
    let index = (1..steps)
        .take_while(|step| progress * count(steps) >= count(*step))
        .count();
    words.get(index).copied().unwrap_or("Succeeded")
}

fn count(items: usize) -> f64 {
    u32::try_from(items).map_or(f64::MAX, f64::from)
}

fn system_data(resource: &Resource) -> Value {
    json!({
        "createdBy": "embedded",
        "createdByType": "Application",
        "createdAt": resource.created.to_string(),
        "lastModifiedBy": "embedded",
        "lastModifiedByType": "Application",
        "lastModifiedAt": resource.modified.to_string(),
    })
}

/// Container Apps answers `Japan East` where others answer `japaneast`
/// (Azure/azure-rest-api-specs `ContainerApps_CreateOrUpdate` example).
fn spell_location(definition: &Definition, body: &mut Value) {
    if !definition.display_location {
        return;
    }
    if let Some(region) = text_at(body, "location").and_then(regions::find) {
        body["location"] = json!(region.display);
    }
}
