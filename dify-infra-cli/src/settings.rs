//! Flags and environment, resolved once.

use std::path::PathBuf;

use dify_infra_azure::auth::FederatedToken;
use dify_infra_azure::cloud::Cloud;
use dify_infra_azure::images::SourceLogin;
use dify_infra_core::names::SubscriptionId;
use dify_infra_core::values::{AzureCloud, InvalidValue};
use secrecy::SecretString;

use crate::args::{Auth, GlobalArguments, OutputFormat, Target};
use crate::env::{self, Variable};

/// How many times faster than Azure the embedded one is by default: a first apply of the dev profile
/// then takes some ten seconds.
pub(crate) const TIME_SCALE: f64 = 60.0;

/// What a run is to do, wherever it was said.
#[derive(Debug)]
pub struct Settings {
    /// Which Azure.
    pub target: Target,
    /// The subscription, when one was named outside of the deployment file.
    pub subscription: Option<SubscriptionId>,
    /// Whether that subscription comes from the environment, where it is a default alone.
    pub subscription_is_default: bool,
    /// The secrets file, when one was named.
    pub secrets: Option<PathBuf>,
    /// The cloud, when one was named; the file's location has one too.
    pub cloud: Option<AzureCloud>,
    /// Another ARM endpoint.
    pub endpoint: Option<String>,
    /// Where the token comes from.
    pub credentials: Credentials,
    /// The account at Docker Hub: `DOCKERHUB_USERNAME` and `DOCKERHUB_TOKEN`.
    pub docker_hub: Option<SourceLogin>,
    /// Speed of the embedded Azure.
    pub time_scale: f64,
    /// Whether data is printed as JSON.
    pub json: bool,
    /// How much is said on stderr.
    pub verbosity: Verbosity,
}

/// Where the token comes from, with what the environment gives for it.
#[derive(Debug, Default)]
pub struct Credentials {
    /// Which kind.
    pub auth: Auth,
    /// `DIFY_INFRA_TOKEN`.
    pub token: Option<SecretString>,
    /// `AZURE_TENANT_ID`.
    pub tenant: Option<String>,
    /// `AZURE_CLIENT_ID`.
    pub client: Option<String>,
    /// `AZURE_CLIENT_SECRET`.
    pub client_secret: Option<SecretString>,
    /// `AZURE_CLIENT_CERTIFICATE_PATH`.
    pub certificate: Option<PathBuf>,
    /// Whether the certificate itself is sent.
    pub sends_certificate: bool,
    /// `AZURE_AUTHORITY_HOST`.
    pub authority: Option<String>,
    /// Whether Azure says that a managed identity is here.
    pub has_identity: bool,
    /// What the platform gives for an exchange: of a cluster, of GitHub Actions, of Azure Pipelines.
    pub federated: Option<FederatedToken>,
}

/// How much is said on stderr.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Verbosity {
    /// Errors alone.
    Quiet,
    /// What a person wants to see.
    #[default]
    Normal,
    /// Also what is done behind it.
    Verbose,
    /// Also every request.
    Debug,
}

/// Arguments or variables that make no sense, by themselves or together.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct UsageError {
    message: String,
    hint: Option<String>,
}

impl UsageError {
    /// A value that a flag or variable can't have.
    pub fn new(place: &str, value: &str, rule: impl Into<String>) -> Self {
        Self::of(format!("{place} can't be `{value}`: {}", rule.into()))
    }

    /// Anything else that is wrong; a sentence without a full stop.
    pub fn of(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            hint: None,
        }
    }

    /// The same with what can be done.
    #[must_use]
    pub fn with_hint(self, hint: impl Into<String>) -> Self {
        Self {
            hint: Some(hint.into()),
            ..self
        }
    }

    /// What can be done.
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }
}

