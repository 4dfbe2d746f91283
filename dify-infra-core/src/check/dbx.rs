//! Rules about PostgreSQL.

use super::rule::{Family, Rule, Sample};
use crate::catalogue::{ImageKind, ServiceKind};
use crate::deployment::{Deployment, Origin, Service, Standby};
use crate::diagnostic::{Diagnostics, KeyPath, Severity};

/// Replicas of api and worker together that a burstable server carries for long.
const MOST_ON_BURSTABLE: u16 = 4;

/// The vector store that is wired when the file names no other.
const DEFAULT_VECTOR_STORE: &str = "pgvector";

const ERROR: Rule = Rule::of(Family::Dbx, Severity::Error);

/// All rules of the family.
pub(super) const RULES: &[&Rule] = &[
    &AZURE_WIDE,
    &BURSTABLE,
    &VERSION,
    &ADMINISTRATOR,
    &VECTOR_STORE,
    &WIRED,
    &EXISTING,
    &STANDBY,
    &DATABASES,
];

const AZURE_WIDE: Rule = Rule {
    id: "DBX001",
    title: "PostgreSQL is not open to all of Azure",
    why: "The firewall rule 0.0.0.0, which lets Container Apps without a network of their own \
          through, lets everything through that runs in Azure, of any tenant. TLS and the \
          password are what guards the server.",
    source: "azure-cli 2.91.0 postgres flexible-server firewall-rule; learn.microsoft.com concepts-firewall-rules",
    fix: "Set `private_endpoints = true` under `[network]`, which closes it; or keep the generated \
          password.",
    bad: Sample::part(""),
    good: Sample::part("[data.postgres]\nexisting = \"my-server\"\nadministrator = \"dify\""),
    check: Some(azure_wide),
    ..Rule::of(Family::Dbx, Severity::Note)
};

const BURSTABLE: Rule = Rule {
    id: "DBX002",
    title: "A burstable server carries a small deployment",
    why: "Burstable servers live on credits: when they are used up, queries become many times \
          slower. They have neither PgBouncer nor a standby.",
    source: "learn.microsoft.com postgresql/concepts-compute, concepts-pgbouncer",
    fix: "Use a general purpose size such as Standard_D2ds_v5.",
    bad: Sample::part(
        "[data.postgres]\nsku = \"Standard_B2ms\"\n\n[services.worker]\n\
         replicas = { min = 1, max = 5 }",
    ),
    good: Sample::part(
        "[data.postgres]\nsku = \"Standard_D2ds_v5\"\n\n[services.worker]\n\
         replicas = { min = 1, max = 5 }",
    ),
    check: Some(burstable),
    ..Rule::of(Family::Dbx, Severity::Warning)
};

pub(crate) const VERSION: Rule = Rule {
    id: "DBX003",
    title: "PostgreSQL is of a supported version",
    why: "Versions 11 to 13 cost extra since 2026-08-01, and Azure creates no others than 11 to 18.",
    source: "learn.microsoft.com postgresql/concepts-supported-versions",
    fix: "Use 14 to 18; 16 is the default.",
    bad: Sample::part("[data.postgres]\nversion = 12"),
    good: Sample::part("[data.postgres]\nversion = 17"),
    ..ERROR
};

pub(crate) const ADMINISTRATOR: Rule = Rule {
    id: "DBX004",
    title: "The administrator's login is one that Azure takes",
    why: "Azure keeps some names for itself, and the login stands unquoted in the plugin daemon's \
          connection string. It can't be changed later.",
    source: "learn.microsoft.com postgresql/quickstart-create-server; langgenius/dify-plugin-daemon internal/db",
    fix: "Use letters, digits and `_`, beginning with a letter, and none of admin, administrator, \
          root, guest, public, azure_superuser, azure_pg_admin and names that begin with pg_.",
    bad: Sample::part("[data.postgres]\nadministrator = \"admin\""),
    good: Sample::part("[data.postgres]\nadministrator = \"difyadmin\""),
    ..ERROR
};

const VECTOR_STORE: Rule = Rule {
    id: "DBX005",
    title: "All of Dify uses the same vector store",
    why: "The worker writes what the API searches; when each looks into another store, every \
          knowledge base is empty.",
    source: "langgenius/dify#18119, #23454",
    fix: "Set `VECTOR_STORE` on api, worker, worker_beat and api_websocket alike, or on none.",
    bad: Sample::part("[services.api.env]\nVECTOR_STORE = \"qdrant\""),
    good: Sample::part(
        "[services.api.env]\nVECTOR_STORE = \"qdrant\"\n\
         [services.api_websocket.env]\nVECTOR_STORE = \"qdrant\"\n\
         [services.worker.env]\nVECTOR_STORE = \"qdrant\"\n\
         [services.worker_beat.env]\nVECTOR_STORE = \"qdrant\"",
    ),
    check: Some(vector_store),
    ..ERROR
};

pub(super) const WIRED: Rule = Rule {
    id: "DBX006",
    title: "PostgreSQL is wired in one place",
    why: "Host, database, login and TLS are derived from the server that is deployed: the plugin \
          daemon without `DB_SSL_MODE=require`, or pgvector on its default port 5433, never connects.",
    source: "langgenius/dify-plugin-daemon#28; langgenius/dify#15496",
    fix: "Remove the variable; choose the server under `[data.postgres]`.",
    bad: Sample::part("[services.plugin_daemon.env]\nDB_SSL_MODE = \"disable\""),
    good: Sample::part("[data.postgres]\nsku = \"Standard_B2s\""),
    ..ERROR
};

