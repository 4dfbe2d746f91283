//! Templates: judged before anything is written, and taken apart into what a deployment will do.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::arm::error::ArmError;
use crate::arm::id::{ResourceId, group_key};
use crate::arm::merge::text_at;
use crate::deployments::evaluate::{Problem, Scope, judge};
use crate::deployments::functions::id_of;
use crate::deployments::nested;
use crate::deployments::parameters::{PARAMETERS, Parameter, parameter_names, parameters};
use crate::engine::{Cloud, read};
use crate::front;
use crate::rules::Rule;
use crate::store::deployment::{Item, ItemState};
use crate::store::model::Group;

pub(crate) const RULES: &[Rule] = &[TEMPLATE, PARAMETERS, DEPENDENCY, SCOPE, PARTS];

pub(crate) const TEMPLATE: Rule = Rule::known(
    "ARM-TEMPLATE",
    "A template has $schema, contentVersion and resources; each resource has type, apiVersion and as \
     many names as its type has parts.",
    "learn.microsoft.com azure-resource-manager/troubleshooting/error-invalid-template",
)
.with_known_code();
const DEPENDENCY: Rule = Rule::known(
    "ARM-TEMPLATE-DEPENDENCY",
    "What a resource depends on is defined in the template, and nothing depends on itself.",
    "learn.microsoft.com azure-resource-manager/troubleshooting/error-invalid-template",
)
.with_known_code();
const SCOPE: Rule = Rule::known(
    "ARM-TEMPLATE-SCOPE",
    "What a resource extends is in the group that is deployed into; another group takes a deployment \
     inside, with its resourceGroup.",
    "learn.microsoft.com azure-resource-manager/bicep/bicep-error-bcp139; rjmax/Build2017 issue 3",
);
const PARTS: Rule = Rule::guessed(
    "ARM-TEMPLATE-PARTS",
    "Linked templates, copy loops, nested resources, conditions, symbolic names and complete mode are \
     Azure's, and refused here since they are not emulated.",
    "the emulator's own limits",
);

/// A template that was found to be right.
pub(crate) struct Judged {
    pub(crate) parameters: BTreeMap<String, Parameter>,
    pub(crate) items: Vec<Item>,
}

/// Azure's form for a template that is wrong.
pub(crate) fn invalid(rule: &Rule, reason: &str) -> ArmError {
    rule.refuse(
        "InvalidTemplate",
        format!("Deployment template validation failed: '{reason}'."),
    )
}

pub(super) fn not_emulated(what: &str) -> ArmError {
    invalid(&PARTS, &format!("{what} is not emulated"))
}

/// Judges what a request wants to deploy into a group.
pub(crate) fn judged(
    cloud: &Cloud,
    group: &Group,
    deployment: &str,
    properties: &Value,
) -> Result<Judged, ArmError> {
    for link in ["templateLink", "parametersLink"] {
        if properties.get(link).is_some_and(|link| !link.is_null()) {
            return Err(not_emulated(link));
        }
    }
    match text_at(properties, "mode") {
        Some(mode) if mode.eq_ignore_ascii_case("Incremental") => {}
        Some(mode) if mode.eq_ignore_ascii_case("Complete") => {
            return Err(not_emulated("the mode Complete"));
        }
        _ => {
            return Err(ArmError::bad_request(
                "InvalidRequestContent",
                "The request content was invalid: 'mode' is Incremental or Complete.",
            ));
        }
    }
    let template = properties.get("template").unwrap_or(&Value::Null);
    check_outline(template)?;
    let given = properties.get("parameters").unwrap_or(&Value::Null);
    let parameters = parameters(template, given)?;
    let values: BTreeMap<String, Value> = parameters
        .iter()
        .map(|(name, parameter)| (name.to_ascii_lowercase(), parameter.value.clone()))
        .collect();
    let mut scope = Scope {
        template,
        parameters: &values,
        deployment,
        group,
        tenant: &cloud.settings.tenant,
        answerer: None,
    };
    let items = items(&mut scope)?;
    for item in items
        .iter()
        .filter(|item| nested::is_one(&item.id.type_name()))
    {
        if cloud.store.group(&item.id.group_key()).is_none() {
            return Err(read::group_not_found(&item.id.group));
        }
    }
    check_order(&items)?;
    Ok(Judged { parameters, items })
}

