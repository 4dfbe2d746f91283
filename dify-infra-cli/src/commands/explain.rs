//! `dify-infra explain`: the story behind a rule.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use dify_infra_core::audit::shown;
use dify_infra_core::check::{Rule, rule, rules};
use serde_json::{Value, json};

use crate::args::ExplainArguments;
use crate::exit::Exit;
use crate::settings::{Settings, UsageError};
use crate::ui::table::Table;
use crate::ui::{BOLD, DIM, RED, Ui, YELLOW, styled};

pub(super) fn run(
    ui: &Ui,
    settings: &Settings,
    arguments: &ExplainArguments,
) -> anyhow::Result<Exit> {
    let several = match &arguments.rule {
        None => Some(rules().collect()),
        Some(id) => family(id),
    };
    match (several, &arguments.rule, settings.json) {
        (Some(rules), _, false) => ui.data(&list(&rules))?,
        (Some(rules), _, true) => {
            let all: Vec<Value> = rules.into_iter().map(as_json).collect();
            ui.json(&json!({ "format": 1, "rules": all }))?;
        }
        (None, Some(id), false) => ui.data(&text(find(id)?))?,
        (None, Some(id), true) => {
            let mut one = as_json(find(id)?);
            one["format"] = 1.into();
            ui.json(&one)?;
        }
        (None, None, _) => {}
    }
    Ok(Exit::Done)
}

/// The rules of a family, when the text is the beginning that their ids share, such as `SEC`.
fn family(text: &str) -> Option<Vec<&'static Rule>> {
    let wanted = text.trim().to_ascii_uppercase();
    let rules: Vec<&Rule> = rules()
        .filter(|rule| rule.family.as_str() == wanted)
        .collect();
    (!rules.is_empty()).then_some(rules)
}

fn find(id: &str) -> Result<&'static Rule, UsageError> {
    rule(id.trim()).ok_or_else(|| {
        let error = UsageError::of(format!("there is no rule `{id}`"));
        if let Some(near) = nearest(id) {
            return error.with_hint(format!("did you mean {near}?"));
        }
        let all: BTreeSet<&str> = rules().map(|rule| rule.family.as_str()).collect();
        let begins = |family: &&&str| id.trim().to_ascii_uppercase().starts_with(**family);
        match all.iter().find(begins) {
            Some(family) => {
                error.with_hint(format!("`dify-infra explain {family}` lists its family"))
            }
            None => error.with_hint(format!(
                "`dify-infra explain` lists all rules, and with one of {} those of a family",
                all.into_iter().collect::<Vec<_>>().join(", ")
            )),
        }
    })
}

/// The rule whose id is most like the text, when it is near enough to help.
fn nearest(id: &str) -> Option<&'static str> {
    let id = id.trim().to_ascii_uppercase();
    let near = rules().map(|rule| (strsim::damerau_levenshtein(rule.id, &id), rule.id));
    near.filter(|(distance, _)| *distance <= 1)
        .min()
        .map(|(_, id)| id)
}

fn text(rule: &Rule) -> String {
    let style = match rule.severity.to_string().as_str() {
        "error" => RED,
        "warning" => YELLOW,
        _ => BOLD,
    };
    let head = styled(style, format!("{}[{}]", rule.severity, rule.id));
    let mut text = format!("{head}: {}\n", styled(BOLD, rule.title));
    let _ = writeln!(
        text,
        "{}",
        styled(DIM, format!("about: {}", rule.family.title()))
    );
    for (name, words) in [
        ("why", rule.why),
        ("fix", rule.fix),
        ("source", rule.source),
    ] {
        let _ = write!(
            text,
            "\n{}:\n{}",
            styled(BOLD, name),
            indented(&wrapped(words))
        );
    }
    let samples = shown(rule);
    let samples = [
        ("breaks the rule", Some(samples.bad)),
        ("keeps it", samples.good),
    ];
    for (name, sample) in samples {
        if let Some(sample) = sample {
            let _ = write!(text, "\n{}:\n{}", styled(BOLD, name), indented(&sample));
        }
    }
    if rule.can_be_allowed() {
        let allowance = format!(
            "[checks]\nallow = [{{ rule = \"{}\", reason = \"...\" }}]",
            rule.id
        );
        let _ = write!(
            text,
            "\n{}:\n{}",
            styled(BOLD, "can be allowed"),
            indented(&allowance)
        );
    }
    text
}

fn indented(text: &str) -> String {
    text.trim_matches('\n')
        .lines()
        .map(|line| format!("  {line}").trim_end().to_owned() + "\n")
        .collect()
}

/// Words in lines of at most 88 characters.
fn wrapped(text: &str) -> String {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let last = lines.len() - 1;
        let line = &mut lines[last];
        if line.is_empty() {
            line.push_str(word);
        } else if line.chars().count() + 1 + word.chars().count() <= 88 {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines.join("\n")
}

fn list(rules: &[&'static Rule]) -> String {
    let mut table = Table::new();
    for rule in rules {
        table.row([
            styled(BOLD, rule.id),
            rule.severity.to_string(),
            rule.title.to_owned(),
        ]);
    }
    table.render()
}

fn as_json(rule: &'static Rule) -> Value {
    let samples = shown(rule);
    json!({
        "id": rule.id,
        "title": rule.title,
        "severity": rule.severity,
        "family": rule.family.title(),
        "can_be_allowed": rule.can_be_allowed(),
        "why": rule.why,
        "fix": rule.fix,
        "source": rule.source,
        "bad": samples.bad,
        "good": samples.good,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_is_told_with_its_reason_and_remedy() {
        for rule in rules() {
            let text = anstream::adapter::strip_str(&text(rule)).to_string();
            for part in [rule.id, rule.title, "why:\n", "fix:\n", "source:\n"] {
                assert!(text.contains(part), "{part} is not in\n{text}");
            }
        }
    }

    #[test]
    fn a_near_id_is_offered() {
        let id = rules().next().unwrap().id;
        let misspelt = format!("{}X", &id[..id.len() - 1]);
        assert!(nearest(&misspelt).is_some());
        assert_eq!(nearest("SOMETHING"), None);
    }

    #[test]
    fn long_texts_are_wrapped_at_words() {
        let text = wrapped(&"word ".repeat(40));
        assert!(
            text.lines()
                .all(|line| line.len() <= 88 && line.ends_with("word"))
        );
        assert_eq!(text.split_whitespace().count(), 40);
    }
}
