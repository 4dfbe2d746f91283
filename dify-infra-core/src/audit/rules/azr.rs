//! What Azure's control plane takes, and breaks later.

use std::collections::{BTreeMap, HashSet};

use super::super::inventory::{Fact, Inventory, Source, WorkloadKind};
use super::super::report::Findings;
use super::{label, on_azure};
use crate::check::rule::{Family, Rule, Sample};
use crate::diagnostic::Severity;

const ERROR: Rule = Rule::of(Family::Azr, Severity::Error);

/// All rules of the family.
pub(super) const RULES: &[&Rule] = &[
    &DUPLICATE,
    &EMPTY_SECRET,
    &NO_SUCH_SECRET,
    &VAULT_IDENTITY,
    &UNVERSIONED,
    &WRITTEN_TWICE,
    &NO_LOGS,
    &super::switches::PUBLIC_ACCESS,
    &super::platform::PROFILE,
];

const DUPLICATE: Rule = Rule {
    id: "AZR101",
    title: "No variable is set twice",
    why: "Azure takes a container whose variable stands there twice, and its revision may hang without an \
          error; which value holds is nobody's promise.",
    source: "microsoft/azure-container-apps#1273; jeffcottj/dify-aca sets DB_DATABASE twice",
    fix: "Remove one of the two.",
    bad: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-worker", "properties": {"template": {"containers": [{"name": "worker", "env": [{"$append": true, "name": "LOG_LEVEL", "value": "A"}, {"$append": true, "name": "LOG_LEVEL", "value": "B"}]}]}}}]"#,
    ),
    good: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-worker", "properties": {"template": {"containers": [{"name": "worker", "env": [{"$append": true, "name": "LOG_LEVEL", "value": "A"}]}]}}}]"#,
    ),
    audit: Some(duplicate),
    ..ERROR
};

const EMPTY_SECRET: Rule = Rule {
    id: "AZR102",
    title: "No secret is empty",
    why: "Azure refuses an app with an empty secret, and a template whose parameter has an empty default \
          leads to one: the whole update fails.",
    source: "microsoft/azure-container-apps#259, #654, #1705; Azure/terraform-provider-azapi#542",
    fix: "Leave the secret out when it has no value, and the variable that refers to it.",
    bad: Sample::resources(
        r#"[{"$parameter": {"smtpPassword": {"type": "securestring", "defaultValue": ""}}}, {"type": "Microsoft.App/containerApps", "name": "dify-dev-worker", "properties": {"configuration": {"secrets": [{"name": "smtp-password", "value": "[parameters('smtpPassword')]"}]}, "template": {"containers": [{"name": "worker", "env": [{"name": "SMTP_PASSWORD", "secretRef": "smtp-password"}]}]}}}]"#,
    ),
    good: Sample::resources(
        r#"[{"$parameter": {"smtpPassword": {"type": "securestring", "defaultValue": ""}}}]"#,
    ),
    audit: Some(empty_secret),
    ..ERROR
};

const NO_SUCH_SECRET: Rule = Rule {
    id: "AZR103",
    title: "Every secret that is referred to exists",
    why: "A variable that refers to a secret which the app does not have makes the update fail; one that \
          comes from a vault where it is missing leaves the app deployed and silently broken.",
    source: "microsoft/azure-container-apps#1306; pulumi/pulumi-azure-native#1715",
    fix: "Add the secret to the app, or correct the name.",
    bad: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-worker", "properties": {"configuration": {"secrets": [{"name": "secret-key", "$remove": true}]}, "template": {"containers": [{"name": "worker", "env": [{"name": "SECRET_KEY", "secretRef": "secretkey"}]}]}}}]"#,
    ),
    good: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-worker", "properties": {"configuration": {"secrets": [{"name": "secret-key", "$remove": true}, {"name": "secretkey", "value": "[parameters('secretKey')]"}]}, "template": {"containers": [{"name": "worker", "env": [{"name": "SECRET_KEY", "secretRef": "secretkey"}]}]}}}]"#,
    ),
    audit: Some(no_such_secret),
    ..ERROR
};

