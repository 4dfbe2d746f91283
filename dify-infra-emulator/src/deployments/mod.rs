//! Deployments of templates into a resource group: `Microsoft.Resources/deployments`.
//!
//! A template is judged as a whole before anything is written; then each resource goes through the
//! engine of single writes, so that every provider's rules hold for it, as soon as what it depends on is
//! there (learn.microsoft.com azure-resource-manager/templates/deployment-tutorial-local-template and
//! rest/api/resources/deployments).

mod evaluate;
mod expression;
mod functions;
mod nested;
mod parameters;
pub(crate) mod run;
pub(crate) mod template;
mod view;
mod what_if;

use std::collections::BTreeMap;

use http::StatusCode;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::arm::answer::Answer;
use crate::arm::call::Call;
use crate::arm::error::ArmError;
use crate::arm::id::{ResourceId, group_key};
use crate::arm::target::Below;
use crate::deployments::template::{Judged, judged};
use crate::engine::operations::with_retry_after;
use crate::engine::read::group_not_found;
use crate::engine::{Cloud, read};
use crate::front;
use crate::rules::Rule;
use crate::store::deployment::{Deployment, Given, Progress};
use crate::store::model::{Change, Group};

pub(crate) const RULES: &[Rule] = &[ACTIVE, NAME];

const ACTIVE: Rule = Rule::known(
    "ARM-DEPLOYMENT-ACTIVE",
    "A deployment that still runs can't be replaced by one of its name.",
    "learn.microsoft.com azure-resource-manager/troubleshooting/common-deployment-errors",
)
.with_known_code();
const NAME: Rule = Rule::known(
    "ARM-DEPLOYMENT-NAME",
    "A deployment's name has 1-64 letters, digits and -_.().",
    "Azure/bicep-types-az resources/microsoft.resources/2025-04-01",
);

/// The type, as ids have it.
pub(crate) const TYPE: &str = "Microsoft.Resources/deployments";

/// What a request about deployments is about.
#[derive(Debug)]
pub(crate) enum Target {
    /// All deployments of a group.
    All(String),
    One(ResourceId),
    /// An action on one, or a list below it.
    Member(ResourceId, String),
    /// An operation of one, or the state by which clients follow it.
    Below(ResourceId, String, String),
}

/// Finds deployments in what a path names.
pub(crate) fn target_of(below: &Below) -> Option<Target> {
    let is = |kind: &str, wanted: &str| kind.eq_ignore_ascii_case(wanted);
    match below {
        Below::Collection(collection)
            if is(
                &format!("{}/{}", collection.namespace, collection.kind),
                TYPE,
            ) =>
        {
            collection.group.clone().map(Target::All)
        }
        Below::Resource(id) if is(&id.type_name(), TYPE) => Some(Target::One(id.clone())),
        Below::Member(id, word) if is(&id.type_name(), TYPE) => {
            Some(Target::Member(id.clone(), word.to_ascii_lowercase()))
        }
        Below::Resource(id) => {
            let parent = id.parent().filter(|parent| is(&parent.type_name(), TYPE))?;
            let kind = id.type_name();
            let word = kind.rsplit('/').next().unwrap_or_default();
            Some(Target::Below(
                parent,
                word.to_ascii_lowercase(),
                id.name().to_owned(),
            ))
        }
        _ => None,
    }
}

/// The action that a request needs, and where.
pub(crate) fn needed(call: &Call, target: &Target) -> (String, String) {
    let scope = match target {
        Target::All(group) => group.clone(),
        Target::One(id) | Target::Member(id, _) | Target::Below(id, ..) => id.to_string(),
    };
    let verb = match (call.method.as_str(), target) {
        ("POST", Target::Member(_, word)) => format!("{word}/action"),
        ("PUT", _) => "write".to_owned(),
        ("DELETE", _) => "delete".to_owned(),
        _ => "read".to_owned(),
    };
    (format!("{TYPE}/{verb}"), scope)
}

/// Answers a request about deployments.
pub(crate) fn answer(cloud: &mut Cloud, call: &Call, target: Target) -> Result<Answer, ArmError> {
    let method = call.method.as_str();
    match (method, target) {
        ("GET", Target::All(group)) => list(cloud, call, &group),
        ("PUT", Target::One(id)) => put(cloud, call, &id),
        ("GET", Target::One(id)) => Ok(Answer::ok(view::deployment(cloud, find(cloud, &id)?))),
        ("HEAD", Target::One(id)) => Ok(Answer::empty(match find(cloud, &id) {
            Ok(_) => StatusCode::NO_CONTENT,
            Err(error) => error.status,
        })),
        ("DELETE", Target::One(id)) => delete(cloud, &id),
        ("POST", Target::Member(id, word)) => match word.as_str() {
            "validate" => validate(cloud, call, &id),
            "whatif" => {
                let (body, judged) = asked(cloud, call, &id)?;
                let group = group_of(cloud, &id)?.clone();
                Ok(what_if::answer(
                    cloud,
                    call,
                    (&id, &group),
                    &body["properties"],
                    judged,
                ))
            }
            "cancel" => cancel(cloud, call, &id),
            "exporttemplate" => {
                let template = find(cloud, &id)?.template.clone();
                Ok(Answer::ok(json!({ "template": template })))
            }
            _ => Err(no_action(&word)),
        },
        ("GET", Target::Member(id, word)) if word == "operations" => {
            let items = view::operations(find(cloud, &id)?);
            read::page(cloud, call, items)
        }
        ("GET", Target::Below(id, word, name)) => match word.as_str() {
            "operationstatuses" => status(cloud, &id, &name),
            "operations" => operation(cloud, &id, &name),
            _ => Err(no_action(&word)),
        },
        _ => Err(front::method_not_allowed(call)),
    }
}

