//! An application of Microsoft Entra signs in: with a secret, a certificate, or a token of another
//! system.
//!
//! It is one request, the client credentials grant of OAuth 2.0
//! (<https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow>). It is made
//! here since `azure_identity` passes no claims on and needs OpenSSL for certificates.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ::http::{Method, Request, StatusCode};
use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use url::{Url, form_urlencoded};

use super::certificate::ClientCertificate;
use super::federated::{Assertion, FederatedToken};
use super::{AccessToken, AuthError, AuthErrorKind, TokenProvider};
use crate::http::redact::Scrubber;
use crate::http::{HttpService, RetryBudget, RetryPolicy, retry_after};

/// How long getting a token may take, retries included.
const TIMEOUT: Duration = Duration::from_mins(1);

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Which application signs in, and where.
#[derive(Clone, Debug)]
pub struct Application {
    /// Microsoft Entra of the cloud, as [`Cloud::authority`](crate::cloud::Cloud::authority) has it.
    pub authority: Url,
    /// Id or domain of the tenant.
    pub tenant: String,
    /// Id of the application, also called client id.
    pub client_id: String,
}

/// How an application proves who it is.
#[derive(Clone)]
#[non_exhaustive]
pub enum Proof {
    /// A client secret.
    Secret(SecretString),
    /// A certificate with its key, which never leaves this machine: it signs.
    Certificate(ClientCertificate),
    /// A token of a CI system or a cluster: no secret of Azure at all.
    Federated(FederatedToken),
}

impl fmt::Debug for Proof {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl Proof {
    fn name(&self) -> &'static str {
        match self {
            Self::Secret(_) => "client secret",
            Self::Certificate(_) => "client certificate",
            Self::Federated(_) => "workload identity",
        }
    }

    fn remedy(&self) -> &'static str {
        match self {
            Self::Secret(_) => {
                "check AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET (the secret's \
                 value, not its id) and whether the secret has expired"
            }
            Self::Certificate(_) => {
                "check AZURE_TENANT_ID, AZURE_CLIENT_ID, and that the application has the \
                 certificate in AZURE_CLIENT_CERTIFICATE_PATH and it has not expired"
            }
            Self::Federated(_) => {
                "check AZURE_TENANT_ID, AZURE_CLIENT_ID, the federated credential of the \
                 application (issuer, subject, audience api://AzureADTokenExchange), and in GitHub \
                 Actions `permissions: id-token: write`"
            }
        }
    }
}

/// An application of Microsoft Entra.
///
/// ```no_run
/// use std::sync::Arc;
///
/// use dify_infra_azure::auth::{Application, ApplicationCredential, ClientCertificate, Proof};
/// use dify_infra_azure::cloud::Cloud;
/// use dify_infra_azure::http::ReqwestService;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let application = Application {
///     authority: Cloud::public().authority().clone(),
///     tenant: "contoso.com".to_owned(),
///     client_id: "11111111-1111-4111-8111-111111111111".to_owned(),
/// };
/// let certificate = ClientCertificate::from_pem(&std::fs::read("deployer.pem")?)?;
/// let http = Arc::new(ReqwestService::builder().build()?);
/// let credential = ApplicationCredential::new(application, Proof::Certificate(certificate), http)?;
/// # Ok(()) }
/// ```
pub struct ApplicationCredential {
    endpoint: Url,
    client_id: String,
    proof: Proof,
    http: Arc<dyn HttpService>,
    scrubber: Scrubber,
    /// What the next token of a scope must have, since a service asked for it.
    claims: Mutex<BTreeMap<String, String>>,
}

impl fmt::Debug for ApplicationCredential {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_tuple("ApplicationCredential")
            .field(&self.proof)
            .finish()
    }
}

impl ApplicationCredential {
    /// Makes a credential; nothing is sent yet.
    ///
    /// # Errors
    ///
    /// When tenant, client or secret are empty, or the tenant has characters that none can have.
    pub fn new(
        application: Application,
        proof: Proof,
        http: Arc<dyn HttpService>,
    ) -> Result<Self, AuthError> {
        let wrong = |cause: String| {
            AuthError::new(AuthErrorKind::Unavailable, proof.name(), cause)
                .with_remedy(proof.remedy())
        };
        let Application {
            authority,
            tenant,
            client_id,
        } = application;
        let is_name = |one: char| one.is_ascii_alphanumeric() || matches!(one, '-' | '.');
        if tenant.is_empty() || !tenant.chars().all(is_name) {
            return Err(wrong(format!(
                "`{tenant}` is neither the id nor a domain of a tenant"
            )));
        }
        if client_id.trim().is_empty() {
            return Err(wrong("the id of the application is empty".to_owned()));
        }
        let endpoint = authority.join(&format!("/{tenant}/oauth2/v2.0/token"));
        let endpoint = endpoint.map_err(|_| wrong(format!("`{authority}` is not an authority")))?;
        let mut scrubber = Scrubber::default();
        match &proof {
            Proof::Secret(secret) if secret.expose_secret().is_empty() => {
                return Err(wrong("the secret is empty".to_owned()));
            }
            Proof::Secret(secret) => scrubber.add(secret.expose_secret()),
            Proof::Federated(token) => {
                if let Some(secret) = token.secret() {
                    scrubber.add(secret.expose_secret());
                }
            }
            Proof::Certificate(_) => {}
        }
        Ok(Self {
            endpoint,
            client_id,
            proof,
            http,
            scrubber,
            claims: Mutex::default(),
        })
    }

