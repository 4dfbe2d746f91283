//! PUT, PATCH and DELETE of resources.

use std::collections::BTreeMap;

use http::StatusCode;
use serde_json::{Value, json};

use crate::arm::answer::Answer;
use crate::arm::call::Call;
use crate::arm::error::ArmError;
use crate::arm::id::ResourceId;
use crate::arm::merge::{merge_patch, text_at};
use crate::engine::Cloud;
use crate::engine::operations::{Begin, follow, hint_at};
use crate::engine::read::{group_not_found, parent_not_found, resource_not_found};
use crate::engine::view::view;
use crate::front;
use crate::provider::{self, Definition, Draft, Provider, Style};
use crate::regions;
use crate::store::model::{Change, NextVersion, Operation, Phase, Resource, SecretValue, Work};
use crate::table::{Accepted, Mode, Table};

/// What a write will do, once nothing speaks against it.
struct Write {
    provider: &'static dyn Provider,
    id: ResourceId,
    existing: Option<Resource>,
    body: Value,
    secrets: BTreeMap<String, SecretValue>,
    kept: BTreeMap<String, u64>,
    facts: Value,
    style: Style,
}

/// Answers a PUT.
pub(crate) fn put(cloud: &mut Cloud, call: &Call, id: &ResourceId) -> Result<Answer, ArmError> {
    let provider = writable(id)?;
    let definition = provider.definition();
    let existing = cloud.store.resource(id).cloned();
    let style = if existing.is_some() {
        definition.update
    } else {
        definition.create
    };
    let style = style.ok_or_else(|| not_allowed(call, id))?;
    let id = require_place(cloud, call, id)?;
    let body = call.json()?;
    provider.refuse_creation(cloud.world(call.now), &id)?;
    check_name_in_body(&id, &body)?;
    let table = definition.table.ok_or_else(|| not_allowed(call, &id))?();
    let mut accepted = accept(definition, table, call, &body, Mode::Whole)?;
    check_location(definition, &mut accepted.body, existing.as_ref())?;
    front::check_tags(&accepted.body)?;
    require_idle(cloud, definition, &id)?;
    let kept = existing
        .as_ref()
        .map_or_else(BTreeMap::new, |old| kept_secrets(definition, old));
    let write = checked(cloud, call, (provider, id, existing, style), accepted, kept)?;
    Ok(perform(cloud, call, write))
}

/// Answers a PATCH.
pub(crate) fn patch(cloud: &mut Cloud, call: &Call, id: &ResourceId) -> Result<Answer, ArmError> {
    let provider = writable(id)?;
    let definition = provider.definition();
    let style = definition.patch.ok_or_else(|| not_allowed(call, id))?;
    let id = require_place(cloud, call, id)?;
    let table = definition.table.ok_or_else(|| not_allowed(call, &id))?();
    let given = call.json()?;
    if definition.patches_tags_alone {
        require_tags_alone(definition.name, &given)?;
    }
    let patch = accept(definition, table, call, &given, Mode::Patch)?;
    let world = cloud.world(call.now);
    let existing = world
        .find(&id)
        .ok_or_else(|| resource_not_found(&id))?
        .into_owned();
    let mut body = existing.desired.clone();
    if !definition.merges_tags && patch.body.get("tags").is_some() {
        body["tags"] = Value::Null;
    }
    merge_patch(&mut body, &patch.body);
    // the merged whole must be a valid resource again
    let mut whole = table.accept(&body, Mode::Whole)?;
    whole.secrets.extend(patch.secrets);
    check_location(definition, &mut whole.body, Some(&existing))?;
    front::check_tags(&whole.body)?;
    require_idle(cloud, definition, &id)?;
    let kept = existing.secrets.clone();
    let write = checked(
        cloud,
        call,
        (provider, id, Some(existing), style),
        whole,
        kept,
    )?;
    Ok(perform(cloud, call, write))
}

/// Answers a DELETE.
pub(crate) fn delete(cloud: &mut Cloud, call: &Call, id: &ResourceId) -> Result<Answer, ArmError> {
    let provider = writable(id)?;
    let definition = provider.definition();
    let style = definition.delete.ok_or_else(|| not_allowed(call, id))?;
    if cloud.store.group(&id.group_key()).is_none() {
        return Err(group_not_found(&id.group));
    }
    let Some(resource) = cloud.store.resource(id).cloned() else {
        // an implied resource may refuse its deletion, what is not there is deleted already
        let implied = cloud.world(call.now).find(id).is_some();
        if implied {
            return Err(not_allowed(call, id));
        }
        return Ok(Answer::empty(StatusCode::NO_CONTENT));
    };
    let running = cloud.world(call.now).operation_of(&resource).cloned();
    if let (Phase::Deleting, Some(operation)) = (resource.phase, &running) {
        let answer = Answer::empty(StatusCode::ACCEPTED);
        return Ok(follow(answer, call, cloud, (definition, style, operation)));
    }
    require_idle(cloud, definition, id)?;
    provider.check_delete(cloud.world(call.now), &resource)?;
    let force = call
        .query("force")
        .is_some_and(|force| force.eq_ignore_ascii_case("true"));
    let mut resource = resource;
    if force {
        resource.facts["force"] = json!(true);
    }
    if style == Style::SYNC {
        let deleted = definition
            .answers_deleted
            .then(|| view(cloud.world(call.now), &resource));
        cloud.remove(&resource, call.now);
        return Ok(deleted.map_or_else(|| Answer::empty(StatusCode::OK), Answer::ok));
    }
    let begin = begin_of(definition, &resource.id, Work::Delete);
    let operation = cloud.begin(call.now, begin);
    resource.phase = Phase::Deleting;
    resource.operation = Some(operation.id.clone());
    cloud
        .store
        .apply(Change::Resource(resource.id.key(), Some(resource)));
    let answer = Answer::empty(StatusCode::ACCEPTED);
    Ok(follow(answer, call, cloud, (definition, style, &operation)))
}

