//! Pairs, strength, published defaults and reuse of keys.

use std::collections::BTreeMap;

use super::super::inventory::{Container, Inventory, Variable, Workload};
use super::super::recognise::Role;
use super::super::report::Findings;
use super::super::seen::Seen;
use super::pairs::{self, Pair};
use super::{
    API, DAEMON, SANDBOX, WEBSOCKET, WORKER, backends, filled, label, lacks, on_azure, see_value,
};
use crate::check::rule::{Family, Rule, Sample};
use crate::diagnostic::Severity;
use crate::secrets::{Checker, Problem, SecretKind, SecretName, Secrets};

const ERROR: Rule = Rule::of(Family::Key, Severity::Error);

/// All rules of the family.
pub(super) const RULES: &[&Rule] = &[
    &DAEMON_KEY,
    &INNER_KEY,
    &SANDBOX_KEY,
    &SIGNING_KEY,
    &PUBLISHED,
    &WEAK,
    &REUSED,
    &URL_BREAKING,
    &AGENT_TOKEN,
    &SHARED_KEY,
    &super::disclosure::COMPUTED,
];

/// Who calls the daemon and the sandbox. Beat loads the same settings and calls neither.
const CALLERS: &[Role] = &[API, WEBSOCKET, WORKER];

const DAEMON_KEY: Rule = Rule {
    id: "KEY101",
    title: "The API and the plugin daemon have the same key",
    why: "The daemon compares `PLUGIN_DAEMON_KEY` of every call with its `SERVER_KEY` and answers \
          401 when they differ. All model providers are plugins, so nothing works then.",
    source: "langgenius/dify#28241; langgenius/dify-plugin-daemon internal/server/middleware",
    fix: "Give api, worker and daemon one secret: `PLUGIN_DAEMON_KEY` there, `SERVER_KEY` here.",
    bad: Sample::compose(
        "services:\n  api:\n    environment:\n      PLUGIN_DAEMON_KEY: Hq7mZ2vX9cR4tY8wB3nK6pL1sD5fG0jA",
    ),
    good: Sample::compose(
        "services:\n  api:\n    environment:\n      PLUGIN_DAEMON_KEY: ${PLUGIN_DAEMON_KEY}",
    ),
    audit: Some(|inventory, found| {
        let pair = Pair {
            one: (CALLERS, "PLUGIN_DAEMON_KEY"),
            other: (DAEMON, "SERVER_KEY"),
            meaning: "the key between API and plugin daemon",
        };
        pairs::check(&pair, inventory, found);
    }),
    ..ERROR
};

const INNER_KEY: Rule = Rule {
    id: "KEY102",
    title: "The plugin daemon and the API have the same inner key",
    why: "The daemon calls the API back with `DIFY_INNER_API_KEY`; the API compares it with its \
          `INNER_API_KEY_FOR_PLUGIN` and answers 404 when they differ: installing a plugin hangs.",
    source: "langgenius/dify#28241; aws-samples/dify-self-hosted-on-aws#120",
    fix: "Give both one secret: `INNER_API_KEY_FOR_PLUGIN` on the api, `DIFY_INNER_API_KEY` on the daemon.",
    bad: Sample::compose(
        "services:\n  plugin_daemon:\n    environment:\n      DIFY_INNER_API_KEY: !reset null",
    ),
    good: Sample::compose(
        "services:\n  plugin_daemon:\n    environment:\n      DIFY_INNER_API_KEY: ${INNER_API_KEY}",
    ),
    audit: Some(|inventory, found| {
        let pair = Pair {
            // api/controllers/inner_api/wraps.py alone reads it: who serves no API compares no key.
            one: (&[API], "INNER_API_KEY_FOR_PLUGIN"),
            other: (DAEMON, "DIFY_INNER_API_KEY"),
            meaning: "the key with which the daemon calls the API",
        };
        pairs::check(&pair, inventory, found);
    }),
    ..ERROR
};

