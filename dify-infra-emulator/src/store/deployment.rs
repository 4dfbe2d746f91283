//! The records of template deployments.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::arm::id::ResourceId;
use crate::store::model::{optional_time, time};

/// How far a deployment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Progress {
    Running,
    Succeeded,
    Failed,
    Canceled,
}

/// The value of a parameter. A secure one is kept with the secret values, for as long as the
/// deployment runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Given {
    Plain(Value),
    /// The number of a secret value that is JSON.
    Secret(u64),
}

/// Where one resource of a template is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ItemState {
    Waiting,
    /// Its write was accepted; the id of its operation.
    Running(String),
    Succeeded,
    /// Refused or failed: the status of the answer, and the error object.
    Failed(u16, Value),
}

/// One resource of a template.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Item {
    pub(crate) id: ResourceId,
    /// Its place in the template's list.
    pub(crate) place: usize,
    /// The keys of what must be there first.
    pub(crate) needs: Vec<String>,
    pub(crate) state: ItemState,
    #[serde(with = "optional_time", default)]
    pub(crate) started: Option<Timestamp>,
    #[serde(with = "optional_time", default)]
    pub(crate) ended: Option<Timestamp>,
}

/// A deployment of a template into a group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Deployment {
    pub(crate) id: ResourceId,
    #[serde(default)]
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) template: Value,
    pub(crate) parameters: BTreeMap<String, Given>,
    pub(crate) items: Vec<Item>,
    pub(crate) progress: Progress,
    #[serde(with = "time")]
    pub(crate) started: Timestamp,
    #[serde(with = "optional_time", default)]
    pub(crate) ended: Option<Timestamp>,
    pub(crate) correlation: String,
    /// The id by which clients follow it.
    pub(crate) operation: String,
    #[serde(default)]
    pub(crate) outputs: Value,
    #[serde(default)]
    pub(crate) error: Option<Value>,
}

impl Deployment {
    /// The numbers of the secret values that it still needs.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = u64> + '_ {
        self.parameters.values().filter_map(|given| match given {
            Given::Secret(number) => Some(*number),
            Given::Plain(_) => None,
        })
    }
}