/// Reads a body by the table of its type; one in a version whose properties are not known here loses
/// what the table does not have.
fn accept(
    definition: &Definition,
    table: &Table,
    call: &Call,
    body: &Value,
    mode: Mode,
) -> Result<Accepted, ArmError> {
    let spoken = call.query("api-version").unwrap_or_default();
    let known = definition
        .api_versions
        .iter()
        .any(|known| known.eq_ignore_ascii_case(spoken));
    let accepted = if known {
        table.accept(body, mode)
    } else {
        table.accept_of_other_version(body, mode)
    };
    accepted.map_err(|mut error| {
        if let Some(code) = definition.schema_code {
            code.clone_into(&mut error.code);
        }
        error
    })
}

/// Refuses a PATCH of a type that takes tags alone when it has anything else.
fn require_tags_alone(type_name: &str, patch: &Value) -> Result<(), ArmError> {
    let mut names = patch
        .as_object()
        .into_iter()
        .flat_map(|object| object.keys());
    let Some(other) = names.find(|name| !name.eq_ignore_ascii_case("tags")) else {
        return Ok(());
    };
    let message = format!(
        "Could not find member '{other}' on object of type 'TagsObject'. A PATCH of '{type_name}' changes \
         tags alone."
    );
    Err(front::TAGS_ALONE
        .refuse("InvalidRequestContent", message)
        .at(other))
}

fn writable(id: &ResourceId) -> Result<&'static dyn Provider, ArmError> {
    let kind = id.type_name();
    provider::find(&kind).ok_or_else(|| front::unknown_type(&kind))
}

fn not_allowed(call: &Call, id: &ResourceId) -> ArmError {
    ArmError::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "HttpMethodNotAllowed",
        format!(
            "The method {} is not allowed on '{}'.",
            call.method,
            id.type_name()
        ),
    )
}

/// Checks group, registration, name and parent, and spells the id as its parents were created.
fn require_place(cloud: &Cloud, call: &Call, id: &ResourceId) -> Result<ResourceId, ArmError> {
    let group = cloud
        .store
        .group(&id.group_key())
        .ok_or_else(|| group_not_found(&id.group))?;
    if group.deleting {
        return Err(front::group_is_being_deleted(&group.name));
    }
    front::require_registered(cloud, call, id.type_namespace())?;
    let definition = writable(id)?.definition();
    (definition.check_name)(id.name())?;
    let mut spelled = id.clone().with_type_spelling(definition.name);
    spelled.subscription.clone_from(&group.subscription);
    spelled.group.clone_from(&group.name);
    if let Some(parent) = id.parent() {
        let world = cloud.world(call.now);
        let parent = world
            .find(&parent)
            .ok_or_else(|| parent_not_found(&parent))?;
        if parent.phase == Phase::Deleting {
            return Err((definition.busy)(&spelled));
        }
        spelled = spelled.with_parent_spelling(&parent.id);
    }
    Ok(cloud
        .store
        .resource(id)
        .map_or(spelled, |existing| existing.id.clone()))
}

/// Azure refuses a body whose name or id is another than that of the address.
fn check_name_in_body(id: &ResourceId, body: &Value) -> Result<(), ArmError> {
    let name = text_at(body, "name");
    let own_path = id.to_string();
    if name.is_some_and(|name| {
        !name.eq_ignore_ascii_case(id.name())
            && !own_path
                .to_ascii_lowercase()
                .ends_with(&name.to_ascii_lowercase())
    }) {
        return Err(ArmError::bad_request(
            "InvalidResourceName",
            format!("The name in the body is not the name of '{own_path}'."),
        )
        .at("name"));
    }
    Ok(())
}

fn check_location(
    definition: &Definition,
    body: &mut Value,
    existing: Option<&Resource>,
) -> Result<(), ArmError> {
    if !definition.tracked {
        return Ok(());
    }
    let Some(given) = text_at(body, "location") else {
        return Err(ArmError::bad_request(
            "LocationRequired",
            "The location property is required for this definition.",
        )
        .at("location"));
    };
    if definition.global {
        return crate::provider::network::dns_zone::check_global(given);
    }
    let Some(region) = regions::find(given) else {
        return Err(front::location_not_available(definition.name, given));
    };
    let old = existing.and_then(|old| text_at(&old.desired, "location"));
    if let (Some(old), Some(existing)) = (old, existing)
        && old != region.name
    {
        return Err(front::location_differs(&existing.id, old, region.name));
    }
    body["location"] = json!(region.name);
    Ok(())
}

