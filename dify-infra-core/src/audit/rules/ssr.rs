//! The proxy.

use super::super::inventory::{FileKind, Inventory};
use super::super::proxies::judged;
use super::super::report::Findings;
use super::calls::speaks_tcp;
use super::{PROXY, SANDBOX, filled, is_before, is_true, label, lacks, services_of_application};
use crate::catalogue::Version;
use crate::check::rule::{Family, Rule, Sample};
use crate::check::ssr;
use crate::diagnostic::{Diagnostic, Severity};
use crate::egress::SquidFindings;

const ERROR: Rule = Rule::of(Family::Ssr, Severity::Error);

/// All rules of the family.
pub(super) const RULES: &[&Rule] = &[
    &BOTH_URLS,
    &TCP,
    &OWN_FILE,
    &POLICY,
    &SANDBOX_PROXY,
    &NETWORK,
];

const BOTH_URLS: Rule = Rule {
    id: "SSR101",
    title: "HTTP nodes go through the proxy",
    why: "The API uses the proxy only when `SSRF_PROXY_HTTP_URL` and `SSRF_PROXY_HTTPS_URL` are both set; \
          with one alone every request goes out directly, to private addresses too.",
    source: "langgenius/dify 1.16.0 api/core/helper/ssrf_proxy.py",
    fix: "Set both on api and worker to the proxy's address.",
    bad: Sample::compose(
        "services:\n  api:\n    environment:\n      SSRF_PROXY_HTTPS_URL: !reset null",
    ),
    good: Sample::compose(
        "services:\n  api:\n    environment:\n      SSRF_PROXY_HTTPS_URL: http://ssrf_proxy:3128",
    ),
    audit: Some(both_urls),
    ..ERROR
};

const TCP: Rule = Rule {
    id: "SSR102",
    title: "The proxy has a tcp ingress",
    why: "Https goes through a proxy with CONNECT, which an http ingress does not carry, and its port 3128 \
          does not exist there: HTTP nodes time out.",
    source: "langgenius/dify#6244; nikawang/dify-azure-terraform#1",
    fix: "Set `transport: tcp` with `exposedPort: 3128`.",
    bad: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-ssrf-proxy", "properties": {"configuration": {"ingress": {"transport": "auto", "exposedPort": null}}}}]"#,
    ),
    good: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-ssrf-proxy", "properties": {"configuration": {"ingress": {"transport": "tcp", "exposedPort": 3128}}}}]"#,
    ),
    audit: Some(tcp),
    ..ERROR
};

const OWN_FILE: Rule = Rule {
    id: "SSR103",
    title: "squid runs with a file of its own",
    why: "The image's own file lets every private client reach everything, the metadata address included, \
          or refuses everybody: none of Dify's rules is in it.",
    source: "langgenius/dify docker/ssrf_proxy/squid.conf.template; nine public deployments, eight without a deny",
    fix: "Mount a squid.conf and start squid with it.",
    bad: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-ssrf-proxy", "properties": {"configuration": {"secrets": null}, "template": {"volumes": null, "containers": [{"name": "ssrf-proxy", "volumeMounts": null, "command": null, "args": null}]}}}]"#,
    ),
    good: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-ssrf-proxy", "properties": {"template": {"volumes": [{"name": "configuration", "storageType": "Secret", "secrets": [{"secretRef": "file-squid-conf", "path": "squid.conf"}]}], "containers": [{"name": "ssrf-proxy", "volumeMounts": [{"volumeName": "configuration", "mountPath": "/etc/squid"}], "command": null, "args": ["-f", "/etc/squid/squid.conf", "-NYC"]}]}}}]"#,
    ),
    audit: Some(own_file),
    ..ERROR
};

const POLICY: Rule = Rule {
    id: "SSR104",
    title: "The proxy's file keeps private destinations out",
    why: "squid takes the first line that fits: an allow for private clients before the deny for private \
          destinations lets user code reach the metadata address, Redis and every other container.",
    source: "langgenius/dify#36400, PR #36332, #25801",
    fix: "Deny every destination that is not the public internet before any allow; `dify-infra check --squid \
          FILE` shows the whole table, and `dify-infra render --to squid` writes such a file.",
    bad: Sample::compose(
        "services:\n  ssrf_proxy:\n    volumes: [\"./open-squid.conf:/etc/squid/squid.conf\"]",
    ),
    good: Sample::compose(
        "services:\n  ssrf_proxy:\n    volumes: [\"./closed-squid.conf:/etc/squid/squid.conf\"]",
    ),
    audit: Some(policy),
    ..ERROR
};

const SANDBOX_PROXY: Rule = Rule {
    id: "SSR105",
    title: "The sandbox is told of the proxy",
    why: "Without `HTTP_PROXY` and `HTTPS_PROXY` user code reaches every private address directly.",
    source: "langgenius/dify 1.16.0 docker/docker-compose.yaml; langgenius/dify#36400",
    fix: "Set both on the sandbox to the proxy's address.",
    bad: Sample::compose("services:\n  sandbox:\n    environment:\n      HTTP_PROXY: !reset null"),
    good: Sample::compose(
        "services:\n  sandbox:\n    environment:\n      HTTP_PROXY: http://ssrf_proxy:3128",
    ),
    audit: Some(sandbox_proxy),
    ..ERROR
};

