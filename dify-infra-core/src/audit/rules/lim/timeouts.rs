//! How long each stage of a request's way waits.

use super::super::{
    API, PROXY, files, filled, label, line_of, number_or, on_azure, services_of_application,
};
use super::{NOTE, WARNING};
use crate::audit::inventory::{FileKind, Inventory};
use crate::audit::report::Findings;
use crate::check::rule::{Rule, Sample};

/// Seconds after which the environment's http entry cuts a request.
pub(super) const INGRESS_SECONDS: f64 = 240.0;

pub(super) const TIMEOUTS: Rule = Rule {
    id: "LIM106",
    title: "The proxy waits as long as the node that asks",
    why: "An HTTP node may be told to wait for ten minutes; squid gives up after two, and the node reports \
          a gateway error.",
    source: "langgenius/dify#41011, #32483, PR #41049",
    fix: "Set `read_timeout` of squid (or `SSRF_READ_TIMEOUT`) to at least `HTTP_REQUEST_MAX_READ_TIMEOUT`.",
    bad: Sample::compose(
        "services:\n  api:\n    environment:\n      HTTP_REQUEST_MAX_READ_TIMEOUT: \"7200\"",
    ),
    good: Sample::compose(
        "services:\n  api:\n    environment:\n      HTTP_REQUEST_MAX_READ_TIMEOUT: \"60\"",
    ),
    audit: Some(timeouts),
    ..WARNING
};

pub(super) const STREAMS: Rule = Rule {
    id: "LIM112",
    title: "No stream is meant to last longer than the front door lets it",
    why: "The environment's http entry cuts every request after 240 seconds; a longer timeout behind it \
          promises what can't be kept.",
    source: "microsoft/azure-container-apps#597, #616, #1543, #1637",
    fix: "Keep workflows below four minutes, or use premium ingress with a longer idle timeout.",
    bad: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-api", "properties": {"template": {"containers": [{"name": "api", "env": [{"name": "APP_MAX_EXECUTION_TIME", "value": "1200"}]}]}}}]"#,
    ),
    good: Sample::resources("[]"),
    audit: Some(streams),
    ..NOTE
};

pub(super) const NGINX: Rule = Rule {
    id: "LIM114",
    title: "nginx waits as long as the API works",
    why: "nginx ends an answer that is silent for 60 seconds unless `proxy_read_timeout` says otherwise: a \
          blocking call of a workflow gets 504, and goes on working for nobody.",
    source: "nginx.org ngx_http_proxy_module; langgenius/dify 1.16.0 docker/.env.example \
             (NGINX_PROXY_READ_TIMEOUT=3600s); microsoft/azure-container-apps#597",
    fix: "Set `proxy_read_timeout 3600s`, or at least what `GUNICORN_TIMEOUT` of the API says.",
    bad: Sample::compose(
        "services:\n  nginx:\n    volumes: [\"./hasty-nginx.conf:/etc/nginx/conf.d/default.conf\"]",
    ),
    good: Sample::compose("services:\n  nginx:\n    environment: {}"),
    audit: Some(nginx),
    ..WARNING
};

/// Seconds without an answer after which nginx gives up when nothing is said.
const NGINX_SECONDS: f64 = 60.0;

/// Seconds after which a silent worker of the API is ended when nothing is said
/// (langgenius/dify 1.16.0 api/docker/entrypoint.sh).
const GUNICORN_SECONDS: f64 = 200.0;

/// Seconds of a time as nginx reads it: `60`, `5m`, `1h30m`, `500ms`.
fn nginx_seconds(text: &str) -> Option<f64> {
    let mut seconds = 0.0;
    let mut rest = text.trim();
    while !rest.is_empty() {
        let digits = rest
            .find(|it: char| !it.is_ascii_digit())
            .unwrap_or(rest.len());
        let (number, after) = rest.split_at(digits);
        let number: f64 = number.parse().ok()?;
        let (unit, after) = [
            ("ms", 0.001),
            ("s", 1.0),
            ("m", 60.0),
            ("h", 3600.0),
            ("d", 86400.0),
        ]
        .into_iter()
        .find_map(|(name, unit)| Some((unit, after.strip_prefix(name)?)))
        .unwrap_or((1.0, after));
        seconds += number * unit;
        rest = after.trim_start();
        if rest.len() == text.len() {
            return None;
        }
    }
    Some(seconds)
}

