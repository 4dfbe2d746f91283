//! `dify-infra`: deploys Dify to Azure Container Apps from one file.

use std::process::ExitCode;

fn main() -> ExitCode {
    dify_infra_cli::infra_main(std::env::args_os())
}
