//! What is particular to key vaults: vaults that come back, and secrets that are not written again.

use dify_infra_core::diff::{compare, merge, without_read_only};
use dify_infra_core::graph::Node;
use dify_infra_core::resource::text::texts;
use dify_infra_core::resource::{Kind, OutputReference, Text};
use serde_json::{Value, json};

use super::ApplyError;
use super::change::{Worker, remove};
use super::run::Progress;

impl Worker<'_> {
    /// Brings a deleted vault back, and says of a secret whether it came back as wanted; false for
    /// what has to be made.
    pub(super) async fn comes_back(
        &self,
        node: &Node,
        progress: &Progress,
    ) -> Result<bool, ApplyError> {
        let above = node.id().parent();
        match node.kind() {
            Kind::Vault if self.snapshot.deleted(node.id()).is_some() => {
                self.recover_vault(node, progress).await
            }
            Kind::VaultSecret
                if above.is_some_and(|vault| self.snapshot.deleted(&vault).is_some()) =>
            {
                self.came_back(node).await
            }
            _ => Ok(false),
        }
    }

    async fn recover_vault(&self, node: &Node, progress: &Progress) -> Result<bool, ApplyError> {
        let mut body = self.desired(node);
        // What the vault was set to comes back with it, and is changed afterwards if it differs.
        let properties = json!({
            "tenantId": body["properties"]["tenantId"],
            "sku": body["properties"]["sku"],
            "createMode": "recover",
        });
        body["properties"] = properties;
        progress.tell("bringing the deleted vault back");
        self.put(node, &body, progress).await?;
        let snapshot = self.values.snapshot();
        let live = snapshot.body(node.id()).cloned().unwrap_or_default();
        let wanted = self.desired(node);
        if !compare(node.kind(), &wanted, &live).is_equal() {
            let base = without_read_only(node.kind(), &live);
            let body = merge(node.kind(), &base, &wanted, false);
            self.put(node, &body, progress).await?;
        }
        Ok(true)
    }

    /// Whether a secret that came back is the wanted one. A key of Azure's may have been made anew
    /// meanwhile, so it is always written.
    async fn came_back(&self, node: &Node) -> Result<bool, ApplyError> {
        let client = self.applier.client;
        let version = node.kind().api_version();
        let Some(live) = client.get(node.id().as_str(), version).await? else {
            return Ok(false);
        };
        self.values.set_body(node.id(), live.clone());
        let texts = texts(node.body());
        let mut outputs = texts.iter().flat_map(Text::outputs);
        let follows_key = outputs.any(OutputReference::is_secret);
        Ok(!follows_key && compare(node.kind(), &self.desired(node), &live).is_equal())
    }

    /// Changes tags and attributes of a secret. A PUT would need its value and make a new version.
    pub(super) async fn patch_secret(
        &self,
        node: &Node,
        mut body: Value,
    ) -> Result<(), ApplyError> {
        remove(&mut body, "/properties/value");
        let client = self.applier.client;
        let version = node.kind().api_version();
        let operation = client
            .begin_patch(node.id().as_str(), version, &body)
            .await?;
        if let Some(live) = operation.wait().await? {
            self.values.set_body(node.id(), live);
        }
        Ok(())
    }
}
