//! Every rule over its samples, every pain and every known defect over the forms they can come in.

mod calls;
mod compose_input;
mod compose_rules;
mod data_services;
mod defects;
mod disagreements;
mod exposure;
mod false_alarms;
mod front_door;
mod hostile;
mod images;
mod ingresses;
mod leaks;
mod least_privilege;
mod limits;
mod pains;
mod pairs;
mod parts;
mod proxies;
mod releases;
mod samples;
mod switches;
mod unknowns;

use std::collections::BTreeMap;

use super::*;
use crate::check::{Rule, Sample, rules};
use crate::deployment::Deployment;
use crate::diagnostic::Severity;

const NOTHING: Sample = Sample::compose("services: {}");
const NOTHING_ON_AZURE: Sample = Sample::resources("[]");

pub(super) fn compose(files: &[(&str, &str)]) -> Report {
    let files: BTreeMap<String, String> = files
        .iter()
        .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
        .collect();
    let inventory = from_compose(ComposeInput {
        compose: &["docker-compose.yaml"],
        files: &files,
        profiles: &[],
    });
    audit(&inventory.unwrap())
}

pub(super) fn template(text: &str) -> Report {
    let inventory = from_template(TemplateInput {
        template: ("main.json", text),
        parameters: None,
    });
    audit(&inventory.unwrap())
}

/// Ids that a report has as errors or warnings.
pub(super) fn pressing(report: &Report) -> Vec<&'static str> {
    let mut codes: Vec<_> = report
        .findings
        .iter()
        .filter(|it| it.severity != Severity::Note)
        .map(|it| it.code)
        .collect();
    codes.dedup();
    codes
}

fn about_deployments() -> impl Iterator<Item = &'static Rule> {
    rules().filter(|rule| rule.is_of_deployed())
}

#[test]
fn there_are_more_than_sixty_rules_about_deployments() {
    assert!(
        about_deployments().count() >= 60,
        "{}",
        about_deployments().count()
    );
}

#[test]
fn what_samples_lie_over_keeps_every_rule() {
    for base in [&NOTHING, &NOTHING_ON_AZURE] {
        let report = sample::report(base).unwrap();
        assert_eq!(pressing(&report), Vec::<&str>::new(), "{report}");
        assert!(report.recognised >= 8, "{}", report.recognised);
    }
}

#[test]
fn every_bad_sample_breaks_its_rule() {
    let mut silent = Vec::new();
    for rule in about_deployments() {
        let found = samples::JUDGED[rule.id]
            .bad
            .under(rule.id)
            .any(|it| it.severity == rule.severity && !it.help.is_empty());
        if !found {
            silent.push(rule.id);
        }
    }
    assert!(silent.is_empty(), "silent: {silent:?}");
}

#[test]
fn every_good_sample_keeps_its_rule() {
    let mut loud = Vec::new();
    for rule in about_deployments() {
        let report = &samples::JUDGED[rule.id].good;
        if report.under(rule.id).any(|it| it.severity == rule.severity) {
            loud.push((rule.id, report.to_string()));
        }
    }
    assert!(loud.is_empty(), "{loud:#?}");
}

#[test]
fn our_own_deployment_audits_clean() {
    let resolved = Deployment::builder("dify", "dev")
        .location("japaneast")
        .resource_group("dify-dev-rg")
        .build()
        .unwrap();
    let report = audit(&from_deployment(&resolved.deployment).unwrap());
    assert_eq!(pressing(&report), Vec::<&str>::new(), "{report}");
    assert_eq!(report.recognised, 10, "{report}");
}

#[test]
fn a_disagreement_names_both_places() {
    let report = sample::report(&crate::check::rule("KEY101").unwrap().bad).unwrap();
    let finding = report.under("KEY101").next().unwrap();
    assert_eq!(
        finding.place.document_name(),
        "docker-compose.override.yaml"
    );
    assert_eq!(finding.place.line(), Some(4));
    assert_eq!(finding.related.len(), 1);
    assert_eq!(
        finding.related[0].place.document_name(),
        "docker-compose.yaml"
    );
}

#[test]
fn a_vault_reference_proves_that_two_sides_are_equal() {
    let app = |name: &str, image: &str, variable: &str, secret: &str| {
        format!(
            r#"{{"type": "Microsoft.App/containerApps", "name": "{name}", "properties": {{
                "configuration": {{"secrets": [{{"name": "k", "identity": "id",
                    "keyVaultUrl": "https://v.vault.azure.net/secrets/{secret}/1"}}]}},
                "template": {{"containers": [{{"name": "c", "image": "{image}",
                    "env": [{{"name": "{variable}", "secretRef": "k"}}]}}]}}}}}}"#
        )
    };
    let both = |other: &str| {
        let resources = [
            app(
                "a",
                "langgenius/dify-api:1.16.0",
                "CODE_EXECUTION_API_KEY",
                "sandbox",
            ),
            app("s", "langgenius/dify-sandbox:0.2.15", "API_KEY", other),
        ];
        template(&format!(r#"{{"resources": [{}]}}"#, resources.join(",")))
    };
    assert_eq!(both("sandbox").under("KEY103").count(), 0);
    let unsure = both("another");
    let finding = unsure.under("KEY103").next().unwrap();
    assert_eq!(finding.severity, Severity::Note);
    assert!(finding.message.contains("can't be seen"), "{finding}");
}
