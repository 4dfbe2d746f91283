//! JSON with comments, which templates and parameters files may have: `//` up to the end of a line and `/* */`
//! (learn.microsoft.com azure-resource-manager/templates/syntax#comments).

use std::borrow::Cow;

/// The text with a blank for each character of its comments, so that lines and columns stay; a comment that
/// nothing ends stays as it is.
pub(super) fn without_comments(text: &str) -> Cow<'_, str> {
    if !text.contains("//") && !text.contains("/*") {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['"', '/']) {
        let (before, here) = rest.split_at(at);
        plain.push_str(before);
        let (end, is_comment) = if here.starts_with('"') {
            (end_of_text(here), false)
        } else if here.starts_with("//") {
            (here.find('\n').unwrap_or(here.len()), true)
        } else if let Some(comment) = here.strip_prefix("/*") {
            match comment.find("*/") {
                Some(end) => (end + 4, true),
                None => (here.len(), false),
            }
        } else {
            (1, false)
        };
        let (piece, after) = here.split_at(end);
        if is_comment {
            let blank = |it: char| if matches!(it, '\n' | '\r') { it } else { ' ' };
            plain.extend(piece.chars().map(blank));
        } else {
            plain.push_str(piece);
        }
        rest = after;
    }
    plain.push_str(rest);
    Cow::Owned(plain)
}

/// Where a text in quotes ends, behind the quote; a backslash keeps a quote from ending it.
fn end_of_text(text: &str) -> usize {
    let mut is_escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_become_blanks_and_texts_stay() {
        let text = "// é\r\n{\"a\": \"http://x/*y*/\\\"//\", /* two\nlines é */ \"b\": 1} // end";
        let plain = without_comments(text);
        assert_eq!(
            plain,
            "    \r\n{\"a\": \"http://x/*y*/\\\"//\",       \n           \"b\": 1}       "
        );
        assert_eq!(plain.chars().count(), text.chars().count());
        assert!(serde_json::from_str::<serde_json::Value>(&plain).is_ok());
    }

    #[test]
    fn what_ends_nowhere_stays() {
        for text in ["/*", "{ /* x", "\"//", "/", "{/}", "\"a\\", ""] {
            assert_eq!(without_comments(text), text);
        }
        assert_eq!(without_comments("//"), "  ");
    }
}
