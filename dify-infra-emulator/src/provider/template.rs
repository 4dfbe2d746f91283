//! What apps and jobs have in common: containers, secrets, volumes and the environment they run in.

use std::borrow::Cow;
mod rules;

use std::collections::BTreeSet;

use serde_json::{Value, json};

pub(crate) use self::rules::RULES;
use self::rules::{
    APP_NAME, CONTAINER_IMAGE, CONTAINER_NAME, CONTAINERS, CPU_MEMORY, ENVIRONMENT_READY, PROBE,
    REGISTRY, SECRET_NAME, SECRET_REFERENCE, SECRET_VALUE, VARIABLE_NAMES, VARIABLE_SOURCE, VOLUME,
    VOLUME_MOUNT, WORKLOAD_PROFILE,
};
use crate::arm::error::ArmError;
use crate::arm::id::ResourceId;
use crate::arm::merge::{at, default_at, list_at, text_at};
use crate::engine::world::World;
use crate::provider::managed_environment::environment_of;
use crate::provider::{Draft, registry, vault};
use crate::store::model::{Phase, Resource};

/// Refuses names that neither apps nor jobs can have.
pub(crate) fn check_app_name(name: &str) -> Result<(), ArmError> {
    let inside = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let right = (2..=32).contains(&name.len())
        && name.chars().all(inside)
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && !name.ends_with('-')
        && !name.contains("--");
    if right {
        return Ok(());
    }
    Err(APP_NAME.refuse(
        "ContainerAppInvalidName",
        format!(
            "Invalid ContainerApp name '{name}'. A name must consist of lower case alphanumeric characters \
             or '-', start with an alphabetic character, and end with an alphanumeric character and cannot \
             have '--'. The length must not be more than 32 characters."
        ),
    ))
}

/// Finds the environment of a body: it must exist and be complete.
pub(crate) fn environment<'a>(
    world: World<'a>,
    body: &Value,
) -> Result<Cow<'a, Resource>, ArmError> {
    let path = "properties.environmentId";
    let Some(text) = environment_of(body) else {
        return Err(ENVIRONMENT_READY
            .refuse(
                "InvalidRequestParameterWithDetails",
                "The environmentId is missing.",
            )
            .at(path));
    };
    let id = ResourceId::parse(text).filter(|id| {
        id.type_name()
            .eq_ignore_ascii_case("Microsoft.App/managedEnvironments")
    });
    let found = id.as_ref().and_then(|id| world.find(id));
    let Some(environment) = found else {
        let message = format!("The environment '{text}' does not exist.");
        return Err(ENVIRONMENT_READY
            .refuse("ManagedEnvironmentNotFound", message)
            .at(path));
    };
    if matches!(environment.phase, Phase::Succeeded | Phase::Updating) {
        return Ok(environment);
    }
    let state = crate::engine::view::view(world, &environment);
    let state = text_at(&state, "properties.provisioningState").unwrap_or_default();
    Err(ENVIRONMENT_READY
        .refuse(
            "ManagedEnvironmentNotReadyForAppCreation",
            format!(
                "The environment '{}' is not ready for app creation. It is in state '{state}'.",
                environment.id.name()
            ),
        )
        .at(path))
}

/// Checks everything that apps and jobs share, and fills in the defaults.
pub(crate) fn check(world: World<'_>, draft: &mut Draft<'_>) -> Result<(), ArmError> {
    let environment = environment(world, &draft.body)?;
    check_profile(&environment, &mut draft.body)?;
    check_secrets(draft)?;
    vault::reference::check(world, &draft.body)?;
    let secrets = secret_names(&draft.body);
    check_registries(&draft.body, &secrets)?;
    registry::check_pulls(world, &draft.body)?;
    check_template(world, &environment, &mut draft.body)?;
    Ok(())
}

fn secret_names(body: &Value) -> BTreeSet<String> {
    let secrets = list_at(body, "properties.configuration.secrets").iter();
    secrets
        .filter_map(|secret| text_at(secret, "name"))
        .map(str::to_owned)
        .collect()
}

fn check_profile(environment: &Resource, body: &mut Value) -> Result<(), ArmError> {
    let profiles = list_at(&environment.desired, "properties.workloadProfiles");
    let Some(wanted) = text_at(body, "properties.workloadProfileName") else {
        if !profiles.is_empty() {
            default_at(body, "properties.workloadProfileName", json!("Consumption"));
        }
        return Ok(());
    };
    if profiles
        .iter()
        .any(|profile| text_at(profile, "name") == Some(wanted))
    {
        return Ok(());
    }
    let message = format!("Workload profile '{wanted}' is not in the environment.");
    Err(WORKLOAD_PROFILE
        .refuse("InvalidWorkloadProfileName", message)
        .at("properties.workloadProfileName"))
}

