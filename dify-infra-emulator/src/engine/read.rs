//! GET of resources and of lists.

use http::StatusCode;
use serde_json::{Value, json};

use crate::arm::answer::Answer;
use crate::arm::call::Call;
use crate::arm::error::ArmError;
use crate::arm::id::{ResourceId, group_key};
use crate::arm::merge::text_at;
use crate::arm::paging::Page;
use crate::arm::target::Collection;
use crate::engine::Cloud;
use crate::engine::operations::hint_at;
use crate::engine::view::view;
use crate::engine::world::World;
use crate::provider;
use crate::regions;
use crate::settings::Dialect;
use crate::store::model::{Phase, Resource};

/// Refuses what is in a group that does not exist.
pub(crate) fn require_group(cloud: &Cloud, call: &Call, group: &str) -> Result<(), ArmError> {
    let subscription = &cloud.settings.subscription_of(call).id;
    match cloud.store.group(&group_key(subscription, group)) {
        Some(_) => Ok(()),
        None => Err(group_not_found(group)),
    }
}

/// The refusal for a missing group.
pub(crate) fn group_not_found(group: &str) -> ArmError {
    ArmError::not_found(
        "ResourceGroupNotFound",
        format!("Resource group '{group}' could not be found."),
    )
}

/// The refusal for a missing resource.
pub(crate) fn resource_not_found(id: &ResourceId) -> ArmError {
    let path = id.to_string();
    let short = path
        .split_once("/providers/")
        .map_or(path.as_str(), |(_, short)| short);
    ArmError::not_found(
        "ResourceNotFound",
        format!(
            "The Resource '{short}' under resource group '{}' was not found. For more details please \
             go to https://aka.ms/ARMResourceNotFoundFix",
            id.group
        ),
    )
}

/// Answers a GET or HEAD of a resource.
pub(crate) fn get(cloud: &Cloud, call: &Call, id: &ResourceId) -> Result<Answer, ArmError> {
    require_group(cloud, call, &id.group)?;
    let world = cloud.world(call.now);
    let resource = world.find(id).ok_or_else(|| resource_not_found(id))?;
    Ok(hint_at(
        Answer::ok(view(world, &resource)),
        world,
        &resource,
    ))
}

/// Answers a GET of the children of one type.
pub(crate) fn children(
    cloud: &Cloud,
    call: &Call,
    parent: &ResourceId,
    kind: &str,
) -> Result<Answer, ArmError> {
    require_group(cloud, call, &parent.group)?;
    let world = cloud.world(call.now);
    if world.find(parent).is_none() {
        return Err(parent_not_found(parent));
    }
    let items = world
        .children(parent, kind)
        .iter()
        .map(|child| view(world, child))
        .collect();
    page(cloud, call, items)
}

/// The refusal for a missing parent.
pub(crate) fn parent_not_found(parent: &ResourceId) -> ArmError {
    ArmError::not_found(
        "ParentResourceNotFound",
        format!(
            "Failed to perform the operation because the parent resource '{parent}' could not be \
             found."
        ),
    )
}

/// Answers a GET of all resources of an outermost type, in a group or in the subscription.
pub(crate) fn collection(
    cloud: &Cloud,
    call: &Call,
    collection: &Collection,
) -> Result<Answer, ArmError> {
    if let Some(group) = &collection.group {
        require_group(cloud, call, group)?;
    }
    let world = cloud.world(call.now);
    let wanted = format!("{}/{}", collection.namespace, collection.kind);
    let found = visible(world, call, collection.group.as_deref())
        .filter(|resource| resource.id.type_name().eq_ignore_ascii_case(&wanted));
    page(
        cloud,
        call,
        found.map(|resource| view(world, resource)).collect(),
    )
}

fn visible<'a>(
    world: World<'a>,
    call: &Call,
    group: Option<&str>,
) -> impl Iterator<Item = &'a Resource> + use<'a> {
    let subscription = &world.settings.subscription_of(call).id;
    let key = group.map(|group| group_key(subscription, group));
    world
        .store
        .resources()
        .filter(move |resource| match &key {
            Some(key) => resource.id.group_key() == *key,
            None => resource.id.subscription.eq_ignore_ascii_case(subscription),
        })
        .filter(|resource| {
            let hides = provider::find(&resource.id.type_name())
                .is_none_or(|provider| provider.definition().hidden_until_done);
            !(hides && resource.phase == Phase::Creating)
        })
}

/// Answers `/resources`: the tracked resources, in short form.
pub(crate) fn tracked(cloud: &Cloud, call: &Call, group: Option<&str>) -> Result<Answer, ArmError> {
    if let Some(group) = group {
        require_group(cloud, call, group)?;
    }
    let filter = Filter::of(call)?;
    let world = cloud.world(call.now);
    let expand = call
        .query("$expand")
        .unwrap_or_default()
        .to_ascii_lowercase();
    let tracked = visible(world, call, group).filter(|resource| {
        provider::find(&resource.id.type_name()).is_some_and(|p| p.definition().tracked)
    });
    let items = tracked
        .map(|resource| (resource, view(world, resource)))
        .filter(|(_, body)| filter.admits(body))
        .map(|(resource, body)| short_form(resource, &body, &expand))
        .collect();
    page(cloud, call, items)
}

fn short_form(resource: &Resource, body: &Value, expand: &str) -> Value {
    let mut short = json!({});
    for name in [
        "id",
        "name",
        "type",
        "location",
        "tags",
        "sku",
        "kind",
        "identity",
        "managedBy",
    ] {
        if let Some(value) = body.get(name) {
            short[name] = value.clone();
        }
    }
    if expand.contains("createdtime") {
        short["createdTime"] = json!(resource.created.to_string());
    }
    if expand.contains("changedtime") {
        short["changedTime"] = json!(resource.modified.to_string());
    }
    if expand.contains("provisioningstate") {
        let state = text_at(body, "properties.provisioningState").unwrap_or("Succeeded");
        short["provisioningState"] = json!(state);
    }
    short
}

