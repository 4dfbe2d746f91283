//! What `dify-infra audit` refuses to write, and which files of a folder it takes.

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

#[test]
fn without_dify_no_deployment_file_is_written() {
    let directory = tempfile::tempdir().unwrap();
    let text = r#"{"resources": [{"type": "Microsoft.Web/sites", "name": "shop"}]}"#;
    std::fs::write(directory.path().join("main.json"), text).unwrap();
    let arguments = ["audit", "--arm", "main.json", "--emit"];
    let output = run(directory.path(), &arguments);
    assert_eq!((output.status.code(), output.stdout), (Some(1), Vec::new()));
    let output = run(directory.path(), &[&arguments[..], &["--json"]].concat());
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(report["emitted"].is_null(), "{report}");
    assert!(report["not_emitted"].is_string(), "{report}");
}

#[test]
fn the_files_that_a_folder_names_itself_are_judged() {
    let directory = tempfile::tempdir().unwrap();
    let service = |image: &str| format!("services:\n  {}:\n    image: {image}\n", image.len());
    for (name, text) in [
        ("compose.yaml", service("busybox")),
        ("other.yaml", service("langgenius/dify-web:1.16.0")),
        ("above.yaml", service("langgenius/dify-sandbox:0.2.15")),
        (
            ".env",
            "COMPOSE_FILE=other.yaml:above.yaml:../out.yaml\n".to_owned(),
        ),
    ] {
        std::fs::write(directory.path().join(name), text).unwrap();
    }
    // A file that is named is the file that is meant.
    for (path, recognised, is_told) in [(".", 2, true), ("compose.yaml", 0, false)] {
        let output = run(directory.path(), &["audit", "--compose", path, "--json"]);
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(report["recognised"], recognised, "{report}");
        assert_eq!(
            report.to_string().contains("../out.yaml"),
            is_told,
            "{report}"
        );
    }
}
