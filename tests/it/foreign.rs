//! What somebody else did: reported and kept, removed only when asked for, never taken over.

use dify_infra_azure::apply::{ApplyError, Cancellation, Event};
use dify_infra_core::plan::Action;
use dify_infra_core::resource::{Kind, OWNER_TAG, ResourceId};
use dify_infra_examples::{DIFY_DEV, MINIMAL, OLDER_RELEASE};
use serde_json::{Value, json};

use crate::support::{Azure, Scene, edit};

fn container(body: &mut Value) -> &mut Value {
    &mut body["properties"]["template"]["containers"][0]
}

#[track_caller]
fn push(list: &mut Value, item: Value) {
    if list.is_null() {
        *list = json!([]);
    }
    list.as_array_mut().unwrap().push(item);
}

/// Somebody adds a variable with a secret, a tag and a scale rule to the API.
async fn meddle(scene: &Scene) -> ResourceId {
    let api = scene.app("api");
    scene
        .tamper(&api, |body| {
            let secret = json!({ "name": "their-token", "value": "their-own-value" });
            push(&mut body["properties"]["configuration"]["secrets"], secret);
            push(
                &mut container(body)["env"],
                json!({ "name": "THEIR_FLAG", "value": "on" }),
            );
            let token = json!({ "name": "THEIR_TOKEN", "secretRef": "their-token" });
            push(&mut container(body)["env"], token);
            let rule = json!({ "name": "their-rule", "custom": {
                "type": "cpu", "metadata": { "type": "Utilization", "value": "70" } } });
            push(&mut body["properties"]["template"]["scale"]["rules"], rule);
            body["tags"]["theirTag"] = json!("kept");
            body["properties"]["template"]["revisionSuffix"] = json!("theirs");
        })
        .await;
    api
}

fn has_theirs(live: &Value) -> [bool; 4] {
    let text = live.to_string();
    ["THEIR_FLAG", "THEIR_TOKEN", "their-rule", "theirTag"].map(|word| text.contains(word))
}

#[tokio::test(start_paused = true)]
async fn what_somebody_added_is_reported_and_survives_an_update() {
    let scene = Scene::new(DIFY_DEV);
    scene.apply().await;
    let api = meddle(&scene).await;

    let plan = scene.plan().await;
    assert!(plan.is_empty(), "{plan}");
    insta::assert_debug_snapshot!(plan.change(&api).unwrap().foreign);

    let from = "[services.api.env]\nLOG_LEVEL = \"INFO\"";
    let changed = scene.with_file(&edit(
        DIFY_DEV,
        from,
        "[services.api.env]\nLOG_LEVEL = \"DEBUG\"",
    ));
    changed.apply().await;
    let live = scene.observe().await.body(&api).unwrap().clone();
    assert_eq!(has_theirs(&live), [true; 4], "{live:#}");
    let secrets = scene.secrets_of(&api).await;
    let theirs = json!({ "name": "their-token", "value": "their-own-value" });
    assert!(
        secrets.as_array().unwrap().contains(&theirs),
        "the foreign secret lost its value"
    );
    changed.assert_settled().await;
}

#[tokio::test(start_paused = true)]
async fn prune_removes_what_somebody_added() {
    let mut scene = Scene::new(DIFY_DEV);
    scene.apply().await;
    let api = meddle(&scene).await;

    scene.options = scene.options.clone().with_prune(true);
    let plan = scene.plan().await;
    insta::assert_snapshot!(plan);
    scene.azure.forget();
    scene.apply().await;
    assert_eq!(scene.azure.headlines(), ["PUT dify-dev-api"]);
    let live = scene.observe().await.body(&api).unwrap().clone();
    // Tags are a map that everyone writes to, so other tags stay.
    assert_eq!(has_theirs(&live), [false, false, false, true], "{live:#}");
    assert!(
        !scene
            .secrets_of(&api)
            .await
            .to_string()
            .contains("their-token")
    );
    scene.assert_settled().await;
}

