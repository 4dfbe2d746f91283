//! A deployment file that describes an audited deployment repaired.
//!
//! What is wrong in it can't be said in a deployment file, or follows from the rest of it; what can be
//! said and is right is carried. Values of secrets never are: the file names them, and the secrets file has
//! them. What `check` still refuses is taken out again and told in a comment.

mod data;
mod draft;
mod names;
mod services;
#[cfg(test)]
mod tests;

use super::inventory::{Inventory, Platform};
use super::recognise::Role;
use super::report::Report;
use super::rules::{dify_version, nearest_release};
use super::seen::Seen;
use crate::catalogue::{Catalogue, Release, ServiceKind, Version};
use crate::check::check_file;
use crate::deployment::Deployment;
use crate::diagnostic::Severity;
use crate::values::PublicOrigin;
use draft::Draft;

/// How often what `check` refuses is taken out before all but the necessary is.
const MOST_REPAIRS: usize = 40;

/// A deployment file made from an audited deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Emitted {
    /// The file; [`check_file`] finds no error in it.
    pub text: String,
}

/// Describes an audited deployment, repaired, as a deployment file.
///
/// ```
/// use dify_infra_core::audit::{audit, emit, from_deployment};
/// use dify_infra_core::check::{Sample, check_file};
///
/// let original = check_file(Sample::BASE)?.deployment;
/// let inventory = from_deployment(&original).expect("it has resources");
/// let emitted = emit(&inventory, &audit(&inventory));
/// assert_eq!(check_file(&emitted.text)?.deployment, original);
/// # Ok::<(), dify_infra_core::diagnostic::Diagnostics>(())
/// ```
pub fn emit(inventory: &Inventory, report: &Report) -> Emitted {
    let mut draft = Draft::default();
    let release = release(inventory, &mut draft);
    names::write(inventory, release, &mut draft);
    origin(inventory, &mut draft);
    data::images(inventory, release, &mut draft);
    data::network(inventory, &mut draft);
    data::services(inventory, &mut draft);
    if let Some(base) = base(&mut draft, release) {
        services::write(inventory, &base, &mut draft);
    }
    others(inventory, &mut draft);
    let head = head(inventory, report);
    repair(&mut draft);
    Emitted {
        text: draft.render(&head),
    }
}

/// Takes out what `check` refuses until it refuses nothing.
fn repair(draft: &mut Draft) {
    for _ in 0..MOST_REPAIRS {
        let Err(found) = check_file(&draft.render(&[])) else {
            return;
        };
        let mut any = false;
        for error in found.iter().filter(|it| it.severity == Severity::Error) {
            let why = format!("{}: {}", error.code, error.message);
            any |= draft.remove(&error.path, &why);
        }
        if !any {
            break;
        }
    }
    if check_file(&draft.render(&[])).is_err() {
        draft.strip();
        draft.note("nothing but names and release could be carried: `check` refused the rest");
    }
}

/// What the file leads to without its services: what need not be said.
fn base(draft: &mut Draft, release: &Release) -> Option<Deployment> {
    let mut trial = draft.clone();
    repair(&mut trial);
    let resolved = check_file(&trial.render(&[])).ok()?;
    (resolved.deployment.release() == release).then_some(resolved.deployment)
}

fn head(inventory: &Inventory, report: &Report) -> Vec<String> {
    let from = match inventory.platform {
        Platform::ContainerApps => "a deployment on Azure Container Apps",
        Platform::Compose => "a compose project",
    };
    let mut codes: Vec<&str> = report
        .findings
        .iter()
        .filter(|it| it.severity != Severity::Note)
        .map(|it| it.code)
        .collect();
    codes.sort_unstable();
    codes.dedup();
    let mut lines = vec![format!(
        "Made by `dify-infra audit --emit` from {from}. It describes the same deployment with what was \
         wrong repaired; read every line before you apply it."
    )];
    if !codes.is_empty() {
        lines.push(format!("Repaired: {}.", codes.join(" ")));
    }
    lines.push(
        "No secret is in it. Keep the values that must stay as they are, SECRET_KEY before all, by putting \
         them into the secrets file: a new SECRET_KEY makes stored credentials unreadable."
            .to_owned(),
    );
    lines
}

/// The offered release that is nearest to what runs.
fn release(inventory: &Inventory, draft: &mut Draft) -> &'static Release {
    let catalogue = Catalogue::builtin();
    let oldest = || catalogue.releases().last();
    let found = dify_version(inventory);
    let release = match found {
        Some(version) => nearest_release(version).or_else(oldest),
        None => None,
    };
    let release = release.unwrap_or_else(|| catalogue.default_release());
    match found {
        None => draft.note(&format!(
            "the release of Dify can't be seen in its image tags: {} is assumed",
            release.version()
        )),
        Some(version) if version != release.version() => draft.note(&format!(
            "Dify {version} is not offered; the file names {}, the nearest: read what changes in between",
            release.version()
        )),
        Some(_) => {}
    }
    release
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
                "`{}` ({image}) is no part of Dify that a deployment file describes",
                workload.name.shown()
            ));
        }
    }
    let stores: Vec<&str> = inventory
        .application()
        .filter_map(|(_, it)| it.literal("VECTOR_STORE"))
        .collect();
    if let Some(store) = stores
        .iter()
        .find(|it| !it.is_empty() && **it != "pgvector")
    {
        draft.note(&format!(
            "the vector store `{store}` becomes pgvector: knowledge bases have to be indexed again"
        ));
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
