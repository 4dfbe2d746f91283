//! Rules of apps and jobs.

use serde_json::{Value, json};

use super::super::support::{
    Client, Reply, app_body, app_path, environment_body, environment_path, group, job_body,
    with_environment,
};
use super::networks::{subnet, with_subnet};
use super::{Broken, app_with, broken, path, with};

const CONTAINER: &str = "/properties/template/containers/0";
const INGRESS: &str = "/properties/configuration/ingress";

fn container_with(client: &mut Client, name: &str, value: Value) -> Reply {
    app_with(client, &format!("{CONTAINER}/{name}"), value)
}

fn job_with(client: &mut Client, pointer: &str, value: Value) -> Reply {
    *client = with_environment();
    client.put(
        &path("Microsoft.App/jobs/job"),
        with(job_body(), pointer, value),
    )
}

/// An app with tcp ingress to the outside, in an environment with a network of one's own.
fn external(client: &Client, name: &str) -> Reply {
    let body = with(app_body(), &format!("{INGRESS}/external"), json!(true));
    let reply = client.put(&app_path(name), body);
    client.settle();
    reply
}

pub(super) const BROKEN: &[Broken] = &[
    broken("ACA-NAME", 400, "ContainerAppInvalidName", |client| {
        *client = with_environment();
        client.put(&app_path("Api"), app_body())
    }),
    broken(
        "ACA-ENVIRONMENT-READY",
        400,
        "ManagedEnvironmentNotReadyForAppCreation",
        |client| {
            client.put(&environment_path(), environment_body());
            client.put(&app_path("api"), app_body())
        },
    ),
    broken(
        "ACA-ENVIRONMENT-READY",
        400,
        "ManagedEnvironmentNotFound",
        |client| client.put(&app_path("api"), app_body()),
    ),
    broken(
        "ACA-CONTAINERS",
        400,
        "ContainerAppContainersRequired",
        |client| app_with(client, "/properties/template/containers", json!([])),
    ),
    broken(
        "ACA-CONTAINER-NAME",
        400,
        "ContainerAppInvalidContainerName",
        |client| container_with(client, "name", json!("Api")),
    ),
    broken(
        "ACA-CPU-MEMORY",
        400,
        "ContainerAppInvalidResourceTotal",
        |client| container_with(client, "resources", json!({"cpu": 0.5, "memory": "2Gi"})),
    ),
    broken(
        "ACA-SECRET-VALUE",
        400,
        "ContainerAppSecretInvalid",
        |client| {
            let secrets = json!([{"name": "key", "value": ""}]);
            app_with(client, "/properties/configuration/secrets", secrets)
        },
    ),
    broken(
        "ACA-SECRET-NAME",
        400,
        "ContainerAppSecretNameInvalid",
        |client| {
            let secrets = json!([{"name": "Key", "value": "v"}]);
            app_with(client, "/properties/configuration/secrets", secrets)
        },
    ),
    broken(
        "ACA-SECRET-REFERENCE",
        400,
        "ContainerAppSecretRefNotFound",
        |client| {
            container_with(
                client,
                "env",
                json!([{"name": "A", "secretRef": "nothing"}]),
            )
        },
    ),
    broken(
        "ACA-VARIABLE-TWICE",
        400,
        "InvalidParameterValueInContainerTemplate",
        |client| {
            let variable = json!({"name": "A", "value": "1"});
            container_with(client, "env", json!([variable, variable]))
        },
    ),
    broken(
        "ACA-VARIABLE-SOURCE",
        400,
        "InvalidParameterValueInContainerTemplate",
        |client| {
            container_with(
                client,
                "env",
                json!([{"name": "A", "value": "1", "secretRef": "key"}]),
            )
        },
    ),
    broken("ACA-VOLUME", 400, "ContainerAppVolumeInvalid", |client| {
        let volumes =
            json!([{"name": "files", "storageType": "AzureFile", "storageName": "nothing"}]);
        app_with(client, "/properties/template/volumes", volumes)
    }),
    broken(
        "ACA-VOLUME-MOUNT",
        400,
        "ContainerAppVolumeMountInvalid",
        |client| {
            container_with(
                client,
                "volumeMounts",
                json!([{"volumeName": "nothing", "mountPath": "/a"}]),
            )
        },
    ),
    broken("ACA-PROBE", 400, "ContainerAppProbeInvalid", |client| {
        let probe = json!({"type": "Liveness", "tcpSocket": {"port": 80}, "periodSeconds": 241});
        container_with(client, "probes", json!([probe]))
    }),
    broken(
        "ACA-WORKLOAD-PROFILE",
        400,
        "InvalidWorkloadProfileName",
        |client| app_with(client, "/properties/workloadProfileName", json!("nothing")),
    ),
    broken(
        "ACA-REGISTRY",
        400,
        "ContainerAppRegistryInvalid",
        |client| {
            let registries = json!([{"server": "example.com", "username": "u"}]);
            app_with(client, "/properties/configuration/registries", registries)
        },
    ),
    broken(
        "ACA-APP-BUSY",
        409,
        "ContainerAppOperationInProgress",
        |client| {
            *client = with_environment();
            client.put(&app_path("api"), app_body());
            client.put(&app_path("api"), app_body())
        },
    ),
    broken(
        "ACA-JOB-BUSY",
        409,
        "ContainerAppsJobOperationInProgress",
        |client| {
            *client = with_environment();
            let job = path("Microsoft.App/jobs/migrate");
            client.put(&job, job_body());
            client.put(&job, job_body())
        },
    ),
    broken(
        "ACA-CONTAINER-IMAGE",
        400,
        "ContainerAppImageRequired",
        |client| {
            app_with(
                client,
                "/properties/template/containers/0/image",
                Value::Null,
            )
        },
    ),
    broken(
        "ACA-REVISION-SUFFIX",
        400,
        "ContainerAppInvalidRevisionSuffix",
        |client| app_with(client, "/properties/template/revisionSuffix", json!("One")),
    ),
    broken(
        "ACA-REVISION-NAME",
        400,
        "ContainerAppRevisionAlreadyExists",
        |client| {
            *client = with_environment();
            client.create(&app_path("api"), app_body());
            let other = with(
                app_body(),
                &format!("{CONTAINER}/image"),
                json!("example.com/a:2"),
            );
            client.put(&app_path("api"), other)
        },
    ),
    broken("ACA-SCALE", 400, "ContainerAppInvalidScaleSpec", |client| {
        let scale = json!({"minReplicas": 3, "maxReplicas": 2});
        app_with(client, "/properties/template/scale", scale)
    }),
    broken(
        "ACA-GRACE-PERIOD",
        400,
        "InvalidParameterValueInContainerTemplate",
        |client| {
            app_with(
                client,
                "/properties/template/terminationGracePeriodSeconds",
                json!(601),
            )
        },
    ),
    broken(
        "ACA-TARGET-PORT",
        400,
        "ContainerAppInvalidTargetPort",
        |client| app_with(client, &format!("{INGRESS}/targetPort"), json!(70_000)),
    ),
    broken(
        "ACA-EXPOSED-PORT",
        400,
        "ContainerAppInvalidExposedPort",
        |client| app_with(client, &format!("{INGRESS}/exposedPort"), json!(80)),
    ),
    broken(
        "ACA-EXPOSED-PORT-HTTP",
        400,
        "ContainerAppInvalidExposedPort",
        |client| app_with(client, &format!("{INGRESS}/transport"), json!("http")),
    ),
    broken(
        "ACA-TCP-FEATURES",
        400,
        "ContainerAppInvalidTcpIngress",
        |client| app_with(client, &format!("{INGRESS}/allowInsecure"), json!(true)),
    ),
    broken(
        "ACA-TCP-EXTERNAL",
        400,
        "ContainerAppTcpRequiresVnet",
        |client| app_with(client, &format!("{INGRESS}/external"), json!(true)),
    ),
    broken(
        "ACA-TCP-PORT-TAKEN",
        400,
        "ContainerAppExposedPortConflict",
        |client| {
            with_subnet(
                client,
                "apps",
                "10.0.2.0/24",
                Some("Microsoft.App/environments"),
            );
            let network = json!({"infrastructureSubnetId": subnet("apps")});
            let body = with(environment_body(), "/properties/vnetConfiguration", network);
            client.create(&environment_path(), body);
            assert!(external(client, "one").status.is_success());
            external(client, "two")
        },
    ),
    broken(
        "ACA-EXTRA-PORTS",
        400,
        "ContainerAppInvalidAdditionalPortMappings",
        |client| {
            let ports: Vec<Value> = (1..=6)
                .map(|port| json!({"targetPort": 9000 + port, "external": false}))
                .collect();
            app_with(
                client,
                &format!("{INGRESS}/additionalPortMappings"),
                json!(ports),
            )
        },
    ),
    broken(
        "ACA-TRAFFIC",
        400,
        "ContainerAppInvalidTrafficWeights",
        |client| {
            let traffic = json!([{"latestRevision": true, "weight": 90}]);
            app_with(client, &format!("{INGRESS}/traffic"), traffic)
        },
    ),
    broken(
        "ACA-JOB-TRIGGER",
        400,
        "ContainerAppJobInvalidTrigger",
        |client| {
            let schedule = json!({"cronExpression": "* * * * *"});
            job_with(
                client,
                "/properties/configuration/scheduleTriggerConfig",
                schedule,
            )
        },
    ),
    broken(
        "ACA-JOB-LIMITS",
        400,
        "ContainerAppJobInvalidConfiguration",
        |client| job_with(client, "/properties/configuration/replicaTimeout", json!(0)),
    ),
    broken(
        "ACA-JOB-START",
        409,
        "ContainerAppJobNotProvisioned",
        |client| {
            *client = with_environment();
            client.put(&path("Microsoft.App/jobs/job"), job_body());
            client.post(&path("Microsoft.App/jobs/job/start"), json!({}))
        },
    ),
    broken(
        "ACA-VAULT-URL",
        400,
        "ContainerAppSecretKeyVaultUrlInvalid",
        |client| {
            let url = "https://example.com/secrets/key";
            let secret = json!({"name": "key", "keyVaultUrl": url, "identity": "system"});
            app_with(client, "/properties/configuration/secrets", json!([secret]))
        },
    ),
    broken(
        "ACA-VAULT-SECRET",
        400,
        "InvalidParameterValueInContainerTemplate",
        |client| {
            let url = "https://nothing.vault.azure.net/secrets/key";
            let identity =
                group("/providers/Microsoft.ManagedIdentity/userAssignedIdentities/none");
            let secret = json!({"name": "key", "keyVaultUrl": url, "identity": identity});
            app_with(client, "/properties/configuration/secrets", json!([secret]))
        },
    ),
];
