//! PostgreSQL.

use super::super::inventory::{Configuration, Container, Inventory, PostgresServer, Workload};
use super::super::report::{Finding, Findings};
use super::super::seen::Seen;
use super::{DAEMON, filled, label, lacks, services_of_application};
use crate::check::rule::{Family, Rule, Sample};
use crate::diagnostic::Severity;
use crate::values::AzureCloud;

const ERROR: Rule = Rule::of(Family::Dbx, Severity::Error);

/// All rules of the family.
pub(super) const RULES: &[&Rule] = &[
    &DAEMON_TLS,
    &DATABASE,
    &ONE_SERVER,
    &EXTENSIONS,
    &PARALLEL,
    &VECTOR_PORT,
    &OVERWRITTEN,
    &OWN_DATABASE,
    &VECTOR_STORE,
];

const DAEMON_TLS: Rule = Rule {
    id: "DBX101",
    title: "The plugin daemon speaks TLS to Azure's PostgreSQL",
    why: "The daemon's `DB_SSL_MODE` is `disable` unless it is set, and Azure's servers refuse plain \
          connections: \"no pg_hba.conf entry ... no encryption\". It takes `disable` and `require` alone.",
    source: "langgenius/dify-plugin-daemon#28; langgenius/dify#15496",
    fix: "Set `DB_SSL_MODE=require` on the plugin daemon.",
    bad: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-plugin-daemon", "properties": {"template": {"containers": [{"name": "plugin-daemon", "env": [{"name": "DB_SSL_MODE", "value": "disable"}]}]}}}]"#,
    ),
    good: Sample::resources("[]"),
    audit: Some(daemon_tls),
    ..ERROR
};

const DATABASE: Rule = Rule {
    id: "DBX102",
    title: "Every database that is named is created",
    why: "A server has the database `postgres` alone. Dify creates none for itself, and the daemon's try \
          fails without the right to: the container starts, fails and starts again.",
    source: "langgenius/dify-plugin-daemon internal/db; langgenius/dify 1.16.0 api/configs/middleware",
    fix: "Create the database on the server, or name one that exists.",
    bad: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-plugin-daemon", "properties": {"template": {"containers": [{"name": "plugin-daemon", "env": [{"name": "DB_DATABASE", "value": "plugins"}]}]}}}]"#,
    ),
    good: Sample::resources("[]"),
    audit: Some(database),
    ..ERROR
};

const ONE_SERVER: Rule = Rule {
    id: "DBX103",
    title: "All of the application uses one database",
    why: "What the API writes the worker must read: with another host or another database every task \
          fails or vanishes.",
    source: "langgenius/dify#18119, #23454",
    fix: "Give api, websocket, worker and beat the same `DB_HOST` and `DB_DATABASE`.",
    bad: Sample::compose("services:\n  worker:\n    environment:\n      DB_DATABASE: dify_worker"),
    good: Sample::compose("services:\n  worker:\n    environment:\n      DB_DATABASE: dify"),
    audit: Some(one_server),
    ..ERROR
};

const EXTENSIONS: Rule = Rule {
    id: "DBX104",
    title: "The extensions that Dify creates are allow-listed",
    why: "The first migration runs `CREATE EXTENSION \"uuid-ossp\"` and pgvector needs `vector`. Azure \
          refuses both until `azure.extensions` names them.",
    source: "mrobinson2/AzureAgentForge#30; DefangLabs/pulumi-defang#256; Azure/azure-postgresql#124",
    fix: "Set the server's configuration `azure.extensions` to `VECTOR,UUID-OSSP`.",
    bad: Sample::resources(
        r#"[{"type": "Microsoft.DBforPostgreSQL/flexibleServers/configurations", "properties": {"value": "UUID-OSSP"}}]"#,
    ),
    good: Sample::resources(
        r#"[{"type": "Microsoft.DBforPostgreSQL/flexibleServers/configurations", "properties": {"value": "vector,uuid-ossp"}}]"#,
    ),
    audit: Some(extensions),
    ..ERROR
};

const PARALLEL: Rule = Rule {
    id: "DBX105",
    title: "Writes to one PostgreSQL server wait for each other",
    why: "Settings and databases of one server that are written at the same time fail with \
          ServerIsBusy, sometimes: the deployment works at one time and not at the next.",
    source: "Azure/bicep-registry-modules#4451, #4289; hashicorp/terraform-provider-azurerm#28298",
    fix: "Let each wait for the one before with `dependsOn`.",
    bad: Sample::resources(
        r#"[{"$all": "Microsoft.DBforPostgreSQL/flexibleServers/configurations", "dependsOn": []}, {"$all": "Microsoft.DBforPostgreSQL/flexibleServers/databases", "dependsOn": []}]"#,
    ),
    good: Sample::resources("[]"),
    audit: Some(parallel),
    ..ERROR
};

