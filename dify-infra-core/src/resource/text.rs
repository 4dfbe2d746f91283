//! Texts that may hold a value not known yet, or a secret.
//!
//! `rediss://:<key>@<host>:10000/0` is one: its host is an output of the Redis resource, its key
//! comes from an action that returns secrets. In a body such a text is a marker object; nothing but
//! [`resolve`] turns it into a value, right before the request that carries it.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Serialize, Serializer};
use serde_json::{Map, Value, json};

use super::ResourceId;
use crate::secrets::SecretName;

/// The key that marks a JSON object as a [`Text`] still to be resolved.
const MARKER: &str = "$text";

/// A value that a resource offers once it exists.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum OutputReference {
    /// A property of the resource's GET answer, by JSON pointer: `/properties/defaultDomain`.
    Property {
        /// The resource that has it.
        resource: ResourceId,
        /// JSON pointer into the GET answer.
        pointer: String,
    },
    /// A secret that a POST action returns: `listKeys` with `/primaryKey`.
    Action {
        /// The resource that has it.
        resource: ResourceId,
        /// The action's name: the last path segment of the POST.
        action: String,
        /// JSON pointer into the action's answer.
        pointer: String,
    },
}

impl OutputReference {
    /// A property of the resource's GET answer.
    pub fn property(resource: &ResourceId, pointer: &str) -> Self {
        Self::Property {
            resource: resource.clone(),
            pointer: pointer.to_owned(),
        }
    }

    /// A secret from an action of the resource.
    pub fn action(resource: &ResourceId, action: &str, pointer: &str) -> Self {
        let (action, pointer) = (action.to_owned(), pointer.to_owned());
        Self::Action {
            resource: resource.clone(),
            action,
            pointer,
        }
    }

    /// The resource that has the value.
    pub fn resource(&self) -> &ResourceId {
        match self {
            Self::Property { resource, .. } | Self::Action { resource, .. } => resource,
        }
    }

    /// Whether the value is a secret: every action's answer is.
    pub fn is_secret(&self) -> bool {
        matches!(self, Self::Action { .. })
    }
}

/// How a part is written into its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum TextEncoding {
    /// As it is.
    #[default]
    Plain,
    /// Percent-encoded, so that it can stand in the user information of a URL.
    Percent,
}

/// One piece of a [`Text`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Text that is known.
    Literal(String),
    /// An output of a resource.
    Output(OutputReference, TextEncoding),
    /// A secret of the deployment, by name.
    Secret(SecretName, TextEncoding),
}

/// A text made of literals, outputs of resources and secrets.
///
/// ```
/// use dify_infra_core::resource::{ResourceId, Text};
///
/// let group = ResourceId::resource_group("s", "g");
/// let environment = group.provider("Microsoft.App/managedEnvironments", "dify-dev");
/// let origin = Text::from("https://nginx.").and(Text::property(&environment, "/properties/defaultDomain"));
/// assert_eq!(origin.to_string(), "https://nginx.(known after apply)");
/// assert_eq!(origin.literal(), None);
/// assert_eq!(Text::from("plain").literal(), Some("plain"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Text {
    parts: Vec<Part>,
}

impl Text {
    /// A property of a resource's GET answer, by JSON pointer.
    pub fn property(resource: &ResourceId, pointer: &str) -> Self {
        let output = OutputReference::property(resource, pointer);
        Self {
            parts: vec![Part::Output(output, TextEncoding::Plain)],
        }
    }

    /// A secret that an action of a resource returns.
    pub fn action(resource: &ResourceId, action: &str, pointer: &str) -> Self {
        let output = OutputReference::action(resource, action, pointer);
        Self {
            parts: vec![Part::Output(output, TextEncoding::Plain)],
        }
    }

    /// A secret of the deployment.
    pub fn secret(name: &SecretName) -> Self {
        Self {
            parts: vec![Part::Secret(name.clone(), TextEncoding::Plain)],
        }
    }

    /// The same text with every unknown or secret part percent-encoded when it is filled in.
    #[must_use]
    pub fn percent_encoded(mut self) -> Self {
        for part in &mut self.parts {
            match part {
                Part::Literal(_) => {}
                Part::Output(_, encoding) | Part::Secret(_, encoding) => {
                    *encoding = TextEncoding::Percent;
                }
            }
        }
        self
    }

    /// This text followed by another; neighbouring literals become one.
    #[must_use]
    pub fn and(mut self, next: impl Into<Self>) -> Self {
        for part in next.into().parts {
            match (self.parts.last_mut(), part) {
                (Some(Part::Literal(last)), Part::Literal(more)) => last.push_str(&more),
                (_, part) => self.parts.push(part),
            }
        }
        self
    }

