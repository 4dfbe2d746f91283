//! Leakage and least privilege.

use super::super::inventory::{Fact, Inventory, Platform, Source, Workload};
use super::super::recognise::Role;
use super::super::report::Findings;
use super::key::is_secret;
use super::{API, DAEMON, NGINX, PROXY, SANDBOX, WEB, filled, is_true, label, lacks, on_azure};
use crate::check::rule::{Family, Rule, Sample};
use crate::diagnostic::Severity;
use crate::secrets::{Checker, SecretName};

const ERROR: Rule = Rule::of(Family::Sec, Severity::Error);
const WARNING: Rule = Rule::of(Family::Sec, Severity::Warning);

/// All rules of the family.
pub(super) const RULES: &[&Rule] = &[
    &PLAIN,
    &OUTPUTS,
    &COMMITTED,
    &NOT_NEEDED,
    &SANDBOX_IDENTITY,
    &PUBLIC,
    &DEBUGGING,
    &PPROF,
    &INIT_PASSWORD,
    &ADMIN_USER,
    &VAULT,
    &OPEN_PARAMETER,
    &PUBLISHED_PORT,
    &super::exposure::INTERNAL_SERVICE,
    &super::age::OLD_SECRET,
];

const PLAIN: Rule = Rule {
    id: "SEC101",
    title: "Secrets are secrets of their app",
    why: "A plain variable is shown in the portal, in exports and in every `az containerapp show` to \
          everybody who may read the app.",
    source: "learn.microsoft.com container-apps/manage-secrets; hashicorp/terraform#516",
    fix: "Make it a secret of the app and refer to it with `secretRef`.",
    bad: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-sandbox", "properties": {"template": {"containers": [{"name": "sandbox", "env": [{"name": "API_KEY", "secretRef": null, "value": "[parameters('sandboxApiKey')]"}]}]}}}]"#,
    ),
    good: Sample::resources("[]"),
    audit: Some(plain),
    ..ERROR
};

const OUTPUTS: Rule = Rule {
    id: "SEC102",
    title: "No output has a secret in it",
    why: "Outputs stay in the history of deployments, readable for everybody with a reader's role, for as \
          long as the group exists.",
    source: "Azure/bicep#9314; hashicorp/terraform-provider-azurerm#7857; learntocloud/learn-to-cloud-app#807",
    fix: "Remove the output; read the key where it is needed.",
    bad: Sample::resources(
        r#"[{"$output": {"redisKey": {"type": "string", "value": "[listKeys(resourceId('Microsoft.Cache/redis', 'r'), '2024-11-01').primaryKey]"}}}]"#,
    ),
    good: Sample::resources(
        r#"[{"$output": {"host": {"type": "string", "value": "dify.example.com"}}}]"#,
    ),
    audit: Some(outputs),
    ..ERROR
};

const COMMITTED: Rule = Rule {
    id: "SEC103",
    title: "No secret stands in a template or its parameters",
    why: "Templates, parameters files and compose files are committed; a secret in one stays in its history \
          for ever.",
    source: "facts of a public repository with its registry and real secrets in dev parameters; Azure/bicep#9314",
    fix: "Declare the parameter `securestring` without a default, and give the value from a vault or a \
          secret of the pipeline.",
    bad: Sample::resources(
        r#"[{"$parameter": {"databasePassword": {"type": "securestring", "defaultValue": "Vf3kQ8zLm2Xw"}}}]"#,
    ),
    good: Sample::resources(r#"[{"$parameter": {"databasePassword": {"type": "securestring"}}}]"#),
    audit: Some(committed),
    ..ERROR
};

const NOT_NEEDED: Rule = Rule {
    id: "SEC104",
    title: "No container has a secret that it does not need",
    why: "User code runs in the sandbox, plugins run in the daemon, and web and proxy face the internet: \
          what they hold leaks first.",
    source: "jeffcottj/dify-aca gives SECRET_KEY to the daemon; learn.microsoft.com security/benchmark PA-7",
    fix: "Remove the variable from this container.",
    bad: Sample::compose(
        "services:\n  sandbox:\n    environment:\n      DB_PASSWORD: ${DB_PASSWORD}",
    ),
    good: Sample::compose("services:\n  sandbox:\n    environment:\n      API_KEY: ${SANDBOX_KEY}"),
    audit: Some(not_needed),
    ..ERROR
};

const SANDBOX_IDENTITY: Rule = Rule {
    id: "SEC105",
    title: "The sandbox has no identity",
    why: "User code can ask the container's token endpoint, which is local, so no proxy guards it, and acts \
          in Azure as the app from then on.",
    source: "learn.microsoft.com container-apps/managed-identity; langgenius/dify-sandbox",
    fix: "Remove the identity, or set `identitySettings` with lifecycle `None` for it.",
    bad: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-sandbox", "identity": {"type": "SystemAssigned"}}]"#,
    ),
    good: Sample::resources("[]"),
    audit: Some(sandbox_identity),
    ..ERROR
};

