//! Carrying out a plan: in parallel by dependency and lane, with a journal, stoppable at any time.

mod change;
mod destroy;
mod domain;
mod event;
mod journal;
mod run;
mod values;
mod vault;

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use dify_infra_core::graph::ResourceGraph;
use dify_infra_core::plan::{Action, Plan, Snapshot};
use dify_infra_core::resource::{Kind, ResourceId};
use dify_infra_core::secrets::{SecretName, Secrets};
use tokio::sync::watch;

pub use event::{Event, EventSink};
pub use journal::{Journal, LastRun, last_run};

use crate::Error;
use crate::arm::ArmClient;

/// Why a resource was skipped in a run that a person stopped: the `because` of
/// [`Event::Skipped`].
pub const STOPPED: &str = "the run was stopped";

/// Choices of a run.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ApplyOptions {
    /// How many resources are worked on at once.
    pub max_parallel: usize,
    /// Remove what someone else set in our resources.
    pub prune: bool,
    /// The directory of journals; without one none is written.
    pub journal: Option<PathBuf>,
    /// How long one resource may take.
    pub deadline: Duration,
    /// Pause between looks at a job's run or a revision when Azure names none.
    pub look_every: Duration,
    /// How long a new role may take until it has an effect.
    pub role_budget: Duration,
}

impl Default for ApplyOptions {
    /// 16 at once, nothing pruned, no journal, 90 minutes for a resource, a look every 5 seconds, 15
    /// minutes for a role, of which Azure says that it takes up to ten
    /// (<https://learn.microsoft.com/azure/role-based-access-control/troubleshooting>).
    fn default() -> Self {
        Self {
            max_parallel: 16,
            prune: false,
            journal: None,
            deadline: Duration::from_mins(90),
            look_every: Duration::from_secs(5),
            role_budget: Duration::from_mins(15),
        }
    }
}

impl ApplyOptions {
    /// The default choices.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets how many resources are worked on at once; at least one.
    #[must_use]
    pub fn with_max_parallel(mut self, count: usize) -> Self {
        self.max_parallel = count.max(1);
        self
    }

    /// Removes what someone else set in our resources.
    #[must_use]
    pub fn with_prune(mut self, prune: bool) -> Self {
        self.prune = prune;
        self
    }

    /// Writes a journal into this directory.
    #[must_use]
    pub fn with_journal(mut self, directory: impl Into<PathBuf>) -> Self {
        self.journal = Some(directory.into());
        self
    }

    /// Sets how long a new role may take until it has an effect.
    #[must_use]
    pub fn with_role_budget(mut self, budget: Duration) -> Self {
        self.role_budget = budget;
        self
    }

    /// Sets the pause between looks at a job's run or a revision.
    #[must_use]
    pub fn with_look_every(mut self, pause: Duration) -> Self {
        self.look_every = pause;
        self
    }
}

/// Why a resource could not be brought to what is wanted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ApplyError {
    /// Azure refused, or could not be asked.
    #[error("Azure did not do it")]
    Azure(#[from] Error),
    /// A secret has no value.
    #[error(
        "the secret `{0}` has no value; add {key} to the secrets file, or make it with \
         `dify-secrets gen {0}`",
        key = .0.env_key()
    )]
    MissingSecret(SecretName),
    /// A resource does not offer the value that another needs.
    #[error("{resource} has no value at {pointer}, which another resource needs")]
    MissingOutput {
        /// The resource.
        resource: ResourceId,
        /// Where the value was looked for.
        pointer: String,
    },
    /// A resource that another refers to is gone.
    #[error("{0} does not exist any more; someone deleted it during the run; run apply again")]
    Gone(ResourceId),
    /// A run of a job failed.
    #[error(
        "the run {execution} of {job} ended as {status}{reason}; its output is in Log Analytics: \
         ContainerAppConsoleLogs_CL | where ContainerGroupName_s startswith '{execution}'"
    )]
    JobFailed {
        /// The job's name.
        job: String,
        /// The run's name.
        execution: String,
        /// Azure's word.
        status: String,
        /// Azure's reason with a colon before it, or nothing.
        reason: String,
    },
    /// A revision of an app failed.
    #[error(
        "the revision {revision} failed to start{reason}; its output is in Log Analytics: \
         ContainerAppConsoleLogs_CL | where RevisionName_s == '{revision}'"
    )]
    RevisionFailed {
        /// The revision's name.
        revision: String,
        /// Azure's reason with a colon before it, or nothing.
        reason: String,
    },
    /// Something took longer than it may.
    #[error("{what} did not happen within {} s", .limit.as_secs())]
    TooLong {
        /// What was waited for.
        what: String,
        /// How long it was waited for.
        limit: Duration,
    },
    /// The plan can't be carried out.
    #[error("the plan can't be carried out: {0}")]
    Blocked(String),
    /// The journal can't be started.
    #[error("the journal in {directory} can't be started")]
    Journal {
        /// The directory.
        directory: String,
        /// Why.
        source: std::io::Error,
    },
}