/// Cuts a list into its page, in the order of the dialect.
pub(crate) fn page(cloud: &Cloud, call: &Call, mut items: Vec<Value>) -> Result<Answer, ArmError> {
    let page = Page::of(call)?;
    if cloud.settings.dialect == Dialect::Noisy {
        cloud
            .settings
            .dice
            .shuffle(&format!("list/{}", page.order), &mut items);
    }
    let asked = call.query("$top").and_then(|top| top.parse::<usize>().ok());
    let size = asked.map_or(cloud.settings.page_size, |top| {
        top.min(cloud.settings.page_size)
    });
    Ok(Answer::of(
        StatusCode::OK,
        page.cut(call, items, size.max(1)),
    ))
}

/// The `$filter` of a list of resources.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Filter {
    tag_name: Option<String>,
    tag_value: Option<String>,
    resource_type: Option<String>,
    name: Option<String>,
    location: Option<String>,
    group: Option<String>,
}

impl Filter {
    /// Reads the filter of a request; without one everything is admitted.
    pub(crate) fn of(call: &Call) -> Result<Self, ArmError> {
        call.query("$filter")
            .map_or(Ok(Self::default()), Self::parse)
    }

    fn parse(text: &str) -> Result<Self, ArmError> {
        let invalid = || {
            ArmError::bad_request(
                "InvalidFilterInQueryString",
                format!("Invalid $filter '{text}' specified in the query string."),
            )
        };
        let mut filter = Self::default();
        // `az resource list` sends an empty one
        if text.trim().is_empty() {
            return Ok(filter);
        }
        for term in text.split(" and ") {
            let (name, value) = term.trim().split_once(" eq ").ok_or_else(invalid)?;
            let value = value
                .trim()
                .strip_prefix('\'')
                .and_then(|v| v.strip_suffix('\''));
            let value = Some(value.ok_or_else(invalid)?.replace("''", "'"));
            match name.trim().to_ascii_lowercase().as_str() {
                "tagname" => filter.tag_name = value,
                "tagvalue" => filter.tag_value = value,
                "resourcetype" => filter.resource_type = value,
                "name" => filter.name = value,
                "location" => filter.location = value,
                "resourcegroup" => filter.group = value,
                _ => return Err(invalid()),
            }
        }
        if filter.tag_value.is_some() && filter.tag_name.is_none() {
            return Err(invalid());
        }
        Ok(filter)
    }

    /// Whether a body is one that was asked for.
    pub(crate) fn admits(&self, body: &Value) -> bool {
        let same = |wanted: &Option<String>, name: &str| {
            let found = text_at(body, name).unwrap_or_default();
            wanted
                .as_ref()
                .is_none_or(|wanted| wanted.eq_ignore_ascii_case(found))
        };
        let region = text_at(body, "location").and_then(regions::find);
        let wanted_region = self.location.as_deref().map(regions::find);
        same(&self.resource_type, "type")
            && same(&self.name, "name")
            && wanted_region.is_none_or(|wanted| {
                wanted.map(|region| region.name) == region.map(|region| region.name)
            })
            && self.is_in_group(body)
            && self
                .tag_name
                .as_ref()
                .is_none_or(|name| self.admits_tag(body, name))
    }

    fn is_in_group(&self, body: &Value) -> bool {
        let id = text_at(body, "id").and_then(ResourceId::parse);
        let group = id.map(|id| id.group).unwrap_or_default();
        self.group
            .as_ref()
            .is_none_or(|wanted| wanted.eq_ignore_ascii_case(&group))
    }

    /// Tag names compare without regard to case, values exactly.
    fn admits_tag(&self, body: &Value, name: &str) -> bool {
        let tags = body.get("tags").and_then(Value::as_object);
        let found =
            tags.and_then(|tags| tags.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)));
        found.is_some_and(|(_, value)| {
            self.tag_value
                .as_ref()
                .is_none_or(|wanted| value.as_str() == Some(wanted))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_names_a_tag_and_its_value() {
        let filter = Filter::parse("tagName eq 'Owner' and tagValue eq 'dify-dev'").unwrap();
        assert!(filter.admits(&json!({"tags": {"owner": "dify-dev"}})));
        assert!(!filter.admits(&json!({"tags": {"owner": "Dify-dev"}})));
        assert!(!filter.admits(&json!({})));
    }

    #[test]
    fn a_filter_names_group_type_name_and_location_in_any_case() {
        let body = json!({
            "id": "/subscriptions/s/resourceGroups/Rg/providers/Microsoft.App/jobs/a",
            "type": "Microsoft.App/jobs", "name": "a", "location": "Japan East"});
        let admits = |text: &str| Filter::parse(text).unwrap().admits(&body);
        assert!(admits(
            "resourceGroup eq 'rg' and resourceType eq 'microsoft.app/JOBS'"
        ));
        assert!(admits("name eq 'A' and location eq 'japaneast'"));
        assert!(!admits("resourceGroup eq 'other'"));
        assert!(!admits("name eq 'b'"));
        assert!(!admits("location eq 'westus'"));
    }

    #[test]
    fn other_filters_are_refused() {
        for text in ["x", "size eq '1'", "tagName eq a", "tagValue eq 'a'"] {
            assert!(Filter::parse(text).is_err(), "{text}");
        }
    }
}
