//! Whether existing data services are used by another deployment in a way that would mix its data
//! with ours.
//!
//! A server, a cache or an account that exists is never written, so it can't carry a mark of who
//! uses it. The apps that use it can be asked: a deployment's apps carry its tag, and their variables
//! say where they connect to. Apps without a tag are not: they may be what this deployment replaces.

use std::collections::BTreeSet;

use dify_infra_core::graph::{Management, Node, ResourceGraph};
use dify_infra_core::resource::{Kind, OWNER_TAG, ResourceId};
use futures_util::future::join;
use serde_json::Value;

use super::{PERMISSIONS, Problem, ProblemKind, is_allowed};
use crate::arm::ArmClient;
use crate::observe::sentence;

/// What of an existing resource no two deployments can use.
#[derive(Debug, PartialEq, Eq)]
enum Shared<'a> {
    /// A database of a server.
    Database(&'a ResourceId, &'a str),
    /// A whole Redis.
    Redis(&'a ResourceId),
    /// A container of an account.
    Container(&'a ResourceId, &'a str),
}

/// Asks the apps of the subscription, when something of the graph exists.
pub(super) async fn sharing(client: &ArmClient, graph: &ResourceGraph) -> Vec<Problem> {
    let ours = shared(graph);
    if ours.is_empty() {
        return Vec::new();
    }
    let apps = in_sight(client, graph, Kind::ContainerApp).await;
    let mut told = BTreeSet::new();
    let mut problems = Vec::new();
    for app in &apps {
        let Some(owner) = owner(app).filter(|owner| *owner != graph.owner()) else {
            continue;
        };
        for shared in ours.iter().filter(|shared| is_used(shared, app)) {
            if told.insert((owner.to_owned(), shared.what())) {
                problems.push(shared.problem(owner));
            }
        }
    }
    problems
}

/// All resources of a kind in the subscription. Who may read the group alone sees its own; who may
/// not read them at all sees none.
pub(super) async fn in_sight(client: &ArmClient, graph: &ResourceGraph, kind: Kind) -> Vec<Value> {
    seen(client, graph, kind).await.0
}

/// All resources of a kind that can be seen, and why there may be others.
///
/// A list at the subscription has what the caller may read and says nothing of the rest, so the right to
/// read there is asked for too.
pub(super) async fn seen(
    client: &ArmClient,
    graph: &ResourceGraph,
    kind: Kind,
) -> (Vec<Value>, Option<String>) {
    let list = |scope: &str| {
        let path = format!("{scope}/providers/{}", kind.resource_type());
        async move { client.list(&path, kind.api_version()).await }
    };
    let subscription = format!("/subscriptions/{}", graph.group().subscription());
    let permissions = format!("{subscription}/providers/Microsoft.Authorization/permissions");
    let (found, grants) = join(list(&subscription), client.list(&permissions, PERMISSIONS)).await;
    let read = format!("{}/read", kind.resource_type());
    let may_read = grants.map(|grants| is_allowed(&grants, &read));
    match found {
        Ok(found) if may_read.is_ok_and(|may_read| may_read) => (found, None),
        Ok(found) => {
            let why = format!("these credentials may not do {read} at {subscription}");
            (found, Some(why))
        }
        Err(error) => {
            let found = list(graph.group().as_str()).await;
            (found.unwrap_or_default(), Some(sentence(&error)))
        }
    }
}

fn shared(graph: &ResourceGraph) -> Vec<Shared<'_>> {
    let exists = |id: &ResourceId| {
        graph
            .get(id)
            .is_some_and(|node| node.management() == Management::Existing)
    };
    graph
        .nodes()
        .filter_map(|node| shared_of(graph, node, &exists))
        .collect()
}

fn shared_of<'a>(
    graph: &'a ResourceGraph,
    node: &'a Node,
    exists: &dyn Fn(&ResourceId) -> bool,
) -> Option<Shared<'a>> {
    let id = node.id();
    match node.kind() {
        Kind::RedisEnterprise if exists(id) => Some(Shared::Redis(id)),
        Kind::PostgresDatabase => {
            let server = graph.get(&id.parent()?)?.id();
            exists(server).then(|| Shared::Database(server, id.name()))
        }
        Kind::BlobContainer => {
            let account = graph.get(&id.parent()?.parent()?)?.id();
            exists(account).then(|| Shared::Container(account, id.name()))
        }
        _ => None,
    }
}

