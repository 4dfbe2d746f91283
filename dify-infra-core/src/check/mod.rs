//! The rules that a deployment keeps, each with its reason, its source and its remedy.
//!
//! A [`Rule`] is documentation and code at one place: [`rules`] lists them all, and [`rule`] finds one by its
//! id. A rule looks at the description of a deployment, or at what it leads to; those of the latter kind have
//! numbers from 101 on.
//!
//! | what | rules that are applied |
//! |---|---|
//! | [`check_file`] | all |
//! | [`Resolved::check`], after [`Deployment::parse`] or [`DeploymentBuilder::build`](crate::deployment::DeploymentBuilder::build) | all |
//! | [`Checker`], for many files | all |
//! | [`Deployment::parse`], [`DeploymentBuilder::build`](crate::deployment::DeploymentBuilder::build) alone | those about the description |
//!
//! Rules about the form of a file are met while the file is read, and those without which there is no
//! deployment while it is resolved; their findings come under the same ids.
//!
//! ```
//! use dify_infra_core::check;
//! use dify_infra_core::deployment::Deployment;
//!
//! let rule = check::rule("LIM003").expect("a rule");
//! let problems = Deployment::parse(&rule.bad.to_file()).unwrap_err();
//! assert!(problems.iter().any(|problem| problem.code == "LIM003"));
//! assert!(Deployment::parse(&rule.good.to_file()).is_ok());
//! ```

mod allow;
pub(crate) mod azr;
pub(crate) mod blb;
mod checker;
pub(crate) mod dbx;
pub(crate) mod gateway;
mod key;
pub(crate) mod lim;
pub(crate) mod net;
mod network;
pub(crate) mod red;
pub(crate) mod rule;
pub(crate) mod sec;
pub(crate) mod spc;
pub(crate) mod ssr;
#[cfg(test)]
mod tests;
pub(crate) mod twins;
pub(crate) mod url;
mod variables;
pub(crate) mod ver;
mod wiring;

pub use rule::{Family, Rule, Sample, SampleForm};

use std::sync::LazyLock;

use crate::deployment::{Deployment, Resolved};
use crate::diagnostic::Diagnostics;

/// Every family's rules, in the order of their ids.
const FAMILIES: [&[&Rule]; 12] = [
    azr::RULES,
    blb::RULES,
    dbx::RULES,
    key::RULES,
    lim::RULES,
    net::RULES,
    red::RULES,
    sec::RULES,
    spc::RULES,
    ssr::RULES,
    url::RULES,
    ver::RULES,
];

/// All rules, by id: those about the file, and those about what anybody deployed, whose numbers
/// begin with 101.
pub fn rules() -> impl Iterator<Item = &'static Rule> {
    static ALL: LazyLock<Vec<&'static Rule>> = LazyLock::new(|| {
        let about_files = FAMILIES.into_iter().flatten();
        let about_deployments = crate::audit::rules::FAMILIES.into_iter().flatten();
        let mut all: Vec<_> = about_files.chain(about_deployments).copied().collect();
        all.sort_by_key(|rule| rule.id);
        all
    });
    ALL.iter().copied()
}

/// The rule of an id; upper and lower case don't matter.
pub fn rule(id: &str) -> Option<&'static Rule> {
    rules().find(|rule| rule.id.eq_ignore_ascii_case(id))
}

/// Applies the rules about descriptions, whatever is allowed.
pub(crate) fn apply_rules(deployment: &Deployment) -> Diagnostics {
    let mut diagnostics = Diagnostics::new();
    for check in rules().filter_map(|rule| rule.check) {
        check(deployment, &mut diagnostics);
    }
    variables::check(deployment, &mut diagnostics);
    diagnostics
}

/// Reads a deployment file and applies every rule: to the file, and to what it leads to. It is
/// [`Deployment::parse`] and [`Resolved::check`] in one.
///
/// ```
/// use dify_infra_core::check::{Sample, check_file};
///
/// let resolved = check_file(Sample::BASE)?;
/// assert_eq!(resolved.deployment.prefix().as_str(), "dify-dev");
/// # Ok::<(), dify_infra_core::diagnostic::Diagnostics>(())
/// ```
///
/// # Errors
///
/// When the text is no deployment file or breaks a rule of severity error: all findings of all
/// severities, errors first. Rules about what a file leads to are applied once the file itself
/// has no errors.
pub fn check_file(text: &str) -> Result<Resolved, Diagnostics> {
    Checker::new().check_file(text)
}

pub use checker::Checker;

pub(crate) use allow::{allow_findings, apply_allowances};
pub(crate) use sec::holds_credential;
pub(crate) use variables::carried_along;
pub(crate) use wiring::sets_itself;
