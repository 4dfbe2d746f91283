//! Finding the clients; `.ci/clients` puts them into a cache folder.

use std::path::PathBuf;

/// A program of the cache folder; without it the test is skipped, or fails where it is required.
pub(crate) fn find(path: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("DIFY_INFRA_CLIENTS").map_or_else(
        || {
            let home = PathBuf::from(std::env::var_os("HOME").unwrap_or_default());
            std::env::var_os("XDG_CACHE_HOME")
                .map_or_else(|| home.join(".cache"), PathBuf::from)
                .join("dify-infra")
        },
        PathBuf::from,
    );
    let program = folder.join(path);
    if program.exists() {
        return Some(program);
    }
    let required = std::env::var("DIFY_INFRA_REQUIRE_REAL").is_ok_and(|value| value == "1");
    assert!(
        !required,
        "{} is required; .ci/clients makes it",
        program.display()
    );
    #[expect(clippy::print_stdout, reason = "a skipped test says so")]
    {
        println!("skipped: {} not found", program.display());
    }
    None
}
