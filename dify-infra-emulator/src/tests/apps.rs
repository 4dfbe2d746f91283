//! Container apps.

use serde_json::{Value, json};

use super::support::{
    Client, app_body, app_path, environment_body, environment_path, with_environment,
};

/// A body with one value changed.
fn with(pointer: &str, value: Value) -> Value {
    let mut body = app_body();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let parent = body.pointer_mut(parent).unwrap();
    match parent {
        Value::Array(items) => items[name.parse::<usize>().unwrap()] = value,
        parent => parent[name] = value,
    }
    body
}

fn refusal(client: &Client, body: Value) -> String {
    let reply = client.put(&app_path("api"), body);
    assert_eq!(reply.status, 400, "{}", reply.body);
    reply.code().to_owned()
}

#[test]
fn a_creation_is_followed_by_its_operation() {
    let client = with_environment();
    let reply = client.put(&app_path("api"), app_body());
    assert_eq!((reply.status.as_u16(), reply.state()), (201, "InProgress"));
    assert_eq!(reply.body["properties"]["latestRevisionName"], "api--one");
    assert!(
        reply.body["properties"]
            .get("latestReadyRevisionName")
            .is_none()
    );
    let poll = client.get(reply.header("azure-asyncoperation").unwrap());
    assert_eq!(poll.body["status"], "InProgress");
    assert!(poll.header("retry-after").is_some());
    let done = client.follow(&app_path("api"), &reply);
    assert_eq!(done.body["status"], "Succeeded");
    let body = client.get(&app_path("api")).body;
    let domain = client.get(&environment_path()).body["properties"]["defaultDomain"].clone();
    let fqdn = format!("api.internal.{}", domain.as_str().unwrap());
    assert_eq!(
        body["properties"]["configuration"]["ingress"]["fqdn"],
        json!(fqdn)
    );
    assert_eq!(body["properties"]["latestReadyRevisionName"], "api--one");
    assert_eq!(
        body["properties"]["managedEnvironmentId"],
        json!(environment_path())
    );
    assert_eq!(body["location"], "Japan East");
}

#[test]
fn secrets_come_back_from_an_action_alone() {
    let client = with_environment();
    let reply = client.put(&app_path("api"), app_body());
    assert!(!reply.body.to_string().contains("canary"));
    client.settle();
    let body = client.get(&app_path("api")).body;
    assert_eq!(
        body["properties"]["configuration"]["secrets"],
        json!([{"name": "key"}])
    );
    let listed = client
        .post(&format!("{}/listSecrets", app_path("api")), json!({}))
        .body;
    assert_eq!(
        listed,
        json!({"value": [{"name": "key", "value": "canary-secret"}]})
    );
}

#[test]
fn a_put_replaces_secrets_and_refuses_those_without_a_value() {
    let client = with_environment();
    client.create(&app_path("api"), app_body());
    let got = client.get(&app_path("api")).body;
    // what a client sends that forgot listSecrets
    let reply = client.put(&app_path("api"), got);
    assert_eq!(
        (reply.status.as_u16(), reply.code()),
        (400, "ContainerAppSecretInvalid")
    );
    let empty = with(
        "/properties/configuration/secrets/0",
        json!({"name": "key", "value": ""}),
    );
    assert_eq!(refusal(&client, empty), "ContainerAppSecretInvalid");
}

#[test]
fn a_patch_merges_and_keeps_secrets() {
    let client = with_environment();
    client.create(&app_path("api"), app_body());
    let patch =
        json!({"properties": {"template": {"revisionSuffix": "two", "scale": {"maxReplicas": 3}}}});
    let reply = client.patch(&app_path("api"), patch);
    assert_eq!(reply.status, 202);
    let body = client.follow(&app_path("api"), &reply).body;
    assert_eq!(body["properties"]["template"]["scale"]["maxReplicas"], 3);
    assert_eq!(body["properties"]["template"]["scale"]["minReplicas"], 1);
    let listed = client
        .post(&format!("{}/listSecrets", app_path("api")), json!({}))
        .body;
    assert_eq!(listed["value"][0]["value"], "canary-secret");
}

