//! `dify-infra render`: the files that apply would use.

use dify_infra_core::catalogue::ServiceKind;
use dify_infra_core::graph::{ResourceGraph, ResourceNames};
use dify_infra_core::render::{RenderedFile, arm_template, environment_files, mounted_files};
use dify_infra_core::resource::Kind;

use super::rendered_files;
use crate::args::{RenderArguments, RenderFormat};
use crate::exit::Exit;
use crate::input::{Input, is_stream};
use crate::settings::{Settings, UsageError};
use crate::ui::Ui;

pub(super) fn run(
    ui: &Ui,
    settings: &Settings,
    arguments: &RenderArguments,
) -> anyhow::Result<Exit> {
    refuse_flags_of_compose(arguments)?;
    if arguments.out.as_deref().is_some_and(is_stream) {
        let rule = "it names a directory; without it the files go to stdout";
        return Err(UsageError::new("--out", "-", rule).into());
    }
    let input = Input::read(&arguments.file.file)?;
    let deployment = input.deployment(ui)?;
    if arguments.to == RenderFormat::Compose {
        return super::compose::run(ui, settings, arguments, &input, &deployment);
    }
    let (target, graph) = super::offline_graph(&deployment, settings)?;
    let names = ResourceNames::new(&deployment, &target);
    let files = match arguments.to {
        RenderFormat::Nginx => mounted(&graph, &names.app(ServiceKind::Nginx)),
        RenderFormat::Squid => mounted(&graph, &names.app(ServiceKind::SsrfProxy)),
        RenderFormat::Env => environment_files(&graph),
        RenderFormat::Arm => vec![template(&graph)?],
        // Answered above: a compose project has secrets beside its files.
        RenderFormat::Compose => Vec::new(),
    };
    match &arguments.out {
        Some(directory) => {
            rendered_files::make(directory)?;
            rendered_files::write(ui, directory, &files)?;
        }
        None => ui.data(&joined(&files))?,
    }
    Ok(Exit::Done)
}

/// Flags that only a compose project has.
fn refuse_flags_of_compose(arguments: &RenderArguments) -> Result<(), UsageError> {
    let given = match (arguments.to, arguments.listen, arguments.force) {
        (RenderFormat::Compose, ..) | (_, None, false) => return Ok(()),
        (_, Some(listen), _) => ("--listen", listen.to_string()),
        (_, None, true) => ("--force", "given".to_owned()),
    };
    let rule = "only `--to compose` has it";
    Err(UsageError::new(given.0, &given.1, rule))
}

fn template(graph: &ResourceGraph) -> anyhow::Result<RenderedFile> {
    Ok(RenderedFile {
        name: "azuredeploy.json".to_owned(),
        text: serde_json::to_string_pretty(&arm_template(graph))? + "\n",
        mode: 0o644,
        sensitive: false,
    })
}

fn mounted(graph: &ResourceGraph, app: &str) -> Vec<RenderedFile> {
    let id = graph
        .group()
        .provider(Kind::ContainerApp.resource_type(), app);
    mounted_files(graph, &id)
}

/// One file as it is; several with a line before each that says which.
fn joined(files: &[RenderedFile]) -> String {
    match files {
        [only] => only.text.clone(),
        several => {
            let part = |file: &RenderedFile| format!("# ---- {} ----\n{}", file.name, file.text);
            several.iter().map(part).collect::<Vec<_>>().join("\n")
        }
    }
}
