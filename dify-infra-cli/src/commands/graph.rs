//! `dify-infra graph`: the resources and what waits for what.

use crate::args::{GraphArguments, GraphFormat};
use crate::exit::Exit;
use crate::input::Input;
use crate::settings::Settings;
use crate::ui::Ui;

pub(super) fn run(
    ui: &Ui,
    settings: &Settings,
    arguments: &GraphArguments,
) -> anyhow::Result<Exit> {
    let deployment = Input::read(&arguments.file.file)?.deployment(ui)?;
    let (_, graph) = super::offline_graph(&deployment, settings)?;
    let text = match arguments.format {
        GraphFormat::Mermaid => graph.to_mermaid(),
        GraphFormat::Dot => graph.to_dot(),
    };
    ui.data(&text)?;
    Ok(Exit::Done)
}
