//! Releases, their services, images, routes and what changed between them.

use std::collections::BTreeSet;

use super::super::*;
use super::{release, version};

#[test]
fn offers_six_releases_newest_first_and_defaults_to_the_one_read_whole() {
    let catalogue = Catalogue::builtin();
    let offered: Vec<_> = catalogue
        .releases()
        .iter()
        .map(|it| it.version().to_string())
        .collect();
    assert_eq!(
        offered,
        [
            "1.17.1",
            "1.16.0",
            "1.14.2",
            "1.13.3",
            "1.11.4",
            "1.10.1-fix.1"
        ]
    );
    assert_eq!(catalogue.default_release().version(), version("1.16.0"));
}

#[test]
fn ships_the_images_that_upstream_released_together() {
    let sets = [
        ("1.17.1", "0.2.15", "0.6.10-local"),
        ("1.16.0", "0.2.15", "0.6.3-local"),
        ("1.14.2", "0.2.15", "0.6.1-local"),
        ("1.13.3", "0.2.14", "0.5.3-local"),
        ("1.11.4", "0.2.12", "0.5.2-local"),
        ("1.10.1-fix.1", "0.2.12", "0.4.1-local"),
    ];
    for (dify, sandbox, plugin_daemon) in sets {
        let release = release(dify);
        assert_eq!(release.image(ImageKind::Api).tag, dify);
        assert_eq!(release.image(ImageKind::Web).tag, dify);
        assert_eq!(release.image(ImageKind::Sandbox).tag, sandbox);
        assert_eq!(release.image(ImageKind::PluginDaemon).tag, plugin_daemon);
    }
}

#[test]
fn every_release_is_complete() {
    for release in Catalogue::builtin().releases() {
        for kind in ServiceKind::ALL {
            let Some(service) = release.service(kind) else {
                assert_eq!(kind, ServiceKind::ApiWebsocket, "{}", release.version());
                continue;
            };
            assert_eq!(service.image, kind.image(), "{kind}");
            assert_eq!(release.variables(kind).image(), service.image, "{kind}");
            assert_probe_fits_ports(service);
            assert_sizes_are_possible(service);
            assert_sets_only_what_the_image_reads(release, service);
        }
        for image in release.images() {
            assert_ne!(image.tag, "latest", "{}", image.kind);
            assert!(!image.repository.is_empty(), "{}", image.kind);
        }
        assert!(release.services().is_sorted_by_key(|service| service.kind));
    }
}

fn assert_probe_fits_ports(service: &ServiceFacts) {
    let probed = match &service.probe {
        Probe::Http { path, port, .. } => {
            assert!(path.starts_with('/'), "{}", service.kind);
            Some(*port)
        }
        Probe::Tcp { port, .. } => Some(*port),
        Probe::None { why } => {
            assert!(!why.is_empty(), "{}", service.kind);
            None
        }
    };
    assert_eq!(probed, service.port(), "{}", service.kind);
}

fn assert_sizes_are_possible(service: &ServiceFacts) {
    for size in [service.sizes.dev, service.sizes.prod] {
        // Consumption: quarter cores up to four, and two gibibytes for each core.
        assert_eq!(size.millicores % 250, 0, "{}", service.kind);
        assert!((250..=4000).contains(&size.millicores), "{}", service.kind);
        assert_eq!(
            size.memory_mebibytes * 1000,
            size.millicores * 2048,
            "{}",
            service.kind
        );
        assert!(size.replicas.min <= size.replicas.max, "{}", service.kind);
        assert!(
            service.replica_limits.allows(size.replicas),
            "{}",
            service.kind
        );
    }
}

fn assert_sets_only_what_the_image_reads(release: &Release, service: &ServiceFacts) {
    let variables = release.variables(service.kind);
    for (name, value) in &service.environment {
        let variable = variables
            .get(name)
            .unwrap_or_else(|| panic!("{}: {name}", service.kind));
        variable.check_value(value).unwrap();
    }
}

#[test]
fn scheduler_and_plugin_daemon_are_exactly_one_and_the_rest_at_least_one() {
    for service in release("1.16.0").services() {
        let single = matches!(
            service.kind,
            ServiceKind::WorkerBeat | ServiceKind::PluginDaemon
        );
        assert_eq!(
            service.replica_limits.is_exactly_one(),
            single,
            "{}",
            service.kind
        );
        assert_eq!(service.replica_limits.min, 1, "{}", service.kind);
    }
    let beat = release("1.16.0").service(ServiceKind::WorkerBeat).unwrap();
    assert!(!beat.replica_limits.allows(Replicas { min: 1, max: 2 }));
    assert!(!beat.replica_limits.allows(Replicas { min: 0, max: 1 }));
}

#[test]
fn mode_selects_the_service_in_the_shared_image() {
    let mode = |kind| release("1.16.0").service(kind).unwrap().mode();
    assert_eq!(mode(ServiceKind::Api), Some("api"));
    assert_eq!(mode(ServiceKind::Worker), Some("worker"));
    assert_eq!(mode(ServiceKind::WorkerBeat), Some("beat"));
    assert_eq!(mode(ServiceKind::Web), None);
}

#[test]
fn migration_sets_both_variables_that_make_the_image_exit() {
    let release = release("1.16.0");
    let migration = release.migration();
    assert_eq!(migration.environment["MODE"], "migration");
    assert_eq!(migration.environment["MIGRATION_ENABLED"], "true");
    for (name, value) in &migration.environment {
        release
            .variables(ServiceKind::Api)
            .get(name)
            .unwrap()
            .check_value(value)
            .unwrap();
    }
}

