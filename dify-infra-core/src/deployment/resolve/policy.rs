//! Exceptions of the proxy, rules that may be broken.

use super::Resolver;
use crate::check::{self, Rule, spc, ssr};
use crate::deployment::AllowedRule;
use crate::diagnostic::KeyPath;
use crate::egress::{EgressException, EgressPolicy};
use crate::spec::{AllowedRuleSpec, EgressExceptionSpec, missing_key, nearest};

impl Resolver<'_> {
    pub(super) fn egress(&mut self) -> EgressPolicy {
        let mut policy = EgressPolicy::default_policy();
        for (index, spec) in self.spec.egress.allow.iter().enumerate() {
            let path = KeyPath::of("egress.allow").index(index);
            if let Some(exception) = self.exception(&path, spec) {
                policy = policy.with_exception(exception);
            }
        }
        policy
    }

    fn exception(&mut self, path: &KeyPath, spec: &EgressExceptionSpec) -> Option<EgressException> {
        let reason = self.reason(path, spec.reason.as_deref(), "the destination is needed");
        // An empty reason has been reported; the destination is looked at all the same.
        let shown = reason.unwrap_or("?");
        let (key, exception) = match (&spec.cidr, &spec.domain) {
            (Some(cidr), None) => ("cidr", EgressException::network(cidr, shown)),
            (None, Some(domain)) => ("domain", EgressException::domain(domain, shown)),
            _ => {
                let message = "an exception has either `cidr` or `domain`";
                self.report(ssr::EXCEPTION.finding(path.clone(), message));
                return None;
            }
        };
        exception
            .map_err(|error| self.refuse(&ssr::EXCEPTION, path.key(key), &error))
            .ok()
    }

    /// A reason that says something.
    fn reason<'a>(
        &mut self,
        path: &KeyPath,
        reason: Option<&'a str>,
        why: &str,
    ) -> Option<&'a str> {
        let path = path.key("reason");
        let help = format!("say in a few words why {why}: `reason = \"...\"`");
        match reason.map(str::trim) {
            None => self.report(missing_key(path).with_help(help)),
            Some("") => {
                self.report(
                    spc::INVALID_VALUE
                        .finding(path, "the reason is empty")
                        .with_help(help),
                );
            }
            Some(reason) => return Some(reason),
        }
        None
    }

    pub(super) fn allowed(&mut self) -> Vec<AllowedRule> {
        let mut allowed: Vec<AllowedRule> = Vec::new();
        for (position, spec) in self.spec.checks.allow.iter().enumerate() {
            let path = KeyPath::of("checks.allow").index(position);
            let rule = self.allowed_rule(&path.key("rule"), spec);
            let reason = self.reason(&path, spec.reason.as_deref(), "the rule may be broken");
            let (Some(rule), Some(reason)) = (rule, reason) else {
                continue;
            };
            if allowed.iter().any(|it| it.rule == rule) {
                let message = format!("`{rule}` is allowed already, and the first reason holds");
                self.report(spc::UNUSED_ALLOWANCE.finding(path.key("rule"), message));
            } else {
                allowed.push(AllowedRule {
                    rule: rule.to_owned(),
                    reason: reason.to_owned(),
                    position,
                });
            }
        }
        allowed
    }

    fn allowed_rule(&mut self, path: &KeyPath, spec: &AllowedRuleSpec) -> Option<&'static str> {
        let Some(id) = spec.rule.as_deref() else {
            let help = "name the rule: `rule = \"LIM004\"`";
            self.report(missing_key(path.clone()).with_help(help));
            return None;
        };
        let Some(rule) = check::rule(id) else {
            let message = format!("there is no rule {id:?}");
            let help = match nearest(id, check::rules().map(|rule| rule.id)) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "the ids stand in square brackets in what `check` prints, and \
                         `dify-infra explain` lists them"
                    .to_owned(),
            };
            self.report(
                spc::INVALID_VALUE
                    .finding(path.clone(), message)
                    .with_help(help),
            );
            return None;
        };
        if !rule.can_be_allowed() {
            let message = format!("`{}` can't be allowed: {}", rule.id, rule.title);
            let finding = spc::NOT_ALLOWABLE.finding(path.clone(), message);
            // What the file says and what it leads to are allowed together.
            let mut twins = check::twins::of_file(rule.id);
            let allowable = twins.find(|id| check::rule(id).is_some_and(Rule::can_be_allowed));
            self.report(match allowable {
                Some(id) => finding.with_help(format!("allow `{id}`, which says it of this file")),
                None => finding,
            });
            return None;
        }
        Some(rule.id)
    }
}
