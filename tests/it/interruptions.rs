//! A run that dies at any of its writes, before Azure has acted on it or after: the next one ends as if
//! nothing had happened.
//!
//! One run is made to its end, and Azure is copied before and after each write. A copy is what a client
//! that dies there leaves behind, with everything that was begun beside it; from each one a new client goes
//! on.

use std::collections::BTreeMap;
use std::sync::Arc;

use dify_infra_core::plan::dns_records;
use dify_infra_core::resource::Kind;
use dify_infra_emulator::Emulator;
use dify_infra_examples::DIFY_PROD;
use serde_json::{Value, json};

use crate::support::azure::Moment;
use crate::support::state::{differences, state};
use crate::support::{Azure, Scene, edit};

/// Production with secrets in a vault, in a private network, under a name with a certificate.
fn file() -> String {
    let origin = "origin = \"https://dify.example.com\"";
    let certificate = "/subscriptions/00000000-0000-4000-8000-0000000000d1/resourceGroups/shared-rg/\
                       providers/Microsoft.KeyVault/vaults/contoso-certs/certificates/dify";
    edit(
        DIFY_PROD,
        origin,
        &format!("{origin}\ncertificate = \"{certificate}\""),
    )
}

/// The file on an Azure with the platform team's certificate.
async fn prepared() -> Scene {
    let scene = Scene::on(Azure::with(Emulator::builder().seed(11)), &file());
    scene.make_existing().await;
    let mut ids = scene.graph.nodes().map(dify_infra_core::graph::Node::id);
    let vault = ids.find(|id| id.name() == "contoso-certs").unwrap();
    let certificate = json!({ "properties": { "value": "MII=" } });
    let id = vault.child("secrets", "dify");
    scene.put(&id, Kind::VaultSecret, &certificate).await;
    drop(ids);
    scene
}

/// Everything that there is to do: a first run, and what waited for the records of its name.
async fn finish(scene: &Scene) {
    scene.apply().await;
    scene.set_records().await;
    if !scene.plan().await.is_empty() {
        scene.apply().await;
    }
}

/// Goes on from a moment with the same file and the same secrets, but with nothing else that the run
/// before it knew.
fn after(scene: &Scene, moment: &Moment) -> Scene {
    let mut other = Scene::on(Arc::clone(&moment.azure), &file());
    for (name, value) in scene.secrets.iter() {
        other.secrets.insert(name.clone(), value.clone());
    }
    other
}

#[tokio::test(start_paused = true)]
async fn an_apply_that_dies_at_any_write_is_finished_by_the_next_one() {
    let scene = prepared().await;
    scene.azure.keep_moments();
    finish(&scene).await;
    let moments = scene.azure.take_moments();
    scene.assert_settled().await;
    let expected = state(&scene).await;
    assert!(moments.len() >= 120, "{}", moments.len());
    // The person has set the records by the time of the next run; they are the same for each.
    let records = dns_records(&scene.graph, &scene.observe().await);
    let mut seen = None;
    for (place, moment) in moments.iter().enumerate() {
        // Between a write and the next one of the same burst nothing has happened.
        let now = Some(moment.azure.resources());
        let is_same = now == seen && moment.name.starts_with("before ");
        seen = now;
        if is_same {
            continue;
        }
        let next = after(&scene, moment);
        next.azure.set_dns(&records);
        next.apply().await;
        let mut plan = next.plan().await;
        if !plan.is_empty() {
            // What waited for the front door's name goes on now.
            next.apply().await;
            plan = next.plan().await;
        }
        assert!(plan.is_empty(), "{}:\n{plan}", moment.name);
        let there: Vec<String> = lasting(&next.azure);
        assert_eq!(there, lasting(&scene.azure), "{}", moment.name);
        // All bodies and all values of secrets, which is the long way.
        if place % 8 < 2 {
            let found = differences(&expected, &state(&next).await);
            assert!(found.is_empty(), "{}:\n{}", moment.name, found.join("\n"));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_destroy_that_dies_at_any_write_is_finished_by_the_next_one() {
    let scene = prepared().await;
    finish(&scene).await;
    for include_data in [false, true] {
        scene.azure.keep_moments();
        scene.destroy(include_data).await;
        let moments = scene.azure.take_moments();
        assert!(moments.len() >= 30, "{}", moments.len());
        let expected = ids(&scene.azure);
        for moment in &moments {
            let next = after(&scene, moment);
            next.destroy(include_data).await;
            assert_eq!(ids(&next.azure), expected, "{}", moment.name);
        }
    }
}

/// The ids of everything but what tells of the past.
fn lasting(azure: &Azure) -> Vec<String> {
    let is_past = |id: &String| {
        ["/revisions/", "/executions/", "/replicas/"]
            .iter()
            .any(|it| id.contains(it))
    };
    let mut ids = ids(azure);
    ids.retain(|id| !is_past(id));
    ids
}

/// The ids of everything that is there.
fn ids(azure: &Azure) -> Vec<String> {
    let resources: BTreeMap<String, Value> = azure.resources();
    resources.into_keys().collect()
}