/// Whether containers of a body run on the Consumption profile, and its largest number of cores.
fn consumption_cores(environment: &Resource, body: &Value) -> Option<f64> {
    let profiles = list_at(&environment.desired, "properties.workloadProfiles");
    if profiles.is_empty() {
        return Some(2.0);
    }
    let wanted = text_at(body, "properties.workloadProfileName");
    let profile = profiles
        .iter()
        .find(|profile| text_at(profile, "name") == wanted)?;
    (text_at(profile, "workloadProfileType") == Some("Consumption")).then_some(4.0)
}

fn check_secrets(draft: &Draft<'_>) -> Result<(), ArmError> {
    let mut seen = BTreeSet::new();
    for (index, secret) in list_at(&draft.body, "properties.configuration.secrets")
        .iter()
        .enumerate()
    {
        let name = text_at(secret, "name").unwrap_or_default();
        let path = format!("properties.configuration.secrets[{index}]");
        if !is_dns_label(name, 253) || !seen.insert(name) {
            let message = format!("Invalid secret name '{name}'. {}", SECRET_NAME.text);
            return Err(SECRET_NAME
                .refuse("ContainerAppSecretNameInvalid", message)
                .at(&path));
        }
        let in_vault = text_at(secret, "keyVaultUrl")
            .is_some_and(|url| url.starts_with("https://"))
            && text_at(secret, "identity").is_some_and(|identity| !identity.is_empty());
        if !in_vault && !draft.has_secret(&secret_place(name)) {
            return Err(SECRET_VALUE
                .refuse(
                    "ContainerAppSecretInvalid",
                    format!(
                        "Container app secret(s) with name(s) '{name}' are invalid: value or keyVaultUrl and \
                         identity should be provided"
                    ),
                )
                .at(&path));
        }
    }
    Ok(())
}

/// Where the value of a secret is kept.
pub(crate) fn secret_place(name: &str) -> String {
    format!("properties.configuration.secrets[{name}].value")
}

/// Whether a kept secret value still has its secret in a body.
pub(crate) fn wants_secret(place: &str, body: &Value) -> bool {
    let name = place
        .strip_prefix("properties.configuration.secrets[")
        .and_then(|rest| rest.strip_suffix("].value"));
    name.is_none_or(|name| {
        list_at(body, "properties.configuration.secrets")
            .iter()
            .any(|secret| {
                let url = text_at(secret, "keyVaultUrl").unwrap_or_default();
                text_at(secret, "name") == Some(name) && url.is_empty()
            })
    })
}

fn check_registries(body: &Value, secrets: &BTreeSet<String>) -> Result<(), ArmError> {
    for (index, registry) in list_at(body, "properties.configuration.registries")
        .iter()
        .enumerate()
    {
        let path = format!("properties.configuration.registries[{index}]");
        let set = |name: &str| text_at(registry, name).is_some_and(|text| !text.is_empty());
        if let Some(reference) =
            text_at(registry, "passwordSecretRef").filter(|text| !text.is_empty())
        {
            require_secret(secrets, reference, &path, "registry")?;
        }
        if !set("server") || !(set("identity") || (set("username") && set("passwordSecretRef"))) {
            return Err(REGISTRY
                .refuse("ContainerAppRegistryInvalid", REGISTRY.text)
                .at(&path));
        }
    }
    Ok(())
}

/// Refuses references to secrets that are not there.
pub(crate) fn require_secret(
    secrets: &BTreeSet<String>,
    reference: &str,
    path: &str,
    owner: &str,
) -> Result<(), ArmError> {
    if secrets.contains(reference) {
        return Ok(());
    }
    Err(SECRET_REFERENCE
        .refuse(
            "ContainerAppSecretRefNotFound",
            format!("SecretRef '{reference}' defined for {owner} not found."),
        )
        .at(path))
}

/// Checks a template: containers, volumes, resources.
pub(crate) fn check_template(
    world: World<'_>,
    environment: &Resource,
    body: &mut Value,
) -> Result<(), ArmError> {
    fill_in_resources(body);
    let secrets = secret_names(body);
    let volumes = check_volumes(world, environment, body, &secrets)?;
    let containers = list_at(body, "properties.template.containers");
    if containers.is_empty() {
        return Err(CONTAINERS
            .refuse("ContainerAppContainersRequired", CONTAINERS.text)
            .at("properties.template.containers"));
    }
    let mut names = BTreeSet::new();
    for list in ["containers", "initContainers"] {
        let items = list_at(body, &format!("properties.template.{list}"));
        for (index, container) in items.iter().enumerate() {
            let path = format!("properties.template.{list}[{index}]");
            check_container(container, &path, &mut names)?;
            check_variables(container, &path, &secrets)?;
            check_mounts(container, &path, &volumes)?;
            check_probes(container, &path)?;
        }
    }
    check_resources(environment, body)
}

