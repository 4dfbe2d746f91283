//! The identities that read the vault, pull images and sign in to storage, their roles, and which
//! apps carry them.

use std::collections::{BTreeMap, BTreeSet};

use super::super::Management;
use super::{Context, domain, network};
use crate::catalogue::ServiceKind;
use crate::deployment::{AzureRegistry, IdentityOrigin, Role as ContainerRole, StorageAccess};
use crate::resource::authorization::{Role, RoleAssignment};
use crate::resource::container_apps::{RegistryCredentials, Secret};
use crate::resource::identity::{IdentitySetting, UserAssignedIdentity};
use crate::resource::registry::{Registry, RegistrySku};
use crate::resource::{AnyResource, ResourceId};

/// The identities of the deployment and what they may.
pub(super) fn resources(context: &Context<'_>) -> Vec<(AnyResource, Management)> {
    let identities = origins(context).into_iter();
    let identities: Vec<_> = identities
        .map(|(id, origin)| identity(context, origin, id))
        .collect();
    let roles = assignments(context).into_iter();
    let roles = roles.map(|role| (AnyResource::from(role), Management::Managed));
    identities
        .into_iter()
        .chain(registry(context))
        .chain(roles)
        .collect()
}

/// The identities that the file asks for, each once.
fn origins<'a>(context: &Context<'a>) -> BTreeMap<ResourceId, &'a IdentityOrigin> {
    let vault = context.deployment.key_vault().map(|vault| &vault.identity);
    let puller = azure_registry(context).and_then(|registry| registry.puller.as_ref());
    let certificate = domain::source(context).map(|source| &source.identity);
    let others = vault.into_iter().chain(puller).chain(certificate);
    let others = others.map(|origin| (context.identity(origin), origin));
    let storage = match &context.deployment.storage().access {
        StorageAccess::Identity(origin) => context.storage_identity().map(|id| (id, origin)),
        StorageAccess::Key => None,
    };
    others.chain(storage).collect()
}

fn azure_registry<'a>(context: &Context<'a>) -> Option<&'a AzureRegistry> {
    context.deployment.registry()?.azure.as_ref()
}

/// The registry, when our identity gets a role on it or it gets our private endpoint; otherwise
/// nothing is asked of it.
fn registry(context: &Context<'_>) -> Option<(AnyResource, Management)> {
    let azure = azure_registry(context)?;
    let is_needed = azure.puller == Some(IdentityOrigin::Managed) || azure.has_private_endpoint;
    let registry = Registry {
        id: context.registry(azure),
        needs_premium: azure.has_private_endpoint,
        location: context.location(),
        tags: context.tags.clone(),
        sku: RegistrySku {
            name: "Premium".to_owned(),
        },
    };
    is_needed.then(|| (registry.into(), Management::Existing))
}

fn identity(
    context: &Context<'_>,
    origin: &IdentityOrigin,
    id: ResourceId,
) -> (AnyResource, Management) {
    let management = match origin {
        IdentityOrigin::Managed => Management::Managed,
        IdentityOrigin::Existing(_) => Management::Existing,
    };
    let identity = UserAssignedIdentity {
        id,
        location: context.location(),
        tags: context.tags.clone(),
    };
    (identity.into(), management)
}

/// The roles of the identity that we make; one that the file names has its roles already.
fn assignments(context: &Context<'_>) -> Vec<RoleAssignment> {
    // The vault of the secrets may have the certificate too.
    let mut seen = BTreeSet::new();
    vault_reader(context)
        .into_iter()
        .chain(domain::reader_role(context))
        .chain(puller(context))
        .chain(blob_writers(context))
        .filter(|role| seen.insert(role.id.clone()))
        .collect()
}

