//! An Azure in the process: the emulator as the transport of the real client.
//!
//! The client is the one that talks to Azure; only the transport below it differs. Time is that of
//! tokio's clock, so a test that pauses the clock sees a deployment of ten minutes in a moment.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use dify_infra_azure::arm::{ArmClient, ArmClientBuilder};
use dify_infra_azure::auth::StaticToken;
use dify_infra_azure::cloud::{Cloud, CloudError};
use dify_infra_azure::http::{HttpError, HttpErrorKind, HttpService};
use dify_infra_emulator::{ConnectionReset, Emulator};
use http::{Request, Response};
use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

/// Where the embedded Azure seems to be; nothing listens there.
const ENDPOINT: &str = "https://azure.invalid";

/// An emulator that is asked without a socket.
#[derive(Debug)]
pub struct EmbeddedAzure {
    emulator: Arc<Emulator>,
    began: Instant,
    latency: Duration,
}

impl EmbeddedAzure {
    /// Starts the clock of an emulator; it shows 1970 at first.
    pub fn new(emulator: Arc<Emulator>) -> Self {
        Self {
            emulator,
            began: Instant::now(),
            latency: Duration::ZERO,
        }
    }

    /// Lets every answer take this long.
    #[must_use]
    pub fn with_latency(mut self, latency: Duration) -> Self {
        self.latency = latency;
        self
    }

    /// An Azure of its own in the state that this one is in, at the same moment.
    #[must_use]
    pub fn fork(&self) -> Self {
        Self {
            emulator: Arc::new(self.emulator.fork()),
            began: self.began,
            latency: self.latency,
        }
    }

    /// The emulator, for a look at what is in it.
    pub fn emulator(&self) -> &Emulator {
        &self.emulator
    }

    /// What its clock shows.
    pub fn now(&self) -> Timestamp {
        let elapsed = SignedDuration::try_from(self.began.elapsed()).unwrap_or(SignedDuration::MAX);
        Timestamp::UNIX_EPOCH
            .saturating_add(elapsed)
            .unwrap_or(Timestamp::MAX)
    }

    /// One way of a request.
    async fn travel(&self) {
        if !self.latency.is_zero() {
            tokio::time::sleep(self.latency / 2).await;
        }
    }
}

#[async_trait::async_trait]
impl HttpService for EmbeddedAzure {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        self.travel().await;
        let response = self.emulator.handle(self.now(), request);
        self.travel().await;
        if response.extensions().get::<ConnectionReset>().is_some() {
            let message = "the embedded Azure broke the connection";
            return Err(HttpError::new(HttpErrorKind::Interrupted, message));
        }
        Ok(response)
    }
}

/// A client of an embedded Azure, or of whatever stands before one.
///
/// # Errors
///
/// Never in practice: the address of the embedded Azure is a good one.
pub fn client(transport: Arc<dyn HttpService>) -> Result<ArmClient, CloudError> {
    Ok(client_builder(transport)?.build())
}

/// The settings of a client of an embedded Azure.
///
/// # Errors
///
/// Never in practice: the address of the embedded Azure is a good one.
pub fn client_builder(transport: Arc<dyn HttpService>) -> Result<ArmClientBuilder, CloudError> {
    let tokens = Arc::new(StaticToken::new("the-emulator-takes-any"));
    Ok(ArmClient::builder(
        Cloud::custom(ENDPOINT)?,
        transport,
        tokens,
    ))
}
