//! `Microsoft.Resources`: the resource group.

use std::collections::BTreeMap;

use serde::Serialize;

use super::ResourceId;

/// A resource group. It is created when absent and never changed afterwards: other people's
/// resources and tags may be in it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ResourceGroup {
    /// The group's id.
    #[serde(skip)]
    pub id: ResourceId,
    /// Azure region of the group's metadata.
    pub location: String,
    /// Tags at creation.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
}

resource!(ResourceGroup, ResourceGroup);
