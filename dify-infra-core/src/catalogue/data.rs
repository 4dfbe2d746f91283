//! The embedded data files and how they become a [`Catalogue`].

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;

use super::Catalogue;
use super::release::{Change, Image, Lines, MigrationJob, RefusedService, Release, Shared, Source};
use super::route::{FrontDoor, Route, Unrouted};
use super::service::{ImageKind, ServiceFacts};
use super::table::{NotRead, VariableFile};
use super::variable::{Alias, Format, FormerDefault, Syntax, Variable, VariableType};
use super::version::{InvalidVersion, Version};

pub(super) const RELEASES: &str = include_str!("../../data/releases.json");

pub(super) const VARIABLES: [&str; 6] = [
    include_str!("../../data/variables/api.json"),
    include_str!("../../data/variables/web.json"),
    include_str!("../../data/variables/sandbox.json"),
    include_str!("../../data/variables/plugin_daemon.json"),
    include_str!("../../data/variables/nginx.json"),
    include_str!("../../data/variables/ssrf_proxy.json"),
];

/// `releases.json`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReleasesData {
    source: Source,
    default: Version,
    oldest_reason: String,
    pub(super) releases: Vec<ReleaseData>,
    repositories: BTreeMap<ImageKind, String>,
    services: Vec<ServiceFacts>,
    migration: MigrationJob,
    refused: Vec<RefusedService>,
    routes: Vec<Route>,
    unrouted: Vec<Unrouted>,
    web_pages: Vec<String>,
    front_door: FrontDoor,
    pub(super) changes: Vec<Change>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReleaseData {
    pub(super) version: Version,
    date: String,
    evidence: String,
    tags: BTreeMap<ImageKind, String>,
}

