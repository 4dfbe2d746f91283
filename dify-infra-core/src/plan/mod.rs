//! What apply would do, as a value.
//!
//! [`plan`] is a pure function that cannot fail: what could not be read becomes a change of the
//! action [`Action::Unknown`] with its reason, so that a person sees everything at once.

mod desired;
mod display;
mod domain;
mod judgement;
mod permanent;
mod planner;
mod saved;
mod shown;
mod snapshot;
mod staging;
mod subnet;
mod vault;

use std::collections::BTreeSet;

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

pub use desired::{
    FILES_TAG, Fingerprints, Obsolete, desired, fingerprint_tag, fingerprints, revision_suffix,
    secrets_of,
};
pub use domain::{
    DnsAnswer, DnsRecord, RecordState, custom_domains, dns_records, domain_of, observed_domain,
};
pub use judgement::{has_failed, is_settled};
pub use permanent::Permanent;
pub use planner::{Options, plan};
pub use saved::{Origin, SavedPlan, SavedPlanError};
pub use snapshot::{ListedResource, Observed, Snapshot};

pub(crate) use domain::looks_like_apex;

/// Shared with dify-infra-azure, which carries plans out: how planner and applier agree on a body. No part of the
/// interface.
#[doc(hidden)]
pub use {
    desired::{files_of, obsolete_tags},
    domain::{own_domain, prune_domains},
    vault::writes_value,
};

use crate::deployment::AllowedRule;
use crate::diff::Difference;
use crate::resource::{Kind, ResourceId};

/// The version of the JSON form of a [`Plan`].
pub const FORMAT: u32 = 1;

/// What happens to a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Action {
    /// It is made.
    Create,
    /// It is changed in place.
    Update,
    /// It is deleted and made again.
    Replace,
    /// It is deleted.
    Delete,
    /// It stays as it is.
    NoChange,
    /// It is made or changed once a person has set DNS records: neither a change nor an error.
    Waiting,
    /// It is not known what would have to happen.
    Unknown,
}

impl Action {
    /// Whether carrying the action out writes to Azure.
    pub fn writes(self) -> bool {
        !matches!(self, Self::NoChange | Self::Waiting | Self::Unknown)
    }
}

/// What a change may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RiskLevel {
    /// Nothing that a user of Dify would notice.
    None,
    /// A new revision replaces the running one.
    Restart,
    /// The service is away for a while.
    Interruption,
    /// It can't be taken back.
    Irreversible,
    /// Data is lost, or can't be read any more. Such a plan is applied only when that is asked for.
    Destructive,
}

impl RiskLevel {
    /// The level as a word.
    pub fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Restart => "restart",
            Self::Interruption => "interruption",
            Self::Irreversible => "irreversible",
            Self::Destructive => "destructive",
        }
    }
}

/// What a change may cost, and in which way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Risk {
    /// How much.
    pub level: RiskLevel,
    /// In which way, as a phrase; empty without risk.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub note: String,
}

impl Risk {
    /// No risk.
    pub fn none() -> Self {
        Self {
            level: RiskLevel::None,
            note: String::new(),
        }
    }

    /// A risk with its note.
    pub fn new(level: RiskLevel, note: &str) -> Self {
        Self {
            level,
            note: note.to_owned(),
        }
    }
}

/// What happens to one resource, and why.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Change {
    /// The resource.
    pub id: ResourceId,
    /// Its kind; nothing for an orphan of a type that dify-infra does not write.
    pub kind: Option<Kind>,
    /// What happens.
    pub action: Action,
    /// Why, as a phrase for people. It never decides anything.
    pub reason: String,
    /// What it may cost.
    pub risk: Risk,
    /// What differs.
    pub differences: Vec<Difference>,
    /// What someone else set in the resource, and whether it stays is the run's `--prune`.
    pub foreign: Vec<String>,
    /// What a creation decides for good; of a resource that is there, what the file asks to be otherwise
    /// although it can't be.
    pub permanent: Vec<Permanent>,
    /// Changes that must be finished first.
    pub needs: BTreeSet<ResourceId>,
}

