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

/// Applies edits that don't overlap; of two that do, the first stands. New lines end as those of the text do.
pub(super) fn apply(text: &str, mut edits: Vec<Edit>) -> String {
    edits.sort_by_key(|edit| (edit.range.start, edit.range.end));
    if text.contains("\r\n") {
        for edit in &mut edits {
            edit.text = edit.text.replace("\r\n", "\n").replace('\n', "\r\n");
        }
    }
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
    let start = line_start(text, key);
    let end = line_end(text, value_end);
    let before = &text[start..key];
    let is_key = |it: char| it.is_ascii_alphanumeric() || "-_. \t\"'".contains(it);
    let after = text[value_end..end].trim();
    let is_own = before.chars().all(is_key) && (after.is_empty() || after.starts_with('#'));
    is_own.then_some(start..end)
}

/// The first byte of the line of a position.
pub(super) fn line_start(text: &str, position: usize) -> usize {
    text[..position].rfind('\n').map_or(0, |end| end + 1)
}

/// Where the line of a position ends, before what ends it.
pub(super) fn line_end(text: &str, position: usize) -> usize {
    let rest = &text[position..];
    let line = rest.split('\n').next().unwrap_or_default();
    position + line.trim_end_matches('\r').len()
}

/// What goes of an inline table when some of its items do, each with a comma; `table` is the place of its braces,
/// `items` are the places of all items in order, from key to value, each with whether it goes.
pub(super) fn without_items(table: Range<usize>, items: &[(Range<usize>, bool)]) -> Vec<Edit> {
    let nothing = |range| Edit {
        range,
        text: String::new(),
    };
    if items.iter().all(|(_, goes)| *goes) {
        return vec![nothing(table.start + 1..table.end - 1)];
    }
    let mut edits = Vec::new();
    for (index, (item, goes)) in items.iter().enumerate() {
        if !goes {
            continue;
        }
        let is_followed = items[index + 1..].iter().any(|(_, goes)| !goes);
        edits.push(nothing(if is_followed {
            item.start..items[index + 1].0.start
        } else {
            items[index - 1].0.end..item.end
        }));
    }
    edits
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
    fn items_go_with_their_commas() {
        let text = "t = { \"a\" = 1, b = 2, c = 3 } # {}";
        let items = ["\"a\" = 1", "b = 2", "c = 3"];
        let without = |gone: [bool; 3]| {
            let places = items.map(|item| {
                let start = text.find(item).unwrap();
                start..start + item.len()
            });
            let items: Vec<_> = places.into_iter().zip(gone).collect();
            apply(text, without_items(4..text.len() - 5, &items))
        };
        for (gone, left) in [
            ([true, false, false], "t = { b = 2, c = 3 } # {}"),
            ([false, true, false], "t = { \"a\" = 1, c = 3 } # {}"),
            ([false, false, true], "t = { \"a\" = 1, b = 2 } # {}"),
            ([true, true, false], "t = { c = 3 } # {}"),
            ([false, true, true], "t = { \"a\" = 1 } # {}"),
            ([true, false, true], "t = { b = 2 } # {}"),
            ([true, true, true], "t = {} # {}"),
        ] {
            assert_eq!(without(gone), left);
        }
    }

    #[test]
    fn lines_end_as_those_of_the_text_do() {
        let text = "a = 1\r\nb = 2\r\n";
        assert_eq!(line_end(text, 0), 5);
        assert_eq!(
            apply(text, vec![edit(5..5, "\nx = 1")]),
            "a = 1\r\nx = 1\r\nb = 2\r\n"
        );
        let lines = own_lines(text, 7, 12).unwrap();
        assert_eq!(&text[lines.clone()], "b = 2");
        let commented = commented_out(&text[lines.clone()], "why");
        assert_eq!(
            apply(text, vec![edit(lines, &commented)]),
            "a = 1\r\n# why\r\n# b = 2\r\n"
        );
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
