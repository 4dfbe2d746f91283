//! CPU, memory and connections.

use super::super::dbx::Servers;
use super::super::squid::Squid;
use super::super::{DAEMON, PROXY, label, number_or, on_azure};
use super::replicas::replicas;
use super::{ERROR, WARNING};
use crate::audit::inventory::{
    Configuration, Container, Fact, Inventory, PostgresServer, Workload, WorkloadKind,
};
use crate::audit::place::Place;
use crate::audit::recognise::Role;
use crate::audit::report::Findings;
use crate::catalogue::ServiceKind;
use crate::check::rule::{Rule, Sample};
use crate::deployment::sku::{PostgresSku, RESERVED_CONNECTIONS};
use crate::deployment::{looks_up_vectors, processes};
use crate::values::{ConsumptionSize, Cpu, Memory};

pub(super) const SIZE: Rule = Rule {
    id: "LIM103",
    title: "CPU and memory are a pair that Container Apps knows",
    why: "The Consumption profile gives 2 Gi to each vCPU of a replica and refuses every other sum.",
    source: "Azure/bicep#14569, #10821; Azure/bicep-types-az#1924; learn.microsoft.com container-apps/containers",
    fix: "Use pairs such as 0.5 and 1Gi, 1 and 2Gi, 2 and 4Gi.",
    bad: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-web", "properties": {"template": {"containers": [{"name": "web", "resources": {"cpu": 1, "memory": "1Gi"}}]}}}]"#,
    ),
    good: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-web", "properties": {"template": {"containers": [{"name": "web", "resources": {"cpu": 1, "memory": "2Gi"}}]}}}]"#,
    ),
    audit: Some(size),
    ..ERROR
};

pub(super) const CONNECTIONS: Rule = Rule {
    id: "LIM104",
    title: "PostgreSQL has a connection for everyone who may ask for one",
    why: "Each process keeps a pool of its own: 30 and 10 more by default, times replicas. A server that \
          has none left answers \"remaining connection slots are reserved\", and everything fails at once.",
    source: "langgenius/dify#22695; learn.microsoft.com postgresql/concepts-limits",
    fix: "Lower `SQLALCHEMY_POOL_SIZE`, `SQLALCHEMY_MAX_OVERFLOW` and `DB_MAX_OPEN_CONNS`, or use a larger \
          server.",
    bad: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-api", "properties": {"template": {"containers": [{"name": "api", "env": [{"name": "SQLALCHEMY_POOL_SIZE", "value": "100"}]}]}}}]"#,
    ),
    good: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-api", "properties": {"template": {"containers": [{"name": "api", "env": [{"name": "SQLALCHEMY_POOL_SIZE", "value": "2"}]}]}}}]"#,
    ),
    audit: Some(connections),
    ..ERROR
};

pub(super) const PROXY_MEMORY: Rule = Rule {
    id: "LIM109",
    title: "squid's cache fits its container",
    why: "The official file asks for 256 MB of cache; with half a Gi nothing is left for requests, and the \
          container is killed under load.",
    source: "langgenius/dify 1.16.0 docker/ssrf_proxy/squid.conf.template",
    fix: "Turn the cache off with `cache deny all` and `cache_mem 0`, or give the container 1Gi.",
    bad: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-ssrf-proxy", "properties": {"template": {"containers": [{"name": "ssrf-proxy", "resources": {"cpu": 0.25, "memory": "0.5Gi"}}]}, "configuration": {"secrets": [{"name": "file-squid-conf", "value": "http_port 3128\ncache_mem 256 MB\nhttp_access deny all"}]}}}]"#,
    ),
    good: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-ssrf-proxy", "properties": {"template": {"containers": [{"name": "ssrf-proxy", "resources": {"cpu": 0.25, "memory": "0.5Gi"}}]}, "configuration": {"secrets": [{"name": "file-squid-conf", "value": "http_port 3128\ncache deny all\ncache_mem 0\nhttp_access deny all"}]}}}]"#,
    ),
    audit: Some(proxy_memory),
    ..WARNING
};

