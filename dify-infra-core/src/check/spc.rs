//! Rules about the form of the deployment file. They are met while it is read and resolved.

use super::rule::{Family, Rule, Sample};
use crate::deployment::AllowedRule;
use crate::diagnostic::{Diagnostic, KeyPath, Severity};

const FORMAT: &str = "this project: a file that is read in part does something else than it says";

const ERROR: Rule = Rule {
    source: FORMAT,
    ..Rule::of(Family::Spc, Severity::Error)
};

/// All rules of the family.
pub(super) const RULES: &[&Rule] = &[
    &SYNTAX,
    &UNKNOWN_KEY,
    &WRONG_TYPE,
    &MISSING_KEY,
    &INVALID_VALUE,
    &NO_EFFECT,
    &UNUSED_ALLOWANCE,
    &NOT_ALLOWABLE,
];

pub(crate) const SYNTAX: Rule = Rule {
    id: "SPC001",
    title: "The file is TOML",
    why: "Nothing of a file can be believed whose syntax is wrong: a missing quote swallows the \
          lines behind it.",
    source: "toml.io v1.1.0",
    fix: "Correct the syntax at the place shown.",
    bad: Sample::part("[services.api\ncpu = 1"),
    good: Sample::part("[services.api]\ncpu = 1"),
    ..ERROR
};

pub(crate) const UNKNOWN_KEY: Rule = Rule {
    id: "SPC002",
    title: "Every key is known",
    why: "A misspelt key would be ignored, and its default would hold without a word.",
    fix: "Use the key that is suggested, or remove this one.",
    bad: Sample::part("subscripton = \"00000000-0000-0000-0000-000000000001\""),
    good: Sample::part("subscription = \"00000000-0000-0000-0000-000000000001\""),
    ..ERROR
};

pub(crate) const WRONG_TYPE: Rule = Rule {
    id: "SPC003",
    title: "Every value has its type",
    why: "A text where a number belongs is a slip more often than a wish.",
    fix: "Write a value of the type that is named.",
    bad: Sample::part("[services.api]\ncpu = \"1\""),
    good: Sample::part("[services.api]\ncpu = 1"),
    ..ERROR
};

pub(crate) const MISSING_KEY: Rule = Rule {
    id: "SPC004",
    title: "No required key is missing",
    why: "Name, environment, location and resource group decide what is made where; no default \
          could be right.",
    fix: "Add the key.",
    bad: Sample::file(
        "name = \"dify\"\nenvironment = \"dev\"\n\n[azure]\nresource_group = \"rg\"\n",
    ),
    good: Sample::file(
        "name = \"dify\"\nenvironment = \"dev\"\nlocation = \"japaneast\"\n\n[azure]\n\
         resource_group = \"rg\"\n",
    ),
    ..ERROR
};

pub(crate) const INVALID_VALUE: Rule = Rule {
    id: "SPC005",
    title: "Every value is one that Azure or Dify takes",
    why: "Azure would refuse it after minutes, or half-way through.",
    fix: "Write a value that keeps the rule that is quoted.",
    bad: Sample::part("[data.postgres]\nstorage = 10"),
    good: Sample::part("[data.postgres]\nstorage = 64"),
    ..ERROR
};

pub(crate) const NO_EFFECT: Rule = Rule {
    id: "SPC006",
    title: "No setting is without effect",
    why: "An existing server is never changed, so what the file says about its size or its \
          backups describes a wish that nobody fulfils.",
    source: "this project: existing data services are used, not managed",
    fix: "Remove the key, or let dify-infra make the server.",
    bad: Sample::part("[data.redis]\nexisting = \"my-redis\"\nsku = \"Balanced_B1\""),
    good: Sample::part("[data.redis]\nexisting = \"my-redis\""),
    ..Rule::of(Family::Spc, Severity::Warning)
};

pub(crate) const UNUSED_ALLOWANCE: Rule = Rule {
    id: "SPC007",
    title: "No allowance is left over",
    why: "An allowance that nothing needs any more hides the next mistake of its kind.",
    source: "this project: as unused lint expectations in rustc",
    fix: "Remove the allowance.",
    bad: Sample::part("[checks]\nallow = [{ rule = \"LIM004\", reason = \"load tested\" }]"),
    good: Sample::part(""),
    ..Rule::of(Family::Spc, Severity::Note)
};

pub(crate) const NOT_ALLOWABLE: Rule = Rule {
    id: "SPC008",
    title: "Only what could work is allowed",
    why: "Some rules describe what can't work at all; a reason does not change that.",
    source: "this project",
    fix: "Remove the allowance and mend what breaks the rule.",
    bad: Sample::part("[checks]\nallow = [{ rule = \"LIM003\", reason = \"two beats\" }]"),
    good: Sample::part(""),
    ..ERROR
};

/// A finding about an allowance that nothing needs.
pub(crate) fn unused_allowance(allowed: &AllowedRule) -> Diagnostic {
    let path = KeyPath::of("checks.allow")
        .index(allowed.position)
        .key("rule");
    let message = format!("`{}` is allowed, but nothing breaks it", allowed.rule);
    UNUSED_ALLOWANCE.finding(path, message)
}
