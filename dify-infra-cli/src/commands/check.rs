//! `dify-infra check`: every rule, offline.

use dify_infra_core::diagnostic::Diagnostics;
use serde_json::json;

use super::check_squid;
use crate::args::CheckArguments;
use crate::exit::Exit;
use crate::input::Input;
use crate::settings::Settings;
use crate::ui::{GREEN, Ui, diagnostics, mask, styled};

pub(super) fn run(
    ui: &Ui,
    settings: &Settings,
    arguments: &CheckArguments,
) -> anyhow::Result<Exit> {
    if let Some(squid) = &arguments.squid {
        return check_squid::run(ui, settings, squid);
    }
    let input = Input::read(&arguments.file.file)?;
    let findings = match input.parse() {
        Ok((_, findings)) | Err(findings) => findings,
    };
    if settings.json {
        let shown = mask::findings(&input.text, &findings);
        ui.json(&json!({ "format": 1, "diagnostics": shown }))?;
    } else {
        diagnostics::show(ui, &input, &findings);
        conclude(ui, &input, &findings);
    }
    Ok(if findings.has_errors() {
        Exit::Diagnostics
    } else {
        Exit::Done
    })
}

fn conclude(ui: &Ui, input: &Input, findings: &Diagnostics) {
    if findings.is_empty() {
        ui.say(format!("{}: {}", input.shown, styled(GREEN, "no findings")));
    } else if let Some(first) = findings.iter().min_by_key(|finding| finding.severity) {
        ui.hint(format!(
            "`dify-infra explain {}` tells why a rule exists",
            first.code
        ));
    }
}
