//! The planner: graph and snapshot in, plan out.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{
    Action, Change, FILES_TAG, Fingerprints, ListedResource, Observed, Obsolete, Plan, Risk,
    RiskLevel, Snapshot, desired, files_of, obsolete_tags,
};
use crate::catalogue::Version;
use crate::diff::{Comparison, Difference, compare, created};
use crate::graph::{Management, Node, ResourceGraph};
use crate::resource::text::texts;
use crate::resource::{
    AnyResource, FINGERPRINT_TAG, Kind, Layer, OWNER_TAG, OutputReference, ResourceId, Text,
    VARIABLES_TAG,
};

/// Choices of the person who plans.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options<'a> {
    /// Fingerprints of the secrets, when the secrets file is at hand; otherwise secrets are kept.
    pub fingerprints: Option<&'a Fingerprints>,
    /// Remove what someone else set in our resources.
    pub prune: bool,
}

/// Works out what apply would do. It never fails: what could not be read is an unknown change.
pub fn plan(graph: &ResourceGraph, snapshot: &Snapshot, options: Options<'_>) -> Plan {
    let mut changes: Vec<Change> = graph
        .in_order()
        .into_iter()
        .map(|node| change(graph, node, snapshot, options))
        .collect();
    follow_new_keys(graph, &mut changes);
    stage_callers(graph, snapshot, &mut changes);
    let writes: BTreeSet<ResourceId> = changes
        .iter()
        .filter(|change| change.action.writes())
        .map(|c| c.id.clone())
        .collect();
    for change in &mut changes {
        change.needs.retain(|id| writes.contains(id));
    }
    changes.extend(orphans(graph, snapshot, &writes));
    let blocked = changes.iter().filter_map(blocker).collect();
    Plan {
        changes: in_order(changes),
        blocked,
    }
}

/// What was made with a resource that is made anew: its keys in apps and jobs, and the tables of a
/// database. Nothing in the live bodies shows that these are gone.
fn follow_new_keys(graph: &ResourceGraph, changes: &mut [Change]) {
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
            path: format!("properties.configuration.secrets[key of {}]", id.label()),
            before: Some(Value::from("(the old key)")),
            after: Some(Value::from("(the new key)")),
        }));
}

