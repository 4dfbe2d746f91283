//! What ARM says in response headers: when to come back, and which ids support asks for.

use std::fmt;
use std::time::Duration;

use ::http::HeaderMap;
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;

/// Reads how long the server asks us to wait, if it does.
///
/// `retry-after-ms` and `x-ms-retry-after-ms` (milliseconds) come before `Retry-After`, which is
/// seconds or an HTTP date (RFC 9110 §10.2.3). A date is measured from the answer's own `Date`
/// when it has one, so that a wrong clock on this machine does no harm, and from `now` otherwise.
pub fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    ["retry-after-ms", "x-ms-retry-after-ms"]
        .iter()
        .find_map(|name| text(headers, name)?.parse().ok().map(Duration::from_millis))
        .or_else(|| {
            let value = text(headers, "retry-after")?;
            value
                .parse()
                .map(Duration::from_secs)
                .ok()
                .or_else(|| until(value, headers, now))
        })
}

fn until(value: &str, headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let then = http_date(value)?;
    let since = text(headers, "date").and_then(http_date).unwrap_or(now);
    Some(Duration::try_from(then.duration_since(since)).unwrap_or_default())
}

fn http_date(value: &str) -> Option<Timestamp> {
    DateTimeParser::new().parse_timestamp(value).ok()
}

/// The text of a header, trimmed; `None` when absent, empty or not ASCII.
pub(crate) fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let value = headers.get(name)?.to_str().ok()?.trim();
    (!value.is_empty()).then_some(value)
}

/// The ids by which support and the activity log find a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestIds {
    /// `x-ms-client-request-id`: chosen by us, the same for every attempt of a request.
    pub client: Option<String>,
    /// `x-ms-request-id`: chosen by the service for one answer.
    pub request: Option<String>,
    /// `x-ms-correlation-request-id`: what the activity log and support search by.
    pub correlation: Option<String>,
    /// `x-ms-routing-request-id`: which region's front end answered.
    pub routing: Option<String>,
}

impl RequestIds {
    /// Collects the ids of an answer.
    pub fn from_headers(headers: &HeaderMap) -> Self {
        let get = |name| text(headers, name).map(str::to_owned);
        Self {
            client: get("x-ms-client-request-id"),
            request: get("x-ms-request-id"),
            correlation: get("x-ms-correlation-request-id"),
            routing: get("x-ms-routing-request-id"),
        }
    }
}

impl fmt::Display for RequestIds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = [
            ("correlation id", &self.correlation),
            ("request id", &self.request),
            ("client request id", &self.client),
        ];
        let mut separator = "";
        for (name, id) in named {
            if let Some(id) = id {
                write!(f, "{separator}{name} {id}")?;
                separator = ", ";
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use ::http::{HeaderMap, HeaderName, HeaderValue};
    use jiff::Timestamp;

    use super::{RequestIds, retry_after};

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| {
                (
                    HeaderName::from_static(name),
                    HeaderValue::from_static(value),
                )
            })
            .collect()
    }

    fn wait(pairs: &[(&'static str, &'static str)]) -> Option<Duration> {
        let now: Timestamp = "2015-10-21T07:27:00Z".parse().unwrap();
        retry_after(&headers(pairs), now)
    }

    #[test]
    fn reads_seconds_milliseconds_and_dates() {
        assert_eq!(
            wait(&[("retry-after", "17")]),
            Some(Duration::from_secs(17))
        );
        assert_eq!(
            wait(&[("retry-after-ms", "250")]),
            Some(Duration::from_millis(250))
        );
        assert_eq!(
            wait(&[("x-ms-retry-after-ms", " 40 ")]),
            Some(Duration::from_millis(40))
        );
        assert_eq!(
            wait(&[("retry-after", "Wed, 21 Oct 2015 07:28:00 GMT")]),
            Some(Duration::from_mins(1))
        );
    }

    #[test]
    fn milliseconds_come_before_seconds() {
        let both = [("retry-after", "1"), ("x-ms-retry-after-ms", "300")];
        assert_eq!(wait(&both), Some(Duration::from_millis(300)));
    }

    #[test]
    fn a_date_is_measured_by_the_servers_own_clock() {
        let skewed = [
            ("retry-after", "Wed, 21 Oct 2015 09:00:30 GMT"),
            ("date", "Wed, 21 Oct 2015 09:00:00 GMT"),
        ];
        assert_eq!(wait(&skewed), Some(Duration::from_secs(30)));
    }

    #[test]
    fn a_date_in_the_past_means_now() {
        assert_eq!(
            wait(&[("retry-after", "Wed, 21 Oct 2015 07:00:00 GMT")]),
            Some(Duration::ZERO)
        );
    }

    #[test]
    fn nonsense_is_as_good_as_nothing() {
        for value in ["", "soon", "-1", "1.5", "99999999999999999999999"] {
            assert_eq!(wait(&[("retry-after", value)]), None, "{value:?}");
        }
        assert_eq!(wait(&[]), None);
    }

    #[test]
    fn ids_read_as_a_clause_for_a_support_ticket() {
        let ids = RequestIds::from_headers(&headers(&[
            ("x-ms-correlation-request-id", "c-1"),
            ("x-ms-request-id", "r-1"),
        ]));
        assert_eq!(ids.to_string(), "correlation id c-1, request id r-1");
    }
}
