//! The application gateway in front of everything: its size, its firewall, its certificate.

use std::fmt;

use super::{Deployment, IdentityOrigin};
use crate::resource::ResourceId;
use crate::values::Cidr;

/// Seconds after which the ingress of Container Apps ends a request, whatever nginx and a gateway
/// allow (<https://learn.microsoft.com/azure/container-apps/ingress-overview>).
pub const INGRESS_REQUEST_SECONDS: u32 = 240;

/// Instances that a gateway of the size `WAF_v2` may have
/// (<https://learn.microsoft.com/azure/azure-resource-manager/management/azure-subscription-service-limits#azure-application-gateway-limits>).
pub(crate) const MOST_INSTANCES: u32 = 125;

/// The least number that Azure takes as the greatest of instances (Azure/bicep-types-az,
/// `ApplicationGatewayAutoscaleConfiguration.maxCapacity`).
pub(crate) const LEAST_MAXIMUM: u32 = 2;

/// KiB of a body that is no file: the bounds between which the firewall can limit it, with the
/// rule set of [`RULE_SET`] (see [`MOST_INSTANCES`] for the page).
pub(crate) const REQUEST_BODY_KIB: (u64, u64) = (8, 2000);

/// MiB of a file: the bounds between which the firewall can limit it.
pub(crate) const FILE_UPLOAD_MIB: (u64, u64) = (1, 4000);

/// The managed rule set and its version
/// (<https://learn.microsoft.com/azure/web-application-firewall/ag/application-gateway-crs-rulegroups-rules>).
pub(crate) const RULE_SET: (&str, &str) = ("Microsoft_DefaultRuleSet", "2.1");

/// The application gateway in front of the environment.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Gateway {
    /// The certificate of the origin.
    pub certificate: GatewayCertificate,
    /// Who reads the certificate.
    pub reader: CertificateReader,
    /// How many instances there are.
    pub instances: InstanceRange,
    /// Zones of instances and address, in order; fixed at creation.
    pub zones: Vec<String>,
    /// What the firewall does with what looks like an attack.
    pub mode: FirewallMode,
    /// Whether the firewall judges the values of arguments and JSON fields too.
    pub inspects_arguments: bool,
    /// Seconds for which a silent answer is waited for.
    pub request_timeout: u32,
    /// Largest body that is no upload of a file, in bytes; without it the firewall sets no bound.
    pub max_request_body: Option<u64>,
    /// Largest upload of a file, in bytes.
    pub max_file_upload: u64,
    /// The addresses of the gateway's subnet, from which it asks the environment.
    pub subnet: Cidr,
}

impl Gateway {
    /// The limit of uploads as Azure takes it: whole MiB, rounded up.
    pub fn file_upload_mebibytes(&self) -> u64 {
        self.max_file_upload.div_ceil(1 << 20)
    }

    /// The limit of other bodies as Azure takes it: whole KiB, rounded up.
    pub fn request_body_kibibytes(&self) -> Option<u64> {
        self.max_request_body.map(|bytes| bytes.div_ceil(1 << 10))
    }
}

/// The secret of a key vault in which a certificate is, with its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GatewayCertificate {
    host: String,
    name: String,
    version: Option<String>,
}

impl GatewayCertificate {
    /// Reads a secret id, such as `https://contoso.vault.azure.net/secrets/dify`.
    ///
    /// Key Vault keeps a certificate under three addresses; only that of the secret has the
    /// private key (<https://learn.microsoft.com/azure/key-vault/certificates/about-certificates>).
    ///
    /// ```
    /// use dify_infra_core::deployment::GatewayCertificate;
    ///
    /// let id = "https://contoso.vault.azure.net/secrets/dify";
    /// let certificate = GatewayCertificate::parse(id)?;
    /// assert_eq!((certificate.vault(), certificate.is_versioned()), ("contoso", false));
    /// let other = "https://contoso.vault.azure.net/certificates/dify";
    /// let error = GatewayCertificate::parse(other).unwrap_err();
    /// assert!(error.to_string().contains("/secrets/dify"));
    /// # Ok::<(), dify_infra_core::deployment::GatewayCertificateError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// When the text is no secret id of a key vault; the error says what it should be.
    pub fn parse(text: &str) -> Result<Self, GatewayCertificateError> {
        let Some((host, path)) = text
            .strip_prefix("https://")
            .and_then(|rest| rest.split_once('/'))
        else {
            return Err(GatewayCertificateError::NoAddress);
        };
        let host = host.to_ascii_lowercase();
        let is_vault = host.split_once('.').is_some_and(|(name, zone)| {
            crate::names::KeyVaultName::parse(name).is_ok() && zone.starts_with("vault.")
        });
        if !is_vault {
            return Err(GatewayCertificateError::NoVault);
        }
        let is_name = |part: &str| {
            let inside = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
            (1..=127).contains(&part.len()) && part.bytes().all(inside)
        };
        let parts: Vec<&str> = path.trim_end_matches('/').split('/').collect();
        let (name, version) = match parts.as_slice() {
            ["certificates" | "keys", name, ..] => {
                let secret = format!("https://{host}/secrets/{name}");
                return Err(GatewayCertificateError::WithoutKey { secret });
            }
            ["secrets", name] => (*name, None),
            ["secrets", name, version] => (*name, Some(*version)),
            _ => return Err(GatewayCertificateError::NoSecret),
        };
        if !is_name(name) || !version.is_none_or(is_name) {
            return Err(GatewayCertificateError::NoSecret);
        }
        Ok(Self {
            host,
            name: name.to_owned(),
            version: version.map(str::to_owned),
        })
    }

