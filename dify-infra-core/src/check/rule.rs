//! What a rule is: its id, its reasons and its samples.

use std::fmt;

use crate::audit::{Call, Findings, Inventory};
use crate::deployment::Deployment;
use crate::diagnostic::{Diagnostic, Diagnostics, KeyPath, Severity};

/// A rule of the catalogue: why it exists, where it comes from, how to keep it.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Rule {
    /// Stable id: the family and a number, as `LIM004`.
    pub id: &'static str,
    /// The rule in a few words.
    pub title: &'static str,
    /// How bad it is to break it.
    pub severity: Severity,
    /// What it is about.
    pub family: Family,
    /// Whether a file may allow it although it is an error; warnings and notes always can be.
    pub allowable: bool,
    /// What goes wrong without it.
    pub why: &'static str,
    /// Who says so: a document, a source file, a thread.
    pub source: &'static str,
    /// How to keep it, as a sentence.
    pub fix: &'static str,
    /// How to keep it in a deployment file, for a rule about what is deployed where that is another matter: what
    /// follows from the file is nothing that its author can edit.
    pub fix_in_file: Option<&'static str>,
    /// A file that breaks it.
    pub bad: Sample,
    /// The same file, mended.
    pub good: Sample,
    /// Looks at a proven deployment; nothing for rules that are met on the way to one.
    pub(crate) check: Option<Check>,
    /// Looks at what anybody deployed; nothing for rules about the file.
    pub(crate) audit: Option<Audit>,
    /// Looks at each call between services; nothing for rules about anything else.
    pub(crate) call: Option<CallAudit>,
}

/// The function of a rule: adds a finding for each place where the deployment breaks it.
pub(crate) type Check = fn(&Deployment, &mut Diagnostics);

/// The function of a rule about what is deployed: adds a finding for each place that breaks it.
pub(crate) type Audit = fn(&Inventory, &mut Findings);

/// The function of a rule about a call: adds a finding when the call breaks it. The calls of a deployment are found
/// once for all rules.
pub(crate) type CallAudit = fn(&Inventory, &Call<'_>, &mut Findings);

impl Rule {
    /// A start for the rules of a family; every text must be filled in.
    pub(crate) const fn of(family: Family, severity: Severity) -> Self {
        Self {
            id: "",
            title: "",
            severity,
            family,
            allowable: false,
            why: "",
            source: "",
            fix: "",
            fix_in_file: None,
            bad: Sample::part(""),
            good: Sample::part(""),
            check: None,
            audit: None,
            call: None,
        }
    }

    /// A finding under this rule; how to mend it is what the rule says, unless more is known.
    pub(crate) fn finding(&self, path: KeyPath, message: impl Into<String>) -> Diagnostic {
        Diagnostic::new(self.id, self.severity, path, message).with_help(as_help(self.fix))
    }

    /// How to keep it in a deployment file, as it follows a finding, where that is said.
    pub(crate) fn help_in_file(&self) -> Option<String> {
        self.fix_in_file.map(as_help)
    }

    /// How to keep it, as it follows a finding.
    pub(crate) fn help(&self) -> String {
        as_help(self.fix)
    }

    /// Whether it looks at what is deployed, and not at the file alone.
    pub(crate) const fn is_of_deployed(&self) -> bool {
        self.audit.is_some() || self.call.is_some()
    }

    /// Whether a file may allow this rule to be broken.
    pub fn can_be_allowed(&self) -> bool {
        self.allowable || self.severity != Severity::Error
    }
}

/// A remedy as it follows a finding: "Remove the key." becomes "remove the key".
fn as_help(fix: &str) -> String {
    let fix = fix.trim_end_matches('.');
    let mut characters = fix.chars();
    let first = characters.next().map(|first| first.to_ascii_lowercase());
    first.into_iter().chain(characters).collect()
}

/// What rules are about; the first letters of their ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Family {
    /// The form of the deployment file.
    Spc,
    /// Pairs, published defaults and reuse of keys.
    Key,
    /// Names, ports, reachability.
    Net,
    /// The proxy's policy.
    Ssr,
    /// PostgreSQL.
    Dbx,
    /// Redis.
    Red,
    /// Blob storage.
    Blb,
    /// Public and internal URLs.
    Url,
    /// Releases, images and the history of variables.
    Ver,
    /// Sizes, replicas, connections.
    Lim,
    /// Leakage and least privilege.
    Sec,
    /// The control plane of Azure.
    Azr,
}

