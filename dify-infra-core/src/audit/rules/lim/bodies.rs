//! How large a request may be on each stage of its way.

use std::collections::HashSet;

use super::super::calls::Names;
use super::super::nginx::{self, Nginx, Pass};
use super::super::{API, DAEMON, NGINX, label, number_or};
use super::behind::{Behind, behind};
use super::timeouts::INGRESS_SECONDS;
use super::{ERROR, WARNING};
use crate::audit::inventory::{Container, Fact, Inventory};
use crate::audit::place::Place;
use crate::audit::report::Findings;
use crate::check::rule::{Rule, Sample};

const MEGABYTE: f64 = 1_048_576.0;

pub(super) const BODIES: Rule = Rule {
    id: "LIM105",
    title: "nginx lets through what the API takes",
    why: "nginx refuses bodies above `client_max_body_size`, 1 MB unless it is set, with 413: uploads fail \
          that the API would take.",
    source: "langgenius/dify#20869, #12376; langgenius/dify-plugin-daemon#405",
    fix: "Set `client_max_body_size 100M` or more.",
    fix_in_file: Some(
        "Lower the limit of the API, or add routes to it with a larger `max_body_size` for the paths that take \
         files: `/console/api/`, `/v1/`, `/api/` and `/files/`.",
    ),
    bad: Sample::compose(
        "services:\n  nginx:\n    volumes: [\"./small-nginx.conf:/etc/nginx/conf.d/default.conf\"]",
    ),
    good: Sample::compose(
        "services:\n  nginx:\n    volumes: [\"./nginx.conf:/etc/nginx/conf.d/default.conf\"]",
    ),
    audit: Some(bodies),
    ..ERROR
};

pub(super) const PACKAGES: Rule = Rule {
    id: "LIM111",
    title: "API and plugin daemon take packages of one size",
    why: "The API's limit is 15 MiB unless it is set, the daemon's 50: packages between the two fail \
          half-way, with 413 or without a word.",
    source: "langgenius/dify-plugin-daemon#405; langgenius/dify 1.16.0 api/configs/feature",
    fix: "Set `PLUGIN_MAX_PACKAGE_SIZE` on api and worker and `MAX_PLUGIN_PACKAGE_SIZE` on the daemon to \
          the same number.",
    fix_in_file: Some(
        "Set `PLUGIN_MAX_PACKAGE_SIZE` under `services.api.env` and `services.worker.env` and \
         `MAX_PLUGIN_PACKAGE_SIZE` under `services.plugin_daemon.env` to the same number.",
    ),
    bad: Sample::compose(
        "services:\n  plugin_daemon:\n    environment:\n      MAX_PLUGIN_PACKAGE_SIZE: \"15728640\"",
    ),
    good: Sample::compose(
        "services:\n  plugin_daemon:\n    environment:\n      MAX_PLUGIN_PACKAGE_SIZE: \"52428800\"",
    ),
    audit: Some(packages),
    ..WARNING
};

pub(super) const GATEWAY: Rule = Rule {
    id: "LIM115",
    title: "A gateway lets through what the API takes, for as long as it takes",
    why: "Its firewall refuses larger files with 413, and its backend settings end an answer after 20 seconds \
          unless they are told otherwise: uploads and long answers fail that work inside.",
    source: "learn.microsoft.com web-application-firewall/ag/application-gateway-waf-request-size-limits; \
             learn.microsoft.com application-gateway/configuration-http-settings; langgenius/dify#20869",
    fix: "Set `fileUploadLimitInMb` to 100 or more, and `requestTimeout` to 240.",
    fix_in_file: Some(
        "Set `gateway.max_file_upload` to what the API and its routes take, and `gateway.request_timeout` to 240.",
    ),
    bad: Sample::resources(
        r#"[{"$add": true, "type": "Microsoft.Network/ApplicationGatewayWebApplicationFirewallPolicies", "name": "waf", "properties": {"policySettings": {"state": "Enabled", "mode": "Prevention", "requestBodyCheck": true, "fileUploadLimitInMb": 10}}}]"#,
    ),
    good: Sample::resources(
        r#"[{"$add": true, "type": "Microsoft.Network/ApplicationGatewayWebApplicationFirewallPolicies", "name": "waf", "properties": {"policySettings": {"state": "Enabled", "mode": "Prevention", "requestBodyCheck": true, "fileUploadLimitInMb": 100}}}]"#,
    ),
    audit: Some(gateway),
    ..WARNING
};

