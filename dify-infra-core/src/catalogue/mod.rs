//! The release catalogue: what each offered Dify release consists of, as data.
//!
//! A release names the images that were shipped together, the services that exist in it, their
//! ports, health probes, sizes and replica limits, the routes of its front door, and the
//! environment variables that each image really reads. All of it lives in JSON files below
//! `data/`, embedded at build time; this module gives the files types and answers questions.
//!
//! ```
//! use dify_infra_core::catalogue::{Catalogue, ImageKind, ServiceKind};
//!
//! let release = Catalogue::builtin().release("1.16.0")?;
//! assert_eq!(release.image(ImageKind::PluginDaemon).reference(), "langgenius/dify-plugin-daemon:0.6.3-local");
//! assert!(release.variables(ServiceKind::Api).get("CODE_EXECUTION_API_KEY").is_some());
//! # Ok::<(), dify_infra_core::catalogue::UnknownRelease>(())
//! ```
//!
//! # Where the facts come from
//!
//! * Image tags: `docker/docker-compose.yaml` of each release commit of langgenius/dify
//!   (1.17.1 at 590b0a449e).
//! * Variables: langgenius/dify 1.16.0 (5c6372d2f7: `api/configs`, `api/docker/entrypoint.sh`,
//!   `web/docker/entrypoint.sh`, `web/env.ts`), langgenius/dify-sandbox 0.2.15 (5631afef06:
//!   `internal/static/config.go`) and every tag of langgenius/dify-plugin-daemon up to 0.6.10
//!   (1310a18b2f: `internal/types/app/config.go`), with the release history for `since`.
//! * Routes and front-door settings: `docker/nginx` of langgenius/dify 1.16.0.
//! * Sizes, replica limits and start-up times are this project's choice, with the reason beside.
//!
//! Every data file repeats its own origin in a `source` field, see [`Source`].
//!
//! # Version lines
//!
//! The api and web images carry Dify's version; the sandbox and the plugin daemon have version
//! lines of their own. [`VariableTable`] therefore compares `since` with the tag of the image
//! that the release ships, not always with the Dify version.

mod data;
mod release;
mod route;
mod service;
mod shipped;
mod suggest;
mod table;
#[cfg(test)]
mod tests;
mod value;
mod variable;
mod version;

use std::sync::LazyLock;

pub use release::{
    Change, ChangeKind, Image, MigrationJob, RefusedService, Release, Source, VersionLine,
};
pub use route::{FrontDoor, Route, Unrouted};
pub use service::{
    ImageKind, Port, Probe, Protocol, ReplicaLimits, Replicas, ServiceFacts, ServiceKind, Size,
    Sizes, UnknownService,
};
pub use shipped::shipped_with;
pub(crate) use suggest::can_be_alike;
pub use table::{Read, VariableTable};
pub use value::InvalidValue;
pub use variable::{Alias, FormerDefault, Variable, VariableType};
pub use version::{InvalidVersion, Version};

/// Every offered Dify release with its facts.
#[derive(Debug)]
pub struct Catalogue {
    source: Source,
    default: Version,
    oldest_reason: String,
    releases: Vec<Release>,
    changes: Vec<Change>,
}

impl Catalogue {
    /// The catalogue that is compiled into this crate.
    pub fn builtin() -> &'static Self {
        static BUILTIN: LazyLock<Catalogue> = LazyLock::new(data::load_builtin);
        &BUILTIN
    }

    /// Where the facts about services, routes and tags come from.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// The offered releases, newest first.
    pub fn releases(&self) -> &[Release] {
        &self.releases
    }

    /// The release that is used when the file names none.
    pub fn default_release(&self) -> &Release {
        self.releases
            .iter()
            .find(|release| release.version() == self.default)
            .unwrap_or(&self.releases[0])
    }

    /// Finds the release that `version` names, such as `1.16.0` or `1.10.1-fix.1`.
    ///
    /// # Errors
    ///
    /// When the catalogue has no facts about that release, or `version` is not a version at all
    /// (`latest` is not: what it means changes under a running deployment).
    pub fn release(&self, version: &str) -> Result<&Release, UnknownRelease> {
        let wanted = version.parse::<Version>().ok();
        self.releases
            .iter()
            .find(|release| Some(release.version()) == wanted)
            .ok_or_else(|| self.unknown_release(version, wanted))
    }

    /// The variables that an image reads, by its reference in any registry; nothing for an image or a
    /// tag that no offered release has.
    ///
    /// ```
    /// use dify_infra_core::catalogue::Catalogue;
    ///
    /// let catalogue = Catalogue::builtin();
    /// let table = catalogue.variables_of_image("mirror.example.com/langgenius/dify-api:1.16.0");
    /// assert!(table.unwrap().is_read("SECRET_KEY").is_yes());
    /// assert!(catalogue.variables_of_image("langgenius/dify-api:latest").is_none());
    /// ```
    pub fn variables_of_image(&self, reference: &str) -> Option<VariableTable<'_>> {
        let (repository, tag) = reference.rsplit_once(':')?;
        self.releases.iter().find_map(|release| {
            let image = release.images().find(|image| {
                let rest = repository.strip_suffix(&image.repository);
                image.tag == tag && rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('/'))
            })?;
            Some(release.variables_of(image.kind))
        })
    }

    /// What changed after `from` up to and including `to`, for Dify and for the images that have
    /// version lines of their own. Empty when `to` is not newer.
    pub fn changes_between<'a>(
        &'a self,
        from: &'a Release,
        to: &'a Release,
    ) -> impl Iterator<Item = &'a Change> {
        self.changes.iter().filter(move |change| {
            let (before, after) = (from.line_version(change.line), to.line_version(change.line));
            before < change.at && change.at <= after
        })
    }

    fn unknown_release(&self, given: &str, wanted: Option<Version>) -> UnknownRelease {
        let offered = self.releases.iter().map(Release::version);
        let nearest = wanted.and_then(|wanted| {
            let not_newer = offered.clone().find(|version| *version <= wanted);
            not_newer.or_else(|| offered.clone().min())
        });
        let too_old = wanted.is_some_and(|wanted| offered.clone().all(|version| wanted < version));
        UnknownRelease {
            given: given.to_owned(),
            offered: offered.collect(),
            default: self.default,
            nearest,
            reason: too_old.then(|| self.oldest_reason.clone()),
        }
    }
}

/// A Dify release that the catalogue does not offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownRelease {
    /// What was asked for.
    pub given: String,
    /// The offered releases, newest first.
    pub offered: Vec<Version>,
    /// The release that is used when none is named.
    pub default: Version,
    /// The newest offered release that is not newer than the wanted one, or the oldest of all;
    /// `None` when `given` is not a version.
    pub nearest: Option<Version>,
    /// Why a release this old is not offered; `None` unless it is older than all offered ones.
    pub reason: Option<String>,
}

impl std::fmt::Display for UnknownRelease {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            formatter,
            "Dify `{}` is not in the release catalogue; offered are ",
            self.given
        )?;
        for (index, version) in self.offered.iter().enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            let note = if *version == self.default {
                " (default)"
            } else {
                ""
            };
            write!(formatter, "{separator}{version}{note}")?;
        }
        if let Some(nearest) = self.nearest {
            write!(formatter, "; the nearest is {nearest}")?;
        }
        self.reason
            .iter()
            .try_for_each(|reason| write!(formatter, ". {reason}"))
    }
}

impl std::error::Error for UnknownRelease {}
