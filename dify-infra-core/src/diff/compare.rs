//! The comparison itself.

use serde_json::Value;

use super::lists::{find, has_key, key_of, words};
use super::{Comparison, Difference, KNOWN_AFTER_APPLY, Path, SECRET};
use crate::resource::{Kind, Text};

/// Fields whose values are compared letter by letter. All other texts are Azure's own words, ids or
/// regions, which providers answer in other cases (`Tcp` for `tcp`).
const EXACT_FIELDS: [&str; 9] = [
    "env",
    "command",
    "args",
    "image",
    "path",
    "mountPath",
    "tags",
    "username",
    "metadata",
];

/// Switches that are off when the answer leaves them out.
const OFF_WHEN_ABSENT: [&str; 5] = [
    "allowInsecure",
    "external",
    "internal",
    "registrationEnabled",
    "zoneRedundant",
];

/// Values that Azure takes and never answers.
const WRITE_ONLY_FIELDS: [&str; 2] = ["administratorLoginPassword", "sharedKey"];

pub(super) fn body(kind: Kind, wanted: &Value, live: &Value, comparison: &mut Comparison) {
    if kind == Kind::PostgresConfiguration {
        return word_list(wanted, live, comparison);
    }
    if kind == Kind::VaultSecret {
        return vault_secret(wanted, live, comparison);
    }
    value(&Path::root(), wanted, live, comparison);
}

/// The value of a vault's secret is never answered.
fn vault_secret(wanted: &Value, live: &Value, comparison: &mut Comparison) {
    let mut wanted = wanted.clone();
    if let Some(properties) = wanted.get_mut("properties").and_then(Value::as_object_mut) {
        properties.remove("value");
    }
    value(&Path::root(), &wanted, live, comparison);
}

fn value(path: &Path, wanted: &Value, live: &Value, comparison: &mut Comparison) {
    if is_write_only(path) {
        return;
    }
    if let Some(text) = Text::from_marker(wanted) {
        if !text.is_secret() {
            differs(path, live, Value::from(KNOWN_AFTER_APPLY), comparison);
        }
        return;
    }
    match (wanted, live) {
        // An identity is wanted by its id alone, the key of an object that may be empty.
        (Value::Object(fields), Value::Null) if fields.is_empty() => {
            differs(path, live, wanted.clone(), comparison);
        }
        (Value::Object(fields), _) => {
            moved_into_app(path, wanted, live, comparison);
            for (name, field) in fields {
                let live_field = look_up(path, live, name).unwrap_or(&Value::Null);
                value(&path.field(name), field, live_field, comparison);
            }
        }
        (Value::Array(items), Value::Array(live_items)) => {
            list(path, items, live_items, comparison);
        }
        (Value::Array(items), Value::Null) => list(path, items, &[], comparison),
        _ if scalar_equal(path, wanted, live) => {}
        _ => differs(path, live, wanted.clone(), comparison),
    }
}

/// A secret whose value the app is to have, while it still refers to a vault.
fn moved_into_app(path: &Path, wanted: &Value, live: &Value, comparison: &mut Comparison) {
    let address = live.get("keyVaultUrl").filter(|url| !url.is_null());
    if let (true, Some(address)) = (wanted.get("value").is_some(), address) {
        comparison.differences.push(Difference {
            path: path.field("keyVaultUrl").to_string(),
            before: Some(address.clone()),
            after: None,
        });
    }
}

/// A field of a live object; names of tags and ids are compared without letter case.
fn look_up<'a>(path: &Path, live: &'a Value, name: &str) -> Option<&'a Value> {
    live.get(name).or_else(|| {
        let in_any_case = path.last_field() == "tags" || name.starts_with('/');
        let fields = live.as_object().filter(|_| in_any_case)?;
        fields
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, field)| field)
    })
}

fn list(path: &Path, wanted: &[Value], live: &[Value], comparison: &mut Comparison) {
    let Some(key) = key_of(wanted) else {
        return positions(path, wanted, live, comparison);
    };
    for item in wanted {
        let name = item.get(key).and_then(Value::as_str).unwrap_or_default();
        let path = path.item(name);
        match find(live, key, name) {
            Some(live_item) => value(&path, item, live_item, comparison),
            None => comparison.differences.push(Difference {
                path: path.to_string(),
                before: None,
                after: Some(shown(&path, item)),
            }),
        }
    }
    let is_wanted = |name: &str| wanted.iter().any(|item| has_key(item, key, name));
    let foreign = live.iter().filter_map(|item| item.get(key)?.as_str());
    let foreign = foreign
        .filter(|name| !is_wanted(name))
        .map(|name| path.item(name).to_string());
    comparison.foreign.extend(foreign);
}

