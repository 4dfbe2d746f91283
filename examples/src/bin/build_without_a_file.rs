//! Puts deployments together in Rust.

fn main() -> anyhow::Result<()> {
    dify_infra_examples::build_without_a_file::run(&mut std::io::stdout())
}
