//! The parameters of a template and the values that a request gives them.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::arm::error::ArmError;
use crate::arm::merge::text_at;
use crate::deployments::template::{invalid, not_emulated};
use crate::rules::Rule;

pub(super) const PARAMETERS: Rule = Rule::known(
    "ARM-TEMPLATE-PARAMETERS",
    "Every parameter without a default is given, with a value of its type, and none that the template \
     does not have.",
    "learn.microsoft.com azure-resource-manager/templates/parameters",
)
.with_known_code();

/// The value of a parameter, and whether it is a secret.
pub(crate) struct Parameter {
    pub(crate) value: Value,
    pub(crate) secure: bool,
}

/// The names of the parameters that a template has.
pub(super) fn parameter_names(template: &Value) -> Vec<&str> {
    let definitions = template.get("parameters").and_then(Value::as_object);
    definitions
        .into_iter()
        .flat_map(|all| all.keys().map(String::as_str))
        .collect()
}

/// The value of every parameter.
pub(super) fn parameters(
    template: &Value,
    given: &Value,
) -> Result<BTreeMap<String, Parameter>, ArmError> {
    let names = parameter_names(template);
    let unknown: Vec<&str> = given
        .as_object()
        .into_iter()
        .flat_map(|all| all.keys().map(String::as_str))
        .filter(|name| !names.iter().any(|own| own.eq_ignore_ascii_case(name)))
        .collect();
    if !unknown.is_empty() {
        return Err(invalid(
            &PARAMETERS,
            &format!(
                "The following parameters were supplied, but do not correspond to any parameters defined \
                 in the template: '{}'. The parameters defined in the template are: '{}'. Please see \
                 https://aka.ms/arm-pass-parameter-values for usage details.",
                unknown.join(", "),
                names.join(", ")
            ),
        ));
    }
    let mut parameters = BTreeMap::new();
    for name in names {
        parameters.insert(name.to_owned(), parameter(template, given, name)?);
    }
    Ok(parameters)
}

fn parameter(template: &Value, given: &Value, name: &str) -> Result<Parameter, ArmError> {
    let definition = &template["parameters"][name];
    let kind = text_at(definition, "type").unwrap_or_default();
    let entry = given.as_object().and_then(|all| {
        all.iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, entry)| entry)
    });
    if entry.is_some_and(|entry| entry.get("reference").is_some()) {
        return Err(not_emulated(&format!(
            "the Key Vault reference of the parameter {name}"
        )));
    }
    let value = entry
        .and_then(|entry| entry.get("value"))
        .or_else(|| definition.get("defaultValue"))
        .cloned()
        .ok_or_else(|| {
            invalid(
                &PARAMETERS,
                &format!(
                    "The value for the template parameter '{name}' is not provided. Please see \
                     https://aka.ms/arm-create-parameter-file for usage details."
                ),
            )
        })?;
    let (right, secure) = match kind.to_ascii_lowercase().as_str() {
        "string" => (value.is_string(), false),
        "securestring" => (value.is_string(), true),
        "int" => (value.is_i64(), false),
        "bool" => (value.is_boolean(), false),
        "object" => (value.is_object(), false),
        "secureobject" => (value.is_object(), true),
        "array" => (value.is_array(), false),
        _ => {
            let reason =
                format!("The type '{kind}' of the template parameter '{name}' is not valid.");
            return Err(invalid(&PARAMETERS, &reason));
        }
    };
    if !right {
        return Err(invalid(
            &PARAMETERS,
            &format!(
                "Template parameter JToken type is not valid: '{name}' is to be of the type '{kind}'."
            ),
        ));
    }
    check_bounds(definition, name, &value)?;
    Ok(Parameter { value, secure })
}

fn check_bounds(definition: &Value, name: &str, value: &Value) -> Result<(), ArmError> {
    let allowed = definition.get("allowedValues").and_then(Value::as_array);
    let length = value.as_str().map(|text| text.chars().count());
    let bound = |key: &str| {
        let bound = definition.get(key).and_then(Value::as_u64)?;
        usize::try_from(bound).ok()
    };
    let wrong = allowed.is_some_and(|allowed| !allowed.contains(value))
        || length
            .zip(bound("minLength"))
            .is_some_and(|(length, least)| length < least)
        || length
            .zip(bound("maxLength"))
            .is_some_and(|(length, most)| length > most);
    if wrong {
        // the value is not shown: it may be a secret
        return Err(invalid(
            &PARAMETERS,
            &format!(
                "The provided value for the template parameter '{name}' is not valid: see its \
                 allowedValues, minLength and maxLength"
            ),
        ));
    }
    Ok(())
}
