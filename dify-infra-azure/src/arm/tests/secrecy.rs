//! A canary in every place where a secret can be appears in no text that leaves.

use std::error::Error as StdError;
use std::io::Write;
use std::sync::{Arc, Mutex};

use serde_json::json;
use tracing_subscriber::fmt::MakeWriter;

use super::{APP, Reply, Script, VERSION, answer, builder, empty, refusal};
use crate::Error;
use crate::arm::ArmClient;
use crate::auth::StaticToken;
use crate::cloud::Cloud;
use crate::http::{HttpService, RetryPolicy};

const CANARY: &str = "canary-9f3b";

/// Collects what tracing writes.
#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'w> MakeWriter<'w> for Sink {
    type Writer = Self;

    fn make_writer(&'w self) -> Self {
        self.clone()
    }
}

impl Sink {
    /// Collects everything of this thread, down to the last trace, until the guards are dropped.
    ///
    /// Tests run in threads, and while there is just one subscriber, tracing asks the thread that
    /// first reaches a call site, which may have none, and remembers "never" for all. The second
    /// one, which hears nothing, ends that.
    fn listen(&self) -> (tracing::Dispatch, tracing::subscriber::DefaultGuard) {
        let second = tracing::Dispatch::new(tracing_subscriber::registry());
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_writer(self.clone())
            .with_ansi(false)
            .finish();
        (second, tracing::subscriber::set_default(subscriber))
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

/// Everything that an error can be turned into.
fn all_texts(error: &Error) -> String {
    let mut text = format!("{error} {error:?} {error:#?} {:?}", error.hint());
    let mut source = error.source();
    while let Some(error) = source {
        text.extend([error.to_string(), format!("{error:?}")]);
        source = error.source();
    }
    text
}

fn client(script: &Arc<Script>) -> ArmClient {
    let transport = Arc::clone(script) as Arc<dyn HttpService>;
    let token = Arc::new(StaticToken::new(format!("{CANARY}-token")));
    ArmClient::builder(Cloud::public(), transport, token)
        .retry(RetryPolicy::none())
        .build()
}

#[tokio::test(start_paused = true)]
async fn tracing_shows_the_requests_and_no_secret() {
    let sink = Sink::default();
    let guards = sink.listen();
    let status = format!("{}/ops?t={CANARY}&api-version=1", super::HOST);
    let script = Script::new([
        empty(202)
            .header("Azure-AsyncOperation", &status)
            .header("x-ms-token", CANARY),
        answer(200, &json!({"status": "Succeeded", "note": CANARY})),
        answer(200, &json!({"properties": {"key": CANARY}})),
        answer(200, &json!({"keys": [{"value": CANARY}]})),
        answer(
            400,
            &json!({"error": {"code": "Bad", "message": CANARY}, "x": CANARY}),
        ),
    ]);
    let arm = client(&script);
    let body = json!({"properties": {"administratorLoginPassword": CANARY}});
    arm.begin_put(APP, VERSION, &body)
        .await
        .unwrap()
        .wait()
        .await
        .unwrap();
    arm.post_action(APP, "listKeys", VERSION, None)
        .await
        .unwrap();
    arm.get(&format!("/a?sig={CANARY}"), VERSION)
        .await
        .unwrap_err();
    drop(guards);
    let text = sink.text();
    assert!(text.contains("http.response.status_code=400"), "{text}");
    assert!(
        text.contains("url.full=\"https://management.azure.com/ops?t=REDACTED"),
        "{text}"
    );
    assert!(text.contains("refused"), "{text}");
    assert!(!text.contains(CANARY), "{text}");
}

#[tokio::test(start_paused = true)]
async fn an_error_that_quotes_the_body_is_scrubbed() {
    let escaped = json!({"code": "Inner", "message": format!("value '{CANARY}\"x' is bad")});
    let quoting = [
        json!({"error": {"code": "InvalidRequestContent",
            "message": format!("Error converting value \"{CANARY}\"x\" to type"),
            "target": format!("{CANARY}\"x"), "details": [{"code": "A",
            "message": format!("{CANARY}%22x")}]}}),
        json!({"error": {"code": "Conflict", "message": escaped.to_string()}}),
    ];
    let secret = format!("{CANARY}\"x");
    let body = json!({"properties": {"configuration": {"secrets": [
        {"name": "db-password", "value": secret}]}}});
    for quote in quoting {
        let script = Script::new([answer(400, &quote)]);
        let error = client(&script)
            .begin_put(APP, VERSION, &body)
            .await
            .unwrap_err();
        assert!(!all_texts(&error).contains(CANARY), "{error:?}");
        assert!(error.to_string().contains("REDACTED"), "{error}");

        let failed = json!({"status": "Failed", "error": quote["error"]});
        let status = format!("{}/ops", super::HOST);
        let script = Script::new([
            empty(202).header("Azure-AsyncOperation", &status),
            answer(200, &failed),
        ]);
        let operation = client(&script)
            .begin_put(APP, VERSION, &body)
            .await
            .unwrap();
        assert!(!format!("{operation:?}").contains(CANARY));
        let error = operation.wait().await.unwrap_err();
        assert!(!all_texts(&error).contains(CANARY), "{error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_that_is_sent_back_is_scrubbed() {
    let script = Script::new([answer(
        401,
        &json!({"error": {"code": "InvalidAuthenticationToken",
            "message": format!("The token '{CANARY}-token' is invalid")}}),
    )]);
    let error = client(&script).get(APP, VERSION).await.unwrap_err();
    assert!(!all_texts(&error).contains(CANARY), "{error:?}");
    assert!(error.to_string().contains("REDACTED"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_not_json_is_not_quoted() {
    for status in [200, 502] {
        let script = Script::new([Reply::Answer {
            status,
            headers: ::http::HeaderMap::new(),
            body: format!("<html>{CANARY}</html>"),
        }]);
        let error = client(&script).get(APP, VERSION).await.unwrap_err();
        assert!(!all_texts(&error).contains(CANARY), "{error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn queries_are_in_no_error() {
    let script = Script::new([refusal(400, "Bad")]);
    let path = format!("/subscriptions/s/resources?sig={CANARY}");
    let error = client(&script).list(&path, VERSION).await.unwrap_err();
    assert!(!all_texts(&error).contains(CANARY), "{error:?}");
    let error = client(&script)
        .get(&format!("/a/../b?sig={CANARY}"), VERSION)
        .await
        .unwrap_err();
    assert!(!all_texts(&error).contains(CANARY), "{error:?}");
}

#[tokio::test]
async fn nothing_in_debug_holds_a_token() {
    let script = Script::new([]);
    let arm = client(&script);
    assert!(!format!("{arm:?} {arm:#?} {:?}", builder(&script)).contains(CANARY));
}

#[tokio::test]
async fn a_missing_token_has_the_credentials_own_sentence_as_its_cause() {
    let script = Script::new([]);
    let transport = Arc::clone(&script) as Arc<dyn HttpService>;
    let arm = ArmClient::new(Cloud::public(), transport, Arc::new(StaticToken::new("")));
    let error = arm.get(APP, VERSION).await.unwrap_err();
    assert!(error.is_denied());
    assert!(
        error
            .to_string()
            .ends_with("was not sent, for want of a token"),
        "{error}"
    );
    let cause = error.source().unwrap().to_string();
    assert!(cause.contains("az account get-access-token"), "{cause}");
}

fn is_send<T: Send>(_: &T) {}

#[test]
fn what_a_caller_holds_can_be_sent_between_threads() {
    let script = Script::new([]);
    let arm = client(&script);
    let body = json!({});
    is_send(&arm);
    is_send(&async { arm.begin_put(APP, VERSION, &body).await?.wait().await });
}
