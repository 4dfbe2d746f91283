//! The checks themselves: pure functions of what was seen.

mod vault;

use std::collections::BTreeSet;

use dify_infra_core::catalogue::ServiceKind;
use dify_infra_core::deployment::Deployment;
use dify_infra_core::diff::compare;
use dify_infra_core::graph::{Node, ResourceGraph};
use dify_infra_core::plan::{Observed, Snapshot};
use dify_infra_core::resource::{Kind, ResourceId};
use serde_json::Value;

use super::AppState;
use super::report::{Check, Status, VerifyReport};

/// Everything the checks look at.
pub(super) struct Subject<'a> {
    pub(super) now: jiff::Timestamp,
    pub(super) deployment: &'a Deployment,
    pub(super) graph: &'a ResourceGraph,
    pub(super) snapshot: &'a Snapshot,
    pub(super) states: Vec<AppState>,
    pub(super) all_apps: Result<Vec<Value>, String>,
}

/// What only running containers can show, and how it will be shown.
const NOT_RUN: [(&str, &str); 6] = [
    (
        "every route is answered by its service",
        "needs requests to the front door",
    ),
    (
        "the two sides of each key agree",
        "needs a code run and a plugin call inside the apps",
    ),
    (
        "the proxy refuses private addresses",
        "needs a request from inside the sandbox",
    ),
    (
        "the API reaches PostgreSQL, Redis and Blob storage",
        "needs a query from inside an app",
    ),
    (
        "the sandbox runs a program",
        "needs a code run inside the sandbox",
    ),
    (
        "the scheduler's tasks arrive at the worker",
        "needs a look into the broker",
    ),
];

pub(super) fn run(subject: &Subject<'_>) -> VerifyReport {
    let waiting = super::domain::waiting(subject);
    let resources = subject
        .graph
        .nodes()
        .filter(|node| node.kind() != Kind::CustomDomain);
    let mut checks: Vec<Check> = resources
        .map(
            |node| match waiting.iter().find(|(id, _)| id == node.id()) {
                Some((_, reason)) => Check::new(IN_ORDER, node.id(), Status::Waiting, reason),
                None => state(node, subject.snapshot),
            },
        )
        .collect();
    checks.extend(
        subject
            .states
            .iter()
            .flat_map(|app| revisions(app, subject.snapshot)),
    );
    checks.push(beat(subject));
    checks.extend(databases(subject));
    checks.extend(containers(subject));
    checks.extend(apps_and_jobs(subject).map(|node| references(node, subject.snapshot)));
    checks.extend(vault::checks(subject));
    checks.push(public_ingress(subject));
    checks.extend(super::network::checks(subject));
    checks.extend(super::domain::checks(subject, &waiting));
    let name = subject.deployment.prefix().as_str();
    let open = NOT_RUN
        .iter()
        .map(|(what, why)| Check::new(what, name, Status::NotRun, *why));
    checks.extend(open);
    VerifyReport::new(checks)
}

pub(super) fn text<'a>(body: &'a Value, pointer: &str) -> &'a str {
    body.pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// Why there is nothing to look at: what could not be read may well exist.
pub(super) fn absence<'a>(snapshot: &'a Snapshot, id: &ResourceId) -> &'a str {
    match snapshot.get(id) {
        Some(Observed::Unreadable(reason)) => reason,
        _ => "it does not exist",
    }
}

/// What is checked of every resource.
const IN_ORDER: &str = "exists and is in order";

/// The resource exists and its last write succeeded.
fn state(node: &Node, snapshot: &Snapshot) -> Check {
    const NAME: &str = IN_ORDER;
    let name = node.id();
    let body = match snapshot.get(node.id()) {
        Some(Observed::Present(body)) => body,
        Some(Observed::Unreadable(reason)) => return Check::judged(NAME, name, false, reason),
        Some(Observed::Absent) | None => {
            let detail = if node.kind() == Kind::JobExecution {
                "no run of the migration has succeeded with the wanted image"
            } else {
                "it does not exist"
            };
            return Check::judged(NAME, name, false, detail);
        }
    };
    let state = match node.kind() {
        Kind::JobExecution => text(body, "/status"),
        Kind::PostgresServer => match text(body, "/properties/state") {
            "Ready" => "Succeeded",
            other => other,
        },
        _ => text(body, "/properties/provisioningState"),
    };
    // A type without a provisioning state is done as soon as it is there.
    let passed = state.is_empty() || state.eq_ignore_ascii_case("Succeeded");
    let detail = if state.is_empty() { "there" } else { state };
    Check::judged(NAME, name, passed, detail)
}

