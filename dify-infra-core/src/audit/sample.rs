//! Judges the samples of rules: each lies over a whole deployment that keeps every rule.

mod excerpt;

#[cfg(test)]
use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::{Map, Value, json};

#[cfg(test)]
use super::{ComposeInput, Inventory, Report, TemplateInput, audit, from_compose, from_template};
#[cfg(test)]
use crate::check::{Sample, SampleForm};
use crate::deployment::Deployment;
use crate::graph::{Target, lower};
use crate::render::arm_template;

pub use excerpt::{Shown, shown};

/// Files of a compose deployment that keeps every rule; samples lie over it.
#[cfg(test)]
pub(super) const COMPOSE: [(&str, &str); 9] = [
    (
        "docker-compose.yaml",
        include_str!("base/docker-compose.yaml"),
    ),
    (".env", include_str!("base/env")),
    (
        "ssrf_proxy/squid.conf.template",
        include_str!("base/squid.conf.template"),
    ),
    ("open-squid.conf", include_str!("base/open-squid.conf")),
    ("closed-squid.conf", include_str!("base/closed-squid.conf")),
    ("nginx.conf", include_str!("base/nginx.conf")),
    ("old-nginx.conf", include_str!("base/old-nginx.conf")),
    ("hasty-nginx.conf", include_str!("base/hasty-nginx.conf")),
    ("small-nginx.conf", include_str!("base/small-nginx.conf")),
];

/// When samples are judged, in seconds since 1970.
#[cfg(test)]
const NOW: i64 = 1_800_000_000;

/// What an audit says of a sample; nothing for samples that are deployment files.
#[cfg(test)]
pub(crate) fn report(sample: &Sample) -> Option<Report> {
    let mut inventory = inventory(sample)?;
    inventory.now = Some(NOW);
    Some(audit(&inventory))
}

/// What a sample describes; nothing for samples that are deployment files.
#[cfg(test)]
pub(crate) fn inventory(sample: &Sample) -> Option<Inventory> {
    match sample.form() {
        SampleForm::Compose => {
            let mut files: BTreeMap<String, String> = COMPOSE
                .iter()
                .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
                .collect();
            files.insert(
                "docker-compose.override.yaml".to_owned(),
                sample.text().to_owned(),
            );
            let inventory = from_compose(ComposeInput {
                compose: &["docker-compose.yaml", "docker-compose.override.yaml"],
                files: &files,
                profiles: &[],
            });
            inventory.ok()
        }
        SampleForm::Resources => {
            let template = serde_json::to_string_pretty(&template(sample.text())?).ok()?;
            let inventory = from_template(TemplateInput {
                template: ("template.json", &template),
                parameters: None,
            });
            inventory.ok()
        }
        SampleForm::Part | SampleForm::File | SampleForm::Squid => None,
    }
}

/// The template of a default deployment with patches laid over it.
///
/// A patch is a resource: it is merged into the first of its type (and name, if it has one), objects
/// member by member and lists of named things by name. `null` removes a member, `$remove` a named item;
/// `$add` makes a new resource, `$all` changes all of a type, `$name` renames, `$output` and
/// `$parameter` add those.
pub(super) fn template(patches: &str) -> Option<Value> {
    static BASE: LazyLock<Option<Value>> = LazyLock::new(whole_template);
    let mut template = BASE.clone()?;
    let patches: Value = serde_json::from_str(patches).ok()?;
    for patch in patches.as_array()? {
        apply(&mut template, patch.as_object()?)?;
    }
    Some(template)
}

/// The template of a default deployment.
fn whole_template() -> Option<Value> {
    let resolved = Deployment::builder("dify", "dev")
        .location("japaneast")
        .resource_group("dify-dev-rg")
        .build()
        .ok()?;
    let graph = lower(
        &resolved.deployment,
        &Target::new(&resolved.deployment, None),
    )
    .ok()?;
    Some(arm_template(&graph))
}

fn apply(template: &mut Value, patch: &Map<String, Value>) -> Option<()> {
    for (key, section) in [("$output", "outputs"), ("$parameter", "parameters")] {
        if let Some(Value::Object(members)) = patch.get(key) {
            let all = template
                .as_object_mut()?
                .entry(section)
                .or_insert_with(|| json!({}));
            for (name, value) in members {
                all.as_object_mut()?.insert(name.clone(), value.clone());
            }
            return Some(());
        }
    }
    let resources = template.get_mut("resources")?.as_array_mut()?;
    if let Some(kind) = patch.get("$all") {
        for resource in resources
            .iter_mut()
            .filter(|it| it.get("type") == Some(kind))
        {
            merge(resource, &Value::Object(patch.clone()));
        }
        return Some(());
    }
    if patch.contains_key("$add") {
        let mut added = patch.clone();
        let first = |kind: &Value| resources.iter().find(|it| it.get("type") == Some(kind));
        if let Some(name) = patch
            .get("$copyOf")
            .and_then(|kind| first(kind)?.get("name").cloned())
        {
            added.insert("name".to_owned(), name);
        }
        if let (Some(kind), Some(Value::String(child))) =
            (patch.get("$childOf"), patch.get("$child"))
        {
            let parent = first(kind)?.get("name")?.as_str()?;
            let name = match parent.strip_prefix('[').and_then(|it| it.strip_suffix(']')) {
                Some(expression) => format!("[concat({expression}, '/{child}')]"),
                None => format!("{parent}/{child}"),
            };
            added.insert("name".to_owned(), Value::from(name));
        }
        added.retain(|key, _| !key.starts_with('$'));
        resources.push(Value::Object(added));
        return Some(());
    }
    let resource = resources.iter_mut().find(|it| {
        it.get("type") == patch.get("type")
            && patch
                .get("name")
                .is_none_or(|name| it.get("name") == Some(name))
    })?;
    merge(resource, &Value::Object(patch.clone()));
    if let Some(name) = patch.get("$name") {
        resource["name"] = name.clone();
    }
    Some(())
}

fn merge(target: &mut Value, patch: &Value) {
    match (target, patch) {
        (Value::Object(target), Value::Object(patch)) => {
            for (key, value) in patch.iter().filter(|(key, _)| !key.starts_with('$')) {
                if value.is_null() {
                    target.remove(key);
                } else {
                    merge(target.entry(key.clone()).or_insert(Value::Null), value);
                }
            }
        }
        (Value::Array(items), Value::Array(patches))
            if !patches.is_empty() && patches.iter().all(|it| it.get("name").is_some()) =>
        {
            for patch in patches {
                let same = items
                    .iter()
                    .position(|it| it.get("name") == patch.get("name"));
                match same.filter(|_| patch.get("$append").is_none()) {
                    Some(at) if patch.get("$remove").is_some() => drop(items.remove(at)),
                    Some(at) => {
                        // A variable is plain or a secret, never both.
                        if patch.get("value").is_some_and(|it| !it.is_null())
                            && let Some(item) = items[at].as_object_mut()
                        {
                            item.remove("secretRef");
                        }
                        merge(&mut items[at], patch);
                    }
                    None => {
                        let mut item = Value::Null;
                        merge(&mut item, patch);
                        items.push(item);
                    }
                }
            }
        }
        (target, Value::Object(patch)) => {
            let mut object = Value::Object(Map::new());
            merge(&mut object, &Value::Object(patch.clone()));
            *target = object;
        }
        (target, patch) => *target = patch.clone(),
    }
}
