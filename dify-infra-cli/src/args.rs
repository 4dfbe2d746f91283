//! The arguments of `dify-infra`: definitions and help, no logic.

mod global;
mod images;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use dify_infra_core::names::{ResourceGroupName, SubscriptionId};

pub use global::{Auth, Colour, GlobalArguments, OutputFormat, Target, command, parse};
pub use images::{ImagesArguments, ImagesCommand, ImportArguments};

/// Deploys Dify to Azure Container Apps from one file: proves it right, creates it, proves it works
#[derive(Debug, Parser)]
#[command(
    name = "dify-infra",
    version = crate::VERSION,
    max_term_width = 100,
    propagate_version = true,
    after_help = "\
Examples:
  dify-infra init > dify.toml
  dify-infra check
  dify-infra apply --target embedded --yes     a whole deployment in an Azure inside the process
  dify-infra plan                              what apply would change in your subscription
  dify-infra apply

Exit codes: 0 done or nothing to do, 1 failed, 2 changes (plan --detailed-exitcode),
3 the deployment file has errors, 64 wrong usage.

stdout carries data, stderr everything for people. Variables: AZURE_SUBSCRIPTION_ID,
DIFY_INFRA_TOKEN, NO_COLOR and more, listed in docs/reference/variables.md."
)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,

    /// What holds for every command.
    #[command(flatten)]
    pub global: GlobalArguments,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write a commented deployment file to stdout
    #[command(after_help = "Example:\n  dify-infra init --profile dev > dify.toml")]
    Init(InitArguments),
    /// Check a deployment file against every rule, offline
    #[command(after_help = "\
Examples:
  dify-infra check
  dify-infra check prod.toml --json | jq -r '.diagnostics[].code'
  dify-infra check --squid squid.conf
  dify-infra render --to squid | dify-infra check --squid -

Findings go to stdout, errors first; what could not be done goes to stderr. Exits with 3 when there is
an error; warnings and notes alone exit with 0.")]
    Check(CheckArguments),
    /// Tell why a rule exists, where it comes from and how to mend what it finds
    #[command(
        after_help = "Examples:\n  dify-infra explain LIM004\n  dify-infra explain SEC\n  dify-infra explain"
    )]
    Explain(ExplainArguments),
    /// Write the files that apply would use, or the same deployment as a compose project
    #[command(after_help = "\
Examples:
  dify-infra render --to nginx
  dify-infra render --to compose --out dify/
  dify-infra render --to env --out rendered/
  dify-infra render --to arm | az deployment group what-if -g dify-dev-rg --template-file /dev/stdin

No secret is written: the environments have ${secret:NAME} in its place, the template parameters.
A compose project has its secrets in DIR/.env, for its owner alone; they come from the secrets file,
which is made when there is none. Without --out only compose.yaml is shown.")]
    Render(RenderArguments),
    /// Tell which service answers a URL, why, and within which limits
    #[command(
        allow_missing_positional = true,
        after_help = "\
Examples:
  dify-infra route https://dify.example.com/v1/chat-messages
  dify-infra route prod.toml /e/hook --json | jq -r .answer.service

A path alone belongs to the deployment's origin. A host that is not the deployment's is said; the
answer then holds for the path. What nginx refuses or redirects is an answer too: the exit code is 0."
    )]
    Route(RouteArguments),
    /// Draw the resources and what waits for what
    #[command(after_help = "Example:\n  dify-infra graph --format dot | dot -Tsvg > dify.svg")]
    Graph(GraphArguments),
    /// Show what apply would change, and why
    #[command(after_help = "\
Examples:
  dify-infra plan
  dify-infra plan --detailed-exitcode; [ $? -eq 2 ] && echo drift
  dify-infra plan --out plan.json              for a review, then `apply --plan plan.json`

Reading needs no secrets file and no right to read secrets. A plan in which something could not be
read exits with 1.")]
    Plan(PlanArguments),
    /// Create or change the deployment
    #[command(after_help = "\
Examples:
  dify-infra apply --target embedded --yes
  dify-infra apply prod.toml --secrets prod.secrets.env
  dify-infra apply --plan plan.json            what was reviewed, or nothing

Without a secrets file the first apply makes one, before anything is written to Azure: keep it. One
Ctrl-C lets running operations finish, a second one leaves at once; `apply` again goes on from there.")]
    Apply(ApplyArguments),
    /// Print URLs, names and the DNS records to set
    Outputs(OutputsArguments),
    /// Prove from Azure's answers that the deployment is as it should be
    #[command(after_help = "\
