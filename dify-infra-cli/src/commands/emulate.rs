//! `dify-infra emulate`: an Azure on a loopback port.

use std::fmt::Display;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use dify_infra_emulator::server::Server;
use dify_infra_emulator::{
    Authority, DEFAULT_SUBSCRIPTION, DEFAULT_TENANT, Emulator, EmulatorError, RequestRecord,
};
use serde_json::json;
use tokio::sync::mpsc;

use crate::args::EmulateArguments;
use crate::embedded::ZONE_FILE;
use crate::exit::Exit;
use crate::interrupt::signal;
use crate::settings::Settings;
use crate::ui::errors::Problem;
use crate::ui::{BOLD, DIM, GREEN, RED, Ui, YELLOW, styled};

/// Where the certificate authority is kept when nothing else is said.
const AUTHORITY_DIRECTORY: &str = ".dify-infra/emulator";

pub(super) async fn run(
    ui: &Ui,
    settings: &Settings,
    arguments: &EmulateArguments,
) -> anyhow::Result<Exit> {
    if arguments.rules {
        return list_rules(ui, settings);
    }
    let subscription = settings
        .subscription
        .as_ref()
        .map_or(DEFAULT_SUBSCRIPTION, |id| id.as_str());
    let (sender, mut records) = mpsc::unbounded_channel();
    let mut builder = Emulator::builder()
        .subscription(subscription, "Embedded Azure", DEFAULT_TENANT)
        .time_scale(settings.time_scale)
        .throttling(true)
        // the receiver is gone only when this command ends
        .on_request(move |record| drop(sender.send(record.clone())));
    for id in &arguments.other_subscription {
        builder = builder.another_subscription(id.as_str(), "Another subscription");
    }
    if let Some(directory) = &arguments.state {
        builder = builder.state_directory(directory);
    }
    let beside_state = || arguments.state.as_ref().map(|state| state.join(ZONE_FILE));
    if let Some(zone) = arguments.zone.clone().or_else(beside_state) {
        builder = builder.zone_file(zone);
    }
    if let Some(seed) = arguments.faults {
        builder = builder.random_faults(seed);
    }
    let server = Server::bind(Arc::new(builder.build()?), arguments.listen).await;
    let mut server = server.map_err(explained)?;
    let mut certificate = None;
    if arguments.tls {
        let directory = authority_directory(arguments);
        server = server.with_tls(&Authority::open(&directory)?)?;
        let path = directory.join("ca.pem");
        certificate =
            Some(path.canonicalize().with_context(|| {
                format!("the certificate {} can't be found again", path.display())
            })?);
    }
    let endpoint = server.endpoint();
    ui.data(&variables(&endpoint, subscription, certificate.as_deref()))?;
    if certificate.is_some() {
        ui.say(clients(&endpoint, subscription));
    }
    ui.say(styled(DIM, greeting(&endpoint, settings, arguments)));
    let serving = server.serve_until(signal());
    let mut serving = std::pin::pin!(serving);
    loop {
        tokio::select! {
            () = &mut serving => return Ok(Exit::Done),
            Some(record) = records.recv() => ui.say(line(&record)),
        }
    }
}

fn authority_directory(arguments: &EmulateArguments) -> PathBuf {
    let given = arguments.ca.as_ref().or(arguments.state.as_ref());
    given.map_or_else(|| PathBuf::from(AUTHORITY_DIRECTORY), Clone::clone)
}

fn greeting(endpoint: &str, settings: &Settings, arguments: &EmulateArguments) -> String {
    let kept = match &arguments.state {
        Some(directory) => format!("its state is in {}", directory.display()),
        None => "its state ends with this process".to_owned(),
    };
    let faults = match arguments.faults {
        Some(seed) => format!("; one request in sixteen meets a fault of seed {seed}"),
        None => String::new(),
    };
    format!(
        "an Azure without credentials listens at {endpoint}, {} times faster than the real one; \
         {kept}{faults}; Ctrl-C ends it",
        settings.time_scale
    )
}

/// A used port is told with the way out.
fn explained(error: EmulatorError) -> anyhow::Error {
    match error {
        EmulatorError::Listen { address, source } if source.kind() == ErrorKind::AddrInUse => {
            let message = format!("{address} is in use by another program");
            let hint = format!(
                "end that program, or let a free port be taken with --listen {}",
                SocketAddr::new(address.ip(), 0)
            );
            Problem::new(message).hint(hint).into()
        }
        error => error.into(),
    }
}

/// A text as a word of a shell.
fn quoted(text: impl Display) -> String {
    format!("'{}'", text.to_string().replace('\'', r"'\''"))
}

