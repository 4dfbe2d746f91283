//! PostgreSQL.

use std::collections::{BTreeMap, HashMap, HashSet};

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
    &super::identities::PASSWORD,
    &super::identities::LOGIN,
    &super::identities::PORT,
    &super::identities::NO_SERVER,
    &super::siblings::VECTORS,
    &super::migration::SAME_DATABASE,
    &super::switches::PLAIN_DATABASE,
    &super::switches::UNREACHABLE,
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
    good: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-plugin-daemon", "properties": {"template": {"containers": [{"name": "plugin-daemon", "env": [{"name": "DB_SSL_MODE", "value": "require"}]}]}}}]"#,
    ),
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
    good: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-plugin-daemon", "properties": {"template": {"containers": [{"name": "plugin-daemon", "env": [{"name": "DB_DATABASE", "value": "plugins"}]}]}}}, {"$add": true, "type": "Microsoft.DBforPostgreSQL/flexibleServers/databases", "$childOf": "Microsoft.DBforPostgreSQL/flexibleServers", "$child": "plugins", "dependsOn": ["[resourceId('Microsoft.DBforPostgreSQL/flexibleServers/databases', concat('dify-dev-postgres-', parameters('suffix')), 'dify_plugin')]"]}]"#,
    ),
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
        r#"[{"type": "Microsoft.DBforPostgreSQL/flexibleServers/databases", "name": "[concat('dify-dev-postgres-', parameters('suffix'), '/dify')]", "dependsOn": ["[resourceId('Microsoft.DBforPostgreSQL/flexibleServers', concat('dify-dev-postgres-', parameters('suffix')))]"]}]"#,
    ),
    good: Sample::resources(
        r#"[{"type": "Microsoft.DBforPostgreSQL/flexibleServers/databases", "name": "[concat('dify-dev-postgres-', parameters('suffix'), '/dify')]", "dependsOn": ["[resourceId('Microsoft.DBforPostgreSQL/flexibleServers/configurations', concat('dify-dev-postgres-', parameters('suffix')), 'azure.extensions')]"]}]"#,
    ),
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
    good: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-worker", "properties": {"template": {"containers": [{"name": "worker", "env": [{"name": "PGVECTOR_PORT", "value": "5432"}]}]}}}]"#,
    ),
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
        r#"[{"$add": true, "type": "Microsoft.DBforPostgreSQL/flexibleServers/configurations", "$copyOf": "Microsoft.DBforPostgreSQL/flexibleServers/configurations", "dependsOn": ["[resourceId('Microsoft.DBforPostgreSQL/flexibleServers/databases', concat('dify-dev-postgres-', parameters('suffix')), 'dify_plugin')]"], "properties": {"value": "VECTOR,UUID-OSSP,PG_TRGM"}}]"#,
    ),
    good: Sample::resources(
        r#"[{"type": "Microsoft.DBforPostgreSQL/flexibleServers/configurations", "properties": {"value": "VECTOR,UUID-OSSP,PG_TRGM"}}]"#,
    ),
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
pub(super) fn is_azure(host: &Seen) -> bool {
    let end = host.end().to_ascii_lowercase();
    // The zone is `privatelink.` and the domain of public names.
    AzureCloud::ALL.iter().any(|cloud| {
        let domain = cloud.postgres_zone().trim_start_matches("privatelink");
        end.ends_with(domain)
    })
}

/// The server of the inventory that a host names.
pub(super) fn server_of<'a>(inventory: &'a Inventory, host: &Seen) -> Option<&'a PostgresServer> {
    let name = name_of(host)?;
    inventory
        .postgres
        .iter()
        .find(|it| it.name.same(&name) == Some(true))
}

/// The name of the server that a host names.
fn name_of(host: &Seen) -> Option<Seen> {
    let (name, _) = host.split_once('.')?;
    is_azure(host).then_some(name)
}

/// Servers by name, for whoever looks for those of all containers.
pub(super) struct Servers(HashMap<Vec<u8>, usize>);

impl Servers {
    pub(super) fn of(inventory: &Inventory) -> Self {
        let mut servers = HashMap::new();
        for (index, server) in inventory.postgres.iter().enumerate() {
            servers.entry(server.name.canonical()).or_insert(index);
        }
        Self(servers)
    }

