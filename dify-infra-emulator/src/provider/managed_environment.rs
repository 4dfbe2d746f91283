//! `Microsoft.App/managedEnvironments` and the file shares that are mounted in it.

use http::StatusCode;
use serde_json::{Value, json};

use crate::arm::answer::Answer;
use crate::arm::error::ArmError;
use crate::arm::id::ResourceId;
use crate::arm::merge::{at, default_at, list_at, set_at, text_at};
use crate::engine::world::World;
use crate::provider::container_app::add_identity;
use crate::provider::{
    Action, ActionOutcome, Definition, Draft, Effects, Polling, Provider, Seconds, StateWords,
    Style, network,
};
use crate::rules::Rule;
use crate::store::model::Resource;
use crate::subscription::ENVIRONMENTS_PER_REGION;
use crate::types;

/// The rules of environments.
pub(crate) const RULES: &[Rule] = &[
    NAME,
    NOT_EMPTY,
    BUSY,
    CREATE_ONLY,
    LOG_DESTINATION,
    INTERNAL,
    PREMIUM_INGRESS,
    PROFILE,
    QUOTA,
];

const NAME: Rule = Rule::known(
    "ACA-ENVIRONMENT-NAME",
    "An environment's name has 2-60 lower-case letters, digits and hyphens, no hyphen at the ends.",
    "hashicorp/terraform-provider-azurerm#32054",
)
.with_known_code();
const NOT_EMPTY: Rule = Rule::known(
    "ACA-ENVIRONMENT-NOT-EMPTY",
    "An environment can't be deleted while apps or jobs are in it.",
    "Azure/azure-rest-api-specs ManagedEnvironments.json; public deployment logs",
)
.with_known_code();
const BUSY: Rule = Rule::known(
    "ACA-ENVIRONMENT-BUSY",
    "One operation at a time runs on an environment.",
    "microsoft/azure-container-apps#701",
)
.with_known_code();
const CREATE_ONLY: Rule = Rule::known(
    "ACA-ENVIRONMENT-CREATE-ONLY",
    "vnetConfiguration, zoneRedundant and infrastructureResourceGroup can't change after creation.",
    "Azure/azure-rest-api-specs ManagedEnvironments.json, x-ms-mutability",
);
const LOG_DESTINATION: Rule = Rule::known(
    "ACA-ENVIRONMENT-LOGS",
    "The destination log-analytics needs both customerId and sharedKey.",
    "Azure/azure-rest-api-specs ManagedEnvironments.json; public deployment logs",
)
.with_known_code();
const INTERNAL: Rule = Rule::known(
    "ACA-ENVIRONMENT-INTERNAL",
    "An internal environment needs an infrastructure subnet.",
    "learn.microsoft.com container-apps/custom-virtual-networks; public deployment logs",
)
.with_known_code();
const PREMIUM_INGRESS: Rule = Rule::known(
    "ACA-ENVIRONMENT-INGRESS",
    "Premium ingress has a requestIdleTimeout of 4-30 minutes, a grace period of 0-3600 seconds, \
     and a profile of its own.",
    "Azure/azure-rest-api-specs ManagedEnvironments.json",
);
const PROFILE: Rule = Rule::guessed(
    "ACA-ENVIRONMENT-PROFILE",
    "Workload profiles have names of their own; the Consumption profile has no counts.",
    "learn.microsoft.com container-apps/workload-profiles-overview",
);

const QUOTA: Rule = Rule::known(
    "ACA-ENVIRONMENT-QUOTA",
    "A subscription has at most 15 environments in a region, unless it was given another number.",
    "learn.microsoft.com container-apps/quotas; MaxNumberOfRegionalEnvironmentsInSubExceeded in public \
     deployment logs; that the status is 400 is a guess",
)
.with_known_code();

/// The polling addresses of Container Apps.
pub(crate) const POLLING: Polling = Polling {
    status: "containerappOperationStatuses",
    result: "containerappOperationResults",
    api_version: "2026-01-01",
    ..Polling::USUAL
};

