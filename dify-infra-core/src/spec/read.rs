//! Turns parsed TOML into the types of the file, and keeps going after each problem.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::document::Document;
use super::suggest;
use crate::check::spc;
use crate::diagnostic::{Diagnostic, Diagnostics, KeyPath, Segment};

/// What a piece of the file may hold: enough to list every key that it can have.
pub(super) enum Shape {
    /// A text, a number, a truth value.
    Value,
    /// Items of one shape.
    List(fn() -> Self),
    /// Values of one shape under keys that the user chooses.
    Map(fn() -> Self),
    /// Known keys.
    Table(&'static [Field]),
}

/// A key of a table.
pub(super) struct Field {
    pub(super) key: &'static str,
    pub(super) shape: fn() -> Shape,
}

/// A type of the file.
pub(super) trait Read: Sized {
    /// What the value must be, as it follows "must be".
    const EXPECTED: &'static str;

    /// Reads a value; reports what is wrong with it and gives what can be used.
    fn read(value: &DeValue<'_>, path: &KeyPath, reader: &mut Reader<'_>) -> Option<Self>;

    /// What it may hold.
    fn shape() -> Shape {
        Shape::Value
    }
}

/// Collects what is wrong while a file is read.
pub(super) struct Reader<'a> {
    document: &'a Document,
    diagnostics: Diagnostics,
    /// Keys about which something has been said, so that nobody says it again.
    reported: BTreeSet<KeyPath>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(document: &'a Document) -> Self {
        Self {
            document,
            diagnostics: Diagnostics::new(),
            reported: BTreeSet::new(),
        }
    }

    /// The problems found, and the keys that they are about.
    pub(super) fn finish(self) -> (Diagnostics, BTreeSet<KeyPath>) {
        (self.diagnostics, self.reported)
    }

    /// Reports a problem of the value at `path`.
    pub(super) fn report(&mut self, diagnostic: Diagnostic) {
        self.reported.insert(diagnostic.path.clone());
        self.diagnostics.push(diagnostic);
    }

    /// The value as a table; a problem when it is something else.
    pub(super) fn table<'v, 'i>(
        &mut self,
        value: &'v DeValue<'i>,
        path: &KeyPath,
        expected: &str,
    ) -> Option<&'v DeTable<'i>> {
        let table = value.as_table();
        if table.is_none() {
            self.wrong_type(value, path, expected);
        }
        table
    }

    /// The value of a known key, or nothing.
    pub(super) fn field<T: Read + Default>(
        &mut self,
        table: &DeTable<'_>,
        path: &KeyPath,
        key: &str,
    ) -> T {
        let value = table.get(key).map(Spanned::get_ref);
        value
            .and_then(|value| T::read(value, &path.key(key), self))
            .unwrap_or_default()
    }

    /// Reports every key of `table` that is not among `fields`.
    pub(super) fn refuse_unknown_keys(
        &mut self,
        table: &DeTable<'_>,
        path: &KeyPath,
        fields: &'static [Field],
    ) {
        for key in table.keys() {
            if !fields.iter().any(|field| field.key == key.get_ref()) {
                self.unknown_key(path, key.get_ref(), key.span(), fields);
            }
        }
    }

    fn unknown_key(
        &mut self,
        path: &KeyPath,
        key: &str,
        place: Range<usize>,
        fields: &'static [Field],
    ) {
        let suggestion = suggest::suggest(path, key, fields);
        let table = if path.segments().is_empty() {
            "the top level of the file".to_owned()
        } else {
            format!("`[{path}]`")
        };
        let message = format!("`{key}` is not a key of {table}");
        let mut diagnostic = spc::UNKNOWN_KEY
            .finding(path.key(key), message)
            .with_help(suggestion.help);
        diagnostic.span = Some(self.document.span(place));
        // The key that was meant is here, misspelt: it is not missing as well.
        self.reported.extend(suggestion.meant);
        self.report(diagnostic);
    }

    /// Reports a value of another type; the value itself is not repeated, it may be a password.
    pub(super) fn wrong_type(&mut self, value: &DeValue<'_>, path: &KeyPath, expected: &str) {
        let message = format!("`{path}` must be {expected}, but is {}", description(value));
        let diagnostic = spc::WRONG_TYPE.finding(path.clone(), message);
        self.report(match type_help(value, expected) {
            Some(help) => diagnostic.with_help(help),
            None => diagnostic,
        });
    }
}

