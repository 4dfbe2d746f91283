//! Lines for `gh secret set --env-file -`.
//!
//! gh reads them with joho/godotenv, whose rules (its parser.go) differ from a shell's: an escaped
//! quote ends no string, quotes at both ends are trimmed greedily, `---` at the end of a line is
//! removed, and `$NAME` is expanded outside single quotes. Each value takes the first of the four
//! forms that comes back unchanged; where none does, the value is refused.

use crate::secrets::name::SecretName;

use super::Reader;
use super::env::is_bare;
use super::scan::Scanner;

/// docs.github.com, "Secrets reference": a secret holds at most 48 KB.
const LARGEST: usize = 48 * 1024;

pub(super) fn line(name: &SecretName, value: &str) -> Result<String, &'static str> {
    let key = name.env_key();
    if key.starts_with("GITHUB_") {
        return Err("GitHub refuses names that begin with GITHUB_");
    }
    if value.len() > LARGEST {
        return Err("GitHub takes at most 48 KB");
    }
    if value.is_empty() {
        return Err("GitHub refuses an empty secret");
    }
    let forms = [
        bare(value),
        single_quoted(value),
        double_quoted(value),
        to_line_end(value),
    ];
    match forms.into_iter().flatten().next() {
        Some(written) => Ok(format!("{key}={written}")),
        None => Err(
            "gh can't read this mixture of quotes, backslashes and line ends; \
             set it alone, with `gh secret set NAME < file`",
        ),
    }
}

fn bare(value: &str) -> Option<String> {
    (is_bare(value) && !value.ends_with("---")).then(|| value.to_owned())
}

fn single_quoted(value: &str) -> Option<String> {
    let breaks = value.contains(['\'', '\n', '\r', '\0']) || value.ends_with('\\');
    (!breaks).then(|| format!("'{value}'"))
}

fn double_quoted(value: &str) -> Option<String> {
    if value.ends_with(['"', '\\']) || value.contains('\0') {
        return None;
    }
    let mut written = String::from("\"");
    for character in value.chars() {
        match character {
            '\n' => written.push_str("\\n"),
            '\r' => written.push_str("\\r"),
            '"' | '\\' | '$' => written.extend(['\\', character]),
            other => written.push(other),
        }
    }
    written.push('"');
    Some(written)
}

/// Without quotes, to the end of the line; only `$` is escaped there.
fn to_line_end(value: &str) -> Option<String> {
    let breaks = value.contains(['\n', '\r', '\0', '#'])
        || value.starts_with(['\'', '"'])
        || value.trim() != value
        || value.ends_with("---");
    (!breaks).then(|| value.replace('$', "\\$"))
}

pub(super) fn read(text: &str, reader: &mut Reader) {
    let text = text.replace("\r\n", "\n");
    let mut scanner = Scanner::new(&text);
    loop {
        scanner.take_while(char::is_whitespace);
        let number = scanner.line();
        match scanner.peek() {
            None => return,
            Some('#') => {
                scanner.take_line();
            }
            Some(_) => match assignment(&mut scanner) {
                Ok((key, value)) => reader.secret(number, SecretName::from_env_key(key), &value),
                Err(message) => {
                    reader.problem(number, message);
                    scanner.take_line();
                }
            },
        }
    }
}

fn assignment<'a>(scanner: &mut Scanner<'a>) -> Result<(&'a str, String), &'static str> {
    let mut ahead = scanner.clone();
    if ahead.take("export") && !ahead.take_blanks().is_empty() {
        *scanner = ahead;
    }
    let key = scanner.take_while(|c| c.is_ascii_alphanumeric() || c == '_' || c == '.');
    scanner.take_blanks();
    if !(scanner.take("=") || scanner.take(":")) {
        return Err("is not of the form KEY=value");
    }
    scanner.take_blanks();
    let value = match scanner.peek() {
        Some(quote @ ('\'' | '"')) => quoted(scanner, quote)?,
        _ => unquoted(scanner),
    };
    Ok((key, value))
}

fn unquoted(scanner: &mut Scanner<'_>) -> String {
    let line = scanner.take_while(|c| c != '\n' && c != '\r');
    let is_comment = |index: &usize| line[..*index].ends_with([' ', '\t']);
    let mut hashes = line.match_indices('#').map(|(index, _)| index);
    let end = hashes.find(is_comment).unwrap_or(line.len());
    // gh itself sees `---` and a line end as the end of a YAML document, and drops the dashes.
    let kept = if scanner.peek() == Some('\n') && end == line.len() {
        line.strip_suffix("---").unwrap_or(line)
    } else {
        &line[..end]
    };
    unescape_dollars(kept.trim())
}

fn quoted(scanner: &mut Scanner<'_>, quote: char) -> Result<String, &'static str> {
    let rest = scanner.rest();
    let mut ends = rest.match_indices(quote).map(|(index, _)| index).skip(1);
    let Some(end) = ends.find(|index| !rest[..*index].ends_with('\\')) else {
        return Err("opens a quote that is never closed");
    };
    scanner.advance(end + quote.len_utf8());
    let inside = rest[..end].trim_matches(quote).replace("---\n", "\n");
    if quote == '\'' {
        return Ok(inside);
    }
    Ok(unescape_dollars(&unescape(&inside)))
}

/// The escapes of double quotes: a line end, a carriage return, and a backslash before anything but
/// `$` goes away.
fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if character != '\\' {
            plain.push(character);
            continue;
        }
        match characters.next() {
            Some('n') => plain.push('\n'),
            Some('r') => plain.push('\r'),
            Some('$') => plain.push_str("\\$"),
            Some(other) => plain.push(other),
            None => plain.push('\\'),
        }
    }
    plain
}

fn unescape_dollars(text: &str) -> String {
    text.replace("\\$", "$")
}
