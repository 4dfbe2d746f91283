//! The client: reads, lists, and the beginnings of writes.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ::http::Method;
use serde_json::Value;
use tokio::time::Instant;

use super::codes;
use super::observer::RequestObserver;
use super::operation::{Operation, PollSchedule};
use super::page;
use super::request::{Answer, Call};
use crate::Error;
use crate::auth::{CachedTokens, TokenProvider};
use crate::cloud::Cloud;
use crate::http::{HttpService, RetryBudget, RetryPolicy};

/// Talks to Azure Resource Manager.
///
/// Cloning is cheap, and clones share connections, tokens and counters. Resources are full ARM
/// ids (`/subscriptions/.../providers/...`), bodies are JSON as Azure has it.
///
/// Writes are `begin_*` methods that return an [`Operation`]; nothing is finished before its
/// [`Operation::wait`] is.
#[derive(Clone)]
pub struct ArmClient(Arc<Shared>);

struct Shared {
    cloud: Cloud,
    transport: Arc<dyn HttpService>,
    tokens: CachedTokens,
    retry: RetryPolicy,
    schedule: PollSchedule,
    observer: Option<Arc<dyn RequestObserver>>,
    requests: AtomicU64,
    /// When the first of the connects failed that no answer has followed yet.
    unconnected: Mutex<Option<Instant>>,
}

impl std::fmt::Debug for ArmClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ArmClient")
            .field("endpoint", &self.0.cloud.endpoint().as_str())
            .field("requests_sent", &self.requests_sent())
            .finish_non_exhaustive()
    }
}

/// Settings of an [`ArmClient`].
#[derive(Debug)]
pub struct ArmClientBuilder {
    cloud: Cloud,
    transport: Arc<dyn HttpService>,
    tokens: Arc<dyn TokenProvider>,
    retry: RetryPolicy,
    schedule: PollSchedule,
    observer: Option<Arc<dyn RequestObserver>>,
}

impl ArmClientBuilder {
    /// Sets how often and how long requests are retried.
    #[must_use]
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.retry = policy;
        self
    }

    /// Sets how often operations are looked at when Azure does not say.
    #[must_use]
    pub fn poll_schedule(mut self, schedule: PollSchedule) -> Self {
        self.schedule = schedule;
        self
    }

    /// Sets who is told of every attempt.
    #[must_use]
    pub fn observer(mut self, observer: Arc<dyn RequestObserver>) -> Self {
        self.observer = Some(observer);
        self
    }

    /// Builds the client.
    pub fn build(self) -> ArmClient {
        ArmClient(Arc::new(Shared {
            cloud: self.cloud,
            transport: self.transport,
            tokens: CachedTokens::new(self.tokens),
            retry: self.retry,
            schedule: self.schedule,
            observer: self.observer,
            requests: AtomicU64::new(0),
            unconnected: Mutex::new(None),
        }))
    }
}

impl ArmClient {
    /// Makes a client with the default settings; it keeps the tokens of `tokens` itself.
    pub fn new(
        cloud: Cloud,
        transport: Arc<dyn HttpService>,
        tokens: Arc<dyn TokenProvider>,
    ) -> Self {
        Self::builder(cloud, transport, tokens).build()
    }

    /// Starts from the default settings.
    pub fn builder(
        cloud: Cloud,
        transport: Arc<dyn HttpService>,
        tokens: Arc<dyn TokenProvider>,
    ) -> ArmClientBuilder {
        ArmClientBuilder {
            cloud,
            transport,
            tokens,
            retry: RetryPolicy::default(),
            schedule: PollSchedule::default(),
            observer: None,
        }
    }

    /// Gets a token once, so that missing credentials are one error before the first request.
    ///
    /// # Errors
    ///
    /// When no credential gives a token; the cause says which were tried, and what to do.
    pub async fn authenticate(&self) -> Result<(), Error> {
        let asked = self.tokens().token(self.cloud().scope()).await;
        let host = self.cloud().endpoint().host_str().unwrap_or_default();
        asked
            .map(drop)
            .map_err(|error| Error::no_token(host, error))
    }

    /// How long connecting has failed, when the last attempt to connect did.
    pub fn unconnected_for(&self) -> Option<Duration> {
        self.unconnected_since().map(|since| since.elapsed())
    }

    /// Reads a resource; `None` when it, its parent or its group does not exist.
    ///
    /// # Errors
    ///
    /// When Azure refuses. That includes the 404s that mean a wrong request: an unknown
    /// subscription, type or api-version, and an endpoint that is not ARM's.
    pub async fn get(&self, id: &str, api_version: &str) -> Result<Option<Value>, Error> {
        self.get_within(id, api_version, &mut self.budget()).await
    }

    pub(crate) async fn get_within(
        &self,
        id: &str,
        api_version: &str,
        budget: &mut RetryBudget,
    ) -> Result<Option<Value>, Error> {
        let call = Call::new(self.cloud(), Method::GET, id, api_version)?;
        let answer = self.send(&call, budget).await?;
        if is_absence(&answer, &call) {
            return Ok(None);
        }
        let answer = success(answer, &call)?;
        let body = answer.json(&call)?;
        body.map(Some).ok_or_else(|| {
            Error::protocol(&call.subject, "was answered without a body")
                .with_ids(answer.ids.clone())
        })
    }

    /// Says whether a resource exists (`HEAD`; resource groups and deployments know it).
    ///
    /// # Errors
    ///
    /// When Azure refuses with anything but 404.
    pub async fn head(&self, id: &str, api_version: &str) -> Result<bool, Error> {
        let call = Call::new(self.cloud(), Method::HEAD, id, api_version)?;
        let answer = self.send(&call, &mut self.budget()).await?;
        if answer.status.as_u16() == 404 {
            return Ok(false);
        }
        success(answer, &call).map(|_| true)
    }

