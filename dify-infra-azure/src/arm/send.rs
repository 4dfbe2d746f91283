//! The one way in which every request leaves: span, retry, token, transport.

use std::time::Duration;

use ::http::{Request, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD as CLAIMS;
use bytes::Bytes;
use jiff::Timestamp;
use secrecy::ExposeSecret;
use serde_json::Value;
use tokio::time::Instant;
use tracing::Instrument;

use super::client::ArmClient;
use super::codes;
use super::error_body::ArmError;
use super::observer::RequestEvent;
use super::request::{Answer, Call};
use crate::Error;
use crate::auth::{AccessToken, TokenProvider};
use crate::http::{
    Exhausted, HttpError, HttpErrorKind, RetryBudget, header_text, redact, retry_after,
};

/// What one attempt came to.
enum Outcome {
    Answered(Answer),
    Unanswered(HttpError),
}

/// Whether another attempt could have another outcome.
enum Verdict {
    Final,
    /// After the pause that the server asked for, or one of our own.
    Retry {
        asked: Option<Duration>,
    },
}

impl ArmClient {
    /// Sends a request until it has an answer that further attempts would not change.
    ///
    /// The order, from the outside in: a span with nothing secret in it; retries, out of the
    /// budget that the caller shares between a request and its polling; the token, fetched for
    /// each attempt and once more after a 401; the transport.
    ///
    /// An answer of any status is `Ok`.
    ///
    /// # Errors
    ///
    /// When no answer arrived, there is no token, or the URL is not one that may see it.
    pub(crate) async fn send(
        &self,
        call: &Call,
        budget: &mut RetryBudget,
    ) -> Result<Answer, Error> {
        let span = tracing::debug_span!(
            "arm",
            http.request.method = %call.method,
            url.full = redact::url(&call.url),
        );
        self.send_with_retries(call, budget).instrument(span).await
    }

    async fn send_with_retries(
        &self,
        call: &Call,
        budget: &mut RetryBudget,
    ) -> Result<Answer, Error> {
        // One id for all attempts, so that support sees that they belong together.
        let id = uuid::Uuid::new_v4().to_string();
        loop {
            let outcome = self.attempt(call, &id, budget.used()).await?;
            let Verdict::Retry { asked } = outcome.verdict(call) else {
                return outcome.finish(call);
            };
            let taken = if outcome.is_unconnected() && call.is_read() {
                budget.take_connect(self.unconnected_for().unwrap_or_default())
            } else {
                budget.take(asked)
            };
            match taken {
                Ok(pause) => {
                    tracing::debug!(
                        pause_ms = millis(pause),
                        retries = budget.used(),
                        "retrying"
                    );
                    tokio::time::sleep(pause).await;
                }
                Err(exhausted) => return Err(outcome.give_up(call, exhausted)),
            }
        }
    }

    /// Sends once, and once more with a new token if the first was refused.
    async fn attempt(&self, call: &Call, id: &str, retries: u32) -> Result<Outcome, Error> {
        self.refuse_foreign_host(call)?;
        let token = self.token(call).await?;
        let outcome = self
            .transmit(call, call.to_http(&token, id)?, &token, retries)
            .await;
        if !outcome.is_unauthorized() {
            return Ok(outcome);
        }
        let scope = self.cloud().scope();
        let claims = outcome.claims();
        self.tokens()
            .invalidate(scope, &token, claims.as_deref())
            .await;
        let renewed = self.token(call).await?;
        if renewed.secret.expose_secret() == token.secret.expose_secret() {
            return Ok(outcome);
        }
        Ok(self
            .transmit(call, call.to_http(&renewed, id)?, &renewed, retries)
            .await)
    }

    /// Keeps the token from hosts that an answer (a polling URL, a next link) names.
    fn refuse_foreign_host(&self, call: &Call) -> Result<(), Error> {
        if self.cloud().trusts(&call.url) {
            return Ok(());
        }
        Err(Error::protocol(
            &call.subject,
            format!(
                "was referred to `{}`, which is not a management host of `{}`: the token is not \
                 sent there, so the outcome is unknown",
                call.url.origin().ascii_serialization(),
                self.cloud().endpoint().origin().ascii_serialization(),
            ),
        ))
    }

    async fn token(&self, call: &Call) -> Result<AccessToken, Error> {
        let asked = self.tokens().token(self.cloud().scope()).await;
        asked.map_err(|error| Error::token(&call.subject, error))
    }

    async fn transmit(
        &self,
        call: &Call,
        request: Request<Bytes>,
        token: &AccessToken,
        retries: u32,
    ) -> Outcome {
        self.count_request();
        let started = Instant::now();
        let result = self.transport().send(request).await;
        let elapsed = started.elapsed();
        let status = result.as_ref().ok().map(Response::status);
        if let Some(observer) = self.observer() {
            observer.request_ended(&RequestEvent {
                method: &call.method,
                path: &redact::path_and_query(&call.url),
                status,
                started,
                elapsed,
                retries,
            });
        }
        let is_connected = !matches!(&result, Err(error) if error.kind() == HttpErrorKind::Connect);
        self.note_connection(is_connected);
        let outcome = match result {
            Ok(response) => {
                let (head, body) = response.into_parts();
                Outcome::Answered(Answer::new(head.status, head.headers, body))
            }
            Err(error) => Outcome::Unanswered(error),
        };
        outcome.trace(elapsed);
        outcome.without(token)
    }
}

impl Outcome {
    /// Says whether to try again.
    fn verdict(&self, call: &Call) -> Verdict {
        let answer = match self {
            Self::Answered(answer) => answer,
            Self::Unanswered(error) if error.kind().is_retryable(call.idempotent) => {
                return Verdict::Retry { asked: None };
            }
            Self::Unanswered(_) => return Verdict::Final,
        };
        let says =
            |question: fn(&ArmError) -> bool| answer.arm_error(call).as_ref().is_some_and(question);
        let retry = match answer.status.as_u16() {
            // Not acted on: it was one request too many.
            429 => !says(codes::is_held),
            // May have been acted on.
            408 | 500 | 502..=504 => call.idempotent,
            // 409 mostly; some providers say that they are busy with 400 or 412.
            400..=499 if !call.is_poll => says(codes::is_busy),
            _ => false,
        };
        if retry {
            Verdict::Retry {
                asked: retry_after(&answer.headers, Timestamp::now()),
            }
        } else {
            Verdict::Final
        }
    }

    fn is_unauthorized(&self) -> bool {
        matches!(self, Self::Answered(answer) if answer.status.as_u16() == 401)
    }

    /// What the next token must have, when the refusal says so.
    fn claims(&self) -> Option<String> {
        let Self::Answered(answer) = self else {
            return None;
        };
        claims_of(header_text(&answer.headers, "www-authenticate")?)
    }

    fn is_unconnected(&self) -> bool {
        matches!(self, Self::Unanswered(error) if error.kind() == HttpErrorKind::Connect)
    }

    fn finish(self, call: &Call) -> Result<Answer, Error> {
        match self {
            Self::Answered(answer) => Ok(answer),
            Self::Unanswered(error) => Err(Error::transport(&call.subject, error, None)),
        }
    }

    fn give_up(self, call: &Call, exhausted: Exhausted) -> Error {
        match self {
            Self::Answered(answer) => answer.refusal(call, Some(exhausted)),
            Self::Unanswered(error) => Error::transport(&call.subject, error, Some(exhausted)),
        }
    }

    /// Traces what may be seen; bodies only of refusals, and of those only code and state.
    fn trace(&self, elapsed: Duration) {
        match self {
            Self::Answered(answer) => {
                tracing::debug!(
                    http.response.status_code = answer.status.as_u16(),
                    elapsed_ms = millis(elapsed),
                    ids = %answer.ids,
                    "answered"
                );
                if answer.status.as_u16() >= 400
                    && let Some(body) = answer.lenient_json()
                {
                    tracing::trace!(body = %redact::json(&body), "refused");
                }
            }
            Self::Unanswered(error) => {
                tracing::debug!(elapsed_ms = millis(elapsed), error = %error, "unanswered");
            }
        }
    }

    /// Removes the token from an answer's body, should a server send it back in an error.
    fn without(self, token: &AccessToken) -> Self {
        match self {
            Self::Answered(answer) if answer.status.as_u16() >= 400 => {
                let mut scrubber = redact::Scrubber::default();
                scrubber.add(token.secret.expose_secret());
                Self::Answered(answer.scrubbed(&scrubber))
            }
            other => other,
        }
    }
}

/// The JSON of a claims challenge: `Bearer …, error="insufficient_claims", claims="<base64>"`
/// (<https://learn.microsoft.com/entra/identity-platform/claims-challenge#claims-challenge-header-format>).
fn claims_of(challenge: &str) -> Option<String> {
    let (_, rest) = challenge.split_once("claims=\"")?;
    let (encoded, _) = rest.split_once('"')?;
    let bytes = CLAIMS.decode(encoded.trim_end_matches('=')).ok()?;
    let claims: Value = serde_json::from_slice(&bytes).ok()?;
    claims.is_object().then(|| claims.to_string())
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::claims_of;

    #[test]
    fn claims_are_read_from_a_challenge_that_has_them() {
        let challenge = "Bearer realm=\"\", authorization_uri=\"https://login.microsoftonline.com/common\", \
                         error=\"insufficient_claims\", claims=\"eyJhY2Nlc3NfdG9rZW4iOnt9fQ==\"";
        assert_eq!(
            claims_of(challenge).as_deref(),
            Some(r#"{"access_token":{}}"#)
        );
        for other in [
            "Bearer error=\"invalid_token\"",
            "Bearer claims=\"%%%\"",
            "Bearer claims=\"bm8=\"",
            "Bearer claims=\"W10=\"",
        ] {
            assert_eq!(claims_of(other), None, "{other}");
        }
    }
}
