//! Faults that tests order, and the server that delivers them.

use std::sync::Arc;

use http::{Method, StatusCode};
use serde_json::json;

use super::support::{
    Client, account_body, app_body, app_path, cache_body, environment_path, group, with_environment,
};
use crate::server::Server;
use crate::{ConnectionReset, Emulator, EmulatorError, FaultKind, RequestMatcher};

#[test]
fn a_fault_meets_the_requests_that_match_and_no_more() {
    let client = Client::with_group();
    let matcher = RequestMatcher::any()
        .method(Method::GET)
        .path_contains("/RESOURCEGROUPS/G");
    client
        .emulator
        .fail_next(matcher, FaultKind::Throttled { retry_after: 7 }, 2);
    assert_eq!(
        client
            .put(&group(""), json!({"location": "japaneast"}))
            .status,
        200
    );
    for _ in 0..2 {
        let reply = client.get(&group(""));
        assert_eq!(
            (reply.status.as_u16(), reply.header("retry-after")),
            (429, Some("7"))
        );
    }
    assert_eq!(client.get(&group("")).status, 200);
    assert_eq!(client.emulator.faults_left(), 0);
    assert_eq!(
        client
            .emulator
            .request_log()
            .iter()
            .filter(|record| record.fault)
            .count(),
        2
    );
}

#[test]
fn each_kind_has_its_answer() {
    let client = Client::with_group();
    let answer = |kind: FaultKind| {
        client.emulator.fail_next(RequestMatcher::any(), kind, 1);
        client.get(&group(""))
    };
    assert_eq!(answer(FaultKind::ServiceUnavailable).status, 503);
    let lock = answer(FaultKind::LockConflict);
    assert_eq!(
        (lock.status.as_u16(), &lock.body["code"]),
        (409, &json!("ContainerAppLockConflict"))
    );
    assert_eq!(
        answer(FaultKind::ExpiredToken).code(),
        "ExpiredAuthenticationToken"
    );
    let status = FaultKind::Status {
        status: StatusCode::IM_A_TEAPOT,
        code: "Tea".to_owned(),
        message: "m".to_owned(),
    };
    assert_eq!(
        (
            answer(status).status.as_u16(),
            client.get(&group("")).status.as_u16()
        ),
        (418, 200)
    );
    let whole = FaultKind::Answer {
        status: StatusCode::OK,
        headers: vec![("X-A".to_owned(), "b".to_owned())],
        body: json!([]),
    };
    assert_eq!(answer(whole).header("x-a"), Some("b"));
}

#[test]
fn a_connection_breaks_before_or_after_the_request_is_carried_out() {
    let client = Client::new(Emulator::new());
    let body = json!({"location": "japaneast"});
    for (kind, before, exists) in [
        (FaultKind::ResetBefore, true, false),
        (FaultKind::ResetAfter, false, true),
    ] {
        client.emulator.fail_next(RequestMatcher::any(), kind, 1);
        let reply = client.put(&group(""), body.clone());
        assert_eq!(reply.extensions.get(), Some(&ConnectionReset { before }));
        assert_eq!(client.get(&group("")).status == 200, exists);
    }
}

#[test]
fn an_accepted_operation_can_fail_in_the_end() {
    let client = with_environment();
    let failure = || FaultKind::FailedOperation {
        code: "OperationFailed".to_owned(),
        message: "no luck".to_owned(),
    };
    client
        .emulator
        .fail_next(RequestMatcher::any(), failure(), 1);
    let reply = client.put(&app_path("api"), app_body());
    assert_eq!(reply.status, 201);
    let poll = client.follow(&app_path("api"), &reply);
    assert_eq!(
        (poll.status.as_u16(), &poll.body["status"]),
        (200, &json!("Failed"))
    );
    assert_eq!(poll.body["error"]["code"], "OperationFailed");
    assert_eq!(client.get(&app_path("api")).state(), "Failed");
    client.create(&app_path("api"), app_body());
    assert_eq!(
        client.get(&app_path("api")).state(),
        "Succeeded",
        "and can be tried again"
    );

    let cache = group("/providers/Microsoft.Cache/redisEnterprise/cache-one");
    client
        .emulator
        .fail_next(RequestMatcher::any(), failure(), 1);
    client.put(&cache, cache_body());
    client.settle();
    let body = client.get(&cache).body;
    assert_eq!(body["properties"]["resourceState"], "CreateFailed");

    let account = group("/providers/Microsoft.Storage/storageAccounts/accountone");
    client
        .emulator
        .fail_next(RequestMatcher::any(), failure(), 1);
    let reply = client.put(&account, account_body());
    assert_eq!(
        client.follow("", &reply).code(),
        "OperationFailed",
        "a Location answers with the error"
    );
}

