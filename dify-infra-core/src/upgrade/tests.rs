mod advice;
mod edits;

use super::*;
use crate::diagnostic::Severity;

const FILE: &str = "\
# our Dify
name = \"dify\"
environment = \"dev\"
location = \"japaneast\"   # near us
dify = '1.11.4' # pinned in January

[azure]
resource_group = \"rg\"

[images.overrides]
api = \"r.azurecr.io/dify-api:1.11.4\"
web = \"r.azurecr.io/dify-web:own-7\"   # our logo

[services.api.env]
# how many rows
WEAVIATE_GRPC_ENABLED = \"false\"   # we have none
LOG_LEVEL = \"DEBUG\"
";

fn to(file: &str, version: &str) -> Upgrade {
    upgrade(file, version).unwrap()
}

#[test]
fn edits_what_changes_and_keeps_every_comment() {
    let file = FILE.replace("1.11.4", "1.10.1-fix.1");
    let report = to(&file, "1.16.0");
    let expected = file
        .replace("'1.10.1-fix.1'", "\"1.16.0\"")
        .replace("dify-api:1.10.1-fix.1", "dify-api:1.16.0")
        .replace(
            "WEAVIATE_GRPC_ENABLED =",
            "# Dify 1.16.0 does not read this:\n# WEAVIATE_GRPC_ENABLED =",
        );
    assert_eq!(report.text.as_deref(), Some(expected.as_str()));
    let treatments: Vec<_> = report
        .settings
        .iter()
        .map(|it| (it.path.to_string(), it.treatment))
        .collect();
    assert_eq!(
        treatments,
        [
            ("images.overrides.api".to_owned(), Treatment::Edited),
            ("images.overrides.web".to_owned(), Treatment::Left),
            (
                "services.api.env.WEAVIATE_GRPC_ENABLED".to_owned(),
                Treatment::CommentedOut
            ),
        ]
    );
    assert!(!report.has_errors(), "{report}");
}

#[test]
fn digests_of_the_old_release_go_and_those_that_still_hold_stay() {
    let catalogue = Catalogue::builtin();
    let (old, new) = ("1.13.3", "1.16.0");
    let release = |version| catalogue.release(version).unwrap();
    let image = |version: &'static str, kind| release(version).image(kind).reference();
    let changed = image(old, crate::catalogue::ImageKind::Api);
    assert_ne!(changed, image(new, crate::catalogue::ImageKind::Api));
    let same = release(old)
        .images()
        .map(crate::catalogue::Image::reference);
    let mut same = same.filter(|it| release(new).images().any(|one| one.reference() == *it));
    let same = same.next();
    let digest = format!("sha256:{}", "5d".repeat(32));
    let start = FILE
        .split("[images.overrides]")
        .next()
        .unwrap()
        .replace("1.11.4", old);
    let kept = same.map_or(String::new(), |it| format!("\"{it}\" = \"{digest}\"\n"));
    let table = format!("{start}[images.digests]\n\"{changed}\" = \"{digest}\" # scanned\n{kept}");
    let report = to(&table, new);
    let text = report.text.clone().unwrap();
    let line = format!("# \"{changed}\" = ");
    assert!(text.contains(&line) && text.contains(&kept), "{text}");
    assert_eq!(report.settings.len(), 1, "{report}");
    assert_eq!(report.settings[0].treatment, Treatment::CommentedOut);
    assert!(
        !report
            .diagnostics
            .iter()
            .any(|it| it.message.contains("pins nothing"))
    );

    let inline = format!("{start}[images]\ndigests = {{ \"{changed}\" = \"{digest}\" }}\n");
    let report = to(&inline, new);
    assert_eq!(
        report.settings[0].treatment,
        Treatment::CommentedOut,
        "{report}"
    );
    let text = report.text.unwrap();
    let lines: Vec<_> = text.lines().filter(|line| line.contains(&digest)).collect();
    assert_eq!(lines, [format!("# \"{changed}\" = \"{digest}\"")], "{text}");
    assert!(text.contains("\ndigests = {}\n"), "{text}");
}

#[test]
fn a_renamed_variable_gets_its_new_name() {
    let file = "name = \"dify\"\nenvironment = \"dev\"\nlocation = \"japaneast\"\ndify = \"1.11.4\"\n\n\
                [azure]\nresource_group = \"rg\"\n\n[services.api]\n\
                env = { PUBSUB_REDIS_CHANNEL_TYPE = \"streams\" }\n";
    let file = &file
        .replace("1.11.4", "1.13.3")
        .replace("PUBSUB", "EVENT_BUS");
    // The new name already: nothing is said.
    assert_eq!(to(file, "1.16.0").settings, []);
    let old = &file
        .replace("1.13.3", "1.11.4")
        .replace("EVENT_BUS", "PUBSUB");
    let report = to(old, "1.16.0");
    assert_eq!(report.settings[0].treatment, Treatment::Edited, "{report}");
    let text = report.text.unwrap();
    assert!(
        text.contains("env = { EVENT_BUS_REDIS_CHANNEL_TYPE = \"streams\" }"),
        "{text}"
    );
}

