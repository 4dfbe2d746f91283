//! Credentials of `azure_identity`, adapted: sentences instead of chains of types, a limit in
//! time, and a fresh start after a refused token.
//!
//! The library reads nothing from the environment by itself: tenant, client and secret are
//! parameters. (Managed identity is the exception: the platform tells it where to ask through
//! variables of its own.)

use std::ffi::OsStr;
use std::fmt;
use std::process::{Output, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use azure_core::cloud::CloudConfiguration;
use azure_core::credentials::{Secret, TokenCredential};
use azure_core::http::{ClientOptions, Transport};
use azure_identity::{
    AzureCliCredential, AzureCliCredentialOptions, ClientAssertionCredential,
    ClientAssertionCredentialOptions, ClientSecretCredential, ClientSecretCredentialOptions,
    Executor, ManagedIdentityCredential, ManagedIdentityCredentialOptions, UserAssignedId,
};
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};

use super::federated::{Assertion, FederatedToken};
use super::{AccessToken, AuthError, AuthErrorKind, TokenProvider};
use crate::http::HttpService;
use crate::http::redact::Scrubber;

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
    secret: Scrubber,
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
    ClientSecret,
    ManagedIdentity,
    WorkloadIdentity,
}

impl Source {
    fn name(self) -> &'static str {
        match self {
            Self::AzureCli => "Azure CLI",
            Self::ClientSecret => "client secret",
            Self::ManagedIdentity => "managed identity",
            Self::WorkloadIdentity => "workload identity",
        }
    }

    fn remedy(self) -> &'static str {
        match self {
            Self::AzureCli => "run `az login`",
            Self::ClientSecret => {
                "check AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET (the secret's \
                 value, not its id) and whether the secret has expired"
            }
            Self::ManagedIdentity => {
                "run on an Azure resource that has an identity, or name its client id"
            }
            Self::WorkloadIdentity => {
                "check the federated credential of the application (issuer, subject, audience \
                 api://AzureADTokenExchange), and in GitHub Actions `permissions: id-token: write`"
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
        Self::new(Source::AzureCli, Scrubber::default(), move || {
            Ok(AzureCliCredential::new(Some(options.clone()))?)
        })
    }

    /// Signs in as an application with a client secret.
    ///
    /// # Errors
    ///
    /// When one of the three is empty, or the tenant has characters that none can have.
    pub fn client_secret(
        tenant: &str,
        client_id: &str,
        secret: &SecretString,
    ) -> Result<Self, AuthError> {
        let mut scrubber = Scrubber::default();
        scrubber.add(secret.expose_secret());
        let (tenant, client_id, secret) = (tenant.to_owned(), client_id.to_owned(), secret.clone());
        Self::new(Source::ClientSecret, scrubber, move || {
            let secret = Secret::new(secret.expose_secret().to_owned());
            let options = ClientSecretCredentialOptions {
                client_options: public_cloud(),
            };
            Ok(ClientSecretCredential::new(
                &tenant,
                client_id.clone(),
                secret,
                Some(options),
            )?)
        })
    }

    /// Asks the platform for a managed identity: the system-assigned one, or the user-assigned
    /// one with `client_id`.
    ///
    /// # Errors
    ///
    /// When the platform has a kind of managed identity that `azure_identity` does not know.
    pub fn managed_identity(client_id: Option<&str>) -> Result<Self, AuthError> {
        let id = client_id.map(str::to_owned);
        Self::new(Source::ManagedIdentity, Scrubber::default(), move || {
            let options = ManagedIdentityCredentialOptions {
                user_assigned_id: id.clone().map(UserAssignedId::ClientId),
                ..ManagedIdentityCredentialOptions::default()
            };
            Ok(ManagedIdentityCredential::new(Some(options))?)
        })
    }

    /// Exchanges the token of a CI system or a cluster for one of Microsoft Entra.
    ///
    /// # Errors
    ///
    /// When the tenant has characters that none can have, or the client's id is empty.
    pub fn workload_identity(
        tenant: &str,
        client_id: &str,
        token: FederatedToken,
        http: Arc<dyn HttpService>,
    ) -> Result<Self, AuthError> {
        Self::workload_identity_at(
            tenant,
            client_id,
            Assertion {
                source: token,
                http,
            },
            None,
        )
    }

    /// The same with another way to Microsoft Entra.
    pub(super) fn workload_identity_at(
        tenant: &str,
        client_id: &str,
        assertion: Assertion,
        transport: Option<Transport>,
    ) -> Result<Self, AuthError> {
        let (tenant, client_id) = (tenant.to_owned(), client_id.to_owned());
        let mut scrubber = Scrubber::default();
        if let Some(secret) = assertion.source.secret() {
            scrubber.add(secret.expose_secret());
        }
        Self::new(Source::WorkloadIdentity, scrubber, move || {
            let options = ClientAssertionCredentialOptions {
                client_options: ClientOptions {
                    transport: transport.clone(),
                    ..public_cloud()
                },
            };
            Ok(ClientAssertionCredential::new(
                tenant.clone(),
                client_id.clone(),
                assertion.clone(),
                Some(options),
            )?)
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
        secret: Scrubber,
        build: impl Fn() -> azure_core::Result<Credential> + Send + Sync + 'static,
    ) -> Result<Self, AuthError> {
        let current = build().map_err(|error| explain(source, &error, &secret))?;
        let timeout = match source {
            Source::ManagedIdentity => Duration::from_secs(15),
            _ => Duration::from_mins(1),
        };
        Ok(Self {
            source,
            build: Box::new(build),
            current: Mutex::new(current),
            secret,
            timeout,
        })
    }

    fn current(&self) -> Credential {
        Arc::clone(&self.current.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Without this, `azure_identity` takes the authority from the environment.
fn public_cloud() -> ClientOptions {
    ClientOptions {
        cloud: Some(Arc::new(CloudConfiguration::AzurePublic)),
        ..ClientOptions::default()
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
            .map_err(|error| explain(self.source, &error, &self.secret))?;
        let end = Timestamp::from_second(token.expires_on.unix_timestamp()).ok();
        Ok(AccessToken::new(token.token.secret(), end))
    }

    /// Starts over: the credentials keep tokens of their own and would give the same one again.
    async fn invalidate(&self, _scope: &str, _rejected: &AccessToken) {
        if let Ok(fresh) = (self.build)() {
            *self.current.lock().unwrap_or_else(PoisonError::into_inner) = fresh;
        }
    }
}

/// Turns an error of `azure_identity` into a sentence.
fn explain(source: Source, error: &azure_core::Error, secret: &Scrubber) -> AuthError {
    let text = secret.scrub(&error.to_string());
    let cause = bare_cause(&text);
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
    use std::sync::Arc;
    use std::time::Duration;

    use azure_identity::Executor;
    use secrecy::{ExposeSecret, SecretString};

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

    #[test]
    fn wrong_parameters_are_found_before_any_request() {
        let secret = SecretString::from("canary-secret");
        for (tenant, client) in [("", "c"), ("not a tenant", "c"), ("contoso.com", "")] {
            let error = IdentityCredential::client_secret(tenant, client, &secret).unwrap_err();
            assert!(error.to_string().contains("AZURE_TENANT_ID"), "{error}");
            assert!(!format!("{error:?}").contains("canary"));
        }
        let fine = IdentityCredential::client_secret("contoso.com", "c", &secret).unwrap();
        assert!(!format!("{fine:?}").contains("canary"));
    }
}
