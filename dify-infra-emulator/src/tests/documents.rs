//! The page about behaviour names tests, and those exist.

use std::collections::BTreeSet;
use std::path::PathBuf;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The tests that a page names: `folder/file.rs::function`.
fn named(page: &str) -> BTreeSet<(String, String)> {
    page.split('`')
        .filter_map(|span| span.split_once(".rs::"))
        .map(|(file, function)| (format!("{file}.rs"), function.to_owned()))
        .collect()
}

/// Whether a source has a function that the test runner runs.
fn has_test(source: &str, function: &str) -> bool {
    let declared = source
        .find(&format!("fn {function}("))
        .map(|at| &source[..at]);
    declared.is_some_and(|before| {
        let attributes = before.rsplit('}').next().unwrap_or(before);
        attributes.contains("#[test]") || attributes.contains("#[tokio::test")
    })
}

#[test]
fn every_test_that_the_page_about_behaviour_names_exists() {
    let page = root().join("docs/reference/emulator-behaviour.md");
    let page = std::fs::read_to_string(page).unwrap();
    let tests = named(&page);
    assert!(tests.len() > 60, "only {} tests are named", tests.len());
    let mut wrong = Vec::new();
    for (file, function) in &tests {
        let folders = ["dify-infra-emulator/src", "tests/it"];
        let mut sources = folders
            .iter()
            .filter_map(|folder| std::fs::read_to_string(root().join(folder).join(file)).ok());
        match sources.next() {
            None => wrong.push(format!("{file}: there is no such file")),
            Some(source) if !has_test(&source, function) => {
                wrong.push(format!("{file} has no test {function}"));
            }
            Some(_) => {}
        }
    }
    for row in page.lines().filter(|line| line.starts_with("| ")) {
        let is_head = row.contains("---") || row.contains("| test |");
        if !is_head && named(row).is_empty() {
            wrong.push(format!("no test in: {row}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_page_about_behaviour_names_each_table_over_all_types() {
    let page = root().join("docs/reference/emulator-behaviour.md");
    let tests = named(&std::fs::read_to_string(page).unwrap());
    let folder = root().join("dify-infra-emulator/src/tests/every_type");
    let mut missing = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let source = std::fs::read_to_string(&path).unwrap();
        for part in source.split("#[test]\nfn ").skip(1) {
            let function = part.split('(').next().unwrap_or_default();
            let key = (format!("tests/every_type/{name}"), function.to_owned());
            if !tests.contains(&key) {
                missing.push(format!("{}::{}", key.0, key.1));
            }
        }
    }
    assert!(missing.is_empty(), "name them in the page: {missing:#?}");
}
