//! How long each stage of a request's way waits.

use std::collections::HashSet;

use super::super::calls::Names;
use super::super::nginx::{self, Nginx, Pass};
use super::super::squid::{Said, Squid};
use super::super::{
    API, DAEMON, NGINX as NGINX_SERVICE, PROXY, WORKER, filled, label, number_or, on_azure,
};
use super::behind::{Behind, behind};
use super::{NOTE, WARNING};
use crate::audit::inventory::{Container, Inventory};
use crate::audit::place::Place;
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
    fix_in_file: Some(
        "Set `HTTP_REQUEST_MAX_READ_TIMEOUT` to 660 or less, which is what the proxy waits; or remove it: Dify's own \
         limit is 600.",
    ),
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
    good: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-api", "properties": {"template": {"containers": [{"name": "api", "env": [{"name": "APP_MAX_EXECUTION_TIME", "value": "240"}]}]}}}]"#,
    ),
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
    fix: "Set `proxy_read_timeout 3600s`, or at least what `GUNICORN_TIMEOUT` and `HTTP_REQUEST_MAX_READ_TIMEOUT` of the API say.",
    bad: Sample::compose(
        "services:\n  nginx:\n    volumes: [\"./hasty-nginx.conf:/etc/nginx/conf.d/default.conf\"]",
    ),
    good: Sample::compose(
        "services:\n  nginx:\n    volumes: [\"./nginx.conf:/etc/nginx/conf.d/default.conf\"]",
    ),
    audit: Some(nginx),
    ..WARNING
};

pub(super) const NODES: Rule = Rule {
    id: "LIM116",
    title: "No HTTP node waits longer than the front door",
    why: "The environment's http entry cuts every request after 240 seconds. Where node and proxy wait longer, \
          the caller gets 504 while the workflow goes on for nobody.",
    source: "microsoft/azure-container-apps#597, #616, #1543, #1637; langgenius/dify#41011",
    fix: "Set `HTTP_REQUEST_MAX_READ_TIMEOUT` to 240 or less, or start such workflows by triggers, which wait \
          for no answer.",
    bad: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-api", "properties": {"template": {"containers": [{"name": "api", "env": [{"name": "HTTP_REQUEST_MAX_READ_TIMEOUT", "value": "241"}]}]}}}]"#,
    ),
    good: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-api", "properties": {"template": {"containers": [{"name": "api", "env": [{"name": "HTTP_REQUEST_MAX_READ_TIMEOUT", "value": "240"}]}]}}}]"#,
    ),
    audit: Some(nodes),
    ..NOTE
};

/// Seconds without an answer after which nginx gives up when nothing is said.
const NGINX_SECONDS: f64 = 60.0;

/// Seconds after which a silent worker of the API is ended when nothing is said
/// (langgenius/dify 1.16.0 api/docker/entrypoint.sh).
const GUNICORN_SECONDS: f64 = 200.0;

/// Seconds that an HTTP node may wait when nothing is said (langgenius/dify 1.16.0 api/configs/feature).
const NODE_SECONDS: f64 = 600.0;

/// Seconds of a call of a plugin at most when nothing is said
/// (langgenius/dify-plugin-daemon 0.6.3 internal/types/app/default.go).
const PLUGIN_SECONDS: f64 = 600.0;

