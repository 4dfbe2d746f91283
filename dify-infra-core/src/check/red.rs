//! Rules about Redis.

use super::rule::{Family, Rule, Sample};
use crate::deployment::{Deployment, Origin};
use crate::diagnostic::{Diagnostics, KeyPath, Severity};

/// All rules of the family.
pub(super) const RULES: &[&Rule] = &[&PUBLIC, &SHARDED, &WIRED, &SHARED];

const PUBLIC: Rule = Rule {
    id: "RED001",
    title: "Redis is not open to the internet",
    why: "Azure Managed Redis has no firewall: without a private endpoint it answers everybody, \
          over TLS, and its access key is the only guard.",
    source: "learn.microsoft.com redis/architecture; Azure/azure-rest-api-specs redisEnterprise 2025-07-01",
    fix: "Set `private_endpoints = true` under `[network]`, which closes it; or keep the key safe.",
    bad: Sample::part(""),
    good: Sample::part("[data.redis]\nexisting = \"my-redis\""),
    check: Some(public),
    ..Rule::of(Family::Red, Severity::Note)
};

pub(crate) const SHARDED: Rule = Rule {
    id: "RED002",
    title: "Redis is not sharded",
    why: "Celery reads several queues with one command, and shards refuse a command about keys of \
          several of them (CROSSSLOT). Only sizes up to 25 GB can do without sharding.",
    source: "langgenius/dify#4472, #9154; onyx-dot-app/onyx#14200; learn.microsoft.com redis/architecture",
    fix: "Use Balanced_B0 to B20, MemoryOptimized_M10 or M20, or ComputeOptimized_X3 to X20.",
    bad: Sample::part("[data.redis]\nsku = \"Balanced_B50\""),
    good: Sample::part("[data.redis]\nsku = \"Balanced_B20\""),
    ..Rule::of(Family::Red, Severity::Error)
};

pub(super) const WIRED: Rule = Rule {
    id: "RED003",
    title: "Redis and the broker are wired in one place",
    why: "Host, port, TLS, database 0 and the broker's URL belong together: a `redis://` broker \
          beside a TLS server, or a database other than 0, stops every task without a word.",
    source: "celery/celery#4792; langgenius/dify 1.16.0 api/configs/middleware; douban/charts#120",
    fix: "Remove the variable; choose the server under `[data.redis]`.",
    bad: Sample::part("[services.worker.env]\nREDIS_DB = 1"),
    good: Sample::part("[data.redis]\nsku = \"Balanced_B1\""),
    ..Rule::of(Family::Red, Severity::Error)
};

const SHARED: Rule = Rule {
    id: "RED004",
    title: "An existing Redis serves one Dify alone",
    why: "Azure Managed Redis has the database 0 alone, and Dify's queues and keys have the same names \
          everywhere: two deployments on one Redis take each other's tasks.",
    source: "learn.microsoft.com azure-cache-for-redis migrate-basic-standard-premium-understand; \
             langgenius/dify 1.16.0 api/extensions/ext_celery.py",
    fix: "Give every deployment a Redis of its own; `apply` refuses one that another deployment's \
          apps use.",
    bad: Sample::part("[data.redis]\nexisting = \"my-redis\""),
    good: Sample::part(""),
    check: Some(shared),
    ..Rule::of(Family::Red, Severity::Note)
};

fn shared(deployment: &Deployment, diagnostics: &mut Diagnostics) {
    if let Origin::Existing(redis) = &deployment.redis().origin {
        let message = format!(
            "the Redis `{redis}` is used as it is, and Managed Redis has one database: nothing else may \
             use it"
        );
        diagnostics.push(SHARED.finding(KeyPath::of("data.redis.existing"), message));
    }
}

fn public(deployment: &Deployment, diagnostics: &mut Diagnostics) {
    let is_ours = deployment.redis().origin == Origin::Managed;
    if is_ours && deployment.private_endpoints().is_none() {
        let message = "Redis is reachable from the internet; its access key is the only guard";
        diagnostics.push(PUBLIC.finding(KeyPath::of("data.redis"), message));
    }
}
