mod network;

use std::collections::BTreeSet;

use super::*;
use crate::deployment::DeploymentBuilder;
use crate::diagnostic::{Diagnostics, Severity};
use crate::spec::Spec;

fn findings(text: &str) -> Diagnostics {
    match Deployment::parse(text) {
        Ok(resolved) => resolved.diagnostics,
        Err(diagnostics) => diagnostics,
    }
}

/// What is found in a sample of a rule.
fn in_sample(sample: &Sample) -> Diagnostics {
    if sample.is_squid() {
        let report = crate::egress::SquidReport::of_text(&sample.to_file());
        return report.unwrap().diagnostics;
    }
    findings(&sample.to_file())
}

fn codes(diagnostics: &Diagnostics, severities: &[Severity]) -> BTreeSet<String> {
    let wanted = diagnostics
        .iter()
        .filter(|finding| severities.contains(&finding.severity));
    wanted.map(|finding| finding.code.clone()).collect()
}

#[test]
fn every_bad_sample_breaks_its_rule_and_no_other() {
    for rule in rules().filter(|rule| rule.bad.is_file() || rule.bad.is_squid()) {
        let found = in_sample(&rule.bad);
        let all = codes(
            &found,
            &[Severity::Error, Severity::Warning, Severity::Note],
        );
        assert!(all.contains(rule.id), "{}: {found}", rule.id);
        let serious = codes(&found, &[Severity::Error, Severity::Warning]);
        let others: Vec<_> = serious.iter().filter(|code| *code != rule.id).collect();
        assert!(others.is_empty(), "{} also: {found}", rule.id);
        let severities: BTreeSet<_> = found
            .iter()
            .filter(|it| it.code == rule.id)
            .map(|it| it.severity)
            .collect();
        assert_eq!(severities, BTreeSet::from([rule.severity]), "{}", rule.id);
    }
}

#[test]
fn every_good_sample_keeps_its_rule_and_all_others() {
    for rule in rules().filter(|rule| rule.good.is_file() || rule.good.is_squid()) {
        let found = in_sample(&rule.good);
        let broken: Vec<_> = found
            .iter()
            .filter(|it| it.code == rule.id && !it.message.starts_with("allowed"))
            .collect();
        assert!(broken.is_empty(), "{}: {found}", rule.id);
        assert!(
            codes(&found, &[Severity::Error, Severity::Warning]).is_empty(),
            "{}: {found}",
            rule.id
        );
    }
}

#[test]
fn ids_are_unique_sorted_and_of_their_family() {
    let ids: Vec<_> = rules().map(|rule| rule.id).collect();
    assert!(ids.is_sorted_by(|one, other| one < other), "{ids:?}");
    for rule in rules() {
        assert!(rule.id.starts_with(rule.family.as_str()), "{}", rule.id);
    }
}

#[test]
fn every_rule_tells_its_whole_story_in_sentences() {
    for rule in rules() {
        for text in [rule.title, rule.why, rule.source, rule.fix] {
            assert!(!text.is_empty(), "{}", rule.id);
            assert!(!text.contains("  "), "{}: {text}", rule.id);
        }
        let in_file = rule.fix_in_file.unwrap_or("None.");
        assert!(
            in_file.ends_with('.') && !in_file.contains("  "),
            "{}",
            rule.id
        );
        assert!(
            rule.why.ends_with('.') && rule.fix.ends_with('.'),
            "{}",
            rule.id
        );
        assert!(!rule.title.ends_with('.'), "{}", rule.id);
        assert_ne!(rule.bad, rule.good, "{}", rule.id);
    }
}

#[test]
fn finds_a_rule_in_either_case() {
    assert_eq!(rule("lim004").map(|rule| rule.id), Some("LIM004"));
    assert!(rule("LIM999").is_none());
}

#[test]
fn a_clean_minimal_file_gives_five_notes_at_most() {
    let found = findings(Sample::BASE);
    assert!(
        codes(&found, &[Severity::Error, Severity::Warning]).is_empty(),
        "{found}"
    );
    assert!(found.len() <= 5, "{found}");
}

