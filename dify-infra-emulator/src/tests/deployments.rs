//! Deployments of templates.

use serde_json::{Value, json};

use super::contract;
use super::support::{
    Client, app_body, app_path, environment_body, environment_path, group, server_body, server_path,
};
use crate::{Emulator, FaultKind, RequestMatcher};

fn path(rest: &str) -> String {
    group(&format!(
        "/providers/Microsoft.Resources/deployments/first{rest}"
    ))
}

fn resource(kind: &str, version: &str, name: &str, body: &Value) -> Value {
    let mut resource = json!({ "type": kind, "apiVersion": version, "name": name });
    for (key, value) in body.as_object().unwrap() {
        resource[key] = value.clone();
    }
    resource
}

fn template(resources: &[Value]) -> Value {
    json!({
        "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
        "contentVersion": "1.0.0.0",
        "resources": resources,
    })
}

fn request(template: &Value, parameters: &Value) -> Value {
    json!({ "properties": { "mode": "Incremental", "template": template, "parameters": parameters } })
}

fn workspace() -> Value {
    resource(
        "Microsoft.OperationalInsights/workspaces",
        "2026-03-01",
        "[toLower(concat('LO', 'gs'))]",
        &json!({ "location": "[resourceGroup().location]" }),
    )
}

/// Logs, an environment that writes to them, an app in it: each needs the one before.
fn three() -> Value {
    let logs = "resourceId('Microsoft.OperationalInsights/workspaces', 'logs')";
    let mut environment = resource(
        "Microsoft.App/managedEnvironments",
        "2026-01-01",
        "env",
        &environment_body(),
    );
    environment["dependsOn"] = json!([format!("[{logs}]")]);
    environment["properties"]["appLogsConfiguration"] = json!({
        "destination": "log-analytics",
        "logAnalyticsConfiguration": {
            "customerId": format!("[reference({logs}, '2026-03-01').customerId]"),
            "sharedKey": format!("[listKeys({logs}, '2022-10-01').primarySharedKey]"),
        },
    });
    let mut app = resource(
        "Microsoft.App/containerApps",
        "2026-01-01",
        "api",
        &app_body(),
    );
    app["dependsOn"] = json!(["[resourceId('Microsoft.App/managedEnvironments', 'env')]"]);
    app["properties"]["environmentId"] =
        json!("[resourceId('Microsoft.App/managedEnvironments', 'env')]");
    app["properties"]["configuration"]["secrets"][0]["value"] = json!("[parameters('key')]");
    let mut template = template(&[app, environment, workspace()]);
    template["parameters"] = json!({ "key": { "type": "secureString" } });
    template["outputs"] = json!({
        "customer": { "type": "string", "value": format!("[reference({logs}, '2026-03-01').customerId]") },
        "key": { "type": "secureString", "value": "[parameters('key')]" },
    });
    template
}

fn follow(client: &Client, body: Value) -> Value {
    let reply = client.put(&path(""), body);
    assert_eq!(reply.status, 201, "{}", reply.body);
    assert_eq!(reply.state(), "Accepted");
    let address = reply.header("azure-asyncoperation").unwrap().to_owned();
    for _ in 0..500 {
        let poll = client.get(&address);
        if poll.body["status"] != "Running" {
            return poll.body;
        }
        client.wait(5.0);
    }
    panic!("the deployment did not come to an end");
}

#[test]
fn resources_are_written_in_the_order_of_what_they_depend_on() {
    let client = Client::with_group();
    let given = json!({ "key": { "value": "canary-parameter" } });
    let status = follow(&client, request(&three(), &given));
    assert_eq!(status, json!({ "status": "Succeeded" }));
    let logs = client
        .get(&group(
            "/providers/Microsoft.OperationalInsights/workspaces/logs",
        ))
        .body;
    let environment = client.get(&environment_path()).body;
    let configuration = &environment["properties"]["appLogsConfiguration"];
    assert_eq!(
        configuration["logAnalyticsConfiguration"]["customerId"],
        logs["properties"]["customerId"]
    );
    let secrets = client.post(&format!("{}/listSecrets", app_path("api")), json!({}));
    assert_eq!(secrets.body["value"][0]["value"], "canary-parameter");
    let deployment = client.get(&path("")).body;
    assert_eq!(deployment["properties"]["provisioningState"], "Succeeded");
    assert_eq!(
        deployment["properties"]["outputs"]["customer"]["value"],
        logs["properties"]["customerId"]
    );
    assert_eq!(
        deployment["properties"]["outputs"]["key"],
        json!({ "type": "SecureString" })
    );
    assert!(!deployment.to_string().contains("canary-parameter"));
    let operations = client.get(&path("/operations")).body;
    let kinds: Vec<&str> = operations["value"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|one| one["properties"]["targetResource"]["resourceType"].as_str())
        .collect();
    assert_eq!(kinds.len(), 3, "{operations}");
    let one = operations["value"][0]["operationId"].as_str().unwrap();
    assert_eq!(client.get(&path(&format!("/operations/{one}"))).status, 200);
}

