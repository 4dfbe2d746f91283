//! Deploys into an Azure in the process, 600 times faster than the real one.

use std::io;
use std::sync::Arc;

use dify_infra_core::secrets::{Secrets, generate_missing};
use dify_infra_emulator::{DEFAULT_SUBSCRIPTION, Emulator};
use dify_infra_examples::apply_in_a_pipeline::Pipeline;
use dify_infra_examples::embedded::{EmbeddedAzure, client};
use dify_infra_examples::{DIFY_DEV, SystemRandom};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let emulator = Emulator::builder().time_scale(600.0).build()?;
    let client = client(Arc::new(EmbeddedAzure::new(Arc::new(emulator))))?;

    // A pipeline would read them from where it keeps secrets, and keep what it makes.
    let mut secrets = Secrets::new();
    generate_missing(&mut secrets, &mut SystemRandom)?;

    let pipeline = Pipeline::new(&client, DIFY_DEV, DEFAULT_SUBSCRIPTION)?;
    pipeline.run(&secrets, &mut io::stdout()).await?;
    Ok(())
}
