//! The identity that reads the vault, its role, and which apps carry it.

use std::collections::BTreeSet;

use super::super::Management;
use super::{Context, network};
use crate::deployment::IdentityOrigin;
use crate::resource::authorization::{Role, RoleAssignment};
use crate::resource::container_apps::Secret;
use crate::resource::identity::{IdentitySetting, UserAssignedIdentity};
use crate::resource::{AnyResource, ResourceId};

/// The identities of the deployment and what they may.
pub(super) fn resources(context: &Context<'_>) -> Vec<(AnyResource, Management)> {
    let mut seen = BTreeSet::new();
    let identities = origins(context).into_iter().filter_map(|origin| {
        let id = context.identity(origin);
        seen.insert(id.clone())
            .then(|| identity(context, origin, id))
    });
    let identities: Vec<_> = identities.collect();
    let roles = assignments(context).into_iter();
    let roles = roles.map(|role| (AnyResource::from(role), Management::Managed));
    identities.into_iter().chain(roles).collect()
}

/// The identities that the file asks for, each as often as it is used.
fn origins<'a>(context: &Context<'a>) -> Vec<&'a IdentityOrigin> {
    let vault = context.deployment.key_vault().map(|vault| &vault.identity);
    vault.into_iter().collect()
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
    vault_reader(context).into_iter().collect()
}

fn vault_reader(context: &Context<'_>) -> Option<RoleAssignment> {
    let vault = context.deployment.key_vault()?;
    (vault.identity == IdentityOrigin::Managed).then(|| {
        let identity = context.identity(&vault.identity);
        RoleAssignment::new(&context.vault(), &identity, Role::KeyVaultSecretsUser)
    })
}

/// The identities that an app with these secrets carries.
pub(super) fn of_app(context: &Context<'_>, secrets: &[Secret]) -> Vec<ResourceId> {
    let vault = context.deployment.key_vault();
    let reads_vault = secrets.iter().any(|secret| secret.identity().is_some());
    let reader = vault.filter(|_| reads_vault);
    reader
        .map(|vault| context.identity(&vault.identity))
        .into_iter()
        .collect()
}

/// No container gets a token: Container Apps alone uses these identities.
pub(super) fn settings(identities: &[ResourceId]) -> Vec<IdentitySetting> {
    let setting = |id: &ResourceId| IdentitySetting {
        identity: id.to_string(),
        lifecycle: "None".to_owned(),
    };
    identities.iter().map(setting).collect()
}

/// What an app with these secrets can't be written without, though nothing in its body names it: the
/// role of its identity, and a way to the vault.
pub(super) fn roles(context: &Context<'_>, secrets: &[Secret]) -> Vec<ResourceId> {
    let reads_vault = secrets.iter().any(|secret| secret.identity().is_some());
    if !reads_vault {
        return Vec::new();
    }
    // A vault that is closed to the internet is read over its private endpoint.
    let mut needed = network::reach(context);
    needed.extend(vault_reader(context).map(|role| role.id));
    needed
}
