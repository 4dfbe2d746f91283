//! Every way in which Azure says that a write goes on, and ends.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use super::{APP, HOST, Reply, Script, VERSION, answer, client, empty, refusal, resource};
use crate::arm::Progress;
use crate::http::HttpErrorKind;
use crate::{Error, ErrorKind};

const STATUS: &str = "https://japaneast.management.azure.com/ops/1?api-version=old&t=9&c=abc";
const GET_APP: &str = "GET /subscriptions/s/resourceGroups/rg/providers/Microsoft.App/\
                       containerApps/api?api-version=2026-01-01";
const PUT_APP: &str = "PUT /subscriptions/s/resourceGroups/rg/providers/Microsoft.App/\
                       containerApps/api?api-version=2026-01-01";

fn status(word: &str) -> Reply {
    answer(200, &json!({"id": "/ops/1", "name": "1", "status": word}))
}

async fn put(script: &Arc<Script>) -> Result<Option<Value>, Error> {
    client(script)
        .begin_put(APP, VERSION, &json!({"location": "japaneast"}))
        .await?
        .wait()
        .await
}

async fn delete(script: &Arc<Script>) -> Result<Option<Value>, Error> {
    client(script)
        .begin_delete(APP, VERSION)
        .await?
        .wait()
        .await
}

#[tokio::test(start_paused = true)]
async fn a_synchronous_put_is_read_back() {
    let script = Script::new([
        answer(201, &json!({"from": "put"})),
        answer(200, &json!({"a": 1})),
    ]);
    assert_eq!(put(&script).await.unwrap(), Some(json!({"a": 1})));
    assert_eq!(script.requests(), [PUT_APP, GET_APP]);
    assert_eq!(script.pauses(), [0], "nothing to wait for");
}