fn no_action(word: &str) -> ArmError {
    ArmError::not_found(
        "InvalidResourceAction",
        format!("'{word}' is nothing that a deployment has here."),
    )
}

fn group_of<'a>(cloud: &'a Cloud, id: &ResourceId) -> Result<&'a Group, ArmError> {
    let group = cloud.store.group(&id.group_key());
    group.ok_or_else(|| group_not_found(&id.group))
}

fn find<'a>(cloud: &'a Cloud, id: &ResourceId) -> Result<&'a Deployment, ArmError> {
    group_of(cloud, id)?;
    cloud.store.deployment(&id.key()).ok_or_else(|| {
        ArmError::not_found(
            "DeploymentNotFound",
            format!("Deployment '{}' could not be found.", id.name()),
        )
    })
}

fn list(cloud: &Cloud, call: &Call, group: &str) -> Result<Answer, ArmError> {
    read::require_group(cloud, call, group)?;
    let key = group_key(&cloud.settings.subscription_of(call).id, group);
    let items = cloud
        .store
        .deployments()
        .filter(|deployment| deployment.id.group_key() == key)
        .map(|deployment| view::deployment(cloud, deployment))
        .collect();
    read::page(cloud, call, items)
}

fn check_name(name: &str) -> Result<(), ArmError> {
    let allowed = |c: char| c.is_alphanumeric() || "-_.()".contains(c);
    if (1..=64).contains(&name.chars().count()) && name.chars().all(allowed) {
        return Ok(());
    }
    Err(NAME.refuse(
        "InvalidDeploymentName",
        format!("The deployment name '{name}' is not valid. {}", NAME.text),
    ))
}

/// The body of a request, the group and what the template would do.
fn asked(cloud: &Cloud, call: &Call, id: &ResourceId) -> Result<(Value, Judged), ArmError> {
    let body = call.lenient_json()?;
    let judged = judge(cloud, id, &body)?;
    Ok((body, judged))
}

fn judge(cloud: &Cloud, id: &ResourceId, body: &Value) -> Result<Judged, ArmError> {
    check_name(id.name())?;
    let group = group_of(cloud, id)?;
    if group.deleting {
        return Err(front::group_is_being_deleted(&group.name));
    }
    if let Some(unknown) = body
        .as_object()
        .into_iter()
        .flat_map(|members| members.keys())
        .find(|name| !["properties", "tags", "location"].contains(&name.as_str()))
    {
        return Err(ArmError::bad_request(
            "InvalidRequestContent",
            format!(
                "The request content was invalid: '{unknown}' is not a member of a deployment."
            ),
        ));
    }
    if body
        .get("location")
        .is_some_and(|location| !location.is_null())
    {
        return Err(ArmError::bad_request(
            "LocationNotAllowed",
            "A deployment into a resource group has no location of its own.",
        ));
    }
    front::check_tags(body)?;
    judged(cloud, group, id.name(), &body["properties"])
}

fn validate(cloud: &Cloud, call: &Call, id: &ResourceId) -> Result<Answer, ArmError> {
    let (body, judged) = asked(cloud, call, id)?;
    Ok(Answer::ok(view::validated(cloud, call, id, &body, &judged)))
}

