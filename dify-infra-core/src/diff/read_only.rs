//! What of a resource only Azure writes, as marked in Azure/bicep-types-az.

use serde_json::Value;

use crate::resource::Kind;

/// Read-only in every type.
const ALL: [&str; 9] = [
    "id",
    "name",
    "type",
    "etag",
    "systemData",
    "identity/principalId",
    "identity/tenantId",
    "identity/userAssignedIdentities/*/principalId",
    "identity/userAssignedIdentities/*/clientId",
];

/// A live body without the parts that Azure alone writes.
pub fn without_read_only(kind: Kind, live: &Value) -> Value {
    let mut body = live.clone();
    for path in ALL.iter().chain(of(kind)) {
        remove(&mut body, path);
    }
    body
}

/// Removes what a path leads to; `*` stands for every item of a list or a map.
fn remove(value: &mut Value, path: &str) {
    match (path.split_once('/'), value) {
        (Some(("*", rest)), Value::Array(items)) => {
            for item in items {
                remove(item, rest);
            }
        }
        (Some(("*", rest)), Value::Object(fields)) => {
            for field in fields.values_mut() {
                remove(field, rest);
            }
        }
        (Some((name, rest)), Value::Object(fields)) => {
            if let Some(field) = fields.get_mut(name) {
                remove(field, rest);
            }
        }
        (None, Value::Object(fields)) => {
            fields.remove(path);
        }
        _ => {}
    }
}

/// Read-only properties of each type.
fn of(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::ResourceGroup => &["properties", "managedBy"],
        Kind::Workspace => WORKSPACE,
        Kind::ManagedEnvironment => MANAGED_ENVIRONMENT,
        Kind::ContainerApp => CONTAINER_APP,
        Kind::Job => JOB,
        Kind::PostgresServer => POSTGRES_SERVER,
        Kind::PostgresConfiguration => POSTGRES_CONFIGURATION,
        Kind::RedisEnterprise | Kind::RedisEnterpriseDatabase => REDIS,
        Kind::StorageAccount => STORAGE_ACCOUNT,
        Kind::BlobContainer => BLOB_CONTAINER,
        Kind::UserAssignedIdentity => &[
            "properties/tenantId",
            "properties/principalId",
            "properties/clientId",
        ],
        Kind::RoleAssignment => ROLE_ASSIGNMENT,
        Kind::Vault => VAULT,
        Kind::VaultSecret => VAULT_SECRET,
        Kind::Certificate => CERTIFICATE,
        Kind::ManagedCertificate => &[
            "properties/provisioningState",
            "properties/error",
            "properties/validationToken",
        ],
        Kind::Registry => &["properties"],
        Kind::BlobService => &[
            "sku",
            "properties/restorePolicy/lastEnabledTime",
            "properties/restorePolicy/minRestoreTime",
        ],
        Kind::VirtualNetwork => VIRTUAL_NETWORK,
        Kind::Subnet => SUBNET,
        Kind::NetworkSecurityGroup => NETWORK_SECURITY_GROUP,
        Kind::PrivateEndpoint => PRIVATE_ENDPOINT,
        Kind::PrivateDnsZoneGroup => &[
            "properties/provisioningState",
            "properties/privateDnsZoneConfigs/*/properties/recordSets",
        ],
        Kind::PrivateDnsZone => PRIVATE_DNS_ZONE,
        Kind::PublicIpAddress => &[
            "properties/provisioningState",
            "properties/resourceGuid",
            "properties/ipConfiguration",
            "properties/upgradedToV2",
        ],
        Kind::FirewallPolicy => FIREWALL_POLICY,
        Kind::ApplicationGateway => APPLICATION_GATEWAY,
        Kind::VirtualNetworkLink => &[
            "properties/provisioningState",
            "properties/virtualNetworkLinkState",
        ],
        Kind::JobExecution
        | Kind::CustomDomain
        | Kind::PostgresDatabase
        | Kind::PostgresFirewallRule => &[],
    }
}

