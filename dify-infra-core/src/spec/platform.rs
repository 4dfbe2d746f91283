//! The tables about Azure itself: place, public address, images, network, store of secrets.

use std::collections::BTreeMap;

use toml::de::DeValue;

use super::define::section;
use super::read::{Field, Read, Reader, Shape};
use crate::check::{sec, spc};
use crate::diagnostic::KeyPath;

section! {
    /// Where in Azure the deployment lives.
    pub struct AzureSpec {
        /// Resource group; it may be shared with other deployments.
        #[cfg_attr(feature = "schema", schemars(with = "Option<crate::names::ResourceGroupName>"))]
        resource_group: Option<String>,
        /// Subscription id. Without it the one of the login is used.
        #[cfg_attr(feature = "schema", schemars(with = "Option<crate::names::SubscriptionId>"))]
        subscription: Option<String>,
        /// End of names that are unique in all of Azure. Derived when it is left out.
        #[cfg_attr(feature = "schema", schemars(with = "Option<crate::names::Suffix>"))]
        suffix: Option<String>,
        /// Tags for every resource that can have some.
        tags: BTreeMap<String, String>,
    }
}

section! {
    /// How people reach Dify.
    pub struct PublicSpec {
        /// Scheme and host that every public URL is made of, such as `https://dify.example.com`.
        /// Without it the name that Azure gives to the front door is used.
        #[cfg_attr(feature = "schema", schemars(with = "Option<crate::values::PublicOrigin>"))]
        origin: Option<String>,
        /// Certificate of the origin: "managed", which Azure issues and renews; the address of a
        /// certificate in a key vault, `https://my-vault.vault.azure.net/certificates/dify`; or its
        /// id, `/subscriptions/.../vaults/my-vault/certificates/dify`.
        certificate: Option<String>,
        /// Id of a user-assigned identity that already may read the certificate (the role
        /// "Key Vault Secrets User"). Without it one is made and given the role.
        identity: Option<String>,
    }
}

section! {
    /// Where images come from.
    pub struct ImagesSpec {
        /// Registry that has the same repositories and tags, such as myregistry.azurecr.io.
        registry: Option<String>,
        /// Resource group of an Azure registry, or its id where that is in another subscription; the
        /// deployment's own without it.
        resource_group: Option<String>,
        /// Id of a user-assigned identity that already may pull from an Azure registry (the role
        /// `AcrPull`). Without it, and without a user name, one is made and given the role.
        identity: Option<String>,
        /// Whether an Azure registry is reached through a private endpoint, which takes a registry
        /// of the size Premium. Without this key so, where an identity pulls and the data services
        /// have private endpoints with zones of the deployment's own.
        private_endpoint: Option<bool>,
        /// User name at the registry.
        username: Option<String>,
        /// Password at the registry, by the name of its secret.
        password: Option<SecretReference>,
        /// Other images, by the name of the image in the release: `api`, `web`,
        /// `sandbox`, `plugin_daemon`, `nginx`, `ssrf_proxy`. Taken as they are written.
        #[cfg_attr(
            feature = "schema",
            schemars(
                with = "BTreeMap<String, crate::values::ImageReference>",
                extend("propertyNames" = { "enum": super::schema::images() })
            )
        )]
        overrides: BTreeMap<String, String>,
        /// Digests of the release's images, `sha256:` and 64 digits, by repository and tag, such as
        /// `langgenius/dify-api:1.16.0`. Containers run exactly these, and `images import` copies
        /// them without asking Docker Hub.
        #[cfg_attr(
            feature = "schema",
            schemars(extend(
                "additionalProperties" = { "type": "string", "pattern": "^sha256:[0-9a-f]{64}$" }
            ))
        )]
        digests: BTreeMap<String, String>,
    }
}

