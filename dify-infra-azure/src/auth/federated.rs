//! Tokens of a CI system or a cluster, to be exchanged for one of Microsoft Entra: who runs there
//! needs no secret of Azure.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use crate::http::HttpService;

/// What Microsoft Entra expects as the audience of a token that is exchanged
/// (<https://learn.microsoft.com/entra/workload-id/workload-identity-federation-create-trust>).
const AUDIENCE: &str = "api://AzureADTokenExchange";

/// Where the token comes from that is exchanged.
#[derive(Clone)]
#[non_exhaustive]
pub enum FederatedToken {
    /// A file that the platform keeps fresh, as Kubernetes does; it is read for every exchange.
    File(PathBuf),
    /// GitHub Actions, in a job with `permissions: id-token: write`
    /// (<https://docs.github.com/actions/reference/security/oidc>).
    GitHub {
        /// `ACTIONS_ID_TOKEN_REQUEST_URL`.
        url: String,
        /// `ACTIONS_ID_TOKEN_REQUEST_TOKEN`.
        token: SecretString,
    },
    /// Azure Pipelines, with a service connection that uses workload identity federation
    /// (<https://learn.microsoft.com/rest/api/azure/devops/distributedtask/oidctoken/create>).
    AzurePipelines {
        /// `SYSTEM_OIDCREQUESTURI`.
        url: String,
        /// `SYSTEM_ACCESSTOKEN`, which a step must be given.
        token: SecretString,
        /// The id of the service connection.
        service_connection: String,
    },
}

impl fmt::Debug for FederatedToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::File(path) => return formatter.debug_tuple("File").field(path).finish(),
            Self::GitHub { .. } => "GitHub",
            Self::AzurePipelines { .. } => "AzurePipelines",
        };
        formatter.debug_struct(name).finish_non_exhaustive()
    }
}

impl FederatedToken {
    /// What it is, for people.
    pub(super) fn place(&self) -> String {
        match self {
            Self::File(path) => format!("the token file {}", path.display()),
            Self::GitHub { .. } => "GitHub Actions".to_owned(),
            Self::AzurePipelines { .. } => "Azure Pipelines".to_owned(),
        }
    }

    /// The secret that must never be shown, besides the token itself.
    pub(super) fn secret(&self) -> Option<&SecretString> {
        match self {
            Self::File(_) => None,
            Self::GitHub { token, .. } | Self::AzurePipelines { token, .. } => Some(token),
        }
    }

    /// The request that answers a token, and the member of the answer that has it.
    fn request(&self) -> Option<(http::Result<Request<Bytes>>, &'static str)> {
        let (method, url, token, member) = match self {
            Self::File(_) => return None,
            Self::GitHub { url, token } => {
                let audience = AUDIENCE.replace(':', "%3A").replace('/', "%2F");
                (
                    Method::GET,
                    with_query(url, &format!("audience={audience}")),
                    token,
                    "value",
                )
            }
            Self::AzurePipelines {
                url,
                token,
                service_connection,
            } => {
                let query = format!("api-version=7.1&serviceConnectionId={service_connection}");
                (Method::POST, with_query(url, &query), token, "oidcToken")
            }
        };
        let request = Request::builder()
            .method(method)
            .uri(url)
            .header("authorization", format!("Bearer {}", token.expose_secret()))
            .header("accept", "application/json")
            // Azure DevOps answers a missing right with a page to sign in at unless it is told not to.
            .header("x-tfs-fedauthredirect", "Suppress")
            .header("content-length", "0")
            .body(Bytes::new());
        Some((request, member))
    }
}

fn with_query(url: &str, query: &str) -> String {
    let separator = if url.contains('?') { '&' } else { '?' };
    format!("{url}{separator}{query}")
}

/// A token of the CI system or the cluster, fetched anew for every exchange: they live for minutes.
pub(super) struct Assertion {
    pub(super) source: FederatedToken,
    pub(super) http: Arc<dyn HttpService>,
}

impl Assertion {
    pub(super) async fn fetch(&self) -> Result<SecretString, String> {
        let Some((request, member)) = self.source.request() else {
            let FederatedToken::File(path) = &self.source else {
                return Err("there is nothing to ask".to_owned());
            };
            let text = tokio::fs::read_to_string(path).await;
            let text = text.map_err(|error| format!("it can't be read: {error}"))?;
            return Ok(text.trim().into());
        };
        let request = request.map_err(|_| "its address is not a URL".to_owned())?;
        let response = self.http.send(request).await;
        let response = response.map_err(|error| error.to_string())?;
        let status = response.status();
        // An answer of 203 is Azure DevOps' page to sign in at.
        if status != http::StatusCode::OK {
            return Err(format!("it answers {status}"));
        }
        let body: Value = serde_json::from_slice(response.body()).unwrap_or_default();
        let token = body.get(member).and_then(Value::as_str);
        token
            .map(SecretString::from)
            .ok_or_else(|| format!("its answer has no `{member}`"))
    }
}
