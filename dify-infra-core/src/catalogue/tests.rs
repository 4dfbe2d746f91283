//! Tests of the catalogue's data and of the questions it answers.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::data::{self, ReleasesData, VariablesData};
use super::table::VariableTable;
use super::*;

fn release(version: &str) -> &'static Release {
    Catalogue::builtin().release(version).unwrap()
}

fn version(text: &str) -> Version {
    text.parse().unwrap()
}

fn variable_files() -> Vec<VariablesData> {
    data::VARIABLES
        .iter()
        .map(|text| serde_json::from_str(text).unwrap())
        .collect()
}

/// The table of an image at a version that need not belong to an offered release.
fn table_at(kind: ServiceKind, at: &str) -> VariableTable<'static> {
    let shared = &release("1.16.0").shared;
    VariableTable::new(&shared.variables[&kind.image()], version(at))
}

fn reads(release_version: &str, kind: ServiceKind, name: &str) -> bool {
    release(release_version)
        .variables(kind)
        .is_read(name)
        .is_yes()
}

#[track_caller]
fn assert_renamed(kind: ServiceKind, wrong: &str, right: &str) {
    match release("1.16.0").variables(kind).is_read(wrong) {
        Read::RenamedTo { right_name, why } => {
            assert_eq!(right_name, right);
            assert!(!why.is_empty());
        }
        other => panic!("{wrong} on {kind}: {other:?}"),
    }
}

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
fn a_table_holds_what_the_image_of_that_release_reads() {
    let beat = ServiceKind::WorkerBeat;
    assert!(!reads("1.13.3", beat, "REDIS_KEY_PREFIX"));
    assert!(reads("1.14.2", beat, "REDIS_KEY_PREFIX"));
    assert!(reads("1.10.1-fix.1", ServiceKind::Api, "TRIGGER_URL"));
    assert!(!reads("1.14.2", ServiceKind::Web, "SERVER_CONSOLE_API_URL"));
    assert!(reads("1.16.0", ServiceKind::Web, "SERVER_CONSOLE_API_URL"));
    assert!(!reads("1.16.0", ServiceKind::Api, "DISABLE_TELEMETRY"));
    assert!(reads("1.17.1", ServiceKind::Api, "DISABLE_TELEMETRY"));
    assert_eq!(
        table_at(ServiceKind::Api, "1.9.2").is_read("TRIGGER_URL"),
        Read::NotYet {
            since: version("1.10.0-rc1")
        }
    );
    let older = release("1.13.3").variables(beat);
    assert!(
        older
            .iter()
            .all(|variable| variable.name != "REDIS_KEY_PREFIX")
    );
    assert!(older.iter().count() < release("1.16.0").variables(beat).iter().count());
}

#[test]
fn daemon_and_sandbox_compare_with_their_own_version_line() {
    let daemon = ServiceKind::PluginDaemon;
    let requirement = "REDIS_SSL_CERT_REQS";
    assert_eq!(
        release("1.11.4").variables(daemon).version(),
        version("0.5.2")
    );
    assert!(!reads("1.11.4", daemon, requirement));
    assert!(reads("1.13.3", daemon, requirement));
    let identity = "AZURE_BLOB_STORAGE_USE_MANAGED_IDENTITY";
    let not_yet = Read::NotYet {
        since: version("0.5.7"),
    };
    assert_eq!(
        release("1.13.3").variables(daemon).is_read(identity),
        not_yet
    );
    assert!(reads("1.14.2", daemon, identity));
    assert!(!reads("1.16.0", daemon, "REDIS_USE_AZURE_MANAGED_IDENTITY"));
    assert!(reads("1.17.1", daemon, "REDIS_USE_AZURE_MANAGED_IDENTITY"));
    assert!(!reads(
        "1.17.1",
        ServiceKind::Sandbox,
        "SYSTEM_LIB_REQUIREMENTS"
    ));
}

