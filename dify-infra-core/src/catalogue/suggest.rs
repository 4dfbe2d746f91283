//! "Did you mean": the known name that is nearest to a misspelt one.

/// How alike two names must be (0 to 1) before one is offered for the other. One wrong letter in
/// a name of five gives 0.8, two names that share a word and differ in the rest stay below 0.7.
const ALIKE: f64 = 0.75;

/// The candidate most like `given`, ignoring case; `None` when nothing is near enough to help.
pub(super) fn nearest<'a>(
    given: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let given = given.to_ascii_uppercase();
    candidates
        .into_iter()
        .filter(|name| can_be_alike(&given, name, ALIKE))
        .map(|name| {
            let likeness =
                strsim::normalized_damerau_levenshtein(&given, &name.to_ascii_uppercase());
            (likeness, name)
        })
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .max_by(|left, right| left.0.total_cmp(&right.0))
        .map(|(_, name)| name)
}

/// Whether two names could be as alike as `least`, whatever the order of their letters: a look at the
/// letters takes a hundredth of a comparison, and a file may have thousands of unknown names.
pub(crate) fn can_be_alike(one: &str, other: &str, least: f64) -> bool {
    // Letters of several bytes make names look more different than they are.
    if !one.is_ascii() || !other.is_ascii() {
        return true;
    }
    // Every edit adds, removes or replaces one letter, and exchanging two changes none: what the names
    // don't have in common is the least distance.
    let longest = one.len().max(other.len());
    let alike = |common: usize| {
        let count = |number: usize| f64::from(u32::try_from(number).unwrap_or(u32::MAX));
        1.0 - count(longest - common) / count(longest.max(1)) >= least
    };
    if !alike(one.len().min(other.len())) {
        return false;
    }
    let mut letters = [0_u32; 128];
    for byte in one.bytes() {
        letters[usize::from(byte.to_ascii_uppercase())] += 1;
    }
    let mut common = 0;
    for byte in other.bytes() {
        let left = &mut letters[usize::from(byte.to_ascii_uppercase())];
        if *left > 0 {
            *left -= 1;
            common += 1;
        }
    }
    alike(common)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{can_be_alike, nearest};

    proptest! {
        #[test]
        fn nothing_alike_is_passed_over(one in "[A-Z_]{1,9}", other in "[A-Z_]{1,9}", least in 0.0..1.0_f64) {
            let likeness = strsim::normalized_damerau_levenshtein(&one, &other);
            prop_assert!(likeness < least || can_be_alike(&one, &other, least));
        }
    }

    #[test]
    fn offers_a_near_name_and_nothing_for_a_far_one() {
        let names = ["LOG_LEVEL", "LOG_FILE", "DB_HOST"];
        assert_eq!(nearest("LOGLEVEL", names), Some("LOG_LEVEL"));
        assert_eq!(nearest("log_level", names), Some("LOG_LEVEL"));
        assert_eq!(nearest("FAVOURITE_COLOUR", names), None);
    }
}
