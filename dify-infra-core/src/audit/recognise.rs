//! What a container is, by its image and mode: names are whatever somebody liked.

use super::inventory::{Fact, Variable};
use super::seen::Seen;
use crate::catalogue::{ServiceKind, Version};

/// What a container is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Role {
    /// One of Dify's services that the catalogue knows.
    Service(ServiceKind),
    /// The database migration.
    Migration,
    /// `dify-api` whose mode can't be seen.
    Application,
    /// The agent backend, from 1.16.
    AgentBackend,
    /// The agents' sandbox, from 1.16.
    LocalSandbox,
    /// PostgreSQL in a container.
    Postgres,
    /// Redis in a container.
    Redis,
    /// Anything else: vector stores, certbot, helpers.
    Other,
}

impl Role {
    /// Whether it runs `dify-api` and so reads its settings.
    pub fn is_application(self) -> bool {
        matches!(self, Self::Migration | Self::Application) || self.is_application_service()
    }

    fn is_application_service(self) -> bool {
        matches!(
            self,
            Self::Service(
                ServiceKind::Api
                    | ServiceKind::ApiWebsocket
                    | ServiceKind::Worker
                    | ServiceKind::WorkerBeat
            )
        )
    }

    /// Whether its image is one of Dify's own.
    pub fn is_dify(self) -> bool {
        !matches!(
            self,
            Self::Service(ServiceKind::Nginx | ServiceKind::SsrfProxy)
                | Self::Postgres
                | Self::Redis
                | Self::Other
        )
    }

    /// The service of the catalogue whose variables it reads.
    pub fn variables_of(self) -> Option<ServiceKind> {
        match self {
            Self::Service(kind) => Some(kind),
            Self::Migration | Self::Application => Some(ServiceKind::Api),
            _ => None,
        }
    }

    /// What people call it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Service(kind) => kind.key(),
            Self::Migration => "migration",
            Self::Application => "dify-api of an unseen mode",
            Self::AgentBackend => "agent_backend",
            Self::LocalSandbox => "local_sandbox",
            Self::Postgres => "postgres",
            Self::Redis => "redis",
            Self::Other => "other",
        }
    }
}

/// An image as far as it can be taken apart.
pub(crate) struct ImageParts {
    pub(crate) repository: String,
    pub(crate) tag: Option<String>,
    pub(crate) digest: bool,
    pub(crate) version: Option<Version>,
}

/// Takes an image reference apart; it may be unseen in its registry or its tag.
pub(crate) fn image_parts(image: &Seen) -> ImageParts {
    let shown = image.shown();
    let (name, digest) = match shown.split_once("@sha256:") {
        Some((name, _)) => (name, true),
        None => (shown.as_str(), false),
    };
    let after_path = name.rfind('/').map_or(0, |slash| slash + 1);
    let (name, tag) = match name[after_path..].find(':') {
        Some(colon) => {
            let colon = colon + after_path;
            (&name[..colon], Some(name[colon + 1..].to_owned()))
        }
        None => (name, None),
    };
    let tag_is_unseen = tag.as_ref().is_some_and(|tag| tag.contains('{'));
    let version = tag.as_ref().and_then(|tag| tag.parse().ok());
    ImageParts {
        repository: name.to_ascii_lowercase(),
        tag: tag.filter(|_| !tag_is_unseen),
        digest,
        version,
    }
}

/// Whether an image's own name is seen, whatever its registry and tag are.
pub(crate) fn is_image_told(image: &Seen) -> bool {
    let shown = image.shown();
    // What is unseen stands in braces, with slashes and colons of its own.
    let mut depth = 0_usize;
    let mut last = 0;
    for (at, character) in shown.char_indices() {
        match character {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            '/' if depth == 0 => last = at + 1,
            _ => {}
        }
    }
    let name = shown[last..].split([':', '@']).next().unwrap_or_default();
    !name.is_empty() && !name.contains('{')
}