#[test]
fn a_removed_variable_is_read_by_old_releases_alone() {
    let removed = "APP_DAILY_RATE_LIMIT";
    assert!(reads("1.10.1-fix.1", ServiceKind::Api, removed));
    let Read::NoLonger { until, .. } = release("1.16.0")
        .variables(ServiceKind::Api)
        .is_read(removed)
    else {
        panic!("{removed} is read");
    };
    assert_eq!(until, version("1.10.1-fix.1"));
    assert!(reads(
        "1.10.1-fix.1",
        ServiceKind::PluginDaemon,
        "PLUGIN_ALLOW_ORPHANS"
    ));
    assert!(!reads(
        "1.11.4",
        ServiceKind::PluginDaemon,
        "PLUGIN_ALLOW_ORPHANS"
    ));
}

#[test]
fn an_alias_is_read_from_its_own_release_on_and_a_real_name_wins() {
    let alias = "EVENT_BUS_REDIS_URL";
    let api = |version: &str| release(version).variables(ServiceKind::Api);
    assert_eq!(api("1.16.0").get(alias).unwrap().name, "PUBSUB_REDIS_URL");
    assert!(api("1.16.0").get("PUBSUB_REDIS_URL").is_some());
    assert_eq!(
        table_at(ServiceKind::Api, "1.12.1").is_read(alias),
        Read::NotYet {
            since: version("1.13.0")
        }
    );
    assert_eq!(
        api("1.16.0").get("CONSOLE_API_URL").unwrap().name,
        "CONSOLE_API_URL"
    );
    assert_eq!(
        api("1.14.2").is_read("SERVER_CONSOLE_API_URL"),
        Read::NotYet {
            since: version("1.15.0")
        }
    );
}

#[test]
fn a_wrong_name_gives_the_right_one() {
    assert_renamed(
        ServiceKind::Api,
        "SANDBOX_API_KEY",
        "CODE_EXECUTION_API_KEY",
    );
    assert_renamed(ServiceKind::Worker, "DB_SSL_MODE", "DB_EXTRAS");
    assert_renamed(
        ServiceKind::WorkerBeat,
        "BROKER_USE_SSL",
        "CELERY_BROKER_URL",
    );
    assert_renamed(
        ServiceKind::Sandbox,
        "SANDBOX_WORKER_TIMEOUT",
        "WORKER_TIMEOUT",
    );
    assert_renamed(ServiceKind::PluginDaemon, "PLUGIN_DAEMON_KEY", "SERVER_KEY");
    assert!(reads("1.16.0", ServiceKind::PluginDaemon, "DB_SSL_MODE"));
}

#[test]
fn a_name_that_nobody_reads_says_why_or_what_is_near() {
    let api = release("1.16.0").variables(ServiceKind::Api);
    assert_eq!(
        api.is_read("LOGLEVEL"),
        Read::No {
            why: None,
            nearest: Some("LOG_LEVEL")
        }
    );
    assert_eq!(
        api.is_read("ZZ_TOP"),
        Read::No {
            why: None,
            nearest: None
        }
    );
    let daemon = release("1.16.0").variables(ServiceKind::PluginDaemon);
    let Read::No { why: Some(why), .. } = daemon.is_read("UV_LINK_MODE") else {
        panic!("the daemon passes UV_LINK_MODE on");
    };
    assert!(why.contains("fixed environment"), "{why}");
    assert!(reads(
        "1.17.1",
        ServiceKind::PluginDaemon,
        "UV_INDEX_NEXUS_PASSWORD"
    ));
}

#[test]
fn template_variables_of_nginx_and_proxy_are_not_read_by_the_stock_images() {
    let wrong = [
        (ServiceKind::Nginx, "NGINX_CLIENT_MAX_BODY_SIZE"),
        (ServiceKind::SsrfProxy, "SSRF_PROXY_ALLOW_PRIVATE_IPS"),
    ];
    for (kind, name) in wrong {
        let Read::No { why: Some(why), .. } = release("1.16.0").variables(kind).is_read(name)
        else {
            panic!("{kind} reads {name}");
        };
        assert!(why.contains("entrypoint"), "{why}");
    }
    assert!(reads(
        "1.16.0",
        ServiceKind::Nginx,
        "NGINX_ENTRYPOINT_QUIET_LOGS"
    ));
    assert!(reads("1.16.0", ServiceKind::SsrfProxy, "TZ"));
}

