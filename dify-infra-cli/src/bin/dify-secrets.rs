//! `dify-secrets`: generates and checks the secrets of a Dify deployment.

use std::process::ExitCode;

fn main() -> ExitCode {
    dify_infra_cli::secrets_main(std::env::args_os())
}
