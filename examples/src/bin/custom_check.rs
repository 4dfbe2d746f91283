//! Checks a deployment file against rules of one's own: `custom_check [FILE]`.

use std::io;
use std::process::ExitCode;

use anyhow::Context as _;
use dify_infra_examples::{OWN_REGISTRY, custom_check};

fn main() -> anyhow::Result<ExitCode> {
    let file = match std::env::args_os().nth(1) {
        Some(path) => std::fs::read_to_string(path).context("the file can't be read")?,
        None => OWN_REGISTRY.to_owned(),
    };
    let found = custom_check::run(&file, "assistants.azurecr.io", &mut io::stdout())?;
    Ok(if found.has_errors() {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}
