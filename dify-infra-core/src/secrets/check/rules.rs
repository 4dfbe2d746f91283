//! The rules: each looks at one secret, or at all of them, and adds its findings.

use std::collections::{BTreeMap, BTreeSet};

use secrecy::{ExposeSecret, SecretString};

use crate::secrets::catalogue::{Placement, SecretDefinition, SecretKind};
use crate::secrets::generate::{password_categories, shares_part_with_login};
use crate::secrets::name::SecretName;
use crate::secrets::set::Secrets;

use super::published::{self, Published};
use super::strength::estimate_bits;
use super::{Checker, Finding, Problem, Severity, is_near};

/// Characters that end, split or change a part of a URL, or a word of an unquoted libpq DSN.
const URL_BREAKING: &str = "@:/?#%+& \"'\\";

/// Of these, what `openssl rand -base64` gives: harmless where a value meets no URL.
const BASE64: &str = "/+";

/// Least length of a secret of the user's own, in characters.
const OWN_LENGTH: usize = 8;

/// Least estimated entropy of a secret of the user's own, in bits.
const OWN_BITS: u32 = 40;

/// Last words of names that hold secrets.
const SECRET_ENDINGS: &[&str] = &[
    "apikey",
    "credential",
    "credentials",
    "dsn",
    "key",
    "pass",
    "passphrase",
    "passwd",
    "password",
    "pwd",
    "pw",
    "secret",
    "token",
];

/// Words in names of secrets that become a part of a URL or DSN.
const URL_WORDS: &[&str] = &[
    "broker",
    "celery",
    "database",
    "db",
    "mysql",
    "pg",
    "pgvector",
    "postgres",
    "postgresql",
    "redis",
];

/// The catalogued secret that a name stands for, be it by its own name or by a variable of Dify.
pub(super) fn kind_of(name: &SecretName) -> Option<SecretKind> {
    SecretKind::of_variable(&name.env_key())
}

/// Whether a name sounds like that of a secret.
pub(super) fn sounds_secret(name: &SecretName) -> bool {
    let words: Vec<&str> = name.as_str().split('-').collect();
    let open = words.iter().any(|word| matches!(*word, "public" | "site"));
    let ending = words
        .last()
        .is_some_and(|word| SECRET_ENDINGS.contains(word));
    kind_of(name).is_some() || ending && !open || name.as_str().ends_with("connection-string")
}

pub(super) fn all(checker: &Checker, secrets: &Secrets) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (name, value) in secrets.iter() {
        let mut subject = Subject::new(name, value, &mut findings);
        if checker.judges(name) {
            subject.judge(checker.postgres_login.as_deref());
        } else {
            subject.look_for_published();
        }
    }
    let judged: Vec<_> = secrets
        .iter()
        .filter(|(name, _)| checker.judges(name))
        .collect();
    reused(&judged, &mut findings);
    pairs(&judged, &mut findings);
    missing(secrets, &mut findings);
    findings
}

/// One secret under the rules.
struct Subject<'a> {
    name: &'a SecretName,
    value: &'a str,
    definition: Option<&'static SecretDefinition>,
    findings: &'a mut Vec<Finding>,
}

impl<'a> Subject<'a> {
    fn new(name: &'a SecretName, value: &'a SecretString, findings: &'a mut Vec<Finding>) -> Self {
        let definition = kind_of(name).map(SecretKind::definition);
        Self {
            name,
            value: value.expose_secret(),
            definition,
            findings,
        }
    }

    fn add(&mut self, severity: Severity, problem: Problem) {
        let secret = self.name.clone();
        self.findings.push(Finding {
            secret,
            severity,
            problem,
            line: None,
        });
    }

    fn add_if(&mut self, holds: bool, severity: Severity, problem: Problem) {
        if holds {
            self.add(severity, problem);
        }
    }

    /// An error for generated secrets; the user's own may have reasons.
    fn strict(&self) -> Severity {
        if self.definition.is_some() {
            Severity::Error
        } else {
            Severity::Warning
        }
    }

    fn judge(&mut self, postgres_login: Option<&str>) {
        if self.value.is_empty() {
            return self.add(self.strict(), Problem::Empty);
        }
        if let Some(entry) = published::find(self.value) {
            return self.add_published(entry);
        }
        self.form();
        self.dollars();
        // A URL, a connection string or a PEM block is no password: its characters have a meaning.
        if !self.is_composed() {
            self.strength();
            self.url_characters();
        }
        self.azure_password(postgres_login);
    }

    /// Other settings may be words such as `dify` that are published as passwords as well.
    fn look_for_published(&mut self) {
        if let Some(entry) = published::find(self.value).filter(|entry| !entry.word) {
            self.add_published(entry);
        }
    }

    fn add_published(&mut self, entry: &'static Published) {
        let (variable, origin) = (&entry.variable, &entry.source);
        self.add(Severity::Error, Problem::Published { variable, origin });
    }

    fn is_composed(&self) -> bool {
        self.value.contains("://")
            || self.value.starts_with("-----BEGIN ")
            || self.name.as_str().ends_with("connection-string")
    }

