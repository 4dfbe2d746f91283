//! Names of secrets: kebab case in Azure and in the deployment file, `SCREAMING_CASE` in env files.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use super::catalogue::SecretKind;

/// Longest name that both stores take: Key Vault allows 127 characters, an app secret 253.
///
/// Azure/azure-rest-api-specs `Microsoft.KeyVault` secrets.json, pattern `^[a-zA-Z0-9-]{1,127}$`.
const LONGEST: usize = 127;

/// Name of a secret, such as `sandbox-api-key`; it is also the name of the app secret in Azure.
///
/// One secret has one name: the env-file key of a catalogued secret leads to its id even where the
/// two are spelled differently.
///
/// ```
/// use dify_infra_core::secrets::SecretName;
///
/// let name = SecretName::from_env_key("SMTP_PASSWORD")?;
/// assert_eq!(name.as_str(), "smtp-password");
/// assert_eq!(name.env_key(), "SMTP_PASSWORD");
/// assert_eq!(name.camel_case(), "smtpPassword");
///
/// let inner = SecretName::from_env_key("INNER_API_KEY_FOR_PLUGIN")?;
/// assert_eq!(inner.as_str(), "inner-api-key");
/// # Ok::<(), dify_infra_core::secrets::SecretNameError>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SecretName(String);

/// A text is no name of a secret. The text itself is not repeated: it may be a misplaced value.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "a secret's name is lowercase words joined by `-` (smtp-password) or their env-file key \
     (SMTP_PASSWORD): letters and digits, a letter first, no `-` or `_` last, at most {LONGEST} characters"
)]
pub struct SecretNameError(());

impl SecretName {
    /// Reads a name in either spelling: `smtp-password` or `SMTP_PASSWORD`.
    ///
    /// # Errors
    ///
    /// When the text is neither.
    pub fn from_any(text: &str) -> Result<Self, SecretNameError> {
        text.parse().or_else(|_| Self::from_env_key(text))
    }

    /// Reads an env-file key such as `SMTP_PASSWORD`.
    ///
    /// # Errors
    ///
    /// When the key has other characters than `A-Z`, `0-9` and `_`, or begins with none of `A-Z`.
    pub fn from_env_key(key: &str) -> Result<Self, SecretNameError> {
        if key.contains(|c: char| c.is_ascii_lowercase() || c == '-') {
            return Err(SecretNameError(()));
        }
        key.to_ascii_lowercase().replace('_', "-").parse()
    }

    /// Reads the camel-case form that [`camel_case`](Self::camel_case) writes.
    ///
    /// # Errors
    ///
    /// When the text has other characters than letters, digits and `_`, or begins with a capital.
    pub fn from_camel_case(text: &str) -> Result<Self, SecretNameError> {
        if text.contains('-') {
            return Err(SecretNameError(()));
        }
        let mut kebab = String::with_capacity(text.len() + 4);
        for character in text.chars() {
            match character {
                '_' => kebab.push('-'),
                'A'..='Z' => {
                    kebab.push('-');
                    kebab.push(character.to_ascii_lowercase());
                }
                _ => kebab.push(character),
            }
        }
        kebab.parse()
    }

    /// The kebab-case name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The key of this secret in env files, JSON and TOML.
    pub fn env_key(&self) -> String {
        match self.kind() {
            Some(kind) => kind.env_key().to_owned(),
            None => self.0.to_ascii_uppercase().replace('-', "_"),
        }
    }

    /// The parameter name of this secret in Bicep; [`from_camel_case`](Self::from_camel_case)
    /// reads it back.
    pub fn camel_case(&self) -> String {
        let mut camel = String::with_capacity(self.0.len());
        let mut characters = self.0.chars().peekable();
        while let Some(character) = characters.next() {
            let next_letter = characters.peek().filter(|next| next.is_ascii_lowercase());
            match (character, next_letter) {
                ('-', Some(letter)) => {
                    camel.push(letter.to_ascii_uppercase());
                    characters.next();
                }
                ('-', None) => camel.push('_'),
                _ => camel.push(character),
            }
        }
        camel
    }

    /// The catalogue entry of this name, if dify-infra generates it.
    pub fn kind(&self) -> Option<SecretKind> {
        SecretKind::ALL
            .iter()
            .copied()
            .find(|kind| kind.id() == self.0)
    }
}

impl FromStr for SecretName {
    type Err = SecretNameError;

    /// Reads a kebab-case name.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let well_formed = text.len() <= LONGEST
            && text.starts_with(|c: char| c.is_ascii_lowercase())
            && !text.ends_with('-')
            && text.chars().all(allowed);
        if !well_formed {
            return Err(SecretNameError(()));
        }
        let key = text.to_ascii_uppercase().replace('-', "_");
        let kind = SecretKind::ALL.iter().find(|kind| kind.env_key() == key);
        Ok(Self(kind.map_or(text, |kind| kind.id()).to_owned()))
    }
}

impl From<SecretKind> for SecretName {
    fn from(kind: SecretKind) -> Self {
        Self(kind.id().to_owned())
    }
}

impl From<&Self> for SecretName {
    fn from(name: &Self) -> Self {
        name.clone()
    }
}

impl fmt::Display for SecretName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Debug for SecretName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "SecretName({})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn catalogued_env_keys_lead_to_their_ids() {
        for kind in SecretKind::ALL {
            let name = SecretName::from(*kind);
            assert_eq!(SecretName::from_env_key(kind.env_key()), Ok(name.clone()));
            assert_eq!(name.env_key(), kind.env_key());
            assert_eq!(name.kind(), Some(*kind));
        }
    }

    #[test]
    fn the_kebab_form_of_an_env_key_is_the_same_secret() {
        let name: SecretName = "inner-api-key-for-plugin".parse().unwrap();
        assert_eq!(name.as_str(), "inner-api-key");
        let name: SecretName = "dify-infra-fingerprint-key".parse().unwrap();
        assert_eq!(name.as_str(), "fingerprint-key");
    }

    #[test]
    fn refuses_what_azure_would_refuse() {
        let long = "a".repeat(128);
        for text in ["", "-a", "a-", "9a", "a.b", "a b", "ä", "a_b", &long] {
            assert!(text.parse::<SecretName>().is_err(), "{text}");
        }
        for key in ["", "_A", "A_", "9A", "A-B", "a", "Aa", "A.B"] {
            assert!(SecretName::from_env_key(key).is_err(), "{key}");
        }
    }

    #[test]
    fn the_error_does_not_repeat_the_text() {
        let error = SecretName::from_any("Hunter2=Hunter2").unwrap_err();
        assert!(!format!("{error} {error:?}").contains("Hunter2"));
    }

    proptest! {
        #[test]
        fn every_spelling_reads_back(text in "[a-z][a-z0-9-]{0,30}[a-z0-9]") {
            let name: SecretName = text.parse().unwrap();
            prop_assert_eq!(&SecretName::from_env_key(&name.env_key()).unwrap(), &name);
            prop_assert_eq!(&SecretName::from_camel_case(&name.camel_case()).unwrap(), &name);
            prop_assert_eq!(&SecretName::from_any(name.as_str()).unwrap(), &name);
        }
    }
}
