//! `Microsoft.KeyVault`: vaults that are deleted softly, secrets with versions, and what apps read
//! of them.

pub(crate) mod deleted;
pub(crate) mod reference;
pub(crate) mod secret;

use http::StatusCode;
use serde_json::{Value, json};

use crate::arm::error::ArmError;
use crate::arm::merge::{at, default_at, remove_at, set_at, text_at};
use crate::engine::world::World;
use crate::provider::{Definition, Draft, Effects, Provider, Seconds, StateWords, Style};
use crate::rules::Rule;
use crate::settings::NameKind;
use crate::store::model::Resource;
use crate::types;

/// The rules of vaults and their secrets.
pub(crate) const RULES: &[Rule] = &[
    NAME,
    SECRET_NAME,
    SECRET_VALUE,
    SOFT_DELETED,
    RETENTION,
    PURGE_PROTECTION,
    reference::URL,
    reference::RESOLVED,
];

const NAME: Rule = Rule::known(
    "KV-NAME",
    "A vault's name has 3-24 letters, digits and single hyphens, begins with a letter and ends \
     with a letter or digit.",
    "learn.microsoft.com azure-resource-manager/management/resource-name-rules",
)
.with_known_code();
const SECRET_NAME: Rule = Rule::known(
    "KV-SECRET-NAME",
    "A secret's name has 1-127 letters, digits and hyphens.",
    "learn.microsoft.com azure-resource-manager/management/resource-name-rules",
);
const SECRET_VALUE: Rule = Rule::guessed(
    "KV-SECRET-VALUE",
    "A secret is created with a value of at most 25 KB.",
    "learn.microsoft.com key-vault/secrets/about-secrets",
);
const SOFT_DELETED: Rule = Rule::known(
    "KV-SOFT-DELETED",
    "A deleted vault holds its name until it is recovered (createMode recover, in the same group) \
     or purged.",
    "learn.microsoft.com key-vault/general/soft-delete-overview; Azure-Samples/contoso-chat#55",
)
.with_known_code();
const RETENTION: Rule = Rule::known(
    "KV-RETENTION",
    "softDeleteRetentionInDays is 7-90 and can't be changed after the creation.",
    "learn.microsoft.com key-vault/general/soft-delete-overview; hashicorp/terraform-provider-azurerm key_vault_resource.go quotes the refusal",
)
.with_known_code();
const PURGE_PROTECTION: Rule = Rule::known(
    "KV-PURGE-PROTECTION",
    "Purge protection is true or absent, is never taken back, and keeps a deleted vault from being \
     purged.",
    "Azure/azure-rest-api-specs Microsoft.KeyVault keyvault.json enablePurgeProtection; public deployment logs",
)
.with_known_code();

/// The full type.
pub(crate) const TYPE: &str = "Microsoft.KeyVault/vaults";

static DEFINITION: Definition = Definition {
    name: TYPE,
    api_versions: VERSIONS,
    table: Some(types::vault),
    check_name,
    create: Some(Style::STATE),
    update: Some(Style::STATE),
    patch: Some(Style::SYNC),
    delete: Some(Style::SYNC),
    seconds: Seconds {
        create: 25.0,
        update: 5.0,
        delete: 0.0,
    },
    states: Some(&StateWords {
        creating: &["RegisteringDns"],
        updating: &["RegisteringDns"],
        ..StateWords::USUAL
    }),
    tracked: true,
    system_data: true,
    global_name: Some(NameKind::KeyVault),
    ..Definition::READ_ONLY
};

const VERSIONS: &[&str] = &["2026-02-01"];

/// Vaults.
pub(crate) struct Vault;

fn check_name(name: &str) -> Result<(), ArmError> {
    let inside = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let right = (3..=24).contains(&name.len())
        && name.chars().all(inside)
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && !name.ends_with('-')
        && !name.contains("--");
    if right {
        return Ok(());
    }
    Err(NAME.refuse(
        "VaultNameNotValid",
        format!(
            "The vault name '{name}' is invalid. A vault's name must be between 3-24 alphanumeric \
             characters. The name must begin with a letter, end with a letter or digit, and not \
             contain consecutive hyphens."
        ),
    ))
}

