//! How an answer says whether its operation is over: pure, without a client.
//!
//! Azure has four ways (learn.microsoft.com/azure/azure-resource-manager/management/
//! async-operations, and the REST specs of the providers): a status resource
//! (`Azure-AsyncOperation`), a result that is not there yet (`Location`), a
//! `provisioningState` in the resource itself, and `202` with nothing at all. Which one is
//! decided by the answer's headers, never by type: providers change it between versions.

use ::http::{HeaderMap, Method, StatusCode};
use ::url::Url;
use serde_json::Value;

use crate::http::header_text;

/// Where an operation stands.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Stage {
    /// Ask the status resource.
    Status(Url),
    /// Ask for the result.
    Location(Url),
    /// Look at the resource itself; `at_once` when nothing remains but to read it.
    Resource { at_once: bool },
    /// Over and well; what was returned by a POST or the final GET.
    Ended(Option<Value>),
}

/// What a poll, or a resource's state, says.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum State {
    /// Not over; Azure's word for it, if it has one.
    Running(Option<String>),
    /// Over and well. A resource without a state is so, too.
    Succeeded,
    /// Over and not well; Azure's word.
    Failed(String),
    /// Somebody canceled it; Azure's word.
    Canceled(String),
}

/// Sorts a state word: everything but the three known ends is "not finished".
///
/// `Canceled` is Azure's spelling; some providers write `Cancelled`.
fn state_of(word: &str) -> State {
    match word.to_ascii_lowercase().as_str() {
        "succeeded" => State::Succeeded,
        "failed" => State::Failed(word.to_owned()),
        "canceled" | "cancelled" => State::Canceled(word.to_owned()),
        _ => State::Running(Some(word.to_owned())),
    }
}

/// `properties.provisioningState` of a resource.
pub(crate) fn resource_state(body: &Value) -> State {
    provisioning_state(body).map_or(State::Succeeded, state_of)
}

/// What the status resource says.
///
/// It answers 200 for an operation that failed, too.
pub(crate) fn status_state(status: StatusCode, body: Option<&Value>) -> State {
    let word = body.and_then(|body| text(body, "status").or_else(|| provisioning_state(body)));
    match word {
        Some(word) => state_of(word),
        None if status == StatusCode::ACCEPTED => State::Running(None),
        None => State::Succeeded,
    }
}

/// What the result's address says: 202 until it is there, then whatever the result is.
///
/// A result with an `error`, or with a `status` that is a bad end, is a failure.
pub(crate) fn location_state(status: StatusCode, body: Option<&Value>) -> State {
    let word = body.and_then(|body| text(body, "status"));
    if status == StatusCode::ACCEPTED {
        return State::Running(word.map(str::to_owned));
    }
    if body
        .and_then(|body| get(body, "error"))
        .is_some_and(Value::is_object)
    {
        return State::Failed(word.unwrap_or("Failed").to_owned());
    }
    match word.map(state_of) {
        Some(bad @ (State::Failed(_) | State::Canceled(_))) => bad,
        _ => State::Succeeded,
    }
}

/// How far it is, in percent, if the body says.
pub(crate) fn percent(body: &Value) -> Option<f64> {
    let number = |body: &Value| get(body, "percentComplete").and_then(Value::as_f64);
    number(body).or_else(|| number(get(body, "properties")?))
}

/// Where the answer to the first request of an operation leads.
pub(crate) fn first_stage(
    method: &Method,
    url: &Url,
    status: StatusCode,
    headers: &HeaderMap,
    body: Option<Value>,
) -> Stage {
    if let Some(stage) = follow(url, headers) {
        return stage;
    }
    let accepted = status == StatusCode::ACCEPTED;
    let running = body
        .as_ref()
        .is_some_and(|body| matches!(resource_state(body), State::Running(_)));
    match *method {
        Method::POST => Stage::Ended(body),
        Method::DELETE if !accepted && !running => Stage::Ended(None),
        _ => Stage::Resource {
            at_once: !accepted && !running,
        },
    }
}

/// The stage that polling headers ask for; a URL that is none counts as absent.
pub(crate) fn follow(url: &Url, headers: &HeaderMap) -> Option<Stage> {
    let link = |name| header_text(headers, name).and_then(|link| url.join(link).ok());
    link("azure-asyncoperation")
        .map(Stage::Status)
        .or_else(|| result(url, headers))
}

/// The stage that the `Location` header asks for. It may be relative.
pub(crate) fn result(url: &Url, headers: &HeaderMap) -> Option<Stage> {
    let link = header_text(headers, "location")?;
    url.join(link).ok().map(Stage::Location)
}

fn provisioning_state(body: &Value) -> Option<&str> {
    text(get(body, "properties")?, "provisioningState")
}

/// A text that is there and not blank.
fn text<'b>(body: &'b Value, key: &str) -> Option<&'b str> {
    get(body, key)?
        .as_str()
        .map(str::trim)
        .filter(|text| !text.is_empty())
}

/// A member by its name in any case.
fn get<'b>(body: &'b Value, key: &str) -> Option<&'b Value> {
    let map = body.as_object()?;
    map.get(key).or_else(|| {
        map.iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(key))
            .map(|(_, value)| value)
    })
}

#[cfg(test)]
mod tests {
    use ::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
    use serde_json::{Value, json};

    use super::{Stage, State, first_stage, location_state, percent, resource_state, status_state};

