//! How samples read: as they would stand in a file, cut down to what matters.
//!
//! A sample of resources is a patch over a whole template. What it makes of the template is what people
//! know, so that is shown: the members in which the deployment that breaks the rule, the one that keeps it
//! and the one that both are made from differ, with the names of what they are in. What one lacks and
//! another has is a comment, which Resource Manager takes in templates.

use std::sync::LazyLock;

use serde_json::{Map, Value};

use super::template;
use crate::check::{Rule, Sample, SampleForm};

/// What the samples of a rule look like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// The language, as Markdown names it.
    pub language: &'static str,
    /// What breaks the rule.
    pub bad: String,
    /// What keeps it, where there is something to see: the absence of what breaks it is not.
    pub good: Option<String>,
}

/// What goes before a comment among the keys and items of an excerpt; no key of a template begins with it.
const COMMENT: char = '\u{1}';

/// How wide a line may be.
const WIDTH: usize = 96;

/// How much of a long text is shown.
const LONGEST: usize = 120;

/// The template that samples lie over.
static BASE: LazyLock<Option<Value>> = LazyLock::new(|| template("[]"));

/// The samples of a rule, as people read them.
pub fn shown(rule: &Rule) -> Shown {
    let text = |sample: &Sample| sample.text().trim_matches('\n').trim_end().to_owned();
    let (language, found) = match rule.bad.form() {
        SampleForm::Resources => ("jsonc", resources(rule)),
        SampleForm::Compose => ("yaml", None),
        SampleForm::Squid => ("text", None),
        SampleForm::Part | SampleForm::File => ("toml", None),
    };
    let (bad, good) = found.unwrap_or_else(|| {
        let good = text(&rule.good);
        // An empty mapping over a compose file changes nothing.
        let says_something = !good.is_empty() && good != "[]" && !good.ends_with("{}");
        (text(&rule.bad), says_something.then_some(good))
    });
    Shown {
        language,
        bad,
        good,
    }
}

fn resources(rule: &Rule) -> Option<(String, Option<String>)> {
    let base = BASE.as_ref()?;
    let bad = template(rule.bad.text())?;
    let good = template(rule.good.text())?;
    let shown = of_template(&bad, &[base, &good])?;
    let kept = of_template(&good, &[base, &bad]).filter(says_something);
    Some((print(&shown, 0), kept.map(|it| print(&it, 0))))
}

/// What of a template others have otherwise; a single resource stands alone.
fn of_template(own: &Value, others: &[&Value]) -> Option<Value> {
    let own = own.as_object()?;
    let mut shown = Map::new();
    let without = |template: &Map<String, Value>| {
        let mut rest = template.clone();
        rest.remove("resources");
        Value::Object(rest)
    };
    let rest: Vec<Value> = others
        .iter()
        .filter_map(|it| Some(without(it.as_object()?)))
        .collect();
    if let Some(Value::Object(rest)) = excerpt(&without(own), &rest.iter().collect::<Vec<_>>()) {
        shown = rest;
    }
    let list = |template: &'_ Value| -> Vec<Value> {
        let list = template.get("resources").and_then(Value::as_array);
        list.cloned().unwrap_or_default()
    };
    let theirs: Vec<Vec<Value>> = others.iter().map(|it| list(it)).collect();
    let own = own.get("resources").and_then(Value::as_array)?;
    let mut items = once_for_all(of_resources(own, &theirs));
    match (shown.is_empty(), items.len()) {
        (true, 0) => None,
        (true, 1) => items.pop(),
        (_, 0) => Some(Value::Object(shown)),
        _ => {
            shown.insert("resources".to_owned(), Value::Array(items));
            Some(Value::Object(shown))
        }
    }
}

