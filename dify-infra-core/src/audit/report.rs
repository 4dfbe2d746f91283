//! What an audit found.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt;

use serde::Serialize;

use super::inventory::{Inventory, NotSeen, Platform};
use super::lines;
use super::place::Place;
use crate::check::Rule;
use crate::diagnostic::Severity;

/// Findings of one rule and severity at most: a hostile template could break one rule a million times, and what it
/// breaks a thousand times must not hide what another rule found.
const MOST_OF_A_RULE: usize = 1_000;

/// Something that breaks a rule.
///
/// In JSON it has the form of a [`Diagnostic`](crate::diagnostic::Diagnostic): `code`, `severity`, `document`,
/// `path`, `span`, `message`, `help` and `related`.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Finding {
    /// The rule's id.
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// Where it stands.
    #[serde(flatten)]
    pub place: Place,
    /// What is wrong, as a sentence; never the value of a secret.
    pub message: String,
    /// How to mend it.
    pub help: String,
    /// The other side of a disagreement, with what stands there.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub related: Vec<Related>,
    /// The location of nginx that it is about: one of our own files finds its route by it.
    #[serde(skip)]
    pub(crate) location: String,
}

/// Another place that a finding is about.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Related {
    /// The place.
    #[serde(flatten)]
    pub place: Place,
    /// What stands there.
    pub message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{}[{}] at {}: {}",
            self.severity, self.code, self.place, self.message
        )?;
        for related in &self.related {
            write!(formatter, "; {}: {}", related.place, related.message)?;
        }
        write!(formatter, "; {}", self.help)
    }
}

impl Finding {
    /// Names another place that it is about.
    pub fn see(&mut self, place: &Place, message: impl Into<String>) -> &mut Self {
        self.related.push(Related {
            place: place.clone(),
            message: message.into(),
        });
        self
    }

    /// Says which location of nginx it is about.
    pub(crate) fn about(&mut self, location: &str) -> &mut Self {
        location.clone_into(&mut self.location);
        self
    }

    /// Says better how to mend it.
    pub fn with_help(&mut self, help: impl Into<String>) -> &mut Self {
        self.help = help.into();
        self
    }
}

/// Where rules put what they find.
#[derive(Debug, Default)]
pub struct Findings {
    rule: Option<&'static Rule>,
    items: Vec<Finding>,
    /// How many the rule that is being applied has found of a severity.
    counts: BTreeMap<Severity, usize>,
    more: BTreeMap<Severity, usize>,
    /// What rules write into once a finding is left out.
    spare: Option<Finding>,
}

impl Findings {
    /// Goes on with another rule.
    pub(super) fn of(&mut self, rule: &'static Rule) {
        self.rule = Some(rule);
        self.counts.clear();
    }

    /// Adds a finding of the rule that is being applied.
    pub(crate) fn push(&mut self, place: &Place, message: impl Into<String>) -> &mut Finding {
        let severity = self.rule.map_or(Severity::Error, |rule| rule.severity);
        self.add(place, severity, message.into())
    }

    /// Adds a note under the rule: it can't be told whether it is kept.
    pub(crate) fn unsure(&mut self, place: &Place, message: impl Into<String>) -> &mut Finding {
        self.add(place, Severity::Note, message.into())
    }

    /// Adds a warning under a rule whose breach is usually an error.
    pub(crate) fn warn(&mut self, place: &Place, message: impl Into<String>) -> &mut Finding {
        self.add(place, Severity::Warning, message.into())
    }

    /// Keeps of what is said again of a place the first: several deployments may share a resource.
    pub(super) fn without_repetition(&mut self) {
        let mut known = HashSet::new();
        self.items
            .retain(|it| known.insert((it.code, it.place.to_string(), it.message.clone())));
    }

    fn add(&mut self, place: &Place, severity: Severity, message: String) -> &mut Finding {
        let count = self.counts.entry(severity).or_default();
        *count += 1;
        let is_left_out = *count > MOST_OF_A_RULE;
        let (code, help) = match self.rule {
            Some(rule) if !is_left_out => (rule.id, rule.help()),
            _ => ("", String::new()),
        };
        let finding = Finding {
            code,
            severity,
            place: place.clone(),
            message,
            help,
            related: Vec::new(),
            location: String::new(),
        };
        if is_left_out {
            *self.more.entry(severity).or_default() += 1;
            return self.spare.insert(finding);
        }
        self.items.push(finding);
        let last = self.items.len() - 1;
        &mut self.items[last]
    }
}