/// The parts of a template that are read.
const OUTLINE: [&str; 8] = [
    "$schema",
    "contentVersion",
    "metadata",
    "parameters",
    "variables",
    "resources",
    "outputs",
    "apiProfile",
];

pub(super) fn check_outline(template: &Value) -> Result<(), ArmError> {
    let Some(members) = template.as_object() else {
        return Err(invalid(
            &TEMPLATE,
            "the template is missing or not an object",
        ));
    };
    let schema = text_at(template, "$schema").unwrap_or_default();
    if !schema.contains("/deploymentTemplate.json") {
        return Err(invalid(
            &TEMPLATE,
            "$schema is not that of a template for a resource group",
        ));
    }
    if text_at(template, "contentVersion").is_none() {
        return Err(invalid(
            &TEMPLATE,
            "Required property 'contentVersion' not found in JSON",
        ));
    }
    for name in members.keys() {
        if !OUTLINE.contains(&name.as_str()) {
            return Err(not_emulated(&format!("the part {name} of a template")));
        }
    }
    let names = parameter_names(template);
    for part in ["resources", "outputs", "variables"] {
        if let Some(value) = template.get(part) {
            // What is inside is evaluated by itself, and judged by itself.
            let value = nested::without_templates(value);
            judge(&value, &names).map_err(|reason| invalid(&TEMPLATE, &reason))?;
        }
    }
    Ok(())
}

/// What of a resource is about its deployment rather than its body.
pub(crate) const NOT_BODY: [&str; 8] = [
    "type",
    "apiVersion",
    "name",
    "dependsOn",
    "comments",
    "scope",
    "resourceGroup",
    "subscriptionId",
];

fn items(scope: &mut Scope<'_>) -> Result<Vec<Item>, ArmError> {
    let template = scope.template;
    let Some(resources) = template.get("resources").and_then(Value::as_array) else {
        return Err(invalid(
            &TEMPLATE,
            "Required property 'resources' not found in JSON, or it is not a list: symbolic names are \
             not emulated",
        ));
    };
    let mut items = Vec::new();
    let mut seen = BTreeSet::new();
    for (place, resource) in resources.iter().enumerate() {
        let id = place_of(scope, resource)?;
        if !seen.insert(id.key()) {
            return Err(invalid(
                &TEMPLATE,
                &format!(
                    "The resource '{id}' at line '1' and column '1' is defined multiple times in a \
                     template. Please see https://aka.ms/arm-syntax-resources for usage details."
                ),
            ));
        }
        items.push(Item {
            id,
            place,
            needs: Vec::new(),
            state: ItemState::Waiting,
            started: None,
            ended: None,
        });
    }
    for (place, resource) in resources.iter().enumerate() {
        let needs = needs(scope, resource, &items)?;
        items[place].needs = needs;
    }
    Ok(items)
}

