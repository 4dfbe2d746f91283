//! What two releases differ in, and what they make of one file.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{Changes, EnvironmentChange, ImageChange, Upgrade, VariableChange, VariableChangeKind};
use crate::catalogue::{ImageKind, Release, Route, ServiceFacts, ServiceKind, Variable};
use crate::deployment::Deployment;
use crate::graph::{ResourceGraph, Target, lower};
use crate::plan::files_of;
use crate::resource::Text;

/// Images whose tag changes.
pub(super) fn images(from: &Release, to: &Release) -> Vec<ImageChange> {
    let changes = ImageKind::ALL.into_iter().map(|kind| ImageChange {
        image: kind.key(),
        before: from.image(kind).tag.clone(),
        after: to.image(kind).tag.clone(),
    });
    changes.filter(|it| it.before != it.after).collect()
}

/// Services that come or go; those that can't be deployed yet say so.
pub(super) fn services(from: &Release, to: &Release) -> Changes {
    let names = |release: &Release| -> Vec<String> {
        let offered = release.services().map(|it| {
            let optional = if it.optional { " (optional)" } else { "" };
            format!("{}{optional}: {}", it.kind, it.purpose)
        });
        let refused = release
            .refused_services()
            .iter()
            .map(|it| format!("{} (can't be deployed yet): {}", it.key, it.reason));
        offered.chain(refused).collect()
    };
    changes(&names(from), &names(to))
}

/// Public paths that come or go.
pub(super) fn routes(from: &Release, to: &Release) -> Changes {
    let names = |release: &Release| -> Vec<String> {
        let name = |route: &Route| format!("{} → {}", route.path, route.service);
        release.routes().iter().map(name).collect()
    };
    changes(&names(from), &names(to))
}

fn changes(from: &[String], to: &[String]) -> Changes {
    let missing = |of: &[String], from: &[String]| {
        let there = of.iter().filter(|it| !from.contains(it));
        there.cloned().collect::<Vec<_>>()
    };
    Changes {
        added: missing(to, from),
        removed: missing(from, to),
    }
}

/// Limits, ports, probes and sizes that change for services that both releases have.
pub(super) fn limits(from: &Release, to: &Release) -> Vec<String> {
    let mut sentences = Vec::new();
    let (before, after) = (from.front_door(), to.front_door());
    let front_door = [
        (
            "largest request body",
            before.client_max_body_size.clone(),
            after.client_max_body_size.clone(),
        ),
        (
            "seconds of silence from a service",
            before.proxy_read_timeout_seconds.to_string(),
            after.proxy_read_timeout_seconds.to_string(),
        ),
        (
            "seconds of silence towards a service",
            before.proxy_send_timeout_seconds.to_string(),
            after.proxy_send_timeout_seconds.to_string(),
        ),
    ];
    for (what, before, after) in front_door {
        if before != after {
            sentences.push(format!("front door, {what}: {before} → {after}"));
        }
    }
    for kind in ServiceKind::ALL {
        if let (Some(before), Some(after)) = (from.service(kind), to.service(kind)) {
            sentences.extend(service_limits(before, after));
        }
    }
    sentences
}

fn service_limits(before: &ServiceFacts, after: &ServiceFacts) -> Vec<String> {
    let facts = [
        ("ports", before.ports != after.ports),
        ("the health probe", before.probe != after.probe),
        (
            "replica limits",
            before.replica_limits != after.replica_limits,
        ),
        ("default sizes", before.sizes != after.sizes),
        ("the user it runs as", before.user != after.user),
    ];
    let changed = facts.into_iter().filter(|(_, differs)| *differs);
    changed
        .map(|(what, _)| format!("{}: {what} change", before.kind))
        .collect()
}

