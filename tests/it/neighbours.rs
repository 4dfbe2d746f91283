//! Several deployments: in one group, in one subscription, on data services that both use.

use std::sync::Arc;

use dify_infra_azure::apply::destroyed;
use dify_infra_azure::preflight::users_of;
use dify_infra_core::plan::Action;
use dify_infra_core::resource::Kind;
use dify_infra_examples::{DIFY_DEV, EXISTING_DATA, MINIMAL, OLDER_RELEASE};

use crate::support::{Azure, Scene, edit, with_another_tag};

/// A second deployment beside an example: another name in the same group.
fn renamed(file: &str, from: &str, to: &str) -> String {
    edit(
        file,
        &format!("\nname = \"{from}\"\n"),
        &format!("\nname = \"{to}\"\n"),
    )
}

#[tokio::test(start_paused = true)]
async fn what_happens_to_one_deployment_leaves_the_others_plan_empty() {
    let azure = Azure::new();
    let one = Scene::on(Arc::clone(&azure), DIFY_DEV);
    let other = Scene::on(Arc::clone(&azure), OLDER_RELEASE);
    assert_eq!(one.graph.group(), other.graph.group());
    one.apply().await;
    other.apply().await;
    one.assert_settled().await;

    // A change, an app less, the apps gone, everything gone.
    let changed = other.with_file(&with_another_tag(OLDER_RELEASE));
    changed.apply().await;
    one.assert_settled().await;
    assert_eq!(
        one.plan().await.changes().len(),
        one.graph.len(),
        "an orphan of the other is none of ours"
    );
    changed.destroy(false).await;
    one.assert_settled().await;
    changed.apply().await;
    changed.destroy(true).await;
    one.assert_settled().await;
    assert!(one.verify().await.is_success());
}

#[tokio::test(start_paused = true)]
async fn one_name_in_two_groups_and_regions_is_two_deployments() {
    let azure = Azure::new();
    let elsewhere = edit(
        &edit(
            MINIMAL,
            "location = \"japaneast\"",
            "location = \"westeurope\"",
        ),
        "resource_group = \"dify-dev-rg\"",
        "resource_group = \"dify-dev-eu-rg\"",
    );
    let (one, other) = (
        Scene::on(Arc::clone(&azure), MINIMAL),
        Scene::on(azure, &elsewhere),
    );
    assert_eq!(one.graph.owner(), other.graph.owner());
    for kind in [
        Kind::PostgresServer,
        Kind::RedisEnterprise,
        Kind::StorageAccount,
    ] {
        assert_ne!(one.only(kind).name(), other.only(kind).name(), "{kind:?}");
    }
    one.apply().await;
    other.apply().await;
    one.assert_settled().await;
    other.assert_settled().await;
    other.destroy(true).await;
    one.assert_settled().await;
}

#[tokio::test(start_paused = true)]
async fn one_name_in_two_regions_of_a_group_is_refused_before_data_is_lost() {
    let scene = Scene::new(MINIMAL);
    scene.apply().await;
    let moved = scene.with_file(&edit(
        MINIMAL,
        "location = \"japaneast\"",
        "location = \"westeurope\"",
    ));
    let plan = moved.plan().await;
    assert!(!plan.is_applyable(), "{plan}");
    let server = moved.only(Kind::PostgresServer);
    assert_eq!(plan.change(&server).unwrap().action, Action::Replace);
    assert!(
        plan.blocked()
            .iter()
            .any(|sentence| sentence.contains("holds data")),
        "{plan}"
    );
}

async fn sharers(second: &str) -> (Scene, Scene, Vec<String>) {
    let azure = Azure::new();
    let first = Scene::on(Arc::clone(&azure), EXISTING_DATA);
    first.make_existing().await;
    first.apply().await;
    let second = Scene::on(azure, second);
    let problems = second.preflight().await;
    let said = problems
        .into_iter()
        .map(|one| format!("{}; {}", one.what, one.remedy));
    let said = said.collect();
    (first, second, said)
}

