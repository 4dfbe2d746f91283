//! The reference pages in `docs/reference/` say what the code says.

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

#[test]
fn the_page_of_what_rules_cover_names_every_family_and_rules_that_are_there() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/reference/coverage.md");
    let text = fs::read_to_string(path).unwrap();
    let mut families: Vec<&str> = Vec::new();
    let mut count = 0;
    for line in text.lines().filter(|line| line.starts_with("| ")).skip(1) {
        let [_, family, what, rules, _] = line.split('|').map(str::trim).collect::<Vec<_>>()[..]
        else {
            panic!("{line}")
        };
        assert!(!what.is_empty(), "{line}");
        if families.last() != Some(&family) {
            families.push(family);
        }
        for id in rules.split(", ") {
            let rule =
                dify_infra_core::check::rule(id).unwrap_or_else(|| panic!("no rule {id}: {line}"));
            assert!(!rule.bad.text().is_empty() && rule.bad != rule.good, "{id}");
        }
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
