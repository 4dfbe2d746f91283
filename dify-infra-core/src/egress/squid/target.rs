//! Request lines as squid reads them: what is asked for, or why it is refused unread.
//!
//! Follows `AnyP::Uri::parse`, `urlCheckRequest` (`src/anyp/Uri.cc`) and `parseHttpRequest`
//! (`src/client_side.cc`) of squid 5.7, with `relaxed_header_parser on` as is the default.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;

use super::address::{as_host, numeric};
use super::file::{Listener, Settings};
use crate::egress::ProxyRequest;

/// A scheme that squid knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::egress) enum Scheme {
    /// A tunnel has none.
    None,
    Http,
    Https,
    Ftp,
    Coap,
    Coaps,
    Wais,
    CacheObject,
    Icp,
    Htcp,
    Urn,
    Whois,
    Icy,
    Tls,
    Ssl,
    AuthorityForm,
    /// Any other.
    Unknown,
}

/// Every scheme that has a name, in squid's order. Gopher went with squid 6, and with Debian's updates of 5.7.
const NAMED: [(Scheme, &str); 15] = [
    (Scheme::Http, "http"),
    (Scheme::Ftp, "ftp"),
    (Scheme::Https, "https"),
    (Scheme::Coap, "coap"),
    (Scheme::Coaps, "coaps"),
    (Scheme::Wais, "wais"),
    (Scheme::CacheObject, "cache_object"),
    (Scheme::Icp, "icp"),
    (Scheme::Htcp, "htcp"),
    (Scheme::Urn, "urn"),
    (Scheme::Whois, "whois"),
    (Scheme::Icy, "icy"),
    (Scheme::Tls, "tls"),
    (Scheme::Ssl, "ssl"),
    (Scheme::AuthorityForm, "authority_form"),
];

impl Scheme {
    /// The scheme of a name, in either case; nothing for a name that squid does not know.
    pub(super) fn named(name: &str) -> Option<Self> {
        let known = NAMED
            .iter()
            .find(|(_, known)| known.eq_ignore_ascii_case(name));
        known.map(|(scheme, _)| *scheme)
    }

    /// The port of a URL without one; 0 is none.
    fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
            Self::Ftp => 21,
            Self::Coap | Self::Coaps => 5683,
            Self::Wais => 210,
            Self::CacheObject => 3128,
            Self::Whois => 43,
            _ => 0,
        }
    }

    /// Whether squid forwards this method of this scheme; the rest ends with status 501.
    pub(super) fn takes(self, method: &str) -> bool {
        match self {
            Self::Urn | Self::Http | Self::CacheObject | Self::Https => true,
            Self::Ftp => ["GET", "HEAD", "PUT"].contains(&method),
            Self::Wais | Self::Whois => ["GET", "HEAD"].contains(&method),
            _ => false,
        }
    }
}

/// What a request goes to, after squid has read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::egress) struct Target {
    /// Upper case for methods that squid knows.
    pub(super) method: String,
    pub(super) scheme: Scheme,
    /// Lower case, without trailing dots; addresses in their usual form.
    pub(super) host: String,
    /// The address, when the host is one and not "any address".
    pub(super) numeric: Option<IpAddr>,
    pub(super) port: u16,
    /// The whole URL, as lists of URLs see it.
    pub(super) url: String,
}

impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.host, self.port)
    }
}

/// Why squid answers a request without asking its rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::egress) enum Refusal {
    /// Status 400 or another of its kind.
    Bad(String),
    /// Status 501.
    Unsupported(String),
}

