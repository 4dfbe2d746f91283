//! What a write joins: a subnet, a zone, an identity, what a private endpoint leads to. Azure asks for a
//! right at each of them, and they may be somebody else's, in another group or subscription.
//!
//! Sources: <https://learn.microsoft.com/azure/private-link/rbac-permissions> (endpoints, subnets, zones),
//! <https://learn.microsoft.com/azure/role-based-access-control/permissions/networking> (networks, security
//! groups, addresses), the refusal `LinkedAuthorizationFailed` that names
//! `applicationGatewayWebApplicationFirewallPolicies/join/action` when the right at a firewall policy is missing,
//! <https://learn.microsoft.com/azure/role-based-access-control/permissions/containers>
//! (environments), "Managed Identity Operator" in the list of built-in roles (identities).

use dify_infra_core::resource::{Kind, ResourceId};
use serde_json::Value;

/// The right to join one resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Link {
    /// What is joined.
    pub(super) scope: ResourceId,
    /// The action that joining needs.
    pub(super) action: String,
}

/// What a body joins. Outputs of other resources are read, which is no joining.
pub(super) fn links(body: &Value) -> Vec<Link> {
    let mut found = Vec::new();
    collect(body, "", &mut found);
    found
}

fn collect(body: &Value, under: &str, found: &mut Vec<Link>) {
    match body {
        Value::String(text) => found.extend(link(text, under)),
        Value::Array(items) => items.iter().for_each(|item| collect(item, under, found)),
        Value::Object(fields) if fields.contains_key("$text") => {}
        Value::Object(fields) => {
            for (name, value) in fields {
                // An app names its identities as keys.
                found.extend(link(name, under));
                collect(value, name, found);
            }
        }
        _ => {}
    }
}

fn link(text: &str, under: &str) -> Option<Link> {
    let scope = ResourceId::parse(text).ok()?;
    let of = scope.resource_type();
    let action = if under == "privateLinkServiceId" {
        format!("{of}/privateEndpointConnectionsApproval/action")
    } else {
        match Kind::from_type(&of)? {
            kind @ (Kind::VirtualNetwork
            | Kind::Subnet
            | Kind::PrivateDnsZone
            | Kind::NetworkSecurityGroup
            | Kind::PublicIpAddress
            | Kind::FirewallPolicy
            | Kind::ManagedEnvironment) => format!("{}/join/action", kind.resource_type()),
            kind @ Kind::UserAssignedIdentity => format!("{}/assign/action", kind.resource_type()),
            _ => return None,
        }
    };
    Some(Link { scope, action })
}

/// The smallest built-in role that lets somebody join a resource.
pub(super) fn role(scope: &ResourceId) -> &'static str {
    match Kind::from_type(&scope.resource_type()) {
        Some(
            Kind::VirtualNetwork
            | Kind::Subnet
            | Kind::NetworkSecurityGroup
            | Kind::PublicIpAddress
            | Kind::FirewallPolicy,
        ) => "Network Contributor",
        Some(Kind::PrivateDnsZone) => "Private DNS Zone Contributor",
        Some(Kind::UserAssignedIdentity) => "Managed Identity Operator",
        _ => "Contributor",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_kind_of_link_is_found_and_outputs_are_none() {
        let group = "/subscriptions/s/resourceGroups/g/providers";
        let body = json!({
            "identity": { "userAssignedIdentities": {
                (format!("{group}/Microsoft.ManagedIdentity/userAssignedIdentities/i")): {} } },
            "properties": {
                "subnet": { "id": format!("{group}/Microsoft.Network/virtualNetworks/n/subnets/s") },
                "publicIPAddress": { "id": format!("{group}/Microsoft.Network/publicIPAddresses/a") },
                "firewallPolicy": { "id": format!(
                    "{group}/Microsoft.Network/ApplicationGatewayWebApplicationFirewallPolicies/f") },
                "privateLinkServiceConnections": [{ "properties": {
                    "privateLinkServiceId": format!("{group}/Microsoft.Storage/storageAccounts/a"),
                } }],
                "text": { "$text": [format!("{group}/Microsoft.App/managedEnvironments/e")] },
                "other": format!("{group}/Microsoft.Storage/storageAccounts/a"),
            },
        });
        let mut actions: Vec<String> = links(&body).into_iter().map(|link| link.action).collect();
        actions.sort();
        assert_eq!(
            actions,
            [
                "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action",
                "Microsoft.Network/ApplicationGatewayWebApplicationFirewallPolicies/join/action",
                "Microsoft.Network/publicIPAddresses/join/action",
                "Microsoft.Network/virtualNetworks/subnets/join/action",
                "Microsoft.Storage/storageAccounts/privateEndpointConnectionsApproval/action",
            ]
        );
    }
}
