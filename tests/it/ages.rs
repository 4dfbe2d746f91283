//! A secret older than 90 days is a finding, wherever its age is known: in a plan, in `verify`, and in an
//! audit of the live group.

use dify_infra_azure::inventory::read_group;
use dify_infra_azure::verify::{Status, verify_at};
use dify_infra_core::audit::{audit, from_resources, old_secrets};
use dify_infra_core::check::check_file;
use dify_infra_core::diagnostic::Severity;
use dify_infra_core::resource::Kind;
use dify_infra_emulator::DEFAULT_SUBSCRIPTION;
use dify_infra_examples::KEY_VAULT;
use jiff::Timestamp;

use crate::support::Scene;

const DAY: i64 = 24 * 60 * 60;

/// An hour after so many days: the clock of these tests begins at 1970.
fn after(days: i64) -> Timestamp {
    Timestamp::from_second(days * DAY + 3600).unwrap()
}

/// How many secrets of the group an audit finds too old, with a reader's rights.
async fn audited(scene: &Scene, now: Timestamp) -> usize {
    let reader: [(&[&str], &[&str]); 1] = [(&["*/read"], &[])];
    scene.azure.emulator().set_permissions(&reader);
    scene.azure.forget();
    let group = scene.graph.group().name();
    let read = read_group(&scene.client, DEFAULT_SUBSCRIPTION, group).await;
    assert_eq!(scene.azure.headlines(), Vec::<String>::new());
    let mut inventory = from_resources(&read.unwrap());
    inventory.now = Some(now.as_second());
    audit(&inventory).under("SEC115").count()
}

#[tokio::test(start_paused = true)]
async fn a_secret_of_ninety_days_is_found_by_plan_verify_and_audit() {
    let scene = Scene::new(KEY_VAULT);
    scene.apply().await;
    let snapshot = scene.observe().await;
    let secrets = scene.graph.nodes();
    let secrets = secrets.filter(|node| node.kind() == Kind::VaultSecret);
    let secrets = secrets.count();
    for (days, old) in [(89, 0), (90, secrets)] {
        let now = after(days);
        let found = old_secrets(&scene.deployment, &scene.graph, &snapshot, now.as_second());
        assert_eq!(found.iter().count(), old, "{days} days");
        for finding in &found {
            assert_eq!(finding.severity, Severity::Warning);
            assert_eq!(finding.path.to_string(), "secrets");
        }
        let report = verify_at(
            &scene.client,
            &scene.deployment,
            &scene.graph,
            &snapshot,
            now,
        )
        .await;
        assert_eq!(report.count(Status::Warned), old, "{days} days");
        assert!(report.is_success());
        assert_eq!(audited(&scene, now).await, old, "{days} days");
    }
}

#[tokio::test(start_paused = true)]
async fn an_age_is_allowed_with_a_reason_and_the_allowance_is_not_called_unused() {
    let allow = "\n[checks]\nallow = [{ rule = \"SEC115\", reason = \"renewed in spring\" }]\n";
    let file = format!("{KEY_VAULT}{allow}");
    let resolved = check_file(&file).unwrap();
    for finding in &resolved.diagnostics {
        assert!(!finding.message.contains("SEC115"), "{finding}");
    }
    let scene = Scene::new(&file);
    scene.apply().await;
    let snapshot = scene.observe().await;
    let now = after(100);
    let found = old_secrets(&scene.deployment, &scene.graph, &snapshot, now.as_second());
    assert!(found.iter().count() > 5);
    for finding in &found {
        assert_eq!(finding.severity, Severity::Note);
        assert!(finding.message.contains("renewed in spring"), "{finding}");
    }
    let report = verify_at(
        &scene.client,
        &scene.deployment,
        &scene.graph,
        &snapshot,
        now,
    )
    .await;
    assert_eq!(report.count(Status::Warned), 0);
}
