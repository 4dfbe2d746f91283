//! The environment of every service of every offered release: nothing that the image does not
//! read, nothing missing that it needs, both sides of each pair from one secret, and each container
//! with the secrets it needs and no others.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test fails by panicking, and the bans on IO are for the library"
)]

use std::collections::{BTreeMap, BTreeSet};

use dify_infra_core::catalogue::{Catalogue, Release, ServiceKind};
use dify_infra_core::deployment::Deployment;
use dify_infra_core::graph::{ResourceGraph, Target, lower};
use dify_infra_core::resource::Text;
use serde_json::Value;

/// Variables that are required in a case that a deployment by dify-infra never is in.
const NOT_OUR_CASE: [(&str, &str); 2] = [
    ("PLUGIN_REMOTE_INSTALLING_HOST", "remote debugging is off"),
    ("PLUGIN_REMOTE_INSTALLING_PORT", "remote debugging is off"),
];

fn graph_of(release: &Release) -> ResourceGraph {
    let text = format!(
        "schema = 1\nname = \"dify\"\nenvironment = \"dev\"\nlocation = \"japaneast\"\n\
         dify = \"{}\"\n[azure]\nresource_group = \"dify-dev-rg\"\n",
        release.version()
    );
    let resolved = Deployment::parse(&text).unwrap_or_else(|diagnostics| panic!("{diagnostics}"));
    let target = Target::new(&resolved.deployment, None);
    lower(&resolved.deployment, &target).unwrap()
}

fn all_releases() -> Vec<(&'static Release, ResourceGraph)> {
    let releases = Catalogue::builtin().releases();
    assert_eq!(releases.len(), 6, "six releases are offered");
    releases
        .iter()
        .map(|release| (release, graph_of(release)))
        .collect()
}

/// The container app of a service, as the body that is sent.
fn app(graph: &ResourceGraph, kind: ServiceKind) -> Option<Value> {
    let name = format!("dify-dev-{}", kind.app_suffix());
    graph
        .nodes()
        .find(|node| node.id().name() == name)
        .map(|node| node.body().clone())
}

/// Variables of a body: plain values as text, secrets as `secret:<name>`.
fn variables(body: &Value) -> BTreeMap<String, String> {
    let env = body
        .pointer("/properties/template/containers/0/env")
        .unwrap()
        .as_array()
        .unwrap();
    let value = |variable: &Value| match variable.get("secretRef") {
        Some(secret) => format!("secret:{}", secret.as_str().unwrap()),
        None => match Text::from_marker(&variable["value"]) {
            Some(text) => text.to_string(),
            None => variable["value"].as_str().unwrap().to_owned(),
        },
    };
    let pairs: Vec<(String, String)> = env
        .iter()
        .map(|variable| {
            (
                variable["name"].as_str().unwrap().to_owned(),
                value(variable),
            )
        })
        .collect();
    let map: BTreeMap<String, String> = pairs.iter().cloned().collect();
    assert_eq!(map.len(), pairs.len(), "a variable stands twice");
    map
}

fn secrets(body: &Value) -> BTreeSet<String> {
    let list = body
        .pointer("/properties/configuration/secrets")
        .and_then(Value::as_array);
    let names = list
        .into_iter()
        .flatten()
        .map(|secret| secret["name"].as_str().unwrap().to_owned());
    names.collect()
}

#[test]
fn every_variable_is_one_that_the_image_of_the_release_reads() {
    let mut seen = 0;
    for (release, graph) in all_releases() {
        for kind in ServiceKind::ALL {
            let Some(body) = app(&graph, kind) else {
                continue;
            };
            let table = release.variables(kind);
            for name in variables(&body).keys() {
                seen += 1;
                let read = table.is_read(name);
                assert!(
                    read.is_yes(),
                    "{} {kind} {name}: {read:?}",
                    release.version()
                );
            }
        }
    }
    assert!(seen > 1000, "only {seen} variables were looked at");
}

#[test]
fn every_value_is_one_that_the_image_takes() {
    for (release, graph) in all_releases() {
        for kind in ServiceKind::ALL {
            let Some(body) = app(&graph, kind) else {
                continue;
            };
            for (name, value) in variables(&body) {
                if value.contains("(known after apply)") || value.starts_with("secret:") {
                    continue;
                }
                let variable = release.variables(kind).get(&name).unwrap();
                let checked = variable.check_value(&value);
                assert!(
                    checked.is_ok(),
                    "{} {kind} {name}: {checked:?}",
                    release.version()
                );
            }
        }
    }
}

#[test]
fn nothing_that_a_service_needs_is_missing() {
    for (release, graph) in all_releases() {
        for kind in ServiceKind::ALL {
            let Some(body) = app(&graph, kind) else {
                continue;
            };
            let set = variables(&body);
            for variable in release.variables(kind).required() {
                let is_ours = NOT_OUR_CASE.iter().any(|(name, _)| *name == variable.name);
                // The password of the first account belongs to the API that asks for it.
                let is_elsewhere = variable.name == "INIT_PASSWORD" && kind != ServiceKind::Api;
                let present = set.contains_key(&variable.name);
                assert!(
                    present || is_ours || is_elsewhere,
                    "{} {kind} lacks {} ({:?})",
                    release.version(),
                    variable.name,
                    variable.required_when
                );
            }
        }
    }
}

