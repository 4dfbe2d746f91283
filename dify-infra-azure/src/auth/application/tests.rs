//! Signing in from the first request to the token of Azure, with a CI system and an authority that are
//! functions.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response};
use secrecy::{ExposeSecret as _, SecretString};

use super::super::{AuthErrorKind, CachedTokens, FederatedToken, TokenProvider as _};
use super::{Application, ApplicationCredential, Proof};
use crate::cloud::Cloud;
use crate::http::{HttpError, HttpErrorKind, HttpService};

const SCOPE: &str = "https://management.azure.com/.default";

/// A CI system with one answer for every request, and Microsoft Entra, which gives `token-N` for the
/// N-th form; both remember what they were asked.
#[derive(Debug)]
struct World {
    status: u16,
    body: &'static str,
    asked: Mutex<Vec<String>>,
    forms: Mutex<Vec<String>>,
    /// What Microsoft Entra does before it gives tokens.
    troubles: Mutex<Vec<Trouble>>,
}

#[derive(Debug)]
enum Trouble {
    Answers(u16, &'static str),
    BreaksOff,
}

#[async_trait::async_trait]
impl HttpService for World {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        if request.uri().host() != Some("login.microsoftonline.com") {
            let header = |name: &str| request.headers()[name].to_str().unwrap().to_owned();
            let line = format!(
                "{} {} {}",
                request.method(),
                request.uri(),
                header("authorization")
            );
            self.asked.lock().unwrap().push(line);
            let response = Response::builder().status(self.status);
            return Ok(response.body(Bytes::from(self.body)).unwrap());
        }
        let form = String::from_utf8(request.body().to_vec()).unwrap();
        let mut forms = self.forms.lock().unwrap();
        forms.push(format!("{} {form}", request.uri()));
        let refused = form.contains("client_assertion=refused");
        let (status, body) = match self.troubles.lock().unwrap().pop() {
            Some(Trouble::BreaksOff) => {
                return Err(HttpError::new(HttpErrorKind::Interrupted, "broken"));
            }
            Some(Trouble::Answers(status, body)) => (status, body.to_owned()),
            None if refused => {
                let error = r#"{"error": "invalid_client", "error_description": "AADSTS700213: No matching federated identity record found for presented assertion subject.\r\n Trace ID: 1 Correlation ID: 2"}"#;
                (400, error.to_owned())
            }
            None => {
                let number = forms.len();
                let token = format!(
                    r#"{{"token_type": "Bearer", "expires_in": 3600, "access_token": "token-{number}"}}"#
                );
                (200, token)
            }
        };
        Ok(Response::builder()
            .status(status)
            .body(Bytes::from(body))
            .unwrap())
    }
}

struct Exchange {
    world: Arc<World>,
    credential: ApplicationCredential,
}

impl Exchange {
    fn asked(&self) -> Vec<String> {
        self.world.asked.lock().unwrap().clone()
    }

    fn forms(&self) -> Vec<String> {
        self.world.forms.lock().unwrap().clone()
    }
}

