//! Several credentials, tried in order.

use std::sync::Arc;
use std::sync::OnceLock;

use super::{AccessToken, AuthError, AuthErrorKind, TokenProvider};

/// Tries credentials in order and stays with the first that gives a token.
///
/// When none does, the error has the cause and the remedy of every one of them. After one gave
/// a token, later failures of it are its own and the others are not asked again: a run must not
/// change who it is in the middle.
#[derive(Debug)]
pub struct CredentialChain {
    credentials: Vec<Arc<dyn TokenProvider>>,
    pinned: OnceLock<usize>,
}

impl CredentialChain {
    /// Makes a chain; the first credential is tried first.
    pub fn new(credentials: Vec<Arc<dyn TokenProvider>>) -> Self {
        Self {
            credentials,
            pinned: OnceLock::new(),
        }
    }

    fn pinned(&self) -> Option<&Arc<dyn TokenProvider>> {
        self.pinned
            .get()
            .and_then(|index| self.credentials.get(*index))
    }
}

#[async_trait::async_trait]
impl TokenProvider for CredentialChain {
    async fn token(&self, scope: &str) -> Result<AccessToken, AuthError> {
        if let Some(credential) = self.pinned() {
            return credential.token(scope).await;
        }
        let mut tried = Vec::new();
        for (index, credential) in self.credentials.iter().enumerate() {
            match credential.token(scope).await {
                Ok(token) => {
                    // Two first callers may race; whoever is second has pinned the same one or
                    // an equally good one, and keeps the token it got.
                    let _ = self.pinned.set(index);
                    return Ok(token);
                }
                Err(error) => tried.push(error),
            }
        }
        Err(AuthError::of_chain(tried))
    }

    async fn invalidate(&self, scope: &str, rejected: &AccessToken, claims: Option<&str>) {
        if let Some(credential) = self.pinned() {
            credential.invalidate(scope, rejected, claims).await;
        }
    }
}

/// A credential that nobody has set up: in a chain, it says what is missing.
#[derive(Clone, Debug)]
pub struct NotSetUp(AuthError);

impl NotSetUp {
    /// Makes one of a credential's name and what is missing, such as `client secret` and
    /// `AZURE_CLIENT_SECRET is not set`.
    pub fn new(credential: &str, missing: &str) -> Self {
        let kind = AuthErrorKind::Unavailable;
        Self(AuthError::new(kind, credential, missing))
    }
}

#[async_trait::async_trait]
impl TokenProvider for NotSetUp {
    async fn token(&self, _: &str) -> Result<AccessToken, AuthError> {
        Err(self.0.clone())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use secrecy::ExposeSecret;

    use super::super::{AccessToken, AuthError, AuthErrorKind, TokenProvider};
    use super::CredentialChain;

    /// Fails until it was asked `from` times.
    #[derive(Debug)]
    struct Scripted {
        name: &'static str,
        works: std::ops::Range<usize>,
        asked: AtomicUsize,
    }

    fn scripted(name: &'static str, works: std::ops::Range<usize>) -> Arc<Scripted> {
        Arc::new(Scripted {
            name,
            works,
            asked: AtomicUsize::new(0),
        })
    }

    #[async_trait::async_trait]
    impl TokenProvider for Scripted {
        async fn token(&self, _: &str) -> Result<AccessToken, AuthError> {
            let turn = self.asked.fetch_add(1, Ordering::SeqCst);
            if self.works.contains(&turn) {
                return Ok(AccessToken::new(self.name, None));
            }
            Err(
                AuthError::new(AuthErrorKind::Unavailable, self.name, "not here")
                    .with_remedy(format!("set up {}", self.name)),
            )
        }
    }

    #[tokio::test]
    async fn stays_with_the_first_that_works() {
        let first = scripted("first", 1..9);
        let second = scripted("second", 0..1);
        let chain = CredentialChain::new(vec![Arc::clone(&first) as _, second]);
        assert_eq!(
            chain.token("s").await.unwrap().secret.expose_secret(),
            "second"
        );
        let error = chain.token("s").await.unwrap_err();
        assert_eq!(error.credential(), "second");
        assert_eq!(
            first.asked.load(Ordering::SeqCst),
            1,
            "the first is not asked again"
        );
    }

    #[tokio::test]
    async fn reports_every_cause_on_a_line_of_its_own() {
        let chain = CredentialChain::new(vec![scripted("first", 0..0), scripted("second", 0..0)]);
        let error = chain.token("s").await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "credentials: none gave a token\n  first: not here; set up first\n  second: not \
             here; set up second"
        );
        assert_eq!(error.tried().len(), 2);
        assert_eq!(error.kind(), AuthErrorKind::Unavailable);
    }

    #[tokio::test]
    async fn an_empty_chain_says_so() {
        let error = CredentialChain::new(Vec::new())
            .token("s")
            .await
            .unwrap_err();
        assert_eq!(error.to_string(), "credentials: none is configured");
    }
}
