//! Services and images: what runs, on which ports, how it is probed and how large it is.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

use super::suggest::nearest;
use super::version::Version;

/// A service of a Dify deployment that this project can deploy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ServiceKind {
    /// The HTTP API.
    Api,
    /// Socket.IO for workflow collaboration, from 1.14.1.
    ApiWebsocket,
    /// The Celery worker.
    Worker,
    /// The Celery scheduler.
    WorkerBeat,
    /// The console and web apps.
    Web,
    /// The public front door.
    Nginx,
    /// Runs user code.
    Sandbox,
    /// Squid, the forward proxy.
    SsrfProxy,
    /// Installs and runs plugins.
    PluginDaemon,
}

impl ServiceKind {
    /// Every kind, in declaration order.
    pub const ALL: [Self; 9] = [
        Self::Api,
        Self::ApiWebsocket,
        Self::Worker,
        Self::WorkerBeat,
        Self::Web,
        Self::Nginx,
        Self::Sandbox,
        Self::SsrfProxy,
        Self::PluginDaemon,
    ];

    /// The name in Dify's compose file and in `[services.<key>]`, such as `worker_beat`.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::ApiWebsocket => "api_websocket",
            Self::Worker => "worker",
            Self::WorkerBeat => "worker_beat",
            Self::Web => "web",
            Self::Nginx => "nginx",
            Self::Sandbox => "sandbox",
            Self::SsrfProxy => "ssrf_proxy",
            Self::PluginDaemon => "plugin_daemon",
        }
    }

    /// The last part of the container app's name, such as `worker-beat`: app names may hold no
    /// underscore.
    pub const fn app_suffix(self) -> &'static str {
        match self {
            Self::ApiWebsocket => "api-websocket",
            Self::WorkerBeat => "worker-beat",
            Self::SsrfProxy => "ssrf-proxy",
            Self::PluginDaemon => "plugin-daemon",
            Self::Api | Self::Worker | Self::Web | Self::Nginx | Self::Sandbox => self.key(),
        }
    }

    /// The image that the service runs; api, websocket, worker and beat share one.
    pub const fn image(self) -> ImageKind {
        match self {
            Self::Api | Self::ApiWebsocket | Self::Worker | Self::WorkerBeat => ImageKind::Api,
            Self::Web => ImageKind::Web,
            Self::Nginx => ImageKind::Nginx,
            Self::Sandbox => ImageKind::Sandbox,
            Self::SsrfProxy => ImageKind::SsrfProxy,
            Self::PluginDaemon => ImageKind::PluginDaemon,
        }
    }
}

impl fmt::Display for ServiceKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.key())
    }
}

impl FromStr for ServiceKind {
    type Err = UnknownService;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let named = |name: &str| Self::ALL.into_iter().find(|kind| kind.key() == name);
        named(text).ok_or_else(|| UnknownService {
            given: text.to_owned(),
            nearest: nearest(text, Self::ALL.map(Self::key)).and_then(named),
        })
    }
}

/// A name that no service has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownService {
    /// The name.
    pub given: String,
    /// The service that was probably meant.
    pub nearest: Option<ServiceKind>,
}

impl fmt::Display for UnknownService {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "there is no service `{}`; ", self.given)?;
        match self.nearest {
            Some(nearest) => write!(formatter, "did you mean `{nearest}`?"),
            None => {
                write!(
                    formatter,
                    "the services are {}",
                    ServiceKind::ALL.map(ServiceKind::key).join(", ")
                )
            }
        }
    }
}

impl std::error::Error for UnknownService {}

/// An image that a deployment pulls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ImageKind {
    /// `langgenius/dify-api`: api, websocket, worker, beat and the migration job.
    Api,
    /// `langgenius/dify-web`.
    Web,
    /// `langgenius/dify-sandbox`.
    Sandbox,
    /// `langgenius/dify-plugin-daemon`.
    PluginDaemon,
    /// The official `nginx`.
    Nginx,
    /// `ubuntu/squid`.
    SsrfProxy,
}

impl ImageKind {
    /// Every kind, in declaration order.
    pub const ALL: [Self; 6] = [
        Self::Api,
        Self::Web,
        Self::Sandbox,
        Self::PluginDaemon,
        Self::Nginx,
        Self::SsrfProxy,
    ];

