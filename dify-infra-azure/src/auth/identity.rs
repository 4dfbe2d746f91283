//! Credentials of `azure_identity`, adapted: sentences instead of chains of types, a limit in
//! time, and a fresh start after a refused token.
//!
//! Managed identity is told by the platform where to ask, through variables of its own
//! (`IDENTITY_ENDPOINT`, `IDENTITY_HEADER`); nothing else is read from the environment.

use std::ffi::OsStr;
use std::fmt;
use std::process::{Output, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use azure_core::credentials::TokenCredential;
use azure_core::http::{ClientOptions, Transport};
use azure_identity::{
    AzureCliCredential, AzureCliCredentialOptions, Executor, ManagedIdentityCredential,
    ManagedIdentityCredentialOptions, UserAssignedId,
};
use jiff::Timestamp;

use super::{AccessToken, AuthError, AuthErrorKind, TokenProvider};

type Credential = Arc<dyn TokenCredential>;
type Build = Box<dyn Fn() -> azure_core::Result<Credential> + Send + Sync>;

/// A credential of `azure_identity`.
///
/// ```no_run
/// use std::sync::Arc;
///
/// use dify_infra_azure::auth::{CredentialChain, IdentityCredential};
///
/// let chain = CredentialChain::new(vec![
///     Arc::new(IdentityCredential::managed_identity(None)?),
///     Arc::new(IdentityCredential::azure_cli(None, None)?),
/// ]);
/// # Ok::<(), dify_infra_azure::auth::AuthError>(())
/// ```
pub struct IdentityCredential {
    source: Source,
    build: Build,
    current: Mutex<Credential>,
    timeout: Duration,
}

impl fmt::Debug for IdentityCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("IdentityCredential")
            .field(&self.source.name())
            .finish()
    }
}

#[derive(Clone, Copy)]
enum Source {
    AzureCli,
    ManagedIdentity,
}

impl Source {
    fn name(self) -> &'static str {
        match self {
            Self::AzureCli => "Azure CLI",
            Self::ManagedIdentity => "managed identity",
        }
    }

    fn remedy(self) -> &'static str {
        match self {
            Self::AzureCli => "run `az login`",
            Self::ManagedIdentity => {
                "run on an Azure resource that has an identity, or name its client id"
            }
        }
    }
}

impl IdentityCredential {
    /// Asks `az account get-access-token`, optionally for another tenant or subscription than
    /// the current one.
    ///
    /// # Errors
    ///
    /// When the tenant or the subscription has characters that neither can have.
    pub fn azure_cli(tenant: Option<&str>, subscription: Option<&str>) -> Result<Self, AuthError> {
        Self::azure_cli_with(tenant, subscription, Arc::new(CommandRunner))
    }

    fn azure_cli_with(
        tenant: Option<&str>,
        subscription: Option<&str>,
        executor: Arc<dyn Executor>,
    ) -> Result<Self, AuthError> {
        let options = AzureCliCredentialOptions {
            subscription: subscription.map(str::to_owned),
            tenant_id: tenant.map(str::to_owned),
            executor: Some(executor),
        };
        Self::new(Source::AzureCli, move || {
            Ok(AzureCliCredential::new(Some(options.clone()))?)
        })
    }

    /// Asks the platform for a managed identity: the system-assigned one, or the user-assigned
    /// one with `client_id`.
    ///
    /// # Errors
    ///
    /// When the platform has a kind of managed identity that `azure_identity` does not know.
    pub fn managed_identity(client_id: Option<&str>) -> Result<Self, AuthError> {
        Self::managed_identity_at(client_id, None)
    }

