//! Rules of application gateways, their firewalls and addresses.

use serde_json::{Value, json};

use super::super::gateways::{
    address_body, address_path, gateway_body, gateway_path, identity_path, part, policy_body,
    policy_path, ready, subnet_path,
};
use super::super::support::{Client, Reply, account_body};
use super::{Broken, broken, path, with};

/// Puts a gateway that differs in one value from one that is right.
fn gateway_with(client: &mut Client, pointer: &str, value: Value) -> Reply {
    *client = ready();
    client.put(&gateway_path(), with(gateway_body(), pointer, value))
}

/// Puts a policy that differs in one value from one that is right.
fn policy_with(client: &Client, pointer: &str, value: Value) -> Reply {
    client.put(&policy_path(), with(policy_body(), pointer, value))
}

/// Deletes what a gateway uses.
fn deleted_under_gateway(client: &mut Client, path: &str) -> Reply {
    *client = ready();
    client.create(&gateway_path(), gateway_body());
    client.settle();
    client.delete(path)
}

/// Puts something else into the subnet of the gateway.
fn shared_subnet(client: &Client) {
    let account = path("Microsoft.Storage/storageAccounts/accountone");
    client.create(&account, account_body());
    let body = json!({ "location": "japaneast", "properties": {
        "subnet": { "id": subnet_path("gate") },
        "privateLinkServiceConnections": [{ "name": "data", "properties": {
            "privateLinkServiceId": account, "groupIds": ["blob"] } }] } });
    client.create(&path("Microsoft.Network/privateEndpoints/one"), body);
    client.settle();
}

/// A certificate at an address.
fn certificate(url: &str) -> Value {
    json!([{ "name": "one", "properties": { "keyVaultSecretId": url } }])
}

const SUBNET: &str = "/properties/gatewayIPConfigurations/0/properties/subnet/id";

