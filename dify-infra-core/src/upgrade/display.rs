//! The report for people.

use std::fmt;

use crate::spec::in_words;

use super::{Changes, Treatment, Upgrade, VariableChange, VariableChangeKind};

/// Names of one kind of change that are listed at most; all of them are in the JSON form.
const MOST_NAMES: usize = 12;

impl fmt::Display for Upgrade {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.from == self.to {
            return writeln!(formatter, "the file already has Dify {}", self.to);
        }
        writeln!(formatter, "Dify {} → {}", self.from, self.to)?;
        writeln!(formatter, "facts: {}", self.evidence)?;
        for sentence in &self.blocked {
            writeln!(formatter, "\n! {sentence}")?;
        }
        section(
            formatter,
            "images",
            self.images
                .iter()
                .map(|it| format!("{}: {} → {}", it.image, it.before, it.after)),
        )?;
        section(formatter, "services", signed(&self.services))?;
        section(formatter, "routes", signed(&self.routes))?;
        if self.limits.is_empty() {
            writeln!(formatter, "\nlimits, ports, probes: as before")?;
        } else {
            section(
                formatter,
                "limits, ports, probes",
                self.limits.iter().cloned(),
            )?;
        }
        section(
            formatter,
            "what the releases say",
            self.notes.iter().map(|note| {
                let head = if note.breaking { "breaking, " } else { "" };
                let mut line = format!("{head}{}: {}", note.at, note.what);
                if let Some(advice) = &note.advice {
                    line = format!("{line} {advice}");
                }
                if !note.set.is_empty() {
                    let names = in_words(&note.set, "and");
                    line = format!("{line} dify-infra sets {names} itself.");
                }
                line
            }),
        )?;
        section(
            formatter,
            "variables that images read",
            self.variable_lines(),
        )?;
        section(
            formatter,
            "variables of your containers",
            self.environment.iter().map(|it| {
                let value =
                    |value: &Option<String>| value.as_deref().unwrap_or("(not set)").to_owned();
                format!(
                    "{} {}: {} → {}",
                    it.app,
                    it.name,
                    value(&it.before),
                    value(&it.after)
                )
            }),
        )?;
        section(
            formatter,
            "rendered files that change",
            self.files.iter().cloned(),
        )?;
        section(
            formatter,
            "settings of your file",
            self.settings.iter().map(|it| {
                let done = match it.treatment {
                    Treatment::Edited => "edited",
                    Treatment::CommentedOut => "now a comment",
                    Treatment::Left => "left for you",
                };
                let line = it.span.map(|span| format!("line {}, ", span.line));
                format!(
                    "{}{}: {} ({done})",
                    line.unwrap_or_default(),
                    it.path,
                    it.message
                )
            }),
        )?;
        section(
            formatter,
            "what `check` says of the edited file",
            self.diagnostics.iter().map(ToString::to_string),
        )?;
        let steps = self.steps.iter().enumerate();
        section(
            formatter,
            "steps",
            steps.map(|(index, step)| format!("{}. {step}", index + 1)),
        )
    }
}

impl Upgrade {
    /// The variables, image by image.
    fn variable_lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        let mut images: Vec<&str> = self.variables.iter().map(|it| it.image).collect();
        images.dedup();
        for image in images {
            let of = |kind: fn(&VariableChangeKind) -> bool| {
                let of_image = self.variables.iter().filter(|it| it.image == image);
                of_image.filter(|it| kind(&it.kind)).collect::<Vec<_>>()
            };
            let added = of(|it| *it == VariableChangeKind::Added);
            let removed = of(|it| *it == VariableChangeKind::Removed);
            let renamed = of(|it| matches!(it, VariableChangeKind::Renamed { .. }));
            for (sign, list) in [("+", added), ("-", removed)] {
                if !list.is_empty() {
                    lines.push(format!("{image} {sign}{} {}", list.len(), names(&list)));
                }
            }
            for it in renamed {
                if let VariableChangeKind::Renamed { to } = &it.kind {
                    lines.push(format!("{image} {} is called {to} now", it.name));
                }
            }
        }
        lines
    }
}

/// Required names first, then as many others as a line should have.
fn names(list: &[&VariableChange]) -> String {
    let (required, others): (Vec<&VariableChange>, Vec<&VariableChange>) =
        list.iter().partition(|it| it.required);
    let names = required.iter().map(|it| format!("{} (required)", it.name));
    let names: Vec<String> = names
        .chain(others.iter().map(|it| it.name.clone()))
        .take(MOST_NAMES)
        .collect();
    let more = list.len() - names.len();
    let rest = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    names.join(", ") + &rest
}

fn signed(changes: &Changes) -> Vec<String> {
    let added = changes.added.iter().map(|it| format!("+ {it}"));
    let removed = changes.removed.iter().map(|it| format!("- {it}"));
    added.chain(removed).collect()
}

/// A headline with its lines; nothing without lines.
fn section(
    formatter: &mut fmt::Formatter<'_>,
    title: &str,
    lines: impl IntoIterator<Item = String>,
) -> fmt::Result {
    let mut lines = lines.into_iter().peekable();
    if lines.peek().is_none() {
        return Ok(());
    }
    writeln!(formatter, "\n{title}")?;
    lines.try_for_each(|line| writeln!(formatter, "  {line}"))
}
