//! Storage.

use super::super::inventory::{Container, Inventory, StorageAccount, Workload};
use super::super::report::Findings;
use super::super::seen::Seen;
use super::dbx::same_everywhere;
use super::{
    DAEMON, filled, is_service_of_application, is_true, label, lacks, on_azure,
    services_of_application,
};
use crate::check::rule::{Family, Rule, Sample};
use crate::diagnostic::Severity;

const ERROR: Rule = Rule::of(Family::Blb, Severity::Error);

/// All rules of the family.
pub(super) const RULES: &[&Rule] = &[
    &COMPLETE,
    &SPELLING,
    &CONTAINER,
    &IDENTITY,
    &ONE_STORAGE,
    &LASTING,
    &SHARE,
    &super::siblings::FILES,
    &super::switches::ACCOUNT_KEYS,
];

const COMPLETE: Rule = Rule {
    id: "BLB101",
    title: "The chosen storage has its settings",
    why: "API and daemon spell the same storage in two ways: `AZURE_BLOB_*` there, \
          `AZURE_BLOB_STORAGE_*` here. A name that is missing is found out at the first upload.",
    source: "langgenius/dify#4577; BorisPolonsky/dify-helm#281",
    fix: "Set the variables of the storage type that is chosen, in the spelling of the image.",
    bad: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-api", "properties": {"template": {"containers": [{"name": "api", "env": [{"name": "AZURE_BLOB_CONTAINER_NAME", "$remove": true}]}]}}}]"#,
    ),
    good: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-api", "properties": {"template": {"containers": [{"name": "api", "env": [{"name": "AZURE_BLOB_CONTAINER_NAME", "value": "dify-app-storage"}]}]}}}]"#,
    ),
    audit: Some(complete),
    ..ERROR
};

const SPELLING: Rule = Rule {
    id: "BLB102",
    title: "The storage type is one that the image knows",
    why: "The API knows `azure-blob`, the daemon `azure_blob`, `azure-blob` and `azure`; with any other \
          word the container stops, or keeps files on its own disk.",
    source: "langgenius/dify 1.16.0 api/extensions/ext_storage.py; langgenius/dify-cloud-kit oss",
    fix: "Write `azure-blob` on api and worker, `azure_blob` on the daemon.",
    bad: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-api", "properties": {"template": {"containers": [{"name": "api", "env": [{"name": "STORAGE_TYPE", "value": "azure_blob"}]}]}}}]"#,
    ),
    good: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-api", "properties": {"template": {"containers": [{"name": "api", "env": [{"name": "STORAGE_TYPE", "value": "azure-blob"}]}]}}}]"#,
    ),
    audit: Some(spelling),
    ..ERROR
};

const CONTAINER: Rule = Rule {
    id: "BLB103",
    title: "Every blob container that is named is created",
    why: "Neither API nor daemon creates one: the first upload fails with ContainerNotFound.",
    source: "langgenius/dify#4577; langgenius/dify 1.16.0 api/extensions/storage/azure_blob_storage.py",
    fix: "Create the container in the storage account, or name one that exists.",
    bad: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-plugin-daemon", "properties": {"template": {"containers": [{"name": "plugin-daemon", "env": [{"name": "AZURE_BLOB_STORAGE_CONTAINER_NAME", "value": "pluginz"}]}]}}}]"#,
    ),
    good: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-plugin-daemon", "properties": {"template": {"containers": [{"name": "plugin-daemon", "env": [{"name": "AZURE_BLOB_STORAGE_CONTAINER_NAME", "value": "pluginz"}]}]}}}, {"$add": true, "type": "Microsoft.Storage/storageAccounts/blobServices/containers", "$childOf": "Microsoft.Storage/storageAccounts/blobServices", "$child": "pluginz"}]"#,
    ),
    audit: Some(container),
    ..ERROR
};

