//! Which values an image takes.

use super::super::*;
use super::release;

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