/// The role on each of the two blob containers: the account may hold more that is not Dify's.
fn blob_writers(context: &Context<'_>) -> Vec<RoleAssignment> {
    let storage = context.deployment.storage();
    if storage.access != StorageAccess::Identity(IdentityOrigin::Managed) {
        return Vec::new();
    }
    let Some(identity) = context.storage_identity() else {
        return Vec::new();
    };
    [&storage.app_container, &storage.plugin_container]
        .map(|name| {
            let container = context.container(name.as_str());
            RoleAssignment::new(&container, &identity, Role::StorageBlobDataContributor)
        })
        .into()
}

/// The identity with which the containers of a role sign in to the storage account.
fn of_storage(context: &Context<'_>, container: ContainerRole) -> Option<ResourceId> {
    let reads_blobs = match container {
        ContainerRole::Migration => true,
        ContainerRole::Service(kind) => matches!(
            kind,
            ServiceKind::Api
                | ServiceKind::ApiWebsocket
                | ServiceKind::Worker
                | ServiceKind::WorkerBeat
                | ServiceKind::PluginDaemon
        ),
    };
    context.storage_identity().filter(|_| reads_blobs)
}

fn puller(context: &Context<'_>) -> Option<RoleAssignment> {
    let registry = azure_registry(context)?;
    let puller = registry.puller.as_ref()?;
    (*puller == IdentityOrigin::Managed).then(|| {
        let identity = context.identity(puller);
        RoleAssignment::new(&context.registry(registry), &identity, Role::AcrPull)
    })
}

fn vault_reader(context: &Context<'_>) -> Option<RoleAssignment> {
    let vault = context.deployment.key_vault()?;
    (vault.identity == IdentityOrigin::Managed).then(|| {
        let identity = context.identity(&vault.identity);
        RoleAssignment::new(&context.vault(), &identity, Role::KeyVaultSecretsUser)
    })
}

/// The identities that an app with these registries and secrets carries, each once.
pub(super) fn of_app(
    context: &Context<'_>,
    container: ContainerRole,
    registries: &[RegistryCredentials],
    secrets: &[Secret],
) -> Vec<ResourceId> {
    let pulls = registries.iter().filter_map(RegistryCredentials::identity);
    let reads = secrets.iter().filter_map(Secret::identity);
    let ids: BTreeSet<ResourceId> = pulls
        .chain(reads)
        .filter_map(|id| ResourceId::parse(id).ok())
        .chain(of_storage(context, container))
        .collect();
    ids.into_iter().collect()
}

/// No container gets a token of an identity that Container Apps alone uses; those that sign in to
/// the storage account get tokens of that identity. The sandbox, where code of users runs, never
/// does.
pub(super) fn settings(
    context: &Context<'_>,
    container: ContainerRole,
    identities: &[ResourceId],
) -> Vec<IdentitySetting> {
    let own = of_storage(context, container);
    let setting = |id: &ResourceId| IdentitySetting {
        identity: id.to_string(),
        lifecycle: if own.as_ref() == Some(id) {
            "Main"
        } else {
            "None"
        }
        .to_owned(),
    };
    identities.iter().map(setting).collect()
}

/// What an app with these registries and secrets can't be written without, though nothing in its
/// body names it: the roles of its identities, and a way to vault and registry.
pub(super) fn roles(
    context: &Context<'_>,
    container: ContainerRole,
    registries: &[RegistryCredentials],
    secrets: &[Secret],
) -> Vec<ResourceId> {
    let mut needed = Vec::new();
    if registries.iter().any(|one| one.identity().is_some()) {
        needed.extend(puller(context).map(|role| role.id));
    }
    if azure_registry(context).is_some_and(|registry| registry.has_private_endpoint) {
        // A registry that is closed to the internet is pulled from over its private endpoint.
        needed.extend(network::reach(context));
    }
    if secrets.iter().any(|secret| secret.identity().is_some()) {
        // A vault that is closed to the internet is read over its private endpoint.
        needed.extend(network::reach(context));
        needed.extend(vault_reader(context).map(|role| role.id));
    }
    if of_storage(context, container).is_some() {
        needed.extend(blob_writers(context).into_iter().map(|role| role.id));
    }
    needed
}
