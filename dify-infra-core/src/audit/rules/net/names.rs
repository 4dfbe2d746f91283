//! Names of apps, and what nginx makes of them.

use super::super::calls::{self, Target};
use super::super::nginx::forwards;
use super::super::{at_line, files, line_of, on_azure};
use super::{ERROR, WARNING};
use crate::audit::inventory::{FileKind, Inventory, TextFile, WorkloadKind};
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
    good: Sample::resources("[]"),
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
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-web", "properties": {"configuration": {"ingress": {"transport": "http", "exposedPort": null, "allowInsecure": true}}}}, {"type": "Microsoft.App/containerApps", "name": "dify-dev-nginx", "properties": {"configuration": {"secrets": [{"name": "file-nginx-conf", "value": "location / { proxy_set_header Host $host; proxy_pass http://dify-dev-web; resolver 1.1.1.1; }"}]}}}]"#,
    ),
    good: Sample::resources("[]"),
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
    good: Sample::compose("services:\n  nginx:\n    environment: {}"),
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
    for file in files(inventory, FileKind::Nginx) {
        for host in forwarded_hosts(&file.text) {
            if host.contains('_') && !host.contains('$') {
                let message = format!("nginx forwards to `{host}`, which can't be an app's name");
                found.push(&line_of(file, |line| line.contains(host)), message);
            }
        }
    }
}

/// Hosts behind `proxy_pass` and `server` of an nginx file.
fn forwarded_hosts(text: &str) -> Vec<&str> {
    let mut hosts = Vec::new();
    for statement in text.split([';', '{', '}']) {
        let words: Vec<&str> = statement.split_whitespace().collect();
        let ([.., "proxy_pass", value] | ["server", value, ..]) = words.as_slice() else {
            continue;
        };
        let host = value.split_once("://").map_or(*value, |(_, rest)| rest);
        let host = host.split(['/', ':']).next().unwrap_or_default();
        if !host.is_empty() {
            hosts.push(host);
        }
    }
    hosts
}

fn host_header(inventory: &Inventory, found: &mut Findings) {
    if !on_azure(inventory) {
        return;
    }
    let names = calls::Names::of(inventory);
    let passes_on: Vec<&TextFile> = files(inventory, FileKind::Nginx)
        .filter(|file| {
            ["Host $host", "Host $http_host", "Host $server_name"]
                .iter()
                .any(|header| file.text.contains(header))
        })
        .collect();
    for forward in forwards(inventory) {
        if !passes_on.iter().any(|it| std::ptr::eq(*it, forward.file)) {
            continue;
        }
        let host = forward.host();
        let caller = forward.file.workload;
        let caller = caller.and_then(|it| inventory.workloads.get(it));
        let Target::Workload(target, _) = names.target_of(caller, &host) else {
            continue;
        };
        if calls::speaks_tcp(target) == Some(false) {
            let host = host.shown();
            let message = format!("nginx passes the visitor's host on to the http app `{host}`");
            found
                .push(&at_line(forward.file, forward.line), message)
                .see(&target.place, format!("`{host}`"));
        }
    }
}

fn old_address(inventory: &Inventory, found: &mut Findings) {
    let all: Vec<_> = files(inventory, FileKind::Nginx).collect();
    let resolves = all
        .iter()
        .any(|it| it.text.split_whitespace().any(|word| word == "resolver"));
    for file in all {
        let fixed = forwarded_hosts(&file.text)
            .into_iter()
            .find(|host| !host.contains('$') && !host.starts_with("unix") && *host != "localhost");
        if let Some(host) = fixed.filter(|_| !resolves) {
            let message = format!("nginx looks `{host}` up once, when it starts");
            found.push(&line_of(file, |line| line.contains(host)), message);
        }
    }
}
