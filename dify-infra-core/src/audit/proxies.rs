//! What the proxies of a deployment let through: each squid file with a table of destinations.

use ipnet::IpNet;

use super::inventory::{Fact, FileKind, Inventory};
use super::place::Place;
use super::{lines, type_and_name};
use crate::egress::{SquidReport, Surroundings, UnreadableSquidFile};

/// A squid file of a deployment, and what becomes of requests that it decides.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ProxyPolicy {
    /// The file: a document of its own, or a value of another one.
    pub place: Place,
    /// Every destination for every client with the line that decides; why not, when the file can't be judged.
    pub report: Result<SquidReport, String>,
}

/// The policy of each proxy whose file can be seen.
///
/// ```
/// use dify_infra_core::audit::{from_deployment, proxy_policies};
/// use dify_infra_core::deployment::Deployment;
///
/// let resolved = Deployment::builder("dify", "dev")
///     .location("japaneast")
///     .resource_group("dify-dev-rg")
///     .build()?;
/// let policies = proxy_policies(&from_deployment(&resolved.deployment)?);
/// let report = policies[0].report.as_ref().expect("it can be judged");
/// let metadata = report.rows.iter().find(|row| row.destination == "metadata service");
/// assert!(metadata.is_some_and(|row| row.verdict.decision.is_refused()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn proxy_policies(inventory: &Inventory) -> Vec<ProxyPolicy> {
    let judged = judged(inventory, SquidReport::of_text_in);
    let policy = |(place, report)| ProxyPolicy { place, report };
    let mut policies: Vec<ProxyPolicy> = judged.into_iter().map(policy).collect();
    let places = policies.iter_mut().map(|it| &mut it.place);
    lines::tell(&inventory.texts, places);
    policies
}

/// What a judgement says of each file, without the lines of places; why nothing, when it can't be judged.
pub(super) fn judged<T>(
    inventory: &Inventory,
    judge: impl Fn(&str, &Surroundings<'_>) -> Result<T, UnreadableSquidFile>,
) -> Vec<(Place, Result<T, String>)> {
    let subnets = subnets_of_environments(inventory);
    let surroundings = Surroundings {
        platform: inventory.platform,
        subnets: subnets.as_deref(),
        declared: &inventory.exceptions,
    };
    let files = inventory
        .files
        .iter()
        .filter(|it| it.kind == FileKind::Squid);
    // A part that is included is judged with the file that includes it.
    let whole = files.filter(|it| it.text.contains("http_port"));
    let judged = whole.map(|file| {
        let report = if file.text.contains("${") {
            Err("a file with variables that are filled in at the start can't be judged".to_owned())
        } else {
            judge(&file.text, &surroundings)
                .map_err(|_| "the file can't be read as one of squid's".to_owned())
        };
        (file.place.clone(), report)
    });
    judged.collect()
}

/// The ranges of the subnets that environments are in; nothing when one of them can't be seen.
fn subnets_of_environments(inventory: &Inventory) -> Option<Vec<IpNet>> {
    if inventory.environments.is_empty() {
        return None;
    }
    let mut ranges = Vec::new();
    for environment in &inventory.environments {
        let id = match &environment.subnet {
            Fact::Absent => continue,
            Fact::Known(id, _) => id,
            Fact::Unseen(..) => return None,
        };
        let (_, name) = type_and_name(id)?;
        let subnet = inventory.subnets.iter().find(|it| {
            let full = it.network.clone().and(&"/".into()).and(&it.name);
            full.same(&name) == Some(true)
        })?;
        ranges.push(subnet.prefix.known()?.literal()?.parse().ok()?);
    }
    Some(ranges)
}
