//! Redis.

use super::super::inventory::{Container, Fact, Inventory, RedisInstance, RedisOffer, Variable};
use super::super::report::{Finding, Findings};
use super::super::seen::Seen;
use super::dbx::same_everywhere;
use super::{DAEMON, filled, is_true, label, lacks, see_value, services_of_application};
use crate::check::rule::{Family, Rule, Sample};
use crate::diagnostic::Severity;

const ERROR: Rule = Rule::of(Family::Red, Severity::Error);

/// All rules of the family.
pub(super) const RULES: &[&Rule] = &[
    &BROKER,
    &BROKER_TLS,
    &TLS,
    &CLUSTERED,
    &INDEX,
    &EVICTION,
    &ONE_REDIS,
    &super::broker::REDIS_PASSWORD,
    &super::broker::BROKER,
    &super::siblings::KEYS,
    &super::switches::CERTIFICATES,
    &super::switches::ACCESS_KEYS,
    &super::switches::PROTOCOL,
    &super::switches::ONE_SHARD,
    &super::switches::CLIENTS,
];

const BROKER: Rule = Rule {
    id: "RED101",
    title: "Celery knows its broker",
    why: "`REDIS_*` does not reach Celery: without `CELERY_BROKER_URL` it looks for \
          amqp://guest@localhost, and no task is ever run.",
    source: "celery/celery#4792, #4812; langgenius/dify 1.16.0 api/configs/middleware",
    fix: "Set `CELERY_BROKER_URL` on api, worker and beat.",
    bad: Sample::compose(
        "services:\n  worker:\n    environment:\n      CELERY_BROKER_URL: !reset null",
    ),
    good: Sample::compose(
        "services:\n  worker:\n    environment:\n      CELERY_BROKER_URL: redis://:${REDIS_PASSWORD}@redis:6379/1",
    ),
    audit: Some(broker),
    ..ERROR
};

const BROKER_TLS: Rule = Rule {
    id: "RED102",
    title: "The broker's URL fits its Redis",
    why: "Azure's Redis takes TLS alone. `redis://` to its TLS port hangs, and port 6379 is closed; \
          only `rediss://` turns TLS on for Celery.",
    source: "celery/celery#4792; ITISFoundation/osparc-simcore#7407; learn.microsoft.com redis/tls-configuration",
    fix: "Write `rediss://:<key>@<host>:10000/0` for Managed Redis, `:6380/0` for Azure Cache for Redis.",
    bad: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-worker", "properties": {"configuration": {"secrets": [{"name": "celery-broker-url", "value": "[concat('redis://:', uriComponent(listKeys(resourceId('Microsoft.Cache/redisEnterprise/databases', concat('dify-dev-redis-', parameters('suffix')), 'default'), '2025-07-01').primaryKey), '@', reference(resourceId('Microsoft.Cache/redisEnterprise', concat('dify-dev-redis-', parameters('suffix'))), '2025-07-01').hostName, ':6379/0')]"}]}}}]"#,
    ),
    good: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-worker", "properties": {"configuration": {"secrets": [{"name": "celery-broker-url", "value": "[concat('rediss://:', uriComponent(listKeys(resourceId('Microsoft.Cache/redisEnterprise/databases', concat('dify-dev-redis-', parameters('suffix')), 'default'), '2025-07-01').primaryKey), '@', reference(resourceId('Microsoft.Cache/redisEnterprise', concat('dify-dev-redis-', parameters('suffix'))), '2025-07-01').hostName, ':10000/0')]"}]}}}]"#,
    ),
    audit: Some(broker_tls),
    ..ERROR
};

