//! A client for the Azure that was asked for, with its subscription.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use dify_infra_azure::ErrorKind;
use dify_infra_azure::arm::{ArmClient, PollSchedule, Subscription};
use dify_infra_azure::auth::{CredentialChain, IdentityCredential, StaticToken, TokenProvider};
use dify_infra_azure::cloud::Cloud;
use dify_infra_azure::http::{HttpService, ReqwestService, RetryPolicy};
use dify_infra_core::graph::ResourceGraph;
use dify_infra_core::names::SubscriptionId;
use dify_infra_core::resource::Kind;
use dify_infra_emulator::DEFAULT_SUBSCRIPTION;
use secrecy::SecretString;

use super::StateDirectory;
use crate::args::{Auth, Target};
use crate::embedded::{self, EmbeddedService};
use crate::env;
use crate::settings::{Credentials, Settings};
use crate::ui::Ui;
use crate::ui::errors::Problem;

/// How long connecting may fail before the person is told that it is tried again.
const SILENCE: Duration = Duration::from_secs(5);

/// How long one attempt to connect may take; Azure's front ends take well under a second.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A client for a group that no deployment file describes.
///
/// # Errors
///
/// When there is no token, or it is not clear which subscription is meant.
pub(crate) async fn connect_for_group(
    ui: &Ui,
    settings: &Settings,
) -> anyhow::Result<(ArmClient, SubscriptionId)> {
    let state = StateDirectory::beside(std::path::Path::new("."));
    connect(ui, settings, &state, settings.subscription.clone()).await
}

/// A client, and the subscription: the one that was named, or the only one there is.
pub(super) async fn connect(
    ui: &Ui,
    settings: &Settings,
    state: &StateDirectory,
    named: Option<SubscriptionId>,
) -> anyhow::Result<(ArmClient, SubscriptionId)> {
    match settings.target {
        Target::Embedded => connect_embedded(settings, state, named),
        Target::Azure => connect_azure(ui, settings, named).await,
    }
}

fn connect_embedded(
    settings: &Settings,
    state: &StateDirectory,
    named: Option<SubscriptionId>,
) -> anyhow::Result<(ArmClient, SubscriptionId)> {
    let subscription = match named {
        Some(subscription) => subscription,
        None => DEFAULT_SUBSCRIPTION
            .parse()
            .context("the embedded Azure has a wrong id")?,
    };
    let service = embedded(settings, state, &subscription).map_err(with_way_out)?;
    let cloud = Cloud::custom(embedded::ENDPOINT)?;
    let client = ArmClient::builder(cloud, Arc::new(service), made_up_token())
        .poll_schedule(schedule(settings.time_scale))
        .build();
    Ok((client, subscription))
}

fn embedded(
    settings: &Settings,
    state: &StateDirectory,
    subscription: &SubscriptionId,
) -> anyhow::Result<EmbeddedService> {
    state.create()?;
    Ok(EmbeddedService::open(
        &state.azure(),
        subscription.as_str(),
        settings.time_scale,
    )?)
}

/// Says where else an emulated Azure can live, when this directory takes no files.
fn with_way_out(error: anyhow::Error) -> anyhow::Error {
    let is_about_writing = error
        .chain()
        .any(|cause| cause.downcast_ref::<std::io::Error>().is_some());
    if !is_about_writing {
        return error;
    }
    let problem = Problem::new("the embedded Azure needs a directory that it can write to");
    error.context(problem.hint(
        "copy the deployment file to a directory of yours, or run `dify-infra emulate` and give \
         --endpoint http://127.0.0.1:7700",
    ))
}

/// Azure's pauses in the time of an embedded one.
fn schedule(time_scale: f64) -> PollSchedule {
    let scaled =
        |seconds: f64| Duration::from_secs_f64((seconds / time_scale).clamp(0.001, seconds));
    PollSchedule::new(Duration::from_millis(5), scaled(1.0), scaled(15.0))
}

async fn connect_azure(
    ui: &Ui,
    settings: &Settings,
    named: Option<SubscriptionId>,
) -> anyhow::Result<(ArmClient, SubscriptionId)> {
    let cloud = match &settings.endpoint {
        Some(endpoint) => Cloud::custom(endpoint)?,
        None => Cloud::public(),
    };
    let service: Arc<dyn HttpService> = Arc::new(
        ReqwestService::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .build()?,
    );
    let tokens = tokens(&settings.credentials, &cloud, named.as_ref(), &service)?;
    let retry = retries(&cloud);
    let client = ArmClient::builder(cloud, service, tokens)
        .retry(retry)
        .build();
    client.authenticate().await?;
    let subscription = match named {
        Some(subscription) => subscription,
        None => patiently(ui, &client, only_subscription(ui, &client)).await?,
    };
    Ok((client, subscription))
}

