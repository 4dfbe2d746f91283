//! `dify-infra render --to compose`: the same deployment for one host.

use std::io;
use std::path::Path;

use anyhow::Context as _;
use dify_infra_core::deployment::Deployment;
use dify_infra_core::render::{
    COMPOSE_FILE, ComposeOptions, ComposeProject, RenderedFile, compose, keep_env_lines,
};
use secrecy::{ExposeSecret as _, SecretString};

use super::rendered_files;
use crate::args::RenderArguments;
use crate::exit::Exit;
use crate::input::{Input, read_limited};
use crate::secrets_command::{Existing, keep_out_of_version_control, write_private};
use crate::secrets_file::SecretsFile;
use crate::settings::{Settings, UsageError};
use crate::ui::Ui;

pub(super) fn run(
    ui: &Ui,
    settings: &Settings,
    arguments: &RenderArguments,
    input: &Input,
    deployment: &Deployment,
) -> anyhow::Result<Exit> {
    let mut options = ComposeOptions::default();
    if let Some(listen) = arguments.listen {
        options.listen = listen;
    }
    let project = compose(deployment, &options)?;
    let Some(directory) = &arguments.out else {
        if arguments.force {
            let error = UsageError::of("--force is about a .env, which only --out DIR writes");
            return Err(error.with_hint("give --out DIR as well").into());
        }
        ui.data(project.compose_file())?;
        return Ok(Exit::Done);
    };
    let env_file = secrets(ui, settings, input, deployment, &project)?;
    rendered_files::make(directory)?;
    write_env_file(ui, directory, &env_file, arguments.force)?;
    rendered_files::write(ui, directory, project.files())?;
    ui.hint(format!(
        "start it with `docker compose --file {} up --detach`",
        directory.join(COMPOSE_FILE).display()
    ));
    Ok(Exit::Done)
}

/// The env file, from the secrets file; what that lacks is made and kept there first.
fn secrets(
    ui: &Ui,
    settings: &Settings,
    input: &Input,
    deployment: &Deployment,
    project: &ComposeProject,
) -> anyhow::Result<RenderedFile> {
    let file = SecretsFile::open_beside(ui, settings, deployment, input.directory())?;
    let is_new = file.secrets().is_none();
    let completed = file.complete_offline(deployment)?;
    let env_file = project.env_file(&completed.secrets)?;
    file.save(ui, &completed, deployment)?;
    if is_new {
        ui.say(format!(
            "made the secrets of {} in {}",
            deployment.prefix(),
            file.path().display()
        ));
        ui.hint(
            "if this deployment runs in Azure already, `dify-infra plan` now shows its secrets as \
             changed: remove that file, and let `dify-infra apply` read them back from the apps first",
        );
    }
    Ok(env_file)
}

/// Writes `.env` for its owner alone. Values that are there stay, unless they are to be made anew.
fn write_env_file(
    ui: &Ui,
    directory: &Path,
    file: &RenderedFile,
    force: bool,
) -> anyhow::Result<()> {
    let path = directory.join(&file.name);
    let shown = path.display();
    let existing = match read_limited(&path) {
        Ok(text) => Some(SecretString::from(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error).with_context(|| format!("{shown} can't be read")),
    };
    let (text, mode) = match existing {
        Some(existing) if !force => {
            let (text, differing) = keep_env_lines(existing.expose_secret(), &file.text);
            if !differing.is_empty() {
                ui.warn(format!(
                    "{shown} has other values than the secrets file for {}: they are kept; --force \
                     writes those of the secrets file",
                    differing.join(", ")
                ));
            }
            (SecretString::from(text), Existing::Replace)
        }
        Some(_) => (SecretString::from(file.text.clone()), Existing::Replace),
        None => (SecretString::from(file.text.clone()), Existing::Keep),
    };
    write_private(&path, text.expose_secret().as_bytes(), mode)?;
    ui.say(format!("wrote {shown}"));
    if mode == Existing::Keep
        && let Some(advice) = keep_out_of_version_control(&path)
    {
        ui.hint(advice);
    }
    Ok(())
}
