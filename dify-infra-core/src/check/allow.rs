//! What a file allows: findings become notes that carry the reason.

use super::{Rule, rule, spc};
use crate::deployment::{AllowedRule, Deployment};
use crate::diagnostic::{Diagnostics, Severity};

/// Turns findings that the file allows into notes, and notes allowances that nothing needs.
pub(crate) fn apply_allowances(deployment: &Deployment, diagnostics: &mut Diagnostics) {
    let mut unused = Vec::new();
    for allowed in deployment.allowed_rules() {
        // Rules about what is deployed are applied later, and their allowances with them.
        let is_later = rule(&allowed.rule).is_some_and(Rule::is_of_deployed);
        if !is_later && !allow_findings(allowed, diagnostics) {
            unused.push(spc::unused_allowance(allowed));
        }
    }
    diagnostics.extend(unused);
}

/// Turns the findings under one allowed rule into notes; whether there were any.
pub(crate) fn allow_findings(allowed: &AllowedRule, diagnostics: &mut Diagnostics) -> bool {
    let can_be_allowed = rule(&allowed.rule).is_some_and(super::Rule::can_be_allowed);
    let mut any = false;
    for diagnostic in diagnostics.iter_mut() {
        if diagnostic.code == allowed.rule && can_be_allowed {
            diagnostic.severity = Severity::Note;
            diagnostic.message = format!("allowed: {} ({})", allowed.reason, diagnostic.message);
            diagnostic.help = None;
            any = true;
        }
    }
    any
}
