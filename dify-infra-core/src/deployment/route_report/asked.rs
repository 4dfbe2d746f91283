//! Reads the URL that is asked for, as a browser would send it.

use std::fmt::Write as _;

use super::InvalidUrl;

/// A URL as it was asked for.
pub(super) struct Asked {
    /// Scheme and host in lower case, with a port that is not the scheme's own.
    pub(super) origin: Option<String>,
    /// Path and query, encoded as a browser sends them.
    pub(super) target: String,
    pub(super) has_fragment: bool,
    /// Whether the URL's scheme is that of a WebSocket, whose handshake is a request of http or https.
    pub(super) is_websocket: bool,
}

impl Asked {
    pub(super) fn parse(url: &str) -> Result<Self, InvalidUrl> {
        // Where a password stands in what can't be read is not known, so `@` is enough.
        Self::read(url).map_err(|error| {
            if url.contains('@') {
                InvalidUrl::UserName
            } else {
                error
            }
        })
    }

    fn read(url: &str) -> Result<Self, InvalidUrl> {
        let url = url.trim();
        let (url, has_fragment) = match url.split_once('#') {
            Some((url, _)) => (url, true),
            None => (url, false),
        };
        let (scheme, origin, target) = match url.split_once("://") {
            _ if url.starts_with('/') => (String::new(), None, url),
            Some((scheme, rest)) => {
                let end = rest.find(['/', '?']).unwrap_or(rest.len());
                let (authority, target) = rest.split_at(end);
                let scheme = scheme.to_ascii_lowercase();
                let origin = origin(of_handshake(&scheme), authority)?;
                (scheme, Some(origin), target)
            }
            None => return Err(InvalidUrl::NoUrl),
        };
        let slash = if target.starts_with('/') { "" } else { "/" };
        Ok(Self {
            origin,
            target: format!("{slash}{}", encoded(target)),
            has_fragment,
            is_websocket: ["ws", "wss"].contains(&scheme.as_str()),
        })
    }

    pub(super) fn scheme(&self) -> Option<&str> {
        Some(self.origin.as_deref()?.split_once("://")?.0)
    }

    /// The host without a port.
    pub(super) fn host_name(&self) -> Option<&str> {
        let host = after_scheme(self.origin.as_deref()?)?;
        let port = host
            .rsplit_once(':')
            .filter(|(_, port)| !port.contains(']'));
        Some(port.map_or(host, |(host, _)| host))
    }
}

pub(super) fn after_scheme(origin: &str) -> Option<&str> {
    origin.split_once("://").map(|(_, host)| host)
}

/// The scheme of the request that opens a connection (RFC 6455, section 3).
fn of_handshake(scheme: &str) -> &str {
    match scheme {
        "ws" => "http",
        "wss" => "https",
        other => other,
    }
}

/// Scheme, in lower case, and authority as a browser compares them.
fn origin(scheme: &str, authority: &str) -> Result<String, InvalidUrl> {
    if authority.contains('@') {
        return Err(InvalidUrl::UserName);
    }
    let own_port = match scheme {
        "https" => ":443",
        "http" => ":80",
        _ => return Err(InvalidUrl::NoUrl),
    };
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte);
    if !authority.bytes().all(is_allowed) || !has_host_and_port(authority) {
        return Err(InvalidUrl::NoUrl);
    }
    let host = authority.to_ascii_lowercase();
    let host = host.strip_suffix(own_port).unwrap_or(&host);
    Ok(format!("{scheme}://{host}"))
}

/// Whether there is a host, in brackets if it is an IPv6 address, and no port but a possible one.
fn has_host_and_port(authority: &str) -> bool {
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let is_host = match host.strip_prefix('[') {
        Some(rest) => rest
            .strip_suffix(']')
            .is_some_and(|address| address.parse::<std::net::Ipv6Addr>().is_ok()),
        None => !host.is_empty() && !host.contains([':', '[', ']']),
    };
    is_host && port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0))
}

/// A target with what can't stand in one percent-encoded, as browsers do.
fn encoded(target: &str) -> String {
    let mut encoded = String::with_capacity(target.len());
    for byte in target.bytes() {
        if byte.is_ascii_graphic() && !b"\"<>`".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}
