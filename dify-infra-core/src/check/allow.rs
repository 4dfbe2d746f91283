//! What a file allows: findings become notes that carry the reason.

use super::{rule, spc};
use crate::deployment::{AllowedRule, Deployment};
use crate::diagnostic::{Diagnostic, Diagnostics, KeyPath, Severity};

/// Turns findings that the file allows into notes, and notes allowances that nothing needs.
pub(crate) fn apply_allowances(deployment: &Deployment, diagnostics: &mut Diagnostics) {
    let mut unused = Vec::new();
    for (index, allowed) in deployment.allowed_rules().iter().enumerate() {
        // Rules about what is deployed are applied later.
        let is_later = rule(&allowed.rule).is_some_and(|rule| rule.audit.is_some());
        if !is_later && !allow(allowed, diagnostics) {
            let path = KeyPath::of("checks.allow").index(index).key("rule");
            let message = format!("`{}` is allowed, but nothing breaks it", allowed.rule);
            unused.push(spc::UNUSED_ALLOWANCE.finding(path, message));
        }
    }
    diagnostics.extend(unused);
}

/// Whether a finding was allowed.
fn allow(allowed: &AllowedRule, diagnostics: &mut Diagnostics) -> bool {
    let can_be_allowed = rule(&allowed.rule).is_some_and(super::Rule::can_be_allowed);
    let broken = |diagnostic: &&mut Diagnostic| diagnostic.code == allowed.rule && can_be_allowed;
    let mut any = false;
    for diagnostic in diagnostics.iter_mut().filter(broken) {
        diagnostic.severity = Severity::Note;
        diagnostic.message = format!("allowed: {} ({})", allowed.reason, diagnostic.message);
        diagnostic.help = None;
        any = true;
    }
    any
}
