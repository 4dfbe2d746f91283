//! `dify-infra outputs`: URLs, names and the DNS records to set.

use std::fmt::Write as _;

use dify_infra_azure::outputs::{Outputs, outputs};

use crate::args::FileArguments;
use crate::exit::Exit;
use crate::session::{Session, unreadable};
use crate::settings::Settings;
use crate::ui::table::Table;
use crate::ui::{BOLD, DIM, Ui, styled};

pub(super) async fn run(
    ui: &Ui,
    settings: &Settings,
    arguments: &FileArguments,
) -> anyhow::Result<Exit> {
    let session = Session::open(ui, settings, &arguments.file).await?;
    let snapshot = session.observe(ui).await;
    if let Some(problem) = unreadable(&snapshot) {
        return Err(problem.into());
    }
    let offers = outputs(
        &session.deployment,
        &session.target,
        &session.graph,
        &snapshot,
    );
    if settings.json {
        ui.json(&offers)?;
    } else {
        ui.data(&text(&offers))?;
    }
    if offers.front_door.is_none() {
        ui.hint("some values are known only after `dify-infra apply`");
    }
    Ok(Exit::Done)
}

fn text(offers: &Outputs) -> String {
    let unknown = || styled(DIM, "(known after apply)");
    let mut table = Table::new();
    let values = [
        ("public URL", offers.public_url.clone()),
        ("first account", offers.install_url.clone()),
        ("front door", offers.front_door.clone()),
        ("resource group", Some(offers.resource_group.clone())),
        ("PostgreSQL", offers.postgres_host.clone()),
        ("Redis", offers.redis_host.clone()),
        ("storage account", Some(offers.storage_account.clone())),
        ("key vault", offers.key_vault.clone()),
    ];
    for (name, value) in values {
        table.row([styled(BOLD, name), value.unwrap_or_else(unknown)]);
    }
    let mut text = table.render();
    let mut apps = Table::new();
    for app in &offers.apps {
        let url = app.internal_url.clone().unwrap_or_else(|| styled(DIM, "-"));
        apps.row([app.service.clone(), app.name.clone(), url]);
    }
    let _ = write!(
        text,
        "\n{}\n{}",
        styled(BOLD, "apps, as they reach each other"),
        apps.render()
    );
    if !offers.dns_records.is_empty() {
        let mut records = Table::new();
        for record in &offers.dns_records {
            records.row([record.name.as_str(), record.kind, record.value.as_str()]);
        }
        let _ = write!(
            text,
            "\n{}\n{}",
            styled(BOLD, "DNS records to set"),
            records.render()
        );
    }
    text
}