    /// The vault's name.
    pub fn vault(&self) -> &str {
        self.host.split('.').next().unwrap_or_default()
    }

    /// The name of the secret.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether one version is named, which no renewal replaces.
    pub fn is_versioned(&self) -> bool {
        self.version.is_some()
    }

    /// The id without a version.
    pub fn versionless(&self) -> String {
        format!("https://{}/secrets/{}", self.host, self.name)
    }
}

impl fmt::Display for GatewayCertificate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.versionless())?;
        match &self.version {
            Some(version) => write!(formatter, "/{version}"),
            None => Ok(()),
        }
    }
}

/// A text that is no secret id of a key vault, with what to write instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GatewayCertificateError {
    /// It is no https address at all.
    #[error("the certificate is no https address of a key vault; {FORM}")]
    NoAddress,
    /// Its host is somebody else.
    #[error("the host of the certificate is no key vault; {FORM}")]
    NoVault,
    /// It names the certificate, which has no private key under this address.
    #[error(
        "the id is that of the certificate without its private key; write the secret's: {secret}"
    )]
    WithoutKey {
        /// The address that has the key.
        secret: String,
    },
    /// Its path leads to nothing that a vault keeps as a secret.
    #[error("the certificate's path is not that of a secret; {FORM}")]
    NoSecret,
}

/// How the address of a certificate is written.
const FORM: &str = "write it as https://<vault>.vault.azure.net/secrets/<name>";

/// Who reads the certificate.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum CertificateReader {
    /// An identity that is made and given its role on the deployment's own vault, which exists.
    OnDeploymentVault,
    /// An identity that is made and given its role on this vault.
    OnVault(ResourceId),
    /// An identity that somebody else made and gave the role.
    Existing(ResourceId),
}

impl CertificateReader {
    /// Whether the identity is ours.
    pub fn origin(&self) -> IdentityOrigin {
        match self {
            Self::OnDeploymentVault | Self::OnVault(_) => IdentityOrigin::Managed,
            Self::Existing(id) => IdentityOrigin::Existing(id.clone()),
        }
    }
}

/// How many instances a gateway has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct InstanceRange {
    /// The least number.
    pub min: u32,
    /// The greatest number.
    pub max: u32,
}

/// What the firewall does with what looks like an attack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FirewallMode {
    /// Refuses it with 403.
    Prevention,
    /// Lets it pass and writes it down.
    Detection,
}

impl FirewallMode {
    /// Azure's word: `Prevention` or `Detection`; the file has it in lower case.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Prevention => "Prevention",
            Self::Detection => "Detection",
        }
    }
}

impl Deployment {
    /// The application gateway, when there is one in front.
    pub fn gateway(&self) -> Option<&Gateway> {
        self.gateway.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_id_is_read_with_and_without_a_version() {
        let id = "https://contoso.vault.azure.net/secrets/dify";
        let with_slash = GatewayCertificate::parse(&format!("{id}/")).unwrap();
        assert_eq!(with_slash.to_string(), id);
        let version = "0123456789abcdef0123456789abcdef";
        let versioned = GatewayCertificate::parse(&format!("{id}/{version}")).unwrap();
        assert!(versioned.is_versioned());
        assert_eq!(versioned.to_string(), format!("{id}/{version}"));
        assert_eq!(versioned.versionless(), id);
    }

    #[test]
    fn what_is_no_secret_id_is_refused_with_a_way_out() {
        for text in [
            "",
            "dify",
            "http://contoso.vault.azure.net/secrets/dify",
            "https://contoso.example.com/secrets/dify",
            "https://contoso.vault.azure.net/secrets",
            "https://contoso.vault.azure.net/secrets/a/b/c",
            "https://contoso.vault.azure.net/secrets/a b",
            "https://contoso.vault.azure.net/certificates/dify/1",
            "https://x@contoso.vault.azure.net/secrets/dify",
        ] {
            let error = GatewayCertificate::parse(text).unwrap_err();
            assert!(error.to_string().contains("; write"), "{text}: {error}");
        }
    }
}
