//! The log of requests.

use std::collections::VecDeque;

use http::{Method, StatusCode};
use jiff::Timestamp;

/// Requests that are remembered; older ones are forgotten.
const REMEMBERED: usize = 65_536;

/// A request that was answered. It has neither query nor body nor headers: no secret is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RequestRecord {
    /// The how-manieth request it was, from 1.
    pub number: u64,
    /// The time that the caller gave.
    pub at: Timestamp,
    /// The method.
    pub method: Method,
    /// The path, as it was sent.
    pub path: String,
    /// The status of the answer.
    pub status: StatusCode,
    /// The code of the error, if the answer is one.
    pub code: Option<String>,
    /// The rule that refused the request, if one of the listed rules did.
    pub rule: Option<&'static str>,
    /// Whether the answer was a fault that a test had ordered.
    pub fault: bool,
}

/// The requests, the oldest first.
#[derive(Debug, Default)]
pub(crate) struct RequestLog {
    records: VecDeque<RequestRecord>,
}

impl RequestLog {
    pub(crate) fn add(&mut self, record: RequestRecord) {
        if self.records.len() == REMEMBERED {
            self.records.pop_front();
        }
        self.records.push_back(record);
    }

    pub(crate) fn all(&self) -> Vec<RequestRecord> {
        self.records.iter().cloned().collect()
    }
}
