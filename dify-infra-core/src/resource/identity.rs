//! `Microsoft.ManagedIdentity`: identities that apps carry, and how an app is given one.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::ResourceId;

/// A user-assigned identity: an account of Azure without a password, which an app may be given.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct UserAssignedIdentity {
    /// The identity's id.
    #[serde(skip)]
    pub id: ResourceId,
    /// Azure region.
    pub location: String,
    /// Tags.
    pub tags: BTreeMap<String, String>,
}

/// The identities of an app or a job.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AssignedIdentities {
    /// `UserAssigned`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The identities, by id; Azure fills in what it knows of each.
    pub user_assigned_identities: Map<String, Value>,
}

impl AssignedIdentities {
    /// These identities; nothing when there are none.
    pub fn of(ids: &[ResourceId]) -> Option<Self> {
        let entries = ids.iter().map(|id| (id.to_string(), json!({})));
        (!ids.is_empty()).then(|| Self {
            kind: "UserAssigned".to_owned(),
            user_assigned_identities: entries.collect(),
        })
    }
}

/// Who of an app may get tokens of an identity.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct IdentitySetting {
    /// The identity's id.
    pub identity: String,
    /// `None`: Container Apps itself, to pull images and read secrets; no container gets a token.
    /// `Main`: the containers too
    /// (<https://learn.microsoft.com/azure/container-apps/managed-identity#control-managed-identity-availability>).
    pub lifecycle: String,
}

resource!(UserAssignedIdentity, UserAssignedIdentity);
