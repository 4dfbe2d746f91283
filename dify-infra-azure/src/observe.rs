//! Looking at what is there: graph in, [`Snapshot`] out.
//!
//! Everything is asked at once, in one round trip: kinds of which the graph has many are listed
//! (all apps of the group, all databases of a server), the rest is read one by one. Nothing here
//! fails: what can't be read is recorded as such, with the reason.

mod roles;

use std::collections::{BTreeMap, BTreeSet};

use dify_infra_core::graph::{Node, ResourceGraph};
use dify_infra_core::plan::{ListedResource, Observed, Plan, Snapshot, files_of};
use dify_infra_core::resource::{Kind, OWNER_TAG, ResourceId};
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::Error;
use crate::arm::ArmClient;

/// Looks at every resource of the graph, and at everything in the group that carries our tag.
pub async fn observe(client: &ArmClient, graph: &ResourceGraph) -> Snapshot {
    let mut snapshot = Snapshot::new();
    let mut assigned = Vec::new();
    let questions = questions(graph);
    let (answers, listed) = futures_util::future::join(
        join_all(questions.iter().map(|question| question.ask(client))),
        list_owned(client, graph),
    )
    .await;
    for answer in answers {
        for (id, observed) in answer.observed {
            snapshot.insert(id, observed);
        }
        if let Some((id, body)) = answer.deleted {
            snapshot.set_deleted(id, body);
        }
        assigned.extend(answer.assignments);
    }
    roles::match_assignments(graph, &assigned, &mut snapshot);
    crate::domain::observe(client, graph, &mut snapshot).await;
    match listed {
        Ok(listed) => snapshot.set_listed(listed),
        Err(error) if error.is_not_found() => {}
        // Without the list an orphan could be missed, and a plan must say so.
        Err(error) => snapshot.insert(
            graph.group().clone(),
            Observed::Unreadable(sentence(&error)),
        ),
    }
    snapshot
}

/// An error and its remedy as one sentence.
pub(crate) fn sentence(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    error
        .hint()
        .map_or_else(|| text.clone(), |hint| format!("{text}; {hint}"))
}

/// One request and the resources of which it tells.
enum Question<'a> {
    /// A GET of one resource.
    Read(&'a Node),
    /// A list that holds several resources.
    List {
        path: String,
        kind: Kind,
        nodes: Vec<&'a Node>,
    },
    /// The runs of a job.
    Executions(&'a Node),
    /// A vault, and when it is not there, the deleted one that holds its name.
    Vault(&'a Node),
    /// The assignments of roles at a scope.
    Roles {
        scope: ResourceId,
        nodes: Vec<&'a Node>,
    },
}

/// What a question told.
#[derive(Debug, Default)]
struct Answer {
    observed: Vec<(ResourceId, Observed)>,
    /// A deleted vault, by the id that it had.
    deleted: Option<(ResourceId, Value)>,
    /// Assignments of roles, ours and others.
    assignments: Vec<Value>,
}

impl From<Vec<(ResourceId, Observed)>> for Answer {
    fn from(observed: Vec<(ResourceId, Observed)>) -> Self {
        Self {
            observed,
            ..Self::default()
        }
    }
}

/// The requests that tell of every node, as few as answer everything in one round trip.
fn questions(graph: &ResourceGraph) -> Vec<Question<'_>> {
    let mut lists: BTreeMap<String, (Kind, Vec<&Node>)> = BTreeMap::new();
    let mut roles: BTreeMap<ResourceId, Vec<&Node>> = BTreeMap::new();
    let mut questions = Vec::new();
    for node in graph.nodes() {
        match node.kind() {
            Kind::JobExecution => questions.push(Question::Executions(node)),
            Kind::Vault => questions.push(Question::Vault(node)),
            // Its app tells.
            Kind::CustomDomain => {}
            Kind::RoleAssignment => {
                let scope = node.id().parent().unwrap_or_else(|| graph.group().clone());
                roles.entry(scope).or_default().push(node);
            }
            kind => match list_path(kind, node.id()) {
                Some(path) => lists.entry(path).or_insert((kind, Vec::new())).1.push(node),
                None => questions.push(Question::Read(node)),
            },
        }
    }
    let roles = roles.into_iter();
    questions.extend(roles.map(|(scope, nodes)| Question::Roles { scope, nodes }));
    for (path, (kind, nodes)) in lists {
        match nodes.as_slice() {
            [only] => questions.push(Question::Read(only)),
            _ => questions.push(Question::List { path, kind, nodes }),
        }
    }
    questions
}

/// The list that holds a resource in full, for the kinds whose list answers whole resources.
fn list_path(kind: Kind, id: &ResourceId) -> Option<String> {
    let siblings = || {
        id.as_str()
            .rsplit_once('/')
            .map(|(list, _)| list.to_owned())
    };
    match kind {
        Kind::ContainerApp
        | Kind::PostgresDatabase
        | Kind::BlobContainer
        | Kind::VaultSecret
        | Kind::NetworkSecurityGroup
        | Kind::Subnet
        | Kind::PrivateEndpoint
        | Kind::PrivateDnsZone => siblings(),
        _ => None,
    }
}

impl Question<'_> {
    async fn ask(&self, client: &ArmClient) -> Answer {
        match self {
            Self::Read(node) => read(client, node).await.into(),
            Self::List { path, kind, nodes } => {
                from_list(client.list(path, kind.api_version()).await, nodes).into()
            }
            Self::Executions(node) => {
                vec![(node.id().clone(), execution(client, node).await)].into()
            }
            Self::Vault(node) => vault(client, node).await,
            Self::Roles { scope, nodes } => roles::ask(client, scope, nodes).await,
        }
    }
}

