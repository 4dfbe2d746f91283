//! One pass over a deployment file that finds what may be a secret, in a text that need not be TOML.

use std::collections::HashSet;

use super::{Hides, sounds_secret, value_sounds_secret};

/// Where in the text the scan is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Keys, numbers, brackets.
    Bare,
    /// After a `#`.
    Comment,
    /// In a string, with its quote, and whether that stands three times.
    Quoted(char, bool),
}

/// One pass over a file that need not be right: what can't be read as TOML must not be shown either.
#[derive(Debug)]
pub(super) struct Scan {
    /// The text with stars.
    pub(super) text: String,
    /// The strings that sound secret, but for names of secrets.
    pub(super) values: HashSet<String>,
    hides: Hides,
    /// Whether what is read belongs to a key that sounds secret.
    is_secret: bool,
    /// Whether the string that is read sounds secret.
    is_secret_value: bool,
    /// Whether one before it in the line did: a comment may repeat it.
    had_secret_value: bool,
    is_after_equals: bool,
    depth: usize,
    place: Place,
    value: String,
    /// What stands outside of strings since the last one.
    outside: String,
}

impl Scan {
    pub(super) fn of(text: &str, hides: Hides) -> Self {
        let mut scan = Self {
            text: String::with_capacity(text.len()),
            values: HashSet::new(),
            hides,
            is_secret: false,
            is_secret_value: false,
            had_secret_value: false,
            is_after_equals: false,
            depth: 0,
            place: Place::Bare,
            value: String::new(),
            outside: String::new(),
        };
        for line in text.split_inclusive('\n') {
            scan.line(line);
        }
        scan
    }

    fn is_hidden(&self) -> bool {
        self.hides == Hides::All || self.is_secret || self.is_secret_value
    }

    fn line(&mut self, line: &str) {
        let is_in_string = matches!(self.place, Place::Quoted(_, true));
        let goes_on = is_in_string || self.depth > 0;
        // In the middle of a long string nothing tells keys from values.
        let sounds = if is_in_string {
            sounds_secret(line)
        } else {
            keys_sound_secret(line)
        };
        self.is_secret = sounds || (goes_on && self.is_secret);
        self.is_secret_value &= is_in_string;
        self.had_secret_value &= goes_on;
        // What is no key, no heading and no comment may be a value that lost its `=`.
        let is_lost = !line.contains('=') && !line.trim_start().starts_with(['[', '#']);
        self.is_after_equals = goes_on || (self.is_secret && is_lost);
        if !goes_on {
            self.depth = 0;
        }
        let mut rest = line;
        while let Some(next) = rest.chars().next() {
            let taken = match self.place {
                Place::Bare => self.bare(rest, next),
                Place::Comment => {
                    let is_hidden = self.is_hidden() || self.had_secret_value;
                    self.hide(next, is_hidden)
                }
                Place::Quoted(quote, is_long) => self.quoted(rest, next, (quote, is_long)),
            };
            rest = &rest[taken..];
        }
        // Nothing but a long string goes over the end of a line.
        if !matches!(self.place, Place::Quoted(_, true)) {
            self.end_value();
            self.place = Place::Bare;
        }
    }

    /// Takes what stands outside of strings; answers how many bytes.
    fn bare(&mut self, rest: &str, next: char) -> usize {
        match next {
            '"' | '\'' if self.is_after_equals => {
                let long: String = std::iter::repeat_n(next, 3).collect();
                let is_long = rest.starts_with(&long);
                self.place = Place::Quoted(next, is_long);
                let inner = &rest[if is_long { 3 } else { 1 }..];
                let value = string(inner, if is_long { &long } else { &long[..1] });
                self.is_secret_value = value_sounds_secret(value)
                    || (self.hides == Hides::Logins && value.contains('@'));
                self.had_secret_value |= self.is_secret_value;
                return self.keep(&rest[..if is_long { 3 } else { 1 }]);
            }
            '#' => self.place = Place::Comment,
            '=' => self.is_after_equals = true,
            '[' | '{' if self.is_after_equals => self.depth += 1,
            ']' | '}' => self.depth = self.depth.saturating_sub(1),
            _ if self.begins_key(rest) => {
                let end = rest.find('=').unwrap_or(rest.len());
                self.outside.push_str(&rest[..end]);
                return self.keep(&rest[..end]);
            }
            _ => {
                self.outside.push(next);
                let is_value = self.is_after_equals && !",\"'".contains(next);
                return self.hide(next, is_value && self.is_secret);
            }
        }
        self.outside.push(next);
        self.keep(&rest[..next.len_utf8()])
    }