/// What of the resources others have otherwise. Patches add at the end alone, so those of the base stand at
/// the same place everywhere, whatever they are named.
fn of_resources(own: &[Value], others: &[Vec<Value>]) -> Vec<Value> {
    let base = BASE.as_ref().and_then(|it| it.get("resources")?.as_array());
    let count = base.map_or(0, Vec::len);
    let same = |at: usize, item: &Value, other: &'_ [Value]| -> Option<Value> {
        if at < count {
            return other.get(at).cloned();
        }
        let mut added = other.iter().skip(count);
        added.find(|it| identity(it) == identity(item)).cloned()
    };
    let mut shown = Vec::new();
    for (at, item) in own.iter().enumerate() {
        let theirs: Vec<Value> = others.iter().filter_map(|it| same(at, item, it)).collect();
        if theirs.len() < others.len() {
            shown.push(cut(item));
        } else {
            shown.extend(excerpt(item, &theirs.iter().collect::<Vec<_>>()));
        }
    }
    shown
}

/// The same in several resources of a type is shown once.
fn once_for_all(items: Vec<Value>) -> Vec<Value> {
    let nameless = |item: &Value| {
        let mut item = item.clone();
        if let Some(members) = item.as_object_mut() {
            members.remove("name");
        }
        item
    };
    let mut shown: Vec<(Value, usize)> = Vec::new();
    for item in items {
        match shown
            .iter_mut()
            .find(|(it, _)| nameless(it) == nameless(&item))
        {
            Some((_, more)) => *more += 1,
            None => shown.push((item, 0)),
        }
    }
    let with_count = |(item, more): (Value, usize)| {
        let comment =
            (more > 0).then(|| comment(&format!("and the same in {more} more of this type")));
        std::iter::once(item).chain(comment)
    };
    shown.into_iter().flat_map(with_count).collect()
}

/// What of a value others have otherwise; nothing when all have the same.
fn excerpt(own: &Value, others: &[&Value]) -> Option<Value> {
    if others.iter().all(|other| *other == own) {
        return None;
    }
    let is_plain = |value: &Value| !value.is_object() && !value.is_array();
    match own {
        Value::Object(members)
            if others.iter().all(|it| it.is_object()) && !members.values().all(is_plain) =>
        {
            let mut shown = Map::new();
            let theirs = others.iter().filter_map(|it| it.as_object());
            let keys = members.keys().chain(theirs.flat_map(Map::keys));
            for key in keys {
                let theirs: Vec<&Value> = others.iter().filter_map(|it| it.get(key)).collect();
                match members.get(key) {
                    Some(value) if theirs.len() == others.len() => {
                        if let Some(part) = excerpt(value, &theirs) {
                            shown.insert(key.clone(), part);
                        }
                    }
                    Some(value) => {
                        shown.insert(key.clone(), cut(value));
                    }
                    None => {
                        shown.insert(format!("{COMMENT}no {key:?}"), Value::Null);
                    }
                }
            }
            for key in ["type", "name"] {
                if let Some(name @ Value::String(_)) = members.get(key) {
                    shown.insert(key.to_owned(), name.clone());
                }
            }
            Some(Value::Object(shown))
        }
        Value::Array(items) if is_named(own) && others.iter().all(|it| is_named(it)) => {
            let others: Vec<&Vec<Value>> = others.iter().filter_map(|it| it.as_array()).collect();
            Some(Value::Array(of_list(items, &others)))
        }
        _ => Some(cut(own)),
    }
}

/// What of a list of named things others have otherwise. A name that is there twice is shown twice.
fn of_list(own: &[Value], others: &[&Vec<Value>]) -> Vec<Value> {
    let count = |list: &[Value], name| list.iter().filter(|it| identity(it) == name).count();
    let mut shown = Vec::new();
    for item in own {
        let name = identity(item);
        let same = |other: &&'_ Vec<Value>| other.iter().find(|it| identity(it) == name).cloned();
        let theirs: Vec<Value> = others.iter().filter_map(same).collect();
        if theirs.len() < others.len() || count(own, name) > 1 {
            shown.push(cut(item));
        } else {
            shown.extend(excerpt(item, &theirs.iter().collect::<Vec<_>>()));
        }
    }
    let mut absent = Vec::new();
    for item in others.iter().flat_map(|it| it.iter()) {
        let (_, name) = identity(item);
        if count(own, identity(item)) == 0 && !absent.contains(&name) {
            absent.push(name);
        }
    }
    let absent = absent.into_iter().flatten();
    shown.extend(absent.map(|name| comment(&format!("no {name:?}"))));
    shown
}

