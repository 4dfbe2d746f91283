//! Images in a registry of Azure: copied there by Azure itself, pulled by an identity, reached in
//! private.

use std::sync::{Mutex, PoisonError};

use dify_infra_azure::images::{
    self, ExistingTag, ImageCopy, ImportEvent, ImportOptions, ImportOutcome, ImportResult,
};
use dify_infra_core::deployment::Deployment;
use dify_infra_core::graph::registry_id;
use dify_infra_core::plan::Action;
use dify_infra_core::resource::{Kind, ResourceId};
use dify_infra_emulator::{Emulator, EmulatorBuilder, FaultKind, RequestMatcher};
use dify_infra_examples::{DIFY_PROD, MINIMAL};
use http::{Method, StatusCode};
use serde_json::json;

use crate::support::schemas::Schemas;
use crate::support::{Azure, Scene, edit};

const BY_IDENTITY: &str = "\n[images]\nregistry = \"contoso.azurecr.io\"\n";

/// A deployment that pulls from an Azure registry which somebody else made.
async fn pulling(rest: &str) -> Scene {
    let scene = Scene::new(&format!("{MINIMAL}{BY_IDENTITY}{rest}"));
    scene.make_existing().await;
    scene
}

#[tokio::test(start_paused = true)]
async fn images_are_pulled_by_an_identity_that_gets_its_role_first() {
    let scene = pulling("").await;
    scene.azure.forget();
    scene.apply().await;
    scene.assert_settled().await;
    let written = scene.azure.headlines();
    let role = format!("PUT {}", scene.only(Kind::RoleAssignment).name());
    let place = |line: &str| written.iter().position(|one| one == line).unwrap();
    assert!(place(&role) < place("PUT dify-dev-web"), "{written:#?}");
    assert!(
        !written.contains(&"PUT contoso".to_owned()),
        "it is not ours"
    );
    let identity = scene.only(Kind::UserAssignedIdentity).to_string();
    let snapshot = scene.observe().await;
    for service in ["sandbox", "nginx", "api"] {
        let body = snapshot.body(&scene.app(service)).unwrap();
        let configuration = &body["properties"]["configuration"];
        let expected = json!([{ "identity": identity, "lifecycle": "None" }]);
        assert_eq!(configuration["identitySettings"], expected, "{service}");
        assert_eq!(configuration["registries"][0]["identity"], json!(identity));
    }
    assert!(scene.verify().await.is_success());
    scene.destroy(true).await;
    let left: Vec<String> = scene.azure.resources().into_keys().collect();
    assert_eq!(left.len(), 1, "the registry alone stays: {left:?}");
}

#[tokio::test(start_paused = true)]
async fn a_registry_that_is_not_there_is_said_before_anything_is_written() {
    let scene = Scene::new(&format!("{MINIMAL}{BY_IDENTITY}"));
    let plan = scene.plan().await;
    assert!(!plan.is_applyable());
    let change = plan.change(&scene.only(Kind::Registry)).unwrap();
    assert_eq!(change.action, Action::Unknown, "{plan}");
}

#[tokio::test(start_paused = true)]
async fn one_identity_pulls_and_reads_the_vault() {
    let scene = pulling("\n[secrets]\nstore = \"key-vault\"\n").await;
    scene.apply().await;
    scene.assert_settled().await;
    scene.only(Kind::UserAssignedIdentity);
    let roles = scene
        .graph
        .nodes()
        .filter(|node| node.kind() == Kind::RoleAssignment);
    assert_eq!(roles.count(), 2);
}

/// An Azure that looks into its registries, and a deployment that pulls from one of them.
async fn empty_registry(options: EmulatorBuilder, file: &str) -> Scene {
    let scene = Scene::on(Azure::with(options.check_images()), file);
    scene.make_existing().await;
    scene.azure.forget();
    scene
}

fn by_identity() -> String {
    format!("{MINIMAL}{BY_IDENTITY}")
}

/// What Docker Hub would say of the images of a deployment: some digest, another for each.
fn copies(deployment: &Deployment) -> Vec<ImageCopy> {
    let images = deployment.images().into_iter().enumerate();
    let copy = |(position, one): (usize, dify_infra_core::deployment::DeployedImage)| {
        let digest = format!("sha256:{position:064x}");
        Some(ImageCopy {
            source: one.copy_of?.with_digest(&digest).unwrap(),
            target: one.image.without_digest(),
        })
    };
    images.filter_map(copy).collect()
}

fn registry(scene: &Scene) -> ResourceId {
    registry_id(&scene.deployment, &scene.target).unwrap()
}

async fn import_with(scene: &Scene, options: &ImportOptions) -> Vec<ImportOutcome> {
    let copies = copies(&scene.deployment);
    let quiet = |_: &ImportEvent<'_>| {};
    images::import(&scene.client, &registry(scene), &copies, options, &quiet).await
}

