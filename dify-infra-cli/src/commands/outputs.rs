//! `dify-infra outputs`: URLs, names and the DNS records to set.

use std::fmt::Write as _;

use dify_infra_azure::domain;
use dify_infra_azure::outputs::{DnsRecord, Outputs, RecordState, outputs};

use crate::args::OutputsArguments;
use crate::exit::Exit;
use crate::session::{Session, unreadable};
use crate::settings::Settings;
use crate::ui::table::Table;
use crate::ui::{BOLD, DIM, GREEN, Ui, YELLOW, styled};

pub(super) async fn run(
    ui: &Ui,
    settings: &Settings,
    arguments: &OutputsArguments,
) -> anyhow::Result<Exit> {
    let session = Session::open(ui, settings, &arguments.file.file).await?;
    let mut snapshot = session.observe(ui).await;
    domain::look(&session.client, &session.graph, &mut snapshot).await;
    if let Some(problem) = unreadable(&snapshot) {
        return Err(problem.into());
    }
    let offers = outputs(
        &session.deployment,
        &session.target,
        &session.graph,
        &snapshot,
    );
    if arguments.zone {
        let lines = offers.dns_records.iter().map(DnsRecord::zone_line);
        ui.data(&lines.map(|line| line + "\n").collect::<String>())?;
    } else if settings.json {
        ui.json(&offers)?;
    } else {
        ui.data(&text(&offers, session.deployment.key_vault().is_some()))?;
    }
    if offers.front_door.is_none() {
        ui.hint("some values are known only after `dify-infra apply`");
    }
    Ok(Exit::Done)
}

fn text(offers: &Outputs, has_vault: bool) -> String {
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
    let shown = values
        .into_iter()
        .filter(|(name, _)| has_vault || *name != "key vault");
    for (name, value) in shown {
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
            let state = match record.state {
                RecordState::Set => styled(GREEN, "set"),
                RecordState::Missing => styled(YELLOW, "missing"),
                _ => String::new(),
            };
            let (name, value) = (record.name.clone(), record.value.clone());
            records.row([name, record.kind.to_owned(), value, state]);
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
