//! Conditions and variables of a squid file.

use super::Branch;

/// The first `${...}` that squid does not replace.
pub(super) fn variable(text: &str) -> Option<&str> {
    let known = ["${service_name}", "${process_name}", "${process_number}"];
    text.match_indices("${").find_map(|(at, _)| {
        let end = text[at..].find('}').map_or(text.len(), |end| at + end + 1);
        let variable = &text[at..end];
        (!known.contains(&variable)).then_some(variable)
    })
}

/// What the condition of an `if` is: `true`, `false` or an equation of numbers.
pub(super) fn condition(words: &[&str]) -> Branch {
    let text = words.join(" ");
    let number = |text: &str| {
        text.trim()
            .parse::<i64>()
            .ok()
            .filter(|_| !text.trim().starts_with('0') || text.trim() == "0")
    };
    let holds = match (text.as_str(), text.split_once('=')) {
        ("true", _) => Some(true),
        ("false", _) => Some(false),
        (_, Some((left, right))) => number(left)
            .zip(number(right))
            .map(|(left, right)| left == right),
        _ => None,
    };
    match holds {
        Some(true) => Branch::Taken,
        Some(false) => Branch::Skipped,
        None => Branch::Unknown,
    }
}
