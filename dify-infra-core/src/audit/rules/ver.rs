//! What a release needs: variables, their history, services, a migration.

use super::super::inventory::{Container, Inventory, Workload};
use super::super::report::Findings;
use super::super::seen::Seen;
use super::{
    API, BEAT, DAEMON, NGINX, PROXY, SANDBOX, WEB, WORKER, at_least, carried, filled, images,
    is_before, label, lacks, services_of_application,
};
use crate::catalogue::{Catalogue, Read, Version};
use crate::check::rule::{Family, Rule, Sample};
use crate::diagnostic::Severity;

const ERROR: Rule = Rule::of(Family::Ver, Severity::Error);
const WARNING: Rule = Rule::of(Family::Ver, Severity::Warning);

/// All rules of the family.
pub(super) const RULES: &[&Rule] = &[
    &SIBLINGS,
    &images::SHIPPED,
    &NOT_READ,
    &REQUIRED,
    &images::PINNED,
    &images::FLAVOUR,
    &super::migration::MIGRATION,
    &SERVICES,
    &images::OLD,
    &images::RUNS_CODE,
    &images::PLACEHOLDER,
    &carried::CARRIED,
    &super::siblings::TASKS,
    &super::siblings::QUEUES,
];

const SIBLINGS: Rule = Rule {
    id: "VER101",
    title: "Worker and beat have the API's settings",
    why: "API, worker and beat are one program. A worker without the plugin or sandbox settings fails at \
          \"Provider ... does not exist\" when it indexes a document.",
    source: "langgenius/dify#18119, #23454",
    fix: "Share one set of variables between api, websocket, worker and beat.",
    bad: Sample::compose(
        "services:\n  worker:\n    environment:\n      PLUGIN_DAEMON_URL: !reset null",
    ),
    good: Sample::compose(
        "services:\n  worker:\n    environment:\n      PLUGIN_DAEMON_URL: http://plugin_daemon:5002",
    ),
    audit: Some(siblings),
    ..ERROR
};

const NOT_READ: Rule = Rule {
    id: "VER103",
    title: "Every variable is one that the image reads",
    why: "A variable under another image's name, or an old one, is ignored without a word, and the \
          default holds.",
    source: "langgenius/dify 1.16.0 api/configs; langgenius/dify#17786, #18010, #7825",
    fix: "Use the name that this image reads, or remove the variable.",
    bad: Sample::compose(
        "services:\n  api:\n    environment:\n      SANDBOX_API_KEY: ${SANDBOX_KEY}\n      CODE_EXECUTION_API_KEY: !reset null",
    ),
    good: Sample::compose(
        "services:\n  api:\n    environment:\n      CODE_EXECUTION_API_KEY: ${SANDBOX_KEY}",
    ),
    audit: Some(not_read),
    ..WARNING
};

const REQUIRED: Rule = Rule {
    id: "VER104",
    title: "No required variable is missing",
    why: "A release that needs a new variable starts without it, and the part that needs it fails: \
          the S3, plugin and database settings of past upgrades did.",
    source: "langgenius/dify#17786, #18621, #18010, #7825, #2804",
    fix: "Set the variable.",
    bad: Sample::compose(
        "services:\n  plugin_daemon:\n    environment:\n      PLUGIN_WORKING_PATH: !reset null",
    ),
    good: Sample::compose(
        "services:\n  plugin_daemon:\n    environment:\n      PLUGIN_WORKING_PATH: /app/storage/cwd",
    ),
    audit: Some(required),
    ..ERROR
};

