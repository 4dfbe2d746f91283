//! The deployment file without a file: for tools and pipelines that describe one in Rust.
//!
//! A builder says what the file can say and leads through the same rules. Setters take texts, or
//! the types of [`names`](crate::names) and [`values`](crate::values), which become texts.

use super::resolve::Resolved;
use super::{Deployment, Profile};
use crate::catalogue::{ImageKind, ServiceKind};
use crate::diagnostic::Diagnostics;
use crate::spec::{
    AllowedRuleSpec, EgressExceptionSpec, GatewaySpec, NetworkSpec, PostgresSpec, RedisSpec,
    ReplicasSpec, RouteSpec, SecretReference, ServiceSpec, Spec, StorageSpec, VariableSpec,
};

/// Puts a deployment together, step by step; [`build`](Self::build) applies the rules about what was said, and
/// [`check`](Resolved::check) those about what it leads to.
///
/// ```
/// use dify_infra_core::catalogue::ServiceKind;
/// use dify_infra_core::deployment::Deployment;
///
/// let resolved = Deployment::builder("dify", "dev")
///     .location("japaneast")
///     .resource_group("dify-dev-rg")
///     .release("1.16.0")
///     .origin("https://dify.example.com")
///     .tag("costCenter", "42")
///     .postgres(|postgres| postgres.sku("Standard_B2s").storage_gib(64))
///     .service(ServiceKind::Sandbox, |sandbox| sandbox.cpu(0.5).replicas(1, 5))
///     .service(ServiceKind::Api, |api| {
///         api.env("LOG_LEVEL", "DEBUG").secret_env("SMTP_PASSWORD", "smtp-password")
///     })
///     .route("/hooks/", ServiceKind::Api, |route| route.max_body_size("200M"))
///     .allow_rule("SSR001", "our own staff only")
///     .build()?
///     .check()?;
/// let sandbox = resolved.deployment.service(ServiceKind::Sandbox).expect("a service");
/// assert_eq!(sandbox.size.to_string(), "0.5 vCPU with 1Gi");
/// assert_eq!(resolved.deployment.postgres().storage_gib, 64);
/// # Ok::<(), dify_infra_core::diagnostic::Diagnostics>(())
/// ```
///
/// Mistakes come all at once, under the paths of the file:
///
/// ```
/// use dify_infra_core::catalogue::ServiceKind;
/// use dify_infra_core::deployment::Deployment;
///
/// let problems = Deployment::builder("dify", "dev")
///     .location("japaneast")
///     .service(ServiceKind::Sandbox, |sandbox| sandbox.replicas(0, 2))
///     .build()
///     .unwrap_err();
/// let paths: Vec<_> = problems
///     .iter()
///     .filter(|problem| problem.severity == dify_infra_core::diagnostic::Severity::Error)
///     .map(|problem| problem.path.to_string())
///     .collect();
/// assert_eq!(paths, ["services.sandbox.replicas", "azure.resource_group"]);
/// ```
#[derive(Debug, Clone, PartialEq)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct DeploymentBuilder {
    spec: Spec,
}

impl Deployment {
    /// Starts a deployment that is called `<name>-<environment>`.
    pub fn builder(name: impl Into<String>, environment: impl Into<String>) -> DeploymentBuilder {
        let (name, environment) = (Some(name.into()), Some(environment.into()));
        DeploymentBuilder {
            spec: Spec {
                name,
                environment,
                ..Spec::default()
            },
        }
    }
}

impl From<Spec> for DeploymentBuilder {
    /// Goes on from a description, such as one that was read from a file.
    fn from(spec: Spec) -> Self {
        Self { spec }
    }
}

impl DeploymentBuilder {
    /// Resolves the deployment and applies the rules that look at the description; the others are applied by
    /// [`Resolved::check`].
    ///
    /// # Errors
    ///
    /// When something that every deployment needs is missing, or a rule about descriptions of severity error
    /// is broken: all findings at once.
    pub fn build(self) -> Result<Resolved, Diagnostics> {
        Deployment::from_spec(&self.spec)
    }

    /// The description as it would stand in a file.
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// The set of defaults; needed when the environment is neither `dev` nor `prod`.
    pub fn profile(mut self, profile: Profile) -> Self {
        self.spec.profile = Some(profile.as_str().to_owned());
        self
    }

