//! `Microsoft.DBforPostgreSQL/flexibleServers` and what is in them: 202 without a body, one write at
//! a time per server.

pub(crate) mod capabilities;
pub(crate) mod configuration;
pub(crate) mod database;
pub(crate) mod firewall;
pub(crate) mod server;

use http::StatusCode;

use crate::arm::error::ArmError;
use crate::arm::id::ResourceId;
use crate::provider::Polling;
use crate::rules::Rule;

/// The type of servers.
pub(crate) const SERVERS: &str = "Microsoft.DBforPostgreSQL/flexibleServers";

/// The version that is spoken.
const VERSIONS: &[&str] = &["2025-08-01"];

/// The polling addresses of PostgreSQL, in their own older version.
const POLLING: Polling = Polling {
    status: "azureAsyncOperation",
    result: "operationResults",
    api_version: "2025-06-01-preview",
    ..Polling::USUAL
};

/// Seconds for which a server still refuses writes after its creation was reported as done.
const REST_SECONDS: f64 = 2.0;

/// The rules of PostgreSQL.
pub(crate) const RULES: &[Rule] = &[
    BUSY,
    SERVER_NAME,
    LOGIN,
    PASSWORD,
    VERSION,
    SKU,
    STORAGE,
    BACKUP,
    HIGH_AVAILABILITY,
    NETWORK,
    FIXED,
    DATABASE_NAME,
    DATABASE_FIXED,
    PREDEFINED,
    CONFIGURATION,
    EXTENSIONS,
    FIREWALL_NAME,
    FIREWALL_RANGE,
];

const BUSY: Rule = Rule::known(
    "PG-BUSY",
    "One write at a time runs on a server and its children, and the first one right after its \
     creation may be refused.",
    "Azure/azure-postgresql#134; Altinn/dialogporten#3663; \
     hashicorp/terraform-provider-azurerm#28298",
)
.with_known_code();
const SERVER_NAME: Rule = Rule::known(
    "PG-NAME",
    "A server's name has 3-63 lower-case letters, digits and hyphens, no hyphen at the ends.",
    "Azure/bicep#16382; learn.microsoft.com resource-name-rules",
);
const LOGIN: Rule = Rule::guessed(
    "PG-LOGIN",
    "A new server has an administratorLogin of 1-63 letters, digits and underscores, no reserved \
     name and no pg_ in front; it can't change.",
    "learn.microsoft.com postgresql/flexible-server/quickstart-create-server",
);
const PASSWORD: Rule = Rule::guessed(
    "PG-PASSWORD",
    "A new server has a password of 8-128 characters from three of: upper case, lower case, \
     digits, others.",
    "learn.microsoft.com postgresql/flexible-server/quickstart-create-server",
);
const VERSION: Rule = Rule::known(
    "PG-VERSION",
    "A new server's version is one of 11 to 18; it can't go back.",
    "learn.microsoft.com postgresql/flexible-server/concepts-supported-versions",
);
const SKU: Rule = Rule::known(
    "PG-SKU",
    "A new server has a SKU whose name belongs to its tier: Standard_B* Burstable, Standard_D* \
     GeneralPurpose, Standard_E* MemoryOptimized.",
    "learn.microsoft.com postgresql/flexible-server/concepts-compute",
);
const STORAGE: Rule = Rule::known(
    "PG-STORAGE",
    "Storage has one of the sizes 32 GiB to 32 TiB and does not shrink.",
    "learn.microsoft.com postgresql/flexible-server/concepts-storage",
);
const BACKUP: Rule = Rule::guessed(
    "PG-BACKUP",
    "Backups are kept for 7 to 35 days.",
    "learn.microsoft.com postgresql/flexible-server/concepts-backup-restore",
);
const HIGH_AVAILABILITY: Rule = Rule::known(
    "PG-HA",
    "Burstable servers have no high availability.",
    "learn.microsoft.com postgresql/flexible-server/concepts-high-availability; HANotSupportedForBurstableSkuWithMoreInfo in public deployment logs",
)
.with_known_code();
const NETWORK: Rule = Rule::known(
    "PG-NETWORK",
    "A server in a network has a delegated subnet and a private DNS zone, both or none, and no \
     public access.",
    "learn.microsoft.com postgresql/flexible-server/concepts-networking-private",
);
const FIXED: Rule = Rule::known(
    "PG-FIXED",
    "A server can't change its administratorLogin or move between network and public access.",
    "Azure/azure-rest-api-specs postgresql Servers.json",
);
const DATABASE_NAME: Rule = Rule::known(
    "PG-DATABASE-NAME",
    "A database's name begins with a letter or underscore and has up to 63 letters, digits, \
     underscores and hyphens.",
    "Azure/bicep-types-az flexibleServers/databases name pattern",
);
const DATABASE_FIXED: Rule = Rule::guessed(
    "PG-DATABASE-FIXED",
    "charset and collation of a database can't change.",
    "learn.microsoft.com postgresql/flexible-server/concepts-servers",
);
const PREDEFINED: Rule = Rule::guessed(
    "PG-PREDEFINED",
    "The databases postgres, azure_maintenance and azure_sys can't be deleted.",
    "learn.microsoft.com postgresql/flexible-server/concepts-servers",
);
const CONFIGURATION: Rule = Rule::guessed(
    "PG-CONFIGURATION",
    "A server parameter exists, can be written, and has a value of its kind and range.",
    "learn.microsoft.com postgresql/flexible-server/concepts-server-parameters",
);
const EXTENSIONS: Rule = Rule::known(
    "PG-EXTENSIONS",
    "azure.extensions is a comma list, in any case, of extensions that the service offers.",
    "learn.microsoft.com postgresql/flexible-server/concepts-extensions; Azure/bicep-types-az#1507",
);
const FIREWALL_NAME: Rule = Rule::known(
    "PG-FIREWALL-NAME",
    "A firewall rule's name has 1-80 letters, digits, hyphens and underscores, begins with a \
     letter or digit and does not end in a hyphen.",
    "Azure/bicep-types-az flexibleServers/firewallRules name pattern",
);
const FIREWALL_RANGE: Rule = Rule::known(
    "PG-FIREWALL-RANGE",
    "A firewall rule is a range of IPv4 addresses whose end is not before its start; a server in \
     a network has none.",
    "Azure/azure-rest-api-specs postgresql FirewallRules.json",
);

fn busy(id: &ResourceId) -> ArmError {
    BUSY.refuse_with(
        StatusCode::CONFLICT,
        "ServerIsBusy",
        format!(
            "Cannot complete operation while server '{}' is busy processing another operation. \
             Try again later.",
            id.root_name()
        ),
    )
}
