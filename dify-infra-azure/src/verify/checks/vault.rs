//! What apps read of a key vault: each reference leads to a version that is there and enabled, by
//! an identity that may read it. And how old the values are.

use dify_infra_core::audit::{OLDEST_DAYS, days};
use dify_infra_core::graph::{Management, Node};
use dify_infra_core::resource::{Kind, ResourceId};
use serde_json::Value;

use super::super::report::{About, Check, Status};
use super::{Subject, absence, text};

/// The rule that says so.
const AGE_RULE: &str = "SEC115";

/// The name of the check.
const AGE: &str = "the secret is younger than 90 days";

pub(super) fn checks(subject: &Subject<'_>) -> Vec<Check> {
    let nodes = subject.graph.nodes();
    let secrets: Vec<&Node> = nodes
        .filter(|node| node.kind() == Kind::VaultSecret)
        .collect();
    if secrets.is_empty() {
        return Vec::new();
    }
    let nodes = subject.graph.nodes();
    let readers = nodes.filter(|node| matches!(node.kind(), Kind::ContainerApp | Kind::Job));
    let mut checks: Vec<Check> = readers
        .filter_map(|node| references(subject, node, &secrets))
        .collect();
    checks.extend(roles(subject));
    checks.extend(secrets.iter().map(|node| age(subject, node)));
    checks
}

/// Every reference of an app is to the newest version of a secret that is there and enabled.
fn references(subject: &Subject<'_>, node: &Node, secrets: &[&Node]) -> Option<Check> {
    const NAME: &str = "every secret is read from the vault in its newest version";
    let name = node.id();
    let Some(body) = subject.snapshot.body(node.id()) else {
        return Some(Check::judged(
            NAME,
            name,
            false,
            absence(subject.snapshot, node.id()),
        ));
    };
    let list = body
        .pointer("/properties/configuration/secrets")
        .and_then(Value::as_array);
    let list = list.into_iter().flatten();
    let addresses: Vec<(&str, &str)> = list
        .filter_map(|secret| Some((text(secret, "/name"), secret.get("keyVaultUrl")?.as_str()?)))
        .collect();
    if addresses.is_empty() {
        // What only has rendered files reads nothing from the vault.
        return None;
    }
    let wrong = addresses.iter().find_map(|(secret, address)| {
        problem(subject, secrets, address).map(|problem| format!("{secret}: {problem}"))
    });
    let detail = wrong
        .clone()
        .unwrap_or_else(|| format!("{} secrets", addresses.len()));
    Some(Check::judged(NAME, name, wrong.is_none(), detail))
}

/// What is wrong with a reference, if anything is.
fn problem(subject: &Subject<'_>, secrets: &[&Node], address: &str) -> Option<String> {
    let live = secrets.iter().filter_map(|node| {
        let body = subject.snapshot.body(node.id())?;
        Some((node, body))
    });
    let uri = |body: &Value, name: &str| text(body, &format!("/properties/{name}")).to_owned();
    let mut live = live.filter(|(_, body)| {
        let plain = uri(body, "secretUri");
        !plain.is_empty() && (address == plain || address.starts_with(&format!("{plain}/")))
    });
    let Some((_, body)) = live.next() else {
        return Some("the vault of this deployment has no such secret".to_owned());
    };
    if body.pointer("/properties/attributes/enabled") == Some(&Value::Bool(false)) {
        return Some("the secret is disabled in the vault".to_owned());
    }
    (uri(body, "secretUriWithVersion") != address)
        .then(|| "the vault has a newer version than the app reads; run apply".to_owned())
}

/// The identity has its role, as far as the role is ours to give.
fn roles(subject: &Subject<'_>) -> Vec<Check> {
    const NAME: &str = "the identity has its role";
    let nodes = subject.graph.nodes();
    let roles = nodes.filter(|node| {
        node.kind() == Kind::RoleAssignment && node.management() == Management::Managed
    });
    let judged = roles.map(|node| {
        let scope = node.id().parent();
        let scope = scope.as_ref().map_or("", ResourceId::name);
        let there = subject.snapshot.body(node.id()).is_some();
        let detail = if there {
            "assigned"
        } else {
            absence(subject.snapshot, node.id())
        };
        Check::judged(NAME, scope, there, detail)
    });
    judged.collect()
}

/// A secret is younger than 90 days. Keys of Azure's own count too: they are read from here.
fn age(subject: &Subject<'_>, node: &Node) -> Check {
    let name = node.id();
    let Some(body) = subject.snapshot.body(node.id()) else {
        return Check::judged(AGE, name, false, absence(subject.snapshot, node.id()));
    };
    let created = body
        .pointer("/properties/attributes/created")
        .and_then(Value::as_i64);
    let Some(created) = created else {
        return Check::judged(AGE, name, false, "Azure does not say when it was written");
    };
    let allowed = subject.deployment.allowed_rules().iter();
    let reason = allowed
        .filter(|allowed| allowed.rule == AGE_RULE)
        .map(|allowed| allowed.reason.as_str())
        .next();
    judge_age(name, days(created, subject.now.as_second()), reason)
}

fn judge_age<'a>(secret: impl Into<About<'a>>, days: i64, allowed: Option<&str>) -> Check {
    let (status, advice) = match allowed {
        _ if days < OLDEST_DAYS => (Status::Passed, String::new()),
        Some(reason) => (Status::Passed, format!("; {AGE_RULE} is allowed: {reason}")),
        None => (
            Status::Warned,
            format!(
                " ({AGE_RULE}); give it a new value with `dify-secrets rotate` and run \
                 `dify-infra apply`"
            ),
        ),
    };
    let detail = format!("written {days} days ago{advice}");
    Check::new(AGE, secret, status, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ninety_days_are_too_many_unless_they_are_allowed() {
        assert_eq!(judge_age("key", 89, None).status, Status::Passed);
        let old = judge_age("key", 90, None);
        assert_eq!(old.status, Status::Warned);
        assert_eq!(
            old.detail,
            "written 90 days ago (SEC115); give it a new value with `dify-secrets rotate` and run \
             `dify-infra apply`"
        );
        let allowed = judge_age("key", 90, Some("changed by hand in spring"));
        assert_eq!(allowed.status, Status::Passed);
        assert!(
            allowed
                .detail
                .ends_with("SEC115 is allowed: changed by hand in spring")
        );
    }
}
