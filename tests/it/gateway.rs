//! An application gateway in front: made, left alone, changed, taken away.

use dify_infra_azure::outputs::outputs;
use dify_infra_azure::verify::Status;
use dify_infra_core::graph::Management;
use dify_infra_core::plan::Action;
use dify_infra_core::resource::{Kind, Layer};
use dify_infra_examples::DIFY_GATEWAY;
use serde_json::{Value, json};

use crate::support::Scene;

async fn deployed() -> Scene {
    let scene = Scene::new(DIFY_GATEWAY);
    scene.make_existing().await;
    scene.azure.forget();
    scene.apply().await;
    scene
}

async fn live(scene: &Scene, kind: Kind) -> Value {
    scene
        .observe()
        .await
        .body(&scene.only(kind))
        .unwrap()
        .clone()
}

#[tokio::test(start_paused = true)]
async fn it_is_made_left_alone_changed_and_destroyed() {
    let scene = deployed().await;
    scene.assert_settled().await;
    let gateway = live(&scene, Kind::ApplicationGateway).await;
    assert_eq!(gateway["properties"]["operationalState"], "Running");

    let changed = DIFY_GATEWAY
        .replace("request_timeout = 300", "request_timeout = 600")
        .replace("mode = \"prevention\"", "mode = \"detection\"");
    let changed = scene.with_file(&changed);
    let plan = changed.plan().await;
    let touched: Vec<(Option<Kind>, Action)> = plan
        .changes()
        .iter()
        .filter(|change| change.action != Action::NoChange)
        .map(|change| (change.kind, change.action))
        .collect();
    assert_eq!(
        touched,
        [
            (Some(Kind::FirewallPolicy), Action::Update),
            (Some(Kind::ApplicationGateway), Action::Update),
        ],
        "{plan}"
    );
    changed.apply().await;
    changed.assert_settled().await;
    let gateway = live(&changed, Kind::ApplicationGateway).await;
    let settings = &gateway["properties"]["backendHttpSettingsCollection"][0]["properties"];
    assert_eq!(settings["requestTimeout"], 600);

    scene.azure.forget();
    changed.destroy(false).await;
    let order = changed.azure.headlines();
    let place = |name: &str| {
        let line = format!("DELETE {name}");
        let found = order.iter().position(|one| *one == line);
        found.unwrap_or_else(|| panic!("{name}: {order:#?}"))
    };
    let gateway = place("dify-prod-gateway");
    for later in [
        "dify-prod-gateway-address",
        "dify-prod-gateway-firewall",
        "dify-prod-gateway-identity",
        "dify-prod-environment",
    ] {
        assert!(gateway < place(later), "{later}: {order:#?}");
    }
    let kept = changed.observe().await;
    for node in changed.graph.nodes() {
        let stays = node.kind().layer() == Layer::Data || node.management() == Management::Existing;
        assert_eq!(kept.body(node.id()).is_some(), stays, "{}", node.id());
    }
}

#[tokio::test(start_paused = true)]
async fn requests_go_to_the_environment_and_streams_are_not_collected() {
    let scene = deployed().await;
    let gateway = live(&scene, Kind::ApplicationGateway).await;
    let environment = live(&scene, Kind::ManagedEnvironment).await;
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let properties = &gateway["properties"];
    let part = |collection: &str, name: &str| {
        let parts = properties[collection].as_array().unwrap();
        parts.iter().find(|part| part["name"] == name).unwrap()["properties"].clone()
    };
    assert_eq!(
        part("backendAddressPools", "front-door")["backendAddresses"],
        json!([{ "ipAddress": environment["properties"]["staticIp"] }])
    );
    let settings = part("backendHttpSettingsCollection", "front-door");
    let domain = text(&environment["properties"]["defaultDomain"]);
    assert_eq!(settings["hostName"], format!("dify-prod-nginx.{domain}"));
    assert_eq!(part("probes", "front-door")["path"], "/nginx-health");
    assert_eq!(
        properties["globalConfiguration"]["enableResponseBuffering"],
        false
    );
    let http = part("requestRoutingRules", "http");
    let redirect = text(&http["redirectConfiguration"]["id"]);
    assert!(
        redirect.ends_with("/redirectConfigurations/https"),
        "{redirect}"
    );
    assert_eq!(
        part("redirectConfigurations", "https")["redirectType"],
        "Permanent"
    );
    let listener = part("httpListeners", "https");
    assert_eq!(listener["hostNames"], json!(["dify.example.com"]));

    let policy = live(&scene, Kind::FirewallPolicy).await;
    let limits = &policy["properties"]["policySettings"];
    assert_eq!(
        (
            &limits["fileUploadLimitInMb"],
            &limits["requestBodyEnforcement"]
        ),
        (&json!(200), &json!(false))
    );
    // nginx believes the gateway's subnet, and only the gateway reaches the environment.
    let rules = scene.observe().await;
    let rules = rules.body(&scene.id("dify-prod-apps-rules")).unwrap();
    let front_door = &rules["properties"]["securityRules"][0]["properties"];
    assert_eq!(front_door["sourceAddressPrefix"], "10.20.0.0/24");
    let files = scene.secrets_of(&scene.app("nginx")).await.to_string();
    assert!(files.contains("set_real_ip_from 10.20.0.0/24;"), "{files}");
    assert!(files.contains("$http_x_original_host"), "{files}");
}

