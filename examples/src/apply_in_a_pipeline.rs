//! A deploy pipeline of one's own: plan, gate, apply, verify, with the steps in one's own hands.
//!
//! It runs on an Azure in the process; for a subscription only the
//! client changes.

use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context as _, bail, ensure};
use dify_infra_azure::apply::{Applier, Event, EventSink};
use dify_infra_azure::arm::ArmClient;
use dify_infra_azure::observe::observe;
use dify_infra_azure::outputs::{Outputs, outputs};
use dify_infra_azure::preflight::preflight;
use dify_infra_azure::verify::{Status, verify};
use dify_infra_core::check::check_file;
use dify_infra_core::deployment::Deployment;
use dify_infra_core::graph::{ResourceGraph, Target, lower};
use dify_infra_core::names::SubscriptionId;
use dify_infra_core::plan::{Action, Options, Plan, Snapshot, fingerprints, plan};
use dify_infra_core::secrets::Secrets;

/// What a pipeline shows of a run: here, how many resources are done.
#[derive(Debug, Default)]
struct Counter {
    done: AtomicUsize,
}

impl EventSink for Counter {
    fn event(&self, event: &Event) {
        if matches!(event, Event::Finished { .. }) {
            self.done.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// One deployment and the Azure it goes to.
#[derive(Debug)]
pub struct Pipeline<'a> {
    client: &'a ArmClient,
    deployment: Deployment,
    target: Target,
    graph: ResourceGraph,
}

impl<'a> Pipeline<'a> {
    /// Reads a deployment file for a subscription; every rule is applied.
    ///
    /// # Errors
    ///
    /// When the file has errors or the subscription is no id.
    pub fn new(client: &'a ArmClient, file: &str, subscription: &str) -> anyhow::Result<Self> {
        let deployment = check_file(file)?.deployment;
        let subscription = SubscriptionId::parse(subscription)?;
        let target = Target::new(&deployment, Some(&subscription));
        let graph = lower(&deployment, &target)?;
        Ok(Self {
            client,
            deployment,
            target,
            graph,
        })
    }

    /// Deploys, and writes down how it goes.
    ///
    /// # Errors
    ///
    /// When something would stop the run, the gate refuses the plan, or a resource fails.
    pub async fn run(
        &self,
        secrets: &Secrets,
        out: &mut (dyn Write + Send),
    ) -> anyhow::Result<Outputs> {
        let (plan, snapshot) = self.plan(secrets).await;
        let summary = plan.summary();
        writeln!(
            out,
            "plan: {} to create, {} to update",
            summary.create, summary.update
        )?;
        gate(&plan)?;

        let problems = preflight(self.client, &self.graph, &plan).await;
        for problem in &problems {
            writeln!(out, "{problem}")?;
        }
        ensure!(
            problems.is_empty(),
            "nothing was written, since the run would be stopped"
        );

        let counter = Counter::default();
        let applier = Applier::new(self.client, &self.graph).with_events(&counter);
        let report = applier.apply(&plan, &snapshot, secrets).await?;
        report.into_result()?;
        writeln!(out, "apply: {} done", counter.done.load(Ordering::Relaxed))?;

        let (again, snapshot) = self.plan(secrets).await;
        ensure!(again.is_empty(), "the second plan is not empty:\n{again}");
        let report = verify(self.client, &self.deployment, &self.graph, &snapshot).await;
        writeln!(
            out,
            "verify: {} passed, {} failed, {} not run",
            report.count(Status::Passed),
            report.count(Status::Failed),
            report.count(Status::NotRun)
        )?;
        ensure!(report.is_success(), "the deployment is not as it should be");

        let outputs = outputs(&self.deployment, &self.target, &self.graph, &snapshot);
        let url = outputs
            .public_url
            .as_deref()
            .context("the front door has no name")?;
        writeln!(out, "open {url}/install")?;
        Ok(outputs)
    }

    async fn plan(&self, secrets: &Secrets) -> (Plan, Snapshot) {
        let snapshot = observe(self.client, &self.graph).await;
        let fingerprints = fingerprints(secrets);
        let options = Options::new().with_fingerprints(fingerprints.as_ref());
        (plan(&self.graph, &snapshot, options), snapshot)
    }
}

/// What this pipeline never does without a person: deleting, replacing, and going on without
/// knowing.
fn gate(plan: &Plan) -> anyhow::Result<()> {
    for change in plan.changes() {
        if matches!(
            change.action,
            Action::Delete | Action::Replace | Action::Unknown
        ) {
            bail!(
                "{} {}: {}",
                change.action.word(),
                change.id.name(),
                change.reason
            );
        }
    }
    ensure!(plan.is_applyable(), "{}", plan.blocked().join("; "));
    Ok(())
}
