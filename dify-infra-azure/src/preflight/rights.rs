//! What the caller must be allowed to do, and where.

use std::collections::{BTreeMap, BTreeSet};

use dify_infra_core::graph::ResourceGraph;
use dify_infra_core::plan::{Action, Change, Plan};
use dify_infra_core::resource::text::texts;
use dify_infra_core::resource::{Kind, OutputReference, ResourceId, Text};
use futures_util::future::join_all;
use serde_json::Value;

use super::{Problem, ProblemKind, links, roles};
use crate::arm::ArmClient;

/// The api-version of `Microsoft.Authorization/permissions`
/// (<https://learn.microsoft.com/rest/api/authorization/permissions>).
pub(crate) const PERMISSIONS: &str = "2022-04-01";

/// The caller may do everything that the plan does, as far as the permissions API tells: it knows
/// roles, not locks, policies or deny assignments.
pub(super) async fn rights(client: &ArmClient, graph: &ResourceGraph, plan: &Plan) -> Vec<Problem> {
    let needed = needed(graph, plan);
    let own = own_scope(graph, plan);
    let asked = needed.keys().map(|scope| {
        let path = format!("{scope}/providers/Microsoft.Authorization/permissions");
        let client = client.clone();
        async move { client.list(&path, PERMISSIONS).await }
    });
    let answers = join_all(asked).await;
    let mut problems = Vec::new();
    for ((scope, needed), answer) in needed.iter().zip(answers) {
        // Who may not even read permissions may still be allowed to write: Azure will say.
        let Ok(grants) = answer else { continue };
        let (roles, missing): (Vec<&Need>, Vec<&Need>) = needed
            .iter()
            .filter(|need| !is_allowed(&grants, &need.action))
            .partition(|need| {
                need.action
                    .starts_with(Kind::RoleAssignment.resource_type())
            });
        if !roles.is_empty() && problems.is_empty() {
            problems.extend(roles::problems(graph, plan));
        }
        if missing.is_empty() {
            continue;
        }
        let actions: Vec<&str> = missing.iter().map(|need| need.action.as_str()).collect();
        let role = match missing.iter().find_map(|need| need.joined.as_ref()) {
            Some(joined) if *scope != own => format!("\"{}\"", links::role(joined)),
            _ => "Contributor".to_owned(),
        };
        problems.push(Problem::new(
ProblemKind::Right,
            format!(
                "these credentials may not do {} at {scope}",
                actions.join(", ")
            ),
            format!(
                "have an owner run `az role assignment create --role {role} --assignee <you> --scope \
                 {scope}`"
            ),
        ));
    }
    problems
}

/// An action that a plan needs at some scope.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Need {
    action: String,
    /// What is joined, when the action is that.
    joined: Option<ResourceId>,
}

/// Where the rights of the deployment itself are asked for: its group, or the subscription that it
/// is made in.
fn own_scope(graph: &ResourceGraph, plan: &Plan) -> String {
    let group = graph.group();
    let creates_group = plan
        .change(group)
        .is_some_and(|change| change.action == Action::Create);
    if creates_group {
        format!("/subscriptions/{}", group.subscription())
    } else {
        group.to_string()
    }
}

/// What a plan needs by scope: its own group, groups of others in which it writes, and single
/// resources of others that it joins.
fn needed(graph: &ResourceGraph, plan: &Plan) -> BTreeMap<String, BTreeSet<Need>> {
    let own = own_scope(graph, plan);
    let is_ours = |id: &ResourceId| id.group() == *graph.group();
    let mut needed: BTreeMap<String, BTreeSet<Need>> = BTreeMap::new();
    let mut add = |scope: String, action: String, joined: Option<ResourceId>| {
        needed
            .entry(scope)
            .or_default()
            .insert(Need { action, joined });
    };
    for change in plan
        .changes()
        .iter()
        // What waits for DNS records is done in the same run when they come.
        .filter(|change| change.action.writes() || change.action == Action::Waiting)
    {
        let scope = if is_ours(&change.id) {
            own.clone()
        } else {
            change.id.group().to_string()
        };
        for action in needed_actions(change) {
            add(scope.clone(), action, None);
        }
        let joins = change.action != Action::Delete;
        let node = graph.get(&change.id).filter(|_| joins);
        // Keys that Azure makes are asked for when a body needs them.
        let texts = node.map(|node| texts(node.body())).unwrap_or_default();
        for (resource, verb) in texts.iter().flat_map(Text::outputs).filter_map(asked) {
            let action = format!("{}/{verb}/action", resource.resource_type());
            if is_ours(resource) {
                add(own.clone(), action, None);
            } else {
                add(resource.group().to_string(), action, None);
            }
        }
        for link in node
            .map(|node| links::links(node.body()))
            .unwrap_or_default()
        {
            if is_ours(&link.scope) {
                add(own.clone(), link.action, None);
            } else {
                add(link.scope.to_string(), link.action, Some(link.scope));
            }
        }
    }
    needed
}

