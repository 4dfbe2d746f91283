//! The managed environment, one container app for each service, and the migration job.

use std::collections::{BTreeMap, BTreeSet};

use super::super::Management;
use super::{Context, LowerError, domain, identity, network, vault};
use crate::catalogue::{Probe as ProbeFacts, ServiceKind};
use crate::deployment::{
    AppSecret, DataAccess, Deployment, EnvironmentInputs, FrontDoor, Role, Service,
    ServiceEnvironment, SubnetUse, environment_of,
};
use crate::names::EnvironmentVariableName;
use crate::render::{
    NGINX_DIRECTORY, NginxInput, NginxPaths, RenderedFile, SQUID_COMMAND, SQUID_DIRECTORY,
    nginx_command,
};
use crate::resource::container_apps::{
    AppLogsConfiguration, Configuration, Container, ContainerApp, ContainerAppProperties,
    ContainerResources, HttpGet, Ingress, Job, JobConfiguration, JobExecution, JobProperties,
    JobTemplate, LogAnalyticsConfiguration, ManagedEnvironment, ManagedEnvironmentProperties,
    ManualTrigger, Probe, RegistryCredentials, Scale, ScaleRule, ScaleRuleMetadata, Secret,
    SecretVolumeItem, TcpSocket, Template, TrafficWeight, VnetConfiguration, Volume, VolumeMount,
    WorkloadProfile,
};
use crate::resource::identity::AssignedIdentities;
use crate::resource::{AnyResource, ResourceId, Text, VARIABLES_TAG};
use crate::values::ConsumptionSize;

/// The workload profile of the machines that all environments share.
const PROFILE: &str = "Consumption";

/// Variables that are set for access to the storage account by identity alone.
const OF_STORAGE_IDENTITY: [&str; 3] = [
    "AZURE_BLOB_STORAGE_ACCOUNT_URL",
    "AZURE_BLOB_STORAGE_USE_MANAGED_IDENTITY",
    "AZURE_CLIENT_ID",
];

/// Connections to one replica beyond which another is started.
const CONNECTIONS_PER_REPLICA: &str = "50";

pub(super) fn resources(
    context: &Context<'_>,
) -> Result<Vec<(AnyResource, Management)>, LowerError> {
    let inputs = inputs(context);
    let mut all: Vec<AnyResource> = vec![environment(context).into()];
    all.push(migration(context, &inputs).into());
    all.push(migration_run(context).into());
    for service in context.deployment.services() {
        all.push(app(context, service, &inputs)?.into());
    }
    Ok(all
        .into_iter()
        .map(|resource| (resource, Management::Managed))
        .collect())
}

/// What the other resources contribute to the variables of the containers.
pub(super) fn inputs(context: &Context<'_>) -> EnvironmentInputs {
    let origin = context
        .deployment
        .public()
        .origin
        .as_ref()
        .map(ToString::to_string);
    let (public_scheme, public_host) = match origin.as_deref().and_then(|o| o.split_once("://")) {
        Some((scheme, host)) => (scheme.to_owned(), Text::from(host)),
        None => ("https".to_owned(), front_door(context)),
    };
    let hosts = context
        .deployment
        .services()
        .map(|service| (service.kind, context.names.app(service.kind)))
        .collect();
    EnvironmentInputs {
        public_scheme,
        public_host,
        hosts,
        postgres_host: Text::property(&context.postgres(), "/properties/fullyQualifiedDomainName"),
        redis_host: Text::property(&context.redis(), "/properties/hostName"),
        redis_key: Text::action(&context.redis_database(), "listKeys", "/primaryKey"),
        storage_account: context.names.storage.clone(),
        storage_key: Text::action(&context.storage(), "listKeys", "/keys/0/value"),
        storage_client: context
            .storage_identity()
            .map(|identity| Text::property(&identity, "/properties/clientId")),
        data: DataAccess::azure(),
    }
}

/// The front door's own name: `<app>.<the environment's domain>`.
pub(super) fn front_door(context: &Context<'_>) -> Text {
    Text::from(format!("{}.", context.names.app(ServiceKind::Nginx))).and(Text::property(
        &context.environment(),
        "/properties/defaultDomain",
    ))
}

