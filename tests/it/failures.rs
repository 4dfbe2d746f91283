//! What goes wrong stays where it is, is told with its reason, and is mended by another run.

use std::sync::Mutex;

use dify_infra_azure::apply::{
    ApplyReport, Cancellation, Event, EventSink, OutcomeResult, last_run,
};
use dify_infra_core::catalogue::ServiceKind;
use dify_infra_core::plan::Action;
use dify_infra_core::resource::Kind;
use dify_infra_emulator::{Emulator, JobOutcome};
use dify_infra_examples::{DIFY_DEV, MINIMAL};
use http::Method;

use crate::support::{Azure, Scene, edit};

/// How it went for each resource that was not done.
fn not_done(report: &ApplyReport) -> Vec<String> {
    let mut lines: Vec<String> = report
        .outcomes
        .iter()
        .filter_map(|outcome| {
            let name = outcome.id.name();
            match &outcome.result {
                OutcomeResult::Failed(error) => {
                    Some(format!("{name} failed: {}", error.sentence()))
                }
                OutcomeResult::Skipped(because) => Some(format!("{name} skipped: {because}")),
                _ => None,
            }
        })
        .collect();
    lines.sort();
    lines
}

#[tokio::test(start_paused = true)]
async fn a_failed_environment_stops_what_needs_it_and_nothing_else() {
    let scene = Scene::new(MINIMAL);
    scene
        .azure
        .fail_operation("managedEnvironments", "no capacity in the region");
    let report = scene.attempt().await;
    insta::assert_debug_snapshot!(not_done(&report));
    let done = |name: &str| {
        let outcome = report
            .outcomes
            .iter()
            .find(|one| one.id.name() == name)
            .unwrap();
        matches!(outcome.result, OutcomeResult::Done)
    };
    for name in ["dify", "dify_plugin", "dify-app-storage", "dify-plugins"] {
        assert!(done(name), "{name} has nothing to do with the environment");
    }

    scene.apply().await;
    scene.assert_settled().await;
    assert!(scene.verify().await.is_success());
}

#[tokio::test(start_paused = true)]
async fn a_redis_that_was_never_made_goes_and_is_made_again() {
    let scene = Scene::new(MINIMAL);
    let redis = scene.only(Kind::RedisEnterprise);
    scene
        .azure
        .fail_operation(redis.name(), "no capacity in the region");
    scene.attempt().await;
    let plan = scene.plan().await;
    assert_eq!(plan.change(&redis).unwrap().action, Action::Replace);
    assert!(plan.is_applyable(), "it holds nothing yet: {plan}");
    scene.azure.forget();
    scene.apply().await;
    assert_eq!(
        scene.azure.headlines()[0],
        format!("DELETE {}", redis.name())
    );
    scene.assert_settled().await;
}

#[tokio::test(start_paused = true)]
async fn a_server_whose_creation_failed_is_written_again() {
    let scene = Scene::new(MINIMAL);
    let server = scene.only(Kind::PostgresServer);
    scene
        .azure
        .fail_operation(server.name(), "something went wrong inside of Azure");
    scene.attempt().await;
    let plan = scene.plan().await;
    let change = plan.change(&server).unwrap();
    assert_eq!(change.action, Action::Update, "{plan}");
    assert_eq!(change.reason, "the last write to it failed");
    scene.apply().await;
    scene.assert_settled().await;
    assert!(scene.verify().await.is_success());
}

#[tokio::test(start_paused = true)]
async fn a_failed_app_is_told_and_made_by_the_next_run() {
    let scene = Scene::new(MINIMAL);
    scene
        .azure
        .fail_operation("dify-dev-web", "the image can't be pulled");
    let report = scene.attempt().await;
    insta::assert_debug_snapshot!(not_done(&report));
    let plan = scene.plan().await;
    let change = plan.change(&scene.app("web")).unwrap();
    assert_eq!(change.reason, "the last write to it failed");

    scene.azure.forget();
    scene.apply().await;
    assert_eq!(scene.azure.headlines(), ["PUT dify-dev-web"]);
    scene.assert_settled().await;
}

#[tokio::test(start_paused = true)]
async fn callers_are_left_alone_when_an_update_of_what_they_call_fails() {
    let scene = Scene::new(&edit(DIFY_DEV, "dify = \"1.16.0\"", "dify = \"1.13.3\""));
    scene.apply().await;
    let new = scene.with_file(DIFY_DEV);
    scene
        .azure
        .fail_operation("dify-dev-sandbox", "the image can't be pulled");
    scene.azure.forget();
    let report = new.attempt().await;
    let written = scene.azure.headlines();
    for caller in ["dify-dev-api", "dify-dev-worker", "dify-dev-nginx"] {
        assert!(
            !written.contains(&format!("PUT {caller}")),
            "{caller}: {written:#?}"
        );
    }
    insta::assert_debug_snapshot!(not_done(&report));

    new.apply().await;
    new.assert_settled().await;
}