#[test]
fn an_allowed_error_becomes_a_note_with_its_reason() {
    let text = format!(
        "{}\n[services.api.env]\nSQLALCHEMY_POOL_SIZE = 30\n\n[checks]\n\
         allow = [{{ rule = \"lim004\", reason = \"load tested at 8 connections\" }}]\n",
        Sample::BASE
    );
    let resolved = Deployment::parse(&text).unwrap();
    let allowed = resolved
        .diagnostics
        .iter()
        .find(|finding| finding.code == "LIM004")
        .unwrap();
    assert_eq!(allowed.severity, Severity::Note);
    assert!(
        allowed
            .message
            .starts_with("allowed: load tested at 8 connections"),
        "{allowed}"
    );
}

/// A rule about what is deployed that a file can break: files that nginx does not let through.
const LARGE_FILES: &str = "\n[services.api.env]\nUPLOAD_FILE_SIZE_LIMIT = 900\n";

fn checked(text: &str) -> Diagnostics {
    check_file(text).map_or_else(|found| found, |it| it.diagnostics)
}

#[test]
fn a_disagreement_about_what_is_deployed_points_at_what_the_file_says() {
    let text = format!("{}{LARGE_FILES}", Sample::BASE);
    let found = checked(&text);
    let finding = found.iter().find(|it| it.code == "LIM105").unwrap();
    assert_eq!(
        finding.path.to_string(),
        "services.api.env.UPLOAD_FILE_SIZE_LIMIT"
    );
    let span = finding.span.unwrap();
    assert_eq!(&text[span.start..span.end], "900", "{finding}");
    assert_eq!(finding.related[0].path.to_string(), "services.nginx");
    // nginx's file follows from this one: nobody can edit it.
    let help = finding.help.as_deref().unwrap();
    assert!(help.contains("`max_body_size`"), "{help}");
    assert!(!help.contains("client_max_body_size"), "{help}");
    let json = serde_json::to_value(finding).unwrap();
    assert_eq!(json["span"]["line"], 9, "{json}");
}

#[test]
fn the_remedy_for_large_files_is_one_that_helps() {
    let route = |path: &str, size: &str| {
        format!("\n[[routes]]\npath = \"{path}\"\nservice = \"api\"\nmax_body_size = \"{size}\"\n")
    };
    let all = [
        "/console/api/files/upload",
        "/console/api/workspaces/current/plugin/upload/",
        "/v1/files/upload",
        "/v1/datasets/",
        "/api/files/upload",
        "/files/upload/for-plugin",
    ];
    let routes: String = all.iter().map(|path| route(path, "900M")).collect();
    let found = checked(&format!("{}{LARGE_FILES}{routes}", Sample::BASE));
    assert!(found.iter().all(|it| it.code != "LIM105"), "{found}");
    // And so do the routes that the remedy itself names.
    let found = checked(&format!("{}{LARGE_FILES}", Sample::BASE));
    let help = found.iter().find(|it| it.code == "LIM105").unwrap();
    let help = help.help.clone().unwrap();
    let named = help.split('`').filter(|it| it.starts_with('/'));
    let named: String = named.map(|path| route(path, "900M")).collect();
    let found = checked(&format!("{}{LARGE_FILES}{named}", Sample::BASE));
    assert!(found.iter().all(|it| it.code != "LIM105"), "{found}");
    // One of them is too small: it is the one that is pointed at.
    let routes = routes.replacen("900M", "899M", 1);
    let text = format!("{}{LARGE_FILES}{routes}", Sample::BASE);
    let found = checked(&text);
    let finding = found.iter().find(|it| it.code == "LIM105").unwrap();
    assert_eq!(finding.path.to_string(), "routes[0].max_body_size");
    let span = finding.span.unwrap();
    assert_eq!(&text[span.start..span.end], "\"899M\"", "{finding}");
}