fn positions(path: &Path, wanted: &[Value], live: &[Value], comparison: &mut Comparison) {
    if path.last_field() == "zones" && is_same_set(wanted, live) {
        return;
    }
    if wanted.len() != live.len() {
        let (before, after) = (Value::from(live.to_vec()), Value::from(wanted.to_vec()));
        return differs(path, &before, after, comparison);
    }
    for (position, (wanted, live)) in wanted.iter().zip(live).enumerate() {
        value(&path.item(&position.to_string()), wanted, live, comparison);
    }
}

/// Whether two lists of texts have the same items, in whatever order: zones have none.
fn is_same_set(one: &[Value], other: &[Value]) -> bool {
    let sorted = |items: &[Value]| {
        let mut texts: Vec<String> = items.iter().map(ToString::to_string).collect();
        texts.sort_unstable();
        texts
    };
    sorted(one) == sorted(other)
}

fn differs(path: &Path, live: &Value, after: Value, comparison: &mut Comparison) {
    let before = (!live.is_null()).then(|| live.clone());
    comparison.differences.push(Difference {
        path: path.to_string(),
        before,
        after: Some(after),
    });
}

fn is_write_only(path: &Path) -> bool {
    let field = path.last_field();
    WRITE_ONLY_FIELDS.contains(&field) || (field == "value" && path.has_field("secrets"))
}

fn scalar_equal(path: &Path, wanted: &Value, live: &Value) -> bool {
    match (wanted, live) {
        (Value::Number(wanted), Value::Number(live)) => wanted.as_f64() == live.as_f64(),
        (Value::Bool(false), Value::Null) => OFF_WHEN_ABSENT.contains(&path.last_field()),
        // A variable with an empty value may come back without one.
        (Value::String(wanted), Value::Null) => wanted.is_empty(),
        (Value::String(wanted), Value::String(live)) => text_equal(path, wanted, live),
        _ => wanted == live,
    }
}

fn text_equal(path: &Path, wanted: &str, live: &str) -> bool {
    if wanted == live {
        return true;
    }
    match path.last_field() {
        "location" => region(wanted) == region(live),
        "memory" => gibibytes(wanted).is_some() && gibibytes(wanted) == gibibytes(live),
        _ if is_exact(path) => false,
        _ => wanted.eq_ignore_ascii_case(live),
    }
}

/// Whether a text at this place is compared letter by letter.
pub(super) fn is_exact(path: &Path) -> bool {
    EXACT_FIELDS.iter().any(|field| path.has_field(field))
}

/// A region without the spaces and capitals of its display name: `Japan East` is `japaneast`.
pub(super) fn region(name: &str) -> String {
    name.chars()
        .filter(|letter| !letter.is_whitespace())
        .collect::<String>()
        .to_ascii_lowercase()
}

/// The number of a memory size such as `1.5Gi`.
pub(super) fn gibibytes(memory: &str) -> Option<f64> {
    memory.strip_suffix("Gi")?.parse().ok()
}

/// `azure.extensions`: the wanted words must be among the live ones, in any case and order. A list
/// that another tool made longer is not cut back (mrobinson2/AzureAgentForge#30).
fn word_list(wanted: &Value, live: &Value, comparison: &mut Comparison) {
    let value = |body: &Value| {
        let value = body.pointer("/properties/value").and_then(Value::as_str);
        value.unwrap_or_default().to_owned()
    };
    let (wanted, live) = (value(wanted), value(live));
    let present = words(&live);
    if words(&wanted).iter().all(|word| present.contains(word)) {
        let known = words(&wanted);
        let foreign = present.into_iter().filter(|word| !known.contains(word));
        comparison
            .foreign
            .extend(foreign.map(|word| format!("properties.value[{word}]")));
        return;
    }
    let path = Path::root().field("properties").field("value");
    differs(&path, &Value::from(live), Value::from(wanted), comparison);
}

/// A wanted value as it may be shown: secrets and unknown values by what they are.
fn shown(path: &Path, wanted: &Value) -> Value {
    if let Some(text) = Text::from_marker(wanted) {
        return Value::from(text.to_string());
    }
    if is_write_only(path) {
        return Value::from(SECRET);
    }
    match wanted {
        Value::Array(items) => items.iter().map(|item| shown(path, item)).collect(),
        Value::Object(fields) => {
            let shown = fields
                .iter()
                .map(|(name, value)| (name.clone(), self::shown(&path.field(name), value)));
            Value::Object(shown.collect())
        }
        other => other.clone(),
    }
}

