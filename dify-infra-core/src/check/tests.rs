use std::collections::BTreeSet;

use super::*;
use crate::diagnostic::{Diagnostics, Severity};

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

#[test]
fn no_finding_repeats_a_secret_of_the_file() {
    let canary = "canary-7f3a9";
    let text = format!(
        "{}\n[images]\nregistry = \"r.azurecr.io\"\nusername = \"u\"\npassword = \"{canary}\"\n\n\
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
