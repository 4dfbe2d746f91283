//! What a report says is to be done: nothing that dify-infra does itself, and all that it doesn't.

use super::*;
use crate::check::sets_itself;

fn file(version: &str, more: &str) -> String {
    format!(
        "name = \"dify\"\nenvironment = \"dev\"\nlocation = \"japaneast\"\ndify = \"{version}\"\n\n[azure]\n\
         resource_group = \"rg\"\n\n{more}"
    )
}

fn versions() -> Vec<Version> {
    let releases = Catalogue::builtin().releases().iter();
    releases.map(Release::version).collect()
}

/// Between any two releases: whoever does what the advice says still has a file that passes.
#[test]
fn no_advice_is_to_set_what_dify_infra_sets() {
    let mut told = 0;
    for from in versions() {
        for to_version in versions().into_iter().filter(|it| *it > from) {
            let report = to(&file(&from.to_string(), ""), &to_version.to_string());
            let release = Catalogue::builtin()
                .release(&to_version.to_string())
                .unwrap();
            for note in &report.notes {
                let advice = note.advice.as_deref().unwrap_or_default();
                let words = advice.split(|it: char| !it.is_ascii_alphanumeric() && it != '_');
                for word in words {
                    let mut kinds = crate::catalogue::ServiceKind::ALL.into_iter();
                    let is_ours = kinds.any(|kind| sets_itself(release, kind, word));
                    assert!(
                        !is_ours && !note.set.iter().any(|it| it == word),
                        "{note:?}"
                    );
                }
                told += note.set.len();
            }
        }
    }
    assert!(told > 20, "{told}");
}

#[test]
fn what_dify_infra_sets_is_said_to_be_set() {
    let report = to(&file("1.10.1-fix.1", ""), "1.17.1");
    let set: Vec<&str> = report
        .notes
        .iter()
        .flat_map(|it| &it.set)
        .map(String::as_str)
        .collect();
    for name in [
        "SECRET_KEY",
        "SERVER_CONSOLE_API_URL",
        "NEXT_PUBLIC_SOCKET_URL",
        "REDIS_KEEPALIVE",
        "PIP_MIRROR_AUTO_DETECT",
    ] {
        assert!(set.contains(&name), "{name}: {report}");
    }
    assert!(
        report
            .to_string()
            .contains("dify-infra sets SERVER_CONSOLE_API_URL itself."),
        "{report}"
    );
}

#[test]
fn a_setting_of_the_file_is_not_said_to_be_of_dify_infra() {
    let own = "[services.api.env]\nREDIS_KEEPALIVE = false\n";
    let report = to(&file("1.14.2", own), "1.16.0");
    let mut set = report.notes.iter().flat_map(|it| &it.set);
    assert!(set.all(|it| it != "REDIS_KEEPALIVE"), "{report}");
}

#[test]
fn what_a_file_decides_that_stays_the_same_is_no_news() {
    let report = to(&file("1.14.2", ""), "1.16.0");
    assert!(
        !report.files.iter().any(|it| it.contains("squid")),
        "{report}"
    );
    assert!(
        !report.to_string().contains("private destinations"),
        "{report}"
    );
    let catalogue = Catalogue::builtin();
    let release = |version| catalogue.release(version).unwrap();
    let (from, to) = (release("1.14.2"), release("1.16.0"));
    let resolved = Deployment::parse(&file("1.16.0", "")).unwrap();
    let files = ["dify-dev-ssrf-proxy: file-squid-conf".to_owned()];
    let notes = notes(from, to, Some(&resolved.deployment), &files);
    assert!(
        notes
            .iter()
            .any(|it| it.what.contains("private destinations")),
        "{notes:?}"
    );
}

#[test]
fn images_of_an_own_registry_are_copied_first() {
    let step = |registry: &str| {
        let images = format!("[images]\nregistry = \"{registry}\"\n");
        to(&file("1.16.0", &images), "1.17.1").steps
    };
    let steps = step("contoso.azurecr.io");
    let at = |steps: &[String], part: &str| steps.iter().position(|it| it.contains(part)).unwrap();
    let import = at(&steps, "`dify-infra images import` has contoso.azurecr.io");
    assert!(import < at(&steps, "`dify-infra apply`"), "{steps:?}");
    let elsewhere = step("registry.example.com/mirror");
    assert!(elsewhere[at(&elsewhere, "Push the images of Dify 1.17.1")].contains("images list"));
    let without = to(&file("1.16.0", ""), "1.17.1").steps;
    assert!(
        without.iter().all(|it| !it.contains("images")),
        "{without:?}"
    );
}

#[test]
fn a_refused_downgrade_says_of_no_setting_that_it_was_edited() {
    let own = "[images.overrides]\napi = \"r.azurecr.io/dify-api:1.16.0\"\n\n[services.api.env]\n\
               REDIS_KEEPALIVE = false\n";
    let report = to(&file("1.16.0", own), "1.14.2");
    assert_eq!(
        (report.text.as_deref(), report.settings.len()),
        (None, 0),
        "{report}"
    );
    let shown = report.to_string();
    for done in ["edited", "comment", "steps"] {
        assert!(!shown.contains(done), "{shown}");
    }
}

#[test]
fn a_fixed_list_of_queues_is_left_and_told() {
    for name in ["CELERY_QUEUES", "CELERY_WORKER_QUEUES"] {
        let own = format!("[services.worker.env]\n{name} = \"dataset,mail\"\n");
        let report = to(&file("1.14.2", &own), "1.16.0");
        let setting = &report.settings[0];
        assert_eq!(setting.treatment, Treatment::Left, "{report}");
        assert!(
            setting.message.contains("queues that Dify 1.16.0 adds"),
            "{report}"
        );
        assert_eq!(to(&file("1.16.0", &own), "1.16.0").settings, []);
    }
}
