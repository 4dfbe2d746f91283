//! Secrets by what they are, whatever they are called; and switches that give away more than they should.

use std::collections::HashMap;

use super::super::inventory::{Container, Inventory, Source, Variable, Workload};
use super::super::recognise::Role;
use super::super::report::Findings;
use super::key::is_secret;
use super::privilege::{SECRETS, is_unneeded};
use super::{DAEMON, is_true, label, on_azure};
use crate::check::rule::{Family, Rule, Sample};
use crate::diagnostic::Severity;

pub(super) const RENAMED: Rule = Rule {
    id: "SEC116",
    title: "No container has somebody else's secret under another name",
    why: "User code reads the environment of the sandbox whatever its variables are called: the password of the \
          database is the same password as `MY_PASSWORD`.",
    source: "learn.microsoft.com security/benchmark PA-7; OWASP ASVS 5 V13",
    fix: "Remove the variable, and the secret from the app.",
    bad: Sample::compose(
        "services:\n  sandbox:\n    environment:\n      MY_PASSWORD: ${DB_PASSWORD}",
    ),
    good: Sample::compose("services:\n  sandbox:\n    environment:\n      MY_PASSWORD: \"\""),
    audit: Some(renamed),
    ..Rule::of(Family::Sec, Severity::Error)
};

pub(super) const DEBUG: Rule = Rule {
    id: "SEC117",
    title: "The application does not run in debug mode",
    why: "With `DEBUG=true` the entrypoint starts Flask's development server with its debugger instead of gunicorn: one \
          process without limits, and pages that show source and variables to whoever causes an error.",
    source: "langgenius/dify 1.16.0 api/docker/entrypoint.sh; flask.palletsprojects.com debugging",
    fix: "Remove `DEBUG` and `FLASK_DEBUG`.",
    bad: Sample::compose("services:\n  api:\n    environment:\n      DEBUG: \"true\""),
    good: Sample::compose("services:\n  api:\n    environment:\n      DEBUG: \"false\""),
    audit: Some(debug),
    allowable: true,
    ..Rule::of(Family::Sec, Severity::Error)
};

pub(super) const SIGNATURES: Rule = Rule {
    id: "SEC118",
    title: "The plugin daemon asks for signatures",
    why: "With `FORCE_VERIFYING_SIGNATURE=false` any package is installed, whoever made it, and its code runs in the \
          daemon beside the keys of the database.",
    source: "langgenius/dify-plugin-daemon README (FORCE_VERIFYING_SIGNATURE); docs.dify.ai plugins, signing",
    fix: "Set `FORCE_VERIFYING_SIGNATURE=true`; for plugins of your own add their key with \
          `THIRD_PARTY_SIGNATURE_VERIFICATION_PUBLIC_KEYS`.",
    bad: Sample::compose(
        "services:\n  plugin_daemon:\n    environment:\n      FORCE_VERIFYING_SIGNATURE: \"false\"",
    ),
    good: Sample::compose(
        "services:\n  plugin_daemon:\n    environment:\n      FORCE_VERIFYING_SIGNATURE: \"true\"",
    ),
    audit: Some(signatures),
    ..Rule::of(Family::Sec, Severity::Warning)
};

pub(super) const COMPUTED: Rule = Rule {
    id: "KEY111",
    title: "No key is computed from what everybody may read",
    why: "`uniqueString` and `guid` give the same text for the same arguments: whoever may read the group computes the \
          signing key from its id, and signs sessions.",
    source: "learn.microsoft.com azure-resource-manager/templates/template-functions-string (uniqueString, guid)",
    fix: "Make the value with `dify-secrets gen` and hand it over as a `securestring` parameter.",
    bad: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-sandbox", "properties": {"configuration": {"secrets": [{"name": "sandbox-api-key", "value": "[uniqueString(resourceGroup().id)]"}]}}}]"#,
    ),
    good: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-sandbox", "properties": {"configuration": {"secrets": [{"name": "sandbox-api-key", "value": "[parameters('sandboxApiKey')]"}]}}}]"#,
    ),
    audit: Some(computed),
    ..Rule::of(Family::Key, Severity::Error)
};

/// Secrets of the deployment by value: the first variable that holds each under its own name, and what it is called
/// there.
fn secrets(inventory: &Inventory) -> HashMap<Vec<u8>, (&Workload, &Container, &Variable)> {
    let mut secrets = HashMap::new();
    for (workload, container) in inventory.containers() {
        let is_own = container.role.is_application() || container.role == DAEMON;
        for variable in container.variables.iter().filter(|_| is_own) {
            let can_tell = variable.value.literal().map_or_else(
                || variable.value.unseen_parts().next().is_some(),
                |it| it.len() >= 8,
            );
            if can_tell && SECRETS.contains(&variable.name.as_str()) {
                let key = variable.value.canonical();
                secrets
                    .entry(key)
                    .or_insert((workload, container, variable));
            }
        }
    }
    secrets
}

