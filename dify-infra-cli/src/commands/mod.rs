//! One function for each command.

mod apply;
mod audit;
mod azure_run;
mod check;
mod check_squid;
mod command_line;
mod completions;
mod compose;
mod destroy;
mod dns_records;
mod emulate;
mod explain;
mod graph;
mod images;
mod init;
mod man;
mod outputs;
mod plan;
mod render;
mod rendered_files;
mod route;
mod saved_plan;
mod upgrade;
mod verify;

use std::future::Future;
use std::path::PathBuf;

use anyhow::Context as _;
use dify_infra_core::deployment::Deployment;
use dify_infra_core::graph::{ResourceGraph, Target, lower};

use crate::args::{Command, ImagesCommand, RenderFormat};
use crate::exit::Exit;
use crate::input::is_stream;
use crate::session::named_subscription;
use crate::settings::{Settings, UsageError};
use crate::ui::Ui;

/// Runs a command to its end.
///
/// # Errors
///
/// When the command could not do what it was asked to; the printer shows why.
pub(crate) fn run(ui: &Ui, settings: &Settings, command: Command) -> anyhow::Result<Exit> {
    if settings.json {
        refuse_json(&command)?;
    }
    refuse_second_reader(settings, &command)?;
    match command {
        Command::Init(arguments) => init::run(ui, &arguments),
        Command::Check(arguments) => check::run(ui, settings, &arguments),
        Command::Explain(arguments) => explain::run(ui, settings, &arguments),
        Command::Render(arguments) => render::run(ui, settings, &arguments),
        Command::Route(arguments) => route::run(ui, settings, &arguments),
        Command::Graph(arguments) => graph::run(ui, settings, &arguments),
        Command::Plan(arguments) => wait(plan::run(ui, settings, &arguments)),
        Command::Apply(arguments) => wait(apply::run(ui, settings, &arguments)),
        Command::Outputs(arguments) => wait(outputs::run(ui, settings, &arguments)),
        Command::Verify(arguments) => wait(verify::run(ui, settings, &arguments)),
        Command::Upgrade(arguments) => upgrade::run(ui, settings, &arguments),
        Command::Destroy(arguments) => wait(destroy::run(ui, settings, &arguments)),
        Command::Audit(arguments) => wait(audit::run(ui, settings, &arguments)),
        Command::Images(arguments) => match arguments.command {
            ImagesCommand::List(file) => images::list(ui, settings, &file),
            ImagesCommand::Import(import) => wait(images::import(ui, settings, &import)),
        },
        Command::Completions(arguments) => completions::run(ui, &arguments),
        Command::Man(arguments) => man::run(ui, &arguments),
        Command::Emulate(arguments) => wait(emulate::run(ui, settings, &arguments)),
    }
}

/// Stdin can be read once.
fn refuse_second_reader(settings: &Settings, command: &Command) -> Result<(), UsageError> {
    let secrets = settings.secrets.as_deref();
    let (file, plan, uses_secrets) = match command {
        Command::Plan(arguments) => (Some(&arguments.file.file), None, true),
        Command::Render(arguments) => {
            let uses = arguments.to == RenderFormat::Compose && arguments.out.is_some();
            (Some(&arguments.file.file), None, uses)
        }
        Command::Apply(arguments) => (arguments.file.as_ref(), arguments.plan.as_deref(), true),
        _ => return Ok(()),
    };
    let readers = [
        ("the deployment file", file.map(PathBuf::as_path)),
        ("--plan", plan),
        ("--secrets", secrets.filter(|_| uses_secrets)),
    ];
    let named: Vec<&str> = readers
        .iter()
        .filter(|(_, path)| path.is_some_and(is_stream))
        .map(|(name, _)| *name)
        .collect();
    match named.as_slice() {
        [first, second, ..] => {
            let rule = format!("{first} is read from stdin already; name a file for one of them");
            Err(UsageError::new(second, "-", rule))
        }
        _ => Ok(()),
    }
}

/// A command without a JSON form must not answer with something else.
fn refuse_json(command: &Command) -> Result<(), UsageError> {
    let name = match command {
        Command::Init(_) => "init",
        Command::Completions(_) => "completions",
        Command::Man(_) => "man",
        Command::Graph(_) => "graph",
        Command::Render(arguments) => match arguments.to {
            RenderFormat::Nginx => "render --to nginx",
            RenderFormat::Squid => "render --to squid",
            RenderFormat::Env => "render --to env",
            RenderFormat::Compose => "render --to compose",
            RenderFormat::Arm => return Ok(()),
        },
        _ => return Ok(()),
    };
    let error = UsageError::of(format!("`{name}` has no JSON output"));
    Err(error.with_hint("leave --json out"))
}

/// Runs a command that talks to Azure.
fn wait(command: impl Future<Output = anyhow::Result<Exit>>) -> anyhow::Result<Exit> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("the threads of this run can't be started")?;
    runtime.block_on(command)
}

/// The graph of a deployment for commands that ask Azure nothing.
fn offline_graph(
    deployment: &Deployment,
    settings: &Settings,
) -> anyhow::Result<(Target, ResourceGraph)> {
    let subscription = named_subscription(deployment, settings)?;
    let target = Target::new(deployment, subscription.as_ref());
    let graph =
        lower(deployment, &target).context("the deployment can't be turned into resources")?;
    Ok((target, graph))
}
