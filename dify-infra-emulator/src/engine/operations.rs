//! Long-running operations: beginning them, pointing clients to them, answering their polls.

use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::arm::answer::Answer;
use crate::arm::call::Call;
use crate::arm::error::ArmError;
use crate::arm::id::ResourceId;
use crate::arm::merge::text_at;
use crate::engine::Cloud;
use crate::engine::view::view;
use crate::engine::world::World;
use crate::provider::{self, Definition, Provider, Style};
use crate::settings::{Dialect, poll_hint};
use crate::store::model::{Change, Operation, Outcome, Resource, Work};

/// What an operation is to do.
#[derive(Debug)]
pub(crate) struct Begin {
    pub(crate) work: Work,
    pub(crate) target: String,
    pub(crate) resource: Option<ResourceId>,
    pub(crate) lane: String,
    /// Seconds of the real cloud.
    pub(crate) seconds: f64,
    pub(crate) result: Option<Value>,
}

impl Cloud {
    /// Begins an operation at a moment.
    pub(crate) fn begin(&mut self, now: Timestamp, begin: Begin) -> Operation {
        let number = self.store.next_number();
        let purpose = format!("operation/{}/{number}", begin.target);
        let duration = self.settings.jittered(begin.seconds, &purpose);
        let operation = Operation {
            id: self.settings.dice.guid(&purpose),
            work: begin.work,
            target: begin.target,
            resource: begin.resource,
            lane: begin.lane,
            started: now,
            ends: now.saturating_add(duration).unwrap_or(now),
            outcome: Outcome::Running,
            planned_failure: self.planned_failure.take(),
            result: begin.result,
        };
        self.store.apply(Change::Operation(
            operation.id.clone(),
            Some(operation.clone()),
        ));
        operation
    }

    /// The refusal of a write to a lane on which an operation still runs.
    ///
    /// Azure sends no waiting time with it. One is added when time is scaled, since a client's own
    /// schedule would then be far too slow.
    pub(crate) fn refuse_busy(&self, lane: &str, refusal: ArmError) -> Result<(), ArmError> {
        let lane_ends = self
            .store
            .running()
            .filter(|operation| operation.lane == lane);
        match lane_ends
            .map(|operation| operation.ends.duration_since(operation.started))
            .max()
        {
            None => Ok(()),
            Some(_) if is_real_time(self.settings.time_scale) => Err(refusal),
            Some(duration) => Err(refusal.retry_after(duration)),
        }
    }
}

fn is_real_time(time_scale: f64) -> bool {
    (time_scale - 1.0).abs() < f64::EPSILON
}

/// Adds the headers by which a client follows an operation.
pub(crate) fn follow(
    answer: Answer,
    call: &Call,
    cloud: &Cloud,
    (definition, style, operation): (&Definition, Style, &Operation),
) -> Answer {
    let mut answer = answer;
    let location = operation_region(cloud, operation);
    let namespace = definition.namespace();
    let path = |word: &str| {
        format!(
            "/subscriptions/{}/providers/{namespace}/locations/{location}/{word}/{}?api-version={}",
            cloud.settings.subscription_of(call).id,
            operation.id,
            definition.polling.api_version
        )
    };
    if style.async_operation {
        let address = format!("{}{}", call.base, path(definition.polling.status));
        answer = answer.header("azure-asyncoperation", address);
    }
    if style.location {
        // Location may be relative (Azure/azure-rest-api-specs PostDeploymentWhatIf example)
        let relative = cloud.settings.dialect == Dialect::Noisy
            && cloud
                .settings
                .dice
                .coin(&format!("relative/{}", operation.id));
        let base = if relative { "" } else { call.base.as_str() };
        answer = answer.header(
            "location",
            format!("{base}{}", path(definition.polling.result)),
        );
    }
    if style.async_operation || style.location {
        with_retry_after(answer, operation.ends.duration_since(operation.started))
    } else {
        answer
    }
}

/// Adds the time to wait before the next look at a resource on which something runs. Where a client
/// has nothing but the resource to look at, this tells it how fast time passes here.
pub(crate) fn hint_at(answer: Answer, world: World<'_>, resource: &Resource) -> Answer {
    let provider = provider::find(&resource.id.type_name());
    match provider.and_then(|provider| provider.running_for(world, resource)) {
        Some(duration) => with_retry_after(answer, duration),
        None => answer,
    }
}

