//! The region of a deployment.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use super::alphabet::Alphabet;
use super::error::InvalidName;
use super::rule::NameRule;
use crate::values::text::{json_schema, text_value};

/// A region of Azure, such as `japaneast`.
///
/// Azure takes and answers both `japaneast` and `Japan East`: case and blanks don't count.
///
/// ```
/// use dify_infra_core::names::Location;
///
/// let location = Location::parse("Japan East")?;
/// assert_eq!(location.as_str(), "japaneast");
/// assert_eq!(location.written(), "Japan East");
/// assert_eq!(location, Location::parse("japaneast")?);
/// # Ok::<(), dify_infra_core::names::InvalidName>(())
/// ```
#[derive(Debug, Clone)]
pub struct Location {
    normalised: Box<str>,
    written: Box<str>,
}

impl Location {
    /// The rule of the text as it is written.
    pub const RULE: &'static NameRule = &NameRule {
        what: "location",
        text: "2 to 64 letters, digits and blanks, starting with a letter: the name of an Azure \
               region such as \"japaneast\" or \"Japan East\"",
        minimum: 2,
        maximum: 64,
        unique_in: "-",
        source: "learn.microsoft.com regions list; comparison: resource-name-rules",
        first: Alphabet::LETTER,
        last: Alphabet::ALPHANUMERIC,
        ..NameRule::resource(Alphabet::ALPHANUMERIC.with(" "))
    };

    /// Checks and normalises `text`.
    ///
    /// # Errors
    ///
    /// When `text` can't be the name of a region; whether the region exists, Azure knows.
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        text.parse()
    }

    /// The form that is sent: lower case without blanks.
    pub fn as_str(&self) -> &str {
        &self.normalised
    }

    /// The form in which it was given.
    pub fn written(&self) -> &str {
        &self.written
    }
}

impl FromStr for Location {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        Self::RULE.check(text)?;
        let normalised = text.replace(' ', "").to_ascii_lowercase().into();
        Ok(Self {
            normalised,
            written: text.into(),
        })
    }
}

impl fmt::Display for Location {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.normalised)
    }
}

impl AsRef<str> for Location {
    fn as_ref(&self) -> &str {
        &self.normalised
    }
}

impl PartialEq for Location {
    fn eq(&self, other: &Self) -> bool {
        self.normalised == other.normalised
    }
}

impl Eq for Location {}

impl PartialOrd for Location {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Location {
    fn cmp(&self, other: &Self) -> Ordering {
        self.normalised.cmp(&other.normalised)
    }
}

impl Hash for Location {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.normalised.hash(state);
    }
}

text_value!(Location);
json_schema!(Location, "Location", {
    "type": "string",
    "description": "An Azure region, such as japaneast",
    "minLength": 2,
    "maxLength": 64,
    "pattern": "^[A-Za-z]([A-Za-z0-9 ]*[A-Za-z0-9])?$",
});
