//! Timing of health probes, within the limits that Container Apps enforces but its types don't.

use serde::{Deserialize, Serialize};

use super::{InvalidValue, Seconds};

/// What a probe decides; the words are ARM's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum ProbeKind {
    /// A container that fails is restarted.
    Liveness,
    /// A replica that fails gets no requests.
    Readiness,
    /// The other probes wait until this one has succeeded.
    Startup,
}

/// When a probe runs and how often it may fail; serialises as the fields of an ARM probe.
///
/// Starts from ARM's defaults, written out so that nothing depends on them: every 10 s, 1 s to
/// answer, 3 failures, 1 success. The limits are those of the descriptions in
/// Azure/azure-rest-api-specs `ContainerApps.json`.
///
/// ```
/// use dify_infra_core::values::{ProbeKind, ProbeTiming};
///
/// let startup = ProbeTiming::new(ProbeKind::Startup)
///     .with_initial_delay_seconds(5)?
///     .with_period_seconds(20)?
///     .with_failure_threshold(10)?;
/// assert_eq!(startup.gives_up_after().get(), 205);
/// let error = startup.with_success_threshold(2).unwrap_err();
/// assert!(error.to_string().contains("must be 1 for Liveness and Startup"));
/// # Ok::<(), dify_infra_core::values::InvalidValue>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Wire", into = "Wire")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ProbeTiming {
    kind: ProbeKind,
    initial_delay_seconds: Option<u8>,
    period_seconds: u8,
    timeout_seconds: u8,
    failure_threshold: u8,
    success_threshold: u8,
}

/// The form of the timing in ARM; what is absent has ARM's default.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
struct Wire {
    #[serde(rename = "type")]
    kind: ProbeKind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    initial_delay_seconds: Option<i64>,
    period_seconds: Option<i64>,
    timeout_seconds: Option<i64>,
    failure_threshold: Option<i64>,
    success_threshold: Option<i64>,
}

impl ProbeTiming {
    /// The timing of a probe that says nothing about it.
    pub const fn new(kind: ProbeKind) -> Self {
        Self {
            kind,
            initial_delay_seconds: None,
            period_seconds: 10,
            timeout_seconds: 1,
            failure_threshold: 3,
            success_threshold: 1,
        }
    }

    /// Waits before the first probe: 1 to 60 s.
    ///
    /// # Errors
    ///
    /// When `seconds` is out of range; 0 is, since no wait is said by leaving it out.
    pub fn with_initial_delay_seconds(self, seconds: i64) -> Result<Self, InvalidValue> {
        let seconds = within("initialDelaySeconds", seconds, 60)?;
        Ok(Self {
            initial_delay_seconds: Some(seconds),
            ..self
        })
    }

    /// Sets the time between two probes: 1 to 240 s.
    ///
    /// # Errors
    ///
    /// When `seconds` is out of range.
    pub fn with_period_seconds(self, seconds: i64) -> Result<Self, InvalidValue> {
        Ok(Self {
            period_seconds: within("periodSeconds", seconds, 240)?,
            ..self
        })
    }

    /// Sets the time that an answer may take: 1 to 240 s.
    ///
    /// # Errors
    ///
    /// When `seconds` is out of range.
    pub fn with_timeout_seconds(self, seconds: i64) -> Result<Self, InvalidValue> {
        Ok(Self {
            timeout_seconds: within("timeoutSeconds", seconds, 240)?,
            ..self
        })
    }

    /// Sets how many failures in a row decide: 1 to 10.
    ///
    /// # Errors
    ///
    /// When `failures` is out of range.
    pub fn with_failure_threshold(self, failures: i64) -> Result<Self, InvalidValue> {
        Ok(Self {
            failure_threshold: within("failureThreshold", failures, 10)?,
            ..self
        })
    }

    /// Sets how many successes in a row decide: 1 to 10, and 1 unless the probe is of readiness.
    ///
    /// # Errors
    ///
    /// When `successes` is out of range, or not 1 for a liveness or startup probe.
    pub fn with_success_threshold(self, successes: i64) -> Result<Self, InvalidValue> {
        let name = "successThreshold";
        let success_threshold = within(name, successes, 10)?;
        if success_threshold != 1 && self.kind != ProbeKind::Readiness {
            let reason = "it must be 1 for Liveness and Startup probes";
            return Err(InvalidValue::of(name, &successes, reason, "use 1"));
        }
        Ok(Self {
            success_threshold,
            ..self
        })
    }

    /// What the probe decides.
    pub const fn kind(&self) -> ProbeKind {
        self.kind
    }

