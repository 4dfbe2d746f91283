//! Deploys a file to an Azure in the process, 600 times faster than the real one: `deploy [FILE]`.

use std::io::Write as _;
use std::path::PathBuf;

use dify_infra_azure::embedded::Emulator;
use dify_infra_examples::deploy::deploy;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let ours = concat!(env!("CARGO_MANIFEST_DIR"), "/dify-dev.toml");
    let file = std::env::args_os()
        .nth(1)
        .map_or(ours.into(), PathBuf::from);
    let azure = Emulator::builder().time_scale(600.0).build()?;
    // The Azure is gone when the program ends, and its secrets may go with it.
    let secrets = std::env::temp_dir().join(format!("deploy-{}.secrets.env", std::process::id()));
    let outputs = deploy(&file, &secrets, azure).await?;
    std::fs::remove_file(&secrets)?;
    let url = outputs.public_url.unwrap_or_default();
    writeln!(std::io::stdout(), "{url}")?;
    Ok(())
}
