//! `Microsoft.Authorization/roleAssignments`: at a group or at a resource, effective after a while.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::arm::answer::Answer;
use crate::arm::call::Call;
use crate::arm::error::ArmError;
use crate::arm::id::ResourceId;
use crate::arm::merge::text_at;
use crate::engine::view::view;
use crate::engine::world::World;
use crate::engine::{Cloud, read};
use crate::provider::{Definition, Draft, Provider, Style, identity};
use crate::rules::Rule;
use crate::store::model::Resource;
use crate::types;

/// The rules of role assignments.
pub(crate) const RULES: &[Rule] = &[
    NAME,
    PRINCIPAL,
    EXISTS,
    FIXED,
    PROPAGATION,
    RIGHT,
    LINKED_RIGHT,
];

const NAME: Rule = Rule::known(
    "RBAC-NAME",
    "A role assignment's name is a GUID.",
    "learn.microsoft.com role-based-access-control/role-assignments",
);
const PRINCIPAL: Rule = Rule::known(
    "RBAC-PRINCIPAL",
    "The principal exists; without a principalType a new one is not found for a while.",
    "learn.microsoft.com role-based-access-control/troubleshooting",
)
.with_known_code();
const EXISTS: Rule = Rule::known(
    "RBAC-EXISTS",
    "A principal has a role at a scope once, under one name.",
    "learn.microsoft.com role-based-access-control/troubleshooting",
)
.with_known_code();
const FIXED: Rule = Rule::known(
    "RBAC-FIXED",
    "Role, principal and scope of a role assignment can't be changed.",
    "learn.microsoft.com role-based-access-control/troubleshooting",
)
.with_known_code();
const PROPAGATION: Rule = Rule::known(
    "RBAC-PROPAGATION",
    "A role assignment takes up to ten minutes to have an effect.",
    "learn.microsoft.com role-based-access-control/troubleshooting",
);
const RIGHT: Rule = Rule::known(
    "RBAC-RIGHT",
    "The caller has a role with the action; enforced only when a test asks for it.",
    "learn.microsoft.com role-based-access-control/troubleshooting",
)
.with_known_code();

const LINKED_RIGHT: Rule = Rule::known(
    "RBAC-LINKED",
    "A write that joins another resource (a subnet, a zone, a security group, an address, a \
     firewall policy, an identity, an environment, what a private endpoint leads to) needs the right to join that one too; enforced \
     only when a test asks for it.",
    "learn.microsoft.com private-link/rbac-permissions; role-based-access-control/permissions",
)
.with_known_code();

/// What joining a resource of a type needs.
const JOINS: &[(&str, &str)] = &[
    ("Microsoft.Network/virtualNetworks", "join"),
    ("Microsoft.Network/virtualNetworks/subnets", "join"),
    ("Microsoft.Network/privateDnsZones", "join"),
    ("Microsoft.Network/networkSecurityGroups", "join"),
    ("Microsoft.Network/publicIPAddresses", "join"),
    (
        "Microsoft.Network/ApplicationGatewayWebApplicationFirewallPolicies",
        "join",
    ),
    ("Microsoft.ManagedIdentity/userAssignedIdentities", "assign"),
    ("Microsoft.App/managedEnvironments", "join"),
];

/// The full type.
pub(crate) const TYPE: &str = "Microsoft.Authorization/roleAssignments";

/// Roles that read the values of secrets: Key Vault Secrets User, Secrets Officer, Administrator.
pub(crate) const SECRET_READERS: &[&str] = &[
    "4633458b-17de-408a-b874-0445c86b69e6",
    "b86a8fe4-44ce-4948-aee5-eccb2c155cd7",
    "00482a5a-887f-4fb3-b363-3b7fe8e74483",
];

/// Roles that pull images: `AcrPull`, `AcrPush`, Container Registry Repository Reader.
pub(crate) const PULLERS: &[&str] = &[
    "7f951dda-4ed3-4680-a7ca-43fe172d538d",
    "8311e382-0749-4cb8-b61a-304f252e45ec",
    "b93aa761-3e63-49ed-ac28-beffa264f7ac",
];

/// Seconds until a new account is known everywhere.
const REPLICATION: f64 = 30.0;

/// Seconds until a new role assignment works; Azure says up to ten minutes.
const EFFECT: f64 = 120.0;

static DEFINITION: Definition = Definition {
    name: TYPE,
    api_versions: &["2022-04-01"],
    table: Some(types::role_assignment),
    check_name,
    create: Some(Style::SYNC),
    update: Some(Style::SYNC),
    delete: Some(Style::SYNC),
    // Azure/azure-rest-api-specs Microsoft.Authorization RoleAssignments_Delete
    answers_deleted: true,
    ..Definition::READ_ONLY
};

/// Role assignments.
pub(crate) struct RoleAssignment;

