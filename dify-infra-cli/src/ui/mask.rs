//! Hides values of a deployment file that may be secrets, before anything of the file is shown.
//!
//! A secret has no place in the file, but a finding that says so must not carry it into a log. The
//! reading is broad on purpose: a hidden name costs a look into the file, a shown password a new
//! password.

mod scan;

use std::cell::OnceCell;
use std::collections::HashSet;

use dify_infra_core::diagnostic::{Diagnostic, Diagnostics};

use scan::Scan;

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

/// The rule families that are about secrets themselves: nothing near their findings is shown.
const FAMILIES: [&str; 2] = ["SEC", "KEY"];

/// The family about URLs, which may hold a login.
const URLS: &str = "URL";

/// Keys of the file that sound secret and have a word, a name or an id.
const PLAIN_KEYS: [&str; 3] = ["secrets.store", "secrets.existing", "secrets.identity"];

/// What stands in a sentence in place of a value.
const HIDDEN: &str = "…";

/// Quotes of one kind in a sentence that are looked at in pairs.
const MOST_QUOTES: usize = 64;

/// A file as it may be shown; it is read once for all findings.
#[derive(Debug)]
pub(crate) struct Masked<'a> {
    text: &'a str,
    near: [OnceCell<Scan>; 3],
}

/// How much is hidden beside what sounds secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hides {
    /// Nothing.
    Nothing,
    /// What may be a URL with a login.
    Logins,
    /// Every value.
    All,
}

impl<'a> Masked<'a> {
    /// A file before anything of it is shown.
    pub(crate) fn new(text: &'a str) -> Self {
        Self {
            text,
            near: [const { OnceCell::new() }; 3],
        }
    }

    /// The file's text for showing one finding: every value that may be a secret is stars, and
    /// everything is where it was.
    pub(crate) fn source(&self, finding: &Diagnostic) -> &str {
        // Paths and services of `[[routes]]` are no secrets, and what is wrong with them must be seen.
        let is_route = finding.path.to_string().starts_with("routes");
        let is_family = FAMILIES.iter().any(|one| finding.code.starts_with(one));
        let hides = if is_near_secret(finding) || (is_family && !is_route) {
            Hides::All
        } else if finding.code.starts_with(URLS) && !is_route {
            Hides::Logins
        } else {
            Hides::Nothing
        };
        &self.scan(hides).text
    }

    /// The finding with sentences that repeat no value of the file that may be a secret.
    pub(crate) fn finding(&self, finding: &Diagnostic) -> Diagnostic {
        let hides = if is_near_secret(finding) {
            Hides::All
        } else {
            Hides::Nothing
        };
        let values = &self.scan(hides).values;
        let sentence = |sentence: &str| without_logins(&without(sentence, values));
        let mut shown = finding.clone();
        shown.message = sentence(&finding.message);
        shown.help = finding.help.as_deref().map(sentence);
        for related in &mut shown.related {
            related.message = sentence(&related.message);
        }
        shown
    }

    fn scan(&self, hides: Hides) -> &Scan {
        self.near[hides as usize].get_or_init(|| Scan::of(self.text, hides))
    }
}

/// Whether a finding is about a value that sounds secret by its key.
fn is_near_secret(finding: &Diagnostic) -> bool {
    let others = finding.related.iter().map(|it| &it.path);
    std::iter::once(&finding.path).chain(others).any(|path| {
        let path = path.to_string();
        !PLAIN_KEYS.contains(&path.as_str()) && sounds_secret(&path)
    })
}

/// All findings about a text, each as [`Masked::finding`] makes it, said of the document.
pub(crate) fn findings(document: &str, text: &str, findings: &Diagnostics) -> Vec<Diagnostic> {
    let masked = Masked::new(text);
    findings
        .iter()
        .map(|one| masked.finding(one).in_document(document))
        .collect()
}

fn sounds_secret(text: &str) -> bool {
    let lower = text.to_lowercase();
    has_login(&lower) || WORDS.iter().any(|word| lower.contains(word))
}

fn has_login(text: &str) -> bool {
    text.split_once("://")
        .is_some_and(|(_, rest)| rest.contains('@'))
}

/// Whether a value may hold a secret, whatever its key: one word such as `key-vault` or `KEY001` is a
/// name, `AccountKey=…` is not.
fn value_sounds_secret(value: &str) -> bool {
    let is_name = |it: char| it.is_ascii_alphanumeric() || it == '-' || it == '_' || it == '.';
    !value.chars().all(is_name) && sounds_secret(value)
}

