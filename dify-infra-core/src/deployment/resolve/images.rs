//! Which images are pulled, and from where.

use std::collections::BTreeMap;

use super::{Resolver, override_path};
use crate::catalogue::{Image, ImageKind, Release};
use crate::check::spc;
use crate::deployment::{AzureRegistry, Network, Registry, RegistryLogin};
use crate::diagnostic::KeyPath;
use crate::names::{ResourceGroupName, SubscriptionId};
use crate::resource::Kind;
use crate::secrets::SecretName;
use crate::spec::{in_words, missing_key, nearest};
use crate::values::ImageReference;

/// The image of each kind.
pub(super) type Images = BTreeMap<ImageKind, ImageReference>;

/// The name of a registry of Azure, by its server; sovereign clouds have ends of their own
/// (<https://learn.microsoft.com/azure/container-registry/container-registry-concepts>). A server
/// whose name was made unique goes on with a hyphen and a hash, which no name can have
/// (<https://learn.microsoft.com/azure/container-registry/container-registry-get-started-portal>,
/// domain name label scope).
fn azure_registry(server: &str) -> Option<&str> {
    let ends = [".azurecr.io", ".azurecr.us", ".azurecr.cn"];
    let label = ends.iter().find_map(|end| server.strip_suffix(end))?;
    label.split('-').next()
}

