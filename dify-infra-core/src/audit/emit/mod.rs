//! A deployment file that describes an audited deployment repaired.
//!
//! What is wrong in it can't be said in a deployment file, or follows from the rest of it; what can be
//! said and is right is carried. Values of secrets never are: the file names them, and the secrets file has
//! them. What `check` still refuses is taken out again and told in a comment.

mod data;
mod draft;
mod images;
mod left;
mod names;
mod repair;
mod services;
mod stores;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use super::inventory::{Container, Inventory, Platform};
use super::recognise::Role;
use super::report::Report;
use super::seen::Seen;
use crate::catalogue::{Catalogue, Release, ServiceKind, Version};
use crate::check::check_file;
use crate::deployment::Deployment;
use crate::diagnostic::Severity;
use crate::values::PublicOrigin;
use draft::Draft;
use repair::repair;
use stores::Store;

/// A deployment file made from an audited deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Emitted {
    /// The file; [`check_file`] finds no error in it.
    pub text: String,
}

/// Why no file is made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotEmitted {
    /// There is no Dify.
    #[error(
        "nothing was recognised as a part of Dify, so there is nothing for a deployment file to describe"
    )]
    NoDify,
    /// Dify is newer than every release that is offered.
    #[error(
        "Dify {found} runs, and the newest release that a deployment file can name is {newest}: its code is older than \
         the tables that {found} has made in the database"
    )]
    TooNew {
        /// What runs.
        found: Version,
        /// The newest release of the catalogue.
        newest: Version,
    },
}

/// Describes an audited deployment, repaired, as a deployment file.
///
/// # Errors
///
/// When there is no Dify in it, or one that is newer than every release of the catalogue: older code does not
/// run on the tables of newer code.
///
/// ```
/// use dify_infra_core::audit::{audit, emit, from_deployment};
/// use dify_infra_core::check::{Sample, check_file};
///
/// let original = check_file(Sample::BASE)?.deployment;
/// let inventory = from_deployment(&original).expect("it has resources");
/// let emitted = emit(&inventory, &audit(&inventory)).expect("it has Dify");
/// assert_eq!(check_file(&emitted.text)?.deployment, original);
/// # Ok::<(), dify_infra_core::diagnostic::Diagnostics>(())
/// ```
pub fn emit(inventory: &Inventory, report: &Report) -> Result<Emitted, NotEmitted> {
    if report.recognised == 0 {
        return Err(NotEmitted::NoDify);
    }
    let mut draft = Draft::default();
    let release = release(inventory, &mut draft)?;
    let names = names::write(inventory, release, &mut draft);
    left::tags(inventory, &mut draft);
    origin(inventory, &mut draft);
    images::write(inventory, release, &mut draft);
    data::network(inventory, &mut draft);
    data::services(inventory, &names, &mut draft);
    let store = Store::of(inventory, &mut draft);
    if let Some(base) = base(&draft, release) {
        services::write(inventory, &base, &store, &mut draft);
    }
    repair(&mut draft);
    let still = match check_file(&draft.render(&[])) {
        Ok(resolved) => {
            left::tell(inventory, &resolved.deployment, &mut draft);
            let found = resolved.diagnostics;
            let pressing = found.iter().filter(|it| it.severity != Severity::Note);
            pressing.map(|it| it.code.clone()).collect()
        }
        Err(_) => BTreeSet::new(),
    };
    others(inventory, &mut draft);
    Ok(Emitted {
        text: draft.render(&head(inventory, report, &still)),
    })
}

/// What the file leads to without its services: what need not be said.
fn base(draft: &Draft, release: &Release) -> Option<Deployment> {
    let mut trial = draft.clone();
    repair(&mut trial);
    let resolved = check_file(&trial.render(&[])).ok()?;
    (resolved.deployment.release() == release).then_some(resolved.deployment)
}

/// What stands above the file; `still` are the rules that a check of the file still warns of.
fn head(inventory: &Inventory, report: &Report, still: &BTreeSet<String>) -> Vec<String> {
    let from = match inventory.platform {
        Platform::ContainerApps => "a deployment on Azure Container Apps",
        Platform::Compose => "a compose project",
    };
    let pressing = report.findings.iter();
    let found: BTreeSet<&str> = pressing
        .filter(|it| it.severity != Severity::Note)
        .map(|it| it.code)
        .collect();
    let gone = |code: &&&str| !still.contains(**code);
    // Keys are in the secrets file, which nobody has seen yet.
    let (keys, repaired): (Vec<&str>, Vec<&str>) = found
        .iter()
        .filter(gone)
        .partition(|code| code.starts_with("KEY"));
    let mut lines = vec![format!(
        "Made by `dify-infra audit --emit` from {from}: what a deployment file can say of it, without what was \
         wrong. What it can't say is listed below; read every line before you apply it."
    )];
    if !repaired.is_empty() {
        lines.push(format!(
            "Repaired: {}; a check of this file finds them no more.",
            repaired.join(" ")
        ));
    }
    if !keys.is_empty() {
        lines.push(format!(
            "About values of secrets, so repaired only by new values in the secrets file: {}.",
            keys.join(" ")
        ));
    }
    if !still.is_empty() {
        let still: Vec<&str> = still.iter().map(String::as_str).collect();
        lines.push(format!(
            "A check of this file still warns of: {}.",
            still.join(" ")
        ));
    }
    lines.push(
        "No secret is in it. Keep the values that must stay as they are, SECRET_KEY before all, by putting \
         them into the secrets file: a new SECRET_KEY makes stored credentials unreadable."
            .to_owned(),
    );
    lines
}