const VAULT_IDENTITY: Rule = Rule {
    id: "AZR104",
    title: "Secrets of a vault are read by an identity",
    why: "A `keyVaultUrl` without an identity is refused; with one that the app does not have, the app \
          never starts.",
    source: "microsoft/azure-container-apps#1306; learn.microsoft.com container-apps/manage-secrets",
    fix: "Give the secret an `identity`, and attach it to the app.",
    bad: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-worker", "properties": {"configuration": {"secrets": [{"name": "secret-key", "value": null, "keyVaultUrl": "https://v.vault.azure.net/secrets/secret-key"}]}}}]"#,
    ),
    good: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-worker", "identity": {"type": "UserAssigned"}, "properties": {"configuration": {"secrets": [{"name": "secret-key", "value": null, "identity": "id", "keyVaultUrl": "https://v.vault.azure.net/secrets/secret-key"}]}}}]"#,
    ),
    audit: Some(vault_identity),
    ..ERROR
};

const UNVERSIONED: Rule = Rule {
    id: "AZR105",
    title: "A new value of a vault's secret reaches both sides at once",
    why: "A reference without a version follows the vault within half an hour, each app at a time of its own: \
          until then the two sides of a pair have different keys, and no deployment shows it.",
    source: "learn.microsoft.com container-apps/manage-secrets; microsoft/azure-container-apps#691, #856, #1445",
    fix: "Refer to the secret with its version, so that a new one is a deployment of all that read it.",
    bad: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-worker", "identity": {"type": "UserAssigned"}, "properties": {"configuration": {"secrets": [{"name": "secret-key", "value": null, "identity": "id", "keyVaultUrl": "https://v.vault.azure.net/secrets/secret-key"}]}}}]"#,
    ),
    good: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-worker", "identity": {"type": "UserAssigned"}, "properties": {"configuration": {"secrets": [{"name": "secret-key", "value": null, "identity": "id", "keyVaultUrl": "https://v.vault.azure.net/secrets/secret-key/0123456789abcdef0123456789abcdef"}]}}}]"#,
    ),
    audit: Some(unversioned),
    ..Rule::of(Family::Azr, Severity::Note)
};

const WRITTEN_TWICE: Rule = Rule {
    id: "AZR106",
    title: "No app is written twice",
    why: "Two resources with one name are one app, and the later one takes away what the earlier one set: its \
          image, variables and domains.",
    source: "Azure/azure-cli#32012; hashicorp/terraform-provider-azurerm#23224; azure/container-apps-deploy-action#34",
    fix: "Keep one of the two, with all settings.",
    bad: Sample::resources(
        r#"[{"$add": true, "type": "Microsoft.App/containerApps", "name": "dify-dev-web", "properties": {"template": {"containers": [{"name": "web", "image": "langgenius/dify-web:1.16.0"}]}}}]"#,
    ),
    good: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-web", "properties": {"template": {"containers": [{"name": "web", "image": "langgenius/dify-web:1.16.0"}]}}}]"#,
    ),
    audit: Some(written_twice),
    ..ERROR
};

const NO_LOGS: Rule = Rule {
    id: "AZR107",
    title: "Logs are kept",
    why: "Without a destination what containers say is gone with them: a revision that never becomes healthy \
          leaves no reason behind.",
    source: "learn.microsoft.com container-apps/log-options; microsoft/azure-container-apps#1758, #670; Azure-Samples/hello-azd#3",
    fix: "Set `appLogsConfiguration.destination` to `log-analytics` or `azure-monitor`.",
    bad: Sample::resources(
        r#"[{"type": "Microsoft.App/managedEnvironments", "properties": {"appLogsConfiguration": null}}]"#,
    ),
    good: Sample::resources(
        r#"[{"type": "Microsoft.App/managedEnvironments", "properties": {"appLogsConfiguration": {"destination": "azure-monitor", "logAnalyticsConfiguration": null}}}]"#,
    ),
    audit: Some(no_logs),
    ..Rule::of(Family::Azr, Severity::Warning)
};

