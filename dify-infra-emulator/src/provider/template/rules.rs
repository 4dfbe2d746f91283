//! The rules of templates, secrets and registries, which apps and jobs have in common.

use crate::rules::Rule;

/// The rules that apps and jobs share.
pub(crate) const RULES: &[Rule] = &[
    APP_NAME,
    ENVIRONMENT_READY,
    CONTAINERS,
    CONTAINER_IMAGE,
    CONTAINER_NAME,
    CPU_MEMORY,
    SECRET_VALUE,
    SECRET_NAME,
    SECRET_REFERENCE,
    VARIABLE_NAMES,
    VARIABLE_SOURCE,
    VOLUME,
    VOLUME_MOUNT,
    PROBE,
    WORKLOAD_PROFILE,
    REGISTRY,
];

pub(super) const APP_NAME: Rule = Rule::known(
    "ACA-NAME",
    "The name of an app or a job has 2-32 lower-case letters, digits and hyphens, begins with a \
     letter, ends with a letter or digit and has no double hyphen.",
    "microsoft/TWL300-AI-Apps-and-agents#90, microsoft/azure-container-apps#1103",
)
.with_known_code();
pub(super) const ENVIRONMENT_READY: Rule = Rule::known(
    "ACA-ENVIRONMENT-READY",
    "An app or a job is created in an environment that exists and is provisioned.",
    "ManagedEnvironmentNotReadyForAppCreation in public deployment scripts",
)
.with_known_code();
pub(super) const CONTAINERS: Rule = Rule::known(
    "ACA-CONTAINERS",
    "A template has at least one container, each with a name of its own.",
    "learn.microsoft.com container-apps/containers",
);
pub(super) const CONTAINER_IMAGE: Rule = Rule::known(
    "ACA-CONTAINER-IMAGE",
    "A container has an image.",
    "ContainerAppImageRequired in public pipeline logs",
)
.with_known_code();
pub(super) const CONTAINER_NAME: Rule = Rule::known(
    "ACA-CONTAINER-NAME",
    "A container's name has lower-case letters, digits and hyphens, with a letter or digit at \
     both ends.",
    "microsoft/vscode-azurecontainerapps#19",
);
pub(super) const CPU_MEMORY: Rule = Rule::known(
    "ACA-CPU-MEMORY",
    "On Consumption the containers of a replica add up to cpu:memory of 1:2 in steps of 0.25, up \
     to 2 cores and 4Gi, with workload profiles up to 4 cores and 8Gi.",
    "learn.microsoft.com container-apps/containers; Azure/bicep#10821; \
     microsoft/azure-container-apps#1595",
)
.with_known_code();
pub(super) const SECRET_VALUE: Rule = Rule::known(
    "ACA-SECRET-VALUE",
    "A secret has a value that is not empty, or a keyVaultUrl with an identity; a PUT replaces \
     all of them.",
    "learn.microsoft.com container-apps/manage-secrets; ContainerAppSecretInvalid in public \
     deployment logs",
)
.with_known_code();
pub(super) const SECRET_NAME: Rule = Rule::known(
    "ACA-SECRET-NAME",
    "A secret's name is its own and has lower-case letters, digits and hyphens, with a letter or \
     digit at both ends.",
    "Azure/container-apps-deploy-action#116",
);
pub(super) const SECRET_REFERENCE: Rule = Rule::known(
    "ACA-SECRET-REFERENCE",
    "A secretRef names a secret of the same app or job.",
    "ContainerAppSecretRefNotFound in public deployment logs",
)
.with_known_code();
pub(super) const VARIABLE_NAMES: Rule = Rule::known(
    "ACA-VARIABLE-TWICE",
    "A container names each environment variable once; Azure may accept two and then never \
     finish the revision.",
    "microsoft/azure-container-apps#1273",
);
pub(super) const VARIABLE_SOURCE: Rule = Rule::known(
    "ACA-VARIABLE-SOURCE",
    "An environment variable has a name and either a value or a secretRef.",
    "Azure/bicep-types-az Microsoft.App/containerApps EnvironmentVar",
);
pub(super) const VOLUME: Rule = Rule::known(
    "ACA-VOLUME",
    "A volume has a name of its own; a file share's storageName is a storage of the environment.",
    "learn.microsoft.com container-apps/storage-mounts",
);
pub(super) const VOLUME_MOUNT: Rule = Rule::known(
    "ACA-VOLUME-MOUNT",
    "A volumeMount names a volume of the template and has a mountPath of its own.",
    "learn.microsoft.com container-apps/storage-mounts",
);
pub(super) const PROBE: Rule = Rule::known(
    "ACA-PROBE",
    "A probe has one of httpGet and tcpSocket, one probe per type, and numbers within the \
     documented limits.",
    "Azure/azure-rest-api-specs CommonDefinitions.json ContainerAppProbe",
);
pub(super) const WORKLOAD_PROFILE: Rule = Rule::known(
    "ACA-WORKLOAD-PROFILE",
    "workloadProfileName is a profile of the environment.",
    "learn.microsoft.com container-apps/workload-profiles-overview",
);
pub(super) const REGISTRY: Rule = Rule::guessed(
    "ACA-REGISTRY",
    "A registry has a server, and a username with a passwordSecretRef or an identity.",
    "learn.microsoft.com container-apps/containers",
);
