//! Who signs in to the databases, and as whom: what one side says the server must know.

use std::collections::HashMap;

use super::super::inventory::{Container, Fact, Inventory, Workload};
use super::super::place::Place;
use super::super::recognise::Role;
use super::super::report::Findings;
use super::super::seen::Seen;
use super::broker::{REDIS, REDIS_URLS};
use super::calls::{Names, Target};
use super::dbx::{is_azure, server_of};
use super::label;
use super::logins::{Login, Told, WayIn, compare, container_of, or_default, told, users, way_in};
use crate::check::rule::{Family, Rule, Sample};
use crate::diagnostic::Severity;

const ERROR: Rule = Rule::of(Family::Dbx, Severity::Error);

pub(super) const PASSWORD: Rule = Rule {
    id: "DBX110",
    title: "Everybody signs in to the database with its password",
    why: "API, worker, plugin daemon and migration each have the password of the database in a variable of their \
          own. The one that differs from the server's is refused: \"password authentication failed for user\".",
    source: "TeamPiped/Piped-Docker#49; Netflix/dispatch-docker#118; langgenius/dify 1.16.0 docker/.env.example \
             (DB_PASSWORD)",
    fix: "Give the server and everybody who signs in to it one secret.",
    bad: Sample::compose(
        "services:\n  plugin_daemon:\n    environment:\n      DB_PASSWORD: Zk3jX9qLm2Vb7Rt5Wy8Pn4Hd6",
    ),
    good: Sample::compose(
        "services:\n  plugin_daemon:\n    environment:\n      DB_PASSWORD: ${DB_PASSWORD}",
    ),
    audit: Some(password),
    ..ERROR
};

pub(super) const LOGIN: Rule = Rule {
    id: "DBX111",
    title: "The database knows everybody who signs in",
    why: "A server has one login from the start: Azure's administrator, or `POSTGRES_USER` of a container. Any other \
          name is refused, \"role does not exist\", until somebody makes it with SQL.",
    source: "hub.docker.com postgres (POSTGRES_USER); learn.microsoft.com postgresql/flexible-server/concepts-security",
    fix: "Use the server's login, or make the other one before the deployment, with rights on its database.",
    bad: Sample::compose(
        "services:\n  plugin_daemon:\n    environment:\n      DB_USERNAME: postgres",
    ),
    good: Sample::compose("services:\n  plugin_daemon:\n    environment:\n      DB_USERNAME: dify"),
    audit: Some(login),
    ..ERROR
};

pub(super) const PORT: Rule = Rule {
    id: "DBX112",
    title: "The database is called on its port",
    why: "PostgreSQL listens on 5432, Azure's servers with PgBouncer on 6432 as well. On any other port nobody \
          answers: the container waits, fails and starts again.",
    source: "learn.microsoft.com postgresql/flexible-server/concepts-networking-public, concepts-pgbouncer",
    fix: "Set `DB_PORT` and `PGVECTOR_PORT` to 5432.",
    bad: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-plugin-daemon", "properties": {"template": {"containers": [{"name": "plugin-daemon", "env": [{"name": "DB_PORT", "value": "5433"}]}]}}}]"#,
    ),
    good: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-plugin-daemon", "properties": {"template": {"containers": [{"name": "plugin-daemon", "env": [{"name": "DB_PORT", "value": "5432"}]}]}}}]"#,
    ),
    audit: Some(port),
    ..ERROR
};

pub(super) const NO_SERVER: Rule = Rule {
    id: "DBX113",
    title: "Databases and Redis that are named are there",
    why: "A name without a dot can only be that of a service beside it. When there is none, the container fails at \
          its first connection, or waits for it for ever.",
    source: "docs.docker.com compose/how-tos/networking; learn.microsoft.com container-apps/connect-apps",
    fix: "Write the name of the service, or the whole name of a server that is elsewhere.",
    bad: Sample::compose("services:\n  plugin_daemon:\n    environment:\n      REDIS_HOST: cache"),
    good: Sample::compose("services:\n  plugin_daemon:\n    environment:\n      REDIS_HOST: redis"),
    audit: Some(no_server),
    ..ERROR
};

