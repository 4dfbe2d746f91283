//! Plans in files: they hold as long as nothing has changed, whoever made them and whatever Azure's
//! answers look like.

use dify_infra_core::plan::{Origin, Plan, SavedPlan, Snapshot};
use dify_infra_emulator::{Dialect, Emulator, FaultKind, RequestMatcher};
use dify_infra_examples::{DIFY_DEV, FILES};
use http::{Method, StatusCode};

use crate::support::{Azure, Scene, edit};

/// A plan as it is read back from a file.
pub(crate) fn saved(scene: &Scene, plan: &Plan, snapshot: &Snapshot) -> SavedPlan {
    let origin = Origin {
        dify_infra: "0.1.0".to_owned(),
        deployment: scene.graph.owner().to_owned(),
        endpoint: "https://management.azure.com/".to_owned(),
        subscription: scene.target.subscription().to_owned(),
        resource_group: scene.graph.group().name().to_owned(),
        file: "dify.toml".to_owned(),
        file_sha256: Origin::hash_of(""),
        prune: false,
        secrets_compared: false,
    };
    let saved = SavedPlan::new(origin, plan, snapshot).unwrap();
    SavedPlan::parse(&saved.to_json().unwrap()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn an_unchanged_azure_makes_no_plan_stale_whatever_its_answers_look_like() {
    for (name, file) in FILES {
        for dialect in [Dialect::Plain, Dialect::Noisy] {
            let scene = Scene::on(Azure::with(Emulator::builder().dialect(dialect)), file);
            scene.make_existing().await;
            scene.apply().await;
            let (plan, snapshot) = scene.look().await;
            let saved = saved(&scene, &plan, &snapshot);
            for _ in 0..3 {
                let (plan, snapshot) = scene.look().await;
                let changed = saved.changed_since(&snapshot);
                assert!(changed.is_empty(), "{name} {dialect:?}: {changed:#?}");
                assert_eq!(saved.differs_from(&plan), Vec::<String>::new(), "{name}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn who_may_read_alone_makes_a_plan_that_another_applies() {
    let scene = Scene::new(DIFY_DEV);
    scene.apply().await;
    // A rendered file changes too, of which a reader does not see the old text.
    let file = edit(
        DIFY_DEV,
        "[services.sandbox]\ncpu = 0.5",
        "[egress]\nallow = [{ domain = \"a.example.org\", reason = \"a test\" }]\n\n[services.sandbox]\ncpu = 1.0",
    );
    let changed = scene.with_file(&file);
    let denied = FaultKind::Status {
        status: StatusCode::FORBIDDEN,
        code: "AuthorizationFailed".to_owned(),
        message: "no right to read secrets".to_owned(),
    };
    let secret_returning = RequestMatcher::any().method(Method::POST);
    scene
        .azure
        .emulator()
        .fail_next(secret_returning, denied, 100);
    let snapshot = changed.observe().await;
    let plan = changed.plan_without_secrets().await;
    assert!(plan.is_applyable(), "{plan}");
    let saved = saved(&changed, &plan, &snapshot);
    let denials = scene.azure.emulator().faults_left();
    scene.azure.emulator().forget_faults();
    assert_eq!(denials, 100, "planning asks for no secret");

    let (plan, snapshot) = changed.look().await;
    assert_eq!(saved.changed_since(&snapshot), Vec::<String>::new());
    assert_eq!(saved.differs_from(&plan), Vec::<String>::new());
    changed.apply().await;
    let stale = saved.changed_since(&changed.observe().await);
    let is_told = stale
        .iter()
        .any(|sentence| sentence.starts_with("dify-dev-sandbox has changed: "));
    assert!(is_told, "{stale:#?}");
}
