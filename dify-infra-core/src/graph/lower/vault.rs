//! The key vault, its secrets, and how apps refer to them.

use std::collections::BTreeMap;

use super::super::Management;
use super::apps::{inputs, registry};
use super::{Context, data};
use crate::deployment::{AppSecret, KeyVault, Role, environment_of};
use crate::resource::container_apps::{Secret, SecretSource};
use crate::resource::vault::{
    VERSIONED_URI, Vault, VaultProperties, VaultSecret, VaultSecretAttributes,
    VaultSecretProperties, VaultSku,
};
use crate::resource::{AnyResource, Text};

/// The vault and one secret for each of the apps' secrets; nothing when apps keep them.
pub(super) fn resources(context: &Context<'_>) -> Vec<(AnyResource, Management)> {
    let Some(settings) = context.deployment.key_vault() else {
        return Vec::new();
    };
    let mut all = vec![(
        AnyResource::from(vault(context, settings)),
        data::management(&settings.origin),
    )];
    for (name, value) in values(context) {
        let secret = VaultSecret {
            id: context.vault_secret(settings, &name),
            tags: context.tags.clone(),
            properties: VaultSecretProperties {
                value,
                content_type: "text/plain".to_owned(),
                attributes: VaultSecretAttributes { enabled: true },
            },
        };
        all.push((secret.into(), Management::Managed));
    }
    all
}

fn vault(context: &Context<'_>, settings: &KeyVault) -> Vault {
    let identity = context.identity(&settings.identity);
    Vault {
        id: context.vault(),
        location: context.location(),
        tags: context.tags.clone(),
        properties: VaultProperties {
            // A vault and the identity that reads it are of one tenant.
            tenant_id: Text::property(&identity, "/properties/tenantId"),
            sku: VaultSku {
                family: "A".to_owned(),
                name: "standard".to_owned(),
            },
            enable_rbac_authorization: true,
            public_network_access: data::public_access(context),
            soft_delete_retention_in_days: settings.retention_days,
            enable_purge_protection: settings.purge_protection.then_some(true),
        },
    }
}

/// The secrets of all containers, each once: what has one name has one value everywhere.
fn values(context: &Context<'_>) -> BTreeMap<String, Text> {
    let inputs = inputs(context);
    let services = context.deployment.services();
    let roles = services.map(|service| Role::Service(service.kind));
    let environments = roles
        .chain([Role::Migration])
        .map(|role| environment_of(context.deployment, role, &inputs));
    let secrets = environments.flat_map(|environment| environment.secrets);
    secrets
        .chain(registry(context).1)
        .map(|secret| (secret.name.to_string(), secret.value))
        .collect()
}

/// A secret of an app: its value, or the version of the vault's secret that is the newest.
pub(super) fn reference(context: &Context<'_>, secret: &AppSecret) -> Secret {
    let name = secret.name.to_string();
    let Some(vault) = context.deployment.key_vault() else {
        return Secret::in_app(name, secret.value.clone());
    };
    let id = context.vault_secret(vault, &name);
    Secret {
        name,
        source: SecretSource::KeyVault {
            key_vault_url: Text::property(&id, VERSIONED_URI),
            identity: context.identity(&vault.identity).to_string(),
        },
    }
}