impl Settings {
    /// Resolves the flags against the environment; a flag wins over its variable.
    ///
    /// # Errors
    ///
    /// When a flag or a variable has a value that it can't have.
    pub fn resolve(
        flags: &GlobalArguments,
        read: &dyn Fn(Variable) -> Option<String>,
    ) -> Result<Self, UsageError> {
        // An endpoint on the command line is an Azure of its own, whatever the environment says.
        let target = match (flags.target, &flags.endpoint) {
            (Some(target), _) => target,
            (None, Some(_)) => Target::Azure,
            (None, None) => choice(env::TARGET, read)?.unwrap_or_default(),
        };
        let endpoint = match &flags.endpoint {
            Some(endpoint) => Some(usable("--endpoint", endpoint)?),
            None => match read(env::ENDPOINT).filter(|_| target == Target::Azure) {
                Some(endpoint) => Some(usable(env::ENDPOINT.name, &endpoint)?),
                None => None,
            },
        };
        Ok(Self {
            target,
            subscription: subscription(flags, target, read)?,
            subscription_is_default: flags.subscription.is_none(),
            secrets: flags
                .secrets
                .clone()
                .or_else(|| read(env::SECRETS).map(PathBuf::from)),
            cloud: cloud(flags, read)?.filter(|_| target == Target::Azure),
            endpoint: endpoint.filter(|_| target == Target::Azure),
            credentials: Credentials::resolve(flags, read)?,
            docker_hub: docker_hub(read)?,
            time_scale: time_scale(flags, read)?,
            json: flags.json || flags.output == Some(OutputFormat::Json),
            verbosity: match (flags.quiet, flags.verbose) {
                (true, _) => Verbosity::Quiet,
                (false, 0) => Verbosity::Normal,
                (false, 1) => Verbosity::Verbose,
                (false, _) => Verbosity::Debug,
            },
        })
    }
}

impl Credentials {
    fn resolve(
        flags: &GlobalArguments,
        read: &dyn Fn(Variable) -> Option<String>,
    ) -> Result<Self, UsageError> {
        let auth = match flags.auth {
            Some(auth) => auth,
            None => choice(env::AUTH, read)?.unwrap_or_default(),
        };
        Ok(Self {
            auth,
            token: read(env::TOKEN).map(SecretString::from),
            tenant: read(env::TENANT_ID),
            client: read(env::CLIENT_ID),
            client_secret: read(env::CLIENT_SECRET).map(SecretString::from),
            certificate: read(env::CLIENT_CERTIFICATE).map(PathBuf::from),
            sends_certificate: read(env::CERTIFICATE_CHAIN)
                .is_some_and(|value| value == "1" || value.eq_ignore_ascii_case("true")),
            authority: authority(read)?,
            has_identity: read(env::IDENTITY_ENDPOINT).is_some(),
            federated: federated(read),
        })
    }
}

/// An endpoint that can be talked to.
fn usable(place: &str, endpoint: &str) -> Result<String, UsageError> {
    match Cloud::custom(endpoint) {
        Ok(_) => Ok(endpoint.to_owned()),
        Err(error) => Err(UsageError::new(place, error.endpoint(), error.rule())),
    }
}

fn authority(read: &dyn Fn(Variable) -> Option<String>) -> Result<Option<String>, UsageError> {
    let Some(authority) = read(env::AUTHORITY_HOST) else {
        return Ok(None);
    };
    match Cloud::public().with_authority(&authority) {
        Ok(_) => Ok(Some(authority)),
        Err(error) => {
            let place = env::AUTHORITY_HOST.name;
            Err(UsageError::new(place, error.endpoint(), error.rule()))
        }
    }
}

/// The token that can be exchanged here, the one that was set up by a person first.
fn federated(read: &dyn Fn(Variable) -> Option<String>) -> Option<FederatedToken> {
    if let Some(path) = read(env::FEDERATED_TOKEN_FILE) {
        return Some(FederatedToken::File(PathBuf::from(path)));
    }
    if let (Some(url), Some(token)) = (read(env::GITHUB_TOKEN_URL), read(env::GITHUB_TOKEN_KEY)) {
        let token = SecretString::from(token);
        return Some(FederatedToken::GitHub { url, token });
    }
    Some(FederatedToken::AzurePipelines {
        url: read(env::PIPELINES_TOKEN_URL)?,
        token: SecretString::from(read(env::PIPELINES_TOKEN_KEY)?),
        service_connection: read(env::SERVICE_CONNECTION)?,
    })
}

