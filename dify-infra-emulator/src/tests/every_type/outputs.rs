//! What each provider adds to what a client said: defaults, and values that it alone sets.

use std::collections::BTreeSet;

use serde_json::Value;

use super::super::support::Client;
use super::samples::make_all;

/// What stands at a place of a complete resource although no client said it; `*` is any text, a number
/// or a list that is not empty.
const ADDED: &[(&str, &[(&str, &str)])] = &[
    (
        "Microsoft.OperationalInsights/workspaces",
        &[
            ("properties/retentionInDays", "30"),
            ("properties/sku/name", "\"PerGB2018\""),
            ("properties/customerId", "*"),
            ("properties/publicNetworkAccessForIngestion", "\"Enabled\""),
        ],
    ),
    (
        "Microsoft.Network/virtualNetworks",
        &[
            ("properties/enableDdosProtection", "false"),
            ("properties/resourceGuid", "*"),
            ("properties/subnets", "*"),
            ("etag", "*"),
        ],
    ),
    (
        "Microsoft.Network/networkSecurityGroups",
        &[
            ("properties/defaultSecurityRules", "*"),
            ("properties/securityRules/0/id", "*"),
            ("properties/resourceGuid", "*"),
            ("etag", "*"),
        ],
    ),
    (
        "Microsoft.Network/virtualNetworks/subnets",
        &[
            ("properties/privateEndpointNetworkPolicies", "\"Disabled\""),
            (
                "properties/privateLinkServiceNetworkPolicies",
                "\"Enabled\"",
            ),
            ("properties/defaultOutboundAccess", "false"),
            ("etag", "*"),
        ],
    ),
    (
        "Microsoft.App/managedEnvironments",
        &[
            ("properties/defaultDomain", "*"),
            ("properties/staticIp", "*"),
            ("properties/zoneRedundant", "false"),
            ("properties/publicNetworkAccess", "\"Enabled\""),
            (
                "properties/customDomainConfiguration/customDomainVerificationId",
                "*",
            ),
            ("properties/eventStreamEndpoint", "*"),
            ("systemData/createdAt", "*"),
        ],
    ),
    (
        "Microsoft.App/managedEnvironments/storages",
        &[("systemData/createdAt", "*")],
    ),
    (
        "Microsoft.App/managedEnvironments/certificates",
        &[
            ("properties/thumbprint", "*"),
            ("properties/valid", "true"),
            ("properties/expirationDate", "*"),
        ],
    ),
    (
        "Microsoft.App/containerApps",
        &[
            ("properties/configuration/ingress/fqdn", "*"),
            ("properties/configuration/ingress/allowInsecure", "false"),
            ("properties/configuration/ingress/traffic/0/weight", "100"),
            ("properties/configuration/activeRevisionsMode", "\"Single\""),
            ("properties/configuration/maxInactiveRevisions", "100"),
            ("properties/latestReadyRevisionName", "*"),
            ("properties/latestRevisionFqdn", "*"),
            ("properties/managedEnvironmentId", "*"),
            ("properties/outboundIpAddresses", "*"),
            ("properties/runningStatus", "\"Running\""),
            (
                "properties/template/containers/0/resources/ephemeralStorage",
                "\"2Gi\"",
            ),
            ("properties/template/scale/pollingInterval", "30"),
            ("properties/workloadProfileName", "\"Consumption\""),
        ],
    ),
    (
        "Microsoft.App/managedEnvironments/managedCertificates",
        &[("properties/validationToken", "*")],
    ),
    (
        "Microsoft.App/jobs",
        &[
            ("properties/configuration/replicaRetryLimit", "0"),
            ("properties/eventStreamEndpoint", "*"),
            ("properties/workloadProfileName", "\"Consumption\""),
        ],
    ),
    (
        "Microsoft.DBforPostgreSQL/flexibleServers",
        &[
            ("properties/fullyQualifiedDomainName", "*"),
            ("properties/backup/backupRetentionDays", "7"),
            ("properties/backup/geoRedundantBackup", "\"Disabled\""),
            ("properties/highAvailability/mode", "\"Disabled\""),
            ("properties/storage/tier", "\"P4\""),
            ("properties/storage/autoGrow", "\"Disabled\""),
            ("properties/authConfig/passwordAuth", "\"Enabled\""),
            ("properties/minorVersion", "*"),
            ("properties/replicationRole", "\"Primary\""),
            ("systemData/createdAt", "*"),
        ],
    ),
    (
        "Microsoft.DBforPostgreSQL/flexibleServers/databases",
        &[
            ("properties/charset", "\"UTF8\""),
            ("properties/collation", "\"en_US.utf8\""),
        ],
    ),
    (
        "Microsoft.DBforPostgreSQL/flexibleServers/configurations",
        &[
            ("properties/dataType", "*"),
            ("properties/description", "*"),
            ("properties/isReadOnly", "false"),
        ],
    ),
    (
        "Microsoft.DBforPostgreSQL/flexibleServers/firewallRules",
        &[],
    ),
    (
        "Microsoft.Cache/redisEnterprise",
        &[
            ("properties/hostName", "*"),
            ("properties/highAvailability", "\"Enabled\""),
            ("properties/resourceState", "\"Running\""),
        ],
    ),
    (
        "Microsoft.Cache/redisEnterprise/databases",
        &[
            ("properties/clientProtocol", "\"Encrypted\""),
            ("properties/port", "10000"),
            ("properties/resourceState", "\"Running\""),
        ],
    ),
    (
        "Microsoft.Storage/storageAccounts",
        &[
            ("properties/primaryEndpoints/blob", "*"),
            ("properties/primaryLocation", "*"),
            ("properties/creationTime", "*"),
            ("properties/supportsHttpsTrafficOnly", "true"),
            ("properties/statusOfPrimary", "*"),
        ],
    ),
    (
        "Microsoft.Storage/storageAccounts/blobServices",
        &[("properties/cors", "*")],
    ),
    (
        "Microsoft.Storage/storageAccounts/blobServices/containers",
        &[
            ("properties/leaseState", "\"Available\""),
            ("properties/lastModifiedTime", "*"),
            ("etag", "*"),
        ],
    ),
    (
        "Microsoft.Network/privateEndpoints",
        &[
            (
                "properties/privateLinkServiceConnections/0/properties/\
                 privateLinkServiceConnectionState/status",
                "\"Approved\"",
            ),
            ("properties/privateLinkServiceConnections/0/id", "*"),
            ("etag", "*"),
        ],
    ),
    (
        "Microsoft.Network/privateDnsZones",
        &[
            ("properties/maxNumberOfRecordSets", "25000"),
            ("properties/numberOfVirtualNetworkLinks", "1"),
            ("etag", "*"),
        ],
    ),
    (
        "Microsoft.Network/privateDnsZones/virtualNetworkLinks",
        &[("properties/virtualNetworkLinkState", "\"Completed\"")],
    ),
    (
        "Microsoft.Network/privateEndpoints/privateDnsZoneGroups",
        &[(
            "properties/privateDnsZoneConfigs/0/properties/recordSets",
            "*",
        )],
    ),
    (
        "Microsoft.Network/publicIPAddresses",
        &[
            ("properties/ipAddress", "*"),
            ("properties/publicIPAddressVersion", "\"IPv4\""),
            ("properties/idleTimeoutInMinutes", "4"),
            ("properties/ipConfiguration/id", "*"),
        ],
    ),
    (
        "Microsoft.Network/ApplicationGatewayWebApplicationFirewallPolicies",
        &[
            ("properties/policySettings/maxRequestBodySizeInKb", "128"),
            ("properties/applicationGateways/0/id", "*"),
            ("properties/resourceState", "\"Enabled\""),
        ],
    ),
    (
        "Microsoft.Network/applicationGateways",
        &[
            ("properties/operationalState", "\"Running\""),
            ("properties/enableHttp2", "false"),
            ("properties/httpListeners/0/id", "*"),
            (
                "properties/backendHttpSettingsCollection/0/properties/requestTimeout",
                "20",
            ),
            ("etag", "*"),
        ],
    ),
    (
        "Microsoft.ManagedIdentity/userAssignedIdentities",
        &[
            ("properties/clientId", "*"),
            ("properties/principalId", "*"),
            ("properties/tenantId", "*"),
        ],
    ),
    (
        "Microsoft.KeyVault/vaults",
        &[
            ("properties/vaultUri", "*"),
            ("properties/enableRbacAuthorization", "true"),
            ("properties/enableSoftDelete", "true"),
            ("properties/softDeleteRetentionInDays", "90"),
        ],
    ),
    (
        "Microsoft.KeyVault/vaults/secrets",
        &[
            ("properties/secretUri", "*"),
            ("properties/secretUriWithVersion", "*"),
            ("properties/attributes/enabled", "true"),
        ],
    ),
    (
        "Microsoft.Authorization/roleAssignments",
        &[("properties/scope", "*"), ("properties/createdOn", "*")],
    ),
    (
        "Microsoft.ContainerRegistry/registries",
        &[
            ("properties/loginServer", "*"),
            ("properties/adminUserEnabled", "false"),
            ("properties/creationDate", "*"),
        ],
    ),
];

fn is_something(value: &Value) -> bool {
    match value {
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(members) => !members.is_empty(),
        value => !value.is_null(),
    }
}

#[test]
fn each_type_has_its_providers_defaults_and_outputs() {
    let client = Client::with_group();
    let mut wrong = Vec::new();
    let mut seen = BTreeSet::new();
    for sample in make_all(&client) {
        let Some((kind, added)) = ADDED.iter().find(|(kind, _)| *kind == sample.kind) else {
            panic!("no row for {}", sample.kind);
        };
        seen.insert(*kind);
        let body = client.get(&sample.path).body;
        for (place, expected) in *added {
            let pointer = format!("/{place}");
            assert!(
                sample.body.pointer(&pointer).is_none_or(Value::is_array),
                "{kind}: the sample says {place} itself"
            );
            let found = body.pointer(&pointer).unwrap_or(&Value::Null);
            let is_right = match *expected {
                "*" => is_something(found),
                text => *found == serde_json::from_str::<Value>(text).unwrap(),
            };
            if !is_right {
                wrong.push(format!("{kind} {place}: {found}, expected {expected}"));
            }
        }
    }
    assert_eq!(seen.len(), ADDED.len(), "a row is of no type");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
