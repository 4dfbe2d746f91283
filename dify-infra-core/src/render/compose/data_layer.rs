//! PostgreSQL with pgvector, Redis and Azurite in place of Azure's data services, and what makes
//! databases and blob containers in them.

use super::file::{ComposeService, Condition, Healthcheck, Value};
use super::{ComposeError, ComposeProject};
use crate::deployment::Deployment;
use crate::render::RenderedFile;
use crate::secrets::SecretKind;
use crate::values::ImageReference;

/// PostgreSQL.
pub(super) const POSTGRES: &str = "postgres";
/// Redis.
pub(super) const REDIS: &str = "redis";
/// Blob storage.
pub(super) const AZURITE: &str = "azurite";
/// Makes databases and extensions, then ends.
pub(super) const POSTGRES_SETUP: &str = "postgres_setup";
/// Makes blob containers, then ends.
pub(super) const BLOB_CONTAINERS: &str = "blob_containers";

/// The storage account of Azurite.
pub(super) const ACCOUNT: &str = "difylocal";

/// The named volumes: what outlives containers.
pub(super) const VOLUMES: [&str; 4] = [POSTGRES, REDIS, AZURITE, "plugin_daemon"];

/// What Azure Managed Redis is compatible with.
const REDIS_IMAGE: &str = "redis:7.4-alpine";
/// On Microsoft's registry alone.
const AZURITE_IMAGE: &str = "mcr.microsoft.com/azure-storage/azurite:3.35.0";

const SETUP_SCRIPT: &str = "set-up-postgres.sh";
const REDIS_SCRIPT: &str = "start-redis.sh";
const CONTAINERS_SCRIPT: &str = "create-blob-containers.py";

/// Where PostgreSQL keeps its data: not where the image would, which is one directory up to version 17
/// and another from 18 on (docker-library/postgres, pull request 1259).
const DATA: &str = "/var/lib/dify-infra";

/// Connections that PostgreSQL takes when the pools of the deployment need no more: its own default.
const LEAST_CONNECTIONS: u32 = 100;
/// Connections for people and the setup.
const SPARE_CONNECTIONS: u32 = 20;

/// URL of the account's blobs. Azurite takes the account from the path, since the host has no dot.
pub(super) fn blob_url() -> String {
    format!("http://{AZURITE}:10000/{ACCOUNT}")
}

/// The scripts that the services below are started with.
pub(super) fn files() -> Vec<RenderedFile> {
    let script = |name: &str, text: &str| RenderedFile::public(name, text.to_owned());
    vec![
        script(SETUP_SCRIPT, include_str!("set-up-postgres.sh")),
        script(REDIS_SCRIPT, include_str!("start-redis.sh")),
        script(CONTAINERS_SCRIPT, include_str!("create-blob-containers.py")),
    ]
}

/// The services, those that others wait for first.
pub(super) fn services(
    deployment: &Deployment,
    project: &mut ComposeProject,
) -> Result<Vec<(String, ComposeService)>, ComposeError> {
    let named = |name: &str, service| (name.to_owned(), service);
    Ok(vec![
        named(POSTGRES, postgres(deployment, project)?),
        named(REDIS, redis(deployment, project)?),
        named(AZURITE, azurite(deployment, project)?),
        named(POSTGRES_SETUP, postgres_setup(deployment, project)?),
        named(BLOB_CONTAINERS, blob_containers(deployment, project)),
    ])
}

/// An image, from the deployment's registry where it has one.
fn image(deployment: &Deployment, reference: &str) -> Result<String, ComposeError> {
    let refuse = |reason: String| ComposeError::Image {
        image: reference.to_owned(),
        reason,
    };
    let image: ImageReference = reference
        .parse()
        .map_err(|error| refuse(format!("{error}")))?;
    match deployment.registry() {
        Some(registry) => image
            .with_registry(&registry.prefix)
            .map(|image| image.to_string())
            .map_err(|error| refuse(error.to_string())),
        None => Ok(image.to_string()),
    }
}

/// PostgreSQL of the deployment's version, with pgvector.
fn postgres_image(deployment: &Deployment) -> Result<String, ComposeError> {
    let version = &deployment.postgres().version;
    image(deployment, &format!("pgvector/pgvector:pg{version}"))
}

fn healthcheck(command: &str) -> Healthcheck {
    Healthcheck {
        command: command.to_owned(),
        start_seconds: 60,
    }
}

