//! Throttling as Azure Resource Manager does it: token buckets per caller and kind of request.

use std::collections::BTreeMap;

use http::{Method, StatusCode};
use jiff::Timestamp;

use crate::arm::answer::Answer;
use crate::arm::call::Call;
use crate::arm::error::ArmError;
use crate::rules::Rule;

/// The rules of throttling.
pub(crate) const RULES: &[Rule] = &[THROTTLED];

const THROTTLED: Rule = Rule::known(
    "ARM-THROTTLED",
    "Each caller of a subscription has buckets of 250 reads that refill by 25 a second, of 200 \
     writes and of 200 deletes that refill by 10 a second; all callers together have fifteen times as \
     much.",
    "learn.microsoft.com azure-resource-manager/management/request-limits-and-throttling, \
     troubleshoot/azure/azure-kubernetes SubscriptionRequestsThrottled",
)
.with_known_code();

/// A kind of request that has a bucket of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Class {
    Read,
    Write,
    Delete,
}

impl Class {
    /// The class of a method.
    pub(crate) fn of(method: &Method) -> Self {
        match *method {
            Method::GET | Method::HEAD => Self::Read,
            Method::DELETE => Self::Delete,
            _ => Self::Write,
        }
    }

    /// The header that tells how many requests are left.
    pub(crate) fn header(self) -> &'static str {
        match self {
            Self::Read => "x-ms-ratelimit-remaining-subscription-reads",
            Self::Write => "x-ms-ratelimit-remaining-subscription-writes",
            Self::Delete => "x-ms-ratelimit-remaining-subscription-deletes",
        }
    }

    /// The header that tells how many requests all callers have left.
    pub(crate) fn global_header(self) -> &'static str {
        match self {
            Self::Read => "x-ms-ratelimit-remaining-subscription-global-reads",
            Self::Write => "x-ms-ratelimit-remaining-subscription-global-writes",
            Self::Delete => "x-ms-ratelimit-remaining-subscription-global-deletes",
        }
    }

    /// What a full bucket holds.
    pub(crate) fn size(self) -> f64 {
        match self {
            Self::Read => 250.0,
            Self::Write | Self::Delete => 200.0,
        }
    }

    fn per_second(self) -> f64 {
        match self {
            Self::Read => 25.0,
            Self::Write | Self::Delete => 10.0,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Delete => "delete",
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    tokens: f64,
    at: Timestamp,
}

/// Callers whose buckets are remembered; a full bucket is like none.
const CALLERS: usize = 256;

/// How many times a caller's share all callers of a subscription have together.
const ALL_CALLERS: f64 = 15.0;

/// How many requests are left, of the caller and of all callers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Left {
    pub(crate) own: u64,
    pub(crate) all: u64,
}

impl Left {
    /// What untouched buckets have left after one request.
    pub(crate) fn untouched(class: Class) -> Self {
        Self {
            own: whole(class.size() - 1.0),
            all: whole(class.size() * ALL_CALLERS - 1.0),
        }
    }
}

/// The buckets of all callers.
#[derive(Debug)]
pub(crate) struct Throttle {
    buckets: BTreeMap<(String, Class), Bucket>,
    time_scale: f64,
}

impl Throttle {
    /// Full buckets, which refill as fast as time passes.
    pub(crate) fn new(time_scale: f64) -> Self {
        Self {
            buckets: BTreeMap::new(),
            time_scale,
        }
    }

    /// Takes a request from its caller's bucket and from that of all: how many are left, or the
    /// refusal.
    pub(crate) fn take(&mut self, call: &Call, subscription: &str) -> Result<Left, Answer> {
        let class = Class::of(&call.method);
        let token = call.header("authorization").unwrap_or_default();
        let caller = format!("{subscription} {token}");
        if self.buckets.len() >= CALLERS {
            self.forget_full(call.now);
        }
        // the bucket of all has a name that no header can make
        let all = format!("{subscription}\n");
        let counted = [(caller, 1.0), (all, ALL_CALLERS)];
        let mut waits: f64 = 0.0;
        for (name, share) in &counted {
            let rate = class.per_second() * self.time_scale * share;
            let size = class.size() * share;
            let bucket = self.buckets.entry((name.clone(), class)).or_insert(Bucket {
                tokens: size,
                at: call.now,
            });
            let passed = call.now.duration_since(bucket.at).as_secs_f64().max(0.0);
            bucket.tokens = (bucket.tokens + passed * rate).min(size);
            bucket.at = call.now;
            waits = waits.max((1.0 - bucket.tokens) / rate);
        }
        if waits > 0.0 {
            return Err(refusal(class, subscription, whole(waits.ceil().max(1.0))));
        }
        let mut left = counted.into_iter().map(|(name, _)| {
            let bucket = self.buckets.get_mut(&(name, class));
            bucket.map_or(0, |bucket| {
                bucket.tokens -= 1.0;
                whole(bucket.tokens)
            })
        });
        Ok(Left {
            own: left.next().unwrap_or_default(),
            all: left.next().unwrap_or_default(),
        })
    }