/// The resource and the action that an output is asked with, when it is no property.
fn asked(output: &OutputReference) -> Option<(&ResourceId, &str)> {
    match output {
        OutputReference::Action {
            resource, action, ..
        } => Some((resource, action)),
        OutputReference::Property { .. } => None,
    }
}

/// The actions of Azure's role model that a change needs.
fn needed_actions(change: &Change) -> BTreeSet<String> {
    let mut actions = BTreeSet::new();
    let resource_type = match change.kind {
        Some(Kind::ResourceGroup) => "Microsoft.Resources/subscriptions/resourceGroups".to_owned(),
        Some(Kind::JobExecution) => {
            actions.insert("Microsoft.App/jobs/start/action".to_owned());
            return actions;
        }
        // A name is an item of its app.
        Some(Kind::CustomDomain) => Kind::ContainerApp.resource_type().to_owned(),
        _ => change.id.resource_type(),
    };
    let verb = if change.action == Action::Delete {
        "delete"
    } else {
        "write"
    };
    actions.insert(format!("{resource_type}/{verb}"));
    if change.action == Action::Replace {
        actions.insert(format!("{resource_type}/delete"));
    }
    if change.action == Action::Update
        && matches!(change.kind, Some(Kind::ContainerApp | Kind::Job))
    {
        actions.insert(format!("{resource_type}/listSecrets/action"));
    }
    actions
}

/// Whether one grant allows the action: it matches an action and none of the grant's exceptions.
pub(crate) fn is_allowed(grants: &[Value], action: &str) -> bool {
    grants.iter().any(|grant| {
        let matches = |list: &str| {
            let patterns = grant
                .get(list)
                .and_then(Value::as_array)
                .into_iter()
                .flatten();
            patterns
                .filter_map(Value::as_str)
                .any(|pattern| matches_action(pattern, action))
        };
        matches("actions") && !matches("notActions")
    })
}

/// Whether a pattern such as `Microsoft.App/*/write` covers an action; `*` also spans `/`, and
/// letter case does not count.
fn matches_action(pattern: &str, action: &str) -> bool {
    let (pattern, action) = (pattern.to_ascii_lowercase(), action.to_ascii_lowercase());
    let mut pieces = pattern.split('*');
    let Some(mut rest) = pieces.next().and_then(|first| action.strip_prefix(first)) else {
        return false;
    };
    let pieces: Vec<&str> = pieces.collect();
    let Some((last, middle)) = pieces.split_last() else {
        return rest.is_empty();
    };
    for piece in middle {
        match rest.find(piece) {
            Some(position) => rest = &rest[position + piece.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_star_spans_slashes_and_case_does_not_count() {
        assert!(matches_action("*", "Microsoft.App/jobs/write"));
        assert!(matches_action(
            "microsoft.app/*",
            "Microsoft.App/jobs/start/action"
        ));
        assert!(matches_action("*/write", "Microsoft.App/jobs/write"));
        assert!(matches_action(
            "Microsoft.*/jobs/*",
            "Microsoft.App/jobs/write"
        ));
        assert!(!matches_action("*/read", "Microsoft.App/jobs/write"));
        assert!(!matches_action(
            "Microsoft.App/jobs",
            "Microsoft.App/jobs/write"
        ));
    }

    #[test]
    fn one_grants_exceptions_do_not_touch_another_grant() {
        let narrow = json!({ "actions": ["*"], "notActions": ["*/write"] });
        let wide = json!({ "actions": ["Microsoft.App/*"], "notActions": [] });
        let action = "Microsoft.App/jobs/write";
        assert!(!is_allowed(std::slice::from_ref(&narrow), action));
        assert!(is_allowed(&[narrow, wide], action));
    }
}
