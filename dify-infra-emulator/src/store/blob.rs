//! The records of the blob data plane.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::store::model::{optional_time, time};

/// Bytes of a blob; base64 on disk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Content(pub(crate) Bytes);

impl Serialize for Content {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Content {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = STANDARD.decode(text).map_err(serde::de::Error::custom)?;
        Ok(Self(Bytes::from(bytes)))
    }
}

/// A lock on a blob or a container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Lease {
    pub(crate) id: String,
    /// Seconds, or none when it never ends by itself.
    pub(crate) seconds: Option<i64>,
    /// When it ends by itself.
    #[serde(with = "optional_time", default)]
    pub(crate) until: Option<Timestamp>,
    /// When a break that was asked for ends it.
    #[serde(with = "optional_time", default)]
    pub(crate) broken_at: Option<Timestamp>,
}

/// A block blob.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Blob {
    pub(crate) content: Content,
    /// Headers that are answered as they were given, by lower-case name: `content-type` and others.
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) metadata: BTreeMap<String, String>,
    pub(crate) etag: String,
    #[serde(with = "time")]
    pub(crate) created: Timestamp,
    #[serde(with = "time")]
    pub(crate) modified: Timestamp,
    #[serde(default)]
    pub(crate) lease: Option<Lease>,
    /// Blocks of the content, in order, with their sizes.
    #[serde(default)]
    pub(crate) blocks: Vec<(String, usize)>,
    /// Blocks that were put and not committed.
    #[serde(default)]
    pub(crate) uncommitted: BTreeMap<String, Content>,
    /// Whether there is more of it than blocks that were not committed.
    pub(crate) is_committed: bool,
}