    /// The Azure region.
    pub fn location(mut self, location: impl Into<String>) -> Self {
        self.spec.location = Some(location.into());
        self
    }

    /// The release of Dify; the catalogue's default otherwise.
    pub fn release(mut self, version: impl Into<String>) -> Self {
        self.spec.dify = Some(version.into());
        self
    }

    /// The resource group.
    pub fn resource_group(mut self, group: impl Into<String>) -> Self {
        self.spec.azure.resource_group = Some(group.into());
        self
    }

    /// The subscription; that of the login otherwise.
    pub fn subscription(mut self, subscription: impl Into<String>) -> Self {
        self.spec.azure.subscription = Some(subscription.into());
        self
    }

    /// The end of names that are unique in all of Azure; derived otherwise.
    pub fn suffix(mut self, suffix: impl Into<String>) -> Self {
        self.spec.azure.suffix = Some(suffix.into());
        self
    }

    /// The virtual network: whose it is, its addresses, what is private in it.
    pub fn network(mut self, network: NetworkSpec) -> Self {
        self.spec.network = network;
        self
    }

    /// An Application Gateway with a web application firewall in front.
    pub fn gateway(mut self, gateway: GatewaySpec) -> Self {
        self.spec.gateway = Some(gateway);
        self
    }

    /// A tag of every resource that can have some.
    pub fn tag(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.spec.azure.tags.insert(name.into(), value.into());
        self
    }

    /// Scheme and host of every public URL; those of the front door otherwise.
    pub fn origin(mut self, origin: impl Into<String>) -> Self {
        self.spec.public.origin = Some(origin.into());
        self
    }

    /// The certificate of the origin: `managed`, or the address or id of one in a key vault.
    pub fn certificate(mut self, certificate: impl Into<String>) -> Self {
        self.spec.public.certificate = Some(certificate.into());
        self
    }

    /// A registry that has the same repositories and tags.
    pub fn registry(mut self, registry: impl Into<String>) -> Self {
        self.spec.images.registry = Some(registry.into());
        self
    }

    /// The resource group of an Azure registry, or its id where that is in another subscription; the
    /// deployment's own without it.
    pub fn registry_resource_group(mut self, name: impl Into<String>) -> Self {
        self.spec.images.resource_group = Some(name.into());
        self
    }

    /// The id of an identity that already may pull from an Azure registry.
    pub fn registry_identity(mut self, id: impl Into<String>) -> Self {
        self.spec.images.identity = Some(id.into());
        self
    }

    /// Whether an Azure registry is reached through a private endpoint.
    pub fn registry_private_endpoint(mut self, is_private: bool) -> Self {
        self.spec.images.private_endpoint = Some(is_private);
        self
    }

    /// The digest, `sha256:` and 64 digits, that an image of the release must have: that of a
    /// repository and a tag, such as `langgenius/dify-api:1.16.0`.
    pub fn digest(mut self, image: impl Into<String>, digest: impl Into<String>) -> Self {
        let digests = &mut self.spec.images.digests;
        digests.insert(image.into(), digest.into());
        self
    }

    /// The login at the registry, the password by the name of its secret.
    pub fn registry_login(
        mut self,
        username: impl Into<String>,
        password_secret: impl Into<String>,
    ) -> Self {
        self.spec.images.username = Some(username.into());
        self.spec.images.password = Some(SecretReference {
            secret: password_secret.into(),
        });
        self
    }

    /// Another image than the release's, taken as it is written.
    pub fn image(mut self, kind: ImageKind, image: impl Into<String>) -> Self {
        self.spec
            .images
            .overrides
            .insert(kind.key().to_owned(), image.into());
        self
    }

    /// Settings of the PostgreSQL server.
    pub fn postgres(mut self, set: impl FnOnce(PostgresBuilder) -> PostgresBuilder) -> Self {
        let PostgresBuilder(postgres) = set(PostgresBuilder(self.spec.data.postgres));
        self.spec.data.postgres = postgres;
        self
    }

    /// Settings of the Redis instance.
    pub fn redis(mut self, set: impl FnOnce(RedisBuilder) -> RedisBuilder) -> Self {
        let RedisBuilder(redis) = set(RedisBuilder(self.spec.data.redis));
        self.spec.data.redis = redis;
        self
    }

