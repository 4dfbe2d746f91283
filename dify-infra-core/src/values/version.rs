//! Releases of Dify.

use std::fmt;
use std::str::FromStr;

use super::InvalidValue;
use super::text::{json_schema, text_value};

/// A release of Dify, written and ordered as the project tags its releases.
///
/// Unlike in semantic versioning, `-fix.1` comes after the plain version. A missing third number
/// is read as 0.
///
/// ```
/// use dify_infra_core::values::DifyVersion;
///
/// let ordered = ["1.10.0-rc1", "1.10.0", "1.10.1", "1.10.1-fix.1", "1.11"];
/// let versions: Vec<DifyVersion> =
///     ordered.iter().map(|text| text.parse()).collect::<Result<_, _>>()?;
/// assert!(versions.is_sorted());
/// # Ok::<(), dify_infra_core::values::InvalidValue>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DifyVersion {
    major: u32,
    minor: u32,
    patch: u32,
    stage: Stage,
}

/// What stands behind the three numbers; the order of the variants is that of the releases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Stage {
    Beta(u32),
    ReleaseCandidate(u32),
    Release,
    Fix(u32),
}

impl DifyVersion {
    /// A plain release, in a constant.
    pub const fn new(major: u32, minor: u32, patch: u32) -> Self {
        Self {
            major,
            minor,
            patch,
            stage: Stage::Release,
        }
    }

    /// The first number.
    pub const fn major(self) -> u32 {
        self.major
    }

    /// The second number.
    pub const fn minor(self) -> u32 {
        self.minor
    }

    /// The third number.
    pub const fn patch(self) -> u32 {
        self.patch
    }

    /// Whether it came before the release of its number: a beta or a release candidate.
    pub const fn is_pre_release(self) -> bool {
        matches!(self.stage, Stage::Beta(_) | Stage::ReleaseCandidate(_))
    }
}

impl FromStr for DifyVersion {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let refuse = |reason: &str, remedy: &str| {
            InvalidValue::of_text("Dify version", text, reason, remedy)
        };
        let usual = "write it like 1.16.0, 1.10.1-fix.1 or 1.10.0-rc1";
        if let Some(rest) = text.strip_prefix(['v', 'V']) {
            return Err(refuse("it begins with 'v'", &format!("write {rest:?}")));
        }
        if text == "latest" {
            return Err(refuse("it changes by itself", usual));
        }
        let (numbers, stage) = text
            .split_once('-')
            .map_or((text, None), |(numbers, stage)| (numbers, Some(stage)));
        let stage = match stage {
            None => Some(Stage::Release),
            Some(stage) => Stage::parse(stage),
        };
        let stage =
            stage.ok_or_else(|| refuse("what follows '-' is not fix, rc or beta", usual))?;
        let parts: Option<Vec<u32>> = numbers.split('.').map(number).collect();
        match parts.as_deref() {
            Some([major, minor]) => Ok(Self {
                stage,
                ..Self::new(*major, *minor, 0)
            }),
            Some([major, minor, patch]) => Ok(Self {
                stage,
                ..Self::new(*major, *minor, *patch)
            }),
            _ => Err(refuse("it is not made of three numbers", usual)),
        }
    }
}

impl Stage {
    fn parse(text: &str) -> Option<Self> {
        if let Some(count) = text.strip_prefix("fix.") {
            number(count).map(Self::Fix)
        } else if let Some(count) = text.strip_prefix("rc") {
            number(count).map(Self::ReleaseCandidate)
        } else {
            number(text.strip_prefix("beta.")?).map(Self::Beta)
        }
    }
}

/// Reads a number as versions write it: no sign, no leading zero.
fn number(text: &str) -> Option<u32> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let padded = text.len() > 1 && text.starts_with('0');
    (digits && !padded).then(|| text.parse().ok()).flatten()
}

impl fmt::Display for DifyVersion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}.{}", self.major, self.minor, self.patch)?;
        match self.stage {
            Stage::Beta(count) => write!(formatter, "-beta.{count}"),
            Stage::ReleaseCandidate(count) => write!(formatter, "-rc{count}"),
            Stage::Release => Ok(()),
            Stage::Fix(count) => write!(formatter, "-fix.{count}"),
        }
    }
}

text_value!(DifyVersion);
json_schema!(DifyVersion, "DifyVersion", {
    "type": "string",
    "description": "A release of Dify, such as 1.16.0",
    "pattern": r"^[0-9]+\.[0-9]+(\.[0-9]+)?(-(fix\.|rc|beta\.)[0-9]+)?$",
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_fixes_after_and_candidates_before_their_release() {
        let ordered = [
            "0.15.3",
            "1.0.0-beta.1",
            "1.0.0-beta.2",
            "1.0.0",
            "1.9.2",
            "1.10.0-rc1",
            "1.10.0-rc2",
            "1.10.0-rc10",
            "1.10.0",
            "1.10.1",
            "1.10.1-fix.1",
            "1.10.1-fix.2",
            "1.10.1-fix.10",
            "1.10.2",
            "1.11",
            "1.17.1",
            "2.0.0",
        ];
        let versions: Vec<DifyVersion> = ordered.iter().map(|text| text.parse().unwrap()).collect();
        assert!(versions.is_sorted_by(|earlier, later| earlier < later));
    }

    #[test]
    fn prints_the_tag_of_the_release() {
        for text in ["1.16.0", "1.10.1-fix.1", "1.10.0-rc1", "1.0.0-beta.2"] {
            assert_eq!(text.parse::<DifyVersion>().unwrap().to_string(), text);
        }
        assert_eq!(
            "1.11".parse::<DifyVersion>().unwrap(),
            DifyVersion::new(1, 11, 0)
        );
        assert!(
            "1.10.0-rc1"
                .parse::<DifyVersion>()
                .unwrap()
                .is_pre_release()
        );
        assert!(
            !"1.10.1-fix.1"
                .parse::<DifyVersion>()
                .unwrap()
                .is_pre_release()
        );
    }

    #[test]
    fn refuses_what_is_no_release() {
        for text in [
            "",
            "1",
            "1.2.3.4",
            "1..3",
            "1.2.",
            "01.2.3",
            "1.2.3-",
            "1.2.3-fix",
            "1.2.3-fix1",
            "1.2.3-rc",
            "1.2.3-rc.1",
            "1.2.3+1",
            "1.2.3 ",
            "-1.2.3",
            "1.2.99999999999",
            "1.2.+3",
        ] {
            assert!(text.parse::<DifyVersion>().is_err(), "{text}");
        }
        assert_eq!(
            "v1.16.0".parse::<DifyVersion>().unwrap_err().remedy(),
            "write \"1.16.0\""
        );
        let error = "latest".parse::<DifyVersion>().unwrap_err();
        assert!(error.reason().contains("changes by itself"), "{error}");
    }
}