fn comment(text: &str) -> Value {
    Value::String(format!("{COMMENT}{text}"))
}

fn identity(item: &Value) -> (Option<&str>, Option<&str>) {
    let text = |key| item.get(key).and_then(Value::as_str);
    (text("type"), text("name"))
}

/// Whether a value is a list whose items have names.
fn is_named(value: &Value) -> bool {
    let named = |item: &Value| item.get("name").is_some_and(Value::is_string);
    value
        .as_array()
        .is_some_and(|items| items.iter().all(named))
}

/// Whether an excerpt has more than comments and the names of what they are in.
fn says_something(value: &Value) -> bool {
    match value {
        Value::Object(members) => {
            let is_name = |key: &str| ["type", "name"].contains(&key) || key.starts_with(COMMENT);
            let named = members.get("name").is_some_and(Value::is_string);
            members.iter().any(|(key, value)| {
                !(key.starts_with(COMMENT) || named && is_name(key)) && says_something(value)
            })
        }
        Value::Array(items) => items.is_empty() || items.iter().any(says_something),
        Value::String(text) => !text.starts_with(COMMENT),
        _ => true,
    }
}

/// The same value with long texts, such as whole configuration files, cut short.
fn cut(value: &Value) -> Value {
    match value {
        Value::String(text) if text.chars().count() > LONGEST => {
            let start: String = text.chars().take(LONGEST).collect();
            Value::String(start + "…")
        }
        Value::Array(items) => items.iter().map(cut).collect(),
        Value::Object(members) => {
            let members = members.iter().map(|(key, value)| (key.clone(), cut(value)));
            Value::Object(members.collect())
        }
        other => other.clone(),
    }
}

/// JSON in which what fits on a line stands on one, and the members that name a thing come first.
fn print(value: &Value, indent: usize) -> String {
    if let Some(line) = on_one_line(value).filter(|line| line.len() + indent <= WIDTH) {
        return line;
    }
    let deeper = indent + 2;
    let (open, close, entries): (_, _, Vec<String>) = match value {
        Value::Object(members) => {
            let entry = |(key, value): (&String, &Value)| match key.strip_prefix(COMMENT) {
                Some(comment) => format!("// {comment}"),
                None => format!("{}: {}", quoted(key), print(value, deeper)),
            };
            ('{', '}', in_order(members).map(entry).collect())
        }
        Value::Array(items) => {
            let entry = |item: &Value| match commented(item) {
                Some(comment) => format!("// {comment}"),
                None => print(item, deeper),
            };
            ('[', ']', items.iter().map(entry).collect())
        }
        other => return other.to_string(),
    };
    let last = entries.iter().rposition(|entry| !entry.starts_with("//"));
    let lines = entries.iter().enumerate().map(|(at, entry)| {
        let has_comma = !entry.starts_with("//") && last.is_some_and(|last| at < last);
        let comma = if has_comma { "," } else { "" };
        format!("{:deeper$}{entry}{comma}\n", "")
    });
    let lines: String = lines.collect();
    format!("{open}\n{lines}{:indent$}{close}", "")
}

