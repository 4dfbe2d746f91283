//! What changes because something else changes: keys and tables made anew, callers after what they
//! call, what the file does not ask for any more.

use std::collections::BTreeSet;

use serde_json::Value;

use super::domain::is_bound;
use super::vault::VALUE;
use super::{Action, Change, ListedResource, Risk, RiskLevel, Snapshot};
use crate::diff::Difference;
use crate::graph::{Management, Node, ResourceGraph};
use crate::resource::text::texts;
use crate::resource::{AnyResource, Kind, Layer, OutputReference, ResourceId, Text};

/// What was made with a resource that is made anew: its keys in apps and jobs, and the tables of a
/// database. Nothing in the live bodies shows that these are gone.
pub(super) fn follow_new_keys(graph: &ResourceGraph, changes: &mut [Change]) {
    let made: BTreeSet<ResourceId> = changes
        .iter()
        .filter(|change| matches!(change.action, Action::Create | Action::Replace))
        .map(|change| change.id.clone())
        .collect();
    for change in changes {
        let Some(node) = graph.get(&change.id) else {
            continue;
        };
        if change.action == Action::Create && node.kind() == Kind::JobExecution {
            let is_new = |id: &ResourceId| is_database(id) && made.contains(id);
            if node.dependencies().iter().any(is_new) {
                // Nothing is there yet that a migration could change.
                change.risk = Risk::none();
            }
        }
        let is_present = matches!(change.action, Action::NoChange | Action::Update);
        if !is_present || node.management() == Management::Existing {
            continue;
        }
        match node.kind() {
            Kind::JobExecution => {
                let is_new = |id: &ResourceId| is_database(id) && made.contains(id);
                if node.dependencies().iter().any(is_new) {
                    change.action = Action::Create;
                    "run migration: the database is made anew".clone_into(&mut change.reason);
                    change.risk = Risk::none();
                }
            }
            _ => renew_keys(change, node, &made),
        }
    }
}

fn is_database(id: &ResourceId) -> bool {
    Kind::from_type(&id.resource_type()) == Some(Kind::PostgresDatabase)
}

/// Turns a resource that holds a key of a resource made anew into an update.
fn renew_keys(change: &mut Change, node: &Node, made: &BTreeSet<ResourceId>) {
    let texts = texts(node.body());
    let keys = texts
        .iter()
        .flat_map(Text::outputs)
        .filter(|output| output.is_secret());
    let gone: BTreeSet<&ResourceId> = keys
        .map(OutputReference::resource)
        .filter(|id| made.contains(id) || made.iter().any(|above| id.is_below(above)))
        .collect();
    if gone.is_empty() {
        return;
    }
    if change.action == Action::NoChange {
        change.action = Action::Update;
        "a key that it holds is made anew".clone_into(&mut change.reason);
    }
    if change.risk.level < RiskLevel::Restart && node.kind() == Kind::ContainerApp {
        change.risk = Risk::new(
            RiskLevel::Restart,
            "a new revision replaces the running one",
        );
    }
    change
        .differences
        .extend(gone.into_iter().map(|id| Difference {
            path: match node.kind() {
                Kind::VaultSecret => VALUE.to_owned(),
                _ => format!("properties.configuration.secrets[key of {}]", id.label()),
            },
            before: Some(Value::from("(the old key)")),
            after: Some(Value::from("(the new key)")),
        }));
}

/// Apps that run already change only after the services they call have changed and work
/// (callers last). A first deployment waits for references alone.
pub(super) fn stage_callers(graph: &ResourceGraph, snapshot: &Snapshot, changes: &mut [Change]) {
    for change in changes {
        let is_update = snapshot.body(&change.id).is_some();
        if let Some(AnyResource::ContainerApp(app)) = graph.get(&change.id).map(Node::resource)
            && is_update
        {
            change.needs.extend(app.calls.iter().cloned());
        }
    }
}

/// What carries our tag and is not in the graph: deleted when it can be made again, kept when it
/// holds data.
pub(super) fn orphans(
    graph: &ResourceGraph,
    snapshot: &Snapshot,
    changes: &[Change],
    writes: &BTreeSet<ResourceId>,
) -> Vec<Change> {
    let is_waiting = changes
        .iter()
        .any(|change| change.action == Action::Waiting);
    let is_orphan = |listed: &&ListedResource| {
        // A certificate has tags of its own, and goes when the file asks for another one.
        let kind = Kind::from_type(&listed.id.resource_type());
        let is_certificate = matches!(kind, Some(Kind::Certificate | Kind::ManagedCertificate));
        let above = !is_certificate
            && graph
                .nodes()
                .any(|node| node.kind() != Kind::ResourceGroup && listed.id.is_below(node.id()));
        graph.get(&listed.id).is_none() && !above
    };
    snapshot
        .listed()
        .iter()
        .filter(is_orphan)
        .map(|listed| {
            let mut change = orphan(listed, writes);
            if change.action == Action::Delete && is_bound(graph, snapshot, &listed.id, is_waiting)
            {
                change.action = Action::NoChange;
                change.risk = Risk::none();
                "it is the certificate of a name on the front door, and goes with that"
                    .clone_into(&mut change.reason);
            }
            change
        })
        .collect()
}

fn orphan(listed: &ListedResource, writes: &BTreeSet<ResourceId>) -> Change {
    let kind = Kind::from_type(&listed.id.resource_type());
    let is_application = kind.is_some_and(|kind| kind.layer() == Layer::Application);
    let (action, reason, risk) = if is_application {
        let risk = Risk::new(RiskLevel::Interruption, "the resource is deleted");
        (
            Action::Delete,
            "it carries our tag and the file does not ask for it",
            risk,
        )
    } else {
        let reason = "it carries our tag and the file does not ask for it; it may hold data, so it \
                      is kept";
        (Action::NoChange, reason, Risk::none())
    };
    Change {
        id: listed.id.clone(),
        kind,
        action,
        reason: reason.to_owned(),
        risk,
        differences: Vec::new(),
        foreign: Vec::new(),
        permanent: Vec::new(),
        // Deletions come last: nothing may still refer to what goes.
        needs: writes.clone(),
    }
}
