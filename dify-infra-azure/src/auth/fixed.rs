//! A token that the caller already has.

use secrecy::{ExposeSecret, SecretString};

use super::{AccessToken, AuthError, AuthErrorKind, TokenProvider};

/// Gives one token for every scope, as long as it lasts: `--auth token`, emulators, tests.
#[derive(Clone, Debug)]
pub struct StaticToken(SecretString);

impl StaticToken {
    /// Keeps `token`, which must be good for the scope that will be asked for.
    pub fn new(token: impl Into<SecretString>) -> Self {
        Self(token.into())
    }
}

#[async_trait::async_trait]
impl TokenProvider for StaticToken {
    async fn token(&self, _scope: &str) -> Result<AccessToken, AuthError> {
        let text = self.0.expose_secret();
        let problem = if text.trim().is_empty() {
            "it is empty"
        } else if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            "it has characters that no token has (a line break or a space, perhaps)"
        } else {
            return Ok(AccessToken::new(self.0.clone(), None));
        };
        Err(AuthError::new(AuthErrorKind::Unavailable, "token", problem)
            .with_remedy("take one with `az account get-access-token --query accessToken -o tsv`"))
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::{StaticToken, TokenProvider};

    #[tokio::test]
    async fn gives_the_token_for_every_scope_and_shows_it_to_nobody() {
        let token = StaticToken::new("canary");
        assert_eq!(
            token.token("a").await.unwrap().secret.expose_secret(),
            "canary"
        );
        assert_eq!(token.token("b").await.unwrap().expires_at, None);
        assert!(!format!("{token:?} {:?}", token.token("a").await).contains("canary"));
    }

    #[tokio::test]
    async fn a_token_that_can_not_be_one_is_a_sentence() {
        for text in ["", "  ", "abc\n", "a b"] {
            let error = StaticToken::new(text).token("a").await.unwrap_err();
            assert!(
                error.to_string().contains("az account get-access-token"),
                "{error}"
            );
        }
    }
}
