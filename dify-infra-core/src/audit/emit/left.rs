//! What stays behind: resources and settings that the written file does not lead to.

use std::collections::{BTreeMap, BTreeSet};

use super::super::inventory::{Inventory, Platform, Summary};
use super::super::own::from_deployment;
use super::super::recognise::Role;
use super::draft::Draft;
use crate::catalogue::ServiceKind;
use crate::check::holds_credential;
use crate::deployment::Deployment;

/// Names in one line at most.
const MOST_NAMES: usize = 8;

/// What tags of our own begin with.
const OUR_TAGS: &str = "dify-infra";

/// Types of which something else is said, or nothing is to say: records of deployments, rights, and Redis of the
/// older kind.
const TOLD: [&str; 3] = [
    "microsoft.resources/",
    "microsoft.authorization/roleassignments",
    "microsoft.cache/redis/",
];

/// Writes the tags that everything has; others are told.
pub(super) fn tags(inventory: &Inventory, draft: &mut Draft) {
    let is_foreign = |name: &str| !name.starts_with(OUR_TAGS) && !name.starts_with("hidden-");
    let tagged: Vec<&Summary> = inventory
        .summaries
        .iter()
        .filter(|it| it.tags.keys().any(|name| is_foreign(name)))
        .collect();
    let mut values: BTreeMap<&str, BTreeMap<&str, BTreeSet<&str>>> = BTreeMap::new();
    for summary in &tagged {
        for (tag, value) in summary.tags.iter().filter(|(tag, _)| is_foreign(tag)) {
            let names = values.entry(tag).or_default().entry(value).or_default();
            names.insert(&summary.name);
        }
    }
    for (tag, values) in values {
        // One that somebody else's resource lacks is still the deployment's.
        let most = values.iter().max_by_key(|(_, names)| names.len());
        let Some((value, names)) = most else { continue };
        let is_common =
            values.len() == 1 && names.len() * 2 > tagged.len() && !holds_credential(value);
        if is_common {
            draft.text("azure.tags", tag, value);
        }
        if !is_common {
            let names = values.values().flatten().copied().collect();
            draft.note(&format!(
                "the tag `{tag}` of {}: tags of a file are on all resources",
                listed(&names)
            ));
        } else if names.len() < tagged.len() {
            draft.because(&format!("was on {} of {}", names.len(), tagged.len()));
        }
    }
}

/// Tells what the file does not lead to.
pub(super) fn tell(inventory: &Inventory, written: &Deployment, draft: &mut Draft) {
    if inventory.platform != Platform::ContainerApps {
        return;
    }
    let Ok(ours) = from_deployment(written) else {
        return;
    };
    let ours = Known::of(&ours);
    let mut resources: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut settings: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let roles = roles(inventory);
    for summary in &inventory.summaries {
        let kind = summary.kind.to_ascii_lowercase();
        if TOLD.iter().any(|it| format!("{kind}/").starts_with(it)) {
            continue;
        }
        let count = counts.entry(kind.clone()).or_default();
        *count += 1;
        let is_one_of_many = kind.ends_with("apps") || kind.ends_with("jobs");
        let led_to = ours.kinds.get(&kind).copied().unwrap_or_default();
        let is_child = kind.matches('/').count() > 1;
        if led_to == 0 || (!is_one_of_many && !is_child && *count > led_to) {
            let names = resources.entry(&summary.kind).or_default();
            names.insert(&summary.name);
            continue;
        }
        // What is no part of Dify is told as a whole.
        let key = key(summary, &roles);
        let Some(has) = key.and_then(|key| ours.settings.get(&key)) else {
            continue;
        };
        for setting in summary.settings.difference(has) {
            settings.entry(setting).or_default().insert(&summary.name);
        }
    }
    for (kind, names) in resources {
        draft.note(&format!("{} ({kind})", listed(&names)));
    }
    for (setting, names) in settings {
        draft.note(&format!("`{setting}` of {}", listed(&names)));
    }
}

/// What a deployment of ours consists of.
struct Known {
    /// How many resources of each type, in lower case.
    kinds: BTreeMap<String, usize>,
    /// Settings by type, or by the part of Dify.
    settings: BTreeMap<String, BTreeSet<&'static str>>,
}

impl Known {
    fn of(ours: &Inventory) -> Self {
        let roles = roles(ours);
        let mut known = Self {
            kinds: BTreeMap::new(),
            settings: BTreeMap::new(),
        };
        for summary in &ours.summaries {
            let kind = summary.kind.to_ascii_lowercase();
            *known.kinds.entry(kind).or_default() += 1;
            if let Some(key) = key(summary, &roles) {
                let settings = known.settings.entry(key).or_default();
                settings.extend(&summary.settings);
            }
        }
        known
    }
}

/// The parts of Dify by the names of their apps.
fn roles(inventory: &Inventory) -> BTreeMap<String, Role> {
    let all = inventory
        .containers()
        .filter(|(_, it)| it.role != Role::Other);
    all.map(|(workload, it)| (workload.name.shown(), it.role))
        .collect()
}

/// What a resource is compared by: an app with the app of the same role, anything else with its type.
fn key(summary: &Summary, roles: &BTreeMap<String, Role>) -> Option<String> {
    let kind = summary.kind.to_ascii_lowercase();
    if kind == "microsoft.app/containerapps" || kind == "microsoft.app/jobs" {
        return roles.get(&summary.name).map(|it| it.as_str().to_owned());
    }
    Some(kind)
}

fn listed(names: &BTreeSet<&str>) -> String {
    let shown: Vec<String> = names
        .iter()
        .take(MOST_NAMES)
        .map(|it| format!("`{it}`"))
        .collect();
    match names.len().checked_sub(MOST_NAMES).filter(|it| *it > 0) {
        Some(more) => format!("{} and {more} more", shown.join(", ")),
        None => shown.join(", "),
    }
}

/// Host names of the front door's own, else of any app's.
pub(super) fn domain(inventory: &Inventory) -> Option<(&str, &str)> {
    let doors = [ServiceKind::Nginx, ServiceKind::Web].map(Role::Service);
    let names: Vec<String> = doors
        .into_iter()
        .filter_map(|role| Some(inventory.of(role).next()?.0.name.shown()))
        .collect();
    let of_door = |name: &String| inventory.summaries.iter().find(|it| it.name == *name);
    names
        .iter()
        .filter_map(of_door)
        .chain(&inventory.summaries)
        .find_map(|it| Some((it.domains.first()?.as_str(), it.name.as_str())))
}
