//! What the project is made of.

use std::fmt::Write as _;
use std::net::SocketAddr;

use dify_infra_core::catalogue::Catalogue;
use dify_infra_core::render::{ComposeOptions, compose};

use crate::reader::{Composed, EXAMPLES, deployment, minimal, project};

fn example(name: &str) -> &'static str {
    EXAMPLES.iter().find(|(one, _)| *one == name).unwrap().1
}

#[test]
fn the_minimal_file_says_what_was_reviewed() {
    insta::assert_snapshot!(project(&deployment(example("minimal"))).compose_file());
}

/// One line for each service: what of it depends on file and release.
fn summary(text: &str) -> String {
    let composed = Composed::read(text);
    let mut lines = String::new();
    for name in composed.names("services") {
        let service = composed.service(name);
        let variables: Vec<String> = composed.variables(name).into_keys().collect();
        let _ = write!(
            lines,
            "{name}: {} {} {}\n    {}\n",
            service["image"].as_str().unwrap(),
            service["cpus"].as_str().unwrap_or("-"),
            service["mem_limit"].as_str().unwrap_or("-"),
            variables.join(" "),
        );
    }
    lines
}

#[test]
fn other_examples_differ_where_they_should() {
    for name in ["dify-dev", "own-registry", "older-release", "existing-data"] {
        let project = project(&deployment(example(name)));
        insta::assert_snapshot!(
            format!("summary_of_{name}"),
            summary(project.compose_file())
        );
    }
}

#[test]
fn user_code_is_on_the_network_without_a_way_out() {
    for release in Catalogue::builtin().releases() {
        let composed =
            Composed::read(project(&minimal(&release.version().to_string())).compose_file());
        let inner = "ssrf_proxy_network";
        assert_eq!(composed.network(inner)["internal"].as_bool(), Some(true));
        assert!(composed.network("default")["internal"].is_badvalue());
        assert_eq!(composed.list("sandbox", "networks"), [inner]);
        assert_eq!(composed.list("egress_check", "networks"), [inner]);
        let beside: Vec<&str> = composed
            .names("services")
            .into_iter()
            .filter(|name| {
                composed
                    .list(name, "networks")
                    .iter()
                    .any(|one| one == inner)
            })
            .filter(|name| !["sandbox", "egress_check"].contains(name))
            .collect();
        // The callers and the proxy; no data, no front door, no scheduler, no plugins.
        let mut expected = vec!["api", "api_websocket", "worker", "ssrf_proxy"];
        expected.retain(|name| beside.contains(name) || *name != "api_websocket");
        assert_eq!(beside, expected);
    }
}

#[test]
fn only_the_front_door_is_published() {
    let composed = Composed::read(project(&minimal("1.16.0")).compose_file());
    for name in composed.names("services") {
        let expected: &[&str] = if name == "nginx" {
            &["127.0.0.1:8080:80"]
        } else {
            &[]
        };
        assert_eq!(composed.list(name, "ports"), expected, "{name}");
    }
}

#[test]
fn the_database_is_migrated_before_anything_uses_it() {
    let composed = Composed::read(project(&minimal("1.16.0")).compose_file());
    for name in ["api", "api_websocket", "worker", "worker_beat"] {
        let waits = composed.waits_for(name);
        assert_eq!(
            waits["migration"], "service_completed_successfully",
            "{name}"
        );
    }
    let waits = composed.waits_for("migration");
    assert_eq!(waits["postgres_setup"], "service_completed_successfully");
    assert_eq!(waits["blob_containers"], "service_completed_successfully");
    assert_eq!(waits["redis"], "service_healthy");
    assert_eq!(
        composed.waits_for("postgres_setup")["postgres"],
        "service_healthy"
    );
    assert_eq!(
        composed.waits_for("blob_containers")["azurite"],
        "service_healthy"
    );
    for name in composed.names("services") {
        let waits = composed.waits_for(name);
        for (other, condition) in waits {
            let service = composed.service(&other);
            if condition == "service_healthy" {
                assert!(
                    !service["healthcheck"].is_badvalue(),
                    "{name} waits for {other}"
                );
            } else {
                assert_eq!(
                    service["restart"].as_str(),
                    Some("no"),
                    "{name} waits for {other}"
                );
            }
        }
    }
}

#[test]
fn there_can_be_no_second_scheduler_or_plugin_daemon() {
    let composed = Composed::read(project(&minimal("1.16.0")).compose_file());
    let named: Vec<&str> = composed
        .names("services")
        .into_iter()
        .filter(|name| !composed.service(name)["container_name"].is_badvalue())
        .collect();
    assert_eq!(named, ["worker_beat", "plugin_daemon"]);
    let name = composed.service("worker_beat")["container_name"].as_str();
    assert_eq!(name, Some("dify-dev-worker-beat"));
}

