//! Virtual networks, private endpoints and private DNS.

use serde_json::{Value, json};

use super::support::{
    Client, account_body, environment_body, environment_path, group, server_body, server_path,
};

fn network(rest: &str) -> String {
    group(&format!("/providers/Microsoft.Network{rest}"))
}

fn subnet_path(name: &str) -> String {
    network(&format!("/virtualNetworks/net/subnets/{name}"))
}

fn account_path() -> String {
    group("/providers/Microsoft.Storage/storageAccounts/files")
}

fn delegated(range: &str) -> Value {
    json!({ "properties": { "addressPrefix": range, "delegations": [
        { "name": "apps", "properties": { "serviceName": "Microsoft.App/environments" } },
    ]}})
}

fn plain(range: &str) -> Value {
    json!({ "properties": { "addressPrefix": range } })
}

fn network_body() -> Value {
    json!({ "location": "japaneast",
        "properties": { "addressSpace": { "addressPrefixes": ["10.0.0.0/16"] } } })
}

fn with_network() -> Client {
    let client = Client::with_group();
    client.create(&network("/virtualNetworks/net"), network_body());
    client
}

/// A network with a subnet that an environment can be in; gives the subnet's path.
pub(super) fn make_subnet(client: &Client) -> String {
    client.create(&network("/virtualNetworks/net"), network_body());
    client.create(&subnet_path("apps"), delegated("10.0.1.0/24"));
    subnet_path("apps")
}

fn endpoint_body(subnet: &str, target: &str, group: &str) -> Value {
    json!({ "location": "japaneast", "properties": {
        "subnet": { "id": subnet },
        "privateLinkServiceConnections": [{ "name": "data", "properties": {
            "privateLinkServiceId": target, "groupIds": [group] } }],
    }})
}

#[test]
fn subnets_lie_in_their_network_and_apart() {
    let client = with_network();
    client.create(&subnet_path("one"), plain("10.0.0.0/24"));
    for (range, code) in [
        ("10.1.0.0/24", "NetcfgSubnetRangeOutsideVnet"),
        ("10.0.0.128/25", "NetcfgSubnetRangesOverlap"),
        ("10.0.2.1/24", "InvalidAddressPrefixFormat"),
        ("10.0.2.0/30", "NetcfgInvalidSubnet"),
    ] {
        let reply = client.put(&subnet_path("two"), plain(range));
        assert_eq!(reply.code(), code, "{range}");
    }
    let mut moved = network_body();
    moved["properties"]["addressSpace"]["addressPrefixes"] = json!(["10.1.0.0/16"]);
    let reply = client.put(&network("/virtualNetworks/net"), moved);
    assert_eq!(reply.code(), "InUsePrefixCannotBeDeleted");
}

#[test]
fn a_network_takes_one_write_at_a_time() {
    let client = with_network();
    assert!(
        client
            .put(&subnet_path("one"), plain("10.0.0.0/24"))
            .status
            .is_success()
    );
    let reply = client.put(&subnet_path("two"), plain("10.0.1.0/24"));
    assert_eq!(
        (reply.status.as_u16(), reply.code()),
        (429, "AnotherOperationInProgress")
    );
    client.settle();
    client.create(&subnet_path("two"), plain("10.0.1.0/24"));
}

#[test]
fn a_network_without_a_list_of_subnets_keeps_them_and_a_list_is_the_whole() {
    let client = with_network();
    client.create(&subnet_path("one"), plain("10.0.0.0/24"));
    let kept = client.create(&network("/virtualNetworks/net"), network_body());
    assert_eq!(kept["properties"]["subnets"][0]["name"], "one");
    let mut body = network_body();
    body["properties"]["subnets"] =
        json!([{ "name": "two", "properties": { "addressPrefix": "10.0.1.0/24" } }]);
    let listed = client.create(&network("/virtualNetworks/net"), body);
    let names: Vec<&str> = listed["properties"]["subnets"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|subnet| subnet["name"].as_str())
        .collect();
    assert_eq!(names, ["two"]);
    assert_eq!(client.get(&subnet_path("one")).status.as_u16(), 404);
}

#[test]
fn an_environment_has_a_delegated_subnet_for_itself() {
    let client = with_network();
    client.create(&subnet_path("plain"), plain("10.0.0.0/24"));
    client.create(&subnet_path("small"), delegated("10.0.1.0/28"));
    client.create(&subnet_path("apps"), delegated("10.0.2.0/27"));
    let body = |subnet: &str| {
        let mut body = environment_body();
        body["properties"]["vnetConfiguration"] =
            json!({ "infrastructureSubnetId": subnet_path(subnet), "internal": true });
        body["properties"]["workloadProfiles"] =
            json!([{ "name": "Consumption", "workloadProfileType": "Consumption" }]);
        body
    };
    for (subnet, code) in [
        ("plain", "ManagedEnvironmentSubnetDelegationError"),
        ("small", "ManagedEnvironmentInvalidNetworkConfiguration"),
        ("absent", "ManagedEnvironmentInvalidNetworkConfiguration"),
    ] {
        let reply = client.put(&environment_path(), body(subnet));
        assert_eq!(reply.code(), code, "{subnet}");
    }
    let environment = client.create(&environment_path(), body("apps"));
    let address = environment["properties"]["staticIp"]
        .as_str()
        .unwrap_or_default();
    assert!(address.starts_with("10.0.2."), "{address}");
    let second = group("/providers/Microsoft.App/managedEnvironments/second");
    let reply = client.put(&second, body("apps"));
    assert_eq!(
        reply.code(),
        "ManagedEnvironmentInvalidNetworkConfiguration"
    );
    let reply = client.delete(&subnet_path("apps"));
    assert_eq!(reply.code(), "InUseSubnetCannotBeDeleted");
    let reply = client.put(&subnet_path("apps"), delegated("10.0.3.0/27"));
    assert_eq!(reply.code(), "InUsePrefixCannotBeDeleted");
}

