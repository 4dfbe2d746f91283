//! `dify-infra upgrade`: what another release changes, and the file for it.

use dify_infra_core::upgrade::{FORMAT, UpgradeError, upgrade};
use serde_json::json;

use crate::args::UpgradeArguments;
use crate::exit::Exit;
use crate::input::Input;
use crate::settings::{Settings, UsageError};
use crate::ui::mask::Masked;
use crate::ui::{Ui, diagnostics};

pub(super) fn run(
    ui: &Ui,
    settings: &Settings,
    arguments: &UpgradeArguments,
) -> anyhow::Result<Exit> {
    let input = Input::read(&arguments.file.file)?;
    let mut report = match upgrade(&input.text, &arguments.to) {
        Ok(report) => report,
        Err(UpgradeError::File(findings)) => {
            diagnostics::show(ui, &input, &findings);
            return Ok(Exit::Diagnostics);
        }
        Err(error) => {
            return Err(UsageError::new("--to", arguments.to.as_str(), error.to_string()).into());
        }
    };
    let masked = Masked::new(&input.text);
    for finding in &mut report.diagnostics {
        *finding = masked.finding(finding);
    }
    if settings.json {
        let mut json = json!(report);
        json["format"] = FORMAT.into();
        ui.json(&json)?;
    } else {
        ui.say(report.to_string().trim_end());
        if let Some(text) = &report.text {
            ui.data(text)?;
        }
    }
    Ok(if !report.blocked.is_empty() {
        Exit::Failed
    } else if report.has_errors() {
        Exit::Diagnostics
    } else {
        Exit::Done
    })
}
