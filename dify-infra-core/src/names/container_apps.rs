//! Names of Microsoft.App: environments, apps, jobs and what is inside them.

use super::Name as _;
use super::alphabet::Alphabet;
use super::define::names;
use super::error::{InvalidName, Problem};
use super::rule::NameRule;

/// The most characters of an app's name and its revision's suffix together, the `--` between
/// them counted (microsoft/azure-container-apps#1443 quotes the service).
const REVISION_NAME_MAXIMUM: usize = 54;

/// Lower-case letters, digits and `-`, with a letter or digit at both ends: a DNS label.
const LABEL: NameRule = NameRule {
    first: Alphabet::LOWER_OR_DIGIT,
    last: Alphabet::LOWER_OR_DIGIT,
    ..NameRule::exact(Alphabet::LOWER_OR_DIGIT.with("-"))
};

names! {
    /// The name of a managed environment.
    ManagedEnvironmentName => NameRule {
        what: "managed environment name",
        text: "2 to 60 lower-case letters, digits and '-', starting and ending with a letter or \
               digit",
        minimum: 2,
        maximum: 60,
        unique_in: "resource group",
        resource_type: Some("Microsoft.App/managedEnvironments"),
        source: "hashicorp/terraform-provider-azurerm#32054; the pattern of \
                 ManagedEnvironments.json is wider than the service",
        case: super::rule::Case::Insensitive,
        ..LABEL
    };

    /// The name of a container app; apps of one environment find each other by it.
    ///
    /// ```
    /// use dify_infra_core::names::ContainerAppName;
    ///
    /// let name: ContainerAppName = "dify-dev-plugin-daemon".parse()?;
    /// assert_eq!(name.as_str(), "dify-dev-plugin-daemon");
    /// # Ok::<(), dify_infra_core::names::InvalidName>(())
    /// ```
    ContainerAppName => NameRule {
        what: "container app name",
        text: "2 to 32 lower-case letters, digits and '-', starting with a letter, \
               ending with a letter or digit, without '--'",
        minimum: 2,
        maximum: 32,
        unique_in: "resource group",
        resource_type: Some("Microsoft.App/containerApps"),
        source: "microsoft/TWL300-AI-Apps-and-agents#90 quotes the service",
        ..NameRule::lower_hyphenated()
    };

    /// The name of a job.
    JobName => NameRule {
        what: "job name",
        text: "2 to 32 lower-case letters, digits and '-', starting with a letter, \
               ending with a letter or digit, without '--'",
        minimum: 2,
        maximum: 32,
        unique_in: "resource group",
        resource_type: Some("Microsoft.App/jobs"),
        source: "microsoft/azure-container-apps#1103",
        ..NameRule::lower_hyphenated()
    };

    /// The name under which a managed environment knows a file share.
    EnvironmentStorageName => NameRule {
        what: "environment storage name",
        text: "2 to 32 lower-case letters, digits and '-', starting with a letter, \
               ending with a letter or digit, without '--'",
        minimum: 2,
        maximum: 32,
        unique_in: "managed environment",
        resource_type: Some("Microsoft.App/managedEnvironments/storages"),
        source: "DFE-Digital/terraform-azurerm-container-apps-hosting#353",
        ..NameRule::lower_hyphenated()
    };

    /// The name of a container in the template of an app or a job.
    ContainerName => NameRule {
        what: "container name",
        text: "1 to 63 lower-case letters, digits and '-', starting and ending with a letter or \
               digit",
        minimum: 1,
        maximum: 63,
        unique_in: "template",
        source: "microsoft/vscode-azurecontainerapps#19 quotes the service; RFC 1123 (length)",
        ..LABEL
    };

    /// The name of a scale rule.
    ScaleRuleName => NameRule {
        what: "scale rule name",
        text: "1 to 253 lower-case letters, digits, '-' and '.', with a letter or digit at both \
               ends and on both sides of each '.'",
        minimum: 1,
        maximum: 253,
        unique_in: "container app",
        source: "DFE-Digital/terraform-azurerm-container-apps-hosting#96 quotes the service",
        forbidden: &["..", ".-", "-."],
        inner: Alphabet::LOWER_OR_DIGIT.with("-."),
        ..LABEL
    };

    /// The name of a secret of an app or a job.
    ///
    /// Older messages of the service list `.` too; those since 2024-09 don't, so it is refused.
    AppSecretName => NameRule {
        what: "app secret name",
        text: "1 to 253 lower-case letters, digits and '-', starting and ending with a letter or \
               digit",
        minimum: 1,
        maximum: 253,
        unique_in: "container app",
        source: "Azure/container-apps-deploy-action#116; microsoft/azure-container-apps#495",
        ..LABEL
    };

    /// The name of an environment variable.
    EnvironmentVariableName => NameRule {
        what: "environment variable name",
        text: "1 to 255 letters, digits and '_', not starting with a digit",
        minimum: 1,
        maximum: 255,
        unique_in: "container",
        source: "POSIX.1-2017, 3.235 Name; the length is this project's",
        first: Alphabet::LETTER.with("_"),
        ..NameRule::exact(Alphabet::ALPHANUMERIC.with("_"))
    };

    /// The part of a revision's name that follows the app's name and `--`.
    ///
    /// How long it may be depends on the app: [`revision_name`](Self::revision_name).
    RevisionSuffix => NameRule {
        what: "revision suffix",
        text: "1 to 50 lower-case letters, digits and '-', starting and ending with a letter or \
               digit, without '--'",
        minimum: 1,
        maximum: 50,
        unique_in: "container app",
        source: "azure-cli 2.91.0 containerapp/_validators.py; microsoft/azure-container-apps#1443",
        forbidden: &["--"],
        ..LABEL
    };
}

impl RevisionSuffix {
    /// The name that the revision of `app` will have: `<app>--<suffix>`.
    ///
    /// ```
    /// use dify_infra_core::names::{ContainerAppName, RevisionSuffix};
    ///
    /// let app = ContainerAppName::parse("dify-dev-api")?;
    /// assert_eq!(RevisionSuffix::parse("3f2a")?.revision_name(&app)?, "dify-dev-api--3f2a");
    /// # Ok::<(), dify_infra_core::names::InvalidName>(())
    /// ```
    ///
    /// # Errors
    ///
    /// When both together have more than the 54 characters that the service takes.
    pub fn revision_name(&self, app: &ContainerAppName) -> Result<String, InvalidName> {
        let name = format!("{app}--{self}");
        if name.len() <= REVISION_NAME_MAXIMUM {
            return Ok(name);
        }
        let excess = name.len() - REVISION_NAME_MAXIMUM;
        let reason = format!(
            "the revision's name {name:?} would have {} characters, {excess} more than the \
             {REVISION_NAME_MAXIMUM} that Container Apps takes",
            name.len(),
        );
        Err(InvalidName::new(
            Self::RULE,
            self.as_str(),
            Problem::Because(reason),
        ))
    }
}
