//! Container Apps.

use super::{Step, step};

pub(super) const APPS: &[Step] = &[
    step(
        "group create --name az-apps --location japaneast",
        &[],
        "a group for apps",
    ),
    step(
        "containerapp env create --resource-group az-apps --name az-env --location japaneast --logs-destination none",
        &[("/properties/provisioningState", "Succeeded")],
        "an environment is followed by `Azure-AsyncOperation`",
    ).by_program(),
    step(
        "containerapp env show --resource-group az-apps --name az-env",
        &[("/location", "Japan East")],
        "the domain and address of an environment",
    ),
    step(
        "containerapp env list --resource-group az-apps",
        &[("/0/name", "az-env")],
        "environments",
    ),
    step(
        "containerapp create --resource-group az-apps --name az-app --environment az-env --image example.com/app:1 \
         --target-port 80 --ingress external --min-replicas 1 --secrets key=value --env-vars KEY=secretref:key",
        &[
            ("/properties/provisioningState", "Succeeded"),
            ("/properties/configuration/secrets/0/name", "key"),
        ],
        "an app with ingress, a secret and a variable from it; the value is withheld",
    ),
    step(
        "containerapp show --resource-group az-apps --name az-app",
        &[
            ("/properties/runningStatus", "Running"),
            ("/properties/template/containers/0/env/0/secretRef", "key"),
        ],
        "an app with its defaults and its host name",
    ),
    step(
        "containerapp list --resource-group az-apps",
        &[("/0/name", "az-app")],
        "apps",
    ),
    step(
        "containerapp secret list --resource-group az-apps --name az-app --show-values",
        &[("/0/value", "value")],
        "`listSecrets` answers values",
    ),
    step(
        "containerapp update --resource-group az-apps --name az-app --image example.com/app:2 --revision-suffix two",
        &[("/properties/latestRevisionName", "az-app--two")],
        "PATCH as merge patch, followed by `Location`",
    ),
    step(
        "containerapp secret set --resource-group az-apps --name az-app --secrets other=1",
        &[("/1/name", "other")],
        "a PUT with the secrets that `listSecrets` gave",
    ),
    step("containerapp secret remove --resource-group az-apps --name az-app --secret-names other", &[], "a secret is taken away"),
    step("containerapp env storage list --resource-group az-apps --name az-env", &[], "file shares of an environment"),
    step("containerapp ingress update --resource-group az-apps --name az-app --target-port 8080", &[("/targetPort", "8080")], "ingress is changed"),
    step("containerapp env update --resource-group az-apps --name az-env --tags stage=dev", &[("/tags/stage", "dev")], "an environment is changed"),
    step(
        "containerapp revision list --resource-group az-apps --name az-app",
        &[("/0/properties/active", "true")],
        "revisions",
    ),
    step(
        "containerapp replica list --resource-group az-apps --name az-app --revision az-app--two",
        &[("/0/properties/runningState", "Running")],
        "replicas of a revision",
    ),
    step(
        "containerapp ingress show --resource-group az-apps --name az-app",
        &[("/traffic/0/weight", "100")],
        "ingress and traffic",
    ),
    step(
        "containerapp job create --resource-group az-apps --name az-job --environment az-env --image example.com/job:1 \
         --trigger-type Manual --replica-timeout 100 --replica-retry-limit 0",
        &[("/properties/provisioningState", "Succeeded")],
        "a job",
    ),
    step(
        "containerapp job start --resource-group az-apps --name az-job",
        &[],
        "a job is started",
    ),
    step(
        "containerapp job execution list --resource-group az-apps --name az-job",
        &[("/0/properties/status", "Succeeded")],
        "executions end",
    ),
    step("containerapp job show --resource-group az-apps --name az-job", &[("/properties/configuration/triggerType", "Manual")], "a job is read"),
    step("containerapp job list --resource-group az-apps", &[("/0/name", "az-job")], "jobs"),
    step("containerapp job update --resource-group az-apps --name az-job --image example.com/job:2", &[("/properties/template/containers/0/image", "example.com/job:2")], "a job is changed"),
    step("containerapp env delete --resource-group az-apps --name az-env --yes", &[], "an environment that is not empty is refused").refused("ManagedEnvironmentHasContainerApps"),
    step(
        "containerapp delete --resource-group az-apps --name az-app --yes",
        &[],
        "an app is deleted",
    ),
    step(
        "containerapp job delete --resource-group az-apps --name az-job --yes",
        &[],
        "a job is deleted",
    ),
    step(
        "containerapp env delete --resource-group az-apps --name az-env --yes",
        &[],
        "an environment is deleted, once it is empty",
    ),
];
