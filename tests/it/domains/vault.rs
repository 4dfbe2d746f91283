//! Certificates of a key vault.

use dify_infra_azure::verify::Status;
use dify_infra_core::resource::{Kind, ResourceId};
use serde_json::json;

use super::{HOST, bound, managed, names, set, wanted, with_public};
use crate::support::Scene;

const VAULT: &str = "/subscriptions/00000000-0000-4000-8000-0000000000d1/resourceGroups/certificates/\
    providers/Microsoft.KeyVault/vaults/company-certs";

fn from_vault(certificate: &str) -> String {
    with_public(&format!(
        "origin = \"https://{HOST}\"\ncertificate = \"{certificate}\""
    ))
}

/// The owner of the vault puts a certificate into it.
async fn put_certificate(scene: &Scene, vault: &ResourceId) {
    let secret = vault.child("secrets", "dify");
    let body = json!({ "properties": { "value": "a certificate with its key" } });
    scene.put(&secret, Kind::VaultSecret, &body).await;
}

#[tokio::test(start_paused = true)]
async fn a_certificate_of_a_vault_is_read_by_an_identity_and_needs_the_owners_record_alone() {
    let scene = Scene::new(&from_vault(&format!("{VAULT}/certificates/dify")));
    scene.make_existing().await;
    put_certificate(&scene, &scene.only(Kind::Vault)).await;
    scene.apply().await;
    let snapshot = scene.observe().await;
    let certificate = scene.only(Kind::Certificate);
    let live = &snapshot.body(&certificate).unwrap()["properties"];
    assert_eq!(live["provisioningState"], "Succeeded");
    let source = &live["certificateKeyVaultProperties"];
    assert_eq!(
        source["keyVaultUrl"],
        "https://company-certs.vault.azure.net/secrets/dify"
    );

    let plan = scene.plan().await;
    assert!(plan.is_empty() && plan.summary().waiting == 1, "{plan}");
    let records = wanted(&scene).await;
    set(&scene, &records[1..]);
    scene.apply().await;
    assert_eq!(names(&scene).await[0]["bindingType"], "SniEnabled");
    scene.assert_settled().await;
    // The alias may be moved when everything works.
    let report = scene.verify().await;
    assert!(report.is_success());
    assert_eq!(report.count(Status::Waiting), 1, "{report:#?}");
    set(&scene, &records);
    assert_eq!(scene.verify().await.count(Status::Waiting), 0);
}

#[tokio::test(start_paused = true)]
async fn an_identity_with_its_role_reads_the_certificate_by_address() {
    let id = ResourceId::resource_group(dify_infra_emulator::DEFAULT_SUBSCRIPTION, "dify-dev-rg")
        .provider(Kind::UserAssignedIdentity.resource_type(), "reader");
    let url = "https://company-certs.vault.azure.net/certificates/dify";
    let file = from_vault(url).trim_end().to_owned() + &format!("\nidentity = \"{id}\"\n");
    let scene = Scene::new(&file);
    assert_eq!(
        scene
            .graph
            .nodes()
            .filter(|node| node.kind() == Kind::Vault)
            .count(),
        0
    );
    scene.make_existing().await;
    // Without a role nothing of the environment can read it.
    let report = scene.attempt().await;
    let failed: Vec<String> = report
        .failures()
        .map(|(_, error)| error.sentence())
        .collect();
    assert_eq!(failed.len(), 1, "{failed:?}");
    assert!(failed[0].contains("company-certs"), "{failed:?}");
}

#[tokio::test(start_paused = true)]
async fn a_managed_certificate_gives_way_to_one_of_a_vault() {
    let scene = bound(&managed()).await;
    let old = scene.only(Kind::ManagedCertificate);
    let other = scene.with_file(&from_vault(&format!("{VAULT}/certificates/dify")));
    other.make_existing().await;
    put_certificate(&other, &other.only(Kind::Vault)).await;
    other.apply().await;
    other.assert_settled().await;
    let certificate = other.only(Kind::Certificate);
    assert_eq!(
        names(&other).await[0]["certificateId"],
        certificate.as_str()
    );
    let gone = other.client.get(old.as_str(), "2026-01-01").await.unwrap();
    assert_eq!(gone, None, "the managed one");
}

#[tokio::test(start_paused = true)]
async fn an_internal_front_door_waits_for_nobody() {
    let file =
        from_vault(&format!("{VAULT}/secrets/dify")) + "\n[network]\nfront_door = \"internal\"\n";
    let scene = Scene::new(&file);
    scene.make_existing().await;
    put_certificate(&scene, &scene.only(Kind::Vault)).await;
    let plan = scene.plan().await;
    assert_eq!(plan.summary().waiting, 0, "{plan}");
    scene.apply().await;
    scene.assert_settled().await;
    assert_eq!(names(&scene).await[0]["bindingType"], "SniEnabled");
    let kinds: Vec<&str> = wanted(&scene)
        .await
        .iter()
        .map(|record| record.kind)
        .collect();
    assert_eq!(kinds, ["A"], "for a private zone");
}
