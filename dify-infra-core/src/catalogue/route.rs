//! The front door: which path goes to which service, and what never goes out.

use serde::Deserialize;

use super::service::ServiceKind;
use super::version::Version;

/// A path prefix of the front door and the service behind it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// The prefix as nginx matches it: `/console/api` takes `/console/apix` too.
    pub path: String,
    /// The service that answers.
    pub service: ServiceKind,
    /// The first Dify release that has the route; `None` for all offered ones.
    #[serde(default)]
    pub since: Option<Version>,
    /// The service that answers when `service` is not deployed.
    #[serde(default)]
    pub fallback: Option<ServiceKind>,
    /// Whether connections are upgraded to WebSocket.
    #[serde(default)]
    pub websocket: bool,
    /// A header that must carry the URL the visitor used; the plugin daemon builds endpoint
    /// addresses from it.
    #[serde(default)]
    pub url_header: Option<String>,
}

/// A path of an internal service that the front door must not pass on.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unrouted {
    /// The path prefix on the service itself.
    pub path: String,
    /// The service that would answer.
    pub service: ServiceKind,
    /// Why it stays inside.
    pub why: String,
}

/// Settings of the official nginx templates that a front door needs to work with Dify.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FrontDoor {
    /// Largest request body, in nginx's notation. nginx's own default of 1 MB refuses uploads.
    pub client_max_body_size: String,
    /// Seconds of silence from a service. nginx's own default of 60 cuts long answers.
    pub proxy_read_timeout_seconds: u32,
    /// Seconds of silence towards a service.
    pub proxy_send_timeout_seconds: u32,
    /// Whether answers are collected before they are passed on; streams need `false`.
    pub proxy_buffering: bool,
    /// HTTP version towards services.
    pub proxy_http_version: String,
    /// Seconds an idle connection of a visitor stays open.
    pub keepalive_timeout_seconds: u32,
    /// TLS versions, in nginx's notation.
    pub ssl_protocols: String,
    /// Names of the request headers that the official templates set towards services.
    pub headers: Vec<String>,
}
