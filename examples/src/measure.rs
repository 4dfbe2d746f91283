//! What requests, waiting and starting cost, in numbers.
//!
//! Requests and waiting are measured on an Azure in the process under a clock that is moved by hand:
//! the figures are the same on every machine. Starting is measured in processes, and what nginx adds
//! to a request in a namespace of its own. Nothing here judges a time; ratios and counts have goals,
//! which are printed beside them.

mod front_door;
mod path;
mod processes;
mod trips;

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use dify_infra_azure::apply::Applier;
use dify_infra_azure::arm::ArmClient;
use dify_infra_azure::embedded::{DEFAULT_SUBSCRIPTION, EmbeddedAzure, Emulator, client_builder};
use dify_infra_azure::observe::observe;
use dify_infra_azure::secrets::SystemRandom;
use dify_infra_core::deployment::Deployment;
use dify_infra_core::graph::{ResourceGraph, Target, lower};
use dify_infra_core::names::SubscriptionId;
use dify_infra_core::plan::{Options, Snapshot, plan};
use dify_infra_core::secrets::{Secrets, generate_missing};
use tokio::time::Instant;

pub use front_door::{INSIDE, front_door, measure_front_door};
pub use path::{Step, critical_path, longest_chain};
pub use processes::processes;
pub use trips::Trips;

use crate::DIFY_PROD;

/// How long an answer of Azure Resource Manager takes here.
const LATENCY: Duration = Duration::from_millis(80);

/// What a plan without changes costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlanCost {
    /// Requests that were sent.
    pub requests: usize,
    /// Requests of which each waited for the one before.
    pub round_trips: usize,
}

/// How an apply compares with the least time that it could take.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ApplyCost {
    /// Resources that were made.
    pub resources: usize,
    /// Requests that were sent.
    pub requests: u64,
    /// From the start to the end.
    pub wall: Duration,
    /// The longest chain of resources of which each needs the one before.
    pub longest_chain: Duration,
    /// The least time with one write at a time at a PostgreSQL server.
    pub critical_path: Duration,
}

impl ApplyCost {
    /// Wall time over critical path: 1 is perfect.
    pub fn ratio(&self) -> f64 {
        self.wall.as_secs_f64() / self.critical_path.as_secs_f64()
    }
}

/// Production with what a team adds to it: a mail server, where errors are reported, data from Notion.
/// Each secret is a resource of the vault.
pub fn larger_production() -> String {
    let variables = [
        ("SMTP_PASSWORD", "smtp-password"),
        ("SENTRY_DSN", "sentry-dsn"),
        ("NOTION_CLIENT_SECRET", "notion-client-secret"),
        ("NOTION_INTERNAL_SECRET", "notion-internal-secret"),
        ("UNSTRUCTURED_API_KEY", "unstructured-api-key"),
    ];
    let lines = variables.map(|(name, secret)| format!("{name} = {{ secret = \"{secret}\" }}\n"));
    format!("{DIFY_PROD}\n[services.api.env]\n{}", lines.concat())
}

/// A deployment on an Azure of its own.
struct Bench {
    client: ArmClient,
    graph: ResourceGraph,
    secrets: Secrets,
    trips: Arc<Trips>,
}

impl Bench {
    fn new(file: &str, time_scale: f64) -> anyhow::Result<Self> {
        let emulator = Emulator::builder().time_scale(time_scale).build()?;
        let latency = LATENCY.div_f64(time_scale);
        let transport = Arc::new(EmbeddedAzure::new(emulator).with_latency(latency));
        let trips = Arc::new(Trips::default());
        let observer: Arc<Trips> = Arc::clone(&trips);
        let client = client_builder(transport)?.observer(observer).build();
        let deployment = Deployment::parse(file)?.deployment;
        let subscription = SubscriptionId::parse(DEFAULT_SUBSCRIPTION)?;
        let graph = lower(&deployment, &Target::new(&deployment, Some(&subscription)))?;
        let mut secrets = Secrets::new();
        generate_missing(&mut secrets, &mut SystemRandom)?;
        for name in deployment.secret_names() {
            if !secrets.contains(name.clone()) {
                secrets.insert(name, "a value that the file names".into());
            }
        }
        Ok(Self {
            client,
            graph,
            secrets,
            trips,
        })
    }

