//! Rules about leakage and least privilege.

use super::rule::{Family, Rule, Sample};
use crate::catalogue::ServiceKind;
use crate::deployment::Deployment;
use crate::diagnostic::{Diagnostics, KeyPath, Severity};

const ERROR: Rule = Rule::of(Family::Sec, Severity::Error);

/// All rules of the family.
pub(super) const RULES: &[&Rule] = &[
    &PLAIN_SECRET,
    &VALUE_IN_FILE,
    &INIT_PASSWORD,
    &REMOTE_DEBUGGING,
    &CREDENTIAL,
];

pub(super) const PLAIN_SECRET: Rule = Rule {
    id: "SEC001",
    title: "Secrets are given by name",
    why: "The deployment file is read by everyone who reads the repository, and a plain variable \
          by everyone who may read the app in Azure.",
    source: "learn.microsoft.com container-apps/manage-secrets",
    fix: "Put the value into the secrets file and name it: `{ secret = \"...\" }`.",
    bad: Sample::part("[services.api.env]\nSMTP_PASSWORD = \"correct horse battery\""),
    good: Sample::part("[services.api.env]\nSMTP_PASSWORD = { secret = \"smtp-password\" }"),
    ..ERROR
};

pub(crate) const VALUE_IN_FILE: Rule = Rule {
    id: "SEC002",
    title: "Passwords are not in the deployment file",
    why: "The file is meant to be committed; a password in it stays in the history for ever.",
    source: "this project: the file names secrets, the secrets file has them",
    fix: "Put the value into the secrets file and name it: `{ secret = \"...\" }`.",
    bad: Sample::part(
        "[images]\nregistry = \"contoso.azurecr.io\"\nusername = \"puller\"\npassword = \"s3cret\"",
    ),
    good: Sample::part(
        "[images]\nregistry = \"contoso.azurecr.io\"\nusername = \"puller\"\n\
         password = { secret = \"registry-password\" }",
    ),
    ..ERROR
};

pub(super) const INIT_PASSWORD: Rule = Rule {
    id: "SEC003",
    title: "The first account is guarded",
    why: "Without INIT_PASSWORD whoever opens /install first owns the instance, and the address of \
          a new deployment is found within minutes.",
    source: "langgenius/dify 1.16.0 api/controllers/console/init_validate.py",
    fix: "Remove the variable; dify-infra generates the password, and `outputs` says where it is.",
    bad: Sample::part("[services.api.env]\nINIT_PASSWORD = \"\""),
    good: Sample::part(""),
    ..ERROR
};

const REMOTE_DEBUGGING: Rule = Rule {
    id: "SEC004",
    title: "Remote debugging of plugins stays off",
    why: "Whoever reaches the port and has a debugging key runs code inside the plugin daemon, \
          which holds the keys of the database and of every model provider.",
    source: "langgenius/dify-plugin-daemon 0.6.10 internal/types/app/config.go",
    fix: "Remove the variable; debug against a deployment that holds nothing.",
    bad: Sample::part("[services.plugin_daemon.env]\nPLUGIN_REMOTE_INSTALLING_ENABLED = true"),
    good: Sample::part("[services.plugin_daemon.env]\nPLUGIN_REMOTE_INSTALLING_ENABLED = false"),
    check: Some(remote_debugging),
    ..Rule::of(Family::Sec, Severity::Warning)
};

pub(super) const CREDENTIAL: Rule = Rule {
    id: "SEC005",
    title: "No plain value carries a password along",
    why: "URLs and connection strings hold passwords in their middle; as a plain variable they \
          are shown in the portal, in exports and in every plan.",
    source: "learn.microsoft.com container-apps/manage-secrets",
    fix: "Put the whole value into the secrets file and name it: `{ secret = \"...\" }`.",
    bad: Sample::part("[services.api.env]\nQDRANT_URL = \"https://user:pass@qdrant.example.com\""),
    good: Sample::part("[services.api.env]\nQDRANT_URL = { secret = \"qdrant-url\" }"),
    ..ERROR
};

fn remote_debugging(deployment: &Deployment, diagnostics: &mut Diagnostics) {
    const NAME: &str = "PLUGIN_REMOTE_INSTALLING_ENABLED";
    let Some(daemon) = deployment.service(ServiceKind::PluginDaemon) else {
        return;
    };
    let value = daemon.plain_variable(NAME);
    let on = value.is_some_and(|value| ["1", "t", "T", "true", "TRUE", "True"].contains(&value));
    if on {
        let path = KeyPath::of("services.plugin_daemon.env").key(NAME);
        diagnostics.push(REMOTE_DEBUGGING.finding(path, "remote debugging of plugins is on"));
    }
}

/// Whether a value has a password in it: a URL with one, or a connection string of Azure.
pub(crate) fn holds_credential(value: &str) -> bool {
    let in_url = value.split_once("://").is_some_and(|(_, rest)| {
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let user = authority.rsplit_once('@').map(|(user, _)| user);
        user.and_then(|user| user.split_once(':'))
            .is_some_and(|(_, password)| !password.is_empty())
    });
    let lower = value.to_ascii_lowercase();
    let markers = [
        "accountkey=",
        "sharedaccesskey=",
        "sharedaccesssignature=",
        "password=",
        "?sig=",
        "&sig=",
    ];
    in_url || markers.iter().any(|marker| lower.contains(marker))
}
