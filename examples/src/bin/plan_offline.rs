//! Plans a first apply of a deployment file: `plan_offline [FILE]`.

use std::io;

use anyhow::Context as _;

fn main() -> anyhow::Result<()> {
    let file = match std::env::args_os().nth(1) {
        Some(path) => std::fs::read_to_string(path).context("the file can't be read")?,
        None => dify_infra_examples::DIFY_DEV.to_owned(),
    };
    dify_infra_examples::plan_offline::run(&file, &mut io::stdout())?;
    Ok(())
}
