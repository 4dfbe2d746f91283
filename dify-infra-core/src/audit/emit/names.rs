//! Name, environment, region, release: what every file begins with.

use super::super::inventory::{Inventory, Platform, WorkloadKind};
use super::super::recognise::Role;
use super::draft::Draft;
use crate::catalogue::{Release, ServiceKind};
use crate::graph::{storage_account, vault};
use crate::names::{DeploymentName, EnvironmentLabel, Location, Suffix};

const NAME: &str = "dify";
const LOCATION: &str = "japaneast";

/// The names that the written file leads to: whatever is called otherwise is somebody's own.
pub(super) struct Names {
    prefix: String,
    /// The end of names that are unique in all of Azure, when it is told by one of them.
    suffix: Option<String>,
}

impl Names {
    fn is(&self, name: &str, derived: impl Fn(&str) -> String) -> bool {
        let suffix = self.suffix.as_deref();
        suffix.is_some_and(|suffix| derived(suffix) == name)
    }

    pub(super) fn is_server(&self, name: &str) -> bool {
        self.is(name, |suffix| format!("{}-postgres-{suffix}", self.prefix))
    }

    pub(super) fn is_redis(&self, name: &str) -> bool {
        self.is(name, |suffix| format!("{}-redis-{suffix}", self.prefix))
    }

    pub(super) fn is_storage(&self, name: &str) -> bool {
        self.is(name, |suffix| storage_account(&self.prefix, suffix))
    }

    pub(super) fn is_vault(&self, name: &str) -> bool {
        self.is(name, |suffix| vault(&self.prefix, suffix))
    }
}

/// Writes the top of the file and `[azure]`.
pub(super) fn write(inventory: &Inventory, release: &Release, draft: &mut Draft) -> Names {
    let prefix = prefix(inventory);
    let parts = prefix.as_deref().and_then(split);
    let is_guess = parts.is_none();
    let has_network = inventory
        .environments
        .iter()
        .any(|it| !it.subnet.is_absent());
    let guessed = if has_network { "prod" } else { "dev" };
    let (name, environment) = parts.unwrap_or_else(|| (NAME.to_owned(), guessed.to_owned()));
    draft.set("", "schema", "1".to_owned());
    draft.text("", "name", &name);
    if is_guess {
        draft.because("the names of the apps tell none");
    }
    draft.text("", "environment", &environment);
    // The environments dev and prod imply their profiles, and prod has a network.
    let profile = if has_network || environment == "prod" {
        "prod"
    } else {
        "dev"
    };
    if environment != profile {
        draft.text("", "profile", profile);
    }
    let location = inventory
        .location
        .as_deref()
        .map(|it| it.replace(' ', "").to_lowercase());
    let location = location.filter(|it| Location::parse(it).is_ok());
    draft.text("", "location", location.as_deref().unwrap_or(LOCATION));
    if location.is_none() {
        draft.because("the region can't be seen: name yours");
    }
    draft.text("", "dify", &release.version().to_string());
    let group = inventory.resource_group.clone();
    let derived = format!("{name}-{environment}-rg");
    draft.text(
        "azure",
        "resource_group",
        group.as_deref().unwrap_or(&derived),
    );
    if group.is_none() && inventory.platform == Platform::ContainerApps {
        draft.because("the template names none");
    }
    let prefix = format!("{name}-{environment}");
    let suffix = suffix(inventory, &prefix);
    if let Some(suffix) = &suffix {
        draft.text("azure", "suffix", suffix);
    }
    Names { prefix, suffix }
}

/// What the names of the apps begin with: `dify-dev` of `dify-dev-api`.
fn prefix(inventory: &Inventory) -> Option<String> {
    ServiceKind::ALL.into_iter().find_map(|kind| {
        let (workload, _) = inventory
            .of(Role::Service(kind))
            .find(|(it, _)| it.kind == WorkloadKind::App)?;
        let name = workload.name.literal()?;
        let prefix = name.strip_suffix(kind.app_suffix())?.strip_suffix('-')?;
        (!prefix.is_empty()).then(|| prefix.to_owned())
    })
}

/// Name and environment of a prefix.
fn split(prefix: &str) -> Option<(String, String)> {
    let (name, environment) = prefix.rsplit_once('-')?;
    let is_right =
        DeploymentName::parse(name).is_ok() && EnvironmentLabel::parse(environment).is_ok();
    is_right.then(|| (name.to_owned(), environment.to_owned()))
}

/// The end of global names, when they are ours: `dify-dev-postgres-4kq2zd`.
fn suffix(inventory: &Inventory, prefix: &str) -> Option<String> {
    let server = inventory.postgres.first().map(|it| ("postgres", &it.name));
    let redis = inventory.redis.first().map(|it| ("redis", &it.name));
    server.into_iter().chain(redis).find_map(|(part, name)| {
        let rest = name.literal()?.strip_prefix(prefix)?;
        let suffix = rest.strip_prefix(&format!("-{part}-"))?;
        Suffix::parse(suffix).is_ok().then(|| suffix.to_owned())
    })
}
