//! Requests that each situation compares with the model.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::IpAddr;

use dify_infra_core::routes::{PRIVATE_PATHS, PublicRequest, RouteTable};

/// An address from which `X-Forwarded-For` is believed: one of the platform's ingress.
pub(super) const INGRESS: &str = "100.100.0.52";

/// An address that nobody has reason to believe.
pub(super) const STRANGER: &str = "198.51.100.7";

/// A request, and headers beside those that the model knows.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) method: &'static str,
    pub(super) target: String,
    pub(super) host: &'static str,
    pub(super) peer: IpAddr,
    pub(super) forwarded_proto: Option<&'static str>,
    pub(super) forwarded_for: Option<&'static str>,
    pub(super) upgrade: Option<&'static str>,
    /// Sent as they are; nginx replaces or removes them, or passes them on.
    pub(super) more: &'static [(&'static str, &'static str)],
}

impl Call {
    /// A GET as the ingress sends it on.
    pub(super) fn get(target: impl Into<String>) -> Self {
        Self {
            method: "GET",
            target: target.into(),
            host: "dify.example.com",
            peer: INGRESS.parse().unwrap(),
            forwarded_proto: Some("https"),
            forwarded_for: Some("203.0.113.9"),
            upgrade: None,
            more: &[],
        }
    }

    /// The request as the model takes it.
    pub(super) fn request(&self) -> PublicRequest<'_> {
        PublicRequest {
            method: self.method,
            peer: self.peer,
            forwarded_proto: self.forwarded_proto,
            forwarded_for: self.forwarded_for,
            upgrade: self.upgrade,
            ..PublicRequest::get(&self.target, self.host)
        }
    }

    /// The request as bytes, with headers that nobody may change.
    pub(super) fn head(&self) -> Vec<u8> {
        let mut head = format!(
            "{} {} HTTP/1.1\r\nHost: {}\r\n",
            self.method, self.target, self.host
        );
        let known = [
            ("X-Forwarded-Proto", self.forwarded_proto),
            ("X-Forwarded-For", self.forwarded_for),
            ("Upgrade", self.upgrade),
            (
                "Connection",
                Some(self.upgrade.map_or("close", |_| "Upgrade")),
            ),
            ("Authorization", Some("Bearer app-1")),
        ];
        let known = known
            .iter()
            .filter_map(|(name, value)| Some((*name, (*value)?)));
        for (name, value) in known.chain(self.more.iter().copied()) {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        head.push_str("\r\n");
        head.into_bytes()
    }
}

/// All calls of a situation.
pub(super) fn calls(table: &RouteTable) -> Vec<Call> {
    let mut targets: Vec<String> = Vec::new();
    for location in table.locations() {
        targets.extend(variants(&location.path));
    }
    for path in PRIVATE_PATHS
        .into_iter()
        .chain(["/health", "/backwards-invocation"])
    {
        targets.extend(ways_to_private(path));
    }
    targets.extend(ODD_TARGETS.iter().map(|&target| target.to_owned()));
    targets.extend(long_targets(table.settings().large_client_header_buffer));
    targets.sort();
    targets.dedup();
    let mut calls: Vec<Call> = targets.into_iter().map(Call::get).collect();
    calls.extend(methods());
    let mut kinds = BTreeSet::new();
    for location in table.locations() {
        let target = below(&location.path);
        calls.extend(upgrades(&target));
        // What a location does to headers depends on these alone.
        if kinds.insert((
            &location.target.service,
            location.upgrade,
            location.hook_url,
        )) {
            calls.extend(spoofed(&target));
        }
    }
    calls
}

/// A path inside of a location.
fn below(path: &str) -> String {
    format!("{}/x?a=b%20c", path.trim_end_matches('/'))
}

