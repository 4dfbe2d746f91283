//! `Microsoft.ContainerRegistry`: the registry that images come from. It is never made or changed.

use std::collections::BTreeMap;

use serde::Serialize;

use super::ResourceId;

/// A container registry that exists.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Registry {
    /// The registry's id.
    #[serde(skip)]
    pub id: ResourceId,
    /// Whether it must be of the size Premium, which alone takes private endpoints
    /// (<https://learn.microsoft.com/azure/container-registry/container-registry-private-link>).
    #[serde(skip)]
    pub needs_premium: bool,
    /// Azure region.
    pub location: String,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// Size class.
    pub sku: RegistrySku,
}

/// The size class of a [`Registry`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RegistrySku {
    /// `Basic`, `Standard` or `Premium`.
    pub name: String,
}

resource!(Registry, Registry);
