//! The exchange from its first request to the token of Azure, with a CI system and an authority that
//! are functions.

use std::sync::{Arc, Mutex};

use azure_core::http::headers::Headers;
use azure_core::http::{AsyncRawResponse, Body, HttpClient, StatusCode, Transport};
use bytes::Bytes;
use http::{Request, Response};
use secrecy::{ExposeSecret as _, SecretString};

use super::super::identity::IdentityCredential;
use super::super::{AuthErrorKind, TokenProvider as _};
use super::{Assertion, FederatedToken};
use crate::http::{HttpError, HttpService};

const SCOPE: &str = "https://management.azure.com/.default";

/// A CI system: one answer for every request, which it remembers.
#[derive(Debug)]
struct CiSystem {
    status: u16,
    body: &'static str,
    asked: Mutex<Vec<String>>,
}

#[async_trait::async_trait]
impl HttpService for CiSystem {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let header = |name: &str| request.headers()[name].to_str().unwrap().to_owned();
        let line = format!(
            "{} {} {}",
            request.method(),
            request.uri(),
            header("authorization")
        );
        self.asked.lock().unwrap().push(line);
        let response = Response::builder().status(self.status);
        Ok(response.body(Bytes::from(self.body)).unwrap())
    }
}

/// Microsoft Entra: gives `token-N` for the N-th exchange, and remembers the forms.
#[derive(Debug, Default)]
struct Authority(Mutex<Vec<String>>);

#[async_trait::async_trait]
impl HttpClient for Authority {
    async fn execute_request(
        &self,
        request: &azure_core::http::Request,
    ) -> azure_core::Result<AsyncRawResponse> {
        let Body::Bytes(form) = request.body() else {
            panic!("the form is sent as a whole");
        };
        let form = String::from_utf8(form.to_vec()).unwrap();
        let mut asked = self.0.lock().unwrap();
        asked.push(format!("{} {form}", request.url()));
        let refused = form.contains("client_assertion=refused");
        let (status, body) = if refused {
            let error = r#"{"error": "invalid_client", "error_description": "AADSTS700213: No matching federated identity record found for presented assertion subject"}"#;
            (StatusCode::BadRequest, error.to_owned())
        } else {
            let token = format!(
                r#"{{"token_type": "Bearer", "expires_in": 3600, "access_token": "token-{}"}}"#,
                asked.len()
            );
            (StatusCode::Ok, token)
        };
        Ok(AsyncRawResponse::from_bytes(status, Headers::new(), body))
    }
}

struct Exchange {
    ci: Arc<CiSystem>,
    authority: Arc<Authority>,
    credential: IdentityCredential,
}

fn exchange(source: FederatedToken, status: u16, body: &'static str) -> Exchange {
    let ci = Arc::new(CiSystem {
        status,
        body,
        asked: Mutex::default(),
    });
    let authority = Arc::new(Authority::default());
    let http: Arc<dyn HttpService> = Arc::<CiSystem>::clone(&ci);
    let transport = Transport::new(Arc::<Authority>::clone(&authority));
    let credential = IdentityCredential::workload_identity_at(
        "contoso.com",
        "client",
        Assertion { source, http },
        Some(transport),
    );
    Exchange {
        ci,
        authority,
        credential: credential.unwrap(),
    }
}

fn github() -> FederatedToken {
    FederatedToken::GitHub {
        url: "https://ci.example/token?job=1".to_owned(),
        token: SecretString::from("canary-ci"),
    }
}

#[tokio::test]
async fn a_token_of_github_actions_becomes_one_of_azure() {
    let exchange = exchange(github(), 200, r#"{"value": "from-github"}"#);
    let token = exchange.credential.token(SCOPE).await.unwrap();
    assert_eq!(token.secret.expose_secret(), "token-1");
    assert!(token.expires_at.is_some());
    let asked = exchange.ci.asked.lock().unwrap().clone();
    let uri = "https://ci.example/token?job=1&audience=api%3A%2F%2FAzureADTokenExchange";
    assert_eq!(asked, [format!("GET {uri} Bearer canary-ci")]);
    let forms = exchange.authority.0.lock().unwrap().clone();
    assert_eq!(forms.len(), 1);
    assert!(
        forms[0].starts_with("https://login.microsoftonline.com/contoso.com/oauth2/v2.0/token ")
    );
    assert!(
        forms[0].contains("client_assertion=from-github"),
        "{}",
        forms[0]
    );
    assert!(!format!("{:?}", exchange.credential).contains("canary"));
}

#[tokio::test]
async fn a_token_of_azure_pipelines_becomes_one_of_azure() {
    let source = FederatedToken::AzurePipelines {
        url: "https://ci.example/oidc".to_owned(),
        token: SecretString::from("canary-ci"),
        service_connection: "connection".to_owned(),
    };
    let exchange = exchange(source, 200, r#"{"oidcToken": "from-pipelines"}"#);
    exchange.credential.token(SCOPE).await.unwrap();
    let asked = exchange.ci.asked.lock().unwrap().clone();
    let uri = "https://ci.example/oidc?api-version=7.1&serviceConnectionId=connection";
    assert_eq!(asked, [format!("POST {uri} Bearer canary-ci")]);
    assert!(exchange.authority.0.lock().unwrap()[0].contains("client_assertion=from-pipelines"));
}

#[tokio::test]
async fn a_rejected_token_is_exchanged_anew_with_a_fresh_one_of_the_ci_system() {
    let exchange = exchange(github(), 200, r#"{"value": "from-github"}"#);
    let first = exchange.credential.token(SCOPE).await.unwrap();
    exchange.credential.invalidate(SCOPE, &first).await;
    let second = exchange.credential.token(SCOPE).await.unwrap();
    assert_eq!(second.secret.expose_secret(), "token-2");
    assert_eq!(exchange.ci.asked.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn the_token_file_is_read_for_every_exchange() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("token");
    let exchange = exchange(FederatedToken::File(path.clone()), 500, "");
    let error = exchange.credential.token(SCOPE).await.unwrap_err();
    assert!(
        error.to_string().contains(&path.display().to_string()),
        "{error}"
    );
    for content in ["one\n", "two\n"] {
        std::fs::write(&path, content).unwrap();
        let token = exchange.credential.token(SCOPE).await.unwrap();
        exchange.credential.invalidate(SCOPE, &token).await;
    }
    let forms = exchange.authority.0.lock().unwrap().clone();
    assert!(forms[0].contains("client_assertion=one&"), "{}", forms[0]);
    assert!(forms[1].contains("client_assertion=two&"), "{}", forms[1]);
}

#[tokio::test]
async fn what_fails_is_told_with_its_cause_and_without_a_token() {
    for (status, body, part) in [
        (403, "", "GitHub Actions gives no token: it answers 403"),
        (200, "{}", "its answer has no `value`"),
        (200, r#"{"value": "refused"}"#, "AADSTS700213"),
    ] {
        let exchange = exchange(github(), status, body);
        let error = exchange.credential.token(SCOPE).await.unwrap_err();
        let text = error.to_string();
        assert!(
            text.starts_with("workload identity: ") && text.contains(part),
            "{text}"
        );
        assert!(text.contains("federated credential"), "{text}");
        assert!(!format!("{text} {error:?}").contains("canary"), "{error:?}");
        let refused = part.starts_with("AADSTS");
        assert_eq!(error.kind() == AuthErrorKind::Refused, refused, "{text}");
    }
}