const EXISTING: Rule = Rule {
    id: "DBX007",
    title: "The password of an existing server is at hand",
    why: "Nobody can read a server's password back from Azure, and a server that is not ours is \
          never given a new one.",
    source: "Azure/azure-rest-api-specs flexibleServers: the password is write-only",
    fix: "Put it into the secrets file as POSTGRES_PASSWORD, and let the server in through its \
          firewall.",
    bad: Sample::part("[data.postgres]\nexisting = \"my-server\"\nadministrator = \"dify\""),
    good: Sample::part(""),
    check: Some(existing),
    ..Rule::of(Family::Dbx, Severity::Note)
};

const STANDBY: Rule = Rule {
    id: "DBX008",
    title: "A standby belongs to a size that can have one",
    why: "Burstable servers have no high availability: Azure refuses the server, minutes into a \
          run.",
    source: "learn.microsoft.com postgresql/concepts-high-availability; azure-cli 2.91.0 validators",
    fix: "Use a general purpose size such as Standard_D2ds_v5, or `high_availability = \"off\"`.",
    bad: Sample::part(
        "[data.postgres]\nsku = \"Standard_B2s\"\nhigh_availability = \"zone-redundant\"",
    ),
    good: Sample::part(
        "[data.postgres]\nsku = \"Standard_D2ds_v5\"\nhigh_availability = \"zone-redundant\"",
    ),
    check: Some(standby),
    ..ERROR
};

fn standby(deployment: &Deployment, diagnostics: &mut Diagnostics) {
    let postgres = deployment.postgres();
    let is_asked = postgres.high_availability != Standby::Off;
    if is_asked && postgres.origin == Origin::Managed && postgres.tier == "Burstable" {
        let message = format!("`{}` is burstable and can't have a standby", postgres.sku);
        let path = KeyPath::of("data.postgres.high_availability");
        diagnostics.push(STANDBY.finding(path, message));
    }
}

const DATABASES: Rule = Rule {
    id: "DBX009",
    title: "The plugin daemon has a database of its own",
    why: "API and plugin daemon make their tables with tools of their own, which take each other's for \
          damage when they find them.",
    source: "langgenius/dify 1.16.0 docker/.env.example: DB_DATABASE and DB_PLUGIN_DATABASE",
    fix: "Give `database` and `plugin_database` different names.",
    bad: Sample::part("[data.postgres]\ndatabase = \"one\"\nplugin_database = \"one\""),
    good: Sample::part("[data.postgres]\ndatabase = \"team\"\nplugin_database = \"team_plugin\""),
    check: Some(databases),
    ..ERROR
};

fn databases(deployment: &Deployment, diagnostics: &mut Diagnostics) {
    let postgres = deployment.postgres();
    if postgres.database == postgres.plugin_database {
        let message = format!(
            "`{}` is Dify's database and the plugin daemon's",
            postgres.database
        );
        diagnostics.push(DATABASES.finding(KeyPath::of("data.postgres.plugin_database"), message));
    }
}

fn azure_wide(deployment: &Deployment, diagnostics: &mut Diagnostics) {
    let is_ours = deployment.postgres().origin == Origin::Managed;
    if is_ours && deployment.private_endpoints().is_none() {
        let message = "PostgreSQL is reachable from everything that runs in Azure; TLS and its \
                       password guard it";
        diagnostics.push(AZURE_WIDE.finding(KeyPath::of("data.postgres"), message));
    }
}

fn burstable(deployment: &Deployment, diagnostics: &mut Diagnostics) {
    let postgres = deployment.postgres();
    let most: u16 = [ServiceKind::Api, ServiceKind::Worker]
        .into_iter()
        .filter_map(|kind| deployment.service(kind))
        .map(|service| service.replicas.max())
        .sum();
    if postgres.tier == "Burstable" && most > MOST_ON_BURSTABLE {
        let message = format!(
            "`{}` is a burstable server under up to {most} replicas of api and worker",
            postgres.sku
        );
        diagnostics.push(BURSTABLE.finding(KeyPath::of("data.postgres.sku"), message));
    }
}

/// The vector store that a service uses.
fn vector_store_of(service: &Service) -> &str {
    service
        .plain_variable("VECTOR_STORE")
        .unwrap_or(DEFAULT_VECTOR_STORE)
}

fn vector_store(deployment: &Deployment, diagnostics: &mut Diagnostics) {
    let Some(store) = deployment.service(ServiceKind::Api).map(vector_store_of) else {
        return;
    };
    let others = deployment
        .services()
        .filter(|service| service.kind.image() == ImageKind::Api);
    for service in others {
        let other = vector_store_of(service);
        if other == store {
            continue;
        }
        let path = KeyPath::of("services")
            .key(service.kind.key())
            .key("env")
            .key("VECTOR_STORE");
        let message = format!(
            "`{}` uses the vector store `{other}`, but `api` uses `{store}`",
            service.kind
        );
        diagnostics.push(VECTOR_STORE.finding(path, message));
    }
}

fn existing(deployment: &Deployment, diagnostics: &mut Diagnostics) {
    if let Origin::Existing(server) = &deployment.postgres().origin {
        let message = format!(
            "the server `{server}` is not ours: the password of `{}` must be in the secrets file",
            deployment.postgres().administrator
        );
        diagnostics.push(EXISTING.finding(KeyPath::of("data.postgres.existing"), message));
    }
}
