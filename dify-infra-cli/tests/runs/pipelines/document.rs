//! Reading a pipeline's file.

use std::collections::BTreeMap;

use yaml_rust2::{Yaml, YamlLoader};

use super::expression::{Names, evaluate};

pub(super) fn load(text: &str) -> Yaml {
    YamlLoader::load_from_str(text).unwrap().remove(0)
}

pub(super) fn text(yaml: &Yaml) -> String {
    match yaml {
        Yaml::String(text) | Yaml::Real(text) => text.clone(),
        Yaml::Integer(number) => number.to_string(),
        Yaml::Boolean(is_true) => is_true.to_string(),
        other => panic!("{other:?} is no text"),
    }
}

pub(super) fn pairs(yaml: &Yaml) -> BTreeMap<String, String> {
    let pairs = yaml.as_hash().into_iter().flatten();
    pairs
        .map(|(name, value)| (text(name), text(value)))
        .collect()
}

pub(super) fn steps(yaml: &Yaml) -> &[Yaml] {
    yaml.as_vec().unwrap()
}

/// Replaces every expression between two marks by its value.
pub(super) fn filled(text: &str, (open, close): (&str, &str), names: Names<'_>) -> String {
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(open) {
        let (inside, after) = after.split_once(close).unwrap();
        filled += before;
        filled += &evaluate(inside.trim(), false, names);
        rest = after;
    }
    filled + rest
}