/// Variables that point clients here: a script that a shell can read, and nothing else.
///
/// Terraform's are those of the azurerm provider (hashicorp/terraform-provider-azurerm,
/// `internal/provider/framework/config.go`).
fn variables(endpoint: &str, subscription: &str, certificate: Option<&Path>) -> String {
    let mut text = format!(
        "# paste this into a shell of its own, or source it: its tools use this Azure\n\
         # dify-infra\n\
         export DIFY_INFRA_ENDPOINT={endpoint}\n\
         export DIFY_INFRA_TOKEN=any\n\
         export AZURE_SUBSCRIPTION_ID={subscription}\n"
    );
    let Some(certificate) = certificate else {
        text.push_str(
            "# az, Terraform and the SDKs speak https alone: start with --tls for them\n",
        );
        return text;
    };
    let certificate = quoted(certificate.display());
    let host = endpoint.trim_start_matches("https://");
    let others = format!(
        "# the certificate: for dify-infra and Terraform; curl; Python and az; Node.js\n\
         export SSL_CERT_FILE={certificate}\n\
         export CURL_CA_BUNDLE={certificate}\n\
         export REQUESTS_CA_BUNDLE={certificate}\n\
         export NODE_EXTRA_CA_CERTS={certificate}\n\
         # az: a profile of its own\n\
         export AZURE_CONFIG_DIR=\"$PWD/.dify-infra/az\" AZURE_CORE_INSTANCE_DISCOVERY=false\n\
         # Terraform (azurerm)\n\
         export ARM_METADATA_HOSTNAME={host} ARM_RESOURCE_PROVIDER_REGISTRATIONS=none\n\
         export ARM_SUBSCRIPTION_ID={subscription} ARM_TENANT_ID={DEFAULT_TENANT}\n\
         export ARM_CLIENT_ID=any ARM_CLIENT_SECRET=any\n"
    );
    text + &others
}

/// What a person does with each client once that shell has the variables.
fn clients(endpoint: &str, subscription: &str) -> String {
    let title = |text: &str| styled(BOLD, text);
    format!(
        "\n{az}\n\
         az cloud register --name emulator --endpoint-resource-manager {endpoint} ||\n  \
         az cloud update --name emulator --endpoint-resource-manager {endpoint}\n\
         az cloud set --name emulator\n\
         az login --service-principal --username any --password any --tenant {DEFAULT_TENANT}\n\
         \n{terraform}\n\
         provider \"azurerm\" {{\n  \
           features {{}}\n\
         }}\n\
         \n{python}\n\
         from azure.identity import ClientSecretCredential\n\
         from azure.mgmt.appcontainers import ContainerAppsAPIClient\n\
         azure = '{endpoint}'\n\
         credential = ClientSecretCredential('{DEFAULT_TENANT}', 'any', 'any',\n    \
             authority=azure, disable_instance_discovery=True)\n\
         client = ContainerAppsAPIClient(credential, '{subscription}',\n    \
             base_url=azure, credential_scopes=[azure + '/.default'])\n\
         print([app.name for app in client.container_apps.list_by_subscription()])\n",
        az = title("# az, once (it may say that the cloud is registered already, and updates it)"),
        terraform =
            title("# Terraform (its azurerm provider was never tried: no package registry has it)"),
        python = title("# Python"),
    )
}

/// A request as a person follows it: time, what was asked, what was answered, and why not.
fn line(record: &RequestRecord) -> String {
    let status = record.status.as_u16();
    let style = match status {
        ..400 => GREEN,
        400..500 => YELLOW,
        _ => RED,
    };
    let mut line = format!(
        "{} {} {:<6} {}",
        styled(DIM, record.at.strftime("%H:%M:%S")),
        styled(style, status),
        record.method,
        short(&record.path)
    );
    if let Some(code) = &record.code {
        line.push_str("  ");
        line.push_str(&styled(style, code));
    }
    if let Some(rule) = record.rule {
        line.push_str(" [");
        line.push_str(rule);
        line.push(']');
    }
    if record.fault {
        line.push_str(&styled(RED, "  a fault that was asked for"));
    }
    line
}

/// A path without what is the same in every request.
fn short(path: &str) -> &str {
    let below = path
        .strip_prefix("/subscriptions/")
        .and_then(|rest| rest.find('/').map(|slash| &rest[slash..]));
    below.unwrap_or(path)
}

fn list_rules(ui: &Ui, settings: &Settings) -> anyhow::Result<Exit> {
    let rules = dify_infra_emulator::rules();
    if settings.json {
        let rules: Vec<_> = rules
            .iter()
            .map(|rule| {
                json!({
                    "id": rule.id,
                    "text": rule.text,
                    "source": rule.source,
                    "guess": rule.guess,
                    "code_known": rule.code_known,
                })
            })
            .collect();
        ui.json(&json!({ "format": 1, "rules": rules }))?;
        return Ok(Exit::Done);
    }
    let mut text = String::new();
    for rule in &rules {
        let certainty = match (rule.guess, rule.code_known) {
            (true, _) => " (a guess)",
            (false, true) => "",
            (false, false) => " (the error code is made up)",
        };
        let told = format!(
            "{}{certainty}\n    {}\n    source: {}\n",
            rule.id, rule.text, rule.source
        );
        text.push_str(&told);
    }
    let guesses = rules.iter().filter(|rule| rule.guess).count();
    let total = format!("{} rules, {guesses} of them guesses\n", rules.len());
    ui.data(&(text + &total))?;
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_are_a_script_that_only_sets_variables() {
        let certificate = Path::new("/tmp/it's/ca.pem");
        for text in [
            variables("http://127.0.0.1:7700", "id", None),
            variables("https://localhost:7700", "id", Some(certificate)),
        ] {
            for line in text.lines() {
                assert!(
                    line.starts_with("export ") || line.starts_with('#'),
                    "{line}"
                );
            }
        }
        assert_eq!(quoted(certificate.display()), r"'/tmp/it'\''s/ca.pem'");
    }

    #[test]
    fn a_path_is_shown_from_the_group_on() {
        assert_eq!(
            short("/subscriptions/id/resourcegroups/g"),
            "/resourcegroups/g"
        );
        assert_eq!(short("/subscriptions"), "/subscriptions");
        assert_eq!(short("/tenant/oauth2/token"), "/tenant/oauth2/token");
    }
}
