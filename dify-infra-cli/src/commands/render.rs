//! `dify-infra render`: the files that apply would use.

use std::fs;
use std::path::Path;

use anyhow::Context as _;
use dify_infra_core::catalogue::ServiceKind;
use dify_infra_core::graph::{ResourceGraph, ResourceNames};
use dify_infra_core::render::{arm_template, environment_files, mounted_files};
use dify_infra_core::resource::Kind;

use crate::args::{RenderArguments, RenderFormat};
use crate::exit::Exit;
use crate::input::Input;
use crate::settings::{Settings, UsageError};
use crate::ui::Ui;

/// A file to be shown or written: name and text.
type File = (String, String);

pub(super) fn run(
    ui: &Ui,
    settings: &Settings,
    arguments: &RenderArguments,
) -> anyhow::Result<Exit> {
    refuse_flags_of_compose(arguments)?;
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
        RenderFormat::Env => environment_files(&graph)
            .into_iter()
            .map(|file| (file.name, file.text))
            .collect(),
        RenderFormat::Arm => {
            let template = serde_json::to_string_pretty(&arm_template(&graph))? + "\n";
            vec![("azuredeploy.json".to_owned(), template)]
        }
        // Answered above: a compose project has secrets beside its files.
        RenderFormat::Compose => Vec::new(),
    };
    match &arguments.out {
        Some(directory) => write(ui, directory, &files)?,
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

fn mounted(graph: &ResourceGraph, app: &str) -> Vec<File> {
    let id = graph
        .group()
        .provider(Kind::ContainerApp.resource_type(), app);
    mounted_files(graph, &id)
        .into_iter()
        .map(|file| (file.name, file.text))
        .collect()
}

/// One file as it is; several with a line before each that says which.
fn joined(files: &[File]) -> String {
    match files {
        [(_, text)] => text.clone(),
        several => {
            let part = |(name, text): &File| format!("# ---- {name} ----\n{text}");
            several.iter().map(part).collect::<Vec<_>>().join("\n")
        }
    }
}

fn write(ui: &Ui, directory: &Path, files: &[File]) -> anyhow::Result<()> {
    fs::create_dir_all(directory)
        .with_context(|| format!("the directory {} can't be made", directory.display()))?;
    for (name, text) in files {
        let path = directory.join(name);
        fs::write(&path, text).with_context(|| format!("{} can't be written", path.display()))?;
        ui.say(format!("wrote {}", path.display()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_file_is_printed_as_it_is() {
        let file = |name: &str| (name.to_owned(), format!("{name}\n"));
        assert_eq!(joined(&[file("a")]), "a\n");
        assert_eq!(
            joined(&[file("a"), file("b")]),
            "# ---- a ----\na\n\n# ---- b ----\nb\n"
        );
    }
}
