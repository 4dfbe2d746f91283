//! Our own deployments as an inventory, so that the same rules look at what the file leads to.

use std::collections::BTreeMap;

use serde_json::Value;

use super::inventory::Inventory;
use super::lift::{self, Resource};
use super::node::Node;
use super::place::Place;
use super::seen::{Seen, Unseen};
use crate::deployment::Deployment;
use crate::graph::{LowerError, ResourceGraph, Target, lower};
use crate::resource::{OutputReference, Part, ResourceId, Text, TextEncoding};
use crate::secrets::percent_encode;

/// Makes an inventory of what our own file deploys.
///
/// # Errors
///
/// When the deployment can't be turned into resources.
///
/// ```
/// use dify_infra_core::audit::from_deployment;
/// use dify_infra_core::deployment::Deployment;
///
/// let resolved = Deployment::builder("dify", "dev")
///     .location("japaneast")
///     .resource_group("dify-dev-rg")
///     .build()?;
/// assert!(from_deployment(&resolved.deployment)?.workloads.len() > 8);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn from_deployment(deployment: &Deployment) -> Result<Inventory, LowerError> {
    let graph = lower(deployment, &Target::new(deployment, None))?;
    Ok(of_deployment(deployment, &graph))
}

/// The inventory of what a file leads to, with what the file says of it.
pub(super) fn of_deployment(deployment: &Deployment, graph: &ResourceGraph) -> Inventory {
    let mut inventory = from_graph(graph);
    inventory.exceptions = deployment.egress().exceptions().to_vec();
    inventory
}

/// Makes an inventory of a graph of resources.
pub fn from_graph(graph: &ResourceGraph) -> Inventory {
    let mut resources = Vec::new();
    let families = families(graph);
    for node in graph.in_order() {
        let kind = node.kind().resource_type();
        let names = names(node.id());
        let place = Place::document(&format!("{kind} {names}"));
        let mut body = Node::from_json(node.body(), &place);
        // Lanes order what would collide: writes to one server are never parallel.
        if let Some(family) = names.split_once('/').and(families.get(&node.id().parent()))
            && let super::node::Tree::Object(members) = &mut body.tree
        {
            let waits = family.iter().map(|path| Node::text(path, place.clone()));
            let waits = super::node::Tree::List(waits.collect());
            members.push(("dependsOn".to_owned(), Node::new(waits, place.clone())));
        }
        resources.push(Resource {
            kind: kind.to_owned(),
            name: Seen::from(names.as_str()),
            symbol: None,
            body,
        });
    }
    let mut inventory = lift::inventory(&resources);
    inventory.resource_group = Some(graph.group().name().to_owned());
    for server in &mut inventory.postgres {
        // Who is let in to an existing server its owner says; to one of our own, what makes the graph.
        server.firewall_seen = false;
    }
    inventory
}

/// The paths of all resources, by what they stand below.
fn families(graph: &ResourceGraph) -> BTreeMap<Option<ResourceId>, Vec<String>> {
    let mut families: BTreeMap<Option<ResourceId>, Vec<String>> = BTreeMap::new();
    for node in graph.nodes() {
        let path = node.id().as_str();
        let start = path.find("/providers/").unwrap_or_default();
        let family = families.entry(node.id().parent()).or_default();
        family.push(path[start..].to_owned());
    }
    families
}

/// The names in an id, joined by slashes: `server/database`.
pub(super) fn names(id: &ResourceId) -> String {
    // Empty, subscription and group, `providers`, namespace, then pairs of type and name.
    let names: Vec<&str> = id.as_str().split('/').skip(8).step_by(2).collect();
    names.join("/")
}

/// The text behind a marker in a body of ours: secrets and outputs are unseen, each by its name.
pub(super) fn marker(value: &Value) -> Option<Seen> {
    let text = Text::from_marker(value)?;
    let mut seen = Seen::default();
    for part in text.parts() {
        seen = seen.and(&part_of(part));
    }
    Some(seen)
}

fn part_of(part: &Part) -> Seen {
    match part {
        Part::Literal(text) => Seen::from(text.as_str()),
        Part::Secret(name, encoding) => {
            let value = Unseen::new(&format!("secret {name}")).secret();
            encoded(Seen::unseen(value), *encoding)
        }
        Part::Output(output, encoding) => encoded(output_of(output), *encoding),
    }
}

fn output_of(output: &OutputReference) -> Seen {
    let id = output.resource();
    match output {
        OutputReference::Property { pointer, .. } => {
            let path: Vec<String> = pointer.split('/').skip(1).map(str::to_owned).collect();
            let name = Seen::from(names(id).as_str());
            let kind = id.resource_type();
            match super::arm_reference(&kind, &name, &path) {
                super::node::Tree::Text(text) => text,
                super::node::Tree::Unseen(unseen) => Seen::unseen(unseen),
                _ => Seen::unseen(Unseen::new(pointer)),
            }
        }
        OutputReference::Action {
            action, pointer, ..
        } => {
            let origin = format!("{action} {pointer} of {}", names(id));
            Seen::unseen(Unseen::new(&origin).secret())
        }
    }
}

fn encoded(seen: Seen, encoding: TextEncoding) -> Seen {
    match encoding {
        TextEncoding::Plain => seen,
        TextEncoding::Percent => seen.map("uriComponent", percent_encode),
    }
}