#[tokio::test(start_paused = true)]
async fn the_record_to_set_leads_to_the_gateway() {
    let scene = deployed().await;
    let snapshot = scene.observe().await;
    let outputs = outputs(&scene.deployment, &scene.target, &scene.graph, &snapshot);
    let address = live(&scene, Kind::PublicIpAddress).await;
    let address = address["properties"]["ipAddress"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(outputs.gateway_address.as_deref(), Some(address.as_str()));
    let [record] = outputs.dns_records.as_slice() else {
        panic!("{:?}", outputs.dns_records);
    };
    assert_eq!(
        (record.kind, record.name.as_str(), &record.value),
        ("A", "dify.example.com", &address)
    );
    assert!(outputs.domain_commands.is_empty());
    let report = scene.verify().await;
    assert!(report.is_success(), "{report:?}");
    let checked = report.checks.iter().any(|check| {
        check.name == "the gateway runs behind its firewall" && check.status == Status::Passed
    });
    assert!(checked, "{report:?}");
}

#[tokio::test(start_paused = true)]
async fn a_plan_says_what_of_it_cant_be_changed_and_blocks_what_would() {
    let scene = Scene::new(DIFY_GATEWAY);
    scene.make_existing().await;
    let plan = scene.plan().await.to_string();
    for choice in [
        "can't be changed later: properties.sku.tier = \"WAF_v2\"",
        "can't be changed later: properties.gatewayIPConfigurations.0.properties.subnet.id = ",
        "can't be changed later: zones = [\"1\",\"2\",\"3\"]",
    ] {
        assert!(plan.contains(choice), "{choice}\n{plan}");
    }
    scene.apply().await;
    let fewer = DIFY_GATEWAY.replace("[gateway]", "[gateway]\nzones = [\"1\", \"2\"]");
    let plan = scene.with_file(&fewer).plan().await;
    assert!(!plan.is_applyable(), "{plan}");
    let [sentence] = plan.blocked() else {
        panic!("{:?}", plan.blocked());
    };
    assert!(sentence.contains("zones"), "{sentence}");
    scene.assert_settled().await;
}

#[tokio::test(start_paused = true)]
async fn parts_that_somebody_added_survive_an_update() {
    let scene = deployed().await;
    let id = scene.only(Kind::ApplicationGateway);
    let add = |body: &mut Value| {
        let ports = body["properties"]["frontendPorts"].as_array_mut().unwrap();
        ports.push(json!({ "name": "theirs", "properties": { "port": 8443 } }));
    };
    scene.tamper(&id, add).await;
    let plan = scene.plan().await;
    assert_eq!(plan.change(&id).unwrap().action, Action::NoChange, "{plan}");
    assert_eq!(
        plan.change(&id).unwrap().foreign,
        ["properties.frontendPorts[theirs]"]
    );
    let slower = DIFY_GATEWAY.replace("request_timeout = 300", "request_timeout = 400");
    scene.with_file(&slower).apply().await;
    let gateway = live(&scene, Kind::ApplicationGateway).await;
    let ports = gateway["properties"]["frontendPorts"].to_string();
    assert!(ports.contains("theirs"), "{ports}");
}

#[tokio::test(start_paused = true)]
async fn a_certificate_that_cant_be_read_fails_the_gateway_alone_and_says_why() {
    let file = DIFY_GATEWAY.replace("/secrets/dify\"", "/secrets/other\"");
    let scene = Scene::new(&file);
    scene.make_existing().await;
    let vault = scene.id("contoso-certs");
    let certificate = vault.child("secrets", "other");
    let disabled = json!({ "properties": { "value": "MII=", "attributes": { "enabled": false } } });
    scene.put(&certificate, Kind::VaultSecret, &disabled).await;
    let report = scene.attempt().await;
    let failed: Vec<String> = report
        .failures()
        .map(|(id, error)| format!("{}: {}", id.name(), error.sentence()))
        .collect();
    let [only] = failed.as_slice() else {
        panic!("{failed:#?}");
    };
    assert!(
        only.starts_with("dify-prod-gateway: ") && only.contains("Key Vault Secrets User"),
        "{only}"
    );
    let enabled = json!({ "properties": { "value": "MII=", "attributes": { "enabled": true } } });
    scene.put(&certificate, Kind::VaultSecret, &enabled).await;
    scene.apply().await;
    scene.assert_settled().await;
}
