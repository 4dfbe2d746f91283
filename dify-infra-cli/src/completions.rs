//! Scripts by which a shell completes the commands of a binary.

use clap::Command;
use clap_complete::{Shell, generate};

/// The script for a shell; `name` is the binary's.
pub(crate) fn script(shell: Shell, mut command: Command, name: &str) -> Vec<u8> {
    let mut script = Vec::new();
    generate(shell, &mut command, name, &mut script);
    if shell != Shell::Bash {
        return script;
    }
    // clap_complete 4.6 takes the hyphen in the name of a binary for the border of a subcommand in one
    // of two places, so that bash would complete the names of commands and nothing after them.
    let (taken, meant) = (name.replace('-', "__subcmd__"), name.replace('-', "__"));
    match String::from_utf8(script) {
        Ok(text) => text.replace(&taken, &meant).into_bytes(),
        Err(error) => error.into_bytes(),
    }
}
