//! Proving from the control plane that a deployment is what it should be.
//!
//! A check passes only when Azure's answers show it. What needs a running container (a route
//! answered, a key accepted, a private address refused) is reported as not run, never as passed.

mod checks;
mod domain;
mod network;
mod report;

use dify_infra_core::deployment::Deployment;
use dify_infra_core::graph::ResourceGraph;
use dify_infra_core::plan::Snapshot;
use dify_infra_core::resource::{Kind, ResourceId};
use futures_util::future::{join, join_all};
use jiff::Timestamp;
use serde_json::Value;

pub use report::{Check, Status, VerifyReport};

use crate::arm::ArmClient;
use crate::observe::sentence;

/// The revisions of an app and the replicas of its newest one.
#[derive(Debug)]
struct AppState {
    id: ResourceId,
    revisions: Result<Vec<Value>, String>,
    replicas: Result<Vec<Value>, String>,
}

/// Proves what can be proved without running containers.
pub async fn verify(
    client: &ArmClient,
    deployment: &Deployment,
    graph: &ResourceGraph,
    snapshot: &Snapshot,
) -> VerifyReport {
    verify_at(client, deployment, graph, snapshot, Timestamp::now()).await
}

/// The same by a clock of the caller's, for the ages of secrets.
pub async fn verify_at(
    client: &ArmClient,
    deployment: &Deployment,
    graph: &ResourceGraph,
    snapshot: &Snapshot,
    now: Timestamp,
) -> VerifyReport {
    let mut seen = snapshot.clone();
    crate::domain::look(client, graph, &mut seen).await;
    let snapshot = &seen;
    let nodes = graph
        .nodes()
        .filter(|node| node.kind() == Kind::ContainerApp);
    let present = nodes.filter(|node| snapshot.body(node.id()).is_some());
    let states = join_all(present.map(|node| app_state(client, node.id(), snapshot)));
    let (states, all_apps) = join(states, list_apps(client, graph)).await;
    checks::run(&checks::Subject {
        now,
        deployment,
        graph,
        snapshot,
        states,
        all_apps,
    })
}

async fn app_state(client: &ArmClient, id: &ResourceId, snapshot: &Snapshot) -> AppState {
    let version = Kind::ContainerApp.api_version();
    let latest = snapshot
        .output(id, "/properties/latestRevisionName")
        .unwrap_or_default();
    let revisions_path = format!("{id}/revisions");
    let replicas_path = format!("{id}/revisions/{latest}/replicas");
    let (revisions, replicas) = join(
        client.list(&revisions_path, version),
        client.list(&replicas_path, version),
    )
    .await;
    AppState {
        id: id.clone(),
        revisions: revisions.map_err(|error| sentence(&error)),
        replicas: replicas.map_err(|error| sentence(&error)),
    }
}

/// Every app of the group: a public one that nobody expects may be there beside ours.
async fn list_apps(client: &ArmClient, graph: &ResourceGraph) -> Result<Vec<Value>, String> {
    let path = format!("{}/providers/Microsoft.App/containerApps", graph.group());
    match client.list(&path, Kind::ContainerApp.api_version()).await {
        Ok(apps) => Ok(apps),
        Err(error) if error.is_not_found() => Ok(Vec::new()),
        Err(error) => Err(sentence(&error)),
    }
}
