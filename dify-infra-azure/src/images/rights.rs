//! What would stop an import, found before the first copy.

use dify_infra_core::resource::{Kind, ResourceId};

use super::IMPORT_ACTION;
use crate::arm::ArmClient;
use crate::observe::sentence;
use crate::preflight::{PERMISSIONS, Problem, ProblemKind, is_allowed};

/// Looks for what would stop every copy: a registry that is not there, or rights that do not reach
/// it. Nothing is said of what can't be asked; Azure says it at the first copy.
pub async fn check(client: &ArmClient, registry: &ResourceId) -> Option<Problem> {
    match client
        .get(registry.as_str(), Kind::Registry.api_version())
        .await
    {
        Ok(Some(_)) => {}
        Ok(None) => return Some(absent(registry)),
        Err(error) if error.is_denied() => {}
        Err(error) => {
            return Some(Problem::new(
                ProblemKind::Registry,
                format!(
                    "the registry {} can't be read: {}",
                    registry.name(),
                    sentence(&error)
                ),
                "check that the subscription is the right one",
            ));
        }
    }
    let path = format!("{registry}/providers/Microsoft.Authorization/permissions");
    let grants = client.list(&path, PERMISSIONS).await.ok()?;
    (!is_allowed(&grants, IMPORT_ACTION)).then(|| missing_right(registry))
}

fn absent(registry: &ResourceId) -> Problem {
    let (name, group) = (registry.name(), registry.group_name());
    Problem::new(
        ProblemKind::Registry,
        format!("there is no registry {name} in the resource group {group}"),
        format!(
            "name its resource group as `resource_group` under `[images]` (its id, where it is in \
             another subscription), or make it with \
             `az acr create --name {name} --resource-group {group} --sku Standard`"
        ),
    )
}

/// The role is the narrowest built-in one with the action
/// (<https://learn.microsoft.com/azure/container-registry/container-registry-rbac-built-in-roles-overview>).
fn missing_right(registry: &ResourceId) -> Problem {
    Problem::new(
        ProblemKind::Right,
        format!(
            "these credentials may not do {IMPORT_ACTION} at {}",
            registry.name()
        ),
        format!(
            "have an owner run `az role assignment create --role \"Container Registry Data Importer \
             and Data Reader\" --assignee <you> --scope {registry}`"
        ),
    )
}