fn environment(context: &Context<'_>) -> ManagedEnvironment {
    let workspace = context.workspace();
    let network = context.deployment.network();
    ManagedEnvironment {
        id: context.environment(),
        location: context.location(),
        tags: context.tags.clone(),
        identity: domain::source(context)
            .and_then(|source| AssignedIdentities::of(&[context.identity(&source.identity)])),
        properties: ManagedEnvironmentProperties {
            app_logs_configuration: AppLogsConfiguration {
                destination: "log-analytics".to_owned(),
                log_analytics_configuration: LogAnalyticsConfiguration {
                    customer_id: Text::property(&workspace, "/properties/customerId"),
                    shared_key: Text::action(&workspace, "sharedKeys", "/primarySharedKey"),
                },
            },
            zone_redundant: network.is_some_and(|network| network.zone_redundant),
            vnet_configuration: vnet_configuration(context),
            workload_profiles: workload_profiles(context),
        },
    }
}

/// The shared machines, and those of the environment's own.
fn workload_profiles(context: &Context<'_>) -> Vec<WorkloadProfile> {
    let shared = WorkloadProfile {
        name: PROFILE.to_owned(),
        workload_profile_type: PROFILE.to_owned(),
        minimum_count: None,
        maximum_count: None,
    };
    let own = context.deployment.workload_profiles().iter();
    let own = own.map(|(name, profile)| WorkloadProfile {
        name: name.clone(),
        workload_profile_type: profile.size.clone(),
        minimum_count: Some(profile.min),
        maximum_count: Some(profile.max),
    });
    std::iter::once(shared).chain(own).collect()
}

/// The subnet of the environment, and whether its ingress has a public address.
fn vnet_configuration(context: &Context<'_>) -> Option<VnetConfiguration> {
    let network = context.deployment.network()?;
    Some(VnetConfiguration {
        infrastructure_subnet_id: context.subnet(SubnetUse::Apps)?.to_string(),
        internal: network.front_door == FrontDoor::Internal,
    })
}

/// What must be there before the containers of a role are of use, beside what they refer to.
fn after(
    context: &Context<'_>,
    role: Role,
    registries: &[RegistryCredentials],
    secrets: &[Secret],
) -> Vec<ResourceId> {
    let mut after = after_role(context, role);
    after.extend(identity::roles(context, role, registries, secrets));
    after
}

fn after_role(context: &Context<'_>, role: Role) -> Vec<ResourceId> {
    let storage = context.deployment.storage();
    let files = context.container(storage.app_container.as_str());
    let mut reach = network::reach(context);
    reach.push(context.firewall_rule());
    match role {
        // The first migration runs CREATE EXTENSION, so the allow-list must stand before.
        Role::Migration => {
            let made = [context.database(), context.extensions(), files];
            made.into_iter().chain(reach).collect()
        }
        Role::Service(ServiceKind::PluginDaemon) => {
            let plugins = context.container(storage.plugin_container.as_str());
            let made = [context.plugin_database(), plugins];
            made.into_iter().chain(reach).collect()
        }
        Role::Service(
            ServiceKind::Api
            | ServiceKind::ApiWebsocket
            | ServiceKind::Worker
            | ServiceKind::WorkerBeat,
        ) => vec![context.migration_run()],
        Role::Service(_) => Vec::new(),
    }
}

/// The services that one calls: on an update theirs are changed and proven first.
fn calls(context: &Context<'_>, kind: ServiceKind) -> Vec<ResourceId> {
    let called: &[ServiceKind] = match kind {
        ServiceKind::Api | ServiceKind::ApiWebsocket | ServiceKind::Worker => &[
            ServiceKind::Sandbox,
            ServiceKind::SsrfProxy,
            ServiceKind::PluginDaemon,
        ],
        ServiceKind::Sandbox => &[ServiceKind::SsrfProxy],
        ServiceKind::Web => &[ServiceKind::Api],
        ServiceKind::Nginx => &[
            ServiceKind::Api,
            ServiceKind::ApiWebsocket,
            ServiceKind::Web,
            ServiceKind::PluginDaemon,
        ],
        ServiceKind::WorkerBeat | ServiceKind::SsrfProxy | ServiceKind::PluginDaemon => &[],
    };
    let deployed = called
        .iter()
        .filter(|kind| context.deployment.service(**kind).is_some());
    deployed.map(|kind| context.app(*kind)).collect()
}

