//! A changed field of the file is exactly that change of the plan, with its reason and its risk, and
//! apply makes exactly it.

use dify_infra_core::plan::{Action, Plan};
use dify_infra_core::resource::Kind;
use dify_infra_core::secrets::SecretKind;
use dify_infra_examples::DIFY_DEV;

use crate::support::{Scene, edit};

/// What a plan changes, as names.
fn changed(plan: &Plan) -> Vec<String> {
    let writes = plan
        .changes()
        .iter()
        .filter(|change| change.action.writes());
    writes.map(|change| change.id.name().to_owned()).collect()
}

/// Deploys the example, changes a place of its file, and follows the change to its end. Returns the
/// plan and the writes of its apply.
async fn after_edit(from: &str, to: &str) -> (String, Vec<String>) {
    let scene = Scene::new(DIFY_DEV);
    scene.apply().await;
    let changed = scene.with_file(&edit(DIFY_DEV, from, to));
    let plan = changed.plan().await;
    scene.azure.forget();
    changed.apply().await;
    let writes = scene.azure.headlines();
    changed.assert_settled().await;
    (plan.to_string(), writes)
}

#[tokio::test(start_paused = true)]
async fn the_size_of_a_service() {
    let (plan, writes) = after_edit(
        "[services.sandbox]\ncpu = 0.5",
        "[services.sandbox]\ncpu = 1.0",
    )
    .await;
    insta::assert_snapshot!(plan);
    assert_eq!(writes, ["PUT dify-dev-sandbox"]);
}

#[tokio::test(start_paused = true)]
async fn the_replicas_of_a_service() {
    let (plan, writes) = after_edit(
        "replicas = { min = 1, max = 3 }",
        "replicas = { min = 2, max = 6 }",
    )
    .await;
    insta::assert_snapshot!(plan);
    insta::assert_debug_snapshot!("the_replicas_of_a_service_writes", writes);
}

#[tokio::test(start_paused = true)]
async fn a_variable_of_a_service() {
    let from = "[services.api.env]\nLOG_LEVEL = \"INFO\"";
    let (plan, writes) = after_edit(from, "[services.api.env]\nLOG_LEVEL = \"DEBUG\"").await;
    insta::assert_snapshot!(plan);
    assert_eq!(writes, ["PUT dify-dev-api"]);
}

#[tokio::test(start_paused = true)]
async fn a_variable_that_left_the_file_goes() {
    let from = "[services.worker.env]\nLOG_LEVEL = \"INFO\"\n";
    let (plan, writes) = after_edit(from, "").await;
    insta::assert_snapshot!(plan);
    assert_eq!(writes, ["PUT dify-dev-worker"]);
}

#[tokio::test(start_paused = true)]
async fn the_size_of_redis() {
    let (plan, writes) = after_edit("sku = \"Balanced_B0\"", "sku = \"Balanced_B3\"").await;
    insta::assert_snapshot!(plan);
    assert_eq!(writes.len(), 1, "{writes:?}");
}

#[tokio::test(start_paused = true)]
async fn the_disk_of_postgres() {
    let (plan, writes) = after_edit("storage = 32", "storage = 64").await;
    insta::assert_snapshot!(plan);
    assert_eq!(writes.len(), 1, "{writes:?}");
}

#[tokio::test(start_paused = true)]
async fn the_size_of_postgres_with_the_pools_that_follow_from_it() {
    let (plan, writes) = after_edit("sku = \"Standard_B1ms\"", "sku = \"Standard_B2s\"").await;
    insta::assert_snapshot!(plan);
    insta::assert_debug_snapshot!("the_size_of_postgres_writes", writes);
}

#[tokio::test(start_paused = true)]
async fn the_retention_of_logs() {
    let (plan, writes) = after_edit("retention_days = 30", "retention_days = 60").await;
    insta::assert_snapshot!(plan);
    assert_eq!(writes, ["PUT dify-dev-logs"]);
}

