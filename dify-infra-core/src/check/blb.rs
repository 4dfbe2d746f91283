//! Rules about Blob storage.

use super::rule::{Family, Rule, Sample};
use crate::catalogue::ServiceKind;
use crate::deployment::{Deployment, Origin, StorageAccess};
use crate::diagnostic::{Diagnostics, KeyPath, Severity};

/// Days within which somebody notices that files are gone, a weekend included.
const SHORT_RETENTION: u32 = 7;

/// All rules of the family.
pub(super) const RULES: &[&Rule] = &[&RETENTION, &WIRED, &PUBLIC, &CONTAINERS, &IDENTITY];

const RETENTION: Rule = Rule {
    id: "BLB001",
    title: "Deleted files can be brought back for a week",
    why: "The storage account holds the private keys (`privkeys/`) that every stored credential of \
          a model provider is encrypted with: whoever loses it enters them all again.",
    source: "langgenius/dify 1.16.0 api/libs/rsa.py; langgenius/dify#21393",
    fix: "Give `retention_days = 7` or more.",
    bad: Sample::part("[data.storage]\nretention_days = 1"),
    good: Sample::part("[data.storage]\nretention_days = 14"),
    check: Some(retention),
    ..Rule::of(Family::Blb, Severity::Warning)
};

pub(super) const WIRED: Rule = Rule {
    id: "BLB002",
    title: "Storage is wired in one place",
    why: "API and plugin daemon spell the same storage in two different ways, and a container \
          that is missing or misspelt drops files without an error.",
    source: "langgenius/dify#4577; BorisPolonsky/dify-helm#281",
    fix: "Remove the variable; choose the account under `[data.storage]`.",
    bad: Sample::part("[services.api.env]\nSTORAGE_TYPE = \"local\""),
    good: Sample::part("[data.storage]\nsku = \"Standard_ZRS\""),
    ..Rule::of(Family::Blb, Severity::Error)
};

const PUBLIC: Rule = Rule {
    id: "BLB003",
    title: "Storage is not open to the internet",
    why: "Apps of an environment without a network of its own have no fixed address, and Container \
          Apps is none of the services that storage's firewall lets through as trusted: the \
          account answers everybody over TLS, its blobs are private, and its key is the only \
          guard.",
    source: "learn.microsoft.com storage/common/storage-network-security-trusted-azure-services",
    fix: "Set `private_endpoints = true` under `[network]`, which closes it; or keep the key safe.",
    bad: Sample::part(""),
    good: Sample::part("[data.storage]\nexisting = \"mystorage\""),
    check: Some(public),
    ..Rule::of(Family::Blb, Severity::Note)
};

const CONTAINERS: Rule = Rule {
    id: "BLB004",
    title: "Plugins and files have containers of their own",
    why: "The plugin daemon lists and removes what it finds in its container; the files of users do not \
          belong there.",
    source: "langgenius/dify-plugin-daemon internal/core/plugin_manager/media_transport",
    fix: "Give `app_container` and `plugin_container` different names.",
    bad: Sample::part("[data.storage]\napp_container = \"one\"\nplugin_container = \"one\""),
    good: Sample::part(
        "[data.storage]\napp_container = \"team-files\"\nplugin_container = \"team-plugins\"",
    ),
    check: Some(containers),
    ..Rule::of(Family::Blb, Severity::Error)
};

const IDENTITY: Rule = Rule {
    id: "BLB005",
    title: "Access to storage by identity is something that every image knows",
    why: "The API signs in with an identity since 0.14 (the word `managedidentity` for a key), the \
          plugin daemon since 0.5.7. An older daemon ignores the setting and fails without a \
          connection string.",
    source: "langgenius/dify#11559; langgenius/dify-plugin-daemon 0.5.7 internal/types/app/config.go",
    fix: "Choose a release with a newer plugin daemon, or write `access = \"key\"`.",
    bad: Sample::file(
        "name = \"dify\"\nenvironment = \"dev\"\nlocation = \"japaneast\"\ndify = \"1.13.3\"\n\n\
         [azure]\nresource_group = \"dify-dev-rg\"\n\n[data.storage]\naccess = \"identity\"\n",
    ),
    good: Sample::part("[data.storage]\naccess = \"identity\""),
    check: Some(identity),
    ..Rule::of(Family::Blb, Severity::Error)
};

fn identity(deployment: &Deployment, diagnostics: &mut Diagnostics) {
    let StorageAccess::Identity(_) = deployment.storage().access else {
        return;
    };
    let release = deployment.release();
    let daemon = release.variables(ServiceKind::PluginDaemon);
    if daemon
        .is_read("AZURE_BLOB_STORAGE_USE_MANAGED_IDENTITY")
        .is_yes()
    {
        return;
    }
    let message = format!(
        "the plugin daemon {} of release {} can't sign in to storage with an identity",
        daemon.version(),
        release.version()
    );
    diagnostics.push(IDENTITY.finding(KeyPath::of("data.storage.access"), message));
}

fn containers(deployment: &Deployment, diagnostics: &mut Diagnostics) {
    let storage = deployment.storage();
    if storage.app_container == storage.plugin_container {
        let message = format!(
            "`{}` is the container of files and of plugins",
            storage.app_container
        );
        diagnostics.push(CONTAINERS.finding(KeyPath::of("data.storage.plugin_container"), message));
    }
}

fn public(deployment: &Deployment, diagnostics: &mut Diagnostics) {
    let is_ours = deployment.storage().origin == Origin::Managed;
    if is_ours && deployment.private_endpoints().is_none() {
        let message = "Blob storage is reachable from the internet; its key is the only guard";
        diagnostics.push(PUBLIC.finding(KeyPath::of("data.storage"), message));
    }
}

fn retention(deployment: &Deployment, diagnostics: &mut Diagnostics) {
    let storage = deployment.storage();
    if storage.origin == Origin::Managed && storage.retention_days < SHORT_RETENTION {
        let message = format!(
            "deleted files can be brought back for {} days only",
            storage.retention_days
        );
        diagnostics.push(RETENTION.finding(KeyPath::of("data.storage.retention_days"), message));
    }
}
