//! What would stop a run, found before its first write.

mod links;
mod rights;
mod roles;
mod sharing;
mod users;

pub use users::{Users, users_of};

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use dify_infra_core::graph::{Management, Node, ResourceGraph};
use dify_infra_core::plan::{Action, Plan};
use dify_infra_core::resource::{Kind, ResourceId};
use futures_util::future::{join_all, join3, join4};
use serde_json::{Value, json};

use crate::Error;
use crate::arm::{ArmClient, ProviderStatus, RegistrationState};
use crate::observe::{deleted_vault, sentence};

pub(crate) use self::rights::{PERMISSIONS, is_allowed};

/// What a [`Problem`] is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ProblemKind {
    /// The subscription can't be seen, or is not enabled.
    Subscription,
    /// A resource provider is not registered, or can't be looked up.
    Provider,
    /// The region does not offer a type of resource.
    Region,
    /// The credentials lack a right, or the right to give a role.
    Right,
    /// A name that must be unique in all of Azure is taken.
    Name,
    /// Another deployment keeps its data there.
    SharedData,
    /// Somebody else uses what would be deleted.
    Used,
    /// The registry is not there, or can't be read.
    Registry,
}

/// Something that would stop the run.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Problem {
    /// What it is about, for programs.
    pub kind: ProblemKind,
    /// What is wrong, as a sentence.
    pub what: String,
    /// What to do about it.
    pub remedy: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}; {}", self.what, self.remedy)
    }
}

impl std::error::Error for Problem {}

impl Problem {
    pub(crate) fn new(
        kind: ProblemKind,
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            kind,
            what: what.into(),
            remedy: remedy.into(),
        }
    }
}

/// Looks for what would stop a plan: an unknown subscription, providers that are not registered, a
/// region without a service, missing rights, names that are taken, existing data services
/// in which another deployment has its data. Nothing is asked for a plan
/// that is complete and writes nothing; an incomplete one may be so because of what is found here.
pub async fn preflight(client: &ArmClient, graph: &ResourceGraph, plan: &Plan) -> Vec<Problem> {
    if plan.is_empty() {
        return Vec::new();
    }
    if let Some(problem) = subscription(client, graph).await {
        return vec![problem];
    }
    let (providers, rights, names, sharing) = join4(
        providers(client, graph, plan),
        rights::rights(client, graph, plan),
        names(client, graph, plan),
        sharing::sharing(client, graph),
    )
    .await;
    let found = providers.into_iter().chain(rights).chain(names);
    found.chain(sharing).collect()
}

/// A subscription that the caller can't see makes every other question pointless.
async fn subscription(client: &ArmClient, graph: &ResourceGraph) -> Option<Problem> {
    let id = graph.group().subscription();
    let visible = match client.subscriptions().await {
        Ok(visible) => visible,
        Err(error) => {
            return Some(Problem::new(
                ProblemKind::Subscription,
                format!("the subscriptions can't be listed: {}", sentence(&error)),
                "check the credentials with `az account show`",
            ));
        }
    };
    match visible
        .iter()
        .find(|known| known.id.eq_ignore_ascii_case(id))
    {
        Some(known) if known.state.eq_ignore_ascii_case("Enabled") => None,
        Some(known) => Some(Problem::new(
            ProblemKind::Subscription,
            format!("the subscription {} ({id}) is {}", known.name, known.state),
            "resources can be made in an enabled subscription alone; have it enabled or choose \
             another",
        )),
        None => {
            let others: Vec<String> = visible
                .iter()
                .map(|known| format!("{} ({})", known.name, known.id))
                .collect();
            let others = if others.is_empty() {
                "none".to_owned()
            } else {
                others.join(", ")
            };
            Some(Problem::new(
                ProblemKind::Subscription,
                format!("the subscription {id} is not one that these credentials can see"),
                format!("name one of: {others}; or sign in to the tenant that has it"),
            ))
        }
    }
}

/// The kinds that the plan writes, with their location.
fn written_kinds(plan: &Plan) -> BTreeSet<Kind> {
    let writes = plan
        .changes()
        .iter()
        .filter(|change| change.action.writes());
    writes.filter_map(|change| change.kind).collect()
}

/// Each namespace is registered and serves its types in the region.
async fn providers(client: &ArmClient, graph: &ResourceGraph, plan: &Plan) -> Vec<Problem> {
    let mut types: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for kind in written_kinds(plan) {
        if let Some((namespace, of_it)) = kind.resource_type().split_once('/')
            && namespace != "Microsoft.Resources"
        {
            types.entry(namespace).or_default().push(of_it);
        }
    }
    let subscription = graph.group().subscription();
    let ask = |namespace: &str| {
        let (client, namespace) = (client.clone(), namespace.to_owned());
        async move { client.provider(subscription, &namespace).await }
    };
    let answers = join_all(types.keys().map(|namespace| ask(namespace))).await;
    let location = location(graph);
    let judged = types
        .iter()
        .zip(answers)
        .map(|((namespace, types), answer)| match answer {
            Ok(status) => judge_provider(&status, types, &location),
            // A right on the group alone does not reach the subscription: Azure will say.
            Err(error) if error.is_denied() => Vec::new(),
            Err(error) => vec![Problem::new(
                ProblemKind::Provider,
                format!(
                    "the provider {namespace} can't be looked up: {}",
                    sentence(&error)
                ),
                "check that the subscription is right and that you may read it",
            )],
        });
    judged.flatten().collect()
}