fn unversioned(inventory: &Inventory, found: &mut Findings) {
    for workload in &inventory.workloads {
        for secret in &workload.secrets {
            let url = secret.vault_url.as_ref().and_then(|it| it.literal());
            let path = url.and_then(|it| it.split_once("/secrets/"));
            if path.is_some_and(|(_, name)| !name.trim_end_matches('/').contains('/')) {
                let message = format!(
                    "the secret `{}` of `{}` follows its vault without a version",
                    secret.name,
                    workload.name.shown()
                );
                found.push(&secret.place, message);
            }
        }
    }
}

fn written_twice(inventory: &Inventory, found: &mut Findings) {
    if !on_azure(inventory) {
        return;
    }
    let mut first = BTreeMap::new();
    for workload in &inventory.workloads {
        let name = workload.name.shown();
        let key = (
            workload.kind == WorkloadKind::Job,
            name.to_ascii_lowercase(),
        );
        match first.get(&key).copied() {
            Some(there) => {
                found
                    .push(&workload.place, format!("`{name}` is written twice"))
                    .see(there, "the first time");
            }
            None => {
                first.insert(key, &workload.place);
            }
        }
    }
}

fn no_logs(inventory: &Inventory, found: &mut Findings) {
    for environment in &inventory.environments {
        let place = match &environment.logs {
            Fact::Absent => &environment.place,
            Fact::Known(destination, place) if destination.is_empty() || destination == "none" => {
                place
            }
            _ => continue,
        };
        found.push(place, "the environment keeps no logs of its apps");
    }
}

fn duplicate(inventory: &Inventory, found: &mut Findings) {
    for (workload, container) in inventory.containers() {
        let mut first = BTreeMap::new();
        for variable in &container.variables {
            if let Some(before) = first.insert(variable.name.as_str(), &variable.place) {
                let message = format!(
                    "`{}` of `{}` is set twice",
                    variable.name,
                    label(workload, container)
                );
                found
                    .push(&variable.place, message)
                    .see(before, "the first time");
            }
        }
    }
}

fn empty_secret(inventory: &Inventory, found: &mut Findings) {
    for workload in &inventory.workloads {
        for secret in &workload.secrets {
            if let Fact::Known(value, place) = &secret.value
                && value.is_empty()
            {
                let message = format!(
                    "the secret `{}` of `{}` is empty",
                    secret.name,
                    workload.name.shown()
                );
                found.push(place, message);
            }
        }
    }
}

fn no_such_secret(inventory: &Inventory, found: &mut Findings) {
    if !on_azure(inventory) {
        return;
    }
    for workload in inventory.workloads.iter().filter(|it| it.secrets_complete) {
        let known: HashSet<&str> = workload.secrets.iter().map(|it| it.name.as_str()).collect();
        for variable in workload.containers.iter().flat_map(|it| &it.variables) {
            let Source::Secret(name) = &variable.source else {
                continue;
            };
            if !name.contains('{') && !known.contains(name.as_str()) {
                let message = format!(
                    "`{}` refers to the secret `{name}`, which `{}` does not have",
                    variable.name,
                    workload.name.shown()
                );
                found.push(&variable.place, message);
            }
        }
    }
}

fn vault_identity(inventory: &Inventory, found: &mut Findings) {
    for workload in &inventory.workloads {
        for secret in workload.secrets.iter().filter(|it| it.vault_url.is_some()) {
            let attached = workload.identity.as_ref().is_some_and(|it| it.any);
            let problem = match &secret.identity {
                None => "names no identity",
                Some(_) if !attached => "names an identity, and the app has none",
                Some(_) => continue,
            };
            let message = format!(
                "the secret `{}` of `{}` comes from a vault and {problem}",
                secret.name,
                workload.name.shown()
            );
            found.push(&secret.place, message);
        }
    }
}
