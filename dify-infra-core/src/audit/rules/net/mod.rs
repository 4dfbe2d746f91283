//! Names, ports and reachability.

mod downloads;
mod names;
mod ports;
mod reach;
mod subnets;

use crate::check::rule::{Family, Rule};
use crate::diagnostic::Severity;

const ERROR: Rule = Rule::of(Family::Net, Severity::Error);
const WARNING: Rule = Rule::of(Family::Net, Severity::Warning);
const NOTE: Rule = Rule::of(Family::Net, Severity::Note);

/// All rules of the family.
pub(super) const RULES: &[&Rule] = &[
    &reach::NOBODY,
    &reach::CALLED_PORT,
    &reach::NO_INGRESS,
    &reach::REDIRECTED,
    &reach::TCP_BY_FQDN,
    &reach::EXTERNAL_NAME,
    &ports::HTTP_ONLY,
    &ports::EXPOSED_PORT,
    &ports::EXTERNAL_TCP,
    &ports::DUPLICATE_PORT,
    &names::APP_NAME,
    &subnets::SUBNET,
    &ports::TARGET_PORT,
    &names::HOST_HEADER,
    &names::OLD_ADDRESS,
    &downloads::RATIONED,
    &reach::WRONG_SERVICE,
    &ports::DEBUG_PORT,
    &downloads::PACKAGES,
    &reach::NO_SCHEME,
    &reach::PLAIN_SERVICE,
    &super::platform::PORTS,
];