const PUBLIC: Rule = Rule {
    id: "SEC106",
    title: "Data services are not open to the internet",
    why: "A public endpoint is scanned within minutes; a leaked key or a weak password is then enough.",
    source: "learn.microsoft.com security/benchmark NS-2; facts of nine public deployments",
    fix: "Disable public network access and use private endpoints; for a small deployment keep the keys \
          strong and allow this rule.",
    bad: Sample::resources(
        r#"[{"$add": true, "type": "Microsoft.DBforPostgreSQL/flexibleServers/firewallRules", "$childOf": "Microsoft.DBforPostgreSQL/flexibleServers", "$child": "all", "properties": {"startIpAddress": "0.0.0.0", "endIpAddress": "255.255.255.255"}}]"#,
    ),
    good: Sample::resources("[]"),
    audit: Some(public),
    ..ERROR
};

const DEBUGGING: Rule = Rule {
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

const PPROF: Rule = Rule {
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

const INIT_PASSWORD: Rule = Rule {
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

const ADMIN_USER: Rule = Rule {
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

const VAULT: Rule = Rule {
    id: "SEC111",
    title: "A vault is used, by someone who may",
    why: "A vault whose rights are roles gives nobody anything until a role is assigned; and one that no \
          app reads guards nothing.",
    source: "microsoft/azure-container-apps#1306; learn.microsoft.com key-vault/general/rbac-guide",
    fix: "Assign Key Vault Secrets User to the apps' identity and refer to secrets with `keyVaultUrl`.",
    bad: Sample::resources(
        r#"[{"$add": true, "type": "Microsoft.KeyVault/vaults", "name": "secrets", "properties": {"enableRbacAuthorization": true}}]"#,
    ),
    good: Sample::resources("[]"),
    audit: Some(vault),
    ..WARNING
};

const OPEN_PARAMETER: Rule = Rule {
    id: "SEC112",
    title: "Parameters for secrets are secure",
    why: "A parameter of type `string` is kept in the deployment's history and shown in the portal.",
    source: "learn.microsoft.com azure-resource-manager/templates/parameters; Azure/bicep#9314",
    fix: "Declare it `securestring`, or `@secure()` in Bicep.",
    bad: Sample::resources(r#"[{"$parameter": {"databasePassword": {"type": "string"}}}]"#),
    good: Sample::resources(r#"[{"$parameter": {"databasePassword": {"type": "securestring"}}}]"#),
    audit: Some(open_parameter),
    ..ERROR
};

const PUBLISHED_PORT: Rule = Rule {
    id: "SEC113",
    title: "Compose publishes the front door alone",
    why: "A published port answers everybody who reaches the host: database, Redis and sandbox trust \
          whoever calls them.",
    source: "langgenius/dify docker/docker-compose.yaml; docs.docker.com engine/network/packet-filtering-firewalls",
    fix: "Remove `ports`, or bind it to 127.0.0.1.",
    bad: Sample::compose("services:\n  redis:\n    ports: [\"6379:6379\"]"),
    good: Sample::compose("services:\n  redis:\n    ports: [\"127.0.0.1:6379:6379\"]"),
    audit: Some(published_port),
    ..ERROR
};

/// Whether a variable's name sounds like that of a secret.
pub(in super::super) fn sounds_secret(name: &str) -> bool {
    SecretName::from_env_key(name)
        .is_ok_and(|name| Checker::new().with_other_settings().judges(&name))
}

/// `sandboxApiKey` as `SANDBOX_API_KEY`.
pub(in super::super) fn as_variable(name: &str) -> String {
    let mut variable = String::new();
    let mut lower_before = false;
    for character in name.chars() {
        if character.is_ascii_uppercase() && lower_before {
            variable.push('_');
        }
        lower_before = character.is_ascii_lowercase() || character.is_ascii_digit();
        let character = if character == '-' { '_' } else { character };
        variable.push(character.to_ascii_uppercase());
    }
    variable
}

fn plain(inventory: &Inventory, found: &mut Findings) {
    for (workload, container) in inventory
        .containers()
        .filter(|(_, it)| it.role != Role::Other)
    {
        for variable in &container.variables {
            let plain = matches!(variable.source, Source::Plain | Source::Default)
                && !variable.value.is_empty();
            let word = variable.value.literal() == Some("managedidentity");
            let secret = variable.value.has_secret()
                || is_secret(container, &variable.name)
                || variable
                    .value
                    .url()
                    .is_some_and(|url| url.password.is_some_and(|it| !it.is_empty()));
            if !plain || word || !secret {
                continue;
            }
            let name = label(workload, container);
            let message = format!("`{}` of `{name}` is plain", variable.name);
            if inventory.platform == Platform::ContainerApps {
                found.push(&variable.place, message);
            } else if variable.source == Source::Default {
                let message = format!("{message}: its default stands in the compose file");
                found.warn(&variable.place, message).with_help(
                    "remove the default and set the variable in .env; with `${NAME:?}` compose refuses to \
                     start without it",
                );
            } else {
                let message = format!("{message}: its value stands in the compose file");
                found
                    .warn(&variable.place, message)
                    .with_help("put it into .env and refer to it");
            }
        }
    }
}

fn outputs(inventory: &Inventory, found: &mut Findings) {
    for output in &inventory.outputs {
        if output.has_secret && !output.secure {
            found.push(
                &output.place,
                format!("the output `{}` has a secret in it", output.name),
            );
        }
    }
}

fn committed(inventory: &Inventory, found: &mut Findings) {
    // What an app takes from a parameter stands in the parameter alone.
    let mut told: Vec<&str> = Vec::new();
    for parameter in &inventory.parameters {
        let Some(value) = parameter.value.as_ref().and_then(|it| it.literal()) else {
            continue;
        };
        let secret = parameter.secure || sounds_secret(&as_variable(&parameter.name));
        let placeholder = value.is_empty() || value.starts_with('<') && value.ends_with('>');
        if secret && !placeholder {
            let message = format!(
                "the value of the parameter `{}` stands here",
                parameter.name
            );
            found.push(&parameter.place, message);
            told.push(value);
        }
    }
    for workload in &inventory.workloads {
        for secret in &workload.secrets {
            let Fact::Known(value, place) = &secret.value else {
                continue;
            };
            let file = value.literal().is_none_or(|it| {
                it.is_empty() || it.contains('\n') || it.len() > 512 || told.contains(&it)
            });
            let from_template = inventory.platform == Platform::ContainerApps;
            if from_template && !file && inventory.files.iter().all(|it| it.place != *place) {
                let message = format!("the value of the secret `{}` stands here", secret.name);
                found.push(place, message);
            }
        }
    }
}

/// Secrets that no container of a role needs, by name.
fn unneeded(role: Role) -> &'static [&'static str] {
    const STATE: &[&str] = &[
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
    match role {
        WEB | NGINX | PROXY => STATE,
        SANDBOX => &[
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
        ],
        DAEMON => &[
            "SECRET_KEY",
            "INIT_PASSWORD",
            "CODE_EXECUTION_API_KEY",
            "API_KEY",
            "PGVECTOR_PASSWORD",
        ],
        _ => &[],
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
        for name in unneeded(container.role) {
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

fn public(inventory: &Inventory, found: &mut Findings) {
    for server in &inventory.postgres {
        for (first, last, place) in &server.firewall {
            if first.literal() == Some("0.0.0.0") && last.literal() == Some("255.255.255.255") {
                found.push(place, "the whole internet reaches PostgreSQL");
            }
        }
    }
    let open = |fact: &Fact<String>| !fact.is(&"disabled".to_owned());
    for server in inventory
        .postgres
        .iter()
        .filter(|it| !it.injected && open(&it.public_access))
    {
        found.unsure(&server.place, "PostgreSQL has a public endpoint");
    }
    for redis in inventory.redis.iter().filter(|it| open(&it.public_access)) {
        found.unsure(
            &redis.place,
            "Redis has a public endpoint; its key is the only guard",
        );
    }
    for account in &inventory.storage {
        if account.public_blobs.is(&true) {
            let place = account.public_blobs.place().unwrap_or(&account.place);
            found.push(place, "blobs of the storage account may be public");
        } else if open(&account.public_access) && !account.default_deny {
            found.unsure(
                &account.place,
                "storage has a public endpoint; its key is the only guard",
            );
        }
    }
    for vault in inventory.vaults.iter().filter(|it| open(&it.public_access)) {
        found.unsure(&vault.place, "the vault has a public endpoint");
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

fn is_loopback(host: Option<&str>) -> bool {
    host.is_some_and(|host| host.starts_with("127.") || host == "localhost" || host == "[::1]")
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
}

fn vault(inventory: &Inventory, found: &mut Findings) {
    let read = inventory
        .workloads
        .iter()
        .flat_map(|it| &it.secrets)
        .any(|it| it.vault_url.is_some());
    for vault in &inventory.vaults {
        let by_role = vault.rbac.is(&true) || vault.rbac.is_absent() && !vault.access_policies;
        if !read && inventory.complete {
            found.push(&vault.place, "no app reads a secret from the vault");
        } else if by_role && inventory.role_assignments.is_empty() && inventory.complete {
            found.push(&vault.place, "nobody has a role at the vault");
        }
    }
}

fn open_parameter(inventory: &Inventory, found: &mut Findings) {
    for parameter in &inventory.parameters {
        let name = as_variable(&parameter.name);
        if !parameter.secure && sounds_secret(&name) && !name.ends_with("_NAME") {
            let message = format!("the parameter `{}` is not secure", parameter.name);
            found.push(&parameter.place, message);
        }
    }
}

fn published_port(inventory: &Inventory, found: &mut Findings) {
    for (workload, container) in inventory.containers() {
        let inner = matches!(
            container.role,
            Role::Postgres | Role::Redis | API | SANDBOX | PROXY
        );
        for port in workload
            .published
            .iter()
            .filter(|it| inner && !is_loopback(it.host.as_deref()))
        {
            let message = format!(
                "`{}` publishes port {} on every address of the host",
                label(workload, container),
                port.target
            );
            found.push(&port.place, message);
        }
    }
}
