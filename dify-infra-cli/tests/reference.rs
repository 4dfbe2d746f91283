//! The reference pages in `docs/reference/` say what the code says.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use dify_infra_cli::reference;

#[test]
fn the_reference_pages_are_fresh() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/reference");
    let bless = std::env::var_os("DIFY_INFRA_BLESS").is_some();
    if bless {
        fs::create_dir_all(&directory).unwrap();
    }
    let mut stale = Vec::new();
    for (name, page) in reference::pages() {
        let path = directory.join(name);
        if bless {
            fs::write(&path, &page).unwrap();
        } else if fs::read_to_string(&path).unwrap_or_default() != page {
            stale.push(name);
        }
    }
    assert!(
        stale.is_empty(),
        "docs/reference/{{{}}} are not what the code says; run \
         `DIFY_INFRA_BLESS=1 cargo test -p dify-infra-cli --test reference` and commit them",
        stale.join(",")
    );
}

/// The names of all tests in the sources of core.
fn tests_of_core() -> BTreeSet<String> {
    let mut tests = BTreeSet::new();
    let mut directories =
        vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("../dify-infra-core/src")];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|it| it == "rs") {
                let text = fs::read_to_string(path).unwrap();
                let lines: Vec<&str> = text.lines().map(str::trim).collect();
                let pairs = lines.windows(2).filter(|it| it[0] == "#[test]");
                let names = pairs.filter_map(|it| it[1].strip_prefix("fn ")?.split_once('('));
                tests.extend(names.map(|(name, _)| name.to_owned()));
            }
        }
    }
    tests
}

/// Whether what a line of the page says to show it does: words of the sample that breaks one of its rules, or a test.
fn shows(shown: &str, rules: &[&str], tests: &BTreeSet<String>) -> bool {
    let Some((id, words)) = shown.trim_end_matches('`').split_once('`') else {
        return false;
    };
    match id.trim() {
        "" => tests.contains(words),
        id => {
            let rule = dify_infra_core::check::rule(id);
            rules.contains(&id) && rule.is_some_and(|it| it.bad.text().contains(words))
        }
    }
}

#[test]
fn the_page_of_what_rules_cover_names_every_family_and_what_shows_each_line() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/reference/coverage.md");
    let text = fs::read_to_string(path).unwrap();
    let tests = tests_of_core();
    assert!(tests.len() > 300, "{}", tests.len());
    let mut families: Vec<&str> = Vec::new();
    let mut count = 0;
    for line in text.lines().filter(|line| line.starts_with("| ")).skip(1) {
        let [_, family, what, rules, shown, _] =
            line.split('|').map(str::trim).collect::<Vec<_>>()[..]
        else {
            panic!("{line}")
        };
        assert!(!what.is_empty(), "{line}");
        if families.last() != Some(&family) {
            families.push(family);
        }
        let rules: Vec<&str> = rules.split(", ").collect();
        for id in &rules {
            let rule =
                dify_infra_core::check::rule(id).unwrap_or_else(|| panic!("no rule {id}: {line}"));
            assert!(!rule.bad.text().is_empty() && rule.bad != rule.good, "{id}");
        }
        let shown: Vec<&str> = shown.split("`, ").collect();
        for one in &shown {
            assert!(shows(one, &rules, &tests), "`{one}` shows nothing: {line}");
        }
        let is_shown = |id: &&str| {
            shown
                .iter()
                .any(|it| it.starts_with(*id) || it.starts_with('`'))
        };
        assert!(
            rules.iter().all(is_shown),
            "a rule that nothing shows: {line}"
        );
        count += 1;
    }
    let expected = [
        "Consistency",
        "Reachability",
        "Secrets",
        "Budgets",
        "Releases",
        "Proxy policy",
        "Least privilege",
    ];
    assert_eq!(families, expected);
    assert!(count >= 60, "{count}");
}