#[tokio::test(start_paused = true)]
async fn data_of_another_deployment_on_shared_services_is_never_mixed_with_ours() {
    let (_, second, said) = sharers(&renamed(EXISTING_DATA, "dify", "team")).await;
    insta::assert_debug_snapshot!(said);
    assert!(
        second
            .azure
            .resources()
            .keys()
            .all(|id| !id.contains("/team-test-"))
    );
}

#[tokio::test(start_paused = true)]
async fn deployments_share_a_server_and_an_account_with_names_of_their_own() {
    let file = renamed(EXISTING_DATA, "dify", "team");
    let file = edit(
        &file,
        "[data.redis]\nexisting = \"contoso-cache\"\n",
        "[data.redis]\n",
    );
    let file = edit(
        &file,
        "administrator = \"contosoadmin\"\n",
        "administrator = \"contosoadmin\"\ndatabase = \"team\"\nplugin_database = \"team_plugin\"\n",
    );
    let file = edit(
        &file,
        "existing = \"contosofiles\"",
        "existing = \"contosofiles\"\napp_container = \"team-files\"\nplugin_container = \"team-plugins\"",
    );
    let (first, second, said) = sharers(&file).await;
    assert_eq!(said, Vec::<String>::new());
    second.apply().await;
    second.assert_settled().await;
    first.assert_settled().await;
    second.destroy(true).await;
    first.assert_settled().await;
}

#[tokio::test(start_paused = true)]
async fn data_that_another_deployment_lives_on_is_not_destroyed_unseen() {
    let azure = Azure::new();
    let maker = Scene::on(Arc::clone(&azure), MINIMAL);
    maker.apply().await;
    let (server, account) = (
        maker.only(Kind::PostgresServer),
        maker.only(Kind::StorageAccount),
    );
    let guest = format!(
        "schema = 1\nname = \"guest\"\nenvironment = \"dev\"\nlocation = \"japaneast\"\n\
         dify = \"1.16.0\"\n[azure]\nresource_group = \"dify-dev-rg\"\n\
         [data.postgres]\nexisting = \"{}\"\nadministrator = \"{}\"\ndatabase = \"guest\"\n\
         plugin_database = \"guest_plugin\"\n[data.storage]\nexisting = \"{}\"\n\
         app_container = \"guest-files\"\nplugin_container = \"guest-plugins\"\n",
        server.name(),
        maker.deployment.postgres().administrator,
        account.name(),
    );
    let mut guest = Scene::on(azure, &guest);
    for (name, value) in maker.secrets.iter() {
        guest.secrets.insert(name.clone(), value.clone());
    }
    guest.apply().await;

    let going = async || {
        let snapshot = maker.observe().await;
        let going = destroyed(&maker.graph, &snapshot, true);
        let users = users_of(&maker.client, &maker.graph, &going).await;
        assert_eq!(users.unseen, None);
        let problems = users.problems.into_iter();
        problems.map(|one| one.what).collect::<Vec<_>>()
    };
    let users = going().await;
    assert_eq!(users.len(), 2, "{users:#?}");
    for id in [server, account] {
        let names = |user: &&String| user.contains("guest-dev") && user.contains(id.name());
        assert!(users.iter().any(|user| names(&user)), "{users:#?}");
    }
    // Its apps alone are nobody else's.
    let apps = destroyed(&maker.graph, &maker.observe().await, false);
    let users = users_of(&maker.client, &maker.graph, &apps).await;
    assert_eq!(users.problems, []);
    // What may not be read is not said to be absent.
    let data = destroyed(&maker.graph, &maker.observe().await, true);
    for hidden in [
        "Microsoft.App/containerApps/read",
        "Microsoft.App/jobs/read",
    ] {
        let rights: [(&[&str], &[&str]); 1] = [(&["*"], &[hidden])];
        maker.azure.emulator().set_permissions(&rights);
        let users = users_of(&maker.client, &maker.graph, &data).await;
        let why = users.unseen.unwrap_or_default();
        assert!(why.contains(hidden), "{why}");
    }
    maker.azure.emulator().set_permissions(&[(&["*"], &[])]);
    guest.destroy(true).await;
    assert_eq!(going().await, Vec::<String>::new());
}