    /// Reads all pages of a list.
    ///
    /// `path` may have a query (`$filter`, `$expand`). Next links are followed as they are, on
    /// this cloud's hosts alone.
    ///
    /// # Errors
    ///
    /// When Azure refuses a page (a missing group is [`Error::is_not_found`]), when a next link
    /// leads to another host or back to a page that was read.
    pub async fn list(&self, path: &str, api_version: &str) -> Result<Vec<Value>, Error> {
        let call = Call::new(self.cloud(), Method::GET, path, api_version)?;
        page::read_all(self, call, &mut self.budget()).await
    }

    /// Creates or replaces a resource.
    ///
    /// # Errors
    ///
    /// When Azure refuses at once; what fails later is an error of [`Operation::wait`].
    pub async fn begin_put(
        &self,
        id: &str,
        api_version: &str,
        body: &Value,
    ) -> Result<Operation, Error> {
        self.begin(Method::PUT, id, api_version, Some(body)).await
    }

    /// Changes parts of a resource.
    ///
    /// # Errors
    ///
    /// When Azure refuses at once.
    pub async fn begin_patch(
        &self,
        id: &str,
        api_version: &str,
        body: &Value,
    ) -> Result<Operation, Error> {
        self.begin(Method::PATCH, id, api_version, Some(body)).await
    }

    /// Deletes a resource; one that does not exist counts as deleted.
    ///
    /// # Errors
    ///
    /// When Azure refuses at once.
    pub async fn begin_delete(&self, id: &str, api_version: &str) -> Result<Operation, Error> {
        self.begin(Method::DELETE, id, api_version, None).await
    }

    /// Starts an action (`<id>/start`, `<id>/restart`); it is sent again only if it was surely
    /// not acted on.
    ///
    /// # Errors
    ///
    /// When Azure refuses at once.
    pub async fn begin_post(
        &self,
        id: &str,
        action: &str,
        api_version: &str,
        body: Option<&Value>,
    ) -> Result<Operation, Error> {
        self.begin(Method::POST, &format!("{id}/{action}"), api_version, body)
            .await
    }

    async fn begin(
        &self,
        method: Method,
        id: &str,
        api_version: &str,
        body: Option<&Value>,
    ) -> Result<Operation, Error> {
        let call = Call::new(self.cloud(), method, id, api_version)?;
        let call = if let Some(body) = body {
            call.with_body(body)
        } else {
            call
        };
        Operation::begin(self.clone(), call, api_version.to_owned(), self.budget()).await
    }

    /// Calls an action that answers at once and changes nothing: `listKeys`, `listSecrets`,
    /// `checkNameAvailability`.
    ///
    /// Its answer is never traced. It may be sent again after a lost answer.
    ///
    /// # Errors
    ///
    /// When Azure refuses or answers without JSON.
    pub async fn post_action(
        &self,
        id: &str,
        action: &str,
        api_version: &str,
        body: Option<&Value>,
    ) -> Result<Value, Error> {
        let path = format!("{id}/{action}");
        let call = Call::new(self.cloud(), Method::POST, &path, api_version)?.idempotent();
        let call = if let Some(body) = body {
            call.with_body(body)
        } else {
            call
        };
        let answer = success(self.send(&call, &mut self.budget()).await?, &call)?;
        let value = answer.json(&call)?;
        value.ok_or_else(|| {
            Error::protocol(&call.subject, "was answered without a body")
                .with_ids(answer.ids.clone())
        })
    }

    /// How many requests were sent, retries and polls included, by this client and its clones.
    pub fn requests_sent(&self) -> u64 {
        self.0.requests.load(Ordering::Relaxed)
    }

    /// The cloud that it talks to.
    pub fn cloud(&self) -> &Cloud {
        &self.0.cloud
    }

    pub(crate) fn count_request(&self) {
        self.0.requests.fetch_add(1, Ordering::Relaxed);
    }

    /// Remembers whether a connection was made; any answer shows that one was.
    pub(crate) fn note_connection(&self, is_connected: bool) {
        let mut since = self
            .0
            .unconnected
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if is_connected {
            *since = None;
        } else {
            since.get_or_insert_with(Instant::now);
        }
    }

    fn unconnected_since(&self) -> Option<Instant> {
        let since = self.0.unconnected.lock();
        *since.unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn transport(&self) -> &dyn HttpService {
        &*self.0.transport
    }

    pub(crate) fn tokens(&self) -> &CachedTokens {
        &self.0.tokens
    }

    pub(crate) fn observer(&self) -> Option<&dyn RequestObserver> {
        self.0.observer.as_deref()
    }

    pub(crate) fn schedule(&self) -> &PollSchedule {
        &self.0.schedule
    }

    pub(crate) fn budget(&self) -> RetryBudget {
        RetryBudget::new(&self.0.retry)
    }
}

/// Says whether an answer is a 404 that means "there is none".
pub(crate) fn is_absence(answer: &Answer, call: &Call) -> bool {
    answer.status.as_u16() == 404
        && answer
            .arm_error(call)
            .is_some_and(|error| codes::is_absence(&error))
}

/// Passes an answer of 2xx on and makes an error of any other.
pub(crate) fn success(answer: Answer, call: &Call) -> Result<Answer, Error> {
    if answer.status.is_success() {
        Ok(answer)
    } else {
        Err(answer.refusal(call, None))
    }
}
