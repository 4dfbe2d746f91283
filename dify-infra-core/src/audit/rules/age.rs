//! How old the secrets of a vault are.
//!
//! When a value was written is known of vaults alone: Azure says it of each version of a secret, to whoever
//! may read the vault as a resource. Of an app's own secrets it says nothing.

use super::super::inventory::Inventory;
use super::super::report::Findings;
use crate::check::allow_findings;
use crate::check::rule::{Family, Rule, Sample};
use crate::deployment::Deployment;
use crate::diagnostic::{Diagnostics, KeyPath, Severity};
use crate::graph::ResourceGraph;
use crate::plan::Snapshot;
use crate::resource::Kind;
use serde_json::Value;

/// Days after which a secret should be a new one.
pub const OLDEST_DAYS: i64 = 90;

const SECONDS_PER_DAY: i64 = 24 * 60 * 60;

pub(crate) const OLD_SECRET: Rule = Rule {
    id: "SEC115",
    title: "Secrets of a vault are younger than 90 days",
    why: "A value that nobody ever changes is known to everybody who has ever seen it: former colleagues, \
          old pipelines, backups, logs. A change that is never made is also one that nobody dares to make \
          when it is urgent.",
    source: "learn.microsoft.com azure/well-architected/security/application-secrets; CIS Microsoft Azure \
             Foundations Benchmark, Key Vault; docs/guides/rotation.md",
    fix: "Give it a new value with `dify-secrets rotate` and run `dify-infra apply`.",
    bad: Sample::resources(
        r#"[{"$add": true, "type": "Microsoft.KeyVault/vaults/secrets", "name": "vault/secret-key", "properties": {"attributes": {"created": 1700000000}}}]"#,
    ),
    good: Sample::resources(
        r#"[{"$add": true, "type": "Microsoft.KeyVault/vaults/secrets", "name": "vault/secret-key", "properties": {"attributes": {"created": 1799999000}}}]"#,
    ),
    audit: Some(old_secret),
    ..Rule::of(Family::Sec, Severity::Warning)
};

/// Days since a secret was written, by the clock of whoever asks, in seconds since 1970.
pub fn days(written: i64, now: i64) -> i64 {
    now.saturating_sub(written).max(0) / SECONDS_PER_DAY
}

/// When the current version of a vault's secret was written, as Azure's answer has it; nothing for
/// certificates, which are renewed, and for what is disabled.
fn written(body: &Value) -> Option<i64> {
    let properties = body.get("properties")?;
    let attributes = properties.get("attributes")?;
    let content = properties.get("contentType").and_then(Value::as_str);
    let is_off = attributes.get("enabled") == Some(&Value::Bool(false));
    if is_off || content.is_some_and(is_certificate) {
        return None;
    }
    attributes.get("created").and_then(Value::as_i64)
}

/// Whether a secret holds a certificate with its key
/// (<https://learn.microsoft.com/azure/key-vault/certificates/about-certificates>).
pub(crate) fn is_certificate(content_type: &str) -> bool {
    let known = ["application/x-pkcs12", "application/x-pem-file"];
    known.contains(&content_type.to_ascii_lowercase().as_str())
}

fn old_secret(inventory: &Inventory, found: &mut Findings) {
    let Some(now) = inventory.now else { return };
    for secret in &inventory.stored_secrets {
        let days = days(secret.written, now);
        if days >= OLDEST_DAYS {
            let name = secret.name.shown();
            found.push(&secret.place, format!("{name} was written {days} days ago"));
        }
    }
}

/// The secrets of a deployment's own vault that are too old, as Azure has shown them, at a time in
/// seconds since 1970. What the file allows comes as a note with the reason.
///
/// ```
/// use dify_infra_core::audit::old_secrets;
/// use dify_infra_core::deployment::Deployment;
/// use dify_infra_core::graph::{Target, lower};
/// use dify_infra_core::plan::Snapshot;
///
/// let resolved = Deployment::builder("dify", "dev")
///     .location("japaneast")
///     .resource_group("dify-dev-rg")
///     .build()?;
/// let graph = lower(&resolved.deployment, &Target::new(&resolved.deployment, None))?;
/// // Nothing is there yet.
/// let found = old_secrets(&resolved.deployment, &graph, &Snapshot::new(), 1_800_000_000);
/// assert_eq!(found.iter().count(), 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn old_secrets(
    deployment: &Deployment,
    graph: &ResourceGraph,
    snapshot: &Snapshot,
    now: i64,
) -> Diagnostics {
    let nodes = graph.nodes();
    let secrets = nodes.filter(|node| node.kind() == Kind::VaultSecret);
    let old = secrets.filter_map(|node| {
        let days = days(written(snapshot.body(node.id())?)?, now);
        (days >= OLDEST_DAYS).then(|| (node.id(), days))
    });
    let mut diagnostics: Diagnostics = old
        .map(|(id, days)| {
            let message = format!("{} was written {days} days ago", id.name());
            OLD_SECRET.finding(KeyPath::of("secrets"), message)
        })
        .collect();
    for allowed in deployment.allowed_rules() {
        allow_findings(allowed, &mut diagnostics);
    }
    diagnostics
}
