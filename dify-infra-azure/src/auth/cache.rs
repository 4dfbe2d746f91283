//! Tokens are kept until shortly before they end.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use secrecy::ExposeSecret;
use tokio::time::Instant;

use super::{AccessToken, AuthError, TokenProvider};

/// A token is not used in its last five minutes: a request with its retries may take that long.
const MINIMUM_TTL: Duration = Duration::from_mins(5);

/// Keeps the tokens of another provider, one for each scope.
///
/// However many tasks ask at once, the provider is asked once: the others wait for its answer.
/// A failure is not kept.
#[derive(Debug)]
pub struct CachedTokens {
    inner: Arc<dyn TokenProvider>,
    slots: Mutex<HashMap<String, Arc<tokio::sync::Mutex<Option<Kept>>>>>,
}

#[derive(Clone, Debug)]
struct Kept {
    token: AccessToken,
    /// By the clock that never jumps; `None` when the token has no known end.
    fresh_until: Option<Instant>,
}

impl Kept {
    fn new(token: AccessToken) -> Self {
        let fresh_until = token.expires_at.map(|end| {
            let left = Duration::try_from(end.duration_since(Timestamp::now()));
            Instant::now() + left.unwrap_or_default().saturating_sub(MINIMUM_TTL)
        });
        Self { token, fresh_until }
    }

    /// Both clocks must agree: the monotonic one stands still while a laptop sleeps.
    fn is_fresh(&self) -> bool {
        let ends_late = self.token.expires_at.is_none_or(|end| {
            let left = Duration::try_from(end.duration_since(Timestamp::now()));
            left.is_ok_and(|left| left > MINIMUM_TTL)
        });
        ends_late && self.fresh_until.is_none_or(|until| Instant::now() < until)
    }
}

impl CachedTokens {
    /// Keeps the tokens of `inner`.
    pub fn new(inner: Arc<dyn TokenProvider>) -> Self {
        Self {
            inner,
            slots: Mutex::default(),
        }
    }

    fn slot(&self, scope: &str) -> Arc<tokio::sync::Mutex<Option<Kept>>> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(slots.entry(scope.to_owned()).or_default())
    }
}

#[async_trait::async_trait]
impl TokenProvider for CachedTokens {
    async fn token(&self, scope: &str) -> Result<AccessToken, AuthError> {
        let slot = self.slot(scope);
        // Whoever holds the lock asks the provider; the rest wait here and then find its token.
        let mut kept = slot.lock().await;
        if let Some(kept) = kept.as_ref().filter(|kept| kept.is_fresh()) {
            return Ok(kept.token.clone());
        }
        let token = self.inner.token(scope).await?;
        *kept = Some(Kept::new(token.clone()));
        Ok(token)
    }

    async fn invalidate(&self, scope: &str, rejected: &AccessToken, claims: Option<&str>) {
        let slot = self.slot(scope);
        let mut kept = slot.lock().await;
        // Many requests may be refused at once for the same token: only the first of them may
        // throw it away, or each would throw away the new one.
        let is_rejected =
            |kept: &Kept| kept.token.secret.expose_secret() == rejected.secret.expose_secret();
        if kept.as_ref().is_some_and(is_rejected) {
            *kept = None;
            self.inner.invalidate(scope, rejected, claims).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use jiff::Timestamp;
    use secrecy::ExposeSecret;

    use super::super::{AccessToken, AuthError, AuthErrorKind, TokenProvider};
    use super::CachedTokens;

    /// Numbers its tokens; each lasts `ttl`; the first `failures` calls fail.
    #[derive(Debug, Default)]
    struct Counting {
        ttl: Option<Duration>,
        failures: usize,
        calls: AtomicUsize,
    }

    #[async_trait::async_trait]
    impl TokenProvider for Counting {
        async fn token(&self, scope: &str) -> Result<AccessToken, AuthError> {
            let call = self.calls.fetch_add(1, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_secs(1)).await;
            if call < self.failures {
                return Err(AuthError::new(
                    AuthErrorKind::Refused,
                    "counting",
                    "not yet",
                ));
            }
            let end = self.ttl.map(|ttl| Timestamp::now() + ttl);
            Ok(AccessToken::new(format!("{scope}-{call}"), end))
        }
    }

    fn cached(ttl: Option<Duration>, failures: usize) -> (Arc<Counting>, CachedTokens) {
        let inner = Arc::new(Counting {
            ttl,
            failures,
            ..Counting::default()
        });
        (Arc::clone(&inner), CachedTokens::new(inner))
    }

    async fn token(cache: &CachedTokens, scope: &str) -> String {
        cache
            .token(scope)
            .await
            .unwrap()
            .secret
            .expose_secret()
            .to_owned()
    }

    #[tokio::test(start_paused = true)]
    async fn asks_once_however_many_ask() {
        let (inner, cache) = cached(Some(Duration::from_hours(1)), 0);
        let cache = Arc::new(cache);
        let tasks: Vec<_> = (0..50)
            .map(|_| {
                let cache = Arc::clone(&cache);
                tokio::spawn(async move { token(&cache, "s").await })
            })
            .collect();
        for task in tasks {
            assert_eq!(task.await.unwrap(), "s-0");
        }
        assert_eq!(inner.calls.load(Ordering::SeqCst), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn keeps_one_token_for_each_scope() {
        let (_, cache) = cached(None, 0);
        assert_eq!(token(&cache, "a").await, "a-0");
        assert_eq!(token(&cache, "b").await, "b-1");
        assert_eq!(token(&cache, "a").await, "a-0");
    }

    #[tokio::test(start_paused = true)]
    async fn does_not_use_the_last_five_minutes() {
        let (_, cache) = cached(Some(Duration::from_hours(1)), 0);
        assert_eq!(token(&cache, "s").await, "s-0");
        tokio::time::advance(Duration::from_mins(54)).await;
        assert_eq!(token(&cache, "s").await, "s-0");
        tokio::time::advance(Duration::from_secs(90)).await;
        assert_eq!(token(&cache, "s").await, "s-1");
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_that_is_nearly_over_is_given_but_not_kept() {
        let (_, cache) = cached(Some(Duration::from_mins(4)), 0);
        assert_eq!(token(&cache, "s").await, "s-0");
        assert_eq!(token(&cache, "s").await, "s-1");
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_is_not_kept() {
        let (_, cache) = cached(None, 1);
        assert!(cache.token("s").await.is_err());
        assert_eq!(token(&cache, "s").await, "s-1");
    }

    #[tokio::test(start_paused = true)]
    async fn only_the_rejected_token_is_thrown_away() {
        let (_, cache) = cached(None, 0);
        let old = cache.token("s").await.unwrap();
        cache.invalidate("s", &old, None).await;
        assert_eq!(token(&cache, "s").await, "s-1");
        cache.invalidate("s", &old, None).await;
        assert_eq!(
            token(&cache, "s").await,
            "s-1",
            "a late refusal of the old one"
        );
    }
}
