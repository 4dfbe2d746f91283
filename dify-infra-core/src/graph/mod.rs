//! The resources of a deployment and what each needs first.
//!
//! Edges come from references alone: the parent in an id, the id of another resource in a body, an
//! output of another resource in a [`Text`], and the few resources that
//! [`Resource::after`](crate::resource::Resource::after) names with a reason. Nothing else orders
//! work, so that what can run at once does.

mod display;
mod lower;
mod schedule;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use thiserror::Error;

use crate::deployment::AllowedRule;
use crate::resource::text::visit;
use crate::resource::{AnyResource, Kind, ResourceId, Text};

pub use lower::{LowerError, ResourceNames, Target, lower, registry_id};
pub(crate) use lower::{storage_account, vault};
pub use schedule::{Schedule, Task};

/// Whether a resource is ours to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Management {
    /// Created, updated and deleted by dify-infra.
    Managed,
    /// Made by someone else: read, referred to, never written.
    Existing,
}

/// A resource in the graph.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    resource: AnyResource,
    body: Value,
    management: Management,
    dependencies: BTreeSet<ResourceId>,
}

impl Node {
    /// The typed resource.
    pub fn resource(&self) -> &AnyResource {
        &self.resource
    }

    /// The resource's id.
    pub fn id(&self) -> &ResourceId {
        self.resource.id()
    }

    /// The resource's kind.
    pub fn kind(&self) -> Kind {
        self.resource.kind()
    }

    /// The body that is wanted, with markers where a value is not known yet.
    pub fn body(&self) -> &Value {
        &self.body
    }

    /// Whether the resource is ours to write.
    pub fn management(&self) -> Management {
        self.management
    }

    /// The resources of the graph that must be finished before this one is written.
    pub fn dependencies(&self) -> &BTreeSet<ResourceId> {
        &self.dependencies
    }
}

/// Resources that wait for each other in a circle, or stand twice under one id.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum GraphError {
    /// A circle of references.
    #[error("these resources wait for each other, so none can be first: {}", join(.0))]
    Cycle(Vec<ResourceId>),
    /// Two resources with one id.
    #[error("two resources have the id {0}")]
    Duplicate(ResourceId),
}

fn join(ids: &[ResourceId]) -> String {
    ids.iter()
        .map(ResourceId::name)
        .collect::<Vec<_>>()
        .join(" → ")
}

/// The resources of one deployment.
#[derive(Debug, Clone, PartialEq)]
pub struct ResourceGraph {
    owner: String,
    group: ResourceId,
    nodes: BTreeMap<ResourceId, Node>,
    /// Their ids, each after all that it needs.
    order: Vec<ResourceId>,
    allowed: Vec<AllowedRule>,
}

impl ResourceGraph {
    /// Finds the edges between the resources; `owner` is the value of the ownership tag.
    ///
    /// # Errors
    ///
    /// When two resources have the same id, or resources wait for each other in a circle.
    pub fn new(
        owner: &str,
        group: ResourceId,
        resources: Vec<(AnyResource, Management)>,
    ) -> Result<Self, GraphError> {
        let ids: BTreeSet<ResourceId> = resources
            .iter()
            .map(|(resource, _)| resource.id().clone())
            .collect();
        let mut nodes = BTreeMap::new();
        for (resource, management) in resources {
            let id = resource.id().clone();
            let body = resource.body();
            let dependencies = references(&resource, &body, &ids);
            let node = Node {
                resource,
                body,
                management,
                dependencies,
            };
            if nodes.insert(id.clone(), node).is_some() {
                return Err(GraphError::Duplicate(id));
            }
        }
        let order = order(&nodes);
        if order.len() < nodes.len() {
            let ordered: BTreeSet<&ResourceId> = order.iter().collect();
            return Err(GraphError::Cycle(find_cycle(&nodes, &ordered)));
        }
        Ok(Self {
            owner: owner.to_owned(),
            group,
            nodes,
            order,
            allowed: Vec::new(),
        })
    }

    /// The same graph with the rules that its deployment allows to be broken.
    pub(crate) fn with_allowed(mut self, allowed: &[AllowedRule]) -> Self {
        allowed.clone_into(&mut self.allowed);
        self
    }

    /// The rules that the deployment allows to be broken, which every plan tells its readers.
    pub fn allowed_rules(&self) -> &[AllowedRule] {
        &self.allowed
    }

    /// The value of the ownership tag: `<name>-<environment>`.
    pub fn owner(&self) -> &str {
        &self.owner
    }

    /// The resource group that holds everything.
    pub fn group(&self) -> &ResourceId {
        &self.group
    }