#[test]
fn a_refused_request_does_not_hand_its_failure_to_the_next_one() {
    let client = with_environment();
    let failure = FaultKind::FailedOperation {
        code: "X".to_owned(),
        message: "m".to_owned(),
    };
    client.emulator.fail_next(RequestMatcher::any(), failure, 1);
    assert_eq!(client.put(&app_path("Bad"), app_body()).status, 400);
    client.create(&app_path("api"), app_body());
    assert_eq!(client.get(&app_path("api")).state(), "Succeeded");
}

#[test]
fn short_waits_are_told_in_milliseconds_too() {
    let client = Client::new(Emulator::builder().time_scale(1000.0).build().unwrap());
    client.make_group();
    let reply = client.put(
        &group("/providers/Microsoft.Storage/storageAccounts/accountone"),
        account_body(),
    );
    assert_eq!(reply.header("retry-after"), Some("1"));
    let millis: u64 = reply.header("retry-after-ms").unwrap().parse().unwrap();
    assert!((5..1000).contains(&millis), "{millis}");
    client.wait(0.04);
    assert_eq!(client.get(reply.header("location").unwrap()).status, 200);
    let slow = with_environment();
    let reply = slow.patch(&environment_path(), json!({"tags": {}}));
    assert!(reply.header("retry-after-ms").is_none());
}

#[test]
fn what_is_still_running_says_when_to_look_again() {
    let client = Client::new(Emulator::builder().time_scale(1000.0).build().unwrap());
    client.make_group();
    let cache = group("/providers/Microsoft.Cache/redisEnterprise/cache-one");
    let reply = client.put(&cache, cache_body());
    assert!(reply.header("retry-after-ms").is_some());
    assert!(client.get(&cache).header("retry-after-ms").is_some());
    let busy = client.put(&cache, cache_body());
    assert_eq!(
        (busy.status.as_u16(), busy.header("retry-after")),
        (409, Some("1"))
    );
    client.settle();
    assert!(client.get(&cache).header("retry-after-ms").is_none());
    let real = with_environment();
    real.put(&app_path("api"), app_body());
    assert!(
        real.put(&app_path("api"), app_body())
            .header("retry-after")
            .is_none()
    );
}

#[test]
fn options_that_make_no_sense_are_refused() {
    for scale in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let error = Emulator::builder().time_scale(scale).build().unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("the option time_scale can't be"),
            "{error}"
        );
    }
    assert!(Emulator::builder().page_size(0).build().is_err());
}

/// Sends one raw request over a socket and returns all that comes back.
async fn exchange(address: std::net::SocketAddr, request: &str) -> String {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // a cut connection may also show as an error: what came before it is what counts
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn the_server_answers_on_loopback_and_cuts_connections() {
    let emulator = Arc::new(Emulator::new());
    let server = Server::bind(Arc::clone(&emulator), ([127, 0, 0, 1], 0).into())
        .await
        .unwrap();
    let address = server.local_address();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = tokio::spawn(server.serve_until(async { stopped.await.unwrap_or(()) }));
    let request = format!(
        "PUT {}?api-version=2025-04-01 HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer x\r\n\
         connection: close\r\ncontent-length: 24\r\n\r\n{{\"location\":\"japaneast\"}}",
        group("")
    );
    assert!(
        exchange(address, &request)
            .await
            .starts_with("HTTP/1.1 201")
    );
    let delete = format!(
        "DELETE {}?api-version=2025-04-01 HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer x\r\n\
         connection: close\r\n\r\n",
        group("")
    );
    emulator.fail_next(RequestMatcher::any(), FaultKind::ResetBefore, 1);
    assert_eq!(exchange(address, &delete).await, "");
    let answer = exchange(address, &delete).await;
    assert!(
        answer.contains(&format!("location: http://{address}/subscriptions/")),
        "{answer}"
    );
    stop.send(()).unwrap();
    serving.await.unwrap();
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn the_server_listens_to_this_machine_alone() {
    let error = Server::bind(Arc::new(Emulator::new()), ([0, 0, 0, 0], 0).into())
        .await
        .unwrap_err();
    assert!(matches!(error, EmulatorError::NotLoopback { .. }));
}