const TLS: Rule = Rule {
    id: "RED103",
    title: "Everybody speaks TLS to Azure's Redis",
    why: "Without `REDIS_USE_SSL=true` the client waits for an answer that never comes, or is refused.",
    source: "ITISFoundation/osparc-simcore#7407; langgenius/dify 1.16.0 api/extensions/ext_redis.py",
    fix: "Set `REDIS_USE_SSL=true`, and `REDIS_PORT` to 10000 or 6380.",
    bad: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-plugin-daemon", "properties": {"template": {"containers": [{"name": "plugin-daemon", "env": [{"name": "REDIS_USE_SSL", "value": "false"}]}]}}}]"#,
    ),
    good: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-plugin-daemon", "properties": {"template": {"containers": [{"name": "plugin-daemon", "env": [{"name": "REDIS_USE_SSL", "value": "true"}, {"name": "REDIS_PORT", "value": "10000"}]}]}}}]"#,
    ),
    audit: Some(tls),
    ..ERROR
};

const CLUSTERED: Rule = Rule {
    id: "RED104",
    title: "Redis is not sharded",
    why: "Celery's commands touch several keys at once: a sharded Redis answers CROSSSLOT, and the \
          default policy of Managed Redis is sharded.",
    source: "langgenius/dify#4472, #9154; onyx-dot-app/onyx#14200; django/channels_redis#420",
    fix: "Set `clusteringPolicy: NoCluster`, which sizes up to 25 GB have.",
    bad: Sample::resources(
        r#"[{"type": "Microsoft.Cache/redisEnterprise/databases", "properties": {"clusteringPolicy": "OSSCluster"}}]"#,
    ),
    good: Sample::resources(
        r#"[{"type": "Microsoft.Cache/redisEnterprise/databases", "properties": {"clusteringPolicy": "NoCluster"}}]"#,
    ),
    audit: Some(clustered),
    ..ERROR
};

const INDEX: Rule = Rule {
    id: "RED105",
    title: "Managed Redis is used with database 0",
    why: "It has no other: \"DB index is out of range\" at the first connection.",
    source: "langgenius/dify#4472; learn.microsoft.com redis/development-faq",
    fix: "Set `REDIS_DB=0` and end the broker's URL with `/0`; `REDIS_KEY_PREFIX` keeps keys apart.",
    bad: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-plugin-daemon", "properties": {"template": {"containers": [{"name": "plugin-daemon", "env": [{"name": "REDIS_DB", "value": "1"}]}]}}}]"#,
    ),
    good: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-plugin-daemon", "properties": {"template": {"containers": [{"name": "plugin-daemon", "env": [{"name": "REDIS_DB", "value": "0"}]}]}}}]"#,
    ),
    audit: Some(index),
    ..ERROR
};

const EVICTION: Rule = Rule {
    id: "RED106",
    title: "Redis forgets nothing",
    why: "A broker that evicts keys when its memory is full loses tasks without a word.",
    source: "django/channels_redis#420; docs.celeryq.dev getting-started/backends-and-brokers/redis",
    fix: "Set `evictionPolicy: NoEviction`, or `maxmemory-policy: noeviction`.",
    bad: Sample::resources(
        r#"[{"type": "Microsoft.Cache/redisEnterprise/databases", "properties": {"evictionPolicy": "AllKeysLRU"}}]"#,
    ),
    good: Sample::resources(
        r#"[{"type": "Microsoft.Cache/redisEnterprise/databases", "properties": {"evictionPolicy": "NoEviction"}}]"#,
    ),
    audit: Some(eviction),
    ..ERROR
};

const ONE_REDIS: Rule = Rule {
    id: "RED107",
    title: "All of the application uses one Redis",
    why: "Tasks that the API puts into one Redis are not found by a worker that looks into another, and \
          a broker with another database index is another broker.",
    source: "langgenius/dify#18119; docs.celeryq.dev getting-started/backends-and-brokers/redis",
    fix: "Give api, websocket, worker and beat the same `REDIS_HOST`, `REDIS_DB` and `CELERY_BROKER_URL`.",
    bad: Sample::compose(
        "services:\n  worker:\n    environment:\n      CELERY_BROKER_URL: redis://:${REDIS_PASSWORD}@redis:6379/2",
    ),
    good: Sample::compose(
        "services:\n  worker:\n    environment:\n      CELERY_BROKER_URL: redis://:${REDIS_PASSWORD}@redis:6379/1",
    ),
    audit: Some(one_redis),
    ..ERROR
};

