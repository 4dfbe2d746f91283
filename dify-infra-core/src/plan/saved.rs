//! A plan in a file: to be read by a reviewer now, and carried out by somebody else later, if nothing
//! that it was made from has changed.

use std::collections::{BTreeMap, BTreeSet};

use data_encoding::HEXLOWER;
use hmac_sha256::Hash;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Action, Change, Observed, Plan, Snapshot};
use crate::diff::{Difference, normalized};
use crate::resource::{FINGERPRINT_TAG, Kind, ResourceId};

/// The version of the form of the file.
const FORMAT: u32 = 1;

/// What the file says that it is.
const KIND: &str = "dify-infra plan";

/// Length of the hashes of parts of a body; they tell a change from none, and protect nothing.
const HASH_LENGTH: usize = 16;

/// What a plan is about, and from which file it was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The version of dify-infra that made the plan.
    pub dify_infra: String,
    /// The deployment: `dify-dev`.
    pub deployment: String,
    /// The Azure Resource Manager that was asked.
    pub endpoint: String,
    /// The subscription's id.
    pub subscription: String,
    /// The resource group's name.
    pub resource_group: String,
    /// The path of the deployment file, as it was given.
    pub file: String,
    /// SHA-256 of the deployment file, in hexadecimal digits.
    pub file_sha256: String,
    /// Whether what someone else set in our resources is removed.
    pub prune: bool,
    /// Whether secrets were compared with those of a secrets file; otherwise they are kept.
    pub secrets_compared: bool,
}

impl Origin {
    /// SHA-256 of a deployment file's text, in hexadecimal digits.
    pub fn hash_of(text: &str) -> String {
        HEXLOWER.encode(&Hash::hash(text.as_bytes()))
    }

    /// Why a plan that was made from this origin can't be applied to another, as sentences: another
    /// deployment, another Azure, or a file that has changed.
    pub fn mismatches(&self, now: &Self) -> Vec<String> {
        let facts = [
            ("the deployment", &self.deployment, &now.deployment),
            ("the endpoint", &self.endpoint, &now.endpoint),
            ("the subscription", &self.subscription, &now.subscription),
            (
                "the resource group",
                &self.resource_group,
                &now.resource_group,
            ),
        ];
        let mut sentences: Vec<String> = facts
            .into_iter()
            .filter(|(_, planned, now)| !planned.eq_ignore_ascii_case(now))
            .map(|(what, planned, now)| format!("the plan is for {what} {planned}, not {now}"))
            .collect();
        if sentences.is_empty() && self.file_sha256 != now.file_sha256 {
            sentences.push(format!(
                "the deployment file {} has changed since the plan was made from {}",
                now.file, self.file
            ));
        }
        sentences
    }
}

/// A plan with everything that tells whether it still holds. It has no secret: plans have none, and
/// of what was observed only hashes are kept.
///
/// ```
/// use dify_infra_core::graph::ResourceGraph;
/// use dify_infra_core::plan::{Options, Origin, SavedPlan, Snapshot, plan};
/// use dify_infra_core::resource::ResourceId;
///
/// let graph = ResourceGraph::new("dify-dev", ResourceId::resource_group("s", "g"), Vec::new())?;
/// let snapshot = Snapshot::new();
/// let origin = Origin {
///     dify_infra: "0.1.0".to_owned(),
///     deployment: "dify-dev".to_owned(),
///     endpoint: "https://management.azure.com/".to_owned(),
///     subscription: "s".to_owned(),
///     resource_group: "g".to_owned(),
///     file: "dify.toml".to_owned(),
///     file_sha256: Origin::hash_of("schema = 1"),
///     prune: false,
///     secrets_compared: false,
/// };
/// let saved = SavedPlan::new(origin, &plan(&graph, &snapshot, Options::default()), &snapshot)?;
/// let read = SavedPlan::parse(&saved.to_json()?)?;
/// assert_eq!(read, saved);
/// assert!(read.changed_since(&snapshot).is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SavedPlan {
    kind: String,
    format: u32,
    /// What it is about.
    #[serde(flatten)]
    pub origin: Origin,
    /// The plan as people read it, line by line.
    view: Vec<String>,
    /// The plan in its own JSON form.
    plan: Value,
    /// What was seen of each resource: hashes of the parts of its normalized body.
    observed: BTreeMap<String, Seen>,
    /// The resources of the group that carry the deployment's tag.
    listed: BTreeSet<String>,
}

