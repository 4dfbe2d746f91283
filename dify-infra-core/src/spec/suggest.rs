//! "Did you mean": the key that was probably meant, here or in another table of the file.

use std::sync::LazyLock;

use super::Spec;
use super::read::{Field, Shape};
use crate::catalogue::can_be_alike;
use crate::diagnostic::{KeyPath, Segment};

/// How alike two keys of one table must be, from 0 to 1.
const ALIKE_HERE: f64 = 0.6;

/// How alike a key of this table must be to be meant rather than the same key of another table:
/// `secrets` for `secret`.
const NEARLY_SAME: f64 = 0.85;

/// How alike two keys of different tables must be.
const ALIKE_ELSEWHERE: f64 = 0.8;

/// Places that are named at most when a key belongs to several tables.
const MOST_PLACES: usize = 3;

/// As many keys of a table can be read at a glance.
const FEW_KEYS: usize = 8;

/// A stand-in for keys that the user chooses.
const ANY_KEY: &str = "*";

/// What to say about an unknown key.
pub(super) struct Suggestion {
    pub(super) help: String,
    /// The key that it stands for.
    pub(super) meant: Option<KeyPath>,
}

/// Finds what was meant by `key` in the table at `path`, which has `fields`.
pub(super) fn suggest(path: &KeyPath, key: &str, fields: &[Field]) -> Suggestion {
    if let Some(near) = nearest_alike(key, fields.iter().map(|field| field.key), NEARLY_SAME) {
        return did_you_mean(path, near);
    }
    let exact = places(|known| known == key);
    if !exact.is_empty() {
        return belongs_to(&exact, path, fields);
    }
    if let Some(near) = nearest_alike(key, fields.iter().map(|field| field.key), ALIKE_HERE) {
        return did_you_mean(path, near);
    }
    let alike = places(|known| {
        can_be_alike(&bare(key), &bare(known), ALIKE_ELSEWHERE)
            && likeness(key, known) >= ALIKE_ELSEWHERE
    });
    if !alike.is_empty() {
        return belongs_to(&alike, path, fields);
    }
    Suggestion {
        help: keys_of(path, fields),
        meant: None,
    }
}

/// What the keys of a table are, as a clause.
fn keys_of(path: &KeyPath, fields: &[Field]) -> String {
    let keys: Vec<_> = fields
        .iter()
        .map(|field| format!("`{}`", field.key))
        .collect();
    let table = if path.segments().is_empty() {
        "the top level"
    } else {
        "this table"
    };
    format!("the keys of {table} are {}", in_words(&keys, "and"))
}

/// The candidate most like `given`, when one is alike enough to help.
pub(crate) fn nearest<'a>(
    given: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    nearest_alike(given, candidates, ALIKE_HERE)
}

/// Joins things to "a, b and c".
pub(crate) fn in_words<T: AsRef<str>>(things: &[T], last: &str) -> String {
    let things: Vec<&str> = things.iter().map(AsRef::as_ref).collect();
    match things.split_last() {
        None => String::new(),
        Some((only, [])) => (*only).to_owned(),
        Some((end, start)) => format!("{} {last} {end}", start.join(", ")),
    }
}

fn nearest_alike<'a>(
    given: &str,
    candidates: impl IntoIterator<Item = &'a str>,
    least: f64,
) -> Option<&'a str> {
    let bare_given = bare(given);
    candidates
        .into_iter()
        .filter(|candidate| can_be_alike(&bare_given, &bare(candidate), least))
        .map(|candidate| (likeness(given, candidate), candidate))
        .filter(|(alike, _)| *alike >= least)
        .max_by(|one, other| one.0.total_cmp(&other.0))
        .map(|(_, candidate)| candidate)
}

/// How alike two keys are when nobody minds `resourceGroup` and `resource-group`.
fn likeness(one: &str, other: &str) -> f64 {
    strsim::normalized_damerau_levenshtein(&bare(one), &bare(other))
}

fn bare(key: &str) -> String {
    key.replace(['-', '_'], "").to_ascii_lowercase()
}