    fn claims(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, String>> {
        self.claims.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failed(&self, kind: AuthErrorKind, cause: &str) -> AuthError {
        let cause = self.scrubber.scrub(cause);
        AuthError::new(kind, self.proof.name(), cause).with_remedy(self.proof.remedy())
    }

    /// The form that asks for a token; the assertion is made anew, since it lives for minutes.
    async fn form(&self, scope: &str, claims: Option<&str>) -> Result<String, AuthError> {
        let unavailable = |cause: String| self.failed(AuthErrorKind::Unavailable, &cause);
        let (name, secret) = match &self.proof {
            Proof::Secret(secret) => ("client_secret", secret.clone()),
            Proof::Certificate(certificate) => {
                let audience = self.endpoint.as_str();
                let signed = certificate.assertion(&self.client_id, audience, Timestamp::now());
                ("client_assertion", signed.map_err(unavailable)?)
            }
            Proof::Federated(source) => {
                let assertion = Assertion {
                    source: source.clone(),
                    http: Arc::clone(&self.http),
                };
                let token = assertion.fetch().await.map_err(|cause| {
                    unavailable(format!("{} gives no token: {cause}", source.place()))
                })?;
                ("client_assertion", token)
            }
        };
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", "client_credentials")
            .append_pair("client_id", &self.client_id)
            .append_pair("scope", scope)
            .append_pair(name, secret.expose_secret());
        if name == "client_assertion" {
            form.append_pair("client_assertion_type", ASSERTION_TYPE);
        }
        if let Some(claims) = claims {
            form.append_pair("claims", claims);
        }
        Ok(form.finish())
    }

    async fn ask(&self, form: String) -> Result<AccessToken, AuthError> {
        let policy = RetryPolicy::default().with_retries(4).with_total(TIMEOUT);
        let mut budget = RetryBudget::new(&policy);
        loop {
            let request = Request::builder()
                .method(Method::POST)
                .uri(self.endpoint.as_str())
                .header("content-type", "application/x-www-form-urlencoded")
                .header("accept", "application/json")
                .body(Bytes::from(form.clone()))
                .map_err(|_| self.failed(AuthErrorKind::Unavailable, "its address is not a URL"))?;
            // Asking for a token twice does no harm.
            let (error, asked) = match self.http.send(request).await {
                Ok(response) => {
                    let status = response.status();
                    if status == StatusCode::OK {
                        return self.read(response.body());
                    }
                    let error = self.refused(status, response.body());
                    if status != StatusCode::TOO_MANY_REQUESTS && !status.is_server_error() {
                        return Err(error);
                    }
                    (error, retry_after(response.headers(), Timestamp::now()))
                }
                Err(error) if error.kind().is_retryable(true) => {
                    let host = self.endpoint.host_str().unwrap_or_default();
                    let cause = format!("{host} did not answer: {error}");
                    (self.failed(AuthErrorKind::Unavailable, &cause), None)
                }
                Err(error) => {
                    return Err(self.failed(AuthErrorKind::Unavailable, &error.to_string()));
                }
            };
            let Ok(pause) = budget.take(asked) else {
                return Err(error);
            };
            tokio::time::sleep(pause).await;
        }
    }

    fn read(&self, body: &[u8]) -> Result<AccessToken, AuthError> {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let seconds = |value: &Value| value.as_i64().or_else(|| value.as_str()?.parse().ok());
        let token = body.get("access_token").and_then(Value::as_str);
        let Some(token) = token.filter(|token| !token.is_empty()) else {
            let cause = "the answer of Microsoft Entra has no token";
            return Err(self.failed(AuthErrorKind::Refused, cause));
        };
        let ends = body.get("expires_in").and_then(seconds).and_then(|left| {
            let end = Timestamp::now().checked_add(SignedDuration::from_secs(left));
            end.ok()
        });
        Ok(AccessToken::new(token, ends))
    }

    fn refused(&self, status: StatusCode, body: &[u8]) -> AuthError {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let text = |name: &str| body.get(name).and_then(Value::as_str);
        let said = text("error_description").or_else(|| text("error"));
        // Ids and a time stand behind the sentence.
        let said = said.map(|said| said.split(" Trace ID:").next().unwrap_or(said));
        let words: Vec<&str> = said.unwrap_or_default().split_whitespace().collect();
        let cause = match words.join(" ").trim_end_matches('.') {
            "" => format!("Microsoft Entra answers {status}"),
            said => said.to_owned(),
        };
        self.failed(AuthErrorKind::Refused, &cause)
    }
}

#[async_trait::async_trait]
impl TokenProvider for ApplicationCredential {
    async fn token(&self, scope: &str) -> Result<AccessToken, AuthError> {
        let claims = self.claims().get(scope).cloned();
        let asked = async {
            let form = self.form(scope, claims.as_deref()).await?;
            self.ask(form).await
        };
        let token = tokio::time::timeout(TIMEOUT, asked).await.map_err(|_| {
            let cause = format!("no token within {} s", TIMEOUT.as_secs());
            self.failed(AuthErrorKind::Unavailable, &cause)
        })??;
        // A token that has them was given; a later one need not be asked for the same.
        self.claims()
            .retain(|of, kept| of != scope || Some(&*kept) != claims.as_ref());
        Ok(token)
    }

    async fn invalidate(&self, scope: &str, _: &AccessToken, claims: Option<&str>) {
        if let Some(claims) = claims {
            self.claims().insert(scope.to_owned(), claims.to_owned());
        }
    }
}

#[cfg(test)]
mod tests;
