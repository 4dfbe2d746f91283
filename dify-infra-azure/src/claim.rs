//! One first run at a time, kept by Azure: whoever makes a deployment says so before it writes a secret.
//!
//! A lock beside the file keeps out runs from the same folder. Two first runs from two folders, or from two
//! machines of a pipeline, each make secrets of their own, and Azure would take a server from one and the
//! apps from the other. No type that a deployment begins with can be made under the condition that it is not
//! there yet. What every resource group has are deployments of templates: a record in Resource Manager itself,
//! readable at once, and made without anything being deployed by an empty template
//! (<https://learn.microsoft.com/rest/api/resources/deployments/create-or-update>). So a run writes a record of
//! its own name, and then looks for those of others. Of two runs at least one sees the other, whatever the order
//! of their requests; the one that sees somebody gives way, and before it has written anything else.
//!
//! A record says until when it holds and is renewed while the run goes on, so that one which died is in
//! nobody's way for long. A run from the same folder has the same name and goes on at once.

use std::convert::Infallible;
use std::future::Future;
use std::time::Duration;

use dify_infra_core::graph::ResourceGraph;
use dify_infra_core::plan::{Action, Plan};
use dify_infra_core::resource::text::texts;
use dify_infra_core::resource::{Kind, OWNER_TAG, ResourceId, Text};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::Error;
use crate::arm::ArmClient;

/// The api-version of deployments.
const VERSION: &str = "2025-04-01";

/// The tag that says who has a record.
const HOLDER: &str = "dify-infra-run";

/// The tag that says until when a record holds.
const UNTIL: &str = "dify-infra-run-until";

/// For how long a record holds, and how often it is renewed.
const HOLDS: SignedDuration = SignedDuration::from_mins(10);
const RENEWED_EVERY: Duration = Duration::from_mins(3);

/// Looks, one each second, for which the first of two runs waits for the other to give way.
const PATIENCE: u32 = 20;

/// Why a run may not begin.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClaimError {
    /// Another run is making the same deployment.
    #[error(
        "nothing was written: another run, from another folder, is making {owner} in {group} and has \
         said so until {until}"
    )]
    Held {
        /// The deployment.
        owner: String,
        /// The name of the resource group.
        group: String,
        /// The record's name.
        record: String,
        /// When the record is in nobody's way any more, if it is not renewed.
        until: Timestamp,
    },
    /// Azure refused, or could not be asked.
    #[error("Azure did not say whether another run is making the same deployment")]
    Azure(#[from] Error),
}

impl ClaimError {
    /// What to do.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Held {
                group,
                record,
                until,
                ..
            } => Some(format!(
                "wait for it, then run again in its folder, which has the secrets; if it is dead, wait \
                 until {until}, or run `az deployment group delete --resource-group {group} --name \
                 {record}`"
            )),
            Self::Azure(error) => error.hint(),
        }
    }
}

/// A new name for the runs of one folder.
pub fn new_name() -> String {
    uuid::Uuid::new_v4().simple().to_string()[..12].to_owned()
}

/// Whether a plan makes something that gets a secret of the deployment: two runs that do must not be at
/// work at once.
pub fn is_needed(graph: &ResourceGraph, plan: &Plan) -> bool {
    let makes = |change: &&dify_infra_core::plan::Change| change.action == Action::Create;
    let mut made = plan.changes().iter().filter(makes);
    made.any(|change| {
        let node = graph.get(&change.id);
        let texts = node.map(|node| texts(node.body())).unwrap_or_default();
        texts
            .iter()
            .any(|text| Text::secret_names(text).next().is_some())
    })
}

/// The record of a run that may begin.
#[derive(Debug)]
#[must_use = "it is to be released when the run has ended"]
pub struct Claim {
    client: ArmClient,
    owner: String,
    holder: String,
    id: ResourceId,
    is_kept: bool,
}

/// Says that a run of this name makes the deployment, unless another one has. The resource group is
/// made first, when the plan makes it.
///
/// # Errors
///
/// [`ClaimError::Held`] when another run is at it; then nothing of this one is left.
pub async fn claim(
    client: &ArmClient,
    graph: &ResourceGraph,
    plan: &Plan,
    holder: &str,
) -> Result<Claim, ClaimError> {
    let group = graph.group();
    let is_new = |change: &dify_infra_core::plan::Change| change.action == Action::Create;
    if plan.change(group).is_some_and(is_new)
        && let Some(node) = graph.get(group)
    {
        let version = Kind::ResourceGroup.api_version();
        let operation = client.begin_put(group.as_str(), version, node.body()).await;
        operation?.wait().await?;
    }
    let mut claim = Claim {
        client: client.clone(),
        owner: graph.owner().to_owned(),
        holder: holder.to_owned(),
        id: deployments(group, &format!("{}{holder}", prefix(graph.owner()))),
        is_kept: true,
    };
    // Who is seen already needs no record of ours to give way to.
    if let Some(other) = claim.others().await?.into_iter().next() {
        return Err(claim.held(other));
    }
    match claim.write().await {
        Ok(()) => {}
        // A role without the right to deploy templates may still have all that the run needs.
        Err(error) if error.is_denied() => {
            claim.is_kept = false;
            return Ok(claim);
        }
        Err(error) => return Err(error.into()),
    }
    match claim.contend().await {
        Ok(None) => Ok(claim),
        Ok(Some(other)) => {
            let error = claim.held(other);
            claim.release().await;
            Err(error)
        }
        Err(error) => {
            claim.release().await;
            Err(error.into())
        }
    }
}

