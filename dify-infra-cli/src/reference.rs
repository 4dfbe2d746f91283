//! The reference pages, made from the definitions themselves: commands, variables, rules.
//!
//! `tests/reference.rs` compares them with `docs/reference/`; `DIFY_INFRA_BLESS=1` writes them anew.

use std::fmt::Write as _;

use clap::{Arg, Command};
use dify_infra_core::audit::{Shown, shown};
use dify_infra_core::check::{Rule, SampleForm, rules};

use crate::args;
use crate::env;
use crate::exit::Exit;

/// The first lines of every page.
const GENERATED: &str =
    "<!-- Made from code by dify-infra-cli/src/reference.rs; change it there. -->\n";

/// The pages by file name, without directory.
pub fn pages() -> Vec<(&'static str, String)> {
    vec![
        ("commands.md", commands()),
        ("variables.md", variables()),
        ("rules.md", all_rules()),
    ]
}

/// Every command of `dify-infra` with its arguments.
pub fn commands() -> String {
    let mut root = args::command().term_width(100);
    root.build();
    let mut page = format!("{GENERATED}\n# Commands of dify-infra\n\n");
    let about = root
        .get_about()
        .map(ToString::to_string)
        .unwrap_or_default();
    let _ = writeln!(page, "{about}.\n\n| code | meaning |\n|---|---|");
    for (exit, meaning) in Exit::ALL {
        let _ = writeln!(page, "| {} | {meaning} |", exit.code());
    }
    page.push_str("\nExit codes are the same for all commands. stdout carries data alone.\n");
    page.push_str("\n## Options of every command\n\n");
    let globals = root
        .get_arguments()
        .filter(|argument| argument.is_global_set());
    page.push_str(&arguments(globals));
    for command in root
        .get_subcommands()
        .filter(|command| command.get_name() != "help")
    {
        let below: Vec<&Command> = command
            .get_subcommands()
            .filter(|below| below.get_name() != "help")
            .collect();
        if below.is_empty() {
            page.push_str(&section(command.get_name(), command));
        }
        for one in below {
            let name = format!("{} {}", command.get_name(), one.get_name());
            page.push_str(&section(&name, one));
        }
    }
    page
}

fn section(name: &str, command: &Command) -> String {
    let about = command
        .get_about()
        .map(ToString::to_string)
        .unwrap_or_default();
    let mut text = format!("\n## dify-infra {name}\n\n{about}.\n");
    let own: Vec<&Arg> = command
        .get_arguments()
        .filter(|argument| {
            let id = argument.get_id().as_str();
            !argument.is_global_set() && id != "help" && id != "version"
        })
        .collect();
    if !own.is_empty() {
        let _ = write!(text, "\n{}", arguments(own.into_iter()));
    }
    if let Some(after) = command.get_after_help() {
        let _ = writeln!(text, "\n```text\n{}\n```", after.to_string().trim());
    }
    text
}

fn arguments<'a>(arguments: impl Iterator<Item = &'a Arg>) -> String {
    let mut table = String::from("| argument | meaning |\n|---|---|\n");
    for argument in arguments {
        let mut meaning = argument
            .get_help()
            .map(ToString::to_string)
            .unwrap_or_default();
        let values: Vec<String> = argument
            .get_possible_values()
            .iter()
            .map(|value| format!("`{}`", value.get_name()))
            .collect();
        if !values.is_empty() && argument.get_action().takes_values() {
            let _ = write!(meaning, ": {}", values.join(", "));
        }
        let defaults = argument.get_default_values();
        if let (Some(default), true) = (defaults.first(), argument.get_action().takes_values()) {
            let _ = write!(meaning, " (default `{}`)", default.to_string_lossy());
        }
        let _ = writeln!(table, "| `{}` | {} |", spelling(argument), cell(&meaning));
    }
    table
}