Exits with 1 when a check failed. What needs a look into running containers is reported as not run.")]
    Verify(VerifyArguments),
    /// Tell what another release of Dify changes, and write the file for it to stdout
    #[command(after_help = "\
Examples:
  dify-infra upgrade --to 1.17.1 > new.toml    the report is on stderr
  dify-infra upgrade prod.toml --to 1.17.1 --json | jq -r '.notes[] | select(.breaking) | .what'

Comments and order of the file stay. Nothing is written but stdout: `plan` and `apply` with the new
file carry it out. A way back is refused, since no release takes its database migrations back.")]
    Upgrade(UpgradeArguments),
    /// Remove the apps; the data layer only when asked for by name
    #[command(after_help = "\
Examples:
  dify-infra destroy                                   apps, jobs, environment and logs
  dify-infra destroy --include-data --confirm dify-dev --yes

Databases, caches, blobs and the secrets file stay unless --include-data is given; the secrets file
stays in any case.")]
    Destroy(DestroyArguments),
    /// Judge a deployment that others made: a template, a compose folder or a live resource group
    #[command(after_help = "\
Examples:
  dify-infra audit --arm azuredeploy.json --parameters prod.parameters.json
  dify-infra audit --compose ~/dify/docker --json | jq -r '.findings[].code'
  dify-infra audit --resource-group dify-rg
  az bicep build --file main.bicep --stdout | dify-infra audit --arm -

Nothing is changed and nothing is sent anywhere; a live group is read with GET alone, so the role Reader
is enough. What can't be seen is listed, never guessed. The report goes to stdout. Exits with 3 when there
is an error, and with 1 when there is none but nothing was recognised as a part of Dify.")]
    Audit(AuditArguments),
    /// List the images of the deployment, or copy them into its Azure registry
    Images(ImagesArguments),
    /// Print a script that completes commands and flags in a shell
    #[command(after_help = "\
Examples:
  source <(dify-infra completions bash)
  dify-infra completions zsh > ~/.zfunc/_dify-infra
  dify-infra completions fish > ~/.config/fish/completions/dify-infra.fish
  dify-infra completions powershell | Out-String | Invoke-Expression")]
    Completions(CompletionsArguments),
    /// Print the manual page, or write those of all commands into a directory
    #[command(after_help = "\
Examples:
  dify-infra man | man -l -
  dify-infra man ~/.local/share/man/man1")]
    Man(ManArguments),
    /// Run an Azure on a loopback port, to try things out and to test deploy pipelines
    #[command(after_help = "\
Examples:
  dify-infra emulate --listen 127.0.0.1:7700 --state azure-state
  dify-infra emulate --tls --listen 127.0.0.1:0
  dify-infra plan --endpoint http://127.0.0.1:7700 --subscription ID")]
    Emulate(EmulateArguments),
}

/// Arguments of commands that read the deployment file alone.
#[derive(Args, Debug)]
pub struct FileArguments {
    /// Deployment file; `-` is stdin
    #[arg(value_name = "FILE", default_value = "dify.toml")]
    pub file: PathBuf,
}

/// Arguments of `check`.
#[derive(Args, Debug)]
pub struct CheckArguments {
    /// Deployment files; `-` is stdin
    #[arg(value_name = "FILE", default_value = "dify.toml")]
    pub files: Vec<PathBuf>,

    /// Judge this squid file instead: what it lets through, and which line decides; `-` is stdin
    #[arg(long, value_name = "FILE", conflicts_with = "files")]
    pub squid: Option<PathBuf>,
}

/// Arguments of `upgrade`.
#[derive(Args, Debug)]
pub struct UpgradeArguments {
    /// The deployment file.
    #[command(flatten)]
    pub file: FileArguments,

    /// The release to go to, such as 1.17.1
    #[arg(long, value_name = "VERSION")]
    pub to: String,
}

/// Arguments of `init`.
#[derive(Args, Debug)]
pub struct InitArguments {
    /// Which set of defaults
    #[arg(long, value_enum, default_value = "dev")]
    pub profile: Profile,

    /// Azure region
    #[arg(long, value_name = "REGION", default_value = "japaneast")]
    pub location: String,
}

/// Which set of defaults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Profile {
    /// Small and cheap.
    Dev,
    /// Private and redundant.
    Prod,
}

