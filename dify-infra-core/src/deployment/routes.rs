//! Which locations a release's front door has, and which services may be behind one.

use std::time::Duration;

use super::Deployment;
use crate::catalogue::{FrontDoor, Release, Route, ServiceKind};
use crate::routes::{HttpSettings, Location, RouteTable};

/// The services that may answer the public. All others are called by these alone: the sandbox runs
/// code, and the proxy passes on what it is asked for.
pub const PUBLIC_SERVICES: [ServiceKind; 4] = [
    ServiceKind::Api,
    ServiceKind::ApiWebsocket,
    ServiceKind::Web,
    ServiceKind::PluginDaemon,
];

/// The locations of a release, for the services that are deployed; nothing when the catalogue
/// contradicts itself.
pub(super) fn release_locations(
    release: &Release,
    is_deployed: &dyn Fn(ServiceKind) -> bool,
) -> Option<Vec<Location>> {
    let routes = release.routes().iter();
    routes
        .map(|route| location(release, is_deployed, route))
        .collect()
}

fn location(
    release: &Release,
    is_deployed: &dyn Fn(ServiceKind) -> bool,
    route: &Route,
) -> Option<Location> {
    let deployed = |kind: &ServiceKind| is_deployed(*kind);
    let kind = Some(route.service)
        .filter(deployed)
        .or(route.fallback.filter(deployed))?;
    let port = release.service(kind)?.port()?;
    let mut location = Location::prefix(&route.path, kind.key(), port);
    if route.websocket {
        location = location.with_upgrade();
    }
    if route.url_header.is_some() {
        location = location.with_hook_url();
    }
    Some(match route.since {
        Some(since) => location.since(since.to_string()),
        None => location,
    })
}

/// The limits of a release's front door.
pub(super) fn http_settings(front_door: &FrontDoor) -> Option<HttpSettings> {
    Some(HttpSettings {
        client_max_body_size: bytes(&front_door.client_max_body_size)?,
        read_timeout: Duration::from_secs(front_door.proxy_read_timeout_seconds.into()),
        send_timeout: Duration::from_secs(front_door.proxy_send_timeout_seconds.into()),
        keepalive_timeout: Duration::from_secs(front_door.keepalive_timeout_seconds.into()),
        response_buffering: front_door.proxy_buffering,
        ..HttpSettings::default()
    })
}

/// A size in nginx's notation, such as `100M`, in bytes.
pub(super) fn bytes(size: &str) -> Option<u64> {
    let upper = size.to_ascii_uppercase();
    let (digits, unit) = match upper.strip_suffix(['K', 'M', 'G']) {
        Some(digits) => (digits, &upper[digits.len()..]),
        None => (upper.as_str(), ""),
    };
    let shift = match unit {
        "K" => 10,
        "M" => 20,
        "G" => 30,
        _ => 0,
    };
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let number = digits.parse::<u64>().ok().filter(|_| is_number)?;
    number.checked_mul(1 << shift)
}

impl Deployment {
    /// The routes as they would be without those that the file adds.
    /// Nothing only when the catalogue contradicts itself.
    pub(crate) fn routes_of_release(&self) -> Option<RouteTable> {
        let is_deployed = |kind| self.services.contains_key(&kind);
        let locations = release_locations(self.release, &is_deployed)?;
        RouteTable::new(locations, self.routes.settings().clone()).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_sizes_as_nginx_does() {
        assert_eq!(bytes("100M"), Some(100 << 20));
        assert_eq!(bytes("512k"), Some(512 << 10));
        assert_eq!(bytes("2g"), Some(2 << 30));
        assert_eq!(bytes("1024"), Some(1024));
        for text in [
            "lots",
            "",
            "M",
            "1MM",
            "+1",
            "1 M",
            "99999999999999999999",
            "99999999999999G",
        ] {
            assert_eq!(bytes(text), None, "{text}");
        }
    }
}