/// Reads `request` as it arrives at `listener`.
///
/// # Errors
///
/// When squid refuses the request whatever its rules say.
pub(super) fn read(
    request: &ProxyRequest,
    listener: &Listener,
    settings: &Settings,
) -> Result<Target, Refusal> {
    let method = read_method(&request.method)?;
    if method == "CONNECT" && listener.accelerates {
        return Err(bad("a reverse proxy's port takes no tunnels"));
    }
    let line = request.target.trim_matches(is_delimiter);
    if line.is_empty()
        || line.contains(|character: char| character.is_ascii_control() && !is_delimiter(character))
    {
        return Err(bad("the request line has no target that squid reads"));
    }
    let text = rewritten(line, request, listener, settings).unwrap_or_else(|| line.to_owned());
    if text.len() + settings.append_domain.len() > 8191 {
        return Err(bad("the target is longer than 8191 bytes"));
    }
    if ["OPTIONS", "TRACE"].contains(&method.as_str()) && text == "*" {
        return Err(Refusal::Unsupported(
            "squid answers `*` itself, with 501".to_owned(),
        ));
    }
    let target = if method == "CONNECT" {
        tunnel(&text, settings)
    } else {
        absolute(&method, &text, settings)
    }?;
    let asks_itself = ["CONNECT", "OPTIONS", "TRACE", "PURGE"].contains(&target.method.as_str());
    if asks_itself || target.scheme.takes(&target.method) {
        Ok(target)
    } else {
        Err(Refusal::Unsupported(format!(
            "squid does not forward {method} of this scheme"
        )))
    }
}

/// Methods that squid knows are known in either case (`src/http/RequestMethod.cc`).
fn read_method(method: &str) -> Result<String, Refusal> {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if method.is_empty() || method.len() > 32 || !method.bytes().all(is_token) {
        return Err(bad("the method is not a word of at most 32 letters"));
    }
    let upper = method.to_ascii_uppercase();
    if upper == "PRI" {
        return Err(bad("squid takes no HTTP/2"));
    }
    let known = [
        "CONNECT", "OPTIONS", "TRACE", "PURGE", "GET", "HEAD", "PUT", "POST", "DELETE",
    ];
    Ok(if known.contains(&upper.as_str()) {
        upper
    } else {
        method.to_owned()
    })
}

/// The URL that squid makes of a target that is only a path.
fn rewritten(
    line: &str,
    request: &ProxyRequest,
    listener: &Listener,
    settings: &Settings,
) -> Option<String> {
    if line.starts_with("/squid-internal-") {
        return Some(format!(
            "http://{}:{}{line}",
            settings.visible_hostname, listener.port
        ));
    }
    if !listener.accelerates || line.starts_with("cache_object://") {
        return None;
    }
    if !line.starts_with('/') && listener.by_host {
        return None;
    }
    let path = match line.split_once("://") {
        Some((_, rest)) if !line.starts_with('/') => match rest.find(['/', '?', '#']) {
            Some(at) if rest[at..].starts_with('/') => rest[at..].to_owned(),
            Some(at) => format!("/{}", &rest[at..]),
            None => "/".to_owned(),
        },
        _ => line.to_owned(),
    };
    let site = match (&request.host, &listener.site) {
        (Some(host), _) if listener.by_host => host.clone(),
        (_, Some(site)) => site.clone(),
        _ => return None,
    };
    Some(format!("http://{site}{path}"))
}

/// `host:port` of a tunnel, as two calls of `sscanf` read it: what follows the port is ignored, and
/// a port that is no number is 443.
fn tunnel(text: &str, settings: &Settings) -> Result<Target, Refusal> {
    let bracketed = text.strip_prefix('[').and_then(|rest| {
        let (host, rest) = rest.split_once(']').unwrap_or((rest, ""));
        (!host.is_empty()).then_some((host, rest))
    });
    let (host, rest) = bracketed.unwrap_or_else(|| match text.find(':') {
        Some(at) => text.split_at(at),
        None => (text, ""),
    });
    if host.is_empty() {
        return Err(bad("the tunnel names no host"));
    }
    let port = rest
        .strip_prefix(':')
        .and_then(leading_number)
        .unwrap_or(443);
    let host = host_name(host, settings)?;
    finish("CONNECT", Scheme::None, &host, port, "")
}

