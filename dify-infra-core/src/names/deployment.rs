//! Names that the deployment file itself introduces, and the names made of them.

use std::fmt;

use super::alphabet::Alphabet;
use super::define::{Name, names};
use super::error::{InvalidName, Problem};
use super::rule::NameRule;
use super::{ContainerAppName, ResourceGroupName, SubscriptionId};

/// Azure refuses these words in names that become part of a public host name
/// (learn.microsoft.com error-reserved-resource-name).
const RESERVED: &[&str] = &["--", "microsoft", "windows"];

/// Characters of a derived suffix: 30 bits, enough to make a clash of two deployments unlikely.
const SUFFIX_LENGTH: usize = 6;

names! {
    /// The `name` of the deployment file; every derived name begins with it.
    ///
    /// Together with the environment it must leave room for the services: [`DeploymentPrefix`].
    DeploymentName => NameRule {
        what: "deployment name",
        text: "1 to 16 lower-case letters, digits and '-', starting with a letter, ending with a \
               letter or digit, without '--', 'microsoft' and 'windows'",
        minimum: 1,
        maximum: 16,
        unique_in: "resource group",
        source: "this project: what fits into a container app name with environment and service",
        forbidden: RESERVED,
        ..NameRule::lower_hyphenated()
    };

    /// The `environment` of the deployment file, such as `dev`.
    EnvironmentLabel => NameRule {
        what: "environment",
        text: "1 to 16 lower-case letters, digits and '-', starting and ending with a letter or \
               digit, without '--', 'microsoft' and 'windows'",
        minimum: 1,
        maximum: 16,
        unique_in: "deployment name",
        source: "this project: what fits into a container app name with name and service",
        first: Alphabet::LOWER_OR_DIGIT,
        forbidden: RESERVED,
        ..NameRule::lower_hyphenated()
    };

    /// The end of names that are unique in all of Azure.
    Suffix => NameRule {
        what: "suffix",
        text: "6 characters out of the letters a to z and the digits 2 to 7",
        minimum: SUFFIX_LENGTH,
        maximum: SUFFIX_LENGTH,
        unique_in: "-",
        source: "this project: RFC 4648 base32 in lower case",
        ..NameRule::exact(Alphabet::LOWER.with("234567"))
    };
}

impl Suffix {
    /// Derives the suffix of a deployment: the same one on every machine, forever.
    ///
    /// Subscription and group count without their case, as Azure compares them.
    ///
    /// ```
    /// use dify_infra_core::names::{
    ///     DeploymentName, EnvironmentLabel, ResourceGroupName, SubscriptionId, Suffix,
    /// };
    ///
    /// let suffix = Suffix::derive(
    ///     &SubscriptionId::parse("00000000-0000-0000-0000-000000000001")?,
    ///     &ResourceGroupName::parse("dify-dev-rg")?,
    ///     &DeploymentName::parse("dify")?,
    ///     &EnvironmentLabel::parse("dev")?,
    /// );
    /// assert_eq!(suffix.as_str().len(), 6);
    /// # Ok::<(), dify_infra_core::names::InvalidName>(())
    /// ```
    pub fn derive(
        subscription: &SubscriptionId,
        group: &ResourceGroupName,
        name: &DeploymentName,
        environment: &EnvironmentLabel,
    ) -> Self {
        let mut hash = hmac_sha256::Hash::new();
        // No name can hold the NUL that ends each part, so two lists never hash the same text.
        for part in [
            subscription.as_str(),
            group.as_str(),
            name.as_str(),
            environment.as_str(),
        ] {
            hash.update(part.to_lowercase());
            hash.update([0]);
        }
        let encoded = data_encoding::BASE32_NOPAD.encode(&hash.finalize());
        let text: String = encoded.chars().take(SUFFIX_LENGTH).collect();
        Self(text.to_ascii_lowercase().into())
    }
}

/// Name and environment of a deployment, joined, with room left for every service.
///
/// ```
/// use dify_infra_core::names::{
///     ContainerAppName, DeploymentName, DeploymentPrefix, EnvironmentLabel,
/// };
///
/// let prefix = DeploymentPrefix::try_new(
///     &DeploymentName::parse("dify")?,
///     &EnvironmentLabel::parse("dev")?,
///     &["api", "plugin-daemon"],
/// )?;
/// let app: ContainerAppName = prefix.name("plugin-daemon")?;
/// assert_eq!(app.as_str(), "dify-dev-plugin-daemon");
/// # Ok::<(), dify_infra_core::names::InvalidName>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeploymentPrefix(Box<str>);

impl DeploymentPrefix {
    /// The rule of both together; the lengths are those of the container app that carries them.
    const RULE: NameRule = NameRule {
        what: "prefix of container app names",
        text: "a shorter name or environment: `<name>-<environment>-<service>` has at most 32 \
               characters",
        minimum: 3,
        maximum: 32,
        ..NameRule::lower_hyphenated()
    };

    /// Joins name and environment, and checks them against the longest of `services`.
    ///
    /// # Errors
    ///
    /// When the container app of the longest service would have more than 32 characters.
    pub fn try_new(
        name: &DeploymentName,
        environment: &EnvironmentLabel,
        services: &[&str],
    ) -> Result<Self, InvalidName> {
        let prefix = format!("{name}-{environment}");
        let longest = services
            .iter()
            .copied()
            .max_by_key(|service| service.len())
            .unwrap_or("");
        let maximum = ContainerAppName::RULE.maximum();
        let length = prefix.len() + 1 + longest.len();
        if length <= maximum {
            return Ok(Self(prefix.into()));
        }
        let reason = format!(
            "{:?} would have {length} characters, {} too many",
            format!("{prefix}-{longest}"),
            length - maximum,
        );
        Err(InvalidName::new(
            &Self::RULE,
            &prefix,
            Problem::Because(reason),
        ))
    }

    /// The prefix itself, which is also the value of the ownership tag: `<name>-<environment>`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name of one part of the deployment: `<name>-<environment>-<part>`.
    ///
    /// # Errors
    ///
    /// When the joined text breaks the rule of `N`.
    pub fn name<N: Name>(&self, part: &str) -> Result<N, InvalidName> {
        format!("{}-{part}", self.0).parse()
    }
}

impl fmt::Display for DeploymentPrefix {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.0)
    }
}