/// What decides the largest upload of an API, and its megabytes.
fn largest_upload(api: &Container) -> (&'static str, f64) {
    // Files of a knowledge base have 15 MB, batches are of one file each; packages 15 MiB.
    let upload = number_or(api, "UPLOAD_FILE_SIZE_LIMIT", 15.0);
    let package =
        number_or(api, "PLUGIN_MAX_PACKAGE_SIZE", 15.0 * MEGABYTE).map(|it| it / MEGABYTE);
    let most = upload.into_iter().chain(package).fold(0.0, f64::max);
    let name = if upload == Some(most) {
        "UPLOAD_FILE_SIZE_LIMIT"
    } else {
        "PLUGIN_MAX_PACKAGE_SIZE"
    };
    (name, most)
}

fn gateway(inventory: &Inventory, found: &mut Findings) {
    let api = inventory.of(API).next().map(|(_, api)| api);
    let passed = largest_passed(inventory);
    for gateway in &inventory.gateways {
        if let Fact::Known(limit, place) = &gateway.upload {
            let upload = api.map(|api| (api, largest_upload(api)));
            if let Some((api, (name, most))) = upload.filter(|(_, (_, most))| limit < most) {
                let message =
                    format!("the gateway takes files of {limit} MB, but the API of {most} MB");
                found
                    .push(place, message)
                    .see(api.place_of(name), format!("{name} of the API: {most} MB"));
            } else if let Some(most) = passed.as_ref().filter(|it| *limit < it.megabytes) {
                let message = format!(
                    "the gateway takes files of {limit} MB, but nginx bodies of {} MB",
                    shown(most.megabytes)
                );
                found.push(place, message).see(&most.place, "nginx");
            }
        }
        for (seconds, place) in &gateway.timeouts {
            if *seconds < INGRESS_SECONDS
                && let Some(api) = api
            {
                let message = format!(
                    "the gateway gives up after {seconds} seconds, before the environment's entry does after 240"
                );
                found
                    .push(place, message)
                    .see(&api.place, "the API, whose answers take longer")
                    .with_help("set `requestTimeout` to 240");
            }
        }
    }
}

/// What nginx lets through at a `proxy_pass`.
struct Allowed {
    megabytes: f64,
    /// Where that is said, or the `proxy_pass` where it is not.
    place: Place,
    is_said: bool,
}

/// What nginx lets through at a `proxy_pass`; nothing when that can't be told.
fn allowed(inventory: &Inventory, nginx: &Nginx<'_>, pass: &Pass<'_>) -> Option<Allowed> {
    const VARIABLE: &str = "NGINX_CLIENT_MAX_BODY_SIZE";
    let of = |value: &str, place: &Place| {
        let bytes = nginx::bytes(value)?;
        Some(Allowed {
            // 0 is no limit.
            megabytes: if bytes == 0.0 {
                f64::INFINITY
            } else {
                bytes / MEGABYTE
            },
            place: place.clone(),
            is_said: true,
        })
    };
    if let Some(setting) = nginx.setting(pass, "client_max_body_size") {
        return of(setting.value, &setting.place);
    }
    let mut variables = inventory
        .of(NGINX)
        .filter_map(|(_, it)| it.variable(VARIABLE));
    if let Some(variable) = variables.next() {
        return of(variable.value.literal()?, &variable.place);
    }
    Some(Allowed {
        megabytes: 1.0,
        place: pass.place.clone(),
        is_said: false,
    })
}

/// The most that nginx says to let through anywhere, when that is bounded.
fn largest_passed(inventory: &Inventory) -> Option<Allowed> {
    let mut most: Option<Allowed> = None;
    for nginx in nginx::all(inventory) {
        for pass in nginx.passes() {
            let allowed = allowed(inventory, &nginx, &pass);
            let allowed = allowed.filter(|it| it.is_said && it.megabytes.is_finite());
            if let Some(allowed) = allowed
                && most
                    .as_ref()
                    .is_none_or(|it| it.megabytes < allowed.megabytes)
            {
                most = Some(allowed);
            }
        }
    }
    most
}

