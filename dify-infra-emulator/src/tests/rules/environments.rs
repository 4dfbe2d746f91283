//! Rules of managed environments.

use serde_json::{Value, json};

use super::super::support::{
    Client, Reply, app_body, app_path, environment_body, environment_path, with_environment,
};
use super::networks::{subnet, with_subnet};
use super::{Broken, broken, make, path, with};

fn environment_with(client: &Client, pointer: &str, value: Value) -> Reply {
    client.put(
        &environment_path(),
        with(environment_body(), pointer, value),
    )
}

fn in_subnet(name: &str) -> Value {
    let subnet = json!({"infrastructureSubnetId": subnet(name)});
    with(environment_body(), "/properties/vnetConfiguration", subnet)
}

pub(super) const BROKEN: &[Broken] = &[
    broken(
        "ACA-ENVIRONMENT-NAME",
        400,
        "ManagedEnvironmentInvalidName",
        |client| {
            client.put(
                &path("Microsoft.App/managedEnvironments/Env"),
                environment_body(),
            )
        },
    ),
    broken(
        "ACA-ENVIRONMENT-NOT-EMPTY",
        409,
        "ManagedEnvironmentHasContainerApps",
        |client| {
            *client = with_environment();
            client.create(&app_path("api"), app_body());
            client.delete(&environment_path())
        },
    ),
    broken(
        "ACA-ENVIRONMENT-BUSY",
        409,
        "ManagedEnvironmentOperationInProgress",
        |client| {
            client.put(&environment_path(), environment_body());
            client.put(&environment_path(), environment_body())
        },
    ),
    broken(
        "ACA-ENVIRONMENT-CREATE-ONLY",
        400,
        "ManagedEnvironmentPropertyNotUpdatable",
        |client| {
            *client = with_environment();
            environment_with(client, "/properties/zoneRedundant", json!(true))
        },
    ),
    broken(
        "ACA-ENVIRONMENT-LOGS",
        400,
        "InvalidRequestParameterWithDetails",
        |client| {
            let logs = json!({"destination": "log-analytics"});
            environment_with(client, "/properties/appLogsConfiguration", logs)
        },
    ),
    broken(
        "ACA-ENVIRONMENT-INTERNAL",
        400,
        "ManagedEnvironmentInvalidNetworkConfiguration",
        |client| {
            environment_with(
                client,
                "/properties/vnetConfiguration",
                json!({"internal": true}),
            )
        },
    ),
    broken(
        "ACA-ENVIRONMENT-INGRESS",
        400,
        "InvalidIngressConfiguration",
        |client| {
            let ingress = json!({"workloadProfileName": "Consumption", "requestIdleTimeout": 5});
            environment_with(client, "/properties/ingressConfiguration", ingress)
        },
    ),
    broken(
        "ACA-ENVIRONMENT-PROFILE",
        400,
        "InvalidWorkloadProfile",
        |client| {
            let profile = json!({"name": "Consumption", "workloadProfileType": "Consumption"});
            environment_with(
                client,
                "/properties/workloadProfiles",
                json!([profile, profile]),
            )
        },
    ),
    broken(
        "ACA-ENVIRONMENT-QUOTA",
        400,
        "MaxNumberOfRegionalEnvironmentsInSubExceeded",
        |client| {
            for number in 0..15 {
                let name = format!("Microsoft.App/managedEnvironments/env-{number}");
                client.put(&path(&name), environment_body());
            }
            client.put(&environment_path(), environment_body())
        },
    ),
    broken(
        "ACA-ENVIRONMENT-ZONES",
        400,
        "ManagedEnvironmentInvalidNetworkConfiguration",
        |client| environment_with(client, "/properties/zoneRedundant", json!(true)),
    ),
    broken(
        "ACA-ENVIRONMENT-SUBNET",
        400,
        "ManagedEnvironmentInvalidNetworkConfiguration",
        |client| {
            with_subnet(client, "plain", "10.0.2.0/24", None);
            client.put(&environment_path(), in_subnet("absent"))
        },
    ),
    broken(
        "ACA-ENVIRONMENT-SUBNET-DELEGATED",
        400,
        "ManagedEnvironmentSubnetDelegationError",
        |client| {
            with_subnet(client, "plain", "10.0.2.0/24", None);
            client.put(&environment_path(), in_subnet("plain"))
        },
    ),
    broken(
        "ACA-ENVIRONMENT-SUBNET-SIZE",
        400,
        "ManagedEnvironmentInvalidNetworkConfiguration",
        |client| {
            with_subnet(
                client,
                "apps",
                "10.0.2.0/28",
                Some("Microsoft.App/environments"),
            );
            client.put(&environment_path(), in_subnet("apps"))
        },
    ),
    broken(
        "ACA-ENVIRONMENT-SUBNET-ALONE",
        400,
        "ManagedEnvironmentInvalidNetworkConfiguration",
        |client| {
            with_subnet(
                client,
                "apps",
                "10.0.2.0/24",
                Some("Microsoft.App/environments"),
            );
            make(
                client,
                "Microsoft.App/managedEnvironments/other",
                in_subnet("apps"),
            );
            client.put(&environment_path(), in_subnet("apps"))
        },
    ),
];
