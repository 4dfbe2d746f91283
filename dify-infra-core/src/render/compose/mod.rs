//! The same deployment as a Docker Compose project on one host.
//!
//! Services, images, variables, routes and the proxy's policy are those of Azure. The data layer is
//! not: PostgreSQL with pgvector, Redis and Azurite stand in for it, so exactly the variables that
//! name it differ. Secrets are no part of `compose.yaml`: they are lines of `.env`, which Compose
//! reads beside it, and each container gets those that it needs.

mod data_layer;
mod file;
mod secrets;
mod services;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use ipnet::{IpNet, Ipv4Net};

use self::file::{ComposeFile, Network};
use super::{NginxInput, RenderError, RenderedFile};
use crate::deployment::{DataAccess, Deployment, EnvironmentInputs};
use crate::resource::Text;
use crate::routes::{HttpSettings, RouteError, TlsTermination};
use crate::secrets::{SecretName, Secrets};

/// The file that Compose reads.
pub const COMPOSE_FILE: &str = "compose.yaml";

/// The file with the secrets, which Compose reads by itself.
pub const COMPOSE_ENV_FILE: &str = ".env";

/// The network without a way out, on which the sandbox is alone with its callers and the proxy; its
/// name in Dify's own compose file.
const INNER_NETWORK: &str = "ssrf_proxy_network";

/// The network of everything else.
const OUTER_NETWORK: &str = "default";

const REMARK: &str = "A Dify deployment on one host, rendered by dify-infra: change the deployment \
                      file, not this.\nSecrets are in .env, which docker compose reads by itself.";

/// What a compose project has that the deployment does not say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComposeOptions {
    /// Address and port of the host that the front door is published on.
    pub listen: SocketAddr,
}

impl Default for ComposeOptions {
    /// Port 8080, for this host alone: whoever opens Dify to others puts TLS in front of it.
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
        }
    }
}

impl ComposeOptions {
    /// Scheme and host of the origin that browsers use when the deployment names none.
    fn origin(&self) -> (String, String) {
        let address = self.listen.ip();
        let host = match address {
            _ if address.is_loopback() || address.is_unspecified() => "localhost".to_owned(),
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => format!("[{address}]"),
        };
        let host = match self.listen.port() {
            80 => host,
            port => format!("{host}:{port}"),
        };
        ("http".to_owned(), host)
    }

    /// Whose `X-Forwarded-For` is believed: on a loopback address only a program of the host can
    /// connect, and Docker shows it as the gateway of a bridge, which is in these ranges unless the
    /// engine is told otherwise (docs.docker.com, `default-address-pools`).
    fn trusted_proxies(&self) -> Vec<IpNet> {
        if !self.listen.ip().is_loopback() {
            return Vec::new();
        }
        vec![
            Ipv4Net::new_assert(Ipv4Addr::new(172, 16, 0, 0), 12).into(),
            Ipv4Net::new_assert(Ipv4Addr::new(192, 168, 0, 0), 16).into(),
        ]
    }
}

/// A compose project: its files, and the lines of its env file without their values.
#[derive(Debug, Clone, PartialEq)]
pub struct ComposeProject {
    files: Vec<RenderedFile>,
    lines: BTreeMap<String, Text>,
    name: String,
}

