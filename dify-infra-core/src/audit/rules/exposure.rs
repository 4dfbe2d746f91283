//! Which apps answer the internet, and which of them may.

use super::super::inventory::{Container, Environment, Ingress, Inventory, Workload, to_port};
use super::super::place::Place;
use super::super::recognise::{Role, image_parts};
use super::super::report::Findings;
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

/// The last part of images that hold data and answer whoever reaches them.
const DATA: [&str; 17] = [
    "chroma",
    "elasticsearch",
    "etcd",
    "keydb",
    "mariadb",
    "milvus",
    "minio",
    "mongo",
    "myscaledb",
    "mysql",
    "opensearch",
    "postgresql",
    "qdrant",
    "redis-stack",
    "redis-stack-server",
    "timescaledb",
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