/// A whole URL.
fn absolute(method: &str, text: &str, settings: &Settings) -> Result<Target, Refusal> {
    let in_scheme = |byte: u8| byte.is_ascii_alphanumeric() || b"+.-_".contains(&byte);
    let end = text.bytes().take_while(|byte| in_scheme(*byte)).count();
    let name = &text[..end];
    if name.len() > 16
        || !name.starts_with(|first: char| first.is_ascii_alphabetic())
        || !text[end..].starts_with(':')
    {
        return Err(bad("the target is not a URL with a scheme"));
    }
    let scheme = Scheme::named(name).unwrap_or(Scheme::Unknown);
    let rest = &text[end + 1..];
    if scheme == Scheme::Urn {
        return urn(method, rest);
    }
    let Some(rest) = rest.strip_prefix("//") else {
        return Err(bad("the URL has no `//`"));
    };
    let ends = |character: char| "/?#".contains(character) || is_space(character);
    let (authority, path) = rest.split_at(rest.find(ends).unwrap_or(rest.len()));
    let place = authority
        .rsplit_once('@')
        .map_or(authority, |(_, place)| place);
    let (host, port) = host_and_port(place, scheme.default_port());
    if host.is_empty() {
        return Err(bad("the URL has no host"));
    }
    let host = host_name(host, settings)?;
    let slash = if path.starts_with('/') { "" } else { "/" };
    let path: String = path
        .chars()
        .filter(|character| !is_space(*character))
        .collect();
    let mut target = finish(method, scheme, &host, port, &format!("{slash}{path}"))?;
    if scheme == Scheme::Unknown {
        target.url = format!("{name}:{}", target.url.trim_start_matches(':'));
    }
    Ok(target)
}

/// The host with what stands before a port; squid takes an IPv6 address without brackets too.
fn host_and_port(place: &str, default: u16) -> (&str, i64) {
    let default = i64::from(default);
    if let Some(rest) = place.strip_prefix('[') {
        let (host, rest) = rest.split_once(']').unwrap_or((rest, ""));
        let port = rest.split_once(':').map(|(_, port)| port);
        return (
            host,
            port.map_or(default, |port| leading_number(port).unwrap_or(0)),
        );
    }
    match place.split_once(':') {
        Some((host, port)) if !port.contains(':') => (host, leading_number(port).unwrap_or(0)),
        _ => (place, default),
    }
}

/// A name space and a name in it: the name space is what rules see as the host.
fn urn(method: &str, rest: &str) -> Result<Target, Refusal> {
    let in_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    let end = rest
        .bytes()
        .take_while(|byte| in_name(*byte))
        .count()
        .min(32);
    let name = &rest[..end];
    if name.len() < 2
        || name.starts_with('-')
        || name.ends_with('-')
        || !rest[end..].starts_with(':')
    {
        return Err(bad("the URN has no name space of 2 to 32 letters"));
    }
    let mut target = Target {
        method: method.to_owned(),
        scheme: Scheme::Urn,
        host: name.to_owned(),
        numeric: None,
        port: 0,
        url: format!("urn:{rest}"),
    };
    target.set_host(name);
    Ok(target)
}

/// A host in the form that rules see, but for addresses.
fn host_name(host: &str, settings: &Settings) -> Result<String, Refusal> {
    let mut host: String = host
        .chars()
        .filter(|character| !is_space(*character))
        .map(|character| character.to_ascii_lowercase())
        .collect();
    let is_usual = |byte: u8| {
        byte.is_ascii_alphanumeric()
            || b"-.[:]".contains(&byte)
            || byte == b'_' && settings.allow_underscore
    };
    if settings.check_hostnames && !host.bytes().all(is_usual) {
        return Err(bad("the host has letters that `check_hostnames` refuses"));
    }
    if !host.contains(['.', ':']) {
        host.push_str(&settings.append_domain);
    }
    let host = host.trim_end_matches('.');
    if host.starts_with('.') || host.contains("..") {
        return Err(bad("the host has an empty label"));
    }
    Ok(host.to_owned())
}

