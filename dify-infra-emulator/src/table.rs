//! Property tables: which properties a type has, and which of them are required, read-only or secret.
//!
//! The tables in `types/` are derived from Azure's published type definitions
//! (Azure/bicep-types-az; each table names its file). In a member's name `!` means required,
//! `~` read-only and `#` write-only; a value is a scalar (`integer 1..365`, `string=A|B`), an object,
//! a one-item list, or `{"*": …}` for a map.
//!
//! Unknown properties are refused, which is stricter than Azure: real providers mostly drop them
//! in silence, and a client would never learn of its mistake (Azure/arm-template-whatif#96).

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::arm::error::ArmError;

/// The shape that a value must have.
#[derive(Clone, Debug, PartialEq)]
enum Shape {
    Any,
    Text,
    Boolean,
    Number {
        whole: bool,
        least: Option<f64>,
        most: Option<f64>,
    },
    Choice(Vec<String>),
    Object(Vec<Member>),
    Map(Box<Self>),
    List(Box<Self>),
}

#[derive(Clone, Debug, PartialEq)]
struct Member {
    name: String,
    required: bool,
    read_only: bool,
    secret: bool,
    shape: Shape,
}

/// The property table of one resource type.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    type_name: String,
    shape: Shape,
}

/// A body that was accepted: without nulls and read-only values, its secret values set apart.
#[derive(Debug, Default)]
pub(crate) struct Accepted {
    pub(crate) body: Value,
    /// Secret values by path; an item of a list is named by its `name`.
    pub(crate) secrets: BTreeMap<String, String>,
}

/// How strict a body is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// A whole resource: required properties must be there, nulls count as absent.
    Whole,
    /// A merge patch: nothing is required, nulls delete.
    Patch,
}

/// What happens to properties that the table does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unknown {
    Refused,
    Dropped,
}

impl Table {
    /// Reads a table. The tables are part of the crate, so a wrong one is a defect of the crate:
    /// what cannot be understood is taken as `any`, and the tests refuse such a table.
    pub(crate) fn read(text: &str) -> Self {
        let json: Value = serde_json::from_str(text).unwrap_or_default();
        Self {
            type_name: json["type"].as_str().unwrap_or_default().to_owned(),
            shape: shape_of(&json["members"]),
        }
    }

    /// Checks a body and takes it apart.
    pub(crate) fn accept(&self, body: &Value, mode: Mode) -> Result<Accepted, ArmError> {
        self.read_body(body, mode, Unknown::Refused)
    }

    /// Checks a body of another version than the table's and takes it apart: what the table does
    /// not have is dropped.
    pub(crate) fn accept_of_other_version(
        &self,
        body: &Value,
        mode: Mode,
    ) -> Result<Accepted, ArmError> {
        self.read_body(body, mode, Unknown::Dropped)
    }

    fn read_body(&self, body: &Value, mode: Mode, unknown: Unknown) -> Result<Accepted, ArmError> {
        let mut reader = Reader {
            table: self,
            mode,
            unknown,
            secrets: BTreeMap::new(),
        };
        let body = reader.read(&self.shape, body, "", "")?.unwrap_or_default();
        Ok(Accepted {
            body,
            secrets: reader.secrets,
        })
    }

    /// The names of optional, writable members of the object at a dotted path.
    pub(crate) fn optional_members(&self, path: &str) -> Vec<&str> {
        self.members(path, |m| !m.required && !m.read_only && !m.secret)
    }

    /// The names of members of the object at a dotted path that only Azure sets.
    #[cfg(test)]
    pub(crate) fn read_only_members(&self, path: &str) -> Vec<&str> {
        self.members(path, |m| m.read_only)
    }

    fn members(&self, path: &str, wanted: impl Fn(&Member) -> bool) -> Vec<&str> {
        let mut shape = &self.shape;
        for name in path.split('.').filter(|name| !name.is_empty()) {
            let Shape::Object(members) = shape else {
                return Vec::new();
            };
            let Some(member) = members.iter().find(|member| member.name == name) else {
                return Vec::new();
            };
            shape = &member.shape;
        }
        let Shape::Object(members) = shape else {
            return Vec::new();
        };
        let members = members.iter().filter(|member| wanted(member));
        members.map(|member| member.name.as_str()).collect()
    }
}

fn shape_of(json: &Value) -> Shape {
    match json {
        Value::String(text) => scalar(text),
        Value::Array(items) => Shape::List(Box::new(items.first().map_or(Shape::Any, shape_of))),
        Value::Object(members) => match members.get("*") {
            Some(value) => Shape::Map(Box::new(shape_of(value))),
            None => Shape::Object(members.iter().map(member_of).collect()),
        },
        _ => Shape::Any,
    }
}

fn member_of((key, value): (&String, &Value)) -> Member {
    let name = key.trim_end_matches(['!', '~', '#']);
    let flags = &key[name.len()..];
    Member {
        name: name.to_owned(),
        required: flags.contains('!'),
        read_only: flags.contains('~'),
        secret: flags.contains('#'),
        shape: shape_of(value),
    }
}