static DEFINITION: Definition = Definition {
    name: "Microsoft.App/managedEnvironments",
    api_versions: &["2026-01-01"],
    table: Some(types::managed_environment),
    check_name,
    // the specification declares no header, and Microsoft's own client can't do without it
    // (Azure/azure-cli containerapp _clients.py, ManagedEnvironmentClient.create)
    create: Some(Style::TRACKED),
    update: Some(Style::TRACKED),
    patch: Some(Style::ACCEPTED_LOCATION),
    delete: Some(Style::ACCEPTED_LOCATION),
    seconds: Seconds {
        create: 180.0,
        update: 60.0,
        delete: 240.0,
    },
    states: Some(&StateWords {
        creating: &[
            "Waiting",
            "InitializationInProgress",
            "InfrastructureSetupInProgress",
            "InfrastructureSetupComplete",
        ],
        updating: &["Waiting", "InfrastructureSetupInProgress"],
        deleting: &["ScheduledForDelete"],
        ..StateWords::USUAL
    }),
    // azure-cli command_modules/containerapp/_clients.py follows these words alone
    polling: Polling {
        status: "managedEnvironmentOperationStatuses",
        result: "managedEnvironmentOperationResults",
        ..POLLING
    },
    tracked: true,
    system_data: true,
    display_location: true,
    busy,
    schema_code: Some("ManagedEnvironmentInvalidSchema"),
    merges_tags: true,
    sticky_secrets: &["properties.appLogsConfiguration.logAnalyticsConfiguration.sharedKey"],
    ..Definition::READ_ONLY
};

/// The place of the Log Analytics key.
const SHARED_KEY: &str = "properties.appLogsConfiguration.logAnalyticsConfiguration.sharedKey";

const CREATE_ONLY_PATHS: [&str; 3] = [
    "properties.vnetConfiguration",
    "properties.zoneRedundant",
    "properties.infrastructureResourceGroup",
];

/// Managed environments.
pub(crate) struct ManagedEnvironment;

fn check_name(name: &str) -> Result<(), ArmError> {
    let inside = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if (2..=60).contains(&name.len())
        && name.chars().all(inside)
        && !name.starts_with('-')
        && !name.ends_with('-')
    {
        return Ok(());
    }
    Err(NAME.refuse(
        "ManagedEnvironmentInvalidName",
        format!("Invalid ManagedEnvironment name '{name}'. {}", NAME.text),
    ))
}

fn busy(id: &ResourceId) -> ArmError {
    BUSY.refuse_with(
        StatusCode::CONFLICT,
        "ManagedEnvironmentOperationInProgress",
        format!(
            "The environment '{}' has an operation in progress. Retry after it ends.",
            id.name()
        ),
    )
}

