//! What is sent again, when, and what is not.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::{
    APP, GROUP, Renewing, Reply, Script, VERSION, answer, builder, client, empty, refusal,
    resource, steady_retries,
};
use crate::ErrorKind;
use crate::arm::{ArmClient, RequestEvent, RequestObserver};
use crate::auth::{AccessToken, AuthError, AuthErrorKind, TokenProvider};
use crate::cloud::Cloud;
use crate::http::{HttpErrorKind, HttpService, RetryPolicy};

#[tokio::test(start_paused = true)]
async fn retries_the_statuses_that_pass() {
    for status in [408, 429, 500, 502, 503, 504] {
        let script = Script::new([refusal(status, "X"), resource("Succeeded")]);
        assert!(
            client(&script).get(APP, VERSION).await.unwrap().is_some(),
            "{status}"
        );
        assert_eq!(script.pauses(), [1000], "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn does_not_retry_the_statuses_that_stay() {
    for status in [400, 403, 405, 412, 422, 501, 505] {
        let script = Script::new([refusal(status, "X")]);
        let error = client(&script).get(APP, VERSION).await.unwrap_err();
        assert_eq!(error.status(), Some(status));
        assert_eq!(script.seen().len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn keeps_the_servers_wait_in_every_form() {
    let script = Script::new([
        empty(429).header("Retry-After", "17"),
        empty(503).header("x-ms-retry-after-ms", "250"),
        empty(503).header("retry-after-ms", "40"),
        empty(429)
            .header("Date", "Wed, 21 Oct 2026 07:28:00 GMT")
            .header("Retry-After", "Wed, 21 Oct 2026 07:29:05 GMT"),
        resource("Succeeded"),
    ]);
    client(&script).get(APP, VERSION).await.unwrap();
    assert_eq!(script.pauses(), [17_000, 250, 40, 65_000]);
}

#[tokio::test(start_paused = true)]
async fn retries_what_is_busy_for_every_method() {
    for code in [
        "ContainerAppLockConflict",
        "ManagedEnvironmentOperationInProgress",
        "MaintenanceConfigurationLockConflict",
        "ServerIsBusy",
        "ServerBusy",
        "AnotherOperationInProgress",
        "RetryableErrorDueToAnotherOperation",
    ] {
        let script = Script::new([
            refusal(409, code),
            refusal(400, code),
            answer(200, &json!({})),
        ]);
        let arm = client(&script);
        arm.begin_post(APP, "restart", VERSION, None)
            .await
            .unwrap()
            .wait()
            .await
            .unwrap();
        assert_eq!(script.seen().len(), 3, "{code}");
    }
}

#[tokio::test(start_paused = true)]
async fn busy_is_found_inside_a_message() {
    let inner = json!({"code": "ContainerAppLockConflict", "message": "Please retry."});
    let outer = json!({"error": {"code": "Conflict", "message": inner.to_string()}});
    let script = Script::new([answer(409, &outer), answer(200, &json!({}))]);
    client(&script)
        .begin_post(APP, "stop", VERSION, None)
        .await
        .unwrap()
        .wait()
        .await
        .unwrap();
    assert_eq!(script.seen().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_lock_that_a_person_set_is_not_retried() {
    let script = Script::new([refusal(409, "ScopeLocked")]);
    let error = client(&script)
        .begin_delete(APP, VERSION)
        .await
        .unwrap_err();
    assert!(error.is_locked() && !error.is_busy());
    assert!(error.hint().unwrap().contains("az lock list"), "{error:?}");
    assert_eq!(script.seen().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn other_conflicts_are_not_retried() {
    let script = Script::new([refusal(409, "StorageAccountAlreadyTaken")]);
    let error = client(&script)
        .begin_put(APP, VERSION, &json!({}))
        .await
        .unwrap_err();
    assert!(error.is_name_taken());
    assert_eq!(error.kind(), ErrorKind::Conflict);
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_is_retried_only_if_twice_is_once() {
    for kind in [HttpErrorKind::Timeout, HttpErrorKind::Interrupted] {
        let script = Script::new([Reply::Break(kind), resource("Succeeded")]);
        client(&script).get(APP, VERSION).await.unwrap();

        let script = Script::new([Reply::Break(kind)]);
        let error = client(&script)
            .begin_post(APP, "start", VERSION, None)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Transport);
        assert!(
            error.to_string().contains("may have been acted on"),
            "{error}"
        );

        let script = Script::new([Reply::Break(kind), answer(200, &json!({"keys": []}))]);
        client(&script)
            .post_action(APP, "listKeys", VERSION, None)
            .await
            .unwrap();
    }
    let script = Script::new([
        Reply::Break(HttpErrorKind::Connect),
        answer(200, &json!({})),
    ]);
    client(&script)
        .begin_post(APP, "start", VERSION, None)
        .await
        .unwrap()
        .wait()
        .await
        .unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_read_without_a_connection_is_given_up_soon() {
    let script = Script::new(vec![Reply::Break(HttpErrorKind::Connect); 5]);
    let arm = builder(&script)
        .retry(steady_retries().with_retries(20))
        .build();
    let started = tokio::time::Instant::now();
    let error = arm.get(APP, VERSION).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Transport);
    assert!(
        error.to_string().contains("without a connection"),
        "{error}"
    );
    assert_eq!(script.seen().len(), 5);
    assert!(started.elapsed() <= Duration::from_secs(15));
    assert!(arm.unconnected_for().is_some());
}

#[tokio::test(start_paused = true)]
async fn reads_that_are_throttled_and_writes_keep_the_whole_budget() {
    for status in [429, 503] {
        let script = Script::new(vec![refusal(status, "X"); 21]);
        let arm = builder(&script)
            .retry(steady_retries().with_retries(20))
            .build();
        arm.get(APP, VERSION).await.unwrap_err();
        assert_eq!(script.seen().len(), 21, "{status}");
        assert_eq!(arm.unconnected_for(), None);
    }
    let script = Script::new(vec![Reply::Break(HttpErrorKind::Connect); 21]);
    let arm = builder(&script)
        .retry(steady_retries().with_retries(20))
        .build();
    arm.begin_delete(APP, VERSION).await.unwrap_err();
    assert_eq!(script.seen().len(), 21);
}

#[derive(Debug)]
struct NoToken;

#[async_trait::async_trait]
impl TokenProvider for NoToken {
    async fn token(&self, _: &str) -> Result<AccessToken, AuthError> {
        let error = AuthError::new(AuthErrorKind::Unavailable, "Azure CLI", "no `az` here");
        Err(error.with_remedy("run `az login`"))
    }

    async fn invalidate(&self, _: &str, _: &AccessToken, _: Option<&str>) {}
}

#[tokio::test]
async fn missing_credentials_are_found_before_any_request() {
    let script = Script::new([]);
    let transport = Arc::clone(&script) as Arc<dyn HttpService>;
    let arm = ArmClient::new(Cloud::public(), transport, Arc::new(NoToken));
    let error = arm.authenticate().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Authentication);
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.contains("run `az login`"), "{cause}");
    assert!(script.seen().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_server_error_does_not_start_a_job_twice() {
    for status in [408, 500, 502, 503, 504] {
        let script = Script::new([refusal(status, "X")]);
        assert!(
            client(&script)
                .begin_post(APP, "start", VERSION, None)
                .await
                .is_err()
        );
        assert_eq!(script.seen().len(), 1, "{status}");
    }
    let script = Script::new([empty(429), answer(200, &json!({}))]);
    client(&script)
        .begin_post(APP, "start", VERSION, None)
        .await
        .unwrap()
        .wait()
        .await
        .unwrap();
    assert_eq!(script.seen().len(), 2, "429 was not acted on");
}

#[tokio::test(start_paused = true)]
async fn gives_up_when_the_retries_are_used() {
    let script = Script::new(vec![refusal(503, "ServiceUnavailable"); 6]);
    let error = client(&script).get(APP, VERSION).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Service);
    assert_eq!(
        error.to_string(),
        "GET containerApps/api in resource group `rg` failed with 503 ServiceUnavailable: no \
         (gave up after 5 retries)"
    );
    script.is_used_up();
}

#[tokio::test(start_paused = true)]
async fn gives_up_at_once_when_the_wait_does_not_fit() {
    let script = Script::new([empty(429).header("Retry-After", "3600")]);
    let arm = builder(&script)
        .retry(steady_retries().with_total(Duration::from_mins(10)))
        .build();
    let before = tokio::time::Instant::now();
    let error = arm.get(APP, VERSION).await.unwrap_err();
    assert!(error.is_throttled());
    assert!(
        error.to_string().contains("the next pause would be 3600 s"),
        "{error}"
    );
    assert!(before.elapsed() < Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn one_budget_serves_the_request_and_its_polling() {
    let status = format!("{}/ops/1?api-version=1", super::HOST);
    let script = Script::new([
        refusal(409, "ServerIsBusy"),
        refusal(409, "ServerIsBusy"),
        empty(202).header("Azure-AsyncOperation", &status),
        empty(503),
        empty(503),
        empty(503),
        empty(503),
    ]);
    let operation = client(&script)
        .begin_put(APP, VERSION, &json!({}))
        .await
        .unwrap();
    let error = operation.wait().await.unwrap_err();
    assert!(
        error.to_string().contains("gave up after 5 retries"),
        "{error}"
    );
    script.is_used_up();
}

#[tokio::test(start_paused = true)]
async fn one_id_names_all_attempts_of_a_request() {
    let script = Script::new([empty(500), resource("Succeeded"), resource("Succeeded")]);
    let arm = client(&script);
    arm.get(APP, VERSION).await.unwrap();
    arm.get(APP, VERSION).await.unwrap();
    let ids: Vec<_> = script
        .seen()
        .iter()
        .map(|seen| seen.headers["x-ms-client-request-id"].clone())
        .collect();
    assert_eq!(ids[0], ids[1]);
    assert_ne!(ids[1], ids[2]);
    assert!(uuid::Uuid::parse_str(ids[0].to_str().unwrap()).is_ok());
    assert_eq!(
        script.seen()[0].headers["x-ms-return-client-request-id"],
        "true"
    );
}

fn renewing(script: &Arc<Script>, last: u32) -> ArmClient {
    let transport = Arc::clone(script) as Arc<dyn HttpService>;
    ArmClient::builder(Cloud::public(), transport, Renewing::up_to(last))
        .retry(RetryPolicy::none())
        .build()
}

#[tokio::test(start_paused = true)]
async fn a_refused_token_is_renewed_once() {
    let script = Script::new([
        refusal(401, "ExpiredAuthenticationToken"),
        resource("Succeeded"),
    ]);
    renewing(&script, 9).get(APP, VERSION).await.unwrap();
    let tokens: Vec<_> = script
        .seen()
        .iter()
        .map(|seen| seen.headers["authorization"].clone())
        .collect();
    assert_eq!(tokens, ["Bearer token-1", "Bearer token-2"]);
}

#[tokio::test(start_paused = true)]
async fn a_token_refused_twice_is_an_error_with_a_remedy() {
    let code = "InvalidAuthenticationTokenTenant";
    let script = Script::new([refusal(401, code), refusal(401, code)]);
    let error = renewing(&script, 9).get(APP, VERSION).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Authentication);
    assert!(error.hint().unwrap().contains("az login --tenant"));
    script.is_used_up();
}

#[tokio::test(start_paused = true)]
async fn the_same_token_is_not_tried_again() {
    let script = Script::new([refusal(401, "InvalidAuthenticationToken")]);
    assert!(
        renewing(&script, 1)
            .get(APP, VERSION)
            .await
            .unwrap_err()
            .is_denied()
    );
}

#[tokio::test(start_paused = true)]
async fn absence_is_told_from_a_wrong_request() {
    for code in [
        "ResourceNotFound",
        "ResourceGroupNotFound",
        "ParentResourceNotFound",
    ] {
        let script = Script::new([refusal(404, code)]);
        assert_eq!(
            client(&script).get(APP, VERSION).await.unwrap(),
            None,
            "{code}"
        );
    }
    for code in [
        "SubscriptionNotFound",
        "InvalidResourceType",
        "NoRegisteredProviderFound",
    ] {
        let script = Script::new([refusal(404, code)]);
        let error = client(&script).get(APP, VERSION).await.unwrap_err();
        assert_eq!(error.code(), Some(code));
        assert!(!error.is_not_found());
        assert!(error.hint().is_some(), "{code}");
    }
    let script = Script::new([Reply::Answer {
        status: 404,
        headers: ::http::HeaderMap::new(),
        body: "<html>Not Found</html>".to_owned(),
    }]);
    let error = client(&script).get(APP, VERSION).await.unwrap_err();
    assert!(
        error.to_string().contains("without an error of Azure"),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn head_is_a_yes_or_no() {
    let script = Script::new([empty(204), empty(404), refusal(403, "AuthorizationFailed")]);
    let arm = client(&script);
    assert!(arm.head(GROUP, VERSION).await.unwrap());
    assert!(!arm.head(GROUP, VERSION).await.unwrap());
    assert!(arm.head(GROUP, VERSION).await.unwrap_err().is_denied());
}

#[tokio::test(start_paused = true)]
async fn an_error_keeps_the_ids_for_support() {
    let script = Script::new([refusal(403, "AuthorizationFailed")
        .header("x-ms-request-id", "r-1")
        .header("x-ms-correlation-request-id", "c-1")]);
    let error = client(&script).get(APP, VERSION).await.unwrap_err();
    assert_eq!(error.request_id(), Some("r-1"));
    assert_eq!(error.correlation_id(), Some("c-1"));
}

#[derive(Debug, Default)]
struct Log(std::sync::Mutex<Vec<String>>);

impl RequestObserver for Log {
    fn request_ended(&self, event: &RequestEvent<'_>) {
        let status = event.status.map(|status| status.as_u16());
        let line = format!(
            "{} {} {status:?} {}",
            event.method, event.path, event.retries
        );
        self.0.lock().unwrap().push(line);
    }
}

#[tokio::test(start_paused = true)]
async fn every_attempt_is_counted_and_observed() {
    let script = Script::new([
        Reply::Break(HttpErrorKind::Connect),
        empty(500),
        resource("Succeeded"),
    ]);
    let log = Arc::new(Log::default());
    let arm = builder(&script).observer(Arc::clone(&log) as _).build();
    arm.clone().get("/a?sig=canary&$top=1", "1").await.unwrap();
    assert_eq!(arm.requests_sent(), 3);
    assert_eq!(
        *log.0.lock().unwrap(),
        [
            "GET /a?sig=REDACTED&$top=1&api-version=1 None 0",
            "GET /a?sig=REDACTED&$top=1&api-version=1 Some(500) 1",
            "GET /a?sig=REDACTED&$top=1&api-version=1 Some(200) 2",
        ]
    );
}
