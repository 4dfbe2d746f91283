//! Secret values: given ones and generated ones are told by actions alone.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::super::support::{Client, group};
use super::samples::{make_all, patch_of};
use crate::Emulator;

/// The actions that tell values, and where in the answer they stand.
const ACTIONS: &[(&str, &str, &[&str])] = &[
    (
        "Microsoft.App/containerApps",
        "listSecrets",
        &["/value/0/value"],
    ),
    ("Microsoft.App/jobs", "listSecrets", &["/value/0/value"]),
    (
        "Microsoft.OperationalInsights/workspaces",
        "sharedKeys",
        &["/primarySharedKey", "/secondarySharedKey"],
    ),
    (
        "Microsoft.Cache/redisEnterprise/databases",
        "listKeys",
        &["/primaryKey", "/secondaryKey"],
    ),
    (
        "Microsoft.Storage/storageAccounts",
        "listKeys",
        &["/keys/0/value", "/keys/1/value"],
    ),
];

#[test]
fn no_secret_value_is_answered_but_by_the_action_that_is_for_it() {
    let answers: Arc<Mutex<Vec<String>>> = Arc::default();
    let heard = Arc::clone(&answers);
    let emulator = Emulator::builder().on_answer(move |record, body| {
        let is_action = ACTIONS
            .iter()
            .any(|(_, action, _)| record.path.ends_with(action));
        if !is_action {
            let text = String::from_utf8_lossy(body).into_owned();
            heard
                .lock()
                .unwrap()
                .push(format!("{} {} {text}", record.method, record.path));
        }
    });
    let client = Client::new(emulator.build().unwrap());
    client.make_group();
    let samples = make_all(&client);
    for sample in &samples {
        client.put(&sample.path, &sample.body);
        client.settle();
        if let Some(patch) = patch_of(sample.kind) {
            client.patch(&sample.path, patch);
            client.settle();
        }
        client.get(&sample.path);
        client.get(sample.path.rsplit_once('/').unwrap().0);
    }
    client.get(&group("/resources"));
    let mut secrets = Vec::new();
    for sample in &samples {
        for (_, action, pointers) in ACTIONS.iter().filter(|(kind, ..)| *kind == sample.kind) {
            let reply = client.post(&format!("{}/{action}", sample.path), json!({}));
            assert_eq!(reply.status, 200, "{}: {}", sample.path, reply.body);
            for pointer in *pointers {
                let value = reply.body.pointer(pointer).and_then(Value::as_str);
                let value = value.unwrap_or_else(|| panic!("{}: {}", sample.kind, reply.body));
                assert!(value.len() > 8, "{}: {value}", sample.kind);
                secrets.push(value.to_owned());
            }
        }
    }
    assert_eq!(
        secrets
            .iter()
            .filter(|value| value.starts_with("canary"))
            .count(),
        2
    );
    secrets.push("canary".to_owned());
    secrets.push("Canary".to_owned());
    let answers = answers.lock().unwrap().clone();
    assert!(answers.len() > 150, "{}", answers.len());
    for answer in &answers {
        for secret in &secrets {
            assert!(!answer.contains(secret.as_str()), "{secret} in {answer}");
        }
    }
    for sample in &samples {
        let has_one = ACTIONS.iter().any(|(kind, ..)| *kind == sample.kind);
        let reply = client.post(&format!("{}/listEverything", sample.path), json!({}));
        assert_eq!(reply.status, 404, "{} has_one: {has_one}", sample.kind);
    }
}

#[test]
fn a_generated_key_that_is_renewed_is_another_one() {
    let client = Client::with_group();
    let samples = make_all(&client);
    for (kind, action, body, list, pointer) in [
        (
            "Microsoft.Storage/storageAccounts",
            "regenerateKey",
            json!({ "keyName": "key1" }),
            "listKeys",
            "/keys/0/value",
        ),
        (
            "Microsoft.Cache/redisEnterprise/databases",
            "regenerateKey",
            json!({ "keyType": "Primary" }),
            "listKeys",
            "/primaryKey",
        ),
    ] {
        let path = &samples
            .iter()
            .find(|sample| sample.kind == kind)
            .unwrap()
            .path;
        let key = || {
            let reply = client.post(&format!("{path}/{list}"), json!({}));
            reply.body.pointer(pointer).cloned().unwrap()
        };
        let before = key();
        let reply = client.post(&format!("{path}/{action}"), body);
        assert!(reply.status.is_success(), "{kind}: {}", reply.body);
        client.settle();
        assert_ne!(key(), before, "{kind}");
    }
}
