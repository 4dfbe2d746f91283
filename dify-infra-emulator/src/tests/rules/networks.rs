//! Rules of networks.

use serde_json::{Value, json};

use super::super::support::{Client, Reply, account_body, server_body, server_path};
use super::{Broken, broken, make, one, path, with};

const NETWORK: &str = "Microsoft.Network/virtualNetworks/net";
pub(super) const ENDPOINT: &str = "Microsoft.Network/privateEndpoints/endpoint";
const ACCOUNT: &str = "Microsoft.Storage/storageAccounts/accountone";
const GROUP: &str = "Microsoft.Network/networkSecurityGroups/rules";
const ZONE: &str = "Microsoft.Network/privateDnsZones/privatelink.blob.core.windows.net";

/// The id of a subnet of the network.
pub(super) fn subnet(name: &str) -> String {
    path(&format!("{NETWORK}/subnets/{name}"))
}

fn network_body() -> Value {
    json!({"location": "japaneast", "properties": {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}}})
}

fn subnet_body(range: &str, service: Option<&str>) -> Value {
    let delegations = service.map_or(
        json!([]),
        |service| json!([{"name": "d", "properties": {"serviceName": service}}]),
    );
    json!({"properties": {"addressPrefix": range, "delegations": delegations}})
}

/// Makes the network with one subnet.
pub(super) fn with_subnet(client: &Client, name: &str, range: &str, service: Option<&str>) {
    make(client, NETWORK, network_body());
    client.create(&subnet(name), subnet_body(range, service));
    client.settle();
}

fn subnet_of(client: &Client, range: &str) -> Reply {
    make(client, NETWORK, network_body());
    client.put(&subnet("one"), subnet_body(range, None))
}

pub(super) fn endpoint_body(target: &str, group: &str) -> Value {
    json!({"location": "japaneast", "properties": {
        "subnet": {"id": subnet("one")},
        "privateLinkServiceConnections": [{"name": "c", "properties": {
            "privateLinkServiceId": target, "groupIds": [group]}}],
    }})
}

fn blob_endpoint() -> Value {
    endpoint_body(&path(ACCOUNT), "blob")
}

/// Makes the network, an account and an endpoint that leads to it.
fn with_endpoint(client: &Client) {
    with_subnet(client, "one", "10.0.1.0/24", None);
    make(client, ACCOUNT, account_body());
    make(client, ENDPOINT, blob_endpoint());
}

fn rule(name: &str, priority: u32) -> Value {
    json!({"name": name, "properties": {
        "protocol": "Tcp", "access": "Allow", "direction": "Inbound", "priority": priority,
        "sourcePortRange": "*", "destinationPortRange": "443",
        "sourceAddressPrefix": "*", "destinationAddressPrefix": "*"}})
}

fn rules(client: &Client, rules: &[Value]) -> Reply {
    let body = json!({"location": "japaneast", "properties": {"securityRules": rules}});
    client.put(&path(GROUP), body)
}

fn global() -> Value {
    json!({"location": "global"})
}

fn link_body() -> Value {
    json!({"location": "global", "properties": {
        "virtualNetwork": {"id": path(NETWORK)}, "registrationEnabled": false}})
}

fn zone_group(count: usize) -> Value {
    let config = |number| json!({"name": format!("z{number}"), "properties": {"privateDnsZoneId": path(ZONE)}});
    let configs: Vec<Value> = (0..count).map(config).collect();
    json!({"properties": {"privateDnsZoneConfigs": configs}})
}

