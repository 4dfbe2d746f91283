//! Tokens that end, or are taken back, in the middle of a run.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use dify_infra_azure::arm::ArmClient;
use dify_infra_azure::auth::{
    AccessToken, Application, ApplicationCredential, AuthError, Proof, TokenProvider,
};
use dify_infra_azure::cloud::Cloud;
use dify_infra_azure::http::{HttpError, HttpService};
use dify_infra_emulator::{DEFAULT_TENANT, Emulator};
use dify_infra_examples::MINIMAL;
use http::{Request, Response};
use secrecy::SecretString;
use serde_json::Value;

use crate::support::{Azure, Scene};

const ENDPOINT: &str = "https://azure.invalid";

fn application(http: Arc<dyn HttpService>) -> ApplicationCredential {
    let cloud = Cloud::custom(ENDPOINT).unwrap();
    let application = Application {
        authority: cloud.endpoint().clone(),
        tenant: DEFAULT_TENANT.to_owned(),
        client_id: "22222222-2222-4222-8222-222222222222".to_owned(),
    };
    let secret = Proof::Secret(SecretString::from("a-secret-of-the-application"));
    ApplicationCredential::new(application, secret, http).unwrap()
}

/// A deployment whose client signs in as an application, at the same Azure.
fn signed_in(
    azure: Arc<Azure>,
    transport: Arc<dyn HttpService>,
    tokens: Arc<dyn TokenProvider>,
) -> Scene {
    let mut scene = Scene::on(azure, MINIMAL);
    let cloud = Cloud::custom(ENDPOINT).unwrap();
    scene.client = ArmClient::builder(cloud, transport, tokens).build();
    scene
}

fn is_sign_in(path: &str) -> bool {
    path.ends_with("/oauth2/v2.0/token")
}

/// How often a token was asked for, and how many requests were refused for theirs.
fn sign_ins_and_refusals(azure: &Azure) -> (usize, usize) {
    let all = azure.exchanges();
    let sign_ins = all.iter().filter(|one| is_sign_in(&one.path)).count();
    let refusals = all.iter().filter(|one| one.status == Some(401)).count();
    (sign_ins, refusals)
}

#[tokio::test(start_paused = true)]
async fn a_token_is_renewed_in_mid_run_before_it_ends() {
    // Five minutes before its end a token is not used any more: this one serves for two.
    let azure = Azure::with(Emulator::builder().token_seconds(7 * 60));
    let transport: Arc<dyn HttpService> = Arc::<Azure>::clone(&azure);
    let tokens = Arc::new(application(Arc::clone(&transport)));
    let scene = signed_in(Arc::clone(&azure), transport, tokens);
    scene.apply().await;
    let (sign_ins, refusals) = sign_ins_and_refusals(&azure);
    assert_eq!(refusals, 0);
    assert!((4..=20).contains(&sign_ins), "{sign_ins}");
    scene.assert_settled().await;
}

/// A credential that does not know when its tokens end.
#[derive(Debug)]
struct Endless(ApplicationCredential);

#[async_trait::async_trait]
impl TokenProvider for Endless {
    async fn token(&self, scope: &str) -> Result<AccessToken, AuthError> {
        let token = self.0.token(scope).await?;
        Ok(AccessToken::new(token.secret, None))
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_that_has_ended_is_renewed_once_however_many_requests_had_it() {
    let azure = Azure::with(Emulator::builder().token_seconds(90));
    let transport: Arc<dyn HttpService> = Arc::<Azure>::clone(&azure);
    let tokens = Arc::new(Endless(application(Arc::clone(&transport))));
    let scene = signed_in(Arc::clone(&azure), transport, tokens);
    scene.apply().await;
    let (sign_ins, refusals) = sign_ins_and_refusals(&azure);
    assert!(
        sign_ins >= 5 && refusals >= sign_ins - 1,
        "{sign_ins} {refusals}"
    );
    scene.assert_settled().await;
}

/// Refuses every token that was not asked for with claims, from one request on.
#[derive(Debug)]
struct Challenging {
    azure: Arc<Azure>,
    from: usize,
    asked: AtomicUsize,
    /// Tokens that were asked for with claims, and the claims.
    proven: Mutex<BTreeSet<String>>,
    refused: AtomicUsize,
    claims: Mutex<Vec<String>>,
}

#[async_trait::async_trait]
impl HttpService for Challenging {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        if is_sign_in(request.uri().path()) {
            let form = String::from_utf8(request.body().to_vec()).unwrap();
            let claims = form
                .split('&')
                .find_map(|pair| pair.strip_prefix("claims="));
            let response = self.azure.send(request).await?;
            if let Some(claims) = claims {
                self.claims.lock().unwrap().push(claims.to_owned());
                let body: Value = serde_json::from_slice(response.body()).unwrap();
                let token = body["access_token"].as_str().unwrap().to_owned();
                self.proven.lock().unwrap().insert(token);
            }
            return Ok(response);
        }
        let header = request.headers()["authorization"].to_str().unwrap();
        let token = header.strip_prefix("Bearer ").unwrap();
        let is_proven = self.proven.lock().unwrap().contains(token);
        if self.asked.fetch_add(1, Ordering::SeqCst) < self.from || is_proven {
            return self.azure.send(request).await;
        }
        self.refused.fetch_add(1, Ordering::SeqCst);
        // {"access_token":{"nbf":{"essential":true,"value":"1"}}}
        let challenge = "Bearer realm=\"\", error=\"insufficient_claims\", claims=\"eyJhY2Nlc3NfdG9rZW4\
                         iOnsibmJmIjp7ImVzc2VudGlhbCI6dHJ1ZSwidmFsdWUiOiIxIn19fQ==\"";
        let body = r#"{"error": {"code": "InvalidAuthenticationToken", "message": "claims"}}"#;
        let response = Response::builder()
            .status(401)
            .header("www-authenticate", challenge);
        Ok(response.body(Bytes::from(body)).unwrap())
    }
}

#[tokio::test(start_paused = true)]
async fn a_claims_challenge_is_met_once_with_the_claims() {
    let azure = Azure::new();
    let challenging = Arc::new(Challenging {
        azure: Arc::clone(&azure),
        from: 40,
        asked: AtomicUsize::new(0),
        proven: Mutex::default(),
        refused: AtomicUsize::new(0),
        claims: Mutex::default(),
    });
    let transport: Arc<dyn HttpService> = Arc::<Challenging>::clone(&challenging);
    let tokens = Arc::new(application(Arc::clone(&transport)));
    let scene = signed_in(azure, transport, tokens);
    scene.apply().await;
    scene.assert_settled().await;
    assert!(challenging.refused.load(Ordering::SeqCst) > 0);
    let claims = challenging.claims.lock().unwrap().clone();
    let asked = "%7B%22access_token%22%3A%7B%22nbf%22%3A%7B%22essential%22%3Atrue%2C%22value%22%3A%221%22%7D%7D%7D";
    assert_eq!(claims, [asked]);
}