/// Which of Azure's offers a host belongs to.
pub(super) fn offer_of(inventory: &Inventory, host: &Seen) -> Option<RedisOffer> {
    let end = host.end().to_ascii_lowercase();
    if end.ends_with(".redis.azure.net") || end.ends_with(".redisenterprise.cache.azure.net") {
        Some(RedisOffer::Managed)
    } else if end.ends_with(".redis.cache.windows.net") {
        Some(RedisOffer::Cache)
    } else if host.literal().is_none() {
        // A host that can't be seen is Azure's when there are instances, all of one offer.
        let (first, others) = inventory.redis.split_first()?;
        let is_one = others.iter().all(|it| it.offer == first.offer);
        is_one.then_some(first.offer)
    } else {
        None
    }
}

pub(super) fn instance_of<'a>(inventory: &'a Inventory, host: &Seen) -> Option<&'a RedisInstance> {
    let (name, _) = host.split_once('.')?;
    inventory
        .redis
        .iter()
        .find(|it| it.name.same(&name) == Some(true))
}

fn broker(inventory: &Inventory, found: &mut Findings) {
    const NAME: &str = "CELERY_BROKER_URL";
    for (workload, container) in services_of_application(inventory) {
        if lacks(container, NAME) {
            let message = format!("`{}` has no `{NAME}`", label(workload, container));
            found.push(container.place_of(NAME), message);
        }
    }
}

fn broker_tls(inventory: &Inventory, found: &mut Findings) {
    for (workload, container) in services_of_application(inventory) {
        for name in [
            "CELERY_BROKER_URL",
            "EVENT_BUS_REDIS_URL",
            "PUBSUB_REDIS_URL",
        ] {
            let Some(variable) = filled(container, name) else {
                continue;
            };
            let Some(url) = variable.value.url() else {
                continue;
            };
            let Some(offer) = offer_of(inventory, &url.host) else {
                continue;
            };
            let who = format!("`{name}` of `{}`", label(workload, container));
            let listens = port_of(offer);
            let plain_too = instance_of(inventory, &url.host).is_some_and(|it| it.plain.is(&true));
            let message = match url.effective_port() {
                Some(6379) if plain_too && url.scheme == "redis" => continue,
                _ if url.scheme == "redis" => format!("{who} is `redis://`, without TLS"),
                Some(port) if port != listens => {
                    format!("{who} has port {port}; this Redis listens on {listens}")
                }
                _ => continue,
            };
            let finding = found.push(&variable.place, message);
            see_redis(finding, inventory, &url.host, offer);
            see_value(finding, workload, variable);
        }
    }
}

/// Names the Redis that a host is of, where it is a part of the deployment.
fn see_redis(finding: &mut Finding, inventory: &Inventory, host: &Seen, offer: RedisOffer) {
    let of_offer = || inventory.redis.iter().find(|it| it.offer == offer);
    if let Some(redis) = instance_of(inventory, host).or_else(of_offer) {
        finding.see(&redis.place, "the Redis");
    }
}

const fn port_of(offer: RedisOffer) -> u16 {
    match offer {
        RedisOffer::Managed => 10000,
        RedisOffer::Cache => 6380,
    }
}

/// Containers that speak to Redis themselves.
fn users(
    inventory: &Inventory,
) -> impl Iterator<Item = (&super::super::Workload, &Container, &Variable)> {
    inventory
        .containers()
        .filter(|(_, it)| it.role.is_application() || it.role == DAEMON)
        .filter_map(|(workload, it)| Some((workload, it, filled(it, "REDIS_HOST")?)))
}

