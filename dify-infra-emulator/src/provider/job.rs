//! `Microsoft.App/jobs` and their executions.

use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use crate::arm::answer::Answer;
use crate::arm::error::ArmError;
use crate::arm::id::ResourceId;
use crate::arm::merge::{at, default_at, set_at, text_at};
use crate::engine::world::World;
use crate::provider::container_app::{APP_STATES, add_identity, list_secrets};
use crate::provider::managed_environment::{POLLING, stream_endpoint};
use crate::provider::template;
use crate::provider::{Action, ActionOutcome, Definition, Draft, Provider, Seconds, Style};
use crate::rules::Rule;
use crate::settings::JobOutcome;
use crate::store::model::{Phase, Resource};
use crate::types;

/// The rules of jobs.
pub(crate) const RULES: &[Rule] = &[TRIGGER, LIMITS, START, BUSY];

const TRIGGER: Rule = Rule::known(
    "ACA-JOB-TRIGGER",
    "A job has the configuration of its trigger type and of no other one.",
    "learn.microsoft.com container-apps/jobs",
);
const LIMITS: Rule = Rule::guessed(
    "ACA-JOB-LIMITS",
    "replicaTimeout is at least 1 second, replicaRetryLimit at least 0, parallelism and \
     replicaCompletionCount at least 1.",
    "learn.microsoft.com container-apps/jobs",
);
const START: Rule = Rule::guessed(
    "ACA-JOB-START",
    "A job can be started only when it is provisioned.",
    "Azure/azure-rest-api-specs Jobs.json",
);

const BUSY: Rule = Rule::known(
    "ACA-JOB-BUSY",
    "One operation at a time runs on a job.",
    "ContainerAppsJobOperationInProgress in public pipeline logs of 2026",
)
.with_known_code();

/// Seconds that an execution runs.
const EXECUTION_SECONDS: f64 = 60.0;
/// Seconds until the start of an execution is reported as done.
const START_SECONDS: f64 = 3.0;

static DEFINITION: Definition = Definition {
    name: "Microsoft.App/jobs",
    api_versions: &["2026-01-01"],
    table: Some(types::job),
    check_name: template::check_app_name,
    create: Some(Style::TRACKED),
    update: Some(Style::TRACKED),
    patch: Some(Style::ACCEPTED_LOCATION),
    delete: Some(Style::ACCEPTED_LOCATION),
    seconds: Seconds {
        create: 20.0,
        update: 15.0,
        delete: 15.0,
    },
    states: Some(&APP_STATES),
    polling: POLLING,
    tracked: true,
    system_data: true,
    display_location: true,
    busy,
    merges_tags: true,
    ..Definition::READ_ONLY
};

static EXECUTION: Definition = Definition {
    name: "Microsoft.App/jobs/executions",
    api_versions: &["2026-01-01"],
    polling: POLLING,
    ..Definition::READ_ONLY
};

fn busy(id: &ResourceId) -> ArmError {
    let message = format!(
        "Cannot modify a container apps job '{}' because there is an active provisioning operation in \
         progress.",
        id.name()
    );
    let code = "ContainerAppsJobOperationInProgress";
    BUSY.refuse_with(StatusCode::CONFLICT, code, message)
}

/// Jobs.
pub(crate) struct Job;

/// Executions of a job.
pub(crate) struct Execution;

impl Provider for Job {
    fn definition(&self) -> &'static Definition {
        &DEFINITION
    }

    fn check(&self, world: World<'_>, draft: &mut Draft<'_>) -> Result<(), ArmError> {
        template::check(world, draft)?;
        check_trigger(&mut draft.body)?;
        check_limits(&mut draft.body)?;
        let environment = template::environment(world, &draft.body)?.id.to_string();
        set_at(
            &mut draft.body,
            "properties.environmentId",
            json!(environment),
        );
        Ok(())
    }

    fn started(&self, world: World<'_>, resource: &mut Resource) {
        let mut outputs = Value::Object(Map::new());
        let endpoint = stream_endpoint(&resource.id, &resource.desired);
        set_at(
            &mut outputs,
            "properties.eventStreamEndpoint",
            json!(endpoint),
        );
        add_identity(world, resource, &mut outputs);
        resource.outputs = outputs;
    }

    fn wants_secret(&self, place: &str, body: &Value) -> bool {
        template::wants_secret(place, body)
    }

    fn act(
        &self,
        world: World<'_>,
        action: &Action<'_>,
    ) -> Option<Result<ActionOutcome, ArmError>> {
        match action.name {
            "listsecrets" => Some(Ok(list_secrets(world, action.resource))),
            "start" => Some(start(world, action)),
            _ => None,
        }
    }
}

/// The member of the configuration that each trigger type has.
const TRIGGERS: [(&str, &str); 3] = [
    ("Manual", "manualTriggerConfig"),
    ("Schedule", "scheduleTriggerConfig"),
    ("Event", "eventTriggerConfig"),
];

fn check_trigger(body: &mut Value) -> Result<(), ArmError> {
    let kind = text_at(body, "properties.configuration.triggerType")
        .unwrap_or_default()
        .to_owned();
    for (trigger, member) in TRIGGERS {
        let path = format!("properties.configuration.{member}");
        let own = trigger.eq_ignore_ascii_case(&kind);
        if own {
            default_at(body, &format!("{path}.parallelism"), json!(1));
            default_at(body, &format!("{path}.replicaCompletionCount"), json!(1));
        } else if at(body, &path).is_some() {
            let message = format!(
                "'{member}' does not belong to trigger type '{kind}'. {}",
                TRIGGER.text
            );
            return Err(TRIGGER
                .refuse("ContainerAppJobInvalidTrigger", message)
                .at(&path));
        }
    }
    if at(body, "properties.configuration").is_none() {
        let path = "properties.configuration";
        return Err(TRIGGER
            .refuse("ContainerAppJobInvalidTrigger", TRIGGER.text)
            .at(path));
    }
    Ok(())
}

