//! Assignments of roles: ours by their names, and those that mean the same under another name.

use dify_infra_core::graph::{Node, ResourceGraph};
use dify_infra_core::plan::{Observed, Snapshot};
use dify_infra_core::resource::authorization::Role;
use dify_infra_core::resource::text::texts;
use dify_infra_core::resource::{Kind, ResourceId, Text};
use serde_json::Value;

use super::{Answer, from_list};
use crate::arm::ArmClient;

/// Lists the assignments at a scope and above it.
pub(super) async fn ask(client: &ArmClient, scope: &ResourceId, nodes: &[&Node]) -> Answer {
    let path = format!(
        "{scope}/providers/{}?$filter=atScope()",
        Kind::RoleAssignment.resource_type()
    );
    let answer = client.list(&path, Kind::RoleAssignment.api_version()).await;
    let assignments = answer.as_ref().cloned().unwrap_or_default();
    Answer {
        observed: from_list(answer, nodes),
        assignments,
        ..Answer::default()
    }
}

/// Finds assignments that somebody made under another name, or further up: Azure refuses a second
/// one at the same scope, and one above works as well.
pub(super) fn match_assignments(
    graph: &ResourceGraph,
    assigned: &[Value],
    snapshot: &mut Snapshot,
) {
    let absent: Vec<&Node> = graph
        .nodes()
        .filter(|node| node.kind() == Kind::RoleAssignment)
        .filter(|node| matches!(snapshot.get(node.id()), Some(Observed::Absent)))
        .collect();
    for node in absent {
        if let Some(found) = same(node, assigned, snapshot) {
            snapshot.insert(node.id().clone(), Observed::Present(found));
        }
    }
}

fn same(node: &Node, assigned: &[Value], snapshot: &Snapshot) -> Option<Value> {
    let identity = texts(node.body())
        .iter()
        .flat_map(Text::outputs)
        .map(|output| output.resource().clone())
        .next()?;
    let principal = snapshot.output(&identity, "/properties/principalId")?;
    let text = |body: &Value, pointer: &str| {
        let value = body.pointer(pointer).and_then(Value::as_str);
        value.unwrap_or_default().to_owned()
    };
    let definition = "/properties/roleDefinitionId";
    let role = Role::from_definition(&text(node.body(), definition))?;
    let scope = node.id().parent()?;
    let found = assigned.iter().find(|one| {
        let at = text(one, "/properties/scope").to_ascii_lowercase();
        let here = scope.as_str().to_ascii_lowercase();
        let covers = here == at || here.starts_with(&format!("{}/", at.trim_end_matches('/')));
        covers
            && text(one, "/properties/principalId").eq_ignore_ascii_case(&principal)
            && Role::from_definition(&text(one, definition)) == Some(role)
    });
    let mut found = found?.clone();
    // The same role may be spelled with another subscription, or none.
    found["properties"]["roleDefinitionId"] = Value::from(text(node.body(), definition));
    Some(found)
}
