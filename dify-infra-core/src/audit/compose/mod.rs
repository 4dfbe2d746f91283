//! Reads a compose folder: `docker-compose.yaml`, its overrides, and the files that it refers to.

mod dotenv;
mod interpolate;
mod merge;
mod service;
mod yaml;

use std::collections::{BTreeMap, BTreeSet};

use self::dotenv::dotenv;
use self::interpolate::Entries;
use super::inventory::{Inventory, Platform};
use super::node::{Node, Tree};
use super::place::Place;

/// Services that a service extends, one after the other, at most.
const MOST_EXTENDED: usize = 16;

/// What stands for every profile.
const ALL_PROFILES: &str = "*";

/// A compose folder.
#[derive(Debug, Clone, Copy)]
pub struct ComposeInput<'a> {
    /// Names of the compose files in `files`, the ones that lie over others last.
    pub compose: &'a [&'a str],
    /// Texts of files, by their path in the folder: compose files, `.env`, files of variables,
    /// configuration of nginx and squid.
    pub files: &'a BTreeMap<String, String>,
    /// Profiles that are active beside those of `COMPOSE_PROFILES` in `.env`.
    pub profiles: &'a [&'a str],
}

/// Why a folder is no compose deployment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidCompose {
    /// There is no compose file.
    #[error("there is no compose file {file}")]
    Missing {
        /// The file.
        file: String,
    },
    /// It is no YAML that can be used.
    #[error("{file} is no compose file: {reason}")]
    NoYaml {
        /// The file.
        file: String,
        /// What is wrong, and where.
        reason: String,
    },
    /// No service has a profile that was asked for.
    #[error("no service has the profile `{profile}`; {known}")]
    NoProfile {
        /// The profile.
        profile: String,
        /// Those that services have, as a sentence.
        known: String,
    },
    /// A file of variables has a line that compose refuses.
    #[error("{file}:{line}: {reason}, so compose refuses the file")]
    NoVariables {
        /// The file.
        file: String,
        /// The line, from 1.
        line: usize,
        /// What is wrong; the line itself may hold a secret.
        reason: &'static str,
    },
}

/// Makes an inventory of a compose folder.
///
/// # Errors
///
/// When a compose file is missing, or is no YAML, or has no services; when no service has a profile that was asked
/// for; when a file of variables has a line that
/// compose refuses.
///
/// ```
/// use dify_infra_core::audit::{ComposeInput, from_compose};
///
/// let files = [("docker-compose.yaml", "services:\n  api:\n    image: langgenius/dify-api:1.16.0\n")];
/// let files = files.map(|(name, text)| (name.to_owned(), text.to_owned())).into();
/// let inventory = from_compose(ComposeInput {
///     compose: &["docker-compose.yaml"],
///     files: &files,
///     profiles: &[],
/// })?;
/// assert_eq!(inventory.workloads[0].place.to_string(), "docker-compose.yaml:2:3");
/// # Ok::<(), dify_infra_core::audit::InvalidCompose>(())
/// ```
pub fn from_compose(input: ComposeInput<'_>) -> Result<Inventory, InvalidCompose> {
    let mut merged: Option<Node> = None;
    for file in input.compose {
        let node = read(&input, file)?;
        merged = Some(match merged {
            Some(below) => merge::over(below, node),
            None => merge::plain(node),
        });
    }
    let merged = merged.ok_or_else(|| InvalidCompose::Missing {
        file: "docker-compose.yaml".to_owned(),
    })?;
    let project = match input.files.get(".env") {
        Some(text) => dotenv(".env", text, &Entries::new())?,
        None => Entries::new(),
    };
    let mut inventory = Inventory::new(Platform::Compose);
    if let Some(include) = merged.get("include") {
        inventory.complete = false;
        inventory.not_seen(&include.place, "files that are included");
    }
    interpolate::note_missing(&merged, &project, &mut inventory);
    let active = active_profiles(&input, &project);
    let known = known_profiles(&merged, &project);
    for profile in input.profiles {
        if *profile != ALL_PROFILES && !known.contains(*profile) {
            let known: Vec<_> = known.iter().map(|it| format!("`{it}`")).collect();
            return Err(InvalidCompose::NoProfile {
                profile: (*profile).to_owned(),
                known: if known.is_empty() {
                    "there are no profiles".to_owned()
                } else {
                    format!("there are {}", known.join(", "))
                },
            });
        }
    }
    let volumes = merged.get("volumes").cloned();
    for (name, node) in merged
        .get("services")
        .map(Node::members)
        .unwrap_or_default()
    {
        let node = extended(&input, &merged, node, 0)?;
        if !is_active(&node, &active, &project) {
            continue;
        }
        let context = service::Context {
            input: &input,
            project: &project,
            volumes: volumes.as_ref(),
        };
        let workload = service::workload(&context, &mut inventory, name, &node)?;
        inventory.workloads.push(workload);
    }
    Ok(inventory)
}

