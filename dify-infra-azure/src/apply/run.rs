//! Running tasks: as many at once as may, in the order of the schedule, with events and journal.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use dify_infra_core::graph::{Schedule, Task};
use dify_infra_core::plan::{Action, Change};
use dify_infra_core::resource::{Kind, Lane, ResourceId};
use futures_util::stream::{FuturesUnordered, StreamExt};
use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::destroy::ResourceTask;
use super::{
    ApplyError, ApplyOptions, ApplyReport, Cancellation, Event, EventSink, Journal, Outcome,
    OutcomeResult, STOPPED,
};

/// A task and what it does.
#[derive(Debug, Clone)]
pub(super) struct Job {
    pub(super) action: Action,
    pub(super) task: ResourceTask,
}

/// Lets work tell how far it is.
#[derive(Debug, Clone)]
pub(super) struct Progress {
    id: ResourceId,
    channel: mpsc::UnboundedSender<Event>,
}

impl Progress {
    pub(super) fn tell(&self, state: &str) {
        let event = Event::Progress {
            id: self.id.clone(),
            state: state.to_owned(),
        };
        // The run outlives its work; a closed channel means that nobody listens any more.
        let _ = self.channel.send(event);
    }
}

/// The tasks of a plan: everything that writes.
pub(super) fn tasks(changes: &[Change]) -> Vec<Job> {
    let writes = changes.iter().filter(|change| change.action.writes());
    let job = |change: &Change| {
        let kind = change
            .kind
            .or_else(|| Kind::from_type(&change.id.resource_type()));
        let task = Task {
            key: change.id.clone(),
            needs: change.needs.clone(),
            lane: kind.and_then(|kind| kind.lane(&change.id)),
            cost: kind.map(Kind::usual_duration).unwrap_or_default(),
        };
        Job {
            action: change.action,
            task,
        }
    };
    writes.map(job).collect()
}

/// Runs all tasks.
pub(super) async fn run<Work, Done>(
    options: &ApplyOptions,
    jobs: Vec<Job>,
    work: Work,
    (sink, mut cancellation): (&dyn EventSink, Cancellation),
) -> Result<ApplyReport, ApplyError>
where
    Work: Fn(ResourceId, Progress) -> Done,
    Done: Future<Output = Result<(), ApplyError>>,
{
    let run = run_name();
    let journal = start_journal(options, &run)?;
    let mut state = State::new(&jobs, sink, journal.as_ref());
    state.announce(&jobs);
    let (channel, mut progress) = mpsc::unbounded_channel();
    let mut running = FuturesUnordered::new();
    let mut cancelled = false;
    loop {
        // The person may have stopped the run while its last event was told.
        if !cancelled && cancellation.is_cancelled() {
            cancelled = true;
            state.skip_rest();
        }
        while !cancelled && running.len() < options.max_parallel {
            let Some(id) = state.start() else { break };
            let progress = Progress {
                id: id.clone(),
                channel: channel.clone(),
            };
            let future = work(id.clone(), progress);
            running.push(async move { (id, future.await) });
        }
        state.tell_waiting();
        if running.is_empty() {
            break;
        }
        tokio::select! {
            Some((id, result)) = running.next() => {
                // What the work told before its end must not be heard after it.
                while let Ok(event) = progress.try_recv() {
                    sink.event(&event);
                }
                state.end(&id, result);
            }
            Some(event) = progress.recv() => sink.event(&event),
            () = cancellation.cancelled(), if !cancelled => {}
        }
    }
    let path = journal.map(|journal| journal.path().to_owned());
    Ok(state.finish(run, cancelled, path))
}

/// The run's name: its time, so that names sort by it, and random characters, so that two runs of
/// one millisecond differ.
fn run_name() -> String {
    let time = jiff::Timestamp::now()
        .strftime("%Y%m%dT%H%M%S%3fZ")
        .to_string();
    let random = uuid::Uuid::new_v4().simple().to_string();
    format!("{time}-{}", &random[..6])
}

fn start_journal(options: &ApplyOptions, run: &str) -> Result<Option<Arc<Journal>>, ApplyError> {
    let Some(directory) = &options.journal else {
        return Ok(None);
    };
    let journal = Journal::create(directory, run).map_err(|source| ApplyError::Journal {
        directory: directory.display().to_string(),
        source,
    })?;
    journal.append(json!({ "event": "run", "run": run }));
    Ok(Some(Arc::new(journal)))
}