const SERVICES: Rule = Rule {
    id: "VER108",
    title: "Every service that the release needs is there",
    why: "From 1.0 all model providers are plugins, so nothing works without the plugin daemon; without a \
          worker no document is indexed, without a sandbox no code node runs.",
    source: "nikawang/dify-azure-terraform#13; langgenius/dify 1.0.0 release notes",
    fix: "Add the service with the release's image.",
    bad: Sample::compose("services:\n  plugin_daemon: !reset null"),
    good: Sample::compose(
        "services:\n  plugin_daemon: !reset null\n  plugins:\n    image: langgenius/dify-plugin-daemon:0.6.3-local\n    networks: {default: {aliases: [plugin_daemon]}}\n    environment: {SERVER_PORT: \"5002\", SERVER_KEY: \"${PLUGIN_DAEMON_KEY}\", DIFY_INNER_API_URL: \"http://api:5001\", DIFY_INNER_API_KEY: \"${INNER_API_KEY}\", DB_HOST: db, DB_PORT: \"5432\", DB_USERNAME: dify, DB_PASSWORD: \"${DB_PASSWORD}\", DB_DATABASE: dify_plugin, REDIS_HOST: redis, REDIS_PASSWORD: \"${REDIS_PASSWORD}\", PLUGIN_WORKING_PATH: /app/storage/cwd, MAX_PLUGIN_PACKAGE_SIZE: \"52428800\", PLUGIN_REMOTE_INSTALLING_ENABLED: \"false\", PIP_MIRROR_AUTO_DETECT: \"false\"}",
    ),
    audit: Some(services),
    ..ERROR
};

/// Settings that the worker needs when the API has them.
const SHARED: [&str; 9] = [
    "CODE_EXECUTION_ENDPOINT",
    "CODE_EXECUTION_API_KEY",
    "PLUGIN_DAEMON_URL",
    "PLUGIN_DAEMON_KEY",
    "SSRF_PROXY_HTTP_URL",
    "SSRF_PROXY_HTTPS_URL",
    "STORAGE_TYPE",
    "PLUGIN_MAX_PACKAGE_SIZE",
    "DB_EXTRAS",
];

/// The largest package of a plugin. The scheduler, which runs no task itself, has no use for it.
const PACKAGE_SIZE: &str = "PLUGIN_MAX_PACKAGE_SIZE";

/// Whether two values are known to differ in more than a slash at the end, which Dify's URLs of services may have.
fn differ(one: &Seen, other: &Seen) -> bool {
    match (one.literal(), other.literal()) {
        (Some(one), Some(other)) => one.trim_end_matches('/') != other.trim_end_matches('/'),
        _ => false,
    }
}

fn siblings(inventory: &Inventory, found: &mut Findings) {
    let Some((api_workload, api)) = inventory.of(API).next() else {
        return;
    };
    for (workload, container) in inventory.containers() {
        if ![WORKER, BEAT].contains(&container.role) {
            continue;
        }
        let is_read = |name: &&str| container.role != BEAT || *name != PACKAGE_SIZE;
        let missing: Vec<&str> = SHARED
            .into_iter()
            .filter(is_read)
            .filter(|name| filled(api, name).is_some() && lacks(container, name))
            .collect();
        if !missing.is_empty() {
            let message = format!(
                "`{}` lacks what `{}` has: {}",
                label(workload, container),
                label(api_workload, api),
                missing.join(", ")
            );
            // Without its size a worker goes on with the default of its program.
            let finding = if missing == [PACKAGE_SIZE] {
                found.warn(&container.place, message)
            } else {
                found.push(&container.place, message)
            };
            finding.see(&api.place, format!("`{}`", label(api_workload, api)));
        }
        for name in ["CODE_EXECUTION_ENDPOINT", "PLUGIN_DAEMON_URL", PACKAGE_SIZE]
            .iter()
            .filter(|name| is_read(name))
        {
            if let (Some(mine), Some(theirs)) = (filled(container, name), filled(api, name))
                && differ(&mine.value, &theirs.value)
            {
                let message = format!(
                    "`{name}` of `{}` differs from that of `{}`",
                    label(workload, container),
                    label(api_workload, api)
                );
                found
                    .push(&mine.place, message)
                    .see(&theirs.place, format!("`{name}`"));
            }
        }
    }
}

