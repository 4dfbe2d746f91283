//! Another release: what is called first, then the migration, then the callers, the front door last.

use dify_infra_core::catalogue::ServiceKind;
use dify_infra_examples::DIFY_DEV;
use http::Method;

use crate::support::{Exchange, Scene, edit};

/// When the last write to an app began and ended, in the order of the log.
#[track_caller]
fn write<'a>(writes: &'a [Exchange], name: &str) -> &'a Exchange {
    let found = writes.iter().find(|one| one.name() == name);
    found.unwrap_or_else(|| panic!("{name} was not written"))
}

#[tokio::test(start_paused = true)]
async fn a_new_release_goes_in_by_stages() {
    let old = edit(DIFY_DEV, "dify = \"1.16.0\"", "dify = \"1.14.2\"");
    let scene = Scene::new(&old);
    scene.apply().await;
    let new = scene.with_file(DIFY_DEV);
    insta::assert_snapshot!(headings(&new.plan().await.to_string()));

    scene.azure.forget();
    new.apply().await;
    let writes = scene.azure.writes();
    let starts: Vec<&Exchange> =
        writes.iter().filter(|one| one.method == Method::POST && one.name() == "start").collect();
    assert_eq!(starts.len(), 1, "the migration runs once");
    let migration = starts[0].started;

    for tool in ["dify-dev-sandbox", "dify-dev-plugin-daemon"] {
        for caller in ["dify-dev-api", "dify-dev-worker"] {
            assert!(write(&writes, tool).started < write(&writes, caller).started);
        }
    }
    for reader in ["dify-dev-api", "dify-dev-worker", "dify-dev-worker-beat"] {
        assert!(migration < write(&writes, reader).started, "{reader} before the migration");
    }
    let last = write(&writes, "dify-dev-nginx").started;
    for one in &writes {
        assert!(one.started <= last, "{} after the front door", one.headline());
    }
    new.assert_settled().await;
    assert!(new.verify().await.is_success());
}

/// The lines of a plan that say what happens to which resource.
fn headings(plan: &str) -> String {
    let lines = plan.lines().filter(|line| !line.starts_with("    ") || line.contains("image:"));
    lines.collect::<Vec<_>>().join("\n")
}

#[tokio::test(start_paused = true)]
async fn callers_change_only_once_what_they_call_is_ready() {
    let old = edit(DIFY_DEV, "dify = \"1.16.0\"", "dify = \"1.14.2\"");
    let scene = Scene::new(&old);
    scene.apply().await;
    let new = scene.with_file(DIFY_DEV);
    scene.azure.forget();
    new.apply().await;
    let exchanges = scene.azure.exchanges();
    let api = write(&scene.azure.writes(), "dify-dev-api").started;
    let image = new.deployment.service(ServiceKind::Sandbox).unwrap().image.to_string();
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
    assert!(ready, "the sandbox was not seen ready before the API was changed");
}
