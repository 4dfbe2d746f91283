//! Rules whose words or severity differ between a compose project and Azure.

use super::super::*;
use super::compose;
use crate::diagnostic::Severity;
use crate::egress::ReportRow;

/// A project with a squid file, an API and whatever else.
fn project(squid: &str, more: &str) -> super::super::Report {
    let text = format!(
        "services:\n  api:\n    image: langgenius/dify-api:1.16.0\n  ssrf_proxy:\n    \
         image: ubuntu/squid:6.6-24.04_edge\n    volumes: [\"./squid.conf:/etc/squid/squid.conf\"]\n{more}"
    );
    compose(&[("docker-compose.yaml", &text), ("squid.conf", squid)])
}

#[test]
fn a_proxy_of_compose_need_not_serve_the_ingress_of_container_apps() {
    let squid = |near: &str| {
        format!(
            "http_port 3128\nacl private dst 0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 \
             169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.168.0.0/16 198.18.0.0/15 224.0.0.0/3 \
             168.63.129.16/32\nacl private6 dst fc00::/7 fe80::/10 ff00::/8 2002::/16 64:ff9b::/96\n\
             acl near src {near}\nacl CONNECT method CONNECT\nacl TLS port 443\nacl WEB port 80 443\n\
             http_access deny private\nhttp_access deny private6\nhttp_access deny !WEB\n\
             http_access deny CONNECT !TLS\nhttp_access allow near\nhttp_access deny all\n"
        )
    };
    let report = project(&squid("10.0.0.0/8 172.16.0.0/12"), "");
    let said: Vec<_> = report.under("SSR104").map(ToString::to_string).collect();
    assert!(
        said.iter().all(|it| !it.contains("Container Apps")),
        "{said:#?}"
    );
    assert!(said.iter().all(|it| !it.contains("SSR006")), "{said:#?}");
    let report = project(&squid("10.0.0.0/8"), "");
    let said: Vec<_> = report.under("SSR104").map(ToString::to_string).collect();
    assert!(
        said.iter()
            .any(|it| it.contains("Docker, 172.16/12") && it.contains("SSR006")),
        "{said:#?}"
    );
}

#[test]
fn a_default_in_the_compose_file_is_told_once_for_all_that_share_it() {
    let text = "x-shared: &shared\n  REDIS_PASSWORD: ${REDIS_PASSWORD:-difyai123456}\n  \
                DB_PASSWORD: written-out-4711\n\
                services:\n  api:\n    image: langgenius/dify-api:1.16.0\n    environment: *shared\n  \
                worker:\n    image: langgenius/dify-api:1.16.0\n    environment:\n      <<: *shared\n      \
                MODE: worker\n";
    let report = compose(&[("docker-compose.yaml", text)]);
    let found: Vec<_> = report.under("SEC101").collect();
    let places: Vec<_> = found.iter().map(|it| it.place.line()).collect();
    assert_eq!(places, [Some(2), Some(3)], "{report}");
    assert!(
        found[0]
            .message
            .contains("its default stands in the compose file"),
        "{report}"
    );
    assert!(found[0].help.contains("remove the default"), "{report}");
    assert!(
        found[0].message.contains("`api`") && found[0].message.contains("`worker`"),
        "{report}"
    );
    assert!(
        found[1]
            .message
            .contains("its value stands in the compose file"),
        "{report}"
    );
    let set = compose(&[
        ("docker-compose.yaml", text),
        (".env", "REDIS_PASSWORD=Yk3Bm9Tq6Wz1Xn5Rv8Hc2\n"),
    ]);
    assert_eq!(set.under("SEC101").count(), 1, "{set}");
    let shown = report.to_string();
    assert!(
        !shown.contains("difyai123456") && !shown.contains("4711"),
        "{shown}"
    );
}

#[test]
fn one_place_is_told_once_under_a_rule() {
    let text = "x-shared: &shared\n  OLD_NAME_OF_NOTHING: \"1\"\n  PLUGIN_DAEMON_URL: plugin_daemon:5002\n\
                services:\n  api:\n    image: langgenius/dify-api:1.16.0\n    environment: *shared\n  \
                worker:\n    image: langgenius/dify-api:1.16.0\n    environment:\n      <<: *shared\n      \
                MODE: worker\n";
    let report = compose(&[("docker-compose.yaml", text)]);
    let found: Vec<_> = report.under("NET120").collect();
    assert_eq!(found.len(), 1, "{report}");
    assert!(found[0].message.contains("`api`"), "{report}");
    assert_eq!(found[0].related.len(), 0, "{report}");
}

