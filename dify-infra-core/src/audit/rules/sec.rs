//! Leakage: secrets that stand where others read them.

use super::super::inventory::{Fact, Inventory, Platform, Source};
use super::super::recognise::Role;
use super::super::report::Findings;
use super::key::{self, is_secret};
use super::{backends, exposure, label, privilege};
use crate::check::rule::{Family, Rule, Sample};
use crate::diagnostic::Severity;
use crate::secrets::{Checker, SecretName};

const ERROR: Rule = Rule::of(Family::Sec, Severity::Error);

/// All rules of the family.
pub(super) const RULES: &[&Rule] = &[
    &PLAIN,
    &OUTPUTS,
    &COMMITTED,
    &privilege::NOT_NEEDED,
    &privilege::SANDBOX_IDENTITY,
    &exposure::PUBLIC,
    &privilege::DEBUGGING,
    &privilege::PPROF,
    &privilege::INIT_PASSWORD,
    &privilege::ADMIN_USER,
    &privilege::VAULT,
    &OPEN_PARAMETER,
    &exposure::PUBLISHED_PORT,
    &exposure::INTERNAL_SERVICE,
    &super::age::OLD_SECRET,
    &super::disclosure::RENAMED,
    &super::disclosure::DEBUG,
    &super::disclosure::SIGNATURES,
];

const PLAIN: Rule = Rule {
    id: "SEC101",
    title: "Secrets are secrets of their app",
    why: "A plain variable is shown in the portal, in exports and in every `az containerapp show` to \
          everybody who may read the app.",
    source: "learn.microsoft.com container-apps/manage-secrets; hashicorp/terraform#516",
    fix: "Make it a secret of the app and refer to it with `secretRef`.",
    bad: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-sandbox", "properties": {"configuration": {"secrets": null}, "template": {"containers": [{"name": "sandbox", "env": [{"name": "API_KEY", "secretRef": null, "value": "[parameters('sandboxApiKey')]"}]}]}}}]"#,
    ),
    good: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-sandbox", "properties": {"configuration": {"secrets": [{"name": "sandbox-api-key", "$remove": true}, {"name": "api-key", "value": "[parameters('sandboxApiKey')]"}]}, "template": {"containers": [{"name": "sandbox", "env": [{"name": "API_KEY", "secretRef": "api-key"}]}]}}}]"#,
    ),
    audit: Some(plain),
    ..ERROR
};

const OUTPUTS: Rule = Rule {
    id: "SEC102",
    title: "No output has a secret in it",
    why: "Outputs stay in the history of deployments, readable for everybody with a reader's role, for as \
          long as the group exists.",
    source: "Azure/bicep#9314; hashicorp/terraform-provider-azurerm#7857; learntocloud/learn-to-cloud-app#807",
    fix: "Remove the output; read the key where it is needed.",
    bad: Sample::resources(
        r#"[{"$output": {"redisKey": {"type": "string", "value": "[listKeys(resourceId('Microsoft.Cache/redis', 'r'), '2024-11-01').primaryKey]"}}}]"#,
    ),
    good: Sample::resources(
        r#"[{"$output": {"host": {"type": "string", "value": "dify.example.com"}}}]"#,
    ),
    audit: Some(outputs),
    ..ERROR
};