const IDENTITY: Rule = Rule {
    id: "BLB104",
    title: "Storage without a key has an identity",
    why: "`AZURE_BLOB_ACCOUNT_KEY=managedidentity` asks the app's identity for a token; without an \
          identity, or without a role at the account, every upload fails.",
    source: "langgenius/dify PR #11559; langgenius/dify 1.16.0 api/extensions/storage/azure_blob_storage.py",
    fix: "Attach a user-assigned identity with Storage Blob Data Contributor to the app.",
    bad: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-worker", "properties": {"configuration": {"secrets": [{"name": "azure-storage-key", "$remove": true}]}, "template": {"containers": [{"name": "worker", "env": [{"name": "AZURE_BLOB_ACCOUNT_KEY", "value": "managedidentity", "secretRef": null}]}]}}}]"#,
    ),
    good: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-worker", "identity": {"type": "UserAssigned", "userAssignedIdentities": {"[resourceId('Microsoft.ManagedIdentity/userAssignedIdentities', 'dify-dev-identity')]": {}}}, "properties": {"configuration": {"secrets": [{"name": "azure-storage-key", "$remove": true}]}, "template": {"containers": [{"name": "worker", "env": [{"name": "AZURE_BLOB_ACCOUNT_KEY", "value": "managedidentity", "secretRef": null}]}]}}}, {"$add": true, "type": "Microsoft.Authorization/roleAssignments", "name": "storage", "properties": {"roleDefinitionId": "[subscriptionResourceId('Microsoft.Authorization/roleDefinitions', 'ba92f5b4-2d11-453d-a403-e96b0029c9fe')]", "principalId": "[reference(resourceId('Microsoft.ManagedIdentity/userAssignedIdentities', 'dify-dev-identity'), '2023-01-31').principalId]"}}]"#,
    ),
    audit: Some(identity),
    ..ERROR
};

const ONE_STORAGE: Rule = Rule {
    id: "BLB105",
    title: "All of the application uses one storage",
    why: "Files that the API stores the worker must find; with another account or container documents \
          are never indexed.",
    source: "langgenius/dify#17786, #18621",
    fix: "Give api, websocket, worker and beat the same storage settings.",
    bad: Sample::compose("services:\n  worker:\n    environment:\n      STORAGE_TYPE: local"),
    good: Sample::compose("services:\n  worker:\n    environment:\n      STORAGE_TYPE: opendal"),
    audit: Some(|inventory, found| {
        for name in [
            "STORAGE_TYPE",
            "AZURE_BLOB_ACCOUNT_NAME",
            "AZURE_BLOB_ACCOUNT_URL",
            "AZURE_BLOB_CONTAINER_NAME",
        ] {
            same_everywhere(inventory, found, name);
        }
    }),
    ..ERROR
};

const LASTING: Rule = Rule {
    id: "BLB106",
    title: "Files and plugins outlive their container",
    why: "What a container keeps on its own disk is gone with the next revision: uploaded files, the keys \
          of stored credentials, installed plugins.",
    source: "langgenius/dify-plugin-daemon#406; langgenius/dify#16113",
    fix: "Use `azure-blob` and `azure_blob`, or mount a volume that stays.",
    bad: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-plugin-daemon", "properties": {"template": {"containers": [{"name": "plugin-daemon", "env": [{"name": "PLUGIN_STORAGE_TYPE", "value": "local"}]}]}}}]"#,
    ),
    good: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-plugin-daemon", "properties": {"template": {"volumes": [{"name": "plugins", "storageType": "AzureFile", "storageName": "plugins"}], "containers": [{"name": "plugin-daemon", "env": [{"name": "PLUGIN_STORAGE_TYPE", "value": "local"}], "volumeMounts": [{"volumeName": "plugins", "mountPath": "/app/storage/plugin"}]}]}}}]"#,
    ),
    audit: Some(lasting),
    ..ERROR
};

const SHARE: Rule = Rule {
    id: "BLB107",
    title: "Plugins run from a local disk",
    why: "The environment of a plugin is made of symbolic links and thousands of small files: a share over \
          SMB refuses the first and is far too slow for the second.",
    source: "langgenius/dify-plugin-daemon#71; langgenius/dify#31684; mudler/LocalAI#10477",
    fix: "Keep `PLUGIN_WORKING_PATH` off the share; it is rebuilt at each start.",
    bad: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-plugin-daemon", "properties": {"template": {"volumes": [{"name": "plugins", "storageType": "AzureFile", "storageName": "plugins"}], "containers": [{"name": "plugin-daemon", "volumeMounts": [{"volumeName": "plugins", "mountPath": "/app/storage"}]}]}}}]"#,
    ),
    good: Sample::resources(
        r#"[{"type": "Microsoft.App/containerApps", "name": "dify-dev-plugin-daemon", "properties": {"template": {"volumes": [{"name": "plugins", "storageType": "AzureFile", "storageName": "plugins"}], "containers": [{"name": "plugin-daemon", "env": [{"name": "PLUGIN_WORKING_PATH", "value": "/tmp/cwd"}], "volumeMounts": [{"volumeName": "plugins", "mountPath": "/app/storage"}]}]}}}]"#,
    ),
    audit: Some(share),
    ..ERROR
};

