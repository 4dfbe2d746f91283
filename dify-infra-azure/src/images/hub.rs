//! Docker Hub: which digest a tag leads to now.
//!
//! One question for each image, by the protocol of registries (OCI Distribution Specification,
//! "Checking if content exists in the registry"). `HEAD` of a manifest is not counted as a pull
//! (<https://docs.docker.com/docker-hub/usage/pulls/>). The tokens are Docker Hub's own and are sent
//! to it alone; no token of Azure ever comes here.

use std::fmt;
use std::sync::Arc;

use ::http::{Method, Request, Response, StatusCode};
use bytes::Bytes;
use data_encoding::BASE64;
use dify_infra_core::values::ImageReference;
use futures_util::future::join_all;
use secrecy::ExposeSecret;
use serde_json::Value;

use super::SourceLogin;
use crate::http::{HttpError, HttpService, header_text};

const TOKENS: &str = "https://auth.docker.io/token?service=registry.docker.io";
const REGISTRY: &str = "https://registry-1.docker.io";

/// An index of several platforms goes before the manifest of one, so that the digest is that of
/// all of them.
const ACCEPT: &str = "application/vnd.oci.image.index.v1+json, \
                      application/vnd.docker.distribution.manifest.list.v2+json, \
                      application/vnd.oci.image.manifest.v1+json, \
                      application/vnd.docker.distribution.manifest.v2+json";

/// Asks Docker Hub.
#[derive(Clone)]
pub struct Hub {
    transport: Arc<dyn HttpService>,
    login: Option<SourceLogin>,
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub")
            .field("login", &self.login)
            .finish_non_exhaustive()
    }
}

/// Why the digest of an image is not known.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HubError {
    /// No answer.
    #[error("Docker Hub can't be asked for the digest of {image}")]
    Transport {
        /// The image.
        image: ImageReference,
        /// Why.
        #[source]
        source: HttpError,
    },
    /// There is no such image, or it is not public.
    #[error("Docker Hub has no image {image}, or does not show it to this account")]
    Absent {
        /// The image.
        image: ImageReference,
    },
    /// The account is not known, or its token is not good.
    #[error("Docker Hub does not accept the account for {image}")]
    Login {
        /// The image.
        image: ImageReference,
    },
    /// Too many questions.
    #[error("Docker Hub rations its answers, and has none left for {image}")]
    Rationed {
        /// The image.
        image: ImageReference,
    },
    /// An answer that says nothing of a digest.
    #[error("Docker Hub answered {status} without a digest for {image}")]
    Unexpected {
        /// The image.
        image: ImageReference,
        /// The status.
        status: StatusCode,
    },
}

impl HubError {
    /// What a person can do.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Absent { .. } => "check the release in `dify` and the repository's name",
            Self::Login { .. } => "check the user name and the access token of Docker Hub",
            Self::Rationed { .. } => {
                "sign in to Docker Hub with an access token, or wait six hours, or write the digests \
                 under `[images.digests]`"
            }
            Self::Transport { .. } | Self::Unexpected { .. } => {
                "write the digests under `[images.digests]` to do without Docker Hub from here"
            }
        }
    }
}

impl Hub {
    /// Makes one that asks over `transport`, with an account or as nobody.
    pub fn new(transport: Arc<dyn HttpService>, login: Option<SourceLogin>) -> Self {
        Self { transport, login }
    }

    /// The images with the digests of their tags, all asked at once; those that have a digest stay
    /// as they are.
    ///
    /// # Errors
    ///
    /// Every image whose digest is not known, with the reason.
    pub async fn pin(
        &self,
        images: &[ImageReference],
    ) -> Result<Vec<ImageReference>, Vec<HubError>> {
        let answers = join_all(images.iter().map(|image| self.pin_one(image))).await;
        let mut pinned = Vec::new();
        let mut errors = Vec::new();
        for answer in answers {
            match answer {
                Ok(image) => pinned.push(image),
                Err(error) => errors.push(error),
            }
        }
        if errors.is_empty() {
            Ok(pinned)
        } else {
            Err(errors)
        }
    }

    async fn pin_one(&self, image: &ImageReference) -> Result<ImageReference, HubError> {
        if image.digest().is_some() {
            return Ok(image.clone());
        }
        let token = self.token(image).await?;
        let url = format!(
            "{REGISTRY}/v2/{}/manifests/{}",
            image.repository(),
            image.tag().unwrap_or("latest")
        );
        let request = Request::builder()
            .method(Method::HEAD)
            .uri(url)
            .header("accept", ACCEPT)
            .header("authorization", format!("Bearer {token}"));
        let answer = self.send(image, request).await?;
        let digest = header_text(answer.headers(), "docker-content-digest");
        digest
            .filter(|_| answer.status().is_success())
            .and_then(|digest| image.with_digest(digest).ok())
            .ok_or_else(|| HubError::Unexpected {
                image: image.clone(),
                status: answer.status(),
            })
    }