/// The same path in every spelling that a client may think of.
fn variants(path: &str) -> Vec<String> {
    let bare = path.trim_end_matches('/');
    vec![
        path.to_owned(),
        bare.to_owned(),
        format!("{bare}/"),
        format!("{bare}//"),
        format!("{bare}/x/y.json"),
        format!("{bare}//x///y"),
        format!("{bare}x"),
        format!("{bare}?a=/../b&c=//d"),
        format!("{bare}/x#y/../z"),
        format!("/{path}"),
        path.to_ascii_uppercase(),
        first_encoded(path),
        all_encoded(path),
        format!("{bare}%2Fx"),
        format!("{bare}%2f%2fx"),
        format!("{bare}%20x"),
        format!("{bare}/./x"),
        format!("{bare}/../inner/api"),
        format!("{bare}/%2e%2E/metrics"),
        format!("{bare}/..%2fdebug/pprof"),
        format!("{bare}/..."),
        format!("{bare}/..;/inner/api"),
        format!("{bare};jsessionid=1"),
        format!("{bare}/%E3%81%82/あ"),
        format!("{bare}/%00"),
        format!("{bare}/%zz"),
        format!("{bare}/%252e%252e/inner/api"),
        format!("{bare}\\..\\inner\\api"),
        format!("{bare}/{}", "long/".repeat(800)),
        format!("http://other.example{path}"),
    ]
}

/// Ways in which somebody may try to reach a private path.
fn ways_to_private(path: &str) -> Vec<String> {
    let rest = &path[1..];
    vec![
        path.to_owned(),
        format!("{path}/"),
        format!("{path}/x"),
        format!("/{path}"),
        format!("{path}?a"),
        path.to_ascii_uppercase(),
        first_encoded(path),
        all_encoded(path),
        format!("/v1/..{path}"),
        format!("/v1/%2e%2e{path}"),
        format!("/v1/..%2f{rest}"),
        format!("/console/api/../..{path}"),
        format!("/e/hook/../..{path}"),
        format!("{path}/../v1/x"),
        format!("{path}/..%2fe/x"),
        format!("{path}/x/%2e%2e/%2e./files/x"),
        format!("/.{path}"),
        format!("/%2e{path}"),
        format!("/v1%2f..%2f{rest}"),
        format!("http://api:5001{path}"),
    ]
}

/// What else may stand in a request line.
const ODD_TARGETS: &[&str] = &[
    "/",
    "//",
    "///",
    "/.",
    "/..",
    "/../",
    "/%2e",
    "/%2e%2e",
    "*",
    "v1/x",
    "?",
    "/?",
    "/#",
    "/%",
    "/%4",
    "/%00",
    "/%7f",
    "/%3f",
    "/%23",
    "/%25",
    "/a b",
    "/v1/\u{1}",
    "/v1/\u{7f}",
    "/v1%3fx",
    "/v1%23x",
    "/%2fv1",
    "/%2Fv1/x",
    "/%252fv1",
    "/v1/%c0%ae%c0%ae/inner/api",
    "/v1/x?y=%00",
    "/v1/x?y=../../z",
    "/nginx-health",
    "/nginx-health/",
    "/nginx-health?x=/..",
    "/%6eginx-health",
    "//nginx-health",
    "/x/../nginx-health",
    "/NGINX-HEALTH",
    "/nginx-healthx",
    "/favicon.ico",
    "/_next/static/chunks/app.js",
    "/apps",
    "/signin",
    "/install",
    "/.well-known/acme-challenge/x",
    "/.git/config",
    "/.env",
    "/robots.txt",
    "/api-keys",
    "/console",
    "/Console/api",
    "/v10",
    "/hook",
    "/hooks",
    "/hooks/x",
    "/v1/files/upload",
    "/v1/files/upload/",
    "/v1/files/uploads",
    "http://other.example",
    "http://other.example?x=/e/",
    "http://other.example/",
    "HTTP://h/v1",
    "https://dify.example.com/e/x",
    "ftp://h/v1",
    "http:///v1",
    "http://u@h/v1",
    "http://h:80/v1",
    "http://[::1]/v1",
    "//other.example/v1",
    "/http://other.example/",
];