const VECTOR_PORT: Rule = Rule {
    id: "DBX106",
    title: "pgvector is called on its server's port",
    why: "`PGVECTOR_PORT` is 5433 unless it is set, a port that no Azure server listens on: documents are \
          never indexed.",
    source: "langgenius/dify 1.16.0 api/configs/middleware/vdb/pgvector_config.py",
    fix: "Set `PGVECTOR_PORT=5432`.",
    bad: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-worker", "properties": {"template": {"containers": [{"name": "worker", "env": [{"name": "PGVECTOR_PORT", "$remove": true}]}]}}}]"#,
    ),
    good: Sample::resources("[]"),
    audit: Some(vector_port),
    ..ERROR
};

const OVERWRITTEN: Rule = Rule {
    id: "DBX107",
    title: "A setting of the server is written once",
    why: "The last of two resources for one setting wins, and which is last changes: a list of extensions \
          that is written twice loses the first one's.",
    source: "Azure/azure-postgresql#124; himanago and mihohoi0322 deployment scripts",
    fix: "Write one configuration with all values.",
    bad: Sample::resources(
        r#"[{"$add": true, "type": "Microsoft.DBforPostgreSQL/flexibleServers/configurations", "$copyOf": "Microsoft.DBforPostgreSQL/flexibleServers/configurations", "properties": {"value": "VECTOR,UUID-OSSP,PG_TRGM"}}]"#,
    ),
    good: Sample::resources("[]"),
    audit: Some(overwritten),
    ..ERROR
};

const OWN_DATABASE: Rule = Rule {
    id: "DBX108",
    title: "The plugin daemon has a database of its own",
    why: "API and daemon both make tables such as `installs`; in one database their migrations overwrite \
          each other.",
    source: "langgenius/dify 1.16.0 docker/docker-compose.yaml (DB_PLUGIN_DATABASE)",
    fix: "Give the daemon a second database, `dify_plugin`.",
    bad: Sample::compose("services:\n  plugin_daemon:\n    environment:\n      DB_DATABASE: dify"),
    good: Sample::compose(
        "services:\n  plugin_daemon:\n    environment:\n      DB_DATABASE: dify_plugin",
    ),
    audit: Some(own_database),
    ..ERROR
};

const VECTOR_STORE: Rule = Rule {
    id: "DBX109",
    title: "All of the application uses one vector store",
    why: "There is no default: without `VECTOR_STORE` knowledge bases fail, and a worker that writes into \
          another store than the API searches leaves them empty.",
    source: "langgenius/dify#18119, #23454; langgenius/dify 1.16.0 api/core/rag/datasource/vdb",
    fix: "Set the same `VECTOR_STORE` on api, worker and beat.",
    bad: Sample::compose("services:\n  worker:\n    environment:\n      VECTOR_STORE: !reset null"),
    good: Sample::compose("services:\n  worker:\n    environment:\n      VECTOR_STORE: pgvector"),
    audit: Some(vector_store),
    ..ERROR
};

/// Whether a host is one of Azure's PostgreSQL servers.
fn is_azure(host: &Seen) -> bool {
    let end = host.end().to_ascii_lowercase();
    // The zone is `privatelink.` and the domain of public names.
    AzureCloud::ALL.iter().any(|cloud| {
        let domain = cloud.postgres_zone().trim_start_matches("privatelink");
        end.ends_with(domain)
    })
}

/// The server of the inventory that a host names.
pub(super) fn server_of<'a>(inventory: &'a Inventory, host: &Seen) -> Option<&'a PostgresServer> {
    let (name, _) = host.split_once('.')?;
    if !is_azure(host) {
        return None;
    }
    inventory
        .postgres
        .iter()
        .find(|it| it.name.same(&name) == Some(true))
}

fn daemon_tls(inventory: &Inventory, found: &mut Findings) {
    for (workload, container) in inventory.of(DAEMON) {
        let azure = filled(container, "DB_HOST").map(|host| is_azure(&host.value));
        // A host that can't be seen is Azure's when the template makes a server.
        let azure = azure == Some(true) || !inventory.postgres.is_empty();
        if !azure {
            continue;
        }
        let name = label(workload, container);
        if lacks(container, "DB_SSL_MODE") {
            let message = format!("`{name}` has no `DB_SSL_MODE`, so it asks for no TLS");
            see_server(found.push(&container.place, message), inventory, container);
        } else if let Some(mode) = container
            .literal("DB_SSL_MODE")
            .filter(|mode| *mode != "require")
        {
            let message = format!("`DB_SSL_MODE` of `{name}` is `{mode}`");
            let place = container.place_of("DB_SSL_MODE");
            see_server(found.push(place, message), inventory, container);
        }
    }
}