    /// The name in the catalogue's data, such as `plugin_daemon`.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Web => "web",
            Self::Sandbox => "sandbox",
            Self::PluginDaemon => "plugin_daemon",
            Self::Nginx => "nginx",
            Self::SsrfProxy => "ssrf_proxy",
        }
    }
}

impl fmt::Display for ImageKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.key())
    }
}

/// What is known about one service of a release.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceFacts {
    /// Which service this is.
    pub kind: ServiceKind,
    /// The image it runs.
    pub image: ImageKind,
    /// The first Dify release that has it; `None` for all offered ones.
    #[serde(default)]
    pub since: Option<Version>,
    /// Whether a deployment works without it.
    #[serde(default)]
    pub optional: bool,
    /// What it is for, in a sentence.
    pub purpose: String,
    /// Variables that make the shared image this service: `MODE` and, for the websocket service,
    /// its worker settings.
    pub environment: BTreeMap<String, String>,
    /// The program to start when files of our own replace those of the image. Empty: leave the
    /// image's own command, which differs between releases and does work of its own (the plugin
    /// daemon migrates its database there).
    #[serde(default)]
    pub command: Vec<String>,
    /// The user the container runs as.
    pub user: String,
    /// The ports it listens on; the first is the one that callers use. Empty for worker and beat.
    pub ports: Vec<Port>,
    /// How the platform finds out whether it is well.
    pub probe: Probe,
    /// How many replicas it can have at all.
    #[serde(rename = "replicas")]
    pub replica_limits: ReplicaLimits,
    /// What it gets unless the file says otherwise.
    pub sizes: Sizes,
}

impl ServiceFacts {
    /// The value of `MODE` that selects this service in the shared api image.
    pub fn mode(&self) -> Option<&str> {
        self.environment.get("MODE").map(String::as_str)
    }

    /// The port that callers use; `None` when it listens on none.
    pub fn port(&self) -> Option<u16> {
        self.ports.first().map(|port| port.number)
    }
}

/// A port that a service listens on.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Port {
    /// The port number in the container.
    pub number: u16,
    /// What is spoken on it.
    pub protocol: Protocol,
    /// What it is for.
    pub purpose: String,
    /// Whether the service can do without it (remote debugging of plugins).
    #[serde(default)]
    pub optional: bool,
}

/// What is spoken on a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Protocol {
    /// Plain HTTP/1.1, WebSocket upgrades included.
    Http,
    /// Anything else over TCP.
    Tcp,
}

/// How the platform finds out whether a service is well.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Probe {
    /// GET this path, expecting 200.
    Http {
        /// The path, without query.
        path: String,
        /// The port in the container.
        port: u16,
        /// How long a start may take, in seconds, image pull excluded.
        startup_seconds: u32,
    },
    /// Open a connection.
    Tcp {
        /// The port in the container.
        port: u16,
        /// How long a start may take, in seconds, image pull excluded.
        startup_seconds: u32,
    },
    /// No probe is possible.
    None {
        /// Why not.
        why: String,
    },
}

/// How many replicas a service can have at all.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReplicaLimits {
    /// The least number it works with.
    pub min: u32,
    /// The greatest number it works with; `None` when it is stateless.
    #[serde(default)]
    pub max: Option<u32>,
    /// What breaks outside these limits.
    pub reason: String,
}

impl ReplicaLimits {
    /// Whether these limits allow no other number than one.
    pub fn is_exactly_one(&self) -> bool {
        self.min == 1 && self.max == Some(1)
    }

    /// Whether a scale setting stays inside the limits.
    pub fn allows(&self, replicas: Replicas) -> bool {
        replicas.min >= self.min && self.max.is_none_or(|max| replicas.max <= max)
    }
}

/// A scale setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Replicas {
    /// The least number of replicas.
    pub min: u32,
    /// The greatest number of replicas.
    pub max: u32,
}

/// The default sizes of a service, by profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sizes {
    /// Under profile `dev`.
    pub dev: Size,
    /// Under profile `prod`.
    pub prod: Size,
}

/// How much one replica gets, and how many there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Size {
    /// Thousandths of a core: 500 is half a core.
    pub millicores: u32,
    /// Memory in mebibytes. Consumption wants 2048 for each core.
    pub memory_mebibytes: u32,
    /// The scale setting.
    pub replicas: Replicas,
}
