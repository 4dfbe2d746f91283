//! Putting a name on an app. Names are items of the app's own list, so this is a PATCH of that list,
//! as Microsoft's own client sends it: it makes no revision and needs no secret of the app
//! (Azure/azure-cli containerapp `custom.py`, `patch_new_custom_domain`).

use dify_infra_core::graph::Node;
use dify_infra_core::plan::{custom_domains, domain_of, own_domain};
use dify_infra_core::resource::domain::CustomDomain;
use dify_infra_core::resource::{AnyResource, DOMAIN_TAG, Kind, ResourceId};
use serde_json::{Value, json};

use super::ApplyError;
use super::change::Worker;
use super::run::Progress;

const INGRESS: &str = "/properties/configuration/ingress";

impl Worker<'_> {
    /// Puts the name of a managed certificate on its app without a certificate, which Azure wants
    /// before it issues one.
    pub(super) async fn put_name(
        &self,
        certificate: &Node,
        progress: &Progress,
    ) -> Result<(), ApplyError> {
        let graph = self.applier.graph;
        let is_for = |domain: &&CustomDomain| {
            ResourceId::parse(&domain.certificate_id).is_ok_and(|id| id == *certificate.id())
        };
        let Some(domain) = custom_domains(graph).find(is_for) else {
            return Ok(());
        };
        let (app, live) = self.app_of(domain, progress).await?;
        // The authority asks over http, and the answer must not be a redirect to https
        // (yoshuawuyts/wasm.directory#434).
        let wanted = self.desired(certificate);
        let over_http = wanted["properties"]["domainControlValidation"] == "HTTP";
        let is_open = live.pointer(&format!("{INGRESS}/allowInsecure")) == Some(&json!(true));
        let is_there = domain_of(&live, &domain.name).is_some();
        if is_there && (is_open || !over_http) {
            return Ok(());
        }
        progress.tell("putting the name on the front door");
        let mut domains = domains(&live);
        if !is_there {
            domains.push(json!({ "name": domain.name, "bindingType": "Disabled" }));
        }
        let mut ingress = json!({ "customDomains": domains });
        if over_http {
            ingress["allowInsecure"] = json!(true);
        }
        let body = json!({ "properties": { "configuration": { "ingress": ingress } } });
        self.patch_app(&app, &body, progress).await
    }

    /// Puts a name on its app with its certificate, takes the one of an earlier file off, and notes
    /// the name in a tag.
    pub(super) async fn bind(&self, node: &Node, progress: &Progress) -> Result<(), ApplyError> {
        let AnyResource::CustomDomain(domain) = node.resource() else {
            return Ok(());
        };
        let (app, live) = self.app_of(domain, progress).await?;
        let earlier = own_domain(&live).map(str::to_owned);
        let mut domains = domains(&live);
        domains.retain(|one| {
            let name = one["name"].as_str().unwrap_or_default();
            let is_earlier = earlier
                .as_ref()
                .is_some_and(|earlier| earlier.eq_ignore_ascii_case(name));
            !is_earlier && !name.eq_ignore_ascii_case(&domain.name)
        });
        domains.push(node.body().clone());
        let mut tags = live.get("tags").cloned().unwrap_or_else(|| json!({}));
        tags[DOMAIN_TAG] = json!(domain.name);
        let ingress = json!({ "customDomains": domains, "allowInsecure": false });
        let body = json!({
            "tags": tags,
            "properties": { "configuration": { "ingress": ingress } },
        });
        self.patch_app(&app, &body, progress).await?;
        self.values.set_body(node.id(), node.body().clone());
        Ok(())
    }

    /// The app of a name, with what it is now.
    async fn app_of(
        &self,
        domain: &CustomDomain,
        progress: &Progress,
    ) -> Result<(ResourceId, Value), ApplyError> {
        let app = domain.id.parent();
        let node = app.as_ref().and_then(|app| self.applier.graph.get(app));
        let Some(node) = node else {
            return Err(ApplyError::Gone(domain.id.clone()));
        };
        let version = node.kind().api_version();
        let live = self.applier.client.get(node.id().as_str(), version).await?;
        let live = live.ok_or_else(|| ApplyError::Gone(node.id().clone()))?;
        let live = self.settled(node, live, progress).await?;
        Ok((node.id().clone(), live))
    }

    async fn patch_app(
        &self,
        app: &ResourceId,
        body: &Value,
        progress: &Progress,
    ) -> Result<(), ApplyError> {
        let version = Kind::ContainerApp.api_version();
        let client = self.applier.client;
        let operation = client.begin_patch(app.as_str(), version, body).await?;
        let teller = progress.clone();
        let live = operation
            .with_deadline(self.applier.options.deadline)
            .on_progress(move |step| teller.tell(&step.status))
            .wait()
            .await?;
        if let Some(live) = live {
            self.values.set_body(app, live);
        }
        Ok(())
    }
}

fn domains(app: &Value) -> Vec<Value> {
    let domains = app.pointer(&format!("{INGRESS}/customDomains"));
    domains
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default()
}
