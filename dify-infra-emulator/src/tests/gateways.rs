//! Application gateways, their firewalls and addresses.

use serde_json::{Value, json};

use super::support::{Client, group};

fn network(rest: &str) -> String {
    group(&format!("/providers/Microsoft.Network{rest}"))
}

pub(super) fn gateway_path() -> String {
    network("/applicationGateways/gate")
}

pub(super) fn part(collection: &str, name: &str) -> Value {
    json!({ "id": format!("{}/{collection}/{name}", gateway_path()) })
}

pub(super) fn subnet_path(name: &str) -> String {
    network(&format!("/virtualNetworks/net/subnets/{name}"))
}

pub(super) fn address_path() -> String {
    network("/publicIPAddresses/address")
}

pub(super) fn policy_path() -> String {
    network("/ApplicationGatewayWebApplicationFirewallPolicies/policy")
}

pub(super) fn identity_path() -> String {
    group("/providers/Microsoft.ManagedIdentity/userAssignedIdentities/reader")
}

pub(super) fn address_body() -> Value {
    json!({ "location": "japaneast", "sku": { "name": "Standard" },
        "properties": { "publicIPAllocationMethod": "Static" } })
}

pub(super) fn policy_body() -> Value {
    json!({ "location": "japaneast", "properties": {
        "policySettings": { "state": "Enabled", "mode": "Prevention" },
        "managedRules": { "managedRuleSets": [
            { "ruleSetType": "Microsoft_DefaultRuleSet", "ruleSetVersion": "2.1" } ] },
    }})
}

/// A gateway over plain http, which needs no certificate.
pub(super) fn gateway_body() -> Value {
    json!({ "location": "japaneast", "properties": {
        "sku": { "name": "WAF_v2", "tier": "WAF_v2" },
        "autoscaleConfiguration": { "minCapacity": 0, "maxCapacity": 2 },
        "firewallPolicy": { "id": policy_path() },
        "gatewayIPConfigurations": [
            { "name": "subnet", "properties": { "subnet": { "id": subnet_path("gate") } } } ],
        "frontendIPConfigurations": [
            { "name": "public", "properties": { "publicIPAddress": { "id": address_path() } } } ],
        "frontendPorts": [{ "name": "http", "properties": { "port": 80 } }],
        "backendAddressPools": [
            { "name": "pool", "properties": { "backendAddresses": [{ "ipAddress": "10.0.1.4" }] } } ],
        "backendHttpSettingsCollection": [{ "name": "settings", "properties": {
            "port": 80, "protocol": "Http", "probe": part("probes", "probe") } }],
        "probes": [{ "name": "probe", "properties": {
            "protocol": "Http", "path": "/", "host": "x.example", "interval": 30, "timeout": 30,
            "unhealthyThreshold": 3 } }],
        "httpListeners": [{ "name": "http", "properties": {
            "frontendIPConfiguration": part("frontendIPConfigurations", "public"),
            "frontendPort": part("frontendPorts", "http"), "protocol": "Http" } }],
        "requestRoutingRules": [{ "name": "rule", "properties": {
            "ruleType": "Basic", "priority": 10,
            "httpListener": part("httpListeners", "http"),
            "backendAddressPool": part("backendAddressPools", "pool"),
            "backendHttpSettings": part("backendHttpSettingsCollection", "settings") } }],
    }})
}

/// An Azure with all that a gateway needs.
pub(super) fn ready() -> Client {
    let client = Client::with_group();
    client.create(
        &network("/virtualNetworks/net"),
        json!({ "location": "japaneast",
            "properties": { "addressSpace": { "addressPrefixes": ["10.0.0.0/16"] } } }),
    );
    let subnet = |range: &str| json!({ "properties": { "addressPrefix": range } });
    client.create(&subnet_path("gate"), subnet("10.0.0.0/24"));
    client.create(&subnet_path("small"), subnet("10.0.1.0/29"));
    let mut delegated = subnet("10.0.2.0/24");
    delegated["properties"]["delegations"] = json!([
        { "name": "apps", "properties": { "serviceName": "Microsoft.App/environments" } } ]);
    client.create(&subnet_path("apps"), delegated);
    client.create(&address_path(), address_body());
    client.create(&policy_path(), policy_body());
    client
}