fn operation_region(cloud: &Cloud, operation: &Operation) -> String {
    let root = operation.resource.as_ref().map(ResourceId::root);
    let resource = root.and_then(|id| cloud.store.resource(&id));
    let location = resource.and_then(|found| text_at(&found.desired, "location"));
    location.unwrap_or("global").to_owned()
}

/// Adds the time to wait before the next look, for something that takes this long.
///
/// `Retry-After` counts whole seconds; below one second it is 1, and `retry-after-ms`, which Azure's
/// own clients honour (Azure/azure-sdk-for-rust, `azure_core` retry headers), says more exactly.
pub(crate) fn with_retry_after(answer: Answer, duration: SignedDuration) -> Answer {
    let hint = poll_hint(duration);
    let millis = hint.as_millis().max(1);
    if millis < 1000 {
        answer
            .header("retry-after", "1")
            .header("retry-after-ms", millis.to_string())
    } else {
        answer.header("retry-after", ((millis + 999) / 1000).to_string())
    }
}

/// Answers a poll of an operation.
pub(crate) fn poll(cloud: &Cloud, call: &Call, word: &str, id: &str) -> Result<Answer, ArmError> {
    let Some(operation) = cloud.store.operation(id) else {
        return Err(ArmError::not_found(
            "OperationNotFound",
            format!("The operation '{id}' was not found."),
        ));
    };
    let kind = operation.resource.as_ref().map(ResourceId::type_name);
    let provider = kind.and_then(|kind| provider::find(&kind));
    let asks_status =
        provider.is_some_and(|p| p.definition().polling.status.eq_ignore_ascii_case(word));
    Ok(if asks_status {
        status(call, operation, provider.map(Provider::definition))
    } else {
        result(cloud, call, operation)
    })
}

/// The status document; an operation that failed is reported with status 200 (learn.microsoft.com
/// azure-resource-manager/management/async-operations).
fn status(call: &Call, operation: &Operation, definition: Option<&Definition>) -> Answer {
    let mut body = json!({
        "id": call.path,
        "name": operation.id,
        "startTime": operation.started.to_string(),
    });
    match &operation.outcome {
        Outcome::Running => {
            body["status"] = json!(running_word(operation, definition));
            let answer = Answer::ok(body);
            return with_retry_after(answer, operation.ends.duration_since(operation.started));
        }
        Outcome::Succeeded => body["status"] = json!("Succeeded"),
        Outcome::Failed { code, message } => {
            body["status"] = json!("Failed");
            body["error"] = json!({ "code": code, "message": message });
        }
    }
    body["endTime"] = json!(operation.ends.to_string());
    Answer::ok(body)
}

/// The word for an operation that runs: any but the three at the end means that it does.
fn running_word(operation: &Operation, definition: Option<&Definition>) -> &'static str {
    if !definition.is_some_and(|definition| definition.polling.names_work) {
        return "InProgress";
    }
    match operation.work {
        Work::Create => "Creating",
        Work::Update => "Updating",
        Work::Delete => "Deleting",
        _ => "InProgress",
    }
}

/// What the `Location` of an operation answers.
fn result(cloud: &Cloud, call: &Call, operation: &Operation) -> Answer {
    match &operation.outcome {
        Outcome::Running => {
            let address = format!("{}{}", call.base, call.path);
            let query = call.query("api-version").unwrap_or_default();
            let answer = Answer::empty(StatusCode::ACCEPTED)
                .header("location", format!("{address}?api-version={query}"));
            with_retry_after(answer, operation.ends.duration_since(operation.started))
        }
        Outcome::Failed { code, message } => {
            ArmError::bad_request(code, message.clone()).into_answer()
        }
        Outcome::Succeeded => finished_result(cloud, call, operation),
    }
}

fn finished_result(cloud: &Cloud, call: &Call, operation: &Operation) -> Answer {
    match operation.work {
        Work::Delete => Answer::empty(StatusCode::NO_CONTENT),
        Work::Act => operation
            .result
            .clone()
            .map_or(Answer::empty(StatusCode::OK), Answer::ok),
        Work::Create | Work::Update => {
            let world = cloud.world(call.now);
            let found = operation.resource.as_ref().and_then(|id| world.find(id));
            found.map_or(Answer::empty(StatusCode::NO_CONTENT), |resource| {
                Answer::ok(view(world, &resource))
            })
        }
        Work::DeleteGroup | Work::Register | Work::Rest => Answer::empty(StatusCode::OK),
    }
}
