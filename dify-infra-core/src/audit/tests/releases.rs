//! Rules about releases: what each image reads, and what it was shipped with.

use super::super::sample::report;
use crate::audit::Report;
use crate::check::Sample;

/// The whole project with other images.
fn with_images(dify: &str, sandbox: &str, daemon: &str) -> Report {
    let api = format!("image: langgenius/dify-api:{dify}");
    let text = format!(
        "services:\n  api: {{{api}}}\n  worker: {{{api}}}\n  worker_beat: {{{api}}}\n  \
         web: {{image: langgenius/dify-web:{dify}}}\n  \
         sandbox: {{image: langgenius/dify-sandbox:{sandbox}}}\n  \
         plugin_daemon: {{image: langgenius/dify-plugin-daemon:{daemon}-local}}\n"
    );
    report(&Sample::compose(text.leak())).unwrap()
}

fn messages(report: &Report, rule: &str) -> Vec<String> {
    let found = report.under(rule);
    found.map(|it| it.message.clone()).collect()
}

#[test]
fn a_variable_is_new_for_the_container_s_own_version_alone() {
    // 1.15.0 is not offered; the nearest release that is would know neither variable.
    let right = with_images("1.15.0", "0.2.15", "0.6.3");
    assert_eq!(right.findings.len(), 0, "{right}");
    let older = with_images("1.14.2", "0.2.15", "0.6.1");
    assert_eq!(
        messages(&older, "VER103"),
        [
            "`web` does not read `SERVER_CONSOLE_API_URL` yet: it comes with 1.15.0",
            "`plugin_daemon` does not read `PIP_MIRROR_AUTO_DETECT` yet: it comes with 0.6.3",
        ]
    );
}

#[test]
fn of_an_image_whose_version_is_not_seen_nothing_is_said_to_come_later() {
    let report = with_images("1.14.2", "0.2.15", "latest");
    let said = messages(&report, "VER103");
    assert!(said.iter().all(|it| !it.contains("PIP_MIRROR")), "{said:?}");
}

#[test]
fn sets_of_releases_that_are_not_offered_are_known_too() {
    for (dify, sandbox, daemon, wrong) in [
        ("1.14.0", "0.2.15", "0.6.0", &[][..]),
        (
            "1.14.0",
            "0.2.15",
            "0.4.1",
            &["`plugin_daemon` is 0.4.1, but Dify 1.14.0 was shipped with 0.6.0"],
        ),
        ("1.13.1", "0.2.12", "0.5.4", &[]),
        ("1.12.1", "0.2.12", "0.5.3", &[]),
        ("1.8.0", "0.2.12", "0.2.0", &[]),
        (
            "1.11.2",
            "0.2.13",
            "0.3.0",
            &[
                "`plugin_daemon` is 0.3.0, but Dify 1.11.2 was shipped with 0.5.2",
                "`sandbox` is 0.2.13, but Dify 1.11.2 was shipped with 0.2.12",
            ],
        ),
    ] {
        let said = messages(&with_images(dify, sandbox, daemon), "VER102");
        assert_eq!(said, wrong, "{dify}");
    }
}
