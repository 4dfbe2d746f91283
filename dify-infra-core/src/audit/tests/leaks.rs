//! Neither a finding nor an emitted file repeats what is secret.

use std::collections::BTreeMap;

use super::compose;
use crate::audit::{ComposeInput, audit, emit, from_compose};
use crate::catalogue::{Catalogue, ServiceKind};

#[test]
fn no_finding_repeats_a_secret() {
    let canary = "canary7f3a9Zq";
    let text = format!(
        "services:\n  api:\n    image: langgenius/dify-api:1.16.0\n    environment:\n      \
         SECRET_KEY: {canary}\n      CELERY_BROKER_URL: redis://:{canary}#x@redis:6379/1\n      \
         CODE_EXECUTION_API_KEY: {canary}\n      PLUGIN_DAEMON_KEY: {canary}\n      \
         INNER_API_KEY_FOR_PLUGIN: {canary}1\n      DB_PASSWORD: {canary}\n      SANDBOX_API_KEY: {canary}\n  \
         worker:\n    image: langgenius/dify-api:1.16.0\n    environment:\n      MODE: worker\n      \
         SECRET_KEY: {canary}2\n      CELERY_BROKER_URL: redis://:{canary}@other:6379/2\n  \
         sandbox:\n    image: langgenius/dify-sandbox:0.2.15\n    environment:\n      API_KEY: {canary}\n      \
         DB_PASSWORD: {canary}\n  \
         daemon:\n    image: langgenius/dify-plugin-daemon:0.6.3-local\n    environment:\n      \
         SERVER_KEY: {canary}3\n      DB_PASSWORD: \"{canary} x\"\n"
    );
    let report = compose(&[("docker-compose.yaml", &text)]);
    assert!(report.findings.len() > 12, "{report}");
    let shown = format!(
        "{report} {report:?} {}",
        serde_json::to_string(&report).unwrap()
    );
    assert!(!shown.contains(canary), "{shown}");
}

/// Whichever variable holds a URL with a password in it, well formed or not.
#[test]
fn no_finding_and_no_emitted_file_repeats_the_password_of_a_url() {
    let canary = "canary7f3a9Zq";
    let release = Catalogue::builtin().default_release();
    for value in [
        format!("redis://:{canary}@redis:6379/1"),
        format!("redis://:x/{canary}@redis:6379/1"),
        format!("redis://:x:{canary}#{canary}@redis:6379/1"),
        format!("postgresql://user:{canary}/{canary}@db:5432/dify"),
        format!("http://user:{canary}@proxy:3128"),
        format!("http://user:x/{canary}@proxy:3128"),
        format!("https://:x:{canary}?{canary}@proxy"),
    ] {
        let services = [
            ("api", "langgenius/dify-api:1.16.0", ServiceKind::Api),
            ("web", "langgenius/dify-web:1.16.0", ServiceKind::Web),
            (
                "sandbox",
                "langgenius/dify-sandbox:0.2.15",
                ServiceKind::Sandbox,
            ),
            (
                "daemon",
                "langgenius/dify-plugin-daemon:0.6.3-local",
                ServiceKind::PluginDaemon,
            ),
        ];
        let mut text = String::from("services:\n");
        for (name, image, kind) in services {
            let variables = release.variables(kind);
            let variables: Vec<String> = variables
                .iter()
                .map(|it| format!("      {}: '{value}'\n", it.name.as_str()))
                .collect();
            assert!(variables.len() > 5, "{name}");
            let variables = variables.concat();
            for part in ["  ", name, ":\n    image: ", image, "\n    environment:\n"] {
                text.push_str(part);
            }
            text.push_str(&variables);
        }
        let files = BTreeMap::from([("docker-compose.yaml".to_owned(), text)]);
        let inventory = from_compose(ComposeInput {
            compose: &["docker-compose.yaml"],
            files: &files,
            profiles: &[],
        });
        let inventory = inventory.unwrap();
        let report = audit(&inventory);
        assert!(report.findings.len() > 12, "{report}");
        let emitted = emit(&inventory, &report).unwrap();
        let shown = format!(
            "{report} {report:?} {} {}",
            serde_json::to_string(&report).unwrap(),
            emitted.text
        );
        let at = shown.find(canary);
        let around = at.map(|at| &shown[at.saturating_sub(200)..at + 40]);
        assert_eq!(around, None, "{value}");
    }
}
