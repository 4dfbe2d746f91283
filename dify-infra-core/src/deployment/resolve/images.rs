//! Which images are pulled, and from where.

use std::collections::BTreeMap;

use super::{Resolver, override_path};
use crate::catalogue::{ImageKind, Release};
use crate::check::spc;
use crate::deployment::{Registry, RegistryLogin};
use crate::diagnostic::KeyPath;
use crate::secrets::SecretName;
use crate::spec::{in_words, missing_key, nearest};
use crate::values::ImageReference;

/// The image of each kind.
pub(super) type Images = BTreeMap<ImageKind, ImageReference>;

impl Resolver<'_> {
    /// The registry and the image of each kind; nothing when the catalogue has no valid images.
    pub(super) fn images(&mut self, release: &Release) -> Option<(Option<Registry>, Images)> {
        let spec = &self.spec.images;
        let mut images = Images::new();
        for image in release.images() {
            images.insert(image.kind, image.reference().parse().ok()?);
        }
        let server = spec
            .registry
            .as_deref()
            .and_then(|registry| self.mirror(registry, &mut images));
        self.refuse_unknown_overrides();
        for (kind, image) in &mut images {
            let path = override_path(*kind);
            let text = spec.overrides.get(kind.key()).map(String::as_str);
            if let Some(other) = self.parse(&spc::INVALID_VALUE, path, text) {
                *image = other;
            }
        }
        let credentials = self.registry_login();
        let prefix = spec.registry.clone().unwrap_or_default();
        Some((
            server.map(|server| Registry {
                server,
                prefix,
                credentials,
            }),
            images,
        ))
    }

    /// Moves all images to another registry, and gives its host.
    fn mirror(&mut self, registry: &str, images: &mut Images) -> Option<String> {
        if registry.contains("://") {
            let message = "`images.registry` is a host, not a URL";
            let finding = spc::INVALID_VALUE.finding(KeyPath::of("images.registry"), message);
            self.report(finding.with_help("write it like \"myregistry.azurecr.io\""));
            return None;
        }
        let mut server = None;
        for image in images.values_mut() {
            match image.with_registry(registry) {
                Ok(moved) => {
                    server = Some(moved.registry().to_owned());
                    *image = moved;
                }
                Err(error) => {
                    let path = KeyPath::of("images.registry");
                    self.refuse(&spc::INVALID_VALUE, path, &error);
                    return None;
                }
            }
        }
        server
    }

    fn refuse_unknown_overrides(&mut self) {
        let keys = ImageKind::ALL.map(ImageKind::key);
        for key in self
            .spec
            .images
            .overrides
            .keys()
            .filter(|key| !keys.contains(&key.as_str()))
        {
            let message = format!("the release has no image `{key}`");
            let help = match nearest(key, keys) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("the images are {}", in_words(&keys, "and")),
            };
            let path = KeyPath::of("images.overrides").key(key);
            self.report(spc::UNKNOWN_KEY.finding(path, message).with_help(help));
        }
    }

    fn registry_login(&mut self) -> Option<RegistryLogin> {
        let spec = &self.spec.images;
        let needs = |key: &str| format!("`images.{key}` is given, so this must be too");
        match (&spec.username, &spec.password) {
            (None, None) => return None,
            (Some(_), None) => {
                let finding = missing_key(KeyPath::of("images.password"));
                self.report(finding.with_help(needs("username")));
            }
            (None, Some(_)) => {
                let finding = missing_key(KeyPath::of("images.username"));
                self.report(finding.with_help(needs("password")));
            }
            (Some(_), Some(_)) => {}
        }
        if spec.registry.is_none() {
            let finding = missing_key(KeyPath::of("images.registry"));
            self.report(finding.with_help("name the registry that the login is for"));
        }
        let password = self.secret(
            KeyPath::of("images.password.secret"),
            &spec.password.as_ref()?.secret,
        )?;
        Some(RegistryLogin {
            username: spec.username.clone()?,
            password,
        })
    }

    /// The name of a secret; what is not one is not repeated, it may be a value.
    pub(super) fn secret(&mut self, path: KeyPath, name: &str) -> Option<SecretName> {
        SecretName::from_any(name)
            .map_err(|error| {
                self.report(
                    spc::INVALID_VALUE
                        .finding(path, "this is not the name of a secret")
                        .with_help(error.to_string()),
                );
            })
            .ok()
    }
}
