//! Files of variables: `.env` and those of `env_file`.
//!
//! Read as compose reads them (compose-spec/compose-go v2 dotenv/parser.go): values in quotes may go over
//! several lines, `NAME: value` is taken too, a name alone takes its value from the shell. What compose
//! refuses is refused here, with its line and without its text, which may be a secret.

use super::super::place::Place;
use super::super::seen::Seen;
use super::InvalidCompose;
use super::interpolate::{Entries, Entry, interpolate};

/// Reads a file of variables; `known` is what its values may refer to.
pub(super) fn dotenv(
    document: &str,
    text: &str,
    known: &Entries,
) -> Result<Entries, InvalidCompose> {
    let mut reader = Reader {
        document,
        rest: text.strip_prefix('\u{feff}').unwrap_or(text),
        line: 1,
    };
    let mut entries = known.clone();
    let mut own = Entries::new();
    while let Some((name, line)) = reader.name()? {
        // A name alone is set by the shell or not at all.
        let Some(name) = name else { continue };
        let value = match reader.value()? {
            Value::Literal(text) => Seen::from(text.as_str()),
            Value::WithVariables(text) => interpolate(&text, &entries).0,
        };
        let place = Place::document(document).key(&name).at_line(line, 1);
        let entry = Entry { value, place };
        entries.insert(name.clone(), entry.clone());
        own.insert(name, entry);
    }
    Ok(own)
}

/// A value as it is written.
enum Value {
    Literal(String),
    WithVariables(String),
}

struct Reader<'a> {
    document: &'a str,
    rest: &'a str,
    line: usize,
}

/// White space within a line.
fn is_space(character: char) -> bool {
    character.is_whitespace() && character != '\n'
}

impl<'a> Reader<'a> {
    fn take(&mut self, bytes: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(bytes);
        self.line += taken.matches('\n').count();
        self.rest = rest;
        taken
    }

    fn take_line(&mut self) -> &'a str {
        let end = self.rest.find('\n').unwrap_or(self.rest.len());
        self.take(end)
    }

    /// The next name that gets a value, with its line; a name alone is `None`.
    fn name(&mut self) -> Result<Option<(Option<String>, usize)>, InvalidCompose> {
        loop {
            let blank = self.rest.len() - self.rest.trim_start().len();
            self.take(blank);
            if !self.rest.starts_with('#') {
                break;
            }
            self.take_line();
        }
        if self.rest.is_empty() {
            return Ok(None);
        }
        let line = self.line;
        if let Some(after) = self.rest.strip_prefix("export")
            && after.starts_with(is_space)
        {
            self.take("export".len());
            let blank = self.rest.len() - self.rest.trim_start_matches(is_space).len();
            self.take(blank);
        }
        let end = self.rest.find(['=', ':', '\n']).unwrap_or(self.rest.len());
        let name = self.rest[..end].trim_end();
        let is_of_name = |it: char| it.is_alphanumeric() || "_.-[]".contains(it) || is_space(it);
        if !name.chars().all(is_of_name) {
            return self.refuse(line, "a name has a character that names can't have");
        }
        if name.contains(is_space) {
            return self.refuse(line, "a name has a space in it, or `=` is missing");
        }
        let gets_value = self.rest[end..].starts_with(['=', ':']);
        let name = name.to_owned();
        self.take(end + usize::from(gets_value));
        Ok(Some((gets_value.then_some(name), line)))
    }

    fn value(&mut self) -> Result<Value, InvalidCompose> {
        let blank = self.rest.len() - self.rest.trim_start_matches(is_space).len();
        self.take(blank);
        if let Some(quote @ ('"' | '\'')) = self.rest.chars().next() {
            return self.quoted(quote);
        }
        let line = self.take_line();
        let value = line.split(" #").next().unwrap_or_default();
        Ok(Value::WithVariables(value.trim_end().to_owned()))
    }

    /// A value in quotes; a backslash keeps a quote from ending it.
    fn quoted(&mut self, quote: char) -> Result<Value, InvalidCompose> {
        let line = self.line;
        self.take(1);
        let mut text = String::new();
        let mut end = None;
        let mut characters = self.rest.char_indices();
        while let Some((at, character)) = characters.next() {
            if character == quote {
                end = Some(at + 1);
                break;
            }
            if character != '\\' {
                text.push(character);
                continue;
            }
            match (characters.next(), quote) {
                (Some((_, next)), _) if next == quote => text.push(next),
                (Some((_, 'n')), '"') => text.push('\n'),
                (Some((_, 'r')), '"') => text.push('\r'),
                (Some((_, 't')), '"') => text.push('\t'),
                (Some((_, '\\')), '"') => text.push('\\'),
                (Some((_, '$')), '"') => text.push_str("$$"),
                (Some((_, next)), _) => text.extend(['\\', next]),
                (None, _) => {}
            }
        }
        let Some(end) = end else {
            return self.refuse(line, "a value begins with a quote that nothing ends");
        };
        self.take(end);
        Ok(if quote == '"' {
            Value::WithVariables(text)
        } else {
            Value::Literal(text)
        })
    }

    fn refuse<T>(&self, line: usize, reason: &'static str) -> Result<T, InvalidCompose> {
        Err(InvalidCompose::NoVariables {
            file: self.document.to_owned(),
            line,
            reason,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<(String, String, Option<usize>)>, String> {
        let entries = dotenv(".env", text, &Entries::new()).map_err(|error| error.to_string())?;
        let all = entries.into_iter();
        Ok(all
            .map(|(name, entry)| (name, entry.value.shown(), entry.place.line()))
            .collect())
    }

    #[test]
    fn values_are_read_as_compose_reads_them() {
        let text = "\u{feff}# none\n\nexport A=one # rest\nB: \"two\\\"${A}\\$\" # rest\nC='x\ny'\nALONE\nD=\r\n\
                    E=a#b";
        let expected = [
            ("A", "one", 3),
            ("B", "two\"one$", 4),
            ("C", "x\ny", 5),
            ("D", "", 8),
            ("E", "a#b", 9),
        ];
        let expected = expected.map(|(name, value, line)| (name.into(), value.into(), Some(line)));
        assert_eq!(read(text).unwrap(), expected);
    }

    #[test]
    fn what_compose_refuses_is_refused_with_its_line_and_without_its_text() {
        for (text, line) in [
            ("A=1\nBAD canary HERE\nB=2\n", 2),
            ("A=1\n\nB=\"canary\nC=3\n", 3),
            ("A=1\nB='canary", 2),
            ("canary{}=1\n", 1),
            ("canary\0=1\n", 1),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.starts_with(&format!(".env:{line}: ")), "{error}");
            assert!(!error.contains("canary"), "{error}");
        }
    }
}
