//! An Azure Resource Manager template of the same resources that apply writes, for reviewers.
//!
//! It is deployed into a resource group (`az deployment group create`). The bodies are those of the
//! graph; secrets are parameters, outputs of other resources are `reference` and `listKeys`
//! expressions, and waiting is `dependsOn`. A deployment writes into one group alone, so what belongs into
//! another one (a role on a registry, a link of a hub's zone) is in a deployment of its own inside
//! (`arm/elsewhere.rs`). Runs of the migration job can't be written in a template:
//! whoever deploys one starts the job before using Dify.

mod elsewhere;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use crate::graph::{Management, Node, ResourceGraph};
use crate::plan::{Snapshot, desired};
use crate::resource::{
    Kind, Lane, OWNER_TAG, OutputReference, Part, ResourceId, Text, TextEncoding,
};

/// The stand-in of a suffix that is not known, as [`Target::suffix`](crate::graph::Target::suffix)
/// gives it.
const UNKNOWN_SUFFIX: &str = "<suffix>";

/// The parameter that takes the place of an unknown suffix.
const SUFFIX_PARAMETER: &str = "suffix";

const SCHEMA: &str =
    "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#";

/// Template functions that return secrets begin with `list`; a workspace's keys, which the REST API
/// offers as `sharedKeys`, are `listKeys` there, and answered under this api-version (the quickstarts
/// of Azure Container Apps use it).
const WORKSPACE_KEYS: (&str, &str) = ("listKeys", "2022-10-01");

/// Writes the template.
///
/// ```
/// use dify_infra_core::graph::{Management, ResourceGraph};
/// use dify_infra_core::render::arm_template;
/// use dify_infra_core::resource::ResourceId;
/// use dify_infra_core::resource::storage::{BlobContainer, BlobContainerProperties};
///
/// let group = ResourceId::resource_group("00000000-0000-0000-0000-000000000000", "dify-dev-rg");
/// let blobs = group.provider("Microsoft.Storage/storageAccounts", "difydev").child("blobServices", "default");
/// let container = BlobContainer {
///     id: blobs.child("containers", "dify-plugins"),
///     properties: BlobContainerProperties { public_access: "None".to_owned() },
/// };
/// let graph = ResourceGraph::new("dify-dev", group, vec![(container.into(), Management::Managed)])?;
/// let template = arm_template(&graph);
/// assert_eq!(template["resources"][0]["name"], "difydev/default/dify-plugins");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn arm_template(graph: &ResourceGraph) -> Value {
    let mut template = Template {
        graph,
        parameters: BTreeMap::new(),
    };
    let resources = template.resources();
    json!({
        "$schema": SCHEMA,
        "contentVersion": "1.0.0.0",
        "metadata": metadata(graph),
        "parameters": template.parameters,
        "resources": resources,
    })
}

/// What the template is for, and what `apply` does that no template can say.
fn metadata(graph: &ResourceGraph) -> Value {
    let (owner, group) = (graph.owner(), graph.group().name());
    let node = graph.get(graph.group());
    let location = node
        .and_then(|node| node.body().get("location")?.as_str())
        .unwrap_or_default();
    let mut steps = vec![
        format!(
            "Before: the resource group exists and carries the deployment's tag: az group create \
             --name {group} --location {location} --tags {OWNER_TAG}={owner}"
        ),
        "Before: the subscription is registered for every namespace of the template, and the names \
         that are unique in all of Azure are free; `dify-infra apply` asks for both."
            .to_owned(),
    ];
    let jobs = graph
        .nodes()
        .filter(|node| node.kind() == Kind::JobExecution);
    let jobs = jobs.filter_map(|node| node.id().parent());
    steps.extend(jobs.map(|job| {
        format!(
            "After, and again with every new release: the database is migrated: az containerapp job \
             start --resource-group {group} --name {}. Until it has succeeded, api, worker and beat \
             find no tables.",
            job.name()
        )
    }));
    let names = graph
        .nodes()
        .filter(|node| node.kind() == Kind::CustomDomain);
    steps.extend(names.map(|node| {
        format!(
            "After: the name {} is put on the front door once its DNS records are set, which \
             `dify-infra outputs` prints; that takes two deployments more, or `dify-infra apply`. \
             This template leaves names on the front door out, so deploying it again takes them off.",
            node.id().name()
        )
    }));
    steps.push(
        "A later deployment replaces what others have set in these resources; `dify-infra apply` \
         keeps it, and changes callers after what they call."
            .to_owned(),
    );
    json!({
        "description": format!("Dify deployment {owner}, for review: the resources that `dify-infra \
                                apply` writes, for the resource group {group}."),
        "steps": steps,
    })
}

