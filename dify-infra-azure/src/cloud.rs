//! Which Azure is meant, and which hosts may see a token for it.

use ::url::{Host, Url};
use dify_infra_core::values::AzureCloud;

use crate::http::is_loopback;

/// Where the public cloud is managed.
const ENDPOINT: &str = "https://management.azure.com";

/// Where applications of the public cloud sign in.
const AUTHORITY: &str = "https://login.microsoftonline.com";

/// An Azure Resource Manager endpoint with the audience of its tokens.
///
/// A token is sent to this endpoint and, for the polling URLs and next links that it hands out,
/// to hosts that [`Cloud::trusts`] accepts, never anywhere else.
///
/// ```
/// use dify_infra_azure::cloud::Cloud;
///
/// let cloud = Cloud::public();
/// assert_eq!(cloud.scope(), "https://management.azure.com/.default");
/// assert!(cloud.trusts(&"https://eastus.management.azure.com/x".parse()?));
/// assert!(!cloud.trusts(&"https://management.azure.com.evil.example/x".parse()?));
/// # Ok::<(), url::ParseError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cloud {
    endpoint: Url,
    scope: String,
    authority: Url,
    /// Hosts that end in `.<suffix>` are trusted too; only Microsoft's clouds have one.
    suffix: Option<&'static str>,
}

impl Cloud {
    /// The public cloud, `https://management.azure.com`.
    #[expect(
        clippy::expect_used,
        clippy::missing_panics_doc,
        reason = "the literals are https URLs, which a test looks at"
    )]
    pub fn public() -> Self {
        Self::of(ENDPOINT, AUTHORITY, "management.azure.com").expect("they are https URLs")
    }

    /// One of Microsoft's clouds. Tokens are asked for the endpoint itself, as
    /// `Azure.ResourceManager.ArmEnvironment` does (Azure/azure-sdk-for-net); authorities:
    /// <https://learn.microsoft.com/entra/identity-platform/authentication-national-cloud>.
    #[expect(
        clippy::expect_used,
        clippy::missing_panics_doc,
        reason = "the literals are https URLs, which a test looks at"
    )]
    pub fn named(cloud: AzureCloud) -> Self {
        let (endpoint, authority, suffix) = match cloud {
            AzureCloud::Public => return Self::public(),
            AzureCloud::UsGovernment => (
                "https://management.usgovcloudapi.net",
                "https://login.microsoftonline.us",
                "management.usgovcloudapi.net",
            ),
            AzureCloud::China => (
                "https://management.chinacloudapi.cn",
                "https://login.partner.microsoftonline.cn",
                "management.chinacloudapi.cn",
            ),
        };
        Self::of(endpoint, authority, suffix).expect("they are https URLs")
    }

    fn of(endpoint: &str, authority: &str, suffix: &'static str) -> Result<Self, CloudError> {
        Ok(Self {
            suffix: Some(suffix),
            authority: bare(authority, AUTHORITY)?,
            ..Self::custom(endpoint)?
        })
    }

    /// Any other ARM endpoint: a sovereign cloud, Azure Stack, an emulator.
    ///
    /// The audience of tokens is the endpoint itself, so that Microsoft Entra never issues a
    /// token that would be good at the public cloud to a client that was pointed elsewhere;
    /// [`Cloud::with_scope`] changes it.
    ///
    /// # Errors
    ///
    /// When `endpoint` is not an absolute `https` URL (`http` is accepted for this machine), or
    /// has a path, a query, a fragment or user information.
    pub fn custom(endpoint: &str) -> Result<Self, CloudError> {
        let url = bare(endpoint, ENDPOINT)?;
        let scope = format!("{}/.default", url.origin().ascii_serialization());
        Ok(Self {
            endpoint: url,
            scope,
            authority: bare(AUTHORITY, AUTHORITY)?,
            suffix: None,
        })
    }

    /// Sets where applications sign in: Microsoft Entra of another cloud, or an emulator.
    ///
    /// # Errors
    ///
    /// When `authority` is not an absolute `https` URL (`http` is accepted for this machine), or has
    /// more than scheme, host and port.
    pub fn with_authority(mut self, authority: &str) -> Result<Self, CloudError> {
        self.authority = bare(authority, AUTHORITY)?;
        Ok(self)
    }

    /// Sets the scope that tokens are asked for, such as `https://management.azure.com/.default`.
    #[must_use]
    pub fn with_scope(mut self, scope: impl Into<String>) -> Self {
        self.scope = scope.into();
        self
    }

    /// The endpoint, with `/` as its path.
    pub fn endpoint(&self) -> &Url {
        &self.endpoint
    }

    /// Where applications sign in, with `/` as its path.
    pub fn authority(&self) -> &Url {
        &self.authority
    }

    /// The scope that tokens are asked for.
    pub fn scope(&self) -> &str {
        &self.scope
    }

    /// Says whether the endpoint is on this machine.
    pub fn is_loopback(&self) -> bool {
        self.endpoint.host_str().is_some_and(is_loopback)
    }

    /// Says whether a token of this cloud may be sent to `url`.
    ///
    /// That is the endpoint's own scheme, host and port, and for the public cloud also https on
    /// the default port of a host below `management.azure.com`: ARM hands out polling URLs of
    /// its regional front ends.
    pub fn trusts(&self, url: &Url) -> bool {
        if url.origin() == self.endpoint.origin() {
            return true;
        }
        let Some(suffix) = self.suffix else {
            return false;
        };
        let below = match url.host() {
            Some(Host::Domain(host)) => host
                .strip_suffix(suffix)
                .is_some_and(|rest| rest.ends_with('.') && rest.len() > 1),
            _ => false,
        };
        below && url.scheme() == "https" && url.port().is_none()
    }
}

