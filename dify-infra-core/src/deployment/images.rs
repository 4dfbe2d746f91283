//! Where images come from, which of them the containers run, and which of those are copies.

use super::{Deployment, IdentityOrigin, Service};
use crate::catalogue::{ImageKind, ServiceKind};
use crate::names::{RegistryName, ResourceGroupName, SubscriptionId};
use crate::secrets::SecretName;
use crate::values::ImageReference;

/// A registry that all images are pulled from instead of Docker Hub.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Registry {
    /// Host name, as `myregistry.azurecr.io`.
    pub server: String,
    /// What stands before the repositories: the host, and a path when the file gives one.
    pub prefix: String,
    /// User name and the secret that holds the password; without them and without an identity pulls
    /// are anonymous.
    pub credentials: Option<RegistryLogin>,
    /// What is known of a registry of Azure.
    pub azure: Option<AzureRegistry>,
}

/// A registry of Azure: somebody else's, but within reach of Azure Resource Manager.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct AzureRegistry {
    /// The registry's name in Azure.
    pub name: RegistryName,
    /// Its subscription, when the file names one.
    pub subscription: Option<SubscriptionId>,
    /// Its resource group, when it is not the deployment's.
    pub resource_group: Option<ResourceGroupName>,
    /// The identity that pulls; nothing when a user name and a password do.
    pub puller: Option<IdentityOrigin>,
    /// Whether it is reached through a private endpoint of the deployment.
    pub has_private_endpoint: bool,
}

/// A user name at a registry and the secret that holds its password.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct RegistryLogin {
    /// User name.
    pub username: String,
    /// The secret.
    pub password: SecretName,
}

/// An image that containers of a deployment run.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct DeployedImage {
    /// Which of the release's images it is, or stands in for.
    pub kind: ImageKind,
    /// Where it is pulled from; with a digest when the file pins it.
    pub image: ImageReference,
    /// The release's own image on Docker Hub, when `image` is a copy of it in another registry.
    pub copy_of: Option<ImageReference>,
    /// The services that run it; the migration runs that of the API.
    pub used_by: Vec<ServiceKind>,
}

impl Deployment {
    /// The images that the containers run, each once, in the catalogue's order.
    ///
    /// ```
    /// use dify_infra_core::deployment::Deployment;
    ///
    /// let file = "name = \"dify\"\nenvironment = \"dev\"\nlocation = \"japaneast\"\n\
    ///             [azure]\nresource_group = \"dify-dev-rg\"\n\
    ///             [images]\nregistry = \"contoso.azurecr.io\"\n";
    /// let images = Deployment::parse(file)?.deployment.images();
    /// let api = images.first().expect("a release has images");
    /// assert_eq!(api.image.to_string(), "contoso.azurecr.io/langgenius/dify-api:1.16.0");
    /// let original = api.copy_of.as_ref().expect("it is a copy");
    /// assert_eq!(original.to_string(), "docker.io/langgenius/dify-api:1.16.0");
    /// # Ok::<(), dify_infra_core::diagnostic::Diagnostics>(())
    /// ```
    pub fn images(&self) -> Vec<DeployedImage> {
        let mut images: Vec<DeployedImage> = Vec::new();
        for service in self.services() {
            let kind = service.kind.image();
            let known = images
                .iter_mut()
                .find(|one| one.kind == kind && one.image == service.image);
            match known {
                Some(known) => known.used_by.push(service.kind),
                None => images.push(DeployedImage {
                    kind,
                    image: service.image.clone(),
                    copy_of: self.original(service),
                    used_by: vec![service.kind],
                }),
            }
        }
        images
    }

    /// The release's image that a service runs a copy of; nothing for an image of somebody's own
    /// and for one that comes from Docker Hub itself.
    fn original(&self, service: &Service) -> Option<ImageReference> {
        let registry = self.registry()?;
        let release = self.release().image(service.kind.image());
        let original: ImageReference = release.reference().parse().ok()?;
        let copy = original.with_registry(&registry.prefix).ok()?;
        let is_copy = copy == service.image.without_digest() && copy != original;
        let digest = service.image.digest();
        let pinned = digest.and_then(|digest| original.with_digest(digest).ok());
        is_copy.then(|| pinned.unwrap_or(original))
    }
}
