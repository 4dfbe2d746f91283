//! The commands `dify-infra` and `dify-secrets` as a library: the binaries only call it.

pub mod args;
mod commands;
mod completions;
mod embedded;
pub mod env;
pub mod exit;
mod input;
mod interrupt;
mod manual;
pub mod reference;
pub mod secrets_command;
mod secrets_file;
mod session;
pub mod settings;
mod ui;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};

pub use secrets_command::main as secrets_main;

use args::Arguments;
use exit::Exit;
use settings::{Settings, UsageError, Verbosity};
use ui::Ui;
use ui::errors::{self, AlreadyShown};

/// The version of both programs, with the commit that they were built from where that is known.
pub(crate) const VERSION: &str = match option_env!("DIFY_INFRA_VERSION") {
    Some(version) => version,
    None => env!("CARGO_PKG_VERSION"),
};

/// Runs `dify-infra` with the arguments of a process, the program's name first.
pub fn infra_main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    ui::choose_colour(&arguments);
    match args::parse(arguments) {
        Ok(arguments) => run(arguments).into(),
        Err(error) => explain(&error).into(),
    }
}

fn run(arguments: Arguments) -> Exit {
    let settings = match Settings::resolve(&arguments.global, &env::read) {
        Ok(settings) => settings,
        Err(error) => return failed(&Ui::new(Verbosity::Normal), &error.into()),
    };
    let ui = Ui::new(settings.verbosity);
    log(&ui);
    match commands::run(&ui, &settings, arguments.command) {
        Ok(exit) => exit,
        Err(error) => {
            let exit = failed(&ui, &error);
            // Whoever asked for JSON gets some, unless the command has written its own before, or
            // was asked for in a way in which it has none.
            if settings.json && !matches!(exit, Exit::Usage) && !ui.has_written_data() {
                // Nothing is left to do when stdout is gone.
                let _ = ui.json(&errors::as_json(&error));
            }
            exit
        }
    }
}

/// Shows an error and finds the code for it.
fn failed(ui: &Ui, error: &anyhow::Error) -> Exit {
    if let Some(AlreadyShown { exit, .. }) = error.downcast_ref() {
        return *exit;
    }
    errors::show(ui, error);
    if error.is::<UsageError>() {
        Exit::Usage
    } else {
        Exit::Failed
    }
}

/// Prints what clap has to say: help and version on stdout, mistakes on stderr.
fn explain(error: &clap::Error) -> Exit {
    if let Some(absent) = absent(error) {
        errors::show(&Ui::new(Verbosity::Normal), &absent.into());
        return Exit::Usage;
    }
    // Nothing is left to do when the terminal is gone.
    let _ = error.print();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Exit::Done,
        _ => Exit::Usage,
    }
}

/// Commands that people look for and that are not there yet, with what does the same meanwhile.
const ABSENT: [(&str, &str); 3] = [
    (
        "logs",
        "`az containerapp logs show --name APP --resource-group GROUP --follow` shows them; `dify-infra outputs` \
         has the names of the apps",
    ),
    (
        "undo",
        "`dify-infra apply` with the earlier deployment file takes a change back; `dify-infra destroy` removes the \
         apps and keeps the data",
    ),
    (
        "cost",
        "`dify-infra graph` lists what is deployed, for the calculator at \
         https://azure.microsoft.com/pricing/calculator",
    ),
];

/// What to say of a command that is not there yet.
fn absent(error: &clap::Error) -> Option<UsageError> {
    let Some(ContextValue::String(name)) = error.get(ContextKind::InvalidSubcommand) else {
        return None;
    };
    let (name, instead) = ABSENT.iter().find(|(absent, _)| absent == name)?;
    let error = UsageError::of(format!("`dify-infra {name}` is not there yet"));
    Some(error.with_hint(*instead))
}

/// Logs to stderr what `-v` or the variable asks for.
fn log(ui: &Ui) {
    let filter = env::read(env::LOG).unwrap_or_else(|| {
        match ui.verbosity() {
            Verbosity::Debug => "dify_infra_azure=debug,dify_infra_emulator=info",
            Verbosity::Verbose => "dify_infra_azure=info",
            // What is wrong is told by the error; libraries below tell it once more.
            Verbosity::Normal | Verbosity::Quiet => "off",
        }
        .to_owned()
    });
    // A program that calls this library may have a subscriber of its own.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::new(filter))
        .with_writer(std::io::stderr)
        .with_ansi(ui.has_colour() && std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .with_target(false)
        .try_init();
}
