//! Least privilege: what a container has, answers or offers beyond what it needs.

use super::super::inventory::{Fact, Inventory, RegistryAccount, Workload};
use super::super::recognise::Role;
use super::super::report::Findings;
use super::exposure::is_loopback;
use super::{API, DAEMON, NGINX, PROXY, SANDBOX, WEB, filled, is_true, label, lacks, on_azure};
use crate::check::rule::{Family, Rule, Sample};
use crate::diagnostic::Severity;

const ERROR: Rule = Rule::of(Family::Sec, Severity::Error);
const WARNING: Rule = Rule::of(Family::Sec, Severity::Warning);

pub(super) const NOT_NEEDED: Rule = Rule {
    id: "SEC104",
    title: "No container has a secret that it does not need",
    why: "User code runs in the sandbox, plugins run in the daemon, and web and proxy face the internet: \
          what they hold leaks first.",
    source: "jeffcottj/dify-aca gives SECRET_KEY to the daemon; learn.microsoft.com security/benchmark PA-7",
    fix: "Remove the variable from this container.",
    bad: Sample::compose(
        "services:\n  sandbox:\n    environment:\n      DB_PASSWORD: ${DB_PASSWORD}",
    ),
    good: Sample::compose(
        "services:\n  sandbox:\n    environment:\n      DB_PASSWORD: !reset null",
    ),
    audit: Some(not_needed),
    ..ERROR
};

pub(super) const SANDBOX_IDENTITY: Rule = Rule {
    id: "SEC105",
    title: "The sandbox has no identity",
    why: "User code can ask the container's token endpoint, which is local, so no proxy guards it, and acts \
          in Azure as the app from then on.",
    source: "learn.microsoft.com container-apps/managed-identity; langgenius/dify-sandbox",
    fix: "Remove the identity, or set `identitySettings` with lifecycle `None` for it.",
    bad: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-sandbox", "identity": {"type": "SystemAssigned"}}]"#,
    ),
    good: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-sandbox", "identity": {"type": "SystemAssigned"}, "properties": {"configuration": {"identitySettings": [{"identity": "system", "lifecycle": "None"}]}}}]"#,
    ),
    audit: Some(sandbox_identity),
    ..ERROR
};

pub(super) const DEBUGGING: Rule = Rule {
    id: "SEC107",
    title: "Remote debugging of plugins is off",
    why: "It is on unless it is turned off: whoever reaches port 5003 with a debugging key runs code in the \
          daemon, which holds the keys of the database.",
    source: "langgenius/dify-plugin-daemon 0.6.10 internal/types/app/config.go",
    fix: "Set `PLUGIN_REMOTE_INSTALLING_ENABLED=false`, and don't expose 5003.",
    bad: Sample::compose(
        "services:\n  plugin_daemon:\n    environment:\n      PLUGIN_REMOTE_INSTALLING_ENABLED: \"true\"\n    ports: [\"5003:5003\"]",
    ),
    good: Sample::compose(
        "services:\n  plugin_daemon:\n    environment:\n      PLUGIN_REMOTE_INSTALLING_ENABLED: \"false\"",
    ),
    audit: Some(debugging),
    ..WARNING
};

pub(super) const PPROF: Rule = Rule {
    id: "SEC108",
    title: "No profiler is exposed",
    why: "pprof answers without a key: memory dumps have every secret of the daemon in them.",
    source: "langgenius/dify-plugin-daemon internal/server (PPROF_ENABLED)",
    fix: "Set `PPROF_ENABLED=false`.",
    bad: Sample::compose(
        "services:\n  plugin_daemon:\n    environment:\n      PPROF_ENABLED: \"true\"",
    ),
    good: Sample::compose(
        "services:\n  plugin_daemon:\n    environment:\n      PPROF_ENABLED: \"false\"",
    ),
    audit: Some(pprof),
    ..ERROR
};

pub(super) const INIT_PASSWORD: Rule = Rule {
    id: "SEC109",
    title: "The first account is guarded",
    why: "Without INIT_PASSWORD whoever opens /install first owns the instance, and the address of a new \
          deployment is found within minutes.",
    source: "langgenius/dify 1.16.0 api/controllers/console/init_validate.py",
    fix: "Set `INIT_PASSWORD` on the API, at most 30 characters.",
    bad: Sample::compose("services:\n  api:\n    environment:\n      INIT_PASSWORD: !reset null"),
    good: Sample::compose(
        "services:\n  api:\n    environment:\n      INIT_PASSWORD: ${INIT_PASSWORD}",
    ),
    audit: Some(init_password),
    ..WARNING
};

