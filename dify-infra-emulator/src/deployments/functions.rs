//! The functions of templates whose value follows from their arguments alone.

use serde_json::{Map, Value, json};

use crate::arm::id::ResourceId;
use crate::deployments::evaluate::Problem;

/// The id of a resource whose type and names have as many parts.
pub(crate) fn id_of(
    subscription: &str,
    group: &str,
    kind: &str,
    names: &[&str],
) -> Result<ResourceId, String> {
    let (namespace, types) = kind.split_once('/').unwrap_or((kind, ""));
    let types: Vec<&str> = types.split('/').collect();
    if types.len() != names.len() || types.contains(&"") || names.contains(&"") {
        return Err(format!(
            "The template resource '{}' for type '{kind}' has incorrect segment lengths. A nested \
             resource type must have identical number of segments as its resource name. A root \
             resource type must have segment length one greater than its resource name.",
            names.join("/")
        ));
    }
    let levels = types
        .iter()
        .zip(names)
        .map(|(kind, name)| ((*kind).to_owned(), (*name).to_owned()))
        .collect();
    Ok(ResourceId::new(subscription, group, namespace, levels))
}

/// `/providers/type/name…` of a type and its names.
pub(super) fn scoped_path(words: &[&str]) -> Result<String, String> {
    let [kind, names @ ..] = words else {
        return Err("a type and names are expected".to_owned());
    };
    let names: Vec<&str> = names.iter().flat_map(|name| name.split('/')).collect();
    let id = id_of("", "", kind, &names)?.to_string();
    let path = id.split_once("/providers/").map_or("", |(_, path)| path);
    Ok(format!("/providers/{path}"))
}

/// The functions whose value follows from their arguments alone.
pub(super) fn pure(lower: &str, name: &str, arguments: &[Value]) -> Result<Value, Problem> {
    let wrong = || wrong_arguments(name);
    Ok(match (lower, arguments) {
        ("true", []) => json!(true),
        ("false", []) => json!(false),
        ("null", []) => Value::Null,
        ("concat", [Value::Array(_), ..]) => {
            let lists: Option<Vec<&Vec<Value>>> = arguments.iter().map(Value::as_array).collect();
            Value::Array(
                lists
                    .ok_or_else(wrong)?
                    .into_iter()
                    .flatten()
                    .cloned()
                    .collect(),
            )
        }
        ("concat", _) => json!(words(name, arguments)?.concat()),
        ("format", [Value::String(pattern), values @ ..]) => {
            json!(format(pattern, &words(name, values)?)?)
        }
        ("createarray", _) => json!(arguments),
        ("createobject", _) => object(name, arguments)?,
        ("array", [Value::Array(_)]) => arguments[0].clone(),
        ("array", [one]) => json!([one]),
        ("string", [one]) => json!(word_of(one)),
        ("json", [Value::String(text)]) => serde_json::from_str(text)
            .map_err(|_| "'json' is called with what is not JSON".to_owned())?,
        ("int", [one]) => json!(word_of(one).parse::<i64>().map_err(|_| wrong())?),
        ("bool", [one]) => match word_of(one).to_ascii_lowercase().as_str() {
            "true" | "1" => json!(true),
            "false" | "0" => json!(false),
            _ => return Err(wrong().into()),
        },
        ("equals", [a, b]) => json!(a == b),
        ("not", [Value::Bool(one)]) => json!(!one),
        ("and" | "or", _) => {
            let all: Option<Vec<bool>> = arguments.iter().map(Value::as_bool).collect();
            let all = all.ok_or_else(wrong)?;
            json!(if lower == "and" {
                all.iter().all(|b| *b)
            } else {
                all.contains(&true)
            })
        }
        ("empty", [one]) => json!(length(one).is_none_or(|length| length == 0)),
        ("length", [one]) => json!(length(one).ok_or_else(wrong)?),
        ("contains", [Value::String(text), Value::String(part)]) => json!(text.contains(part)),
        ("contains", [Value::Array(items), one]) => json!(items.contains(one)),
        ("contains", [Value::Object(members), Value::String(name)]) => {
            json!(members.keys().any(|key| key.eq_ignore_ascii_case(name)))
        }
        ("first", [Value::Array(items)]) => items.first().cloned().unwrap_or(Value::Null),
        ("last", [Value::Array(items)]) => items.last().cloned().unwrap_or(Value::Null),
        ("join", [Value::Array(items), Value::String(between)]) => {
            json!(words(name, items)?.join(between))
        }
        ("extensionresourceid", [Value::String(scope), rest @ ..]) => {
            json!(format!("{scope}{}", scoped_path(&texts(name, rest)?)?))
        }
        _ => text_function(lower, name, arguments)?,
    })
}

