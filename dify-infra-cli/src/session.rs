//! What every command that talks to Azure has: the deployment, its graph, a client, a place for
//! state.

mod connect;
mod credentials;
mod lock;
mod state;

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use dify_infra_azure::arm::ArmClient;
use dify_infra_azure::observe;
use dify_infra_core::deployment::Deployment;
use dify_infra_core::graph::{self, ResourceGraph};
use dify_infra_core::names::SubscriptionId;
use dify_infra_core::plan::{Observed, Snapshot};

use crate::args::Target;
use crate::input::Input;
use crate::settings::{Settings, UsageError};
use crate::ui::Ui;
use crate::ui::errors::Problem;

pub(crate) use connect::connect_for_group;
pub(crate) use lock::RunLock;
pub(crate) use state::StateDirectory;

/// A deployment file and the Azure that it is about.
#[derive(Debug)]
pub(crate) struct Session {
    /// The file.
    pub input: Input,
    /// What it describes.
    pub deployment: Deployment,
    /// The client.
    pub client: ArmClient,
    /// The subscription and the suffix of names.
    pub target: graph::Target,
    /// The resources.
    pub graph: ResourceGraph,
    /// Where journals and an embedded Azure are kept.
    pub state: StateDirectory,
    /// Whether the Azure is inside of this process.
    pub is_embedded: bool,
}

impl Session {
    /// Reads and proves the file, finds the subscription, and makes a client.
    ///
    /// # Errors
    ///
    /// When the file is missing or has errors, when it is not clear which subscription is meant,
    /// when no credential gives a token, or when Azure can't be reached.
    pub(crate) async fn open(ui: &Ui, settings: &Settings, file: &Path) -> anyhow::Result<Self> {
        let input = Input::read(file)?;
        let deployment = input.deployment(ui)?;
        let named = named_subscription(&deployment, settings)?;
        let state = StateDirectory::beside(input.directory());
        let location = Some(deployment.location());
        let (client, subscription) =
            connect::connect(ui, settings, &state, named, location).await?;
        let target = graph::Target::new(&deployment, Some(&subscription));
        let graph = graph::lower(&deployment, &target)
            .context("the deployment can't be turned into resources")?;
        if settings.target == Target::Azure {
            connect::reach(ui, &client, &graph).await?;
        }
        let is_embedded = settings.target == Target::Embedded;
        Ok(Self {
            input,
            deployment,
            client,
            target,
            graph,
            state,
            is_embedded,
        })
    }

    /// Whether containers run there: not in an emulator, in this process or behind a loopback
    /// address.
    pub(crate) fn is_real(&self) -> bool {
        !self.is_embedded && !self.client.cloud().is_loopback()
    }

    /// Where the journals of this deployment's runs are.
    pub(crate) fn journals(&self) -> PathBuf {
        let group = self.graph.group().name();
        self.state
            .journals(group, self.graph.owner(), self.is_embedded)
    }

    /// Takes the right to write to this deployment, which no two runs have at a time.
    ///
    /// # Errors
    ///
    /// When another run has it; the error names its process.
    pub(crate) fn lock(&self) -> anyhow::Result<RunLock> {
        self.state.create()?;
        let owner = self.graph.owner();
        RunLock::take(&self.state.lock(owner), owner)
    }

    /// Looks at everything in Azure that the deployment is about.
    pub(crate) async fn observe(&self, ui: &Ui) -> Snapshot {
        let before = self.client.requests_sent();
        let busy = ui.busy(&format!("looking at {} resources", self.graph.len()));
        let snapshot = observe::observe(&self.client, &self.graph).await;
        drop(busy);
        let sent = self.client.requests_sent() - before;
        ui.detail(format!(
            "looked at {} resources with {sent} requests",
            self.graph.len()
        ));
        snapshot
    }
}

/// The first thing that could not be looked at, with the reason.
pub(crate) fn unreadable(snapshot: &Snapshot) -> Option<Problem> {
    snapshot
        .resources()
        .find_map(|(id, observed)| match observed {
            Observed::Unreadable(reason) => Some(Problem::new(format!(
                "{} can't be read: {reason}",
                id.label()
            ))),
            Observed::Absent | Observed::Present(_) => None,
        })
}

/// The subscription that file and flags name, which must not be two.
///
/// # Errors
///
/// When the file names one subscription and a flag another.
pub(crate) fn named_subscription(
    deployment: &Deployment,
    settings: &Settings,
) -> Result<Option<SubscriptionId>, UsageError> {
    let in_file = deployment.azure().subscription.as_ref();
    match (in_file, settings.subscription.as_ref()) {
        (Some(file), Some(flag)) if !settings.subscription_is_default && file != flag => {
            Err(UsageError::new(
                "--subscription",
                flag.as_str(),
                format!("the deployment file says `subscription = \"{file}\"`"),
            ))
        }
        (Some(file), _) => Ok(Some(file.clone())),
        (None, flag) => Ok(flag.cloned()),
    }
}