async fn import(scene: &Scene) -> Vec<ImportOutcome> {
    import_with(scene, &ImportOptions::default()).await
}

fn are_imported(outcomes: &[ImportOutcome]) -> bool {
    outcomes
        .iter()
        .all(|one| matches!(one.result, ImportResult::Imported))
}

fn failures(outcomes: &[ImportOutcome]) -> Vec<String> {
    let failed = outcomes.iter().filter_map(|one| match &one.result {
        ImportResult::Failed(error) => Some(format!("{}: {error}", one.copy.target)),
        _ => None,
    });
    failed.collect()
}

#[tokio::test(start_paused = true)]
async fn all_images_are_copied_by_digest_at_once_and_then_pulled() {
    let scene = empty_registry(Emulator::builder(), &by_identity()).await;
    let began = tokio::time::Instant::now();
    let outcomes = import(&scene).await;
    assert!(are_imported(&outcomes), "{:?}", failures(&outcomes));
    let slowest = outcomes.iter().map(|one| one.elapsed).max().unwrap();
    assert!(began.elapsed() <= slowest, "one after the other");
    let kinds: Vec<&str> = outcomes
        .iter()
        .map(|one| one.copy.target.repository())
        .collect();
    let expected = [
        "langgenius/dify-api",
        "langgenius/dify-web",
        "langgenius/dify-sandbox",
        "langgenius/dify-plugin-daemon",
        "library/nginx",
        "ubuntu/squid",
    ];
    assert!(expected.iter().all(|one| kinds.contains(one)), "{kinds:?}");
    assert_eq!(kinds.len(), expected.len(), "{kinds:?}");
    for exchange in scene.azure.writes() {
        assert_eq!(exchange.method, Method::POST, "{}", exchange.path);
        assert_eq!(exchange.status, Some(202), "{:?}", exchange.answer);
        let body = exchange.body.unwrap();
        let source = body["source"]["sourceImage"].as_str().unwrap().to_owned();
        assert!(source.contains("@sha256:"), "{source}");
    }
    scene.apply().await;
    scene.assert_settled().await;
    assert!(scene.verify().await.is_success());
    let again = import(&scene).await;
    assert!(
        are_imported(&again),
        "the same digests again: {:?}",
        failures(&again)
    );
    scene.assert_settled().await;
}

#[tokio::test(start_paused = true)]
async fn an_app_whose_image_is_missing_names_the_command_that_copies_it() {
    let scene = empty_registry(Emulator::builder(), &by_identity()).await;
    let report = scene.attempt().await;
    let said: Vec<String> = report
        .failures()
        .map(|(_, error)| error.sentence())
        .collect();
    assert!(!said.is_empty());
    for sentence in &said {
        assert!(sentence.contains("MANIFEST_UNKNOWN"), "{sentence}");
        assert!(
            sentence.contains("`dify-infra images import`"),
            "{sentence}"
        );
    }
    assert!(are_imported(&import(&scene).await));
    scene.apply().await;
    scene.assert_settled().await;
}

#[tokio::test(start_paused = true)]
async fn digests_of_the_file_are_what_is_copied_and_what_runs() {
    let digest = format!("sha256:{}", "5d".repeat(32));
    let file = format!(
        "{}digests = {{ \"langgenius/dify-sandbox:0.2.15\" = \"{digest}\" }}\n",
        by_identity()
    );
    let scene = empty_registry(Emulator::builder(), &file).await;
    let pinned = scene.deployment.images().into_iter();
    let pinned: Vec<ImageCopy> = pinned
        .filter(|one| one.image.digest().is_some())
        .filter_map(|one| {
            Some(ImageCopy {
                source: one.copy_of?,
                target: one.image.without_digest(),
            })
        })
        .collect();
    assert_eq!(pinned[0].source.digest(), Some(digest.as_str()));
    import(&scene).await;
    let quiet = |_: &ImportEvent<'_>| {};
    let options = ImportOptions::default();
    let outcomes =
        images::import(&scene.client, &registry(&scene), &pinned, &options, &quiet).await;
    assert!(are_imported(&outcomes));
    scene.apply().await;
    scene.assert_settled().await;
    let snapshot = scene.observe().await;
    let body = snapshot.body(&scene.app("sandbox")).unwrap();
    let image = &body["properties"]["template"]["containers"][0]["image"];
    let expected = format!("contoso.azurecr.io/langgenius/dify-sandbox:0.2.15@{digest}");
    assert_eq!(*image, json!(expected));
}

