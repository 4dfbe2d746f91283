//! Tests a pipeline of somebody's own, and says how it did.

use std::io;

use dify_infra_examples::test_a_pipeline;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    test_a_pipeline::run(&mut io::stdout()).await
}