async fn read(client: &ArmClient, node: &Node) -> Vec<(ResourceId, Observed)> {
    let answer = client
        .get(node.id().as_str(), node.kind().api_version())
        .await;
    vec![(node.id().clone(), from_get(answer))]
}

async fn vault(client: &ArmClient, node: &Node) -> Answer {
    let mut answer = Answer::from(read(client, node).await);
    if let [(id, Observed::Absent)] = answer.observed.as_slice() {
        let location = node.body().get("location").and_then(Value::as_str);
        let found = deleted_vault(client, id, location.unwrap_or_default()).await;
        answer.deleted = found.map(|body| (id.clone(), body));
    }
    answer
}

/// The deleted vault that holds a name, as far as the caller may know: the question is about the
/// subscription, and who has rights on the group alone gets no answer. Azure says it at the write.
pub(crate) async fn deleted_vault(
    client: &ArmClient,
    id: &ResourceId,
    location: &str,
) -> Option<Value> {
    let path = format!(
        "/subscriptions/{}/providers/Microsoft.KeyVault/locations/{location}/deletedVaults/{}",
        id.subscription(),
        id.name()
    );
    match client.get(&path, Kind::Vault.api_version()).await {
        Ok(found) => found,
        Err(error) => {
            tracing::debug!(%error, "deleted vaults can't be asked for");
            None
        }
    }
}

fn from_get(answer: Result<Option<Value>, Error>) -> Observed {
    match answer {
        Ok(Some(body)) => Observed::Present(body),
        Ok(None) => Observed::Absent,
        Err(error) => Observed::Unreadable(sentence(&error)),
    }
}

fn from_list(answer: Result<Vec<Value>, Error>, nodes: &[&Node]) -> Vec<(ResourceId, Observed)> {
    let items = match answer {
        Ok(items) => items,
        Err(error) if error.is_not_found() => Vec::new(),
        Err(error) => {
            let unreadable =
                |node: &&Node| (node.id().clone(), Observed::Unreadable(sentence(&error)));
            return nodes.iter().map(unreadable).collect();
        }
    };
    let mut found: BTreeMap<ResourceId, Value> = items
        .into_iter()
        .filter_map(|item| Some((id_of(&item)?, item)))
        .collect();
    let observed = |node: &&Node| {
        let seen = found
            .remove(node.id())
            .map_or(Observed::Absent, Observed::Present);
        (node.id().clone(), seen)
    };
    nodes.iter().map(observed).collect()
}

fn id_of(item: &Value) -> Option<ResourceId> {
    ResourceId::parse(item.get("id")?.as_str()?).ok()
}

/// The run of a job that counts: a succeeded one with the wanted image, else one under way.
async fn execution(client: &ArmClient, node: &Node) -> Observed {
    let Some(job) = node.id().parent() else {
        return Observed::Absent;
    };
    let wanted = node
        .body()
        .get("image")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let path = format!("{job}/executions");
    match client.list(&path, Kind::JobExecution.api_version()).await {
        Ok(runs) => best_run(&runs, wanted).map_or(Observed::Absent, Observed::Present),
        Err(error) if error.is_not_found() => Observed::Absent,
        Err(error) => Observed::Unreadable(sentence(&error)),
    }
}

