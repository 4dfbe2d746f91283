//! The environment of each service: which variables, which secrets, from which source.
//!
//! Every value has one source here, so that the two sides of a pair can't differ: the sandbox's
//! `API_KEY` and the API's `CODE_EXECUTION_API_KEY` are one secret, every public URL derives from
//! one origin. A variable that the release's image does not read is never set; secrets are set by
//! reference alone. Names and meanings are those of langgenius/dify `api/configs`,
//! langgenius/dify-sandbox `internal/static/config.go` and langgenius/dify-plugin-daemon
//! `internal/types/app/config.go`.

use std::collections::BTreeMap;

use super::{Deployment, VariableValue};
use crate::catalogue::{ServiceFacts, ServiceKind, VariableTable};
use crate::names::AppSecretName;
use crate::resource::Text;
use crate::resource::container_apps::EnvironmentVariable;
use crate::secrets::{SecretKind, SecretName};
use crate::values::AzureCloud;

/// Largest plugin package in bytes, 50 MiB. The API's own default is 15 MiB and the daemon's 50:
/// both must say the same, or packages between the two fail half-way.
const PLUGIN_PACKAGE_BYTES: u32 = 52_428_800;

/// Where a container runs: as a service or as the migration job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Role {
    /// One of Dify's services.
    Service(ServiceKind),
    /// The job that migrates the database.
    Migration,
}

/// What other resources contribute to the variables.
#[derive(Debug, Clone, PartialEq)]
pub struct EnvironmentInputs {
    /// Scheme of the public origin: `https` or `http`.
    pub public_scheme: String,
    /// Host (and port) of the public origin.
    pub public_host: Text,
    /// Host of each app inside the environment: the app's name.
    pub hosts: BTreeMap<ServiceKind, String>,
    /// Host of the PostgreSQL server.
    pub postgres_host: Text,
    /// Host of Redis.
    pub redis_host: Text,
    /// Access key of Redis.
    pub redis_key: Text,
    /// Name of the storage account.
    pub storage_account: String,
    /// Key of the storage account.
    pub storage_key: Text,
    /// Client id of the identity that signs in to the storage account instead of the key.
    pub storage_client: Option<Text>,
    /// How the data services are spoken to.
    pub data: DataAccess,
}

/// How containers speak to the data services: with Azure's, or with programs that stand in for them.
#[derive(Debug, Clone, PartialEq)]
pub struct DataAccess {
    /// Whether PostgreSQL is reached over TLS.
    pub postgres_tls: bool,
    /// Port of Redis.
    pub redis_port: u16,
    /// Whether Redis is reached over TLS.
    pub redis_tls: bool,
    /// URL of the storage account's blobs where it is not Azure's own, as
    /// `http://azurite:10000/difylocal`.
    pub blob_url: Option<String>,
}

impl DataAccess {
    /// Azure's services: TLS everywhere, Azure Managed Redis on its one port.
    pub fn azure() -> Self {
        Self {
            postgres_tls: true,
            redis_port: 10000,
            redis_tls: true,
            blob_url: None,
        }
    }
}

/// A secret of an app: its name there and its value.
#[derive(Debug, Clone, PartialEq)]
pub struct AppSecret {
    /// The name that variables refer to.
    pub name: AppSecretName,
    /// The value.
    pub value: Text,
}

/// The variables of a container and the secrets they refer to.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ServiceEnvironment {
    /// Variables, ordered by name, each once.
    pub variables: Vec<EnvironmentVariable>,
    /// Secrets, ordered by name: exactly those that the variables refer to.
    pub secrets: Vec<AppSecret>,
}

/// The environment of one container.
pub fn environment_of(
    deployment: &Deployment,
    role: Role,
    inputs: &EnvironmentInputs,
) -> ServiceEnvironment {
    let table_of = match role {
        Role::Service(kind) => kind,
        Role::Migration => ServiceKind::Api,
    };
    let mut writer = Writer {
        table: deployment.release().variables(table_of),
        variables: BTreeMap::new(),
        deployment,
        inputs,
    };
    writer.fill(role);
    if let Role::Service(kind) = role {
        writer.set_from_file(kind);
    }
    writer.finish()
}