/// The first offered release that is not older than what runs: tables that newer code has made are not for
/// older code.
fn release(inventory: &Inventory, draft: &mut Draft) -> Result<&'static Release, NotEmitted> {
    let catalogue = Catalogue::builtin();
    let Some(found) = version(inventory) else {
        let release = catalogue.default_release();
        draft.note(&format!(
            "the release of Dify can't be seen in its image tags: {} is assumed, which must not be older than \
             what runs",
            release.version()
        ));
        return Ok(release);
    };
    // The newest comes first.
    let mut releases = catalogue.releases().iter().rev();
    let Some(release) = releases.find(|it| it.version() >= found) else {
        let newest = catalogue.releases().first();
        let newest = newest.unwrap_or_else(|| catalogue.default_release());
        return Err(NotEmitted::TooNew {
            found,
            newest: newest.version(),
        });
    };
    if release.version() != found {
        draft.note(&format!(
            "Dify {found} is not offered; the file names {}, the next that is: read what changes in between",
            release.version()
        ));
    }
    Ok(release)
}

/// The newest release that any image of Dify's own names: it has made the tables.
fn version(inventory: &Inventory) -> Option<Version> {
    let of_tag = |container: &Container| {
        let tag = container.tag.as_deref()?;
        // `1.16.0-acme3` is 1.16.0 with something of somebody's own.
        let release = tag.split(['-', '_', '+']).next()?;
        container.version.or_else(|| release.parse().ok())
    };
    let newest = |services: [ServiceKind; 4]| {
        let all = inventory.containers().filter(|(_, it)| {
            services.iter().any(|kind| it.role == Role::Service(*kind))
                || it.role == Role::Migration
        });
        all.filter_map(|(_, it)| of_tag(it)).max()
    };
    newest([
        ServiceKind::Api,
        ServiceKind::ApiWebsocket,
        ServiceKind::Worker,
        ServiceKind::WorkerBeat,
    ])
    .or_else(|| {
        let webs = inventory.of(Role::Service(ServiceKind::Web));
        webs.filter_map(|(_, it)| of_tag(it)).max()
    })
}

/// The origin that most public URLs name; plain http becomes https.
fn origin(inventory: &Inventory, draft: &mut Draft) {
    const NAMES: [&str; 5] = [
        "CONSOLE_WEB_URL",
        "APP_WEB_URL",
        "CONSOLE_API_URL",
        "FILES_URL",
        "TRIGGER_URL",
    ];
    for (_, container) in inventory.application() {
        for name in NAMES {
            let Some(url) = container.literal(name).filter(|it| !it.is_empty()) else {
                continue;
            };
            let secure = url.replacen("http://", "https://", 1);
            let end = secure
                .find("://")
                .and_then(|at| secure[at + 3..].find('/').map(|slash| at + 3 + slash));
            let origin = &secure[..end.unwrap_or(secure.len())];
            let is_local = ["localhost", "127.0.0.1"]
                .iter()
                .any(|it| origin.contains(it));
            if is_local
                || origin.contains("azurecontainerapps.io")
                || origin.parse::<PublicOrigin>().is_err()
                || !origin.contains('.')
            {
                continue;
            }
            draft.text("public", "origin", origin);
            if secure != url {
                draft.because("was plain http");
            }
            return;
        }
    }
    if let Some((domain, app)) = left::domain(inventory) {
        let origin = format!("https://{domain}");
        if origin.parse::<PublicOrigin>().is_ok() {
            draft.text("public", "origin", &origin);
            draft.because(&format!(
                "the domain of `{app}`; `certificate` says where its certificate comes from"
            ));
        }
    }
}

/// What a deployment file has no place for.
fn others(inventory: &Inventory, draft: &mut Draft) {
    for (workload, container) in inventory.containers() {
        if container.role == Role::Other {
            let image = container
                .image
                .known()
                .map_or_else(String::new, Seen::shown);
            draft.note(&format!(
                "`{}` ({image}) is not a part of Dify that a deployment file describes",
                workload.name.shown()
            ));
        }
    }
    for file in &inventory.files {
        draft.note(&format!(
            "{}: the file follows from `[[routes]]` and `[egress]`; name there what was your own in it",
            file.place
        ));
    }
    for not_seen in &inventory.unseen {
        draft.note(&format!("not seen at {}: {}", not_seen.place, not_seen.why));
    }
}

/// Services that the release has and the deployment lacks come by themselves.
fn is_there(inventory: &Inventory, kind: ServiceKind) -> bool {
    inventory.of(Role::Service(kind)).next().is_some()
}

/// The version that an image names, when it is one.
fn version_of(tag: &str) -> Option<Version> {
    tag.parse().ok()
}
