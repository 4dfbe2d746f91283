//! From one release of Dify to another: what changes, what is to be done, and the edited file.
//!
//! [`upgrade`] is pure: it reads a deployment file, compares what both releases make of it, and edits
//! the text in place, so that comments and order stay.
//!
//! ```
//! use dify_infra_core::upgrade::upgrade;
//!
//! let file = "name = \"dify\"\nenvironment = \"dev\"\nlocation = \"japaneast\"\n\
//!             dify = \"1.14.2\"  # since June\n\n[azure]\nresource_group = \"dify-dev-rg\"\n";
//! let report = upgrade(file, "1.16.0")?;
//! let text = report.text.as_deref().expect("an upgrade has a text");
//! assert!(text.contains("dify = \"1.16.0\"  # since June"));
//! assert!(report.routes.added.iter().any(|route| route.starts_with("/openapi")));
//! # Ok::<(), dify_infra_core::upgrade::UpgradeError>(())
//! ```

mod compare;
mod display;
mod edit;
mod settings;
#[cfg(test)]
mod tests;

use std::fmt;

use serde::{Serialize, Serializer};

use crate::catalogue::{Catalogue, Change, Release, UnknownRelease, Version};
use crate::check::check_file;
use crate::deployment::{Deployment, Registry};
use crate::diagnostic::{Diagnostic, Diagnostics};

pub use settings::{Setting, Treatment};

/// The version of the JSON form of an [`Upgrade`].
pub const FORMAT: u32 = 1;

/// Everything that a change of the release means for one deployment file.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Upgrade {
    /// The release of the file as it is.
    #[serde(serialize_with = "as_text")]
    pub from: Version,
    /// The release that is wanted.
    #[serde(serialize_with = "as_text")]
    pub to: Version,
    /// What the facts about the wanted release rest on.
    pub evidence: String,
    /// Why there is no way to that release, as sentences; empty when there is one.
    pub blocked: Vec<String>,
    /// Images that change.
    pub images: Vec<ImageChange>,
    /// Services that come or go.
    pub services: Changes,
    /// Public paths that come or go, each with its service.
    pub routes: Changes,
    /// Limits of the front door, probes, ports and sizes that change, each as a sentence.
    pub limits: Vec<String>,
    /// Variables that the images read, or read no longer.
    pub variables: Vec<VariableChange>,
    /// Variables of this deployment's containers that change, without those of secrets.
    pub environment: Vec<EnvironmentChange>,
    /// Rendered files whose text changes, as `dify-dev-nginx: nginx.conf`.
    pub files: Vec<String>,
    /// What the releases in between say, oldest first.
    pub notes: Vec<Note>,
    /// Settings of the file that the wanted release treats differently.
    pub settings: Vec<Setting>,
    /// What is to be done, in order.
    pub steps: Vec<String>,
    /// What `check` says of the edited file and did not say before.
    pub diagnostics: Vec<Diagnostic>,
    /// The edited file; nothing when there is no way to the release.
    pub text: Option<String>,
}

/// What comes and what goes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct Changes {
    /// What the wanted release has in addition.
    pub added: Vec<String>,
    /// What it does not have any more.
    pub removed: Vec<String>,
}

impl Changes {
    /// Whether nothing comes or goes.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty()
    }
}

/// An image that changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ImageChange {
    /// Which image, as `plugin_daemon`.
    pub image: &'static str,
    /// The tag that the release of the file ships.
    pub before: String,
    /// The tag that the wanted release ships.
    pub after: String,
}

/// How the variables that an image reads change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct VariableChange {
    /// Which image, as `api`.
    pub image: &'static str,
    /// The name, the old one of a renamed variable.
    pub name: String,
    /// What happens to it.
    #[serde(flatten)]
    pub kind: VariableChangeKind,
    /// What it does, in a line.
    pub meaning: String,
    /// Whether a deployment on Azure does not work without it.
    pub required: bool,
}