fn place_of(scope: &mut Scope<'_>, resource: &Value) -> Result<ResourceId, ArmError> {
    for part in ["copy", "condition", "resources", "existing", "plan"] {
        if resource.get(part).is_some() {
            return Err(not_emulated(&format!("{part} of a resource")));
        }
    }
    let missing = |name: &str| {
        invalid(
            &TEMPLATE,
            &format!("Required property '{name}' of a resource not found in JSON"),
        )
    };
    let kind = text_at(resource, "type").ok_or_else(|| missing("type"))?;
    let version = text_at(resource, "apiVersion").ok_or_else(|| missing("apiVersion"))?;
    let name = resource.get("name").ok_or_else(|| missing("name"))?;
    let name = static_text(scope, name)?;
    let names: Vec<&str> = name.split('/').collect();
    let above = match resource.get("scope") {
        Some(above) => Some(static_text(scope, above)?),
        None => None,
    };
    let is_deployment = nested::is_one(kind);
    let (subscription, group) = nested::group_of(scope, resource)?;
    let id = id_of(&subscription, &group, kind, &names);
    let mut id = id.map_err(|reason| invalid(&TEMPLATE, &reason))?;
    if is_deployment {
        nested::check(resource, version)?;
        return Ok(id);
    }
    if let Some(above) = above {
        id = extension_of(&above, &id)?;
        let own = group_key(&scope.group.subscription, &scope.group.name);
        if id.group_key() != own {
            return Err(invalid(
                &SCOPE,
                &format!(
                    "The scope '{above}' of the resource '{name}' is not in the resource group '{}' that \
                     is deployed into. {}",
                    scope.group.name, SCOPE.text
                ),
            ));
        }
    }
    front::check_version(&id.type_name(), version)?;
    Ok(id)
}

/// An extension, such as a role assignment, below the resource that it is about.
fn extension_of(above: &str, id: &ResourceId) -> Result<ResourceId, ArmError> {
    let own = id.to_string();
    let full = own
        .split_once("/providers/")
        .map(|(group, own)| match above.strip_prefix('/') {
            Some(_) => format!("{above}/providers/{own}"),
            None => format!("{group}/providers/{above}/providers/{own}"),
        });
    full.as_deref()
        .and_then(ResourceId::parse)
        .ok_or_else(|| invalid(&TEMPLATE, &format!("The scope '{above}' is not valid")))
}

/// A text that must be known before anything is deployed.
pub(super) fn static_text(scope: &mut Scope<'_>, value: &Value) -> Result<String, ArmError> {
    match scope.value(value) {
        Ok(Value::String(text)) => Ok(text),
        Ok(_) => Err(invalid(&TEMPLATE, "a text is expected")),
        Err(Problem::Language(reason)) => Err(invalid(&TEMPLATE, &reason)),
        Err(Problem::Refused(error)) => Err(error),
    }
}

fn needs(scope: &mut Scope<'_>, resource: &Value, items: &[Item]) -> Result<Vec<String>, ArmError> {
    let listed = resource.get("dependsOn").and_then(Value::as_array);
    let mut needs = Vec::new();
    for entry in listed.into_iter().flatten() {
        let text = static_text(scope, entry)?;
        let full = ResourceId::parse(&text).map(|id| id.key());
        let found = items.iter().find(|item| match &full {
            Some(key) => item.id.key() == *key,
            None => is_named(&item.id, &text),
        });
        let found = found.ok_or_else(|| {
            invalid(
                &DEPENDENCY,
                &format!(
                    "The resource '{text}' is not defined in the template. Please see \
                     https://aka.ms/arm-syntax for usage details."
                ),
            )
        })?;
        needs.push(found.id.key());
    }
    Ok(needs)
}

/// Whether a resource is meant by its name, or by its type and name.
fn is_named(id: &ResourceId, text: &str) -> bool {
    let path = id.to_string();
    let short = path
        .split_once("/providers/")
        .map_or("", |(_, short)| short);
    id.name().eq_ignore_ascii_case(text) || short.eq_ignore_ascii_case(text)
}

fn check_order(items: &[Item]) -> Result<(), ArmError> {
    let mut left: Vec<&Item> = items.iter().collect();
    let mut done = BTreeSet::new();
    while !left.is_empty() {
        let before = left.len();
        left.retain(|item| {
            let ready = item.needs.iter().all(|need| done.contains(need));
            if ready {
                done.insert(item.id.key());
            }
            !ready
        });
        if left.len() == before {
            let circle: Vec<String> = left.iter().map(|item| item.id.to_string()).collect();
            return Err(invalid(
                &DEPENDENCY,
                &format!(
                    "Circular dependency detected on resource: '{}'. Please see \
                     https://aka.ms/arm-syntax-resources for usage details.",
                    circle.join("', '")
                ),
            ));
        }
    }
    Ok(())
}