#[tokio::test(start_paused = true)]
async fn one_image_that_fails_keeps_no_other_and_names_itself() {
    let scene = empty_registry(Emulator::builder(), &by_identity()).await;
    let refusal = FaultKind::Status {
        status: StatusCode::BAD_REQUEST,
        code: "InvalidParameters".to_owned(),
        message: "toomanyrequests: You have reached your pull rate limit.".to_owned(),
    };
    let matcher = RequestMatcher::any()
        .method(Method::POST)
        .path_contains("importImage");
    scene.azure.emulator().fail_next(matcher, refusal, 1);
    let told = Mutex::new(Vec::new());
    let tell = |event: &ImportEvent<'_>| {
        if let ImportEvent::Ended {
            failure: Some(why),
            target,
            ..
        } = event
        {
            let line = format!("{target}: {why}");
            told.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(line);
        }
    };
    let copies = copies(&scene.deployment);
    let options = ImportOptions::default();
    let outcomes = images::import(&scene.client, &registry(&scene), &copies, &options, &tell).await;
    let failed = failures(&outcomes);
    assert_eq!(failed.len(), 1, "{failed:?}");
    assert!(failed[0].starts_with("contoso.azurecr.io/"), "{failed:?}");
    assert!(failed[0].contains("pull rate limit"), "{failed:?}");
    assert_eq!(told.lock().unwrap().len(), 1);
    assert!(
        are_imported(&import(&scene).await),
        "and the next run mends it"
    );
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_is_asked_for_again() {
    let scene = empty_registry(Emulator::builder(), &by_identity()).await;
    scene
        .azure
        .plan_faults([(1, FaultKind::ResetAfter), (2, FaultKind::ResetBefore)]);
    let outcomes = import(&scene).await;
    assert!(are_imported(&outcomes), "{:?}", failures(&outcomes));
}

#[tokio::test(start_paused = true)]
async fn a_tag_that_is_there_is_kept_when_asked_for() {
    let scene = empty_registry(Emulator::builder(), &by_identity()).await;
    import(&scene).await;
    let keep = ImportOptions {
        existing: ExistingTag::Keep,
        ..ImportOptions::default()
    };
    let outcomes = import_with(&scene, &keep).await;
    let kept = |one: &ImportOutcome| matches!(one.result, ImportResult::Kept);
    assert!(outcomes.iter().all(kept), "{outcomes:?}");
}

#[tokio::test(start_paused = true)]
async fn an_import_is_stopped_before_its_first_copy() {
    let rights: [(&[&str], &[&str]); 1] =
        [(&["*"], &["Microsoft.ContainerRegistry/registries/*/action"])];
    let options = Emulator::builder()
        .permissions(&rights)
        .enforce_permissions();
    let scene = empty_registry(options, &by_identity()).await;
    let problem = images::check(&scene.client, &registry(&scene))
        .await
        .unwrap();
    assert!(
        problem.what.contains(images::IMPORT_ACTION),
        "{}",
        problem.what
    );
    assert!(
        problem.remedy.contains("az role assignment create"),
        "{}",
        problem.remedy
    );
    let outcomes = import(&scene).await;
    assert_eq!(
        failures(&outcomes).len(),
        outcomes.len(),
        "and Azure says so too"
    );

    let elsewhere = scene.with_file(&format!(
        "{}resource_group = \"shared-rg\"\n",
        by_identity()
    ));
    let problem = images::check(&elsewhere.client, &registry(&elsewhere))
        .await
        .unwrap();
    assert!(
        problem.what.contains("no registry contoso"),
        "{}",
        problem.what
    );
    assert!(problem.what.contains("shared-rg"), "{}", problem.what);
}

#[tokio::test(start_paused = true)]
async fn without_the_right_to_assign_roles_an_owner_gets_the_command() {
    let rights: [(&[&str], &[&str]); 1] = [(&["*"], &["Microsoft.Authorization/*/write"])];
    let options = Emulator::builder()
        .permissions(&rights)
        .enforce_permissions();
    let scene = empty_registry(options, &by_identity()).await;
    let problems = scene.preflight().await;
    assert!(scene.azure.writes().is_empty());
    let [problem] = problems.as_slice() else {
        panic!("{problems:?}");
    };
    assert!(
        problem.what.contains("\"AcrPull\" on contoso"),
        "{}",
        problem.what
    );
    let command = "az role assignment create --role \"AcrPull\"";
    assert!(problem.remedy.contains(command), "{}", problem.remedy);
    assert!(
        problem.remedy.contains("[images] identity"),
        "{}",
        problem.remedy
    );
}

/// Production whose registry is pulled from by identity, in another resource group.
fn prod(images: &str) -> String {
    let login = "username = \"puller\"\npassword = { secret = \"registry-password\" }\n";
    edit(
        DIFY_PROD,
        login,
        &format!("resource_group = \"shared-rg\"\n{images}"),
    )
}

