//! Carrying out one change: create, update, replace, delete, or a run of a job.

use std::time::Duration;

use dify_infra_core::diff::{compare, merge, without_read_only};
use dify_infra_core::graph::Node;
use dify_infra_core::plan::{
    Action, Change, FILES_TAG, Fingerprints, Obsolete, Snapshot, desired, fingerprints, has_failed,
    is_settled, obsolete_tags, prune_domains, revision_suffix, writes_value,
};
use dify_infra_core::resource::{AnyResource, FINGERPRINT_TAG, Kind, ResourceId};
use dify_infra_core::secrets::Secrets;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::run::Progress;
use super::values::Values;
use super::{Applier, ApplyError};
use crate::Error;
use crate::observe::{best_run, list_secrets};

/// Carries out changes of one run.
pub(super) struct Worker<'a> {
    pub(super) applier: &'a Applier<'a>,
    pub(super) values: &'a Values<'a>,
    fingerprints: Option<Fingerprints>,
    pub(super) snapshot: &'a Snapshot,
}

impl<'a> Worker<'a> {
    pub(super) fn new(
        applier: &'a Applier<'a>,
        values: &'a Values<'a>,
        secrets: &Secrets,
        snapshot: &'a Snapshot,
    ) -> Self {
        Self {
            applier,
            values,
            fingerprints: fingerprints(secrets),
            snapshot,
        }
    }

    /// Carries out a change. What fails since a role has no effect yet is tried again for a while.
    pub(super) async fn carry_out(
        &self,
        change: &Change,
        progress: Progress,
    ) -> Result<(), ApplyError> {
        let options = &self.applier.options;
        let began = Instant::now();
        let mut pause = options.look_every;
        let mut outcome = self.attempt(change, &progress).await;
        loop {
            match outcome {
                Err(ApplyError::Azure(error))
                    if self.may_wait_for_role(change, &error)
                        && began.elapsed() < options.role_budget =>
                {
                    progress.tell("waiting for a role assignment to take effect");
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(options.look_every * 6);
                    outcome = self.attempt_again(change, &progress).await;
                }
                outcome => return outcome,
            }
        }
    }

    /// Whether a refusal may be about a role that has no effect yet. Of a certificate that the
    /// environment can't read from its vault, the words of the live service are not known.
    fn may_wait_for_role(&self, change: &Change, error: &Error) -> bool {
        let node = self.applier.graph.get(&change.id);
        let has_new_role = node.is_some_and(|node| {
            let mut needed = node.dependencies().iter();
            needed.any(|id| id.resource_type() == Kind::RoleAssignment.resource_type())
        });
        let is_certificate = change.kind == Some(Kind::Certificate) && has_new_role;
        error.may_wait_for_role() || (is_certificate && matches!(error.status(), Some(400 | 403)))
    }

    /// Carries out a change of which an earlier try may have left something behind.
    async fn attempt_again(&self, change: &Change, progress: &Progress) -> Result<(), ApplyError> {
        match (change.kind, self.applier.graph.get(&change.id)) {
            (Some(Kind::ContainerApp | Kind::Job), Some(node)) => {
                self.update(node, change, progress).await
            }
            (_, Some(node)) if change.action == Action::Replace => {
                self.create(node, progress).await
            }
            _ => self.attempt(change, progress).await,
        }
    }