/// A sentence in which quoted values are hidden; the longest one counts where several fit.
fn without(sentence: &str, values: &HashSet<String>) -> String {
    if values.is_empty() {
        return sentence.to_owned();
    }
    let mut text = sentence.to_owned();
    for quote in ['"', '\'', '`'] {
        let places: Vec<usize> = text.match_indices(quote).map(|(at, _)| at).collect();
        if places.len() > MOST_QUOTES {
            // A value full of quotes: looking for each value takes long, and is the exception.
            for value in values {
                let hidden = format!("{quote}{HIDDEN}{quote}");
                text = text.replace(&format!("{quote}{value}{quote}"), &hidden);
            }
            continue;
        }
        let mut shown = String::with_capacity(text.len());
        let mut done = 0;
        for (index, &start) in places.iter().enumerate() {
            if start < done {
                continue;
            }
            let ends = places[index + 1..].iter().rev();
            let end = ends
                .copied()
                .find(|&end| values.contains(&text[start + 1..end]));
            if let Some(end) = end {
                shown.push_str(&text[done..=start]);
                shown.push_str(HIDDEN);
                done = end;
            }
        }
        shown.push_str(&text[done..]);
        text = shown;
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

#[cfg(test)]
mod tests {
    use dify_infra_core::diagnostic::KeyPath;

    use super::*;

    fn masked(text: &str) -> String {
        let finding = Diagnostic::error("LIM001", KeyPath::root(), "m");
        let masked = Masked::new(text).source(&finding).to_owned();
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
        let said = Masked::new(text).finding(&said);
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
        assert_eq!(
            Masked::new(text).finding(&said).message,
            "`smtp` is unknown"
        );
    }

    #[test]
    fn rule_ids_words_and_origins_are_shown() {
        let allow = "allow = [{ reason = 'the key is new', rule = 'KEY001' }] # old\n";
        assert_eq!(
            masked(allow),
            "allow = [{ reason = '**************', rule = 'KEY001' }] #****\n"
        );
        assert_eq!(masked("store = \"keyvault\"\n"), "store = \"keyvault\"\n");
        assert_eq!(masked("a = [\n  'KEY001',\n]\n"), "a = [\n  'KEY001',\n]\n");
        let shown = |path: &str, code: &str, text: &str, message: &str| {
            let said = Diagnostic::error(code, KeyPath::of(path), message);
            let masked = Masked::new(text);
            (
                masked.source(&said).to_owned(),
                masked.finding(&said).message,
            )
        };
        let text = "[secrets]\nstore = 'keyvault'\n";
        let message = "\"keyvault\" is not a value of `secrets.store`";
        let expected = (text.to_owned(), message.to_owned());
        assert_eq!(shown("secrets.store", "SPC004", text, message), expected);
        let text = "origin = 'dify.example.com'\n";
        let message = "\"dify.example.com\" is no origin";
        let expected = (text.to_owned(), message.to_owned());
        assert_eq!(shown("public.origin", "URL001", text, message), expected);
        for origin in [
            "https://u:canary@x",
            "u:canary@x",
            "https:/u:canary@x",
            "https://x/?token=canary",
        ] {
            let text = format!("origin = '{origin}' # canary\n");
            let (source, _) = shown("public.origin", "URL001", &text, "m");
            assert!(!source.contains("canary"), "{source}");
        }
    }

    #[test]
    fn values_that_carry_a_secret_are_hidden_whatever_their_key() {
        for value in [
            "AccountName=a;AccountKey=canary",
            "{\\\"password\\\": \\\"canary\\\"}",
            "--token canary",
            "host=x password=canary",
            "https://x/?sig=canary",
        ] {
            for line in [
                format!("OTHER = \"{value}\" # canary\n"),
                format!("list = [\n  \"{value}\",\n]\n"),
                format!("a = \"\"\"\n{value}\ncanary\"\"\"\n"),
                format!("a = {{ b = \"{value}\" }}\n"),
            ] {
                let shown = masked(&line);
                assert!(!shown.contains("canary"), "{line}: {shown}");
            }
        }
        let quoted = "env = { \"SMTP_PASSWORD\" = \"canary\", b = 'x' }\n";
        assert!(!masked(quoted).contains("canary"));
        assert!(!masked("X = 'open # PASSWORD canary\n").contains("canary"));
        assert!(!masked("PASSWORD canary\n").contains("canary"));
    }

    #[test]
    fn a_sentence_with_many_quotes_hides_the_longest_value() {
        let text = "A_TOKEN = 'x\"a\"y'\nB_TOKEN = 'a'\n";
        let masked = Masked::new(text);
        let say = |message: &str| {
            let said = Diagnostic::error("LIM001", KeyPath::root(), message);
            masked.finding(&said).message
        };
        assert_eq!(say("\"x\"a\"y\" and \"a\", `b`"), "\"…\" and \"…\", `b`");
        let many = format!("{} \"a\"", "\"b\"".repeat(50));
        assert!(!say(&many).contains("\"a\""), "{many}");
    }
}