fn postgres(
    deployment: &Deployment,
    project: &mut ComposeProject,
) -> Result<ComposeService, ComposeError> {
    let needed = deployment.connection_budget().most().unwrap_or(0) + SPARE_CONNECTIONS;
    let connections = needed.max(LEAST_CONNECTIONS);
    let administrator = deployment.postgres().administrator.as_str();
    let password = project.secret(&SecretKind::PostgresPassword.into());
    Ok(ComposeService {
        command: ["postgres", "-c", &format!("max_connections={connections}")]
            .map(str::to_owned)
            .to_vec(),
        environment: [
            ("POSTGRES_USER".to_owned(), administrator.into()),
            ("POSTGRES_PASSWORD".to_owned(), password),
            ("POSTGRES_DB".to_owned(), "postgres".into()),
            // A directory of its own inside of the volume works for every version of the image.
            (
                "PGDATA".to_owned(),
                "/var/lib/postgresql/data/pgdata".into(),
            ),
        ]
        .into(),
        volumes: vec![format!("{POSTGRES}:{DATA}")],
        // While the image prepares a new volume the server listens on a socket alone.
        healthcheck: Some(healthcheck("pg_isready --host 127.0.0.1 --dbname postgres")),
        ..ComposeService::new(postgres_image(deployment)?)
    })
}

fn postgres_setup(
    deployment: &Deployment,
    project: &mut ComposeProject,
) -> Result<ComposeService, ComposeError> {
    let postgres = deployment.postgres();
    let (database, plugins) = (
        postgres.database.as_str(),
        postgres.plugin_database.as_str(),
    );
    let extensions: Vec<String> = postgres
        .extensions
        .iter()
        .map(|extension| extension.to_ascii_lowercase())
        .collect();
    let password = project.secret(&SecretKind::PostgresPassword.into());
    let variable = |name: &str, value: &str| (name.to_owned(), Value::from(value));
    let script = format!("/etc/dify-infra/{SETUP_SCRIPT}");
    Ok(ComposeService {
        entrypoint: vec!["/bin/sh".to_owned(), script.clone()],
        environment: [
            variable("PGHOST", POSTGRES),
            variable("PGUSER", &postgres.administrator),
            ("PGPASSWORD".to_owned(), password),
            variable("PGDATABASE", "postgres"),
            variable("DATABASES", &format!("{database} {plugins}")),
            variable("EXTENSION_DATABASE", database),
            variable("EXTENSIONS", &extensions.join(" ")),
        ]
        .into(),
        volumes: vec![format!("./{SETUP_SCRIPT}:{script}:ro")],
        depends_on: vec![(POSTGRES.to_owned(), Condition::Healthy)],
        is_one_shot: true,
        ..ComposeService::new(postgres_image(deployment)?)
    })
}

fn redis(
    deployment: &Deployment,
    project: &mut ComposeProject,
) -> Result<ComposeService, ComposeError> {
    let script = format!("/etc/dify-infra/{REDIS_SCRIPT}");
    Ok(ComposeService {
        entrypoint: vec!["/bin/sh".to_owned(), script.clone()],
        user: Some("redis"),
        // redis-cli takes the password from this variable, and so does the script.
        environment: [("REDISCLI_AUTH".to_owned(), project.redis_password())].into(),
        volumes: vec![
            format!("./{REDIS_SCRIPT}:{script}:ro"),
            format!("{REDIS}:/data"),
        ],
        healthcheck: Some(healthcheck("[ \"$(redis-cli ping)\" = PONG ]")),
        ..ComposeService::new(image(deployment, REDIS_IMAGE)?)
    })
}

fn azurite(
    deployment: &Deployment,
    project: &mut ComposeProject,
) -> Result<ComposeService, ComposeError> {
    let accounts = Value::from(format!("{ACCOUNT}:")).and(&project.storage_key());
    // SDKs are newer than the newest api-version that an Azurite knows; it can serve them all the same.
    let command = "azurite-blob --blobHost 0.0.0.0 --blobPort 10000 --location /data \
                   --skipApiVersionCheck --disableTelemetry";
    Ok(ComposeService {
        command: command.split(' ').map(str::to_owned).collect(),
        environment: [("AZURITE_ACCOUNTS".to_owned(), accounts)].into(),
        volumes: vec![format!("{AZURITE}:/data")],
        healthcheck: Some(healthcheck(&super::services::tcp_check(10000))),
        ..ComposeService::new(image(deployment, AZURITE_IMAGE)?)
    })
}

/// Runs in the API's image, which has Python and is there anyway.
fn blob_containers(deployment: &Deployment, project: &mut ComposeProject) -> ComposeService {
    let storage = deployment.storage();
    let (files, plugins) = (&storage.app_container, &storage.plugin_container);
    let variable = |name: &str, value: &str| (name.to_owned(), Value::from(value));
    let script = format!("/etc/dify-infra/{CONTAINERS_SCRIPT}");
    ComposeService {
        entrypoint: vec!["python3".to_owned(), script.clone()],
        environment: [
            variable("AZURE_STORAGE_ACCOUNT", ACCOUNT),
            ("AZURE_STORAGE_KEY".to_owned(), project.storage_key()),
            variable("BLOB_URL", &blob_url()),
            variable("CONTAINERS", &format!("{files} {plugins}")),
        ]
        .into(),
        volumes: vec![format!("./{CONTAINERS_SCRIPT}:{script}:ro")],
        depends_on: vec![(AZURITE.to_owned(), Condition::Healthy)],
        is_one_shot: true,
        ..ComposeService::new(deployment.migration().image.to_string())
    }
}
