//! Logical lines of a squid file (`parseOneConfigFile`, `src/cache_cf.cc`, of squid 5.7).

/// The buffer that squid reads a line into.
const LONGEST: usize = 8191;

/// A line after joining and cutting, with the number that squid would tell: that of its last part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) number: usize,
    pub(super) text: String,
    /// A part of it is longer than squid's buffer, which would read the rest as another line.
    pub(super) too_long: bool,
}

impl Line {
    /// The words up to a remark.
    pub(super) fn words(&self) -> Vec<&str> {
        words(&self.text)
    }
}

/// Words between blanks, up to one that starts with `#`.
pub(super) fn words(text: &str) -> Vec<&str> {
    text.split([' ', '\t', '\n', '\r'])
        .filter(|word| !word.is_empty())
        .take_while(|word| !word.starts_with('#'))
        .collect()
}

/// The lines that say something.
pub(super) fn lines(text: &str) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut open: Option<Line> = None;
    for (index, raw) in text.split('\n').enumerate() {
        let too_long = raw.len() >= LONGEST;
        let end = raw.find(['\r', '\0']).unwrap_or(raw.len());
        let part = raw[..end].trim_start_matches(is_space);
        if part.is_empty() || part.starts_with('#') {
            continue;
        }
        let line = open.get_or_insert_with(|| Line {
            number: 0,
            text: String::new(),
            too_long: false,
        });
        line.number = index + 1;
        line.too_long |= too_long;
        line.text.push_str(part);
        if line.text.ends_with('\\') {
            line.text.pop();
            continue;
        }
        lines.extend(open.take());
    }
    for line in &mut lines {
        line.text
            .truncate(line.text.trim_end_matches(is_space).len());
    }
    lines.retain(|line| !line.text.is_empty());
    lines
}

fn is_space(character: char) -> bool {
    [' ', '\t', '\n', '\r', '\u{b}', '\u{c}'].contains(&character)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joins_and_cuts_as_squid_does() {
        let text = "# remark\n  http_port 3128  \r\nacl a \\\n# between\n\n   src 10.0.0.0/8 # office\nlast \\";
        let found: Vec<(usize, Vec<String>)> = lines(text)
            .iter()
            .map(|line| {
                let words = line.words().into_iter().map(str::to_owned).collect();
                (line.number, words)
            })
            .collect();
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(
            found,
            [
                (2, words("http_port 3128")),
                (6, words("acl a src 10.0.0.0/8"))
            ]
        );
    }

    #[test]
    fn a_remark_sign_inside_of_a_word_is_part_of_it() {
        assert_eq!(words("acl a#b src\t#x y"), ["acl", "a#b", "src"]);
    }
}
