//! Several deployments in one group or template: each is judged by itself.

use std::collections::HashSet;

use super::inventory::{Container, Inventory, TextFile, Workload};
use super::recognise::Role;
use super::rules::account_of_connection;
use super::seen::Seen;
use crate::catalogue::ServiceKind;

/// Deployments that are told apart at most; what a hostile template has beyond counts as what all share.
const MOST_PARTS: usize = 50;

/// What all deployments share is judged beside each of them, as long as it makes up no more bytes than these,
/// about, over all of them.
const MOST_SHARED: usize = 8 << 20;

/// Whether two APIs belong to different deployments: they are in different environments and use different
/// databases.
pub(super) fn are_apart(
    (workload, container): (&Workload, &Container),
    (other_workload, other): (&Workload, &Container),
) -> bool {
    let (Some(here), Some(there)) = (&workload.environment, &other_workload.environment) else {
        return false;
    };
    let database = |it: &Container| {
        let value = |name: &str| {
            it.variable(name)
                .map(|it| it.value.clone())
                .unwrap_or_default()
        };
        (
            value("DB_HOST").canonical(),
            value("DB_DATABASE").canonical(),
        )
    };
    here.same(there) != Some(true) && database(container) != database(other)
}

/// The deployments of an inventory, when it holds several: each has the apps of its environment with their files,
/// the data services that they name, and what belongs to none.
///
/// What belongs to none is a part of its own when it is too much to be judged with each.
pub(super) fn of(inventory: &Inventory) -> Vec<Inventory> {
    let api = Role::Service(ServiceKind::Api);
    let mut homes: Vec<(&Workload, &Container)> = Vec::new();
    for one in inventory.of(api) {
        if homes.len() < MOST_PARTS && homes.iter().all(|home| are_apart(*home, one)) {
            homes.push(one);
        }
    }
    if homes.len() < 2 {
        return Vec::new();
    }
    let division = Division::of(inventory, &homes);
    let shared = weight(&division.part(None, true));
    let is_little = shared.saturating_mul(homes.len()) <= MOST_SHARED;
    let mut parts: Vec<Inventory> = (0..homes.len())
        .map(|home| division.part(Some(home), is_little))
        .collect();
    if !is_little {
        parts.push(division.part(None, true));
    }
    parts
}

/// Which deployment each thing of an inventory belongs to: none when all share it.
struct Division<'a> {
    inventory: &'a Inventory,
    workloads: Vec<Option<usize>>,
    environments: Vec<Option<usize>>,
    /// What each deployment's apps name.
    named: Vec<HashSet<Vec<u8>>>,
    /// What any deployment's apps name.
    named_by_any: HashSet<Vec<u8>>,
}

impl<'a> Division<'a> {
    fn of(inventory: &'a Inventory, homes: &[(&Workload, &Container)]) -> Self {
        let environment = |it: &Workload| it.environment.as_ref().map(Seen::canonical);
        let known: Vec<_> = homes.iter().map(|(it, _)| environment(it)).collect();
        let home_of = |it: &Workload| {
            let its = environment(it);
            known.iter().position(|known| *known == its)
        };
        let workloads: Vec<_> = inventory.workloads.iter().map(home_of).collect();
        let home_of = |it: &super::Environment| {
            let is_of = |home: &(&Workload, &Container)| is_environment_of(it, home.0);
            homes.iter().position(is_of)
        };
        let mut named = vec![HashSet::new(); homes.len()];
        for (workload, home) in inventory.workloads.iter().zip(&workloads) {
            if let Some(home) = home {
                named[*home].extend(names(workload).map(|it| it.canonical()));
            }
        }
        Self {
            inventory,
            environments: inventory.environments.iter().map(home_of).collect(),
            workloads,
            named_by_any: named.iter().flatten().cloned().collect(),
            named,
        }
    }