const SANDBOX_KEY: Rule = Rule {
    id: "KEY103",
    title: "The API and the sandbox have the same key",
    why: "The sandbox answers 401 to every code node when `CODE_EXECUTION_API_KEY` of api and worker \
          is not its `API_KEY`.",
    source: "langgenius/dify-sandbox#126; langgenius/dify 1.16.0 api/configs/feature/__init__.py",
    fix: "Give both one secret: `CODE_EXECUTION_API_KEY` on api and worker, `API_KEY` on the sandbox.",
    bad: Sample::compose(
        "services:\n  worker:\n    environment:\n      CODE_EXECUTION_API_KEY: Hq7mZ2vX9cR4tY8wB3nK6pL1sD5fG0jA",
    ),
    good: Sample::compose(
        "services:\n  worker:\n    environment:\n      CODE_EXECUTION_API_KEY: ${SANDBOX_KEY}",
    ),
    audit: Some(|inventory, found| {
        let pair = Pair {
            one: (CALLERS, "CODE_EXECUTION_API_KEY"),
            other: (SANDBOX, "API_KEY"),
            meaning: "the key between API and sandbox",
        };
        pairs::check(&pair, inventory, found);
    }),
    ..ERROR
};

const SIGNING_KEY: Rule = Rule {
    id: "KEY104",
    title: "All of the application signs with one key",
    why: "Sessions and file links that one container signs are refused by the others when their \
          `SECRET_KEY` differs; without one, each start makes its own or fails.",
    source: "langgenius/dify#21393, #192; langgenius/dify 1.14.2 api/configs",
    fix: "Give api, websocket, worker, beat and migration the same `SECRET_KEY`.",
    bad: Sample::compose("services:\n  worker:\n    environment:\n      SECRET_KEY: !reset null"),
    good: Sample::compose(
        "services:\n  worker:\n    environment:\n      SECRET_KEY: ${SECRET_KEY}",
    ),
    audit: Some(signing_key),
    ..ERROR
};

const PUBLISHED: Rule = Rule {
    id: "KEY105",
    title: "No key is published",
    why: "The defaults of Dify's compose files, of its charts and of well-known templates are on the \
          internet: whoever has read them can run code in the sandbox or sign sessions.",
    source: "langgenius/dify#36637; langgenius/dify docker/.env.example",
    fix: "Make a value of your own with `dify-secrets gen`.",
    bad: Sample::compose(
        "services:\n  sandbox:\n    environment:\n      API_KEY: dify-sandbox\n  api:\n    environment: {CODE_EXECUTION_API_KEY: dify-sandbox}\n  worker:\n    environment: {CODE_EXECUTION_API_KEY: dify-sandbox}",
    ),
    good: Sample::compose(
        "services:\n  sandbox:\n    environment:\n      API_KEY: ${SANDBOX_KEY}\n  api:\n    environment: {CODE_EXECUTION_API_KEY: \"${SANDBOX_KEY}\"}\n  worker:\n    environment: {CODE_EXECUTION_API_KEY: \"${SANDBOX_KEY}\"}",
    ),
    audit: Some(|inventory, found| {
        judged(inventory, found, |problem, name| match problem {
            Problem::Published { origin, .. } => {
                Some(format!("the value of {name} is public: {origin}"))
            }
            _ => None,
        });
    }),
    ..ERROR
};

const WEAK: Rule = Rule {
    id: "KEY106",
    title: "No key is easy to guess",
    why: "Keys are tried by machines. Words, dates and repetitions fall within minutes.",
    source: "OWASP ASVS 5 V6; langgenius/dify docker/.env.example asks for 42 random bytes",
    fix: "Make a value with `dify-secrets gen`.",
    bad: Sample::compose(
        "services:\n  api:\n    environment: {SECRET_KEY: secret2024secret2024}\n  worker:\n    environment: {SECRET_KEY: secret2024secret2024}\n  worker_beat:\n    environment: {SECRET_KEY: secret2024secret2024}",
    ),
    good: Sample::compose(
        "services:\n  api:\n    environment: {SECRET_KEY: \"${SECRET_KEY}\"}\n  worker:\n    environment: {SECRET_KEY: \"${SECRET_KEY}\"}\n  worker_beat:\n    environment: {SECRET_KEY: \"${SECRET_KEY}\"}",
    ),
    audit: Some(|inventory, found| {
        judged(inventory, found, |problem, name| match problem {
            Problem::TooShort { .. } | Problem::Weak { .. } => {
                Some(format!("the value of {name} {problem}"))
            }
            _ => None,
        });
    }),
    ..ERROR
};