/// Request lines around the limit.
fn long_targets(limit: u64) -> Vec<String> {
    let around = usize::try_from(limit).unwrap() - "GET  HTTP/1.1\r\n".len();
    let target = |length: usize| format!("/v1/{}", "x".repeat(length - "/v1/".len()));
    [around / 2, around - 1, around, around + 1, around * 3]
        .into_iter()
        .map(target)
        .collect()
}

fn methods() -> Vec<Call> {
    let call = |(method, target): (&'static str, &str)| Call {
        method,
        ..Call::get(target)
    };
    [
        ("POST", "/v1/x"),
        ("PUT", "/console/api/x"),
        ("DELETE", "/v1/x"),
        ("PATCH", "/api/x"),
        ("OPTIONS", "/v1/x"),
        ("PROPFIND", "/apps"),
        ("TRACE", "/v1/x"),
        ("CONNECT", "/v1/x"),
        ("TRACE", "/v1/../x"),
        ("get", "/v1/x"),
        ("G(T", "/v1/x"),
    ]
    .into_iter()
    .map(call)
    .collect()
}

/// What a client may claim about itself and about the proxies in front.
fn spoofed(target: &str) -> Vec<Call> {
    let usual = Call::get(target);
    let mut calls: Vec<Call> = [
        None,
        Some("http"),
        Some("HTTPS"),
        Some("ftp"),
        Some("https,http"),
        Some("https://evil.example/"),
        Some("\"https\""),
    ]
    .into_iter()
    .map(|forwarded_proto| Call {
        forwarded_proto,
        ..usual.clone()
    })
    .collect();
    for (peer, forwarded_for) in [
        (INGRESS, None),
        (INGRESS, Some("10.9.9.9, 203.0.113.9")),
        (INGRESS, Some("1.2.3.4, 203.0.113.9, 100.100.0.7")),
        (INGRESS, Some("203.0.113.9:4711, 100.100.0.7")),
        (INGRESS, Some("[2001:db8::1]:80,100.64.0.1")),
        (INGRESS, Some("2001:DB8::0:1")),
        (INGRESS, Some("nonsense")),
        (INGRESS, Some("x, 100.100.0.9")),
        (INGRESS, Some("203.0.113.9,, ")),
        (STRANGER, Some("203.0.113.9")),
        (STRANGER, Some("100.100.0.52")),
    ] {
        calls.push(Call {
            peer: peer.parse().unwrap(),
            forwarded_for,
            ..usual.clone()
        });
    }
    for host in [
        "dify.example.com:8443",
        "DIFY.example.com",
        "[::1]",
        "[::1]:8080",
        "other.example",
        "a..b",
        "a/b",
        "x\"y",
    ] {
        calls.push(Call {
            host,
            ..usual.clone()
        });
    }
    calls.push(Call {
        more: &[
            ("X-Forwarded-Host", "evil.example"),
            ("X-Forwarded-Port", "1"),
            ("X-Real-IP", "1.1.1.1"),
            ("CF-Connecting-IP", "1.1.1.1"),
        ],
        ..usual
    });
    calls
}

fn upgrades(target: &str) -> Vec<Call> {
    ["websocket", "WebSocket", "h2c", "websocket, h2c"]
        .into_iter()
        .map(|protocol| Call {
            upgrade: Some(protocol),
            ..Call::get(target)
        })
        .collect()
}

/// The path with its first letter percent-encoded.
fn first_encoded(path: &str) -> String {
    let mut bytes = path.bytes();
    let (slash, first) = (bytes.next(), bytes.next());
    match (slash, first) {
        (Some(_), Some(first)) => format!("/%{first:02x}{}", &path[2..]),
        _ => path.to_owned(),
    }
}

/// The path with everything but its first slash percent-encoded.
fn all_encoded(path: &str) -> String {
    let rest = path.bytes().skip(1).map(|byte| format!("%{byte:02X}"));
    format!("/{}", rest.collect::<String>())
}
