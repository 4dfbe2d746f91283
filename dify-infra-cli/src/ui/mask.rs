//! Hides values of a deployment file that may be secrets, before anything of the file is shown.
//!
//! A secret has no place in the file, but a finding that says so must not carry it into a log. The
//! reading is broad on purpose: a hidden name costs a look into the file, a shown password a new
//! password.

use dify_infra_core::diagnostic::Diagnostic;

/// What a text has when a secret is near.
const WORDS: [&str; 12] = [
    "password",
    "passwd",
    "passphrase",
    "pwd",
    "secret",
    "key",
    "token",
    "credential",
    "sharedaccess",
    "connection_string",
    "dsn",
    "sig=",
];

/// The rule families that are about secrets and about what may hold one.
const FAMILIES: [&str; 3] = ["SEC", "KEY", "URL"];

/// What stands in a sentence in place of a value.
const HIDDEN: &str = "…";

/// The file's text for showing one finding: every value that may be a secret is stars, and
/// everything is where it was.
pub(crate) fn source(text: &str, finding: &Diagnostic) -> String {
    // Paths and services of `[[routes]]` are no secrets, and what is wrong with them must be seen.
    let is_route = finding.path.to_string().starts_with("routes");
    let is_family = !is_route && FAMILIES.iter().any(|one| finding.code.starts_with(one));
    let mut paths = std::iter::once(&finding.path).chain(finding.related.iter().map(|it| &it.path));
    let is_near = paths.any(|path| sounds_secret(&path.to_string()));
    Scan::of(text, is_family || is_near).text
}

/// The finding with sentences that repeat no value of the file that may be a secret.
pub(crate) fn finding(text: &str, finding: &Diagnostic) -> Diagnostic {
    let values = Scan::of(text, sounds_secret(&finding.path.to_string())).values;
    let sentence = |sentence: &str| without_logins(&without(sentence, &values));
    Diagnostic {
        message: sentence(&finding.message),
        help: finding.help.as_deref().map(sentence),
        related: finding
            .related
            .iter()
            .cloned()
            .map(|mut related| {
                related.message = sentence(&related.message);
                related
            })
            .collect(),
        ..finding.clone()
    }
}

fn sounds_secret(text: &str) -> bool {
    let lower = text.to_lowercase();
    let has_login = lower
        .split_once("://")
        .is_some_and(|(_, rest)| rest.contains('@'));
    has_login || WORDS.iter().any(|word| lower.contains(word))
}

/// A sentence in which quoted values are hidden.
fn without(sentence: &str, values: &[String]) -> String {
    let mut text = sentence.to_owned();
    for value in values {
        for quote in ['"', '\'', '`'] {
            text = text.replace(
                &format!("{quote}{value}{quote}"),
                &format!("{quote}{HIDDEN}{quote}"),
            );
        }
    }
    text
}

/// A sentence in which the logins of URLs are hidden.
fn without_logins(sentence: &str) -> String {
    let mut parts = sentence.split("://");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        text.push_str("://");
        let end = part
            .find(|character: char| character.is_whitespace() || "\"`<>".contains(character))
            .unwrap_or(part.len());
        match part[..end].rfind('@') {
            Some(at) => {
                text.push_str(HIDDEN);
                text.push_str(&part[at..]);
            }
            None => text.push_str(part),
        }
    }
    text
}

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
struct Scan {
    /// The text with stars.
    text: String,
    /// The strings that sound secret, but for names of secrets.
    values: Vec<String>,
    hides_all: bool,
    /// Whether the value that is read sounds secret.
    is_secret: bool,
    is_after_equals: bool,
    depth: usize,
    place: Place,
    value: String,
    /// What stands outside of strings since the last one.
    outside: String,
}