/// The functions of texts alone.
fn text_function(lower: &str, name: &str, arguments: &[Value]) -> Result<Value, Problem> {
    let texts = texts(name, arguments)?;
    Ok(match (lower, texts.as_slice()) {
        ("tolower", [text]) => json!(text.to_lowercase()),
        ("toupper", [text]) => json!(text.to_uppercase()),
        ("trim", [text]) => json!(text.trim()),
        ("replace", [text, old, new]) => json!(text.replace(old, new)),
        ("split", [text, sign]) => json!(text.split(sign).collect::<Vec<_>>()),
        ("base64", [text]) => {
            use base64::Engine as _;
            json!(base64::engine::general_purpose::STANDARD.encode(text))
        }
        ("uricomponent", [text]) => json!(uri_component(text)),
        _ => return Err(wrong_arguments(name).into()),
    })
}

fn format(pattern: &str, values: &[String]) -> Result<String, String> {
    let mut text = String::new();
    let mut rest = pattern;
    while let Some(start) = rest.find('{') {
        text.push_str(&rest[..start]);
        let end = rest[start..]
            .find('}')
            .ok_or("a format has a brace without an end")?;
        let index = &rest[start + 1..start + end];
        let value = index
            .parse()
            .ok()
            .and_then(|index: usize| values.get(index));
        text.push_str(value.ok_or_else(|| format!("a format has no value for '{{{index}}}'"))?);
        rest = &rest[start + end + 1..];
    }
    text.push_str(rest);
    Ok(text)
}

/// Percent-encodes all but unreserved characters, as `Uri.EscapeDataString` does.
fn uri_component(text: &str) -> String {
    use std::fmt::Write as _;
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // writing to a String does not fail
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

fn object(name: &str, arguments: &[Value]) -> Result<Value, String> {
    let mut object = Map::new();
    for pair in arguments.chunks(2) {
        let [Value::String(key), value] = pair else {
            return Err(wrong_arguments(name));
        };
        object.insert(key.clone(), value.clone());
    }
    Ok(Value::Object(object))
}

fn length(value: &Value) -> Option<usize> {
    match value {
        Value::String(text) => Some(text.chars().count()),
        Value::Array(items) => Some(items.len()),
        Value::Object(members) => Some(members.len()),
        _ => None,
    }
}

pub(super) fn member(whole: &Value, step: &Value) -> Result<Value, String> {
    let found = match (whole, step) {
        (Value::Object(members), Value::String(name)) => members
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value),
        (Value::Array(items), Value::Number(index)) => index
            .as_u64()
            .and_then(|index| items.get(usize::try_from(index).ok()?)),
        _ => None,
    };
    found.cloned().ok_or_else(|| {
        let step = word_of(step);
        format!("The language expression property '{step}' doesn't exist.")
    })
}

pub(super) fn wrong_arguments(function: &str) -> String {
    format!(
        "The template language function '{function}' was invoked with invalid parameters. Please see \
         https://aka.ms/arm-functions for usage details."
    )
}

pub(super) fn one_text<'a>(function: &str, arguments: &'a [Value]) -> Result<&'a str, String> {
    match arguments {
        [Value::String(text)] => Ok(text),
        _ => Err(wrong_arguments(function)),
    }
}

pub(super) fn texts<'a>(function: &str, arguments: &'a [Value]) -> Result<Vec<&'a str>, String> {
    arguments
        .iter()
        .map(|one| one.as_str().ok_or_else(|| wrong_arguments(function)))
        .collect()
}

fn words(function: &str, values: &[Value]) -> Result<Vec<String>, String> {
    let plain = |value: &Value| !value.is_array() && !value.is_object();
    if values.iter().all(plain) {
        Ok(values.iter().map(word_of).collect())
    } else {
        Err(wrong_arguments(function))
    }
}

fn word_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
