//! The same through real sockets: client, reqwest, a server on this machine.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use wiremock::matchers::{body_json, header, method, path, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::{APP, VERSION};
use crate::ErrorKind;
use crate::arm::{ArmClient, PollSchedule};
use crate::auth::StaticToken;
use crate::cloud::Cloud;
use crate::http::{ReqwestService, RetryPolicy};

fn client(endpoint: &str) -> ArmClient {
    let moment = Duration::from_millis(1);
    ArmClient::builder(
        Cloud::custom(endpoint).unwrap(),
        Arc::new(ReqwestService::new().unwrap()),
        Arc::new(StaticToken::new("token-1")),
    )
    .retry(
        RetryPolicy::default()
            .with_retries(3)
            .with_pauses(moment, moment),
    )
    .poll_schedule(PollSchedule::new(Duration::ZERO, moment, moment))
    .build()
}

#[tokio::test]
async fn a_put_is_retried_polled_and_read_back() {
    let server = MockServer::start().await;
    let body = json!({"location": "japaneast"});
    let put = || {
        Mock::given(method("PUT"))
            .and(path(APP))
            .and(query_param("api-version", VERSION))
            .and(header("authorization", "Bearer token-1"))
            .and(header("content-type", "application/json"))
            .and(body_json(&body))
    };
    let status = format!("{}/ops/1?api-version=x", server.uri());
    put()
        .respond_with(ResponseTemplate::new(429).insert_header("x-ms-retry-after-ms", "1"))
        .up_to_n_times(1)
        .mount(&server)
        .await;
    put()
        .respond_with(ResponseTemplate::new(201).insert_header("Azure-AsyncOperation", status))
        .mount(&server)
        .await;
    for (state, times) in [("InProgress", 2), ("Succeeded", 1)] {
        Mock::given(path("/ops/1"))
            .and(header("authorization", "Bearer token-1"))
            .respond_with(ResponseTemplate::new(200).set_body_json(json!({"status": state})))
            .up_to_n_times(times)
            .expect(times)
            .mount(&server)
            .await;
    }
    Mock::given(method("GET"))
        .and(path(APP))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({"id": APP})))
        .expect(1)
        .mount(&server)
        .await;
    let arm = client(&server.uri());
    let operation = arm.begin_put(APP, VERSION, &body).await.unwrap();
    assert_eq!(operation.wait().await.unwrap(), Some(json!({"id": APP})));
    assert_eq!(arm.requests_sent(), 6);
}

#[tokio::test]
async fn the_token_never_reaches_another_host() {
    let server = MockServer::start().await;
    let other = MockServer::start().await;
    for (verb, name) in [("PUT", "azure-asyncoperation"), ("DELETE", "location")] {
        Mock::given(method(verb))
            .respond_with(ResponseTemplate::new(202).insert_header(name, other.uri()))
            .mount(&server)
            .await;
    }
    let page = json!({"value": [], "nextLink": other.uri()});
    Mock::given(method("GET"))
        .respond_with(ResponseTemplate::new(200).set_body_json(page))
        .mount(&server)
        .await;
    let redirect = ResponseTemplate::new(307).insert_header("location", other.uri());
    Mock::given(method("POST"))
        .respond_with(redirect)
        .mount(&server)
        .await;
    let arm = client(&server.uri());
    let put = arm
        .begin_put(APP, VERSION, &json!({}))
        .await
        .unwrap()
        .wait()
        .await;
    let delete = arm.begin_delete(APP, VERSION).await.unwrap().wait().await;
    let list = arm.list("/subscriptions", VERSION).await;
    for error in [put.unwrap_err(), delete.unwrap_err(), list.unwrap_err()] {
        assert_eq!(error.kind(), ErrorKind::Protocol, "{error}");
        assert!(
            error.to_string().contains("the token is not sent there"),
            "{error}"
        );
    }
    let error = arm
        .post_action(APP, "listKeys", VERSION, None)
        .await
        .unwrap_err();
    assert_eq!(error.status(), Some(307));
    let reached = other.received_requests().await.unwrap();
    assert!(
        reached
            .iter()
            .all(|request| !request.headers.contains_key("authorization"))
    );
    assert!(reached.is_empty(), "no request at all");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_a_sentence() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let endpoint = format!("http://{address}");
    drop(listener);
    let error = client(&endpoint).get(APP, VERSION).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Transport);
    assert_eq!(
        error.to_string(),
        "GET containerApps/api in resource group `rg` was not sent (gave up after 3 retries)"
    );
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(
        cause,
        format!("could not connect to `{address}`: nothing listens there")
    );
}