const NETWORK: Rule = Rule {
    id: "SSR106",
    title: "The sandbox may use the network",
    why: "The API asks for the network in every run: a sandbox with `ENABLE_NETWORK=false` refuses them all.",
    source: "langgenius/dify 1.16.0 api/core/helper/code_executor; langgenius/dify-sandbox internal/service",
    fix: "Set `ENABLE_NETWORK=true` and leave what may be reached to the proxy.",
    bad: Sample::compose(
        "services:\n  sandbox:\n    environment:\n      ENABLE_NETWORK: \"false\"",
    ),
    good: Sample::compose(
        "services:\n  sandbox:\n    environment:\n      ENABLE_NETWORK: \"true\"",
    ),
    audit: Some(network),
    ..ERROR
};

/// The first release that asks a proxy (docker/docker-compose.yaml of langgenius/dify 0.6.7).
const WITH_PROXY: Version = Version::new(0, 6, 7);

fn both_urls(inventory: &Inventory, found: &mut Findings) {
    let names = ["SSRF_PROXY_HTTP_URL", "SSRF_PROXY_HTTPS_URL"];
    if is_before(inventory, WITH_PROXY) {
        return;
    }
    for (workload, container) in services_of_application(inventory) {
        if container.role == super::BEAT || filled(container, "SSRF_PROXY_ALL_URL").is_some() {
            continue;
        }
        let missing: Vec<&str> = names
            .into_iter()
            .filter(|name| lacks(container, name))
            .collect();
        if !missing.is_empty() {
            let message = format!(
                "`{}` has no `{}`, so it uses no proxy",
                label(workload, container),
                missing.join("` and no `")
            );
            found.push(container.place_of(missing[0]), message);
        }
    }
}

fn tcp(inventory: &Inventory, found: &mut Findings) {
    for (workload, _) in inventory.of(PROXY) {
        // The ingress of an app leads to its front, not to a proxy beside it in the same app.
        let is_beside = workload.containers.len() > 1;
        if speaks_tcp(workload) == Some(false) && !is_beside {
            let message = format!("`{}` is behind an http ingress", workload.name.shown());
            found.push(workload.ingress.place().unwrap_or(&workload.place), message);
        }
    }
}

fn own_file(inventory: &Inventory, found: &mut Findings) {
    for (index, workload) in inventory.workloads.iter().enumerate() {
        // The file of another proxy is none of this one's.
        let seen = inventory.files.iter().any(|it| {
            it.kind == FileKind::Squid && it.workload.is_none_or(|reader| reader == index)
        });
        for container in workload.containers.iter().filter(|it| it.role == PROXY) {
            let stock = container.image.known().is_some_and(|image| {
                let repository = super::super::image_repository(image);
                repository.ends_with("ubuntu/squid")
                    || repository == "squid"
                    || repository.ends_with("/squid")
            });
            let mounted = container.mounts.iter().any(|it| {
                it.path.contains("squid")
                    || it.path.contains("ssrf")
                    || it.path.contains("docker-entrypoint")
            });
            if stock && !seen && !mounted && container.command.is_empty() {
                let message = format!(
                    "`{}` runs the image with the file that it came with",
                    label(workload, container)
                );
                found.push(&container.place, message);
            }
        }
    }
}

fn policy(inventory: &Inventory, found: &mut Findings) {
    for (place, report) in judged(inventory, SquidFindings::judge) {
        let report = match report {
            Ok(report) => report,
            Err(why) => {
                found.unsure(&place, why);
                continue;
            }
        };
        let is_told = |it: &&Diagnostic| {
            it.severity == Severity::Error
                || it.severity == Severity::Warning && it.code == ssr::REFUSES.id
        };
        for problem in report.diagnostics.iter().filter(is_told) {
            let own = place.pointer().is_empty();
            let (at, line) = match problem.span {
                Some(span) if own => (place.clone().at_line(span.line, span.column), String::new()),
                Some(span) => (place.clone(), format!(", line {}", span.line)),
                None => (place.clone(), String::new()),
            };
            let message = format!("{} ({}{line})", problem.message, problem.code);
            if problem.severity == Severity::Error {
                found.push(&at, message);
                continue;
            }
            let finding = found.warn(&at, message);
            if let Some(help) = &problem.help {
                finding.with_help(help);
            }
        }
        for note in report.diagnostics.iter().filter(|it| is_unsure(it)) {
            found.unsure(&place, format!("{} ({})", note.message, note.code));
        }
        if !report.is_decided {
            let message = format!(
                "of {} requests that must be refused, and of some addresses, it can't be said whether they \
                 are: `check --squid` names the lines",
                report.undecided
            );
            found.unsure(&place, message);
        }
    }
}

/// Whether it is to be known of the proxy's clients that they can't be seen.
fn is_unsure(finding: &Diagnostic) -> bool {
    finding.severity == Severity::Note && finding.code == ssr::SERVES.id
}

fn sandbox_proxy(inventory: &Inventory, found: &mut Findings) {
    for (workload, container) in inventory.of(SANDBOX) {
        let missing: Vec<&str> = ["HTTP_PROXY", "HTTPS_PROXY"]
            .into_iter()
            .filter(|name| lacks(container, name))
            .collect();
        if !missing.is_empty() {
            let message = format!(
                "`{}` has no `{}`",
                label(workload, container),
                missing.join("` and no `")
            );
            found.push(&container.place, message);
        }
    }
}

fn network(inventory: &Inventory, found: &mut Findings) {
    for (workload, container) in inventory.of(SANDBOX) {
        if is_true(container, "ENABLE_NETWORK") == Some(false) {
            let message = format!("`{}` refuses the network", label(workload, container));
            found.push(container.place_of("ENABLE_NETWORK"), message);
        }
    }
}