impl Change {
    /// Whether there is more to tell people than that everything is as wanted.
    pub fn is_remarkable(&self) -> bool {
        let is_noted = !self.foreign.is_empty() || !self.permanent.is_empty();
        self.action != Action::NoChange || is_noted
    }
}

impl Serialize for Change {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Change", 8)?;
        fields.serialize_field("id", &self.id)?;
        fields.serialize_field("type", &self.id.resource_type())?;
        fields.serialize_field("action", &self.action)?;
        fields.serialize_field("reason", &self.reason)?;
        fields.serialize_field("risk", &self.risk)?;
        fields.serialize_field("diff", &self.differences)?;
        fields.serialize_field("foreign", &self.foreign)?;
        fields.serialize_field("permanent", &self.permanent)?;
        fields.end()
    }
}

/// How many changes of each action a plan has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct Summary {
    /// Resources to make.
    pub create: usize,
    /// Resources to change.
    pub update: usize,
    /// Resources to delete and make again.
    pub replace: usize,
    /// Resources to delete.
    pub delete: usize,
    /// Resources that stay.
    pub no_change: usize,
    /// Resources that wait for DNS records.
    pub waiting: usize,
    /// Resources that could not be judged.
    pub unknown: usize,
}

/// Everything that apply would do.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    changes: Vec<Change>,
    blocked: Vec<String>,
    allowed: Vec<AllowedRule>,
}

impl Plan {
    /// All changes, in an order in which each comes after what it needs; what stays is included.
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// The change of a resource.
    pub fn change(&self, id: &ResourceId) -> Option<&Change> {
        self.changes.iter().find(|change| change.id == *id)
    }

    /// What waits for DNS records that a person sets.
    pub fn waiting(&self) -> impl Iterator<Item = &Change> {
        let changes = self.changes.iter();
        changes.filter(|change| change.action == Action::Waiting)
    }

    /// The part of the plan that is about some resources alone; it is as complete and as applyable as
    /// the whole.
    #[must_use]
    pub fn limited_to(&self, ids: &BTreeSet<ResourceId>) -> Self {
        let mut part = self.clone();
        for change in &mut part.changes {
            if change.action.writes() && !ids.contains(&change.id) {
                change.action = Action::NoChange;
                "not part of this run".clone_into(&mut change.reason);
            }
        }
        part
    }

    /// Why the plan can't be applied, as sentences; empty when it can.
    pub fn blocked(&self) -> &[String] {
        &self.blocked
    }

    /// The rules that the deployment allows to be broken, for the plan's readers.
    pub fn allowed(&self) -> &[AllowedRule] {
        &self.allowed
    }

    /// Whether every resource could be judged.
    pub fn is_complete(&self) -> bool {
        self.summary().unknown == 0
    }

    /// Whether apply may carry the plan out.
    pub fn is_applyable(&self) -> bool {
        self.is_complete() && self.blocked.is_empty()
    }

    /// Whether nothing would be written and everything is known.
    pub fn is_empty(&self) -> bool {
        self.is_complete() && !self.changes.iter().any(|change| change.action.writes())
    }

    /// How many changes of each action there are.
    pub fn summary(&self) -> Summary {
        let mut summary = Summary::default();
        for change in &self.changes {
            *match change.action {
                Action::Create => &mut summary.create,
                Action::Update => &mut summary.update,
                Action::Replace => &mut summary.replace,
                Action::Delete => &mut summary.delete,
                Action::NoChange => &mut summary.no_change,
                Action::Waiting => &mut summary.waiting,
                Action::Unknown => &mut summary.unknown,
            } += 1;
        }
        summary
    }
}

impl Serialize for Plan {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Plan", 7)?;
        fields.serialize_field("format", &FORMAT)?;
        fields.serialize_field("complete", &self.is_complete())?;
        fields.serialize_field("applyable", &self.is_applyable())?;
        fields.serialize_field("summary", &self.summary())?;
        fields.serialize_field("changes", &self.changes)?;
        fields.serialize_field("blocked", &self.blocked)?;
        fields.serialize_field("allowed", &self.allowed)?;
        fields.end()
    }
}
