//! Secrets as text: each format is written for, and read as by, the program that consumes it.
//!
//! | format | consumer | names |
//! |---|---|---|
//! | [`Format::Env`] | `set -a; . file`, `docker --env-file`, `dify-infra --secrets` | `SECRET_KEY` |
//! | [`Format::Json`] | `jq`, scripts | `SECRET_KEY` |
//! | [`Format::Toml`] | tools with TOML settings | `SECRET_KEY` |
//! | [`Format::Bicepparam`] | `az deployment group create --parameters` | `secretKey` |
//! | [`Format::Github`] | `gh secret set --env-file -` | `SECRET_KEY` |
//!
//! The `.env` of a rendered compose project is read too, whose names begin with `DIFY_`.
//!
//! Generated values need no quotes in any of them. Other values are quoted as the consumer wants
//! it; a value that a consumer can't read is refused, never changed. Reading reports every bad line
//! by its number and never repeats what stands there, since that may be a secret.

mod bicepparam;
mod env;
mod github;
mod json;
mod scan;
mod toml;

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;

use super::name::{SecretName, SecretNameError};
use super::set::Secrets;

/// How secrets are written as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// Lines `KEY=value`, quoted for a POSIX shell where needed.
    Env,
    /// One JSON object of strings.
    Json,
    /// TOML with one string per line.
    Toml,
    /// Bicep parameters: `param secretKey = '...'`.
    Bicepparam,
    /// Lines for `gh secret set --env-file -`, which reads them with joho/godotenv.
    Github,
}

/// A text names no format.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the formats are env, json, toml, bicepparam and github")]
pub struct UnknownFormatError(());

/// Choices of [`render_with`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RenderOptions {
    /// Path of the Bicep template for the `using` line; without it the line is `using none`, which
    /// Bicep knows since 0.31 (learn.microsoft.com, Bicep "Using statement").
    pub bicep_template: Option<String>,
}

/// A value can't be written in the wanted format without being changed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{name} can't be written as {format}: {reason}")]
pub struct RenderError {
    name: SecretName,
    format: Format,
    reason: &'static str,
}

/// One line that is not as the format wants it.
///
/// The text of the line is left out on purpose: it may be a secret.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Error)]
#[error("line {line} {message}")]
pub struct LineProblem {
    /// Number of the line, from 1.
    pub line: usize,
    /// What is wrong with it, to be read after "line 3".
    pub message: String,
}

/// Some lines of a text could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{}", join(.problems))]
pub struct ParseError {
    problems: Vec<LineProblem>,
}

/// What was read from a text: the secrets, and the line that each stands on.
#[derive(Clone, Debug, Default)]
pub struct ParsedSecrets {
    secrets: Secrets,
    lines: BTreeMap<SecretName, usize>,
}

/// Writes secrets in a format, sorted by name, with a newline at the end.
///
/// # Errors
///
/// When the format's consumer could not read a value back unchanged, which no generated value
/// causes: a NUL in an env file, some mixtures of quotes and backslashes for `gh`.
///
/// ```
/// use dify_infra_core::secrets::{Format, SecretKind, Secrets, render};
/// use secrecy::ExposeSecret;
///
/// let mut secrets = Secrets::new();
/// secrets.insert(SecretKind::SandboxApiKey, "abc".into());
/// assert_eq!(render(&secrets, Format::Env)?.expose_secret(), "SANDBOX_API_KEY=abc\n");
/// # Ok::<(), dify_infra_core::secrets::RenderError>(())
/// ```
pub fn render(secrets: &Secrets, format: Format) -> Result<SecretString, RenderError> {
    render_with(secrets, format, &RenderOptions::default())
}

/// Writes secrets as [`render`] does, with choices.
///
/// # Errors
///
/// As [`render`].
pub fn render_with(
    secrets: &Secrets,
    format: Format,
    options: &RenderOptions,
) -> Result<SecretString, RenderError> {
    let mut text = match format {
        Format::Json => return Ok(json::render(secrets).into()),
        Format::Bicepparam => bicepparam::using(options.bicep_template.as_deref()),
        Format::Env | Format::Toml | Format::Github => String::new(),
    };
    for (name, value) in secrets.iter() {
        let value = value.expose_secret();
        let line = match format {
            Format::Env => env::line(name, value),
            Format::Github => github::line(name, value),
            Format::Bicepparam => Ok(bicepparam::line(name, value)),
            Format::Toml | Format::Json => Ok(toml::line(name, value)),
        };
        text += &line.map_err(|reason| RenderError {
            name: name.clone(),
            format,
            reason,
        })?;
        text.push('\n');
    }
    Ok(text.into())
}

