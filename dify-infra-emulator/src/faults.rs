//! Faults that tests order: the next requests that match are answered with one.

use http::header::HeaderName;
use http::{Method, StatusCode};

use crate::arm::answer::Answer;
use crate::arm::call::Call;
use crate::arm::error::ArmError;
use crate::random::Dice;

/// Which requests a fault is for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestMatcher {
    method: Option<Method>,
    path: Option<String>,
}

impl RequestMatcher {
    /// Matches every request.
    pub fn any() -> Self {
        Self::default()
    }

    /// Matches requests of this method alone.
    #[must_use]
    pub fn method(mut self, method: Method) -> Self {
        self.method = Some(method);
        self
    }

    /// Matches requests whose path contains this text, in any case.
    #[must_use]
    pub fn path_contains(mut self, text: &str) -> Self {
        self.path = Some(text.to_ascii_lowercase());
        self
    }

    fn matches(&self, call: &Call) -> bool {
        self.method
            .as_ref()
            .is_none_or(|method| *method == call.method)
            && self
                .path
                .as_ref()
                .is_none_or(|text| call.path.to_ascii_lowercase().contains(text.as_str()))
    }
}

/// What happens to a request instead of, or after, what it asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FaultKind {
    /// Status 429 with `Retry-After`.
    Throttled {
        /// Seconds that the client is told to wait.
        retry_after: u32,
    },
    /// Status 503 without anything having been done.
    ServiceUnavailable,
    /// Status 409 `ContainerAppLockConflict`, without the `error` envelope.
    LockConflict,
    /// Status 401: the token has expired.
    ExpiredToken,
    /// An answer of one's own, in the `error` envelope.
    Status {
        /// The HTTP status.
        status: StatusCode,
        /// The error code.
        code: String,
        /// The error message.
        message: String,
    },
    /// A whole answer of one's own.
    Answer {
        /// The HTTP status.
        status: StatusCode,
        /// Names and values of headers; what HTTP can't carry is left out.
        headers: Vec<(String, String)>,
        /// The body, as it is sent.
        body: serde_json::Value,
    },
    /// The connection breaks before the request is looked at.
    ResetBefore,
    /// The request is carried out, and the connection breaks before the answer arrives.
    ResetAfter,
    /// The request is carried out, and half of the answer's body arrives.
    TruncatedBody,
    /// The request is carried out, and the answer arrives late.
    Slow {
        /// How late, in milliseconds.
        milliseconds: u32,
    },
    /// The request is accepted, and the operation that it begins fails in the end.
    FailedOperation {
        /// The error code that the operation ends with.
        code: String,
        /// The error message that the operation ends with.
        message: String,
    },
}

/// Marks a response that must not be delivered: the connection is to be cut instead.
///
/// The server does so; a caller of [`Emulator::handle`](crate::Emulator::handle) finds it among the
/// extensions of the response and treats it as a failed transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionReset {
    /// Whether the connection broke before the request was carried out.
    pub before: bool,
}

/// Marks a response of which only the first half of the body is to be delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TruncatedBody;

/// Marks a response that is to be delivered after this time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LateAnswer(pub std::time::Duration);

/// Faults that are drawn from a seed: about one request in sixteen meets one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RandomFaults(Dice);

/// How many of a thousand requests meet each kind.
const SHARES: &[(u64, Share)] = &[
    (16, Share::Throttled),
    (10, Share::Unavailable),
    (5, Share::LockConflict),
    (6, Share::ResetBefore),
    (6, Share::ResetAfter),
    (6, Share::Truncated),
    (8, Share::Slow),
    (3, Share::FailedOperation),
    (3, Share::ExpiredToken),
];

#[derive(Clone, Copy, Debug)]
enum Share {
    Throttled,
    Unavailable,
    LockConflict,
    ResetBefore,
    ResetAfter,
    Truncated,
    Slow,
    FailedOperation,
    ExpiredToken,
}

impl RandomFaults {
    /// The faults of a seed.
    pub(crate) fn new(seed: u64) -> Self {
        Self(Dice::new(seed))
    }

    /// The fault of a request, if it meets one. Only requests to Resource Manager do: one that
    /// never gets a token shows nothing about what comes after.
    pub(crate) fn draw(self, call: &Call) -> Option<FaultKind> {
        let first = call.segments.first()?;
        if !first.eq_ignore_ascii_case("subscriptions") {
            return None;
        }
        let drawn = self.0.number(&format!("fault/{}", call.number)) % 1000;
        let mut end = 0;
        let share = SHARES.iter().find(|(share, _)| {
            end += share;
            drawn < end
        })?;
        let write = !matches!(call.method, Method::GET | Method::HEAD | Method::POST);
        Some(match share.1 {
            Share::LockConflict | Share::FailedOperation if !write => return None,
            Share::Throttled => FaultKind::Throttled { retry_after: 1 },
            Share::Unavailable => FaultKind::ServiceUnavailable,
            Share::LockConflict => FaultKind::LockConflict,
            Share::ResetBefore => FaultKind::ResetBefore,
            Share::ResetAfter => FaultKind::ResetAfter,
            Share::Truncated => FaultKind::TruncatedBody,
            Share::Slow => FaultKind::Slow { milliseconds: 700 },
            Share::ExpiredToken => FaultKind::ExpiredToken,
            // an error within the text of another, as microsoft/azure-container-apps#175 shows it
            Share::FailedOperation => FaultKind::FailedOperation {
                code: "DeploymentFailed".to_owned(),
                message: serde_json::json!({ "error": {
                    "code": "InternalServerError",
                    "message": "A fault that was asked for by its seed. Repeat the request.",
                }})
                .to_string(),
            },
        })
    }
}