const REUSED: Rule = Rule {
    id: "KEY107",
    title: "No key opens two doors",
    why: "When one value is the sandbox's key and the signing key as well, user code that learns the \
          one has the other.",
    source: "facts of nine public Azure deployments and aws-samples/dify-self-hosted-on-aws: one secret for all",
    fix: "Make a value for each key with `dify-secrets gen`.",
    bad: Sample::compose(
        "services:\n  sandbox:\n    environment: {API_KEY: \"${PLUGIN_DAEMON_KEY}\"}\n  api:\n    environment: {CODE_EXECUTION_API_KEY: \"${PLUGIN_DAEMON_KEY}\"}\n  worker:\n    environment: {CODE_EXECUTION_API_KEY: \"${PLUGIN_DAEMON_KEY}\"}",
    ),
    good: Sample::compose(
        "services:\n  sandbox:\n    environment: {API_KEY: \"${SANDBOX_KEY}\"}\n  api:\n    environment: {CODE_EXECUTION_API_KEY: \"${SANDBOX_KEY}\"}\n  worker:\n    environment: {CODE_EXECUTION_API_KEY: \"${SANDBOX_KEY}\"}",
    ),
    audit: Some(reused),
    ..ERROR
};

const URL_BREAKING: Rule = Rule {
    id: "KEY108",
    title: "No password breaks the URL that it stands in",
    why: "`#`, `@` or `/` in a password ends the URL or the connection string too early: the host is \
          then wrong, and the error names a host that nobody knows.",
    source: "douban/charts#120; langgenius/dify-plugin-daemon internal/db",
    fix: "Percent-encode the password in URLs, or use letters and digits alone.",
    bad: Sample::compose(
        "services:\n  api:\n    environment: {CELERY_BROKER_URL: \"redis://:Zt6#mQ9/xK2vR8@redis:6379/1\"}\n  worker:\n    environment: {CELERY_BROKER_URL: \"redis://:Zt6#mQ9/xK2vR8@redis:6379/1\"}\n  worker_beat:\n    environment: {CELERY_BROKER_URL: \"redis://:Zt6#mQ9/xK2vR8@redis:6379/1\"}",
    ),
    good: Sample::compose(
        "services:\n  api:\n    environment: {CELERY_BROKER_URL: \"redis://:${REDIS_PASSWORD}@redis:6379/1\"}\n  worker:\n    environment: {CELERY_BROKER_URL: \"redis://:${REDIS_PASSWORD}@redis:6379/1\"}\n  worker_beat:\n    environment: {CELERY_BROKER_URL: \"redis://:${REDIS_PASSWORD}@redis:6379/1\"}",
    ),
    audit: Some(url_breaking),
    ..ERROR
};

const AGENT_TOKEN: Rule = Rule {
    id: "KEY109",
    title: "The API and the agent backend have the same token",
    why: "From 1.17 the agent backend compares `AGENT_BACKEND_API_TOKEN` of the API with its \
          `DIFY_AGENT_API_TOKEN`, and the plugin daemon's key with `DIFY_AGENT_PLUGIN_DAEMON_API_KEY`.",
    source: "langgenius/dify 1.17.1 docker/docker-compose.yaml",
    fix: "Give both sides of each pair one secret.",
    bad: Sample::compose(
        "services:\n  agent_backend:\n    image: langgenius/dify-agent-backend:1.17.1\n    environment:\n      DIFY_AGENT_PLUGIN_DAEMON_API_KEY: Hq7mZ2vX9cR4tY8wB3nK6pL1sD5fG0jA",
    ),
    good: Sample::compose(
        "services:\n  agent_backend:\n    image: langgenius/dify-agent-backend:1.17.1\n    environment:\n      DIFY_AGENT_PLUGIN_DAEMON_API_KEY: ${PLUGIN_DAEMON_KEY}",
    ),
    audit: Some(agent_tokens),
    ..ERROR
};

