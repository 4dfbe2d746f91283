//! Copying the images of a release into a registry of Azure, by that registry itself.
//!
//! Azure moves the bytes ([`import`]); this machine pulls and pushes nothing. What is copied is named
//! by digest: a tag that moves while a copy is under way leaves a tag without a manifest behind
//! (Azure/azure-cli#29974). The digest comes from the deployment file, or from Docker Hub
//! ([`hub::Hub`]).

pub mod hub;
mod rights;

use std::fmt;
use std::time::Duration;

use dify_infra_core::resource::{Kind, ResourceId};
use dify_infra_core::values::ImageReference;
use futures_util::future::join_all;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::arm::ArmClient;
use crate::{Error, ErrorKind};

pub use rights::check;

/// The action of Azure's role model that an import needs.
pub const IMPORT_ACTION: &str = "Microsoft.ContainerRegistry/registries/importImage/action";

/// How often a copy is asked for when nothing answers.
const ATTEMPTS: u32 = 3;

/// The name of Docker Hub's registry, as imports know it
/// (<https://learn.microsoft.com/azure/container-registry/container-registry-import-images>).
const DOCKER_HUB: &str = "docker.io";

/// An image to copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageCopy {
    /// What is copied; it has a digest.
    pub source: ImageReference,
    /// Where to, in the registry; it has a tag.
    pub target: ImageReference,
}

/// What becomes of a tag that the registry has already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ExistingTag {
    /// It leads to the copy afterwards: copying the same digest again changes nothing.
    #[default]
    Replace,
    /// It stays as it is, whatever it leads to.
    Keep,
}

/// An account at the source of the copies.
#[derive(Clone)]
pub struct SourceLogin {
    /// User name.
    pub username: String,
    /// Password or access token.
    pub password: SecretString,
}

impl fmt::Debug for SourceLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SourceLogin")
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}

/// Choices of an import.
#[derive(Debug, Clone, Default)]
pub struct ImportOptions {
    /// What becomes of tags that exist.
    pub existing: ExistingTag,
    /// The account at Docker Hub with which Azure copies; without one it does so as nobody, and
    /// Docker Hub rations that by the addresses that many tenants of Azure share.
    pub login: Option<SourceLogin>,
}

/// How the copy of one image ended.
#[derive(Debug)]
#[non_exhaustive]
pub enum ImportResult {
    /// The registry has the image.
    Imported,
    /// The tag existed and was kept.
    Kept,
    /// The registry does not have it.
    Failed(Error),
}

/// One image and how its copy ended.
#[derive(Debug)]
#[non_exhaustive]
pub struct ImportOutcome {
    /// The image.
    pub copy: ImageCopy,
    /// How it ended.
    pub result: ImportResult,
    /// How long it took.
    pub elapsed: Duration,
}

/// Something that happened to an image, named by where it is copied to.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum ImportEvent<'a> {
    /// The registry was asked.
    Started {
        /// Where the copy goes.
        target: &'a ImageReference,
    },
    /// The copy ended; the outcome says how.
    Ended {
        /// Where the copy went.
        target: &'a ImageReference,
        /// How long it took.
        elapsed: Duration,
        /// Why it failed, when it did.
        failure: Option<String>,
    },
}