fn signing_in(
    proof: Proof,
    (status, body): (u16, &'static str),
    troubles: Vec<Trouble>,
) -> Exchange {
    let world = Arc::new(World {
        status,
        body,
        asked: Mutex::default(),
        forms: Mutex::default(),
        troubles: Mutex::new(troubles),
    });
    let http: Arc<dyn HttpService> = Arc::<World>::clone(&world);
    let credential = ApplicationCredential::new(application("contoso.com", "client"), proof, http);
    Exchange {
        world,
        credential: credential.unwrap(),
    }
}

fn application(tenant: &str, client: &str) -> Application {
    Application {
        authority: Cloud::public().authority().clone(),
        tenant: tenant.to_owned(),
        client_id: client.to_owned(),
    }
}

fn exchange(source: FederatedToken, status: u16, body: &'static str) -> Exchange {
    signing_in(Proof::Federated(source), (status, body), Vec::new())
}

fn secret(troubles: Vec<Trouble>) -> Exchange {
    let proof = Proof::Secret(SecretString::from("canary-secret"));
    signing_in(proof, (500, ""), troubles)
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
    let asked = exchange.asked();
    let uri = "https://ci.example/token?job=1&audience=api%3A%2F%2FAzureADTokenExchange";
    assert_eq!(asked, [format!("GET {uri} Bearer canary-ci")]);
    let forms = exchange.forms();
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
    let asked = exchange.asked();
    let uri = "https://ci.example/oidc?api-version=7.1&serviceConnectionId=connection";
    assert_eq!(asked, [format!("POST {uri} Bearer canary-ci")]);
    assert!(exchange.forms()[0].contains("client_assertion=from-pipelines"));
}

#[tokio::test]
async fn a_rejected_token_is_exchanged_anew_with_a_fresh_one_of_the_ci_system() {
    let exchange = exchange(github(), 200, r#"{"value": "from-github"}"#);
    let first = exchange.credential.token(SCOPE).await.unwrap();
    exchange.credential.invalidate(SCOPE, &first, None).await;
    let second = exchange.credential.token(SCOPE).await.unwrap();
    assert_eq!(second.secret.expose_secret(), "token-2");
    assert_eq!(exchange.asked().len(), 2);
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
        exchange.credential.invalidate(SCOPE, &token, None).await;
    }
    let forms = exchange.forms();
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

#[tokio::test]
async fn a_secret_becomes_a_token_and_is_not_shown() {
    let exchange = secret(Vec::new());
    let token = exchange.credential.token(SCOPE).await.unwrap();
    assert_eq!(token.secret.expose_secret(), "token-1");
    let expected = "https://login.microsoftonline.com/contoso.com/oauth2/v2.0/token \
                    grant_type=client_credentials&client_id=client&\
                    scope=https%3A%2F%2Fmanagement.azure.com%2F.default&client_secret=canary-secret";
    assert_eq!(exchange.forms(), [expected]);
    assert!(!format!("{:?}", exchange.credential).contains("canary"));
}

#[tokio::test(start_paused = true)]
async fn a_busy_authority_is_asked_again_and_a_refusal_is_not() {
    let busy = vec![
        Trouble::Answers(503, ""),
        Trouble::BreaksOff,
        Trouble::Answers(429, ""),
    ];
    let exchange = secret(busy);
    exchange.credential.token(SCOPE).await.unwrap();
    assert_eq!(exchange.forms().len(), 4);

    let body = r#"{"error": "invalid_client", "error_description": "AADSTS7000222: The provided client secret keys for app 'client' are expired: canary-secret. Trace ID: x"}"#;
    let exchange = secret(vec![Trouble::Answers(401, body)]);
    let error = exchange.credential.token(SCOPE).await.unwrap_err();
    assert_eq!(exchange.forms().len(), 1);
    assert_eq!(error.kind(), AuthErrorKind::Refused);
    let text = error.to_string();
    assert!(
        text.starts_with("client secret: AADSTS7000222: The provided client"),
        "{text}"
    );
    assert!(text.contains("whether the secret has expired"), "{text}");
    assert!(
        !text.contains("canary") && !text.contains("Trace"),
        "{text}"
    );
}

#[tokio::test]
async fn claims_go_with_the_next_request_alone() {
    let exchange = secret(Vec::new());
    let world = Arc::clone(&exchange.world);
    let cache = CachedTokens::new(Arc::new(exchange.credential));
    let first = cache.token(SCOPE).await.unwrap();
    // Two requests were refused for the same token.
    let claims = Some(r#"{"access_token":{"nbf":{"essential":true,"value":"1"}}}"#);
    cache.invalidate(SCOPE, &first, claims).await;
    cache.invalidate(SCOPE, &first, claims).await;
    let second = cache.token(SCOPE).await.unwrap();
    assert_eq!(second.secret.expose_secret(), "token-2");
    assert_eq!(
        cache.token(SCOPE).await.unwrap().secret.expose_secret(),
        "token-2"
    );
    cache.invalidate(SCOPE, &second, None).await;
    cache.token(SCOPE).await.unwrap();
    let forms = world.forms.lock().unwrap().clone();
    let claims: Vec<bool> = forms
        .iter()
        .map(|form| form.contains("&claims=%7B%22access_token"))
        .collect();
    assert_eq!(claims, [false, true, false]);
}

#[test]
fn wrong_parameters_are_found_before_any_request() {
    let http = Arc::clone(&secret(Vec::new()).world);
    for (tenant, client, secret) in [
        ("", "c", "canary"),
        ("not a tenant", "c", "canary"),
        ("../other", "c", "canary"),
        ("contoso.com", "", "canary"),
        ("contoso.com", "c", ""),
    ] {
        let proof = Proof::Secret(SecretString::from(secret));
        let http: Arc<dyn HttpService> = Arc::<World>::clone(&http);
        let error =
            ApplicationCredential::new(application(tenant, client), proof, http).unwrap_err();
        assert!(error.to_string().contains("AZURE_TENANT_ID"), "{error}");
        assert!(!format!("{error:?}").contains("canary"));
    }
}
