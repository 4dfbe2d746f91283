//! Secrets in a key vault: new versions and who follows them, values that nobody can read, vaults
//! that were deleted.

use std::collections::BTreeSet;

use serde_json::Value;

use super::planner::unknown;
use super::{Action, Change, Fingerprints, Risk, RiskLevel, Snapshot, secrets_of};
use crate::diff::{Difference, KNOWN_AFTER_APPLY};
use crate::graph::{Management, Node, ResourceGraph};
use crate::resource::{FINGERPRINT_TAG, Kind, OWNER_TAG, ResourceId, Text};
use crate::secrets::SecretName;

/// Where a vault's secret has its value.
pub(super) const VALUE: &str = "properties.value";

/// Whether a change of a vault's secret writes its value, which makes a new version; otherwise it
/// is about tags and attributes alone.
pub fn writes_value(change: &Change) -> bool {
    let fingerprint = format!("tags.{FINGERPRINT_TAG}-");
    match change.action {
        Action::Create | Action::Replace => true,
        Action::Update => change
            .differences
            .iter()
            .any(|one| one.path == VALUE || one.path.starts_with(&fingerprint)),
        Action::Delete | Action::NoChange | Action::Waiting | Action::Unknown => false,
    }
}

/// A server that is made needs a password whose value is at hand. A vault that holds one does not
/// give it back through Resource Manager, so a value that has no fingerprint here is written anew,
/// to both.
pub(super) fn renew_unreadable(
    graph: &ResourceGraph,
    fingerprints: Option<&Fingerprints>,
    changes: &mut [Change],
) {
    let is_known = |name: &SecretName| fingerprints.is_some_and(|known| known.contains_key(name));
    let made = changes.iter().filter(|change| {
        let is_vault = change.kind == Some(Kind::VaultSecret);
        matches!(change.action, Action::Create | Action::Replace) && !is_vault
    });
    let needed: BTreeSet<SecretName> = made
        .filter_map(|change| graph.get(&change.id))
        .flat_map(|node| secrets_of(node.body()))
        .filter(|name| !is_known(name))
        .collect();
    for change in changes {
        let node = graph.get(&change.id).filter(|node| {
            let is_present = matches!(change.action, Action::NoChange | Action::Update);
            is_present && node.kind() == Kind::VaultSecret
        });
        let Some(node) = node else { continue };
        if secrets_of(node.body()).is_disjoint(&needed) || writes_value(change) {
            continue;
        }
        change.action = Action::Update;
        "what is made needs the value, and the vault does not give it back"
            .clone_into(&mut change.reason);
        change.differences.push(Difference {
            path: VALUE.to_owned(),
            before: Some(Value::from("(the old value)")),
            after: Some(Value::from("(a new value)")),
        });
    }
}

/// Apps and jobs name a version of each secret, so they change with every new one.
pub(super) fn follow_new_versions(graph: &ResourceGraph, changes: &mut [Change]) {
    let written: BTreeSet<ResourceId> = changes
        .iter()
        .filter(|change| change.kind == Some(Kind::VaultSecret) && writes_value(change))
        .map(|change| change.id.clone())
        .collect();
    for change in changes {
        let is_present = matches!(change.action, Action::NoChange | Action::Update);
        let node = graph.get(&change.id).filter(|_| is_present);
        let Some(node) = node.filter(|node| node.management() == Management::Managed) else {
            continue;
        };
        let new: Vec<Difference> = new_versions(node, &written)
            .filter(|new| change.differences.iter().all(|one| one.path != new.path))
            .collect();
        if new.is_empty() {
            continue;
        }
        if change.action == Action::NoChange {
            change.action = Action::Update;
            "a secret that it reads has a new version".clone_into(&mut change.reason);
        }
        if change.risk.level < RiskLevel::Restart && node.kind() == Kind::ContainerApp {
            change.risk = Risk::new(
                RiskLevel::Restart,
                "a new revision replaces the running one",
            );
        }
        change.differences.extend(new);
    }
}

/// The references of a body to secrets that get a new version.
fn new_versions<'a>(
    node: &'a Node,
    written: &'a BTreeSet<ResourceId>,
) -> impl Iterator<Item = Difference> + 'a {
    let secrets = node
        .body()
        .pointer("/properties/configuration/secrets")
        .and_then(Value::as_array);
    secrets.into_iter().flatten().filter_map(|secret| {
        let address = Text::from_marker(secret.get("keyVaultUrl")?)?;
        let is_new = address.resources().iter().any(|id| written.contains(id));
        let name = secret.get("name").and_then(Value::as_str)?;
        is_new.then(|| Difference {
            path: format!("properties.configuration.secrets[{name}].keyVaultUrl"),
            before: Some(Value::from("(the version before)")),
            after: Some(Value::from(KNOWN_AFTER_APPLY)),
        })
    })
}

/// Says of a vault that is not there whether a deleted one of its name comes back instead.
pub(super) fn deleted_vault(
    graph: &ResourceGraph,
    node: &Node,
    snapshot: &Snapshot,
    change: &mut Change,
) {
    let vault = match node.kind() {
        Kind::Vault => node.id().clone(),
        Kind::VaultSecret => match node.id().parent() {
            Some(vault) => vault,
            None => return,
        },
        _ => return,
    };
    let Some(deleted) = snapshot.deleted(&vault) else {
        return;
    };
    let text = |pointer: &str| deleted.pointer(pointer).and_then(Value::as_str);
    let owner = format!("/properties/tags/{OWNER_TAG}");
    let same = text("/properties/vaultId")
        .and_then(|id| ResourceId::parse(id).ok())
        .is_some_and(|id| id == vault);
    let is_ours = same && text(&owner) == Some(graph.owner());
    let until = text("/properties/scheduledPurgeDate").unwrap_or("an unknown time");
    if node.kind() == Kind::VaultSecret {
        if is_ours {
            "it comes back with the deleted vault, or is written".clone_into(&mut change.reason);
        }
    } else if is_ours {
        change.reason =
            format!("a deleted vault of this name is brought back; it would be gone at {until}");
    } else {
        let held = text("/properties/vaultId").unwrap_or("another vault");
        let reason = format!(
            "the name is held until {until} by a deleted vault that is not this deployment's \
             ({held}); set another `azure.suffix`, or have its owner recover or purge it \
             (`az keyvault list-deleted`)"
        );
        unknown(change, &reason);
    }
}