const APPLICATION_BLOB: [&str; 4] = [
    "AZURE_BLOB_ACCOUNT_URL",
    "AZURE_BLOB_ACCOUNT_NAME",
    "AZURE_BLOB_ACCOUNT_KEY",
    "AZURE_BLOB_CONTAINER_NAME",
];

fn storage_type(container: &Container) -> Option<&str> {
    let name = if container.role == DAEMON {
        "PLUGIN_STORAGE_TYPE"
    } else {
        "STORAGE_TYPE"
    };
    container.literal(name)
}

fn complete(inventory: &Inventory, found: &mut Findings) {
    let mut missing = |workload: &Workload, container: &Container, name: &str| {
        if lacks(container, name) {
            let message = format!("`{}` has no `{name}`", label(workload, container));
            found.push(container.place_of(name), message);
        }
    };
    for (workload, container) in services_of_application(inventory) {
        if storage_type(container) == Some("azure-blob") {
            let identity = container.literal("AZURE_BLOB_ACCOUNT_KEY") == Some("managedidentity");
            for name in APPLICATION_BLOB {
                if !(identity && name == "AZURE_BLOB_ACCOUNT_NAME") {
                    missing(workload, container, name);
                }
            }
        }
    }
    for (workload, container) in inventory.of(DAEMON) {
        if matches!(
            storage_type(container),
            Some("azure" | "azure_blob" | "azure-blob")
        ) {
            missing(workload, container, "AZURE_BLOB_STORAGE_CONTAINER_NAME");
            if is_true(container, "AZURE_BLOB_STORAGE_USE_MANAGED_IDENTITY") == Some(true) {
                missing(workload, container, "AZURE_BLOB_STORAGE_ACCOUNT_URL");
            } else {
                missing(workload, container, "AZURE_BLOB_STORAGE_CONNECTION_STRING");
            }
        }
    }
}

fn spelling(inventory: &Inventory, found: &mut Findings) {
    for (workload, container) in inventory.containers() {
        let application = container.role.is_application();
        if !(application || container.role == DAEMON) {
            continue;
        }
        let Some(kind) = storage_type(container) else {
            continue;
        };
        let wrong = application && kind.starts_with("azure") && kind != "azure-blob"
            || !application
                && kind.starts_with("azure")
                && !["azure", "azure_blob", "azure-blob"].contains(&kind);
        if wrong {
            let name = if application {
                "STORAGE_TYPE"
            } else {
                "PLUGIN_STORAGE_TYPE"
            };
            let message = format!(
                "`{}` does not know the storage type `{kind}`",
                label(workload, container)
            );
            found.push(container.place_of(name), message);
        }
    }
}

fn container(inventory: &Inventory, found: &mut Findings) {
    for (workload, container) in inventory.containers() {
        let (active, name) = match container.role {
            DAEMON => (
                storage_type(container).is_some_and(|it| it.starts_with("azure")),
                "AZURE_BLOB_STORAGE_CONTAINER_NAME",
            ),
            role if role.is_application() => (
                storage_type(container) == Some("azure-blob"),
                "AZURE_BLOB_CONTAINER_NAME",
            ),
            _ => continue,
        };
        let Some(variable) = filled(container, name).filter(|_| active) else {
            continue;
        };
        let account = account_of(inventory, container).filter(|it| it.children_seen);
        let Some(account) = account else {
            continue;
        };
        let known = account
            .containers
            .iter()
            .any(|(it, _)| it.same(&variable.value) != Some(false));
        if !known && variable.value.literal().is_some() {
            let message = format!(
                "`{name}` of `{}` is `{}`, and nothing creates that blob container",
                label(workload, container),
                variable.value.shown()
            );
            found
                .push(&variable.place, message)
                .see(&account.place, "the storage account");
        }
    }
}

/// The storage account that a container is told to use: the one that is named, else the only one.
pub(super) fn account_of<'a>(
    inventory: &'a Inventory,
    container: &Container,
) -> Option<&'a StorageAccount> {
    if let [only] = inventory.storage.as_slice() {
        return Some(only);
    }
    let named = account_names(container);
    let mut accounts = inventory.storage.iter();
    accounts.find(|it| named.iter().any(|name| it.name.same(name) == Some(true)))
}

