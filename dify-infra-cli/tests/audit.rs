//! `dify-infra audit` as people run it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

fn run(directory: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_dify-infra"))
        .args(arguments)
        .current_dir(directory)
        .env_remove("AZURE_SUBSCRIPTION_ID")
        .output()
        .unwrap()
}

const PROFILES: [&str; 2] = ["dev", "prod"];

fn deployment(directory: &Path) {
    profile(directory, "dev");
}

fn profile(directory: &Path, profile: &str) {
    let text = format!(
        "name = \"dify\"\nenvironment = \"{profile}\"\nlocation = \"japaneast\"\n\n\
         [azure]\nresource_group = \"dify-{profile}-rg\"\n"
    );
    std::fs::write(directory.join("dify.toml"), text).unwrap();
}

/// Errors and warnings of an audit as JSON.
fn pressing(output: &Output) -> Vec<Value> {
    let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| {
        panic!("{}", String::from_utf8_lossy(&output.stderr));
    });
    let findings = report["findings"].as_array().unwrap().clone();
    findings
        .into_iter()
        .filter(|it| it["severity"] != "note")
        .collect()
}

#[test]
fn our_own_templates_audit_clean() {
    for name in PROFILES {
        template_is_clean(name);
    }
}

fn template_is_clean(name: &str) {
    let directory = tempfile::tempdir().unwrap();
    profile(directory.path(), name);
    let rendered = run(directory.path(), &["render", "--to", "arm"]);
    assert!(
        rendered.status.success(),
        "{}",
        String::from_utf8_lossy(&rendered.stderr)
    );
    std::fs::write(directory.path().join("main.json"), &rendered.stdout).unwrap();
    let audited = run(directory.path(), &["audit", "--arm", "main.json", "--json"]);
    assert_eq!(pressing(&audited), Vec::<Value>::new());
    assert_eq!(audited.status.code(), Some(0));
}

#[test]
fn our_own_compose_projects_audit_clean() {
    for name in PROFILES {
        project_is_clean(name);
    }
}

fn project_is_clean(name: &str) {
    let directory = tempfile::tempdir().unwrap();
    profile(directory.path(), name);
    let rendered = run(
        directory.path(),
        &["render", "--to", "compose", "--out", "compose"],
    );
    assert!(
        rendered.status.success(),
        "{}",
        String::from_utf8_lossy(&rendered.stderr)
    );
    let audited = run(
        directory.path(),
        &["audit", "--compose", "compose", "--json"],
    );
    assert_eq!(pressing(&audited), Vec::<Value>::new());
    assert_eq!(audited.status.code(), Some(0));
}

#[test]
fn a_broken_folder_ends_with_a_table_and_exit_code_3() {
    let directory = tempfile::tempdir().unwrap();
    let text = "services:\n  api:\n    image: langgenius/dify-api:1.16.0\n    environment:\n      \
                SECRET_KEY: ${SECRET_KEY:-sk-9f73s3ljTXVcMT3Blb3ljTqtsKiGHXVcMT3BlbkFJLK7U}\n";
    std::fs::write(directory.path().join("docker-compose.yaml"), text).unwrap();
    let audited = run(directory.path(), &["audit", "--compose", "."]);
    let shown = String::from_utf8_lossy(&audited.stderr).into_owned();
    assert_eq!(audited.status.code(), Some(3), "{shown}");
    assert!(shown.contains("error[KEY105]"), "{shown}");
    assert!(shown.contains("--> docker-compose.yaml:5:7"), "{shown}");
    let table = shown
        .lines()
        .find(|line| line.starts_with("error  "))
        .unwrap_or_default();
    assert!(table.contains("KEY105"), "{shown}");
    assert!(!shown.contains("sk-9f73"), "{shown}");
    assert!(audited.stdout.is_empty());
}

#[test]
fn what_is_no_template_and_what_is_no_folder_are_sentences() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("x.json"), "{").unwrap();
    for (arguments, expected) in [
        (["audit", "--arm", "x.json"], "is no JSON"),
        (["audit", "--arm", "none.json"], "can't be read"),
        (["audit", "--compose", "."], "no compose file"),
    ] {
        let output = run(directory.path(), &arguments);
        let shown = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{shown}");
        assert!(shown.contains(expected), "{shown}");
    }
    let usage = run(directory.path(), &["audit"]);
    assert_eq!(usage.status.code(), Some(64));
}

#[test]
fn a_live_group_is_judged_by_the_same_rules() {
    let directory = tempfile::tempdir().unwrap();
    deployment(directory.path());
    let target = ["--target", "embedded", "--time-scale", "100000"];
    let mut apply = vec!["apply", "--yes", "--quiet"];
    apply.extend(target);
    let applied = run(directory.path(), &apply);
    assert!(
        applied.status.success(),
        "{}",
        String::from_utf8_lossy(&applied.stderr)
    );
    let mut audit = vec!["audit", "--resource-group", "dify-dev-rg", "--json"];
    audit.extend(target);
    let audited = run(directory.path(), &audit);
    assert_eq!(pressing(&audited), Vec::<Value>::new());
    let report: Value = serde_json::from_slice(&audited.stdout).unwrap();
    assert_eq!(report["recognised"], 10, "{report}");
    let canary = std::fs::read_to_string(directory.path().join("dify-dev.secrets.env")).unwrap();
    let secret = canary
        .lines()
        .find_map(|line| line.strip_prefix("SECRET_KEY="))
        .unwrap();
    assert!(!String::from_utf8_lossy(&audited.stdout).contains(secret));
}
