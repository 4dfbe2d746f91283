//! PostgreSQL, storage and Managed Redis.

use super::{Step, step};

pub(super) const POSTGRES: &[Step] = &[
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
    ).by_program(),
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
    step("postgres flexible-server firewall-rule list --resource-group az-postgres --server-name az-dify-pg", &[("/0/name", "azure")], "firewall rules"),
    step("postgres flexible-server firewall-rule delete --resource-group az-postgres --server-name az-dify-pg --name azure --yes", &[], "a firewall rule is deleted"),
    step("postgres flexible-server update --resource-group az-postgres --name az-dify-pg --storage-size 64 --yes", &[("/storage/storageSizeGb", "64")], "the disk grows"),
    step("postgres flexible-server update --resource-group az-postgres --name az-dify-pg --tier GeneralPurpose --sku-name Standard_D2ds_v5 --yes", &[("/sku/name", "Standard_D2ds_v5")], "another size"),
    step("postgres flexible-server list-skus --location japaneast", &[], "what a region offers"),
    step("postgres flexible-server restart --resource-group az-postgres --name az-dify-pg", &[], "a server is restarted"),
    step("postgres flexible-server db delete --resource-group az-postgres --server-name az-dify-pg --name dify --yes", &[], "a database is deleted"),
    step(
        "postgres flexible-server delete --resource-group az-postgres --name az-dify-pg --yes",
        &[],
        "a server is deleted",
    ),
];

pub(super) const STORAGE: &[Step] = &[
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
    ).by_program(),
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
    ).keeping(&[("/0/value", "KEY")]),
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
        "storage container exists --name files --auth-mode key --account-key $KEY --account-name azdifystorage \
         --blob-endpoint $ENDPOINT/azdifystorage",
        &[("/exists", "true")],
        "the same container through the data plane, with the account's key",
    ),
    step(
        "storage blob upload --container-name files --name a/b.txt --data hello --account-key $KEY \
         --account-name azdifystorage --blob-endpoint $ENDPOINT/azdifystorage",
        &[],
        "a blob is written",
    ),
    step(
        "storage blob list --container-name files --account-key $KEY --account-name azdifystorage \
         --blob-endpoint $ENDPOINT/azdifystorage",
        &[("/0/name", "a/b.txt"), ("/0/properties/contentLength", "5")],
        "blobs are listed",
    ),
    step(
        "storage blob lease acquire --container-name files --blob-name a/b.txt --account-key $KEY \
         --account-name azdifystorage --blob-endpoint $ENDPOINT/azdifystorage",
        &[],
        "a blob is leased",
    ),
    step("storage account update --resource-group az-storage --name azdifystorage --tags stage=dev", &[("/tags/stage", "dev")], "PATCH of an account"),
    step("storage account list --resource-group az-storage", &[("/0/name", "azdifystorage")], "accounts"),
    step("storage account blob-service-properties update --resource-group az-storage --account-name azdifystorage --enable-delete-retention true --delete-retention-days 7", &[("/deleteRetentionPolicy/days", "7")], "how long deleted blobs are kept"),
    step("storage container-rm delete --resource-group az-storage --storage-account azdifystorage --name files --yes", &[], "a container that is leased or not empty goes through Resource Manager"),
    step("storage account delete --resource-group az-storage --name azdifystorage --yes", &[], "an account is deleted"),
];

pub(super) const REDIS: &[Step] = &[
    step(
        "group create --name az-redis --location japaneast",
        &[],
        "a group for Redis",
    ),
    step(
        "resource create --resource-group az-redis --name az-dify-redis --resource-type Microsoft.Cache/redisEnterprise \
         --is-full-object --properties $REDIS",
        &[("/properties/resourceState", "Running")],
        "a cluster; `az redisenterprise` is an extension that no package registry has",
    ),
    step(
        "resource create --resource-group az-redis --namespace Microsoft.Cache --parent redisEnterprise/az-dify-redis \
         --resource-type databases --name default --api-version 2025-04-01 \
         --is-full-object --properties $DATABASE",
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
    step("redis create --resource-group az-redis --name az-old-redis --location japaneast --sku Basic --vm-size c0", &[], "Azure Cache for Redis is refused, as for every new tenant").refused("Azure Managed Redis"),
];
