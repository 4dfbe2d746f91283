//! The plan for people: one block a change, then the sum.

use std::fmt;

use super::{Action, Change, Plan, RiskLevel};

impl Action {
    /// The sign before a change: `+`, `~`, `±`, `-`, `…`, `?`.
    pub fn sign(self) -> char {
        match self {
            Self::Create => '+',
            Self::Update => '~',
            Self::Replace => '±',
            Self::Delete => '-',
            Self::NoChange => ' ',
            Self::Waiting => '…',
            Self::Unknown => '?',
        }
    }

    /// The action as a word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Replace => "replace",
            Self::Delete => "delete",
            Self::NoChange => "no change",
            Self::Waiting => "waiting",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = self.id.resource_type();
        let (sign, word, name) = (self.action.sign(), self.action.word(), self.id.label());
        writeln!(formatter, "{sign} {word} {name} ({kind}): {}", self.reason)?;
        if self.risk.level != RiskLevel::None {
            let (level, note) = (self.risk.level.word(), &self.risk.note);
            writeln!(formatter, "    risk ({level}): {note}")?;
        }
        if !matches!(self.action, Action::Create | Action::Waiting) {
            for difference in &self.differences {
                writeln!(formatter, "    {difference}")?;
            }
        }
        for choice in &self.permanent {
            writeln!(formatter, "    can't be changed later: {choice}")?;
        }
        for path in &self.foreign {
            writeln!(formatter, "    kept, set by someone else: {path}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for change in self.changes.iter().filter(|change| change.is_remarkable()) {
            change.fmt(formatter)?;
        }
        for sentence in &self.blocked {
            writeln!(formatter, "! {sentence}")?;
        }
        for allowed in &self.allowed {
            let (rule, reason) = (&allowed.rule, &allowed.reason);
            writeln!(formatter, "allowed by the file: {rule}, {reason}")?;
        }
        let summary = self.summary();
        let waiting = match summary.waiting {
            0 => String::new(),
            count => format!(", {count} waiting for DNS"),
        };
        if self.is_empty() {
            let count = self.changes.len() - summary.waiting;
            return writeln!(
                formatter,
                "no changes: {count} resources are as wanted{waiting}"
            );
        }
        writeln!(
            formatter,
            "plan: {} to create, {} to update, {} to replace, {} to delete, {} unchanged, {} unknown{waiting}",
            summary.create,
            summary.update,
            summary.replace,
            summary.delete,
            summary.no_change,
            summary.unknown
        )
    }
}
