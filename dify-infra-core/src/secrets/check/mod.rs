//! What is wrong with a set of secrets: published, weak, reused, or bound to break its consumer.
//!
//! Every problem of every secret is found, none hides another. No finding holds a value or a part
//! of one but single special characters.

mod published;
mod rules;
mod strength;

use std::fmt;

use secrecy::{ExposeSecret as _, SecretString};

use super::format::ParsedSecrets;
use super::name::SecretName;
use super::set::Secrets;

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The value must not be used.
    Error,
    /// The value works, with a risk or a cost that is named.
    Warning,
}

/// One thing that is wrong with one secret.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// The secret.
    pub secret: SecretName,
    /// How much it matters.
    pub severity: Severity,
    /// What is wrong; `Display` says it as a sentence about the secret.
    pub problem: Problem,
    /// The line, from 1, where the secret stands, if it was read from a text.
    pub line: Option<usize>,
}

/// What can be wrong with a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem {
    /// The value, or the password in its URL, is published on the internet.
    Published {
        /// The variables that it is published for.
        variable: &'static str,
        /// Where it is published.
        origin: &'static str,
    },
    /// There is a name without a value.
    Empty,
    /// Fewer characters than the secret should have.
    TooShort {
        /// Characters it has.
        length: usize,
        /// Characters it should have at least.
        minimum: usize,
    },
    /// Easier to guess than the secret should be.
    Weak {
        /// Estimated entropy, in bits.
        bits: u32,
        /// Entropy that it should have at least, in bits.
        minimum: u32,
    },
    /// More characters than a consumer takes.
    TooLong {
        /// Characters it has.
        length: usize,
        /// Characters that the consumer takes.
        maximum: usize,
    },
    /// Another secret has the same value.
    Reused {
        /// The other secret.
        with: SecretName,
    },
    /// The other side of the pair has another value.
    PairDiffers {
        /// The variable of the other side.
        with: SecretName,
    },
    /// Characters that break a URL or a DSN into which the value is written bare.
    BreaksUrl {
        /// The characters, each once.
        characters: String,
    },
    /// `$$` or `$(`, which Container Apps changes.
    ExpandedByAzure,
    /// Another `$`, which shells and compose expand.
    ExpandedByShell,
    /// Characters outside ASCII.
    NotAscii,
    /// Line ends or other control characters.
    ControlCharacters,
    /// White space at an end.
    OuterWhitespace,
    /// Fewer than three of Azure's four categories of characters.
    FewCategories,
    /// Three or more characters in a row of the administrator's login name.
    HoldsLogin,
    /// A deployment needs this secret, and it is not there.
    Missing,
}

/// Finds what is wrong with secrets that are all meant for one deployment.
///
/// ```
/// use dify_infra_core::secrets::{Problem, SecretKind, Secrets, check};
///
/// let mut secrets = Secrets::new();
/// secrets.insert(SecretKind::SandboxApiKey, "dify-sandbox".into());
/// let findings = check(&secrets);
/// assert!(matches!(findings[0].problem, Problem::Published { .. }));
/// ```
pub fn check(secrets: &Secrets) -> Vec<Finding> {
    Checker::new().check(secrets)
}

/// Finds what is wrong with secrets, with what is known about where they come from.
#[derive(Clone, Debug, Default)]
pub struct Checker {
    postgres_login: Option<String>,
    mixed: bool,
}

impl Checker {
    /// A checker for secrets alone.
    pub fn new() -> Self {
        Self::default()
    }

    /// Tells the login name of the PostgreSQL administrator, which its password may not hold.
    #[must_use]
    pub fn with_postgres_login(mut self, login: impl Into<String>) -> Self {
        self.postgres_login = Some(login.into());
        self
    }

    /// Tells that the secrets stand among other settings, as in Dify's own `.env`.
    ///
    /// Names that sound like no secret (`LOG_LEVEL`) are then looked at for published secrets alone.
    #[must_use]
    pub fn with_other_settings(mut self) -> Self {
        self.mixed = true;
        self
    }

    /// All findings: errors first, then by secret.
    pub fn check(&self, secrets: &Secrets) -> Vec<Finding> {
        let mut findings = rules::all(self, secrets);
        findings.sort_by(|a, b| (a.severity, &a.secret).cmp(&(b.severity, &b.secret)));
        findings
    }

    /// All findings, with the lines of the text, in the order of the lines.
    pub fn check_parsed(&self, parsed: &ParsedSecrets) -> Vec<Finding> {
        let mut findings = self.check(parsed.secrets());
        for finding in &mut findings {
            finding.line = parsed.line(&finding.secret);
        }
        findings.sort_by_key(|finding| finding.line.unwrap_or(usize::MAX));
        findings
    }

