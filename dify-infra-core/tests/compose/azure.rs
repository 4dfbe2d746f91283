//! Against the same deployment on Azure.

use std::collections::{BTreeMap, BTreeSet};

use dify_infra_core::catalogue::{Catalogue, ServiceKind};
use dify_infra_core::deployment::Deployment;
use dify_infra_core::graph::{ResourceGraph, Target, lower};
use dify_infra_core::resource::Text;
use serde_json::Value;

use crate::reader::{Composed, EXAMPLES, deployment, minimal, project};

/// The variables that name the data layer, and no other, differ.
const DATA_LAYER: [&str; 13] = [
    "AZURE_BLOB_ACCOUNT_KEY",
    "AZURE_BLOB_ACCOUNT_NAME",
    "AZURE_BLOB_ACCOUNT_URL",
    "DB_EXTRAS",
    "DB_HOST",
    "DB_SSL_MODE",
    "PGVECTOR_HOST",
    "REDIS_HOST",
    "REDIS_PASSWORD",
    "REDIS_PORT",
    "REDIS_SSL_CERT_REQS",
    "REDIS_USE_SSL",
    // These two are secrets of the same name on both sides: what they say differs, and is compared
    // in another test.
    "CELERY_BROKER_URL",
];

const SAME_NAME: [&str; 2] = ["CELERY_BROKER_URL", "AZURE_BLOB_STORAGE_CONNECTION_STRING"];

fn all_deployments() -> Vec<(String, Deployment)> {
    let releases = Catalogue::builtin().releases();
    assert_eq!(releases.len(), 6, "six releases are offered");
    let mut all: Vec<(String, Deployment)> = releases
        .iter()
        .map(|release| {
            let version = release.version().to_string();
            (version.clone(), minimal(&version))
        })
        .collect();
    all.extend(EXAMPLES.map(|(name, text)| (name.to_owned(), deployment(text))));
    all
}

fn graph_of(deployment: &Deployment) -> ResourceGraph {
    lower(deployment, &Target::new(deployment, None)).unwrap()
}

/// Variables of an app or job on Azure, with the host names that they have in a compose project.
fn azure_variables(
    deployment: &Deployment,
    graph: &ResourceGraph,
    app: &str,
) -> BTreeMap<String, String> {
    let node = graph.nodes().find(|node| node.id().name() == app);
    let body = node
        .unwrap_or_else(|| panic!("there is no {app}"))
        .body()
        .clone();
    let env = body["properties"]["template"]["containers"][0]["env"].as_array();
    let shown = |variable: &Value| {
        if let Some(secret) = variable.get("secretRef") {
            let secrets = body["properties"]["configuration"]["secrets"]
                .as_array()
                .unwrap();
            let secret = secrets.iter().find(|one| &one["name"] == secret).unwrap();
            let own = Text::from_marker(&secret["value"])
                .and_then(|text| text.secret_names().next().cloned())
                .filter(|_| secret["value"]["$text"].as_array().map(Vec::len) == Some(1));
            let name = secret["name"].as_str().unwrap();
            let name = || name.replace('-', "_").to_ascii_uppercase();
            format!("secret {}", own.map_or_else(name, |own| own.env_key()))
        } else {
            let known = || variable["value"].as_str().unwrap().to_owned();
            Text::from_marker(&variable["value"]).map_or_else(known, |text| text.to_string())
        }
    };
    let in_compose = |mut value: String| {
        for kind in ServiceKind::ALL {
            let host = format!("//{}-{}:", deployment.prefix(), kind.app_suffix());
            value = value.replace(&host, &format!("//{}:", kind.key()));
        }
        // Without an origin in the file the front door's own name takes its place.
        let front_door = format!("//{}-nginx.(known after apply)", deployment.prefix());
        match value.split_once(&front_door) {
            Some(("https:", rest)) => format!("http://localhost:8080{rest}"),
            Some(("wss:", rest)) => format!("ws://localhost:8080{rest}"),
            _ => value,
        }
    };
    let variables = env.into_iter().flatten();
    variables
        .map(|variable| {
            let name = variable["name"].as_str().unwrap().to_owned();
            (name, in_compose(shown(variable)))
        })
        .collect()
}