fn size(inventory: &Inventory, found: &mut Findings) {
    for workload in &inventory.workloads {
        let mut sum = (0_u32, 0_u32);
        let mut place = None;
        for container in &workload.containers {
            let (Fact::Known(cpu, at), Fact::Known(memory, _)) =
                (&container.cpu, &container.memory)
            else {
                place = None;
                break;
            };
            let (Ok(cpu), Ok(memory)) = (Cpu::try_from(*cpu), memory.parse::<Memory>()) else {
                let message = format!(
                    "`{}` has {cpu} vCPU and {memory}",
                    label(workload, container)
                );
                found.push(at, message);
                place = None;
                break;
            };
            sum = (
                sum.0 + u32::from(cpu.quarters()),
                sum.1 + memory.hundredths(),
            );
            place = Some(at);
        }
        let Some(place) = place.filter(|_| on_azure(inventory)) else {
            continue;
        };
        match profile_of(inventory, workload) {
            Profile::Consumption => {}
            Profile::Unknown => continue,
            Profile::Dedicated(kind, cpu, memory) => {
                if sum.0 > cpu * 4 || sum.1 > memory * 100 {
                    let message = format!(
                        "`{}` has {} vCPU and {}Gi in all; a machine of its profile {kind} has {cpu} and {memory}Gi",
                        workload.name.shown(),
                        f64::from(sum.0) / 4.0,
                        f64::from(sum.1) / 100.0
                    );
                    let at = workload.profile.place().unwrap_or(&workload.place);
                    found.push(place, message).see(at, "the workload profile");
                }
                continue;
            }
        }
        let fits = ConsumptionSize::all()
            .any(|it| (u32::from(it.cpu().quarters()), it.memory().hundredths()) == sum);
        if !fits {
            let message = format!(
                "`{}` has {} vCPU and {}Gi in all, which is no pair",
                workload.name.shown(),
                f64::from(sum.0) / 4.0,
                f64::from(sum.1) / 100.0
            );
            found.push(place, message);
        }
    }
}