impl Default for Cloud {
    fn default() -> Self {
        Self::public()
    }
}

/// Reads a URL of scheme, host and port that may see secrets; `example` is one that could be meant.
fn bare(endpoint: &str, example: &'static str) -> Result<Url, CloudError> {
    let wrong = |problem| CloudError {
        endpoint: shown(endpoint),
        problem,
        meant: meant(endpoint).unwrap_or_else(|| example.to_owned()),
    };
    let url = Url::parse(endpoint).map_err(|_| wrong(Problem::NotUrl))?;
    let host = url.host_str().ok_or_else(|| wrong(Problem::NotUrl))?;
    match url.scheme() {
        "https" => {}
        "http" if is_loopback(host) => {}
        "http" => return Err(wrong(Problem::PlainHttp)),
        _ => return Err(wrong(Problem::NotUrl)),
    }
    let is_bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    if !is_bare || !url.username().is_empty() || url.password().is_some() {
        return Err(wrong(Problem::NotBare));
    }
    Ok(url)
}

/// The URL that was probably meant: the same host with a scheme, and without what follows it.
fn meant(endpoint: &str) -> Option<String> {
    let has_scheme = |scheme: &str| {
        let rest = endpoint.strip_prefix(scheme)?;
        rest.strip_prefix("://")
    };
    let rest = has_scheme("https").or_else(|| has_scheme("http"));
    let rest = rest.or_else(|| (!endpoint.contains("://")).then_some(endpoint))?;
    let url = Url::parse(&format!("https://{rest}")).ok()?;
    let host = url.host_str()?;
    let is_here = is_loopback(host);
    // A single word may be anything.
    if !is_here && !host.contains('.') {
        return None;
    }
    let scheme = if is_here { "http" } else { "https" };
    let port = url.port().map(|port| format!(":{port}"));
    Some(format!("{scheme}://{host}{}", port.unwrap_or_default()))
}

/// What can be shown of a text that should have been an endpoint: no user information or query.
fn shown(endpoint: &str) -> String {
    let end = endpoint.find(['?', '#']).unwrap_or(endpoint.len());
    let endpoint = &endpoint[..end];
    match (endpoint.find("://"), endpoint.rfind('@')) {
        (Some(scheme), Some(at)) if at > scheme => {
            format!("{}{}", &endpoint[..scheme + 3], &endpoint[at + 1..])
        }
        (None, Some(at)) => endpoint[at + 1..].to_owned(),
        _ => endpoint.to_owned(),
    }
}

/// An endpoint that can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the endpoint `{endpoint}` {problem}; write it like `{meant}`")]
pub struct CloudError {
    endpoint: String,
    problem: Problem,
    meant: String,
}

