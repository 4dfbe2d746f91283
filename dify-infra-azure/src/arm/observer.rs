//! A window on the requests: for counters, benchmarks and journals.

use std::fmt;
use std::time::Duration;

use ::http::{Method, StatusCode};
use tokio::time::Instant;

/// One attempt of a request, after it ended.
///
/// Two events overlap if the one started before the other ended: that is enough to count
/// sequential round trips.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RequestEvent<'e> {
    /// The method.
    pub method: &'e Method,
    /// Path and query, with unknown query values hidden.
    pub path: &'e str,
    /// The status; `None` when no answer arrived.
    pub status: Option<StatusCode>,
    /// When the attempt started.
    pub started: Instant,
    /// How long it took.
    pub elapsed: Duration,
    /// How many retries the request and its operation had used before this attempt.
    pub retries: u32,
}

/// Is told of every attempt of every request.
///
/// Called on the task that sent the request, so it must be quick.
pub trait RequestObserver: fmt::Debug + Send + Sync {
    /// An attempt ended.
    fn request_ended(&self, event: &RequestEvent<'_>);
}
