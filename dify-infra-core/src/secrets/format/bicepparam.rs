//! Bicep parameters: `param secretKey = '...'`.
//!
//! Escapes of a Bicep string: `\\`, `\'`, `\n`, `\r`, `\t`, `\u{...}` and `\$` before `{`
//! (learn.microsoft.com, Bicep data types, "Strings").

use std::fmt::Write as _;

use crate::secrets::name::SecretName;

use super::Reader;
use super::scan::Scanner;

/// The line that every parameter file must begin with.
pub(super) fn using(template: Option<&str>) -> String {
    match template {
        Some(template) => format!("using '{}'\n\n", escape(template)),
        None => "using none\n\n".to_owned(),
    }
}

pub(super) fn line(name: &SecretName, value: &str) -> String {
    format!("param {} = '{}'", name.camel_case(), escape(value))
}

fn escape(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len());
    for character in value.chars() {
        match character {
            // A `$` alone would do bare, but `\$` is right before `{` as well.
            '\'' | '\\' | '$' => escaped.extend(['\\', character]),
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\t' => escaped.push_str("\\t"),
            control if control.is_control() => {
                // Writing to a String cannot fail.
                let _ = write!(escaped, "\\u{{{:x}}}", u32::from(control));
            }
            other => escaped.push(other),
        }
    }
    escaped
}

pub(super) fn read(text: &str, reader: &mut Reader) {
    let mut scanner = Scanner::new(text);
    while !scanner.is_at_end() {
        scanner.take_blanks();
        let number = scanner.line();
        let rest = scanner.rest();
        if rest.starts_with("param ") {
            match parameter(&mut scanner) {
                Ok((name, value)) => {
                    reader.secret(number, SecretName::from_camel_case(name), &value);
                }
                Err(message) => {
                    reader.problem(number, message);
                    scanner.take_line();
                }
            }
            continue;
        }
        let line = scanner.take_line();
        if !(line.is_empty() || line.starts_with("//") || line.starts_with("using ")) {
            reader.problem(number, "is not `param name = '...'`");
        }
    }
}

fn parameter<'a>(scanner: &mut Scanner<'a>) -> Result<(&'a str, String), &'static str> {
    const FORM: &str = "is not `param name = '...'`";
    scanner.take("param");
    scanner.take_blanks();
    let name = scanner.take_while(|c| c.is_ascii_alphanumeric() || c == '_');
    scanner.take_blanks();
    if !scanner.take("=") {
        return Err(FORM);
    }
    scanner.take_blanks();
    if scanner.rest().starts_with("'''") {
        return Err("has a multi-line string: write it as '...' with \\n");
    }
    if !scanner.take("'") {
        return Err("has a value that is not a string");
    }
    let value = string(scanner)?;
    scanner.take_blanks();
    let end = scanner.peek().is_none_or(|c| c == '\n' || c == '\r');
    if end || scanner.rest().starts_with("//") {
        scanner.take_line();
        return Ok((name, value));
    }
    Err("has text after the closing quote")
}

fn string(scanner: &mut Scanner<'_>) -> Result<String, &'static str> {
    let mut value = String::new();
    loop {
        match scanner.peek() {
            None | Some('\n' | '\r') => return Err("opens a quote that is never closed"),
            Some('$') if scanner.rest().starts_with("${") => {
                return Err("has an expression in its string: only plain text can be read");
            }
            Some('\\') => value.push(escaped(scanner).ok_or("has an escape that Bicep lacks")?),
            Some(character) => {
                scanner.next();
                if character == '\'' {
                    return Ok(value);
                }
                value.push(character);
            }
        }
    }
}

fn escaped(scanner: &mut Scanner<'_>) -> Option<char> {
    scanner.next();
    match scanner.next()? {
        'n' => Some('\n'),
        'r' => Some('\r'),
        't' => Some('\t'),
        'u' => {
            let digits = scanner
                .take("{")
                .then(|| scanner.take_while(|c| c.is_ascii_hexdigit()))?;
            let character = u32::from_str_radix(digits, 16)
                .ok()
                .and_then(char::from_u32);
            character.filter(|_| scanner.take("}"))
        }
        plain @ ('\\' | '\'' | '$') => Some(plain),
        _ => None,
    }
}
