//! `dify-secrets`: generates, checks and rotates the secrets of a Dify deployment.
//!
//! stdout carries data alone, so that a deploy script can pipe it on; everything for people goes to
//! stderr, and no value ever does.

mod arguments;
mod check;
mod file;
mod generate;
mod rotate;
mod version_control;

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::error::ErrorKind;
use clap::{CommandFactory as _, Parser as _};

pub(crate) use check::open_to_others;
pub use dify_infra_azure::secrets::SystemRandom;
pub use file::{Existing, write_private};
pub(crate) use version_control::advice as keep_out_of_version_control;

use crate::completions::script;
use crate::manual;
use arguments::{Arguments, Command, CompletionsArguments, ManArguments};

/// How a run ends; the numbers are those of all commands of dify-infra.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Exit {
    /// Done, with nothing wrong.
    Done = 0,
    /// Something could not be read, written or generated.
    Failed = 1,
    /// The findings hold an error.
    Findings = 3,
    /// The arguments make no sense.
    Usage = 64,
}

/// Why a command stopped.
enum Failure {
    /// The arguments make no sense; the text says what does.
    Usage(String),
    /// Anything else.
    Run(anyhow::Error),
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Run(error)
    }
}

/// Runs `dify-secrets` with the arguments of a process, the program's name first.
///
/// Exit codes: 0 done, 1 failed, 3 findings with errors, 64 wrong usage.
pub fn main<I, T>(arguments: I) -> ExitCode
where
    I: IntoIterator<Item = T>,
    T: Into<OsString> + Clone,
{
    let exit = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => run(arguments.command),
        Err(error) => explain(&error),
    };
    ExitCode::from(exit as u8)
}

fn run(command: Command) -> Exit {
    let outcome = match command {
        Command::Gen(arguments) => generate::run(&arguments),
        Command::Check(arguments) => check::run(&arguments),
        Command::Rotate(arguments) => rotate::run(&arguments),
        Command::Completions(arguments) => completions(&arguments),
        Command::Man(arguments) => man(&arguments),
    };
    match outcome {
        Ok(exit) => exit,
        Err(Failure::Usage(message)) => {
            say(&format!(
                "error: {message}\n\nFor more information, try '--help'."
            ));
            Exit::Usage
        }
        Err(Failure::Run(error)) => {
            say(&format!("error: {error}"));
            for cause in error.chain().skip(1) {
                say(&format!("  caused by: {cause}"));
            }
            Exit::Failed
        }
    }
}

fn completions(arguments: &CompletionsArguments) -> Result<Exit, Failure> {
    let script = script(arguments.shell, Arguments::command(), "dify-secrets");
    put(&script).context("the script could not be written to stdout")?;
    Ok(Exit::Done)
}

fn man(arguments: &ManArguments) -> Result<Exit, Failure> {
    let command = Arguments::command();
    match &arguments.directory {
        None => put(manual::page(&command)?.as_bytes())
            .context("the page can't be written to stdout")?,
        Some(directory) => {
            for path in manual::write(command, directory)? {
                say(&format!("wrote {}", path.display()));
            }
        }
    }
    Ok(Exit::Done)
}

/// Prints what clap has to say: help and version on stdout, mistakes on stderr.
fn explain(error: &clap::Error) -> Exit {
    // Nothing is left to do when the terminal is gone.
    let _ = error.print();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Exit::Done,
        _ => Exit::Usage,
    }
}

/// Writes a line for people.
fn say(line: &str) {
    // Nothing is left to do when the terminal is gone.
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// Writes data to stdout. A reader that has seen enough and closed the pipe is no failure.
fn put(data: &[u8]) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(data).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}