    /// The pieces, in order.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// The whole text, when nothing in it is unknown or secret.
    pub fn literal(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [] => Some(""),
            [Part::Literal(text)] => Some(text),
            _ => None,
        }
    }

    /// Whether any part is a secret: the value must never be shown, compared or stored.
    pub fn is_secret(&self) -> bool {
        self.parts.iter().any(|part| match part {
            Part::Literal(_) => false,
            Part::Output(output, _) => output.is_secret(),
            Part::Secret(..) => true,
        })
    }

    /// The resources whose outputs the text needs.
    pub fn resources(&self) -> BTreeSet<&ResourceId> {
        self.outputs().map(OutputReference::resource).collect()
    }

    /// The outputs the text needs.
    pub fn outputs(&self) -> impl Iterator<Item = &OutputReference> {
        self.parts.iter().filter_map(|part| match part {
            Part::Output(output, _) => Some(output),
            Part::Literal(_) | Part::Secret(..) => None,
        })
    }

    /// The deployment's secrets that the text needs.
    pub fn secret_names(&self) -> impl Iterator<Item = &SecretName> {
        self.parts.iter().filter_map(|part| match part {
            Part::Secret(name, _) => Some(name),
            Part::Literal(_) | Part::Output(..) => None,
        })
    }

    /// The text that a marker in a body stands for; nothing when the value is no marker.
    pub fn from_marker(value: &Value) -> Option<Self> {
        let parts = value
            .as_object()
            .filter(|object| object.len() == 1)?
            .get(MARKER)?
            .as_array()?;
        let parts = parts
            .iter()
            .map(part_from_json)
            .collect::<Option<Vec<_>>>()?;
        Some(Self { parts })
    }

    fn to_marker(&self) -> Value {
        match self.literal() {
            Some(text) => Value::String(text.to_owned()),
            None => json!({ MARKER: self.parts.iter().map(part_to_json).collect::<Vec<_>>() }),
        }
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self::from(text.to_owned())
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        if text.is_empty() {
            Self::default()
        } else {
            Self {
                parts: vec![Part::Literal(text)],
            }
        }
    }
}

/// Shows what a person may see: secrets and unknown values by what they are, never by value.
impl fmt::Display for Text {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in &self.parts {
            match part {
                Part::Literal(text) => formatter.write_str(text)?,
                Part::Output(output, _) if output.is_secret() => formatter.write_str("(secret)")?,
                Part::Output(..) => formatter.write_str("(known after apply)")?,
                Part::Secret(name, _) => write!(formatter, "(secret {name})")?,
            }
        }
        Ok(())
    }
}

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_marker().serialize(serializer)
    }
}

fn part_to_json(part: &Part) -> Value {
    match part {
        Part::Literal(text) => json!({ "literal": text }),
        Part::Output(OutputReference::Property { resource, pointer }, encoding) => {
            json!({ "resource": resource, "pointer": pointer, "encoding": encoding_word(*encoding) })
        }
        Part::Output(
            OutputReference::Action {
                resource,
                action,
                pointer,
            },
            encoding,
        ) => json!({
            "resource": resource, "action": action, "pointer": pointer,
            "encoding": encoding_word(*encoding),
        }),
        Part::Secret(name, encoding) => {
            json!({ "secret": name.as_str(), "encoding": encoding_word(*encoding) })
        }
    }
}

fn encoding_word(encoding: TextEncoding) -> &'static str {
    match encoding {
        TextEncoding::Plain => "plain",
        TextEncoding::Percent => "percent",
    }
}

fn part_from_json(value: &Value) -> Option<Part> {
    let text = |key: &str| value.get(key).and_then(Value::as_str);
    if let Some(literal) = text("literal") {
        return Some(Part::Literal(literal.to_owned()));
    }
    let encoding = match text("encoding")? {
        "plain" => TextEncoding::Plain,
        "percent" => TextEncoding::Percent,
        _ => return None,
    };
    if let Some(name) = text("secret") {
        return Some(Part::Secret(name.parse().ok()?, encoding));
    }
    let resource = ResourceId::parse(text("resource")?).ok()?;
    let pointer = text("pointer")?.to_owned();
    let output = match text("action") {
        Some(action) => OutputReference::Action {
            resource,
            action: action.to_owned(),
            pointer,
        },
        None => OutputReference::Property { resource, pointer },
    };
    Some(Part::Output(output, encoding))
}

/// Every [`Text`] in a body that is not a plain string, with the path to it.
pub fn texts(body: &Value) -> Vec<Text> {
    let mut found = Vec::new();
    visit(body, &mut |value| {
        let text = Text::from_marker(value);
        let is_text = text.is_some();
        found.extend(text);
        !is_text
    });
    found
}

