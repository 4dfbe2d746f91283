//! What ARM and its providers say when they refuse.
//!
//! Documented is `{"error": {code, message, target, details, additionalInfo}}`
//! (azure-mgmt-resource-deployments `ErrorResponse`). Seen as well: the same without the
//! envelope, an error as JSON text inside a `message`, repeatedly (both in
//! microsoft/azure-container-apps#175), capital letters (`Code`, `Message`;
//! Azure/azure-functions-on-container-apps#53), `innererror`, an `OData` `message.value`, and
//! `null` for anything. Async operations put the error beside a `status`, deployments into
//! `properties.error`.

use serde_json::{Map, Value};

use super::codes;
use crate::http::redact::Scrubber;

/// Error texts in error texts nest two or three deep in practice; this ends hostile ones.
const DEEPEST: usize = 16;

/// One error with the errors that caused it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ArmError {
    /// The code, such as `ContainerAppLockConflict`.
    pub code: Option<String>,
    /// The sentence for people.
    pub message: Option<String>,
    /// The property or resource that is meant.
    pub target: Option<String>,
    /// The errors behind this one.
    pub details: Vec<Self>,
    /// Names of the policies that refused (`additionalInfo` of `RequestDisallowedByPolicy`).
    pub policies: Vec<String>,
}

impl ArmError {
    /// Reads an error from the body of an answer; `None` when there is none in it.
    ///
    /// ```
    /// use dify_infra_azure::arm::ArmError;
    /// use serde_json::json;
    ///
    /// let body = json!({"error": {"code": "BadRequest", "message":
    ///     r#"{"code": "ContainerAppLockConflict", "message": "Please retry."}"#}});
    /// let error = ArmError::from_body(&body).unwrap();
    /// assert_eq!(error.innermost().code.as_deref(), Some("ContainerAppLockConflict"));
    /// ```
    pub fn from_body(body: &Value) -> Option<Self> {
        Self::find(body, DEEPEST)
    }

    fn find(body: &Value, depth: usize) -> Option<Self> {
        let map = body.as_object()?;
        if depth == 0 {
            return None;
        }
        match field(map, &["error", "odata.error"]) {
            Some(Value::Object(error)) => return Self::read(error, depth),
            // OAuth: {"error": "invalid_client", "error_description": "..."}
            Some(Value::String(code)) => {
                let message = text(map, &["error_description", "message"]);
                return Some(Self {
                    code: Some(code.clone()),
                    message,
                    ..Self::default()
                });
            }
            _ => {}
        }
        Self::read(map, depth).or_else(|| {
            let properties = field(map, &["properties"])?.as_object()?;
            match field(
                properties,
                &["error", "provisioningError", "deploymentErrors"],
            )? {
                Value::Object(error) => Self::read(error, depth - 1),
                // managedEnvironments say in a text why they failed.
                Value::String(text) if !text.trim().is_empty() => {
                    let mut error = Self::default();
                    error.set_message(text, depth);
                    Some(error)
                }
                _ => None,
            }
        })
    }

    /// Reads the object that should hold a code and a message.
    fn read(map: &Map<String, Value>, depth: usize) -> Option<Self> {
        let mut error = Self {
            code: text(map, &["code"]),
            target: text(map, &["target"]),
            policies: policies(map),
            ..Self::default()
        };
        match field(map, &["message"]) {
            Some(Value::String(message)) => error.set_message(message, depth),
            Some(Value::Object(message)) => error.message = text(message, &["value"]),
            _ => {}
        }
        if let Some(Value::Array(details)) = field(map, &["details"]) {
            error.details.extend(
                details
                    .iter()
                    .filter_map(|item| Self::find(item, depth - 1)),
            );
        }
        if let Some(inner @ Value::Object(_)) = field(map, &["innererror"]) {
            error.details.extend(Self::find(inner, depth - 1));
        }
        let empty = error.code.is_none() && error.message.is_none() && error.details.is_empty();
        (!empty).then_some(error)
    }

    /// Keeps a message, or unwraps the error that it is the JSON text of.
    fn set_message(&mut self, message: &str, depth: usize) {
        let trimmed = message.trim();
        let nested = trimmed
            .starts_with('{')
            .then(|| serde_json::from_str::<Value>(trimmed).ok())
            .flatten()
            .and_then(|value| Self::find(&value, depth - 1));
        match nested {
            Some(error) => self.details.push(error),
            None if trimmed.is_empty() => {}
            None => self.message = Some(trimmed.to_owned()),
        }
    }