const SHARED_KEY: Rule = Rule {
    id: "KEY110",
    title: "Two deployments share no key",
    why: "Whoever may read the keys of a test environment, and many may, signs sessions and runs code in \
          production when both have the same.",
    source: "OWASP ASVS 5 V13; facts of public deployments whose dev and prod parameters have one SECRET_KEY",
    fix: "Make keys for each environment with `dify-secrets gen`.",
    bad: Sample::resources(
        r#"[{"$add": true, "type": "Microsoft.App/containerApps", "name": "dify-test-api", "properties": {"environmentId": "[resourceId('Microsoft.App/managedEnvironments', 'dify-test-env')]", "configuration": {"secrets": [{"name": "secret-key", "value": "[parameters('secretKey')]"}]}, "template": {"containers": [{"name": "api", "image": "langgenius/dify-api:1.16.0", "env": [{"name": "DB_HOST", "value": "dify-test-pg.postgres.database.azure.com"}, {"name": "SECRET_KEY", "secretRef": "secret-key"}]}]}}}]"#,
    ),
    good: Sample::resources(
        r#"[{"$parameter": {"otherKey": {"type": "securestring"}}}, {"$add": true, "type": "Microsoft.App/containerApps", "name": "dify-test-api", "properties": {"environmentId": "[resourceId('Microsoft.App/managedEnvironments', 'dify-test-env')]", "configuration": {"secrets": [{"name": "secret-key", "value": "[parameters('otherKey')]"}]}, "template": {"containers": [{"name": "api", "image": "langgenius/dify-api:1.16.0", "env": [{"name": "DB_HOST", "value": "dify-test-pg.postgres.database.azure.com"}, {"name": "SECRET_KEY", "secretRef": "secret-key"}]}]}}}]"#,
    ),
    audit: Some(shared_key),
    ..Rule::of(Family::Key, Severity::Warning)
};

/// Keys that no two deployments have in common.
const OWN_KEYS: [&str; 5] = [
    "SECRET_KEY",
    "CODE_EXECUTION_API_KEY",
    "PLUGIN_DAEMON_KEY",
    "INNER_API_KEY_FOR_PLUGIN",
    "DB_PASSWORD",
];

fn shared_key(inventory: &Inventory, found: &mut Findings) {
    let apis: Vec<_> = inventory.of(API).collect();
    for (index, (workload, container)) in apis.iter().enumerate() {
        for name in OWN_KEYS {
            let Some(mine) = filled(container, name) else {
                continue;
            };
            let before = apis[..index].iter().take(MOST_DEPLOYMENTS);
            let same = before.filter_map(|(it, other)| {
                let theirs = filled(other, name)?;
                let apart = super::super::parts::are_apart((workload, container), (it, other));
                (apart && mine.value.same(&theirs.value) == Some(true))
                    .then_some((it, other, theirs))
            });
            if let Some((it, other, theirs)) = same.into_iter().next() {
                let message = format!(
                    "`{name}` of `{}` is the one of `{}`, which belongs to another deployment",
                    label(workload, container),
                    label(it, other)
                );
                found
                    .push(&mine.place, message)
                    .see(&theirs.place, format!("`{name}` of `{}`", label(it, other)));
            }
        }
    }
}

/// Deployments that one is compared with at most.
const MOST_DEPLOYMENTS: usize = 50;