fn app(
    context: &Context<'_>,
    service: &Service,
    inputs: &EnvironmentInputs,
) -> Result<ContainerApp, LowerError> {
    let role = Role::Service(service.kind);
    let environment = environment_of(context.deployment, role, inputs);
    let files = files(context, service.kind)?;
    let (registries, password) = registry(context);
    let kept = environment.secrets.iter().chain(&password);
    let mut secrets: Vec<Secret> = kept.map(|one| vault::reference(context, one)).collect();
    secrets.extend(files.iter().flat_map(Files::secrets));
    let identities = identity::of_app(context, role, &registries, &secrets);
    let tags = tags(context, service, &environment);
    let template = Template {
        containers: vec![container(context, service, environment, files.as_ref())],
        scale: scale(context, service),
        volumes: files.iter().map(Files::volume).collect(),
    };
    Ok(ContainerApp {
        id: context.app(service.kind),
        after: after(context, role, &registries, &secrets),
        calls: calls(context, service.kind),
        host: host(context, service.kind),
        binds_host: service.kind == ServiceKind::Nginx && domain::is_wanted(context),
        location: context.location(),
        tags,
        identity: AssignedIdentities::of(&identities),
        properties: ContainerAppProperties {
            environment_id: context.environment().to_string(),
            workload_profile_name: service
                .workload_profile
                .clone()
                .unwrap_or_else(|| PROFILE.to_owned()),
            configuration: Configuration {
                active_revisions_mode: "Single".to_owned(),
                identity_settings: identity::settings(context, role, &identities),
                ingress: ingress(context, service.kind),
                registries,
                secrets,
            },
            template,
        },
    })
}

/// The name of one's own that people reach a service by.
fn host(context: &Context<'_>, kind: ServiceKind) -> Option<String> {
    let origin = context.deployment.public().origin.as_ref();
    let origin = origin.filter(|_| kind == ServiceKind::Nginx)?;
    Some(origin.host().to_owned())
}

/// The tags of an app: those of the deployment, and the names of the variables that the file adds
/// and that go when it says so no more, when they fit into a tag's 256 characters.
fn tags(
    context: &Context<'_>,
    service: &Service,
    environment: &ServiceEnvironment,
) -> BTreeMap<String, String> {
    let mut tags = context.tags.clone();
    let added = service
        .variables
        .keys()
        .map(EnvironmentVariableName::as_str);
    let is_set = |name: &&str| environment.variables.iter().any(|one| one.name() == *name);
    let names: BTreeSet<&str> = added
        .chain(OF_STORAGE_IDENTITY.into_iter().filter(is_set))
        .collect();
    let names = Vec::from_iter(names).join(",");
    if !names.is_empty() && names.len() <= 256 {
        tags.insert(VARIABLES_TAG.to_owned(), names);
    }
    tags
}

/// The registry's login, and the secret that holds its password.
pub(super) fn registry(context: &Context<'_>) -> (Vec<RegistryCredentials>, Option<AppSecret>) {
    let Some(registry) = context.deployment.registry() else {
        return (Vec::new(), None);
    };
    let puller = registry
        .azure
        .as_ref()
        .and_then(|azure| azure.puller.as_ref());
    if let Some(puller) = puller {
        let credentials = RegistryCredentials::Identity {
            server: registry.server.clone(),
            identity: context.identity(puller).to_string(),
        };
        return (vec![credentials], None);
    }
    let Some(login) = &registry.credentials else {
        return (Vec::new(), None);
    };
    let Some(name) = Deployment::app_secret(&login.password) else {
        return (Vec::new(), None);
    };
    let credentials = RegistryCredentials::Login {
        server: registry.server.clone(),
        username: login.username.clone(),
        password_secret_ref: name.to_string(),
    };
    let value = Text::secret(&login.password);
    (vec![credentials], Some(AppSecret { name, value }))
}