/// Calls `look` on every value, parents first; goes below a value only when it returns true.
pub(crate) fn visit(value: &Value, look: &mut impl FnMut(&Value) -> bool) {
    if !look(value) {
        return;
    }
    match value {
        Value::Array(items) => items.iter().for_each(|item| visit(item, look)),
        Value::Object(fields) => fields.values().for_each(|field| visit(field, look)),
        _ => {}
    }
}

/// The plain strings anywhere in a body, markers left out.
pub fn strings(body: &Value) -> Vec<&str> {
    match body {
        Value::String(text) => vec![text],
        Value::Array(items) => items.iter().flat_map(strings).collect(),
        Value::Object(fields) if Text::from_marker(body).is_none() => {
            fields.values().flat_map(strings).collect()
        }
        _ => Vec::new(),
    }
}

/// Fills in a body: each part of each text is asked of `lookup`, which answers its value or nothing
/// when it is not known. A text with an unknown part stays a marker.
///
/// ```
/// use dify_infra_core::resource::{Part, ResourceId, Text, text};
/// use serde_json::json;
///
/// let group = ResourceId::resource_group("s", "g");
/// let redis = group.provider("Microsoft.Cache/redisEnterprise", "cache");
/// let body = json!({ "host": Text::property(&redis, "/properties/hostName").and(":10000") });
/// let filled = text::resolve(&body, &|part| match part {
///     Part::Output(..) => Some("cache.japaneast.redis.azure.net".to_owned()),
///     _ => None,
/// });
/// assert_eq!(filled, json!({ "host": "cache.japaneast.redis.azure.net:10000" }));
/// ```
pub fn resolve(body: &Value, lookup: &dyn Fn(&Part) -> Option<String>) -> Value {
    if let Some(text) = Text::from_marker(body) {
        return resolve_text(&text, lookup).map_or_else(|| body.clone(), Value::String);
    }
    match body {
        Value::Array(items) => items.iter().map(|item| resolve(item, lookup)).collect(),
        Value::Object(fields) => {
            let filled = fields
                .iter()
                .map(|(key, field)| (key.clone(), resolve(field, lookup)));
            Value::Object(filled.collect::<Map<_, _>>())
        }
        other => other.clone(),
    }
}

/// The value of a text, when `lookup` knows all of its parts.
pub fn resolve_text(text: &Text, lookup: &dyn Fn(&Part) -> Option<String>) -> Option<String> {
    text.parts()
        .iter()
        .map(|part| resolve_part(part, lookup))
        .collect()
}

fn resolve_part(part: &Part, lookup: &dyn Fn(&Part) -> Option<String>) -> Option<String> {
    let encoding = match part {
        Part::Literal(text) => return Some(text.clone()),
        Part::Output(_, encoding) | Part::Secret(_, encoding) => *encoding,
    };
    lookup(part).map(|value| match encoding {
        TextEncoding::Plain => value,
        TextEncoding::Percent => crate::secrets::percent_encode(&value),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redis() -> ResourceId {
        ResourceId::resource_group("s", "g").provider("Microsoft.Cache/redisEnterprise", "cache")
    }

    fn broker() -> Text {
        Text::from("rediss://:")
            .and(Text::action(&redis(), "listKeys", "/primaryKey").percent_encoded())
            .and("@")
            .and(Text::property(&redis(), "/properties/hostName"))
            .and(":10000/0")
    }

    #[test]
    fn a_marker_reads_back_as_the_same_text() {
        let marker = serde_json::to_value(broker()).unwrap();
        assert_eq!(Text::from_marker(&marker), Some(broker()));
    }

    #[test]
    fn parts_are_encoded_where_the_text_says_so() {
        let body = json!({ "url": broker() });
        let filled = resolve(&body, &|part| match part {
            Part::Output(output, _) if output.is_secret() => Some("a+/=".to_owned()),
            Part::Output(..) => Some("host".to_owned()),
            _ => None,
        });
        assert_eq!(
            filled,
            json!({ "url": "rediss://:a%2B%2F%3D@host:10000/0" })
        );
    }

    #[test]
    fn a_text_with_an_unknown_part_stays_a_marker() {
        let body = json!({ "url": broker() });
        assert_eq!(resolve(&body, &|_| None), body);
    }

    #[test]
    fn shows_neither_secrets_nor_guesses() {
        assert_eq!(
            broker().to_string(),
            "rediss://:(secret)@(known after apply):10000/0"
        );
        assert!(broker().is_secret());
    }
}
