//! An Azure inside of the process: the emulator as the transport of the real client. Needs the feature
//! `embedded`.
//!
//! Only the transport differs from a client of Azure: requests are made, retried, followed and read as they
//! are there. It is the one place that knows the emulator, and shares with it no more than requests and
//! answers.

use std::sync::Arc;
use std::time::Duration;

use ::http::{Request, Response};
use bytes::Bytes;
use dify_infra_emulator::ConnectionReset;
use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

pub use dify_infra_emulator::{DEFAULT_SUBSCRIPTION, Emulator};

use crate::arm::{ArmClient, ArmClientBuilder, PollSchedule};
use crate::auth::StaticToken;
use crate::cloud::{Cloud, CloudError};
use crate::http::{HttpError, HttpErrorKind, HttpService};

/// The address of an embedded Azure, in requests and in the links that it answers; nothing listens there.
pub const ENDPOINT: &str = "https://embedded.azure.invalid";

/// An emulator that is asked without a socket.
///
/// Time goes on as tokio's clock does, from the moment at which this was made: a test that pauses that clock
/// sees a deployment of ten minutes in a moment.
///
/// ```
/// use dify_infra_azure::embedded::{DEFAULT_SUBSCRIPTION, EmbeddedAzure, Emulator};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let client = EmbeddedAzure::new(Emulator::new()).client()?;
/// let seen = client.subscriptions().await?;
/// assert_eq!(seen[0].id, DEFAULT_SUBSCRIPTION);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct EmbeddedAzure {
    emulator: Arc<Emulator>,
    start: Timestamp,
    began: Instant,
    latency: Duration,
}

impl EmbeddedAzure {
    /// Starts the clock of an emulator at the system's time.
    pub fn new(emulator: impl Into<Arc<Emulator>>) -> Self {
        Self {
            emulator: emulator.into(),
            start: Timestamp::now(),
            began: Instant::now(),
            latency: Duration::ZERO,
        }
    }

    /// Starts the clock at another time: tests want the same one in every run.
    #[must_use]
    pub fn starting_at(mut self, start: Timestamp) -> Self {
        self.start = start;
        self
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
            ..*self
        }
    }

    /// The emulator, for a look at what is in it.
    pub fn emulator(&self) -> &Emulator {
        &self.emulator
    }

    /// What its clock shows.
    pub fn now(&self) -> Timestamp {
        let elapsed = SignedDuration::try_from(self.began.elapsed()).unwrap_or(SignedDuration::MAX);
        self.start.saturating_add(elapsed).unwrap_or(Timestamp::MAX)
    }

    /// A client of this Azure, which looks at operations as often as the emulator's time asks for.
    ///
    /// # Errors
    ///
    /// Never in practice: [`ENDPOINT`] is an address.
    pub fn client(self) -> Result<ArmClient, CloudError> {
        let schedule = PollSchedule::scaled(self.emulator.time_scale());
        let builder = client_builder(Arc::new(self))?;
        Ok(builder.poll_schedule(schedule).build())
    }

    /// One way of a request.
    async fn travel(&self) {
        if !self.latency.is_zero() {
            tokio::time::sleep(self.latency / 2).await;
        }
    }

    async fn answer(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let now = self.now();
        if !self.emulator.has_state_directory() {
            return Ok(self.emulator.handle(now, request));
        }
        // Answering writes state to disk, which must not hold up the other tasks.
        let emulator = Arc::clone(&self.emulator);
        let answer = tokio::task::spawn_blocking(move || emulator.handle(now, request)).await;
        answer.map_err(|error| interrupted(error.to_string()))
    }
}

fn interrupted(message: String) -> HttpError {
    HttpError::new(HttpErrorKind::Interrupted, message)
}

#[async_trait::async_trait]
impl HttpService for EmbeddedAzure {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        self.travel().await;
        let response = self.answer(request).await?;
        self.travel().await;
        if response.extensions().get::<ConnectionReset>().is_some() {
            return Err(interrupted(
                "the embedded Azure broke the connection".to_owned(),
            ));
        }
        Ok(response)
    }
}

/// The settings of a client of an embedded Azure, or of whatever stands before one.
///
/// # Errors
///
/// Never in practice: [`ENDPOINT`] is an address.
pub fn client_builder(transport: Arc<dyn HttpService>) -> Result<ArmClientBuilder, CloudError> {
    let tokens = Arc::new(StaticToken::new("the-emulator-takes-any"));
    let cloud = Cloud::custom(ENDPOINT)?;
    Ok(ArmClient::builder(cloud, transport, tokens))
}