/// What was seen of one resource: a word when it was not there, else a hash for each part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Seen {
    Not(String),
    Parts(BTreeMap<String, String>),
}

/// A file that is no plan that can be applied.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SavedPlanError {
    /// It is not JSON, or JSON of something else.
    #[error("this is not a plan that `dify-infra plan --out` has written")]
    NotAPlan(#[source] Option<serde_json::Error>),
    /// It was written by another version.
    #[error("this plan has the format {0}, and this dify-infra reads format {FORMAT}")]
    Format(u64),
    /// It can't be written.
    #[error("the plan can't be written as JSON")]
    Unwritable(#[source] serde_json::Error),
}

impl SavedPlan {
    /// Makes a file of a plan and of what it was made from.
    ///
    /// # Errors
    ///
    /// When the plan can't be written as JSON.
    pub fn new(origin: Origin, plan: &Plan, snapshot: &Snapshot) -> Result<Self, SavedPlanError> {
        Ok(Self {
            kind: KIND.to_owned(),
            format: FORMAT,
            origin,
            view: plan.to_string().lines().map(str::to_owned).collect(),
            plan: serde_json::to_value(plan).map_err(SavedPlanError::Unwritable)?,
            observed: observed(snapshot),
            listed: listed(snapshot),
        })
    }

    /// Reads a file.
    ///
    /// # Errors
    ///
    /// When the text is something else, or was written in another format.
    pub fn parse(text: &str) -> Result<Self, SavedPlanError> {
        let not = |error| SavedPlanError::NotAPlan(Some(error));
        let value: Value = serde_json::from_str(text).map_err(not)?;
        if value.get("kind").and_then(Value::as_str) != Some(KIND) {
            return Err(SavedPlanError::NotAPlan(None));
        }
        match value.get("format").and_then(Value::as_u64) {
            Some(format) if format == u64::from(FORMAT) => {}
            Some(format) => return Err(SavedPlanError::Format(format)),
            None => return Err(SavedPlanError::NotAPlan(None)),
        }
        serde_json::from_value(value).map_err(not)
    }

    /// The text of the file: the same plan gives the same text.
    ///
    /// # Errors
    ///
    /// When it can't be written as JSON.
    pub fn to_json(&self) -> Result<String, SavedPlanError> {
        let text = serde_json::to_string_pretty(self).map_err(SavedPlanError::Unwritable)?;
        Ok(text + "\n")
    }

    /// Whether the plan could be carried out when it was made.
    pub fn is_applyable(&self) -> bool {
        self.plan.get("applyable").and_then(Value::as_bool) == Some(true)
    }

    /// What has changed in Azure since the plan was made, as sentences; nothing when it still holds.
    pub fn changed_since(&self, snapshot: &Snapshot) -> Vec<String> {
        let now = observed(snapshot);
        let ids: BTreeSet<&String> = self.observed.keys().chain(now.keys()).collect();
        let mut sentences: Vec<String> = ids
            .into_iter()
            .filter_map(|id| change_of(id, self.observed.get(id), now.get(id)))
            .collect();
        let listed = listed(snapshot);
        let known = |id: &&String| !self.observed.contains_key(*id) && !now.contains_key(*id);
        sentences.extend(
            listed
                .difference(&self.listed)
                .filter(known)
                .map(|id| format!("{} carries the deployment's tag now", label(id))),
        );
        sentences.extend(
            self.listed
                .difference(&listed)
                .filter(known)
                .map(|id| format!("{} is gone or has lost the deployment's tag", label(id))),
        );
        sentences
    }

    /// Where a plan that was made anew does more, less or something else than this one, as sentences.
    /// That happens without a change in Azure when the secrets at hand or dify-infra itself are others.
    pub fn differs_from(&self, plan: &Plan) -> Vec<String> {
        let planned = changes_of(&self.plan);
        let mut sentences = Vec::new();
        for change in plan.changes() {
            let id = change.id.as_str().to_ascii_lowercase();
            let label = change.id.label();
            let (action, paths) = planned.get(&id).cloned().unwrap_or_default();
            let now = decisive(change);
            // What waited for DNS when the plan was made is part of what was agreed to.
            let goes_on = action == word(Action::Waiting) && change.action.writes();
            if action != word(change.action) && !goes_on {
                sentences.push(format!(
                    "{label}: the plan says {}, and now it would be {}{}",
                    spoken(&action),
                    spoken(word(change.action)),
                    because(change)
                ));
            } else if change.action.writes() && paths != now {
                let other: Vec<&str> = paths
                    .symmetric_difference(&now)
                    .map(|one| one.split('\t').next().unwrap_or_default())
                    .collect::<BTreeSet<_>>()
                    .into_iter()
                    .collect();
                sentences.push(format!("{label}: other values of {}", other.join(", ")));
            }
        }
        let still: BTreeSet<String> = plan
            .changes()
            .iter()
            .map(|change| change.id.as_str().to_ascii_lowercase())
            .collect();
        sentences.extend(
            planned
                .iter()
                .filter(|(id, (action, _))| !still.contains(*id) && action != "no_change")
                .map(|(id, _)| {
                    format!(
                        "{}: it is in the plan and would not be touched now",
                        self::label(id)
                    )
                }),
        );
        sentences
    }
}

/// The name of a resource, from its id.
fn label(id: &str) -> String {
    ResourceId::parse(id).map_or_else(|_| id.to_owned(), |id| id.label().clone())
}

fn change_of(id: &str, before: Option<&Seen>, now: Option<&Seen>) -> Option<String> {
    let label = label(id);
    match (before, now) {
        (before, now) if before == now => None,
        (None, Some(_)) => Some(format!("{label} was not looked at")),
        (Some(_), None) => Some(format!("{label} is not looked at any more")),
        (Some(Seen::Not(_)), Some(Seen::Parts(_))) => Some(format!("{label} exists now")),
        (_, Some(Seen::Not(word))) if word == ABSENT => {
            Some(format!("{label} does not exist any more"))
        }
        (_, Some(Seen::Not(_))) => Some(format!("{label} can't be read now")),
        (Some(Seen::Parts(before)), Some(Seen::Parts(now))) => {
            let parts: BTreeSet<&String> = before
                .keys()
                .chain(now.keys())
                .filter(|part| before.get(*part) != now.get(*part))
                .collect();
            let parts: Vec<&str> = parts.into_iter().map(String::as_str).collect();
            Some(format!("{label} has changed: {}", parts.join(", ")))
        }
        (None, None) => None,
    }
}

const ABSENT: &str = "absent";

fn observed(snapshot: &Snapshot) -> BTreeMap<String, Seen> {
    snapshot
        .resources()
        .map(|(id, observed)| {
            let seen = match observed {
                Observed::Absent => Seen::Not(ABSENT.to_owned()),
                Observed::Unreadable(_) => Seen::Not("unreadable".to_owned()),
                Observed::Present(body) => Seen::Parts(parts(id, body)),
            };
            (id.as_str().to_ascii_lowercase(), seen)
        })
        .collect()
}

/// A hash for each part of a body: its members, and those of `properties`.
fn parts(id: &ResourceId, body: &Value) -> BTreeMap<String, String> {
    let kind = Kind::from_type(&id.resource_type());
    let body = kind.map_or_else(|| body.clone(), |kind| normalized(kind, body));
    let mut parts = BTreeMap::new();
    for (name, member) in body.as_object().into_iter().flatten() {
        match member.as_object().filter(|_| name == "properties") {
            Some(properties) => parts.extend(
                properties
                    .iter()
                    .map(|(property, value)| (format!("{name}.{property}"), hash(value))),
            ),
            None => {
                parts.insert(name.clone(), hash(member));
            }
        }
    }
    parts
}

fn hash(value: &Value) -> String {
    let mut digits = HEXLOWER.encode(&Hash::hash(value.to_string().as_bytes()));
    digits.truncate(HASH_LENGTH);
    digits
}

fn listed(snapshot: &Snapshot) -> BTreeSet<String> {
    snapshot
        .listed()
        .iter()
        .map(|one| one.id.as_str().to_ascii_lowercase())
        .collect()
}

/// The action of a change and the values that it sets.
type Planned = (String, BTreeSet<String>);

/// The changes of a plan in its JSON form, by small-letter id.
fn changes_of(plan: &Value) -> BTreeMap<String, Planned> {
    let changes = plan.get("changes").and_then(Value::as_array);
    let changes = changes.into_iter().flatten().filter_map(|change| {
        let id = change.get("id")?.as_str()?.to_ascii_lowercase();
        let action = change.get("action")?.as_str()?.to_owned();
        let is_creation = action == word(Action::Create);
        let differences = change.get("diff").and_then(Value::as_array);
        let values = differences.into_iter().flatten().filter_map(|one| {
            let path = one.get("path")?.as_str()?;
            let side = |name: &str| one.get(name).filter(|value| !value.is_null());
            value_of(path, side("before"), side("after"), is_creation)
        });
        Some((id, (action, values.collect())))
    });
    changes.collect()
}

fn decisive(change: &Change) -> BTreeSet<String> {
    let is_creation = change.action == Action::Create;
    let values = change.differences.iter().filter_map(|one: &Difference| {
        value_of(
            &one.path,
            one.before.as_ref(),
            one.after.as_ref(),
            is_creation,
        )
    });
    values.collect()
}

/// One value that a change sets, in a form that can be compared. What depends on the rights of the
/// person who looks is left out: the old texts of rendered files, and the fingerprints of secrets that
/// are new in a resource, which only the secrets file tells.
fn value_of(
    path: &str,
    before: Option<&Value>,
    after: Option<&Value>,
    is_creation: bool,
) -> Option<String> {
    let is_fingerprint = path.starts_with(&format!("tags.{FINGERPRINT_TAG}-"));
    if is_fingerprint && (is_creation || before.is_none()) {
        return None;
    }
    let is_text = |value: Option<&Value>| {
        value
            .and_then(Value::as_str)
            .is_some_and(|text| text.contains('\n'))
    };
    if path.starts_with("properties.configuration.secrets[") && (is_text(before) || is_text(after))
    {
        return None;
    }
    let shown = |value: Option<&Value>| value.map(Value::to_string).unwrap_or_default();
    Some(format!("{path}\t{}\t{}", shown(before), shown(after)))
}

fn word(action: Action) -> &'static str {
    match action {
        Action::Create => "create",
        Action::Update => "update",
        Action::Replace => "replace",
        Action::Delete => "delete",
        Action::NoChange => "no_change",
        Action::Waiting => "waiting",
        Action::Unknown => "unknown",
    }
}

/// An action in a sentence.
fn spoken(action: &str) -> &str {
    match action {
        "" => "nothing of it",
        "no_change" => "no change",
        "waiting" => "to wait for DNS",
        other => other,
    }
}

fn because(change: &Change) -> String {
    if change.action.writes() {
        format!(" ({})", change.reason)
    } else {
        String::new()
    }
}
