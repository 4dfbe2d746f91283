//! The rule of a name as data: one table serves the checks, the errors, the schema and the docs.

use std::borrow::Cow;

use super::alphabet::Alphabet;
use super::error::{InvalidName, Problem};

/// How two names of one kind are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Case {
    /// `Dify` and `dify` are two names.
    Sensitive,
    /// `Dify` and `dify` are one name, which Azure may answer in either form.
    Insensitive,
}

/// What Azure, or this project, demands of one kind of name.
#[derive(Debug, Clone, Copy)]
pub struct NameRule {
    pub(super) what: &'static str,
    pub(super) text: &'static str,
    pub(super) minimum: usize,
    pub(super) maximum: usize,
    pub(super) unique_in: &'static str,
    pub(super) resource_type: Option<&'static str>,
    pub(super) source: &'static str,
    pub(super) case: Case,
    pub(super) first: Alphabet,
    pub(super) inner: Alphabet,
    pub(super) last: Alphabet,
    pub(super) forbidden: &'static [&'static str],
    /// What characters and lengths can't express.
    pub(super) also: Option<fn(&str) -> Option<Problem>>,
}

impl NameRule {
    /// A start for rules of names that are compared exactly; `inner` fills every position.
    pub(super) const fn exact(inner: Alphabet) -> Self {
        Self {
            what: "",
            text: "",
            minimum: 1,
            maximum: 1,
            unique_in: "",
            resource_type: None,
            source: "",
            case: Case::Sensitive,
            first: inner,
            inner,
            last: inner,
            forbidden: &[],
            also: None,
        }
    }

    /// A start for rules of Azure resources, whose names are compared without their case.
    pub(super) const fn resource(inner: Alphabet) -> Self {
        Self {
            case: Case::Insensitive,
            ..Self::exact(inner)
        }
    }

    /// A start for names of lower-case letters, digits and single hyphens, a letter in front.
    pub(super) const fn lower_hyphenated() -> Self {
        Self {
            first: Alphabet::LOWER,
            last: Alphabet::LOWER_OR_DIGIT,
            forbidden: &["--"],
            ..Self::resource(Alphabet::LOWER_OR_DIGIT.with("-"))
        }
    }

    /// A start for names of letters, digits and single hyphens, with none of these at the ends.
    pub(super) const fn hyphenated() -> Self {
        Self {
            first: Alphabet::ALPHANUMERIC,
            last: Alphabet::ALPHANUMERIC,
            forbidden: &["--"],
            ..Self::resource(Alphabet::ALPHANUMERIC.with("-"))
        }
    }

    /// What is named: "container app name".
    pub const fn what(&self) -> &'static str {
        self.what
    }

    /// The rule in words, as it follows "use".
    pub const fn text(&self) -> &'static str {
        self.text
    }

    /// The fewest characters.
    pub const fn minimum(&self) -> usize {
        self.minimum
    }

    /// The most characters.
    pub const fn maximum(&self) -> usize {
        self.maximum
    }

    /// Where no two may share a name: "resource group", "all of Azure".
    pub const fn unique_in(&self) -> &'static str {
        self.unique_in
    }

    /// The ARM type that bears the name, such as `Microsoft.App/containerApps`.
    pub const fn resource_type(&self) -> Option<&'static str> {
        self.resource_type
    }

    /// Who says so.
    pub const fn source(&self) -> &'static str {
        self.source
    }

    /// How two such names are compared.
    pub const fn case(&self) -> Case {
        self.case
    }

    /// Whether `character` may stand inside such a name.
    pub fn allows(&self, character: char) -> bool {
        self.inner.contains(character)
    }

    /// Checks a text against the rule.
    ///
    /// # Errors
    ///
    /// When a character, a pair of characters, the beginning, the end or the length breaks the
    /// rule; the error names the first that does.
    pub fn check(&'static self, text: &str) -> Result<(), InvalidName> {
        let problem = self
            .wrong_character(text)
            .or_else(|| self.wrong_end(text))
            .or_else(|| self.wrong_sequence(text))
            .or_else(|| self.wrong_length(text))
            .or_else(|| self.also.and_then(|also| also(text)));
        match problem {
            Some(problem) => Err(InvalidName::new(self, text, problem)),
            None => Ok(()),
        }
    }

    /// The rule as a regular expression for editors; none when it goes beyond ASCII.
    ///
    /// Lengths are left to `minLength` and `maxLength`.
    pub fn pattern(&self) -> Option<String> {
        let (first, inner, last) = (
            self.first.pattern()?,
            self.inner.pattern()?,
            self.last.pattern()?,
        );
        let escaped: Vec<_> = self
            .forbidden
            .iter()
            .map(|text| text.replace('.', r"\."))
            .collect();
        let ahead = match escaped.as_slice() {
            [] => String::new(),
            some => format!("(?!.*({}))", some.join("|")),
        };
        Some(format!("^{ahead}{first}({inner}*{last})?$"))
    }

    /// The form in which two names of this rule are compared.
    pub(super) fn folded<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if self.case == Case::Insensitive && text.chars().any(char::is_uppercase) {
            Cow::Owned(text.to_lowercase())
        } else {
            Cow::Borrowed(text)
        }
    }

    fn wrong_character(&self, text: &str) -> Option<Problem> {
        let (index, character) = text
            .chars()
            .enumerate()
            .find(|(_, character)| !self.allows(*character))?;
        let position = index + 1;
        Some(if self.allows(character.to_ascii_lowercase()) {
            Problem::UpperCase {
                character,
                position,
            }
        } else {
            Problem::Character {
                character,
                position,
            }
        })
    }

    fn wrong_end(&self, text: &str) -> Option<Problem> {
        let (first, last) = (text.chars().next()?, text.chars().next_back()?);
        if !self.first.contains(first) {
            Some(Problem::Start { character: first })
        } else if !self.last.contains(last) {
            Some(Problem::End {
                character: last,
                position: text.chars().count(),
            })
        } else {
            None
        }
    }

    fn wrong_sequence(&self, text: &str) -> Option<Problem> {
        let folded = self.folded(text);
        self.forbidden.iter().find_map(|sequence| {
            let start = folded.find(sequence)?;
            let position = folded[..start].chars().count() + 1;
            Some(Problem::Sequence { sequence, position })
        })
    }

    fn wrong_length(&self, text: &str) -> Option<Problem> {
        let length = text.chars().count();
        if length >= self.minimum && length <= self.maximum {
            None
        } else if length == 0 {
            Some(Problem::Empty)
        } else if length < self.minimum {
            Some(Problem::TooShort {
                length,
                minimum: self.minimum,
            })
        } else {
            Some(Problem::TooLong {
                length,
                maximum: self.maximum,
            })
        }
    }
}
