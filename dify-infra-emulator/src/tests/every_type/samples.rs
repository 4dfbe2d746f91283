//! One resource of each type, made in an order in which each finds what it refers to.

use std::collections::BTreeSet;

use http::Method;
use serde_json::{Value, json};

use super::super::gateways::{address_body, address_path, gateway_body, gateway_path, policy_body};
use super::super::support::{
    Client, account_body, app_body, app_path, cache_body, environment_body, environment_path,
    group, job_body, server_body, server_path,
};
use crate::arm::id::ResourceId;
use crate::provider;
use crate::{DEFAULT_TENANT, DnsRecord, DnsRecordType};

const HOST: &str = "dify.example.com";

/// A resource to make.
pub(super) struct Sample {
    /// The full type.
    pub(super) kind: &'static str,
    pub(super) path: String,
    pub(super) body: Value,
}

fn network(rest: &str) -> String {
    group(&format!("/providers/Microsoft.Network/{rest}"))
}

pub(super) fn account_path() -> String {
    group("/providers/Microsoft.Storage/storageAccounts/accountone")
}

pub(super) fn cache_path() -> String {
    group("/providers/Microsoft.Cache/redisEnterprise/cache-one")
}

pub(super) fn vault_path() -> String {
    group("/providers/Microsoft.KeyVault/vaults/vault-one")
}

fn identity_path() -> String {
    group("/providers/Microsoft.ManagedIdentity/userAssignedIdentities/reader")
}

/// What a later sample needs of an earlier one.
fn made(client: &Client, path: &str, pointer: &str) -> Value {
    let body = client.get(path).body;
    let value = body.pointer(pointer).cloned();
    value.unwrap_or_else(|| panic!("{path} has no {pointer}: {body}"))
}

/// Puts a name on the public app, which a managed certificate asks for.
fn put_name(client: &Client) {
    let app = app_path("nginx");
    let proof = made(client, &app, "/properties/customDomainVerificationId");
    let alias = made(client, &app, "/properties/configuration/ingress/fqdn");
    client.emulator.set_dns([
        DnsRecord::new(
            DnsRecordType::Txt,
            &format!("asuid.{HOST}"),
            proof.as_str().unwrap(),
        ),
        DnsRecord::new(DnsRecordType::Cname, HOST, alias.as_str().unwrap()),
    ]);
    let name = json!([{ "name": HOST, "bindingType": "Disabled" }]);
    let patch =
        json!({ "properties": { "configuration": { "ingress": { "customDomains": name } } } });
    assert_eq!(client.patch(&app, patch).status, 202);
    client.settle();
}

/// How the body of a sample follows from what was made before it.
type Body = fn(&Client) -> Value;

