//! Who answers the internet, or every neighbour of a host, and who of them may.

use std::net::Ipv4Addr;

use super::super::inventory::{
    Container, Environment, Fact, Ingress, Inventory, PostgresServer, Workload, to_port,
};
use super::super::place::Place;
use super::super::recognise::{Role, image_parts};
use super::super::report::Findings;
use super::super::seen::Seen;
use super::calls::listens_on;
use super::{API, BEAT, DAEMON, NGINX, PROXY, SANDBOX, WEB, WEBSOCKET, WORKER, label};
use crate::check::rule::{Family, Rule, Sample};
use crate::diagnostic::Severity;

pub(super) const INTERNAL_SERVICE: Rule = Rule {
    id: "SEC114",
    title: "Only the front door answers the internet",
    why: "`external: true` gives an app a public name. Sandbox and proxy run and forward what a caller \
          wants, the plugin daemon installs code, and databases have one password between everybody and \
          all data; none of them is made for callers that nobody chose.",
    source: "learn.microsoft.com container-apps/ingress-overview; langgenius/dify 1.16.0 \
             docker/docker-compose.yaml, which publishes nginx alone",
    fix: "Set `external: false`: the apps of one environment reach each other without it. The front \
          door hands on what is public of the plugin daemon, `/e/`.",
    bad: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-sandbox", "properties": {"configuration": {"ingress": {"external": true, "transport": "http", "exposedPort": null}}}}]"#,
    ),
    good: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-sandbox", "properties": {"configuration": {"ingress": {"external": false}}}}]"#,
    ),
    audit: Some(internal_service),
    ..Rule::of(Family::Sec, Severity::Error)
};

pub(super) const PUBLIC: Rule = Rule {
    id: "SEC106",
    title: "Data services are not open to the internet",
    why: "A public endpoint is scanned within minutes; a leaked key or a weak password is then enough.",
    source: "learn.microsoft.com security/benchmark NS-2; facts of nine public deployments",
    fix: "Disable public network access and use private endpoints; for a small deployment keep the keys \
          strong and allow this rule.",
    bad: Sample::resources(
        r#"[{"$add": true, "type": "Microsoft.DBforPostgreSQL/flexibleServers/firewallRules", "$childOf": "Microsoft.DBforPostgreSQL/flexibleServers", "$child": "all", "properties": {"startIpAddress": "0.0.0.0", "endIpAddress": "255.255.255.255"}}]"#,
    ),
    good: Sample::resources(
        r#"[{"$add": true, "type": "Microsoft.DBforPostgreSQL/flexibleServers/firewallRules", "$childOf": "Microsoft.DBforPostgreSQL/flexibleServers", "$child": "all", "properties": {"startIpAddress": "0.0.0.0", "endIpAddress": "255.255.255.255"}}, {"type": "Microsoft.DBforPostgreSQL/flexibleServers", "properties": {"network": {"publicNetworkAccess": "Disabled"}}}, {"$add": true, "type": "Microsoft.Network/privateEndpoints", "name": "dify-dev-postgres", "properties": {"privateLinkServiceConnections": [{"name": "postgres", "properties": {"privateLinkServiceId": "[resourceId('Microsoft.DBforPostgreSQL/flexibleServers', concat('dify-dev-postgres-', parameters('suffix')))]", "groupIds": ["postgresqlServer"]}}]}}]"#,
    ),
    audit: Some(public),
    ..Rule::of(Family::Sec, Severity::Error)
};

pub(super) const PUBLISHED_PORT: Rule = Rule {
    id: "SEC113",
    title: "Compose publishes the front door alone",
    why: "A published port answers everybody who reaches the host: database, Redis and sandbox trust \
          whoever calls them.",
    source: "langgenius/dify docker/docker-compose.yaml; docs.docker.com engine/network/packet-filtering-firewalls",
    fix: "Remove `ports`, or bind it to 127.0.0.1.",
    bad: Sample::compose("services:\n  redis:\n    ports: [\"6379:6379\"]"),
    good: Sample::compose("services:\n  redis:\n    ports: [\"127.0.0.1:6379:6379\"]"),
    audit: Some(published_port),
    ..Rule::of(Family::Sec, Severity::Error)
};

