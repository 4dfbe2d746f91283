//! Which images fit together, and which versions are too old.

use serde_json::json;

use super::samples::over_compose;
use super::{compose, template};
use crate::catalogue::Catalogue;
use crate::diagnostic::Severity;

/// What each release was shipped with, by its docker/docker-compose.yaml: releases, sandbox, plugin daemon.
const SHIPPED: &str = "\
    1.0.0 | 0.2.10 | 0.0.3\n\
    1.0.1 | 0.2.10 | 0.0.4\n\
    1.1.0 | 0.2.10 | 0.0.5\n\
    1.1.1 1.1.2 | 0.2.10 | 0.0.6\n\
    1.1.3 | 0.2.11 | 0.0.6\n\
    1.2.0 | 0.2.11 | 0.0.7\n\
    1.3.0 | 0.2.11 | 0.0.8\n\
    1.3.1 | 0.2.11 | 0.0.9\n\
    1.4.0 | 0.2.12 | 0.0.10\n\
    1.4.1 | 0.2.12 | 0.1.1\n\
    1.4.2 1.4.3 1.5.0 | 0.2.12 | 0.1.2\n\
    1.5.1 1.6.0 | 0.2.12 | 0.1.3\n\
    1.7.0 1.7.1 1.7.2 1.8.0 1.8.1 | 0.2.12 | 0.2.0\n\
    1.9.0 1.9.1 | 0.2.12 | 0.3.0\n\
    1.9.2 | 0.2.12 | 0.3.3\n\
    1.10.0 1.10.1 1.10.1-fix.1 | 0.2.12 | 0.4.1\n\
    1.11.0 1.11.1 | 0.2.12 | 0.5.1\n\
    1.11.2 1.11.3 1.11.4 | 0.2.12 | 0.5.2\n\
    1.12.0 1.12.1 1.13.0 | 0.2.12 | 0.5.3\n\
    1.13.1 1.13.2 | 0.2.12 | 0.5.4\n\
    1.13.3 | 0.2.14 | 0.5.3\n\
    1.14.0 1.14.1 | 0.2.15 | 0.6.0\n\
    1.14.2 | 0.2.15 | 0.6.1\n\
    1.15.0 1.16.0 1.16.1 | 0.2.15 | 0.6.3\n\
    1.17.1 | 0.2.15 | 0.6.10\n";

/// What is said of an API beside a sandbox and a daemon of some versions.
fn together(dify: &str, sandbox: &str, daemon: &str) -> Vec<String> {
    let text = format!(
        "services:\n  api:\n    image: langgenius/dify-api:{dify}\n  sandbox:\n    \
         image: langgenius/dify-sandbox:{sandbox}\n  daemon:\n    \
         image: langgenius/dify-plugin-daemon:{daemon}-local\n"
    );
    let report = compose(&[("docker-compose.yaml", &text)]);
    let said = report.under("VER102").map(|it| it.message.clone());
    said.collect()
}

#[test]
fn every_release_is_known_with_the_images_that_it_was_shipped_with() {
    let mut releases = Vec::new();
    for line in SHIPPED.lines() {
        let [versions, sandbox, daemon] = line.split('|').map(str::trim).collect::<Vec<_>>()[..]
        else {
            panic!("{line}")
        };
        for dify in versions.split(' ') {
            assert_eq!(
                together(dify, sandbox, daemon),
                Vec::<String>::new(),
                "{dify}"
            );
            let other = together(dify, "0.2.9", "0.0.1");
            let shipped = |image: &str, with: &str| {
                format!("`{image}`, but Dify {dify} was shipped with {with}")
            };
            let expected = [
                shipped("daemon` is `0.0.1", daemon),
                shipped("sandbox` is `0.2.9", sandbox),
            ];
            let plain = |text: &str| text.replace('`', "");
            let mut other: Vec<String> = other.iter().map(|it| plain(it)).collect();
            other.sort();
            assert_eq!(other, expected.map(|it| plain(&it)), "{dify}");
            releases.push(dify);
        }
    }
    for release in Catalogue::builtin().releases() {
        let version = release.version().to_string();
        assert!(releases.contains(&version.as_str()), "{version}");
    }
    // Of a release that nobody knows nothing is said.
    assert_eq!(together("1.99.0", "0.2.9", "0.0.1"), Vec::<String>::new());
    // Before plugins there was no daemon.
    let old = together("0.15.3", "0.2.9", "0.0.1");
    assert_eq!(old.len(), 1, "{old:?}");
    assert!(old[0].contains("knows no plugins"), "{old:?}");
}

#[test]
fn a_version_that_is_mended_is_not_old() {
    let judged = |service: &str, image: &str, version: &str, id: &str| {
        let text = format!("services:\n  {service}:\n    image: langgenius/{image}:{version}\n");
        over_compose(&text).under(id).count()
    };
    for (version, expected) in [
        ("1.9.2", 1),
        ("1.10.1", 1),
        ("1.10.1-fix.1", 0),
        ("1.11.0", 0),
        ("1.16.0", 0),
    ] {
        assert_eq!(
            judged("web", "dify-web", version, "VER109"),
            expected,
            "{version}"
        );
    }
    for (version, expected) in [("0.2.12", 1), ("0.2.13", 0), ("0.2.15", 0), ("0.3.0", 0)] {
        let found = judged("sandbox", "dify-sandbox", version, "VER110");
        assert_eq!(found, expected, "{version}");
    }
}

#[test]
fn of_several_that_migrate_the_second_is_told_on_azure() {
    let app = |name: &str, mode: &str, migrates: &str| {
        json!({"type": "Microsoft.App/containerApps", "name": name, "properties": {"template": {
            "containers": [{"name": name, "image": "langgenius/dify-api:1.16.0", "env": [
                {"name": "MODE", "value": mode},
                {"name": "MIGRATION_ENABLED", "value": migrates}]}]}}})
    };
    let judged = |api: &str, worker: &str| {
        let resources = [app("api", "api", api), app("worker", "worker", worker)];
        let report = template(&json!({ "resources": resources }).to_string());
        let found = report.under("VER107");
        let said = found.map(|it| (it.severity, it.message.clone(), it.related.len()));
        said.collect::<Vec<_>>()
    };
    assert_eq!(judged("true", "false"), []);
    let both = judged("true", "true");
    assert_eq!(both.len(), 1, "{both:?}");
    let (severity, message, related) = &both[0];
    assert_eq!((*severity, *related), (Severity::Warning, 1));
    assert!(
        message.contains("`worker`") && message.contains("`api`"),
        "{message}"
    );
    let none = judged("false", "false");
    assert!(none[0].1.contains("nobody migrates"), "{none:?}");
    // The services of compose take turns by a lock.
    let report =
        over_compose("services:\n  worker:\n    environment: {MIGRATION_ENABLED: \"true\"}");
    assert_eq!(report.under("VER107").count(), 0, "{report}");
}
