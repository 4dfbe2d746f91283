//! JSON helpers: merge patch, overlays, and access by a dotted path.

use serde_json::{Map, Value};

/// Applies a JSON merge patch (RFC 7386), the semantics of PATCH in Container Apps
/// (Azure/azure-rest-api-specs `ContainerApps.json`).
pub(crate) fn merge_patch(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    if let Value::Object(target) = target {
        for (name, value) in patch {
            if value.is_null() {
                target.remove(name);
            } else {
                merge_patch(target.entry(name.clone()).or_insert(Value::Null), value);
            }
        }
    }
}

/// Lays the values of `overlay` over `target`; objects are merged, everything else is replaced.
pub(crate) fn lay_over(target: &mut Value, overlay: &Value) {
    match (target, overlay) {
        (Value::Object(target), Value::Object(overlay)) => {
            for (name, value) in overlay {
                lay_over(target.entry(name.clone()).or_insert(Value::Null), value);
            }
        }
        (target, overlay) => *target = overlay.clone(),
    }
}

/// The value at a dotted path such as `properties.network.publicNetworkAccess`; null is absent.
pub(crate) fn at<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.')
        .try_fold(value, |value, name| value.get(name))
        .filter(|value| !value.is_null())
}

/// The text at a dotted path.
pub(crate) fn text_at<'a>(value: &'a Value, path: &str) -> Option<&'a str> {
    at(value, path).and_then(Value::as_str)
}

/// The items of the list at a dotted path; an absent list has none.
pub(crate) fn list_at<'a>(value: &'a Value, path: &str) -> &'a [Value] {
    at(value, path)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

/// Sets the value at a dotted path, making the objects on the way.
pub(crate) fn set_at(value: &mut Value, path: &str, new: Value) {
    if let Some(place) = place_of(value, path) {
        *place = new;
    }
}

/// Sets the value at a dotted path if nothing is there yet.
pub(crate) fn default_at(value: &mut Value, path: &str, new: Value) {
    if let Some(place) = place_of(value, path)
        && place.is_null()
    {
        *place = new;
    }
}

/// Takes the value at a dotted path out.
pub(crate) fn remove_at(value: &mut Value, path: &str) -> Option<Value> {
    let (parent, name) = match path.rsplit_once('.') {
        Some((parent, name)) => (
            parent
                .split('.')
                .try_fold(value, |value, name| value.get_mut(name))?,
            name,
        ),
        None => (value, path),
    };
    parent.as_object_mut()?.remove(name)
}

fn place_of<'a>(value: &'a mut Value, path: &str) -> Option<&'a mut Value> {
    path.split('.').try_fold(value, |value, name| {
        if value.is_null() {
            *value = Value::Object(Map::new());
        }
        Some(
            value
                .as_object_mut()?
                .entry(name.to_owned())
                .or_insert(Value::Null),
        )
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_merge_patch_replaces_lists_and_deletes_nulls() {
        let mut target = json!({"a": [1, 2], "b": {"c": 1, "d": 2}});
        merge_patch(
            &mut target,
            &json!({"a": [3], "b": {"c": null}, "e": {"f": null}}),
        );
        assert_eq!(target, json!({"a": [3], "b": {"d": 2}, "e": {}}));
    }

    #[test]
    fn paths_make_their_objects() {
        let mut value = json!({"tags": {"a": "b"}});
        set_at(&mut value, "properties.network.mode", json!("x"));
        default_at(&mut value, "properties.network.mode", json!("y"));
        assert_eq!(text_at(&value, "properties.network.mode"), Some("x"));
        assert_eq!(
            remove_at(&mut value, "properties.network"),
            Some(json!({"mode": "x"}))
        );
        assert_eq!(at(&value, "properties.network"), None);
    }

    #[test]
    fn an_overlay_keeps_what_it_does_not_name() {
        let mut value = json!({"properties": {"a": 1, "list": [1]}});
        lay_over(&mut value, &json!({"properties": {"b": 2, "list": [2]}}));
        assert_eq!(value, json!({"properties": {"a": 1, "b": 2, "list": [2]}}));
    }
}