impl Scan {
    fn of(text: &str, hides_all: bool) -> Self {
        let mut scan = Self {
            text: String::with_capacity(text.len()),
            values: Vec::new(),
            hides_all,
            is_secret: false,
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

    fn line(&mut self, line: &str) {
        let goes_on = matches!(self.place, Place::Quoted(_, true)) || self.depth > 0;
        self.is_secret = sounds_secret(line) || (goes_on && self.is_secret);
        self.is_after_equals = goes_on;
        if !goes_on {
            self.depth = 0;
        }
        let mut rest = line;
        while let Some(next) = rest.chars().next() {
            let taken = match self.place {
                Place::Bare => self.bare(rest, next),
                Place::Comment => self.hide(next, self.hides_all || self.is_secret),
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
        let is_hidden = self.hides_all || self.is_secret;
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
        if (self.is_secret || self.hides_all) && !is_name && !value.is_empty() {
            self.values.push(value);
        }
    }
}

#[cfg(test)]
mod tests {
    use dify_infra_core::diagnostic::KeyPath;

    use super::*;

    fn masked(text: &str) -> String {
        let finding = Diagnostic::error("LIM001", KeyPath::root(), "m");
        let masked = source(text, &finding);
        assert_eq!(masked.len(), text.len(), "{masked}");
        masked
    }

    #[test]
    fn values_of_keys_that_sound_secret_are_stars() {
        assert_eq!(masked("A_TOKEN = \"a b\\\"c\"\n"), "A_TOKEN = \"******\"\n");
        assert_eq!(masked("PASSWORD = 'x' # y\n"), "PASSWORD = '*' #**\n");
        assert_eq!(masked("API_KEY = 12\n"), "API_KEY = **\n");
        assert_eq!(
            masked("A_KEY = { secret = \"one\", b = 1 }\n"),
            "A_KEY = { secret = \"***\", b = * }\n"
        );
        assert_eq!(masked("location = \"x\"\n"), "location = \"x\"\n");
    }

    #[test]
    fn what_is_no_toml_is_hidden_too() {
        assert_eq!(masked("PASSWORD = hunter2\n"), "PASSWORD = *******\n");
        assert_eq!(
            masked("PASSWORD = \"hunter2\nname = \"x\"\n"),
            "PASSWORD = \"*******\nname = \"x\"\n"
        );
    }

    #[test]
    fn values_over_several_lines_are_hidden_to_their_end() {
        assert_eq!(
            masked("TOKEN = \"\"\"\none\ntwo\"\"\"\nname = \"x\"\n"),
            "TOKEN = \"\"\"\n***\n***\"\"\"\nname = \"x\"\n"
        );
        assert_eq!(
            masked("tokens = [\n  \"one\",\n]\nname = \"x\"\n"),
            "tokens = [\n  \"***\",\n]\nname = \"x\"\n"
        );
    }

    #[test]
    fn a_value_that_holds_a_login_is_hidden_whatever_its_key() {
        assert_eq!(masked("url = \"a://b:c@d\"\n"), "url = \"*********\"\n");
    }

    #[test]
    fn sentences_repeat_neither_values_nor_logins() {
        let text = "[services.api.env]\nSMTP_PASSWORD = \"canary\"\nOTHER = \"fine\"\n";
        let said = Diagnostic::error(
            "SPC002",
            KeyPath::root(),
            "\"canary\" and `fine`, \"https://user:can@ary@host/\" is wrong",
        )
        .with_help("not 'canary'");
        let said = finding(text, &said);
        assert_eq!(
            said.message,
            "\"…\" and `fine`, \"https://…@host/\" is wrong"
        );
        assert_eq!(said.help.as_deref(), Some("not '…'"));
    }

    #[test]
    fn names_of_secrets_may_be_said() {
        let text = "PASSWORD = { secret = \"smtp\" }\n";
        let said = Diagnostic::error("SPC002", KeyPath::root(), "`smtp` is unknown");
        assert_eq!(finding(text, &said).message, "`smtp` is unknown");
    }
}
