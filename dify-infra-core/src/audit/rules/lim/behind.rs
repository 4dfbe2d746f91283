//! Who answers behind each `proxy_pass` of nginx.

use super::super::calls::{Names, Target};
use super::super::nginx::{Nginx, Pass};
use super::super::{API, DAEMON, WEBSOCKET};
use crate::audit::inventory::{Container, Inventory};

/// A `proxy_pass` with the service that it leads to.
pub(super) struct Behind<'a> {
    pub(super) pass: Pass<'a>,
    pub(super) container: &'a Container,
}

/// Every `proxy_pass` that leads to an API or a plugin daemon. Where the address of none can be told, all that lead
/// to no other service are taken to lead to the API.
pub(super) fn behind<'a>(
    inventory: &'a Inventory,
    names: &Names<'a>,
    nginx: &Nginx<'a>,
) -> Vec<Behind<'a>> {
    let mut known = Vec::new();
    let mut unknown = Vec::new();
    for pass in nginx.passes() {
        let mut is_known = false;
        let mut found = None;
        for forward in &pass.forwards {
            if let Target::Workload(workload, _) = names.target_of(nginx.workload, &forward.host())
            {
                is_known = true;
                let mut containers = workload.containers.iter();
                let container = containers.find(|it| [API, WEBSOCKET, DAEMON].contains(&it.role));
                found = found.or(container);
            }
        }
        match found {
            Some(container) => known.push(Behind { pass, container }),
            None if !is_known => unknown.push(pass),
            None => {}
        }
    }
    let Some((_, container)) = inventory.of(API).next().filter(|_| known.is_empty()) else {
        return known;
    };
    unknown
        .into_iter()
        .map(|pass| Behind { pass, container })
        .collect()
}
