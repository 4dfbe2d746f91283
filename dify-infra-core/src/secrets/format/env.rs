//! Env files: `KEY=value` as a POSIX shell reads them.
//!
//! Written values are bare when every program reads them alike (a shell, `docker --env-file`,
//! compose), else in single quotes, which `docker run --env-file` alone does not strip. Reading is
//! wider than a shell: a bare value goes to the end of the line, as Dify's own `.env.example` has
//! it (`LOG_DATEFORMAT=%Y-%m-%d %H:%M:%S`).

use crate::secrets::name::SecretName;

use super::Reader;
use super::scan::Scanner;

pub(super) fn line(name: &SecretName, value: &str) -> Result<String, &'static str> {
    if value.contains('\0') {
        return Err("no environment variable can hold a NUL character");
    }
    Ok(format!("{}={}", name.env_key(), quote(value)))
}

/// Whether a value reads the same bare in shells, in compose and in `docker --env-file`.
pub(super) fn is_bare(value: &str) -> bool {
    value
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "-_./:@%+=,".contains(c))
}

fn quote(value: &str) -> String {
    if is_bare(value) {
        value.to_owned()
    } else {
        format!("'{}'", value.replace('\'', r"'\''"))
    }
}

/// What the names of a compose project's `.env` begin with (`render --to compose`): a shell may have
/// a `SECRET_KEY` of its own, and Compose would prefer it.
const COMPOSE_PREFIX: &str = "DIFY_";

/// Our own names, which begin like that everywhere.
const OWN_PREFIX: &str = "DIFY_INFRA_";

/// What such a file has beside the secrets: each follows from them.
const FOLLOWS: [&str; 4] = [
    "LOCAL_REDIS_PASSWORD",
    "LOCAL_STORAGE_KEY",
    "CELERY_BROKER_URL",
    "AZURE_STORAGE_CONNECTION_STRING",
];

/// Whether a text is the `.env` of a compose project of ours, whose names have a prefix.
pub(crate) fn is_compose(text: &str) -> bool {
    let has = |start: &str| text.lines().any(|line| line.starts_with(start));
    has("COMPOSE_PROJECT_NAME=") && has("DIFY_SECRET_KEY=")
}

/// The secret that a line of a compose project's `.env` holds; nothing where it follows from others.
fn of_compose(key: &str) -> Option<&str> {
    let name = match key.strip_prefix(COMPOSE_PREFIX) {
        Some(name) if !key.starts_with(OWN_PREFIX) => name,
        _ => key,
    };
    let is_secret = name != "COMPOSE_PROJECT_NAME" && !FOLLOWS.contains(&name);
    is_secret.then_some(name)
}

pub(super) fn read(text: &str, reader: &mut Reader) {
    let is_compose = is_compose(text);
    let mut scanner = Scanner::new(text);
    while !scanner.is_at_end() {
        scanner.take_blanks();
        match scanner.peek() {
            Some('#' | '\n' | '\r') => {
                scanner.take_line();
            }
            _ => assignment(&mut scanner, reader, is_compose),
        }
    }
}

fn assignment(scanner: &mut Scanner<'_>, reader: &mut Reader, is_compose: bool) {
    let number = scanner.line();
    if scanner.rest().starts_with("export ") || scanner.rest().starts_with("export\t") {
        scanner.advance("export".len());
        scanner.take_blanks();
    }
    let key = scanner.take_while(|c| c != '=' && !c.is_whitespace());
    if !scanner.take("=") {
        let spaced = scanner.take_line().trim_start().starts_with('=');
        return reader.problem(
            number,
            if spaced {
                "has a space before `=`"
            } else {
                "is not of the form KEY=value"
            },
        );
    }
    let value = match scanner.peek() {
        Some('\'' | '"') => quoted(scanner),
        _ => Ok(bare(scanner.take_line()).to_owned()),
    };
    let key = if is_compose {
        of_compose(key)
    } else {
        Some(key)
    };
    match (value, key) {
        (Ok(_), None) => {}
        (Ok(value), Some(key)) => reader.secret(number, SecretName::from_env_key(key), &value),
        (Err(message), _) => reader.problem(number, message),
    }
}

/// A bare value: without a comment that follows white space, and without white space around it.
fn bare(line: &str) -> &str {
    let is_comment = |index: &usize| line[..*index].ends_with([' ', '\t']);
    let mut hashes = line.match_indices('#').map(|(index, _)| index);
    let end = hashes.find(is_comment).unwrap_or(line.len());
    line[..end].trim_matches([' ', '\t'])
}

/// A shell word that begins with a quote: quoted parts and `\'` up to the next white space.
fn quoted(scanner: &mut Scanner<'_>) -> Result<String, &'static str> {
    let mut ahead = scanner.clone();
    let Some(value) = word(&mut ahead) else {
        // Only this line is given up: the quote may simply be missing.
        scanner.take_line();
        return Err("opens a quote that is never closed");
    };
    *scanner = ahead;
    let rest = scanner.take_line();
    let comment = rest.starts_with([' ', '\t']) && rest.trim_start().starts_with('#');
    let finished = rest.trim().is_empty() || comment;
    if finished {
        Ok(value)
    } else {
        Err("has text after the closing quote")
    }
}

fn word(scanner: &mut Scanner<'_>) -> Option<String> {
    let mut value = String::new();
    loop {
        match scanner.peek() {
            Some('\'') => {
                scanner.next();
                value += scanner.take_while(|c| c != '\'');
                scanner.next()?;
            }
            Some('"') => {
                scanner.next();
                double_quoted(scanner, &mut value)?;
            }
            Some('\\') => {
                scanner.next();
                value.push(scanner.next()?);
            }
            None | Some(' ' | '\t' | '\r' | '\n') => return Some(value),
            Some(other) => {
                scanner.next();
                value.push(other);
            }
        }
    }
}

/// The inside of double quotes: a backslash escapes `$`, `` ` ``, `"`, itself and a line end, and
/// stands for itself before anything else (POSIX.1-2024, Shell Command Language, 2.2.3).
fn double_quoted(scanner: &mut Scanner<'_>, value: &mut String) -> Option<()> {
    loop {
        match scanner.next()? {
            '"' => return Some(()),
            '\\' => match scanner.next()? {
                '\n' => {}
                escaped @ ('$' | '`' | '"' | '\\') => value.push(escaped),
                other => value.extend(['\\', other]),
            },
            other => value.push(other),
        }
    }
}
