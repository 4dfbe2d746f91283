//! Requests of the public, and what nginx does with each.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::{
    Answer, ForwardedHeader, HeaderSource, HttpSettings, InvalidTarget, Location, RequestPath,
    RouteTable, TlsTermination,
};

/// A request as it arrives at nginx.
///
/// Of each header there is one line: what becomes of several differs between versions of nginx.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicRequest<'a> {
    /// Method, such as `GET`.
    pub method: &'a str,
    /// Request target: `/path?query`, or a whole URL.
    pub target: &'a str,
    /// Header `Host`.
    pub host: &'a str,
    /// Address that the connection comes from.
    pub peer: IpAddr,
    /// Header `X-Forwarded-Proto`.
    pub forwarded_proto: Option<&'a str>,
    /// Header `X-Forwarded-For`.
    pub forwarded_for: Option<&'a str>,
    /// Header `X-Original-Host`, which an application gateway sets.
    pub original_host: Option<&'a str>,
    /// Header `Upgrade`.
    pub upgrade: Option<&'a str>,
    /// Length of the body, in bytes.
    pub body: u64,
}

impl<'a> PublicRequest<'a> {
    /// A GET without body and without words about proxies, from the loopback address.
    pub fn get(target: &'a str, host: &'a str) -> Self {
        Self {
            method: "GET",
            target,
            host,
            peer: Ipv4Addr::LOCALHOST.into(),
            forwarded_proto: None,
            forwarded_for: None,
            original_host: None,
            upgrade: None,
            body: 0,
        }
    }
}

/// What nginx does with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome<'table> {
    /// Answers with an error of its own.
    Refused(Refusal),
    /// Answers itself with 200: the path is that of health probes.
    Health,
    /// Redirects with 301.
    Redirect {
        /// Path and query to ask for instead.
        to: String,
    },
    /// Hands the request on.
    Forwarded(Forwarded<'table>),
}

/// A request on its way to a back-end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forwarded<'table> {
    /// The location that took the request.
    pub location: &'table Location,
    /// The target as it came, without scheme and host when the client sent a whole URL.
    pub target: String,
    /// The headers that nginx decides about; all others pass as they came.
    pub headers: Vec<ForwardedHeader>,
}

/// Why nginx answers a request with an error.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The request line is longer than the buffer for it.
    #[error("the request line is longer than {0} bytes")]
    LineTooLong(u64),
    /// A method in other characters than nginx takes.
    #[error("a method is written in upper-case letters, `-` and `_`")]
    InvalidMethod,
    /// The target can't be read.
    #[error(transparent)]
    Target(#[from] InvalidTarget),
    /// No host, or one that can't be one.
    #[error("the header `Host` is empty or holds what no host may")]
    InvalidHost,
    /// TRACE or CONNECT.
    #[error("nginx answers neither TRACE nor CONNECT")]
    MethodNotAllowed,
    /// The body is longer than the location takes.
    #[error("the body is longer than {0} bytes")]
    BodyTooLarge(u64),
}

impl Refusal {
    /// The status that nginx answers with.
    pub fn status(&self) -> u16 {
        match self {
            Self::InvalidMethod | Self::Target(_) | Self::InvalidHost => 400,
            Self::MethodNotAllowed => 405,
            Self::BodyTooLarge(_) => 413,
            Self::LineTooLong(_) => 414,
        }
    }
}

