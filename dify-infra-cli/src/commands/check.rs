//! `dify-infra check`: every rule, offline.

use dify_infra_core::check::Checker;
use dify_infra_core::diagnostic::{Diagnostic, Diagnostics, Severity};
use serde::Serialize;
use serde_json::json;

use super::check_squid;
use crate::args::CheckArguments;
use crate::exit::Exit;
use crate::input::Input;
use crate::secrets_file::SecretsFile;
use crate::settings::Settings;
use crate::ui::errors::Problem;
use crate::ui::{GREEN, Ui, diagnostics, errors, mask, styled};

pub(super) fn run(
    ui: &Ui,
    settings: &Settings,
    arguments: &CheckArguments,
) -> anyhow::Result<Exit> {
    if let Some(squid) = &arguments.squid {
        return check_squid::run(ui, settings, squid);
    }
    if settings.secrets.is_some() && arguments.files.len() > 1 {
        let problem =
            Problem::new("--secrets is about one deployment, and several files are given");
        return Err(problem
            .hint("`dify-secrets check FILE...` judges several secrets files")
            .into());
    }
    if let [file] = arguments.files.as_slice() {
        let input = Input::read(file)?;
        let (deployment, findings) = match Checker::new().check_file(&input.text) {
            Ok(resolved) => (Some(resolved.deployment), resolved.diagnostics),
            Err(findings) => (None, findings),
        };
        if settings.json {
            let shown = mask::findings(&input.shown, &input.text, &findings);
            ui.json(&json!({ "format": 1, "diagnostics": shown }))?;
        } else {
            diagnostics::write(ui, &input, &findings)?;
            conclude(ui, &input, &findings);
        }
        if let Some(deployment) = deployment.filter(|_| settings.secrets.is_some()) {
            let secrets = SecretsFile::open_beside(ui, settings, &deployment, input.directory())?;
            secrets.tell_lacking(ui, &deployment);
        }
        return Ok(exit(findings.has_errors(), false));
    }
    several(ui, settings, arguments)
}

/// What was found in one of several files.
#[derive(Serialize)]
struct OfFile {
    file: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    diagnostics: Option<Vec<Diagnostic>>,
    /// Why it could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// Checks every file, whatever is wrong with others; what one proves isn't proven again for its twins.
fn several(ui: &Ui, settings: &Settings, arguments: &CheckArguments) -> anyhow::Result<Exit> {
    let mut checker = Checker::new();
    let mut all = Vec::new();
    let (mut wrong, mut unreadable) = (0, 0);
    for file in &arguments.files {
        let input = match Input::read(file) {
            Ok(input) => input,
            Err(problem) => {
                unreadable += 1;
                let error = Some(problem.to_string());
                if !settings.json {
                    errors::show(ui, &problem.into());
                }
                all.push(OfFile {
                    file: file.display().to_string(),
                    diagnostics: None,
                    error,
                });
                continue;
            }
        };
        let findings = check(&mut checker, &input);
        wrong += usize::from(findings.has_errors());
        if settings.json {
            all.push(OfFile {
                diagnostics: Some(mask::findings(&input.shown, &input.text, &findings)),
                file: input.shown,
                error: None,
            });
        } else {
            // A line of notes for each of many files would hide the errors.
            let pressing = findings.iter().filter(|it| it.severity != Severity::Note);
            diagnostics::write(ui, &input, &pressing.cloned().collect())?;
        }
    }
    if settings.json {
        ui.json(&json!({ "format": 1, "files": all }))?;
    } else {
        let count = arguments.files.len();
        let unread = match unreadable {
            0 => String::new(),
            unread => format!(", {unread} can't be read"),
        };
        let sum = match wrong {
            0 => styled(GREEN, "none with errors"),
            wrong => format!("{wrong} with errors"),
        };
        ui.say(format!("{count} files: {sum}{unread}"));
    }
    Ok(exit(wrong > 0, unreadable > 0))
}

fn check(checker: &mut Checker, input: &Input) -> Diagnostics {
    match checker.check_file(&input.text) {
        Ok(resolved) => resolved.diagnostics,
        Err(findings) => findings,
    }
}

fn exit(has_errors: bool, is_unreadable: bool) -> Exit {
    match (has_errors, is_unreadable) {
        (true, _) => Exit::Diagnostics,
        (false, true) => Exit::Failed,
        (false, false) => Exit::Done,
    }
}

fn conclude(ui: &Ui, input: &Input, findings: &Diagnostics) {
    if findings.is_empty() {
        ui.say(format!("{}: {}", input.shown, styled(GREEN, "no findings")));
    } else if let Some(first) = findings.iter().next() {
        ui.hint(format!(
            "`dify-infra explain {}` tells why a rule exists",
            first.code
        ));
    }
}
