//! The subscription itself: tenants, providers and their registration, permissions, names, usages.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::arm::answer::Answer;
use crate::arm::call::Call;
use crate::arm::error::ArmError;
use crate::arm::merge::text_at;
use crate::engine::operations::{Begin, with_retry_after};
use crate::engine::{Cloud, read};
use crate::front;
use crate::provider;
use crate::regions::{self, REGIONS};
use crate::settings::{NameKind, Subscription};
use crate::store::model::{Change, Registration, Work};

/// Seconds that the registration of a provider takes.
const REGISTER_SECONDS: f64 = 40.0;

/// Environments that a subscription may have in a region (learn.microsoft.com container-apps/quotas).
pub(crate) const ENVIRONMENTS_PER_REGION: usize = 15;

/// Answers `/tenants`.
pub(crate) fn tenants(cloud: &Cloud, call: &Call) -> Result<Answer, ArmError> {
    let tenant = &cloud.settings.tenant;
    let item = json!({
        "id": format!("/tenants/{tenant}"),
        "tenantId": tenant,
        "displayName": "Embedded Azure",
        "tenantCategory": "Home",
    });
    read::page(cloud, call, vec![item])
}

/// Answers `/subscriptions`.
pub(crate) fn list(cloud: &Cloud, call: &Call) -> Result<Answer, ArmError> {
    let all = cloud.settings.subscriptions.iter();
    let items = all.map(|one| body(cloud, one)).collect();
    read::page(cloud, call, items)
}

/// Answers `/subscriptions/{id}`.
pub(crate) fn get(cloud: &Cloud, call: &Call) -> Answer {
    Answer::ok(body(cloud, cloud.settings.subscription_of(call)))
}

fn body(cloud: &Cloud, subscription: &Subscription) -> Value {
    json!({
        "id": format!("/subscriptions/{}", subscription.id),
        "subscriptionId": subscription.id,
        "tenantId": cloud.settings.tenant,
        "displayName": subscription.name,
        "state": "Enabled",
        "authorizationSource": "RoleBased",
        "subscriptionPolicies": {
            "locationPlacementId": "Public_2014-09-01",
            "quotaId": "PayAsYouGo_2014-09-01",
            "spendingLimit": "Off",
        },
    })
}

/// Answers `/subscriptions/{id}/locations`.
pub(crate) fn locations(cloud: &Cloud, call: &Call) -> Result<Answer, ArmError> {
    let subscription = &cloud.settings.subscription_of(call).id;
    let items = REGIONS.iter().map(|region| {
        json!({
            "id": format!("/subscriptions/{subscription}/locations/{}", region.name),
            "name": region.name,
            "displayName": region.display,
            "regionalDisplayName": region.display,
            "type": "Region",
        })
    });
    read::page(cloud, call, items.collect())
}

// ---- providers ----

fn namespaces() -> BTreeSet<&'static str> {
    let of_types = provider::PROVIDERS
        .iter()
        .map(|provider| provider.definition().namespace());
    of_types
        .chain(["Microsoft.Resources", "Microsoft.Authorization"])
        .collect()
}

fn spelled(namespace: &str) -> Option<&'static str> {
    namespaces()
        .into_iter()
        .find(|known| known.eq_ignore_ascii_case(namespace))
}

/// Under which key it is kept that a subscription asked for a namespace.
fn registration_key(cloud: &Cloud, call: &Call, namespace: &str) -> String {
    let namespace = namespace.to_ascii_lowercase();
    let subscription = cloud.settings.subscription_of(call);
    if *subscription == cloud.settings.subscriptions[0] {
        // as states on disk have it from when there was one subscription
        return namespace;
    }
    format!("{}/{namespace}", subscription.id.to_ascii_lowercase())
}

/// Whether a namespace can be written to in the subscription of a request.
pub(crate) fn is_registered(cloud: &Cloud, call: &Call, namespace: &str) -> bool {
    let asked = cloud
        .store
        .registration(&registration_key(cloud, call, namespace));
    asked.map_or_else(
        || cloud.settings.registered.includes(namespace),
        |asked| asked.registered,
    )
}

fn registration_state(cloud: &Cloud, call: &Call, namespace: &str) -> &'static str {
    let key = registration_key(cloud, call, namespace);
    match cloud.store.registration(&key) {
        Some(asked) if !asked.registered => "Registering",
        _ if is_registered(cloud, call, namespace) => "Registered",
        _ => "NotRegistered",
    }
}

fn provider_body(cloud: &Cloud, call: &Call, namespace: &str) -> Value {
    let types = provider::PROVIDERS
        .iter()
        .map(|provider| provider.definition());
    let mut types: Vec<Value> = types
        .filter(|definition| definition.namespace() == namespace)
        .map(front::described)
        .collect();
    if namespace == "Microsoft.Resources" {
        types.push(json!({
            "resourceType": "resourceGroups",
            "locations": REGIONS.iter().map(|region| region.display).collect::<Vec<_>>(),
            "apiVersions": front::FRONT_VERSIONS,
            "capabilities": "SupportsTags, SupportsLocation",
        }));
        types.push(json!({
            "resourceType": "deployments",
            "locations": [],
            "apiVersions": front::FRONT_VERSIONS,
            "capabilities": "SupportsTags, SupportsLocation",
        }));
    }
    json!({
        "id": format!(
            "/subscriptions/{}/providers/{namespace}",
            cloud.settings.subscription_of(call).id
        ),
        "namespace": namespace,
        "registrationState": registration_state(cloud, call, namespace),
        "registrationPolicy": "RegistrationRequired",
        "resourceTypes": types,
    })
}

