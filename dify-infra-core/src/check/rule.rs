//! What a rule is: its id, its reasons and its samples.

use std::fmt;

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
    /// A file that breaks it.
    pub bad: Sample,
    /// The same file, mended.
    pub good: Sample,
    /// Looks at a proven deployment; nothing for rules that are met on the way to one.
    pub(super) check: Option<Check>,
}

/// The function of a rule: adds a finding for each place where the deployment breaks it.
pub(super) type Check = fn(&Deployment, &mut Diagnostics);

impl Rule {
    /// A start for the rules of a family; every text must be filled in.
    pub(super) const fn of(family: Family, severity: Severity) -> Self {
        Self {
            id: "",
            title: "",
            severity,
            family,
            allowable: false,
            why: "",
            source: "",
            fix: "",
            bad: Sample::part(""),
            good: Sample::part(""),
            check: None,
        }
    }

    /// A finding under this rule; how to mend it is what the rule says, unless more is known.
    pub(crate) fn finding(&self, path: KeyPath, message: impl Into<String>) -> Diagnostic {
        Diagnostic::new(self.id, self.severity, path, message).with_help(as_help(self.fix))
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

/// A sample of a deployment file: a part that goes behind [`Sample::BASE`], or a whole file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    text: &'static str,
    kind: SampleKind,
}

/// What a sample is a sample of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SampleKind {
    /// A part of a deployment file.
    Part,
    /// A whole deployment file.
    File,
    /// The last lines of a squid file.
    Squid,
}

impl Sample {
    /// What a sample that is a part goes behind: a minimal file whose last table is `[azure]`.
    pub const BASE: &'static str = "name = \"dify\"\nenvironment = \"dev\"\n\
        location = \"japaneast\"\n\n[azure]\nresource_group = \"dify-dev-rg\"\n";

    /// A part of a file.
    pub(super) const fn part(text: &'static str) -> Self {
        Self {
            text,
            kind: SampleKind::Part,
        }
    }

    /// A whole file.
    pub(super) const fn file(text: &'static str) -> Self {
        Self {
            text,
            kind: SampleKind::File,
        }
    }

    /// What the lines of a squid file go behind: ports, and lists that they use.
    pub const SQUID_BASE: &'static str = include_str!("squid-base.conf");

    /// The last lines of a squid file.
    pub(super) const fn squid(text: &'static str) -> Self {
        Self {
            text,
            kind: SampleKind::Squid,
        }
    }

    /// Whether this is a squid file, not a deployment file.
    pub const fn is_squid(&self) -> bool {
        matches!(self.kind, SampleKind::Squid)
    }

    /// The lines that matter.
    pub const fn text(&self) -> &'static str {
        self.text
    }

    /// A file that can be read.
    pub fn to_file(&self) -> String {
        match self.kind {
            SampleKind::File => self.text.to_owned(),
            SampleKind::Part => format!("{}{}\n", Self::BASE, self.text),
            SampleKind::Squid => format!("{}{}\n", Self::SQUID_BASE, self.text),
        }
    }
}
