//! Jobs and their executions.

use serde_json::json;

use super::support::{Client, group, job_body, with_environment};
use crate::JobOutcome;

fn path() -> String {
    group("/providers/Microsoft.App/jobs/migrate")
}

fn with_job() -> Client {
    let client = with_environment();
    client.create(&path(), job_body());
    client
}

#[test]
fn a_start_names_its_execution_which_runs_and_succeeds() {
    let client = with_job();
    let reply = client.post(&format!("{}/start", path()), json!({}));
    assert_eq!(reply.status, 202);
    let name = reply.body["name"].as_str().unwrap().to_owned();
    let result = client.follow(&path(), &reply);
    assert_eq!(
        (result.status.as_u16(), &result.body["name"]),
        (200, &json!(name))
    );
    let execution = || client.get(&format!("{}/executions/{name}", path())).body;
    assert_eq!(execution()["properties"]["status"], "Running");
    assert!(execution()["properties"].get("endTime").is_none());
    client.wait(90.0);
    assert_eq!(execution()["properties"]["status"], "Succeeded");
    assert_eq!(
        execution()["properties"]["template"]["containers"][0]["image"],
        "langgenius/dify-api:1.16.0"
    );
    let list = client.get(&format!("{}/executions", path())).body;
    assert_eq!(list["value"].as_array().unwrap().len(), 1);
}

#[test]
fn an_execution_can_be_made_to_fail() {
    let client = with_job();
    client.emulator.set_job_outcome(JobOutcome::Failed);
    let started = client.post(&format!("{}/start", path()), json!({})).body;
    client.wait(90.0);
    let execution = client.get(&format!(
        "{}/executions/{}",
        path(),
        started["name"].as_str().unwrap()
    ));
    assert_eq!(execution.body["properties"]["status"], "Failed");
}

#[test]
fn an_execution_remembers_the_image_that_it_ran() {
    let client = with_job();
    let first = client.post(&format!("{}/start", path()), json!({})).body["name"].clone();
    client.settle();
    let mut body = job_body();
    body["properties"]["template"]["containers"][0]["image"] = json!("langgenius/dify-api:1.17.1");
    client.create(&path(), body);
    let second = client.post(&format!("{}/start", path()), json!({})).body["name"].clone();
    let image = |name: &serde_json::Value| {
        let reply = client.get(&format!("{}/executions/{}", path(), name.as_str().unwrap()));
        reply.body["properties"]["template"]["containers"][0]["image"].clone()
    };
    assert_eq!(image(&first), "langgenius/dify-api:1.16.0");
    assert_eq!(image(&second), "langgenius/dify-api:1.17.1");
}

#[test]
fn a_job_that_is_not_complete_can_not_start() {
    let client = with_environment();
    client.put(&path(), job_body());
    assert_eq!(
        client.post(&format!("{}/start", path()), json!({})).status,
        409
    );
}

#[test]
fn a_start_may_bring_a_template_which_is_checked() {
    let client = with_job();
    let image = json!({"containers": [{"name": "x", "image": "i", "resources": {"cpu": 0.25, "memory": "0.5Gi"}}]});
    assert_eq!(client.post(&format!("{}/start", path()), image).status, 202);
    let wrong = json!({"containers": [{"name": "x", "image": "i", "resources": {"cpu": 0.25, "memory": "9Gi"}}]});
    let reply = client.post(&format!("{}/start", path()), wrong);
    assert_eq!(reply.code(), "ContainerAppInvalidResourceTotal");
}

#[test]
fn a_running_execution_can_be_stopped() {
    let client = with_job();
    let started = client.post(&format!("{}/start", path()), json!({})).body;
    let execution = format!(
        "{}/executions/{}",
        path(),
        started["name"].as_str().unwrap()
    );
    assert_eq!(
        client.post(&format!("{execution}/stop"), json!({})).status,
        202
    );
    assert_eq!(
        client.get(&execution).body["properties"]["status"],
        "Stopped"
    );
}

#[test]
fn secrets_are_withheld_and_listed() {
    let client = with_job();
    assert!(!client.get(&path()).body.to_string().contains("canary"));
    let listed = client
        .post(&format!("{}/listSecrets", path()), json!({}))
        .body;
    assert_eq!(listed["value"][0]["value"], "canary-secret");
}

#[test]
fn the_trigger_has_its_own_configuration_and_limits() {
    let client = with_environment();
    let mut body = job_body();
    body["properties"]["configuration"]["triggerType"] = json!("Schedule");
    assert_eq!(
        client.put(&path(), body).code(),
        "ContainerAppJobInvalidTrigger"
    );
    let mut body = job_body();
    body["properties"]["configuration"]
        .as_object_mut()
        .unwrap()
        .remove("replicaTimeout");
    assert_eq!(client.put(&path(), body).code(), "InvalidRequestContent");
    let mut body = job_body();
    body["properties"]["configuration"]["replicaTimeout"] = json!(0);
    assert_eq!(
        client.put(&path(), body).code(),
        "ContainerAppJobInvalidConfiguration"
    );
}