    /// Whether a key of an inline table stands here, after its `{` or a comma.
    fn begins_key(&self, rest: &str) -> bool {
        let is_of_key = |one: char| one.is_ascii_alphanumeric() || one == '_' || one == '-';
        let after = rest.trim_start_matches(is_of_key);
        self.depth > 0
            && after.len() < rest.len()
            && after.trim_start_matches(' ').starts_with('=')
            && self.outside.trim_end().ends_with(['{', ','])
    }

    /// Takes what stands in a string; answers how many bytes.
    fn quoted(&mut self, rest: &str, next: char, (quote, is_long): (char, bool)) -> usize {
        let end: String = std::iter::repeat_n(quote, if is_long { 3 } else { 1 }).collect();
        if rest.starts_with(&end) {
            self.end_value();
            self.place = Place::Bare;
            return self.keep(&end);
        }
        let is_hidden = self.is_hidden();
        self.value.push(next);
        let mut taken = self.hide(next, is_hidden);
        if next == '\\'
            && quote == '"'
            && let Some(escaped) = rest.chars().nth(1)
        {
            self.value.push(escaped);
            taken += self.hide(escaped, is_hidden);
        }
        taken
    }

    /// Keeps a text as it is.
    fn keep(&mut self, text: &str) -> usize {
        self.text.push_str(text);
        text.len()
    }

    /// Takes one character, as stars of the same length when it is to be hidden.
    fn hide(&mut self, character: char, is_hidden: bool) -> usize {
        let length = character.len_utf8();
        let is_space = character.is_whitespace()
            && (self.place == Place::Bare || matches!(character, '\n' | '\r'));
        if is_hidden && !is_space {
            self.text.extend(std::iter::repeat_n('*', length));
        } else {
            self.text.push(character);
        }
        length
    }

    fn end_value(&mut self) {
        let value = std::mem::take(&mut self.value);
        let outside = std::mem::take(&mut self.outside);
        let key = outside.trim_end().strip_suffix('=').unwrap_or_default();
        let is_name = key.trim_end().ends_with("secret");
        if self.is_hidden() && !is_name && !value.is_empty() {
            self.values.insert(value);
        }
        self.is_secret_value = false;
    }
}

/// What stands before the quote that ends a string; all of it when nothing does.
fn string<'a>(inner: &'a str, quote: &str) -> &'a str {
    let mut from = 0;
    while let Some(at) = inner[from..].find(quote).map(|at| at + from) {
        let slashes = inner[..at].len() - inner[..at].trim_end_matches('\\').len();
        if slashes.is_multiple_of(2) || quote.starts_with('\'') {
            return &inner[..at];
        }
        from = at + 1;
    }
    inner
}

/// Whether anything of a line but its values sounds secret: keys, comments, what is no TOML.
fn keys_sound_secret(line: &str) -> bool {
    let Some(equals) = line.find('=') else {
        return no_key_sounds_secret(line);
    };
    let (key, mut rest) = line.split_at(equals + 1);
    let mut around = key.to_owned();
    while let Some(start) = rest.find(['"', '\'', '#']) {
        around.push_str(&rest[..start]);
        let quote = &rest[start..=start];
        if quote == "#" {
            break;
        }
        let long = quote.repeat(3);
        let quote = if rest[start..].starts_with(&long) {
            long.as_str()
        } else {
            quote
        };
        let inner = &rest[start + quote.len()..];
        let value = string(inner, quote);
        if value.len() == inner.len() && quote.len() == 1 {
            // Nothing ends the string: whether it is one can't be told.
            return sounds_secret(line);
        }
        rest = inner.get(value.len() + quote.len()..).unwrap_or_default();
        if rest.trim_start().starts_with(['=', '.']) {
            around.push_str(value);
        }
    }
    around.push_str(rest);
    sounds_secret(&around)
}

/// The same for a line without `=`: an item of a list, a heading, or nothing that is understood.
fn no_key_sounds_secret(line: &str) -> bool {
    let item = line.trim().trim_end_matches(',');
    let is_string = |quote: char| {
        item.strip_prefix(quote)
            .and_then(|it| it.strip_suffix(quote))
            .is_some_and(|it| !value_sounds_secret(it) && !it.contains(quote))
    };
    !is_string('"') && !is_string('\'') && sounds_secret(line)
}