/// What something is given time for.
struct Needed {
    seconds: f64,
    /// As it follows "but".
    what: String,
    /// Where that is said, with what stands there.
    places: Vec<(Place, &'static str)>,
}

/// How long an answer of the API may take: as long as its workers live, or as an HTTP node waits.
fn needed_by_api(api: &Container, squid: Option<&Said>) -> Option<Needed> {
    let works = number_or(api, "GUNICORN_TIMEOUT", GUNICORN_SECONDS);
    let works = works.map(|seconds| Needed {
        seconds,
        what: format!("the API may work for {seconds}"),
        places: vec![(api.place_of("GUNICORN_TIMEOUT").clone(), "the API")],
    });
    let waits = node_wait(api, squid);
    works
        .into_iter()
        .chain(waits)
        .max_by(|one, other| one.seconds.total_cmp(&other.seconds))
}

/// How long an HTTP node may wait: no longer than the proxy.
fn node_wait(api: &Container, squid: Option<&Said>) -> Option<Needed> {
    let own = number_or(api, NODE, NODE_SECONDS)?;
    let mut places = vec![(api.place_of(NODE).clone(), "the node's timeout")];
    let seconds = match squid {
        Some(squid) => {
            places.push((squid.place.clone(), "squid's timeout"));
            own.min(squid.number)
        }
        None => own,
    };
    Some(Needed {
        seconds,
        what: format!("an HTTP node of the API may wait for {seconds}"),
        places,
    })
}

/// The limit of what an HTTP node may be told to wait.
const NODE: &str = "HTTP_REQUEST_MAX_READ_TIMEOUT";

fn nginx(inventory: &Inventory, found: &mut Findings) {
    let names = Names::of(inventory);
    let squid = squid(inventory);
    for nginx in nginx::all(inventory) {
        let mut told = HashSet::new();
        for Behind {
            pass, container, ..
        } in behind(inventory, &names, &nginx)
        {
            let needed = match container.role {
                API => needed_by_api(container, squid.as_ref()),
                DAEMON => needed_by_daemon(container),
                _ => None,
            };
            let (Some(needed), Some((seconds, said))) =
                (needed, patience(inventory, &nginx, &pass))
            else {
                continue;
            };
            let most = if on_azure(inventory) {
                needed.seconds.min(INGRESS_SECONDS)
            } else {
                needed.seconds
            };
            let key = (container.role.as_str(), said.as_ref().map(Place::to_string));
            if seconds < most && told.insert(key) {
                let message = format!(
                    "nginx gives up after {seconds} seconds without an answer, but {}",
                    needed.what
                );
                let finding = found.push(said.as_ref().unwrap_or(&pass.place), message);
                for (place, what) in &needed.places {
                    finding.see(place, *what);
                }
            }
        }
    }
}

fn needed_by_daemon(daemon: &Container) -> Option<Needed> {
    const NAME: &str = "PLUGIN_MAX_EXECUTION_TIMEOUT";
    let seconds = number_or(daemon, NAME, PLUGIN_SECONDS)?;
    Some(Needed {
        seconds,
        what: format!("a plugin may work for {seconds}"),
        places: vec![(daemon.place_of(NAME).clone(), "the plugin daemon")],
    })
}

/// How long nginx waits at a `proxy_pass`, and where that is said; nothing when it can't be told.
fn patience(
    inventory: &Inventory,
    nginx: &Nginx<'_>,
    pass: &Pass<'_>,
) -> Option<(f64, Option<Place>)> {
    if let Some(setting) = nginx.setting(pass, "proxy_read_timeout") {
        return Some((nginx::seconds(setting.value)?, Some(setting.place)));
    }
    let mut variables = inventory.of(NGINX_SERVICE);
    let variable = variables.find_map(|(_, it)| it.variable("NGINX_PROXY_READ_TIMEOUT"));
    match variable {
        Some(it) => Some((nginx::seconds(it.value.literal()?)?, Some(it.place.clone()))),
        None => Some((NGINX_SECONDS, None)),
    }
}

/// Seconds after which squid gives up on a silent destination, by its file or its container's variable.
fn squid(inventory: &Inventory) -> Option<Said> {
    let mut proxies = inventory.of(PROXY);
    let file = proxies.find_map(|(workload, _)| Squid::of(inventory, workload));
    if let Some(file) = file.as_ref().filter(|it| it.says_read_timeout()) {
        return file.read_timeout();
    }
    let from_variable = inventory.of(PROXY).find_map(|(_, it)| {
        let variable = it.variable("SSRF_READ_TIMEOUT")?;
        let number = variable.value.literal()?.split_whitespace().next()?;
        Some(Said {
            number: number.parse().ok()?,
            place: variable.place.clone(),
        })
    });
    from_variable.or_else(|| file?.read_timeout())
}

fn timeouts(inventory: &Inventory, found: &mut Findings) {
    let Some(squid) = squid(inventory) else {
        return;
    };
    for (workload, container) in inventory.containers() {
        if ![API, WORKER].contains(&container.role) {
            continue;
        }
        let node = number_or(container, NODE, NODE_SECONDS);
        if let Some(node) = node.filter(|node| *node > squid.number) {
            let message = format!(
                "HTTP nodes of `{}` may wait for {node} seconds, but squid gives up after {}",
                label(workload, container),
                squid.number
            );
            found
                .push(container.place_of(NODE), message)
                .see(&squid.place, "squid's timeout");
        }
    }
}

fn nodes(inventory: &Inventory, found: &mut Findings) {
    if !on_azure(inventory) {
        return;
    }
    let squid = squid(inventory);
    for (workload, container) in inventory.of(API) {
        let wait = node_wait(container, squid.as_ref());
        let Some(wait) = wait.filter(|it| it.seconds > INGRESS_SECONDS) else {
            continue;
        };
        let message = format!(
            "an HTTP node of `{}` may wait for {} seconds; the front door cuts a request after 240",
            label(workload, container),
            wait.seconds
        );
        let [(place, _), others @ ..] = wait.places.as_slice() else {
            continue;
        };
        let finding = found.push(place, message);
        for (place, what) in others {
            finding.see(place, *what);
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
