//! Whole runs of the real client against an Azure in the process, under a clock that is moved by
//! hand: a deployment of ten minutes takes a moment.

#![expect(
    clippy::unwrap_used,
    reason = "what fails in a test or its helpers fails the test"
)]

mod ages;
mod audits;
mod changes;
mod claims;
mod clients;
mod compose;
mod contract;
mod credentials;
mod destroy;
mod domains;
mod egress;
mod failures;
mod faults;
mod foreign;
mod gateway;
mod identities;
mod interruptions;
mod neighbours;
mod networks;
mod plans;
mod preflight;
mod production;
mod programs;
mod registry;
mod release;
mod rights;
mod routing;
mod saved;
mod secrecy;
mod subscriptions;
mod support;
mod template;
mod vault;
mod verification;
