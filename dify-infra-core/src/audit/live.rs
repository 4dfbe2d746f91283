//! Resources as Azure answers them.

use serde_json::Value;

use super::inventory::Inventory;
use super::lift::{self, Resource};
use super::node::Node;
use super::place::Place;
use super::seen::Seen;
use crate::resource::ResourceId;

/// A resource of a live group: its id and the body of Azure's answer, nothing when it was refused.
#[derive(Debug, Clone)]
pub struct LiveResource {
    /// The id.
    pub id: String,
    /// The body, or why there is none.
    pub body: Result<Value, String>,
}

/// Makes an inventory of resources that were read from Azure.
///
/// Values of secrets are in no answer; they stay unseen, each under its name and app.
pub fn from_resources(resources: &[LiveResource]) -> Inventory {
    let mut lifted = Vec::new();
    let mut refused = Vec::new();
    for resource in resources {
        let place = Place::document(&resource.id);
        let Ok(id) = ResourceId::parse(&resource.id) else {
            continue;
        };
        let names = names(&id);
        match &resource.body {
            Ok(body) => lifted.push(Resource {
                kind: id.resource_type(),
                name: Seen::from(names.as_str()),
                symbol: None,
                body: Node::from_json(body, &place),
            }),
            Err(why) => refused.push((place, id.resource_type(), names, why)),
        }
    }
    let mut inventory = lift::inventory(&lifted);
    let ids = resources.iter().map(|it| ResourceId::parse(&it.id));
    let group = ids.filter_map(Result::ok).map(|id| id.group()).next();
    inventory.resource_group = group.map(|group| group.name().to_owned());
    for server in &mut inventory.postgres {
        server.order_seen = false;
        server.children_seen = refused
            .iter()
            .all(|(_, kind, ..)| !kind.starts_with("Microsoft.DBforPostgreSQL"));
    }
    for account in &mut inventory.storage {
        account.children_seen = refused
            .iter()
            .all(|(_, kind, ..)| !kind.starts_with("Microsoft.Storage"));
    }
    for (place, kind, names, why) in refused {
        inventory.not_seen(&place, format!("{kind} {names}: {why}"));
        inventory.complete = false;
    }
    inventory
}

fn names(id: &ResourceId) -> String {
    let below = id
        .as_str()
        .get(id.group().as_str().len()..)
        .unwrap_or_default();
    let names: Vec<&str> = below.split('/').skip(4).step_by(2).collect();
    names.join("/")
}
