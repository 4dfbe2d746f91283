//! Filling in what is only known at the last moment: outputs, keys, secrets.

use std::collections::BTreeMap;
use std::sync::Mutex;

use dify_infra_core::plan::{DnsAnswer, Snapshot};
use dify_infra_core::resource::text::{resolve, texts};
use dify_infra_core::resource::{Kind, OutputReference, Part, ResourceId};
use dify_infra_core::secrets::Secrets;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use super::ApplyError;
use crate::arm::ArmClient;

/// The values that bodies need, asked of Azure once each.
pub(super) struct Values<'a> {
    client: &'a ArmClient,
    secrets: &'a Secrets,
    bodies: Mutex<BTreeMap<ResourceId, Value>>,
    outputs: Mutex<BTreeMap<OutputReference, SecretString>>,
    /// What was learnt of names before the run.
    names: Vec<(String, DnsAnswer)>,
}

impl<'a> Values<'a> {
    pub(super) fn new(client: &'a ArmClient, secrets: &'a Secrets, snapshot: &Snapshot) -> Self {
        let bodies = snapshot
            .resources()
            .filter_map(|(id, _)| Some((id.clone(), snapshot.body(id)?.clone())));
        Self {
            client,
            secrets,
            bodies: Mutex::new(bodies.collect()),
            outputs: Mutex::new(BTreeMap::new()),
            names: snapshot
                .names()
                .map(|(host, answer)| (host.to_owned(), answer.clone()))
                .collect(),
        }
    }

    /// Records what a finished write left behind.
    pub(super) fn set_body(&self, id: &ResourceId, body: Value) {
        if let Ok(mut bodies) = self.bodies.lock() {
            bodies.insert(id.clone(), body);
        }
    }

    /// Forgets a resource that was deleted.
    pub(super) fn forget(&self, id: &ResourceId) {
        if let Ok(mut bodies) = self.bodies.lock() {
            bodies.retain(|known, _| known != id && !known.is_below(id));
        }
        if let Ok(mut outputs) = self.outputs.lock() {
            outputs.retain(|output, _| output.resource() != id && !output.resource().is_below(id));
        }
    }

    /// A snapshot of what is known now, for the planner's functions.
    pub(super) fn snapshot(&self) -> Snapshot {
        let mut snapshot = Snapshot::new();
        for (host, answer) in &self.names {
            snapshot.set_dns(host, answer.clone());
        }
        if let Ok(bodies) = self.bodies.lock() {
            for (id, body) in bodies.iter() {
                snapshot.insert(
                    id.clone(),
                    dify_infra_core::plan::Observed::Present(body.clone()),
                );
            }
        }
        snapshot
    }

    /// A body with every marker replaced by its value.
    pub(super) async fn fill(&self, body: &Value) -> Result<Value, ApplyError> {
        for text in texts(body) {
            for output in text.outputs() {
                self.fetch(output).await?;
            }
            if let Some(name) = text
                .secret_names()
                .find(|name| self.secrets.get((*name).clone()).is_none())
            {
                return Err(ApplyError::MissingSecret(name.clone()));
            }
        }
        Ok(resolve(body, &|part| self.look_up(part)))
    }

    fn look_up(&self, part: &Part) -> Option<String> {
        match part {
            Part::Literal(text) => Some(text.clone()),
            Part::Secret(name, _) => {
                Some(self.secrets.get(name.clone())?.expose_secret().to_owned())
            }
            Part::Output(output, _) => Some(
                self.outputs
                    .lock()
                    .ok()?
                    .get(output)?
                    .expose_secret()
                    .to_owned(),
            ),
        }
    }

    /// Asks for an output, unless it is known.
    async fn fetch(&self, output: &OutputReference) -> Result<(), ApplyError> {
        if self
            .outputs
            .lock()
            .is_ok_and(|outputs| outputs.contains_key(output))
        {
            return Ok(());
        }
        let resource = output.resource();
        let version = Kind::from_type(&resource.resource_type()).map_or("", Kind::api_version);
        let (answer, pointer) = match output {
            OutputReference::Property { pointer, .. } => {
                (self.body(resource, version).await?, pointer)
            }
            OutputReference::Action {
                action, pointer, ..
            } => {
                let id = resource.as_str();
                (
                    self.client.post_action(id, action, version, None).await?,
                    pointer,
                )
            }
        };
        let value = match answer.pointer(pointer) {
            Some(Value::String(text)) if !text.is_empty() => text.clone(),
            Some(Value::Number(number)) => number.to_string(),
            _ => {
                return Err(ApplyError::MissingOutput {
                    resource: resource.clone(),
                    pointer: pointer.clone(),
                });
            }
        };
        if let Ok(mut outputs) = self.outputs.lock() {
            outputs.insert(output.clone(), SecretString::from(value));
        }
        Ok(())
    }

    async fn body(&self, id: &ResourceId, version: &str) -> Result<Value, ApplyError> {
        let known = self
            .bodies
            .lock()
            .ok()
            .and_then(|bodies| bodies.get(id).cloned());
        if let Some(body) = known {
            return Ok(body);
        }
        let body = self.client.get(id.as_str(), version).await?;
        body.ok_or_else(|| ApplyError::Gone(id.clone()))
    }
}
