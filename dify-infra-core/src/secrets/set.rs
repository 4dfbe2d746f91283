//! A set of secret values by name.

use std::collections::BTreeMap;
use std::fmt;

use secrecy::SecretString;

use super::catalogue::SecretKind;
use super::name::SecretName;

/// Secret values by name, in the order of the names.
///
/// `Debug` shows the names alone, and there is no `Serialize`: writing values out is a decision,
/// taken by calling [`render`](super::render).
///
/// ```
/// use dify_infra_core::secrets::{SecretKind, Secrets};
///
/// let mut secrets = Secrets::new();
/// secrets.insert(SecretKind::SecretKey, "not-for-production".into());
/// assert!(secrets.get(SecretKind::SecretKey).is_some());
/// assert_eq!(format!("{secrets:?}"), "Secrets[secret-key]");
/// ```
#[derive(Clone, Default)]
pub struct Secrets(BTreeMap<SecretName, SecretString>);

impl Secrets {
    /// An empty set.
    pub fn new() -> Self {
        Self::default()
    }

    /// The value of a secret, by its name or by its catalogue entry.
    pub fn get(&self, name: impl Into<SecretName>) -> Option<&SecretString> {
        self.0.get(&name.into())
    }

    /// Whether the set has a value for the name.
    pub fn contains(&self, name: impl Into<SecretName>) -> bool {
        self.0.contains_key(&name.into())
    }

    /// Sets a value and gives back the one that it replaces.
    pub fn insert(
        &mut self,
        name: impl Into<SecretName>,
        value: SecretString,
    ) -> Option<SecretString> {
        self.0.insert(name.into(), value)
    }

    /// Takes a value out.
    pub fn remove(&mut self, name: impl Into<SecretName>) -> Option<SecretString> {
        self.0.remove(&name.into())
    }

    /// All names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &SecretName> {
        self.0.keys()
    }

    /// All names with their values, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&SecretName, &SecretString)> {
        self.0.iter()
    }

    /// Number of secrets.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The generated secrets of a deployment that this set lacks, in the order of the catalogue.
    pub fn missing(&self) -> Vec<SecretKind> {
        let absent = |kind: &SecretKind| !self.contains(*kind);
        SecretKind::ALL.iter().copied().filter(absent).collect()
    }
}

impl FromIterator<(SecretName, SecretString)> for Secrets {
    fn from_iter<I: IntoIterator<Item = (SecretName, SecretString)>>(entries: I) -> Self {
        Self(entries.into_iter().collect())
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.names().map(SecretName::as_str).collect();
        write!(formatter, "Secrets[{}]", names.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_names_alone() {
        let mut secrets = Secrets::new();
        secrets.insert(SecretKind::SandboxApiKey, "canary-4711".into());
        let shown = format!("{secrets:?} {secrets:#?}");
        assert!(shown.contains("sandbox-api-key"));
        assert!(!shown.contains("canary"));
    }

    #[test]
    fn missing_lists_what_a_deployment_still_needs() {
        let mut secrets = Secrets::new();
        assert_eq!(secrets.missing(), SecretKind::ALL);
        secrets.insert(SecretKind::InitPassword, "x".into());
        assert!(!secrets.missing().contains(&SecretKind::InitPassword));
    }
}
