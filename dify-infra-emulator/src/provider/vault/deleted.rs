//! Vaults that were deleted: what is kept of them, and how they come back.

use http::StatusCode;
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::{PURGE_PROTECTION, SOFT_DELETED};
use crate::arm::answer::Answer;
use crate::arm::call::Call;
use crate::arm::error::ArmError;
use crate::arm::id::ResourceId;
use crate::arm::merge::{at, text_at};
use crate::engine::world::World;
use crate::engine::{Cloud, read};
use crate::provider::{Draft, Effects};
use crate::store::model::{Change, Reservation, Resource};

/// The key under which a deleted vault holds its name.
fn key(name: &str) -> String {
    format!("deletedvaults/{}", name.to_ascii_lowercase())
}

/// The deleted vault that holds a name.
fn held<'a>(world: World<'a>, name: &str) -> Option<&'a Reservation> {
    world
        .store
        .reservation(&key(name))
        .filter(|held| held.until > world.now)
}

/// Judges the creation of a vault: a deleted one of its name has to be recovered.
pub(super) fn admit(
    world: World<'_>,
    draft: &mut Draft<'_>,
    recovers: bool,
) -> Result<(), ArmError> {
    let Some(held) = held(world, draft.id.name()) else {
        return Ok(());
    };
    let same = text_at(&held.outputs, "id")
        .is_some_and(|id| id.eq_ignore_ascii_case(&draft.id.to_string()));
    if !recovers || !same {
        let message = "A vault with the same name already exists in deleted state. You need to \
                       either recover or purge existing key vault. Follow this link \
                       https://go.microsoft.com/fwlink/?linkid=2149745 for more information on \
                       soft delete.";
        return Err(SOFT_DELETED.refuse_with(StatusCode::CONFLICT, "ConflictError", message));
    }
    // what was set before comes back, whatever the request says
    draft.body = held.outputs["vault"].clone();
    draft.facts = json!({ "recovers": true });
    Ok(())
}

/// What follows when a recovery ends: the secrets are there again, and the name is held no more.
pub(super) fn recovered(world: World<'_>, resource: &mut Resource) -> Effects {
    let Some(held) = held(world, resource.id.name()) else {
        return Effects::default();
    };
    if resource.facts["recovers"] != json!(true) {
        return Effects::default();
    }
    resource.facts = Value::Null;
    let children = held.outputs["children"].as_array().into_iter().flatten();
    Effects {
        resources: children
            .filter_map(|child| serde_json::from_value(child.clone()).ok())
            .collect(),
        reservations: vec![(key(resource.id.name()), None)],
        ..Effects::default()
    }
}

/// What is kept of a deleted vault: everything in it.
pub(super) fn keep(world: World<'_>, resource: &Resource) -> Effects {
    let days = at(&resource.desired, "properties.softDeleteRetentionInDays")
        .and_then(Value::as_i64)
        .unwrap_or(90);
    // a reservation counts in the cloud's own time, which the time scale speeds up
    let kept = world
        .settings
        .scaled(SignedDuration::from_hours(24 * days).as_secs_f64());
    let children: Vec<&Resource> = world.store.children(&resource.id, "secrets").collect();
    let numbers = children.iter().flat_map(|child| {
        let id = child.id.key();
        let places = child.secrets.iter();
        places.map(move |(place, number)| (format!("{id}|{place}"), *number))
    });
    let reservation = Reservation {
        until: world.now.saturating_add(kept).unwrap_or(world.now),
        outputs: json!({
            "id": resource.id.to_string(),
            "vault": resource.desired,
            "children": children,
            "deleted": world.now.to_string(),
        }),
        secrets: numbers.collect(),
        created: resource.created,
    };
    Effects {
        reservations: vec![(key(resource.id.name()), Some(reservation))],
        ..Effects::default()
    }
}

