//! Tells the program which commit it is built from, for `--version`.
//!
//! A crate from a registry has the commit in a file that cargo puts into it, a checkout in git; where there is
//! neither, the version stands alone. Only for releases: while one works, every commit would build anew.

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let packed = Path::new(".cargo_vcs_info.json");
    let is_release = std::env::var("PROFILE").is_ok_and(|profile| profile == "release");
    let commit = if packed.exists() {
        println!("cargo::rerun-if-changed={}", packed.display());
        std::fs::read_to_string(packed)
            .ok()
            .and_then(|text| of_package(&text))
    } else if is_release {
        of_checkout()
    } else {
        None
    };
    if let Some(commit) = commit {
        let version = env!("CARGO_PKG_VERSION");
        println!("cargo::rustc-env=DIFY_INFRA_VERSION={version} ({commit})");
    }
}

/// The commit in `{"git": {"sha1": "…"}, "path_in_vcs": "…"}`.
fn of_package(text: &str) -> Option<String> {
    let (_, rest) = text.split_once("\"sha1\"")?;
    let commit = rest.split('"').nth(1)?;
    short(commit)
}

fn of_checkout() -> Option<String> {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").args(arguments).output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        output.status.success().then(|| text.trim().to_owned())
    };
    // The log grows with every commit, checkout and rebase, in a worktree too.
    if let Some(log) = git(&["rev-parse", "--git-path", "logs/HEAD"]) {
        println!("cargo::rerun-if-changed={log}");
    }
    short(&git(&["rev-parse", "HEAD"])?)
}

fn short(commit: &str) -> Option<String> {
    let is_commit = commit.len() >= 40 && commit.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_commit.then(|| commit[..9].to_owned())
}
