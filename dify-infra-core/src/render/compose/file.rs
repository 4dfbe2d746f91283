//! The parts of a compose file that a Dify deployment needs (compose-spec/compose-spec, `schema`).

use std::collections::BTreeMap;

use crate::render::yaml::{Yaml, to_text};

/// A text of a compose file: compose replaces `${NAME}` in every value, and reads `$$` as `$`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Value(String);

impl Value {
    /// A text that stands for itself.
    pub(super) fn literal(text: &str) -> Self {
        Self(text.replace('$', "$$"))
    }

    /// The value of a line of the env file; compose refuses to start without it. `name` is a
    /// variable's name.
    pub(super) fn from_env_file(name: &str) -> Self {
        Self(format!("${{{name}:?it has no value in .env}}"))
    }

    /// The value of a variable of the shell or the env file, or a default without `}`.
    pub(super) fn with_default(name: &str, default: &str) -> Self {
        Self(format!("${{{name}:-{default}}}"))
    }

    /// This text followed by another.
    pub(super) fn and(mut self, next: &Self) -> Self {
        self.0.push_str(&next.0);
        self
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::literal(text)
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::literal(&text)
    }
}

impl From<Value> for Yaml {
    fn from(value: Value) -> Self {
        Self::Text(value.0)
    }
}

/// A whole file.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ComposeFile {
    /// Services by name, in the order in which they are to be read.
    pub services: Vec<(String, ComposeService)>,
    /// Networks by name.
    pub networks: Vec<(&'static str, Network)>,
    /// Named volumes.
    pub volumes: Vec<&'static str>,
}

/// A network of the project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Network {
    /// Whether it has no way out of the host.
    pub internal: bool,
}

/// A service.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ComposeService {
    /// Image.
    pub image: String,
    /// Name of its one container, where there may be no second one.
    pub container_name: Option<String>,
    /// Program instead of the image's entrypoint; empty leaves it.
    pub entrypoint: Vec<String>,
    /// Arguments; empty leaves those of the image.
    pub command: Vec<String>,
    /// User, where it is not the image's.
    pub user: Option<&'static str>,
    /// Variables.
    pub environment: BTreeMap<String, Value>,
    /// Ports of the host, as `127.0.0.1:8080:80`.
    pub ports: Vec<String>,
    /// Mounted files and volumes, as `./nginx.conf:/etc/nginx/nginx.conf:ro`.
    pub volumes: Vec<String>,
    /// Networks; empty is the default one alone.
    pub networks: Vec<&'static str>,
    /// Services to wait for.
    pub depends_on: Vec<(String, Condition)>,
    /// How its health is found out.
    pub healthcheck: Option<Healthcheck>,
    /// Whether it ends by itself, as a migration does; all others are started again.
    pub is_one_shot: bool,
    /// Profile without which it does not start.
    pub profile: Option<&'static str>,
    /// Cores and memory that it may take.
    pub limits: Option<Limits>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
}

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Condition {
    /// Its health check passes.
    Healthy,
    /// It ended without an error.
    Completed,
}

/// A health check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Healthcheck {
    /// Shell command that ends with 0 when the service is well.
    pub command: String,
    /// Seconds for which failures after a start do not count.
    pub start_seconds: u32,
}

/// Limits of a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Limits {
    /// Cores, as `0.5`.
    pub cpus: String,
    /// Mebibytes.
    pub memory_mebibytes: u32,
}

impl ComposeFile {
    /// The text of the file.
    pub(super) fn to_text(&self, remark: &str) -> String {
        let services: Yaml = self
            .services
            .iter()
            .map(|(name, service)| (name.clone(), service.to_yaml()))
            .collect();
        let networks: Yaml = self
            .networks
            .iter()
            .map(|(name, network)| ((*name).to_owned(), network.to_yaml()))
            .collect();
        let volumes: Yaml = self
            .volumes
            .iter()
            .map(|name| ((*name).to_owned(), Yaml::fields()))
            .collect();
        let file = Yaml::fields()
            .with("services", services)
            .with("networks", networks)
            .with("volumes", volumes);
        to_text(remark, &file)
    }
}

impl Network {
    fn to_yaml(&self) -> Yaml {
        let internal = self.internal.then_some(true);
        Yaml::fields().with_some("internal", internal)
    }
}

impl ComposeService {
    /// A service with an image and nothing else.
    pub(super) fn new(image: String) -> Self {
        Self {
            image,
            container_name: None,
            entrypoint: Vec::new(),
            command: Vec::new(),
            user: None,
            environment: BTreeMap::new(),
            ports: Vec::new(),
            volumes: Vec::new(),
            networks: Vec::new(),
            depends_on: Vec::new(),
            healthcheck: None,
            is_one_shot: false,
            profile: None,
            limits: None,
            labels: BTreeMap::new(),
        }
    }

    fn to_yaml(&self) -> Yaml {
        let values = |texts: &[String]| -> Vec<Value> {
            texts.iter().map(|text| Value::literal(text)).collect()
        };
        let labels = self.labels.iter();
        Yaml::fields()
            .with("image", Value::literal(&self.image))
            .with_some(
                "container_name",
                self.container_name.as_deref().map(Value::literal),
            )
            .with_some("profiles", self.profile.map(|profile| vec![profile]))
            .with_any("entrypoint", values(&self.entrypoint))
            .with_any("command", values(&self.command))
            .with_some("user", self.user)
            .with_any(
                "environment",
                self.environment.clone().into_iter().collect::<Yaml>(),
            )
            .with_any("ports", values(&self.ports))
            .with_any("volumes", values(&self.volumes))
            .with_any("networks", self.networks.clone())
            .with_any(
                "depends_on",
                self.depends_on.iter().map(condition).collect::<Yaml>(),
            )
            .with_some(
                "healthcheck",
                self.healthcheck.as_ref().map(Healthcheck::to_yaml),
            )
            .with(
                "restart",
                if self.is_one_shot {
                    "no"
                } else {
                    "unless-stopped"
                },
            )
            .with_some(
                "cpus",
                self.limits.as_ref().map(|limits| limits.cpus.clone()),
            )
            .with_some(
                "mem_limit",
                self.limits
                    .as_ref()
                    .map(|limits| format!("{}m", limits.memory_mebibytes)),
            )
            .with("logging", logging())
            .with_any(
                "labels",
                labels
                    .map(|(name, value)| (name.clone(), Value::literal(value)))
                    .collect::<Yaml>(),
            )
    }
}

fn condition((service, condition): &(String, Condition)) -> (String, Yaml) {
    let condition = match condition {
        Condition::Healthy => "service_healthy",
        Condition::Completed => "service_completed_successfully",
    };
    (service.clone(), Yaml::fields().with("condition", condition))
}

/// Without a limit the logs of a container fill the disk.
fn logging() -> Yaml {
    let options = Yaml::fields().with("max-size", "10m").with("max-file", "3");
    Yaml::fields()
        .with("driver", "json-file")
        .with("options", options)
}

impl Healthcheck {
    fn to_yaml(&self) -> Yaml {
        let test = vec![Value::from("CMD-SHELL"), Value::literal(&self.command)];
        Yaml::fields()
            .with("test", test)
            .with("interval", "5s")
            .with("timeout", "5s")
            .with("retries", 6_u32)
            .with("start_period", format!("{}s", self.start_seconds))
    }
}