fn tls(inventory: &Inventory, found: &mut Findings) {
    for (workload, container, host) in users(inventory) {
        let Some(offer) = offer_of(inventory, &host.value) else {
            continue;
        };
        let plain_too = instance_of(inventory, &host.value).is_some_and(|it| it.plain.is(&true));
        let name = label(workload, container);
        let off =
            is_true(container, "REDIS_USE_SSL") == Some(false) || lacks(container, "REDIS_USE_SSL");
        if off && !plain_too {
            let message = format!("`{name}` asks Redis for no TLS");
            let place = container.place_of("REDIS_USE_SSL");
            see_redis(found.push(place, message), inventory, &host.value, offer);
            continue;
        }
        let port = match container.literal("REDIS_PORT") {
            Some(port) => port.parse().ok(),
            None if lacks(container, "REDIS_PORT") => Some(6379),
            None => None,
        };
        if let Some(port) = port.filter(|port: &u16| *port != port_of(offer) && !plain_too) {
            let message = format!(
                "`{name}` calls Redis on port {port}; it listens on {}",
                port_of(offer)
            );
            let place = container.place_of("REDIS_PORT");
            see_redis(found.push(place, message), inventory, &host.value, offer);
        }
    }
}

fn clustered(inventory: &Inventory, found: &mut Findings) {
    for redis in &inventory.redis {
        match (&redis.clustering, redis.offer) {
            (Fact::Known(policy, place), _) if policy != "nocluster" => {
                found.push(place, format!("the clustering policy is `{policy}`"));
            }
            (Fact::Absent, RedisOffer::Managed) if redis.children_seen => {
                found.push(
                    &redis.place,
                    "no clustering policy is set, and the default is OSSCluster",
                );
            }
            _ => {}
        }
    }
}

fn index(inventory: &Inventory, found: &mut Findings) {
    for (workload, container, host) in users(inventory) {
        if offer_of(inventory, &host.value) != Some(RedisOffer::Managed) {
            continue;
        }
        let name = label(workload, container);
        if let Some(index) = container
            .literal("REDIS_DB")
            .filter(|it| !it.is_empty() && *it != "0")
        {
            let message = format!("`REDIS_DB` of `{name}` is {}", as_index(index));
            let place = container.place_of("REDIS_DB");
            let finding = found.push(place, message);
            see_redis(finding, inventory, &host.value, RedisOffer::Managed);
        }
        let broker = filled(container, "CELERY_BROKER_URL");
        let path = broker.and_then(|it| it.value.url()).map(|url| url.path);
        let index = path
            .as_ref()
            .and_then(|path| path.literal())
            .map(|path| path.trim_start_matches('/'));
        let number = index.map(|it| it.split('?').next().unwrap_or_default());
        if let Some(number) = number.filter(|it| !it.is_empty() && *it != "0") {
            let message = format!("the broker of `{name}` is database {}", as_index(number));
            let finding = found.push(container.place_of("CELERY_BROKER_URL"), message);
            see_redis(finding, inventory, &host.value, RedisOffer::Managed);
        }
    }
}

/// The index of a database as it may be shown: what is no number may be a part of a password.
fn as_index(text: &str) -> &str {
    let is_number = text.chars().all(|it| it.is_ascii_digit());
    if is_number {
        text
    } else {
        "one without a number"
    }
}

fn eviction(inventory: &Inventory, found: &mut Findings) {
    for redis in &inventory.redis {
        match &redis.eviction {
            Fact::Known(policy, place) if policy != "noeviction" => {
                found.push(place, format!("the eviction policy is `{policy}`"));
            }
            Fact::Absent if redis.children_seen => {
                found.push(
                    &redis.place,
                    "no eviction policy is set, and the default evicts keys",
                );
            }
            _ => {}
        }
    }
}

fn one_redis(inventory: &Inventory, found: &mut Findings) {
    for name in ["REDIS_HOST", "REDIS_PORT", "REDIS_DB", "CELERY_BROKER_URL"] {
        same_everywhere(inventory, found, name);
    }
}
