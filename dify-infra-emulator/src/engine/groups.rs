//! Resource groups.

use std::collections::BTreeMap;

use http::StatusCode;
use serde_json::{Value, json};

use crate::arm::answer::Answer;
use crate::arm::call::Call;
use crate::arm::error::ArmError;
use crate::arm::id::group_key;
use crate::arm::merge::{merge_patch, text_at};
use crate::engine::Cloud;
use crate::engine::operations::{Begin, with_retry_after};
use crate::engine::read::{Filter, group_not_found, page};
use crate::front;
use crate::regions;
use crate::store::model::{Change, Group, Work};
use crate::table::Mode;
use crate::types;

/// Seconds that the deletion of a group takes, and what each resource in it adds.
const DELETE_SECONDS: f64 = 60.0;
const DELETE_SECONDS_PER_RESOURCE: f64 = 5.0;

/// Answers any request for one group.
pub(crate) fn group(cloud: &mut Cloud, call: &Call, name: &str) -> Result<Answer, ArmError> {
    let key = group_key(&cloud.settings.subscription_of(call).id, name);
    let existing = cloud.store.group(&key).cloned();
    match call.method.as_str() {
        "HEAD" => Ok(Answer::empty(match existing {
            Some(_) => StatusCode::NO_CONTENT,
            None => StatusCode::NOT_FOUND,
        })),
        "GET" => match existing {
            Some(group) => Ok(Answer::ok(view(&group))),
            None => Err(group_not_found(name)),
        },
        "PUT" => put(cloud, call, name, existing.as_ref()),
        "PATCH" => patch(cloud, call, existing.ok_or_else(|| group_not_found(name))?),
        "DELETE" => {
            let group = existing.ok_or_else(|| group_not_found(name))?;
            Ok(delete(cloud, call, group))
        }
        _ => Err(front::method_not_allowed(call)),
    }
}

/// Answers the list of groups.
pub(crate) fn list(cloud: &Cloud, call: &Call) -> Result<Answer, ArmError> {
    let filter = Filter::of(call)?;
    let subscription = &cloud.settings.subscription_of(call).id;
    let own = cloud
        .store
        .groups()
        .filter(|group| group.subscription.eq_ignore_ascii_case(subscription));
    let groups = own.map(view);
    page(
        cloud,
        call,
        groups.filter(|body| filter.admits(body)).collect(),
    )
}

/// The body of a group.
fn view(group: &Group) -> Value {
    let mut body = json!({
        "id": format!("/subscriptions/{}/resourceGroups/{}", group.subscription, group.name),
        "name": group.name,
        "type": "Microsoft.Resources/resourceGroups",
        "location": group.location,
        "properties": { "provisioningState": if group.deleting { "Deleting" } else { "Succeeded" } },
    });
    if !group.tags.is_empty() {
        body["tags"] = json!(group.tags);
    }
    if let Some(managed_by) = &group.managed_by {
        body["managedBy"] = json!(managed_by);
    }
    body
}

fn put(
    cloud: &mut Cloud,
    call: &Call,
    name: &str,
    existing: Option<&Group>,
) -> Result<Answer, ArmError> {
    front::check_group_name(name)?;
    let body = types::resource_group()
        .accept(&call.json()?, Mode::Whole)?
        .body;
    front::check_tags(&body)?;
    let given = text_at(&body, "location").unwrap_or_default();
    let region = regions::find(given).ok_or_else(|| {
        front::location_not_available("Microsoft.Resources/resourceGroups", given)
    })?;
    if let Some(group) = existing {
        if group.deleting {
            return Err(front::group_is_being_deleted(&group.name));
        }
        if group.location != region.name {
            return Err(front::group_location_differs(group, region.name));
        }
    }
    let group = Group {
        subscription: cloud.settings.subscription_of(call).id.clone(),
        name: existing.map_or_else(|| name.to_owned(), |group| group.name.clone()),
        location: region.name.to_owned(),
        tags: tags_of(&body),
        managed_by: text_at(&body, "managedBy").map(str::to_owned),
        deleting: false,
    };
    let status = if existing.is_some() {
        StatusCode::OK
    } else {
        StatusCode::CREATED
    };
    let answer = Answer::of(status, view(&group));
    let key = group_key(&group.subscription, &group.name);
    cloud.store.apply(Change::Group(key, Some(group)));
    Ok(answer)
}

fn patch(cloud: &mut Cloud, call: &Call, group: Group) -> Result<Answer, ArmError> {
    let patch = types::resource_group()
        .accept(&call.json()?, Mode::Patch)?
        .body;
    let mut body = json!({ "tags": group.tags, "managedBy": group.managed_by });
    if patch.get("tags").is_some() {
        body["tags"] = Value::Null;
    }
    merge_patch(&mut body, &patch);
    front::check_tags(&body)?;
    let managed_by = text_at(&body, "managedBy").map(str::to_owned);
    let group = Group {
        tags: tags_of(&body),
        managed_by,
        ..group
    };
    let answer = Answer::ok(view(&group));
    cloud.store.apply(Change::Group(
        group_key(&group.subscription, &group.name),
        Some(group),
    ));
    Ok(answer)
}

fn tags_of(body: &Value) -> BTreeMap<String, String> {
    let tags = body.get("tags").and_then(Value::as_object);
    let pairs = tags.into_iter().flatten();
    pairs
        .filter_map(|(k, v)| Some((k.clone(), v.as_str()?.to_owned())))
        .collect()
}

/// Deletes a group with everything in it; 202 and a `Location`, as Azure does.
fn delete(cloud: &mut Cloud, call: &Call, group: Group) -> Answer {
    let key = group_key(&group.subscription, &group.name);
    let running = cloud
        .store
        .running()
        .find(|operation| operation.work == Work::DeleteGroup && operation.target == key)
        .cloned();
    let operation = running.unwrap_or_else(|| {
        let prefix = format!("{key}/");
        let count = u32::try_from(cloud.store.resources_below(&prefix).count()).unwrap_or(0);
        let begin = Begin {
            work: Work::DeleteGroup,
            target: key.clone(),
            resource: None,
            lane: key.clone(),
            seconds: DELETE_SECONDS + DELETE_SECONDS_PER_RESOURCE * f64::from(count.min(60)),
            result: None,
        };
        cloud.begin(call.now, begin)
    });
    let address = format!(
        "{}/subscriptions/{}/operationresults/group/{}?api-version=2025-04-01",
        call.base, group.subscription, operation.id
    );
    cloud.store.apply(Change::Group(
        key,
        Some(Group {
            deleting: true,
            ..group
        }),
    ));
    let answer = Answer::empty(StatusCode::ACCEPTED).header("location", address);
    with_retry_after(answer, operation.ends.duration_since(operation.started))
}
