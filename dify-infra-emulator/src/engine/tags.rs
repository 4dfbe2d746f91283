//! Tags of a resource or a group as a resource of their own, `Microsoft.Resources/tags/default`
//! (Azure/azure-rest-api-specs Microsoft.Resources, `Tags_*AtScope`). Those of a subscription are not
//! there.

use std::collections::BTreeMap;

use http::StatusCode;
use serde_json::{Value, json};

use crate::arm::answer::Answer;
use crate::arm::call::Call;
use crate::arm::error::ArmError;
use crate::arm::id::{ResourceId, group_key};
use crate::arm::merge::text_at;
use crate::engine::Cloud;
use crate::engine::read::{group_not_found, resource_not_found};
use crate::front;
use crate::provider;
use crate::store::model::{Change, Group, Resource};

/// The type, as ids have it.
pub(crate) const TYPE: &str = "Microsoft.Resources/tags";

type Tags = BTreeMap<String, String>;

/// What has the tags.
enum Tagged {
    Group(Group),
    Resource(Box<Resource>),
}

impl Tagged {
    fn find(cloud: &Cloud, call: &Call, id: &ResourceId) -> Result<Self, ArmError> {
        let Some(scope) = id.parent() else {
            let group = cloud.store.group(&id.group_key()).cloned();
            let group = group.ok_or_else(|| group_not_found(&id.group))?;
            return Ok(Self::Group(group));
        };
        let found = cloud.world(call.now).find(&scope);
        let found = found.ok_or_else(|| resource_not_found(&scope))?;
        let kind = provider::find(&scope.type_name());
        if !kind.is_some_and(|provider| provider.definition().tracked) {
            return Err(front::method_not_allowed(call));
        }
        Ok(Self::Resource(Box::new(found.into_owned())))
    }

    fn tags(&self) -> Tags {
        match self {
            Self::Group(group) => group.tags.clone(),
            Self::Resource(resource) => tags_of(&resource.desired["tags"]),
        }
    }

    fn with(self, tags: Tags) -> Change {
        match self {
            Self::Group(group) => {
                let key = group_key(&group.subscription, &group.name);
                Change::Group(key, Some(Group { tags, ..group }))
            }
            Self::Resource(mut resource) => {
                resource.desired["tags"] = json!(tags);
                Change::Resource(resource.id.key(), Some(*resource))
            }
        }
    }
}

fn tags_of(tags: &Value) -> Tags {
    let pairs = tags.as_object().into_iter().flatten();
    pairs
        .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
        .collect()
}

/// Answers a request about the tags at a scope; names compare without regard to case.
pub(crate) fn answer(cloud: &mut Cloud, call: &Call, id: &ResourceId) -> Result<Answer, ArmError> {
    let tagged = Tagged::find(cloud, call, id)?;
    let mut tags = tagged.tags();
    let same = |one: &str, other: &str| one.eq_ignore_ascii_case(other);
    match call.method.as_str() {
        "GET" => return Ok(Answer::ok(shown(id, &tags))),
        "DELETE" => tags.clear(),
        "PUT" => tags = tags_of(&call.json()?["properties"]["tags"]),
        "PATCH" => {
            let body = call.json()?;
            let given = tags_of(&body["properties"]["tags"]);
            match text_at(&body, "operation")
                .unwrap_or_default()
                .to_ascii_lowercase()
                .as_str()
            {
                "replace" => tags = given,
                "merge" => {
                    tags.retain(|name, _| !given.keys().any(|other| same(name, other)));
                    tags.extend(given);
                }
                "delete" => tags.retain(|name, value| {
                    !given
                        .iter()
                        .any(|(other, wanted)| same(name, other) && value == wanted)
                }),
                _ => {
                    return Err(ArmError::bad_request(
                        "InvalidRequestContent",
                        "The request content was invalid: 'operation' is Merge, Replace or Delete.",
                    ));
                }
            }
        }
        _ => return Err(front::method_not_allowed(call)),
    }
    front::check_tags(&json!({ "tags": tags }))?;
    let answer = if call.method == http::Method::DELETE {
        Answer::empty(StatusCode::OK)
    } else {
        Answer::ok(shown(id, &tags))
    };
    cloud.store.apply(tagged.with(tags));
    Ok(answer)
}

fn shown(id: &ResourceId, tags: &Tags) -> Value {
    json!({
        "id": id.to_string(),
        "name": "default",
        "type": TYPE,
        "properties": { "tags": tags },
    })
}
