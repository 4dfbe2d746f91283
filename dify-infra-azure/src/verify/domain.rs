//! The checks of a name of one's own: it is on the front door with its certificate, and DNS leads
//! there. What a person has to do first is waiting, and no failure.

use dify_infra_core::diff::compare;
use dify_infra_core::graph::Node;
use dify_infra_core::plan::{Observed, Options, RecordState, dns_records, plan};
use dify_infra_core::resource::{AnyResource, Kind, ResourceId};

use super::checks::{Subject, absence};
use super::report::{Check, Status};

/// What waits for DNS records, with what it waits for.
pub(super) fn waiting(subject: &Subject<'_>) -> Vec<(ResourceId, String)> {
    let plan = plan(subject.graph, subject.snapshot, Options::default());
    plan.waiting()
        .map(|change| (change.id.clone(), change.reason.clone()))
        .collect()
}

/// The checks of every name; nothing without one.
pub(super) fn checks(subject: &Subject<'_>, waiting: &[(ResourceId, String)]) -> Vec<Check> {
    let names = subject
        .graph
        .nodes()
        .filter(|node| node.kind() == Kind::CustomDomain);
    names
        .flat_map(|node| {
            let on_front_door = bound(subject, node, waiting);
            let mut checks = vec![on_front_door];
            checks.extend(leads_here(subject, node));
            checks
        })
        .collect()
}

fn bound(subject: &Subject<'_>, node: &Node, waiting: &[(ResourceId, String)]) -> Check {
    const NAME: &str = "the name is on the front door with its certificate";
    let name = node.id();
    if let Some((_, reason)) = waiting.iter().find(|(id, _)| id == node.id()) {
        return Check::new(NAME, name, Status::Waiting, reason);
    }
    match subject.snapshot.get(node.id()) {
        Some(Observed::Present(live)) => {
            let found = compare(node.kind(), node.body(), live);
            let detail = found.differences.first().map(ToString::to_string);
            let detail = detail.unwrap_or_else(|| "bound".to_owned());
            Check::judged(NAME, name, found.is_equal(), detail)
        }
        _ => Check::judged(NAME, name, false, absence(subject.snapshot, node.id())),
    }
}

/// Whether people who ask for the name arrive at the front door, as far as Azure sees.
fn leads_here(subject: &Subject<'_>, node: &Node) -> Option<Check> {
    const NAME: &str = "the name leads to the front door";
    let AnyResource::CustomDomain(domain) = node.resource() else {
        return None;
    };
    let records = dns_records(subject.graph, subject.snapshot);
    let record = records
        .into_iter()
        .find(|record| record.kind != "TXT" && record.name == domain.name)?;
    let (status, detail) = match record.state {
        RecordState::Set => (Status::Passed, record.to_string()),
        RecordState::Missing => (Status::Waiting, format!("DNS lacks {record}")),
        RecordState::Unknown if domain.needs_proof => {
            let right = "Microsoft.App/containerApps/listCustomHostNameAnalysis/action";
            (Status::NotRun, format!("needs the right {right}"))
        }
        _ => (
            Status::NotRun,
            "the record is in a private zone, which Azure does not ask".to_owned(),
        ),
    };
    Some(Check::new(NAME, node.id(), status, detail))
}
