//! The words of an nginx file, as nginx reads them (`ngx_conf_read_token`, `src/core/ngx_conf_file.c`).

use std::borrow::Cow;

/// Blocks within blocks at most: what stands deeper counts as if it stood there.
const DEEPEST: usize = 32;

/// A statement, or the beginning of a block.
pub(super) struct Statement<'a> {
    pub(super) words: Vec<Cow<'a, str>>,
    /// The line of its first word, from 0.
    pub(super) line: usize,
    /// The block that it stands in.
    pub(super) block: Option<usize>,
}

/// The statements of a text, each behind the block that it stands in.
pub(super) fn statements(text: &str) -> Vec<Statement<'_>> {
    let mut reader = Reader {
        all: Vec::new(),
        open: Vec::new(),
        beyond: 0,
        words: Vec::new(),
        first: 0,
    };
    let mut rest = text;
    let mut line = 0;
    while let Some(character) = rest.chars().next() {
        match character {
            ';' => {
                reader.end();
                rest = &rest[1..];
            }
            '{' => {
                reader.open();
                rest = &rest[1..];
            }
            '}' => {
                reader.close();
                rest = &rest[1..];
            }
            '#' => rest = rest.find('\n').map_or("", |end| &rest[end..]),
            _ if character.is_ascii_whitespace() => {
                line += usize::from(character == '\n');
                rest = &rest[1..];
            }
            _ => {
                let (word, after) = word(rest);
                if reader.words.is_empty() {
                    reader.first = line;
                }
                line += rest[..rest.len() - after.len()].matches('\n').count();
                reader.words.push(word);
                rest = after;
            }
        }
    }
    reader.all
}

struct Reader<'a> {
    all: Vec<Statement<'a>>,
    /// Blocks that are open; nothing for one without a name.
    open: Vec<Option<usize>>,
    /// How many more are open that stand too deep: a hostile file may open a million.
    beyond: usize,
    words: Vec<Cow<'a, str>>,
    first: usize,
}

impl Reader<'_> {
    fn block(&self) -> Option<usize> {
        self.open.iter().rev().copied().find_map(|it| it)
    }

    fn end(&mut self) -> Option<usize> {
        if self.words.is_empty() {
            return None;
        }
        let block = self.block();
        self.all.push(Statement {
            words: std::mem::take(&mut self.words),
            line: self.first,
            block,
        });
        Some(self.all.len() - 1)
    }

    fn open(&mut self) {
        let index = self.end();
        if self.open.len() < DEEPEST {
            self.open.push(index);
        } else {
            self.beyond += 1;
        }
    }

    fn close(&mut self) {
        self.end();
        match self.beyond.checked_sub(1) {
            Some(beyond) => self.beyond = beyond,
            None => drop(self.open.pop()),
        }
    }
}

/// The word at the beginning of a text, and what follows it.
fn word(text: &str) -> (Cow<'_, str>, &str) {
    let quote = text.chars().next().filter(|it| ['"', '\''].contains(it));
    let inside = if quote.is_some() { &text[1..] } else { text };
    let mut end = inside.len();
    let mut is_escaped = false;
    let mut has_escapes = false;
    let mut before = ' ';
    for (at, character) in inside.char_indices() {
        if is_escaped {
            is_escaped = false;
        } else if character == '\\' {
            is_escaped = true;
            has_escapes = true;
        } else if match quote {
            Some(quote) => character == quote,
            // `${name}` is a part of a word, and so is a `}`.
            None => {
                character.is_ascii_whitespace()
                    || character == ';'
                    || character == '{' && before != '$'
            }
        } {
            end = at;
            break;
        }
        before = character;
    }
    let word = &inside[..end];
    let word = if has_escapes {
        Cow::Owned(unescaped(word))
    } else {
        Cow::Borrowed(word)
    };
    let after = &inside[end..];
    match quote {
        Some(_) => (word, after.get(1..).unwrap_or_default()),
        None => (word, after),
    }
}

fn unescaped(word: &str) -> String {
    let mut text = String::with_capacity(word.len());
    let mut characters = word.chars().peekable();
    while let Some(character) = characters.next() {
        let next = characters.peek().copied();
        match next.filter(|_| character == '\\') {
            Some(next @ ('"' | '\'' | '\\')) => {
                characters.next();
                text.push(next);
            }
            Some('n') => {
                characters.next();
                text.push('\n');
            }
            Some('t') => {
                characters.next();
                text.push('\t');
            }
            _ => text.push(character),
        }
    }
    text
}