#[test]
fn a_secret_variable_is_never_a_plain_value() {
    for (release, graph) in all_releases() {
        for kind in ServiceKind::ALL {
            let Some(body) = app(&graph, kind) else {
                continue;
            };
            for (name, value) in variables(&body) {
                let variable = release.variables(kind).get(&name).unwrap();
                let by_reference = value.starts_with("secret:");
                assert!(
                    by_reference || !variable.secret,
                    "{} {kind} {name}",
                    release.version()
                );
            }
        }
    }
}

#[test]
fn both_sides_of_each_pair_are_one_secret() {
    for (_, graph) in all_releases() {
        let of = |kind: ServiceKind, name: &str| {
            variables(&app(&graph, kind).unwrap())
                .get(name)
                .cloned()
                .unwrap()
        };
        for caller in [ServiceKind::Api, ServiceKind::Worker] {
            assert_eq!(
                of(caller, "CODE_EXECUTION_API_KEY"),
                of(ServiceKind::Sandbox, "API_KEY")
            );
            let daemon = ServiceKind::PluginDaemon;
            assert_eq!(of(caller, "PLUGIN_DAEMON_KEY"), of(daemon, "SERVER_KEY"));
            assert_eq!(
                of(caller, "INNER_API_KEY_FOR_PLUGIN"),
                of(daemon, "DIFY_INNER_API_KEY")
            );
            assert_eq!(
                of(caller, "SECRET_KEY"),
                of(ServiceKind::WorkerBeat, "SECRET_KEY")
            );
            assert_eq!(
                of(caller, "PLUGIN_MAX_PACKAGE_SIZE"),
                of(daemon, "MAX_PLUGIN_PACKAGE_SIZE")
            );
        }
    }
}

#[test]
fn each_container_has_exactly_the_secrets_that_it_refers_to() {
    for (_, graph) in all_releases() {
        for kind in ServiceKind::ALL {
            let Some(body) = app(&graph, kind) else {
                continue;
            };
            let set = variables(&body);
            let by_variables = set
                .values()
                .filter_map(|value| value.strip_prefix("secret:"));
            let volumes = body
                .pointer("/properties/template/volumes")
                .and_then(Value::as_array);
            let files = volumes.into_iter().flatten().flat_map(|volume| {
                volume["secrets"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|item| item["secretRef"].as_str())
            });
            let referred: BTreeSet<String> = by_variables
                .map(str::to_owned)
                .chain(files.flatten().map(str::to_owned))
                .collect();
            assert_eq!(secrets(&body), referred, "{kind}");
        }
        let sandbox = secrets(&app(&graph, ServiceKind::Sandbox).unwrap());
        assert_eq!(sandbox, BTreeSet::from(["sandbox-api-key".to_owned()]));
        assert!(secrets(&app(&graph, ServiceKind::Web).unwrap()).is_empty());
        let init = |kind| secrets(&app(&graph, kind).unwrap()).contains("init-password");
        assert!(init(ServiceKind::Api) && !init(ServiceKind::Worker));
    }
}

#[test]
fn services_of_one_image_share_their_settings() {
    for (_, graph) in all_releases() {
        let own = |kind: ServiceKind| {
            let mut set = variables(&app(&graph, kind).unwrap());
            for name in ["MODE", "INIT_PASSWORD", "SERVER_WORKER_CONNECTIONS"] {
                set.remove(name);
            }
            set
        };
        assert_eq!(own(ServiceKind::Api), own(ServiceKind::Worker));
        assert_eq!(own(ServiceKind::Api), own(ServiceKind::WorkerBeat));
    }
}

#[test]
fn variables_follow_the_release() {
    for (release, graph) in all_releases() {
        let web = variables(&app(&graph, ServiceKind::Web).unwrap());
        let has_socket = release.version() >= "1.14.0".parse().unwrap();
        assert_eq!(
            web.contains_key("NEXT_PUBLIC_SOCKET_URL"),
            has_socket,
            "{}",
            release.version()
        );
        let websocket = app(&graph, ServiceKind::ApiWebsocket).is_some();
        assert_eq!(websocket, release.version() >= "1.14.1".parse().unwrap());
    }
}

#[test]
fn the_migration_job_migrates_and_the_apps_do_not() {
    for (_, graph) in all_releases() {
        let job = graph
            .nodes()
            .find(|node| node.id().name() == "dify-dev-migration")
            .unwrap();
        let own = variables(job.body());
        assert_eq!(
            (own["MODE"].as_str(), own["MIGRATION_ENABLED"].as_str()),
            ("migration", "true")
        );
        let api = variables(&app(&graph, ServiceKind::Api).unwrap());
        assert_eq!(api["MIGRATION_ENABLED"], "false");
    }
}