/// Variables that the images read from now on, read no longer, or know under another name.
pub(super) fn variables(from: &Release, to: &Release) -> Vec<VariableChange> {
    let mut changes = Vec::new();
    // One service for each image: they share the table.
    let kinds = [
        ServiceKind::Api,
        ServiceKind::Web,
        ServiceKind::Sandbox,
        ServiceKind::PluginDaemon,
        ServiceKind::Nginx,
        ServiceKind::SsrfProxy,
    ];
    for kind in kinds {
        let image = kind.image().key();
        let (before, after) = (from.variables(kind), to.variables(kind));
        let change = |variable: &Variable, name: &str, change| VariableChange {
            image,
            name: name.to_owned(),
            kind: change,
            meaning: variable.meaning.clone(),
            required: variable.required,
        };
        for variable in after.iter() {
            let name = variable.name_at(after.version());
            if before.get(&variable.name).is_none() {
                changes.push(change(variable, name, VariableChangeKind::Added));
            } else if name != variable.name_at(before.version()) {
                let to = name.to_owned();
                changes.push(change(
                    variable,
                    &variable.name,
                    VariableChangeKind::Renamed { to },
                ));
            }
        }
        let gone = before.iter().filter(|it| after.get(&it.name).is_none());
        changes.extend(gone.map(|it| change(it, &it.name, VariableChangeKind::Removed)));
    }
    changes
}

/// What the containers of this deployment get under both releases.
pub(super) fn deployments(before: &Deployment, after: &Deployment, report: &mut Upgrade) {
    let graph = |deployment: &Deployment| lower(deployment, &Target::new(deployment, None)).ok();
    let (Some(old), Some(new)) = (graph(before), graph(after)) else {
        return;
    };
    let (old, new) = (containers(&old), containers(&new));
    for (app, container) in &new {
        let earlier = old.get(app);
        let nothing = BTreeMap::new();
        let variables = earlier.map_or(&nothing, |it| &it.variables);
        if earlier.is_some() {
            report
                .environment
                .extend(differences(app, variables, &container.variables));
        }
        for (name, text) in &container.files {
            if earlier.is_some_and(|it| it.files.get(name) != Some(text)) {
                report.files.push(format!("{app}: {name}"));
            }
        }
    }
}

/// Names of variables that containers have though the file does not set them.
pub(super) fn set_by_us(deployment: &Deployment) -> BTreeSet<String> {
    let Ok(graph) = lower(deployment, &Target::new(deployment, None)) else {
        return BTreeSet::new();
    };
    let of_file = |name: &String| {
        let mut services = deployment.services();
        services.any(|it| it.variables.keys().any(|key| key.as_str() == name))
    };
    let all = containers(&graph).into_values();
    let names = all.flat_map(|it| it.variables.into_keys());
    names.filter(|name| !of_file(name)).collect()
}

/// What is compared of an app or job.
struct Contents {
    variables: BTreeMap<String, String>,
    files: BTreeMap<String, String>,
}

fn containers(graph: &ResourceGraph) -> BTreeMap<String, Contents> {
    let mut all = BTreeMap::new();
    for node in graph.nodes() {
        let list = node.body().pointer("/properties/template/containers/0/env");
        let Some(list) = list.and_then(Value::as_array) else {
            continue;
        };
        let variables = list.iter().filter_map(|it| {
            let name = it.get("name")?.as_str()?.to_owned();
            Some((name, shown(it)))
        });
        let files = files_of(node.body())
            .into_iter()
            .map(|(name, text)| (name.to_owned(), text.to_owned()));
        let contents = Contents {
            variables: variables.collect(),
            files: files.collect(),
        };
        all.insert(node.id().label(), contents);
    }
    all
}

/// The value of a variable as it may be shown: secrets by their names.
fn shown(variable: &Value) -> String {
    if let Some(secret) = variable.get("secretRef").and_then(Value::as_str) {
        return format!("secret {secret}");
    }
    match variable.get("value") {
        Some(Value::String(text)) => text.clone(),
        Some(value) if Text::from_marker(value).is_some() => "(known after apply)".to_owned(),
        _ => String::new(),
    }
}

fn differences(
    app: &str,
    before: &BTreeMap<String, String>,
    after: &BTreeMap<String, String>,
) -> Vec<EnvironmentChange> {
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let change = |name: &String| EnvironmentChange {
        app: app.to_owned(),
        name: name.clone(),
        before: before.get(name).cloned(),
        after: after.get(name).cloned(),
    };
    names
        .into_iter()
        .map(change)
        .filter(|it| it.before != it.after)
        .collect()
}
