//! From a deployment to Azure resources: the only place that knows how Dify maps onto Azure.

mod apps;
mod data;
mod domain;
mod gateway;
mod identity;
mod names;
mod network;
mod rules;
mod vault;

use std::collections::{BTreeMap, BTreeSet};

use super::{GraphError, Management, ResourceGraph};
use crate::deployment::Deployment;
use crate::names::{SubscriptionId, Suffix};
use crate::render::RenderError;
use crate::resource::monitor::{Workspace, WorkspaceProperties, WorkspaceSku};
use crate::resource::resources::ResourceGroup;
use crate::resource::{AnyResource, OWNER_TAG, ResourceId};

pub use names::{ResourceNames, registry_id};
pub(crate) use names::{storage_account, vault};

/// The stand-in for a subscription that is not known: in files that are rendered offline.
const NO_SUBSCRIPTION: &str = "00000000-0000-0000-0000-000000000000";

/// The subscription that a graph is made for.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    subscription: Option<SubscriptionId>,
    suffix: Option<Suffix>,
}

impl Target {
    /// The deployment in this subscription. A subscription in the file goes first; without any,
    /// global names end in `<suffix>` and ids name a subscription of zeros.
    pub fn new(deployment: &Deployment, subscription: Option<&SubscriptionId>) -> Self {
        let subscription = deployment
            .azure()
            .subscription
            .as_ref()
            .or(subscription)
            .cloned();
        let suffix = deployment.suffix(subscription.as_ref());
        Self {
            subscription,
            suffix,
        }
    }

    /// The subscription's id, or zeros.
    pub fn subscription(&self) -> &str {
        self.subscription
            .as_ref()
            .map_or(NO_SUBSCRIPTION, SubscriptionId::as_str)
    }

    /// The suffix of global names, or `<suffix>`.
    pub fn suffix(&self) -> &str {
        self.suffix.as_ref().map_or("<suffix>", Suffix::as_str)
    }
}

/// A deployment that can't be turned into resources.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LowerError {
    /// A file for a container can't be rendered.
    #[error("a file for a container can't be rendered")]
    Render(#[from] RenderError),
    /// The resources do not fit together.
    #[error("the resources of the deployment do not fit together")]
    Graph(#[from] GraphError),
}

/// What lowering needs everywhere.
pub(crate) struct Context<'a> {
    deployment: &'a Deployment,
    group: ResourceId,
    names: ResourceNames,
    tags: BTreeMap<String, String>,
}

impl Context<'_> {
    fn location(&self) -> String {
        self.deployment.location().as_str().to_owned()
    }
}

/// Turns a deployment into the graph of its resources.
///
/// # Errors
///
/// When a rendered file can't be written for the routes or the policy of the deployment; a
/// deployment that was resolved from a file or a builder always lowers.
pub fn lower(deployment: &Deployment, target: &Target) -> Result<ResourceGraph, LowerError> {
    let group = deployment.azure().resource_group.as_str();
    let owner = deployment.prefix().as_str();
    let mut tags: BTreeMap<String, String> = deployment
        .azure()
        .tags
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_string()))
        .collect();
    tags.insert(OWNER_TAG.to_owned(), owner.to_owned());
    let context = Context {
        deployment,
        group: ResourceId::resource_group(target.subscription(), group),
        names: ResourceNames::new(deployment, target),
        tags,
    };
    let mut resources = vec![(resource_group(&context), Management::Managed)];
    resources.push((workspace(&context), Management::Managed));
    resources.extend(network::resources(&context));
    resources.extend(data::resources(&context));
    resources.extend(identity::resources(&context));
    resources.extend(vault::resources(&context));
    resources.extend(apps::resources(&context)?);
    resources.extend(domain::resources(&context));
    let known: BTreeSet<ResourceId> = resources.iter().map(|(one, _)| one.id().clone()).collect();
    // An identity that the file names may read the secrets too.
    let gateway = gateway::resources(&context).into_iter();
    resources.extend(gateway.filter(|(one, _)| !known.contains(one.id())));
    let graph = ResourceGraph::new(owner, context.group, resources)?;
    Ok(graph.with_allowed(deployment.allowed_rules()))
}

fn resource_group(context: &Context<'_>) -> AnyResource {
    ResourceGroup {
        id: context.group.clone(),
        location: context.location(),
        tags: context.tags.clone(),
    }
    .into()
}

fn workspace(context: &Context<'_>) -> AnyResource {
    Workspace {
        id: context.workspace(),
        location: context.location(),
        tags: context.tags.clone(),
        properties: WorkspaceProperties {
            retention_in_days: context.deployment.logs().retention_days,
            sku: WorkspaceSku {
                name: "PerGB2018".to_owned(),
            },
        },
    }
    .into()
}