const COMMITTED: Rule = Rule {
    id: "SEC103",
    title: "No secret stands in a template or its parameters",
    why: "Templates, parameters files and compose files are committed; a secret in one stays in its history \
          for ever.",
    source: "facts of a public repository with its registry and real secrets in dev parameters; Azure/bicep#9314",
    fix: "Declare the parameter `securestring` without a default, and give the value from a vault or a \
          secret of the pipeline.",
    bad: Sample::resources(
        r#"[{"$parameter": {"databasePassword": {"type": "securestring", "defaultValue": "Vf3kQ8zLm2Xw"}}}]"#,
    ),
    good: Sample::resources(r#"[{"$parameter": {"databasePassword": {"type": "securestring"}}}]"#),
    audit: Some(committed),
    ..ERROR
};

const OPEN_PARAMETER: Rule = Rule {
    id: "SEC112",
    title: "Parameters for secrets are secure",
    why: "A parameter of type `string` is kept in the deployment's history and shown in the portal.",
    source: "learn.microsoft.com azure-resource-manager/templates/parameters; Azure/bicep#9314",
    fix: "Declare it `securestring`, or `@secure()` in Bicep.",
    bad: Sample::resources(r#"[{"$parameter": {"databasePassword": {"type": "string"}}}]"#),
    good: Sample::resources(r#"[{"$parameter": {"databasePassword": {"type": "securestring"}}}]"#),
    audit: Some(open_parameter),
    ..ERROR
};

/// Whether a variable's name sounds like that of a secret.
pub(in super::super) fn sounds_secret(name: &str) -> bool {
    SecretName::from_env_key(name)
        .is_ok_and(|name| Checker::new().with_other_settings().judges(&name))
}

/// `sandboxApiKey` as `SANDBOX_API_KEY`.
pub(in super::super) fn as_variable(name: &str) -> String {
    let mut variable = String::new();
    let mut lower_before = false;
    for character in name.chars() {
        if character.is_ascii_uppercase() && lower_before {
            variable.push('_');
        }
        lower_before = character.is_ascii_lowercase() || character.is_ascii_digit();
        let character = if character == '-' { '_' } else { character };
        variable.push(character.to_ascii_uppercase());
    }
    variable
}

fn plain(inventory: &Inventory, found: &mut Findings) {
    for (workload, container) in inventory
        .containers()
        .filter(|(_, it)| it.role != Role::Other)
    {
        for variable in &container.variables {
            let plain = matches!(variable.source, Source::Plain | Source::Default)
                && !variable.value.is_empty();
            let word = variable.value.literal() == Some("managedidentity");
            let secret = variable.value.has_secret()
                || is_secret(container, &variable.name)
                || variable
                    .value
                    .url()
                    .is_some_and(|url| url.password.is_some_and(|it| !it.is_empty()));
            // The example of a backend that is not used is nobody's secret.
            let example =
                || backends::is_unused(container, &variable.name) && key::is_published(variable);
            if !plain || word || !secret || example() {
                continue;
            }
            let name = label(workload, container);
            let message = format!("`{}` of `{name}` is plain", variable.name);
            if inventory.platform == Platform::ContainerApps {
                found.push(&variable.place, message);
            } else if variable.source == Source::Default {
                let message = format!("{message}: its default stands in the compose file");
                found.warn(&variable.place, message).with_help(
                    "remove the default and set the variable in .env; with `${NAME:?}` compose refuses to \
                     start without it",
                );
            } else {
                let message = format!("{message}: its value stands in the compose file");
                found
                    .warn(&variable.place, message)
                    .with_help("put it into .env and refer to it");
            }
        }
    }
}

fn outputs(inventory: &Inventory, found: &mut Findings) {
    for output in &inventory.outputs {
        if output.has_secret && !output.secure {
            found.push(
                &output.place,
                format!("the output `{}` has a secret in it", output.name),
            );
        }
    }
}

fn committed(inventory: &Inventory, found: &mut Findings) {
    // What an app takes from a parameter stands in the parameter alone.
    let mut told: Vec<&str> = Vec::new();
    for parameter in &inventory.parameters {
        let Some(value) = parameter.value.as_ref().and_then(|it| it.literal()) else {
            continue;
        };
        let secret = parameter.secure || sounds_secret(&as_variable(&parameter.name));
        let placeholder = value.is_empty() || value.starts_with('<') && value.ends_with('>');
        if secret && !placeholder {
            let message = format!(
                "the value of the parameter `{}` stands here",
                parameter.name
            );
            found.push(&parameter.place, message);
            told.push(value);
        }
    }
    for workload in &inventory.workloads {
        for secret in &workload.secrets {
            let Fact::Known(value, place) = &secret.value else {
                continue;
            };
            let file = value.literal().is_none_or(|it| {
                it.is_empty() || it.contains('\n') || it.len() > 512 || told.contains(&it)
            });
            let from_template = inventory.platform == Platform::ContainerApps;
            if from_template && !file && inventory.files.iter().all(|it| it.place != *place) {
                let message = format!("the value of the secret `{}` stands here", secret.name);
                found.push(place, message);
            }
        }
    }
}

fn open_parameter(inventory: &Inventory, found: &mut Findings) {
    for parameter in &inventory.parameters {
        let name = as_variable(&parameter.name);
        if !parameter.secure && sounds_secret(&name) && !name.ends_with("_NAME") {
            let message = format!("the parameter `{}` is not secure", parameter.name);
            found.push(&parameter.place, message);
        }
    }
}
