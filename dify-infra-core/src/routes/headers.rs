//! The headers that back-ends get from nginx, beside the client's own.

use super::Location;

/// What the value of a header is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HeaderSource {
    /// Host, and port where one was given, that the public asked for.
    PublicHost,
    /// Address of the client, as the trusted proxies saw it.
    ClientAddress,
    /// `http` or `https`: what the public uses.
    PublicScheme,
    /// Port that the public uses.
    PublicPort,
    /// The whole URL that the public asked for.
    PublicUrl,
    /// `websocket` when the client asks for one, otherwise the header is left out.
    UpgradeProtocol,
    /// `upgrade` when the client asks for a WebSocket, otherwise the header is left out.
    UpgradeConnection,
    /// Left out, whatever the client sent.
    Removed,
}

/// A header as a back-end gets it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct ForwardedHeader {
    /// Its name.
    pub name: &'static str,
    /// Its only value; nothing where the back-end gets no such header, whatever the client sent.
    pub value: Option<String>,
}

/// The headers that every location sets.
///
/// The client's address is one value, not a list: Dify limits sign-ins by the whole header and
/// prefers `CF-Connecting-IP` (langgenius/dify 1.16.0, `api/libs/helper.py`, `extract_remote_ip`),
/// so a client that could add to either would not be limited.
const COMMON: [(&str, HeaderSource); 7] = [
    ("Host", HeaderSource::PublicHost),
    ("X-Real-IP", HeaderSource::ClientAddress),
    ("X-Forwarded-For", HeaderSource::ClientAddress),
    ("X-Forwarded-Proto", HeaderSource::PublicScheme),
    ("X-Forwarded-Host", HeaderSource::PublicHost),
    ("X-Forwarded-Port", HeaderSource::PublicPort),
    ("CF-Connecting-IP", HeaderSource::Removed),
];

/// The header from which the plugin daemon builds the address of an endpoint.
const HOOK_URL: &str = "Dify-Hook-Url";

/// What is set where a location says nothing of its own: no WebSocket and no hook URL.
pub(crate) fn plain_headers() -> Vec<(&'static str, HeaderSource)> {
    headers(false, false)
}

fn headers(upgrade: bool, hook_url: bool) -> Vec<(&'static str, HeaderSource)> {
    let mut headers = COMMON.to_vec();
    if upgrade {
        headers.push(("Upgrade", HeaderSource::UpgradeProtocol));
        headers.push(("Connection", HeaderSource::UpgradeConnection));
    } else {
        headers.push(("Connection", HeaderSource::Removed));
    }
    if hook_url {
        headers.push((HOOK_URL, HeaderSource::PublicUrl));
    }
    headers
}

impl Location {
    /// The headers that the location sets, with what each is made of.
    ///
    /// ```
    /// use dify_infra_core::routes::{HeaderSource, Location};
    ///
    /// let hooks = Location::prefix("/e/", "plugin-daemon", 5002).with_hook_url();
    /// assert!(hooks.headers().contains(&("Dify-Hook-Url", HeaderSource::PublicUrl)));
    /// ```
    pub fn headers(&self) -> Vec<(&'static str, HeaderSource)> {
        headers(self.upgrade, self.hook_url)
    }
}