/// `-y, --yes`, `--out DIR`, `FILE`.
fn spelling(argument: &Arg) -> String {
    let short = argument.get_short().map(|letter| format!("-{letter}"));
    let long = argument.get_long().map(|word| format!("--{word}"));
    let flags: Vec<String> = short.into_iter().chain(long).collect();
    let takes_values = argument.get_action().takes_values();
    let names = argument.get_value_names().unwrap_or_default();
    let value = names
        .first()
        .filter(|_| takes_values)
        .map(ToString::to_string);
    match (flags.is_empty(), value) {
        (true, value) => value.unwrap_or_else(|| argument.get_id().to_string()),
        (false, Some(value)) => format!("{} {value}", flags.join(", ")),
        (false, None) => flags.join(", "),
    }
}

/// Every environment variable that `dify-infra` reads.
pub fn variables() -> String {
    let mut page = format!(
        "{GENERATED}\n# Environment variables of dify-infra\n\nA flag wins over its variable; an \
         empty variable counts as absent.\n\n| variable | meaning | flag |\n|---|---|---|\n"
    );
    for variable in env::ALL {
        let flag = variable
            .flag
            .map(|flag| format!("`{flag}`"))
            .unwrap_or_default();
        let secret = if variable.is_secret {
            " (a secret, never shown)"
        } else {
            ""
        };
        let meaning = cell(variable.description);
        let _ = writeln!(page, "| `{}` | {meaning}{secret} | {flag} |", variable.name);
    }
    page
}

/// Every rule with its reason, its source and its remedy.
pub fn all_rules() -> String {
    let mut page = format!(
        "{GENERATED}\n# Rules\n\n`dify-infra check` applies all of them, `dify-infra explain RULE` \
         tells one. A rule that can be allowed is, with a reason, under `[checks]` of the file.\n"
    );
    let mut family = None;
    for rule in rules() {
        if family != Some(rule.family) {
            family = Some(rule.family);
            let title = rule.family.title();
            let _ = writeln!(page, "\n## {}: {title}", rule.family.as_str());
        }
        let allowed = if rule.can_be_allowed() {
            ", can be allowed"
        } else {
            ""
        };
        let _ = writeln!(
            page,
            "\n### {}: {}\n\n{}{allowed}.",
            rule.id, rule.title, rule.severity
        );
        for (name, words) in [
            ("Why", rule.why),
            ("Fix", rule.fix),
            ("Source", rule.source),
        ] {
            let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
            let _ = writeln!(page, "\n*{name}:* {words}");
        }
        page.push_str(&samples(rule));
    }
    page
}

/// What breaks a rule and what keeps it, in the language of the sample.
fn samples(rule: &Rule) -> String {
    let Shown {
        language,
        bad,
        good,
    } = shown(rule);
    let over = match rule.bad.form() {
        SampleForm::Compose => ", in a docker-compose.override.yaml",
        SampleForm::Resources => ", in a template",
        _ => "",
    };
    let mut text = format!("\n*Breaks it{over}:*\n\n```{language}\n{bad}\n```\n");
    if let Some(good) = good {
        let _ = write!(text, "\n*Keeps it:*\n\n```{language}\n{good}\n```\n");
    }
    text
}

/// A text in one cell of a table.
fn cell(text: &str) -> String {
    text.split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_and_argument_is_told() {
        let page = commands();
        let mut root = args::command();
        root.build();
        for command in root.get_subcommands() {
            if command.get_name() != "help" {
                assert!(page.contains(&format!("## dify-infra {}", command.get_name())));
            }
            for argument in command.get_arguments() {
                if let Some(long) = argument.get_long().filter(|long| *long != "help") {
                    assert!(
                        long == "version" || page.contains(&format!("--{long}")),
                        "--{long} is not told"
                    );
                }
            }
        }
    }

    #[test]
    fn every_variable_is_told() {
        let page = variables();
        assert!(env::ALL.iter().all(|variable| page.contains(variable.name)));
    }
}
