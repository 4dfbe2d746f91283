//! The env file that Docker Compose takes the values of `${NAME}` from.

use std::fmt::Write as _;

/// A value that no line of an env file can hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it holds a NUL character, which no variable can have")]
pub(super) struct ImpossibleValue;

/// One line, its end included: `NAME=value`.
///
/// Compose reads a value in single quotes as it stands, but has no way to write `'` or a `\` before
/// the last quote there; in double quotes it takes `\"`, `\\`, `\$` and `\n` for one character
/// (compose-spec/compose-go, `dotenv/parser.go`). So the first is used where it can be.
pub(super) fn line(name: &str, value: &str) -> Result<String, ImpossibleValue> {
    if value.contains('\0') {
        return Err(ImpossibleValue);
    }
    let is_bare = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./:@%+=,".contains(&byte);
    let value = if !value.is_empty() && value.bytes().all(is_bare) {
        value.to_owned()
    } else if value.contains(['\'', '\\', '\n', '\r']) {
        double_quoted(value)
    } else {
        format!("'{value}'")
    };
    Ok(format!("{name}={value}\n"))
}

fn double_quoted(value: &str) -> String {
    let mut quoted = String::from("\"");
    for character in value.chars() {
        match character {
            '"' | '\\' | '$' => {
                quoted.push('\\');
                quoted.push(character);
            }
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

/// The name of a line `NAME=value`; nothing for comments and empty lines.
fn name_of(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let line = line.strip_prefix("export ").unwrap_or(line);
    let (name, _) = line.split_once('=')?;
    let name = name.trim_end();
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    (!name.is_empty() && name.bytes().all(is_part)).then_some(name)
}

/// Lays wanted lines over a file that is there: what it says stays, what it lacks is added.
///
/// Returns the text and the names whose lines differ from the wanted ones.
///
/// ```
/// use dify_infra_core::render::keep_env_lines;
///
/// let (text, differing) = keep_env_lines("# mine\nA=old\n", "A=new\nB=2\n");
/// assert_eq!(text, "# mine\nA=old\nB=2\n");
/// assert_eq!(differing, ["A"]);
/// ```
pub fn keep_env_lines(existing: &str, wanted: &str) -> (String, Vec<String>) {
    let mut text = existing.to_owned();
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    let mut differing = Vec::new();
    for line in wanted.lines() {
        let Some(name) = name_of(line) else { continue };
        // Compose takes the last of several.
        match existing.lines().rfind(|there| name_of(there) == Some(name)) {
            Some(there) if there.trim() == line => {}
            Some(_) => differing.push(name.to_owned()),
            None => {
                let _ = writeln!(text, "{line}");
            }
        }
    }
    (text, differing)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Reads a value as compose-go does: bare up to the line's end, as it stands in single quotes,
    /// with escapes in double quotes.
    fn read(line: &str) -> String {
        let (_, value) = line.strip_suffix('\n').unwrap().split_once('=').unwrap();
        assert!(!value.contains('\n'), "one line: {value:?}");
        if let Some(inside) = value.strip_prefix('\'') {
            let inside = inside.strip_suffix('\'').unwrap();
            assert!(!inside.contains(['\'', '\\']), "{value}");
            return inside.to_owned();
        }
        let Some(inside) = value.strip_prefix('"') else {
            assert!(!value.contains(['$', '#', ' ', '\'', '"', '\\']), "{value}");
            return value.to_owned();
        };
        let mut read = String::new();
        let mut rest = inside.chars();
        loop {
            match rest.next().unwrap() {
                '"' => break,
                '\\' => match rest.next().unwrap() {
                    'n' => read.push('\n'),
                    'r' => read.push('\r'),
                    escaped @ ('"' | '\\' | '$') => read.push(escaped),
                    other => panic!("compose has no escape {other:?}"),
                },
                '$' => panic!("an interpolation in {value}"),
                other => read.push(other),
            }
        }
        assert_eq!(rest.next(), None, "{value}");
        read
    }

    proptest! {
        #[test]
        fn every_value_reads_back(
            value in prop_oneof![any::<String>(), "[\"'\\\\$#{} a\\n\\r=]{0,12}"]
        ) {
            match line("NAME", &value) {
                Ok(written) => prop_assert_eq!(read(&written), value),
                Err(_) => prop_assert!(value.contains('\0')),
            }
        }

        #[test]
        fn what_is_there_is_kept(existing in "(A|B|export C|#D|E)?=?[a-z'\"]{0,5}\n?") {
            let (text, _) = keep_env_lines(&existing, "A=1\nB=2\nC=3\n");
            prop_assert!(text.starts_with(&existing));
            let (again, _) = keep_env_lines(&text, "A=1\nB=2\nC=3\n");
            prop_assert_eq!(&again, &text, "nothing more is added");
            for name in ["A", "B", "C"] {
                prop_assert_eq!(text.lines().filter(|line| name_of(line) == Some(name)).count(), 1);
            }
        }
    }
}
