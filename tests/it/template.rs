//! The template for reviewers: what Azure makes of it is what apply makes.

use std::collections::{BTreeMap, BTreeSet};

use dify_infra_core::graph::{Management, Node};
use dify_infra_core::plan::Action;
use dify_infra_core::render::arm_template;
use dify_infra_core::resource::{FINGERPRINT_TAG, Kind};
use dify_infra_core::secrets::SecretName;
use dify_infra_examples::{DIFY_PROD, EXISTING_NETWORK, FILES};
use secrecy::ExposeSecret as _;
use serde_json::{Map, Value, json};

use crate::support::state::{differences, state};
use crate::support::{Scene, edit};

const VERSION: &str = "2025-04-01";

/// Every example, and what of production none of them says: secrets in the apps, an existing network
/// with a vault, and everything that can be somebody else's in another group.
fn files() -> Vec<(&'static str, String)> {
    let store = DIFY_PROD.find("[secrets]").unwrap();
    let vault = "\n[secrets]\nstore = \"key-vault\"\n";
    let elsewhere = "/subscriptions/00000000-0000-4000-8000-0000000000d1/resourceGroups/shared-rg";
    let theirs = format!(
        "{EXISTING_NETWORK}{vault}existing = \"contoso-vault\"\n\n[images]\nregistry = \"contoso.azurecr.io\"\nresource_group = \
         \"shared-rg\"\n\n[data.storage]\naccess = \"identity\"\n"
    );
    let zones = edit(
        DIFY_PROD,
        "front_door = \"internal\"",
        &format!("private_dns_zones = \"{elsewhere}\"\nfront_door = \"internal\""),
    );
    let examples = FILES.map(|(name, file)| (name, file.to_owned()));
    let own = [
        ("own network, apps", DIFY_PROD[..store].to_owned()),
        (
            "existing network, vault",
            format!("{EXISTING_NETWORK}{vault}"),
        ),
        ("registry and network of others", theirs),
        ("zones of others", zones),
    ];
    examples.into_iter().chain(own).collect()
}

/// Makes the group as the template's description says, then deploys the template into it.
pub(crate) async fn deploy(scene: &Scene) -> Value {
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
    let mut elsewhere = 0;
    for (name, file) in files() {
        let applied = Scene::new(&file);
        applied.make_existing().await;
        applied.apply().await;
        let deployed = Scene::new(&file);
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
        let own = deployed.graph.group();
        let others = deployed
            .graph
            .nodes()
            .filter(|node| node.management() == Management::Managed && node.id().group() != *own);
        elsewhere += others.count();
    }
    assert!(elsewhere >= 6, "{elsewhere} resources in groups of others");
}

#[tokio::test(start_paused = true)]
async fn a_template_holds_no_secret_and_names_every_resource() {
    for (name, file) in files() {
        let scene = Scene::new(&file);
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
        let managed = managed.filter(|node| node.management() == Management::Managed);
        assert_eq!(
            template["resources"].as_array().unwrap().len(),
            managed.count(),
            "{name}"
        );
    }
}

/// The strings of a value that are expressions.
/// Each resource waits for all that it needs: the private endpoint's name before the app that asks for it is
/// nothing that a test could see otherwise, since whatever order is tried may be the right one by chance.
#[test]
fn every_arrow_of_the_graph_is_in_the_template() {
    let mut arrows = 0;
    for (name, file) in files() {
        let scene = Scene::new(&file);
        let template = arm_template(&scene.graph);
        let resources = template["resources"].as_array().unwrap();
        let own = |node: &&Node| {
            node.management() == Management::Managed
                && node.id().group() == *scene.graph.group()
                && !matches!(
                    node.kind(),
                    Kind::ResourceGroup
                        | Kind::JobExecution
                        | Kind::ManagedCertificate
                        | Kind::CustomDomain
                )
        };
        for node in scene.graph.nodes().filter(own) {
            let label = node.id().label();
            let is_it =
                |it: &&Value| it["type"] == node.kind().resource_type() && it["name"] == label;
            let found = resources.iter().find(is_it);
            let Some(found) = found else {
                assert_eq!(node.kind(), Kind::RoleAssignment, "{name}: no {label}");
                continue;
            };
            let waits = found["dependsOn"].to_string().to_ascii_lowercase();
            let needed = node
                .dependencies()
                .iter()
                .filter_map(|id| scene.graph.get(id));
            for needed in needed.filter(own) {
                for part in [needed.kind().resource_type(), needed.id().name()] {
                    assert!(
                        waits.contains(&part.to_ascii_lowercase()),
                        "{name}: {label} does not wait for {}: {waits}",
                        needed.id()
                    );
                }
                arrows += 1;
            }
        }
    }
    assert!(arrows > 500, "{arrows}");
}

fn expressions(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) if text.starts_with('[') && !text.starts_with("[[") => vec![text],
        Value::Array(items) => items.iter().flat_map(expressions).collect(),
        Value::Object(fields) => fields.values().flat_map(expressions).collect(),
        _ => Vec::new(),
    }
}

#[test]
fn what_is_in_another_group_is_in_a_deployment_that_is_evaluated_by_itself() {
    let mut found = Vec::new();
    for (name, file) in files() {
        let scene = Scene::new(&file);
        let template = arm_template(&scene.graph);
        let mut names = BTreeSet::new();
        for resource in template["resources"].as_array().unwrap() {
            if resource["type"] != "Microsoft.Resources/deployments" {
                continue;
            }
            assert_ne!(resource["resourceGroup"], scene.graph.group().name());
            assert!(names.insert(resource["name"].as_str().unwrap()), "{name}");
            let properties = &resource["properties"];
            assert_eq!(properties["expressionEvaluationOptions"]["scope"], "inner");
            let inner = &properties["template"];
            let [one] = inner["resources"].as_array().unwrap().as_slice() else {
                panic!("{name}: {inner}");
            };
            let mut body = one.as_object().unwrap().clone();
            body.retain(|field, _| !["name", "scope"].contains(&field.as_str()));
            for expression in expressions(&Value::Object(body)) {
                let known = expression.strip_prefix("[parameters('");
                let parameter = known.unwrap().strip_suffix("')]").unwrap();
                let given = &properties["parameters"][parameter]["value"];
                let is_secret = given.as_str().unwrap().starts_with("[parameters(");
                let kind = if is_secret { "secureString" } else { "string" };
                assert_eq!(inner["parameters"][parameter]["type"], kind, "{name}");
            }
            found.push(one["type"].as_str().unwrap().to_owned());
        }
    }
    for kind in [Kind::RoleAssignment, Kind::VirtualNetworkLink] {
        let kind = kind.resource_type();
        assert!(found.iter().any(|one| one == kind), "{kind}: {found:?}");
    }
}