impl ApplyError {
    /// What to do, where the error knows it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Azure(error) => error.hint(),
            _ => None,
        }
    }

    /// The whole chain with the hint, as one sentence.
    pub fn sentence(&self) -> String {
        match self {
            Self::Azure(error) => crate::observe::sentence(error),
            other => {
                let mut text = other.to_string();
                let mut source = std::error::Error::source(other);
                while let Some(cause) = source {
                    text.push_str(": ");
                    text.push_str(&cause.to_string());
                    source = cause.source();
                }
                text
            }
        }
    }
}

/// How it went for one resource.
#[derive(Debug)]
#[non_exhaustive]
pub struct Outcome {
    /// The resource.
    pub id: ResourceId,
    /// What was to happen.
    pub action: Action,
    /// When it started, since the start of the run.
    pub started: Duration,
    /// How long it took.
    pub elapsed: Duration,
    /// The resources of the run that it had to wait for.
    pub needs: BTreeSet<ResourceId>,
    /// How it went.
    pub result: OutcomeResult,
}

/// How it went.
#[derive(Debug)]
#[non_exhaustive]
pub enum OutcomeResult {
    /// It is as wanted.
    Done,
    /// It failed.
    Failed(ApplyError),
    /// It was not touched, and why.
    Skipped(String),
}

/// How a run went.
#[derive(Debug)]
#[non_exhaustive]
pub struct ApplyReport {
    /// The run's name: its time and a few random characters.
    pub run: String,
    /// One outcome for each resource of the run.
    pub outcomes: Vec<Outcome>,
    /// Whether the run was stopped by the person.
    pub cancelled: bool,
    /// How long it took.
    pub elapsed: Duration,
    /// Where the journal is.
    pub journal: Option<PathBuf>,
}

impl ApplyReport {
    /// Whether everything is as wanted.
    pub fn is_success(&self) -> bool {
        !self.cancelled
            && self
                .outcomes
                .iter()
                .all(|outcome| matches!(outcome.result, OutcomeResult::Done))
    }

    /// This run and one that went on where it had to wait for a person, as one: the name and the
    /// journal are those of the latter, which has the rest of the work.
    #[must_use]
    pub fn followed_by(mut self, next: Self) -> Self {
        self.outcomes.extend(next.outcomes);
        self.run = next.run;
        self.journal = next.journal;
        self.cancelled |= next.cancelled;
        self.elapsed += next.elapsed;
        self
    }

    /// The report of a run that did all that it was to do.
    ///
    /// # Errors
    ///
    /// When something failed or was not done, with the report.
    pub fn into_result(self) -> Result<Self, RunFailed> {
        if self.is_success() {
            Ok(self)
        } else {
            Err(RunFailed {
                report: Box::new(self),
            })
        }
    }

    /// What was not done and why, as a sentence.
    fn shortfall(&self) -> String {
        let failures: Vec<String> = self
            .failures()
            .map(|(id, error)| format!("{}: {}", id.name(), error.sentence()))
            .collect();
        let skipped = self.outcomes.iter();
        let skipped = skipped.filter(|it| matches!(it.result, OutcomeResult::Skipped(_)));
        let skipped = match skipped.count() {
            0 => String::new(),
            count => format!("; {count} more were not touched"),
        };
        let what = match failures.len() {
            0 => STOPPED.to_owned(),
            1 => format!("1 resource failed: {}", failures.concat()),
            count => format!("{count} resources failed: {}", failures.join("; ")),
        };
        format!("{what}{skipped}")
    }

    /// The resources that failed, with the reason.
    pub fn failures(&self) -> impl Iterator<Item = (&ResourceId, &ApplyError)> {
        self.outcomes
            .iter()
            .filter_map(|outcome| match &outcome.result {
                OutcomeResult::Failed(error) => Some((&outcome.id, error)),
                OutcomeResult::Done | OutcomeResult::Skipped(_) => None,
            })
    }
}

/// A run that did not do all that it was to do.
#[derive(Debug, thiserror::Error)]
#[error("{}", .report.shortfall())]
#[non_exhaustive]
pub struct RunFailed {
    /// How it went.
    pub report: Box<ApplyReport>,
}

/// A switch that a person throws to stop a run: nothing new is started, what runs is finished.
#[derive(Debug, Clone)]
pub struct Cancellation(watch::Receiver<bool>);

impl Cancellation {
    /// A run that nobody stops.
    pub fn never() -> Self {
        Self(watch::channel(false).1)
    }

