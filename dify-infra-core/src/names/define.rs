//! The macro that turns a list of rules into a list of types.

use std::fmt;
use std::str::FromStr;

use super::error::InvalidName;
use super::rule::NameRule;

/// A text that keeps the rule of one kind of name.
///
/// For code that works with any of them, such as [`compose`](super::compose()).
pub trait Name: FromStr<Err = InvalidName> + AsRef<str> + fmt::Display {
    /// The rule that every value keeps.
    const RULE: &'static NameRule;
}

/// Defines one type per rule, and `RULES` with all of them.
macro_rules! names {
    ($($(#[$meta:meta])* $name:ident => $rule:expr;)+) => {
        /// The rules of this module, in the order of their definition.
        pub(super) const RULES: &[&$crate::names::rule::NameRule] =
            &[$(<$name as $crate::names::Name>::RULE),+];

        $($crate::names::define::name! { $(#[$meta])* $name => $rule })+
    };
}

/// Defines the type of one rule.
macro_rules! name {
    ($(#[$meta:meta])* $name:ident => $rule:expr) => {
        $(#[$meta])*
        ///
        /// Its rule, its length and who says so: [`Name::RULE`](crate::names::Name::RULE).
        #[derive(Debug, Clone)]
        pub struct $name(Box<str>);

        impl $name {
            /// Checks `text` against the rule.
            ///
            /// # Errors
            ///
            /// When `text` breaks the rule; the error says where and states the rule.
            pub fn parse(text: &str) -> Result<Self, $crate::names::InvalidName> {
                text.parse()
            }

            /// The name as it was written.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The form in which two names are compared.
            fn folded(&self) -> std::borrow::Cow<'_, str> {
                <Self as $crate::names::Name>::RULE.folded(&self.0)
            }
        }

        impl $crate::names::Name for $name {
            const RULE: &'static $crate::names::rule::NameRule = &$rule;
        }

        impl std::str::FromStr for $name {
            type Err = $crate::names::InvalidName;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                <Self as $crate::names::Name>::RULE.check(text)?;
                Ok(Self(text.into()))
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.pad(&self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                self.folded() == other.folded()
            }
        }

        impl Eq for $name {}

        impl PartialOrd for $name {
            fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
                Some(self.cmp(other))
            }
        }

        impl Ord for $name {
            fn cmp(&self, other: &Self) -> std::cmp::Ordering {
                self.folded().cmp(&other.folded())
            }
        }

        impl std::hash::Hash for $name {
            fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
                self.folded().hash(state);
            }
        }

        $crate::values::text::text_value!($name);

        #[cfg(feature = "schema")]
        impl schemars::JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                <Self as $crate::names::Name>::RULE.json_schema()
            }
        }
    };
}

pub(super) use {name, names};

#[cfg(feature = "schema")]
impl NameRule {
    /// The rule as a JSON Schema.
    pub(super) fn json_schema(&self) -> schemars::Schema {
        let mut schema = schemars::json_schema!({
            "type": "string",
            "description": format!("{}: {}", self.what(), self.text()),
            "minLength": self.minimum(),
            "maxLength": self.maximum(),
        });
        if let Some(pattern) = self.pattern() {
            schema.insert("pattern".to_owned(), pattern.into());
        }
        schema
    }
}
