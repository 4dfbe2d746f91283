//! What a deployment consists of, whoever made it: as much of it as can be seen.
//!
//! A [`Deployment`](crate::deployment::Deployment) can't hold most mistakes; an [`Inventory`] can hold
//! all of them. Every value knows its place, and a value that can't be seen says why.

mod platform;

use std::collections::{BTreeMap, BTreeSet};

pub use platform::{
    Configuration, Environment, Gateway, PostgresServer, RedisInstance, RedisOffer,
    RegistryAccount, RoleAssignment, ServiceNetwork, StorageAccount, StoredSecret, Subnet, Vault,
};

use super::place::Place;
use super::recognise::{Role, is_image_told};
use super::seen::{Seen, Unseen};
use crate::catalogue::Version;
use crate::egress::EgressException;

/// A property: absent, known, or there without being visible.
#[derive(Debug, Clone, Default)]
pub enum Fact<T> {
    /// It is not set.
    #[default]
    Absent,
    /// It is set to this.
    Known(T, Place),
    /// It is set, and to what can't be seen.
    Unseen(Unseen, Place),
}

impl<T> Fact<T> {
    /// The value, when it is known.
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Known(value, _) => Some(value),
            _ => None,
        }
    }

    /// Where it is set.
    pub fn place(&self) -> Option<&Place> {
        match self {
            Self::Known(_, place) | Self::Unseen(_, place) => Some(place),
            Self::Absent => None,
        }
    }

    /// Whether it is not set at all.
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }

    /// Whether it is set to what can't be seen.
    pub fn is_unseen(&self) -> bool {
        matches!(self, Self::Unseen(..))
    }

    /// Whether it is known to be this.
    pub fn is(&self, value: &T) -> bool
    where
        T: PartialEq,
    {
        self.known() == Some(value)
    }
}

/// What the deployment runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Platform {
    /// Azure Container Apps.
    ContainerApps,
    /// Docker compose.
    Compose,
}

/// Everything of a deployment that can be seen.
#[derive(Debug, Clone)]
pub struct Inventory {
    /// What it runs on.
    pub platform: Platform,
    /// Apps, jobs and compose services.
    pub workloads: Vec<Workload>,
    /// Managed environments.
    pub environments: Vec<Environment>,
    /// PostgreSQL servers.
    pub postgres: Vec<PostgresServer>,
    /// Redis instances.
    pub redis: Vec<RedisInstance>,
    /// Storage accounts.
    pub storage: Vec<StorageAccount>,
    /// Key vaults.
    pub vaults: Vec<Vault>,
    /// Secrets of key vaults, as far as it is known when they were written.
    pub stored_secrets: Vec<StoredSecret>,
    /// The time of the audit in seconds since 1970; without it nothing is said of ages.
    pub now: Option<i64>,
    /// Subnets.
    pub subnets: Vec<Subnet>,
    /// Container registries.
    pub registries: Vec<RegistryAccount>,
    /// Application gateways and the firewall policies of such.
    pub gateways: Vec<Gateway>,
    /// Role assignments: the principal as far as seen.
    pub role_assignments: Vec<RoleAssignment>,
    /// Outputs of a template.
    pub outputs: Vec<Output>,
    /// Parameters of a template.
    pub parameters: Vec<Parameter>,
    /// Configuration files of nginx and squid whose text can be seen.
    pub files: Vec<TextFile>,
    /// What a deployment of our own opens in its proxy on purpose, with its reasons.
    pub(crate) exceptions: Vec<EgressException>,
    /// Plain settings of what is not an app, for whoever writes the deployment down.
    pub(crate) settings: Vec<Settings>,
    /// What of each resource of Azure may have no place in a deployment file.
    pub(crate) summaries: Vec<Summary>,
    /// The region, when it can be seen.
    pub(crate) location: Option<String>,
    /// The resource group, when it can be seen.
    pub(crate) resource_group: Option<String>,
    /// Texts of JSON documents by name, to tell the lines of findings.
    pub(crate) texts: Vec<(String, String)>,
    /// What can't be seen, each once.
    pub unseen: Vec<NotSeen>,
    /// Whether everything that belongs to it was handed over: in a live group that is read with few
    /// rights, what is missing may be there all the same.
    pub complete: bool,
}

