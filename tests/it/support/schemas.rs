//! Azure's own types as JSON Schemas, and what of a body they say is wrong.

use std::collections::BTreeMap;
use std::path::Path;

use dify_infra_core::resource::Kind;
use jsonschema::{Keyword, ValidationError, Validator};
use serde_json::Value;

/// The schemas by lower-case type and api-version.
pub(crate) struct Schemas(BTreeMap<(String, String), Pair>);

struct Pair {
    /// What may be sent: nothing that only Azure sets.
    sent: Validator,
    answered: Validator,
}

impl Schemas {
    /// Reads the schemas that lie beside the repository. Without them the caller has nothing to
    /// compare with; `DIFY_INFRA_REQUIRE_REAL` turns that into a failure.
    pub(crate) fn load() -> Option<Self> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/arm-schemas");
        if !folder.join("index.json").is_file() {
            let required = std::env::var("DIFY_INFRA_REQUIRE_REAL").is_ok_and(|value| value == "1");
            assert!(
                !required,
                "arm-schemas are required and are not in {}",
                folder.display()
            );
            return None;
        }
        let index = read(&folder.join("index.json"));
        let entries = index.as_array().unwrap();
        let managed = |entry: &&Value| {
            let kind = entry["type"].as_str().and_then(Kind::from_type);
            kind.is_some_and(|kind| entry["apiVersion"] == kind.api_version())
        };
        let pairs: BTreeMap<_, _> = entries
            .iter()
            .filter(managed)
            .map(|entry| pair(&folder, entry))
            .collect();
        // Runs of a job are read alone, and their type is not published; a name is an item of its app.
        assert_eq!(
            pairs.len(),
            Kind::ALL.len() - 2,
            "a managed type has no schema"
        );
        Some(Self(pairs))
    }

    /// What is wrong with a body that was sent, a line for each thing.
    pub(crate) fn problems_of_sent(&self, kind: &str, version: &str, body: &Value) -> Vec<String> {
        self.problems(kind, version, body, |pair| &pair.sent)
    }

    /// What is wrong with a body that was answered, a line for each thing.
    pub(crate) fn problems_of_answer(
        &self,
        kind: &str,
        version: &str,
        body: &Value,
    ) -> Vec<String> {
        self.problems(kind, version, body, |pair| &pair.answered)
    }

    fn problems(
        &self,
        kind: &str,
        version: &str,
        body: &Value,
        choose: fn(&Pair) -> &Validator,
    ) -> Vec<String> {
        let key = (kind.to_ascii_lowercase(), version.to_owned());
        let Some(pair) = self.0.get(&key) else {
            return vec![format!("there is no schema of {kind} {version}")];
        };
        let errors = choose(pair).iter_errors(body);
        errors
            .map(|error| format!("{kind} {}: {error}", error.instance_path()))
            .collect()
    }
}

fn pair(folder: &Path, entry: &Value) -> ((String, String), Pair) {
    let text = |name: &str| entry[name].as_str().unwrap().to_owned();
    let schema = read(&folder.join(text("file")));
    let key = (text("type").to_ascii_lowercase(), text("apiVersion"));
    // Patterns with look-around need a backtracking engine, which is the library's default.
    let answered = jsonschema::draft202012::new(&schema).unwrap();
    let sent = jsonschema::draft202012::options()
        .with_keyword("readOnly", |_, value, _| {
            Ok(Box::new(Settable(value.as_bool() != Some(true))) as Box<dyn for<'i> Keyword<'i>>)
        })
        .build(&schema)
        .unwrap();
    (key, Pair { sent, answered })
}

fn read(path: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// Whether a value is one that a caller may set; it is only looked at where it is given.
struct Settable(bool);

impl<'i> Keyword<'i> for Settable {
    fn validate(&self, _: &'i Value) -> Result<(), ValidationError<'i>> {
        if self.0 {
            Ok(())
        } else {
            Err(ValidationError::custom("only Azure sets this"))
        }
    }

    fn is_valid(&self, _: &'i Value) -> bool {
        self.0
    }
}
