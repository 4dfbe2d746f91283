//! The rights of a deployer: the role in `examples/roles` is enough, has nothing that is not used, and
//! what is missing of it is named before the first write.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use dify_infra_azure::claim::claim;
use dify_infra_azure::images::{self, ImageCopy, ImportEvent, ImportOptions, ImportResult};
use dify_infra_azure::preflight::preflight;
use dify_infra_core::graph::{Node, registry_id};
use dify_infra_core::resource::{Kind, ResourceId};
use dify_infra_emulator::{DEFAULT_SUBSCRIPTION, Emulator};
use dify_infra_examples::{DIFY_DEV, DIFY_PROD, EXISTING_NETWORK, FILES, MINIMAL};
use http::Method;
use serde_json::{Value, json};

use crate::support::{Azure, Exchange, Scene, with_another_tag};

const ROLE: &str = include_str!("../../examples/roles/dify-infra-deployer.json");

/// What a role of Azure gives beside the actions that change something.
const READ: &str = "*/read";

fn role() -> Vec<String> {
    let role: Value = serde_json::from_str(ROLE).unwrap();
    let actions = role["Actions"].as_array().unwrap();
    actions
        .iter()
        .map(|action| action.as_str().unwrap().to_owned())
        .collect()
}

fn grant(scene: &Scene, actions: &[String]) {
    let actions: Vec<&str> = actions.iter().map(String::as_str).collect();
    let grant: [(&[&str], &[&str]); 1] = [(&actions, &[])];
    scene.azure.emulator().set_permissions(&grant);
}

/// The deployment whose certificate is Azure's at first and then in somebody else's vault.
const CERTIFICATES: &str = "one certificate after the other";

/// What deployers carry out, each with what it becomes: every example, and what none of them says.
fn files() -> Vec<(&'static str, Vec<String>)> {
    let vault = "\n[secrets]\nstore = \"key-vault\"\nexisting = \"contoso-vault\"\n";
    let certificate = |of: &str| {
        let public = "[public]\norigin = \"https://dify.example.com\"\ncertificate";
        format!("{MINIMAL}\n{public} = \"{of}\"\n")
    };
    let theirs = "/subscriptions/00000000-0000-4000-8000-0000000000d1/resourceGroups/shared-rg/\
                  providers/Microsoft.KeyVault/vaults/contoso-certs/certificates/dify";
    let turns = ["managed", theirs, "managed"].map(certificate);
    let examples = FILES.map(|(name, file)| (name, vec![file.to_owned()]));
    let own = [
        (
            "a vault of others",
            vec![format!("{EXISTING_NETWORK}{vault}")],
        ),
        (CERTIFICATES, turns.to_vec()),
    ];
    examples.into_iter().chain(own).collect()
}

/// A file on an Azure, with everything that somebody else has made for it.
async fn prepared(scene: Scene) -> Scene {
    grant(&scene, &["*".to_owned()]);
    scene.make_existing().await;
    let group = json!({ "location": scene.deployment.location().as_str() });
    scene
        .put(scene.graph.group(), Kind::ResourceGroup, &group)
        .await;
    let mut ids = scene.graph.nodes().map(Node::id);
    if let Some(vault) = ids.find(|id| id.name() == "contoso-certs") {
        let certificate = json!({ "properties": { "value": "MII=" } });
        let id = vault.child("secrets", "dify");
        scene.put(&id, Kind::VaultSecret, &certificate).await;
    }
    drop(ids);
    scene
}

/// A whole life under a role: made, changed where others have left something, everything gone. Answers
/// what was asked meanwhile.
async fn life(files: &[String], role: &[String]) -> Vec<Exchange> {
    let (first, others) = files.split_first().unwrap();
    let mut asked = Vec::new();
    let mut scene = prepared(Scene::new(first)).await;
    grant(&scene, role);
    scene.azure.forget();
    assert_eq!(scene.preflight().await, []);
    let plan = scene.plan().await;
    let claim = claim(&scene.client, &scene.graph, &plan, "a")
        .await
        .unwrap();
    assert!(claim.is_kept());
    scene.apply().await;
    claim.release().await;
    // Names are put on the front door when a person has set their records.
    scene.set_records().await;
    scene.apply().await;
    copy_images(&scene).await;
    for file in others {
        asked.extend(scene.azure.exchanges());
        scene = prepared(scene.with_file(file)).await;
        scene.set_records().await;
        grant(&scene, role);
        scene.azure.forget();
        scene.apply().await;
        scene.assert_settled().await;
    }
    asked.extend(scene.azure.exchanges());
    // A secret of somebody else stays, so an update reads it. Their rights are their own.
    grant(&scene, &["*".to_owned()]);
    for id in [
        scene.app("web"),
        scene.id(&format!("{}-migration", scene.deployment.prefix())),
    ] {
        let theirs = json!({ "name": "of-somebody-else", "value": "their-value" });
        let add = |body: &mut Value| {
            let secrets = &mut body["properties"]["configuration"]["secrets"];
            match secrets.as_array_mut() {
                Some(secrets) => secrets.push(theirs),
                None => *secrets = json!([theirs]),
            }
        };
        scene.tamper(&id, add).await;
    }
    grant(&scene, role);
    scene.azure.forget();
    let last = files.last().unwrap();
    let changed = scene.with_file(&with_another_tag(last));
    assert_eq!(changed.preflight().await, []);
    changed.apply().await;
    changed.assert_settled().await;
    assert!(changed.verify().await.is_success());
    changed.destroy(true).await;
    asked.extend(scene.azure.exchanges());
    asked
}

