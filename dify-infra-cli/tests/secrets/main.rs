//! `dify-secrets` as a program: its output, files, exit codes, and pipes into other programs.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails the test")]

mod check;
mod files;
mod generate;
mod rotate;

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_dify-secrets");

pub(crate) const ENV_KEYS: [&str; 7] = [
    "DIFY_INFRA_FINGERPRINT_KEY",
    "INIT_PASSWORD",
    "INNER_API_KEY_FOR_PLUGIN",
    "PLUGIN_DAEMON_KEY",
    "POSTGRES_PASSWORD",
    "SANDBOX_API_KEY",
    "SECRET_KEY",
];

pub(crate) fn secrets(arguments: &[&str]) -> Output {
    Command::new(PROGRAM).args(arguments).output().unwrap()
}

pub(crate) fn secrets_in(directory: &Path, arguments: &[&str]) -> Output {
    Command::new(PROGRAM)
        .args(arguments)
        .current_dir(directory)
        .output()
        .unwrap()
}

/// Runs with a text on stdin.
pub(crate) fn piped(program: &str, arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    child.wait_with_output().unwrap()
}

/// Runs a shell script in which `$DIFY_SECRETS` is the program.
pub(crate) fn shell(script: &str) -> Output {
    Command::new("sh")
        .args(["-c", script])
        .env("DIFY_SECRETS", PROGRAM)
        .output()
        .unwrap()
}

pub(crate) fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

pub(crate) fn assignments(text: &str) -> Vec<(&str, &str)> {
    text.lines()
        .map(|line| line.split_once('=').unwrap())
        .collect()
}

pub(crate) fn check_env(text: &str) -> Output {
    piped(PROGRAM, &["check", "-"], text.as_bytes())
}