fn agent_tokens(inventory: &Inventory, found: &mut Findings) {
    let both: [(&[Role], &str, &str); 2] = [
        (CALLERS, "AGENT_BACKEND_API_TOKEN", "DIFY_AGENT_API_TOKEN"),
        (&[DAEMON], "SERVER_KEY", "DIFY_AGENT_PLUGIN_DAEMON_API_KEY"),
    ];
    for (roles, one, other) in both {
        for (_, agent) in inventory.of(Role::AgentBackend) {
            let Some(theirs) = filled(agent, other) else {
                continue;
            };
            for (workload, container) in inventory
                .containers()
                .filter(|(_, it)| roles.contains(&it.role))
            {
                let Some(mine) = filled(container, one) else {
                    continue;
                };
                if mine.value.same(&theirs.value) == Some(false) {
                    let message = format!(
                        "`{other}` of the agent backend differs from `{one}` of `{}`",
                        label(workload, container)
                    );
                    found
                        .push(&theirs.place, message)
                        .see(&mine.place, format!("`{one}`"));
                }
            }
        }
    }
}

fn signing_key(inventory: &Inventory, found: &mut Findings) {
    const NAME: &str = "SECRET_KEY";
    let all: Vec<_> = inventory.application().collect();
    for (workload, container) in &all {
        if lacks(container, NAME) {
            let message = format!("`{}` has no `{NAME}`", label(workload, container));
            let finding = found.push(container.place_of(NAME), message);
            let mut others = all.iter();
            if let Some((other_workload, other)) = others.find(|(_, it)| filled(it, NAME).is_some())
            {
                let there = format!("`{NAME}` of `{}`", label(other_workload, other));
                finding.see(other.place_of(NAME), there);
            }
        }
    }
    let mut with = all
        .iter()
        .filter_map(|(workload, it)| Some((workload, it, filled(it, NAME)?)));
    let Some((first_workload, first, expected)) = with.next() else {
        return;
    };
    for (workload, container, variable) in with {
        let (one, other) = (label(workload, container), label(first_workload, first));
        let there = format!("`{NAME}` of `{other}`");
        match variable.value.same(&expected.value) {
            Some(true) => {}
            Some(false) => {
                let message = format!("`{one}` and `{other}` sign with different keys");
                found
                    .push(&variable.place, message)
                    .see(&expected.place, there);
            }
            None => {
                let message =
                    format!("whether `{one}` and `{other}` sign with one key can't be seen");
                found
                    .unsure(&variable.place, message)
                    .see(&expected.place, there);
            }
        }
    }
}

/// Variables of Dify's own containers whose values are secrets.
fn secrets_of(inventory: &Inventory) -> impl Iterator<Item = (&Workload, &Container, &Variable)> {
    inventory
        .containers()
        .filter(|(_, it)| it.role != Role::Other)
        .flat_map(|(workload, it)| {
            it.variables
                .iter()
                .map(move |variable| (workload, it, variable))
        })
        .filter(|(_, container, variable)| {
            is_secret(container, &variable.name) && !backends::is_unused(container, &variable.name)
        })
}

/// Whether a variable is one that holds a secret, by the catalogue or by its name.
pub(super) fn is_secret(container: &Container, name: &str) -> bool {
    // "Connection strings aren't security tokens" (learn.microsoft.com azure-monitor/app/connection-strings).
    if name == "APPLICATIONINSIGHTS_CONNECTION_STRING" {
        return false;
    }
    let listed = container.role.variables_of().and_then(|kind| {
        let release = crate::catalogue::Catalogue::builtin().default_release();
        release.variables(kind).get(name)
    });
    match listed {
        Some(variable) => variable.secret,
        None => SecretName::from_env_key(name)
            .is_ok_and(|name| Checker::new().with_other_settings().judges(&name)),
    }
}

/// Whether a variable has a value that somebody published as an example.
pub(super) fn is_published(variable: &Variable) -> bool {
    let Some(value) = variable.value.literal() else {
        return false;
    };
    let Ok(name) = SecretName::from_env_key(&variable.name) else {
        return false;
    };
    let secrets: Secrets = [(name, value.into())].into_iter().collect();
    let found = Checker::new().check(&secrets);
    let mut problems = found.iter().map(|it| &it.problem);
    problems.any(|it| matches!(it, Problem::Published { .. }))
}