fn not_read(inventory: &Inventory, found: &mut Findings) {
    let release = Catalogue::builtin().default_release();
    for (workload, container) in inventory.containers() {
        let Some(kind) = container.role.variables_of() else {
            continue;
        };
        // Dify's own entrypoints of nginx and squid read more than the images do.
        if [NGINX, PROXY].contains(&container.role) {
            continue;
        }
        // What an image reads is a matter of its own version, whatever the others have.
        let version = container.version;
        let table = release.variables(kind);
        let table = version.map_or(table, |version| table.at(version));
        let name = label(workload, container);
        for variable in &container.variables {
            let Some(read) = table.known(&variable.name) else {
                continue;
            };
            let message = match read {
                Read::Yes(_) | Read::No { why: None, .. } => continue,
                Read::NotYet { .. } | Read::NoLonger { .. } if version.is_none() => continue,
                Read::RenamedTo { right_name, why } => {
                    let message = format!("`{name}` does not read `{}`: {why}", variable.name);
                    let set = filled(container, right_name).is_some();
                    let finding = if set {
                        found.unsure(&variable.place, message)
                    } else {
                        found.push(&variable.place, message)
                    };
                    finding.with_help(if set {
                        format!("remove it; `{right_name}` is set")
                    } else {
                        format!("write `{right_name}`")
                    });
                    continue;
                }
                Read::NotYet { since } => {
                    format!(
                        "`{name}` does not read `{}` yet: it comes with {since}",
                        variable.name
                    )
                }
                Read::NoLonger { until, why } => {
                    format!(
                        "`{name}` reads `{}` up to {until} only: {why}",
                        variable.name
                    )
                }
                Read::No { why: Some(why), .. } => {
                    format!("`{name}` does not read `{}`: {why}", variable.name)
                }
            };
            // Compose shares one set between all services, so a name too many is no mistake there.
            found.unsure(&variable.place, message);
        }
    }
}

/// Required variables that no other rule looks for.
/// The first release with code nodes, and so with a sandbox (docker/docker-compose.yaml of langgenius/dify 0.6.0).
const WITH_SANDBOX: Version = Version::new(0, 6, 0);

/// The first release whose model providers are plugins (langgenius/dify 1.0.0).
const WITH_PLUGINS: Version = Version::new(1, 0, 0);

fn required(inventory: &Inventory, found: &mut Findings) {
    const APPLICATION: [&str; 5] = [
        "DB_HOST",
        "DB_PASSWORD",
        "REDIS_HOST",
        "CODE_EXECUTION_ENDPOINT",
        "PLUGIN_DAEMON_URL",
    ];
    const DAEMONS: [&str; 7] = [
        "DB_HOST",
        "DB_PORT",
        "DB_USERNAME",
        "DB_PASSWORD",
        "DB_DATABASE",
        "REDIS_HOST",
        "DIFY_INNER_API_URL",
    ];
    let mut missing = |workload: &Workload, container: &Container, name: &str| {
        if lacks(container, name) {
            let message = format!("`{}` has no `{name}`", label(workload, container));
            found.push(container.place_of(name), message);
        }
    };
    for (workload, container) in services_of_application(inventory) {
        let beat = container.role == BEAT;
        for name in APPLICATION {
            let only_calls = name.ends_with("_ENDPOINT") || name == "PLUGIN_DAEMON_URL";
            let since = match name {
                "CODE_EXECUTION_ENDPOINT" => WITH_SANDBOX,
                "PLUGIN_DAEMON_URL" => WITH_PLUGINS,
                _ => Version::new(0, 0, 0),
            };
            if !is_before(inventory, since) && (!beat || !only_calls) {
                missing(workload, container, name);
            }
        }
        let pgvector = container.literal("VECTOR_STORE") == Some("pgvector");
        for name in [
            "PGVECTOR_HOST",
            "PGVECTOR_USER",
            "PGVECTOR_PASSWORD",
            "PGVECTOR_DATABASE",
        ] {
            if pgvector {
                missing(workload, container, name);
            }
        }
    }
    for (workload, container) in inventory.of(DAEMON) {
        for name in DAEMONS {
            missing(workload, container, name);
        }
        missing(workload, container, "PLUGIN_WORKING_PATH");
    }
}

fn services(inventory: &Inventory, found: &mut Findings) {
    let Some((_, api)) = inventory.of(API).next() else {
        return;
    };
    if inventory.may_hide_services() {
        return;
    }
    let needed = [
        (
            DAEMON,
            WITH_PLUGINS,
            "no plugin daemon, and all model providers are plugins",
        ),
        (
            WORKER,
            Version::new(0, 0, 0),
            "no worker, so no document is indexed",
        ),
        (SANDBOX, WITH_SANDBOX, "no sandbox, so no code node runs"),
        (WEB, Version::new(0, 0, 0), "no web, so there is no console"),
    ];
    for (role, since, message) in needed {
        if inventory.of(role).next().is_none()
            && (since == Version::new(0, 0, 0) || at_least(inventory, since))
        {
            found.push(&api.place, format!("there is {message}"));
        }
    }
}
