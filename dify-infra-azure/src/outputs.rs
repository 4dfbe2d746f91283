//! What a deployment offers: its URL, its names, the DNS records a person has to set.

use dify_infra_core::catalogue::{ServiceFacts, ServiceKind};
use dify_infra_core::deployment::{Deployment, FrontDoor};
use dify_infra_core::graph::{ResourceGraph, ResourceNames, Target};
use dify_infra_core::plan::Snapshot;
use dify_infra_core::resource::Kind;
use serde::Serialize;
use serde_json::Value;

/// What a deployment offers. A value that is not known before apply is absent.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Outputs {
    /// Version of this form.
    pub format: u32,
    /// The URL that people open.
    pub public_url: Option<String>,
    /// The front door's own name in Azure.
    pub front_door: Option<String>,
    /// The page that makes the first account, which asks for `INIT_PASSWORD`.
    pub install_url: Option<String>,
    /// The resource group.
    pub resource_group: String,
    /// The PostgreSQL server's host.
    pub postgres_host: Option<String>,
    /// The Redis instance's host.
    pub redis_host: Option<String>,
    /// The storage account.
    pub storage_account: String,
    /// The key vault that holds the secrets; nothing when the apps hold them.
    pub key_vault: Option<String>,
    /// The apps: service, name, and how it is reached inside the environment.
    pub apps: Vec<AppOutput>,
    /// DNS records to set for the public origin; empty without one.
    pub dns_records: Vec<DnsRecord>,
    /// Whether the front door answers under the public origin's name; nothing without an origin or
    /// before the front door exists.
    pub domain_bound: Option<bool>,
    /// What a person runs, once the DNS records are there, to bind the public origin's name to the
    /// front door; empty without an origin or when it is bound.
    pub domain_commands: Vec<String>,
}

/// One app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct AppOutput {
    /// Dify's name of the service.
    pub service: String,
    /// The container app's name.
    pub name: String,
    /// URL inside the environment; none for what listens on no port.
    pub internal_url: Option<String>,
    /// The newest revision, when it is known.
    pub revision: Option<String>,
}

/// A DNS record that a person has to set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct DnsRecord {
    /// `CNAME`, `TXT`, or `A` in a private zone.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The name.
    pub name: String,
    /// The value.
    pub value: String,
}

/// What a deployment offers, as far as the snapshot tells.
pub fn outputs(
    deployment: &Deployment,
    target: &Target,
    graph: &ResourceGraph,
    snapshot: &Snapshot,
) -> Outputs {
    let names = ResourceNames::new(deployment, target);
    let output = |kind: Kind, pointer: &str| {
        let node = graph.nodes().find(|node| node.kind() == kind)?;
        snapshot.output(node.id(), pointer)
    };
    let domain = output(Kind::ManagedEnvironment, "/properties/defaultDomain");
    let front_door = domain.map(|domain| format!("{}.{domain}", names.app(ServiceKind::Nginx)));
    let origin = deployment.public().origin.as_ref().map(ToString::to_string);
    let public_url = origin.or_else(|| front_door.as_ref().map(|host| format!("https://{host}")));
    let bound = domain_bound(deployment, &names, graph, snapshot);
    Outputs {
        format: 1,
        install_url: public_url.as_ref().map(|url| format!("{url}/install")),
        public_url,
        resource_group: graph.group().name().to_owned(),
        postgres_host: output(Kind::PostgresServer, "/properties/fullyQualifiedDomainName"),
        redis_host: output(Kind::RedisEnterprise, "/properties/hostName"),
        storage_account: names.storage.clone(),
        key_vault: deployment.key_vault().map(|_| names.vault.clone()),
        apps: apps(deployment, &names, graph, snapshot),
        dns_records: internal_record(deployment, graph, snapshot)
            .into_iter()
            .chain(dns_records(
                deployment,
                front_door.as_deref(),
                graph,
                snapshot,
            ))
            .collect(),
        domain_commands: domain_commands(deployment, &names, bound),
        domain_bound: bound,
        front_door,
    }
}

