//! Joins parts into names whose space is short, such as the 24 characters of a storage account.

use super::define::Name;
use super::error::InvalidName;

/// Makes a name of parts: joined by `-` where the rule allows it, shortened until it fits.
///
/// The last part, where the [`Suffix`](super::Suffix) belongs, is never shortened: it keeps two
/// names apart whose beginnings were cut to the same text. Where `-` is not allowed, it is also
/// taken out of the parts.
///
/// ```
/// use dify_infra_core::names::{KeyVaultName, StorageAccountName, compose};
///
/// let account: StorageAccountName = compose(&["dify", "dev", "st", "q3x7ab"])?;
/// assert_eq!(account.as_str(), "difydevstq3x7ab");
/// let vault: KeyVaultName = compose(&["knowledge-base", "staging", "kv", "q3x7ab"])?;
/// assert_eq!(vault.as_str(), "knowled-stagin-kv-q3x7ab");
/// # Ok::<(), dify_infra_core::names::InvalidName>(())
/// ```
///
/// # Errors
///
/// When the parts break the rule of `N` in a way that shortening does not mend.
pub fn compose<N: Name>(parts: &[&str]) -> Result<N, InvalidName> {
    let maximum = N::RULE.maximum();
    if N::RULE.allows('-') {
        return join_within(parts, "-", maximum).parse();
    }
    let bare: Vec<String> = parts.iter().map(|part| part.replace('-', "")).collect();
    let bare: Vec<&str> = bare.iter().map(String::as_str).collect();
    join_within(&bare, "", maximum).parse()
}

/// Joins parts into at most `maximum` characters, cutting the longest ones at their end.
///
/// Empty parts are left out. The last part is kept whole and every other one keeps a character;
/// when that is still too long, the result is too.
///
/// ```
/// use dify_infra_core::names::join_within;
///
/// assert_eq!(join_within(&["dify", "dev", "kv"], "-", 24), "dify-dev-kv");
/// assert_eq!(join_within(&["dify", "production", "kv"], "-", 12), "dify-prod-kv");
/// ```
pub fn join_within(parts: &[&str], separator: &str, maximum: usize) -> String {
    let mut parts: Vec<String> = parts
        .iter()
        .filter(|part| !part.is_empty())
        .map(|part| (*part).to_owned())
        .collect();
    while joined_length(&parts, separator) > maximum && cut_longest(&mut parts) {}
    parts.join(separator)
}

fn joined_length(parts: &[String], separator: &str) -> usize {
    let separators = separator.chars().count() * parts.len().saturating_sub(1);
    parts.iter().map(|part| part.chars().count()).sum::<usize>() + separators
}

/// Takes a character off the longest part but the last; false when none can spare one.
fn cut_longest(parts: &mut [String]) -> bool {
    let Some((_, rest)) = parts.split_last_mut() else {
        return false;
    };
    // The later of two equally long parts is cut: the beginning of a name tells most.
    let longest = rest.iter_mut().max_by_key(|part| part.chars().count());
    let Some(part) = longest.filter(|part| part.chars().count() > 1) else {
        return false;
    };
    part.pop();
    // A cut behind a hyphen would double it with the separator.
    while part.chars().count() > 1 && part.ends_with('-') {
        part.pop();
    }
    true
}

#[cfg(test)]
mod tests {
    use super::super::{KeyVaultName, StorageAccountName, compose};
    use super::*;

    #[test]
    fn never_shortens_the_suffix() {
        let account: StorageAccountName =
            compose(&["a-very-long-name", "some-environment", "st", "q3x7ab"]).unwrap();
        assert_eq!(account.as_str().len(), 24);
        assert!(account.as_str().ends_with("stq3x7ab"), "{account}");
    }

    #[test]
    fn leaves_no_doubled_hyphen_behind_a_cut() {
        let name = join_within(&["abc-def-ghi", "q3x7ab"], "-", 15);
        assert_eq!(name, "abc-def-q3x7ab");
    }

    #[test]
    fn says_when_nothing_can_be_cut() {
        let suffix = "q".repeat(30);
        let error = compose::<KeyVaultName>(&["dify", "dev", &suffix]).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("it has 34 characters, 10 too many"),
            "{error}"
        );
        assert!(compose::<KeyVaultName>(&[]).is_err());
    }
}
