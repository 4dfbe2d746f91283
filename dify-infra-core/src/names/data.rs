//! Names of the data layer: PostgreSQL, Redis, Storage and Key Vault.

use super::alphabet::Alphabet;
use super::define::names;
use super::rule::NameRule;

/// Lower-case letters, digits and single hyphens, with a letter or digit at both ends.
const LOWER_HYPHENATED: NameRule = NameRule {
    first: Alphabet::LOWER_OR_DIGIT,
    ..NameRule::lower_hyphenated()
};

names! {
    /// The name of a PostgreSQL flexible server; the first label of its host name.
    PostgresServerName => NameRule {
        what: "PostgreSQL server name",
        text: "3 to 63 lower-case letters, digits and '-', starting and ending with a letter or \
               digit, without '--'",
        minimum: 3,
        maximum: 63,
        unique_in: "all of Azure",
        resource_type: Some("Microsoft.DBforPostgreSQL/flexibleServers"),
        source: "Azure/bicep-types-az flexibleServers; the service refuses upper case: \
                 Azure/bicep#16382",
        ..LOWER_HYPHENATED
    };

    /// The name of a PostgreSQL database; the server tells `Dify` from `dify`.
    PostgresDatabaseName => NameRule {
        what: "PostgreSQL database name",
        text: "1 to 63 letters, digits, '_' and '-', starting with a letter or '_'",
        minimum: 1,
        maximum: 63,
        unique_in: "PostgreSQL server",
        resource_type: Some("Microsoft.DBforPostgreSQL/flexibleServers/databases"),
        source: "Azure/bicep-types-az flexibleServers/databases",
        first: Alphabet::LETTER.with("_"),
        ..NameRule::exact(Alphabet::ALPHANUMERIC.with("_-"))
    };

    /// The name of a server parameter of PostgreSQL, such as `azure.extensions`.
    PostgresConfigurationName => NameRule {
        what: "PostgreSQL configuration name",
        text: "1 to 256 letters, digits, '_', '-' and '.'",
        minimum: 1,
        maximum: 256,
        unique_in: "PostgreSQL server",
        resource_type: Some("Microsoft.DBforPostgreSQL/flexibleServers/configurations"),
        source: "Azure/bicep-types-az flexibleServers/configurations",
        ..NameRule::resource(Alphabet::ALPHANUMERIC.with("_-."))
    };

    /// The name of a firewall rule of PostgreSQL.
    PostgresFirewallRuleName => NameRule {
        what: "PostgreSQL firewall rule name",
        text: "1 to 80 letters, digits, '_' and '-', starting with a letter or digit, not ending \
               with '-'",
        minimum: 1,
        maximum: 80,
        unique_in: "PostgreSQL server",
        resource_type: Some("Microsoft.DBforPostgreSQL/flexibleServers/firewallRules"),
        source: "Azure/bicep-types-az flexibleServers/firewallRules",
        first: Alphabet::ALPHANUMERIC,
        last: Alphabet::ALPHANUMERIC.with("_"),
        ..NameRule::resource(Alphabet::ALPHANUMERIC.with("_-"))
    };

    /// The name of an Azure Managed Redis cluster.
    RedisEnterpriseName => NameRule {
        what: "Managed Redis name",
        text: "1 to 60 letters, digits and '-', starting and ending with a letter or digit, \
               without '--'",
        minimum: 1,
        maximum: 60,
        unique_in: "region",
        resource_type: Some("Microsoft.Cache/redisEnterprise"),
        source: "Azure/bicep-types-az redisEnterprise",
        ..NameRule::hyphenated()
    };

    /// The name of an Azure Cache for Redis.
    RedisName => NameRule {
        what: "Redis cache name",
        text: "1 to 63 letters, digits and '-', starting and ending with a letter or digit, \
               without '--'",
        minimum: 1,
        maximum: 63,
        unique_in: "all of Azure",
        resource_type: Some("Microsoft.Cache/redis"),
        source: "learn.microsoft.com resource-name-rules",
        ..NameRule::hyphenated()
    };

    /// The name of a storage account; no hyphen fits into it.
    StorageAccountName => NameRule {
        what: "storage account name",
        text: "3 to 24 lower-case letters and digits",
        minimum: 3,
        maximum: 24,
        unique_in: "all of Azure",
        resource_type: Some("Microsoft.Storage/storageAccounts"),
        source: "Azure/bicep-types-az storageAccounts",
        ..NameRule::resource(Alphabet::LOWER_OR_DIGIT)
    };

    /// The name of a blob container.
    BlobContainerName => NameRule {
        what: "blob container name",
        text: "3 to 63 lower-case letters, digits and '-', starting and ending with a letter or \
               digit, without '--'",
        minimum: 3,
        maximum: 63,
        unique_in: "storage account",
        resource_type: Some("Microsoft.Storage/storageAccounts/blobServices/containers"),
        source: "Azure/bicep-types-az (length); learn.microsoft.com resource-name-rules",
        ..LOWER_HYPHENATED
    };

    /// The name of a file share.
    FileShareName => NameRule {
        what: "file share name",
        text: "3 to 63 lower-case letters, digits and '-', starting and ending with a letter or \
               digit, without '--'",
        minimum: 3,
        maximum: 63,
        unique_in: "storage account",
        resource_type: Some("Microsoft.Storage/storageAccounts/fileServices/shares"),
        source: "Azure/bicep-types-az (length); learn.microsoft.com resource-name-rules",
        ..LOWER_HYPHENATED
    };

    /// The name of a key vault; taken while a deleted vault of that name can still be recovered.
    KeyVaultName => NameRule {
        what: "key vault name",
        text: "3 to 24 letters, digits and '-', starting with a letter, ending with a letter or \
               digit, without '--'",
        minimum: 3,
        maximum: 24,
        unique_in: "all of Azure",
        resource_type: Some("Microsoft.KeyVault/vaults"),
        source: "learn.microsoft.com resource-name-rules",
        first: Alphabet::LETTER,
        ..NameRule::hyphenated()
    };

    /// The name of a secret in a key vault; an environment variable's `_` does not fit into it.
    KeyVaultSecretName => NameRule {
        what: "key vault secret name",
        text: "1 to 127 letters, digits and '-'",
        minimum: 1,
        maximum: 127,
        unique_in: "key vault",
        resource_type: Some("Microsoft.KeyVault/vaults/secrets"),
        source: "learn.microsoft.com resource-name-rules",
        ..NameRule::resource(Alphabet::ALPHANUMERIC.with("-"))
    };
}
