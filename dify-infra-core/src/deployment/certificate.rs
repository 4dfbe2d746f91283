//! Where the certificate of the public origin comes from.

use super::IdentityOrigin;
use crate::names::KeyVaultName;
use crate::resource::ResourceId;

/// The certificate with which the front door answers under the origin's name.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Certificate {
    /// Issued and renewed by Azure.
    Managed,
    /// Kept in a key vault by its owner.
    KeyVault(VaultCertificate),
}

/// A certificate in a key vault.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct VaultCertificate {
    /// The vault.
    pub vault: CertificateVault,
    /// The certificate's name in it.
    pub name: String,
    /// One version of it; without one the environment follows new ones by itself.
    pub version: Option<String>,
    /// The identity of the environment that reads it.
    pub identity: IdentityOrigin,
}

/// How the file names the vault of a certificate.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum CertificateVault {
    /// By its id, in any group.
    Id(ResourceId),
    /// By its address; when a role has to be given on it, it is in the deployment's group.
    Address {
        /// The vault's host, as `my-vault.vault.azure.net`.
        host: String,
        /// The vault's name.
        name: KeyVaultName,
    },
}

/// The collections of a vault in which a certificate is found: a secret of its name holds it with its
/// key (<https://learn.microsoft.com/azure/key-vault/certificates/about-certificates>).
const COLLECTIONS: [&str; 2] = ["certificates", "secrets"];

/// What is wrong with the text of a certificate, as "what is wrong; what to write".
const SHAPE: &str = "it is neither \"managed\" nor a certificate of a key vault; write \"managed\", \
    \"https://<vault>.vault.azure.net/certificates/<name>\" or \
    \"/subscriptions/.../Microsoft.KeyVault/vaults/<vault>/certificates/<name>\"";

impl VaultCertificate {
    /// Reads an address or an id.
    pub(super) fn parse(text: &str, identity: IdentityOrigin) -> Result<Self, String> {
        let refuse = || Err(format!("{text:?} can't be used: {SHAPE}"));
        let (vault, path) = if let Some(rest) = text.strip_prefix("https://") {
            let Some((host, path)) = rest.split_once('/') else {
                return refuse();
            };
            match address(host) {
                Ok(vault) => (vault, path),
                Err(()) => return refuse(),
            }
        } else {
            let Some((vault, path)) = split_id(text) else {
                return refuse();
            };
            (CertificateVault::Id(vault), path)
        };
        let parts: Vec<&str> = path.trim_end_matches('/').split('/').collect();
        let (collection, name, version) = match parts.as_slice() {
            [collection, name] => (*collection, *name, None),
            [collection, name, version] => (*collection, *name, Some(*version)),
            _ => return refuse(),
        };
        let is_word = |word: &str| {
            !word.is_empty()
                && word.len() <= 127
                && word
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        };
        if !COLLECTIONS.contains(&collection) || !is_word(name) || !version.is_none_or(is_word) {
            return refuse();
        }
        Ok(Self {
            vault,
            name: name.to_owned(),
            version: version.map(str::to_owned),
            identity,
        })
    }
}

/// A vault by its host. The suffix differs between clouds: `vault.azure.net`, `vault.azure.cn`,
/// `vault.usgovcloudapi.net`.
fn address(host: &str) -> Result<CertificateVault, ()> {
    let host = host.to_ascii_lowercase();
    let (name, suffix) = host.split_once('.').ok_or(())?;
    if !suffix.starts_with("vault.") {
        return Err(());
    }
    let name = name.parse().map_err(|_| ())?;
    Ok(CertificateVault::Address { host, name })
}

/// A vault's id and what follows it.
fn split_id(text: &str) -> Option<(ResourceId, &str)> {
    const MARK: &str = "/providers/microsoft.keyvault/vaults/";
    let start = text.to_ascii_lowercase().find(MARK)? + MARK.len();
    let slash = text.get(start..)?.find('/')? + start;
    let id = ResourceId::parse(text.get(..slash)?).ok()?;
    Some((id, text.get(slash + 1..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<VaultCertificate, String> {
        VaultCertificate::parse(text, IdentityOrigin::Managed)
    }

    #[test]
    fn an_address_and_an_id_are_read_with_and_without_version() {
        let found = parse("https://My-Vault.vault.azure.net/certificates/dify/0a1b").unwrap();
        assert_eq!(
            (found.name.as_str(), found.version.as_deref()),
            ("dify", Some("0a1b"))
        );
        let expected = CertificateVault::Address {
            host: "my-vault.vault.azure.net".to_owned(),
            name: "my-vault".parse().unwrap(),
        };
        assert_eq!(found.vault, expected);
        let vault = "/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/vaults/v-one";
        let found = parse(&format!("{vault}/secrets/dify")).unwrap();
        assert_eq!(
            found.vault,
            CertificateVault::Id(ResourceId::parse(vault).unwrap())
        );
        assert_eq!(found.version, None);
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "manged",
            "https://dify.example.com/certificates/dify",
            "https://my-vault.vault.azure.net/keys/dify",
            "https://my-vault.vault.azure.net/certificates/",
            "https://my-vault.vault.azure.net/certificates/a/b/c",
            "/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/vaults/v",
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains("; write \"managed\""), "{error}");
        }
    }
}
