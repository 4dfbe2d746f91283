//! Two first runs at once: one of them makes the deployment, and the other one nothing.

use std::sync::Arc;
use std::time::Duration;

use dify_infra_azure::apply::ApplyReport;
use dify_infra_azure::claim::{Claim, ClaimError, claim, is_needed};
use dify_infra_core::resource::OWNER_TAG;
use dify_infra_emulator::{FaultKind, RequestMatcher};
use dify_infra_examples::{DIFY_PROD, MINIMAL};
use http::Method;
use serde_json::json;

use crate::support::Scene;
use crate::support::scene::secrets_for;

/// How long an answer takes in these tests.
const LATENCY: u64 = 40;

async fn claimed(scene: &Scene, name: &str) -> Result<Claim, ClaimError> {
    let plan = scene.plan().await;
    assert!(is_needed(&scene.graph, &plan));
    claim(&scene.client, &scene.graph, &plan, name).await
}

/// The records of runs that are there.
async fn records(scene: &Scene) -> Vec<String> {
    let group = scene.graph.group();
    let path = format!("{group}/providers/Microsoft.Resources/deployments");
    let all = scene.client.list(&path, "2025-04-01").await.unwrap();
    let names = all.iter().map(|one| one["name"].as_str().unwrap());
    names.map(str::to_owned).collect()
}

#[tokio::test(start_paused = true)]
async fn of_two_runs_one_gets_through_whatever_the_order_of_their_requests() {
    let mut second = 0;
    for late in (0..12 * LATENCY).step_by(20) {
        let one = Scene::new(MINIMAL);
        let other = Scene::on(Arc::clone(&one.azure), MINIMAL);
        let wait = tokio::time::sleep(Duration::from_millis(late));
        // The later name begins first in half of them.
        let names = if late % 40 == 0 {
            ["a", "b"]
        } else {
            ["b", "a"]
        };
        let (first, then) = tokio::join!(claimed(&one, names[0]), async {
            wait.await;
            claimed(&other, names[1]).await
        });
        assert_eq!(
            [&first, &then]
                .iter()
                .filter(|result| result.is_ok())
                .count(),
            1,
            "{late} ms: {first:?} {then:?}"
        );
        second += usize::from(then.is_ok());
        let Some(error) = first.as_ref().err().or(then.as_ref().err()) else {
            panic!("one is refused")
        };
        let ClaimError::Held { owner, .. } = error else {
            panic!("{error:?}")
        };
        assert_eq!(owner, "dify-dev");
        assert_eq!(records(&one).await.len(), 1, "the refused one left none");
        let won = first.or(then).unwrap();
        won.release().await;
        assert_eq!(records(&one).await, Vec::<String>::new());
    }
    assert!(second > 0, "some of them crossed");
}

/// What a pipeline of one's own does: claim, apply, release.
async fn pipeline(scene: &Scene, name: &str) -> Result<ApplyReport, ClaimError> {
    let claim = claimed(scene, name).await?;
    let report = claim.while_held(scene.apply()).await;
    claim.release().await;
    Ok(report)
}

#[tokio::test(start_paused = true)]
async fn two_first_applies_with_secrets_of_their_own_do_not_mix_them() {
    let one = Scene::new(DIFY_PROD);
    let mut other = Scene::on(Arc::clone(&one.azure), DIFY_PROD);
    other.secrets = secrets_for(&other.deployment, 2);
    let (first, then) = tokio::join!(pipeline(&one, "a"), pipeline(&other, "b"));
    assert!(first.is_ok(), "{first:?}");
    let error = then.unwrap_err();
    let hint = error.hint().unwrap();
    assert!(hint.contains("az deployment group delete"), "{hint}");
    one.assert_settled().await;
    assert!(!other.plan().await.is_empty(), "it has other secrets");
    // Renewed while it went on, and gone afterwards.
    let record = one.azure.writes().into_iter();
    let record = record.filter(|one| one.name() == "dify-prod-run-a" && one.method == Method::PUT);
    assert!(record.count() > 3);
    assert_eq!(records(&one).await, Vec::<String>::new());
    assert!(!is_needed(&one.graph, &one.plan().await));
}

#[tokio::test(start_paused = true)]
async fn a_record_is_in_nobodys_way_for_its_own_folder_when_it_is_over_or_can_t_be_kept() {
    let scene = Scene::new(MINIMAL);
    drop(claimed(&scene, "a").await.unwrap());
    // The run died; the next one from the same folder goes on.
    claimed(&scene, "a").await.unwrap().release().await;

    let id = format!(
        "{}/providers/Microsoft.Resources/deployments/dify-dev-run-z",
        scene.graph.group()
    );
    let record = |until: &str| {
        json!({
            "tags": {
                (OWNER_TAG): "dify-dev",
                "dify-infra-run": "z",
                "dify-infra-run-until": until,
            },
            "properties": { "mode": "Incremental", "template": {
                "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
                "contentVersion": "1.0.0.0",
                "resources": [],
            } },
        })
    };
    for (until, is_free) in [
        ("2020-01-01T00:00:00Z", true),
        ("2999-01-01T00:00:00Z", false),
    ] {
        let body = record(until);
        let operation = scene.client.begin_put(&id, "2025-04-01", &body).await;
        operation.unwrap().wait().await.unwrap();
        match claimed(&scene, "a").await {
            Ok(claim) if is_free => claim.release().await,
            Err(ClaimError::Held { .. }) if !is_free => {}
            other => panic!("{until}: {other:?}"),
        }
    }
    scene
        .client
        .begin_delete(&id, "2025-04-01")
        .await
        .unwrap()
        .wait()
        .await
        .unwrap();

    let rights: [(&[&str], &[&str]); 1] = [(&["*"], &["Microsoft.Resources/deployments/write"])];
    scene.azure.emulator().set_permissions(&rights);
    assert!(!claimed(&scene, "a").await.unwrap().is_kept());

    // What can't be asked is no answer.
    scene.azure.emulator().set_permissions(&[(&["*"], &[])]);
    let lists = RequestMatcher::any()
        .method(Method::GET)
        .path_contains("/deployments");
    scene
        .azure
        .emulator()
        .fail_next(lists, FaultKind::ServiceUnavailable, 50);
    assert!(matches!(
        claimed(&scene, "a").await,
        Err(ClaimError::Azure(_))
    ));
}
