//! `Microsoft.Cache`: Azure Managed Redis, and the retired Azure Cache for Redis.

pub(crate) mod classic;
pub(crate) mod cluster;
pub(crate) mod database;

use crate::provider::Polling;
use crate::rules::Rule;

/// The version that is spoken.
const VERSIONS: &[&str] = &["2025-07-01"];

const POLLING: Polling = Polling {
    status: "operationsStatus",
    result: "operationResults",
    api_version: "2025-07-01",
    ..Polling::USUAL
};

/// The rules of Redis.
pub(crate) const RULES: &[Rule] = &[
    RETIRED,
    ENTERPRISE_RETIRED,
    NAME,
    SKU,
    PUBLIC_ACCESS,
    ZONES,
    HIGH_AVAILABILITY,
    SCALING,
    DATABASE_NAME,
    CLUSTER_READY,
    CLUSTERING,
    NO_CLUSTER,
    FIXED,
    KEYS,
];

const RETIRED: Rule = Rule::known(
    "REDIS-RETIRED",
    "A tenant without an Azure Cache for Redis from before 2026-04-01 can't create one.",
    "learn.microsoft.com azure-cache-for-redis/retirement-faq; \
     MicrosoftLearning/mslearn-azure-ai#200",
)
.with_known_code();
const ENTERPRISE_RETIRED: Rule = Rule::known(
    "REDIS-ENTERPRISE-RETIRED",
    "Enterprise and Enterprise Flash SKUs can't be created any more.",
    "learn.microsoft.com azure-cache-for-redis/retirement-faq",
)
.with_known_code();
const NAME: Rule = Rule::known(
    "REDIS-NAME",
    "A cache's name has 1-60 letters, digits and single hyphens, with a letter or digit at both \
     ends.",
    "Azure/bicep-types-az Microsoft.Cache/redisEnterprise name pattern",
);
const SKU: Rule = Rule::known(
    "REDIS-SKU",
    "Managed Redis has no sku.capacity.",
    "Azure/azure-rest-api-specs redisenterprise.json Sku",
);
const PUBLIC_ACCESS: Rule = Rule::known(
    "REDIS-PUBLIC-ACCESS",
    "publicNetworkAccess is required.",
    "hashicorp/terraform#37842; Azure/bicep-types-az redisEnterprise 2025-07-01",
);
const ZONES: Rule = Rule::known(
    "REDIS-ZONES",
    "Managed Redis chooses its zones itself and refuses explicit ones.",
    "learn.microsoft.com azure/redis/overview",
);
const HIGH_AVAILABILITY: Rule = Rule::known(
    "REDIS-HA",
    "High availability can't be turned off after creation.",
    "learn.microsoft.com azure/redis/architecture",
);
const SCALING: Rule = Rule::known(
    "REDIS-SCALING",
    "A cache with a NoCluster database does not grow above 25 GB.",
    "learn.microsoft.com azure/redis/architecture",
);
const DATABASE_NAME: Rule = Rule::known(
    "REDIS-DATABASE-NAME",
    "The one database of a cache is named default.",
    "Azure/azure-rest-api-specs RedisEnterpriseDatabasesCreate example",
);
const CLUSTER_READY: Rule = Rule::guessed(
    "REDIS-CLUSTER-READY",
    "A database is created in a cache that is running.",
    "Azure/azure-rest-api-specs redisenterprise.json",
);
const CLUSTERING: Rule = Rule::known(
    "REDIS-CLUSTERING",
    "The clustering policy can't change, except away from NoCluster.",
    "Azure/azure-rest-api-specs redisenterprise.json clusteringPolicy",
);
const NO_CLUSTER: Rule = Rule::known(
    "REDIS-NO-CLUSTER",
    "NoCluster is for SKUs of up to 25 GB that are not Flash.",
    "learn.microsoft.com azure/redis/architecture; hashicorp/terraform-provider-azurerm#30940",
);
const FIXED: Rule = Rule::known(
    "REDIS-FIXED",
    "Client protocol, port and modules of a database are chosen at its creation.",
    "learn.microsoft.com azure-cache-for-redis/migrate-basic-standard-premium-understand; that \
     the port is fixed is a guess",
);
const KEYS: Rule = Rule::guessed(
    "REDIS-KEYS",
    "Keys can be listed only when accessKeysAuthentication is Enabled; it is Disabled by default.",
    "hashicorp/terraform#37842",
);

/// SKUs of up to 25 GB, the only ones for `NoCluster`.
const SMALL_SKUS: &[&str] = &[
    "Balanced_B0",
    "Balanced_B1",
    "Balanced_B3",
    "Balanced_B5",
    "Balanced_B10",
    "Balanced_B20",
    "MemoryOptimized_M10",
    "MemoryOptimized_M20",
    "ComputeOptimized_X3",
    "ComputeOptimized_X5",
    "ComputeOptimized_X10",
    "ComputeOptimized_X20",
];

fn is_small(sku: &str) -> bool {
    SMALL_SKUS
        .iter()
        .any(|small| small.eq_ignore_ascii_case(sku))
}