const WORKSPACE: &[&str] = &[
    "properties/provisioningState",
    "properties/customerId",
    "properties/createdDate",
    "properties/modifiedDate",
    "properties/privateLinkScopedResources",
    "properties/sku/lastSkuUpdate",
    "properties/workspaceCapping/quotaNextResetTime",
    "properties/workspaceCapping/dataIngestionStatus",
    "properties/features/unifiedSentinelBillingOnly",
    "properties/features/associations",
    "properties/replication/provisioningState",
    "properties/replication/createdDate",
    "properties/replication/lastModifiedDate",
    "properties/failover",
];

const MANAGED_ENVIRONMENT: &[&str] = &[
    "properties/provisioningState",
    "properties/deploymentErrors",
    "properties/defaultDomain",
    "properties/staticIp",
    "properties/eventStreamEndpoint",
    "properties/privateEndpointConnections",
    "properties/customDomainConfiguration/customDomainVerificationId",
    "properties/customDomainConfiguration/expirationDate",
    "properties/customDomainConfiguration/thumbprint",
    "properties/customDomainConfiguration/subjectName",
    "properties/kedaConfiguration/version",
    "properties/daprConfiguration/version",
];

const CONTAINER_APP: &[&str] = &[
    "properties/provisioningState",
    "properties/runningStatus",
    "properties/latestRevisionName",
    "properties/latestReadyRevisionName",
    "properties/latestRevisionFqdn",
    "properties/customDomainVerificationId",
    "properties/outboundIpAddresses",
    "properties/eventStreamEndpoint",
    // Not marked, and yet the deprecated twin of environmentId.
    "properties/managedEnvironmentId",
    "properties/configuration/ingress/fqdn",
    "properties/template/containers/*/resources/ephemeralStorage",
    "properties/template/initContainers/*/resources/ephemeralStorage",
];

const CERTIFICATE: &[&str] = &[
    "properties/provisioningState",
    "properties/deploymentErrors",
    "properties/subjectName",
    "properties/subjectAlternativeNames",
    "properties/issuer",
    "properties/issueDate",
    "properties/expirationDate",
    "properties/thumbprint",
    "properties/valid",
    "properties/publicKeyHash",
];

const JOB: &[&str] = &[
    "properties/provisioningState",
    "properties/outboundIpAddresses",
    "properties/eventStreamEndpoint",
    "properties/template/containers/*/resources/ephemeralStorage",
    "properties/template/initContainers/*/resources/ephemeralStorage",
];

const POSTGRES_SERVER: &[&str] = &[
    "properties/state",
    "properties/minorVersion",
    "properties/fullyQualifiedDomainName",
    "properties/replicaCapacity",
    "properties/replica/capacity",
    "properties/replica/replicationState",
    "properties/privateEndpointConnections",
    "properties/backup/earliestRestoreDate",
    "properties/highAvailability/state",
    "properties/dataEncryption/primaryEncryptionKeyStatus",
    "properties/dataEncryption/geoBackupEncryptionKeyStatus",
];

const POSTGRES_CONFIGURATION: &[&str] = &[
    "properties/description",
    "properties/defaultValue",
    "properties/dataType",
    "properties/allowedValues",
    "properties/isDynamicConfig",
    "properties/isReadOnly",
    "properties/isConfigPendingRestart",
    "properties/unit",
    "properties/documentationLink",
];

const REDIS: &[&str] = &[
    "kind",
    "properties/provisioningState",
    "properties/resourceState",
    "properties/redisVersion",
    "properties/hostName",
    "properties/redundancyMode",
    "properties/privateEndpointConnections",
    "properties/modules/*/version",
    "properties/geoReplication/linkedDatabases/*/state",
];

const STORAGE_ACCOUNT: &[&str] = &[
    "properties/provisioningState",
    "properties/primaryEndpoints",
    "properties/primaryLocation",
    "properties/statusOfPrimary",
    "properties/lastGeoFailoverTime",
    "properties/secondaryLocation",
    "properties/secondaryEndpoints",
    "properties/statusOfSecondary",
    "properties/geoReplicationStats",
    "properties/failoverInProgress",
    "properties/creationTime",
    "properties/keyCreationTime",
    "properties/privateEndpointConnections",
    "properties/blobRestoreStatus",
    "properties/storageAccountSkuConversionStatus",
    "properties/isSkuConversionBlocked",
    "properties/accountMigrationInProgress",
    "properties/encryption/services/*/lastEnabledTime",
    "properties/encryption/keyvaultproperties/currentVersionedKeyIdentifier",
    "properties/encryption/keyvaultproperties/lastKeyRotationTimestamp",
    "properties/encryption/keyvaultproperties/currentVersionedKeyExpirationTimestamp",
    "properties/networkAcls/virtualNetworkRules/*/state",
    "sku/tier",
];