/// Applies the checks of secrets to every value that is seen; each value and problem once.
fn judged(
    inventory: &Inventory,
    found: &mut Findings,
    tell: impl Fn(&Problem, &str) -> Option<String>,
) {
    let mut seen: BTreeMap<Vec<u8>, Vec<String>> = BTreeMap::new();
    for (workload, container, variable) in secrets_of(inventory) {
        let Some(value) = variable.value.literal().filter(|value| !value.is_empty()) else {
            continue;
        };
        let Ok(name) = SecretName::from_env_key(&variable.name) else {
            continue;
        };
        let known = seen.entry(variable.value.canonical()).or_default();
        if known.contains(&variable.name) {
            continue;
        }
        known.push(variable.name.clone());
        let secrets: Secrets = [(name.clone(), value.into())].into_iter().collect();
        for finding in Checker::new().check(&secrets) {
            if finding.secret != name {
                continue;
            }
            let shown = format!("`{}` of `{}`", variable.name, label(workload, container));
            if let Some(message) = tell(&finding.problem, &shown) {
                match (&finding.problem, finding.severity) {
                    (Problem::Weak { .. }, crate::secrets::Severity::Warning) => {
                        found.warn(&variable.place, message)
                    }
                    _ => found.push(&variable.place, message),
                };
            }
        }
    }
}

fn reused(inventory: &Inventory, found: &mut Findings) {
    let mut first: BTreeMap<Vec<u8>, (String, &Variable)> = BTreeMap::new();
    let mut told: Vec<(String, String)> = Vec::new();
    for (_, container, variable) in secrets_of(inventory) {
        let Some(door) = door(container, &variable.name) else {
            continue;
        };
        if variable.value.is_empty() || variable.value.url().is_some() {
            continue;
        }
        let key = variable.value.canonical();
        let Some((other, at)) = first.get(&key) else {
            first.insert(key, (door, variable));
            continue;
        };
        let pair = (door.clone(), other.clone());
        if *other == door || told.contains(&pair) {
            continue;
        }
        let message = format!("`{}` has the same value as `{}`", variable.name, at.name);
        found
            .push(&variable.place, message)
            .see(&at.place, format!("`{}`", at.name));
        told.push(pair);
    }
}

/// What a key opens; nothing for keys that Dify does not compare.
fn door(container: &Container, name: &str) -> Option<String> {
    let own_name = match (container.role, name) {
        (SANDBOX, "API_KEY") => "CODE_EXECUTION_API_KEY",
        (DAEMON, "SERVER_KEY") => "PLUGIN_DAEMON_KEY",
        (DAEMON, "DIFY_INNER_API_KEY") => "INNER_API_KEY_FOR_PLUGIN",
        (_, "DB_PASSWORD" | "PGVECTOR_PASSWORD") => "POSTGRES_PASSWORD",
        (_, "REDIS_PASSWORD") => return Some("redis-password".to_owned()),
        (_, name) => name,
    };
    SecretKind::of_variable(own_name).map(|kind| kind.id().to_owned())
}

fn url_breaking(inventory: &Inventory, found: &mut Findings) {
    const IN_URLS: [&str; 3] = [
        "CELERY_BROKER_URL",
        "EVENT_BUS_REDIS_URL",
        "PUBSUB_REDIS_URL",
    ];
    for (workload, container) in inventory.containers() {
        for variable in &container.variables {
            let broken_url = IN_URLS.contains(&variable.name.as_str())
                && variable
                    .value
                    .literal()
                    .is_some_and(|text| !is_whole_url(text));
            // The daemon writes its password into a connection string without quotes.
            let broken_dsn = container.role == DAEMON
                && variable.name == "DB_PASSWORD"
                && variable
                    .value
                    .literal()
                    .is_some_and(|text| text.contains([' ', '\'', '"', '\\']));
            if broken_url || broken_dsn {
                let what = if broken_url {
                    "URL"
                } else {
                    "connection string"
                };
                let message = format!(
                    "the password in `{}` of `{}` has characters that break its {what}",
                    variable.name,
                    label(workload, container)
                );
                see_value(found.push(&variable.place, message), workload, variable);
            } else if IN_URLS.contains(&variable.name.as_str())
                && on_azure(inventory)
                && has_bare_key(&variable.value)
            {
                let message = format!(
                    "the password in `{}` of `{}` is put in as it is; a key may have `/`, `+` or `=` in it, which \
                     break the URL",
                    variable.name,
                    label(workload, container)
                );
                let finding = found.warn(&variable.place, message);
                finding.with_help("encode the password where the URL is made: `uriComponent(...)`");
                see_value(finding, workload, variable);
            }
        }
    }
}