fn scalar(text: &str) -> Shape {
    if let Some(choices) = text.strip_prefix("string=") {
        return Shape::Choice(choices.split('|').map(str::to_owned).collect());
    }
    let (kind, range) = text.split_once(' ').unwrap_or((text, ".."));
    let (least, most) = range.split_once("..").unwrap_or(("", ""));
    match kind {
        "string" => Shape::Text,
        "boolean" => Shape::Boolean,
        "integer" | "number" => Shape::Number {
            whole: kind == "integer",
            least: least.parse().ok(),
            most: most.parse().ok(),
        },
        _ => Shape::Any,
    }
}

struct Reader<'a> {
    table: &'a Table,
    mode: Mode,
    unknown: Unknown,
    secrets: BTreeMap<String, String>,
}

impl Reader<'_> {
    /// Reads one value: `path` is for people (`a.b[0]`), `place` names secrets (`a.b[name]`).
    fn read(
        &mut self,
        shape: &Shape,
        value: &Value,
        path: &str,
        place: &str,
    ) -> Result<Option<Value>, ArmError> {
        if value.is_null() {
            return Ok((self.mode == Mode::Patch).then_some(Value::Null));
        }
        match (shape, value) {
            (Shape::Object(members), Value::Object(object)) => {
                self.read_object(members, object, path, place).map(Some)
            }
            (Shape::Map(inner), Value::Object(object)) => {
                self.read_map(inner, object, path, place).map(Some)
            }
            (Shape::List(inner), Value::Array(items)) => {
                self.read_list(inner, items, path, place).map(Some)
            }
            _ => match problem_of(shape, value) {
                None => Ok(Some(value.clone())),
                Some(problem) => Err(self.wrong_value(path, &problem)),
            },
        }
    }

    fn read_object(
        &mut self,
        members: &[Member],
        object: &Map<String, Value>,
        path: &str,
        place: &str,
    ) -> Result<Value, ArmError> {
        let known = |name: &String| members.iter().any(|m| m.name.eq_ignore_ascii_case(name));
        let unknown = object.keys().find(|name| !known(name));
        if let Some(name) = unknown.filter(|_| self.unknown == Unknown::Refused) {
            return Err(self.unknown_member(name, path));
        }
        let mut accepted = Map::new();
        for member in members {
            let given = object
                .iter()
                .find(|(name, _)| name.eq_ignore_ascii_case(&member.name));
            let own_path = join(path, &member.name);
            match given.map(|(_, value)| value) {
                _ if member.read_only => {}
                Some(Value::String(value)) if member.secret => {
                    self.secrets
                        .insert(join(place, &member.name), value.clone());
                }
                Some(value) if !(value.is_null() && self.mode == Mode::Whole) => {
                    let own_place = join(place, &member.name);
                    let value = self.read(&member.shape, value, &own_path, &own_place)?;
                    accepted.extend(value.map(|value| (member.name.clone(), value)));
                }
                _ if member.required && self.mode == Mode::Whole => {
                    return Err(self.missing_member(&own_path));
                }
                _ => {}
            }
        }
        Ok(Value::Object(accepted))
    }

    fn read_map(
        &mut self,
        inner: &Shape,
        object: &Map<String, Value>,
        path: &str,
        place: &str,
    ) -> Result<Value, ArmError> {
        let mut accepted = Map::new();
        for (name, value) in object {
            let value = self.read(inner, value, &join(path, name), &join(place, name))?;
            accepted.extend(value.map(|value| (name.clone(), value)));
        }
        Ok(Value::Object(accepted))
    }

    fn read_list(
        &mut self,
        inner: &Shape,
        items: &[Value],
        path: &str,
        place: &str,
    ) -> Result<Value, ArmError> {
        let outer = self.mode;
        // lists are replaced as a whole, also by a patch
        self.mode = Mode::Whole;
        let mut accepted = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            let name = item.get("name").and_then(Value::as_str);
            let label = name.map_or_else(|| index.to_string(), str::to_owned);
            let (path, place) = (format!("{path}[{index}]"), format!("{place}[{label}]"));
            accepted.extend(self.read(inner, item, &path, &place)?);
        }
        self.mode = outer;
        Ok(Value::Array(accepted))
    }

    fn unknown_member(&self, name: &str, path: &str) -> ArmError {
        let whole = join(path, name);
        content_error(
            &whole,
            &format!(
                "Could not find member '{name}' on object of type '{}'. Path '{whole}'.",
                self.table.type_name
            ),
        )
    }

    fn missing_member(&self, path: &str) -> ArmError {
        content_error(
            path,
            &format!(
                "Required property '{path}' not found in JSON of '{}'.",
                self.table.type_name
            ),
        )
    }

    fn wrong_value(&self, path: &str, problem: &str) -> ArmError {
        content_error(
            path,
            &format!("{problem} Path '{path}' of '{}'.", self.table.type_name),
        )
    }
}

fn content_error(path: &str, text: &str) -> ArmError {
    ArmError::bad_request(
        "InvalidRequestContent",
        format!("The request content was invalid and could not be deserialized: '{text}'"),
    )
    .at(path)
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}