impl Inventory {
    /// An empty inventory.
    pub fn new(platform: Platform) -> Self {
        Self {
            platform,
            workloads: Vec::new(),
            environments: Vec::new(),
            postgres: Vec::new(),
            redis: Vec::new(),
            storage: Vec::new(),
            vaults: Vec::new(),
            stored_secrets: Vec::new(),
            now: None,
            subnets: Vec::new(),
            registries: Vec::new(),
            gateways: Vec::new(),
            role_assignments: Vec::new(),
            outputs: Vec::new(),
            parameters: Vec::new(),
            files: Vec::new(),
            exceptions: Vec::new(),
            settings: Vec::new(),
            summaries: Vec::new(),
            location: None,
            resource_group: None,
            texts: Vec::new(),
            unseen: Vec::new(),
            complete: true,
        }
    }

    /// Every container with the workload that runs it.
    pub fn containers(&self) -> impl Iterator<Item = (&Workload, &Container)> {
        self.workloads
            .iter()
            .flat_map(|workload| workload.containers.iter().map(move |it| (workload, it)))
    }

    /// The containers of a role.
    pub fn of(&self, role: Role) -> impl Iterator<Item = (&Workload, &Container)> {
        self.containers().filter(move |(_, it)| it.role == role)
    }

    /// The containers that run Dify's own application with its settings: api, websocket, worker, beat
    /// and migration.
    pub fn application(&self) -> impl Iterator<Item = (&Workload, &Container)> {
        self.containers().filter(|(_, it)| it.role.is_application())
    }

    /// Notes that something can't be seen.
    pub fn not_seen(&mut self, place: &Place, why: impl Into<String>) {
        let why = why.into();
        if !self.unseen.iter().any(|known| known.why == why) {
            let place = place.clone();
            self.unseen.push(NotSeen { place, why });
        }
    }
}

/// Plain settings of one resource: texts, numbers and truth values by their paths.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// The type, in lower case.
    pub(crate) kind: String,
    /// The name as it can be shown.
    pub(crate) name: String,
    /// The values, as `properties/version` = `16`.
    pub(crate) values: BTreeMap<String, String>,
}

/// What of a resource of Azure may have no place in a deployment file.
#[derive(Debug, Clone)]
pub(crate) struct Summary {
    /// The type as written.
    pub(crate) kind: String,
    /// The name as it can be shown.
    pub(crate) name: String,
    /// Tags that are wholly seen.
    pub(crate) tags: BTreeMap<String, String>,
    /// Those of its settings that are known to be carried seldom, as `scale/rules`.
    pub(crate) settings: BTreeSet<&'static str>,
    /// Host names of its own that are wholly seen.
    pub(crate) domains: Vec<String>,
}

impl Inventory {
    /// Whether a service may be there that is not recognised: then none can be said to be missing.
    pub(crate) fn may_hide_services(&self) -> bool {
        let is_open = |it: &Container| match it.role {
            // Any of the services of one image.
            Role::Application => true,
            Role::Other => it.image.known().is_none_or(|it| !is_image_told(it)),
            _ => false,
        };
        !self.complete
            || self.workloads.iter().any(|it| !it.containers_complete)
            || self.containers().any(|(_, it)| is_open(it))
    }

    /// The first resource of a type, with its settings.
    pub(crate) fn settings_of(&self, kind: &str) -> Option<&Settings> {
        self.settings
            .iter()
            .find(|it| it.kind.eq_ignore_ascii_case(kind))
    }
}

/// Something that can't be seen.
#[derive(Debug, Clone, serde::Serialize)]
#[non_exhaustive]
pub struct NotSeen {
    /// Where it stands.
    #[serde(flatten)]
    pub place: Place,
    /// Why it can't be seen.
    pub why: String,
}

/// What kind of workload something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum WorkloadKind {
    /// A container app.
    App,
    /// A job.
    Job,
    /// A service of a compose file.
    ComposeService,
}

