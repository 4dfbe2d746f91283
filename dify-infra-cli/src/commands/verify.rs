//! `dify-infra verify`: proof from Azure's answers.

use std::fs;

use anyhow::Context as _;
use dify_infra_azure::verify::{Check, Status, VerifyReport, verify};

use crate::args::VerifyArguments;
use crate::exit::Exit;
use crate::input::is_stream;
use crate::session::{Session, unreadable};
use crate::settings::{Settings, UsageError};
use crate::ui::progress::kind;
use crate::ui::table::Table;
use crate::ui::{DIM, GREEN, RED, Ui, YELLOW, styled};

pub(super) async fn run(
    ui: &Ui,
    settings: &Settings,
    arguments: &VerifyArguments,
) -> anyhow::Result<Exit> {
    let is_xml = arguments.junit.as_deref().is_some_and(is_stream);
    if settings.json && is_xml {
        let rule = "stdout has the JSON of --json already; leave one of them out";
        return Err(UsageError::new("--junit", "-", rule).into());
    }
    let session = Session::open(ui, settings, &arguments.file.file).await?;
    let snapshot = session.observe(ui).await;
    if let Some(problem) = unreadable(&snapshot) {
        ui.line(format!("{}: {problem}", styled(RED, "error")));
    }
    let busy = ui.busy("verifying");
    let report = verify(
        &session.client,
        &session.deployment,
        &session.graph,
        &snapshot,
    )
    .await;
    drop(busy);
    if let Some(path) = &arguments.junit {
        let xml = report.to_junit();
        if is_stream(path) {
            ui.data(&xml)?;
        } else {
            fs::write(path, xml).with_context(|| format!("{} can't be written", path.display()))?;
        }
    }
    if is_xml {
        ui.say(text(&report).trim_end());
    } else if settings.json {
        ui.json(&report)?;
    } else {
        ui.data(&text(&report))?;
    }
    Ok(if report.is_success() {
        Exit::Done
    } else {
        Exit::Failed
    })
}

/// A table, failures last, where they are seen; then the sum.
fn text(report: &VerifyReport) -> String {
    let mut table = Table::new();
    for status in [
        Status::Passed,
        Status::NotRun,
        Status::Warned,
        Status::Waiting,
        Status::Failed,
    ] {
        for check in report.checks.iter().filter(|check| check.status == status) {
            row(&mut table, check);
        }
    }
    let count = |status| report.count(status);
    let waiting = match count(Status::Waiting) {
        0 => String::new(),
        waiting => format!(", {waiting} waiting"),
    };
    let sum = format!(
        "{} passed, {} failed, {} not run{waiting}\n",
        count(Status::Passed),
        count(Status::Failed),
        count(Status::NotRun)
    );
    format!("{}\n{sum}", table.render())
}

fn row(table: &mut Table, check: &Check) {
    let style = match check.status {
        Status::Passed => GREEN,
        Status::Failed => RED,
        Status::Warned | Status::Waiting => YELLOW,
        _ => DIM,
    };
    let status = styled(style, check.status.word());
    table.row([
        status,
        check.subject.clone(),
        check
            .id
            .as_ref()
            .map_or_else(String::new, |id| styled(DIM, kind(id))),
        check.name.clone(),
        check.detail.clone(),
    ]);
}
