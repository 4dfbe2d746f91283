//! Microsoft's clouds: the public one, and those that are run apart from it.

use std::fmt;
use std::str::FromStr;

use super::InvalidValue;
use crate::names::Location;

/// One of Microsoft's clouds. The region of a deployment says which it is in.
///
/// Names of services end in another domain in each, so that private zones and connection strings are
/// other ones too.
///
/// ```
/// use dify_infra_core::names::Location;
/// use dify_infra_core::values::AzureCloud;
///
/// let cloud = AzureCloud::of(&Location::parse("usgovvirginia")?);
/// assert_eq!(cloud, AzureCloud::UsGovernment);
/// assert_eq!(cloud.storage_suffix(), "core.usgovcloudapi.net");
/// assert_eq!("AzureUSGovernment".parse(), Ok(cloud));
/// # Ok::<(), dify_infra_core::names::InvalidName>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum AzureCloud {
    /// `AzurePublic`.
    #[default]
    Public,
    /// `AzureUSGovernment`: the regions that begin with `usgov` and `usdod`.
    UsGovernment,
    /// `AzureChina`, run by 21Vianet: the regions that begin with `china`.
    China,
}

impl AzureCloud {
    /// Every cloud.
    pub const ALL: [Self; 3] = [Self::Public, Self::UsGovernment, Self::China];

    /// The cloud that has a region
    /// (<https://learn.microsoft.com/azure/azure-government/documentation-government-overview-wwps>,
    /// <https://learn.microsoft.com/azure/china/overview-datacenter>).
    pub fn of(location: &Location) -> Self {
        let name = location.as_str();
        if name.starts_with("usgov") || name.starts_with("usdod") {
            Self::UsGovernment
        } else if name.starts_with("china") {
            Self::China
        } else {
            Self::Public
        }
    }

    /// The name: `AzurePublic`, `AzureUSGovernment` or `AzureChina`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Public => "AzurePublic",
            Self::UsGovernment => "AzureUSGovernment",
            Self::China => "AzureChina",
        }
    }

    /// What the host names of storage accounts end in, as in a connection string's `EndpointSuffix`
    /// (`az cloud show --query suffixes.storageEndpoint`).
    pub fn storage_suffix(self) -> &'static str {
        match self {
            Self::Public => "core.windows.net",
            Self::UsGovernment => "core.usgovcloudapi.net",
            Self::China => "core.chinacloudapi.cn",
        }
    }

    /// What the names of container apps end in
    /// (<https://learn.microsoft.com/azure/container-apps/networking>).
    pub fn container_apps_suffix(self) -> &'static str {
        match self {
            Self::Public => "azurecontainerapps.io",
            Self::UsGovernment => "azurecontainerapps.us",
            Self::China => "azurecontainerapps.cn",
        }
    }

    /// The private zone of PostgreSQL servers. This and the next ones:
    /// <https://learn.microsoft.com/azure/private-link/private-endpoint-dns>, tables of the three
    /// clouds.
    pub fn postgres_zone(self) -> &'static str {
        match self {
            Self::Public => "privatelink.postgres.database.azure.com",
            Self::UsGovernment => "privatelink.postgres.database.usgovcloudapi.net",
            Self::China => "privatelink.postgres.database.chinacloudapi.cn",
        }
    }

    /// The private zone of Managed Redis. The tables of the other clouds have none, and no zone
    /// resolves there: rule `AZR005` says so.
    pub fn redis_zone(self) -> &'static str {
        "privatelink.redis.azure.net"
    }

    /// The private zone of blobs.
    pub fn blob_zone(self) -> &'static str {
        match self {
            Self::Public => "privatelink.blob.core.windows.net",
            Self::UsGovernment => "privatelink.blob.core.usgovcloudapi.net",
            Self::China => "privatelink.blob.core.chinacloudapi.cn",
        }
    }

    /// The private zone of key vaults.
    pub fn vault_zone(self) -> &'static str {
        match self {
            Self::Public => "privatelink.vaultcore.azure.net",
            Self::UsGovernment => "privatelink.vaultcore.usgovcloudapi.net",
            Self::China => "privatelink.vaultcore.azure.cn",
        }
    }

    /// The private zone of container registries.
    pub fn registry_zone(self) -> &'static str {
        match self {
            Self::Public => "privatelink.azurecr.io",
            Self::UsGovernment => "privatelink.azurecr.us",
            Self::China => "privatelink.azurecr.cn",
        }
    }
}

impl fmt::Display for AzureCloud {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

impl FromStr for AzureCloud {
    type Err = InvalidValue;

    /// Takes the names of the Azure CLI too: `AzureCloud` and `AzureChinaCloud`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = match text.to_ascii_lowercase().as_str() {
            "azurecloud" => Some(Self::Public),
            "azurechinacloud" => Some(Self::China),
            other => Self::ALL
                .into_iter()
                .find(|cloud| cloud.name().eq_ignore_ascii_case(other)),
        };
        known.ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            InvalidValue::of_text(
                "cloud",
                text,
                "Microsoft has no such one",
                format!("write one of {names}"),
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_says_which_cloud_it_is_in() {
        for (region, cloud) in [
            ("Japan East", AzureCloud::Public),
            ("usgovarizona", AzureCloud::UsGovernment),
            ("USDoD Central", AzureCloud::UsGovernment),
            ("China North 3", AzureCloud::China),
        ] {
            assert_eq!(
                AzureCloud::of(&Location::parse(region).unwrap()),
                cloud,
                "{region}"
            );
        }
    }

    #[test]
    fn names_lead_back_and_those_of_the_azure_cli_are_taken() {
        for cloud in AzureCloud::ALL {
            assert_eq!(cloud.name().parse(), Ok(cloud));
            assert_eq!(cloud.name().to_ascii_uppercase().parse(), Ok(cloud));
        }
        assert_eq!("AzureCloud".parse(), Ok(AzureCloud::Public));
        assert_eq!("AzureChinaCloud".parse(), Ok(AzureCloud::China));
        let error = "AzureGermanCloud".parse::<AzureCloud>().unwrap_err();
        assert_eq!(
            error.remedy(),
            "write one of AzurePublic, AzureUSGovernment, AzureChina"
        );
    }
}