/// Why a change must not be carried out, when it must not.
fn blocker(change: &Change) -> Option<String> {
    let disk = change
        .differences
        .iter()
        .find(|one| one.path.ends_with("storage.storageSizeGB"));
    let size = |value: &Option<Value>| value.as_ref().and_then(Value::as_f64);
    if let Some(disk) = disk
        && let (Some(before), Some(after)) = (size(&disk.before), size(&disk.after))
        && after < before
    {
        return Some(format!(
            "the disk of {} has {before} GiB and can't be made smaller; set `data.postgres.storage` \
             to {before} or more",
            change.id.name()
        ));
    }
    let is_data = change.kind.is_some_and(|kind| kind.layer() == Layer::Data);
    // What is replaced although nothing differs was never made, so it holds nothing.
    let differs = !change.differences.is_empty();
    (change.action == Action::Replace && is_data && differs).then(|| {
        let fields: Vec<&str> = change.differences.iter().map(|d| d.path.as_str()).collect();
        format!(
            "{} holds data and would have to be deleted and made again, since Azure fixes {} at \
             creation; take the change back, or move the data by hand to a deployment with \
             another name",
            change.id.name(),
            fields.join(", ")
        )
    })
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
        needs: node.dependencies().clone(),
    };
    let wanted = desired(node, snapshot, options.fingerprints);
    match (snapshot.get(node.id()), node.management()) {
        (None, _) => unknown(&mut change, "it was not looked at"),
        (Some(Observed::Unreadable(reason)), _) => unknown(&mut change, reason),
        (Some(Observed::Absent), Management::Existing) => {
            let reason = "the file says that it exists, and Azure has no resource of this name";
            unknown(&mut change, reason);
        }
        (Some(Observed::Present(live)), Management::Existing) => {
            match unfit(node.kind(), &wanted, live) {
                Some(reason) => unknown(&mut change, &reason),
                None => "existing, not managed here".clone_into(&mut change.reason),
            }
        }
        (Some(Observed::Present(live)), _) if is_stopped(node.kind(), live) => {
            let reason = "the server is stopped and takes no change; start it with \
                          `az postgres flexible-server start`";
            unknown(&mut change, reason);
        }
        (Some(Observed::Absent), Management::Managed) => create(&mut change, node, &wanted),
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

/// Whether a PostgreSQL server does not run.
fn is_stopped(kind: Kind, live: &Value) -> bool {
    let state = live
        .pointer("/properties/state")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let words = ["Stopped", "Stopping", "Disabled", "Inaccessible"];
    kind == Kind::PostgresServer && words.iter().any(|word| state.eq_ignore_ascii_case(word))
}

/// Why an existing resource can't serve Dify, when it can't. Its other settings are its owner's.
fn unfit(kind: Kind, wanted: &Value, live: &Value) -> Option<String> {
    let decisive: &[(&str, &str)] = match kind {
        Kind::RedisEnterpriseDatabase => &[
            (
                "properties.clusteringPolicy",
                "Celery's commands fail on a sharded Redis",
            ),
            (
                "properties.evictionPolicy",
                "a broker must never drop a message",
            ),
            (
                "properties.accessKeysAuthentication",
                "Dify signs in with an access key",
            ),
            ("properties.clientProtocol", "Dify is given TLS addresses"),
        ],
        Kind::StorageAccount => &[(
            "properties.allowSharedKeyAccess",
            "Dify signs in with the account's key",
        )],
        Kind::PostgresServer => &[(
            "properties.administratorLogin",
            "set `data.postgres.administrator` to the server's login",
        )],
        _ => &[],
    };
    let differences = compare(kind, wanted, live).differences;
    let found = decisive.iter().find_map(|(path, why)| {
        let difference = differences
            .iter()
            .find(|difference| difference.path == *path)?;
        // Shared keys are allowed unless the account says otherwise.
        (kind != Kind::StorageAccount || difference.before.is_some()).then_some((difference, why))
    });
    found.map(|(difference, why)| {
        format!("this existing resource does not fit: {difference}; {why}")
    })
}

fn unknown(change: &mut Change, reason: &str) {
    change.action = Action::Unknown;
    reason.clone_into(&mut change.reason);
}

fn create(change: &mut Change, node: &Node, wanted: &Value) {
    change.action = Action::Create;
    change.differences = created(wanted);
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

#[derive(Clone, Copy)]
struct Bodies<'a> {
    wanted: &'a Value,
    live: &'a Value,
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
        foreign,
    } = compare(node.kind(), bodies.wanted, bodies.live);
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
    change.foreign = if options.prune { Vec::new() } else { foreign };
    judge(change, node.kind(), bodies.live, differences);
}