pub(super) const BROKEN: &[Broken] = &[
    broken(
        "NET-PUBLIC-IP-STATIC",
        400,
        "StandardSkuPublicIPAddressesMustBeStatic",
        |client| {
            let pointer = "/properties/publicIPAllocationMethod";
            client.put(
                &address_path(),
                with(address_body(), pointer, json!("Dynamic")),
            )
        },
    ),
    broken(
        "NET-PUBLIC-IP-FIXED",
        400,
        "ResourceAvailabilityZonesCannotBeModified",
        |client| {
            client.create(&address_path(), address_body());
            client.settle();
            client.put(
                &address_path(),
                with(address_body(), "/zones", json!(["1"])),
            )
        },
    ),
    broken(
        "NET-PUBLIC-IP-IN-USE",
        400,
        "PublicIPAddressCannotBeDeleted",
        |client| deleted_under_gateway(client, &address_path()),
    ),
    broken(
        "WAF-RULE-SET",
        400,
        "ApplicationGatewayFirewallInvalidRuleSet",
        |client| {
            policy_with(
                client,
                "/properties/managedRules/managedRuleSets",
                json!([]),
            )
        },
    ),
    broken(
        "WAF-LIMITS",
        400,
        "ApplicationGatewayFirewallInvalidPolicySettings",
        |client| {
            let pointer = "/properties/policySettings/fileUploadLimitInMb";
            policy_with(client, pointer, json!(4001))
        },
    ),
    broken(
        "WAF-IN-USE",
        400,
        "ApplicationGatewayFirewallPolicyCannotBeDeleted",
        |client| deleted_under_gateway(client, &policy_path()),
    ),
    broken(
        "AGW-SKU",
        400,
        "ApplicationGatewaySkuNameInvalidForSkuTier",
        |client| {
            let mixed = json!({ "name": "Standard_v2", "tier": "WAF_v2" });
            gateway_with(client, "/properties/sku", mixed)
        },
    ),
    broken(
        "AGW-SKU-RETIRED",
        400,
        "AppGatewayV1SkuDeprecated",
        |client| {
            let old = json!({ "name": "WAF_Medium", "tier": "WAF" });
            gateway_with(client, "/properties/sku", old)
        },
    ),
    broken(
        "AGW-CAPACITY",
        400,
        "ApplicationGatewayInvalidCapacity",
        |client| {
            let pointer = "/properties/autoscaleConfiguration/minCapacity";
            gateway_with(client, pointer, json!(3))
        },
    ),
    broken(
        "AGW-SUBNET",
        400,
        "ApplicationGatewaySubnetCannotHaveOtherResources",
        |client| {
            *client = ready();
            shared_subnet(client);
            client.put(&gateway_path(), gateway_body())
        },
    ),
    broken("AGW-SUBNET-DELEGATED", 400, "InvalidSubnet", |client| {
        gateway_with(client, SUBNET, json!(subnet_path("apps")))
    }),
    broken(
        "AGW-SUBNET-RULES",
        400,
        "ApplicationGatewaySubnetInboundTrafficBlockedByNetworkSecurityGroup",
        |client| {
            *client = ready();
            client.create(&gateway_path(), gateway_body());
            client.settle();
            let group = path("Microsoft.Network/networkSecurityGroups/closed");
            client.create(&group, json!({ "location": "japaneast" }));
            client.settle();
            let body = json!({ "properties": { "addressPrefix": "10.0.0.0/24",
                "networkSecurityGroup": { "id": group } } });
            client.put(&subnet_path("gate"), body)
        },
    ),
    broken("AGW-SUBNET-FULL", 400, "SubnetTooSmall", |client| {
        *client = ready();
        let body = with(gateway_body(), SUBNET, json!(subnet_path("small")));
        let pointer = "/properties/autoscaleConfiguration/maxCapacity";
        client.put(&gateway_path(), with(body, pointer, json!(4)))
    }),
    broken(
        "AGW-ADDRESS",
        400,
        "ApplicationGatewayInvalidPublicIpSku",
        |client| {
            *client = ready();
            let basic = path("Microsoft.Network/publicIPAddresses/basic");
            client.create(&basic, json!({ "location": "japaneast", "properties": {} }));
            client.settle();
            let pointer = "/properties/frontendIPConfigurations/0/properties/publicIPAddress/id";
            client.put(&gateway_path(), with(gateway_body(), pointer, json!(basic)))
        },
    ),
    broken(
        "AGW-FIREWALL",
        400,
        "ApplicationGatewayFirewallNotConfiguredForSelectedSku",
        |client| gateway_with(client, "/properties/firewallPolicy", Value::Null),
    ),
    broken(
        "AGW-NO-FIREWALL",
        400,
        "ApplicationGatewayFirewallCannotBeEnabledForSelectedSku",
        |client| {
            let plain = json!({ "name": "Standard_v2", "tier": "Standard_v2" });
            gateway_with(client, "/properties/sku", plain)
        },
    ),
    broken(
        "AGW-FIREWALL-KEPT",
        400,
        "ApplicationGatewayFirewallPolicyCannotBeRemoved",
        |client| {
            *client = ready();
            client.create(&gateway_path(), gateway_body());
            client.settle();
            let without = with(gateway_body(), "/properties/firewallPolicy", Value::Null);
            client.put(&gateway_path(), without)
        },
    ),
    broken(
        "AGW-IDENTITY",
        400,
        "ApplicationGatewayKeyVaultSecretRequiresUserAssignedIdentity",
        |client| {
            let url = "https://certs.vault.azure.net/secrets/one";
            gateway_with(client, "/properties/sslCertificates", certificate(url))
        },
    ),
    broken(
        "AGW-CERTIFICATE",
        400,
        "ApplicationGatewayKeyVaultSecretIdInvalid",
        |client| {
            *client = ready();
            client.create(&identity_path(), json!({ "location": "japaneast" }));
            let url = "https://certs.vault.azure.net/certificates/one";
            let body = with(
                gateway_body(),
                "/properties/sslCertificates",
                certificate(url),
            );
            let reader = json!({ "type": "UserAssigned",
                "userAssignedIdentities": { identity_path(): {} } });
            client.put(&gateway_path(), with(body, "/identity", reader))
        },
    ),
    broken("AGW-NAMES", 400, "InvalidRequestFormat", |client| {
        let port = |name: &str| json!({ "name": name, "properties": { "port": 80 } });
        let ports = json!([port("http"), port("HTTP")]);
        gateway_with(client, "/properties/frontendPorts", ports)
    }),
    broken("AGW-REFERENCE", 400, "InvalidResourceReference", |client| {
        let pointer = "/properties/httpListeners/0/properties/frontendPort";
        gateway_with(client, pointer, part("frontendPorts", "absent"))
    }),
    broken(
        "AGW-PRIORITY",
        400,
        "ApplicationGatewayRequestRoutingRulePriorityCannotBeEmpty",
        |client| {
            let pointer = "/properties/requestRoutingRules/0/properties/priority";
            gateway_with(client, pointer, Value::Null)
        },
    ),
    broken(
        "AGW-RULE",
        400,
        "ApplicationGatewayInvalidRequestRoutingRule",
        |client| {
            let pointer = "/properties/requestRoutingRules/0/properties/backendHttpSettings";
            gateway_with(client, pointer, Value::Null)
        },
    ),
    broken(
        "AGW-RULE-LISTENER",
        400,
        "ApplicationGatewayRequestRoutingRulesUsingSameHttpListener",
        |client| {
            let mut second = gateway_body()["properties"]["requestRoutingRules"][0].clone();
            second["name"] = json!("second");
            second["properties"]["priority"] = json!(20);
            gateway_with(client, "/properties/requestRoutingRules/1", second)
        },
    ),
    broken(
        "AGW-LISTENER-PORT",
        400,
        "ApplicationGatewayHttpListenersUsingSameFrontendPort",
        |client| {
            let mut second = gateway_body()["properties"]["httpListeners"][0].clone();
            second["name"] = json!("second");
            gateway_with(client, "/properties/httpListeners/1", second)
        },
    ),
    broken(
        "AGW-LISTENER",
        400,
        "ApplicationGatewayInvalidHttpListener",
        |client| {
            let pointer = "/properties/httpListeners/0/properties/protocol";
            gateway_with(client, pointer, json!("Https"))
        },
    ),
    broken(
        "AGW-PROBE",
        400,
        "ApplicationGatewayInvalidProbe",
        |client| {
            let pointer = "/properties/probes/0/properties/path";
            gateway_with(client, pointer, json!("health"))
        },
    ),
    broken(
        "AGW-PROBE-HOST",
        400,
        "ApplicationGatewayProbeHostIsNull",
        |client| gateway_with(client, "/properties/probes/0/properties/host", Value::Null),
    ),
    broken(
        "AGW-PROBE-PROTOCOL",
        400,
        "ApplicationGatewayProbeProtocolMustMatchBackendHttpSettinsProtocol",
        |client| {
            let pointer = "/properties/probes/0/properties/protocol";
            gateway_with(client, pointer, json!("Https"))
        },
    ),
    broken(
        "AGW-TIMEOUT",
        400,
        "ApplicationGatewayBackendHttpSettingsInvalidRequestTimeout",
        |client| {
            let pointer = "/properties/backendHttpSettingsCollection/0/properties/requestTimeout";
            gateway_with(client, pointer, json!(86_401))
        },
    ),
];