impl Resolver<'_> {
    /// The registry and the image of each kind; nothing when the catalogue has no valid images.
    pub(super) fn images(
        &mut self,
        release: &Release,
        network: Option<&Network>,
    ) -> Option<(Option<Registry>, Images)> {
        let spec = &self.spec.images;
        let mut images = Images::new();
        for image in release.images() {
            images.insert(image.kind, image.reference().parse().ok()?);
        }
        let server = spec
            .registry
            .as_deref()
            .and_then(|registry| self.mirror(registry, &mut images));
        self.pin(release, &mut images);
        self.refuse_unknown_overrides();
        for (kind, image) in &mut images {
            let path = override_path(*kind);
            let text = spec.overrides.get(kind.key()).map(String::as_str);
            if let Some(other) = self.parse(&spc::INVALID_VALUE, path, text) {
                *image = other;
            }
        }
        let credentials = self.registry_login();
        let azure = self.azure_registry(server.as_deref(), network);
        let prefix = spec.registry.clone().unwrap_or_default();
        Some((
            server.map(|server| Registry {
                server,
                prefix,
                credentials,
                azure,
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

    /// Adds the digests of the file. Each belongs to a tag, so that those of an earlier release pin
    /// nothing.
    fn pin(&mut self, release: &Release, images: &mut Images) {
        let spec = &self.spec.images;
        for (name, digest) in &spec.digests {
            let path = KeyPath::of("images.digests").key(name);
            let named: Option<ImageReference> =
                self.parse(&spc::INVALID_VALUE, path.clone(), Some(name));
            let Some(named) = named else { continue };
            let is_named = |image: &&Image| image.reference().parse() == Ok(named.clone());
            let Some(kind) = release.images().find(is_named).map(|image| image.kind) else {
                let message = format!(
                    "release {} has no image `{name}`, so this digest pins nothing",
                    release.version()
                );
                let finding = spc::NO_EFFECT.finding(path, message);
                self.report(finding.with_help(
                    "take it out; `dify-infra images import` prints those of the release",
                ));
                continue;
            };
            if spec.overrides.contains_key(kind.key()) {
                let message = format!("`{path}` has no effect on an image that is overridden");
                let finding = spc::NO_EFFECT.finding(path, message);
                self.report(finding.with_help("write the digest into the override"));
                continue;
            }
            match images.get(&kind).map(|image| image.with_digest(digest)) {
                Some(Ok(pinned)) => {
                    images.insert(kind, pinned);
                }
                Some(Err(error)) => self.refuse(&spc::INVALID_VALUE, path, &error),
                None => {}
            }
        }
    }

    fn refuse_unknown_overrides(&mut self) {
        let keys = ImageKind::ALL.map(ImageKind::key);
        let given = self.spec.images.overrides.keys();
        for key in given.filter(|key| !keys.contains(&key.as_str())) {
            let message = format!("the release has no image `{key}`");
            let help = match nearest(key, keys) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("the images are {}", in_words(&keys, "and")),
            };
            let path = KeyPath::of("images.overrides").key(key);
            self.report(
                spc::UNKNOWN_KEY
                    .finding(path, message)
                    .about_key()
                    .with_help(help),
            );
        }
    }

    /// What the file says of an Azure registry, which is pulled from by an identity where there is
    /// no login.
    fn azure_registry(
        &mut self,
        server: Option<&str>,
        network: Option<&Network>,
    ) -> Option<AzureRegistry> {
        let spec = &self.spec.images;
        let has_login = spec.username.is_some() || spec.password.is_some();
        let Some(name) = server.and_then(azure_registry) else {
            self.without_effect(&[
                ("images.identity", spec.identity.is_some()),
                ("images.resource_group", spec.resource_group.is_some()),
                ("images.private_endpoint", spec.private_endpoint.is_some()),
            ]);
            return None;
        };
        if has_login {
            self.without_effect(&[("images.identity", spec.identity.is_some())]);
        }
        let rule = &spc::INVALID_VALUE;
        let (subscription, resource_group) = self.registry_group();
        let puller =
            (!has_login).then(|| self.identity_origin("images.identity", spec.identity.as_deref()));
        Some(AzureRegistry {
            name: self.parse(rule, KeyPath::of("images.registry"), Some(name))?,
            subscription,
            resource_group,
            puller,
            has_private_endpoint: self.registry_endpoint(network, has_login),
        })
    }

    /// The group of the registry, and its subscription where the file gives an id.
    fn registry_group(&mut self) -> (Option<SubscriptionId>, Option<ResourceGroupName>) {
        const PATH: &str = "images.resource_group";
        let rule = &spc::INVALID_VALUE;
        let text = self.spec.images.resource_group.as_deref();
        let Some(text) = text.filter(|text| text.starts_with('/')) else {
            return (None, self.parse(rule, KeyPath::of(PATH), text));
        };
        let Some(id) = self.id_of(PATH, Kind::ResourceGroup, text) else {
            return (None, None);
        };
        let path = || KeyPath::of(PATH);
        let subscription = self.parse(rule, path(), Some(id.subscription()));
        let group = self.parse(rule, path(), Some(id.group_name()));
        (subscription, group)
    }

    /// Whether the registry gets a private endpoint. A name can't lead to two of them, and who keeps
    /// the zones mostly keeps the registry's endpoint as well: with zones of somebody else's only
    /// where the file says so. The same holds for a registry that is used with a password alone.
    fn registry_endpoint(&mut self, network: Option<&Network>, has_login: bool) -> bool {
        let wanted = self.spec.images.private_endpoint;
        let endpoints = network.and_then(|network| network.private_endpoints.as_ref());
        let Some(endpoints) = endpoints else {
            if wanted == Some(true) {
                let path = KeyPath::of("images.private_endpoint");
                let message =
                    "a registry gets a private endpoint where the data services have some";
                let finding = spc::NO_EFFECT.finding(path, message);
                self.report(
                    finding.with_help("write `private_endpoints = true` under `[network]`"),
                );
            }
            return false;
        };
        wanted.unwrap_or(endpoints.zones.is_none() && !has_login)
    }

    /// Warns of keys about pulls from an Azure registry by identity.
    fn without_effect(&mut self, keys: &[(&str, bool)]) {
        for (path, _) in keys.iter().filter(|(_, is_given)| *is_given) {
            let message = format!("`{path}` is for pulls from an Azure registry by identity");
            let finding = spc::NO_EFFECT.finding(KeyPath::of(path), message);
            self.report(finding.with_help(
                "write `registry = \"<name>.azurecr.io\"` without a user name, or remove it",
            ));
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