pub(super) fn owner(app: &Value) -> Option<&str> {
    let tags = app.get("tags")?.as_object()?;
    let (_, owner) = tags
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(OWNER_TAG))?;
    owner.as_str()
}

/// The values of all plain variables of an app, by name.
pub(super) fn variables(app: &Value) -> impl Iterator<Item = (&str, &str)> {
    let containers = app
        .pointer("/properties/template/containers")
        .and_then(Value::as_array);
    let variables = containers
        .into_iter()
        .flatten()
        .filter_map(|container| container.get("env")?.as_array())
        .flatten();
    variables.filter_map(|one| Some((one.get("name")?.as_str()?, one.get("value")?.as_str()?)))
}

fn is_used(shared: &Shared<'_>, app: &Value) -> bool {
    let any =
        |test: &dyn Fn(&str, &str) -> bool| variables(app).any(|(name, value)| test(name, value));
    match shared {
        Shared::Redis(redis) => {
            any(&|name, value| name == "REDIS_HOST" && is_host_of(value, redis.name()))
        }
        Shared::Database(server, database) => {
            let here =
                any(&|name, value| name.ends_with("_HOST") && is_host_of(value, server.name()));
            here && any(&|name, value| name.ends_with("_DATABASE") && value == *database)
        }
        Shared::Container(account, container) => {
            let names = |name: &str| name.contains("CONTAINER") || name.contains("BUCKET");
            let here = any(&|_, value| mentions_account(value, account.name()));
            here && any(&|name, value| names(name) && value == *container)
        }
    }
}

/// Whether a host is that of a resource: its first label is the name.
pub(super) fn is_host_of(host: &str, name: &str) -> bool {
    let label = host.split('.').next().unwrap_or_default();
    label.eq_ignore_ascii_case(name)
}

/// Whether a value is an account's name, or an address of it.
pub(super) fn mentions_account(value: &str, account: &str) -> bool {
    let value = value.to_ascii_lowercase();
    let host = value
        .rsplit_once("://")
        .map_or(value.as_str(), |(_, host)| host);
    is_host_of(host, account)
}

impl Shared<'_> {
    fn what(&self) -> String {
        match self {
            Self::Database(server, name) => {
                format!("the database {name} of the server {}", server.name())
            }
            Self::Redis(redis) => format!("the Redis {}", redis.name()),
            Self::Container(account, name) => {
                format!("the container {name} of the account {}", account.name())
            }
        }
    }

    fn problem(&self, owner: &str) -> Problem {
        let what = self.what();
        match self {
            Self::Database(..) => Problem::new(
                ProblemKind::SharedData,
                format!("the deployment {owner} keeps its tables in {what}"),
                "give this deployment databases of its own: `database` and `plugin_database` under \
                 [data.postgres]",
            ),
            Self::Redis(_) => Problem::new(
                ProblemKind::SharedData,
                format!(
                    "the deployment {owner} has its queues in {what}, and Managed Redis has one \
                     database: both would take each other's tasks"
                ),
                "leave `data.redis.existing` out, or name a Redis that nothing else uses",
            ),
            Self::Container(..) => Problem::new(
                ProblemKind::SharedData,
                format!("the deployment {owner} keeps its files in {what}"),
                "give this deployment containers of its own: `app_container` and `plugin_container` \
                 under [data.storage]",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_addresses_are_known_by_their_first_label() {
        assert!(is_host_of(
            "Contoso-PG.postgres.database.azure.com",
            "contoso-pg"
        ));
        assert!(!is_host_of(
            "contoso-pg2.postgres.database.azure.com",
            "contoso-pg"
        ));
        assert!(mentions_account(
            "https://files.blob.core.windows.net",
            "files"
        ));
        assert!(mentions_account("files", "files"));
        assert!(!mentions_account(
            "https://other.blob.core.windows.net/files",
            "files"
        ));
    }
}
