//! Another release: what is called first, then the migration, then the callers, the front door last.

use dify_infra_core::catalogue::ServiceKind;
use dify_infra_examples::DIFY_DEV;
use http::Method;

use crate::support::{Exchange, Scene, edit};

/// Every release from which the plan of an upgrade is looked at; the first one changes every image.
const OLDER: [&str; 3] = ["1.13.3", "1.14.2", "1.11.4"];

#[tokio::test(start_paused = true)]
async fn a_new_release_goes_in_by_stages() {
    for older in OLDER {
        let scene = Scene::new(&edit(
            DIFY_DEV,
            "dify = \"1.16.0\"",
            &format!("dify = \"{older}\""),
        ));
        scene.apply().await;
        let new = scene.with_file(DIFY_DEV);
        insta::assert_snapshot!(
            format!("from_{older}"),
            headings(&new.plan().await.to_string())
        );

        scene.azure.forget();
        new.apply().await;
        assert_stages(&scene.azure.writes());
        new.assert_settled().await;
        assert!(new.verify().await.is_success(), "{older}");
    }
}

/// What is called goes before its callers, the migration before what reads the database, and the
/// front door last.
#[track_caller]
fn assert_stages(writes: &[Exchange]) {
    let is_start = |one: &&Exchange| one.method == Method::POST && one.name() == "start";
    let starts: Vec<&Exchange> = writes.iter().filter(is_start).collect();
    assert_eq!(starts.len(), 1, "the migration runs once");
    let began = |name: &str| Some(writes.iter().find(|one| one.name() == name)?.started);
    let before = |first: &str, then: &str| match (began(first), began(then)) {
        (Some(first), Some(then)) => first < then,
        _ => true,
    };
    for tool in ["dify-dev-sandbox", "dify-dev-plugin-daemon"] {
        for caller in ["dify-dev-api", "dify-dev-worker"] {
            assert!(before(tool, caller), "{caller} before {tool}");
        }
    }
    for reader in ["dify-dev-api", "dify-dev-worker", "dify-dev-worker-beat"] {
        assert!(
            Some(starts[0].started) < began(reader),
            "{reader} before the migration"
        );
    }
    let last = began("dify-dev-nginx").unwrap();
    for one in writes {
        assert!(
            one.started <= last,
            "{} after the front door",
            one.headline()
        );
    }
}

/// The lines of a plan that say what happens to which resource.
fn headings(plan: &str) -> String {
    let lines = plan
        .lines()
        .filter(|line| !line.starts_with("    ") || line.contains("image:"));
    lines.collect::<Vec<_>>().join("\n")
}

#[tokio::test(start_paused = true)]
async fn callers_change_only_once_what_they_call_is_ready() {
    let old = edit(DIFY_DEV, "dify = \"1.16.0\"", "dify = \"1.13.3\"");
    let scene = Scene::new(&old);
    scene.apply().await;
    let new = scene.with_file(DIFY_DEV);
    scene.azure.forget();
    new.apply().await;
    let exchanges = scene.azure.exchanges();
    let writes = scene.azure.writes();
    let api = writes
        .iter()
        .find(|one| one.name() == "dify-dev-api")
        .unwrap()
        .started;
    let image = new
        .deployment
        .service(ServiceKind::Sandbox)
        .unwrap()
        .image
        .to_string();
    let ready = exchanges.iter().any(|one| {
        let answer = one.answer.as_ref().unwrap_or(&serde_json::Value::Null);
        let text = |pointer| answer.pointer(pointer).and_then(serde_json::Value::as_str);
        let latest = text("/properties/latestRevisionName");
        one.name() == "dify-dev-sandbox"
            && one.ended < api
            && latest.is_some()
            && latest == text("/properties/latestReadyRevisionName")
            && answer.to_string().contains(&image)
    });
    assert!(
        ready,
        "the sandbox was not seen ready before the API was changed"
    );
}

#[tokio::test(start_paused = true)]
async fn a_downgrade_takes_the_variables_of_the_newer_release_along() {
    let scene = Scene::new(DIFY_DEV);
    scene.apply().await;
    let older = edit(DIFY_DEV, "dify = \"1.16.0\"", "dify = \"1.13.3\"");
    let older = scene.with_file(&older);
    older.apply().await;
    let plan = older.plan().await;
    assert!(plan.is_empty(), "{plan}");
    let foreign: Vec<&String> = plan
        .changes()
        .iter()
        .flat_map(|change| &change.foreign)
        .collect();
    assert_eq!(foreign, Vec::<&String>::new());
}