#[test]
fn health_is_asked_where_the_catalogue_says() {
    let composed = Composed::read(project(&minimal("1.16.0")).compose_file());
    let command = |name: &str| {
        composed.service(name)["healthcheck"]["test"][1]
            .as_str()
            .unwrap_or("")
            .to_owned()
    };
    for (name, part) in [
        ("api", "http://127.0.0.1:5001/health"),
        ("sandbox", "http://127.0.0.1:8194/health"),
        ("plugin_daemon", "http://127.0.0.1:5002/health/check"),
        ("nginx", "http://127.0.0.1:80/nginx-health"),
        ("web", "127.0.0.1 3000"),
        ("ssrf_proxy", "127.0.0.1 3128"),
    ] {
        assert!(command(name).contains(part), "{name}: {}", command(name));
    }
    assert_eq!(command("worker"), "");
}

#[test]
fn the_origin_is_the_file_s_or_where_the_front_door_is_published() {
    let web = |deployment: &dify_infra_core::deployment::Deployment, listen: &str| {
        let listen: SocketAddr = listen.parse().unwrap();
        let project = compose(deployment, &ComposeOptions { listen }).unwrap();
        let composed = Composed::read(project.compose_file());
        (
            composed.variables("web")["CONSOLE_API_URL"].clone(),
            composed.list("nginx", "ports").remove(0),
        )
    };
    let plain = minimal("1.16.0");
    for (listen, url) in [
        ("127.0.0.1:8080", "http://localhost:8080"),
        ("0.0.0.0:80", "http://localhost"),
        ("192.0.2.7:80", "http://192.0.2.7"),
        ("192.0.2.7:8443", "http://192.0.2.7:8443"),
        ("[::1]:81", "http://localhost:81"),
    ] {
        assert_eq!(
            web(&plain, listen),
            (url.to_owned(), format!("{listen}:80"))
        );
    }
    let text =
        example("minimal").to_owned() + "\n[public]\norigin = \"https://dify.example.com\"\n";
    let (url, port) = web(&deployment(&text), "127.0.0.1:9000");
    assert_eq!(
        (url.as_str(), port.as_str()),
        ("https://dify.example.com", "127.0.0.1:9000:80")
    );
}

#[test]
fn the_client_is_believed_only_from_a_program_of_the_host() {
    let nginx = |listen: &str| {
        let listen = listen.parse().unwrap();
        let project = compose(&minimal("1.16.0"), &ComposeOptions { listen }).unwrap();
        let file = project
            .files()
            .iter()
            .find(|file| file.name == "nginx.conf")
            .unwrap();
        file.text.contains("set_real_ip_from 172.16.0.0/12;")
    };
    assert!(nginx("127.0.0.1:8080"));
    assert!(
        !nginx("0.0.0.0:8080"),
        "anyone can connect and say who they are"
    );
}

#[test]
fn the_scheme_is_believed_only_where_tls_ends_in_front() {
    let believes = |deployment: &dify_infra_core::deployment::Deployment| {
        let project = project(deployment);
        let mut files = project.files().iter();
        let file = files.find(|file| file.name == "nginx.conf").unwrap();
        file.text.contains("map $http_x_forwarded_proto ")
    };
    let text =
        example("minimal").to_owned() + "\n[public]\norigin = \"https://dify.example.com\"\n";
    assert!(believes(&deployment(&text)));
    assert!(!believes(&minimal("1.16.0")));
}

#[test]
fn a_changed_file_changes_the_service_that_mounts_it() {
    let text = example("minimal");
    let other =
        text.to_owned() + "\n[[egress.allow]]\ncidr = \"10.0.8.4/32\"\nreason = \"the wiki\"\n";
    let labels = |text: &str| {
        let composed = Composed::read(project(&deployment(text)).compose_file());
        ["ssrf_proxy", "nginx"].map(|name| {
            let label = composed.service(name)["labels"]["dify-infra.files"].as_str();
            label.unwrap().to_owned()
        })
    };
    let ([squid, nginx], [other_squid, other_nginx]) = (labels(text), labels(&other));
    assert_ne!(squid, other_squid);
    assert_eq!(nginx, other_nginx);
}

#[test]
fn every_mounted_file_is_one_of_the_project_s() {
    let project = project(&minimal("1.16.0"));
    let composed = Composed::read(project.compose_file());
    let mut mounted: Vec<String> = composed
        .names("services")
        .into_iter()
        .flat_map(|name| composed.list(name, "volumes"))
        .filter_map(|volume| Some(volume.strip_prefix("./")?.split_once(':')?.0.to_owned()))
        .collect();
    mounted.sort();
    let mut files: Vec<String> = project
        .files()
        .iter()
        .map(|file| file.name.clone())
        .collect();
    files.retain(|name| name != "compose.yaml");
    files.sort();
    assert_eq!(mounted, files);
    let named: Vec<String> = composed
        .names("services")
        .into_iter()
        .flat_map(|name| composed.list(name, "volumes"))
        .filter(|volume| !volume.starts_with("./"))
        .map(|volume| volume.split_once(':').unwrap().0.to_owned())
        .collect();
    assert_eq!(named, composed.names("volumes"));
}
