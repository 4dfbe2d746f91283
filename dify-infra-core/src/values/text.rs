//! What every type that is written as text shares: conversions, serde, and how a value is quoted.

/// Characters of a refused value that an error repeats; a pasted file must not fill the terminal.
const SHOWN_CHARACTERS: usize = 80;

/// Quotes a refused value for an error: control characters escaped, long values cut.
pub(crate) fn quoted(text: &str) -> String {
    match text.char_indices().nth(SHOWN_CHARACTERS) {
        Some((end, _)) => format!("{:?}...", &text[..end]),
        None => format!("{text:?}"),
    }
}

/// Puts "a" or "an" before a noun of this crate.
pub(crate) fn with_article(noun: &str) -> String {
    let vowel = noun.starts_with(['a', 'e', 'i', 'o']) || noun.starts_with("HTTP");
    format!("{} {noun}", if vowel { "an" } else { "a" })
}

/// Counts things in words: "1 character", "2 characters".
pub(crate) fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// Derives the conversions and serde of a type from its `FromStr` and `Display`.
macro_rules! text_value {
    ($type:ty) => {
        impl TryFrom<&str> for $type {
            type Error = <$type as std::str::FromStr>::Err;

            fn try_from(text: &str) -> Result<Self, Self::Error> {
                text.parse()
            }
        }

        impl TryFrom<String> for $type {
            type Error = <$type as std::str::FromStr>::Err;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                text.parse()
            }
        }

        impl From<$type> for String {
            fn from(value: $type) -> Self {
                value.to_string()
            }
        }

        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <String as serde::Deserialize>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

/// Describes a type in the JSON Schema of the deployment file.
macro_rules! json_schema {
    ($type:ty, $name:literal, $($schema:tt)+) => {
        #[cfg(feature = "schema")]
        impl schemars::JsonSchema for $type {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                $name.into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!($($schema)+)
            }
        }
    };
}

pub(crate) use {json_schema, text_value};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_long_and_hostile_values_harmlessly() {
        assert_eq!(quoted("dify"), "\"dify\"");
        assert_eq!(quoted("\u{1b}[2J"), "\"\\u{1b}[2J\"");
        assert_eq!(
            quoted(&"開".repeat(200)),
            format!("\"{}\"...", "開".repeat(80))
        );
    }

    #[test]
    fn chooses_the_article_by_sound() {
        assert_eq!(with_article("app secret name"), "an app secret name");
        assert_eq!(with_article("HTTP URL"), "an HTTP URL");
        assert_eq!(with_article("port"), "a port");
    }
}