#[test]
fn remedies_for_a_file_name_what_it_can_say() {
    for (lines, code, path, remedy) in [
        (
            "[services.plugin_daemon.env]\nMAX_PLUGIN_PACKAGE_SIZE = 20000000",
            "LIM111",
            "services.plugin_daemon.env.MAX_PLUGIN_PACKAGE_SIZE",
            "`services.plugin_daemon.env`",
        ),
        (
            "[services.api.env]\nHTTP_REQUEST_MAX_READ_TIMEOUT = 661",
            "LIM106",
            "services.api.env.HTTP_REQUEST_MAX_READ_TIMEOUT",
            "to 660 or less",
        ),
        (
            "[services.api.env]\nPLUGIN_REMOTE_INSTALL_HOST = \"debug.example.com\"",
            "NET118",
            "services.api.env.PLUGIN_REMOTE_INSTALL_HOST",
            "remove `PLUGIN_REMOTE_INSTALL_HOST`: ",
        ),
    ] {
        let found = checked(&format!("{}\n{lines}\n", Sample::BASE));
        let finding = found.iter().find(|it| it.code == code);
        let finding = finding.unwrap_or_else(|| panic!("{code}: {found}"));
        assert_eq!(finding.path.to_string(), path);
        let help = finding.help.as_deref().unwrap();
        assert!(help.contains(remedy), "{help}");
    }
    let fits = "[services.api.env]\nHTTP_REQUEST_MAX_READ_TIMEOUT = 660";
    let found = checked(&format!("{}\n{fits}\n", Sample::BASE));
    assert!(found.iter().all(|it| it.code != "LIM106"), "{found}");
}

#[test]
fn a_finding_about_what_is_deployed_points_at_the_variable_itself() {
    let text = format!(
        "{}\n[services.worker.env]\nHTTP_REQUEST_MAX_READ_TIMEOUT = 7200\n",
        Sample::BASE
    );
    let found = checked(&text);
    let finding = found.iter().find(|it| it.code == "LIM106").unwrap();
    let span = finding.span.unwrap();
    assert_eq!(&text[span.start..span.end], "7200", "{finding}");
}

#[test]
fn an_allowance_of_a_rule_about_deployments_is_used_or_said_to_be_left_over() {
    let allow = "\n[checks]\nallow = [{ rule = \"LIM106\", reason = \"we know\" }]\n";
    let broken = "\n[services.worker.env]\nHTTP_REQUEST_MAX_READ_TIMEOUT = 7200\n";
    let found = checked(&format!("{}{broken}{allow}", Sample::BASE));
    let finding = found.iter().find(|it| it.code == "LIM106").unwrap();
    assert_eq!(finding.severity, Severity::Note);
    assert!(finding.message.starts_with("allowed: we know"), "{finding}");
    assert!(found.iter().all(|it| it.code != "SPC007"), "{found}");
    let found = checked(&format!("{}{allow}", Sample::BASE));
    assert!(found.iter().any(|it| it.code == "SPC007"), "{found}");
}

/// What a finding says, wherever it stands.
fn said(found: Result<Resolved, Diagnostics>) -> BTreeSet<String> {
    let found = found.map_or_else(|found| found, |it| it.diagnostics);
    let said = found.iter().map(|it| {
        let related = it.related.iter().map(|it| (&it.path, &it.message));
        let related: Vec<_> = related.collect();
        let place = format!("{} {}", it.path, it.is_about_key);
        let found = format!("{} {} {place}", it.severity, it.code);
        format!("{found} {} {:?} {related:?}", it.message, it.help)
    });
    said.collect()
}

#[test]
fn what_is_built_has_the_findings_of_its_file() {
    let allowed = "[checks]\nallow = [{ rule = \"LIM105\", reason = \"we know\" }]\n";
    let unneeded = "[checks]\nallow = [{ rule = \"LIM106\", reason = \"we know\" }]\n";
    let image = "[images.overrides]\napi = \"langgenius/dify-api:1.13.3\"\n";
    let more = [LARGE_FILES, "", unneeded, image];
    let more = more.map(|more| format!("{}{more}", Sample::BASE));
    let allowed = format!("{}{LARGE_FILES}{allowed}", Sample::BASE);
    let samples = rules().flat_map(|rule| [rule.bad, rule.good]);
    let samples = samples.filter(Sample::is_file).map(|it| it.to_file());
    let (mut compared, mut deployed) = (0, 0);
    for text in samples.chain(more).chain([allowed]) {
        // What is wrong with the form of a file has nothing that it could be wrong with in Rust.
        let Ok(reading) = Spec::read(&text) else {
            continue;
        };
        if !reading.diagnostics.is_empty() {
            continue;
        }
        let built = DeploymentBuilder::from(reading.spec).build();
        let built = said(built.and_then(Resolved::check));
        assert_eq!(built, said(check_file(&text)), "{text}");
        compared += 1;
        deployed += usize::from(built.iter().any(|it| it.contains("LIM105")));
    }
    assert!(compared > 100, "{compared}");
    assert_eq!(
        deployed, 2,
        "those about what is deployed, an allowed one included"
    );
}