/// Asks for the deployment's group, so that an Azure that can't be reached, or refuses the token,
/// is one error. What else it answers is told by those who need it.
///
/// # Errors
///
/// When there is no connection, no answer, or the token is refused.
pub(super) async fn reach(
    ui: &Ui,
    client: &ArmClient,
    graph: &ResourceGraph,
) -> anyhow::Result<()> {
    let group = graph.group().to_string();
    let looked = client.head(&group, Kind::ResourceGroup.api_version());
    match patiently(ui, client, looked).await {
        Err(error) if error.kind() == ErrorKind::Transport => Err(unreachable(client, error)),
        Err(error) if error.kind() == ErrorKind::Authentication => Err(error.into()),
        Ok(_) | Err(_) => Ok(()),
    }
}

fn unreachable(client: &ArmClient, error: dify_infra_azure::Error) -> anyhow::Error {
    let problem = Problem::new(format!("Azure can't be reached at {}", host(client)));
    let hint = if client.cloud().is_loopback() {
        "start the emulator with `dify-infra emulate`, or mend --endpoint"
    } else {
        "check the network, the proxy (HTTPS_PROXY) and --endpoint"
    };
    anyhow::Error::new(error).context(problem.hint(hint))
}

fn host(client: &ArmClient) -> &str {
    client.cloud().endpoint().host_str().unwrap_or_default()
}

