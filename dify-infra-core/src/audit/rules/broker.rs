//! Who signs in to Redis, and whether the broker is that Redis.

use std::collections::HashMap;

use super::super::inventory::{Container, Inventory, Workload};
use super::super::recognise::Role;
use super::super::report::Findings;
use super::super::seen::Seen;
use super::calls::{Names, Target};
use super::logins::{Login, Told, WayIn, compare, container_of, told, users, way_in};
use super::red::{instance_of, offer_of};
use super::{DAEMON, is_true, label, on_azure, services_of_application};
use crate::check::rule::{Family, Rule, Sample};
use crate::diagnostic::Severity;

pub(super) const REDIS_PASSWORD: Rule = Rule {
    id: "RED108",
    title: "Everybody signs in to Redis with its password",
    why: "The password stands in `REDIS_PASSWORD`, again in the broker's URL and again on the plugin daemon. Where \
          it differs from Redis' own, the answer is WRONGPASS: no session, no task, no plugin.",
    source: "bookwyrm-social/bookwyrm#1509; WeblateOrg/weblate#5147; apache/superset#14925",
    fix: "Give Redis and everybody who signs in to it one secret, percent-encoded in URLs.",
    bad: Sample::compose(
        "services:\n  redis:\n    command: redis-server --requirepass ${SANDBOX_KEY}",
    ),
    good: Sample::compose(
        "services:\n  redis:\n    command: redis-server --requirepass ${REDIS_PASSWORD}",
    ),
    audit: Some(redis_password),
    ..Rule::of(Family::Red, Severity::Error)
};

pub(super) const BROKER: Rule = Rule {
    id: "RED109",
    title: "The broker is the Redis of the application",
    why: "One Redis answers on one port: when the broker's URL names the host of `REDIS_HOST` with another port, one \
          of the two is wrong. A broker of its own is possible, and then it is a part of the deployment.",
    source: "langgenius/dify 1.16.0 docker/.env.example (CELERY_BROKER_URL); \
             docs.celeryq.dev getting-started/backends-and-brokers/redis",
    fix: "Write host and port of `REDIS_HOST` and `REDIS_PORT` into `CELERY_BROKER_URL`.",
    bad: Sample::compose(
        "services:\n  worker:\n    environment:\n      CELERY_BROKER_URL: redis://:${REDIS_PASSWORD}@redis:6380/1",
    ),
    good: Sample::compose(
        "services:\n  worker:\n    environment:\n      CELERY_BROKER_URL: redis://:${REDIS_PASSWORD}@redis:6379/1",
    ),
    audit: Some(broker),
    ..Rule::of(Family::Red, Severity::Error)
};

pub(super) const REDIS: WayIn = WayIn {
    host: "REDIS_HOST",
    port: ("REDIS_PORT", "6379"),
    user: ("REDIS_USERNAME", ""),
    password: "REDIS_PASSWORD",
};

/// URLs of Redis, which have its password in them.
pub(super) const REDIS_URLS: [&str; 3] = [
    "CELERY_BROKER_URL",
    "EVENT_BUS_REDIS_URL",
    "PUBSUB_REDIS_URL",
];

/// Every way in to Redis, URLs included: their passwords may be percent-encoded.
fn redis_logins(inventory: &Inventory) -> Vec<(Login<'_>, bool)> {
    let mut logins = Vec::new();
    for (workload, container) in users(inventory) {
        logins.extend(way_in(workload, container, &REDIS).map(|it| (it, false)));
        if container.role == DAEMON {
            continue;
        }
        for name in REDIS_URLS {
            let Some(variable) = told(workload, container, name) else {
                continue;
            };
            let Some(url) = variable.value.url() else {
                continue;
            };
            let piece = |what: &str, value: Seen| Told {
                what: format!("the {what} in {}", variable.what),
                value,
                place: variable.place.clone(),
            };
            let port = url.effective_port().map(|it| it.to_string());
            let login = Login {
                workload,
                host: piece("host", url.host.clone()),
                port: port.map(|port| piece("port", Seen::from(port.as_str()))),
                user: Some(piece("user", url.user)),
                password: url
                    .password
                    .filter(|it| !it.is_empty())
                    .map(|it| piece("password", it)),
            };
            logins.push((login, true));
        }
    }
    logins
}

fn redis_password(inventory: &Inventory, found: &mut Findings) {
    let names = Names::of(inventory);
    let mut first: HashMap<(Vec<u8>, Vec<u8>), (Told, bool)> = HashMap::new();
    for (login, is_url) in redis_logins(inventory) {
        // `default` is the user who needs no name.
        let user = login.user.as_ref().map(|it| &it.value);
        let user = user.filter(|it| it.literal() != Some("default"));
        let user = user.map(Seen::canonical).unwrap_or_default();
        let own = container_of(&names, &login, Role::Redis)
            .and_then(|(workload, container)| required_password(workload, container));
        let Some(mine) = login.password else {
            continue;
        };
        if let Some(theirs) = own.filter(|_| user.is_empty()) {
            let is_same = same_password((&mine, is_url), (&theirs, false));
            compare(&mine, &theirs, is_same, found);
            continue;
        }
        let host = login.host.value.canonical();
        let key = (host, user);
        let Some((theirs, is_other_url)) = first.get(&key) else {
            first.insert(key, (mine, is_url));
            continue;
        };
        match same_password((&mine, is_url), (theirs, *is_other_url)) {
            // Azure's Redis has two keys, and takes both.
            Some(false) if on_azure(inventory) => {
                let message = format!("{} differs from {}", mine.what, theirs.what);
                found
                    .warn(&mine.place, message)
                    .see(&theirs.place, theirs.what.clone());
            }
            is_same => compare(&mine, theirs, is_same, found),
        }
    }
}

