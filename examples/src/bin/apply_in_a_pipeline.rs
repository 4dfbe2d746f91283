//! Deploys into an Azure in the process, 600 times faster than the real one.

use std::io;

use dify_infra_azure::embedded::{DEFAULT_SUBSCRIPTION, EmbeddedAzure, Emulator};
use dify_infra_azure::secrets::SystemRandom;
use dify_infra_core::secrets::{Secrets, generate_missing};
use dify_infra_examples::DIFY_DEV;
use dify_infra_examples::apply_in_a_pipeline::Pipeline;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let emulator = Emulator::builder().time_scale(600.0).build()?;
    let client = EmbeddedAzure::new(emulator).client()?;

    // A pipeline would read them from where it keeps secrets, and keep what it makes.
    let mut secrets = Secrets::new();
    generate_missing(&mut secrets, &mut SystemRandom)?;

    let pipeline = Pipeline::new(&client, DIFY_DEV, DEFAULT_SUBSCRIPTION)?;
    pipeline.run(&secrets, &mut io::stdout()).await?;
    Ok(())
}
