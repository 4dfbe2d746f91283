//! What of a wanted body the live resource lacks: desired ⊆ live.
//!
//! The wanted body holds only what dify-infra manages, so everything that Azure adds (defaults,
//! read-only values) is no difference. Values are compared as Azure compares them: ids, type names
//! and words such as `Tcp` without letter case, regions without spaces, keyed lists in any order,
//! `null` as absent. What stands in a keyed list and is not wanted is *foreign*: someone else's,
//! reported and kept.

mod compare;
mod lists;
mod merge;
mod normal;
mod read_only;

use std::fmt;

use serde::Serialize;
use serde_json::Value;

pub use merge::merge;
pub use normal::normalized;
pub use read_only::without_read_only;

use crate::resource::{FINGERPRINT_TAG, Kind};

/// The word that stands for a value that exists only once another resource does.
pub const KNOWN_AFTER_APPLY: &str = "(known after apply)";

/// The word that stands for a secret.
pub const SECRET: &str = "(secret)";

/// One value that differs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Difference {
    /// Where, as `properties.template.containers[api].image`.
    pub path: String,
    /// What Azure has; nothing when it is absent.
    pub before: Option<Value>,
    /// What is wanted.
    pub after: Option<Value>,
}

impl fmt::Display for Difference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let show = |value: &Option<Value>| match value {
            None => "(absent)".to_owned(),
            Some(Value::String(text)) if text.contains('\n') => {
                format!("({} lines)", text.lines().count())
            }
            Some(Value::String(text)) => format!("\"{text}\""),
            Some(other) => other.to_string(),
        };
        if let (Some(secret), Some(before), Some(after)) = (
            self.secret(),
            text(self.before.as_ref()),
            text(self.after.as_ref()),
        ) {
            return write!(formatter, "secret {secret}: changed ({before} → {after})");
        }
        write!(
            formatter,
            "{}: {} → {}",
            self.path,
            show(&self.before),
            show(&self.after)
        )
    }
}

impl Difference {
    /// The secret whose fingerprint this is about.
    ///
    /// ```
    /// use dify_infra_core::diff::Difference;
    ///
    /// let difference = Difference {
    ///     path: "tags.dify-infra-secrets-secret-key".to_owned(),
    ///     before: Some("a1b2".into()),
    ///     after: Some("c3d4".into()),
    /// };
    /// assert_eq!(difference.secret(), Some("secret-key"));
    /// assert_eq!(difference.to_string(), "secret secret-key: changed (a1b2 → c3d4)");
    /// ```
    pub fn secret(&self) -> Option<&str> {
        let tag = self.path.strip_prefix("tags.")?;
        tag.strip_prefix(FINGERPRINT_TAG)?.strip_prefix('-')
    }
}

fn text(value: Option<&Value>) -> Option<&str> {
    value?.as_str()
}

/// The outcome of a comparison.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Comparison {
    /// What is wanted and is not so.
    pub differences: Vec<Difference>,
    /// What someone else put into a list that is partly ours: its path.
    pub foreign: Vec<String>,
}

impl Comparison {
    /// Whether nothing wanted is missing.
    pub fn is_equal(&self) -> bool {
        self.differences.is_empty()
    }
}

/// Compares a wanted body with the live one.
///
/// ```
/// use dify_infra_core::diff::compare;
/// use dify_infra_core::resource::Kind;
/// use serde_json::json;
///
/// let wanted = json!({ "location": "japaneast", "properties": { "retentionInDays": 30 } });
/// let live = json!({
///     "location": "Japan East",
///     "properties": { "retentionInDays": 90, "customerId": "…" },
/// });
/// let comparison = compare(Kind::Workspace, &wanted, &live);
/// assert_eq!(comparison.differences.len(), 1);
/// assert_eq!(comparison.differences[0].path, "properties.retentionInDays");
/// ```
pub fn compare(kind: Kind, wanted: &Value, live: &Value) -> Comparison {
    let mut comparison = Comparison::default();
    compare::body(kind, wanted, live, &mut comparison);
    comparison
}

/// Every value of a body that does not exist yet, as differences from nothing.
pub fn created(wanted: &Value) -> Vec<Difference> {
    let mut differences = Vec::new();
    compare::leaves(&Path::root(), wanted, &mut differences);
    differences
}

/// A path into a body, for people and for rules about places.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Path(Vec<Step>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Field(String),
    Item(String),
}

impl Path {
    pub(crate) fn root() -> Self {
        Self(Vec::new())
    }

    fn field(&self, name: &str) -> Self {
        let mut path = self.clone();
        path.0.push(Step::Field(name.to_owned()));
        path
    }

    fn item(&self, key: &str) -> Self {
        let mut path = self.clone();
        path.0.push(Step::Item(key.to_owned()));
        path
    }

    /// The name of the last field, whatever item follows it.
    fn last_field(&self) -> &str {
        self.0
            .iter()
            .rev()
            .find_map(|step| match step {
                Step::Field(name) => Some(name.as_str()),
                Step::Item(_) => None,
            })
            .unwrap_or_default()
    }

    fn has_field(&self, wanted: &str) -> bool {
        self.0
            .iter()
            .any(|step| matches!(step, Step::Field(name) if name == wanted))
    }
}

impl fmt::Display for Path {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, step) in self.0.iter().enumerate() {
            match step {
                Step::Field(name) if position > 0 => write!(formatter, ".{name}")?,
                Step::Field(name) => formatter.write_str(name)?,
                Step::Item(key) => write!(formatter, "[{key}]")?,
            }
        }
        Ok(())
    }
}