    fn form(&mut self) {
        let value = self.value;
        self.add_if(
            value.trim() != value,
            Severity::Error,
            Problem::OuterWhitespace,
        );
        let control = value.trim().contains(char::is_control) && !value.starts_with("-----BEGIN ");
        self.add_if(control, self.strict(), Problem::ControlCharacters);
        let in_header = self
            .definition
            .is_some_and(|d| d.placement == Placement::Header);
        let severity = if in_header {
            Severity::Error
        } else {
            Severity::Warning
        };
        self.add_if(!value.is_ascii(), severity, Problem::NotAscii);
        if let Some(maximum) = self.definition.and_then(|d| d.maximum_length) {
            let length = value.chars().count();
            let too_long = Problem::TooLong { length, maximum };
            self.add_if(length > maximum, Severity::Error, too_long);
        }
    }

    /// One project saw Container Apps turn `$$` into `$` in secrets that reach variables, which is
    /// how Kubernetes expands variables; `$(NAME)` goes the same way.
    fn dollars(&mut self) {
        if self.value.contains("$$") || self.value.contains("$(") {
            self.add(Severity::Error, Problem::ExpandedByAzure);
        } else if self.value.contains('$') {
            self.add(Severity::Warning, Problem::ExpandedByShell);
        }
    }

    fn strength(&mut self) {
        let least = self.definition.map(|d| (d.minimum_length, d.minimum_bits));
        let (minimum, minimum_bits) = least.unwrap_or((OWN_LENGTH, OWN_BITS));
        let length = self.value.chars().count();
        let bits = estimate_bits(self.value);
        if length < minimum {
            self.add(Severity::Error, Problem::TooShort { length, minimum });
        } else if bits < minimum_bits {
            let severity = if is_near(bits, minimum_bits) {
                Severity::Warning
            } else {
                Severity::Error
            };
            self.add(
                severity,
                Problem::Weak {
                    bits,
                    minimum: minimum_bits,
                },
            );
        }
    }

    fn url_characters(&mut self) {
        let in_url = match self.definition {
            Some(definition) => definition.placement == Placement::ConnectionString,
            None => self
                .name
                .as_str()
                .split('-')
                .any(|word| URL_WORDS.contains(&word)),
        };
        let harmless = if self.definition.is_some() && !in_url {
            BASE64
        } else {
            ""
        };
        let breaks = |c: &char| URL_BREAKING.contains(*c) && !harmless.contains(*c);
        // White space at the ends has a finding of its own.
        let found: BTreeSet<char> = self.value.trim().chars().filter(breaks).collect();
        if found.is_empty() {
            return;
        }
        let characters = found
            .iter()
            .map(|c| describe(*c))
            .collect::<Vec<_>>()
            .join(" ");
        let severity = if in_url {
            Severity::Error
        } else {
            Severity::Warning
        };
        self.add(severity, Problem::BreaksUrl { characters });
    }

    fn azure_password(&mut self, login: Option<&str>) {
        if kind_of(self.name) != Some(SecretKind::PostgresPassword) {
            return;
        }
        let few = password_categories(self.value) < 3;
        self.add_if(few, Severity::Error, Problem::FewCategories);
        let holds = login.is_some_and(|login| shares_part_with_login(self.value, login));
        self.add_if(holds, Severity::Error, Problem::HoldsLogin);
    }
}

fn describe(character: char) -> String {
    if character == ' ' {
        "space".to_owned()
    } else {
        character.to_string()
    }
}

/// Equal values under names that are not the same secret. Published values have a finding already.
fn reused(judged: &[(&SecretName, &SecretString)], findings: &mut Vec<Finding>) {
    let mut first: BTreeMap<&str, &SecretName> = BTreeMap::new();
    for (name, value) in judged {
        let value = value.expose_secret();
        if value.is_empty() || published::find(value).is_some() {
            continue;
        }
        let Some(with) = first.get(value) else {
            first.insert(value, name);
            continue;
        };
        let same_secret = kind_of(name).is_some() && kind_of(name) == kind_of(with);
        if !same_secret {
            let problem = Problem::Reused {
                with: SecretName::clone(with),
            };
            let secret = SecretName::clone(name);
            findings.push(Finding {
                secret,
                severity: Severity::Error,
                problem,
                line: None,
            });
        }
    }
}

/// Two variables of one pair that differ: the services answer 401 or 404 to each other.
fn pairs(judged: &[(&SecretName, &SecretString)], findings: &mut Vec<Finding>) {
    let mut first: BTreeMap<SecretKind, (&SecretName, &str)> = BTreeMap::new();
    for (name, value) in judged {
        let Some(kind) = kind_of(name).filter(|kind| kind.definition().paired) else {
            continue;
        };
        let (with, expected) = *first.entry(kind).or_insert((name, value.expose_secret()));
        if expected != value.expose_secret() {
            let problem = Problem::PairDiffers { with: with.clone() };
            let secret = SecretName::clone(name);
            findings.push(Finding {
                secret,
                severity: Severity::Error,
                problem,
                line: None,
            });
        }
    }
}

fn missing(secrets: &Secrets, findings: &mut Vec<Finding>) {
    let present: BTreeSet<SecretKind> = secrets.names().filter_map(kind_of).collect();
    for kind in SecretKind::ALL
        .iter()
        .filter(|kind| !present.contains(kind))
    {
        findings.push(Finding {
            secret: (*kind).into(),
            severity: Severity::Warning,
            problem: Problem::Missing,
            line: None,
        });
    }
}