/// The subscription in which the vault was.
fn subscription_of(held: &Reservation) -> String {
    let id = held.outputs["id"].as_str().and_then(ResourceId::parse);
    id.map_or_else(String::new, |id| id.subscription)
}

/// What is held of a vault that was in the subscription of a request.
fn of_call<'a>(cloud: &'a Cloud, call: &Call, name: &str) -> Option<&'a Reservation> {
    let subscription = cloud.settings.subscription_of(call);
    held(cloud.world(call.now), name)
        .filter(|held| subscription_of(held).eq_ignore_ascii_case(&subscription.id))
}

fn view(name: &str, held: &Reservation) -> Value {
    let vault = &held.outputs["vault"];
    let location = vault["location"].as_str().unwrap_or_default();
    let subscription = subscription_of(held);
    json!({
        "id": format!(
            "/subscriptions/{subscription}/providers/Microsoft.KeyVault/locations/{location}/\
             deletedVaults/{name}"
        ),
        "name": name,
        "type": "Microsoft.KeyVault/deletedVaults",
        "properties": {
            "vaultId": held.outputs["id"],
            "location": location,
            "tags": vault["tags"],
            "deletionDate": held.outputs["deleted"],
            "scheduledPurgeDate": held.until.to_string(),
            "purgeProtectionEnabled": vault["properties"]["enablePurgeProtection"],
        },
    })
}

/// Answers a GET of one deleted vault.
pub(crate) fn get(
    cloud: &Cloud,
    call: &Call,
    location: &str,
    name: &str,
) -> Result<Answer, ArmError> {
    let found = of_call(cloud, call, name).filter(|held| {
        held.outputs["vault"]["location"]
            .as_str()
            .is_some_and(|own| own.eq_ignore_ascii_case(location))
    });
    let Some(found) = found else {
        let message = format!("The specified deleted vault '{name}' does not exist.");
        return Err(ArmError::not_found("DeletedVaultNotFound", message));
    };
    let vault = found.outputs["id"].as_str().unwrap_or_default();
    let spelled = vault.rsplit('/').next().unwrap_or(name);
    Ok(Answer::ok(view(spelled, found)))
}

/// Answers the list of deleted vaults.
pub(crate) fn list(cloud: &Cloud, call: &Call) -> Result<Answer, ArmError> {
    let world = cloud.world(call.now);
    let subscription = &cloud.settings.subscription_of(call).id;
    let items = world
        .store
        .reservations()
        .filter(|(key, held)| key.starts_with("deletedvaults/") && held.until > world.now)
        .filter(|(_, held)| subscription_of(held).eq_ignore_ascii_case(subscription))
        .map(|(_, held)| {
            let vault = held.outputs["id"].as_str().unwrap_or_default();
            view(vault.rsplit('/').next().unwrap_or_default(), held)
        })
        .collect();
    read::page(cloud, call, items)
}

/// Answers a purge: the vault is gone for good, unless it is protected.
pub(crate) fn purge(cloud: &mut Cloud, call: &Call, name: &str) -> Result<Answer, ArmError> {
    let Some(found) = of_call(cloud, call, name) else {
        let message = format!("The specified deleted vault '{name}' does not exist.");
        return Err(ArmError::not_found("DeletedVaultNotFound", message));
    };
    if found.outputs["vault"]["properties"]["enablePurgeProtection"] == json!(true) {
        let message = "Operation 'purge' is not allowed because purge protection is enabled for \
                       this vault. Key Vault service will automatically purge it after the \
                       retention period has passed.";
        return Err(PURGE_PROTECTION.refuse_with(StatusCode::FORBIDDEN, "Forbidden", message));
    }
    cloud.store.apply(Change::Reservation(key(name), None));
    Ok(Answer::empty(StatusCode::OK))
}

/// Whether a deleted vault holds a name.
pub(crate) fn is_held(world: World<'_>, name: &str) -> bool {
    held(world, name).is_some()
}