/// Arguments of `explain`.
#[derive(Args, Debug)]
pub struct ExplainArguments {
    /// Rule, as `check` prints it, or a family such as SEC, whose rules are listed; without one, all are
    #[arg(value_name = "RULE|FAMILY")]
    pub rule: Option<String>,
}

/// Arguments of `render`.
#[derive(Args, Debug)]
pub struct RenderArguments {
    /// The deployment file.
    #[command(flatten)]
    pub file: FileArguments,

    /// What to render
    #[arg(long, value_enum)]
    pub to: RenderFormat,

    /// Directory to write the files into, instead of stdout
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,

    /// Address and port of this host for the front door of a compose project [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub listen: Option<SocketAddr>,

    /// Write the .env of a compose project anew, instead of keeping its values
    #[arg(long)]
    pub force: bool,
}

/// What to render.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RenderFormat {
    /// The front door's nginx.conf and start script.
    Nginx,
    /// The proxy's squid.conf.
    Squid,
    /// The variables of each container.
    Env,
    /// An Azure Resource Manager template.
    Arm,
    /// A Docker Compose project for one host.
    Compose,
}

/// Arguments of `route`.
#[derive(Args, Debug)]
pub struct RouteArguments {
    /// Deployment file; `-` is stdin
    #[arg(value_name = "FILE", default_value = "dify.toml")]
    pub file: PathBuf,

    /// URL, or a path of the deployment that begins with `/`
    #[arg(value_name = "URL", required = true)]
    pub url: String,
}

/// Arguments of `graph`.
#[derive(Args, Debug)]
pub struct GraphArguments {
    /// The deployment file.
    #[command(flatten)]
    pub file: FileArguments,

    /// Language of the picture
    #[arg(long, value_enum, default_value = "mermaid")]
    pub format: GraphFormat,
}

/// Language of the picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum GraphFormat {
    /// As GitHub draws it.
    Mermaid,
    /// As Graphviz draws it.
    Dot,
}

/// Arguments of `plan`.
#[derive(Args, Debug)]
pub struct PlanArguments {
    /// The deployment file.
    #[command(flatten)]
    pub file: FileArguments,

    /// Exit with 2 when there are changes
    #[arg(long)]
    pub detailed_exitcode: bool,

    /// Also write the plan to a file, for a review and for `apply --plan`; it holds no secret. `-` is
    /// stdout, and what people read goes to stderr then
    #[arg(long, value_name = "PLAN")]
    pub out: Option<PathBuf>,

    /// Also remove what someone else set in our resources
    #[arg(long)]
    pub prune: bool,
}

/// Arguments of `outputs`.
#[derive(Args, Debug)]
pub struct OutputsArguments {
    /// The deployment file.
    #[command(flatten)]
    pub file: FileArguments,

    /// Print the DNS records alone, as lines of a zone file
    #[arg(long, conflicts_with = "json")]
    pub zone: bool,
}

/// Arguments of `apply`.
#[derive(Args, Debug)]
pub struct ApplyArguments {
    /// Deployment file; `-` is stdin [default: dify.toml, or the file that the plan was made from]
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,

    /// Carry out a plan that `plan --out` has written, without asking, and only if the file and
    /// Azure are still as they were; `-` is stdin
    #[arg(long, value_name = "PLAN", conflicts_with_all = ["prune"])]
    pub plan: Option<PathBuf>,

    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,

    /// How many resources are written at the same time
    #[arg(long, value_name = "N", default_value_t = 16,
        value_parser = clap::value_parser!(u16).range(1..=64))]
    pub max_parallel: u16,

    /// Say first how the last run ended; the work is that of a plain apply
    #[arg(long)]
    pub resume: bool,

    /// Also remove what someone else set in our resources
    #[arg(long)]
    pub prune: bool,

    /// Wait until the DNS records of the public origin are set, and go on then; for an hour, or for
    /// the time that is given, such as 30m. Without it they are looked at once, at the end
    #[arg(long, value_name = "TIME", num_args = 0..=1, require_equals = true,
        default_missing_value = "1h", value_parser = duration)]
    pub wait_for_dns: Option<Duration>,

    /// Carry out changes after which data can't be read any more, such as another `SECRET_KEY`
    #[arg(long)]
    pub allow_destructive: bool,
}

/// Arguments of `verify`.
#[derive(Args, Debug)]
pub struct VerifyArguments {
    /// The deployment file.
    #[command(flatten)]
    pub file: FileArguments,

    /// Also write the results as `JUnit` XML, which CI servers read; `-` is stdout, and what people
    /// read goes to stderr then
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
}

