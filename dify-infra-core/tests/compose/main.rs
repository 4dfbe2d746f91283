//! The compose project: the same deployment as on Azure but for the data layer, secrets where they
//! belong, and nothing that a value can break out of.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test fails by panicking, and the bans on IO are for the library"
)]

mod azure;
mod hostile;
mod project;
mod reader;
mod secrets;
