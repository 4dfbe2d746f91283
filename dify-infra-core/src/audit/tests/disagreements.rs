//! Whoever says that two places disagree names both, each with its line.

use std::fmt::Write as _;

use serde_json::json;

use super::super::*;
use super::{about_deployments, pressing, template};
use crate::check::rule;
use crate::diagnostic::Severity;

/// The rules that compare two places: each with what its bad sample has wrong at the one and at the other.
const TWO_PLACES: &[&str] = &[
    "AZR101", "AZR106", "AZR109", "BLB103", "BLB105", "BLB108", "BLB109", "DBX101", "DBX102",
    "DBX103", "DBX104", "DBX105", "DBX106", "DBX107", "DBX108", "DBX109", "DBX110", "DBX111",
    "DBX112", "DBX114", "DBX115", "DBX116", "KEY101", "KEY102", "KEY103", "KEY104", "KEY107",
    "KEY109", "KEY110", "KEY111", "LIM104", "LIM105", "LIM106", "LIM109", "LIM111", "LIM114",
    "LIM115", "LIM116", "LIM117", "LIM118", "LIM120", "NET102", "NET103", "NET104", "NET105",
    "NET106", "NET109", "NET110", "NET112", "NET113", "NET114", "NET117", "NET118", "NET121",
    "RED102", "RED103", "RED105", "RED107", "RED108", "RED109", "RED110", "RED112", "RED113",
    "RED114", "RED115", "SEC116", "URL103", "VER101", "VER102", "VER113",
];

#[test]
fn every_rule_that_compares_two_places_names_both_with_their_lines() {
    let mut table = String::new();
    let mut wrong = Vec::new();
    for one in about_deployments() {
        let report = sample::report(&one.bad).unwrap();
        let finding = report
            .under(one.id)
            .find(|it| it.severity == one.severity)
            .unwrap();
        let is_listed = TWO_PLACES.contains(&one.id);
        let Some(other) = finding.related.first() else {
            if is_listed {
                wrong.push(format!("{} names one place alone", one.id));
            }
            continue;
        };
        if !is_listed {
            wrong.push(format!("{} is not listed", one.id));
        }
        let _ = writeln!(table, "{}  {}  <>  {}", one.id, finding.place, other.place);
        for place in [&finding.place, &other.place] {
            if place.line().is_none() || place.column().is_none() {
                wrong.push(format!("{}: {place} has no line", one.id));
            }
        }
        let same = finding.place.to_string() == other.place.to_string();
        if same || other.message.is_empty() {
            wrong.push(format!("{} says nothing of the other place", one.id));
        }
    }
    println!("{table}");
    assert!(wrong.is_empty(), "{wrong:#?}\n{table}");
}

#[test]
fn lines_of_a_template_are_those_of_the_text() {
    let text = "{\n  \"resources\": [\n    {\n      \"type\": \"Microsoft.App/containerApps\",\n      \"name\": \"dify_web\"\n    }\n  ]\n}";
    let report = template(text);
    let finding = report.under("NET111").next().unwrap();
    assert_eq!(
        finding.place.to_string(),
        "main.json:5:7 $.resources[0].name"
    );
    // What `az deployment group export` wraps around a template moves the paths, not the lines.
    let report = template(&format!("{{\"template\":\n{text}}}"));
    let finding = report.under("NET111").next().unwrap();
    assert_eq!(
        finding.place.to_string(),
        "main.json:6:7 $.template.resources[0].name"
    );
}

/// The template of a default deployment, under another name.
fn another(name: &str) -> Vec<serde_json::Value> {
    use crate::deployment::Deployment;
    use crate::graph::{Target, lower};
    let resolved = Deployment::builder("dify", name)
        .profile(crate::deployment::Profile::Dev)
        .location("japaneast")
        .resource_group("dify-rg")
        .build()
        .unwrap();
    let graph = lower(
        &resolved.deployment,
        &Target::new(&resolved.deployment, None),
    );
    let rendered = crate::render::arm_template(&graph.unwrap()).to_string();
    // Parameters of the two would be one: each has its own.
    let rendered = rendered.replace("parameters('", &format!("parameters('{name}"));
    let rendered: serde_json::Value = serde_json::from_str(&rendered).unwrap();
    rendered["resources"].as_array().unwrap().clone()
}

#[test]
fn two_deployments_in_one_group_are_judged_each_by_itself() {
    let both = [another("dev"), another("test")].concat();
    let report = template(&json!({ "resources": both }).to_string());
    assert_eq!(pressing(&report), Vec::<&str>::new(), "{report}");
    // A mistake in one of them is found, and in that one alone.
    let mut broken = both;
    let proxy = broken
        .iter_mut()
        .find(|it| it["name"] == "dify-test-ssrf-proxy");
    proxy.unwrap()["properties"]["configuration"]["ingress"] =
        json!({"external": false, "transport": "http", "targetPort": 3128});
    let report = template(&json!({ "resources": broken }).to_string());
    let finding: Vec<_> = report.under("SSR102").collect();
    assert_eq!(finding.len(), 1, "{report}");
    assert!(finding[0].message.contains("dify-test-ssrf-proxy"));
}

#[test]
fn a_machine_of_ones_own_takes_every_size_that_fits() {
    let said = |profile: &str, cpu: f64, memory: &str| {
        let report = template(
            &json!({"resources": [
                {"type": "Microsoft.App/managedEnvironments", "name": "env", "properties": {"workloadProfiles": [
                    {"name": "Consumption", "workloadProfileType": "Consumption"},
                    {"name": "large", "workloadProfileType": "D4"}]}},
                {"type": "Microsoft.App/containerApps", "name": "web", "properties": {
                    "workloadProfileName": profile,
                    "template": {"containers": [{"name": "web", "image": "langgenius/dify-web:1.16.0",
                        "resources": {"cpu": cpu, "memory": memory}}]}}}]})
            .to_string(),
        );
        report
            .under("LIM103")
            .map(|it| it.severity)
            .collect::<Vec<_>>()
    };
    assert_eq!(said("Consumption", 1.0, "1Gi"), [Severity::Error]);
    assert_eq!(said("large", 1.0, "1Gi"), []);
    assert_eq!(said("large", 2.0, "32Gi"), [Severity::Error]);
    assert_eq!(said("unknown", 2.0, "32Gi"), []);
}

#[test]
fn a_file_inside_of_a_template_has_the_line_of_the_value_and_its_own_in_words() {
    let report = sample::report(&rule("SSR104").unwrap().bad).unwrap();
    let finding = report.under("SSR104").next().unwrap();
    assert_eq!(finding.place.document_name(), "open-squid.conf");
    assert!(finding.place.line().is_some());
    let text = json!({"resources": [{"type": "Microsoft.App/containerApps", "name": "p", "properties": {
        "template": {"containers": [{"name": "p", "image": "ubuntu/squid:6.6-24.04_edge", "args": ["-c",
            "cat > /etc/squid/squid.conf <<EOF\nhttp_port 3128\nhttp_access allow all\nEOF\nexec squid -N"]}]}}}]});
    let report = template(&text.to_string());
    let finding = report.under("SSR104").next().unwrap();
    assert!(finding.message.contains("line 2"), "{finding}");
    assert_eq!(finding.place.line(), Some(1));
}