    async fn attempt(&self, change: &Change, progress: &Progress) -> Result<(), ApplyError> {
        let node = self.applier.graph.get(&change.id);
        match (change.action, node) {
            (Action::Create | Action::Update, Some(node)) if node.kind() == Kind::CustomDomain => {
                self.bind(node, progress).await
            }
            (Action::Create, Some(node)) if node.kind() == Kind::JobExecution => {
                self.run_job(node, progress).await
            }
            (Action::Create, Some(node)) => match self.create(node, progress).await {
                // The answer to a write that Azure acted on may have been lost, and every further
                // try finds the resource busy with it: what is there now says how to go on.
                Err(ApplyError::Azure(error)) if error.is_busy() => {
                    self.update(node, change, progress).await
                }
                outcome => outcome,
            },
            (Action::Update, Some(node)) => self.update(node, change, progress).await,
            (Action::Replace, Some(node)) => {
                self.applier.delete(node.id(), progress).await?;
                self.values.forget(node.id());
                self.create(node, progress).await
            }
            (Action::Delete, _) => {
                self.applier.delete(&change.id, progress).await?;
                self.values.forget(&change.id);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    async fn create(&self, node: &Node, progress: &Progress) -> Result<(), ApplyError> {
        if self.comes_back(node, progress).await? {
            return Ok(());
        }
        if node.kind() == Kind::ManagedCertificate {
            self.put_name(node, progress).await?;
        }
        let mut body = self.desired(node);
        if node.kind() == Kind::ContainerApp {
            body["properties"]["template"]["revisionSuffix"] =
                Value::from(revision_suffix(&body, None));
        }
        self.put(node, &body, progress).await
    }

    async fn update(
        &self,
        node: &Node,
        change: &Change,
        progress: &Progress,
    ) -> Result<(), ApplyError> {
        let client = self.applier.client;
        let version = node.kind().api_version();
        let Some(live) = client.get(node.id().as_str(), version).await? else {
            return self.create(node, progress).await;
        };
        let live = self.settled(node, live, progress).await?;
        self.values.set_body(node.id(), live.clone());
        let mut wanted = self.desired(node);
        let is_whole = change.differences.is_empty() && !has_failed(node.kind(), &live);
        if is_whole && compare(node.kind(), &wanted, &live).is_equal() {
            // The plan saw a write under way, and it ended as wanted.
            return Ok(());
        }
        if node.kind() == Kind::PostgresServer && !changes_secret(change) {
            // A PUT that carries the password sets it.
            remove(&mut wanted, "/properties/administratorLoginPassword");
        }
        let base = without_read_only(node.kind(), &live);
        let mut body = merge(node.kind(), &base, &wanted, self.applier.options.prune);
        Obsolete::of(&wanted, &live).remove_from(&mut body);
        if self.applier.options.prune {
            prune_domains(node, &live, &mut body);
        }
        for tag in obsolete_tags(&wanted, &live) {
            remove(&mut body, &format!("/tags/{tag}"));
        }
        if grows_disk(change) {
            // Azure derives these from the size; the old ones would contradict the new size.
            for name in ["tier", "iops", "throughput"] {
                remove(&mut body, &format!("/properties/storage/{name}"));
            }
        }
        // A revision that failed keeps its name, so trying again takes a new one.
        let makes_revision = makes_revision(change) || has_failed(node.kind(), &live);
        if node.kind() == Kind::ContainerApp && makes_revision {
            let suffix = revision_suffix(&body, Some(&live));
            body["properties"]["template"]["revisionSuffix"] = Value::from(suffix);
        }
        if matches!(node.kind(), Kind::ContainerApp | Kind::Job) {
            self.keep_foreign_secrets(node.id(), &mut body).await?;
        }
        if node.kind() == Kind::VaultSecret && !writes_value(change) {
            return self.patch_secret(node, body).await;
        }
        self.put(node, &body, progress).await
    }

    /// Waits until no write to a resource is under way, such as one of a run that was cut off.
    pub(super) async fn settled(
        &self,
        node: &Node,
        mut live: Value,
        progress: &Progress,
    ) -> Result<Value, ApplyError> {
        let began = Instant::now();
        let limit = self.applier.options.deadline;
        while !is_settled(node.kind(), &live) {
            if began.elapsed() > limit {
                let what = format!("the end of a write to {}", node.id().name());
                return Err(ApplyError::TooLong { what, limit });
            }
            progress.tell("waiting for a write that is under way");
            tokio::time::sleep(self.applier.options.look_every).await;
            let version = node.kind().api_version();
            let answer = self.applier.client.get(node.id().as_str(), version).await?;
            live = answer.ok_or_else(|| ApplyError::Gone(node.id().clone()))?;
        }
        Ok(live)
    }

    /// The wanted body, with everything that is known by now.
    pub(super) fn desired(&self, node: &Node) -> Value {
        desired(node, &self.values.snapshot(), self.fingerprints.as_ref())
    }

    pub(super) async fn put(
        &self,
        node: &Node,
        body: &Value,
        progress: &Progress,
    ) -> Result<(), ApplyError> {
        let body = self.values.fill(body).await?;
        let client = self.applier.client;
        let version = node.kind().api_version();
        let operation = client.begin_put(node.id().as_str(), version, &body).await?;
        let teller = progress.clone();
        let live = operation
            .with_deadline(self.applier.options.deadline)
            .on_progress(move |step| teller.tell(&step.status))
            .wait()
            .await?;
        if let Some(live) = live {
            self.values.set_body(node.id(), live);
        }
        match node.kind() {
            Kind::ContainerApp => self.prove_ready(node.id(), progress).await,
            _ => Ok(()),
        }
    }

    /// Gives the secrets that are not ours their values back: a PUT replaces the whole list, and a
    /// secret without a value is refused.
    async fn keep_foreign_secrets(
        &self,
        id: &ResourceId,
        body: &mut Value,
    ) -> Result<(), ApplyError> {
        let pointer = "/properties/configuration/secrets";
        let has_value =
            |secret: &Value| secret.get("value").is_some() || secret.get("keyVaultUrl").is_some();
        let secrets = body.pointer(pointer).and_then(Value::as_array);
        if secrets.is_none_or(|secrets| secrets.iter().all(has_value)) {
            return Ok(());
        }
        let known = list_secrets(self.applier.client, id).await?;
        let secrets = body.pointer_mut(pointer).and_then(Value::as_array_mut);
        for secret in secrets
            .into_iter()
            .flatten()
            .filter(|secret| !has_value(secret))
        {
            let name = secret
                .get("name")
                .and_then(Value::as_str)
                .unwrap_or_default();
            if let Some(value) = known.get(name) {
                secret["value"] = Value::from(value.as_str());
            }
        }
        Ok(())
    }

    /// Waits until the newest revision of an app is ready, when the app ran before or an app that
    /// runs already calls it: callers change only once what they call works. On a first deployment
    /// nobody calls yet.
    async fn prove_ready(&self, id: &ResourceId, progress: &Progress) -> Result<(), ApplyError> {
        let ran_before = |id: &ResourceId| self.snapshot.body(id).is_some();
        let is_called = self.applier.graph.nodes().any(|node| {
            matches!(node.resource(), AnyResource::ContainerApp(app) if app.calls.contains(id))
                && ran_before(node.id())
        });
        if !is_called && !ran_before(id) {
            return Ok(());
        }
        let limit = self.applier.options.deadline.min(Duration::from_mins(15));
        let began = Instant::now();
        let version = Kind::ContainerApp.api_version();
        loop {
            let live = self.applier.client.get(id.as_str(), version).await?;
            let live = live.ok_or_else(|| ApplyError::Gone(id.clone()))?;
            let text = |pointer: &str| {
                live.pointer(pointer)
                    .and_then(Value::as_str)
                    .unwrap_or_default()
                    .to_owned()
            };
            let latest = text("/properties/latestRevisionName");
            if text("/properties/latestReadyRevisionName") == latest {
                return Ok(());
            }
            self.refuse_failed_revision(id, &latest).await?;
            if began.elapsed() > limit {
                let what = format!("the revision {latest} to become ready");
                return Err(ApplyError::TooLong { what, limit });
            }
            progress.tell("waiting for the revision to become ready");
            tokio::time::sleep(self.applier.options.look_every).await;
        }
    }

    /// Ends the wait for a revision that has failed for good.
    async fn refuse_failed_revision(
        &self,
        id: &ResourceId,
        revision: &str,
    ) -> Result<(), ApplyError> {
        let path = id.child("revisions", revision);
        let version = Kind::ContainerApp.api_version();
        let Some(live) = self.applier.client.get(path.as_str(), version).await? else {
            return Ok(());
        };
        let text = |pointer: &str| {
            live.pointer(pointer)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let state = text("/properties/provisioningState");
        if !state.eq_ignore_ascii_case("Failed") {
            return Ok(());
        }
        let reason = text("/properties/provisioningError");
        Err(ApplyError::RevisionFailed {
            revision: revision.to_owned(),
            reason: if reason.is_empty() {
                String::new()
            } else {
                format!(": {reason}")
            },
        })
    }

    /// Starts the job unless a run with the image is under way, and waits for its end.
    async fn run_job(&self, node: &Node, progress: &Progress) -> Result<(), ApplyError> {
        let Some(job) = node.id().parent() else {
            return Err(ApplyError::Gone(node.id().clone()));
        };
        let image = node
            .body()
            .get("image")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let before = self.runs(&job).await?;
        let under_way = best_run(&before, image).filter(|run| run["status"] != "Succeeded");
        let execution = match under_way.as_ref().and_then(|run| run["execution"].as_str()) {
            Some(execution) => execution.to_owned(),
            None => self.start(&job, image, &before).await?,
        };
        self.follow(&job, &execution, progress).await?;
        let run = json!({ "image": image, "status": "Succeeded", "execution": execution });
        self.values.set_body(node.id(), run);
        Ok(())
    }

    async fn runs(&self, job: &ResourceId) -> Result<Vec<Value>, ApplyError> {
        let path = format!("{job}/executions");
        Ok(self
            .applier
            .client
            .list(&path, Kind::Job.api_version())
            .await?)
    }

    async fn start(
        &self,
        job: &ResourceId,
        image: &str,
        before: &[Value],
    ) -> Result<String, ApplyError> {
        let client = self.applier.client;
        let version = Kind::Job.api_version();
        let begun = client
            .begin_post(job.as_str(), "start", version, None)
            .await;
        let answer = match begun {
            Ok(operation) => operation.wait().await,
            Err(error) => Err(error),
        };
        if let Ok(Some(body)) = &answer
            && let Some(name) = body.get("name").and_then(Value::as_str)
        {
            return Ok(name.to_owned());
        }
        // The answer was lost or said nothing; whether a run was started, the list tells.
        let is_new = |run: &Value| {
            before
                .iter()
                .all(|known| known.get("name") != run.get("name"))
        };
        let mut after = self.runs(job).await?;
        after.retain(is_new);
        let started = best_run(&after, image);
        let name = started.as_ref().and_then(|run| run["execution"].as_str());
        match (name, answer) {
            (Some(name), _) => Ok(name.to_owned()),
            (None, Err(error)) => Err(error.into()),
            (None, Ok(_)) => Err(ApplyError::MissingOutput {
                resource: job.clone(),
                pointer: "/name".to_owned(),
            }),
        }
    }

    async fn follow(
        &self,
        job: &ResourceId,
        execution: &str,
        progress: &Progress,
    ) -> Result<(), ApplyError> {
        let id = job.child("executions", execution);
        let limit = self.applier.options.deadline;
        let began = Instant::now();
        loop {
            let version = Kind::JobExecution.api_version();
            let run = self.applier.client.get(id.as_str(), version).await?;
            let run = run.ok_or_else(|| ApplyError::Gone(id.clone()))?;
            let text = |pointer: &str| {
                run.pointer(pointer)
                    .and_then(Value::as_str)
                    .unwrap_or_default()
                    .to_owned()
            };
            let status = text("/properties/status");
            match status.to_ascii_lowercase().as_str() {
                "succeeded" => return Ok(()),
                "failed" | "stopped" | "degraded" => {
                    let reason =
                        [text("/properties/reason"), text("/properties/message")].join(" ");
                    let reason = reason.trim();
                    return Err(ApplyError::JobFailed {
                        job: job.name().to_owned(),
                        execution: execution.to_owned(),
                        status,
                        reason: if reason.is_empty() {
                            String::new()
                        } else {
                            format!(": {reason}")
                        },
                    });
                }
                _ => progress.tell(&status),
            }
            if began.elapsed() > limit {
                let what = format!("the end of the run {execution} of {}", job.name());
                return Err(ApplyError::TooLong { what, limit });
            }
            tokio::time::sleep(self.applier.options.look_every).await;
        }
    }
}

/// Whether a change is about a secret's value.
fn changes_secret(change: &Change) -> bool {
    let prefix = format!("tags.{FINGERPRINT_TAG}-");
    change
        .differences
        .iter()
        .any(|difference| difference.path.starts_with(&prefix))
}

/// Whether a change gives a server another disk.
fn grows_disk(change: &Change) -> bool {
    let mut differences = change.differences.iter();
    differences.any(|difference| difference.path.ends_with("storage.storageSizeGB"))
}

/// Whether a change must make a new revision: what the template holds, or what its containers
/// read only when they start.
fn makes_revision(change: &Change) -> bool {
    changes_secret(change)
        || change.differences.iter().any(|difference| {
            difference.path.starts_with("properties.template")
                || difference
                    .path
                    .starts_with("properties.configuration.secrets")
                || difference.path == format!("tags.{FILES_TAG}")
        })
}

/// Removes the value that a JSON pointer names.
pub(super) fn remove(body: &mut Value, pointer: &str) {
    let Some((parent, name)) = pointer.rsplit_once('/') else {
        return;
    };
    if let Some(Value::Object(fields)) = body.pointer_mut(parent) {
        fields.remove(name);
    }
}