/// Seconds of a time as nginx reads it: `60`, `5m`, `1h30m`, `500ms`
/// (`ngx_parse_time`, `src/core/ngx_parse.c`).
pub(in crate::audit::rules) fn seconds(text: &str) -> Option<f64> {
    const UNITS: [(&str, f64); 8] = [
        ("ms", 0.001),
        ("s", 1.0),
        ("m", 60.0),
        ("h", 3600.0),
        ("d", 86_400.0),
        ("w", 604_800.0),
        ("M", 2_592_000.0),
        ("y", 31_536_000.0),
    ];
    let mut seconds = 0.0;
    let mut rest = text.trim();
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest
            .find(|it: char| !it.is_ascii_digit())
            .unwrap_or(rest.len());
        let (number, after) = rest.split_at(digits);
        let number: f64 = number.parse().ok()?;
        let (unit, after) = UNITS
            .iter()
            .find_map(|(name, unit)| Some((*unit, after.strip_prefix(name)?)))
            .or_else(|| after.is_empty().then_some((1.0, after)))?;
        seconds += number * unit;
        rest = after.trim_start();
    }
    Some(seconds)
}

/// Bytes of a size as nginx reads it: `1048576`, `1024k`, `1m`, `1g`
/// (`ngx_parse_offset`, `src/core/ngx_parse.c`).
pub(in crate::audit::rules) fn bytes(text: &str) -> Option<f64> {
    let text = text.trim();
    let (number, unit) = match text.char_indices().last()? {
        (at, 'k' | 'K') => (&text[..at], 1024.0),
        (at, 'm' | 'M') => (&text[..at], 1_048_576.0),
        (at, 'g' | 'G') => (&text[..at], 1_073_741_824.0),
        _ => (text, 1.0),
    };
    let is_number = !number.is_empty() && number.bytes().all(|it| it.is_ascii_digit());
    let number: f64 = number.parse().ok().filter(|_| is_number)?;
    Some(number * unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_nginx_reads_them() {
        let table = [
            ("60", Some(60.0)),
            ("60s", Some(60.0)),
            ("5m", Some(300.0)),
            ("1h", Some(3600.0)),
            ("1h30m", Some(5400.0)),
            ("1h 30m", Some(5400.0)),
            ("500ms", Some(0.5)),
            ("1d", Some(86_400.0)),
            ("1w", Some(604_800.0)),
            ("1M", Some(2_592_000.0)),
            ("1y", Some(31_536_000.0)),
            ("", None),
            ("m", None),
            ("5 minutes", None),
            ("${TIME}", None),
        ];
        for (text, expected) in table {
            assert_eq!(seconds(text), expected, "{text}");
        }
    }

    #[test]
    fn sizes_are_read_as_nginx_reads_them() {
        let table = [
            ("0", Some(0.0)),
            ("1048576", Some(1_048_576.0)),
            ("1024k", Some(1_048_576.0)),
            ("1024K", Some(1_048_576.0)),
            ("1m", Some(1_048_576.0)),
            ("100M", Some(104_857_600.0)),
            ("1g", Some(1_073_741_824.0)),
            ("2G", Some(2_147_483_648.0)),
            ("", None),
            ("m", None),
            ("1.5m", None),
            ("-1", None),
            ("${SIZE}", None),
        ];
        for (text, expected) in table {
            assert_eq!(bytes(text), expected, "{text}");
        }
    }

    #[test]
    fn words_are_read_as_nginx_reads_them() {
        let text = "# a; b {\nmap $a $b { \"~*^x;{\" 1; '' '#'; }\nlog 'it\\'s' \"a\\tb\"\n  c;# end\n\
                    proxy_pass http://${API}:5001/#x; location ~ \\.php$ { return 404; }";
        let found: Vec<_> = statements(text)
            .into_iter()
            .map(|it| (it.words.join("|"), it.line, it.block))
            .collect();
        let expected = [
            ("map|$a|$b", 1, None),
            ("~*^x;{|1", 1, Some(0)),
            ("|#", 1, Some(0)),
            ("log|it's|a\tb|c", 2, None),
            ("proxy_pass|http://${API}:5001/#x", 4, None),
            ("location|~|\\.php$", 4, None),
            ("return|404", 4, Some(5)),
        ];
        assert_eq!(
            found,
            expected.map(|(words, line, block)| (words.to_owned(), line, block))
        );
    }

    #[test]
    fn blocks_beyond_measure_are_no_burden() {
        let text = format!(
            "{}proxy_pass http://a;{}",
            "a {".repeat(50_000),
            "}".repeat(60_000)
        );
        let found = statements(&text);
        assert_eq!(found.len(), 50_001);
        assert_eq!(found[50_000].block, Some(DEEPEST - 1));
    }
}