/// What happens to a variable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "change", rename_all = "snake_case")]
#[non_exhaustive]
pub enum VariableChangeKind {
    /// It is read from now on.
    Added,
    /// It is not read any more.
    Removed,
    /// It has another name; the old one is still read.
    Renamed {
        /// The new name.
        to: String,
    },
}

/// A variable of a container that changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct EnvironmentChange {
    /// The app or job.
    pub app: String,
    /// The variable.
    pub name: String,
    /// What it was; nothing when it was not there.
    pub before: Option<String>,
    /// What it becomes; nothing when it goes.
    pub after: Option<String>,
}

/// What a release says about itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Note {
    /// Which program, as `dify` or `plugin_daemon`, with its version.
    pub at: String,
    /// Whether something that worked may not work any more.
    pub breaking: bool,
    /// What changed.
    pub what: String,
    /// What to do about it, besides what dify-infra does itself.
    pub advice: Option<String>,
    /// Variables of it that dify-infra sets in this deployment's containers: a file need not, and mostly must not.
    pub set: Vec<String>,
}

/// Why nothing can be said about an upgrade.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UpgradeError {
    /// There are no facts about the wanted release.
    #[error("{0}")]
    Release(#[source] UnknownRelease),
    /// The file has errors as it is: they come first.
    #[error("the deployment file has errors")]
    File(#[source] Diagnostics),
}

/// Works out what a change of the file's release to `to` means, and edits the file.
///
/// # Errors
///
/// When `to` is no release of the catalogue, or the file has errors before any change.
pub fn upgrade(text: &str, to: &str) -> Result<Upgrade, UpgradeError> {
    let to = Catalogue::builtin()
        .release(to)
        .map_err(UpgradeError::Release)?;
    let (resolved, document) = Deployment::parse_with_document(text).map_err(UpgradeError::File)?;
    let before = &resolved.deployment;
    let from = before.release();
    let mut report = between(from, to);
    let (settings, edits) = settings::settings(before, &document, to);
    if to.version() < from.version() {
        // Nothing is edited then, and nothing is done.
        report.blocked.push(down(from, to));
        return Ok(report);
    }
    report.settings = settings;
    report.steps = steps(before, from, to);
    let edited = edit::apply(text, edits);
    let known = check_file(text).map_or_else(|found| found, |it| it.diagnostics);
    let (after, found) = match check_file(&edited) {
        Ok(resolved) => (Some(resolved.deployment), resolved.diagnostics),
        Err(found) => (None, found),
    };
    report.diagnostics = new_findings(&known, found);
    if let Some(after) = &after {
        compare::deployments(before, after, &mut report);
    }
    report.notes = notes(from, to, after.as_ref(), &report.files);
    report.text = Some(edited);
    Ok(report)
}

/// What two releases differ in, whatever the file.
fn between(from: &'static Release, to: &'static Release) -> Upgrade {
    Upgrade {
        from: from.version(),
        to: to.version(),
        evidence: to.evidence().to_owned(),
        blocked: Vec::new(),
        images: compare::images(from, to),
        services: compare::services(from, to),
        routes: compare::routes(from, to),
        limits: compare::limits(from, to),
        variables: compare::variables(from, to),
        environment: Vec::new(),
        files: Vec::new(),
        notes: Vec::new(),
        settings: Vec::new(),
        steps: Vec::new(),
        diagnostics: Vec::new(),
        text: None,
    }
}

/// What the releases in between say of this deployment; what a rendered file decides that stays as it is changes
/// nothing.
fn notes(from: &Release, to: &Release, after: Option<&Deployment>, files: &[String]) -> Vec<Note> {
    let set = after.map(compare::set_by_us).unwrap_or_default();
    let changes = Catalogue::builtin().changes_between(from, to);
    let is_news = |change: &&Change| match &change.file {
        Some(name) => after.is_none() || files.iter().any(|file| names_file(file, name)),
        None => true,
    };
    let note = |change: &Change| Note {
        at: format!("{} {}", change.line.as_str(), change.at),
        breaking: change.kind == crate::catalogue::ChangeKind::Breaking,
        what: change.what.clone(),
        advice: change.advice.clone(),
        set: change
            .variables
            .iter()
            .filter(|name| set.contains(*name))
            .cloned()
            .collect(),
    };
    changes.filter(is_news).map(note).collect()
}

/// Whether `dify-dev-ssrf-proxy: file-squid-conf` is the file `squid.conf`.
fn names_file(shown: &str, name: &str) -> bool {
    shown.ends_with(&format!("file-{}", name.replace('.', "-")))
}

/// Dify's migrations go one way: `flask upgrade-db` is what its images run, and no release ships the
/// way back as something to be run (langgenius/dify `api/docker/entrypoint.sh`).
fn down(from: &Release, to: &Release) -> String {
    format!(
        "Dify {} is older than {}, which has already migrated the database, and no release takes a \
         migration back: restore PostgreSQL to a time before the upgrade, then write \
         `dify = \"{}\"` into the file by hand",
        to.version(),
        from.version(),
        to.version(),
    )
}

/// What is to be done, in order.
fn steps(deployment: &Deployment, from: &Release, to: &Release) -> Vec<String> {
    if from.version() == to.version() {
        return Vec::new();
    }
    let days = deployment.postgres().backup_days;
    let prefix = deployment.prefix();
    let mut steps = vec![
        format!(
            "Note the time: the migration can't be taken back, and PostgreSQL can be restored to any \
             point of the last {days} days (`az postgres flexible-server restore --restore-time`). \
             Keep the secrets file."
        ),
        "Replace the deployment file by the edited one and read what `dify-infra plan` shows."
            .to_owned(),
        format!(
            "`dify-infra apply` runs the job {prefix}-migration with dify-api:{} first; api, worker and \
             scheduler take the new image only after it has succeeded.",
            to.version()
        ),
    ];
    if let Some(registry) = deployment.registry() {
        steps.insert(2, copies(registry, to));
    }
    // Plugin daemon 0.5.8: the container runs `commandline migrate` before `main`.
    let migrates = Version::new(0, 5, 8);
    let daemon =
        |release: &Release| release.line_version(crate::catalogue::VersionLine::PluginDaemon);
    if daemon(to) != daemon(from) && daemon(to) >= migrates {
        steps.push(
            "The plugin daemon migrates its own database when its container starts; it has one \
             replica, so plugins are away for that moment."
                .to_owned(),
        );
    }
    steps.push("`dify-infra verify` proves what can be proven from outside.".to_owned());
    steps
}

/// The step that brings a release's images into a registry of one's own.
fn copies(registry: &Registry, to: &Release) -> String {
    let (version, server) = (to.version(), &registry.server);
    if registry.azure.is_some() {
        return format!(
            "`dify-infra images import` has {server}, from which the images are pulled, copy those of Dify {version}."
        );
    }
    format!(
        "Push the images of Dify {version} to {server}, from which they are pulled: `dify-infra images list` names \
         them."
    )
}

/// Findings that the file did not have before.
fn new_findings(known: &Diagnostics, found: Diagnostics) -> Vec<Diagnostic> {
    let is_known = |one: &Diagnostic| {
        known
            .iter()
            .any(|it| it.code == one.code && it.path == one.path && it.severity == one.severity)
    };
    found.into_iter().filter(|one| !is_known(one)).collect()
}

fn as_text<S: Serializer>(value: &impl fmt::Display, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

impl Upgrade {
    /// Whether the edited file has an error that it did not have before.
    pub fn has_errors(&self) -> bool {
        self.diagnostics
            .iter()
            .any(|it| it.severity == crate::diagnostic::Severity::Error)
    }
}