    /// A token for pulls of one repository
    /// (<https://distribution.github.io/distribution/spec/auth/token/>).
    async fn token(&self, image: &ImageReference) -> Result<String, HubError> {
        let url = format!("{TOKENS}&scope=repository:{}:pull", image.repository());
        let mut request = Request::builder().method(Method::GET).uri(url);
        if let Some(login) = &self.login {
            let pair = format!("{}:{}", login.username, login.password.expose_secret());
            let basic = format!("Basic {}", BASE64.encode(pair.as_bytes()));
            request = request.header("authorization", basic);
        }
        let answer = self.send(image, request).await?;
        let body: Option<Value> = serde_json::from_slice(answer.body()).ok();
        let token = body.as_ref().and_then(|body| body.get("token")?.as_str());
        token
            .map(str::to_owned)
            .ok_or_else(|| HubError::Unexpected {
                image: image.clone(),
                status: answer.status(),
            })
    }

    async fn send(
        &self,
        image: &ImageReference,
        request: ::http::request::Builder,
    ) -> Result<Response<Bytes>, HubError> {
        let image = || image.clone();
        let request = request.body(Bytes::new()).map_err(|error| {
            let kind = crate::http::HttpErrorKind::Refused;
            HubError::Transport {
                image: image(),
                source: HttpError::new(kind, "the request can't be made").with_source(error),
            }
        })?;
        let answer = self
            .transport
            .send(request)
            .await
            .map_err(|source| HubError::Transport {
                image: image(),
                source,
            })?;
        match answer.status() {
            StatusCode::NOT_FOUND => Err(HubError::Absent { image: image() }),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN if self.login.is_some() => {
                Err(HubError::Login { image: image() })
            }
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                Err(HubError::Absent { image: image() })
            }
            StatusCode::TOO_MANY_REQUESTS => Err(HubError::Rationed { image: image() }),
            _ => Ok(answer),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// A Docker Hub with one image, `library/nginx:1.30.4`; the tag `many` is rationed.
    #[derive(Debug, Default)]
    struct FakeHub {
        seen: Mutex<Vec<(String, String)>>,
    }

    #[async_trait::async_trait]
    impl HttpService for FakeHub {
        async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
            let uri = request.uri().to_string();
            let credential = header_text(request.headers(), "authorization").unwrap_or_default();
            self.seen
                .lock()
                .unwrap()
                .push((uri.clone(), credential.to_owned()));
            let answer = Response::builder();
            let answer = match uri.rsplit('/').next().unwrap() {
                _ if uri.starts_with("https://auth.docker.io/") => {
                    return Ok(answer.body(Bytes::from(r#"{"token":"hub"}"#)).unwrap());
                }
                "1.30.4" if credential == "Bearer hub" => {
                    answer.header("docker-content-digest", digest())
                }
                "many" => answer.status(429),
                _ => answer.status(404),
            };
            Ok(answer.body(Bytes::new()).unwrap())
        }
    }

    fn digest() -> String {
        format!("sha256:{}", "0a".repeat(32))
    }

    fn image(text: &str) -> ImageReference {
        text.parse().unwrap()
    }

    #[tokio::test]
    async fn a_tag_becomes_a_digest() {
        let fake = Arc::new(FakeHub::default());
        let login = SourceLogin {
            username: "me".to_owned(),
            password: "token".to_owned().into(),
        };
        let hub = Hub::new(Arc::<FakeHub>::clone(&fake), Some(login));
        let pinned = hub.pin(&[image("nginx:1.30.4")]).await.unwrap();
        assert_eq!(pinned[0].digest(), Some(digest().as_str()));
        assert_eq!(pinned[0].tag(), Some("1.30.4"));
        let seen = fake.seen.lock().unwrap();
        let scope = "scope=repository:library/nginx:pull";
        assert!(seen[0].0.ends_with(scope), "{seen:?}");
        assert_eq!(seen[0].1, "Basic bWU6dG9rZW4=");
        assert_eq!(
            seen[1].0,
            "https://registry-1.docker.io/v2/library/nginx/manifests/1.30.4"
        );
    }

    #[tokio::test]
    async fn all_that_is_not_known_is_said_at_once() {
        let hub = Hub::new(Arc::new(FakeHub::default()), None);
        let images = [image("nginx:1.30.4"), image("nginx:2"), image("nginx:many")];
        let errors = hub.pin(&images).await.unwrap_err();
        let said: Vec<String> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(said.len(), 2, "{said:?}");
        assert!(
            said[0].contains("has no image docker.io/library/nginx:2"),
            "{said:?}"
        );
        assert!(said[1].contains("rations"), "{said:?}");
    }

    #[tokio::test]
    async fn an_image_with_a_digest_is_not_asked_for() {
        let fake = Arc::new(FakeHub::default());
        let pinned = image("nginx:1.30.4").with_digest(&digest()).unwrap();
        let hub = Hub::new(Arc::<FakeHub>::clone(&fake), None);
        assert_eq!(
            hub.pin(std::slice::from_ref(&pinned)).await.unwrap(),
            [pinned]
        );
        assert!(fake.seen.lock().unwrap().is_empty());
    }
}
