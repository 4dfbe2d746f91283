//! Where the token comes from: the credentials that were asked for, or all that are set up.

use std::sync::Arc;

use anyhow::Context as _;
use dify_infra_azure::auth::{
    Application, ApplicationCredential, ClientCertificate, CredentialChain, IdentityCredential,
    NotSetUp, Proof, StaticToken, TokenProvider,
};
use dify_infra_azure::cloud::Cloud;
use dify_infra_azure::http::HttpService;
use dify_infra_core::names::SubscriptionId;

use crate::args::Auth;
use crate::env;
use crate::settings::Credentials;
use crate::ui::errors::Problem;

/// What an emulator takes for a token: anything.
fn made_up_token() -> Provider {
    Arc::new(StaticToken::new("no-token-is-needed-here"))
}

/// What every credential needs to know besides its own settings.
pub(super) struct Asker<'a> {
    pub(super) credentials: &'a Credentials,
    pub(super) cloud: &'a Cloud,
    pub(super) subscription: Option<&'a SubscriptionId>,
    pub(super) service: &'a Arc<dyn HttpService>,
}

type Provider = Arc<dyn TokenProvider>;

impl Asker<'_> {
    /// The credentials that were asked for.
    ///
    /// # Errors
    ///
    /// When they lack a value, or one can't be used.
    pub(super) fn tokens(&self) -> anyhow::Result<Provider> {
        Ok(match self.credentials.auth {
            Auth::Auto if self.cloud.is_loopback() => made_up_token(),
            Auth::Auto => Arc::new(CredentialChain::new(self.chain()?)),
            Auth::AzureCli => self.azure_cli()?,
            Auth::ManagedIdentity => self.managed_identity()?,
            Auth::WorkloadIdentity => self.workload_identity()?,
            Auth::ClientSecret => self.client_secret()?,
            Auth::ClientCertificate => self.client_certificate()?,
            Auth::Token => self.token()?,
        })
    }

    /// Everything that is set up, what was set up on purpose first; the rest says what it lacks, so
    /// that an error names every source.
    fn chain(&self) -> anyhow::Result<Vec<Provider>> {
        let given = self.credentials;
        let mut chain = Vec::new();
        let mut add =
            |name: &str, lacks: Option<&str>, make: &dyn Fn() -> anyhow::Result<Provider>| {
                chain.push(match lacks {
                    Some(missing) => Arc::new(NotSetUp::new(name, missing)),
                    None => make()?,
                });
                anyhow::Ok(())
            };
        let not_set = |missing: &[(bool, &'static str)]| {
            let found = missing.iter().find(|(is_set, _)| !is_set);
            found.map(|(_, sentence)| *sentence)
        };
        let no_token = not_set(&[(given.token.is_some(), "DIFY_INFRA_TOKEN is not set")]);
        add("token", no_token, &|| self.token())?;
        let no_secret = not_set(&[(
            given.client_secret.is_some(),
            "AZURE_CLIENT_SECRET is not set",
        )]);
        add("client secret", no_secret, &|| self.client_secret())?;
        let path = "AZURE_CLIENT_CERTIFICATE_PATH is not set";
        let no_certificate = not_set(&[(given.certificate.is_some(), path)]);
        add("client certificate", no_certificate, &|| {
            self.client_certificate()
        })?;
        let no_exchange = not_set(&[
            (
                given.federated.is_some(),
                "there is no token of GitHub Actions, Azure Pipelines or a cluster",
            ),
            (given.tenant.is_some(), "AZURE_TENANT_ID is not set"),
            (given.client.is_some(), "AZURE_CLIENT_ID is not set"),
        ]);
        add("workload identity", no_exchange, &|| {
            self.workload_identity()
        })?;
        let nowhere =
            "IDENTITY_ENDPOINT is not set; on a virtual machine say `--auth managed-identity`";
        let no_identity = not_set(&[(given.has_identity, nowhere)]);
        add("managed identity", no_identity, &|| self.managed_identity())?;
        add("Azure CLI", None, &|| self.azure_cli())?;
        Ok(chain)
    }

    fn azure_cli(&self) -> anyhow::Result<Provider> {
        // `az` takes one of the two; the subscription's tenant is the right one.
        let tenant = self.credentials.tenant.as_deref();
        let tenant = tenant.filter(|_| self.subscription.is_none());
        let subscription = self.subscription.map(SubscriptionId::as_str);
        Ok(Arc::new(IdentityCredential::azure_cli(
            tenant,
            subscription,
        )?))
    }

    fn managed_identity(&self) -> anyhow::Result<Provider> {
        let client = self.credentials.client.as_deref();
        Ok(Arc::new(IdentityCredential::managed_identity(client)?))
    }

    fn application(&self, proof: Proof) -> anyhow::Result<Provider> {
        let application = Application {
            authority: self.cloud.authority().clone(),
            tenant: wanted(self.credentials.tenant.as_ref(), env::TENANT_ID)?.clone(),
            client_id: wanted(self.credentials.client.as_ref(), env::CLIENT_ID)?.clone(),
        };
        let service = Arc::clone(self.service);
        Ok(Arc::new(ApplicationCredential::new(
            application,
            proof,
            service,
        )?))
    }

    fn workload_identity(&self) -> anyhow::Result<Provider> {
        let token = self.credentials.federated.clone().ok_or_else(|| {
            Problem::new("there is no token here that could be exchanged for one of Azure").hint(
                "in GitHub Actions give the job `permissions: id-token: write`; in Azure Pipelines \
                 run in a task AzureCLI with `env: SYSTEM_ACCESSTOKEN: $(System.AccessToken)`; \
                 elsewhere set AZURE_FEDERATED_TOKEN_FILE",
            )
        })?;
        self.application(Proof::Federated(token))
    }

    fn client_secret(&self) -> anyhow::Result<Provider> {
        let secret = wanted(self.credentials.client_secret.as_ref(), env::CLIENT_SECRET)?;
        self.application(Proof::Secret(secret.clone()))
    }

    fn client_certificate(&self) -> anyhow::Result<Provider> {
        let path = wanted(
            self.credentials.certificate.as_ref(),
            env::CLIENT_CERTIFICATE,
        )?;
        let place = || format!("the client certificate {} can't be used", path.display());
        let text = std::fs::read(path).with_context(place)?;
        let certificate = ClientCertificate::from_pem(&text).with_context(place)?;
        let certificate = certificate.with_chain_sent(self.credentials.sends_certificate);
        self.application(Proof::Certificate(certificate))
    }

    fn token(&self) -> anyhow::Result<Provider> {
        let token = wanted(self.credentials.token.as_ref(), env::TOKEN)?;
        Ok(Arc::new(StaticToken::new(token.clone())))
    }
}

