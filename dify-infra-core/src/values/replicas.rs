//! How many replicas an app may have.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::InvalidValue;

const WHAT: &str = "replica range";
const MOST: u16 = 1000;

/// The fewest and the most replicas of an app: 0 to 1000 and 1 to 1000
/// (learn.microsoft.com scale-app).
///
/// ```
/// use dify_infra_core::values::ReplicaRange;
///
/// let replicas = ReplicaRange::try_new(1, 5)?;
/// assert_eq!((replicas.min(), replicas.max()), (1, 5));
/// let error = ReplicaRange::try_new(5, 1).unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "min 5, max 1 is not a replica range: min is above max; use min 1, max 5"
/// );
/// # Ok::<(), dify_infra_core::values::InvalidValue>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Wire", into = "Wire")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ReplicaRange {
    min: u16,
    max: u16,
}

/// The form of a range in a file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct Wire {
    /// The fewest replicas.
    #[cfg_attr(feature = "schema", schemars(range(min = 0, max = 1000)))]
    min: i64,
    /// The most replicas.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 1000)))]
    max: i64,
}

impl ReplicaRange {
    /// Checks a range.
    ///
    /// # Errors
    ///
    /// When `min` is not within 0 to 1000, `max` not within 1 to 1000, or `min` above `max`.
    pub fn try_new(min: i64, max: i64) -> Result<Self, InvalidValue> {
        let refuse = |reason: &str, remedy: String| {
            InvalidValue::of(WHAT, &format!("min {min}, max {max}"), reason, remedy)
        };
        let bounds = || format!("use min from 0 to {MOST} and max from 1 to {MOST}");
        let within = |number: i64| u16::try_from(number).ok().filter(|number| *number <= MOST);
        let fewest = within(min).ok_or_else(|| refuse("min is out of range", bounds()))?;
        let most = within(max)
            .filter(|number| *number > 0)
            .ok_or_else(|| refuse("max is out of range", bounds()))?;
        if fewest > most {
            return Err(refuse(
                "min is above max",
                format!("use min {max}, max {min}"),
            ));
        }
        Ok(Self {
            min: fewest,
            max: most,
        })
    }

    /// The fewest replicas; 0 lets the app sleep.
    pub const fn min(self) -> u16 {
        self.min
    }

    /// The most replicas.
    pub const fn max(self) -> u16 {
        self.max
    }
}

impl TryFrom<Wire> for ReplicaRange {
    type Error = InvalidValue;

    fn try_from(wire: Wire) -> Result<Self, InvalidValue> {
        Self::try_new(wire.min, wire.max)
    }
}

impl From<ReplicaRange> for Wire {
    fn from(range: ReplicaRange) -> Self {
        Self {
            min: range.min.into(),
            max: range.max.into(),
        }
    }
}

impl fmt::Display for ReplicaRange {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.min == self.max {
            write!(formatter, "{}", self.min)
        } else {
            write!(formatter, "{} to {}", self.min, self.max)
        }
    }
}

/// Exactly one replica: what a scheduler such as Celery beat must have, or every task runs twice.
///
/// ```
/// use dify_infra_core::values::{ReplicaRange, SingleReplica};
///
/// assert_eq!(SingleReplica::try_from(ReplicaRange::try_new(1, 1)?)?, SingleReplica);
/// assert!(SingleReplica::try_from(ReplicaRange::try_new(1, 2)?).is_err());
/// # Ok::<(), dify_infra_core::values::InvalidValue>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "ReplicaRange", into = "ReplicaRange")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SingleReplica;

impl TryFrom<ReplicaRange> for SingleReplica {
    type Error = InvalidValue;

    fn try_from(range: ReplicaRange) -> Result<Self, InvalidValue> {
        if range == Self.into() {
            return Ok(Self);
        }
        Err(InvalidValue::of(
            "single replica",
            &format!("min {}, max {}", range.min, range.max),
            "this service must run exactly once",
            "use min 1, max 1",
        ))
    }
}

impl From<SingleReplica> for ReplicaRange {
    fn from(_: SingleReplica) -> Self {
        Self { min: 1, max: 1 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_the_bounds_and_nothing_past_them() {
        for (min, max) in [(0, 1), (1, 1), (0, 1000), (1000, 1000)] {
            assert!(ReplicaRange::try_new(min, max).is_ok(), "{min}..{max}");
        }
        for (min, max) in [
            (0, 0),
            (-1, 1),
            (0, 1001),
            (1001, 1001),
            (2, 1),
            (i64::MIN, i64::MAX),
        ] {
            assert!(ReplicaRange::try_new(min, max).is_err(), "{min}..{max}");
        }
    }

    #[test]
    fn reads_and_writes_a_table() {
        let range: ReplicaRange = toml::from_str("min = 1\nmax = 5").unwrap();
        assert_eq!(
            serde_json::to_string(&range).unwrap(),
            r#"{"min":1,"max":5}"#
        );
        assert!(toml::from_str::<ReplicaRange>("min = 1\nmax = 5\nmaximum = 6").is_err());
        let error = toml::from_str::<ReplicaRange>("min = 5\nmax = 1")
            .unwrap_err()
            .to_string();
        assert!(error.contains("min is above max"), "{error}");
    }

    #[test]
    fn a_scheduler_cannot_have_two_replicas_or_none() {
        for json in [
            r#"{"min":0,"max":1}"#,
            r#"{"min":1,"max":2}"#,
            r#"{"min":2,"max":2}"#,
        ] {
            let error = serde_json::from_str::<SingleReplica>(json)
                .unwrap_err()
                .to_string();
            assert!(error.contains("must run exactly once"), "{error}");
        }
        assert_eq!(
            serde_json::to_string(&SingleReplica).unwrap(),
            r#"{"min":1,"max":1}"#
        );
    }
}
