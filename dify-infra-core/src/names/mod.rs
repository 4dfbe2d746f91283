//! Names that can't be wrong: one type for each rule of Azure that a deployment meets.
//!
//! A value of such a type has been checked, so nothing behind the border asks again. Every type
//! parses, prints, orders and serialises the same way; what differs is its [`NameRule`], and
//! [`rules`] lists them all. Names of Azure resources compare without their case, since Azure
//! does and answers in whichever case it likes; names inside a container or a database compare
//! exactly ([`NameRule::case`]).
//!
//! ```
//! use dify_infra_core::names::{Name as _, ResourceGroupName, StorageAccountName};
//!
//! assert_eq!(ResourceGroupName::parse("Dify-RG")?, ResourceGroupName::parse("dify-rg")?);
//! assert_eq!(StorageAccountName::RULE.maximum(), 24);
//! # Ok::<(), dify_infra_core::names::InvalidName>(())
//! ```

use std::sync::LazyLock;

mod alphabet;
mod compose;
mod container_apps;
mod data;
mod define;
mod deployment;
mod error;
mod governance;
mod location;
mod network;
#[cfg(test)]
mod published_tests;
mod rule;
#[cfg(test)]
mod tests;

pub use compose::{compose, join_within};
pub use container_apps::{
    AppSecretName, ContainerAppName, ContainerName, EnvironmentStorageName,
    EnvironmentVariableName, JobName, ManagedEnvironmentName, RevisionSuffix, ScaleRuleName,
};
pub use data::{
    BlobContainerName, FileShareName, KeyVaultName, KeyVaultSecretName, PostgresConfigurationName,
    PostgresDatabaseName, PostgresFirewallRuleName, PostgresServerName, RedisEnterpriseName,
    RedisName, StorageAccountName,
};
pub use define::Name;
pub use deployment::{DeploymentName, DeploymentPrefix, EnvironmentLabel, Suffix};
pub use error::InvalidName;
pub use governance::{
    ManagedIdentityName, RegistryName, ResourceGroupName, SubscriptionId, TagName, TagValue,
    WorkspaceName,
};
pub use location::Location;
pub use network::{
    NetworkSecurityGroupName, PrivateDnsZoneName, PrivateEndpointName, SubnetName,
    VirtualNetworkLinkName, VirtualNetworkName,
};
pub use rule::{Case, NameRule};

/// Every rule, for reference pages and tools that check names on their own.
///
/// ```
/// let rules = dify_infra_core::names::rules();
/// assert!(rules.iter().any(|rule| rule.what() == "key vault name" && rule.maximum() == 24));
/// ```
pub fn rules() -> &'static [NameRule] {
    static RULES: LazyLock<Vec<NameRule>> = LazyLock::new(|| {
        let families = [
            deployment::RULES,
            &[Location::RULE],
            governance::RULES,
            container_apps::RULES,
            data::RULES,
            network::RULES,
        ];
        families.into_iter().flatten().map(|rule| **rule).collect()
    });
    &RULES
}
