//! The planner: graph and snapshot in, plan out.

use std::collections::BTreeSet;

use serde_json::Value;

use super::domain::{foreign_domains, path_of, wait_for_records};
use super::judgement::{
    blocker, foreign_owner, has_failed, is_creation_failure, is_immutable, is_settled, is_stopped,
    risk, unfit, update_reason,
};
use super::permanent::{fixed_already, permanent};
use super::shown::{show_files, show_fingerprints_short, show_obsolete};
use super::staging::{follow_new_keys, orphans, stage_callers};
use super::vault::{deleted_vault, follow_new_versions, renew_unreadable};
use super::{
    Action, Change, Fingerprints, Observed, Plan, Risk, RiskLevel, Snapshot, desired, obsolete_tags,
};
use crate::diff::{Comparison, Difference, compare, created};
use crate::graph::{Management, Node, ResourceGraph};
use crate::resource::{Kind, ResourceId};

/// Choices of the person who plans.
///
/// ```
/// use dify_infra_core::plan::{Options, fingerprints};
/// use dify_infra_core::secrets::Secrets;
///
/// let fingerprints = fingerprints(&Secrets::new());
/// let options = Options::new().with_fingerprints(fingerprints.as_ref()).with_prune(true);
/// assert!(options.prune);
/// ```
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct Options<'a> {
    /// Fingerprints of the secrets, when the secrets file is at hand; otherwise secrets are kept.
    pub fingerprints: Option<&'a Fingerprints>,
    /// Remove what someone else set in our resources.
    pub prune: bool,
}

impl<'a> Options<'a> {
    /// Secrets are kept, and so is what someone else set.
    pub fn new() -> Self {
        Self::default()
    }

    /// Compares the secrets by their fingerprints, where they are at hand.
    #[must_use]
    pub fn with_fingerprints(mut self, fingerprints: impl Into<Option<&'a Fingerprints>>) -> Self {
        self.fingerprints = fingerprints.into();
        self
    }

    /// Sets whether what someone else set in our resources is removed.
    #[must_use]
    pub fn with_prune(mut self, prune: bool) -> Self {
        self.prune = prune;
        self
    }
}

/// Works out what apply would do. It never fails: what could not be read is an unknown change.
pub fn plan(graph: &ResourceGraph, snapshot: &Snapshot, options: Options<'_>) -> Plan {
    let mut changes: Vec<Change> = graph
        .in_order()
        .into_iter()
        .map(|node| change(graph, node, snapshot, options))
        .collect();
    follow_new_keys(graph, &mut changes);
    renew_unreadable(graph, options.fingerprints, &mut changes);
    follow_new_versions(graph, &mut changes);
    stage_callers(graph, snapshot, &mut changes);
    wait_for_records(graph, snapshot, &mut changes);
    let writes: BTreeSet<ResourceId> = changes
        .iter()
        .filter(|change| change.action.writes())
        .map(|c| c.id.clone())
        .collect();
    for change in &mut changes {
        change.needs.retain(|id| writes.contains(id));
    }
    let orphans = orphans(graph, snapshot, &changes, &writes);
    changes.extend(orphans);
    let blocked = changes.iter().filter_map(blocker).collect();
    Plan {
        changes: in_order(changes),
        blocked,
        allowed: graph.allowed_rules().to_vec(),
    }
}

fn change(graph: &ResourceGraph, node: &Node, snapshot: &Snapshot, options: Options<'_>) -> Change {
    let mut change = Change {
        id: node.id().clone(),
        kind: Some(node.kind()),
        action: Action::NoChange,
        reason: "as wanted".to_owned(),
        risk: Risk::none(),
        differences: Vec::new(),
        foreign: Vec::new(),
        permanent: Vec::new(),
        needs: node.dependencies().clone(),
    };
    let wanted = desired(node, snapshot, options.fingerprints);
    match (snapshot.get(node.id()), node.management()) {
        (None, _) => unknown(&mut change, "it was not looked at"),
        (Some(Observed::Unreadable(reason)), _) => unknown(&mut change, reason),
        (Some(Observed::Absent), Management::Existing) => {
            let reason = "the file says that it exists, and Azure has no resource of this name";
            let place = match node.kind() {
                Kind::Registry => "; `resource_group` under `[images]` says where it is",
                _ => "",
            };
            unknown(&mut change, &format!("{reason}{place}"));
        }
        (Some(Observed::Present(live)), Management::Existing) => {
            match unfit(graph, node, snapshot, (&wanted, live)) {
                Some(reason) => unknown(&mut change, &reason),
                None => "existing, not managed here".clone_into(&mut change.reason),
            }
        }
        (Some(Observed::Present(live)), _) if is_stopped(node.kind(), live) => {
            let reason = "the server is stopped and takes no change; start it with \
                          `az postgres flexible-server start`";
            unknown(&mut change, reason);
        }
        (Some(Observed::Absent), Management::Managed) => {
            create(&mut change, node, &wanted);
            deleted_vault(graph, node, snapshot, &mut change);
        }
        (Some(Observed::Present(live)), Management::Managed) => {
            present(
                graph,
                &mut change,
                node,
                Bodies {
                    wanted: &wanted,
                    live,
                },
                (snapshot, options),
            );
        }
    }
    change
}

