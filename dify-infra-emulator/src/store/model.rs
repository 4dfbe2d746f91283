//! The records of the store.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::arm::id::ResourceId;
use crate::arm::merge::lay_over;
use crate::store::blob::Blob;
use crate::store::deployment::Deployment;

/// A secret value: never printed, and written to the file of secret values alone.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct SecretValue(String);

impl SecretValue {
    pub(crate) fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretValue {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SecretValue(hidden)")
    }
}

/// A resource group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Group {
    pub(crate) subscription: String,
    pub(crate) name: String,
    pub(crate) location: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) tags: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) managed_by: Option<String>,
    #[serde(default)]
    pub(crate) deleting: bool,
}

/// Where a resource is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Phase {
    Creating,
    Updating,
    Deleting,
    Succeeded,
    Failed,
}

/// A write that becomes visible only when its operation ends.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct NextVersion {
    pub(crate) desired: Value,
    pub(crate) secrets: BTreeMap<String, u64>,
}

/// A resource.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Resource {
    pub(crate) id: ResourceId,
    /// What was asked for, with the provider's defaults.
    pub(crate) desired: Value,
    /// What only the provider knows; laid over `desired` in answers.
    #[serde(default)]
    pub(crate) outputs: Value,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) next: Option<NextVersion>,
    pub(crate) phase: Phase,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) operation: Option<String>,
    /// Numbers of the secret values, by their place in the body.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) secrets: BTreeMap<String, u64>,
    #[serde(with = "time")]
    pub(crate) created: Timestamp,
    #[serde(with = "time")]
    pub(crate) modified: Timestamp,
    /// What the provider notes for itself; never shown.
    #[serde(default)]
    pub(crate) facts: Value,
}

impl Resource {
    /// A resource that is complete from the start.
    pub(crate) fn complete(id: ResourceId, desired: Value, now: Timestamp) -> Self {
        Self {
            id,
            desired,
            outputs: Value::Null,
            next: None,
            phase: Phase::Succeeded,
            operation: None,
            secrets: BTreeMap::new(),
            created: now,
            modified: now,
            facts: Value::Null,
        }
    }

    /// What was asked for, with the provider's values over it.
    pub(crate) fn body(&self) -> Value {
        let mut body = self.desired.clone();
        if !self.outputs.is_null() {
            lay_over(&mut body, &self.outputs);
        }
        body
    }
}

/// What an operation does when it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Work {
    Create,
    Update,
    Delete,
    DeleteGroup,
    Register,
    /// An action whose result was known at its start.
    Act,
    /// Nothing: it only keeps a lane busy.
    Rest,
}

/// How an operation ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Outcome {
    Running,
    Succeeded,
    Failed { code: String, message: String },
}

/// A long-running operation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Operation {
    pub(crate) id: String,
    pub(crate) work: Work,
    /// Key of what it works on: a resource, a group or a namespace.
    pub(crate) target: String,
    /// The id of the resource that it works on, as clients read it.
    #[serde(default)]
    pub(crate) resource: Option<ResourceId>,
    /// Operations of one lane do not run beside each other.
    pub(crate) lane: String,
    #[serde(with = "time")]
    pub(crate) started: Timestamp,
    #[serde(with = "time")]
    pub(crate) ends: Timestamp,
    pub(crate) outcome: Outcome,
    /// How it will fail, when a test asked for that.
    #[serde(default)]
    pub(crate) planned_failure: Option<(String, String)>,
    /// The result of an action.
    #[serde(default)]
    pub(crate) result: Option<Value>,
}

impl Operation {
    pub(crate) fn is_running(&self) -> bool {
        self.outcome == Outcome::Running
    }

    /// The share of the time that has passed, from 0 to 1.
    pub(crate) fn progress(&self, now: Timestamp) -> f64 {
        let whole = self.ends.duration_since(self.started).as_secs_f64();
        let passed = now.duration_since(self.started).as_secs_f64();
        if whole <= 0.0 {
            1.0
        } else {
            (passed / whole).clamp(0.0, 1.0)
        }
    }
}

/// A resource provider that was registered by request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Registration {
    pub(crate) namespace: String,
    pub(crate) registered: bool,
}

/// A name that stays held after a deletion, with what recovering it brings back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Reservation {
    #[serde(with = "time")]
    pub(crate) until: Timestamp,
    pub(crate) outputs: Value,
    #[serde(default)]
    pub(crate) secrets: BTreeMap<String, u64>,
    #[serde(with = "time")]
    pub(crate) created: Timestamp,
}

/// One change of the store: a key with its new value, or none when it is gone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Change {
    Group(String, Option<Group>),
    Resource(String, Option<Resource>),
    Operation(String, Option<Operation>),
    Registration(String, Registration),
    Reservation(String, Option<Reservation>),
    Deployment(String, Option<Box<Deployment>>),
    Blob(String, Option<Box<Blob>>),
}

/// Times that may be absent, as RFC 3339 text.
pub(crate) mod optional_time {
    use jiff::Timestamp;
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    #[expect(clippy::ref_option, reason = "serde calls it so")]
    pub(crate) fn serialize<S: Serializer>(
        time: &Option<Timestamp>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        time.map(|time| time.to_string()).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Timestamp>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        text.map(|text| text.parse().map_err(D::Error::custom))
            .transpose()
    }
}

/// Times as RFC 3339 text.
pub(crate) mod time {
    use jiff::Timestamp;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(crate) fn serialize<S: Serializer>(
        time: &Timestamp,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_str(time)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Timestamp, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(D::Error::custom)
    }
}
