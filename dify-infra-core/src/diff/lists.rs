//! Which lists are sets of named things, and by what their items are known.

use serde_json::Value;

/// The fields by which items of a list are known, most telling first. `type` is last: two probes
/// of an app differ in it, other things share it.
const KEYS: [&str; 6] = [
    "name",
    "server",
    "volumeName",
    "secretRef",
    "identity",
    "type",
];

/// The field that names each item of a list of objects: one that every item has as a text, each
/// different. Lists without one are compared by position.
pub(super) fn key_of(items: &[Value]) -> Option<&'static str> {
    KEYS.into_iter().find(|key| {
        let mut names: Vec<String> = Vec::with_capacity(items.len());
        for item in items {
            match item.get(key).and_then(Value::as_str) {
                Some(name) => names.push(name.to_ascii_lowercase()),
                None => return false,
            }
        }
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        count > 0 && names.len() == count
    })
}

/// The item whose key has this value, in any letter case.
pub(super) fn find<'a>(items: &'a [Value], key: &str, wanted: &str) -> Option<&'a Value> {
    items.iter().find(|item| has_key(item, key, wanted))
}

pub(super) fn has_key(item: &Value, key: &str, wanted: &str) -> bool {
    item.get(key)
        .and_then(Value::as_str)
        .is_some_and(|name| name.eq_ignore_ascii_case(wanted))
}

/// Words of a comma-separated setting, trimmed, lower-cased: `azure.extensions`.
pub(crate) fn words(list: &str) -> Vec<String> {
    let words = list.split(',').map(|word| word.trim().to_ascii_lowercase());
    words.filter(|word| !word.is_empty()).collect()
}
