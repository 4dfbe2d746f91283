//! Files without the account's key: an identity signs in to storage, and may do nothing else.

use dify_infra_core::plan::Action;
use dify_infra_core::resource::{Kind, ResourceId};
use dify_infra_emulator::Emulator;
use dify_infra_examples::{IDENTITIES, MINIMAL};
use serde_json::{Value, json};

use crate::support::{Azure, Scene};

const BY_IDENTITY: &str = "\n[data.storage]\naccess = \"identity\"\n";

/// Services that keep files, and the variables by which they sign in.
const KEEPERS: [&str; 4] = ["api", "worker", "worker-beat", "plugin-daemon"];

fn by_identity() -> String {
    format!("{MINIMAL}{BY_IDENTITY}")
}

/// The variables and the secrets of an app, as Azure answers them.
async fn settings(scene: &Scene, app: &ResourceId) -> (Vec<Value>, Vec<Value>) {
    let snapshot = scene.observe().await;
    let properties = &snapshot.body(app).unwrap()["properties"];
    let list = |pointer: &str| {
        let items = properties.pointer(pointer).and_then(Value::as_array);
        items.cloned().unwrap_or_default()
    };
    (
        list("/template/containers/0/env"),
        list("/configuration/secrets"),
    )
}

fn variable<'a>(variables: &'a [Value], name: &str) -> Option<&'a str> {
    let found = variables.iter().find(|one| one["name"] == name)?;
    found["value"].as_str()
}

fn names(items: &[Value]) -> Vec<&str> {
    items
        .iter()
        .filter_map(|one| one["name"].as_str())
        .collect()
}

#[tokio::test(start_paused = true)]
async fn files_are_kept_by_an_identity_and_nobody_reads_the_key() {
    let rights: [(&[&str], &[&str]); 1] = [(
        &["*"],
        &["Microsoft.Storage/storageAccounts/listKeys/action"],
    )];
    let options = Emulator::builder()
        .permissions(&rights)
        .enforce_permissions();
    let scene = Scene::on(Azure::with(options), &by_identity());
    assert!(scene.preflight().await.is_empty());
    scene.apply().await;
    scene.assert_settled().await;
    let identity = scene.only(Kind::UserAssignedIdentity);
    let snapshot = scene.observe().await;
    let client = snapshot.output(&identity, "/properties/clientId").unwrap();
    for keeper in KEEPERS {
        let (variables, secrets) = settings(&scene, &scene.app(keeper)).await;
        assert_eq!(
            variable(&variables, "AZURE_CLIENT_ID"),
            Some(client.as_str())
        );
        assert!(
            !names(&secrets).iter().any(|name| name.contains("storage")),
            "{keeper}: {secrets:?}"
        );
        let body = snapshot.body(&scene.app(keeper)).unwrap();
        let expected = json!([{ "identity": identity.to_string(), "lifecycle": "Main" }]);
        let configuration = &body["properties"]["configuration"];
        assert_eq!(configuration["identitySettings"], expected, "{keeper}");
    }
    let (api, _) = settings(&scene, &scene.app("api")).await;
    assert_eq!(
        variable(&api, "AZURE_BLOB_ACCOUNT_KEY"),
        Some("managedidentity")
    );
    let (daemon, _) = settings(&scene, &scene.app("plugin-daemon")).await;
    let switch = "AZURE_BLOB_STORAGE_USE_MANAGED_IDENTITY";
    assert_eq!(variable(&daemon, switch), Some("true"));
    for other in ["sandbox", "ssrf-proxy", "nginx", "web"] {
        let body = snapshot.body(&scene.app(other)).unwrap();
        assert!(
            body.pointer("/identity/userAssignedIdentities").is_none(),
            "{other} carries an identity"
        );
    }
    assert!(scene.verify().await.is_success());
    scene.destroy(true).await;
    let left: Vec<String> = scene.azure.resources().into_keys().collect();
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test(start_paused = true)]
async fn moving_to_an_identity_and_back_leaves_nothing_behind() {
    let scene = Scene::new(MINIMAL);
    scene.apply().await;
    let (before, _) = settings(&scene, &scene.app("plugin-daemon")).await;
    let moved = scene.with_file(&by_identity());
    moved.apply().await;
    moved.assert_settled().await;
    for keeper in KEEPERS {
        let (variables, secrets) = settings(&moved, &moved.app(keeper)).await;
        let with_key = ["AZURE_BLOB_STORAGE_CONNECTION_STRING"];
        assert!(!names(&variables).contains(&with_key[0]), "{keeper}");
        assert!(
            !names(&secrets).iter().any(|name| name.contains("storage")),
            "{keeper}: {secrets:?}"
        );
    }
    assert!(moved.verify().await.is_success());
    let back = moved.with_file(MINIMAL);
    back.apply().await;
    back.assert_settled().await;
    let (after, secrets) = settings(&back, &back.app("plugin-daemon")).await;
    let (mut before, mut after) = (names(&before), names(&after));
    before.sort_unstable();
    after.sort_unstable();
    assert_eq!(before, after);
    assert!(names(&secrets).contains(&"azure-storage-connection-string"));
    let left = back.azure.resources();
    let identities = "userassignedidentities";
    assert!(!left.keys().any(|id| id.contains(identities)));
    for (id, body) in left {
        let assigned = body.pointer("/identity/userAssignedIdentities");
        let assigned = assigned.and_then(Value::as_object);
        assert!(assigned.is_none_or(serde_json::Map::is_empty), "{id}");
    }
    assert!(back.verify().await.is_success());
}

#[tokio::test(start_paused = true)]
async fn an_owner_gets_the_command_for_each_container() {
    let rights: [(&[&str], &[&str]); 1] = [(&["*"], &["Microsoft.Authorization/*/write"])];
    let options = Emulator::builder()
        .permissions(&rights)
        .enforce_permissions();
    let scene = Scene::on(Azure::with(options), &by_identity());
    let problems = scene.preflight().await;
    assert!(scene.azure.writes().is_empty());
    assert_eq!(problems.len(), 2, "{problems:?}");
    for problem in &problems {
        assert!(
            problem.what.contains("\"Storage Blob Data Contributor\""),
            "{}",
            problem.what
        );
        assert!(
            problem.remedy.contains("[data.storage] identity"),
            "{}",
            problem.remedy
        );
    }
}

#[tokio::test(start_paused = true)]
async fn everything_by_identities_at_once() {
    let scene = Scene::new(IDENTITIES);
    scene.make_existing().await;
    scene.apply().await;
    scene.assert_settled().await;
    let plan = scene.plan().await;
    let roles = scene
        .graph
        .nodes()
        .filter(|node| node.kind() == Kind::RoleAssignment);
    let mut roles = roles.map(|node| plan.change(node.id()).unwrap().action);
    assert!(roles.all(|action| action == Action::NoChange));
    assert!(scene.verify().await.is_success());
    let seen = format!("{:?}", scene.azure.resources());
    assert!(
        !seen.contains("AccountKey="),
        "an app has the account's key"
    );
}