    /// Every resource, ordered by id.
    pub fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.nodes.values()
    }

    /// The resource with this id.
    pub fn get(&self, id: &ResourceId) -> Option<&Node> {
        self.nodes.get(id)
    }

    /// How many resources there are.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The resources in an order in which each comes after all that it needs.
    pub fn in_order(&self) -> Vec<&Node> {
        self.order
            .iter()
            .filter_map(|id| self.nodes.get(id))
            .collect()
    }
}

/// The ids in an order in which each comes after all that it needs; what waits in a circle is left out.
fn order(nodes: &BTreeMap<ResourceId, Node>) -> Vec<ResourceId> {
    let ids: Vec<&ResourceId> = nodes.keys().collect();
    let needs: Vec<Vec<usize>> = nodes
        .values()
        .map(|node| {
            let needed = node.dependencies.iter();
            needed
                .filter_map(|id| ids.binary_search(&id).ok())
                .collect()
        })
        .collect();
    let mut is_placed = vec![false; ids.len()];
    let mut order = Vec::with_capacity(ids.len());
    loop {
        let is_free = |at: &usize| !is_placed[*at] && needs[*at].iter().all(|it| is_placed[*it]);
        let free: Vec<usize> = (0..ids.len()).filter(is_free).collect();
        if free.is_empty() {
            return order;
        }
        for at in free {
            is_placed[at] = true;
            order.push(ids[at].clone());
        }
    }
}

/// A circle among the resources that could not be put in order.
fn find_cycle(
    nodes: &BTreeMap<ResourceId, Node>,
    ordered: &BTreeSet<&ResourceId>,
) -> Vec<ResourceId> {
    let start = nodes.keys().find(|id| !ordered.contains(id));
    let mut path: Vec<ResourceId> = start.into_iter().cloned().collect();
    let next_of = |id: &ResourceId| {
        let mut needed = nodes.get(id)?.dependencies.iter();
        needed.find(|id| !ordered.contains(id))
    };
    while let Some(next) = path.last().and_then(next_of) {
        let known = path.iter().position(|id| id == next);
        path.push(next.clone());
        if let Some(position) = known {
            path.drain(..position);
            break;
        }
    }
    path
}

/// What of `ids` a resource refers to.
fn references(
    resource: &AnyResource,
    body: &Value,
    ids: &BTreeSet<ResourceId>,
) -> BTreeSet<ResourceId> {
    let own = resource.id();
    let mut found: BTreeSet<ResourceId> = own.parent().into_iter().collect();
    found.extend(resource.after().iter().cloned());
    visit(body, &mut |value| {
        if let Some(text) = value.as_str() {
            // Most texts are none, and a failed reading costs a sentence.
            let is_id = text.starts_with('/');
            found.extend(is_id.then(|| ResourceId::parse(text).ok()).flatten());
            return false;
        }
        let text = Text::from_marker(value);
        let outputs = text.iter().flat_map(Text::resources);
        found.extend(outputs.cloned());
        text.is_none()
    });
    found.retain(|id| id != own && ids.contains(id));
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resource::container_apps::JobExecution;
    use crate::resource::resources::ResourceGroup;

    fn group() -> ResourceId {
        ResourceId::resource_group("s", "g")
    }

    fn execution(name: &str, after: &[&str]) -> (AnyResource, Management) {
        let id = |name: &str| {
            group()
                .provider("Microsoft.App/jobs", "j")
                .child("executions", name)
        };
        let after = after.iter().map(|name| id(name)).collect();
        let resource = JobExecution {
            id: id(name),
            after,
            image: String::new(),
        };
        (resource.into(), Management::Managed)
    }

    fn names(nodes: &[&Node]) -> Vec<String> {
        nodes
            .iter()
            .map(|node| node.id().name().to_owned())
            .collect()
    }

    #[test]
    fn orders_by_references() {
        let all = vec![
            execution("a", &["c"]),
            execution("b", &["a"]),
            execution("c", &[]),
        ];
        let graph = ResourceGraph::new("o", group(), all).unwrap();
        assert_eq!(names(&graph.in_order()), ["c", "a", "b"]);
    }

    #[test]
    fn names_the_circle() {
        let all = vec![
            execution("a", &["b"]),
            execution("b", &["c"]),
            execution("c", &["b"]),
        ];
        let error = ResourceGraph::new("o", group(), all).unwrap_err();
        assert_eq!(
            error.to_string(),
            "these resources wait for each other, so none can be first: b → c → b"
        );
    }

    #[test]
    fn refuses_one_id_twice() {
        let resource = ResourceGroup {
            id: group(),
            location: "japaneast".to_owned(),
            tags: BTreeMap::new(),
        };
        let twice = vec![
            (resource.clone().into(), Management::Managed),
            (resource.into(), Management::Managed),
        ];
        let error = ResourceGraph::new("o", group(), twice).unwrap_err();
        assert_eq!(error, GraphError::Duplicate(group()));
    }
}
