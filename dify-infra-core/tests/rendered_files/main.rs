//! The rendered files of nginx and squid: what they say, and that the real programs take them.
//!
//! A test whose program is not installed says `skipped` and returns; with
//! `DIFY_INFRA_REQUIRE_REAL=1` it fails instead. Nothing leaves the loopback interface.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test fails by panicking, and the bans on IO are for the library"
)]
#![expect(
    clippy::unwrap_used,
    reason = "a test fails where something is missing"
)]
#![expect(clippy::print_stderr, reason = "a skipped test says so")]

mod back_end;
mod client;
mod front_door;
mod name_server;
mod nginx;
mod place;
mod programs;
mod snapshots;
mod squid;
mod start_script;