fn require_idle(cloud: &Cloud, definition: &Definition, id: &ResourceId) -> Result<(), ArmError> {
    cloud.refuse_busy(&definition.lane_of(id), (definition.busy)(id))
}

/// The secret values that a PUT without them leaves as they are.
fn kept_secrets(definition: &Definition, existing: &Resource) -> BTreeMap<String, u64> {
    let keeps =
        |place: &str| place.starts_with("generated.") || definition.sticky_secrets.contains(&place);
    existing
        .secrets
        .iter()
        .filter(|(k, _)| keeps(k))
        .map(|(k, v)| (k.clone(), *v))
        .collect()
}

/// Lets the provider judge the write and fill in its defaults.
fn checked(
    cloud: &mut Cloud,
    call: &Call,
    (provider, id, existing, style): (&'static dyn Provider, ResourceId, Option<Resource>, Style),
    accepted: Accepted,
    kept: BTreeMap<String, u64>,
) -> Result<Write, ArmError> {
    let unique = cloud.store.peek_number();
    let secrets: BTreeMap<String, SecretValue> = accepted
        .secrets
        .into_iter()
        .map(|(place, value)| (place, SecretValue::new(value)))
        .collect();
    let facts = existing
        .as_ref()
        .map_or(Value::Null, |old| old.facts.clone());
    let mut draft = Draft {
        id: &id,
        existing: existing.as_ref(),
        body: accepted.body,
        secrets,
        kept,
        unique,
        facts,
    };
    let world = cloud.world(call.now);
    provider.check(world, &mut draft)?;
    if draft.existing.is_none() {
        provider::check_global_name(world, provider.definition(), &id)?;
    }
    let Draft {
        body,
        secrets,
        mut kept,
        facts,
        ..
    } = draft;
    kept.retain(|place, _| provider.wants_secret(place, &body));
    cloud.store.next_number();
    Ok(Write {
        provider,
        id,
        existing,
        body,
        secrets,
        kept,
        facts,
        style,
    })
}

fn begin_of(definition: &Definition, id: &ResourceId, work: Work) -> Begin {
    let seconds = match work {
        Work::Create => definition.seconds.create,
        Work::Delete => definition.seconds.delete,
        _ => definition.seconds.update,
    };
    Begin {
        work,
        target: id.key(),
        resource: Some(id.clone()),
        lane: definition.lane_of(id),
        seconds,
        result: None,
    }
}

/// Performs a write that was judged to be right.
fn perform(cloud: &mut Cloud, call: &Call, write: Write) -> Answer {
    let Write {
        provider,
        id,
        existing,
        body,
        secrets,
        kept,
        facts,
        style,
    } = write;
    let definition = provider.definition();
    let created = existing.is_none();
    let mut numbers = kept;
    for (place, value) in secrets {
        let number = cloud.store.keep_secret(value);
        numbers.insert(place, number);
    }
    let mut resource = existing
        .unwrap_or_else(|| Resource::complete(id, Value::Object(serde_json::Map::new()), call.now));
    resource.facts = facts;
    resource.modified = call.now;
    let work = if created { Work::Create } else { Work::Update };
    let operation = (style != Style::SYNC)
        .then(|| cloud.begin(call.now, begin_of(definition, &resource.id, work)));
    resource.phase = match (&operation, created) {
        (None, _) => Phase::Succeeded,
        (Some(_), true) => Phase::Creating,
        (Some(_), false) => Phase::Updating,
    };
    resource.operation = operation.as_ref().map(|operation| operation.id.clone());
    if operation.is_some() && definition.hidden_until_done {
        resource.next = Some(NextVersion {
            desired: body,
            secrets: numbers,
        });
    } else {
        resource.desired = body;
        resource.secrets = numbers;
        provider.started(cloud.world(call.now), &mut resource);
    }
    settle(
        cloud,
        call,
        resource,
        (definition, style, operation, created),
    )
}

/// Stores the resource and words the answer in the provider's style.
fn settle(
    cloud: &mut Cloud,
    call: &Call,
    resource: Resource,
    (definition, style, operation, created): (&Definition, Style, Option<Operation>, bool),
) -> Answer {
    let id = resource.id.clone();
    if operation.is_some() {
        cloud
            .store
            .apply(Change::Resource(id.key(), Some(resource)));
    } else {
        cloud.finish(resource, call.now);
    }
    let status = match (style.accepted, created) {
        (true, _) => StatusCode::ACCEPTED,
        (false, true) => definition.created_status,
        (false, false) => StatusCode::OK,
    };
    let world = cloud.world(call.now);
    let answer = match world.store.resource(&id) {
        Some(resource) if style.body => {
            hint_at(Answer::of(status, view(world, resource)), world, resource)
        }
        _ => Answer::empty(status),
    };
    match operation {
        Some(operation) => follow(answer, call, cloud, (definition, style, &operation)),
        None => answer,
    }
}