    async fn apply(&self) -> anyhow::Result<ApplyCost> {
        let snapshot = Snapshot::clone(&observe(&self.client, &self.graph).await);
        let plan = plan(&self.graph, &snapshot, Options::default());
        let applier = Applier::new(&self.client, &self.graph);
        let before = self.client.requests_sent();
        let began = Instant::now();
        let report = applier.apply(&plan, &snapshot, &self.secrets).await?;
        let wall = began.elapsed();
        ensure!(
            report.is_success(),
            "the apply that was to be measured failed"
        );
        let steps: Vec<Step> = report
            .outcomes
            .iter()
            .map(|outcome| Step {
                name: outcome.id.as_str().to_ascii_lowercase(),
                took: outcome.elapsed,
                needs: outcome
                    .needs
                    .iter()
                    .map(|id| id.as_str().to_ascii_lowercase())
                    .collect(),
            })
            .collect();
        Ok(ApplyCost {
            resources: steps.len(),
            requests: self.client.requests_sent() - before,
            wall,
            longest_chain: longest_chain(&steps),
            critical_path: critical_path(&steps),
        })
    }

    async fn plan(&self) -> anyhow::Result<PlanCost> {
        self.trips.forget();
        let snapshot = observe(&self.client, &self.graph).await;
        let plan = plan(&self.graph, &snapshot, Options::default());
        ensure!(
            plan.is_empty(),
            "the plan that was to be measured has changes:\n{plan}"
        );
        Ok(PlanCost {
            requests: self.trips.count(),
            round_trips: self.trips.sequential(),
        })
    }
}

/// A first apply of a file and a plan right after it, under the clock of the runtime that this is
/// called on.
///
/// # Errors
///
/// When the file has errors, the apply fails, or the plan after it has changes.
pub async fn deployment(file: &str, time_scale: f64) -> anyhow::Result<(ApplyCost, PlanCost)> {
    let bench = Bench::new(file, time_scale)?;
    let apply = bench.apply().await?;
    let plan = bench.plan().await?;
    Ok((apply, plan))
}

/// Writes down what a first apply and a plan without changes cost.
///
/// # Errors
///
/// As [`deployment`], and when `out` can't be written to.
pub fn write_deployment(file: &str, out: &mut dyn Write) -> anyhow::Result<(ApplyCost, PlanCost)> {
    let (apply, plan) = paused()?.block_on(deployment(file, 1.0))?;
    let trips = if plan.round_trips == 1 {
        "trip"
    } else {
        "trips"
    };
    writeln!(
        out,
        "plan without changes: {} requests, {} round {trips} (goals 40 and 3)",
        plan.requests, plan.round_trips
    )?;
    writeln!(
        out,
        "first apply in Azure's time: {} resources, {} requests, {} over a critical path of {}: \
         ratio {:.3} (goal 1.05)",
        apply.resources,
        apply.requests,
        minutes(apply.wall),
        minutes(apply.critical_path),
        apply.ratio()
    )?;
    if apply.longest_chain < apply.critical_path {
        writeln!(
            out,
            "  longest chain of needs alone: {}; the rest is one write at a time at PostgreSQL",
            minutes(apply.longest_chain)
        )?;
    }
    Ok((apply, plan))
}

/// Writes down what a first apply costs on a real clock, with the time that this machine takes to
/// think.
///
/// # Errors
///
/// As [`deployment`], and when `out` can't be written to.
pub fn write_real_time(file: &str, scale: f64, out: &mut dyn Write) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let (apply, _) = runtime.block_on(deployment(file, scale))?;
    writeln!(
        out,
        "first apply, {scale} times faster, on a real clock: {:.1} s over a critical path of {:.1} \
         s: ratio {:.3} (goal 1.05)",
        apply.wall.as_secs_f64(),
        apply.critical_path.as_secs_f64(),
        apply.ratio()
    )?;
    Ok(())
}

/// A runtime whose clock moves only when everything waits.
fn paused() -> anyhow::Result<tokio::runtime::Runtime> {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder
        .enable_all()
        .start_paused(true)
        .build()
        .context("no runtime")
}

fn minutes(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    format!("{}m {:04.1}s", duration.as_secs() / 60, seconds % 60.0)
}
