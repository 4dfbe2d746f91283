//! The workflow of the examples, read by GitHub's own parser: keys, types, contexts and expressions.

use std::path::Path;
use std::process::Command;

use super::tools::find;

const WORKFLOW: &str = include_str!("../../../examples/pipelines/dify.yml");

/// What the parser finds wrong.
fn problems(parser: &Path, workflow: &str) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("workflow.yml");
    std::fs::write(&file, workflow).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("it/clients/workflow.mjs");
    let output = Command::new("node")
        .args([script.as_path(), parser, &file])
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn github_takes_the_workflow_and_refuses_it_with_a_mistake() {
    let place = "workflows/node_modules/@actions/workflow-parser/dist/index.js";
    let Some(parser) = find(place) else { return };
    assert_eq!(problems(&parser, WORKFLOW), Vec::<String>::new());
    for (from, to, part) in [
        ("runs-on:", "runs-onn:", "Unexpected value"),
        ("${{ inputs.", "${{ imputs.", "imputs"),
        ("\njobs:\n", "\njobbs:\n", "jobbs"),
    ] {
        assert!(WORKFLOW.contains(from), "{from}");
        let found = problems(&parser, &WORKFLOW.replace(from, to));
        assert!(
            found.iter().any(|one| one.contains(part)),
            "{to}: {found:?}"
        );
    }
}
