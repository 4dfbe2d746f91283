//! What the proxies of a deployment let through: each squid file with a table of destinations.

use ipnet::IpNet;

use super::inventory::{Container, Fact, FileKind, Inventory, TextFile};
use super::place::Place;
use super::{lines, type_and_name};
use crate::egress::{SquidFile, SquidReport, SquidSources, Surroundings};

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
    let judged = judged(inventory, SquidReport::judge);
    let policy = |(place, report)| ProxyPolicy { place, report };
    let mut policies: Vec<ProxyPolicy> = judged.into_iter().map(policy).collect();
    let places = policies.iter_mut().map(|it| &mut it.place);
    lines::tell(&inventory.texts, places);
    policies
}

/// What a judgement says of each file, without the lines of places; why nothing, when it can't be judged.
pub(super) fn judged<T>(
    inventory: &Inventory,
    judge: impl Fn(&SquidFile, &str, &Surroundings<'_>) -> T,
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
            let beside = Beside { inventory, file };
            SquidFile::read_with(&file.text, &beside)
                .map(|read| judge(&read, &file.text, &surroundings))
                .map_err(|_| "the file can't be read as one of squid's".to_owned())
        };
        (file.place.clone(), report)
    });
    judged.collect()
}

/// The files that the container of a squid file has beside it.
struct Beside<'a> {
    inventory: &'a Inventory,
    file: &'a TextFile,
}

/// What the entrypoint of Dify's proxy writes from variables, and nothing where they are empty
/// (langgenius/dify 1.17.0 docker/ssrf_proxy/docker-entrypoint.sh).
const WRITTEN: [(&str, &[&str]); 2] = [
    (
        "/etc/squid/dify_allow_private.conf",
        &[
            "SSRF_PROXY_ALLOW_PRIVATE_IPS",
            "SSRF_PROXY_ALLOW_PRIVATE_DOMAINS",
        ],
    ),
    (
        "/etc/squid/dify_sandbox_proxy.conf",
        &["SSRF_SANDBOX_PROXY_PORT"],
    ),
];

impl Beside<'_> {
    /// The text of a file at a path of the container: itself, or the template that it is filled in from.
    fn text_at(&self, path: &str) -> Option<(String, String)> {
        let is_there = |it: &&TextFile| {
            let at = it.path.as_deref().unwrap_or_default();
            it.workload == self.file.workload
                && (at == path || at.strip_suffix(".template") == Some(path))
        };
        let found = self.inventory.files.iter().find(is_there)?;
        Some((found.place.document_name().to_owned(), found.text.clone()))
    }

    /// Whether a file is written at the start, and nothing into it.
    fn is_written_empty(&self, path: &str) -> bool {
        let workload = self.file.workload;
        let workload = workload.and_then(|it| self.inventory.workloads.get(it));
        let written = WRITTEN.iter().find(|(written, _)| *written == path);
        let (Some(workload), Some((_, names))) = (workload, written) else {
            return false;
        };
        let is_empty = |it: &Container, name: &str| match it.variable(name) {
            Some(variable) => variable.value.is_empty(),
            None => it.variables_complete,
        };
        let mut all = workload.containers.iter();
        all.all(|it| names.iter().all(|name| is_empty(it, name)))
    }
}

impl SquidSources for Beside<'_> {
    fn included(&self, pattern: &str) -> Result<Vec<(String, String)>, String> {
        if let Some(found) = self.text_at(pattern) {
            return Ok(vec![found]);
        }
        if self.is_written_empty(pattern) {
            return Ok(Vec::new());
        }
        Err("which can't be seen".to_owned())
    }

    fn values(&self, path: &str) -> Result<String, String> {
        let found = self.text_at(path);
        found
            .map(|(_, text)| text)
            .ok_or_else(|| "which can't be seen".to_owned())
    }
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