impl Provider for Vault {
    fn definition(&self) -> &'static Definition {
        &DEFINITION
    }

    fn check(&self, world: World<'_>, draft: &mut Draft<'_>) -> Result<(), ArmError> {
        let mode = remove_at(&mut draft.body, "properties.createMode");
        let recovers = mode.as_ref().and_then(Value::as_str) == Some("recover");
        if draft.existing.is_none() {
            deleted::admit(world, draft, recovers)?;
        }
        check_protection(draft)?;
        for (path, value) in [
            // the default since 2026-02-01
            ("properties.enableRbacAuthorization", json!(true)),
            ("properties.accessPolicies", json!([])),
            ("properties.enabledForDeployment", json!(false)),
            ("properties.enableSoftDelete", json!(true)),
            ("properties.softDeleteRetentionInDays", json!(90)),
            ("properties.publicNetworkAccess", json!("Enabled")),
        ] {
            default_at(&mut draft.body, path, value);
        }
        check_retention(draft)
    }

    fn started(&self, _world: World<'_>, resource: &mut Resource) {
        let name = resource.id.name().to_ascii_lowercase();
        let uri = format!("https://{name}.vault.azure.net/");
        set_at(&mut resource.outputs, "properties.vaultUri", json!(uri));
    }

    fn finished(&self, world: World<'_>, resource: &mut Resource) -> Effects {
        deleted::recovered(world, resource)
    }

    fn deleted(&self, world: World<'_>, resource: &Resource) -> Effects {
        deleted::keep(world, resource)
    }
}

fn check_protection(draft: &Draft<'_>) -> Result<(), ArmError> {
    let path = "properties.enablePurgeProtection";
    let wanted = at(&draft.body, path).and_then(Value::as_bool);
    let taken_back = draft.old(path) == Some(&json!(true)) && wanted != Some(true);
    if wanted != Some(false) && !taken_back {
        return Ok(());
    }
    let message = "The property \"enablePurgeProtection\" cannot be set to false. Enabling the purge \
                   protection for a vault is an irreversible action.";
    Err(PURGE_PROTECTION.refuse("BadRequest", message).at(path))
}

fn check_retention(draft: &Draft<'_>) -> Result<(), ArmError> {
    let path = "properties.softDeleteRetentionInDays";
    let days = at(&draft.body, path).and_then(Value::as_i64);
    let changed = draft.old(path).is_some_and(|old| old.as_i64() != days);
    if days.is_some_and(|days| (7..=90).contains(&days)) && !changed {
        return Ok(());
    }
    let message = if changed {
        "The property \"softDeleteRetentionInDays\" has been set already and it can't be modified."
            .to_owned()
    } else {
        format!(
            "The property \"softDeleteRetentionInDays\" is not valid. {}",
            RETENTION.text
        )
    };
    Err(RETENTION.refuse("BadRequest", message).at(path))
}

/// The refusal of a name that somebody else's vault has.
pub(crate) fn name_taken(name: &str) -> ArmError {
    NAME.refuse_with(
        StatusCode::CONFLICT,
        "VaultAlreadyExists",
        format!(
            "The vault name '{name}' is already in use. Vault names are globally unique so it is \
             possible that the name is already taken. If you are sure that the vault name was not \
             taken then it is possible that a vault with the same name was recently deleted but not \
             purged after being placed in a recoverable state."
        ),
    )
}

/// A vault by its name, which is unique.
pub(crate) fn by_name<'a>(world: World<'a>, name: &str) -> Option<&'a Resource> {
    let mut all = world.store.resources();
    all.find(|resource| {
        resource.id.type_name() == TYPE && resource.id.name().eq_ignore_ascii_case(name)
    })
}

/// Whether apps reach a vault: over the internet, or over a private endpoint.
fn is_reachable(world: World<'_>, vault: &Resource) -> bool {
    let access = text_at(&vault.desired, "properties.publicNetworkAccess").unwrap_or("Enabled");
    let key = vault.id.key();
    access.eq_ignore_ascii_case("enabled")
        || world.store.resources().any(|resource| {
            resource.id.type_name() == "Microsoft.Network/privateEndpoints"
                && resource
                    .desired
                    .to_string()
                    .to_ascii_lowercase()
                    .contains(&key)
        })
}
