//! The blob service of an account and its containers; all writes are complete with their answer.

use http::StatusCode;
use serde_json::{Value, json};

use crate::arm::error::ArmError;
use crate::arm::id::ResourceId;
use crate::arm::merge::{at, default_at, text_at};
use crate::engine::world::World;
use crate::provider::storage::{
    ACCOUNT_READY, CONTAINER_NAME, PUBLIC_ACCESS, SERVICE_NAME, VERSIONS,
};
use crate::provider::{Definition, Draft, Provider, Style};
use crate::store::model::{Phase, Resource};
use crate::types;

static SERVICE: Definition = Definition {
    name: "Microsoft.Storage/storageAccounts/blobServices",
    api_versions: VERSIONS,
    table: Some(types::blob_service),
    check_name: check_service_name,
    create: Some(Style::SYNC),
    update: Some(Style::SYNC),
    created_status: StatusCode::OK,
    ..Definition::READ_ONLY
};

static CONTAINER: Definition = Definition {
    name: "Microsoft.Storage/storageAccounts/blobServices/containers",
    api_versions: VERSIONS,
    table: Some(types::blob_container),
    check_name: check_container_name,
    create: Some(Style::SYNC),
    update: Some(Style::SYNC),
    patch: Some(Style::SYNC),
    delete: Some(Style::SYNC),
    ..Definition::READ_ONLY
};

/// The blob service; every account has it from the start.
pub(crate) struct BlobService;

/// Containers.
pub(crate) struct Container;

fn check_service_name(name: &str) -> Result<(), ArmError> {
    if name.eq_ignore_ascii_case("default") {
        return Ok(());
    }
    Err(SERVICE_NAME.refuse("InvalidResourceName", SERVICE_NAME.text))
}

pub(crate) fn check_container_name(name: &str) -> Result<(), ArmError> {
    let inside = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let right = (3..=63).contains(&name.len())
        && name.chars().all(inside)
        && !name.starts_with('-')
        && !name.ends_with('-')
        && !name.contains("--");
    if right || name == "$web" || name == "$root" {
        return Ok(());
    }
    let message = format!(
        "The container name '{name}' is not valid. {}",
        CONTAINER_NAME.text
    );
    Err(CONTAINER_NAME.refuse("ContainerNameInvalid", message))
}

/// The account of a service or a container, which must be complete.
fn ready_account<'a>(world: World<'a>, id: &ResourceId) -> Result<&'a Resource, ArmError> {
    let account = world.store.resource(&id.root());
    account
        .filter(|account| account.phase == Phase::Succeeded)
        .ok_or_else(|| {
            ACCOUNT_READY.refuse_with(
                StatusCode::CONFLICT,
                "StorageAccountIsNotProvisioned",
                format!(
                    "The storage account '{}' is not provisioned yet.",
                    id.root_name()
                ),
            )
        })
}

impl Provider for BlobService {
    fn definition(&self) -> &'static Definition {
        &SERVICE
    }

    fn check(&self, world: World<'_>, draft: &mut Draft<'_>) -> Result<(), ArmError> {
        ready_account(world, draft.id)?;
        default_at(&mut draft.body, "properties.cors.corsRules", json!([]));
        default_at(
            &mut draft.body,
            "properties.deleteRetentionPolicy.enabled",
            json!(false),
        );
        default_at(
            &mut draft.body,
            "properties.deleteRetentionPolicy.allowPermanentDelete",
            json!(false),
        );
        Ok(())
    }

    fn decorate(&self, world: World<'_>, resource: &Resource, body: &mut Value) {
        if let Some(account) = world.store.resource(&resource.id.root()) {
            let account = account.body();
            body["sku"] = at(&account, "sku").cloned().unwrap_or_default();
        }
    }

    fn implied(&self, world: World<'_>, id: &ResourceId) -> Option<Resource> {
        let services = self.implied_children(world, &id.parent()?);
        services
            .into_iter()
            .find(|service| service.id.key() == id.key())
    }

    fn implied_children(&self, world: World<'_>, parent: &ResourceId) -> Vec<Resource> {
        let account = world.store.resource(parent);
        let service = |account: &Resource| {
            let body = json!({ "properties": {
                "cors": { "corsRules": [] },
                "deleteRetentionPolicy": { "enabled": false, "allowPermanentDelete": false },
            }});
            Resource::complete(
                account.id.child("blobServices", "default"),
                body,
                account.created,
            )
        };
        account.map(service).into_iter().collect()
    }
}

impl Provider for Container {
    fn definition(&self) -> &'static Definition {
        &CONTAINER
    }

    fn check(&self, world: World<'_>, draft: &mut Draft<'_>) -> Result<(), ArmError> {
        let account = ready_account(world, draft.id)?;
        for (path, value) in [
            ("properties.publicAccess", json!("None")),
            (
                "properties.defaultEncryptionScope",
                json!("$account-encryption-key"),
            ),
            ("properties.denyEncryptionScopeOverride", json!(false)),
        ] {
            default_at(&mut draft.body, path, value);
        }
        let public = text_at(&draft.body, "properties.publicAccess") != Some("None");
        let allowed =
            at(&account.desired, "properties.allowBlobPublicAccess") == Some(&json!(true));
        if public && !allowed {
            let message = "Public access is not permitted on this storage account.";
            return Err(PUBLIC_ACCESS
                .refuse_with(StatusCode::CONFLICT, "PublicAccessNotPermitted", message)
                .at("properties.publicAccess"));
        }
        Ok(())
    }

    fn started(&self, world: World<'_>, resource: &mut Resource) {
        let purpose = format!("etag/{}/{}", resource.id.key(), world.now);
        resource.outputs = json!({
            "etag": format!("\"0x{}\"", world.dice().hex(&purpose, 15).to_ascii_uppercase()),
            "properties": {
                "deleted": false,
                "remainingRetentionDays": 0,
                "lastModifiedTime": world.now.to_string(),
                "leaseStatus": "Unlocked",
                "leaseState": "Available",
                "hasImmutabilityPolicy": false,
                "hasLegalHold": false,
            },
        });
    }
}