/// Both halves of an account, or none.
fn docker_hub(
    read: &dyn Fn(Variable) -> Option<String>,
) -> Result<Option<SourceLogin>, UsageError> {
    match (read(env::HUB_USERNAME), read(env::HUB_TOKEN)) {
        (None, None) => Ok(None),
        (Some(username), Some(token)) => Ok(Some(SourceLogin {
            username,
            password: SecretString::from(token),
        })),
        (Some(username), None) => {
            let rule = format!("{} must be set as well", env::HUB_TOKEN.name);
            Err(UsageError::new(env::HUB_USERNAME.name, &username, rule))
        }
        (None, Some(_)) => {
            let rule = format!("{} must be set as well", env::HUB_USERNAME.name);
            Err(UsageError::new(env::HUB_TOKEN.name, "(not shown)", rule))
        }
    }
}

/// One of a few words in a variable.
fn choice<Choice: clap::ValueEnum>(
    variable: Variable,
    read: &dyn Fn(Variable) -> Option<String>,
) -> Result<Option<Choice>, UsageError> {
    let Some(value) = read(variable) else {
        return Ok(None);
    };
    Choice::from_str(&value, true).map(Some).map_err(|_| {
        let words: Vec<String> = Choice::value_variants()
            .iter()
            .filter_map(|choice| Some(choice.to_possible_value()?.get_name().to_owned()))
            .collect();
        UsageError::new(
            variable.name,
            &value,
            format!("it is one of {}", words.join(", ")),
        )
    })
}

fn cloud(
    flags: &GlobalArguments,
    read: &dyn Fn(Variable) -> Option<String>,
) -> Result<Option<AzureCloud>, UsageError> {
    let Some(value) = read(env::CLOUD).filter(|_| flags.cloud.is_none()) else {
        return Ok(flags.cloud);
    };
    let wrong = |error: InvalidValue| UsageError::new(env::CLOUD.name, &value, error.remedy());
    value.parse().map(Some).map_err(wrong)
}

/// The variable is for Azure: an embedded one must not get other names because of it.
fn subscription(
    flags: &GlobalArguments,
    target: Target,
    read: &dyn Fn(Variable) -> Option<String>,
) -> Result<Option<SubscriptionId>, UsageError> {
    let (place, value) = match (&flags.subscription, read(env::SUBSCRIPTION)) {
        (Some(value), _) => ("--subscription", value.clone()),
        (None, Some(value)) if target == Target::Azure => (env::SUBSCRIPTION.name, value),
        (None, _) => return Ok(None),
    };
    match value.parse() {
        Ok(id) => Ok(Some(id)),
        Err(_) => Err(UsageError::new(
            place,
            &value,
            "it is the id of a subscription, as `az account show --query id -o tsv` prints it",
        )),
    }
}

fn time_scale(
    flags: &GlobalArguments,
    read: &dyn Fn(Variable) -> Option<String>,
) -> Result<f64, UsageError> {
    if let Some(scale) = flags.time_scale {
        return Ok(scale);
    }
    let Some(value) = read(env::TIME_SCALE) else {
        return Ok(TIME_SCALE);
    };
    parse_time_scale(&value).map_err(|rule| UsageError::new(env::TIME_SCALE.name, &value, rule))
}

