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
    let count = |text: &str| {
        let mut letters = [0_u32; 128];
        for byte in text.bytes() {
            let letter = usize::from(byte.to_ascii_uppercase() & 0x7f);
            letters[letter] += 1;
        }
        letters
    };
    let (first, second) = (count(one), count(other));
    let pairs = || first.iter().zip(&second);
    let missing: u32 = pairs().map(|(one, other)| one.saturating_sub(*other)).sum();
    let more: u32 = pairs().map(|(one, other)| other.saturating_sub(*one)).sum();
    // Every edit adds, removes or replaces one letter; exchanging two changes none. Letters of several
    // bytes make names look more different than they are, so that names with such are always compared.
    let longest = u32::try_from(one.len().max(other.len())).unwrap_or(u32::MAX);
    let distance = f64::from(missing.max(more));
    !one.is_ascii() || !other.is_ascii() || 1.0 - distance / f64::from(longest.max(1)) >= least
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
