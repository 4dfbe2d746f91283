//! `Microsoft.App`: the managed environment, container apps, jobs and a job's runs.

use std::collections::BTreeMap;

use serde::Serialize;

use super::identity::{AssignedIdentities, IdentitySetting};
use super::{ResourceId, Text};

/// A Container Apps environment.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ManagedEnvironment {
    /// The environment's id.
    #[serde(skip)]
    pub id: ResourceId,
    /// Azure region.
    pub location: String,
    /// Tags. Azure copies them to the environment's own `ME_…` group, so no fingerprint is ever
    /// here (<https://learn.microsoft.com/azure/container-apps/custom-virtual-networks>).
    pub tags: BTreeMap<String, String>,
    /// Its identities: one that reads a certificate from a vault.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity: Option<AssignedIdentities>,
    /// What is managed of its properties.
    pub properties: ManagedEnvironmentProperties,
}

/// The managed properties of a [`ManagedEnvironment`].
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ManagedEnvironmentProperties {
    /// Where logs go.
    pub app_logs_configuration: AppLogsConfiguration,
    /// Whether replicas are spread over zones; fixed at creation.
    pub zone_redundant: bool,
    /// The network that the environment is in; fixed at creation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vnet_configuration: Option<VnetConfiguration>,
    /// Sizes that apps may take.
    pub workload_profiles: Vec<WorkloadProfile>,
}

/// The network of a [`ManagedEnvironment`].
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VnetConfiguration {
    /// A subnet of its own, delegated to `Microsoft.App/environments`.
    pub infrastructure_subnet_id: String,
    /// Whether the ingress has an address of the subnet instead of a public one.
    pub internal: bool,
}

/// Where the logs of a [`ManagedEnvironment`] go.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AppLogsConfiguration {
    /// `log-analytics`.
    pub destination: String,
    /// The workspace.
    pub log_analytics_configuration: LogAnalyticsConfiguration,
}

/// The workspace that receives the logs.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LogAnalyticsConfiguration {
    /// The workspace's customer id.
    pub customer_id: Text,
    /// The workspace's key; Azure never answers it.
    pub shared_key: Text,
}

/// A size class of a [`ManagedEnvironment`].
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkloadProfile {
    /// The name apps use.
    pub name: String,
    /// Azure's type, as `Consumption`.
    pub workload_profile_type: String,
    /// The least number of machines; none for `Consumption`, whose machines are shared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub minimum_count: Option<u32>,
    /// The greatest number of machines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maximum_count: Option<u32>,
}

/// A container app.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ContainerApp {
    /// The app's id.
    #[serde(skip)]
    pub id: ResourceId,
    /// What must be finished before the app takes this shape.
    #[serde(skip)]
    pub after: Vec<ResourceId>,
    /// The apps that this one calls: when it is updated, theirs come first.
    #[serde(skip)]
    pub calls: Vec<ResourceId>,
    /// The name of one's own that people reach the app by: nobody else's, whoever put it on the app.
    #[serde(skip)]
    pub host: Option<String>,
    /// Whether that name is put on the app here, as a [`CustomDomain`](super::domain::CustomDomain).
    #[serde(skip)]
    pub binds_host: bool,
    /// Azure region.
    pub location: String,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// Its identities.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity: Option<AssignedIdentities>,
    /// What is managed of its properties.
    pub properties: ContainerAppProperties,
}

/// The managed properties of a [`ContainerApp`].
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ContainerAppProperties {
    /// The environment's id.
    pub environment_id: String,
    /// The workload profile's name.
    pub workload_profile_name: String,
    /// What holds for every revision.
    pub configuration: Configuration,
    /// What a revision is made of: a change makes a new revision.
    pub template: Template,
}

/// What holds for every revision of a [`ContainerApp`].
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Configuration {
    /// `Single`: one revision at a time.
    pub active_revisions_mode: String,
    /// Who of the app may get tokens of its identities.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub identity_settings: Vec<IdentitySetting>,
    /// How the app is reached; none for worker and beat.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ingress: Option<Ingress>,
    /// Where images are pulled from with credentials.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub registries: Vec<RegistryCredentials>,
    /// Secrets, by name; variables and volumes refer to them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<Secret>,
}

/// How a [`ContainerApp`] is reached.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Ingress {
    /// Whether it is reachable from outside the environment.
    pub external: bool,
    /// Port that the container listens on.
    pub target_port: u16,
    /// Port under which a tcp app is reached, never 80 or 443.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exposed_port: Option<u16>,
    /// `http` or `tcp`.
    pub transport: String,
    /// Whether plain http is answered; absent on tcp, which refuses it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow_insecure: Option<bool>,
    /// Shares of the revisions: all to the latest.
    pub traffic: Vec<TrafficWeight>,
}

