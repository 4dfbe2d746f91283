//! The noisy dialect: answers as unpleasant as Azure's may be, and the same in meaning.

use serde_json::{Map, Value, json};

use crate::provider;
use crate::random::Dice;
use crate::table::Table;

/// Lists whose order means something and therefore stays.
const ORDERED: &[&str] = &["containers", "initContainers", "command", "args", "value"];

/// Rewords the body of an answer to a GET: ids in another case, nulls and empty lists for what is
/// not set, named items in another order.
pub(crate) fn reword(dice: Dice, request: u64, body: &mut Value) {
    let mut noise = Noise {
        dice,
        request,
        step: 0,
    };
    if let Some(items) = body.get_mut("value").and_then(Value::as_array_mut) {
        for item in items {
            noise.reword_resource(item);
        }
    } else {
        noise.reword_resource(body);
    }
}

struct Noise {
    dice: Dice,
    request: u64,
    step: u64,
}

impl Noise {
    fn purpose(&mut self) -> String {
        self.step += 1;
        format!("noise/{}/{}", self.request, self.step)
    }

    fn one_in(&mut self, many: u64) -> bool {
        let purpose = self.purpose();
        self.dice.number(&purpose).is_multiple_of(many)
    }

    fn reword_resource(&mut self, resource: &mut Value) {
        let kind = resource
            .get("type")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned();
        let table = provider::find(&kind).and_then(|provider| provider.definition().table);
        if let Some(table) = table {
            let table = table();
            for path in [
                "properties",
                "properties.configuration",
                "properties.template",
            ] {
                self.add_unset(table, resource, path);
            }
        }
        self.reword_value(resource, "");
    }

    /// Adds null for members that are not set, as Microsoft's own examples have it.
    fn add_unset(&mut self, table: &Table, resource: &mut Value, path: &str) {
        let place = path
            .split('.')
            .try_fold(resource, |value, name| value.get_mut(name));
        let Some(Value::Object(object)) = place else {
            return;
        };
        for name in table.optional_members(path) {
            if !object.contains_key(name) && self.one_in(3) {
                object.insert(name.to_owned(), Value::Null);
            }
        }
    }

    fn reword_value(&mut self, value: &mut Value, name: &str) {
        match value {
            Value::String(text) if text.starts_with("/subscriptions/") => {
                *text = self.reword_id(text);
            }
            Value::Object(object) => {
                let members = std::mem::take(object);
                *object = members
                    .into_iter()
                    .map(|(key, mut value)| {
                        self.reword_value(&mut value, &key);
                        let key = if key.starts_with("/subscriptions/") {
                            self.reword_id(&key)
                        } else {
                            key
                        };
                        (key, value)
                    })
                    .collect::<Map<String, Value>>();
            }
            Value::Array(items) => {
                for item in items.iter_mut() {
                    self.reword_value(item, "");
                }
                let named = items
                    .iter()
                    .all(|item| item.get("name").is_some_and(Value::is_string));
                if named && !ORDERED.contains(&name) {
                    let purpose = self.purpose();
                    self.dice.shuffle(&purpose, items);
                }
            }
            _ => {}
        }
    }

    /// Ids compare without regard to case, and come back in another one.
    fn reword_id(&mut self, id: &str) -> String {
        let purpose = self.purpose();
        match self.dice.number(&purpose) % 3 {
            0 => id.replacen("/resourceGroups/", "/resourcegroups/", 1),
            1 => id
                .split('/')
                .map(|part| {
                    if part.starts_with("Microsoft.") {
                        part.to_ascii_lowercase()
                    } else {
                        part.to_owned()
                    }
                })
                .collect::<Vec<_>>()
                .join("/"),
            _ => id.to_owned(),
        }
    }
}

/// Nests an error under a general one, as providers do that call others (learn.microsoft.com
/// azure-resource-manager/troubleshooting/common-deployment-errors).
pub(crate) fn nest_error(body: &mut Value) {
    let Some(error) = body.get("error").cloned() else {
        return;
    };
    let outer = json!({
        "code": error.get("code"),
        "message": "The request failed. See details.",
        "details": [error],
    });
    body["error"] = outer;
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "/subscriptions/s/resourceGroups/g/providers/Microsoft.App/containerApps/a";

    fn sample() -> Value {
        json!({
            "id": ID,
            "type": "Microsoft.App/containerApps",
            "properties": {"configuration": {}, "template": {"containers": [
                {"name": "b", "env": [{"name": "A"}, {"name": "B"}, {"name": "C"}]}, {"name": "a"}]}},
        })
    }

    #[test]
    fn requests_differ_and_one_request_repeats() {
        let reworded = |request| {
            let mut body = sample();
            reword(Dice::new(1), request, &mut body);
            body
        };
        assert_eq!(reworded(1), reworded(1));
        let distinct: std::collections::BTreeSet<String> = (0..12)
            .map(|request| reworded(request).to_string())
            .collect();
        assert!(distinct.len() > 3, "{distinct:?}");
    }

    #[test]
    fn ids_keep_their_meaning_and_containers_their_order() {
        for request in 0..20 {
            let mut body = sample();
            reword(Dice::new(9), request, &mut body);
            assert!(body["id"].as_str().unwrap().eq_ignore_ascii_case(ID));
            assert_eq!(body["properties"]["template"]["containers"][0]["name"], "b");
        }
    }

    #[test]
    fn a_nested_error_keeps_its_code() {
        let mut body = json!({"error": {"code": "X", "message": "m"}});
        nest_error(&mut body);
        assert_eq!(body["error"]["code"], "X");
        assert_eq!(body["error"]["details"][0]["message"], "m");
    }
}
