//! Reads what is in a resource group, for an audit: GET requests alone, so a reader's role is enough.
//!
//! What is refused is no error: it is handed over with the reason, and the audit says that it could
//! not be seen.

use dify_infra_core::audit::LiveResource;
use futures_util::future::{join, join_all};
use serde_json::Value;

use crate::Error;
use crate::arm::ArmClient;
use crate::observe::sentence;

/// The api-version of the list of a group.
const LIST_VERSION: &str = "2021-04-01";

/// The types that an audit looks at, with the api-version of each.
const TYPES: &[(&str, &str)] = &[
    ("Microsoft.App/managedEnvironments", "2026-01-01"),
    ("Microsoft.App/containerApps", "2026-01-01"),
    ("Microsoft.App/jobs", "2026-01-01"),
    ("Microsoft.DBforPostgreSQL/flexibleServers", "2025-08-01"),
    ("Microsoft.Cache/redis", "2024-11-01"),
    ("Microsoft.Cache/redisEnterprise", "2025-07-01"),
    ("Microsoft.Storage/storageAccounts", "2026-04-01"),
    ("Microsoft.KeyVault/vaults", "2026-02-01"),
    ("Microsoft.Network/virtualNetworks", "2025-09-01"),
    ("Microsoft.ContainerRegistry/registries", "2025-11-01"),
    ("Microsoft.Network/applicationGateways", "2025-09-01"),
    (
        "Microsoft.Network/ApplicationGatewayWebApplicationFirewallPolicies",
        "2025-09-01",
    ),
];

/// Lists below a resource that an audit looks at, and resources below it that are read alone: of a
/// server's hundreds of settings only one matters.
const CHILDREN: &[(&str, &[&str], &[&str])] = &[
    (
        "Microsoft.DBforPostgreSQL/flexibleServers",
        &["databases", "firewallRules"],
        &["configurations/azure.extensions"],
    ),
    ("Microsoft.Cache/redisEnterprise", &["databases"], &[]),
    // Without their values, which Resource Manager never tells.
    ("Microsoft.KeyVault/vaults", &["secrets"], &[]),
    (
        "Microsoft.Storage/storageAccounts",
        &["blobServices/default/containers"],
        &[],
    ),
];

/// The api-version of deployments.
const HISTORY_VERSION: &str = "2021-04-01";

/// The api-version of role assignments.
const ROLES_VERSION: &str = "2022-04-01";

/// Reads every resource of a group that an audit looks at.
///
/// # Errors
///
/// When the group does not exist or can't be listed at all.
pub async fn read_group(
    client: &ArmClient,
    subscription: &str,
    group: &str,
) -> Result<Vec<LiveResource>, Error> {
    let scope = format!("/subscriptions/{subscription}/resourceGroups/{group}");
    let listed = client
        .list(&format!("{scope}/resources"), LIST_VERSION)
        .await?;
    let known = listed.iter().filter_map(|item| {
        let kind = item.get("type")?.as_str()?;
        let (kind, version) = TYPES.iter().find(|(it, _)| it.eq_ignore_ascii_case(kind))?;
        Some((*kind, item.get("id")?.as_str()?, *version))
    });
    let known: Vec<(&str, &str, &str)> = known.collect();
    let roles = join(roles(client, &scope), history(client, &scope));
    let resources = join_all(
        known
            .into_iter()
            .map(|(kind, id, version)| one(client, kind, id, version)),
    );
    let ((roles, history), resources) = join(roles, resources).await;
    Ok(resources
        .into_iter()
        .flatten()
        .chain(roles)
        .chain(history)
        .collect())
}

/// A resource with its children.
async fn one(client: &ArmClient, kind: &str, id: &str, version: &str) -> Vec<LiveResource> {
    let children = CHILDREN.iter().find(|(it, ..)| *it == kind);
    let (lists, singles) =
        children.map_or((&[][..], &[][..]), |(_, lists, singles)| (*lists, *singles));
    let own = read(client, id.to_owned(), version);
    let lists = join_all(
        lists
            .iter()
            .map(|list| listed(client, format!("{id}/{list}"), version)),
    );
    let singles = join_all(
        singles
            .iter()
            .map(|path| read(client, format!("{id}/{path}"), version)),
    );
    let (own, lists, singles) = futures_util::future::join3(own, lists, singles).await;
    own.into_iter()
        .chain(lists.into_iter().flatten())
        .chain(singles.into_iter().flatten())
        .collect()
}

/// One resource; nothing when it went in the meantime.
async fn read(client: &ArmClient, id: String, version: &str) -> Option<LiveResource> {
    let body = match client.get(&id, version).await {
        Ok(Some(body)) => Ok(body),
        Ok(None) => return None,
        Err(error) => Err(sentence(&error)),
    };
    Some(LiveResource { id, body })
}

/// The items of a list.
async fn listed(client: &ArmClient, path: String, version: &str) -> Vec<LiveResource> {
    match client.list(&path, version).await {
        Ok(items) => items.into_iter().filter_map(with_id).collect(),
        Err(error) if error.is_not_found() => Vec::new(),
        Err(error) => {
            // A list that is refused stands for everything in it.
            let id = format!("{path}/all");
            let body = Err(sentence(&error));
            vec![LiveResource { id, body }]
        }
    }
}

async fn roles(client: &ArmClient, scope: &str) -> Vec<LiveResource> {
    let path = format!("{scope}/providers/Microsoft.Authorization/roleAssignments");
    listed(client, path, ROLES_VERSION).await
}

/// The templates that were deployed, with the parameters and outputs that everybody who may read the group sees.
async fn history(client: &ArmClient, scope: &str) -> Vec<LiveResource> {
    let path = format!("{scope}/providers/Microsoft.Resources/deployments");
    listed(client, path, HISTORY_VERSION).await
}

fn with_id(body: Value) -> Option<LiveResource> {
    let id = body.get("id")?.as_str()?.to_owned();
    Some(LiveResource { id, body: Ok(body) })
}
