//! What samples change, where the bad one breaks its rule, and what the good one proves.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use serde_json::Value;

use super::super::*;
use super::{about_deployments, pressing};
use crate::check::{Rule, Sample, SampleForm};

/// The pointers below which a template differs from the one that samples lie over.
fn changes(one: &Value, other: &Value, path: &str, changed: &mut BTreeSet<String>) {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            for (key, value) in other {
                let path = format!("{path}/{}", key.replace('~', "~0").replace('/', "~1"));
                match one.get(key) {
                    Some(before) => changes(before, value, &path, changed),
                    None => drop(changed.insert(path)),
                }
            }
            let is_removed = one.keys().any(|key| !other.contains_key(key));
            if is_removed {
                changed.insert(path.to_owned());
            }
        }
        (Value::Array(one), Value::Array(other)) if one.len() <= other.len() => {
            for (index, value) in other.iter().enumerate() {
                let path = format!("{path}/{index}");
                match one.get(index) {
                    Some(before) => changes(before, value, &path, changed),
                    None => drop(changed.insert(path)),
                }
            }
        }
        (one, other) if one == other => {}
        _ => drop(changed.insert(path.to_owned())),
    }
}

/// The pointers that a sample of resources changes.
fn changed(sample: &Sample) -> BTreeSet<String> {
    let base = sample::template("[]").unwrap();
    let patched = sample::template(sample.text()).unwrap();
    let mut changed = BTreeSet::new();
    changes(&base, &patched, "", &mut changed);
    changed
}