/// Names the server that a container uses, or how it calls one that is elsewhere.
fn see_server(finding: &mut Finding, inventory: &Inventory, container: &Container) {
    let host = filled(container, "DB_HOST");
    let server = host.and_then(|it| server_of(inventory, &it.value));
    if let Some(server) = server.or(inventory.postgres.first()) {
        finding.see(&server.place, "the server");
    } else if let Some(host) = host {
        finding.see(&host.place, "`DB_HOST`, a server of Azure");
    }
}

fn database(inventory: &Inventory, found: &mut Findings) {
    for (workload, container) in inventory.containers() {
        if !(container.role.is_application() || container.role == DAEMON) {
            continue;
        }
        for (host, name) in [
            ("DB_HOST", "DB_DATABASE"),
            ("PGVECTOR_HOST", "PGVECTOR_DATABASE"),
        ] {
            let (Some(host), Some(database)) = (filled(container, host), filled(container, name))
            else {
                continue;
            };
            let Some(server) = server_of(inventory, &host.value).filter(|it| it.children_seen)
            else {
                continue;
            };
            let known = server
                .databases
                .iter()
                .any(|(it, _)| it.same(&database.value) != Some(false));
            let system = database.value.literal() == Some("postgres");
            if !known && !system && database.value.literal().is_some() {
                let message = format!(
                    "`{name}` of `{}` is `{}`, and nothing creates that database",
                    label(workload, container),
                    database.value.shown()
                );
                found
                    .push(&database.place, message)
                    .see(&server.place, "the server");
            }
        }
    }
}

fn one_server(inventory: &Inventory, found: &mut Findings) {
    for name in ["DB_HOST", "DB_DATABASE", "DB_PORT"] {
        same_everywhere(inventory, found, name);
    }
}

/// Finds services of the application whose variable differs from the first one's.
pub(super) fn same_everywhere(inventory: &Inventory, found: &mut Findings, name: &str) {
    let with = services_of_application(inventory)
        .filter_map(|(workload, it)| Some((workload, it, filled(it, name)?)));
    let mut with = with
        .collect::<Vec<(&Workload, &Container, _)>>()
        .into_iter();
    let Some((first_workload, first, expected)) = with.next() else {
        return;
    };
    for (workload, container, variable) in with {
        if variable.value.same(&expected.value) == Some(false) {
            let message = format!(
                "`{name}` of `{}` differs from that of `{}`",
                label(workload, container),
                label(first_workload, first)
            );
            found.push(&variable.place, message).see(
                &expected.place,
                format!("`{name}` of `{}`", label(first_workload, first)),
            );
        }
    }
}

fn extensions(inventory: &Inventory, found: &mut Findings) {
    for server in inventory.postgres.iter().filter(|it| it.children_seen) {
        let mut used = false;
        let mut needed = vec!["UUID-OSSP"];
        for (_, container) in services_of_application(inventory) {
            let host = filled(container, "DB_HOST");
            used |= host.is_some_and(|it| {
                server_of(inventory, &it.value).is_some_and(|it| std::ptr::eq(it, server))
            });
            if container.literal("VECTOR_STORE") == Some("pgvector") && !needed.contains(&"VECTOR")
            {
                needed.push("VECTOR");
            }
        }
        if !used && inventory.postgres.len() > 1 {
            continue;
        }
        let lists: Vec<&Configuration> = server
            .configurations
            .iter()
            .filter(|it| it.name.eq_ignore_ascii_case("azure.extensions"))
            .collect();
        let values: Option<Vec<&str>> = lists
            .iter()
            .map(|it| it.value.as_ref()?.literal())
            .collect();
        let Some(values) = values else {
            continue;
        };
        let listed = values.join(",").to_ascii_uppercase();
        let listed: Vec<&str> = listed.split(',').map(str::trim).collect();
        let missing: Vec<&str> = needed
            .into_iter()
            .filter(|it| !listed.contains(it))
            .collect();
        if !missing.is_empty() {
            let place = lists.first().map_or(&server.place, |it| &it.place);
            let message = format!("`azure.extensions` lacks {}", missing.join(" and "));
            let finding = found.push(place, message);
            let mut all = services_of_application(inventory);
            if let Some((_, container)) = all.next() {
                finding.see(container.place_of("VECTOR_STORE"), "what needs them");
            }
        }
    }
}