/// Of the runs with an image: the succeeded one, else one that is not finished.
pub(crate) fn best_run(runs: &[Value], image: &str) -> Option<Value> {
    let ran_image = |run: &&Value| {
        let containers = run
            .pointer("/properties/template/containers")
            .and_then(Value::as_array);
        let images = containers
            .into_iter()
            .flatten()
            .filter_map(|one| one.get("image")?.as_str());
        images.into_iter().any(|one| one == image)
    };
    let status = |run: &Value| {
        let status = run.pointer("/properties/status").and_then(Value::as_str);
        status.unwrap_or_default().to_owned()
    };
    let with_image: Vec<&Value> = runs.iter().filter(ran_image).collect();
    let with_status = |words: &[&str]| {
        let is_one = |run: &&&Value| {
            words
                .iter()
                .any(|word| status(run).eq_ignore_ascii_case(word))
        };
        with_image.iter().find(is_one).copied()
    };
    let run = with_status(&["Succeeded"]).or_else(|| with_status(&["Running", "Processing"]))?;
    Some(json!({
        "image": image,
        "status": status(run),
        "execution": run.get("name").and_then(Value::as_str).unwrap_or_default(),
    }))
}

/// The resources of the group that carry our tag.
async fn list_owned(
    client: &ArmClient,
    graph: &ResourceGraph,
) -> Result<Vec<ListedResource>, Error> {
    let path = format!(
        "{}/resources?$filter=tagName eq '{OWNER_TAG}' and tagValue eq '{}'",
        graph.group(),
        graph.owner()
    );
    let items = client
        .list(&path, Kind::ResourceGroup.api_version())
        .await?;
    let listed = |item: &Value| {
        let tags = item.get("tags").and_then(Value::as_object);
        let tags = tags
            .into_iter()
            .flatten()
            .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())));
        Some(ListedResource {
            id: id_of(item)?,
            tags: tags.collect(),
        })
    };
    // An endpoint that ignores the filter must not turn strangers into orphans.
    let is_ours = |one: &ListedResource| {
        let mut tags = one.tags.iter();
        tags.any(|(name, value)| name.eq_ignore_ascii_case(OWNER_TAG) && value == graph.owner())
    };
    Ok(items.iter().filter_map(listed).filter(is_ours).collect())
}

/// Reads the rendered files that apps hold now, for the apps in whose files the plan sees a
/// change, so that a second plan can show them as a text diff. Whoever may not read an app's
/// secrets sees the change by its hash alone.
pub async fn read_files(
    client: &ArmClient,
    graph: &ResourceGraph,
    plan: &Plan,
    snapshot: &mut Snapshot,
) {
    let tag = format!("tags.{}", dify_infra_core::plan::FILES_TAG);
    let changed = plan.changes().iter().filter(|change| {
        change
            .differences
            .iter()
            .any(|difference| difference.path == tag && difference.before.is_some())
    });
    let nodes: Vec<&Node> = changed.filter_map(|change| graph.get(&change.id)).collect();
    let answers = join_all(nodes.iter().map(|node| list_secrets(client, node.id()))).await;
    for (node, answer) in nodes.into_iter().zip(answers) {
        let names: BTreeSet<&str> = files_of(node.body()).into_keys().collect();
        let files = answer.unwrap_or_default().into_iter();
        let files = files
            .filter(|(name, _)| names.contains(name.as_str()))
            .collect();
        snapshot.set_files(node.id().clone(), files);
    }
}

/// The secrets of an app or a job, by name.
pub(crate) async fn list_secrets(
    client: &ArmClient,
    id: &ResourceId,
) -> Result<BTreeMap<String, String>, Error> {
    let version = Kind::ContainerApp.api_version();
    let answer = client
        .post_action(id.as_str(), "listSecrets", version, None)
        .await?;
    let items = answer
        .get("value")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    let pairs = items.filter_map(|item| {
        Some((
            item.get("name")?.as_str()?.to_owned(),
            item.get("value")?.as_str()?.to_owned(),
        ))
    });
    Ok(pairs.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(name: &str, image: &str, status: &str) -> Value {
        json!({ "name": name, "properties": {
            "status": status, "template": { "containers": [{ "image": image }] },
        }})
    }

    #[test]
    fn a_succeeded_run_with_the_image_counts_before_one_under_way() {
        let runs = [
            run("a", "x", "Running"),
            run("b", "x", "Succeeded"),
            run("c", "y", "Running"),
        ];
        assert_eq!(best_run(&runs, "x").unwrap()["execution"], "b");
        assert_eq!(best_run(&runs[..1], "x").unwrap()["status"], "Running");
        assert_eq!(best_run(&runs, "z"), None);
    }

    #[test]
    fn a_failed_run_does_not_count() {
        assert_eq!(best_run(&[run("a", "x", "Failed")], "x"), None);
    }
}