#[test]
fn reading_and_building_apply_the_rules_about_descriptions_alone() {
    let text = format!("{}{LARGE_FILES}", Sample::BASE);
    let resolved = Deployment::parse(&text).unwrap();
    let codes_of = |found: &Diagnostics| codes(found, &[Severity::Error, Severity::Warning]);
    assert!(codes_of(&resolved.diagnostics).is_empty());
    let once = resolved
        .check()
        .map_or_else(|found| found, |it| it.diagnostics);
    assert!(codes_of(&once).contains("LIM105"), "{once}");
}

#[test]
fn a_second_check_adds_nothing() {
    let text = format!(
        "{}\n[services.worker.env]\nHTTP_REQUEST_MAX_READ_TIMEOUT = 7200\n",
        Sample::BASE
    );
    let once = check_file(&text).unwrap();
    let findings = once.diagnostics.clone();
    assert!(findings.iter().any(|it| it.code == "LIM106"), "{findings}");
    assert_eq!(once.check().unwrap().diagnostics, findings);
}

#[test]
fn what_can_never_work_is_not_allowed_by_a_reason() {
    let rule = rules()
        .find(|it| it.is_of_deployed() && !it.can_be_allowed())
        .unwrap();
    let text = format!(
        "{}\n[checks]\nallow = [{{ rule = \"{}\", reason = \"we know\" }}]\n",
        Sample::BASE,
        rule.id
    );
    assert!(checked(&text).iter().any(|it| it.code == "SPC008"));
}

#[test]
fn no_finding_repeats_a_secret_of_the_file() {
    let canary = "canary-7f3a9";
    let text = format!(
        "{}\n[images]\nregistry = \"contoso.azurecr.io\"\nusername = \"u\"\npassword = \"{canary}\"\n\n\
         [services.api.env]\nSMTP_PASSWORD = \"{canary}\"\nSENTRY_DSN = \"https://{canary}@x\"\n\
         HTTP_PROXY = \"http://user:{canary}@proxy\"\n\
         CODE_EXECUTION_API_KEY = \"{canary}\"\nNOTION_CLIENT_SECRET = {{ secret = \"{canary}!\" }}\n\
         QDRANT_API_KEY = [\"{canary}\"]\nSECRET_KY = \"{canary}\"\n\n\
         [public]\norigin = \"https://user:{canary}@dify.example.com\"\n",
        Sample::BASE
    );
    let found = Deployment::parse(&text).unwrap_err();
    assert!(found.len() > 8, "{found}");
    assert!(!format!("{found} {found:?}").contains(canary), "{found}");
    let json = serde_json::to_string(&found.iter().collect::<Vec<_>>()).unwrap();
    assert!(!json.contains(canary));
}

#[test]
fn a_variable_under_its_wrong_name_leads_to_what_sets_it() {
    let text = format!(
        "{}\n[services.api.env]\nSANDBOX_API_KEY = {{ secret = \"x\" }}\n",
        Sample::BASE
    );
    let found = findings(&text);
    let finding = found
        .iter()
        .find(|finding| finding.code == "VER004")
        .unwrap();
    let help = finding.help.as_deref().unwrap();
    assert!(help.contains("CODE_EXECUTION_API_KEY"), "{finding}");
}

#[test]
fn one_wrong_origin_or_image_is_told_once() {
    let codes = |more: &str| -> Vec<String> {
        let found = checked(&format!("{}{more}", Sample::BASE));
        let pressing = found.iter().filter(|it| it.severity != Severity::Note);
        pressing.map(|it| it.code.clone()).collect()
    };
    let origin = "\n[public]\norigin = \"http://dify.example.com\"\n";
    assert_eq!(codes(origin), ["URL001"]);
    let own = format!("{origin}[services.api.env]\nTRIGGER_URL = \"http://other.example.com\"\n");
    assert!(codes(&own).len() > 1, "{:?}", codes(&own));
    let image =
        "\n[images.overrides]\nplugin_daemon = \"langgenius/dify-plugin-daemon:0.4.1-local\"\n";
    let codes = codes(image);
    assert_eq!(
        codes.iter().filter(|it| *it == "VER002").count(),
        1,
        "{codes:?}"
    );
    assert!(!codes.contains(&"VER102".to_owned()), "{codes:?}");
}