fn did_you_mean(path: &KeyPath, key: &str) -> Suggestion {
    Suggestion {
        help: format!("did you mean `{key}`?"),
        meant: Some(path.key(key)),
    }
}

/// The key of another table. The keys of this one are named too when they are few: one of them may be
/// meant by another word.
fn belongs_to(places: &[KeyPath], path: &KeyPath, fields: &[Field]) -> Suggestion {
    let named = |place: &KeyPath| format!("`{}`", place.to_string().replace(ANY_KEY, "<name>"));
    let shown: Vec<_> = places.iter().take(MOST_PLACES).map(named).collect();
    let meant = places.first().filter(|_| places.len() == 1).cloned();
    let mut help = format!("did you mean {}?", in_words(&shown, "or"));
    if !path.segments().is_empty() && fields.len() <= FEW_KEYS {
        help.push(' ');
        help.push_str(&keys_of(path, fields));
    }
    Suggestion { help, meant }
}

/// The paths of all keys of the file for which `matches` holds, outermost first.
fn places(matches: impl Fn(&str) -> bool) -> Vec<KeyPath> {
    // A file may have thousands of unknown keys.
    static KNOWN: LazyLock<Vec<KeyPath>> = LazyLock::new(known_keys);
    let mut found: Vec<_> = KNOWN
        .iter()
        .filter(|path| match path.segments().last() {
            Some(Segment::Key(key)) => key != ANY_KEY && matches(key),
            _ => false,
        })
        .cloned()
        .collect();
    found.sort_by_key(|path| path.segments().len());
    found
}

/// The path of every key that a file can have; a key that the user chooses is `*`.
pub(super) fn known_keys() -> Vec<KeyPath> {
    let mut paths = Vec::new();
    for field in Spec::FIELDS {
        add_keys(
            &KeyPath::root().key(field.key),
            &(field.shape)(),
            &mut paths,
        );
    }
    paths
}

fn add_keys(path: &KeyPath, shape: &Shape, paths: &mut Vec<KeyPath>) {
    paths.push(path.clone());
    match shape {
        Shape::Value => {}
        Shape::List(item) => add_keys(&path.index(0), &item(), paths),
        Shape::Map(value) => add_keys(&path.key(ANY_KEY), &value(), paths),
        Shape::Table(fields) => {
            for field in *fields {
                add_keys(&path.key(field.key), &(field.shape)(), paths);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::AzureSpec;

    fn help(path: &str, key: &str, fields: &[Field]) -> String {
        suggest(&KeyPath::of(path), key, fields).help
    }

    #[test]
    fn finds_the_misspelt_key_of_the_same_table() {
        assert_eq!(
            help("azure", "resource_grup", AzureSpec::FIELDS),
            "did you mean `resource_group`?"
        );
        assert_eq!(
            help("azure", "resourceGroup", AzureSpec::FIELDS),
            "did you mean `resource_group`?"
        );
        assert_eq!(
            help("", "enviroment", Spec::FIELDS),
            "did you mean `environment`?"
        );
    }

    #[test]
    fn finds_the_key_in_another_table() {
        assert_eq!(
            help("", "resource_group", Spec::FIELDS),
            "did you mean `azure.resource_group` or `images.resource_group`?"
        );
        assert_eq!(
            help("", "postgres", Spec::FIELDS),
            "did you mean `data.postgres`?"
        );
        assert_eq!(
            help("", "sku", Spec::FIELDS),
            "did you mean `data.postgres.sku`, `data.redis.sku` or `data.storage.sku`?"
        );
    }

    #[test]
    fn lists_the_keys_when_nothing_is_near() {
        assert_eq!(
            help("azure", "favourite_colour", AzureSpec::FIELDS),
            "the keys of this table are `resource_group`, `subscription`, `suffix` and `tags`"
        );
    }

    #[test]
    fn a_misspelt_key_is_not_missing_as_well() {
        let meant = suggest(&KeyPath::of("azure"), "resource_grup", AzureSpec::FIELDS).meant;
        assert_eq!(meant, Some(KeyPath::of("azure.resource_group")));
    }
}
