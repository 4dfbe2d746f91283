//! The front door of Azure Resource Manager: who may enter, which version is spoken, who answers.

use http::{Method, StatusCode};
use serde_json::Value;

use crate::arm::answer::Answer;
use crate::arm::call::Call;
use crate::arm::error::ArmError;
use crate::arm::id::ResourceId;
use crate::arm::target::{Below, Target, target_of};
use crate::blob;
use crate::deployments;
use crate::engine::{Cloud, act, groups, operations, read, tags, write};
use crate::identity;
use crate::provider::network::security_rule;
use crate::provider::{self, Definition, authorization, postgres, role_definition, vault};
use crate::rules::Rule;
use crate::store::model::Group;
use crate::subscription;
use crate::versions;

/// Rules that hold for every type.
pub(crate) const RULES: &[Rule] = &[
    TAGS,
    TAGS_ALONE,
    GROUP_LOCATION,
    RESOURCE_LOCATION,
    GROUP_NAME,
    REGISTRATION,
    REGION,
    GROUP_DELETING,
];

const TAGS: Rule = Rule::known(
    "ARM-TAGS",
    "A resource has at most 50 tags; names up to 512 characters without < > % & \\ ? /, values \
     up to 256.",
    "learn.microsoft.com azure-resource-manager/management/tag-resources",
);
pub(crate) const TAGS_ALONE: Rule = Rule::guessed(
    "ARM-PATCH-TAGS",
    "A PATCH of a virtual network, a network security group, an address, a gateway or a certificate of an \
     environment has tags and nothing else; how anything else is refused is a guess.",
    "Azure/azure-rest-api-specs Microsoft.Network TagsObject; Microsoft.App CertificatePatch",
);
const GROUP_LOCATION: Rule = Rule::known(
    "ARM-GROUP-LOCATION",
    "The location of a resource group can't change.",
    "learn.microsoft.com azure-resource-manager/management/manage-resource-groups-portal",
)
.with_known_code();
const RESOURCE_LOCATION: Rule = Rule::known(
    "ARM-LOCATION",
    "The location of a resource can't change.",
    "learn.microsoft.com azure-resource-manager/troubleshooting/error-invalid-resource-location",
)
.with_known_code();
const GROUP_NAME: Rule = Rule::known(
    "ARM-GROUP-NAME",
    "A resource group's name has 1-90 letters, digits and ._-() and does not end in a dot.",
    "learn.microsoft.com azure-resource-manager/management/resource-name-rules",
);
const REGISTRATION: Rule = Rule::known(
    "ARM-REGISTRATION",
    "A namespace can be written to only when the subscription is registered for it.",
    "learn.microsoft.com azure-resource-manager/troubleshooting/error-register-resource-provider",
)
.with_known_code();
const REGION: Rule = Rule::known(
    "ARM-REGION",
    "A resource's location is a region that has the type.",
    "learn.microsoft.com azure-resource-manager/troubleshooting/error-sku-not-available",
)
.with_known_code();
const GROUP_DELETING: Rule = Rule::known(
    "ARM-GROUP-DELETING",
    "Nothing can be created in a resource group that is being deleted.",
    "learn.microsoft.com azure-resource-manager/management/delete-resource-group",
)
.with_known_code();

/// Versions in which the front door itself is spoken to (Azure/azure-rest-api-specs
/// `Microsoft.Resources` and `Microsoft.Authorization`).
pub(crate) const FRONT_VERSIONS: &[&str] = &[
    "2015-11-01",
    "2016-06-01",
    "2018-05-01",
    "2019-05-01",
    "2019-10-01",
    "2020-01-01",
    "2020-06-01",
    "2020-10-01",
    "2021-01-01",
    "2021-04-01",
    "2022-01-01",
    "2022-04-01",
    "2022-09-01",
    "2022-12-01",
    "2023-07-01",
    "2024-03-01",
    "2024-07-01",
    "2024-11-01",
    "2025-03-01",
    "2025-04-01",
    "2026-06-01",
];

