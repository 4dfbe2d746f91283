//! The front door: `nginx.conf` and the script that starts nginx.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use ipnet::IpNet;

use super::directive::{Argument, Directive, Entry, UnquotableText, to_text};
use super::{RenderError, RenderedFile};
use crate::routes::{
    HEALTH_PATH, HeaderSource, HttpSettings, Location, Matching, RouteTable, TlsTermination,
    plain_headers,
};

/// Directory that the nginx files are mounted in.
pub const NGINX_DIRECTORY: &str = "/etc/dify-infra/nginx";

/// Writable directory for what nginx and its start script make themselves.
pub const NGINX_RUNTIME_DIRECTORY: &str = "/tmp/dify-infra-nginx";

const CONFIGURATION: &str = "nginx.conf";
const START_SCRIPT: &str = "start-nginx.sh";

/// The part of the start script that is the same everywhere.
const START_SCRIPT_BODY: &str = include_str!("start-nginx.sh");

/// Where the files of nginx are, inside of its container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NginxPaths {
    /// Directory that the rendered files are mounted in; may be read-only.
    pub files: String,
    /// Directory that the start script creates; must be writable.
    pub runtime: String,
}

impl Default for NginxPaths {
    fn default() -> Self {
        Self {
            files: NGINX_DIRECTORY.to_owned(),
            runtime: NGINX_RUNTIME_DIRECTORY.to_owned(),
        }
    }
}

/// What the nginx files are made of.
#[derive(Debug, Clone)]
pub struct NginxInput<'a> {
    /// Who answers what, and within which limits.
    pub routes: &'a RouteTable,
    /// Host of each service by its key: an app name such as `dify-dev-api`, to which the
    /// container's search domain is added, or a name with a dot, which is taken as complete. The port is the
    /// location's.
    pub hosts: &'a BTreeMap<String, String>,
    /// Address and port to listen on.
    pub listen: SocketAddr,
    /// Where the files are.
    pub paths: NginxPaths,
}

impl<'a> NginxInput<'a> {
    /// Input for a container app, which listens on port 80.
    pub fn new(routes: &'a RouteTable, hosts: &'a BTreeMap<String, String>) -> Self {
        Self {
            routes,
            hosts,
            listen: SocketAddr::from((Ipv4Addr::UNSPECIFIED, 80)),
            paths: NginxPaths::default(),
        }
    }
}

/// The command of the nginx container, for files at `paths`.
///
/// The script needs no permission to be executed, which files of secret volumes may lack.
pub fn nginx_command(paths: &NginxPaths) -> Vec<String> {
    vec![
        "/bin/sh".to_owned(),
        format!("{}/{START_SCRIPT}", paths.files),
    ]
}

/// Renders both files.
pub(super) fn render(input: &NginxInput<'_>) -> Result<Vec<RenderedFile>, RenderError> {
    for directory in [&input.paths.files, &input.paths.runtime] {
        check_directory(directory)?;
    }
    let hosts = hosts(input)?;
    let entries = file(input, &hosts).map_err(|source| RenderError::Unquotable {
        file: CONFIGURATION,
        source,
    })?;
    Ok(vec![
        RenderedFile::public(CONFIGURATION, to_text(&entries)),
        RenderedFile::public(START_SCRIPT, start_script(input)),
    ])
}

/// The start script: its settings, then the fixed part.
fn start_script(input: &NginxInput<'_>) -> String {
    // The directories are checked: nothing in them means anything to a shell.
    format!(
        "#!/bin/sh\nfiles={}\nruntime={}\naddress_lifetime={}\n{START_SCRIPT_BODY}",
        input.paths.files,
        input.paths.runtime,
        input.routes.settings().address_lifetime.as_secs()
    )
}