/// Why there is no compose project.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ComposeError {
    /// A file for a container can't be rendered.
    #[error("a file for a container can't be rendered")]
    Render(#[from] RenderError),
    /// The routes don't hold with what a compose project changes of them.
    #[error("the routes can't be served by a compose project")]
    Routes(#[from] RouteError),
    /// A variable is made of something that only Azure knows.
    #[error("the variable {0} needs a value that only Azure knows")]
    UnknownValue(String),
    /// The image of a stand-in can't be in the deployment's registry.
    #[error("the image {image} can't be taken from the registry of the deployment: {reason}")]
    Image {
        /// The image.
        image: String,
        /// What is wrong.
        reason: String,
    },
    /// A secret that the project needs has no value.
    #[error("the secret {0} has no value, and the compose project needs it")]
    MissingSecret(SecretName),
    /// A secret's value can't stand in an env file.
    #[error("the value of {name} can't stand in {COMPOSE_ENV_FILE}: {reason}")]
    ImpossibleValue {
        /// Name of the line.
        name: String,
        /// What is wrong.
        reason: String,
    },
}

/// Makes a compose project of a deployment.
///
/// ```
/// use dify_infra_core::deployment::Deployment;
/// use dify_infra_core::render::{ComposeOptions, compose};
///
/// let text = "schema = 1\nname = \"dify\"\nenvironment = \"dev\"\nlocation = \"japaneast\"\n\
///             dify = \"1.16.0\"\n[azure]\nresource_group = \"dify-dev-rg\"\n";
/// let deployment = Deployment::parse(text).unwrap().deployment;
/// let project = compose(&deployment, &ComposeOptions::default())?;
/// let file = &project.files()[0];
/// assert_eq!(file.name, "compose.yaml");
/// assert!(file.text.contains("image: docker.io/langgenius/dify-api:1.16.0"));
/// # Ok::<(), dify_infra_core::render::ComposeError>(())
/// ```
///
/// # Errors
///
/// When nginx or squid can't be given what the deployment says; a deployment that was resolved from
/// a file or a builder always renders.
pub fn compose(
    deployment: &Deployment,
    options: &ComposeOptions,
) -> Result<ComposeProject, ComposeError> {
    let nginx = nginx_files(deployment, options)?;
    let squid = super::squid(deployment.egress())?;
    let inputs = inputs(deployment, options);
    let mut project = ComposeProject {
        files: Vec::new(),
        lines: BTreeMap::new(),
        name: deployment.prefix().as_str().to_owned(),
    };
    let mut services = data_layer::services(deployment, &mut project)?;
    let context = services::Context {
        deployment,
        inputs: &inputs,
        options,
        nginx: &nginx,
        squid: &squid,
    };
    services.extend(context.services(&mut project)?);
    let file = ComposeFile {
        services,
        networks: vec![
            (OUTER_NETWORK, Network { internal: false }),
            (INNER_NETWORK, Network { internal: true }),
        ],
        volumes: data_layer::VOLUMES.to_vec(),
    };
    project.files = vec![RenderedFile::public(COMPOSE_FILE, file.to_text(REMARK))];
    project.files.extend(nginx);
    project.files.push(squid);
    project.files.extend(data_layer::files());
    project.files.push(services::egress_check_file());
    Ok(project)
}

impl ComposeProject {
    /// The files without secrets, `compose.yaml` first. All go into one directory.
    pub fn files(&self) -> &[RenderedFile] {
        &self.files
    }

    /// The text of `compose.yaml`.
    pub fn compose_file(&self) -> &str {
        self.files.first().map_or("", |file| file.text.as_str())
    }

    /// The secrets that must have a value, beside those that follow from others.
    pub fn secret_names(&self) -> impl Iterator<Item = &SecretName> {
        let names = self.lines.values().flat_map(Text::secret_names);
        names.filter(|name| !secrets::is_derived(name))
    }

    /// The env file: the project's name and every secret that a container needs.
    ///
    /// # Errors
    ///
    /// When a secret has no value, or one that no variable can have.
    pub fn env_file(&self, secrets: &Secrets) -> Result<RenderedFile, ComposeError> {
        secrets::env_file(&self.name, &self.lines, secrets)
    }
}

/// Each service is found under the name that it has in the project.
fn hosts(deployment: &Deployment) -> impl Iterator<Item = crate::catalogue::ServiceKind> {
    deployment.services().map(|service| service.kind)
}

fn nginx_files(
    deployment: &Deployment,
    options: &ComposeOptions,
) -> Result<Vec<RenderedFile>, ComposeError> {
    let hosts: BTreeMap<String, String> = hosts(deployment)
        .map(|kind| (kind.key().to_owned(), kind.key().to_owned()))
        .collect();
    let is_https = public_origin(deployment, options).0 == "https";
    let settings = HttpSettings {
        tls: if is_https {
            TlsTermination::InFront
        } else {
            TlsTermination::Nowhere
        },
        trusted_proxies: options.trusted_proxies(),
        gateway: None,
        ..deployment.routes().settings().clone()
    };
    let routes = deployment.routes().with_settings(settings)?;
    Ok(super::nginx(&NginxInput::new(&routes, &hosts))?)
}

/// Scheme and host of the public URLs: the file's, or where the front door is published.
fn public_origin(deployment: &Deployment, options: &ComposeOptions) -> (String, String) {
    let origin = deployment.public().origin.as_ref().map(ToString::to_string);
    match origin.as_deref().and_then(|o| o.split_once("://")) {
        Some((scheme, host)) => (scheme.to_owned(), host.to_owned()),
        None => options.origin(),
    }
}

/// What the stand-ins contribute to the variables of the containers.
fn inputs(deployment: &Deployment, options: &ComposeOptions) -> EnvironmentInputs {
    let (public_scheme, public_host) = public_origin(deployment, options);
    EnvironmentInputs {
        public_scheme,
        public_host: Text::from(public_host),
        hosts: hosts(deployment)
            .map(|kind| (kind, kind.key().to_owned()))
            .collect(),
        postgres_host: Text::from(data_layer::POSTGRES),
        redis_host: Text::from(data_layer::REDIS),
        redis_key: secrets::redis_password(),
        storage_account: data_layer::ACCOUNT.to_owned(),
        storage_key: secrets::storage_key(),
        // Azurite knows no identities.
        storage_client: None,
        data: DataAccess {
            postgres_tls: false,
            redis_port: 6379,
            redis_tls: false,
            blob_url: Some(data_layer::blob_url()),
        },
    }
}
