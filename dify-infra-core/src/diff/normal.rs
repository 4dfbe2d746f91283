//! One form for all answers that mean the same: what a hash may be made of.

use serde_json::{Map, Value};

use super::compare::{gibibytes, is_exact, region};
use super::lists::key_of;
use super::{Path, without_read_only};
use crate::resource::Kind;

/// A live body in the form in which two answers about an unchanged resource are equal: without what
/// Azure alone writes, without nulls, keyed lists in the order of their keys, words in small letters
/// where Azure does not keep their case.
///
/// ```
/// use dify_infra_core::diff::normalized;
/// use dify_infra_core::resource::Kind;
/// use serde_json::json;
///
/// let one = json!({ "id": "/A", "location": "Japan East", "properties": { "external": null } });
/// let other = json!({ "id": "/a", "location": "japaneast", "properties": {} });
/// assert_eq!(normalized(Kind::ContainerApp, &one), normalized(Kind::ContainerApp, &other));
/// ```
pub fn normalized(kind: Kind, live: &Value) -> Value {
    value(&Path::root(), &without_read_only(kind, live))
}

fn value(path: &Path, live: &Value) -> Value {
    match live {
        Value::String(text) => Value::from(self::text(path, text)),
        Value::Number(number) => number.as_f64().map_or_else(|| live.clone(), Value::from),
        Value::Array(items) => list(path, items),
        Value::Object(fields) => object(path, fields),
        other => other.clone(),
    }
}

fn object(path: &Path, fields: &Map<String, Value>) -> Value {
    let is_tags = path.last_field() == "tags";
    let mut object = Map::new();
    for (name, field) in fields.iter().filter(|(_, field)| !field.is_null()) {
        // Identities are listed by their ids.
        let known = if is_tags || name.starts_with('/') {
            name.to_ascii_lowercase()
        } else {
            name.clone()
        };
        let value = value(&path.field(name), field);
        object.insert(known, value);
    }
    Value::Object(object)
}

fn list(path: &Path, items: &[Value]) -> Value {
    let key = key_of(items);
    let mut items: Vec<Value> = items.iter().map(|item| value(path, item)).collect();
    if let Some(key) = key {
        items.sort_by_key(|item| {
            let name = item.get(key).and_then(Value::as_str).unwrap_or_default();
            name.to_ascii_lowercase()
        });
    }
    Value::Array(items)
}

fn text(path: &Path, text: &str) -> String {
    match path.last_field() {
        "location" => region(text),
        "memory" => gibibytes(text).map_or_else(|| text.to_owned(), |size| format!("{size}Gi")),
        _ if is_exact(path) => text.to_owned(),
        _ => text.to_ascii_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn app(env: &Value, transport: &str, memory: &str) -> Value {
        json!({
            "id": "x", "systemData": { "lastModifiedAt": "now" }, "location": "Japan East",
            "properties": {
                "runningStatus": "Running",
                "configuration": { "ingress": { "transport": transport, "clientCertificateMode": null } },
                "template": { "containers": [
                    { "name": "api", "env": env, "resources": { "cpu": 1, "memory": memory } },
                ]},
            },
        })
    }

    #[test]
    fn answers_that_mean_the_same_are_equal() {
        let one = app(
            &json!([{ "name": "A", "value": "x" }, { "name": "B", "value": "" }]),
            "Tcp",
            "1Gi",
        );
        let mut other = app(
            &json!([{ "name": "B", "value": "" }, { "name": "A", "value": "x" }]),
            "tcp",
            "1.0Gi",
        );
        other["properties"]["runningStatus"] = json!("Stopped");
        other["properties"]["template"]["containers"][0]["resources"]["cpu"] = json!(1.0);
        assert_eq!(
            normalized(Kind::ContainerApp, &one),
            normalized(Kind::ContainerApp, &other)
        );
    }

    #[test]
    fn a_variable_in_another_case_is_another_value() {
        let with = |value: &str| app(&json!([{ "name": "A", "value": value }]), "tcp", "1Gi");
        assert_ne!(
            normalized(Kind::ContainerApp, &with("x")),
            normalized(Kind::ContainerApp, &with("X"))
        );
    }
}
