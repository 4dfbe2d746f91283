//! POST actions on resources.

use crate::arm::answer::Answer;
use crate::arm::call::Call;
use crate::arm::error::ArmError;
use crate::arm::id::ResourceId;
use crate::engine::Cloud;
use crate::engine::operations::{Begin, follow};
use crate::engine::read::{require_group, resource_not_found};
use crate::front;
use crate::provider::{self, Action, Effects, Style};
use crate::store::model::{Change, Work};

/// Answers a POST of an action such as `listKeys` or `start`.
pub(crate) fn act(
    cloud: &mut Cloud,
    call: &Call,
    id: &ResourceId,
    name: &str,
) -> Result<Answer, ArmError> {
    require_group(cloud, call, &id.group)?;
    let kind = id.type_name();
    let provider = provider::find(&kind).ok_or_else(|| front::unknown_type(&kind))?;
    let unique = cloud.store.peek_number();
    let world = cloud.world(call.now);
    let found = world.find(id).ok_or_else(|| resource_not_found(id))?;
    let resource = found.into_owned();
    let action = Action {
        name: &name.to_ascii_lowercase(),
        resource: &resource,
        call,
        unique,
    };
    let Some(outcome) = provider.act(world, &action) else {
        return Err(ArmError::not_found(
            "InvalidResourceAction",
            format!("The resource type '{kind}' has no action '{name}'."),
        ));
    };
    let outcome = outcome?;
    if outcome.changes_something() {
        cloud.store.next_number();
    }
    cloud.apply_effects(Effects {
        resources: outcome.resources,
        ..Effects::default()
    });
    let mut resource = resource;
    for (place, value) in outcome.secrets {
        let number = cloud.store.keep_secret(value);
        resource.secrets.insert(place, number);
        cloud
            .store
            .apply(Change::Resource(resource.id.key(), Some(resource.clone())));
    }
    let Some(seconds) = outcome.seconds else {
        return Ok(outcome.answer);
    };
    let definition = provider.definition();
    let begin = Begin {
        work: Work::Act,
        target: resource.id.key(),
        resource: Some(resource.id.clone()),
        lane: outcome.lane.unwrap_or_default(),
        seconds,
        result: outcome.answer.body.clone(),
    };
    let operation = cloud.begin(call.now, begin);
    Ok(follow(
        outcome.answer,
        call,
        cloud,
        (definition, Style::ACCEPTED_LOCATION, &operation),
    ))
}
