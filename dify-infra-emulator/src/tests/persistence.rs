//! The state directory.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::support::{
    Client, account_body, app_body, app_path, deploy, environment_path, group, server_path,
};
use crate::{Emulator, EmulatorError};

fn open(directory: &Path) -> Client {
    Client::new(
        Emulator::builder()
            .state_directory(directory)
            .build()
            .unwrap(),
    )
}

#[test]
fn a_restart_forgets_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let client = open(directory.path());
    client.make_group();
    deploy(&client);
    let list_secrets = format!("{}/listSecrets", app_path("api"));
    let before = client.emulator.resources(client.now());
    let secrets = client.post(&list_secrets, json!({})).body;
    let now = client.now();
    drop(client);
    let client = open(directory.path());
    assert_eq!(client.emulator.resources(now), before);
    assert_eq!(client.post(&list_secrets, json!({})).body, secrets);
    assert_eq!(secrets["value"][0]["value"], "canary-secret");
}

#[test]
fn an_operation_goes_on_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let client = open(directory.path());
    client.make_group();
    let account = group("/providers/Microsoft.Storage/storageAccounts/accountone");
    let reply = client.put(&account, account_body());
    let location = reply.header("location").unwrap().to_owned();
    drop(client);
    let client = open(directory.path());
    assert_eq!(client.get(&location).status, 202);
    client.wait(60.0);
    assert_eq!(client.get(&location).status, 200);
    assert_eq!(client.get(&account).state(), "Succeeded");
}

#[test]
fn secret_values_are_in_their_own_file_alone() {
    let directory = tempfile::tempdir().unwrap();
    let client = open(directory.path());
    client.make_group();
    deploy(&client);
    let keys = client.post(
        &group("/providers/Microsoft.Storage/storageAccounts/accountone/listKeys"),
        json!({}),
    );
    let key = keys.body["keys"][0]["value"].as_str().unwrap().to_owned();
    let read = |name: &str| fs::read_to_string(directory.path().join(name)).unwrap();
    for secret in ["canary-secret", "Canary-Passw0rd", &key] {
        assert!(!read("state.jsonl").contains(secret), "{secret}");
        assert!(read("secret-values.jsonl").contains(secret), "{secret}");
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = |name: &str| {
            fs::metadata(directory.path().join(name))
                .unwrap()
                .permissions()
                .mode()
        };
        assert_eq!(mode("secret-values.jsonl") & 0o777, 0o600);
        drop(client);
        drop(open(directory.path()));
        assert_eq!(
            mode("secret-values.jsonl") & 0o777,
            0o600,
            "also after it was rewritten"
        );
    }
}

#[test]
fn a_kill_at_any_byte_of_the_last_record_loses_that_record_at_most() {
    let directory = tempfile::tempdir().unwrap();
    let client = open(directory.path());
    client.make_group();
    let first = client.emulator.resources(client.now());
    let size = |name: &str| fs::read(directory.path().join(name)).unwrap();
    let whole_lines = size("state.jsonl").len();
    client.put(
        &group("/providers/Microsoft.Storage/storageAccounts/accountone"),
        account_body(),
    );
    let second = client.emulator.resources(client.now());
    let (state, secrets) = (size("state.jsonl"), size("secret-values.jsonl"));
    let now = client.now();
    drop(client);
    for length in whole_lines..=state.len() {
        fs::write(directory.path().join("state.jsonl"), &state[..length]).unwrap();
        fs::write(directory.path().join("secret-values.jsonl"), &secrets).unwrap();
        let client = open(directory.path());
        let expected = if length == state.len() {
            &second
        } else {
            &first
        };
        assert_eq!(
            &client.emulator.resources(now),
            expected,
            "cut at byte {length}"
        );
        assert_eq!(client.get(&group("")).status, 200);
    }
}

#[test]
fn a_kill_within_the_secret_values_leaves_the_old_state() {
    let directory = tempfile::tempdir().unwrap();
    let client = open(directory.path());
    client.make_group();
    let read = |name: &str| fs::read(directory.path().join(name)).unwrap();
    let state = read("state.jsonl");
    client.put(
        &group("/providers/Microsoft.Storage/storageAccounts/accountone"),
        account_body(),
    );
    let secrets = read("secret-values.jsonl");
    drop(client);
    // the values are written first: a process that dies there has not written the state's line
    for length in 0..secrets.len() {
        fs::write(directory.path().join("state.jsonl"), &state).unwrap();
        fs::write(
            directory.path().join("secret-values.jsonl"),
            &secrets[..length],
        )
        .unwrap();
        let client = open(directory.path());
        let path = group("/providers/Microsoft.Storage/storageAccounts/accountone");
        assert_eq!(client.get(&path).status, 404);
        client.create(&path, account_body());
        let keys = client.post(&format!("{path}/listKeys"), json!({})).body;
        assert_eq!(keys["keys"][0]["value"].as_str().map(str::len), Some(88));
    }
}

#[test]
fn opening_compacts_the_log_and_forgets_unused_secrets() {
    let directory = tempfile::tempdir().unwrap();
    let client = open(directory.path());
    client.make_group();
    deploy(&client);
    for suffix in ["b", "c", "d"] {
        let mut body = app_body();
        body["properties"]["template"]["revisionSuffix"] = json!(suffix);
        body["properties"]["configuration"]["secrets"][0]["value"] =
            json!(format!("value-{suffix}"));
        client.create(&app_path("api"), body);
    }
    drop(client);
    let size = |name: &str| fs::metadata(directory.path().join(name)).unwrap().len();
    let before = size("state.jsonl");
    drop(open(directory.path()));
    assert!(size("state.jsonl") < before);
    let values = fs::read_to_string(directory.path().join("secret-values.jsonl")).unwrap();
    assert!(values.contains("value-d") && !values.contains("value-b"));
}

#[test]
fn two_emulators_do_not_share_a_directory() {
    let directory = tempfile::tempdir().unwrap();
    let first = open(directory.path());
    let error = Emulator::builder()
        .state_directory(directory.path())
        .build()
        .unwrap_err();
    assert!(matches!(error, EmulatorError::StateInUse { .. }), "{error}");
    drop(first);
    assert!(
        Emulator::builder()
            .state_directory(directory.path())
            .build()
            .is_ok()
    );
}

#[test]
fn a_damaged_state_is_reported_with_its_line_and_without_its_content() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(
        directory.path().join("secret-values.jsonl"),
        "{\"number\":1,\"value\":\"canary\"}\n{\"canary\"}\n",
    )
    .unwrap();
    let error = Emulator::builder()
        .state_directory(directory.path())
        .build()
        .unwrap_err();
    assert!(matches!(
        &error,
        EmulatorError::DamagedState { line: 2, .. }
    ));
    assert!(!error.to_string().contains("canary"));
}

#[test]
fn nothing_prints_a_secret() {
    let client = Client::with_group();
    client.create(&environment_path(), super::support::environment_body());
    client.create(&app_path("api"), app_body());
    client.create(&server_path(), super::support::server_body());
    let text = format!("{:?}", client.emulator);
    assert!(!text.contains("canary-secret") && !text.contains("Canary-Passw0rd"));
    let inspected: Vec<Value> = client
        .emulator
        .resources(client.now())
        .into_values()
        .collect();
    assert!(!json!(inspected).to_string().contains("anary"));
}
