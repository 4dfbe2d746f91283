//! Every environment variable that `dify-infra` reads, documented.
//!
//! A flag of the same meaning wins over its variable. Nothing else of the environment is read, apart
//! from what the Azure CLI and a managed identity's own protocol need.

/// An environment variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// What it does, as a sentence without a full stop.
    pub description: &'static str,
    /// The flag that wins over it.
    pub flag: Option<&'static str>,
    /// Whether its value is a secret, and so never shown.
    pub is_secret: bool,
}

impl Variable {
    const fn new(name: &'static str, description: &'static str) -> Self {
        Self {
            name,
            description,
            flag: None,
            is_secret: false,
        }
    }

    const fn with_flag(self, flag: &'static str) -> Self {
        Self {
            flag: Some(flag),
            ..self
        }
    }

    const fn secret(self) -> Self {
        Self {
            is_secret: true,
            ..self
        }
    }
}

/// Which Azure to talk to: `azure` or `embedded`.
pub const TARGET: Variable = Variable::new(
    "DIFY_INFRA_TARGET",
    "Which Azure to talk to: `azure` or `embedded`",
)
.with_flag("--target");

/// The subscription's id.
pub const SUBSCRIPTION: Variable = Variable::new(
    "AZURE_SUBSCRIPTION_ID",
    "Id of the subscription to deploy into, when the deployment file names none",
)
.with_flag("--subscription");

/// The secrets file.
pub const SECRETS: Variable =
    Variable::new("DIFY_INFRA_SECRETS", "Path of the secrets file").with_flag("--secrets");

/// Another ARM endpoint.
pub const ENDPOINT: Variable = Variable::new(
    "DIFY_INFRA_ENDPOINT",
    "URL of another Azure Resource Manager: a sovereign cloud's, or the emulator's",
)
.with_flag("--endpoint");

/// Where the token comes from.
pub const AUTH: Variable = Variable::new(
    "DIFY_INFRA_AUTH",
    "Where the token comes from: `auto`, `azure-cli`, `managed-identity`, `workload-identity`, \
     `client-secret`, `client-certificate` or `token`",
)
.with_flag("--auth");

/// A bearer token.
pub const TOKEN: Variable = Variable::new(
    "DIFY_INFRA_TOKEN",
    "Bearer token for `--auth token`; `auto` takes it first when it is set",
)
.secret();

/// The account at Docker Hub.
pub const HUB_USERNAME: Variable = Variable::new(
    "DOCKERHUB_USERNAME",
    "User name at Docker Hub for `images import`, which rations copies without an account",
);

/// The access token of that account.
pub const HUB_TOKEN: Variable = Variable::new(
    "DOCKERHUB_TOKEN",
    "Access token of `DOCKERHUB_USERNAME`; the right to read public repositories is enough",
)
.secret();

/// Speed of the embedded Azure.
pub const TIME_SCALE: Variable = Variable::new(
    "DIFY_INFRA_TIME_SCALE",
    "How many times faster than Azure the embedded Azure and `emulate` are",
)
.with_flag("--time-scale");

/// Log filter.
pub const LOG: Variable = Variable::new(
    "DIFY_INFRA_LOG",
    "What is logged to stderr, in the syntax of `RUST_LOG`: `dify_infra_azure=debug`",
)
.with_flag("--verbose");

/// The tenant of a client secret.
pub const TENANT_ID: Variable = Variable::new(
    "AZURE_TENANT_ID",
    "Tenant of the application (`--auth client-secret`, `workload-identity`) or of the Azure CLI's \
     account",
);

/// The application of a client secret, or a user-assigned identity.
pub const CLIENT_ID: Variable = Variable::new(
    "AZURE_CLIENT_ID",
    "Id of the application (`--auth client-secret`, `workload-identity`) or of a user-assigned \
     identity (`--auth managed-identity`)",
);

/// The client secret.
pub const CLIENT_SECRET: Variable = Variable::new(
    "AZURE_CLIENT_SECRET",
    "Secret of the application (`--auth client-secret`)",
)
.secret();

/// The client certificate.
pub const CLIENT_CERTIFICATE: Variable = Variable::new(
    "AZURE_CLIENT_CERTIFICATE_PATH",
    "PEM file with the application's certificate and its RSA key (`--auth client-certificate`)",
);

/// Whether the certificate itself is sent.
pub const CERTIFICATE_CHAIN: Variable = Variable::new(
    "AZURE_CLIENT_SEND_CERTIFICATE_CHAIN",
    "`1` or `true` sends the certificate along, for applications that trust its subject and issuer",
);

/// The cloud.
pub const CLOUD: Variable = Variable::new(
    "DIFY_INFRA_CLOUD",
    "Which of Microsoft's clouds: AzurePublic, AzureUSGovernment or AzureChina",
)
.with_flag("--cloud");

/// Microsoft Entra.
pub const AUTHORITY_HOST: Variable = Variable::new(
    "AZURE_AUTHORITY_HOST",
    "Where applications sign in, when it is not Microsoft Entra of the cloud; https, or http on this \
     machine",
);

/// Set by Azure where a managed identity is.
pub const IDENTITY_ENDPOINT: Variable = Variable::new(
    "IDENTITY_ENDPOINT",
    "Set by Azure where a managed identity can be used; `auto` tries it only then",
);