    /// What belongs to one deployment, with what all share; or what all share alone.
    fn part(&self, home: Option<usize>, with_shared: bool) -> Inventory {
        let whole = self.inventory;
        let is_in = |its: Option<usize>| match its {
            None => with_shared,
            its => its == home,
        };
        let mut part = Inventory::new(whole.platform);
        part.exceptions.clone_from(&whole.exceptions);
        part.now = whole.now;
        // Who lacks a part of what is there can't tell what is missing.
        part.complete = whole.complete && with_shared && home.is_some();
        let mut places = vec![None; whole.workloads.len()];
        for (index, workload) in whole.workloads.iter().enumerate() {
            if is_in(self.workloads[index]) {
                places[index] = Some(part.workloads.len());
                part.workloads.push(workload.clone());
            }
        }
        for (environment, its) in whole.environments.iter().zip(&self.environments) {
            if is_in(*its) {
                part.environments.push(environment.clone());
            }
        }
        part.files = whole
            .files
            .iter()
            .filter_map(|file| {
                let workload = match file.workload {
                    None => with_shared.then_some(None)?,
                    Some(index) => Some(places.get(index).copied().flatten()?),
                };
                Some(TextFile {
                    workload,
                    ..file.clone()
                })
            })
            .collect();
        // A data service is of whoever names it; of all when nobody does.
        let is_used = |name: &Seen| {
            let name = name.canonical();
            match home {
                Some(home) if self.named[home].contains(&name) => true,
                _ => with_shared && !self.named_by_any.contains(&name),
            }
        };
        part.postgres = kept(&whole.postgres, |it| is_used(&it.name));
        part.redis = kept(&whole.redis, |it| is_used(&it.name));
        part.storage = kept(&whole.storage, |it| is_used(&it.name));
        if with_shared {
            part.vaults.clone_from(&whole.vaults);
            part.stored_secrets.clone_from(&whole.stored_secrets);
            part.subnets.clone_from(&whole.subnets);
            part.registries.clone_from(&whole.registries);
            part.gateways.clone_from(&whole.gateways);
            part.role_assignments.clone_from(&whole.role_assignments);
            part.outputs.clone_from(&whole.outputs);
            part.parameters.clone_from(&whole.parameters);
        }
        part
    }
}

fn kept<T: Clone>(all: &[T], is_it: impl Fn(&T) -> bool) -> Vec<T> {
    all.iter().filter(|it| is_it(it)).cloned().collect()
}

/// Names of data services in what a workload is told: hosts up to the first dot, names of accounts.
fn names(workload: &Workload) -> impl Iterator<Item = Seen> {
    const TOLD: [&str; 4] = ["HOST", "URL", "ACCOUNT_NAME", "CONNECTION_STRING"];
    let variables = workload.containers.iter().flat_map(|it| &it.variables);
    let told = variables.filter(|it| TOLD.iter().any(|end| it.name.ends_with(end)));
    told.filter_map(|variable| {
        let value = &variable.value;
        if variable.name.ends_with("CONNECTION_STRING") {
            return account_of_connection(value);
        }
        let host = value.url().map_or_else(|| value.clone(), |url| url.host);
        Some(host.split_once('.').map_or(host, |(name, _)| name))
    })
}

/// How much memory a part takes, about.
fn weight(part: &Inventory) -> usize {
    const EACH: usize = 256;
    let workload = |it: &Workload| {
        let variables = it.containers.iter().flat_map(|it| &it.variables);
        let variables: usize = variables.map(|it| EACH + it.value.weight()).sum();
        variables + EACH * (1 + it.containers.len() + it.secrets.len())
    };
    let things = part.environments.len()
        + part
            .postgres
            .iter()
            .map(|it| 1 + it.configurations.len() + it.databases.len() + it.firewall.len())
            .sum::<usize>()
        + part.redis.len()
        + part
            .storage
            .iter()
            .map(|it| 1 + it.containers.len())
            .sum::<usize>()
        + part.vaults.len()
        + part.stored_secrets.len()
        + part.subnets.len()
        + part.registries.len()
        + part
            .gateways
            .iter()
            .map(|it| 1 + it.timeouts.len())
            .sum::<usize>()
        + part.role_assignments.len()
        + part.outputs.len()
        + part.parameters.len();
    let files: usize = part.files.iter().map(|it| EACH + it.text.len()).sum();
    part.workloads.iter().map(workload).sum::<usize>() + EACH * things + files
}

fn is_environment_of(environment: &super::Environment, workload: &Workload) -> bool {
    let id = workload.environment.as_ref();
    id.and_then(super::type_and_name)
        .is_some_and(|(_, name)| name.same(&environment.name) == Some(true))
}
