//! What every command takes, and which of it each command shows in its help.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{ArgAction, Args, Command, CommandFactory as _, FromArgMatches as _, ValueEnum};
use dify_infra_core::values::AzureCloud;

use super::Arguments;

/// The definition that is parsed, completed and documented. Every command takes the options about Azure
/// wherever they stand, so that a script can give all of its commands the same ones; the help of a command
/// has those that mean something to it.
pub fn command() -> Command {
    let whole = Arguments::command();
    let about_azure = whole.clone();
    whole.mut_subcommands(|command| hide_in(command, &about_azure, ""))
}

/// Reads the arguments of a process, the program's name first.
///
/// # Errors
///
/// When they make no sense, and when help or the version is asked for: clap has the text.
pub fn parse<Word>(words: impl IntoIterator<Item = Word>) -> Result<Arguments, clap::Error>
where
    Word: Into<OsString> + Clone,
{
    let mut command = command();
    let mut matches = command.try_get_matches_from_mut(words)?;
    Arguments::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut command))
}

/// The options about Azure.
const ABOUT_AZURE: [&str; 7] = [
    "target",
    "subscription",
    "secrets",
    "cloud",
    "endpoint",
    "auth",
    "time_scale",
];

/// Which options about Azure mean something to a command.
fn used_by(command: &str) -> &'static [&'static str] {
    match command {
        "init" | "check" | "explain" | "route" | "upgrade" | "completions" | "man"
        | "images list" => &[],
        "graph" => &["subscription"],
        "render" => &["subscription", "secrets"],
        "emulate" => &["subscription", "time_scale"],
        "audit" | "images import" => &[
            "target",
            "subscription",
            "cloud",
            "endpoint",
            "auth",
            "time_scale",
        ],
        _ => &ABOUT_AZURE,
    }
}

/// The same command with copies of the global options that it does not show. clap keeps a command's own
/// where it would put a global one of that name.
fn hide_in(command: Command, whole: &Command, above: &str) -> Command {
    let name = format!("{above}{}", command.get_name());
    if command.has_subcommands() {
        let above = format!("{name} ");
        return command.mut_subcommands(|below| hide_in(below, whole, &above));
    }
    let used = used_by(&name);
    let hidden = whole.get_arguments().filter(|argument| {
        let id = argument.get_id().as_str();
        ABOUT_AZURE.contains(&id) && !used.contains(&id)
    });
    let hidden: Vec<_> = hidden.map(|argument| argument.clone().hide(true)).collect();
    command.args(hidden)
}

/// Flags that every command takes.
#[derive(Args, Debug, Clone, Default)]
#[command(next_help_heading = "Global options")]
pub struct GlobalArguments {
    /// Which Azure: the real one, or one inside of this process that keeps its state in
    /// .dify-infra/ beside the file [default: azure]
    #[arg(long, global = true, value_enum)]
    pub target: Option<Target>,

    /// Subscription to deploy into, when the file names none
    #[arg(long, global = true, value_name = "ID")]
    pub subscription: Option<String>,

    /// Secrets file, in any format that `dify-secrets gen` writes; `-` is stdin [default:
    /// `NAME-ENVIRONMENT.secrets.env` beside the deployment file]
    #[arg(long, global = true, value_name = "FILE")]
    pub secrets: Option<PathBuf>,

    /// Which of Microsoft's clouds: `AzurePublic`, `AzureUSGovernment` or `AzureChina` [default: the one that
    /// has the file's location]
    #[arg(long, global = true, value_name = "NAME", conflicts_with = "target")]
    pub cloud: Option<AzureCloud>,

    /// Another Azure Resource Manager, such as Azure Stack's, or what `dify-infra emulate` prints.
    /// Plain http is accepted for loopback alone
    #[arg(long, global = true, value_name = "URL", conflicts_with = "target")]
    pub endpoint: Option<String>,

    /// Where the token comes from [default: auto]
    #[arg(long, global = true, value_enum)]
    pub auth: Option<Auth>,

    /// How many times faster than Azure the embedded Azure is [default: 60]
    #[arg(long, global = true, value_name = "N", value_parser = crate::settings::parse_time_scale, allow_negative_numbers = true)]
    pub time_scale: Option<f64>,

    /// Print data as JSON on stdout; `-o json` is the same
    #[arg(long, global = true)]
    pub json: bool,

    /// Form of the data on stdout, as other tools of Azure have it: `json` is --json
    #[arg(
        short,
        long,
        global = true,
        hide = true,
        value_enum,
        value_name = "FORM"
    )]
    pub output: Option<OutputFormat>,

    /// When output is coloured: auto, always or never [default: auto]
    #[arg(
        long,
        global = true,
        value_enum,
        value_name = "WHEN",
        hide_possible_values = true
    )]
    pub color: Option<Colour>,

    /// Say more on stderr; twice for every request
    #[arg(short, long, global = true, action = ArgAction::Count, conflicts_with = "quiet")]
    pub verbose: u8,

    /// Say nothing on stderr but errors
    #[arg(short, long, global = true)]
    pub quiet: bool,
}

/// Which Azure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Target {
    /// Azure, in a subscription.
    #[default]
    Azure,
    /// An Azure inside of this process.
    Embedded,
}

/// Where the token comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Auth {
    /// The first of the others that is set up; a made-up token for a loopback endpoint.
    #[default]
    Auto,
    /// The account of `az login`.
    AzureCli,
    /// The identity of the Azure resource that this runs on.
    ManagedIdentity,
    /// `AZURE_TENANT_ID`, `AZURE_CLIENT_ID`, and a token of GitHub Actions, Azure Pipelines or a
    /// cluster that is exchanged: no secret.
    WorkloadIdentity,
    /// `AZURE_TENANT_ID`, `AZURE_CLIENT_ID` and `AZURE_CLIENT_SECRET`.
    ClientSecret,
    /// `AZURE_TENANT_ID`, `AZURE_CLIENT_ID` and `AZURE_CLIENT_CERTIFICATE_PATH`.
    ClientCertificate,
    /// `DIFY_INFRA_TOKEN`.
    Token,
}

/// The form of the data on stdout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// When output is coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Colour {
    /// On a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`; and with `CLICOLOR_FORCE`.
    #[default]
    Auto,
    /// Also in a pipe or a file.
    Always,
    /// Not even on a terminal.
    Never,
}
