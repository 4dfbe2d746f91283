//! The start script under the shells that images have.

use std::process::{Command, Output};

use dify_infra_core::render::NginxInput;
use dify_infra_core::routes::RouteTable;

use crate::front_door::{app_names, paths, write_files};
use crate::place::{Folder, own_address};
use crate::programs;

/// Runs the script with nginx's `-t` in each shell, and hands its output and include file on.
fn check(resolv_conf: &str, environment: &[(&str, &str)], expect: impl Fn(&Output, &str)) {
    let routes = RouteTable::dify_1_16_0();
    let hosts = app_names(&routes);
    for shell in programs::shells() {
        let folder = Folder::new();
        let mut input = NginxInput::new(&routes, &hosts);
        input.listen = (own_address(), 8080).into();
        input.paths = paths(&folder);
        let command = write_files(&input, &folder);
        let output = Command::new(shell[0])
            .args(&shell[1..])
            .args(&command[1..])
            .arg("-t")
            .env(
                "DIFY_INFRA_RESOLV_CONF",
                folder.write("resolv.conf", resolv_conf),
            )
            .envs(environment.iter().copied())
            .output()
            .unwrap();
        let written = std::fs::read_to_string(folder.path("run/resolver.conf")).unwrap_or_default();
        expect(&output, &written);
    }
}

/// What the include file says for these nameservers and this suffix.
fn include_file(nameservers: &str, suffix: &str) -> String {
    format!(
        "resolver  {nameservers} valid=10s ipv6=off;\n\
         map \"\" $search_suffix {{ default \"{suffix}\"; }}\n"
    )
}

fn expect_accepted(resolv_conf: &str, nameservers: &str, suffix: &str) {
    check(resolv_conf, &[], |output, written| {
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        assert_eq!(written, include_file(nameservers, suffix), "{resolv_conf}");
    });
}

#[test]
fn takes_nameserver_and_first_search_domain_of_the_container() {
    if !programs::nginx_is_there() {
        return;
    }
    expect_accepted(
        "search k8se-apps.svc.cluster.local svc.cluster.local cluster.local\n\
         nameserver 100.100.224.10\noptions ndots:5\n",
        "100.100.224.10",
        ".k8se-apps.svc.cluster.local",
    );
}

#[test]
fn reads_every_form_of_the_resolver_s_file() {
    if !programs::nginx_is_there() {
        return;
    }
    let forms = [
        ("nameserver 10.0.0.10", "10.0.0.10", ""),
        (
            "# nameserver 1.1.1.1\n; x\n\nnameserver\t10.0.0.10 # x\n",
            "10.0.0.10",
            "",
        ),
        (
            "nameserver fd00::10\nnameserver 10.0.0.10\nsearch a.b.\n",
            "[fd00::10] 10.0.0.10",
            ".a.b",
        ),
        (
            "nameserver fe80::1%eth0\nnameserver 10.0.0.10\nsearch .\n",
            "10.0.0.10",
            "",
        ),
        (
            "domain one.example\nsearch two.example x\nnameserver 10.0.0.10\n",
            "10.0.0.10",
            ".two.example",
        ),
        (
            "search host.example\nnameserver 127.0.0.11\noptions ndots:0\n",
            "127.0.0.11",
            "",
        ),
    ];
    for (resolv_conf, nameservers, suffix) in forms {
        expect_accepted(resolv_conf, nameservers, suffix);
    }
}

#[test]
fn refuses_to_start_without_a_nameserver_and_says_so() {
    if !programs::nginx_is_there() {
        return;
    }
    for resolv_conf in [
        "",
        "search a.example\n",
        "nameserver fe80::1%eth0\n",
        "nameserver $x\n",
    ] {
        check(resolv_conf, &[], |output, written| {
            let message = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(1), "{message}");
            assert!(
                message.contains("names no nameserver that nginx can use"),
                "{message}"
            );
            assert_eq!(written, "");
        });
    }
}

#[test]
fn nothing_in_the_container_s_settings_becomes_a_directive() {
    if !programs::nginx_is_there() {
        return;
    }
    for search in ["a;b", "a\"b", "a$b", "a{b", "a\\b", "a b;"] {
        check(
            "nameserver 10.0.0.1\n",
            &[("DIFY_INFRA_SEARCH_DOMAIN", search)],
            |output, written| {
                assert_eq!((output.status.code(), written), (Some(1), ""), "{search}");
            },
        );
    }
    for nameservers in ["10.0.0.1;", "10.0.0.1\n", "$x", "10.0.0.1 valid=1h", "*"] {
        check(
            "",
            &[("DIFY_INFRA_NAMESERVERS", nameservers)],
            |output, written| {
                assert_eq!(
                    (output.status.code(), written),
                    (Some(1), ""),
                    "{nameservers}"
                );
            },
        );
    }
    check(
        "search a.b;c\nnameserver 10.0.0.1\n",
        &[],
        |output, written| {
            assert_eq!((output.status.code(), written), (Some(1), ""));
        },
    );
}