impl Family {
    /// The first letters of the ids.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Spc => "SPC",
            Self::Key => "KEY",
            Self::Net => "NET",
            Self::Ssr => "SSR",
            Self::Dbx => "DBX",
            Self::Red => "RED",
            Self::Blb => "BLB",
            Self::Url => "URL",
            Self::Ver => "VER",
            Self::Lim => "LIM",
            Self::Sec => "SEC",
            Self::Azr => "AZR",
        }
    }

    /// What the rules are about, in words.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Spc => "form of the deployment file",
            Self::Key => "pairs, published defaults and reuse of keys",
            Self::Net => "names, ports and reachability",
            Self::Ssr => "policy of the SSRF proxy",
            Self::Dbx => "PostgreSQL",
            Self::Red => "Redis",
            Self::Blb => "Blob storage",
            Self::Url => "public and internal URLs",
            Self::Ver => "releases, images and the history of variables",
            Self::Lim => "sizes, replicas and connections",
            Self::Sec => "leakage and least privilege",
            Self::Azr => "control plane of Azure",
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

/// A sample of what breaks or keeps a rule: a deployment file, or what lies over a whole deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    text: &'static str,
    form: SampleForm,
}

/// What a [`Sample`] is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SampleForm {
    /// A part of a deployment file, behind [`Sample::BASE`].
    Part,
    /// A whole deployment file.
    File,
    /// The last lines of a squid file, behind [`Sample::SQUID_BASE`].
    Squid,
    /// A compose file that lies over a whole one, as `docker-compose.override.yaml` does.
    Compose,
    /// Resources of an ARM template that lie over those of a whole deployment, by type and name.
    Resources,
}

impl Sample {
    /// What a sample that is a part goes behind: a minimal file whose last table is `[azure]`.
    pub const BASE: &'static str = "name = \"dify\"\nenvironment = \"dev\"\n\
        location = \"japaneast\"\n\n[azure]\nresource_group = \"dify-dev-rg\"\n";

    /// A part of a file.
    pub(crate) const fn part(text: &'static str) -> Self {
        let form = SampleForm::Part;
        Self { text, form }
    }

    /// A whole file.
    pub(super) const fn file(text: &'static str) -> Self {
        let form = SampleForm::File;
        Self { text, form }
    }

    /// What the lines of a squid file go behind: ports, and lists that they use.
    pub const SQUID_BASE: &'static str = include_str!("squid-base.conf");

    /// The last lines of a squid file.
    pub(super) const fn squid(text: &'static str) -> Self {
        let form = SampleForm::Squid;
        Self { text, form }
    }

    /// Whether this is a squid file, not a deployment file.
    pub const fn is_squid(&self) -> bool {
        matches!(self.form, SampleForm::Squid)
    }

    /// What lies over a whole compose file.
    pub(crate) const fn compose(text: &'static str) -> Self {
        let form = SampleForm::Compose;
        Self { text, form }
    }

    /// What lies over the resources of a whole deployment.
    pub(crate) const fn resources(text: &'static str) -> Self {
        let form = SampleForm::Resources;
        Self { text, form }
    }

    /// The lines that matter.
    pub const fn text(&self) -> &'static str {
        self.text
    }

    /// What it is written in.
    pub const fn form(&self) -> SampleForm {
        self.form
    }

    /// A deployment file that can be read; the text itself for samples of other forms, which lie over a whole
    /// deployment.
    pub fn to_file(&self) -> String {
        match self.form {
            SampleForm::Part => format!("{}{}\n", Self::BASE, self.text),
            SampleForm::Squid => format!("{}{}\n", Self::SQUID_BASE, self.text),
            _ => self.text.to_owned(),
        }
    }

    /// Whether it is a deployment file.
    pub const fn is_file(&self) -> bool {
        matches!(self.form, SampleForm::Part | SampleForm::File)
    }
}
