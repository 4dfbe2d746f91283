//! Reads a compose folder: `docker-compose.yaml`, its overrides, and the files that it refers to.

mod dotenv;
mod interpolate;
mod load;
mod merge;
mod paths;
mod service;
mod yaml;

use std::collections::{BTreeMap, BTreeSet};

use self::dotenv::dotenv;
use self::interpolate::Entries;
use self::load::Service;
use super::inventory::{Inventory, Platform};
use super::node::Node;
use super::place::Place;

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
    #[error("{file} is not a compose file: {reason}")]
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
/// When there is no compose file, or one is no YAML, or has no services; when no service has a profile that was asked
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
    let project = match input.files.get(".env") {
        Some(text) => dotenv(".env", text, &Entries::new())?,
        None => Entries::new(),
    };
    let mut inventory = Inventory::new(Platform::Compose);
    let loaded = load::load(&input, project.clone(), &mut inventory)?;
    let active = active_profiles(&input, &project);
    let known = known_profiles(&loaded.services);
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
    for Service {
        name,
        node,
        entries,
    } in &loaded.services
    {
        if !is_active(node, &active, entries) {
            continue;
        }
        let context = service::Context {
            input: &input,
            project: entries,
            volumes: &loaded.volumes,
            networks: &loaded.networks,
        };
        let workload = service::workload(&context, &mut inventory, name, node)?;
        inventory.workloads.push(workload);
    }
    Ok(inventory)
}

/// The compose files that a file of variables names in `COMPOSE_FILE`, which compose takes instead of those that it
/// finds (docs.docker.com compose/how-tos/environment-variables/envvars); nothing when it names none.
///
/// # Errors
///
/// When the file has a line that compose refuses.
pub fn compose_files(variables: &str) -> Result<Option<Vec<String>>, InvalidCompose> {
    let entries = dotenv(".env", variables, &Entries::new())?;
    let literal = |name: &str| entries.get(name).and_then(|it| it.value.literal());
    let separator = literal("COMPOSE_PATH_SEPARATOR").filter(|it| !it.is_empty());
    let Some(files) = literal("COMPOSE_FILE").filter(|it| !it.is_empty()) else {
        return Ok(None);
    };
    let files = files.split(separator.unwrap_or(":"));
    let files = files.filter(|it| !it.is_empty());
    Ok(Some(files.map(|it| paths::join("", it)).collect()))
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
fn known_profiles(services: &[Service]) -> BTreeSet<String> {
    let of = |service: &Service| -> Vec<String> {
        let profiles = service.node.items_at("profiles").iter();
        let names = profiles.filter_map(|it| {
            let name = interpolate::interpolate(it.literal()?, &service.entries).0;
            name.literal().map(str::to_owned)
        });
        names.collect()
    };
    services.iter().flat_map(of).collect()
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
