//! Production in a network: what is decided for good, what stays, what is proved.

use dify_infra_azure::verify::Status;
use dify_infra_core::plan::Action;
use dify_infra_core::resource::{Kind, Layer};
use dify_infra_examples::{DIFY_DEV, DIFY_PROD, EXISTING_NETWORK};
use serde_json::json;

use crate::support::Scene;

#[tokio::test(start_paused = true)]
async fn a_plan_says_what_cant_be_changed_later() {
    let scene = Scene::new(DIFY_PROD);
    let plan = scene.plan().await;
    let text = plan.to_string();
    for choice in [
        "can't be changed later: properties.vnetConfiguration.internal = true",
        "can't be changed later: properties.zoneRedundant = true",
        "can't be changed later: no properties.network.delegatedSubnetResourceId",
        "can't be changed later: sku.name = \"Standard_ZRS\"",
        "can't be changed later: properties.addressPrefix = \"10.20.1.0/24\"",
    ] {
        assert!(text.contains(choice), "{choice}\n{text}");
    }
    let json = serde_json::to_value(&plan).unwrap();
    let environment = json["changes"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|change| change["type"] == "Microsoft.App/managedEnvironments")
        .unwrap();
    assert_eq!(
        environment["permanent"][1],
        json!({ "path": "properties.vnetConfiguration.internal", "value": true,
            "note": "whether the front door is reached from the network alone" })
    );
    scene.apply().await;
    assert!(!scene.plan().await.to_string().contains("changed later"));
}

#[tokio::test(start_paused = true)]
async fn what_is_fixed_blocks_a_plan_with_a_way_out() {
    let scene = Scene::new(DIFY_PROD);
    scene.apply().await;
    for (before, after, field) in [
        (
            "front_door = \"internal\"",
            "front_door = \"public\"",
            "properties.vnetConfiguration.internal",
        ),
        (
            "zone_redundant = true",
            "zone_redundant = false",
            "properties.zoneRedundant",
        ),
    ] {
        let changed = scene.with_file(&DIFY_PROD.replace(before, after));
        let plan = changed.plan().await;
        let change = plan
            .change(&changed.only(Kind::ManagedEnvironment))
            .unwrap();
        assert_eq!(change.action, Action::Replace);
        assert!(!plan.is_applyable(), "{plan}");
        let [sentence] = plan.blocked() else {
            panic!("{:?}", plan.blocked());
        };
        assert!(
            sentence.contains(field) && sentence.contains("dify-infra destroy"),
            "{sentence}"
        );
    }
    let smaller = DIFY_PROD.replace("Standard_ZRS", "Standard_LRS");
    let plan = scene.with_file(&smaller).plan().await;
    assert!(
        plan.blocked()[0].contains("az storage account migration start"),
        "{plan}"
    );
    scene.assert_settled().await;
}

#[tokio::test(start_paused = true)]
async fn the_network_stays_while_the_data_stays_and_goes_with_it() {
    let scene = Scene::new(DIFY_PROD);
    scene.apply().await;
    scene.destroy(false).await;
    let kept = scene.observe().await;
    for node in scene.graph.nodes() {
        let is_there = kept.body(node.id()).is_some();
        assert_eq!(
            is_there,
            node.kind().layer() == Layer::Data,
            "{}",
            node.id()
        );
    }
    scene.apply().await;
    scene.assert_settled().await;
    scene.azure.forget();
    scene.destroy(true).await;
    let left: Vec<String> = scene.azure.resources().into_keys().collect();
    assert!(left.is_empty(), "{left:#?}");
    let order = scene.azure.headlines();
    let place = |name: &str| {
        let name = format!("DELETE {name}");
        order
            .iter()
            .position(|line| *line == name)
            .unwrap_or_else(|| panic!("{name}: {order:#?}"))
    };
    let network = place("dify-prod-network");
    for earlier in ["dify-prod-environment", "dify-prod-postgres-endpoint"] {
        assert!(place(earlier) < network, "{earlier}");
    }
    assert!(network < place("dify-prod-apps-rules"));
    assert!(place("dify-prod-storage-endpoint") < place("privatelink.blob.core.windows.net"));
}

#[tokio::test(start_paused = true)]
async fn a_network_of_somebody_else_is_never_written() {
    let scene = Scene::new(EXISTING_NETWORK);
    scene.make_existing().await;
    scene.azure.forget();
    scene.apply().await;
    scene.assert_settled().await;
    scene.destroy(true).await;
    let written: Vec<String> = scene
        .azure
        .writes()
        .iter()
        .map(|one| one.path.clone())
        .collect();
    let strangers = ["/network-rg/", "/hub-dns-rg/"];
    let foreign: Vec<&String> = written
        .iter()
        .filter(|path| strangers.iter().any(|group| path.contains(group)))
        .collect();
    assert!(foreign.is_empty(), "{foreign:#?}");
}

