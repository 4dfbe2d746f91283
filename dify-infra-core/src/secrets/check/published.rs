//! Values that are published on the internet, by their SHA-256.
//!
//! The list holds hashes and origins, not the values: it has to recognise a value, not to spread
//! it, and scanners for leaked secrets stay quiet.

use std::collections::HashMap;
use std::sync::LazyLock;

use data_encoding::HEXLOWER;
use serde::Deserialize;

use crate::secrets::encode::percent_decode;

/// One published value.
#[derive(Debug, Deserialize)]
pub(super) struct Published {
    sha256: String,
    /// The variables that it is published for.
    pub(super) variable: String,
    /// Repositories and files that publish it.
    pub(super) source: String,
    /// Whether it is an ordinary word or a placeholder, which means nothing in other settings.
    pub(super) word: bool,
}

#[derive(Deserialize)]
struct List {
    published: Vec<Published>,
}

static PUBLISHED: LazyLock<HashMap<String, Published>> = LazyLock::new(|| {
    #[expect(
        clippy::expect_used,
        reason = "the file is compiled in, and a test reads it"
    )]
    let list: List = serde_json::from_str(include_str!("../../../data/published-secrets.json"))
        .expect("the compiled-in list is valid");
    list.published
        .into_iter()
        .map(|entry| (entry.sha256.clone(), entry))
        .collect()
});

/// Finds a value, or the password in it if it is a URL, in the list.
pub(super) fn find(value: &str) -> Option<&'static Published> {
    let value = value.trim();
    lookup(value).or_else(|| lookup(&url_password(value)?))
}

fn lookup(value: &str) -> Option<&'static Published> {
    PUBLISHED.get(&HEXLOWER.encode(&hmac_sha256::Hash::hash(value.as_bytes())))
}

/// The decoded password of a URL such as `redis://:password@host`.
pub(super) fn url_password(value: &str) -> Option<String> {
    let (_, rest) = value.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let (user_info, _) = authority.rsplit_once('@')?;
    let (_, password) = user_info.split_once(':')?;
    Some(percent_decode(password))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_whole_and_every_entry_names_its_origin() {
        assert!(PUBLISHED.len() >= 50, "{}", PUBLISHED.len());
        for entry in PUBLISHED.values() {
            assert_eq!(HEXLOWER.decode(entry.sha256.as_bytes()).unwrap().len(), 32);
            assert!(!entry.variable.is_empty());
            assert!(!entry.source.is_empty());
        }
    }

    #[test]
    fn passwords_are_found_inside_urls() {
        assert_eq!(
            url_password("redis://:a%40b@host:6379/1").as_deref(),
            Some("a@b")
        );
        assert_eq!(url_password("postgresql://u:p@h/db").as_deref(), Some("p"));
        assert_eq!(url_password("https://host/a:b@c"), None);
        assert!(find("redis://:difyai123456@other:6380/0").is_some());
        assert!(find("redis://:unknown@other:6380/0").is_none());
    }
}
