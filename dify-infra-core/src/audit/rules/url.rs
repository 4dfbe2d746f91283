//! Public and internal URLs.

use std::net::IpAddr;

use super::super::inventory::{Container, Inventory, Variable, Workload};
use super::super::report::Findings;
use super::calls::{self, Naming, Target};
use super::{API, BEAT, DAEMON, WEB, WORKER, at_least, filled, label, lacks, on_azure};
use crate::catalogue::Version;
use crate::check::rule::{Family, Rule, Sample};
use crate::diagnostic::Severity;

const ERROR: Rule = Rule::of(Family::Url, Severity::Error);
const WARNING: Rule = Rule::of(Family::Url, Severity::Warning);

/// All rules of the family.
pub(super) const RULES: &[&Rule] = &[
    &FORM,
    &FILES,
    &ONE_ORIGIN,
    &PLAIN,
    &INTERNAL_FILES,
    &TRIGGERS,
    &WEB_API,
];

/// Public URLs of api, worker and beat.
const PUBLIC: [&str; 7] = [
    "CONSOLE_API_URL",
    "CONSOLE_WEB_URL",
    "SERVICE_API_URL",
    "APP_WEB_URL",
    "APP_API_URL",
    "FILES_URL",
    "TRIGGER_URL",
];

const FORM: Rule = Rule {
    id: "URL101",
    title: "Public URLs have a scheme and no slash at their end",
    why: "Dify joins these URLs with paths: without a scheme links are relative, and with a slash at the \
          end every path has two.",
    source: "langgenius/dify#18257, #13814, #19859, #20854",
    fix: "Write `https://host` without a slash at the end.",
    bad: Sample::compose("services:\n  api:\n    environment:\n      FILES_URL: dify.example.com/"),
    good: Sample::compose(
        "services:\n  api:\n    environment:\n      FILES_URL: https://dify.example.com",
    ),
    audit: Some(form),
    ..ERROR
};

const FILES: Rule = Rule {
    id: "URL102",
    title: "Files have a URL",
    why: "Without `FILES_URL` links to uploaded files are empty or relative: previews, images for models \
          and plugins that fetch files fail.",
    source: "langgenius/dify#18257, #13814, #20854",
    fix: "Set `FILES_URL` on api and worker to the public origin.",
    bad: Sample::compose("services:\n  worker:\n    environment:\n      FILES_URL: \"\""),
    good: Sample::compose(
        "services:\n  worker:\n    environment:\n      FILES_URL: https://dify.example.com",
    ),
    audit: Some(|inventory, found| {
        required(inventory, found, &["FILES_URL"]);
    }),
    ..ERROR
};

const ONE_ORIGIN: Rule = Rule {
    id: "URL103",
    title: "All public URLs agree",
    why: "Cookies and CORS hold for one origin. When console and API disagree in scheme or domain, the \
          browser drops the session: the login page comes again and again.",
    source: "langgenius/dify#5737, #5902, #7028, #7199, #383",
    fix: "Derive every public URL from one origin, on api, worker and web alike.",
    bad: Sample::compose(
        "services:\n  api:\n    environment:\n      CONSOLE_WEB_URL: http://dify.example.com",
    ),
    good: Sample::compose(
        "services:\n  api:\n    environment:\n      CONSOLE_WEB_URL: https://dify.example.com",
    ),
    audit: Some(one_origin),
    ..ERROR
};

const PLAIN: Rule = Rule {
    id: "URL104",
    title: "Public URLs are https",
    why: "Passwords and session cookies cross the internet in the clear, and browsers refuse to send \
          secure cookies.",
    source: "langgenius/dify#7028; facts of a public deployment whose URLs were all http",
    fix: "Write `https://`; Container Apps answers https on every external name.",
    bad: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-api", "properties": {"template": {"containers": [{"name": "api", "env": [{"name": "CONSOLE_WEB_URL", "value": "http://dify.example.com"}]}]}}}]"#,
    ),
    good: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-api", "properties": {"template": {"containers": [{"name": "api", "env": [{"name": "CONSOLE_WEB_URL", "value": "https://dify.example.com"}]}]}}}]"#,
    ),
    audit: Some(plain),
    ..WARNING
};