/// Answers a request.
pub(crate) fn answer(cloud: &mut Cloud, call: &Call) -> Result<Answer, ArmError> {
    if let Some(answer) = identity::answer(&cloud.settings, call) {
        return Ok(answer);
    }
    if let Some(answer) = blob::answer(cloud, call) {
        return Ok(answer);
    }
    require_token(call)?;
    let Some(target) = target_of(call) else {
        return Err(no_such_path(call));
    };
    let version = api_version(call)?;
    match target {
        Target::Tenants => {
            check_front_version(version)?;
            subscription::tenants(cloud, call)
        }
        Target::Subscriptions => {
            check_front_version(version)?;
            subscription::list(cloud, call)
        }
        Target::Subscription(id, below) => {
            if cloud.settings.subscription(&id).is_none() {
                return Err(ArmError::not_found(
                    "SubscriptionNotFound",
                    format!("The subscription '{id}' could not be found."),
                ));
            }
            in_subscription(cloud, call, version, below)
        }
    }
}

fn in_subscription(
    cloud: &mut Cloud,
    call: &Call,
    version: &str,
    below: Below,
) -> Result<Answer, ArmError> {
    if let Some(target) = deployments::target_of(&below) {
        check_front_version(version)?;
        let (action, scope) = deployments::needed(call, &target);
        authorization::require_right(cloud, &action, &scope)?;
        return deployments::answer(cloud, call, target);
    }
    match below {
        Below::Resource(id) if is_tags(&id) => {
            check_front_version(version)?;
            let is_read = matches!(call.method.as_str(), "GET" | "HEAD");
            let verb = if is_read { "read" } else { "write" };
            let action = format!("{}/{verb}", tags::TYPE);
            authorization::require_right(cloud, &action, &id.to_string())?;
            tags::answer(cloud, call, &id)
        }
        Below::Resource(id) => {
            check_version(&id.type_name(), version)?;
            let verb = match call.method.as_str() {
                "GET" | "HEAD" => "read",
                "DELETE" => "delete",
                _ => "write",
            };
            let action = format!("{}/{verb}", id.type_name());
            authorization::require_right(cloud, &action, &id.to_string())?;
            authorization::require_links(cloud, call, &action)?;
            resource(cloud, call, &id)
        }
        Below::Member(id, word) => {
            let action = match call.method.as_str() {
                "POST" => format!("{}/{word}/action", id.type_name()),
                _ => format!("{}/{word}/read", id.type_name()),
            };
            authorization::require_right(cloud, &action, &id.to_string())?;
            member(cloud, call, version, &id, &word)
        }
        Below::RoleAssignments(scope) => {
            check_version(authorization::TYPE, version)?;
            require_method(call, &Method::GET)?;
            authorization::list(cloud, call, &scope)
        }
        Below::RoleDefinitions(scope, name) => {
            check_version(authorization::TYPE, version)?;
            require_method(call, &Method::GET)?;
            role_definition::answer(cloud, call, &scope, name.as_deref())
        }
        // there are none, and `az keyvault` asks for them beside vaults
        Below::ManagedHsms => {
            check_version(vault::TYPE, version)?;
            require_method(call, &Method::GET)?;
            read::page(cloud, call, Vec::new())
        }
        Below::DeletedVaults => {
            check_version(vault::TYPE, version)?;
            require_method(call, &Method::GET)?;
            vault::deleted::list(cloud, call)
        }
        Below::DeletedVault(location, name) => {
            check_version(vault::TYPE, version)?;
            require_method(call, &Method::GET)?;
            vault::deleted::get(cloud, call, &location, &name)
        }
        Below::Purge(name) => {
            check_version(vault::TYPE, version)?;
            require_method(call, &Method::POST)?;
            vault::deleted::purge(cloud, call, &name)
        }
        Below::Collection(collection) => {
            let kind = format!("{}/{}", collection.namespace, collection.kind);
            check_version(&kind, version)?;
            require_method(call, &Method::GET)?;
            read::collection(cloud, call, &collection)
        }
        Below::Polling(word, id) => {
            require_method(call, &Method::GET)?;
            operations::poll(cloud, call, &word, &id)
        }
        Below::NameAvailability(namespace) => {
            require_method(call, &Method::POST)?;
            subscription::check_name(cloud, call, &namespace)
        }
        Below::Usages(namespace, location) => {
            require_method(call, &Method::GET)?;
            subscription::usages(cloud, call, &namespace, &location)
        }
        Below::Capabilities(location) => {
            check_version(postgres::SERVERS, version)?;
            require_method(call, &Method::GET)?;
            postgres_capabilities(cloud, call, &location)
        }
        other => {
            check_front_version(version)?;
            front_target(cloud, call, other)
        }
    }
}

