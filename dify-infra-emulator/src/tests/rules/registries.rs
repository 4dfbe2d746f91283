//! Rules of container registries and of what apps pull from them.

use serde_json::{Value, json};

use super::super::support::{
    Client, Reply, app_body, app_path, environment_body, environment_path, with_environment,
};
use super::networks::{ENDPOINT, endpoint_body, with_subnet};
use super::{Broken, broken, make, path, with};
use crate::Emulator;

const REGISTRY: &str = "Microsoft.ContainerRegistry/registries/registryone";

fn registry_body() -> Value {
    json!({"location": "japaneast", "sku": {"name": "Basic"}, "properties": {}})
}

fn import(client: &Client, body: &Value) -> Reply {
    let address = format!("{}/importImage", path(REGISTRY));
    client.post(&address, body)
}

fn image() -> Value {
    json!({
        "source": {"registryUri": "docker.io", "sourceImage": "library/nginx:1"},
        "targetTags": ["nginx:1"],
    })
}

pub(super) const BROKEN: &[Broken] = &[
    broken("ACR-NAME", 400, "InvalidResourceName", |client| {
        client.put(
            &path("Microsoft.ContainerRegistry/registries/registry-one"),
            registry_body(),
        )
    }),
    broken("ACR-IMPORT-SOURCE", 400, "InvalidParameters", |client| {
        make(client, REGISTRY, registry_body());
        import(client, &with(image(), "/source/sourceImage", json!("")))
    }),
    broken("ACR-IMPORT-TARGET", 400, "InvalidParameters", |client| {
        make(client, REGISTRY, registry_body());
        import(client, &with(image(), "/targetTags", json!([])))
    }),
    broken("ACR-IMPORT-EXISTS", 409, "Conflict", |client| {
        make(client, REGISTRY, registry_body());
        import(client, &image());
        client.settle();
        import(client, &image())
    }),
    broken(
        "ACA-PULL",
        400,
        "InvalidParameterValueInContainerTemplate",
        |client| {
            *client = with_environment();
            make(client, REGISTRY, registry_body());
            let puller = path("Microsoft.ManagedIdentity/userAssignedIdentities/puller");
            let registries = json!([{"server": "registryone.azurecr.io", "identity": puller}]);
            let body = with(
                app_body(),
                "/properties/configuration/registries",
                registries,
            );
            client.put(&app_path("api"), body)
        },
    ),
    broken(
        "ACA-MANIFEST",
        400,
        "InvalidParameterValueInContainerTemplate",
        |client| {
            *client = Client::new(Emulator::builder().check_images().build().unwrap());
            client.make_group();
            client.create(&environment_path(), environment_body());
            make(client, REGISTRY, registry_body());
            let image = json!("registryone.azurecr.io/nothing:1");
            client.put(
                &app_path("api"),
                with(app_body(), "/properties/template/containers/0/image", image),
            )
        },
    ),
    broken(
        "NET-ENDPOINT-REGISTRY",
        400,
        "PrivateEndpointNotSupportedForSku",
        |client| {
            with_subnet(client, "one", "10.0.1.0/24", None);
            make(client, REGISTRY, registry_body());
            client.put(&path(ENDPOINT), endpoint_body(&path(REGISTRY), "registry"))
        },
    ),
];