struct Template<'a> {
    graph: &'a ResourceGraph,
    parameters: BTreeMap<String, Value>,
}

impl Template<'_> {
    fn resources(&mut self) -> Vec<Value> {
        let mut last_of_lane: BTreeMap<Lane, ResourceId> = BTreeMap::new();
        let mut resources = Vec::new();
        for node in self.graph.in_order() {
            if !is_written(node) {
                continue;
            }
            let mut needs = self.needs(node);
            if let Some(lane) = node.kind().lane(node.id()) {
                // Resources of one lane refuse to be written at the same time.
                needs.extend(last_of_lane.insert(lane, node.id().clone()));
            }
            resources.push(self.resource(node, &needs));
        }
        resources
    }

    /// What of the template must be deployed first.
    fn needs(&self, node: &Node) -> BTreeSet<ResourceId> {
        let mut needs = BTreeSet::new();
        for id in node.dependencies() {
            match self.graph.get(id) {
                Some(needed) if needed.kind() == Kind::JobExecution => needs.extend(id.parent()),
                Some(needed) if is_written(needed) => {
                    needs.insert(id.clone());
                }
                _ => {}
            }
        }
        needs
    }

    fn resource(&mut self, node: &Node, needs: &BTreeSet<ResourceId>) -> Value {
        let resource = self.written(node);
        let needs: Vec<String> = needs
            .iter()
            .map(|id| format!("[{}]", self.awaited(id)))
            .collect();
        let mut resource = if node.id().group() == *self.graph.group() {
            resource
        } else {
            elsewhere::deployment(self.graph, node.id(), resource)
        };
        if !needs.is_empty() {
            resource.insert("dependsOn".to_owned(), Value::from(needs));
        }
        Value::Object(resource)
    }

    /// What `dependsOn` calls a resource of the template: by its id, or by that of the deployment
    /// that it is in.
    fn awaited(&mut self, id: &ResourceId) -> String {
        if id.group() == *self.graph.group() {
            self.resource_id(id)
        } else {
            elsewhere::id(self.graph, id)
        }
    }

    /// A resource as it stands in a template for its group.
    fn written(&mut self, node: &Node) -> Map<String, Value> {
        let mut resource = Map::new();
        resource.insert("type".to_owned(), Value::from(node.kind().resource_type()));
        resource.insert(
            "apiVersion".to_owned(),
            Value::from(node.kind().api_version()),
        );
        let name = match extended(node.id()) {
            Some(scope) => {
                let scope = format!("[{}]", self.resource_id(&scope));
                resource.insert("scope".to_owned(), Value::from(scope));
                self.pieces(node.id().name())
            }
            None => self.pieces(&names(node.id()).join("/")),
        };
        resource.insert("name".to_owned(), Value::from(string(&name)));
        // The tags that say what Azure does not show are part of what apply writes.
        let body = desired(node, &Snapshot::new(), None);
        if let Value::Object(body) = self.value(&body) {
            resource.extend(body);
        }
        resource
    }

    /// A value of a body, with expressions in place of markers and ids.
    fn value(&mut self, value: &Value) -> Value {
        if let Some(text) = Text::from_marker(value) {
            let pieces: Vec<Piece> = text
                .parts()
                .iter()
                .flat_map(|part| self.part(part))
                .collect();
            return Value::from(string(&pieces));
        }
        match value {
            Value::String(text) => Value::from(self.text(text)),
            Value::Array(items) => items.iter().map(|item| self.value(item)).collect(),
            Value::Object(fields) => fields
                .iter()
                .map(|(key, field)| (self.text(key), self.value(field)))
                .collect(),
            other => other.clone(),
        }
    }

    fn text(&mut self, text: &str) -> String {
        match ResourceId::parse(text) {
            Ok(id) if id.group() == *self.graph.group() && id != *self.graph.group() => {
                format!("[{}]", self.resource_id(&id))
            }
            _ => string(&self.pieces(text)),
        }
    }

    fn part(&mut self, part: &Part) -> Vec<Piece> {
        match part {
            Part::Literal(text) => self.pieces(text),
            Part::Secret(name, encoding) => {
                let parameter = name.camel_case();
                let description = format!("The secret {name} of the deployment.");
                self.parameters.entry(parameter.clone()).or_insert_with(|| {
                    json!({ "type": "secureString", "metadata": { "description": description } })
                });
                vec![encoded(format!("parameters('{parameter}')"), *encoding)]
            }
            Part::Output(output, encoding) => vec![encoded(self.output(output), *encoding)],
        }
    }

    fn output(&mut self, output: &OutputReference) -> String {
        let resource = output.resource();
        let id = self.resource_id(resource);
        let version = Kind::from_type(&resource.resource_type()).map_or("", Kind::api_version);
        match output {
            OutputReference::Property { pointer, .. } => {
                match pointer.strip_prefix("/properties") {
                    Some(pointer) => format!("reference({id}, '{version}'){}", path(pointer)),
                    None => format!("reference({id}, '{version}', 'Full'){}", path(pointer)),
                }
            }
            OutputReference::Action {
                action, pointer, ..
            } => {
                let (action, version) = match action.as_str() {
                    "sharedKeys" => WORKSPACE_KEYS,
                    other => (other, version),
                };
                format!("{action}({id}, '{version}'){}", path(pointer))
            }
        }
    }

    /// `resourceId('type', 'name', …)`: the id of a resource of the group that is deployed into.
    fn resource_id(&mut self, id: &ResourceId) -> String {
        if id.group() != *self.graph.group() {
            return quoted(id.as_str());
        }
        if let Some(scope) = extended(id) {
            let (kind, name) = (quoted(&id.resource_type()), quoted(id.name()));
            return format!(
                "extensionResourceId({}, {kind}, {name})",
                self.resource_id(&scope)
            );
        }
        let mut arguments = vec![quoted(&id.resource_type())];
        for name in names(id) {
            let pieces = self.pieces(name);
            arguments.push(code(&pieces));
        }
        format!("resourceId({})", arguments.join(", "))
    }

    /// A known text, in which a suffix that is not known becomes a parameter.
    fn pieces(&mut self, text: &str) -> Vec<Piece> {
        let mut pieces = Vec::new();
        for (position, literal) in text.split(UNKNOWN_SUFFIX).enumerate() {
            if position > 0 {
                self.parameters
                    .entry(SUFFIX_PARAMETER.to_owned())
                    .or_insert_with(|| {
                        json!({ "type": "string", "metadata": { "description":
                        "The end of names that are unique in all of Azure: lowercase letters and \
                         digits." } })
                    });
                pieces.push(Piece::Code(format!("parameters('{SUFFIX_PARAMETER}')")));
            }
            if !literal.is_empty() {
                pieces.push(Piece::Literal(literal.to_owned()));
            }
        }
        pieces
    }
}

