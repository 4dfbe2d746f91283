//! Destroy takes the apps and leaves the data, and a new apply goes on with the same secrets.

use dify_infra_azure::secrets::recover;
use dify_infra_core::resource::{Kind, Layer};
use dify_infra_core::secrets::{SecretKind, Secrets};
use dify_infra_examples::{DIFY_DEV, EXISTING_DATA, MINIMAL};
use secrecy::ExposeSecret;
use serde_json::json;

use crate::support::Scene;

fn values(secrets: &Secrets) -> Vec<(String, String)> {
    let pairs = secrets.iter();
    pairs
        .map(|(name, value)| (name.to_string(), value.expose_secret().to_owned()))
        .collect()
}

/// The resources of a layer that exist.
async fn there(scene: &Scene, layer: Layer) -> Vec<String> {
    let snapshot = scene.observe().await;
    let nodes = scene
        .graph
        .nodes()
        .filter(|node| node.kind().layer() == layer);
    let live = nodes.filter(|node| snapshot.body(node.id()).is_some());
    live.map(|node| node.id().name().to_owned()).collect()
}

#[tokio::test(start_paused = true)]
async fn the_data_layer_stays() {
    let scene = Scene::new(DIFY_DEV);
    scene.apply().await;
    let data = there(&scene, Layer::Data).await;
    let before = scene.azure.resources();
    scene.azure.forget();
    scene.destroy(false).await;
    assert_eq!(
        there(&scene, Layer::Application).await,
        Vec::<String>::new()
    );
    assert_eq!(there(&scene, Layer::Data).await, data);
    let after = scene.azure.resources();
    for (id, body) in after
        .iter()
        .filter(|(id, _)| !id.contains("/microsoft.app/"))
    {
        assert_eq!(Some(body), before.get(id), "{id} was touched");
    }
    let written = scene.azure.headlines();
    assert!(
        written.iter().all(|line| line.starts_with("DELETE ")),
        "{written:#?}"
    );
    let place = |name: &str| {
        written
            .iter()
            .position(|line| line.ends_with(name))
            .unwrap()
    };
    let environment = place("dify-dev-environment");
    assert!(place("dify-dev-api") < environment && place("dify-dev-migration") < environment);
    assert!(environment < place("dify-dev-logs"));
}

#[tokio::test(start_paused = true)]
async fn a_new_apply_after_a_destroy_changes_no_secret() {
    let scene = Scene::new(DIFY_DEV);
    scene.apply().await;
    let expected = scene.secrets_of(&scene.app("plugin-daemon")).await;
    scene.destroy(false).await;
    scene.azure.forget();
    scene.apply().await;
    let written = scene.azure.headlines();
    let server = scene.only(Kind::PostgresServer);
    assert!(
        !written.contains(&format!("PUT {}", server.name())),
        "the server was written"
    );
    assert_eq!(
        scene.secrets_of(&scene.app("plugin-daemon")).await,
        expected
    );
    scene.assert_settled().await;
    assert!(scene.verify().await.is_success());
}

#[tokio::test(start_paused = true)]
async fn secrets_come_back_from_live_apps() {
    let scene = Scene::new(DIFY_DEV);
    scene.apply().await;
    let snapshot = scene.observe().await;
    let wanted = scene.deployment.secret_names();
    let recovered = recover(&scene.client, &scene.graph, &snapshot, &wanted).await;
    assert!(recovered.unreadable.is_empty());
    // The key of the fingerprints is in no app.
    let mut expected = scene.secrets.clone();
    expected.remove(SecretKind::FingerprintKey);
    assert_eq!(values(&recovered.secrets), values(&expected));
}

#[tokio::test(start_paused = true)]
async fn with_its_data_everything_goes() {
    let scene = Scene::new(MINIMAL);
    scene.apply().await;
    scene.destroy(true).await;
    assert_eq!(
        there(&scene, Layer::Application).await,
        Vec::<String>::new()
    );
    let group = scene.graph.group().name().to_owned();
    assert_eq!(there(&scene, Layer::Data).await, [group], "the group stays");
    assert_eq!(
        scene.azure.resources().len(),
        0,
        "{:?}",
        scene.azure.resources().keys()
    );
    assert_eq!(
        scene.destroy(true).await.outcomes.len(),
        0,
        "nothing is left to destroy"
    );

    scene.apply().await;
    scene.assert_settled().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_not_ours_stays_even_with_the_data() {
    let scene = Scene::new(EXISTING_DATA);
    scene.make_existing().await;
    scene.apply().await;
    let bucket = scene
        .graph
        .group()
        .provider("Microsoft.Storage/storageAccounts", "theirbucket");
    let account = json!({ "location": "swedencentral", "kind": "StorageV2",
        "sku": { "name": "Standard_LRS" } });
    scene.put(&bucket, Kind::StorageAccount, &account).await;
    scene.destroy(true).await;
    let snapshot = scene.observe().await;
    for name in ["contoso-postgres", "contoso-cache", "contosofiles"] {
        assert!(snapshot.body(&scene.id(name)).is_some(), "{name} is gone");
    }
    assert!(
        scene
            .client
            .get(bucket.as_str(), "2026-04-01")
            .await
            .unwrap()
            .is_some()
    );
    assert!(
        snapshot.body(scene.graph.group()).is_some(),
        "the group still holds something"
    );
    // They may have been there before us: what has no tags belongs to who made its parent.
    let kept = scene
        .graph
        .nodes()
        .filter(|node| matches!(node.kind(), Kind::PostgresDatabase | Kind::BlobContainer))
        .filter(|node| snapshot.body(node.id()).is_some());
    assert_eq!(kept.count(), 4);
}
