//! An audit of what we deployed: nothing to say, and a file that describes it again.

use dify_infra_azure::inventory::read_group;
use dify_infra_core::audit::{audit, emit, from_resources};
use dify_infra_core::check::check_file;
use dify_infra_core::diagnostic::Severity;
use dify_infra_core::graph::{Management, Node};
use dify_infra_core::resource::Kind;
use dify_infra_emulator::DEFAULT_SUBSCRIPTION;
use dify_infra_examples::FILES;
use serde_json::json;

use crate::support::Scene;

/// Lets apps in to the servers that others made, as whoever made them has to.
async fn open_servers_of_others(scene: &Scene) {
    let existing =
        |it: &&Node| it.kind() == Kind::PostgresServer && it.management() == Management::Existing;
    for server in scene.graph.nodes().filter(existing) {
        let rule = server.id().child("firewallRules", "azure-services");
        // All zeros stand for every service of Azure (learn.microsoft.com postgresql security-firewall-rules).
        let all =
            json!({ "properties": { "startIpAddress": "0.0.0.0", "endIpAddress": "0.0.0.0" } });
        scene.put(&rule, Kind::PostgresFirewallRule, &all).await;
    }
}

#[tokio::test(start_paused = true)]
async fn every_example_that_is_deployed_audits_clean_and_is_described_again() {
    let mut alarms = Vec::new();
    for (name, file) in FILES {
        let scene = Scene::new(file);
        scene.make_existing().await;
        open_servers_of_others(&scene).await;
        scene.apply().await;
        let group = scene.graph.group().name();
        let resources = read_group(&scene.client, DEFAULT_SUBSCRIPTION, group)
            .await
            .unwrap();
        let inventory = from_resources(&resources);
        let report = audit(&inventory);
        let allowed = scene.deployment.allowed_rules();
        for finding in &report.findings {
            let is_allowed = allowed.iter().any(|it| it.rule == finding.code);
            if finding.severity != Severity::Note && !is_allowed {
                alarms.push(format!("{name}: {finding}"));
            }
        }
        // Services that the group itself runs come back with their sizes and replicas.
        let emitted = emit(&inventory, &report).unwrap().text;
        let resolved =
            check_file(&emitted).unwrap_or_else(|found| panic!("{name}: {found}\n{emitted}"));
        let (again, before) = (resolved.deployment, &scene.deployment);
        assert_eq!(
            again.release().version(),
            before.release().version(),
            "{name}"
        );
        for service in before.services() {
            let other = again.services().find(|it| it.kind == service.kind);
            let other = other.unwrap_or_else(|| panic!("{name}: no {}\n{emitted}", service.kind));
            assert_eq!(other.size, service.size, "{name}: {}", service.kind);
            assert_eq!(other.replicas, service.replicas, "{name}: {}", service.kind);
        }
    }
    assert!(alarms.is_empty(), "{alarms:#?}");
}
