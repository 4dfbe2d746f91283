//! One case for each failure that people met and that can be seen before anything is created.

use std::fmt::Write as _;

use super::super::*;
use crate::check::rule;

/// A failure of the collection, in a few words, and the rule that stops it.
const PAINS: &[(u8, &str, &str)] = &[
    (1, "plugin daemon answers 401: keys differ", "KEY101"),
    (2, "daemon calls back with another inner key", "KEY102"),
    (3, "worker lacks plugin and sandbox settings", "VER101"),
    (4, "sandbox answers 401: keys differ", "KEY103"),
    (5, "daemon speaks no TLS to PostgreSQL", "DBX101"),
    (6, "Celery's broker is plain or missing", "RED102"),
    (7, "Redis password breaks URLs", "KEY108"),
    (8, "sharded Redis: CROSSSLOT", "RED104"),
    (9, "blob settings under wrong names", "BLB101"),
    (10, "managed identity for blobs without identity", "BLB104"),
    (11, "FILES_URL without scheme or empty", "URL101"),
    (12, "console and API of two origins: login loop", "URL103"),
    (13, "known default keys", "KEY105"),
    (14, "SECRET_KEY lost or different", "KEY104"),
    (15, "tables missing, migration off", "VER107"),
    (16, "two beats", "LIM101"),
    (17, "missing variable after an upgrade", "VER104"),
    (18, "images that were never shipped together", "VER102"),
    (
        19,
        "1.x without plugin daemon; names with underscores",
        "VER108",
    ),
    (20, "plugins disappear after a redeploy", "BLB106"),
    (21, "plugins run from a share", "BLB107"),
    (22, "packages at every start", "NET119"),
    (23, "proxy behind an http ingress", "SSR102"),
    (24, "squid lets private destinations through", "SSR104"),
    (26, "two-minute proxy timeout", "LIM106"),
    (27, "sandbox: operation not permitted", "VER110"),
    (28, "http settings on a tcp ingress", "NET107"),
    (29, "wrong Host: 404 of the environment", "NET114"),
    (30, "app without ingress scales to nothing", "LIM107"),
    (31, "nginx keeps an old address", "NET115"),
    (32, "413 on upload", "LIM105"),
    (33, "240 seconds of the front door", "LIM112"),
    (34, "subnet too small", "NET112"),
    (35, "names too long or illegal", "NET111"),
    (36, "Docker Hub 429", "NET116"),
    (37, "CPU and memory refused", "LIM103"),
    (38, "extension not allow-listed", "DBX104"),
    (39, "settings written at once: ServerIsBusy", "DBX105"),
    (40, "no connection slots left", "LIM104"),
    (42, "secret that does not exist", "AZR103"),
    (44, "empty secret", "AZR102"),
    (48, "secret in outputs", "SEC102"),
];

/// The failures that no template, compose file or answer of Azure shows before they happen, each with
/// what meets it instead.
const BEYOND: &[(u8, &str, &str)] = &[
    (
        25,
        "the proxy of 1.15 blocks private hosts that are needed",
        "which hosts workflows ask for stands in the database; `upgrade` tells it of the release, SSR002 and \
         `check --squid` judge the hosts that are named",
    ),
    (
        41,
        "name of a deleted vault",
        "deleted vaults are known to Azure alone; plan looks for them (`Snapshot::deleted`)",
    ),
    (
        43,
        "a changed secret does not reach replicas",
        "two values in time, and Azure shows none; plan has a fingerprint tag for each",
    ),
    (
        45,
        "an error without a reason, a half-built group",
        "it happens while things are made; apply unwraps inner errors and keeps a journal",
    ),
    (
        46,
        "noise hides the real change",
        "of previews, not of deployments; plan compares desired with live",
    ),
    (
        47,
        "a tool overwrites what another set",
        "needs two states; plan reports foreign settings and keeps them",
    ),
    (
        49,
        "destroy hangs or leaves something",
        "it happens while things are deleted; destroy has its own order",
    ),
    (
        50,
        "CI can't tell whether there are changes",
        "of tools, not of deployments; `plan --detailed-exitcode`",
    ),
    (
        51,
        "a health check fails without a reason",
        "it happens at run time; LIM110 finds that there is no probe at all",
    ),
    (
        52,
        "a domain or image falls back to the sample",
        "needs two states, as 47",
    ),
    (
        53,
        "a chart's upgrade is blocked by a renamed value",
        "of charts' values; our own file has a schema version, `upgrade` names renamed settings",
    ),
];

#[test]
fn every_failure_has_a_rule_or_a_reason_why_none_can_see_it() {
    let known = PAINS.iter().map(|it| it.0);
    let mut numbers: Vec<u8> = known.chain(BEYOND.iter().map(|it| it.0)).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=53).collect::<Vec<u8>>());
    for (number, what, why) in BEYOND {
        println!("{number:>2}  {what:<52} no rule: {why}");
    }
}

#[test]
fn every_failure_that_can_be_seen_is_found() {
    let mut table = String::new();
    let mut missed = 0;
    for (number, what, id) in PAINS {
        let rule = rule(id).unwrap_or_else(|| panic!("no rule {id}"));
        let bad = sample::report(&rule.bad).unwrap();
        let good = sample::report(&rule.good).unwrap();
        let found = bad.under(id).find(|it| it.severity == rule.severity);
        let quiet = good.under(id).all(|it| it.severity != rule.severity);
        let place = found.map(|it| it.place.to_string());
        missed += usize::from(place.is_none() || !quiet);
        let verdict = if quiet {
            "good is quiet"
        } else {
            "GOOD IS LOUD"
        };
        let place = place.unwrap_or_else(|| "NOT FOUND".to_owned());
        let _ = writeln!(table, "{number:>2}  {what:<52} {id}  {verdict}  {place}");
    }
    println!("{table}");
    assert_eq!(missed, 0, "\n{table}");
}
