//! Looks at each variable of the file once, for all the rules about variables.
//!
//! A name comes first: wiring, then whether the image reads it. The value comes second, and only
//! the worst that can be said about it is said.

use super::rule::Rule;
use super::{azr, key, sec, ver, wiring};
use crate::catalogue::{FormerDefault, Read, ServiceFacts, Variable, VariableTable, Version};
use crate::deployment::{Deployment, VariableValue};
use crate::diagnostic::{Diagnostic, Diagnostics, KeyPath};
use crate::secrets::{Checker, Problem, SecretName, Secrets};
use crate::values::ImageReference;

/// Adds a finding for each variable that breaks a rule.
pub(super) fn check(deployment: &Deployment, diagnostics: &mut Diagnostics) {
    for service in deployment.services() {
        let Some(facts) = deployment.release().service(service.kind) else {
            continue;
        };
        let table = deployment.release().variables(service.kind);
        for (name, value) in &service.variables {
            let subject = Subject {
                path: KeyPath::of("services")
                    .key(facts.kind.key())
                    .key("env")
                    .key(name.as_str()),
                name: name.as_str(),
                facts,
                table,
                image_version: version_of(&service.image).unwrap_or(table.version()),
                release: deployment.release().version().to_string(),
            };
            diagnostics.extend(subject.findings(value));
        }
    }
}

/// The version that a tag says.
fn version_of(image: &ImageReference) -> Option<Version> {
    image.tag()?.parse().ok()
}

/// One variable of one service.
struct Subject<'a> {
    path: KeyPath,
    name: &'a str,
    facts: &'a ServiceFacts,
    table: VariableTable<'a>,
    /// The version of the image that runs, which may be another than the release's.
    image_version: Version,
    release: String,
}

/// What is wrong with the default of an older image.
pub(crate) fn carried_along(
    name: &str,
    former: &FormerDefault,
    version: Version,
    now: Option<&str>,
) -> String {
    let now = now.map_or(String::new(), |now| format!(" and has `{now}` instead"));
    format!(
        "`{name}` is `{}`, which images up to {} have; {version} has no such thing{now}",
        former.value, former.until
    )
}

impl Subject<'_> {
    fn findings(&self, value: &VariableValue) -> Vec<Diagnostic> {
        let read = self.table.is_read(self.name);
        let variable = match read {
            Read::Yes(variable) => Some(variable),
            _ => None,
        };
        if let Some(finding) = self.wiring(variable) {
            return vec![finding];
        }
        let mut findings: Vec<_> = self.name_finding(read).into_iter().collect();
        if let VariableValue::Plain(value) = value {
            findings.extend(self.value_finding(value, variable));
        }
        findings
    }

    fn finding(&self, rule: &Rule, message: String) -> Diagnostic {
        rule.finding(self.path.clone(), message)
    }

    fn wiring(&self, variable: Option<&Variable>) -> Option<Diagnostic> {
        let by_name = wiring::of(self.facts, self.name);
        let (rule, from) =
            by_name.or_else(|| wiring::of(self.facts, variable.map(|it| it.name.as_str())?))?;
        let message = format!(
            "`{}` is set by dify-infra: it follows from {from}",
            self.name
        );
        Some(self.finding(rule, message))
    }

    /// What is wrong with a name that the image does not read.
    fn name_finding(&self, read: Read<'_>) -> Option<Diagnostic> {
        let (name, service) = (self.name, self.facts.kind);
        Some(match read {
            Read::Yes(_) => return None,
            Read::RenamedTo { right_name, why } => {
                let message = format!("`{service}` does not read `{name}`: {why}");
                self.finding(&ver::NOT_READ, message)
                    .with_help(self.instead(right_name))
            }
            Read::NotYet { since } => {
                let version = self.table.version();
                let message = format!(
                    "`{service}` does not read `{name}` yet: it comes with {since}, and this is \
                     {version}"
                );
                self.finding(&ver::HISTORY, message)
            }
            Read::NoLonger { until, why } => {
                let message = format!("`{service}` reads `{name}` up to {until} only: {why}");
                self.finding(&ver::HISTORY, message)
            }
            Read::No { why, nearest } => {
                let reason = why.map(|why| format!(": {why}")).unwrap_or_default();
                let message = format!(
                    "`{service}` of Dify {} does not read `{name}`{reason}",
                    self.release
                );
                let finding = self.finding(&ver::NOT_READ, message);
                match nearest {
                    Some(nearest) => finding.with_help(format!("did you mean `{nearest}`?")),
                    None => finding,
                }
            }
        })
    }

    /// What to do about a name that another image, or nobody, reads.
    fn instead(&self, right_name: &str) -> String {
        if wiring::of(self.facts, right_name).is_some() {
            format!("remove it: dify-infra sets `{right_name}` itself")
        } else {
            format!("write `{right_name}`")
        }
    }

    /// The worst that can be said about a plain value; it is never repeated where it may be secret.
    fn value_finding(&self, value: &str, variable: Option<&Variable>) -> Option<Diagnostic> {
        let name = self.name;
        let is_secret = variable.is_some_and(|variable| variable.secret) && !value.is_empty();
        if let Some(origin) = published(name, value) {
            let message = format!("the value of `{name}` is public: {origin}");
            return Some(
                self.finding(&key::PUBLISHED, message)
                    .with_help(self.by_name()),
            );
        }
        if is_secret {
            let message = format!("`{name}` is a secret, and its value stands in the file");
            return Some(
                self.finding(&sec::PLAIN_SECRET, message)
                    .with_help(self.by_name()),
            );
        }
        if sec::holds_credential(value) {
            let message = format!("the value of `{name}` has a password in it");
            return Some(
                self.finding(&sec::CREDENTIAL, message)
                    .with_help(self.by_name()),
            );
        }
        if let Some(Err(problem)) = variable.map(|variable| variable.check_value(value)) {
            return Some(self.finding(&ver::VALUE, problem.to_string()));
        }
        let carried = variable.and_then(|variable| {
            let former = variable.carried_along(value, self.image_version)?;
            Some((former, variable.default.as_deref()))
        });
        if let Some((former, now)) = carried {
            let message = carried_along(name, former, self.image_version, now);
            return Some(
                self.finding(&ver::VALUE, message)
                    .with_help("remove it: the image knows its own"),
            );
        }
        let is_expanded = value.contains("$$") || value.contains("$(");
        is_expanded.then(|| {
            let message = format!("Container Apps changes the value of `{name}` on its way");
            self.finding(&azr::EXPANDED, message)
        })
    }

    /// How to give this variable's value as a secret.
    fn by_name(&self) -> String {
        let secret = SecretName::from_env_key(self.name);
        let secret = secret.as_ref().map_or("my-secret", SecretName::as_str);
        format!(
            "put the value into the secrets file and write `{} = {{ secret = \"{secret}\" }}`",
            self.name
        )
    }
}

/// Where a value is published, if it is.
fn published(name: &str, value: &str) -> Option<&'static str> {
    let name = SecretName::from_env_key(name).ok()?;
    let secrets: Secrets = [(name.clone(), value.into())].into_iter().collect();
    let findings = Checker::new().with_other_settings().check(&secrets);
    findings
        .into_iter()
        .find_map(|finding| match finding.problem {
            Problem::Published { origin, .. } if finding.secret == name => Some(origin),
            _ => None,
        })
}
