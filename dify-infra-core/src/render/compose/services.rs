//! Dify's services and the migration.

use std::collections::BTreeMap;

use data_encoding::HEXLOWER;

use super::data_layer::{BLOB_CONTAINERS, POSTGRES_SETUP, REDIS};
use super::file::{ComposeService, Condition, Healthcheck, Limits, Value};
use super::{ComposeError, ComposeOptions, ComposeProject, INNER_NETWORK, OUTER_NETWORK};
use crate::catalogue::{Probe, ServiceKind};
use crate::deployment::{
    Deployment, EnvironmentInputs, Role, Service, ServiceEnvironment, environment_of,
};
use crate::render::{
    NGINX_DIRECTORY, NginxPaths, RenderedFile, SQUID_COMMAND, SQUID_DIRECTORY, nginx_command,
};
use crate::resource::container_apps::EnvironmentVariable;
use crate::values::ConsumptionSize;

/// Migrates the database, then ends.
const MIGRATION: &str = "migration";

/// Looks from the sandbox's place at what is within reach, when asked to.
const EGRESS_CHECK: &str = "egress_check";
const EGRESS_SCRIPT: &str = "check-egress.sh";
const CHECK_PROFILE: &str = "check";

/// What must be out of the sandbox's reach: Azure's and every other cloud's metadata address, Azure's
/// wire server, and the data layer.
const OUT_OF_REACH: &str = "http://169.254.169.254/metadata/instance http://168.63.129.16/ \
                            http://postgres:5432/ http://redis:6379/ http://azurite:10000/";

/// What must be within reach through the proxy, unless the shell's `EGRESS_CHECK_URL` says another.
const ALLOWED_URL: &str = "https://marketplace.dify.ai/";

/// What all services are made of.
pub(super) struct Context<'a> {
    pub deployment: &'a Deployment,
    pub inputs: &'a EnvironmentInputs,
    pub options: &'a ComposeOptions,
    pub nginx: &'a [RenderedFile],
    pub squid: &'a RenderedFile,
}

/// The script of the egress check.
pub(super) fn egress_check_file() -> RenderedFile {
    RenderedFile::public(EGRESS_SCRIPT, include_str!("check-egress.sh").to_owned())
}

/// A shell command that connects to a port of its own container: with what Alpine has, or Debian.
pub(super) fn tcp_check(port: u16) -> String {
    format!("nc -z 127.0.0.1 {port} || bash -c '</dev/tcp/127.0.0.1/{port}'")
}

/// A shell command that asks its own container for a page. Dify's own compose file uses curl for the
/// API and the sandbox, and nginx's image has it; the plugin daemon's has Python (its
/// `docker/local.dockerfile`).
fn http_check(kind: ServiceKind, port: u16, path: &str) -> String {
    let url = format!("http://127.0.0.1:{port}{path}");
    match kind {
        ServiceKind::PluginDaemon => {
            format!("python3 -c 'import urllib.request as u; u.urlopen(\"{url}\", timeout=4)'")
        }
        _ => format!("curl -fsS --noproxy '*' -o /dev/null {url}"),
    }
}