/// The last part of images that hold data and answer whoever reaches them; those of the vector stores and
/// databases are the ones of Dify's compose file (langgenius/dify docker/docker-compose.yaml).
const DATA: [&str; 25] = [
    "chroma",
    "couchbase",
    "elasticsearch",
    "etcd",
    "iris-community",
    "keydb",
    "mariadb",
    "matrixone",
    "milvus",
    "minio",
    "mongo",
    "myscaledb",
    "mysql",
    "oceanbase-ce",
    "opengauss",
    "opensearch",
    "pgvecto-rs",
    "postgresql",
    "qdrant",
    "redis-stack",
    "redis-stack-server",
    "seekdb",
    "timescaledb",
    "vastbase-vector",
    "weaviate",
];

fn internal_service(inventory: &Inventory, found: &mut Findings) {
    let has_front_door = inventory.of(NGINX).next().is_some();
    for workload in &inventory.workloads {
        let Some(ingress) = workload.ingress.known() else {
            continue;
        };
        for (container, place) in reached(inventory, workload, ingress) {
            let exposure = Exposure {
                environment: environment_of(inventory, workload),
                is_restricted: ingress.is_restricted,
                has_front_door,
            };
            exposure.judge(workload, container, place, found);
        }
    }
}

/// The containers behind external ports, each with what makes it so.
fn reached<'a>(
    inventory: &Inventory,
    workload: &'a Workload,
    ingress: &'a Ingress,
) -> Vec<(&'a Container, &'a Place)> {
    let mut ports = Vec::new();
    if ingress.is_external() == Some(true) {
        let target = ingress.target_port.known().copied().and_then(to_port);
        ports.push((target, ingress.external.place().unwrap_or(&workload.place)));
    }
    let more = ingress.additional.iter().filter(|it| it.external);
    // Whether 5003 of the daemon may be reached is the matter of debugging.
    let more = more.filter(|it| it.target != Some(5003));
    ports.extend(more.map(|it| (it.target, &it.place)));
    let mut reached: Vec<(&Container, &Place)> = Vec::new();
    for (port, place) in ports {
        let behind = workload
            .containers
            .iter()
            .find(|it| port.is_some() && listens_on(inventory, it) == port);
        let candidates: Vec<&Container> = match behind {
            Some(container) => vec![container],
            // A front door beside other containers is what an unknown port leads to.
            None if workload.containers.iter().any(|it| it.role == NGINX) => Vec::new(),
            None => workload.containers.iter().collect(),
        };
        for container in candidates {
            if reached
                .iter()
                .all(|(known, _)| known.place != container.place)
            {
                reached.push((container, place));
            }
        }
    }
    reached
}

/// The environment of a workload, when it was handed over.
fn environment_of<'a>(inventory: &'a Inventory, workload: &Workload) -> Option<&'a Environment> {
    if let [only] = inventory.environments.as_slice() {
        return Some(only);
    }
    let (_, name) = super::super::type_and_name(workload.environment.as_ref()?)?;
    inventory
        .environments
        .iter()
        .find(|it| name.same(&it.name) == Some(true))
}

/// What is known about who reaches an external app.
struct Exposure<'a> {
    environment: Option<&'a Environment>,
    /// Whether the ingress names the addresses that may.
    is_restricted: bool,
    has_front_door: bool,
}

impl Exposure<'_> {
    fn judge(
        &self,
        workload: &Workload,
        container: &Container,
        place: &Place,
        found: &mut Findings,
    ) {
        let name = label(workload, container);
        let role = match container.role {
            Role::Other if is_data(container) => "data service",
            role => role.as_str(),
        };
        let internal = self.environment.map(|it| &it.internal);
        if internal.is_some_and(|it| it.is(&true)) {
            // The network alone reaches an internal environment; whether that is meant, its owner knows.
            if is_inner(container) {
                let message = format!("`{name}`, the {role}, answers the whole virtual network");
                found.unsure(place, message);
            }
            return;
        }
        if matches!(container.role, API | WEB | WEBSOCKET) {
            // Without nginx these two are the front door, by choice.
            if self.has_front_door && !self.is_restricted {
                let message = format!("`{name}`, the {role}, answers the internet beside nginx");
                found.warn(place, message).with_help(
                    "set `external: false`, so that the limits and routes of nginx hold for everybody",
                );
            }
        } else if matches!(container.role, WORKER | BEAT | Role::Migration) {
            let message =
                format!("`{name}`, the {role}, has an external ingress and answers nothing");
            found.warn(place, message).with_help("remove the ingress");
        } else if is_inner(container) {
            let message = format!("`{name}`, the {role}, answers the internet");
            match self.environment {
                _ if self.is_restricted => {
                    let message = format!("{message}, from the addresses that are allowed");
                    found.warn(place, message);
                }
                Some(environment) if environment.internal.is_unseen() => {
                    let message = format!("{message} unless its environment is internal");
                    found.warn(place, message);
                }
                Some(_) => {
                    found.push(place, message);
                }
                None => {
                    let message = format!(
                        "{message}, unless its environment, which is not here, is internal"
                    );
                    found.push(place, message);
                }
            }
        }
    }
}

