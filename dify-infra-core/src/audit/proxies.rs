//! What the proxies of a deployment let through: each squid file with a table of destinations.

use super::inventory::{FileKind, Inventory};
use super::lines;
use super::place::Place;
use crate::egress::SquidReport;

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
    let mut policies: Vec<ProxyPolicy> = judged(inventory).collect();
    let places = policies.iter_mut().map(|it| &mut it.place);
    lines::tell(&inventory.texts, places);
    policies
}

/// The same without the lines of places.
pub(super) fn judged(inventory: &Inventory) -> impl Iterator<Item = ProxyPolicy> {
    let files = inventory
        .files
        .iter()
        .filter(|it| it.kind == FileKind::Squid);
    // A part that is included is judged with the file that includes it.
    let whole = files.filter(|it| it.text.contains("http_port"));
    whole.map(|file| {
        let report = if file.text.contains("${") {
            Err("a file with variables that are filled in at the start can't be judged".to_owned())
        } else {
            SquidReport::of_text_on(&file.text, inventory.platform)
                .map_err(|_| "the file can't be read as one of squid's".to_owned())
        };
        ProxyPolicy {
            place: file.place.clone(),
            report,
        }
    })
}
