//! Rules about keys: pairs and published defaults.

use super::rule::{Family, Rule, Sample};
use crate::diagnostic::Severity;

/// All rules of the family.
pub(super) const RULES: &[&Rule] = &[&PUBLISHED, &PAIR];

pub(super) const PUBLISHED: Rule = Rule {
    id: "KEY001",
    title: "No value is one that Dify publishes",
    why: "The defaults of Dify's compose files are on the internet: a deployment that uses one is \
          open to everybody who has read them.",
    source: "langgenius/dify#36637; langgenius/dify docker/.env.example",
    fix: "Make a value with `dify-secrets gen` and name it: `{ secret = \"...\" }`.",
    bad: Sample::part("[services.api.env]\nSMTP_PASSWORD = \"difyai123456\""),
    good: Sample::part("[services.api.env]\nSMTP_PASSWORD = { secret = \"smtp-password\" }"),
    ..Rule::of(Family::Key, Severity::Error)
};

pub(super) const PAIR: Rule = Rule {
    id: "KEY002",
    title: "Both sides of a pair come from one secret",
    why: "Sandbox, plugin daemon and API compare keys with each other. A key that is set on one \
          side alone makes every call of the other fail with 401, 403 or 404.",
    source: "langgenius/dify#28241; langgenius/dify-sandbox#126; aws-samples/dify-self-hosted-on-aws#120",
    fix: "Remove the variable; put the value into the secrets file, from where both sides get it.",
    bad: Sample::part(
        "[services.api.env]\nCODE_EXECUTION_API_KEY = { secret = \"my-sandbox-key\" }",
    ),
    good: Sample::part(""),
    ..Rule::of(Family::Key, Severity::Error)
};