/// One active revision, the newest, ready and healthy, with at least one replica.
fn revisions(app: &AppState, snapshot: &Snapshot) -> Vec<Check> {
    let name = &app.id;
    let body = snapshot.body(&app.id).cloned().unwrap_or_default();
    let latest = text(&body, "/properties/latestRevisionName");
    let ready = text(&body, "/properties/latestReadyRevisionName");
    let newest = Check::judged(
        "the newest revision is ready",
        name,
        !latest.is_empty() && latest == ready,
        format!(
            "newest {latest}, ready {}",
            if ready.is_empty() { "none" } else { ready }
        ),
    );
    vec![newest, active(app, latest), replicas(app)]
}

fn active(app: &AppState, latest: &str) -> Check {
    const NAME: &str = "one active revision, healthy";
    let name = &app.id;
    let revisions = match &app.revisions {
        Ok(revisions) => revisions,
        Err(reason) => return Check::judged(NAME, name, false, reason),
    };
    let is_active = |revision: &&Value| {
        revision
            .pointer("/properties/active")
            .and_then(Value::as_bool)
            == Some(true)
    };
    let active: Vec<&Value> = revisions.iter().filter(is_active).collect();
    let [only] = active.as_slice() else {
        return Check::judged(NAME, name, false, format!("{} are active", active.len()));
    };
    let health = text(only, "/properties/healthState");
    let is_latest = text(only, "/name") == latest;
    let passed = is_latest && (health.is_empty() || health.eq_ignore_ascii_case("Healthy"));
    let health = if health.is_empty() {
        "no health state"
    } else {
        health
    };
    Check::judged(
        NAME,
        name,
        passed,
        format!("{}: {health}", text(only, "/name")),
    )
}

fn replicas(app: &AppState) -> Check {
    const NAME: &str = "replicas run";
    match &app.replicas {
        Ok(replicas) => Check::judged(
            NAME,
            &app.id,
            !replicas.is_empty(),
            format!("{}", replicas.len()),
        ),
        Err(reason) => Check::judged(NAME, &app.id, false, reason),
    }
}

fn app<'a>(subject: &'a Subject<'_>, kind: ServiceKind) -> Option<&'a Node> {
    let suffix = format!("-{}", kind.app_suffix());
    let prefix = subject.deployment.prefix().as_str();
    subject.graph.nodes().find(|node| {
        node.kind() == Kind::ContainerApp
            && node.id().name().strip_prefix(prefix) == Some(suffix.as_str())
    })
}

/// Exactly one scheduler: one replica at least and at most, one active revision, one running.
fn beat(subject: &Subject<'_>) -> Check {
    const NAME: &str = "exactly one scheduler";
    let Some(node) = app(subject, ServiceKind::WorkerBeat) else {
        let name = subject.deployment.prefix().as_str();
        return Check::judged(NAME, name, false, "the deployment has none");
    };
    let name = node.id();
    let Some(body) = subject.snapshot.body(node.id()) else {
        return Check::judged(NAME, name, false, absence(subject.snapshot, node.id()));
    };
    let number = |field: &str| {
        let pointer = format!("/properties/template/scale/{field}");
        body.pointer(&pointer).and_then(Value::as_u64)
    };
    let mode = text(body, "/properties/configuration/activeRevisionsMode");
    let running = subject.states.iter().find(|state| state.id == *node.id());
    let running = running
        .and_then(|state| state.replicas.as_ref().ok())
        .map(Vec::len);
    let passed = number("minReplicas") == Some(1)
        && number("maxReplicas") == Some(1)
        && mode.eq_ignore_ascii_case("Single")
        && running == Some(1);
    let detail = format!(
        "minimum {}, maximum {}, {mode} revision mode, {} running",
        number("minReplicas").map_or_else(|| "?".to_owned(), |count| count.to_string()),
        number("maxReplicas").map_or_else(|| "?".to_owned(), |count| count.to_string()),
        running.map_or_else(|| "unknown".to_owned(), |count| count.to_string()),
    );
    Check::judged(NAME, name, passed, detail)
}

/// Both databases exist and their extensions are allow-listed.
fn databases(subject: &Subject<'_>) -> Vec<Check> {
    let nodes = subject.graph.nodes();
    let judged = nodes.filter_map(|node| match node.kind() {
        Kind::PostgresDatabase => {
            let there = subject.snapshot.body(node.id()).is_some();
            let detail = if there {
                "there"
            } else {
                absence(subject.snapshot, node.id())
            };
            Some(Check::judged(
                "the database exists",
                node.id(),
                there,
                detail,
            ))
        }
        Kind::PostgresConfiguration => {
            let live = subject.snapshot.body(node.id());
            let allowed =
                live.is_some_and(|live| compare(node.kind(), node.body(), live).is_equal());
            let detail = live.map_or_else(
                || absence(subject.snapshot, node.id()),
                |live| text(live, "/properties/value"),
            );
            Some(Check::judged(
                "the extensions are allowed",
                node.id(),
                allowed,
                detail,
            ))
        }
        _ => None,
    });
    judged.collect()
}