    /// Settings of the storage account.
    pub fn storage(mut self, set: impl FnOnce(StorageBuilder) -> StorageBuilder) -> Self {
        let StorageBuilder(storage) = set(StorageBuilder(self.spec.data.storage));
        self.spec.data.storage = storage;
        self
    }

    /// Days for which logs are kept.
    pub fn log_retention_days(mut self, days: u32) -> Self {
        self.spec.logs.retention_days = Some(days);
        self
    }

    /// Size, scale, image and variables of a service.
    pub fn service(
        mut self,
        kind: ServiceKind,
        set: impl FnOnce(ServiceBuilder) -> ServiceBuilder,
    ) -> Self {
        let service = self.spec.services.remove(kind.key()).unwrap_or_default();
        let ServiceBuilder(service) = set(ServiceBuilder(service));
        self.spec.services.insert(kind.key().to_owned(), service);
        self
    }

    /// A public path, and what is below it, beside those of the release.
    pub fn route(
        mut self,
        path: impl Into<String>,
        service: ServiceKind,
        set: impl FnOnce(RouteBuilder) -> RouteBuilder,
    ) -> Self {
        let RouteBuilder(route) = set(RouteBuilder(RouteSpec {
            path: Some(path.into()),
            service: Some(service.key().to_owned()),
            ..RouteSpec::default()
        }));
        self.spec.routes.push(route);
        self
    }

    /// Lets the proxy through to private addresses, with the reason.
    pub fn allow_network(self, cidr: impl Into<String>, reason: impl Into<String>) -> Self {
        self.exception(EgressExceptionSpec {
            cidr: Some(cidr.into()),
            domain: None,
            reason: Some(reason.into()),
        })
    }

    /// Lets the proxy through to a host, or with a leading dot to all below it, with the reason.
    pub fn allow_domain(self, domain: impl Into<String>, reason: impl Into<String>) -> Self {
        self.exception(EgressExceptionSpec {
            cidr: None,
            domain: Some(domain.into()),
            reason: Some(reason.into()),
        })
    }

    /// Lets a rule be broken, with the reason.
    pub fn allow_rule(mut self, rule: impl Into<String>, reason: impl Into<String>) -> Self {
        let (rule, reason) = (Some(rule.into()), Some(reason.into()));
        self.spec
            .checks
            .allow
            .push(AllowedRuleSpec { rule, reason });
        self
    }

    fn exception(mut self, exception: EgressExceptionSpec) -> Self {
        self.spec.egress.allow.push(exception);
        self
    }
}

/// Settings of the PostgreSQL server.
#[derive(Debug, Clone, PartialEq)]
#[must_use = "give the builder back to the closure's caller"]
pub struct PostgresBuilder(PostgresSpec);

impl PostgresBuilder {
    /// Compute size, such as `Standard_B1ms`.
    pub fn sku(mut self, sku: impl Into<String>) -> Self {
        self.0.sku = Some(sku.into());
        self
    }

    /// Major version.
    pub fn version(mut self, version: u32) -> Self {
        self.0.version = Some(version);
        self
    }

    /// Disk, in GiB.
    pub fn storage_gib(mut self, gib: u32) -> Self {
        self.0.storage = Some(gib);
        self
    }

    /// Days for which backups are kept.
    pub fn backup_days(mut self, days: u32) -> Self {
        self.0.backup_days = Some(days);
        self
    }

    /// Dify's database: `dify`.
    pub fn database(mut self, name: impl Into<String>) -> Self {
        self.0.database = Some(name.into());
        self
    }

    /// The plugin daemon's database: `dify_plugin`.
    pub fn plugin_database(mut self, name: impl Into<String>) -> Self {
        self.0.plugin_database = Some(name.into());
        self
    }

    /// Login of the administrator.
    pub fn administrator(mut self, login: impl Into<String>) -> Self {
        self.0.administrator = Some(login.into());
        self
    }

    /// A server of the same resource group that exists.
    pub fn existing(mut self, name: impl Into<String>) -> Self {
        self.0.existing = Some(name.into());
        self
    }
}

/// Settings of the Redis instance.
#[derive(Debug, Clone, PartialEq)]
#[must_use = "give the builder back to the closure's caller"]
pub struct RedisBuilder(RedisSpec);