/// The faults that are still to come.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    planned: Vec<Planned>,
}

#[derive(Debug)]
struct Planned {
    matcher: RequestMatcher,
    kind: FaultKind,
    left: u32,
}

impl Faults {
    /// Plans a fault for the next requests that match.
    pub(crate) fn plan(&mut self, matcher: RequestMatcher, kind: FaultKind, times: u32) {
        self.planned.push(Planned {
            matcher,
            kind,
            left: times,
        });
    }

    /// Takes the fault for a request, the one that was planned first.
    pub(crate) fn take(&mut self, call: &Call) -> Option<FaultKind> {
        self.planned.retain(|planned| planned.left > 0);
        let planned = self
            .planned
            .iter_mut()
            .find(|planned| planned.matcher.matches(call))?;
        planned.left -= 1;
        Some(planned.kind.clone())
    }

    /// How many requests will still meet a fault.
    pub(crate) fn left(&self) -> u32 {
        self.planned.iter().map(|planned| planned.left).sum()
    }
}

impl FaultKind {
    /// The answer that takes the place of the real one, if this fault has one.
    pub(crate) fn answer(&self) -> Option<Answer> {
        let error = |status, code: &str, message: &str| ArmError::new(status, code, message);
        Some(match self {
            Self::Throttled { retry_after } => error(
                StatusCode::TOO_MANY_REQUESTS,
                "TooManyRequests",
                "The request is being throttled as the limit has been reached for operation type.",
            )
            .into_answer()
            .header("retry-after", retry_after.to_string()),
            Self::ServiceUnavailable => error(
                StatusCode::SERVICE_UNAVAILABLE,
                "ServerTimeout",
                "The service is temporarily unavailable. Please retry.",
            )
            .into_answer(),
            Self::LockConflict => lock_conflict().into_answer(),
            Self::ExpiredToken => error(
                StatusCode::UNAUTHORIZED,
                "ExpiredAuthenticationToken",
                "The access token expiry UTC time is earlier than current UTC time.",
            )
            .into_answer(),
            Self::Status {
                status,
                code,
                message,
            } => error(*status, code, message).into_answer(),
            Self::Answer {
                status,
                headers,
                body,
            } => {
                let mut answer = Answer::of(*status, body.clone());
                let named = |(name, value): &(String, String)| {
                    Some((HeaderName::from_bytes(name.as_bytes()).ok()?, value.clone()))
                };
                answer.headers = headers.iter().filter_map(named).collect();
                answer
            }
            Self::ResetBefore => Answer::empty(StatusCode::INTERNAL_SERVER_ERROR),
            Self::ResetAfter
            | Self::TruncatedBody
            | Self::Slow { .. }
            | Self::FailedOperation { .. } => return None,
        })
    }

    /// Marks the response with what is to happen to it on its way.
    pub(crate) fn mark(&self, extensions: &mut http::Extensions) {
        match self {
            Self::ResetBefore => {
                extensions.insert(ConnectionReset { before: true });
            }
            Self::ResetAfter => {
                extensions.insert(ConnectionReset { before: false });
            }
            Self::TruncatedBody => {
                extensions.insert(TruncatedBody);
            }
            Self::Slow { milliseconds } => {
                let late = std::time::Duration::from_millis(u64::from(*milliseconds));
                extensions.insert(LateAnswer(late));
            }
            _ => {}
        }
    }
}

/// What a busy app or job answers: 409 without an envelope (microsoft/azure-container-apps#175).
pub(crate) fn lock_conflict() -> ArmError {
    ArmError::conflict(
        "ContainerAppLockConflict",
        "Failed to acquire lock on the container app. Another operation is in progress. Please \
         retry later.",
    )
    .bare()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::Request;
    use jiff::Timestamp;

    use super::*;

    fn drawn(seed: u64, path: &str) -> Vec<Option<FaultKind>> {
        let faults = RandomFaults::new(seed);
        (1..=4000)
            .map(|number| {
                let request = Request::put(path).body(Bytes::new()).unwrap();
                faults.draw(&Call::new(Timestamp::UNIX_EPOCH, number, request))
            })
            .collect()
    }

    #[test]
    fn a_seed_draws_every_kind_and_always_the_same() {
        let first = drawn(7, "/subscriptions/s");
        assert_eq!(first, drawn(7, "/subscriptions/s"));
        assert_ne!(first, drawn(8, "/subscriptions/s"));
        let kinds: std::collections::BTreeSet<String> = first
            .iter()
            .flatten()
            .map(|kind| format!("{kind:?}"))
            .collect();
        assert_eq!(kinds.len(), SHARES.len(), "{kinds:?}");
        let share = first.iter().flatten().count();
        assert!((150..350).contains(&share), "{share} of 4000");
    }

    #[test]
    fn nobody_is_kept_from_getting_a_token() {
        assert!(
            drawn(7, "/tenant/oauth2/v2.0/token")
                .iter()
                .all(Option::is_none)
        );
    }
}