const INTERNAL_FILES: Rule = Rule {
    id: "URL105",
    title: "The plugin daemon reaches files",
    why: "Plugins fetch files from `INTERNAL_FILES_URL`; without it from `FILES_URL`, the public origin, \
          which a container often can't reach.",
    source: "langgenius/dify#19859, #20854; langgenius/dify 1.16.0 api/configs",
    fix: "Set `INTERNAL_FILES_URL` on api and worker to the API's internal address.",
    bad: Sample::compose(
        "services:\n  api:\n    environment:\n      INTERNAL_FILES_URL: !reset null",
    ),
    good: Sample::compose(
        "services:\n  api:\n    environment:\n      INTERNAL_FILES_URL: http://api:5001",
    ),
    audit: Some(|inventory, found| {
        if inventory.of(DAEMON).next().is_some() {
            required(inventory, found, &["INTERNAL_FILES_URL"]);
        }
    }),
    ..WARNING
};

const TRIGGERS: Rule = Rule {
    id: "URL106",
    title: "Triggers and endpoints have a public address",
    why: "The address of webhooks and plugin endpoints is made of `TRIGGER_URL` and \
          `ENDPOINT_URL_TEMPLATE`; by default it is localhost, which no other system can call.",
    source: "langgenius/dify 1.16.0 api/configs/feature; langgenius/dify 1.10.0 release notes",
    fix: "Set `TRIGGER_URL` to the public origin and `ENDPOINT_URL_TEMPLATE` to `https://host/e/{hook_id}`.",
    bad: Sample::compose("services:\n  api:\n    environment:\n      TRIGGER_URL: !reset null"),
    good: Sample::compose(
        "services:\n  api:\n    environment:\n      TRIGGER_URL: https://dify.example.com",
    ),
    audit: Some(|inventory, found| {
        if at_least(inventory, Version::new(1, 10, 0)) {
            required(inventory, found, &["TRIGGER_URL", "ENDPOINT_URL_TEMPLATE"]);
        }
    }),
    ..WARNING
};

const WEB_API: Rule = Rule {
    id: "URL107",
    title: "The web image knows the API's address",
    why: "The image's own default is the visitor's machine, 127.0.0.1:5001. From 1.15 pages that are \
          rendered on the server need `SERVER_CONSOLE_API_URL`.",
    source: "langgenius/dify 1.16.0 web/docker/entrypoint.sh, web/env.ts",
    fix: "Set `CONSOLE_API_URL` and `APP_API_URL` on web to the public origin, and \
          `SERVER_CONSOLE_API_URL` to the API's internal address.",
    bad: Sample::compose("services:\n  web:\n    environment:\n      CONSOLE_API_URL: !reset null"),
    good: Sample::compose(
        "services:\n  web:\n    environment:\n      CONSOLE_API_URL: https://dify.example.com",
    ),
    audit: Some(web_api),
    ..WARNING
};

/// Variables that api and worker need, each missing one told once for each container.
fn required(inventory: &Inventory, found: &mut Findings, names: &[&str]) {
    for (workload, container) in inventory.containers() {
        if ![API, WORKER].contains(&container.role) {
            continue;
        }
        for name in names {
            if lacks(container, name) {
                let message = format!("`{}` has no `{name}`", label(workload, container));
                found.push(container.place_of(name), message);
            }
        }
    }
}

/// Every public URL that is set.
fn public(inventory: &Inventory) -> Vec<(&Workload, &Container, &Variable)> {
    let mut all = Vec::new();
    for (workload, container) in inventory.containers() {
        if ![API, WORKER, BEAT, WEB].contains(&container.role) {
            continue;
        }
        for name in PUBLIC {
            if let Some(variable) = filled(container, name) {
                all.push((workload, container, variable));
            }
        }
    }
    all
}

fn form(inventory: &Inventory, found: &mut Findings) {
    for (workload, container, variable) in public(inventory) {
        let name = format!("`{}` of `{}`", variable.name, label(workload, container));
        let seen = variable.value.literal().is_some() || !variable.value.beginning().is_empty();
        if variable.value.url().is_none() && seen {
            found.push(&variable.place, format!("{name} has no scheme"));
        } else if variable.value.end().ends_with('/') {
            found.push(&variable.place, format!("{name} ends with a slash"));
        }
    }
}