    fn forget_full(&mut self, now: Timestamp) {
        let scale = self.time_scale;
        self.buckets.retain(|(name, class), bucket| {
            let passed = now.duration_since(bucket.at).as_secs_f64();
            let is_all = name.ends_with('\n');
            let share = if is_all { ALL_CALLERS } else { 1.0 };
            bucket.tokens + passed * class.per_second() * scale * share < class.size() * share
        });
    }
}

/// The whole part of a number that is small and not negative.
fn whole(number: f64) -> u64 {
    format!("{number:.0}").parse().unwrap_or(0)
}

fn refusal(class: Class, subscription: &str, seconds: u64) -> Answer {
    let message = format!(
        "Number of '{}' requests for subscription '{subscription}' exceeded. Please try again after \
         '{seconds}' seconds.",
        class.word()
    );
    let code = "SubscriptionRequestsThrottled";
    ArmError::new(StatusCode::TOO_MANY_REQUESTS, code, message)
        .because_of(THROTTLED.id)
        .into_answer()
        .header("retry-after", seconds.to_string())
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::Request;

    use super::*;

    fn call(method: &str, token: &str, seconds: i64) -> Call {
        let request = Request::builder()
            .method(method)
            .uri("https://arm/subscriptions")
            .header("authorization", format!("Bearer {token}"))
            .body(Bytes::new())
            .unwrap();
        Call::new(Timestamp::from_second(seconds).unwrap(), 1, request)
    }

    #[test]
    fn a_bucket_runs_dry_and_fills_up_again() {
        let mut throttle = Throttle::new(1.0);
        for left in (0..200).rev() {
            let taken = throttle.take(&call("PUT", "a", 0), "s").unwrap();
            assert_eq!((taken.own, taken.all), (left, left + 2800));
        }
        let refused = throttle.take(&call("PUT", "a", 0), "s").unwrap_err();
        assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
        assert!(
            refused
                .headers
                .contains(&(http::header::RETRY_AFTER, "1".to_owned()))
        );
        assert_eq!(throttle.take(&call("PUT", "a", 1), "s").unwrap().own, 9);
    }

    #[test]
    fn callers_and_kinds_have_buckets_of_their_own() {
        let mut throttle = Throttle::new(1.0);
        while throttle.take(&call("PUT", "a", 0), "s").is_ok() {}
        assert!(throttle.take(&call("PUT", "b", 0), "s").is_ok());
        assert_eq!(throttle.take(&call("GET", "a", 0), "s").unwrap().own, 249);
        assert_eq!(
            throttle.take(&call("DELETE", "a", 0), "s").unwrap().own,
            199
        );
    }

    #[test]
    fn all_callers_share_fifteen_times_as_much() {
        let mut throttle = Throttle::new(1.0);
        for caller in 0..15 {
            for _ in 0..200 {
                let call = call("DELETE", &caller.to_string(), 0);
                assert!(throttle.take(&call, "s").is_ok(), "{caller}");
            }
        }
        let fresh = call("DELETE", "another", 0);
        let refused = throttle.take(&fresh, "s").unwrap_err();
        assert_eq!(refused.code(), Some("SubscriptionRequestsThrottled"));
        assert!(throttle.take(&call("PUT", "another", 0), "s").is_ok());
        assert_eq!(
            throttle
                .take(&call("DELETE", "another", 1), "s")
                .unwrap()
                .all,
            149
        );
    }

    #[test]
    fn a_faster_clock_fills_faster() {
        let mut throttle = Throttle::new(100.0);
        while throttle.take(&call("PUT", "a", 0), "s").is_ok() {}
        assert_eq!(throttle.take(&call("PUT", "a", 1), "s").unwrap().own, 199);
    }

    #[test]
    fn callers_that_are_gone_are_forgotten() {
        let mut throttle = Throttle::new(1.0);
        for caller in 0..1000 {
            assert!(
                throttle
                    .take(&call("GET", &caller.to_string(), caller), "s")
                    .is_ok()
            );
        }
        assert!(throttle.buckets.len() <= CALLERS + 1);
    }
}