    /// The same with another way to the platform.
    fn managed_identity_at(
        client_id: Option<&str>,
        transport: Option<Transport>,
    ) -> Result<Self, AuthError> {
        let id = client_id.map(str::to_owned);
        Self::new(Source::ManagedIdentity, move || {
            let options = ManagedIdentityCredentialOptions {
                user_assigned_id: id.clone().map(UserAssignedId::ClientId),
                client_options: ClientOptions {
                    transport: transport.clone(),
                    ..ClientOptions::default()
                },
            };
            Ok(ManagedIdentityCredential::new(Some(options))?)
        })
    }

    /// Sets how long one attempt to get a token may take.
    ///
    /// A minute, and 15 seconds for managed identity: off Azure, nothing answers at its address.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    fn new(
        source: Source,
        build: impl Fn() -> azure_core::Result<Credential> + Send + Sync + 'static,
    ) -> Result<Self, AuthError> {
        let current = build().map_err(|error| explain(source, &error))?;
        let timeout = match source {
            Source::ManagedIdentity => Duration::from_secs(15),
            Source::AzureCli => Duration::from_mins(1),
        };
        Ok(Self {
            source,
            build: Box::new(build),
            current: Mutex::new(current),
            timeout,
        })
    }

    fn current(&self) -> Credential {
        Arc::clone(&self.current.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[async_trait::async_trait]
impl TokenProvider for IdentityCredential {
    async fn token(&self, scope: &str) -> Result<AccessToken, AuthError> {
        let credential = self.current();
        let scopes = [scope];
        let asked = tokio::time::timeout(self.timeout, credential.get_token(&scopes, None)).await;
        let token = asked
            .map_err(|_| {
                let cause = format!("no token within {} s", self.timeout.as_secs());
                AuthError::new(AuthErrorKind::Unavailable, self.source.name(), cause)
                    .with_remedy(self.source.remedy())
            })?
            .map_err(|error| explain(self.source, &error))?;
        let end = Timestamp::from_second(token.expires_on.unix_timestamp()).ok();
        Ok(AccessToken::new(token.token.secret(), end))
    }

    /// Starts over: the credentials keep tokens of their own and would give the same one again. Neither
    /// takes claims: a managed identity has no use for them, and `az` asks its user to sign in again.
    async fn invalidate(&self, _scope: &str, _rejected: &AccessToken, _claims: Option<&str>) {
        if let Ok(fresh) = (self.build)() {
            *self.current.lock().unwrap_or_else(PoisonError::into_inner) = fresh;
        }
    }
}

/// Turns an error of `azure_identity` into a sentence.
fn explain(source: Source, error: &azure_core::Error) -> AuthError {
    let cause = bare_cause(&error.to_string());
    let unavailable =
        |cause: String| AuthError::new(AuthErrorKind::Unavailable, source.name(), cause);
    if cause.contains("not found on PATH") {
        return unavailable("`az` is not installed, or not on the PATH".to_owned()).with_remedy(
            "install it (https://learn.microsoft.com/cli/azure/install-azure-cli) and run `az \
             login`",
        );
    }
    if cause.contains("expires_on") {
        return unavailable("`az` is older than 2.54.0".to_owned())
            .with_remedy("run `az upgrade`, then `az login`");
    }
    let refused = cause.contains("AADSTS") || matches!(source, Source::AzureCli);
    let kind = if refused {
        AuthErrorKind::Refused
    } else {
        AuthErrorKind::Unavailable
    };
    let cause = if cause.is_empty() {
        "it failed without saying why"
    } else {
        &cause
    };
    AuthError::new(kind, source.name(), cause).with_remedy(source.remedy())
}

/// Drops the type name in front, the link behind and line breaks, so that a cause is one line.
fn bare_cause(text: &str) -> String {
    let text = text.split("\nTo troubleshoot").next().unwrap_or_default();
    let text = match text.split_once(" authentication failed.") {
        Some((kind, rest)) if !kind.contains(' ') => rest,
        _ => text,
    };
    let words: Vec<_> = text.split_whitespace().collect();
    words
        .join(" ")
        .trim_start_matches("ERROR: ")
        .trim_end_matches('.')
        .to_owned()
}

/// Runs `az` in a child process that does not outlive the wait for it.
#[derive(Debug)]
struct CommandRunner;

#[async_trait::async_trait]
impl Executor for CommandRunner {
    async fn run(&self, program: &OsStr, args: &[&OsStr]) -> std::io::Result<Output> {
        tokio::process::Command::new(program)
            .args(args)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::process::ExitStatusExt;
    use std::process::{ExitStatus, Output};
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use azure_core::http::headers::Headers;
    use azure_core::http::{AsyncRawResponse, HttpClient, Request, StatusCode, Transport};
    use azure_identity::Executor;
    use secrecy::ExposeSecret as _;

    use super::super::{AuthErrorKind, CredentialChain, StaticToken, TokenProvider};
    use super::{CommandRunner, IdentityCredential};

    const SCOPE: &str = "https://management.azure.com/.default";

    #[derive(Debug)]
    struct FakeAz {
        code: i32,
        stdout: &'static str,
        stderr: &'static str,
    }

    #[async_trait::async_trait]
    impl Executor for FakeAz {
        async fn run(&self, _: &OsStr, args: &[&OsStr]) -> std::io::Result<Output> {
            let command = args.last().unwrap().to_string_lossy().into_owned();
            assert!(command.contains(&format!(
                "az account get-access-token -o json --scope {SCOPE}"
            )));
            Ok(Output {
                status: ExitStatus::from_raw(self.code << 8),
                stdout: self.stdout.into(),
                stderr: self.stderr.into(),
            })
        }
    }

    fn az(code: i32, stdout: &'static str, stderr: &'static str) -> IdentityCredential {
        let executor = Arc::new(FakeAz {
            code,
            stdout,
            stderr,
        });
        IdentityCredential::azure_cli_with(None, None, executor).unwrap()
    }

    #[tokio::test]
    async fn az_gives_a_token_with_its_end() {
        let stdout =
            r#"{"accessToken": "canary", "expires_on": 4102444800, "tokenType": "Bearer"}"#;
        let token = az(0, stdout, "").token(SCOPE).await.unwrap();
        assert_eq!(token.secret.expose_secret(), "canary");
        assert_eq!(
            token.expires_at.unwrap().to_string(),
            "2100-01-01T00:00:00Z"
        );
        assert!(!format!("{token:?}").contains("canary"));
    }

    #[tokio::test]
    async fn a_missing_az_is_a_sentence_with_the_remedy() {
        let error = az(127, "", "/bin/sh: az: not found")
            .token(SCOPE)
            .await
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "Azure CLI: `az` is not installed, or not on the PATH; install it \
             (https://learn.microsoft.com/cli/azure/install-azure-cli) and run `az login`"
        );
        assert_eq!(error.kind(), AuthErrorKind::Unavailable);
    }

    #[tokio::test]
    async fn the_real_runner_reports_a_command_that_does_not_exist() {
        let args = [
            OsStr::new("-c"),
            OsStr::new("PATH=/nowhere; az account show"),
        ];
        let output = CommandRunner
            .run(OsStr::new("/bin/sh"), &args)
            .await
            .unwrap();
        assert_eq!(output.status.code(), Some(127));
    }

    #[tokio::test]
    async fn a_signed_out_az_says_what_to_run() {
        let stderr = "ERROR: Please run 'az login' to setup account.\n";
        let error = az(1, "", stderr).token(SCOPE).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "Azure CLI: Please run 'az login' to setup account; run `az login`"
        );
        assert_eq!(error.kind(), AuthErrorKind::Refused);
    }

    #[tokio::test]
    async fn an_old_az_is_told_to_upgrade() {
        let stdout = r#"{"accessToken": "canary", "tokenType": "Bearer"}"#;
        let error = az(0, stdout, "").token(SCOPE).await.unwrap_err();
        assert!(error.to_string().contains("az upgrade"), "{error}");
        assert!(!format!("{error:?}").contains("canary"));
    }

    #[derive(Debug)]
    struct Hanging;

    #[async_trait::async_trait]
    impl Executor for Hanging {
        async fn run(&self, _: &OsStr, _: &[&OsStr]) -> std::io::Result<Output> {
            std::future::pending().await
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_hanging_az_is_given_up() {
        let az = IdentityCredential::azure_cli_with(None, None, Arc::new(Hanging)).unwrap();
        let error = az
            .with_timeout(Duration::from_secs(9))
            .token(SCOPE)
            .await
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "Azure CLI: no token within 9 s; run `az login`"
        );
    }

    #[tokio::test]
    async fn a_chain_reports_az_beside_the_others() {
        let chain = CredentialChain::new(vec![
            Arc::new(StaticToken::new("")),
            Arc::new(az(127, "", "")),
        ]);
        let text = chain.token(SCOPE).await.unwrap_err().to_string();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 3, "{text}");
        assert!(
            lines[1].starts_with("  token: it is empty; take one"),
            "{text}"
        );
        assert!(
            lines[2].starts_with("  Azure CLI: `az` is not installed"),
            "{text}"
        );
    }

    /// The metadata service of a machine; its answer for every request.
    #[derive(Debug)]
    struct MetadataService {
        status: u16,
        body: &'static str,
        asked: Mutex<Vec<String>>,
    }

    #[async_trait::async_trait]
    impl HttpClient for MetadataService {
        async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
            let header = request.headers().get_optional_str(&"metadata".into());
            let line = format!("{} {} {header:?}", request.method(), request.url());
            self.asked.lock().unwrap().push(line);
            let status = StatusCode::from(self.status);
            Ok(AsyncRawResponse::from_bytes(
                status,
                Headers::new(),
                self.body,
            ))
        }
    }

    /// Without the variables of Container Apps and App Service it is a machine that is asked.
    fn machine(
        status: u16,
        body: &'static str,
        id: Option<&str>,
    ) -> (Arc<MetadataService>, IdentityCredential) {
        let service = Arc::new(MetadataService {
            status,
            body,
            asked: Mutex::default(),
        });
        let transport = Transport::new(Arc::<MetadataService>::clone(&service));
        let credential = IdentityCredential::managed_identity_at(id, Some(transport)).unwrap();
        (service, credential)
    }

    #[tokio::test]
    async fn a_machine_gives_the_token_of_its_identity_and_a_fresh_one_after_a_refusal() {
        let body = r#"{"access_token": "canary", "expires_on": "4102444800", "resource": "r", "token_type": "Bearer"}"#;
        let (service, credential) = machine(200, body, Some("an-identity"));
        let token = credential.token(SCOPE).await.unwrap();
        assert_eq!(token.secret.expose_secret(), "canary");
        assert_eq!(
            token.expires_at.unwrap().to_string(),
            "2100-01-01T00:00:00Z"
        );
        credential.token(SCOPE).await.unwrap();
        credential.invalidate(SCOPE, &token, None).await;
        credential.token(SCOPE).await.unwrap();
        let asked = service.asked.lock().unwrap().clone();
        assert_eq!(
            asked,
            ["GET http://169.254.169.254/metadata/identity/oauth2/token?api-version=2019-08-01&\
              resource=https%3A%2F%2Fmanagement.azure.com&client_id=an-identity Some(\"true\")";
                2]
        );
    }

    #[tokio::test]
    async fn a_machine_without_the_identity_says_so() {
        let body = r#"{"error": "invalid_request", "error_description": "Identity not found"}"#;
        let (_, credential) = machine(400, body, None);
        let error = credential.token(SCOPE).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "managed identity: The requested identity has not been assigned to this resource; run on \
             an Azure resource that has an identity, or name its client id"
        );
        assert_eq!(error.kind(), AuthErrorKind::Unavailable);
    }
}