impl RouteTable {
    /// Says what nginx does with a request, and with which headers a back-end gets it.
    ///
    /// ```
    /// use dify_infra_core::routes::{Outcome, PublicRequest, RouteTable};
    ///
    /// let table = RouteTable::dify_1_16_0();
    /// let mut request = PublicRequest::get("/e/hook", "dify.example.com");
    /// request.forwarded_proto = Some("https");
    /// let Outcome::Forwarded(forwarded) = table.handle(&request) else {
    ///     panic!("a back-end answers")
    /// };
    /// assert_eq!(forwarded.location.target.port, 5002);
    /// assert_eq!(forwarded.header("Dify-Hook-Url"), Some("https://dify.example.com/e/hook"));
    /// assert_eq!(forwarded.header("X-Forwarded-Port"), Some("443"));
    /// ```
    pub fn handle(&self, request: &PublicRequest<'_>) -> Outcome<'_> {
        let path = match self.admit(request) {
            Ok(path) => path,
            Err(refusal) => return Outcome::Refused(refusal),
        };
        let answer = self.resolve(&path);
        let limit = answer
            .location()
            .map_or(self.settings().client_max_body_size, |location| {
                self.max_body_size(location)
            });
        if request.body > limit {
            return Outcome::Refused(Refusal::BodyTooLarge(limit));
        }
        match answer {
            Answer::Health => Outcome::Health,
            Answer::Redirect { path } => Outcome::Redirect {
                to: format!("{path}{}", query(request.target)),
            },
            Answer::Location(location) => Outcome::Forwarded(Forwarded {
                location,
                target: origin_form(request.target),
                headers: self.forwarded_headers(location, request),
            }),
        }
    }

    /// The headers that a location sets on a request.
    pub fn forwarded_headers(
        &self,
        location: &Location,
        request: &PublicRequest<'_>,
    ) -> Vec<ForwardedHeader> {
        let headers = location.headers().into_iter();
        headers
            .map(|(name, source)| ForwardedHeader {
                name,
                value: value(source, request, self.settings()),
            })
            .collect()
    }

    /// The path of a request whose head nginx takes, in the order in which nginx looks at it.
    fn admit(&self, request: &PublicRequest<'_>) -> Result<RequestPath, Refusal> {
        let limit = self.settings().large_client_header_buffer;
        let line = request.method.len() + request.target.len() + " ".len() + " HTTP/1.1\r\n".len();
        if line as u64 > limit {
            return Err(Refusal::LineTooLong(limit));
        }
        let is_method = |byte: u8| byte.is_ascii_uppercase() || b"_-".contains(&byte);
        if request.method.is_empty() || !request.method.bytes().all(is_method) {
            return Err(Refusal::InvalidMethod);
        }
        let path = RequestPath::parse(request.target);
        // nginx reads the headers before it looks at the folders of a path.
        if !matches!(path, Ok(_) | Err(InvalidTarget::DotSegment)) {
            return Ok(path?);
        }
        if !is_host(request.host) {
            return Err(Refusal::InvalidHost);
        }
        if ["TRACE", "CONNECT"].contains(&request.method) {
            return Err(Refusal::MethodNotAllowed);
        }
        Ok(path?)
    }
}

impl Forwarded<'_> {
    /// The value of a header that nginx decides about; nothing where it leaves the header out.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers
            .find(|header| header.name.eq_ignore_ascii_case(name))?
            .value
            .as_deref()
    }
}

/// The value of a header; nothing when it is left out.
fn value(
    source: HeaderSource,
    request: &PublicRequest<'_>,
    settings: &HttpSettings,
) -> Option<String> {
    let wants_websocket = request
        .upgrade
        .is_some_and(|protocol| protocol.eq_ignore_ascii_case("websocket"));
    let scheme = public_scheme(request, settings.tls);
    let host = public_host(request, settings);
    match source {
        HeaderSource::PublicHost => Some(host.to_owned()),
        HeaderSource::ClientAddress => Some(client_address(request, settings).to_string()),
        HeaderSource::PublicScheme => Some(scheme.to_owned()),
        HeaderSource::PublicPort => Some(public_port(host, scheme).to_owned()),
        HeaderSource::PublicUrl => {
            let target = origin_form(request.target);
            Some(format!("{scheme}://{host}{target}"))
        }
        HeaderSource::UpgradeProtocol => wants_websocket.then(|| "websocket".to_owned()),
        HeaderSource::UpgradeConnection => wants_websocket.then(|| "upgrade".to_owned()),
        HeaderSource::Removed => None,
    }
}