    /// The index of the server that a container's database is on.
    pub(super) fn used_by(&self, container: &Container) -> Option<usize> {
        let host = filled(container, "DB_HOST")?;
        self.0.get(&name_of(&host.value)?.canonical()).copied()
    }
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
    let servers = Servers::of(inventory);
    let mut used = HashSet::new();
    let mut all_need = vec!["UUID-OSSP"];
    for (_, container) in services_of_application(inventory) {
        used.extend(servers.used_by(container));
        if container.literal("VECTOR_STORE") == Some("pgvector") && !all_need.contains(&"VECTOR") {
            all_need.push("VECTOR");
        }
    }
    for (index, server) in inventory.postgres.iter().enumerate() {
        let used = used.contains(&index) || inventory.postgres.len() == 1;
        if !used || !server.children_seen {
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
        let missing: Vec<&str> = all_need
            .iter()
            .copied()
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
        let all = &server.configurations[..server.configurations.len().min(MOST_WRITES)];
        let waits = waits(all);
        for (index, one) in all.iter().enumerate() {
            let free = (index + 1..all.len()).find(|&other| {
                let settings = !one.is_database || !all[other].is_database;
                settings && !waits[index].contains(other) && !waits[other].contains(index)
            });
            if let Some(other) = free.map(|other| &all[other]) {
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

/// Writes to one server that are looked at; as many as a [`Writes`] has room for.
const MOST_WRITES: usize = 256;

/// Some of the writes to one server, by their numbers.
#[derive(Clone, Copy, Default)]
struct Writes([u64; MOST_WRITES / 64]);

impl Writes {
    fn insert(&mut self, number: usize) {
        self.0[number / 64] |= 1 << (number % 64);
    }

    fn contains(&self, number: usize) -> bool {
        self.0[number / 64] & 1 << (number % 64) != 0
    }

    fn extend(&mut self, others: Self) {
        for (word, other) in self.0.iter_mut().zip(others.0) {
            *word |= other;
        }
    }
}

/// For each write those that it waits for, over any number of steps.
fn waits(all: &[Configuration]) -> Vec<Writes> {
    // What is waited for ends with an id, or with a name alone: ids are looked up by their lengths.
    let mut ids: BTreeMap<usize, HashMap<String, Writes>> = BTreeMap::new();
    for (number, one) in all.iter().enumerate() {
        let id = one.id.shown().to_lowercase();
        if !id.is_empty() {
            let same = ids.entry(id.len()).or_default().entry(id);
            same.or_default().insert(number);
        }
    }
    let direct = |one: &Configuration| {
        let mut waits = Writes::default();
        for it in &one.depends_on {
            let it = it.shown().to_lowercase();
            for (length, ids) in ids.range(..=it.len()) {
                let end = it.get(it.len() - length..);
                if let Some(known) = end.and_then(|end| ids.get(end)) {
                    waits.extend(*known);
                }
            }
        }
        waits
    };
    let mut waits: Vec<Writes> = all.iter().map(direct).collect();
    for between in 0..all.len() {
        let further = waits[between];
        for one in waits.iter_mut().filter(|it| it.contains(between)) {
            one.extend(further);
        }
    }
    waits
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
        let mut first = HashMap::new();
        for one in &server.configurations {
            let key = (one.name.to_ascii_lowercase(), one.is_database);
            let Some(before) = first.insert(key, one) else {
                continue;
            };
            let message = format!("`{}` of one server is written twice", one.name);
            found
                .push(&one.place, message)
                .see(&before.place, "the first time");
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
    let other = services_of_application(inventory).find_map(|(_, it)| filled(it, "VECTOR_STORE"));
    for (workload, container) in services_of_application(inventory) {
        if lacks(container, "VECTOR_STORE") {
            let message = format!("`{}` has no `VECTOR_STORE`", label(workload, container));
            let finding = found.push(container.place_of("VECTOR_STORE"), message);
            if let Some(other) = other {
                finding.see(&other.place, "another service of the application has one");
            }
        }
    }
    same_everywhere(inventory, found, "VECTOR_STORE");
}