/// The token of a cluster.
pub const FEDERATED_TOKEN_FILE: Variable = Variable::new(
    "AZURE_FEDERATED_TOKEN_FILE",
    "File with the token that `--auth workload-identity` exchanges, as Kubernetes gives it",
);

/// Where GitHub Actions gives tokens.
pub const GITHUB_TOKEN_URL: Variable = Variable::new(
    "ACTIONS_ID_TOKEN_REQUEST_URL",
    "Set by GitHub Actions in jobs with `permissions: id-token: write`, for `workload-identity`",
);

/// The right to ask GitHub Actions for a token.
pub const GITHUB_TOKEN_KEY: Variable = Variable::new(
    "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
    "Set by GitHub Actions beside ACTIONS_ID_TOKEN_REQUEST_URL",
)
.secret();

/// Where Azure Pipelines gives tokens.
pub const PIPELINES_TOKEN_URL: Variable = Variable::new(
    "SYSTEM_OIDCREQUESTURI",
    "Set by Azure Pipelines, for `workload-identity`",
);

/// The right to ask Azure Pipelines for a token.
pub const PIPELINES_TOKEN_KEY: Variable = Variable::new(
    "SYSTEM_ACCESSTOKEN",
    "Token of the build; a step of Azure Pipelines has it when `env:` gives it \
     `$(System.AccessToken)`",
)
.secret();

/// The service connection of Azure Pipelines.
pub const SERVICE_CONNECTION: Variable = Variable::new(
    "AZURESUBSCRIPTION_SERVICE_CONNECTION_ID",
    "Id of the service connection, which the tasks AzureCLI and AzurePowerShell set",
);

/// No colour.
pub const NO_COLOR: Variable = Variable::new(
    "NO_COLOR",
    "Any value turns colour off (https://no-color.org)",
);

/// Colour without a terminal.
pub const CLICOLOR_FORCE: Variable = Variable::new(
    "CLICOLOR_FORCE",
    "`1` keeps colour when the output is not a terminal",
);

/// Every variable, in the order of the reference.
pub const ALL: [Variable; 29] = [
    TARGET,
    SUBSCRIPTION,
    SECRETS,
    CLOUD,
    ENDPOINT,
    AUTH,
    TOKEN,
    TENANT_ID,
    CLIENT_ID,
    CLIENT_SECRET,
    CLIENT_CERTIFICATE,
    CERTIFICATE_CHAIN,
    AUTHORITY_HOST,
    IDENTITY_ENDPOINT,
    FEDERATED_TOKEN_FILE,
    GITHUB_TOKEN_URL,
    GITHUB_TOKEN_KEY,
    PIPELINES_TOKEN_URL,
    PIPELINES_TOKEN_KEY,
    SERVICE_CONNECTION,
    HUB_USERNAME,
    HUB_TOKEN,
    TIME_SCALE,
    LOG,
    NO_COLOR,
    CLICOLOR_FORCE,
    HTTPS_PROXY,
    NO_PROXY,
    CERTIFICATES,
];

/// The proxy that requests to Azure go through: the variable that names it, and its host and port. A
/// name and password in it are left out.
pub(crate) fn proxy(read: &dyn Fn(&str) -> Option<String>) -> Option<(&'static str, String)> {
    // As reqwest looks for them: either case, the special one before the general one.
    let names = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
    let (name, value) = names
        .into_iter()
        .find_map(|name| Some((name, read(name).filter(|value| !value.is_empty())?)))?;
    let (_, address) = value.rsplit_once('@').unwrap_or(("", &value));
    let (_, address) = address.split_once("://").unwrap_or(("", address));
    Some((name, address.trim_end_matches('/').to_owned()))
}

/// Through what requests go.
pub const HTTPS_PROXY: Variable = Variable::new(
    "HTTPS_PROXY",
    "URL of the proxy that requests to Azure go through, such as `http://proxy.example:3128`; never for \
     this machine",
);

/// What no proxy is used for.
pub const NO_PROXY: Variable = Variable::new(
    "NO_PROXY",
    "Hosts that are reached without the proxy, separated by commas",
);

/// Whom to trust.
pub const CERTIFICATES: Variable = Variable::new(
    "SSL_CERT_FILE",
    "PEM file with the authorities to trust instead of the system's, for a proxy that opens TLS or \
     `emulate --tls`",
);

/// Reads a variable of the process; an empty one counts as absent.
pub fn read(variable: Variable) -> Option<String> {
    std::env::var(variable.name)
        .ok()
        .filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{ALL, proxy};

    #[test]
    fn a_proxy_is_named_without_its_password() {
        let of = |wanted: &'static str, value: &'static str| {
            proxy(&move |name| (name == wanted).then(|| value.to_owned()))
        };
        let named = |name, address: &str| Some((name, address.to_owned()));
        assert_eq!(
            of("https_proxy", "http://user:canary@proxy.example:3128/"),
            named("https_proxy", "proxy.example:3128")
        );
        assert_eq!(
            of("ALL_PROXY", "proxy:8080"),
            named("ALL_PROXY", "proxy:8080")
        );
        assert_eq!(of("HTTPS_PROXY", ""), None);
    }

    #[test]
    fn every_variable_is_listed_once() {
        let names: BTreeSet<&str> = ALL.iter().map(|variable| variable.name).collect();
        assert_eq!(names.len(), ALL.len());
    }
}
