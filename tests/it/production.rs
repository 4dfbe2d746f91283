//! Production with each store of secrets and each network: what is sent, who may do it, and what
//! happens to it beside others.

use std::collections::BTreeSet;
use std::sync::Arc;

use dify_infra_azure::apply::{Cancellation, Event};
use dify_infra_core::resource::authorization::Role;
use dify_infra_core::resource::{Kind, ResourceId};
use dify_infra_emulator::DEFAULT_SUBSCRIPTION;
use dify_infra_examples::{DIFY_PROD, EXISTING_NETWORK};
use http::Method;
use secrecy::ExposeSecret as _;
use serde_json::json;

use crate::saved::saved;
use crate::support::schemas::Schemas;
use crate::support::state::{differences, state};
use crate::support::{Azure, Scene, edit, with_another_tag};

const STORE: &str = "[secrets]\nstore = \"key-vault\" # read by the apps over a private endpoint, with an identity of their own\n";

/// Own and existing network, each with secrets in the apps and in a vault; and one that the internet
/// reaches.
fn variants() -> [(&'static str, String); 5] {
    let vault = "\n[secrets]\nstore = \"key-vault\"\n";
    let (internal, public) = ("front_door = \"internal\"", "front_door = \"public\"");
    [
        (
            "own network, public front door, vault",
            edit(DIFY_PROD, internal, public),
        ),
        ("own network, vault", DIFY_PROD.to_owned()),
        ("own network, apps", edit(DIFY_PROD, STORE, "")),
        (
            "existing network, vault",
            format!("{EXISTING_NETWORK}{vault}"),
        ),
        ("existing network, apps", EXISTING_NETWORK.to_owned()),
    ]
}

#[tokio::test(start_paused = true)]
async fn each_store_and_network_sends_what_azure_takes_and_settles() {
    let schemas = Schemas::load();
    let (mut bodies, mut invalid) = (0, Vec::new());
    for (name, file) in variants() {
        let scene = Scene::new(&file);
        scene.make_existing().await;
        scene.azure.forget();
        scene.apply().await;
        scene.assert_settled().await;
        scene.with_file(&with_another_tag(&file)).apply().await;
        let puts = scene.azure.exchanges().into_iter();
        for exchange in puts.filter(|one| one.method == Method::PUT) {
            bodies += 1;
            let Some(schemas) = &schemas else { continue };
            let kind = exchange.kind().unwrap().resource_type();
            let body = exchange.body.as_ref().unwrap();
            let problems = schemas.problems_of_sent(kind, &exchange.api_version, body);
            invalid.extend(problems.into_iter().map(|one| format!("{name}: {one}")));
        }
        assert!(scene.verify().await.is_success(), "{name}");
    }
    assert!(bodies > 200, "{bodies}");
    assert!(invalid.is_empty(), "{invalid:#?}");
    if schemas.is_none() {
        skipped();
    }
}

#[expect(clippy::print_stdout, reason = "a skipped test says so")]
fn skipped() {
    println!("skipped: arm-schemas not found");
}

#[tokio::test(start_paused = true)]
async fn a_plan_calls_nothing_that_returns_a_secret() {
    let secret: [(&[&str], &[&str]); 1] = [(
        &["*"],
        &[
            "*/listSecrets/action",
            "*/listKeys/action",
            "*/sharedKeys/action",
            "*/listCredentials/action",
        ],
    )];
    for (name, file) in variants() {
        let scene = Scene::new(&file);
        scene.make_existing().await;
        scene.azure.emulator().set_permissions(&secret);
        let plan = scene.plan().await;
        assert!(plan.is_complete() && plan.is_applyable(), "{name}: {plan}");
        scene.azure.emulator().set_permissions(&[(&["*"], &[])]);
        scene.apply().await;
        scene.azure.emulator().set_permissions(&secret);
        scene.azure.forget();
        scene.assert_settled().await;
        let changed = scene.with_file(&edit(&file, "dify = \"1.16.0\"", "dify = \"1.14.2\""));
        let plan = changed.plan_without_secrets().await;
        assert!(plan.is_complete() && !plan.is_empty(), "{name}");
        let asked = scene.azure.exchanges();
        assert!(asked.iter().all(|one| one.method == Method::GET), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn without_the_right_to_assign_roles_production_writes_nothing() {
    for (name, file) in variants() {
        let scene = Scene::new(&file);
        scene.make_existing().await;
        let contributor: [(&[&str], &[&str]); 1] = [(&["*"], &["Microsoft.Authorization/*/write"])];
        scene.azure.emulator().set_permissions(&contributor);
        scene.azure.forget();
        let problems = scene.preflight().await;
        assert_eq!(scene.azure.headlines(), Vec::<String>::new(), "{name}");
        let assigns = name.ends_with("vault");
        assert_eq!(
            problems.len(),
            usize::from(assigns),
            "{name}: {problems:#?}"
        );
        for problem in problems {
            assert!(
                problem.remedy.contains("az role assignment create"),
                "{problem:?}"
            );
            assert!(
                problem.remedy.contains("Key Vault Secrets User"),
                "{problem:?}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_that_ends_anywhere_is_finished_by_the_next() {
    let expected = {
        let scene = Scene::new(DIFY_PROD);
        scene.apply().await;
        state(&scene).await
    };
    // Each is ended after another number of requests that were answered: in the network, between vault
    // and server, at the apps.
    for stop in [110, 220] {
        let scene = Scene::new(DIFY_PROD);
        let answered = async {
            while scene.azure.exchanges().len() < stop {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        };
        let quiet = |_: &Event| {};
        // Whoever loses is dropped where it stands, as a process that is killed.
        tokio::select! {
            _ = scene.try_apply(&quiet, Cancellation::never()) => panic!("it was over before {stop} requests"),
            () = answered => {}
        }
        scene.apply().await;
        scene.assert_settled().await;
        let mut found = differences(&expected, &state(&scene).await);
        // Which endpoint gets which address follows from who came first.
        found.retain(|line| !line.contains("ipAddresses"));
        assert!(
            found.is_empty(),
            "after {stop} requests:\n{}",
            found.join("\n")
        );
    }
}

#[tokio::test(start_paused = true)]
async fn no_value_is_seen_anywhere_but_in_the_vault() {
    let mut scene = Scene::new(DIFY_PROD);
    let saved_plan = async |scene: &Scene| {
        let (plan, snapshot) = scene.look().await;
        assert!(!plan.is_empty());
        saved(scene, &plan, &snapshot).to_json().unwrap()
    };
    let creation = saved_plan(&scene).await;
    let report = scene.apply().await;
    let snapshot = scene.observe().await;
    let plan = scene.plan().await;
    let proof = scene.verify().await;
    let before = scene.secrets.clone();
    for (name, value) in before.iter() {
        // The key of the fingerprints is not rotated: they would all change with it.
        if name.as_str() != "fingerprint-key" {
            let another = value.expose_secret().chars().rev().collect::<String>();
            scene.secrets.insert(name.clone(), another.into());
        }
    }
    let rotation = saved_plan(&scene).await;
    assert!(rotation.contains("/secrets/sandbox-api-key"), "{rotation}");
    let all = format!(
        "{creation} {rotation} {report:?} {snapshot:?} {plan:?} {plan} {proof:?} {} {:?} {:?}",
        proof.to_junit(),
        scene.azure.emulator().request_log(),
        scene.azure.resources(),
    );
    let mut values = 0;
    for (name, value) in before.iter().chain(scene.secrets.iter()) {
        assert!(!all.contains(value.expose_secret()), "{name}");
        values += 1;
    }
    assert!(values >= 12, "{values}");
    // Values go to the vault, the password to the server as well, and nowhere else.
    for exchange in scene.azure.writes() {
        let body = exchange
            .body
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default();
        let holds = before
            .iter()
            .any(|(_, value)| body.contains(value.expose_secret()));
        let may = matches!(
            exchange.kind(),
            Some(Kind::VaultSecret | Kind::PostgresServer)
        );
        assert!(may || !holds, "{}", exchange.headline());
    }
}

/// A second production beside the first, with a network of its own and the zones of the first.
fn beside() -> String {
    let group = format!("/subscriptions/{DEFAULT_SUBSCRIPTION}/resourceGroups/dify-prod-rg");
    let file = edit(DIFY_PROD, "\nname = \"dify\"\n", "\nname = \"team\"\n");
    let file = edit(
        &file,
        "address_space = \"10.20.0.0/16\"",
        &format!("address_space = \"10.30.0.0/16\"\nprivate_dns_zones = \"{group}\""),
    );
    edit(
        &file,
        "https://dify.example.com",
        "https://team.example.com",
    )
}

#[tokio::test(start_paused = true)]
async fn two_productions_in_one_group_leave_each_other_alone() {
    let azure = Azure::new();
    let one = Scene::on(Arc::clone(&azure), DIFY_PROD);
    one.apply().await;
    let own_zones = edit(DIFY_PROD, "\nname = \"dify\"\n", "\nname = \"team\"\n");
    let refused = Scene::on(Arc::clone(&azure), &own_zones).plan().await;
    assert!(
        refused.to_string().contains("network.private_dns_zones"),
        "zones have one name in a group: {refused}"
    );

    let other = Scene::on(Arc::clone(&azure), &beside());
    assert_eq!(other.preflight().await, []);
    other.apply().await;
    other.assert_settled().await;
    one.assert_settled().await;
    assert_no_orphans(&one).await;

    let changed = other.with_file(&with_another_tag(&beside()));
    changed.apply().await;
    one.assert_settled().await;
    changed.destroy(false).await;
    one.assert_settled().await;
    changed.apply().await;
    changed.destroy(true).await;
    one.assert_settled().await;
    assert_no_orphans(&one).await;
    assert!(one.verify().await.is_success());
    let left: Vec<String> = azure.resources().into_keys().collect();
    let of_other = left
        .iter()
        .filter(|id| id.contains("/team-") || id.contains("/teamprod"));
    assert_eq!(of_other.collect::<Vec<_>>(), Vec::<&String>::new());
}

async fn assert_no_orphans(scene: &Scene) {
    let plan = scene.plan().await;
    assert_eq!(plan.changes().len(), scene.graph.len(), "{plan}");
}

#[tokio::test(start_paused = true)]
async fn one_name_in_two_regions_is_two_productions() {
    let azure = Azure::new();
    let elsewhere = edit(
        DIFY_PROD,
        "location = \"japaneast\"",
        "location = \"westeurope\"",
    );
    let elsewhere = edit(&elsewhere, "dify-prod-rg", "dify-prod-eu-rg");
    let elsewhere = edit(&elsewhere, "10.20.0.0/16", "10.40.0.0/16");
    let one = Scene::on(Arc::clone(&azure), DIFY_PROD);
    let other = Scene::on(Arc::clone(&azure), &elsewhere);
    for kind in [
        Kind::PostgresServer,
        Kind::RedisEnterprise,
        Kind::StorageAccount,
        Kind::Vault,
    ] {
        assert_ne!(one.only(kind).name(), other.only(kind).name(), "{kind:?}");
    }
    one.apply().await;
    other.apply().await;
    other.assert_settled().await;
    other.with_file(&with_another_tag(&elsewhere)).apply().await;
    one.assert_settled().await;
    one.destroy(true).await;
    other
        .with_file(&with_another_tag(&elsewhere))
        .assert_settled()
        .await;
    let left: BTreeSet<String> = azure
        .resources()
        .into_keys()
        .filter(|id| id.contains("/resourcegroups/dify-prod-rg/"))
        .collect();
    assert!(left.is_empty(), "{left:#?}");
}

#[tokio::test(start_paused = true)]
async fn one_name_in_two_regions_shares_the_zones_of_a_hub() {
    let azure = Azure::new();
    let hub = format!("/subscriptions/{DEFAULT_SUBSCRIPTION}/resourceGroups/hub-dns-rg");
    let with_hub = |file: &str, from: &str, to: &str| {
        let space = format!("address_space = \"{to}\"\nprivate_dns_zones = \"{hub}\"");
        edit(file, &format!("address_space = \"{from}\""), &space)
    };
    let here = with_hub(DIFY_PROD, "10.20.0.0/16", "10.20.0.0/16");
    let elsewhere = edit(
        DIFY_PROD,
        "location = \"japaneast\"",
        "location = \"westeurope\"",
    );
    let elsewhere = edit(&elsewhere, "dify-prod-rg", "dify-prod-eu-rg");
    let elsewhere = with_hub(&elsewhere, "10.20.0.0/16", "10.40.0.0/16");
    let one = Scene::on(Arc::clone(&azure), &here);
    let other = Scene::on(Arc::clone(&azure), &elsewhere);
    one.make_existing().await;
    one.apply().await;
    other.apply().await;
    one.assert_settled().await;
    other.assert_settled().await;
    other.destroy(true).await;
    one.assert_settled().await;
    assert!(one.verify().await.is_success());
    let links = azure.resources().into_keys();
    let links = links.filter(|id| id.contains("/virtualnetworklinks/"));
    let wanted = one.graph.nodes();
    let wanted = wanted.filter(|node| node.kind() == Kind::VirtualNetworkLink);
    assert_eq!(links.count(), wanted.count());
}

#[tokio::test(start_paused = true)]
async fn productions_share_a_vault_and_a_network_that_somebody_else_made() {
    let azure = Azure::new();
    let vault = "\n[secrets]\nstore = \"key-vault\"\nexisting = \"contoso-vault\"\n";
    let first = format!("{EXISTING_NETWORK}{vault}");
    let second = edit(
        &first,
        "\nname = \"assistants\"\n",
        "\nname = \"research\"\n",
    );
    let one = Scene::on(Arc::clone(&azure), &first);
    one.make_existing().await;
    one.apply().await;
    let second = second.replace("/subnets/dify-apps", "/subnets/research-apps");
    let other = Scene::on(Arc::clone(&azure), &second);
    let apps = other.id("research-apps");
    let body = json!({ "properties": { "addressPrefix": "172.20.77.0/24", "delegations": [
        { "name": "a", "properties": { "serviceName": "Microsoft.App/environments" } } ] } });
    other.put(&apps, Kind::Subnet, &body).await;
    other.apply().await;
    other.assert_settled().await;
    one.assert_settled().await;
    other.destroy(true).await;
    one.assert_settled().await;
    assert_no_orphans(&one).await;
    assert!(one.verify().await.is_success());
    // Secrets of a vault can't be deleted through Resource Manager; the role on it can.
    let roles: Vec<String> = azure
        .resources()
        .into_keys()
        .filter(|id| id.contains("/roleassignments/"))
        .collect();
    assert_eq!(roles.len(), 1, "{roles:#?}");
}

#[tokio::test(start_paused = true)]
async fn an_identity_of_another_group_reads_the_vault() {
    let id = ResourceId::resource_group(DEFAULT_SUBSCRIPTION, "identities-rg")
        .provider(Kind::UserAssignedIdentity.resource_type(), "dify-reader");
    let store = format!("[secrets]\nstore = \"key-vault\"\nidentity = \"{id}\"\n");
    let scene = Scene::new(&edit(DIFY_PROD, STORE, &store));
    scene.make_existing().await;
    let snapshot = scene.observe().await;
    let principal = snapshot.output(&id, "/properties/principalId").unwrap();
    let role = Kind::RoleAssignment.resource_type();
    let name = "0d6b4b0e-4d0c-4f4f-9f55-3a7f0f8f9a11";
    let body = json!({ "properties": {
        "roleDefinitionId": Role::KeyVaultSecretsUser.definition(DEFAULT_SUBSCRIPTION),
        "principalId": principal,
        "principalType": "ServicePrincipal",
    }});
    let assignment = scene.graph.group().provider(role, name);
    scene.put(&assignment, Kind::RoleAssignment, &body).await;

    let rights: [(&[&str], &[&str]); 1] = [(
        &["*"],
        &[
            "Microsoft.Authorization/*/write",
            "Microsoft.ManagedIdentity/*/assign/action",
        ],
    )];
    scene.azure.emulator().set_permissions(&rights);
    let problems = scene.preflight().await;
    let [problem] = problems.as_slice() else {
        panic!("{problems:#?}")
    };
    assert!(
        problem.remedy.contains("Managed Identity Operator"),
        "{problem:?}"
    );
    assert!(problem.what.ends_with(id.as_str()), "{problem:?}");

    let rights: [(&[&str], &[&str]); 1] = [(&["*"], &["Microsoft.Authorization/*/write"])];
    scene.azure.emulator().set_permissions(&rights);
    assert_eq!(scene.preflight().await, []);
    scene.apply().await;
    scene.assert_settled().await;
    assert!(scene.verify().await.is_success());
    scene.destroy(true).await;
    assert!(
        scene
            .azure
            .resources()
            .contains_key(&id.as_str().to_ascii_lowercase())
    );
}