fn check_limits(body: &mut Value) -> Result<(), ArmError> {
    default_at(body, "properties.configuration.replicaRetryLimit", json!(0));
    let number =
        |path: &str| at(body, &format!("properties.configuration.{path}")).and_then(Value::as_i64);
    let mut limits = vec![
        ("replicaTimeout".to_owned(), 1),
        ("replicaRetryLimit".to_owned(), 0),
    ];
    for (_, member) in TRIGGERS {
        limits.push((format!("{member}.parallelism"), 1));
        limits.push((format!("{member}.replicaCompletionCount"), 1));
    }
    for (path, least) in limits {
        if number(&path).is_some_and(|value| value < least) {
            return Err(LIMITS
                .refuse("ContainerAppJobInvalidConfiguration", LIMITS.text)
                .at(&format!("properties.configuration.{path}")));
        }
    }
    Ok(())
}

/// Starts an execution. The answer has its name at once (Azure/azure-cli containerapp `_clients.py`
/// reads it there) and a `Location` that has it later (Azure/azure-rest-api-specs `Job_Start`).
fn start(world: World<'_>, action: &Action<'_>) -> Result<ActionOutcome, ArmError> {
    let job = action.resource;
    if !matches!(job.phase, Phase::Succeeded) {
        let message = format!("The job '{}' is not provisioned yet.", job.id.name());
        let code = "ContainerAppJobNotProvisioned";
        return Err(START.refuse_with(StatusCode::CONFLICT, code, message));
    }
    let given = action.call.json_or_empty()?;
    let template = execution_template(world, job, &given)?;
    let purpose = format!("execution/{}/{}", job.id.key(), action.unique);
    let id = job.id.child(
        "executions",
        &format!("{}-{}", job.id.name(), world.dice().word(&purpose, 7)),
    );
    let body =
        json!({ "properties": { "startTime": world.now.to_string(), "template": template } });
    let mut execution = Resource::complete(id, body, world.now);
    let duration = world.settings.jittered(EXECUTION_SECONDS, &purpose);
    let ends = world.now.saturating_add(duration).unwrap_or(world.now);
    let outcome = match world.settings.job_outcome {
        JobOutcome::Succeeded => "Succeeded",
        JobOutcome::Failed => "Failed",
    };
    execution.facts = json!({ "ends": ends.to_string(), "outcome": outcome });
    let answer = json!({ "id": execution.id.to_string(), "name": execution.id.name() });
    Ok(ActionOutcome {
        seconds: Some(START_SECONDS),
        resources: vec![execution],
        ..ActionOutcome::done(Answer::of(StatusCode::ACCEPTED, answer))
    })
}

/// The template of an execution: the job's own, or the one in the request.
fn execution_template(world: World<'_>, job: &Resource, given: &Value) -> Result<Value, ArmError> {
    let given = at(given, "template").unwrap_or(given);
    let mut body = job.desired.clone();
    if at(given, "containers").is_some() {
        // checked as what it is: the template of a job
        let wrapped = json!({ "location": "", "properties": { "template": given } });
        let accepted = types::job().accept(&wrapped, crate::table::Mode::Patch)?;
        body["properties"]["template"] = accepted.body["properties"]["template"].clone();
        let environment = template::environment(world, &body)?;
        template::check_template(world, &environment, &mut body)?;
    }
    let mut template = at(&body, "properties.template")
        .cloned()
        .unwrap_or_default();
    if let Some(object) = template.as_object_mut() {
        object.remove("volumes");
    }
    Ok(template)
}

/// The time at which an execution ends or ended.
fn end_of(execution: &Resource) -> Option<Timestamp> {
    execution.facts["ends"]
        .as_str()
        .and_then(|ends| ends.parse().ok())
}

impl Provider for Execution {
    fn definition(&self) -> &'static Definition {
        &EXECUTION
    }

    fn running_for(&self, world: World<'_>, resource: &Resource) -> Option<SignedDuration> {
        let ends = end_of(resource).filter(|ends| *ends > world.now)?;
        Some(ends.duration_since(resource.created))
    }

    fn decorate(&self, world: World<'_>, resource: &Resource, body: &mut Value) {
        match end_of(resource).filter(|ends| *ends <= world.now) {
            Some(ends) => {
                set_at(body, "properties.status", resource.facts["outcome"].clone());
                set_at(body, "properties.endTime", json!(ends.to_string()));
            }
            None => set_at(body, "properties.status", json!("Running")),
        }
    }

    fn act(
        &self,
        world: World<'_>,
        action: &Action<'_>,
    ) -> Option<Result<ActionOutcome, ArmError>> {
        if action.name != "stop" {
            return None;
        }
        let mut execution = action.resource.clone();
        if end_of(&execution).is_none_or(|ends| ends > world.now) {
            execution.facts = json!({ "ends": world.now.to_string(), "outcome": "Stopped" });
        }
        let done = ActionOutcome::done(Answer::empty(StatusCode::ACCEPTED));
        Some(Ok(ActionOutcome {
            seconds: Some(START_SECONDS),
            resources: vec![execution],
            ..done
        }))
    }
}
