//! Real programs, where they are installed.

use std::process::{Command, Stdio};

/// Whether `program` can be run; if not, says that the test is skipped, or fails when real programs
/// are required.
pub(crate) fn is_there(program: &str, arguments: &[&str]) -> bool {
    let started = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if started.is_ok() {
        return true;
    }
    assert!(
        std::env::var_os("DIFY_INFRA_REQUIRE_REAL").is_none_or(|value| value != "1"),
        "{program} is not installed, but DIFY_INFRA_REQUIRE_REAL=1"
    );
    eprintln!("skipped: {program} not found");
    false
}

pub(crate) fn nginx_is_there() -> bool {
    is_there("nginx", &["-v"])
}

pub(crate) fn squid_is_there() -> bool {
    is_there("squid", &["-v"])
}

/// The shells whose only common part is POSIX, as far as they are there.
pub(crate) fn shells() -> Vec<Vec<&'static str>> {
    let mut shells = Vec::new();
    if is_there("dash", &["-c", "true"]) {
        shells.push(vec!["dash"]);
    }
    if is_there("busybox", &["true"]) {
        shells.push(vec!["busybox", "sh"]);
    }
    shells
}