    /// The error that explains the failure.
    ///
    /// The first of the leaves, depth first, whose code says more than "it failed"; without such
    /// a one the first leaf. (A leaf has no further details.)
    pub fn innermost(&self) -> &Self {
        let leaves = self.leaves();
        let telling = leaves.iter().find(|leaf| {
            leaf.code
                .as_deref()
                .is_some_and(|code| !codes::is_generic(code))
        });
        telling.or(leaves.first()).copied().unwrap_or(self)
    }

    /// Every code in the tree, outermost first.
    pub fn codes(&self) -> impl Iterator<Item = &str> {
        self.all()
            .into_iter()
            .filter_map(|error| error.code.as_deref())
    }

    /// Every error in the tree, outermost first.
    pub fn all(&self) -> Vec<&Self> {
        let mut all = vec![self];
        let mut next = 0;
        while let Some(error) = all.get(next).copied() {
            all.extend(&error.details);
            next += 1;
        }
        all
    }

    fn leaves(&self) -> Vec<&Self> {
        if self.details.is_empty() {
            return vec![self];
        }
        self.details.iter().flat_map(Self::leaves).collect()
    }

    /// Removes the secrets of a request from every text.
    #[must_use]
    pub(crate) fn scrubbed(self, scrubber: &Scrubber) -> Self {
        let scrub = |text: Option<String>| text.map(|text| scrubber.scrub(&text));
        Self {
            code: scrub(self.code),
            message: scrub(self.message),
            target: scrub(self.target),
            details: self
                .details
                .into_iter()
                .map(|error| error.scrubbed(scrubber))
                .collect(),
            policies: self.policies,
        }
    }
}

/// The first of `names` that is there and not null, in whatever case.
fn field<'m>(map: &'m Map<String, Value>, names: &[&str]) -> Option<&'m Value> {
    names.iter().find_map(|name| {
        let exact = map.get(*name);
        let any = || {
            map.iter()
                .find(|(key, _)| key.eq_ignore_ascii_case(name))
                .map(|(_, v)| v)
        };
        exact.or_else(any).filter(|value| !value.is_null())
    })
}