/// Every leaf of a wanted body as a difference from nothing.
pub(super) fn leaves(path: &Path, wanted: &Value, differences: &mut Vec<Difference>) {
    let is_text = Text::from_marker(wanted).is_some();
    match wanted {
        Value::Object(fields) if !is_text => {
            for (name, field) in fields {
                leaves(&path.field(name), field, differences);
            }
        }
        Value::Array(items) if items.iter().any(Value::is_object) => {
            let key = key_of(items);
            for (position, item) in items.iter().enumerate() {
                let name = key.and_then(|key| item.get(key)?.as_str());
                let name = name.map_or_else(|| position.to_string(), str::to_owned);
                leaves(&path.item(&name), item, differences);
            }
        }
        _ => differences.push(Difference {
            path: path.to_string(),
            before: None,
            after: Some(shown(path, wanted)),
        }),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::compare;
    use super::*;
    use crate::resource::ResourceId;

    fn paths(kind: Kind, wanted: &Value, live: &Value) -> Vec<String> {
        let differences = compare(kind, wanted, live).differences;
        differences
            .into_iter()
            .map(|difference| difference.path)
            .collect()
    }

    #[test]
    fn defaults_and_read_only_values_are_no_difference() {
        let wanted = json!({ "properties": { "external": false } });
        let live = json!({ "id": "x", "properties": { "fqdn": "y" } });
        assert!(paths(Kind::ContainerApp, &wanted, &live).is_empty());
    }

    #[test]
    fn ids_words_and_regions_ignore_case_but_values_do_not() {
        let wanted = json!({ "properties": {
            "environmentId": "/subscriptions/s/resourceGroups/g", "transport": "tcp",
            "env": [{ "name": "A", "value": "x" }],
        }});
        let live = json!({ "properties": {
            "environmentId": "/subscriptions/S/resourcegroups/G", "transport": "Tcp",
            "env": [{ "name": "A", "value": "X" }],
        }});
        assert_eq!(
            paths(Kind::ContainerApp, &wanted, &live),
            ["properties.env[A].value"]
        );
    }

    #[test]
    fn keyed_lists_may_come_in_any_order_and_with_more() {
        let wanted =
            json!({ "env": [{ "name": "A", "value": "1" }, { "name": "B", "value": "2" }] });
        let live = json!({ "env": [
            { "name": "C", "value": "3" },
            { "name": "B", "value": "2" },
            { "name": "A", "value": "1", "extra": null },
        ]});
        let comparison = compare(Kind::ContainerApp, &wanted, &live);
        assert!(comparison.is_equal());
        assert_eq!(comparison.foreign, ["env[C]"]);
    }

    #[test]
    fn commands_are_compared_by_position() {
        let wanted = json!({ "command": ["sh", "-c"] });
        let live = json!({ "command": ["-c", "sh"] });
        assert_eq!(
            paths(Kind::ContainerApp, &wanted, &live),
            ["command[0]", "command[1]"]
        );
    }

    #[test]
    fn extensions_are_a_set_that_others_may_extend() {
        let body = |value: &str| json!({ "properties": { "value": value } });
        let wanted = body("VECTOR,UUID-OSSP");
        let kind = Kind::PostgresConfiguration;
        assert!(paths(kind, &wanted, &body("uuid-ossp, pg_trgm,vector")).is_empty());
        assert_eq!(paths(kind, &wanted, &body("vector")), ["properties.value"]);
    }

    #[test]
    fn secrets_are_neither_compared_nor_shown() {
        let group = ResourceId::resource_group("s", "g");
        let key = serde_json::to_value(Text::action(&group, "listKeys", "/key")).unwrap();
        let wanted =
            json!({ "configuration": { "secrets": [{ "name": "redis-key", "value": key }] } });
        let with_name = json!({ "configuration": { "secrets": [{ "name": "redis-key" }] } });
        assert!(paths(Kind::ContainerApp, &wanted, &with_name).is_empty());
        let empty = json!({ "configuration": {} });
        let comparison = compare(Kind::ContainerApp, &wanted, &empty);
        let after = comparison.differences[0].after.clone().unwrap();
        assert_eq!(after, json!({ "name": "redis-key", "value": "(secret)" }));
    }

    #[test]
    fn a_new_body_is_shown_leaf_by_leaf() {
        let wanted = json!({ "env": [{ "name": "A", "value": "1" }], "command": ["sh"] });
        let differences = super::super::created(&wanted);
        let shown: Vec<_> = differences.iter().map(ToString::to_string).collect();
        assert_eq!(
            shown,
            [
                "command: (absent) → [\"sh\"]",
                "env[A].name: (absent) → \"A\"",
                "env[A].value: (absent) → \"1\"",
            ]
        );
    }
}