/// An app, a job or a compose service.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Workload {
    /// What it is.
    pub kind: WorkloadKind,
    /// Its name, under which others call it.
    pub name: Seen,
    /// Other names under which others call it: aliases of compose networks.
    pub aliases: Vec<String>,
    /// How a compose service is connected.
    pub network: ServiceNetwork,
    /// Where it stands.
    pub place: Place,
    /// The managed environment's id, as far as seen.
    pub environment: Option<Seen>,
    /// The workload profile that it runs on.
    pub profile: Fact<String>,
    /// How it is reached.
    pub ingress: Fact<Ingress>,
    /// Lowest number of replicas.
    pub min_replicas: Fact<f64>,
    /// Highest number of replicas.
    pub max_replicas: Fact<f64>,
    /// Whether scale rules are there.
    pub scale_rules: bool,
    /// Of scale rules that count requests or connections: `http` or `tcp`, and where each stands.
    pub counted: Vec<(&'static str, Place)>,
    /// Its containers.
    pub containers: Vec<Container>,
    /// Whether all of its containers are seen.
    pub containers_complete: bool,
    /// Its secrets.
    pub secrets: Vec<Secret>,
    /// Whether the names of all of its secrets are seen.
    pub secrets_complete: bool,
    /// Registries it logs in to.
    pub registries: Vec<RegistryLogin>,
    /// Managed identities, with where they are attached.
    pub identity: Option<Identity>,
    /// Volumes.
    pub volumes: Vec<Volume>,
    /// Ports that compose publishes on the host: host address, host port, container port.
    pub published: Vec<PublishedPort>,
    /// Which of its secrets it uses.
    pub uses: SecretUses,
}

/// Which of its secrets an app uses.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct SecretUses {
    /// Names that anything of the app refers to: variables, volumes, registries, scale rules.
    pub named: BTreeSet<String>,
    /// Volumes that hold every secret, as they name none: name and place.
    pub all: Vec<(String, Place)>,
    /// Whether all that may refer to a secret can be seen.
    pub seen: bool,
}

/// How an app is reached.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Ingress {
    /// Whether it is reached from outside the environment.
    pub external: Fact<bool>,
    /// `http`, `http2`, `auto` or `tcp`, in lower case; absent is `auto`.
    pub transport: Fact<String>,
    /// Port of the container.
    pub target_port: Fact<f64>,
    /// Port under which a tcp app is reached.
    pub exposed_port: Fact<f64>,
    /// Whether plain http is answered.
    pub allow_insecure: Fact<bool>,
    /// Settings that tcp refuses: traffic labels, CORS, sticky sessions.
    pub http_only: Vec<(&'static str, Place)>,
    /// Whether it names the addresses that may call, or asks callers for a certificate.
    pub is_restricted: bool,
    /// Additional ports.
    pub additional: Vec<PortMapping>,
}

impl Ingress {
    /// Whether it speaks tcp; nothing when that can't be seen.
    pub fn is_tcp(&self) -> Option<bool> {
        match &self.transport {
            Fact::Known(transport, _) => Some(transport == "tcp"),
            Fact::Absent => Some(false),
            Fact::Unseen(..) => None,
        }
    }

    /// Whether it is external; nothing when that can't be seen.
    pub fn is_external(&self) -> Option<bool> {
        match &self.external {
            Fact::Known(external, _) => Some(*external),
            Fact::Absent => Some(false),
            Fact::Unseen(..) => None,
        }
    }

    /// The port under which a tcp app is reached: the exposed one, else the target.
    pub fn tcp_port(&self) -> Option<u16> {
        let port = match &self.exposed_port {
            Fact::Absent => self.target_port.known(),
            fact => fact.known(),
        };
        port.copied().and_then(to_port)
    }
}

/// A whole number that is a port.
pub(crate) fn to_port(number: f64) -> Option<u16> {
    let whole = number.fract() == 0.0 && (1.0..=65535.0).contains(&number);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the range was looked at"
    )]
    whole.then_some(number as u16)
}

/// An additional port of an app.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct PortMapping {
    /// Whether it is reached from outside the environment.
    pub external: bool,
    /// Port of the container.
    pub target: Option<u16>,
    /// Port under which it is reached.
    pub exposed: Option<u16>,
    /// Where it stands.
    pub place: Place,
}

/// A port that compose publishes.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct PublishedPort {
    /// Address of the host; none is every address.
    pub host: Option<String>,
    /// Port of the container.
    pub target: u16,
    /// Where it stands.
    pub place: Place,
}