fn read(input: &ComposeInput<'_>, file: &str) -> Result<Node, InvalidCompose> {
    let text = input
        .files
        .get(file)
        .ok_or_else(|| InvalidCompose::Missing {
            file: file.to_owned(),
        })?;
    let refuse = |reason: String| InvalidCompose::NoYaml {
        file: file.to_owned(),
        reason,
    };
    let node = yaml::read(file, text).map_err(refuse)?;
    match node.get("services").map(|it| &it.tree) {
        Some(Tree::Object(_)) => Ok(node),
        _ => Err(refuse("it has no `services`".to_owned())),
    }
}

/// A service with what it extends below it.
fn extended(
    input: &ComposeInput<'_>,
    document: &Node,
    node: &Node,
    depth: usize,
) -> Result<Node, InvalidCompose> {
    let Some(extends) = node.get("extends") else {
        return Ok(node.clone());
    };
    let service = extends.literal().or_else(|| extends.literal_at("service"));
    let (Some(service), true) = (service, depth < MOST_EXTENDED) else {
        return Ok(node.clone());
    };
    let other = match extends.literal_at("file") {
        Some(file) => Some(read(input, file.trim_start_matches("./"))?),
        None => None,
    };
    let document = other.as_ref().unwrap_or(document);
    let Some(base) = document.get("services").and_then(|it| it.get(service)) else {
        return Ok(node.clone());
    };
    let base = extended(input, document, base, depth + 1)?;
    Ok(merge::over(base, node.clone()))
}

fn active_profiles(input: &ComposeInput<'_>, project: &Entries) -> BTreeSet<String> {
    let listed = project
        .get("COMPOSE_PROFILES")
        .and_then(|entry| entry.value.literal())
        .unwrap_or_default();
    let listed = listed.split(',').map(str::trim);
    listed
        .chain(input.profiles.iter().copied())
        .map(str::to_owned)
        .collect()
}

/// The profiles that services have.
fn known_profiles(document: &Node, project: &Entries) -> BTreeSet<String> {
    let services = document.get("services").map(Node::members);
    services
        .unwrap_or_default()
        .iter()
        .flat_map(|(_, service)| service.items_at("profiles"))
        .filter_map(|profile| {
            let name = interpolate::interpolate(profile.literal()?, project).0;
            name.literal().map(str::to_owned)
        })
        .collect()
}

fn is_active(node: &Node, active: &BTreeSet<String>, project: &Entries) -> bool {
    let profiles = node.items_at("profiles");
    profiles.is_empty()
        || active.contains(ALL_PROFILES)
        || profiles.iter().any(|profile| {
            let name = profile.literal().unwrap_or_default();
            let name = interpolate::interpolate(name, project).0;
            name.literal().is_some_and(|name| active.contains(name))
        })
}

/// The place of a file that is part of the folder.
fn file_place(path: &str) -> Place {
    Place::document(path)
}