/// Whether an id is that of the tags at a scope.
fn is_tags(id: &ResourceId) -> bool {
    id.type_name().eq_ignore_ascii_case(tags::TYPE) && id.name().eq_ignore_ascii_case("default")
}

fn front_target(cloud: &mut Cloud, call: &Call, below: Below) -> Result<Answer, ArmError> {
    match below {
        Below::Group(name) => return groups::group(cloud, call, &name),
        Below::Register(namespace) => {
            require_method(call, &Method::POST)?;
            return subscription::register(cloud, call, &namespace);
        }
        _ => require_method(call, &Method::GET)?,
    }
    match below {
        Below::Itself => Ok(subscription::get(cloud, call)),
        Below::Locations => subscription::locations(cloud, call),
        Below::Resources(group) => read::tracked(cloud, call, group.as_deref()),
        Below::Providers => subscription::providers(cloud, call),
        Below::Provider(namespace) => subscription::provider(cloud, call, &namespace),
        Below::Permissions(group) => subscription::permissions(cloud, call, group.as_deref()),
        Below::Groups => groups::list(cloud, call),
        _ => Err(no_such_path(call)),
    }
}

fn resource(cloud: &mut Cloud, call: &Call, id: &ResourceId) -> Result<Answer, ArmError> {
    let is_write = matches!(call.method.as_str(), "PUT" | "DELETE");
    if is_write && id.type_name() == security_rule::TYPE {
        return security_rule::answer(cloud, call, id);
    }
    match call.method.as_str() {
        "GET" => read::get(cloud, call, id),
        "HEAD" => Ok(Answer::empty(match read::get(cloud, call, id) {
            Ok(_) => StatusCode::NO_CONTENT,
            Err(error) => error.status,
        })),
        "PUT" => write::put(cloud, call, id),
        "PATCH" => write::patch(cloud, call, id),
        "DELETE" => write::delete(cloud, call, id),
        _ => Err(method_not_allowed(call)),
    }
}

fn member(
    cloud: &mut Cloud,
    call: &Call,
    version: &str,
    id: &ResourceId,
    word: &str,
) -> Result<Answer, ArmError> {
    check_version(&id.type_name(), version)?;
    if call.method == Method::POST {
        return act::act(cloud, call, id, word);
    }
    require_method(call, &Method::GET)?;
    if id.type_name() == postgres::SERVERS && word.eq_ignore_ascii_case("capabilities") {
        return read::page(cloud, call, vec![postgres::capabilities::described()]);
    }
    let kind = format!("{}/{word}", id.type_name());
    match provider::find(&kind) {
        Some(_) => read::children(cloud, call, id, word),
        None => Err(unknown_type(&kind)),
    }
}

fn postgres_capabilities(cloud: &Cloud, call: &Call, location: &str) -> Result<Answer, ArmError> {
    if crate::regions::find(location).is_none() {
        return Err(location_not_available(postgres::SERVERS, location));
    }
    read::page(cloud, call, vec![postgres::capabilities::described()])
}

// ---- admission ----

fn require_token(call: &Call) -> Result<(), ArmError> {
    let header = call.header("authorization").unwrap_or_default();
    let scheme = header.get(..7).unwrap_or_default();
    let token = header.get(7..).unwrap_or_default().trim();
    if scheme.eq_ignore_ascii_case("bearer ") && !token.is_empty() {
        return match identity::expiry(token) {
            Some(expires) if expires <= call.now.as_second() => Err(expired_token(call)),
            _ => Ok(()),
        };
    }
    let message = if header.is_empty() {
        "Authentication failed. The 'Authorization' header is missing."
    } else {
        "Authentication failed. The 'Authorization' header is provided in an invalid format."
    };
    Err(ArmError::new(
        StatusCode::UNAUTHORIZED,
        "AuthenticationFailed",
        message,
    ))
}