#[test]
fn a_wrong_name_gets_the_right_one_where_the_file_may_set_it() {
    let file = "name = \"dify\"\nenvironment = \"dev\"\nlocation = \"japaneast\"\ndify = \"1.14.2\"\n\n\
                [azure]\nresource_group = \"rg\"\n\n[services.api.env]\n\
                SANDBOX_API_KEY = { secret = \"x\" }\n";
    let report = to(file, "1.16.0");
    let setting = &report.settings[0];
    assert!(
        setting.message.contains("CODE_EXECUTION_API_KEY"),
        "{report}"
    );
    // dify-infra sets that name itself, so a rename would be an error.
    assert_eq!(setting.treatment, Treatment::Left);
}

#[test]
fn a_file_without_a_release_gets_the_line_behind_its_location() {
    let file = "name = \"dify\"\nenvironment = \"dev\"\nlocation = \"japaneast\" # here\n[azure]\n\
                resource_group = \"rg\"\n";
    let text = to(file, "1.17.1").text.unwrap();
    assert!(
        text.contains("# here\ndify = \"1.17.1\"\n[azure]"),
        "{text}"
    );
    assert!(check_file(&text).is_ok());
}

#[test]
fn tells_images_routes_services_variables_and_steps() {
    let report = to(FILE, "1.16.0");
    let daemon = report.images.iter().find(|it| it.image == "plugin_daemon");
    assert_eq!(daemon.map(|it| it.after.as_str()), Some("0.6.3-local"));
    assert!(
        report
            .routes
            .added
            .iter()
            .any(|it| it.starts_with("/openapi"))
    );
    assert!(
        report
            .services
            .added
            .iter()
            .any(|it| it.starts_with("api_websocket"))
    );
    let added = |name: &str| {
        let all = report.variables.iter();
        all.clone()
            .any(|it| it.name == name && it.kind == VariableChangeKind::Added)
    };
    assert!(
        added("REDIS_KEY_PREFIX") && added("SERVER_CONSOLE_API_URL"),
        "{report}"
    );
    assert!(
        report
            .notes
            .iter()
            .any(|it| it.breaking && it.at == "dify 1.14.2")
    );
    assert!(report.notes.iter().any(|it| it.at == "sandbox 0.2.13"));
    assert!(
        report.files.iter().any(|it| it.contains("nginx")),
        "{report}"
    );
    assert!(
        report
            .environment
            .iter()
            .any(|it| it.name == "SERVER_CONSOLE_API_URL" && it.before.is_none()),
        "{report}"
    );
    assert!(
        report
            .steps
            .iter()
            .any(|it| it.contains("dify-dev-migration"))
    );
    assert!(
        report
            .steps
            .iter()
            .any(|it| it.contains("migrates its own database"))
    );
    let shown = report.to_string();
    for part in [
        "plugin_daemon: 0.5.2-local → 0.6.3-local",
        "+ /openapi",
        "1. Note the time",
    ] {
        assert!(shown.contains(part), "{part} is not in\n{shown}");
    }
}

#[test]
fn a_downgrade_is_refused_with_the_way_that_there_is() {
    let report = to(
        &FILE.replace("1.11.4", "1.16.0").replace("WEAVIATE", "# W"),
        "1.14.2",
    );
    assert_eq!(report.text, None);
    assert!(report.blocked[0].contains("restore PostgreSQL"), "{report}");
}

#[test]
fn the_same_release_changes_nothing() {
    let report = to(FILE, "1.11.4");
    let text = FILE.replace("'1.11.4'", "\"1.11.4\"");
    assert_eq!(report.text.as_deref(), Some(text.as_str()));
    assert!(report.diagnostics.is_empty() && report.steps.is_empty());
}

#[test]
fn an_unknown_release_and_a_wrong_file_are_errors() {
    let error = upgrade(FILE, "1.15.0").unwrap_err();
    assert!(error.to_string().contains("offered are"), "{error}");
    assert!(matches!(
        upgrade("name = 1", "1.16.0"),
        Err(UpgradeError::File(_))
    ));
}

/// Every file of the catalogue's releases can be brought to every newer one.
#[test]
fn every_upgrade_between_offered_releases_passes_check() {
    let versions: Vec<_> = Catalogue::builtin()
        .releases()
        .iter()
        .map(Release::version)
        .collect();
    for (index, newer) in versions.iter().enumerate() {
        for older in &versions[index + 1..] {
            let file = format!(
                "name = \"dify\"\nenvironment = \"prod\"\nlocation = \"japaneast\"\ndify = \"{older}\"\n\n\
                 [azure]\nresource_group = \"rg\"\n\n[public]\norigin = \"https://dify.example.com\"\n"
            );
            let report = to(&file, &newer.to_string());
            let pressing = report
                .diagnostics
                .iter()
                .filter(|it| it.severity != Severity::Note);
            assert_eq!(pressing.count(), 0, "{older} to {newer}: {report}");
            assert!(report.images.len() >= 2, "{older} to {newer}");
        }
    }
}

#[test]
fn no_secret_of_the_file_is_in_what_is_said() {
    let canary = "canary4711";
    let file = format!("{FILE}SENTRY_DSN = \"https://{canary}@x.example.com/1\"\n");
    let UpgradeError::File(found) = upgrade(&file, "1.16.0").unwrap_err() else {
        panic!("the value of a secret stands in the file");
    };
    assert!(!format!("{found} {found:?}").contains(canary), "{found}");
}
