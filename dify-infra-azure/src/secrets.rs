//! Where the values of a deployment's secrets come from and are kept: its file, what live apps still hold,
//! the system's randomness.

mod private;
mod random;
mod store;
#[cfg(test)]
mod tests;

pub use private::{Existing, WriteError, write_private};
pub use random::SystemRandom;
pub use store::{Completed, SecretsFile, SecretsFileError, other_group};

use std::collections::BTreeSet;

use dify_infra_core::graph::{Node, ResourceGraph};
use dify_infra_core::plan::{Snapshot, secrets_of};
use dify_infra_core::resource::{Kind, ResourceId};
use dify_infra_core::secrets::{SecretName, Secrets};
use futures_util::future::join_all;
use secrecy::SecretString;

use crate::Error;
use crate::arm::ArmClient;
use crate::observe::list_secrets;

/// What came back from a live deployment.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Recovered {
    /// The secrets that some app or job still holds.
    pub secrets: Secrets,
    /// What could not be asked, and why; a secret that is missing may be there.
    pub unreadable: Vec<(ResourceId, Error)>,
}

/// The secrets that a key vault holds, so that nobody has to bring their values: Resource Manager
/// does not give them back, and apps read them from the vault. What is about to be made with a value
/// (a database server with its password) needs the value all the same.
pub fn held_in_vault(graph: &ResourceGraph, snapshot: &Snapshot) -> BTreeSet<SecretName> {
    let is_there = |node: &&Node| {
        let vault = node.id().parent();
        snapshot.body(node.id()).is_some()
            || vault.is_some_and(|vault| snapshot.deleted(&vault).is_some())
    };
    let in_vault = graph
        .nodes()
        .filter(|node| node.kind() == Kind::VaultSecret)
        .filter(is_there)
        .flat_map(|node| secrets_of(node.body()));
    let elsewhere: BTreeSet<SecretName> = graph
        .nodes()
        .filter(|node| node.kind() != Kind::VaultSecret && snapshot.body(node.id()).is_none())
        .flat_map(|node| secrets_of(node.body()))
        .collect();
    in_vault.filter(|name| !elsewhere.contains(name)).collect()
}

/// Asks the live apps and jobs of a deployment for the secrets it needs (`listSecrets`), all at
/// once.
pub async fn recover(
    client: &ArmClient,
    graph: &ResourceGraph,
    snapshot: &Snapshot,
    wanted: &BTreeSet<SecretName>,
) -> Recovered {
    let holders = graph.nodes().filter(|node| {
        matches!(node.kind(), Kind::ContainerApp | Kind::Job) && snapshot.body(node.id()).is_some()
    });
    let ids: Vec<&ResourceId> = holders.map(Node::id).collect();
    let answers = join_all(ids.iter().map(|id| list_secrets(client, id))).await;
    let mut recovered = Recovered::default();
    for (id, answer) in ids.into_iter().zip(answers) {
        match answer {
            Ok(found) => {
                for (name, value) in found {
                    let Ok(name) = name.parse::<SecretName>() else {
                        continue;
                    };
                    if wanted.contains(&name) && !value.is_empty() {
                        recovered.secrets.insert(name, SecretString::from(value));
                    }
                }
            }
            Err(error) => recovered.unreadable.push((id.clone(), error)),
        }
    }
    recovered
}
