//! The rules that the emulator enforces, as a table that can be listed.

use http::StatusCode;

use crate::arm::error::ArmError;
use crate::provider;

/// A rule of Azure that the published types do not express, and where it is known from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rule {
    /// Stable name, for example `ACA-CPU-MEMORY`.
    pub id: &'static str,
    /// What the rule demands, as a sentence.
    pub text: &'static str,
    /// The page, thread or type file that says so.
    pub source: &'static str,
    /// Whether the rule itself is a guess rather than a documented fact.
    pub guess: bool,
    /// Whether the error code of the refusal was seen in Azure's own documents or live answers.
    /// Codes of the other rules are made up, and a client should not depend on them.
    pub code_known: bool,
}

impl Rule {
    /// A rule that a source states.
    pub(crate) const fn known(id: &'static str, text: &'static str, source: &'static str) -> Self {
        Self {
            id,
            text,
            source,
            guess: false,
            code_known: false,
        }
    }

    /// A rule that is likely and not proven, or whose error code is not known.
    pub(crate) const fn guessed(
        id: &'static str,
        text: &'static str,
        source: &'static str,
    ) -> Self {
        Self {
            id,
            text,
            source,
            guess: true,
            code_known: false,
        }
    }

    /// The same rule, of which Azure's own error code is known too.
    pub(crate) const fn with_known_code(self) -> Self {
        Self {
            code_known: true,
            ..self
        }
    }

    /// Refuses a request because of this rule, with status 400.
    pub(crate) fn refuse(&self, code: &str, message: impl Into<String>) -> ArmError {
        self.refuse_with(StatusCode::BAD_REQUEST, code, message)
    }

    /// Refuses a request because of this rule, with a status of its own.
    pub(crate) fn refuse_with(
        &self,
        status: StatusCode,
        code: &str,
        message: impl Into<String>,
    ) -> ArmError {
        ArmError::new(status, code, message).because_of(self.id)
    }
}

/// Every rule that the emulator enforces, grouped by provider.
///
/// ```
/// let rules = dify_infra_emulator::rules();
/// assert!(rules.iter().any(|rule| rule.id == "ACA-CPU-MEMORY" && !rule.guess));
/// ```
pub fn rules() -> Vec<&'static Rule> {
    crate::front::RULES
        .iter()
        .chain(crate::deployments::RULES)
        .chain(crate::deployments::template::RULES)
        .chain(crate::throttle::RULES)
        .chain(provider::rules())
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_rule_has_an_id_of_its_own_a_text_and_a_source() {
        let mut seen = BTreeSet::new();
        for rule in rules() {
            assert!(seen.insert(rule.id), "the id {} is used twice", rule.id);
            assert!(
                rule.text.ends_with('.'),
                "{}: the text is a sentence",
                rule.id
            );
            assert!(!rule.source.is_empty(), "{}: no source", rule.id);
        }
        assert!(seen.len() >= 40, "only {} rules are listed", seen.len());
    }
}
