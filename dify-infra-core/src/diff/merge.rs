//! The body of an update: the live resource with our fields laid over it.
//!
//! Azure replaces what a PUT leaves out, so an update starts from the live GET and loses nothing
//! that someone else set.

use serde_json::{Map, Value};

use super::lists::{find, has_key, key_of, words};
use crate::resource::{Kind, Text};

/// Lays the wanted body over the live one. With `prune`, items of keyed lists that are not wanted
/// are dropped; otherwise they stay.
///
/// ```
/// use dify_infra_core::diff::merge;
/// use dify_infra_core::resource::Kind;
/// use serde_json::json;
///
/// let live = json!({ "properties": { "env": [{ "name": "THEIRS", "value": "1" }], "kept": true } });
/// let wanted = json!({ "properties": { "env": [{ "name": "OURS", "value": "2" }] } });
/// assert_eq!(
///     merge(Kind::ContainerApp, &live, &wanted, false),
///     json!({ "properties": {
///         "env": [{ "name": "OURS", "value": "2" }, { "name": "THEIRS", "value": "1" }],
///         "kept": true,
///     }}),
/// );
/// ```
pub fn merge(kind: Kind, live: &Value, wanted: &Value, prune: bool) -> Value {
    let mut merged = overlay(live, wanted, prune);
    if kind == Kind::PostgresConfiguration && !prune {
        join_words(&mut merged, live);
    }
    merged
}

fn overlay(live: &Value, wanted: &Value, prune: bool) -> Value {
    match (live, wanted) {
        _ if Text::from_marker(wanted).is_some() => wanted.clone(),
        (Value::Object(live), Value::Object(wanted)) => object(live, wanted, prune),
        (Value::Array(live), Value::Array(wanted)) => list(live, wanted, prune),
        _ => wanted.clone(),
    }
}

fn object(live: &Map<String, Value>, wanted: &Map<String, Value>, prune: bool) -> Value {
    let mut merged: Map<String, Value> = live
        .iter()
        .filter(|(_, value)| !value.is_null())
        .map(clone_pair)
        .collect();
    // A variable is either plain or a secret: the other form of it must go.
    // A secret's value is either in the app or in a vault.
    for (one, other) in [
        ("value", "secretRef"),
        ("secretRef", "value"),
        ("value", "keyVaultUrl"),
        ("value", "identity"),
        ("keyVaultUrl", "value"),
    ] {
        if wanted.contains_key(one) && wanted.contains_key("name") {
            merged.remove(other);
        }
    }
    // A registry is pulled from with a password or by an identity.
    for (one, others) in [
        ("identity", &["username", "passwordSecretRef"][..]),
        ("passwordSecretRef", &["identity"]),
    ] {
        if wanted.contains_key(one) && wanted.contains_key("server") {
            merged.retain(|name, _| !others.contains(&name.as_str()));
        }
    }
    for (name, value) in wanted {
        // Azure may spell an id, which is a key in a list of identities, in another case.
        let spelled = live
            .keys()
            .find(|key| name.starts_with('/') && key.eq_ignore_ascii_case(name))
            .unwrap_or(name);
        let merged_value = live
            .get(spelled)
            .map_or_else(|| value.clone(), |live| overlay(live, value, prune));
        merged.insert(spelled.clone(), merged_value);
    }
    Value::Object(merged)
}

fn clone_pair((name, value): (&String, &Value)) -> (String, Value) {
    (name.clone(), value.clone())
}

fn list(live: &[Value], wanted: &[Value], prune: bool) -> Value {
    let Some(key) = key_of(wanted) else {
        return Value::from(wanted.to_vec());
    };
    let name_of = |item: &Value| {
        item.get(key)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let ours = wanted.iter().map(|item| {
        find(live, key, &name_of(item))
            .map_or_else(|| item.clone(), |old| overlay(old, item, prune))
    });
    let is_wanted = |item: &Value| wanted.iter().any(|own| has_key(own, key, &name_of(item)));
    let theirs = live
        .iter()
        .filter(|item| !prune && !is_wanted(item))
        .cloned();
    ours.chain(theirs).collect()
}

/// Keeps the words of `azure.extensions` that are live and not ours.
fn join_words(merged: &mut Value, live: &Value) {
    let pointer = "/properties/value";
    let theirs = live
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default();
    let Some(Value::String(own)) = merged.pointer_mut(pointer) else {
        return;
    };
    let known = words(own);
    for word in words(theirs)
        .into_iter()
        .filter(|word| !known.contains(word))
    {
        own.push(',');
        own.push_str(&word.to_ascii_uppercase());
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn prune_drops_what_is_not_wanted() {
        let live = json!({ "env": [{ "name": "THEIRS" }] });
        let wanted = json!({ "env": [{ "name": "OURS" }] });
        assert_eq!(merge(Kind::ContainerApp, &live, &wanted, true), wanted);
    }

    #[test]
    fn a_variable_that_becomes_a_secret_loses_its_plain_value() {
        let live = json!({ "env": [{ "name": "KEY", "value": "plain" }] });
        let wanted = json!({ "env": [{ "name": "KEY", "secretRef": "key" }] });
        assert_eq!(merge(Kind::ContainerApp, &live, &wanted, false), wanted);
    }

    #[test]
    fn a_registry_that_is_pulled_from_by_an_identity_loses_its_login() {
        let login = json!({ "server": "s", "username": "u", "passwordSecretRef": "p" });
        let identity = json!({ "server": "s", "identity": "/subscriptions/i" });
        let merged = |live: &Value, wanted: &Value| {
            let list = |one: &Value| json!({ "registries": [one] });
            merge(Kind::ContainerApp, &list(live), &list(wanted), false)["registries"][0].clone()
        };
        assert_eq!(merged(&login, &identity), identity);
        assert_eq!(merged(&identity, &login), login);
    }

    #[test]
    fn extensions_that_another_tool_allowed_stay() {
        let body = |value: &str| json!({ "properties": { "value": value } });
        let merged = merge(
            Kind::PostgresConfiguration,
            &body("pg_trgm"),
            &body("VECTOR"),
            false,
        );
        assert_eq!(merged, body("VECTOR,PG_TRGM"));
    }
}