/// The share of a revision.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TrafficWeight {
    /// Whether the share follows the latest revision.
    pub latest_revision: bool,
    /// Per cent.
    pub weight: u8,
}

/// A registry that images are pulled from, with a user name and a password or by an identity.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum RegistryCredentials {
    /// With a user name and a password.
    #[serde(rename_all = "camelCase")]
    Login {
        /// Host name.
        server: String,
        /// User name.
        username: String,
        /// Name of the app's secret that holds the password.
        password_secret_ref: String,
    },
    /// By an identity of the app.
    Identity {
        /// Host name.
        server: String,
        /// The identity's id.
        identity: String,
    },
}

impl RegistryCredentials {
    /// The identity that pulls.
    pub fn identity(&self) -> Option<&str> {
        match self {
            Self::Login { .. } => None,
            Self::Identity { identity, .. } => Some(identity),
        }
    }
}

/// A secret of an app or job.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Secret {
    /// Name, by which variables and volumes refer to it.
    pub name: String,
    /// Where the value is.
    #[serde(flatten)]
    pub source: SecretSource,
}

/// Where the value of a [`Secret`] is.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum SecretSource {
    /// In the app itself.
    App {
        /// The value; Azure refuses an empty one and never answers it.
        value: Text,
    },
    /// In a key vault, read by the app's identity.
    #[serde(rename_all = "camelCase")]
    KeyVault {
        /// The address of one version of the secret: a new version is a change of the app.
        key_vault_url: Text,
        /// The id of the identity that reads it.
        identity: String,
    },
}

impl Secret {
    /// A secret whose value is in the app.
    pub fn in_app(name: impl Into<String>, value: impl Into<Text>) -> Self {
        let value = value.into();
        Self {
            name: name.into(),
            source: SecretSource::App { value },
        }
    }

    /// The value, or the address at which a vault has it.
    pub fn text(&self) -> &Text {
        match &self.source {
            SecretSource::App { value } => value,
            SecretSource::KeyVault { key_vault_url, .. } => key_vault_url,
        }
    }

    /// The identity that reads the secret's value from a vault.
    pub fn identity(&self) -> Option<&str> {
        match &self.source {
            SecretSource::App { .. } => None,
            SecretSource::KeyVault { identity, .. } => Some(identity),
        }
    }
}

/// What a revision of a [`ContainerApp`] is made of.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Template {
    /// The containers: one, in this project.
    pub containers: Vec<Container>,
    /// Replicas and what makes more of them.
    pub scale: Scale,
    /// Volumes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub volumes: Vec<Volume>,
}

/// A container.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Container {
    /// Name within the app.
    pub name: String,
    /// Image reference.
    pub image: String,
    /// Command, when the image's own is replaced.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub command: Vec<String>,
    /// Arguments of the command.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<String>,
    /// Environment variables, each name once.
    pub env: Vec<EnvironmentVariable>,
    /// CPU and memory.
    pub resources: ContainerResources,
    /// Probes. All are sent: Azure adds none on the Consumption profile of a workload-profiles
    /// environment (<https://learn.microsoft.com/azure/container-apps/health-probes>).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub probes: Vec<Probe>,
    /// Where volumes appear.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub volume_mounts: Vec<VolumeMount>,
}

/// An environment variable: a plain value or a secret, never both.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum EnvironmentVariable {
    /// A value that anyone who reads the app may see.
    Plain {
        /// Name.
        name: String,
        /// Value.
        value: Text,
    },
    /// A secret of the app.
    Secret {
        /// Name.
        name: String,
        /// The secret's name.
        #[serde(rename = "secretRef")]
        secret_reference: String,
    },
}

impl EnvironmentVariable {
    /// The variable's name.
    pub fn name(&self) -> &str {
        match self {
            Self::Plain { name, .. } | Self::Secret { name, .. } => name,
        }
    }
}

/// CPU and memory of a container.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ContainerResources {
    /// vCPU, in quarters.
    pub cpu: f64,
    /// Memory, as `0.5Gi`.
    pub memory: String,
}

