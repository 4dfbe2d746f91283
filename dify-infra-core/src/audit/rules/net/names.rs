//! Names of apps, and what nginx makes of them.

use std::collections::HashSet;
use std::net::IpAddr;

use super::super::calls::{self, Target};
use super::super::nginx::{self, forwards};
use super::super::on_azure;
use super::{ERROR, WARNING};
use crate::audit::inventory::{Inventory, WorkloadKind};
use crate::audit::report::Findings;
use crate::check::rule::{Rule, Sample};

/// Characters of an app's name at most.
pub(super) const LONGEST_NAME: usize = 32;

pub(super) const APP_NAME: Rule = Rule {
    id: "NET111",
    title: "App names are ones that Container Apps takes",
    why: "Names have 2 to 32 small letters, digits and hyphens. `plugin_daemon` and `ssrf_proxy` of \
          compose are refused, and an nginx that forwards to them does not start.",
    source: "microsoft/azure-container-apps#1103; Azure/azure-cli-extensions#5555; nikawang/dify-azure-terraform#13",
    fix: "Use hyphens, and shorten the prefix.",
    bad: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-web", "$name": "dify_web"}]"#,
    ),
    good: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-web", "$name": "dify-web"}]"#,
    ),
    audit: Some(app_name),
    ..ERROR
};

pub(super) const HOST_HEADER: Rule = Rule {
    id: "NET114",
    title: "nginx tells an http ingress the app's own host",
    why: "The environment finds the app by the Host header. An nginx that passes the visitor's host on \
          gets 404 for every request.",
    source: "microsoft/azure-container-apps#1298, #1315",
    fix: "Set `proxy_set_header Host` to the target's name, or give the target a tcp ingress.",
    bad: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-web", "properties": {"configuration": {"ingress": {"transport": "http", "exposedPort": null, "allowInsecure": true}}, "template": {"scale": {"rules": null}}}}, {"type": "Microsoft.App/containerApps", "name": "dify-dev-nginx", "properties": {"configuration": {"secrets": [{"name": "file-nginx-conf", "value": "location / { resolver 1.1.1.1; set $web dify-dev-web; proxy_set_header Host $host; proxy_pass http://$web; }"}]}}}]"#,
    ),
    good: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-web", "properties": {"configuration": {"ingress": {"transport": "http", "exposedPort": null, "allowInsecure": true}}, "template": {"scale": {"rules": null}}}}, {"type": "Microsoft.App/containerApps", "name": "dify-dev-nginx", "properties": {"configuration": {"secrets": [{"name": "file-nginx-conf", "value": "location / { resolver 1.1.1.1; set $web dify-dev-web; proxy_set_header Host $web; proxy_pass http://$web; }"}]}}}]"#,
    ),
    audit: Some(host_header),
    ..ERROR
};

pub(super) const OLD_ADDRESS: Rule = Rule {
    id: "NET115",
    title: "nginx looks names up again",
    why: "nginx resolves a name in `proxy_pass` or `upstream` once, when it starts. A service that is \
          restarted under another address gives 502 until nginx is restarted as well.",
    source: "langgenius/dify#40448, #40808, PR #39155",
    fix: "Set a `resolver` and put the upstream into a variable: `proxy_pass $upstream;`.",
    bad: Sample::compose(
        "services:\n  nginx:\n    volumes: [\"./old-nginx.conf:/etc/nginx/conf.d/default.conf\"]",
    ),
    good: Sample::compose(
        "services:\n  nginx:\n    volumes: [\"./nginx.conf:/etc/nginx/conf.d/default.conf\"]",
    ),
    audit: Some(old_address),
    ..WARNING
};

fn app_name(inventory: &Inventory, found: &mut Findings) {
    for workload in &inventory.workloads {
        if workload.kind == WorkloadKind::ComposeService {
            continue;
        }
        let Some(name) = workload.name.literal() else {
            continue;
        };
        let letters = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let problem = if name.len() > LONGEST_NAME {
            Some(format!(
                "has {} characters; {LONGEST_NAME} are allowed",
                name.len()
            ))
        } else if let Some(wrong) = name.chars().find(|c| !letters(*c)) {
            Some(format!("has `{wrong}` in it"))
        } else if !name.starts_with(|c: char| c.is_ascii_lowercase()) || name.ends_with('-') {
            Some("must begin with a letter and not end with a hyphen".to_owned())
        } else if name.contains("--") {
            Some("has two hyphens in a row".to_owned())
        } else {
            None
        };
        if let Some(problem) = problem {
            found.push(
                &workload.place.key("name"),
                format!("the name `{name}` {problem}"),
            );
        }
    }
    underscores_of_nginx(inventory, found);
}

/// Hosts with underscores in an nginx file of Container Apps.
fn underscores_of_nginx(inventory: &Inventory, found: &mut Findings) {
    if !on_azure(inventory) {
        return;
    }
    for (_, forward) in forwards(inventory) {
        let host = forward.host();
        if let Some(host) = host.literal().filter(|it| it.contains('_')) {
            let message = format!("nginx forwards to `{host}`, which can't be an app's name");
            found.push(&forward.place(), message);
        }
    }
}

fn host_header(inventory: &Inventory, found: &mut Findings) {
    if !on_azure(inventory) {
        return;
    }
    let names = calls::Names::of(inventory);
    for nginx in nginx::all(inventory) {
        for pass in nginx.passes() {
            if !nginx.host_header(&pass).is_some_and(is_of_visitor) {
                continue;
            }
            for forward in pass.forwards.iter().filter(|it| it.is_whole) {
                let host = forward.host();
                let Target::Workload(target, _) = names.target_of(nginx.workload, &host) else {
                    continue;
                };
                if calls::speaks_tcp(target) == Some(false) {
                    let host = host.shown();
                    let message =
                        format!("nginx passes the visitor's host on to the http app `{host}`");
                    found
                        .push(&forward.place(), message)
                        .see(&target.place, format!("`{host}`"));
                }
            }
        }
    }
}

/// Whether the value of a `Host` header is what the visitor asked for.
fn is_of_visitor(value: &str) -> bool {
    value.split('$').skip(1).any(|it| {
        let it = it.trim_start_matches('{');
        let end = it.find(|it: char| !it.is_ascii_alphanumeric() && it != '_');
        let name = &it[..end.unwrap_or(it.len())];
        ["host", "http_host", "server_name"].contains(&name)
    })
}

fn old_address(inventory: &Inventory, found: &mut Findings) {
    let mut told = HashSet::new();
    for (_, forward) in forwards(inventory) {
        let host = forward.host();
        let Some(name) = host.literal().filter(|it| is_looked_up(it)) else {
            continue;
        };
        let file = std::ptr::from_ref(forward.file);
        if !forward.is_looked_up_again && told.insert(file) {
            let message = format!("nginx looks `{name}` up once, when it starts");
            found.push(&forward.place(), message);
        }
    }
}

/// Whether a host is a name that a name server is asked for.
fn is_looked_up(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host != "localhost" && !host.is_empty() && address.parse::<IpAddr>().is_err()
}
