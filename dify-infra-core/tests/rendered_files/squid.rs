//! The real squid reads the rendered file. It is never started: what it lets through is proven
//! elsewhere, in a network of its own.

use std::process::Command;

use dify_infra_core::deployment::Deployment;
use dify_infra_core::egress::{EgressException, EgressPolicy, SquidFile, SquidReport};
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

/// A deployment file with exceptions that may be anything at all.
fn deployment(exceptions: &[(String, String, String)]) -> String {
    let quoted = |text: &str| serde_json::to_string(text).unwrap();
    let entries: Vec<String> = exceptions
        .iter()
        .map(|(key, value, reason)| {
            format!(
                "{{ {key} = {}, reason = {} }}",
                quoted(value),
                quoted(reason)
            )
        })
        .collect();
    format!(
        "name = \"dify\"\nenvironment = \"dev\"\nlocation = \"japaneast\"\n\n[azure]\n\
         resource_group = \"dify-dev-rg\"\n\n[egress]\nallow = [{}]\n",
        entries.join(", ")
    )
}

#[test]
fn no_value_of_a_deployment_file_adds_a_directive() {
    let squid_is_there = programs::squid_is_there();
    let domain = prop_oneof![
        2 => "\\.?[a-zA-Z0-9]([a-z0-9_-]{0,20}[a-z0-9])?\\.([a-z]{1,9}\\.){0,3}[a-z]{2,9}",
        1 => "[a-z.]{1,9}[ \t\n\r\"'#\\$\\\\!{}(),;-][a-z. ]{0,20}",
        1 => "a\\.example\nhttp_access allow all",
    ];
    let cidr = prop_oneof![
        2 => "10\\.[0-9]{1,2}\\.[1-9]\\.0/24",
        1 => "fd00:[a-f0-9]{1,4}::/64",
        1 => "[0-9a-f.:/ \n#-]{1,20}",
    ];
    let reason = "(?s)[a-z].{0,40}[\n\r]?(http_access allow all)?.{0,40}";
    let exception = prop_oneof![
        (Just("domain".to_owned()), domain, reason),
        (Just("cidr".to_owned()), cidr, reason),
    ];
    let configuration = ProptestConfig {
        cases: 96,
        failure_persistence: None,
        ..Default::default()
    };
    let (refused, rendered) = (std::cell::Cell::new(0), std::cell::Cell::new(0));
    proptest!(configuration, |(exceptions in prop::collection::vec(exception, 0..4))| {
        let Ok(resolved) = Deployment::parse(&deployment(&exceptions)) else {
            refused.set(refused.get() + 1);
            return Ok(());
        };
        rendered.set(rendered.get() + 1);
        let policy = resolved.deployment.egress();
        let text = render::squid(policy).unwrap().text;
        let read = SquidFile::read(&text).unwrap();
        prop_assert_eq!(read.remarks(), []);
        let lines: Vec<&str> = read.access_lines().map(|(_, line)| line).collect();
        let model = policy.to_squid();
        let wanted: Vec<&str> = model.access_lines().map(|(_, line)| line).collect();
        prop_assert_eq!(lines, wanted);
        prop_assert!(SquidReport::of_text(&text).unwrap().diagnostics.iter().all(|found| found.code != "SSR005"
            || !policy.exceptions().is_empty()));
        // Half of them, since squid takes a while.
        if squid_is_there && rendered.get() % 2 == 0 {
            prop_assert_eq!(complaints(policy), [""; 0]);
        }
    });
    eprintln!(
        "{} files rendered, {} refused",
        rendered.get(),
        refused.get()
    );
    assert!(rendered.get() > 10 && refused.get() > 10);
}

#[test]
fn memory_and_cache_fit_the_container() {
    let policy = EgressPolicy::default_policy();
    let text = render::squid(&policy).unwrap().text;
    assert!(text.contains("\ncache deny all\n") && !text.contains("cache_dir"));
    // The smallest container that the platform has: half a GiB.
    assert!(policy.limits().memory_mebibytes <= 64);
}

#[test]
fn the_command_starts_squid_with_the_mounted_file() {
    let command = SQUID_COMMAND[2];
    assert!(command.contains(&format!("exec squid -f {SQUID_DIRECTORY}/squid.conf -NYC")));
}
