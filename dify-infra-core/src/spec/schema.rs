//! The JSON Schema of the deployment file, for editors and for tools that write the file.

use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

use super::Spec;
use crate::catalogue::{Catalogue, ImageKind, ServiceKind};

/// The schema of the whole file, in draft 7: the one that TOML editors know.
///
/// ```
/// let schema = dify_infra_core::spec::schema::json_schema();
/// assert_eq!(schema["required"][0], "name");
/// assert_eq!(schema["additionalProperties"], false);
/// ```
pub fn json_schema() -> Value {
    let generator = SchemaSettings::draft07().into_generator();
    let mut schema = generator.into_root_schema_for::<Spec>().to_value();
    tidy(&mut schema);
    schema["title"] = json!("Deployment file of dify-infra");
    schema["required"] = json!(["name", "environment", "location", "azure"]);
    schema["definitions"]["AzureSpec"]["required"] = json!(["resource_group"]);
    schema["definitions"]["RouteSpec"]["required"] = json!(["path", "service"]);
    schema
}

/// The offered releases of Dify, newest first.
pub(super) fn releases() -> Vec<String> {
    Catalogue::builtin()
        .releases()
        .iter()
        .map(|release| release.version().to_string())
        .collect()
}

/// The keys of `[services]`.
pub(super) fn services() -> [&'static str; ServiceKind::ALL.len()] {
    ServiceKind::ALL.map(ServiceKind::key)
}

/// The services that a route may go to.
pub(super) fn public_services() -> [&'static str; crate::deployment::PUBLIC_SERVICES.len()] {
    crate::deployment::PUBLIC_SERVICES.map(ServiceKind::key)
}

/// The keys of `[images.overrides]`.
pub(super) fn images() -> [&'static str; ImageKind::ALL.len()] {
    ImageKind::ALL.map(ImageKind::key)
}

/// The ids of all rules.
pub(super) fn rules() -> Vec<&'static str> {
    crate::check::rules().map(|rule| rule.id).collect()
}

/// Takes out what an optional Rust value may be and a TOML value can't, null, and the line breaks
/// of doc comments.
fn tidy(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            if let Some(Value::String(text)) = object.get_mut("description") {
                *text = text.replace('\n', " ");
            }
            if object.get("default").is_some_and(Value::is_null) {
                object.remove("default");
            }
            if let Some(Value::Array(types)) = object.get_mut("type") {
                types.retain(|name| name != "null");
                if let [only] = types.as_slice() {
                    let only = only.clone();
                    object.insert("type".to_owned(), only);
                }
            }
            if let Some(Value::Array(choices)) = object.get_mut("enum") {
                choices.retain(|choice| !choice.is_null());
            }
            without_null_choice(object);
            object.values_mut().for_each(tidy);
        }
        Value::Array(items) => items.iter_mut().for_each(tidy),
        _ => {}
    }
}

/// Makes `anyOf: [X, null]` an `X`.
fn without_null_choice(object: &mut serde_json::Map<String, Value>) {
    let is_null = |choice: &Value| choice["type"] == "null";
    let Some(Value::Array(choices)) = object.get("anyOf") else {
        return;
    };
    if !choices.iter().any(is_null) {
        return;
    }
    let rest: Vec<Value> = choices
        .iter()
        .filter(|choice| !is_null(choice))
        .cloned()
        .collect();
    object.remove("anyOf");
    match rest.as_slice() {
        // Draft 7 ignores what stands beside a `$ref`.
        [Value::Object(only)] if only.contains_key("$ref") => {
            object.insert("allOf".to_owned(), Value::Array(rest));
        }
        [Value::Object(only)] => {
            let only = only.clone();
            object.extend(only.into_iter().filter(|(key, _)| key != "description"));
        }
        _ => {
            object.insert("anyOf".to_owned(), Value::Array(rest));
        }
    }
}