pub(super) fn unknown(change: &mut Change, reason: &str) {
    change.action = Action::Unknown;
    reason.clone_into(&mut change.reason);
}

fn create(change: &mut Change, node: &Node, wanted: &Value) {
    change.action = Action::Create;
    change.differences = created(wanted);
    change.permanent = permanent(node.kind(), wanted);
    change.reason = if node.kind() == Kind::JobExecution {
        change.risk = Risk::new(
            RiskLevel::Irreversible,
            "the migration changes the database",
        );
        "run migration: no run of the job has succeeded with this image".to_owned()
    } else {
        "it does not exist".to_owned()
    };
}

/// The two sides of a comparison.
#[derive(Clone, Copy)]
pub(super) struct Bodies<'a> {
    pub(super) wanted: &'a Value,
    pub(super) live: &'a Value,
}

fn present(
    graph: &ResourceGraph,
    change: &mut Change,
    node: &Node,
    bodies: Bodies<'_>,
    (snapshot, options): (&Snapshot, Options<'_>),
) {
    if node.kind() == Kind::JobExecution {
        return execution(change, bodies);
    }
    if node.kind() == Kind::ResourceGroup {
        "the group exists".clone_into(&mut change.reason);
        return;
    }
    if let Some(reason) = foreign_owner(graph, node.kind(), bodies.live) {
        return unknown(change, &reason);
    }
    let Comparison {
        mut differences,
        mut foreign,
    } = compare(node.kind(), bodies.wanted, bodies.live);
    foreign.extend(
        foreign_domains(node, bodies.live)
            .iter()
            .map(|name| path_of(name)),
    );
    differences.extend(
        obsolete_tags(bodies.wanted, bodies.live)
            .into_iter()
            .map(|tag| Difference {
                path: format!("tags.{tag}"),
                before: Some(Value::from("(of an earlier file)")),
                after: None,
            }),
    );
    let foreign = show_obsolete(&mut differences, foreign, bodies);
    show_fingerprints_short(&mut differences);
    show_files(&mut differences, node, snapshot);
    if options.prune {
        differences.extend(foreign.iter().map(|path| Difference {
            path: path.clone(),
            before: Some(Value::from("(set by someone else)")),
            after: None,
        }));
    }
    change.permanent = fixed_already(node.kind(), bodies.wanted, bodies.live);
    change.foreign = if options.prune { Vec::new() } else { foreign };
    judge(change, node.kind(), bodies.live, differences);
}

/// Decides between no change, update and replace.
fn judge(change: &mut Change, kind: Kind, live: &Value, differences: Vec<Difference>) {
    let failed = has_failed(kind, live);
    let replaces = differences
        .iter()
        .any(|difference| is_immutable(kind, &difference.path));
    change.risk = risk(kind, &differences);
    if replaces {
        change.action = Action::Replace;
        "Azure fixes this at creation".clone_into(&mut change.reason);
        change.risk = Risk::new(RiskLevel::Interruption, "deleted, then made again");
    } else if !differences.is_empty() {
        change.action = Action::Update;
        change.reason = update_reason(&differences);
    } else if failed {
        // A Managed Redis whose creation failed has to go before it is tried again
        // (Azure-Samples/ai-hub-gateway-solution-accelerator#148).
        // A certificate that was not issued is asked for anew, since nothing of one can be changed.
        let must_go = (kind == Kind::RedisEnterprise && is_creation_failure(live))
            || kind == Kind::ManagedCertificate;
        change.action = if must_go {
            Action::Replace
        } else {
            Action::Update
        };
        "the last write to it failed".clone_into(&mut change.reason);
    } else if !is_settled(kind, live) {
        change.action = Action::Update;
        "a write to it is still under way".clone_into(&mut change.reason);
    }
    change.differences = differences;
}

fn execution(change: &mut Change, bodies: Bodies<'_>) {
    let text = |body: &Value, name: &str| {
        body.get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let same = text(bodies.wanted, "image") == text(bodies.live, "image");
    match text(bodies.live, "status").as_str() {
        "Succeeded" if same => {
            "the migration has run with this image".clone_into(&mut change.reason);
        }
        _ => {
            change.action = Action::Create;
            "run migration: a run with this image is under way and is waited for"
                .clone_into(&mut change.reason);
        }
    }
}

/// Sorts changes so that each comes after what it needs.
fn in_order(mut changes: Vec<Change>) -> Vec<Change> {
    let mut ordered: Vec<Change> = Vec::with_capacity(changes.len());
    while !changes.is_empty() {
        let open: BTreeSet<ResourceId> = changes.iter().map(|change| change.id.clone()).collect();
        let (ready, rest): (Vec<_>, Vec<_>) = changes
            .into_iter()
            .partition(|change| change.needs.is_disjoint(&open));
        if ready.is_empty() {
            ordered.extend(rest);
            break;
        }
        ordered.extend(ready);
        changes = rest;
    }
    ordered
}
