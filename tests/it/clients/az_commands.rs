//! The commands of `az` that are proven, with what each proves.

/// A command, what of its answer must be so, and what that proves.
pub(crate) struct Step {
    pub(crate) command: &'static str,
    /// JSON pointers with the text or JSON that must stand there.
    pub(crate) expect: &'static [(&'static str, &'static str)],
    pub(crate) proves: &'static str,
}

const fn step(
    command: &'static str,
    expect: &'static [(&'static str, &'static str)],
    proves: &'static str,
) -> Step {
    Step {
        command,
        expect,
        proves,
    }
}

/// What comes first, once.
pub(crate) const LOGIN: &[Step] = &[
    step(
        "cloud register --name emulator --endpoint-resource-manager ENDPOINT",
        &[],
        "`/metadata/endpoints` tells everything that `az` wants to know of a cloud",
    ),
    step("cloud set --name emulator", &[], "the cloud is complete"),
    step(
        "login --service-principal --username any --password any --tenant TENANT",
        &[
            ("/0/state", "Enabled"),
            ("/0/user/type", "servicePrincipal"),
        ],
        "OpenID configuration, token, tenants and subscriptions",
    ),
];

/// Commands that need one another, in order; the lanes need nothing of each other.
pub(crate) const LANES: &[(&str, &[Step])] = &[
    ("groups and lists", GROUPS),
    ("Container Apps", APPS),
    ("PostgreSQL", POSTGRES),
    ("storage", STORAGE),
    ("Managed Redis", REDIS),
    ("networks", NETWORKS),
];

const GROUPS: &[Step] = &[
    step(
        "account list-locations",
        &[("/0/type", "Region")],
        "regions",
    ),
    step(
        "provider show --namespace Microsoft.App",
        &[("/registrationState", "Registered")],
        "types with their regions and api-versions",
    ),
    step(
        "group create --name az-groups --location japaneast --tags owner=dify",
        &[
            ("/properties/provisioningState", "Succeeded"),
            ("/tags/owner", "dify"),
        ],
        "a group with tags",
    ),
    step(
        "group list --tag owner=dify",
        &[("/0/name", "az-groups")],
        "groups by tag",
    ),
    step(
        "group show --name az-groups",
        &[("/location", "japaneast")],
        "one group",
    ),
    step(
        "group update --name az-groups --set tags.stage=dev",
        &[("/tags/stage", "dev"), ("/tags/owner", "dify")],
        "a group is read, changed and written",
    ),
    step(
        "monitor log-analytics workspace create --resource-group az-groups --workspace-name az-logs",
        &[("/provisioningState", "Succeeded")],
        "a type that answers `Creating` with status 200",
    ),
    step(
        "monitor log-analytics workspace get-shared-keys --resource-group az-groups --workspace-name az-logs",
        &[],
        "keys by an action",
    ),
    step(
        "resource list --resource-group az-groups",
        &[("/0/type", "Microsoft.OperationalInsights/workspaces")],
        "all resources of a group",
    ),
    step(
        "group delete --name az-groups --yes",
        &[],
        "a deletion is followed by its `Location`",
    ),
    step(
        "group exists --name az-groups",
        &[("", "false")],
        "the group is gone",
    ),
];