impl Context<'_> {
    /// The migration, the services, and the check that starts only with its profile.
    pub(super) fn services(
        &self,
        project: &mut ComposeProject,
    ) -> Result<Vec<(String, ComposeService)>, ComposeError> {
        let mut services = vec![(MIGRATION.to_owned(), self.migration(project)?)];
        for service in self.deployment.services() {
            let name = service.kind.key().to_owned();
            services.push((name, self.service(service, project)?));
        }
        if let Some(sandbox) = self.deployment.service(ServiceKind::Sandbox) {
            services.push((EGRESS_CHECK.to_owned(), self.egress_check(sandbox)));
        }
        Ok(services)
    }

    fn migration(&self, project: &mut ComposeProject) -> Result<ComposeService, ComposeError> {
        let migration = self.deployment.migration();
        let environment = environment_of(self.deployment, Role::Migration, self.inputs);
        Ok(ComposeService {
            environment: variables(project, environment)?,
            depends_on: data_is_ready(),
            is_one_shot: true,
            limits: Some(limits(migration.size)),
            ..ComposeService::new(migration.image.to_string())
        })
    }

    fn service(
        &self,
        service: &Service,
        project: &mut ComposeProject,
    ) -> Result<ComposeService, ComposeError> {
        let kind = service.kind;
        let environment = environment_of(self.deployment, Role::Service(kind), self.inputs);
        let files = self.files(kind);
        Ok(ComposeService {
            container_name: self.container_name(kind),
            entrypoint: entrypoint(kind),
            environment: variables(project, environment)?,
            ports: self.ports(kind),
            volumes: volumes(kind, files),
            networks: networks(kind),
            depends_on: depends_on(kind),
            healthcheck: self.healthcheck(kind),
            limits: Some(limits(service.size)),
            labels: labels(files),
            ..ComposeService::new(service.image.to_string())
        })
    }

    /// A name of its own keeps Compose from starting two of what there must be one of.
    fn container_name(&self, kind: ServiceKind) -> Option<String> {
        let limits = &self.deployment.release().service(kind)?.replica_limits;
        let name = || format!("{}-{}", self.deployment.prefix(), kind.app_suffix());
        limits.is_exactly_one().then(name)
    }

    fn files(&self, kind: ServiceKind) -> &[RenderedFile] {
        match kind {
            ServiceKind::Nginx => self.nginx,
            ServiceKind::SsrfProxy => std::slice::from_ref(self.squid),
            _ => &[],
        }
    }

    fn ports(&self, kind: ServiceKind) -> Vec<String> {
        let facts = self.deployment.release().service(kind);
        match (kind, facts.and_then(crate::catalogue::ServiceFacts::port)) {
            (ServiceKind::Nginx, Some(port)) => vec![format!("{}:{port}", self.options.listen)],
            _ => Vec::new(),
        }
    }

    fn healthcheck(&self, kind: ServiceKind) -> Option<Healthcheck> {
        let (command, start_seconds) = match &self.deployment.release().service(kind)?.probe {
            Probe::Http {
                path,
                port,
                startup_seconds,
            } => (http_check(kind, *port, path), *startup_seconds),
            Probe::Tcp {
                port,
                startup_seconds,
            } => (tcp_check(*port), *startup_seconds),
            Probe::None { .. } => return None,
        };
        Some(Healthcheck {
            command,
            start_seconds,
        })
    }

    /// The sandbox's image on the sandbox's network, with a script in place of its program.
    fn egress_check(&self, sandbox: &Service) -> ComposeService {
        let proxy = self.deployment.release().service(ServiceKind::SsrfProxy);
        let port = proxy
            .and_then(crate::catalogue::ServiceFacts::port)
            .unwrap_or_default();
        let proxy = format!("http://{}:{port}", ServiceKind::SsrfProxy.key());
        let script = format!("/etc/dify-infra/{EGRESS_SCRIPT}");
        ComposeService {
            entrypoint: vec!["/bin/sh".to_owned(), script.clone()],
            environment: [
                ("PROXY".to_owned(), Value::from(proxy)),
                ("OUT_OF_REACH".to_owned(), Value::from(OUT_OF_REACH)),
                (
                    "ALLOWED_URL".to_owned(),
                    Value::with_default("EGRESS_CHECK_URL", ALLOWED_URL),
                ),
            ]
            .into(),
            volumes: vec![format!("./{EGRESS_SCRIPT}:{script}:ro")],
            networks: vec![INNER_NETWORK],
            depends_on: vec![(ServiceKind::SsrfProxy.key().to_owned(), Condition::Healthy)],
            is_one_shot: true,
            profile: Some(CHECK_PROFILE),
            ..ComposeService::new(sandbox.image.to_string())
        }
    }
}

