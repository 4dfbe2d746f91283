//! Under every schedule of faults an apply ends in the same state, with nothing lost.

use std::collections::BTreeMap;

use dify_infra_azure::apply::{Cancellation, Event};
use dify_infra_emulator::{Emulator, FaultKind};
use dify_infra_examples::{DIFY_DEV, KEY_VAULT, MINIMAL};
use proptest::prelude::*;
use serde_json::Value;
use tokio::time::Instant;

use crate::support::state::{differences, state};
use crate::support::{Azure, Exchange, Scene, edit};

/// Runs that a person would give an apply that fails.
const RUNS: usize = 5;

/// Faults after which the client knows what became of its request.
fn mild() -> impl Strategy<Value = FaultKind> {
    prop_oneof![
        (1_u32..30).prop_map(|retry_after| FaultKind::Throttled { retry_after }),
        Just(FaultKind::ServiceUnavailable),
        Just(FaultKind::ResetBefore),
    ]
}

/// Faults that may also leave the client in the dark, or end its work.
fn any() -> impl Strategy<Value = FaultKind> {
    prop_oneof![
        3 => mild(),
        1 => Just(FaultKind::LockConflict),
        1 => Just(FaultKind::ExpiredToken),
        3 => Just(FaultKind::ResetAfter),
        1 => Just(FaultKind::FailedOperation {
            code: "InternalOperationError".to_owned(),
            message: "Something went wrong inside of Azure.".to_owned(),
        }),
    ]
}

/// Faults by the number of the request that meets them.
fn schedule(
    fault: impl Strategy<Value = FaultKind>,
) -> impl Strategy<Value = BTreeMap<usize, FaultKind>> {
    proptest::collection::btree_map(1_usize..700, fault, 1..40)
}

/// So many cases, unless `PROPTEST_CASES` asks for another number.
fn cases(few: u32) -> ProptestConfig {
    let config = ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let cases = if std::env::var_os("PROPTEST_CASES").is_some() {
        config.cases
    } else {
        few
    };
    ProptestConfig { cases, ..config }
}

fn runtime() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().start_paused(true).build().unwrap()
}

/// Writes to a PostgreSQL server that were sent before the end of an earlier one was seen.
fn overlapping_writes(exchanges: &[Exchange]) -> Vec<String> {
    let to_postgres = |one: &&Exchange| {
        one.is_write() && one.path.to_ascii_lowercase().contains("/flexibleservers/")
    };
    let writes: Vec<&Exchange> = exchanges.iter().filter(to_postgres).collect();
    assert!(
        writes.len() >= 5,
        "a server, two databases, a rule and a setting"
    );
    let mut overlapping = Vec::new();
    for (place, write) in writes.iter().enumerate() {
        let begun = writes[..place].iter().filter(|one| one.operation.is_some());
        for open in begun.filter(|one| seen_to_end(exchanges, one) > Some(write.started)) {
            overlapping.push(format!("{} during {}", write.headline(), open.headline()));
        }
    }
    overlapping
}

/// When the operation that a write began was seen to have ended.
fn seen_to_end(exchanges: &[Exchange], write: &Exchange) -> Option<Instant> {
    let looks = exchanges
        .iter()
        .filter(|one| Some(&one.path) == write.operation.as_ref());
    let ended = |one: &&Exchange| {
        let status = one
            .answer
            .as_ref()
            .and_then(|answer| answer.get("status")?.as_str());
        status.is_some_and(|status| ["Succeeded", "Failed", "Canceled"].contains(&status))
    };
    let first = looks.filter(ended).map(|one| one.ended).min();
    assert!(
        first.is_some(),
        "the end of {} was never seen",
        write.headline()
    );
    first
}

/// Deploys one file after the other, each until it is done, under a schedule of faults.
async fn deploy(files: &[&str], faults: BTreeMap<usize, FaultKind>) -> Result<Scene, String> {
    let mut scene = Scene::on(Azure::with(Emulator::builder().seed(11)), files[0]);
    scene.azure.plan_faults(faults);
    for file in files {
        scene = scene.with_file(file);
        settle(&scene).await?;
    }
    scene.azure.plan_faults([]);
    Ok(scene)
}

/// Applies until nothing is left to do.
async fn settle(scene: &Scene) -> Result<(), String> {
    let mut said = Vec::new();
    for _ in 0..RUNS {
        let never = Cancellation::never();
        match scene.try_apply(&|_: &Event| {}, never).await {
            Ok(report) => said.extend(
                report
                    .failures()
                    .map(|(id, error)| format!("{}: {}", id.name(), error.sentence())),
            ),
            Err(error) => said.push(error.sentence()),
        }
        if scene.plan().await.is_empty() {
            return Ok(());
        }
    }
    Err(format!(
        "not settled after {RUNS} runs:\n{}\n{said:#?}",
        scene.plan().await
    ))
}

/// Deploys under a schedule and compares with the state after an undisturbed run.
fn converges(
    files: &[&str],
    expected: &BTreeMap<String, Value>,
    faults: BTreeMap<usize, FaultKind>,
) -> Result<Vec<Exchange>, TestCaseError> {
    runtime().block_on(async {
        let scene = deploy(files, faults).await.map_err(TestCaseError::fail)?;
        let found = differences(expected, &state(&scene).await);
        prop_assert!(found.is_empty(), "{}", found.join("\n"));
        prop_assert!(scene.verify().await.is_success());
        Ok(scene.azure.exchanges())
    })
}

fn undisturbed(files: &[&str]) -> BTreeMap<String, Value> {
    runtime().block_on(async { state(&deploy(files, BTreeMap::new()).await.unwrap()).await })
}

#[test]
fn a_first_apply_converges() {
    let expected = undisturbed(&[MINIMAL]);
    proptest!(cases(16), |(faults in schedule(any()))| {
        converges(&[MINIMAL], &expected, faults)?;
    });
}

#[test]
fn a_first_apply_with_a_vault_converges() {
    let expected = undisturbed(&[KEY_VAULT]);
    proptest!(cases(5), |(faults in schedule(any()))| {
        converges(&[KEY_VAULT], &expected, faults)?;
    });
}

#[test]
fn an_upgrade_converges() {
    let old = edit(DIFY_DEV, "dify = \"1.16.0\"", "dify = \"1.13.3\"");
    let files = [old.as_str(), DIFY_DEV];
    let expected = undisturbed(&files);
    proptest!(cases(10), |(faults in schedule(any()))| {
        converges(&files, &expected, faults)?;
    });
}

#[test]
fn no_two_writes_reach_a_postgres_server_at_once() {
    let expected = undisturbed(&[MINIMAL]);
    proptest!(cases(8), |(faults in schedule(mild()))| {
        let found = overlapping_writes(&converges(&[MINIMAL], &expected, faults)?);
        prop_assert!(found.is_empty(), "{:?}", found);
    });
}