fn fill_in_resources(body: &mut Value) {
    for list in ["containers", "initContainers"] {
        let path = format!("properties.template.{list}");
        let containers = path
            .split('.')
            .try_fold(&mut *body, |value, name| value.get_mut(name));
        for container in containers
            .and_then(Value::as_array_mut)
            .into_iter()
            .flatten()
        {
            default_at(container, "resources.cpu", json!(0.5));
            default_at(container, "resources.memory", json!("1Gi"));
            let cores = at(container, "resources.cpu")
                .and_then(Value::as_f64)
                .unwrap_or(0.0);
            // learn.microsoft.com container-apps/storage-mounts, ephemeral storage
            let ephemeral = match cores {
                cores if cores <= 0.25 => "1Gi",
                cores if cores <= 0.5 => "2Gi",
                cores if cores <= 1.0 => "4Gi",
                _ => "8Gi",
            };
            crate::arm::merge::set_at(container, "resources.ephemeralStorage", json!(ephemeral));
        }
    }
}

fn check_container<'a>(
    container: &'a Value,
    path: &str,
    names: &mut BTreeSet<&'a str>,
) -> Result<(), ArmError> {
    let name = text_at(container, "name").unwrap_or_default();
    if !is_dns_label(name, 63) {
        let message = format!("Invalid container name '{name}'. {}", CONTAINER_NAME.text);
        return Err(CONTAINER_NAME
            .refuse("ContainerAppInvalidContainerName", message)
            .at(path));
    }
    let image = text_at(container, "image").unwrap_or_default();
    if image.is_empty() {
        let message =
            format!("Container with name '{name}' must have an 'Image' property specified.");
        return Err(CONTAINER_IMAGE
            .refuse("ContainerAppImageRequired", message)
            .at(path));
    }
    if !names.insert(name) || image.contains(char::is_whitespace) {
        let message = format!("The container '{name}' is not valid. {}", CONTAINERS.text);
        return Err(CONTAINERS
            .refuse("InvalidParameterValueInContainerTemplate", message)
            .at(path));
    }
    Ok(())
}

/// Lower-case letters, digits and hyphens with a letter or digit at both ends.
fn is_dns_label(name: &str, longest: usize) -> bool {
    let inside = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    (1..=longest).contains(&name.len())
        && name.chars().all(inside)
        && !name.starts_with('-')
        && !name.ends_with('-')
}

fn check_variables(
    container: &Value,
    path: &str,
    secrets: &BTreeSet<String>,
) -> Result<(), ArmError> {
    let mut seen = BTreeSet::new();
    let owner = format!(
        "container '{}'",
        text_at(container, "name").unwrap_or_default()
    );
    for (index, variable) in list_at(container, "env").iter().enumerate() {
        let path = format!("{path}.env[{index}]");
        let name = text_at(variable, "name").unwrap_or_default();
        let reference = text_at(variable, "secretRef").filter(|text| !text.is_empty());
        let value = text_at(variable, "value").filter(|text| !text.is_empty());
        if name.is_empty() || (reference.is_some() && value.is_some()) {
            let message = format!(
                "The variable '{name}' of {owner} is not valid. {}",
                VARIABLE_SOURCE.text
            );
            return Err(VARIABLE_SOURCE
                .refuse("InvalidParameterValueInContainerTemplate", message)
                .at(&path));
        }
        if !seen.insert(name) {
            let message = format!("The variable '{name}' of {owner} is there twice.");
            return Err(VARIABLE_NAMES
                .refuse("InvalidParameterValueInContainerTemplate", message)
                .at(&path));
        }
        if let Some(reference) = reference {
            require_secret(secrets, reference, &path, &owner)?;
        }
    }
    Ok(())
}

fn check_volumes(
    world: World<'_>,
    environment: &Resource,
    body: &Value,
    secrets: &BTreeSet<String>,
) -> Result<BTreeSet<String>, ArmError> {
    let mut names = BTreeSet::new();
    for (index, volume) in list_at(body, "properties.template.volumes")
        .iter()
        .enumerate()
    {
        let path = format!("properties.template.volumes[{index}]");
        let name = text_at(volume, "name").unwrap_or_default();
        let kind = text_at(volume, "storageType").unwrap_or("EmptyDir");
        let storage = text_at(volume, "storageName").unwrap_or_default();
        let is_share = matches!(kind, "AzureFile" | "NfsAzureFile");
        let exists = || {
            world
                .find(&environment.id.child("storages", storage))
                .is_some()
        };
        let repeated = !names.insert(name.to_owned());
        if !is_dns_label(name, 63) || repeated || (is_share && !exists()) {
            let message = format!("The volume '{name}' is not valid. {}", VOLUME.text);
            return Err(VOLUME
                .refuse("ContainerAppVolumeInvalid", message)
                .at(&path));
        }
        for (number, item) in list_at(volume, "secrets").iter().enumerate() {
            let reference = text_at(item, "secretRef").unwrap_or_default();
            let path = format!("{path}.secrets[{number}]");
            require_secret(secrets, reference, &path, &format!("volume '{name}'"))?;
        }
    }
    Ok(names)
}

