//! Long-running operations: from the first answer to a resource that can be relied on.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ::http::{Method, StatusCode};
use jiff::Timestamp;
use serde_json::Value;
use tokio::time::Instant;

use super::client::{ArmClient, is_absence, success};
use super::error_body::ArmError;
use super::poll::{self, Stage, State};
use super::request::{Answer, Call};
use crate::http::{RetryBudget, retry_after};
use crate::{Error, ErrorKind};

/// How often operations are looked at.
///
/// `Retry-After` rules when Azure sends it; `shortest` is only the floor under it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PollSchedule {
    /// No pause is shorter than this, whatever Azure says.
    pub shortest: Duration,
    /// The first pause when Azure names none; each further one is half as long again.
    pub first: Duration,
    /// The longest pause when Azure names none.
    pub longest: Duration,
}

impl Default for PollSchedule {
    /// From 1 to 15 seconds, never under 100 milliseconds.
    fn default() -> Self {
        Self {
            shortest: Duration::from_millis(100),
            first: Duration::from_secs(1),
            longest: Duration::from_secs(15),
        }
    }
}

impl PollSchedule {
    /// Makes a schedule; tests and emulators want a faster one than Azure.
    pub fn new(shortest: Duration, first: Duration, longest: Duration) -> Self {
        Self {
            shortest,
            first,
            longest,
        }
    }

    /// Azure's pauses for an emulator whose time passes `time_scale` times as fast.
    pub fn scaled(time_scale: f64) -> Self {
        let scaled = |pause: Duration| {
            let seconds = pause.as_secs_f64();
            Duration::from_secs_f64((seconds / time_scale).clamp(0.001, seconds))
        };
        let azure = Self::default();
        Self {
            shortest: Duration::from_millis(5),
            first: scaled(azure.first),
            longest: scaled(azure.longest),
        }
    }
}

/// What is known of a running operation.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Progress {
    /// Azure's word for its state, such as `InProgress`; the words differ by provider.
    pub status: String,
    /// How far it is, in percent; few providers say.
    pub percent: Option<f64>,
    /// Since the operation began.
    pub elapsed: Duration,
}

/// Without a deadline from the caller. Azure Managed Redis is the slowest: up to an hour.
const DEFAULT_DEADLINE: Duration = Duration::from_mins(90);

/// A resource that was accepted is visible within seconds; after so many looks it is lost.
const INVISIBLE_LOOKS: u32 = 8;

/// A write that Azure has accepted.
///
/// It goes on by itself on Azure's side; [`Operation::wait`] follows it to its end. Dropping it
/// only stops following.
#[must_use = "nothing is known of a write's outcome until it is waited for"]
pub struct Operation {
    client: ArmClient,
    call: Call,
    api_version: String,
    budget: RetryBudget,
    stage: Stage,
    /// Where a POST's result will be, when its state is asked elsewhere.
    result: Option<Stage>,
    /// What Azure asked us to wait in its last answer.
    asked: Option<Duration>,
    /// Our own next pause.
    pause: Duration,
    status: String,
    began: Instant,
    deadline: Duration,
    looks: Looks,
    progress: Option<Listener>,
}

type Listener = Arc<dyn Fn(&Progress) + Send + Sync>;

/// What was seen of the resource itself so far.
#[derive(Clone, Copy, Debug, Default)]
struct Looks {
    /// It was not there, so many times in a row.
    invisible: u32,
    /// It was seen at work.
    running: bool,
}

impl fmt::Debug for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Operation")
            .field("request", &self.call.subject.to_string())
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

impl Operation {
    pub(crate) async fn begin(
        client: ArmClient,
        call: Call,
        api_version: String,
        budget: RetryBudget,
    ) -> Result<Self, Error> {
        let mut operation = Self {
            pause: client.schedule().first,
            client,
            call,
            api_version,
            budget,
            stage: Stage::Ended(None),
            result: None,
            asked: None,
            status: String::new(),
            began: Instant::now(),
            deadline: DEFAULT_DEADLINE,
            looks: Looks::default(),
            progress: None,
        };
        operation.request().await?;
        Ok(operation)
    }

    /// Sets how long [`Operation::wait`] may take, from the beginning of the operation
    /// (90 minutes).
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Sets who is told after each look.
    pub fn on_progress(mut self, tell: impl Fn(&Progress) + Send + Sync + 'static) -> Self {
        self.progress = Some(Arc::new(tell));
        self
    }

