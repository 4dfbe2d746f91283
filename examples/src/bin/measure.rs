//! Prints what requests, waiting, starting and nginx cost: `measure [DIRECTORY OF THE PROGRAMS]`.
//!
//! With `--real-time` a first apply is also run on a real clock, 60 times faster than Azure.

use std::io::{self, Write as _};
use std::path::PathBuf;

use anyhow::Context as _;
use dify_infra_examples::{DIFY_DEV, DIFY_PROD, measure};

fn main() -> anyhow::Result<()> {
    let out = &mut io::stdout();
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    if arguments.iter().any(|argument| argument == measure::INSIDE) {
        return measure::measure_front_door(out);
    }
    let (flags, places): (Vec<_>, Vec<_>) = arguments
        .into_iter()
        .partition(|argument| argument == "--real-time");
    writeln!(out, "dify-dev.toml")?;
    measure::write_deployment(DIFY_DEV, out)?;
    writeln!(out, "dify-prod.toml")?;
    measure::write_deployment(DIFY_PROD, out)?;
    writeln!(out, "dify-prod.toml with mail, errors and Notion")?;
    measure::write_deployment(&measure::larger_production(), out)?;
    if !flags.is_empty() {
        measure::write_real_time(DIFY_DEV, 60.0, out)?;
    }
    let here = std::env::current_exe()?;
    let directory = match places.first() {
        Some(place) => PathBuf::from(place),
        None => here.parent().context("this program is nowhere")?.to_owned(),
    };
    measure::processes(&directory, out)?;
    measure::front_door(&here, out)
}