#[test]
fn an_app_waits_for_its_environment() {
    let client = Client::with_group();
    let reply = client.put(&app_path("api"), app_body());
    assert_eq!(
        (reply.status.as_u16(), reply.code()),
        (400, "ManagedEnvironmentNotFound")
    );
    client.put(&environment_path(), environment_body());
    let reply = client.put(&app_path("api"), app_body());
    assert_eq!(
        (reply.status.as_u16(), reply.code()),
        (400, "ManagedEnvironmentNotReadyForAppCreation")
    );
    client.settle();
    assert_eq!(client.put(&app_path("api"), app_body()).status, 201);
}

#[test]
fn a_busy_app_refuses_and_others_are_free() {
    let client = with_environment();
    client.put(&app_path("api"), app_body());
    let reply = client.put(&app_path("api"), app_body());
    assert_eq!(
        (reply.status.as_u16(), reply.code()),
        (409, "ContainerAppOperationInProgress")
    );
    assert_eq!(
        client.put(&app_path("web"), app_body()).status,
        201,
        "other apps are free"
    );
}

#[test]
fn a_changed_template_makes_a_revision_and_ends_the_old_one() {
    let client = with_environment();
    client.create(&app_path("api"), app_body());
    client.create(&app_path("api"), app_body());
    let revisions = || client.get(&format!("{}/revisions", app_path("api"))).body["value"].clone();
    assert_eq!(
        revisions().as_array().unwrap().len(),
        1,
        "the same template makes no revision"
    );
    client.create(
        &app_path("api"),
        with("/properties/template/revisionSuffix", json!("two")),
    );
    let list = revisions();
    let active: Vec<&Value> = list
        .as_array()
        .unwrap()
        .iter()
        .filter(|revision| revision["properties"]["active"] == true)
        .map(|revision| &revision["name"])
        .collect();
    assert_eq!(active, ["api--two"]);
    let replicas = client
        .get(&format!("{}/revisions/api--two/replicas", app_path("api")))
        .body;
    assert_eq!(replicas["value"].as_array().unwrap().len(), 1);
    assert_eq!(
        replicas["value"][0]["properties"]["runningState"],
        "Running"
    );
    let old = client
        .get(&format!("{}/revisions/api--one/replicas", app_path("api")))
        .body;
    assert_eq!(old["value"], json!([]));
}

#[test]
fn a_revision_name_is_used_once() {
    let client = with_environment();
    client.create(&app_path("api"), app_body());
    let changed = with("/properties/template/scale/maxReplicas", json!(5));
    assert_eq!(
        refusal(&client, changed),
        "ContainerAppRevisionAlreadyExists"
    );
    for suffix in ["a--b", "-a", "a-", "A"] {
        let body = with("/properties/template/revisionSuffix", json!(suffix));
        assert_eq!(
            refusal(&client, body),
            "ContainerAppInvalidRevisionSuffix",
            "{suffix}"
        );
    }
}

#[test]
fn without_a_suffix_each_revision_gets_a_name() {
    let client = with_environment();
    let mut body = app_body();
    body["properties"]["template"]
        .as_object_mut()
        .unwrap()
        .remove("revisionSuffix");
    let first = client.create(&app_path("api"), body.clone());
    let same = client.create(&app_path("api"), body.clone());
    assert_eq!(
        first["properties"]["latestRevisionName"],
        same["properties"]["latestRevisionName"]
    );
    body["properties"]["template"]["scale"]["maxReplicas"] = json!(4);
    let second = client.create(&app_path("api"), body);
    assert_ne!(
        first["properties"]["latestRevisionName"],
        second["properties"]["latestRevisionName"]
    );
}

