//! What can't be seen is never taken for something that is not there.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::audit::{TemplateInput, audit, from_template};
use crate::deployment::Deployment;
use crate::diagnostic::Severity;
use crate::graph::{Target, lower};
use crate::render::arm_template;

/// Keys of a resource that say what it is, and whatever is below them.
const IDENTIFYING: [&str; 6] = [
    "type",
    "apiVersion",
    "name",
    "dependsOn",
    "tags",
    "location",
];

fn own_template() -> Value {
    let resolved = Deployment::builder("dify", "dev")
        .location("japaneast")
        .resource_group("dify-dev-rg")
        .build()
        .unwrap();
    let target = Target::new(&resolved.deployment, None);
    arm_template(&lower(&resolved.deployment, &target).unwrap())
}

/// The paths of all values below: `/resources/3/properties/template`.
fn paths(value: &Value, path: &str, all: &mut Vec<String>) {
    let mut below = |key: &str, value: &Value| {
        let path = format!("{path}/{key}");
        all.push(path.clone());
        paths(value, &path, all);
    };
    match value {
        Value::Object(members) => members.iter().for_each(|(key, value)| below(key, value)),
        Value::Array(items) => {
            let items = items.iter().enumerate();
            items.for_each(|(index, value)| below(&index.to_string(), value));
        }
        _ => {}
    }
}

/// Errors and warnings of the template with an unknown value in a place, and whether anything is not seen.
fn found_without(template: &Value, path: &str) -> (Vec<String>, bool) {
    let mut changed = template.clone();
    *changed.pointer_mut(path).unwrap() = json!("[parameters('unknown')]");
    changed["parameters"]["unknown"] = json!({ "type": "object" });
    let text = changed.to_string();
    let inventory = from_template(TemplateInput {
        template: ("main.json", &text),
        parameters: None,
    });
    let report = audit(&inventory.unwrap());
    let pressing = report
        .findings
        .iter()
        .filter(|it| it.severity != Severity::Note)
        .map(|it| format!("{} {}", it.code, it.message))
        .collect();
    (pressing, !report.not_seen.is_empty())
}

/// One place of each kind: the same key of two apps tells no more than that of one.
fn kinds_of_places(template: &Value) -> Vec<String> {
    let mut all = Vec::new();
    for (index, resource) in template["resources"].as_array().unwrap().iter().enumerate() {
        let keys = resource.as_object().unwrap().keys();
        for key in keys.filter(|key| !IDENTIFYING.contains(&key.as_str())) {
            let path = format!("/resources/{index}/{key}");
            all.push(path.clone());
            paths(&resource[key], &path, &mut all);
        }
    }
    let mut known = BTreeSet::new();
    let is_structure = |path: &&String| {
        let value = template.pointer(path).unwrap();
        value.is_object() || value.is_array()
    };
    all.iter()
        .filter(is_structure)
        .filter(|path| {
            let mut keys = path.split('/').skip(2);
            let index: usize = keys.next().unwrap().parse().unwrap();
            let resource = &template["resources"][index];
            let image = resource.pointer("/properties/template/containers/0/image");
            let keys: Vec<&str> = keys
                .filter(|key| !key.chars().all(|it| it.is_ascii_digit()))
                .collect();
            known.insert((
                resource["type"].to_string(),
                image.map(ToString::to_string),
                keys.join("/"),
            ))
        })
        .cloned()
        .collect()
}

#[test]
fn an_unknown_object_or_list_breaks_no_rule() {
    let template = own_template();
    let mut wrong = Vec::new();
    let places = kinds_of_places(&template);
    assert!(places.len() > 100, "{}", places.len());
    for path in places {
        let (found, _) = found_without(&template, &path);
        if !found.is_empty() {
            wrong.push(format!("{path}: {}", found.join("; ")));
        }
    }
    assert!(wrong.is_empty(), "{} of\n{}", wrong.len(), wrong.join("\n"));
}

/// What is told as not seen of a template, and its pressing findings.
fn not_seen(template: &Value) -> (Vec<String>, usize) {
    let text = template.to_string();
    let inventory = from_template(TemplateInput {
        template: ("main.json", &text),
        parameters: None,
    });
    let report = audit(&inventory.unwrap());
    let told = report.not_seen.iter();
    let told = told.map(|it| format!("{}: {}", it.place.pointer(), it.why));
    (told.collect(), report.recognised)
}

#[test]
fn an_unknown_structure_of_an_app_is_listed() {
    let template = own_template();
    assert_eq!(not_seen(&template).0, [""; 0]);
    let resources = template["resources"].as_array().unwrap();
    let app = resources
        .iter()
        .position(|it| it["type"] == "Microsoft.App/containerApps")
        .unwrap();
    for below in [
        "configuration/secrets",
        "configuration",
        "template/containers",
        "template",
        "template/containers/0/env",
        "template/containers/0/image",
    ] {
        let path = format!("/resources/{app}/properties/{below}");
        let (_, is_listed) = found_without(&template, &path);
        assert!(is_listed, "{below}");
    }
    let image = format!("/resources/{app}/properties/template/containers/0/image");
    let mut changed = template.clone();
    *changed.pointer_mut(&image).unwrap() = json!("[parameters('unknown')]");
    let (told, recognised) = not_seen(&changed);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("an image whose name can't be told"));
    assert_eq!(recognised, not_seen(&template).1 - 1);
}

#[test]
fn a_condition_and_a_count_that_are_taken_for_granted_are_listed() {
    for (key, value, why) in [
        ("condition", json!("[parameters('unknown')]"), "a condition"),
        (
            "copy",
            json!({ "name": "all", "count": "[parameters('unknown')]" }),
            "a count",
        ),
        (
            "copy",
            json!({ "name": "all", "count": 1_000_000_000 }),
            "a count",
        ),
    ] {
        let mut template = own_template();
        let before = not_seen(&template);
        template["resources"][0][key] = value;
        let after = not_seen(&template);
        assert_eq!(after.1, before.1);
        assert!(after.0[0].contains(why), "{:?}", after.0);
    }
    let mut template = own_template();
    template["resources"][0]["condition"] = json!(true);
    assert_eq!(not_seen(&template).0, [""; 0]);
}

#[test]
fn what_runs_dify_and_is_not_read_is_listed() {
    let site = |version: &str| {
        json!({"resources": [{"type": "Microsoft.Web/sites", "name": "dify",
            "properties": {"siteConfig": {"linuxFxVersion": version}}}]})
    };
    let group = json!({"resources": [{"type": "Microsoft.ContainerInstance/containerGroups", "name": "dify",
        "properties": {"containers": [{"name": "api", "properties": {"image": "langgenius/dify-api:1.16.0"}}]}}]});
    for template in [
        site("DOCKER|langgenius/dify-api:1.16.0"),
        site("COMPOSE|c2VydmljZXM6"),
        group,
    ] {
        let (told, recognised) = not_seen(&template);
        assert_eq!((told.len(), recognised), (1, 0), "{told:?}");
        assert!(told[0].contains("runs containers of Dify"), "{told:?}");
    }
    assert_eq!(not_seen(&site("NODE|22-lts")).0, [""; 0]);
}
