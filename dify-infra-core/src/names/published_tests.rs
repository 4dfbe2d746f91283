//! Azure's own schemas say nothing against a name that these rules accept.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use serde_json::Value;

use super::tests::{accepts, made_by, sized};
use super::*;

/// The folder of the JSON Schemas made from Azure's published types, if it is there.
fn arm_schemas() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/arm-schemas");
    if folder.join("index.json").is_file() {
        return Some(folder);
    }
    let required = std::env::var("DIFY_INFRA_REQUIRE_REAL").is_ok_and(|value| value == "1");
    assert!(!required, "{} is required and missing", folder.display());
    println!("skipped: arm-schemas not found");
    None
}

/// What the schema of each ARM type says about its name.
fn published_names(folder: &Path) -> BTreeMap<String, Value> {
    let read = |file: &Path| -> Value {
        serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
    };
    let index = read(&folder.join("index.json"));
    let entries = index
        .as_array()
        .or_else(|| index["types"].as_array())
        .expect("a list of types");
    let name_of = |entry: &Value| {
        let file = folder.join(entry["file"].as_str().unwrap());
        (
            entry["type"].as_str().unwrap().to_owned(),
            read(&file)["x-arm"]["name"].clone(),
        )
    };
    entries.iter().map(name_of).collect()
}

/// Azure's patterns, each written by hand: a new one in the schemas fails until it is here.
fn matches_published_pattern(pattern: &str, text: &str) -> bool {
    let word = |character: char| character.is_alphanumeric() || character == '_';
    let all = |allowed: fn(char) -> bool| !text.is_empty() && text.chars().all(allowed);
    let groups = || {
        let group =
            |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric());
        text.split('-').all(group)
    };
    match pattern {
        r"^[-\w\._\(\)]+$" => {
            !text.is_empty() && text.chars().all(|c| word(c) || "-.()".contains(c))
        }
        r"^[-\w\._]+$" => !text.is_empty() && text.chars().all(|c| word(c) || "-.".contains(c)),
        // Stricter than Azure's: this pattern has no `$` and would take any end.
        "^[a-zA-Z0-9]+(-[a-zA-Z0-9]+)*" => groups(),
        "^(?=.{1,60}$)[A-Za-z0-9]+(-[A-Za-z0-9]+)*$" => groups() && text.len() <= 60,
        r"^[a-zA-Z_][\w\-]{0,62}$" => {
            text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
                && text.chars().all(|c| word(c) || c == '-')
                && text.len() <= 63
        }
        "^[a-zA-Z0-9][-_a-zA-Z0-9]{0,79}(?<!-)$" => {
            text.starts_with(|c: char| c.is_ascii_alphanumeric())
                && all(|c| c.is_ascii_alphanumeric() || "-_".contains(c))
                && text.len() <= 80
                && !text.ends_with('-')
        }
        "^[a-z0-9]+$" => all(|c| c.is_ascii_lowercase() || c.is_ascii_digit()),
        "^[a-zA-Z0-9]*$" => text.chars().all(|c| c.is_ascii_alphanumeric()),
        "^[A-Za-z0-9][A-Za-z0-9-]+[A-Za-z0-9]$" => {
            text.len() >= 3
                && all(|c| c.is_ascii_alphanumeric() || c == '-')
                && !text.starts_with('-')
                && !text.ends_with('-')
        }
        unknown => panic!("write the pattern {unknown} into this test"),
    }
}

fn fits_published(published: &Value, text: &str) -> bool {
    let length = text.chars().count() as u64;
    published["minLength"]
        .as_u64()
        .is_none_or(|minimum| length >= minimum)
        && published["maxLength"]
            .as_u64()
            .is_none_or(|maximum| length <= maximum)
        && published["pattern"]
            .as_str()
            .is_none_or(|it| matches_published_pattern(it, text))
}

#[test]
fn accepted_names_satisfy_the_published_schemas() {
    let Some(folder) = arm_schemas() else {
        return;
    };
    let published = published_names(&folder);
    let typed: Vec<_> = rules()
        .iter()
        .filter_map(|rule| Some((rule, rule.resource_type()?)))
        .collect();
    assert!(typed.len() > 20, "{}", typed.len());
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    for (rule, resource_type) in typed {
        let name = &published[resource_type];
        let fits = |text: &str| {
            let fine = !accepts(rule, text) || fits_published(name, text);
            prop_assert!(fine, "{text:?} is a {} but {name} refuses it", rule.what());
            Ok(())
        };
        for length in [rule.minimum(), rule.maximum()] {
            fits(&sized(rule, length)).unwrap();
        }
        runner.run(&made_by(rule), |text| fits(&text)).unwrap();
        runner.run(&any::<String>(), |text| fits(&text)).unwrap();
    }
}

#[test]
fn every_type_of_the_rules_is_published() {
    let Some(folder) = arm_schemas() else {
        return;
    };
    let published = published_names(&folder);
    for resource_type in rules().iter().filter_map(NameRule::resource_type) {
        assert!(published.contains_key(resource_type), "{resource_type}");
    }
}
