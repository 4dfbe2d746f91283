//! Where the bearer token comes from.
//!
//! A [`TokenProvider`] gives a token for a scope. [`StaticToken`] holds one that the caller has;
//! [`ApplicationCredential`] signs in as an application, with a secret, a certificate or a token of
//! another system; `IdentityCredential` (feature `identity`) asks `az` or the platform;
//! [`CredentialChain`] tries several; [`CachedTokens`] keeps what any of them gave.

mod application;
mod cache;
mod certificate;
mod chain;
mod federated;
mod fixed;
#[cfg(feature = "identity")]
mod identity;

use std::fmt;

use jiff::Timestamp;
use secrecy::SecretString;

pub use self::application::{Application, ApplicationCredential, Proof};
pub use self::cache::CachedTokens;
pub use self::certificate::{CertificateError, ClientCertificate};
pub use self::chain::{CredentialChain, NotSetUp};
pub use self::federated::FederatedToken;
pub use self::fixed::StaticToken;
#[cfg(feature = "identity")]
pub use self::identity::IdentityCredential;

/// A bearer token and when it ends.
#[derive(Clone, Debug)]
pub struct AccessToken {
    /// The token; `Debug` does not show it.
    pub secret: SecretString,
    /// When it ends; `None` when nobody knows (a token that the caller brought).
    pub expires_at: Option<Timestamp>,
}

impl AccessToken {
    /// Makes a token.
    pub fn new(secret: impl Into<SecretString>, expires_at: Option<Timestamp>) -> Self {
        Self {
            secret: secret.into(),
            expires_at,
        }
    }
}

/// Gives bearer tokens.
#[async_trait::async_trait]
pub trait TokenProvider: fmt::Debug + Send + Sync {
    /// Gives a token for `scope`, such as `https://management.azure.com/.default`.
    ///
    /// # Errors
    ///
    /// When there is no token to be had; the error names the credential, the cause and the
    /// remedy.
    async fn token(&self, scope: &str) -> Result<AccessToken, AuthError>;

    /// Says that the service refused `rejected`, so that it is not given again.
    ///
    /// `claims` is JSON that the service wants the next token to be asked for with
    /// (<https://learn.microsoft.com/entra/identity-platform/claims-challenge>).
    ///
    /// Providers that keep nothing have nothing to do.
    async fn invalidate(&self, scope: &str, rejected: &AccessToken, claims: Option<&str>) {
        let _ = (scope, rejected, claims);
    }
}

/// Why a credential gave no token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AuthErrorKind {
    /// The credential does not exist here: no `az`, no managed identity, an empty value.
    Unavailable,
    /// It exists, and Microsoft Entra or its tool refused.
    Refused,
}

/// No token.
///
/// Of a single credential: one sentence, `<credential>: <cause>; <remedy>`. Of a chain: one such
/// line for each credential that was tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthError {
    kind: AuthErrorKind,
    credential: String,
    cause: String,
    remedy: Option<String>,
    tried: Vec<Self>,
}

impl AuthError {
    /// Makes the error of one credential; `cause` must not hold a secret.
    pub fn new(
        kind: AuthErrorKind,
        credential: impl Into<String>,
        cause: impl Into<String>,
    ) -> Self {
        Self {
            kind,
            credential: credential.into(),
            cause: cause.into(),
            remedy: None,
            tried: Vec::new(),
        }
    }

    /// Adds what the person can do, as an imperative clause.
    #[must_use]
    pub fn with_remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    /// Why it failed; a chain was refused if any of its credentials was.
    pub fn kind(&self) -> AuthErrorKind {
        self.kind
    }

    /// The credential that failed, such as `Azure CLI`.
    pub fn credential(&self) -> &str {
        &self.credential
    }

    /// What the person can do.
    pub fn remedy(&self) -> Option<&str> {
        self.remedy.as_deref()
    }

    /// The errors of the credentials that a chain tried, in order.
    pub fn tried(&self) -> &[Self] {
        &self.tried
    }

    fn of_chain(tried: Vec<Self>) -> Self {
        let refused = tried
            .iter()
            .any(|error| error.kind == AuthErrorKind::Refused);
        let kind = if refused {
            AuthErrorKind::Refused
        } else {
            AuthErrorKind::Unavailable
        };
        let cause = if tried.is_empty() {
            "none is configured"
        } else {
            "none gave a token"
        };
        Self {
            tried,
            ..Self::new(kind, "credentials", cause)
        }
    }
}

impl fmt::Display for AuthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.credential, self.cause)?;
        if let Some(remedy) = &self.remedy {
            write!(f, "; {remedy}")?;
        }
        for error in &self.tried {
            write!(f, "\n  {error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for AuthError {}