struct State<'a> {
    schedule: Schedule<ResourceId, Lane>,
    actions: BTreeMap<ResourceId, Action>,
    needs: BTreeMap<ResourceId, BTreeSet<ResourceId>>,
    started: BTreeMap<ResourceId, Instant>,
    waiting: BTreeMap<ResourceId, Vec<ResourceId>>,
    outcomes: Vec<Outcome>,
    began: Instant,
    sink: &'a dyn EventSink,
    journal: Option<Arc<Journal>>,
}

impl<'a> State<'a> {
    fn new(jobs: &[Job], sink: &'a dyn EventSink, journal: Option<&Arc<Journal>>) -> Self {
        let known: BTreeSet<&ResourceId> = jobs.iter().map(|job| &job.task.key).collect();
        let needs = jobs.iter().map(|job| {
            let needs = job
                .task
                .needs
                .iter()
                .filter(|id| known.contains(id))
                .cloned();
            (job.task.key.clone(), needs.collect())
        });
        Self {
            schedule: Schedule::new(jobs.iter().map(|job| job.task.clone()).collect()),
            actions: jobs
                .iter()
                .map(|job| (job.task.key.clone(), job.action))
                .collect(),
            needs: needs.collect(),
            started: BTreeMap::new(),
            waiting: BTreeMap::new(),
            outcomes: Vec::new(),
            began: Instant::now(),
            sink,
            journal: journal.cloned(),
        }
    }

    fn tell(&self, event: &Event) {
        if let Some(journal) = &self.journal {
            journal.event(event);
        }
        self.sink.event(event);
    }

    fn announce(&self, jobs: &[Job]) {
        for job in jobs {
            self.tell(&Event::Planned {
                id: job.task.key.clone(),
                action: job.action,
            });
        }
    }

    fn start(&mut self) -> Option<ResourceId> {
        let id = self.schedule.start()?;
        self.started.insert(id.clone(), Instant::now());
        self.waiting.remove(&id);
        let action = self.actions.get(&id).copied().unwrap_or(Action::Update);
        self.tell(&Event::Started {
            id: id.clone(),
            action,
        });
        Some(id)
    }

    /// Tells of each waiting resource what it waits for, when that changed.
    fn tell_waiting(&mut self) {
        let waiting: Vec<ResourceId> = self.schedule.waiting().cloned().collect();
        for id in waiting {
            let on: Vec<ResourceId> = self.schedule.blockers(&id).into_iter().cloned().collect();
            if self.waiting.get(&id) != Some(&on) {
                self.waiting.insert(id.clone(), on.clone());
                self.tell(&Event::Waiting { id, on });
            }
        }
    }

    fn end(&mut self, id: &ResourceId, result: Result<(), ApplyError>) {
        let elapsed = self
            .started
            .get(id)
            .map(Instant::elapsed)
            .unwrap_or_default();
        match result {
            Ok(()) => {
                self.schedule.finish(id);
                self.tell(&Event::Finished {
                    id: id.clone(),
                    elapsed,
                });
                self.record(id, OutcomeResult::Done);
            }
            Err(error) => {
                let lost = self.schedule.fail(id);
                self.tell(&Event::Failed {
                    id: id.clone(),
                    message: error.sentence(),
                });
                self.record(id, OutcomeResult::Failed(error));
                self.skip(lost, &format!("it needs {}, which failed", id.name()));
            }
        }
    }

    fn skip_rest(&mut self) {
        let rest = self.schedule.drain();
        self.skip(rest, STOPPED);
    }

    fn skip(&mut self, ids: Vec<ResourceId>, because: &str) {
        for id in ids {
            self.tell(&Event::Skipped {
                id: id.clone(),
                because: because.to_owned(),
            });
            self.record(&id, OutcomeResult::Skipped(because.to_owned()));
        }
    }

    fn record(&mut self, id: &ResourceId, result: OutcomeResult) {
        let start = self.started.get(id).copied();
        self.outcomes.push(Outcome {
            id: id.clone(),
            action: self.actions.get(id).copied().unwrap_or(Action::Update),
            started: start.map(|start| start - self.began).unwrap_or_default(),
            elapsed: start.map_or(Duration::ZERO, |start| start.elapsed()),
            needs: self.needs.get(id).cloned().unwrap_or_default(),
            result,
        });
    }

    fn finish(self, run: String, cancelled: bool, path: Option<std::path::PathBuf>) -> ApplyReport {
        let elapsed = self.began.elapsed();
        let report = ApplyReport {
            run,
            outcomes: self.outcomes,
            cancelled,
            elapsed,
            journal: path,
        };
        if let Some(journal) = &self.journal {
            journal.end(match (report.cancelled, report.is_success()) {
                (true, _) => "stopped",
                (false, true) => "succeeded",
                (false, false) => "failed",
            });
        }
        report
    }
}