    /// Follows the operation to its end.
    ///
    /// After a PUT or PATCH the result is what a final GET of the resource says, never the
    /// answer of the write; after a POST it is the action's result; after a DELETE nothing.
    ///
    /// An operation that was accepted and then failed because another one was at work
    /// (`ServerIsBusy`, `AnotherOperationInProgress`) is begun again, out of the same retry
    /// budget, unless it is a POST.
    ///
    /// # Errors
    ///
    /// When the operation ends in Failed or Canceled, with the innermost cause; when it has not
    /// ended before the deadline; when Azure can't be asked any more.
    pub async fn wait(mut self) -> Result<Option<Value>, Error> {
        loop {
            let error = match self.follow().await {
                Ok(result) => return Ok(result),
                Err(error) => error,
            };
            let may_repeat = error.is_busy() && self.call.method != Method::POST;
            if !may_repeat {
                return Err(error);
            }
            let Ok(pause) = self.budget.take(self.asked.take()) else {
                return Err(error);
            };
            self.report("waiting for another operation", None);
            self.sleep(pause).await?;
            self.request().await?;
        }
    }

    /// Sends the request that starts the operation.
    async fn request(&mut self) -> Result<(), Error> {
        self.looks = Looks::default();
        self.result = None;
        self.pause = self.client.schedule().first;
        let answer = self.client.send(&self.call, &mut self.budget).await?;
        if self.call.method == Method::DELETE && is_absence(&answer, &self.call) {
            self.stage = Stage::Ended(None);
            return Ok(());
        }
        let answer = success(answer, &self.call)?;
        self.note_wait(&answer);
        let url = &self.call.url;
        if self.call.method == Method::POST {
            self.result = poll::result(url, &answer.headers);
        }
        // A body that can't be read is no reason to lose an operation that was accepted.
        let body = answer.lenient_json();
        self.stage =
            poll::first_stage(&self.call.method, url, answer.status, &answer.headers, body);
        "Accepted".clone_into(&mut self.status);
        Ok(())
    }

    async fn follow(&mut self) -> Result<Option<Value>, Error> {
        loop {
            self.stage = match self.stage.clone() {
                Stage::Ended(result) => return Ok(result),
                Stage::Resource { at_once } => {
                    if !at_once {
                        self.wait_for_turn().await?;
                    }
                    self.look_at_resource().await?
                }
                polled @ (Stage::Status(_) | Stage::Location(_)) => {
                    self.wait_for_turn().await?;
                    self.poll(polled).await?
                }
            };
        }
    }

    /// Asks the polling URL once.
    async fn poll(&mut self, stage: Stage) -> Result<Stage, Error> {
        let (Stage::Status(url) | Stage::Location(url)) = &stage else {
            return Ok(stage);
        };
        let call = self.call.poll(url.clone());
        let answer = self.client.send(&call, &mut self.budget).await?;
        self.note_wait(&answer);
        let gone = matches!(answer.status, StatusCode::NOT_FOUND | StatusCode::GONE);
        if gone && self.call.method != Method::POST {
            // Records of operations are kept for a while only; the resource knows the outcome.
            return Ok(Stage::Resource { at_once: true });
        }
        let answer = success(answer, &call)?;
        let body = answer.json(&call)?;
        let outcome = match stage {
            Stage::Status(_) => poll::status_state(answer.status, body.as_ref()),
            _ => poll::location_state(answer.status, body.as_ref()),
        };
        match outcome {
            State::Running(word) => {
                let percent = body.as_ref().and_then(poll::percent);
                self.report(word.as_deref().unwrap_or("InProgress"), percent);
                Ok(poll::follow(url, &answer.headers).unwrap_or(stage))
            }
            State::Succeeded => Ok(self.after_success(&stage, body)),
            State::Failed(word) => Err(self
                .failed(ErrorKind::OperationFailed, &word, body, &answer)
                .await),
            State::Canceled(word) => Err(self
                .failed(ErrorKind::OperationCanceled, &word, body, &answer)
                .await),
        }
    }

    /// What follows when the polling URL says that all went well.
    fn after_success(&mut self, stage: &Stage, body: Option<Value>) -> Stage {
        match self.call.method {
            Method::DELETE => Stage::Ended(None),
            Method::POST => match (stage, self.result.take()) {
                (Stage::Status(_), Some(result)) => result,
                (Stage::Status(_), None) => Stage::Ended(None),
                _ => Stage::Ended(body),
            },
            _ => Stage::Resource { at_once: true },
        }
    }

