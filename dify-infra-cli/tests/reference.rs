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
