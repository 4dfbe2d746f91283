//! The transport seam: one request in, one answer out.
//!
//! [`HttpService`] is all that the layers above know of HTTP. [`ReqwestService`] is the real one;
//! an emulator in the process, a recorder or a fault injector are others. An answer of any status
//! is an answer: only a request that got none is an [`HttpError`], and its [`HttpErrorKind`] says
//! whether the server may have acted on it.

mod backoff;
mod headers;
pub mod redact;
mod reqwest;
mod retry;

use std::error::Error as StdError;
use std::fmt;

use ::http::{Request, Response};
use bytes::Bytes;

pub use self::backoff::{Backoff, Random};
pub(crate) use self::headers::text as header_text;
pub use self::headers::{RequestIds, retry_after};
pub use self::reqwest::{ReqwestService, ReqwestServiceBuilder};
pub use self::retry::{Exhausted, RetryBudget, RetryPolicy};

/// Sends one HTTP request and returns its answer.
///
/// Implementations don't retry, don't follow redirects and don't judge statuses.
#[async_trait::async_trait]
pub trait HttpService: fmt::Debug + Send + Sync {
    /// Sends `request` and reads the whole answer.
    ///
    /// # Errors
    ///
    /// When no complete answer arrived. A status of 400 or more is not an error here.
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError>;
}

/// How a request failed to get an answer, and so whether it may be sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HttpErrorKind {
    /// This side refused to send it (plain http to another machine, a malformed URL).
    ///
    /// Not sent; never retried, since it would be refused again.
    Refused,
    /// No connection: name not found, port closed, TLS refused.
    ///
    /// Not sent; retried for every method.
    Connect,
    /// No answer in time.
    ///
    /// May have been acted on; retried when the request is idempotent.
    Timeout,
    /// The connection broke after the request began to be sent, or inside the answer.
    ///
    /// May have been acted on; retried when the request is idempotent.
    Interrupted,
    /// Something answered, but not in HTTP as we understand it.
    ///
    /// May have been acted on; not retried, since the same would be answered again.
    Protocol,
}

impl HttpErrorKind {
    /// Says whether the server may have acted on the request.
    pub fn may_have_been_acted_on(self) -> bool {
        matches!(self, Self::Timeout | Self::Interrupted | Self::Protocol)
    }

    /// Says whether a request that failed like this may be sent again.
    pub fn is_retryable(self, idempotent: bool) -> bool {
        match self {
            Self::Connect => true,
            Self::Timeout | Self::Interrupted => idempotent,
            Self::Refused | Self::Protocol => false,
        }
    }
}

/// A request that got no answer.
///
/// The message never holds a URL's query, a header or a body.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct HttpError {
    kind: HttpErrorKind,
    message: String,
    #[source]
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl HttpError {
    /// Makes an error of `kind`; `message` is a clause without a URL's query.
    pub fn new(kind: HttpErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            source: None,
        }
    }

    /// Adds the cause, which must not hold a URL's query either.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// How it failed.
    pub fn kind(&self) -> HttpErrorKind {
        self.kind
    }
}

/// Says whether `host` (as in a URL, IPv6 in brackets or not) is this machine.
pub(crate) fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare.eq_ignore_ascii_case("localhost")
        || bare
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::{HttpErrorKind, is_loopback};

    #[test]
    fn only_a_failed_connection_is_retried_for_every_method() {
        assert!(HttpErrorKind::Connect.is_retryable(false));
        for kind in [HttpErrorKind::Timeout, HttpErrorKind::Interrupted] {
            assert!(kind.is_retryable(true), "{kind:?}");
            assert!(!kind.is_retryable(false), "{kind:?}");
        }
        for kind in [HttpErrorKind::Refused, HttpErrorKind::Protocol] {
            assert!(!kind.is_retryable(true), "{kind:?}");
        }
    }

    #[test]
    fn names_that_only_look_local_are_not_loopback() {
        for host in [
            "localhost",
            "LOCALHOST",
            "127.0.0.1",
            "127.8.9.1",
            "[::1]",
            "::1",
        ] {
            assert!(is_loopback(host), "{host}");
        }
        for host in [
            "localhost.example.com",
            "127.0.0.1.nip.io",
            "10.0.0.1",
            "::2",
            "",
        ] {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
