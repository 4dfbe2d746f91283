//! `dify-infra man`: manual pages.

use crate::args::{self, ManArguments};
use crate::exit::Exit;
use crate::manual;
use crate::ui::Ui;

pub(super) fn run(ui: &Ui, arguments: &ManArguments) -> anyhow::Result<Exit> {
    match &arguments.directory {
        None => ui.data(&manual::page(&args::command())?)?,
        Some(directory) => {
            for path in manual::write(args::command(), directory)? {
                ui.say(format!("wrote {}", path.display()));
            }
        }
    }
    Ok(Exit::Done)
}
