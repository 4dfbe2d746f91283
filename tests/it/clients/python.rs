//! Microsoft's Python packages against the emulator: their typed models read every answer.

use std::sync::Arc;

use super::answers::Answers;
use super::tools::{Secure, find, quick, succeeded};
use dify_infra_emulator::{DEFAULT_SUBSCRIPTION, DEFAULT_TENANT};

#[test]
fn the_python_packages_accept_the_emulator() {
    let Some(python) = find("sdk/bin/python") else {
        return;
    };
    let answers = Arc::new(Answers::default());
    let azure = Secure::start(answers.listen(quick().throttling(true)));
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/it/clients/sdk.py");
    let output = azure
        .command(&python)
        .args([
            script,
            azure.endpoint(),
            DEFAULT_SUBSCRIPTION,
            DEFAULT_TENANT,
        ])
        .output()
        .unwrap();
    if !output.status.success() {
        let log = azure.running.emulator().request_log();
        let refused = log.iter().filter(|one| !one.status.is_success());
        let refused: Vec<String> = refused
            .map(|one| format!("{} {} {} {:?}", one.at, one.method, one.path, one.code))
            .collect();
        println!("refused: {refused:#?}");
    }
    let said = succeeded(&output);
    let proven: Vec<&str> = said
        .lines()
        .filter(|line| line.starts_with("proven: "))
        .collect();
    assert!(proven.len() >= 6, "{said}");
    println!("{}", proven.join("\n"));
    azure.stop();
    answers.assert_valid(20);
}
