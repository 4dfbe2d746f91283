//! Plain settings of resources that are not apps.

use std::collections::BTreeMap;

use super::super::inventory::{Inventory, Settings};
use super::super::node::{Node, Tree};
use super::Resource;

/// The types whose settings a deployment file can say, and which there are few of.
const KINDS: [&str; 8] = [
    "Microsoft.DBforPostgreSQL/flexibleServers",
    "Microsoft.Cache/redisEnterprise",
    "Microsoft.Storage/storageAccounts",
    "Microsoft.Storage/storageAccounts/blobServices",
    "Microsoft.App/managedEnvironments",
    "Microsoft.Network/virtualNetworks",
    "Microsoft.OperationalInsights/workspaces",
    "Microsoft.KeyVault/vaults",
];

/// Resources whose settings are kept at most.
const MOST: usize = 64;

/// Values of one resource at most, and how deep they may stand.
const MOST_VALUES: usize = 200;
const DEEPEST: usize = 6;

pub(super) fn add(inventory: &mut Inventory, resource: &Resource) {
    if inventory.location.is_none() && resource.kind.starts_with("Microsoft.") {
        let location = resource.body.literal_at("location");
        inventory.location = location.map(str::to_owned);
    }
    if inventory.settings.len() >= MOST || !KINDS.iter().any(|kind| resource.is(kind)) {
        return;
    }
    let mut values = BTreeMap::new();
    collect(&resource.body, "", 0, &mut values);
    inventory.settings.push(Settings {
        kind: resource.kind.to_ascii_lowercase(),
        name: resource.name.shown(),
        values,
    });
}

fn collect(node: &Node, path: &str, depth: usize, values: &mut BTreeMap<String, String>) {
    if depth > DEEPEST || values.len() >= MOST_VALUES {
        return;
    }
    let below = |name: &str| {
        if path.is_empty() {
            name.to_owned()
        } else {
            format!("{path}/{name}")
        }
    };
    match &node.tree {
        Tree::Object(members) => {
            for (name, value) in members {
                collect(value, &below(name), depth + 1, values);
            }
        }
        Tree::List(items) => {
            for (index, item) in items.iter().enumerate().take(8) {
                collect(item, &below(&index.to_string()), depth + 1, values);
            }
        }
        _ => {
            let value = match (node.literal(), node.number(), node.boolean()) {
                (Some(text), ..) => text.to_owned(),
                (None, Some(number), _) => number.to_string(),
                (None, None, Some(truth)) => truth.to_string(),
                _ => return,
            };
            values.insert(path.to_owned(), value);
        }
    }
}
