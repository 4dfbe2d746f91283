//! `verify` passes what is right, fails what is broken by its own check, and claims nothing more.

use dify_infra_azure::verify::{Status, VerifyReport, verify};
use dify_infra_core::plan::{Observed, Snapshot};
use dify_infra_core::resource::{Kind, ResourceId};
use dify_infra_examples::{DIFY_DEV, FILES};
use serde_json::{Value, json};

use crate::support::Scene;

fn failed(report: &VerifyReport) -> Vec<String> {
    let failed = report
        .checks
        .iter()
        .filter(|check| check.status == Status::Failed);
    failed
        .map(|check| format!("{}: {}: {}", check.name, check.subject, check.detail))
        .collect()
}

async fn deployed() -> Scene {
    let scene = Scene::new(DIFY_DEV);
    scene.apply().await;
    scene
}

/// What `verify` says of a resource that Azure answers otherwise than it is.
async fn with_answer(
    id: impl Fn(&Scene) -> ResourceId,
    change: impl Fn(&mut Value),
) -> Vec<String> {
    let scene = deployed().await;
    let id = id(&scene);
    let mut snapshot: Snapshot = scene.observe().await;
    let mut body = snapshot.body(&id).unwrap().clone();
    change(&mut body);
    snapshot.insert(id, Observed::Present(body));
    failed(&verify(&scene.client, &scene.deployment, &scene.graph, &snapshot).await)
}

#[tokio::test(start_paused = true)]
async fn everything_passes_after_an_apply() {
    for (name, file) in FILES {
        let scene = Scene::new(file);
        scene.make_existing().await;
        scene.apply().await;
        let report = scene.verify().await;
        assert_eq!(failed(&report), Vec::<String>::new(), "{name}");
        assert!(report.count(Status::Passed) > 40, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_needs_running_containers_is_never_passed() {
    let report = deployed().await.verify().await;
    let open: Vec<&str> = report
        .checks
        .iter()
        .filter(|check| check.status == Status::NotRun)
        .map(|check| check.name.as_str())
        .collect();
    insta::assert_debug_snapshot!(open);
}

#[tokio::test(start_paused = true)]
async fn nothing_passes_before_the_first_apply() {
    let scene = Scene::new(DIFY_DEV);
    let report = scene.verify().await;
    assert_eq!(report.count(Status::Passed), 0, "{report:#?}");
    assert!(!report.is_success());
}

#[tokio::test(start_paused = true)]
async fn a_second_scheduler() {
    let scene = deployed().await;
    let beat = scene.app("worker-beat");
    scene
        .tamper(&beat, |body| {
            body["properties"]["template"]["scale"] = json!({ "minReplicas": 2, "maxReplicas": 2 });
            body["properties"]["template"]["revisionSuffix"] = json!("theirs");
        })
        .await;
    insta::assert_debug_snapshot!(failed(&scene.verify().await));
}

#[tokio::test(start_paused = true)]
async fn a_public_app() {
    let scene = deployed().await;
    let web = scene.app("web");
    scene
        .tamper(&web, |body| {
            let ingress = &mut body["properties"]["configuration"]["ingress"];
            *ingress = json!({ "external": true, "targetPort": 3000, "transport": "http" });
        })
        .await;
    insta::assert_debug_snapshot!(failed(&scene.verify().await));
}

#[tokio::test(start_paused = true)]
async fn a_missing_secret() {
    let failed = with_answer(
        |scene| scene.app("sandbox"),
        |body| body["properties"]["configuration"]["secrets"] = json!([]),
    );
    insta::assert_debug_snapshot!(failed.await);
}

#[tokio::test(start_paused = true)]
async fn a_public_container() {
    let scene = deployed().await;
    let account = scene.only(Kind::StorageAccount);
    scene
        .tamper(&account, |body| {
            body["properties"]["allowBlobPublicAccess"] = json!(true);
        })
        .await;
    let container = scene.id("dify-app-storage");
    let body = json!({ "properties": { "publicAccess": "Blob" } });
    scene.put(&container, Kind::BlobContainer, &body).await;
    insta::assert_debug_snapshot!(failed(&scene.verify().await));
}

#[tokio::test(start_paused = true)]
async fn a_failed_app() {
    let failed = with_answer(
        |scene| scene.app("worker"),
        |body| body["properties"]["provisioningState"] = json!("Failed"),
    );
    insta::assert_debug_snapshot!(failed.await);
}

#[tokio::test(start_paused = true)]
async fn a_missing_database() {
    let scene = deployed().await;
    scene.delete(&scene.id("dify_plugin")).await;
    insta::assert_debug_snapshot!(failed(&scene.verify().await));
}

#[tokio::test(start_paused = true)]
async fn a_forbidden_extension() {
    let scene = deployed().await;
    let list = scene.only(Kind::PostgresConfiguration);
    let body = json!({ "properties": { "value": "UUID-OSSP", "source": "user-override" } });
    scene.put(&list, Kind::PostgresConfiguration, &body).await;
    insta::assert_debug_snapshot!(failed(&scene.verify().await));
}

#[tokio::test(start_paused = true)]
async fn junit_is_xml_that_counts_what_it_holds() {
    let scene = deployed().await;
    scene.delete(&scene.id("dify_plugin")).await;
    let report = scene.verify().await;
    let xml = report.to_junit();
    let document = roxmltree::Document::parse(&xml).unwrap();
    let suite = document.root_element();
    let number = |name: &str| suite.attribute(name).unwrap().parse::<usize>().unwrap();
    let count = |name: &str| {
        suite
            .descendants()
            .filter(|node| node.has_tag_name(name))
            .count()
    };
    assert_eq!(number("tests"), report.checks.len());
    assert_eq!(
        (number("tests"), count("testcase")),
        (count("testcase"), report.checks.len())
    );
    assert_eq!(
        (number("failures"), number("skipped")),
        (count("failure"), count("skipped"))
    );
    assert_eq!(count("failure"), report.count(Status::Failed));
    assert_eq!(count("skipped"), report.count(Status::NotRun));
    assert!(count("failure") > 0 && count("skipped") > 0);
}