pub(super) const ADMIN_USER: Rule = Rule {
    id: "SEC110",
    title: "The registry has no admin user",
    why: "The admin user is one shared password with the right to push: whoever has it replaces the images \
          that run.",
    source: "learn.microsoft.com container-registry/container-registry-authentication",
    fix: "Set `adminUserEnabled: false` and pull with an identity that has AcrPull.",
    bad: Sample::resources(
        r#"[{"$add": true, "type": "Microsoft.ContainerRegistry/registries", "name": "images", "properties": {"adminUserEnabled": true}}]"#,
    ),
    good: Sample::resources(
        r#"[{"$add": true, "type": "Microsoft.ContainerRegistry/registries", "name": "images", "properties": {"adminUserEnabled": false}}]"#,
    ),
    audit: Some(admin_user),
    ..WARNING
};

pub(super) const VAULT: Rule = Rule {
    id: "SEC111",
    title: "A vault is used, by someone who may",
    why: "A vault whose rights are roles gives nobody anything until a role is assigned; and one that no \
          app reads guards nothing.",
    source: "microsoft/azure-container-apps#1306; learn.microsoft.com key-vault/general/rbac-guide",
    fix: "Assign Key Vault Secrets User to the apps' identity and refer to secrets with `keyVaultUrl`.",
    bad: Sample::resources(
        r#"[{"$add": true, "type": "Microsoft.KeyVault/vaults", "name": "secrets", "properties": {"enableRbacAuthorization": true}}]"#,
    ),
    good: Sample::resources(
        r#"[{"$add": true, "type": "Microsoft.KeyVault/vaults", "name": "secrets", "properties": {"enableRbacAuthorization": true}}, {"$add": true, "type": "Microsoft.Authorization/roleAssignments", "name": "secrets", "properties": {"roleDefinitionId": "[subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '4633458b-17de-408a-b875-0445c86b69e6')]", "principalId": "[reference(resourceId('Microsoft.ManagedIdentity/userAssignedIdentities', 'dify-dev-identity'), '2023-01-31').principalId]"}}, {"type": "Microsoft.App/containerApps", "name": "dify-dev-worker", "identity": {"type": "UserAssigned", "userAssignedIdentities": {"[resourceId('Microsoft.ManagedIdentity/userAssignedIdentities', 'dify-dev-identity')]": {}}}, "properties": {"configuration": {"secrets": [{"name": "secret-key", "value": null, "identity": "[resourceId('Microsoft.ManagedIdentity/userAssignedIdentities', 'dify-dev-identity')]", "keyVaultUrl": "https://secrets.vault.azure.net/secrets/secret-key/0123456789abcdef0123456789abcdef"}]}}}]"#,
    ),
    audit: Some(vault),
    ..WARNING
};

/// Secrets that stand in the variables of Dify's containers, under the names of all of them.
pub(super) const SECRETS: [&str; 15] = [
    "SECRET_KEY",
    "DB_PASSWORD",
    "PGVECTOR_PASSWORD",
    "REDIS_PASSWORD",
    "CELERY_BROKER_URL",
    "AZURE_BLOB_ACCOUNT_KEY",
    "AZURE_BLOB_STORAGE_CONNECTION_STRING",
    "INIT_PASSWORD",
    "SERVER_KEY",
    "PLUGIN_DAEMON_KEY",
    "DIFY_INNER_API_KEY",
    "INNER_API_KEY_FOR_PLUGIN",
    "CODE_EXECUTION_API_KEY",
    "API_KEY",
    "SMTP_PASSWORD",
];

/// Whether a container of a role has no use for one of [`SECRETS`].
pub(super) fn is_unneeded(role: Role, name: &str) -> bool {
    match role {
        WEB | NGINX | PROXY => true,
        // Its own key, also under the name that the API has for it.
        SANDBOX => !["API_KEY", "CODE_EXECUTION_API_KEY"].contains(&name),
        // It has its database, its Redis, its storage and the keys between it and the API.
        DAEMON => [
            "SECRET_KEY",
            "INIT_PASSWORD",
            "CODE_EXECUTION_API_KEY",
            "API_KEY",
            "PGVECTOR_PASSWORD",
            "SMTP_PASSWORD",
        ]
        .contains(&name),
        _ => false,
    }
}

fn not_needed(inventory: &Inventory, found: &mut Findings) {
    for workload in inventory
        .workloads
        .iter()
        .filter(|it| !it.secrets.is_empty())
    {
        mounted_whole(workload, found);
        unused(workload, found);
    }
    for (workload, container) in inventory.containers() {
        let unneeded = SECRETS
            .iter()
            .filter(|name| is_unneeded(container.role, name));
        for name in unneeded {
            let Some(variable) = filled(container, name) else {
                continue;
            };
            let message = format!(
                "`{}`, the {}, has `{name}` and does not need it",
                label(workload, container),
                container.role.as_str()
            );
            if on_azure(inventory) || container.role == SANDBOX {
                found.push(&variable.place, message);
            } else {
                // Compose files share one set of variables: a warning is enough inside of one host.
                found.warn(&variable.place, message);
            }
        }
    }
}