    /// How long a container may fail from its start on until the probe decides.
    pub fn gives_up_after(&self) -> Seconds {
        let delay = u32::from(self.initial_delay_seconds.unwrap_or(0));
        Seconds::new(delay + u32::from(self.period_seconds) * u32::from(self.failure_threshold))
    }
}

/// Checks a number of a probe, whose lower limit is always 1.
fn within(name: &'static str, number: i64, maximum: u8) -> Result<u8, InvalidValue> {
    u8::try_from(number)
        .ok()
        .filter(|number| (1..=maximum).contains(number))
        .ok_or_else(|| {
            let remedy = format!("use a number from 1 to {maximum}");
            InvalidValue::of(name, &number, "Container Apps refuses it", remedy)
        })
}

impl TryFrom<Wire> for ProbeTiming {
    type Error = InvalidValue;

    fn try_from(wire: Wire) -> Result<Self, InvalidValue> {
        let default = Self::new(wire.kind);
        let timing = default
            .with_period_seconds(wire.period_seconds.unwrap_or(default.period_seconds.into()))?
            .with_timeout_seconds(
                wire.timeout_seconds
                    .unwrap_or(default.timeout_seconds.into()),
            )?
            .with_failure_threshold(
                wire.failure_threshold
                    .unwrap_or(default.failure_threshold.into()),
            )?
            .with_success_threshold(
                wire.success_threshold
                    .unwrap_or(default.success_threshold.into()),
            )?;
        match wire.initial_delay_seconds {
            Some(seconds) => timing.with_initial_delay_seconds(seconds),
            None => Ok(timing),
        }
    }
}

impl From<ProbeTiming> for Wire {
    fn from(timing: ProbeTiming) -> Self {
        Self {
            kind: timing.kind,
            initial_delay_seconds: timing.initial_delay_seconds.map(Into::into),
            period_seconds: Some(timing.period_seconds.into()),
            timeout_seconds: Some(timing.timeout_seconds.into()),
            failure_threshold: Some(timing.failure_threshold.into()),
            success_threshold: Some(timing.success_threshold.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Setter = fn(ProbeTiming, i64) -> Result<ProbeTiming, InvalidValue>;

    #[test]
    fn takes_the_limits_and_nothing_past_them() {
        let setters: [(Setter, i64); 5] = [
            (ProbeTiming::with_initial_delay_seconds, 60),
            (ProbeTiming::with_period_seconds, 240),
            (ProbeTiming::with_timeout_seconds, 240),
            (ProbeTiming::with_failure_threshold, 10),
            (ProbeTiming::with_success_threshold, 10),
        ];
        let readiness = ProbeTiming::new(ProbeKind::Readiness);
        for (set, maximum) in setters {
            assert!(set(readiness, 1).is_ok() && set(readiness, maximum).is_ok());
            for wrong in [0, -1, maximum + 1, i64::MAX] {
                assert!(set(readiness, wrong).is_err(), "{wrong}");
            }
        }
    }

    #[test]
    fn liveness_and_startup_succeed_at_once() {
        for kind in [ProbeKind::Liveness, ProbeKind::Startup] {
            assert!(ProbeTiming::new(kind).with_success_threshold(1).is_ok());
            assert!(ProbeTiming::new(kind).with_success_threshold(2).is_err());
        }
    }

    #[test]
    fn writes_the_fields_of_arm() {
        let timing = ProbeTiming::new(ProbeKind::Liveness)
            .with_initial_delay_seconds(5)
            .unwrap();
        let json = serde_json::to_value(timing).unwrap();
        let expected = serde_json::json!({
            "type": "Liveness", "initialDelaySeconds": 5, "periodSeconds": 10,
            "timeoutSeconds": 1, "failureThreshold": 3, "successThreshold": 1,
        });
        assert_eq!(json, expected);
        assert_eq!(serde_json::from_value::<ProbeTiming>(json).unwrap(), timing);
    }

    #[test]
    fn reads_a_probe_that_leaves_fields_out() {
        let timing: ProbeTiming = serde_json::from_str(r#"{"type":"Startup"}"#).unwrap();
        assert_eq!(timing, ProbeTiming::new(ProbeKind::Startup));
        let wrong = r#"{"type":"Startup","initialDelaySeconds":0}"#;
        let error = serde_json::from_str::<ProbeTiming>(wrong)
            .unwrap_err()
            .to_string();
        assert!(error.contains("0 is not an initialDelaySeconds"), "{error}");
    }
}