/// What runs under an image and its variables.
///
/// `dify-api` with a command of somebody's own and no mode is a helper that borrows the image.
pub(crate) fn role_of(
    image: &Fact<Seen>,
    variables: &[Variable],
    command: &[Seen],
    is_job: bool,
) -> Role {
    let Some(image) = image.known() else {
        return Role::Other;
    };
    let repository = image_parts(image).repository;
    let last = repository.rsplit('/').next().unwrap_or_default();
    let fixed = [
        ("dify-web", Role::Service(ServiceKind::Web)),
        ("dify-sandbox", Role::Service(ServiceKind::Sandbox)),
        (
            "dify-plugin-daemon",
            Role::Service(ServiceKind::PluginDaemon),
        ),
        ("dify-agent-backend", Role::AgentBackend),
        ("dify-agent-local-sandbox", Role::LocalSandbox),
        ("dify-local-sandbox", Role::LocalSandbox),
    ];
    if let Some((_, role)) = fixed.iter().find(|(name, _)| last == *name) {
        return *role;
    }
    let borrowed = !command.is_empty()
        && !command.iter().any(|word| word.contains("entrypoint.sh"))
        && variables.iter().all(|it| it.name != "MODE");
    if last == "dify-api" && borrowed {
        return Role::Other;
    }
    if last == "dify-api" {
        return application(variables, is_job);
    }
    match last {
        "squid" | "dify-squid" | "dify-ssrf-proxy" | "ssrf-proxy" => {
            Role::Service(ServiceKind::SsrfProxy)
        }
        "nginx" | "dify-nginx" | "nginx-unprivileged" => Role::Service(ServiceKind::Nginx),
        "postgres" | "pgvector" => Role::Postgres,
        "redis" | "valkey" => Role::Redis,
        _ => Role::Other,
    }
}

/// `MODE` selects what the one image is (`api/docker/entrypoint.sh` of langgenius/dify 1.16.0:
/// anything but worker, beat, job and migration is the API).
fn application(variables: &[Variable], is_job: bool) -> Role {
    let mode = variables.iter().rev().find(|it| it.name == "MODE");
    let literal = mode.map(|mode| mode.value.literal());
    let is_true = |name: &str| {
        let variable = variables.iter().rev().find(|it| it.name == name);
        variable.and_then(|it| it.value.literal()) == Some("true")
    };
    let socket = variables
        .iter()
        .any(|it| it.name == "SERVER_WORKER_CLASS" && it.value.contains("geventwebsocket"));
    match literal {
        Some(None) => Role::Application,
        Some(Some("worker")) => Role::Service(ServiceKind::Worker),
        Some(Some("beat")) => Role::Service(ServiceKind::WorkerBeat),
        Some(Some("migration")) if is_true("MIGRATION_ENABLED") || is_job => Role::Migration,
        _ if socket => Role::Service(ServiceKind::ApiWebsocket),
        _ if is_job => Role::Migration,
        _ => Role::Service(ServiceKind::Api),
    }
}

#[cfg(test)]
mod tests {
    use super::super::inventory::Source;
    use super::super::place::Place;
    use super::*;

    fn role(image: &str, variables: &[(&str, &str)]) -> Role {
        let place = Place::document("t");
        let variables: Vec<_> = variables
            .iter()
            .map(|(name, value)| Variable {
                name: (*name).to_owned(),
                value: Seen::from(*value),
                source: Source::Plain,
                place: place.clone(),
            })
            .collect();
        role_of(
            &Fact::Known(Seen::from(image), place),
            &variables,
            &[],
            false,
        )
    }

    #[test]
    fn the_image_and_the_mode_decide_not_the_name() {
        let api = "myregistry.azurecr.io/mirror/dify-api:1.16.0";
        assert_eq!(role(api, &[]), Role::Service(ServiceKind::Api));
        assert_eq!(
            role(api, &[("MODE", "worker")]),
            Role::Service(ServiceKind::Worker)
        );
        assert_eq!(
            role(api, &[("MODE", "beat")]),
            Role::Service(ServiceKind::WorkerBeat)
        );
        assert_eq!(
            role("ubuntu/squid:latest", &[]),
            Role::Service(ServiceKind::SsrfProxy)
        );
        assert_eq!(role("pgvector/pgvector:pg16", &[]), Role::Postgres);
        assert_eq!(role("busybox", &[]), Role::Other);
    }

    #[test]
    fn migration_mode_without_its_switch_starts_the_api() {
        let image = "langgenius/dify-api:1.16.0";
        let mode = ("MODE", "migration");
        assert_eq!(role(image, &[mode]), Role::Service(ServiceKind::Api));
        let switch = ("MIGRATION_ENABLED", "true");
        assert_eq!(role(image, &[mode, switch]), Role::Migration);
    }

    #[test]
    fn an_image_is_taken_apart_though_its_registry_is_unseen() {
        use super::super::seen::Unseen;
        let image = Seen::unseen(Unseen::new("parameters('registry')"))
            .and(&Seen::from("/langgenius/dify-api:1.16.0"));
        let parts = image_parts(&image);
        assert!(parts.repository.ends_with("/langgenius/dify-api"));
        assert_eq!(parts.tag.as_deref(), Some("1.16.0"));
    }
}