/// Waits for a request, and says so when connecting has failed for a while.
async fn patiently<Request: Future>(
    ui: &Ui,
    client: &ArmClient,
    request: Request,
) -> Request::Output {
    let mut request = std::pin::pin!(request);
    let told = async {
        tokio::time::sleep(SILENCE).await;
        while client.unconnected_for().is_none() {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        ui.warn(format!("can't connect to {}, retrying", host(client)));
    };
    tokio::select! {
        biased;
        answer = &mut request => return answer,
        () = told => {}
    }
    request.await
}

/// Azure comes back after minutes; an emulator that does not listen was not started.
fn retries(cloud: &Cloud) -> RetryPolicy {
    let policy = RetryPolicy::default();
    if cloud.is_loopback() {
        policy.with_retries(2).with_total(Duration::from_secs(5))
    } else {
        policy
    }
}

/// The only subscription that the credentials see.
async fn only_subscription(ui: &Ui, client: &ArmClient) -> anyhow::Result<SubscriptionId> {
    let seen = client
        .subscriptions()
        .await
        .context("the subscriptions to choose from can't be listed")?;
    let is_enabled = |one: &&Subscription| one.state.eq_ignore_ascii_case("Enabled");
    let enabled: Vec<&Subscription> = seen.iter().filter(is_enabled).collect();
    match enabled.as_slice() {
        [only] => {
            ui.say(format!("subscription: {} ({})", only.name, only.id));
            only.id
                .parse()
                .with_context(|| format!("Azure's subscription id `{}`", only.id))
        }
        [] => Err(Problem::new("the credentials see no enabled subscription")
            .hint("sign in to the tenant that has it: `az login --tenant TENANT`")
            .into()),
        several => {
            let list: Vec<String> = several
                .iter()
                .map(|one| format!("{} ({})", one.id, one.name))
                .collect();
            Err(
                Problem::new("it is not clear which subscription to deploy into")
                    .hint(format!(
                        "set `subscription` under [azure] in the file, or give --subscription; the \
                     credentials see {}",
                        list.join(", ")
                    ))
                    .into(),
            )
        }
    }
}

/// What an emulator takes for a token: anything.
fn made_up_token() -> Arc<dyn TokenProvider> {
    Arc::new(StaticToken::new("no-token-is-needed-here"))
}

fn tokens(
    credentials: &Credentials,
    cloud: &Cloud,
    subscription: Option<&SubscriptionId>,
    service: &Arc<dyn HttpService>,
) -> anyhow::Result<Arc<dyn TokenProvider>> {
    Ok(match credentials.auth {
        Auth::Auto if cloud.is_loopback() => made_up_token(),
        Auth::Auto => Arc::new(CredentialChain::new(chain(
            credentials,
            subscription,
            service,
        )?)),
        Auth::AzureCli => azure_cli(credentials, subscription)?,
        Auth::ManagedIdentity => managed_identity(credentials)?,
        Auth::WorkloadIdentity => workload_identity(credentials, service)?,
        Auth::ClientSecret => client_secret(credentials)?,
        Auth::Token => token(credentials)?,
    })
}

/// Everything that is set up, what was set up on purpose first.
fn chain(
    credentials: &Credentials,
    subscription: Option<&SubscriptionId>,
    service: &Arc<dyn HttpService>,
) -> anyhow::Result<Vec<Arc<dyn TokenProvider>>> {
    let mut chain = Vec::new();
    if credentials.token.is_some() {
        chain.push(token(credentials)?);
    }
    if credentials.client_secret.is_some() {
        chain.push(client_secret(credentials)?);
    }
    let names_application = credentials.tenant.is_some() && credentials.client.is_some();
    if credentials.federated.is_some() && names_application {
        chain.push(workload_identity(credentials, service)?);
    }
    if credentials.has_identity {
        chain.push(managed_identity(credentials)?);
    }
    chain.push(azure_cli(credentials, subscription)?);
    Ok(chain)
}

fn azure_cli(
    credentials: &Credentials,
    subscription: Option<&SubscriptionId>,
) -> anyhow::Result<Arc<dyn TokenProvider>> {
    // `az` takes one of the two; the subscription's tenant is the right one.
    let tenant = credentials
        .tenant
        .as_deref()
        .filter(|_| subscription.is_none());
    let subscription = subscription.map(SubscriptionId::as_str);
    Ok(Arc::new(IdentityCredential::azure_cli(
        tenant,
        subscription,
    )?))
}

fn managed_identity(credentials: &Credentials) -> anyhow::Result<Arc<dyn TokenProvider>> {
    Ok(Arc::new(IdentityCredential::managed_identity(
        credentials.client.as_deref(),
    )?))
}

fn workload_identity(
    credentials: &Credentials,
    service: &Arc<dyn HttpService>,
) -> anyhow::Result<Arc<dyn TokenProvider>> {
    let tenant = wanted(credentials.tenant.as_ref(), env::TENANT_ID)?;
    let client = wanted(credentials.client.as_ref(), env::CLIENT_ID)?;
    let token = credentials.federated.clone().ok_or_else(|| {
        Problem::new("there is no token here that could be exchanged for one of Azure").hint(
            "in GitHub Actions give the job `permissions: id-token: write`; in Azure Pipelines run in a \
             task AzureCLI with `env: SYSTEM_ACCESSTOKEN: $(System.AccessToken)`; elsewhere set \
             AZURE_FEDERATED_TOKEN_FILE",
        )
    })?;
    Ok(Arc::new(IdentityCredential::workload_identity(
        tenant,
        client,
        token,
        Arc::clone(service),
    )?))
}

fn client_secret(credentials: &Credentials) -> anyhow::Result<Arc<dyn TokenProvider>> {
    let tenant = wanted(credentials.tenant.as_ref(), env::TENANT_ID)?;
    let client = wanted(credentials.client.as_ref(), env::CLIENT_ID)?;
    let secret: &SecretString = wanted(credentials.client_secret.as_ref(), env::CLIENT_SECRET)?;
    Ok(Arc::new(IdentityCredential::client_secret(
        tenant, client, secret,
    )?))
}

fn token(credentials: &Credentials) -> anyhow::Result<Arc<dyn TokenProvider>> {
    let token = wanted(credentials.token.as_ref(), env::TOKEN)?;
    Ok(Arc::new(StaticToken::new(token.clone())))
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

    #[test]
    fn a_missing_value_is_named() {
        let ids = Credentials {
            tenant: Some("t".to_owned()),
            client: Some("c".to_owned()),
            ..with(Auth::WorkloadIdentity)
        };
        let error = tokens(&ids, &Cloud::public(), None, &service()).unwrap_err();
        assert!(error.to_string().contains("no token here"), "{error}");
        let error = tokens(&with(Auth::Token), &Cloud::public(), None, &service()).unwrap_err();
        assert!(error.to_string().contains("DIFY_INFRA_TOKEN"), "{error}");
        let error = tokens(
            &with(Auth::ClientSecret),
            &Cloud::public(),
            None,
            &service(),
        )
        .unwrap_err();
        assert!(error.to_string().contains("AZURE_TENANT_ID"), "{error}");
    }

    #[test]
    fn a_loopback_endpoint_never_gets_a_real_token() {
        let cloud = Cloud::custom("http://127.0.0.1:7700").unwrap();
        let credentials = Credentials {
            token: Some("canary".into()),
            ..with(Auth::Auto)
        };
        let tokens = tokens(&credentials, &cloud, None, &service()).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let token = runtime.block_on(tokens.token("scope")).unwrap();
        assert_eq!(
            secrecy::ExposeSecret::expose_secret(&token.secret),
            "no-token-is-needed-here"
        );
    }

    #[test]
    fn auto_takes_only_what_is_set_up() {
        let chain_of =
            |credentials: Credentials| chain(&credentials, None, &service()).unwrap().len();
        assert_eq!(chain_of(with(Auth::Auto)), 1);
        let token = Credentials {
            token: Some("t".into()),
            ..with(Auth::Auto)
        };
        assert_eq!(chain_of(token), 2);
        let identity = Credentials {
            has_identity: true,
            ..with(Auth::Auto)
        };
        assert_eq!(chain_of(identity), 2);
        let federated = Some(FederatedToken::File("/token".into()));
        let workload = Credentials {
            federated: federated.clone(),
            tenant: Some("t".to_owned()),
            client: Some("c".to_owned()),
            ..with(Auth::Auto)
        };
        assert_eq!(chain_of(workload), 2);
        let nameless = Credentials {
            federated,
            ..with(Auth::Auto)
        };
        assert_eq!(chain_of(nameless), 1);
    }
}
