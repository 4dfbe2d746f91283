//! The data files themselves.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::super::data::{self, ReleasesData, VariablesData};
use super::super::*;

fn variable_files() -> Vec<VariablesData> {
    data::VARIABLES
        .iter()
        .map(|text| serde_json::from_str(text).unwrap())
        .collect()
}

#[test]
fn changes_speak_of_known_names() {
    let data: ReleasesData = serde_json::from_str(data::RELEASES).unwrap();
    let files = variable_files();
    let known: BTreeSet<_> = files
        .iter()
        .flat_map(|file| {
            let read = file
                .variables
                .iter()
                .chain(&file.former)
                .map(|it| it.name.as_str());
            read.chain(file.not_read.iter().map(|it| it.name.as_str()))
        })
        .chain(["ENABLE_AGENT_V2"])
        .collect();
    for change in &data.changes {
        for name in &change.variables {
            assert!(known.contains(name.as_str()), "{name} in {}", change.what);
        }
    }
}

#[test]
fn data_files_are_sorted_without_repetition_and_explain_every_name() {
    for file in variable_files() {
        for list in [&file.variables, &file.runtime, &file.former] {
            assert!(
                list.is_sorted_by(|left, right| left.name < right.name),
                "{}",
                file.image
            );
        }
        assert!(
            file.not_read
                .is_sorted_by(|left, right| left.name < right.name),
            "{}",
            file.image
        );
        assert!(
            file.former.iter().all(|it| it.until.is_some()),
            "{}",
            file.image
        );
        let read: BTreeSet<_> = [&file.variables, &file.runtime, &file.former]
            .into_iter()
            .flatten()
            .map(|it| it.name.as_str())
            .collect();
        let count = file.variables.len() + file.runtime.len() + file.former.len();
        assert_eq!(read.len(), count, "{}: a name is in two lists", file.image);
        for name in &file.not_read {
            assert!(!name.why.is_empty(), "{}", name.name);
            assert!(!read.contains(name.name.as_str()), "{} is read", name.name);
            if let Some(right) = &name.right_name {
                assert!(read.contains(right.as_str()), "{} -> {right}", name.name);
            }
        }
    }
}

#[test]
fn every_default_is_a_value_that_the_image_accepts_and_meanings_stay_short() {
    for release in Catalogue::builtin().releases() {
        for kind in ServiceKind::ALL {
            for variable in release.variables(kind).iter() {
                if let Some(default) = &variable.default {
                    variable.check_value(default).unwrap();
                }
                assert!(!variable.meaning.is_empty(), "{}", variable.name);
                assert!(variable.meaning.len() <= 120, "{}", variable.name);
            }
        }
    }
}

#[test]
fn broken_data_is_refused_instead_of_half_used() {
    let without_tag = data::RELEASES.replacen("\"sandbox\": \"0.2.15\", ", "", 1);
    let error = data::load(&without_tag, &data::VARIABLES).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("release 1.17.1 has no sandbox image"),
        "{error}"
    );
    let wrong_default =
        data::RELEASES.replacen("\"default\": \"1.16.0\"", "\"default\": \"1.0.0\"", 1);
    assert!(data::load(&wrong_default, &data::VARIABLES).is_err());
    assert!(data::load(data::RELEASES, &data::VARIABLES[1..]).is_err());
    let misspelt = data::RELEASES.replacen("\"optional\"", "\"optionl\"", 1);
    assert!(data::load(&misspelt, &data::VARIABLES).is_err());
}

/// What upstream was found to read, before it was made compact.
fn upstream_variables() -> Option<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors()
        .map(|it| it.join("shared/facts/dify-env"))
        .find(|it| it.is_dir())
}

#[test]
fn tables_hold_every_name_and_secret_that_was_read_upstream() {
    let Some(folder) = upstream_variables() else {
        assert!(
            std::env::var_os("DIFY_INFRA_REQUIRE_REAL").is_none_or(|it| it != "1"),
            "the collected variables are required but not there"
        );
        eprintln!("skipped: the collected variables are not there");
        return;
    };
    // It is a password, though the collection does not say so.
    let also_secret = ["UV_INDEX_NEXUS_PASSWORD"];
    for file in variable_files() {
        let text = std::fs::read_to_string(folder.join(format!("{}.json", file.image))).unwrap();
        let upstream: serde_json::Value = serde_json::from_str(&text).unwrap();
        let upstream: BTreeMap<&str, bool> = upstream["variables"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| {
                (
                    it["name"].as_str().unwrap(),
                    it["secret"].as_bool().unwrap(),
                )
            })
            .map(|(name, secret)| (name, secret || also_secret.contains(&name)))
            .collect();
        if matches!(file.image, ImageKind::Nginx | ImageKind::SsrfProxy) {
            assert_stock_image_covers(&file, &upstream);
            continue;
        }
        let embedded: BTreeMap<&str, bool> = file
            .variables
            .iter()
            .map(|it| (it.name.as_str(), it.secret))
            .collect();
        assert_eq!(embedded, upstream, "{}", file.image);
    }
}

/// Template variables are known as not read; what else was collected is read by the image itself.
fn assert_stock_image_covers(file: &VariablesData, upstream: &BTreeMap<&str, bool>) {
    let read = file.variables.iter().map(|it| it.name.as_str());
    let known: BTreeSet<_> = read
        .chain(file.not_read.iter().map(|it| it.name.as_str()))
        .collect();
    for name in upstream.keys() {
        assert!(known.contains(name), "{}: {name}", file.image);
    }
}