/// Refuses directories that a shell or nginx would read as more than a path.
fn check_directory(directory: &str) -> Result<(), RenderError> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte);
    if directory.len() > 1
        && directory.len() <= 200
        && directory.starts_with('/')
        && !directory.ends_with('/')
        && directory.bytes().all(is_plain)
    {
        Ok(())
    } else {
        Err(RenderError::InvalidDirectory(directory.to_owned()))
    }
}

/// The host of every service that the routes use, by service key.
fn hosts<'a>(input: &NginxInput<'a>) -> Result<BTreeMap<&'a str, &'a str>, RenderError> {
    let mut hosts = BTreeMap::new();
    for location in input.routes.locations() {
        let service = location.target.service.as_str();
        let host = input
            .hosts
            .get(service)
            .ok_or_else(|| RenderError::MissingHost {
                path: location.path.clone(),
                service: service.to_owned(),
            })?;
        if !is_host(host) {
            let (service, host) = (service.to_owned(), host.clone());
            return Err(RenderError::InvalidHost { service, host });
        }
        hosts.insert(service, host.as_str());
    }
    Ok(hosts)
}

/// Whether `host` can be looked up: labels of letters, digits, `-` and `_`.
fn is_host(host: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    host.len() <= 253
        && host.split('.').all(|label| {
            (1..=63).contains(&label.len()) && label.bytes().all(is_part) && !label.starts_with('-')
        })
}

type Written<T> = Result<T, UnquotableText>;

/// The whole file.
fn file(input: &NginxInput<'_>, hosts: &BTreeMap<&str, &str>) -> Written<Vec<Entry>> {
    let runtime = |name: &'static str| runtime_path(input, name);
    Ok(vec![
        Entry::Comment(
            "The front door of Dify, rendered by dify-infra: change the deployment file, not this."
                .to_owned(),
        ),
        Directive::new("worker_processes").with("auto").into(),
        Directive::new("worker_rlimit_nofile").with("8192").into(),
        Directive::new("pid").with(runtime("nginx.pid")?).into(),
        Directive::new("error_log")
            .with("/dev/stderr")
            .with("warn")
            .into(),
        Entry::Blank,
        Directive::new("events")
            .block(vec![
                Directive::new("worker_connections").with("4096").into(),
            ])
            .into(),
        Entry::Blank,
        Directive::new("http").block(http(input, hosts)?).into(),
    ])
}

/// A path in the runtime directory.
fn runtime_path(input: &NginxInput<'_>, name: &'static str) -> Written<Argument> {
    Ok(Argument::text(&input.paths.runtime)?
        .then("/".into())
        .then(name.into()))
}

/// The `http` block.
fn http(input: &NginxInput<'_>, hosts: &BTreeMap<&str, &str>) -> Written<Vec<Entry>> {
    let mut entries =
        vec![
        Entry::Comment(
            "Written when the container starts: the resolver and $search_suffix, which only the \
             container knows."
                .to_owned(),
        ),
        Directive::new("include").with(runtime_path(input, "resolver.conf")?).into(),
        Directive::new("resolver_timeout").with("5s").into(),
        Entry::Blank,
    ];
    for name in ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"] {
        let directive = Argument::from(name).then("_temp_path".into());
        entries.push(
            Directive::new(directive)
                .with(runtime_path(input, name)?)
                .into(),
        );
    }
    entries.push(Entry::Blank);
    entries.extend(logging());
    entries.push(Entry::Blank);
    entries.extend(limits(input.routes.settings()));
    entries.push(Entry::Blank);
    entries.extend(client_address(&input.routes.settings().trusted_proxies)?);
    entries.extend(maps(input.routes.settings())?);
    entries.push(Directive::new("server").block(server(input, hosts)?).into());
    Ok(entries)
}

/// Logs without query strings: signatures of files and OAuth codes are there.
fn logging() -> Vec<Entry> {
    vec![
        Entry::Comment("Without query strings, which hold signatures and OAuth codes.".to_owned()),
        Directive::new("log_format")
            .with("front_door")
            .with("$remote_addr [$time_iso8601] \"$request_method $uri $server_protocol\" ")
            .with("$status $body_bytes_sent $request_time $upstream_addr")
            .into(),
        Directive::new("access_log")
            .with("/dev/stdout")
            .with("front_door")
            .into(),
    ]
}