/// Rendered files of a container, mounted as a secret volume at a path of their own.
struct Files {
    rendered: Vec<RenderedFile>,
    directory: &'static str,
    command: Vec<String>,
}

const VOLUME: &str = "configuration";

impl Files {
    /// The name of the app secret that holds a file: `nginx.conf` is `file-nginx-conf`.
    fn secret_name(file: &RenderedFile) -> String {
        format!(
            "file-{}",
            file.name.replace(['.', '_'], "-").to_ascii_lowercase()
        )
    }

    fn secrets(&self) -> Vec<Secret> {
        let secret =
            |file: &RenderedFile| Secret::in_app(Self::secret_name(file), file.text.as_str());
        self.rendered.iter().map(secret).collect()
    }

    fn volume(&self) -> Volume {
        let item = |file: &RenderedFile| SecretVolumeItem {
            secret_ref: Self::secret_name(file),
            path: file.name.clone(),
        };
        Volume {
            name: VOLUME.to_owned(),
            storage_type: "Secret".to_owned(),
            secrets: self.rendered.iter().map(item).collect(),
        }
    }

    fn mount(&self) -> VolumeMount {
        VolumeMount {
            volume_name: VOLUME.to_owned(),
            mount_path: self.directory.to_owned(),
        }
    }
}

fn files(context: &Context<'_>, kind: ServiceKind) -> Result<Option<Files>, LowerError> {
    match kind {
        ServiceKind::Nginx => Ok(Some(Files {
            rendered: nginx_files(context)?,
            directory: NGINX_DIRECTORY,
            command: nginx_command(&NginxPaths::default()),
        })),
        ServiceKind::SsrfProxy => Ok(Some(Files {
            rendered: vec![crate::render::squid(context.deployment.egress())?],
            directory: SQUID_DIRECTORY,
            command: SQUID_COMMAND
                .iter()
                .map(|word| (*word).to_owned())
                .collect(),
        })),
        _ => Ok(None),
    }
}

/// The files of the front door, for the app names of this deployment.
fn nginx_files(context: &Context<'_>) -> Result<Vec<RenderedFile>, LowerError> {
    let hosts: BTreeMap<String, String> = context
        .deployment
        .services()
        .map(|service| {
            (
                service.kind.key().to_owned(),
                context.names.app(service.kind),
            )
        })
        .collect();
    Ok(crate::render::nginx(&NginxInput::new(
        context.deployment.routes(),
        &hosts,
    ))?)
}

fn container(
    context: &Context<'_>,
    service: &Service,
    environment: ServiceEnvironment,
    files: Option<&Files>,
) -> Container {
    let facts = context.deployment.release().service(service.kind);
    Container {
        name: service.kind.app_suffix().to_owned(),
        image: service.image.to_string(),
        command: files.map(|files| files.command.clone()).unwrap_or_default(),
        args: Vec::new(),
        env: environment.variables,
        resources: resources_of(service.size),
        probes: facts.map(|facts| probes(&facts.probe)).unwrap_or_default(),
        volume_mounts: files.iter().map(|files| files.mount()).collect(),
    }
}

fn resources_of(size: ConsumptionSize) -> ContainerResources {
    ContainerResources {
        cpu: f64::from(size.cpu()),
        memory: size.memory().to_string(),
    }
}

/// All three probes of a port. Startup is given the time that the facts name; afterwards a
/// container that is silent for a minute is restarted.
fn probes(facts: &ProbeFacts) -> Vec<Probe> {
    let (http_get, tcp_socket, startup) = match facts {
        ProbeFacts::Http {
            path,
            port,
            startup_seconds,
        } => (
            Some(HttpGet {
                path: path.clone(),
                port: *port,
            }),
            None,
            *startup_seconds,
        ),
        ProbeFacts::Tcp {
            port,
            startup_seconds,
        } => (None, Some(TcpSocket { port: *port }), *startup_seconds),
        ProbeFacts::None { .. } => return Vec::new(),
    };
    let probe = |kind: &str, period_seconds, failure_threshold| Probe {
        kind: kind.to_owned(),
        http_get: http_get.clone(),
        tcp_socket: tcp_socket.clone(),
        initial_delay_seconds: 1,
        period_seconds,
        timeout_seconds: 5,
        failure_threshold,
    };
    // At most 10 failures may be allowed, so a longer start takes longer periods.
    let startup_period = startup.div_ceil(10).clamp(1, 240);
    vec![
        probe("Startup", startup_period, 10),
        probe("Liveness", 20, 3),
        probe("Readiness", 10, 3),
    ]
}

