//! Lists in pages: `{"value": [...], "nextLink": "..."}`.

use std::collections::HashSet;

use ::http::Method;
use ::url::Url;
use serde_json::Value;

use super::client::{ArmClient, success};
use super::request::Call;
use crate::Error;
use crate::http::RetryBudget;

/// Reads `first` and every page after it, within one retry budget.
pub(crate) async fn read_all(
    client: &ArmClient,
    first: Call,
    budget: &mut RetryBudget,
) -> Result<Vec<Value>, Error> {
    let mut items = Vec::new();
    let mut seen = HashSet::new();
    let mut call = first;
    loop {
        seen.insert(call.url.clone());
        let answer = success(client.send(&call, budget).await?, &call)?;
        let mut page = answer.json(&call)?.unwrap_or_default();
        match page.get_mut("value").map(Value::take) {
            Some(Value::Array(values)) => items.extend(values),
            None | Some(Value::Null) => {}
            Some(_) => {
                let what = "was answered with a `value` that is not a list";
                return Err(Error::protocol(&call.subject, what).with_ids(answer.ids));
            }
        }
        let Some(next) = next_link(&page, &call)? else {
            return Ok(items);
        };
        if seen.contains(&next) {
            let what = "was answered with a next link to a page that was read already";
            return Err(Error::protocol(&call.subject, what).with_ids(answer.ids));
        }
        call = Call::at(Method::GET, next, &call.subject.resource);
    }
}

/// The link to the next page: opaque, absolute (a relative one is resolved), absent at the end.
fn next_link(page: &Value, call: &Call) -> Result<Option<Url>, Error> {
    let link = page
        .get("nextLink")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .trim();
    if link.is_empty() {
        return Ok(None);
    }
    let url = call.url.join(link);
    url.map(Some).map_err(|_| {
        Error::protocol(
            &call.subject,
            "was answered with a next link that is not a URL",
        )
    })
}