/// The published type describes parameters as they are sent; answers name their type instead of, or
/// beside, their value (a GET of any deployment with a secure parameter).
fn check(folder: &std::path::Path, mut body: Value) {
    let parameters = body["properties"]["parameters"].as_object_mut().unwrap();
    for parameter in parameters.values_mut() {
        let kind = parameter.as_object_mut().unwrap().remove("type").unwrap();
        assert_eq!(kind, "SecureString");
    }
    contract::check(folder, &body);
}

#[test]
fn what_is_answered_is_valid_against_the_published_schema() {
    let Some(folder) = contract::schemas() else {
        return;
    };
    let client = Client::with_group();
    let given = json!({ "key": { "value": "v" } });
    let body = request(&three(), &given);
    let validated = client.post(&path("/validate"), &body);
    assert_eq!(validated.status, 200, "{}", validated.body);
    check(&folder, validated.body);
    let accepted = client.put(&path(""), &body);
    check(&folder, accepted.body);
    client.settle();
    check(&folder, client.get(&path("")).body);
    let list = client
        .get(&group("/providers/Microsoft.Resources/deployments/"))
        .body;
    check(&folder, list["value"][0].clone());
}

#[test]
fn a_refusal_ends_the_deployment_in_azures_form_and_starts_nothing_that_needs_it() {
    let client = Client::with_group();
    let mut wrong = three();
    wrong["resources"][1]["properties"]["zoneRedundent"] = json!(true);
    let status = follow(
        &client,
        request(&wrong, &json!({ "key": { "value": "v" } })),
    );
    assert_eq!(status["status"], "Failed");
    assert_eq!(status["error"]["code"], "DeploymentFailed");
    let details = status["error"]["details"].as_array().unwrap();
    assert_eq!(details.len(), 1, "{status}");
    assert!(
        details[0]["target"]
            .as_str()
            .unwrap()
            .ends_with("/managedEnvironments/env")
    );
    assert_eq!(client.get(&app_path("api")).status, 404);
    let operations = client.get(&path("/operations")).body;
    let failed = operations["value"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["properties"]["provisioningState"] == "Failed")
        .unwrap();
    assert_eq!(failed["properties"]["statusCode"], "BadRequest");
    assert_eq!(
        failed["properties"]["statusMessage"]["error"]["code"],
        details[0]["code"]
    );
}

#[test]
fn an_operation_that_fails_later_fails_the_deployment() {
    let client = Client::with_group();
    let kind = FaultKind::FailedOperation {
        code: "NoLuck".into(),
        message: "Not today.".into(),
    };
    client.emulator.fail_next(RequestMatcher::any(), kind, 1);
    let server = resource(
        "Microsoft.DBforPostgreSQL/flexibleServers",
        "2025-08-01",
        "pg-one",
        &server_body(),
    );
    let status = follow(&client, request(&template(&[server]), &json!({})));
    let detail = &status["error"]["details"][0];
    assert_eq!(detail["code"], "ResourceDeploymentFailure");
    assert_eq!(
        detail["details"][0],
        json!({ "code": "NoLuck", "message": "Not today." })
    );
}