#[test]
fn cores_and_memory_come_in_pairs() {
    let client = with_environment();
    let resources = "/properties/template/containers/0/resources";
    for (cpu, memory) in [(0.5, "2Gi"), (0.3, "0.6Gi"), (5.0, "10Gi"), (0.5, "1024Mi")] {
        let body = with(resources, json!({"cpu": cpu, "memory": memory}));
        assert_eq!(
            refusal(&client, body),
            "ContainerAppInvalidResourceTotal",
            "{cpu} {memory}"
        );
    }
    let most = with(resources, json!({"cpu": 4.0, "memory": "8Gi"}));
    assert_eq!(client.put(&app_path("api"), most).status, 201);
}

#[test]
fn without_workload_profiles_two_cores_are_the_most() {
    let client = Client::with_group();
    client.create(
        &environment_path(),
        json!({"location": "japaneast", "properties": {}}),
    );
    let resources = "/properties/template/containers/0/resources";
    let body = with(resources, json!({"cpu": 2.25, "memory": "4.5Gi"}));
    assert_eq!(refusal(&client, body), "ContainerAppInvalidResourceTotal");
    assert_eq!(client.put(&app_path("api"), app_body()).status, 201);
}

#[test]
fn references_must_lead_somewhere() {
    let client = with_environment();
    let env = json!([{"name": "A", "secretRef": "nobody"}]);
    let body = with("/properties/template/containers/0/env", env);
    let reply = client.put(&app_path("api"), body);
    assert_eq!(reply.code(), "ContainerAppSecretRefNotFound");
    assert!(
        reply.body["error"]["message"]
            .as_str()
            .unwrap()
            .contains("SecretRef 'nobody'")
    );
    let volume = json!([{"name": "v", "storageType": "Secret", "secrets": [{"secretRef": "nobody", "path": "p"}]}]);
    assert_eq!(
        refusal(&client, with("/properties/template/volumes", volume)),
        "ContainerAppSecretRefNotFound"
    );
    let share = json!([{"name": "v", "storageType": "AzureFile", "storageName": "nobody"}]);
    assert_eq!(
        refusal(&client, with("/properties/template/volumes", share)),
        "ContainerAppVolumeInvalid"
    );
    let mounts = json!([{"volumeName": "nobody", "mountPath": "/x"}]);
    let body = with("/properties/template/containers/0/volumeMounts", mounts);
    assert_eq!(refusal(&client, body), "ContainerAppVolumeMountInvalid");
}

#[test]
fn a_secret_volume_that_is_whole_is_accepted() {
    let client = with_environment();
    let mut body = app_body();
    body["properties"]["template"]["volumes"] = json!([{"name": "files", "storageType": "Secret", "secrets": [{"secretRef": "key", "path": "nginx.conf"}]}]);
    body["properties"]["template"]["containers"][0]["volumeMounts"] =
        json!([{"volumeName": "files", "mountPath": "/etc/dify"}]);
    assert_eq!(client.put(&app_path("api"), body).status, 201);
}

