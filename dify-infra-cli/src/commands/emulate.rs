//! `dify-infra emulate`: an Azure on a loopback port.

use std::sync::Arc;

use dify_infra_emulator::server::Server;
use dify_infra_emulator::{DEFAULT_SUBSCRIPTION, DEFAULT_TENANT, Emulator};

use crate::args::EmulateArguments;
use crate::exit::Exit;
use crate::interrupt::signal;
use crate::settings::Settings;
use crate::ui::{DIM, Ui, styled};

pub(super) async fn run(
    ui: &Ui,
    settings: &Settings,
    arguments: &EmulateArguments,
) -> anyhow::Result<Exit> {
    let subscription = settings
        .subscription
        .as_ref()
        .map_or(DEFAULT_SUBSCRIPTION, |id| id.as_str());
    let mut builder = Emulator::builder()
        .subscription(subscription, "Embedded Azure", DEFAULT_TENANT)
        .time_scale(settings.time_scale);
    if let Some(directory) = &arguments.state {
        builder = builder.state_directory(directory);
    }
    let server = Server::bind(Arc::new(builder.build()?), arguments.listen).await?;
    let endpoint = format!("http://{}", server.local_address());
    ui.data(&format!(
        "export DIFY_INFRA_ENDPOINT={endpoint}\nexport AZURE_SUBSCRIPTION_ID={subscription}\n"
    ))?;
    let kept = match &arguments.state {
        Some(directory) => format!("its state is in {}", directory.display()),
        None => "its state ends with this process".to_owned(),
    };
    ui.say(styled(
        DIM,
        format!(
            "an Azure without credentials listens at {endpoint}, {} times faster than the real \
             one; {kept}; Ctrl-C ends it",
            settings.time_scale
        ),
    ));
    server.serve_until(signal()).await;
    Ok(Exit::Done)
}
