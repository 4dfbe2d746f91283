//! Where images come from: one registry with its login, and images of one's own.

use std::collections::BTreeMap;

use super::super::inventory::{Inventory, RegistryLogin};
use super::super::recognise::Role;
use super::super::seen::Seen;
use super::draft::{Draft, quoted};
use super::version_of;
use crate::catalogue::{ImageKind, Release, ServiceFacts, ServiceKind};
use crate::check::holds_credential;
use crate::values::ImageReference;

/// The images that run, by what they are.
type Found = BTreeMap<ImageKind, ImageReference>;

/// Writes `[images]`.
pub(super) fn write(inventory: &Inventory, release: &Release, draft: &mut Draft) {
    let mut found = Found::new();
    for kind in ServiceKind::ALL {
        let image = inventory
            .of(Role::Service(kind))
            .find_map(|(_, it)| it.image.known()?.literal()?.parse().ok());
        if let Some(image) = image {
            found.entry(kind.image()).or_insert(image);
        }
    }
    let logins = logins(inventory);
    let shared = shared(&found, release);
    let is_shared = shared.is_some();
    let registry = shared.or_else(|| {
        let used = |server: &&str| found.values().any(|it| it.registry() == *server);
        logins.keys().copied().find(used).map(str::to_owned)
    });
    if let Some(registry) = &registry {
        draft.text("images", "registry", registry);
        let server = registry.split('/').next().unwrap_or_default();
        if let Some(login) = logins.get(server) {
            write_login(login, draft);
        }
    }
    let server = registry.as_deref().and_then(|it| it.split('/').next());
    for other in logins.keys().filter(|it| Some(**it) != server) {
        draft.note(&format!(
            "the login at `{other}`: a file has one registry, and a login for that alone"
        ));
    }
    for kind in ImageKind::ALL {
        match found.get(&kind) {
            Some(image) => {
                let implied = match (&registry, is_shared) {
                    (Some(registry), true) => Implied::Moved(registry),
                    // Should the registry be refused, the image is still the one that runs.
                    (Some(_), false) => Implied::Nothing,
                    (None, _) => Implied::Original,
                };
                found_image(image, (kind, release), &implied, draft);
            }
            // What the registry is not known to have comes from where the release has it.
            None if registry.is_some() && !is_shared => {
                let is_run = |it: &ServiceFacts| it.kind.image() == kind;
                if release.services().any(is_run) {
                    let original = release.image(kind).reference();
                    draft.text("images.overrides", kind.key(), &original);
                }
            }
            None => {}
        }
    }
}

/// The registry, with a path, from which all images come under the names that the release gives them.
fn shared(found: &Found, release: &Release) -> Option<String> {
    let prefix_of = |(kind, image): (&ImageKind, &ImageReference)| {
        let repository = &release.image(*kind).repository;
        let path = image.repository().strip_suffix(repository.as_str())?;
        let is_whole = path.is_empty() || path.ends_with('/');
        let prefix = format!("{}/{path}", image.registry());
        (is_whole && !image.is_on_docker_hub()).then(|| prefix.trim_end_matches('/').to_owned())
    };
    let prefixes: Vec<_> = found.iter().map(prefix_of).collect();
    match prefixes.first() {
        Some(Some(first)) if prefixes.iter().all(|it| it.as_ref() == Some(first)) => {
            Some(first.clone())
        }
        _ => None,
    }
}

/// Logins by their servers, as far as these can be seen.
fn logins(inventory: &Inventory) -> BTreeMap<&str, &RegistryLogin> {
    let all = inventory.workloads.iter().flat_map(|it| &it.registries);
    all.filter_map(|login| Some((login.server.literal()?, login)))
        .collect()
}

fn write_login(login: &RegistryLogin, draft: &mut Draft) {
    let username = login.username.as_ref();
    let name = username.and_then(Seen::literal);
    if let Some(name) = name.filter(|it| !holds_credential(it)) {
        draft.text("images", "username", name);
        let secret = format!("{{ secret = {} }}", quoted("registry-password"));
        draft.set("images", "password", secret);
        draft.because("put its value into the secrets file, as REGISTRY_PASSWORD");
    } else if username.is_some() {
        draft.because("add `username` and `password = { secret = \"registry-password\" }`");
    } else if let Some(identity) = &login.identity {
        match identity.literal().filter(|it| it.starts_with('/')) {
            Some(id) => {
                draft.text("images", "identity", id);
            }
            None => draft.because("an identity that may pull is made, unless `identity` names one"),
        }
    }
}

/// What the file leads to where it names no image.
enum Implied<'a> {
    /// The release's image.
    Original,
    /// The same in another registry.
    Moved(&'a str),
    /// It is to be named in any case.
    Nothing,
}

/// Writes an image that is not the one which the file leads to without it.
fn found_image(
    image: &ImageReference,
    (kind, release): (ImageKind, &Release),
    implied: &Implied<'_>,
    draft: &mut Draft,
) {
    let ours = release.image(kind);
    let Ok(original) = ours.reference().parse::<ImageReference>() else {
        return;
    };
    let tag = image.tag().unwrap_or("latest");
    if tag != ours.tag && image.digest().is_none() {
        draft.note(&format!(
            "`{image}`: Dify {} ships `{}`",
            release.version(),
            ours.tag
        ));
    }
    let is_same = image.repository() == original.repository();
    let wanted = if image.is_on_docker_hub() {
        if !is_same || image.digest().is_some() {
            draft.note(&format!(
                "`{image}` is not carried: name it under `[images.overrides]` if it has to stay"
            ));
        }
        original.clone()
    } else if image.digest().is_some() {
        image.clone()
    } else {
        let is_moving = ["latest", "main", "edge", "stable"].contains(&tag);
        let is_ours = is_moving || version_of(tag).is_some();
        let tag = if is_ours { ours.tag.as_str() } else { tag };
        let name = format!("{}/{}:{tag}", image.registry(), image.repository());
        match name.parse() {
            Ok(image) => image,
            Err(_) => return,
        }
    };
    let implied = match implied {
        Implied::Original => Some(original),
        Implied::Moved(registry) => original.with_registry(registry).ok(),
        Implied::Nothing => None,
    };
    if Some(&wanted) != implied.as_ref() {
        draft.text("images.overrides", kind.key(), &wanted.to_string());
    }
}
