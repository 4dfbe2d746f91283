//! The client against a scripted transport, under a paused clock.

mod listing;
mod operations;
mod over_http;
mod retries;
mod secrecy;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ::http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use bytes::Bytes;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{ArmClient, ArmClientBuilder};
use crate::auth::{AccessToken, AuthError, StaticToken, TokenProvider};
use crate::cloud::Cloud;
use crate::http::{HttpError, HttpErrorKind, HttpService, Random, RetryPolicy};

const GROUP: &str = "/subscriptions/s/resourceGroups/rg";
const APP: &str = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.App/containerApps/api";
const VERSION: &str = "2026-01-01";
const HOST: &str = "https://management.azure.com";

/// One scripted answer.
#[derive(Clone, Debug)]
enum Reply {
    Answer {
        status: u16,
        headers: HeaderMap,
        body: String,
    },
    Break(HttpErrorKind),
}

impl Reply {
    fn header(self, name: &str, value: &str) -> Self {
        let Self::Answer {
            status,
            mut headers,
            body,
        } = self
        else {
            return self;
        };
        headers.insert(
            name.parse::<HeaderName>().unwrap(),
            HeaderValue::from_str(value).unwrap(),
        );
        Self::Answer {
            status,
            headers,
            body,
        }
    }
}

/// An answer without a body.
fn empty(status: u16) -> Reply {
    Reply::Answer {
        status,
        headers: HeaderMap::new(),
        body: String::new(),
    }
}

/// An answer with a JSON body.
fn answer(status: u16, body: &Value) -> Reply {
    Reply::Answer {
        status,
        headers: HeaderMap::new(),
        body: body.to_string(),
    }
}

/// A refusal with a code.
fn refusal(status: u16, code: &str) -> Reply {
    answer(status, &json!({"error": {"code": code, "message": "no"}}))
}

/// A resource in a state.
fn resource(state: &str) -> Reply {
    answer(
        200,
        &json!({"id": APP, "properties": {"provisioningState": state}}),
    )
}

/// One request that was seen, and when.
#[derive(Clone, Debug)]
struct Seen {
    method: String,
    uri: String,
    headers: HeaderMap,
    body: Bytes,
    at: Instant,
}

/// Answers requests with its script, in order; a request too many fails the test.
#[derive(Debug, Default)]
struct Script {
    replies: Mutex<VecDeque<Reply>>,
    seen: Mutex<Vec<Seen>>,
}

impl Script {
    fn new(replies: impl IntoIterator<Item = Reply>) -> Arc<Self> {
        Arc::new(Self {
            replies: Mutex::new(replies.into_iter().collect()),
            seen: Mutex::default(),
        })
    }

    fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// `METHOD path?query` of every request.
    fn requests(&self) -> Vec<String> {
        let short = |seen: Seen| format!("{} {}", seen.method, seen.uri.replace(HOST, ""));
        self.seen().into_iter().map(short).collect()
    }

    /// The pauses between requests, in milliseconds.
    fn pauses(&self) -> Vec<u128> {
        let at: Vec<_> = self.seen().iter().map(|seen| seen.at).collect();
        at.windows(2)
            .map(|pair| (pair[1] - pair[0]).as_millis())
            .collect()
    }

    /// Fails the test if a reply was not asked for.
    fn is_used_up(&self) {
        let left = self.replies.lock().unwrap();
        assert!(left.is_empty(), "not asked for: {left:?}");
    }
}

#[async_trait::async_trait]
impl HttpService for Script {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (head, body) = request.into_parts();
        self.seen.lock().unwrap().push(Seen {
            method: head.method.to_string(),
            uri: head.uri.to_string(),
            headers: head.headers,
            body,
            at: Instant::now(),
        });
        let reply = self.replies.lock().unwrap().pop_front();
        match reply.unwrap_or_else(|| panic!("no reply for {} {}", head.method, head.uri)) {
            Reply::Answer {
                status,
                headers,
                body,
            } => {
                let mut response = Response::new(Bytes::from(body));
                *response.status_mut() = status.try_into().unwrap();
                *response.headers_mut() = headers;
                Ok(response)
            }
            Reply::Break(kind) => Err(HttpError::new(kind, "it broke")),
        }
    }
}

/// Retries that pause exactly one second each when the server names no pause.
fn steady_retries() -> RetryPolicy {
    RetryPolicy::default()
        .with_retries(5)
        .with_pauses(Duration::from_secs(1), Duration::from_secs(30))
        .with_random(Random::new(|| 0.0))
}

fn builder(script: &Arc<Script>) -> ArmClientBuilder {
    let transport = Arc::clone(script) as Arc<dyn HttpService>;
    ArmClient::builder(
        Cloud::public(),
        transport,
        Arc::new(StaticToken::new("token-1")),
    )
    .retry(steady_retries())
}

fn client(script: &Arc<Script>) -> ArmClient {
    builder(script).build()
}

/// Gives `token-1`, `token-2`, ... after each invalidation; stays at `last`.
#[derive(Debug)]
struct Renewing {
    number: Mutex<u32>,
    last: u32,
}

impl Renewing {
    fn up_to(last: u32) -> Arc<Self> {
        Arc::new(Self {
            number: Mutex::new(1),
            last,
        })
    }
}

#[async_trait::async_trait]
impl TokenProvider for Renewing {
    async fn token(&self, scope: &str) -> Result<AccessToken, AuthError> {
        assert_eq!(scope, "https://management.azure.com/.default");
        Ok(AccessToken::new(
            format!("token-{}", self.number.lock().unwrap()),
            None,
        ))
    }

    async fn invalidate(&self, _: &str, _: &AccessToken, _: Option<&str>) {
        let mut number = self.number.lock().unwrap();
        *number = (*number + 1).min(self.last);
    }
}