/// The names of storage accounts in a container's settings.
fn account_names(container: &Container) -> Vec<Seen> {
    let url = ["AZURE_BLOB_ACCOUNT_URL", "AZURE_BLOB_STORAGE_ACCOUNT_URL"]
        .into_iter()
        .filter_map(|name| {
            Some(
                container
                    .variable(name)?
                    .value
                    .url()?
                    .host
                    .split_once('.')?
                    .0,
            )
        });
    let connection = container.variable("AZURE_BLOB_STORAGE_CONNECTION_STRING");
    let connection = connection.and_then(|it| account_of_connection(&it.value));
    let name = container.variable("AZURE_BLOB_ACCOUNT_NAME");
    let name = name.map(|it| it.value.clone());
    url.chain(connection).chain(name).collect()
}

/// The account that a connection string names.
pub(in crate::audit) fn account_of_connection(text: &Seen) -> Option<Seen> {
    text.split(';').into_iter().find_map(|setting| {
        let (key, name) = setting.split_once('=')?;
        (key.literal() == Some("AccountName")).then_some(name)
    })
}

fn identity(inventory: &Inventory, found: &mut Findings) {
    if !on_azure(inventory) {
        return;
    }
    for (workload, container) in inventory.containers() {
        let application = container.role.is_application()
            && container.literal("AZURE_BLOB_ACCOUNT_KEY") == Some("managedidentity");
        let daemon = container.role == DAEMON
            && is_true(container, "AZURE_BLOB_STORAGE_USE_MANAGED_IDENTITY") == Some(true);
        if !(application || daemon) {
            continue;
        }
        let place = container.place_of(if daemon {
            "AZURE_BLOB_STORAGE_USE_MANAGED_IDENTITY"
        } else {
            "AZURE_BLOB_ACCOUNT_KEY"
        });
        let name = label(workload, container);
        if !workload.identity.as_ref().is_some_and(|it| it.usable) {
            found.push(
                place,
                format!("`{name}` reads storage by identity and has none"),
            );
        } else if inventory.role_assignments.is_empty() && inventory.complete {
            found.warn(
                place,
                format!("nothing gives the identity of `{name}` a role at the storage account"),
            );
        }
    }
}

fn lasting(inventory: &Inventory, found: &mut Findings) {
    if !on_azure(inventory) {
        return;
    }
    for (workload, container) in inventory.containers() {
        let daemon = container.role == DAEMON;
        if !(daemon || is_service_of_application(container)) {
            continue;
        }
        let name = if daemon {
            "PLUGIN_STORAGE_TYPE"
        } else {
            "STORAGE_TYPE"
        };
        let local = match storage_type(container) {
            Some(kind) => {
                matches!(kind, "local" | "")
                    || kind == "opendal"
                        && container
                            .literal("OPENDAL_SCHEME")
                            .is_none_or(|it| it == "fs")
            }
            None => lacks(container, name),
        };
        let lasting = container.mounts.iter().any(|mount| {
            workload
                .volumes
                .iter()
                .any(|it| it.name == mount.volume && it.kind.ends_with("AzureFile"))
        });
        if local && !lasting {
            let message = format!(
                "`{}` keeps its files on its own disk",
                label(workload, container)
            );
            found.push(container.place_of(name), message);
        }
    }
}

fn share(inventory: &Inventory, found: &mut Findings) {
    for (workload, container) in inventory.of(DAEMON) {
        let working = match container.variable("PLUGIN_WORKING_PATH") {
            Some(variable) => variable.value.literal(),
            None => Some("/app/storage/cwd"),
        };
        let Some(working) = working else { continue };
        for mount in &container.mounts {
            let smb = workload
                .volumes
                .iter()
                .any(|it| it.name == mount.volume && it.kind == "AzureFile");
            if smb && is_below(working, &mount.path) {
                let message = format!(
                    "plugins of `{}` run from the share at `{}`",
                    label(workload, container),
                    mount.path
                );
                found.push(&mount.place, message);
            }
        }
    }
}

/// Whether a path is that of a directory, or of something in it.
fn is_below(path: &str, directory: &str) -> bool {
    let rest = path.strip_prefix(directory.trim_end_matches('/'));
    !directory.is_empty() && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
