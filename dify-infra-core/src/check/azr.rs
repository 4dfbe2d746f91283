//! Rules about Azure's control plane, and about what this version does not do yet.

use super::rule::{Family, Rule, Sample};
use crate::diagnostic::Severity;

/// All rules of the family.
pub(super) const RULES: &[&Rule] = &[&NOT_YET, &EXPANDED, &TAGS];

pub(crate) const NOT_YET: Rule = Rule {
    id: "AZR001",
    title: "This version can do what the file asks for",
    why: "The file's format is complete before the program is. What can't be done yet is refused \
          instead of being left out.",
    source: "this project",
    fix: "Remove the setting until a later version of dify-infra supports it.",
    bad: Sample::part("[network]\nprivate_endpoints = true"),
    good: Sample::part("[network]\nprivate_endpoints = false"),
    ..Rule::of(Family::Azr, Severity::Error)
};

pub(super) const EXPANDED: Rule = Rule {
    id: "AZR002",
    title: "Values reach the container as they are written",
    why: "Container Apps makes `$` of `$$` in values and expands `$(NAME)`.",
    source: "kubernetes.io define-interdependent-environment-variables; seen on Container Apps",
    fix: "Write the value without `$$` and `$(`.",
    bad: Sample::part("[services.api.env]\nSMTP_USERNAME = \"a$(b)\""),
    good: Sample::part("[services.api.env]\nSMTP_USERNAME = \"a-b\""),
    ..Rule::of(Family::Azr, Severity::Warning)
};

pub(crate) const TAGS: Rule = Rule {
    id: "AZR003",
    title: "Tags fit every resource and leave ours alone",
    why: "The tag `dify-infra-deployment` says whose a resource is; another value would make \
          strangers of our own resources. Azure takes 50 tags, with names of up to 128 characters \
          on a storage account.",
    source: "learn.microsoft.com azure-resource-manager/management/tag-resources",
    fix: "Use other names, shorter ones or fewer.",
    bad: Sample::part("tags = { dify-infra-deployment = \"mine\" }"),
    good: Sample::part("tags = { costCenter = \"42\" }"),
    ..Rule::of(Family::Azr, Severity::Error)
};
