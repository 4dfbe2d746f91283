//! A name of one's own on the front door: certificates of the environment, and the name on the app.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{ResourceId, Text};

/// A certificate that the environment reads from a key vault.
///
/// Without a version in its address the environment follows new versions by itself, within 12 hours
/// (<https://learn.microsoft.com/azure/container-apps/key-vault-certificates-manage>).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Certificate {
    /// The certificate's id, below the environment.
    #[serde(skip)]
    pub id: ResourceId,
    /// What must be finished first: the role of the identity that reads the vault.
    #[serde(skip)]
    pub after: Vec<ResourceId>,
    /// Azure region.
    pub location: String,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// What is managed of its properties.
    pub properties: CertificateProperties,
}

/// The managed properties of a [`Certificate`].
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CertificateProperties {
    /// Where the vault has it.
    pub certificate_key_vault_properties: CertificateSource,
}

/// Where a vault has a [`Certificate`].
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CertificateSource {
    /// The id of an identity of the environment that may read it.
    pub identity: String,
    /// The address of the secret that holds the certificate with its key.
    pub key_vault_url: Text,
}

/// A certificate that Azure has issued for a name, and renews.
///
/// The name must be on an app of the environment before (`RequireCustomHostnameInEnvironment`), so
/// making one puts it there without a certificate first.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ManagedCertificate {
    /// The certificate's id, below the environment.
    #[serde(skip)]
    pub id: ResourceId,
    /// The app that has the name, which must be there first.
    #[serde(skip)]
    pub after: Vec<ResourceId>,
    /// Azure region.
    pub location: String,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// What is managed of its properties.
    pub properties: ManagedCertificateProperties,
}

/// The managed properties of a [`ManagedCertificate`]; none can be changed later.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ManagedCertificateProperties {
    /// The name.
    pub subject_name: String,
    /// How Azure's authority sees who owns the name: `CNAME` for one that is an alias of the app,
    /// `HTTP` for one with an address, as the apex of a domain has
    /// (<https://learn.microsoft.com/azure/container-apps/custom-domains-managed-certificates>).
    /// What DNS has decides when the certificate is made.
    pub domain_control_validation: String,
}

/// A name of one's own on an app, with its certificate.
///
/// It is not a resource of Azure: it is an item of the app's `customDomains`, present when the app
/// has it, and written with a PATCH of that list alone, as Microsoft's own client does
/// (Azure/azure-cli containerapp `custom.py`, `patch_new_custom_domain`).
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CustomDomain {
    /// `<app id>/customDomains/<name>`.
    #[serde(skip)]
    pub id: ResourceId,
    /// Whether Azure asks for the TXT record of the owner: not in an internal environment
    /// (Azure/azure-cli#29128).
    #[serde(skip)]
    pub needs_proof: bool,
    /// The name.
    pub name: String,
    /// `SniEnabled`.
    pub binding_type: String,
    /// The certificate's id.
    pub certificate_id: String,
}

resource!(Certificate, Certificate, after);
resource!(ManagedCertificate, ManagedCertificate, after);
resource!(CustomDomain, CustomDomain);