const APPS: &[Step] = &[
    step(
        "group create --name az-apps --location japaneast",
        &[],
        "a group for apps",
    ),
    step(
        "containerapp env create --resource-group az-apps --name az-env --location japaneast --logs-destination none",
        &[("/properties/provisioningState", "Succeeded")],
        "an environment is followed by `Azure-AsyncOperation`",
    ),
    step(
        "containerapp env show --resource-group az-apps --name az-env",
        &[("/location", "Japan East")],
        "the domain and address of an environment",
    ),
    step(
        "containerapp env list --resource-group az-apps",
        &[("/0/name", "az-env")],
        "environments",
    ),
    step(
        "containerapp create --resource-group az-apps --name az-app --environment az-env --image example.com/app:1 \
         --target-port 80 --ingress external --min-replicas 1 --secrets key=value --env-vars KEY=secretref:key",
        &[
            ("/properties/provisioningState", "Succeeded"),
            ("/properties/configuration/secrets/0/name", "key"),
        ],
        "an app with ingress, a secret and a variable from it; the value is withheld",
    ),
    step(
        "containerapp show --resource-group az-apps --name az-app",
        &[
            ("/properties/runningStatus", "Running"),
            ("/properties/template/containers/0/env/0/secretRef", "key"),
        ],
        "an app with its defaults and its host name",
    ),
    step(
        "containerapp list --resource-group az-apps",
        &[("/0/name", "az-app")],
        "apps",
    ),
    step(
        "containerapp secret list --resource-group az-apps --name az-app --show-values",
        &[("/0/value", "value")],
        "`listSecrets` answers values",
    ),
    step(
        "containerapp update --resource-group az-apps --name az-app --image example.com/app:2 --revision-suffix two",
        &[("/properties/latestRevisionName", "az-app--two")],
        "PATCH as merge patch, followed by `Location`",
    ),
    step(
        "containerapp secret set --resource-group az-apps --name az-app --secrets other=1",
        &[("/1/name", "other")],
        "a PUT with the secrets that `listSecrets` gave",
    ),
    step(
        "containerapp revision list --resource-group az-apps --name az-app",
        &[("/0/properties/active", "true")],
        "revisions",
    ),
    step(
        "containerapp replica list --resource-group az-apps --name az-app --revision az-app--two",
        &[("/0/properties/runningState", "Running")],
        "replicas of a revision",
    ),
    step(
        "containerapp ingress show --resource-group az-apps --name az-app",
        &[("/traffic/0/weight", "100")],
        "ingress and traffic",
    ),
    step(
        "containerapp job create --resource-group az-apps --name az-job --environment az-env --image example.com/job:1 \
         --trigger-type Manual --replica-timeout 100 --replica-retry-limit 0",
        &[("/properties/provisioningState", "Succeeded")],
        "a job",
    ),
    step(
        "containerapp job start --resource-group az-apps --name az-job",
        &[],
        "a job is started",
    ),
    step(
        "containerapp job execution list --resource-group az-apps --name az-job",
        &[("/0/properties/status", "Succeeded")],
        "executions end",
    ),
    step(
        "containerapp delete --resource-group az-apps --name az-app --yes",
        &[],
        "an app is deleted",
    ),
    step(
        "containerapp job delete --resource-group az-apps --name az-job --yes",
        &[],
        "a job is deleted",
    ),
    step(
        "containerapp env delete --resource-group az-apps --name az-env --yes",
        &[],
        "an environment is deleted, once it is empty",
    ),
];

const POSTGRES: &[Step] = &[
    step(
        "group create --name az-postgres --location japaneast",
        &[],
        "a group for PostgreSQL",
    ),
    step(
        "postgres flexible-server create --resource-group az-postgres --name az-dify-pg --location japaneast \
         --tier Burstable --sku-name Standard_B1ms --storage-size 32 --version 16 --admin-user dify \
         --admin-password Az-Secret-1234 --public-access Enabled --yes",
        &[("/skuname", "Standard_B1ms")],
        "name check, capabilities, and a creation that answers 202 without a body",
    ),
    step(
        "postgres flexible-server show --resource-group az-postgres --name az-dify-pg",
        &[
            ("/state", "Ready"),
            (
                "/fullyQualifiedDomainName",
                "az-dify-pg.postgres.database.azure.com",
            ),
        ],
        "a server with its state and host name, without its password",
    ),
    step(
        "postgres flexible-server list --resource-group az-postgres",
        &[("/0/name", "az-dify-pg")],
        "servers",
    ),
    step(
        "postgres flexible-server db create --resource-group az-postgres --server-name az-dify-pg --name dify",
        &[("/name", "dify"), ("/charset", "utf8")],
        "a database",
    ),
    step(
        "postgres flexible-server db list --resource-group az-postgres --server-name az-dify-pg",
        &[],
        "databases, those of the service included",
    ),
    step(
        "postgres flexible-server parameter set --resource-group az-postgres --server-name az-dify-pg \
         --name azure.extensions --value VECTOR,UUID-OSSP",
        &[("/source", "user-override")],
        "the allow-list of extensions",
    ),
    step(
        "postgres flexible-server parameter show --resource-group az-postgres --server-name az-dify-pg \
         --name max_connections",
        &[("/value", "50")],
        "a parameter whose default follows from the size",
    ),
    step(
        "postgres flexible-server firewall-rule create --resource-group az-postgres --server-name az-dify-pg \
         --name azure --start-ip-address 0.0.0.0 --end-ip-address 0.0.0.0",
        &[("/startIpAddress", "0.0.0.0")],
        "a firewall rule",
    ),
    step(
        "postgres flexible-server delete --resource-group az-postgres --name az-dify-pg --yes",
        &[],
        "a server is deleted",
    ),
];