#[test]
fn a_gateway_starts_and_its_parts_get_what_azure_adds() {
    let client = ready();
    let reply = client.put(&gateway_path(), gateway_body());
    assert_eq!(reply.status.as_u16(), 201);
    assert_eq!(reply.body["properties"]["provisioningState"], "Updating");
    client.settle();
    let live = client.get(&gateway_path()).body;
    let properties = &live["properties"];
    assert_eq!(properties["operationalState"], "Running");
    assert_eq!(properties["provisioningState"], "Succeeded");
    assert!(properties["resourceGuid"].is_string() && live["etag"].is_string());
    let listener = &properties["httpListeners"][0];
    assert_eq!(listener["id"], part("httpListeners", "http")["id"]);
    assert_eq!(
        listener["type"],
        "Microsoft.Network/applicationGateways/httpListeners"
    );
    assert!(listener["etag"].is_string());
    let settings = &properties["backendHttpSettingsCollection"][0]["properties"];
    assert_eq!(settings["requestTimeout"], 20);

    // What is sent back as it was answered is taken.
    let again = client.put(&gateway_path(), live);
    assert!(again.status.is_success(), "{:?}", again.body);
    client.settle();
    let policy = client.get(&policy_path()).body;
    assert_eq!(
        policy["properties"]["applicationGateways"][0]["id"],
        gateway_path()
    );
}

#[test]
fn a_gateway_is_refused_for_what_azure_refuses() {
    let client = ready();
    let edits: [(&str, Value, &str); 12] = [
        (
            "/properties/requestRoutingRules/0/properties/priority",
            Value::Null,
            "ApplicationGatewayRequestRoutingRulePriorityCannotBeEmpty",
        ),
        (
            "/properties/httpListeners/0/properties/frontendPort",
            part("frontendPorts", "absent"),
            "InvalidResourceReference",
        ),
        (
            "/properties/firewallPolicy",
            Value::Null,
            "ApplicationGatewayFirewallNotConfiguredForSelectedSku",
        ),
        (
            "/properties/gatewayIPConfigurations/0/properties/subnet/id",
            json!(subnet_path("apps")),
            "InvalidSubnet",
        ),
        (
            "/properties/gatewayIPConfigurations/0/properties/subnet/id",
            json!(subnet_path("absent")),
            "InvalidResourceReference",
        ),
        (
            "/properties/probes/0/properties/host",
            Value::Null,
            "ApplicationGatewayProbeHostIsNull",
        ),
        (
            "/properties/probes/0/properties/path",
            json!("health"),
            "ApplicationGatewayInvalidProbe",
        ),
        (
            "/properties/autoscaleConfiguration/minCapacity",
            json!(3),
            "ApplicationGatewayInvalidCapacity",
        ),
        (
            "/properties/backendHttpSettingsCollection/0/properties/requestTimeout",
            json!(86_401),
            "ApplicationGatewayBackendHttpSettingsInvalidRequestTimeout",
        ),
        (
            "/properties/httpListeners/0/properties/protocol",
            json!("Https"),
            "ApplicationGatewayInvalidHttpListener",
        ),
        (
            "/properties/sku",
            json!({ "name": "WAF_Medium", "tier": "WAF" }),
            "AppGatewayV1SkuDeprecated",
        ),
        (
            "/properties/sslCertificates",
            json!([{ "name": "one", "properties": {
                "keyVaultSecretId": "https://certs.vault.azure.net/secrets/one" } }]),
            "ApplicationGatewayKeyVaultSecretRequiresUserAssignedIdentity",
        ),
    ];
    for (pointer, value, code) in edits {
        let mut body = gateway_body();
        let (parent, name) = pointer.rsplit_once('/').unwrap_or_default();
        body.pointer_mut(parent).unwrap()[name] = value;
        let reply = client.put(&gateway_path(), body);
        assert_eq!(reply.code(), code, "{pointer}");
    }
    let mut wide = gateway_body();
    wide["properties"]["gatewayIPConfigurations"][0]["properties"]["subnet"]["id"] =
        json!(subnet_path("small"));
    wide["properties"]["autoscaleConfiguration"]["maxCapacity"] = json!(4);
    let reply = client.put(&gateway_path(), wide);
    assert_eq!(reply.code(), "SubnetTooSmall");
    let mut twice = gateway_body();
    let rules = twice["properties"]["frontendPorts"].as_array_mut().unwrap();
    rules.push(json!({ "name": "HTTP", "properties": { "port": 81 } }));
    assert_eq!(
        client.put(&gateway_path(), twice).code(),
        "InvalidRequestFormat"
    );
}