    /// The secrets that two sets share by value: a leak of one environment's is then a leak of the other's.
    ///
    /// Names that are not judged as secrets are left out, and so are empty values.
    ///
    /// ```
    /// use dify_infra_core::secrets::{Checker, Format, parse};
    ///
    /// let dev = parse("SECRET_KEY=one\nSANDBOX_API_KEY=two\n", Format::Env)?;
    /// let prod = parse("SECRET_KEY=one\nSANDBOX_API_KEY=three\n", Format::Env)?;
    /// let shared = Checker::new().shared(&dev, &prod);
    /// assert_eq!(shared.len(), 1);
    /// assert_eq!(shared[0].0.as_str(), "secret-key");
    /// # Ok::<(), dify_infra_core::secrets::ParseError>(())
    /// ```
    pub fn shared(
        &self,
        one: &ParsedSecrets,
        other: &ParsedSecrets,
    ) -> Vec<(SecretName, SecretName)> {
        let filled = |it: &(&SecretName, &SecretString)| {
            self.judges(it.0) && !it.1.expose_secret().is_empty()
        };
        let mut shared = Vec::new();
        for (name, value) in one.secrets().iter().filter(filled) {
            let same = other.secrets().iter().filter(filled);
            let same = same.filter(|(_, it)| it.expose_secret() == value.expose_secret());
            shared.extend(same.map(|(theirs, _)| (name.clone(), theirs.clone())));
        }
        shared
    }

    /// Whether a name is judged as a secret: every name, unless other settings are among them.
    pub fn judges(&self, name: &SecretName) -> bool {
        !self.mixed || rules::sounds_secret(name)
    }
}

impl Finding {
    /// What to do about it, as a sentence.
    pub fn help(&self) -> String {
        let generate = |kind: &str| format!("make a new one with `dify-secrets gen {kind}`");
        let kind = rules::kind_of(&self.secret);
        let renew = match kind {
            Some(kind) => generate(kind.id()),
            None => "make a new one where the account is kept".to_owned(),
        };
        match &self.problem {
            Problem::Empty => format!("{renew}, or remove the line: Azure refuses an empty secret"),
            Problem::TooLong { maximum, .. } => {
                format!("use at most {maximum} characters, or {renew}")
            }
            Problem::Reused { .. } => {
                format!("give each its own value, so that one leak opens one door: {renew}")
            }
            Problem::PairDiffers { with } => {
                format!(
                    "set {} and {} to the same value",
                    self.secret.env_key(),
                    with.env_key()
                )
            }
            Problem::BreaksUrl { .. } => {
                format!("{renew}, or percent-encode it wherever it becomes a part of a URL")
            }
            Problem::Missing => {
                let kind = self.secret.as_str();
                format!("{}; `dify-infra apply` makes it otherwise", generate(kind))
            }
            Problem::OuterWhitespace => {
                "remove the white space: it is a slip of copying".to_owned()
            }
            Problem::Published { .. }
            | Problem::Weak { .. }
            | Problem::TooShort { .. }
            | Problem::ExpandedByAzure
            | Problem::ExpandedByShell
            | Problem::NotAscii
            | Problem::ControlCharacters
            | Problem::FewCategories
            | Problem::HoldsLogin => renew,
        }
    }
}

/// Whether a value falls short of the margin for values of its kind, and is still out of reach of whoever
/// guesses: three quarters of it, 84 bits of 112, are more than anybody can try.
pub(crate) const fn is_near(bits: u32, minimum: u32) -> bool {
    bits >= 64 && bits >= minimum / 4 * 3
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Published { variable, origin } => {
                write!(f, "is public: {variable} in {origin}")
            }
            Self::Empty => f.write_str("is empty"),
            Self::TooShort { length, minimum } => {
                write!(f, "has {length} characters, fewer than {minimum}")
            }
            Self::Weak { bits, minimum } if is_near(*bits, *minimum) => write!(
                f,
                "has about {bits} bits of entropy and falls short of the margin of {minimum}"
            ),
            Self::Weak { bits, minimum } => write!(
                f,
                "is easy to guess: about {bits} bits of entropy, where {minimum} are needed"
            ),
            Self::TooLong { length, maximum } => {
                write!(f, "has {length} characters, and its consumer takes at most {maximum}")
            }
            Self::Reused { with } => write!(f, "has the same value as {with}"),
            Self::PairDiffers { with } => {
                write!(f, "differs from {with}, and the two services compare them")
            }
            Self::BreaksUrl { characters } => {
                write!(f, "has characters that break a URL or DSN: {characters}")
            }
            Self::ExpandedByAzure => f.write_str(
                "has `$$` or `$(`: Container Apps makes `$` of the first and expands the second",
            ),
            Self::ExpandedByShell => f.write_str("has a `$`, which shells and compose expand"),
            Self::NotAscii => f.write_str("has characters outside ASCII"),
            Self::ControlCharacters => f.write_str("has a line end or another control character"),
            Self::OuterWhitespace => f.write_str("begins or ends with white space"),
            Self::FewCategories => f.write_str(
                "has fewer than three of capitals, lowercase letters, digits and other characters, \
                 which Azure asks of a password",
            ),
            Self::HoldsLogin => f.write_str(
                "holds three or more characters of the administrator's login name, which Azure refuses",
            ),
            Self::Missing => f.write_str("is missing, and every deployment needs it"),
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
        })
    }
}

#[cfg(test)]
mod tests;