/// Whether a resource appears in the template: ours, and neither the group nor a job's run, nor what
/// takes two writes around a person who sets DNS records.
fn is_written(node: &Node) -> bool {
    node.management() == Management::Managed
        && !matches!(
            node.kind(),
            Kind::ResourceGroup
                | Kind::JobExecution
                | Kind::ManagedCertificate
                | Kind::CustomDomain
        )
}

/// The names along an id, outermost first: server, database.
fn names(id: &ResourceId) -> Vec<&str> {
    let start = id.group().as_str().len();
    let below = id.as_str().get(start..).unwrap_or_default();
    // Empty, `providers`, namespace, then pairs of type and name, the first type skipped too.
    below.split('/').skip(4).step_by(2).collect()
}

/// The resource that an extension, such as a role assignment, is about.
fn extended(id: &ResourceId) -> Option<ResourceId> {
    let scope = id.parent()?;
    let own = id.as_str().get(scope.as_str().len()..)?;
    (scope != id.group() && own.starts_with("/providers/")).then_some(scope)
}

/// A piece of a text: known, or computed by Azure.
enum Piece {
    Literal(String),
    Code(String),
}

fn encoded(code: String, encoding: TextEncoding) -> Piece {
    Piece::Code(match encoding {
        TextEncoding::Plain => code,
        TextEncoding::Percent => format!("uriComponent({code})"),
    })
}