const ROLE_ASSIGNMENT: &[&str] = &[
    "properties/scope",
    "properties/createdOn",
    "properties/updatedOn",
    "properties/createdBy",
    "properties/updatedBy",
];

const VAULT: &[&str] = &[
    "properties/vaultUri",
    "properties/provisioningState",
    "properties/hsmPoolResourceId",
    "properties/privateEndpointConnections",
];

const VAULT_SECRET: &[&str] = &[
    "location",
    "properties/secretUri",
    "properties/secretUriWithVersion",
    "properties/attributes/created",
    "properties/attributes/updated",
];

const BLOB_CONTAINER: &[&str] = &[
    "properties/version",
    "properties/deleted",
    "properties/deletedTime",
    "properties/remainingRetentionDays",
    "properties/lastModifiedTime",
    "properties/leaseStatus",
    "properties/leaseState",
    "properties/leaseDuration",
    "properties/immutabilityPolicy",
    "properties/legalHold",
    "properties/hasLegalHold",
    "properties/hasImmutabilityPolicy",
    "properties/immutableStorageWithVersioning/timeStamp",
    "properties/immutableStorageWithVersioning/migrationState",
];

// The subnets are resources of their own, which a PUT of the network without them leaves alone.
const VIRTUAL_NETWORK: &[&str] = &[
    "properties/provisioningState",
    "properties/resourceGuid",
    "properties/subnets",
    "properties/flowLogs",
    "properties/defaultPublicNatGateway",
];

const SUBNET: &[&str] = &[
    "properties/provisioningState",
    "properties/purpose",
    "properties/privateEndpoints",
    "properties/ipConfigurations",
    "properties/ipConfigurationProfiles",
    "properties/resourceNavigationLinks",
    "properties/serviceAssociationLinks",
    "properties/delegations/*/etag",
    "properties/delegations/*/properties/actions",
    "properties/delegations/*/properties/provisioningState",
    "properties/serviceEndpoints/*/provisioningState",
];

const NETWORK_SECURITY_GROUP: &[&str] = &[
    "properties/provisioningState",
    "properties/resourceGuid",
    "properties/defaultSecurityRules",
    "properties/networkInterfaces",
    "properties/subnets",
    "properties/flowLogs",
    "properties/securityRules/*/etag",
    "properties/securityRules/*/type",
    "properties/securityRules/*/properties/provisioningState",
];

const PRIVATE_ENDPOINT: &[&str] = &[
    "properties/provisioningState",
    "properties/networkInterfaces",
    // Not marked, and yet what Azure found out.
    "properties/customDnsConfigs",
    "properties/privateLinkServiceConnections/*/etag",
    "properties/privateLinkServiceConnections/*/type",
    "properties/privateLinkServiceConnections/*/properties/provisioningState",
    "properties/privateLinkServiceConnections/*/properties/privateLinkServiceConnectionState",
    "properties/manualPrivateLinkServiceConnections/*/etag",
    "properties/manualPrivateLinkServiceConnections/*/type",
    "properties/manualPrivateLinkServiceConnections/*/properties/provisioningState",
];

const FIREWALL_POLICY: &[&str] = &[
    "properties/provisioningState",
    "properties/resourceState",
    "properties/applicationGateways",
    "properties/httpListeners",
    "properties/pathBasedRules",
    "properties/applicationGatewayForContainers",
    "properties/managedRules/managedRuleSets/*/computedDisabledRules",
    "properties/customRules/*/etag",
];

