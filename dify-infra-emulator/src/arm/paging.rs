//! `nextLink` paging of lists.

use serde_json::{Value, json};

use crate::arm::call::Call;
use crate::arm::error::ArmError;

/// Where a page starts, and the order that its list was in when it was begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Page {
    pub(crate) offset: usize,
    /// Number of the request that began the list: all pages of one list share one order.
    pub(crate) order: u64,
}

impl Page {
    /// Reads the page from a request: from its `$skiptoken`, else the first page.
    pub(crate) fn of(call: &Call) -> Result<Self, ArmError> {
        let Some(token) = call.query("$skiptoken") else {
            return Ok(Self {
                offset: 0,
                order: call.number,
            });
        };
        let parsed = token.split_once('-').and_then(|(offset, order)| {
            Some(Self {
                offset: offset.parse().ok()?,
                order: order.parse().ok()?,
            })
        });
        parsed.ok_or_else(|| {
            ArmError::bad_request(
                "InvalidSkipToken",
                "The skip token of this request is not valid.",
            )
        })
    }

    /// The body of this page, with a `nextLink` when more follows.
    pub(crate) fn cut(self, call: &Call, items: Vec<Value>, size: usize) -> Value {
        let end = self.offset.saturating_add(size);
        let more = items.len() > end;
        let page: Vec<Value> = items.into_iter().skip(self.offset).take(size).collect();
        let mut body = json!({ "value": page });
        if more {
            let token = format!("{end}-{}", self.order);
            body["nextLink"] = json!(call.address_with("$skiptoken", &token));
        }
        body
    }
}