fn check_name(name: &str) -> Result<(), ArmError> {
    let groups: Vec<&str> = name.split('-').collect();
    let lengths = [8, 4, 4, 4, 12];
    let is_guid = groups.len() == lengths.len()
        && groups.iter().zip(lengths).all(|(group, length)| {
            group.len() == length && group.chars().all(|c| c.is_ascii_hexdigit())
        });
    if is_guid {
        return Ok(());
    }
    let message = format!(
        "The role assignment ID '{name}' is not valid. {}",
        NAME.text
    );
    Err(NAME.refuse("InvalidRoleAssignmentId", message))
}

/// What an assignment says: principal and role, in lower case.
fn meaning(body: &Value) -> (String, String) {
    let text = |path: &str| text_at(body, path).unwrap_or_default().to_ascii_lowercase();
    let role = text("properties.roleDefinitionId");
    let role = role.rsplit('/').next().unwrap_or_default().to_owned();
    (text("properties.principalId"), role)
}

/// The scope of an assignment: what stands before its provider, in lower case.
fn scope_of(id: &ResourceId) -> String {
    let text = id.to_string();
    let provider = format!("/providers/{TYPE}/");
    let at = text
        .to_ascii_lowercase()
        .rfind(&provider.to_ascii_lowercase());
    text[..at.unwrap_or(text.len())].to_owned()
}

fn assignments(world: World<'_>) -> impl Iterator<Item = &Resource> {
    world
        .store
        .resources()
        .filter(|resource| resource.id.type_name() == TYPE)
}

impl Provider for RoleAssignment {
    fn definition(&self) -> &'static Definition {
        &DEFINITION
    }

    fn check(&self, world: World<'_>, draft: &mut Draft<'_>) -> Result<(), ArmError> {
        let wanted = meaning(&draft.body);
        if let Some(existing) = draft.existing {
            if meaning(&existing.desired) == wanted {
                return Ok(());
            }
            let message = "Tenant ID, application ID, principal ID, and scope are not allowed to \
                           be updated.";
            return Err(FIXED.refuse("RoleAssignmentUpdateNotPermitted", message));
        }
        check_principal(world, &draft.body)?;
        let scope = scope_of(draft.id).to_ascii_lowercase();
        let same = assignments(world).find(|other| {
            scope_of(&other.id).to_ascii_lowercase() == scope && meaning(&other.desired) == wanted
        });
        match same {
            None => Ok(()),
            Some(other) => Err(EXISTS.refuse_with(
                StatusCode::CONFLICT,
                "RoleAssignmentExists",
                format!(
                    "The role assignment already exists. The ID of the existing role assignment \
                     is {}.",
                    other.id.name().replace('-', "")
                ),
            )),
        }
    }

    fn started(&self, world: World<'_>, resource: &mut Resource) {
        resource.outputs = json!({ "properties": {
            "scope": scope_of(&resource.id),
            "createdOn": resource.created.to_string(),
            "updatedOn": world.now.to_string(),
            "createdBy": world.dice().guid("caller"),
            "updatedBy": world.dice().guid("caller"),
        }});
    }
}

fn check_principal(world: World<'_>, body: &Value) -> Result<(), ArmError> {
    let principal = text_at(body, "properties.principalId").unwrap_or_default();
    let found = identity::by_principal(world, principal);
    let typed = text_at(body, "properties.principalType").is_some();
    let replicated = found.is_some_and(|account| {
        typed || world.now.duration_since(account.created) >= world.settings.scaled(REPLICATION)
    });
    if replicated {
        return Ok(());
    }
    Err(PRINCIPAL.refuse(
        "PrincipalNotFound",
        format!(
            "Principal {} does not exist in the directory {}. Check that you have the correct \
             principal ID. If you are creating this principal and then immediately assigning a \
             role, this error might be related to a replication delay. In this case, set the role \
             assignment principalType property to a value, such as ServicePrincipal, User, or \
             Group.  See https://aka.ms/docs-principaltype",
            principal.replace('-', ""),
            world.settings.tenant
        ),
    ))
}

/// Whether an account has one of some roles at a resource or above it, and has had it for long
/// enough.
pub(crate) fn has_role(
    world: World<'_>,
    principal: &str,
    resource: &ResourceId,
    roles: &[&str],
) -> bool {
    let target = resource.key();
    assignments(world).any(|assignment| {
        let (account, role) = meaning(&assignment.desired);
        let scope = scope_of(&assignment.id).to_ascii_lowercase();
        let covers = target == scope || target.starts_with(&format!("{scope}/"));
        let since = world.now.duration_since(assignment.created);
        covers
            && account.eq_ignore_ascii_case(principal)
            && roles.contains(&role.as_str())
            && since >= world.settings.scaled(EFFECT)
    })
}