impl Provider for ManagedEnvironment {
    fn definition(&self) -> &'static Definition {
        &DEFINITION
    }

    fn check(&self, world: World<'_>, draft: &mut Draft<'_>) -> Result<(), ArmError> {
        check_quota(world, draft)?;
        check_logs(draft)?;
        check_network(&draft.body)?;
        if draft.existing.is_none() {
            network::check_environment_subnet(world, draft.id, &draft.body)?;
        }
        check_ingress(&draft.body)?;
        check_profiles(&draft.body)?;
        fill_in(draft);
        check_create_only(draft)
    }

    fn started(&self, world: World<'_>, resource: &mut Resource) {
        let mut outputs = std::mem::take(&mut resource.outputs);
        let is_new = outputs.is_null();
        if is_new {
            outputs = json!({});
        }
        if let Some(members) = outputs.as_object_mut() {
            members.remove("identity");
        }
        add_identity(world, resource, &mut outputs);
        resource.outputs = outputs;
        if is_new {
            set_at(
                &mut resource.outputs,
                "properties.kedaConfiguration.version",
                json!("2.17.2"),
            );
            set_at(
                &mut resource.outputs,
                "properties.daprConfiguration.version",
                json!("1.13.6-msft.6"),
            );
            let endpoint = stream_endpoint(&resource.id, &resource.desired);
            set_at(
                &mut resource.outputs,
                "properties.eventStreamEndpoint",
                json!(endpoint),
            );
            let subscription = resource.id.subscription.to_ascii_lowercase();
            let verification = world
                .dice()
                .hex(&format!("verification/{subscription}"), 64);
            let path = "properties.customDomainConfiguration.customDomainVerificationId";
            set_at(
                &mut resource.outputs,
                path,
                json!(verification.to_ascii_uppercase()),
            );
        }
    }

    fn finished(&self, world: World<'_>, resource: &mut Resource) -> Effects {
        if at(&resource.outputs, "properties.defaultDomain").is_none() {
            let dice = world.dice();
            let purpose = format!("domain/{}/{}", resource.id.key(), resource.facts["unique"]);
            let first = dice.pick(&format!("{purpose}/1"), ADJECTIVES);
            let second = dice.pick(&format!("{purpose}/2"), NOUNS);
            let region = text_at(&resource.desired, "location").unwrap_or_default();
            let domain = format!(
                "{first}{second}-{}.{region}.azurecontainerapps.io",
                dice.hex(&purpose, 8)
            );
            let address = dice.number(&purpose).to_be_bytes();
            let internal = at(&resource.desired, "properties.vnetConfiguration.internal")
                == Some(&json!(true));
            let subnet = "properties.vnetConfiguration.infrastructureSubnetId";
            let inside = text_at(&resource.desired, subnet).filter(|_| internal);
            let inside = inside.and_then(|subnet| network::first_address(world, subnet));
            let ip = inside.unwrap_or_else(|| {
                format!("20.{}.{}.{}", address[0], address[1], address[2].max(1))
            });
            set_at(
                &mut resource.outputs,
                "properties.defaultDomain",
                json!(domain),
            );
            set_at(&mut resource.outputs, "properties.staticIp", json!(ip));
        }
        Effects::default()
    }

    fn act(
        &self,
        world: World<'_>,
        action: &Action<'_>,
    ) -> Option<Result<ActionOutcome, ArmError>> {
        (action.name == "checknameavailability").then(|| name_availability(world, action))
    }

    fn check_delete(&self, world: World<'_>, resource: &Resource) -> Result<(), ArmError> {
        let key = resource.id.key();
        let count = |kind: &str| {
            let inside = world.store.resources().filter(|other| {
                other.id.type_name() == kind && environment_key(other).as_deref() == Some(&key)
            });
            inside.count()
        };
        let (code, what, number) = match (count("Microsoft.App/containerApps"), count(JOBS)) {
            (0, 0) => return Ok(()),
            (0, jobs) => ("ManagedEnvironmentHasContainerAppsJobs", "Jobs", jobs),
            (apps, _) => ("ManagedEnvironmentHasContainerApps", "", apps),
        };
        let what = format!("Container Apps {what}");
        Err(NOT_EMPTY.refuse_with(
            StatusCode::CONFLICT,
            code,
            format!(
                "The specified environment {} cannot be deleted because it still contains {number} {}.",
                resource.id.name(),
                what.trim_end()
            ),
        ))
    }
}

const JOBS: &str = "Microsoft.App/jobs";

/// Whether an environment has no child of a name yet (Azure/azure-rest-api-specs Microsoft.App
/// `Namespaces_CheckNameAvailability`).
fn name_availability(world: World<'_>, action: &Action<'_>) -> Result<ActionOutcome, ArmError> {
    let body = action.call.json()?;
    let text = |name: &str| text_at(&body, name).unwrap_or_default();
    let kind = text("type").rsplit('/').next().unwrap_or_default();
    let child = action.resource.id.child(kind, text("name"));
    let answer = if world.store.resource(&child).is_some() {
        let message = format!("The name '{}' is already in use.", text("name"));
        json!({ "nameAvailable": false, "reason": "AlreadyExists", "message": message })
    } else {
        json!({ "nameAvailable": true })
    };
    Ok(ActionOutcome::done(Answer::ok(answer)))
}

/// The key of the environment that an app or a job is in.
pub(crate) fn environment_key(resource: &Resource) -> Option<String> {
    let id = environment_of(&resource.desired)?;
    ResourceId::parse(id).map(|id| id.key())
}

/// The environment's id in the body of an app or a job; `managedEnvironmentId` is the older name.
pub(crate) fn environment_of(body: &Value) -> Option<&str> {
    text_at(body, "properties.environmentId")
        .or_else(|| text_at(body, "properties.managedEnvironmentId"))
}