fn expired_token(call: &Call) -> ArmError {
    let message = format!(
        "The access token expiry UTC time is earlier than current UTC time '{}'.",
        call.now
    );
    ArmError::new(
        StatusCode::UNAUTHORIZED,
        "ExpiredAuthenticationToken",
        message,
    )
}

fn api_version(call: &Call) -> Result<&str, ArmError> {
    let version = call
        .query("api-version")
        .filter(|version| !version.is_empty());
    let version = version.ok_or_else(|| {
        ArmError::bad_request(
            "MissingApiVersionParameter",
            "The api-version query parameter (?api-version=) is required for all requests.",
        )
    })?;
    let date = version.get(..10).unwrap_or_default();
    let shape = date.char_indices().all(|(index, c)| {
        if index == 4 || index == 7 {
            c == '-'
        } else {
            c.is_ascii_digit()
        }
    });
    if date.len() == 10 && shape {
        Ok(version)
    } else {
        Err(invalid_version(version))
    }
}

fn invalid_version(version: &str) -> ArmError {
    ArmError::bad_request(
        "InvalidApiVersionParameter",
        format!(
            "The api-version '{version}' is invalid. The supported versions are '{}'.",
            FRONT_VERSIONS.join(",")
        ),
    )
}

pub(crate) fn check_front_version(version: &str) -> Result<(), ArmError> {
    if FRONT_VERSIONS.contains(&version) {
        Ok(())
    } else {
        Err(invalid_version(version))
    }
}

/// Refuses versions that a type does not have.
pub(crate) fn check_version(type_name: &str, version: &str) -> Result<(), ArmError> {
    let Some(provider) = provider::find(type_name) else {
        return Err(unknown_type(type_name));
    };
    let definition = provider.definition();
    let taken = versions::taken(definition.namespace(), definition.api_versions);
    if taken
        .iter()
        .any(|known| known.eq_ignore_ascii_case(version))
    {
        return Ok(());
    }
    Err(ArmError::bad_request(
        "NoRegisteredProviderFound",
        format!(
            "No registered resource provider found for API version '{version}' for type '{}'. The \
             supported api-versions are '{}'.",
            definition.kind(),
            taken.join(", ")
        ),
    ))
}

fn require_method(call: &Call, method: &Method) -> Result<(), ArmError> {
    if call.method == *method {
        Ok(())
    } else {
        Err(method_not_allowed(call))
    }
}

/// The refusal of a method that the path does not have.
pub(crate) fn method_not_allowed(call: &Call) -> ArmError {
    ArmError::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "HttpMethodNotAllowed",
        format!(
            "The method {} is not allowed on '{}'.",
            call.method, call.path
        ),
    )
}

fn no_such_path(call: &Call) -> ArmError {
    ArmError::not_found("NotFound", format!("There is nothing at '{}'.", call.path))
}

/// The refusal of a type that does not exist.
pub(crate) fn unknown_type(type_name: &str) -> ArmError {
    let (namespace, kind) = type_name.split_once('/').unwrap_or((type_name, ""));
    let known = provider::PROVIDERS.iter().any(|provider| {
        provider
            .definition()
            .namespace()
            .eq_ignore_ascii_case(namespace)
    });
    if known {
        ArmError::not_found(
            "InvalidResourceType",
            format!(
                "The resource type '{kind}' could not be found in the namespace '{namespace}'."
            ),
        )
    } else {
        ArmError::not_found(
            "InvalidResourceNamespace",
            format!("The resource namespace '{namespace}' is invalid."),
        )
    }
}

// ---- rules for every type ----

/// Refuses writes to a namespace that is not registered.
pub(crate) fn require_registered(
    cloud: &Cloud,
    call: &Call,
    namespace: &str,
) -> Result<(), ArmError> {
    if subscription::is_registered(cloud, call, namespace) {
        return Ok(());
    }
    let spelled = provider::PROVIDERS
        .iter()
        .map(|provider| provider.definition().namespace())
        .find(|known| known.eq_ignore_ascii_case(namespace))
        .unwrap_or(namespace);
    Err(REGISTRATION.refuse_with(
        StatusCode::CONFLICT,
        "MissingSubscriptionRegistration",
        format!(
            "The subscription is not registered to use namespace '{spelled}'. See \
             https://aka.ms/rps-not-found for how to register subscriptions."
        ),
    ))
}

