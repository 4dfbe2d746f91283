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
        .map(|name| {
            let likeness =
                strsim::normalized_damerau_levenshtein(&given, &name.to_ascii_uppercase());
            (likeness, name)
        })
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .max_by(|left, right| left.0.total_cmp(&right.0))
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn offers_a_near_name_and_nothing_for_a_far_one() {
        let names = ["LOG_LEVEL", "LOG_FILE", "DB_HOST"];
        assert_eq!(nearest("LOGLEVEL", names), Some("LOG_LEVEL"));
        assert_eq!(nearest("log_level", names), Some("LOG_LEVEL"));
        assert_eq!(nearest("FAVOURITE_COLOUR", names), None);
    }
}
