//! The real squid reads the rendered file. It is never started: what it lets through is proven
//! elsewhere, in a network of its own.

use std::process::Command;

use dify_infra_core::egress::{EgressException, EgressPolicy};
use dify_infra_core::render::{self, SQUID_COMMAND, SQUID_DIRECTORY};
use proptest::prelude::*;

use crate::place::Folder;
use crate::programs;

/// What squid says about the file of `policy`, without its progress messages.
fn complaints(policy: &EgressPolicy) -> Vec<String> {
    let folder = Folder::new();
    let path = folder.write("squid.conf", &render::squid(policy).unwrap().text);
    let output = Command::new("squid")
        .args(["-k", "parse", "-f", &path])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{text}");
    assert!(text.contains("Processing: http_access deny all"), "{text}");
    let is_complaint = |line: &&str| {
        ["WARNING", "ERROR", "FATAL", "Bungled", "unrecognized"]
            .iter()
            .any(|w| line.contains(w))
    };
    text.lines()
        .filter(is_complaint)
        .map(str::to_owned)
        .collect()
}

#[test]
fn squid_takes_the_default_policy_without_a_word() {
    if programs::squid_is_there() {
        assert_eq!(complaints(&EgressPolicy::default_policy()), [""; 0]);
    }
}

#[test]
fn squid_takes_every_generated_policy_without_a_word() {
    if !programs::squid_is_there() {
        return;
    }
    let network = ("10\\.[0-9]{1,2}\\.[1-9]\\.0/24", "fd00:[a-f0-9]{1,4}::/64");
    let name = "\\.?[a-zA-Z0-9]([a-z0-9_-]{0,20}[a-z0-9])?\\.([a-z]{1,9}\\.){0,3}[a-z]{2,9}";
    let reason = "(?s).{0,60}[\n\r]?.{0,9000}x";
    let configuration = ProptestConfig {
        cases: 24,
        failure_persistence: None,
        ..Default::default()
    };
    proptest!(configuration, |(v4 in network.0, v6 in network.1, name in name, reason in reason)| {
        let policy = EgressPolicy::default_policy()
            .with_exception(EgressException::network(&v4, &reason).unwrap())
            .with_exception(EgressException::network(&v6, &reason).unwrap())
            .with_exception(EgressException::domain(&name, &reason).unwrap());
        prop_assert_eq!(complaints(&policy), [""; 0]);
    });
}

#[test]
fn the_command_starts_squid_with_the_mounted_file() {
    let command = SQUID_COMMAND[2];
    assert!(command.contains(&format!("exec squid -f {SQUID_DIRECTORY}/squid.conf -NYC")));
}