section! {
    /// Virtual network and private endpoints.
    pub struct NetworkSpec {
        /// Address range of the virtual network that is made, such as 10.0.0.0/16. It is shared
        /// out by itself; `subnets` says otherwise.
        #[cfg_attr(feature = "schema", schemars(with = "Option<crate::values::Cidr>"))]
        address_space: Option<String>,
        /// Id of a virtual network that exists. Nothing of it is written.
        existing: Option<String>,
        /// Subnets by their use: `apps`, `endpoints`, `gateway`. Ranges such as 10.0.1.0/24 in a
        /// network that is made, ids of subnets that exist in one that exists. The range `gateway`
        /// is kept free without an application gateway.
        #[cfg_attr(
            feature = "schema",
            schemars(extend("propertyNames" = { "enum": ["apps", "endpoints", "gateway"] }))
        )]
        subnets: BTreeMap<String, String>,
        /// From where the front door is reached: "public" from the internet, "internal" from the
        /// network alone. Fixed when the environment is made. The profile prod takes "internal".
        #[cfg_attr(feature = "schema", schemars(extend("enum" = ["public", "internal"])))]
        front_door: Option<String>,
        /// Whether the data services are reachable through private endpoints alone.
        private_endpoints: Option<bool>,
        /// Id of the resource group that has the private DNS zones, in this subscription or another.
        private_dns_zones: Option<String>,
        /// Whether replicas are spread over the zones of the region. Fixed when the environment is
        /// made. The profile prod does so where the region has zones.
        zone_redundant: Option<bool>,
    }
}

section! {
    /// Machines of the environment's own, beside the shared ones of the Consumption profile.
    pub struct WorkloadProfileSpec {
        /// Size of a machine: D4 to D32 with 4 GiB for each core, E4 to E32 with 8.
        #[cfg_attr(
            feature = "schema",
            schemars(extend("enum" = ["D4", "D8", "D16", "D32", "E4", "E8", "E16", "E32"]))
        )]
        size: Option<String>,
        /// The least number of machines, which are paid for whether they are used or not.
        #[cfg_attr(feature = "schema", schemars(range(min = 0, max = 1000)))]
        min: Option<u32>,
        /// The greatest number of machines.
        #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 1000)))]
        max: Option<u32>,
    }
}

section! {
    /// Where Azure keeps secrets.
    pub struct SecretsSpec {
        /// "app": in the container apps themselves. "key-vault": in a key vault.
        #[cfg_attr(feature = "schema", schemars(extend("enum" = ["app", "key-vault"])))]
        store: Option<String>,
        /// Name of a key vault that exists in the resource group, or the id of one anywhere. Without
        /// it one is made.
        existing: Option<String>,
        /// Id of a user-assigned identity that already may read the vault (the role
        /// "Key Vault Secrets User"). Without it one is made and given the role.
        identity: Option<String>,
        /// Days for which a deleted vault can be brought back, 7 to 90; fixed at creation.
        #[cfg_attr(feature = "schema", schemars(range(min = 7, max = 90)))]
        retention_days: Option<u32>,
        /// Whether nobody can remove a deleted vault before that time; never to be turned off again.
        purge_protection: Option<bool>,
    }
}

/// A secret by its name in the secrets file: `{ secret = "smtp-password" }`.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SecretReference {
    /// Name of the secret, such as smtp-password.
    pub secret: String,
}

impl SecretReference {
    const FIELDS: &'static [Field] = &[Field {
        key: "secret",
        shape: String::shape,
    }];

    /// Reads the inside of a reference.
    pub(super) fn read_table(
        value: &DeValue<'_>,
        path: &KeyPath,
        reader: &mut Reader<'_>,
    ) -> Option<Self> {
        let table = reader.table(value, path, Self::EXPECTED)?;
        reader.refuse_unknown_keys(table, path, Self::FIELDS);
        let Some(secret) = table.get("secret") else {
            let message = format!("`{path}` names no secret");
            let finding = spc::MISSING_KEY.finding(path.key("secret"), message);
            reader.report(finding.with_help("write `{ secret = \"smtp-password\" }`"));
            return None;
        };
        let secret = String::read(secret.get_ref(), &path.key("secret"), reader)?;
        Some(Self { secret })
    }
}

impl Read for SecretReference {
    const EXPECTED: &'static str = "the name of a secret: `{ secret = \"...\" }`";

    fn read(value: &DeValue<'_>, path: &KeyPath, reader: &mut Reader<'_>) -> Option<Self> {
        if value.is_str() {
            let message = format!("`{path}` holds a value that belongs into the secrets file");
            reader.report(sec::VALUE_IN_FILE.finding(path.clone(), message));
            return None;
        }
        Self::read_table(value, path, reader)
    }

    fn shape() -> Shape {
        Shape::Table(Self::FIELDS)
    }
}
