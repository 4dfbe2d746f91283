//! What an owner has to do when the caller may not assign roles.

use dify_infra_core::graph::{Node, ResourceGraph};
use dify_infra_core::plan::{Action, Plan};
use dify_infra_core::resource::authorization::Role;
use dify_infra_core::resource::text::texts;
use dify_infra_core::resource::{Kind, OutputReference, ResourceId, Text};
use serde_json::Value;

use super::{Problem, ProblemKind};

/// A problem for each role that the plan assigns.
pub(super) fn problems(graph: &ResourceGraph, plan: &Plan) -> Vec<Problem> {
    let assigns = graph.nodes().filter(|node| {
        let change = plan.change(node.id());
        node.kind() == Kind::RoleAssignment && change.is_some_and(|change| change.action.writes())
    });
    assigns
        .filter_map(|node| Some(problem(graph, plan, &Assignment::of(node)?)))
        .collect()
}

struct Assignment {
    scope: ResourceId,
    identity: ResourceId,
    role: Role,
}

impl Assignment {
    fn of(node: &Node) -> Option<Self> {
        let definition = node.body().pointer("/properties/roleDefinitionId");
        let texts = texts(node.body());
        let identity = texts.iter().flat_map(Text::outputs).next();
        Some(Self {
            scope: node.id().parent()?,
            identity: identity.map(OutputReference::resource)?.clone(),
            role: Role::from_definition(definition.and_then(Value::as_str)?)?,
        })
    }

    /// Whether the identity is that of an application gateway, by the name that we give it.
    fn is_gateways(&self) -> bool {
        self.identity.name().ends_with("-gateway-identity")
    }

    /// The key of the file that names an identity which has the role.
    fn key(&self, graph: &ResourceGraph) -> &'static str {
        let mut nodes = graph.nodes();
        let keeps_secrets = nodes.any(|node| {
            node.kind() == Kind::VaultSecret && node.id().parent().as_ref() == Some(&self.scope)
        });
        match self.role {
            Role::KeyVaultSecretsUser if self.is_gateways() => "[gateway] identity",
            Role::KeyVaultSecretsUser if keeps_secrets => "[secrets] identity",
            // Otherwise the vault has the certificate of the origin.
            Role::KeyVaultSecretsUser => "[public] identity",
            Role::AcrPull => "[images] identity",
            Role::StorageBlobDataContributor => "[data.storage] identity",
            _ => "the identity",
        }
    }
}

fn problem(graph: &ResourceGraph, plan: &Plan, wanted: &Assignment) -> Problem {
    let (identity, role) = (&wanted.identity, wanted.role.name());
    let what = format!(
        "these credentials may not assign roles, and the identity {} needs \"{role}\" on {}",
        identity.name(),
        wanted.scope.name()
    );
    let is_new = |id: &ResourceId| {
        plan.change(id)
            .is_some_and(|change| change.action == Action::Create)
    };
    let assign = |scope: &ResourceId| {
        format!(
            "az role assignment create --role \"{role}\" --assignee-object-id \"$(az identity show \
             --ids {identity} --query principalId --output tsv)\" --assignee-principal-type \
             ServicePrincipal --scope {scope}"
        )
    };
    if !is_new(identity) && !is_new(&wanted.scope) {
        return Problem::new(
            ProblemKind::Right,
            what,
            format!("have an owner run `{}`", assign(&wanted.scope)),
        );
    }
    let group = graph.group();
    // What is not there yet gets its role from the group above it.
    let scope = if is_new(&wanted.scope) {
        group
    } else {
        &wanted.scope
    };
    let location = super::location(graph);
    let make = format!(
        "az identity create --resource-group {} --name {} --location {location}",
        identity.group_name(),
        identity.name()
    );
    let first = if is_new(group) {
        format!(
            "az group create --name {} --location {location} && ",
            group.name()
        )
    } else {
        String::new()
    };
    Problem::new(
        ProblemKind::Right,
        what,
        format!(
            "have an owner run `{first}{make} && {}`, then write `{} = \"{identity}\"` into the \
             file; or have them give you the role \"Role Based Access Control Administrator\"",
            assign(scope),
            wanted.key(graph)
        ),
    )
}