/// Whether nobody outside has a reason to call a container.
fn is_inner(container: &Container) -> bool {
    matches!(
        container.role,
        SANDBOX
            | PROXY
            | DAEMON
            | Role::AgentBackend
            | Role::LocalSandbox
            | Role::Postgres
            | Role::Redis
    ) || is_data(container)
}

fn is_data(container: &Container) -> bool {
    container.role == Role::Other
        && container.image.known().is_some_and(|image| {
            let repository = image_parts(image).repository;
            let last = repository.rsplit('/').next().unwrap_or_default();
            DATA.contains(&last)
        })
}

/// Addresses of one firewall rule at most: a /8 is more than anybody has who is not a part of the internet's
/// backbone, and rules such as 0.0.0.1 to 255.255.255.255 or 0.0.0.0 to 127.255.255.255 are meant for everybody.
const MOST_ADDRESSES: u64 = 1 << 24;

/// How many addresses a range has with both of its ends; nothing when an end can't be seen, or is no address of IPv4,
/// the only ones that PostgreSQL's firewall knows (learn.microsoft.com postgresql/flexible-server/concepts-networking-public).
fn addresses_between(first: &Seen, last: &Seen) -> Option<u64> {
    let number = |text: &Seen| Some(u32::from(text.literal()?.trim().parse::<Ipv4Addr>().ok()?));
    let between = number(last)?.checked_sub(number(first)?)?;
    Some(u64::from(between) + 1)
}

fn public(inventory: &Inventory, found: &mut Findings) {
    let open = |fact: &Fact<String>| !fact.is(&"disabled".to_owned());
    // Without a public endpoint a firewall lets nobody in.
    let public = |it: &&PostgresServer| !it.injected && open(&it.public_access);
    for server in inventory.postgres.iter().filter(public) {
        for (first, last, place) in &server.firewall {
            let addresses = addresses_between(first, last).unwrap_or_default();
            if addresses > MOST_ADDRESSES {
                let message =
                    format!("the internet reaches PostgreSQL: {addresses} addresses are let in");
                found.push(place, message);
            }
        }
    }
    for server in inventory.postgres.iter().filter(public) {
        found.unsure(&server.place, "PostgreSQL has a public endpoint");
    }
    for redis in inventory.redis.iter().filter(|it| open(&it.public_access)) {
        found.unsure(
            &redis.place,
            "Redis has a public endpoint; its key is the only guard",
        );
    }
    for account in &inventory.storage {
        if account.public_blobs.is(&true) {
            let place = account.public_blobs.place().unwrap_or(&account.place);
            found.push(place, "blobs of the storage account may be public");
        } else if open(&account.public_access) && !account.default_deny {
            found.unsure(
                &account.place,
                "storage has a public endpoint; its key is the only guard",
            );
        }
    }
    for vault in inventory.vaults.iter().filter(|it| open(&it.public_access)) {
        found.unsure(&vault.place, "the vault has a public endpoint");
    }
}

fn published_port(inventory: &Inventory, found: &mut Findings) {
    for (workload, container) in inventory.containers() {
        if !is_inner(container) && container.role != API {
            continue;
        }
        let name = label(workload, container);
        let everywhere = workload.published.iter();
        let everywhere = everywhere.filter(|it| !is_loopback(it.host.as_deref()));
        // Whether 5003 of the daemon may be reached is the matter of debugging.
        for port in everywhere.filter(|it| container.role != DAEMON || it.target != 5003) {
            let message = format!(
                "`{name}` publishes port {} on every address of the host",
                port.target
            );
            found.push(&port.place, message);
        }
    }
}

/// Whether the host alone reaches a published port.
pub(super) fn is_loopback(host: Option<&str>) -> bool {
    host.is_some_and(|host| host.starts_with("127.") || host == "localhost" || host == "[::1]")
}