/// The blob containers exist and are private.
fn containers(subject: &Subject<'_>) -> Vec<Check> {
    const NAME: &str = "the blob container is private";
    let nodes = subject
        .graph
        .nodes()
        .filter(|node| node.kind() == Kind::BlobContainer);
    let judged = nodes.map(|node| {
        let name = node.id();
        match subject.snapshot.body(node.id()) {
            None => Check::judged(NAME, name, false, absence(subject.snapshot, node.id())),
            Some(body) => {
                let access = text(body, "/properties/publicAccess");
                let private = access.is_empty() || access.eq_ignore_ascii_case("None");
                let detail = if private { "no public access" } else { access };
                Check::judged(NAME, name, private, detail)
            }
        }
    });
    judged.collect()
}

fn apps_and_jobs<'a>(subject: &'a Subject<'_>) -> impl Iterator<Item = &'a Node> {
    let nodes = subject.graph.nodes();
    nodes.filter(|node| matches!(node.kind(), Kind::ContainerApp | Kind::Job))
}

/// Every secret that a variable, a volume or a registry login names is one that the app has.
fn references(node: &Node, snapshot: &Snapshot) -> Check {
    const NAME: &str = "every secret reference resolves";
    let name = node.id();
    let Some(body) = snapshot.body(node.id()) else {
        return Check::judged(NAME, name, false, absence(snapshot, node.id()));
    };
    let list = body
        .pointer("/properties/configuration/secrets")
        .and_then(Value::as_array);
    let secrets: BTreeSet<&str> = list
        .into_iter()
        .flatten()
        .filter_map(|secret| secret.get("name")?.as_str())
        .collect();
    let named = named_secrets(body);
    let missing: Vec<&str> = named.difference(&secrets).copied().collect();
    let detail = if missing.is_empty() {
        format!("{} references", named.len())
    } else {
        format!("no secret is called {}", missing.join(", "))
    };
    Check::judged(NAME, name, missing.is_empty(), detail)
}

/// The secrets that a body refers to anywhere.
fn named_secrets(body: &Value) -> BTreeSet<&str> {
    match body {
        Value::Array(items) => items.iter().flat_map(named_secrets).collect(),
        Value::Object(fields) => {
            let own = fields
                .iter()
                .filter(|(key, _)| matches!(key.as_str(), "secretRef" | "passwordSecretRef"));
            let own = own.filter_map(|(_, value)| value.as_str());
            own.chain(fields.values().flat_map(named_secrets)).collect()
        }
        _ => BTreeSet::new(),
    }
}

/// No app of the deployment's environment is public but the front door.
fn public_ingress(subject: &Subject<'_>) -> Check {
    const NAME: &str = "no public ingress but the front door";
    let owner = subject.deployment.prefix().as_str();
    let apps = match &subject.all_apps {
        Ok(apps) => apps,
        Err(reason) => return Check::judged(NAME, owner, false, reason),
    };
    let environment = subject
        .graph
        .nodes()
        .find(|node| node.kind() == Kind::ManagedEnvironment);
    let is_here = |app: &&Value| {
        [
            "/properties/environmentId",
            "/properties/managedEnvironmentId",
        ]
        .iter()
        .any(|pointer| {
            let id = ResourceId::parse(text(app, pointer)).ok();
            id.is_some() && id.as_ref() == environment.map(Node::id)
        })
    };
    let is_public = |app: &&Value| {
        app.pointer("/properties/configuration/ingress/external")
            .and_then(Value::as_bool)
            == Some(true)
    };
    let public: Vec<&str> = apps
        .iter()
        .filter(is_here)
        .filter(is_public)
        .map(|app| text(app, "/name"))
        .collect();
    let front_door = self::app(subject, ServiceKind::Nginx).map(|node| node.id().name());
    let passed = match (public.as_slice(), front_door) {
        ([only], Some(front_door)) => only.eq_ignore_ascii_case(front_door),
        _ => false,
    };
    let detail = if public.is_empty() {
        "nothing is public".to_owned()
    } else {
        format!("public: {}", public.join(", "))
    };
    Check::judged(NAME, owner, passed, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_not_be_read_is_not_said_to_be_missing() {
        let id = |name: &str| {
            let text = format!(
                "/subscriptions/s/resourceGroups/rg/providers/Microsoft.App/containerApps/{name}"
            );
            ResourceId::parse(&text).unwrap()
        };
        let mut snapshot = Snapshot::new();
        snapshot.insert(id("api"), Observed::Unreadable("no right".to_owned()));
        snapshot.insert(id("web"), Observed::Absent);
        assert_eq!(absence(&snapshot, &id("api")), "no right");
        assert_eq!(absence(&snapshot, &id("web")), "it does not exist");
    }
}