fn check_mounts(container: &Value, path: &str, volumes: &BTreeSet<String>) -> Result<(), ArmError> {
    let mut places = BTreeSet::new();
    for (index, mount) in list_at(container, "volumeMounts").iter().enumerate() {
        let volume = text_at(mount, "volumeName").unwrap_or_default();
        let place = text_at(mount, "mountPath").unwrap_or_default();
        if !volumes.contains(volume) || !place.starts_with('/') || !places.insert(place) {
            let message = format!(
                "The mount of volume '{volume}' at '{place}' is not valid. {}",
                VOLUME_MOUNT.text
            );
            return Err(VOLUME_MOUNT
                .refuse("ContainerAppVolumeMountInvalid", message)
                .at(&format!("{path}.volumeMounts[{index}]")));
        }
    }
    Ok(())
}

/// Names of a probe's numbers with their limits.
const PROBE_LIMITS: &[(&str, i64, i64)] = &[
    ("initialDelaySeconds", 1, 60),
    ("periodSeconds", 1, 240),
    ("timeoutSeconds", 1, 240),
    ("failureThreshold", 1, 10),
    ("successThreshold", 1, 10),
    ("terminationGracePeriodSeconds", 0, 3600),
];

fn check_probes(container: &Value, path: &str) -> Result<(), ArmError> {
    let mut kinds = BTreeSet::new();
    for (index, probe) in list_at(container, "probes").iter().enumerate() {
        let path = format!("{path}.probes[{index}]");
        if let Some(problem) = probe_problem(probe, &mut kinds) {
            let message = format!("The probe is not valid: {problem}. {}", PROBE.text);
            return Err(PROBE.refuse("ContainerAppProbeInvalid", message).at(&path));
        }
    }
    Ok(())
}

fn probe_problem(probe: &Value, kinds: &mut BTreeSet<String>) -> Option<String> {
    let kind = text_at(probe, "type")
        .unwrap_or_default()
        .to_ascii_lowercase();
    if kind.is_empty() || !kinds.insert(kind.clone()) {
        return Some("its type is missing or there twice".to_owned());
    }
    if at(probe, "httpGet").is_some() == at(probe, "tcpSocket").is_some() {
        return Some("it has none or both of httpGet and tcpSocket".to_owned());
    }
    let port = at(probe, "httpGet.port").or_else(|| at(probe, "tcpSocket.port"));
    if !port
        .and_then(Value::as_i64)
        .is_some_and(|port| (1..=65535).contains(&port))
    {
        return Some("its port is not in 1..65535".to_owned());
    }
    for (name, least, most) in PROBE_LIMITS {
        if at(probe, name)
            .and_then(Value::as_i64)
            .is_some_and(|n| n < *least || n > *most)
        {
            return Some(format!("{name} is not in {least}..{most}"));
        }
    }
    let successes = at(probe, "successThreshold")
        .and_then(Value::as_i64)
        .unwrap_or(1);
    (kind != "readiness" && successes != 1).then(|| "successThreshold is not 1".to_owned())
}

fn check_resources(environment: &Resource, body: &Value) -> Result<(), ArmError> {
    let Some(most) = consumption_cores(environment, body) else {
        return Ok(());
    };
    let mut quarters = 0.0;
    let mut memory = 0.0;
    for container in list_at(body, "properties.template.containers") {
        quarters += at(container, "resources.cpu")
            .and_then(Value::as_f64)
            .unwrap_or(0.0)
            * 4.0;
        let text = text_at(container, "resources.memory").unwrap_or_default();
        memory += text
            .strip_suffix("Gi")
            .and_then(|n| n.parse::<f64>().ok())
            .unwrap_or(f64::NAN);
    }
    let whole = (quarters - quarters.round()).abs() < 1e-9 && quarters >= 1.0;
    let matches = (memory - quarters / 2.0).abs() < 1e-9;
    if whole && matches && quarters / 4.0 <= most {
        return Ok(());
    }
    Err(CPU_MEMORY
        .refuse(
            "ContainerAppInvalidResourceTotal",
            format!(
                "The total requested CPU and memory resources for this application (CPU: {}, memory: {memory}) \
                 is invalid. Total CPU and memory for all containers defined in a Container App must add up \
                 to one of the combinations of CPU and memory: 0.25:0.5Gi to {most}:{}Gi.",
                quarters / 4.0,
                most * 2.0
            ),
        )
        .at("properties.template.containers"))
}