/// Answers a list of assignments at a scope: those of the scope and, with the filter `atScope()`,
/// those above it; without a filter those below it too.
pub(crate) fn list(cloud: &Cloud, call: &Call, scope: &str) -> Result<Answer, ArmError> {
    let scope = scope.to_ascii_lowercase();
    let at_scope = call
        .query("$filter")
        .is_some_and(|filter| filter.eq_ignore_ascii_case("atScope()"));
    let world = cloud.world(call.now);
    let items = assignments(world)
        .filter(|assignment| {
            let own = scope_of(&assignment.id).to_ascii_lowercase();
            let above = scope == own || scope.starts_with(&format!("{own}/"));
            above || (!at_scope && own.starts_with(&format!("{scope}/")))
        })
        .map(|assignment| view(world, assignment))
        .collect();
    read::page(cloud, call, items)
}

/// Refuses an action that the caller's rights do not have, when they are enforced.
pub(crate) fn require_right(cloud: &Cloud, action: &str, scope: &str) -> Result<(), ArmError> {
    if !cloud.settings.enforces_permissions || allows(&cloud.settings.permissions, action) {
        return Ok(());
    }
    let dice = cloud.settings.dice;
    Err(RIGHT.refuse_with(
        StatusCode::FORBIDDEN,
        "AuthorizationFailed",
        format!(
            "The client '{client}' with object id '{client}' does not have authorization to \
             perform action '{action}' over scope '{scope}' or the scope is invalid. If access was \
             recently granted, please refresh your credentials.",
            client = dice.guid("caller")
        ),
    ))
}

/// Refuses a write whose body joins what the caller may not join, when rights are enforced.
pub(crate) fn require_links(cloud: &Cloud, call: &Call, action: &str) -> Result<(), ArmError> {
    let is_write = call.method == Method::PUT || call.method == Method::PATCH;
    if !cloud.settings.enforces_permissions || !is_write {
        return Ok(());
    }
    // a body that can't be read is refused where it is read
    let body = call.json().unwrap_or_default();
    let mut links = Vec::new();
    links_of(&body, "", &mut links);
    for (needed, scope) in links {
        if !allows(&cloud.settings.permissions, &needed) {
            return Err(LINKED_RIGHT.refuse_with(
                StatusCode::FORBIDDEN,
                "LinkedAuthorizationFailed",
                format!(
                    "The client '{client}' with object id '{client}' has permission to perform action \
                     '{action}' on scope '{own}'; however, it does not have permission to perform \
                     action(s) '{needed}' on the linked scope(s) '{scope}' (respectively) or the linked \
                     scope(s) are invalid.",
                    client = cloud.settings.dice.guid("caller"),
                    own = call.path,
                ),
            ));
        }
    }
    Ok(())
}

/// The actions that the ids in a body need, each with its scope.
fn links_of(body: &Value, under: &str, links: &mut Vec<(String, String)>) {
    match body {
        Value::String(text) => links.extend(link(text, under)),
        Value::Array(items) => items.iter().for_each(|item| links_of(item, under, links)),
        Value::Object(fields) => {
            for (name, value) in fields {
                // identities are names of fields
                links.extend(link(name, under));
                links_of(value, name, links);
            }
        }
        _ => {}
    }
}

fn link(text: &str, under: &str) -> Option<(String, String)> {
    let id = ResourceId::parse(text)?;
    let kind = id.type_name();
    if under.eq_ignore_ascii_case("privateLinkServiceId") {
        let action = format!("{kind}/privateEndpointConnectionsApproval/action");
        return Some((action, id.to_string()));
    }
    let known = JOINS.iter().find(|(of, _)| of.eq_ignore_ascii_case(&kind));
    known.map(|(of, verb)| (format!("{of}/{verb}/action"), id.to_string()))
}

/// Whether one entry has the action and none of its exceptions.
fn allows(entries: &[Value], action: &str) -> bool {
    let action = action.to_ascii_lowercase();
    let has = |entry: &Value, list: &str| {
        let patterns = entry[list].as_array().into_iter().flatten();
        patterns
            .filter_map(Value::as_str)
            .any(|pattern| matches(&pattern.to_ascii_lowercase(), &action))
    };
    entries
        .iter()
        .any(|entry| has(entry, "actions") && !has(entry, "notActions"))
}

/// Whether a pattern, in which `*` stands for anything, is the whole text.
fn matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((start, rest)) => text.strip_prefix(start).is_some_and(|text| {
            (0..=text.len()).any(|at| text.is_char_boundary(at) && matches(rest, &text[at..]))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_anything() {
        assert!(matches("*", "a/b"));
        assert!(matches("microsoft.*/write", "microsoft.app/jobs/write"));
        assert!(!matches("*/read", "microsoft.app/jobs/write"));
    }

    #[test]
    fn exceptions_count_for_their_own_entry() {
        let entries = [
            json!({ "actions": ["*"], "notActions": ["*/write"] }),
            json!({ "actions": ["microsoft.app/*"], "notActions": [] }),
        ];
        assert!(allows(&entries, "Microsoft.App/jobs/write"));
        assert!(!allows(&entries, "Microsoft.Storage/storageAccounts/write"));
    }
}
