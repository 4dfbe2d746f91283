//! Which image reads which variable, from when until when.

use super::super::table::VariableTable;
use super::super::*;
use super::{release, version};

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
