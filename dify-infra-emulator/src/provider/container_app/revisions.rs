//! Revisions and replicas of an app: made by the provider, never written by clients.

use http::StatusCode;
use serde_json::{Value, json};

use crate::arm::answer::Answer;
use crate::arm::error::ArmError;
use crate::arm::id::ResourceId;
use crate::arm::merge::{at, list_at, set_at, text_at};
use crate::engine::world::World;
use crate::provider::container_app::environment_domain;
use crate::provider::container_app::ingress::revision_fqdn;
use crate::provider::{Action, ActionOutcome, Definition, Effects, Provider};
use crate::store::model::Resource;

static REVISION: Definition = Definition {
    name: "Microsoft.App/containerApps/revisions",
    api_versions: &["2026-01-01"],
    ..Definition::READ_ONLY
};

static REPLICA: Definition = Definition {
    name: "Microsoft.App/containerApps/revisions/replicas",
    api_versions: &["2026-01-01"],
    ..Definition::READ_ONLY
};

/// Revisions.
pub(crate) struct Revision;

/// Replicas of a revision: as many as `minReplicas`, all of them running.
pub(crate) struct Replica;

/// Makes the revision of a finished write if it is new; in Single mode the others end.
pub(crate) fn after_change(world: World<'_>, app: &Resource) -> Effects {
    let Some(name) = app.facts["revision"].as_str() else {
        return Effects::default();
    };
    let single = text_at(&app.desired, "properties.configuration.activeRevisionsMode")
        .is_none_or(|mode| mode.eq_ignore_ascii_case("Single"));
    let mut changed = Vec::new();
    let mut known = false;
    for revision in world.store.children(&app.id, "revisions") {
        let mut revision = revision.clone();
        let is_latest = revision.id.name() == name;
        known |= is_latest;
        if is_latest || single {
            set_at(&mut revision.desired, "properties.active", json!(is_latest));
        }
        set_weight(app, &mut revision, name);
        changed.push(revision);
    }
    if !known {
        let mut revision = new_revision(world, app, name);
        set_weight(app, &mut revision, name);
        changed.push(revision);
    }
    Effects {
        resources: changed,
        ..Effects::default()
    }
}

fn new_revision(world: World<'_>, app: &Resource, name: &str) -> Resource {
    let template = at(&app.desired, "properties.template")
        .cloned()
        .unwrap_or_default();
    let mut body = json!({ "properties": {
        "createdTime": world.now.to_string(),
        "lastActiveTime": world.now.to_string(),
        "template": template,
        "active": true,
        "provisioningState": "Provisioned",
    }});
    if let (Some(host), Some(domain)) = (revision_fqdn(app), environment_domain(world, app)) {
        set_at(
            &mut body,
            "properties.fqdn",
            json!(format!("{host}.{domain}")),
        );
    }
    Resource::complete(app.id.child("revisions", name), body, world.now)
}

fn set_weight(app: &Resource, revision: &mut Resource, latest: &str) {
    let name = revision.id.name();
    let traffic = list_at(&app.desired, "properties.configuration.ingress.traffic");
    let goes_here = |part: &&Value| {
        text_at(part, "revisionName") == Some(name)
            || (at(part, "latestRevision") == Some(&json!(true)) && name == latest)
    };
    let weights = traffic
        .iter()
        .filter(goes_here)
        .map(|part| at(part, "weight"));
    let weight: i64 = weights
        .filter_map(|weight| weight.and_then(Value::as_i64))
        .sum();
    set_at(
        &mut revision.desired,
        "properties.trafficWeight",
        json!(weight),
    );
}

fn is_active(revision: &Resource) -> bool {
    at(&revision.desired, "properties.active") == Some(&json!(true))
}

fn replica_count(revision: &Resource) -> i64 {
    let least =
        at(&revision.desired, "properties.template.scale.minReplicas").and_then(Value::as_i64);
    if is_active(revision) {
        least.unwrap_or(0)
    } else {
        0
    }
}

impl Provider for Revision {
    fn definition(&self) -> &'static Definition {
        &REVISION
    }

    fn decorate(&self, _world: World<'_>, resource: &Resource, body: &mut Value) {
        let replicas = replica_count(resource);
        let running = match (is_active(resource), replicas) {
            (false, _) => "Stopped",
            (true, 0) => "ScaledToZero",
            (true, _) => "Running",
        };
        set_at(body, "properties.replicas", json!(replicas));
        set_at(body, "properties.runningState", json!(running));
        set_at(
            body,
            "properties.healthState",
            json!(if is_active(resource) {
                "Healthy"
            } else {
                "None"
            }),
        );
    }

    fn act(
        &self,
        world: World<'_>,
        action: &Action<'_>,
    ) -> Option<Result<ActionOutcome, ArmError>> {
        let mut revision = action.resource.clone();
        match action.name {
            "activate" | "deactivate" => {
                set_at(
                    &mut revision.desired,
                    "properties.active",
                    json!(action.name == "activate"),
                );
            }
            "restart" => revision.modified = world.now,
            _ => return None,
        }
        let done = ActionOutcome::done(Answer::empty(StatusCode::OK));
        Some(Ok(ActionOutcome {
            resources: vec![revision],
            ..done
        }))
    }
}

impl Provider for Replica {
    fn definition(&self) -> &'static Definition {
        &REPLICA
    }

    fn implied(&self, world: World<'_>, id: &ResourceId) -> Option<Resource> {
        let key = id.key();
        self.implied_children(world, &id.parent()?)
            .into_iter()
            .find(|replica| replica.id.key() == key)
    }

    fn implied_children(&self, world: World<'_>, parent: &ResourceId) -> Vec<Resource> {
        let Some(revision) = world.store.resource(parent) else {
            return Vec::new();
        };
        (0..replica_count(revision))
            .map(|index| replica(world, revision, index))
            .collect()
    }
}

fn replica(world: World<'_>, revision: &Resource, index: i64) -> Resource {
    // a restart replaces the replicas, and their names with them
    let purpose = format!(
        "replica/{}/{}/{index}",
        revision.id.key(),
        revision.modified
    );
    let dice = world.dice();
    let name = format!(
        "{}-{}-{}",
        revision.id.name(),
        dice.hex(&purpose, 9),
        dice.word(&format!("{purpose}/pod"), 5)
    );
    let containers = list_at(&revision.desired, "properties.template.containers").iter();
    let containers: Vec<Value> = containers
        .map(|container| {
            let own = text_at(container, "name").unwrap_or_default();
            json!({
                "name": own,
                "containerId": format!("containerd://{}", dice.hex(&format!("{purpose}/{own}"), 64)),
                "ready": true,
                "started": true,
                "restartCount": 0,
                "runningState": "Running",
            })
        })
        .collect();
    let body = json!({ "properties": {
        "createdTime": revision.modified.to_string(),
        "runningState": "Running",
        "containers": containers,
    }});
    Resource::complete(
        revision.id.child("replicas", &name),
        body,
        revision.modified,
    )
}