#[tokio::test(start_paused = true)]
async fn a_failed_migration_keeps_the_application_from_being_made() {
    let azure = Azure::with(Emulator::builder().job_outcome(JobOutcome::Failed));
    let scene = Scene::on(azure, MINIMAL);
    let report = scene.attempt().await;
    insta::assert_debug_snapshot!(not_done(&report));
    let written = scene.azure.headlines();
    for app in ["dify-dev-api", "dify-dev-worker", "dify-dev-worker-beat"] {
        assert!(!written.contains(&format!("PUT {app}")), "{app} was made");
    }
    assert!(
        written.contains(&"PUT dify-dev-sandbox".to_owned()),
        "{written:#?}"
    );
    let starts = |scene: &Scene| {
        let writes = scene.azure.writes().into_iter();
        writes
            .filter(|one| one.method == Method::POST && one.name() == "start")
            .count()
    };
    assert_eq!(starts(&scene), 1);

    scene
        .azure
        .emulator()
        .set_job_outcome(JobOutcome::Succeeded);
    scene.apply().await;
    assert_eq!(starts(&scene), 2);
    scene.assert_settled().await;
}

/// Throws a switch after so many resources are done, and remembers what started after that.
struct StopAfter {
    hand: tokio::sync::watch::Sender<bool>,
    left: Mutex<usize>,
    started_late: Mutex<Vec<String>>,
}

impl EventSink for StopAfter {
    fn event(&self, event: &Event) {
        let mut left = self.left.lock().unwrap();
        match event {
            Event::Finished { .. } if *left > 0 => {
                *left -= 1;
                if *left == 0 {
                    self.hand.send(true).unwrap();
                }
            }
            Event::Started { id, .. } if *left == 0 => {
                self.started_late.lock().unwrap().push(id.name().to_owned());
            }
            _ => {}
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_stopped_run_ends_what_runs_and_starts_nothing_new() {
    let directory = tempfile::tempdir().unwrap();
    let mut scene = Scene::new(MINIMAL);
    scene.options = scene.options.clone().with_journal(directory.path());
    let (hand, cancellation) = Cancellation::new();
    let sink = StopAfter {
        hand,
        left: Mutex::new(6),
        started_late: Mutex::default(),
    };
    let report = scene.try_apply(&sink, cancellation).await.unwrap();
    assert!(report.cancelled && !report.is_success());
    assert_eq!(
        report.failures().count(),
        0,
        "what was running came to its end"
    );
    assert_eq!(*sink.started_late.lock().unwrap(), Vec::<String>::new());
    let skipped = not_done(&report);
    assert!(
        skipped
            .iter()
            .all(|line| line.ends_with("skipped: the run was stopped")),
        "{skipped:#?}"
    );
    assert!(!skipped.is_empty());

    let last = last_run(directory.path()).unwrap();
    assert_eq!(
        (last.outcome.as_deref(), last.open.len()),
        (Some("stopped"), 0)
    );
    assert_eq!(last.finished.len() + skipped.len(), report.outcomes.len());

    scene.apply().await;
    scene.assert_settled().await;
    let last = last_run(directory.path()).unwrap();
    assert_eq!(last.outcome.as_deref(), Some("succeeded"));
}

#[tokio::test(start_paused = true)]
async fn a_secret_without_a_value_is_named_with_its_remedy() {
    let from = "[services.api.env]";
    let file = edit(
        DIFY_DEV,
        from,
        "[services.api.env]\nSMTP_PASSWORD = { secret = \"smtp-password\" }",
    );
    let mut scene = Scene::new(&file);
    let name: dify_infra_core::secrets::SecretName = "smtp-password".parse().unwrap();
    scene.secrets.remove(name);
    let report = scene.attempt().await;
    let lines = not_done(&report);
    let failed: Vec<&String> = lines
        .iter()
        .filter(|line| line.contains("failed: "))
        .collect();
    assert_eq!(failed.len(), 1, "{lines:#?}");
    assert!(failed[0].contains("SMTP_PASSWORD") && failed[0].contains("dify-secrets gen"));
    assert!(scene.deployment.service(ServiceKind::Api).is_some());
}

#[tokio::test(start_paused = true)]
async fn a_migration_that_is_under_way_is_waited_for_and_not_started_again() {
    let scene = Scene::new(MINIMAL);
    scene.apply().await;
    let version = "2026-01-01";
    // Another image means another migration; somebody has started the same one by hand already.
    let newer = scene.with_file(&edit(MINIMAL, "dify = \"1.16.0\"", "dify = \"1.17.1\""));
    let job = newer.id("dify-dev-migration");
    let image = newer.deployment.migration().image.to_string();
    newer
        .tamper(&job, |body| {
            body["properties"]["template"]["containers"][0]["image"] = image.clone().into();
        })
        .await;
    let begun = newer
        .client
        .begin_post(job.as_str(), "start", version, None)
        .await
        .unwrap();
    begun.wait().await.unwrap();
    newer.azure.forget();
    newer.apply().await;
    assert!(!newer.azure.headlines().contains(&"POST start".to_owned()));
    newer.assert_settled().await;
}
