//! Names of somebody else, of an older file, and of another origin.

use dify_infra_core::plan::Action;
use dify_infra_core::resource::{DOMAIN_TAG, Kind};
use dify_infra_examples::MINIMAL;
use serde_json::json;

use super::{HOST, action, bound, managed, names, set, set_all, wanted};
use crate::support::{Scene, edit};

/// Puts a name on the front door as somebody else would, who owns it.
async fn put_foreign(scene: &Scene, name: &str) {
    let proof = wanted(scene)
        .await
        .into_iter()
        .find(|record| record.kind == "TXT")
        .unwrap();
    let mut foreign = proof;
    foreign.name = format!("asuid.{name}");
    let mut all = wanted(scene).await;
    all.push(foreign);
    set(scene, &all);
    scene
        .tamper(&scene.app("nginx"), |body| {
            let list = &mut body["properties"]["configuration"]["ingress"]["customDomains"];
            if list.is_null() {
                *list = json!([]);
            }
            let item = json!({ "name": name, "bindingType": "Disabled" });
            list.as_array_mut().unwrap().push(item);
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_name_of_somebody_else_is_reported_and_kept_until_pruned() {
    let mut scene = bound(&managed()).await;
    put_foreign(&scene, "theirs.example.com").await;
    let plan = scene.plan().await;
    assert!(plan.is_empty(), "{plan}");
    let path = "properties.configuration.ingress.customDomains[theirs.example.com]";
    let front_door = scene.app("nginx");
    assert_eq!(plan.change(&front_door).unwrap().foreign, [path]);
    let tagged = scene.with_file(&edit(
        &managed(),
        "[azure]\n",
        "[azure]\ntags = { team = \"ai\" }\n",
    ));
    tagged.apply().await;
    assert_eq!(names(&scene).await.as_array().unwrap().len(), 2);
    tagged.assert_settled().await;

    scene = tagged;
    scene.options = scene.options.clone().with_prune(true);
    scene.apply().await;
    let left = names(&scene).await;
    assert_eq!(
        (left.as_array().unwrap().len(), &left[0]["name"]),
        (1, &json!(HOST))
    );
    scene.assert_settled().await;
}

#[tokio::test(start_paused = true)]
async fn another_origin_takes_the_place_of_the_old_one_when_its_records_are_there() {
    let scene = bound(&managed()).await;
    let old = scene.only(Kind::ManagedCertificate);
    let moved = scene.with_file(&edit(&managed(), HOST, "chat.example.com"));
    moved.apply().await;
    // Until then people still arrive by the old name.
    assert_eq!(names(&scene).await[0]["name"], HOST);
    let plan = moved.plan().await;
    assert_eq!(plan.summary().waiting, 2, "{plan}");

    set_all(&moved).await;
    moved.apply().await;
    moved.apply().await;
    let now = names(&moved).await;
    assert_eq!(
        (now.as_array().unwrap().len(), &now[0]["name"]),
        (1, &json!("chat.example.com"))
    );
    moved.assert_settled().await;
    let gone = moved.client.get(old.as_str(), "2026-01-01").await.unwrap();
    assert_eq!(gone, None, "the old certificate");
}

#[tokio::test(start_paused = true)]
async fn a_name_that_leaves_the_file_goes_with_its_certificate() {
    let scene = bound(&managed()).await;
    let without = scene.with_file(MINIMAL);
    let plan = without.plan().await;
    assert_eq!(
        action(&plan, &scene.only(Kind::ManagedCertificate)),
        Action::Delete
    );
    without.apply().await;
    without.assert_settled().await;
    let snapshot = without.observe().await;
    let app = snapshot.body(&scene.app("nginx")).unwrap();
    assert_eq!(
        app["properties"]["configuration"]["ingress"]["customDomains"],
        json!([])
    );
    assert_eq!(app["tags"].get(DOMAIN_TAG), None);
}
