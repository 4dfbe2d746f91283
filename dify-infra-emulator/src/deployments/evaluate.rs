//! The values of expressions. What a template of this emulator can say is a part of Azure's language;
//! the rest is refused by name (learn.microsoft.com azure-resource-manager/templates/template-functions).

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::arm::error::ArmError;
use crate::arm::id::ResourceId;
use crate::deployments::expression::{Expression, Reading, read};
use crate::deployments::functions::{
    id_of, member, one_text, pure, scoped_path, texts, wrong_arguments,
};
use crate::store::model::Group;

/// The functions that are evaluated, beside those that begin with `list`.
const FUNCTIONS: &[&str] = &[
    "and",
    "array",
    "base64",
    "bool",
    "concat",
    "contains",
    "createArray",
    "createObject",
    "deployment",
    "empty",
    "equals",
    "extensionResourceId",
    "false",
    "first",
    "format",
    "if",
    "int",
    "join",
    "json",
    "last",
    "length",
    "not",
    "null",
    "or",
    "parameters",
    "reference",
    "replace",
    "resourceGroup",
    "resourceId",
    "split",
    "string",
    "subscription",
    "subscriptionResourceId",
    "tenant",
    "toLower",
    "toUpper",
    "trim",
    "true",
    "uriComponent",
    "variables",
];

/// Why a value can't be had.
#[derive(Debug)]
pub(crate) enum Problem {
    /// The template is wrong; a part of a sentence.
    Language(String),
    /// Azure refused to say what a resource is.
    Refused(ArmError),
}

impl From<String> for Problem {
    fn from(reason: String) -> Self {
        Self::Language(reason)
    }
}

/// A question that only a running deployment can ask.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Question<'a> {
    /// What a GET answers.
    Reference(&'a ResourceId, Option<&'a str>),
    /// What a POST of an action answers.
    List(&'a str, &'a ResourceId, &'a str, &'a Value),
}

/// Answers the questions of a running deployment.
pub(crate) type Answerer<'a> = &'a mut dyn FnMut(Question<'_>) -> Result<Value, ArmError>;

/// What expressions may look at.
pub(crate) struct Scope<'a> {
    pub(crate) template: &'a Value,
    /// Values by lower-case name.
    pub(crate) parameters: &'a BTreeMap<String, Value>,
    pub(crate) deployment: &'a str,
    pub(crate) group: &'a Group,
    pub(crate) tenant: &'a str,
    /// Absent while a template is only judged.
    pub(crate) answerer: Option<Answerer<'a>>,
}

