//! Names of what surrounds a deployment: subscription, group, tags, identities, registry, logs.

use super::alphabet::Alphabet;
use super::define::names;
use super::error::Problem;
use super::rule::NameRule;

names! {
    /// The id of a subscription.
    SubscriptionId => NameRule {
        what: "subscription id",
        text: "36 characters: hexadecimal digits in groups of 8, 4, 4, 4 and 12 joined by '-', as \
               `az account show --query id` prints it",
        minimum: 36,
        maximum: 36,
        unique_in: "all of Azure",
        source: "learn.microsoft.com subscriptions REST reference",
        also: Some(wrong_groups),
        ..NameRule::resource(
            Alphabet::range(b'a', b'f').with("ABCDEF0123456789-"),
        )
    };

    /// The name of a resource group; letters and digits of every script are allowed.
    ResourceGroupName => NameRule {
        what: "resource group name",
        text: "1 to 90 letters, digits, '-', '_', '.', '(' and ')', not ending with '.'",
        minimum: 1,
        maximum: 90,
        unique_in: "subscription",
        resource_type: Some("Microsoft.Resources/resourceGroups"),
        source: "Azure/bicep-types-az resourceGroups; learn.microsoft.com resource-name-rules",
        last: Alphabet::ALPHANUMERIC.with("-_()").with_every_script(),
        ..NameRule::resource(Alphabet::ALPHANUMERIC.with("-_.()").with_every_script())
    };

    /// The name of a tag.
    TagName => NameRule {
        what: "tag name",
        text: r"1 to 512 characters other than '<', '>', '%', '&', '\', '?' and '/'",
        minimum: 1,
        maximum: 512,
        unique_in: "resource",
        source: "learn.microsoft.com tag-resources",
        ..NameRule::resource(Alphabet::PRINTABLE.without(r"<>%&\?/"))
    };

    /// The value of a tag; compared with its case, readable by everyone who can read the resource.
    TagValue => NameRule {
        what: "tag value",
        text: "up to 256 characters that can be printed",
        minimum: 0,
        maximum: 256,
        unique_in: "-",
        source: "learn.microsoft.com tag-resources",
        ..NameRule::exact(Alphabet::PRINTABLE)
    };

    /// The name of a user-assigned managed identity.
    ManagedIdentityName => NameRule {
        what: "managed identity name",
        text: "3 to 128 letters, digits, '-' and '_', starting with a letter or digit",
        minimum: 3,
        maximum: 128,
        unique_in: "resource group",
        resource_type: Some("Microsoft.ManagedIdentity/userAssignedIdentities"),
        source: "learn.microsoft.com resource-name-rules",
        first: Alphabet::ALPHANUMERIC,
        ..NameRule::resource(Alphabet::ALPHANUMERIC.with("-_"))
    };

    /// The name of a container registry; its login server is the name in lower case.
    RegistryName => NameRule {
        what: "container registry name",
        text: "5 to 50 letters and digits",
        minimum: 5,
        maximum: 50,
        unique_in: "all of Azure",
        resource_type: Some("Microsoft.ContainerRegistry/registries"),
        source: "Azure/bicep-types-az registries",
        ..NameRule::resource(Alphabet::ALPHANUMERIC)
    };

    /// The name of a Log Analytics workspace.
    WorkspaceName => NameRule {
        what: "Log Analytics workspace name",
        text: "4 to 63 letters, digits and '-', starting and ending with a letter or digit",
        minimum: 4,
        maximum: 63,
        unique_in: "resource group",
        resource_type: Some("Microsoft.OperationalInsights/workspaces"),
        source: "Azure/bicep-types-az workspaces",
        first: Alphabet::ALPHANUMERIC,
        last: Alphabet::ALPHANUMERIC,
        ..NameRule::resource(Alphabet::ALPHANUMERIC.with("-"))
    };
}

/// What is wrong with the groups of a GUID, or nothing.
fn wrong_groups(text: &str) -> Option<Problem> {
    let lengths: Vec<_> = text.split('-').map(str::len).collect();
    (lengths != [8, 4, 4, 4, 12])
        .then(|| Problem::Because("its '-' are not where a GUID has them".to_owned()))
}

impl TagName {
    /// The most characters of a tag's name on a storage account.
    pub const STORAGE_ACCOUNT_MAXIMUM: usize = 128;

    /// The most tags of one resource.
    pub const PER_RESOURCE: usize = 50;

    /// The most tags of a private DNS zone, or of one of its links.
    pub const PER_PRIVATE_DNS_ZONE: usize = 15;

    /// Whether a storage account takes the name too.
    pub fn fits_storage_account(&self) -> bool {
        self.as_str().chars().count() <= Self::STORAGE_ACCOUNT_MAXIMUM
    }

    /// Whether private DNS zones and their links take the name too.
    ///
    /// They refuse blanks, special characters and a digit at the start; the hyphens of
    /// `azd-env-name` are in wide use there.
    pub fn fits_private_dns_zone(&self) -> bool {
        let plain = |character: char| character.is_alphanumeric() || "-_.".contains(character);
        self.as_str().chars().all(plain) && !self.as_str().starts_with(char::is_numeric)
    }
}
