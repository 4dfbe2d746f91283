//! Versions of Dify and of the images that have version lines of their own.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

/// A version such as `1.16.0`, `1.10.1-fix.1`, `1.10.0-rc1` or the tag `0.6.10-local`.
///
/// Ordered as upstream releases follow each other: a release candidate comes before its release,
/// a fix after it. The flavour of a plugin daemon tag (`-local`, `-serverless`) says how an image
/// was built, not when, and is not part of the version.
///
/// ```
/// use dify_infra_core::catalogue::Version;
///
/// let version = |text: &str| text.parse::<Version>();
/// assert!(version("1.10.0-rc1")? < version("1.10.0")?);
/// assert!(version("1.10.1")? < version("1.10.1-fix.1")?);
/// assert_eq!(version("0.6.10-local")?, version("0.6.10")?);
/// # Ok::<(), dify_infra_core::catalogue::InvalidVersion>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct Version {
    numbers: [u32; 3],
    stage: Stage,
}

/// The order of the variants is the order of publication.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Stage {
    Candidate(u32),
    Final,
    Fix(u32),
}

impl Version {
    /// A final version, without suffix.
    pub const fn new(major: u32, minor: u32, patch: u32) -> Self {
        Self {
            numbers: [major, minor, patch],
            stage: Stage::Final,
        }
    }
}

impl FromStr for Version {
    type Err = InvalidVersion;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text).ok_or_else(|| InvalidVersion {
            given: text.to_owned(),
        })
    }
}

impl TryFrom<String> for Version {
    type Error = InvalidVersion;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [major, minor, patch] = self.numbers;
        write!(formatter, "{major}.{minor}.{patch}")?;
        match self.stage {
            Stage::Candidate(number) => write!(formatter, "-rc{number}"),
            Stage::Final => Ok(()),
            Stage::Fix(number) => write!(formatter, "-fix.{number}"),
        }
    }
}

/// A text that is not a version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` is not a version; write it like 1.16.0, 1.10.1-fix.1 or 1.10.0-rc1")]
pub struct InvalidVersion {
    /// The text.
    pub given: String,
}

fn parse(text: &str) -> Option<Version> {
    let text = ["-local", "-serverless"]
        .into_iter()
        .find_map(|flavour| text.strip_suffix(flavour))
        .unwrap_or(text);
    let (numbers, stage) = match text.split_once('-') {
        None => (text, Stage::Final),
        Some((numbers, suffix)) => (numbers, parse_stage(suffix)?),
    };
    let mut parts = numbers.split('.').map(parse_number);
    let numbers = [parts.next()??, parts.next()??, parts.next()??];
    parts.next().is_none().then_some(Version { numbers, stage })
}

fn parse_stage(suffix: &str) -> Option<Stage> {
    let number = |prefix| suffix.strip_prefix(prefix).and_then(parse_number);
    number("fix.")
        .map(Stage::Fix)
        .or_else(|| number("rc").map(Stage::Candidate))
}

/// Digits only: `u32::from_str` would take a leading `+` as well.
fn parse_number(text: &str) -> Option<u32> {
    text.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_candidates_before_and_fixes_after_a_release() {
        let texts = [
            "0.2.12",
            "0.6.3",
            "0.6.10",
            "1.10.0-rc1",
            "1.10.0-rc2",
            "1.10.0",
        ];
        let texts = texts
            .into_iter()
            .chain(["1.10.1", "1.10.1-fix.1", "1.10.1-fix.2", "1.11.0"]);
        let versions: Vec<Version> = texts.map(|text| text.parse().unwrap()).collect();
        assert!(
            versions.is_sorted_by(|left, right| left < right),
            "{versions:?}"
        );
    }

    #[test]
    fn prints_what_it_parsed_without_the_flavour() {
        for text in ["1.16.0", "1.10.1-fix.1", "1.10.0-rc1"] {
            assert_eq!(text.parse::<Version>().unwrap().to_string(), text);
        }
        assert_eq!(
            "0.6.10-local".parse::<Version>().unwrap().to_string(),
            "0.6.10"
        );
    }

    #[test]
    fn refuses_what_is_not_a_version() {
        for text in [
            "",
            "latest",
            "1.16",
            "1.16.0.1",
            "1.16.x",
            "v1.16.0",
            "1.+6.0",
            "1.16.0-beta",
        ] {
            let error = text.parse::<Version>().unwrap_err();
            assert!(error.to_string().contains(&format!("`{text}`")), "{error}");
        }
    }
}