#[test]
fn websocket_service_and_its_route_come_with_collaboration() {
    let has_service = |version| {
        release(version)
            .service(ServiceKind::ApiWebsocket)
            .is_some()
    };
    let has_route = |version| {
        release(version)
            .routes()
            .iter()
            .any(|it| it.path == "/socket.io/")
    };
    assert!(!has_service("1.13.3") && !has_route("1.13.3"));
    assert!(has_service("1.14.2") && has_route("1.14.2"));
}

#[test]
fn routes_lead_to_services_of_the_release_and_follow_its_history() {
    for release in Catalogue::builtin().releases() {
        for route in release.routes() {
            assert!(release.service(route.service).is_some(), "{}", route.path);
        }
        let paths: BTreeSet<_> = release.routes().iter().map(|route| &route.path).collect();
        assert_eq!(
            paths.len(),
            release.routes().len(),
            "a path is routed twice"
        );
        for unrouted in release.unrouted() {
            assert!(
                !paths.contains(&unrouted.path),
                "{} is routed",
                unrouted.path
            );
        }
    }
    let paths = |version| -> Vec<&str> {
        release(version)
            .routes()
            .iter()
            .map(|route| route.path.as_str())
            .collect()
    };
    assert!(paths("1.10.1-fix.1").contains(&"/triggers"));
    assert!(!paths("1.14.2").contains(&"/openapi"));
    assert!(paths("1.16.0").contains(&"/openapi"));
}

#[test]
fn agent_services_are_refused_with_a_reason_from_the_release_that_has_them() {
    let refused = |version| -> Vec<&str> {
        release(version)
            .refused_services()
            .iter()
            .map(|service| service.key.as_str())
            .collect()
    };
    assert_eq!(refused("1.14.2"), [] as [&str; 0]);
    assert_eq!(refused("1.16.0"), ["agent_backend", "local_sandbox"]);
    assert_eq!(
        refused("1.17.1"),
        ["agent_backend", "agent_ssrf_proxy", "local_sandbox"]
    );
    assert!(
        release("1.17.1").refused_services()[0]
            .reason
            .contains("no facts")
    );
}

#[test]
fn unknown_release_names_the_offered_and_the_nearest() {
    let error = |given| Catalogue::builtin().release(given).unwrap_err();
    assert_eq!(error("1.16.1").nearest, Some(version("1.16.0")));
    assert_eq!(error("2.0.0").nearest, Some(version("1.17.1")));
    assert_eq!(error("latest").nearest, None);
    assert_eq!(
        error("1.16.1").to_string(),
        "Dify `1.16.1` is not in the release catalogue; offered are 1.17.1, 1.16.0 (default), \
         1.14.2, 1.13.3, 1.11.4, 1.10.1-fix.1; the nearest is 1.16.0"
    );
}

#[test]
fn too_old_a_release_is_refused_with_the_reason() {
    let error = Catalogue::builtin().release("1.10.1").unwrap_err();
    assert_eq!(error.nearest, Some(version("1.10.1-fix.1")));
    assert!(error.to_string().contains("CVE-2025-55182"), "{error}");
    assert_eq!(
        Catalogue::builtin().release("1.15.0").unwrap_err().reason,
        None
    );
}

#[test]
fn changes_between_releases_follow_every_version_line() {
    let catalogue = Catalogue::builtin();
    let (from, to) = (release("1.13.3"), release("1.16.0"));
    let at: Vec<_> = catalogue
        .changes_between(from, to)
        .map(|change| (change.line, change.at.to_string()))
        .collect();
    assert!(
        at.contains(&(VersionLine::Dify, "1.15.0".to_owned())),
        "{at:?}"
    );
    assert!(
        at.contains(&(VersionLine::PluginDaemon, "0.6.3".to_owned())),
        "{at:?}"
    );
    assert!(
        !at.iter()
            .any(|(_, at)| at == "1.13.0" || at == "1.17.0" || at == "0.6.4"),
        "{at:?}"
    );
    assert!(
        !at.iter().any(|(line, _)| *line == VersionLine::Sandbox),
        "{at:?}"
    );
    assert_eq!(catalogue.changes_between(to, from).count(), 0);
}

#[test]
fn service_names_parse_and_suggest() {
    for kind in ServiceKind::ALL {
        assert_eq!(kind.key().parse(), Ok(kind));
        assert!(!kind.app_suffix().contains('_'));
        assert_eq!(kind.app_suffix(), kind.key().replace('_', "-"));
        let data_name: ServiceKind = serde_json::from_value(kind.key().into()).unwrap();
        assert_eq!(data_name, kind);
    }
    let error = "worker-beat".parse::<ServiceKind>().unwrap_err();
    assert_eq!(
        error.to_string(),
        "there is no service `worker-beat`; did you mean `worker_beat`?"
    );
    let error = "database".parse::<ServiceKind>().unwrap_err();
    assert_eq!(error.nearest, None);
    assert!(error.to_string().contains("plugin_daemon"), "{error}");
}

#[test]
fn images_move_to_another_registry_with_repository_and_tag() {
    let image = release("1.16.0").image(ImageKind::Api);
    assert_eq!(image.reference(), "langgenius/dify-api:1.16.0");
    let mirrored = "myregistry.azurecr.io/langgenius/dify-api:1.16.0";
    assert_eq!(image.reference_in("myregistry.azurecr.io"), mirrored);
}
