//! A client for the Azure that was asked for, with its subscription.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use dify_infra_azure::ErrorKind;
use dify_infra_azure::arm::{ArmClient, Subscription};
use dify_infra_azure::cloud::Cloud;
use dify_infra_azure::embedded::EmbeddedAzure;
use dify_infra_azure::http::{HttpService, ReqwestService, RetryPolicy};
use dify_infra_core::graph::ResourceGraph;
use dify_infra_core::names::{Location, SubscriptionId};
use dify_infra_core::resource::Kind;
use dify_infra_core::values::AzureCloud;
use dify_infra_emulator::DEFAULT_SUBSCRIPTION;

use super::StateDirectory;
use super::credentials::Asker;
use crate::args::Target;
use crate::env;
use crate::settings::{Settings, UsageError};
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
    connect(ui, settings, &state, settings.subscription.clone(), None).await
}

/// A client, and the subscription: the one that was named, or the only one there is.
pub(super) async fn connect(
    ui: &Ui,
    settings: &Settings,
    state: &StateDirectory,
    named: Option<SubscriptionId>,
    location: Option<&Location>,
) -> anyhow::Result<(ArmClient, SubscriptionId)> {
    match settings.target {
        Target::Embedded => connect_embedded(settings, state, named),
        Target::Azure => connect_azure(ui, settings, named, location).await,
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
    let azure = embedded(settings, state, &subscription).map_err(with_way_out)?;
    Ok((azure.client()?, subscription))
}

fn embedded(
    settings: &Settings,
    state: &StateDirectory,
    subscription: &SubscriptionId,
) -> anyhow::Result<EmbeddedAzure> {
    state.create()?;
    Ok(crate::embedded::open(
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

/// The cloud that was named, or the one that has the location; both must be one.
fn cloud(settings: &Settings, location: Option<&Location>) -> anyhow::Result<Cloud> {
    let of_file = location.map(AzureCloud::of);
    if let (Some(named), Some(of_file), Some(location)) = (settings.cloud, of_file, location)
        && named != of_file
    {
        let rule = format!("the file's location {} is in {of_file}", location.written());
        return Err(UsageError::new("--cloud", named.name(), rule).into());
    }
    let named = settings.cloud.or(of_file).unwrap_or_default();
    let cloud = match &settings.endpoint {
        Some(endpoint) => {
            Cloud::custom(endpoint)?.with_authority(Cloud::named(named).authority().as_str())?
        }
        None => Cloud::named(named),
    };
    Ok(match &settings.credentials.authority {
        Some(authority) => cloud.with_authority(authority)?,
        None => cloud,
    })
}

async fn connect_azure(
    ui: &Ui,
    settings: &Settings,
    named: Option<SubscriptionId>,
    location: Option<&Location>,
) -> anyhow::Result<(ArmClient, SubscriptionId)> {
    let cloud = cloud(settings, location)?;
    let service: Arc<dyn HttpService> = Arc::new(
        ReqwestService::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .build()?,
    );
    let asker = Asker {
        credentials: &settings.credentials,
        cloud: &cloud,
        subscription: named.as_ref(),
        service: &service,
    };
    let tokens = asker.tokens()?;
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
    let cloud = client.cloud();
    let says = |words: &str| {
        let first: &(dyn std::error::Error + 'static) = &error;
        std::iter::successors(Some(first), |error| error.source())
            .any(|cause| cause.to_string().contains(words))
    };
    let hint = if says("certificate") {
        "SSL_CERT_FILE names a file with the authorities to trust; `dify-infra emulate --tls` prints \
         the line for its own"
            .to_owned()
    } else if cloud.is_loopback() {
        format!(
            "is the emulator running? `dify-infra emulate --listen {}` starts it; or mend --endpoint",
            host(client)
        )
    } else {
        let proxy = env::proxy(&|name| std::env::var(name).ok());
        let proxy = proxy.map_or_else(
            || "no proxy is set; where one is needed, HTTPS_PROXY names it".to_owned(),
            |(variable, proxy)| format!("{variable} leads through the proxy {proxy}"),
        );
        format!("check the network of this machine and --endpoint; {proxy}")
    };
    let problem = Problem::new(format!("Azure can't be reached at {}", host(client)));
    anyhow::Error::new(error).context(problem.hint(hint))
}

/// Host and port of the endpoint.
fn host(client: &ArmClient) -> String {
    let endpoint = client.cloud().endpoint();
    let port = endpoint.port_or_known_default().unwrap_or(443);
    format!("{}:{port}", endpoint.host_str().unwrap_or_default())
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
    let seen = match client.subscriptions().await {
        Err(error) if error.kind() == ErrorKind::Transport => {
            return Err(unreachable(client, error));
        }
        other => other.context("the subscriptions to choose from can't be listed")?,
    };
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::GlobalArguments;

    fn endpoint(cloud: Option<&str>, location: Option<&str>) -> Result<String, String> {
        let flags = GlobalArguments {
            cloud: cloud.map(|name| name.parse().unwrap()),
            ..GlobalArguments::default()
        };
        let settings = Settings::resolve(&flags, &|_| None).unwrap();
        let location = location.map(|name| Location::parse(name).unwrap());
        let cloud = super::cloud(&settings, location.as_ref());
        cloud
            .map(|cloud| format!("{} {}", cloud.endpoint(), cloud.authority()))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn the_location_says_which_cloud_is_meant() {
        let gov = "https://management.usgovcloudapi.net/ https://login.microsoftonline.us/";
        assert_eq!(endpoint(None, Some("usgovvirginia")).unwrap(), gov);
        assert_eq!(endpoint(Some("AzureUSGovernment"), None).unwrap(), gov);
        assert_eq!(
            endpoint(Some("AzureUSGovernment"), Some("usgovvirginia")).unwrap(),
            gov
        );
        assert!(
            endpoint(None, None)
                .unwrap()
                .starts_with("https://management.azure.com/ ")
        );
        assert_eq!(
            endpoint(Some("AzureChina"), Some("japaneast")).unwrap_err(),
            "--cloud can't be `AzureChina`: the file's location japaneast is in AzurePublic"
        );
    }
}
