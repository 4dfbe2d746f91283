//! `dify-infra completions`: what a shell needs to complete commands and flags.

use clap::Command;
use clap::builder::PossibleValuesParser;
use dify_infra_core::check::rules;

use crate::args::{self, CompletionsArguments};
use crate::completions::script;
use crate::exit::Exit;
use crate::ui::Ui;

/// The same definition with the ids of rules, which the program itself reads in any case and beside the names
/// of families.
fn with_rules(command: Command) -> Command {
    let ids = PossibleValuesParser::new(rules().map(|rule| rule.id));
    command.mut_subcommand("explain", |it| {
        it.mut_arg("rule", |it| it.value_parser(ids))
    })
}

pub(super) fn run(ui: &Ui, arguments: &CompletionsArguments) -> anyhow::Result<Exit> {
    let script = script(arguments.shell, with_rules(args::command()), "dify-infra");
    ui.data(&String::from_utf8(script)?)?;
    Ok(Exit::Done)
}