/// A container.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Container {
    /// Its name.
    pub name: String,
    /// What it is, by image and mode.
    pub role: Role,
    /// Where it stands.
    pub place: Place,
    /// The image as written.
    pub image: Fact<Seen>,
    /// The image's tag.
    pub tag: Option<String>,
    /// Whether the image is pinned by digest.
    pub digest: bool,
    /// The version that the tag names.
    pub version: Option<Version>,
    /// Its variables, in order.
    pub variables: Vec<Variable>,
    /// Whether all of its variables can be seen.
    pub variables_complete: bool,
    /// vCPU.
    pub cpu: Fact<f64>,
    /// Memory, as `1Gi`.
    pub memory: Fact<String>,
    /// Its probes; a health check of compose is one that asks nobody from outside.
    pub probes: Vec<Probe>,
    /// Whether probes can be seen at all.
    pub probes_seen: bool,
    /// Where volumes appear: the volume's name and the path.
    pub mounts: Vec<Mount>,
    /// Command and arguments.
    pub command: Vec<Seen>,
}

impl Container {
    /// A variable by its name; the last one counts when it is there twice.
    pub fn variable(&self, name: &str) -> Option<&Variable> {
        self.variables.iter().rev().find(|it| it.name == name)
    }

    /// The value of a variable, when it is wholly seen.
    pub fn literal(&self, name: &str) -> Option<&str> {
        self.variable(name)?.value.literal()
    }

    /// Where to point at for something that a variable lacks.
    pub fn place_of(&self, name: &str) -> &Place {
        self.variable(name).map_or(&self.place, |it| &it.place)
    }
}

/// What a probe asks.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Probe {
    /// The path, for one that speaks http.
    pub path: Option<String>,
    /// The port.
    pub port: Option<u16>,
    /// Where it stands.
    pub place: Place,
}

/// An environment variable.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// Its value, as far as it can be seen.
    pub value: Seen,
    /// How the value gets there.
    pub source: Source,
    /// Where it stands.
    pub place: Place,
}

/// How the value of a variable gets there.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Source {
    /// It stands there plainly.
    Plain,
    /// From a secret of the app, by name.
    Secret(String),
    /// It is the default of a reference to a variable that no file sets.
    Default,
    /// From a file of variables, which is as private as the file.
    File,
}

/// A secret of an app.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Secret {
    /// Its name.
    pub name: String,
    /// Its value, as far as it can be seen.
    pub value: Fact<Seen>,
    /// The vault's URL that it comes from.
    pub vault_url: Option<Seen>,
    /// The identity that reads the vault.
    pub identity: Option<Seen>,
    /// Where it stands.
    pub place: Place,
}

/// A login at a registry.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RegistryLogin {
    /// Host name.
    pub server: Seen,
    /// User name; none for a login by identity.
    pub username: Option<Seen>,
    /// The managed identity that pulls: an id, or `system`.
    pub identity: Option<Seen>,
}

/// Managed identities of an app.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Identity {
    /// Whether there is one at all.
    pub any: bool,
    /// Whether containers may ask it for tokens, as far as seen.
    pub usable: bool,
    /// Where they are attached.
    pub place: Place,
}

/// A volume.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Volume {
    /// Its name.
    pub name: String,
    /// `EmptyDir`, `AzureFile`, `NfsAzureFile`, `Secret`, `bind` or `volume`.
    pub kind: String,
}

/// Where a volume appears.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Mount {
    /// The volume's name, or the path on the host.
    pub volume: String,
    /// The path in the container.
    pub path: String,
    /// Where it stands.
    pub place: Place,
}

/// An output of a template.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Output {
    /// Its name.
    pub name: String,
    /// Whether its type says that it is secret.
    pub secure: bool,
    /// Whether a secret is in it.
    pub has_secret: bool,
    /// Where it stands.
    pub place: Place,
}

/// A parameter of a template.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// Whether its type says that it is secret.
    pub secure: bool,
    /// A text that stands in the template or its parameters file.
    pub value: Option<Seen>,
    /// Where it stands.
    pub place: Place,
}

/// Which program a file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileKind {
    /// nginx.conf or a part of it.
    Nginx,
    /// squid.conf.
    Squid,
}

/// A configuration file.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct TextFile {
    /// Which program reads it.
    pub kind: FileKind,
    /// Its text.
    pub text: String,
    /// The path under which its container sees it, where that is known.
    pub path: Option<String>,
    /// Where it stands.
    pub place: Place,
    /// The index of the workload that reads it.
    pub workload: Option<usize>,
}