    fn first(method: &Method, status: u16, headers: &[(&str, &str)], body: &Value) -> Stage {
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| {
                let name: HeaderName = name.parse().unwrap();
                (name, HeaderValue::from_str(value).unwrap())
            })
            .collect();
        let url = "https://management.azure.com/a/b?api-version=1"
            .parse()
            .unwrap();
        let body = (!body.is_null()).then(|| body.clone());
        first_stage(
            method,
            &url,
            StatusCode::from_u16(status).unwrap(),
            &headers,
            body,
        )
    }

    fn state(word: &str) -> Value {
        json!({"properties": {"provisioningState": word}})
    }

    #[test]
    fn the_status_resource_comes_before_the_location() {
        let headers = [
            ("Location", "https://h/l"),
            ("azure-AsyncOperation", "https://h/s?t=1&api-version=0"),
        ];
        assert_eq!(
            first(&Method::PUT, 201, &headers, &Value::Null),
            Stage::Status("https://h/s?t=1&api-version=0".parse().unwrap())
        );
    }

    #[test]
    fn a_relative_location_is_resolved_against_the_request() {
        let stage = first(
            &Method::DELETE,
            202,
            &[("location", "/ops/1?x=y")],
            &Value::Null,
        );
        let url = "https://management.azure.com/ops/1?x=y".parse().unwrap();
        assert_eq!(stage, Stage::Location(url));
    }

    #[test]
    fn an_address_that_is_none_is_ignored() {
        let headers = [("azure-asyncoperation", "https://["), ("location", "")];
        assert_eq!(
            first(&Method::PUT, 202, &headers, &Value::Null),
            Stage::Resource { at_once: false }
        );
    }

    #[test]
    fn without_headers_the_state_and_the_status_decide() {
        let wait = Stage::Resource { at_once: false };
        let read = Stage::Resource { at_once: true };
        let cases = [
            (Method::PUT, 200, state("Succeeded"), read.clone()),
            (Method::PUT, 200, json!({}), read.clone()),
            (Method::PUT, 200, state("Creating"), wait.clone()),
            (
                Method::PUT,
                201,
                state("InfrastructureSetupInProgress"),
                wait.clone(),
            ),
            (Method::PUT, 202, Value::Null, wait.clone()),
            (Method::PATCH, 202, Value::Null, wait.clone()),
            (Method::PATCH, 200, state("failed"), read),
            (Method::DELETE, 204, Value::Null, Stage::Ended(None)),
            (Method::DELETE, 200, json!({}), Stage::Ended(None)),
            (Method::DELETE, 200, state("Deleting"), wait.clone()),
            (Method::DELETE, 202, Value::Null, wait),
            (
                Method::POST,
                200,
                json!({"name": "x"}),
                Stage::Ended(Some(json!({"name": "x"}))),
            ),
            (Method::POST, 202, Value::Null, Stage::Ended(None)),
        ];
        for (method, status, body, stage) in cases {
            assert_eq!(
                first(&method, status, &[], &body),
                stage,
                "{method} {status} {body}"
            );
        }
    }

    #[test]
    fn only_three_words_are_ends() {
        let end = |word| resource_state(&state(word));
        assert_eq!(end("SUCCEEDED"), State::Succeeded);
        assert_eq!(end("Failed"), State::Failed("Failed".to_owned()));
        assert_eq!(end("Canceled"), State::Canceled("Canceled".to_owned()));
        assert_eq!(end("cancelled"), State::Canceled("cancelled".to_owned()));
        for word in [
            "Creating",
            "Accepted",
            "ScheduledForDelete",
            "Ready",
            "Completed",
            "?",
        ] {
            assert_eq!(end(word), State::Running(Some(word.to_owned())));
        }
    }

    #[test]
    fn a_missing_state_is_done() {
        for body in [
            json!({}),
            json!({"properties": null}),
            state(""),
            json!([]),
            json!({"properties": {"provisioningState": null}}),
        ] {
            assert_eq!(resource_state(&body), State::Succeeded, "{body}");
        }
    }

    #[test]
    fn a_status_resource_fails_with_200() {
        let failed = json!({"status": "Failed", "error": {"code": "A"}});
        assert_eq!(
            status_state(StatusCode::OK, Some(&failed)),
            State::Failed("Failed".to_owned())
        );
        assert_eq!(
            status_state(StatusCode::ACCEPTED, None),
            State::Running(None)
        );
        assert_eq!(status_state(StatusCode::NO_CONTENT, None), State::Succeeded);
        assert_eq!(
            status_state(StatusCode::OK, Some(&state("Creating"))),
            State::Running(Some("Creating".to_owned()))
        );
    }

    #[test]
    fn a_location_is_there_when_it_is_no_longer_202() {
        let ok = StatusCode::OK;
        assert_eq!(
            location_state(StatusCode::ACCEPTED, None),
            State::Running(None)
        );
        assert_eq!(
            location_state(StatusCode::NO_CONTENT, None),
            State::Succeeded
        );
        assert_eq!(
            location_state(ok, Some(&json!({"status": "Running"}))),
            State::Succeeded
        );
        let failed = State::Failed("Failed".to_owned());
        assert_eq!(
            location_state(ok, Some(&json!({"status": "Failed"}))),
            failed
        );
        assert_eq!(
            location_state(ok, Some(&json!({"error": {"code": "A"}}))),
            failed
        );
        assert_eq!(
            location_state(ok, Some(&json!({"error": null}))),
            State::Succeeded
        );
    }

    #[test]
    fn reads_percent_from_both_places() {
        assert_eq!(percent(&json!({"percentComplete": 12.5})), Some(12.5));
        assert_eq!(
            percent(&json!({"properties": {"PercentComplete": 40}})),
            Some(40.0)
        );
        assert_eq!(percent(&json!({"percentComplete": null})), None);
    }
}