/// Arguments of `destroy`.
#[derive(Args, Debug)]
pub struct DestroyArguments {
    /// The deployment file.
    #[command(flatten)]
    pub file: FileArguments,

    /// Also delete databases, caches and blobs; the deployment's name must be typed
    #[arg(long)]
    pub include_data: bool,

    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,

    /// The deployment's name, `NAME-ENVIRONMENT`, instead of typing it
    #[arg(long, value_name = "NAME")]
    pub confirm: Option<String>,
}

/// Arguments of `audit`.
#[derive(Args, Debug)]
pub struct AuditArguments {
    /// What is judged.
    #[command(flatten)]
    pub source: AuditSource,

    /// Parameters file of the template; `-` is stdin
    #[arg(long, value_name = "FILE", requires = "arm", conflicts_with_all = ["compose", "resource_group"])]
    pub parameters: Option<PathBuf>,

    /// Profile of the compose files that is active; may be given several times
    #[arg(long, value_name = "NAME", requires = "compose", conflicts_with_all = ["arm", "resource_group"])]
    pub profile: Vec<String>,

    /// Write a deployment file to stdout that describes the same deployment repaired
    #[arg(long)]
    pub emit: bool,
}

/// What is judged.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
pub struct AuditSource {
    /// ARM template; compiled Bicep is one; `-` is stdin
    #[arg(long, value_name = "FILE")]
    pub arm: Option<PathBuf>,

    /// Folder with docker-compose.yaml and its .env, or the compose file itself
    #[arg(long, value_name = "DIR")]
    pub compose: Option<PathBuf>,

    /// Live resource group
    #[arg(long, value_name = "NAME", value_parser = ResourceGroupName::parse)]
    pub resource_group: Option<ResourceGroupName>,
}

/// Arguments of `completions`.
#[derive(Args, Debug)]
pub struct CompletionsArguments {
    /// The shell
    #[arg(value_enum)]
    pub shell: clap_complete::Shell,
}

/// Arguments of `man`.
#[derive(Args, Debug)]
pub struct ManArguments {
    /// Directory for the pages, which is made when it is not there [default: the main page on stdout]
    #[arg(value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    pub directory: Option<PathBuf>,
}

/// Arguments of `emulate`.
#[derive(Args, Debug)]
pub struct EmulateArguments {
    /// Loopback address to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7700", value_parser = address)]
    pub listen: SocketAddr,

    /// Directory to keep the state in; without it the state ends with the process
    #[arg(long, value_name = "DIR")]
    pub state: Option<PathBuf>,

    /// Speak https, which `az`, Terraform and the SDKs need; variables that point them here are on
    /// stdout, what to do with them on stderr
    #[arg(long)]
    pub tls: bool,

    /// Directory of the certificate authority, which is made when it is not there: the state
    /// directory, else `.dify-infra/emulator`
    #[arg(long, value_name = "DIR", requires = "tls")]
    pub ca: Option<PathBuf>,

    /// Zone file with the records of its public DNS, read whenever it asks: `dns.zone` of the state
    /// directory when nothing is said
    #[arg(long, value_name = "FILE")]
    pub zone: Option<PathBuf>,

    /// Another subscription of the same tenant, such as one with a shared network; may be repeated
    #[arg(long, value_name = "ID")]
    pub other_subscription: Vec<SubscriptionId>,

    /// Let one request in sixteen meet a fault, drawn from this number
    #[arg(long, value_name = "SEED")]
    pub faults: Option<u64>,

    /// List the rules that it enforces, with where each is known from, and end
    #[arg(long)]
    pub rules: bool,
}

/// Reads an address such as `127.0.0.1:7700` or `localhost:0`.
fn address(text: &str) -> Result<SocketAddr, String> {
    let numbers = text.replace("localhost:", "127.0.0.1:");
    let address: Option<SocketAddr> = numbers.parse().ok();
    address
        .filter(|address| address.ip().is_loopback())
        .ok_or_else(|| {
            "it is a loopback address and a port, such as 127.0.0.1:7700: it checks no credentials"
                .to_owned()
        })
}

/// Reads a time such as `90s`, `30m` or `2h`.
fn duration(text: &str) -> Result<Duration, String> {
    let parsed = text.parse::<jiff::SignedDuration>();
    let positive = parsed.ok().and_then(|time| Duration::try_from(time).ok());
    positive.ok_or_else(|| "it is a time such as 90s, 30m or 2h".to_owned())
}

#[cfg(test)]
mod tests;
