//! Which of Microsoft's examples are looked at, and what of them can't be.

/// What is looked at: an example, the type that its path names, and where its request may not be sent as
/// it is, with the reason.
pub(super) struct Example {
    pub(super) file: &'static str,
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    /// The parameter that is the body.
    pub(super) body: &'static str,
    /// JSON pointers that are set otherwise, to a JSON value with `ENVIRONMENT` and `SUBNET` for the ids of
    /// what is there, with the reason; an empty value takes the member away.
    pub(super) changed: &'static [(&'static str, &'static str, &'static str)],
    /// Members of Microsoft's answer that this one does not have, with the reason.
    pub(super) missing: &'static [(&'static str, &'static str)],
}

pub(super) const EXAMPLES: &[Example] = &[
    Example {
        file: "Microsoft.App/2026-01-01/ManagedEnvironmentsStorages_CreateOrUpdate.json",
        method: "PUT",
        path: "/Microsoft.App/managedEnvironments/environment/storages/jlaw-demo1",
        body: "storageEnvelope",
        changed: &[],
        missing: &[],
    },
    Example {
        file: "Microsoft.App/2026-01-01/Job_Start.json",
        method: "POST",
        path: "/Microsoft.App/jobs/job/start",
        body: "template",
        changed: &[(
            "/initContainers/0/name",
            "\"testinitcontainer0\"",
            "the service refuses capitals in the name of a container",
        )],
        missing: &[],
    },
    Example {
        file: "Microsoft.Cache/2025-07-01/RedisEnterpriseDatabasesCreate.json",
        method: "PUT",
        path: "/Microsoft.Cache/redisEnterprise/cache1/databases/default",
        body: "parameters",
        changed: &[],
        missing: &[],
    },
    Example {
        file: "Microsoft.Cache/2025-07-01/RedisEnterpriseDatabasesListKeys.json",
        method: "POST",
        path: "/Microsoft.Cache/redisEnterprise/cache1/databases/default/listKeys",
        body: "",
        changed: &[],
        missing: &[],
    },
    Example {
        file: "Microsoft.DBforPostgreSQL/2025-08-01/DatabasesCreate.json",
        method: "PUT",
        path: "/Microsoft.DBforPostgreSQL/flexibleServers/exampleserver/databases/exampledatabase",
        body: "parameters",
        changed: &[],
        missing: &[],
    },
    Example {
        file: "Microsoft.DBforPostgreSQL/2025-08-01/ConfigurationsUpdateUsingPut.json",
        method: "PUT",
        path: "/Microsoft.DBforPostgreSQL/flexibleServers/exampleserver/configurations/constraint_exclusion",
        body: "parameters",
        changed: &[],
        missing: &[],
    },
    Example {
        file: "Microsoft.DBforPostgreSQL/2025-08-01/ConfigurationsGet.json",
        method: "GET",
        path: "/Microsoft.DBforPostgreSQL/flexibleServers/exampleserver/configurations/array_nulls",
        body: "",
        changed: &[],
        missing: &[(
            "/properties/documentationLink",
            "addresses of pages are not made up",
        )],
    },
    Example {
        file: "Microsoft.DBforPostgreSQL/2025-08-01/ServersDelete.json",
        method: "DELETE",
        path: "/Microsoft.DBforPostgreSQL/flexibleServers/exampleserver",
        body: "",
        changed: &[],
        missing: &[],
    },
    Example {
        file: "Microsoft.Storage/2026-04-01/StorageAccountCheckNameAvailability.json",
        method: "POST",
        path: "//providers/Microsoft.Storage/checkNameAvailability",
        body: "accountName",
        changed: &[],
        missing: &[],
    },
    Example {
        file: "Microsoft.Storage/2026-04-01/BlobContainersPut.json",
        method: "PUT",
        path: "/Microsoft.Storage/storageAccounts/exampleaccount/blobServices/default/containers/container6185",
        body: "blobContainer",
        changed: &[],
        missing: &[],
    },
    Example {
        file: "Microsoft.Storage/2026-04-01/BlobServicesPutAllowPermanentDelete.json",
        method: "PUT",
        path: "/Microsoft.Storage/storageAccounts/exampleaccount/blobServices/default",
        body: "parameters",
        changed: &[],
        missing: &[],
    },
    Example {
        file: "Microsoft.App/2026-01-01/ContainerApps_Delete.json",
        method: "DELETE",
        path: "/Microsoft.App/containerApps/app",
        body: "",
        changed: &[],
        missing: &[],
    },
    Example {
        file: "Microsoft.App/2026-01-01/ManagedEnvironments_CreateOrUpdate.json",
        method: "PUT",
        path: "/Microsoft.App/managedEnvironments/demokube",
        body: "environmentEnvelope",
        changed: &[
            (
                "/properties/vnetConfiguration/infrastructureSubnetId",
                "\"SUBNET\"",
                "the subnet must exist",
            ),
            (
                "/properties/appInsightsConfiguration",
                "",
                "Application Insights is not emulated, and an unknown member is refused",
            ),
            (
                "/properties/openTelemetryConfiguration",
                "",
                "collectors are not emulated, and an unknown member is refused",
            ),
        ],
        missing: &[
            ("/properties/appInsightsConfiguration", "not emulated"),
            ("/properties/openTelemetryConfiguration", "not emulated"),
            (
                "/properties/customDomainConfiguration/subjectName",
                "certificates are not read",
            ),
            (
                "/properties/customDomainConfiguration/expirationDate",
                "certificates are not read",
            ),
            (
                "/properties/customDomainConfiguration/thumbprint",
                "certificates are not read",
            ),
        ],
    },
    Example {
        file: "Microsoft.App/2026-01-01/ContainerApps_CreateOrUpdate.json",
        method: "PUT",
        path: "/Microsoft.App/containerApps/testcontainerapp0",
        body: "containerAppEnvelope",
        changed: &[
            (
                "/properties/environmentId",
                "\"ENVIRONMENT\"",
                "the environment must exist",
            ),
            (
                "/properties/template/initContainers/0/name",
                "\"testinitcontainerapp0\"",
                "the service refuses capitals in the name of a container",
            ),
            (
                "/properties/configuration/ingress/traffic",
                "[{\"latestRevision\": true, \"weight\": 100}]",
                "a new app has no other revision",
            ),
            (
                "/properties/configuration/ingress/customDomains",
                "[]",
                "their certificates do not exist",
            ),
        ],
        missing: &[
            (
                "/properties/configuration/ingress/traffic/0/revisionName",
                "a new app has no other revision",
            ),
            (
                "/properties/template/scale/rules/0/http",
                "the answer of the example shows another rule than its request sends",
            ),
        ],
    },
    Example {
        file: "Microsoft.Storage/2026-04-01/StorageAccountCreateDnsEndpointTypeToStandard.json",
        method: "PUT",
        path: "/Microsoft.Storage/storageAccounts/sto4445",
        body: "parameters",
        changed: &[],
        missing: &[
            (
                "/properties/encryption/services/blob/lastEnabledTime",
                "not emulated",
            ),
            (
                "/properties/encryption/services/file/lastEnabledTime",
                "not emulated",
            ),
            (
                "/properties/primaryEndpoints/internetEndpoints",
                "routing preferences have no hosts of their own here",
            ),
            (
                "/properties/primaryEndpoints/microsoftEndpoints",
                "routing preferences have no hosts of their own here",
            ),
            (
                "/properties/secondaryLocation",
                "which regions are pairs is not known here",
            ),
            (
                "/properties/statusOfSecondary",
                "which regions are pairs is not known here",
            ),
        ],
    },
    Example {
        file: "Microsoft.DBforPostgreSQL/2025-08-01/ServersGetWithVnet.json",
        method: "GET",
        path: "/Microsoft.DBforPostgreSQL/flexibleServers/vnetserver",
        body: "",
        changed: &[],
        missing: &[],
    },
];