/// What a workload runs on.
enum Profile {
    Consumption,
    /// Machines of one's own: the type, vCPU and Gi of one.
    Dedicated(&'static str, u32, u32),
    Unknown,
}

/// Types of workload profiles with vCPU and Gi of a machine
/// (learn.microsoft.com container-apps/workload-profiles-overview).
const MACHINES: [(&str, u32, u32); 8] = [
    ("D4", 4, 16),
    ("D8", 8, 32),
    ("D16", 16, 64),
    ("D32", 32, 128),
    ("E4", 4, 32),
    ("E8", 8, 64),
    ("E16", 16, 128),
    ("E32", 32, 256),
];

fn profile_of(inventory: &Inventory, workload: &Workload) -> Profile {
    let name = match &workload.profile {
        Fact::Absent => return Profile::Consumption,
        Fact::Unseen(..) => return Profile::Unknown,
        Fact::Known(name, _) => name,
    };
    let mut types = inventory
        .environments
        .iter()
        .flat_map(|it| &it.profile_types);
    let kind = types
        .find(|(it, _)| it.eq_ignore_ascii_case(name))
        .map_or(name.as_str(), |(_, kind)| kind);
    if kind.eq_ignore_ascii_case("Consumption") {
        return Profile::Consumption;
    }
    let machine = MACHINES
        .iter()
        .find(|(it, ..)| it.eq_ignore_ascii_case(kind));
    machine.map_or(Profile::Unknown, |(kind, cpu, memory)| {
        Profile::Dedicated(kind, *cpu, *memory)
    })
}

fn connections(inventory: &Inventory, found: &mut Findings) {
    let servers = Servers::of(inventory);
    let mut users: Vec<Vec<User<'_>>> = inventory.postgres.iter().map(|_| Vec::new()).collect();
    for (workload, container) in inventory.containers() {
        let only = (inventory.postgres.len() == 1).then_some(0);
        let Some(server) = servers.used_by(container).or(only) else {
            continue;
        };
        let most = replicas(workload).1;
        let (Some(connections), Some(replicas)) = (connections_of(container), most) else {
            continue;
        };
        if workload.kind != WorkloadKind::Job {
            users[server].push(User {
                workload,
                container,
                connections,
                replicas,
            });
        }
    }
    for (server, users) in inventory.postgres.iter().zip(users) {
        let Some((usable, configured)) = usable_connections(server) else {
            continue;
        };
        let most: f64 = users.iter().map(|it| it.connections * it.replicas).sum();
        if most > usable {
            let told: Vec<String> = users.iter().take(MOST_POOLS).map(User::shown).collect();
            let more = users.len().saturating_sub(MOST_POOLS);
            let more = match more {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            let message = format!(
                "{} connections may be opened, but the server has {usable}: {}{more}",
                if most.is_finite() {
                    format!("up to {most}")
                } else {
                    "any number of".to_owned()
                },
                told.join(", ")
            );
            let sized = server.sku.place().unwrap_or(&server.place);
            let finding = found.push(configured.unwrap_or(sized), message);
            for user in users.iter().take(MOST_POOLS) {
                let pool = if user.container.role == DAEMON {
                    "DB_MAX_OPEN_CONNS"
                } else {
                    "SQLALCHEMY_POOL_SIZE"
                };
                let name = label(user.workload, user.container);
                finding.see(
                    user.container.place_of(pool),
                    format!("the pool of `{name}`"),
                );
            }
        }
    }
}

/// Connections that a server leaves to users, and the place of the parameter that decides them, where one does;
/// nothing when that can't be seen.
fn usable_connections(server: &PostgresServer) -> Option<(f64, Option<&Place>)> {
    let is_it = |it: &&Configuration| {
        let name = it.name.rsplit('/').next().unwrap_or_default();
        !it.is_database && name == "max_connections"
    };
    if let Some(parameter) = server.configurations.iter().find(is_it) {
        let value: f64 = parameter.value.as_ref()?.literal()?.trim().parse().ok()?;
        let usable = (value - f64::from(RESERVED_CONNECTIONS)).max(0.0);
        return Some((usable, Some(&parameter.place)));
    }
    let sku = PostgresSku::find(server.sku.known()?)?;
    Some((sku.usable_connections().into(), None))
}

/// Who opens connections to a server.
struct User<'a> {
    workload: &'a Workload,
    container: &'a Container,
    /// Connections of one replica.
    connections: f64,
    /// Replicas at most.
    replicas: f64,
}

impl User<'_> {
    fn shown(&self) -> String {
        let name = label(self.workload, self.container);
        if self.connections.is_infinite() {
            return format!("any number by `{name}`");
        }
        format!("{} × {} by `{name}`", self.replicas, self.connections)
    }
}

/// Pools that one finding names at most.
const MOST_POOLS: usize = 12;

/// Connections that a replica may open; nothing when it opens none or that can't be seen.
pub(super) fn connections_of(container: &Container) -> Option<f64> {
    let kind = match container.role {
        // Of Go's pools 0 and less mean no limit (pkg.go.dev database/sql, SetMaxOpenConns).
        DAEMON => {
            let most = number_or(container, "DB_MAX_OPEN_CONNS", 30.0)?;
            return Some(if most > 0.0 { most } else { f64::INFINITY });
        }
        Role::Service(kind) if container.role.is_application() => kind,
        // One whose mode can't be seen has the pools of an API at least.
        Role::Application => ServiceKind::Api,
        _ => return None,
    };
    let pool = number_or(container, "SQLALCHEMY_POOL_SIZE", 30.0)?;
    let overflow = number_or(container, "SQLALCHEMY_MAX_OVERFLOW", 10.0)?;
    // A size of 0 and an overflow of -1 mean no limit (docs.sqlalchemy.org core/pooling, QueuePool).
    if pool <= 0.0 || overflow < 0.0 {
        return Some(f64::INFINITY);
    }
    let variable = |name: &str| match container.variable(name) {
        None if container.variables_complete => Ok(None),
        None => Err(()),
        Some(it) => it.value.literal().map(Some).ok_or(()),
    };
    let processes = processes(kind, variable).ok()?;
    let looks_up = looks_up_vectors(kind) && container.literal("VECTOR_STORE") == Some("pgvector");
    let vectors = if looks_up {
        number_or(container, "PGVECTOR_MAX_CONNECTION", 5.0)?
    } else {
        0.0
    };
    Some((pool + overflow + vectors) * f64::from(processes))
}