/// Of each part of a gateway, whoever made it: an update sends the parts of others back.
const APPLICATION_GATEWAY: &[&str] = &[
    "properties/provisioningState",
    "properties/operationalState",
    "properties/resourceGuid",
    "properties/defaultPredefinedSslPolicy",
    "properties/privateEndpointConnections",
    "properties/backendAddressPools/*/properties/backendIPConfigurations",
    "properties/sslCertificates/*/properties/publicCertData",
    "properties/trustedClientCertificates/*/properties/validatedCertData",
    "properties/trustedClientCertificates/*/properties/clientCertIssuerDN",
    "properties/gatewayIPConfigurations/*/etag",
    "properties/gatewayIPConfigurations/*/type",
    "properties/gatewayIPConfigurations/*/properties/provisioningState",
    "properties/frontendIPConfigurations/*/etag",
    "properties/frontendIPConfigurations/*/type",
    "properties/frontendIPConfigurations/*/properties/provisioningState",
    "properties/frontendPorts/*/etag",
    "properties/frontendPorts/*/type",
    "properties/frontendPorts/*/properties/provisioningState",
    "properties/sslCertificates/*/etag",
    "properties/sslCertificates/*/type",
    "properties/sslCertificates/*/properties/provisioningState",
    "properties/backendAddressPools/*/etag",
    "properties/backendAddressPools/*/type",
    "properties/backendAddressPools/*/properties/provisioningState",
    "properties/backendHttpSettingsCollection/*/etag",
    "properties/backendHttpSettingsCollection/*/type",
    "properties/backendHttpSettingsCollection/*/properties/provisioningState",
    "properties/probes/*/etag",
    "properties/probes/*/type",
    "properties/probes/*/properties/provisioningState",
    "properties/httpListeners/*/etag",
    "properties/httpListeners/*/type",
    "properties/httpListeners/*/properties/provisioningState",
    "properties/redirectConfigurations/*/etag",
    "properties/redirectConfigurations/*/type",
    "properties/redirectConfigurations/*/properties/provisioningState",
    "properties/requestRoutingRules/*/etag",
    "properties/requestRoutingRules/*/type",
    "properties/requestRoutingRules/*/properties/provisioningState",
    "properties/authenticationCertificates/*/etag",
    "properties/authenticationCertificates/*/type",
    "properties/authenticationCertificates/*/properties/provisioningState",
    "properties/trustedRootCertificates/*/etag",
    "properties/trustedRootCertificates/*/type",
    "properties/trustedRootCertificates/*/properties/provisioningState",
    "properties/trustedClientCertificates/*/etag",
    "properties/trustedClientCertificates/*/type",
    "properties/trustedClientCertificates/*/properties/provisioningState",
    "properties/sslProfiles/*/etag",
    "properties/sslProfiles/*/type",
    "properties/sslProfiles/*/properties/provisioningState",
    "properties/urlPathMaps/*/etag",
    "properties/urlPathMaps/*/type",
    "properties/urlPathMaps/*/properties/provisioningState",
    "properties/rewriteRuleSets/*/etag",
    "properties/rewriteRuleSets/*/type",
    "properties/rewriteRuleSets/*/properties/provisioningState",
];

const PRIVATE_DNS_ZONE: &[&str] = &[
    "properties/provisioningState",
    "properties/internalId",
    "properties/maxNumberOfRecordSets",
    "properties/maxNumberOfVirtualNetworkLinks",
    "properties/maxNumberOfVirtualNetworkLinksWithRegistration",
    "properties/numberOfRecordSets",
    "properties/numberOfVirtualNetworkLinks",
    "properties/numberOfVirtualNetworkLinksWithRegistration",
];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn read_only_parts_are_removed() {
        let live = json!({ "id": "x", "location": "l", "properties": { "defaultDomain": "d" } });
        let body = without_read_only(Kind::ManagedEnvironment, &live);
        assert_eq!(body, json!({ "location": "l", "properties": {} }));
    }

    #[test]
    fn a_star_goes_into_every_item() {
        let container = json!({ "resources": { "cpu": 1, "ephemeralStorage": "2Gi" } });
        let identities = json!({ "/subscriptions/s": { "principalId": "p", "clientId": "c" } });
        let live = json!({
            "identity": { "type": "UserAssigned", "userAssignedIdentities": identities },
            "properties": { "template": { "containers": [container, container] } },
        });
        let body = without_read_only(Kind::Job, &live);
        let container = json!({ "resources": { "cpu": 1 } });
        assert_eq!(
            body,
            json!({
                "identity": {
                    "type": "UserAssigned",
                    "userAssignedIdentities": { "/subscriptions/s": {} },
                },
                "properties": { "template": { "containers": [container, container] } },
            })
        );
    }
}