/// A type, a path, and how the body follows.
type Planned = (&'static str, String, Body);

/// A network and where logs go.
fn network_base() -> Vec<Planned> {
    let net = network("virtualNetworks/net");
    vec![
        (
            "Microsoft.OperationalInsights/workspaces",
            group("/providers/Microsoft.OperationalInsights/workspaces/logs"),
            |_| json!({ "location": "japaneast" }),
        ),
        ("Microsoft.Network/virtualNetworks", net.clone(), |_| {
            json!({ "location": "japaneast",
                "properties": { "addressSpace": { "addressPrefixes": ["10.0.0.0/16"] } } })
        }),
        (
            "Microsoft.Network/networkSecurityGroups",
            network("networkSecurityGroups/guard"),
            |_| {
                json!({ "location": "japaneast", "properties": { "securityRules": [{
                    "name": "in", "properties": { "priority": 100, "direction": "Inbound",
                        "access": "Allow", "protocol": "Tcp", "sourceAddressPrefix": "*",
                        "sourcePortRange": "*", "destinationAddressPrefix": "*",
                        "destinationPortRange": "443" } }] } })
            },
        ),
        (
            "Microsoft.Network/virtualNetworks/subnets",
            format!("{net}/subnets/gate"),
            |_| json!({ "properties": { "addressPrefix": "10.0.0.0/24" } }),
        ),
        (
            "Microsoft.Network/virtualNetworks/subnets",
            format!("{net}/subnets/data"),
            |_| json!({ "properties": { "addressPrefix": "10.0.1.0/24" } }),
        ),
    ]
}

/// Container Apps.
fn apps() -> Vec<Planned> {
    vec![
        (
            "Microsoft.App/managedEnvironments",
            environment_path(),
            |_| environment_body(),
        ),
        (
            "Microsoft.App/managedEnvironments/storages",
            format!("{}/storages/files", environment_path()),
            |_| {
                json!({ "properties": { "azureFile": { "accountName": "a", "shareName": "s",
                    "accountKey": "canary-share", "accessMode": "ReadWrite" } } })
            },
        ),
        (
            "Microsoft.App/managedEnvironments/certificates",
            format!("{}/certificates/own", environment_path()),
            |_| {
                json!({ "location": "japaneast",
                    "properties": { "value": "canarycertificate", "password": "canary-password" } })
            },
        ),
        ("Microsoft.App/containerApps", app_path("nginx"), |_| {
            let mut body = app_body();
            body["properties"]["configuration"]["ingress"] =
                json!({ "external": true, "targetPort": 80, "transport": "http" });
            body
        }),
        (
            "Microsoft.App/managedEnvironments/managedCertificates",
            format!("{}/managedCertificates/dify", environment_path()),
            |client| {
                put_name(client);
                json!({ "location": "japaneast", "properties": {
                    "subjectName": HOST, "domainControlValidation": "CNAME" } })
            },
        ),
        (
            "Microsoft.App/jobs",
            group("/providers/Microsoft.App/jobs/migrate"),
            |_| job_body(),
        ),
    ]
}

/// Data services.
fn data() -> Vec<Planned> {
    let server = server_path();
    let account = account_path();
    vec![
        (
            "Microsoft.DBforPostgreSQL/flexibleServers",
            server.clone(),
            |_| server_body(),
        ),
        (
            "Microsoft.DBforPostgreSQL/flexibleServers/databases",
            format!("{server}/databases/dify_plugin"),
            |_| json!({ "properties": {} }),
        ),
        (
            "Microsoft.DBforPostgreSQL/flexibleServers/configurations",
            format!("{server}/configurations/azure.extensions"),
            |_| json!({ "properties": { "value": "VECTOR", "source": "user-override" } }),
        ),
        (
            "Microsoft.DBforPostgreSQL/flexibleServers/firewallRules",
            format!("{server}/firewallRules/azure"),
            |_| json!({ "properties": { "startIpAddress": "0.0.0.0", "endIpAddress": "0.0.0.0" } }),
        ),
        ("Microsoft.Cache/redisEnterprise", cache_path(), |_| {
            cache_body()
        }),
        (
            "Microsoft.Cache/redisEnterprise/databases",
            format!("{}/databases/default", cache_path()),
            |_| {
                json!({ "properties": { "clusteringPolicy": "NoCluster",
                    "evictionPolicy": "NoEviction", "accessKeysAuthentication": "Enabled" } })
            },
        ),
        ("Microsoft.Storage/storageAccounts", account.clone(), |_| {
            account_body()
        }),
        (
            "Microsoft.Storage/storageAccounts/blobServices",
            format!("{account}/blobServices/default"),
            |_| json!({ "properties": { "deleteRetentionPolicy": { "enabled": true, "days": 7 } } }),
        ),
        (
            "Microsoft.Storage/storageAccounts/blobServices/containers",
            format!("{account}/blobServices/default/containers/dify-plugins"),
            |_| json!({ "properties": { "publicAccess": "None" } }),
        ),
    ]
}

/// What leads to data services from inside a network.
fn private_access() -> Vec<Planned> {
    let zone = network("privateDnsZones/privatelink.blob.core.windows.net");
    vec![
        (
            "Microsoft.Network/privateEndpoints",
            network("privateEndpoints/files"),
            |_| {
                json!({ "location": "japaneast", "properties": {
                    "subnet": { "id": network("virtualNetworks/net/subnets/data") },
                    "privateLinkServiceConnections": [{ "name": "data", "properties": {
                        "privateLinkServiceId": account_path(), "groupIds": ["blob"] } }] } })
            },
        ),
        (
            "Microsoft.Network/privateDnsZones",
            zone.clone(),
            |_| json!({ "location": "global" }),
        ),
        (
            "Microsoft.Network/privateDnsZones/virtualNetworkLinks",
            format!("{zone}/virtualNetworkLinks/net"),
            |_| {
                json!({ "location": "global", "properties": {
                    "virtualNetwork": { "id": network("virtualNetworks/net") },
                    "registrationEnabled": false } })
            },
        ),
        (
            "Microsoft.Network/privateEndpoints/privateDnsZoneGroups",
            network("privateEndpoints/files/privateDnsZoneGroups/default"),
            |_| {
                let zone = network("privateDnsZones/privatelink.blob.core.windows.net");
                json!({ "properties": { "privateDnsZoneConfigs": [
                    { "name": "blob", "properties": { "privateDnsZoneId": zone } }] } })
            },
        ),
    ]
}

/// A gateway and what it uses.
fn gateway() -> Vec<Planned> {
    vec![
        (
            "Microsoft.Network/publicIPAddresses",
            address_path(),
            |_| address_body(),
        ),
        (
            "Microsoft.Network/ApplicationGatewayWebApplicationFirewallPolicies",
            super::super::gateways::policy_path(),
            |_| policy_body(),
        ),
        (
            "Microsoft.Network/applicationGateways",
            gateway_path(),
            |_| gateway_body(),
        ),
    ]
}

/// Identities, what they may read, and a registry.
fn identities() -> Vec<Planned> {
    vec![
        (
            "Microsoft.ManagedIdentity/userAssignedIdentities",
            identity_path(),
            |_| json!({ "location": "japaneast" }),
        ),
        ("Microsoft.KeyVault/vaults", vault_path(), |_| {
            json!({ "location": "japaneast", "properties": {
                "tenantId": DEFAULT_TENANT, "sku": { "family": "A", "name": "standard" } } })
        }),
        (
            "Microsoft.KeyVault/vaults/secrets",
            format!("{}/secrets/key", vault_path()),
            |_| json!({ "properties": { "value": "canary-secret" } }),
        ),
        (
            "Microsoft.Authorization/roleAssignments",
            format!(
                "{}/providers/Microsoft.Authorization/roleAssignments/\
                 11111111-2222-4333-8444-555555555555",
                vault_path()
            ),
            |client| {
                json!({ "properties": {
                    "roleDefinitionId": "/subscriptions/s/providers/Microsoft.Authorization/\
                        roleDefinitions/4633458b-17de-408a-b874-0445c86b69e6",
                    "principalId": made(client, &identity_path(), "/properties/principalId"),
                    "principalType": "ServicePrincipal" } })
            },
        ),
        (
            "Microsoft.ContainerRegistry/registries",
            group("/providers/Microsoft.ContainerRegistry/registries/contoso"),
            |_| json!({ "location": "japaneast", "sku": { "name": "Standard" } }),
        ),
    ]
}

/// Every sample in order.
fn plan() -> Vec<Planned> {
    let parts = [
        network_base(),
        apps(),
        data(),
        private_access(),
        gateway(),
        identities(),
    ];
    parts.into_iter().flatten().collect()
}

/// Goes through the samples in order: `visit` makes each of them, and what it leaves running is waited
/// for.
pub(super) fn walk(client: &Client, mut visit: impl FnMut(&Sample)) {
    for (kind, path, body) in plan() {
        let body = body(client);
        visit(&Sample { kind, path, body });
        client.settle();
    }
}

/// Makes one resource of each type.
pub(super) fn make_all(client: &Client) -> Vec<Sample> {
    let mut samples = Vec::new();
    for (kind, path, body) in plan() {
        let body = body(client);
        client.create(&path, body.clone());
        client.settle();
        samples.push(Sample { kind, path, body });
    }
    samples
}

/// The body of a type that needs no other resource.
pub(in super::super) fn sample(type_name: &str) -> Value {
    let found = plan()
        .into_iter()
        .find(|(kind, ..)| kind.ends_with(&format!("/{type_name}")));
    let (.., body) = found.unwrap_or_else(|| panic!("no sample of {type_name}"));
    body(&Client::with_group())
}

/// What a PATCH of a type may say; `None` where Azure has no PATCH.
pub(super) fn patch_of(kind: &str) -> Option<Value> {
    let tags = json!({ "tags": { "stage": "dev" } });
    match kind {
        "Microsoft.DBforPostgreSQL/flexibleServers/configurations" => {
            Some(json!({ "properties": { "value": "VECTOR,HSTORE", "source": "user-override" } }))
        }
        "Microsoft.Cache/redisEnterprise/databases" => {
            Some(json!({ "properties": { "persistence": { "aofEnabled": false } } }))
        }
        "Microsoft.Storage/storageAccounts/blobServices/containers" => {
            Some(json!({ "properties": { "metadata": { "stage": "dev" } } }))
        }
        "Microsoft.Authorization/roleAssignments"
        | "Microsoft.App/managedEnvironments/storages"
        | "Microsoft.DBforPostgreSQL/flexibleServers/databases"
        | "Microsoft.DBforPostgreSQL/flexibleServers/firewallRules"
        | "Microsoft.Storage/storageAccounts/blobServices"
        | "Microsoft.Network/virtualNetworks/subnets"
        | "Microsoft.Network/privateEndpoints"
        | "Microsoft.Network/privateEndpoints/privateDnsZoneGroups"
        | "Microsoft.Network/ApplicationGatewayWebApplicationFirewallPolicies" => None,
        _ => Some(tags),
    }
}

/// Sends a request and says what came back, as the tables write it: `201 body operation Creating`.
pub(super) fn described(
    client: &Client,
    method: &Method,
    path: &str,
    body: Option<&Value>,
) -> String {
    let reply = client.send(method, path, body);
    let mut words = vec![reply.status.as_str().to_owned()];
    words.push(
        if reply.body.is_null() {
            "empty"
        } else {
            "body"
        }
        .to_owned(),
    );
    for (header, word) in [
        ("azure-asyncoperation", "operation"),
        ("location", "location"),
    ] {
        if reply.header(header).is_some() {
            words.push(word.to_owned());
        }
    }
    words.extend(state_of(&reply.body).map(str::to_owned));
    if reply.status.is_client_error() {
        words.push(reply.code().to_owned());
    }
    words.join(" ")
}

/// The word for the state of a resource, where its provider has it.
pub(super) fn state_of(body: &Value) -> Option<&str> {
    let properties = body.get("properties")?;
    let state = properties.get("provisioningState");
    state.or_else(|| properties.get("state"))?.as_str()
}

#[test]
fn every_type_that_can_be_written_has_a_sample() {
    let writable: BTreeSet<&str> = provider::PROVIDERS
        .iter()
        .map(|provider| provider.definition())
        .filter(|definition| definition.create.is_some())
        .map(|definition| definition.name)
        // the retired cache can't be created
        .filter(|name| *name != "Microsoft.Cache/redis")
        .collect();
    let sampled: BTreeSet<&str> = plan().into_iter().map(|(kind, ..)| kind).collect();
    assert_eq!(sampled, writable);
    for (kind, path, _) in plan() {
        let id = ResourceId::parse(&path).unwrap();
        assert_eq!(id.type_name(), kind, "{path}");
    }
}