    /// A switch and the hand that throws it, by sending `true`.
    pub fn new() -> (watch::Sender<bool>, Self) {
        let (hand, switch) = watch::channel(false);
        (hand, Self(switch))
    }

    /// Whether the run is to stop.
    pub fn is_cancelled(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until the run is to stop; for ever when nobody can stop it any more.
    pub(crate) async fn cancelled(&mut self) {
        if self.0.wait_for(|cancelled| *cancelled).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// Carries out plans on one graph.
#[derive(Clone)]
pub struct Applier<'a> {
    client: &'a ArmClient,
    graph: &'a ResourceGraph,
    options: ApplyOptions,
    events: &'a dyn EventSink,
    cancellation: Cancellation,
}

impl fmt::Debug for Applier<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Applier")
            .field("client", self.client)
            .field("graph", self.graph)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

/// Where events go that nobody asked for.
struct Nobody;

impl EventSink for Nobody {
    fn event(&self, _: &Event) {}
}

impl<'a> Applier<'a> {
    /// Carries out plans of `graph` over `client`, with the default options.
    pub fn new(client: &'a ArmClient, graph: &'a ResourceGraph) -> Self {
        Self {
            client,
            graph,
            options: ApplyOptions::default(),
            events: &Nobody,
            cancellation: Cancellation::never(),
        }
    }

    /// Sets the choices of the run.
    #[must_use]
    pub fn with_options(mut self, options: ApplyOptions) -> Self {
        self.options = options;
        self
    }

    /// Tells the events of the run.
    #[must_use]
    pub fn with_events(mut self, events: &'a dyn EventSink) -> Self {
        self.events = events;
        self
    }

    /// Lets a person stop the run.
    #[must_use]
    pub fn with_cancellation(mut self, cancellation: Cancellation) -> Self {
        self.cancellation = cancellation;
        self
    }

    /// Brings Azure to what the plan says. The secrets must be complete and be kept somewhere
    /// they can be read back before this is called.
    ///
    /// # Errors
    ///
    /// When the plan has unknowns or is blocked, or the journal can't be started; then nothing was
    /// written. What goes wrong with a resource is in the report.
    pub async fn apply(
        &self,
        plan: &Plan,
        snapshot: &Snapshot,
        secrets: &Secrets,
    ) -> Result<ApplyReport, ApplyError> {
        let unknown = plan
            .changes()
            .iter()
            .find(|change| change.action == Action::Unknown);
        if let Some(change) = unknown {
            let sentence = format!("{}: {}", change.id.name(), change.reason);
            return Err(ApplyError::Blocked(sentence));
        }
        if let Some(sentence) = plan.blocked().first() {
            return Err(ApplyError::Blocked(sentence.clone()));
        }
        let values = values::Values::new(self.client, secrets, snapshot);
        let worker = change::Worker::new(self, &values, secrets, snapshot);
        let tasks = run::tasks(plan.changes());
        let work = |id: ResourceId, progress: run::Progress| {
            let change = plan.change(&id);
            let worker = &worker;
            async move {
                match change {
                    Some(change) => worker.carry_out(change, progress).await,
                    None => Ok(()),
                }
            }
        };
        let listeners = (self.events, self.cancellation.clone());
        run::run(&self.options, tasks, work, listeners).await
    }

    /// Deletes the apps, jobs, environment and logs of the deployment, and with `include_data`
    /// everything that holds data too. The resource group stays.
    ///
    /// # Errors
    ///
    /// When the journal can't be started. What goes wrong with a resource is in the report.
    pub async fn destroy(
        &self,
        snapshot: &Snapshot,
        include_data: bool,
    ) -> Result<ApplyReport, ApplyError> {
        let tasks = destroy::tasks(self.graph, snapshot, include_data);
        let work = |id: ResourceId, progress: run::Progress| async move {
            self.delete(&id, &progress).await
        };
        let listeners = (self.events, self.cancellation.clone());
        run::run(&self.options, tasks, work, listeners).await
    }

    /// Deletes one resource and waits until it is gone.
    async fn delete(&self, id: &ResourceId, progress: &run::Progress) -> Result<(), ApplyError> {
        let Some(kind) = Kind::from_type(&id.resource_type()) else {
            let sentence = format!("dify-infra does not know how to delete {id}");
            return Err(ApplyError::Blocked(sentence));
        };
        let operation = self
            .client
            .begin_delete(id.as_str(), kind.api_version())
            .await?;
        let progress = progress.clone();
        operation
            .with_deadline(self.options.deadline)
            .on_progress(move |step| progress.tell(&step.status))
            .wait()
            .await?;
        Ok(())
    }
}

/// What `destroy` would delete, in the order of deletion.
pub fn destroyed(
    graph: &ResourceGraph,
    snapshot: &Snapshot,
    include_data: bool,
) -> Vec<ResourceId> {
    destroy::order(graph, snapshot, include_data)
}
