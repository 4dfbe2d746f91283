//! Comments that stay comments.

/// Longest line of a comment, its marker not counted.
///
/// Squid 5.7 reads its file in pieces of some thousand bytes: what goes over the end of a piece
/// would be read as a line of its own, and so as a directive.
const WIDTH: usize = 96;

/// Splits a text into lines that can each follow a `# `, whatever the text holds.
///
/// Words are kept whole where they fit; control characters and line breaks count as spaces.
pub(super) fn comment_lines(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let is_break = |character: char| character.is_whitespace() || character.is_control();
    for word in text
        .split(is_break)
        .filter(|word| !word.is_empty())
        .flat_map(pieces)
    {
        match lines.last_mut() {
            Some(line) if line.len() + 1 + word.len() <= WIDTH => {
                line.push(' ');
                line.push_str(&word);
            }
            _ => lines.push(word),
        }
    }
    lines
}

/// Cuts a word that is longer than a line.
fn pieces(word: &str) -> Vec<String> {
    let mut pieces = vec![String::new()];
    for character in word.chars() {
        if pieces
            .last()
            .is_some_and(|piece| piece.len() + character.len_utf8() > WIDTH)
        {
            pieces.push(String::new());
        }
        if let Some(piece) = pieces.last_mut() {
            piece.push(character);
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::{WIDTH, comment_lines};

    #[test]
    fn wraps_at_words() {
        let lines = comment_lines(&"word ".repeat(40));
        assert_eq!(lines.len(), 3);
        assert!(
            lines
                .iter()
                .all(|line| line.len() <= WIDTH && !line.ends_with(' '))
        );
        assert_eq!(lines.join(" "), ["word"; 40].join(" "));
    }

    #[test]
    fn no_line_is_long_or_holds_a_control_character() {
        proptest::proptest!(|(text in "(?s).{0,300}")| {
            for line in comment_lines(&text) {
                proptest::prop_assert!(line.len() <= WIDTH, "{}", line.len());
                proptest::prop_assert!(!line.contains(char::is_control));
            }
        });
    }
}
