//! What apps and jobs read of a vault: resolved when they are written, or refused.

use serde_json::{Value, json};

use super::{by_name, is_reachable, secret};
use crate::arm::error::ArmError;
use crate::arm::merge::{at, list_at, text_at};
use crate::engine::world::World;
use crate::provider::authorization::{SECRET_READERS, has_role};
use crate::provider::identity;
use crate::rules::Rule;
use crate::store::model::Resource;

/// The address of a secret.
pub(super) const URL: Rule = Rule::known(
    "ACA-VAULT-URL",
    "A keyVaultUrl is https://<vault>.vault.azure.net/secrets/<name>, with or without a version.",
    "microsoft/azure-container-apps#733",
)
.with_known_code();

/// Whether a secret can be read.
pub(super) const RESOLVED: Rule = Rule::known(
    "ACA-VAULT-SECRET",
    "The app's identity can read the secret when the app is written: it has the role since a \
     while, the vault is reachable, the version exists and is enabled.",
    "microsoft/azure-container-apps#1159, #930, #739; \
     Azure/terraform-azurerm-avm-res-app-containerapp#76",
)
.with_known_code();

/// Checks every secret of a body that refers to a vault.
pub(crate) fn check(world: World<'_>, body: &Value) -> Result<(), ArmError> {
    for secret in list_at(body, "properties.configuration.secrets") {
        // Microsoft's own clients send an empty one with a value
        let url = text_at(secret, "keyVaultUrl").filter(|url| !url.is_empty());
        let Some(url) = url else {
            continue;
        };
        let name = text_at(secret, "name").unwrap_or_default();
        let reader = text_at(secret, "identity").unwrap_or_default();
        let Some(address) = Address::parse(url) else {
            return Err(URL.refuse(
                "ContainerAppSecretKeyVaultUrlInvalid",
                format!(
                    "KeyVaultUrl '{url}' of secret '{name}' is invalid. {}",
                    URL.text
                ),
            ));
        };
        let readable = identity::carries(body, reader)
            && identity::principal_of(world, reader)
                .is_some_and(|principal| address.is_readable(world, &principal));
        if !readable {
            return Err(refused(name, reader));
        }
    }
    Ok(())
}

/// Whether an environment can read a certificate: a vault offers it as the secret of its name too
/// (learn.microsoft.com key-vault/certificates/about-certificates).
pub(crate) fn certificate_is_readable(
    world: World<'_>,
    environment: &Value,
    url: &str,
    reader: &str,
) -> bool {
    let url = url.replacen("/certificates/", "/secrets/", 1);
    let principal = identity::principal_of(world, reader);
    identity::carries(environment, reader)
        && principal.is_some_and(|principal| {
            Address::parse(&url).is_some_and(|address| address.is_readable(world, &principal))
        })
}

/// Whether a text is the address of a secret.
pub(crate) fn is_address(url: &str) -> bool {
    Address::parse(url).is_some()
}

/// Whether an account can read the secret at an address.
pub(crate) fn can_read(world: World<'_>, url: &str, principal: &str) -> bool {
    Address::parse(url).is_some_and(|address| address.is_readable(world, principal))
}

/// The words of the live service, which are the same whatever the cause is.
fn refused(name: &str, reader: &str) -> ArmError {
    RESOLVED.refuse(
        "InvalidParameterValueInContainerTemplate",
        format!(
            "The following field(s) are either invalid or missing. Field 'configuration.secrets' \
             is invalid with details: 'Invalid value: \"{name}\": Unable to get value using Managed \
             identity {reader} for secret {name}. Error: unable to fetch secret '{name}' using \
             Managed identity '{reader}'';."
        ),
    )
}

/// The address of a secret, taken apart.
struct Address<'a> {
    vault: &'a str,
    name: &'a str,
    version: Option<&'a str>,
}

impl<'a> Address<'a> {
    fn parse(url: &'a str) -> Option<Self> {
        let (host, path) = url.strip_prefix("https://")?.split_once('/')?;
        let vault = host.strip_suffix(".vault.azure.net")?;
        let parts: Vec<&str> = path.trim_end_matches('/').split('/').collect();
        let (name, version) = match parts.as_slice() {
            ["secrets", name] => (*name, None),
            ["secrets", name, version] => (*name, Some(*version)),
            _ => return None,
        };
        (!name.is_empty()).then_some(Self {
            vault,
            name,
            version,
        })
    }

    fn is_readable(&self, world: World<'_>, principal: &str) -> bool {
        let Some(vault) = by_name(world, self.vault) else {
            return false;
        };
        let found = world.store.resource(&vault.id.child("secrets", self.name));
        let exists = found.is_some_and(|found| self.is_there(found));
        exists && is_reachable(world, vault) && may_read(world, vault, principal)
    }

    fn is_there(&self, found: &Resource) -> bool {
        let enabled = at(&found.desired, "properties.attributes.enabled") != Some(&json!(false));
        let known = |version: &str| found.secrets.contains_key(&secret::place(version));
        enabled && self.version.is_none_or(known)
    }
}

/// Whether an account may read secrets of a vault, by role or by the vault's own list.
fn may_read(world: World<'_>, vault: &Resource, principal: &str) -> bool {
    let by_roles = at(&vault.desired, "properties.enableRbacAuthorization") != Some(&json!(false));
    if by_roles {
        return has_role(world, principal, &vault.id, SECRET_READERS);
    }
    let policies = list_at(&vault.desired, "properties.accessPolicies");
    policies.iter().any(|policy| {
        let is_own =
            text_at(policy, "objectId").is_some_and(|id| id.eq_ignore_ascii_case(principal));
        let granted = list_at(policy, "permissions.secrets");
        is_own
            && granted
                .iter()
                .filter_map(Value::as_str)
                .any(|word| word.eq_ignore_ascii_case("get") || word.eq_ignore_ascii_case("all"))
    })
}