/// A duration as nginx writes it.
fn seconds(duration: Duration) -> Argument {
    Argument::number(duration.as_secs(), "s")
}

/// `on` or `off`.
fn switch(on: bool) -> &'static str {
    if on { "on" } else { "off" }
}

/// Limits and times of the model, and how answers are passed on.
fn limits(settings: &HttpSettings) -> Vec<Entry> {
    let directive = |name: &'static str, value: Argument| Directive::new(name).with(value).into();
    vec![
        directive("server_tokens", "off".into()),
        directive("absolute_redirect", "off".into()),
        directive("variables_hash_max_size", "2048".into()),
        directive("variables_hash_bucket_size", "128".into()),
        directive("keepalive_timeout", seconds(settings.keepalive_timeout)),
        directive(
            "client_max_body_size",
            Argument::number(settings.client_max_body_size, ""),
        ),
        Directive::new("large_client_header_buffers")
            .with("4")
            .with(Argument::number(settings.large_client_header_buffer, ""))
            .into(),
        Entry::Blank,
        directive("proxy_http_version", "1.1".into()),
        directive(
            "proxy_buffering",
            switch(settings.response_buffering).into(),
        ),
        directive("proxy_buffer_size", "16k".into()),
        Directive::new("proxy_buffers").with("8").with("16k").into(),
        directive("proxy_connect_timeout", seconds(settings.connect_timeout)),
        directive("proxy_read_timeout", seconds(settings.read_timeout)),
        directive("proxy_send_timeout", seconds(settings.send_timeout)),
        directive("proxy_headers_hash_max_size", "1024".into()),
        directive("proxy_headers_hash_bucket_size", "128".into()),
    ]
}

/// Takes the client's address from `X-Forwarded-For`, but only from proxies that are trusted.
fn client_address(trusted_proxies: &[IpNet]) -> Written<Vec<Entry>> {
    let mut entries = Vec::new();
    if trusted_proxies.is_empty() {
        return Ok(entries);
    }
    entries.push(Entry::Comment(
        "The client is the last address in X-Forwarded-For that is not one of ours.".to_owned(),
    ));
    for network in trusted_proxies {
        let network = Argument::text(&network.to_string())?;
        entries.push(Directive::new("set_real_ip_from").with(network).into());
    }
    entries.push(
        Directive::new("real_ip_header")
            .with("X-Forwarded-For")
            .into(),
    );
    entries.push(Directive::new("real_ip_recursive").with("on").into());
    entries.push(Entry::Blank);
    Ok(entries)
}

