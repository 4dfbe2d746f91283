//! The public origin's name on the front door, and the certificate for it.

use data_encoding::BASE32_NOPAD;

use super::super::Management;
use super::{Context, network};
use crate::catalogue::ServiceKind;
use crate::deployment::{
    Certificate, CertificateVault, FrontDoor, IdentityOrigin, VaultCertificate,
};
use crate::resource::authorization::{Role, RoleAssignment};
use crate::resource::domain::{
    self, CertificateProperties, CertificateSource, CustomDomain, ManagedCertificate,
    ManagedCertificateProperties,
};
use crate::resource::vault::{Vault, VaultProperties, VaultSku};
use crate::resource::{AnyResource, Kind, ResourceId, Text};

/// Letters and digits of a certificate's name that come from the name it is for.
const READABLE: usize = 40;

/// The certificate and the name with it; nothing unless the file asks for a certificate.
pub(super) fn resources(context: &Context<'_>) -> Vec<(AnyResource, Management)> {
    let public = context.deployment.public();
    let (Some(origin), Some(certificate)) = (&public.origin, &public.certificate) else {
        return Vec::new();
    };
    let (host, app) = (origin.host(), context.app(ServiceKind::Nginx));
    let mut all = Vec::new();
    let certificate_id = match certificate {
        Certificate::Managed => {
            let id = certificate_id(context, "managedCertificates", host);
            all.push((managed(context, &id, host).into(), Management::Managed));
            id
        }
        Certificate::KeyVault(source) => {
            let id = certificate_id(context, "certificates", host);
            all.extend(vault(context, source).map(|vault| (vault.into(), Management::Existing)));
            all.push((stored(context, &id, source).into(), Management::Managed));
            id
        }
    };
    let domain = CustomDomain {
        id: app.child("customDomains", host),
        needs_proof: !is_internal(context),
        name: host.to_owned(),
        binding_type: "SniEnabled".to_owned(),
        certificate_id: certificate_id.to_string(),
    };
    all.push((domain.into(), Management::Managed));
    all
}

/// Whether the name is put on the front door here.
pub(super) fn is_wanted(context: &Context<'_>) -> bool {
    let public = context.deployment.public();
    public.origin.is_some() && public.certificate.is_some()
}

fn is_internal(context: &Context<'_>) -> bool {
    let network = context.deployment.network();
    network.is_some_and(|network| network.front_door == FrontDoor::Internal)
}

/// A certificate's id: readable, and another one for each name.
fn certificate_id(context: &Context<'_>, kind: &str, host: &str) -> ResourceId {
    let readable: String = host.replace('.', "-").chars().take(READABLE).collect();
    let digest = hmac_sha256::Hash::hash(host.as_bytes());
    let hash = BASE32_NOPAD.encode(&digest[..4]).to_ascii_lowercase();
    let name = format!("{}-{}", readable.trim_end_matches('-'), &hash[..6]);
    context.environment().child(kind, &name)
}

fn managed(context: &Context<'_>, id: &ResourceId, host: &str) -> ManagedCertificate {
    // What DNS has decides; this is what to expect before it has anything.
    let method = if crate::plan::looks_like_apex(host) {
        "HTTP"
    } else {
        "CNAME"
    };
    ManagedCertificate {
        id: id.clone(),
        after: vec![context.app(ServiceKind::Nginx)],
        location: context.location(),
        tags: context.tags.clone(),
        properties: ManagedCertificateProperties {
            subject_name: host.to_owned(),
            domain_control_validation: method.to_owned(),
        },
    }
}

fn stored(
    context: &Context<'_>,
    id: &ResourceId,
    source: &VaultCertificate,
) -> domain::Certificate {
    // A vault that is closed to the internet is read over its private endpoint.
    let mut after = network::reach(context);
    after.extend(reader_role(context).map(|role| role.id));
    let path = match &source.version {
        Some(version) => format!("secrets/{}/{version}", source.name),
        None => format!("secrets/{}", source.name),
    };
    let url = match &source.vault {
        CertificateVault::Address { host, .. } => Text::from(format!("https://{host}/{path}")),
        CertificateVault::Id(id) => Text::property(id, "/properties/vaultUri").and(path),
    };
    domain::Certificate {
        id: id.clone(),
        after,
        location: context.location(),
        tags: context.tags.clone(),
        properties: CertificateProperties {
            certificate_key_vault_properties: CertificateSource {
                identity: context.identity(&source.identity).to_string(),
                key_vault_url: url,
            },
        },
    }
}

/// The certificate's source, when it is a vault.
pub(super) fn source<'a>(context: &Context<'a>) -> Option<&'a VaultCertificate> {
    let public = context.deployment.public();
    public.origin.as_ref()?;
    match public.certificate.as_ref()? {
        Certificate::KeyVault(source) => Some(source),
        Certificate::Managed => None,
    }
}

fn vault_id(context: &Context<'_>, source: &VaultCertificate) -> ResourceId {
    match &source.vault {
        CertificateVault::Id(id) => id.clone(),
        CertificateVault::Address { name, .. } => context
            .group
            .provider(Kind::Vault.resource_type(), name.as_str()),
    }
}

/// The role by which our own identity reads the certificate; one that the file names has its roles.
pub(super) fn reader_role(context: &Context<'_>) -> Option<RoleAssignment> {
    let source = source(context)?;
    (source.identity == IdentityOrigin::Managed).then(|| {
        let identity = context.identity(&source.identity);
        RoleAssignment::new(
            &vault_id(context, source),
            &identity,
            Role::KeyVaultSecretsUser,
        )
    })
}

/// The vault, when it has to be looked at: its address is asked, or a role is given on it. One that
/// holds the deployment's secrets is in the graph already.
fn vault(context: &Context<'_>, source: &VaultCertificate) -> Option<Vault> {
    let id = vault_id(context, source);
    let is_asked = matches!(source.vault, CertificateVault::Id(_));
    let is_own = context.deployment.key_vault().is_some() && id == context.vault();
    if is_own || !(is_asked || reader_role(context).is_some()) {
        return None;
    }
    Some(Vault {
        id,
        location: context.location(),
        tags: context.tags.clone(),
        properties: VaultProperties {
            tenant_id: Text::property(&context.identity(&source.identity), "/properties/tenantId"),
            sku: VaultSku {
                family: "A".to_owned(),
                name: "standard".to_owned(),
            },
            enable_rbac_authorization: true,
            public_network_access: "Enabled".to_owned(),
            soft_delete_retention_in_days: 90,
            enable_purge_protection: None,
        },
    })
}