fn apps(
    deployment: &Deployment,
    names: &ResourceNames,
    graph: &ResourceGraph,
    snapshot: &Snapshot,
) -> Vec<AppOutput> {
    let app = |kind: ServiceKind| {
        let name = names.app(kind);
        let facts = deployment.release().service(kind);
        let port = facts
            .and_then(ServiceFacts::port)
            .filter(|_| kind != ServiceKind::Nginx);
        let node = graph
            .nodes()
            .find(|node| node.kind() == Kind::ContainerApp && node.id().name() == name);
        let revision =
            node.and_then(|node| snapshot.output(node.id(), "/properties/latestRevisionName"));
        AppOutput {
            service: kind.key().to_owned(),
            internal_url: port.map(|port| format!("http://{name}:{port}")),
            revision,
            name,
        }
    };
    deployment
        .services()
        .map(|service| app(service.kind))
        .collect()
}

/// Whether the front door's ingress has the public origin's name.
fn domain_bound(
    deployment: &Deployment,
    names: &ResourceNames,
    graph: &ResourceGraph,
    snapshot: &Snapshot,
) -> Option<bool> {
    let origin = deployment.public().origin.as_ref()?;
    let name = names.app(ServiceKind::Nginx);
    let node = graph
        .nodes()
        .find(|node| node.kind() == Kind::ContainerApp && node.id().name() == name)?;
    let body = snapshot.body(node.id())?;
    let domains = body.pointer("/properties/configuration/ingress/customDomains");
    let mut domains = domains.and_then(Value::as_array).into_iter().flatten();
    Some(domains.any(|domain| {
        let name = domain.get("name").and_then(Value::as_str);
        name.is_some_and(|name| name.eq_ignore_ascii_case(origin.host()))
    }))
}

/// The commands that bind a name with a certificate that Azure makes
/// (<https://learn.microsoft.com/azure/container-apps/custom-domains-managed-certificates>).
fn domain_commands(
    deployment: &Deployment,
    names: &ResourceNames,
    bound: Option<bool>,
) -> Vec<String> {
    let Some(origin) = &deployment.public().origin else {
        return Vec::new();
    };
    if bound == Some(true) {
        return Vec::new();
    }
    let app = format!(
        "-g {} -n {} --hostname {}",
        deployment.azure().resource_group,
        names.app(ServiceKind::Nginx),
        origin.host()
    );
    vec![
        format!("az containerapp hostname add {app}"),
        format!(
            "az containerapp hostname bind {app} --environment {} --validation-method CNAME",
            names.environment()
        ),
    ]
}

/// The record of an internal environment, for a private zone of its domain: without it nobody of the
/// network finds the front door
/// (<https://learn.microsoft.com/azure/container-apps/networking#dns>).
fn internal_record(
    deployment: &Deployment,
    graph: &ResourceGraph,
    snapshot: &Snapshot,
) -> Option<DnsRecord> {
    deployment
        .network()
        .filter(|network| network.front_door == FrontDoor::Internal)?;
    let environment = graph
        .nodes()
        .find(|node| node.kind() == Kind::ManagedEnvironment)?;
    let output = |pointer: &str| snapshot.output(environment.id(), pointer);
    Some(DnsRecord {
        kind: "A",
        name: format!("*.{}", output("/properties/defaultDomain")?),
        value: output("/properties/staticIp")?,
    })
}

/// A CNAME to the front door and the TXT record by which Azure knows the owner
/// (<https://learn.microsoft.com/azure/container-apps/custom-domains-certificates>).
fn dns_records(
    deployment: &Deployment,
    front_door: Option<&str>,
    graph: &ResourceGraph,
    snapshot: &Snapshot,
) -> Vec<DnsRecord> {
    let Some(origin) = &deployment.public().origin else {
        return Vec::new();
    };
    let verification = graph
        .nodes()
        .filter(|node| node.kind() == Kind::ContainerApp)
        .find_map(|node| snapshot.output(node.id(), "/properties/customDomainVerificationId"));
    let host = origin.host();
    let alias = front_door.map(|front_door| DnsRecord {
        kind: "CNAME",
        name: host.to_owned(),
        value: front_door.to_owned(),
    });
    let proof = verification.map(|value| DnsRecord {
        kind: "TXT",
        name: format!("asuid.{host}"),
        value,
    });
    alias.into_iter().chain(proof).collect()
}