fn nginx(inventory: &Inventory, found: &mut Findings) {
    let Some((_, api)) = inventory.of(API).next() else {
        return;
    };
    let all: Vec<_> = files(inventory, FileKind::Nginx).collect();
    let Some(file) = all.iter().find(|it| it.text.contains("proxy_pass")) else {
        return;
    };
    let is_it = |statement: &str| statement.trim().starts_with("proxy_read_timeout");
    let said = all.iter().find_map(|it| {
        let mut statements = it.text.split([';', '{', '}', '\n']);
        let value = statements
            .find(|it| is_it(it))?
            .split_once("proxy_read_timeout")?
            .1;
        Some((*it, nginx_seconds(value)))
    });
    let (place, seconds) = match said {
        // A value with variables in it can't be told.
        Some((_, None)) => return,
        Some((file, Some(seconds))) => (line_of(file, is_it), seconds),
        None => (line_of(file, |it| it.contains("proxy_pass")), NGINX_SECONDS),
    };
    let Some(works) = number_or(api, "GUNICORN_TIMEOUT", GUNICORN_SECONDS) else {
        return;
    };
    let needed = if on_azure(inventory) {
        works.min(INGRESS_SECONDS)
    } else {
        works
    };
    if seconds < needed {
        let message = format!(
            "nginx gives up after {seconds} seconds without an answer, but the API may work for {works}"
        );
        found
            .push(&place, message)
            .see(api.place_of("GUNICORN_TIMEOUT"), "the API");
    }
}

/// Seconds of a timeout in a squid file; squid's own default where there is none.
fn squid_timeout(text: &str, name: &str) -> Option<f64> {
    let line = text
        .lines()
        .rev()
        .find_map(|line| line.trim().strip_prefix(name))?;
    let mut words = line.split_whitespace();
    let number: f64 = words.next()?.parse().ok()?;
    let unit = match words.next().unwrap_or("seconds") {
        word if word.starts_with("min") => 60.0,
        word if word.starts_with("hour") => 3600.0,
        _ => 1.0,
    };
    Some(number * unit)
}

fn timeouts(inventory: &Inventory, found: &mut Findings) {
    let file = files(inventory, FileKind::Squid).next();
    let from_variable = inventory.of(PROXY).find_map(|(_, it)| {
        it.literal("SSRF_READ_TIMEOUT")?
            .split_whitespace()
            .next()?
            .parse()
            .ok()
    });
    // Dify's own file says two minutes, squid without one fifteen.
    let squid = file
        .and_then(|it| squid_timeout(&it.text, "read_timeout "))
        .or(from_variable)
        .or(file.map(|_| 900.0));
    let Some(squid) = squid else {
        return;
    };
    for (workload, container) in services_of_application(inventory) {
        let Some(variable) = filled(container, "HTTP_REQUEST_MAX_READ_TIMEOUT") else {
            continue;
        };
        let node = variable
            .value
            .literal()
            .and_then(|it| it.parse::<f64>().ok());
        if let Some(node) = node.filter(|node| *node > squid) {
            let message = format!(
                "HTTP nodes of `{}` may wait for {node} seconds, but squid gives up after {squid}",
                label(workload, container)
            );
            let finding = found.push(&variable.place, message);
            if let Some(file) = file {
                let place = line_of(file, |line| line.trim().starts_with("read_timeout "));
                finding.see(&place, "squid's timeout");
            }
        }
    }
}

fn streams(inventory: &Inventory, found: &mut Findings) {
    if !on_azure(inventory) {
        return;
    }
    for (workload, container) in inventory.of(API) {
        for name in [
            "APP_MAX_EXECUTION_TIME",
            "GUNICORN_TIMEOUT",
            "WORKFLOW_MAX_EXECUTION_TIME",
        ] {
            let Some(variable) = filled(container, name) else {
                continue;
            };
            let seconds = variable
                .value
                .literal()
                .and_then(|it| it.parse::<f64>().ok());
            if let Some(seconds) = seconds.filter(|it| *it > INGRESS_SECONDS) {
                let message = format!(
                    "`{name}` of `{}` is {seconds} seconds; the front door cuts a request after 240",
                    label(workload, container)
                );
                found.push(&variable.place, message);
            }
        }
    }
}
