//! One public location: a path and the container that answers it.

use serde::{Deserialize, Serialize};

/// A service and the port that its container listens on.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// Key of the service in the release catalogue, for example `api` or `plugin-daemon`.
    pub service: String,
    /// TCP port of the container; the app's exposed port is the same.
    pub port: u16,
}

/// How a location's path is compared with the path of a request.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Matching {
    /// The request's path starts with the location's, character by character: `/api` also takes
    /// `/apix`. The longest such location wins.
    #[default]
    Prefix,
    /// The request's path is the location's; goes before every prefix.
    Exact,
}

/// A public path with the service that answers it.
///
/// ```
/// use dify_infra_core::routes::{Location, Matching};
///
/// let hooks = Location::prefix("/e/", "plugin-daemon", 5002).with_hook_url();
/// assert_eq!(hooks.matching, Matching::Prefix);
/// assert!(hooks.hook_url);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Location {
    /// Path as nginx compares it: decoded, without query, beginning with `/`.
    pub path: String,
    /// Whether longer paths belong to the location too.
    #[serde(default)]
    pub matching: Matching,
    /// Who answers.
    pub target: Target,
    /// Whether the back-end is told the request's public URL in `Dify-Hook-Url`.
    ///
    /// The plugin daemon builds the address of an endpoint from this header.
    #[serde(default)]
    pub hook_url: bool,
    /// Whether a request may turn its connection into a WebSocket.
    #[serde(default)]
    pub upgrade: bool,
    /// First Dify release that has the location; `None` for one that was always there.
    #[serde(default)]
    pub since: Option<String>,
    /// Largest request body, in bytes, where it is not that of all locations.
    #[serde(default)]
    pub max_body_size: Option<u64>,
    /// Whether the location was added to those of the release.
    #[serde(default)]
    pub custom: bool,
}

impl Location {
    /// Creates a location for `path` and everything below it.
    pub fn prefix(path: impl Into<String>, service: impl Into<String>, port: u16) -> Self {
        Self {
            path: path.into(),
            matching: Matching::Prefix,
            target: Target {
                service: service.into(),
                port,
            },
            hook_url: false,
            upgrade: false,
            since: None,
            max_body_size: None,
            custom: false,
        }
    }

    /// Creates a location for `path` alone.
    pub fn exact(path: impl Into<String>, service: impl Into<String>, port: u16) -> Self {
        Self {
            matching: Matching::Exact,
            ..Self::prefix(path, service, port)
        }
    }

    /// Tells the back-end the public URL of each request.
    #[must_use]
    pub fn with_hook_url(mut self) -> Self {
        self.hook_url = true;
        self
    }

    /// Lets a connection become a WebSocket.
    #[must_use]
    pub fn with_upgrade(mut self) -> Self {
        self.upgrade = true;
        self
    }

    /// Gives the location a limit of its own for request bodies, in bytes.
    #[must_use]
    pub fn with_max_body_size(mut self, bytes: u64) -> Self {
        self.max_body_size = Some(bytes);
        self
    }

    /// Marks the location as one that the release does not have.
    #[must_use]
    pub fn custom(mut self) -> Self {
        self.custom = true;
        self
    }

    /// Says since which Dify release the location exists.
    #[must_use]
    pub fn since(mut self, release: impl Into<String>) -> Self {
        self.since = Some(release.into());
        self
    }

    /// Whether `path` belongs to this location, when no other is considered.
    pub fn takes(&self, path: &[u8]) -> bool {
        match self.matching {
            Matching::Prefix => path.starts_with(self.path.as_bytes()),
            Matching::Exact => path == self.path.as_bytes(),
        }
    }

    /// Whether requests for `folder`, or for something below it, may belong to this location.
    pub(crate) fn touches(&self, folder: &str) -> bool {
        let is_below = self
            .path
            .strip_prefix(folder)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        is_below || self.takes(folder.as_bytes())
    }
}