fn text(map: &Map<String, Value>, names: &[&str]) -> Option<String> {
    let text = match field(map, names)? {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    (!text.is_empty()).then_some(text)
}

/// Where a policy has a name, the best for people first.
const POLICY_NAMES: &[&str] = &[
    "policyAssignmentDisplayName",
    "policyDefinitionDisplayName",
    "policyAssignmentName",
    "policyDefinitionName",
];

/// The names in `additionalInfo: [{type: "PolicyViolation", info: {...}}]`.
fn policies(map: &Map<String, Value>) -> Vec<String> {
    let Some(Value::Array(items)) = field(map, &["additionalInfo"]) else {
        return Vec::new();
    };
    items
        .iter()
        .filter_map(Value::as_object)
        .filter_map(|item| field(item, &["info"])?.as_object())
        .filter_map(|info| POLICY_NAMES.iter().find_map(|name| text(info, &[name])))
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::ArmError;

    fn innermost(body: &Value) -> (String, String) {
        let error = ArmError::from_body(body).unwrap();
        let inner = error.innermost();
        (
            inner.code.clone().unwrap_or_default(),
            inner.message.clone().unwrap_or_default(),
        )
    }

    #[test]
    fn reads_both_envelopes() {
        let bare = json!({"code": "A", "message": "b"});
        for body in [
            json!({"error": bare.clone()}),
            bare,
            json!({"Code": "A", "Message": "b"}),
        ] {
            assert_eq!(innermost(&body), ("A".to_owned(), "b".to_owned()), "{body}");
        }
    }

    /// The failed deployment of microsoft/azure-container-apps#175, ids shortened.
    #[test]
    fn unwraps_the_lock_conflict_of_container_apps_175() {
        let body: Value = serde_json::from_str(
            r#"{"status":"Failed","error":{"code":"DeploymentFailed","message":"At least one resource deployment operation failed.","details":[{"code":"InternalServerError","message":"{\r\n  \"error\": {\r\n    \"code\": \"ResourceDeploymentFailure\",\r\n    \"message\": \"Encountered internal server error.\"\r\n  }\r\n}"},{"code":"BadRequest","message":"{\r\n  \"error\": {\r\n    \"code\": \"InternalServerError\",\r\n    \"message\": \"There was an unexpected InternalServerError.\"\r\n  }\r\n}"},{"code":"Conflict","message":"{\r\n  \"code\": \"ContainerAppLockConflict\",\r\n  \"message\": \"Cannot modify container App 'parkinggates' because another modification is in progress. Please retry the operation.\"\r\n}"}]}}"#,
        )
        .unwrap();
        let (code, message) = innermost(&body);
        assert_eq!(code, "ContainerAppLockConflict");
        assert!(message.starts_with("Cannot modify container App 'parkinggates'"));
        let error = ArmError::from_body(&body).unwrap();
        let codes: Vec<_> = error.codes().collect();
        assert_eq!(codes.len(), 7, "{codes:?}");
        assert_eq!(codes[0], "DeploymentFailed");
    }

    /// JSON in JSON in JSON, as in Azure/reddog-containerapps#12.
    #[test]
    fn unwraps_repeatedly() {
        let third = json!({"error": {"code": "OperationFailed", "message": "no memory left"}});
        let second = json!({"status": "Failed", "error": {"code": "DeploymentFailed",
            "details": [{"code": "Conflict", "message": third.to_string()}]}});
        let first = json!({"error": {"code": "Conflict", "message": second.to_string()}});
        assert_eq!(innermost(&first).1, "no memory left");
    }

    #[test]
    fn without_a_telling_code_the_first_leaf_explains() {
        let body = json!({"error": {"code": "DeploymentFailed", "details": [
            {"code": "BadRequest", "message": "first"}, {"code": "Conflict", "message": "second"},
        ]}});
        assert_eq!(innermost(&body).1, "first");
    }

    #[test]
    fn nulls_and_wrong_types_are_absent() {
        let body = json!({"error": {"code": "A", "message": null, "target": "", "details": null,
            "innererror": null, "additionalInfo": null}});
        let error = ArmError::from_body(&body).unwrap();
        assert_eq!(
            error,
            ArmError {
                code: Some("A".to_owned()),
                ..ArmError::default()
            }
        );
        for nothing in [
            json!(null),
            json!([]),
            json!("text"),
            json!({}),
            json!({"error": null}),
            json!({"error": {}}),
            json!({"id": "/x", "properties": {"provisioningState": "Failed"}}),
        ] {
            assert_eq!(ArmError::from_body(&nothing), None, "{nothing}");
        }
    }

    #[test]
    fn reads_other_shapes_that_azure_uses() {
        let odata = json!({"odata.error": {"code": "A", "message": {"lang": "en", "value": "b"}}});
        let inner = json!({"error": {"code": "BadRequest", "innererror": {"code": "A",
            "message": "b"}}});
        let properties = json!({"id": "/x", "properties": {"error": {"code": "A",
            "message": "b"}}});
        let oauth = json!({"error": "A", "error_description": "b"});
        for body in [odata, inner, properties, oauth] {
            assert_eq!(innermost(&body), ("A".to_owned(), "b".to_owned()), "{body}");
        }
    }

    #[test]
    fn names_the_policy_that_refused() {
        let body = json!({"error": {"code": "RequestDisallowedByPolicy", "message": "no",
            "additionalInfo": [{"type": "PolicyViolation", "info": {
                "policyDefinitionDisplayName": "Allowed locations",
                "policyAssignmentName": "abc"}}]}});
        assert_eq!(
            ArmError::from_body(&body).unwrap().policies,
            ["Allowed locations"]
        );
    }

    /// Any JSON, with the keys that the parser looks at and JSON inside texts.
    fn any_json() -> impl Strategy<Value = Value> {
        let key = prop_oneof![
            Just("error"),
            Just("code"),
            Just("message"),
            Just("details"),
            Just("innererror"),
            Just("properties"),
            Just("additionalInfo"),
            Just("info"),
            Just("Message"),
            Just("status"),
            Just("x"),
        ];
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "\\PC{0,12}".prop_map(Value::from),
            Just(Value::from("{\"message\":")),
        ];
        leaf.prop_recursive(6, 64, 6, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::vec((key.clone(), inner.clone()), 0..6).prop_map(|pairs| {
                    pairs
                        .into_iter()
                        .map(|(key, value)| (key.to_owned(), value))
                        .collect()
                }),
                inner.prop_map(|value| Value::from(value.to_string())),
            ]
        })
    }

    proptest! {
        #[test]
        fn never_panics_and_always_says_something(body in any_json()) {
            if let Some(error) = ArmError::from_body(&body) {
                let said = error.all().iter().any(|e| e.code.is_some() || e.message.is_some());
                prop_assert!(said, "{body} -> {error:?}");
                let inner = error.innermost();
                prop_assert!(inner.details.is_empty());
            }
        }

        #[test]
        fn deep_nesting_ends(depth in 1_usize..60) {
            let mut body = json!({"error": {"code": "Deep", "message": "end"}});
            for _ in 0..depth {
                body = json!({"error": {"code": "Conflict", "details": [body]}});
            }
            prop_assert!(ArmError::from_body(&body).is_some());
        }
    }
}