#[tokio::test(start_paused = true)]
async fn a_registry_of_another_group_gets_a_private_endpoint_and_a_zone() {
    let scene = empty_registry(Emulator::builder(), &prod("")).await;
    assert!(are_imported(&import(&scene).await));
    scene.azure.forget();
    scene.apply().await;
    scene.assert_settled().await;
    let written = scene.azure.headlines();
    let place = |line: &str| written.iter().position(|one| one == line).unwrap();
    assert!(place("PUT dify-prod-registry-endpoint") < place("PUT dify-prod-web"));
    let snapshot = scene.observe().await;
    let endpoint = snapshot
        .body(&scene.id("dify-prod-registry-endpoint"))
        .unwrap();
    let connection = &endpoint["properties"]["privateLinkServiceConnections"][0]["properties"];
    let target = connection["privateLinkServiceId"].as_str().unwrap();
    assert!(target.contains("/resourceGroups/shared-rg/"), "{target}");
    assert_eq!(connection["groupIds"], json!(["registry"]));
    assert!(snapshot.body(&scene.id("privatelink.azurecr.io")).is_some());
    if let Some(schemas) = Schemas::load() {
        let puts = scene
            .azure
            .writes()
            .into_iter()
            .filter(|one| one.method == Method::PUT);
        for exchange in puts {
            let kind = exchange.kind().unwrap().resource_type();
            let body = exchange.body.as_ref().unwrap();
            let problems = schemas.problems_of_sent(kind, &exchange.api_version, body);
            assert!(problems.is_empty(), "{problems:?}");
        }
    }
    assert!(scene.verify().await.is_success());
    scene.destroy(true).await;
    let left: Vec<String> = scene.azure.resources().into_keys().collect();
    assert_eq!(left.len(), 1, "the registry alone stays: {left:?}");
}

#[tokio::test(start_paused = true)]
async fn a_registry_that_takes_no_private_endpoint_is_said_in_the_plan() {
    let scene = empty_registry(Emulator::builder(), &prod("")).await;
    let basic = json!({ "location": "japaneast", "sku": { "name": "Basic" } });
    scene.put(&registry(&scene), Kind::Registry, &basic).await;
    let plan = scene.plan().await;
    assert!(!plan.is_applyable());
    let reason = &plan.change(&registry(&scene)).unwrap().reason;
    assert!(reason.contains("its size is Basic"), "{reason}");
    assert!(reason.contains("private_endpoint = false"), "{reason}");
    let open = scene.with_file(&prod("private_endpoint = false\n"));
    assert!(are_imported(&import(&open).await));
    open.apply().await;
    open.assert_settled().await;
}

#[test]
fn zones_of_a_platform_team_have_the_endpoint_of_the_registry_already() {
    let zones = "private_endpoints = true\nprivate_dns_zones = \"/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/dns\"\n";
    let with_zones = |images: &str| {
        let file = prod(images);
        let at = file.find("private_endpoints = true").unwrap();
        let end = file[at..].find('\n').unwrap() + at + 1;
        let file = format!("{}{zones}{}", &file[..at], &file[end..]);
        let deployment = Deployment::parse(&file).unwrap().deployment;
        let registry = deployment.registry().unwrap().azure.clone();
        registry.unwrap().has_private_endpoint
    };
    assert!(!with_zones(""));
    assert!(with_zones("private_endpoint = true\n"));
}

#[tokio::test(start_paused = true)]
async fn a_login_gives_way_to_an_identity_and_comes_back() {
    let login = format!(
        "{}username = \"puller\"\npassword = {{ secret = \"registry-password\" }}\n",
        by_identity()
    );
    let scene = Scene::new(&login);
    scene.apply().await;
    let moved = scene.with_file(&by_identity());
    moved.make_existing().await;
    for (scene, file) in [
        (&moved, by_identity()),
        (&moved, login),
        (&moved, by_identity()),
    ] {
        let next = scene.with_file(&file);
        next.apply().await;
        next.assert_settled().await;
        let snapshot = next.observe().await;
        let app = snapshot.body(&next.app("web")).unwrap();
        let registries = app["properties"]["configuration"]["registries"].as_array();
        let [registry] = registries.unwrap().as_slice() else {
            panic!("{registries:?}");
        };
        let by_password = file.contains("username");
        let set = |key: &str| registry[key].as_str().is_some_and(|text| !text.is_empty());
        assert_eq!(set("passwordSecretRef"), by_password, "{registry}");
        assert_eq!(set("identity"), !by_password, "{registry}");
        let assigned = app.pointer("/identity/userAssignedIdentities");
        assert_eq!(assigned.is_some(), !by_password, "{app}");
    }
}
