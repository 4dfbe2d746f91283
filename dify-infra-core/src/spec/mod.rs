//! The deployment file as people write it: plain values, nothing derived, nothing proven.
//!
//! [`Spec::parse`] reads the whole file and reports every problem at once: unknown keys with the
//! one that was meant, wrong types, missing keys, each with line and column. What the values mean
//! together is decided later, when a [`Deployment`](crate::deployment::Deployment) is made of them.
//!
//! ```
//! use dify_infra_core::spec::Spec;
//!
//! let (spec, _) = Spec::parse(
//!     "name = \"dify\"\nenvironment = \"dev\"\nlocation = \"japaneast\"\n\n\
//!      [azure]\nresource_group = \"dify-dev-rg\"\n",
//! )?;
//! assert_eq!(spec.azure.resource_group.as_deref(), Some("dify-dev-rg"));
//!
//! let problems = Spec::parse("name = \"dify\"\nenviroment = \"dev\"\n").unwrap_err();
//! assert!(problems.to_string().contains("did you mean `environment`?"));
//! # Ok::<(), dify_infra_core::diagnostic::Diagnostics>(())
//! ```

mod data;
mod define;
mod document;
mod gateway;
mod platform;
mod read;
mod routes;
#[cfg(feature = "schema")]
pub mod schema;
mod service;
mod suggest;
mod template;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

pub use data::{DataSpec, LogsSpec, PostgresSpec, RedisSpec, StorageSpec};
pub use document::Document;
pub use gateway::{GatewaySpec, InstancesSpec};
pub use platform::{
    AzureSpec, ImagesSpec, NetworkSpec, PublicSpec, SecretReference, SecretsSpec,
    WorkloadProfileSpec,
};
pub use routes::RouteSpec;
pub use service::{
    AllowedRuleSpec, ChecksSpec, EgressExceptionSpec, EgressSpec, ReplicasSpec, ServiceSpec,
    VariableSpec,
};
pub(crate) use suggest::{in_words, nearest};
pub use template::template;

use crate::check::spc;
use crate::diagnostic::{Diagnostic, Diagnostics, KeyPath};
use define::section;
use read::Reader;

/// The version of the file's format that this crate reads.
pub const SCHEMA_VERSION: u32 = 1;

section! {
    /// A Dify deployment on Azure.
    pub struct Spec {
        /// Version of this format: 1.
        #[cfg_attr(feature = "schema", schemars(extend("const" = SCHEMA_VERSION)))]
        schema: Option<u32>,
        /// Name of the deployment; every derived name begins with it. 1 to 16 lower-case letters,
        /// digits and hyphens.
        #[cfg_attr(feature = "schema", schemars(with = "Option<crate::names::DeploymentName>"))]
        name: Option<String>,
        /// Environment, such as dev, staging or prod: the second part of every derived name.
        #[cfg_attr(feature = "schema", schemars(with = "Option<crate::names::EnvironmentLabel>"))]
        environment: Option<String>,
        /// Which set of defaults holds. May be left out when the environment is dev or prod.
        #[cfg_attr(feature = "schema", schemars(extend("enum" = ["dev", "prod"])))]
        profile: Option<String>,
        /// Azure region, such as japaneast.
        #[cfg_attr(feature = "schema", schemars(with = "Option<crate::names::Location>"))]
        location: Option<String>,
        /// Release of Dify, such as 1.16.0. It picks images, services, variables and routes.
        #[cfg_attr(feature = "schema", schemars(extend("enum" = schema::releases())))]
        dify: Option<String>,
        /// Where in Azure the deployment lives.
        azure: AzureSpec,
        /// How people reach Dify.
        public: PublicSpec,
        /// Where images come from.
        images: ImagesSpec,
        /// Virtual network and private endpoints.
        network: NetworkSpec,
        /// An Application Gateway with a web application firewall in front.
        gateway: Option<GatewaySpec>,
        /// Machines of the environment's own, by a name that services choose them by.
        workload_profiles: BTreeMap<String, WorkloadProfileSpec>,
        /// PostgreSQL, Redis and Blob storage.
        data: DataSpec,
        /// Logs of all containers.
        logs: LogsSpec,
        /// Where Azure keeps secrets.
        secrets: SecretsSpec,
        /// Size, scale, image and variables of single services.
        #[cfg_attr(
            feature = "schema",
            schemars(extend("propertyNames" = { "enum": schema::services() }))
        )]
        services: BTreeMap<String, ServiceSpec>,
        /// Public paths beyond those of the release.
        routes: Vec<RouteSpec>,
        /// What the SSRF proxy lets through beyond the public internet.
        egress: EgressSpec,
        /// Rules that may be broken.
        checks: ChecksSpec,
    }
}

/// What came of reading a file, however much of it could be used.
pub(crate) struct Reading {
    pub(crate) spec: Spec,
    pub(crate) document: Document,
    pub(crate) diagnostics: Diagnostics,
    /// Keys about which something has been said.
    pub(crate) reported: BTreeSet<KeyPath>,
}

impl Spec {
    /// Reads a deployment file, with the place of every key.
    ///
    /// # Errors
    ///
    /// When the text is not TOML, has unknown keys or values of a wrong type, or lacks one of
    /// `name`, `environment`, `location` and `azure.resource_group`: all of it at once.
    pub fn parse(text: &str) -> Result<(Self, Document), Diagnostics> {
        let Reading {
            spec,
            document,
            mut diagnostics,
            reported,
        } = Self::read(text)?;
        diagnostics.extend(
            spec.missing_keys()
                .into_iter()
                .filter(|it| !reported.contains(&it.path)),
        );
        document.locate(&mut diagnostics);
        if diagnostics.has_errors() {
            Err(diagnostics)
        } else {
            Ok((spec, document))
        }
    }

    /// Reads a file and goes on after each problem but those of the syntax.
    pub(crate) fn read(text: &str) -> Result<Reading, Diagnostics> {
        let (document, table) = Document::parse_with_table(text)?;
        let mut reader = Reader::new(&document);
        let value = toml::de::DeValue::Table(table);
        let spec = Self::read_value(&value, &mut reader);
        let (diagnostics, reported) = reader.finish();
        Ok(Reading {
            spec,
            document,
            diagnostics,
            reported,
        })
    }

    fn read_value(value: &toml::de::DeValue<'_>, reader: &mut Reader<'_>) -> Self {
        <Self as read::Read>::read(value, &KeyPath::root(), reader).unwrap_or_default()
    }

    /// A finding for each key that every file must have and this one lacks.
    pub(crate) fn missing_keys(&self) -> Vec<Diagnostic> {
        let required = [
            (
                "name",
                &self.name,
                "every derived name begins with it: `name = \"dify\"`",
            ),
            ("environment", &self.environment, "`environment = \"dev\"`"),
            (
                "location",
                &self.location,
                "name an Azure region: `location = \"japaneast\"`",
            ),
            (
                "azure.resource_group",
                &self.azure.resource_group,
                "name the group that holds the deployment: `resource_group = \"dify-dev-rg\"` \
                 under `[azure]`",
            ),
        ];
        let absent = required.into_iter().filter(|(_, value, _)| value.is_none());
        absent
            .map(|(path, _, help)| missing_key(KeyPath::of(path)).with_help(help))
            .collect()
    }
}

/// The finding that a key must be there.
pub(crate) fn missing_key(path: KeyPath) -> Diagnostic {
    let message = format!("`{path}` is missing");
    spc::MISSING_KEY.finding(path, message)
}