/// Whether the password of a URL has a secret in it that can't be seen and that nothing encodes. Azure's own keys are
/// base64 (learn.microsoft.com azure-cache-for-redis/cache-configure).
fn has_bare_key(url: &Seen) -> bool {
    const CHANGED: [&str; 2] = ["uriComponent(", "replace "];
    let password = url.url().and_then(|it| it.password);
    password.is_some_and(|password| {
        password
            .unseen_parts()
            .any(|it| it.is_secret() && !CHANGED.iter().any(|by| it.origin().starts_with(by)))
    })
}

/// Whether a URL with a password has just the delimiters that it should have.
fn is_whole_url(text: &str) -> bool {
    let Some((_, rest)) = text.split_once("://") else {
        return true;
    };
    let Some((user_info, _)) = rest.rsplit_once('@') else {
        return true;
    };
    let password = user_info
        .split_once(':')
        .map_or("", |(_, password)| password);
    !password.contains(['@', '/', '#', '?', ' ', ':'])
}

#[cfg(test)]
mod tests {
    use crate::audit::tests::template;
    use crate::diagnostic::Severity;

    #[test]
    fn a_key_in_a_url_is_encoded() {
        let broker = |password: &str| {
            let text = serde_json::json!({
                "parameters": {"key": {"type": "securestring"}, "name": {"type": "string"}},
                "resources": [{"type": "Microsoft.App/containerApps", "name": "api", "properties": {
                    "template": {"containers": [{"name": "api", "image": "langgenius/dify-api:1.16.0",
                        "env": [{"name": "CELERY_BROKER_URL", "value":
                            format!("[concat('rediss://:', {password}, '@c.redis.azure.net:10000/0')]")}]}]}}}]});
            let report = template(&text.to_string());
            let found: Vec<_> = report.under("KEY108").map(|it| it.severity).collect();
            found
        };
        let keys = "listKeys(resourceId('Microsoft.Cache/redisEnterprise/databases', 'c', 'default'), '2025-04-01').primaryKey";
        for (password, expected) in [
            (keys.to_owned(), &[Severity::Warning][..]),
            (format!("uriComponent({keys})"), &[]),
            (format!("replace({keys}, '/', '%2F')"), &[]),
            ("parameters('key')".to_owned(), &[Severity::Warning]),
            ("uriComponent(parameters('key'))".to_owned(), &[]),
            ("parameters('name')".to_owned(), &[]),
            ("'letters4711'".to_owned(), &[]),
            ("'a%2Fb%23c'".to_owned(), &[]),
        ] {
            assert_eq!(broker(&password), expected, "{password}");
        }
        for breaks in ['@', '/', '#', '?', ' ', ':'] {
            let password = format!("'a{breaks}b'");
            assert_eq!(broker(&password), [Severity::Error], "{password}");
        }
    }

    #[test]
    fn the_daemon_alone_writes_its_password_into_a_connection_string() {
        let judged = |image: &str, password: &str| {
            let app = serde_json::json!({"resources": [{"type": "Microsoft.App/containerApps", "name": "a",
                "properties": {"template": {"containers": [{"name": "a", "image": image,
                    "env": [{"name": "DB_PASSWORD", "value": password}]}]}}}]});
            template(&app.to_string()).under("KEY108").count()
        };
        let daemon = "langgenius/dify-plugin-daemon:0.6.3-local";
        for breaks in [' ', '\'', '"', '\\'] {
            let password = format!("a{breaks}b");
            assert_eq!(judged(daemon, &password), 1, "{password}");
            assert_eq!(
                judged("langgenius/dify-api:1.16.0", &password),
                0,
                "{password}"
            );
        }
        assert_eq!(judged(daemon, "a#b@c/d:e?f"), 0);
    }
}
