//! What one side names the other must have: logins, settings of siblings, the migration.

use super::super::*;
use super::template;
use crate::check::Sample;
use crate::diagnostic::Severity;

/// What a rule says of what lies over a clean deployment, each with the lines of both places.
fn said(sample: Sample, rule: &str) -> Vec<(Severity, String)> {
    let report = sample::report(&sample).unwrap();
    let found = report.under(rule).inspect(|it| {
        let places = it.related.iter().map(|it| &it.place).chain([&it.place]);
        for place in places {
            assert!(place.line().is_some(), "{it}");
        }
    });
    found.map(|it| (it.severity, it.message.clone())).collect()
}

/// One finding, and nothing else under the rule.
#[track_caller]
fn one(sample: Sample, rule: &str, severity: Severity, words: &str) {
    let found = said(sample, rule);
    let [(how, message)] = found.as_slice() else {
        panic!("{rule}: {found:#?}");
    };
    assert_eq!(*how, severity, "{message}");
    assert!(message.contains(words), "{message}");
}

/// Variables of one service of the compose project.
macro_rules! set {
    ($service:literal, $lines:literal) => {
        Sample::compose(concat!(
            "services:\n  ",
            $service,
            ":\n    environment:\n      ",
            $lines
        ))
    };
}

/// Variables of one app or job of the template.
macro_rules! env {
    ($type:literal, $name:literal, $variables:literal) => {
        Sample::resources(concat!(
            r#"[{"type": "Microsoft.App/"#,
            $type,
            r#"", "name": "dify-dev-"#,
            $name,
            r#"", "properties": {"template": {"containers": [{"name": ""#,
            $name,
            r#"", "env": ["#,
            $variables,
            "]}]}}}]"
        ))
    };
}

#[test]
fn every_password_of_the_database_is_compared_with_the_servers_own() {
    let api_too = said(set!("db", "POSTGRES_PASSWORD: ${SANDBOX_KEY}"), "DBX110");
    let messages: String = api_too.iter().map(|it| it.1.as_str()).collect();
    for name in ["`api`", "`worker`", "`plugin_daemon`", "PGVECTOR_PASSWORD"] {
        assert!(messages.contains(name), "{messages}");
    }
    let daemon = set!("plugin_daemon", "DB_PASSWORD: ${SANDBOX_KEY}");
    one(
        daemon,
        "DBX110",
        Severity::Error,
        "`POSTGRES_PASSWORD` of `db`",
    );
}

#[test]
fn a_password_of_azures_server_is_compared_as_far_as_it_can_be_seen() {
    let server = |value: &'static str| match value {
        "same" => Sample::resources("[]"),
        "literal" => Sample::resources(
            r#"[{"type": "Microsoft.DBforPostgreSQL/flexibleServers", "properties": {"administratorLoginPassword": "Gt5Nw2Qz8Vx1Kb7Rm4Hd9"}},
                {"type": "Microsoft.App/containerApps", "name": "dify-dev-plugin-daemon", "properties": {"configuration": {"secrets": [{"name": "postgres-password", "value": "Zk3jX9qLm2Vb7Rt5Wy8Pn4Hd6"}]}}}]"#,
        ),
        _ => Sample::resources(
            r#"[{"$parameter": {"other": {"type": "securestring"}}},
                {"type": "Microsoft.App/containerApps", "name": "dify-dev-plugin-daemon", "properties": {"configuration": {"secrets": [{"name": "postgres-password", "value": "[parameters('other')]"}]}}}]"#,
        ),
    };
    assert_eq!(said(server("same"), "DBX110"), []);
    one(server("other"), "DBX110", Severity::Note, "can't be seen");
    let found = said(server("literal"), "DBX110");
    let daemon: Vec<_> = found.iter().filter(|it| it.1.contains("daemon")).collect();
    assert_eq!(daemon.len(), 1, "{found:#?}");
    assert_eq!(daemon[0].0, Severity::Error, "{daemon:?}");
}