#[test]
fn the_uploading_side_alone_needs_the_size_of_packages() {
    let beat = |variables: &str| {
        let text = format!(
            "services:\n  api:\n    image: langgenius/dify-api:1.16.0\n    environment:\n      \
             PLUGIN_DAEMON_KEY: Pw9Tz3Kc6Bn1Xm8Rv5Qd2Hf7Ls4Jg0YaEuIo\n      \
             PLUGIN_MAX_PACKAGE_SIZE: \"52428800\"\n  worker_beat:\n    \
             image: langgenius/dify-api:1.16.0\n    environment:\n      MODE: beat\n{variables}"
        );
        let report = compose(&[("docker-compose.yaml", &text)]);
        report
            .under("VER101")
            .map(|it| (it.severity, it.message.clone()))
            .collect::<Vec<_>>()
    };
    let found = beat("");
    let of = |name: &str| found.iter().find(|(_, message)| message.contains(name));
    assert_eq!(
        of("PLUGIN_DAEMON_KEY").map(|it| it.0),
        Some(Severity::Error),
        "{found:?}"
    );
    assert_ne!(
        of("PLUGIN_MAX_PACKAGE_SIZE").map(|it| it.0),
        Some(Severity::Error),
        "{found:?}"
    );
}

#[test]
fn a_key_that_falls_short_of_the_margin_is_not_called_easy_to_guess() {
    let found = |key: &str| {
        let text = format!(
            "services:\n  api:\n    image: langgenius/dify-api:1.16.0\n    environment:\n      SECRET_KEY: {key}\n"
        );
        let report = compose(&[("docker-compose.yaml", &text)]);
        let mut under = report.under("KEY106");
        under.next().map(|it| (it.severity, it.message.clone()))
    };
    // Long enough, of digits alone: under the margin, and beyond every guess.
    let (severity, message) =
        found("83917264058137260495318726409513").unwrap_or_else(|| panic!("no finding"));
    assert_eq!(severity, Severity::Warning, "{message}");
    assert!(message.contains("falls short of the margin"), "{message}");
    let (severity, message) = found("secret2024secret2024secret2024secret2024").unwrap();
    assert_eq!(severity, Severity::Error, "{message}");
    assert!(message.contains("easy to guess"), "{message}");
}

#[test]
fn every_proxy_is_shown_with_its_table_of_destinations() {
    let squid = |private: &str| {
        format!(
            "http_port 3128\nacl near src 172.16.0.0/12\nacl private dst {private}\n\
             http_access deny private\nhttp_access allow near\nhttp_access deny all\n"
        )
    };
    let text = "services:\n  api:\n    image: langgenius/dify-api:1.16.0\n  one:\n    \
         image: ubuntu/squid:6.6-24.04_edge\n    volumes: [\"./one-squid.conf:/etc/squid/squid.conf\"]\n  \
         two:\n    image: ubuntu/squid:6.6-24.04_edge\n    \
         volumes: [\"./two-squid.conf:/etc/squid/squid.conf\"]\n  three:\n    \
         image: ubuntu/squid:6.6-24.04_edge\n    \
         volumes: [\"./three-squid.conf:/etc/squid/squid.conf\"]\n";
    let files = [
        ("docker-compose.yaml", text.to_owned()),
        ("one-squid.conf", squid("10.0.0.0/8")),
        ("two-squid.conf", squid("10.0.0.0/8 169.254.0.0/16")),
        ("three-squid.conf", squid("${PRIVATE:?}")),
    ];
    let files = files.map(|(name, text)| (name.to_owned(), text));
    let inventory = from_compose(ComposeInput {
        compose: &["docker-compose.yaml"],
        files: &files.into_iter().collect(),
        profiles: &[],
    })
    .unwrap();
    let policies = proxy_policies(&inventory);
    let fate = |file: &str, destination: &str| {
        let policy = policies.iter().find(|it| it.place.document_name() == file);
        let rows = &policy.unwrap().report.as_ref().unwrap().rows;
        let of_docker = |row: &&ReportRow| row.client.starts_with("Docker");
        let mut rows = rows.iter().filter(of_docker);
        let verdict = &rows
            .find(|row| row.destination == destination)
            .unwrap()
            .verdict;
        let line = verdict.decided_by.as_ref().map(|it| it.place.line);
        (verdict.decision.passes(), line)
    };
    assert_eq!(fate("one-squid.conf", "metadata service"), (true, Some(5)));
    assert_eq!(fate("two-squid.conf", "metadata service"), (false, Some(4)));
    assert_eq!(fate("one-squid.conf", "10/8"), (false, Some(4)));
    assert_eq!(
        fate("two-squid.conf", "public host, https"),
        (true, Some(5))
    );
    let unseen = policies
        .iter()
        .find(|it| it.place.document_name() == "three-squid.conf");
    let why = unseen.unwrap().report.as_ref().unwrap_err();
    assert!(why.contains("variables that are filled in"), "{why}");
}
