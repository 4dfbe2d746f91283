//! Edits of a file by byte ranges: what is not named stays as it is, comments included.

use std::ops::Range;

/// One replacement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Edit {
    /// The bytes that go; empty to insert.
    pub(super) range: Range<usize>,
    /// What stands there then.
    pub(super) text: String,
}

/// Applies edits that don't overlap; of two that do, the first stands.
pub(super) fn apply(text: &str, mut edits: Vec<Edit>) -> String {
    edits.sort_by_key(|edit| (edit.range.start, edit.range.end));
    let mut edited = String::with_capacity(text.len() + 64);
    let mut done = 0;
    for edit in edits {
        let is_inside = text.get(edit.range.clone()).is_some();
        if edit.range.start < done || !is_inside {
            continue;
        }
        edited.push_str(&text[done..edit.range.start]);
        edited.push_str(&edit.text);
        done = edit.range.end;
    }
    edited.push_str(&text[done..]);
    edited
}

/// The whole lines of a key and its value, when nothing else stands on them; without the last line's
/// end. Inside an inline table nothing is a line of its own.
pub(super) fn own_lines(text: &str, key: usize, value_end: usize) -> Option<Range<usize>> {
    let start = text[..key].rfind('\n').map_or(0, |end| end + 1);
    let end = text[value_end..]
        .find('\n')
        .map_or(text.len(), |length| value_end + length);
    let before = &text[start..key];
    let is_key = |it: char| it.is_ascii_alphanumeric() || "-_. \t\"'".contains(it);
    let after = text[value_end..end].trim();
    let is_own = before.chars().all(is_key) && (after.is_empty() || after.starts_with('#'));
    is_own.then_some(start..end)
}

/// An item of an inline table with the comma behind it, or else with the one before it.
pub(super) fn item_of(text: &str, key: usize, value_end: usize) -> Range<usize> {
    let after = &text[value_end..];
    let rest = after.trim_start();
    if let Some(rest) = rest.strip_prefix(',') {
        let next = rest.trim_start_matches(' ');
        return key..text.len() - next.len();
    }
    let before = text[..key].trim_end();
    match before.strip_suffix(',') {
        Some(before) => before.len()..value_end,
        None => key..value_end,
    }
}

/// The lines as a comment, behind a line that says why.
pub(super) fn commented_out(lines: &str, why: &str) -> String {
    let mut text = format!("# {why}");
    for line in lines.lines() {
        text.push_str("\n# ");
        text.push_str(line);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edit(range: Range<usize>, text: &str) -> Edit {
        let text = text.to_owned();
        Edit { range, text }
    }

    #[test]
    fn edits_in_any_order_change_nothing_else() {
        let edits = vec![edit(4..5, "X"), edit(0..1, "YY"), edit(4..5, "lost")];
        assert_eq!(apply("a bc d", edits), "YY bcXd".to_owned());
    }

    #[test]
    fn an_edit_outside_of_the_text_is_left_out() {
        assert_eq!(apply("é", vec![edit(1..2, "x"), edit(7..9, "y")]), "é");
    }

    #[test]
    fn an_item_goes_with_one_comma() {
        let text = "t = { \"a\" = 1, \"b\" = 2 }";
        let without = |item: &str| {
            let start = text.find(item).unwrap();
            let range = item_of(text, start, start + item.len());
            apply(text, vec![edit(range, "")])
        };
        assert_eq!(without("\"a\" = 1"), "t = { \"b\" = 2 }");
        assert_eq!(without("\"b\" = 2"), "t = { \"a\" = 1 }");
        assert_eq!(item_of("{ a = 1 }", 2, 7), 2..7);
    }

    #[test]
    fn a_key_in_an_inline_table_has_no_lines_of_its_own() {
        let text = "env = { A = 1, B = 2 }\nB = 2 # why\n";
        let inline = text.find("B = 2 }").unwrap();
        assert_eq!(own_lines(text, inline, inline + 5), None);
        let own = text.find("B = 2 #").unwrap();
        assert_eq!(
            own_lines(text, own, own + 5).map(|it| &text[it]),
            Some("B = 2 # why")
        );
    }
}