impl Scope<'_> {
    /// A value of the template with its expressions evaluated, in names of members too.
    pub(crate) fn value(&mut self, value: &Value) -> Result<Value, Problem> {
        Ok(match value {
            Value::String(text) => self.text(text)?,
            Value::Array(items) => {
                let items: Result<Vec<Value>, Problem> =
                    items.iter().map(|item| self.value(item)).collect();
                Value::Array(items?)
            }
            Value::Object(members) => {
                let mut object = Map::new();
                for (name, member) in members {
                    let Value::String(name) = self.text(name)? else {
                        return Err(format!("the name '{name}' is not text").into());
                    };
                    object.insert(name, self.value(member)?);
                }
                Value::Object(object)
            }
            other => other.clone(),
        })
    }

    fn text(&mut self, text: &str) -> Result<Value, Problem> {
        match read(text).map_err(|reason| not_valid(text, &reason))? {
            Reading::Literal(text) => Ok(Value::String(text)),
            Reading::Expression(expression) => self.evaluate(&expression),
        }
    }

    fn evaluate(&mut self, expression: &Expression) -> Result<Value, Problem> {
        match expression {
            Expression::Text(text) => Ok(json!(text)),
            Expression::Number(number) => Ok(json!(number)),
            Expression::Member(whole, step) => {
                let whole = self.evaluate(whole)?;
                let step = self.evaluate(step)?;
                member(&whole, &step).map_err(Problem::from)
            }
            Expression::Call(name, arguments) if name.eq_ignore_ascii_case("if") => {
                let [condition, yes, no] = arguments.as_slice() else {
                    return Err(wrong_arguments(name).into());
                };
                match self.evaluate(condition)? {
                    Value::Bool(true) => self.evaluate(yes),
                    Value::Bool(false) => self.evaluate(no),
                    _ => Err(wrong_arguments(name).into()),
                }
            }
            Expression::Call(name, arguments) => {
                let arguments: Result<Vec<Value>, Problem> =
                    arguments.iter().map(|one| self.evaluate(one)).collect();
                self.call(name, &arguments?)
            }
        }
    }

    fn call(&mut self, name: &str, arguments: &[Value]) -> Result<Value, Problem> {
        let lower = name.to_ascii_lowercase();
        match lower.as_str() {
            "parameters" => self.parameter(arguments),
            "variables" => self.variable(arguments),
            "reference" => self.reference(arguments),
            _ if lower.starts_with("list") => self.list(name, arguments),
            "resourceid" => Ok(json!(self.resource_id(arguments)?.to_string())),
            "subscription" => Ok(json!({
                "id": format!("/subscriptions/{}", self.group.subscription),
                "subscriptionId": self.group.subscription,
                "tenantId": self.tenant,
            })),
            "tenant" => Ok(json!({ "tenantId": self.tenant })),
            "resourcegroup" => Ok(json!({
                "id": format!("/subscriptions/{}/resourceGroups/{}", self.group.subscription, self.group.name),
                "name": self.group.name,
                "type": "Microsoft.Resources/resourceGroups",
                "location": self.group.location,
                "tags": self.group.tags,
            })),
            "deployment" => Ok(json!({ "name": self.deployment })),
            "subscriptionresourceid" => {
                let path = scoped_path(texts(name, arguments)?.as_slice())?;
                Ok(json!(format!(
                    "/subscriptions/{}{path}",
                    self.group.subscription
                )))
            }
            _ => pure(&lower, name, arguments),
        }
    }

    fn parameter(&self, arguments: &[Value]) -> Result<Value, Problem> {
        let name = one_text("parameters", arguments)?;
        let found = self.parameters.get(&name.to_ascii_lowercase());
        found.cloned().ok_or_else(|| {
            format!(
                "The template parameter '{name}' is not found. Please see \
                 https://aka.ms/arm-syntax-parameters for usage details."
            )
            .into()
        })
    }

    fn variable(&mut self, arguments: &[Value]) -> Result<Value, Problem> {
        let name = one_text("variables", arguments)?;
        let variables = self.template.get("variables").and_then(Value::as_object);
        let found = variables.and_then(|all| {
            all.iter()
                .find(|(key, _)| key.eq_ignore_ascii_case(name))
                .map(|(_, value)| value.clone())
        });
        let value = found.ok_or_else(|| {
            format!(
                "The template variable '{name}' is not found. Please see \
                 https://aka.ms/arm-syntax-variables for usage details."
            )
        })?;
        if mentions(&value, "variables") {
            return Err(format!(
                "the variable '{name}' uses other variables, which this emulator does not evaluate"
            )
            .into());
        }
        self.value(&value)
    }

    /// `resourceId([subscription], [group], type, names…)`.
    fn resource_id(&self, arguments: &[Value]) -> Result<ResourceId, Problem> {
        let words = texts("resourceId", arguments)?;
        let kind = words
            .iter()
            .position(|word| word.contains('/'))
            .filter(|place| *place <= 2)
            .ok_or_else(|| wrong_arguments("resourceId"))?;
        let (scope, rest) = words.split_at(kind);
        let (subscription, group) = match scope {
            [] => (self.group.subscription.as_str(), self.group.name.as_str()),
            [group] => (self.group.subscription.as_str(), *group),
            [subscription, group, ..] => (*subscription, *group),
        };
        let [kind, names @ ..] = rest else {
            return Err(wrong_arguments("resourceId").into());
        };
        let names: Vec<&str> = names.iter().flat_map(|name| name.split('/')).collect();
        id_of(subscription, group, kind, &names).map_err(Problem::from)
    }

    fn known_id(function: &str, argument: Option<&Value>) -> Result<ResourceId, Problem> {
        let text = argument.and_then(Value::as_str).unwrap_or_default();
        // the text is not shown: it may come from a secure parameter
        ResourceId::parse(text).ok_or_else(|| {
            format!(
                "'{function}' is called with what is not the id of a resource; references by name alone \
                 are not evaluated by this emulator"
            )
            .into()
        })
    }

    fn reference(&mut self, arguments: &[Value]) -> Result<Value, Problem> {
        let id = Self::known_id("reference", arguments.first())?;
        let version = arguments.get(1).and_then(Value::as_str);
        let full = arguments
            .get(2)
            .and_then(Value::as_str)
            .is_some_and(|word| word.eq_ignore_ascii_case("full"));
        let body = self.ask("reference", Question::Reference(&id, version))?;
        if full {
            return Ok(body);
        }
        Ok(body.get("properties").cloned().unwrap_or(Value::Null))
    }

    fn list(&mut self, name: &str, arguments: &[Value]) -> Result<Value, Problem> {
        let id = Self::known_id(name, arguments.first())?;
        let version = arguments.get(1).and_then(Value::as_str);
        let version = version.ok_or_else(|| wrong_arguments(name))?;
        let none = Value::Null;
        let body = arguments.get(2).unwrap_or(&none);
        self.ask(name, Question::List(name, &id, version, body))
    }

    fn ask(&mut self, function: &str, question: Question<'_>) -> Result<Value, Problem> {
        let Some(answerer) = &mut self.answerer else {
            return Err(format!(
                "The template function '{function}' is not expected at this location. Please see \
                 https://aka.ms/arm-functions for usage details."
            )
            .into());
        };
        answerer(question).map_err(Problem::Refused)
    }
}