#[tokio::test(start_paused = true)]
async fn a_status_resource_is_polled_and_the_resource_read() {
    for header in ["Azure-AsyncOperation", "azure-asyncoperation"] {
        let script = Script::new([
            empty(202)
                .header(header, STATUS)
                .header("Location", "https://unused.example/"),
            status("InProgress"),
            status("Succeeded"),
            resource("Succeeded"),
        ]);
        assert!(put(&script).await.unwrap().is_some());
        let polled = format!("GET {STATUS}");
        assert_eq!(script.requests(), [PUT_APP, &polled, &polled, GET_APP]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_relative_location_is_polled_until_it_is_not_202() {
    let script = Script::new([
        empty(202).header("Location", "/ops/7?x=%2F&api-version=1"),
        empty(202),
        empty(202).header("Location", "/ops/8"),
        empty(204),
        resource("Succeeded"),
    ]);
    assert!(put(&script).await.unwrap().is_some());
    let first = "GET /ops/7?x=%2F&api-version=1";
    assert_eq!(
        script.requests()[1..],
        [first, first, "GET /ops/8", GET_APP]
    );
}

#[tokio::test(start_paused = true)]
async fn a_state_without_headers_is_polled_in_the_resource() {
    for status in [200, 201] {
        let started = json!({"properties": {"provisioningState": "InfrastructureSetupInProgress"}});
        let script = Script::new([
            answer(status, &started),
            resource("Waiting"),
            resource("a word nobody has seen"),
            resource("succeeded"),
        ]);
        let body = put(&script).await.unwrap().unwrap();
        assert_eq!(body["properties"]["provisioningState"], "succeeded");
        assert_eq!(script.requests(), [PUT_APP, GET_APP, GET_APP, GET_APP]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_202_with_nothing_is_polled_in_the_resource() {
    let script = Script::new([
        empty(202),
        resource("Creating"),
        answer(200, &json!({"id": APP})),
    ]);
    assert_eq!(put(&script).await.unwrap(), Some(json!({"id": APP})));
}

#[tokio::test(start_paused = true)]
async fn a_success_that_the_resource_does_not_show_yet_is_waited_for() {
    let script = Script::new([
        empty(201).header("Azure-AsyncOperation", STATUS),
        status("Succeeded"),
        resource("Updating"),
        resource("Succeeded"),
    ]);
    let body = put(&script).await.unwrap().unwrap();
    assert_eq!(body["properties"]["provisioningState"], "Succeeded");
}

#[tokio::test(start_paused = true)]
async fn a_resource_that_is_not_visible_yet_is_waited_for() {
    let gone = || refusal(404, "ResourceNotFound");
    let script = Script::new([empty(200), gone(), gone(), resource("Succeeded")]);
    assert!(put(&script).await.unwrap().is_some());

    let mut replies = vec![empty(200)];
    replies.extend(vec![gone(); 8]);
    let script = Script::new(replies);
    assert!(put(&script).await.unwrap_err().is_not_found());
    script.is_used_up();
}

#[tokio::test(start_paused = true)]
async fn a_failure_with_200_has_its_innermost_cause() {
    let inner = json!({"error": {"code": "ImagePullFailed", "message": "no such tag"}});
    let failed = json!({"status": "Failed", "error": {"code": "DeploymentFailed",
        "details": [{"code": "BadRequest", "message": inner.to_string()}]}});
    let script = Script::new([
        empty(201).header("Azure-AsyncOperation", STATUS),
        answer(200, &failed).header("x-ms-correlation-request-id", "c-9"),
    ]);
    let error = put(&script).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OperationFailed);
    assert_eq!(error.code(), Some("ImagePullFailed"));
    assert_eq!(error.correlation_id(), Some("c-9"));
    assert_eq!(
        error.to_string(),
        "PUT containerApps/api in resource group `rg` was accepted and ended in `Failed` \
         ImagePullFailed: no such tag"
    );
}

#[tokio::test(start_paused = true)]
async fn canceled_has_two_spellings_and_any_case() {
    for word in ["Canceled", "Cancelled", "CANCELED"] {
        let script = Script::new([
            empty(202).header("Azure-AsyncOperation", STATUS),
            answer(200, &json!({"status": word, "error": {"code": "Canceled"}})),
        ]);
        assert_eq!(
            put(&script).await.unwrap_err().kind(),
            ErrorKind::OperationCanceled,
            "{word}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_failure_is_explained_by_the_resource() {
    let body = json!({"properties": {"provisioningState": "Failed",
        "deploymentErrors": "{\"code\": \"SubnetTooSmall\", \"message\": \"needs /27\"}"}});
    let script = Script::new([
        empty(202).header("Azure-AsyncOperation", STATUS),
        answer(200, &json!({"status": "Failed", "error": null})),
        answer(200, &body),
    ]);
    assert_eq!(
        put(&script).await.unwrap_err().code(),
        Some("SubnetTooSmall")
    );

    let script = Script::new([answer(200, &body), answer(200, &body), answer(200, &body)]);
    assert_eq!(
        put(&script).await.unwrap_err().code(),
        Some("SubnetTooSmall")
    );
}

#[tokio::test(start_paused = true)]
async fn a_busy_failure_is_begun_again() {
    let busy = json!({"status": "Failed", "error": {"code": "ServerIsBusy", "message": "wait"}});
    let script = Script::new([
        empty(202).header("Azure-AsyncOperation", STATUS),
        answer(200, &busy),
        empty(202).header("Azure-AsyncOperation", STATUS),
        status("Succeeded"),
        resource("Succeeded"),
    ]);
    assert!(put(&script).await.unwrap().is_some());
    let bodies: Vec<_> = script.seen().iter().map(|seen| seen.body.clone()).collect();
    assert_eq!(bodies[0], bodies[2]);

    let script = Script::new([
        empty(202).header("Location", STATUS),
        answer(409, &busy["error"]),
        answer(200, &json!({})),
        resource("Succeeded"),
    ]);
    assert!(
        put(&script).await.unwrap().is_some(),
        "a Location may answer with the failure"
    );
}

#[tokio::test(start_paused = true)]
async fn a_busy_failure_ends_with_the_budget() {
    let busy = json!({"status": "Failed", "error": {"code": "ServerIsBusy", "message": "wait"}});
    let round = || {
        [
            empty(202).header("Azure-AsyncOperation", STATUS),
            answer(200, &busy),
        ]
    };
    let script = Script::new((0..6).flat_map(|_| round()));
    let error = put(&script).await.unwrap_err();
    assert!(error.is_busy());
    script.is_used_up();
}

#[tokio::test(start_paused = true)]
async fn deleting_what_is_not_there_is_done() {
    for reply in [empty(204), refusal(404, "ResourceNotFound"), empty(200)] {
        let script = Script::new([reply]);
        assert_eq!(delete(&script).await.unwrap(), None);
    }
    let script = Script::new([refusal(404, "SubscriptionNotFound")]);
    assert!(delete(&script).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_delete_without_headers_waits_until_the_resource_is_gone() {
    let script = Script::new([
        empty(202),
        resource("Failed"),
        resource("ScheduledForDelete"),
        resource("Deleting"),
        refusal(404, "ResourceNotFound"),
    ]);
    assert_eq!(delete(&script).await.unwrap(), None);
    script.is_used_up();

    let script = Script::new([empty(202), resource("Deleting"), resource("Failed")]);
    assert_eq!(
        delete(&script).await.unwrap_err().kind(),
        ErrorKind::OperationFailed
    );
}

#[tokio::test(start_paused = true)]
async fn a_delete_follows_its_location() {
    let script = Script::new([
        empty(202).header("Location", STATUS),
        empty(202),
        empty(204),
    ]);
    assert_eq!(delete(&script).await.unwrap(), None);
    assert_eq!(script.seen().len(), 3, "nothing is left to read");
}

#[tokio::test(start_paused = true)]
async fn an_expired_record_is_replaced_by_a_look_at_the_resource() {
    let script = Script::new([
        empty(202).header("Azure-AsyncOperation", STATUS),
        empty(404),
        resource("Succeeded"),
    ]);
    assert!(put(&script).await.unwrap().is_some());
    let script = Script::new([
        empty(202).header("Location", STATUS),
        empty(410),
        refusal(404, "NotFound"),
    ]);
    assert_eq!(delete(&script).await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn an_action_returns_its_result() {
    let execution = json!({"name": "job-abc"});
    let cases = [
        vec![answer(200, &execution)],
        vec![
            empty(202).header("Location", "/r/1"),
            empty(202),
            answer(200, &execution),
        ],
        vec![
            empty(202)
                .header("Location", "/r/1")
                .header("Azure-AsyncOperation", STATUS),
            status("Running"),
            status("Succeeded"),
            answer(200, &execution),
        ],
    ];
    for replies in cases {
        let script = Script::new(replies);
        let started = client(&script)
            .begin_post(APP, "start", VERSION, None)
            .await
            .unwrap();
        assert_eq!(started.wait().await.unwrap(), Some(execution.clone()));
        script.is_used_up();
    }
}

#[tokio::test(start_paused = true)]
async fn retry_after_rules_the_pace_and_ours_grows() {
    let script = Script::new([
        empty(202)
            .header("Azure-AsyncOperation", STATUS)
            .header("Retry-After", "60"),
        status("InProgress").header("retry-after-ms", "1500"),
        status("InProgress").header("Retry-After", "0"),
        status("InProgress"),
        status("InProgress"),
        status("InProgress"),
        status("Succeeded"),
        resource("Succeeded"),
    ]);
    put(&script).await.unwrap();
    assert_eq!(script.pauses(), [60_000, 1500, 100, 1000, 1500, 2250, 0]);
}

#[tokio::test(start_paused = true)]
async fn our_own_pace_stops_growing_at_15_seconds() {
    let mut replies = vec![empty(202).header("Azure-AsyncOperation", STATUS)];
    replies.extend(vec![status("InProgress"); 12]);
    replies.extend([status("Succeeded"), resource("Succeeded")]);
    let script = Script::new(replies);
    put(&script).await.unwrap();
    assert_eq!(script.pauses()[12], 15_000);
}

#[tokio::test(start_paused = true)]
async fn a_healthy_operation_uses_no_retries_however_long() {
    let mut replies = vec![empty(202).header("Azure-AsyncOperation", STATUS)];
    replies.extend(vec![status("InProgress"); 100]);
    replies.extend([status("Succeeded"), resource("Succeeded")]);
    assert!(put(&Script::new(replies)).await.unwrap().is_some());
}

#[tokio::test(start_paused = true)]
async fn polling_survives_a_broken_connection() {
    let script = Script::new([
        empty(202).header("Azure-AsyncOperation", STATUS),
        Reply::Break(HttpErrorKind::Interrupted),
        empty(503),
        status("Succeeded"),
        resource("Succeeded"),
    ]);
    assert!(put(&script).await.unwrap().is_some());
}

#[tokio::test(start_paused = true)]
async fn the_deadline_gives_one_last_look_and_names_the_state() {
    let mut replies = vec![empty(202).header("Azure-AsyncOperation", STATUS)];
    replies.extend(vec![status("Provisioning").header("Retry-After", "40"); 3]);
    let script = Script::new(replies);
    let operation = client(&script)
        .begin_put(APP, VERSION, &json!({}))
        .await
        .unwrap();
    let error = operation
        .with_deadline(Duration::from_mins(1))
        .wait()
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DeadlineExceeded);
    assert!(
        error
            .to_string()
            .contains("is still `Provisioning` after 60 s"),
        "{error}"
    );
    assert_eq!(script.pauses(), [1000, 40_000, 19_000]);
    script.is_used_up();
}

#[tokio::test(start_paused = true)]
async fn progress_is_reported_with_the_providers_word() {
    let script = Script::new([
        empty(202).header("Azure-AsyncOperation", STATUS),
        answer(200, &json!({"status": "Creating", "percentComplete": 40})),
        status("Succeeded"),
        resource("Succeeded"),
    ]);
    let told = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&told);
    let operation = client(&script)
        .begin_put(APP, VERSION, &json!({}))
        .await
        .unwrap();
    operation
        .on_progress(move |progress: &Progress| sink.lock().unwrap().push(progress.clone()))
        .wait()
        .await
        .unwrap();
    let told = told.lock().unwrap();
    assert_eq!(told.len(), 1);
    assert_eq!(
        (told[0].status.as_str(), told[0].percent),
        ("Creating", Some(40.0))
    );
    assert_eq!(told[0].elapsed, Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn a_polling_url_of_another_host_gets_no_token_and_is_an_error() {
    for header in ["Azure-AsyncOperation", "Location"] {
        let evil = "https://management.azure.com.evil.example/ops?sig=canary";
        let script = Script::new([empty(202).header(header, evil)]);
        let error = put(&script).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Protocol);
        assert!(
            error
                .to_string()
                .contains("`https://management.azure.com.evil.example`")
        );
        assert!(!format!("{error:?} {error}").contains("canary"));
        assert_eq!(script.requests(), [PUT_APP], "nothing was sent there");
    }
    let script = Script::new([empty(202).header("Location", &HOST.replace("https", "http"))]);
    assert_eq!(
        put(&script).await.unwrap_err().kind(),
        ErrorKind::Protocol,
        "not over http"
    );
}
