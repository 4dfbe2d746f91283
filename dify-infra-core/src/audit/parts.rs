//! Several deployments in one group or template: each is judged by itself.

use super::inventory::{Container, Inventory, Workload};
use super::recognise::Role;
use crate::catalogue::ServiceKind;

/// Deployments that are told apart at most; what a hostile template has beyond is judged as one.
const MOST_PARTS: usize = 50;

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

/// The deployments of an inventory, when it holds several: each has the apps of its environment, and what
/// belongs to none.
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
    let environment = |it: &Workload| it.environment.as_ref().map(super::Seen::canonical);
    let known: Vec<_> = homes.iter().map(|(it, _)| environment(it)).collect();
    let part = |own: &Option<Vec<u8>>| {
        let mut part = inventory.clone();
        part.workloads.retain(|it| {
            let its = environment(it);
            its == *own || !known.contains(&its)
        });
        part.environments.retain(|it| {
            let is_of = |home: &(&Workload, &Container)| is_environment_of(it, home.0);
            let mut others = homes.iter().filter(|home| environment(home.0) != *own);
            !others.any(is_of)
        });
        part
    };
    known.iter().map(part).collect()
}

fn is_environment_of(environment: &super::Environment, workload: &Workload) -> bool {
    let id = workload.environment.as_ref();
    id.and_then(super::type_and_name)
        .is_some_and(|(_, name)| name.same(&environment.name) == Some(true))
}