fn not_valid(text: &str, reason: &str) -> Problem {
    Problem::Language(format!(
        "The language expression '{text}' is not valid: {reason}."
    ))
}

/// Whether any expression in a value calls a function.
pub(crate) fn mentions(value: &Value, function: &str) -> bool {
    let mut found = false;
    each_call(value, &mut |name, _| {
        found |= name.eq_ignore_ascii_case(function);
        Ok(())
    })
    .is_ok()
        && found
}

/// Refuses functions that are not evaluated and parameters that the template does not have, in every
/// expression of a value; what they would yield is not asked.
pub(crate) fn judge(value: &Value, parameters: &[&str]) -> Result<(), String> {
    each_call(value, &mut |name, arguments| {
        let known = name.to_ascii_lowercase().starts_with("list")
            || FUNCTIONS.iter().any(|own| own.eq_ignore_ascii_case(name));
        if !known {
            return Err(format!(
                "The template function '{name}' is not valid, or not evaluated by this emulator, \
                 which knows: {}, list*",
                FUNCTIONS.join(", ")
            ));
        }
        match arguments {
            [Expression::Text(parameter)]
                if name.eq_ignore_ascii_case("parameters")
                    && !parameters
                        .iter()
                        .any(|own| own.eq_ignore_ascii_case(parameter)) =>
            {
                Err(format!(
                    "The template parameter '{parameter}' is not found. Please see \
                     https://aka.ms/arm-syntax-parameters for usage details."
                ))
            }
            _ => Ok(()),
        }
    })
}

type Visitor<'a> = &'a mut dyn FnMut(&str, &[Expression]) -> Result<(), String>;

fn each_call(value: &Value, visitor: Visitor<'_>) -> Result<(), String> {
    match value {
        Value::String(text) => match read(text) {
            Ok(Reading::Expression(expression)) => calls_in(&expression, visitor),
            Ok(Reading::Literal(_)) => Ok(()),
            Err(reason) => Err(format!(
                "The language expression '{text}' is not valid: {reason}"
            )),
        },
        Value::Array(items) => items.iter().try_for_each(|item| each_call(item, visitor)),
        Value::Object(members) => members
            .values()
            .try_for_each(|member| each_call(member, visitor)),
        _ => Ok(()),
    }
}

fn calls_in(expression: &Expression, visitor: Visitor<'_>) -> Result<(), String> {
    match expression {
        Expression::Text(_) | Expression::Number(_) => Ok(()),
        Expression::Member(whole, step) => {
            calls_in(whole, visitor)?;
            calls_in(step, visitor)
        }
        Expression::Call(name, arguments) => {
            visitor(name, arguments)?;
            arguments
                .iter()
                .try_for_each(|argument| calls_in(argument, visitor))
        }
    }
}
