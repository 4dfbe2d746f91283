//! Fingerprints: comparing secrets without holding, storing or showing them.

use std::fmt;
use std::str::FromStr;

use data_encoding::HEXLOWER;
use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;

use super::name::SecretName;

/// Separates these fingerprints from any other use of the same key.
const DOMAIN: &str = "dify-infra secret fingerprint v1";

/// Short keyed hash of one secret value, safe to keep in a tag and to print.
///
/// It is the first 8 bytes of an HMAC-SHA256 under the deployment's own `fingerprint-key`: whoever
/// reads a tag can't test guesses without that key. `Display` shows 4 characters, for people;
/// [`as_str`](Self::as_str) all 16, for tags.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(String);

/// A text is no fingerprint.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("a secret's fingerprint is 16 lowercase hexadecimal characters")]
pub struct ParseFingerprintError(());

/// Computes the fingerprint of one value under a deployment's `fingerprint-key`.
///
/// The name takes part, so two secrets with the same value have different fingerprints and a
/// fingerprint can't be moved from one secret to another.
///
/// ```
/// use dify_infra_core::secrets::{SecretKind, fingerprint};
///
/// let key = "kept beside the secrets".into();
/// let before = fingerprint(&key, &SecretKind::SecretKey.into(), &"old".into());
/// let after = fingerprint(&key, &SecretKind::SecretKey.into(), &"new".into());
/// assert_ne!(before, after);
/// assert_eq!(before.to_string().len(), 4);
/// assert_eq!(before.as_str().len(), 16);
/// ```
pub fn fingerprint(key: &SecretString, name: &SecretName, value: &SecretString) -> Fingerprint {
    let mut mac = hmac_sha256::HMAC::new(key.expose_secret().as_bytes());
    // A name holds no NUL, so the three parts can't run into each other.
    for part in [DOMAIN, "\0", name.as_str(), "\0", value.expose_secret()] {
        mac.update(part.as_bytes());
    }
    Fingerprint(HEXLOWER.encode(&mac.finalize()[..8]))
}

impl Fingerprint {
    /// All 16 hexadecimal characters.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Fingerprint {
    type Err = ParseFingerprintError;

    /// Reads the 16 characters of [`Fingerprint::as_str`].
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match HEXLOWER.decode(text.as_bytes()) {
            Ok(bytes) if bytes.len() == 8 => Ok(Self(text.to_owned())),
            _ => Err(ParseFingerprintError(())),
        }
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0[..4])
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Fingerprint({})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secrets::SecretKind;

    fn of(key: &str, kind: SecretKind, value: &str) -> Fingerprint {
        fingerprint(&key.into(), &kind.into(), &value.into())
    }

    #[test]
    fn depends_on_key_name_and_value() {
        let base = of("key", SecretKind::SecretKey, "value");
        assert_eq!(base, of("key", SecretKind::SecretKey, "value"));
        assert_ne!(base, of("kez", SecretKind::SecretKey, "value"));
        assert_ne!(base, of("key", SecretKind::InitPassword, "value"));
        assert_ne!(base, of("key", SecretKind::SecretKey, "valuf"));
    }

    #[test]
    fn is_the_value_that_another_hmac_computes() {
        // printf 'dify-infra secret fingerprint v1\0secret-key\0value' | openssl dgst -sha256 -hmac key
        assert_eq!(
            of("key", SecretKind::SecretKey, "value").as_str(),
            "110182e26984faad"
        );
    }

    #[test]
    fn reads_back_from_a_tag() {
        let base = of("key", SecretKind::SecretKey, "value");
        assert_eq!(base.as_str().parse(), Ok(base.clone()));
        for text in [
            "",
            "a1b2",
            "A1B2C3D4E5F60718",
            "a1b2c3d4e5f6071g",
            "a1b2c3d4e5f607180",
        ] {
            assert!(text.parse::<Fingerprint>().is_err(), "{text}");
        }
    }
}
