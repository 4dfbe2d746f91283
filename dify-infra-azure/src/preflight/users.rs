//! Who else uses what a deletion would take away.
//!
//! A server that one deployment made may serve another one, which names it as `existing` and keeps
//! databases of its own in it. Nothing at the server says so; the apps that connect to it do.

use std::collections::BTreeSet;

use dify_infra_core::graph::ResourceGraph;
use dify_infra_core::resource::{Kind, ResourceId};
use futures_util::future::join;
use serde_json::Value;

use super::sharing::{is_host_of, mentions_account, owner, seen, variables};
use super::{Problem, ProblemKind};
use crate::arm::ArmClient;

/// Who else uses what a deletion would take away, as far as can be seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Users {
    /// Each use, which should stop the deletion.
    pub problems: Vec<Problem>,
    /// Why there may be users that were not seen; nothing when every app and job of the subscription was
    /// looked at.
    pub unseen: Option<String>,
}

/// Looks for apps and jobs outside of the deployment that live on something of `going`: a
/// PostgreSQL server, a Redis, a storage account or a key vault. An app without the tag of a
/// deployment counts too. Whoever may read the group alone sees the users in that group alone, and is
/// told so. Apps of other subscriptions are not looked at.
pub async fn users_of(client: &ArmClient, graph: &ResourceGraph, going: &[ResourceId]) -> Users {
    let data = |id: &&ResourceId| Kind::from_type(&id.resource_type()).is_some_and(can_be_shared);
    let data: Vec<&ResourceId> = going.iter().filter(data).collect();
    if data.is_empty() {
        return Users::default();
    }
    let ((apps, no_app), (jobs, no_job)) = join(
        seen(client, graph, Kind::ContainerApp),
        seen(client, graph, Kind::Job),
    )
    .await;
    let mut told = BTreeSet::new();
    let mut problems = Vec::new();
    for app in apps.iter().chain(&jobs) {
        let user = match owner(app) {
            Some(owner) if owner == graph.owner() => continue,
            Some(owner) => format!("the deployment {owner}"),
            None => format!("the app {}", app["name"].as_str().unwrap_or_default()),
        };
        for id in data.iter().filter(|id| lives_on(app, id)) {
            if told.insert((user.clone(), id.name().to_owned())) {
                problems.push(Problem::new(
                    ProblemKind::Used,
                    format!(
                        "{user} uses {} ({}), which would be deleted with what it keeps there",
                        id.name(),
                        id.resource_type()
                    ),
                    "destroy or move that first, or leave --include-data out, which keeps the data \
                     layer",
                ));
            }
        }
    }
    Users {
        problems,
        unseen: no_app.or(no_job),
    }
}

fn can_be_shared(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::PostgresServer | Kind::RedisEnterprise | Kind::StorageAccount | Kind::Vault
    )
}

/// Whether a plain variable or a vault reference of an app leads to a resource.
fn lives_on(app: &Value, id: &ResourceId) -> bool {
    match Kind::from_type(&id.resource_type()) {
        Some(Kind::StorageAccount) => {
            variables(app).any(|(_, value)| mentions_account(value, id.name()))
        }
        Some(Kind::Vault) => references(app).any(|url| mentions_account(url, id.name())),
        _ => variables(app)
            .any(|(name, value)| name.ends_with("_HOST") && is_host_of(value, id.name())),
    }
}

/// The addresses of the vault secrets that an app refers to.
fn references(app: &Value) -> impl Iterator<Item = &str> {
    let secrets = app.pointer("/properties/configuration/secrets");
    let secrets = secrets.and_then(Value::as_array).into_iter().flatten();
    secrets.filter_map(|secret| secret.get("keyVaultUrl")?.as_str())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_app_lives_on_what_its_variables_and_references_name() {
        let app = json!({ "properties": {
            "configuration": { "secrets": [
                { "name": "key", "keyVaultUrl": "https://team-vault.vault.azure.net/secrets/key/1" },
            ] },
            "template": { "containers": [{ "env": [
                { "name": "DB_HOST", "value": "team-pg.postgres.database.azure.com" },
                { "name": "AZURE_BLOB_ACCOUNT_URL", "value": "https://teamfiles.blob.core.windows.net" },
            ] }] },
        } });
        let id = |resource_type: &str, name: &str| {
            let text =
                format!("/subscriptions/s/resourceGroups/g/providers/{resource_type}/{name}");
            ResourceId::parse(&text).unwrap()
        };
        for kind in [Kind::PostgresServer, Kind::StorageAccount, Kind::Vault] {
            let name = match kind {
                Kind::PostgresServer => "team-pg",
                Kind::StorageAccount => "teamfiles",
                _ => "team-vault",
            };
            assert!(lives_on(&app, &id(kind.resource_type(), name)), "{name}");
            assert!(!lives_on(&app, &id(kind.resource_type(), "another")));
        }
    }
}
