//! Blobs: the emulator and Azurite, Microsoft's own storage emulator, answer the same calls alike.

use std::process::Command;

use dify_infra_emulator::Emulator;
use serde_json::{Value, json};

use super::tools::{Guest, ask, find, free_port, quick, runtime, succeeded};

/// The account that Azurite has from the start, with its published key.
const ACCOUNT: &str = "devstoreaccount1";
const AZURITE_KEY: &str =
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/// Where Azurite is not like Azure, or leaves open what it does: call, and why.
const DIFFERENT: &[(&str, &str)] = &[
    (
        "a wrong key",
        "Azure's code is AuthenticationFailed (status-and-error-codes2)",
    ),
    (
        "a blob without a type",
        "Azurite answers 400 without a code; put-blob calls the header required",
    ),
    (
        "metadata that was set",
        "Azurite answers the blob's content; get-blob-metadata has no body",
    ),
    (
        "blocks that nobody committed",
        "Azurite answers a tag and a time; get-block-list has them of committed blobs alone",
    ),
    (
        "blobs by folder",
        "Azurite lists the folders first; list-blobs sorts them among the blobs",
    ),
];

fn with_account() -> (Emulator, String) {
    let emulator = quick().build().unwrap();
    ask(
        &emulator,
        "PUT",
        "/resourcegroups/g?api-version=2025-04-01",
        &json!({"location": "japaneast"}),
    );
    let account =
        format!("/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/{ACCOUNT}");
    let body = json!({"location": "japaneast", "kind": "StorageV2",
        "sku": {"name": "Standard_LRS"}, "properties": {}});
    let address = format!("{account}?api-version=2026-04-01");
    assert_eq!(ask(&emulator, "PUT", &address, &body).0, 202);
    // a look at a later time ends the creation
    emulator.resources("2026-11-22T00:10:00Z".parse().unwrap());
    let address = format!("{account}/listKeys?api-version=2026-04-01");
    let keys = ask(&emulator, "POST", &address, &Value::Null).1;
    (
        emulator,
        keys["keys"][0]["value"].as_str().unwrap().to_owned(),
    )
}

fn calls(base: &str, key: &str) -> Vec<Value> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/it/clients/blob_calls.py");
    let output = Command::new("python3")
        .args([script, base, ACCOUNT, key])
        .output()
        .unwrap();
    let lines = succeeded(&output);
    lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn the_same_calls_give_the_same_answers_as_azurite() {
    let Some(azurite) = find("azurite/node_modules/.bin/azurite-blob") else {
        return;
    };
    let port = free_port();
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(azurite);
    command
        .args(["--inMemoryPersistence", "--disableTelemetry"])
        .args(["--blobHost", "127.0.0.1", "--blobPort", &port.to_string()])
        .current_dir(folder.path());
    let guest = Guest::start(&mut command, "successfully listens");
    let expected = calls(&format!("http://127.0.0.1:{port}"), AZURITE_KEY);
    drop(guest);

    let (emulator, key) = with_account();
    let runtime = runtime();
    let azure = runtime.block_on(emulator.serve()).unwrap();
    let found = calls(azure.endpoint(), &key);
    runtime.block_on(azure.stop());

    assert!(found.len() >= 90, "only {} calls", found.len());
    let different: Vec<String> = expected
        .iter()
        .zip(&found)
        .filter(|(expected, found)| expected != found)
        .filter(|(expected, _)| {
            let known = DIFFERENT.iter().any(|(call, reason)| {
                assert!(!reason.is_empty());
                expected["call"] == *call
            });
            !known
        })
        .map(|(expected, found)| format!("Azurite  {expected}\nemulator {found}"))
        .collect();
    assert!(
        different.is_empty(),
        "{} of {} calls differ:\n{}",
        different.len(),
        found.len(),
        different.join("\n")
    );
    assert_eq!(expected.len(), found.len());
}

#[test]
fn a_container_of_one_side_is_seen_on_the_other() {
    let (emulator, _) = with_account();
    let service = format!(
        "/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/{ACCOUNT}/blobServices/default"
    );
    let data = |method: &str, path: &str| {
        let request = http::Request::builder()
            .method(method)
            .uri(format!("https://localhost/{ACCOUNT}/{path}"))
            .header("authorization", "Bearer any")
            .body(bytes::Bytes::new())
            .unwrap();
        let now = "2026-11-22T01:00:00Z".parse().unwrap();
        emulator.handle(now, request).status().as_u16()
    };
    assert_eq!(data("PUT", "made?restype=container"), 201);
    let address = format!("{service}/containers/made?api-version=2026-04-01");
    assert_eq!(ask(&emulator, "GET", &address, &Value::Null).0, 200);
    assert_eq!(ask(&emulator, "DELETE", &address, &Value::Null).0, 200);
    assert_eq!(data("GET", "made?restype=container"), 404);
}
