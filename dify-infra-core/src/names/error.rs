//! The one error of all names.

use std::fmt;

use super::rule::NameRule;
use crate::values::text::{count, quoted, with_article};

/// A text that breaks the rule of the name it was meant to be.
///
/// Its `Display` is a sentence that says what is wrong, where, and what to use instead.
///
/// ```
/// use dify_infra_core::names::ContainerAppName;
///
/// let error = ContainerAppName::parse("dify_dev").unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "\"dify_dev\" is not a container app name: '_' at position 5 is not allowed; use 2 to 32 \
///      lower-case letters, digits and '-', starting with a letter, ending with a letter or \
///      digit, without '--'"
/// );
/// assert_eq!(error.position(), Some(5));
/// ```
#[derive(Debug, Clone, thiserror::Error)]
#[error("{} is not {}: {problem}; use {}", quoted(value), with_article(rule.what()), rule.text())]
pub struct InvalidName {
    rule: &'static NameRule,
    value: String,
    problem: Problem,
}

impl InvalidName {
    pub(super) fn new(rule: &'static NameRule, value: &str, problem: Problem) -> Self {
        Self {
            rule,
            value: value.to_owned(),
            problem,
        }
    }

    /// What the text was meant to be: "container app name".
    pub fn what(&self) -> &'static str {
        self.rule.what()
    }

    /// The text as it was given.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// The rule that it breaks.
    pub fn rule(&self) -> &'static NameRule {
        self.rule
    }

    /// What is wrong, in words: "'_' at position 5 is not allowed".
    pub fn reason(&self) -> String {
        self.problem.to_string()
    }

    /// Where the trouble is, counted in characters from 1; none when it is not at one place.
    pub fn position(&self) -> Option<usize> {
        match self.problem {
            Problem::Character { position, .. }
            | Problem::UpperCase { position, .. }
            | Problem::End { position, .. }
            | Problem::Sequence { position, .. } => Some(position),
            Problem::Start { .. } => Some(1),
            Problem::Empty
            | Problem::TooShort { .. }
            | Problem::TooLong { .. }
            | Problem::Because(_) => None,
        }
    }
}

/// What is wrong with a name.
#[derive(Debug, Clone)]
pub(super) enum Problem {
    Empty,
    TooShort {
        length: usize,
        minimum: usize,
    },
    TooLong {
        length: usize,
        maximum: usize,
    },
    Character {
        character: char,
        position: usize,
    },
    UpperCase {
        character: char,
        position: usize,
    },
    Start {
        character: char,
    },
    End {
        character: char,
        position: usize,
    },
    Sequence {
        sequence: &'static str,
        position: usize,
    },
    Because(String),
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => formatter.write_str("it is empty"),
            Self::TooShort { length, minimum } => {
                write!(
                    formatter,
                    "it has {}, at least {minimum} needed",
                    count(*length, "character")
                )
            }
            Self::TooLong { length, maximum } => {
                let excess = length - maximum;
                write!(
                    formatter,
                    "it has {}, {excess} too many",
                    count(*length, "character")
                )
            }
            Self::Character {
                character,
                position,
            } => {
                write!(
                    formatter,
                    "{character:?} at position {position} is not allowed"
                )
            }
            Self::UpperCase {
                character,
                position,
            } => {
                write!(
                    formatter,
                    "{character:?} at position {position} is upper case"
                )
            }
            Self::Start { character } => write!(formatter, "it starts with {character:?}"),
            Self::End { character, .. } => write!(formatter, "it ends with {character:?}"),
            Self::Sequence { sequence, position } => {
                write!(
                    formatter,
                    "'{sequence}' at position {position} is not allowed"
                )
            }
            Self::Because(reason) => formatter.write_str(reason),
        }
    }
}
