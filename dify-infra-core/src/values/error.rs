//! The one error of all values.

use std::fmt;

use super::text::{quoted, with_article};

/// A value outside of what its type allows.
///
/// Its `Display` is a sentence that says what is wrong and what to write instead.
///
/// ```
/// use dify_infra_core::values::Memory;
///
/// let error = "512Mi".parse::<Memory>().unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "\"512Mi\" is not a memory size: its unit is not Gi; write \"0.5Gi\""
/// );
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{value} is not {}: {reason}; {remedy}", with_article(what))]
pub struct InvalidValue {
    what: &'static str,
    value: String,
    reason: String,
    remedy: String,
}

impl InvalidValue {
    /// An error about a text, which is quoted.
    pub(crate) fn of_text(
        what: &'static str,
        text: &str,
        reason: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            what,
            value: quoted(text),
            reason: reason.into(),
            remedy: remedy.into(),
        }
    }

    /// An error about anything that is shown as it is.
    pub(crate) fn of(
        what: &'static str,
        value: &impl fmt::Display,
        reason: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            what,
            value: value.to_string(),
            reason: reason.into(),
            remedy: remedy.into(),
        }
    }

    /// What the value was meant to be: "memory size".
    pub fn what(&self) -> &'static str {
        self.what
    }

    /// The value as an error shows it: texts in quotes, passwords and queries of URLs masked.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// What is wrong with it.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// What to write instead.
    pub fn remedy(&self) -> &str {
        &self.remedy
    }
}
