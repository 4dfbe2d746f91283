//! The outcome of a verification, as values, JSON and `JUnit`.

use std::fmt::Write as _;

use dify_infra_core::resource::ResourceId;
use serde::Serialize;

/// How a check went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Status {
    /// Azure's answers show it.
    Passed,
    /// Azure's answers show the opposite, or could not be had.
    Failed,
    /// It works, and something should be done about it.
    Warned,
    /// It is not so yet, since a person has to do something first, such as setting DNS records.
    Waiting,
    /// It can't be shown from the control plane.
    NotRun,
}

impl Status {
    /// The status as a word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Warned => "warning",
            Self::Waiting => "waiting",
            Self::NotRun => "not run",
        }
    }
}

/// One check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Check {
    /// What is checked, in a few words.
    pub name: String,
    /// Of what: a resource's name with its parents', `my-server/my-database`, or the deployment's.
    pub subject: String,
    /// The resource, when it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<ResourceId>,
    /// The type of that resource, as `Microsoft.App/containerApps`.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub resource_type: Option<String>,
    /// How it went.
    pub status: Status,
    /// What was seen, or why it was not run.
    pub detail: String,
}

/// What a check is about.
#[derive(Debug, Clone, Copy)]
pub(super) enum About<'a> {
    /// The deployment of this name.
    Deployment(&'a str),
    Resource(&'a ResourceId),
}

impl<'a> From<&'a str> for About<'a> {
    fn from(name: &'a str) -> Self {
        Self::Deployment(name)
    }
}

impl<'a> From<&'a ResourceId> for About<'a> {
    fn from(id: &'a ResourceId) -> Self {
        Self::Resource(id)
    }
}

impl Check {
    pub(super) fn new<'a>(
        name: &str,
        about: impl Into<About<'a>>,
        status: Status,
        detail: impl Into<String>,
    ) -> Self {
        let (subject, id) = match about.into() {
            About::Deployment(name) => (name.to_owned(), None),
            About::Resource(id) => (id.label(), Some(id.clone())),
        };
        Self {
            name: name.to_owned(),
            subject,
            resource_type: id.as_ref().map(ResourceId::resource_type),
            id,
            status,
            detail: detail.into(),
        }
    }

    /// Passed or failed by what was seen.
    pub(super) fn judged<'a>(
        name: &str,
        about: impl Into<About<'a>>,
        passed: bool,
        detail: impl Into<String>,
    ) -> Self {
        let status = if passed {
            Status::Passed
        } else {
            Status::Failed
        };
        Self::new(name, about, status, detail)
    }
}

/// All checks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct VerifyReport {
    /// Version of the JSON form.
    pub format: u32,
    /// The checks, in the order in which a person would read them.
    pub checks: Vec<Check>,
}

impl VerifyReport {
    pub(super) fn new(checks: Vec<Check>) -> Self {
        Self { format: 1, checks }
    }

    /// How many checks ended so.
    pub fn count(&self, status: Status) -> usize {
        self.checks
            .iter()
            .filter(|check| check.status == status)
            .count()
    }

    /// Whether no check failed.
    pub fn is_success(&self) -> bool {
        self.count(Status::Failed) == 0
    }

    /// The report as a `JUnit` XML document, which pipelines show.
    pub fn to_junit(&self) -> String {
        let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        let failed = self.count(Status::Failed);
        let skipped = self.count(Status::NotRun) + self.count(Status::Waiting);
        let _ = writeln!(
            xml,
            "<testsuite name=\"dify-infra verify\" tests=\"{}\" failures=\"{failed}\" \
             skipped=\"{skipped}\">",
            self.checks.len()
        );
        for check in &self.checks {
            let (name, subject) = (escape(&check.name), escape(&check.subject));
            let detail = escape(&check.detail);
            let _ = write!(xml, "  <testcase classname=\"{subject}\" name=\"{name}\">");
            let _ = match check.status {
                Status::Passed | Status::Warned => {
                    write!(xml, "<system-out>{detail}</system-out>")
                }
                Status::Failed => write!(xml, "<failure message=\"{detail}\"/>"),
                Status::NotRun => write!(xml, "<skipped message=\"{detail}\"/>"),
                Status::Waiting => write!(xml, "<skipped message=\"waiting: {detail}\"/>"),
            };
            xml.push_str("</testcase>\n");
        }
        xml.push_str("</testsuite>\n");
        xml
    }
}

/// Text as it may stand in XML, in an attribute too. Characters that XML has no form for become
/// `?`.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' | '\t' => escaped.push(' '),
            control if control.is_control() => escaped.push('?'),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn junit_tells_failed_from_not_run_and_escapes() {
        let report = VerifyReport::new(vec![
            Check::judged("state", "api", true, "Succeeded"),
            Check::judged("state", "worker", false, "\"Failed\" <&>"),
            Check::new(
                "routes",
                "nginx",
                Status::NotRun,
                "needs running containers",
            ),
        ]);
        let xml = report.to_junit();
        assert!(xml.contains("tests=\"3\" failures=\"1\" skipped=\"1\""));
        assert!(xml.contains("<failure message=\"&quot;Failed&quot; &lt;&amp;&gt;\"/>"));
        assert!(xml.contains("<skipped message=\"needs running containers\"/>"));
        assert!(!report.is_success());
    }
}
