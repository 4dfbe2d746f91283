//! One environment variable that an image reads.

use std::sync::Arc;

use serde::Deserialize;

use super::version::Version;

/// What a variable's value must look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum VariableType {
    /// Any text.
    #[default]
    String,
    /// A whole number.
    Integer,
    /// A number.
    Float,
    /// Yes or no; which spellings count depends on the image.
    Boolean,
    /// One of [`Variable::allowed`].
    Enumeration,
    /// An absolute URL, `scheme://host[:port][/path]`.
    Url,
    /// Texts separated by commas.
    List,
    /// Whole numbers separated by commas.
    IntegerList,
    /// A Go duration such as `30m` or `1h30m`.
    Duration,
    /// A JSON document.
    Json,
}

/// An environment variable that an image reads.
#[derive(Debug, Clone, PartialEq)]
pub struct Variable {
    /// The name.
    pub name: String,
    /// What its value must look like.
    pub kind: VariableType,
    /// The value the image uses when the variable is unset; `None` for none, or for one that the
    /// image computes.
    pub default: Option<String>,
    /// The values of an enumeration. For another kind these are the values known to work, and
    /// [`Variable::check_value`] enforces them for booleans alone.
    pub allowed: Vec<String>,
    /// Whether the value is a secret.
    pub secret: bool,
    /// Whether a deployment on Azure does not work without it.
    pub required: bool,
    /// When it is required, in words, such as `always` or `VECTOR_STORE=pgvector`.
    pub required_when: Option<String>,
    /// The first version of the image that reads it; `None` for all offered ones.
    pub since: Option<Version>,
    /// The last version of the image that reads it; `None` while it is still read.
    pub until: Option<Version>,
    /// Other names the image reads for the same setting.
    pub aliases: Vec<Alias>,
    /// The default of older images, where carrying it along breaks a newer one.
    pub former_default: Option<FormerDefault>,
    /// What it does, in a line.
    pub meaning: String,
    pub(super) format: Format,
}

/// A default that later images don't have any more, and can't work with.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FormerDefault {
    /// The value.
    pub value: String,
    /// The last version of the image that works with it.
    pub until: Version,
}

/// Another name for a variable.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alias {
    /// The name.
    pub name: String,
    /// The first version of the image that reads this name; `None` for all that read the variable.
    #[serde(default)]
    pub since: Option<Version>,
    /// Whether it is the name to use from then on: the variable was renamed, and its old name is still
    /// read.
    #[serde(default)]
    pub replaces: bool,
}

/// How exactly the value is written.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Format {
    /// The value must be greater than this.
    pub(super) above: Option<f64>,
    /// The value must not be less than this.
    pub(super) at_least: Option<f64>,
    /// The value must not be greater than this.
    pub(super) at_most: Option<f64>,
    /// URL schemes.
    pub(super) schemes: Vec<String>,
    /// Whether an empty value is accepted, whatever the kind.
    pub(super) empty: bool,
    /// How the image's program parses values.
    pub(super) syntax: Arc<Syntax>,
}

/// How an image's program parses values: pydantic, Go and zod differ.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Syntax {
    /// The spellings of yes and no.
    pub(super) booleans: Vec<String>,
    /// Whether those spellings may be in any case.
    pub(super) ignore_case: bool,
    /// Whether an empty value is the same as none.
    pub(super) empty_is_unset: bool,
    /// Whether a number may have spaces around it, and a whole one a fraction of zero.
    pub(super) lenient_numbers: bool,
}

impl Variable {
    /// The name to use with an image of this version: another than its own once it was renamed.
    pub fn name_at(&self, version: Version) -> &str {
        let newer = self
            .aliases
            .iter()
            .find(|it| it.replaces && it.since.is_none_or(|since| since <= version));
        newer.map_or(&self.name, |it| &it.name)
    }

    /// Whether an image of this version reads the variable by its own name.
    pub fn is_read_by(&self, version: Version) -> bool {
        self.since.is_none_or(|since| since <= version)
            && self.until.is_none_or(|until| version <= until)
    }
    /// The default of older images that a value repeats, if an image of this version can't work with it.
    pub fn carried_along(&self, value: &str, version: Version) -> Option<&FormerDefault> {
        let former = self.former_default.as_ref();
        former.filter(|it| it.value == value.trim() && it.until < version)
    }
}