pub(super) const BROKEN: &[Broken] = &[
    broken("NET-BUSY", 429, "AnotherOperationInProgress", |client| {
        client.put(&path(NETWORK), network_body());
        client.put(&path(NETWORK), network_body())
    }),
    broken("NET-NAME", 400, "InvalidResourceName", |client| {
        client.put(&path("Microsoft.Network/virtualNetworks/n"), network_body())
    }),
    broken("NET-REFERENCE", 400, "InvalidResourceReference", |client| {
        make(client, NETWORK, network_body());
        let body = subnet_body("10.0.1.0/24", None);
        let group = json!({"id": path(GROUP)});
        client.put(
            &subnet("one"),
            with(body, "/properties/networkSecurityGroup", group),
        )
    }),
    broken("NET-SPACE", 400, "InvalidAddressPrefixFormat", |client| {
        let place = "/properties/addressSpace/addressPrefixes";
        client.put(
            &path(NETWORK),
            with(network_body(), place, one("10.0.0.1/16")),
        )
    }),
    broken(
        "NET-SUBNET-RANGE",
        400,
        "InvalidAddressPrefixFormat",
        |client| subnet_of(client, "10.0.1.1/24"),
    ),
    broken("NET-SUBNET-SIZE", 400, "NetcfgInvalidSubnet", |client| {
        subnet_of(client, "10.0.1.0/30")
    }),
    broken(
        "NET-SUBNET-OUTSIDE",
        400,
        "NetcfgSubnetRangeOutsideVnet",
        |client| subnet_of(client, "10.9.1.0/24"),
    ),
    broken(
        "NET-SUBNET-OVERLAP",
        400,
        "NetcfgSubnetRangesOverlap",
        |client| {
            with_subnet(client, "other", "10.0.1.0/24", None);
            client.put(&subnet("one"), subnet_body("10.0.1.128/25", None))
        },
    ),
    broken(
        "NET-SUBNET-IN-USE",
        400,
        "InUseSubnetCannotBeDeleted",
        |client| {
            with_endpoint(client);
            client.delete(&subnet("one"))
        },
    ),
    broken(
        "NET-PREFIX-IN-USE",
        400,
        "InUsePrefixCannotBeDeleted",
        |client| {
            with_endpoint(client);
            client.put(&subnet("one"), subnet_body("10.0.2.0/24", None))
        },
    ),
    broken(
        "NET-DELEGATION-IN-USE",
        400,
        "SubnetDelegationsCannotChangeWhenSubnetUsedByResource",
        |client| {
            with_endpoint(client);
            let body = subnet_body("10.0.1.0/24", Some("Microsoft.App/environments"));
            client.put(&subnet("one"), body)
        },
    ),
    broken("NET-SECURITY-NAME", 400, "InvalidRequestFormat", |client| {
        rules(client, &[rule("a", 100), rule("A", 200)])
    }),
    broken(
        "NET-SECURITY-PRIORITY",
        400,
        "SecurityRuleInvalidPriority",
        |client| rules(client, &[rule("a", 99)]),
    ),
    broken(
        "NET-SECURITY-CONFLICT",
        400,
        "SecurityRuleConflict",
        |client| {
            rules(client, &[rule("a", 100)]);
            client.settle();
            let second = json!({"properties": rule("b", 100)["properties"]});
            client.put(&path(&format!("{GROUP}/securityRules/b")), second)
        },
    ),
    broken(
        "NET-SECURITY-IN-USE",
        400,
        "InUseNetworkSecurityGroupCannotBeDeleted",
        |client| {
            rules(client, &[]);
            make(client, NETWORK, network_body());
            let body = subnet_body("10.0.1.0/24", None);
            let group = json!({"id": path(GROUP)});
            client.put(
                &subnet("one"),
                with(body, "/properties/networkSecurityGroup", group),
            );
            client.settle();
            client.delete(&path(GROUP))
        },
    ),
    broken(
        "NET-ENDPOINT-SUBNET",
        400,
        "PrivateEndpointCreationNotAllowedAsSubnetIsDelegated",
        |client| {
            with_subnet(
                client,
                "one",
                "10.0.1.0/24",
                Some("Microsoft.App/environments"),
            );
            make(client, ACCOUNT, account_body());
            client.put(&path(ENDPOINT), blob_endpoint())
        },
    ),
    broken(
        "NET-ENDPOINT-TARGET",
        400,
        "InvalidPrivateLinkServiceConnection",
        |client| {
            with_subnet(client, "one", "10.0.1.0/24", None);
            make(client, ACCOUNT, account_body());
            client.put(&path(ENDPOINT), endpoint_body(&path(ACCOUNT), "nothing"))
        },
    ),
    broken(
        "NET-ENDPOINT-FIXED",
        400,
        "PrivateEndpointCannotBeUpdated",
        |client| {
            with_endpoint(client);
            make(
                client,
                "Microsoft.Storage/storageAccounts/accounttwo",
                account_body(),
            );
            let other = path("Microsoft.Storage/storageAccounts/accounttwo");
            client.put(&path(ENDPOINT), endpoint_body(&other, "blob"))
        },
    ),
    broken(
        "NET-ENDPOINT-POSTGRES",
        400,
        "PrivateEndpointFeatureNotSupportedOnServer",
        |client| {
            with_subnet(client, "one", "10.0.1.0/24", None);
            let body = with(
                server_body(),
                "/properties/network",
                json!({
            "delegatedSubnetResourceId": subnet("data"), "privateDnsZoneArmResourceId": path(ZONE)}),
            );
            client.create(&server_path(), body);
            client.settle();
            client.put(
                &path(ENDPOINT),
                endpoint_body(&server_path(), "postgresqlServer"),
            )
        },
    ),
    broken("NET-SUBNET-FULL", 400, "SubnetIsFull", |client| {
        with_subnet(client, "one", "10.0.1.0/29", None);
        make(client, ACCOUNT, account_body());
        for number in 0..3 {
            let name = format!("Microsoft.Network/privateEndpoints/endpoint-{number}");
            make(client, &name, blob_endpoint());
        }
        client.put(&path(ENDPOINT), blob_endpoint())
    }),
    broken(
        "NET-ZONE-GROUP",
        400,
        "InvalidPrivateDnsZoneGroup",
        |client| {
            with_endpoint(client);
            make(client, ZONE, global());
            let group = path(&format!("{ENDPOINT}/privateDnsZoneGroups/default"));
            client.put(&group, zone_group(6))
        },
    ),
    broken(
        "NET-ZONE-GLOBAL",
        400,
        "LocationNotAvailableForResourceType",
        |client| client.put(&path(ZONE), json!({"location": "japaneast"})),
    ),
    broken(
        "NET-ZONE-NOT-EMPTY",
        409,
        "CannotDeleteResource",
        |client| {
            make(client, NETWORK, network_body());
            make(client, ZONE, global());
            make(
                client,
                &format!("{ZONE}/virtualNetworkLinks/link"),
                link_body(),
            );
            client.delete(&path(ZONE))
        },
    ),
    broken("NET-LINK-ONCE", 409, "Conflict", |client| {
        make(client, NETWORK, network_body());
        make(client, ZONE, global());
        make(
            client,
            &format!("{ZONE}/virtualNetworkLinks/link"),
            link_body(),
        );
        client.put(
            &path(&format!("{ZONE}/virtualNetworkLinks/again")),
            link_body(),
        )
    }),
];