#[test]
fn passwords_of_one_login_are_compared_though_its_server_is_elsewhere() {
    let app = |name: &str, host: &str, user: &str, password: &str| {
        format!(
            r#"{{"type": "Microsoft.App/containerApps", "name": "{name}", "properties": {{"template": {{"containers": [
                {{"name": "c", "image": "langgenius/dify-api:1.16.0", "env": [{{"name": "DB_HOST", "value": "{host}"}},
                {{"name": "DB_USERNAME", "value": "{user}"}}, {{"name": "DB_PASSWORD", "value": "{password}"}}]}}]}}}}}}"#
        )
    };
    let found = |other: String| {
        let one = app("one", "pg.example.com", "dify", "Gt5Nw2Qz8Vx1Kb7Rm4Hd9");
        let report = template(&format!(r#"{{"resources": [{one}, {other}]}}"#));
        report.under("DBX110").count()
    };
    assert_eq!(
        found(app("two", "pg.example.com", "dify", "Zk3jX9qLm2Vb7")),
        1
    );
    // Another login, or another server, has a password of its own.
    assert_eq!(
        found(app("two", "pg.example.com", "reader", "Zk3jX9qLm2Vb7")),
        0
    );
    assert_eq!(
        found(app("two", "other.example.com", "dify", "Zk3jX9qLm2Vb7")),
        0
    );
}

#[test]
fn a_login_that_the_database_does_not_have_is_told() {
    let daemon = set!("plugin_daemon", "DB_USERNAME: postgres");
    one(
        daemon,
        "DBX111",
        Severity::Error,
        "has the login `dify` alone",
    );
    let worker = set!("worker", "DB_USERNAME: bob");
    one(worker, "DBX111", Severity::Error, "is `bob`");
    // A script at the database's first start may make it.
    let scripted = Sample::compose(
        "services:\n  worker:\n    environment:\n      DB_USERNAME: bob\n  db:\n    volumes: [\"./logins.sql:/docker-entrypoint-initdb.d/logins.sql\"]",
    );
    one(scripted, "DBX111", Severity::Note, "is `bob`");
    // On Azure somebody may make it with SQL, which no template shows.
    let daemon = env!(
        "containerApps",
        "plugin-daemon",
        r#"{"name": "DB_USERNAME", "value": "postgres"}"#
    );
    one(daemon, "DBX111", Severity::Warning, "`difyadmin` alone");
    let vectors = env!(
        "containerApps",
        "worker",
        r#"{"name": "PGVECTOR_USER", "value": "nobody"}"#
    );
    one(vectors, "DBX111", Severity::Warning, "`PGVECTOR_USER`");
}

#[test]
fn a_database_is_called_on_the_port_of_its_server() {
    let daemon = set!("plugin_daemon", "DB_PORT: \"5433\"");
    one(daemon, "DBX112", Severity::Error, "listens on 5432");
    let pooled = env!(
        "containerApps",
        "plugin-daemon",
        r#"{"name": "DB_PORT", "value": "6432"}"#
    );
    assert_eq!(said(pooled, "DBX112"), []);
    // A command may choose another port.
    let moved = Sample::compose(
        "services:\n  plugin_daemon:\n    environment:\n      DB_PORT: \"5433\"\n  db:\n    command: postgres -p 5433",
    );
    assert_eq!(said(moved, "DBX112"), []);
}

#[test]
fn a_data_service_that_is_named_is_there() {
    for (sample, words) in [
        (
            set!(
                "worker",
                "CELERY_BROKER_URL: redis://:${REDIS_PASSWORD}@redis2:6379/1"
            ),
            "`redis2`",
        ),
        (set!("worker", "DB_HOST: postgres"), "`postgres`"),
        (set!("plugin_daemon", "REDIS_HOST: cache"), "`cache`"),
    ] {
        one(sample, "DBX113", Severity::Error, words);
    }
    let elsewhere = set!("worker", "DB_HOST: pg.example.com");
    assert_eq!(said(elsewhere, "DBX113"), []);
}

#[test]
fn every_password_of_redis_is_compared_in_urls_too() {
    let redis = Sample::compose(
        "services:\n  redis:\n    command: redis-server --requirepass ${SANDBOX_KEY}",
    );
    let messages: String = said(redis, "RED108").into_iter().map(|it| it.1).collect();
    for words in ["`api`", "`plugin_daemon`", "CELERY_BROKER_URL"] {
        assert!(messages.contains(words), "{messages}");
    }
    let broker = set!(
        "worker",
        "CELERY_BROKER_URL: redis://:${SANDBOX_KEY}@redis:6379/1"
    );
    one(
        broker,
        "RED108",
        Severity::Error,
        "`requirepass` of `redis`",
    );
    // One user's password is not another's.
    let another_user = set!(
        "worker",
        "CELERY_BROKER_URL: redis://celery:${SANDBOX_KEY}@redis:6379/1"
    );
    assert_eq!(said(another_user, "RED108"), []);
}

#[test]
fn a_password_is_one_though_it_is_encoded_in_a_url() {
    let text = |broker: &str| {
        format!(
            "services:\n  worker:\n    environment:\n      REDIS_PASSWORD: \"a/b#c 4711\"\n      \
             CELERY_BROKER_URL: \"redis://:{broker}@cache.example.com:6379/1\"\n      \
             REDIS_HOST: cache.example.com\n      MODE: worker\n    image: langgenius/dify-api:1.16.0\n"
        )
    };
    let found = |broker: &str| {
        let report = super::compose(&[("docker-compose.yaml", &text(broker))]);
        report.under("RED108").count()
    };
    assert_eq!(found("a%2Fb%23c%204711"), 0);
    assert_eq!(found("a%2fb%23c%204711"), 0);
    assert_eq!(found("a%2Fb%23c%204712"), 1);
}

#[test]
fn the_broker_is_the_redis_of_the_application_or_a_part_of_the_deployment() {
    let port = set!(
        "worker",
        "CELERY_BROKER_URL: redis://:${REDIS_PASSWORD}@redis:6380/1"
    );
    one(port, "RED109", Severity::Error, "`REDIS_PORT`");
    let elsewhere = set!(
        "worker",
        "CELERY_BROKER_URL: redis://:${REDIS_PASSWORD}@broker.example.com:6379/1"
    );
    one(elsewhere, "RED109", Severity::Warning, "broker.example.com");
    let own = Sample::compose(
        "services:\n  worker:\n    environment:\n      CELERY_BROKER_URL: redis://:${REDIS_PASSWORD}@queue:6379/1\n  queue:\n    image: redis:7.4-alpine\n    command: redis-server --requirepass ${REDIS_PASSWORD}",
    );
    assert_eq!(said(own, "RED109"), []);
}

#[test]
fn a_prefix_and_a_kind_of_channel_are_those_of_all_services() {
    let worker = set!("worker", "REDIS_KEY_PREFIX: x");
    one(worker, "RED110", Severity::Error, "and `api` has not");
    let api = said(set!("api", "REDIS_KEY_PREFIX: x"), "RED110");
    assert_eq!(api.len(), 2, "{api:#?}");
    let channel = set!("worker", "EVENT_BUS_REDIS_CHANNEL_TYPE: streams");
    one(channel, "RED110", Severity::Error, "CHANNEL_TYPE");
    // The default, said aloud by one of them; and one setting under its old and its new name.
    let default = set!("worker", "EVENT_BUS_REDIS_CHANNEL_TYPE: pubsub");
    assert_eq!(said(default, "RED110"), []);
    let both = Sample::compose(
        "services:\n  worker:\n    environment:\n      EVENT_BUS_REDIS_CHANNEL_TYPE: streams\n  api:\n    environment:\n      PUBSUB_REDIS_CHANNEL_TYPE: streams",
    );
    assert_eq!(said(both, "RED110"), []);
    // A release that reads neither.
    let older = Sample::compose(
        "services:\n  worker:\n    image: langgenius/dify-api:1.11.1\n    environment:\n      REDIS_KEY_PREFIX: x\n  api:\n    image: langgenius/dify-api:1.11.1",
    );
    assert_eq!(said(older, "RED110"), []);
}

#[test]
fn the_settings_of_the_chosen_vector_store_are_those_of_all_services() {
    let project = |worker: &str, beat: &str| {
        let service = |name: &str, mode: &str, more: &str| {
            format!(
                "  {name}:\n    image: langgenius/dify-api:1.16.0\n    environment:\n      MODE: {mode}\n      \
                 VECTOR_STORE: qdrant\n{more}"
            )
        };
        let url = |url: &str| format!("      QDRANT_URL: {url}\n");
        let text = format!(
            "services:\n{}{}{}",
            service("api", "api", &url("https://a.example.com")),
            service("worker", "worker", worker),
            service("worker_beat", "beat", beat)
        );
        let report = super::compose(&[("docker-compose.yaml", &text)]);
        let found = report.under("DBX114").map(|it| it.severity);
        found.collect::<Vec<_>>()
    };
    let same = "      QDRANT_URL: https://a.example.com\n";
    let other = "      QDRANT_URL: https://b.example.com\n";
    assert_eq!(project(same, same), []);
    assert_eq!(project(other, same), [Severity::Error]);
    assert_eq!(project("", same), [Severity::Error]);
    // The scheduler searches nothing; only another address would show that somebody erred.
    assert_eq!(project(same, ""), [Severity::Warning]);
    // How long one waits is its own matter.
    let patient = "      QDRANT_URL: https://a.example.com\n      QDRANT_CLIENT_TIMEOUT: \"60\"\n";
    assert_eq!(project(patient, same), []);
    let host = env!(
        "containerApps",
        "worker",
        r#"{"name": "PGVECTOR_DATABASE", "value": "vectors"}"#
    );
    one(host, "DBX114", Severity::Error, "`PGVECTOR_DATABASE`");
}

#[test]
fn a_vector_store_without_an_address_is_told() {
    let text = "services:\n  api:\n    image: langgenius/dify-api:1.16.0\n    environment: {VECTOR_STORE: qdrant}\n";
    let report = super::compose(&[("docker-compose.yaml", text)]);
    let found: Vec<_> = report.under("DBX114").collect();
    assert_eq!(found.len(), 1, "{report}");
    assert!(found[0].message.contains("nothing says where"), "{report}");
}

/// The queues of a release before 1.13.
const ALL: &str = "dataset,mail,ops_trace,app_deletion,plugin,workflow_storage,conversation,pipeline,\
                   priority_pipeline,workflow,schedule_poller,schedule_executor,triggered_workflow_dispatcher";

#[test]
fn a_list_of_queues_must_be_the_releases_own() {
    one(
        set!("worker", "CELERY_QUEUES: dataset,mail"),
        "VER114",
        Severity::Error,
        "`workflow_based_app_execution`",
    );
    let workers = |first: &str, second: &str, version: &str| {
        let worker = |name: &str, list: &str| {
            format!(
                "  {name}:\n    image: langgenius/dify-api:{version}\n    environment: {{MODE: worker, CELERY_QUEUES: \"{list}\"}}\n"
            )
        };
        let text = format!(
            "services:\n{}{}",
            worker("one", first),
            worker("two", second)
        );
        let report = super::compose(&[("docker-compose.yaml", &text)]);
        report.under("VER114").count()
    };
    assert_eq!(workers(ALL, "mail", "1.16.0"), 1);
    assert_eq!(workers(ALL, "workflow_based_app_execution", "1.16.0"), 0);
    assert_eq!(workers(ALL, "mail", "1.11.1"), 0);
    // One without a list serves all.
    assert_eq!(workers("mail", "", "1.16.0"), 0);
}

#[test]
fn a_job_that_migrates_nothing_is_told() {
    let job = |variable: &'static str| match variable {
        "false" => env!(
            "jobs",
            "migration",
            r#"{"name": "MIGRATION_ENABLED", "value": "false"}"#
        ),
        "True" => env!(
            "jobs",
            "migration",
            r#"{"name": "MIGRATION_ENABLED", "value": "True"}"#
        ),
        "mode" => env!("jobs", "migration", r#"{"name": "MODE", "value": "api"}"#),
        _ => env!(
            "jobs",
            "migration",
            r#"{"name": "MIGRATION_ENABLED", "$remove": true}"#
        ),
    };
    one(
        job("false"),
        "VER107",
        Severity::Error,
        "is `false`, not `true`",
    );
    one(
        job("True"),
        "VER107",
        Severity::Error,
        "is `True`, not `true`",
    );
    one(
        job("none"),
        "VER107",
        Severity::Error,
        "has no `MIGRATION_ENABLED`",
    );
    one(job("mode"), "VER107", Severity::Error, "never ends");
}

#[test]
fn whoever_migrates_beside_the_job_is_told() {
    let all = Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-api", "properties": {"template": {"containers": [{"name": "api", "env": [{"name": "MIGRATION_ENABLED", "value": "true"}]}]}}},
            {"type": "Microsoft.App/containerApps", "name": "dify-dev-worker", "properties": {"template": {"containers": [{"name": "worker", "env": [{"name": "MIGRATION_ENABLED", "value": "true"}]}]}}}]"#,
    );
    let found = said(all, "VER107");
    assert_eq!(found.len(), 2, "{found:#?}");
    assert!(
        found.iter().all(|it| it.0 == Severity::Warning),
        "{found:#?}"
    );
}

#[test]
fn the_job_migrates_the_applications_database() {
    let host = env!(
        "jobs",
        "migration",
        r#"{"name": "DB_DATABASE", "value": "old"}"#
    );
    one(host, "DBX115", Severity::Error, "`DB_DATABASE`");
}

#[test]
fn a_slash_at_the_end_of_an_internal_url_is_no_disagreement() {
    let slash = set!("worker", "PLUGIN_DAEMON_URL: http://plugin_daemon:5002/");
    assert_eq!(said(slash, "VER101"), []);
    let other = set!("worker", "PLUGIN_DAEMON_URL: http://plugin_daemon:5003");
    one(other, "VER101", Severity::Error, "`PLUGIN_DAEMON_URL`");
}