/// The address of the system log of an app, a job or an environment.
pub(crate) fn stream_endpoint(id: &ResourceId, body: &Value) -> String {
    let region = text_at(body, "location").unwrap_or_default();
    let path = id.to_string();
    let below = path
        .split_once("/providers/Microsoft.App")
        .map_or("", |(_, below)| below);
    format!(
        "https://{region}.azurecontainerapps.dev/subscriptions/{}/resourceGroups/{}{below}/eventstream",
        id.subscription, id.group
    )
}

fn check_quota(world: World<'_>, draft: &Draft<'_>) -> Result<(), ArmError> {
    if draft.existing.is_some() {
        return Ok(());
    }
    let region = text_at(&draft.body, "location");
    let here = world.store.resources().filter(|other| {
        other.id.type_name() == DEFINITION.name
            && other
                .id
                .subscription
                .eq_ignore_ascii_case(&draft.id.subscription)
            && text_at(&other.desired, "location") == region
    });
    let count = here.count();
    if count < ENVIRONMENTS_PER_REGION {
        return Ok(());
    }
    Err(QUOTA.refuse(
        "MaxNumberOfRegionalEnvironmentsInSubExceeded",
        format!(
            "The subscription can't have more than {ENVIRONMENTS_PER_REGION} environments in {}.",
            region.unwrap_or_default()
        ),
    ))
}

fn check_logs(draft: &Draft<'_>) -> Result<(), ArmError> {
    let destination = text_at(&draft.body, "properties.appLogsConfiguration.destination");
    let Some(destination) = destination.filter(|text| !text.is_empty()) else {
        return Ok(());
    };
    let path = "properties.appLogsConfiguration";
    if !["log-analytics", "azure-monitor", "none"].contains(&destination) {
        return Err(LOG_DESTINATION
            .refuse(
                "InvalidRequestParameterWithDetails",
                format!("AppLogsConfiguration.Destination '{destination}' is invalid."),
            )
            .at(path));
    }
    let customer = "properties.appLogsConfiguration.logAnalyticsConfiguration.customerId";
    let complete = text_at(&draft.body, customer).is_some_and(|id| !id.is_empty())
        && draft.has_secret(SHARED_KEY);
    if destination == "log-analytics" && !complete {
        let message = "AppLogsConfiguration.LogAnalyticsConfiguration is invalid. Must include \
         customerId and sharedKey.";
        return Err(LOG_DESTINATION
            .refuse("InvalidRequestParameterWithDetails", message)
            .at(path));
    }
    Ok(())
}

fn check_network(body: &Value) -> Result<(), ArmError> {
    let internal = at(body, "properties.vnetConfiguration.internal") == Some(&json!(true));
    let subnet = text_at(body, "properties.vnetConfiguration.infrastructureSubnetId");
    if internal && subnet.is_none_or(str::is_empty) {
        return Err(INTERNAL
            .refuse(
                "ManagedEnvironmentInvalidNetworkConfiguration",
                INTERNAL.text,
            )
            .at("properties.vnetConfiguration.infrastructureSubnetId"));
    }
    Ok(())
}

fn check_ingress(body: &Value) -> Result<(), ArmError> {
    let Some(ingress) = at(body, "properties.ingressConfiguration") else {
        return Ok(());
    };
    let number = |name: &str| ingress.get(name).and_then(Value::as_i64);
    let profile = ingress.get("workloadProfileName").and_then(Value::as_str);
    let named = profile.is_some_and(|wanted| {
        list_at(body, "properties.workloadProfiles")
            .iter()
            .any(|profile| {
                text_at(profile, "name") == Some(wanted)
                    && text_at(profile, "workloadProfileType") != Some("Consumption")
            })
    });
    let fits = number("requestIdleTimeout").is_none_or(|minutes| (4..=30).contains(&minutes))
        && number("terminationGracePeriodSeconds").is_none_or(|s| (0..=3600).contains(&s))
        && number("headerCountLimit").is_none_or(|count| count >= 1);
    if named && fits {
        return Ok(());
    }
    Err(PREMIUM_INGRESS
        .refuse("InvalidIngressConfiguration", PREMIUM_INGRESS.text)
        .at("properties.ingressConfiguration"))
}

