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
mod partition;
mod proof;
mod range;
mod read;
mod table;
mod target;

pub(super) use self::evaluate::Outcome;
pub use self::evaluate::{Decider, Decision, Names, ProxyRequest, Verdict, Way};
pub(crate) use self::file::Amount;
pub use self::file::{Place, Remark, RemarkKind, SquidFile};
pub(super) use self::lower::lower;
pub(super) use self::proof::{Asked, Hole, Proof, Universe};
pub(super) use self::range::Span;
pub use self::read::{NoSources, SquidSources, UnreadableSquidFile};
pub(super) use self::table::{Answer, Table};
pub(super) use self::target::Refusal;