fn one_origin(inventory: &Inventory, found: &mut Findings) {
    let names = calls::Names::of(inventory);
    let urls: Vec<_> = public(inventory)
        .into_iter()
        .filter_map(|(workload, container, variable)| {
            let url = variable.value.url()?;
            // A URL for the inside is not public.
            let inside = match names.target(&url.host) {
                Target::Workload(_, naming) => {
                    naming == Naming::Short || naming == Naming::Internal
                }
                Target::Nobody => true,
                _ => false,
            };
            (!inside).then_some((workload, container, variable, url))
        })
        .collect();
    let Some((first_workload, first, expected, origin)) = urls.first() else {
        return;
    };
    let mut told = Vec::new();
    for (workload, container, variable, url) in &urls[1..] {
        let scheme = url.scheme != origin.scheme;
        let domain = site(&url.host)
            .zip(site(&origin.host))
            .is_some_and(|(a, b)| a != b);
        if (scheme || domain) && !told.contains(&(&variable.name, url.shown())) {
            let message = format!(
                "`{}` of `{}` is {}, but `{}` of `{}` is {}",
                variable.name,
                label(workload, container),
                url.shown(),
                expected.name,
                label(first_workload, first),
                origin.shown(),
            );
            found
                .push(&variable.place, message)
                .see(&expected.place, format!("`{}`", expected.name));
            told.push((&variable.name, url.shown()));
        }
    }
}

/// What cookies of a host can be shared within: its registrable domain by the public suffix list
/// (<https://publicsuffix.org>), or the host itself where there is none, as for an address.
fn site(host: &super::super::Seen) -> Option<String> {
    let host = host.literal()?.trim_end_matches('.').to_ascii_lowercase();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    if address.parse::<IpAddr>().is_ok() {
        return Some(host);
    }
    let site = psl::domain_str(&host).map(str::to_owned);
    Some(site.unwrap_or(host))
}

/// Whether a host is one that others reach: a name with a dot that is no address.
fn is_public_name(host: &super::super::Seen) -> bool {
    let Some(host) = host.literal() else {
        return false;
    };
    let local = ["localhost", "local", "internal", "test", "lan"];
    let last = host.rsplit('.').next().unwrap_or_default();
    host.contains('.')
        && !local.contains(&last)
        && last.starts_with(|it: char| it.is_ascii_alphabetic())
}

fn plain(inventory: &Inventory, found: &mut Findings) {
    let names = calls::Names::of(inventory);
    for (workload, container, variable) in public(inventory) {
        let plain = variable.value.url().is_some_and(|url| {
            url.scheme == "http"
                && matches!(names.target(&url.host), Target::Elsewhere)
                && (on_azure(inventory) || is_public_name(&url.host))
        });
        if plain {
            let message = format!(
                "`{}` of `{}` is plain http",
                variable.name,
                label(workload, container)
            );
            found.push(&variable.place, message);
        }
    }
}

fn web_api(inventory: &Inventory, found: &mut Findings) {
    let mut names = vec!["CONSOLE_API_URL", "APP_API_URL"];
    if at_least(inventory, Version::new(1, 15, 0)) {
        names.push("SERVER_CONSOLE_API_URL");
    }
    for (workload, container) in inventory.of(WEB) {
        for name in &names {
            // An empty value means the same origin.
            if container.variable(name).is_none() && container.variables_complete {
                let message = format!("`{}` has no `{name}`", label(workload, container));
                found.push(&container.place, message);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::site;

    #[test]
    fn a_site_is_what_browsers_share_cookies_within() {
        for (one, other, is_same) in [
            ("console.example.com", "API.Example.com", true),
            ("example.com", "app.example.com.", true),
            ("example.com", "example.org", false),
            ("a.co.jp", "b.co.jp", false),
            ("x.a.co.jp", "y.a.co.jp", true),
            ("a.com.au", "b.com.au", false),
            ("a.azurewebsites.net", "b.azurewebsites.net", false),
            ("dify.corp.internal", "api.corp.internal", true),
            ("10.1.0.4", "172.16.0.4", false),
            ("10.1.0.4", "10.2.0.4", false),
            ("10.1.0.4", "10.1.0.4", true),
            ("[fd00::1]", "[fd00::2]", false),
            ("localhost", "localhost", true),
        ] {
            let same = site(&one.into()) == site(&other.into());
            assert_eq!(same, is_same, "{one} {other}");
        }
    }
}