/// A text as a string of the template: as it is, or as an expression in brackets.
fn string(pieces: &[Piece]) -> String {
    match pieces {
        [] => String::new(),
        // A string in brackets would be read as an expression; a doubled one is not.
        [Piece::Literal(text)] if text.starts_with('[') && text.ends_with(']') => {
            format!("[{text}")
        }
        [Piece::Literal(text)] => text.clone(),
        pieces => format!("[{}]", code(pieces)),
    }
}

/// A text inside an expression.
fn code(pieces: &[Piece]) -> String {
    let words: Vec<String> = pieces
        .iter()
        .map(|piece| match piece {
            Piece::Literal(text) => quoted(text),
            Piece::Code(code) => code.clone(),
        })
        .collect();
    match words.as_slice() {
        [] => quoted(""),
        [one] => one.clone(),
        _ => format!("concat({})", words.join(", ")),
    }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A JSON pointer as property accesses: `/keys/0/value` is `.keys[0].value`.
fn path(pointer: &str) -> String {
    let step = |word: &str| match word.parse::<usize>() {
        Ok(index) => format!("[{index}]"),
        Err(_) => format!(".{word}"),
    };
    pointer
        .split('/')
        .filter(|word| !word.is_empty())
        .map(step)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resource::AnyResource;
    use crate::resource::container_apps::{
        AppLogsConfiguration, JobExecution, LogAnalyticsConfiguration, ManagedEnvironment,
        ManagedEnvironmentProperties,
    };
    use crate::resource::monitor::{Workspace, WorkspaceProperties, WorkspaceSku};
    use crate::resource::postgres::{Database, DatabaseProperties};
    use crate::resource::resources::ResourceGroup;

    const SUBSCRIPTION: &str = "11111111-1111-4111-8111-111111111111";

    fn group() -> ResourceId {
        ResourceId::resource_group(SUBSCRIPTION, "g")
    }

    fn workspace() -> ResourceId {
        group().provider("Microsoft.OperationalInsights/workspaces", "logs")
    }

    fn template(resources: Vec<AnyResource>) -> Value {
        let resources = resources
            .into_iter()
            .map(|resource| (resource, Management::Managed))
            .collect();
        arm_template(&ResourceGraph::new("dify-dev", group(), resources).unwrap())
    }

    fn database(server: &str, name: &str) -> AnyResource {
        let server = group().provider("Microsoft.DBforPostgreSQL/flexibleServers", server);
        Database {
            id: server.child("databases", name),
            properties: DatabaseProperties {
                charset: "UTF8".to_owned(),
                collation: "[en]".to_owned(),
            },
        }
        .into()
    }

    fn logs() -> AnyResource {
        Workspace {
            id: workspace(),
            location: "japaneast".to_owned(),
            tags: BTreeMap::new(),
            properties: WorkspaceProperties {
                retention_in_days: 30,
                sku: WorkspaceSku {
                    name: "PerGB2018".to_owned(),
                },
            },
        }
        .into()
    }

    fn environment() -> AnyResource {
        ManagedEnvironment {
            id: group().provider("Microsoft.App/managedEnvironments", "env"),
            location: "japaneast".to_owned(),
            tags: BTreeMap::new(),
            identity: None,
            properties: ManagedEnvironmentProperties {
                app_logs_configuration: AppLogsConfiguration {
                    destination: "log-analytics".to_owned(),
                    log_analytics_configuration: LogAnalyticsConfiguration {
                        customer_id: Text::property(&workspace(), "/properties/customerId"),
                        shared_key: Text::action(&workspace(), "sharedKeys", "/primarySharedKey"),
                    },
                },
                zone_redundant: false,
                vnet_configuration: None,
                workload_profiles: Vec::new(),
            },
        }
        .into()
    }

    #[test]
    fn outputs_become_expressions_and_waiting_becomes_depends_on() {
        let template = template(vec![logs(), environment()]);
        let environment = &template["resources"][1];
        let id = "resourceId('Microsoft.OperationalInsights/workspaces', 'logs')";
        assert_eq!(environment["dependsOn"], json!([format!("[{id}]")]));
        let configuration =
            &environment["properties"]["appLogsConfiguration"]["logAnalyticsConfiguration"];
        assert_eq!(
            configuration["customerId"],
            format!("[reference({id}, '2026-03-01').customerId]")
        );
        assert_eq!(
            configuration["sharedKey"],
            format!("[listKeys({id}, '2022-10-01').primarySharedKey]")
        );
    }

    #[test]
    fn databases_of_one_server_are_deployed_one_after_the_other() {
        let template = template(vec![database("pg", "dify"), database("pg", "dify_plugin")]);
        assert_eq!(template["resources"][0]["dependsOn"], Value::Null);
        assert_eq!(
            template["resources"][1]["dependsOn"],
            json!([
                "[resourceId('Microsoft.DBforPostgreSQL/flexibleServers/databases', 'pg', 'dify')]"
            ])
        );
    }

    #[test]
    fn an_unknown_suffix_is_a_parameter() {
        let template = template(vec![database("dify-postgres-<suffix>", "dify")]);
        assert_eq!(
            template["resources"][0]["name"],
            "[concat('dify-postgres-', parameters('suffix'), '/dify')]"
        );
        assert_eq!(template["parameters"]["suffix"]["type"], "string");
    }

    #[test]
    fn a_text_that_looks_like_an_expression_is_escaped() {
        let template = template(vec![database("pg", "dify")]);
        assert_eq!(template["resources"][0]["properties"]["collation"], "[[en]");
    }

    #[test]
    fn the_group_and_runs_of_jobs_are_left_out() {
        let run = JobExecution {
            id: group()
                .provider("Microsoft.App/jobs", "job")
                .child("executions", "run"),
            after: Vec::new(),
            image: String::new(),
        };
        let own = ResourceGroup {
            id: group(),
            location: "japaneast".to_owned(),
            tags: BTreeMap::new(),
        };
        assert_eq!(
            template(vec![run.into(), own.into()])["resources"],
            json!([])
        );
    }

    #[test]
    fn secrets_are_secure_parameters() {
        let graph = ResourceGraph::new("o", group(), Vec::new()).unwrap();
        let mut template = Template {
            graph: &graph,
            parameters: BTreeMap::new(),
        };
        let secret = Text::secret(&crate::secrets::SecretKind::PostgresPassword.into());
        let url = Text::from("postgres://it's:").and(secret.percent_encoded());
        let value = template.value(&serde_json::to_value(url).unwrap());
        assert_eq!(
            value,
            "[concat('postgres://it''s:', uriComponent(parameters('postgresPassword')))]"
        );
        assert_eq!(
            template.parameters["postgresPassword"]["type"],
            "secureString"
        );
    }
}
