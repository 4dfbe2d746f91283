//! Resources as Azure answers them.

use serde_json::Value;

use super::inventory::{Inventory, Output, Parameter};
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
    let mut history = Vec::new();
    for resource in resources {
        let place = Place::document(&resource.id);
        let Ok(id) = ResourceId::parse(&resource.id) else {
            continue;
        };
        let names = names(&id);
        match &resource.body {
            Ok(body) if id.resource_type().eq_ignore_ascii_case(DEPLOYMENTS) => {
                history.push(Node::from_json(body, &place));
            }
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
    for deployment in &history {
        declared(deployment, &mut inventory);
        ordered(deployment, &mut inventory);
    }
    for (place, kind, names, why) in refused {
        inventory.not_seen(&place, format!("{kind} {names}: {why}"));
        inventory.complete = false;
    }
    inventory
}

/// The type of what the group keeps of templates that were deployed.
const DEPLOYMENTS: &str = "Microsoft.Resources/deployments";

/// Outputs and parameters that the history keeps for everybody who may read the group. Azure leaves out the
/// values of secure ones.
fn declared(deployment: &Node, inventory: &mut Inventory) {
    let members = |path: &str| deployment.at(path).map(Node::members).unwrap_or_default();
    let is_secure = |it: &Node| {
        let kind = it.literal_at("type").unwrap_or_default();
        kind.to_ascii_lowercase().starts_with("secure")
    };
    for (name, output) in members("properties/outputs") {
        let value = output.literal_at("value").unwrap_or_default();
        inventory.outputs.push(Output {
            name: name.clone(),
            secure: is_secure(output),
            has_secret: !value.is_empty() && super::rules::names_secret(name),
            place: output.place.clone(),
        });
    }
    for (name, parameter) in members("properties/parameters") {
        inventory.parameters.push(Parameter {
            name: name.clone(),
            secure: is_secure(parameter),
            value: parameter.literal_at("value").map(Seen::from),
            place: parameter.place.clone(),
        });
    }
}

/// What waited for what, for servers whose settings and databases all came with one deployment.
fn ordered(deployment: &Node, inventory: &mut Inventory) {
    let id_of = |it: &Node| it.literal_at("id").map(str::to_ascii_lowercase);
    let made: Vec<String> = deployment
        .items_at("properties/outputResources")
        .iter()
        .filter_map(id_of)
        .collect();
    let dependencies = deployment.items_at("properties/dependencies");
    for server in &mut inventory.postgres {
        let full = |id: &Seen| {
            let path = id.shown().to_ascii_lowercase();
            made.iter().find(|made| made.ends_with(&path))
        };
        let all: Option<Vec<&String>> = server
            .configurations
            .iter()
            .map(|it| full(&it.id))
            .collect();
        let Some(all) = all.filter(|it| it.len() > 1) else {
            continue;
        };
        for (configuration, own) in server.configurations.iter_mut().zip(all) {
            let of_it = dependencies
                .iter()
                .filter(|it| id_of(it).as_ref() == Some(own));
            let waits = of_it.flat_map(|it| it.items_at("dependsOn"));
            configuration.depends_on = waits.filter_map(|it| it.get("id")?.seen()).collect();
        }
        server.order_seen = true;
    }
}

fn names(id: &ResourceId) -> String {
    let below = id
        .as_str()
        .get(id.group().as_str().len()..)
        .unwrap_or_default();
    let names: Vec<&str> = below.split('/').skip(4).step_by(2).collect();
    names.join("/")
}