/// A value that the chosen credentials can't do without.
fn wanted<Value>(value: Option<&Value>, variable: env::Variable) -> Result<&Value, Problem> {
    value.ok_or_else(|| {
        Problem::new(format!(
            "the chosen credentials need {}, which is not set",
            variable.name
        ))
        .hint(format!("{}: {}", variable.name, variable.description))
    })
}

#[cfg(test)]
mod tests {
    use dify_infra_azure::auth::FederatedToken;
    use dify_infra_azure::http::ReqwestService;

    use super::*;

    fn service() -> Arc<dyn HttpService> {
        Arc::new(ReqwestService::builder().build().unwrap())
    }

    fn with(auth: Auth) -> Credentials {
        Credentials {
            auth,
            ..Credentials::default()
        }
    }

    fn asking<'a>(
        credentials: &'a Credentials,
        cloud: &'a Cloud,
        service: &'a Arc<dyn HttpService>,
    ) -> Asker<'a> {
        Asker {
            credentials,
            cloud,
            subscription: None,
            service,
        }
    }

    #[test]
    fn a_missing_value_is_named() {
        let missing = |credentials: &Credentials| {
            let error = asking(credentials, &Cloud::public(), &service())
                .tokens()
                .unwrap_err();
            format!("{error:#}")
        };
        let ids = |auth| Credentials {
            tenant: Some("t".to_owned()),
            client: Some("c".to_owned()),
            certificate: Some("/nowhere/deployer.pem".into()),
            ..with(auth)
        };
        for (credentials, part) in [
            (ids(Auth::WorkloadIdentity), "no token here"),
            (ids(Auth::ClientSecret), "AZURE_CLIENT_SECRET"),
            (
                ids(Auth::ClientCertificate),
                "/nowhere/deployer.pem can't be used",
            ),
            (
                with(Auth::ClientCertificate),
                "AZURE_CLIENT_CERTIFICATE_PATH",
            ),
            (with(Auth::Token), "DIFY_INFRA_TOKEN"),
        ] {
            let text = missing(&credentials);
            assert!(text.contains(part), "{text}");
        }
    }

    #[test]
    fn a_loopback_endpoint_never_gets_a_real_token() {
        let cloud = Cloud::custom("http://127.0.0.1:7700").unwrap();
        let credentials = Credentials {
            token: Some("canary".into()),
            ..with(Auth::Auto)
        };
        let tokens = asking(&credentials, &cloud, &service()).tokens().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let token = runtime.block_on(tokens.token("scope")).unwrap();
        assert_eq!(
            secrecy::ExposeSecret::expose_secret(&token.secret),
            "no-token-is-needed-here"
        );
    }

    /// The credentials of a chain that would be asked.
    fn asked(credentials: &Credentials) -> Vec<String> {
        let chain = asking(credentials, &Cloud::public(), &service())
            .chain()
            .unwrap();
        assert_eq!(chain.len(), 6, "every source has its line");
        let shown = chain.iter().map(|one| format!("{one:?}"));
        shown.filter(|one| !one.starts_with("NotSetUp")).collect()
    }

    #[test]
    fn auto_asks_only_what_is_set_up() {
        const AZ: &str = "IdentityCredential(\"Azure CLI\")";
        const EXCHANGE: &str = "ApplicationCredential(workload identity)";
        assert_eq!(asked(&with(Auth::Auto)), [AZ]);
        let token = Credentials {
            token: Some("t".into()),
            ..with(Auth::Auto)
        };
        assert!(asked(&token)[0].starts_with("StaticToken"));
        let identity = Credentials {
            has_identity: true,
            ..with(Auth::Auto)
        };
        assert_eq!(
            asked(&identity)[0],
            "IdentityCredential(\"managed identity\")"
        );
        let federated = Some(FederatedToken::File("/token".into()));
        let workload = Credentials {
            federated: federated.clone(),
            tenant: Some("t".to_owned()),
            client: Some("c".to_owned()),
            ..with(Auth::Auto)
        };
        assert_eq!(asked(&workload), [EXCHANGE, AZ]);
        let nameless = Credentials {
            federated,
            ..with(Auth::Auto)
        };
        assert_eq!(asked(&nameless), [AZ]);
    }
}