/// One `map` block.
fn map(source: &'static str, variable: &'static str, cases: &[[&'static str; 2]]) -> Entry {
    let cases = cases
        .iter()
        .map(|[key, value]| Directive::new(*key).with(*value).into());
    Directive::new("map")
        .with(source)
        .with(variable)
        .block(cases.collect())
        .into()
}

/// A `geo` block: `1` for addresses of these networks, otherwise `0`.
fn geo(source: &'static str, variable: &'static str, networks: &[IpNet]) -> Written<Entry> {
    let mut cases = vec![Directive::new("default").with("0").into()];
    for network in networks {
        let network = Argument::text(&network.to_string())?;
        cases.push(Directive::new(network).with("1").into());
    }
    Ok(Directive::new("geo")
        .with(source)
        .with(variable)
        .block(cases)
        .into())
}

/// The host that the public asked for. Behind an application gateway it is in `X-Original-Host`, which
/// is believed when the platform's ingress saw the gateway's subnet: it adds whom it saw behind
/// all that `X-Forwarded-For` holds, whatever a client sent.
fn public_host(settings: &HttpSettings) -> Written<Vec<Entry>> {
    let asked_for = |variable| {
        map(
            "$http_host",
            variable,
            &[["", "$host"], ["default", "$http_host"]],
        )
    };
    let Some(gateway) = settings.gateway else {
        return Ok(vec![asked_for("$public_host")]);
    };
    Ok(vec![
        Entry::Comment(
            "The gateway asks under the name of the app, and says in X-Original-Host for which \
             host the public asked. It is believed when the ingress saw it."
                .to_owned(),
        ),
        map(
            "$http_x_forwarded_for",
            "$ingress_client",
            &[[r"~(?:^|[ ,])([^ ,]+)[ ,]*$", "$1"], ["default", ""]],
        ),
        geo("$ingress_client", "$is_from_gateway", &[gateway])?,
        geo(
            "$realip_remote_addr",
            "$is_from_ingress",
            &settings.trusted_proxies,
        )?,
        asked_for("$requested_host"),
        map(
            "$is_from_ingress$is_from_gateway$http_x_original_host",
            "$public_host",
            &[
                ["~^11(?<original_host>.+)$", "$original_host"],
                ["default", "$requested_host"],
            ],
        ),
    ])
}

/// What a request looks like from outside, and what it may ask for.
fn maps(settings: &HttpSettings) -> Written<Vec<Entry>> {
    let remark = |text: &str| Entry::Comment(text.to_owned());
    let mut entries = public_scheme(settings.tls);
    entries.extend(public_host(settings)?);
    entries.extend([
        map(
            "$public_host",
            "$public_host_port",
            &[["~:([0-9]+)$", "$1"], ["default", ""]],
        ),
        map(
            "$public_host_port/$public_scheme",
            "$public_port",
            &[
                ["/https", "443"],
                ["/http", "80"],
                ["default", "$public_host_port"],
            ],
        ),
        Entry::Blank,
        remark("Connections become WebSockets, and nothing else that a client may ask for."),
        map(
            "$http_upgrade",
            "$upgrade_protocol",
            &[["websocket", "websocket"], ["default", ""]],
        ),
        map(
            "$http_upgrade",
            "$upgrade_connection",
            &[["websocket", "upgrade"], ["default", ""]],
        ),
        Entry::Blank,
        remark(
            "Targets go on as they came. A back-end might read `.` and `..` otherwise than the \
             location was chosen, and answer for a path that is not public.",
        ),
        map(
            "$request_uri",
            "$has_dot_segment",
            &[
                [r"~*^[^?#]*(/|%2f)(\.|%2e)(\.|%2e)?(/|%2f|\?|#|$)", "1"],
                ["default", ""],
            ],
        ),
        Entry::Blank,
    ]);
    Ok(entries)
}

/// Which scheme the public uses.
///
/// Behind TLS, `X-Forwarded-Proto` is believed whoever sends it: only what ends TLS reaches nginx,
/// and the ingress of Container Apps sets the header anew.
fn public_scheme(tls: TlsTermination) -> Vec<Entry> {
    let remark = |text: &str| Entry::Comment(text.to_owned());
    match tls {
        TlsTermination::InFront => vec![
            remark("TLS ends before nginx; a header with any other value is nobody's we know."),
            map(
                "$http_x_forwarded_proto",
                "$public_scheme",
                &[["https", "https"], ["http", "http"], ["default", "$scheme"]],
            ),
        ],
        TlsTermination::Nowhere => vec![
            remark("Nothing stands in front: what a client says about the scheme is its own."),
            map("", "$public_scheme", &[["default", "$scheme"]]),
        ],
    }
}

/// The `server` block.
fn server(input: &NginxInput<'_>, hosts: &BTreeMap<&str, &str>) -> Written<Vec<Entry>> {
    let listen = Argument::text(&input.listen.to_string())?;
    let mut entries =
        vec![
        Directive::new("listen").with(listen).with("default_server").into(),
        Directive::new("server_name").with("_").into(),
        Entry::Blank,
        Entry::Comment(
            "Names in variables are looked up while nginx runs: it starts without its back-ends, \
             and follows them when they move."
                .to_owned(),
        ),
    ];
    for (service, host) in hosts {
        entries.push(upstream(service, host)?);
    }
    entries.push(Entry::Blank);
    entries.push(
        Directive::new("if")
            .with("($has_dot_segment)")
            .block(vec![Directive::new("return").with("400").into()])
            .into(),
    );
    entries.push(Entry::Blank);
    entries.extend(proxy_headers(plain_headers()));
    entries.push(Entry::Blank);
    entries.push(health_location());
    for location in input.routes.locations() {
        entries.push(Entry::Blank);
        entries.push(proxied_location(location)?);
    }
    Ok(entries)
}

/// Name of the variable that holds a service's host.
///
/// Keys join words by single `-` or `_`, so no two keys give the same name.
fn upstream_variable(service: &str) -> Written<Argument> {
    Argument::variable(&format!(
        "upstream_{}",
        service.replace('_', "__").replace('-', "_")
    ))
}

/// Sets the variable of a service's host; a name without dot gets the search domain.
fn upstream(service: &str, host: &str) -> Written<Entry> {
    let mut name = Argument::text(host)?;
    if !host.contains('.') {
        name = name.then(Argument::variable("search_suffix")?);
    }
    Ok(Directive::new("set")
        .with(upstream_variable(service)?)
        .with(name)
        .into())
}

/// The headers that back-ends get beside the client's own.
///
/// nginx inherits them only into blocks that set none, so a location with one of its own sets all.
fn proxy_headers(headers: Vec<(&'static str, HeaderSource)>) -> Vec<Entry> {
    headers
        .into_iter()
        .map(|(name, source)| {
            Directive::new("proxy_set_header")
                .with(name)
                .with(expression(source))
                .into()
        })
        .collect()
}

/// A header's value as nginx evaluates it; it leaves a header with an empty value out.
fn expression(source: HeaderSource) -> &'static str {
    match source {
        HeaderSource::PublicHost => "$public_host",
        HeaderSource::ClientAddress => "$remote_addr",
        HeaderSource::PublicScheme => "$public_scheme",
        HeaderSource::PublicPort => "$public_port",
        HeaderSource::PublicUrl => "$public_scheme://$public_host$request_uri",
        HeaderSource::UpgradeProtocol => "$upgrade_protocol",
        HeaderSource::UpgradeConnection => "$upgrade_connection",
        HeaderSource::Removed => "",
    }
}

/// Answers probes without asking a back-end.
fn health_location() -> Entry {
    let entries = vec![
        Directive::new("access_log").with("off").into(),
        Directive::new("return").with("200").with("ok\n").into(),
    ];
    Directive::new("location")
        .with("=")
        .with(HEALTH_PATH)
        .block(entries)
        .into()
}

/// Hands requests on with their URI untouched: `proxy_pass` names no path.
fn proxied_location(location: &Location) -> Written<Entry> {
    let mut entries = Vec::new();
    if location.upgrade || location.hook_url {
        entries.extend(proxy_headers(location.headers()));
    }
    if let Some(bytes) = location.max_body_size {
        let limit = Argument::number(bytes, "");
        entries.push(Directive::new("client_max_body_size").with(limit).into());
    }
    let target = Argument::from("http://")
        .then(upstream_variable(&location.target.service)?)
        .then(":".into())
        .then(Argument::number(u64::from(location.target.port), ""));
    entries.push(Directive::new("proxy_pass").with(target).into());
    let mut directive = Directive::new("location");
    if location.matching == Matching::Exact {
        directive = directive.with("=");
    }
    Ok(directive
        .with(Argument::text(&location.path)?)
        .block(entries)
        .into())
}