/// The variables of a container; secrets become references to the env file.
fn variables(
    project: &mut ComposeProject,
    environment: ServiceEnvironment,
) -> Result<BTreeMap<String, Value>, ComposeError> {
    let secrets = environment.secrets;
    let mut variables = BTreeMap::new();
    for variable in environment.variables {
        let (name, value) = match variable {
            EnvironmentVariable::Plain { name, value } => {
                let value = value.literal().map(Value::literal);
                (name, value)
            }
            EnvironmentVariable::Secret {
                name,
                secret_reference,
            } => {
                let secret = secrets
                    .iter()
                    .find(|secret| secret.name.as_str() == secret_reference);
                (name, secret.map(|secret| project.refer(secret)))
            }
        };
        let value = value.ok_or_else(|| ComposeError::UnknownValue(name.clone()))?;
        variables.insert(name, value);
    }
    Ok(variables)
}

/// Files of our own take the place of those of the image, as on Azure.
fn entrypoint(kind: ServiceKind) -> Vec<String> {
    match kind {
        ServiceKind::Nginx => nginx_command(&NginxPaths::default()),
        ServiceKind::SsrfProxy => SQUID_COMMAND.map(str::to_owned).to_vec(),
        _ => Vec::new(),
    }
}

fn volumes(kind: ServiceKind, files: &[RenderedFile]) -> Vec<String> {
    let directory = match kind {
        ServiceKind::Nginx => NGINX_DIRECTORY,
        ServiceKind::SsrfProxy => SQUID_DIRECTORY,
        // Plugins and their Python environments, which would be installed anew at every start.
        ServiceKind::PluginDaemon => return vec!["plugin_daemon:/app/storage".to_owned()],
        _ => return Vec::new(),
    };
    let mount = |file: &RenderedFile| format!("./{0}:{directory}/{0}:ro", file.name);
    files.iter().map(mount).collect()
}

/// The sandbox is on the inner network alone. Its callers and the proxy are on both; nobody else has
/// to be near user code.
fn networks(kind: ServiceKind) -> Vec<&'static str> {
    match kind {
        ServiceKind::Sandbox => vec![INNER_NETWORK],
        ServiceKind::Api
        | ServiceKind::ApiWebsocket
        | ServiceKind::Worker
        | ServiceKind::SsrfProxy => vec![OUTER_NETWORK, INNER_NETWORK],
        ServiceKind::WorkerBeat
        | ServiceKind::Web
        | ServiceKind::Nginx
        | ServiceKind::PluginDaemon => Vec::new(),
    }
}

/// Databases, Redis and blob containers are there.
fn data_is_ready() -> Vec<(String, Condition)> {
    vec![
        (REDIS.to_owned(), Condition::Healthy),
        (POSTGRES_SETUP.to_owned(), Condition::Completed),
        (BLOB_CONTAINERS.to_owned(), Condition::Completed),
    ]
}

/// What a service can't start without. What it only calls later it finds when it calls.
fn depends_on(kind: ServiceKind) -> Vec<(String, Condition)> {
    match kind {
        ServiceKind::Api
        | ServiceKind::ApiWebsocket
        | ServiceKind::Worker
        | ServiceKind::WorkerBeat => vec![
            (REDIS.to_owned(), Condition::Healthy),
            (MIGRATION.to_owned(), Condition::Completed),
        ],
        ServiceKind::PluginDaemon => data_is_ready(),
        ServiceKind::Web | ServiceKind::Nginx | ServiceKind::Sandbox | ServiceKind::SsrfProxy => {
            Vec::new()
        }
    }
}

fn limits(size: ConsumptionSize) -> Limits {
    Limits {
        cpus: size.cpu().as_f64().to_string(),
        memory_mebibytes: size.memory().hundredths() * 1024 / 100,
    }
}

/// Compose makes a container anew when its description changes, and the text of a mounted file is no
/// part of that: a hash of it is.
fn labels(files: &[RenderedFile]) -> BTreeMap<String, String> {
    if files.is_empty() {
        return BTreeMap::new();
    }
    let mut hash = hmac_sha256::Hash::new();
    for text in files.iter().flat_map(|file| [&file.name, &file.text]) {
        hash.update(text.len().to_le_bytes());
        hash.update(text);
    }
    let hash = HEXLOWER.encode(&hash.finalize()[..8]);
    BTreeMap::from([("dify-infra.files".to_owned(), hash)])
}
