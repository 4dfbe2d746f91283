//! `dify-infra init`: a commented deployment file on stdout.

use dify_infra_core::deployment;
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
    ui.data(&spec::template(profile, &location))?;
    Ok(Exit::Done)
}