#[test]
fn a_private_endpoint_is_approved_and_gets_an_address() {
    let client = with_network();
    client.create(&subnet_path("endpoints"), plain("10.0.0.0/29"));
    client.create(&account_path(), account_body());
    let body = endpoint_body(&subnet_path("endpoints"), &account_path(), "blob");
    let endpoint = client.create(&network("/privateEndpoints/files"), body.clone());
    let connection = &endpoint["properties"]["privateLinkServiceConnections"][0]["properties"];
    assert_eq!(
        connection["privateLinkServiceConnectionState"]["status"],
        "Approved"
    );
    let names = &endpoint["properties"]["customDnsConfigs"][0];
    assert_eq!(names["ipAddresses"], json!(["10.0.0.4"]));
    let account = client.get(&account_path()).body;
    let seen = &account["properties"]["privateEndpointConnections"][0]["properties"];
    assert_eq!(seen["privateEndpoint"]["id"], endpoint["id"]);
    for name in ["second", "third"] {
        client.create(&network(&format!("/privateEndpoints/{name}")), body.clone());
    }
    let reply = client.put(&network("/privateEndpoints/fourth"), body);
    assert_eq!(reply.code(), "SubnetIsFull");
}

#[test]
fn a_private_endpoint_leads_to_what_there_is() {
    let client = with_network();
    client.create(&subnet_path("endpoints"), plain("10.0.0.0/24"));
    client.create(&account_path(), account_body());
    let path = network("/privateEndpoints/one");
    let subnet = subnet_path("endpoints");
    let reply = client.put(&path, endpoint_body(&subnet, &account_path(), "sqlServer"));
    assert_eq!(reply.code(), "InvalidPrivateLinkServiceConnection");
    let reply = client.put(
        &path,
        endpoint_body(&subnet, &server_path(), "postgresqlServer"),
    );
    assert_eq!(reply.code(), "InvalidResourceReference");
    client.create(&server_path(), server_body());
    client.create(
        &path,
        endpoint_body(&subnet, &server_path(), "postgresqlServer"),
    );
    let reply = client.put(&path, endpoint_body(&subnet, &account_path(), "blob"));
    assert_eq!(reply.code(), "PrivateEndpointCannotBeUpdated");
}

#[test]
fn zones_are_global_linked_once_and_deleted_empty() {
    let client = with_network();
    let zone = network("/privateDnsZones/privatelink.blob.core.windows.net");
    let reply = client.put(&zone, json!({ "location": "japaneast" }));
    assert_eq!(reply.code(), "LocationNotAvailableForResourceType");
    client.create(&zone, json!({ "location": "global" }));
    let link = |name: &str| format!("{zone}/virtualNetworkLinks/{name}");
    let body = json!({ "location": "global",
        "properties": { "virtualNetwork": { "id": network("/virtualNetworks/net") } } });
    client.create(&link("one"), body.clone());
    assert_eq!(client.put(&link("two"), body).code(), "Conflict");
    assert_eq!(client.delete(&zone).code(), "CannotDeleteResource");
    client.delete(&link("one"));
    client.settle();
    assert!(client.delete(&zone).status.is_success());
}

#[test]
fn security_rules_have_places_of_their_own() {
    let client = Client::with_group();
    let path = network("/networkSecurityGroups/rules");
    let rule = |name: &str, priority: u32, direction: &str| {
        json!({ "name": name, "properties": {
            "protocol": "*", "access": "Allow", "direction": direction, "priority": priority,
            "sourceAddressPrefix": "*", "sourcePortRange": "*",
            "destinationAddressPrefix": "*", "destinationPortRange": "*" } })
    };
    let body =
        |rules: Value| json!({ "location": "japaneast", "properties": { "securityRules": rules } });
    for (rules, code) in [
        (
            json!([rule("a", 99, "Inbound")]),
            "SecurityRuleInvalidPriority",
        ),
        (
            json!([rule("a", 100, "Inbound"), rule("b", 100, "Inbound")]),
            "SecurityRuleConflict",
        ),
        (
            json!([rule("a", 100, "Inbound"), rule("a", 100, "Outbound")]),
            "InvalidRequestFormat",
        ),
    ] {
        assert_eq!(client.put(&path, body(rules)).code(), code);
    }
    let rules = json!([rule("a", 100, "Inbound"), rule("b", 100, "Outbound")]);
    let made = client.create(&path, body(rules));
    let defaults = made["properties"]["defaultSecurityRules"]
        .as_array()
        .map(Vec::len);
    assert_eq!(defaults, Some(6));
}
