//! Secrets are lines of the env file and nowhere else, and each container has those it needs.

use std::collections::{BTreeMap, BTreeSet};

use dify_infra_core::render::ComposeError;
use dify_infra_core::secrets::{SecretKind, Secrets};
use secrecy::ExposeSecret as _;

use crate::reader::{
    Composed, EXAMPLES, deployment, interpolated, lines, minimal, project, secrets_of,
};

/// The lines that a service refers to.
fn references(composed: &Composed, service: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for value in composed.variables(service).values() {
        for part in value.split("${").skip(1) {
            if let Some((name, _)) = part.split_once(":?") {
                names.insert(name.to_owned());
            }
        }
    }
    names
}

#[test]
fn each_container_has_the_secrets_it_needs_and_no_others() {
    let composed = Composed::read(project(&minimal("1.16.0")).compose_file());
    let expect = |service: &str, names: &[&str]| {
        let expected: BTreeSet<String> = names.iter().map(|name| format!("DIFY_{name}")).collect();
        assert_eq!(references(&composed, service), expected, "{service}");
    };
    let state = [
        "CELERY_BROKER_URL",
        "LOCAL_REDIS_PASSWORD",
        "LOCAL_STORAGE_KEY",
        "POSTGRES_PASSWORD",
        "SECRET_KEY",
    ];
    let calls = [
        "INNER_API_KEY_FOR_PLUGIN",
        "PLUGIN_DAEMON_KEY",
        "SANDBOX_API_KEY",
    ];
    expect("sandbox", &["SANDBOX_API_KEY"]);
    for service in ["web", "nginx", "ssrf_proxy", "egress_check"] {
        expect(service, &[]);
    }
    expect("postgres", &["POSTGRES_PASSWORD"]);
    expect("postgres_setup", &["POSTGRES_PASSWORD"]);
    expect("redis", &["LOCAL_REDIS_PASSWORD"]);
    expect("azurite", &["LOCAL_STORAGE_KEY"]);
    expect("blob_containers", &["LOCAL_STORAGE_KEY"]);
    expect("migration", &state);
    expect("worker", &[&state[..], &calls[..]].concat());
    expect(
        "api",
        &[&state[..], &calls[..], &["INIT_PASSWORD"]].concat(),
    );
    expect(
        "plugin_daemon",
        &[
            "AZURE_STORAGE_CONNECTION_STRING",
            "INNER_API_KEY_FOR_PLUGIN",
            "LOCAL_REDIS_PASSWORD",
            "PLUGIN_DAEMON_KEY",
            "POSTGRES_PASSWORD",
        ],
    );
}

#[test]
fn the_env_file_has_every_line_that_is_referred_to_and_no_other() {
    for (name, text) in EXAMPLES {
        let deployment = deployment(text);
        let project = project(&deployment);
        let composed = Composed::read(project.compose_file());
        let file = project.env_file(&secrets_of(&deployment)).unwrap();
        assert_eq!((file.mode, file.sensitive), (0o600, true));
        let lines: BTreeSet<String> = lines(&file.text).into_keys().collect();
        let mut expected: BTreeSet<String> = composed
            .names("services")
            .into_iter()
            .flat_map(|service| references(&composed, service))
            .collect();
        expected.insert("COMPOSE_PROJECT_NAME".to_owned());
        assert_eq!(lines, expected, "{name}");
    }
}

#[test]
fn both_sides_have_the_same_value() {
    let deployment = minimal("1.16.0");
    let project = project(&deployment);
    let composed = Composed::read(project.compose_file());
    let secrets = secrets_of(&deployment);
    let values = lines(&project.env_file(&secrets).unwrap().text);
    let get = |service: &str, name: &str| interpolated(&composed.variables(service)[name], &values);
    let redis = get("redis", "REDISCLI_AUTH");
    assert_eq!(
        get("api", "CELERY_BROKER_URL"),
        format!("redis://:{redis}@redis:6379/0")
    );
    assert_eq!(get("api", "REDIS_PASSWORD"), redis);
    let key = get("api", "AZURE_BLOB_ACCOUNT_KEY");
    assert_eq!(
        get("azurite", "AZURITE_ACCOUNTS"),
        format!("difylocal:{key}")
    );
    assert_eq!(get("blob_containers", "AZURE_STORAGE_KEY"), key);
    assert_eq!(
        get("plugin_daemon", "AZURE_BLOB_STORAGE_CONNECTION_STRING"),
        format!(
            "DefaultEndpointsProtocol=http;AccountName=difylocal;AccountKey={key};\
             BlobEndpoint=http://azurite:10000/difylocal"
        )
    );
    let password = secrets
        .get(SecretKind::PostgresPassword)
        .unwrap()
        .expose_secret();
    for (service, name) in [
        ("postgres", "POSTGRES_PASSWORD"),
        ("postgres_setup", "PGPASSWORD"),
        ("migration", "DB_PASSWORD"),
        ("api", "PGVECTOR_PASSWORD"),
        ("plugin_daemon", "DB_PASSWORD"),
    ] {
        assert_eq!(get(service, name), password, "{service}");
    }
    assert_eq!(
        get("sandbox", "API_KEY"),
        get("worker", "CODE_EXECUTION_API_KEY")
    );
}

#[test]
fn no_value_is_in_a_file_that_others_may_read() {
    for (name, text) in EXAMPLES {
        let deployment = deployment(text);
        let project = project(&deployment);
        let secrets = secrets_of(&deployment);
        let values: BTreeMap<String, String> = lines(&project.env_file(&secrets).unwrap().text);
        for file in project.files() {
            assert!(!file.sensitive);
            for (line, value) in values
                .iter()
                .filter(|(line, _)| *line != "COMPOSE_PROJECT_NAME")
            {
                assert!(
                    !file.text.contains(value),
                    "{name}: {line} is in {}",
                    file.name
                );
            }
        }
        assert!(!format!("{project:?}").contains(&values["DIFY_SECRET_KEY"]));
    }
}

#[test]
fn a_secret_without_a_value_is_named() {
    let project = project(&minimal("1.16.0"));
    let error = project.env_file(&Secrets::new()).unwrap_err();
    assert!(matches!(error, ComposeError::MissingSecret(_)), "{error}");
    let mut secrets = secrets_of(&minimal("1.16.0"));
    secrets.insert(SecretKind::InitPassword, "a\0b".into());
    let error = project.env_file(&secrets).unwrap_err().to_string();
    assert!(
        error.contains("DIFY_INIT_PASSWORD") && error.contains("NUL"),
        "{error}"
    );
    assert!(!error.contains("a\0b"), "{error}");
}
