//! `dify-infra init`: a commented deployment file on stdout.

use dify_infra_core::check::check_file;
use dify_infra_core::deployment;
use dify_infra_core::diagnostic::Severity;
use dify_infra_core::names::Location;
use dify_infra_core::spec;

use crate::args::{InitArguments, Profile};
use crate::exit::Exit;
use crate::settings::UsageError;
use crate::ui::Ui;

pub(super) fn run(ui: &Ui, arguments: &InitArguments) -> anyhow::Result<Exit> {
    let profile = match arguments.profile {
        Profile::Dev => deployment::Profile::Dev,
        Profile::Prod => deployment::Profile::Prod,
    };
    let location = Location::parse(&arguments.location)
        .map_err(|error| UsageError::new("--location", &arguments.location, error.to_string()))?;
    let text = spec::template(profile, &location);
    ui.data(&text)?;
    // A region that Azure does not have is told now, not when the file is checked.
    let diagnostics = match check_file(&text) {
        Ok(resolved) => resolved.diagnostics,
        Err(findings) => findings,
    };
    for finding in diagnostics.iter().filter(|it| it.severity < Severity::Note) {
        ui.warn(&finding.message);
    }
    Ok(Exit::Done)
}