#[tokio::test(start_paused = true)]
async fn an_existing_subnet_must_fit() {
    for (name, range, delegated, reason) in [
        ("dify-apps", "172.20.200.0/28", true, "too few addresses"),
        (
            "dify-apps",
            "172.20.200.0/24",
            false,
            "delegated to Microsoft.App/environments",
        ),
        (
            "dify-apps",
            "172.30.4.0/24",
            true,
            "172.30.4.0/24 touches 172.30.0.0/16: Container Apps keeps it",
        ),
        ("endpoints", "172.20.200.0/29", false, "too few addresses"),
        (
            "endpoints",
            "172.20.200.0/24",
            true,
            "private endpoints take no delegated subnet",
        ),
        (
            "endpoints",
            "172.30.4.0/24",
            false,
            "172.30.4.0/24 touches 172.30.0.0/16: Container Apps keeps it",
        ),
    ] {
        let scene = Scene::new(EXISTING_NETWORK);
        scene.make_existing().await;
        let wider = |body: &mut serde_json::Value| {
            let spaces = json!(["172.20.0.0/16", "172.30.0.0/16"]);
            body["properties"]["addressSpace"]["addressPrefixes"] = spaces;
        };
        scene.tamper(&scene.only(Kind::VirtualNetwork), wider).await;
        let service = json!({ "name": "a",
            "properties": { "serviceName": "Microsoft.App/environments" } });
        let delegations = if delegated {
            json!([service])
        } else {
            json!([])
        };
        let body = json!({ "properties": { "addressPrefix": range, "delegations": delegations } });
        let subnet = scene.id(name);
        scene.put(&subnet, Kind::Subnet, &body).await;
        let plan = scene.plan().await;
        let change = plan.change(&subnet).unwrap();
        assert_eq!(change.action, Action::Unknown, "{name} {range}: {plan}");
        assert!(change.reason.contains(reason), "{}", change.reason);
        assert_eq!(plan.summary().unknown, 1, "{plan}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_public_data_service_and_a_rejected_endpoint_fail_verification() {
    let scene = Scene::new(DIFY_PROD);
    scene.apply().await;
    let report = scene.verify().await;
    assert!(report.is_success(), "{report:?}");
    let server = scene.only(Kind::PostgresServer);
    let open = |body: &mut serde_json::Value| {
        body["properties"]["network"]["publicNetworkAccess"] = json!("Enabled");
    };
    scene.tamper(&server, open).await;
    let endpoint = scene.id("dify-prod-redis-endpoint");
    scene.delete(&endpoint).await;
    let report = scene.verify().await;
    let failed: Vec<(&str, &str)> = report
        .checks
        .iter()
        .filter(|check| check.status == Status::Failed)
        .map(|check| (check.name.as_str(), check.subject.as_str()))
        .collect();
    for expected in [
        ("the data service is not public", server.name()),
        (
            "the private endpoint is approved",
            "dify-prod-redis-endpoint",
        ),
    ] {
        assert!(failed.contains(&expected), "{failed:#?}");
    }
    scene.apply().await;
    scene.assert_settled().await;
    assert!(scene.verify().await.is_success());
}

#[tokio::test(start_paused = true)]
async fn private_endpoints_and_machines_of_ones_own_work_in_dev_too() {
    let file = format!(
        "{DIFY_DEV}\n[network]\naddress_space = \"10.9.0.0/20\"\nprivate_endpoints = true\n\n\
         [workload_profiles.large]\nsize = \"D4\"\nmin = 1\nmax = 2\n\n\
         [services.plugin_daemon]\nworkload_profile = \"large\"\n"
    );
    let scene = Scene::new(&file);
    scene.apply().await;
    scene.assert_settled().await;
    let snapshot = scene.observe().await;
    let daemon = snapshot.body(&scene.app("plugin-daemon")).unwrap();
    assert_eq!(daemon["properties"]["workloadProfileName"], "large");
    let environment = snapshot
        .body(&scene.only(Kind::ManagedEnvironment))
        .unwrap();
    let profile = &environment["properties"]["workloadProfiles"][1];
    assert_eq!(
        (&profile["workloadProfileType"], &profile["maximumCount"]),
        (&json!("D4"), &json!(2))
    );
    assert!(scene.verify().await.is_success());
}
