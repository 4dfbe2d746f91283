//! What would stop a run is a sentence before the first write.

use dify_infra_emulator::{Emulator, EmulatorBuilder, NameKind, Registered};
use dify_infra_examples::MINIMAL;

use crate::support::{Azure, Scene, edit};

async fn problems(options: EmulatorBuilder, file: &str) -> Vec<String> {
    let scene = Scene::on(Azure::with(options), file);
    let problems = scene.preflight().await;
    assert!(
        scene.azure.writes().is_empty(),
        "{:?}",
        scene.azure.headlines()
    );
    problems
        .into_iter()
        .map(|problem| format!("{}; {}", problem.what, problem.remedy))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn nothing_stands_in_the_way_of_a_first_apply() {
    assert_eq!(
        problems(Emulator::builder(), MINIMAL).await,
        Vec::<String>::new()
    );
}

#[tokio::test(start_paused = true)]
async fn an_unregistered_provider() {
    let most: Registered = [
        "Microsoft.App",
        "Microsoft.Storage",
        "Microsoft.DBforPostgreSQL",
    ]
    .into_iter()
    .collect();
    let options = Emulator::builder().providers_registered(most);
    insta::assert_debug_snapshot!(problems(options, MINIMAL).await);
}

#[tokio::test(start_paused = true)]
async fn a_wrong_subscription() {
    let from = "resource_group = \"dify-dev-rg\"";
    let other = format!("{from}\nsubscription = \"99999999-9999-4999-8999-999999999999\"");
    let file = edit(MINIMAL, from, &other);
    insta::assert_debug_snapshot!(problems(Emulator::builder(), &file).await);
    let plan = Scene::new(&file).plan().await;
    assert!(!plan.is_applyable());
    insta::assert_snapshot!("a_wrong_subscription_plan", plan.changes()[0].reason);
}

#[tokio::test(start_paused = true)]
async fn a_missing_right() {
    let rights: [(&[&str], &[&str]); 1] = [(&["*"], &["Microsoft.Storage/storageAccounts/write"])];
    let options = Emulator::builder().permissions(&rights);
    insta::assert_debug_snapshot!(problems(options, MINIMAL).await);
}

#[tokio::test(start_paused = true)]
async fn a_reader() {
    let rights: [(&[&str], &[&str]); 1] = [(&["*/read"], &[])];
    let options = Emulator::builder().permissions(&rights);
    insta::assert_debug_snapshot!(problems(options, MINIMAL).await);
}

#[tokio::test(start_paused = true)]
async fn a_taken_name() {
    let from = "resource_group = \"dify-dev-rg\"";
    let file = edit(MINIMAL, from, &format!("{from}\nsuffix = \"abc234\""));
    let options = Emulator::builder()
        .taken_name(NameKind::StorageAccount, "difydevabc234")
        .taken_name(NameKind::PostgresServer, "dify-dev-postgres-abc234");
    insta::assert_debug_snapshot!(problems(options, &file).await);
}

#[tokio::test(start_paused = true)]
async fn a_region_without_the_service() {
    let file = edit(MINIMAL, "japaneast", "norwayeast");
    insta::assert_debug_snapshot!(problems(Emulator::builder(), &file).await);
}