/// A volume of secrets that names none holds all of them (learn.microsoft.com container-apps/manage-secrets).
fn mounted_whole(workload: &Workload, found: &mut Findings) {
    for (volume, place) in &workload.uses.all {
        for container in &workload.containers {
            if !container.mounts.iter().any(|it| it.volume == *volume) {
                continue;
            }
            let message = format!(
                "`{}` gets every secret of its app as a file: the volume `{volume}` names none",
                label(workload, container)
            );
            let finding = if container.role == SANDBOX {
                found.push(place, message)
            } else {
                found.warn(place, message)
            };
            finding.with_help("List the secrets that it needs under the volume's `secrets`.");
        }
    }
}

/// Secrets that nothing of the app refers to.
fn unused(workload: &Workload, found: &mut Findings) {
    let uses = &workload.uses;
    if !uses.seen || !uses.all.is_empty() {
        return;
    }
    for secret in &workload.secrets {
        // A sign-in refers to its secret from a resource of its own, under a name that Azure gives it.
        let is_of_sign_in = secret.name.ends_with("-authentication-secret");
        let is_known = !secret.name.contains('{');
        if is_known && !is_of_sign_in && !uses.named.contains(&secret.name) {
            let message = format!(
                "`{}` holds the secret `{}`, which nothing of it refers to",
                workload.name.shown(),
                secret.name
            );
            found
                .warn(&secret.place, message)
                .with_help("Remove the secret from the app.");
        }
    }
}

fn sandbox_identity(inventory: &Inventory, found: &mut Findings) {
    for (workload, _) in inventory.of(SANDBOX) {
        if let Some(identity) = workload.identity.as_ref().filter(|it| it.usable) {
            let message = format!(
                "user code in `{}` can ask for tokens",
                workload.name.shown()
            );
            found.push(&identity.place, message);
        }
    }
}

fn debugging(inventory: &Inventory, found: &mut Findings) {
    for (workload, container) in inventory.of(DAEMON) {
        const NAME: &str = "PLUGIN_REMOTE_INSTALLING_ENABLED";
        let name = label(workload, container);
        let on = is_true(container, NAME) == Some(true) || lacks(container, NAME);
        let open = workload
            .published
            .iter()
            .find(|it| it.target == 5003 && !is_loopback(it.host.as_deref()));
        let exposed = workload.ingress.known().is_some_and(|ingress| {
            ingress
                .additional
                .iter()
                .any(|it| it.target == Some(5003) && it.external)
        });
        if on && exposed {
            found.push(
                container.place_of(NAME),
                format!("`{name}` offers debugging to the internet"),
            );
        } else if on && open.is_some() {
            let place = open.map_or(&container.place, |it| &it.place);
            found.push(
                place,
                format!("`{name}` offers debugging on every address of the host"),
            );
        } else if on && on_azure(inventory) {
            found.push(
                container.place_of(NAME),
                format!("`{name}` offers debugging"),
            );
        }
    }
}

fn pprof(inventory: &Inventory, found: &mut Findings) {
    for (workload, container) in inventory.of(DAEMON) {
        if is_true(container, "PPROF_ENABLED") == Some(true) {
            let message = format!("`{}` answers profilers", label(workload, container));
            found.push(container.place_of("PPROF_ENABLED"), message);
        }
    }
}

fn init_password(inventory: &Inventory, found: &mut Findings) {
    for (workload, container) in inventory.of(API) {
        if lacks(container, "INIT_PASSWORD") {
            let message = format!("`{}` has no `INIT_PASSWORD`", label(workload, container));
            found.push(container.place_of("INIT_PASSWORD"), message);
        }
    }
}

fn admin_user(inventory: &Inventory, found: &mut Findings) {
    for registry in &inventory.registries {
        if let Fact::Known(true, place) = &registry.admin_user {
            found.push(place, "the registry's admin user is on");
        }
    }
    let is_told = |it: &RegistryAccount| it.admin_user.is(&true);
    if !inventory.registries.iter().any(is_told) {
        super::disclosure::admin_credentials(inventory, found);
    }
}

fn vault(inventory: &Inventory, found: &mut Findings) {
    let read = inventory
        .workloads
        .iter()
        .flat_map(|it| &it.secrets)
        .any(|it| it.vault_url.is_some())
        || inventory.gateways.iter().any(|it| it.reads_vault);
    for vault in &inventory.vaults {
        let by_role = vault.rbac.is(&true) || vault.rbac.is_absent() && !vault.access_policies;
        let mut wrong = Vec::new();
        if !read && inventory.complete {
            wrong.push("no app reads a secret from the vault");
        }
        if by_role && inventory.role_assignments.is_empty() && inventory.complete {
            wrong.push("nobody has a role at the vault");
        }
        if !wrong.is_empty() {
            found.push(&vault.place, wrong.join(", and "));
        }
    }
}
