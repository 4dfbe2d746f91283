//! The commented file that a new deployment starts from.

use crate::catalogue::Catalogue;
use crate::deployment::Profile;
use crate::names::Location;

/// A deployment file for `profile` in `location`: what must be said, and in comments what can be.
///
/// ```
/// use dify_infra_core::deployment::{Deployment, Profile};
/// use dify_infra_core::names::Location;
///
/// let text = dify_infra_core::spec::template(Profile::Dev, &Location::parse("japaneast")?);
/// assert!(Deployment::parse(&text).is_ok());
/// # Ok::<(), dify_infra_core::names::InvalidName>(())
/// ```
pub fn template(profile: Profile, location: &Location) -> String {
    let release = Catalogue::builtin().default_release().version();
    let (network, data) = match profile {
        Profile::Dev => (NETWORK_DEV, DATA_DEV),
        Profile::Prod => (NETWORK_PROD, DATA_PROD),
    };
    let profile = profile.as_str();
    format!(
        "\
# A Dify deployment on Azure Container Apps. Every setting that stands in a comment has the value
# that holds without it, or is an example.
schema = 1

# Names derive from these two: dify-{profile}-api, dify-{profile}-plugin-daemon ...
name = \"dify\"
environment = \"{profile}\"

# The set of defaults, dev or prod. The environments dev and prod imply theirs.
profile = \"{profile}\"

# Azure region; `az account list-locations --query [].name` lists them.
location = \"{location}\"

# Picks images that were released together, and the variables and routes they know.
dify = \"{release}\"

[azure]
resource_group = \"dify-{profile}-rg\"
# subscription = \"00000000-0000-0000-0000-000000000000\"  # otherwise the one of the login
# tags = {{ costCenter = \"42\" }}
{PUBLIC}{network}{data}{TAIL}"
    )
}

const PUBLIC: &str = r#"
# [public]
# origin = "https://dify.example.com"  # otherwise the name that Azure gives to the front door
# certificate = "https://my-vault.vault.azure.net/certificates/dify"  # or "managed": issued by Azure

# Docker Hub rations pulls without an account: copy the images and name your registry.
# [images]
# registry = "myregistry.azurecr.io"  # `dify-infra images import` copies the images into it
# username = "puller"                  # an Azure registry is pulled from by an identity without these
# password = { secret = "registry-password" }

"#;

const NETWORK_DEV: &str = r#"# A network of its own makes PostgreSQL, Redis and storage private.
# [network]
# address_space = "10.0.0.0/16"
# private_endpoints = true

"#;

const NETWORK_PROD: &str = r#"# The network that is made; `existing = "<id>"` with ids of `subnets` takes one that exists.
[network]
front_door = "internal"                # or "public"; it can't be changed later
# address_space = "10.0.0.0/16"
# private_dns_zones = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/hub-dns"
# private_endpoints = true
# zone_redundant = true                # it can't be changed later

"#;

const DATA_DEV: &str = r#"# [data.postgres]
# sku = "Standard_B1ms"                # 35 connections; Standard_B2s has 414
# storage = 32                         # GiB; grows later, never shrinks
# backup_days = 7
# existing = "my-server"               # a server of the same group, with `administrator`

# [data.redis]
# sku = "Balanced_B0"

# [data.storage]
# sku = "Standard_LRS"
# retention_days = 7

# [logs]
# retention_days = 30

"#;

const DATA_PROD: &str = r#"# [data.postgres]
# sku = "Standard_D2ds_v5"             # 844 connections; Standard_D4ds_v5 has 1703
# storage = 128                        # GiB; grows later, never shrinks
# backup_days = 14
# geo_redundant_backup = false         # it can't be changed later
# high_availability = "zone-redundant" # a standby in another zone
# existing = "my-server"               # a server of the same group, with `administrator`

# [data.redis]
# sku = "Balanced_B1"
# high_availability = true

# [data.storage]
# sku = "Standard_ZRS"
# retention_days = 30

# [logs]
# retention_days = 90

"#;

const TAIL: &str = r#"# Size and scale of a service; 2Gi of memory belong to each core.
# [services.sandbox]
# cpu = 0.5
# replicas = { min = 1, max = 5 }

# Variables that the image reads; secrets by their name in the secrets file.
# [services.api.env]
# LOG_LEVEL = "DEBUG"
# SMTP_PASSWORD = { secret = "smtp-password" }

# Public paths beside Dify's own; `dify-infra route URL` tells who answers a URL.
# [[routes]]
# path = "/hooks/"                     # and all below it; match = "exact" for the path alone
# service = "api"

# Private destinations that workflows must reach.
# [egress]
# allow = [{ cidr = "10.0.8.4/32", reason = "our wiki" }]

# Findings of `dify-infra check` that are meant to be so.
# [checks]
# allow = [{ rule = "SSR001", reason = "only our own staff writes code" }]
"#;
