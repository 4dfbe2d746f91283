//! The tables about services, the proxy's exceptions and the checks.

use std::collections::BTreeMap;

use toml::de::DeValue;

use super::define::section;
use super::platform::SecretReference;
use super::read::{Read, Reader, Shape};
use crate::diagnostic::KeyPath;

section! {
    /// Size, scale, image and variables of one service.
    pub struct ServiceSpec {
        /// Cores of a replica, in steps of 0.25.
        #[cfg_attr(feature = "schema", schemars(with = "Option<crate::values::Cpu>"))]
        cpu: Option<f64>,
        /// Memory of a replica: 2Gi for each core.
        #[cfg_attr(feature = "schema", schemars(with = "Option<crate::values::Memory>"))]
        memory: Option<String>,
        /// How many replicas there are.
        replicas: Option<ReplicasSpec>,
        /// The machines it runs on: a name of `workload_profiles`. Without it the shared ones.
        workload_profile: Option<String>,
        /// Another image for this service alone.
        #[cfg_attr(feature = "schema", schemars(with = "Option<crate::values::ImageReference>"))]
        image: Option<String>,
        /// Variables that are added, or set otherwise than the release does.
        env: BTreeMap<String, VariableSpec>,
    }
}

section! {
    /// How many replicas there are.
    pub struct ReplicasSpec {
        /// The least number.
        #[cfg_attr(feature = "schema", schemars(range(min = 0, max = 1000)))]
        min: Option<u32>,
        /// The greatest number.
        #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 1000)))]
        max: Option<u32>,
    }
}

section! {
    /// What the SSRF proxy lets through beyond the public internet.
    pub struct EgressSpec {
        /// Private destinations.
        allow: Vec<EgressExceptionSpec>,
    }
}

section! {
    /// A private destination, by addresses or by name, with the reason for it.
    pub struct EgressExceptionSpec {
        /// Addresses, such as 10.0.8.4/32.
        #[cfg_attr(feature = "schema", schemars(with = "Option<crate::values::Cidr>"))]
        cidr: Option<String>,
        /// A host, or with a leading dot also every host below it.
        domain: Option<String>,
        /// Why, for the next person.
        reason: Option<String>,
    }
}

section! {
    /// Rules that may be broken.
    pub struct ChecksSpec {
        /// The rules, each with a reason.
        allow: Vec<AllowedRuleSpec>,
    }
}

section! {
    /// A rule that may be broken, and why.
    pub struct AllowedRuleSpec {
        /// Id of the rule, such as LIM004.
        #[cfg_attr(feature = "schema", schemars(extend("enum" = super::schema::rules())))]
        rule: Option<String>,
        /// Why, for the next person.
        reason: Option<String>,
    }
}

/// The value of a variable: a text, or a secret by name. Numbers and truth values become texts.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(untagged)]
pub enum VariableSpec {
    /// A value that everyone who reads the app may see.
    Text(String),
    /// A secret of the secrets file.
    Secret(SecretReference),
}

impl Read for VariableSpec {
    const EXPECTED: &'static str = "a text, a number, true, false or `{ secret = \"...\" }`";

    fn read(value: &DeValue<'_>, path: &KeyPath, reader: &mut Reader<'_>) -> Option<Self> {
        match value {
            DeValue::String(text) => Some(Self::Text(text.to_string())),
            DeValue::Integer(number) => Some(Self::Text(number.to_string())),
            DeValue::Float(number) => Some(Self::Text(number.to_string())),
            DeValue::Boolean(truth) => Some(Self::Text(truth.to_string())),
            DeValue::Table(_) => SecretReference::read_table(value, path, reader).map(Self::Secret),
            DeValue::Array(_) | DeValue::Datetime(_) => {
                reader.wrong_type(value, path, Self::EXPECTED);
                None
            }
        }
    }

    fn shape() -> Shape {
        SecretReference::shape()
    }
}

impl From<&str> for VariableSpec {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for VariableSpec {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "VariableSpec".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "A text, a number, a truth value, or a secret of the secrets file.",
            "anyOf": [
                { "type": ["string", "number", "boolean"] },
                generator.subschema_for::<SecretReference>(),
            ],
        })
    }
}