#[test]
fn variables_are_named_once_and_have_one_source() {
    let client = with_environment();
    let path = "/properties/template/containers/0/env";
    for env in [
        json!([{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]),
        json!([{"name": "A", "value": "1", "secretRef": "key"}]),
        json!([{"value": "1"}]),
    ] {
        refusal(&client, with(path, env));
    }
    let reply = client.put(
        &app_path("api"),
        with(path, json!([{"name": "A", "value": ""}])),
    );
    assert_eq!(reply.status, 201, "an empty value is accepted");
}

#[test]
fn tcp_ingress_has_rules_of_its_own() {
    let client = with_environment();
    let ingress = "/properties/configuration/ingress";
    let tcp = |extra: Value| {
        let mut body =
            json!({"external": false, "targetPort": 5001, "transport": "tcp", "exposedPort": 5001});
        crate::arm::merge::lay_over(&mut body, &extra);
        with(ingress, body)
    };
    for port in [80, 443, 0, 65536] {
        assert_eq!(
            refusal(&client, tcp(json!({"exposedPort": port}))),
            "ContainerAppInvalidExposedPort"
        );
    }
    for extra in [
        json!({"allowInsecure": true}),
        json!({"traffic": [{"latestRevision": true, "weight": 100, "label": "a"}]}),
        json!({"clientCertificateMode": "require"}),
        json!({"corsPolicy": {"allowedOrigins": ["*"]}}),
        json!({"stickySessions": {"affinity": "sticky"}}),
        json!({"customDomains": [{"name": "a.example.com"}]}),
    ] {
        assert_eq!(
            refusal(&client, tcp(extra.clone())),
            "ContainerAppInvalidTcpIngress",
            "{extra}"
        );
    }
    assert_eq!(
        refusal(&client, tcp(json!({"external": true}))),
        "ContainerAppTcpRequiresVnet"
    );
    assert_eq!(
        refusal(&client, tcp(json!({"targetPort": 0}))),
        "ContainerAppInvalidTargetPort"
    );
    let http =
        json!({"external": true, "targetPort": 80, "transport": "http", "exposedPort": 8080});
    assert_eq!(
        refusal(&client, with(ingress, http)),
        "ContainerAppInvalidExposedPort"
    );
}

#[test]
fn the_exposed_port_defaults_to_the_target_port() {
    let client = with_environment();
    let ingress = "/properties/configuration/ingress";
    let body = with(ingress, json!({"targetPort": 80, "transport": "tcp"}));
    assert_eq!(refusal(&client, body), "ContainerAppInvalidExposedPort");
    let body = with(ingress, json!({"targetPort": 3128, "transport": "Tcp"}));
    let app = client.create(&app_path("api"), body);
    assert_eq!(
        app["properties"]["configuration"]["ingress"]["exposedPort"],
        3128
    );
}

#[test]
fn external_tcp_ports_are_unique_in_a_network() {
    let client = Client::with_group();
    let subnet = super::networks::make_subnet(&client);
    let mut environment = environment_body();
    environment["properties"]["vnetConfiguration"] = json!({ "infrastructureSubnetId": subnet });
    client.create(&environment_path(), environment);
    let body = with("/properties/configuration/ingress/external", json!(true));
    client.create(&app_path("api"), body.clone());
    let reply = client.put(&app_path("web"), body);
    assert_eq!(reply.code(), "ContainerAppExposedPortConflict");
}

#[test]
fn probes_have_limits() {
    let client = with_environment();
    let probe = |probe: Value| with("/properties/template/containers/0/probes", json!([probe]));
    let tcp = json!({"port": 5001});
    for wrong in [
        json!({"type": "Liveness", "tcpSocket": tcp, "initialDelaySeconds": 0}),
        json!({"type": "Liveness", "tcpSocket": tcp, "initialDelaySeconds": 61}),
        json!({"type": "Liveness", "tcpSocket": tcp, "successThreshold": 2}),
        json!({"type": "Startup", "tcpSocket": tcp, "failureThreshold": 11}),
        json!({"type": "Liveness"}),
        json!({"type": "Liveness", "tcpSocket": tcp, "httpGet": {"port": 1}}),
        json!({"type": "Liveness", "tcpSocket": {"port": 0}}),
    ] {
        assert_eq!(
            refusal(&client, probe(wrong.clone())),
            "ContainerAppProbeInvalid",
            "{wrong}"
        );
    }
    let right =
        json!({"type": "Readiness", "tcpSocket": tcp, "successThreshold": 2, "periodSeconds": 240});
    assert_eq!(client.put(&app_path("api"), probe(right)).status, 201);
}

#[test]
fn scale_has_limits() {
    let client = with_environment();
    for (least, most) in [(3, 2), (-1, 2), (0, 0), (0, 1001)] {
        let body = with(
            "/properties/template/scale",
            json!({"minReplicas": least, "maxReplicas": most}),
        );
        assert_eq!(refusal(&client, body), "ContainerAppInvalidScaleSpec");
    }
    let number = json!([{"name": "r", "tcp": {"metadata": {"concurrentConnections": 10}}}]);
    assert_eq!(
        refusal(&client, with("/properties/template/scale/rules", number)),
        "ContainerAppInvalidSchema"
    );
    let nameless = json!([{"tcp": {"metadata": {"concurrentConnections": "10"}}}]);
    assert_eq!(
        refusal(&client, with("/properties/template/scale/rules", nameless)),
        "ContainerAppInvalidScaleRule"
    );
}

#[test]
fn names_follow_the_providers_rule() {
    let client = with_environment();
    for name in [
        "A",
        "a",
        "1a",
        "a-",
        "a--b",
        "a_b",
        "a23456789012345678901234567890123",
    ] {
        let reply = client.put(&app_path(name), app_body());
        assert_eq!(reply.code(), "ContainerAppInvalidName", "{name}");
    }
}

#[test]
fn deleting_an_app_takes_its_revisions_with_it() {
    let client = with_environment();
    client.create(&app_path("api"), app_body());
    let reply = client.delete(&app_path("api"));
    assert_eq!(reply.status, 202);
    assert_eq!(client.get(&app_path("api")).state(), "Deleting");
    assert_eq!(
        client.delete(&app_path("api")).status,
        202,
        "a second one joins the first"
    );
    assert_eq!(client.follow(&app_path("api"), &reply).status, 204);
    assert_eq!(client.get(&app_path("api")).status, 404);
    assert_eq!(client.delete(&app_path("api")).status, 204);
    assert_eq!(client.emulator.resources(client.now()).len(), 1);
}

#[test]
fn removing_the_ingress_removes_its_name() {
    let client = with_environment();
    client.create(&app_path("api"), app_body());
    let mut body = with("/properties/template/revisionSuffix", json!("two"));
    body["properties"]["configuration"]
        .as_object_mut()
        .unwrap()
        .remove("ingress");
    let app = client.create(&app_path("api"), body);
    assert!(
        app["properties"]["configuration"].get("ingress").is_none(),
        "{app}"
    );
}

#[test]
fn traffic_is_shared_between_active_revisions() {
    let client = with_environment();
    let several = |suffix: &str, traffic: Value| {
        let mut body = app_body();
        body["properties"]["configuration"]["activeRevisionsMode"] = json!("Multiple");
        body["properties"]["configuration"]["ingress"] =
            json!({ "external": false, "targetPort": 5001, "traffic": traffic });
        body["properties"]["template"]["revisionSuffix"] = json!(suffix);
        client.create(&app_path("api"), body);
        client.settle();
    };
    several("one", json!([{ "latestRevision": true, "weight": 100 }]));
    let shared = json!([
        { "revisionName": "api--one", "weight": 80 },
        { "latestRevision": true, "weight": 20 },
    ]);
    several("two", shared);
    let revision = |name: &str| {
        let path = format!("{}/revisions/{name}", app_path("api"));
        client.get(&path).body["properties"].clone()
    };
    for (name, weight) in [("api--one", 80), ("api--two", 20)] {
        let found = revision(name);
        assert_eq!(found["trafficWeight"], weight, "{name}: {found}");
        assert_eq!(found["active"], true, "{name}");
        assert_eq!(found["runningState"], "Running", "{name}");
    }
    let act = |action: &str| {
        let path = format!("{}/revisions/api--one/{action}", app_path("api"));
        assert_eq!(client.post(&path, json!({})).status, 200, "{action}");
    };
    let replicas = || {
        let path = format!("{}/revisions/api--one/replicas", app_path("api"));
        let list = client.get(&path).body["value"].clone();
        let names = list
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["name"].to_string());
        names.collect::<Vec<String>>()
    };
    let before = replicas();
    assert_eq!(before.len(), 1);
    client.wait(1.0);
    act("restart");
    assert_ne!(replicas(), before, "a restart replaces the replicas");
    act("deactivate");
    assert_eq!(replicas().len(), 0);
    assert_eq!(revision("api--one")["runningState"], "Stopped");
    act("activate");
    assert_eq!(replicas().len(), 1);
}
