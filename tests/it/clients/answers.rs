//! What clients are answered, judged by the types that Microsoft publishes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use dify_infra_emulator::{EmulatorBuilder, RequestRecord};
use http::Method;
use jsonschema::Validator;
use serde_json::Value;

/// What of answers is not judged: of the parameters of a deployment the published type has the request's
/// form alone, while answers tell each parameter's type too (Azure/azure-rest-api-specs
/// `DeploymentPropertiesExtended`).
const OF_REQUESTS: (&str, &str) = ("Microsoft.Resources/deployments", "parameters");

/// The resources that were answered, with the request that asked for them.
#[derive(Debug, Default)]
pub(crate) struct Answers(Mutex<Vec<(String, Value)>>);

impl Answers {
    /// Remembers what an emulator answers.
    pub(crate) fn listen(self: &Arc<Self>, builder: EmulatorBuilder) -> EmulatorBuilder {
        let answers = Arc::clone(self);
        builder.on_answer(move |record, body| answers.remember(record, body))
    }

    fn remember(&self, record: &RequestRecord, body: &Bytes) {
        let writes_or_reads = [Method::GET, Method::PUT, Method::PATCH].contains(&record.method);
        // the list of all resources has short forms of them
        let short = record.path.to_ascii_lowercase().ends_with("/resources");
        if !writes_or_reads || short || !record.status.is_success() {
            return;
        }
        let Ok(body) = serde_json::from_slice::<Value>(body) else {
            return;
        };
        let asked = format!("{} {}", record.method, record.path);
        let judged = |mut body: Value| {
            let (kind, member) = OF_REQUESTS;
            if body["type"] == kind
                && let Some(properties) = body["properties"].as_object_mut()
            {
                properties.remove(member);
            }
            (asked.clone(), body)
        };
        let mut answers = self.0.lock().unwrap();
        match body.get("value").and_then(Value::as_array) {
            Some(items) => {
                let items = items.iter().filter(|item| is_resource(item)).cloned();
                answers.extend(items.map(judged));
            }
            None if is_resource(&body) => answers.push(judged(body)),
            None => {}
        }
    }

    /// Judges every resource that was answered; at least so many of them must have a published type.
    #[track_caller]
    pub(crate) fn assert_valid(&self, least: usize) {
        let Some(schemas) = Schemas::load() else {
            return;
        };
        let answers = self.0.lock().unwrap();
        let (mut judged, mut wrong) = (0, Vec::new());
        let mut without = BTreeMap::<&str, usize>::new();
        let mut validators = BTreeMap::<String, Option<Validator>>::new();
        for (asked, body) in answers.iter() {
            let kind = body["type"].as_str().unwrap();
            let validator = validators
                .entry(kind.to_ascii_lowercase())
                .or_insert_with_key(|kind| schemas.validator(kind));
            let Some(validator) = validator else {
                *without.entry(kind).or_default() += 1;
                continue;
            };
            judged += 1;
            let problems = validator.iter_errors(body);
            wrong.extend(
                problems.map(|error| format!("{asked}: {kind} {}: {error}", error.instance_path())),
            );
        }
        #[expect(clippy::print_stdout, reason = "a figure of the test's output")]
        {
            println!("{judged} answers judged by published types; types without one: {without:?}");
        }
        wrong.sort_unstable();
        wrong.dedup();
        assert!(wrong.is_empty(), "{wrong:#?}");
        assert!(judged >= least, "only {judged} answers were judged");
    }
}

fn is_resource(body: &Value) -> bool {
    ["id", "name", "type"]
        .iter()
        .all(|member| body[*member].is_string())
}

/// The published types, beside the repository.
struct Schemas {
    folder: PathBuf,
    index: Vec<Value>,
}

impl Schemas {
    fn load() -> Option<Self> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/arm-schemas");
        let Ok(index) = std::fs::read_to_string(folder.join("index.json")) else {
            let required = std::env::var("DIFY_INFRA_REQUIRE_REAL").is_ok_and(|value| value == "1");
            assert!(!required, "arm-schemas are required");
            #[expect(clippy::print_stdout, reason = "a skipped test says so")]
            {
                println!("skipped: arm-schemas not found");
            }
            return None;
        };
        let index = serde_json::from_str(&index).unwrap();
        Some(Self { folder, index })
    }

    /// The newest type of this name, in lower case.
    fn validator(&self, kind: &str) -> Option<Validator> {
        let entry = self.index.iter().rfind(|entry| {
            entry["type"]
                .as_str()
                .is_some_and(|known| known.eq_ignore_ascii_case(kind))
        })?;
        let file = self.folder.join(entry["file"].as_str().unwrap());
        let schema: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
        Some(jsonschema::draft202012::new(&schema).unwrap())
    }
}