fn put(cloud: &mut Cloud, call: &Call, id: &ResourceId) -> Result<Answer, ArmError> {
    let body = call.lenient_json()?;
    let created = accept(cloud, id, body, call.now)?;
    let deployment = find(cloud, id)?;
    let mut accepted = view::deployment(cloud, deployment);
    accepted["properties"]["provisioningState"] = json!("Accepted");
    let address = format!(
        "{}{}/operationStatuses/{}?api-version={}",
        call.base,
        deployment.id,
        deployment.operation,
        call.query("api-version").unwrap_or_default()
    );
    run::drive(cloud, call.now);
    let status = if created {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    let answer = Answer::of(status, accepted).header("azure-asyncoperation", address);
    Ok(with_hint(cloud, answer, &id.key()))
}

/// Takes a deployment in, without beginning it; says whether its name is new.
fn accept(
    cloud: &mut Cloud,
    id: &ResourceId,
    mut body: Value,
    at: Timestamp,
) -> Result<bool, ArmError> {
    let key = id.key();
    let existing = cloud.store.deployment(&key);
    if existing.is_some_and(|old| old.progress == Progress::Running) {
        return Err(ACTIVE.refuse_with(
            StatusCode::CONFLICT,
            "DeploymentActive",
            format!(
                "Unable to edit or replace deployment '{}': previous deployment is still active. Please \
                 see https://aka.ms/arm-deploy for usage details.",
                id.name()
            ),
        ));
    }
    let created = existing.is_none();
    let judged = judge(cloud, id, &body)?;
    let group = group_of(cloud, id)?.clone();
    let mut parameters = BTreeMap::new();
    for (name, parameter) in judged.parameters {
        let given = if parameter.secure {
            run::kept(cloud, &parameter.value)
        } else {
            Given::Plain(parameter.value)
        };
        parameters.insert(name, given);
    }
    let purpose = format!("deployment/{key}/{}", cloud.store.next_number());
    let tags = body.get("tags").and_then(Value::as_object);
    let pairs = tags.into_iter().flatten();
    let tags = pairs
        .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
        .collect();
    let levels = vec![("deployments".to_owned(), id.name().to_owned())];
    let deployment = Deployment {
        id: ResourceId::new(
            &group.subscription,
            &group.name,
            "Microsoft.Resources",
            levels,
        ),
        tags,
        template: body["properties"]["template"].take(),
        parameters,
        items: judged.items,
        progress: Progress::Running,
        started: at,
        ended: None,
        correlation: cloud.settings.dice.guid(&format!("correlation/{purpose}")),
        operation: cloud.settings.dice.guid(&purpose),
        outputs: Value::Null,
        error: None,
    };
    let change = Change::Deployment(key, Some(Box::new(deployment)));
    cloud.store.apply(change);
    Ok(created)
}

/// Adds when to look again, from the longest of what runs now.
fn with_hint(cloud: &Cloud, answer: Answer, key: &str) -> Answer {
    use crate::store::deployment::ItemState;
    let items = cloud.store.deployment(key).map(|found| &found.items);
    let operations = items
        .into_iter()
        .flatten()
        .filter_map(|item| match &item.state {
            ItemState::Running(operation) => cloud.store.operation(operation),
            _ => None,
        });
    match operations
        .map(|operation| operation.ends.duration_since(operation.started))
        .max()
    {
        Some(longest) => with_retry_after(answer, longest),
        None => answer,
    }
}

/// What `Azure-AsyncOperation` of a deployment answers.
fn status(cloud: &Cloud, id: &ResourceId, operation: &str) -> Result<Answer, ArmError> {
    let deployment = find(cloud, id)?;
    if deployment.operation != operation {
        return Err(ArmError::not_found(
            "OperationNotFound",
            format!("The operation '{operation}' was not found."),
        ));
    }
    let mut body = json!({ "status": view::state(deployment.progress) });
    if let Some(error) = &deployment.error {
        body["error"] = error.clone();
    }
    Ok(with_hint(cloud, Answer::ok(body), &id.key()))
}

fn operation(cloud: &Cloud, id: &ResourceId, name: &str) -> Result<Answer, ArmError> {
    let found = view::operations(find(cloud, id)?);
    let found = found.into_iter().find(|one| one["operationId"] == name);
    found.map(Answer::ok).ok_or_else(|| {
        ArmError::not_found(
            "DeploymentOperationNotFound",
            format!("Deployment operation '{name}' could not be found."),
        )
    })
}

/// Begins nothing more; what was begun goes on.
fn cancel(cloud: &mut Cloud, call: &Call, id: &ResourceId) -> Result<Answer, ArmError> {
    let mut deployment = find(cloud, id)?.clone();
    if deployment.progress != Progress::Running {
        return Err(ArmError::conflict(
            "DeploymentCannotBeCancelled",
            format!(
                "The deployment '{}' cannot be cancelled because it is in state '{}'.",
                id.name(),
                view::state(deployment.progress)
            ),
        ));
    }
    deployment.progress = Progress::Canceled;
    deployment.ended = Some(call.now);
    run::forget_secrets(&mut deployment);
    cloud
        .store
        .apply(Change::Deployment(id.key(), Some(Box::new(deployment))));
    Ok(Answer::empty(StatusCode::NO_CONTENT))
}

/// Forgets a deployment; what it deployed stays.
fn delete(cloud: &mut Cloud, id: &ResourceId) -> Result<Answer, ArmError> {
    match find(cloud, id) {
        Ok(deployment) if deployment.progress == Progress::Running => {
            return Err(ACTIVE.refuse_with(
                StatusCode::CONFLICT,
                "DeploymentActive",
                format!("The deployment '{}' is still active.", id.name()),
            ));
        }
        Ok(_) => cloud.store.apply(Change::Deployment(id.key(), None)),
        Err(error) if error.code == "DeploymentNotFound" => {}
        Err(error) => return Err(error),
    }
    Ok(Answer::empty(StatusCode::NO_CONTENT))
}