fn finish(
    method: &str,
    scheme: Scheme,
    host: &str,
    port: i64,
    path: &str,
) -> Result<Target, Refusal> {
    let port = u16::try_from(port)
        .ok()
        .filter(|port| *port > 0)
        .ok_or_else(|| bad("the port is not between 1 and 65535"))?;
    let mut target = Target {
        method: method.to_owned(),
        scheme,
        host: String::new(),
        numeric: None,
        port,
        url: String::new(),
    };
    target.set_host(host);
    let name = NAMED
        .iter()
        .find(|(known, _)| *known == scheme)
        .map_or("", |(_, name)| name);
    target.url = match scheme {
        Scheme::None => target.to_string(),
        _ if port == scheme.default_port() => format!("{name}://{}{path}", target.host),
        _ => format!("{name}://{}:{port}{path}", target.host),
    };
    Ok(target)
}

impl Target {
    /// Sets the host; squid does not take "any address" for an address (`AnyP::Uri::host`).
    fn set_host(&mut self, host: &str) {
        let bare = match host.strip_prefix('[') {
            Some(rest) => rest.get(..rest.len().saturating_sub(1)).unwrap_or(""),
            None => host,
        };
        self.numeric = numeric(bare).filter(|address| !address.is_unspecified());
        self.host = self.numeric.map_or_else(|| host.to_owned(), as_host);
    }

    /// The addresses that the host is without a look-up, "any address" included.
    pub(super) fn literal(&self) -> Option<IpAddr> {
        self.numeric.or_else(|| numeric(&self.host))
    }

    /// Whether the path is one of the proxy's own pages, if the host is the proxy.
    pub(super) fn is_internal(&self) -> bool {
        let path = self.url.splitn(4, '/').nth(3).unwrap_or_default();
        self.url.contains("://") && path.starts_with("squid-internal-")
    }

    /// Whether this is a page of the proxy's own management: the list `manager` that squid brings,
    /// two patterns over the decoded URL.
    pub(super) fn is_manager(&self) -> bool {
        const OWN_SCHEME: &str = "cache_object://";
        let url = decoded(&self.url);
        let page = || {
            let (scheme, rest) = url.split_once("://")?;
            let (authority, path) = rest.split_at(rest.find('/')?);
            let starts = !scheme.is_empty() && !scheme.contains(':') && !authority.is_empty();
            Some(starts && path.starts_with("/squid-internal-mgr/"))
        };
        let start = url.get(..OWN_SCHEME.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(OWN_SCHEME)) || page().unwrap_or(false)
    }
}

/// Decodes `%41`, as squid does before it compares URLs.
fn decoded(url: &str) -> Cow<'_, str> {
    if !url.contains('%') {
        return Cow::Borrowed(url);
    }
    let bytes = url.as_bytes();
    let mut text = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let code = bytes
            .get(at + 1..at + 3)
            .and_then(|code| std::str::from_utf8(code).ok())
            .and_then(|code| u8::from_str_radix(code, 16).ok());
        match (byte, code) {
            (b'%', Some(code)) if code > 0 => {
                text.push(code);
                at += 3;
            }
            _ => {
                text.push(byte);
                at += 1;
            }
        }
    }
    Cow::Owned(String::from_utf8_lossy(&text).into_owned())
}

/// What `atoi` makes of a text: a sign and digits at its start, cut to 32 bits; nothing without
/// digits.
fn leading_number(text: &str) -> Option<i64> {
    let text = text.trim_start_matches(is_space);
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let end = digits.bytes().take_while(u8::is_ascii_digit).count();
    if end == 0 {
        return None;
    }
    let value: i64 = digits[..end].parse().unwrap_or(i64::MAX);
    let value = if negative { -value } else { value };
    let low = u32::try_from(value & 0xffff_ffff).unwrap_or_default();
    Some(i64::from(low.cast_signed()))
}

/// White space of a request line.
fn is_delimiter(character: char) -> bool {
    [' ', '\t', '\u{b}', '\u{c}', '\r'].contains(&character)
}

/// White space as C knows it.
fn is_space(character: char) -> bool {
    is_delimiter(character) || character == '\n'
}

fn bad(reason: &str) -> Refusal {
    Refusal::Bad(reason.to_owned())
}