fn on_one_line(value: &Value) -> Option<String> {
    match value {
        Value::Object(members) if members.is_empty() => Some("{}".to_owned()),
        Value::Object(members) => {
            let entry = |(key, value): (&String, &Value)| {
                let is_comment = key.starts_with(COMMENT);
                (!is_comment).then(|| Some(format!("{}: {}", quoted(key), on_one_line(value)?)))?
            };
            let entries: Option<Vec<String>> = in_order(members).map(entry).collect();
            Some(format!("{{ {} }}", entries?.join(", ")))
        }
        Value::Array(items) => {
            let entries: Option<Vec<String>> = items.iter().map(on_one_line).collect();
            Some(format!("[{}]", entries?.join(", ")))
        }
        other => commented(other).is_none().then(|| other.to_string()),
    }
}

fn commented(value: &Value) -> Option<&str> {
    value.as_str()?.strip_prefix(COMMENT)
}

fn in_order(members: &Map<String, Value>) -> impl Iterator<Item = (&String, &Value)> {
    let mut members: Vec<_> = members.iter().collect();
    let first = ["type", "apiVersion", "name"];
    members.sort_by_key(|(key, _)| {
        let place = first.iter().position(|it| it == key);
        (place.unwrap_or(first.len()), key.starts_with(COMMENT))
    });
    members.into_iter()
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::{rule, rules};

    fn of(id: &str) -> Shown {
        shown(rule(id).unwrap())
    }

    #[test]
    fn no_sample_is_shown_as_a_patch_or_as_one_long_line() {
        let of_resources = rules().filter(|rule| rule.bad.form() == SampleForm::Resources);
        for rule in of_resources {
            let Shown {
                language,
                bad,
                good,
            } = shown(rule);
            assert_eq!(language, "jsonc", "{}", rule.id);
            let texts = [Some(bad), good];
            for text in texts.iter().flatten() {
                assert!(!text.contains("\"$"), "{}:\n{text}", rule.id);
                assert!(text.contains("\"type\""), "{}:\n{text}", rule.id);
                let longest = text.lines().map(str::len).max().unwrap_or_default();
                assert!(longest < 300, "{}:\n{text}", rule.id);
                assert!(text.lines().count() < 120, "{}:\n{text}", rule.id);
            }
            assert_ne!(texts[0], texts[1], "{}", rule.id);
        }
    }

    #[test]
    fn what_says_nothing_is_left_out() {
        for rule in rules() {
            let good = shown(rule).good.unwrap_or_else(|| "something".to_owned());
            assert!(
                !good.is_empty() && good != "[]" && !good.ends_with("{}"),
                "{}",
                rule.id
            );
        }
    }

    #[test]
    fn an_added_resource_is_shown_whole_and_what_keeps_the_rule_beside_it() {
        let Shown { bad, good, .. } = of("KEY110");
        let good = good.unwrap();
        for text in [&bad, &good] {
            assert!(text.contains("\"name\": \"dify-test-api\""), "{text}");
        }
        assert!(bad.contains("\"[parameters('secretKey')]\""), "{bad}");
        assert!(good.contains("\"[parameters('otherKey')]\""), "{good}");
        assert!(
            good.contains("\"otherKey\": { \"type\": \"securestring\" }"),
            "{good}"
        );
    }

    #[test]
    fn an_excerpt_has_what_differs_with_the_names_around_it() {
        let own = serde_json::json!({"type": "T", "name": "n", "properties": {
            "same": {"a": 1}, "list": [{"name": "x", "value": 1}, {"name": "y", "value": 2}],
            "more": {"deep": [1]}}});
        let other = serde_json::json!({"type": "T", "name": "n", "properties": {
            "same": {"a": 1}, "list": [{"name": "x", "value": 1}, {"name": "z", "value": 3}]}});
        let shown = excerpt(&own, &[&other]).unwrap();
        assert_eq!(
            print(&shown, 0),
            "{\n  \"type\": \"T\",\n  \"name\": \"n\",\n  \"properties\": {\n    \"list\": [\n      \
             { \"name\": \"y\", \"value\": 2 }\n      // no \"z\"\n    ],\n    \"more\": { \"deep\": [1] }\n  }\n}"
        );
        assert_eq!(excerpt(&own, &[&own]), None);
    }
}
