//! What a destroy deletes, and in which order: dependents before what they need.

use std::collections::BTreeSet;

use dify_infra_core::graph::{Management, Node, ResourceGraph, Task};
use dify_infra_core::plan::{Action, Snapshot};
use dify_infra_core::resource::{Kind, Lane, Layer, OWNER_TAG, ResourceId};
use serde_json::Value;

use super::run::Job;

/// The resources to delete: those that exist, that are ours, and whose parent does not go anyhow.
fn chosen<'a>(graph: &'a ResourceGraph, snapshot: &Snapshot, include_data: bool) -> Vec<&'a Node> {
    let goes = |node: &&Node| {
        let in_scope = include_data || node.kind().layer() == Layer::Application;
        let is_ours = is_ours(graph, snapshot, node.id());
        // The group stays: it may hold what we can't see, and what we can't see yet.
        let is_resource = !matches!(node.kind(), Kind::JobExecution | Kind::ResourceGroup);
        in_scope && is_ours && is_resource && snapshot.body(node.id()).is_some()
    };
    let going: Vec<&Node> = graph.in_order().into_iter().filter(goes).collect();
    let ids: BTreeSet<&ResourceId> = going.iter().map(|node| node.id()).collect();
    // A zone can't be deleted while networks are linked to it.
    let goes_with_parent = |node: &&Node| {
        node.id().is_child()
            && node.kind() != Kind::VirtualNetworkLink
            && node
                .id()
                .parent()
                .is_some_and(|parent| ids.contains(&parent))
    };
    // What has no DELETE of its own (a server's settings, a blob service) stays with its parent.
    let has_delete = |node: &&Node| {
        !matches!(
            node.kind(),
            Kind::PostgresConfiguration
                | Kind::BlobService
                | Kind::VaultSecret
                | Kind::CustomDomain
        )
    };
    let chosen = going
        .iter()
        .filter(|node| !goes_with_parent(node) && has_delete(node));
    chosen.copied().collect()
}

/// Whether a resource, or a child that goes with it, needs another one or a child of that:
/// a network goes after the endpoints in its subnets, a zone after the groups that write into it.
fn needs(graph: &ResourceGraph, id: &ResourceId, needed: &ResourceId) -> bool {
    let own = |other: &ResourceId| other == id || other.is_below(id);
    let is_needed = |other: &ResourceId| other == needed || other.is_below(needed);
    // A certificate is made after the app that has its name, and deleted after it all the more.
    let is_certificate = |node: &&Node| node.kind() == Kind::ManagedCertificate;
    let nodes = graph
        .nodes()
        .filter(|node| own(node.id()) && !is_certificate(node));
    let mut all = nodes.flat_map(Node::dependencies);
    all.any(|other| is_needed(other) && !own(other))
}

/// Whether a resource is ours by its tag; what has no tags follows its parent, so a child of a
/// resource that someone else made is never ours to delete.
fn is_ours(graph: &ResourceGraph, snapshot: &Snapshot, id: &ResourceId) -> bool {
    let Some(node) = graph.get(id) else {
        return false;
    };
    if node.management() == Management::Existing {
        return false;
    }
    if node.kind() == Kind::RoleAssignment {
        // Its name follows from our identity, so nobody else makes it, wherever its scope is.
        return true;
    }
    if node.kind().is_taggable() {
        return is_owned(snapshot.body(id), graph.owner());
    }
    id.parent()
        .is_some_and(|parent| is_ours(graph, snapshot, &parent))
}

fn is_owned(body: Option<&Value>, owner: &str) -> bool {
    let tags = body
        .and_then(|body| body.get("tags"))
        .and_then(Value::as_object);
    tags.into_iter()
        .flatten()
        .any(|(name, value)| name.eq_ignore_ascii_case(OWNER_TAG) && value.as_str() == Some(owner))
}

/// The resources of the group that carry our tag and that the graph does not know, when they may
/// be made again.
fn orphans(graph: &ResourceGraph, snapshot: &Snapshot) -> Vec<ResourceId> {
    let is_orphan = |id: &ResourceId| {
        let kind = Kind::from_type(&id.resource_type());
        let goes_with_parent = matches!(kind, Some(Kind::Certificate | Kind::ManagedCertificate));
        graph.get(id).is_none()
            && !goes_with_parent
            && kind.is_some_and(|kind| kind.layer() == Layer::Application)
    };
    let listed = snapshot.listed().iter().map(|listed| listed.id.clone());
    listed.filter(is_orphan).collect()
}

pub(super) fn tasks(graph: &ResourceGraph, snapshot: &Snapshot, include_data: bool) -> Vec<Job> {
    let nodes = chosen(graph, snapshot, include_data);
    let orphans = orphans(graph, snapshot);
    let environments: BTreeSet<ResourceId> = orphans.iter().cloned().collect();
    let dependents = |id: &ResourceId| -> BTreeSet<ResourceId> {
        let needs_it = nodes
            .iter()
            .filter(|other| other.id() != id && needs(graph, other.id(), id));
        needs_it.map(|other| other.id().clone()).collect()
    };
    let job = |id: ResourceId, kind: Kind, needs: BTreeSet<ResourceId>| Job {
        action: Action::Delete,
        task: Task {
            lane: kind.lane(&id),
            key: id,
            needs,
            cost: kind.usual_duration(),
        },
    };
    let own = nodes.iter().map(|node| {
        let mut needs = dependents(node.id());
        if node.kind() == Kind::ManagedEnvironment {
            needs.extend(environments.iter().cloned());
        }
        job(node.id().clone(), node.kind(), needs)
    });
    let strays = orphans.iter().filter_map(|id| {
        let kind = Kind::from_type(&id.resource_type())?;
        Some(job(id.clone(), kind, BTreeSet::new()))
    });
    own.chain(strays).collect()
}

pub(super) fn order(
    graph: &ResourceGraph,
    snapshot: &Snapshot,
    include_data: bool,
) -> Vec<ResourceId> {
    let own = chosen(graph, snapshot, include_data)
        .into_iter()
        .rev()
        .map(|node| node.id().clone());
    orphans(graph, snapshot).into_iter().chain(own).collect()
}

/// The lane type of a schedule of resources.
pub(super) type ResourceTask = Task<ResourceId, Lane>;
