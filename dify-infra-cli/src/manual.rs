//! Manual pages, made from the definitions of the commands.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Command;
use clap_mangen::Man;

/// The page of one command, as `man -l` reads it.
///
/// # Errors
///
/// When the page is not text, which it always is.
pub(crate) fn page(command: &Command) -> anyhow::Result<String> {
    let mut page = Vec::new();
    Man::new(command.clone()).render(&mut page)?;
    Ok(String::from_utf8(page)?)
}

/// Writes the pages of a program and of each of its commands, such as `dify-infra-plan.1`, into a directory
/// that is made when it is not there; where they are.
///
/// # Errors
///
/// When one can't be written.
pub(crate) fn write(mut program: Command, directory: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let failed = || format!("manual pages can't be written to {}", directory.display());
    fs::create_dir_all(directory).with_context(failed)?;
    program = program.disable_help_subcommand(true);
    program.build();
    let mut written = Vec::new();
    let mut open = vec![program];
    while let Some(command) = open.pop() {
        let below = command.get_subcommands().filter(|it| !it.is_hide_set());
        open.extend(below.cloned());
        let path = directory.join(Man::new(command.clone()).get_filename());
        fs::write(&path, page(&command)?).with_context(failed)?;
        written.push(path);
    }
    written.sort();
    Ok(written)
}