/// The host that the public asked for: the word of the gateway when it was the one who asked the
/// platform's ingress, which adds whom it saw behind all that `X-Forwarded-For` holds.
fn public_host<'a>(request: &PublicRequest<'a>, settings: &HttpSettings) -> &'a str {
    let is_from_ingress = settings
        .trusted_proxies
        .iter()
        .any(|network| network.contains(&request.peer));
    let entries = request.forwarded_for.unwrap_or_default();
    let last = entries.rsplit([' ', ',']).find(|entry| !entry.is_empty());
    let asked = last.and_then(|entry| entry.parse::<IpAddr>().ok());
    let gateway = settings.gateway.as_ref();
    let is_from_gateway =
        gateway.is_some_and(|network| asked.is_some_and(|address| network.contains(&address)));
    match request.original_host.filter(|host| !host.is_empty()) {
        Some(host) if is_from_ingress && is_from_gateway => host,
        _ => request.host,
    }
}

/// What the public uses: the word of the proxy in front when there is one and it is one of two.
fn public_scheme(request: &PublicRequest<'_>, tls: TlsTermination) -> &'static str {
    let is_https = request
        .forwarded_proto
        .is_some_and(|scheme| scheme.eq_ignore_ascii_case("https"));
    if is_https && tls == TlsTermination::InFront {
        "https"
    } else {
        "http"
    }
}

/// The port behind a host, or that of the scheme.
fn public_port<'a>(host: &'a str, scheme: &str) -> &'a str {
    let written = host.rsplit_once(':').map(|(_, port)| port);
    let is_number = |port: &&str| !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
    match written.filter(is_number) {
        Some(port) => port,
        None if scheme == "https" => "443",
        None => "80",
    }
}

/// The client: the last address in `X-Forwarded-For` that is not a trusted proxy's.
///
/// Follows nginx's `ngx_http_get_forwarded_addr_internal` with `real_ip_recursive on`: it goes from
/// right to left as long as who says so is trusted, and ends at what is no address.
fn client_address(request: &PublicRequest<'_>, settings: &HttpSettings) -> IpAddr {
    let is_trusted = |address: &IpAddr| {
        let networks = &settings.trusted_proxies;
        networks.iter().any(|network| network.contains(address))
    };
    let mut client = request.peer;
    let entries = request.forwarded_for.unwrap_or_default();
    for entry in entries.rsplit([' ', ',']).filter(|entry| !entry.is_empty()) {
        if !is_trusted(&client) {
            break;
        }
        let Some(address) = address(entry) else { break };
        client = address;
    }
    client
}

/// An address, with or without a port.
fn address(text: &str) -> Option<IpAddr> {
    let with_port = || text.parse::<SocketAddr>().ok().filter(|it| it.port() != 0);
    let bare = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    let plain = text.parse().ok();
    plain.or_else(bare).or_else(|| Some(with_port()?.ip()))
}

/// Whether nginx takes the text as a host (`ngx_http_validate_host`).
fn is_host(host: &str) -> bool {
    let is_allowed = |byte: u8| byte > b' ' && byte != 0x7f && byte != b'/';
    !host.is_empty()
        && host.bytes().all(is_allowed)
        && !host.contains("..")
        && !host.starts_with(':')
        && host != "."
}

/// The target without scheme and host.
fn origin_form(target: &str) -> String {
    let path = match target.split_once("://") {
        Some((_, rest)) if !target.starts_with('/') => {
            rest.find(['/', '?']).map_or("", |start| &rest[start..])
        }
        _ => target,
    };
    let slash = if path.starts_with('/') { "" } else { "/" };
    format!("{slash}{path}")
}

/// The query of a target with its `?`; nothing when there is none.
fn query(target: &str) -> String {
    let (_, query) = target.split_once('?').unwrap_or_default();
    let query = query.split('#').next().unwrap_or_default();
    if query.is_empty() {
        String::new()
    } else {
        format!("?{query}")
    }
}

#[cfg(test)]
mod tests;
