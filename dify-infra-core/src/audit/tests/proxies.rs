//! Files of squid whose parts stand elsewhere, as those of langgenius/dify 1.17.0 do.

use super::compose;
use crate::audit::Report;
use crate::diagnostic::Severity;

const COMMON: &str = "acl client_localnet src 172.16.0.0/12\nacl to_private_networks dst 0.0.0.0/8 10.0.0.0/8 \
    100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.168.0.0/16 198.18.0.0/15 224.0.0.0/3 \
    168.63.129.16/32 ::/128 ::1/128 ::ffff:0:0/96 64:ff9b::/96 2002::/16 fc00::/7 fe80::/10 ff00::/8\nacl Safe_ports port 80 443\n";
const SQUID: &str = "include /etc/squid/dify_common.conf\nhttp_port 3128\nhttp_access deny !Safe_ports\n\
    http_access deny manager\n    include /etc/squid/dify_allow_private.conf\nhttp_access deny to_private_networks\n\
    http_access allow client_localnet\nhttp_access deny all\n";

/// What is said of the policy of a proxy that has such files mounted and such variables.
fn said(mounts: &[&str], variables: &str) -> (Report, Vec<Severity>) {
    let mounts: Vec<String> = mounts.iter().map(|it| format!("      - {it}\n")).collect();
    let text = format!(
        "services:\n  api:\n    image: langgenius/dify-api:1.16.0\n  ssrf_proxy:\n    image: ubuntu/squid:6.6\n    \
         environment:\n      A: b\n{variables}    volumes:\n{}",
        mounts.concat()
    );
    let report = compose(&[
        ("docker-compose.yaml", &text),
        ("ssrf_proxy/squid.conf.template", SQUID),
        ("ssrf_proxy/squid-common.conf.template", COMMON),
    ]);
    let found = report.under("SSR104").map(|it| it.severity).collect();
    (report, found)
}

const MAIN: &str = "./ssrf_proxy/squid.conf.template:/etc/squid/squid.conf.template";
const PART: &str = "./ssrf_proxy/squid-common.conf.template:/etc/squid/dify_common.conf.template";

#[test]
fn a_part_that_is_mounted_under_another_name_is_read_where_it_is_included() {
    let (report, found) = said(&[MAIN, PART], "");
    assert!(found.is_empty(), "{report}");
    // What the entrypoint would write there opens a range.
    let opened = "      SSRF_PROXY_ALLOW_PRIVATE_IPS: 10.0.0.5\n";
    let (report, found) = said(&[MAIN, PART], opened);
    assert_eq!(found, [Severity::Note], "{report}");
}

#[test]
fn lists_that_may_stand_in_a_part_that_is_not_seen_are_not_said_to_be_missing() {
    let (report, found) = said(&[MAIN], "");
    assert_eq!(found, [Severity::Note], "{report}");
    let squid = SQUID.lines().skip(1).collect::<Vec<_>>().join("\n");
    let text = "services:\n  api:\n    image: langgenius/dify-api:1.16.0\n  ssrf_proxy:\n    image: ubuntu/squid:6.6\n    \
                volumes: [\"./squid.conf:/etc/squid/squid.conf\"]\n";
    let report = compose(&[("docker-compose.yaml", text), ("squid.conf", &squid)]);
    let first = report.under("SSR104").next().unwrap();
    assert_eq!(first.severity, Severity::Error, "{report}");
}
