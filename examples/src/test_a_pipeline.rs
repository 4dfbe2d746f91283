//! Tests a deploy pipeline of somebody's own, `pipelines/storage.sh`, without a subscription.
//!
//! The pipeline is a program that gets the address of an Azure. A test starts an emulator, orders what
//! may go wrong, runs the pipeline, and looks at what is there afterwards.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output};

use anyhow::ensure;
use dify_infra_emulator::{DEFAULT_SUBSCRIPTION, Emulator, FaultKind, RequestMatcher};
use http::Method;
use jiff::Timestamp;

/// A circumstance in which the pipeline is run.
struct Trial {
    name: &'static str,
    /// What the request that makes the account meets, if anything.
    fault: Option<FaultKind>,
    /// Whether the pipeline must get to its end.
    succeeds: bool,
}

fn trials() -> [Trial; 5] {
    let failure = FaultKind::FailedOperation {
        code: "StorageAccountOperationFailed".to_owned(),
        message: "No capacity in the region.".to_owned(),
    };
    let trial = |name, fault, succeeds| Trial {
        name,
        fault,
        succeeds,
    };
    [
        trial("nothing goes wrong", None, true),
        trial(
            "it is throttled",
            Some(FaultKind::Throttled { retry_after: 1 }),
            true,
        ),
        trial(
            "the connection breaks before the request arrives",
            Some(FaultKind::ResetBefore),
            true,
        ),
        trial(
            "half of the answer arrives",
            Some(FaultKind::TruncatedBody),
            true,
        ),
        trial("the operation fails in the end", Some(failure), false),
    ]
}

/// Runs the pipeline in every circumstance, beside each other, and writes down how it did.
///
/// # Errors
///
/// When the pipeline does not do what it must in one of them, or `out` can't be written to.
pub async fn run(out: &mut dyn Write) -> anyhow::Result<()> {
    let mut running = Vec::new();
    for trial in trials() {
        running.push((trial.name, tokio::spawn(run_one(trial))));
    }
    for (name, trial) in running {
        let requests = trial.await??;
        writeln!(out, "{name}: as it must, in {requests} requests")?;
    }
    Ok(())
}

async fn run_one(trial: Trial) -> anyhow::Result<u64> {
    let emulator = Emulator::builder().time_scale(1000.0).build()?;
    let azure = emulator.serve().await?;
    if let Some(fault) = trial.fault {
        let account = RequestMatcher::any()
            .method(Method::PUT)
            .path_contains("storageAccounts");
        azure.emulator().fail_next(account, fault, 1);
    }
    let endpoint = azure.endpoint().to_owned();
    let run = tokio::task::spawn_blocking(move || pipeline(&endpoint)).await??;
    let resources = azure.emulator().resources(Timestamp::now());
    let account = resources
        .iter()
        .find(|(id, _)| id.ends_with("/storageaccounts/pipelineaccount"));
    let is_whole = account.is_some_and(|(_, body)| {
        body["properties"]["provisioningState"] == "Succeeded"
            && body["properties"]["minimumTlsVersion"] == "TLS1_2"
    });
    let said = String::from_utf8_lossy(&run.stderr);
    ensure!(azure.emulator().faults_left() == 0, "the fault was not met");
    ensure!(
        run.status.success() == trial.succeeds,
        "{}: {said}",
        trial.name
    );
    ensure!(is_whole == trial.succeeds, "{}: {resources:?}", trial.name);
    ensure!(
        trial.succeeds || said.contains("No capacity in the region."),
        "the reason is not told: {said}"
    );
    let requests = azure.emulator().request_count();
    azure.stop().await;
    Ok(requests)
}

fn pipeline(endpoint: &str) -> std::io::Result<Output> {
    Command::new("sh")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("pipelines/storage.sh"))
        .env("ENDPOINT", endpoint)
        .env("SUBSCRIPTION", DEFAULT_SUBSCRIPTION)
        .env("TOKEN", "any")
        .env("GROUP", "pipeline-rg")
        .env("ACCOUNT", "pipelineaccount")
        .output()
}
