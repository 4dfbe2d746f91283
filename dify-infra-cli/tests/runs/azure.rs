//! A look into the embedded Azure of a directory, between two runs.

use std::collections::BTreeMap;

use bytes::Bytes;
use dify_infra_core::secrets::percent_encode;
use dify_infra_emulator::Emulator;
use http::Request;
use serde_json::Value;

use crate::place::Place;

/// The embedded Azure of a directory; no program may use it meanwhile.
pub(crate) struct Azure(Emulator);

impl Azure {
    pub(crate) fn of(place: &Place) -> Self {
        let directory = place.path().join(".dify-infra/azure");
        Self(
            Emulator::builder()
                .state_directory(directory)
                .build()
                .unwrap(),
        )
    }

    /// The ids of all resources of a type.
    pub(crate) fn ids(&self, resource_type: &str) -> Vec<String> {
        let resources = self.0.resources(jiff::Timestamp::now());
        let of_type = resources.values().filter(|body| {
            body["type"]
                .as_str()
                .is_some_and(|kind| kind.eq_ignore_ascii_case(resource_type))
        });
        of_type
            .map(|body| body["id"].as_str().unwrap().to_owned())
            .collect()
    }

    /// Changes a resource as somebody else would, and waits until it is done.
    pub(crate) fn patch(&self, resource_type: &str, name: &str, change: &Value) {
        let ids = self.ids(resource_type);
        let id = ids
            .iter()
            .find(|id| id.ends_with(&format!("/{name}")))
            .unwrap();
        let request = Request::patch(format!("{id}?api-version=2026-01-01"))
            .header("authorization", "Bearer any")
            .body(Bytes::from(change.to_string()))
            .unwrap();
        let response = self.0.handle(jiff::Timestamp::now(), request);
        assert!(response.status().is_success(), "{:?}", response.body());
        if let Some(end) = self.0.idle_at() {
            let look = Request::get(format!("{id}?api-version=2026-01-01"))
                .header("authorization", "Bearer any")
                .body(Bytes::new());
            assert_eq!(self.0.handle(end, look.unwrap()).status(), 200);
        }
    }

    fn post(&self, id: &str, action: &str, version: &str) -> Value {
        let request = Request::post(format!("{id}/{action}?api-version={version}"))
            .header("authorization", "Bearer any")
            .body(Bytes::new())
            .unwrap();
        let response = self.0.handle(jiff::Timestamp::now(), request);
        assert_eq!(response.status(), 200, "{id}/{action}");
        serde_json::from_slice(response.body()).unwrap()
    }

    /// The values of all secrets of all apps and jobs, by their names; a secret of one name has one
    /// value everywhere.
    pub(crate) fn app_secrets(&self) -> BTreeMap<String, String> {
        let mut secrets = BTreeMap::new();
        for kind in ["Microsoft.App/containerApps", "Microsoft.App/jobs"] {
            for id in self.ids(kind) {
                let answer = self.post(&id, "listSecrets", "2026-01-01");
                for secret in answer["value"].as_array().unwrap() {
                    let text = |name: &str| secret[name].as_str().unwrap().to_owned();
                    let before = secrets.insert(text("name"), text("value"));
                    assert!(
                        before.is_none_or(|before| before == text("value")),
                        "{}",
                        text("name")
                    );
                }
            }
        }
        secrets
    }

    /// The keys that this Azure has made.
    pub(crate) fn keys(&self) -> Vec<String> {
        let mut keys = Vec::new();
        for (kind, action, version) in [
            (
                "Microsoft.Cache/redisEnterprise/databases",
                "listKeys",
                "2025-07-01",
            ),
            (
                "Microsoft.Storage/storageAccounts",
                "listKeys",
                "2026-04-01",
            ),
            (
                "Microsoft.OperationalInsights/workspaces",
                "sharedKeys",
                "2026-03-01",
            ),
        ] {
            let ids = self.ids(kind);
            assert!(!ids.is_empty(), "there is no {kind}");
            for id in ids {
                collect_keys(&self.post(&id, action, version), &mut keys);
            }
        }
        let encoded: Vec<String> = keys.iter().map(|key| percent_encode(key)).collect();
        keys.extend(encoded);
        keys
    }
}

/// Every long text of an answer: names are short.
fn collect_keys(answer: &Value, keys: &mut Vec<String>) {
    match answer {
        Value::String(text) if text.len() >= 40 => keys.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| collect_keys(item, keys)),
        Value::Object(fields) => fields.values().for_each(|field| collect_keys(field, keys)),
        _ => {}
    }
}