#[test]
fn a_gateway_shares_its_subnet_with_nothing_and_holds_what_it_uses() {
    let client = ready();
    client.create(&gateway_path(), gateway_body());
    for (path, code) in [
        (address_path(), "PublicIPAddressCannotBeDeleted"),
        (
            policy_path(),
            "ApplicationGatewayFirewallPolicyCannotBeDeleted",
        ),
        (subnet_path("gate"), "InUseSubnetCannotBeDeleted"),
    ] {
        assert_eq!(client.delete(&path).code(), code);
    }
    let mut zoned = gateway_body();
    zoned["zones"] = json!(["1"]);
    assert_eq!(
        client.put(&gateway_path(), zoned).code(),
        "ResourceAvailabilityZonesCannotBeModified"
    );
    client.delete(&gateway_path());
    client.settle();
    assert!(client.delete(&address_path()).status.is_success());
}

#[test]
fn an_address_for_a_gateway_is_standard_and_static() {
    let client = ready();
    let mut dynamic = address_body();
    dynamic["properties"]["publicIPAllocationMethod"] = json!("Dynamic");
    let other = network("/publicIPAddresses/other");
    assert_eq!(
        client.put(&other, dynamic).code(),
        "StandardSkuPublicIPAddressesMustBeStatic"
    );
    client.create(&other, json!({ "location": "japaneast", "properties": {} }));
    let mut body = gateway_body();
    body["properties"]["frontendIPConfigurations"][0]["properties"]["publicIPAddress"]["id"] =
        json!(other);
    assert_eq!(
        client.put(&gateway_path(), body).code(),
        "ApplicationGatewayInvalidPublicIpSku"
    );
    let address = client.get(&address_path()).body;
    let first = address["properties"]["ipAddress"]
        .as_str()
        .unwrap_or_default();
    assert!(first.starts_with("203.0.113."), "{address}");
    let again = client.create(&address_path(), address_body());
    assert_eq!(again["properties"]["ipAddress"], first);
}

#[test]
fn a_policy_keeps_its_limits_and_knows_its_rule_sets() {
    let client = Client::with_group();
    let put = |edit: &dyn Fn(&mut Value)| {
        let mut body = policy_body();
        edit(&mut body["properties"]);
        client.put(&policy_path(), body)
    };
    let limits = "ApplicationGatewayFirewallInvalidPolicySettings";
    let sets = "ApplicationGatewayFirewallInvalidRuleSet";
    let reply = put(&|one| one["policySettings"]["maxRequestBodySizeInKb"] = json!(2001));
    assert_eq!(reply.code(), limits);
    let reply = put(&|one| one["policySettings"]["fileUploadLimitInMb"] = json!(4001));
    assert_eq!(reply.code(), limits);
    let old = |one: &mut Value| {
        one["managedRules"]["managedRuleSets"][0] =
            json!({ "ruleSetType": "OWASP", "ruleSetVersion": "3.1" });
        one["policySettings"]["maxRequestBodySizeInKb"] = json!(129);
    };
    assert_eq!(put(&old).code(), limits);
    let unknown = |one: &mut Value| {
        one["managedRules"]["managedRuleSets"][0]["ruleSetVersion"] = json!("9.9");
    };
    assert_eq!(put(&unknown).code(), sets);
    let none = |one: &mut Value| one["managedRules"]["managedRuleSets"] = json!([]);
    assert_eq!(put(&none).code(), sets);
    let made = put(&|_: &mut Value| {});
    assert_eq!(made.status.as_u16(), 201);
    assert_eq!(made.body["properties"]["provisioningState"], "Succeeded");
    let settings = &made.body["properties"]["policySettings"];
    assert_eq!(settings["requestBodyInspectLimitInKB"], 128);
}

#[test]
fn a_certificate_that_cant_be_read_fails_the_operation_and_not_the_request() {
    let client = ready();
    client.create(&identity_path(), json!({ "location": "japaneast" }));
    let mut body = gateway_body();
    body["identity"] = json!({ "type": "UserAssigned",
        "userAssignedIdentities": { identity_path(): {} } });
    body["properties"]["sslCertificates"] = json!([{ "name": "one", "properties": {
        "keyVaultSecretId": "https://certs.vault.azure.net/secrets/one" } }]);
    let reply = client.put(&gateway_path(), body);
    assert_eq!(reply.status.as_u16(), 201, "{:?}", reply.body);
    client.settle();
    let live = client.get(&gateway_path()).body;
    assert_eq!(live["properties"]["provisioningState"], "Failed");
}