/// Defaults of langgenius/dify 1.16.0 api/configs/middleware; the plugin daemon insists on all of them.
const DATABASE: WayIn = WayIn {
    host: "DB_HOST",
    port: ("DB_PORT", "5432"),
    user: ("DB_USERNAME", "postgres"),
    password: "DB_PASSWORD",
};
const VECTORS: WayIn = WayIn {
    host: "PGVECTOR_HOST",
    port: ("PGVECTOR_PORT", "5433"),
    user: ("PGVECTOR_USER", "postgres"),
    password: "PGVECTOR_PASSWORD",
};
/// Every way in to a PostgreSQL server.
fn database_logins(inventory: &Inventory) -> Vec<Login<'_>> {
    let mut logins = Vec::new();
    for (workload, container) in users(inventory) {
        let is_postgres = !matches!(
            container.literal("DB_TYPE"),
            Some("mysql" | "oceanbase" | "seekdb")
        );
        if is_postgres {
            logins.extend(way_in(workload, container, &DATABASE));
        }
        if container.literal("VECTOR_STORE") == Some("pgvector") {
            logins.extend(way_in(workload, container, &VECTORS));
        }
    }
    logins
}

/// What a server knows of itself.
struct Server<'a> {
    name: String,
    place: &'a Place,
    port: Option<u16>,
    user: Option<Told>,
    password: Option<Told>,
    is_azure: bool,
}

fn fact(fact: &Fact<Seen>, what: &str) -> Option<Told> {
    let Fact::Known(value, place) = fact else {
        return None;
    };
    Some(Told {
        what: what.to_owned(),
        value: value.clone(),
        place: place.clone(),
    })
}

/// The PostgreSQL server of the deployment that a host names.
fn database_server<'a>(
    inventory: &'a Inventory,
    names: &Names<'a>,
    login: &Login<'_>,
) -> Option<Server<'a>> {
    if let Some(server) = server_of(inventory, &login.host.value) {
        return Some(Server {
            name: server.name.shown(),
            place: &server.place,
            port: Some(5432),
            user: fact(&server.administrator, "`administratorLogin` of the server"),
            password: fact(
                &server.password,
                "`administratorLoginPassword` of the server",
            ),
            is_azure: true,
        });
    }
    let (workload, container) = container_of(names, login, Role::Postgres)?;
    let has_user = container.variable("POSTGRES_USER").is_some();
    let user = if container.variable("POSTGRES_USER_FILE").is_some() {
        None
    } else if has_user {
        told(workload, container, "POSTGRES_USER")
    } else {
        or_default(workload, container, ("POSTGRES_USER", "postgres"))
    };
    Some(Server {
        name: label(workload, container),
        place: &container.place,
        port: port_of(workload, container, 5432),
        user,
        password: told(workload, container, "POSTGRES_PASSWORD"),
        is_azure: false,
    })
}

/// Where a container is called; nothing when its command may say so.
fn port_of(workload: &Workload, container: &Container, default: u16) -> Option<u16> {
    if let Some(ingress) = workload.ingress.known() {
        return ingress.tcp_port();
    }
    let says = |it: &Seen| {
        it.literal().is_none_or(|it| {
            it == "-p" || it.contains("port") || it.contains(" -p ") || it.contains(".conf")
        })
    };
    let is_told = container.command.iter().any(says) || container.variable("PGPORT").is_some();
    (!is_told).then_some(default)
}

fn password(inventory: &Inventory, found: &mut Findings) {
    let names = Names::of(inventory);
    let mut first: HashMap<(Vec<u8>, Vec<u8>), Told> = HashMap::new();
    for login in database_logins(inventory) {
        let server = database_server(inventory, &names, &login);
        let (Some(user), Some(mine)) = (login.user, login.password) else {
            continue;
        };
        let own = server.and_then(|it| Some((it.user?, it.password?)));
        let own = own.filter(|(theirs, _)| theirs.value.same(&user.value) == Some(true));
        if let Some((_, theirs)) = own {
            compare(&mine, &theirs, mine.value.same(&theirs.value), found);
            continue;
        }
        let key = (login.host.value.canonical(), user.value.canonical());
        match first.get(&key) {
            Some(theirs) => compare(&mine, theirs, mine.value.same(&theirs.value), found),
            None => drop(first.insert(key, mine)),
        }
    }
}

