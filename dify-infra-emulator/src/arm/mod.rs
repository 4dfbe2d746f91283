//! What is common to every Azure Resource Manager request: ids, addresses, answers and errors.

pub(crate) mod answer;
pub(crate) mod call;
pub(crate) mod error;
pub(crate) mod id;
pub(crate) mod merge;
pub(crate) mod paging;
pub(crate) mod target;
