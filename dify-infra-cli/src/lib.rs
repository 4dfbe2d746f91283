//! The commands `dify-infra` and `dify-secrets` as a library: the binaries only call it.

pub mod secrets_command;

pub use secrets_command::main as secrets_main;