/// Whether a place is in what a sample changes, or is the nearest thing that has it: at least a resource.
fn is_inside(sample: &Sample, place: &Place) -> bool {
    if sample.form() == SampleForm::Compose {
        let document = place.document_name();
        return document == "docker-compose.override.yaml"
            || sample.text().contains(&format!("./{document}"));
    }
    let pointer = place.pointer();
    let starts = |long: &str, short: &str| {
        let rest = long.strip_prefix(short);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let is_narrow = pointer.matches('/').count() >= 2;
    changed(sample)
        .iter()
        .any(|it| is_narrow && (starts(&pointer, it) || starts(it, &pointer)))
}

/// What an audit says of the samples of a rule.
pub(super) struct Judged {
    pub(super) bad: Report,
    pub(super) good: Report,
    /// The good sample laid over the bad one.
    mended: Report,
}

/// Every rule's samples, judged once for all tests.
pub(super) static JUDGED: LazyLock<BTreeMap<&str, Judged>> = LazyLock::new(|| {
    let judged = about_deployments().map(|rule| {
        let report = |sample| sample::report(sample).unwrap_or_else(|| panic!("{}", rule.id));
        let judged = Judged {
            bad: report(&rule.bad),
            good: report(&rule.good),
            mended: mended(rule),
        };
        (rule.id, judged)
    });
    judged.collect()
});

/// What remains of a bad sample once the good one is laid over it.
fn mended(rule: &Rule) -> Report {
    if rule.good.form() == SampleForm::Compose {
        let layers = [("1.yaml", rule.bad.text()), ("2.yaml", rule.good.text())];
        let files = sample::COMPOSE.into_iter().chain(layers);
        let files = files.map(|(name, text)| (name.to_owned(), text.to_owned()));
        let inventory = from_compose(ComposeInput {
            compose: &["docker-compose.yaml", "1.yaml", "2.yaml"],
            files: &files.collect(),
            profiles: &[],
        });
        return audit(&inventory.unwrap());
    }
    let patches = |sample: &Sample| -> Vec<Value> { serde_json::from_str(sample.text()).unwrap() };
    // What both say is said once.
    let mut all = patches(&rule.bad);
    let more = patches(&rule.good).into_iter();
    let more: Vec<Value> = more.filter(|it| !all.contains(it)).collect();
    all.extend(more);
    // Under the name that the bad sample gives it the good one does not find its resource.
    if all.iter().any(|it| it.get("$name").is_some()) {
        return sample::report(&rule.good).unwrap();
    }
    over_template(&all.into())
}

/// What an audit says of patches laid over the whole template.
pub(super) fn over_template(patches: &Value) -> Report {
    let text = sample::template(&patches.to_string()).unwrap();
    super::template(&text.to_string())
}

/// What an audit says of a compose file laid over the whole one.
pub(super) fn over_compose(text: &str) -> Report {
    let named = [("docker-compose.override.yaml", text)];
    let files = sample::COMPOSE.into_iter().chain(named);
    let files = files.map(|(name, text)| (name.to_owned(), text.to_owned()));
    let inventory = from_compose(ComposeInput {
        compose: &["docker-compose.yaml", "docker-compose.override.yaml"],
        files: &files.collect(),
        profiles: &[],
    });
    audit(&inventory.unwrap())
}

fn breaks(report: &Report, rule: &Rule) -> bool {
    report.under(rule.id).any(|it| it.severity == rule.severity)
}

fn judged() -> impl Iterator<Item = (&'static Rule, &'static Judged)> {
    about_deployments().map(|rule| (rule, &JUDGED[rule.id]))
}

/// Other rules that a bad sample breaks, with the reason why it must.
const ALSO: &[(&str, &[&str], &str)] = &[
    (
        "LIM101",
        &["LIM104"],
        "a second replica opens connections of its own",
    ),
    ("LIM102", &["LIM104"], "more replicas open more connections"),
    (
        "LIM108",
        &["LIM120"],
        "an app of tcp without a replica is not woken either",
    ),
    (
        "LIM109",
        &["SSR104"],
        "the file is about memory, and its policy is one line",
    ),
    (
        "NET101",
        &["VER101"],
        "what one of all that share a setting has is what the others have not",
    ),
    (
        "NET102",
        &["LIM118"],
        "the scale rule still counts connections",
    ),
    (
        "NET104",
        &["LIM118", "NET102"],
        "an ingress of http is called on the ports of http, and its scale rule counts connections",
    ),
    (
        "NET105",
        &["VER101"],
        "what one of all that share a setting has is what the others have not",
    ),
    (
        "NET106",
        &["VER101"],
        "what one of all that share a setting has is what the others have not",
    ),
    (
        "NET108",
        &["NET102"],
        "the callers still call the port that was right",
    ),
    (
        "NET109",
        &["SEC114"],
        "who answers the internet without a network is open",
    ),
    (
        "NET110",
        &["NET102", "NET109", "SEC114"],
        "the second external app is open, and is called on its old port",
    ),
    (
        "NET117",
        &["VER101"],
        "what one of all that share a setting has is what the others have not",
    ),
    (
        "NET120",
        &["VER101"],
        "what one of all that share a setting has is what the others have not",
    ),
    (
        "NET121",
        &["VER101"],
        "what one of all that share a setting has is what the others have not",
    ),
    ("URL103", &["URL104"], "two origins are two hosts"),
    ("URL104", &["URL103"], "two hosts may be two sites"),
    (
        "AZR106",
        &["LIM107", "LIM110", "URL107"],
        "the second app has an image alone",
    ),
    (
        "BLB102",
        &["BLB105"],
        "one service with another word has another storage",
    ),
    ("KEY101", &["SEC101"], IN_THE_FILE),
    ("KEY103", &["SEC101"], IN_THE_FILE),
    ("KEY105", &["SEC101"], IN_THE_FILE),
    ("KEY106", &["SEC101"], IN_THE_FILE),
    (
        "KEY108",
        &["RED108", "SEC101"],
        "a password that is seen stands in the file, and is another than that of Redis",
    ),
    ("KEY109", &["SEC101"], IN_THE_FILE),
    ("DBX110", &["SEC101"], IN_THE_FILE),
    (
        "RED109",
        &["RED107"],
        "one service with another broker has another Redis",
    ),
    (
        "KEY110",
        &[
            "BLB106", "DBX109", "LIM101", "LIM107", "LIM110", "RED101", "SEC109", "SSR101",
            "URL102", "URL106", "VER104", "VER107", "VER108",
        ],
        "of the second deployment there is the API with one key alone",
    ),
    (
        "SEC114",
        &["LIM118", "NET102"],
        "an external app of http is called on the ports of http, and its scale rule counts connections",
    ),
    (
        "SSR102",
        &["LIM118", "NET102"],
        "an ingress of http is called on the ports of http, and its scale rule counts connections",
    ),
    ("VER101", &["VER104"], "what a worker lacks it needs"),
    (
        "VER103",
        &["KEY103"],
        "under the wrong name there is no key",
    ),
    (
        "VER108",
        &["NET101"],
        "URLs lead to the service that is missing",
    ),
    (
        "VER109",
        &["VER102"],
        "an old image beside newer ones was never shipped with them",
    ),
    (
        "VER110",
        &["VER102"],
        "an old image beside newer ones was never shipped with them",
    ),
    (
        "VER111",
        &["VER108"],
        "where the sample runs the service is missing",
    ),
];

const IN_THE_FILE: &str = "a value that is seen stands in the file";

/// Rules whose finding is about something that is nowhere.
const NOWHERE: &[(&str, &str)] = &[
    (
        "NET116",
        "the clean deployment itself pulls from Docker Hub",
    ),
    (
        "VER108",
        "a service that is missing has no place: the API needs it",
    ),
];

/// Rules whose good sample does not mend the bad one when it is laid over it, with the reason why it can't.
const TAKES_AWAY: &[(&str, &str)] = &[
    ("LIM105", "compose adds the volumes of two files"),
    ("LIM114", "compose adds the volumes of two files"),
    ("LIM115", "it is added beside the first, not laid over it"),
    (
        "LIM118",
        "the kind of a rule is added to the rule of its name",
    ),
    ("NET112", "it is added beside the first, not laid over it"),
    ("NET115", "compose adds the volumes of two files"),
    ("AZR101", "of two variables one is taken away"),
    ("AZR102", "the secret is taken away"),
    ("AZR106", "of two apps one is taken away"),
    ("DBX107", "of two settings one is taken away"),
    (
        "KEY110",
        "another app of the same name is added, not laid over the first",
    ),
    ("SEC102", "the output is taken away"),
    (
        "SEC110",
        "another registry of the same name is added, not laid over the first",
    ),
    ("SEC113", "compose adds the ports of two files"),
    ("SSR104", "compose adds the volumes of two files"),
];

#[test]
fn every_bad_sample_breaks_its_rule_in_what_it_changes() {
    let mut elsewhere = Vec::new();
    for (rule, judged) in judged() {
        let of_rule = judged.bad.under(rule.id);
        let findings: Vec<_> = of_rule.filter(|it| it.severity == rule.severity).collect();
        assert!(!findings.is_empty(), "{}", rule.id);
        let is_nowhere = NOWHERE.iter().any(|(id, _)| *id == rule.id);
        for finding in findings {
            // A disagreement has two sides, and a sample changes one of them.
            let mut places = vec![&finding.place];
            places.extend(finding.related.iter().map(|it| &it.place));
            if places.iter().any(|it| is_inside(&rule.bad, it)) == is_nowhere {
                elsewhere.push(finding.to_string());
            }
        }
    }
    assert!(elsewhere.is_empty(), "{elsewhere:#?}");
}

#[test]
fn a_bad_sample_breaks_no_other_rule_without_a_reason() {
    let mut wrong = Vec::new();
    for (rule, judged) in judged() {
        let others: BTreeSet<&str> = pressing(&judged.bad).into_iter().collect();
        let others: Vec<&str> = others.into_iter().filter(|it| *it != rule.id).collect();
        let listed = ALSO.iter().find(|(id, _, _)| *id == rule.id);
        let listed = listed.map_or(&[][..], |(_, others, _)| *others);
        if others != listed {
            wrong.push(format!(
                "{}: {others:?}, and listed are {listed:?}",
                rule.id
            ));
        }
        let good: BTreeSet<&str> = pressing(&judged.good).into_iter().collect();
        let more: Vec<_> = good.iter().filter(|it| !listed.contains(it)).collect();
        if !more.is_empty() {
            wrong.push(format!("{} mended: {more:?}", rule.id));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_good_sample_says_the_remedy_and_not_that_nothing_was_ever_wrong() {
    let mut wrong = Vec::new();
    for (rule, judged) in judged() {
        let takes_away = TAKES_AWAY.iter().any(|(id, _)| *id == rule.id);
        if breaks(&judged.mended, rule) != takes_away {
            wrong.push(rule.id);
        }
        if takes_away && rule.good.form() == SampleForm::Resources {
            assert_ne!(changed(&rule.good), BTreeSet::new(), "{}", rule.id);
        }
    }
    assert_eq!(wrong, [""; 0], "good samples over their bad ones");
}

#[test]
fn what_is_listed_of_samples_is_of_rules_that_are_judged() {
    let ids: BTreeSet<&str> = judged().map(|(rule, _)| rule.id).collect();
    let also = ALSO
        .iter()
        .map(|(id, others, why)| (*id, *why, others.is_empty()));
    let nowhere = NOWHERE.iter().map(|(id, why)| (*id, *why, false));
    let takes_away = TAKES_AWAY.iter().map(|(id, why)| (*id, *why, false));
    for (id, why, is_empty) in also.chain(nowhere).chain(takes_away) {
        assert!(ids.contains(id) && !why.is_empty() && !is_empty, "{id}");
    }
}