#[test]
fn identity_of_a_managed_identity_is_known_on_the_api() {
    assert!(reads("1.16.0", ServiceKind::Api, "AZURE_CLIENT_ID"));
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
fn changes_speak_of_known_names() {
    let data: ReleasesData = serde_json::from_str(data::RELEASES).unwrap();
    let files = variable_files();
    let known: BTreeSet<_> = files
        .iter()
        .flat_map(|file| {
            let read = file
                .variables
                .iter()
                .chain(&file.former)
                .map(|it| it.name.as_str());
            read.chain(file.not_read.iter().map(|it| it.name.as_str()))
        })
        .chain(["ENABLE_AGENT_V2"])
        .collect();
    for change in &data.changes {
        for name in &change.variables {
            assert!(known.contains(name.as_str()), "{name} in {}", change.what);
        }
    }
}

#[test]
fn data_files_are_sorted_without_repetition_and_explain_every_name() {
    for file in variable_files() {
        for list in [&file.variables, &file.runtime, &file.former] {
            assert!(
                list.is_sorted_by(|left, right| left.name < right.name),
                "{}",
                file.image
            );
        }
        assert!(
            file.not_read
                .is_sorted_by(|left, right| left.name < right.name),
            "{}",
            file.image
        );
        assert!(
            file.former.iter().all(|it| it.until.is_some()),
            "{}",
            file.image
        );
        let read: BTreeSet<_> = [&file.variables, &file.runtime, &file.former]
            .into_iter()
            .flatten()
            .map(|it| it.name.as_str())
            .collect();
        let count = file.variables.len() + file.runtime.len() + file.former.len();
        assert_eq!(read.len(), count, "{}: a name is in two lists", file.image);
        for name in &file.not_read {
            assert!(!name.why.is_empty(), "{}", name.name);
            assert!(!read.contains(name.name.as_str()), "{} is read", name.name);
            if let Some(right) = &name.right_name {
                assert!(read.contains(right.as_str()), "{} -> {right}", name.name);
            }
        }
    }
}

#[test]
fn every_default_is_a_value_that_the_image_accepts_and_meanings_stay_short() {
    for release in Catalogue::builtin().releases() {
        for kind in ServiceKind::ALL {
            for variable in release.variables(kind).iter() {
                if let Some(default) = &variable.default {
                    variable.check_value(default).unwrap();
                }
                assert!(!variable.meaning.is_empty(), "{}", variable.name);
                assert!(variable.meaning.len() <= 120, "{}", variable.name);
            }
        }
    }
}

#[test]
fn required_variables_include_the_keys_that_must_match() {
    let names = |kind| -> Vec<&str> {
        release("1.16.0")
            .variables(kind)
            .required()
            .map(|it| it.name.as_str())
            .collect()
    };
    for name in [
        "CODE_EXECUTION_API_KEY",
        "PLUGIN_DAEMON_KEY",
        "INNER_API_KEY_FOR_PLUGIN",
    ] {
        assert!(names(ServiceKind::Worker).contains(&name), "{name}");
    }
    assert!(names(ServiceKind::PluginDaemon).contains(&"DB_SSL_MODE"));
    assert!(names(ServiceKind::Sandbox).contains(&"API_KEY"));
}

#[track_caller]
fn assert_values(kind: ServiceKind, name: &str, good: &[&str], bad: &[&str]) {
    let variable = release("1.17.1").variables(kind).get(name).unwrap();
    for value in good {
        assert_eq!(variable.check_value(value), Ok(()), "{name}");
    }
    for value in bad {
        assert!(
            variable.check_value(value).is_err(),
            "{name} accepts `{value}`"
        );
    }
}

#[test]
fn booleans_are_spelt_as_the_image_parses_them() {
    use ServiceKind::{Api, PluginDaemon, Sandbox, Web};
    assert_values(
        Api,
        "REDIS_USE_SSL",
        &["true", "True", "1", "yes", "on", "F"],
        &["", "ja", "2"],
    );
    assert_values(
        Api,
        "MIGRATION_ENABLED",
        &["true", "false", ""],
        &["True", "1", "yes"],
    );
    assert_values(
        PluginDaemon,
        "REDIS_USE_SSL",
        &["true", "TRUE", "t", "0"],
        &["yes", "on", ""],
    );
    assert_values(Sandbox, "ENABLE_NETWORK", &["true", ""], &["yes"]);
    assert_values(Web, "ALLOW_EMBED", &["true", "0", ""], &["True", "yes"]);
}

#[test]
fn numbers_keep_their_bounds() {
    use ServiceKind::{Api, PluginDaemon, Web};
    assert_values(
        Api,
        "REDIS_PORT",
        &["6380", " 6380 ", "10000.0"],
        &["0", "-1", "", "tls", "1.5"],
    );
    assert_values(Api, "REDIS_MAX_CONNECTIONS", &["", "50"], &["0"]);
    assert_values(
        Api,
        "CODE_EXECUTION_CONNECT_TIMEOUT",
        &["10", "2.5"],
        &["ten", "inf"],
    );
    assert_values(PluginDaemon, "DB_PORT", &["5432"], &["5432.0", " 5432", ""]);
    assert_values(Web, "TOP_K_MAX_VALUE", &["10", ""], &["0", "-3"]);
}

#[test]
fn enumerations_take_their_values_alone() {
    use ServiceKind::{Api, PluginDaemon};
    assert_values(
        Api,
        "STORAGE_TYPE",
        &["azure-blob"],
        &["azure_blob", "", "AZURE-BLOB"],
    );
    assert_values(
        Api,
        "REMOTE_SETTINGS_SOURCE_NAME",
        &["", "nacos"],
        &["consul"],
    );
    assert_values(
        PluginDaemon,
        "PLUGIN_STORAGE_TYPE",
        &["azure_blob", "baidu_bos"],
        &["blob"],
    );
    assert_values(
        PluginDaemon,
        "DB_SSL_MODE",
        &["require", "disable"],
        &["verify-full", ""],
    );
    // Known values, but any gunicorn class works.
    assert_values(Api, "SERVER_WORKER_CLASS", &["gevent", "sync"], &[]);
}

#[test]
fn urls_are_absolute_and_may_be_empty_where_that_means_something() {
    use ServiceKind::{Api, Sandbox, Web};
    let good = [
        "http://dify-dev-plugin-daemon:5002",
        "https://[fd00::1]:8443/x",
        "HTTP://a",
    ];
    let bad = [
        "dify-dev-plugin-daemon:5002",
        "http://",
        "http://a:0",
        "http://a b",
        "",
        "ftp://a",
    ];
    assert_values(Api, "PLUGIN_DAEMON_URL", &good, &bad);
    assert_values(
        Web,
        "CONSOLE_API_URL",
        &["", "https://dify.example.com"],
        &["dify.example.com"],
    );
    assert_values(
        Web,
        "MARKETPLACE_API_URL",
        &["https://marketplace.dify.ai"],
        &[""],
    );
    assert_values(
        Web,
        "NEXT_PUBLIC_SOCKET_URL",
        &["wss://dify.example.com"],
        &["https://a"],
    );
    assert_values(
        Sandbox,
        "SOCKS5_PROXY",
        &["socks5://u:p@proxy:1080", ""],
        &["http://a"],
    );
}

#[test]
fn durations_lists_and_json_have_their_form() {
    use ServiceKind::{Api, Sandbox};
    let good = ["30m", "1h30m", "1.5s", "100ms", "0", ""];
    assert_values(
        Sandbox,
        "PYTHON_DEPS_UPDATE_INTERVAL",
        &good,
        &["30", "m", "1d", ".s", "5 m"],
    );
    assert_values(Sandbox, "ALLOWED_SYSCALLS", &["1,2,3"], &["1,read"]);
    assert_values(
        Api,
        "CELERY_TASK_ANNOTATIONS",
        &["null", r#"{"a": {}}"#],
        &["{a}", ""],
    );
    assert_values(Api, "CELERY_QUEUES", &["dataset,mail", ""], &[]);
}

#[test]
fn an_invalid_value_is_named_unless_it_is_secret() {
    let port = release("1.16.0")
        .variables(ServiceKind::Api)
        .get("REDIS_PORT")
        .unwrap();
    let error = port.check_value("tls").unwrap_err();
    assert_eq!(
        error.to_string(),
        "REDIS_PORT cannot be `tls`: the image accepts a whole number above 0"
    );
    let secret = Variable {
        secret: true,
        ..port.clone()
    };
    let error = secret.check_value("hunter2").unwrap_err();
    assert!(!format!("{error} {error:?}").contains("hunter2"));
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

#[test]
fn broken_data_is_refused_instead_of_half_used() {
    let without_tag = data::RELEASES.replacen("\"sandbox\": \"0.2.15\", ", "", 1);
    let error = data::load(&without_tag, &data::VARIABLES).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("release 1.17.1 has no sandbox image"),
        "{error}"
    );
    let wrong_default =
        data::RELEASES.replacen("\"default\": \"1.16.0\"", "\"default\": \"1.0.0\"", 1);
    assert!(data::load(&wrong_default, &data::VARIABLES).is_err());
    assert!(data::load(data::RELEASES, &data::VARIABLES[1..]).is_err());
    let misspelt = data::RELEASES.replacen("\"optional\"", "\"optionl\"", 1);
    assert!(data::load(&misspelt, &data::VARIABLES).is_err());
}

/// What upstream was found to read, before it was made compact.
fn upstream_variables() -> Option<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors()
        .map(|it| it.join("shared/facts/dify-env"))
        .find(|it| it.is_dir())
}

#[test]
fn tables_hold_every_name_and_secret_that_was_read_upstream() {
    let Some(folder) = upstream_variables() else {
        assert!(
            std::env::var_os("DIFY_INFRA_REQUIRE_REAL").is_none_or(|it| it != "1"),
            "the collected variables are required but not there"
        );
        eprintln!("skipped: the collected variables are not there");
        return;
    };
    // It is a password, though the collection does not say so.
    let also_secret = ["UV_INDEX_NEXUS_PASSWORD"];
    for file in variable_files() {
        let text = std::fs::read_to_string(folder.join(format!("{}.json", file.image))).unwrap();
        let upstream: serde_json::Value = serde_json::from_str(&text).unwrap();
        let upstream: BTreeMap<&str, bool> = upstream["variables"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| {
                (
                    it["name"].as_str().unwrap(),
                    it["secret"].as_bool().unwrap(),
                )
            })
            .map(|(name, secret)| (name, secret || also_secret.contains(&name)))
            .collect();
        if matches!(file.image, ImageKind::Nginx | ImageKind::SsrfProxy) {
            assert_stock_image_covers(&file, &upstream);
            continue;
        }
        let embedded: BTreeMap<&str, bool> = file
            .variables
            .iter()
            .map(|it| (it.name.as_str(), it.secret))
            .collect();
        assert_eq!(embedded, upstream, "{}", file.image);
    }
}

/// Template variables are known as not read; what else was collected is read by the image itself.
fn assert_stock_image_covers(file: &VariablesData, upstream: &BTreeMap<&str, bool>) {
    let read = file.variables.iter().map(|it| it.name.as_str());
    let known: BTreeSet<_> = read
        .chain(file.not_read.iter().map(|it| it.name.as_str()))
        .collect();
    for name in upstream.keys() {
        assert!(known.contains(name), "{}: {name}", file.image);
    }
}
