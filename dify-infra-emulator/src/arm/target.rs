//! What a request is about: the path taken apart.

use crate::arm::call::Call;
use crate::arm::id::ResourceId;

/// What the path of a request names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// `/tenants`.
    Tenants,
    /// `/subscriptions`.
    Subscriptions,
    /// Something below `/subscriptions/{id}`.
    Subscription(String, Below),
}

/// What is named below a subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Below {
    /// The subscription itself.
    Itself,
    /// `/locations`.
    Locations,
    /// `/resources`, of the subscription or of one group.
    Resources(Option<String>),
    /// `/providers`.
    Providers,
    /// `/providers/{namespace}`.
    Provider(String),
    /// `/providers/{namespace}/register`.
    Register(String),
    /// `…/providers/Microsoft.Authorization/permissions`, of the subscription or of a group.
    Permissions(Option<String>),
    /// `{scope}/providers/Microsoft.Authorization/roleAssignments`, with the scope as text.
    RoleAssignments(String),
    /// `{scope}/providers/Microsoft.Authorization/roleDefinitions[/{name}]`, with the scope as text.
    RoleDefinitions(String, Option<String>),
    /// `managedHSMs` and `deletedManagedHSMs` of `Microsoft.KeyVault`.
    ManagedHsms,
    /// `/providers/Microsoft.KeyVault/deletedVaults`.
    DeletedVaults,
    /// `/providers/Microsoft.KeyVault/locations/{location}/deletedVaults/{name}`.
    DeletedVault(String, String),
    /// The same with `/purge`.
    Purge(String),
    /// `/providers/{namespace}[/locations/{location}]/checkNameAvailability`.
    NameAvailability(String),
    /// `/providers/{namespace}/locations/{location}/usages`.
    Usages(String, String),
    /// `/providers/Microsoft.DBforPostgreSQL/locations/{location}/capabilities`.
    Capabilities(String),
    /// `/providers/{namespace}/locations/{location}/{word}/{operation}`.
    Polling(String, String),
    /// `/resourceGroups`.
    Groups,
    /// `/resourceGroups/{name}`.
    Group(String),
    /// A resource.
    Resource(ResourceId),
    /// All resources of one type.
    Collection(Collection),
    /// A list below a resource, or an action on it: the method decides.
    Member(ResourceId, String),
    /// Nothing that exists.
    Unknown,
}

/// The resources of one outermost type, in a group or in the subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Collection {
    pub(crate) group: Option<String>,
    pub(crate) namespace: String,
    pub(crate) kind: String,
}

/// Takes the path of a request apart.
pub(crate) fn target_of(call: &Call) -> Option<Target> {
    let parts: Vec<&str> = call.segments.iter().map(String::as_str).collect();
    match parts.as_slice() {
        [only] if is(only, "tenants") => Some(Target::Tenants),
        [only] if is(only, "subscriptions") => Some(Target::Subscriptions),
        [first, subscription, rest @ ..] if is(first, "subscriptions") => Some(
            Target::Subscription((*subscription).to_owned(), below(subscription, rest)),
        ),
        _ => None,
    }
}

fn is(part: &str, word: &str) -> bool {
    part.eq_ignore_ascii_case(word)
}

fn below(subscription: &str, parts: &[&str]) -> Below {
    match parts {
        [] => Below::Itself,
        [only] if is(only, "locations") => Below::Locations,
        [only] if is(only, "resources") => Below::Resources(None),
        [only] if is(only, "resourceGroups") => Below::Groups,
        [only] if is(only, "providers") => Below::Providers,
        [first, word, operation] if is(first, "operationresults") => {
            Below::Polling((*word).to_owned(), (*operation).to_owned())
        }
        [first, rest @ ..] if is(first, "providers") => in_subscription(subscription, rest),
        [first, group, rest @ ..] if is(first, "resourceGroups") => {
            in_group(subscription, group, rest)
        }
        _ => Below::Unknown,
    }
}