/// Examples of what is not emulated, with what that is.
pub(super) const LEFT_OUT: &[(&str, &str)] = &[
    (
        "Microsoft.App/2026-01-01/AuthConfigs_CreateOrUpdate.json",
        "built-in authentication of apps",
    ),
    (
        "Microsoft.App/2026-01-01/HttpRouteConfig_CreateOrUpdate.json",
        "routes of an environment (preview)",
    ),
    (
        "Microsoft.ContainerInstance/2025-09-01/ContainerExec.json",
        "container groups",
    ),
    (
        "Microsoft.ContainerInstance/2025-09-01/ContainerListLogs.json",
        "container groups",
    ),
    (
        "Microsoft.ContainerInstance/2026-07-01/ContainerGroupsCreateOrUpdate.json",
        "container groups",
    ),
    (
        "Microsoft.Insights/2020-02-02/ComponentsCreate.json",
        "Application Insights",
    ),
    (
        "Microsoft.Storage/2026-04-01/StorageAccountSetManagementPolicyHotTierActions.json",
        "management policies of accounts",
    ),
];

/// Requests that are refused, with the code.
pub(super) const REFUSED: &[(&str, &str, &str, &str)] = &[
    (
        "Microsoft.Cache/2024-11-01/RedisCacheCreate.json",
        "/Microsoft.Cache/redis/cache1",
        "parameters",
        "BadRequest",
    ),
    // its template is behind a link, which nothing here may follow: rule ARM-TEMPLATE-PARTS
    (
        "Microsoft.Resources/2025-04-01/PutDeploymentResourceGroup.json",
        "/Microsoft.Resources/deployments/my-deployment",
        "parameters",
        "InvalidTemplate",
    ),
];