#[tokio::test(start_paused = true)]
async fn an_exception_of_the_proxy_shows_as_a_change_of_its_file() {
    let exception = "\n[egress]\nallow = [{ cidr = \"10.0.8.4/32\", reason = \"our wiki\" }]\n";
    let from = "[services.worker.env]\nLOG_LEVEL = \"INFO\"\n";
    let (plan, writes) = after_edit(from, &format!("{from}{exception}")).await;
    insta::assert_snapshot!(plan);
    assert_eq!(writes, ["PUT dify-dev-ssrf-proxy"]);
}

#[tokio::test(start_paused = true)]
async fn the_public_origin_reaches_every_url() {
    let from = "[data.postgres]";
    let to = "[public]\norigin = \"https://dify.example.com\"\n\n[data.postgres]";
    let (plan, writes) = after_edit(from, to).await;
    insta::assert_snapshot!(plan);
    insta::assert_debug_snapshot!("the_public_origin_writes", writes);
}

#[tokio::test(start_paused = true)]
async fn a_changed_secret_restarts_both_sides_of_its_pair_and_nothing_else() {
    let mut scene = Scene::new(DIFY_DEV);
    scene.apply().await;
    let other = crate::support::scene::secrets_for(&scene.deployment, 2);
    let new = other.get(SecretKind::SandboxApiKey).unwrap().clone();
    scene.secrets.insert(SecretKind::SandboxApiKey, new);

    // Without the file, secrets are kept: no difference is seen.
    assert!(scene.plan_without_secrets().await.is_empty());
    let plan = scene.plan().await;
    let mut names = changed(&plan);
    names.sort();
    let users = ["api", "api-websocket", "sandbox", "worker", "worker-beat"];
    assert_eq!(names, users.map(|user| format!("dify-dev-{user}")));
    for change in plan
        .changes()
        .iter()
        .filter(|change| change.action.writes())
    {
        assert_eq!(change.reason, "secrets changed in the secrets file");
        let difference = &change.differences[0].to_string();
        let [_, values] = difference.split(": ").collect::<Vec<_>>()[..] else {
            panic!("{difference}")
        };
        assert_eq!(
            values.chars().count(),
            "changed (a1b2 → c3d4)".chars().count(),
            "{difference}"
        );
    }

    let revision = async |scene: &Scene, app: &str| {
        let snapshot = scene.observe().await;
        snapshot
            .output(&scene.app(app), "/properties/latestRevisionName")
            .unwrap()
    };
    let before = (
        revision(&scene, "sandbox").await,
        revision(&scene, "web").await,
    );
    scene.azure.forget();
    scene.apply().await;
    assert_eq!(scene.azure.writes().len(), 5);
    let after = (
        revision(&scene, "sandbox").await,
        revision(&scene, "web").await,
    );
    assert_ne!(before.0, after.0, "a new revision reads the new secret");
    assert_eq!(before.1, after.1);
    scene.assert_settled().await;
}

#[tokio::test(start_paused = true)]
async fn going_back_to_what_was_before_makes_a_revision_of_its_own() {
    let scene = Scene::new(DIFY_DEV);
    scene.apply().await;
    let from = "[services.sandbox]\ncpu = 0.5";
    let larger = scene.with_file(&edit(DIFY_DEV, from, "[services.sandbox]\ncpu = 1.0"));
    larger.apply().await;
    scene.apply().await;
    larger.apply().await;
    larger.assert_settled().await;
}

#[tokio::test(start_paused = true)]
async fn another_region_would_replace_the_data_and_is_blocked() {
    let scene = Scene::new(DIFY_DEV);
    scene.apply().await;
    let moved = scene.with_file(&edit(
        DIFY_DEV,
        "location = \"japaneast\"",
        "location = \"japanwest\"",
    ));
    let plan = moved.plan().await;
    let server = plan.change(&moved.only(Kind::PostgresServer)).unwrap();
    assert_eq!(server.action, Action::Replace);
    assert!(!plan.is_applyable() && !plan.blocked().is_empty());
    scene.azure.forget();
    let quiet = |_: &dify_infra_azure::apply::Event| {};
    let never = dify_infra_azure::apply::Cancellation::never();
    let error = moved.try_apply(&quiet, never).await.unwrap_err();
    assert!(error.to_string().contains("holds data"), "{error}");
    assert!(scene.azure.writes().is_empty());
}