/// Has the registry copy one image, when it is one of Azure that is asked by identity.
async fn copy_images(scene: &Scene) {
    if !scene
        .graph
        .nodes()
        .any(|node| node.kind() == Kind::Registry)
    {
        return;
    }
    let registry = registry_id(&scene.deployment, &scene.target).unwrap();
    assert_eq!(images::check(&scene.client, &registry).await, None);
    let images = scene.deployment.images();
    let image = images.iter().find(|one| one.copy_of.is_some()).unwrap();
    let digest = format!("sha256:{:064x}", 1);
    let copy = ImageCopy {
        source: image.copy_of.clone().unwrap().with_digest(&digest).unwrap(),
        target: image.image.without_digest(),
    };
    let quiet = |_: &ImportEvent<'_>| {};
    let options = ImportOptions::default();
    let outcomes = images::import(&scene.client, &registry, &[copy], &options, &quiet).await;
    assert!(
        matches!(outcomes[0].result, ImportResult::Imported),
        "{outcomes:?}"
    );
}

/// The action of Azure's role model that a request needs, when it changes something or returns a
/// secret.
fn action(exchange: &Exchange) -> Option<String> {
    if exchange.method == Method::POST {
        let (resource, verb) = exchange.path.rsplit_once('/')?;
        let id = ResourceId::parse(resource).ok()?;
        return Some(format!("{}/{verb}/action", id.resource_type()));
    }
    let verb = match exchange.method {
        Method::PUT | Method::PATCH => "write",
        Method::DELETE => "delete",
        _ => return None,
    };
    let Ok(id) = ResourceId::parse(&exchange.path) else {
        return Some(format!(
            "Microsoft.Resources/subscriptions/resourceGroups/{verb}"
        ));
    };
    Some(format!("{}/{verb}", id.resource_type()))
}

/// What the bodies of a run joined, as Azure's documents name it.
fn joined(exchange: &Exchange) -> BTreeSet<String> {
    let text = exchange
        .body
        .as_ref()
        .map(Value::to_string)
        .unwrap_or_default();
    let mut found = BTreeSet::new();
    if exchange.method != Method::PUT {
        return found;
    }
    let own = ResourceId::parse(&exchange.path).ok();
    // A body that was merged names parts of its own resource.
    let is_own = |id: &ResourceId| own.as_ref().is_some_and(|own| id.is_below(own));
    let ids = text
        .split('"')
        .filter_map(|word| ResourceId::parse(word).ok());
    for id in ids.filter(|id| !is_own(id)) {
        let of = id.resource_type();
        let verb = match Kind::from_type(&of) {
            Some(Kind::UserAssignedIdentity) => "assign",
            Some(
                Kind::VirtualNetwork
                | Kind::Subnet
                | Kind::PrivateDnsZone
                | Kind::NetworkSecurityGroup
                | Kind::PublicIpAddress
                | Kind::FirewallPolicy
                | Kind::ManagedEnvironment,
            ) => "join",
            _ if exchange.kind() == Some(Kind::PrivateEndpoint) => {
                "privateEndpointConnectionsApproval"
            }
            _ => continue,
        };
        found.insert(format!("{of}/{verb}/action"));
    }
    found
}

#[tokio::test(start_paused = true)]
async fn the_role_in_the_examples_is_enough_and_no_more() {
    let is_blessing = std::env::var_os("DIFY_INFRA_BLESS").is_some();
    let mut used = BTreeSet::from([READ.to_owned()]);
    for (name, files) in files() {
        let role = if is_blessing {
            vec!["*".to_owned()]
        } else {
            role()
        };
        for exchange in life(&files, &role).await {
            let headline = exchange.headline();
            assert_ne!(exchange.status, Some(403), "{name}: {headline}");
            used.extend(action(&exchange));
            used.extend(joined(&exchange));
        }
    }
    used.retain(|action| !action.contains("checkNameAvailability"));
    if is_blessing {
        return write(&used);
    }
    let given: BTreeSet<String> = role().into_iter().collect();
    assert_eq!(given, used, "DIFY_INFRA_BLESS=1 writes the role anew");
}