/// Whether two passwords are one, each in a URL or not; nothing when that can't be told.
fn same_password(
    (mine, is_url): (&Told, bool),
    (theirs, is_other_url): (&Told, bool),
) -> Option<bool> {
    if is_url == is_other_url {
        return mine.value.same(&theirs.value);
    }
    let (encoded, plain) = if is_url {
        (&mine.value, &theirs.value)
    } else {
        (&theirs.value, &mine.value)
    };
    if let (Some(encoded), Some(plain)) = (encoded.literal(), plain.literal()) {
        return Some(encoded == plain || percent_decode(encoded) == plain.as_bytes());
    }
    let expected = plain.map("uriComponent", crate::secrets::percent_encode);
    match expected.same(encoded) {
        Some(true) => Some(true),
        _ => plain.same(encoded),
    }
}

fn percent_decode(text: &str) -> Vec<u8> {
    let mut decoded = Vec::new();
    let mut rest = text.as_bytes();
    while let [byte, after @ ..] = rest {
        let code = match after {
            [high, low, ..] if *byte == b'%' => {
                let digits = [char::from(*high), char::from(*low)].map(|it| it.to_digit(16));
                digits[0].zip(digits[1]).map(|(high, low)| high * 16 + low)
            }
            _ => None,
        };
        if let Some(code) = code.and_then(|it| u8::try_from(it).ok()) {
            decoded.push(code);
            rest = &after[2..];
        } else {
            decoded.push(*byte);
            rest = after;
        }
    }
    decoded
}

/// The password that a Redis in a container asks for, as its command says.
fn required_password(workload: &Workload, container: &Container) -> Option<Told> {
    const OPTION: &str = "--requirepass";
    let mut words = container.command.iter().flat_map(|it| it.split(' '));
    words.find(|it| it.literal() == Some(OPTION))?;
    let value = words.next()?;
    // In a shell's words the password may stand in quotes, or be a variable of the container.
    let bare = value
        .literal()
        .map(|it| it.trim_matches(['"', '\'', '{', '}']).to_owned());
    let name = bare.as_deref().and_then(|it| it.strip_prefix('$'));
    if let Some(name) = name {
        return told(workload, container, name.trim_start_matches('{'));
    }
    let value = bare.map_or(value, |it| Seen::from(it.as_str()));
    (!value.is_empty()).then(|| Told {
        what: format!("`requirepass` of `{}`", label(workload, container)),
        value,
        place: container.place.clone(),
    })
}

fn broker(inventory: &Inventory, found: &mut Findings) {
    let names = Names::of(inventory);
    for (workload, container) in services_of_application(inventory) {
        let other_protocol = ["REDIS_USE_SENTINEL", "REDIS_USE_CLUSTERS"]
            .iter()
            .any(|name| is_true(container, name) == Some(true));
        let redis = way_in(workload, container, &REDIS);
        let variable = told(workload, container, "CELERY_BROKER_URL");
        let (Some(redis), Some(variable)) = (redis, variable) else {
            continue;
        };
        let url = variable.value.url();
        let Some(url) = url.filter(|it| it.scheme.starts_with("redis") && !other_protocol) else {
            continue;
        };
        match url.host.same(&redis.host.value) {
            Some(true) if offer_of(inventory, &url.host).is_none() => {
                let port = redis
                    .port
                    .and_then(|it| Some((it.value.literal()?.parse().ok()?, it)));
                let Some((port, told)) = port.filter(|(it, _)| url.effective_port() != Some(*it))
                else {
                    continue;
                };
                let called: u16 = port;
                let message = format!(
                    "the broker in {} is {}, and {} is {called}",
                    variable.what,
                    url.shown(),
                    told.what
                );
                found
                    .push(&variable.place, message)
                    .see(&told.place, told.what);
            }
            Some(false) if !is_of_deployment(inventory, &names, workload, &url.host) => {
                let message = format!(
                    "the broker in {} is {}, and {} is `{}`",
                    variable.what,
                    url.shown(),
                    redis.host.what,
                    redis.host.value.shown()
                );
                found
                    .warn(&variable.place, message)
                    .see(&redis.host.place, redis.host.what);
            }
            _ => {}
        }
    }
}

/// Whether a host is that of a service or a Redis of the deployment; a name of nobody is told by another rule.
fn is_of_deployment(
    inventory: &Inventory,
    names: &Names<'_>,
    workload: &Workload,
    host: &Seen,
) -> bool {
    instance_of(inventory, host).is_some()
        || !matches!(names.target_of(Some(workload), host), Target::Elsewhere)
}