/// Reads how many times faster than Azure an emulated one is.
///
/// # Errors
///
/// When the text is no number above 0.
pub fn parse_time_scale(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(scale) if scale.is_finite() && scale > 0.0 => Ok(scale),
        _ => Err("it is a number above 0, such as 60 for one minute in a second".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "11111111-1111-4111-8111-111111111111";

    fn resolve(
        flags: &GlobalArguments,
        variables: &[(Variable, &str)],
    ) -> Result<Settings, UsageError> {
        Settings::resolve(flags, &|wanted| {
            let found = variables.iter().find(|(variable, _)| *variable == wanted);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn a_flag_wins_over_its_variable() {
        let flags = GlobalArguments {
            target: Some(Target::Azure),
            ..GlobalArguments::default()
        };
        let settings = resolve(&flags, &[(env::TARGET, "embedded")]).unwrap();
        assert_eq!(settings.target, Target::Azure);
        let settings = resolve(&GlobalArguments::default(), &[(env::TARGET, "embedded")]).unwrap();
        assert_eq!(settings.target, Target::Embedded);
    }

    #[test]
    fn an_endpoint_flag_means_that_endpoint() {
        let endpoint = Some("http://127.0.0.1:7700".to_owned());
        let flags = GlobalArguments {
            endpoint,
            ..GlobalArguments::default()
        };
        let settings = resolve(&flags, &[(env::TARGET, "embedded")]).unwrap();
        assert_eq!(settings.target, Target::Azure);
        assert_eq!(settings.endpoint.as_deref(), Some("http://127.0.0.1:7700"));
    }

    #[test]
    fn an_endpoint_that_is_none_is_wrong_usage_wherever_it_was_said() {
        let flags = GlobalArguments {
            endpoint: Some("127.0.0.1:7700".to_owned()),
            ..GlobalArguments::default()
        };
        let wrong = "can't be `127.0.0.1:7700`: it is not an absolute https URL; write it like \
                     `http://127.0.0.1:7700`";
        let said = resolve(&flags, &[]).unwrap_err().to_string();
        assert_eq!(said, format!("--endpoint {wrong}"));
        for variable in [env::ENDPOINT, env::AUTHORITY_HOST] {
            let said = resolve(&GlobalArguments::default(), &[(variable, "127.0.0.1:7700")]);
            let said = said.unwrap_err().to_string();
            assert_eq!(said, format!("{} {wrong}", variable.name));
        }
        let embedded = [(env::ENDPOINT, "nonsense"), (env::TARGET, "embedded")];
        assert!(resolve(&GlobalArguments::default(), &embedded).is_ok());
        let secret = [(env::ENDPOINT, "https://user:canary@arm.example")];
        let said = resolve(&GlobalArguments::default(), &secret).unwrap_err();
        assert!(!said.to_string().contains("canary"), "{said}");
    }

    #[test]
    fn a_wrong_word_in_a_variable_names_the_variable_and_the_words() {
        let error = resolve(&GlobalArguments::default(), &[(env::AUTH, "cli")]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "DIFY_INFRA_AUTH can't be `cli`: it is one of auto, azure-cli, managed-identity, \
             workload-identity, client-secret, client-certificate, token"
        );
    }

    #[test]
    fn a_subscription_must_be_an_id() {
        let settings = resolve(&GlobalArguments::default(), &[(env::SUBSCRIPTION, ID)]).unwrap();
        assert_eq!(settings.subscription.unwrap().as_str(), ID);
        let flags = GlobalArguments {
            subscription: Some("my subscription".to_owned()),
            ..GlobalArguments::default()
        };
        let error = resolve(&flags, &[]).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("--subscription can't be `my subscription`")
        );
    }

    #[test]
    fn a_time_scale_is_a_positive_number() {
        for text in ["0", "-1", "NaN", "inf", "fast"] {
            assert!(parse_time_scale(text).is_err(), "{text}");
        }
        assert!((parse_time_scale("0.5").unwrap() - 0.5).abs() < f64::EPSILON);
    }

    #[test]
    fn what_the_platform_gives_can_be_exchanged() {
        let of = |variables: &[(Variable, &str)]| {
            let settings = resolve(&GlobalArguments::default(), variables).unwrap();
            format!("{:?}", settings.credentials.federated)
        };
        let github = [
            (env::GITHUB_TOKEN_URL, "https://g"),
            (env::GITHUB_TOKEN_KEY, "k"),
        ];
        assert_eq!(of(&github), "Some(GitHub { .. })");
        assert_eq!(of(&github[..1]), "None");
        let pipelines = [
            (env::PIPELINES_TOKEN_URL, "https://p"),
            (env::PIPELINES_TOKEN_KEY, "k"),
            (env::SERVICE_CONNECTION, "c"),
        ];
        assert_eq!(of(&pipelines), "Some(AzurePipelines { .. })");
        let file = [github[0], github[1], (env::FEDERATED_TOKEN_FILE, "/token")];
        assert_eq!(of(&file), "Some(File(\"/token\"))");
    }

    #[test]
    fn debug_does_not_show_credentials() {
        let variables = [
            (env::GITHUB_TOKEN_URL, "https://g"),
            (env::GITHUB_TOKEN_KEY, "canary-three"),
            (env::TOKEN, "canary-one"),
            (env::CLIENT_SECRET, "canary-two"),
        ];
        let settings = resolve(&GlobalArguments::default(), &variables).unwrap();
        assert!(!format!("{settings:?}").contains("canary"));
    }
}
