//! `dify-infra completions`: what a shell needs to complete commands and flags.

use crate::args::{self, CompletionsArguments};
use crate::completions::script;
use crate::exit::Exit;
use crate::ui::Ui;

pub(super) fn run(ui: &Ui, arguments: &CompletionsArguments) -> anyhow::Result<Exit> {
    let script = script(arguments.shell, args::command(), "dify-infra");
    ui.data(&String::from_utf8(script)?)?;
    Ok(Exit::Done)
}