/// Everything that an audit found, and what it could not see.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// Findings: worst first, then by rule and place.
    pub findings: Vec<Finding>,
    /// What could not be seen.
    pub not_seen: Vec<NotSeen>,
    /// Findings that were left out since there were too many.
    pub left_out: usize,
    /// The same by severity.
    #[serde(skip)]
    more: BTreeMap<Severity, usize>,
    /// How many containers were recognised as a part of Dify.
    pub recognised: usize,
}

/// Names one finding for a place that several services share, as anchors of YAML are shared.
fn once_for_each_place(findings: Vec<Finding>, inventory: &Inventory) -> Vec<Finding> {
    let names: BTreeSet<String> = inventory
        .workloads
        .iter()
        .map(|it| it.name.shown())
        .collect();
    let mut first: BTreeMap<(&str, Severity, String, String), usize> = BTreeMap::new();
    let mut kept: Vec<(Finding, Vec<String>)> = Vec::new();
    for finding in findings {
        // The same sentence about another service: odd pieces stand in backticks.
        let pieces: Vec<&str> = finding.message.split('`').collect();
        let is_name = |index: usize, piece: &str| index % 2 == 1 && names.contains(piece);
        let name = pieces
            .iter()
            .enumerate()
            .find(|(index, piece)| is_name(*index, piece));
        let name = name.map(|(_, name)| (*name).to_owned());
        let same: Vec<&str> = pieces
            .iter()
            .enumerate()
            .map(|(index, piece)| if is_name(index, piece) { "" } else { *piece })
            .collect();
        let place = finding.place.to_string();
        let key = (finding.code, finding.severity, place, same.join("`"));
        if let (Some(&at), Some(name)) = (first.get(&key), name) {
            kept[at].1.push(name);
        } else {
            first.insert(key, kept.len());
            kept.push((finding, Vec::new()));
        }
    }
    let one = |(mut finding, also): (Finding, Vec<String>)| {
        if !also.is_empty() {
            let also: Vec<_> = also.iter().map(|it| format!("`{it}`")).collect();
            finding.message = format!("{}; the same of {}", finding.message, also.join(", "));
        }
        finding
    };
    kept.into_iter().map(one).collect()
}

impl Report {
    pub(super) fn new(findings: Findings, inventory: &Inventory) -> Self {
        let more = findings.more;
        let mut findings = findings.items;
        let mut unseen = inventory.unseen.clone();
        let places = findings.iter_mut().flat_map(|finding| {
            let related = finding.related.iter_mut().map(|it| &mut it.place);
            std::iter::once(&mut finding.place).chain(related)
        });
        lines::tell(
            &inventory.texts,
            places.chain(unseen.iter_mut().map(|it| &mut it.place)),
        );
        if inventory.platform == Platform::Compose {
            findings = once_for_each_place(findings, inventory);
        }
        // The sort is stable: findings of one rule stay in the order of the document.
        findings.sort_by(|one, other| (one.severity, one.code).cmp(&(other.severity, other.code)));
        // A database or an nginx is a part of Dify only beside Dify itself.
        let is_dify = inventory.containers().any(|(_, it)| it.role.is_dify());
        let recognised = inventory
            .containers()
            .filter(|(_, it)| is_dify && it.role != super::Role::Other)
            .count();
        Self {
            findings,
            not_seen: unseen,
            left_out: more.values().sum(),
            more,
            recognised,
        }
    }

    /// Whether any finding is an error.
    pub fn has_errors(&self) -> bool {
        self.count(Severity::Error) > 0
    }

    /// How many findings of a severity were left out.
    pub fn left_out_of(&self, severity: Severity) -> usize {
        self.more.get(&severity).copied().unwrap_or_default()
    }

    /// How many findings are of a severity, without those that were left out.
    pub fn count(&self, severity: Severity) -> usize {
        self.findings
            .iter()
            .filter(|it| it.severity == severity)
            .count()
    }

    /// The findings under a rule.
    pub fn under<'a>(&'a self, code: &'a str) -> impl Iterator<Item = &'a Finding> {
        self.findings.iter().filter(move |it| it.code == code)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for finding in &self.findings {
            writeln!(formatter, "{finding}")?;
        }
        for not_seen in &self.not_seen {
            writeln!(
                formatter,
                "not seen at {}: {}",
                not_seen.place, not_seen.why
            )?;
        }
        Ok(())
    }
}
