//! Sizes, replicas, connections, body sizes and timeouts.

mod behind;
mod bodies;
mod replicas;
mod sizes;
mod timeouts;

use crate::check::rule::{Family, Rule};
use crate::diagnostic::Severity;

const ERROR: Rule = Rule::of(Family::Lim, Severity::Error);
const WARNING: Rule = Rule::of(Family::Lim, Severity::Warning);
const NOTE: Rule = Rule::of(Family::Lim, Severity::Note);

/// All rules of the family.
pub(super) const RULES: &[&Rule] = &[
    &replicas::ONE_BEAT,
    &replicas::ONE_DAEMON,
    &sizes::SIZE,
    &sizes::CONNECTIONS,
    &bodies::BODIES,
    &timeouts::TIMEOUTS,
    &replicas::NEVER_STARTS,
    &replicas::ASLEEP,
    &sizes::PROXY_MEMORY,
    &replicas::PROBES,
    &bodies::PACKAGES,
    &timeouts::STREAMS,
    &replicas::WRONG_PROBE,
    &timeouts::NGINX,
    &bodies::GATEWAY,
    &timeouts::NODES,
    &super::platform::ORDER,
    &super::platform::COUNTED,
    &super::platform::CORES,
    &super::platform::AWAKE,
];