    /// Reads the resource once.
    async fn look_at_resource(&mut self) -> Result<Stage, Error> {
        let answer = self.read_resource().await?;
        let is_delete = self.call.method == Method::DELETE;
        if is_absence(&answer, &self.call) {
            self.looks.invisible += 1;
            if is_delete {
                return Ok(Stage::Ended(None));
            }
            // Reads may lag behind writes for a moment, but not for long.
            if self.looks.invisible >= INVISIBLE_LOOKS {
                return Err(answer.refusal(&self.call, None));
            }
            self.report("not visible yet", None);
            return Ok(Stage::Resource { at_once: false });
        }
        let answer = success(answer, &self.call)?;
        let body = answer.json(&self.call)?.unwrap_or_default();
        self.looks.invisible = 0;
        match poll::resource_state(&body) {
            State::Running(word) => {
                self.looks.running = true;
                self.report(
                    word.as_deref().unwrap_or("InProgress"),
                    poll::percent(&body),
                );
            }
            // Until it is gone, a resource that is being deleted shows its old state, which may
            // be Failed: only a state that it came to afterwards is news.
            State::Failed(word) if !is_delete || self.looks.running => {
                let kind = ErrorKind::OperationFailed;
                return Err(self.failed(kind, &word, Some(body), &answer).await);
            }
            State::Canceled(word) if !is_delete || self.looks.running => {
                let kind = ErrorKind::OperationCanceled;
                return Err(self.failed(kind, &word, Some(body), &answer).await);
            }
            _ if is_delete => self.report("Deleting", None),
            _ => return Ok(Stage::Ended(Some(body))),
        }
        Ok(Stage::Resource { at_once: false })
    }

    async fn read_resource(&mut self) -> Result<Answer, Error> {
        let id = &self.call.subject.resource;
        let mut call = Call::new(self.client.cloud(), Method::GET, id, &self.api_version)?;
        call = self.call.poll(call.url);
        let answer = self.client.send(&call, &mut self.budget).await?;
        self.note_wait(&answer);
        Ok(answer)
    }

    /// The error of an operation that ended badly.
    ///
    /// Some providers fail without a word in the status resource and leave the reason in the
    /// resource (microsoft/azure-container-apps#1758 shows such an empty error).
    async fn failed(
        &mut self,
        kind: ErrorKind,
        word: &str,
        body: Option<Value>,
        answer: &Answer,
    ) -> Error {
        let mut cause = body.as_ref().and_then(ArmError::from_body);
        let is_write = matches!(self.call.method, Method::PUT | Method::PATCH);
        if cause.is_none()
            && is_write
            && let Ok(resource) = self.read_resource().await
        {
            cause = resource
                .lenient_json()
                .filter(|_| resource.status.is_success())
                .as_ref()
                .and_then(ArmError::from_body);
        }
        let cause = cause.map(|error| error.scrubbed(&self.call.scrubber));
        Error::operation(kind, &self.call.subject, word, cause).with_ids(answer.ids.clone())
    }

    fn note_wait(&mut self, answer: &Answer) {
        self.asked = retry_after(&answer.headers, Timestamp::now());
    }

    /// Pauses until it is polite to look again.
    async fn wait_for_turn(&mut self) -> Result<(), Error> {
        let schedule = self.client.schedule();
        let (shortest, longest) = (schedule.shortest, schedule.longest);
        let own = self.pause;
        let pause = self.asked.take().unwrap_or_else(|| {
            self.pause = own.mul_f64(1.5).min(longest);
            own
        });
        self.sleep(pause.max(shortest)).await
    }

    /// Sleeps, but not beyond the deadline, at which there is one last look.
    async fn sleep(&self, pause: Duration) -> Result<(), Error> {
        let left = self.deadline.saturating_sub(self.began.elapsed());
        if left.is_zero() {
            return Err(Error::deadline(
                &self.call.subject,
                &self.status,
                self.deadline,
            ));
        }
        tokio::time::sleep(pause.min(left)).await;
        Ok(())
    }

    fn report(&mut self, status: &str, percent: Option<f64>) {
        status.clone_into(&mut self.status);
        if let Some(tell) = &self.progress {
            let elapsed = self.began.elapsed();
            tell(&Progress {
                status: status.to_owned(),
                percent,
                elapsed,
            });
        }
    }
}
