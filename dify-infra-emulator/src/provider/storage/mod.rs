//! `Microsoft.Storage`: accounts, their blob service and its containers.

pub(crate) mod account;
pub(crate) mod blob;

use crate::rules::Rule;

/// The version that is spoken.
const VERSIONS: &[&str] = &["2026-04-01"];

/// The rules of storage.
pub(crate) const RULES: &[Rule] = &[
    ACCOUNT_NAME,
    FIXED,
    BUSY,
    ACCOUNT_READY,
    SERVICE_NAME,
    CONTAINER_NAME,
    PUBLIC_ACCESS,
    TIER,
];

const ACCOUNT_NAME: Rule = Rule::known(
    "STO-NAME",
    "An account's name has 3-24 lower-case letters and digits.",
    "learn.microsoft.com azure-resource-manager/management/resource-name-rules",
)
.with_known_code();
const FIXED: Rule = Rule::guessed(
    "STO-FIXED",
    "An account's kind, hierarchical namespace and infrastructure encryption are chosen at its \
     creation.",
    "learn.microsoft.com storage/common/storage-account-create",
);
const BUSY: Rule = Rule::guessed(
    "STO-BUSY",
    "An account that is being created takes no other write.",
    "learn.microsoft.com rest/api/storagerp/srp_error_codes_common",
);
const ACCOUNT_READY: Rule = Rule::known(
    "STO-READY",
    "Services and containers are written in an account that is complete.",
    "learn.microsoft.com rest/api/storagerp/srp_error_codes_common; kubernetes-sigs/azurefile-csi-driver",
)
.with_known_code();
const SERVICE_NAME: Rule = Rule::known(
    "STO-SERVICE-NAME",
    "The blob service of an account is named default.",
    "Azure/bicep-types-az storageAccounts/blobServices name",
);
const CONTAINER_NAME: Rule = Rule::known(
    "STO-CONTAINER-NAME",
    "A container's name has 3-63 lower-case letters, digits and single hyphens, with a letter or \
     digit at both ends.",
    "learn.microsoft.com azure-resource-manager/management/resource-name-rules",
);
const PUBLIC_ACCESS: Rule = Rule::known(
    "STO-PUBLIC-ACCESS",
    "A container is public only when its account allows it, which it does not by default.",
    "learn.microsoft.com storage/blobs/anonymous-read-access-prevent",
)
.with_known_code();
const TIER: Rule = Rule::known(
    "STO-TIER",
    "A BlobStorage account needs an access tier.",
    "Azure/azure-rest-api-specs storage.json accessTier",
);