fn parallel(inventory: &Inventory, found: &mut Findings) {
    for server in inventory.postgres.iter().filter(|it| it.order_seen) {
        let all: Vec<&Configuration> = server.configurations.iter().take(200).collect();
        for (index, one) in all.iter().enumerate() {
            let free = all[index + 1..].iter().find(|other| {
                let settings = !one.is_database || !other.is_database;
                settings && !ordered(&all, one, other)
            });
            if let Some(other) = free {
                let message = format!(
                    "`{}` and `{}` of one server are written at once",
                    one.name, other.name
                );
                found
                    .push(&one.place, message)
                    .see(&other.place, format!("`{}`", other.name));
            }
        }
    }
}

/// Whether one waits for the other, over any number of steps.
fn ordered(all: &[&Configuration], one: &Configuration, other: &Configuration) -> bool {
    reaches(all, one, other) || reaches(all, other, one)
}

fn reaches(all: &[&Configuration], from: &Configuration, to: &Configuration) -> bool {
    let mut seen = vec![false; all.len()];
    let mut open = vec![from];
    while let Some(next) = open.pop() {
        for (index, candidate) in all.iter().enumerate() {
            if seen[index] || !next.depends_on.iter().any(|it| names(it, &candidate.id)) {
                continue;
            }
            if std::ptr::eq(*candidate, to) {
                return true;
            }
            seen[index] = true;
            open.push(candidate);
        }
    }
    false
}

/// Whether what a resource waits for is the one with this id: whole ids, or names alone.
fn names(waits_for: &Seen, id: &Seen) -> bool {
    if waits_for.same(id) == Some(true) {
        return true;
    }
    let (waits_for, id) = (waits_for.shown().to_lowercase(), id.shown().to_lowercase());
    !id.is_empty() && waits_for.ends_with(&id)
}

fn vector_port(inventory: &Inventory, found: &mut Findings) {
    for (workload, container) in services_of_application(inventory) {
        let azure = filled(container, "PGVECTOR_HOST").is_some_and(|host| is_azure(&host.value));
        if container.literal("VECTOR_STORE") != Some("pgvector") || !azure {
            continue;
        }
        let port = container.literal("PGVECTOR_PORT");
        if lacks(container, "PGVECTOR_PORT")
            || port.is_some_and(|port| port != "5432" && port != "6432")
        {
            let message = format!(
                "pgvector of `{}` is called on another port than 5432",
                label(workload, container)
            );
            let place = container.place_of("PGVECTOR_PORT");
            see_server(found.push(place, message), inventory, container);
        }
    }
}

fn overwritten(inventory: &Inventory, found: &mut Findings) {
    for server in &inventory.postgres {
        for (index, one) in server.configurations.iter().enumerate() {
            let again = server.configurations[index + 1..].iter().find(|it| {
                it.name.eq_ignore_ascii_case(&one.name) && it.is_database == one.is_database
            });
            if let Some(again) = again {
                let message = format!("`{}` of one server is written twice", one.name);
                found
                    .push(&again.place, message)
                    .see(&one.place, "the first time");
            }
        }
    }
}

fn own_database(inventory: &Inventory, found: &mut Findings) {
    let api = services_of_application(inventory)
        .find_map(|(_, it)| Some((filled(it, "DB_HOST")?, filled(it, "DB_DATABASE")?)));
    let Some((host, database)) = api else {
        return;
    };
    for (workload, container) in inventory.of(DAEMON) {
        let (Some(own_host), Some(own)) = (
            filled(container, "DB_HOST"),
            filled(container, "DB_DATABASE"),
        ) else {
            continue;
        };
        let same = own.value.same(&database.value) == Some(true);
        if same && own_host.value.same(&host.value) != Some(false) {
            let message = format!("`{}` uses the API's database", label(workload, container));
            found
                .push(&own.place, message)
                .see(&database.place, "the API's `DB_DATABASE`");
        }
    }
}

fn vector_store(inventory: &Inventory, found: &mut Findings) {
    for (workload, container) in services_of_application(inventory) {
        if lacks(container, "VECTOR_STORE") {
            let message = format!("`{}` has no `VECTOR_STORE`", label(workload, container));
            let finding = found.push(container.place_of("VECTOR_STORE"), message);
            let mut others = services_of_application(inventory);
            let other = others.find_map(|(_, it)| filled(it, "VECTOR_STORE"));
            if let Some(other) = other {
                finding.see(&other.place, "another service of the application has one");
            }
        }
    }
    same_everywhere(inventory, found, "VECTOR_STORE");
}