fn renamed(inventory: &Inventory, found: &mut Findings) {
    let secrets = secrets(inventory);
    for (workload, container) in inventory.containers() {
        for variable in &container.variables {
            let Some((other_workload, other, known)) = secrets.get(&variable.value.canonical())
            else {
                continue;
            };
            let name = variable.name.as_str();
            // Under its own name another rule tells it; and what the container needs it may have.
            if is_unneeded(container.role, name) && SECRETS.contains(&name)
                || !is_unneeded(container.role, &known.name)
            {
                continue;
            }
            if is_needed(container.role, name) {
                continue;
            }
            let message = format!(
                "`{name}` of `{}`, the {}, is `{}`, and it does not need it",
                label(workload, container),
                container.role.as_str(),
                known.name
            );
            let finding = if on_azure(inventory) || container.role == super::SANDBOX {
                found.push(&variable.place, message)
            } else {
                found.warn(&variable.place, message)
            };
            finding.see(
                &known.place,
                format!("`{}` of `{}`", known.name, label(other_workload, other)),
            );
        }
    }
}

/// Whether a container must have a value under this name: which value that is, rules about keys judge.
fn is_needed(role: Role, name: &str) -> bool {
    match role {
        super::SANDBOX => name == "API_KEY",
        DAEMON => {
            matches!(
                name,
                "SERVER_KEY" | "DIFY_INNER_API_KEY" | "DB_PASSWORD" | "REDIS_PASSWORD"
            ) || name.starts_with("AZURE_BLOB_STORAGE_")
        }
        _ => false,
    }
}

fn debug(inventory: &Inventory, found: &mut Findings) {
    for (workload, container) in inventory.application() {
        for name in ["DEBUG", "FLASK_DEBUG"] {
            if is_true(container, name) != Some(true) {
                continue;
            }
            let message = format!("`{name}` of `{}` is on", label(workload, container));
            let place = container.place_of(name);
            // Only the API's entrypoint asks for it; the others log what they should not.
            let starts_debugger = matches!(
                container.role,
                super::API | super::WEBSOCKET | Role::Application
            );
            if starts_debugger && name == "DEBUG" {
                found.push(place, message);
            } else {
                found.warn(place, message);
            }
        }
    }
}

fn signatures(inventory: &Inventory, found: &mut Findings) {
    const NAME: &str = "FORCE_VERIFYING_SIGNATURE";
    for (workload, container) in inventory.of(DAEMON) {
        if is_true(container, NAME) == Some(false) && container.variable(NAME).is_some() {
            let message = format!("`{}` installs unsigned plugins", label(workload, container));
            found.push(container.place_of(NAME), message);
        }
    }
}

fn computed(inventory: &Inventory, found: &mut Findings) {
    for (workload, container) in inventory.containers() {
        for variable in &container.variables {
            let is_key = matches!(variable.source, Source::Secret(_))
                || is_secret(container, &variable.name);
            let mut parts = variable.value.unseen_parts();
            let function = parts.find_map(|it| public_function(it.origin()));
            let has_more = variable.value.has_secret();
            if let Some(function) =
                function.filter(|_| is_key && !has_more && container.role != Role::Other)
            {
                let message = format!(
                    "`{}` of `{}` is what `{function}` makes of public names",
                    variable.name,
                    label(workload, container)
                );
                let finding = found.push(&variable.place, message);
                if let Source::Secret(name) = &variable.source
                    && let Some(secret) = workload.secrets.iter().find(|it| it.name == *name)
                {
                    finding.see(&secret.place, "the secret");
                }
            }
        }
    }
}

/// The function that makes the same of the same, where an expression calls one.
fn public_function(expression: &str) -> Option<&'static str> {
    let lower = expression.to_ascii_lowercase();
    let calls = |name: &str| {
        let mut all = lower.match_indices(name);
        // `newGuid(` is another function, and random.
        all.any(|(at, _)| !lower[..at].ends_with(|it: char| it.is_ascii_alphanumeric()))
    };
    // What also comes from a parameter or a vault may hold a secret.
    let is_mixed = lower.contains("parameters(") || lower.contains("listkeys(");
    [("uniquestring(", "uniqueString"), ("guid(", "guid")]
        .into_iter()
        .find(|(name, _)| calls(name) && !is_mixed)
        .map(|(_, shown)| shown)
}

/// Apps that have the password of a registry's admin user: `listCredentials` answers for no other one.
pub(super) fn admin_credentials(inventory: &Inventory, found: &mut Findings) {
    for workload in &inventory.workloads {
        for secret in &workload.secrets {
            let Some(value) = secret.value.known() else {
                continue;
            };
            let is_of_admin = |it: &str| it.to_ascii_lowercase().contains("listcredentials(");
            if value.unseen_parts().any(|it| is_of_admin(it.origin())) {
                let message = format!(
                    "`{}` has the password of a registry's admin user",
                    workload.name.shown()
                );
                found.push(&secret.place, message);
            }
        }
    }
}