const STORAGE: &[Step] = &[
    step(
        "group create --name az-storage --location japaneast",
        &[],
        "a group for storage",
    ),
    step(
        "storage account check-name --name azdifystorage",
        &[("/nameAvailable", "true")],
        "`checkNameAvailability`",
    ),
    step(
        "storage account create --resource-group az-storage --name azdifystorage --location japaneast \
         --sku Standard_LRS --allow-blob-public-access false --min-tls-version TLS1_2",
        &[
            ("/provisioningState", "Succeeded"),
            ("/minimumTlsVersion", "TLS1_2"),
        ],
        "a creation that answers 202 with an empty body",
    ),
    step(
        "storage account show --resource-group az-storage --name azdifystorage",
        &[(
            "/primaryEndpoints/blob",
            "https://azdifystorage.blob.core.windows.net/",
        )],
        "an account with its endpoints",
    ),
    step(
        "storage account keys list --resource-group az-storage --account-name azdifystorage",
        &[("/0/keyName", "key1")],
        "`listKeys`",
    ),
    step(
        "storage container-rm create --resource-group az-storage --storage-account azdifystorage --name files",
        &[("/publicAccess", "None")],
        "a container through Resource Manager",
    ),
    step(
        "storage container-rm list --resource-group az-storage --storage-account azdifystorage",
        &[("/0/name", "files")],
        "containers through Resource Manager",
    ),
    step(
        "storage container exists --name files --auth-mode key --account-key KEY --account-name azdifystorage \
         --blob-endpoint ENDPOINT/azdifystorage",
        &[("/exists", "true")],
        "the same container through the data plane, with the account's key",
    ),
    step(
        "storage blob upload --container-name files --name a/b.txt --data hello --account-key KEY \
         --account-name azdifystorage --blob-endpoint ENDPOINT/azdifystorage",
        &[],
        "a blob is written",
    ),
    step(
        "storage blob list --container-name files --account-key KEY --account-name azdifystorage \
         --blob-endpoint ENDPOINT/azdifystorage",
        &[("/0/name", "a/b.txt"), ("/0/properties/contentLength", "5")],
        "blobs are listed",
    ),
    step(
        "storage blob lease acquire --container-name files --blob-name a/b.txt --account-key KEY \
         --account-name azdifystorage --blob-endpoint ENDPOINT/azdifystorage",
        &[],
        "a blob is leased",
    ),
];

const REDIS: &[Step] = &[
    step(
        "group create --name az-redis --location japaneast",
        &[],
        "a group for Redis",
    ),
    step(
        "resource create --resource-group az-redis --name az-dify-redis --resource-type Microsoft.Cache/redisEnterprise \
         --is-full-object --properties REDIS",
        &[("/properties/resourceState", "Running")],
        "a cluster; `az redisenterprise` is an extension that no package registry has",
    ),
    step(
        "resource create --resource-group az-redis --namespace Microsoft.Cache --parent redisEnterprise/az-dify-redis \
         --resource-type databases --name default --api-version 2025-04-01 \
         --is-full-object --properties DATABASE",
        &[
            ("/properties/clusteringPolicy", "NoCluster"),
            ("/properties/port", "10000"),
        ],
        "its database, a child resource",
    ),
    step(
        "resource show --resource-group az-redis --name az-dify-redis --resource-type Microsoft.Cache/redisEnterprise",
        &[(
            "/properties/hostName",
            "az-dify-redis.japaneast.redis.azure.net",
        )],
        "the host name of a cluster",
    ),
    step(
        "resource invoke-action --action listKeys --resource-group az-redis --namespace Microsoft.Cache \
         --parent redisEnterprise/az-dify-redis --resource-type databases --name default",
        &[],
        "`listKeys` of a database",
    ),
];

const NETWORKS: &[Step] = &[
    step(
        "group create --name az-network --location japaneast",
        &[],
        "a group for networks",
    ),
    step(
        "network vnet create --resource-group az-network --name az-vnet --location japaneast \
         --address-prefixes 10.8.0.0/16",
        &[("/newVNet/provisioningState", "Succeeded")],
        "a network",
    ),
    step(
        "network vnet subnet create --resource-group az-network --vnet-name az-vnet --name apps \
         --address-prefixes 10.8.0.0/23 --delegations Microsoft.App/environments",
        &[("/delegations/0/serviceName", "Microsoft.App/environments")],
        "a delegated subnet",
    ),
    step(
        "network vnet subnet create --resource-group az-network --vnet-name az-vnet --name endpoints \
         --address-prefixes 10.8.4.0/24",
        &[("/provisioningState", "Succeeded")],
        "another subnet of the same network",
    ),
    step(
        "network vnet subnet list --resource-group az-network --vnet-name az-vnet",
        &[("/0/name", "apps")],
        "subnets",
    ),
    step(
        "storage account create --resource-group az-network --name azdifyprivate --location japaneast --sku Standard_LRS",
        &[("/provisioningState", "Succeeded")],
        "an account to connect privately",
    ),
    step(
        "network private-endpoint create --resource-group az-network --name az-endpoint --vnet-name az-vnet \
         --subnet endpoints --connection-name blob --group-id blob --private-connection-resource-id \
         /subscriptions/SUBSCRIPTION/resourceGroups/az-network/providers/Microsoft.Storage/storageAccounts/azdifyprivate",
        &[("/provisioningState", "Succeeded")],
        "a private endpoint, approved at once",
    ),
    step(
        "network private-endpoint show --resource-group az-network --name az-endpoint",
        &[(
            "/privateLinkServiceConnections/0/privateLinkServiceConnectionState/status",
            "Approved",
        )],
        "the state of its connection",
    ),
];
