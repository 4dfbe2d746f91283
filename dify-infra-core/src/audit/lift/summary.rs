//! What of a resource may have no place in a deployment file: whoever writes one says what is left behind.

use std::collections::BTreeMap;

use super::super::inventory::{Inventory, Summary};
use super::super::node::{Node, Tree};
use super::Resource;

/// Resources at most, and tags or domains of one.
const MOST: usize = 2_000;
const MOST_OF_ONE: usize = 60;

/// Settings of a type by their paths below `properties`, each with the word that says that it is not used.
type Settings = (&'static str, &'static [(&'static str, &'static str)]);

/// Settings that a deployment file can't say, or says only of some resources
/// (Azure/azure-rest-api-specs, the models of each type).
const SETTINGS: [Settings; 7] = [
    (
        "Microsoft.App/containerApps",
        &[
            ("configuration/activeRevisionsMode", "single"),
            ("configuration/dapr", ""),
            ("configuration/ingress/additionalPortMappings", ""),
            ("configuration/ingress/clientCertificateMode", "ignore"),
            ("configuration/ingress/corsPolicy", ""),
            ("configuration/ingress/customDomains", ""),
            ("configuration/ingress/ipSecurityRestrictions", ""),
            ("configuration/ingress/stickySessions/affinity", "none"),
            ("configuration/registries", ""),
            ("template/initContainers", ""),
            ("template/scale/rules", ""),
            ("template/serviceBinds", ""),
            ("template/volumes", ""),
        ],
    ),
    (
        "Microsoft.App/managedEnvironments",
        &[
            ("appInsightsConfiguration", ""),
            ("customDomainConfiguration/dnsSuffix", ""),
            ("openTelemetryConfiguration", ""),
            ("peerAuthentication/mtls/enabled", "false"),
            ("peerTrafficConfiguration/encryption/enabled", "false"),
        ],
    ),
    (
        "Microsoft.DBforPostgreSQL/flexibleServers",
        &[
            ("dataEncryption/primaryKeyURI", ""),
            ("authConfig/activeDirectoryAuth", "disabled"),
            ("maintenanceWindow/customWindow", "disabled"),
            ("network/delegatedSubnetResourceId", ""),
        ],
    ),
    (
        "Microsoft.Cache/redisEnterprise",
        &[("encryption/customerManagedKeyEncryption", "")],
    ),
    (
        "Microsoft.Storage/storageAccounts",
        &[
            ("encryption/keyvaultproperties", ""),
            ("networkAcls/ipRules", ""),
            ("networkAcls/virtualNetworkRules", ""),
        ],
    ),
    (
        "Microsoft.KeyVault/vaults",
        &[
            ("accessPolicies", ""),
            ("networkAcls/ipRules", ""),
            ("networkAcls/virtualNetworkRules", ""),
        ],
    ),
    (
        "Microsoft.Network/virtualNetworks",
        &[
            ("ddosProtectionPlan", ""),
            ("dhcpOptions/dnsServers", ""),
            ("virtualNetworkPeerings", ""),
        ],
    ),
];

pub(super) fn add(inventory: &mut Inventory, resource: &Resource) {
    if resource.kind.is_empty() || inventory.summaries.len() >= MOST {
        return;
    }
    let body = &resource.body;
    let of_kind = SETTINGS.iter().find(|(kind, _)| resource.is(kind));
    let settings = of_kind.map_or(&[][..], |(_, settings)| settings);
    let is_used = |(path, unused): &&(&str, &str)| {
        let node = body.at("properties").and_then(|it| it.at(path));
        node.is_some_and(|node| is_used(node, unused))
    };
    let domains = body.items_at("properties/configuration/ingress/customDomains");
    let summary = Summary {
        kind: resource.kind.clone(),
        name: resource.name.shown(),
        tags: tags(body),
        settings: settings.iter().filter(is_used).map(|it| it.0).collect(),
        domains: domains
            .iter()
            .filter_map(|it| it.literal_at("name").map(str::to_owned))
            .take(MOST_OF_ONE)
            .collect(),
    };
    inventory.summaries.push(summary);
}

/// Whether a setting says anything.
fn is_used(node: &Node, unused: &str) -> bool {
    match &node.tree {
        Tree::List(items) => !items.is_empty(),
        Tree::Object(members) => members.iter().any(|(_, it)| is_used(it, unused)),
        Tree::Text(text) => !text.is_empty() && !text.shown().eq_ignore_ascii_case(unused),
        Tree::Bool(value) => *value,
        Tree::Null => false,
        Tree::Number(_) | Tree::Unseen(_) => true,
    }
}

fn tags(body: &Node) -> BTreeMap<String, String> {
    let members = body.get("tags").map(Node::members).unwrap_or_default();
    let seen = members.iter().filter_map(|(name, value)| {
        let value = value.seen()?;
        Some((name.clone(), value.literal()?.to_owned()))
    });
    seen.take(MOST_OF_ONE).collect()
}