/// Variables of a service of the compose project, secrets by the names of their lines.
fn compose_variables(composed: &Composed, service: &str) -> BTreeMap<String, String> {
    let shown = |value: String| {
        let Some(rest) = value.strip_prefix("${DIFY_") else {
            return value.replace("$$", "$");
        };
        let (name, message) = rest.split_once(":?").unwrap();
        assert_eq!(message, "it has no value in .env}");
        format!("secret {name}")
    };
    let variables = composed.variables(service).into_iter();
    variables
        .map(|(name, value)| (name, shown(value)))
        .collect()
}

#[test]
fn exactly_the_data_layer_differs_from_azure() {
    let (mut compared, mut differing) = (0, BTreeSet::new());
    for (case, deployment) in all_deployments() {
        let graph = graph_of(&deployment);
        let composed = Composed::read(project(&deployment).compose_file());
        let services = deployment.services().map(|service| {
            let kind = service.kind;
            (kind.app_suffix(), kind.key())
        });
        for (app, service) in services.chain([("migration", "migration")]) {
            let app = format!("{}-{app}", deployment.prefix());
            let azure = azure_variables(&deployment, &graph, &app);
            let local = compose_variables(&composed, service);
            for name in azure.keys().chain(local.keys()).collect::<BTreeSet<_>>() {
                compared += 1;
                if azure.get(name) != local.get(name) {
                    assert!(
                        DATA_LAYER.contains(&name.as_str()),
                        "{case} {service} {name}: {:?} and {:?}",
                        azure.get(name),
                        local.get(name)
                    );
                    differing.insert(name.clone());
                }
            }
        }
    }
    assert!(compared > 2000, "only {compared} variables were compared");
    let expected: BTreeSet<String> = DATA_LAYER
        .into_iter()
        .filter(|name| !SAME_NAME.contains(name))
        .map(str::to_owned)
        .collect();
    assert_eq!(differing, expected, "each of them differs somewhere");
}

#[test]
fn every_variable_is_one_that_the_image_of_the_release_reads() {
    let mut seen = 0;
    for release in Catalogue::builtin().releases() {
        let deployment = minimal(&release.version().to_string());
        let composed = Composed::read(project(&deployment).compose_file());
        let services = deployment
            .services()
            .map(|service| (service.kind, service.kind.key()));
        for (kind, service) in services.chain([(ServiceKind::Api, "migration")]) {
            let table = release.variables(kind);
            for (name, value) in composed.variables(service) {
                seen += 1;
                let read = table.is_read(&name);
                assert!(
                    read.is_yes(),
                    "{} {service} {name}: {read:?}",
                    release.version()
                );
                if !value.contains("${") {
                    let checked = table.get(&name).unwrap().check_value(&value);
                    assert!(
                        checked.is_ok(),
                        "{} {service} {name}: {checked:?}",
                        release.version()
                    );
                }
            }
        }
    }
    assert!(seen > 1000, "only {seen} variables were looked at");
}

#[test]
fn images_and_sizes_are_those_of_azure() {
    for (case, deployment) in all_deployments() {
        let graph = graph_of(&deployment);
        let composed = Composed::read(project(&deployment).compose_file());
        for service in deployment.services() {
            let kind = service.kind;
            let app = format!("{}-{}", deployment.prefix(), kind.app_suffix());
            let node = graph.nodes().find(|node| node.id().name() == app).unwrap();
            let container = &node.body()["properties"]["template"]["containers"][0];
            let local = composed.service(kind.key());
            assert_eq!(
                local["image"].as_str(),
                container["image"].as_str(),
                "{case} {kind}"
            );
            let cpus: f64 = local["cpus"].as_str().unwrap().parse().unwrap();
            assert_eq!(
                Some(cpus),
                container["resources"]["cpu"].as_f64(),
                "{case} {kind}"
            );
            let memory = local["mem_limit"]
                .as_str()
                .unwrap()
                .strip_suffix('m')
                .unwrap();
            let gibibytes = container["resources"]["memory"].as_str().unwrap();
            let gibibytes: f64 = gibibytes.strip_suffix("Gi").unwrap().parse().unwrap();
            let memory: f64 = memory.parse().unwrap();
            assert!(
                (memory - gibibytes * 1024.0).abs() < 1.0,
                "{case} {kind}: {memory}"
            );
        }
    }
}