impl RedisBuilder {
    /// Size, such as `Balanced_B0`.
    pub fn sku(mut self, sku: impl Into<String>) -> Self {
        self.0.sku = Some(sku.into());
        self
    }

    /// Whether there is a replica.
    pub fn high_availability(mut self, is_on: bool) -> Self {
        self.0.high_availability = Some(is_on);
        self
    }

    /// An instance of the same resource group that exists.
    pub fn existing(mut self, name: impl Into<String>) -> Self {
        self.0.existing = Some(name.into());
        self
    }
}

/// Settings of the storage account.
#[derive(Debug, Clone, PartialEq)]
#[must_use = "give the builder back to the closure's caller"]
pub struct StorageBuilder(StorageSpec);

impl StorageBuilder {
    /// Redundancy, such as `Standard_LRS`.
    pub fn sku(mut self, sku: impl Into<String>) -> Self {
        self.0.sku = Some(sku.into());
        self
    }

    /// Days for which deleted files can be brought back.
    pub fn retention_days(mut self, days: u32) -> Self {
        self.0.retention_days = Some(days);
        self
    }

    /// Container of files: `dify-app-storage`.
    pub fn app_container(mut self, name: impl Into<String>) -> Self {
        self.0.app_container = Some(name.into());
        self
    }

    /// Container of plugins: `dify-plugins`.
    pub fn plugin_container(mut self, name: impl Into<String>) -> Self {
        self.0.plugin_container = Some(name.into());
        self
    }

    /// Containers sign in with an identity that is made and given its roles.
    pub fn by_identity(mut self) -> Self {
        self.0.access = Some("identity".to_owned());
        self
    }

    /// Containers sign in with this identity, which has its roles already.
    pub fn identity(mut self, id: impl Into<String>) -> Self {
        self.0.identity = Some(id.into());
        self.by_identity()
    }

    /// An account of the same resource group that exists.
    pub fn existing(mut self, name: impl Into<String>) -> Self {
        self.0.existing = Some(name.into());
        self
    }
}

/// Settings of one service.
#[derive(Debug, Clone, PartialEq)]
#[must_use = "give the builder back to the closure's caller"]
pub struct ServiceBuilder(ServiceSpec);

impl ServiceBuilder {
    /// Cores of a replica, in steps of 0.25; the memory follows unless it is given.
    pub fn cpu(mut self, cpu: impl Into<f64>) -> Self {
        self.0.cpu = Some(cpu.into());
        self
    }

    /// Memory of a replica, such as `1Gi`; the cores follow unless they are given.
    pub fn memory(mut self, memory: impl Into<String>) -> Self {
        self.0.memory = Some(memory.into());
        self
    }

    /// The least and the greatest number of replicas.
    pub fn replicas(mut self, min: u32, max: u32) -> Self {
        self.0.replicas = Some(ReplicasSpec {
            min: Some(min),
            max: Some(max),
        });
        self
    }

    /// Another image for this service alone.
    pub fn image(mut self, image: impl Into<String>) -> Self {
        self.0.image = Some(image.into());
        self
    }

    /// A variable with a value that everyone who reads the app may see.
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.0
            .env
            .insert(name.into(), VariableSpec::Text(value.into()));
        self
    }

    /// A variable with a secret of the secrets file, by its name.
    pub fn secret_env(mut self, name: impl Into<String>, secret: impl Into<String>) -> Self {
        let reference = SecretReference {
            secret: secret.into(),
        };
        self.0
            .env
            .insert(name.into(), VariableSpec::Secret(reference));
        self
    }
}

/// A public path beside those of the release.
#[derive(Debug, Clone, PartialEq)]
#[must_use = "give the builder back to the closure's caller"]
pub struct RouteBuilder(RouteSpec);

impl RouteBuilder {
    /// The path alone, and nothing below it.
    pub fn exact(mut self) -> Self {
        self.0.r#match = Some("exact".to_owned());
        self
    }

    /// Whether a request may turn its connection into a WebSocket.
    pub fn upgrade(mut self, is_allowed: bool) -> Self {
        self.0.upgrade = Some(is_allowed);
        self
    }

    /// Largest request body, such as `200M`.
    pub fn max_body_size(mut self, size: impl Into<String>) -> Self {
        self.0.max_body_size = Some(size.into());
        self
    }
}