/// A variable's value before secrets are collected.
#[derive(Debug, Clone)]
enum Setting {
    Plain(Text),
    Secret(AppSecret),
}

struct Writer<'a> {
    table: VariableTable<'a>,
    variables: BTreeMap<String, Setting>,
    deployment: &'a Deployment,
    inputs: &'a EnvironmentInputs,
}

impl Writer<'_> {
    fn fill(&mut self, role: Role) {
        match role {
            Role::Migration => self.migration(),
            Role::Service(
                kind @ (ServiceKind::Api
                | ServiceKind::ApiWebsocket
                | ServiceKind::Worker
                | ServiceKind::WorkerBeat),
            ) => self.api(kind),
            Role::Service(ServiceKind::Web) => self.web(),
            Role::Service(ServiceKind::Sandbox) => self.sandbox(),
            Role::Service(ServiceKind::PluginDaemon) => self.plugin_daemon(),
            // Both are started with rendered files and read no variable.
            Role::Service(ServiceKind::Nginx | ServiceKind::SsrfProxy) => {}
        }
    }

    /// Sets a variable, unless this release's image does not read it.
    fn set(&mut self, name: &str, value: impl Into<Text>) {
        if self.table.is_read(name).is_yes() {
            self.variables
                .insert(name.to_owned(), Setting::Plain(value.into()));
        }
    }

    /// Sets a variable from a generated secret.
    fn secret(&mut self, name: &str, kind: SecretKind) {
        self.named_secret(name, &SecretName::from(kind));
    }

    fn named_secret(&mut self, name: &str, secret: &SecretName) {
        self.derived(name, secret.as_str(), Text::secret(secret));
    }

    /// Sets a variable from a secret that is put together from others.
    fn derived(&mut self, name: &str, secret: &str, value: Text) {
        let Ok(secret) = AppSecretName::parse(secret) else {
            return;
        };
        if self.table.is_read(name).is_yes() {
            self.variables.insert(
                name.to_owned(),
                Setting::Secret(AppSecret {
                    name: secret,
                    value,
                }),
            );
        }
    }

    /// The URL of a service inside the environment: app name and exposed port, since the
    /// `.internal.` name of a tcp app hangs (microsoft/azure-container-apps#540).
    fn url(&self, kind: ServiceKind) -> String {
        let host = self
            .inputs
            .hosts
            .get(&kind)
            .map(String::as_str)
            .unwrap_or_default();
        let port = self
            .deployment
            .release()
            .service(kind)
            .and_then(ServiceFacts::port);
        format!("http://{host}:{}", port.unwrap_or_default())
    }

    fn origin(&self) -> Text {
        Text::from(format!("{}://", self.inputs.public_scheme)).and(self.inputs.public_host.clone())
    }

    fn process(&mut self, environment: &BTreeMap<String, String>) {
        for (name, value) in environment {
            self.set(name, value.as_str());
        }
    }

    fn api(&mut self, kind: ServiceKind) {
        let facts = self.deployment.release().service(kind);
        self.process(
            &facts
                .map(|facts| facts.environment.clone())
                .unwrap_or_default(),
        );
        self.set("MIGRATION_ENABLED", "false");
        self.state();
        self.vectors();
        self.sandbox_and_proxy();
        self.plugins();
        self.public_urls();
        if kind == ServiceKind::Api {
            self.secret("INIT_PASSWORD", SecretKind::InitPassword);
            // One gevent process takes 10 connections by default, and every SSE stream holds one.
            self.set("SERVER_WORKER_CONNECTIONS", "200");
        }
    }

    fn migration(&mut self) {
        let job = self.deployment.release().migration();
        self.process(&job.environment);
        self.state();
    }

    /// Signing key, database, Redis, broker and storage: what the application needs to load.
    fn state(&mut self) {
        let postgres = self.deployment.postgres();
        let host = self.inputs.postgres_host.clone();
        let pools = postgres.pools();
        self.secret("SECRET_KEY", SecretKind::SecretKey);
        self.set("DB_TYPE", "postgresql");
        self.set("DB_HOST", host);
        self.set("DB_PORT", "5432");
        self.set("DB_USERNAME", postgres.administrator.as_str());
        self.secret("DB_PASSWORD", SecretKind::PostgresPassword);
        self.set("DB_DATABASE", postgres.database.as_str());
        if self.inputs.data.postgres_tls {
            // psycopg2 has no TLS setting of its own in Dify; this is the only way to force it.
            self.set("DB_EXTRAS", "sslmode=require");
        }
        self.set("SQLALCHEMY_POOL_SIZE", pools.size.to_string());
        self.set("SQLALCHEMY_MAX_OVERFLOW", pools.overflow.to_string());
        self.redis();
        if self.inputs.data.redis_tls {
            self.set("REDIS_SSL_CERT_REQS", "CERT_REQUIRED");
        }
        // Azure cuts connections that are silent for ten minutes.
        self.set("REDIS_KEEPALIVE", "true");
        self.broker();
        self.storage();
    }

    /// Where Redis is: what API and plugin daemon have in common.
    fn redis(&mut self) {
        let (port, tls) = (self.inputs.data.redis_port, self.inputs.data.redis_tls);
        self.set("REDIS_HOST", self.inputs.redis_host.clone());
        self.set("REDIS_PORT", port.to_string());
        self.derived(
            "REDIS_PASSWORD",
            "azure-redis-key",
            self.inputs.redis_key.clone(),
        );
        self.set("REDIS_USE_SSL", tls.to_string());
        // Azure Managed Redis has database 0 alone.
        self.set("REDIS_DB", "0");
    }

    /// `REDIS_USE_SSL` does not reach Celery: only a `rediss://` broker turns TLS on.
    fn broker(&mut self) {
        let data = &self.inputs.data;
        let scheme = if data.redis_tls { "rediss" } else { "redis" };
        let broker = Text::from(format!("{scheme}://:"))
            .and(self.inputs.redis_key.clone().percent_encoded())
            .and("@")
            .and(self.inputs.redis_host.clone())
            .and(format!(":{}/0", data.redis_port));
        self.derived("CELERY_BROKER_URL", "celery-broker-url", broker);
    }

    fn storage_suffix(&self) -> &'static str {
        AzureCloud::of(self.deployment.location()).storage_suffix()
    }

    fn storage(&mut self) {
        let account = self.inputs.storage_account.clone();
        let container = self.deployment.storage().app_container.as_str();
        self.set("STORAGE_TYPE", "azure-blob");
        let url = match &self.inputs.data.blob_url {
            Some(url) => url.clone(),
            None => format!("https://{account}.blob.{}", self.storage_suffix()),
        };
        self.set("AZURE_BLOB_ACCOUNT_URL", url);
        self.set("AZURE_BLOB_ACCOUNT_NAME", account);
        match self.inputs.storage_client.clone() {
            // This word (langgenius/dify#11559) instead of a key means DefaultAzureCredential, which
            // finds a user-assigned identity by AZURE_CLIENT_ID.
            Some(client) => {
                self.set("AZURE_BLOB_ACCOUNT_KEY", "managedidentity");
                self.set("AZURE_CLIENT_ID", client);
            }
            None => self.derived(
                "AZURE_BLOB_ACCOUNT_KEY",
                "azure-storage-key",
                self.inputs.storage_key.clone(),
            ),
        }
        self.set("AZURE_BLOB_CONTAINER_NAME", container);
    }

    fn vectors(&mut self) {
        let postgres = self.deployment.postgres();
        self.set("VECTOR_STORE", "pgvector");
        self.set("PGVECTOR_HOST", self.inputs.postgres_host.clone());
        // The default in Dify's code is 5433.
        self.set("PGVECTOR_PORT", "5432");
        self.set("PGVECTOR_USER", postgres.administrator.as_str());
        self.secret("PGVECTOR_PASSWORD", SecretKind::PostgresPassword);
        self.set("PGVECTOR_DATABASE", postgres.database.as_str());
        self.set(
            "PGVECTOR_MAX_CONNECTION",
            postgres.pools().pgvector.to_string(),
        );
    }

    fn sandbox_and_proxy(&mut self) {
        self.set("CODE_EXECUTION_ENDPOINT", self.url(ServiceKind::Sandbox));
        self.secret("CODE_EXECUTION_API_KEY", SecretKind::SandboxApiKey);
        // One of the two alone is ignored.
        let proxy = self.url(ServiceKind::SsrfProxy);
        self.set("SSRF_PROXY_HTTP_URL", proxy.as_str());
        self.set("SSRF_PROXY_HTTPS_URL", proxy);
    }

    fn plugins(&mut self) {
        self.set("PLUGIN_DAEMON_URL", self.url(ServiceKind::PluginDaemon));
        self.secret("PLUGIN_DAEMON_KEY", SecretKind::PluginDaemonKey);
        self.secret("INNER_API_KEY_FOR_PLUGIN", SecretKind::InnerApiKey);
        self.set("PLUGIN_MAX_PACKAGE_SIZE", PLUGIN_PACKAGE_BYTES.to_string());
    }

    fn public_urls(&mut self) {
        let origin = self.origin();
        for name in [
            "CONSOLE_API_URL",
            "CONSOLE_WEB_URL",
            "SERVICE_API_URL",
            "APP_WEB_URL",
            "FILES_URL",
            "TRIGGER_URL",
        ] {
            self.set(name, origin.clone());
        }
        self.set("ENDPOINT_URL_TEMPLATE", origin.and("/e/{hook_id}"));
        self.set("INTERNAL_FILES_URL", self.url(ServiceKind::Api));
        self.set("RESPECT_XFORWARD_HEADERS_ENABLED", "true");
    }

    fn web(&mut self) {
        let origin = self.origin();
        let socket_scheme = if self.inputs.public_scheme == "http" {
            "ws://"
        } else {
            "wss://"
        };
        // The image's default is the visitor's own machine.
        self.set("CONSOLE_API_URL", origin.clone());
        self.set("APP_API_URL", origin);
        self.set("SERVER_CONSOLE_API_URL", self.url(ServiceKind::Api));
        let socket = Text::from(socket_scheme).and(self.inputs.public_host.clone());
        self.set("NEXT_PUBLIC_SOCKET_URL", socket);
    }

    fn sandbox(&mut self) {
        let proxy = self.url(ServiceKind::SsrfProxy);
        self.secret("API_KEY", SecretKind::SandboxApiKey);
        self.set("GIN_MODE", "release");
        self.set("DEBUG", "false");
        self.set("WORKER_TIMEOUT", "15");
        // The API always asks for the network: `false` makes every code node fail.
        self.set("ENABLE_NETWORK", "true");
        self.set("HTTP_PROXY", proxy.as_str());
        self.set("HTTPS_PROXY", proxy);
        self.set("SANDBOX_PORT", "8194");
    }

    fn plugin_daemon(&mut self) {
        self.set("SERVER_PORT", "5002");
        self.secret("SERVER_KEY", SecretKind::PluginDaemonKey);
        self.set("DIFY_INNER_API_URL", self.url(ServiceKind::Api));
        self.secret("DIFY_INNER_API_KEY", SecretKind::InnerApiKey);
        self.plugin_database();
        self.redis();
        self.plugin_storage();
        self.set("PLUGIN_WORKING_PATH", "/app/storage/cwd");
        self.set("MAX_PLUGIN_PACKAGE_SIZE", PLUGIN_PACKAGE_BYTES.to_string());
        self.set("PLUGIN_MAX_EXECUTION_TIMEOUT", "600");
        self.set("PYTHON_ENV_INIT_TIMEOUT", "120");
        self.set("FORCE_VERIFYING_SIGNATURE", "true");
        // Remote debugging is on by default and listens on a port of its own.
        self.set("PLUGIN_REMOTE_INSTALLING_ENABLED", "false");
        self.set("PPROF_ENABLED", "false");
        // The default probes mirrors at every start and may choose a far one.
        self.set("PIP_MIRROR_AUTO_DETECT", "false");
    }

    fn plugin_database(&mut self) {
        let postgres = self.deployment.postgres();
        let pools = postgres.pools();
        self.set("DB_HOST", self.inputs.postgres_host.clone());
        self.set("DB_PORT", "5432");
        self.set("DB_USERNAME", postgres.administrator.as_str());
        self.secret("DB_PASSWORD", SecretKind::PostgresPassword);
        self.set("DB_DATABASE", postgres.plugin_database.as_str());
        // The default is `disable`, which Azure's server refuses; nothing stricter is accepted.
        let mode = if self.inputs.data.postgres_tls {
            "require"
        } else {
            "disable"
        };
        self.set("DB_SSL_MODE", mode);
        self.set("DB_MAX_OPEN_CONNS", pools.daemon.to_string());
        self.set("DB_MAX_IDLE_CONNS", pools.daemon.min(10).to_string());
    }

    fn plugin_storage(&mut self) {
        let container = self.deployment.storage().plugin_container.as_str();
        self.set("PLUGIN_STORAGE_TYPE", "azure_blob");
        self.set("AZURE_BLOB_STORAGE_CONTAINER_NAME", container);
        match self.inputs.storage_client.clone() {
            Some(client) => {
                let account = &self.inputs.storage_account;
                let url = format!("https://{account}.blob.{}/", self.storage_suffix());
                self.set("AZURE_BLOB_STORAGE_USE_MANAGED_IDENTITY", "true");
                self.set("AZURE_BLOB_STORAGE_ACCOUNT_URL", url);
                self.set("AZURE_CLIENT_ID", client);
            }
            None => self.plugin_connection(),
        }
    }

    fn plugin_connection(&mut self) {
        let (scheme, end) = match &self.inputs.data.blob_url {
            Some(url) => ("http", format!(";BlobEndpoint={url}")),
            None => (
                "https",
                format!(";EndpointSuffix={}", self.storage_suffix()),
            ),
        };
        let connection = Text::from(format!(
            "DefaultEndpointsProtocol={scheme};AccountName={};AccountKey=",
            self.inputs.storage_account
        ))
        .and(self.inputs.storage_key.clone())
        .and(end);
        let name = "AZURE_BLOB_STORAGE_CONNECTION_STRING";
        self.derived(name, "azure-storage-connection-string", connection);
    }

    /// Variables that the file adds or overrides. They are set even when the image is not known
    /// to read them: the check has warned, and the person may know better.
    fn set_from_file(&mut self, kind: ServiceKind) {
        let service = self.deployment.service(kind);
        for (name, value) in service.iter().flat_map(|service| &service.variables) {
            let setting = match value {
                VariableValue::Plain(text) => Setting::Plain(Text::from(text.as_str())),
                VariableValue::Secret(secret) => match AppSecretName::parse(secret.as_str()) {
                    Ok(name) => Setting::Secret(AppSecret {
                        name,
                        value: Text::secret(secret),
                    }),
                    Err(_) => continue,
                },
            };
            self.variables.insert(name.to_string(), setting);
        }
    }

    fn finish(self) -> ServiceEnvironment {
        let mut secrets = BTreeMap::new();
        let mut variables = Vec::with_capacity(self.variables.len());
        for (name, setting) in self.variables {
            variables.push(match setting {
                Setting::Plain(value) => EnvironmentVariable::Plain { name, value },
                Setting::Secret(secret) => {
                    let secret_reference = secret.name.to_string();
                    secrets.insert(secret_reference.clone(), secret);
                    EnvironmentVariable::Secret {
                        name,
                        secret_reference,
                    }
                }
            });
        }
        ServiceEnvironment {
            variables,
            secrets: secrets.into_values().collect(),
        }
    }
}