/// Answers the list of providers.
pub(crate) fn providers(cloud: &Cloud, call: &Call) -> Result<Answer, ArmError> {
    let items = namespaces()
        .into_iter()
        .map(|namespace| provider_body(cloud, call, namespace));
    read::page(cloud, call, items.collect())
}

/// Answers one provider.
pub(crate) fn provider(cloud: &Cloud, call: &Call, namespace: &str) -> Result<Answer, ArmError> {
    let namespace = spelled(namespace).ok_or_else(|| front::unknown_type(namespace))?;
    let answer = Answer::ok(provider_body(cloud, call, namespace));
    if registration_state(cloud, call, namespace) == "Registering" {
        return Ok(with_retry_after(
            answer,
            cloud.settings.scaled(REGISTER_SECONDS),
        ));
    }
    Ok(answer)
}

/// Answers the registration of a provider; it takes a while.
pub(crate) fn register(
    cloud: &mut Cloud,
    call: &Call,
    namespace: &str,
) -> Result<Answer, ArmError> {
    let namespace = spelled(namespace).ok_or_else(|| front::unknown_type(namespace))?;
    if registration_state(cloud, call, namespace) == "NotRegistered" {
        let key = registration_key(cloud, call, namespace);
        let asked = Registration {
            namespace: namespace.to_owned(),
            registered: false,
        };
        cloud.store.apply(Change::Registration(key.clone(), asked));
        let begin = Begin {
            work: Work::Register,
            lane: format!("register/{key}"),
            target: key,
            resource: None,
            seconds: REGISTER_SECONDS,
            result: None,
        };
        cloud.begin(call.now, begin);
    }
    Ok(Answer::ok(provider_body(cloud, call, namespace)))
}

/// Answers the caller's permissions at a scope.
pub(crate) fn permissions(
    cloud: &Cloud,
    call: &Call,
    group: Option<&str>,
) -> Result<Answer, ArmError> {
    if let Some(group) = group {
        read::require_group(cloud, call, group)?;
    }
    read::page(cloud, call, cloud.settings.permissions.clone())
}

// ---- names and usages ----

/// Answers `checkNameAvailability` of the namespaces that have one: storage, PostgreSQL, Key Vault
/// and container registries. For Managed Redis there is none.
pub(crate) fn check_name(cloud: &Cloud, call: &Call, namespace: &str) -> Result<Answer, ArmError> {
    let (kind, type_name) = match namespace.to_ascii_lowercase().as_str() {
        "microsoft.storage" => (
            NameKind::StorageAccount,
            "Microsoft.Storage/storageAccounts",
        ),
        "microsoft.dbforpostgresql" => (
            NameKind::PostgresServer,
            "Microsoft.DBforPostgreSQL/flexibleServers",
        ),
        "microsoft.keyvault" => (NameKind::KeyVault, "Microsoft.KeyVault/vaults"),
        "microsoft.containerregistry" => (
            NameKind::ContainerRegistry,
            "Microsoft.ContainerRegistry/registries",
        ),
        _ => {
            return Err(front::unknown_type(&format!(
                "{namespace}/checkNameAvailability"
            )));
        }
    };
    let body = call.json()?;
    let Some(name) = text_at(&body, "name") else {
        return Err(
            ArmError::bad_request("InvalidRequestContent", "The name is missing.").at("name"),
        );
    };
    let invalid = provider::find(type_name)
        .and_then(|provider| (provider.definition().check_name)(name).err());
    let world = cloud.world(call.now);
    let held = kind == NameKind::KeyVault && provider::vault::deleted::is_held(world, name);
    let taken = held || provider::name_is_taken(world, kind, name);
    let mut answer = json!({ "nameAvailable": invalid.is_none() && !taken });
    if let Some(error) = invalid {
        answer["reason"] = json!(match kind {
            NameKind::StorageAccount | NameKind::KeyVault => "AccountNameInvalid",
            _ => "Invalid",
        });
        answer["message"] = json!(error.message);
    } else if taken {
        answer["reason"] = json!("AlreadyExists");
        answer["message"] = json!(match kind {
            NameKind::KeyVault => provider::vault::name_taken(name).message,
            NameKind::StorageAccount =>
                format!("The storage account named {name} is already taken."),
            NameKind::ContainerRegistry => provider::registry::name_taken(name),
            _ => "Specified server name is already used.".to_owned(),
        });
    }
    if kind == NameKind::PostgresServer {
        // Azure/azure-cli postgresql recordings/test_postgres_flexible_server_tags_mgmt.yaml
        answer["name"] = json!(name);
        answer["type"] = json!(type_name);
        if answer.get("message").is_none() {
            answer["message"] = json!("");
        }
    }
    Ok(Answer::ok(answer))
}

/// Answers the usages of Container Apps in a region.
pub(crate) fn usages(
    cloud: &Cloud,
    call: &Call,
    namespace: &str,
    location: &str,
) -> Result<Answer, ArmError> {
    if !namespace.eq_ignore_ascii_case("Microsoft.App") {
        return Err(front::unknown_type(&format!(
            "{namespace}/locations/usages"
        )));
    }
    let region = regions::find(location)
        .ok_or_else(|| front::location_not_available("locations/usages", location))?;
    let subscription = cloud.settings.subscription_of(call);
    let here = cloud.store.resources().filter(|resource| {
        resource.id.type_name() == "Microsoft.App/managedEnvironments"
            && resource
                .id
                .subscription
                .eq_ignore_ascii_case(&subscription.id)
            && text_at(&resource.desired, "location") == Some(region.name)
    });
    let item = json!({
        "name": { "value": "ManagedEnvironmentCount", "localizedValue": "Managed Environment Count" },
        "unit": "Count",
        "currentValue": here.count(),
        "limit": ENVIRONMENTS_PER_REGION,
    });
    read::page(cloud, call, vec![item])
}