fn write(actions: &BTreeSet<String>) {
    let mut role: Value = serde_json::from_str(ROLE).unwrap();
    role["Actions"] = json!(actions);
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/roles/dify-infra-deployer.json");
    let text = serde_json::to_string_pretty(&role).unwrap() + "\n";
    std::fs::write(path, text).unwrap();
}

#[tokio::test(start_paused = true)]
async fn with_one_action_less_a_first_apply_ends_before_its_first_write() {
    // Everything that a first apply needs is named; what is needed later is in the second plan.
    let changed = {
        let scene = Scene::new(DIFY_PROD);
        scene.apply().await;
        scene.with_file(&with_another_tag(DIFY_PROD))
    };
    let mut scenes = vec![Scene::new(DIFY_PROD), changed];
    for (name, files) in files() {
        let first = ["identities.toml", "dify-gateway.toml", CERTIFICATES];
        if first.contains(&name) {
            scenes.push(prepared(Scene::new(&files[0])).await);
        }
        if name == CERTIFICATES {
            scenes.push(prepared(Scene::new(&files[1])).await);
        }
    }
    let mut plans = Vec::new();
    for scene in scenes {
        let plan = scene.plan().await;
        plans.push((scene, plan));
    }
    let mut unnoticed = BTreeSet::new();
    for missing in role() {
        let rest: Vec<String> = role().into_iter().filter(|one| *one != missing).collect();
        let mut said = Vec::new();
        for (scene, plan) in &plans {
            grant(scene, &rest);
            scene.azure.forget();
            let problems = preflight(&scene.client, &scene.graph, plan).await;
            assert_eq!(scene.azure.headlines(), Vec::<String>::new());
            said.push(format!("{problems:?}"));
            if let Some(registry) = registry_id(&scene.deployment, &scene.target) {
                let problem = images::check(&scene.client, &registry).await;
                said.push(format!("{problem:?}"));
            }
        }
        let said = said.concat();
        let is_role = missing.starts_with("Microsoft.Authorization/");
        let named = said.contains(&missing) || (is_role && said.contains("may not assign roles"));
        if !named {
            unnoticed.insert(missing);
        }
    }
    // To delete is needed by `destroy` and for what a file no longer has; firewall rules of PostgreSQL
    // are for deployments without a private endpoint; a group that is there is not written; who may not
    // ask how a name stands is told so by the plan; and a run that can't keep others out says so.
    let later: Vec<&String> = unnoticed
        .iter()
        .filter(|action| {
            !action.ends_with("/delete")
                && !action.contains("/firewallRules/")
                && !action.ends_with("/listCustomHostNameAnalysis/action")
                && !action.starts_with("Microsoft.Resources/deployments/")
                && *action != READ
        })
        .collect();
    assert!(later.is_empty(), "{later:#?}");
}

#[tokio::test(start_paused = true)]
async fn what_cant_be_deleted_is_said_with_the_action() {
    let scene = Scene::new(DIFY_DEV);
    scene.apply().await;
    let rest: Vec<String> = role()
        .into_iter()
        .filter(|one| one != "Microsoft.App/containerApps/delete")
        .collect();
    grant(&scene, &rest);
    let snapshot = scene.observe().await;
    let report = scene.applier().destroy(&snapshot, false).await.unwrap();
    let said: Vec<String> = report
        .failures()
        .map(|(_, error)| error.sentence())
        .collect();
    assert!(!said.is_empty());
    for sentence in &said {
        assert!(
            sentence.contains("Microsoft.App/containerApps/delete"),
            "{sentence}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn the_right_to_join_what_is_somebody_elses_is_asked_for_at_that() {
    let rights: [(&[&str], &[&str]); 1] = [(&["*"], &["Microsoft.Network/*/join/action"])];
    let azure = Azure::with(Emulator::builder());
    let scene = Scene::on(Arc::clone(&azure), EXISTING_NETWORK);
    scene.make_existing().await;
    azure.emulator().set_permissions(&rights);
    azure.forget();
    let problems = scene.preflight().await;
    assert_eq!(azure.headlines(), Vec::<String>::new());
    let said: Vec<String> = problems
        .iter()
        .map(|one| format!("{}; {}", one.what, one.remedy))
        .collect();
    insta::assert_debug_snapshot!(said);
    // Azure would have said the same, after the first writes.
    let report = scene.attempt().await;
    let refused: Vec<String> = report
        .failures()
        .map(|(_, error)| error.sentence())
        .collect();
    assert!(
        refused
            .iter()
            .any(|one| one.contains("LinkedAuthorizationFailed")),
        "{refused:#?}"
    );
    let group = ResourceId::resource_group(DEFAULT_SUBSCRIPTION, "hub-dns-rg");
    assert!(
        said.iter().any(|one| one.contains(group.as_str())),
        "{said:#?}"
    );
}
