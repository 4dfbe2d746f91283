//! Differences as people see them: obsolete settings, short fingerprints, both texts of a file.

use serde_json::Value;

use super::planner::Bodies;
use super::{FILES_TAG, Obsolete, Snapshot, files_of};
use crate::diff::Difference;
use crate::graph::Node;
use crate::resource::{FINGERPRINT_TAG, VARIABLES_TAG};

/// Variables and secrets that left the file are removed, so they are differences and not foreign.
/// The tags that list them change with them and say nothing more to a person.
pub(super) fn show_obsolete(
    differences: &mut Vec<Difference>,
    foreign: Vec<String>,
    bodies: Bodies<'_>,
) -> Vec<String> {
    let paths = Obsolete::of(bodies.wanted, bodies.live).paths(bodies.live);
    let theirs = foreign
        .into_iter()
        .filter(|path| !paths.contains(path))
        .collect();
    differences.extend(paths.into_iter().map(|path| Difference {
        path,
        before: Some(Value::from("(of an earlier file)")),
        after: None,
    }));
    let is_tag = |path: &str| path.starts_with("tags.dify-infra-") && !path.contains(FILES_TAG);
    let is_noise = |difference: &Difference| {
        is_tag(&difference.path)
            && (difference.after.is_none() || difference.path.ends_with(VARIABLES_TAG))
    };
    if differences.iter().any(|difference| !is_noise(difference)) {
        differences.retain(|difference| !is_noise(difference));
    }
    theirs
}

/// Fingerprints are shown by their first four characters: `a1b2 → c3d4`.
pub(super) fn show_fingerprints_short(differences: &mut [Difference]) {
    let shorten = |value: &mut Option<Value>| {
        if let Some(Value::String(text)) = value {
            text.truncate(4);
        }
    };
    for difference in differences {
        if difference
            .path
            .starts_with(&format!("tags.{FINGERPRINT_TAG}-"))
        {
            shorten(&mut difference.before);
            shorten(&mut difference.after);
        }
    }
}

/// A changed rendered file is shown with both texts when its old text could be read; a person sees
/// them as a text diff.
pub(super) fn show_files(differences: &mut Vec<Difference>, node: &Node, snapshot: &Snapshot) {
    let tag = format!("tags.{FILES_TAG}");
    if !differences.iter().any(|difference| difference.path == tag) {
        return;
    }
    for (name, after) in files_of(node.body()) {
        let Some(before) = snapshot
            .file(node.id(), name)
            .filter(|before| *before != after)
        else {
            continue;
        };
        differences.push(Difference {
            path: format!("properties.configuration.secrets[{name}]"),
            before: Some(Value::from(before)),
            after: Some(Value::from(after)),
        });
    }
}