fn login(inventory: &Inventory, found: &mut Findings) {
    let names = Names::of(inventory);
    let makes_logins = makes_logins(inventory);
    for login in database_logins(inventory) {
        let Some(server) = database_server(inventory, &names, &login) else {
            continue;
        };
        let (Some(mine), Some(theirs)) = (login.user, server.user) else {
            continue;
        };
        if mine.value.same(&theirs.value) != Some(false) {
            continue;
        }
        let message = format!(
            "{} is `{}`, and `{}` has the login `{}` alone",
            mine.what,
            mine.value.shown(),
            server.name,
            theirs.value.shown()
        );
        let finding = if server.is_azure {
            // A login that somebody makes with SQL is in no template.
            found.warn(&mine.place, message)
        } else if makes_logins {
            found.unsure(&mine.place, message)
        } else {
            found.push(&mine.place, message)
        };
        finding.see(&theirs.place, theirs.what);
    }
}

/// Whether anything of a compose project may make logins: scripts for the start of the database, or psql.
fn makes_logins(inventory: &Inventory) -> bool {
    inventory.containers().any(|(_, it)| {
        let has_scripts = it
            .mounts
            .iter()
            .any(|it| it.path.contains("docker-entrypoint-initdb.d"));
        let has_psql = it.command.iter().any(|it| {
            it.contains("psql") || it.contains("CREATE ROLE") || it.contains("createuser")
        });
        has_scripts || has_psql
    })
}

fn port(inventory: &Inventory, found: &mut Findings) {
    let names = Names::of(inventory);
    for login in database_logins(inventory) {
        let server = database_server(inventory, &names, &login);
        let Some(mine) = login.port else {
            continue;
        };
        let Some(called) = mine.value.literal().and_then(|it| it.parse::<u16>().ok()) else {
            continue;
        };
        let is_azure = is_azure(&login.host.value);
        let listens = match &server {
            Some(server) => server.port,
            None => is_azure.then_some(5432),
        };
        // Of pgvector on Azure another rule speaks.
        let is_told = is_azure && mine.what.starts_with("`PGVECTOR_PORT`");
        let Some(listens) = listens.filter(|it| *it != called && !is_told) else {
            continue;
        };
        if is_azure && called == 6432 {
            continue;
        }
        let message = format!(
            "{} is {called}, and the server listens on {listens}",
            mine.what
        );
        let finding = found.push(&mine.place, message);
        match &server {
            Some(server) => finding.see(server.place, format!("`{}`", server.name)),
            None => finding.see(&login.host.place, "the host, a server of Azure"),
        };
    }
}

fn no_server(inventory: &Inventory, found: &mut Findings) {
    if inventory.may_hide_services() {
        return;
    }
    let names = Names::of(inventory);
    let mut hosts = Vec::new();
    for (workload, container) in users(inventory) {
        let plain = [DATABASE.host, REDIS.host].into_iter();
        let vectors = container.literal("VECTOR_STORE") == Some("pgvector");
        for name in plain.chain(vectors.then_some(VECTORS.host)) {
            hosts.extend(told(workload, container, name).map(|it| (workload, it)));
        }
        for name in REDIS_URLS {
            let url = told(workload, container, name);
            hosts.extend(url.and_then(|it| {
                let value = it.value.url()?.host;
                Some((workload, Told { value, ..it }))
            }));
        }
    }
    for (workload, host) in hosts {
        let is_container = |it: char| it.is_ascii_alphanumeric() || it == '-' || it == '_';
        let is_name = host
            .value
            .literal()
            .is_some_and(|it| it.chars().all(is_container));
        if is_name && matches!(names.target_of(Some(workload), &host.value), Target::Nobody) {
            let message = format!(
                "{} leads to `{}`, which is no service",
                host.what,
                host.value.shown()
            );
            found.push(&host.place, message);
        }
    }
}