/// A file below `variables/`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct VariablesData {
    pub(super) image: ImageKind,
    source: Source,
    syntax: Syntax,
    /// What the image's own program reads.
    pub(super) variables: Vec<VariableData>,
    /// What the language runtime or a library in the image reads.
    pub(super) runtime: Vec<VariableData>,
    /// What only earlier versions read.
    pub(super) former: Vec<VariableData>,
    /// What nothing reads though people set it.
    pub(super) not_read: Vec<NotReadData>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct VariableData {
    pub(super) name: String,
    #[serde(default, rename = "type")]
    kind: VariableType,
    default: Option<String>,
    #[serde(default)]
    allowed: Vec<String>,
    #[serde(default)]
    schemes: Vec<String>,
    above: Option<f64>,
    at_least: Option<f64>,
    at_most: Option<f64>,
    empty: Option<bool>,
    #[serde(default)]
    pub(super) secret: bool,
    #[serde(default)]
    required: bool,
    required_when: Option<String>,
    since: Option<Version>,
    pub(super) until: Option<Version>,
    #[serde(default)]
    aliases: Vec<Alias>,
    former_default: Option<FormerDefault>,
    meaning: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NotReadData {
    pub(super) name: String,
    pub(super) right_name: Option<String>,
    pub(super) why: String,
}

/// Why the embedded data cannot be used: a mistake in this repository, caught by its tests.
#[derive(Debug, thiserror::Error)]
pub(super) enum DataError {
    #[error("a data file does not have the form that its type describes")]
    Form(#[from] serde_json::Error),
    #[error("an image tag does not hold a version")]
    Tag(#[from] InvalidVersion),
    #[error("release {version} has no {image} image, or the image has no repository or variables")]
    MissingImage { version: Version, image: ImageKind },
    #[error("the default release {0} is not among the offered ones")]
    Default(Version),
}

/// Parses the embedded files.
#[expect(
    clippy::expect_used,
    reason = "the files are part of the program; tests load them"
)]
pub(super) fn load_builtin() -> Catalogue {
    load(RELEASES, &VARIABLES).expect("the embedded release catalogue is consistent")
}

pub(super) fn load(releases: &str, variables: &[&str]) -> Result<Catalogue, DataError> {
    let data: ReleasesData = serde_json::from_str(releases)?;
    let files = variables
        .iter()
        .map(|text| Ok(variable_file(serde_json::from_str(text)?)))
        .map(|file| file.map(|file| (file.image, file)))
        .collect::<Result<BTreeMap<_, _>, DataError>>()?;
    let shared = Arc::new(Shared {
        migration: data.migration.clone(),
        unrouted: data.unrouted.clone(),
        web_pages: data.web_pages.clone(),
        front_door: data.front_door.clone(),
        variables: files,
    });
    let mut releases = data
        .releases
        .iter()
        .map(|release| build_release(release, &data, &shared))
        .collect::<Result<Vec<_>, _>>()?;
    releases.sort_by_key(|release| std::cmp::Reverse(release.version));
    if !releases
        .iter()
        .any(|release| release.version == data.default)
    {
        return Err(DataError::Default(data.default));
    }
    Ok(Catalogue {
        source: data.source,
        default: data.default,
        oldest_reason: data.oldest_reason,
        releases,
        changes: data.changes,
    })
}

fn build_release(
    release: &ReleaseData,
    data: &ReleasesData,
    shared: &Arc<Shared>,
) -> Result<Release, DataError> {
    let version = release.version;
    let is_there = |since: Option<Version>| since.is_none_or(|since| since <= version);
    let images = images(release, data, shared)?;
    let line = |kind| images[&kind].tag.parse::<Version>();
    let lines = Lines {
        sandbox: line(ImageKind::Sandbox)?,
        plugin_daemon: line(ImageKind::PluginDaemon)?,
    };
    let mut services: Vec<_> = data
        .services
        .iter()
        .filter(|service| is_there(service.since))
        .cloned()
        .collect();
    services.sort_by_key(|service| service.kind);
    Ok(Release {
        version,
        date: release.date.clone(),
        evidence: release.evidence.clone(),
        lines,
        images,
        services,
        refused: data
            .refused
            .iter()
            .filter(|it| is_there(Some(it.since)))
            .cloned()
            .collect(),
        routes: data
            .routes
            .iter()
            .filter(|route| is_there(route.since))
            .cloned()
            .collect(),
        shared: Arc::clone(shared),
    })
}

/// The images of a release. Complete afterwards: every kind has a tag, a repository and a table.
fn images(
    release: &ReleaseData,
    data: &ReleasesData,
    shared: &Shared,
) -> Result<BTreeMap<ImageKind, Image>, DataError> {
    let image = |kind: ImageKind| {
        shared.variables.get(&kind)?;
        let repository = data.repositories.get(&kind)?.clone();
        Some((
            kind,
            Image {
                kind,
                repository,
                tag: release.tags.get(&kind)?.clone(),
            },
        ))
    };
    ImageKind::ALL
        .into_iter()
        .map(|kind| {
            let missing = || DataError::MissingImage {
                version: release.version,
                image: kind,
            };
            image(kind).ok_or_else(missing)
        })
        .collect()
}

fn variable_file(data: VariablesData) -> VariableFile {
    let syntax = Arc::new(data.syntax);
    let all = data
        .variables
        .into_iter()
        .chain(data.runtime)
        .chain(data.former);
    let variables: BTreeMap<_, _> = all
        .map(|it| variable(it, &syntax))
        .map(|it| (it.name.clone(), it))
        .collect();
    let aliases = variables
        .values()
        .flat_map(|it| {
            it.aliases
                .iter()
                .map(|alias| (alias.name.clone(), it.name.clone()))
        })
        .collect();
    let not_read = data
        .not_read
        .into_iter()
        .map(|it| {
            (
                it.name,
                NotRead {
                    right_name: it.right_name,
                    why: it.why,
                },
            )
        })
        .collect();
    VariableFile {
        image: data.image,
        source: data.source,
        variables,
        aliases,
        not_read,
    }
}

fn variable(data: VariableData, syntax: &Arc<Syntax>) -> Variable {
    let schemes = if data.schemes.is_empty() {
        vec!["http".to_owned(), "https".to_owned()]
    } else {
        data.schemes
    };
    Variable {
        name: data.name,
        kind: data.kind,
        default: data.default,
        allowed: data.allowed,
        secret: data.secret,
        required: data.required,
        required_when: data.required_when,
        since: data.since,
        until: data.until,
        aliases: data.aliases,
        former_default: data.former_default,
        meaning: data.meaning,
        format: Format {
            above: data.above,
            at_least: data.at_least,
            at_most: data.at_most,
            schemes,
            empty: data.empty.unwrap_or(syntax.empty_is_unset),
            syntax: Arc::clone(syntax),
        },
    }
}
