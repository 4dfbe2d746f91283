//! `Microsoft.Network/networkSecurityGroups/securityRules`: the rules of a group as resources of their
//! own. There is one list, the group's; a write to a rule is a write to the group.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::{NETWORK, security_group, usual_name};
use crate::arm::answer::Answer;
use crate::arm::call::Call;
use crate::arm::error::ArmError;
use crate::arm::id::ResourceId;
use crate::arm::merge::{list_at, text_at};
use crate::engine::read::{group_not_found, parent_not_found};
use crate::engine::view::view;
use crate::engine::world::World;
use crate::engine::{Cloud, write};
use crate::provider::{Definition, Provider};
use crate::store::model::Resource;

/// The full type.
pub(crate) const TYPE: &str = "Microsoft.Network/networkSecurityGroups/securityRules";

static DEFINITION: Definition = Definition {
    name: TYPE,
    check_name: usual_name,
    create: None,
    update: None,
    delete: None,
    ..NETWORK
};

/// The rules of network security groups.
pub(crate) struct SecurityRule;

const LIST: &str = "properties.securityRules";

fn is_named(rule: &Value, name: &str) -> bool {
    text_at(rule, "name").is_some_and(|own| own.eq_ignore_ascii_case(name))
}

impl Provider for SecurityRule {
    fn definition(&self) -> &'static Definition {
        &DEFINITION
    }

    fn implied(&self, world: World<'_>, id: &ResourceId) -> Option<Resource> {
        let rules = self.implied_children(world, &id.parent()?);
        rules.into_iter().find(|rule| rule.id.key() == id.key())
    }

    fn implied_children(&self, world: World<'_>, parent: &ResourceId) -> Vec<Resource> {
        let group = world.store.resource(parent);
        let rules = group.into_iter().flat_map(|group| {
            list_at(&group.desired, LIST).iter().filter_map(|rule| {
                let id = group.id.child("securityRules", text_at(rule, "name")?);
                let body = json!({ "properties": rule["properties"] });
                Some(Resource::complete(id, body, group.modified))
            })
        });
        rules.collect()
    }

    fn decorate(&self, world: World<'_>, resource: &Resource, body: &mut Value) {
        let group = resource.id.parent();
        if let Some(group) = group.and_then(|id| world.store.resource(&id)) {
            security_group::decorate_rule(world, group, body);
        }
    }
}

/// Answers a PUT or DELETE of a rule with a write of its group.
pub(crate) fn answer(cloud: &mut Cloud, call: &Call, id: &ResourceId) -> Result<Answer, ArmError> {
    if cloud.store.group(&id.group_key()).is_none() {
        return Err(group_not_found(&id.group));
    }
    usual_name(id.name())?;
    let parent = id.root();
    let group = cloud.store.resource(&parent);
    let mut body = group
        .ok_or_else(|| parent_not_found(&parent))?
        .desired
        .clone();
    let mut rules = list_at(&body, LIST).to_vec();
    let place = rules.iter().position(|rule| is_named(rule, id.name()));
    let deletes = call.method == Method::DELETE;
    match (deletes, place) {
        (true, None) => return Ok(Answer::empty(StatusCode::NO_CONTENT)),
        (true, Some(place)) => drop(rules.remove(place)),
        (false, place) => {
            let given = call.json()?;
            let rule = json!({ "name": id.name(), "properties": given["properties"] });
            match place {
                Some(place) => rules[place] = rule,
                None => rules.push(rule),
            }
        }
    }
    body["properties"]["securityRules"] = json!(rules);
    let whole = call.with_body(Method::PUT, &body);
    let mut answer = write::put(cloud, &whole, &parent)?;
    if deletes {
        answer.status = StatusCode::ACCEPTED;
        answer.body = None;
        return Ok(answer);
    }
    if place.is_none() {
        answer.status = StatusCode::CREATED;
    }
    let world = cloud.world(call.now);
    answer.body = world.find(id).map(|rule| view(world, &rule));
    Ok(answer)
}