fn in_subscription(subscription: &str, parts: &[&str]) -> Below {
    if let Some(definitions) = role_definitions(&format!("/subscriptions/{subscription}"), parts) {
        return definitions;
    }
    match parts {
        [namespace, word] if is(namespace, "Microsoft.KeyVault") && is_hsm(word) => {
            Below::ManagedHsms
        }
        [namespace] => Below::Provider((*namespace).to_owned()),
        [namespace, word] if is(word, "register") => Below::Register((*namespace).to_owned()),
        [namespace, word]
            if is(namespace, "Microsoft.Authorization") && is(word, "permissions") =>
        {
            Below::Permissions(None)
        }
        [namespace, word] if is(namespace, "Microsoft.KeyVault") && is(word, "deletedVaults") => {
            Below::DeletedVaults
        }
        [_, word, location, kind, name] if is(word, "locations") && is(kind, "deletedVaults") => {
            Below::DeletedVault((*location).to_owned(), (*name).to_owned())
        }
        [_, _, _, kind, name, word] if is(kind, "deletedVaults") && is(word, "purge") => {
            Below::Purge((*name).to_owned())
        }
        [namespace, word] | [namespace, _, _, word] if is(word, "checkNameAvailability") => {
            Below::NameAvailability((*namespace).to_owned())
        }
        [namespace, word, location, last] if is(word, "locations") && is(last, "usages") => {
            Below::Usages((*namespace).to_owned(), (*location).to_owned())
        }
        [namespace, word, location, last]
            if is(namespace, "Microsoft.DBforPostgreSQL")
                && is(word, "locations")
                && is(last, "capabilities") =>
        {
            Below::Capabilities((*location).to_owned())
        }
        [_, word, _, kind, operation] if is(word, "locations") => {
            Below::Polling((*kind).to_owned(), (*operation).to_owned())
        }
        [namespace, kind] => Below::Collection(Collection {
            group: None,
            namespace: (*namespace).to_owned(),
            kind: (*kind).to_owned(),
        }),
        _ => Below::Unknown,
    }
}

fn is_hsm(word: &str) -> bool {
    is(word, "managedHSMs") || is(word, "deletedManagedHSMs")
}

/// Definitions of roles at a scope: what stands before the provider is given, and what is below it.
fn role_definitions(scope: &str, parts: &[&str]) -> Option<Below> {
    let at = parts.windows(2).position(|pair| {
        is(pair[0], "Microsoft.Authorization") && is(pair[1], "roleDefinitions")
    })?;
    let name = match &parts[at + 2..] {
        [] => None,
        [name] => Some((*name).to_owned()),
        _ => return None,
    };
    // a scope that is a resource ends in the word before the namespace
    let above = parts[..at].split_last().map(|(_, above)| above.join("/"));
    let above = above.map_or_else(String::new, |path| format!("/providers/{path}"));
    Some(Below::RoleDefinitions(format!("{scope}{above}"), name))
}

fn in_group(subscription: &str, group: &str, parts: &[&str]) -> Below {
    match parts {
        [] => Below::Group(group.to_owned()),
        [only] if is(only, "resources") => Below::Resources(Some(group.to_owned())),
        [first, rest @ ..] if is(first, "providers") => in_provider(subscription, group, rest),
        // the operations of a deployment have this path (Azure/azure-rest-api-specs
        // Microsoft.Resources deployments.json, DeploymentOperations_List)
        [first, _, word, ..] if is(first, "deployments") && is(word, "operations") => {
            let rest: Vec<&str> = std::iter::once("Microsoft.Resources")
                .chain(parts.iter().copied())
                .collect();
            in_provider(subscription, group, &rest)
        }
        _ => Below::Unknown,
    }
}

fn in_provider(subscription: &str, group: &str, parts: &[&str]) -> Below {
    // permissions may be asked for at any scope: of a group, or of a resource in it
    if let [.., namespace, word] = parts
        && is(namespace, "Microsoft.Authorization")
        && is(word, "permissions")
    {
        return Below::Permissions(Some(group.to_owned()));
    }
    if let [scope @ .., namespace, word] = parts
        && is(namespace, "Microsoft.Authorization")
        && is(word, "roleAssignments")
    {
        let group = format!("/subscriptions/{subscription}/resourceGroups/{group}");
        // a scope that is a resource ends in the word before the namespace
        let resource = scope.split_last().map(|(_, resource)| resource.join("/"));
        let scope = resource.map_or_else(String::new, |path| format!("/providers/{path}"));
        return Below::RoleAssignments(group + &scope);
    }
    let scope = format!("/subscriptions/{subscription}/resourceGroups/{group}");
    if let Some(definitions) = role_definitions(&scope, parts) {
        return definitions;
    }
    if let [namespace, word] = parts
        && is(namespace, "Microsoft.KeyVault")
        && is_hsm(word)
    {
        return Below::ManagedHsms;
    }
    let [namespace, rest @ ..] = parts else {
        return Below::Unknown;
    };
    let levels: Vec<(String, String)> = rest
        .chunks_exact(2)
        .map(|pair| (pair[0].to_owned(), pair[1].to_owned()))
        .collect();
    let last = (rest.len() % 2 == 1).then(|| rest[rest.len() - 1].to_owned());
    match (levels.is_empty(), last) {
        (true, None) => Below::Unknown,
        (true, Some(kind)) => Below::Collection(Collection {
            group: Some(group.to_owned()),
            namespace: (*namespace).to_owned(),
            kind,
        }),
        (false, None) => Below::Resource(ResourceId::new(subscription, group, namespace, levels)),
        (false, Some(word)) => Below::Member(
            ResourceId::new(subscription, group, namespace, levels),
            word,
        ),
    }
}
