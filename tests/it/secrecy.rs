//! No secret is in the `Debug` or `Display` of anything that a program holds, nor in what it writes.

use std::sync::Mutex;

use dify_infra_azure::apply::{Cancellation, Event};
use dify_infra_azure::secrets::recover;
use dify_infra_core::render::{arm_template, environment_files};
use dify_infra_core::secrets::{Format, percent_encode};
use dify_infra_examples::DIFY_DEV;
use secrecy::ExposeSecret;

use crate::support::{Scene, edit};

/// Every secret of a deployment that is applied, Azure's keys among them.
async fn values(scene: &Scene) -> Vec<String> {
    let mut values: Vec<String> = scene
        .secrets
        .iter()
        .map(|(_, value)| value.expose_secret().to_owned())
        .collect();
    for node in scene
        .graph
        .nodes()
        .filter(|node| node.id().resource_type().ends_with("Apps"))
    {
        for secret in scene.secrets_of(node.id()).await.as_array().unwrap() {
            let is_file = secret["name"]
                .as_str()
                .is_some_and(|name| name.starts_with("file-"));
            values.extend(
                secret["value"]
                    .as_str()
                    .filter(|_| !is_file)
                    .map(str::to_owned),
            );
        }
    }
    let encoded: Vec<String> = values.iter().map(|value| percent_encode(value)).collect();
    values.extend(encoded);
    values
}

#[track_caller]
fn assert_silent(values: &[String], what: &str, text: &str) {
    assert!(!text.is_empty(), "{what} says nothing at all");
    for value in values {
        assert!(!text.contains(value.as_str()), "{what} shows a secret");
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_that_a_program_holds_shows_a_secret() {
    let mut scene = Scene::new(DIFY_DEV);
    let journal = tempfile::tempdir().unwrap();
    scene.options = scene.options.clone().with_journal(journal.path());
    let events = Mutex::new(Vec::new());
    let remember = |event: &Event| events.lock().unwrap().push(event.clone());
    let first = scene
        .try_apply(&remember, Cancellation::never())
        .await
        .unwrap();
    let values = values(&scene).await;
    assert!(values.len() > 40, "{}", values.len());

    let other = crate::support::scene::secrets_for(&scene.deployment, 2);
    let from = "[services.sandbox]\ncpu = 0.5";
    let mut changed = scene.with_file(&edit(DIFY_DEV, from, "[services.sandbox]\ncpu = 1.0"));
    changed.secrets = other;
    let (plan, snapshot) = changed.look().await;
    let applier = scene.applier();
    let recovered = recover(
        &scene.client,
        &scene.graph,
        &snapshot,
        &scene.deployment.secret_names(),
    )
    .await;
    let report = scene.verify().await;

    for (what, text) in [
        ("the deployment", format!("{:?}", scene.deployment)),
        ("the graph", format!("{:?}", scene.graph)),
        ("the snapshot", format!("{snapshot:?}")),
        (
            "the plan",
            format!("{plan:?} {plan} {}", serde_json::to_string(&plan).unwrap()),
        ),
        (
            "the secrets",
            format!("{:?} {:#?}", scene.secrets, changed.secrets),
        ),
        ("what was recovered", format!("{recovered:?}")),
        ("the client", format!("{:?}", scene.client)),
        ("the applier", format!("{applier:?}")),
        ("the report", format!("{first:?}")),
        ("the events", format!("{events:?}")),
        ("the proof", format!("{report:?} {}", report.to_junit())),
        ("the emulator", format!("{:?}", scene.azure.emulator())),
        (
            "its log",
            format!("{:?}", scene.azure.emulator().request_log()),
        ),
        (
            "the environments",
            format!("{:?}", environment_files(&scene.graph)),
        ),
        ("the template", arm_template(&scene.graph).to_string()),
    ] {
        assert_silent(&values, what, &text);
    }
    for entry in std::fs::read_dir(journal.path()).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        assert_silent(&values, "the journal", &text);
    }
    let all = dify_infra_core::secrets::render(&scene.secrets, Format::Env).unwrap();
    assert!(!format!("{all:?}").contains(&values[0]) && all.expose_secret().contains(&values[0]));
}

#[tokio::test(start_paused = true)]
async fn an_error_of_azure_does_not_repeat_what_was_sent() {
    let scene = Scene::new(DIFY_DEV);
    scene.azure.fail_operation("dify-dev-api", "something else");
    let report = scene.attempt().await;
    let said: Vec<String> = report
        .failures()
        .map(|(_, error)| format!("{error:?} {}", error.sentence()))
        .collect();
    let values: Vec<String> = scene
        .secrets
        .iter()
        .map(|(_, value)| value.expose_secret().to_owned())
        .collect();
    assert_silent(&values, "an error", &said.concat());
}
