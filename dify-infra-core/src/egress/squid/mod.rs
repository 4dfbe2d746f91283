//! Squid, modelled: its file, how it reads requests, and what its lists hold.
//!
//! Everything here follows squid 5.7, whose sources are named where a rule comes from; that the real
//! program does the same is proven by the integration tests.

mod address;
mod amount;
mod directives;
mod evaluate;
mod file;
mod lines;
mod list;
mod lower;
mod matching;
mod range;
mod read;
mod target;

pub use self::evaluate::{Decider, Decision, Names, ProxyRequest, Verdict, Way};
pub(crate) use self::file::Amount;
pub use self::file::{Place, Remark, RemarkKind, SquidFile};
pub(super) use self::lower::lower;
pub use self::read::{NoSources, SquidSources, UnreadableSquidFile};
