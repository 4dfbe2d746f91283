//! `Microsoft.OperationalInsights`: the Log Analytics workspace.

use std::collections::BTreeMap;

use serde::Serialize;

use super::ResourceId;

/// A Log Analytics workspace, which receives the console logs of every container.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Workspace {
    /// The workspace's id.
    #[serde(skip)]
    pub id: ResourceId,
    /// Azure region.
    pub location: String,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// What is managed of its properties.
    pub properties: WorkspaceProperties,
}

/// The managed properties of a [`Workspace`].
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkspaceProperties {
    /// Days for which logs are kept.
    pub retention_in_days: u32,
    /// Pricing.
    pub sku: WorkspaceSku,
}

/// The pricing of a [`Workspace`]: `PerGB2018` is the only one that new workspaces can take
/// (<https://learn.microsoft.com/azure/azure-monitor/logs/cost-logs>).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WorkspaceSku {
    /// The name of the price.
    pub name: String,
}

resource!(Workspace, Workspace);
