//! Every body that is sent, and every answer of the emulator, is one that Azure's types allow.

use dify_infra_core::resource::{Kind, ResourceId};
use dify_infra_examples::FILES;
use http::Method;
use serde_json::Value;

use crate::support::schemas::Schemas;
use crate::support::{Exchange, Scene, with_another_tag};

/// Creates a deployment, then changes every app and its server, which sends merged bodies.
async fn create_and_update(file: &str) -> Vec<Exchange> {
    let scene = Scene::new(file);
    scene.make_existing().await;
    scene.azure.forget();
    scene.apply().await;
    let changed = scene.with_file(&with_another_tag(file));
    changed.apply().await;
    changed.assert_settled().await;
    changed.verify().await;
    scene.azure.exchanges()
}

#[tokio::test(start_paused = true)]
async fn every_body_that_is_sent_is_one_that_azure_takes() {
    let Some(schemas) = Schemas::load() else {
        return skipped();
    };
    let (mut bodies, mut invalid) = (0, Vec::new());
    for (name, file) in FILES {
        let puts = create_and_update(file).await.into_iter();
        let puts: Vec<Exchange> = puts.filter(|one| one.method == Method::PUT).collect();
        for exchange in &puts {
            let kind = exchange.kind().unwrap().resource_type();
            let body = exchange.body.as_ref().unwrap();
            let problems = schemas.problems_of_sent(kind, &exchange.api_version, body);
            invalid.extend(problems.into_iter().map(|one| format!("{name}: {one}")));
        }
        let apps = |one: &&Exchange| one.kind() == Some(Kind::ContainerApp);
        assert!(
            puts.iter().filter(apps).count() >= 14,
            "{name}: each app is sent twice"
        );
        bodies += puts.len();
    }
    println!("{bodies} bodies, {} invalid", invalid.len());
    assert!(invalid.is_empty(), "{invalid:#?}");
}

#[tokio::test(start_paused = true)]
async fn every_answer_of_the_emulator_is_one_that_azure_gives() {
    let Some(schemas) = Schemas::load() else {
        return skipped();
    };
    let (mut bodies, mut invalid) = (0, Vec::new());
    for (name, file) in FILES {
        let gets = create_and_update(file).await.into_iter();
        for exchange in gets.filter(|one| one.method == Method::GET && one.status == Some(200)) {
            for resource in resources_in(exchange.answer.as_ref().unwrap()) {
                let kind = Kind::from_type(resource["type"].as_str().unwrap()).unwrap();
                let version = kind.api_version();
                let problems = schemas.problems_of_answer(kind.resource_type(), version, resource);
                invalid.extend(problems.into_iter().map(|one| format!("{name}: {one}")));
                bodies += 1;
            }
        }
    }
    invalid.sort();
    invalid.dedup();
    println!("{bodies} answers, {} invalid", invalid.len());
    assert!(bodies > 500 && invalid.is_empty(), "{bodies}: {invalid:#?}");
}

/// The whole resources of managed types in an answer: itself, or the items of a list.
fn resources_in(answer: &Value) -> Vec<&Value> {
    let items = match answer.get("value").and_then(Value::as_array) {
        Some(items) => items.iter().collect(),
        None => vec![answer],
    };
    let is_whole = |item: &&Value| {
        let id = item.get("id").and_then(Value::as_str).unwrap_or_default();
        let kind = item
            .get("type")
            .and_then(Value::as_str)
            .and_then(Kind::from_type);
        // A job's runs have no published type, and the list of a group names resources alone.
        let published = kind.is_some_and(|kind| kind != Kind::JobExecution);
        published && ResourceId::parse(id).is_ok() && item.get("properties").is_some()
    };
    items.into_iter().filter(is_whole).collect()
}

#[expect(clippy::print_stdout, reason = "a skipped test says so")]
fn skipped() {
    println!("skipped: arm-schemas not found");
}