/// What a value is, in words.
fn description(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "a truth value",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// How to mend the most frequent slips: quotes that are missing or too many.
fn type_help(value: &DeValue<'_>, expected: &str) -> Option<&'static str> {
    match value {
        DeValue::String(text) if text.parse::<f64>().is_ok() && expected.contains("number") => {
            Some("write the number without quotes")
        }
        DeValue::String(text) if expected.contains("number") => {
            Some(if text.starts_with(|first: char| first.is_ascii_digit()) {
                "write the number alone, without a unit and without quotes"
            } else {
                "write a number, without quotes"
            })
        }
        DeValue::String(text) if expected.contains("true") && text.parse::<bool>().is_ok() => {
            Some("write it without quotes")
        }
        DeValue::String(_) | DeValue::Integer(_) if expected.contains("true") => {
            Some("write `true` or `false`, without quotes")
        }
        DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_) | DeValue::Datetime(_)
            if expected.starts_with("a text") =>
        {
            Some("put it in quotes")
        }
        DeValue::Table(_) if expected.starts_with("a list") => {
            Some("put square brackets around it: `[{ ... }]`")
        }
        _ => None,
    }
}

/// Whether a value says nothing, so that it need not be written.
pub(super) fn is_absent<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// The value of an integer; what is beyond all bounds becomes the greatest number there is.
fn integer(value: &DeValue<'_>) -> Option<i128> {
    let integer = value.as_integer()?;
    Some(i128::from_str_radix(integer.as_str(), integer.radix()).unwrap_or(i128::MAX))
}

impl Read for String {
    const EXPECTED: &'static str = "a text in quotes";

    fn read(value: &DeValue<'_>, path: &KeyPath, reader: &mut Reader<'_>) -> Option<Self> {
        if value.as_str().is_none() {
            reader.wrong_type(value, path, Self::EXPECTED);
        }
        value.as_str().map(str::to_owned)
    }
}

impl Read for bool {
    const EXPECTED: &'static str = "true or false";

    fn read(value: &DeValue<'_>, path: &KeyPath, reader: &mut Reader<'_>) -> Option<Self> {
        if value.as_bool().is_none() {
            reader.wrong_type(value, path, Self::EXPECTED);
        }
        value.as_bool()
    }
}

/// The smallest value of a number of the file.
fn least(path: &KeyPath) -> u32 {
    let is_maximum = path.segments().last() == Some(&Segment::Key("max".to_owned()));
    match path.to_string().as_str() {
        "data.postgres.version" => 14,
        "data.postgres.storage" => 32,
        "data.postgres.backup_days" | "secrets.retention_days" => 7,
        "schema" | "data.storage.retention_days" => 1,
        "logs.retention_days" => 30,
        _ => u32::from(is_maximum),
    }
}

impl Read for u32 {
    const EXPECTED: &'static str = "a whole number";

    fn read(value: &DeValue<'_>, path: &KeyPath, reader: &mut Reader<'_>) -> Option<Self> {
        let Some(number) = integer(value) else {
            reader.wrong_type(value, path, Self::EXPECTED);
            return None;
        };
        if number < 0 {
            let least = least(path);
            let message = format!("`{path}` is {number}, but must be {least} or more");
            let help = format!("give {least} or more");
            reader.report(
                spc::INVALID_VALUE
                    .finding(path.clone(), message)
                    .with_help(help),
            );
            return None;
        }
        // What is too large here is too large for Azure too: its own limit is what will be said.
        Some(Self::try_from(number).unwrap_or(Self::MAX))
    }
}

/// More than any size of the file; numbers beyond it are this one, so that nobody is shown 300 digits.
const BEYOND: f64 = 1e9;

impl Read for f64 {
    const EXPECTED: &'static str = "a number";

    fn read(value: &DeValue<'_>, path: &KeyPath, reader: &mut Reader<'_>) -> Option<Self> {
        let whole = integer(value).map(|number| i32::try_from(number).map_or(BEYOND, Self::from));
        let fraction = value
            .as_float()
            .and_then(|float| float.as_str().parse().ok());
        let number = whole.or(fraction).map(|it: Self| it.clamp(-BEYOND, BEYOND));
        if number.is_none() {
            reader.wrong_type(value, path, Self::EXPECTED);
        }
        number
    }
}

impl<T: Read> Read for Option<T> {
    const EXPECTED: &'static str = T::EXPECTED;

    fn read(value: &DeValue<'_>, path: &KeyPath, reader: &mut Reader<'_>) -> Option<Self> {
        Some(T::read(value, path, reader))
    }

    fn shape() -> Shape {
        T::shape()
    }
}

impl<T: Read> Read for Vec<T> {
    const EXPECTED: &'static str = "a list in square brackets";

    fn read(value: &DeValue<'_>, path: &KeyPath, reader: &mut Reader<'_>) -> Option<Self> {
        let Some(items) = value.as_array() else {
            reader.wrong_type(value, path, Self::EXPECTED);
            return None;
        };
        let items = items.iter().enumerate();
        Some(
            items
                .filter_map(|(index, item)| T::read(item.get_ref(), &path.index(index), reader))
                .collect(),
        )
    }

    fn shape() -> Shape {
        Shape::List(T::shape)
    }
}

impl<T: Read> Read for BTreeMap<String, T> {
    const EXPECTED: &'static str = "a table";

    fn read(value: &DeValue<'_>, path: &KeyPath, reader: &mut Reader<'_>) -> Option<Self> {
        let table = reader.table(value, path, Self::EXPECTED)?;
        let mut values = Self::new();
        for (key, value) in table {
            let key: &str = key.get_ref();
            if let Some(value) = T::read(value.get_ref(), &path.key(key), reader) {
                values.insert(key.to_owned(), value);
            }
        }
        Some(values)
    }

    fn shape() -> Shape {
        Shape::Map(T::shape)
    }
}