/// Reads secrets.
///
/// # Errors
///
/// When any line is not as the format wants it, or a name appears twice; all such lines are told.
///
/// ```
/// use dify_infra_core::secrets::{Format, parse};
///
/// let error = parse("SECRET_KEY\nexport A=1\n-\n", Format::Env).unwrap_err();
/// assert_eq!(error.problems().len(), 2);
/// assert_eq!(error.problems()[1].line, 3);
/// ```
pub fn parse(text: &str, format: Format) -> Result<ParsedSecrets, ParseError> {
    let (parsed, problems) = parse_leniently(text, format);
    if problems.is_empty() {
        Ok(parsed)
    } else {
        Err(ParseError { problems })
    }
}

/// Reads what can be read, and says which lines could not: for tools that report everything at once.
pub fn parse_leniently(text: &str, format: Format) -> (ParsedSecrets, Vec<LineProblem>) {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = Reader::default();
    match format {
        Format::Env => env::read(text, &mut reader),
        Format::Json => json::read(text, &mut reader),
        Format::Toml => toml::read(text, &mut reader),
        Format::Bicepparam => bicepparam::read(text, &mut reader),
        Format::Github => github::read(text, &mut reader),
    }
    reader.problems.sort();
    (reader.parsed, reader.problems)
}

/// What the readers of the formats fill.
#[derive(Default)]
struct Reader {
    parsed: ParsedSecrets,
    problems: Vec<LineProblem>,
}

impl Reader {
    fn problem(&mut self, line: usize, message: impl Into<String>) {
        self.problems.push(LineProblem {
            line,
            message: message.into(),
        });
    }

    fn secret(&mut self, line: usize, name: Result<SecretName, SecretNameError>, value: &str) {
        let Ok(name) = name else {
            return self.problem(line, "has a name that is none of a secret");
        };
        if let Some(first) = self.parsed.lines.get(&name) {
            return self.problem(line, format!("sets {name} again, after line {first}"));
        }
        self.parsed.lines.insert(name.clone(), line);
        self.parsed.secrets.insert(name, value.into());
    }
}

impl ParsedSecrets {
    /// The secrets that were read.
    pub fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    /// The secrets alone.
    pub fn into_secrets(self) -> Secrets {
        self.secrets
    }

    /// The line, from 1, on which a secret stands.
    pub fn line(&self, name: &SecretName) -> Option<usize> {
        self.lines.get(name).copied()
    }
}

impl ParseError {
    /// All lines that could not be read, in order.
    pub fn problems(&self) -> &[LineProblem] {
        &self.problems
    }
}

fn join(problems: &[LineProblem]) -> String {
    problems
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("; ")
}

/// Whether a text is the `.env` of a compose project that was rendered from a secrets file: it is read
/// with the secrets' own names, and changed by rendering it anew.
pub fn is_compose_env(text: &str) -> bool {
    env::is_compose(text)
}

impl Format {
    /// Every format.
    pub const ALL: &'static [Self] = &[
        Self::Env,
        Self::Json,
        Self::Toml,
        Self::Bicepparam,
        Self::Github,
    ];

    /// Name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Env => "env",
            Self::Json => "json",
            Self::Toml => "toml",
            Self::Bicepparam => "bicepparam",
            Self::Github => "github",
        }
    }

    /// The format of a file by its name and, where that says nothing, by its first line.
    ///
    /// ```
    /// use dify_infra_core::secrets::Format;
    ///
    /// assert_eq!(Format::detect("dify.secrets.json", ""), Format::Json);
    /// assert_eq!(Format::detect("-", "{\"A\": \"b\"}"), Format::Json);
    /// assert_eq!(Format::detect("-", "A = \"b\""), Format::Toml);
    /// assert_eq!(Format::detect("docker/.env", "A=b"), Format::Env);
    /// ```
    pub fn detect(file: &str, text: &str) -> Self {
        let extension = file
            .rsplit_once('.')
            .map(|(_, extension)| extension.to_ascii_lowercase());
        match extension.as_deref() {
            Some("json") => Self::Json,
            Some("toml") => Self::Toml,
            Some("bicepparam") => Self::Bicepparam,
            _ => Self::of_text(text),
        }
    }

    /// The format of a text whose name says nothing, by its first line that is no comment.
    fn of_text(text: &str) -> Self {
        let text = text.trim_start_matches('\u{feff}');
        let is_comment = |line: &&str| line.is_empty() || line.starts_with(['#', '/']);
        let mut lines = text.lines().map(str::trim).skip_while(is_comment);
        let first = lines.next().unwrap_or_default();
        if first.starts_with('{') {
            Self::Json
        } else if first.starts_with("using ") || first.starts_with("param ") {
            Self::Bicepparam
        } else if first.split_once(" = ").is_some_and(|(key, value)| {
            !key.contains(char::is_whitespace) && value.starts_with(['"', '\''])
        }) {
            Self::Toml
        } else {
            Self::Env
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl FromStr for Format {
    type Err = UnknownFormatError;

    /// Reads [`Format::name`].
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let format = Self::ALL
            .iter()
            .copied()
            .find(|format| format.name() == text);
        format.ok_or(UnknownFormatError(()))
    }
}

#[cfg(test)]
mod tests;