/// A health probe.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Probe {
    /// `Startup`, `Liveness` or `Readiness`.
    #[serde(rename = "type")]
    pub kind: String,
    /// An http request that must be answered with 200 to 399.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http_get: Option<HttpGet>,
    /// A port that must accept a connection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tcp_socket: Option<TcpSocket>,
    /// Seconds before the first probe, 1 to 60.
    pub initial_delay_seconds: u32,
    /// Seconds between probes, 1 to 240.
    pub period_seconds: u32,
    /// Seconds that an answer may take, 1 to 240.
    pub timeout_seconds: u32,
    /// Failures in a row that count, 1 to 10.
    pub failure_threshold: u32,
}

/// The request of an http [`Probe`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HttpGet {
    /// Path.
    pub path: String,
    /// Port.
    pub port: u16,
}

/// The port of a tcp [`Probe`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TcpSocket {
    /// Port.
    pub port: u16,
}

/// Replicas of an app.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Scale {
    /// Lowest number of replicas.
    pub min_replicas: u32,
    /// Highest number of replicas.
    pub max_replicas: u32,
    /// What makes more replicas.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<ScaleRule>,
}

/// What makes more replicas: connections of a tcp app, requests of an http app.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ScaleRule {
    /// Name.
    pub name: String,
    /// Concurrent connections, for a tcp app.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tcp: Option<ScaleRuleMetadata>,
    /// Concurrent requests, for an http app.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http: Option<ScaleRuleMetadata>,
}

/// The numbers of a [`ScaleRule`], which Azure takes as texts.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ScaleRuleMetadata {
    /// `concurrentConnections` or `concurrentRequests`.
    pub metadata: BTreeMap<String, String>,
}

/// A volume made of secrets, each listed: without a list Azure writes every secret of the app.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Volume {
    /// Name.
    pub name: String,
    /// `Secret` or `EmptyDir`.
    pub storage_type: String,
    /// The secrets that become files.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<SecretVolumeItem>,
}

/// A secret that becomes a file of a [`Volume`].
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SecretVolumeItem {
    /// The secret's name.
    pub secret_ref: String,
    /// File name.
    pub path: String,
}

/// Where a [`Volume`] appears in a container.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VolumeMount {
    /// The volume's name.
    pub volume_name: String,
    /// Directory.
    pub mount_path: String,
}

/// A container app job.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Job {
    /// The job's id.
    #[serde(skip)]
    pub id: ResourceId,
    /// What must be finished before the job can be written: the roles of its identity.
    #[serde(skip)]
    pub after: Vec<ResourceId>,
    /// Azure region.
    pub location: String,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// Its identities.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity: Option<AssignedIdentities>,
    /// What is managed of its properties.
    pub properties: JobProperties,
}

/// The managed properties of a [`Job`].
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct JobProperties {
    /// The environment's id.
    pub environment_id: String,
    /// The workload profile's name.
    pub workload_profile_name: String,
    /// Trigger, limits, registries and secrets.
    pub configuration: JobConfiguration,
    /// What runs.
    pub template: JobTemplate,
}

/// Trigger, limits, registries and secrets of a [`Job`].
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct JobConfiguration {
    /// `Manual`: started by a request.
    pub trigger_type: String,
    /// Seconds that a run may take.
    pub replica_timeout: u32,
    /// How often a failed run is tried again.
    pub replica_retry_limit: u32,
    /// How many replicas a run has.
    pub manual_trigger_config: ManualTrigger,
    /// Who of the job may get tokens of its identities.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub identity_settings: Vec<IdentitySetting>,
    /// Where images are pulled from with credentials.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub registries: Vec<RegistryCredentials>,
    /// Secrets, by name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<Secret>,
}

/// How many replicas a run of a [`Job`] has.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ManualTrigger {
    /// Replicas at once.
    pub parallelism: u32,
    /// Replicas that must succeed.
    pub replica_completion_count: u32,
}

/// What a [`Job`] runs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct JobTemplate {
    /// The containers: one, in this project.
    pub containers: Vec<Container>,
}

/// A run of a [`Job`] that must have succeeded with an image: the database migration.
///
/// It is not a PUT: it exists when the job has a succeeded execution with the image, and creating
/// it means starting the job and waiting for the execution.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct JobExecution {
    /// `<job id>/executions/<what the run is for>`; the name is ours, Azure names each run itself.
    #[serde(skip)]
    pub id: ResourceId,
    /// What must be finished first: the database's own settings.
    #[serde(skip)]
    pub after: Vec<ResourceId>,
    /// The image that must have run to success.
    pub image: String,
}

resource!(ManagedEnvironment, ManagedEnvironment);
resource!(ContainerApp, ContainerApp, after);
resource!(Job, Job, after);
resource!(JobExecution, JobExecution, after);