#[test]
fn children_of_a_server_beside_each_other_collide_as_single_writes_do() {
    let client = Client::with_group();
    client.create(&server_path(), server_body());
    client.settle();
    let database = |name: &str| {
        let name = format!("pg-one/{name}");
        let kind = "Microsoft.DBforPostgreSQL/flexibleServers/databases";
        resource(kind, "2025-08-01", &name, &json!({ "properties": {} }))
    };
    let both = template(&[database("one"), database("two")]);
    let status = follow(&client, request(&both, &json!({})));
    assert_eq!(
        status["error"]["details"][0]["code"], "ServerIsBusy",
        "{status}"
    );
    let client = Client::with_group();
    client.create(&server_path(), server_body());
    client.settle();
    let mut second = database("two");
    second["dependsOn"] = json!([
        "[resourceId('Microsoft.DBforPostgreSQL/flexibleServers/databases', 'pg-one', 'one')]"
    ]);
    let status = follow(
        &client,
        request(&template(&[second, database("one")]), &json!({})),
    );
    assert_eq!(status["status"], "Succeeded", "{status}");
}

/// What makes a template wrong.
type Change<'a> = &'a dyn Fn(&mut Value);

#[test]
fn a_template_that_is_wrong_is_refused_before_anything_is_written() {
    let client = Client::with_group();
    let refused = |template: &Value, given: &Value, part: &str| {
        for (verb, reply) in [
            (
                "validate",
                client.post(&path("/validate"), request(template, given)),
            ),
            ("deploy", client.put(&path(""), request(template, given))),
        ] {
            assert_eq!(reply.status, 400, "{verb}: {}", reply.body);
            let message = reply.body["error"]["message"].as_str().unwrap();
            assert!(message.contains(part), "{verb}: {message}");
        }
    };
    let changed = |change: Change<'_>| {
        let mut template = three();
        change(&mut template);
        template
    };
    let key = || json!({ "key": { "value": "v" } });
    refused(&three(), &json!({}), "'key' is not provided");
    refused(
        &three(),
        &json!({ "key": { "value": 1 } }),
        "type is not valid",
    );
    let more = json!({ "key": { "value": "v" }, "keys": { "value": "v" } });
    refused(&three(), &more, "do not correspond to any parameters");
    let cases: [(&str, Change<'_>); 9] = [
        ("is not defined in the template", &|t| {
            t["resources"][0]["dependsOn"] = json!(["other"]);
        }),
        ("Circular dependency", &|t| {
            t["resources"][2]["dependsOn"] = json!(["api"]);
        }),
        ("incorrect segment lengths", &|t| {
            t["resources"][2]["name"] = json!("a/b");
        }),
        ("No registered resource provider", &|t| {
            t["resources"][2]["apiVersion"] = json!("2001-01-01");
        }),
        ("function 'uniqueString'", &|t| {
            t["resources"][2]["name"] = json!("[uniqueString('a')]");
        }),
        ("not expected at this location", &|t| {
            t["resources"][2]["name"] =
                json!("[reference(resourceId('Microsoft.App/managedEnvironments', 'env')).x]");
        }),
        ("parameter 'kei' is not found", &|t| {
            t["resources"][2]["tags"] = json!({ "a": "[parameters('kei')]" });
        }),
        ("copy of a resource is not emulated", &|t| {
            t["resources"][2]["copy"] = json!({ "count": 2 });
        }),
        ("defined multiple times", &|t| {
            let first = t["resources"][2].clone();
            t["resources"].as_array_mut().unwrap().push(first);
        }),
    ];
    for (part, change) in cases {
        refused(&changed(change), &key(), part);
    }
    assert_eq!(client.emulator.resources(client.now()).len(), 0);
    assert_eq!(client.get(&path("")).status, 404);
}

#[test]
fn a_running_deployment_can_be_cancelled_and_not_replaced() {
    let client = Client::with_group();
    let body = request(&three(), &json!({ "key": { "value": "v" } }));
    assert_eq!(client.put(&path(""), &body).status, 201);
    let reply = client.put(&path(""), &body);
    assert_eq!(
        (reply.status.as_u16(), reply.code()),
        (409, "DeploymentActive")
    );
    assert_eq!(client.post(&path("/cancel"), json!({})).status, 204);
    client.settle();
    assert_eq!(client.get(&path("")).state(), "Canceled");
    assert_eq!(client.get(&app_path("api")).status, 404);
    assert_eq!(client.put(&path(""), &body).status, 200);
    client.settle();
    assert_eq!(client.get(&path("")).state(), "Succeeded");
    assert_eq!(client.delete(&path("")).status, 204);
    assert_eq!(client.get(&path("")).status, 404);
    assert_eq!(client.get(&app_path("api")).status, 200);
}

