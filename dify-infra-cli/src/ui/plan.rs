//! A plan in colour. The words are those of the plan's own `Display`.

use std::fmt::Write as _;

use anstyle::Style;
use dify_infra_core::diff::Difference;
use dify_infra_core::plan::{Action, Change, Plan, RiskLevel};
use serde_json::Value;

use super::{BOLD, DIM, GREEN, RED, YELLOW, styled};

/// The whole plan, ending with its sum.
pub(crate) fn render(plan: &Plan) -> String {
    let shown = plan
        .changes()
        .iter()
        .filter(|change| change.is_remarkable());
    let mut text: String = shown.map(change).collect();
    for sentence in plan.blocked() {
        let _ = writeln!(text, "{} {sentence}", styled(RED, "!"));
    }
    for allowed in plan.allowed() {
        let head = styled(YELLOW, "allowed by the file");
        let _ = writeln!(text, "{head}: {}, {}", allowed.rule, allowed.reason);
    }
    text + &sum(plan) + &verdict(plan)
}

/// Why the plan can't be applied, as its last line; empty when it can.
fn verdict(plan: &Plan) -> String {
    let counts = [
        (plan.blocked().len(), "blocked"),
        (plan.summary().unknown, "unknown"),
    ];
    let parts: Vec<String> = counts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| format!("{count} {word}"))
        .collect();
    if plan.is_applyable() {
        return String::new();
    }
    let head = styled(RED, "this plan can't be applied");
    format!("{head}: {}\n", parts.join(", "))
}

fn change(change: &Change) -> String {
    let style = style(change.action);
    let head = format!("{} {}", change.action.sign(), change.action.word());
    let kind = styled(DIM, format!("({})", change.id.resource_type()));
    let name = styled(BOLD, change.id.label());
    let mut text = format!("{} {name} {kind}: {}\n", styled(style, head), change.reason);
    if change.risk.level != RiskLevel::None {
        let style = if change.risk.level == RiskLevel::Restart {
            YELLOW
        } else {
            RED
        };
        let head = format!("risk ({})", change.risk.level.word());
        let _ = writeln!(text, "    {}: {}", styled(style, head), change.risk.note);
    }
    if !matches!(change.action, Action::Create | Action::Waiting) {
        text.extend(change.differences.iter().map(difference));
    }
    for choice in &change.permanent {
        let head = styled(YELLOW, "can't be changed later");
        let _ = writeln!(text, "    {head}: {choice}");
    }
    for path in &change.foreign {
        let _ = writeln!(
            text,
            "    {}",
            styled(DIM, format!("kept, set by someone else: {path}"))
        );
    }
    text
}

fn style(action: Action) -> Style {
    match action {
        Action::Create => GREEN,
        Action::Update | Action::Waiting => YELLOW,
        Action::NoChange => DIM,
        _ => RED,
    }
}

/// A value that differs; a changed text of several lines as a text diff.
fn difference(difference: &Difference) -> String {
    match (&difference.before, &difference.after) {
        (Some(Value::String(before)), Some(Value::String(after)))
            if before.contains('\n') || after.contains('\n') =>
        {
            format!("    {}:\n{}", difference.path, text_diff(before, after))
        }
        _ => format!("    {difference}\n"),
    }
}

fn text_diff(before: &str, after: &str) -> String {
    let diff = similar::TextDiff::from_lines(before, after);
    let unified = diff
        .unified_diff()
        .context_radius(2)
        .header("live", "wanted")
        .to_string();
    unified.lines().map(file_line).collect()
}

fn file_line(line: &str) -> String {
    let style = match line.chars().next() {
        Some('+') => GREEN,
        Some('-') => RED,
        Some('@') => DIM,
        _ => Style::new(),
    };
    format!("      {}\n", styled(style, line))
}

fn sum(plan: &Plan) -> String {
    let summary = plan.summary();
    let waiting = match summary.waiting {
        0 => String::new(),
        count => format!(", {}", styled(YELLOW, format!("{count} waiting for DNS"))),
    };
    if plan.is_empty() {
        let count = plan.changes().len() - summary.waiting;
        return format!(
            "{}: {count} resources are as wanted{waiting}\n",
            styled(GREEN, "no changes")
        );
    }
    let part = |count: usize, style: Style, word: &str| {
        let text = format!("{count} {word}");
        if count == 0 {
            text
        } else {
            styled(style, text)
        }
    };
    let parts = [
        part(summary.create, GREEN, "to create"),
        part(summary.update, YELLOW, "to update"),
        part(summary.replace, RED, "to replace"),
        part(summary.delete, RED, "to delete"),
        part(summary.no_change, Style::new(), "unchanged"),
        part(summary.unknown, RED, "unknown"),
    ];
    format!("{}: {}{waiting}\n", styled(BOLD, "plan"), parts.join(", "))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use dify_infra_core::graph::{Management, ResourceGraph};
    use dify_infra_core::plan::{Observed, Options, Snapshot, plan};
    use dify_infra_core::resource::ResourceId;
    use dify_infra_core::resource::monitor::{Workspace, WorkspaceProperties, WorkspaceSku};
    use serde_json::json;

    use super::*;

    fn workspace() -> (ResourceGraph, ResourceId) {
        let group = ResourceId::resource_group("s", "g");
        let id = group.provider("Microsoft.OperationalInsights/workspaces", "logs");
        let workspace = Workspace {
            id: id.clone(),
            location: "japaneast".to_owned(),
            tags: BTreeMap::from([("dify-infra-deployment".to_owned(), "dify-dev".to_owned())]),
            properties: WorkspaceProperties {
                retention_in_days: 90,
                sku: WorkspaceSku {
                    name: "PerGB2018".to_owned(),
                },
            },
        };
        let all = vec![(workspace.into(), Management::Managed)];
        (ResourceGraph::new("dify-dev", group, all).unwrap(), id)
    }

    fn shown(observed: Observed) -> (String, String) {
        let (graph, id) = workspace();
        let mut snapshot = Snapshot::new();
        snapshot.insert(id, observed);
        let plan = plan(&graph, &snapshot, Options::default());
        (
            anstream::adapter::strip_str(&render(&plan)).to_string(),
            plan.to_string(),
        )
    }

    #[test]
    fn without_colour_it_reads_as_the_plan_itself() {
        let live = json!({
            "location": "japaneast",
            "tags": { "dify-infra-deployment": "dify-dev" },
            "properties": { "retentionInDays": 30, "sku": { "name": "PerGB2018" } },
        });
        for observed in [
            Observed::Absent,
            Observed::Present(live),
            Observed::Unreadable("no right to read it".to_owned()),
        ] {
            let (coloured, plain) = shown(observed);
            let verdict = "this plan can't be applied: 1 unknown\n";
            let is_unknown = plain.contains("1 unknown");
            assert_eq!(coloured.ends_with(verdict), is_unknown, "{coloured}");
            assert_eq!(coloured.trim_end_matches(verdict), plain);
        }
    }

    #[test]
    fn a_changed_file_is_shown_line_by_line() {
        let changed = Difference {
            path: "properties.configuration.secrets[file]".to_owned(),
            before: Some(Value::from("a\nc\n")),
            after: Some(Value::from("b\nc\n")),
        };
        let text = anstream::adapter::strip_str(&difference(&changed)).to_string();
        assert!(text.ends_with("      -a\n      +b\n       c\n"), "{text}");
    }
}