#[tokio::test(start_paused = true)]
async fn what_somebody_changed_of_ours_is_put_right() {
    let scene = Scene::new(DIFY_DEV);
    scene.apply().await;
    let api = scene.app("api");
    scene
        .tamper(&api, |body| {
            let env = container(body)["env"].as_array_mut().unwrap();
            env.retain(|variable| variable["name"] != "DB_EXTRAS");
            container(body)["resources"] = json!({ "cpu": 0.5, "memory": "1Gi" });
            body["properties"]["template"]["revisionSuffix"] = json!("theirs");
        })
        .await;
    insta::assert_snapshot!(scene.plan().await);
    scene.apply().await;
    scene.assert_settled().await;
}

#[tokio::test(start_paused = true)]
async fn a_resource_of_somebody_else_is_never_taken_over() {
    let scene = Scene::new(MINIMAL);
    let group = json!({ "location": "japaneast" });
    scene
        .put(scene.graph.group(), Kind::ResourceGroup, &group)
        .await;
    let theirs = json!({ "location": "japaneast", "properties": { "retentionInDays": 90 },
        "tags": { "owner": "somebody else" } });
    let logs = scene.id("dify-dev-logs");
    scene.put(&logs, Kind::Workspace, &theirs).await;
    scene.azure.forget();

    let plan = scene.plan().await;
    let change = plan.change(&logs).unwrap();
    assert_eq!(change.action, Action::Unknown);
    insta::assert_snapshot!(change.reason);
    let refused = scene
        .try_apply(&|_: &Event| {}, Cancellation::never())
        .await
        .unwrap_err();
    assert!(matches!(refused, ApplyError::Blocked(_)), "{refused}");
    assert!(scene.azure.writes().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_resource_of_another_deployment_names_its_owner() {
    let scene = Scene::new(MINIMAL);
    scene.apply().await;
    let logs = scene.id("dify-dev-logs");
    scene
        .tamper(&logs, |body| body["tags"][OWNER_TAG] = json!("other-prod"))
        .await;
    let plan = scene.plan().await;
    let reason = &plan.change(&logs).unwrap().reason;
    assert!(
        reason.contains("belongs to the deployment other-prod"),
        "{reason}"
    );
}

#[tokio::test(start_paused = true)]
async fn an_orphaned_app_goes_and_orphaned_data_stays() {
    let scene = Scene::new(MINIMAL);
    scene.apply().await;
    // An app as an earlier release had it, and an account under an earlier suffix.
    let worker = scene.app("worker");
    let mut body = scene.observe().await.body(&worker).unwrap().clone();
    body = dify_infra_core::diff::without_read_only(Kind::ContainerApp, &body);
    body["properties"]["configuration"]["secrets"] = scene.secrets_of(&worker).await;
    let orphan = scene
        .graph
        .group()
        .provider("Microsoft.App/containerApps", "dify-dev-agent");
    scene.put(&orphan, Kind::ContainerApp, &body).await;
    let files = scene
        .graph
        .group()
        .provider("Microsoft.Storage/storageAccounts", "difydevold");
    let account = json!({ "location": "japaneast", "kind": "StorageV2",
        "sku": { "name": "Standard_LRS" }, "tags": { OWNER_TAG: scene.graph.owner() } });
    scene.put(&files, Kind::StorageAccount, &account).await;

    let plan = scene.plan().await;
    insta::assert_snapshot!(plan);
    assert_eq!(plan.change(&files).unwrap().action, Action::NoChange);
    scene.azure.forget();
    scene.apply().await;
    assert_eq!(scene.azure.headlines(), ["DELETE dify-dev-agent"]);
    scene.assert_settled().await;
    assert!(
        scene
            .client
            .get(files.as_str(), "2026-04-01")
            .await
            .unwrap()
            .is_some()
    );
}

#[tokio::test(start_paused = true)]
async fn two_deployments_in_one_group_do_not_see_each_other() {
    let azure = Azure::new();
    let one = Scene::on(std::sync::Arc::clone(&azure), DIFY_DEV);
    let other = Scene::on(std::sync::Arc::clone(&azure), OLDER_RELEASE);
    assert_eq!(one.graph.group(), other.graph.group());
    one.apply().await;
    other.apply().await;
    one.assert_settled().await;
    other.assert_settled().await;
    let changes = one.plan().await.changes().len();
    assert_eq!(
        changes,
        one.graph.len(),
        "nothing of the other deployment is an orphan"
    );

    other.destroy(true).await;
    one.assert_settled().await;
    assert!(one.verify().await.is_success());
}
