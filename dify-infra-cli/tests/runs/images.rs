//! `images list` and `images import`.

use bytes::Bytes;
use dify_infra_emulator::{DEFAULT_SUBSCRIPTION, Emulator};
use http::Request;
use serde_json::{Value, json};

use crate::place::Place;

const FILE: &str = "name = \"dify\"\nenvironment = \"dev\"\nlocation = \"japaneast\"\n\
                    dify = \"1.16.0\"\n\n[azure]\nresource_group = \"dify-dev-rg\"\n\n\
                    [images]\nregistry = \"contoso.azurecr.io\"\n\n";

const NAMES: [&str; 6] = [
    "langgenius/dify-api:1.16.0",
    "langgenius/dify-web:1.16.0",
    "langgenius/dify-sandbox:0.2.15",
    "langgenius/dify-plugin-daemon:0.6.3-local",
    "nginx:1.30.4",
    "ubuntu/squid:6.6-24.04_edge",
];

/// A file that pins every image, so that nobody has to be asked.
fn pinned() -> String {
    let lines = NAMES.iter().enumerate();
    let lines = lines.map(|(position, name)| format!("\"{name}\" = \"sha256:{position:064x}\"\n"));
    format!("{FILE}[images.digests]\n{}", lines.collect::<String>())
}

/// Makes a registry in the embedded Azure of a directory, as somebody else would.
fn make_registry(place: &Place) {
    let directory = place.path().join(".dify-infra/azure");
    let emulator = Emulator::builder()
        .state_directory(directory)
        .build()
        .unwrap();
    let group = format!("/subscriptions/{DEFAULT_SUBSCRIPTION}/resourcegroups/dify-dev-rg");
    let registry = format!("{group}/providers/Microsoft.ContainerRegistry/registries/contoso");
    let group_body = json!({ "location": "japaneast" });
    let body = json!({ "location": "japaneast", "sku": { "name": "Standard" } });
    for (id, version, body) in [
        (&group, "2025-04-01", group_body),
        (&registry, "2025-11-01", body),
    ] {
        let request = Request::put(format!("{id}?api-version={version}"))
            .header("authorization", "Bearer any")
            .body(Bytes::from(body.to_string()));
        let response = emulator.handle(jiff::Timestamp::now(), request.unwrap());
        assert!(response.status().is_success(), "{:?}", response.body());
    }
}

#[test]
fn the_images_are_listed_offline() {
    let place = Place::new(FILE);
    let text = place.infra(&["images", "list"]).exits(0).stdout;
    assert!(
        text.contains("contoso.azurecr.io/langgenius/dify-api:1.16.0"),
        "{text}"
    );
    assert!(
        text.contains("copy of docker.io/langgenius/dify-api:1.16.0"),
        "{text}"
    );
    let data = place.infra(&["images", "list", "--json"]).exits(0).json();
    let images = data["images"].as_array().unwrap();
    let names: Vec<&str> = images
        .iter()
        .filter_map(|one| one["name"].as_str())
        .collect();
    assert_eq!(names.len(), NAMES.len(), "{names:?}");
    assert!(
        images[0]["used_by"]
            .as_array()
            .unwrap()
            .contains(&Value::from("worker"))
    );
}

#[test]
fn the_registry_copies_what_the_file_pins() {
    let place = Place::new(&pinned());
    let dry = place.infra(&["images", "import", "--dry-run"]).exits(0);
    assert!(
        dry.stderr
            .contains("would copy docker.io/library/nginx:1.30.4@sha256:"),
        "{}",
        dry.stderr
    );
    let absent = place.infra(&["images", "import"]).exits(1);
    assert!(
        absent.stderr.contains("there is no registry contoso"),
        "{}",
        absent.stderr
    );
    assert!(absent.stderr.contains("az acr create"), "{}", absent.stderr);
    make_registry(&place);
    let done = place.infra(&["images", "import", "--json"]).exits(0).json();
    assert_eq!(done["success"], true);
    let images = done["images"].as_array().unwrap();
    assert_eq!(images.len(), NAMES.len());
    assert!(
        images.iter().all(|one| one["result"] == "imported"),
        "{images:#?}"
    );
    let kept = place
        .infra(&["images", "import", "--keep-existing"])
        .exits(0);
    assert!(kept.stderr.contains("kept"), "{}", kept.stderr);
    for name in NAMES {
        assert!(
            kept.stdout.contains(&format!("\n\"{name}\" = \"sha256:")),
            "{}",
            kept.stdout
        );
    }
    place.infra(&["apply", "--yes"]).exits(0);
    place.infra(&["plan", "--detailed-exitcode"]).exits(0);
}

#[test]
fn a_file_without_an_azure_registry_has_nothing_to_import() {
    let place = Place::new(&FILE.replace("contoso.azurecr.io", "registry.example.com"));
    let ran = place.infra(&["images", "import"]).exits(1);
    assert!(
        ran.stderr.contains("names no registry of Azure"),
        "{}",
        ran.stderr
    );
}

#[test]
fn half_an_account_of_docker_hub_is_refused() {
    let place = Place::new(&pinned());
    let mut command = place.command(crate::place::INFRA);
    let command = command
        .args(["images", "list"])
        .env("DOCKERHUB_TOKEN", "canary");
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(64));
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        stderr.contains("DOCKERHUB_USERNAME must be set as well"),
        "{stderr}"
    );
    assert!(!stderr.contains("canary"), "{stderr}");
}