fn proxy_memory(inventory: &Inventory, found: &mut Findings) {
    for (workload, container) in inventory.of(PROXY) {
        let Fact::Known(memory, place) = &container.memory else {
            continue;
        };
        let memory = memory.parse::<Memory>();
        let squid = Squid::of(inventory, workload);
        let (Ok(memory), Some(cache)) = (memory, squid.and_then(|it| it.cache_memory())) else {
            continue;
        };
        let memory = f64::from(memory.hundredths()) * 10.24;
        let is_small = memory < 1024.0;
        if is_small && cache.number >= 200.0 || cache.number * 2.0 >= memory {
            let message = format!(
                "squid of `{}` asks for {} MB of cache",
                label(workload, container),
                cache.number
            );
            found
                .push(place, message)
                .see(&cache.place, "squid's cache");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::{ComposeInput, from_compose};

    /// Mode, variables, connections.
    type Row = (
        &'static str,
        &'static [(&'static str, &'static str)],
        Option<f64>,
    );

    /// What a container opens, by the settings of a compose service.
    fn connections(image: &str, variables: &[(&str, &str)]) -> Option<f64> {
        let variables: Vec<String> = variables
            .iter()
            .map(|(name, value)| format!("      {name}: \"{value}\"\n"))
            .collect();
        let variables = variables.concat();
        let text = format!("services:\n  a:\n    image: {image}\n    environment:\n{variables}");
        let files = [("c".to_owned(), text)].into();
        let input = ComposeInput {
            compose: &["c"],
            files: &files,
            profiles: &[],
        };
        let inventory = from_compose(input).unwrap();
        connections_of(&inventory.workloads[0].containers[0])
    }

    #[test]
    fn every_process_has_pools_of_its_own() {
        const APPLICATION: &str = "langgenius/dify-api:1.16.0";
        const DAEMON: &str = "langgenius/dify-plugin-daemon:0.6.3-local";
        const PREFORK: (&str, &str) = ("CELERY_WORKER_CLASS", "prefork");
        const SIXTEEN: (&str, &str) = ("CELERY_WORKER_AMOUNT", "16");
        let table: &[Row] = &[
            ("api", &[], Some(40.0)),
            ("api", &[("SERVER_WORKER_AMOUNT", "4")], Some(160.0)),
            (
                "api",
                &[
                    ("SQLALCHEMY_POOL_SIZE", "5"),
                    ("SQLALCHEMY_MAX_OVERFLOW", "1"),
                    ("VECTOR_STORE", "pgvector"),
                    ("PGVECTOR_MAX_CONNECTION", "2"),
                    ("SERVER_WORKER_AMOUNT", "3"),
                ],
                Some(24.0),
            ),
            ("worker", &[SIXTEEN], Some(40.0)),
            ("worker", &[PREFORK, SIXTEEN], Some(640.0)),
            (
                "worker",
                &[("CELERY_WORKER_POOL", "gevent"), PREFORK, SIXTEEN],
                Some(40.0),
            ),
            (
                "worker",
                &[PREFORK, SIXTEEN, ("CELERY_WORKER_CONCURRENCY", "2")],
                Some(80.0),
            ),
            (
                "worker",
                &[PREFORK, SIXTEEN, ("CELERY_MAX_WORKERS", "8")],
                Some(640.0),
            ),
            (
                "worker",
                &[
                    PREFORK,
                    SIXTEEN,
                    ("CELERY_MAX_WORKERS", "8"),
                    ("CELERY_AUTO_SCALE", "true"),
                ],
                Some(320.0),
            ),
            (
                "worker",
                &[PREFORK, ("CELERY_WORKER_AMOUNT", "${SOMEWHERE_ELSE:?}")],
                None,
            ),
            (
                "worker",
                &[PREFORK, SIXTEEN, ("VECTOR_STORE", "pgvector")],
                Some(720.0),
            ),
            ("beat", &[PREFORK, SIXTEEN], Some(40.0)),
            ("api", &[("SQLALCHEMY_POOL_SIZE", "0")], Some(f64::INFINITY)),
            (
                "beat",
                &[("SQLALCHEMY_MAX_OVERFLOW", "-1")],
                Some(f64::INFINITY),
            ),
            ("beat", &[("VECTOR_STORE", "pgvector")], Some(40.0)),
            ("migration", &[("MIGRATION_ENABLED", "true")], None),
        ];
        for (mode, variables, expected) in table {
            let mut variables = variables.to_vec();
            variables.push(("MODE", mode));
            assert_eq!(
                connections(APPLICATION, &variables),
                *expected,
                "{mode} {variables:?}"
            );
        }
        assert_eq!(connections(DAEMON, &[]), Some(30.0));
        let open = ("DB_MAX_OPEN_CONNS", "7");
        assert_eq!(connections(DAEMON, &[open]), Some(7.0));
        assert_eq!(connections("nginx:1.30.4", &[]), None);
    }

    #[test]
    fn connections_are_those_of_all_replicas() {
        let app = |name: &str, mode: &str, replicas: u32| {
            format!(
                r#"{{"type": "Microsoft.App/containerApps", "name": "{name}", "properties": {{"template": {{
                    "scale": {{"maxReplicas": {replicas}}}, "containers": [{{"name": "c",
                    "image": "langgenius/dify-api:1.16.0", "env": [{{"name": "MODE", "value": "{mode}"}},
                      {{"name": "CELERY_WORKER_CLASS", "value": "prefork"}},
                      {{"name": "CELERY_WORKER_AMOUNT", "value": "2"}},
                      {{"name": "DB_HOST", "value": "pg.postgres.database.azure.com"}}]}}]}}}}}}"#
            )
        };
        let text = format!(
            r#"{{"resources": [{{"type": "Microsoft.DBforPostgreSQL/flexibleServers", "name": "pg",
                "sku": {{"name": "Standard_B1ms"}}}}, {}, {}, {}]}}"#,
            app("api", "api", 3),
            app("worker", "worker", 2),
            app("beat", "beat", 1),
        );
        let report = crate::audit::tests::template(&text);
        let finding = report.under("LIM104").next().unwrap();
        // 3 × 40 and 2 × (2 × 40) and 40.
        assert!(
            finding.message.contains("up to 320 connections"),
            "{finding}"
        );
    }

    #[test]
    fn a_parameter_decides_what_the_server_has() {
        let under = |value: &str, pool: &str| {
            let text = format!(
                r#"[{{"$add": true, "type": "Microsoft.DBforPostgreSQL/flexibleServers/configurations", "name": "[concat('dify-dev-postgres-', parameters('suffix'), '/max_connections')]", "properties": {{"value": "{value}"}}}}, {{"type": "Microsoft.App/containerApps", "name": "dify-dev-api", "properties": {{"template": {{"containers": [{{"name": "api", "env": [{{"name": "SQLALCHEMY_POOL_SIZE", "value": "{pool}"}}]}}]}}}}}}]"#
            );
            let sample = Sample::resources(text.leak());
            let report = crate::audit::sample::report(&sample).unwrap();
            let found: Vec<_> = report
                .under("LIM104")
                .map(|it| it.message.clone())
                .collect();
            found
        };
        assert_eq!(under("500", "100"), Vec::<String>::new());
        let small = under("20", "3");
        assert!(small[0].contains("but the server has 5:"), "{small:?}");
        let open = under("500", "0");
        assert!(open[0].starts_with("any number of connections"), "{open:?}");
        assert!(open[0].contains("any number by `dify-dev-api`"), "{open:?}");
    }
}
