//! A name of one's own on the front door: what DNS says of it, and waiting for a person to set records.
//!
//! Azure is asked (`listCustomHostNameAnalysis` of the app), not DNS: what counts is what Azure sees,
//! and the caller may be where public DNS can't be reached.

use std::time::Duration;

use dify_infra_core::diff::compare;
use dify_infra_core::graph::ResourceGraph;
use dify_infra_core::plan::{
    DnsAnswer, DnsRecord, Observed, Options, Plan, RecordState, Snapshot, custom_domains,
    dns_records, observed_domain, plan,
};
use dify_infra_core::resource::domain::CustomDomain;
use dify_infra_core::resource::{Kind, ResourceId};
use serde_json::Value;
use tokio::time::Instant;

use crate::apply::Cancellation;
use crate::arm::ArmClient;
use crate::observe::sentence;

/// Fills in what the apps that were seen say of names, and asks about those that are not on their app
/// with their certificate yet.
pub(crate) async fn observe(client: &ArmClient, graph: &ResourceGraph, snapshot: &mut Snapshot) {
    for domain in custom_domains(graph) {
        let observed = observed_domain(domain, snapshot);
        let is_bound = is_bound(graph, domain, &observed, snapshot);
        snapshot.insert(domain.id.clone(), observed);
        if !is_bound {
            ask(client, domain, snapshot).await;
        }
    }
}

/// Asks about every name of the graph whose app is there, also those that are bound: whether people
/// arrive at the front door is another question than whether it has the name.
pub async fn look(client: &ArmClient, graph: &ResourceGraph, snapshot: &mut Snapshot) {
    for domain in custom_domains(graph) {
        if snapshot.dns(&domain.name).is_none() {
            ask(client, domain, snapshot).await;
        }
    }
}

/// Whether a name is on its app with the certificate that it is to have.
fn is_bound(
    graph: &ResourceGraph,
    domain: &CustomDomain,
    observed: &Observed,
    snapshot: &Snapshot,
) -> bool {
    let certificate = ResourceId::parse(&domain.certificate_id).ok();
    let certificate = certificate.and_then(|id| snapshot.body(&id));
    let state = certificate.and_then(|body| body.pointer("/properties/provisioningState"));
    let is_issued = certificate.is_some()
        && state
            .and_then(Value::as_str)
            .is_none_or(|state| state.eq_ignore_ascii_case("succeeded"));
    match (observed, graph.get(&domain.id)) {
        (Observed::Present(live), Some(node)) => {
            is_issued && compare(node.kind(), node.body(), live).is_equal()
        }
        _ => false,
    }
}

/// Asks the app what DNS says of a name; nothing when the app is not there.
async fn ask(client: &ArmClient, domain: &CustomDomain, snapshot: &mut Snapshot) {
    let Some(app) = domain
        .id
        .parent()
        .filter(|app| snapshot.body(app).is_some())
    else {
        return;
    };
    // A host name has letters, digits, dots and hyphens alone.
    let action = format!("listCustomHostNameAnalysis?customHostname={}", domain.name);
    let version = Kind::ContainerApp.api_version();
    let answer = client
        .post_action(app.as_str(), &action, version, None)
        .await;
    let answer = match answer {
        Ok(analysis) => DnsAnswer::Analysis(analysis),
        Err(error) => DnsAnswer::Unknown(sentence(&error)),
    };
    snapshot.set_dns(&domain.name, answer);
}

/// How long to wait for a person, and how often to look.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Patience {
    /// Pause between two looks.
    pub every: Duration,
    /// When to give up.
    pub limit: Duration,
}

impl Patience {
    /// A look every 15 seconds, until the limit is over.
    pub fn new(limit: Duration) -> Self {
        Self {
            every: Duration::from_secs(15),
            limit,
        }
    }

    /// Sets the pause between two looks.
    #[must_use]
    pub fn with_pause(mut self, every: Duration) -> Self {
        self.every = every;
        self
    }
}

/// How waiting ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waited {
    /// The records are there: a plan that is made now goes on.
    Ready,
    /// The time is over.
    TimedOut,
    /// The person stopped it.
    Stopped,
}

/// Hears which records are missing.
pub type Tell<'a> = dyn Fn(&[DnsRecord]) + Sync + 'a;

/// Waits until DNS has the records for which a plan waits. `tell` hears which are missing, at first and
/// whenever that changes.
pub async fn wait(
    client: &ArmClient,
    graph: &ResourceGraph,
    snapshot: &mut Snapshot,
    patience: Patience,
    (tell, mut cancellation): (&Tell<'_>, Cancellation),
) -> Waited {
    let began = Instant::now();
    let mut told: Option<Vec<DnsRecord>> = None;
    loop {
        for domain in custom_domains(graph) {
            ask(client, domain, snapshot).await;
        }
        if !is_waiting(&plan(graph, snapshot, Options::default())) {
            return Waited::Ready;
        }
        let missing = missing_records(graph, snapshot);
        if told.as_ref() != Some(&missing) {
            tell(&missing);
            told = Some(missing);
        }
        let left = patience.limit.saturating_sub(began.elapsed());
        if left.is_zero() {
            return Waited::TimedOut;
        }
        tokio::select! {
            () = tokio::time::sleep(patience.every.min(left)) => {}
            () = cancellation.cancelled() => return Waited::Stopped,
        }
    }
}

fn is_waiting(plan: &Plan) -> bool {
    plan.waiting().next().is_some()
}

/// The records that DNS does not have, as far as Azure says.
pub fn missing_records(graph: &ResourceGraph, snapshot: &Snapshot) -> Vec<DnsRecord> {
    let mut records = dns_records(graph, snapshot);
    records.retain(|record| record.state != RecordState::Set);
    records
}
