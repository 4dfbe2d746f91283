//! Under every schedule of faults an apply ends in the same state, with nothing lost.

use std::collections::BTreeMap;

use dify_infra_core::resource::Kind;
use dify_infra_emulator::{Emulator, FaultKind};
use dify_infra_examples::{DIFY_DEV, MINIMAL};
use http::Method;
use proptest::prelude::*;
use serde_json::Value;

use crate::support::state::{differences, state};
use crate::support::{Azure, Exchange, Scene, edit};

/// Runs that a person would give an apply that fails.
const RUNS: usize = 4;

fn any_fault() -> impl Strategy<Value = FaultKind> {
    prop_oneof![
        (1_u32..30).prop_map(|retry_after| FaultKind::Throttled { retry_after }),
        Just(FaultKind::ServiceUnavailable),
        Just(FaultKind::LockConflict),
        Just(FaultKind::ExpiredToken),
        Just(FaultKind::ResetBefore),
        Just(FaultKind::ResetAfter),
        Just(FaultKind::FailedOperation {
            code: "InternalOperationError".to_owned(),
            message: "Something went wrong inside of Azure.".to_owned(),
        }),
    ]
}

/// Faults by the number of the request that meets them.
fn schedule() -> impl Strategy<Value = BTreeMap<usize, FaultKind>> {
    proptest::collection::btree_map(1_usize..700, any_fault(), 1..40)
}

fn runtime() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().start_paused(true).build().unwrap()
}

/// Writes to a PostgreSQL server or below it, from the request to the end of its operation: the next
/// write must not begin before the one before it is seen to be done.
fn overlapping_postgres_writes(exchanges: &[Exchange]) -> Vec<String> {
    let is_postgres = |one: &&Exchange| one.path.to_ascii_lowercase().contains("dbforpostgresql");
    let writes = exchanges.iter().filter(is_postgres).filter(|one| one.is_write());
    let refused = writes.filter(|one| one.status == Some(409));
    let busy = |one: &&Exchange| {
        one.answer.as_ref().is_some_and(|answer| answer.to_string().contains("ServerIsBusy"))
    };
    refused.filter(busy).map(Exchange::headline).collect()
}

/// Deploys one file after the other, each until it is done, under a schedule of faults.
async fn deploy(files: &[&str], faults: BTreeMap<usize, FaultKind>) -> Result<Scene, String> {
    let scene = Scene::on(Azure::with(Emulator::builder().seed(11)), files[0]);
    scene.azure.plan_faults(faults);
    let mut current = scene;
    for file in files {
        current = current.with_file(file);
        let mut said = Vec::new();
        let mut done = false;
        for _ in 0..RUNS {
            let never = dify_infra_azure::apply::Cancellation::never();
            let quiet = |_: &dify_infra_azure::apply::Event| {};
            match current.try_apply(&quiet, never).await {
                Ok(report) if report.is_success() => done = true,
                Ok(report) => said.extend(
                    report.failures().map(|(id, error)| format!("{}: {}", id.name(), error.sentence())),
                ),
                Err(error) => said.push(error.sentence()),
            }
            if done && current.plan().await.is_empty() {
                break;
            }
        }
        let plan = current.plan().await;
        if !plan.is_empty() {
            return Err(format!("not settled after {RUNS} runs:\n{plan}\n{said:#?}"));
        }
    }
    Ok(current)
}

/// The state after an undisturbed run.
async fn expected(files: &[&str]) -> BTreeMap<String, Value> {
    state(&deploy(files, BTreeMap::new()).await.unwrap()).await
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_first_apply_converges(faults in schedule()) {
        runtime().block_on(async {
            let scene = deploy(&[MINIMAL], faults).await.map_err(TestCaseError::fail)?;
            let found = differences(&expected(&[MINIMAL]).await, &state(&scene).await);
            prop_assert!(found.is_empty(), "{}", found.join("\n"));
            let collisions = overlapping_postgres_writes(&scene.azure.exchanges());
            prop_assert!(collisions.is_empty(), "{:?}", collisions);
            Ok(())
        })?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_upgrade_converges(faults in schedule()) {
        let old = edit(DIFY_DEV, "dify = \"1.16.0\"", "dify = \"1.13.3\"");
        let files = [old.as_str(), DIFY_DEV];
        runtime().block_on(async {
            let scene = deploy(&files, faults).await.map_err(TestCaseError::fail)?;
            let found = differences(&expected(&files).await, &state(&scene).await);
            prop_assert!(found.is_empty(), "{}", found.join("\n"));
            prop_assert!(scene.verify().await.is_success());
            Ok(())
        })?;
    }
}

#[test]
fn one_write_at_a_time_reaches_a_postgres_server() {
    runtime().block_on(async {
        let scene = Scene::new(MINIMAL);
        scene.apply().await;
        let server = scene.only(Kind::PostgresServer);
        let below = server.as_str().to_ascii_lowercase();
        let exchanges = scene.azure.exchanges();
        let mine = |one: &&Exchange| one.path.to_ascii_lowercase().starts_with(&below);
        let puts: Vec<&Exchange> =
            exchanges.iter().filter(mine).filter(|one| one.method == Method::PUT).collect();
        assert_eq!(puts.len(), 5, "each is sent once, since none is refused");
        assert!(puts.iter().all(|one| one.status.is_some_and(|status| status < 300)));
        assert!(overlapping_postgres_writes(&exchanges).is_empty());
    });
}
