//! An Azure Resource Manager in the process, for testing deployments without a subscription.
//!
//! [`Emulator`] is a synchronous state machine over raw JSON: a request and the time at which it is
//! made go in, a response comes out. It has no clock, no sockets and no threads of its own, so tests
//! decide how fast time passes. [`server`] puts it behind a loopback address for clients that need
//! a socket.
//!
//! It covers what a Dify deployment on Azure Container Apps uses: resource groups and deployments, Log
//! Analytics, managed environments, apps, jobs and certificates, PostgreSQL flexible servers, Azure Managed
//! Redis, storage accounts with their blobs, key vaults, container registries, identities and role
//! assignments, virtual networks, private endpoints and DNS zones, application gateways. Each type has its provider's own asynchronous style, defaults and refusals;
//! the rules behind the refusals are listed by [`rules`] with where they are known from. Unknown
//! properties are refused, which is stricter than Azure.
//!
//! It shares no type with any client: a wrong property name can't be wrong on both sides.
//!
//! ```
//! use bytes::Bytes;
//! use dify_infra_emulator::{DEFAULT_SUBSCRIPTION, Emulator, FaultKind, RequestMatcher};
//! use http::Request;
//! use jiff::Timestamp;
//!
//! let emulator = Emulator::builder().time_scale(100.0).seed(7).build()?;
//! emulator.fail_next(RequestMatcher::any(), FaultKind::Throttled { retry_after: 2 }, 1);
//!
//! let list = || {
//!     Request::get(format!("/subscriptions/{DEFAULT_SUBSCRIPTION}/resourcegroups?api-version=2025-04-01"))
//!         .header("authorization", "Bearer any")
//!         .body(Bytes::new())
//! };
//! let throttled = emulator.handle(Timestamp::UNIX_EPOCH, list()?);
//! assert_eq!((throttled.status().as_u16(), &throttled.headers()["retry-after"]), (429, &"2".parse()?));
//! assert_eq!(emulator.handle(Timestamp::UNIX_EPOCH, list()?).status(), 200);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod arm;
mod blob;
mod deployments;
mod dialect;
mod dns;
mod emulator;
mod engine;
mod error;
mod faults;
mod front;
mod identity;
mod log;
mod provider;
mod random;
mod regions;
mod rules;
pub mod server;
mod settings;
mod store;
mod subscription;
mod table;
mod throttle;
mod tls;
mod types;
mod versions;

/// The page of the crate, whose program is run as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

#[cfg(test)]
mod tests;

pub use crate::dns::{DnsRecord, DnsRecordType};
pub use crate::emulator::{Emulator, EmulatorBuilder};
pub use crate::error::EmulatorError;
pub use crate::faults::{ConnectionReset, FaultKind, LateAnswer, RequestMatcher, TruncatedBody};
pub use crate::log::RequestRecord;
pub use crate::rules::{Rule, rules};
pub use crate::settings::{Dialect, JobOutcome, NameKind, Registered};
pub use crate::tls::Authority;

/// The id of the subscription that an emulator has by default.
pub const DEFAULT_SUBSCRIPTION: &str = "00000000-0000-4000-8000-0000000000d1";

/// The id of the tenant that an emulator has by default.
pub const DEFAULT_TENANT: &str = "00000000-0000-4000-8000-0000000000d2";