/// The refusal of a region that is unknown or lacks a type.
pub(crate) fn location_not_available(type_name: &str, location: &str) -> ArmError {
    let regions: Vec<&str> = crate::regions::REGIONS
        .iter()
        .map(|region| region.name)
        .collect();
    REGION
        .refuse(
            "LocationNotAvailableForResourceType",
            format!(
                "The provided location '{location}' is not available for resource type '{type_name}'. \
                 List of available regions for the resource type is '{}'.",
                regions.join(",")
            ),
        )
        .at("location")
}

/// The refusal of a resource that exists elsewhere.
pub(crate) fn location_differs(id: &ResourceId, old: &str, new: &str) -> ArmError {
    RESOURCE_LOCATION.refuse_with(
        StatusCode::CONFLICT,
        "InvalidResourceLocation",
        format!(
            "The resource '{}' already exists in location '{old}' in resource group '{}'. A resource with \
             the same name cannot be created in location '{new}'. Please select a new resource name.",
            id.name(),
            id.group
        ),
    )
}

/// The refusal of a group that exists elsewhere.
pub(crate) fn group_location_differs(group: &Group, new: &str) -> ArmError {
    GROUP_LOCATION.refuse_with(
        StatusCode::CONFLICT,
        "InvalidResourceGroupLocation",
        format!(
            "Invalid resource group location '{new}'. The Resource group already exists in \
             location '{}'.",
            group.location
        ),
    )
}

/// The refusal of writes into a group that is going away.
pub(crate) fn group_is_being_deleted(name: &str) -> ArmError {
    GROUP_DELETING.refuse_with(
        StatusCode::CONFLICT,
        "ResourceGroupBeingDeleted",
        format!(
            "The resource group '{name}' is in deprovisioning state and cannot perform this \
             operation."
        ),
    )
}

/// Refuses names that a resource group can't have.
pub(crate) fn check_group_name(name: &str) -> Result<(), ArmError> {
    let allowed = |c: char| c.is_alphanumeric() || "._-()".contains(c);
    if (1..=90).contains(&name.chars().count()) && name.chars().all(allowed) && !name.ends_with('.')
    {
        return Ok(());
    }
    Err(GROUP_NAME.refuse(
        "InvalidResourceGroup",
        format!(
            "The provided resource group name '{name}' is not valid. {}",
            GROUP_NAME.text
        ),
    ))
}

/// Refuses tags that Azure does not keep.
pub(crate) fn check_tags(body: &Value) -> Result<(), ArmError> {
    let Some(tags) = body.get("tags").and_then(Value::as_object) else {
        return Ok(());
    };
    let wrong_name = |name: &str| {
        name.is_empty() || name.chars().count() > 512 || name.contains(|c| "<>%&\\?/".contains(c))
    };
    let wrong_value = |value: &Value| value.as_str().is_none_or(|text| text.chars().count() > 256);
    let wrong = tags
        .iter()
        .find(|(name, value)| wrong_name(name) || wrong_value(value));
    if let Some((name, _)) = wrong {
        return Err(TAGS
            .refuse(
                "InvalidTag",
                format!("The tag '{name}' is not valid. {}", TAGS.text),
            )
            .at("tags"));
    }
    if tags.len() > 50 {
        let message = format!("{} tags are too many. {}", tags.len(), TAGS.text);
        return Err(TAGS.refuse("InvalidTag", message).at("tags"));
    }
    Ok(())
}

/// What a type offers, for the providers list.
pub(crate) fn described(definition: &Definition) -> Value {
    let locations: Vec<&str> = if definition.tracked {
        crate::regions::REGIONS
            .iter()
            .map(|region| region.display)
            .collect()
    } else {
        Vec::new()
    };
    serde_json::json!({
        "resourceType": definition.kind(),
        "locations": locations,
        "apiVersions": versions::taken(definition.namespace(), definition.api_versions),
        "defaultApiVersion": definition.api_versions.first(),
        "capabilities": if definition.tracked { "SupportsTags, SupportsLocation" } else { "None" },
    })
}