#[test]
fn a_deployment_goes_on_after_a_restart_and_its_secrets_are_in_their_file_alone() {
    let directory = tempfile::tempdir().unwrap();
    let open = || {
        let emulator = Emulator::builder()
            .state_directory(directory.path())
            .build();
        Client::new(emulator.unwrap())
    };
    let client = open();
    client.make_group();
    let body = request(&three(), &json!({ "key": { "value": "canary-parameter" } }));
    assert_eq!(client.put(&path(""), body).status, 201);
    drop(client);
    let client = open();
    client.settle();
    assert_eq!(client.get(&path("")).state(), "Succeeded");
    let secrets = client.post(&format!("{}/listSecrets", app_path("api")), json!({}));
    assert_eq!(secrets.body["value"][0]["value"], "canary-parameter");
    let state = std::fs::read_to_string(directory.path().join("state.jsonl")).unwrap();
    assert!(!state.contains("canary-parameter"));
}

/// A deployment inside that makes logs in another group, with their name from outside, and what is
/// made after them here.
fn elsewhere(name: &str) -> Value {
    let mut logs = workspace();
    logs["name"] = json!("[parameters('name')]");
    logs["tags"] = json!({ "note": "[parameters('note')]" });
    let mut inner = template(&[logs]);
    inner["parameters"] = json!({
        "name": { "type": "string" },
        "note": { "type": "secureString" },
    });
    let inside = json!({
        "type": "Microsoft.Resources/deployments",
        "apiVersion": "2025-04-01",
        "name": "inside",
        "resourceGroup": "other",
        "properties": {
            "mode": "Incremental",
            "expressionEvaluationOptions": { "scope": "inner" },
            "parameters": {
                "name": { "value": name },
                "note": { "value": "[parameters('key')]" },
            },
            "template": inner,
        },
    });
    let mut here = workspace();
    here["dependsOn"] =
        json!(["[resourceId('other', 'Microsoft.Resources/deployments', 'inside')]"]);
    let there = "resourceId('other', 'Microsoft.OperationalInsights/workspaces', 'there')";
    here["tags"] = json!({ "of": format!("[reference({there}, '2026-03-01').customerId]") });
    let mut template = template(&[here, inside]);
    template["parameters"] = json!({ "key": { "type": "secureString" } });
    template
}

fn in_other(rest: &str) -> String {
    group(rest).replace("/resourceGroups/g", "/resourceGroups/other")
}

#[test]
fn a_deployment_inside_writes_into_another_group_with_what_it_is_given() {
    let client = Client::with_group();
    let given = json!({ "key": { "value": "canary-inside" } });
    let refused = client.put(&path(""), request(&elsewhere("there"), &given));
    assert_eq!(
        (refused.status.as_u16(), refused.code()),
        (404, "ResourceGroupNotFound")
    );

    client.put(&in_other(""), json!({ "location": "japaneast" }));
    let status = follow(&client, request(&elsewhere("there"), &given));
    assert_eq!(status, json!({ "status": "Succeeded" }));
    let kind = "/providers/Microsoft.OperationalInsights/workspaces/";
    let there = client.get(&in_other(&format!("{kind}there"))).body;
    assert_eq!(there["tags"]["note"], "canary-inside");
    let here = client.get(&group(&format!("{kind}logs"))).body;
    assert_eq!(here["tags"]["of"], there["properties"]["customerId"]);
    let inside = in_other("/providers/Microsoft.Resources/deployments/inside");
    let inside = client.get(&inside).body;
    assert_eq!(inside["properties"]["provisioningState"], "Succeeded");
    assert!(!inside.to_string().contains("canary-inside"), "{inside}");
}

