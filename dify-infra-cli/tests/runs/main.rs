//! Whole runs of the real programs on an embedded Azure: one life of a deployment, kills in the
//! middle of it, and no secret anywhere it should not be.

#![expect(
    clippy::unwrap_used,
    reason = "what fails in a test or its helpers fails the test"
)]

mod azure;
mod canary;
mod credentials;
mod deploy_script;
mod emulate;
#[path = "../../../tests/it/clients/find.rs"]
mod find;
mod guides;
mod images;
mod kills;
mod life;
mod pipelines;
mod place;
mod plans;
mod reader;
mod rights;
mod served;
mod waiting;