impl CloudError {
    /// What was given, without user information and query.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// What an endpoint must be, and the one that was probably meant: a sentence without its subject.
    pub fn rule(&self) -> String {
        format!("it {}; write it like `{}`", self.problem, self.meant)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
enum Problem {
    #[error("is not an absolute https URL")]
    NotUrl,
    #[error("is plain http to another machine, which would show the token on the way")]
    PlainHttp,
    #[error("has more than scheme, host and port")]
    NotBare,
}

#[cfg(test)]
mod tests {
    use super::{AzureCloud, Cloud};

    fn trusts(cloud: &Cloud, url: &str) -> bool {
        cloud.trusts(&url.parse().unwrap())
    }

    #[test]
    fn the_public_cloud_trusts_its_front_ends_alone() {
        let cloud = Cloud::public();
        for url in [
            "https://management.azure.com/a",
            "https://MANAGEMENT.azure.com:443/a",
            "https://westeurope.management.azure.com/a?t=1",
        ] {
            assert!(trusts(&cloud, url), "{url}");
        }
        for url in [
            "http://management.azure.com/a",
            "https://management.azure.com:8443/a",
            "https://eastus.management.azure.com:8443/a",
            "http://eastus.management.azure.com/a",
            "https://evilmanagement.azure.com/a",
            "https://management.azure.com.evil.example/a",
            "https://.management.azure.com/a",
            "https://azure.com/a",
            "https://vault.azure.net/a",
            "http://127.0.0.1/a",
        ] {
            assert!(
                !url.parse::<url::Url>().is_ok_and(|url| cloud.trusts(&url)),
                "{url}"
            );
        }
    }

    #[test]
    fn a_custom_endpoint_trusts_exactly_itself() {
        let cloud = Cloud::custom("http://127.0.0.1:4000").unwrap();
        assert!(trusts(&cloud, "http://127.0.0.1:4000/x"));
        for url in [
            "http://127.0.0.1:4001/x",
            "http://localhost:4000/x",
            "https://127.0.0.1:4000/x",
            "https://management.azure.com/x",
        ] {
            assert!(!trusts(&cloud, url), "{url}");
        }
        let cloud = Cloud::custom("https://arm.example").unwrap();
        assert!(!trusts(&cloud, "https://a.arm.example/x"));
    }

    #[test]
    fn each_cloud_has_its_own_endpoint_authority_and_front_ends() {
        for (name, host, authority) in [
            (
                AzureCloud::Public,
                "management.azure.com",
                "login.microsoftonline.com",
            ),
            (
                AzureCloud::UsGovernment,
                "management.usgovcloudapi.net",
                "login.microsoftonline.us",
            ),
            (
                AzureCloud::China,
                "management.chinacloudapi.cn",
                "login.partner.microsoftonline.cn",
            ),
        ] {
            let cloud = Cloud::named(name);
            assert_eq!(cloud.scope(), format!("https://{host}/.default"));
            assert_eq!(cloud.authority().host_str(), Some(authority));
            assert!(trusts(&cloud, &format!("https://{host}/a")));
            assert!(trusts(&cloud, &format!("https://region.{host}/a")));
            for other in AzureCloud::ALL.into_iter().filter(|other| *other != name) {
                let endpoint = Cloud::named(other).endpoint().clone();
                assert!(!cloud.trusts(&endpoint), "{name} trusts {endpoint}");
            }
        }
    }

    #[test]
    fn a_custom_endpoint_asks_for_tokens_of_its_own() {
        let cloud = Cloud::custom("https://management.usgovcloudapi.net/").unwrap();
        assert_eq!(
            cloud.scope(),
            "https://management.usgovcloudapi.net/.default"
        );
        assert_eq!(
            Cloud::public().scope(),
            "https://management.azure.com/.default"
        );
    }

    #[test]
    fn refuses_what_is_not_a_bare_https_endpoint() {
        let cases = [
            ("management.azure.com", "not an absolute https URL"),
            ("ftp://management.azure.com", "not an absolute https URL"),
            ("http://10.0.0.4:8080", "like `https://10.0.0.4:8080`"),
            ("http://localhost.example.com", "would show the token"),
            ("127.0.0.1:7700", "like `http://127.0.0.1:7700`"),
            ("localhost:7700", "like `http://localhost:7700`"),
            ("arm.example:443/x", "like `https://arm.example`"),
            ("azure", "like `https://management.azure.com`"),
            ("u:canary@h", "not an absolute https URL"),
            ("https://h/path", "more than scheme, host and port"),
            ("https://h?x=canary", "more than scheme, host and port"),
            ("https://u:canary@h", "more than scheme, host and port"),
        ];
        for (endpoint, sentence) in cases {
            let error = Cloud::custom(endpoint).unwrap_err();
            assert!(error.to_string().contains(sentence), "{endpoint}: {error}");
            assert!(error.rule().contains(sentence), "{endpoint}: {error}");
            assert!(!format!("{error:?}{error}").contains("canary"), "{error:?}");
        }
        for endpoint in [
            "http://localhost:1",
            "http://[::1]:1",
            "https://h",
            "https://h/",
        ] {
            assert!(Cloud::custom(endpoint).is_ok(), "{endpoint}");
        }
    }
}
