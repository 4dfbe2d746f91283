//! The template for reviewers: what Azure makes of it is what apply makes.

use std::collections::BTreeMap;

use dify_infra_core::graph::Node;
use dify_infra_core::plan::Action;
use dify_infra_core::render::arm_template;
use dify_infra_core::resource::{FINGERPRINT_TAG, Kind};
use dify_infra_core::secrets::SecretName;
use dify_infra_examples::FILES;
use secrecy::ExposeSecret as _;
use serde_json::{Map, Value, json};

use crate::support::Scene;
use crate::support::state::{differences, state};

const VERSION: &str = "2025-04-01";

/// Makes the group as the template's description says, then deploys the template into it.
async fn deploy(scene: &Scene) -> Value {
    let group = scene.graph.get(scene.graph.group()).unwrap();
    scene
        .put(group.id(), Kind::ResourceGroup, group.body())
        .await;
    let template = arm_template(&scene.graph);
    let mut given = Map::new();
    for (name, parameter) in template["parameters"].as_object().unwrap() {
        assert_eq!(parameter["type"], "secureString", "{name}");
        let secret = scene
            .secrets
            .iter()
            .find(|(one, _): &(&SecretName, _)| one.camel_case() == *name);
        let (_, value) = secret.unwrap_or_else(|| panic!("{name} is no secret"));
        given.insert(name.clone(), json!({ "value": value.expose_secret() }));
    }
    let id = format!(
        "{}/providers/Microsoft.Resources/deployments/reviewed",
        scene.graph.group()
    );
    let body = json!({ "properties": { "mode": "Incremental", "template": template, "parameters": given } });
    let operation = scene.client.begin_put(&id, VERSION, &body).await.unwrap();
    if let Err(error) = operation.wait().await {
        panic!("{error:?}");
    }
    scene.client.get(&id, VERSION).await.unwrap().unwrap()
}

/// A state without what only a secrets file tells.
fn without_fingerprints(mut state: BTreeMap<String, Value>) -> BTreeMap<String, Value> {
    for body in state.values_mut() {
        if let Some(Value::Object(tags)) = body.get_mut("tags") {
            tags.retain(|name, _| !name.starts_with(FINGERPRINT_TAG));
        }
    }
    state
}

#[tokio::test(start_paused = true)]
async fn a_deployed_template_is_what_apply_makes() {
    for (name, file) in FILES {
        let applied = Scene::new(file);
        applied.make_existing().await;
        applied.apply().await;
        let deployed = Scene::new(file);
        deployed.make_existing().await;
        let deployment = deploy(&deployed).await;
        assert_eq!(
            deployment["properties"]["provisioningState"], "Succeeded",
            "{name}"
        );

        let expected = without_fingerprints(state(&applied).await);
        let found = without_fingerprints(state(&deployed).await);
        let lines = differences(&expected, &found);
        assert!(lines.is_empty(), "{name}: {lines:#?}");
        assert!(expected.len() > 20, "{name}");

        // What no template can say is all that is left to do.
        let plan = deployed.plan_without_secrets().await;
        let left: Vec<(Action, Option<Kind>)> = plan
            .changes()
            .iter()
            .filter(|change| !matches!(change.action, Action::NoChange | Action::Waiting))
            .map(|change| (change.action, change.kind))
            .collect();
        assert_eq!(
            left,
            [(Action::Create, Some(Kind::JobExecution))],
            "{name}: {plan}"
        );
        deployed.apply().await;
        deployed.assert_settled().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_template_holds_no_secret_and_names_every_resource() {
    for (name, file) in FILES {
        let scene = Scene::new(file);
        let template = arm_template(&scene.graph);
        let text = template.to_string();
        for (secret, value) in scene.secrets.iter() {
            assert!(!text.contains(value.expose_secret()), "{name}: {secret}");
        }
        let written = |node: &&Node| {
            !matches!(
                node.kind(),
                Kind::ResourceGroup
                    | Kind::JobExecution
                    | Kind::ManagedCertificate
                    | Kind::CustomDomain
            )
        };
        let managed = scene.graph.nodes().filter(written);
        let managed =
            managed.filter(|node| node.management() == dify_infra_core::graph::Management::Managed);
        assert_eq!(
            template["resources"].as_array().unwrap().len(),
            managed.count(),
            "{name}"
        );
    }
}