/// Megabytes without more digits than tell something.
fn shown(megabytes: f64) -> String {
    let text = format!("{megabytes:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn bodies(inventory: &Inventory, found: &mut Findings) {
    let names = Names::of(inventory);
    for nginx in nginx::all(inventory) {
        let mut told = HashSet::new();
        let longest = longest_locations(&nginx);
        for Behind { pass, container } in behind(inventory, &names, &nginx) {
            let location = nginx.location(&pass).unwrap_or_default();
            let is_reached = container.role == DAEMON || takes_uploads(&location, &longest);
            let Some((name, most)) = needed(container).filter(|_| is_reached) else {
                continue;
            };
            let Some(allowed) = allowed(inventory, &nginx, &pass) else {
                continue;
            };
            let said = allowed.is_said.then(|| allowed.place.to_string());
            if allowed.megabytes < most && told.insert((name, said)) {
                let limit = shown(allowed.megabytes);
                let role = container.role.as_str();
                let message = match location.as_str() {
                    "" => format!(
                        "nginx takes bodies of {limit} MB, but the {role} of {} MB",
                        shown(most)
                    ),
                    it => format!(
                        "nginx takes bodies of {limit} MB at `{it}`, but the {role} of {} MB",
                        shown(most)
                    ),
                };
                let other = format!("{name} of the {role}: {} MB", shown(most));
                let finding = if container.role == DAEMON {
                    found.warn(&allowed.place, message)
                } else {
                    found.push(&allowed.place, message)
                };
                finding
                    .see(container.place_of(name), other)
                    .about(&location);
            }
        }
    }
}

/// Where files are sent to (langgenius/dify 1.16.0 api/controllers).
const UPLOADS: [&str; 6] = [
    "/api/files/upload",
    "/console/api/files/upload",
    "/console/api/workspaces/current/plugin/upload/",
    "/files/upload/for-plugin",
    "/v1/datasets/",
    "/v1/files/upload",
];

/// Other paths of Dify, where nothing as large is sent to (langgenius/dify 1.16.0 docker/nginx/conf.d).
const OTHERS: [&str; 4] = ["/explore", "/mcp", "/openapi", "/triggers"];

/// For each of [`UPLOADS`] the length of the longest location that takes it.
fn longest_locations(nginx: &Nginx<'_>) -> [usize; UPLOADS.len()] {
    let mut longest = [0; UPLOADS.len()];
    for pass in nginx.passes() {
        let location = nginx.location(&pass).unwrap_or_default();
        let path = prefix(&location);
        for (upload, most) in UPLOADS.iter().zip(&mut longest) {
            if upload.starts_with(path) {
                *most = path.len().max(*most);
            }
        }
    }
    longest
}

/// The path of a location that compares beginnings.
fn prefix(location: &str) -> &str {
    location.strip_prefix("^~ ").unwrap_or(location)
}

/// Whether files may come through a location of the API: all that are known to come there may go through longer
/// ones. One of paths that are not Dify's own may rewrite them.
fn takes_uploads(location: &str, longest: &[usize; UPLOADS.len()]) -> bool {
    if let Some(path) = location.strip_prefix("= ") {
        return path.contains("upload");
    }
    let path = prefix(location);
    let mut here = UPLOADS.iter().zip(longest);
    let mut here = here
        .by_ref()
        .filter(|(it, _)| it.starts_with(path))
        .peekable();
    if here.peek().is_none() {
        return !OTHERS.iter().any(|it| path.starts_with(it));
    }
    here.any(|(_, most)| *most == path.len())
}

/// What a service takes: the variable that decides it, and its megabytes.
fn needed(container: &Container) -> Option<(&'static str, f64)> {
    match container.role {
        API => Some(largest_upload(container)),
        DAEMON => {
            let name = "MAX_PLUGIN_PACKAGE_SIZE";
            Some((
                name,
                number_or(container, name, 50.0 * MEGABYTE)? / MEGABYTE,
            ))
        }
        _ => None,
    }
}

fn packages(inventory: &Inventory, found: &mut Findings) {
    let Some((_, daemon)) = inventory.of(DAEMON).next() else {
        return;
    };
    let Some(daemons) = number_or(daemon, "MAX_PLUGIN_PACKAGE_SIZE", 52_428_800.0) else {
        return;
    };
    for (workload, container) in inventory.of(API) {
        let own = number_or(container, "PLUGIN_MAX_PACKAGE_SIZE", 15_728_640.0);
        if let Some(own) = own.filter(|own| (own - daemons).abs() > 0.5) {
            let message = format!(
                "`{}` takes packages of {own} bytes, the plugin daemon of {daemons}",
                label(workload, container)
            );
            let place = container.place_of("PLUGIN_MAX_PACKAGE_SIZE");
            found.push(place, message).see(
                daemon.place_of("MAX_PLUGIN_PACKAGE_SIZE"),
                "the plugin daemon",
            );
        }
    }
}