/// Has a registry copy images, all at once; a failure keeps none of the others.
///
/// Every image is asked for again up to twice when no answer comes, which is safe: a copy by digest
/// is the same copy.
pub async fn import(
    client: &ArmClient,
    registry: &ResourceId,
    copies: &[ImageCopy],
    options: &ImportOptions,
    tell: &(dyn Fn(&ImportEvent<'_>) + Send + Sync),
) -> Vec<ImportOutcome> {
    let one = |copy: &ImageCopy| {
        let copy = copy.clone();
        async move {
            let began = Instant::now();
            tell(&ImportEvent::Started {
                target: &copy.target,
            });
            let result = copy_one(client, registry, &copy, options).await;
            let elapsed = began.elapsed();
            let failure = match &result {
                ImportResult::Failed(error) => Some(crate::observe::sentence(error)),
                ImportResult::Imported | ImportResult::Kept => None,
            };
            tell(&ImportEvent::Ended {
                target: &copy.target,
                elapsed,
                failure,
            });
            ImportOutcome {
                copy,
                result,
                elapsed,
            }
        }
    };
    join_all(copies.iter().map(one)).await
}

async fn copy_one(
    client: &ArmClient,
    registry: &ResourceId,
    copy: &ImageCopy,
    options: &ImportOptions,
) -> ImportResult {
    let body = body(copy, options);
    let mut attempt = 1;
    loop {
        let error = match post(client, registry, &body).await {
            Ok(()) => return ImportResult::Imported,
            Err(error) => error,
        };
        if options.existing == ExistingTag::Keep && is_there_already(&error) {
            return ImportResult::Kept;
        }
        let is_lost = error.kind() == ErrorKind::Transport;
        if !is_lost || attempt == ATTEMPTS {
            return ImportResult::Failed(error);
        }
        attempt += 1;
    }
}

async fn post(client: &ArmClient, registry: &ResourceId, body: &Value) -> Result<(), Error> {
    let version = Kind::Registry.api_version();
    let operation = client
        .begin_post(registry.as_str(), "importImage", version, Some(body))
        .await?;
    operation.wait().await.map(drop)
}

/// `Conflict`: "Tag ... already exists in target registry."
/// (<https://learn.microsoft.com/azure/container-registry/container-registry-import-images>).
fn is_there_already(error: &Error) -> bool {
    error
        .message()
        .is_some_and(|message| message.contains("already exists in target registry"))
}

/// The request: `ImportImageParameters` of Microsoft.ContainerRegistry
/// (<https://learn.microsoft.com/rest/api/containerregistry/registries/import-image>).
fn body(copy: &ImageCopy, options: &ImportOptions) -> Value {
    let source = &copy.source;
    let image = match source.digest() {
        Some(digest) => format!("{}@{digest}", source.repository()),
        None => format!(
            "{}:{}",
            source.repository(),
            source.tag().unwrap_or("latest")
        ),
    };
    let registry = if source.is_on_docker_hub() {
        DOCKER_HUB
    } else {
        source.registry()
    };
    let tag = copy.target.tag().unwrap_or("latest");
    let mut body = json!({
        "source": { "registryUri": registry, "sourceImage": image },
        "targetTags": [format!("{}:{tag}", copy.target.repository())],
        "mode": match options.existing {
            ExistingTag::Replace => "Force",
            ExistingTag::Keep => "NoForce",
        },
    });
    if let Some(login) = &options.login {
        body["source"]["credentials"] = json!({
            "username": login.username,
            "password": login.password.expose_secret(),
        });
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copy() -> ImageCopy {
        let source: ImageReference = "nginx:1.30.4".parse().unwrap();
        ImageCopy {
            target: source.with_registry("contoso.azurecr.io/mirror").unwrap(),
            source: source
                .with_digest(&format!("sha256:{}", "0a".repeat(32)))
                .unwrap(),
        }
    }

    #[test]
    fn an_image_is_named_by_digest_and_gets_its_tag() {
        let body = body(&copy(), &ImportOptions::default());
        let source = format!("library/nginx@sha256:{}", "0a".repeat(32));
        assert_eq!(
            body["source"],
            json!({ "registryUri": "docker.io", "sourceImage": source })
        );
        assert_eq!(body["targetTags"], json!(["mirror/library/nginx:1.30.4"]));
        assert_eq!(body["mode"], "Force");
    }

    #[test]
    fn a_login_goes_into_the_request_and_nowhere_else() {
        let login = SourceLogin {
            username: "puller".to_owned(),
            password: "canary-value".to_owned().into(),
        };
        let options = ImportOptions {
            existing: ExistingTag::Keep,
            login: Some(login),
        };
        assert!(!format!("{options:?}").contains("canary-value"));
        let body = body(&copy(), &options);
        assert_eq!(body["source"]["credentials"]["password"], "canary-value");
        assert_eq!(body["mode"], "NoForce");
    }
}