#[test]
fn what_fails_inside_fails_outside_and_stops_what_waits_for_it() {
    let client = Client::with_group();
    client.put(&in_other(""), json!({ "location": "japaneast" }));
    let given = json!({ "key": { "value": "k" } });
    let status = follow(&client, request(&elsewhere("no_name"), &given));
    assert_eq!(status["status"], "Failed");
    let inside = &status["error"]["details"][0];
    assert_eq!(inside["code"], "DeploymentFailed", "{status}");
    assert_eq!(inside["details"].as_array().unwrap().len(), 1, "{status}");
    let kind = "/providers/Microsoft.OperationalInsights/workspaces/logs";
    assert_eq!(client.get(&group(kind)).status, 404);
}

#[test]
fn a_template_inside_is_evaluated_by_itself_or_refused() {
    let client = Client::with_group();
    client.put(&in_other(""), json!({ "location": "japaneast" }));
    let given = json!({ "key": { "value": "k" } });
    let mut outside = elsewhere("there");
    let options = "/resources/1/properties/expressionEvaluationOptions/scope";
    *outside.pointer_mut(options).unwrap() = json!("outer");
    let mut unknown = elsewhere("there");
    let name = "/resources/1/properties/template/resources/0/name";
    *unknown.pointer_mut(name).unwrap() = json!("[parameters('key')]");
    for (template, said) in [
        (outside, "Inner is not emulated"),
        (unknown, "'key' is not found"),
    ] {
        let reply = client.put(&path(""), request(&template, &given));
        assert_eq!(reply.code(), "InvalidTemplate");
        assert!(reply.body.to_string().contains(said), "{}", reply.body);
    }
}

/// What a look ahead tells: each change with its resource's name.
fn look_ahead(client: &Client, body: Value) -> Vec<Value> {
    let reply = client.post(&path("/whatIf"), body);
    assert_eq!(reply.status, 202, "{}", reply.body);
    let address = reply.header("location").unwrap().to_owned();
    assert_eq!(client.get(&address).status, 202);
    client.wait_for_the_end();
    let result = client.get(&address).body;
    assert_eq!(result["status"], "Succeeded", "{result}");
    result["properties"]["changes"].as_array().unwrap().clone()
}

fn kinds(changes: &[Value]) -> Vec<(&str, &str)> {
    changes
        .iter()
        .map(|one| {
            let id = one["resourceId"].as_str().unwrap();
            (
                id.rsplit('/').next().unwrap(),
                one["changeType"].as_str().unwrap(),
            )
        })
        .collect()
}

#[test]
fn a_look_ahead_tells_what_would_change_and_changes_nothing() {
    let client = Client::with_group();
    let given = json!({ "key": { "value": "canary-parameter" } });
    let wanted = request(&three(), &given);
    let first = look_ahead(&client, wanted.clone());
    let all = |kind| [("api", kind), ("env", kind), ("logs", kind)];
    assert_eq!(kinds(&first), all("Create"));
    assert_eq!(client.get(&app_path("api")).status, 404);
    let shown = json!(first).to_string();
    assert!(!shown.contains("canary-parameter"), "{shown}");
    assert!(
        shown.contains("reference("),
        "what is not known stays as it is written"
    );

    follow(&client, wanted.clone());
    client.settle();
    let again = look_ahead(&client, wanted);
    let deltas: Vec<&Value> = again.iter().map(|one| &one["delta"]).collect();
    assert_eq!(kinds(&again), all("NoChange"), "{deltas:#?}");

    let mut other = three();
    other["resources"][0]["properties"]["template"]["containers"][0]["image"] =
        json!("example.com/api:2");
    other["resources"][2]["tags"] = json!({ "owner": "me" });
    other["resources"].as_array_mut().unwrap().remove(1);
    other["resources"][0]
        .as_object_mut()
        .unwrap()
        .remove("dependsOn");
    let changed = look_ahead(&client, request(&other, &given));
    let wanted = [("api", "Modify"), ("logs", "Modify"), ("env", "Ignore")];
    assert_eq!(kinds(&changed), wanted, "{changed:#?}");
    let delta = &changed[0]["delta"];
    assert_eq!(delta[0]["path"], "properties.template.containers");
    let image = &delta[0]["children"][0];
    assert_eq!(
        (image["path"].as_str(), image["after"].as_str()),
        (Some("0.image"), Some("example.com/api:2"))
    );
    assert_eq!(
        changed[1]["delta"],
        json!([
            { "path": "tags", "propertyChangeType": "Create", "after": { "owner": "me" } }
        ])
    );
}