fn check_profiles(body: &Value) -> Result<(), ArmError> {
    let profiles = list_at(body, "properties.workloadProfiles");
    let name = |profile: &Value| {
        text_at(profile, "name")
            .unwrap_or_default()
            .to_ascii_lowercase()
    };
    for (index, profile) in profiles.iter().enumerate() {
        let consumption = text_at(profile, "workloadProfileType") == Some("Consumption");
        let counted = ["minimumCount", "maximumCount"]
            .iter()
            .any(|count| at(profile, count).and_then(Value::as_i64).unwrap_or(0) > 0);
        let repeated = profiles[..index]
            .iter()
            .any(|other| name(other) == name(profile));
        if repeated || (consumption && counted) {
            return Err(PROFILE
                .refuse("InvalidWorkloadProfile", PROFILE.text)
                .at(&format!("properties.workloadProfiles[{index}]")));
        }
    }
    Ok(())
}

fn check_create_only(draft: &Draft<'_>) -> Result<(), ArmError> {
    if draft.existing.is_none() {
        return Ok(());
    }
    for path in CREATE_ONLY_PATHS {
        let (old, new) = (draft.old(path), at(&draft.body, path));
        if old != new {
            let code = "ManagedEnvironmentPropertyNotUpdatable";
            return Err(CREATE_ONLY
                .refuse(code, format!("'{path}' can't change. {}", CREATE_ONLY.text))
                .at(path));
        }
    }
    Ok(())
}

fn fill_in(draft: &mut Draft<'_>) {
    // what a PUT leaves out of the create-only properties stays as it was
    for path in CREATE_ONLY_PATHS {
        if let (None, Some(old)) = (at(&draft.body, path), draft.old(path).cloned()) {
            set_at(&mut draft.body, path, old);
        }
    }
    if draft.existing.is_none() {
        draft.facts = json!({ "unique": draft.unique });
    }
    let body = &mut draft.body;
    for (path, value) in [
        ("properties.zoneRedundant", json!(false)),
        ("properties.peerAuthentication.mtls.enabled", json!(false)),
        (
            "properties.peerTrafficConfiguration.encryption.enabled",
            json!(false),
        ),
        ("properties.publicNetworkAccess", json!("Enabled")),
    ] {
        default_at(body, path, value);
    }
    let in_network = at(body, "properties.vnetConfiguration.infrastructureSubnetId").is_some();
    let profiles = !list_at(body, "properties.workloadProfiles").is_empty();
    if in_network && profiles {
        let location = text_at(body, "location").unwrap_or_default();
        let group = format!("ME_{}_{}_{location}", draft.id.name(), draft.id.group);
        default_at(body, "properties.infrastructureResourceGroup", json!(group));
    }
}

/// Words of the generated part of a default domain, as Azure joins them.
const ADJECTIVES: &[&str] = &[
    "agreeable",
    "ambitious",
    "blue",
    "calm",
    "delightful",
    "gentle",
    "graceful",
    "happy",
    "icy",
    "jolly",
    "kind",
    "lemon",
    "lively",
    "mango",
    "nice",
    "orange",
    "polite",
    "red",
    "salmon",
    "wonderful",
];
const NOUNS: &[&str] = &[
    "bay", "beach", "bush", "cliff", "coast", "desert", "dune", "field", "flower", "forest",
    "glacier", "grass", "hill", "island", "lake", "meadow", "mushroom", "ocean", "pebble", "river",
];

static STORAGE_DEFINITION: Definition = Definition {
    name: "Microsoft.App/managedEnvironments/storages",
    api_versions: &["2026-01-01"],
    table: Some(types::environment_storage),
    create: Some(Style::SYNC),
    update: Some(Style::SYNC),
    delete: Some(Style::SYNC),
    created_status: StatusCode::OK,
    polling: POLLING,
    system_data: true,
    ..Definition::READ_ONLY
};

/// File shares that apps of an environment can mount; the account's key never comes back.
pub(crate) struct Storage;

impl Provider for Storage {
    fn definition(&self) -> &'static Definition {
        &STORAGE_DEFINITION
    }
}