/// What is wrong with a scalar; the value itself is named only where the choices are closed.
fn problem_of(shape: &Shape, value: &Value) -> Option<String> {
    match shape {
        Shape::Any => None,
        Shape::Text if value.is_string() => None,
        Shape::Boolean if value.is_boolean() => None,
        Shape::Number { whole, least, most } => number_problem(value, *whole, *least, *most),
        Shape::Choice(choices) => choice_problem(choices, value),
        Shape::Text => Some("A text is expected.".to_owned()),
        Shape::Boolean => Some("A boolean is expected.".to_owned()),
        Shape::Object(_) | Shape::Map(_) => Some("An object is expected.".to_owned()),
        Shape::List(_) => Some("A list is expected.".to_owned()),
    }
}

fn number_problem(
    value: &Value,
    whole: bool,
    least: Option<f64>,
    most: Option<f64>,
) -> Option<String> {
    let Some(number) = value.as_f64() else {
        return Some("A number is expected.".to_owned());
    };
    if whole && number.fract() != 0.0 {
        return Some("A whole number is expected.".to_owned());
    }
    if least.is_some_and(|least| number < least) || most.is_some_and(|most| number > most) {
        let bound = |bound: Option<f64>| bound.map_or_else(String::new, |bound| bound.to_string());
        return Some(format!(
            "{number} is not in {}..{}.",
            bound(least),
            bound(most)
        ));
    }
    None
}

fn choice_problem(choices: &[String], value: &Value) -> Option<String> {
    let Some(text) = value.as_str() else {
        return Some("A text is expected.".to_owned());
    };
    // providers differ in spaces ("SystemAssigned, UserAssigned") and accept any case
    let plain = |text: &str| text.replace(' ', "").to_ascii_lowercase();
    let found = choices.iter().any(|choice| plain(choice) == plain(text));
    (!found).then(|| format!("'{text}' is not one of {}.", choices.join(", ")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn table() -> Table {
        Table::read(
            r#"{"type": "Test/things", "members": {
                "id~": "string", "location!": "string",
                "properties": {"size": "integer 1..5", "mode": "string=On|Off", "password#": "string",
                    "items": [{"name": "string", "value#": "string"}], "tags": {"*": "string"}}}}"#,
        )
    }

    fn refusal(body: &Value) -> ArmError {
        table().accept(body, Mode::Whole).unwrap_err()
    }

    #[test]
    fn unknown_properties_are_refused_with_their_path() {
        let error = refusal(&json!({"location": "x", "properties": {"items": [{"nam": 1}]}}));
        assert_eq!(error.target.as_deref(), Some("properties.items[0].nam"));
        assert_eq!(error.code, "InvalidRequestContent");
    }

    #[test]
    fn a_body_of_another_version_loses_what_the_table_does_not_have() {
        let body = json!({"location": "x", "properties": {"size": 2, "newer": true}});
        let accepted = table().accept_of_other_version(&body, Mode::Whole).unwrap();
        assert_eq!(accepted.body["properties"], json!({"size": 2}));
        let wrong = json!({"location": "x", "properties": {"size": "two"}});
        assert!(
            table()
                .accept_of_other_version(&wrong, Mode::Whole)
                .is_err()
        );
    }

    #[test]
    fn required_properties_must_be_there_except_in_a_patch() {
        assert!(
            refusal(&json!({}))
                .message
                .contains("Required property 'location'")
        );
        assert!(
            refusal(&json!({"location": null}))
                .message
                .contains("'location'")
        );
        assert!(table().accept(&json!({}), Mode::Patch).is_ok());
    }

    #[test]
    fn read_only_properties_and_nulls_are_dropped() {
        let body = json!({"id": 7, "location": "x", "properties": {"mode": null}});
        let accepted = table().accept(&body, Mode::Whole).unwrap();
        assert_eq!(accepted.body, json!({"location": "x", "properties": {}}));
        let patch = table()
            .accept(&json!({"properties": {"mode": null}}), Mode::Patch)
            .unwrap();
        assert_eq!(patch.body, json!({"properties": {"mode": null}}));
    }

    #[test]
    fn secret_values_are_set_apart_under_the_name_of_their_item() {
        let body = json!({"location": "x", "properties": {
            "password": "p", "items": [{"name": "key", "value": "v"}]}});
        let accepted = table().accept(&body, Mode::Whole).unwrap();
        assert_eq!(accepted.secrets["properties.password"], "p");
        assert_eq!(accepted.secrets["properties.items[key].value"], "v");
        assert!(!accepted.body.to_string().contains("\"v\""));
    }

    #[test]
    fn wrong_kinds_choices_and_ranges_are_refused() {
        for properties in [
            json!({"size": "3"}),
            json!({"size": 6}),
            json!({"size": 1.5}),
            json!({"mode": "Up"}),
            json!({"items": {}}),
            json!({"tags": {"a": 1}}),
        ] {
            refusal(&json!({"location": "x", "properties": properties}));
        }
    }

    #[test]
    fn choices_compare_without_case_and_spaces() {
        let body = json!({"location": "x", "properties": {"mode": "on", "size": 5}});
        assert!(table().accept(&body, Mode::Whole).is_ok());
    }
}
