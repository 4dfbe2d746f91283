//! Arguments of `dify-secrets`: definitions and help, no logic.

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand};
use dify_infra_core::secrets::Format;

/// Generates, checks and rotates the secrets of a Dify deployment.
#[derive(Debug, Parser)]
#[command(name = "dify-secrets", version = crate::VERSION, max_term_width = 100)]
pub(super) struct Arguments {
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    Gen(GenArguments),
    Check(CheckArguments),
    Rotate(RotateArguments),
    Completions(CompletionsArguments),
    Man(ManArguments),
}

/// Prints a script that completes commands and flags in a shell
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  source <(dify-secrets completions bash)")]
pub(super) struct CompletionsArguments {
    /// The shell
    #[arg(value_enum)]
    pub(super) shell: clap_complete::Shell,
}

/// Prints the manual page, or writes those of all commands into a directory
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  dify-secrets man ~/.local/share/man/man1")]
pub(super) struct ManArguments {
    /// Directory for the pages, which is made when it is not there [default: the main page on stdout]
    #[arg(value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    pub(super) directory: Option<PathBuf>,
}

/// The names of the formats, which shells complete.
fn formats() -> impl TypedValueParser<Value = Format> {
    PossibleValuesParser::new(Format::ALL.iter().map(|format| format.name()))
        .try_map(|name| name.parse::<Format>())
}

/// Generates secrets from the operating system's randomness
///
/// Each has the length and the characters that all its consumers take: letters and digits alone,
/// nothing that a URL, a DSN, a shell or Azure would change. The values go to stdout and nothing
/// else does, so they can be piped on without a temporary file.
#[derive(Args, Debug)]
#[command(after_help = "\
Names: secret-key, sandbox-api-key, plugin-daemon-key, inner-api-key, postgres-password,
init-password, fingerprint-key; or their env-file keys, such as SECRET_KEY.

Examples:
  dify-secrets gen --out dify-dev.secrets.env
  set -a; eval \"$(dify-secrets gen)\"; set +a
  dify-secrets gen --format json | jq -r .SECRET_KEY
  dify-secrets gen --format github | gh secret set --env-file -
  dify-secrets gen --format bicepparam --using main.bicep --out secrets.bicepparam

Exit codes: 0 done, 1 failed, 64 wrong usage.")]
pub(super) struct GenArguments {
    /// Secrets to generate; all that a deployment needs if none is named
    #[arg(value_name = "NAME")]
    pub(super) names: Vec<String>,

    /// How to write them: env, json, toml, bicepparam or github [default: by the name of FILE, else
    /// env]
    #[arg(long, value_parser = formats(), hide_possible_values = true)]
    pub(super) format: Option<Format>,

    /// A new file to write, readable by you alone, instead of stdout
    #[arg(long, value_name = "FILE")]
    pub(super) out: Option<PathBuf>,

    /// Replace FILE if it exists: the old values are lost
    #[arg(long, requires = "out")]
    pub(super) force: bool,

    /// The Bicep template that a bicepparam file is for; without it the file says `using none`
    #[arg(long, value_name = "TEMPLATE")]
    pub(super) using: Option<String>,
}

/// Checks secrets: published defaults, weak, reused, breaking URLs
///
/// Reports every problem at once on stdout, never a value. Reads the files that `gen` writes, the `.env`
/// of a rendered compose project (`DIFY_SECRET_KEY` is `SECRET_KEY` there), and Dify's own `.env`, where names that sound like no secret are looked at for published values alone.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  dify-secrets check dify-dev.secrets.env
  dify-secrets check dify-dev.secrets.env dify-prod.secrets.env
  dify-secrets check docker/.env --json | jq '.findings[].secret'
  dify-secrets gen --format json | dify-secrets check -

Exit codes: 0 no errors (there may be warnings), 1 unreadable, 3 errors found, 64 wrong usage.")]
pub(super) struct CheckArguments {
    /// Files to check; `-` is stdin. Of several, say those of two environments, values that they share are
    /// found too
    #[arg(value_name = "FILE", required = true)]
    pub(super) files: Vec<PathBuf>,

    /// Print the findings as one JSON object
    #[arg(long)]
    pub(super) json: bool,

    /// How the file is written: env, json, toml, bicepparam or github [default: by its name and
    /// content]
    #[arg(long, value_parser = formats(), hide_possible_values = true)]
    pub(super) format: Option<Format>,
}

/// Gives secrets of a file new values, and says what restarts
///
/// Only the named values change; comments, order and everything else stay. The file as it was is kept
/// beside it as FILE.previous. What follows is a change of the plan: `dify-infra plan` shows it as
/// `changed (a1b2 → c3d4)`, and apply restarts the called services before their callers.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  dify-secrets rotate dify-dev.secrets.env sandbox-api-key plugin-daemon-key
  dify-secrets rotate dify-dev.secrets.env POSTGRES_PASSWORD --json | jq '.rotated[].restarts'

Exit codes: 0 done, 1 failed or refused, 64 wrong usage.")]
pub(super) struct RotateArguments {
    /// The secrets file, as `gen` writes it
    #[arg(value_name = "FILE")]
    pub(super) file: PathBuf,

    /// Secrets to change, by name or by their env-file keys
    #[arg(value_name = "NAME", required = true)]
    pub(super) names: Vec<String>,

    /// Change `SECRET_KEY` too, after which stored credentials can't be read any more
    #[arg(long)]
    pub(super) force: bool,

    /// Print what restarts as one JSON object
    #[arg(long)]
    pub(super) json: bool,
}
