//! What a platform team keeps in a subscription of its own: network, zones, identity, registry, vault.

use dify_infra_core::plan::Action;
use dify_infra_core::resource::{Kind, ResourceId};
use dify_infra_emulator::{DEFAULT_SUBSCRIPTION, Emulator};
use dify_infra_examples::EXISTING_NETWORK;

use crate::support::{Azure, Scene};
use crate::template::deploy;

const HUB: &str = "00000000-0000-4000-8000-0000000000e1";

/// A deployment of which nothing that exists is in its own subscription.
fn file() -> String {
    let hub = |rest: &str| format!("/subscriptions/{HUB}/resourceGroups/hub-rg{rest}");
    let network = EXISTING_NETWORK.replace(DEFAULT_SUBSCRIPTION, HUB);
    format!(
        "{network}\n\
         [images]\nregistry = \"contoso.azurecr.io\"\nresource_group = \"{}\"\n\
         [secrets]\nstore = \"key-vault\"\nexisting = \"{}\"\n\
         [data.storage]\naccess = \"identity\"\nidentity = \"{}\"\n",
        hub(""),
        hub("/providers/Microsoft.KeyVault/vaults/contoso-vault"),
        hub("/providers/Microsoft.ManagedIdentity/userAssignedIdentities/dify-files"),
    )
}

fn is_in_hub(id: &ResourceId) -> bool {
    id.subscription() == HUB
}

#[tokio::test(start_paused = true)]
async fn what_exists_may_be_in_another_subscription() {
    let azure = Azure::with(Emulator::builder().another_subscription(HUB, "Hub"));
    let scene = Scene::on(azure, &file());
    let missing = scene.plan().await;
    assert!(!missing.is_applyable(), "{missing}");
    scene.make_existing().await;
    for kind in [
        Kind::VirtualNetwork,
        Kind::PrivateDnsZone,
        Kind::UserAssignedIdentity,
        Kind::Registry,
        Kind::Vault,
    ] {
        let mut of_kind = scene.graph.nodes().filter(|node| node.kind() == kind);
        assert!(of_kind.any(|node| is_in_hub(node.id())), "{kind:?}");
    }
    let before = scene.azure.resources();
    let plan = scene.plan().await;
    assert!(plan.is_complete() && plan.is_applyable(), "{plan}");
    assert!(scene.preflight().await.is_empty());
    scene.azure.forget();
    scene.apply().await;
    scene.assert_settled().await;
    assert!(scene.verify().await.is_success());

    // of what is there, secrets of our own, roles and records of endpoints alone were written
    let written = scene.azure.writes();
    let in_hub = written.iter().filter(|one| one.path.contains(HUB));
    for one in in_hub {
        let kind = one.kind();
        let allowed = [Some(Kind::VaultSecret), Some(Kind::RoleAssignment)];
        assert!(allowed.contains(&kind), "{}", one.headline());
    }

    let plan = scene.plan().await;
    assert!(
        plan.changes()
            .iter()
            .all(|one| one.action == Action::NoChange)
    );

    scene.destroy(true).await;
    let after = scene.azure.resources();
    for id in before.keys() {
        assert!(after.contains_key(id), "{id} is of somebody else");
    }
    let left: Vec<&String> = after
        .keys()
        .filter(|id| !before.contains_key(*id))
        .collect();
    assert!(left.iter().all(|id| id.contains("/secrets/")), "{left:#?}");
}

/// A template writes there through a deployment inside, and nothing is left for apply but the migration.
#[tokio::test(start_paused = true)]
async fn a_template_writes_into_another_subscription() {
    let azure = Azure::with(Emulator::builder().another_subscription(HUB, "Hub"));
    let scene = Scene::on(azure, &file());
    scene.make_existing().await;
    let deployment = deploy(&scene).await;
    assert_eq!(
        deployment["properties"]["provisioningState"], "Succeeded",
        "{deployment:#}"
    );
    let plan = scene.plan_without_secrets().await;
    let left = plan
        .changes()
        .iter()
        .filter(|change| !matches!(change.action, Action::NoChange | Action::Waiting));
    let left: Vec<_> = left.map(|change| change.kind).collect();
    assert_eq!(left, [Some(Kind::JobExecution)], "{plan}");
}
