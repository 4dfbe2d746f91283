//! `importImage`: a registry copies an image by itself.

use http::StatusCode;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::arm::answer::Answer;
use crate::arm::error::ArmError;
use crate::arm::merge::{list_at, text_at};
use crate::engine::world::World;
use crate::provider::{Action, ActionOutcome};
use crate::rules::Rule;
use crate::store::model::Resource;

pub(super) const SOURCE: Rule = Rule::known(
    "ACR-IMPORT-SOURCE",
    "An import names one registry, by address or by id, an image of it, and a password where it \
     names a user.",
    "Azure/azure-rest-api-specs Microsoft.ContainerRegistry ImportImageParameters",
);
pub(super) const TARGET: Rule = Rule::guessed(
    "ACR-IMPORT-TARGET",
    "An import leads to tags or untagged repositories, in the mode NoForce or Force.",
    "Azure/azure-rest-api-specs Microsoft.ContainerRegistry ImportImageParameters",
);
pub(super) const EXISTS: Rule = Rule::known(
    "ACR-IMPORT-EXISTS",
    "In the mode NoForce an import into a tag that exists fails before anything is copied.",
    "Azure/azure-rest-api-specs Microsoft.ContainerRegistry ImportMode; \
     learn.microsoft.com container-registry/container-registry-import-images",
);

/// Seconds that a copy takes; layers move between data centres.
const SECONDS: f64 = 40.0;

/// The members of the request and of its source.
const MEMBERS: [&str; 4] = ["source", "targetTags", "untaggedTargetRepositories", "mode"];
const SOURCE_MEMBERS: [&str; 4] = ["resourceId", "registryUri", "credentials", "sourceImage"];

/// Copies an image: 202 without a body, and a `Location` that says when it is there.
pub(super) fn import(world: World<'_>, action: &Action<'_>) -> Result<ActionOutcome, ArmError> {
    let body = action.call.json()?;
    let source = body.get("source").cloned().unwrap_or_default();
    check_members(&body, &MEMBERS, &TARGET)?;
    check_members(&source, &SOURCE_MEMBERS, &SOURCE)?;
    let image = check_source(&source)?;
    let (_, source_tag) = repository_and_tag(image);
    let tags: Vec<String> = list_at(&body, "targetTags")
        .iter()
        .filter_map(Value::as_str)
        .map(|target| tagged(target, source_tag))
        .collect();
    let untagged = list_at(&body, "untaggedTargetRepositories");
    let mode = text_at(&body, "mode").unwrap_or("NoForce");
    let is_forced = mode.eq_ignore_ascii_case("Force");
    if (tags.is_empty() && untagged.is_empty())
        || !(is_forced || mode.eq_ignore_ascii_case("NoForce"))
    {
        return Err(TARGET
            .refuse("InvalidParameters", TARGET.text)
            .at("targetTags"));
    }
    let mut registry = action.resource.clone();
    let taken = tags.iter().find(|tag| tag_of(&registry, tag).is_some());
    if let (false, Some(tag)) = (is_forced, taken) {
        let message = format!("Tag {tag} already exists in target registry.");
        return Err(EXISTS.refuse_with(StatusCode::CONFLICT, "Conflict", message));
    }
    let digest = match image.split_once('@') {
        Some((_, digest)) => digest.to_owned(),
        // what a tag leads to is not known here, but it is the same thing every time
        None => format!("sha256:{}", world.dice().hex(&format!("image/{image}"), 64)),
    };
    // The copy is there when the operation ends, at the latest: durations vary by a tenth.
    let lasts = world.settings.scaled(SECONDS * 0.9);
    let since = world
        .now
        .saturating_add(lasts)
        .unwrap_or(world.now)
        .to_string();
    if !registry.facts.is_object() {
        registry.facts = json!({});
    }
    for tag in tags {
        registry.facts["images"][&tag] = json!({ "digest": digest, "since": since });
    }
    Ok(ActionOutcome {
        seconds: Some(SECONDS),
        resources: vec![registry],
        ..ActionOutcome::done(Answer::empty(StatusCode::ACCEPTED))
    })
}

fn check_members(body: &Value, known: &[&str], rule: &Rule) -> Result<(), ArmError> {
    let members = body.as_object().into_iter().flatten();
    match members
        .map(|(name, _)| name.as_str())
        .find(|name| !known.contains(name))
    {
        None => Ok(()),
        Some(name) => {
            let message = format!("Could not find member '{name}' on object of the request.");
            Err(rule.refuse("InvalidRequestContent", message).at(name))
        }
    }
}

/// The image of a source: a repository, mostly with a tag or a digest.
fn check_source(source: &Value) -> Result<&str, ArmError> {
    let set = |name: &str| text_at(source, name).is_some_and(|text| !text.is_empty());
    let has_password = source.get("credentials").is_none() || set("credentials.password");
    // one of them names the registry, never both
    let has_registry = set("registryUri") != set("resourceId");
    if set("sourceImage") && has_password && has_registry {
        return Ok(text_at(source, "sourceImage").unwrap_or_default());
    }
    Err(SOURCE.refuse("InvalidParameters", SOURCE.text).at("source"))
}

/// A target with its tag: its own, that of the source, or `latest`.
fn tagged(target: &str, source_tag: &str) -> String {
    let (repository, _) = repository_and_tag(target);
    if repository.len() < target.len() {
        return target.to_owned();
    }
    let tag = if source_tag.starts_with("sha256:") {
        "latest"
    } else {
        source_tag
    };
    format!("{target}:{tag}")
}

/// The repository of `repository:tag` or `repository@digest`, and the tag or digest.
pub(super) fn repository_and_tag(name: &str) -> (&str, &str) {
    let after_path = name.rfind('/').map_or(0, |slash| slash + 1);
    match name[after_path..].find([':', '@']) {
        Some(at) => (&name[..after_path + at], &name[after_path + at + 1..]),
        None => (name, "latest"),
    }
}

fn tag_of<'a>(registry: &'a Resource, tag: &str) -> Option<&'a Value> {
    registry.facts.get("images")?.get(tag)
}

/// Whether a registry has an image, by tag or by digest.
pub(super) fn holds(world: World<'_>, registry: &Resource, name: &str) -> bool {
    let is_there = |image: &Value| {
        let since = text_at(image, "since").and_then(|since| since.parse::<Timestamp>().ok());
        since.is_some_and(|since| since <= world.now)
    };
    let Some((tagged, digest)) = name.split_once('@') else {
        let (repository, tag) = repository_and_tag(name);
        return tag_of(registry, &format!("{repository}:{tag}")).is_some_and(is_there);
    };
    let (repository, _) = repository_and_tag(tagged);
    let images = registry.facts.get("images").and_then(Value::as_object);
    images.into_iter().flatten().any(|(held, image)| {
        repository_and_tag(held).0 == repository
            && text_at(image, "digest") == Some(digest)
            && is_there(image)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_told_from_its_tag_and_its_digest() {
        for (name, parts) in [
            ("a/b:1", ("a/b", "1")),
            ("a/b@sha256:0a", ("a/b", "sha256:0a")),
            ("a/b:1@sha256:0a", ("a/b", "1@sha256:0a")),
            ("a/b", ("a/b", "latest")),
        ] {
            assert_eq!(repository_and_tag(name), parts, "{name}");
        }
    }
}
