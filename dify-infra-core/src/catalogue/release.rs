//! One offered Dify release and everything that is known about it.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;

use super::route::{FrontDoor, Route, Unrouted};
use super::service::{ImageKind, ServiceFacts, ServiceKind};
use super::table::{VariableFile, VariableTable};
use super::version::Version;

/// Where a data file's facts come from.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// The repository or image that was read.
    pub repository: String,
    /// The release that was read.
    pub release: String,
    /// The commit that was read; `None` for images without one.
    #[serde(default)]
    pub commit: Option<String>,
    /// Which files, and what else went in.
    pub note: String,
}

/// A Dify release: the images that were shipped together and the facts about them.
#[derive(Debug)]
pub struct Release {
    pub(super) version: Version,
    pub(super) date: String,
    pub(super) evidence: String,
    pub(super) images: BTreeMap<ImageKind, Image>,
    pub(super) lines: Lines,
    pub(super) services: Vec<ServiceFacts>,
    pub(super) refused: Vec<RefusedService>,
    pub(super) routes: Vec<Route>,
    pub(super) shared: Arc<Shared>,
}

/// What all releases have in common.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) migration: MigrationJob,
    pub(super) unrouted: Vec<Unrouted>,
    pub(super) web_pages: Vec<String>,
    pub(super) front_door: FrontDoor,
    pub(super) variables: BTreeMap<ImageKind, VariableFile>,
}

/// Versions of the images that do not carry Dify's version.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lines {
    pub(super) sandbox: Version,
    pub(super) plugin_daemon: Version,
}

/// Releases are equal when their versions are: the catalogue has each once.
impl PartialEq for Release {
    fn eq(&self, other: &Self) -> bool {
        self.version == other.version
    }
}

impl Release {
    /// The Dify version.
    pub fn version(&self) -> Version {
        self.version
    }

    /// The day it was released, as `YYYY-MM-DD`.
    pub fn date(&self) -> &str {
        &self.date
    }

    /// What the facts about this release rest on, in a sentence.
    pub fn evidence(&self) -> &str {
        &self.evidence
    }

    /// The services of this release, in the order of [`ServiceKind::ALL`].
    pub fn services(&self) -> impl Iterator<Item = &ServiceFacts> {
        self.services.iter()
    }

    /// One service; `None` when this release does not have it.
    pub fn service(&self, kind: ServiceKind) -> Option<&ServiceFacts> {
        self.services.iter().find(|service| service.kind == kind)
    }

    /// Services of this release that cannot be deployed yet, with the reason.
    pub fn refused_services(&self) -> &[RefusedService] {
        &self.refused
    }

    /// One of the images that were shipped together.
    pub fn image(&self, kind: ImageKind) -> &Image {
        &self.images[&kind]
    }

    /// All images, in the order of [`ImageKind::ALL`].
    pub fn images(&self) -> impl Iterator<Item = &Image> {
        self.images.values()
    }

    /// The routes of the front door. Where several prefixes match a path, the longest wins.
    pub fn routes(&self) -> &[Route] {
        &self.routes
    }

    /// Paths of internal services that the front door must not pass on.
    pub fn unrouted(&self) -> &[Unrouted] {
        &self.shared.unrouted
    }

    /// The folders that the pages of the web service begin with, such as `/apps`; a route that takes
    /// one of them from it takes a page away.
    pub fn web_pages(&self) -> &[String] {
        &self.shared.web_pages
    }

    /// Settings that a front door needs to work with Dify.
    pub fn front_door(&self) -> &FrontDoor {
        &self.shared.front_door
    }

    /// The job that brings the database to this release.
    pub fn migration(&self) -> &MigrationJob {
        &self.shared.migration
    }

    /// The variables that this release's image of a service reads.
    pub fn variables(&self, kind: ServiceKind) -> VariableTable<'_> {
        self.variables_of(kind.image())
    }

    pub(super) fn variables_of(&self, image: ImageKind) -> VariableTable<'_> {
        VariableTable::new(&self.shared.variables[&image], self.image_version(image))
    }

    /// The version of one image line in this release.
    pub fn line_version(&self, line: VersionLine) -> Version {
        match line {
            VersionLine::Dify => self.version,
            VersionLine::Sandbox => self.lines.sandbox,
            VersionLine::PluginDaemon => self.lines.plugin_daemon,
        }
    }

    fn image_version(&self, image: ImageKind) -> Version {
        self.line_version(match image {
            ImageKind::Sandbox => VersionLine::Sandbox,
            ImageKind::PluginDaemon => VersionLine::PluginDaemon,
            ImageKind::Api | ImageKind::Web | ImageKind::Nginx | ImageKind::SsrfProxy => {
                VersionLine::Dify
            }
        })
    }
}

/// An image on Docker Hub, pinned to a tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// Which image this is.
    pub kind: ImageKind,
    /// The repository, such as `langgenius/dify-api`; official images have no owner.
    pub repository: String,
    /// The tag.
    pub tag: String,
}

impl Image {
    /// The reference that pulls from Docker Hub: `langgenius/dify-api:1.16.0`.
    pub fn reference(&self) -> String {
        format!("{}:{}", self.repository, self.tag)
    }

    /// The reference that pulls the same repository and tag from another registry, such as
    /// `myregistry.azurecr.io`.
    pub fn reference_in(&self, registry: &str) -> String {
        format!("{registry}/{}:{}", self.repository, self.tag)
    }
}

/// A service that exists in a release but cannot be deployed by this project yet.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RefusedService {
    /// The name in Dify's compose file.
    pub key: String,
    /// The first Dify release that has it.
    pub since: Version,
    /// Why it is refused.
    pub reason: String,
}

/// The one-shot container that migrates the database.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MigrationJob {
    /// The image it runs.
    pub image: ImageKind,
    /// Variables that make the image migrate and exit. Both are needed: with `MODE=migration`
    /// alone the image starts the API instead (langgenius/dify 1.16.0 `api/docker/entrypoint.sh`).
    pub environment: BTreeMap<String, String>,
    /// Thousandths of a core.
    pub millicores: u32,
    /// Memory in mebibytes.
    pub memory_mebibytes: u32,
    /// How long one execution may take, in seconds.
    pub timeout_seconds: u32,
    /// How often a failed execution is repeated.
    pub retries: u32,
}

/// A sequence of versions that belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum VersionLine {
    /// Dify itself: api and web.
    Dify,
    /// The sandbox.
    Sandbox,
    /// The plugin daemon.
    PluginDaemon,
}

impl VersionLine {
    /// What it is called: `dify`, `sandbox`, `plugin_daemon`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dify => "dify",
            Self::Sandbox => "sandbox",
            Self::PluginDaemon => "plugin_daemon",
        }
    }
}

/// How much a change asks of an operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ChangeKind {
    /// A configuration that worked before may not work after.
    Breaking,
    /// Worth knowing.
    Notable,
}

/// A change between releases that an operator should know of.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// Which versions `at` counts in.
    pub line: VersionLine,
    /// The first version with the change.
    pub at: Version,
    /// How much it asks.
    pub kind: ChangeKind,
    /// What changed.
    pub what: String,
    /// What to do about it, besides what dify-infra does itself.
    #[serde(default)]
    pub advice: Option<String>,
    /// The rendered file that it is about, as `squid.conf`: where that stays as it is, nothing changes.
    #[serde(default)]
    pub file: Option<String>,
    /// The variables it is about.
    pub variables: Vec<String>,
}
