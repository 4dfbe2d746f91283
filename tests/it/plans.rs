//! A second plan is empty: for every file, against a tidy Azure and an unpleasant one.

use dify_infra_azure::apply::Outcome;
use dify_infra_azure::outputs::outputs;
use dify_infra_core::plan::Action;
use dify_infra_core::resource::Kind;
use dify_infra_emulator::{Dialect, Emulator};
use dify_infra_examples::{DIFY_DEV, EXISTING_DATA, FILES, MINIMAL, OWN_REGISTRY};

use crate::support::{Azure, Scene, with_another_tag};

#[tokio::test(start_paused = true)]
async fn a_plan_after_an_apply_is_empty_whatever_azure_makes_of_it() {
    for (name, file) in FILES {
        for dialect in [Dialect::Plain, Dialect::Noisy] {
            let scene = Scene::on(Azure::with(Emulator::builder().dialect(dialect)), file);
            scene.make_existing().await;
            let report = scene.apply().await;
            // A server has every setting from the start, so the allow-list is only changed.
            let is_created = |one: &&Outcome| {
                one.action == Action::Create || one.id.name() == "azure.extensions"
            };
            let others: Vec<_> = report
                .outcomes
                .iter()
                .filter(|one| !is_created(one))
                .collect();
            assert!(others.is_empty(), "{name} {dialect:?}: {others:#?}");
            println!(
                "{name} {dialect:?}: {} created in {:?}",
                report.outcomes.len(),
                report.elapsed
            );
            for _ in 0..3 {
                scene.assert_settled().await;
            }
            let changed = scene.with_file(&with_another_tag(file));
            changed.apply().await;
            changed.assert_settled().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_empty_plan_writes_nothing_when_it_is_applied() {
    let scene = Scene::new(MINIMAL);
    scene.apply().await;
    scene.azure.forget();
    let report = scene.apply().await;
    assert!(report.outcomes.is_empty());
    assert_eq!(scene.azure.headlines(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn small_pages_hide_nothing() {
    let scene = Scene::on(Azure::with(Emulator::builder().page_size(2)), DIFY_DEV);
    scene.apply().await;
    scene.assert_settled().await;
}

#[tokio::test(start_paused = true)]
async fn what_somebody_else_made_is_never_written() {
    let scene = Scene::new(EXISTING_DATA);
    scene.make_existing().await;
    scene.azure.forget();
    scene.apply().await;
    let existing = ["contoso-postgres", "contoso-cache", "contosofiles"];
    let written: Vec<String> = scene.azure.headlines();
    assert!(
        !written
            .iter()
            .any(|line| existing.iter().any(|name| line.ends_with(name)))
    );
    // What is Dify's own is made inside of it.
    for name in [
        "dify",
        "dify_plugin",
        "azure.extensions",
        "dify-app-storage",
        "dify-plugins",
    ] {
        assert!(
            written.contains(&format!("PUT {name}")),
            "{name}: {written:#?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn what_should_exist_and_does_not_is_unknown() {
    let scene = Scene::new(EXISTING_DATA);
    let plan = scene.plan().await;
    let change = plan.change(&scene.only(Kind::PostgresServer)).unwrap();
    assert_eq!(change.action, Action::Unknown);
    assert!(!plan.is_applyable() && !plan.is_empty());
    assert!(
        change.reason.contains("the file says that it exists"),
        "{}",
        change.reason
    );
}

#[tokio::test(start_paused = true)]
async fn every_secret_reaches_each_container_by_reference_alone() {
    let scene = Scene::new(DIFY_DEV);
    scene.apply().await;
    let seen = format!("{:?}", scene.azure.resources());
    for (name, value) in scene.secrets.iter() {
        let value = secrecy::ExposeSecret::expose_secret(value);
        assert!(
            !seen.contains(value),
            "the value of {name} can be read with a GET"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn outputs_name_the_front_door_once_it_has_a_name() {
    let scene = Scene::new(OWN_REGISTRY);
    let look = async || {
        outputs(
            &scene.deployment,
            &scene.target,
            &scene.graph,
            &scene.observe().await,
        )
    };
    let before = look().await;
    assert_eq!(
        before.public_url.as_deref(),
        Some("https://dify.example.com")
    );
    assert_eq!((before.front_door, before.dns_records.len()), (None, 0));
    scene.apply().await;
    let after = look().await;
    let front_door = after.front_door.unwrap();
    assert!(
        front_door.starts_with("assistants-staging-nginx."),
        "{front_door}"
    );
    let records: Vec<(&str, &str)> = after
        .dns_records
        .iter()
        .map(|one| (one.kind, one.name.as_str()))
        .collect();
    assert_eq!(
        records,
        [
            ("CNAME", "dify.example.com"),
            ("TXT", "asuid.dify.example.com")
        ]
    );
    assert_eq!(after.dns_records[0].value, front_door);
    assert!(after.apps.iter().all(|app| app.revision.is_some()));
}
