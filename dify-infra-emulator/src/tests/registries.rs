//! Registries: imports of images, and what apps find in them.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::support::{
    Client, Reply, app_body, app_path, environment_body, environment_path, group,
};
use crate::Emulator;

fn registry_path() -> String {
    group("/providers/Microsoft.ContainerRegistry/registries/contoso")
}

fn with_registry(client: &Client) {
    let body = json!({ "location": "japaneast", "sku": { "name": "Standard" } });
    client.create(&registry_path(), body);
    client.settle();
}

fn import_body(source: &str, target: &str) -> Value {
    json!({
        "source": { "registryUri": "docker.io", "sourceImage": source },
        "targetTags": [target],
    })
}

fn import(client: &Client, body: &Value) -> Reply {
    client.post(&format!("{}/importImage", registry_path()), body.clone())
}

#[test]
fn an_import_is_accepted_and_followed_by_its_location() {
    let client = Client::with_group();
    with_registry(&client);
    let began: Timestamp = client.now();
    let reply = import(&client, &import_body("library/nginx:1", "library/nginx:1"));
    assert_eq!(reply.status, 202);
    assert!(reply.header("location").is_some());
    assert!(reply.header("azure-asyncoperation").is_none());
    let end = client.follow(&registry_path(), &reply);
    assert_eq!(end.status, 200, "{:?}", end.body);
    assert!(client.now() > began, "a copy takes time");
}

#[test]
fn an_import_that_makes_no_sense_is_refused() {
    let client = Client::with_group();
    with_registry(&client);
    let good = import_body("library/nginx:1", "library/nginx:1");
    let with = |pointer: &str, value: Value| {
        let mut body = good.clone();
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        body.pointer_mut(parent).unwrap()[name] = value;
        body
    };
    for (what, body) in [
        ("no image", with("/source/sourceImage", json!(""))),
        ("no registry", with("/source/registryUri", Value::Null)),
        (
            "two registries",
            with("/source/resourceId", json!("/subscriptions/x")),
        ),
        (
            "no password",
            with("/source/credentials", json!({ "username": "u" })),
        ),
        ("an unknown member", with("/source/image", json!("x"))),
        ("no target", with("/targetTags", json!([]))),
        ("an unknown mode", with("/mode", json!("Maybe"))),
    ] {
        let reply = import(&client, &body);
        assert_eq!(reply.status, 400, "{what}: {:?}", reply.body);
    }
    let elsewhere = group("/providers/Microsoft.ContainerRegistry/registries/other1/importImage");
    let reply = client.post(&elsewhere, good);
    assert_eq!(
        (reply.status.as_u16(), reply.code()),
        (404, "ResourceNotFound")
    );
}

#[test]
fn a_tag_that_exists_is_replaced_by_force_alone() {
    let client = Client::with_group();
    with_registry(&client);
    // the tag of the source is that of a target without one
    import(&client, &import_body("library/nginx:1", "library/nginx"));
    client.settle();
    let mut again = import_body("library/nginx:2", "library/nginx:1");
    let reply = import(&client, &again);
    assert_eq!((reply.status.as_u16(), reply.code()), (409, "Conflict"));
    let text = reply.body.to_string();
    assert!(
        text.contains("Tag library/nginx:1 already exists in target registry."),
        "{text}"
    );
    again["mode"] = json!("Force");
    assert_eq!(import(&client, &again).status, 202);
}

#[test]
fn an_app_finds_an_image_once_its_copy_is_there() {
    let client = Client::new(Emulator::builder().check_images().build().unwrap());
    client.make_group();
    client.create(&environment_path(), environment_body());
    client.settle();
    with_registry(&client);
    let digest = format!("sha256:{}", "0a".repeat(32));
    let app = |image: &str| {
        let mut body = app_body();
        body["properties"]["template"]["containers"][0]["image"] = json!(image);
        // a port of the environment is one app's
        body["properties"]["configuration"]["ingress"] = Value::Null;
        body
    };
    let by_tag = app("contoso.azurecr.io/library/nginx:1");
    let by_digest = app(&format!("contoso.azurecr.io/library/nginx:1@{digest}"));
    let refused = |body: &Value| {
        let reply = client.put(&app_path("web"), body.clone());
        assert_eq!(reply.code(), "InvalidParameterValueInContainerTemplate");
        assert!(
            reply.body.to_string().contains("MANIFEST_UNKNOWN"),
            "{:?}",
            reply.body
        );
    };
    refused(&by_tag);
    let source = format!("library/nginx@{digest}");
    import(&client, &import_body(&source, "library/nginx:1"));
    refused(&by_digest);
    client.settle();
    for (name, body) in [("web", by_tag), ("api", by_digest)] {
        let reply = client.put(&app_path(name), body);
        assert!(reply.status.is_success(), "{:?}", reply.body);
    }
    client.settle();
    refused(&app("contoso.azurecr.io/library/nginx:2"));
    let elsewhere = client.put(&app_path("else"), app("mcr.microsoft.com/x:1"));
    assert!(
        elsewhere.status.is_success(),
        "nothing is known of other registries"
    );
}
