//! What the tests stand on: an Azure that is watched, and deployments on it.

pub(crate) mod azure;
pub(crate) mod scene;
pub(crate) mod schemas;
pub(crate) mod state;

pub(crate) use azure::{Azure, Exchange};
pub(crate) use scene::Scene;

/// A text with one place changed, which must be there exactly once.
#[track_caller]
pub(crate) fn edit(text: &str, from: &str, to: &str) -> String {
    assert_eq!(
        text.matches(from).count(),
        1,
        "{from:?} must stand once in:\n{text}"
    );
    text.replace(from, to)
}

/// A file with one tag more, which changes every resource that can have tags.
pub(crate) fn with_another_tag(file: &str) -> String {
    if file.contains("\ntags = { ") {
        edit(file, "\ntags = { ", "\ntags = { changed = \"yes\", ")
    } else {
        edit(
            file,
            "\n[azure]\n",
            "\n[azure]\ntags = { changed = \"yes\" }\n",
        )
    }
}
