//! What a deployment offers: its URL, its names, the DNS records a person has to set.

use dify_infra_core::catalogue::{ServiceFacts, ServiceKind};
use dify_infra_core::deployment::{Deployment, FrontDoor};
use dify_infra_core::graph::{ResourceGraph, ResourceNames, Target};
pub use dify_infra_core::plan::{DnsRecord, RecordState};
use dify_infra_core::plan::{Snapshot, dns_records, domain_of};
use dify_infra_core::resource::Kind;
use dify_infra_core::resource::gateway::IP_ADDRESS;
use serde::Serialize;

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
    /// The public address of the application gateway, when there is one.
    pub gateway_address: Option<String>,
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
    /// front door; empty without an origin, when it is bound, or when `apply` does it.
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
    let has_gateway = deployment.gateway().is_some();
    let bound = domain_bound(deployment, &names, graph, snapshot).filter(|_| !has_gateway);
    let gateway_address = output(Kind::PublicIpAddress, IP_ADDRESS);
    let records = if has_gateway {
        gateway_record(deployment, gateway_address.as_deref())
            .into_iter()
            .collect()
    } else {
        let internal = internal_record(deployment, graph, snapshot).into_iter();
        internal.chain(dns_records(graph, snapshot)).collect()
    };
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
        dns_records: records,
        gateway_address,
        domain_commands: if has_gateway {
            Vec::new()
        } else {
            domain_commands(deployment, &names, bound)
        },
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
    let found = domain_of(snapshot.body(node.id())?, origin.host());
    let binding = found.and_then(|domain| domain.get("bindingType")?.as_str());
    let has_certificate = binding.is_some_and(|word| !word.eq_ignore_ascii_case("Disabled"));
    // A name that was put there by hand may have its certificate from somebody in front of it.
    let is_ours = deployment.public().certificate.is_some();
    Some(found.is_some() && (has_certificate || !is_ours))
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
    if bound == Some(true) || deployment.public().certificate.is_some() {
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
    Some(DnsRecord::wildcard(
        &output("/properties/defaultDomain")?,
        output("/properties/staticIp")?,
    ))
}

/// The record that leads the public origin to the gateway. The environment behind it keeps the
/// name that Azure gave it, so nothing is bound there.
fn gateway_record(deployment: &Deployment, address: Option<&str>) -> Option<DnsRecord> {
    let origin = deployment.public().origin.as_ref()?;
    Some(DnsRecord::address(origin.host(), address?.to_owned()))
}
