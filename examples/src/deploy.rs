//! Load, check, plan, apply, outputs: the whole way in one function, on an Azure in the process.
//!
//! For a subscription only the client changes: [`ArmClient::new`](dify_infra_azure::arm::ArmClient::new) with
//! the cloud, a transport and a [`TokenProvider`](dify_infra_azure::auth::TokenProvider).

use std::path::Path;

use dify_infra_azure::apply::Applier;
use dify_infra_azure::embedded::{DEFAULT_SUBSCRIPTION, EmbeddedAzure, Emulator};
use dify_infra_azure::observe::observe;
use dify_infra_azure::outputs::{Outputs, outputs};
use dify_infra_azure::preflight::preflight;
use dify_infra_azure::secrets::SecretsFile;
use dify_infra_core::check::check_file;
use dify_infra_core::graph::{Target, lower};
use dify_infra_core::plan::{Options, fingerprints, plan};

/// Deploys a file to an embedded Azure and says what it offers.
///
/// # Errors
///
/// When the file breaks a rule, something would stop the run, a value can't be kept, or a resource fails.
pub async fn deploy(file: &Path, secrets: &Path, azure: Emulator) -> anyhow::Result<Outputs> {
    let deployment = check_file(&std::fs::read_to_string(file)?)?.deployment;
    let client = EmbeddedAzure::new(azure).client()?;
    let target = Target::new(&deployment, Some(&DEFAULT_SUBSCRIPTION.parse()?));
    let graph = lower(&deployment, &target)?;

    let before = observe(&client, &graph).await;
    let file = SecretsFile::open(secrets, &deployment)?;
    let completed = file.complete(&client, &deployment, &graph, &before).await?;
    let fingerprints = fingerprints(&completed.secrets);
    let options = Options::new().with_fingerprints(fingerprints.as_ref());
    let plan = plan(&graph, &before, options);
    if let Some(problem) = preflight(&client, &graph, &plan).await.pop() {
        return Err(problem.into());
    }

    file.save(&completed, &deployment)?; // No value is used before it is kept.
    let applier = Applier::new(&client, &graph);
    let report = applier.apply(&plan, &before, &completed.secrets).await?;
    report.into_result()?;
    let after = observe(&client, &graph).await;
    Ok(outputs(&deployment, &target, &graph, &after))
}