/// Decides between no change, update and replace.
fn judge(change: &mut Change, kind: Kind, live: &Value, differences: Vec<Difference>) {
    let failed = state(live).is_some_and(|state| is_failed(&state));
    let replaces = differences.iter().any(|difference| {
        kind.immutable().iter().any(|pointer| {
            let fixed = pointer.trim_start_matches('/').replace('/', ".");
            difference.path == fixed || difference.path.starts_with(&format!("{fixed}."))
        })
    });
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
        let must_go = kind == Kind::RedisEnterprise && is_creation_failure(live);
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

fn update_reason(differences: &[Difference]) -> String {
    let is_secret = |difference: &Difference| {
        difference
            .path
            .starts_with(&format!("tags.{FINGERPRINT_TAG}-"))
    };
    let is_file = |difference: &Difference| difference.path.contains(FILES_TAG);
    match differences {
        all if all.iter().all(is_secret) => "secrets changed in the secrets file".to_owned(),
        all if all.iter().any(is_file) => "rendered files differ from what the app has".to_owned(),
        [one] => format!("{} differs", one.path),
        all => format!("{} values differ", all.len()),
    }
}

fn risk(kind: Kind, differences: &[Difference]) -> Risk {
    let any = |part: &str| {
        differences
            .iter()
            .any(|difference| difference.path.contains(part))
    };
    let secret_key = format!("{FINGERPRINT_TAG}-secret-key");
    match kind {
        _ if any(&secret_key) => Risk::new(
            RiskLevel::Irreversible,
            "a new SECRET_KEY ends sessions and signed URLs",
        ),
        Kind::ContainerApp if differences.iter().any(is_older_image) => Risk::new(
            RiskLevel::Irreversible,
            "an older release on a database that a newer one has migrated may not work",
        ),
        Kind::ContainerApp
            if any("properties.template") || any(FILES_TAG) || any(FINGERPRINT_TAG) =>
        {
            Risk::new(
                RiskLevel::Restart,
                "a new revision replaces the running one",
            )
        }
        Kind::PostgresServer if any(FINGERPRINT_TAG) => Risk::new(
            RiskLevel::Interruption,
            "the password changes: connections fail until every app has its new revision",
        ),
        Kind::PostgresServer if any("sku") || any("highAvailability") => {
            Risk::new(RiskLevel::Interruption, "the server restarts")
        }
        Kind::PostgresServer if any("storageSizeGB") => Risk::new(
            RiskLevel::Irreversible,
            "a disk can't be made smaller again",
        ),
        Kind::RedisEnterprise if any("sku") => Risk::new(
            RiskLevel::Interruption,
            "connections are cut while it is resized",
        ),
        Kind::RedisEnterprise if any("highAvailability") => Risk::new(
            RiskLevel::Irreversible,
            "high availability can't be turned off again",
        ),
        _ => Risk::none(),
    }
}

/// Whether a difference replaces an image of Dify's API by one of an older release.
fn is_older_image(difference: &Difference) -> bool {
    let version = |image: &Option<Value>| -> Option<Version> {
        let (repository, tag) = image.as_ref()?.as_str()?.rsplit_once(':')?;
        repository
            .ends_with("dify-api")
            .then(|| tag.parse().ok())
            .flatten()
    };
    let is_older = match (version(&difference.before), version(&difference.after)) {
        (Some(before), Some(after)) => after < before,
        _ => false,
    };
    difference.path.ends_with("].image") && is_older
}

/// Why a present resource is not ours, when it is not.
fn foreign_owner(graph: &ResourceGraph, kind: Kind, live: &Value) -> Option<String> {
    if !kind.is_taggable() {
        return None;
    }
    let tags = live.get("tags").and_then(Value::as_object);
    let owner = tags
        .into_iter()
        .flatten()
        .find(|(name, _)| name.eq_ignore_ascii_case(OWNER_TAG))
        .and_then(|(_, value)| value.as_str());
    match owner {
        Some(owner) if owner == graph.owner() => None,
        Some(owner) => Some(format!(
            "a resource of this name belongs to the deployment {owner}; choose another `name`, \
             `environment` or `azure.suffix`"
        )),
        None => Some(format!(
            "a resource of this name exists without the tag {OWNER_TAG}, so dify-infra did not \
             make it; choose another `name` or `azure.suffix`, or set the tag to {} to hand it over",
            graph.owner()
        )),
    }
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

/// Whether no write to a resource is under way, by its GET answer. A type without a state is
/// settled as soon as it is there; any word that does not mean an end means that it goes on.
///
/// ```
/// use dify_infra_core::plan::is_settled;
/// use dify_infra_core::resource::Kind;
/// use serde_json::json;
///
/// let body = |state: &str| json!({ "properties": { "provisioningState": state } });
/// assert!(is_settled(Kind::ContainerApp, &body("Succeeded")));
/// assert!(is_settled(Kind::ContainerApp, &body("Failed")));
/// assert!(!is_settled(Kind::ManagedEnvironment, &body("InfrastructureSetupInProgress")));
/// assert!(is_settled(Kind::PostgresDatabase, &json!({ "properties": {} })));
/// ```
pub fn is_settled(kind: Kind, live: &Value) -> bool {
    if kind == Kind::PostgresServer {
        // A flexible server has a state of its own; a stopped one is settled too.
        let state = live
            .pointer("/properties/state")
            .and_then(Value::as_str)
            .unwrap_or("Ready");
        let busy = [
            "Provisioning",
            "Updating",
            "Starting",
            "Restarting",
            "Dropping",
        ];
        return !busy.iter().any(|word| state.eq_ignore_ascii_case(word));
    }
    state(live).is_none_or(|state| state.eq_ignore_ascii_case("succeeded") || is_failed(&state))
}

/// The provisioning state of a live body.
fn state(live: &Value) -> Option<String> {
    live.pointer("/properties/provisioningState")
        .and_then(Value::as_str)
        .map(str::to_owned)
}

fn is_failed(state: &str) -> bool {
    ["failed", "canceled", "cancelled"]
        .iter()
        .any(|word| state.eq_ignore_ascii_case(word))
}

fn is_creation_failure(live: &Value) -> bool {
    let state = live
        .pointer("/properties/resourceState")
        .and_then(Value::as_str);
    state.is_some_and(|state| state.eq_ignore_ascii_case("CreateFailed"))
}

/// Variables and secrets that left the file are removed, so they are differences and not foreign.
/// The tags that list them change with them and say nothing more to a person.
fn show_obsolete(
    differences: &mut Vec<Difference>,
    foreign: Vec<String>,
    bodies: Bodies<'_>,
) -> Vec<String> {
    let paths = Obsolete::of(bodies.wanted, bodies.live).paths(bodies.live);
    let theirs = foreign
        .into_iter()
        .filter(|path| !paths.contains(path))
        .collect();
    differences.extend(paths.into_iter().map(|path| Difference {
        path,
        before: Some(Value::from("(of an earlier file)")),
        after: None,
    }));
    let is_tag = |path: &str| path.starts_with("tags.dify-infra-") && !path.contains(FILES_TAG);
    let is_noise = |difference: &Difference| {
        is_tag(&difference.path)
            && (difference.after.is_none() || difference.path.ends_with(VARIABLES_TAG))
    };
    if differences.iter().any(|difference| !is_noise(difference)) {
        differences.retain(|difference| !is_noise(difference));
    }
    theirs
}

/// Fingerprints are shown by their first four characters: `a1b2 → c3d4`.
fn show_fingerprints_short(differences: &mut [Difference]) {
    let shorten = |value: &mut Option<Value>| {
        if let Some(Value::String(text)) = value {
            text.truncate(4);
        }
    };
    for difference in differences {
        if difference
            .path
            .starts_with(&format!("tags.{FINGERPRINT_TAG}-"))
        {
            shorten(&mut difference.before);
            shorten(&mut difference.after);
        }
    }
}

/// A changed rendered file is shown with both texts when its old text could be read; a person sees
/// them as a text diff.
fn show_files(differences: &mut Vec<Difference>, node: &Node, snapshot: &Snapshot) {
    let tag = format!("tags.{FILES_TAG}");
    if !differences.iter().any(|difference| difference.path == tag) {
        return;
    }
    for (name, after) in files_of(node.body()) {
        let Some(before) = snapshot
            .file(node.id(), name)
            .filter(|before| *before != after)
        else {
            continue;
        };
        differences.push(Difference {
            path: format!("properties.configuration.secrets[{name}]"),
            before: Some(Value::from(before)),
            after: Some(Value::from(after)),
        });
    }
}

/// Apps that run already change only after the services they call have changed and work
/// (callers last). A first deployment waits for references alone.
fn stage_callers(graph: &ResourceGraph, snapshot: &Snapshot, changes: &mut [Change]) {
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
fn orphans(
    graph: &ResourceGraph,
    snapshot: &Snapshot,
    writes: &BTreeSet<ResourceId>,
) -> Vec<Change> {
    let is_orphan = |listed: &&ListedResource| {
        let above = graph
            .nodes()
            .any(|node| node.kind() != Kind::ResourceGroup && listed.id.is_below(node.id()));
        graph.get(&listed.id).is_none() && !above
    };
    snapshot
        .listed()
        .iter()
        .filter(is_orphan)
        .map(|listed| orphan(listed, writes))
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
        // Deletions come last: nothing may still refer to what goes.
        needs: writes.clone(),
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