/// A record of another run.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Other {
    record: String,
    holder: String,
    until: Timestamp,
}

fn prefix(owner: &str) -> String {
    let owner: String = owner.chars().take(40).collect();
    format!("{owner}-run-")
}

fn deployments(group: &ResourceId, name: &str) -> ResourceId {
    group.provider("Microsoft.Resources/deployments", name)
}

impl Claim {
    /// Whether Azure keeps the record: not when the credentials may not write deployments of templates.
    pub fn is_kept(&self) -> bool {
        self.is_kept
    }

    /// Renews the record for as long as a run goes on.
    pub async fn while_held<Run: Future>(&self, run: Run) -> Run::Output {
        tokio::select! {
            output = run => output,
            never = self.renewed() => match never {},
        }
    }

    async fn renewed(&self) -> Infallible {
        loop {
            tokio::time::sleep(RENEWED_EVERY).await;
            if self.is_kept
                && let Err(error) = self.write().await
            {
                tracing::warn!(%error, "the record of this run can't be renewed");
            }
        }
    }

    /// Takes the record back, after the run.
    pub async fn release(self) {
        if !self.is_kept {
            return;
        }
        let gone = async {
            let operation = self.client.begin_delete(self.id.as_str(), VERSION).await?;
            operation.wait().await
        };
        if let Err(error) = gone.await {
            tracing::warn!(%error, "the record of this run can't be taken back; it ends by itself");
        }
    }

    async fn write(&self) -> Result<(), Error> {
        let until = Timestamp::now()
            .saturating_add(HOLDS)
            .unwrap_or(Timestamp::MAX);
        let body = json!({
            "tags": {
                (OWNER_TAG): self.owner,
                (HOLDER): self.holder,
                (UNTIL): until.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            },
            "properties": {
                "mode": "Incremental",
                "template": {
                    "$schema": "https://schema.management.azure.com/schemas/2019-04-01/\
                                deploymentTemplate.json#",
                    "contentVersion": "1.0.0.0",
                    "resources": [],
                },
            },
        });
        match self
            .client
            .begin_put(self.id.as_str(), VERSION, &body)
            .await
        {
            Ok(operation) => operation.wait().await.map(drop),
            // It is being written already.
            Err(error) if error.is_conflict() => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// The other run that this one has to give way to, once that is certain.
    ///
    /// Both may have seen the other; then the later name gives way, and the earlier one waits for it. It
    /// does not wait for ever: a run that was there first has not seen this one and stays.
    async fn contend(&self) -> Result<Option<Other>, Error> {
        for _ in 0..PATIENCE {
            let others = self.others().await?;
            let Some(first) = others.into_iter().min_by(|a, b| a.holder.cmp(&b.holder)) else {
                return Ok(None);
            };
            if first.holder < self.holder {
                return Ok(Some(first));
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        Ok(self.others().await?.into_iter().next())
    }

    /// The records of other runs that hold.
    async fn others(&self) -> Result<Vec<Other>, Error> {
        let group = self.id.group();
        let path = format!("{group}/providers/Microsoft.Resources/deployments");
        let all = match self.client.list(&path, VERSION).await {
            Ok(all) => all,
            // Who may not see deployments can't write them either.
            Err(error) if error.is_denied() || error.is_not_found() => Vec::new(),
            Err(error) => return Err(error),
        };
        let now = Timestamp::now();
        let others = all.iter().filter_map(|record| self.other(record));
        Ok(others.filter(|other| other.until > now).collect())
    }

    fn other(&self, record: &Value) -> Option<Other> {
        let tag = |name: &str| record.get("tags")?.get(name)?.as_str();
        let holder = tag(HOLDER).filter(|holder| *holder != self.holder)?;
        (tag(OWNER_TAG)? == self.owner).then_some(())?;
        Some(Other {
            record: record.get("name")?.as_str()?.to_owned(),
            holder: holder.to_owned(),
            until: tag(UNTIL)?.parse().ok()?,
        })
    }

    fn held(&self, other: Other) -> ClaimError {
        ClaimError::Held {
            owner: self.owner.clone(),
            group: self.id.group_name().to_owned(),
            record: other.record,
            until: other.until,
        }
    }
}