/// The front door is reached over http from everywhere; every other service that listens is
/// reached over tcp from inside.
fn ingress(context: &Context<'_>, kind: ServiceKind) -> Option<Ingress> {
    let port = context.deployment.release().service(kind)?.port()?;
    let is_front_door = kind == ServiceKind::Nginx;
    Some(Ingress {
        external: is_front_door,
        target_port: port,
        exposed_port: (!is_front_door).then_some(port),
        transport: if is_front_door { "http" } else { "tcp" }.to_owned(),
        allow_insecure: is_front_door.then_some(false),
        traffic: vec![TrafficWeight {
            latest_revision: true,
            weight: 100,
        }],
    })
}

fn scale(context: &Context<'_>, service: &Service) -> Scale {
    let rule = |key: &str| ScaleRuleMetadata {
        metadata: BTreeMap::from([(key.to_owned(), CONNECTIONS_PER_REPLICA.to_owned())]),
    };
    let listens = ingress(context, service.kind).is_some();
    let can_grow = service.replicas.max() > service.replicas.min();
    let rules = match service.kind {
        _ if !listens || !can_grow => Vec::new(),
        ServiceKind::Nginx => vec![ScaleRule {
            name: "requests".to_owned(),
            tcp: None,
            http: Some(rule("concurrentRequests")),
        }],
        _ => vec![ScaleRule {
            name: "connections".to_owned(),
            tcp: Some(rule("concurrentConnections")),
            http: None,
        }],
    };
    Scale {
        min_replicas: service.replicas.min().into(),
        max_replicas: service.replicas.max().into(),
        rules,
    }
}

fn migration(context: &Context<'_>, inputs: &EnvironmentInputs) -> Job {
    let migration = context.deployment.migration();
    let environment = environment_of(context.deployment, Role::Migration, inputs);
    let (registries, password) = registry(context);
    let kept = environment.secrets.iter().chain(&password);
    let secrets: Vec<Secret> = kept.map(|one| vault::reference(context, one)).collect();
    let role = Role::Migration;
    let identities = identity::of_app(context, role, &registries, &secrets);
    Job {
        id: context.migration(),
        after: identity::roles(context, role, &registries, &secrets),
        location: context.location(),
        tags: context.tags.clone(),
        identity: AssignedIdentities::of(&identities),
        properties: JobProperties {
            environment_id: context.environment().to_string(),
            workload_profile_name: PROFILE.to_owned(),
            configuration: JobConfiguration {
                trigger_type: "Manual".to_owned(),
                replica_timeout: migration.timeout_seconds,
                // A migration that failed half-way is looked at by a person, not repeated.
                replica_retry_limit: 0,
                manual_trigger_config: ManualTrigger {
                    parallelism: 1,
                    replica_completion_count: 1,
                },
                identity_settings: identity::settings(context, role, &identities),
                registries,
                secrets,
            },
            template: JobTemplate {
                containers: vec![Container {
                    name: "migration".to_owned(),
                    image: migration.image.to_string(),
                    command: Vec::new(),
                    args: Vec::new(),
                    env: environment.variables,
                    resources: resources_of(migration.size),
                    probes: Vec::new(),
                    volume_mounts: Vec::new(),
                }],
            },
        },
    }
}

fn migration_run(context: &Context<'_>) -> JobExecution {
    JobExecution {
        id: context.migration_run(),
        after: after(context, Role::Migration, &[], &[]),
        image: context.deployment.migration().image.to_string(),
    }
}
