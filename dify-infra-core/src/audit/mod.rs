//! Deployments that others made: what they consist of, and which rules they break.
//!
//! An [`Inventory`] holds whatever anybody deployed, each value with its place and with the reason
//! where it can't be seen. It is made from an ARM template ([`from_template`]), a compose folder
//! ([`from_compose`]), resources that were read from Azure ([`from_resources`]) or a deployment of our
//! own ([`from_deployment`]); [`audit`] applies every rule to it.
//!
//! ```
//! use dify_infra_core::audit::{audit, from_deployment};
//! use dify_infra_core::deployment::Deployment;
//!
//! let resolved = Deployment::builder("dify", "dev")
//!     .location("japaneast")
//!     .resource_group("dify-dev-rg")
//!     .build()?;
//! let report = audit(&from_deployment(&resolved.deployment)?);
//! assert!(!report.has_errors(), "{report}");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod arm;
mod comments;
mod compose;
mod embedded;
mod emit;
mod inventory;
mod lift;
mod lines;
mod live;
mod node;
mod own;
mod own_check;
mod parts;
mod place;
mod proxies;
mod recognise;
mod report;
pub(crate) mod rules;
pub(crate) mod sample;
mod seen;
#[cfg(test)]
mod tests;

pub use arm::{InvalidTemplate, TemplateInput, from_template};
pub use compose::{ComposeInput, InvalidCompose, compose_files, from_compose};
pub use emit::{Emitted, NotEmitted, emit};
pub use inventory::{
    Configuration, Container, Environment, Fact, FileKind, Gateway, Identity, Ingress, Inventory,
    Mount, NotSeen, Output, Parameter, Platform, PortMapping, PostgresServer, Probe, PublishedPort,
    RedisInstance, RedisOffer, RegistryAccount, RegistryLogin, RoleAssignment, Secret, SecretUses,
    ServiceNetwork, Source, StorageAccount, StoredSecret, Subnet, TextFile, Variable, Vault,
    Volume, Workload, WorkloadKind,
};
pub use live::{LiveResource, from_resources};
pub use own::{from_deployment, from_graph};
pub(crate) use own_check::check_deployment;
pub use place::Place;
pub use proxies::{ProxyPolicy, proxy_policies};
pub use recognise::Role;
pub use report::{Finding, Findings, Report};
pub use rules::age::{OLDEST_DAYS, days, old_secrets};
pub use sample::{Shown, shown};
pub use seen::{Seen, SeenUrl, Unseen};

pub(crate) use arm::{reference as arm_reference, type_and_name, unseen_node as arm_unseen};

pub(crate) use rules::calls::Call;

use rules::calls::calls;

use crate::check;

/// Applies every rule to an inventory.
pub fn audit(inventory: &Inventory) -> Report {
    let parts = parts::of(inventory);
    let whole = std::slice::from_ref(inventory);
    let mut findings = Findings::default();
    let alone = if parts.is_empty() {
        whole
    } else {
        parts.as_slice()
    };
    let calls: Vec<_> = alone.iter().map(|part| (part, calls(part))).collect();
    for rule in check::rules() {
        findings.of(rule);
        if let Some(look) = rule.audit {
            // Whether deployments share keys is told over all of them, everything else of each alone.
            let is_of_all = rule.id == rules::SHARED_KEY;
            for part in if is_of_all { whole } else { alone } {
                look(part, &mut findings);
            }
        }
        if let Some(look) = rule.call {
            for (part, calls) in &calls {
                for call in calls {
                    look(part, call, &mut findings);
                }
            }
        }
    }
    if !parts.is_empty() {
        findings.without_repetition();
    }
    Report::new(findings, inventory)
}

/// The repository of an image, with the registry where one is written.
pub(crate) fn image_repository(image: &Seen) -> String {
    recognise::image_parts(image).repository
}

/// What a file is for, by its name and text; nothing for any other file.
pub(crate) fn text_file_kind(path: &str, text: Option<&str>) -> Option<FileKind> {
    let lower = path.to_ascii_lowercase();
    let text = text.unwrap_or_default();
    if lower.contains("squid") || text.contains("http_access ") {
        Some(FileKind::Squid)
    } else if lower.contains("nginx")
        || lower.ends_with("proxy.conf")
        || text.contains("proxy_pass ")
    {
        Some(FileKind::Nginx)
    } else {
        None
    }
}