fn location(graph: &ResourceGraph) -> String {
    let mut locations = graph
        .nodes()
        .filter_map(|node| node.body().get("location")?.as_str());
    locations.next().unwrap_or_default().to_owned()
}

fn judge_provider(status: &ProviderStatus, types: &[&str], location: &str) -> Vec<Problem> {
    let namespace = &status.namespace;
    match &status.registration_state {
        RegistrationState::Registered => {}
        RegistrationState::Registering => {
            return vec![Problem::new(
                ProblemKind::Provider,
                format!("the provider {namespace} is still being registered"),
                format!(
                    "wait until `az provider show -n {namespace} --query registrationState` \
                         says Registered, then run again"
                ),
            )];
        }
        _ => {
            return vec![Problem::new(
                ProblemKind::Provider,
                format!("the subscription is not registered to use {namespace}"),
                format!(
                    "run `az provider register -n {namespace} --wait`; it needs a right at the \
                         subscription, which a Contributor of it has"
                ),
            )];
        }
    }
    let unserved = |name: &&&str| {
        // Children are served where their parent is, and have no list of their own.
        status
            .resource_type(name)
            .is_some_and(|known| !known.is_served_in(location))
    };
    let unserved = types.iter().filter(unserved).map(|name| {
        Problem::new(
            ProblemKind::Region,
            format!("{namespace}/{name} is not offered in {location}"),
            "choose another `location` in the file",
        )
    });
    unserved.collect()
}

/// Names that must be unique in all of Azure are free.
async fn names(client: &ArmClient, graph: &ResourceGraph, plan: &Plan) -> Vec<Problem> {
    let is_new = |id: &ResourceId| {
        let managed = graph
            .get(id)
            .is_some_and(|node| node.management() == Management::Managed);
        managed
            && plan
                .change(id)
                .is_some_and(|change| change.action == Action::Create)
    };
    let find = |kind: Kind| {
        let node = graph.nodes().find(|node| node.kind() == kind);
        node.map(Node::id).filter(|id| is_new(id))
    };
    let (storage, postgres, vault) = join3(
        check_name(client, find(Kind::StorageAccount), Kind::StorageAccount),
        check_name(client, find(Kind::PostgresServer), Kind::PostgresServer),
        check_vault(client, graph, find(Kind::Vault)),
    )
    .await;
    storage.into_iter().chain(postgres).chain(vault).collect()
}

/// A vault's name may be held by a deleted vault, which then comes back.
async fn check_vault(
    client: &ArmClient,
    graph: &ResourceGraph,
    id: Option<&ResourceId>,
) -> Option<Problem> {
    let problem = check_name(client, id, Kind::Vault).await?;
    let deleted = deleted_vault(client, id?, &location(graph)).await;
    deleted.is_none().then_some(problem)
}

async fn check_name(client: &ArmClient, id: Option<&ResourceId>, kind: Kind) -> Option<Problem> {
    let id = id?;
    let (namespace, _) = kind.resource_type().split_once('/')?;
    let scope = format!("/subscriptions/{}/providers/{namespace}", id.subscription());
    let body = json!({ "name": id.name(), "type": kind.resource_type() });
    let answer = client
        .post_action(
            &scope,
            "checkNameAvailability",
            kind.api_version(),
            Some(&body),
        )
        .await;
    match answer {
        Ok(answer) if answer.get("nameAvailable") == Some(&Value::Bool(false)) => {
            let reason = answer
                .get("message")
                .and_then(Value::as_str)
                .unwrap_or("it is taken");
            Some(Problem::new(
                ProblemKind::Name,
                format!("the name {} is not free: {reason}", id.name()),
                "set another `azure.suffix` in the file; a name that was deleted a short while ago \
                 may still be held",
            ))
        }
        // A question that is refused says nothing about the name.
        Ok(_) => None,
        Err(error) => log_refused(&error),
    }
}

fn log_refused(error: &Error) -> Option<Problem> {
    tracing::debug!(%error, "the availability of a name can't be asked");
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unregistered_provider_names_the_command() {
        let status = ProviderStatus {
            namespace: "Microsoft.App".to_owned(),
            registration_state: RegistrationState::NotRegistered,
            types: Vec::new(),
        };
        let problems = judge_provider(&status, &["jobs"], "japaneast");
        assert!(
            problems[0]
                .remedy
                .contains("az provider register -n Microsoft.App")
        );
    }
}
